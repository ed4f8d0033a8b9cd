//! Goldens of PyTorch, diffusers, transformers and PEFT: see `goldens/README.md`.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::panic)]

use heirloom_engine_diffusion::weights::{Dtype, Expected, Weights};
use std::fs;
use std::path::{Path, PathBuf};

/// A place among the goldens.
pub fn goldens(place: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/goldens")
        .join(place)
}

pub fn json(place: &str) -> serde_json::Value {
    serde_json::from_slice(&fs::read(goldens(place)).unwrap()).unwrap()
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

    pub fn shape(&self, name: &str) -> Vec<u64> {
        self.0
            .get(name)
            .unwrap_or_else(|| panic!("no golden {name}"))
            .shape
            .to_vec()
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

/// Copies a folder and all in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The folder of a tiny model: what is its own, and the other parts, which are those of the model for words and not kept twice.
pub fn lay(kind: &str, folder: &Path) {
    for part in ["vae", "text_encoder", "tokenizer"] {
        copy(&goldens("t2v").join(part), &folder.join(part));
    }
    copy(&goldens(kind), folder);
}

/// Name, kind, shape and bytes.
pub type Tensor = (String, &'static str, Vec<u64>, Vec<u8>);

/// Writes tensors, in this order, and notes as a safetensors file.
pub fn write(path: &Path, notes: serde_json::Value, tensors: &[Tensor]) {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    header.insert("__metadata__".into(), notes);
    for (name, dtype, shape, bytes) in tensors {
        let entry = serde_json::json!({
            "dtype": dtype, "shape": shape, "data_offsets": [data.len(), data.len() + bytes.len()]
        });
        header.insert(name.clone(), entry);
        data.extend_from_slice(bytes);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(&header);
    file.extend_from_slice(&data);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, file).unwrap();
}

/// A part's tensors under its original names.
pub fn under_original_names(weights: &Weights, expected: &[Expected], prefix: &str) -> Vec<Tensor> {
    let all = expected.iter().map(|e| {
        let view = weights.get(&e.name).unwrap();
        (
            format!("{prefix}{}", e.original),
            view.dtype.name(),
            view.shape.to_vec(),
            view.bytes.to_vec(),
        )
    });
    all.collect()
}
