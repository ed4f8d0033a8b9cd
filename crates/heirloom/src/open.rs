//! Opening a film's folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use heirloom_dailies::words::Words;
use heirloom_film::{Film, Loaded, Problems};
use heirloom_vault::Vault;

use crate::Ended;
use crate::show::Show;

/// Where a film's parts lie.
pub fn film_toml(folder: &Path) -> PathBuf {
    folder.join("film.toml")
}

/// Work in progress.
pub fn work(folder: &Path) -> PathBuf {
    folder.join("work")
}

/// What leaves the studio.
pub fn out(folder: &Path) -> PathBuf {
    folder.join("out")
}

/// Read film.toml, showing warnings; every error is shown as a good compiler would.
pub fn film(folder: &Path, show: &Show) -> anyhow::Result<Film> {
    let path = film_toml(folder);
    match heirloom_film::load(&path) {
        Ok(Loaded { film, warnings, .. }) => {
            for warning in &warnings {
                show.block(&warning.render(show.color()));
            }
            Ok(film)
        }
        Err(problems) => Err(said(&problems, show)),
    }
}

/// The words that prompts are read by: the built-in ones, and the film's own.
pub fn words(folder: &Path, show: &Show) -> anyhow::Result<Words> {
    Words::of_film(folder).map_err(|problems| said(&problems, show))
}

/// Show problems and end.
pub fn said(problems: &Problems, show: &Show) -> anyhow::Error {
    show.block(&problems.render(show.color()));
    Ended::Said(1).into()
}

/// The film's vault; made if the folder has a film.toml and no vault yet.
pub fn vault(folder: &Path) -> anyhow::Result<Arc<Vault>> {
    let toml = film_toml(folder);
    anyhow::ensure!(
        toml.is_file(),
        "{} is not a film's folder: it has no film.toml; go into one, name one with --film, or make one \
         with `heirloom new NAME`",
        folder.display()
    );
    Ok(Arc::new(Vault::open_or_create(&folder.join("vault"))?))
}

/// Today, for what runs out on a date.
pub fn today() -> jiff::civil::Date {
    jiff::Zoned::now().date()
}

/// Make a folder, saying which where that fails.
pub fn make_folder(path: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path).with_context(|| {
        format!(
            "{} could not be made; check the disk and the permissions",
            path.display()
        )
    })
}

/// Write a file whole or not at all; its folder is made where it is missing.
pub fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    make_folder(folder)?;
    let mut unnamed = tempfile::Builder::new();
    // Temporary files are for their owner alone; a finished one is for whom the user's own mask allows.
    #[cfg(unix)]
    unnamed.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let written = unnamed.tempfile_in(folder).and_then(|mut file| {
        std::io::Write::write_all(&mut file, bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)
    });
    written.map(drop).with_context(|| {
        format!(
            "{} could not be written; check the disk and the permissions",
            path.display()
        )
    })
}
