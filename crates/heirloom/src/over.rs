//! Commands over takes that are there: which takes are meant, their work drawn, the new takes told.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use heirloom_archive::{Archive, Media, Source, resolve_among};
use heirloom_dailies::choices::ShotChoices;
use heirloom_dailies::takes::{self as dailies, Take};
use heirloom_dailies::{Drawing, Lock, Plan, Work, draw_all, subject};
use heirloom_engine::gate::{Gate, SourceGate};
use heirloom_engine::{Draw, Engines};
use heirloom_film::{Film, SourceCall};
use heirloom_vault::{Actor, Vault};

use crate::show::{ShotBars, Show};
use crate::{Ended, INTERRUPTED, make, open, takes};

/// A command over takes.
pub struct OverTakes<'a> {
    /// The film's.
    pub folder: &'a Path,
    /// Those of the program.
    pub engines: &'a Engines,
    /// The words that mean the takes.
    pub takes: &'a [String],
    /// Whether it is only said what would be made.
    pub dry_run: bool,
    /// Whether the new takes are told as JSON.
    pub json: bool,
}

/// What work is planned in.
pub struct Room<'a> {
    /// The film as it is now.
    pub film: &'a Film,
    /// Its vault.
    pub vault: &'a Vault,
    /// What says whether sources may be used.
    pub gate: &'a dyn Gate,
    /// The takes that are meant.
    pub takes: &'a [Take],
}

impl OverTakes<'_> {
    /// Plans the work and draws it.
    pub fn run(
        &self,
        show: &Show,
        stop: &Arc<AtomicBool>,
        plan: impl FnOnce(&Room<'_>) -> anyhow::Result<Plan>,
    ) -> anyhow::Result<()> {
        let folder = self.folder;
        let vault = open::vault(folder)?;
        let _lock = match self.dry_run {
            true => None,
            false => Some(Lock::acquire(folder)?),
        };
        let film = match self.dry_run {
            true => open::film(folder, show)?,
            false => make::film(folder, None, show)?,
        };
        let mut named = Vec::new();
        for wanted in self.takes {
            named.push(self.take(&film, &vault, wanted, show)?);
        }
        let gate = SourceGate::new(&vault, open::today());
        let plan = plan(&Room {
            film: &film,
            vault: &vault,
            gate: &gate,
            takes: &named,
        })?;
        if !plan.objections.is_empty() {
            return Err(make::objections(&plan, show));
        }
        if self.dry_run {
            return tell(&plan, &named, &vault, self.json, show);
        }
        let work = open::work(folder);
        open::make_folder(&work)?;
        let bars = ShotBars::new(show, plan.shots.iter().map(|s| s.label()).collect());
        let outcome = draw_all(&Drawing {
            plan: &plan,
            vault: vault.clone(),
            engines: self.engines,
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
        tell(&plan, &named, &vault, self.json, show)?;
        if outcome.failed.is_empty() {
            Ok(())
        } else {
            Err(Ended::Said(1).into())
        }
    }

    /// The take that a word means: by its id, or of a shot its select, or else what film.toml draws.
    fn take(&self, film: &Film, vault: &Vault, wanted: &str, show: &Show) -> anyhow::Result<Take> {
        if let Ok((scene, shot)) = takes::among(film, wanted)
            && let Some(select) = ShotChoices::read(vault.ledger(), &subject(scene, shot))?.select()
        {
            return Ok(dailies::open(vault, &select)?);
        }
        let plan = &mut || takes::plan(self.folder, None, vault, self.engines, show);
        Ok(takes::take(self.folder, vault, plan, wanted)?.1)
    }
}

/// The photographs of the archive that these names mean; `why` only photographs do.
pub fn photographs(vault: &Vault, names: &[String], why: &str) -> anyhow::Result<Vec<Source>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let known = Archive::new(vault).sources()?;
    let mut photographs = Vec::new();
    for name in names {
        let call = match name.contains(':') {
            true => SourceCall::parse(name)?,
            false => SourceCall::parse(&format!("archive:{name}"))?,
        };
        let source = resolve_among(&known, &call)?;
        anyhow::ensure!(
            source.media == Media::Photograph,
            "{} is a clip; {why}: name one of those with --from",
            source.file_name
        );
        photographs.push(source);
    }
    Ok(photographs)
}

/// The new takes, each beside the one it is of.
fn tell(plan: &Plan, named: &[Take], vault: &Vault, json: bool, show: &Show) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for (planned, of) in plan.shots.iter().zip(named) {
        let Work::Draw { request, id } = &planned.work else {
            continue;
        };
        let made = dailies::take_of(vault, &Draw { request: *id, n: 0 })?.map(|take| take.id);
        if json {
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
    if json {
        show.say(&serde_json::to_string_pretty(&rows)?);
    }
    Ok(())
}
