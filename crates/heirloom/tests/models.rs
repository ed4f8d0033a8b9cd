//! Models of open weights on the command line: added, listed, checked, forgotten, and drawn with. The model is a tiny one with
//! random weights; what it makes is noise, but made as a large one makes pictures.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use std::path::{Path, PathBuf};

use support::{Film, Ran};

const SCENE: &str = r#"
[[scene]]
name = "sea"
[[scene.shot]]
id = "sh-22222222"
name = "010"
frames = 5
kind = "living"
engine = "tiny"
prompt = "a slow tide"
seed = 5
settings = { steps = 3, negative = "blurred, static" }
[[scene.shot]]
id = "sh-33333333"
name = "020"
frames = 5
kind = "still"
engine = "tiny"
prompt = "the moon"
settings = { steps = 2, guidance = 1 }
"#;

struct Room {
    /// Where the film's folder lies.
    root: Film,
    model: PathBuf,
}

impl Room {
    fn new() -> Self {
        let root = Film::empty();
        let folder = root.path("film");
        root.run(&["new", folder.to_str().unwrap()]).well();
        let toml = format!(
            "[film]\ntitle = \"Test\"\nrate = \"16\"\nsize = [64, 32]\ntitle_frames = 0\ncredits_frames = 0\n{SCENE}"
        );
        std::fs::write(folder.join("film.toml"), toml).unwrap();
        let model = root.path("tiny-model");
        support::tiny_model("t2v", &model);
        Self { root, model }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path("film").join(name)
    }

    fn run(&self, words: &[&str]) -> Ran {
        self.root
            .command(words)
            .current_dir(self.root.path("film"))
            .env("HEIRLOOM_MODELS", self.root.path("models.json"))
            .output()
            .unwrap()
            .into()
    }

    fn add(&self) -> Ran {
        let folder = self.model.to_str().unwrap();
        self.run(&["models", "add", folder, "--name", "tiny", "--licence", "CC0-1.0"])
    }

    fn change(&self, from: &str, to: &str) {
        let toml = std::fs::read_to_string(self.path("film.toml")).unwrap();
        assert!(toml.contains(from), "{from}");
        std::fs::write(self.path("film.toml"), toml.replacen(from, to, 1)).unwrap();
    }
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn a_model_is_added_listed_checked_and_forgotten() {
    let room = Room::new();
    assert!(room.run(&["models", "list"]).well().out.contains("models add"));
    room.run(&["models", "check", "tiny"])
        .ended(1, &["none called \"tiny\""]);
    room.run(&["models", "check", room.model.to_str().unwrap()])
        .ended(0, &["It is whole", "transformer: 2 files", "text encoder"]);
    let added = room.add().well();
    assert!(
        added.out.contains("engine = \"tiny\"") && added.out.contains("cc0-1.0"),
        "{}",
        added.out
    );
    room.add().ended(1, &["in the list already"]);
    room.run(&[
        "models",
        "add",
        room.model.to_str().unwrap(),
        "--name",
        "weightless",
    ])
    .ended(1, &["the program's own engine"]);
    let list = json(&room.run(&["models", "list", "--json"]).well().out);
    assert_eq!(list["models"][0]["name"], "tiny");
    assert!(
        list["models"][0]["files"].as_array().unwrap().len() >= 9,
        "{list}"
    );
    room.run(&["models", "check", "--deep"]).ended(0, &["tiny: well"]);

    // A byte of the weights is another: its length is well, its hash is not.
    let shard = room
        .model
        .join("transformer/diffusion_pytorch_model-00002-of-00002.safetensors");
    let bytes = std::fs::read(&shard).unwrap();
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    std::fs::write(&shard, &other).unwrap();
    room.run(&["models", "check", "tiny"]).ended(0, &["tiny: well"]);
    room.run(&["models", "check", "tiny", "--deep"])
        .ended(1, &["00002-of-00002.safetensors"]);
    // It is cut short, and gone.
    std::fs::write(&shard, &bytes[..bytes.len() / 2]).unwrap();
    room.run(&["models", "check"])
        .ended(1, &["00002-of-00002", "again"]);
    std::fs::remove_file(&shard).unwrap();
    room.run(&["models", "check", "tiny"]).ended(1, &["missing"]);
    room.run(&["models", "add", room.model.to_str().unwrap(), "--name", "other"])
        .ended(1, &["is not whole", "00002-of-00002"]);

    assert!(
        room.run(&["models", "forget", "tiny"])
            .well()
            .out
            .contains("its files stay")
    );
    assert_eq!(
        json(&room.run(&["models", "list", "--json"]).well().out),
        serde_json::json!({ "models": [], "loras": [] })
    );
}

#[test]
fn shots_are_drawn_by_a_model_and_again_with_the_same_bytes() {
    let room = Room::new();
    // A film may be planned before its model is there, and says so.
    room.run(&["check"]).ended(1, &["tiny"]);
    room.add().well();
    room.run(&["check"]).well();
    room.run(&["takes", "sea/010", "--count", "2"]).well();
    let takes = json(&room.run(&["takes", "sea/010", "--json"]).well().out);
    assert_eq!(takes.as_array().unwrap().len(), 2, "{takes}");
    assert_ne!(takes[0]["take"], takes[1]["take"]);
    // They can be measured, culled and chosen as any other.
    room.run(&["measure", "sea/010"]).well();
    // And the film is made of them.
    room.run(&["make"]).well();
    room.run(&["frames", "sea/010", "--format", "png", "--to", "out"])
        .well();
    let frames = |folder: &str| -> Vec<Vec<u8>> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(room.path(folder))
            .unwrap()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == "png"))
            .collect();
        files.sort();
        files.iter().map(|file| std::fs::read(file).unwrap()).collect()
    };
    let first = frames("out");
    assert_eq!(first.len(), 5);
    assert!(
        first.windows(2).any(|pair| pair[0] != pair[1]),
        "a clip that stands still"
    );
    room.run(&["frames", "sea/020", "--format", "png", "--to", "still"])
        .well();
    let still = frames("still");
    assert!(still.len() == 5 && still.iter().all(|frame| *frame == still[0]));

    // In another folder the same shot is the same take.
    let other = Room::new();
    other.add().well();
    other.run(&["make"]).well();
    let seen = json(&other.run(&["takes", "sea/010", "--json"]).well().out);
    let same = takes
        .as_array()
        .unwrap()
        .iter()
        .any(|take| take["take"] == seen[0]["take"]);
    assert!(same, "{takes} {seen}");
}

#[test]
fn what_a_model_can_not_make_is_one_error_with_the_mend() {
    let room = Room::new();
    room.add().well();
    let told = |from: &str, to: &str, words: &[&str]| {
        room.change(from, to);
        room.run(&["check"]).ended(1, words);
        room.change(to, from);
    };
    told("frames = 5", "frames = 200", &["1 to 161 frames"]);
    told(
        "steps = 3",
        "stepps = 3",
        &[
            "no setting `stepps`",
            "few, guidance, guidance_low, negative, renoise, scheduler, shift, steps, times",
        ],
    );
    told("steps = 3", "steps = 0", &["from 1 to 200"]);
    told(
        "steps = 3",
        "scheduler = \"ddim\"",
        &["must be one of: unipc, euler"],
    );
    told("steps = 3", "loras = { grain = 1 }", &["no setting `loras`"]);
    // What only the draw can tell.
    for (settings, words) in [
        ("steps = 3, few = 4", "`steps` does not go with few steps"),
        ("times = \"1000 x\"", "holds \"x\""),
        ("times = \"500 1000\"", "1000"),
        ("few = 3, times = \"1000 500\"", "leave one of them out"),
        ("renoise = true", "goes with few steps"),
    ] {
        room.change("steps = 3", settings);
        room.run(&["make"]).ended(1, &[words]);
        room.change(settings, "steps = 3");
    }
    room.change("a slow tide", &"a slow tide ".repeat(200));
    room.run(&["make"]).ended(1, &["the prompt is", "shorten it"]);
    // A request is for these files and no others.
    room.change(&"a slow tide ".repeat(200), "a slow tide");
    room.run(&["make"]).well();
    let vae = room.model.join("vae/diffusion_pytorch_model.safetensors");
    let bytes = std::fs::read(&vae).unwrap();
    std::fs::write(&vae, &bytes[..bytes.len() - 4]).unwrap();
    room.change("seed = 5", "seed = 6");
    room.run(&["make"])
        .ended(1, &["diffusion_pytorch_model.safetensors"]);
}

fn pngs(folder: &Path) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "png"))
        .collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// A film at 24 frames a second and a size off the model's grid: the model works at its own, and the film shows it at its own.
#[test]
fn a_film_of_another_rate_size_and_length_is_made_all_the_same() {
    let room = Room::new();
    room.add().well();
    room.change("rate = \"16\"", "rate = \"24\"");
    room.change("[64, 32]", "[60, 30]");
    room.change("frames = 5", "frames = 6");
    room.run(&["make"]).well();
    let takes = json(&room.run(&["takes", "sea/010", "--json"]).well().out);
    assert_eq!(
        (&takes[0]["frames"], &takes[0]["size"]),
        (&5.into(), &serde_json::json!([64, 32]))
    );
    room.run(&["frames", "sea/010", "--format", "png", "--to", "out"])
        .well();
    let frames = pngs(&room.path("out"));
    assert_eq!(frames.len(), 6);
    assert!(
        frames.windows(2).all(|pair| pair[0] != pair[1]),
        "a frame is shown twice"
    );
    // The master says of which frames of the take each of its own is made.
    let trace = |frame: &str| {
        let told = room
            .run(&["trace", "out/film.mp4", "--frame", frame, "--json"])
            .well()
            .out;
        let trace = json(&told);
        let take = trace["layers"][0].clone();
        (
            take["frame"].as_u64(),
            take["between"].as_bool().unwrap_or(false),
            told,
        )
    };
    for (film, own, between) in [("0", 0, false), ("1", 0, true), ("3", 2, false), ("4", 2, true)] {
        let (frame, is_between, told) = trace(film);
        assert_eq!((frame, is_between), (Some(own), between), "{told}");
    }
    // Asked for at a size of its own, it is drawn at that.
    room.change("seed = 5", "seed = 7\nsize = [32, 32]");
    room.run(&["make"]).well();
    let takes = json(&room.run(&["takes", "sea/010", "--json"]).well().out);
    let sizes: Vec<String> = takes
        .as_array()
        .unwrap()
        .iter()
        .map(|take| take["size"].to_string())
        .collect();
    assert!(sizes.iter().any(|size| size == "[32,32]"), "{sizes:?}");
}

#[test]
fn a_lora_is_listed_laid_on_and_named_by_its_hash() {
    let room = Room::new();
    let loras = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine-diffusion/tests/goldens/loras");
    let file = room.root.path("grain.safetensors");
    std::fs::copy(loras.join("kohya.safetensors"), &file).unwrap();
    let (path, peft) = (file.to_str().unwrap(), loras.join("peft"));
    room.run(&["models", "add", path, "--licence", "own"])
        .ended(1, &["no model yet"]);
    room.add().well();
    room.run(&["models", "add", path])
        .ended(1, &["does not say under which licence"]);
    room.run(&["models", "add", path, "--licence", "own"])
        .ended(0, &["for tiny", "loras = { \"grain\" = 1.0 }"]);
    room.run(&["models", "add", path, "--licence", "own"])
        .ended(1, &["in the list already"]);
    room.run(&["models", "add", path, "--name", "tiny", "--licence", "own"])
        .ended(1, &["in the list already"]);
    room.run(&[
        "models",
        "add",
        peft.to_str().unwrap(),
        "--name",
        "film",
        "--licence",
        "own",
    ])
    .ended(0, &["for tiny"]);
    room.run(&["models", "list"]).ended(0, &["grain  LoRA for tiny"]);
    let list = json(&room.run(&["models", "list", "--json"]).well().out);
    let id = |name: &str| {
        let all = list["loras"].as_array().unwrap();
        all.iter().find(|lora| lora["name"] == name).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_ne!(id("grain"), id("film"));

    // Without, with one, with two, and at no strength: other takes, but the last, which is the first again.
    let mut seen = Vec::new();
    let mut before = "steps = 3".to_owned();
    for loras in [
        "steps = 3",
        "steps = 3, loras = { grain = 0.5 }",
        "steps = 3, loras = { grain = 0.5, film = -0.7 }",
        "few = 3, loras = { grain = 0.5 }",
    ] {
        room.change(&before, loras);
        before = loras.to_owned();
        room.run(&["make"]).well();
        room.run(&[
            "frames",
            "sea/010",
            "--format",
            "png",
            "--to",
            &format!("out-{}", seen.len()),
        ])
        .well();
        seen.push(pngs(&room.path(&format!("out-{}", seen.len()))));
    }
    for (n, one) in seen.iter().enumerate() {
        assert!(seen[..n].iter().all(|other| other != one), "{n}");
    }
    // What a take was made with stands in its trace's request.
    let trace = room
        .run(&["trace", "out/film.mp4", "--frame", "0", "--json"])
        .well()
        .out;
    let request = json(&trace)["layers"][0]["request"].as_str().unwrap().to_owned();
    let object = room
        .path("vault")
        .join("objects")
        .join(&request[..2])
        .join(&request);
    let kept = std::fs::read_to_string(&object).unwrap_or_default();
    assert!(kept.is_empty() || kept.contains(&id("grain")), "{kept}");

    room.run(&["models", "check"])
        .ended(0, &["grain: well", "film: well", "tiny: well"]);
    // Another file under the same name is not what was asked for.
    std::fs::copy(loras.join("second.safetensors"), &file).unwrap();
    room.run(&["models", "check"])
        .ended(1, &["is not the file that was added as \"grain\""]);
    room.change("seed = 5", "seed = 8");
    room.run(&["make"])
        .ended(1, &["is not the file that was added as \"grain\""]);
    room.run(&["models", "forget", "grain"])
        .ended(0, &["its file stays"]);
    room.run(&["check"]).ended(1, &["there is no `grain`"]);
    // For another model it is not taken.
    let other = room.root.path("other.safetensors");
    std::fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine-diffusion/tests/goldens/vae.safetensors"),
        &other,
    )
    .unwrap();
    room.run(&["models", "add", other.to_str().unwrap(), "--licence", "own"])
        .ended(1, &["fits no model on the list (tiny: "]);
}
