//! What came of drawing.

use std::path::PathBuf;

use heirloom_vault::{ObjectId, VaultError};

use crate::money::MoneyError;
use crate::queue::QueueError;
use crate::takes::TakeError;
use crate::worker::Broken;

/// What came of drawing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Every shot's take, in the plan's order; none for plates and for what is not finished.
    pub takes: Vec<Option<ObjectId>>,
    /// Draws finished now.
    pub drawn: u32,
    /// Draws that were there already.
    pub kept: u32,
    /// Shots that engines refused or that failed, with the words. Of those that a budget stops, the first under each cap.
    pub failed: Vec<(String, String)>,
    /// Draws that wait in the queue because a budget stops them. They are taken up by the next run, if it lets them.
    pub held: u64,
    /// Whether the work was stopped on demand.
    pub stopped: bool,
}

/// Drawing broke off. What was finished is in the vault, what was under way is in the work folder.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// The plan has objections, so nothing was made.
    #[error("{0} shots can not be made as planned; nothing was drawn")]
    Objections(usize),
    /// The vault's or the ledger's words.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Money could not be reckoned, and nothing that costs any is drawn without.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A take could not be read.
    #[error(transparent)]
    Take(#[from] TakeError),
    /// The queue's words.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// What a handler of another kind of job said.
    #[error("{0}")]
    Handler(String),
    /// A folder could not be written.
    #[error(
        "{path} could not be written: {source}; check the disk and the folder's permissions, then run again to go on"
    )]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What broke the work, as drawing's own error.
pub(crate) fn told(error: Broken) -> DrawError {
    let error = match error.downcast::<DrawError>() {
        Ok(error) => return *error,
        Err(error) => error,
    };
    match error.downcast::<QueueError>() {
        Ok(error) => DrawError::Queue(*error),
        Err(error) => DrawError::Handler(error.to_string()),
    }
}
