//! Clips and takes made over, gone on with and filled by models, in a film: by its shots and by `heirloom restyle`. The models are
//! tiny ones with random weights.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Film, Ran};

struct Room {
    film: Film,
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

const STYLED: &str = r#"
[[scene.shot]]
id = "sh-22222222"
name = "010"
frames = 6
kind = "style"
clip = "archive:pan"
start = 4
strength = 0.5
engine = "vace"
prompt = "a slow tide"
settings = { steps = 2 }
"#;

const LIVING: &str = r#"
[[scene.shot]]
id = "sh-33333333"
name = "020"
frames = 6
kind = "living"
sources = ["archive:sea"]
prompt = "the sea at night"
seed = 7
"#;

impl Room {
    /// A film at 24 frames a second with three photographs, a clip of twelve frames that pans, and two models.
    fn new(shots: &str) -> Self {
        let room = Self { film: Film::empty() };
        room.film.photographs();
        room.toml(shots);
        std::fs::create_dir(room.film.path("clips")).unwrap();
        support::photograph(&room.film.path("wide.png"), 5, 200, 120);
        let ran = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(room.film.path("wide.png"))
            .args([
                "-vf",
                "zoompan=z=1:x='2*on':y='on':d=12:s=64x32:fps=24",
                "-frames:v",
                "12",
            ])
            .args(["-pix_fmt", "yuv420p", "-c:v", "libx264", "-crf", "8"])
            .arg(room.film.path("clips/pan.mp4"))
            .status();
        assert!(ran.unwrap().success());
        for folder in ["pictures", "clips"] {
            room.run(&[
                "archive", "add", folder, "--owner", "A. Owner", "--rights", "own work",
            ])
            .well();
        }
        for kind in ["vace", "t2v"] {
            let folder = room.film.path(&format!("models/{kind}"));
            support::tiny_model(kind, &folder);
            let folder = folder.to_str().unwrap().to_owned();
            room.run(&["models", "add", &folder, "--name", kind, "--licence", "CC0-1.0"])
                .well();
        }
        room
    }

    fn toml(&self, shots: &str) {
        let head = "[film]\ntitle = \"Test\"\nsize = [64, 32]\ntitle_frames = 0\ncredits_frames = 0\n\n[[scene]]\nname = \"one\"\n";
        std::fs::write(self.film.path("film.toml"), format!("{head}{shots}")).unwrap();
    }

    fn run(&self, words: &[&str]) -> Ran {
        let mut command = self.film.command(words);
        command.env("HEIRLOOM_MODELS", self.film.path("models.json"));
        command.output().unwrap().into()
    }

    fn change(&self, from: &str, to: &str) {
        let toml = std::fs::read_to_string(self.film.path("film.toml")).unwrap();
        assert!(toml.contains(from), "{from}");
        std::fs::write(self.film.path("film.toml"), toml.replacen(from, to, 1)).unwrap();
    }

    fn takes(&self, shot: &str) -> Vec<serde_json::Value> {
        let told = json(&self.run(&["takes", shot, "--json"]).well().out);
        told.as_array().unwrap().clone()
    }

    fn frames(&self, shot: &str, to: &str) -> Vec<PathBuf> {
        self.run(&["frames", shot, "--format", "png", "--to", to]).well();
        pngs(&self.film.path(to))
    }
}

fn pngs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "png"))
        .collect();
    files.sort();
    files
}

#[test]
fn a_clip_is_made_over_in_words_alone_or_with_references() {
    let room = Room::new(STYLED);
    room.run(&["make", "--plain"]).well();
    let takes = room.takes("one/010");
    // Six frames at 24 are five at 16.
    assert_eq!(
        (&takes[0]["frames"], &takes[0]["engine"]),
        (&5.into(), &"vace".into())
    );
    assert_eq!(room.frames("one/010", "out/a").len(), 6);
    let traced = room.run(&["trace", "out/film.mov", "--frame", "3"]).well().out;
    assert!(traced.contains("pan"), "{traced}");
    // References are photographs, and another strength is another take.
    room.change(
        "engine = \"vace\"",
        "engine = \"vace\"\nsources = [\"archive:sea\"]",
    );
    room.run(&["make", "--plain", "--no-cut"]).well();
    room.change("strength = 0.5", "strength = 1.0");
    room.run(&["make", "--plain", "--no-cut"]).well();
    assert_eq!(room.takes("one/010").len(), 3);

    // A model of words takes the clip alone, the weightless engine photographs too.
    room.change("engine = \"vace\"", "engine = \"t2v\"");
    room.run(&["check"])
        .ended(1, &["makes Style shots from one source", "names 2"]);
    room.change("sources = [\"archive:sea\"]", "");
    room.run(&["check"]).well();
    room.change("engine = \"t2v\"", "engine = \"weightless\"\n");
    room.change("settings = { steps = 2 }", "");
    room.run(&["check"])
        .ended(1, &["makes Style shots from 2 to 60 sources", "names 1"]);
}

#[test]
fn a_clip_of_the_wrong_kind_or_length_and_settings_that_are_not_there_are_told_at_once() {
    let room = Room::new(STYLED);
    room.change("start = 4", "start = 7");
    room.run(&["check"]).ended(1, &["has 12 frames", "start earlier"]);
    room.change("start = 7", "start = 0");
    room.change("archive:pan", "archive:sea");
    room.run(&["check"]).ended(1, &["is a photograph", "name a clip"]);
    room.change("archive:sea", "archive:pan");
    room.change("steps = 2", "steps = 2, control = \"pose\"");
    room.run(&["check"])
        .ended(1, &["must be one of: depth, edges, grey, flow, layout, shapes"]);
    // Depth is a stage's; with one it is followed.
    room.change("\"pose\"", "\"depth\"");
    room.run(&["make"])
        .ended(1, &["only a stage knows", "[scene.shot.blocking]"]);
    let blocking = "[scene.shot.blocking]\ncamera = { at = [0, 1.5, 5], look_at = [0, 1, 0] }\n\
        [[scene.shot.blocking.thing]]\nname = \"ball\"\nshape = \"sphere\"\nat = [0, 1, 0]\n";
    room.change(
        "settings = { steps = 2, control = \"depth\" }\n",
        &format!("settings = {{ steps = 2, control = \"depth\" }}\n{blocking}"),
    );
    room.run(&["make", "--plain", "--no-cut"]).well();
    let mut before = "\"depth\"".to_owned();
    for control in ["flow", "layout", "shapes"] {
        let now = format!("\"{control}\"");
        room.change(&before, &now);
        before = now;
        room.run(&["make", "--plain", "--no-cut"]).well();
    }
    let takes = room.takes("one/010");
    assert_eq!(takes.len(), 4, "{takes:?}");
}

#[test]
fn a_clip_is_gone_on_with_and_a_photograph_filled() {
    let shots = r#"
[[scene.shot]]
id = "sh-44444444"
name = "010"
frames = 12
kind = "plate"
sources = ["archive:pan"]
[[scene.shot]]
id = "sh-55555555"
name = "020"
frames = 9
kind = "extend"
clip = "archive:pan"
tail = 8
engine = "vace"
prompt = "it goes on"
settings = { steps = 2 }
[[scene.shot]]
id = "sh-66666666"
name = "030"
frames = 4
kind = "fill"
plate = "archive:sea"
frame = { left = 0.5 }
engine = "vace"
prompt = "more of the sea"
settings = { steps = 2 }
"#;
    let room = Room::new(shots);
    room.run(&["make", "--plain"]).well();
    // Nine frames at 24 are seven at 16, which is two latents of four.
    assert_eq!(room.takes("one/020")[0]["frames"], 8);
    assert_eq!(room.frames("one/020", "out/on").len(), 9);
    let filled = room.frames("one/030", "out/filled");
    let bytes = |path: &PathBuf| std::fs::read(path).unwrap();
    assert!(filled.len() == 4 && filled.iter().all(|frame| bytes(frame) == bytes(&filled[0])));
    let film = room.run(&["trace", "out/film.mov", "--frame", "22"]).well().out;
    assert!(film.contains("sea"), "{film}");
    room.change("engine = \"vace\"", "engine = \"t2v\"");
    room.run(&["check"]).ended(1, &["does not make Extend shots"]);
}

#[test]
fn a_take_of_another_engine_is_made_over_chosen_and_traced_to_what_it_is_of() {
    let room = Room::new(LIVING);
    room.run(&["make", "--plain", "--no-cut"]).well();
    let of = room.takes("one/020")[0]["take"].as_str().unwrap().to_owned();

    room.run(&["restyle", "one/020"]).ended(2, &["--strength"]);
    room.run(&["restyle", "one/020", "--strength", "0"])
        .ended(2, &["above 0"]);
    room.run(&[
        "restyle",
        "one/020",
        "--strength",
        "0.5",
        "--engine",
        "weightless",
    ])
    .ended(1, &["does not make takes over", "t2v, vace"]);
    room.run(&["restyle", "one/020", "--strength", "0.5", "--engine", "veo"])
        .ended(1, &["no engine `veo`"]);
    room.run(&["restyle", "one/020", "--strength", "0.5", "--set", "stepps=2"])
        .ended(1, &["no setting `stepps`"]);
    room.run(&["restyle", "one/020", "--strength", "0.5", "--set", "steps"])
        .ended(2, &["steps=30"]);
    room.run(&[
        "restyle",
        "one/020",
        "--strength",
        "0.5",
        "--engine",
        "vace",
        "--from",
        "pan",
    ])
    .ended(1, &["is a clip", "photographs"]);
    room.run(&[
        "restyle",
        "one/020",
        "--strength",
        "0.5",
        "--engine",
        "t2v",
        "--from",
        "moon",
    ])
    .ended(1, &["from one source"]);
    assert_eq!(room.takes("one/020").len(), 1);

    let words = [
        "restyle",
        "one/020",
        "--engine",
        "vace",
        "--strength",
        "0.5",
        "--set",
        "steps=2",
        "--set",
        "control=edges",
        "--from",
        "moon",
        "--note",
        "as an etching",
        "--json",
        "--plain",
    ];
    let planned = room.run(&[&words[..], &["--dry-run"]].concat()).well();
    assert!(planned.out.contains("\"take\": null"), "{}", planned.out);
    let made = json(&room.run(&words).well().out);
    let take = made[0]["take"].as_str().unwrap().to_owned();
    assert_eq!(made[0]["of"], of.as_str());
    assert_eq!(made[0]["settings"]["references"], "1");
    // The same words make nothing twice.
    assert_eq!(json(&room.run(&words).well().out)[0]["take"], take.as_str());
    let takes = room.takes("one/020");
    assert_eq!(takes.len(), 2);
    assert_eq!(
        (&takes[1]["restyle_of"], &takes[1]["care_of"]),
        (&of.as_str().into(), &serde_json::Value::Null)
    );
    let listed = room.run(&["takes", "one/020"]).well().out;
    assert!(listed.contains(&format!("restyled of {}", &of[..12])), "{listed}");
    // The ledger has the take as its parent, with why.
    let asked = room.run(&["log", "--verb", "requested", "--json"]).well().out;
    let act = asked.lines().find(|act| act.contains("as an etching")).unwrap();
    assert!(act.contains("\"parent\"") && act.contains(&of), "{act}");
    // Made over again, by another model; and cared for.
    room.run(&[
        "restyle",
        &take,
        "--engine",
        "t2v",
        "--strength",
        "0.5",
        "--set",
        "steps=2",
        "--prompt",
        "ink",
    ])
    .well();
    room.run(&["care", &take, "--deflicker"]).well();
    let cared = room.takes("one/020").last().unwrap()["take"]
        .as_str()
        .unwrap()
        .to_owned();
    room.run(&[
        "restyle",
        &cared,
        "--engine",
        "t2v",
        "--strength",
        "0.5",
        "--set",
        "steps=2",
    ])
    .well();

    room.run(&["choose", &take, "--shot", "one/020"]).well();
    room.run(&["make", "--plain"]).well();
    let traced = room.run(&["trace", "out/film.mov", "--frame", "2"]).well().out;
    assert!(
        traced.contains("sea") && traced.contains("moon") && traced.contains(&of),
        "{traced}"
    );
    // What is revoked reaches what was made over.
    let touched = room.run(&["rights", "revoke", "sea", "--dry-run"]).well().out;
    assert!(touched.contains("5 takes"), "{touched}");
    room.run(&["rights", "revoke", "sea", "--why", "asked to"]).well();
    room.run(&["restyle", &of, "--strength", "0.3"])
        .ended(3, &["sea", "Nothing was made"]);
    room.run(&["vault", "verify"]).well();
}

#[test]
fn a_take_that_was_drawn_for_a_stage_keeps_to_it() {
    let shots = r#"
[[scene.shot]]
id = "sh-77777777"
name = "010"
frames = 6
kind = "guided"
prompt = "a ball by the sea"
sources = ["archive:sea"]
[scene.shot.blocking]
camera = { at = [0, 1.5, 5], look_at = [0, 1, 0] }
[[scene.shot.blocking.thing]]
name = "ball"
shape = "sphere"
at = [0, 1, 0]
"#;
    let room = Room::new(shots);
    room.run(&["make", "--plain", "--no-cut"]).well();
    let of = room.takes("one/010")[0]["take"].as_str().unwrap().to_owned();
    let words = [
        "restyle",
        &of,
        "--strength",
        "0.5",
        "--set",
        "steps=2",
        "--json",
        "--plain",
        "--engine",
    ];
    let made = |more: &[&str]| {
        let made = json(&room.run(&[&words[..], more].concat()).well().out);
        made[0]["take"].as_str().unwrap().to_owned()
    };
    let (held, free) = (made(&["vace"]), made(&["vace", "--without-guides"]));
    assert_ne!(held, free);
    assert_ne!(made(&["vace", "--set", "control=edges"]), held);
    made(&["t2v"]);
    // The request of the first names the guides of the take's own.
    let asked = room.run(&["log", "--verb", "requested", "--json"]).well().out;
    let guided = asked.lines().filter(|act| act.contains("\"guides\"")).count();
    assert_eq!(guided, 3, "{asked}");
    // The stage is another now.
    room.change("at = [0, 1, 0]\n", "at = [0.5, 1, 0]\n");
    room.run(&[&words[..], &["vace"]].concat())
        .ended(1, &["not what the take was drawn for", "--without-guides"]);
    made(&["vace", "--without-guides"]);
}
