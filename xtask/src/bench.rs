//! `cargo xtask bench NAME` and `cargo xtask measure NAME`: builds the programs that measure, runs them, and writes
//! what they found to docs/benchmarks.

use crate::args::Args;
use crate::command::{Cmd, cargo, program};
use crate::figures::{Figure, measured_by, write};
use crate::steps::Steps;
use crate::{archive, archive_speed, care, dailies, diffusion, exemplar, lora, places, setup, stage, style};
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
/// Sizes of the living shot, with the goals for the first and for each later frame on two cores, in seconds.
const LIVING: [(&str, Option<f64>, f64); 3] = [
    ("960x540", Some(0.73), 0.10),
    ("1920x1080", Some(1.0), 0.30),
    ("3840x2160", None, 1.2),
];
/// The size that one thread is tried at as well.
const ONE_THREAD: &str = "1920x1080";
const STILL: [&str; 2] = ["640x360", "960x540"];
/// Times each still is made, by each program in turn; the median counts.
const ROUNDS: usize = 3;

/// `cargo xtask bench NAME` and `cargo xtask measure NAME`.
pub fn run(mut args: Args, kind: Kind) -> Result<()> {
    let name = args.word();
    args.done()?;
    let name = name.as_deref().unwrap_or("");
    let known: &[&str] = match kind {
        Kind::Speed => &["archive", "dailies", "diffusion", "exemplar", "lora", "stage"],
        Kind::Quality => &["archive", "care", "dailies", "exemplar", "stage", "style"],
    };
    if !known.contains(&name) {
        bail!("name what to measure; there are: {}", known.join(", "));
    }
    let mut steps = Steps::default();
    steps.step("set up", "cargo xtask setup", setup::for_demo)?;
    match (kind, name) {
        (Kind::Speed, "archive") => archive_speed::speed(&mut steps)?,
        (Kind::Speed, "dailies") => dailies::speed(&mut steps)?,
        (Kind::Speed, "diffusion") => diffusion::speed(&mut steps)?,
        (Kind::Speed, "lora") => lora::speed(&mut steps)?,
        (Kind::Speed, "stage") => stage::speed(&mut steps)?,
        (Kind::Quality, "archive") => archive::quality(&mut steps)?,
        (Kind::Quality, "care") => care::quality(&mut steps)?,
        (Kind::Quality, "dailies") => dailies::quality(&mut steps)?,
        (Kind::Quality, "stage") => stage::quality(&mut steps)?,
        (Kind::Quality, "style") => style::quality(&mut steps)?,
        (Kind::Speed, _) => speed(&mut steps)?,
        (Kind::Quality, _) => exemplar::quality(&mut steps)?,
    }
    steps.table();
    Ok(())
}

fn speed(steps: &mut Steps) -> Result<()> {
    let again = "cargo xtask bench exemplar";
    let (ours, peer) = steps.step("build", again, || {
        cargo("build --locked --release --package heirloom-engine-exemplar --example bench_exemplar")
            .run()?;
        let peer = exemplar::peer()?;
        Ok((places::target().join("release/examples/bench_exemplar"), peer))
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
        figures.extend(
            steps.step(&format!("living {ONE_THREAD}, one thread"), again, || {
                named(
                    "living",
                    &format!("{ONE_THREAD}, one thread"),
                    program(&ours)
                        .arg("living")
                        .arg(places::root().join(PHOTO))
                        .arg(ONE_THREAD)
                        .arg(&work)
                        .env("RAYON_NUM_THREADS", "1"),
                )
            })?,
        );
        for (size, ..) in LIVING {
            figures.extend(steps.step(&format!("carried {size}"), again, || {
                named(
                    "carried",
                    size,
                    program(&ours)
                        .arg("carried")
                        .arg(places::root().join(PHOTO))
                        .arg(size)
                        .arg(&work),
                )
            })?);
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
             A living shot of one photograph (`demo/archive/eta-carinae.png`) at three sizes: the whole of what `make` \
             waits for, from the\nrequest to the files of the take in the work folder: reading and preparing the \
             photograph, finish and compression included.\nEach size runs in a process\nof its own, whose peak memory is the system's figure \
             (VmHWM). Processor time is of all threads together: on a busy machine it says more than the clock.\n\n\
             Carried: what is loose in a frame that follows another is made anew (the search alone, as a guided shot \
             does it once or twice a\nframe); so much of the frame is loose, in blots. It should cost what is loose, \
             not what the frame holds.\n\n\
             The goals for frames are the task's, on two cores; that of the first frame at 960x540 is what a trial took.\n\n\
             The still: a new picture in the manner of the same photograph, by this engine and by the crate\n\
             `texture-synthesis` 0.8.2 (its defaults, all cores), in turn, three times each; the median counts. The \
             crate's time is of the\nsynthesis alone, ours includes preparing the photograph, the finish and the \
             files. Its time is our goal.",
            &figures,
        )
    })
}

fn living(ours: &Path, size: &str, first: Option<f64>, later: f64, work: &Path) -> Result<Vec<Figure>> {
    let mut figures = named(
        "living",
        size,
        program(ours)
            .arg("living")
            .arg(places::root().join(PHOTO))
            .arg(size)
            .arg(work),
    )?;
    for f in &mut figures {
        if f.name.ends_with(", first frame") {
            f.goal = first;
        } else if f.name.ends_with(", later frame") {
            f.goal = Some(later);
        }
    }
    Ok(figures)
}

/// What a program says, by what and at which size.
fn named(what: &str, size: &str, program: Cmd) -> Result<Vec<Figure>> {
    let mut figures = measured_by(program)?;
    for f in &mut figures {
        f.name = format!("{what} {size}, {}", f.name);
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
