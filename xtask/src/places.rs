//! Where things lie: the repository, the user's cache, and the folder builds go to.

use std::env;
use std::path::{Path, PathBuf};

/// The repository's root. Asked of cargo at run time: a build folder shared by clones may hold another clone's build
/// of this program.
pub fn root() -> PathBuf {
    let here =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    here.parent().map_or_else(|| here.clone(), Path::to_path_buf)
}

/// Heirloom's folder in the user's cache: builds, tools, work that may be thrown away.
///
/// `$XDG_CACHE_HOME/heirloom` or `$HOME/.cache/heirloom`; without a home, `target/cache` in the repository.
pub fn cache() -> PathBuf {
    let set = |name| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .or_else(|| set("HOME").map(|h| h.join(".cache")))
        .map_or_else(|| root().join("target/cache"), |c| c.join("heirloom"))
}

/// Where every build started here puts its output. One folder for all clones, so that a fresh one starts warm.
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR").filter(|v| !v.is_empty()) {
        Some(dir) => root().join(dir),
        None => cache().join("target"),
    }
}

/// Makes the shared build folder this clone's: when another clone was the last to use it, this one's files are marked
/// as changed just now.
///
/// Cargo tells a clone's crates from another's by nothing but the time at which their files changed, so it would take
/// another clone's newer build for that of older files here.
pub fn claim_target() -> std::io::Result<()> {
    let stamp = target().join("used-by.txt");
    let me = root().display().to_string();
    if std::fs::read_to_string(&stamp).is_ok_and(|last| last == me) {
        return Ok(());
    }
    let now = std::time::SystemTime::now();
    for folder in ["crates", "xtask", "fuzz", "peers"] {
        mark_changed(&root().join(folder), now)?;
    }
    std::fs::create_dir_all(target())?;
    std::fs::write(stamp, me)
}

fn mark_changed(folder: &Path, now: std::time::SystemTime) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && entry.file_name() != "target" {
            mark_changed(&entry.path(), now)?;
        } else if kind.is_file() {
            std::fs::File::options()
                .append(true)
                .open(entry.path())?
                .set_modified(now)?;
        }
    }
    Ok(())
}

/// Programs installed for this repository alone.
pub fn tools() -> PathBuf {
    cache().join("tools")
}

/// A path as a person would write it: relative to the repository where it lies inside.
pub fn show(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Whether a program of this name is on the search path.
pub fn on_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|all| env::split_paths(&all).any(|dir| dir.join(program).is_file()))
}

/// Bytes in a folder and everything below it; what cannot be read counts nothing.
pub fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|e| match e.file_type() {
            Ok(t) if t.is_dir() => bytes_in(&e.path()),
            Ok(t) if t.is_file() => e.metadata().map_or(0, |m| m.len()),
            _ => 0,
        })
        .sum()
}
