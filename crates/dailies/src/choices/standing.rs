//! How takes stand: a view over the acts of choosing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use heirloom_vault::{Act, ActId, Actor, Filter, Ledger, ObjectId, VaultError, Verb};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::culled::{CulledTake, Fated, takes_of};
use super::{InForce, MOST_STARS, VERBS};

/// How a take of a shot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nobody has judged it, or a cull kept it.
    #[default]
    Open,
    /// It is the shot's select.
    Chosen,
    /// It was the select until another was chosen.
    Replaced,
    /// A person turned it down.
    Rejected,
    /// Laid aside, by a person or as unusual by a cull.
    Shelved,
    /// A cull let it go.
    Culled,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Verdict; 6] = [
        Verdict::Open,
        Verdict::Chosen,
        Verdict::Replaced,
        Verdict::Rejected,
        Verdict::Shelved,
        Verdict::Culled,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Open => "open",
            Verdict::Chosen => "chosen",
            Verdict::Replaced => "replaced",
            Verdict::Rejected => "rejected",
            Verdict::Shelved => "shelved",
            Verdict::Culled => "culled",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A word that is no verdict.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no verdict: use open, chosen, replaced, rejected, shelved or culled")]
pub struct UnknownVerdict(pub String);

impl FromStr for Verdict {
    type Err = UnknownVerdict;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Verdict::ALL
            .into_iter()
            .find(|verdict| verdict.word() == text)
            .ok_or_else(|| UnknownVerdict(text.to_owned()))
    }
}

/// Who said something, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The act that says it.
    pub act: ActId,
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

impl Said {
    fn of(act: &Act) -> Said {
        Said {
            act: act.id,
            by: act.by.clone(),
            at: act.at,
        }
    }
}

/// Something that was said of a take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The words.
    pub text: String,
    /// Whose they are.
    pub said: Said,
}

/// How one take of a shot stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in words, where a reason was given.
    pub reason: Option<String>,
    /// Who gave the verdict; none while it is open, unless a cull kept it.
    pub said: Option<Said>,
    /// Whether verdict and reason are a cull's.
    pub by_cull: bool,
    /// Its place among those that the last cull kept, from 1.
    pub kept: Option<u32>,
    /// Stars, 0 to 5.
    pub stars: Option<u8>,
    /// What was said of it, oldest first.
    pub notes: Vec<Note>,
}

impl Standing {
    /// Whether a person has judged it or given it stars: such a take is no cull's to judge.
    pub fn is_judged_by_hand(&self) -> bool {
        let verdict = match self.verdict {
            Verdict::Chosen | Verdict::Replaced | Verdict::Rejected => true,
            Verdict::Shelved => !self.by_cull,
            Verdict::Open | Verdict::Culled => false,
        };
        verdict || self.stars.is_some()
    }
}

/// How the takes of one shot stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShotChoices {
    select: Option<ObjectId>,
    standings: BTreeMap<ObjectId, Standing>,
}

/// What was said last of a take, by hand and by a cull.
#[derive(Default)]
struct Words<'a> {
    by_hand: Option<&'a Act>,
    by_cull: Option<(&'a Act, CulledTake)>,
    standing: Standing,
}

impl ShotChoices {
    /// How the takes of the shot stand that the ledger calls `shot`, by these acts. Acts on other subjects and of other
    /// verbs are passed over; their order and how often each is there do not matter.
    pub fn of<'a>(shot: &str, acts: impl IntoIterator<Item = &'a Act>) -> ShotChoices {
        let mut acts: Vec<&Act> = acts
            .into_iter()
            .filter(|act| act.subject == shot && VERBS.contains(&act.verb))
            .collect();
        acts.sort_by_key(|act| (act.at, act.id));
        acts.dedup_by_key(|act| act.id);
        let force = InForce::of(acts.iter().copied());
        acts.retain(|act| force.is(&act.id));

        let mut select = None;
        let mut words: BTreeMap<ObjectId, Words<'a>> = BTreeMap::new();
        for act in acts {
            if act.verb == Verb::Culled {
                for (take, culled) in takes_of(act) {
                    words.entry(take).or_default().by_cull = Some((act, culled));
                }
                continue;
            }
            let Some(take) = act.inputs("take").next() else {
                continue;
            };
            let word = words.entry(take).or_default();
            match act.verb {
                Verb::Chosen => {
                    select = Some(take);
                    word.by_hand = Some(act);
                }
                Verb::Rejected | Verb::Shelved => {
                    select = select.filter(|chosen| *chosen != take);
                    word.by_hand = Some(act);
                }
                Verb::Starred => {
                    let stars = act.facts.get("stars").and_then(serde_json::Value::as_u64);
                    let stars = stars
                        .and_then(|n| u8::try_from(n).ok())
                        .filter(|n| *n <= MOST_STARS);
                    word.standing.stars = stars.or(word.standing.stars);
                }
                Verb::Noted => word.standing.notes.extend(act.why.as_ref().map(|text| Note {
                    text: text.clone(),
                    said: Said::of(act),
                })),
                _ => {}
            }
        }
        let standings = words
            .into_iter()
            .map(|(take, word)| (take, word.standing(select == Some(take))))
            .collect();
        ShotChoices { select, standings }
    }

    /// The same, from the ledger.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn read(ledger: &Ledger, shot: &str) -> Result<ShotChoices, VaultError> {
        // Verb by verb: a shot's thousand requests need not be read to learn how its takes stand.
        let mut acts = Vec::new();
        for verb in VERBS {
            acts.extend(ledger.acts(&Filter {
                verb: Some(verb),
                ..Filter::subject(shot)
            })?);
        }
        Ok(ShotChoices::of(shot, &acts))
    }

    /// The shot's select.
    pub fn select(&self) -> Option<ObjectId> {
        self.select
    }

    /// How a take stands; open where nothing was said of it.
    pub fn standing(&self, take: &ObjectId) -> Standing {
        self.standings.get(take).cloned().unwrap_or_default()
    }

    /// Every take of which something was said, by its id.
    pub fn takes(&self) -> impl Iterator<Item = (&ObjectId, &Standing)> {
        self.standings.iter()
    }
}

impl Words<'_> {
    fn standing(self, is_select: bool) -> Standing {
        let mut standing = self.standing;
        if let Some((_, culled)) = &self.by_cull
            && culled.fate == Fated::Kept
        {
            standing.kept = culled.place;
        }
        if let Some(act) = self.by_hand {
            standing.verdict = match act.verb {
                Verb::Chosen if is_select => Verdict::Chosen,
                Verb::Chosen => Verdict::Replaced,
                Verb::Shelved => Verdict::Shelved,
                _ => Verdict::Rejected,
            };
            standing.reason = act.why.clone();
            standing.said = Some(Said::of(act));
        } else if let Some((act, culled)) = self.by_cull {
            standing.verdict = match culled.fate {
                Fated::Kept => Verdict::Open,
                Fated::Dropped => Verdict::Culled,
                Fated::Shelved => Verdict::Shelved,
            };
            standing.by_cull = true;
            standing.reason = Some(culled.why);
            standing.said = Some(Said::of(act));
        }
        standing
    }
}

/// Every shot on which there are acts of choosing.
///
/// # Errors
/// The ledger can not be read.
pub fn shots(ledger: &Ledger) -> Result<BTreeSet<String>, VaultError> {
    let mut shots = BTreeSet::new();
    for verb in VERBS {
        shots.extend(
            ledger
                .acts(&Filter::verb(verb))?
                .into_iter()
                .map(|act| act.subject),
        );
    }
    Ok(shots)
}
