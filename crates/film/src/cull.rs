//! How many takes become few: `[cull]`.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::toml::{Table, Value};

/// Longest name of a measure, in characters.
const MAX_MEASURE: usize = 60;
/// Largest number that a measure is compared with.
const MAX_NUMBER: f64 = 1e9;

/// By what rules many takes of a shot become few, `[cull]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cull {
    /// How many are kept of a shot.
    pub keep: u32,
    /// Takes whose looks lie no further apart than this are near-identical. In the unit of the looks: the root of the
    /// mean square of their differences, 0 for the same look.
    pub alike: f64,
    /// How far the choice goes by difference, from 0, by quality alone, to 1, by difference alone.
    pub difference: f64,
    /// How many unusual takes are shelved at most.
    pub shelve: u32,
    /// A take is unusual when it lies more than this many times further from its neighbours than takes mostly do.
    pub unusual: f64,
    /// What a take must hold to be sound, by the measure's name.
    pub limits: BTreeMap<String, Limit>,
    /// What each measure counts for in a take's quality, by the measure's name; below 0 where less is better. Where
    /// none is given, every measure with a limit on one side counts the same.
    pub weights: BTreeMap<String, f64>,
}

impl Default for Cull {
    fn default() -> Cull {
        Cull {
            keep: 10,
            alike: 0.02,
            difference: 0.5,
            shelve: 5,
            unusual: 2.0,
            limits: BTreeMap::new(),
            weights: BTreeMap::new(),
        }
    }
}

/// The least and the most that a measure may be; both belong to what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Default)]
pub struct Limit {
    /// The most.
    pub at_most: Option<f64>,
    /// The least.
    pub at_least: Option<f64>,
}

impl Limit {
    /// A limit from above alone.
    pub fn at_most(value: f64) -> Limit {
        Limit {
            at_most: Some(value),
            at_least: None,
        }
    }

    /// A limit from below alone.
    pub fn at_least(value: f64) -> Limit {
        Limit {
            at_most: None,
            at_least: Some(value),
        }
    }

    /// Whether a number lies within.
    pub fn holds(&self, value: f64) -> bool {
        self.at_most.is_none_or(|most| value <= most) && self.at_least.is_none_or(|least| value >= least)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) => write!(f, "from {least} to {most}"),
            (Some(least), None) => write!(f, "{least} or more"),
            (None, Some(most)) => write!(f, "{most} or less"),
            (None, None) => f.write_str("anything"),
        }
    }
}

/// `[cull]`.
pub(crate) fn cull(mut table: Table<'_>) -> Cull {
    table.describe("[cull]");
    let plain = Cull::default();
    let mut number = |key, range, default| table.get(key).and_then(|v| v.number(range)).unwrap_or(default);
    let alike = number("alike", 0.0..=1000.0, plain.alike);
    let difference = number("difference", 0.0..=1.0, plain.difference);
    let unusual = number("unusual", 1.0..=1000.0, plain.unusual);
    let mut count = |key, range, default: u32| {
        table
            .get(key)
            .and_then(|v| v.integer(range))
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(default)
    };
    let keep = count("keep", 1..=10_000, plain.keep);
    let shelve = count("shelve", 0..=10_000, plain.shelve);
    let limits = named(&mut table, "limits", limit);
    let weights = named(&mut table, "weights", weight);
    table.finish(&[
        ("limit", "limits"),
        ("thresholds", "limits"),
        ("weight", "weights"),
        ("weigh", "weights"),
        ("count", "keep"),
        ("kept", "keep"),
        ("same", "alike"),
        ("diversity", "difference"),
        ("accidents", "shelve"),
    ]);
    Cull {
        keep,
        alike,
        difference,
        shelve,
        unusual,
        limits,
        weights,
    }
}

/// A table whose keys are names of measures.
fn named<T>(
    table: &mut Table<'_>,
    key: &'static str,
    read: impl Fn(&Value<'_>, &str) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut all = BTreeMap::new();
    let Some(mut table) = table.get(key).and_then(|v| v.table()) else {
        return all;
    };
    for (name, value) in table.entries() {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || name.len() > MAX_MEASURE || !name.chars().all(plain) {
            value.fault(
                format!("\"{}\" is not the name of a measure", name.escape_debug()),
                "measures are named in small letters, as `heirloom takes` shows them: `sharpness = { at_least = 0.3 }`",
            );
            continue;
        }
        if let Some(read) = read(&value, name) {
            all.insert(name.to_owned(), read);
        }
    }
    all
}

/// `{ at_least = 0.3, at_most = 0.9 }`.
fn limit(value: &Value<'_>, name: &str) -> Option<Limit> {
    if value.written().parse::<f64>().is_ok() {
        value.fault(
            format!("the limit of `{name}` does not say whether it is the least or the most"),
            format!(
                "write `{name} = {{ at_least = {0} }}`, or `at_most` for it",
                value.written()
            ),
        );
        return None;
    }
    let mut table = value.table()?;
    table.describe(format!("the limit of `{name}`"));
    let mut side = |key| table.get(key).and_then(|v| v.number(-MAX_NUMBER..=MAX_NUMBER));
    let (at_most, at_least) = (side("at_most"), side("at_least"));
    let (any, empty) = (at_most.is_some() || at_least.is_some(), table.is_empty());
    if let (Some(most), Some(least)) = (at_most, at_least)
        && least > most
    {
        value.fault(
            format!("nothing is both {least} or more and {most} or less"),
            format!("write `{name} = {{ at_least = {most}, at_most = {least} }}`, or delete one of them"),
        );
    }
    table.finish(&[
        ("max", "at_most"),
        ("most", "at_most"),
        ("maximum", "at_most"),
        ("below", "at_most"),
        ("min", "at_least"),
        ("least", "at_least"),
        ("minimum", "at_least"),
        ("above", "at_least"),
    ]);
    // Where something else is written there, that is told already.
    if !any && empty {
        value.fault(
            format!("no limit of `{name}` is stated here"),
            format!("write `{name} = {{ at_most = 0.5 }}`, or delete the line"),
        );
    }
    Some(Limit { at_most, at_least })
}

fn weight(value: &Value<'_>, _: &str) -> Option<f64> {
    value.number(-1000.0..=1000.0)
}
