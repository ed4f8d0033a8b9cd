//! What a file is, by its content.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::OnceLock;

use heirloom_picture::{metadata, photo};
use heirloom_vault::{ObjectId, Vault, VaultError};

use crate::catalogue::{Catalogue, Media, Picture};
use crate::clip::Clips;

/// Larger photograph files are not read: no camera writes them.
const LARGEST_PHOTOGRAPH: u64 = 1 << 30;
/// Longest caption that is taken from a sidecar, in characters.
const LONGEST_CAPTION: usize = 2000;
/// Endings by which people tell pictures from other files.
const PICTURE_ENDINGS: [&str; 30] = [
    "jpg", "jpeg", "jpe", "png", "mp4", "mov", "m4v", "tif", "tiff", "heic", "heif", "webp", "gif", "bmp",
    "avif", "jxl", "exr", "hdr", "pic", "dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "orf", "rw2", "raf",
    "pef",
];

/// What a first look at a file says.
pub(crate) enum Look {
    /// A picture that the vault has.
    Known(ObjectId),
    /// A photograph it does not have; decoding it takes so many bytes of memory.
    Photograph { weight: u64 },
    /// A clip it does not have.
    Clip,
    /// Meant as a picture, but not to be read, and why.
    Unreadable(String),
    /// No picture, and not meant as one.
    SomethingElse,
}

/// Looks at a file's first bytes, its hash, and a photograph's header.
pub(crate) fn look(path: &Path, file_name: &str, catalogue: &Catalogue) -> Look {
    look_closely(path, file_name, catalogue).unwrap_or_else(|e| Look::Unreadable(unreadable(file_name, &e)))
}

fn unreadable(file_name: &str, error: &io::Error) -> String {
    format!("{file_name} could not be read ({error}): see that it is there and may be read")
}

fn look_closely(path: &Path, file_name: &str, catalogue: &Catalogue) -> io::Result<Look> {
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    file.by_ref().take(64).read_to_end(&mut start)?;
    let (is_photograph, is_clip) = (photo::format_by_content(&start).is_some(), is_clip(&start));
    if !is_photograph && !is_clip {
        let ending = Path::new(file_name)
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default();
        let meant = PICTURE_ENDINGS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(ending));
        return Ok(match photo::inspect(&start, file_name) {
            Err(error) if meant => Look::Unreadable(error.to_string()),
            Err(error @ photo::PhotoError::NotAPhotograph { known: Some(_), .. }) => {
                Look::Unreadable(error.to_string())
            }
            _ => Look::SomethingElse,
        });
    }
    let object = ObjectId::of_reader(start.as_slice().chain(file))?;
    if catalogue.pictures.contains_key(&object) {
        return Ok(Look::Known(object));
    }
    if is_clip {
        return Ok(Look::Clip);
    }
    let len = fs::metadata(path)?.len();
    if len > LARGEST_PHOTOGRAPH {
        let why =
            format!("{file_name} is larger than a gibibyte: if it is a real photograph, scale it down first");
        return Ok(Look::Unreadable(why));
    }
    Ok(match photo::inspect(&fs::read(path)?, file_name) {
        // The file, its samples (at most 8 bytes a pixel) and the floats (16) lie in memory together.
        Ok(info) => Look::Photograph {
            weight: len + u64::from(info.width) * u64::from(info.height) * 24,
        },
        Err(error) => Look::Unreadable(error.to_string()),
    })
}

/// Whether a file begins as mp4 and mov files do, and is none of the still pictures that begin alike.
fn is_clip(start: &[u8]) -> bool {
    let kind = start.get(4..8).unwrap_or_default();
    let brand = start.get(8..12).unwrap_or_default();
    let still: [&[u8]; 9] = [
        b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"crx ",
    ];
    match kind {
        b"ftyp" => !still.contains(&brand),
        b"moov" | b"mdat" | b"wide" | b"free" | b"skip" | b"pnot" => true,
        _ => false,
    }
}

/// Why a file was not taken in: for a reason of its own, or because nothing can be.
pub(crate) enum Refused {
    /// This file is skipped.
    Skipped(String),
    /// The vault cannot take anything.
    Vault(VaultError),
}

impl From<VaultError> for Refused {
    fn from(error: VaultError) -> Self {
        Refused::Vault(error)
    }
}

/// Decodes a photograph from end to end, to find damage now and not in the midst of making, and keeps it.
pub(crate) fn keep_photograph(
    vault: &Vault,
    path: &Path,
    file_name: &str,
) -> Result<(ObjectId, Picture, Vec<String>), Refused> {
    let bytes = fs::read(path).map_err(|e| Refused::Skipped(unreadable(file_name, &e)))?;
    let info = photo::decode(&bytes, file_name)
        .map_err(|e| Refused::Skipped(e.to_string()))?
        .info;
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
        metadata: metadata::read(&bytes).0,
    };
    Ok((vault.put_bytes(&bytes)?, picture, info.warnings))
}

/// Asks ffmpeg about a clip, and keeps it.
pub(crate) fn keep_clip(
    vault: &Vault,
    clips: &OnceLock<Clips>,
    path: &Path,
    file_name: &str,
) -> Result<(ObjectId, Picture, Vec<String>), Refused> {
    let picture = clips
        .get_or_init(Clips::find)
        .look(path, file_name)
        .map_err(Refused::Skipped)?;
    Ok((vault.put_file(path)?.0, picture, Vec::new()))
}

/// What is to be seen: from `NAME.txt` or `NAME.jpg.txt` beside it, or else the file's name in words.
pub(crate) fn caption(path: &Path, stem: &str) -> String {
    let mut with_ending = path.as_os_str().to_owned();
    with_ending.push(".txt");
    let sidecars = [path.with_extension("txt"), with_ending.into()];
    let text = sidecars.iter().find_map(|sidecar| {
        let mut text = Vec::new();
        File::open(sidecar)
            .ok()?
            .take(64 << 10)
            .read_to_end(&mut text)
            .ok()?;
        let text = String::from_utf8_lossy(&text);
        let text = text
            .trim_start_matches('\u{feff}')
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        Some(text.chars().take(LONGEST_CAPTION).collect::<String>()).filter(|text| !text.is_empty())
    });
    text.unwrap_or_else(|| {
        stem.replace(['-', '_'], " ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    })
}
