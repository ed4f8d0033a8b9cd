//! Seconds a frame of both masters of a synthetic film, without the engine's part: `time-masters [WIDTHxHEIGHT] [FRAMES]`.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use heirloom_film::{Rate, Size};
use heirloom_finish::{Card, Cut, master};
use heirloom_picture::ffmpeg::{Ffmpeg, Master};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let size = Size::parse(&arguments.next().unwrap_or_else(|| "960x540".into()))?;
    let frames: u32 = arguments.next().map_or(Ok(240), |n| n.parse())?;
    let take = |name| support::Gradient {
        size,
        ..support::gradient(name, frames, [0.9, 0.5, 0.3])
    };
    let cut = Cut {
        title: "Time".into(),
        rate: Rate::CINEMA,
        size,
        items: vec![
            support::shot("010", frames, 0, take("a")),
            support::shot("020", frames, 24, take("b")),
        ],
        title_card: Some(Card::title("Time", size, Rate::CINEMA, 24)),
        credits: None,
        sound: None,
    };
    let folder = tempfile::tempdir()?;
    let files = [
        (Master::H264, folder.path().join("film.mp4")),
        (Master::ProResHq, folder.path().join("film.mov")),
    ];
    for files in [&files[..], &files[..1], &files[1..]] {
        let begun = Instant::now();
        let made = master(
            &cut,
            &Ffmpeg::find()?,
            files,
            &mut |_, _| {},
            &AtomicBool::new(false),
        )?;
        let seconds = begun.elapsed().as_secs_f64();
        let kinds: Vec<_> = files.iter().map(|(kind, _)| kind.extension()).collect();
        eprintln!(
            "{size} {}: {} frames, {:.4} s a frame",
            kinds.join(" + "),
            made.frames,
            seconds / made.frames as f64
        );
    }
    Ok(())
}
