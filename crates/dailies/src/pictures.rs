//! The pictures a shot is composed by, besides its sources: found, named by hash, and told to the engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use heirloom_archive::{Source, resolve_among};
use heirloom_engine::gate::SourceUse;
use heirloom_engine::{Param, settings};
use heirloom_film::{Kind, LayoutBy, Picture, Shot, Still};
use heirloom_vault::ObjectId;

use crate::plan::Why;

/// A picture of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictured {
    /// What it is for: one of the roles of [`heirloom_engine::settings`].
    pub role: &'static str,
    /// Its bytes' hash.
    pub object: ObjectId,
    /// The file to put into the vault; none where it is a source, which is there already.
    pub file: Option<PathBuf>,
}

/// Every picture that the shot names, by its role.
fn named(shot: &Shot) -> Vec<(&'static str, &Picture)> {
    let mut out = Vec::new();
    match shot.layout.as_ref().map(|layout| &layout.by) {
        Some(LayoutBy::Drawing(picture)) => out.push((settings::LAYOUT, picture)),
        Some(LayoutBy::Board(n)) => out.extend(shot.boards.get(*n).map(|b| (settings::LAYOUT, &b.picture))),
        Some(LayoutBy::Labels { picture, .. }) => out.push((settings::LABELS, picture)),
        None => {}
    }
    if let Some(Still::Mask(picture)) = &shot.still {
        out.push((settings::STILL, picture));
    }
    if let Kind::Fill {
        mask: Some(picture), ..
    } = &shot.kind
    {
        out.push((settings::MASK, picture));
    }
    out
}

/// Finds the pictures that the shot names; those of the archive are noted in `uses`, for the gate.
///
/// # Errors
/// A file can not be read, or a call names no source; each says the mend.
pub fn pictures(
    folder: &Path,
    shot: &Shot,
    archive: &[Source],
    uses: &mut Vec<SourceUse>,
) -> Result<Vec<Pictured>, Why> {
    let mut out = Vec::new();
    for (role, picture) in named(shot) {
        out.push(match picture {
            Picture::Source(call) => {
                let object = resolve_among(archive, call).map_err(Why::Source)?.object;
                uses.push(SourceUse {
                    object,
                    name: call.call.clone(),
                });
                Pictured {
                    role,
                    object,
                    file: None,
                }
            }
            Picture::File(path) => {
                let file = folder.join(path);
                let object = std::fs::File::open(&file)
                    .and_then(ObjectId::of_reader)
                    .map_err(|error| {
                        Why::Shot(format!(
                            "{} could not be read ({error}); put the {role} picture there, or correct its name",
                            file.display()
                        ))
                    })?;
                Pictured {
                    role,
                    object,
                    file: Some(file),
                }
            }
        });
    }
    Ok(out)
}

/// What an engine is told of the shot's layout, of what stands still and of what is added round a plate.
pub fn params(shot: &Shot, number: impl Fn(f32) -> Param, params: &mut BTreeMap<String, Param>) {
    if let Some(layout) = &shot.layout {
        params.insert(settings::LAYOUT_STRENGTH.into(), number(layout.strength));
        if let LayoutBy::Labels { sources, .. } = &layout.by {
            let words: Vec<String> = sources
                .iter()
                .map(|([r, g, b], n)| format!("{r:02x}{g:02x}{b:02x}:{n}"))
                .collect();
            params.insert(settings::LABEL_SOURCES.into(), Param::Text(words.join(" ")));
        }
    }
    if shot.still == Some(Still::Stars) {
        params.insert(settings::STILL_STARS.into(), Param::Flag(true));
    }
    if let Kind::Fill { margins, .. } = &shot.kind {
        for (name, share) in [
            (settings::FRAME_LEFT, margins.left),
            (settings::FRAME_RIGHT, margins.right),
            (settings::FRAME_UP, margins.up),
            (settings::FRAME_DOWN, margins.down),
        ] {
            if share > 0.0 {
                params.insert(name.into(), number(share));
            }
        }
    }
}
