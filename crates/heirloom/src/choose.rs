//! `heirloom choose` and `heirloom report`.

use std::path::Path;

use anyhow::Context;
use heirloom_dailies::choices::{Chooser, Judgement, ShotChoices};
use heirloom_dailies::index::{Index, Query, Row};
use heirloom_dailies::report::report as count_up;
use heirloom_dailies::{subject, takes as dailies};
use heirloom_engine::gate::SourceGate;
use heirloom_vault::{Actor, Vault};

use crate::args::{Choose, Report};
use crate::show::Show;
use crate::{open, takes};

/// Say something of a take, or take back what was said.
pub fn choose(folder: &Path, options: &Choose, show: &Show) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let shot = match &options.shot {
        Some(wanted) => {
            let film = open::film(folder, show)?;
            let (scene, shot) = takes::among(&film, wanted)?;
            Some(subject(scene, shot))
        }
        None => None,
    };
    let gate = SourceGate::new(&vault, open::today());
    let chooser = Chooser::new(&vault, &gate, Actor::person_here());
    if options.undo {
        let act = chooser.undo_last(shot.as_deref())?;
        show.say(&format!(
            "Taken back (act {}); heirloom choose --redo puts it in force again.",
            act.id.short()
        ));
        return Ok(());
    }
    if options.redo {
        let acts = chooser.redo_last(shot.as_deref())?;
        show.say(&format!(
            "In force again ({} written).",
            crate::reports::count(acts.len(), "act")
        ));
        return Ok(());
    }
    let digits = options
        .take
        .as_deref()
        .context("name a take by its id (`heirloom takes SHOT` lists them), or give --undo or --redo")?;
    let row = row(&vault, digits, shot.as_deref())?;
    let judgement = if let Some(reason) = &options.reject {
        Judgement::Reject {
            reason: reason.clone(),
        }
    } else if let Some(reason) = &options.shelve {
        Judgement::Shelve {
            reason: Some(reason.clone()).filter(|reason| !reason.trim().is_empty()),
        }
    } else if let Some(stars) = options.star {
        Judgement::Star(stars)
    } else if let Some(text) = &options.note {
        Judgement::Note(text.clone())
    } else {
        Judgement::Choose
    };
    chooser.judge(&row.shot, &row.take, &judgement, &row.ties())?;
    let standing = ShotChoices::read(vault.ledger(), &row.shot)?.standing(&row.take);
    let stars = standing
        .stars
        .map_or_else(String::new, |stars| format!(", {stars} stars"));
    show.say(&format!(
        "{} of {}: {}{stars}",
        takes::short(&row.take),
        row.label,
        standing.verdict.word()
    ));
    Ok(())
}

/// The take, in the shot that is meant.
fn row(vault: &Vault, digits: &str, shot: Option<&str>) -> anyhow::Result<Row> {
    let take = dailies::find(vault, digits)?.map_err(|why| anyhow::anyhow!("{why}"))?;
    let query = Query {
        shot: shot.map(str::to_owned),
        ..Query::default()
    };
    let mut rows = Index::open(vault)?.list(vault, &query)?.rows;
    rows.retain(|row| row.take == take);
    match rows.len() {
        1 => Ok(rows.swap_remove(0)),
        0 => anyhow::bail!(
            "no shot asked for the take {}; `heirloom takes` lists those of each shot",
            takes::short(&take)
        ),
        _ => anyhow::bail!(
            "several shots asked for the take {} ({}): say which with --shot",
            takes::short(&take),
            rows.iter()
                .map(|row| row.label.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

/// Takes made and chosen, shooting ratio, cost, time: of each shot and the film.
pub fn report(folder: &Path, options: &Report, show: &Show) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let film = open::film(folder, show)?;
    let report = count_up(&vault, &Index::open(&vault)?, &film)?;
    if options.json {
        show.say(&serde_json::to_string_pretty(&report)?);
    } else {
        show.say(&report.to_string());
    }
    Ok(())
}
