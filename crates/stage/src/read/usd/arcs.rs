//! How much a stage can grow in composition.
//!
//! A few dozen prims that each refer twice to the next stand for more prims than any memory holds. Before anything is
//! composed, each layer's own tree and the arcs within it (references, payloads, inherits, specializes) are followed,
//! and what every prim stands for is counted: itself, what is below it, and what it refers to. Arcs into other layers
//! count for one: there the number of prims that are read is the limit.

use std::collections::HashMap;

use openusd::sdf::{AbstractData, Path, Value};
use openusd::usd::Stage;

use super::DEPTH;
use crate::read::ReadError;
use crate::read::budget::Context;

/// Prims that a stage may be composed of: the `openusd` crate takes some 6 KiB for each.
pub(super) const PRIMS: u64 = 1 << 18;

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

    /// Counts what every prim stands for, deepest first, without calling itself.
    fn count(&self) -> Result<(), String> {
        #[derive(Clone, Copy)]
        enum State {
            New,
            Open,
            /// What it stands for, and the longest way through arcs from it.
            Counted(u64, usize),
        }
        let targets: Vec<Vec<usize>> = self
            .targets
            .iter()
            .map(|list| list.iter().filter_map(|t| self.numbers.get(t).copied()).collect())
            .collect();
        let next = |prim: usize, at: usize| {
            let below = &self.below[prim];
            below
                .get(at)
                .or_else(|| targets[prim].get(at - below.len()))
                .copied()
        };
        let mut states = vec![State::New; self.paths.len()];
        for start in 0..states.len() {
            if !matches!(states[start], State::New) {
                continue;
            }
            states[start] = State::Open;
            let mut stack = vec![(start, 0_usize)];
            while let Some((prim, at)) = stack.pop() {
                if let Some(to) = next(prim, at) {
                    stack.push((prim, at + 1));
                    // Arcs that come back are the crate's to refuse: it names them and goes on.
                    if matches!(states[to], State::New) {
                        states[to] = State::Open;
                        stack.push((to, 0));
                    }
                    continue;
                }
                let (mut sum, mut longest) = (1_u64, 0_usize);
                let arcs = targets[prim].iter().map(|&to| (to, 1));
                for (to, step) in self.below[prim].iter().map(|&to| (to, 0)).chain(arcs) {
                    if let State::Counted(count, long) = states[to] {
                        sum = sum.saturating_add(count);
                        longest = longest.max(long + step);
                    }
                }
                if sum > PRIMS || longest > DEPTH {
                    return Err(format!(
                        "the prim {} stands for too many others by way of its references",
                        crate::read::names::tidy(&self.paths[prim])
                    ));
                }
                states[prim] = State::Counted(sum, longest);
            }
        }
        Ok(())
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
