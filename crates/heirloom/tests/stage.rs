//! The stage from the command line: what is said of a blocked shot, its passes, the film as an animatic, and what
//! happens when something is wrong or stopped.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use std::path::Path;
use std::process::Command;

use heirloom_picture::exr::{self, LayerAttribute, Samples};
use support::{Film, photograph};

/// A blocked shot with a zoom, a storyboard, a shot of which there is nothing, and one that is drawn.
const SHOTS: &str = r#"
[[scene]]
name = "shore"
[[scene.shot]]
name = "010"
frames = 12
kind = "guided"
prompt = "She stands at the water."
[scene.shot.blocking]
camera = { at = [0, 1.5, 5], look_at = "mother", lens_mm = 24 }
moves = [{ kind = "zoom", to_mm = 50, frames = [0, 11] }]
[[scene.shot.blocking.thing]]
name = "mother"
shape = "figure"
[[scene.shot.blocking.thing]]
name = "ground"
shape = "ground"
size = [40, 40]
[[scene.shot]]
name = "020"
frames = 10
kind = "living"
sources = ["archive:moon"]
dissolve = 4
[[scene.shot.board]]
picture = "boards/a.png"
frames = 4
move = { to = [0.25, 0.25, 0.5, 0.5] }
[[scene.shot.board]]
picture = "boards/b.png"
frames = 3
caption = "The moon."
[[scene.shot]]
name = "030"
frames = 6
kind = "living"
sources = ["archive:sea"]
prompt = "A slow tide."
[[scene]]
name = "sky"
[[scene.shot]]
name = "010"
frames = 5
kind = "still"
sources = ["archive:skin"]
"#;

/// Title 4, shots 12 + 10 − 4 + 6 + 5.
const FRAMES: u64 = 33;

fn film() -> Film {
    let film = Film::with(SHOTS);
    std::fs::create_dir(film.path("boards")).unwrap();
    for (kind, name) in [(4, "a"), (5, "b")] {
        photograph(&film.path(&format!("boards/{name}.png")), kind, 120, 60);
    }
    film
}

fn edit(film: &Film, change: impl FnOnce(String) -> String) {
    let toml = film.path("film.toml");
    let text = std::fs::read_to_string(&toml).unwrap();
    std::fs::write(&toml, change(text)).unwrap();
}

/// Frames and seconds of a video, and whether it has sound.
fn probe(path: &Path) -> (u64, f64, bool) {
    let ask = |words: &[&str]| {
        let said = Command::new("ffprobe")
            .args(["-v", "error"])
            .args(words)
            .args(["-of", "csv=p=0"])
            .arg(path)
            .output()
            .unwrap();
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    };
    let frames = ask(&[
        "-count_frames",
        "-select_streams",
        "v:0",
        "-show_entries",
        "stream=nb_read_frames",
    ]);
    let seconds = ask(&["-show_entries", "format=duration"]);
    let kinds = ask(&["-show_entries", "stream=codec_type"]);
    (
        frames.parse().unwrap(),
        seconds.parse().unwrap(),
        kinds.contains("audio"),
    )
}

fn floats(channels: &exr::Layers, name: &str) -> Vec<f32> {
    match channels.channels.get(name) {
        Some(Samples::Float(values) | Samples::Half(values)) => values.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn what_stands_on_the_stage_is_said() {
    let film = film();
    let before = film.files();
    let said = film.run(&["stage", "check"]).well();
    for words in [
        "shore 010",
        "12 frames",
        "mother",
        "ground",
        "triangles",
        "24.0 to 50.0 mm",
        "zoom",
    ] {
        assert!(
            said.out.contains(words),
            "nothing about {words:?} in:\n{}",
            said.out
        );
    }
    film.run(&["stage", "check", "shore/010"]).ended(0, &["mother"]);
    assert_eq!(before, film.files(), "a check writes nothing");

    film.run(&["stage", "check", "shore/020"])
        .ended(1, &["not blocked", "shore/010"]);
    film.run(&["stage", "check", "shore/999"])
        .ended(1, &["no shot `shore/999`", "shore/030"]);
    film.run(&["stage", "check", "nowhere.glb"])
        .ended(1, &["nowhere.glb", "see that the file is there"]);
    std::fs::write(film.path("broken.glb"), b"glTF\x02\0\0\0\xff\xff\xff\0").unwrap();
    film.run(&["stage", "check", "broken.glb"])
        .ended(1, &["broken.glb", "export it again"]);
}

#[test]
fn passes_come_out_whole_and_go_on_where_they_stopped() {
    let film = film();
    let render = |more: &[&str]| {
        let mut words = vec!["stage", "render", "shore/010", "--size", "64x36"];
        words.extend(more);
        film.run(&words)
    };
    let said = render(&["--range", "0..3"]).well();
    assert!(said.out.contains("3 frames written, 0 there"), "{}", said.out);
    let folder = film.path("out/stage/shore-010");
    let read = exr::read_layers(&folder.join("000002.exr")).unwrap();
    assert_eq!((read.width, read.height), (64, 36));
    let depth = floats(&read, "depth.Z");
    // The figure stands in the middle, five metres off; above its head is nothing.
    let middle = depth[18 * 64 + 32];
    assert!((4.0..6.0).contains(&middle), "{middle} m");
    assert!(depth[32].is_infinite());
    let Some(Samples::Whole(ids)) = read.channels.get("id.I") else {
        panic!("no ids")
    };
    let Some(LayerAttribute::Text(names)) = read.attributes.get("heirloom/objects") else {
        panic!("no names")
    };
    let names: std::collections::BTreeMap<u32, String> = serde_json::from_str(names).unwrap();
    assert_eq!(names[&ids[18 * 64 + 32]], "mother");
    assert_eq!(names[&ids[35 * 64 + 2]], "ground");
    for name in [
        "R",
        "normal.X",
        "cameraNormal.Z",
        "position.Y",
        "forward.u",
        "backward.v",
        "forward.occlusion",
    ] {
        assert!(read.channels.contains_key(name), "no {name}");
    }
    // The lens grows longer: what is left of the middle goes further left.
    assert!(floats(&read, "forward.u")[30 * 64 + 4] < -0.05);
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("stage.json")).unwrap()).unwrap();
    assert_eq!(manifest["focal_mm"][0], 24.0);
    assert_eq!(manifest["frames"], 12);
    assert!(heirloom_picture::photo::read(&folder.join("000002.png")).is_ok());

    // On from there: what is there stays, byte for byte and untouched.
    let kept = std::fs::metadata(folder.join("000001.exr"))
        .unwrap()
        .modified()
        .unwrap();
    let first = film.hash("out/stage/shore-010/000001.exr");
    std::fs::remove_file(folder.join("000002.exr")).unwrap();
    let said = render(&[]).well();
    assert!(
        said.out.contains("10 frames written, 2 there already"),
        "{}",
        said.out
    );
    assert_eq!(
        std::fs::metadata(folder.join("000001.exr"))
            .unwrap()
            .modified()
            .unwrap(),
        kept
    );
    let alone = film.path("alone");
    render(&[
        "--range",
        "1..2",
        "--to",
        alone.to_str().unwrap(),
        "--threads",
        "1",
    ])
    .well();
    assert_eq!(
        first,
        film.hash("alone/000001.exr"),
        "the same bytes by another way"
    );

    // Of something else: nothing of the old stays.
    edit(&film, |toml| toml.replace("lens_mm = 24", "lens_mm = 28"));
    let said = render(&["--range", "0..2", "--passes", "depth,objects", "--format", "exr"]).well();
    assert!(said.out.contains("2 frames written, 0 there"), "{}", said.out);
    assert!(!folder.join("000005.exr").exists() && !folder.join("000000.png").exists());
    let read = exr::read_layers(&folder.join("000000.exr")).unwrap();
    assert_eq!(
        read.channels.keys().map(String::as_str).collect::<Vec<_>>(),
        ["depth.Z", "id.I"]
    );
}

#[test]
fn a_scene_file_goes_through_without_a_film() {
    let film = film();
    film.run(&["stage", "glb", "shore/010"]).well();
    let elsewhere = Film::empty();
    std::fs::copy(film.path("out/stage/shore-010.glb"), elsewhere.path("scene.glb")).unwrap();
    let said = elsewhere.run(&["stage", "check", "scene.glb"]).well();
    assert!(
        said.out.contains("mother") && said.out.contains("camera"),
        "{}",
        said.out
    );
    elsewhere
        .run(&[
            "stage",
            "render",
            "scene.glb",
            "--size",
            "64x36",
            "--range",
            "0..2",
            "--to",
            "passes",
        ])
        .well();
    let read = exr::read_layers(&elsewhere.path("passes/000001.exr")).unwrap();
    let depth = floats(&read, "depth.Z");
    assert!(
        (4.0..6.0).contains(&depth[18 * 64 + 32]),
        "{}",
        depth[18 * 64 + 32]
    );

    let render = |more: &[&str]| {
        let mut words = vec!["stage", "render", "scene.glb", "--size", "64x36"];
        words.extend(more);
        elsewhere.run(&words)
    };
    render(&["--camera", "nobody"]).ended(1, &["no camera called `nobody`", "it has"]);
    render(&["--passes", "smell"]).ended(1, &["no pass `smell`", "depth"]);
    render(&["--range", "0..5000"]).ended(1, &["ask for a range within"]);
    elsewhere
        .run(&["stage", "render", "scene.glb", "--size", "9x9"])
        .ended(2, &["9x9"]);
    std::fs::create_dir(elsewhere.path("theirs")).unwrap();
    std::fs::write(elsewhere.path("theirs/000000.png"), b"mine").unwrap();
    render(&["--to", "theirs"]).ended(1, &["not of a Heirloom export"]);
    assert_eq!(
        std::fs::read(elsewhere.path("theirs/000000.png")).unwrap(),
        b"mine"
    );
    elsewhere.run(&["stage", "animatic"]).ended(1, &["film.toml"]);
}

#[test]
fn the_animatic_has_the_films_timing_and_the_best_of_every_shot() {
    let film = film();
    let animatic = |more: &[&str]| {
        let mut words = vec!["stage", "animatic", "--plain"];
        words.extend(more);
        film.run(&words)
    };
    let said = animatic(&[]).well();
    for words in ["1 stage", "1 storyboard", "2 slates"] {
        assert!(
            said.out.contains(words),
            "nothing about {words:?} in:\n{}",
            said.out
        );
    }
    // 7 frames of boards in a shot of 10.
    assert!(
        said.err.contains("shore 020") && said.err.contains("held for 3 more"),
        "{}",
        said.err
    );
    let (frames, seconds, sound) = probe(&film.path("out/animatic.mp4"));
    assert_eq!((frames, sound), (FRAMES, false));
    assert!((seconds - FRAMES as f64 / 24.0).abs() < 0.002, "{seconds} s");
    let kept: Vec<_> = std::fs::read_dir(film.path("work/stage/000-shore-010/96x64"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "png"))
        .map(|entry| (entry.path(), entry.metadata().unwrap().modified().unwrap()))
        .collect();
    assert_eq!(kept.len(), 12);
    let first = film.hash("out/animatic.mp4");
    animatic(&[]).well();
    assert_eq!(film.hash("out/animatic.mp4"), first, "the same bytes again");
    for (path, when) in &kept {
        assert_eq!(
            std::fs::metadata(path).unwrap().modified().unwrap(),
            *when,
            "a kept frame was rendered again"
        );
    }
    animatic(&["--no-burn-in", "--to", "bare.mp4"]).well();
    assert_ne!(film.hash("bare.mp4"), first);
    assert_eq!(film.acts("exported"), 0, "an animatic is no master");

    // Once a shot is made, its take is shown, unless something else is preferred.
    edit(&film, |toml| {
        toml.replace(
            "kind = \"guided\"",
            "kind = \"living\"\nsources = [\"archive:sea\"]",
        )
    });
    film.run(&["make", "--no-cut", "--plain"]).well();
    animatic(&[]).ended(0, &["4 takes"]);
    animatic(&["--prefer", "stage"]).ended(0, &["3 takes, 1 stage"]);
    animatic(&["--prefer", "board"]).ended(0, &["2 takes, 1 stage, 1 storyboard"]);
}

#[test]
fn scratch_sound_lies_under_it_and_wrong_drawings_are_named() {
    let film = film();
    edit(&film, |toml| {
        toml.replace("title = ", "scratch_sound = \"hum.wav\"\ntitle = ")
    });
    let animatic = || film.run(&["stage", "animatic", "--plain", "--size", "64x36"]);
    animatic().ended(1, &["hum.wav", "scratch_sound"]);
    assert!(!film.path("out/animatic.mp4").exists());
    let made = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=220:duration=1",
        ])
        .arg(film.path("hum.wav"))
        .status();
    assert!(made.unwrap().success());
    animatic().well();
    let (frames, seconds, sound) = probe(&film.path("out/animatic.mp4"));
    assert_eq!((frames, sound), (FRAMES, true));
    assert!((seconds - FRAMES as f64 / 24.0).abs() < 0.03, "{seconds} s");

    let before = film.hash("out/animatic.mp4");
    std::fs::write(film.path("boards/b.png"), b"no drawing").unwrap();
    animatic().ended(1, &["shore 020", "boards/b.png"]);
    std::fs::remove_file(film.path("boards/b.png")).unwrap();
    animatic().ended(1, &["shore 020", "boards/b.png", "film's folder"]);
    assert_eq!(film.hash("out/animatic.mp4"), before, "what was there stays");
}

#[cfg(unix)]
#[test]
fn stopped_it_goes_on_with_the_frames_that_are_there() {
    let film = film();
    edit(&film, |toml| {
        toml.replace("frames = 12", "frames = 400")
            .replace("frames = [0, 11]", "frames = [0, 399]")
    });
    let words = ["stage", "render", "shore/010", "--size", "320x180", "--plain"];
    let mut child = film
        .command(&words)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let folder = film.path("out/stage/shore-010");
    let there = || {
        let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        files
            .filter(|f| f.path().extension().is_some_and(|e| e == "exr"))
            .count()
    };
    let begun = std::time::Instant::now();
    while there() < 3 {
        assert!(begun.elapsed().as_secs() < 120, "no frame after two minutes");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let id = child.id();
    Command::new("sh")
        .args(["-c", &format!("kill -INT {id}")])
        .status()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let kept = there();
    assert!(kept < 400, "it was over before it was told to stop");
    let left: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .flatten()
        .filter(|f| f.file_name().to_string_lossy().contains(".part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let range = format!("0..{}", kept + 2);
    let mut on = words.to_vec();
    on.extend(["--range", &range]);
    let said = film.run(&on).well();
    assert!(
        said.out.contains("2 frames written") || said.out.contains("3 frames written"),
        "{}",
        said.out
    );
}

#[test]
fn a_take_is_held_against_its_stage() {
    let film = film();
    // The stage's own pictures are a take that keeps to it.
    film.run(&[
        "stage",
        "render",
        "shore/010",
        "--size",
        "160x90",
        "--format",
        "exr",
        "--to",
        "take",
    ])
    .well();
    let said = film
        .run(&[
            "stage",
            "adhere",
            "shore/010",
            "--take",
            "take",
            "--to",
            "sheet.png",
        ])
        .well();
    for words in ["camera", "timing", "blocking", "light", "sheet.png"] {
        assert!(
            said.out.contains(words),
            "nothing about {words:?} in:\n{}",
            said.out
        );
    }
    assert!(heirloom_picture::photo::read(&film.path("sheet.png")).is_ok());
    let json = film
        .run(&[
            "stage",
            "adhere",
            "shore/010",
            "--take",
            "take",
            "--to",
            "sheet.png",
            "--json",
        ])
        .well();
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(report["frames"]["judged"], 12);

    std::fs::create_dir(film.path("empty")).unwrap();
    film.run(&["stage", "adhere", "shore/010", "--take", "empty"])
        .ended(1, &["empty", "holds no frames"]);
    film.run(&["stage", "adhere", "shore/010", "--take", "nowhere.mp4"])
        .ended(1, &["nowhere.mp4"]);
    film.run(&["stage", "adhere", "shore/020", "--take", "take"])
        .ended(1, &["not blocked"]);
}
