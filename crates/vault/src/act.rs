//! Acts: who did what, when, to which object, from which objects, and why.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical;
use crate::error::VaultError;
use crate::object::ObjectId;

/// The id of an act: the BLAKE3 hash of its canonical JSON. The same act has the same id in every ledger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActId(ObjectId);

impl ActId {
    pub(crate) fn of(content: &str) -> Self {
        Self(ObjectId::of(content.as_bytes()))
    }

    /// The first twelve digits, for people to read.
    pub fn short(&self) -> String {
        self.0.short()
    }
}

impl fmt::Display for ActId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ActId {
    type Err = VaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verb {
    /// A photograph or clip came into the archive.
    Ingested,
    /// Owner, terms and scope of a source were stated.
    Declared,
    /// The leave to use a source was taken back.
    Revoked,
    /// A style was made from sources, or changed.
    Styled,
    /// A LoRA was trained from sources.
    Trained,
    /// A request was made; written before anything is spent on it.
    Requested,
    /// Money was reserved, spent, given back, or may have been spent.
    Accounted,
    /// A draw gave its outputs.
    Drawn,
    /// The gate or an engine said no.
    Refused,
    /// A take was chosen.
    Chosen,
    /// A take was turned down, with the reason.
    Rejected,
    /// A take was laid aside: not for now, and not lost.
    Shelved,
    /// A take was given stars.
    Starred,
    /// Something was said of a take.
    Noted,
    /// Many takes of a shot were judged by their measures, in one go.
    Culled,
    /// An act of choosing was taken back.
    Undone,
    /// Takes were cut together.
    Cut,
    /// A master left the studio.
    Exported,
    /// Objects that nothing refers to were removed.
    Tidied,
}

impl Verb {
    /// Every verb, in the order of a film's making.
    pub const ALL: [Verb; 19] = [
        Verb::Ingested,
        Verb::Declared,
        Verb::Revoked,
        Verb::Styled,
        Verb::Trained,
        Verb::Requested,
        Verb::Accounted,
        Verb::Drawn,
        Verb::Refused,
        Verb::Chosen,
        Verb::Rejected,
        Verb::Shelved,
        Verb::Starred,
        Verb::Noted,
        Verb::Culled,
        Verb::Undone,
        Verb::Cut,
        Verb::Exported,
        Verb::Tidied,
    ];

    /// The word as it stands in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Ingested => "ingested",
            Verb::Declared => "declared",
            Verb::Revoked => "revoked",
            Verb::Styled => "styled",
            Verb::Trained => "trained",
            Verb::Requested => "requested",
            Verb::Accounted => "accounted",
            Verb::Drawn => "drawn",
            Verb::Refused => "refused",
            Verb::Chosen => "chosen",
            Verb::Rejected => "rejected",
            Verb::Shelved => "shelved",
            Verb::Starred => "starred",
            Verb::Noted => "noted",
            Verb::Culled => "culled",
            Verb::Undone => "undone",
            Verb::Cut => "cut",
            Verb::Exported => "exported",
            Verb::Tidied => "tidied",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Verb {
    type Err = UnknownVerb;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Verb::ALL
            .into_iter()
            .find(|verb| verb.as_str() == text)
            .ok_or_else(|| UnknownVerb(text.to_owned()))
    }
}

/// A word that is no [`Verb`].
#[derive(Debug, thiserror::Error)]
#[error(
    "\"{0}\" is no act: use ingested, declared, revoked, styled, trained, requested, accounted, drawn, refused, chosen, \
     rejected, shelved, starred, noted, culled, undone, cut, exported or tidied"
)]
pub struct UnknownVerb(pub String);

/// What kind of actor did it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A human being.
    Person,
    /// A generator.
    Engine,
    /// Heirloom itself, doing what a file or a schedule said.
    Program,
}

/// Who did it, and on which machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Actor {
    /// The person's, engine's or program's name.
    pub name: String,
    /// What kind of actor it is.
    pub role: Role,
    /// The machine's name.
    pub machine: String,
}

impl Actor {
    /// The person at this machine, by the name of their account.
    pub fn person_here() -> Self {
        let name = ["USER", "LOGNAME", "USERNAME"]
            .into_iter()
            .find_map(|key| std::env::var(key).ok().filter(|name| !name.is_empty()));
        Self::person(name.unwrap_or_else(|| "someone".to_owned()))
    }

    /// A person at this machine.
    pub fn person(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            role: Role::Person,
            machine: machine_name(),
        }
    }

    /// An engine at this machine.
    pub fn engine(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            role: Role::Engine,
            machine: machine_name(),
        }
    }

    /// Heirloom itself at this machine.
    pub fn program() -> Self {
        Self {
            name: "heirloom".to_owned(),
            role: Role::Program,
            machine: machine_name(),
        }
    }
}

/// This machine's name, as well as the standard library can learn it.
fn machine_name() -> String {
    let from_file = ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .into_iter()
        .find_map(|path| {
            std::fs::read_to_string(path)
                .ok()
                .map(|name| name.trim().to_owned())
        })
        .filter(|name| !name.is_empty());
    let from_environment = || {
        ["HOSTNAME", "COMPUTERNAME"]
            .into_iter()
            .find_map(|key| std::env::var(key).ok())
    };
    from_file
        .or_else(from_environment)
        .unwrap_or_else(|| "this machine".to_owned())
}

/// Whether an object went into an act or came out of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// The act used the object.
    In,
    /// The act made the object, or brought it in.
    Out,
}

impl Way {
    /// The word as it stands in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Way::In => "in",
            Way::Out => "out",
        }
    }
}

/// One object's part in an act.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Edge {
    /// What the object was to the act: "source", "terms", "take", "map", "frame", "master" …
    pub role: String,
    /// The object.
    pub object: ObjectId,
    /// Whether it went in or came out.
    pub way: Way,
}

/// An act about to be written: all but its time and its id, which the ledger gives.
#[derive(Clone, PartialEq, Debug)]
pub struct NewAct {
    /// What was done.
    pub verb: Verb,
    /// Who did it.
    pub by: Actor,
    /// To what: `source:<object id>`, `shot:<id>`, `request:<hash>`, `film` …
    pub subject: String,
    /// The objects that went in and came out.
    pub edges: Vec<Edge>,
    /// Why, in words.
    pub why: Option<String>,
    /// What else is known, as a JSON object.
    pub facts: Value,
}

impl NewAct {
    /// An act without edges, reason or facts.
    pub fn new(verb: Verb, by: Actor, subject: impl Into<String>) -> Self {
        Self {
            verb,
            by,
            subject: subject.into(),
            edges: Vec::new(),
            why: None,
            facts: json!({}),
        }
    }

    /// The same, with an object that went in.
    pub fn input(mut self, role: impl Into<String>, object: ObjectId) -> Self {
        self.edges.push(Edge {
            role: role.into(),
            object,
            way: Way::In,
        });
        self
    }

    /// The same, with an object that came out.
    pub fn output(mut self, role: impl Into<String>, object: ObjectId) -> Self {
        self.edges.push(Edge {
            role: role.into(),
            object,
            way: Way::Out,
        });
        self
    }

    /// The same, with the reason.
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// The same, with what else is known.
    pub fn with_facts(mut self, facts: Value) -> Self {
        self.facts = facts;
        self
    }

    /// The act as done at this time.
    pub fn at(self, at: Timestamp) -> Act {
        let Self {
            verb,
            by,
            subject,
            edges,
            why,
            facts,
        } = self;
        let mut act = Act {
            id: ActId::of(""),
            at,
            verb,
            by,
            subject,
            edges,
            why,
            facts,
        };
        act.id = ActId::of(&act.content());
        act
    }
}

/// One entry of the ledger.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Act {
    /// The hash of all the rest.
    pub id: ActId,
    /// When it was done. Acts of one ledger never bear the same time, and follow one another in it.
    #[serde(serialize_with = "timestamp_as_text")]
    pub at: Timestamp,
    /// What was done.
    pub verb: Verb,
    /// Who did it.
    pub by: Actor,
    /// To what: `source:<object id>`, `shot:<id>`, `request:<hash>`, `film` …
    pub subject: String,
    /// The objects that went in and came out.
    pub edges: Vec<Edge>,
    /// Why, in words.
    pub why: Option<String>,
    /// What else is known, as a JSON object.
    pub facts: Value,
}

impl Act {
    /// The objects that came out in this role.
    pub fn outputs<'a>(&'a self, role: &'a str) -> impl Iterator<Item = ObjectId> + 'a {
        self.objects(role, Way::Out)
    }

    /// The objects that went in in this role.
    pub fn inputs<'a>(&'a self, role: &'a str) -> impl Iterator<Item = ObjectId> + 'a {
        self.objects(role, Way::In)
    }

    fn objects<'a>(&'a self, role: &'a str, way: Way) -> impl Iterator<Item = ObjectId> + 'a {
        self.edges
            .iter()
            .filter(move |e| e.way == way && e.role == role)
            .map(|e| e.object)
    }

    /// The act's canonical JSON, which its id is the hash of.
    pub(crate) fn content(&self) -> String {
        let edges: Vec<Value> = self
            .edges
            .iter()
            .map(|e| json!({ "role": e.role, "object": e.object.to_string(), "way": e.way.as_str() }))
            .collect();
        let role = match self.by.role {
            Role::Person => "person",
            Role::Engine => "engine",
            Role::Program => "program",
        };
        canonical::to_string(&json!({
            "act": 1,
            "at": timestamp_text(self.at),
            "verb": self.verb.as_str(),
            "by": { "name": self.by.name, "role": role, "machine": self.by.machine },
            "subject": self.subject,
            "edges": edges,
            "why": self.why,
            "facts": self.facts,
        }))
    }

    /// An act from its canonical JSON, refused unless `id` is its hash.
    pub(crate) fn from_content(id: ActId, content: &str) -> Result<Self, VaultError> {
        #[derive(Deserialize)]
        struct Content {
            at: Timestamp,
            verb: String,
            by: Actor,
            subject: String,
            edges: Vec<Edge>,
            why: Option<String>,
            facts: Value,
        }
        let bad = |why: String| VaultError::BadAct { id, why };
        if ActId::of(content) != id {
            return Err(bad("its words do not match its id".to_owned()));
        }
        let c: Content = serde_json::from_str(content).map_err(|e| bad(e.to_string()))?;
        let verb = c.verb.parse().map_err(|e: UnknownVerb| bad(e.to_string()))?;
        Ok(Act {
            id,
            at: c.at,
            verb,
            by: c.by,
            subject: c.subject,
            edges: c.edges,
            why: c.why,
            facts: c.facts,
        })
    }
}

/// A time as the ledger writes it: UTC, always nine digits of a second, so that text order is time order.
pub(crate) fn timestamp_text(at: Timestamp) -> String {
    format!("{at:.9}")
}

fn timestamp_as_text<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&timestamp_text(*at))
}
