//! All that a run needs to go on: one safetensors file.

use super::settings::Settings;
use crate::weights::{Dtype, Weights, WeightsError, Written, write_whole};
use heirloom_tensors::train::{AdamW, Average, Parameters};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The name of the checkpoint in a run's folder.
pub const STATE_FILE: &str = "state.safetensors";
/// Raised when a checkpoint's form changes.
const FORM: u32 = 1;

/// A checkpoint that could not be written, or from which a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It could not be written.
    #[error(
        "the checkpoint of step {step} could not be written to {} ({source}); {}: make room and begin again, and the run \
         goes on from there", path.display(), last_told(*last)
    )]
    Write {
        /// Where to.
        path: PathBuf,
        /// Steps done.
        step: u64,
        /// Steps of the checkpoint that stands there whole, if one does.
        last: Option<u64>,
        /// What the system said.
        source: std::io::Error,
    },
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] WeightsError),
    /// It is not what it should be.
    #[error("{}: the checkpoint cannot be gone on from ({why}); take it away to begin anew", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It was made with other settings, samples or another model.
    #[error(
        "{}: the checkpoint was made with other {what}: give those it was made with, or another folder to begin anew",
        path.display()
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
}

fn last_told(last: Option<u64>) -> String {
    last.map_or_else(
        || "there is none before it".to_owned(),
        |step| format!("that of step {step} stands there whole"),
    )
}

/// What a checkpoint says beside its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Notes {
    form: u32,
    pub step: u64,
    pub settings: Settings,
    pub samples: String,
    pub base: String,
    pub threads: usize,
}

impl Notes {
    pub fn new(step: u64, settings: &Settings, samples: &str, base: &str) -> Self {
        Self {
            form: FORM,
            step,
            settings: settings.clone(),
            samples: samples.to_owned(),
            base: base.to_owned(),
            threads: rayon_threads(),
        }
    }
}

/// Threads that sums may be shared out to.
pub(super) fn rayon_threads() -> usize {
    heirloom_tensors::train::threads()
}

const TRAINED: &str = "trained.";
const MEAN: &str = "mean.";
const SQUARE: &str = "square.";
const AVERAGE: &str = "average.";
const NOTES: &str = "heirloom_training";

/// What is kept of a run.
pub(super) struct State<'a> {
    pub trained: &'a mut Parameters,
    pub adam: &'a mut AdamW,
    pub average: Option<&'a mut Average>,
}

/// Writes a checkpoint.
pub(super) fn write(
    path: &Path,
    notes: &Notes,
    trained: &Parameters,
    adam: &AdamW,
    average: Option<&Average>,
    last: Option<u64>,
) -> Result<(), CheckpointError> {
    let failed = |source| CheckpointError::Write {
        path: path.to_owned(),
        step: notes.step,
        last,
        source,
    };
    let mut tensors = Vec::new();
    for (name, parameter) in trained.iter() {
        tensors.push(Written {
            name: format!("{TRAINED}{name}"),
            shape: parameter.shape.clone(),
            values: &parameter.values,
        });
    }
    for (name, [mean, square]) in adam.moments() {
        for (kind, values) in [(MEAN, mean), (SQUARE, square)] {
            tensors.push(Written {
                name: format!("{kind}{name}"),
                shape: vec![values.len()],
                values,
            });
        }
    }
    for (name, parameter) in average.into_iter().flat_map(|a| a.values.iter()) {
        tensors.push(Written {
            name: format!("{AVERAGE}{name}"),
            shape: parameter.shape.clone(),
            values: &parameter.values,
        });
    }
    let told = serde_json::to_string(notes).map_err(|e| failed(e.into()))?;
    let notes = BTreeMap::from([(NOTES.to_owned(), told)]);
    write_whole(path, &notes, &tensors, Dtype::F32).map_err(failed)
}

/// Reads a checkpoint into a run that is as `wanted` says; what it answers is what the checkpoint says of itself.
pub(super) fn read(path: &Path, wanted: &Notes, into: State<'_>) -> Result<Notes, CheckpointError> {
    let unusable = |why: &str| CheckpointError::Unusable {
        path: path.to_owned(),
        why: why.to_owned(),
    };
    let file = Weights::open(path)?;
    let told = file
        .metadata()
        .get(NOTES)
        .ok_or_else(|| unusable("it is no checkpoint of a training"))?;
    let notes: Notes =
        serde_json::from_str(told).map_err(|_| unusable("it is of another version of this program"))?;
    if notes.form != FORM {
        return Err(unusable("it is of another version of this program"));
    }
    let same_but_pace = Settings {
        checkpoint_every: wanted.settings.checkpoint_every,
        ..notes.settings.clone()
    };
    let other = |what| CheckpointError::Other {
        path: path.to_owned(),
        what,
    };
    if same_but_pace != wanted.settings {
        return Err(other("settings"));
    }
    if notes.samples != wanted.samples {
        return Err(other("samples"));
    }
    if notes.base != wanted.base {
        return Err(other("weights beneath it"));
    }
    let values = |kind: &str, name: &str, count: usize| -> Result<Vec<f32>, CheckpointError> {
        let view = file
            .get(&format!("{kind}{name}"))
            .ok_or_else(|| unusable("a tensor is missing"))?;
        let values = view
            .to_f32()
            .map_err(|_| unusable("a tensor is of another kind"))?;
        match values.len() == count {
            true => Ok(values),
            false => Err(unusable("a tensor is of another size")),
        }
    };
    let mut moments = BTreeMap::new();
    for (name, parameter) in into.trained.iter_mut() {
        let count = parameter.values.len();
        parameter.values = values(TRAINED, name, count)?;
        let pair = [values(MEAN, name, count)?, values(SQUARE, name, count)?];
        moments.insert(name.to_owned(), pair);
    }
    if !into.adam.resume(notes.step, moments) {
        return Err(unusable("a tensor is missing"));
    }
    for (name, parameter) in into.average.into_iter().flat_map(|a| a.values.iter_mut()) {
        let count = parameter.values.len();
        parameter.values = values(AVERAGE, name, count)?;
    }
    Ok(notes)
}
