//! What one reading has used up so far, and what it has to say.

use std::collections::BTreeSet;

use super::{FileError, Files, ReadError, ReadOptions};
use crate::scene::Warning;

/// Warnings that are kept; more are counted.
const WARNINGS: usize = 200;

/// What every part of a reader needs: the scene's name, the limits, the files beside it, the warnings.
pub(super) struct Context<'a> {
    /// What the file is called in errors.
    pub name: String,
    /// How it is read.
    pub options: &'a ReadOptions,
    files: &'a dyn Files,
    warnings: Vec<Warning>,
    said: BTreeSet<Warning>,
    unsaid: usize,
    used: Used,
}

#[derive(Default)]
struct Used {
    file_bytes: u64,
    files: u64,
    nodes: u64,
    vertices: u64,
    triangles: u64,
    key_values: u64,
    texture_pixels: u64,
}

impl<'a> Context<'a> {
    pub fn new(name: &str, options: &'a ReadOptions, files: &'a dyn Files) -> Self {
        Self {
            name: name.into(),
            options,
            files,
            warnings: Vec::new(),
            said: BTreeSet::new(),
            unsaid: 0,
            used: Used::default(),
        }
    }

    /// Names something that was not carried, or was mended; the same is said once.
    pub fn warn(&mut self, subject: impl Into<String>, what: impl Into<String>) {
        let warning = Warning {
            subject: super::names::tidy(&subject.into()),
            what: what.into(),
        };
        if self.warnings.len() >= WARNINGS {
            self.unsaid += 1;
        } else if self.said.insert(warning.clone()) {
            self.warnings.push(warning);
        }
    }

    pub fn into_warnings(mut self) -> Vec<Warning> {
        if self.unsaid > 0 {
            self.warnings.push(Warning {
                subject: self.name,
                what: format!("{} more warnings are left out", self.unsaid),
            });
        }
        self.warnings
    }

    pub fn damaged(&self, why: impl Into<String>) -> ReadError {
        ReadError::Damaged {
            name: self.name.clone(),
            why: why.into(),
        }
    }

    pub fn not_finite(&self, subject: &str, what: impl Into<String>) -> ReadError {
        ReadError::NotFinite {
            name: self.name.clone(),
            subject: super::names::tidy(subject),
            what: what.into(),
        }
    }

    fn take(
        &mut self,
        what: &'static str,
        more: u64,
        limit: u64,
        used: impl FnOnce(&mut Used) -> &mut u64,
    ) -> Result<(), ReadError> {
        let used = used(&mut self.used);
        let count = used.saturating_add(more);
        if count > limit {
            return Err(ReadError::TooLarge {
                name: self.name.clone(),
                what,
                count,
                limit,
            });
        }
        *used = count;
        Ok(())
    }

    pub fn bytes(&mut self, more: u64) -> Result<(), ReadError> {
        self.take("bytes", more, self.options.limits.file_bytes, |u| {
            &mut u.file_bytes
        })
    }

    pub fn nodes(&mut self, more: u64) -> Result<(), ReadError> {
        self.take("nodes", more, self.options.limits.nodes, |u| &mut u.nodes)
    }

    pub fn vertices(&mut self, more: u64) -> Result<(), ReadError> {
        self.take("vertices", more, self.options.limits.vertices, |u| {
            &mut u.vertices
        })
    }

    pub fn triangles(&mut self, more: u64) -> Result<(), ReadError> {
        self.take("triangles", more, self.options.limits.triangles, |u| {
            &mut u.triangles
        })
    }

    pub fn key_values(&mut self, more: u64) -> Result<(), ReadError> {
        self.take("animation values", more, self.options.limits.key_values, |u| {
            &mut u.key_values
        })
    }

    pub fn texture_pixels(&mut self, more: u64) -> Result<(), ReadError> {
        self.take(
            "pixels in pictures",
            more,
            self.options.limits.texture_pixels,
            |u| &mut u.texture_pixels,
        )
    }

    /// Pixels that pictures may still take.
    pub fn texture_pixels_left(&self) -> u64 {
        self.options.limits.texture_pixels - self.used.texture_pixels
    }

    /// Bytes that files may still take.
    pub fn bytes_left(&self) -> u64 {
        self.options.limits.file_bytes - self.used.file_bytes
    }

    /// The bytes of a file beside the scene.
    pub fn file(&mut self, path: &str) -> Result<Vec<u8>, FileError> {
        let limit = self.options.limits.files;
        if self.used.files >= limit {
            return Err(FileError::Io(std::io::Error::other(format!(
                "the scene asks for more than {limit} files"
            ))));
        }
        self.used.files += 1;
        let bytes = self.files.read(path, self.bytes_left())?;
        self.used.file_bytes = self.used.file_bytes.saturating_add(bytes.len() as u64);
        Ok(bytes)
    }

    /// The same, where the scene makes no sense without it.
    pub fn needed_file(&mut self, path: &str) -> Result<Vec<u8>, ReadError> {
        self.file(path).map_err(|error| match error {
            FileError::Outside => ReadError::Outside {
                name: self.name.clone(),
                file: path.into(),
            },
            other => ReadError::Missing {
                name: self.name.clone(),
                file: path.into(),
                why: other.to_string(),
            },
        })
    }
}
