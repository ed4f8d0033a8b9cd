//! Takes cared for from the command line: flicker taken off, made as large as the film, stopped and gone on with.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use std::process::Command;

use support::Film;

/// A shot that shows a clip as it is, and one of the photographs.
const SCENES: &str = r#"
[[scene]]
name = "one"
[[scene.shot]]
id = "sh-22222222"
name = "010"
frames = 24
kind = "style"
clip = "archive:lamp"
strength = 0.0
sources = ["archive:sea"]
[[scene.shot]]
id = "sh-33333333"
name = "020"
frames = 3
kind = "living"
sources = ["archive:sea"]
seed = 7
"#;

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// A film with a clip that pans over a photograph, whose light flickers.
fn film() -> Film {
    let film = Film::with("");
    std::fs::create_dir(film.path("clips")).unwrap();
    support::photograph(&film.path("wide.png"), 5, 400, 300);
    let flicker = "zoompan=z=1:x='2*on':y='on':d=26:s=320x240:fps=24,\
        geq=lum='clip(lum(X,Y)*(1+0.06*sin(N*2.9)+0.04*sin(N*5.3)),0,235)':cb='cb(X,Y)':cr='cr(X,Y)'";
    let ran = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(film.path("wide.png"))
        .args([
            "-vf",
            flicker,
            "-frames:v",
            "26",
            "-pix_fmt",
            "yuv420p",
            "-c:v",
            "libx264",
            "-crf",
            "8",
        ])
        .arg(film.path("clips/lamp.mp4"))
        .status();
    assert!(ran.unwrap().success());
    film.run(&[
        "archive", "add", "clips", "--owner", "A. Owner", "--rights", "own work",
    ])
    .well();
    film.toml(SCENES);
    film
}

fn flicker(film: &Film, take: &str) -> (f64, f64) {
    let rows = json(&film.run(&["measure", "one/010", "--json"]).well().out);
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["take"] == take)
        .unwrap()
        .clone();
    let number = |name: &str| {
        row["measures"][name]
            .as_f64()
            .unwrap_or_else(|| panic!("{name} in {row}"))
    };
    (number("flicker.frame_percent"), number("sharpness.blur_px"))
}

#[test]
fn a_take_that_flickers_is_mended_measured_and_chosen() {
    let film = film();
    film.run(&["make", "--plain", "--no-cut"]).well();
    film.run(&["care", "one/010"])
        .ended(1, &["--deflicker", "--upscale"]);
    film.run(&["care", "one/010", "--detail", "0.5", "--deflicker"])
        .ended(1, &["--upscale"]);
    film.run(&["care", "one/011", "--deflicker"])
        .ended(1, &["no shot `one/011`"]);
    film.run(&["care", "one/010", "--upscale"])
        .ended(1, &["96x64 already", "--upscale 2"]);
    film.run(&["care", "one/010", "--size", "200x64"])
        .ended(1, &["another shape"]);
    film.run(&["care", "one/010", "--size", "960x640"])
        .ended(1, &["from 1.2 to 4"]);
    film.run(&["care", "one/010", "--upscale", "2", "--from", "lamp"])
        .ended(1, &["is a clip"]);
    assert_eq!(film.acts("drawn"), 2);

    let planned = film.run(&["care", "one/010", "--deflicker", "--dry-run"]).well();
    assert!(planned.out.contains("would be made"), "{}", planned.out);
    let words = [
        "care",
        "one/010",
        "--deflicker",
        "--note",
        "the lamp buzzes",
        "--json",
        "--plain",
    ];
    let made = json(&film.run(&words).well().out);
    let (take, of) = (made[0]["take"].as_str().unwrap(), made[0]["of"].as_str().unwrap());
    assert_ne!(take, of);
    assert_eq!(film.acts("drawn"), 3);
    // The same words make nothing twice.
    assert_eq!(json(&film.run(&words).well().out)[0]["take"], take);
    assert_eq!(film.acts("drawn"), 3);

    let ((was, soft), (is, softer)) = (flicker(&film, of), flicker(&film, take));
    assert!(was > 1.0 && is < 0.5 * was, "flicker {was} became {is}");
    assert!(softer < 1.02 * soft, "blur {soft} became {softer}");

    let asked = film.run(&["log", "--verb", "requested", "--json"]).well().out;
    assert!(
        asked
            .lines()
            .any(|act| act.contains("the lamp buzzes") && act.contains(of)),
        "{asked}"
    );
    // It stands beside the shot's other takes, is whose they are, and is cut once it is chosen.
    assert!(
        film.run(&["takes", "one/010"])
            .well()
            .out
            .contains(&format!("care of {}", &of[..12]))
    );
    film.run(&["watch", "--once"]).well();
    film.run(&["attribution", take, "--json"]).well();
    film.run(&["choose", take, "--shot", "one/010"]).well();
    film.run(&["make", "--plain"]).well();
    let traced = film
        .run(&["trace", "out/film.mov", "--frame", "20", "--at", "30,30"])
        .well()
        .out;
    assert!(traced.contains("lamp"), "{traced}");
    // What is revoked reaches what was cared for.
    let touched = film.run(&["rights", "revoke", "lamp", "--dry-run"]).well();
    assert!(touched.out.contains("2 takes"), "{}", touched.out);
    film.run(&["rights", "revoke", "lamp", "--why", "asked to"])
        .well();
    film.run(&["care", "one/010", "--deflicker", "0.5"])
        .ended(3, &["lamp", "Nothing was made"]);
    film.run(&["vault", "verify"]).well();
}

#[test]
fn a_take_becomes_as_large_as_the_film_and_killed_work_goes_on_to_the_same_bytes() {
    let film = film();
    film.run(&["make", "--plain", "--no-cut", "--shot", "one/020"])
        .well();
    let small = json(&film.run(&["takes", "one/020", "--json"]).well().out)[0]["take"]
        .as_str()
        .unwrap()
        .to_owned();
    let toml = std::fs::read_to_string(film.path("film.toml")).unwrap();
    std::fs::write(film.path("film.toml"), toml.replace("[96, 64]", "[384, 256]")).unwrap();
    let words = [
        "care",
        &small,
        "--upscale",
        "--from",
        "moon",
        "--deflicker",
        "0.5",
        "--plain",
        "--json",
    ];

    let mut child = film
        .command(&words)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let begun = std::time::Instant::now();
    let first = || {
        film.files()
            .iter()
            .any(|(path, _)| path.to_string_lossy().contains("frame-000000"))
    };
    while !first() && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed().as_secs() < 120, "no frame after two minutes");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let made = json(&film.run(&words).well().out);
    assert_eq!(
        (made[0]["size"][0].as_u64(), made[0]["of"].as_str()),
        (Some(384), Some(small.as_str()))
    );
    let take = made[0]["take"].as_str().unwrap().to_owned();

    // In another film, not killed: the same take of the same take.
    let other = self::film();
    other
        .run(&["make", "--plain", "--no-cut", "--shot", "one/020"])
        .well();
    std::fs::copy(film.path("film.toml"), other.path("film.toml")).unwrap();
    assert_eq!(json(&other.run(&words).well().out)[0]["take"], take.as_str());

    let told = json(&film.run(&["attribution", &take, "--json"]).well().out).to_string();
    assert!(told.contains("sea") && told.contains("moon"), "{told}");
    film.run(&["choose", &take, "--shot", "one/020"]).well();
    let frames = film.run(&["frames", "one/020", "--to", "stills"]);
    assert!(!frames.err.contains("panicked"), "{}", frames.err);
}
