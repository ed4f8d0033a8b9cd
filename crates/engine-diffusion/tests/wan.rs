//! Configurations, names and shapes of the Wan family, against diffusers, transformers and the tiny models' own files.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{copy, goldens, json, under_original_names, write};
use heirloom_engine_diffusion::wan::{
    NameError, Part, PipelineConfig, SchedulerConfig, SchedulerKind, Takes, TextConfig, TransformerConfig,
    VaeConfig, by_diffusers_names, part_of, single_expected,
};
use heirloom_engine_diffusion::weights::{Dtype, Expected, Misfit, Weights};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Every key of the full models: name, shape and original name as diffusers' own converters have them.
#[test]
fn every_tensor_of_the_full_models_is_known_by_both_names() {
    for (file, expected, count) in [
        (
            "keys-dit-1.3b.json",
            TransformerConfig::t2v_1_3b().expected(),
            825,
        ),
        ("keys-dit-14b.json", TransformerConfig::t2v_14b().expected(), 1095),
        ("keys-dit-5b.json", TransformerConfig::ti2v_5b().expected(), 825),
        ("keys-vae.json", VaeConfig::default().expected(), 194),
        ("keys-vae-5b.json", VaeConfig::wan_2_2_5b().expected(), 196),
        ("keys-umt5-xxl.json", TextConfig::umt5_xxl().expected(), 242),
    ] {
        let ours: BTreeMap<String, (Vec<u64>, String)> = expected
            .iter()
            .map(|e| (e.name.clone(), (e.shape.clone(), e.original.clone())))
            .collect();
        assert_eq!(ours.len(), expected.len(), "{file}: a name stands there twice");
        let theirs: BTreeMap<String, (Vec<u64>, String)> = serde_json::from_value(json(file)).unwrap();
        assert_eq!(theirs.len(), count, "{file}");
        for (name, wanted) in &theirs {
            assert_eq!(ours.get(name), Some(wanted), "{file}: {name}");
        }
        assert_eq!(ours.len(), theirs.len(), "{file}");
    }
}

/// Of models that take more than words the goldens have what the text model of their size has not, or not alike.
#[test]
fn every_tensor_of_vace_and_image_to_video_is_known_by_both_names() {
    type Keys = BTreeMap<String, (Vec<u64>, String)>;
    for (file, like, config, count) in [
        (
            "keys-vace-1.3b.json",
            "keys-dit-1.3b.json",
            TransformerConfig::vace_1_3b(),
            825 + 15 * 29 + 4,
        ),
        (
            "keys-vace-14b.json",
            "keys-dit-14b.json",
            TransformerConfig::vace_14b(),
            1095 + 8 * 29 + 4,
        ),
        (
            "keys-i2v-a14b.json",
            "keys-dit-14b.json",
            TransformerConfig::i2v_14b(),
            1095,
        ),
    ] {
        let mut theirs: Keys = serde_json::from_value(json(like)).unwrap();
        theirs.extend(serde_json::from_value::<Keys>(json(file)).unwrap());
        let expected = config.expected();
        assert_eq!((theirs.len(), expected.len()), (count, count), "{file}");
        let ours: Keys = expected
            .into_iter()
            .map(|e| (e.name, (e.shape, e.original)))
            .collect();
        for (name, wanted) in &theirs {
            assert_eq!(ours.get(name), Some(wanted), "{file}: {name}");
        }
    }
}

fn part(folder: &str, part: &str, stem: &str) -> Weights {
    Weights::open_part(&goldens(folder).join(part), stem).unwrap()
}

#[test]
fn the_tiny_pipelines_have_what_their_configurations_ask_for() {
    let config = PipelineConfig::read(&goldens("t2v")).unwrap();
    assert_eq!(config.transformer.width(), 32);
    assert_eq!((config.vae.scale_sides(), config.vae.scale_frames()), (8, 4));
    assert_eq!(config.boundary, None);
    assert!(matches!(
        config.scheduler,
        SchedulerConfig {
            kind: SchedulerKind::UniPc(_),
            training_steps: 1000,
            ..
        }
    ));
    assert_eq!(config.scheduler.shift, 3.0);
    for (weights, expected) in [
        (
            part("t2v", "transformer", "diffusion_pytorch_model"),
            config.transformer.expected(),
        ),
        (
            part("t2v", "vae", "diffusion_pytorch_model"),
            config.vae.expected(),
        ),
        (part("t2v", "text_encoder", "model"), config.text.expected()),
    ] {
        let misfit = Misfit::between(&weights, &expected);
        assert!(misfit.is_none(), "{misfit}");
        assert_eq!(weights.first_bad_number(), None);
    }
    let sharded = part("t2v", "transformer", "diffusion_pytorch_model");
    assert_eq!(sharded.files().len(), 2);
    assert!(sharded.entries().all(|(_, e)| e.dtype == Dtype::Bf16));
}

/// The second expert's folder alone: its other parts are the first model's.
#[test]
fn two_experts_meet_at_the_boundary() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    copy(&goldens("a14b"), at);
    for part in ["vae", "text_encoder", "tokenizer"] {
        copy(&goldens("t2v").join(part), &at.join(part));
    }
    let config = PipelineConfig::read(at).unwrap();
    assert_eq!(config.transformer.num_layers, 1);
    assert_eq!(config.second.as_ref().unwrap().num_layers, 2);
    let times = json("facts.json")["pipelines"]["experts"]["times"].clone();
    let times: Vec<f64> = serde_json::from_value(times).unwrap();
    assert_eq!(config.scheduler.schedule(4).unwrap().times(), times);
    let second: Vec<bool> = times.iter().map(|t| config.is_second_at(*t)).collect();
    assert_eq!(second, [false, false, true, true]);
    // At the boundary itself the first one still runs.
    assert!(!config.is_second_at(875.0) && config.is_second_at(874.9));
}

/// The same numbers come in whichever way the file calls them.
#[test]
fn original_single_files_are_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let config = PipelineConfig::read(&goldens("t2v")).unwrap();
    for (kind, weights, expected, prefixes) in [
        (
            Part::Transformer,
            part("t2v", "transformer", "diffusion_pytorch_model"),
            config.transformer.expected(),
            &["", "model.diffusion_model.", "diffusion_model."][..],
        ),
        (
            Part::Vae,
            part("t2v", "vae", "diffusion_pytorch_model"),
            config.vae.expected(),
            &[""],
        ),
        (
            Part::Text,
            part("t2v", "text_encoder", "model"),
            config.text.expected(),
            &[""],
        ),
    ] {
        for prefix in prefixes {
            let path = folder.path().join("single.safetensors");
            let mut tensors = under_original_names(&weights, &expected, prefix);
            if kind == Part::Text {
                // ComfyUI packs the tokenizer's file into the text encoder's.
                tensors.push(("spiece_model".into(), "U8", vec![3], vec![1, 2, 3]));
            }
            write(&path, serde_json::json!({}), &tensors);
            let single = Weights::open(&path).unwrap();
            assert_eq!(part_of(&single), Some(kind));
            let named = by_diffusers_names(single, kind, &expected).unwrap();
            for (name, _) in weights.entries() {
                assert_eq!(named.get(name), weights.get(name), "{name}");
            }
            assert_eq!(named.entries().len(), weights.entries().len());
        }
    }
}

/// A file of noughts of these shapes.
fn hollow(path: &Path, tensors: &[Expected], call: fn(&Expected) -> String) {
    let tensors: Vec<_> = tensors
        .iter()
        .map(|e| {
            let bytes = e.shape.iter().product::<u64>() as usize * 2;
            (call(e), "BF16", e.shape.clone(), vec![0; bytes])
        })
        .collect();
    write(path, serde_json::json!({}), &tensors);
}

/// Shapes alone tell which of the family a single file is.
#[test]
fn a_single_file_s_shapes_tell_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("single.safetensors");
    let mut one = TransformerConfig::t2v_1_3b();
    // The true one is 5 GB; its shapes are told by its header, and its bytes here are few.
    (one.num_attention_heads, one.ffn_dim, one.num_layers, one.text_dim) = (1, 36, 2, 24);
    // The same with a branch for control, and with a picture beside the noise, under either name.
    let mut vace = TransformerConfig::vace_1_3b();
    (
        vace.num_attention_heads,
        vace.ffn_dim,
        vace.num_layers,
        vace.text_dim,
    ) = (1, 36, 4, 24);
    vace.vace_layers = vec![0, 2];
    let mut picture = one.clone();
    picture.in_channels = 36;
    let call: [fn(&Expected) -> String; 2] = [|e| e.original.clone(), |e| e.name.clone()];
    for (config, takes) in [
        (&one, Takes::Words),
        (&vace, Takes::Control),
        (&picture, Takes::Frames),
    ] {
        for call in call {
            hollow(&path, &config.expected(), call);
            let found = TransformerConfig::of_shapes(&Weights::open(&path).unwrap()).unwrap();
            assert_eq!((&found, found.takes()), (config, takes));
        }
    }
    // Five blocks of the branch are not spread over four.
    let mut odd = vace.expected();
    for one in vace
        .expected()
        .iter()
        .filter(|e| e.name.starts_with("vace_blocks.1."))
    {
        odd.extend((2..5).map(|n| Expected {
            name: one.name.replace("blocks.1", &format!("blocks.{n}")),
            original: one.original.replace("blocks.1", &format!("blocks.{n}")),
            shape: one.shape.clone(),
        }));
    }
    hollow(&path, &odd, call[0]);
    let said = TransformerConfig::of_shapes(&Weights::open(&path).unwrap())
        .unwrap_err()
        .to_string();
    assert!(said.contains("5 blocks of VACE's branch"), "{said}");
    // Wan 2.1's image to video has a picture encoder's tensors, and is told from 2.2's by them.
    let mut older = picture.expected();
    older.push(Expected {
        name: "condition_embedder.image_embedder.norm1.weight".into(),
        original: "img_emb.proj.0.weight".into(),
        shape: vec![1280],
    });
    hollow(&path, &older, call[0]);
    let said = TransformerConfig::of_shapes(&Weights::open(&path).unwrap())
        .unwrap_err()
        .to_string();
    assert!(said.contains("get Wan 2.2 I2V A14B"), "{said}");
    let tensors: Vec<_> = one
        .expected()
        .into_iter()
        .map(|e| {
            (
                e.original,
                "BF16",
                e.shape.clone(),
                vec![0; e.shape.iter().product::<u64>() as usize * 2],
            )
        })
        .collect();
    write(&path, serde_json::json!({}), &tensors);
    let weights = Weights::open(&path).unwrap();
    assert_eq!(TransformerConfig::of_shapes(&weights).unwrap(), one);
    let (kind, expected) = single_expected(&weights).unwrap();
    assert_eq!((kind, expected), (Part::Transformer, one.expected()));
    let text = part("t2v", "text_encoder", "model");
    let found = TextConfig::of_shapes(&text).unwrap();
    let read = PipelineConfig::read(&goldens("t2v")).unwrap().text;
    assert_eq!(found.expected(), read.expected());
    // A LoRA is no model.
    let lora = Weights::open(&goldens("loras/kohya.safetensors")).unwrap();
    assert!(matches!(single_expected(&lora), Err(NameError::Unknown { .. })));
}

#[test]
fn what_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vae.safetensors");
    let expected = VaeConfig::read(&goldens("t2v/vae/config.json"))
        .unwrap()
        .expected();
    let whole = part("t2v", "vae", "diffusion_pytorch_model");
    let mut tensors = under_original_names(&whole, &expected, "");
    let lost = tensors.pop().unwrap().0;
    tensors[0].2 = vec![tensors[0].2.iter().product()];
    tensors.push(("extra".into(), "F8_E4M3", vec![1], vec![0]));
    write(&path, serde_json::json!({}), &tensors);
    let error = by_diffusers_names(Weights::open(&path).unwrap(), Part::Vae, &expected).unwrap_err();
    let NameError::Misfit { misfit, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(misfit.missing, ["decoder.conv_out.bias"], "{lost}");
    assert_eq!(misfit.left_over, ["extra"]);
    assert_eq!(misfit.shapes[0].0, "quant_conv.weight");
    assert!(
        error.to_string().contains("Get the files of one model"),
        "{error}"
    );
    // Under both of its names at once.
    let mut tensors = under_original_names(&whole, &expected, "");
    let first = tensors[0].clone();
    tensors.push(("quant_conv.weight".into(), first.1, first.2, first.3));
    write(&path, serde_json::json!({}), &tensors);
    let error = by_diffusers_names(Weights::open(&path).unwrap(), Part::Vae, &expected).unwrap_err();
    assert_eq!(
        error,
        NameError::Twice {
            name: "quant_conv.weight".into()
        }
    );
}

/// One edit of one configuration, and what is said of it.
#[test]
fn configurations_of_other_models_are_one_clear_error() {
    for (file, from, to, said) in [
        (
            "model_index.json",
            "\"WanPipeline\"",
            "\"WanAnimatePipeline\"",
            "get a T2V model",
        ),
        (
            "model_index.json",
            "\"boundary_ratio\": null",
            "\"boundary_ratio\": 0.9",
            "boundary_ratio",
        ),
        (
            "model_index.json",
            "\"boundary_ratio\": null",
            "\"boundary_ratio\": 1.5",
            "between 0 and 1",
        ),
        ("model_index.json", "\"vae\"", "\"eav\"", "names no vae"),
        (
            "model_index.json",
            "{",
            "[",
            "not what this part's configuration has",
        ),
        (
            "transformer/config.json",
            "WanTransformer3DModel",
            "FluxTransformer2DModel",
            "another model",
        ),
        (
            "transformer/config.json",
            "\"text_dim\": 24",
            "\"text_dim\": 25",
            "different models",
        ),
        (
            "transformer/config.json",
            "\"in_channels\": 16",
            "\"in_channels\": 36",
            "image to video",
        ),
        (
            "transformer/config.json",
            "\"num_layers\": 3",
            "\"num_layers\": 99999999",
            "1 to 1024",
        ),
        (
            "transformer/config.json",
            "\"num_layers\": 3",
            "\"num_layers\": -3",
            "not what",
        ),
        ("transformer/config.json", "\"eps\": 1e-06", "\"eps\": 0.0", "eps"),
        (
            "vae/config.json",
            "\"patch_size\": null",
            "\"patch_size\": 2",
            "which makes 12",
        ),
        (
            "vae/config.json",
            "\"z_dim\": 16",
            "\"z_dim\": 48",
            "latents_mean must have 48",
        ),
        (
            "text_encoder/config.json",
            "\"umt5\"",
            "\"t5\"",
            "another encoder",
        ),
        (
            "text_encoder/config.json",
            "\"gated-gelu\"",
            "\"relu\"",
            "gated-gelu",
        ),
        (
            "scheduler/scheduler_config.json",
            "flow_prediction",
            "epsilon",
            "flow",
        ),
        (
            "scheduler/scheduler_config.json",
            "UniPCMultistepScheduler",
            "DDIMScheduler",
            "DDIMScheduler",
        ),
        (
            "scheduler/scheduler_config.json",
            "\"flow_shift\": 3.0",
            "\"flow_shift\": 0.0",
            "shift",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        copy(&goldens("t2v"), folder.path());
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let error = PipelineConfig::read(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains(said) && error.contains(file.split('/').next_back().unwrap()),
            "{file}: {error}"
        );
        fs::remove_file(&path).unwrap();
        let error = PipelineConfig::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("missing"), "{error}");
    }
}

/// One edit of one configuration of models that take more than words, and what is said of it.
#[test]
fn parts_that_take_other_things_do_not_fit_each_other() {
    for (model, file, from, to, said) in [
        (
            "vace",
            "model_index.json",
            "\"WanVACEPipeline\"",
            "\"WanPipeline\"",
            "one for text to video",
        ),
        (
            "i2v",
            "model_index.json",
            "\"WanImageToVideoPipeline\"",
            "\"WanVACEPipeline\"",
            "for image to video",
        ),
        (
            "vace",
            "transformer/config.json",
            "\"vace_in_channels\": 96",
            "\"vace_in_channels\": 95",
            "different models",
        ),
        (
            "vace",
            "transformer/config.json",
            "\"vace_in_channels\": 96",
            "\"vace_in_channels\": 0",
            "1 to 4096",
        ),
        (
            "vace",
            "transformer/config.json",
            "    0,\n    2\n",
            "    0,\n    3\n",
            "stay below num_layers",
        ),
        (
            "vace",
            "transformer/config.json",
            "    0,\n",
            "    1,\n",
            "go up from 0",
        ),
        (
            "vace",
            "transformer/config.json",
            "WanVACETransformer",
            "WanTransformer",
            "2 entries",
        ),
        (
            "vace",
            "transformer/config.json",
            "\"in_channels\": 16",
            "\"in_channels\": 36",
            "text to video",
        ),
        (
            "i2v",
            "transformer/config.json",
            "\"image_dim\": null",
            "\"image_dim\": 1280",
            "get Wan 2.2 I2V A14B",
        ),
        (
            "i2v",
            "transformer/config.json",
            "\"in_channels\": 36",
            "\"in_channels\": 33",
            "only 16",
        ),
        (
            "i2v",
            "transformer_2/config.json",
            "\"in_channels\": 36",
            "\"in_channels\": 16",
            "for text to video",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        copy(&goldens("t2v"), folder.path());
        copy(&goldens(model), folder.path());
        PipelineConfig::read(folder.path()).unwrap();
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{model}/{file} has no {from}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let error = PipelineConfig::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains(said), "{model}/{file}, {to}: {error}");
    }
}

/// Published text encoders have their embedding once or twice, under one name or the other.
#[test]
fn the_embedding_may_stand_there_twice_if_it_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.safetensors");
    let expected = PipelineConfig::read(&goldens("t2v")).unwrap().text.expected();
    let whole = part("t2v", "text_encoder", "model");
    let open = |name: &str, again: bool, change: u8| {
        let mut tensors = under_original_names(&whole, &expected, "");
        let mut first = tensors.remove(0);
        first.0 = name.into();
        if again {
            let mut second = first.clone();
            second.0 = "encoder.embed_tokens.weight".into();
            *second.3.last_mut().unwrap() ^= change;
            tensors.push(second);
        }
        tensors.push(first);
        write(&path, serde_json::json!({}), &tensors);
        by_diffusers_names(Weights::open(&path).unwrap(), Part::Text, &expected)
    };
    for (name, again) in [
        ("shared.weight", false),
        ("encoder.embed_tokens.weight", false),
        ("shared.weight", true),
    ] {
        let named = open(name, again, 0).unwrap();
        assert_eq!(named.get("shared.weight"), whole.get("shared.weight"));
        assert_eq!(named.entries().len(), expected.len());
    }
    assert_eq!(
        open("shared.weight", true, 1).unwrap_err(),
        NameError::Twice {
            name: "shared.weight".into()
        }
    );
}
