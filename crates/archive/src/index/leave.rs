//! A source's standing as the index keeps it: without what does not bear on whether it may be used.

use std::collections::BTreeMap;

use heirloom_vault::{Act, Actor, Consent, Consenting, NewAct, Rights, Role, Standing, Verb};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What decides whether a source may be used. Whether it may is asked day by day, and never stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Leave {
    rights: Option<Rights>,
    revoked: Option<Revoked>,
    consents: BTreeMap<String, Given>,
}

/// A person's consent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Given {
    consent: Option<Consent>,
    revoked: Option<Revoked>,
}

/// An act that took leave back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Revoked {
    by: String,
    at: Timestamp,
    why: Option<String>,
}

impl Revoked {
    fn of(act: &Act) -> Self {
        Self {
            by: act.by.name.clone(),
            at: act.at,
            why: act.why.clone(),
        }
    }

    /// An act with what a refusal tells of it.
    fn act(self) -> Act {
        let by = Actor {
            name: self.by,
            role: Role::Person,
            machine: String::new(),
        };
        let mut act = NewAct::new(Verb::Revoked, by, "");
        act.why = self.why;
        act.at(self.at)
    }
}

impl Leave {
    /// What of a standing decides.
    pub fn of(standing: &Standing) -> Self {
        let given = |consenting: &Consenting| Given {
            consent: consenting.consent.clone(),
            revoked: consenting.revoked.as_ref().map(Revoked::of),
        };
        Self {
            rights: standing.rights.clone(),
            revoked: standing.revoked.as_ref().map(Revoked::of),
            consents: standing
                .consents
                .iter()
                .map(|(person, consenting)| (person.clone(), given(consenting)))
                .collect(),
        }
    }

    /// A standing that allows and refuses as the first did, by the same rules.
    pub fn standing(self) -> Standing {
        let consenting = |given: Given| Consenting {
            consent: given.consent,
            revoked: given.revoked.map(Revoked::act),
        };
        Standing {
            rights: self.rights,
            revoked: self.revoked.map(Revoked::act),
            act: None,
            consents: self
                .consents
                .into_iter()
                .map(|(person, given)| (person, consenting(given)))
                .collect(),
        }
    }

    /// Whether someone of this name can be recognised in the source.
    pub fn names(&self, person: &str) -> bool {
        self.people().iter().any(|name| name.trim() == person)
    }

    /// Who can be recognised in the source.
    pub fn people(&self) -> &[String] {
        self.rights.as_ref().map_or(&[], |rights| &rights.people)
    }

    /// Whose the source is.
    pub fn owner(&self) -> &str {
        self.rights.as_ref().map_or("", |rights| &rights.owner)
    }
}
