//! Which files of the folders given may be sources, and under which folder's name.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::AddError;
use crate::rights_toml;

/// A file to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    pub path: PathBuf,
    /// The added folder's own name and the way below it, with `/`: "father/1974".
    pub folder: String,
    pub file_name: String,
    /// The `rights.toml` that speaks of it: the nearest one up to the added folder.
    pub rights: Option<PathBuf>,
}

/// What was found below all that was given.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub files: Vec<Found>,
    /// What was not followed or could not be listed, and why.
    pub skipped: Vec<(PathBuf, String)>,
    /// Every folder walked wholly, by its name in the archive.
    pub folders: Vec<String>,
}

/// Walks all folders and files given, in order; those below a folder sorted by name.
pub(crate) fn walk(given: &[PathBuf]) -> Result<Walk, AddError> {
    let mut roots = Vec::new();
    for path in given {
        let real = fs::canonicalize(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                AddError::NotFound { path: path.clone() }
            }
            _ => AddError::Unreadable {
                path: path.clone(),
                source,
            },
        })?;
        // The same folder given twice is one.
        if !roots.iter().any(|(_, known)| *known == real) {
            roots.push((path, real));
        }
    }
    let labels = labels(&roots.iter().map(|(_, real)| real.as_path()).collect::<Vec<_>>());
    let mut walk = Walk::default();
    for ((path, real), label) in roots.into_iter().zip(labels) {
        if real.is_dir() {
            let before = walk.files.len() + walk.skipped.len();
            walk.folder(path, &real, &real, &label, None)?;
            if walk.files.len() + walk.skipped.len() == before {
                return Err(AddError::EmptyFolder { path: path.clone() });
            }
        } else {
            let rights = real.parent().and_then(rights_in);
            walk.file(real.clone(), name_of(&real), &label, rights);
        }
    }
    Ok(walk)
}

impl Walk {
    /// `shown` is the folder as the user wrote it, `real` where it lies, `root` the added folder above it.
    fn folder(
        &mut self,
        shown: &Path,
        real: &Path,
        root: &Path,
        label: &str,
        rights: Option<&Path>,
    ) -> Result<(), AddError> {
        let own = rights_in(shown);
        let rights = own.as_deref().or(rights);
        let mut entries = match fs::read_dir(real).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(source) if real == root => {
                return Err(AddError::Unreadable {
                    path: shown.to_owned(),
                    source,
                });
            }
            Err(source) => {
                self.skipped.push((
                    shown.to_owned(),
                    format!("the folder could not be listed: {source}"),
                ));
                return Ok(());
            }
        };
        self.folders.push(label.to_owned());
        entries.sort_by_key(fs::DirEntry::file_name);
        let names = entries
            .iter()
            .filter_map(|entry| entry.file_name().into_string().ok());
        let names: BTreeSet<String> = names.collect();
        for entry in entries {
            let name = spelled(&entry.file_name());
            if name.starts_with('.') {
                continue;
            }
            let path = shown.join(entry.file_name());
            if entry.file_name().to_str().is_none() && names.contains(&name) {
                let why = format!(
                    "its name is no UTF-8, and {name}, as it would be called, is another's: rename it"
                );
                self.skipped.push((path, why));
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => {
                    let label = if label.is_empty() {
                        name
                    } else {
                        format!("{label}/{name}")
                    };
                    self.folder(&path, &entry.path(), root, &label, rights)?;
                }
                Ok(kind) if kind.is_symlink() => match fs::canonicalize(entry.path()) {
                    Ok(target) if !target.starts_with(root) => {
                        let why = "it is a link to outside the folder, which is not followed: add that folder itself";
                        self.skipped.push((path, why.to_owned()));
                    }
                    // A folder within is walked where it really lies.
                    Ok(target) if target.is_dir() => {}
                    Ok(_) => self.file(path, name, label, rights.map(Path::to_owned)),
                    Err(e) => self
                        .skipped
                        .push((path, format!("it is a link that leads nowhere ({e}): delete it"))),
                },
                Ok(kind) if kind.is_file() => self.file(path, name, label, rights.map(Path::to_owned)),
                // Pipes, sockets and devices are no pictures.
                Ok(_) => {}
                Err(e) => self
                    .skipped
                    .push((path, format!("it could not be looked at: {e}"))),
            }
        }
        Ok(())
    }

    fn file(&mut self, path: PathBuf, file_name: String, folder: &str, rights: Option<PathBuf>) {
        if file_name != rights_toml::FILE_NAME {
            self.files.push(Found {
                path,
                folder: folder.to_owned(),
                file_name,
                rights,
            });
        }
    }
}

fn rights_in(folder: &Path) -> Option<PathBuf> {
    Some(folder.join(rights_toml::FILE_NAME)).filter(|path| path.exists())
}

/// What the folders given are called in the archive: their own names, and where two are alike as much of the
/// way above them as tells them apart. A single file goes by the folder that it lies in.
fn labels(roots: &[&Path]) -> Vec<String> {
    let steps: Vec<Vec<String>> = roots
        .iter()
        .map(|root| {
            if root.is_dir() {
                *root
            } else {
                root.parent().unwrap_or(root)
            }
        })
        .map(|folder| folder.iter().map(spelled).collect())
        .collect();
    let label = |steps: &[String], depth: usize| {
        let steps: Vec<&str> = steps
            .iter()
            .map(String::as_str)
            .filter(|step| *step != "/")
            .collect();
        steps
            .get(steps.len().saturating_sub(depth)..)
            .unwrap_or_default()
            .join("/")
    };
    steps
        .iter()
        .map(|own| {
            let deepest = own.len().max(1);
            let alone = |depth: usize| {
                steps
                    .iter()
                    .all(|other| other == own || label(other, depth) != label(own, depth))
            };
            let depth = (1..deepest).find(|depth| alone(*depth)).unwrap_or(deepest);
            label(own, depth)
        })
        .collect()
}

fn name_of(path: &Path) -> String {
    spelled(path.file_name().unwrap_or_default())
}

/// A name as it is written in the archive. In one that is no UTF-8, each byte that fits nowhere is written `%FF`, and `%`
/// itself `%25`, so that no two of them become one.
fn spelled(name: &OsStr) -> String {
    if let Some(name) = name.to_str() {
        return name.to_owned();
    }
    let mut out = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        out.push_str(&chunk.valid().replace('%', "%25"));
        for byte in chunk.invalid() {
            // Writing to a string never fails.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn names_that_are_no_text_stay_apart() {
        let names: [&[u8]; 6] = [
            b"a\xff.jpg",
            b"a\xfe.jpg",
            b"a%FF\xff.jpg",
            b"a\xff\xff.jpg",
            b"a%25FF\xff.jpg",
            b"caf\xe9.jpg",
        ];
        let spelled: BTreeSet<String> = names.iter().map(|n| spelled(OsStr::from_bytes(n))).collect();
        assert_eq!(spelled.len(), names.len());
        assert!(
            spelled.contains("a%FF.jpg") && spelled.contains("caf%E9.jpg"),
            "{spelled:?}"
        );
        assert_eq!(
            super::spelled(OsStr::new("50% caf\u{e9}.jpg")),
            "50% caf\u{e9}.jpg"
        );
    }
}
