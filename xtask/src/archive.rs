//! `cargo xtask measure archive`: near copies found, and bad photographs told, on photographs from Debian's packages.

use crate::command::{cargo, program};
use crate::figures::{measured_by, write};
use crate::steps::Steps;
use crate::{places, wallpapers};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

const AGAIN: &str = "cargo xtask measure archive";

/// Fetches the photographs, alters them in known ways, and writes docs/benchmarks/archive-quality.md and .json.
pub fn quality(steps: &mut Steps) -> Result<()> {
    let list = steps.step("photographs", AGAIN, photographs)?;
    let tool = steps.step("build", AGAIN, || {
        cargo("build --locked --release --package heirloom-archive --example measure_archive").run()?;
        Ok(places::target().join("release/examples/measure_archive"))
    })?;
    let figures = steps.step("measure", AGAIN, || measured_by(program(&tool).arg(&list)))?;
    write("archive-quality", AGAIN, WORDS, &figures)
}

/// A file that lists the wallpapers and the demo's photographs: a name, a tab and a path on each line.
fn photographs() -> Result<PathBuf> {
    let mut text = String::new();
    for picture in wallpapers::fetch()? {
        writeln!(text, "{}\t{}", picture.name, picture.path.display())?;
    }
    let mut demo = fs::read_dir(places::root().join("demo/archive"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    demo.retain(|path| path.extension().is_some_and(|e| e == "jpg" || e == "png"));
    demo.sort();
    for path in demo {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        writeln!(text, "demo/{stem}\t{}", path.display())?;
    }
    let list = places::cache().join("measure-archive.txt");
    fs::write(&list, text).with_context(|| format!("{} could not be written", list.display()))?;
    Ok(list)
}

const WORDS: &str = "# How well near copies are found, and bad photographs told

Photographs: wallpapers, puzzle pictures and pictures of the sky from Debian's packages (`xtask/src/wallpapers.rs` names them), and those
of `demo/archive`. One file is taken of each picture, by name and size; what is a copy of another all the same was left out by name, never
by our own fingerprint. Originals are the photographs, at 1024 pixels, and their quarters: two places of one star field or one gradient are
two pictures, and the hardest to tell apart. A quarter of one plain tone is left out; a quarter and its own whole count neither way.

Each original is altered in 13 ways of the four kinds with a goal, and in five more, and kept as JPEG. Then

- every original is compared with every copy of its own (**recall**: so many are found) and with every original and copy of all others
  (**precision**: of all pairs called copies, so many are);
- **in groups**: all are grouped as `archive` does it, the photographs and the quarters apart. Recall is the share of copies that stand in
  their original's group, precision the share of members that stand beside a best one of their own original.

The goals are the issue's, over resize, recompression, crop and exposure together. What near copies are: [near copies](../near-copies.md).

The last figures are of the judge: each photograph made worse in one way, and whether the fault is named and its quality is below that of the
unaltered one. They have no goal.";
