//! The gate: what says yes or no before anything is made, chosen or exported.

use std::fmt;

use heirloom_vault::rights::Use;
use heirloom_vault::{ObjectId, Vault, VaultError};
use jiff::civil::Date;

/// What is about to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A draw, with the time or money it costs.
    Spend,
    /// A take becomes the select.
    Choose,
    /// A master leaves the studio.
    Export,
    /// A model is trained, or a take is made with one.
    Train,
}

impl Action {
    /// The leave that an action needs of every source.
    pub fn needs(self) -> Use {
        match self {
            Self::Spend | Self::Choose => Use::Generate,
            Self::Export => Use::Publish,
            Self::Train => Use::Train,
        }
    }
}

/// A source and the name it was called by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceUse {
    /// The source.
    pub object: ObjectId,
    /// Its name, for people.
    pub name: String,
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// The source at fault.
    pub source: SourceUse,
    /// The clause, and the mend.
    pub clause: String,
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "archive:{}: {}", self.source.name, self.clause)
    }
}

/// Yes or no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Allowed,
    /// No, on these grounds (at least one).
    Refused(Vec<Ground>),
}

/// Judges actions before they happen.
pub trait Gate: Send + Sync {
    /// Whether `action` may happen with these sources.
    ///
    /// # Errors
    /// The ledger could not be read: then nothing may happen.
    fn judge(&self, action: Action, sources: &[SourceUse]) -> Result<Verdict, VaultError>;
}

/// The first gate: every source must have an owner and rights, and the use must be within its scope and time,
/// with nothing revoked.
pub struct SourceGate<'v> {
    vault: &'v Vault,
    today: Date,
}

impl<'v> SourceGate<'v> {
    /// A gate over the vault's acts, as of `today`.
    pub fn new(vault: &'v Vault, today: Date) -> Self {
        Self { vault, today }
    }
}

impl Gate for SourceGate<'_> {
    fn judge(&self, action: Action, sources: &[SourceUse]) -> Result<Verdict, VaultError> {
        let mut grounds = Vec::new();
        for source in sources {
            let standing = self.vault.ledger().rights_of(&source.object)?;
            if let Err(clause) = standing.allows(action.needs(), self.today) {
                grounds.push(Ground {
                    source: source.clone(),
                    clause: clause.to_string(),
                });
            }
        }
        Ok(if grounds.is_empty() {
            Verdict::Allowed
        } else {
            Verdict::Refused(grounds)
        })
    }
}
