//! Whether a set of weights is exactly what a model needs.

use super::{Dtype, Weights, shortened};
use std::collections::BTreeMap;
use std::fmt;

/// A tensor that a model needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its name in the diffusers layout.
    pub name: String,
    /// Its name in the original single file.
    pub original: String,
    /// Length of each axis, the slowest first.
    pub shape: Vec<u64>,
}

/// What is wrong between weights and a model; nothing, where all four lists are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Misfit {
    /// Tensors that the model needs and the weights lack.
    pub missing: Vec<String>,
    /// Tensors that the model has no place for.
    pub left_over: Vec<String>,
    /// Tensors of another shape: name, what was found, what is needed.
    pub shapes: Vec<(String, Vec<u64>, Vec<u64>)>,
    /// Tensors of a kind that is not read.
    pub kinds: Vec<(String, Dtype)>,
}

impl Misfit {
    /// Whether the weights are exactly what the model needs.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Holds weights against what a model needs, by the diffusers names.
    pub fn between(weights: &Weights, expected: &[Expected]) -> Self {
        let mut misfit = Self::default();
        let mut rest: BTreeMap<&str, _> = weights.entries().collect();
        for one in expected {
            let Some(entry) = rest.remove(one.name.as_str()) else {
                misfit.missing.push(one.name.clone());
                continue;
            };
            if entry.shape != one.shape {
                misfit
                    .shapes
                    .push((one.name.clone(), entry.shape.clone(), one.shape.clone()));
            }
            if !matches!(entry.dtype, Dtype::F32 | Dtype::F16 | Dtype::Bf16) {
                misfit.kinds.push((one.name.clone(), entry.dtype));
            }
        }
        misfit.left_over = rest.keys().map(|name| shortened(name)).collect();
        misfit
    }
}

/// The first few of a long list, and how many more there are.
fn few(names: &[String]) -> String {
    let shown = names
        .iter()
        .take(3)
        .map(|n| format!("\"{n}\""))
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(3) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.missing.is_empty() {
            parts.push(format!("missing: {}", few(&self.missing)));
        }
        if !self.left_over.is_empty() {
            parts.push(format!("not of this model: {}", few(&self.left_over)));
        }
        if !self.shapes.is_empty() {
            let told: Vec<String> = self
                .shapes
                .iter()
                .map(|(name, found, needed)| format!("{name} {found:?} instead of {needed:?}"))
                .collect();
            parts.push(format!("of another shape: {}", few(&told)));
        }
        if !self.kinds.is_empty() {
            let told: Vec<String> = self
                .kinds
                .iter()
                .map(|(name, kind)| format!("{name} ({kind})"))
                .collect();
            parts.push(format!(
                "of a kind that is not read (get the model in BF16, F16 or F32): {}",
                few(&told)
            ));
        }
        f.write_str(&parts.join("; "))
    }
}
