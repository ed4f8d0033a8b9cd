//! Latents and text states that were worked out once, by what they were worked out of.
//!
//! Each is a safetensors file of one tensor, named by a hash. All of it may be deleted; it is made anew, and costs time.

use crate::weights::{Dtype, Weights, Written, write_whole};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Raised when the same names would mean other numbers.
const REVISION: u32 = 1;
const TENSOR: &str = "values";

/// A folder of them.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// Numbers and their shape.
pub(super) type Shaped = (Vec<usize>, Vec<f32>);

impl Cache {
    /// The cache in this folder, which is made when something is put there.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name of what follows from these parts.
    pub(super) fn key(parts: &[&str]) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("heirloom engine-diffusion training cache");
        hasher.update(&REVISION.to_le_bytes());
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    fn path(&self, key: &str) -> PathBuf {
        let (first, rest) = key.split_at_checked(2).unwrap_or((key, ""));
        self.folder.join(first).join(format!("{rest}.safetensors"))
    }

    /// What is kept by this name; a damaged file is as none.
    pub(super) fn get(&self, key: &str) -> Option<Shaped> {
        let path = self.path(key);
        if !path.is_file() {
            return None;
        }
        let file = Weights::open(&path).ok()?;
        let view = file.get(TENSOR)?;
        let shape: Option<Vec<usize>> = view.shape.iter().map(|s| usize::try_from(*s).ok()).collect();
        let values = view.to_f32().ok()?;
        values.iter().all(|v| v.is_finite()).then_some((shape?, values))
    }

    /// Keeps numbers by this name.
    pub(super) fn put(&self, key: &str, (shape, values): &Shaped) -> io::Result<()> {
        let path = self.path(key);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let tensor = Written {
            name: TENSOR.into(),
            shape: shape.clone(),
            values,
        };
        write_whole(&path, &BTreeMap::new(), &[tensor], Dtype::F32)
    }
}
