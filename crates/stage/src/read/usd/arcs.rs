//! How much a stage can grow in composition.
//!
//! A few dozen prims that each refer twice to the next stand for more prims than any memory holds. Before anything is
//! composed, each layer's own tree and the arcs within it (references, payloads, inherits, specializes) are followed.
//! Counted is what every prim is put together from (itself, what it refers to, and what those above it refer to: the
//! time it takes goes with the square of that), and what it stands for (itself, what is below it, and what it refers
//! to). Arcs into other layers count for one: there the number of prims that are read is the limit.

use std::collections::HashMap;

use openusd::sdf::{AbstractData, Path, Value};
use openusd::usd::Stage;

use super::DEPTH;
use crate::read::ReadError;
use crate::read::budget::Context;

/// Prims that a stage may be composed of: the `openusd` crate takes some 6 KiB for each.
pub(super) const PRIMS: u64 = 1 << 18;

/// Places that one prim may be put together from, beside those above it: 4096 of them take the crate a minute.
const SITES: u64 = 128;

pub(super) fn check(stage: &Stage, context: &Context<'_>) -> Result<(), ReadError> {
    for identifier in stage.layer_identifiers() {
        if let Some(layer) = stage.layer(&identifier) {
            let arcs = Arcs::of(layer.data()).map_err(|error| context.damaged(error))?;
            arcs.count().map_err(|why| context.damaged(why))?;
        }
    }
    Ok(())
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
        for path in data.spec_paths() {
            if path.is_property_path() {
                continue;
            }
            let mut targets: Vec<String> = Vec::new();
            for field in ["references", "payload", "inheritPaths", "specializes"] {
                let value = data.try_field(&path, field).map_err(|e| e.to_string())?;
                if let Some(value) = value {
                    targets_of(&value, &mut targets);
                }
            }
            // What is in a variant is its prim's.
            let number = arcs.number(path.strip_all_variant_selections().as_str());
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
    /// calling itself. Ways that come back count for nothing: the crate refuses and names them.
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
                    if sums[to] == NEW {
                        sums[to] = OPEN;
                        stack.push((to, 0));
                    }
                    continue;
                }
                let counted = next[prim].iter().map(|&to| sums[to]).filter(|sum| *sum != OPEN);
                let sum = counted.fold(weights[prim], u64::saturating_add);
                if sum > most {
                    return Err(format!(
                        "the prim {} stands for too many others by way of its references",
                        crate::read::names::tidy(&self.paths[prim])
                    ));
                }
                sums[prim] = sum;
            }
        }
        Ok(sums)
    }
}

fn targets_of(value: &Value, out: &mut Vec<String>) {
    let mut add = |asset: &str, path: &Path| {
        if asset.is_empty() {
            out.push(path.strip_all_variant_selections().as_str().to_owned());
        }
    };
    match value {
        Value::ReferenceListOp(list) => list.iter().for_each(|r| add(&r.asset_path, &r.prim_path)),
        Value::PayloadListOp(list) => list.iter().for_each(|p| add(&p.asset_path, &p.prim_path)),
        Value::Payload(p) => add(&p.asset_path, &p.prim_path),
        Value::PathListOp(list) => list.iter().for_each(|p| add("", p)),
        _ => {}
    }
}
