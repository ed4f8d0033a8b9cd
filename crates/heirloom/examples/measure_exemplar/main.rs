//! How good the weightless engine's takes of a film are: prints tab-separated figures for
//! `cargo xtask measure exemplar`.
//!
//! `measure_exemplar FILM_FOLDER STRIPS_FOLDER [PEER]`. The film must have been made: takes are read from its vault, by the
//! same plan and the same engine that `make` uses. A strip of frames of each shot is written as PNG; `PEER` is the program
//! that makes pictures with the `texture-synthesis` crate.

#![allow(clippy::print_stdout)]

mod ablate;
mod motion;
mod peer;
mod shot;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use heirloom_dailies::words::{Photographs, Words};
use heirloom_dailies::{Desk, Plan, Work, plan_with, takes};
use heirloom_engine::gate::SourceGate;
use heirloom_engine::{Draw, Engines, Failure};
use heirloom_engine_exemplar::take::ExemplarTake;
use heirloom_vault::Vault;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let folder = arguments.next().context("argument: the film's folder")?;
    let strips = arguments
        .next()
        .context("argument: a folder for strips of frames")?;
    let peer = arguments.next();
    let loaded = heirloom_film::load(&folder.join("film.toml")).map_err(|p| anyhow::anyhow!("{p}"))?;
    let vault = Arc::new(Vault::open(&folder.join("vault"))?);
    let engines = Engines::new().with(Arc::new(heirloom_engine_exemplar::engine::engine()));
    let gate = SourceGate::new(&vault, jiff::Zoned::now().date());
    let desk = Desk {
        words: &Words::of_film(&folder).map_err(|p| anyhow::anyhow!("{p}"))?,
        measured: &Photographs::new(&vault),
        explain: false,
    };
    let plan: Plan = plan_with(&loaded.film, &folder, &vault, &engines, &gate, &desk)?;
    anyhow::ensure!(
        plan.objections.is_empty(),
        "the film can not be made: {}",
        plan.objections[0]
    );
    std::fs::create_dir_all(&strips)?;
    for planned in &plan.shots {
        // A plate is a clip as it is.
        let Work::Draw { request, id } = &planned.work else {
            continue;
        };
        let name = &planned.shot.name;
        let take = takes::take_of(&vault, &Draw { request: *id, n: 0 })?
            .with_context(|| format!("shot {name} has no take; make the film first"))?;
        let open = ExemplarTake::open(&take.manifest, vault.clone()).map_err(said)?;
        println!("{name}: {} frames", request.frames);
        let judged = shot::Judged {
            name,
            request,
            take: &open,
            guides: planned.guides.as_deref(),
        };
        shot::measure(&judged).with_context(|| format!("shot {name} could not be measured"))?;
        shot::strip(&open, &strips.join(format!("weightless-{name}.png")))?;
        if let Some(peer) = &peer {
            peer::measure(&judged, peer, &folder.join("peer"), &vault)
                .with_context(|| format!("shot {name} could not be made with texture-synthesis"))?;
        }
        if name == ablate::SHOT {
            ablate::measure(planned, request, &vault, &folder.join("ablations"), &strips)?;
        }
    }
    Ok(())
}

fn said(failure: Failure) -> anyhow::Error {
    anyhow::anyhow!(failure.message)
}
