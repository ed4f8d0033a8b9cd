//! What may be learnt from, and what is held out to judge by.

use std::collections::BTreeMap;

use heirloom_archive::Source;
use heirloom_archive::fingerprint::{Fingerprint, near};
use heirloom_vault::{Clause, Ledger, ObjectId, Use, VaultError};
use jiff::civil::Date;

/// From so many sources on at least one is held out.
const HOLD_ONE_FROM: usize = 6;

/// Whose look is learnt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The style's.
    Style,
    /// A person's, who must have consented to training.
    Person(String),
    /// A thing's.
    Thing(String),
}

/// A source that is not learnt from, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The source.
    pub object: ObjectId,
    /// Its name.
    pub name: String,
    /// The clause, with its mend.
    pub why: String,
}

/// The sources of a run.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// What is learnt from, by object.
    pub trained: Vec<Source>,
    /// What is held out to judge by, by object. It may be trained on too, and is not.
    pub held_out: Vec<Source>,
    /// What may not be learnt from.
    pub left_out: Vec<LeftOut>,
}

impl Chosen {
    /// Lets near copies of what is held out be held out too, for a loss of what was learnt in another crop says nothing of
    /// what was not. `prints` are fingerprints of photographs, by object.
    pub fn hold_copies_out(&mut self, prints: &BTreeMap<ObjectId, Fingerprint>) {
        let mut next = 0;
        while let Some(held) = self.held_out.get(next) {
            let own = prints.get(&held.object);
            let is_copy = |source: &Source| match (own, prints.get(&source.object)) {
                (Some(own), Some(other)) => near(own, other).is_copy(),
                _ => false,
            };
            let (copies, rest) = std::mem::take(&mut self.trained).into_iter().partition(is_copy);
            self.trained = rest;
            self.held_out.extend::<Vec<Source>>(copies);
            next += 1;
        }
        self.held_out.sort_by_key(|source| source.object);
    }
}

/// A likeness may not be learnt.
#[derive(Debug, thiserror::Error)]
pub enum NoLeave {
    /// The person has not consented to it, or no longer does.
    #[error("{name}'s likeness may not be learnt: {}", mend(name, clause))]
    Consent {
        /// Who.
        name: String,
        /// What forbids it.
        clause: Clause,
    },
    /// The ledger.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

fn mend(name: &str, clause: &Clause) -> String {
    match clause {
        Clause::NoConsent { .. } => format!(
            "no consent of theirs is on record (or of a guardian or an estate, with --given-by); ask, then `heirloom \
             rights grant --person \"{name}\" --terms \"HOW THEY CONSENTED\" --scope look,generate,publish,train`"
        ),
        other => other.to_string(),
    }
}

/// Chooses what is learnt from.
///
/// Every source must be leave to train on, with everyone who can be recognised in it consenting to that; what is not is
/// left out and named. For a person, their own consent comes first, and only sources that declare them are taken. What is
/// held out follows from each source's hash alone: `share` of them, 0 to 1, and the same ones whatever comes to the archive.
///
/// # Errors
/// [`NoLeave`] where a person's consent is lacking.
pub fn choose(
    ledger: &Ledger,
    sources: &[Source],
    whose: &Whose,
    share: f64,
    today: Date,
) -> Result<Chosen, NoLeave> {
    if let Whose::Person(name) = whose {
        ledger
            .consent_of(name)?
            .allows(name, Use::Train, today)
            .map_err(|clause| NoLeave::Consent {
                name: name.clone(),
                clause,
            })?;
    }
    let mut chosen = Chosen::default();
    let mut usable: Vec<&Source> = Vec::new();
    for source in sources {
        if usable.iter().any(|known| known.object == source.object) {
            continue;
        }
        let left = |why: String| LeftOut {
            object: source.object,
            name: source.name(),
            why,
        };
        if let Whose::Person(name) = whose {
            let people = source.standing.rights.iter().flat_map(|r| &r.people);
            if !people.map(|p| p.trim()).any(|p| p == name.trim()) {
                chosen.left_out.push(left(format!(
                    "nobody says that it shows {name}: `heirloom rights change {} --shows \"{name}\"` does",
                    source.name()
                )));
                continue;
            }
        }
        match source.standing.allows(Use::Train, today) {
            Ok(()) => usable.push(source),
            Err(clause) => chosen.left_out.push(left(clause.to_string())),
        }
    }
    usable.sort_by_key(|source| source.object);
    let place = |object: &ObjectId| {
        let [a, b, c, d, e, f, g, h, ..] = *object.as_bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) as f64 / 2.0_f64.powi(64)
    };
    let mut held: Vec<ObjectId> = usable
        .iter()
        .map(|source| source.object)
        .filter(|object| place(object) < share)
        .collect();
    // Sorted by object, the first is the one nearest to being held out.
    if held.is_empty() && share > 0.0 && usable.len() >= HOLD_ONE_FROM {
        held.extend(usable.first().map(|source| source.object));
    }
    // A few sources are for learning from.
    if usable.len() < HOLD_ONE_FROM {
        held.clear();
    }
    for source in usable {
        match held.contains(&source.object) {
            true => chosen.held_out.push(source.clone()),
            false => chosen.trained.push(source.clone()),
        }
    }
    Ok(chosen)
}
