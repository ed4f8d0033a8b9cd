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

TODO";
