//! What an act `culled` says of every take that it judged.

use std::collections::BTreeMap;

use heirloom_vault::{Act, ObjectId, Verb};
use serde::{Deserialize, Serialize};

/// What became of a take in a cull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fated {
    /// It is among the few.
    Kept,
    /// It is not among the few.
    Dropped,
    /// Sound, but far from the rest: laid aside to be looked at.
    Shelved,
}

/// One take in the facts of an act `culled`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CulledTake {
    /// What became of it.
    pub fate: Fated,
    /// Its place among the kept or the shelved, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u32>,
    /// Why, in words.
    pub why: String,
    /// Its quality among the sound takes, 0 to 1; none where it was not sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<f64>,
    /// The numbers that the rules look at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measures: BTreeMap<String, f64>,
}

/// Every take that an act `culled` judged. What can not be understood judges nothing.
pub(super) fn takes_of(act: &Act) -> BTreeMap<ObjectId, CulledTake> {
    if act.verb != Verb::Culled {
        return BTreeMap::new();
    }
    let Some(takes) = act.facts.get("takes").and_then(|takes| takes.as_object()) else {
        return BTreeMap::new();
    };
    takes
        .iter()
        .filter_map(|(id, take)| Some((id.parse().ok()?, CulledTake::deserialize(take).ok()?)))
        .collect()
}
