//! A planned cull written down: one act, so that it is taken back in one go.

use std::collections::BTreeMap;

use heirloom_vault::{Act, Actor, NewAct, ObjectId, Vault, VaultError, Verb};
use serde_json::json;

use super::{CullPlan, Fate};
use crate::choices::{CulledTake, Fated};

/// A cull could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The ledger's words.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The plan judges no take.
    #[error("the cull would judge no take: {0}; measure the shot's takes, or leave them to the eye")]
    Nothing(String),
}

/// Writes a cull into the ledger, as one act `culled` on the shot. Takes left alone, left to a person or not measured
/// are not in it.
///
/// What people have said meanwhile stands: their verdicts outweigh a cull's, whichever came first.
///
/// # Errors
/// The plan judges no take; the ledger can not be written.
pub fn apply(vault: &Vault, plan: &CullPlan, by: Actor) -> Result<Act, ApplyError> {
    let mut takes: BTreeMap<ObjectId, CulledTake> = BTreeMap::new();
    for (take, judged) in &plan.takes {
        let (fate, place) = match &judged.fate {
            Fate::Kept { place, .. } => (Fated::Kept, Some(*place)),
            Fate::Shelved { place, .. } => (Fated::Shelved, Some(*place)),
            Fate::Dropped(_) => (Fated::Dropped, None),
            Fate::LeftAlone | Fate::ForAPerson(_) | Fate::Unmeasured(_) => continue,
        };
        let culled = CulledTake {
            fate,
            place,
            why: judged.to_string(),
            quality: judged.quality,
            measures: judged.measures.clone(),
        };
        takes.insert(*take, culled);
    }
    if takes.is_empty() {
        return Err(ApplyError::Nothing(plan.to_string()));
    }
    let mut act = NewAct::new(Verb::Culled, by, &plan.shot).because(plan.to_string());
    for take in takes.keys() {
        act = act.input("take", *take);
    }
    Ok(vault
        .ledger()
        .append(act.with_facts(json!({ "rules": plan.rules, "takes": takes })))?)
}
