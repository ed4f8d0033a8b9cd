//! Choosing among takes: every judgement is an act, and how a take stands is a view over acts.
//!
//! A person chooses a take of a shot, turns one down with a reason, lays one aside, gives stars, says something of it;
//! and takes back what they did. Nothing is ever changed or removed by it: an act that is taken back stays in the
//! ledger and is merely no longer in force, and taking back the taking back puts it in force again.
//!
//! ```
//! use heirloom_dailies::choices::{Chooser, Judgement, ShotChoices, Ties, Verdict};
//! use heirloom_engine::gate::SourceGate;
//! use heirloom_vault::{Actor, NewAct, Vault, Verb};
//!
//! let folder = tempfile::tempdir()?;
//! let vault = Vault::create(&folder.path().join("vault"))?;
//! let take = vault.put_bytes(b"a take's manifest")?;
//! vault.ledger().append(NewAct::new(Verb::Drawn, Actor::engine("weightless"), "request:1").output("take", take))?;
//!
//! let gate = SourceGate::new(&vault, jiff::civil::date(2027, 3, 1));
//! let ada = Chooser::new(&vault, &gate, Actor::person("Ada"));
//! ada.judge("shot:sh-00000001", &take, &Judgement::Choose, &Ties::default())?;
//! let view = ShotChoices::read(vault.ledger(), "shot:sh-00000001")?;
//! assert_eq!(view.select(), Some(take));
//!
//! ada.undo_last(Some("shot:sh-00000001"))?;
//! let view = ShotChoices::read(vault.ledger(), "shot:sh-00000001")?;
//! assert_eq!((view.select(), view.standing(&take).verdict), (None, Verdict::Open));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What always holds
//! - A view rests on the set of acts alone: on their times and ids, never on the order in which they were read or merged.
//! - A shot has one select at most: the take that was chosen last and not turned down or laid aside since.
//! - A person's verdict stands over that of a cull, whichever came later.
//! - An act is in force unless an act in force takes it back.

mod culled;
mod force;
mod record;
mod standing;
mod tree;

pub use culled::{CulledTake, Fated};
pub use force::InForce;
pub use record::{ChoiceError, Chooser};
pub use standing::{Note, Said, ShotChoices, Standing, UnknownVerdict, Verdict, shots};
pub use tree::{Branch, Growth, Tree, tree};

use std::collections::BTreeMap;

use heirloom_vault::{ObjectId, Verb};
use serde::{Deserialize, Serialize};

/// The verbs of choosing.
pub const VERBS: [Verb; 7] = [
    Verb::Chosen,
    Verb::Rejected,
    Verb::Shelved,
    Verb::Starred,
    Verb::Noted,
    Verb::Culled,
    Verb::Undone,
];

/// Most stars that a take is given.
pub const MOST_STARS: u8 = 5;

/// What a person says of a take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is the shot's select, in the place of the one before it, if any.
    Choose,
    /// It will not do.
    Reject {
        /// Why not, in words.
        reason: String,
    },
    /// Not for now, and not lost.
    Shelve {
        /// Why, in words.
        reason: Option<String>,
    },
    /// So many stars, 0 to [`MOST_STARS`].
    Star(u8),
    /// Something else, in words.
    Note(String),
}

/// What a judged take was made by and what was measured of it: written into the act, so that a choice can be
/// understood from the ledger alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ties {
    /// The request it was drawn for.
    pub request: Option<ObjectId>,
    /// The shot's prompt at that time.
    pub prompt: String,
    /// Which of the shot's prompts that was, counted from 1.
    pub version: Option<u32>,
    /// The engine.
    pub engine: String,
    /// The seed.
    pub seed: Option<u64>,
    /// What was measured, by the measures' names.
    pub measures: BTreeMap<String, f64>,
}

impl Ties {
    /// The ties that an act bears, if any.
    pub fn of(act: &heirloom_vault::Act) -> Option<Ties> {
        serde_json::from_value(act.facts.get("ties")?.clone()).ok()
    }

    /// As facts of an act. Numbers that are none are left out: JSON has no word for them.
    fn facts(&self) -> serde_json::Value {
        let measures: BTreeMap<&str, f64> = self
            .measures
            .iter()
            .filter(|(_, value)| value.is_finite())
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        serde_json::json!({
            "request": self.request, "prompt": self.prompt, "version": self.version, "engine": self.engine,
            "seed": self.seed, "measures": measures,
        })
    }
}
