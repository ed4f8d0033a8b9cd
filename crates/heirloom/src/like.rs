//! `heirloom make --like`: a new take that moves a little from another.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use heirloom_dailies::{Plan, Work, takes as dailies};
use heirloom_engine::{Engines, settings};
use heirloom_film::{Film, Like, Portion};
use heirloom_vault::Vault;

use crate::args::Make;
use crate::cut::Ready;
use crate::show::Show;
use crate::{distance, make, open, takes};

/// Write into film.toml what the options ask for, so that the film can be made again without them.
pub fn write(
    folder: &Path,
    film: &Film,
    plan: &Plan,
    (vault, engines): (&Arc<Vault>, &Engines),
    options: &Make,
    show: &Show,
) -> anyhow::Result<()> {
    let (Some(wanted), Some(like)) = (&options.shot, &options.like) else {
        return Ok(());
    };
    let found = film.shots().find(|(scene, shot)| {
        format!("{}/{}", scene.name, shot.name) == *wanted
            || shot.id.as_ref().is_some_and(|id| id.as_str() == wanted)
    });
    let Some((scene, shot)) = found else {
        // Says which there are.
        takes::shot(plan, wanted)?;
        anyhow::bail!("there is no shot `{wanted}`");
    };
    let id = shot
        .id
        .as_ref()
        .context("the shot has no id; run `heirloom make` once")?;
    let plan = || -> anyhow::Result<Plan> {
        Ok(Plan {
            shots: plan.shots.clone(),
            ..Plan::default()
        })
    };
    let (_, take) = takes::take(folder, vault, &mut { plan }, like)?;
    let seed = match options.seed {
        Some(seed) => seed,
        None => fresh_seed(vault, &format!("shot:{}", id.as_str()), shot.seed)?,
    };
    let like = Like {
        take: take.id.to_string(),
        amount: Portion::of(options.amount.unwrap_or(Like::DEFAULT_AMOUNT)),
    };
    // Tried before it is written: film.toml never comes to ask for what can not be made.
    let mut tried = film.clone();
    let asked = tried
        .scenes
        .iter_mut()
        .flat_map(|scene| &mut scene.shots)
        .find(|s| s.id.as_ref() == Some(id));
    if let Some(asked) = asked {
        asked.like = Some(like.clone());
        asked.seed = seed;
    }
    let mut tried = make::planned(folder, &tried, vault, engines, make::Planning::default(), show)?;
    takes::only(&mut tried, id.as_str())?;
    if !tried.objections.is_empty() {
        return Err(make::objections(&tried, show));
    }
    heirloom_film::write_like(&open::film_toml(folder), id, &like, seed)?;
    show.note(&format!(
        "film.toml: shot {} {} is like {}, amount {}, seed {seed}",
        scene.name,
        shot.name,
        takes::short(&take.id),
        like.amount.share()
    ));
    Ok(())
}

/// A seed that the shot has no take of yet.
fn fresh_seed(vault: &Vault, subject: &str, now: u64) -> anyhow::Result<u64> {
    let mut most = now;
    for take in dailies::all(vault)? {
        if take.subjects.iter().any(|s| s == subject) {
            let manifest = dailies::open(vault, &take.id)?.manifest;
            most = most.max(dailies::request(vault, &manifest)?.seed);
        }
    }
    Ok(most.saturating_add(1).min(i64::MAX as u64))
}

/// Say how far the new takes lie from those that they are like.
pub fn say(ready: &Ready<'_>, show: &Show) -> anyhow::Result<()> {
    for (planned, take) in ready.plan.shots.iter().zip(ready.takes) {
        let (Work::Draw { request, .. }, Some(id)) = (&planned.work, take) else {
            continue;
        };
        show.say(&format!("{}: take {}", planned.label(), takes::short(id)));
        let Some(like) = request.pictures.get(settings::LIKE) else {
            continue;
        };
        let one = dailies::open(&ready.vault, id)?;
        let other = dailies::open(&ready.vault, like)?;
        let distance = distance::between(&ready.vault, ready.engines, &one, &other)?;
        show.say(&format!("from {}:\n{distance}", takes::short(like)));
    }
    Ok(())
}
