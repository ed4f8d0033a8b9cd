//! What was made from an object: everything that a revocation reaches.

use std::collections::BTreeSet;

use crate::act::{Act, Verb, Way};
use crate::error::VaultError;
use crate::ledger::{Filter, Ledger};
use crate::object::ObjectId;

/// The acts by which things are made from things.
const MAKING: [Verb; 7] = [
    Verb::Styled,
    Verb::Trained,
    Verb::Requested,
    Verb::Drawn,
    Verb::Chosen,
    Verb::Cut,
    Verb::Exported,
];

/// What was made from some objects, straight or through other things that were made from them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Touched {
    /// The acts that made it, in the order in which they were done.
    pub acts: Vec<Act>,
}

impl Touched {
    /// The acts with this verb.
    pub fn with_verb(&self, verb: Verb) -> impl Iterator<Item = &Act> {
        self.acts.iter().filter(move |act| act.verb == verb)
    }

    /// Every object of this role that came out of them, each once: "take", "master", "style".
    pub fn objects(&self, role: &str) -> BTreeSet<ObjectId> {
        self.acts.iter().flat_map(|act| act.outputs(role)).collect()
    }

    /// Whether nothing was made.
    pub fn is_empty(&self) -> bool {
        self.acts.is_empty()
    }
}

impl Ledger {
    /// All that was made from these objects: styles, requests, takes, cuts and masters, however far down.
    ///
    /// # Errors
    /// What the database says, or [`VaultError::BadAct`].
    pub fn touched_by(&self, objects: impl IntoIterator<Item = ObjectId>) -> Result<Touched, VaultError> {
        let mut reached: BTreeSet<ObjectId> = objects.into_iter().collect();
        let mut making = Vec::new();
        for verb in MAKING {
            making.extend(self.acts(&Filter::verb(verb))?);
        }
        making.sort_by_key(|act| (act.at, act.id));
        let mut acts = Vec::new();
        // One pass is enough where times follow one another; ledgers of machines whose clocks differ, merged, may
        // hold a thing's use before its making.
        loop {
            let before = acts.len();
            making.retain(|act| {
                let mut going_in = act.edges.iter().filter(|edge| edge.way == Way::In);
                if !going_in.any(|edge| reached.contains(&edge.object)) {
                    return true;
                }
                let out = act.edges.iter().filter(|edge| edge.way == Way::Out);
                reached.extend(out.map(|edge| edge.object));
                acts.push(act.clone());
                false
            });
            if acts.len() == before {
                break;
            }
        }
        acts.sort_by_key(|act| (act.at, act.id));
        Ok(Touched { acts })
    }
}
