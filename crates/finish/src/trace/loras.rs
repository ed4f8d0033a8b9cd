//! The part of a take's origin that no pixel shows: the film's own LoRAs that it was made with.

use heirloom_vault::{Act, LORA, ObjectId};
use serde::Serialize;

use super::{ActTrace, SourceTrace, TraceError, Tracer};

/// A LoRA that the film trained itself, and what from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoraTrace {
    /// Its name on the list of models.
    pub name: String,
    /// Its object.
    pub object: ObjectId,
    /// Of what it is: a style with its version, or a subject.
    pub of: String,
    /// The model that it was trained on.
    pub model: String,
    /// Steps of the checkpoint that was kept.
    pub step: u64,
    /// Why that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who kept it.
    pub act: ActTrace,
    /// The sources that it was trained on.
    pub sources: Vec<SourceTrace>,
}

impl Tracer<'_> {
    /// The film's LoRAs that the acts which asked for a take name.
    pub(super) fn loras(&self, asked: &[Act]) -> Result<Vec<LoraTrace>, TraceError> {
        let named: Vec<ObjectId> = asked.iter().flat_map(|act| act.inputs(LORA)).collect();
        if named.is_empty() {
            return Ok(Vec::new());
        }
        let mut found: Vec<LoraTrace> = Vec::new();
        for lora in self.vault.ledger().loras()? {
            if !named.contains(&lora.object) || found.iter().any(|known| known.object == lora.object) {
                continue;
            }
            found.push(LoraTrace {
                name: lora.facts.name,
                object: lora.object,
                of: lora.facts.of,
                model: lora.facts.model,
                step: lora.facts.step,
                why: lora.act.why.clone(),
                act: ActTrace::of(&lora.act),
                sources: lora.sources.iter().map(|object| self.source(*object)).collect(),
            });
        }
        Ok(found)
    }
}
