//! `heirloom care`: takes that are there, cared for.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use heirloom_archive::{Archive, Media, resolve_among};
use heirloom_dailies::care::{Larger, Wishes, plan};
use heirloom_dailies::choices::ShotChoices;
use heirloom_dailies::takes::{self as dailies, Take};
use heirloom_dailies::{Drawing, Lock, Plan, Work, draw_all, subject};
use heirloom_engine::gate::SourceGate;
use heirloom_engine::{Draw, Engines, Param, settings};
use heirloom_film::{Film, SourceCall};
use heirloom_vault::{Actor, Vault};

use crate::args::Care;
use crate::show::{ShotBars, Show};
use crate::{Ended, INTERRUPTED, make, open, takes};

/// Care for takes.
pub fn run(
    folder: &Path,
    engines: &Engines,
    options: &Care,
    show: &Show,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    make::threads(options.threads)?;
    let vault = open::vault(folder)?;
    let _lock = match options.dry_run {
        true => None,
        false => Some(Lock::acquire(folder)?),
    };
    let film = match options.dry_run {
        true => open::film(folder, show)?,
        false => make::film(folder, None, show)?,
    };
    let mut named = Vec::new();
    for wanted in &options.takes {
        named.push(take(folder, &film, &vault, engines, wanted, show)?);
    }
    let wishes = wishes(&film, &vault, options)?;
    let gate = SourceGate::new(&vault, open::today());
    let plan = plan(&film, &vault, engines, &gate, &named, &wishes)?;
    if !plan.objections.is_empty() {
        return Err(make::objections(&plan, show));
    }
    if options.dry_run {
        return tell(&plan, &named, &vault, options, show);
    }
    let work = open::work(folder);
    open::make_folder(&work)?;
    let bars = ShotBars::new(show, plan.shots.iter().map(|s| s.label()).collect());
    let outcome = draw_all(&Drawing {
        plan: &plan,
        vault: vault.clone(),
        engines,
        work: &work,
        by: Actor::person_here(),
        workers: 1,
        stop,
        observer: &bars,
    })?;
    drop(bars);
    for (shot, why) in &outcome.failed {
        show.error(&format!("shot {shot}: {why}"));
    }
    if outcome.stopped || stop.load(Ordering::Relaxed) {
        show.note("Stopped. Nothing is lost: the same command goes on from here.");
        return Err(Ended::Said(INTERRUPTED).into());
    }
    tell(&plan, &named, &vault, options, show)?;
    if outcome.failed.is_empty() {
        Ok(())
    } else {
        Err(Ended::Said(1).into())
    }
}

/// The take that a word means: by its id, or of a shot its select, or else what film.toml draws.
fn take(
    folder: &Path,
    film: &Film,
    vault: &Vault,
    engines: &Engines,
    wanted: &str,
    show: &Show,
) -> anyhow::Result<Take> {
    if let Ok((scene, shot)) = takes::among(film, wanted)
        && let Some(select) = ShotChoices::read(vault.ledger(), &subject(scene, shot))?.select()
    {
        return Ok(dailies::open(vault, &select)?);
    }
    let plan = &mut || takes::plan(folder, None, vault, engines, show);
    Ok(takes::take(folder, vault, plan, wanted)?.1)
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
    let mut photographs = Vec::new();
    if !options.from.is_empty() {
        let known = Archive::new(vault).sources()?;
        for name in &options.from {
            let call = match name.contains(':') {
                true => SourceCall::parse(name)?,
                false => SourceCall::parse(&format!("archive:{name}"))?,
            };
            let source = resolve_among(&known, &call)?;
            anyhow::ensure!(
                source.media == Media::Photograph,
                "{} is a clip; what is fine comes from photographs: name one of those with --from",
                source.file_name
            );
            photographs.push(source);
        }
    }
    Ok(Wishes {
        settings: own,
        larger,
        photographs,
        seed: options.seed,
        note: options.note.clone(),
    })
}

/// The new takes, each beside the one it is of.
fn tell(plan: &Plan, named: &[Take], vault: &Vault, options: &Care, show: &Show) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for (planned, of) in plan.shots.iter().zip(named) {
        let Work::Draw { request, id } = &planned.work else {
            continue;
        };
        let made = dailies::take_of(vault, &Draw { request: *id, n: 0 })?.map(|take| take.id);
        if options.json {
            rows.push(serde_json::json!({
                "take": made, "of": of.id, "shot": planned.label(), "size": request.size, "frames": request.frames,
                "settings": request.params,
            }));
            continue;
        }
        let shape = format!("{}, {} frames", request.size, request.frames);
        show.say(&match made {
            Some(made) => format!(
                "{}  {:<24} {shape}, of the take {}",
                takes::short(&made),
                planned.label(),
                takes::short(&of.id)
            ),
            None => format!(
                "{}: {shape}, would be made of the take {}",
                planned.label(),
                takes::short(&of.id)
            ),
        });
    }
    if options.json {
        show.say(&serde_json::to_string_pretty(&rows)?);
    }
    Ok(())
}
