//! `heirloom restyle`: takes made over by a model, by strength.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use heirloom_dailies::restyle::{Wishes, plan};
use heirloom_engine::Engines;
use heirloom_film::Setting;
use heirloom_vault::Vault;

use crate::args::Restyle;
use crate::make;
use crate::over::{self, OverTakes, Room};
use crate::show::Show;

/// Make takes over.
pub fn run(
    folder: &Path,
    engines: &Engines,
    options: &Restyle,
    show: &Show,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    make::threads(options.threads)?;
    let over = OverTakes {
        folder,
        engines,
        takes: &options.takes,
        dry_run: options.dry_run,
        json: options.json,
    };
    over.run(
        show,
        stop,
        |Room {
             film,
             vault,
             gate,
             takes,
         }| {
            let wishes = wishes(vault, options)?;
            Ok(plan((film, folder), vault, engines, *gate, takes, &wishes)?)
        },
    )
}

/// What the options wish.
fn wishes(vault: &Vault, options: &Restyle) -> anyhow::Result<Wishes> {
    let settings: BTreeMap<String, Setting> = options.set.iter().cloned().collect();
    anyhow::ensure!(
        settings.len() == options.set.len(),
        "a setting is given twice with --set; give each once"
    );
    Ok(Wishes {
        engine: options.engine.clone(),
        prompt: options.prompt.clone(),
        mood: options.mood.clone(),
        settings,
        references: over::photographs(vault, &options.from, "what is to be seen is shown by photographs")?,
        size: options.size,
        without_guides: options.without_guides,
        seed: options.seed,
        note: options.note.clone(),
        ..Wishes::of_strength(options.strength)
    })
}
