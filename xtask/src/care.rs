//! `cargo xtask measure care`: flicker put into clips and taken off, and shots of the demo film made larger.

use crate::command::{cargo, program};
use crate::figures::{measured_by, write};
use crate::places;
use crate::steps::Steps;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

const AGAIN: &str = "cargo xtask measure care";
/// The shots of the film, and how many times larger each is made.
const SHOTS: [&str; 4] = ["nebula", "becoming", "vessels", "sea"];
const TIMES: &str = "2";

/// Makes the film, cares for its takes, and measures.
pub fn quality(steps: &mut Steps) -> Result<()> {
    let (heirloom, tool) = steps.step("build", AGAIN, || {
        cargo("build --locked --release --package heirloom --bin heirloom --example measure_care").run()?;
        let built = places::target().join("release");
        Ok((built.join("heirloom"), built.join("examples/measure_care")))
    })?;
    let folder = places::cache().join("measure-care");
    let photographs = places::root().join("demo/archive");
    steps.step("photographs", AGAIN, || lay_out(&heirloom, &folder, &photographs))?;
    // What was drawn by the same engines before is kept: it goes on where it was stopped.
    steps.step("film", AGAIN, || {
        program(&heirloom).args(["make", "--no-cut"]).dir(&folder).run()
    })?;
    steps.step("larger", AGAIN, || {
        let takes = SHOTS.map(|shot| format!("care/{shot}"));
        program(&heirloom)
            .arg("care")
            .args(takes.each_ref().map(String::as_str))
            .args(["--upscale", TIMES])
            .dir(&folder)
            .run()
    })?;
    let strips = folder.join("strips");
    let figures = steps.step("measure", AGAIN, || {
        measured_by(program(&tool).arg(&photographs).arg(&strips).arg(&folder))
    })?;
    steps.step("pictures", AGAIN, || pictures(&strips))?;
    write("care", AGAIN, WORDS, &figures)
}

fn lay_out(heirloom: &Path, folder: &Path, photographs: &Path) -> Result<()> {
    let archive = folder.join("archive");
    fs::create_dir_all(&archive)?;
    fs::create_dir_all(folder.join("vault"))?;
    fs::copy(
        places::root().join("crates/heirloom/examples/measure_care/film.toml"),
        folder.join("film.toml"),
    )?;
    for entry in fs::read_dir(photographs)? {
        let entry = entry?;
        fs::copy(entry.path(), archive.join(entry.file_name()))?;
    }
    program(heirloom)
        .args(["archive", "add", "archive"])
        .dir(folder)
        .run()
}

/// The strips as JPEG among the pictures of the docs.
fn pictures(strips: &Path) -> Result<()> {
    let to = places::root().join("docs/pictures");
    for entry in fs::read_dir(strips)? {
        let path = entry?.path();
        let Some(name) = path.file_stem().and_then(|n| n.to_str()) else {
            continue;
        };
        program("ffmpeg")
            .args(["-v", "error", "-y", "-i"])
            .arg(&path)
            .args(["-q:v", "4"])
            .arg(to.join(format!("{name}.jpg")))
            .run()
            .with_context(|| format!("{name} could not be written among the docs"))?;
    }
    Ok(())
}

const WORDS: &str = "# How well takes are cared for

**Flicker.** Of every photograph of `demo/archive` a clip of 32 frames is made (480x270, a slow pan with a push-in), flicker is put into
its light, then grain, then 8-bit codes; `picture::care` takes it off. Flicker and sharpness are the measures of `heirloom measure`
(`flicker.frame_percent`; of single places `flicker.local_percent`; sharpness is the ratio of `sharpness.blur_px` before and after). The
figure is the mean over the clips. Grain and the way itself are in what is left, too. Of light that is meant the figure is by how
much a clip changes that should not.

**Larger.** Shots of the demo film (960x540, eight frames) are made twice as large by `heirloom care --upscale 2` and compared with the same
frames enlarged by Lanczos' kernel alone, at four frames: the sliced Wasserstein distance of mean-free 5x5 patches to the shot's photographs
at the photographs' own size (`picture::measure::patch_distance`).";
