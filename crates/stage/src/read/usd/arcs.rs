//! How much a stage can grow in composition.
//!
//! A few dozen prims that each refer twice to the next stand for more prims than any memory holds. Before anything is
//! composed, each layer's own tree and the arcs within it (references, payloads, inherits, specializes) are followed.
//! Counted is what every prim is put together from (itself, what it refers to, and what those above it refer to: the
//! time it takes goes with the square of that), and what it stands for (itself, what is below it, and what it refers
//! to). Arcs that come back are refused: the crate names some of them, and goes round without end at others. Arcs into
//! other layers count for one: there the number of prims that are read is the limit.

use std::collections::HashMap;

use openusd::sdf::{AbstractData, Path, Value};
use openusd::usd::Stage;

use super::{DEPTH, is_plain};
use crate::read::ReadError;
use crate::read::budget::Context;
use crate::read::names::tidy;

/// Prims that a stage may be composed of: the `openusd` crate takes some 6 KiB for each.
pub(super) const PRIMS: u64 = 1 << 18;

/// Places that one prim may be put together from, beside those above it: 4096 of them take the crate a minute.
const SITES: u64 = 128;

pub(super) fn check(stage: &Stage, context: &Context<'_>) -> Result<(), ReadError> {
    for identifier in stage.layer_identifiers() {
        if let Some(layer) = stage.layer(&identifier) {
            check_layer(layer.data()).map_err(|why| context.damaged(why))?;
        }
    }
    Ok(())
}

/// What is wrong with a layer's arcs, if anything.
pub(super) fn check_layer(data: &dyn AbstractData) -> Result<(), String> {
    Arcs::of(data)?.count()
}

/// A layer's prims, with what is below each and what each refers to in the same layer.
struct Arcs {
    paths: Vec<String>,
    numbers: HashMap<String, usize>,
    below: Vec<Vec<usize>>,
    targets: Vec<Vec<String>>,
}

impl Arcs {
    fn of(data: &dyn AbstractData) -> Result<Self, String> {
        let mut arcs = Self {
            paths: Vec::new(),
            numbers: HashMap::new(),
            below: Vec::new(),
            targets: Vec::new(),
        };
        let top = data
            .try_field(&Path::abs_root(), "defaultPrim")
            .map_err(|e| e.to_string())?;
        let top = top
            .as_deref()
            .and_then(super::values::text)
            .map_or_else(String::new, |name| format!("/{name}"));
        for path in data.spec_paths() {
            // What is in a variant is its prim's.
            let plain = path.strip_all_variant_selections();
            if !is_plain(plain.as_str()) {
                return Err(format!(
                    "it has a thing called {}, which is no name",
                    tidy(path.as_str())
                ));
            }
            if path.is_property_path() {
                continue;
            }
            let mut targets: Vec<String> = Vec::new();
            for field in ["references", "payload", "inheritPaths", "specializes"] {
                let value = data.try_field(&path, field).map_err(|e| e.to_string())?;
                if let Some(value) = value {
                    targets_of(&value, &top, &mut targets);
                }
            }
            if let Some(wrong) = targets.iter().find(|t| !t.is_empty() && !is_plain(t)) {
                return Err(format!(
                    "{} refers to {}, which is no name",
                    tidy(path.as_str()),
                    tidy(wrong)
                ));
            }
            let number = arcs.number(plain.as_str());
            arcs.targets[number].append(&mut targets);
        }
        Ok(arcs)
    }

    fn number(&mut self, path: &str) -> usize {
        if let Some(known) = self.numbers.get(path) {
            return *known;
        }
        let above = match path.rsplit_once('/') {
            Some((above, name)) if !name.is_empty() => {
                Some(self.number(if above.is_empty() { "/" } else { above }))
            }
            _ => None,
        };
        let number = self.paths.len();
        self.numbers.insert(path.to_owned(), number);
        self.paths.push(path.to_owned());
        self.below.push(Vec::new());
        self.targets.push(Vec::new());
        if let Some(above) = above {
            self.below[above].push(number);
        }
        number
    }

    fn count(&self) -> Result<(), String> {
        let targets: Vec<Vec<usize>> = self
            .targets
            .iter()
            .map(|list| list.iter().filter_map(|t| self.numbers.get(t).copied()).collect())
            .collect();
        let mut from = targets.clone();
        let mut stands_for = targets;
        for (above, below) in self.below.iter().enumerate() {
            for &prim in below {
                from[prim].push(above);
            }
            stands_for[above].extend(below);
        }
        let ones = vec![1; self.paths.len()];
        let sites = self.summed(&from, &ones, SITES + DEPTH as u64)?;
        // Most prims are put together from a few places.
        self.summed(&stands_for, &sites, PRIMS * 8)?;
        Ok(())
    }

    /// Of every prim its own weight and those of all it leads to, as often as it leads there; deepest first, without
    /// calling itself. A way that comes back is an error.
    fn summed(&self, next: &[Vec<usize>], weights: &[u64], most: u64) -> Result<Vec<u64>, String> {
        const NEW: u64 = 0;
        const OPEN: u64 = u64::MAX;
        let mut sums = vec![NEW; next.len()];
        for start in 0..next.len() {
            if sums[start] != NEW {
                continue;
            }
            sums[start] = OPEN;
            let mut stack = vec![(start, 0_usize)];
            while let Some((prim, at)) = stack.pop() {
                if let Some(&to) = next[prim].get(at) {
                    stack.push((prim, at + 1));
                    if sums[to] == OPEN {
                        let path = tidy(&self.paths[to]);
                        return Err(format!(
                            "the prim {path} refers to itself, by way of others or of what is below it"
                        ));
                    }
                    if sums[to] == NEW {
                        sums[to] = OPEN;
                        stack.push((to, 0));
                    }
                    continue;
                }
                let led_to = next[prim].iter().map(|&to| sums[to]);
                let sum = led_to.fold(weights[prim], u64::saturating_add);
                if sum > most {
                    return Err(format!(
                        "the prim {} stands for too many others by way of its references",
                        tidy(&self.paths[prim])
                    ));
                }
                sums[prim] = sum;
            }
        }
        Ok(sums)
    }
}

/// Where a value's arcs go; `top` is where those go that name no prim.
fn targets_of(value: &Value, top: &str, out: &mut Vec<String>) {
    // Of those into other layers only the name is looked at.
    let mut add = |asset: &str, path: &Path, nowhere: &str| {
        let plain = path.strip_all_variant_selections();
        let to = if path.is_empty() { nowhere } else { plain.as_str() };
        if asset.is_empty() || !path.is_empty() && !is_plain(to) {
            out.push(to.to_owned());
        }
    };
    match value {
        Value::ReferenceListOp(list) => list.iter().for_each(|r| add(&r.asset_path, &r.prim_path, top)),
        Value::PayloadListOp(list) => list.iter().for_each(|p| add(&p.asset_path, &p.prim_path, top)),
        Value::Payload(p) => add(&p.asset_path, &p.prim_path, top),
        // One that inherits nothing is taken by the crate for one that inherits itself.
        Value::PathListOp(list) => list.iter().for_each(|p| add("", p, "nothing")),
        _ => {}
    }
}
