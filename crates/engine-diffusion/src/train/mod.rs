//! Training: a LoRA for a model of the Wan family, or a small model whole, from samples that lie in memory
//! ([`dataset`] makes them of pictures).
//!
//! What a step learns from is flow matching (Lipman and others, "Flow Matching for Generative Modeling", 2023, with the
//! straight path of Liu and others, "Flow Straight and Fast", 2023): a sample is noised to a level `s` between 0 and 1,
//! `(1 − s)·sample + s·noise`, and the transformer is to say `noise − sample`. Levels are drawn as the paper on scaling
//! rectified flows has it (arXiv 2403.03206, section 3.1) and moved up by the shift of its section 5.3.2.
//!
//! ```no_run
//! use heirloom_engine_diffusion::train::{LoraShape, Sample, Settings, Subject, TrainError, Trained, Trainer, Watch};
//! use std::path::Path;
//!
//! struct Quiet;
//! impl Watch for Quiet {}
//!
//! fn style(subject: Subject<'_>, samples: &[Sample], folder: &Path) -> Result<(), TrainError> {
//!     let settings = Settings {
//!         trained: Trained::Lora(LoraShape::new(16, 16.0)),
//!         steps: 1500,
//!         ..Settings::default()
//!     };
//!     // Goes on from the folder's checkpoint, where there is one.
//!     Trainer::in_folder(subject, samples, settings, folder)?.run(folder, &mut Quiet)?;
//!     Ok(())
//! }
//! ```
//!
//! # What always holds
//! - A run that is killed at any point and begun again in its folder gives the weights, to the bit, of one that was not,
//!   on as many threads of the same machine: which sample a step sees, its level and its noise follow from the seed and
//!   the step's number alone, and a checkpoint holds all else.
//! - A checkpoint is whole or it is not there: it is written beside, synced, and renamed. Where the disk is full the run
//!   stops, and the last checkpoint stands.
//! - A checkpoint is gone on from only with the settings, samples and model that it was made with.

mod checkpoint;
pub mod dataset;
mod export;
mod flow;
mod ground;
mod settings;
mod start;
mod trainer;

pub use checkpoint::{CheckpointError, STATE_FILE};
pub use export::{About, ExportError, Form, SourceTerms, Stored, export_lora, export_model, read_lora};
use flow::draw_of;
pub use flow::{Draw, draw, noised};
pub use ground::{Ground, GroundError, StillError};
pub use heirloom_tensors::train::Parameters;
pub use settings::{Levels, LoraShape, Settings, SettingsError, Trained};
pub use trainer::{Ended, Progress, Sample, Subject, TrainError, Trainer, Watch};
