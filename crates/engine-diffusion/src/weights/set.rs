//! One file, or several with an index, as one set of tensors.

use super::header::shortened;
use super::map::map;
use super::{Entry, HeaderError, TensorView, read_header};
use memmap2::Mmap;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest index that is read.
const MOST_INDEX_BYTES: u64 = 64_000_000;

/// Tensors by name, out of one file or several.
#[derive(Debug)]
pub struct Weights {
    files: Vec<Shard>,
    places: BTreeMap<String, (usize, Entry)>,
    metadata: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    data_begin: usize,
    map: Mmap,
}

/// A number that no weight may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadNumber {
    /// The tensor's name.
    pub tensor: String,
    /// The number's place in it, in the order of the file.
    pub place: usize,
    /// The file.
    pub file: PathBuf,
}

/// Weights that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// A file that is not there, or not for us to read.
    #[error("{} could not be read ({source}): check the path and its permissions", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A kind of file that is never read.
    #[error(
        "{} is a pickle file, which can run code when it is read, so it never is: get the model's safetensors files, or \
         convert it once with a program that you trust", path.display()
    )]
    Pickle {
        /// The file.
        path: PathBuf,
    },
    /// A file whose header cannot be trusted.
    #[error("{}: {source}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: HeaderError,
    },
    /// An index that cannot be used.
    #[error("{}: the index cannot be used ({why}): copy or download it again", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Files that the index names and that are not there.
    #[error(
        "{} of the model's {of} files are missing in {}: {}. Copy or download them into that folder",
        names.len(), folder.display(), names.join(", ")
    )]
    MissingShards {
        /// Where they should be.
        folder: PathBuf,
        /// The missing files.
        names: Vec<String>,
        /// How many there should be.
        of: usize,
    },
    /// A folder with no weights.
    #[error(
        "there is no safetensors file in {} (looked for {wanted}): copy or download the model's weights there",
        folder.display()
    )]
    NoWeights {
        /// The folder.
        folder: PathBuf,
        /// What was looked for.
        wanted: String,
    },
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Weights {
    /// Opens one file.
    ///
    /// # Errors
    /// [`WeightsError`]: not there, a pickle, or a header that cannot be trusted.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let mut set = Self {
            files: Vec::new(),
            places: BTreeMap::new(),
            metadata: BTreeMap::new(),
        };
        let tensors = set.add(path)?;
        set.places = tensors
            .into_iter()
            .map(|(name, entry)| (name, (0, entry)))
            .collect();
        Ok(set)
    }

    /// Opens the files that an index (`….safetensors.index.json`) names, which lie beside it.
    ///
    /// # Errors
    /// [`WeightsError`]: all missing files at once; an index and files that do not agree.
    pub fn open_index(path: &Path) -> Result<Self, WeightsError> {
        let wrong = |why: String| WeightsError::Index {
            path: path.to_owned(),
            why,
        };
        let text = read_limited(path, MOST_INDEX_BYTES)?
            .ok_or_else(|| wrong(format!("it is longer than {MOST_INDEX_BYTES} bytes")))?;
        let index: Index = serde_json::from_slice(&text).map_err(|e| wrong(shortened(&e.to_string())))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let names: BTreeSet<&String> = index.weight_map.values().collect();
        if names.is_empty() {
            return Err(wrong("it names no file".into()));
        }
        if let Some(name) = names.iter().find(|name| !is_plain(name)) {
            return Err(wrong(format!(
                "\"{}\" is no plain name of a safetensors file",
                shortened(name)
            )));
        }
        let missing: Vec<String> = names
            .iter()
            .filter(|name| !folder.join(name).is_file())
            .map(|name| name.to_string())
            .collect();
        if !missing.is_empty() {
            return Err(WeightsError::MissingShards {
                folder: folder.to_owned(),
                names: missing,
                of: names.len(),
            });
        }
        let mut set = Self {
            files: Vec::new(),
            places: BTreeMap::new(),
            metadata: BTreeMap::new(),
        };
        for (number, name) in names.iter().enumerate() {
            for (tensor, entry) in set.add(&folder.join(name))? {
                match index.weight_map.get(&tensor) {
                    Some(said) if said == *name => {
                        set.places.insert(tensor, (number, entry));
                    }
                    Some(said) => {
                        return Err(wrong(format!(
                            "it says that \"{}\" is in {said}, and it is in {name}",
                            shortened(&tensor)
                        )));
                    }
                    None => {
                        return Err(wrong(format!(
                            "it does not name \"{}\", which is in {name}",
                            shortened(&tensor)
                        )));
                    }
                }
            }
        }
        if let Some((tensor, name)) = index
            .weight_map
            .iter()
            .find(|(tensor, _)| !set.places.contains_key(*tensor))
        {
            return Err(wrong(format!(
                "\"{}\" is not in {name}, where it says it is",
                shortened(tensor)
            )));
        }
        Ok(set)
    }

    /// Opens the weights of one part of a model in the diffusers layout: `STEM.safetensors`, or the shards of
    /// `STEM.safetensors.index.json`, in `folder`. `stem` is `diffusion_pytorch_model` for transformers and
    /// autoencoders, `model` for text encoders.
    ///
    /// # Errors
    /// [`WeightsError`]; where there are only pickle files, it says so.
    pub fn open_part(folder: &Path, stem: &str) -> Result<Self, WeightsError> {
        let index = folder.join(format!("{stem}.safetensors.index.json"));
        let one = folder.join(format!("{stem}.safetensors"));
        if index.is_file() {
            return Self::open_index(&index);
        }
        if one.is_file() {
            return Self::open(&one);
        }
        let listed = std::fs::read_dir(folder).map_err(|source| WeightsError::Io {
            path: folder.to_owned(),
            source,
        })?;
        match listed.flatten().map(|e| e.path()).find(|p| is_pickle(p)) {
            Some(path) => Err(WeightsError::Pickle { path }),
            None => Err(WeightsError::NoWeights {
                folder: folder.to_owned(),
                wanted: format!("{stem}.safetensors and {stem}.safetensors.index.json"),
            }),
        }
    }

    fn add(&mut self, path: &Path) -> Result<BTreeMap<String, Entry>, WeightsError> {
        if is_pickle(path) {
            return Err(WeightsError::Pickle {
                path: path.to_owned(),
            });
        }
        let io = |source| WeightsError::Io {
            path: path.to_owned(),
            source,
        };
        let wrong = |source| WeightsError::Header {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        let about = file.metadata().map_err(io)?;
        if !about.is_file() {
            return Err(io(std::io::Error::other("it is not a file")));
        }
        if about.len() < 8 {
            return Err(wrong(HeaderError::Short { bytes: about.len() }));
        }
        let map = map(&file).map_err(io)?;
        let header = read_header(&map, map.len() as u64).map_err(wrong)?;
        // It was held against the map's own length, so it fits.
        let data_begin = usize::try_from(header.data_begin).unwrap_or(usize::MAX);
        self.metadata.extend(header.metadata);
        self.files.push(Shard {
            path: path.to_owned(),
            data_begin,
            map,
        });
        Ok(header.tensors)
    }

    /// The same tensors under other names: `names` gives each tensor's new name by its old one; a tensor that it does not
    /// name is left out.
    #[must_use]
    pub fn renamed(mut self, names: &BTreeMap<String, String>) -> Self {
        let old = std::mem::take(&mut self.places);
        self.places = old
            .into_iter()
            .filter_map(|(name, place)| Some((names.get(&name)?.clone(), place)))
            .collect();
        self
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<TensorView<'_>> {
        let (file, entry) = self.places.get(name)?;
        let shard = self.files.get(*file)?;
        let begin = shard.data_begin.checked_add(usize::try_from(entry.begin).ok()?)?;
        let end = shard.data_begin.checked_add(usize::try_from(entry.end).ok()?)?;
        Some(TensorView {
            dtype: entry.dtype,
            shape: &entry.shape,
            bytes: shard.map.get(begin..end)?,
        })
    }

    /// Every tensor's name and entry, by name.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&str, &Entry)> {
        self.places
            .iter()
            .map(|(name, (_, entry))| (name.as_str(), entry))
    }

    /// The files' own notes, put together.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The files, in the order of their names.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.files.iter().map(|shard| shard.path.as_path())
    }

    /// Bytes of all tensors.
    pub fn bytes(&self) -> u64 {
        self.places
            .values()
            .map(|(_, entry)| entry.end - entry.begin)
            .sum()
    }

    /// Looks for infinities and what is no number, reading every byte: some seconds for a large model.
    pub fn first_bad_number(&self) -> Option<BadNumber> {
        self.places.iter().find_map(|(name, (file, _))| {
            let place = self.get(name)?.first_not_finite()?;
            Some(BadNumber {
                tensor: name.clone(),
                place,
                file: self.files.get(*file)?.path.clone(),
            })
        })
    }
}

impl std::fmt::Display for BadNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: number {} of \"{}\" is infinite or no number: the file is damaged; copy or download it again",
            self.file.display(),
            self.place,
            shortened(&self.tensor)
        )
    }
}

/// Whether a file's ending is that of a pickle.
pub(crate) fn is_pickle(path: &Path) -> bool {
    let ending = path
        .extension()
        .and_then(OsStr::to_str)
        .map(str::to_ascii_lowercase);
    matches!(
        ending.as_deref(),
        Some("pth" | "pt" | "bin" | "ckpt" | "pkl" | "pickle")
    )
}

/// A name that stays in its folder, on any system.
fn is_plain(name: &str) -> bool {
    name.ends_with(".safetensors") && !name.contains(['/', '\\', ':', '\0']) && !name.starts_with('.')
}

/// A file's bytes, or none where it is longer than `most`.
pub(crate) fn read_limited(path: &Path, most: u64) -> Result<Option<Vec<u8>>, WeightsError> {
    let io = |source| WeightsError::Io {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(io)?
        .take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}
