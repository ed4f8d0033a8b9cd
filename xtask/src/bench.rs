//! `cargo xtask bench NAME` and `cargo xtask measure NAME`: builds the programs that measure, runs them, and writes
//! what they found to docs/benchmarks.

use crate::args::Args;
use crate::command::{cargo, program};
use crate::figures::{Figure, measured_by, write};
use crate::steps::Steps;
use crate::{demo, places, setup, stage};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Seconds and memory.
    Speed,
    /// How good the pictures are.
    Quality,
}

/// A photograph with matter of every scale.
const PHOTO: &str = "demo/archive/eta-carinae.png";
/// Sizes of the living shot, with what a trial on two cores took for the first and for each later frame, in seconds.
const LIVING: [(&str, f64, f64); 4] = [
    ("480x270", 0.21, 0.07),
    ("960x540", 0.73, 0.27),
    ("1280x720", 1.28, 0.52),
    ("1920x1080", 2.61, 0.90),
];
const STILL: [&str; 2] = ["640x360", "960x540"];
/// Times each still is made, by each program in turn; the median counts.
const ROUNDS: usize = 3;

/// `cargo xtask bench NAME` and `cargo xtask measure NAME`.
pub fn run(mut args: Args, kind: Kind) -> Result<()> {
    let name = args.word();
    args.done()?;
    let name = name.as_deref().unwrap_or("");
    if !["exemplar", "stage"].contains(&name) {
        bail!("name what to measure; there are `exemplar` and `stage`");
    }
    let mut steps = Steps::default();
    steps.step("set up", "cargo xtask setup", setup::for_demo)?;
    match (kind, name) {
        (Kind::Speed, "stage") => stage::speed(&mut steps)?,
        (Kind::Quality, "stage") => stage::quality(&mut steps)?,
        (Kind::Speed, _) => speed(&mut steps)?,
        (Kind::Quality, _) => quality(&mut steps)?,
    }
    steps.table();
    Ok(())
}

fn speed(steps: &mut Steps) -> Result<()> {
    let again = "cargo xtask bench exemplar";
    let (ours, peer) = steps.step("build", again, || {
        cargo("build --locked --release --package heirloom-engine-exemplar --example bench_exemplar")
            .run()?;
        let folder = places::target().join("peers");
        program("cargo")
            .args(["build", "--locked", "--release"])
            .dir(places::root().join("peers/texture-synthesis"))
            .env("CARGO_TARGET_DIR", &folder)
            .run()?;
        let ours = places::target().join("release/examples/bench_exemplar");
        Ok((ours, folder.join("release/peer-texture-synthesis")))
    })?;
    let work = places::cache().join(format!("bench-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let mut figures = Vec::new();
    let result = (|| {
        for (size, first, later) in LIVING {
            let found = steps.step(&format!("living {size}"), again, || {
                living(&ours, size, first, later, &work)
            })?;
            figures.extend(found);
        }
        for size in STILL {
            figures.extend(steps.step(&format!("still {size}"), again, || {
                still(&ours, &peer, size, &work)
            })?);
        }
        Ok(())
    })();
    fs::remove_dir_all(&work).ok();
    result.and_then(|()| {
        write(
            "exemplar",
            again,
            "# Speed and memory of the weightless engine\n\n\
             A living shot of one photograph (`demo/archive/eta-carinae.png`) at four sizes: the whole of what `make` \
             waits for, from the\nrequest to the files of the take in the work folder: reading and preparing the \
             photograph, finish and compression included.\nEach size runs in a process\nof its own, whose peak memory is the system's figure \
             (VmHWM).\n\nThe goals for frames are what a trial took on two cores. The trial made a guided shot, \
             without finish or files: they are the\nnearest figures there are, not the same task.\n\n\
             The still: a new picture in the manner of the same photograph, by this engine and by the crate\n\
             `texture-synthesis` 0.8.2 (its defaults, all cores), in turn, three times each; the median counts. The \
             crate's time is of the\nsynthesis alone, ours includes preparing the photograph, the finish and the \
             files. Its time is our goal.",
            &figures,
        )
    })
}

fn living(ours: &Path, size: &str, first: f64, later: f64, work: &Path) -> Result<Vec<Figure>> {
    let mut figures = measured_by(
        program(ours)
            .arg("living")
            .arg(places::root().join(PHOTO))
            .arg(size)
            .arg(work),
    )?;
    for f in &mut figures {
        f.goal = match f.name.as_str() {
            "first frame" => Some(first),
            "later frame" => Some(later),
            _ => f.goal,
        };
        f.name = format!("living {size}, {}", f.name);
    }
    Ok(figures)
}

fn still(ours: &Path, peer: &Path, size: &str, work: &Path) -> Result<Vec<Figure>> {
    let photo = places::root().join(PHOTO);
    let (w, h) = size.split_once('x').context("a size is WxH")?;
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .to_string();
    let (mut our_times, mut peer_times, mut our_memory, mut peer_memory) = (vec![], vec![], 0f64, 0f64);
    for _ in 0..ROUNDS {
        for f in measured_by(program(ours).arg("still").arg(&photo).arg(size).arg(work))? {
            match f.name.as_str() {
                "seconds" => our_times.push(f.value),
                "peak memory" => our_memory = our_memory.max(f.value),
                _ => {}
            }
        }
        let said = program(peer)
            .arg(&photo)
            .args([w, h, &threads])
            .arg(work.join("peer.png"))
            .read()?;
        println!("texture-synthesis: {said}");
        peer_times.push(number(&said, "seconds")?);
        peer_memory = peer_memory.max(number(&said, "peak_mib")?);
    }
    let (our_time, peer_time) = (median(our_times)?, median(peer_times)?);
    let figure = |name: &str, value: f64, unit: &str, goal: Option<f64>| Figure {
        name: format!("still {size}, {name}"),
        value,
        unit: unit.into(),
        higher_is_better: false,
        goal,
        note: String::new(),
    };
    Ok(vec![
        figure("time", our_time, "s", Some(peer_time)),
        figure("time of texture-synthesis", peer_time, "s", None),
        figure("peak memory", our_memory, "MiB", None),
        figure("peak memory of texture-synthesis", peer_memory, "MiB", None),
    ])
}

fn quality(steps: &mut Steps) -> Result<()> {
    let again = "cargo xtask measure exemplar";
    let tool = steps.step("build", again, || {
        // Beside the command line, the one place that knows every engine and every room; an example, so that it is
        // no part of what users install.
        cargo("build --locked --release --package heirloom --example measure_exemplar").run()?;
        Ok(places::target().join("release/examples/measure_exemplar"))
    })?;
    demo::whole(steps)?;
    let figures = steps.step("measure", again, || {
        measured_by(program(&tool).arg(places::root().join("demo")))
    })?;
    write(
        "exemplar-quality",
        again,
        "# Quality of the weightless engine's pictures\n\n\
         For every shot of the demo film, from the takes in its vault, at nine frames spread evenly over the shot. \
         Sources are seen in\nthe size that the shot uses: of a becoming the two pictures that it begins and ends \
         with, of other shots all that they are\nmade from, without flat borders; each counts by its share of the \
         frame.\n\n\
         - **sharpness**: fine detail of the frames (mean Laplacian) against that of the sources; here the distance \
         of that ratio from 1.\n\
         - **patch distance**: sliced Wasserstein distance over mean-free 5x5 patches between frames and sources, in \
         8-bit display\n  units. The finish moves it, so the note says what it is without; and what the \
         photographs score against themselves.\n\
         - **pop**: share of pixels whose place in the source jumps by more than 2 px against the place carried along \
         the motion; of a\n  becoming, whose motion the engine does not publish, along the motion read from the two \
         frames in blocks of 16.\n\
         - **chunk**: area-weighted mean size of connected pieces taken whole from a source, of what was \
         synthesised: in a becoming, what\n  lies within 8 px of its own place in the first or last picture is \
         that picture by design, and does not count.",
        &figures,
    )
}

/// The number after `"key":` in a line of JSON.
pub fn number(json: &str, key: &str) -> Result<f64> {
    let after = json
        .split_once(&format!("\"{key}\":"))
        .map(|(_, rest)| rest.trim_start());
    let text = after.and_then(|a| a.split([',', '}']).next()).map(str::trim);
    text.and_then(|t| t.parse().ok())
        .with_context(|| format!("no `{key}` in: {json}"))
}

/// The middle value.
pub fn median(mut values: Vec<f64>) -> Result<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().context("nothing was timed")
}

/// Processor, cores and system.
pub fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map(|l| l.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let avx512 = if info.contains(" avx512f") {
        ", AVX-512"
    } else {
        ""
    };
    format!(
        "{}, {cores} cores{avx512}, {}",
        name.unwrap_or(std::env::consts::ARCH),
        std::env::consts::OS
    )
}

/// Today, in UTC, as 2026-01-31.
pub fn today() -> String {
    program("date")
        .args(["-u", "+%Y-%m-%d"])
        .read()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_a_line_of_json() {
        let line = "{\"seconds\": 7.861, \"peak_mib\": 54.6}";
        assert_eq!(number(line, "seconds").unwrap(), 7.861);
        assert_eq!(number(line, "peak_mib").unwrap(), 54.6);
        assert!(number(line, "minutes").is_err());
    }
}
