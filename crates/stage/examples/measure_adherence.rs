//! Figures for `cargo xtask measure stage`: a JSON line and tab-separated figures for each control take, judged against
//! its guides.
//!
//! `measure_adherence [FRAMES [WIDTH]]`, 96 and 480 where not given. The scenes are those of the tests, traced ray by
//! ray; each control is right but for one known fault, or faultless in another style.

#[path = "../tests/analytic/mod.rs"]
mod analytic;

use std::error::Error;
use std::io::Write;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use analytic::{Look, balls, yard};
use glam::{DQuat, DVec3};
use heirloom_film::Size;
use heirloom_picture::Image;
use heirloom_stage::adherence::{AdherenceOptions, judge};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|a| a.parse::<u32>());
    let frames = numbers.next().transpose()?.unwrap_or(96) as usize;
    let width = numbers.next().transpose()?.unwrap_or(480);
    let size = Size {
        width,
        height: width * 9 / 16 / 2 * 2,
    };
    // The sets' stories last 42 frames; slower here, so that they fill the shot.
    let pace = 42.0 / frames as f64;
    let yard = yard().slowed(pace);
    let colors = yard.pictures(frames + 3, size, &Look::plain());
    let guides = yard.guides(size, &colors[..frames]);
    let restyled = yard.pictures(frames, size, &Look::restyled());
    let turned = |angle_deg: f64| Look {
        sun: DQuat::from_axis_angle(DVec3::Y, angle_deg.to_radians()) * Look::plain().sun,
        ..Look::plain()
    };
    let gone = Look {
        without: Some(("crate", frames / 3, frames / 2)),
        ..Look::plain()
    };
    let own = &colors[..frames];
    let controls: Vec<(&str, Vec<Image>)> = vec![
        ("the stage's own pictures", own.to_vec()),
        ("restyled: colours, contrast, texture, grain", restyled.clone()),
        ("delayed by 3", late(own, 3)),
        ("early by 2", colors[2..frames + 2].to_vec()),
        ("restyled and delayed by 3", late(&restyled, 3)),
        ("mirrored", mirrored(own)),
        (
            "shuffled",
            (0..frames).map(|f| own[(f * 17 + 5) % frames].clone()).collect(),
        ),
        (
            "of another scene",
            balls().slowed(pace).pictures(frames, size, &Look::plain()),
        ),
        ("standing still", vec![own[0].clone(); frames]),
        ("one object gone for a while", yard.pictures(frames, size, &gone)),
        (
            "sun turned by 30 degrees",
            yard.pictures(frames, size, &turned(30.0)),
        ),
        (
            "sun turned by 90 degrees",
            yard.pictures(frames, size, &turned(90.0)),
        ),
    ];
    let mut out = std::io::stdout().lock();
    let stop = AtomicBool::new(false);
    for (name, take) in &controls {
        let start = Instant::now();
        let report = judge(&guides, take, &AdherenceOptions::default(), &mut |_, _| (), &stop)?;
        let line = json!({
            "take": name,
            "frames": frames,
            "size": [size.width, size.height],
            "seconds": start.elapsed().as_secs_f64(),
            "camera": report.camera,
            "timing": report.timing,
            "blocking": report.blocking,
            "light": report.light,
        });
        writeln!(out, "{line}")?;
        let mut figure = |what: &str, value: f64, unit: &str, better: &str, goal: &str| {
            let value = (value * 1000.0).round() / 1000.0;
            writeln!(
                out,
                "figure\tadherence, {name}: {what}\t{value}\t{unit}\t{better}\t{goal}"
            )
        };
        // What is right must score well; what is wrong in one way has its own figure to be worse in, without a goal.
        let right = [
            "the stage's own pictures",
            "restyled: colours, contrast, texture, grain",
        ]
        .contains(name);
        let meant_lag = match *name {
            "delayed by 3" | "restyled and delayed by 3" => Some(3.0),
            "early by 2" => Some(-2.0),
            _ if right => Some(0.0),
            _ => None,
        };
        if let Some(ratio) = report.camera.value().and_then(|c| c.ratio_to_still) {
            figure(
                "motion error against a still",
                ratio,
                "times",
                "lower",
                if right { "0.3" } else { "-" },
            )?;
        }
        if let (Some(timing), Some(meant)) = (report.timing.value(), meant_lag) {
            let off = (timing.lag_frames as f64 - meant).abs();
            figure("lag, off the true one", off, "frames", "lower", "0")?;
        }
        if let Some(blocking) = report.blocking.value() {
            let goal = if right { "0.7" } else { "-" };
            figure("outlines placed", blocking.take.placed, "of 1", "higher", goal)?;
        }
        if let Some(light) = report.light.value() {
            figure(
                "light, angle to the stage's",
                light.angle_deg,
                "degrees",
                "lower",
                if right { "20" } else { "-" },
            )?;
        }
    }
    Ok(())
}

fn late(frames: &[Image], by: usize) -> Vec<Image> {
    (0..frames.len())
        .map(|f| frames[f.saturating_sub(by)].clone())
        .collect()
}

fn mirrored(frames: &[Image]) -> Vec<Image> {
    let mut frames = frames.to_vec();
    for image in &mut frames {
        let width = image.width() as usize;
        for row in image.pixels_mut().chunks_mut(width) {
            row.reverse();
        }
    }
    frames
}
