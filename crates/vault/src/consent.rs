//! What the people shown in sources have consented to: a view over the acts on `person:<name>`.
//!
//! A source has an owner, and the people who can be recognised in it have a say of their own: a photograph that its owner
//! lends for a film may still show someone who does not want to be in it. One consent of a person counts for every source
//! that shows them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::act::{Act, Actor, NewAct, Role, Verb, timestamp_text};
use crate::error::VaultError;
use crate::ledger::{Filter, Ledger};
use crate::object::ObjectId;
use crate::rights::{Clause, Use};

/// What a person has consented to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Consent {
    /// How they consented, in words: "in writing, 2024-05-01".
    pub terms: String,
    /// Who consented for them, where they could not: a guardian, an estate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_by: Option<String>,
    /// The text of the consent, kept in the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms_file: Option<ObjectId>,
    /// What pictures of them may be used for.
    pub scope: BTreeSet<Use>,
    /// The last day on which they may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
}

impl Consent {
    /// A consent with the usual scope, without end.
    pub fn new(terms: impl Into<String>) -> Self {
        Self {
            terms: terms.into(),
            given_by: None,
            terms_file: None,
            scope: Use::usual(),
            until: None,
        }
    }
}

/// Where a person stands: what they consented to last, and whether that was taken back since.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Consenting {
    /// What was declared last, if anything.
    pub consent: Option<Consent>,
    /// The act that took it back, where one holds.
    pub revoked: Option<Act>,
}

impl Consenting {
    /// Whether pictures of this person may be used so on this day; if not, the clause that forbids it.
    ///
    /// # Errors
    /// The [`Clause`], with the person's name.
    pub fn allows(&self, person: &str, wanted: Use, today: Date) -> Result<(), Clause> {
        let person = person.to_owned();
        if let Some(act) = &self.revoked {
            return Err(Clause::ConsentRevoked {
                person,
                by: act.by.name.clone(),
                on: act.at.to_zoned(jiff::tz::TimeZone::UTC).date(),
                why: act.why.clone(),
            });
        }
        let Some(consent) = self.consent.as_ref().filter(|c| !c.terms.trim().is_empty()) else {
            return Err(Clause::NoConsent { person });
        };
        if let Some(until) = consent.until.filter(|until| today > *until) {
            return Err(Clause::ConsentExpired { person, until });
        }
        if !consent.scope.contains(&wanted) {
            return Err(Clause::ConsentOutsideScope {
                person,
                wanted,
                scope: consent.scope.clone(),
            });
        }
        Ok(())
    }
}

/// The subject under which acts on a person's consent stand: `person:<name>`, spaces at the ends left out.
pub fn person_subject(name: &str) -> String {
    format!("person:{}", name.trim())
}

/// The act that declares what a person consented to.
///
/// `anew` says that a person declares this knowingly, and lifts an earlier revocation; what files say never does. It
/// only counts with `by` a person.
///
/// # Errors
/// None that a consent made here can lead to: JSON takes all of it.
pub fn consent_declaration(
    name: &str,
    consent: &Consent,
    by: Actor,
    anew: bool,
) -> Result<NewAct, VaultError> {
    let json = |source| VaultError::Json {
        what: "a consent",
        source,
    };
    let mut facts = serde_json::to_value(consent).map_err(json)?;
    if let (true, Some(map)) = (anew, facts.as_object_mut()) {
        map.insert("by_person".to_owned(), true.into());
    }
    let mut act = NewAct::new(Verb::Declared, by, person_subject(name));
    if let Some(terms) = consent.terms_file {
        act = act.input("terms", terms);
    }
    Ok(act.with_facts(facts))
}

impl Ledger {
    /// What a person consented to, as it stands now.
    ///
    /// The latest declaration counts. A revocation outlasts every declaration made from files; only a later one that
    /// a person made knowingly lifts it.
    ///
    /// # Errors
    /// [`VaultError::BadAct`] when a declaration cannot be understood: never guessed at.
    pub fn consent_of(&self, name: &str) -> Result<Consenting, VaultError> {
        consenting(self.acts(&Filter::subject(person_subject(name)))?)
    }

    /// Where every person stands of whom anything was declared or revoked, by name.
    ///
    /// # Errors
    /// As [`Ledger::consent_of`].
    pub fn consents(&self) -> Result<BTreeMap<String, Consenting>, VaultError> {
        let mut acts = self.acts(&Filter::verb(Verb::Declared))?;
        acts.extend(self.acts(&Filter::verb(Verb::Revoked))?);
        acts.sort_by_key(|act| (act.at, act.id));
        let mut by_person: BTreeMap<String, Vec<Act>> = BTreeMap::new();
        for act in acts {
            if let Some(name) = act.subject.strip_prefix("person:") {
                by_person.entry(name.to_owned()).or_default().push(act);
            }
        }
        by_person
            .into_iter()
            .map(|(name, acts)| Ok((name, consenting(acts)?)))
            .collect()
    }

    /// Declares what a person consented to, as [`consent_declaration`] has it.
    ///
    /// # Errors
    /// What the database says.
    pub fn consent(&self, name: &str, consent: &Consent, by: Actor, anew: bool) -> Result<Act, VaultError> {
        self.append(consent_declaration(name, consent, by, anew)?)
    }

    /// Takes a person's consent back, for every source that shows them.
    ///
    /// # Errors
    /// What the database says.
    pub fn revoke_consent(&self, name: &str, by: Actor, why: Option<String>) -> Result<Act, VaultError> {
        let mut act = NewAct::new(Verb::Revoked, by, person_subject(name));
        act.why = why;
        self.append(act)
    }
}

/// What these acts on one person, in their order, add up to.
fn consenting(acts: impl IntoIterator<Item = Act>) -> Result<Consenting, VaultError> {
    let mut found = Consenting::default();
    for act in acts {
        match act.verb {
            Verb::Declared => {
                let consent = serde_json::from_value(act.facts.clone()).map_err(|e| VaultError::BadAct {
                    id: act.id,
                    why: format!("consent declared at {}: {e}", timestamp_text(act.at)),
                })?;
                let anew = act.by.role == Role::Person
                    && act.facts.get("by_person").and_then(serde_json::Value::as_bool) == Some(true);
                if anew {
                    found.revoked = None;
                }
                found.consent = Some(consent);
            }
            Verb::Revoked => found.revoked = Some(act),
            _ => {}
        }
    }
    Ok(found)
}
