//! `heirloom style check`, `train` and `keep`: from photographs to a LoRA in a film, as a user would. The model is a tiny one with
//! random weights, so that what it learns is nothing to look at; how it is learnt, kept and traced is as with a large one.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use heirloom_engine_diffusion::lora::{Expert, Lora};
use heirloom_engine_diffusion::model::Model;
use heirloom_engine_diffusion::weights::Weights;
use serde_json::Value;
use support::{Film, Ran, photograph};

const SCENE: &str = r#"
[[scene]]
name = "sea"
[[scene.shot]]
id = "sh-22222222"
name = "010"
frames = 5
kind = "still"
engine = "tiny"
prompt = "hlfather, a slow tide"
seed = 5
settings = { steps = 2, guidance = 1 }
"#;

/// Small and quick; what is left out is as a user has it.
const SMALL: [&str; 14] = [
    "--model",
    "tiny",
    "--size",
    "64x48",
    "--rank",
    "4",
    "--still-size",
    "32x32",
    "--still-steps",
    "2",
    "--stills",
    "1",
    "--rate",
    "0.01",
];

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}

/// A film with a tiny model on the list, and an archive of eight photographs in `father`: six may be trained on, one may not,
/// and one shows somebody who was never asked.
struct Room {
    root: Film,
}

impl Room {
    fn new() -> Self {
        let room = Self { root: Film::empty() };
        let folder = room.root.path("film");
        room.root.run(&["new", folder.to_str().unwrap()]).well();
        let toml = format!(
            "[film]\ntitle = \"Test\"\nrate = \"16\"\nsize = [64, 32]\ntitle_frames = 0\ncredits_frames = 0\n{SCENE}"
        );
        std::fs::write(folder.join("film.toml"), toml).unwrap();
        let model = room.root.path("tiny-model");
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine-diffusion/tests/goldens/t2v"),
            &model,
        );
        let add = [
            "models",
            "add",
            model.to_str().unwrap(),
            "--name",
            "tiny",
            "--licence",
            "CC0-1.0",
        ];
        room.run(&add).well();
        let father = room.path("father");
        std::fs::create_dir(&father).unwrap();
        for n in 0..8 {
            // Wide, upright and square.
            let (width, height) = [(96, 64), (64, 96), (80, 80)][n % 3];
            photograph(
                &father.join(format!("beach-{n}.png")),
                n as u32 + 1,
                width,
                height,
            );
            std::fs::write(
                father.join(format!("beach-{n}.txt")),
                format!("waves on the beach, number {n}"),
            )
            .unwrap();
        }
        room.run(&[
            "archive", "add", "father", "--owner", "A. Owner", "--rights", "own work",
        ])
        .well();
        for n in 0..7 {
            room.scope(&format!("beach-{n}"));
        }
        room.run(&["rights", "change", "beach-6", "--shows", "Jane"])
            .well();
        room.run(&["style", "make", "father", "--from", "father/"]).well();
        room
    }

    fn scope(&self, source: &str) {
        self.run(&[
            "rights",
            "change",
            source,
            "--scope",
            "look,generate,publish,train",
        ])
        .well();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path("film").join(name)
    }

    fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = self.root.command(words);
        command
            .current_dir(self.root.path("film"))
            .env("HEIRLOOM_MODELS", self.root.path("models.json"));
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        self.command(words).output().unwrap().into()
    }

    fn train(&self, more: &[&str]) -> Ran {
        self.run(&train(more))
    }

    /// The only run there is.
    fn the_run(&self) -> PathBuf {
        let all: Vec<PathBuf> = std::fs::read_dir(self.path("work/training"))
            .unwrap()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        let [one] = all.as_slice() else {
            panic!("{all:?}");
        };
        one.clone()
    }

    fn record(&self) -> Value {
        json(&std::fs::read_to_string(self.the_run().join("run.json")).unwrap())
    }

    fn acts(&self, verb: &str) -> Vec<Value> {
        let text = self.run(&["log", "--verb", verb, "--json"]).well().out;
        text.lines().map(json).collect()
    }
}

fn train<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["style", "train", "father"];
    words.extend(SMALL);
    words.extend(more);
    words
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

const SHORT: [&str; 6] = ["--steps", "6", "--checkpoint-every", "2", "--warm-up", "1"];

#[test]
fn a_style_is_trained_kept_used_and_traced_to_its_photographs() {
    let room = Room::new();
    let told = room.train(&SHORT).well();
    for words in [
        "left out: archive:father/beach-7: outside scope: \"train\"",
        "trigger \"hlfather\"",
        "step 6 of 6: loss",
        "GiB of memory",
    ] {
        assert!(told.err.contains(words), "nothing of {words:?} in:\n{}", told.err);
    }
    assert!(told.out.contains("Keep step"), "{}", told.out);
    // Jane was never asked: the style itself could not be made of it, and it is not learnt from.
    let record = room.record();
    let names = |key: &str| -> Vec<String> {
        let all = record[key].as_array().unwrap();
        all.iter()
            .map(|s| s["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let (learnt, held) = (names("sources"), names("held_out"));
    assert!(
        !held.is_empty() && learnt.len() + held.len() == 6,
        "{learnt:?} {held:?}"
    );
    assert!(
        learnt
            .iter()
            .chain(&held)
            .all(|n| n != "father/beach-6" && n != "father/beach-7"),
        "{learnt:?}"
    );
    assert_eq!(
        record["sources"][0]["caption"]
            .as_str()
            .map(|c| c.starts_with("hlfather, waves on the beach")),
        Some(true)
    );
    // Each checkpoint was looked at: held-out loss, drift, the nearest source.
    let looks = record["looks"].as_array().unwrap();
    assert_eq!(
        looks
            .iter()
            .map(|l| l["step"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [2, 4, 6]
    );
    for look in looks {
        assert_eq!(look["held_out"].as_array().unwrap().len(), held.len());
        assert!(
            look["drift"].as_f64().unwrap() > 0.0 && look["nearest"]["source"].is_string(),
            "{look}"
        );
    }
    assert_ne!(looks[0]["held_out"], looks[2]["held_out"], "nothing was learnt");
    // It can be seen.
    let run = room.the_run();
    let svg = std::fs::read_to_string(run.join("curves.svg")).unwrap();
    assert!(
        svg.contains("class=\"held\"") && svg.matches("<circle").count() == 6,
        "{svg}"
    );
    let sheet = heirloom_picture::photo::read(&run.join("stills.png"))
        .unwrap()
        .image;
    assert!(sheet.height() > 3 * 32, "{}", sheet.height());
    let losses = std::fs::read_to_string(run.join("losses.csv")).unwrap();
    assert_eq!(losses.lines().count(), 7);
    // Said once, whatever is asked again.
    let again = room.train(&SHORT).well();
    assert!(again.err.contains("going on from step 6"), "{}", again.err);
    let trained = room.acts("trained");
    assert_eq!(trained.len(), 1);
    assert!(
        trained[0]["why"].as_str().unwrap().starts_with("keep step"),
        "{}",
        trained[0]
    );

    // Kept: the ledger says which and why, and both files can be read by other programs.
    room.run(&["style", "keep", "father", "5"])
        .ended(1, &["no checkpoint of step 5: there are 2, 4, 6"]);
    let kept = room
        .run(&["style", "keep", "father", "4", "--why", "calmer"])
        .well()
        .out;
    assert!(
        kept.contains("father@2: kept step 4 (calmer), as father-2 for tiny"),
        "{kept}"
    );
    let act = room
        .acts("styled")
        .into_iter()
        .find(|act| act["facts"]["lora"].is_object())
        .unwrap();
    assert_eq!(
        (&act["why"], &act["facts"]["lora"]["step"]),
        (&"calmer".into(), &4.into())
    );
    assert!(
        room.run(&["style", "show", "father"])
            .well()
            .out
            .contains("lora ")
    );
    let model = Model::open(&room.root.path("tiny-model")).unwrap();
    let expected = model.config.transformer.expected();
    for name in ["father-2.safetensors", "father-2-comfyui.safetensors"] {
        let path = room.path("out/loras").join(name);
        Lora::open(&path, &expected, Expert::Only).unwrap();
        let file = Weights::open(&path).unwrap();
        let notes = file.metadata();
        assert_eq!(notes["modelspec.trigger_phrase"], "hlfather");
        assert_eq!(notes["modelspec.license"], "own work (A. Owner)");
        let about = json(&notes["heirloom_about"]);
        assert_eq!(about["dataset"], record["dataset"]);
        assert_eq!(about["sources"].as_array().unwrap().len(), learnt.len());
    }
    let list = json(&room.run(&["models", "list", "--json"]).well().out);
    assert_eq!(list["loras"][0]["name"], "father-2");

    // In a shot, it makes another take, which leads back to every photograph that was learnt from.
    room.run(&["make"]).well();
    let toml = std::fs::read_to_string(room.path("film.toml")).unwrap();
    let with = toml.replace("guidance = 1 }", "guidance = 1, loras = { \"father-2\" = 1.0 } }");
    assert_ne!(with, toml);
    std::fs::write(room.path("film.toml"), with).unwrap();
    room.run(&["make"]).well();
    let takes = json(&room.run(&["takes", "sea/010", "--json"]).well().out);
    assert_eq!(takes.as_array().unwrap().len(), 2, "{takes}");
    let trace = room.run(&["trace", "out/film.mp4", "--frame", "0"]).well().out;
    assert!(
        trace.contains("LoRA      father-2 of father@2, step 4 on tiny"),
        "{trace}"
    );
    for name in &learnt {
        assert!(
            trace.contains(&format!("trained on archive:{name} ")),
            "{name} in {trace}"
        );
    }
    assert!(!trace.contains("beach-7"), "{trace}");

    // Leave that is taken back reaches the LoRA and what was made with it; nothing more is.
    let touched = room
        .run(&["rights", "revoke", &learnt[0], "--why", "private", "--dry-run"])
        .well()
        .out;
    assert!(
        touched.contains("1 request") && touched.contains("1 take"),
        "{touched}"
    );
    room.run(&["rights", "revoke", &learnt[0], "--why", "private"])
        .well();
    room.run(&["make"])
        .ended(3, &[&learnt[0], "private", "the LoRA father-2 was trained on it"]);
    room.run(&["style", "keep", "father", "2"])
        .ended(1, &["it may not be kept", &learnt[0], "private"]);
}

/// Killed without warning again and again, a run ends with the LoRA of one that was not, to the byte.
#[test]
fn a_run_that_is_killed_and_begun_again_gives_the_same_lora() {
    let more = [
        "--steps",
        "30",
        "--checkpoint-every",
        "3",
        "--average",
        "0.9",
        "--threads",
        "1",
        "--stills",
        "0",
    ];
    let files = |room: &Room| -> Vec<(String, Vec<u8>)> {
        let folder = room.the_run().join("checkpoints");
        let mut all: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
            .unwrap()
            .flatten()
            .map(|e| {
                (
                    e.file_name().to_string_lossy().into_owned(),
                    std::fs::read(e.path()).unwrap(),
                )
            })
            .collect();
        all.sort();
        all
    };
    let (straight, broken) = (Room::new(), Room::new());
    let words = without_stills(&train(&more));
    straight.run(&words).well();
    let wanted = files(&straight);
    assert_eq!(wanted.len(), 10);
    let (mut kills, mut wait) = (0, 250);
    loop {
        let mut child = broken
            .command(&words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut left = wait;
        let ended = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if left == 0 {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            left -= 1;
            std::thread::sleep(Duration::from_millis(1));
        };
        if let Some(status) = ended {
            assert!(status.success());
            break;
        }
        kills += 1;
        wait += 150;
    }
    assert!(kills > 0, "it was never killed");
    let (wanted_names, found) = (wanted.iter().map(|(n, _)| n).collect::<Vec<_>>(), files(&broken));
    assert_eq!(found.iter().map(|(n, _)| n).collect::<Vec<_>>(), wanted_names);
    for ((name, one), (_, other)) in wanted.iter().zip(&found) {
        assert!(one == other, "{name} differs after {kills} kills");
    }
    // And it knows every step's loss once.
    let steps = |room: &Room| {
        let text = std::fs::read_to_string(room.the_run().join("losses.csv")).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(steps(&straight), steps(&broken));
}

/// The words with `--stills 0` alone of the two.
fn without_stills<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let first = words.iter().position(|w| *w == "--stills").unwrap();
    let mut words = words.to_vec();
    words.drain(first..first + 2);
    words
}

#[test]
fn a_persons_look_is_learnt_with_their_consent_alone() {
    let room = Room::new();
    let jane = ["--subject", "Jane", "--steps", "2"];
    room.train(&jane).ended(
        1,
        &[
            "Jane's likeness may not be learnt",
            "no consent",
            "heirloom rights grant --person \"Jane\"",
        ],
    );
    assert!(!room.path("work/training").exists());
    // To be generated from is not to be trained on.
    room.run(&[
        "rights",
        "grant",
        "--person",
        "Jane",
        "--terms",
        "in writing, 2024-05-01",
    ])
    .well();
    room.train(&jane)
        .ended(1, &["Jane's likeness may not be learnt", "not to \"train\""]);
    let scope = "look,generate,publish,train";
    room.run(&["rights", "change", "--person", "Jane", "--scope", scope])
        .well();
    // The style was made when the picture could not be used; made again it has it.
    room.run(&["style", "make", "father", "--from", "father/"]).well();
    let told = room.train(&jane).well();
    assert!(
        told.err.contains("beach-0: nobody says that it shows Jane"),
        "{}",
        told.err
    );
    let record = room.record();
    assert_eq!(record["sources"].as_array().unwrap().len(), 1, "{record}");
    assert_eq!(
        (&record["subject"], &record["trigger"]),
        (&"Jane".into(), &"hljane".into())
    );
    let kept = room
        .run(&["style", "keep", "father", "--subject", "Jane"])
        .well()
        .out;
    assert!(
        kept.contains("Jane: kept step ") && kept.contains("as jane-1"),
        "{kept}"
    );
    // The style is as it was.
    assert!(!room.run(&["style", "show", "father"]).well().out.contains("lora"));
    // Taken back, it is refused again.
    room.run(&["rights", "revoke", "--person", "Jane", "--why", "no more"])
        .well();
    room.train(&jane)
        .ended(1, &["Jane's likeness may not be learnt", "no more"]);
    room.run(&["style", "keep", "father", "--subject", "Jane"])
        .ended(1, &["it may not be kept", "no more"]);
    // A thing needs nobody's consent but its owner's.
    room.train(&["--subject", "the red boat", "--thing", "--steps", "1"])
        .well();
}

#[test]
fn what_cannot_be_trained_is_said_with_its_mend() {
    let room = Room::new();
    let with = |more: &[&str], words: &[&str]| room.train(more).ended(1, words);
    room.run(&["style", "train", "nobody", "--model", "tiny"])
        .ended(1, &["there is no style nobody"]);
    room.run(&["style", "train", "father", "--model", "huge"])
        .ended(1, &["none called \"huge\"", "tiny"]);
    with(&["--frames", "16"], &["4n+1"]);
    with(&["--expert", "low"], &["no experts", "leave `--expert` out"]);
    with(&["--targets", "to_x"], &["no layer of this model", "to_q"]);
    with(&["--steps", "0"], &["steps", "1 or more"]);
    with(&["--trigger", " "], &["the trigger is empty"]);
    room.run(&["style", "keep", "father"])
        .ended(1, &["no run of father", "heirloom style train"]);
    for n in 0..7 {
        room.run(&[
            "rights",
            "change",
            &format!("beach-{n}"),
            "--scope",
            "look,generate,publish",
        ])
        .well();
    }
    with(&[], &["no source of father@1 may be trained on", "--scope"]);
    assert_eq!(room.acts("trained").len(), 0);
}

#[test]
fn a_set_is_looked_through_before_it_is_trained_on() {
    let room = Room::new();
    let checked = |more: &[&str]| {
        let mut words = vec!["style", "check", "father", "--json"];
        words.extend(more);
        json(&room.run(&words).well().out)
    };
    let kinds = |of: &Value| -> Vec<String> {
        let all = of["findings"].as_array().unwrap();
        all.iter()
            .map(|f| f["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    let found = checked(&[]);
    assert_eq!(found["usable"], 6, "{found}");
    for kind in ["few", "rights", "small", "faces"] {
        assert!(kinds(&found).iter().any(|k| k == kind), "{kind} in {found}");
    }
    assert!(!kinds(&found).iter().any(|k| k == "captions"), "{found}");
    // At their own size they are not small.
    assert!(!kinds(&checked(&["--size", "64x64"])).iter().any(|k| k == "small"));
    assert!(
        kinds(&checked(&["--trigger", "beach"]))
            .iter()
            .any(|k| k == "captions")
    );
    room.run(&["style", "check", "father"]).ended(
        0,
        &[
            "6 sources may be trained on",
            "serious   few",
            "father/beach-7: outside scope",
        ],
    );
    room.run(&["style", "check", "father", "--subject", "Jane"])
        .ended(1, &["Jane's likeness may not be learnt"]);
}
