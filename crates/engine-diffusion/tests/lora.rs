//! LoRAs of every form against diffusers and PEFT.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Goldens, Tensor, apart, goldens, write};
use heirloom_engine_diffusion::lora::{Expert, Lora, LoraError, LoraStack};
use heirloom_engine_diffusion::wan::TransformerConfig;
use heirloom_engine_diffusion::weights::{Dtype, Expected, Weights};
use std::path::{Path, PathBuf};

fn model() -> Vec<Expected> {
    TransformerConfig::read(&goldens("t2v/transformer/config.json"))
        .unwrap()
        .expected()
}

fn open(place: &str) -> Lora {
    Lora::open(&goldens(place), &model(), Expert::Only).unwrap()
}

const FORMS: [&str; 5] = [
    "loras/diffusers.safetensors",
    "loras/peft",
    "loras/kohya.safetensors",
    "loras/comfy.safetensors",
    "loras/original.safetensors",
];

fn agree(stack: &LoraStack, case: &str, count: usize) {
    let wanted = Goldens::open("loras");
    let deltas: Vec<String> = wanted
        .names()
        .filter(|n| n.starts_with(&format!("{case}.delta.")))
        .map(Into::into)
        .collect();
    assert_eq!(deltas.len(), count);
    for golden in deltas {
        let layer = golden.strip_prefix(&format!("{case}.delta.")).unwrap();
        let delta = stack.delta(&format!("{layer}.weight")).unwrap().unwrap();
        let far = apart(&delta, &wanted.f32(&golden));
        assert!(far < 1e-6, "{golden}: {far}");
    }
}

#[test]
fn every_form_changes_the_weights_as_the_reference_does() {
    for form in FORMS {
        let lora = open(form);
        assert_eq!(lora.layers().len(), 30, "{form}");
        let stack = LoraStack::new(vec![(lora, 1.0)]).unwrap();
        assert_eq!(stack.changed().len(), 30);
        agree(&stack, "one", 4);
        assert_eq!(stack.delta("patch_embedding.weight").unwrap(), None);
        assert_eq!(stack.delta("blocks.0.attn1.to_q.bias").unwrap(), None);
    }
}

#[test]
fn several_add_up_with_their_strengths() {
    let stack = LoraStack::new(vec![
        (open("loras/kohya.safetensors"), 0.75),
        (open("loras/second.safetensors"), -0.5),
    ])
    .unwrap();
    agree(&stack, "two", 2);
    let factors = stack.factors("blocks.0.attn1.to_k").unwrap();
    // Alpha is 2 and the rank 4.
    assert_eq!(
        factors.iter().map(|f| (f.rank, f.scale)).collect::<Vec<_>>(),
        [(4, 0.375), (4, -0.25)]
    );
    let merged = stack.delta("blocks.0.attn1.to_k.weight").unwrap().unwrap();
    let beside: Vec<f32> = (0..merged.len())
        .map(|i| factors.iter().map(|f| f.scale * f.product()[i]).sum())
        .collect();
    assert!(apart(&beside, &merged) < 1e-6);
    assert!(matches!(
        LoraStack::new(vec![(open(FORMS[0]), f32::NAN)]),
        Err(LoraError::Strength(_))
    ));
}

#[test]
fn a_lora_for_another_model_is_one_clear_error() {
    let larger = TransformerConfig::t2v_1_3b().expected();
    for form in FORMS {
        let error = Lora::open(&goldens(form), &larger, Expert::Only).unwrap_err();
        let said = error.to_string();
        assert!(
            matches!(error, LoraError::OtherModel { .. }) && said.contains("another model"),
            "{said}"
        );
    }
    // One with fewer blocks: the third block's tensors have no place.
    let mut fewer = TransformerConfig::read(&goldens("t2v/transformer/config.json")).unwrap();
    fewer.num_layers = 2;
    let said = Lora::open(&goldens(FORMS[2]), &fewer.expected(), Expert::Only)
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("of its 90 tensors") && said.contains("blocks_2"),
        "{said}"
    );
    // A whole model is no LoRA.
    let said = Lora::open(
        &goldens("t2v/vae/diffusion_pytorch_model.safetensors"),
        &model(),
        Expert::Only,
    );
    assert!(said.unwrap_err().to_string().contains("not a model's"));
}

fn tensors(path: &Path) -> Vec<Tensor> {
    let weights = Weights::open(path).unwrap();
    let all = weights.entries().map(|(name, entry)| {
        let view = weights.get(name).unwrap();
        (
            name.to_owned(),
            entry.dtype.name(),
            entry.shape.clone(),
            view.bytes.to_vec(),
        )
    });
    all.collect()
}

/// Opens a file after `change` has been at its tensors.
fn altered(form: &str, change: impl FnOnce(&mut Vec<Tensor>)) -> Result<Lora, LoraError> {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("lora.safetensors");
    let mut all = tensors(&goldens(form));
    change(&mut all);
    write(&path, serde_json::json!({}), &all);
    Lora::open(&path, &model(), Expert::Only)
}

fn called<'a>(all: &'a mut [Tensor], name: &str) -> &'a mut Tensor {
    all.iter_mut().find(|t| t.0 == name).unwrap()
}

#[test]
fn damaged_files_are_named() {
    let key = "lora_unet_blocks_0_self_attn_q";
    let kohya = |change: fn(&mut Vec<Tensor>)| altered(FORMS[2], change).unwrap_err().to_string();
    let said = kohya(|all| all.retain(|t| t.0 != "lora_unet_blocks_0_self_attn_q.lora_up.weight"));
    assert!(
        said.contains("only one half") && said.contains("blocks.0.attn1.to_q"),
        "{said}"
    );
    let said = kohya(|all| {
        called(all, "lora_unet_blocks_0_self_attn_q.lora_down.weight").3[0..2].copy_from_slice(&[0, 0x7e])
    });
    assert!(said.contains("no number") && said.contains(key), "{said}");
    let said = kohya(|all| called(all, "lora_unet_blocks_0_self_attn_q.lora_down.weight").2 = vec![8, 16]);
    assert!(said.contains("halves of different rank"), "{said}");
    let said = kohya(|all| {
        all.push((
            "lora_unet_blocks_0_self_attn_q.dora_scale".into(),
            "F16",
            vec![1],
            vec![0, 0],
        ))
    });
    assert!(said.contains("DoRA"), "{said}");
    let said = kohya(|all| {
        all.push((
            "lora_unet_blocks_0_self_attn_q.lokr_w1".into(),
            "F16",
            vec![1],
            vec![0, 0],
        ))
    });
    assert!(said.contains("LoKr"), "{said}");
    let said = kohya(|all| all.push(("blocks.0.self_attn.q.alpha".into(), "F16", vec![], vec![0, 0])));
    assert!(said.contains("two names"), "{said}");
}

/// The original form may carry whole changes of norms and biases beside the halves.
#[test]
fn whole_changes_of_weights_and_biases_are_laid_on() {
    let lora = altered(FORMS[4], |all| {
        let numbers = |n: usize| {
            (0..n)
                .flat_map(|i| (i as f32 / 8.0).to_le_bytes())
                .collect::<Vec<u8>>()
        };
        all.push((
            "diffusion_model.blocks.1.norm3.diff".into(),
            "F32",
            vec![32],
            numbers(32),
        ));
        all.push((
            "diffusion_model.blocks.1.ffn.0.diff_b".into(),
            "F32",
            vec![44],
            numbers(44),
        ));
        all.push((
            "diffusion_model.blocks.2.diff_m".into(),
            "F32",
            vec![1, 6, 32],
            numbers(192),
        ));
    })
    .unwrap();
    let stack = LoraStack::new(vec![(lora, 0.5)]).unwrap();
    assert_eq!(stack.changed().len(), 33);
    assert!(stack.changed().contains(&"blocks.2.scale_shift_table".to_owned()));
    assert_eq!(
        stack.delta("blocks.2.scale_shift_table").unwrap().unwrap()[191],
        191.0 / 16.0
    );
    // The original `norm3` is diffusers' `norm2`.
    let norm = stack.delta("blocks.1.norm2.weight").unwrap().unwrap();
    assert_eq!(norm[..3], [0.0, 0.0625, 0.125]);
    assert_eq!(
        stack.delta("blocks.1.ffn.net.0.proj.bias").unwrap().unwrap()[43],
        43.0 / 16.0
    );
}

/// A file for two experts: each gets its own, and alpha by its own notes.
#[test]
fn two_experts_in_one_file_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both.safetensors");
    let mut all = Vec::new();
    for (name, dtype, shape, bytes) in tensors(&goldens(FORMS[0])) {
        let low = name.replacen("transformer.", "transformer_2.", 1);
        if name.contains(".attn1.") {
            all.push((name, dtype, shape.clone(), bytes.clone()));
        } else {
            all.push((low, dtype, shape, bytes));
        }
    }
    let notes = serde_json::json!({
        "transformer.r": 4, "transformer.lora_alpha": 4.0, "transformer_2.r": 4, "transformer_2.lora_alpha": 8,
        "transformer_2.alpha_pattern": {"ffn.net.2": 1.0}, "transformer_2.use_rslora": true,
    });
    write(
        &path,
        serde_json::json!({ "lora_adapter_metadata": notes.to_string() }),
        &all,
    );
    let scale = |expert, layer: &str| {
        let stack = LoraStack::new(vec![(Lora::open(&path, &model(), expert).unwrap(), 1.0)]).unwrap();
        stack.factors(layer).unwrap().first().map(|f| f.scale)
    };
    assert_eq!(scale(Expert::High, "blocks.0.attn1.to_q"), Some(1.0));
    assert_eq!(scale(Expert::High, "blocks.0.attn2.to_q"), None);
    assert_eq!(scale(Expert::Low, "blocks.0.attn1.to_q"), None);
    // Rank-stabilised: over the root of the rank.
    assert_eq!(scale(Expert::Low, "blocks.0.attn2.to_q"), Some(4.0));
    assert_eq!(scale(Expert::Low, "blocks.2.ffn.net.2"), Some(0.5));
    write(
        &path,
        serde_json::json!({ "lora_adapter_metadata": "{\"transformer.r\": 4}" }),
        &all,
    );
    let said = Lora::open(&path, &model(), Expert::High).unwrap_err().to_string();
    assert!(said.contains("lora_alpha"), "{said}");
    assert_eq!(
        Weights::open(&path).unwrap().entries().next().unwrap().1.dtype,
        Dtype::Bf16
    );
}
