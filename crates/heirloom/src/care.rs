//! `heirloom care`: takes that are there, cared for.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use heirloom_dailies::care::{Larger, Wishes, plan};
use heirloom_engine::{Engines, Param, settings};
use heirloom_film::Film;
use heirloom_vault::Vault;

use crate::args::Care;
use crate::make;
use crate::over::{self, OverTakes, Room};
use crate::show::Show;

/// Care for takes.
pub fn run(
    folder: &Path,
    engines: &Engines,
    options: &Care,
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
            let wishes = wishes(film, vault, options)?;
            Ok(plan(film, vault, engines, *gate, takes, &wishes)?)
        },
    )
}

/// What the options wish, by the names of the engine's card.
fn wishes(film: &Film, vault: &Vault, options: &Care) -> anyhow::Result<Wishes> {
    let mut own = BTreeMap::new();
    if let Some(value) = options.deflicker.filter(|v| *v > 0.0) {
        own.insert(settings::DEFLICKER.to_owned(), Param::Number(value));
    }
    if let Some(value) = options.denoise.filter(|v| *v > 0.0) {
        own.insert(settings::DENOISE.to_owned(), Param::Number(value));
        if let Some(grain) = options.grain {
            own.insert(settings::GRAIN.to_owned(), Param::Number(grain));
        }
    }
    let larger = match (options.upscale, options.size) {
        (Some(0.0), _) => Larger::To(film.size),
        (Some(by), _) => Larger::By(by),
        (None, Some(size)) => Larger::To(size),
        (None, None) => Larger::Same,
    };
    anyhow::ensure!(
        !own.is_empty() || larger != Larger::Same,
        "nothing is wished for the take: say --deflicker, --denoise or --upscale (heirloom care --help)"
    );
    anyhow::ensure!(
        larger != Larger::Same || (options.detail.is_none() && options.from.is_empty()),
        "--detail and --from are for takes that become larger: say --upscale or --size too"
    );
    let detail = options.detail.unwrap_or(1.0);
    if larger != Larger::Same && detail > 0.0 {
        own.insert(settings::DETAIL.to_owned(), Param::Number(detail));
    }
    let photographs = over::photographs(vault, &options.from, "what is fine comes from photographs")?;
    Ok(Wishes {
        settings: own,
        larger,
        photographs,
        seed: options.seed,
        note: options.note.clone(),
    })
}
