//! Whose a source is and what may be done with it: a view over the acts that declare and revoke.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::act::{Act, Actor, NewAct, Role, Verb, timestamp_text};
use crate::consent::Consenting;
use crate::error::VaultError;
use crate::ledger::{Filter, Ledger};
use crate::object::ObjectId;

/// What a source may be used for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// To be looked at while the film is made.
    Look,
    /// To generate pictures from.
    Generate,
    /// To be seen in a film that leaves the studio.
    Publish,
    /// To train a model on.
    Train,
}

impl Use {
    /// Every use.
    pub const ALL: [Use; 4] = [Use::Look, Use::Generate, Use::Publish, Use::Train];

    /// What is allowed where nothing else is said: all but training.
    pub fn usual() -> BTreeSet<Use> {
        [Use::Look, Use::Generate, Use::Publish].into()
    }

    /// The word as it stands in `rights.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Use::Look => "look",
            Use::Generate => "generate",
            Use::Publish => "publish",
            Use::Train => "train",
        }
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Use {
    type Err = UnknownUse;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Use::ALL
            .into_iter()
            .find(|u| u.as_str() == text)
            .ok_or_else(|| UnknownUse(text.to_owned()))
    }
}

/// A word that is no [`Use`].
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no use: write look, generate, publish or train")]
pub struct UnknownUse(pub String);

/// Whose a source is, and on what terms it may be used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rights {
    /// Whose it is.
    pub owner: String,
    /// How and when it was obtained, in words.
    #[serde(default)]
    pub obtained: Option<String>,
    /// The terms, in words: "own work", "CC BY 4.0", "with written leave of …".
    pub terms: String,
    /// The text of the terms, kept in the vault.
    #[serde(default)]
    pub terms_file: Option<ObjectId>,
    /// What it may be used for.
    pub scope: BTreeSet<Use>,
    /// The last day on which it may be used.
    #[serde(default)]
    pub until: Option<Date>,
    /// Who can be recognised in it.
    #[serde(default)]
    pub people: Vec<String>,
}

impl Rights {
    /// Rights with the usual scope, without end.
    pub fn new(owner: impl Into<String>, terms: impl Into<String>) -> Self {
        Self {
            owner: owner.into(),
            obtained: None,
            terms: terms.into(),
            terms_file: None,
            scope: Use::usual(),
            until: None,
            people: Vec::new(),
        }
    }
}

/// Where a source stands: what was declared of it last, and whether that was revoked since.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Standing {
    /// What was declared last, if anything.
    pub rights: Option<Rights>,
    /// The act that took the leave back, where one holds.
    pub revoked: Option<Act>,
    /// The act that declared `rights`.
    pub act: Option<Act>,
    /// The consents of those who can be recognised in it, by name; one who gave none has none here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub consents: BTreeMap<String, Consenting>,
}

impl Standing {
    /// Whether the source may be used so on this day; if not, the clause that forbids it.
    ///
    /// A source without an owner or without terms may not be used at all, not even looked at in a film. Everyone
    /// who can be recognised in it must have consented to the use too; only to be looked at while the film is made
    /// it needs nobody's.
    pub fn allows(&self, wanted: Use, today: Date) -> Result<(), Clause> {
        if let Some(act) = &self.revoked {
            return Err(Clause::Revoked {
                by: act.by.name.clone(),
                on: act.at.to_zoned(jiff::tz::TimeZone::UTC).date(),
                why: act.why.clone(),
            });
        }
        let rights = self.rights.as_ref().ok_or(Clause::NoOwner)?;
        if rights.owner.trim().is_empty() {
            return Err(Clause::NoOwner);
        }
        if rights.terms.trim().is_empty() {
            return Err(Clause::NoRights {
                owner: rights.owner.clone(),
            });
        }
        if let Some(until) = rights.until.filter(|until| today > *until) {
            return Err(Clause::Expired { until });
        }
        if !rights.scope.contains(&wanted) {
            return Err(Clause::OutsideScope {
                wanted,
                scope: rights.scope.clone(),
            });
        }
        if wanted == Use::Look {
            return Ok(());
        }
        let nothing = Consenting::default();
        for person in &rights.people {
            self.consents
                .get(person)
                .unwrap_or(&nothing)
                .allows(person, wanted, today)?;
        }
        Ok(())
    }
}

/// Why a source may not be used: the clause that is missing or forbids it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Clause {
    /// Nobody has said whose it is.
    #[error(
        "no owner declared: `heirloom archive add FOLDER --owner \"NAME\" --rights \"TERMS\"`, or a rights.toml beside it"
    )]
    NoOwner,
    /// Nobody has said on what terms it may be used.
    #[error(
        "no rights declared (owner: {owner}): `heirloom archive add FOLDER --rights \"TERMS\"`, or `terms` in a rights.toml beside it"
    )]
    NoRights {
        /// Whose it is.
        owner: String,
    },
    /// It may be used, but not for this.
    #[error(
        "outside scope: \"{wanted}\" is not among {}; ask the owner, then add it to `scope` in rights.toml",
        listed(scope)
    )]
    OutsideScope {
        /// What it was to be used for.
        wanted: Use,
        /// What it may be used for.
        scope: BTreeSet<Use>,
    },
    /// The leave has run out.
    #[error("expired on {until}: renew it with the owner, then write the new `until` in rights.toml")]
    Expired {
        /// The last day on which it was allowed.
        until: Date,
    },
    /// Someone who can be recognised in it has not consented.
    #[error(
        "{person} can be recognised in it and has not consented: `heirloom rights grant --person \"{person}\" --terms \"HOW THEY CONSENTED\"`, or [person.\"{person}\"] in a rights.toml"
    )]
    NoConsent {
        /// Who.
        person: String,
    },
    /// Someone who can be recognised in it has consented, but not to this.
    #[error(
        "{person} can be recognised in it and has consented to {}, not to \"{wanted}\"; ask them, then add it to their `scope`",
        listed(scope)
    )]
    ConsentOutsideScope {
        /// Who.
        person: String,
        /// What it was to be used for.
        wanted: Use,
        /// What they consented to.
        scope: BTreeSet<Use>,
    },
    /// Someone's consent has run out.
    #[error(
        "{person} can be recognised in it, and their consent ended on {until}: renew it with them, then write the new `until`"
    )]
    ConsentExpired {
        /// Who.
        person: String,
        /// The last day on which it held.
        until: Date,
    },
    /// Someone took their consent back.
    #[error(
        "{person} can be recognised in it, and their consent was revoked by {by} on {on}{}: use another source",
        reason(why)
    )]
    ConsentRevoked {
        /// Who.
        person: String,
        /// Who took it back.
        by: String,
        /// The day (UTC).
        on: Date,
        /// Why, in their words.
        why: Option<String>,
    },
    /// The leave was taken back.
    #[error("revoked by {by} on {on}{}: use another source", reason(why))]
    Revoked {
        /// Who took it back.
        by: String,
        /// The day (UTC).
        on: Date,
        /// Why, in their words.
        why: Option<String>,
    },
}

fn listed(scope: &BTreeSet<Use>) -> String {
    if scope.is_empty() {
        return "its uses (there are none)".to_owned();
    }
    scope.iter().map(|u| u.as_str()).collect::<Vec<_>>().join(", ")
}

fn reason(why: &Option<String>) -> String {
    why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default()
}

/// The subject under which acts on a source stand: `source:<object id>`.
pub fn source_subject(object: &ObjectId) -> String {
    format!("source:{object}")
}

/// The act that declares these rights of a source.
///
/// `anew` says that a person declares this knowingly, and lifts an earlier revocation; what files say never
/// does. It only counts with `by` a person.
pub fn declaration(object: &ObjectId, rights: &Rights, by: Actor, anew: bool) -> Result<NewAct, VaultError> {
    let json = |source| VaultError::Json {
        what: "rights",
        source,
    };
    let mut facts = serde_json::to_value(rights).map_err(json)?;
    if let (true, Some(map)) = (anew, facts.as_object_mut()) {
        map.insert("by_person".to_owned(), true.into());
    }
    let mut act = NewAct::new(Verb::Declared, by, source_subject(object)).input("source", *object);
    if let Some(terms) = rights.terms_file {
        act = act.input("terms", terms);
    }
    Ok(act.with_facts(facts))
}

impl Ledger {
    /// Where a source stands now.
    ///
    /// The latest declaration counts. A revocation outlasts every declaration made from files; only a later
    /// one that a person made knowingly (`"by_person": true`) lifts it.
    ///
    /// # Errors
    /// [`VaultError::BadAct`] when a declaration cannot be understood: never guessed at.
    pub fn rights_of(&self, object: &ObjectId) -> Result<Standing, VaultError> {
        let mut found = standing(self.acts(&Filter::subject(source_subject(object)))?)?;
        for person in found.rights.iter().flat_map(|rights| &rights.people) {
            let consenting = self.consent_of(person)?;
            found.consents.insert(person.clone(), consenting);
        }
        Ok(found)
    }

    /// Where every source stands of which anything was declared or revoked, read in one go.
    pub fn standings(&self) -> Result<BTreeMap<ObjectId, Standing>, VaultError> {
        let mut acts = self.acts(&Filter::verb(Verb::Declared))?;
        acts.extend(self.acts(&Filter::verb(Verb::Revoked))?);
        acts.sort_by_key(|act| (act.at, act.id));
        let mut by_source: BTreeMap<ObjectId, Vec<Act>> = BTreeMap::new();
        for act in acts {
            if let Some(object) = act.subject.strip_prefix("source:").and_then(|id| id.parse().ok()) {
                by_source.entry(object).or_default().push(act);
            }
        }
        let consents = self.consents()?;
        by_source
            .into_iter()
            .map(|(object, acts)| {
                let mut found = standing(acts)?;
                let people = found.rights.iter().flat_map(|rights| &rights.people);
                found.consents = people
                    .map(|person| {
                        let consenting = consents.get(person.trim()).cloned();
                        (person.clone(), consenting.unwrap_or_default())
                    })
                    .collect();
                Ok((object, found))
            })
            .collect()
    }

    /// Declares rights of a source, as [`declaration`] has it.
    pub fn declare(
        &self,
        object: &ObjectId,
        rights: &Rights,
        by: Actor,
        anew: bool,
    ) -> Result<Act, VaultError> {
        self.append(declaration(object, rights, by, anew)?)
    }

    /// Takes back the leave to use a source.
    pub fn revoke(&self, object: &ObjectId, by: Actor, why: Option<String>) -> Result<Act, VaultError> {
        let mut act = NewAct::new(Verb::Revoked, by, source_subject(object)).input("source", *object);
        act.why = why;
        self.append(act)
    }
}

/// The standing that these acts on one source, in their order, add up to. Other verbs are passed over; the consents of
/// people stand under their own subjects and are not in it (see [`Ledger::rights_of`]).
pub fn standing(acts: impl IntoIterator<Item = Act>) -> Result<Standing, VaultError> {
    let mut standing = Standing::default();
    for act in acts {
        match act.verb {
            Verb::Declared => {
                let rights = serde_json::from_value(act.facts.clone()).map_err(|e| VaultError::BadAct {
                    id: act.id,
                    why: format!("declared at {}: {e}", timestamp_text(act.at)),
                })?;
                let anew = act.by.role == Role::Person
                    && act.facts.get("by_person").and_then(serde_json::Value::as_bool) == Some(true);
                if anew {
                    standing.revoked = None;
                }
                standing.rights = Some(rights);
                standing.act = Some(act);
            }
            Verb::Revoked => standing.revoked = Some(act),
            _ => {}
        }
    }
    Ok(standing)
}
