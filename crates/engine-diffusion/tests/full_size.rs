//! The full models' layouts, as files that are all holes: their headers are true and as long as the real ones', their
//! bytes take no room on the disk, and nothing here reads them.
#![allow(clippy::unwrap_used, clippy::panic)]

use heirloom_engine_diffusion::models::{Layout, Role, look};
use heirloom_engine_diffusion::wan::{TextConfig, TransformerConfig, VaeConfig};
use heirloom_engine_diffusion::weights::Expected;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// A file of these tensors, under the names that `call` picks.
fn hollow(path: &Path, tensors: &[&Expected], dtype: &str, bytes: u64, call: impl Fn(&Expected) -> String) {
    let (mut header, mut at) = (serde_json::Map::new(), 0);
    for one in tensors {
        let end = at + bytes * one.shape.iter().product::<u64>();
        let entry = serde_json::json!({ "dtype": dtype, "shape": one.shape, "data_offsets": [at, end] });
        header.insert(call(one), entry);
        at = end;
    }
    let header = serde_json::to_vec(&header).unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(&header).unwrap();
    file.set_len(8 + header.len() as u64 + at).unwrap();
}

fn refs(tensors: &[Expected]) -> Vec<&Expected> {
    tensors.iter().collect()
}

/// Shards and their index, as the published folders have them.
fn sharded(
    folder: &Path,
    stem: &str,
    tensors: &[Expected],
    shards: usize,
    call: impl Fn(&Expected) -> String,
) {
    let mut map = BTreeMap::new();
    for (i, some) in tensors.chunks(tensors.len().div_ceil(shards)).enumerate() {
        let name = format!("{stem}-{:05}-of-{shards:05}.safetensors", i + 1);
        hollow(&folder.join(&name), &refs(some), "BF16", 2, &call);
        map.extend(some.iter().map(|one| (call(one), name.clone())));
    }
    let index = serde_json::json!({ "metadata": {}, "weight_map": map });
    fs::write(
        folder.join(format!("{stem}.safetensors.index.json")),
        index.to_string(),
    )
    .unwrap();
}

/// As many pieces as umT5's tokenizer has.
fn tokenizer(path: &Path) {
    let special = ["<pad>", "</s>", "<s>", "<unk>"].map(String::from);
    let pieces = special
        .into_iter()
        .chain((4..256_300).map(|i| format!("p{i}")))
        .map(|p| (p, -1.0));
    let model = serde_json::json!({ "type": "Unigram", "unk_id": 3, "vocab": pieces.collect::<Vec<_>>() });
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, serde_json::json!({ "model": model }).to_string()).unwrap();
}

fn original(one: &Expected) -> String {
    one.original.clone()
}

fn own(one: &Expected) -> String {
    one.name.clone()
}

/// One file each, as ComfyUI's users have them, with that program's prefix before the transformer's names.
#[test]
fn single_files_of_the_1_3b_model_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (dit, vae, text) = (
        TransformerConfig::t2v_1_3b().expected(),
        VaeConfig::default().expected(),
        TextConfig::umt5_xxl().expected(),
    );
    hollow(
        &at.join("wan2.1_t2v_1.3B_fp16.safetensors"),
        &refs(&dit),
        "F16",
        2,
        |e| format!("model.diffusion_model.{}", e.original),
    );
    hollow(
        &at.join("wan_2.1_vae.safetensors"),
        &refs(&vae),
        "BF16",
        2,
        original,
    );
    // ComfyUI's text encoder has transformers' names.
    hollow(&at.join("umt5_xxl_fp16.safetensors"), &refs(&text), "F16", 2, own);
    tokenizer(&at.join("tokenizer.json"));
    let found = look(at).unwrap();
    assert_eq!(found.problems, [""; 0]);
    assert_eq!(found.layout, Layout::Single);
    let numbers: Vec<(Role, u64)> = found.parts.iter().map(|p| (p.role, p.numbers)).collect();
    assert!(
        numbers.contains(&(Role::Transformer, 1_418_996_800)),
        "{numbers:?}"
    );
    assert!(numbers.contains(&(Role::Text, 5_680_910_336)), "{numbers:?}");
    assert!(numbers.contains(&(Role::Vae, 126_892_531)), "{numbers:?}");
    assert_eq!(found.title, "Wan text to video, 1.4 B");
}

/// The 5B's autoencoder is known by its names, and the model by its autoencoder.
#[test]
fn single_files_of_the_5b_model_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (dit, vae, text) = (
        TransformerConfig::ti2v_5b().expected(),
        VaeConfig::wan_2_2_5b().expected(),
        TextConfig::umt5_xxl().expected(),
    );
    hollow(
        &at.join("wan2.2_ti2v_5B_fp16.safetensors"),
        &refs(&dit),
        "F16",
        2,
        original,
    );
    hollow(
        &at.join("wan2.2_vae.safetensors"),
        &refs(&vae),
        "F16",
        2,
        original,
    );
    hollow(&at.join("umt5_xxl_fp16.safetensors"), &refs(&text), "F16", 2, own);
    tokenizer(&at.join("tokenizer.json"));
    let found = look(at).unwrap();
    assert_eq!(found.problems, [""; 0]);
    let numbers: Vec<(Role, u64)> = found.parts.iter().map(|p| (p.role, p.numbers)).collect();
    assert!(
        numbers.contains(&(Role::Transformer, 4_999_787_712)),
        "{numbers:?}"
    );
    assert!(numbers.contains(&(Role::Vae, 704_688_668)), "{numbers:?}");
    assert!(found.holds_frames);
    assert_eq!(found.title, "Wan text and first frame to video, 5.0 B");
    // With the other autoencoder it is no model.
    fs::remove_file(at.join("wan2.2_vae.safetensors")).unwrap();
    let other = VaeConfig::default().expected();
    hollow(
        &at.join("wan_2.1_vae.safetensors"),
        &refs(&other),
        "BF16",
        2,
        original,
    );
    let problems = look(at).unwrap().problems.join("; ");
    assert!(
        problems.contains("48 latent channels") && problems.contains("different models"),
        "{problems}"
    );
}

/// VACE as one transformer, and image to video as two experts: both are called by what they take.
#[test]
fn original_files_of_vace_and_image_to_video_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    sharded(at, "umt5", &TextConfig::umt5_xxl().expected(), 2, original);
    let vae = VaeConfig::default().expected();
    hollow(
        &at.join("Wan2.1_VAE.safetensors"),
        &refs(&vae),
        "F32",
        4,
        original,
    );
    tokenizer(&at.join("google/umt5-xxl/tokenizer.json"));
    for (parts, model, title) in [
        (
            &["vace"][..],
            TransformerConfig::vace_14b(),
            "Wan control to video (VACE), 17.3 B",
        ),
        (
            &["high_noise_model", "low_noise_model"][..],
            TransformerConfig::i2v_14b(),
            "Wan image to video, 2 experts of 14.3 B",
        ),
    ] {
        for part in parts {
            sharded(
                &at.join(part),
                "diffusion_pytorch_model",
                &model.expected(),
                2,
                original,
            );
        }
        let found = look(at).unwrap();
        assert_eq!(found.problems, [""; 0]);
        assert_eq!((found.title.as_str(), found.takes), (title, model.takes()));
        for part in parts {
            fs::remove_dir_all(at.join(part)).unwrap();
        }
    }
}

/// The original A14B folder: each expert in shards in a folder of its own.
#[test]
fn original_folders_of_two_experts_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let expert = TransformerConfig::t2v_14b().expected();
    for side in ["high_noise_model", "low_noise_model"] {
        sharded(&at.join(side), "diffusion_pytorch_model", &expert, 6, original);
    }
    sharded(at, "umt5", &TextConfig::umt5_xxl().expected(), 2, original);
    let vae = VaeConfig::default().expected();
    hollow(
        &at.join("Wan2.1_VAE.safetensors"),
        &refs(&vae),
        "F32",
        4,
        original,
    );
    tokenizer(&at.join("google/umt5-xxl/tokenizer.json"));
    let found = look(at).unwrap();
    assert_eq!(found.problems, [""; 0]);
    assert!(found.has(Role::Transformer) && found.has(Role::Transformer2));
    assert_eq!(found.title, "Wan text to video, 2 experts of 14.3 B");
    // The names tell the experts apart; without them nothing is guessed.
    fs::rename(at.join("low_noise_model"), at.join("other_model")).unwrap();
    let problems = look(at).unwrap().problems;
    assert!(problems[0].contains("which is which"), "{problems:?}");
    fs::remove_file(at.join("other_model/diffusion_pytorch_model-00003-of-00006.safetensors")).unwrap();
    let problems = look(at).unwrap().problems;
    assert!(problems[0].contains("00003-of-00006"), "{problems:?}");
}
