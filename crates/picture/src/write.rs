//! Files that are whole or not there: written under a temporary name, synced, renamed.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that could not be written. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// No room on the disk.
    #[error("the disk is full: {} could not be written, and nothing of it was kept; free some space and try again", path.display())]
    DiskFull {
        /// The file that was meant.
        path: PathBuf,
    },
    /// The folder is missing, may not be written to, or the device failed.
    #[error("{} could not be written ({source}); see that its folder exists and may be written to", path.display())]
    Io {
        /// The file that was meant.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The pixels do not fit the stated size, or the format cannot hold it.
    #[error("{} could not be written: {why}", path.display())]
    Shape {
        /// The file that was meant.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
}

impl WriteError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path: path.into() },
            _ => Self::Io {
                path: path.into(),
                source,
            },
        }
    }

    pub(crate) fn shape(path: &Path, why: impl Into<String>) -> Self {
        Self::Shape {
            path: path.into(),
            why: why.into(),
        }
    }
}

/// The folder a file lies in; `.` for a bare name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// An empty temporary file beside `path`, gone when dropped; `suffix` ends its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> Result<tempfile::NamedTempFile, WriteError> {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(suffix)
        .permissions_like_a_new_file()
        .tempfile_in(folder_of(path))
        .map_err(|source| WriteError::io(path, source))
}

/// Syncs a finished temporary file and gives it its name.
pub(crate) fn keep(file: tempfile::NamedTempFile, path: &Path) -> Result<(), WriteError> {
    file.as_file()
        .sync_all()
        .map_err(|source| WriteError::io(path, source))?;
    file.persist(path)
        .map(drop)
        .map_err(|e| WriteError::io(path, e.error))
}

/// Writes `path` through `fill`, whole or not at all.
pub(crate) fn whole(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&mut File>) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let mut file = beside(path, ".part")?;
    let mut out = BufWriter::with_capacity(1 << 16, file.as_file_mut());
    fill(&mut out)?;
    out.flush().map_err(|source| WriteError::io(path, source))?;
    drop(out);
    keep(file, path)
}

/// Writes `bytes` as the file `path`, whole or not at all.
///
/// # Errors
/// Where the file cannot be written; it is then as it was before.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    whole(path, |out| {
        out.write_all(bytes)
            .map_err(|source| WriteError::io(path, source))
    })
}

/// Temporary files are made readable for their owner alone; a finished picture is for everyone whom
/// the user's own mask allows.
trait PermissionsLikeANewFile {
    fn permissions_like_a_new_file(&mut self) -> &mut Self;
}

impl PermissionsLikeANewFile for tempfile::Builder<'_, '_> {
    #[cfg(unix)]
    fn permissions_like_a_new_file(&mut self) -> &mut Self {
        use std::os::unix::fs::PermissionsExt;
        self.permissions(std::fs::Permissions::from_mode(0o666))
    }

    #[cfg(not(unix))]
    fn permissions_like_a_new_file(&mut self) -> &mut Self {
        self
    }
}
