//! How much a stage can grow in composition.
//!
//! A few dozen prims that each refer twice to the next stand for more prims than any memory holds. Before anything is
//! composed, the arcs within each layer (references, payloads, inherits, specializes; a prim's own and its parents')
//! are followed, and the ways through them counted.

use std::collections::HashMap;

use openusd::sdf::{AbstractData, Path, Value};
use openusd::usd::Stage;

use super::DEPTH;
use crate::read::ReadError;
use crate::read::budget::Context;

/// Ways from one prim through its arcs to others.
const WAYS: u64 = 65_536;

pub(super) fn check(stage: &Stage, context: &Context<'_>) -> Result<(), ReadError> {
    for identifier in stage.layer_identifiers() {
        if let Some(layer) = stage.layer(&identifier) {
            let arcs = Arcs::of(layer.data()).map_err(|error| context.damaged(error))?;
            arcs.count().map_err(|why| context.damaged(why))?;
        }
    }
    Ok(())
}

/// The arcs of a layer's prims that have some, to places in the same layer.
struct Arcs {
    prims: Vec<String>,
    numbers: HashMap<String, usize>,
    targets: Vec<Vec<String>>,
}

impl Arcs {
    fn of(data: &dyn AbstractData) -> Result<Self, String> {
        let mut arcs = Self {
            prims: Vec::new(),
            numbers: HashMap::new(),
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
            if !targets.is_empty() {
                // Arcs within a variant are its prim's.
                let prim = path.strip_all_variant_selections().as_str().to_owned();
                let number = *arcs.numbers.entry(prim.clone()).or_insert_with(|| {
                    arcs.prims.push(prim);
                    arcs.targets.push(Vec::new());
                    arcs.prims.len() - 1
                });
                arcs.targets[number].append(&mut targets);
            }
        }
        Ok(arcs)
    }

    /// Prims with arcs at a path and above it.
    fn at_and_above<'a>(&'a self, path: &'a str) -> impl Iterator<Item = usize> + 'a {
        let cuts = path.char_indices().filter(|(_, c)| *c == '/').map(|(i, _)| i);
        cuts.chain([path.len()])
            .filter_map(|end| self.numbers.get(&path[..end]).copied())
    }

    /// Follows all arcs, deepest first, without calling itself.
    fn count(&self) -> Result<(), String> {
        const OPEN: u64 = u64::MAX;
        let count = self.prims.len();
        let mut next: Vec<Vec<usize>> = Vec::with_capacity(count);
        let mut edges = 0_usize;
        for targets in &self.targets {
            let to: Vec<usize> = targets.iter().flat_map(|t| self.at_and_above(t)).collect();
            edges += to.len();
            if edges > 4_000_000 {
                return Err("its prims refer to each other too often".into());
            }
            next.push(to);
        }
        // Of each prim the ways from it, and the longest of them.
        let mut ways: Vec<Option<(u64, usize)>> = vec![None; count];
        for start in 0..count {
            let mut stack = vec![(start, 0_usize)];
            while let Some(&(prim, at)) = stack.last() {
                if at == 0 {
                    match ways[prim] {
                        Some((OPEN, _)) | None => ways[prim] = Some((OPEN, 0)),
                        Some(_) => {
                            stack.pop();
                            continue;
                        }
                    }
                }
                if let Some(&to) = next[prim].get(at) {
                    if let Some(top) = stack.last_mut() {
                        top.1 += 1;
                    }
                    // Arcs that come back are the crate's to refuse: it names them and goes on.
                    if ways[to].is_none() {
                        stack.push((to, 0));
                    }
                    continue;
                }
                let (mut sum, mut longest) = (1_u64, 0_usize);
                for &to in &next[prim] {
                    if let Some((n, long)) = ways[to].filter(|w| w.0 != OPEN) {
                        sum = sum.saturating_add(n);
                        longest = longest.max(long + 1);
                    }
                }
                if sum > WAYS || longest > DEPTH {
                    return Err(format!(
                        "the prim {} stands for too many others by way of its references",
                        crate::read::names::tidy(&self.prims[prim])
                    ));
                }
                ways[prim] = Some((sum, longest));
                stack.pop();
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
