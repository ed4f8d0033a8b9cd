//! Goldens of PyTorch, diffusers, transformers and PEFT: see `goldens/README.md`.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::panic)]

use heirloom_engine_diffusion::weights::{Dtype, Weights};
use std::path::PathBuf;

/// A place among the goldens.
pub fn goldens(place: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/goldens")
        .join(place)
}

pub fn json(place: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(goldens(place)).unwrap()).unwrap()
}

/// One file of goldens.
pub struct Goldens(Weights);

impl Goldens {
    pub fn open(name: &str) -> Self {
        Self(Weights::open(&goldens(&format!("{name}.safetensors"))).unwrap())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.entries().map(|(name, _)| name)
    }

    pub fn f32(&self, name: &str) -> Vec<f32> {
        self.0
            .get(name)
            .unwrap_or_else(|| panic!("no golden {name}"))
            .to_f32()
            .unwrap()
    }

    pub fn f64(&self, name: &str) -> Vec<f64> {
        let view = self.0.get(name).unwrap();
        assert_eq!(view.dtype, Dtype::F64);
        view.bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|b| f64::from_le_bytes(*b))
            .collect()
    }
}

/// The largest difference over the largest wanted value.
pub fn apart(got: &[f32], wanted: &[f32]) -> f64 {
    assert_eq!(got.len(), wanted.len());
    let largest = wanted.iter().fold(1e-30_f64, |m, x| m.max(f64::from(x.abs())));
    got.iter()
        .zip(wanted)
        .fold(0.0, |m: f64, (a, b)| m.max(f64::from((a - b).abs())))
        / largest
}
