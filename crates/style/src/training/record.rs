//! What is known of a run, and the acts that it leaves in the ledger.

use heirloom_vault::{Actor, Filter, LORA, LoraFacts, NewAct, ObjectId, TRAINED_ON, Vault, Verb};
use serde::{Deserialize, Serialize};

use super::rank::{Ranking, rank};
use crate::style::{Held, StyleError, Styles};

/// The form of a record's JSON.
const FORM: u32 = 1;

/// A source, as it was learnt from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learnt {
    /// The source.
    pub object: ObjectId,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: String,
    /// On what terms.
    pub terms: String,
    /// The words that it was learnt with.
    pub caption: String,
}

/// The source that a still is nearest to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nearest {
    /// Its name.
    pub source: String,
    /// The still, counted from 0.
    pub still: usize,
    /// How sure it is that the one is a copy of the other, 0 to 1; 0 of nearly all.
    pub likeness: f64,
    /// How alike the two are as wholes, -1 to 1: the correlation of their light at 16 by 16 pixels.
    pub alike: f64,
    /// Whether it is a copy.
    pub is_copy: bool,
}

/// A checkpoint, looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LookAt {
    /// Steps done.
    pub step: u64,
    /// Mean loss of the steps since the checkpoint before.
    pub train_loss: f64,
    /// Loss of each held-out sample, in one order, with the same noise each time.
    pub held_out: Vec<f64>,
    /// Mean drift of its stills from the style; none where the style has no measure, or no still was made.
    pub drift: Option<f64>,
    /// The source that its stills come nearest to.
    pub nearest: Option<Nearest>,
    /// Its LoRA, within the run's folder.
    pub file: String,
    /// Its stills, within the run's folder.
    pub stills: Vec<String>,
    /// Seconds of training up to here, in all sittings.
    pub seconds: f64,
}

impl LookAt {
    /// Mean loss of held-out samples.
    pub fn held_out_mean(&self) -> Option<f64> {
        let count = self.held_out.len();
        (count > 0).then(|| self.held_out.iter().sum::<f64>() / count as f64)
    }
}

/// Which checkpoint to keep, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// Its step.
    pub step: u64,
    /// Why, in words.
    pub why: String,
}

/// All that is known of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The form of this JSON.
    pub heirloom_training: u32,
    /// The style's name.
    pub style: String,
    /// The style.
    pub style_object: ObjectId,
    /// Whose look it is, where it is not the style's.
    pub subject: Option<String>,
    /// The model's name on the list.
    pub model: String,
    /// Its hash there.
    pub model_id: String,
    /// What it is, for people.
    pub model_title: String,
    /// Which of two transformers, where there are two.
    pub expert: Option<String>,
    /// Words that call for it.
    pub trigger: String,
    /// The run's settings, as the engine has them.
    pub settings: serde_json::Value,
    /// Names all samples by their numbers.
    pub dataset: String,
    /// What it was trained on.
    pub sources: Vec<Learnt>,
    /// What it was judged by.
    pub held_out: Vec<Learnt>,
    /// What was left out, and why.
    pub left_out: Vec<(String, String)>,
    /// The words that stills are made of.
    pub prompts: Vec<String>,
    /// Checkpoints, by step.
    pub looks: Vec<LookAt>,
    /// Which one to keep.
    pub suggestion: Option<Suggestion>,
    /// What is wrong with the run, in words.
    pub warnings: Vec<String>,
}

impl Record {
    /// The form that is written now.
    pub const FORM: u32 = FORM;

    /// Notes a look, in its place, and what follows from it.
    pub fn note(&mut self, look: LookAt) -> Ranking {
        self.looks.retain(|known| known.step != look.step);
        let place = self.looks.partition_point(|known| known.step < look.step);
        self.looks.insert(place, look);
        let ranking = rank(&self.looks);
        self.suggestion = ranking.order.first().map(|best| Suggestion {
            step: best.step,
            why: best.why.clone(),
        });
        self.warnings.clone_from(&ranking.warnings);
        ranking
    }

    /// Of what the LoRA is, for people.
    pub fn of(&self) -> &str {
        self.subject.as_deref().unwrap_or(&self.style)
    }
}

/// Says in the ledger that a run is done: from which sources, with which settings, and which checkpoint is the one to keep.
/// Said once: doing it again adds nothing. Gives the record's object.
///
/// # Errors
/// What the vault says.
pub fn tell_trained(vault: &Vault, record: &Record, by: Actor) -> Result<ObjectId, StyleError> {
    let id = vault.put_json(record)?;
    let known = vault.ledger().acts(&Filter {
        verb: Some(Verb::Trained),
        ..Filter::object(id)
    })?;
    if !known.is_empty() {
        return Ok(id);
    }
    let subject = match &record.subject {
        Some(name) => format!("subject:{name}"),
        None => format!("style:{}", record.style),
    };
    let mut act = NewAct::new(Verb::Trained, by, subject)
        .input("style", record.style_object)
        .output("training", id)
        .with_facts(serde_json::json!({
            "name": record.of(), "model": record.model, "trigger": record.trigger,
            "sources": record.sources.len(), "held_out": record.held_out.len(),
            "suggested": record.suggestion, "warnings": record.warnings,
        }));
    for source in &record.sources {
        act = act.input("source", source.object);
    }
    for source in &record.held_out {
        act = act.input("held-out", source.object);
    }
    if let Some(suggestion) = &record.suggestion {
        act = act.because(format!("keep step {}: {}", suggestion.step, suggestion.why));
    }
    vault.ledger().append(act)?;
    Ok(id)
}

/// A checkpoint to be kept.
#[derive(Clone, Debug)]
pub struct Kept<'a> {
    /// The run.
    pub record: &'a Record,
    /// The record's object.
    pub training: ObjectId,
    /// The LoRA in the form of diffusers and PEFT.
    pub lora: ObjectId,
    /// The same in the form of ComfyUI.
    pub comfy: ObjectId,
    /// How it is called, and where it comes from.
    pub facts: LoraFacts,
    /// Why this one.
    pub why: String,
    /// Who says so.
    pub by: Actor,
}

impl Kept<'_> {
    /// Lays what was kept into an act.
    fn told(self, act: NewAct) -> Result<NewAct, StyleError> {
        let mut act = act
            .input("training", self.training)
            .output(LORA, self.lora)
            .output("lora-comfy", self.comfy);
        for source in &self.record.sources {
            act = act.input(TRAINED_ON, source.object);
        }
        let facts = self.facts.into_facts(act.facts.clone())?;
        Ok(act.because(self.why).with_facts(facts))
    }
}

/// Keeps a style's LoRA: as the style's next version, which is as the one that it was trained for but for the LoRA.
///
/// # Errors
/// [`StyleError`]
pub fn keep(styles: &Styles<'_>, style: &Held, kept: Kept<'_>) -> Result<Held, StyleError> {
    let next = crate::style::Style {
        lora: Some(kept.lora),
        ..style.style.clone()
    };
    let by = kept.by.clone();
    styles.keep_with(next, by, |act| kept.told(act))
}

/// Keeps a subject's LoRA: the style stays as it is.
///
/// # Errors
/// What the vault says.
pub fn keep_subject(vault: &Vault, name: &str, kept: Kept<'_>) -> Result<(), StyleError> {
    let style = kept.record.style_object;
    let facts = serde_json::json!({ "name": name });
    let act = NewAct::new(Verb::Styled, kept.by.clone(), format!("subject:{name}"))
        .input("style", style)
        .with_facts(facts);
    let act = kept.told(act)?;
    vault.ledger().append(act)?;
    Ok(())
}
