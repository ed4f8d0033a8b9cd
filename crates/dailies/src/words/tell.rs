//! What words did, told.

use std::fmt;

use super::Language;
use super::reading::Field;

/// What a word did, or why it did nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// It set this.
    Did(String),
    /// It would have done something, and this is why it did not.
    Nothing(String),
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deed::Did(words) => f.write_str(words),
            Deed::Nothing(words) => write!(f, "nothing: {words}"),
        }
    }
}

/// A word of a shot, and what it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The word as it is written.
    pub word: String,
    /// Where it stands.
    pub field: Field,
    /// What it did; at least one once the shot is planned.
    pub deeds: Vec<Deed>,
}

impl Told {
    /// Whether it did anything at all.
    pub fn did_something(&self) -> bool {
        self.deeds.iter().any(|deed| matches!(deed, Deed::Did(_)))
    }

    pub(crate) fn did(&mut self, words: impl Into<String>) {
        self.deeds.push(Deed::Did(words.into()));
    }

    pub(crate) fn nothing(&mut self, words: impl Into<String>) {
        let deed = Deed::Nothing(words.into());
        if !self.deeds.contains(&deed) {
            self.deeds.push(deed);
        }
    }
}

/// What the words of one shot did.
#[derive(Debug, Clone, PartialEq)]
pub struct ShotWords {
    /// Scene and shot.
    pub shot: String,
    /// The kind of shot, as `film.toml` has it.
    pub kind: &'static str,
    /// The language that prompt and mood were read in.
    pub language: Language,
    /// Every word that says something, in order.
    pub told: Vec<Told>,
    /// For each thing of a guided shot whose name chose its matter: its name, the source's file, and why.
    pub things: Vec<(String, String, String)>,
}

impl fmt::Display for ShotWords {
    /// One line a word: those that did something in their order, then those that did nothing, by reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.told.is_empty() && self.things.is_empty() {
            return write!(f, "shot {} ({}): no words", self.shot, self.kind);
        }
        write!(
            f,
            "shot {} ({}), words read in {}",
            self.shot, self.kind, self.language
        )?;
        let name = |told: &Told| match told.field {
            Field::Prompt => told.word.clone(),
            Field::Mood => format!("{} (mood)", told.word),
        };
        for told in self.told.iter().filter(|told| told.did_something()) {
            // What it did before what it did not.
            let (did, not): (Vec<&Deed>, Vec<&Deed>) =
                told.deeds.iter().partition(|deed| matches!(deed, Deed::Did(_)));
            let deeds: Vec<String> = did.into_iter().chain(not).map(ToString::to_string).collect();
            write!(f, "\n  {} -> {}", name(told), deeds.join("; "))?;
        }
        let mut idle: Vec<(String, Vec<String>)> = Vec::new();
        for told in self.told.iter().filter(|told| !told.did_something()) {
            let why: Vec<String> = told
                .deeds
                .iter()
                .map(|deed| match deed {
                    Deed::Did(words) | Deed::Nothing(words) => words.clone(),
                })
                .collect();
            let why = why.join("; ");
            match idle.iter_mut().find(|(reason, _)| *reason == why) {
                Some((_, words)) => words.push(name(told)),
                None => idle.push((why, vec![name(told)])),
            }
        }
        for (why, words) in idle {
            write!(f, "\n  {} -> nothing: {why}", words.join(", "))?;
        }
        for (thing, file, why) in &self.things {
            write!(f, "\n  the thing {thing} -> made of {file} ({why})")?;
        }
        Ok(())
    }
}
