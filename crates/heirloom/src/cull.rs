//! `heirloom measure` and `heirloom cull`: many takes of a shot in numbers, and made few by them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use heirloom_dailies::asked::AskedFor;
use heirloom_dailies::cull::{CullPlan, Fate, apply, cull as plan_cull};
use heirloom_dailies::faces;
use heirloom_dailies::index::{Index, Query, Row};
use heirloom_dailies::measures::MeasureOptions;
use heirloom_dailies::measuring::Measuring;
use heirloom_dailies::subject;
use heirloom_engine::{Engines, TakeManifest};
use heirloom_film::Film;
use heirloom_vault::{Actor, ObjectId, Vault};

use crate::args::{Cull, Measure};
use crate::asked::Asking;
use crate::show::Show;
use crate::{Ended, INTERRUPTED, open, reports, takes};

/// A shot's takes as the index lists them.
pub fn rows(film: &Film, vault: &Vault, index: &Index, wanted: &str) -> anyhow::Result<Vec<Row>> {
    let (scene, shot) = takes::among(film, wanted)?;
    let query = Query {
        shot: Some(subject(scene, shot)),
        ..Query::default()
    };
    let rows = index.list(vault, &query)?.rows;
    anyhow::ensure!(
        !rows.is_empty(),
        "{wanted} has no takes yet; `heirloom takes {wanted} --count N` draws many"
    );
    Ok(rows)
}

/// Measure a shot's takes.
pub fn measure(
    folder: &Path,
    engines: &Engines,
    options: &Measure,
    show: &Show,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let film = open::film(folder, show)?;
    let index = Index::open(&vault)?;
    let all: Vec<ObjectId> = rows(&film, &vault, &index, &options.shot)?
        .iter()
        .map(|row| row.take)
        .collect();
    let (scene, shot) = takes::among(&film, &options.shot)?;
    let mut asking = Asking::of(folder, &vault, (&film, scene, shot), show)?;
    if let Some(style) = &options.style {
        asking = asking.with_style(style)?;
    }
    if options.stage {
        asking = asking.with_stage(shot)?;
    }
    let asked = |take: &TakeManifest| asking.asked(take);
    let measuring = measuring(&vault, engines, &index, &asked, stop);
    let takes = if options.again {
        all.clone()
    } else {
        measuring.missing(&all)?
    };
    take_measure(&measuring, &takes, show)?;
    let known = all.len() - measuring.missing(&all)?.len();
    let told = format!(
        "{known} of {} of {} are measured; `heirloom cull {}` goes by that.",
        reports::count(all.len(), "take"),
        options.shot,
        options.shot
    );
    // What is asked for as JSON is JSON and nothing else.
    match options.json {
        true => show.note(&told),
        false => show.say(&told),
    }
    if options.json {
        let rows = rows(&film, &vault, &index, &options.shot)?;
        let rows: Vec<_> = rows
            .iter()
            .map(|row| serde_json::json!({ "take": row.take, "measures": row.measures }))
            .collect();
        show.say(&serde_json::to_string_pretty(&rows)?);
    }
    Ok(())
}

/// Measuring on all cores, as takes are measured by default.
fn measuring<'a>(
    vault: &'a Arc<Vault>,
    engines: &'a Engines,
    index: &'a Index,
    asked: &'a (dyn Fn(&TakeManifest) -> AskedFor + Sync),
    stop: &'a AtomicBool,
) -> Measuring<'a> {
    Measuring {
        vault,
        engines,
        index,
        asked,
        options: MeasureOptions::default(),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        stop,
    }
}

fn take_measure(measuring: &Measuring<'_>, takes: &[ObjectId], show: &Show) -> anyhow::Result<()> {
    if takes.is_empty() {
        return Ok(());
    }
    let bar = show.bar("measuring", takes.len() as u64, "takes");
    let outcome = measuring.measure(takes, &|done| bar.at(done as u64, takes.len() as u64))?;
    drop(bar);
    for (take, why) in &outcome.failed {
        show.error(&format!("{} could not be measured: {why}", takes::short(take)));
    }
    for why in &outcome.without {
        show.note(&format!("note: takes were measured {why}"));
    }
    if outcome.stopped {
        show.note("Stopped. What was measured is kept: the same command goes on from here.");
        return Err(Ended::Said(INTERRUPTED).into());
    }
    Ok(())
}

/// Cull a shot's takes: show what would be, and write it where that is asked for.
pub fn cull(
    folder: &Path,
    engines: &Engines,
    options: &Cull,
    show: &Show,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let film = open::film(folder, show)?;
    let index = Index::open(&vault)?;
    let rows = rows(&film, &vault, &index, &options.shot)?;
    let all: Vec<ObjectId> = rows.iter().map(|row| row.take).collect();
    let (scene, shot) = takes::among(&film, &options.shot)?;
    let asking = Asking::of(folder, &vault, (&film, scene, shot), show)?;
    let asked = |take: &TakeManifest| asking.asked(take);
    let measuring = measuring(&vault, engines, &index, &asked, stop);
    take_measure(&measuring, &measuring.missing(&all)?, show)?;
    let mut rules = film.cull.clone();
    rules.keep = options.keep.unwrap_or(rules.keep);
    let subject = subject(scene, shot);
    let mut candidates = index.candidates(&vault, &subject)?;
    for candidate in &mut candidates {
        candidate.question = faces::question(&film.charter, &candidate.measures);
    }
    let plan = plan_cull(&subject, &candidates, &rules)?;
    if options.json {
        show.say(&serde_json::to_string_pretty(&plan)?);
    } else {
        tell(&plan, &options.shot, options.all, show);
    }
    if options.write {
        let act = apply(&vault, &plan, Actor::person_here())?;
        show.note(&format!(
            "Written (act {}). Nothing is deleted; `heirloom choose --undo --shot {}` takes all of it back.",
            act.id.short(),
            options.shot
        ));
    } else if !options.json {
        show.note("Nothing is written yet; the same with --write does it.");
    }
    Ok(())
}

/// The few, the unusual, and what was let go, with reasons.
fn tell(plan: &CullPlan, shot: &str, all: bool, show: &Show) {
    let line = |take: &ObjectId| {
        let Some(judged) = plan.takes.get(take) else {
            return;
        };
        show.say(&format!("  {}  {judged}", takes::short(take)));
    };
    show.say(&plan.to_string());
    plan.kept().iter().for_each(line);
    plan.shelved().iter().for_each(line);
    let asked = |fate: &Fate| matches!(fate, Fate::ForAPerson(_));
    let questions = plan.takes.iter().filter(|(_, judged)| asked(&judged.fate));
    questions.for_each(|(take, _)| line(take));
    if plan.counts().for_a_person > 0 {
        show.note(&format!(
            "Takes that a person must judge are neither kept nor let go: `heirloom look {shot}` shows them."
        ));
    }
    let others = plan.takes.iter().filter(|(_, judged)| {
        !matches!(judged.fate, Fate::Kept { .. } | Fate::Shelved { .. }) && !asked(&judged.fate)
    });
    if all {
        others.for_each(|(take, _)| line(take));
    } else if others.count() > 0 {
        show.note("--all lists the others too, each with its reason");
    }
}
