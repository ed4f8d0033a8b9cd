//! The list of models in use, with what was noted when each was added.

use super::licence::{Licence, LicenceFrom};
use super::look::{Found, Layout, LookError, look};
use super::loras::ListedLora;
use crate::wan::Takes;
use crate::weights::{Weights, shortened};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Form of the file; raised when an older program could not read it.
const FORM: u32 = 1;
/// Longest list that is read.
const MOST_BYTES: u64 = 64_000_000;
/// Longest name of a model.
const LONGEST_NAME: usize = 100;

/// A file of a model, as it was when the model was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its path within the model's folder, with `/` on every system.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its BLAKE3 hash, in hexadecimal.
    pub blake3: String,
}

/// A model that is in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// What people call it.
    pub name: String,
    /// BLAKE3 over the names and hashes of all its files: this is what a request names.
    pub id: String,
    /// Where it lies.
    pub folder: PathBuf,
    /// How it is laid out.
    pub layout: Layout,
    /// What it is, for people.
    pub title: String,
    /// Whether it can hold frames at the beginning of a clip. Lists of programs that knew no such model do not say it.
    #[serde(default)]
    pub holds_frames: bool,
    /// What it takes beside words. Lists of programs that knew words alone do not say it.
    #[serde(default)]
    pub takes: Takes,
    /// The weights' licence, and who says so.
    pub licence: Licence,
    /// Its files, by path.
    pub files: Vec<FileRecord>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    form: u32,
    models: Vec<Model>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    loras: Vec<ListedLora>,
}

/// The list, in one JSON file.
#[derive(Clone, Debug)]
pub struct ModelList {
    path: PathBuf,
    pub(super) models: Vec<Model>,
    pub(super) loras: Vec<ListedLora>,
}

/// Something that is not as it was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The model's name.
    pub model: String,
    /// What is wrong, with the mend.
    pub what: String,
}

/// A list that could not be used, or a model that could not be added.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// Reading or writing.
    #[error("{} could not be read or written ({source}): check the path and its permissions", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No list.
    #[error("{} is no list of models ({why}): mend it, or move it away and add the models again", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The folder is not whole.
    #[error("{} is not whole: {}", folder.display(), problems.join("; "))]
    NotWhole {
        /// The folder.
        folder: PathBuf,
        /// All that is missing or wrong.
        problems: Vec<String>,
    },
    /// Nobody says under which terms the weights may be used.
    #[error(
        "{} does not say under which licence its weights are: find it where you got them, and state it \
         (apache-2.0 for Wan 2.1 and 2.2)", folder.display()
    )]
    NoLicence {
        /// The folder.
        folder: PathBuf,
    },
    /// A name or a folder that is in the list already.
    #[error("\"{name}\" is in the list already, for {}: forget it first, or give another name", folder.display())]
    Known {
        /// The name.
        name: String,
        /// Its folder.
        folder: PathBuf,
    },
    /// A name that cannot be.
    #[error(
        "\"{name}\" cannot be a name: use 1 to {LONGEST_NAME} letters, digits, dots, dashes and underscores"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// A name that is not in the list.
    #[error("there is none called \"{name}\"{}", known(names))]
    Unknown {
        /// The name.
        name: String,
        /// Those that there are.
        names: Vec<String>,
    },
    /// A LoRA that no model on the list can use.
    #[error("{} fits no model on the list ({why})", path.display())]
    NoFit {
        /// The LoRA.
        path: PathBuf,
        /// Why it does not fit the first of them.
        why: String,
    },
    /// Stopped by the caller.
    #[error("stopped; nothing was added")]
    Stopped,
}

fn known(names: &[String]) -> String {
    if names.is_empty() {
        return ": none was added yet".into();
    }
    format!(": there are {}", names.join(", "))
}

impl ModelList {
    /// Opens the list at this path; where there is no file yet, it is empty.
    ///
    /// # Errors
    /// [`ListError`] where it cannot be read, or is no list.
    pub fn open(path: &Path) -> Result<Self, ListError> {
        let io = |source| ListError::Io {
            path: path.to_owned(),
            source,
        };
        let form = |why: String| ListError::Form {
            path: path.to_owned(),
            why,
        };
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(file) => file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(io)?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self {
                    path: path.to_owned(),
                    models: Vec::new(),
                    loras: Vec::new(),
                });
            }
            Err(e) => return Err(io(e)),
        };
        if bytes.len() as u64 > MOST_BYTES {
            return Err(form("it is too long".into()));
        }
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|e| form(shortened(&e.to_string())))?;
        if kept.form != FORM {
            return Err(form(format!(
                "its form is {}, and this program knows {FORM}",
                kept.form
            )));
        }
        if let Some(model) = kept
            .models
            .iter()
            .find(|m| m.files.iter().any(|f| !inside(&f.path)))
        {
            return Err(form(format!(
                "\"{}\" names a file outside its folder",
                shortened(&model.name)
            )));
        }
        Ok(Self {
            path: path.to_owned(),
            models: kept.models,
            loras: kept.loras,
        })
    }

    /// The models, by name.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The model of this name.
    ///
    /// # Errors
    /// [`ListError::Unknown`], which names those that there are.
    pub fn get(&self, name: &str) -> Result<&Model, ListError> {
        self.models
            .iter()
            .find(|m| m.name == name)
            .ok_or_else(|| ListError::Unknown {
                name: shortened(name),
                names: self.models.iter().map(|m| m.name.clone()).collect(),
            })
    }

    /// Adds a model that [`look`] found whole: hashes all its files and writes the list. `name` is the folder's own
    /// where none is given; `licence` is what the user states, and goes before what the folder says. `progress` is told
    /// bytes done and bytes in all, and stops the work by answering false.
    ///
    /// # Errors
    /// [`ListError`]; the list is unchanged then.
    pub fn add(
        &mut self,
        found: &Found,
        name: Option<&str>,
        licence: Option<&str>,
        mut progress: impl FnMut(u64, u64) -> bool,
    ) -> Result<&Model, ListError> {
        if !found.problems.is_empty() {
            return Err(ListError::NotWhole {
                folder: found.folder.clone(),
                problems: found.problems.clone(),
            });
        }
        let own = found
            .folder
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let name = name.unwrap_or(&own);
        if !is_name(name) {
            return Err(ListError::Name {
                name: shortened(name),
            });
        }
        if let Some(known) = self
            .models
            .iter()
            .find(|m| m.name == name || m.folder == found.folder)
        {
            return Err(ListError::Known {
                name: known.name.clone(),
                folder: known.folder.clone(),
            });
        }
        if let Some(lora) = self.loras.iter().find(|lora| lora.name == name) {
            return Err(ListError::Known {
                name: lora.name.clone(),
                folder: lora.path.clone(),
            });
        }
        let stated = licence.map(str::trim).filter(|l| !l.is_empty());
        let licence = stated
            .map(|l| Licence {
                name: shortened(l).to_lowercase(),
                from: LicenceFrom::Stated,
            })
            .or_else(|| found.licence.clone())
            .ok_or_else(|| ListError::NoLicence {
                folder: found.folder.clone(),
            })?;
        let files = hashed(&found.folder, &found.files(), &mut progress)?;
        let model = Model {
            name: name.to_owned(),
            id: id(&files),
            folder: found.folder.clone(),
            layout: found.layout,
            title: found.title.clone(),
            holds_frames: found.holds_frames,
            takes: found.takes,
            licence,
            files,
        };
        let mut models = self.models.clone();
        let place = models.partition_point(|m| m.name.as_str() < name);
        let loras = self.loras_with(&model);
        models.insert(place, model);
        self.write(models, loras)?;
        self.models.get(place).ok_or(ListError::Stopped)
    }

    /// Takes a model off the list. Its files stay.
    ///
    /// # Errors
    /// [`ListError`]: no such model, or the list could not be written.
    pub fn forget(&mut self, name: &str) -> Result<Model, ListError> {
        let gone = self.get(name)?.clone();
        let models = self.models.iter().filter(|m| m.name != name).cloned().collect();
        let mut loras = self.loras.clone();
        loras
            .iter_mut()
            .for_each(|lora| lora.fits.retain(|id| *id != gone.id));
        self.write(models, loras)?;
        Ok(gone)
    }

    /// Holds a model's folder against what was noted: files there and of their length, whole by [`look`]; where `deep`,
    /// also each file's hash, and every number finite. All faults at once; none where all is well.
    ///
    /// # Errors
    /// [`ListError`]: no such model, a file that cannot be read, or stopped by `progress`.
    pub fn check(
        &self,
        name: &str,
        deep: bool,
        mut progress: impl FnMut(u64, u64) -> bool,
    ) -> Result<Vec<Fault>, ListError> {
        let model = self.get(name)?;
        let mut faults = Vec::new();
        let mut fault = |what: String| {
            faults.push(Fault {
                model: model.name.clone(),
                what,
            })
        };
        let mut there = Vec::new();
        for file in &model.files {
            let path = model.folder.join(&file.path);
            match std::fs::metadata(&path) {
                Ok(about) if about.is_file() && about.len() == file.bytes => there.push((path, file)),
                Ok(about) => fault(format!(
                    "{} is {} bytes long and was {}: copy or download it again, or forget the model and add it anew",
                    path.display(),
                    about.len(),
                    file.bytes
                )),
                Err(e) => fault(format!(
                    "{} is missing ({e}): copy or download it again",
                    path.display()
                )),
            }
        }
        match look(&model.folder) {
            Ok(found) => found.problems.into_iter().for_each(&mut fault),
            Err(LookError::NoFolder { path, .. } | LookError::NoModel { path }) if there.is_empty() => {
                fault(format!(
                    "{} is gone: bring it back, or forget the model and add it where it is now",
                    path.display()
                ))
            }
            Err(error) => fault(error.to_string()),
        }
        if !deep {
            return Ok(faults);
        }
        let paths: Vec<PathBuf> = there.iter().map(|(path, _)| path.clone()).collect();
        for (now, (path, noted)) in hashed(&model.folder, &paths, &mut progress)?.iter().zip(&there) {
            if now.blake3 != noted.blake3 {
                let what = "is not the file that was added (its hash differs): copy or download it again, or forget the \
                            model and add it anew";
                faults.push(Fault {
                    model: model.name.clone(),
                    what: format!("{} {what}", path.display()),
                });
            }
            if !noted.path.ends_with(".safetensors") {
                continue;
            }
            if let Some(bad) = Weights::open(path).ok().and_then(|w| w.first_bad_number()) {
                faults.push(Fault {
                    model: model.name.clone(),
                    what: bad.to_string(),
                });
            }
        }
        Ok(faults)
    }

    /// Writes the list aside and moves it into place, so that a crash leaves the old one or the new one.
    pub(super) fn write(&mut self, models: Vec<Model>, loras: Vec<ListedLora>) -> Result<(), ListError> {
        let io = |source| ListError::Io {
            path: self.path.clone(),
            source,
        };
        let folder = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder).map_err(io)?;
        let kept = Kept {
            form: FORM,
            models,
            loras,
        };
        let mut text = serde_json::to_vec_pretty(&kept).map_err(|e| io(e.into()))?;
        text.push(b'\n');
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
        file.write_all(&text)
            .and_then(|()| file.as_file().sync_all())
            .map_err(io)?;
        file.persist(&self.path).map_err(|e| io(e.error))?;
        self.models = kept.models;
        self.loras = kept.loras;
        Ok(())
    }
}

/// Whether a model or a LoRA may be called so.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    !name.is_empty() && name.chars().count() <= LONGEST_NAME && name.chars().all(plain)
}

/// Whether a path of the list stays in its model's folder.
fn inside(path: &str) -> bool {
    let odd = |part: &str| part.is_empty() || part == "." || part == "..";
    !path.contains(['\\', ':', '\0']) && !path.split('/').any(odd)
}

pub(super) fn hashed(
    folder: &Path,
    files: &[PathBuf],
    progress: &mut impl FnMut(u64, u64) -> bool,
) -> Result<Vec<FileRecord>, ListError> {
    let io = |path: &Path, source| ListError::Io {
        path: path.to_owned(),
        source,
    };
    let mut of = 0;
    for path in files {
        of += std::fs::metadata(path).map_err(|e| io(path, e))?.len();
    }
    let mut done = 0;
    let mut records = Vec::new();
    let mut buffer = vec![0; 1 << 20];
    for path in files {
        let mut file = File::open(path).map_err(|e| io(path, e))?;
        let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
        loop {
            let read = file.read(&mut buffer).map_err(|e| io(path, e))?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            bytes += read as u64;
            done += read as u64;
            if !progress(done, of) {
                return Err(ListError::Stopped);
            }
        }
        let parts = path.strip_prefix(folder).unwrap_or(path).iter();
        let path = parts.map(|p| p.to_string_lossy()).collect::<Vec<_>>().join("/");
        records.push(FileRecord {
            path,
            bytes,
            blake3: hasher.finalize().to_hex().to_string(),
        });
    }
    Ok(records)
}

/// One hash for a whole model: over `hash path` of each file, a line each, by path. Where the folder lies does not matter.
pub(super) fn id(files: &[FileRecord]) -> String {
    let mut lines: Vec<String> = files
        .iter()
        .map(|f| format!("{} {}\n", f.blake3, f.path))
        .collect();
    lines.sort_by(|a, b| a.get(64..).cmp(&b.get(64..)));
    blake3::hash(lines.concat().as_bytes()).to_hex().to_string()
}
