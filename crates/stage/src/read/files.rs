//! Files beside a scene, and nothing else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The files that a scene may ask for.
pub trait Files {
    /// The bytes of a file, named relative to the scene's folder with `/` between folders.
    ///
    /// # Errors
    /// See [`FileError`].
    fn read(&self, path: &str, limit_bytes: u64) -> Result<Vec<u8>, FileError>;
}

/// Why a file beside a scene was not given.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Its path leaves the scene's folder: absolute, by `..`, or by a link.
    #[error("it is outside the scene's folder; put it into the folder")]
    Outside,
    /// There is none.
    #[error("there is no such file; put it into the scene's folder")]
    Missing,
    /// It has this many bytes, more than may still be read.
    #[error("it has {0} bytes, more than may still be read; make it smaller")]
    TooLarge(u64),
    /// The system could not read it.
    #[error("{0}; see that it may be read")]
    Io(#[from] io::Error),
}

/// The folder a scene lies in. Paths that leave it are refused: absolute ones, `..`, links that point out.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder around a file.
    ///
    /// # Errors
    /// Where there is no such folder.
    pub fn around(file: &Path) -> io::Result<Self> {
        let parent = match file.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        };
        Ok(Self {
            root: parent.canonicalize()?,
        })
    }
}

impl Files for Folder {
    fn read(&self, path: &str, limit_bytes: u64) -> Result<Vec<u8>, FileError> {
        let inside = within("", path).ok_or(FileError::Outside)?;
        let full = self
            .root
            .join(inside)
            .canonicalize()
            .map_err(|e| match e.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileError::Missing,
                _ => FileError::Io(e),
            })?;
        if !full.starts_with(&self.root) {
            return Err(FileError::Outside);
        }
        whole(&full, limit_bytes)
    }
}

/// A regular file's bytes, unless there are more than `limit_bytes`.
pub(super) fn whole(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, FileError> {
    // Asked before it is opened: opening a pipe would wait for somebody to write into it.
    let meta = std::fs::metadata(path)?;
    if !meta.is_file() {
        return Err(FileError::Io(io::Error::other("it is not a regular file")));
    }
    if meta.len() > limit_bytes {
        return Err(FileError::TooLarge(meta.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    // It may grow while it is read.
    File::open(path)?
        .take(limit_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit_bytes {
        return Err(FileError::TooLarge(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Files in memory, by their paths: for tests, and for packages.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    files: BTreeMap<String, Vec<u8>>,
}

impl Memory {
    /// With one more file; its path relative, with `/` between folders.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), bytes.into());
        self
    }
}

impl Files for Memory {
    fn read(&self, path: &str, limit_bytes: u64) -> Result<Vec<u8>, FileError> {
        let inside = within("", path).ok_or(FileError::Outside)?;
        let bytes = self.files.get(&inside).ok_or(FileError::Missing)?;
        if bytes.len() as u64 > limit_bytes {
            return Err(FileError::TooLarge(bytes.len() as u64));
        }
        Ok(bytes.clone())
    }
}

/// `path` as seen from `folder`, made plain: no `.`, no `..`, `/` between folders. None where it leaves the top.
pub(super) fn within(folder: &str, path: &str) -> Option<String> {
    let drive = path.as_bytes().get(1) == Some(&b':');
    let scheme = path.contains("://");
    if path.starts_with(['/', '\\']) || drive || scheme || path.contains('\0') || path.is_empty() {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    // A backslash parts folders on one system and is a letter on another: taken as the former, and never let through.
    for part in folder.split('/').chain(path.split(['/', '\\'])) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}
