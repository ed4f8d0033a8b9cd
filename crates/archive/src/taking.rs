//! One file taken in, in one pass: read once, hashed once, decoded small, looked at, kept.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::OnceLock;

use heirloom_picture::preview::{self, Decoder, Preview};
use heirloom_picture::{metadata, photo};
use heirloom_vault::{Hashed, ObjectId, Vault, VaultError};

use crate::add::AddError;
use crate::catalogue::{Media, Picture};
use crate::clip::{self, Clips};
use crate::gate::Gate;
use crate::index::Index;
use crate::look::{Kind, START, kind, unreadable};
use crate::seen::{PROXY_SIDE, Seen, THUMBNAIL_SIDE};

/// Larger photograph files are not read: no camera writes them.
const LARGEST_PHOTOGRAPH: u64 = 1 << 30;
/// Memory that files being read may take together, in bytes. A larger one is read alone.
const FILES: u64 = 160 << 20;
/// Memory that pictures being decoded may take together, in bytes. A larger one is decoded alone.
const PIXELS: u64 = 512 << 20;
/// Qualities of the small pictures, as libjpeg counts them.
const PROXY_QUALITY: u8 = 85;
const THUMBNAIL_QUALITY: u8 = 80;

/// What files are taken in with. Used by many threads at once.
///
/// A file's bytes are taken from one gate and the memory to decode it from another, always in this order: who holds of
/// the second waits for nobody, so that none waits for ever.
pub(crate) struct Taking<'a> {
    vault: &'a Vault,
    index: &'a Index,
    clips: OnceLock<Clips>,
    files: Gate,
    pixels: Gate,
}

/// What became of a file.
#[derive(Debug)]
pub(crate) enum Taken {
    /// A picture that the archive has.
    Known(ObjectId),
    /// A picture it did not have, which now lies in the vault.
    New(Box<New>),
    /// Meant as a picture, and did not come in, and why.
    Skipped(String),
    /// No picture, and not meant as one.
    SomethingElse,
}

/// A picture that came in. Its name in the vault is to be settled before an act speaks of it.
#[derive(Debug)]
pub(crate) struct New {
    pub object: ObjectId,
    pub picture: Picture,
    /// `None` where it could not be looked at; a warning says why.
    pub seen: Option<Seen>,
    pub warnings: Vec<String>,
}

impl<'a> Taking<'a> {
    pub fn new(vault: &'a Vault, index: &'a Index) -> Self {
        Self {
            vault,
            index,
            clips: OnceLock::new(),
            files: Gate::new(FILES),
            pixels: Gate::new(PIXELS),
        }
    }

    /// Takes in one file, unless it is one of the `known`.
    pub fn file(
        &self,
        decoder: &mut Decoder,
        path: &Path,
        file_name: &str,
        known: &BTreeSet<ObjectId>,
    ) -> Result<Taken, AddError> {
        let taken = File::open(path).and_then(|mut file| {
            let len = file.metadata()?.len();
            let mut start = Vec::with_capacity(START);
            Read::by_ref(&mut file)
                .take(START as u64)
                .read_to_end(&mut start)?;
            Ok(match kind(&start, file_name) {
                Kind::Photograph if len > LARGEST_PHOTOGRAPH => Ok(Taken::Skipped(format!(
                    "{file_name} is larger than a gibibyte: if it is a real photograph, scale it down first"
                ))),
                Kind::Photograph => {
                    let _memory = self.files.take(len);
                    let mut bytes = Vec::with_capacity(len as usize + 1);
                    bytes.extend_from_slice(&start);
                    // No more than was seen, should the file grow meanwhile.
                    file.take(LARGEST_PHOTOGRAPH).read_to_end(&mut bytes)?;
                    self.photograph(decoder, &bytes, file_name, known)
                }
                Kind::Clip => {
                    let object = ObjectId::of_reader(start.as_slice().chain(file))?;
                    if known.contains(&object) {
                        Ok(Taken::Known(object))
                    } else {
                        self.clip(path, file_name)
                    }
                }
                Kind::Unreadable(why) => Ok(Taken::Skipped(why)),
                Kind::SomethingElse => Ok(Taken::SomethingElse),
            })
        });
        match taken {
            Ok(taken) => taken,
            Err(error) => Ok(Taken::Skipped(unreadable(file_name, &error))),
        }
    }

    /// Decodes a photograph from end to end, to find damage now and not in the midst of making; looks at it; keeps it.
    fn photograph(
        &self,
        decoder: &mut Decoder,
        bytes: &[u8],
        file_name: &str,
        known: &BTreeSet<ObjectId>,
    ) -> Result<Taken, AddError> {
        let hashed = Hashed::of(bytes);
        if known.contains(&hashed.id()) {
            return Ok(Taken::Known(hashed.id()));
        }
        let (info, proxy) = match self.decode(decoder, bytes, file_name) {
            Ok(decoded) => decoded,
            Err(error) => return Ok(Taken::Skipped(error.to_string())),
        };
        let (metadata, unclear) = metadata::read(bytes);
        let mut warnings = info.warnings;
        warnings.extend(unclear);
        warnings.dedup();
        let picture = Picture {
            media: Media::Photograph,
            format: info.format.name().to_owned(),
            width: info.width,
            height: info.height,
            orientation: Some(info.orientation),
            bit_depth: Some(info.bit_depth),
            taken: info.taken,
            profile: info.profile,
            rate: None,
            frames: None,
            metadata,
        };
        self.vault.put_hashed_of_many(&hashed)?;
        let object = hashed.id();
        let seen = self.look(&object, &proxy, &picture, &mut warnings)?;
        Ok(Taken::New(Box::new(New {
            object,
            picture,
            seen,
            warnings,
        })))
    }

    fn decode(
        &self,
        decoder: &mut Decoder,
        bytes: &[u8],
        name: &str,
    ) -> Result<(photo::PhotoInfo, Preview), photo::PhotoError> {
        let info = photo::inspect(bytes, name)?;
        let _memory = self.pixels.take(preview::memory(&info, PROXY_SIDE));
        if matches!(info.format, photo::Format::Exr | photo::Format::Hdr) {
            // What is found in light that is no number is warned of too.
            let photo = photo::decode(bytes, name)?;
            return Ok((photo.info, Preview::of_image(&photo.image, PROXY_SIDE)));
        }
        let proxy = decoder.decode(bytes, name, PROXY_SIDE)?;
        Ok((info, proxy))
    }

    /// Asks ffmpeg about a clip, keeps it, and looks at the frame in its middle.
    fn clip(&self, path: &Path, file_name: &str) -> Result<Taken, AddError> {
        let clips = self.clips.get_or_init(Clips::find);
        let picture = match clips.look(path, file_name) {
            Ok(picture) => picture,
            Err(why) => return Ok(Taken::Skipped(why)),
        };
        // Named by what is copied, should the file have changed since it was hashed.
        let object = match self.copy(path)? {
            Ok(object) => object,
            Err(error) => return Ok(Taken::Skipped(unreadable(file_name, &error))),
        };
        let mut warnings = Vec::new();
        let seen = self.look_at_clip(&object, path, file_name, &picture, &mut warnings)?;
        Ok(Taken::New(Box::new(New {
            object,
            picture,
            seen,
            warnings,
        })))
    }

    /// The object that a file was copied into, or why the file could not be read.
    fn copy(&self, path: &Path) -> Result<io::Result<ObjectId>, VaultError> {
        let mut writer = self.vault.writer()?;
        let mut buffer = vec![0; 1 << 18];
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    let written = writer.write_all(buffer.get(..n).unwrap_or_default());
                    written.map_err(|e| writer.fault(e))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        writer.keep().map(|(object, _, _)| Ok(object))
    }

    fn look_at_clip(
        &self,
        object: &ObjectId,
        path: &Path,
        file_name: &str,
        clip: &Picture,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Seen>, AddError> {
        let middle = {
            let _memory = self.pixels.take(clip::memory(clip));
            let clips = self.clips.get_or_init(Clips::find);
            clips.middle(path, file_name, clip)
        };
        match middle {
            Ok(proxy) => self.look(object, &proxy, clip, warnings),
            Err(why) => {
                warnings.push(format!(
                    "the frame in its middle could not be decoded, so that it has no thumbnail and is not found by its look: {why}"
                ));
                Ok(None)
            }
        }
    }

    /// Looks at a proxy, and writes it and its thumbnail where the index has them.
    fn look(
        &self,
        object: &ObjectId,
        proxy: &Preview,
        picture: &Picture,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Seen>, AddError> {
        let thumbnail = proxy.scaled(THUMBNAIL_SIDE);
        let (Some(whole), Some(small)) = (proxy.view(), thumbnail.view()) else {
            return Ok(None);
        };
        let seen = Seen::of(&whole, &small, picture.width, picture.height);
        let coded = thumbnail
            .to_jpeg(THUMBNAIL_QUALITY)
            .and_then(|small| Ok((proxy.to_jpeg(PROXY_QUALITY)?, small)));
        match coded {
            Ok((proxy, small)) => {
                self.index.write_small(&self.index.proxy_path(object), &proxy)?;
                self.index
                    .write_small(&self.index.thumbnail_path(object), &small)?;
            }
            Err(error) => warnings.push(error.to_string()),
        }
        Ok(Some(seen))
    }

    /// Looks once more at a picture that is in the vault. `None` where it cannot be looked at; a warning says why.
    pub fn again(
        &self,
        decoder: &mut Decoder,
        object: &ObjectId,
        name: &str,
        picture: &Picture,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Seen>, AddError> {
        let path = self.vault.path(object);
        if picture.media == Media::Clip {
            if !self.vault.contains(object) {
                warnings.push(VaultError::Missing { id: *object, path }.to_string());
                return Ok(None);
            }
            return self.look_at_clip(object, &path, name, picture, warnings);
        }
        let _memory = self.files.take(fs::metadata(&path).map_or(0, |m| m.len()));
        let decoded = self
            .vault
            .read(object)
            .map_err(|e| e.to_string())
            .and_then(|bytes| self.decode(decoder, &bytes, name).map_err(|e| e.to_string()));
        match decoded {
            Ok((_, proxy)) => self.look(object, &proxy, picture, warnings),
            Err(why) => {
                warnings.push(why);
                Ok(None)
            }
        }
    }
}
