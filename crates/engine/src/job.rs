//! Jobs: what becomes of a draw once an engine has it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_film::{Rate, Size};
use heirloom_vault::{ObjectId, Vault};
use serde::{Deserialize, Serialize};

use crate::guides::Guides;
use crate::request::{Draw, Request};

/// An engine's durable name for a job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JobId(pub String);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a job is. `done` never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Frames done.
    pub done_frames: u32,
    /// Frames in all.
    pub total_frames: u32,
}

/// A policy's no. Not a failure: it is counted apart and never retried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Every ground, each with its mend.
    pub grounds: Vec<String>,
}

/// Something went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// A short stable word: `input`, `disk`, `panic` …
    pub code: String,
    /// What went wrong, and the mend.
    pub message: String,
    /// Whether the same draw may be tried again.
    pub retryable: bool,
}

impl Failure {
    /// A failure that would happen again.
    pub fn lasting(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            retryable: false,
        }
    }

    /// Handing in broke off, and it is not known whether anything was begun: the engine is asked before it is tried again.
    pub fn uncertain(message: impl Into<String>) -> Self {
        Self::passing("uncertain", message)
    }

    /// Whether it is not known if anything was begun.
    pub fn is_uncertain(&self) -> bool {
        self.code == "uncertain"
    }

    /// A failure that may pass.
    pub fn passing(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            retryable: true,
        }
    }
}

/// One file of a finished draw, in the job's work folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftFile {
    /// What the file is: `map`, `offset`, `clip` …
    pub role: String,
    /// The frame it belongs to; none for what belongs to the whole take.
    pub frame: Option<u32>,
    /// Where it lies.
    pub path: PathBuf,
}

/// One output of a finished draw, not yet in the vault.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Which output of the draw, from 0.
    pub output: u32,
    /// Frame size in pixels.
    pub size: Size,
    /// Frames a second.
    pub rate: Rate,
    /// Length in frames.
    pub frames: u32,
    /// Its files.
    pub files: Vec<DraftFile>,
    /// What the engine must know to open it again.
    pub facts: serde_json::Value,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq)]
pub enum JobState {
    /// Waiting at the engine.
    Queued,
    /// Being made.
    Running(Progress),
    /// Finished: the outputs.
    Done(Vec<Draft>),
    /// A policy said no.
    Refused(Refusal),
    /// Something went wrong.
    Failed(Failure),
    /// Stopped on demand.
    Cancelled,
    /// The engine knows nothing of it (any more).
    Gone,
}

impl JobState {
    /// Whether nothing more will happen.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Queued | Self::Running(_))
    }
}

/// Where an engine reads sources from, by hash.
pub trait Inputs: Send + Sync {
    /// The bytes of an object.
    ///
    /// # Errors
    /// It is not there or damaged; the failure says the mend.
    fn read(&self, object: &ObjectId) -> Result<Vec<u8>, Failure>;
    /// A file holding the object, to be read only.
    ///
    /// # Errors
    /// It is not there.
    fn path(&self, object: &ObjectId) -> Result<PathBuf, Failure>;
    /// The guides of that hash.
    ///
    /// # Errors
    /// There are none: the default, for those who have no stage.
    fn guides(&self, object: &ObjectId) -> Result<Arc<dyn Guides>, Failure> {
        Err(Failure::lasting(
            "guides",
            format!("there are no guides {object} here; draw the shot from its film, which has the blocking"),
        ))
    }
}

impl Inputs for Vault {
    fn read(&self, object: &ObjectId) -> Result<Vec<u8>, Failure> {
        Vault::read(self, object).map_err(|e| Failure::lasting("input", e.to_string()))
    }

    fn path(&self, object: &ObjectId) -> Result<PathBuf, Failure> {
        if self.contains(object) {
            Ok(Vault::path(self, object))
        } else {
            Err(Failure::lasting(
                "input",
                format!(
                    "the vault does not hold {object}; run `heirloom vault verify` to see what is missing"
                ),
            ))
        }
    }
}

/// What an engine is handed.
#[derive(Clone)]
pub struct Order {
    /// The request.
    pub request: Request,
    /// Which go at it.
    pub draw: Draw,
    /// The draw's own folder for work in progress; what it finds there is its own from before.
    pub work: PathBuf,
    /// Sources and guides by hash.
    pub inputs: Arc<dyn Inputs>,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order")
            .field("draw", &self.draw)
            .field("work", &self.work)
            .finish_non_exhaustive()
    }
}

impl Order {
    /// An order for the first draw of `request`, with its work folder below `work_root`.
    ///
    /// # Errors
    /// The request has no canonical form.
    pub fn new(
        request: Request,
        n: u32,
        work_root: &Path,
        inputs: Arc<dyn Inputs>,
    ) -> Result<Self, crate::request::NotFinite> {
        let draw = Draw {
            request: request.id()?,
            n,
        };
        Ok(Self {
            request,
            draw,
            work: work_root.join(draw.to_string()),
            inputs,
        })
    }
}
