//! `cargo xtask measure exemplar`: a film of seven shots made by the weightless engine, and judged.

use crate::command::{cargo, program};
use crate::figures::{measured_by, write};
use crate::places;
use crate::steps::Steps;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

const AGAIN: &str = "cargo xtask measure exemplar";

/// Builds the peer that makes pictures with the `texture-synthesis` crate.
pub fn peer() -> Result<PathBuf> {
    let folder = places::target().join("peers");
    program("cargo")
        .args(["build", "--locked", "--release"])
        .dir(places::root().join("peers/texture-synthesis"))
        .env("CARGO_TARGET_DIR", &folder)
        .run()?;
    Ok(folder.join("release/peer-texture-synthesis"))
}

/// Makes the film and measures it.
pub fn quality(steps: &mut Steps) -> Result<()> {
    let (heirloom, tool, peer) = steps.step("build", AGAIN, || {
        // Beside the command line, the one place that knows every engine and every room; an example, so that it is
        // no part of what users install.
        cargo("build --locked --release --package heirloom --bin heirloom --example measure_exemplar")
            .run()?;
        let built = places::target().join("release");
        Ok((
            built.join("heirloom"),
            built.join("examples/measure_exemplar"),
            peer()?,
        ))
    })?;
    let folder = places::cache().join("measure-exemplar");
    steps.step("photographs", AGAIN, || lay_out(&heirloom, &folder))?;
    // What was drawn by the same engine before is kept: it goes on where it was stopped.
    steps.step("film", AGAIN, || {
        program(&heirloom).args(["make", "--no-cut"]).dir(&folder).run()
    })?;
    let strips = folder.join("strips");
    let figures = steps.step("measure", AGAIN, || {
        measured_by(program(&tool).arg(&folder).arg(&strips).arg(&peer))
    })?;
    steps.step("pictures", AGAIN, || pictures(&strips))?;
    write("exemplar-quality", AGAIN, WORDS, &figures)
}

/// The film's folder: film.toml, the scene, the photographs and a plate made of one of them.
fn lay_out(heirloom: &Path, folder: &Path) -> Result<()> {
    let root = places::root();
    let archive = folder.join("archive");
    fs::create_dir_all(folder.join("stage"))?;
    fs::create_dir_all(folder.join("vault"))?;
    fs::create_dir_all(&archive)?;
    fs::copy(
        root.join("crates/heirloom/examples/measure_exemplar/film.toml"),
        folder.join("film.toml"),
    )?;
    fs::copy(
        root.join("demo/stage/tissue.glb"),
        folder.join("stage/tissue.glb"),
    )?;
    for entry in fs::read_dir(root.join("demo/archive"))? {
        let entry = entry?;
        fs::copy(entry.path(), archive.join(entry.file_name()))?;
    }
    // A slow push over a photograph: a clip whose motion is known to whoever looks at it.
    let plate = archive.join("plate.mp4");
    if !plate.is_file() {
        program("ffmpeg")
            .args(["-v", "error", "-y", "-loop", "1", "-i"])
            .arg(root.join("demo/archive/coffee.png"))
            .args([
                "-vf",
                "scale=2400:-1,zoompan=z='1+0.004*on':x='iw/2-iw/zoom/2+on':y='ih/2-ih/zoom/2':d=60:s=960x540:fps=24",
                "-frames:v",
                "60",
                "-c:v",
                "libx264",
                "-crf",
                "12",
                "-pix_fmt",
                "yuv420p",
            ])
            .arg(&plate)
            .run()
            .context("the plate could not be made")?;
        let rights = archive.join("rights.toml");
        let mut text = fs::read_to_string(&rights)?;
        text.push_str("\n[file.\"plate.mp4\"]\nowner = \"Rachel Michetti\"\nobtained = \"a push over coffee.png\"\nterms = \"CC0\"\n");
        fs::write(&rights, text)?;
    }
    program(heirloom)
        .args(["archive", "add", "archive"])
        .dir(folder)
        .run()
}

/// The strips as JPEG among the pictures of the docs.
fn pictures(strips: &Path) -> Result<()> {
    let to = places::root().join("docs/pictures");
    fs::create_dir_all(&to)?;
    for entry in fs::read_dir(strips)? {
        let path = entry?.path();
        let Some(name) = path.file_stem().and_then(|n| n.to_str()) else {
            continue;
        };
        program("ffmpeg")
            .args(["-v", "error", "-y", "-i"])
            .arg(&path)
            .args(["-q:v", "5"])
            .arg(to.join(format!("{name}.jpg")))
            .run()?;
    }
    Ok(())
}

const WORDS: &str = "# Quality of the weightless engine's pictures

For every shot of `crates/heirloom/examples/measure_exemplar/film.toml` (960x540; 48 frames, the last one 240), at nine frames spread
evenly over the shot. Sources are seen in the sizes that the shot uses: of a becoming the two pictures that it begins and ends with, of
other shots all that they are made from, without flat borders; each counts by its share of the frame. Of a frame in which something
fades, the map is that of the layer that shows more. The goals are the issue's.

- **sharpness**: fine detail of the frames (mean Laplacian) against that of the sources; here the distance of that ratio from 1.
  **drift** is how much of it the last second has more or less than the first.
- **patch distance**: sliced Wasserstein distance over mean-free 5x5 patches between frames and sources, in 8-bit display
  units. The finish moves it, so the note says what it is without; and what the photographs score against themselves.
- **pop**: share of pixels whose place in the source jumps by more than 2 px against the place carried along the motion: the stage's, or the
  engine's own flow; of a becoming and a style pass, whose motion is not published, along the motion read from the two maps in blocks of 16.
- **warp SSIM**: likeness of a frame to the one before, carried along the motion where it is known (guided: exact; living: the engine's own).
- **chunk**: area-weighted mean size of connected pieces taken whole from a source, of what was synthesised: in a becoming, what
  lies within 8 px of its own place in the first or last picture is that picture by design, and does not count.
- **palette distance of things**: sliced Wasserstein distance of the colours of each thing that fills 2 % of the frame or more to those of
  its sources.
- **without**: the shot `ocean` at 480x270 and 37 frames, with each part of the guided method left out; `nothing` is the method whole.";
