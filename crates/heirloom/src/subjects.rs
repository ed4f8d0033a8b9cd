//! The subjects that a shot's takes are to show, when they are measured.

use std::path::Path;
use std::sync::Arc;

use heirloom_archive::Archive;
use heirloom_dailies::measures::Sought;
use heirloom_dailies::staged::{Shelf, Sources};
use heirloom_dailies::subjects::OfSubjects;
use heirloom_engine::gate::{Action, SourceGate};
use heirloom_film::Film;
use heirloom_vault::Vault;

use crate::show::Show;
use crate::{open, takes};

/// The subjects of a shot with their pictures. What of them can not be had is said, with the mend, and left out.
pub fn sought(
    folder: &Path,
    vault: &Arc<Vault>,
    film: &Film,
    wanted: &str,
    show: &Show,
) -> anyhow::Result<Vec<Sought>> {
    let (scene, shot) = takes::among(film, wanted)?;
    if shot.subjects.is_empty() {
        return Ok(Vec::new());
    }
    let archive = Archive::new(vault).sources()?;
    let gate = SourceGate::new(vault, open::today());
    let sources = Sources {
        folder,
        archive: Some(Shelf {
            vault,
            sources: &archive,
            gate: &gate,
            action: Action::Choose,
        }),
    };
    let note = |without: &str, why: &str| {
        show.note(&format!(
            "note: takes of {} {} are measured without {without}: {why}",
            scene.name, shot.name
        ));
    };
    let (subjects, lacking) = OfSubjects::new(film, shot, &sources);
    for why in lacking {
        note("a picture of a subject", &why);
    }
    Ok(subjects.sought(film.rate).unwrap_or_else(|why| {
        note("their subjects", &why);
        Vec::new()
    }))
}
