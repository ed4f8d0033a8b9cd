//! Styles by name: made from sources, versioned, kept in the vault, and found again in the ledger.
//!
//! A style is a JSON object in the vault that names its grade, its exemplars and its sources by hash. Its versions follow
//! one another as acts (`styled`, on `style:NAME`); the newest one counts where none is named. A variant is a style whose
//! name has a step more: `father/night` beside `father`. A blend of two styles is a style too, and says what it is of.

use std::fmt;

use heirloom_vault::{Actor, Filter, NewAct, ObjectId, Vault, VaultError, Verb};
use serde::{Deserialize, Serialize};

use crate::drift::{Features, Reference};
use crate::grade::Grade;
use crate::lut::{CubeError, Lut3};

/// The form of a style's JSON.
const FORM: u32 = 1;
/// Longest name, in characters.
const LONGEST_NAME: usize = 100;

/// A style, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Style {
    /// The form of this JSON.
    pub heirloom_style: u32,
    /// Its name: "father", or "father/night" for a variant.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// The version before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<ObjectId>,
    /// How its sources were chosen, in words: the names or the query.
    pub from: String,
    /// Its sources, sorted, each once.
    pub sources: Vec<ObjectId>,
    /// Its grade, as a `.cube` file.
    pub grade: ObjectId,
    /// A few of its sources that stand for all of them, the one nearest to all of them first.
    pub exemplars: Vec<ObjectId>,
    /// Means of [`heirloom_picture::look::Look::texture`] over its sources.
    pub texture: Vec<f32>,
    /// Standard deviations of the same.
    pub texture_spread: Vec<f32>,
    /// What drift from it is measured by: a [`Reference`] as JSON. Of a style from fewer than three sources there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<ObjectId>,
    /// A LoRA trained from its sources, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora: Option<ObjectId>,
    /// What it is a blend of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blend: Option<Blend>,
}

/// A place between two styles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blend {
    /// The style at 0.
    pub one: ObjectId,
    /// The style at 1.
    pub other: ObjectId,
    /// How far from one to the other, 0 to 1.
    pub at: f64,
}

/// A style, and the object that it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// Its object.
    pub id: ObjectId,
    /// What it says.
    pub style: Style,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.style.name, self.style.version)
    }
}

/// A style could not be made or found.
#[derive(Debug, thiserror::Error)]
pub enum StyleError {
    /// There is none of that name.
    #[error(
        "there is no style {name}{}",
        if near.is_empty() { ": make one with `heirloom style make NAME --from SOURCES`".to_owned() } else { format!(": there are {}", near.join(", ")) }
    )]
    NotFound {
        /// What was asked for.
        name: String,
        /// The names that there are.
        near: Vec<String>,
    },
    /// There is a style of that name, but not that version.
    #[error("{name} has the versions 1 to {last}, not {version}")]
    NoVersion {
        /// The style's name.
        name: String,
        /// What was asked for.
        version: u32,
        /// The newest.
        last: u32,
    },
    /// A name that cannot be one.
    #[error(
        "\"{0}\" is no name for a style: letters, digits, spaces, - and _, with / before a variant, such as father/night"
    )]
    BadName(String),
    /// No source was left to make it from.
    #[error("no source to make the style from: {0}")]
    NoSources(String),
    /// The vault could not give or take something.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A style's grade that cannot be read.
    #[error(transparent)]
    Cube(#[from] CubeError),
    /// A style's JSON that cannot be read.
    #[error("style object {} cannot be read: {why}; `heirloom vault verify` tells whether it is whole", id.short())]
    Damaged {
        /// The object.
        id: ObjectId,
        /// What is wrong.
        why: String,
    },
}

/// The styles of a vault.
#[derive(Clone, Copy, Debug)]
pub struct Styles<'a> {
    vault: &'a Vault,
}

impl<'a> Styles<'a> {
    /// The styles of this vault.
    pub fn new(vault: &'a Vault) -> Self {
        Self { vault }
    }

    /// The vault that holds them.
    pub fn vault(&self) -> &'a Vault {
        self.vault
    }

    /// The newest version of every style, by name.
    ///
    /// # Errors
    /// [`StyleError::Vault`], [`StyleError::Damaged`].
    pub fn all(&self) -> Result<Vec<Held>, StyleError> {
        let mut newest = std::collections::BTreeMap::new();
        for act in self.vault.ledger().acts(&Filter::verb(Verb::Styled))? {
            if let Some(id) = act.outputs("style").next() {
                newest.insert(act.subject.clone(), id);
            }
        }
        newest.into_values().map(|id| self.read(id)).collect()
    }

    /// Every version of one style, the oldest first.
    ///
    /// # Errors
    /// As [`Styles::get`].
    pub fn versions(&self, name: &str) -> Result<Vec<Held>, StyleError> {
        let acts = self.vault.ledger().acts(&Filter::subject(subject(name)))?;
        let versions: Vec<Held> = acts
            .iter()
            .filter_map(|act| act.outputs("style").next())
            .map(|id| self.read(id))
            .collect::<Result<_, _>>()?;
        if versions.is_empty() {
            let near = self.all()?.into_iter().map(|held| held.style.name).collect();
            return Err(StyleError::NotFound {
                name: name.to_owned(),
                near,
            });
        }
        Ok(versions)
    }

    /// The style that is called so: `father` is the newest version, `father@2` the second.
    ///
    /// # Errors
    /// [`StyleError::NotFound`] with the names there are, [`StyleError::NoVersion`].
    pub fn get(&self, call: &str) -> Result<Held, StyleError> {
        let (name, version) = match call.rsplit_once('@') {
            Some((name, number)) => (name, number.parse::<u32>().ok()),
            None => (call, None),
        };
        if call.contains('@') && version.is_none() {
            return Err(StyleError::BadName(call.to_owned()));
        }
        let mut versions = self.versions(name.trim())?;
        let last = versions.len() as u32;
        let at = version.unwrap_or(last);
        // Versions count in the order of the ledger: two machines that each made a second one have a third after merging.
        if at == 0 || at > last {
            return Err(StyleError::NoVersion {
                name: name.to_owned(),
                version: at,
                last,
            });
        }
        Ok(versions.swap_remove(at as usize - 1))
    }

    /// A style's grade.
    ///
    /// # Errors
    /// Where the vault lacks it, or it is no `.cube`.
    pub fn grade(&self, style: &Style) -> Result<Grade, StyleError> {
        let bytes = self.vault.read(&style.grade)?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(Grade::from_lut(Lut3::parse_cube(&style.name, &text)?))
    }

    /// What drift from a style is measured by; `None` where it has too few sources, or was made before drift was measured, or by
    /// another version of it.
    ///
    /// # Errors
    /// Where the vault lacks it, or it cannot be read.
    pub fn reference(&self, style: &Style) -> Result<Option<Reference>, StyleError> {
        let Some(id) = style.drift else { return Ok(None) };
        let reference: Reference =
            serde_json::from_slice(&self.vault.read(&id)?).map_err(|e| StyleError::Damaged {
                id,
                why: e.to_string(),
            })?;
        Ok(Some(reference).filter(Reference::is_of_this_version))
    }

    /// Fits and keeps a reference; none of too few sources.
    pub(crate) fn keep_reference(&self, sources: &[Features]) -> Result<Option<ObjectId>, StyleError> {
        match Reference::fit(sources) {
            Ok(reference) => Ok(Some(self.vault.put_json(&reference)?)),
            Err(_) => Ok(None),
        }
    }

    /// Keeps a style as the next version of its name, and says so in the ledger. `version` and `before` are set here.
    pub(crate) fn keep(&self, style: Style, by: Actor) -> Result<Held, StyleError> {
        self.keep_with(style, by, Ok)
    }

    /// The same, with more said in the act.
    pub(crate) fn keep_with(
        &self,
        mut style: Style,
        by: Actor,
        more: impl FnOnce(NewAct) -> Result<NewAct, StyleError>,
    ) -> Result<Held, StyleError> {
        let name = valid(&style.name)?;
        let before = match self.versions(&name) {
            Ok(versions) => versions,
            Err(StyleError::NotFound { .. }) => Vec::new(),
            Err(other) => return Err(other),
        };
        style.heirloom_style = FORM;
        style.name = name;
        style.version = before.len() as u32 + 1;
        style.before = before.last().map(|held| held.id);
        let id = self.vault.put_json(&style)?;
        let mut act = NewAct::new(Verb::Styled, by, subject(&style.name)).output("style", id);
        act = act.output("grade", style.grade);
        for source in &style.sources {
            act = act.input("source", *source);
        }
        if let Some(blend) = &style.blend {
            act = act.input("style", blend.one).input("style", blend.other);
        }
        let facts = serde_json::json!({
            "name": style.name, "version": style.version, "from": style.from, "sources": style.sources.len(),
        });
        self.vault.ledger().append(more(act.with_facts(facts))?)?;
        Ok(Held { id, style })
    }

    /// The style that is this object.
    ///
    /// # Errors
    /// Where the vault lacks it, or it is no style.
    pub fn read(&self, id: ObjectId) -> Result<Held, StyleError> {
        let bytes = self.vault.read(&id)?;
        let damaged = |why: String| StyleError::Damaged { id, why };
        let style: Style = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
        if style.heirloom_style > FORM {
            return Err(damaged("it was made by a newer Heirloom".to_owned()));
        }
        Ok(Held { id, style })
    }
}

fn subject(name: &str) -> String {
    format!("style:{name}")
}

/// A name as it is kept; the steps of its path trimmed.
fn valid(name: &str) -> Result<String, StyleError> {
    let steps: Vec<&str> = name.split('/').map(str::trim).collect();
    let sound = |step: &&str| {
        !step.is_empty()
            && step
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
    };
    if !steps.iter().all(sound) || name.chars().count() > LONGEST_NAME {
        return Err(StyleError::BadName(name.to_owned()));
    }
    Ok(steps.join("/"))
}
