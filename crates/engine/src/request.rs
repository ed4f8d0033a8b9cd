//! A request: all that determines a take but chance, as canonical JSON with a hash; and a draw of it.

use std::collections::BTreeMap;
use std::fmt;

use heirloom_film::{Rate, Size};
use heirloom_vault::ObjectId;
use serde::{Deserialize, Serialize};

use crate::card::Task;

/// One setting of an engine. Numbers must be finite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Param {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// A word.
    Text(String),
}

/// A picture that a certain frame must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keyframe {
    /// Frame within the request, from 0.
    pub frame: u32,
    /// The picture.
    pub object: ObjectId,
}

/// All that determines a take but chance. Everything outside is named by hash; an engine searches nothing.
///
/// Its canonical form is JSON with sorted keys and no spaces; its hash is the BLAKE3 of those bytes, so a
/// stored request's object id *is* its hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The engine's name.
    pub engine: String,
    /// The engine's algorithm revision.
    pub revision: u32,
    /// What is asked for.
    pub task: Task,
    /// What should be seen; empty where the engine ignores words.
    pub prompt: String,
    /// How it should feel; empty where the engine ignores words.
    pub mood: String,
    /// Chance, for engines with seeds.
    pub seed: u64,
    /// Frame size in pixels.
    pub size: Size,
    /// Frames a second.
    pub rate: Rate,
    /// Length in frames.
    pub frames: u32,
    /// Sources in the order they were named (a becoming's from, then to).
    pub sources: Vec<ObjectId>,
    /// Pictures that certain frames must be.
    pub keyframes: Vec<Keyframe>,
    /// Pictures that are no sources, by what they are for (see [`crate::settings`]): a mask, a drawing of the
    /// composition. Nothing of them is seen in the take.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pictures: BTreeMap<String, ObjectId>,
    /// A guide set, by hash.
    pub guides: Option<ObjectId>,
    /// A resolved style, by hash.
    pub style: Option<ObjectId>,
    /// The engine's own settings.
    pub params: BTreeMap<String, Param>,
}

/// A request that has no canonical form.
#[derive(Debug, thiserror::Error)]
#[error("the setting `{0}` is not a finite number; give it a number")]
pub struct NotFinite(pub String);

impl Request {
    /// The bytes that name this request: JSON, keys sorted, no spaces.
    ///
    /// # Errors
    /// A setting that is infinite or not a number has no JSON form.
    pub fn canonical(&self) -> Result<Vec<u8>, NotFinite> {
        for (name, value) in &self.params {
            if let Param::Number(n) = value
                && !n.is_finite()
            {
                return Err(NotFinite(name.clone()));
            }
        }
        // `serde_json::Value` keeps its keys in a sorted map, which is what makes the form canonical.
        serde_json::to_value(self)
            .map(|v| v.to_string().into_bytes())
            .map_err(|e| NotFinite(e.to_string()))
    }

    /// The hash of the canonical form.
    ///
    /// # Errors
    /// As [`Request::canonical`].
    pub fn id(&self) -> Result<ObjectId, NotFinite> {
        Ok(ObjectId::of(&self.canonical()?))
    }
}

/// One go at a request. A seeded engine has one draw (0) a request; a retry reuses its draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Draw {
    /// The request's hash.
    pub request: ObjectId,
    /// Which go, from 0.
    pub n: u32,
}

impl fmt::Display for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.request, self.n)
    }
}
