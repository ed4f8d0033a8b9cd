//! Writes ids into `film.toml` where they are missing, and changes nothing else.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::problem::Problems;
use crate::read::read_text;
use crate::{Id, parse, toml};

/// Why ids could not be written. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum IdsError {
    /// The file cannot be used; there is nothing to write ids into.
    #[error("{0}")]
    Problems(#[from] Problems),
    /// The file could not be written.
    #[error("cannot write ids into {path}: {source}; free some space or make the folder writable, then try again", path = path.display())]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The generator gave ids that the film already has, a hundred times over.
    #[error("the generator of ids gives none that is new; use another, such as `Id::fresh`")]
    NoFreshId,
    /// The file has no shot of that id.
    #[error("film.toml has no shot of that id any more; run the command again")]
    NoSuchShot,
}

/// Writes an id below the header of every scene and shot of the `film.toml` at `path` that has none, and
/// gives the number written. Every other byte of the file stays as it is: comments, order, spacing, line
/// endings. The file is replaced in one step, with its permissions kept; where nothing is missing it is
/// not touched.
///
/// `fresh` makes an id from the prefix it is given, `sc` for scenes and `sh` for shots. It is asked again
/// when it gives one that the film has; outside tests it is [`Id::fresh`].
///
/// # Errors
/// [`IdsError`]: the file does not check, or cannot be written.
pub fn write_missing_ids(path: &Path, fresh: &mut dyn FnMut(&str) -> Id) -> Result<usize, IdsError> {
    let text = read_text(path)?;
    let (new, count) = with_ids(&path.display().to_string(), &text, fresh)?;
    if count > 0 {
        replace(path, new.as_bytes()).map_err(|source| IdsError::Write {
            path: path.to_path_buf(),
            source,
        })?;
    }
    Ok(count)
}

/// `text` with the missing ids, and how many were added.
fn with_ids(name: &str, text: &str, fresh: &mut dyn FnMut(&str) -> Id) -> Result<(String, usize), IdsError> {
    let film = parse(name, text)?.film;
    let mut taken: std::collections::HashSet<Id> = film
        .scenes
        .iter()
        .flat_map(|scene| {
            scene
                .id
                .iter()
                .chain(scene.shots.iter().filter_map(|shot| shot.id.as_ref()))
        })
        .cloned()
        .collect();
    let gaps = toml::read(name, text, gaps)?.0;
    let mut new = String::with_capacity(text.len() + gaps.len() * 24);
    let mut copied = 0;
    let count = gaps.len();
    for gap in gaps {
        let id = (0..100)
            .map(|_| fresh(gap.prefix))
            .find(|id| taken.insert(id.clone()))
            .ok_or(IdsError::NoFreshId)?;
        let head = text.get(gap.start..).unwrap_or_default();
        if let Some(inside) = head.strip_prefix('{') {
            // An inline table: the id goes right behind the brace.
            let at = gap.start + 1;
            new.push_str(&text[copied..at]);
            copied = at;
            let empty = inside.trim_start().starts_with('}');
            new.push_str(&format!(" id = \"{id}\"{}", if empty { "" } else { "," }));
        } else {
            // A header: the id gets the line below it, in the header's indentation and line ending.
            let line = head.find('\n').map_or(text.len(), |end| gap.start + end + 1);
            new.push_str(&text[copied..line]);
            copied = line;
            let ending = if text[..line].ends_with("\r\n") {
                "\r\n"
            } else {
                "\n"
            };
            if !text[..line].ends_with('\n') {
                new.push_str(ending);
            }
            let begin = text[..gap.start].rfind('\n').map_or(0, |at| at + 1);
            let indent = text[begin..gap.start].trim_start_matches('\u{feff}');
            new.push_str(&format!("{indent}id = \"{id}\"{ending}"));
        }
    }
    new.push_str(&text[copied..]);
    // Whatever shape the file has: what is written must read as the same film.
    parse(name, &new)?;
    Ok((new, count))
}

/// A scene or shot without an id.
struct Gap {
    /// Where its table begins: a header's bracket or an inline table's brace.
    start: usize,
    prefix: &'static str,
}

fn gaps(mut root: toml::Table<'_>) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for mut scene in root.get("scene").and_then(|v| v.tables()).unwrap_or_default() {
        if scene.get("id").is_none() {
            gaps.push(Gap {
                start: scene.span().start,
                prefix: "sc",
            });
        }
        for mut shot in scene.get("shot").and_then(|v| v.tables()).unwrap_or_default() {
            if shot.get("id").is_none() {
                gaps.push(Gap {
                    start: shot.span().start,
                    prefix: "sh",
                });
            }
        }
    }
    gaps.sort_by_key(|gap| gap.start);
    gaps
}

/// Replaces the file in one step: a temporary beside it, synced, renamed over it.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Through a link the file it points to is replaced, not the link.
    let path = fs::canonicalize(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{file_name}.{}.tmp", Id::fresh("new")));
    let written = (|| {
        let mut file = File::options().write(true).create_new(true).open(&temporary)?;
        file.write_all(bytes)?;
        file.set_permissions(fs::metadata(&path)?.permissions())?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        // The rename itself lasts only once the folder is synced; where folders cannot be opened
        // (Windows), the system sees to it.
        if let Ok(folder) = File::open(folder) {
            folder.sync_all()?;
        }
        Ok(())
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}
