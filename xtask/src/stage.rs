//! `cargo xtask bench stage` and `cargo xtask measure stage`: the stage beside its peers.

use crate::bench::{median, number};
use crate::command::{cargo, program};
use crate::figures::{Figure, measured_by, write};
use crate::packages::{self, BLENDER_LIBRARIES, CC, FFMPEG, PIP, VULKAN};
use crate::steps::Steps;
use crate::{places, setup};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Triangles, width, height, frames timed, and how many times faster than every peer ours is to be.
const SETTINGS: [(&str, &str, &str, &str, f64); 2] = [
    ("50000", "640", "360", "24", 1.0),
    ("1000000", "1920", "1080", "6", 2.0),
];
/// Times each renderer has its turn; the median counts.
const ROUNDS: usize = 3;

/// `cargo xtask bench stage`.
pub fn speed(steps: &mut Steps) -> Result<()> {
    let again = "cargo xtask bench stage";
    let blender = steps.step("set up Blender", again, || {
        packages::install(&[&CC, &FFMPEG, &PIP, &VULKAN, &BLENDER_LIBRARIES])?;
        setup::python_packages("blender", &places::root().join("tools/blender/requirements.txt"))
    })?;
    let ours = steps.step("build", again, || {
        cargo("build --locked --release --package heirloom-stage --features gpu --example bench_stage")
            .run()?;
        Ok(places::target().join("release/examples/bench_stage"))
    })?;
    let work = places::cache().join(format!("bench-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let mut figures = Vec::new();
    let result = SETTINGS.iter().try_for_each(|setting| {
        let name = format!("{}x{}, {} triangles", setting.1, setting.2, setting.0);
        figures.extend(steps.step(&name, again, || side_by_side(&ours, &blender, &work, setting))?);
        Ok(())
    });
    fs::remove_dir_all(&work).ok();
    result.and_then(|()| {
        write(
            "stage",
            again,
            "# Speed of the stage\n\n\
             The full set of passes (antialiased colour with shadows, depth, world and camera normals, object id, position, motion\n\
             to the next and to the previous frame, both occlusions), frame after frame of a crowd in which everything moves,\n\
             camera included. The same scene by three renderers in turn, three times each; the median of their medians counts.\n\
             Start-up, reading and file writing are left out on all sides.\n\n\
             - **processor**: Heirloom's own rasteriser, the default.\n\
             - **wgpu, software Vulkan**: Heirloom's GPU path on Mesa's lavapipe, all passes read back.\n\
             - **Blender Workbench**: Blender's quick render of the same frames, read from a .glb that the stage wrote. It gives\n  \
               colour alone, in eight samples.",
            &figures,
        )
    })
}

fn side_by_side(
    ours: &Path,
    blender: &Path,
    work: &Path,
    (triangles, width, height, frames, times): &(&str, &str, &str, &str, f64),
) -> Result<Vec<Figure>> {
    let glb = work.join("crowd.glb");
    program(ours).arg(triangles).arg("--glb").arg(&glb).run()?;
    let mut seconds: [Vec<f64>; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (more, all) in [None, Some("--gpu")].into_iter().zip(&mut seconds) {
            let said = program(ours)
                .args([triangles, width, height, frames])
                .args(more)
                .env("VK_DRIVER_FILES", packages::lavapipe().unwrap_or_default())
                .read()?;
            println!("{said}");
            all.push(number(&said, "seconds_a_frame")?);
        }
        let said = program("python3")
            .arg(places::root().join("tools/blender/workbench.py"))
            .arg("--glb")
            .arg(&glb)
            .args(["--width", width, "--height", height, "--frames", "3"])
            .env("PYTHONPATH", blender)
            .read()?;
        let said = said
            .lines()
            .rfind(|l| l.starts_with('{'))
            .context("Blender said nothing")?;
        println!("{said}");
        seconds[2].push(number(said, "median_seconds")?);
    }
    let mut per_second = Vec::new();
    for all in seconds {
        per_second.push(1.0 / median(all)?);
    }
    let fastest_peer = per_second[1].max(per_second[2]);
    let figure = |name: &str, value: f64, unit: &str, goal: Option<f64>| Figure {
        name: format!("{width}x{height}, {triangles} triangles, {name}"),
        value: (value * 100.0).round() / 100.0,
        unit: unit.into(),
        higher_is_better: true,
        goal,
        note: String::new(),
    };
    Ok(vec![
        figure("processor", per_second[0], "frames/s", None),
        figure("wgpu, software Vulkan", per_second[1], "frames/s", None),
        figure("Blender Workbench", per_second[2], "frames/s", None),
        figure(
            "processor against the faster of the two",
            per_second[0] / fastest_peer,
            "times",
            Some(*times),
        ),
    ])
}

/// `cargo xtask measure stage`.
pub fn quality(steps: &mut Steps) -> Result<()> {
    let again = "cargo xtask measure stage";
    let opencv = steps.step("set up OpenCV", again, || {
        packages::install(&[&CC, &FFMPEG, &PIP])?;
        setup::python_packages(
            "opencv",
            &places::root().join("peers/opencv-dis/requirements.txt"),
        )
    })?;
    let programs = steps.step("build", again, || {
        cargo("build --locked --release --package heirloom-picture --example flow_accuracy").run()?;
        cargo(
            "build --locked --release --package heirloom-stage --example motion_pairs --example measure_adherence \
             --example measure_light",
        )
        .run()?;
        Ok(places::target().join("release/examples"))
    })?;
    let work = places::cache().join(format!("measure-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let result = (|| {
        let mut figures = steps.step("optical flow", again, || flow(&programs, &opencv, &work))?;
        figures.extend(steps.step("adherence", again, || {
            measured_by(program(programs.join("measure_adherence")).args(["64", "320"]))
        })?);
        figures.extend(steps.step("light", again, || {
            measured_by(program(programs.join("measure_light")).arg("--summary"))
        })?);
        Ok(figures)
    })();
    fs::remove_dir_all(&work).ok();
    result.and_then(|figures| {
        write(
            "stage-quality",
            again,
            "# How well the stage measures\n\n\
             - **optical flow**: `picture::flow` and OpenCV's DIS on pairs of frames that the stage rendered, against its exact\n  \
               motion, where the point is seen in both frames; 2 threads each. EPE is the endpoint error in pixels.\n\
             - **adherence**: the stage's own colour pass as a take, and controls of it that are wrong in one way each; see\n  \
               [adherence](../adherence.md).\n\
             - **light**: known lights that Blender's Cycles rendered, recovered from the pictures; see [stage](../stage.md). The methods\n  \
               were not tuned on these pictures, but for the 8-bit panoramas, which were looked at while theirs was written.\n\n\
             The goals of adherence and light are our own and were set when first results were known: they show what gets worse,\n\
             not that an outside mark is met. The goal of optical flow is OpenCV's medium setting in the same run.",
            &figures,
        )
    })
}

/// Motion found by us and by OpenCV on the same pairs.
fn flow(programs: &Path, opencv: &Path, work: &Path) -> Result<Vec<Figure>> {
    let pairs = work.join("pairs");
    program(programs.join("motion_pairs")).arg(&pairs).run()?;
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .to_string();
    let ours = program(programs.join("flow_accuracy"))
        .arg(&pairs)
        .args(["--threads", &threads])
        .read()?;
    let theirs = program("python3")
        .arg(places::root().join("peers/opencv-dis/opencv_dis.py"))
        .arg(&pairs)
        .args(["--threads", &threads])
        .env("PYTHONPATH", opencv)
        .read()?;
    // Means come last, one line a method.
    let means: Vec<&str> = ours
        .lines()
        .chain(theirs.lines())
        .filter(|l| l.contains("\"pair\": \"mean\"") || l.contains("\"pair\":\"mean\""))
        .collect();
    let mut found = Vec::new();
    for line in means {
        println!("{line}");
        let method = line
            .split("\"method\":")
            .nth(1)
            .and_then(|rest| rest.split('"').nth(1))
            .context("a line of means names no method")?;
        found.push((
            method.to_owned(),
            number(line, "endpoint_error_px")?,
            number(line, "seconds")?,
        ));
    }
    let medium = found
        .iter()
        .find(|(method, ..)| method.to_lowercase().contains("medium"))
        .map(|(_, epe, _)| (epe * 10_000.0).round() / 10_000.0);
    let mut figures = Vec::new();
    for (n, (method, epe_px, seconds)) in found.into_iter().enumerate() {
        let figure = |what: &str, value: f64, unit: &str, goal: Option<f64>| Figure {
            name: format!("optical flow, {method}, {what}"),
            value: (value * 10_000.0).round() / 10_000.0,
            unit: unit.into(),
            higher_is_better: false,
            goal,
            note: String::new(),
        };
        let goal = if n == 0 { medium } else { None };
        figures.push(figure("mean EPE", epe_px, "px", goal));
        figures.push(figure("time of a pair", seconds, "s", None));
    }
    Ok(figures)
}
