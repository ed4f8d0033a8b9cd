//! `cargo xtask learn LESSON`: small models that learn from nothing on this machine, and figures of what they learned.

use crate::args::Args;
use crate::command::{cargo, program};
use crate::figures::{measured_by, write};
use crate::places;
use crate::steps::Steps;
use anyhow::{Result, bail};
use std::fs;
use std::path::PathBuf;

/// What can be learned.
struct Lesson {
    name: &'static str,
    /// The page of its figures.
    page: &'static str,
    words: &'static str,
}

const LESSONS: &[Lesson] = &[Lesson {
    name: "guides",
    page: "learn-guides",
    words: GUIDES,
}];

/// `cargo xtask learn LESSON [--fresh]`. A run that was stopped goes on from its checkpoint.
pub fn run(mut args: Args) -> Result<()> {
    let name = args.word();
    let is_fresh = args.flag("--fresh");
    args.done()?;
    let Some(lesson) = LESSONS.iter().find(|l| Some(l.name) == name.as_deref()) else {
        let names: Vec<&str> = LESSONS.iter().map(|l| l.name).collect();
        bail!("name what is to be learned; there are: {}", names.join(", "));
    };
    let again = format!("cargo xtask learn {}", lesson.name);
    let mut steps = Steps::default();
    let tool = steps.step("build", &again, build)?;
    let work = places::cache().join(lesson.page);
    if is_fresh && work.exists() {
        fs::remove_dir_all(&work)?;
    }
    let figures = steps.step("learn", &again, || {
        measured_by(
            program(&tool)
                .arg(lesson.name)
                .arg(places::root().join("demo"))
                .arg(&work)
                .arg(places::root().join("docs/pictures")),
        )
    })?;
    write(lesson.page, &again, lesson.words, &figures)?;
    steps.table();
    Ok(())
}

fn build() -> Result<PathBuf> {
    cargo("build --locked --release --package heirloom --example learn").run()?;
    Ok(places::target().join("release/examples/learn"))
}

const GUIDES: &str = "# Whether guides steer: a small model that learned to follow depth

A transformer of Wan's shape with VACE's branch, trained from nothing on renders of the demo film's two blocked shots and their depth,
is asked for camera moves that it never saw ([how](../learn.md)). For each of 12 moves held out a clip is made from the move's own
depth, and one, from the same noise and with the same weights, from the depth of another move held out of the same shot. Both are
held to the guides of the move by the adherence measure ([what it reads](../adherence.md)). Figures are means over the moves, of
three seeds of the noise; the model is one and the same, so its own seed is not among what varies.

Edges: F of the clip's edges on the stage's outlines, between chance (0) and perfect (1). Motion: distance between the clip's own
motion and the exact one, over that of a clip that stands still, where the clip shows its motion. The goals were set before the run.";
