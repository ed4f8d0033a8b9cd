//! The LoRAs that the film trained itself: a view over the acts by which one was kept.
//!
//! A LoRA that is kept stands in the vault as an object. The act `styled` that keeps it has the sources that it was trained on
//! going in, and the LoRA coming out; its facts say by which name the list of models calls the file. So what is made with a
//! LoRA leads back to photographs.

use serde::{Deserialize, Serialize};

use crate::act::{Act, Verb};
use crate::error::VaultError;
use crate::ledger::{Filter, Ledger};
use crate::object::ObjectId;

/// The role of a LoRA's file in acts.
pub const LORA: &str = "lora";
/// The role of the sources that it was trained on: a style has more, where some may not be trained on.
pub const TRAINED_ON: &str = "trained-on";
/// The key of its facts.
const FACTS: &str = "lora";

/// What the act that keeps a LoRA says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoraFacts {
    /// What requests name it by.
    pub id: String,
    /// What the list of models calls it.
    pub name: String,
    /// Of what it is, for people: `father@2`, or the subject's name.
    pub of: String,
    /// The model that it was trained on, by its name on the list.
    pub model: String,
    /// Words that call for it.
    pub trigger: String,
    /// Steps of the checkpoint.
    pub step: u64,
}

/// A LoRA of the film's own.
#[derive(Clone, Debug, PartialEq)]
pub struct FilmLora {
    /// What the act says.
    pub facts: LoraFacts,
    /// Its file.
    pub object: ObjectId,
    /// The sources that it was trained on.
    pub sources: Vec<ObjectId>,
    /// The act that kept it.
    pub act: Act,
}

impl LoraFacts {
    /// As facts of an act, beside what else these hold.
    ///
    /// # Errors
    /// None that these can lead to: JSON takes all of it.
    pub fn into_facts(self, mut facts: serde_json::Value) -> Result<serde_json::Value, VaultError> {
        let value = serde_json::to_value(self).map_err(|source| VaultError::Json {
            what: "what is said of a LoRA",
            source,
        })?;
        if let Some(map) = facts.as_object_mut() {
            map.insert(FACTS.to_owned(), value);
        }
        Ok(facts)
    }
}

impl Ledger {
    /// Every LoRA that the film trained and kept, the oldest first.
    ///
    /// # Errors
    /// What the database says; [`VaultError::BadAct`] where what is said of a LoRA cannot be understood: never guessed at.
    pub fn loras(&self) -> Result<Vec<FilmLora>, VaultError> {
        let mut all = Vec::new();
        for act in self.acts(&Filter::verb(Verb::Styled))? {
            let Some(object) = act.outputs(LORA).next() else {
                continue;
            };
            let facts = act.facts.get(FACTS).cloned().unwrap_or_default();
            let facts = serde_json::from_value(facts).map_err(|e| VaultError::BadAct {
                id: act.id,
                why: format!("a LoRA kept: {e}"),
            })?;
            let mut sources: Vec<ObjectId> = act.inputs(TRAINED_ON).collect();
            sources.sort();
            sources.dedup();
            all.push(FilmLora {
                facts,
                object,
                sources,
                act,
            });
        }
        Ok(all)
    }
}
