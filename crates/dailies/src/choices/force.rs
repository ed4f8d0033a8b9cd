//! Which acts of choosing are in force, and which were taken back.

use std::collections::{BTreeMap, BTreeSet};

use heirloom_vault::{Act, ActId, Verb};

use super::VERBS;

/// Which of some acts are in force.
///
/// An act is in force unless an act `undone` of the same subject that is in force itself takes it back. An act bears the
/// id of the one it takes back, and an id is the hash of an act: so there are no circles, and times play no part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    off: BTreeSet<ActId>,
}

impl InForce {
    /// Looks at these acts, in any order; those that are not of choosing are passed over.
    pub fn of<'a>(acts: impl IntoIterator<Item = &'a Act>) -> InForce {
        let known: BTreeMap<ActId, &Act> = acts
            .into_iter()
            .filter(|act| VERBS.contains(&act.verb))
            .map(|act| (act.id, act))
            .collect();
        // What each act takes back, and how many acts that take it back are not decided yet.
        let mut takes_back: BTreeMap<ActId, ActId> = BTreeMap::new();
        let mut undecided: BTreeMap<ActId, usize> = BTreeMap::new();
        for act in known.values() {
            let Some(target) = undone_by(act).and_then(|id| known.get(&id)) else {
                continue;
            };
            if target.subject == act.subject {
                takes_back.insert(act.id, target.id);
                *undecided.entry(target.id).or_default() += 1;
            }
        }
        let mut off = BTreeSet::new();
        let mut decided: Vec<ActId> = takes_back
            .keys()
            .copied()
            .filter(|id| !undecided.contains_key(id))
            .collect();
        while let Some(id) = decided.pop() {
            let Some(target) = takes_back.get(&id) else {
                continue;
            };
            if !off.contains(&id) {
                off.insert(*target);
            }
            if let Some(left) = undecided.get_mut(target) {
                *left -= 1;
                if *left == 0 {
                    decided.push(*target);
                }
            }
        }
        InForce { off }
    }

    /// Whether an act is in force. One that was not looked at is.
    pub fn is(&self, act: &ActId) -> bool {
        !self.off.contains(act)
    }
}

/// The act that an act `undone` takes back.
pub(super) fn undone_by(act: &Act) -> Option<ActId> {
    if act.verb != Verb::Undone {
        return None;
    }
    act.facts.get("undoes")?.as_str()?.parse().ok()
}
