//! `cargo xtask bench dailies` and `cargo xtask measure dailies`: the queue, the list of takes, measuring, and how well measures tell
//! defects.

use crate::command::{cargo, program};
use crate::figures::{Figure, measured_by, write};
use crate::places;
use crate::steps::Steps;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::time::Instant;

/// Takes that each number of workers draws.
const TAKES: u32 = 24;
const WORKERS: [u32; 3] = [1, 2, 4];

/// A film of one shot, small, so that a take is a second's work.
const FILM: &str = r#"
[film]
title = "Workers"
rate = "24"
size = [480, 270]

[[scene]]
id = "sc-22222222"
name = "sky"
[[scene.shot]]
id = "sh-22222222"
name = "010"
frames = 12
kind = "living"
sources = ["archive:eta-carinae"]
seed = 1
"#;

/// `cargo xtask bench dailies`.
pub fn speed(steps: &mut Steps) -> Result<()> {
    let again = "cargo xtask bench dailies";
    steps.step("build", again, || {
        cargo(
            "build --locked --release --package heirloom-dailies --example bench_queue --example bench_dailies_index --example \
             measure_dailies",
        )
        .run()?;
        cargo("build --locked --release --package heirloom").run()
    })?;
    let release = places::target().join("release");
    let example = |name: &str| release.join("examples").join(name);
    let mut figures = steps.step("queue", again, || measured_by(program(example("bench_queue"))))?;
    figures.extend(steps.step("list of takes", again, || {
        measured_by(program(example("bench_dailies_index")))
    })?);
    figures.extend(steps.step("measuring", again, || {
        measured_by(program(example("measure_dailies")).arg("--speed-only"))
    })?);
    let work = places::cache().join(format!("bench-dailies-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let drawn = steps.step("workers", again, || workers(&release.join("heirloom"), &work));
    fs::remove_dir_all(&work).ok();
    figures.extend(drawn?);
    write(
        "dailies",
        again,
        "# Speed of the dailies\n\n\
         - **Queue**: 5 000 takes offered, leased and done, beside raw SQLite that does the least that a queue must, in turns in one run.\n\
         - **List of takes**: 100 000 takes of 100 shots, filtered and ordered in many ways, the first 50 rows of each.\n\
         - **Measuring**: clips of 1920x1080 by every measure, beside plain `ffmpeg` decoding the same clip to null.\n\
         - **Workers**: 24 takes of 480x270, 12 frames, by the weightless engine, one thread to a process.",
        &figures,
    )
}

fn workers(heirloom: &Path, work: &Path) -> Result<Vec<Figure>> {
    let film = work.join("film");
    program(heirloom).arg("new").arg(&film).run()?;
    fs::write(film.join("film.toml"), FILM)?;
    program(heirloom)
        .arg("--film")
        .arg(&film)
        .args(["archive", "add"])
        .arg(places::root().join("demo/archive/eta-carinae.png"))
        .args([
            "--owner",
            "The makers named in demo/archive",
            "--rights",
            "public domain",
        ])
        .run()?;
    let mut figures = Vec::new();
    let mut alone = None;
    for (n, workers) in WORKERS.into_iter().enumerate() {
        let before = Instant::now();
        program(heirloom)
            .arg("--film")
            .arg(&film)
            .args(["--plain", "takes", "sky/010", "--threads", "1"])
            .args(["--count", &TAKES.to_string(), "--workers", &workers.to_string()])
            // Others each time, so that nothing is there already.
            .args(["--first", &(n as u32 * 1000).to_string()])
            .run()
            .with_context(|| format!("{workers} workers"))?;
        let rate = f64::from(TAKES) / before.elapsed().as_secs_f64();
        let times = rate / *alone.get_or_insert(rate);
        figures.push(Figure {
            name: format!("takes a minute with {workers} workers"),
            value: 60.0 * rate,
            unit: "takes/min".to_owned(),
            higher_is_better: true,
            goal: None,
            note: format!("{times:.2} times one worker's"),
        });
    }
    Ok(figures)
}

/// `cargo xtask measure dailies`.
pub fn quality(steps: &mut Steps) -> Result<()> {
    let again = "cargo xtask measure dailies";
    let tool = steps.step("build", again, || {
        cargo("build --locked --release --package heirloom-dailies --example measure_dailies").run()?;
        Ok(places::target().join("release/examples/measure_dailies"))
    })?;
    let figures = steps.step("measure", again, || measured_by(program(&tool).arg("--no-speed")))?;
    write(
        "dailies-quality",
        again,
        "# How well measures tell a spoiled take\n\n\
         Sound takes are a camera's way over a photograph of `demo/archive`, each a little off the shot's plan, with its own exposure and\n\
         fresh grain; each is spoiled in one way, strongly and barely visibly (`crates/dailies/tests/defects`). The figure is the share\n\
         of pairs, one sound and one spoiled take of the same shot, that the measure orders rightly (AUC), mean over shots. These stand\n\
         in for takes of an engine; an engine's own takes vary more.\n\n\
         A thousand takes of one shot, thirty of them sound (fifteen ways of the camera, each twice), are culled to ten by limits that \
         stand four standard deviations from the mean of ten other sound takes, with `alike` just above how far two takes of one way lie \
         apart (`crates/dailies/tests/defects/mixed.rs`).",
        &figures,
    )
}
