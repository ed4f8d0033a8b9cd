//! `heirloom new`, `check` and `make`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use heirloom_dailies::words::Photographs;
use heirloom_dailies::{Desk, Drawing, Lock, Plan, Why, draw_all, plan_with};
use heirloom_engine::Engines;
use heirloom_engine::gate::SourceGate;
use heirloom_film::{Film, Size};
use heirloom_vault::{Actor, NewAct, Vault, Verb};

use crate::args::{Check, Make};
use crate::show::{ShotBars, Show};
use crate::{Ended, INTERRUPTED, REFUSED, cut, like, limits, open, selects, takes};

/// Begin a film.
pub fn new(base: &Path, name: &Path, show: &Show) -> anyhow::Result<()> {
    let folder = base.join(name);
    let toml = open::film_toml(&folder);
    anyhow::ensure!(
        !toml.exists(),
        "{} is a film already; choose another name, or go into it",
        folder.display()
    );
    let title = name.file_name().map_or("Untitled".into(), |n| {
        n.to_string_lossy().replace(['-', '_'], " ")
    });
    open::make_folder(&folder)?;
    Vault::open_or_create(&folder.join("vault"))?;
    let template = heirloom_film::template(&title);
    let written = tempfile::NamedTempFile::new_in(&folder).and_then(|mut file| {
        std::io::Write::write_all(&mut file, template.as_bytes())?;
        file.persist_noclobber(&toml).map_err(|e| e.error)
    });
    written.with_context(|| {
        format!(
            "{} could not be written; check the disk and the permissions",
            toml.display()
        )
    })?;
    show.say(&format!(
        "{} is a film now. Next:\n  cd {}\n  heirloom archive add FOLDER --owner \"NAME\" --rights \"own work\"\n  \
         edit film.toml\n  heirloom make",
        folder.display(),
        folder.display()
    ));
    Ok(())
}

/// How a film is planned.
#[derive(Clone, Copy, Default)]
pub struct Planning {
    /// Keep in the work folder what was found out about the sources' colours.
    pub keep: bool,
    /// Find out what the explanation of words needs besides.
    pub explain: bool,
}

/// What film.toml, words.toml and the archive make together.
pub fn planned(
    folder: &Path,
    film: &Film,
    vault: &Vault,
    engines: &Engines,
    how: Planning,
    show: &Show,
) -> anyhow::Result<Plan> {
    let gate = SourceGate::new(vault, open::today());
    let desk = Desk {
        words: &open::words(folder, show)?,
        measured: &Photographs::new(vault).kept_in(&open::work(folder).join("colors"), how.keep),
        explain: how.explain,
    };
    Ok(plan_with(film, folder, vault, engines, &gate, &desk)?)
}

/// Say what the words of every shot do.
fn explain(plan: &Plan, show: &Show) {
    for words in &plan.words {
        show.say(&words.to_string());
    }
}

/// Show what stands in the way and end; a gate's no has its own exit code.
pub fn objections(plan: &Plan, show: &Show) -> anyhow::Error {
    for objection in &plan.objections {
        show.error(&objection.to_string());
    }
    show.note("Nothing was made.");
    let refused = plan.objections.iter().any(|o| matches!(o.why, Why::Gate(_)));
    Ended::Said(if refused { REFUSED } else { 1 }).into()
}

/// Validate without making.
pub fn check(folder: &Path, engines: &Engines, options: &Check, show: &Show) -> anyhow::Result<()> {
    let film = open::film(folder, show)?;
    open::words(folder, show)?;
    for key in &film.charter.stated {
        if *key != "sources" {
            show.note(&format!(
                "note: the charter's `{key}` is kept on record, but not yet enforced"
            ));
        }
    }
    let vault_folder = folder.join("vault");
    // `check` writes nothing, so it does not make a vault either.
    if !vault_folder.is_dir() {
        if film.shots().next().is_none() {
            show.say("film.toml is sound; there are no shots and no sources yet.");
            return Ok(());
        }
        anyhow::bail!(
            "the film has no archive yet, so its sources can not be found: heirloom archive add FOLDER --owner \"NAME\" \
             --rights \"own work\""
        );
    }
    let vault = Vault::open(&vault_folder)?;
    let how = Planning {
        keep: false,
        explain: options.explain,
    };
    let plan = planned(folder, &film, &vault, engines, how, show)?;
    if options.explain {
        explain(&plan, show);
    }
    if !plan.objections.is_empty() {
        return Err(objections(&plan, show));
    }
    sound(folder, &film)?;
    let frames = film.shot_frames() + u64::from(film.title_frames) + u64::from(film.credits_frames);
    show.say(&format!(
        "The film is sound: {} shots, {frames} frames, {} at {} frames a second.",
        plan.shots.len(),
        film.rate.timecode(frames),
        film.rate,
    ));
    Ok(())
}

/// The film's sound file, if it has one.
pub fn sound(folder: &Path, film: &Film) -> anyhow::Result<Option<std::path::PathBuf>> {
    let Some(sound) = &film.sound else { return Ok(None) };
    let path = folder.join(sound);
    anyhow::ensure!(
        path.is_file(),
        "the sound {} is not there; put it beside film.toml or take `sound` out of [film]",
        path.display()
    );
    Ok(Some(path))
}

/// Draw what is missing, then cut and master.
pub fn make(
    folder: &Path,
    engines: &Engines,
    options: &Make,
    show: &Show,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    threads(options.threads)?;
    let vault = open::vault(folder)?;
    let _lock = Lock::acquire(folder)?;
    let mut film = film(folder, options.size, show)?;
    anyhow::ensure!(
        film.shots().next().is_some(),
        "the film has no shots yet: add a [[scene]] with a [[scene.shot]] to {}",
        open::film_toml(folder).display()
    );
    // Found missing before an hour of drawing rather than after it.
    heirloom_picture::ffmpeg::Ffmpeg::find()?;
    let sound = sound(folder, &film)?;
    let how = Planning {
        keep: true,
        explain: options.explain,
    };
    let mut plan = planned(folder, &film, &vault, engines, how, show)?;
    if options.like.is_some() {
        like::write(folder, &film, &plan, (&vault, engines), options, show)?;
        film = self::film(folder, options.size, &Show::silent())?;
        plan = planned(folder, &film, &vault, engines, how, show)?;
    }
    if let Some(shot) = &options.shot {
        takes::only(&mut plan, shot)?;
    }
    if options.explain {
        explain(&plan, show);
    }
    if !plan.objections.is_empty() {
        record_refusals(&vault, &plan)?;
        return Err(objections(&plan, show));
    }
    let work = open::work(folder);
    open::make_folder(&work)?;
    // Who asks for one shot by name asks for it to be drawn.
    let selects = match options.shot {
        None => selects::of(&plan, &film, (&vault, engines), show)?,
        Some(_) => vec![None; plan.shots.len()],
    };
    let chosen = selects::part(&mut plan, &selects);
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
        show.note("Stopped. Nothing is lost: `heirloom make` goes on from here.");
        return Err(Ended::Said(INTERRUPTED).into());
    }
    if !outcome.failed.is_empty() {
        return Err(Ended::Said(1).into());
    }
    let mut told = format!(
        "{} shots drawn, {} were there already",
        outcome.drawn, outcome.kept
    );
    if !chosen.is_empty() {
        told += &format!(", {} chosen", chosen.len());
    }
    show.note(&format!("{told}."));
    let takes = selects::join(&mut plan, chosen, &selects, outcome.takes);
    let ready = cut::Ready {
        folder,
        film: &film,
        plan: &plan,
        takes: &takes,
        vault,
        engines,
        sound,
    };
    if options.shot.is_some() {
        like::say(&ready, show)?;
    }
    let cutting = !options.no_cut && options.shot.is_none();
    limits::warn(&ready, cutting, show)?;
    if !cutting {
        return Ok(());
    }
    cut::masters(&ready, show, stop)
}

/// film.toml with every id in place.
pub fn film(folder: &Path, size: Option<Size>, show: &Show) -> anyhow::Result<Film> {
    // Read once before anything is written: a file with errors is left as it is.
    open::film(folder, show)?;
    heirloom_film::write_missing_ids(&open::film_toml(folder), &mut heirloom_film::Id::fresh)?;
    let mut film = open::film(folder, &Show::silent())?;
    if let Some(size) = size {
        film.size = size;
    }
    Ok(film)
}

fn record_refusals(vault: &Vault, plan: &Plan) -> anyhow::Result<()> {
    for objection in &plan.objections {
        if let Why::Gate(grounds) = &objection.why {
            let mut act = NewAct::new(Verb::Refused, Actor::program(), objection.subject.clone())
                .because(
                    grounds
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join("; "),
                )
                .with_facts(serde_json::json!({ "shot": objection.shot }));
            for ground in grounds {
                act = act.input("source", ground.source.object);
            }
            vault.ledger().append(act)?;
        }
    }
    Ok(())
}

/// Fix the number of threads that everything shares.
pub fn threads(threads: Option<usize>) -> anyhow::Result<()> {
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(n) = threads {
        anyhow::ensure!((1..=256).contains(&n), "--threads is a number from 1 to 256");
        pool = pool.num_threads(n);
    }
    pool.build_global().context("the threads could not be started")
}
