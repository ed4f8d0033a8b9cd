//! How much of a film may be whose: limits of shares, what is said of copies, and credits by share.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::SourceCall;
use crate::read::MAX_NAME;
use crate::toml::{Table, Value};

/// A share, exact: millionths of the whole, 0 to 1 000 000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Default)]
#[serde(transparent)]
pub struct Portion {
    /// Millionths of the whole.
    pub millionths: u32,
}

impl Portion {
    /// The portion nearest to a number from 0 to 1.
    pub fn of(share: f64) -> Portion {
        Portion {
            millionths: (share.clamp(0.0, 1.0) * 1e6).round() as u32,
        }
    }

    /// The share as a number from 0 to 1.
    pub fn share(self) -> f64 {
        f64::from(self.millionths) / 1e6
    }
}

/// The least and the most that something may be of a film.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Default)]
pub struct Bounds {
    /// The least.
    pub min: Option<Portion>,
    /// The most.
    pub max: Option<Portion>,
}

/// Limits of shares, `[charter.shares]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Default)]
pub struct ShareLimits {
    /// For every source that the film calls.
    pub every_source: Bounds,
    /// For single sources, in place of the limits of every source where they say something.
    pub sources: Vec<(SourceCall, Bounds)>,
    /// For owners, by name: all of an owner's sources together.
    pub owners: BTreeMap<String, Bounds>,
}

impl ShareLimits {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.every_source == Bounds::default() && self.sources.is_empty() && self.owners.is_empty()
    }
}

/// What happens when a take is nearly a copy of one photograph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum CopyRule {
    /// It is said.
    #[default]
    Warn,
    /// It is said, and no master is written.
    Refuse,
    /// Nothing.
    Allow,
}

/// What the charter says of copies, `copies` and `copy_over`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Copies {
    /// What happens.
    pub rule: CopyRule,
    /// From which nearness on (see `docs/attribution.md`) a take counts as nearly a copy.
    pub over: Portion,
}

impl Default for Copies {
    fn default() -> Copies {
        Copies {
            rule: CopyRule::default(),
            over: Portion { millionths: 250_000 },
        }
    }
}

/// In which order the end credits name the owners of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum CreditsBy {
    /// The one with the largest share of the film first.
    #[default]
    Share,
    /// By name.
    Name,
}

/// `copies` and `copy_over` of the charter.
pub(crate) fn copies(table: &mut Table<'_>) -> Copies {
    let rules = [
        ("warn", CopyRule::Warn),
        ("refuse", CopyRule::Refuse),
        ("allow", CopyRule::Allow),
    ];
    let plain = Copies::default();
    Copies {
        rule: table
            .get("copies")
            .and_then(|v| v.one_of(&rules))
            .unwrap_or_default(),
        over: table
            .get("copy_over")
            .and_then(|v| v.number(0.01..=1.0))
            .map_or(plain.over, Portion::of),
    }
}

/// `[charter.shares]`.
pub(crate) fn limits(table: &mut Table<'_>) -> ShareLimits {
    let Some(mut table) = table.get("shares").and_then(|v| v.table()) else {
        return ShareLimits::default();
    };
    table.describe("[charter.shares]");
    let every_source = bounds(&mut table);
    let mut limits = ShareLimits {
        every_source,
        ..ShareLimits::default()
    };
    if let Some(mut table) = table.get("sources").and_then(|v| v.table()) {
        for (key, value) in table.entries() {
            match SourceCall::parse(key) {
                Ok(call) => limits.sources.push((call, one(&value))),
                Err(error) => {
                    let (what, mend) = error.parts();
                    value.fault(what, mend);
                }
            }
        }
    }
    if let Some(mut table) = table.get("owners").and_then(|v| v.table()) {
        for (key, value) in table.entries() {
            if key.trim().is_empty() || key.chars().count() > MAX_NAME {
                value.fault(
                    "an owner's name is one line of up to 200 characters",
                    "write it as `heirloom archive show` does",
                );
                continue;
            }
            limits.owners.insert(key.trim().to_owned(), one(&value));
        }
    }
    table.finish(&[
        ("most", "max"),
        ("maximum", "max"),
        ("least", "min"),
        ("minimum", "min"),
        ("source", "sources"),
        ("owner", "owners"),
    ]);
    limits
}

/// The limits of one source or owner: `{ min = 0.1, max = 0.5 }`.
fn one(value: &Value<'_>) -> Bounds {
    let Some(mut table) = value.table() else {
        return Bounds::default();
    };
    table.describe("the limits of a share");
    let bounds = bounds(&mut table);
    if bounds == Bounds::default() {
        table.warn(
            "no limit is stated here",
            "write `{ max = 0.5 }`, or delete the line",
        );
    }
    table.finish(&[("most", "max"), ("least", "min")]);
    bounds
}

fn bounds(table: &mut Table<'_>) -> Bounds {
    let mut share = |key| table.get(key).and_then(|v| Some((v.number(0.0..=1.0)?, v)));
    let (min, max) = (share("min"), share("max"));
    if let (Some((min, value)), Some((max, _))) = (&min, &max)
        && min > max
    {
        value.fault(
            "the least share is more than the most",
            format!("write `min` at most {max}, or raise `max`"),
        );
    }
    Bounds {
        min: min.map(|(share, _)| Portion::of(share)),
        max: max.map(|(share, _)| Portion::of(share)),
    }
}

/// `credits_by` and `credits_shares` of the film.
pub(crate) fn credits(table: &mut Table<'_>) -> (CreditsBy, bool) {
    let orders = [("share", CreditsBy::Share), ("name", CreditsBy::Name)];
    let by = table.get("credits_by").and_then(|v| v.one_of(&orders));
    let shares = table.get("credits_shares").and_then(|v| v.boolean());
    (by.unwrap_or_default(), shares.unwrap_or(false))
}
