//! `heirloom style` and `heirloom grade`: from photographs to a graded still and clip, as a user would.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use heirloom_picture::ffmpeg::Ffmpeg;
use heirloom_picture::photo;
use support::Film;

#[test]
fn a_style_is_made_shown_blended_exported_and_applied() {
    let film = Film::with("");
    let made = film
        .run(&[
            "style",
            "make",
            "father",
            "--from",
            "pictures/",
            "--exemplars",
            "2",
        ])
        .well()
        .out;
    for words in ["style      father@1", "sources    3", "archive:pictures/"] {
        assert!(made.contains(words), "nothing of {words:?} in:\n{made}");
    }
    film.run(&["style", "make", "father/sea", "--from", "sea"]).well();
    film.run(&[
        "style",
        "blend",
        "father/between",
        "father",
        "father/sea",
        "--at",
        "0.5",
    ])
    .well();
    let listed = film.run(&["style", "list"]).well().out;
    for words in ["father@1", "father/sea@1", "father/between@1", "from pictures/"] {
        assert!(listed.contains(words), "nothing of {words:?} in:\n{listed}");
    }
    film.run(&["style", "export", "father/sea"]).well();
    assert!(film.path("out/styles/father-sea@1.cube").is_file());

    // By name and by the file that was exported, the same picture comes.
    film.run(&["grade", "father/sea", "pictures/moon.png"]).well();
    let cube = "out/styles/father-sea@1.cube";
    film.run(&["grade", cube, "pictures/moon.png", "--to", "by-file"])
        .well();
    assert_eq!(film.hash("out/graded/moon.exr"), film.hash("by-file/moon.exr"));
    film.run(&[
        "grade",
        "father/sea",
        "pictures/moon.png",
        "--strength",
        "0",
        "--format",
        "png",
    ])
    .well();
    let read = |name: &str| photo::read(&film.path(name)).unwrap().image;
    let (before, after) = (read("pictures/moon.png"), read("out/graded/moon.png"));
    for (a, b) in before.pixels().iter().zip(after.pixels()) {
        assert!(
            a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4),
            "strength 0: {a:?} {b:?}"
        );
    }
    assert_ne!(read("out/graded/moon.exr").pixels(), before.pixels());

    // A clip keeps its size and length, at ten bits.
    let clip = film.path("clip.mp4");
    let made = std::process::Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=128x96:rate=24",
            "-frames:v",
            "5",
            "-pix_fmt",
            "yuv420p",
        ])
        .arg(&clip)
        .status()
        .unwrap();
    assert!(made.success());
    film.run(&["grade", "father", "clip.mp4", "--skin-safe"]).well();
    let info = Ffmpeg::find()
        .unwrap()
        .probe(&film.path("out/graded/clip.mov"))
        .unwrap();
    assert_eq!(
        (info.width, info.height, info.frames, info.pixel_format.as_str()),
        (128, 96, 5, "yuv422p10le")
    );
}

#[test]
fn what_cannot_be_done_is_said_with_its_mend() {
    let film = Film::with("");
    film.run(&["style", "show", "father"])
        .ended(1, &["there is no style father", "heirloom style make"]);
    film.run(&["style", "make", "father", "--from", "nowhere/"])
        .ended(1, &["heirloom archive list"]);
    film.run(&["style", "make", "fa:ther", "--from", "sea"])
        .ended(1, &["is no name for a style"]);
    film.run(&["rights", "revoke", "sea", "--why", "private"]).well();
    film.run(&["style", "make", "father", "--from", "sea"])
        .ended(1, &["archive:pictures/sea", "private"]);
    let left = film
        .run(&["style", "make", "father", "--from", "pictures/"])
        .well();
    assert!(
        left.err.contains("left out: archive:pictures/sea"),
        "{}",
        left.err
    );
    film.run(&["grade", "father", "nothing.png"])
        .ended(1, &["nothing.png could not be read"]);
    film.run(&["grade", "father", "film.toml"])
        .ended(1, &["film.toml"]);
    film.run(&[
        "grade",
        "father",
        "pictures/sea.png",
        "--to",
        "pictures",
        "--format",
        "png",
    ])
    .ended(1, &["written over itself"]);
    let said = film.run(&["rights", "revoke", "moon"]).well().out;
    assert!(said.contains("1 style (father)"), "{said}");
}

#[test]
fn a_style_changes_from_scene_to_scene() {
    let scene = |name: &str| {
        format!(
            "[[scene]]\nname = \"{name}\"\n[[scene.shot]]\nname = \"010\"\nframes = 4\nkind = \"still\"\n\
             sources = [\"archive:sea\"]\n"
        )
    };
    let film = Film::with(&["dawn", "the noon", "dusk", "night", "end"].map(scene).concat());
    for name in ["sea", "moon", "skin"] {
        film.run(&["style", "make", name, "--from", name]).well();
    }
    let made = film
        .run(&["style", "arc", "father", "sea", "moon", "skin"])
        .well()
        .out;
    let lines: Vec<&str> = made.lines().collect();
    for (line, words) in lines.iter().zip([
        ["father/dawn@1", "sea@1 to moon@1, at 0.00"],
        ["father/the noon@1", "sea@1 to moon@1, at 0.50"],
        ["father/dusk@1", "moon@1 to skin@1, at 0.00"],
        ["father/night@1", "moon@1 to skin@1, at 0.50"],
        ["father/end@1", "moon@1 to skin@1, at 1.00"],
    ]) {
        assert!(
            words.iter().all(|word| line.contains(word)),
            "{words:?} not in {line:?}"
        );
    }
    // Where a scene stands at a key, its grade is the key's.
    for (key, scene) in [
        ("sea", "father/dawn"),
        ("moon", "father/dusk"),
        ("skin", "father/end"),
    ] {
        film.run(&["grade", key, "pictures/moon.png", "--to", "key"])
            .well();
        film.run(&["grade", scene, "pictures/moon.png", "--to", "scene"])
            .well();
        let read = |folder: &str| photo::read(&film.path(&format!("{folder}/moon.exr"))).unwrap();
        let (key, scene) = (read("key"), read("scene"));
        for (a, b) in key.image.pixels().iter().zip(scene.image.pixels()) {
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-3), "{a:?} {b:?}");
        }
    }
    film.run(&["style", "arc", "father", "sea"])
        .ended(2, &["2 values required"]);
}

#[test]
fn drift_is_measured_of_stills_and_clips() {
    let film = Film::with("");
    film.run(&["style", "make", "father", "--from", "pictures/"])
        .well();
    let told = film
        .run(&["style", "drift", "father", "pictures/moon.png", "archive:sea"])
        .well()
        .out;
    assert_eq!(
        told.lines()
            .filter(|line| line.contains("drift ") && line.contains("palette "))
            .count(),
        2,
        "{told}"
    );
    // A picture of plain red is far from what the style was made of.
    heirloom_picture::png::write8(&film.path("red.png"), &[[220, 10, 10]; 120 * 90], 120, 90).unwrap();
    let json = film
        .run(&[
            "style",
            "drift",
            "father",
            "pictures/moon.png",
            "red.png",
            "--json",
        ])
        .well()
        .out;
    let all: serde_json::Value = serde_json::from_str(&json).unwrap();
    let total = |n: usize| all["drifts"][n]["drift"]["total"].as_f64().unwrap();
    assert!(total(0) < 1.0 && total(1) > 2.0 * total(0).max(0.5), "{json}");

    // A clip that turns from a photograph to red, every third frame of it looked at.
    support::photograph(&film.path("frame.png"), 2, 96, 64);
    let bytes = std::fs::read(film.path("frame.png")).unwrap();
    let frame = heirloom_picture::preview::decode(&bytes, "frame.png", 96).unwrap();
    let ffmpeg = Ffmpeg::find().unwrap();
    let size = heirloom_film::Size::new(96, 64).unwrap();
    let rate = heirloom_film::Rate::new(24, 1).unwrap();
    let mut encoder = heirloom_picture::ffmpeg::Encoder::start(
        &ffmpeg,
        heirloom_picture::ffmpeg::Master::H264,
        &film.path("turn.mp4"),
        size,
        rate,
        None,
    )
    .unwrap();
    for n in 0..24_u32 {
        let mixed = |from: u8, to: u32| ((u32::from(from) * (23 - n) + to * n) / 23 * 257) as u16;
        let codes: Vec<[u16; 3]> = frame
            .codes()
            .iter()
            .map(|[r, g, b]| [mixed(*r, 220), mixed(*g, 10), mixed(*b, 10)])
            .collect();
        encoder.push(&codes).unwrap();
    }
    encoder.finish().unwrap();
    let json = film
        .run(&["style", "drift", "father", "turn.mp4", "--every", "3", "--json"])
        .well()
        .out;
    let all: serde_json::Value = serde_json::from_str(&json).unwrap();
    let clip = &all["drifts"][0]["drift"];
    assert_eq!(clip["frames"].as_array().unwrap().len(), 8);
    assert!(clip["trend_per_second"].as_f64().unwrap() > 0.0, "{clip}");

    film.run(&["style", "make", "sea", "--from", "sea"]).well();
    film.run(&["style", "drift", "sea", "red.png"])
        .ended(1, &["fewer than three photographs"]);
}
