//! Clips as plates, at a rate of their own, and sound under the cut.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use std::path::Path;
use std::process::Command;

use support::Film;

const SHOTS: &str = r#"
[[scene]]
name = "one"
[[scene.shot]]
name = "plate"
frames = 10
kind = "plate"
start = 6
sources = ["archive:walk"]
[[scene.shot]]
name = "living"
frames = 8
kind = "living"
sources = ["archive:sea"]
dissolve = 4
"#;

/// A clip of moving bars, a second and a half long at 12 frames a second, and a tone of two seconds.
fn clip_and_tone(clip: &Path, tone: &Path) {
    let run = |words: &[&str], to: &Path| {
        let ran = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi"])
            .args(words)
            .arg(to)
            .status();
        assert!(ran.unwrap().success());
    };
    run(
        &[
            "-i",
            "testsrc=size=128x72:rate=12:duration=1.5",
            "-pix_fmt",
            "yuv420p",
            "-c:v",
            "libx264",
        ],
        clip,
    );
    run(&["-i", "sine=frequency=330:duration=2"], tone);
}

#[test]
fn a_plate_is_cut_traced_and_heard() {
    let film = Film::with(SHOTS);
    std::fs::create_dir(film.path("clips")).unwrap();
    clip_and_tone(&film.path("clips/walk.mp4"), &film.path("tone.wav"));
    film.run(&["check"]).ended(1, &["one plate", "walk"]);
    film.run(&[
        "archive",
        "add",
        "clips",
        "--owner",
        "C. Camera",
        "--rights",
        "own footage",
    ])
    .well();
    let toml = std::fs::read_to_string(film.path("film.toml")).unwrap();
    std::fs::write(
        film.path("film.toml"),
        toml.replace("title = ", "sound = \"tone.wav\"\ntitle = "),
    )
    .unwrap();
    film.run(&["make", "--plain"]).well();
    assert_eq!(film.acts("drawn"), 1, "a plate needs no draw");

    // Title 0..4, plate alone 4..10, dissolve 10..14. The film's frame 6 + 3 is the clip's frame 4, at half the rate.
    let trace = film
        .run(&["trace", "out/film.mp4", "--frame", "7", "--at", "40,30"])
        .well()
        .out;
    assert!(
        trace.contains("a plate") && trace.contains("C. Camera") && trace.contains("frame 4 of the clip"),
        "{trace}"
    );
    let trace = film.run(&["trace", "out/film.mp4", "--frame", "11"]).well().out;
    assert!(
        trace.contains("C. Camera") && trace.contains("A. Owner") && trace.contains("dissolve"),
        "{trace}"
    );

    let probe = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "stream=codec_type,duration",
            "-of",
            "csv=p=0",
        ])
        .arg(film.path("out/film.mov"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&probe.stdout).into_owned();
    assert!(
        said.contains("video,0.916") && said.contains("audio,0.916"),
        "{said}"
    );

    // A clip that is too short for the shot is found before anything is made.
    let long = std::fs::read_to_string(film.path("film.toml"))
        .unwrap()
        .replace("start = 6", "start = 30");
    std::fs::write(film.path("film.toml"), long).unwrap();
    film.run(&["make"])
        .ended(1, &["walk.mp4 has 18 frames", "Nothing was made"]);
}
