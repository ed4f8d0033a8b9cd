//! What a cull would do, take by take, with its reasons in words.

use std::collections::BTreeMap;
use std::fmt;

use heirloom_film::{Cull, Limit};
use heirloom_vault::ObjectId;
use serde::Serialize;

use super::Candidate;
use super::quality::weights;

/// A limit that a take does not hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Breach {
    /// The measure.
    pub measure: String,
    /// Its number.
    pub value: f64,
    /// The limit.
    pub limit: Limit,
}

/// Why a take is let go.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It is outside a limit, or several.
    Unsound(Vec<Breach>),
    /// A better take is near-identical.
    Alike {
        /// That take.
        to: ObjectId,
        /// How far their looks lie apart.
        distance: f64,
    },
    /// It is sound, but others are better or differ more.
    PassedOver {
        /// How many are kept.
        kept: u32,
        /// Its place by quality among the sound takes, from 1.
        place: u32,
        /// How many sound takes there are.
        of: u32,
        /// The nearest kept take, and how far their looks lie apart.
        nearest: Option<(ObjectId, f64)>,
    },
}

/// What becomes of a take.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is among the few.
    Kept {
        /// Its place among them, from 1, in the order in which they were picked.
        place: u32,
        /// How far its look lies from the nearest of those picked before it.
        apart: Option<f64>,
    },
    /// Sound, but far from the rest: laid aside to be looked at.
    Shelved {
        /// Its place among the unusual, from 1, the most unusual first.
        place: u32,
        /// So many times further from its neighbours than the median.
        times: f64,
    },
    /// It is let go; nothing of it is deleted.
    Dropped(Why),
    /// A person judged it: no cull does.
    LeftAlone,
    /// There is a question about it that only a person can answer: it is neither kept nor let go.
    ForAPerson(String),
    /// It lacks these measures, or a look: it is neither kept nor let go.
    Unmeasured(Vec<String>),
}

/// A take in a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// What becomes of it.
    pub fate: Fate,
    /// Its quality among the sound takes, 0 to 1; none where it is not sound.
    pub quality: Option<f64>,
    /// The numbers that the rules look at.
    pub measures: BTreeMap<String, f64>,
}

/// A number as people read it: four digits that say something.
fn short(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e6).contains(&size) {
        let places = if size >= 1000.0 {
            0
        } else if size >= 100.0 {
            1
        } else if size >= 10.0 {
            2
        } else if size >= 1.0 || size == 0.0 {
            3
        } else {
            5
        };
        let text = format!("{value:.places$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    } else {
        format!("{value:.3e}")
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A number that is rounded may seem to hold its limit.
        let rounded = short(self.value);
        let holds = rounded.parse::<f64>().is_ok_and(|value| self.limit.holds(value));
        let value = if holds { self.value.to_string() } else { rounded };
        write!(f, "{} is {value}, and must be {}", self.measure, self.limit)
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quality = self.quality.unwrap_or_default();
        match &self.fate {
            Fate::Kept { apart: None, .. } => write!(f, "the best by quality ({quality:.2})"),
            Fate::Kept {
                apart: Some(apart), ..
            } => write!(
                f,
                "quality {quality:.2}, and {} apart from those kept before it",
                short(*apart)
            ),
            Fate::Shelved { times, .. } => write!(
                f,
                "sound and unusual: {times:.1} times as far from its neighbours as takes of the shot mostly are"
            ),
            Fate::Dropped(Why::Unsound(breaches)) => {
                for (n, breach) in breaches.iter().enumerate() {
                    write!(f, "{}{breach}", if n > 0 { "; " } else { "" })?;
                }
                Ok(())
            }
            Fate::Dropped(Why::Alike { to, distance }) => write!(
                f,
                "nearly the same as {}, which is as good or better: {} apart",
                to.short(),
                short(*distance)
            ),
            Fate::Dropped(Why::PassedOver {
                kept,
                place,
                of,
                nearest,
            }) => {
                write!(
                    f,
                    "sound, number {place} of {of} by quality ({quality:.2}), but the {kept} kept are better or differ more"
                )?;
                match nearest {
                    Some((take, distance)) => {
                        write!(
                            f,
                            "; the nearest of them is {}, {} apart",
                            take.short(),
                            short(*distance)
                        )
                    }
                    None => Ok(()),
                }
            }
            Fate::LeftAlone => f.write_str("judged by hand, and left alone"),
            Fate::ForAPerson(question) => write!(f, "for a person to judge: {question}"),
            Fate::Unmeasured(missing) => {
                write!(f, "not measured yet: it has no {}", missing.join(", no "))
            }
        }
    }
}

/// How many takes come to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Among the few.
    pub kept: u32,
    /// Sound and unusual.
    pub shelved: u32,
    /// Outside a limit.
    pub unsound: u32,
    /// Near-identical to a better one.
    pub alike: u32,
    /// Sound, but not among the few.
    pub passed_over: u32,
    /// Judged by hand.
    pub left_alone: u32,
    /// Waiting for a person's judgement.
    pub for_a_person: u32,
    /// Without a measure that a limit asks for, or without a look.
    pub unmeasured: u32,
}

/// What a cull would do. Nothing is written until [`super::apply`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CullPlan {
    /// The ledger's name of the shot.
    pub shot: String,
    /// The rules.
    pub rules: Cull,
    /// Every take handed in, by its id.
    pub takes: BTreeMap<ObjectId, Judged>,
}

impl CullPlan {
    pub(super) fn new(shot: &str, rules: &Cull) -> CullPlan {
        CullPlan {
            shot: shot.to_owned(),
            rules: rules.clone(),
            takes: BTreeMap::new(),
        }
    }

    pub(super) fn judge(&mut self, candidate: &Candidate, fate: Fate, quality: Option<f64>) {
        let looked_at = self
            .rules
            .limits
            .keys()
            .map(String::as_str)
            .chain(weights(&self.rules).into_keys());
        let measures = looked_at
            .filter_map(|name| Some((name.to_owned(), candidate.measure(name)?)))
            .collect();
        let judged = Judged {
            fate,
            quality,
            measures,
        };
        self.takes.insert(candidate.take, judged);
    }

    /// The few, in the order in which they were picked.
    pub fn kept(&self) -> Vec<ObjectId> {
        self.placed(|fate| match fate {
            Fate::Kept { place, .. } => Some(*place),
            _ => None,
        })
    }

    /// The unusual that are laid aside, the most unusual first.
    pub fn shelved(&self) -> Vec<ObjectId> {
        self.placed(|fate| match fate {
            Fate::Shelved { place, .. } => Some(*place),
            _ => None,
        })
    }

    fn placed(&self, place: impl Fn(&Fate) -> Option<u32>) -> Vec<ObjectId> {
        let mut placed: Vec<(u32, ObjectId)> = self
            .takes
            .iter()
            .filter_map(|(take, judged)| Some((place(&judged.fate)?, *take)))
            .collect();
        placed.sort_unstable();
        placed.into_iter().map(|(_, take)| take).collect()
    }

    /// How many takes come to what.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for judged in self.takes.values() {
            let count = match &judged.fate {
                Fate::Kept { .. } => &mut counts.kept,
                Fate::Shelved { .. } => &mut counts.shelved,
                Fate::Dropped(Why::Unsound(_)) => &mut counts.unsound,
                Fate::Dropped(Why::Alike { .. }) => &mut counts.alike,
                Fate::Dropped(Why::PassedOver { .. }) => &mut counts.passed_over,
                Fate::LeftAlone => &mut counts.left_alone,
                Fate::ForAPerson(_) => &mut counts.for_a_person,
                Fate::Unmeasured(_) => &mut counts.unmeasured,
            };
            *count += 1;
        }
        counts
    }
}

impl fmt::Display for CullPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        write!(f, "{} takes: {} kept", self.takes.len(), counts.kept)?;
        for (count, words) in [
            (counts.shelved, "shelved as unusual"),
            (counts.unsound, "outside the limits"),
            (counts.alike, "nearly the same as a better one"),
            (counts.passed_over, "sound, but passed over"),
            (counts.left_alone, "judged by hand and left alone"),
            (counts.for_a_person, "for a person to judge"),
            (counts.unmeasured, "not measured yet"),
        ] {
            if count > 0 {
                write!(f, ", {count} {words}")?;
            }
        }
        Ok(())
    }
}
