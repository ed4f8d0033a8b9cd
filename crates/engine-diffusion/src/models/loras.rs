//! LoRAs on the list: which of the models each fits, found by opening it against them.

use super::list::{FileRecord, ListError, Model, hashed, id, is_name};
use super::look::{Layout, Role, look};
use super::{Licence, LicenceFrom, ModelList};
use crate::lora::{Expert, Lora, LoraError, LoraStack};
use crate::wan::{PipelineConfig, TransformerConfig};
use crate::weights::{Expected, Weights, shortened};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A LoRA that is in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedLora {
    /// What people call it.
    pub name: String,
    /// BLAKE3 over the names and hashes of its files: this is what a request names.
    pub id: String,
    /// Its file, or the folder that PEFT leaves.
    pub path: PathBuf,
    /// Its other file, for the expert of low noise, where it comes as two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<PathBuf>,
    /// The weights' licence, and who says so.
    pub licence: Licence,
    /// Ids of the models that it fits.
    pub fits: Vec<String>,
    /// Its files, by path.
    pub files: Vec<FileRecord>,
}

/// A LoRA to be added.
#[derive(Clone, Copy, Debug)]
pub struct NewLora<'a> {
    /// Its file, or the folder that PEFT leaves.
    pub path: &'a Path,
    /// Its other file, for the expert of low noise, where it comes as two.
    pub low: Option<&'a Path>,
    /// What it is to be called; the file's name when left out.
    pub name: Option<&'a str>,
    /// Its licence, where its own notes do not say.
    pub licence: Option<&'a str>,
}

/// What a model is, as far as LoRAs care: its transformer's tensors, or those of both experts.
struct Experts(Vec<Vec<Expected>>);

impl Experts {
    fn of(model: &Model) -> Result<Self, String> {
        let configs: Vec<TransformerConfig> = match model.layout {
            Layout::Diffusers => {
                let config = PipelineConfig::read(&model.folder).map_err(|e| e.to_string())?;
                std::iter::once(config.transformer).chain(config.second).collect()
            }
            Layout::Single => {
                let found = look(&model.folder).map_err(|e| e.to_string())?;
                let parts = [Role::Transformer, Role::Transformer2].into_iter();
                let files =
                    parts.filter_map(|role| found.parts.iter().find(|part| part.role == role)?.files.first());
                files
                    .map(|file| {
                        let weights = Weights::open(file).map_err(|e| e.to_string())?;
                        TransformerConfig::of_shapes(&weights).map_err(|e| e.to_string())
                    })
                    .collect::<Result<_, String>>()?
            }
        };
        Ok(Self(configs.iter().map(TransformerConfig::expected).collect()))
    }
}

/// LoRAs laid on a model's experts: the first one's, and the second one's where there are two.
#[derive(Debug, Default)]
pub struct Stacks {
    /// On the transformer, or the expert of high noise.
    pub first: LoraStack,
    /// On the expert of low noise.
    pub second: LoraStack,
}

impl Stacks {
    /// These LoRAs of the list, at these strengths, opened for the transformers whose tensors these are.
    ///
    /// # Errors
    /// [`LoraError`]: one can not be read, or is for another model.
    pub fn open(loras: &[(&ListedLora, f32)], experts: &[Vec<Expected>]) -> Result<Self, LoraError> {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for (lora, strength) in loras {
            let [high, low] = opened(&lora.path, lora.low.as_deref(), experts)?;
            first.extend(high.map(|lora| (lora, *strength)));
            second.extend(low.map(|lora| (lora, *strength)));
        }
        Ok(Self {
            first: LoraStack::new(first)?,
            second: LoraStack::new(second)?,
        })
    }
}

/// A LoRA for each expert. A file that does not tell two experts apart is for both, unless there is another for the second.
fn opened(
    path: &Path,
    low: Option<&Path>,
    experts: &[Vec<Expected>],
) -> Result<[Option<Lora>; 2], LoraError> {
    match experts {
        [only] => Ok([Some(Lora::open(path, only, Expert::Only)?), None]),
        [high, second, ..] => match low {
            Some(low) => Ok([
                Some(Lora::open(path, high, Expert::High)?),
                Some(Lora::open(low, second, Expert::Low)?),
            ]),
            None => match (
                Lora::open(path, high, Expert::High),
                Lora::open(path, second, Expert::Low),
            ) {
                (Ok(high), Ok(low)) => Ok([Some(high), Some(low)]),
                // A file may say that it is for one of the two alone.
                (Ok(high), Err(LoraError::OtherModel { .. })) => Ok([Some(high), None]),
                (Err(LoraError::OtherModel { .. }), Ok(low)) => Ok([None, Some(low)]),
                (Err(error), _) | (_, Err(error)) => Err(error),
            },
        },
        [] => Ok([None, None]),
    }
}

/// The models that a LoRA fits; where none, why it does not fit the first.
fn fits(path: &Path, low: Option<&Path>, models: &[Model]) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    let mut why = None;
    for model in models {
        match Experts::of(model).and_then(|experts| opened(path, low, &experts.0).map_err(|e| e.to_string()))
        {
            Ok(_) => all.push(model.id.clone()),
            Err(words) => {
                why.get_or_insert_with(|| format!("{}: {words}", model.name));
            }
        }
    }
    match (all.is_empty(), why) {
        (true, Some(why)) => Err(why),
        (true, None) => Err("there is no model yet that it could be for; add the model first".into()),
        _ => Ok(all),
    }
}

/// The files that a LoRA is: of PEFT's folder, the weights and what stands beside them.
fn files(path: &Path, low: Option<&Path>) -> Vec<PathBuf> {
    let of = |path: &Path| match path.is_dir() {
        false => vec![path.to_owned()],
        true => ["adapter_model.safetensors", "adapter_config.json"]
            .map(|name| path.join(name))
            .into_iter()
            .filter(|file| file.is_file())
            .collect(),
    };
    let mut all = of(path);
    all.extend(low.map(of).unwrap_or_default());
    all
}

/// The licence that a LoRA's own notes state.
fn noted(path: &Path) -> Option<Licence> {
    let file = files(path, None).into_iter().next()?;
    let weights = Weights::open(&file).ok()?;
    let said = ["modelspec.license", "license"]
        .into_iter()
        .find_map(|key| weights.metadata().get(key))?;
    Some(Licence {
        name: shortened(said.trim()).to_lowercase(),
        from: LicenceFrom::File(file.file_name()?.to_string_lossy().into_owned()),
    })
}

impl ListedLora {
    /// Whether its files are those that were added: their lengths and hashes.
    ///
    /// # Errors
    /// What is wrong, with the mend.
    pub fn is_as_noted(&self) -> Result<(), String> {
        let all = files(&self.path, self.low.as_deref());
        let now = hashed(Path::new(""), &all, &mut |_, _| true).map_err(|e| e.to_string())?;
        let hashes = |files: &[FileRecord]| files.iter().map(|file| file.blake3.clone()).collect::<Vec<_>>();
        match hashes(&now) == hashes(&self.files) {
            true => Ok(()),
            false => Err(format!(
                "{} is not the file that was added as \"{}\": bring that back, or forget the LoRA and add it anew",
                self.path.display(),
                self.name
            )),
        }
    }
}

impl ModelList {
    /// The LoRAs, by name.
    pub fn loras(&self) -> &[ListedLora] {
        &self.loras
    }

    /// The LoRAs that fit this model.
    pub fn loras_of<'a>(&'a self, model: &'a Model) -> impl Iterator<Item = &'a ListedLora> {
        self.loras.iter().filter(|lora| lora.fits.contains(&model.id))
    }

    /// Adds a LoRA: opens it against every model on the list, hashes it and writes the list.
    ///
    /// # Errors
    /// [`ListError`]: it fits no model, its name is taken, nobody says its licence; the list is unchanged then.
    pub fn add_lora(&mut self, new: NewLora<'_>) -> Result<&ListedLora, ListError> {
        let io = |path: &Path, source| ListError::Io {
            path: path.to_owned(),
            source,
        };
        let absolute = |path: &Path| path.canonicalize().map_err(|e| io(path, e));
        let path = absolute(new.path)?;
        let low = new.low.map(absolute).transpose()?;
        let own = match path.is_dir() {
            true => path.file_name(),
            false => path.file_stem(),
        };
        let own = own
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let name = new.name.unwrap_or(&own);
        if !is_name(name) {
            return Err(ListError::Name {
                name: shortened(name),
            });
        }
        if let Some(known) = self
            .loras
            .iter()
            .find(|lora| lora.name == name || lora.path == path)
        {
            return Err(ListError::Known {
                name: known.name.clone(),
                folder: known.path.clone(),
            });
        }
        if let Some(model) = self.models.iter().find(|model| model.name == name) {
            return Err(ListError::Known {
                name: model.name.clone(),
                folder: model.folder.clone(),
            });
        }
        let fits = fits(&path, low.as_deref(), &self.models).map_err(|why| ListError::NoFit {
            path: path.clone(),
            why,
        })?;
        let stated = new.licence.map(str::trim).filter(|licence| !licence.is_empty());
        let licence = stated
            .map(|name| Licence {
                name: shortened(name).to_lowercase(),
                from: LicenceFrom::Stated,
            })
            .or_else(|| noted(&path))
            .ok_or_else(|| ListError::NoLicence { folder: path.clone() })?;
        let files = hashed(Path::new(""), &files(&path, low.as_deref()), &mut |_, _| true)?;
        // What it is called on this disk does not matter, and which of its files is which does.
        let plain: Vec<FileRecord> = files
            .iter()
            .enumerate()
            .map(|(n, file)| FileRecord {
                path: n.to_string(),
                ..file.clone()
            })
            .collect();
        let lora = ListedLora {
            name: name.to_owned(),
            id: id(&plain),
            path,
            low,
            licence,
            fits,
            files,
        };
        let mut loras = self.loras.clone();
        let place = loras.partition_point(|lora| lora.name.as_str() < name);
        loras.insert(place, lora);
        self.write(self.models.clone(), loras)?;
        self.loras.get(place).ok_or(ListError::Stopped)
    }

    /// Takes a LoRA off the list. Its files stay.
    ///
    /// # Errors
    /// [`ListError`]: no such LoRA, or the list could not be written.
    pub fn forget_lora(&mut self, name: &str) -> Result<ListedLora, ListError> {
        let Some(gone) = self.loras.iter().find(|lora| lora.name == name).cloned() else {
            return Err(ListError::Unknown {
                name: shortened(name),
                names: self.loras.iter().map(|lora| lora.name.clone()).collect(),
            });
        };
        let left = self
            .loras
            .iter()
            .filter(|lora| lora.name != name)
            .cloned()
            .collect();
        self.write(self.models.clone(), left)?;
        Ok(gone)
    }

    /// The LoRAs with a model more: each is held against that one too. One whose file is gone stays as it was.
    pub(super) fn loras_with(&self, model: &Model) -> Vec<ListedLora> {
        let mut loras = self.loras.clone();
        for lora in &mut loras {
            if fits(&lora.path, lora.low.as_deref(), std::slice::from_ref(model)).is_ok() {
                lora.fits.push(model.id.clone());
            }
        }
        loras
    }
}
