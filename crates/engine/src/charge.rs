//! Money at the engine: what became of a draw that was handed in before, and what an ended job cost.

use heirloom_film::Usd;

use crate::job::JobId;

/// What an engine knows of a draw that was handed in before, perhaps by a process that is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It has it, under this name: under way, or over with its outcome.
    Job(JobId),
    /// For certain it never had it, or has dropped it, and charges nothing for it.
    Nothing,
    /// It can not say. What costs money is then never handed in again without a person's word.
    Unknown,
}

/// What a job that is over cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charge {
    /// Nothing, for certain.
    Nothing,
    /// What its price says.
    AsPriced,
    /// So much.
    Usd(Usd),
    /// The engine can not say.
    Unknown,
}
