//! Killed in the midst of `make`, then `make` again: what was finished is not made again, and the film is byte for
//! byte that of an undisturbed run.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests
#![cfg(unix)]

mod support;

use std::time::{Duration, Instant};

use support::{Film, SCENES};

fn killed_after(film: &Film, wait: Duration) -> bool {
    let mut child = film
        .command(&["make", "--plain"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(wait);
    let alive = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    alive
}

#[test]
fn killed_again_and_again_the_film_is_the_same() {
    let scenes = SCENES.replace("frames = 8", "frames = 24");
    let film = Film::with(&scenes);
    let begun = Instant::now();
    film.run(&["make", "--plain"]).well();
    let whole = begun.elapsed();
    let (mp4, mov) = (film.hash("out/film.mp4"), film.hash("out/film.mov"));

    let disturbed = Film::with(&scenes);
    let mut kills = 0;
    // At a third, at two thirds, and a few times soon after starting.
    for part in [0.34, 0.2, 0.5, 0.1, 0.66] {
        kills += u32::from(killed_after(&disturbed, whole.mul_f64(part)));
        assert!(!disturbed.path("out/film.mp4").exists() || disturbed.hash("out/film.mp4") == mp4);
    }
    assert!(kills >= 2, "the film was finished before it could be killed");
    disturbed.run(&["make", "--plain"]).well();
    assert_eq!(
        (disturbed.hash("out/film.mp4"), disturbed.hash("out/film.mov")),
        (mp4, mov)
    );
    assert_eq!(disturbed.acts("drawn"), 3, "a finished draw was done again");
    assert_eq!(disturbed.acts("requested"), 3);
    disturbed.run(&["vault", "verify"]).well();
}

#[test]
fn ctrl_c_stops_within_a_second_or_so_and_loses_nothing() {
    let film = Film::with(&SCENES.replace("frames = 8", "frames = 90"));
    // Large enough that it can not be over before it is told to stop.
    let toml = std::fs::read_to_string(film.path("film.toml")).unwrap();
    std::fs::write(film.path("film.toml"), toml.replace("[96, 64]", "[480, 320]")).unwrap();
    let mut child = film
        .command(&["make", "--plain"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let some_work = || {
        film.files()
            .iter()
            .any(|(p, _)| p.to_string_lossy().contains("work/draws"))
    };
    let begun = Instant::now();
    while !some_work() {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "no frame after two minutes"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let told = Instant::now();
    // The shell's own `kill`: a bare system has no program of that name.
    let id = child.id();
    std::process::Command::new("sh")
        .args(["-c", &format!("kill -INT {id}")])
        .status()
        .unwrap();
    let status = child.wait().unwrap();
    assert!(
        told.elapsed() < Duration::from_secs(5),
        "it took {:?}",
        told.elapsed()
    );
    assert_eq!(status.code(), Some(130));
    assert!(!film.path("out/film.mp4").exists());
    // The work of the frames that were finished lies in the work folder.
    assert!(some_work());
}
