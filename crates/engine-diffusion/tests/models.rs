//! Folders as people have them, and the list of models.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{copy, goldens, under_original_names, write};
use heirloom_engine_diffusion::models::{
    Found, Layout, LicenceFrom, ListError, LookError, ModelList, Role, check_tokenizer, look,
};
use heirloom_engine_diffusion::wan::{PipelineConfig, TextConfig};
use heirloom_engine_diffusion::weights::Weights;
use std::fs;
use std::path::PathBuf;

/// A folder to change, with the tiny pipeline in `model`.
struct Room(tempfile::TempDir);

impl Room {
    fn new() -> Self {
        let room = Self(tempfile::tempdir().unwrap());
        copy(&goldens("t2v"), &room.model());
        room
    }

    fn model(&self) -> PathBuf {
        self.0.path().join("model")
    }

    fn list(&self) -> ModelList {
        ModelList::open(&self.0.path().join("settings/models.json")).unwrap()
    }

    fn look(&self) -> Found {
        look(&self.model()).unwrap()
    }
}

#[test]
fn a_whole_folder_has_no_problems() {
    let found = Room::new().look();
    assert_eq!(found.problems, [""; 0]);
    assert_eq!(found.layout, Layout::Diffusers);
    assert_eq!(found.title, "Wan text to video, 0.05 M");
    let roles: Vec<Role> = found.parts.iter().map(|p| p.role).collect();
    assert_eq!(roles, [Role::Transformer, Role::Vae, Role::Text, Role::Tokenizer]);
    assert_eq!(found.parts[0].files.len(), 2);
    let licence = found.licence.as_ref().unwrap();
    assert_eq!(
        (licence.name.as_str(), &licence.from),
        ("apache-2.0", &LicenceFrom::File("README.md".into()))
    );
    // Weights, index, tokenizer and configurations, once each.
    assert_eq!(found.files().len(), 12);
}

#[test]
fn two_experts_are_two_parts() {
    let room = Room::new();
    for part in ["transformer", "transformer_2", "scheduler"] {
        fs::remove_dir_all(room.model().join(part)).ok();
        copy(&goldens("a14b").join(part), &room.model().join(part));
    }
    fs::copy(
        goldens("a14b/model_index.json"),
        room.model().join("model_index.json"),
    )
    .unwrap();
    let found = room.look();
    assert_eq!(found.problems, [""; 0]);
    assert!(found.has(Role::Transformer2));
    assert!(found.title.contains("2 experts"), "{}", found.title);
}

/// Everything that is missing is said at once.
#[test]
fn all_that_is_missing_or_wrong_is_named() {
    let room = Room::new();
    let model = room.model();
    fs::remove_file(model.join("transformer/diffusion_pytorch_model-00002-of-00002.safetensors")).unwrap();
    let vae = model.join("vae/diffusion_pytorch_model.safetensors");
    let bytes = fs::read(&vae).unwrap();
    fs::write(&vae, &bytes[..bytes.len() - 5]).unwrap();
    fs::remove_file(model.join("text_encoder/model.safetensors")).unwrap();
    fs::write(model.join("text_encoder/pytorch_model.bin"), b"PK").unwrap();
    fs::remove_file(model.join("tokenizer/tokenizer.json")).unwrap();
    let problems = room.look().problems;
    assert_eq!(problems.len(), 4, "{problems:#?}");
    assert!(
        problems[0].contains("1 of the model's 2 files are missing"),
        "{}",
        problems[0]
    );
    assert!(problems[1].contains("cut short"), "{}", problems[1]);
    assert!(problems[2].contains("pickle"), "{}", problems[2]);
    assert!(
        problems[3].contains("tokenizer.json: it is missing"),
        "{}",
        problems[3]
    );
    let error = room
        .list()
        .add(&room.look(), None, None, |_, _| true)
        .unwrap_err();
    assert!(matches!(error, ListError::NotWhole { .. }));
    assert!(
        !room.0.path().join("settings").exists(),
        "nothing is written for what was not added"
    );
    let nothing = tempfile::tempdir().unwrap();
    assert!(matches!(look(nothing.path()), Err(LookError::NoModel { .. })));
    assert!(matches!(
        look(&nothing.path().join("no")),
        Err(LookError::NoFolder { .. })
    ));
}

/// The text encoder of another model: its shapes do not fit its configuration.
#[test]
fn weights_of_another_model_do_not_fit() {
    let room = Room::new();
    let target = room.model().join("vae/diffusion_pytorch_model.safetensors");
    fs::copy(room.model().join("text_encoder/model.safetensors"), target).unwrap();
    let problems = room.look().problems;
    assert!(
        problems[0].contains("autoencoder") && problems[0].contains("not of this model"),
        "{problems:?}"
    );
}

#[test]
fn tokenizers_of_other_models_are_refused() {
    let path = goldens("t2v/tokenizer/tokenizer.json");
    let text = PipelineConfig::read(&goldens("t2v")).unwrap().text;
    check_tokenizer(&path, &text).unwrap();
    let said = check_tokenizer(&path, &TextConfig::umt5_xxl())
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("256384 rows") && said.contains("another model"),
        "{said}"
    );
    let folder = tempfile::tempdir().unwrap();
    let edited = folder.path().join("tokenizer.json");
    let whole = fs::read_to_string(&path).unwrap();
    for (from, to, wanted) in [
        ("\"Unigram\"", "\"BPE\"", "BPE"),
        ("</s>", "<end>", "</s> should have the id 1"),
        ("\"id\": 3,", "\"id\": 5000,", "ids go up to 5001"),
        ("\"model\"", "\"medol\"", "no tokenizer.json"),
    ] {
        assert!(whole.contains(from), "{from}");
        fs::write(&edited, whole.replace(from, to)).unwrap();
        let said = check_tokenizer(&edited, &text).unwrap_err().to_string();
        assert!(said.contains(wanted), "{said}");
    }
}

/// Original files in one folder. The tiny transformer's heads are not the family's 128 wide, and the tiny autoencoder is
/// not Wan's; what can be told of them is told.
#[test]
fn folders_of_single_files_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let config = PipelineConfig::read(&goldens("t2v")).unwrap();
    let text = Weights::open_part(&goldens("t2v/text_encoder"), "model").unwrap();
    let tensors = under_original_names(&text, &config.text.expected(), "");
    write(&at.join("umt5.safetensors"), serde_json::json!({}), &tensors);
    fs::create_dir_all(at.join("google/umt5-xxl")).unwrap();
    fs::copy(
        goldens("t2v/tokenizer/tokenizer.json"),
        at.join("google/umt5-xxl/tokenizer.json"),
    )
    .unwrap();
    fs::write(at.join("Wan2.1_VAE.pth"), b"PK").unwrap();
    let found = look(at).unwrap();
    assert_eq!(found.layout, Layout::Single);
    assert!(found.has(Role::Text) && found.has(Role::Tokenizer));
    assert_eq!(found.problems.len(), 2, "{:#?}", found.problems);
    assert!(
        found.problems[0].contains("transformer: there is no safetensors file"),
        "{:?}",
        found.problems
    );
    assert!(
        found.problems[1].contains("Wan2.1_VAE.pth is a pickle"),
        "{:?}",
        found.problems
    );
    // A transformer in two shards, a foreign file, and a second text encoder.
    copy(&goldens("t2v/transformer"), &at.join("high_noise_model"));
    fs::copy(goldens("loras/kohya.safetensors"), at.join("lora.safetensors")).unwrap();
    fs::copy(at.join("umt5.safetensors"), at.join("again.safetensors")).unwrap();
    let problems = look(at).unwrap().problems.join("\n");
    assert!(
        problems.contains("the width is 32, no multiple of a head's 128"),
        "{problems}"
    );
    assert!(
        problems.contains("lora.safetensors: the names of these tensors"),
        "{problems}"
    );
    assert!(problems.contains("text encoder: there are several"), "{problems}");
}

#[test]
fn models_are_added_checked_and_forgotten() {
    let room = Room::new();
    let mut list = room.list();
    let mut told = Vec::new();
    let added = list.add(&room.look(), Some("tiny"), None, |done, of| {
        told.push((done, of));
        true
    });
    let added = added.unwrap().clone();
    assert_eq!(
        (added.name.as_str(), added.licence.name.as_str()),
        ("tiny", "apache-2.0")
    );
    assert!(told.windows(2).all(|w| w[0].0 < w[1].0) && told.last().unwrap().0 == told[0].1);
    let vae = added
        .files
        .iter()
        .find(|f| f.path == "vae/diffusion_pytorch_model.safetensors")
        .unwrap();
    let bytes = fs::read(room.model().join(&vae.path)).unwrap();
    assert_eq!(vae.blake3, blake3::hash(&bytes).to_hex().to_string());
    // Another program sees the same list.
    assert_eq!(room.list().models(), std::slice::from_ref(&added));
    assert!(matches!(
        list.add(&room.look(), Some("other"), None, |_, _| true),
        Err(ListError::Known { .. })
    ));
    assert_eq!(list.check("tiny", true, |_, _| true).unwrap(), []);
    let said = list.check("tony", true, |_, _| true).unwrap_err().to_string();
    assert!(said.contains("there are tiny"), "{said}");
    assert_eq!(list.forget("tiny").unwrap(), added);
    assert_eq!(room.list().models(), []);
    assert!(
        room.model().join("model_index.json").is_file(),
        "forgetting touches no file"
    );
    // The same files elsewhere are the same model.
    let other = tempfile::tempdir().unwrap();
    copy(&goldens("t2v"), &other.path().join("elsewhere"));
    let found = look(&other.path().join("elsewhere")).unwrap();
    assert_eq!(list.add(&found, None, None, |_, _| true).unwrap().id, added.id);
    assert!(matches!(
        list.add(&room.look(), Some("a b"), None, |_, _| true),
        Err(ListError::Name { .. })
    ));
    assert!(matches!(
        list.add(&room.look(), Some("x"), None, |_, _| false),
        Err(ListError::Stopped)
    ));
    assert_eq!(room.list().models().len(), 1, "what was stopped was not added");
}

#[test]
fn changes_after_adding_are_found() {
    let room = Room::new();
    let mut list = room.list();
    list.add(&room.look(), Some("tiny"), None, |_, _| true).unwrap();
    let vae = room.model().join("vae/diffusion_pytorch_model.safetensors");
    let mut bytes = fs::read(&vae).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&vae, &bytes).unwrap();
    // Its length is as it was: only a deep look sees it.
    assert_eq!(list.check("tiny", false, |_, _| true).unwrap(), []);
    let faults = list.check("tiny", true, |_, _| true).unwrap();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(
        faults[0].what.contains("hash differs") && faults[1].what.contains("no number"),
        "{faults:?}"
    );
    fs::remove_file(&vae).unwrap();
    let faults = list.check("tiny", false, |_, _| true).unwrap();
    assert!(
        faults[0].what.contains("is missing") && faults.len() == 2,
        "{faults:?}"
    );
    fs::remove_dir_all(room.model()).unwrap();
    let faults = list.check("tiny", true, |_, _| true).unwrap();
    assert!(faults.last().unwrap().what.contains("is gone"), "{faults:?}");
}

#[test]
fn the_licence_is_read_or_stated() {
    let room = Room::new();
    let readme = room.model().join("README.md");
    let licence = |text: &str| {
        fs::write(&readme, text).unwrap();
        room.look().licence.map(|l| l.name)
    };
    assert_eq!(
        licence("---\nlanguage: en\nlicense: \"MIT\"\n---\nWords"),
        Some("mit".into())
    );
    assert_eq!(
        licence("---\nlicense: other\nlicense_name: some-community\n---\n"),
        Some("some-community".into())
    );
    assert_eq!(licence("license: mit\n"), None);
    assert_eq!(licence("---\nx: y\n---\nlicense: mit\n"), None);
    let mut list = room.list();
    let error = list
        .add(&room.look(), Some("tiny"), Some("  "), |_, _| true)
        .unwrap_err();
    assert!(error.to_string().contains("state it"), "{error}");
    fs::write(
        room.model().join("LICENSE.txt"),
        "\n   Apache License\n   Version 2.0, January 2004\n",
    )
    .unwrap();
    assert_eq!(room.look().licence.unwrap().name, "apache-2.0");
    let added = list
        .add(&room.look(), Some("tiny"), Some("Own-Terms"), |_, _| true)
        .unwrap();
    assert_eq!(
        (added.licence.name.as_str(), &added.licence.from),
        ("own-terms", &LicenceFrom::Stated)
    );
}

#[test]
fn a_damaged_list_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("models.json");
    for (text, said) in [
        ("{", "EOF"),
        ("{\"form\": 2, \"models\": []}", "its form is 2"),
        ("{\"form\": 1}", "models"),
    ] {
        fs::write(&path, text).unwrap();
        let error = ModelList::open(&path).unwrap_err().to_string();
        assert!(error.contains(said) && error.contains("move it away"), "{error}");
    }
    let room = Room::new();
    let mut list = room.list();
    list.add(&room.look(), Some("tiny"), None, |_, _| true).unwrap();
    let kept = fs::read_to_string(room.0.path().join("settings/models.json")).unwrap();
    fs::write(&path, kept.replace("vae/config.json", "../../etc/passwd")).unwrap();
    assert!(
        ModelList::open(&path)
            .unwrap_err()
            .to_string()
            .contains("outside its folder")
    );
}
