//! Whole pipelines against diffusers: from words and noise to frames, step by step.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use heirloom_engine_diffusion::conditions::Conditions;
use heirloom_engine_diffusion::generate::{
    Ask, At, Clip, GenerateError, Hear, Loras, Steps, generate, generate_from, latents_shape,
};
use heirloom_engine_diffusion::lora::{Expert, Lora, LoraStack};
use heirloom_engine_diffusion::memory::Estimate;
use heirloom_engine_diffusion::model::{Laid, Lay, Model, OpenError, dit_config};
use heirloom_engine_diffusion::start::Start;
use heirloom_engine_diffusion::weights::Weights;
use heirloom_tensors::wan::{Dit, Sample};

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

/// Experts of the second pipeline share all but their transformers with the first.
fn a14b() -> (tempfile::TempDir, Model) {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &Path, to: &Path| {
        std::fs::create_dir_all(to).unwrap();
        for file in std::fs::read_dir(from).unwrap().flatten() {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    };
    for (of, part) in [
        ("a14b", "transformer"),
        ("a14b", "transformer_2"),
        ("a14b", "scheduler"),
        ("t2v", "vae"),
        ("t2v", "text_encoder"),
        ("t2v", "tokenizer"),
    ] {
        copy(&goldens().join(of).join(part), &folder.path().join(part));
    }
    std::fs::copy(
        goldens().join("a14b/model_index.json"),
        folder.path().join("model_index.json"),
    )
    .unwrap();
    let model = Model::open(folder.path()).unwrap();
    (folder, model)
}

/// Keeps all that it hears.
#[derive(Default)]
struct Ears {
    latents: Vec<Vec<f32>>,
    heard: Vec<At>,
    previews: Vec<Clip>,
    /// Stops before so many layers.
    layers_left: Option<usize>,
}

impl Hear for Ears {
    fn go_on(&mut self) -> bool {
        match &mut self.layers_left {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None => true,
        }
    }

    fn at(&mut self, at: At) {
        self.heard.push(at);
    }

    fn preview(&mut self, _: usize, picture: Clip) {
        self.previews.push(picture);
    }

    fn looks(&self) -> bool {
        true
    }

    fn latents(&mut self, _: usize, latents: &[f32]) {
        self.latents.push(latents.to_vec());
    }
}

fn facts() -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(goldens().join("facts.json")).unwrap()).unwrap()
}

/// What a case of the goldens was run with.
fn ask(case: &str) -> Ask {
    let facts = &facts()["pipelines"][case];
    let whole = |name: &str| facts[name].as_u64().unwrap() as usize;
    Ask {
        prompt: facts["prompt"].as_str().unwrap().into(),
        negative: facts["negative"].as_str().unwrap().into(),
        width: whole("width"),
        height: whole("height"),
        frames: whole("frames"),
        seed: 0,
        steps: Steps::Own {
            count: whole("steps"),
            shift: None,
            kind: None,
        },
        guidance: facts["guidance_scale"].as_f64().unwrap(),
        guidance_low: facts["guidance_scale_2"].as_f64(),
        text_tokens: whole("length"),
        tile_px: None,
        start: Start::default(),
        conditions: Conditions::default(),
    }
}

/// The largest difference over the largest value.
fn apart(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(0f32, |most, v| most.max(v.abs()));
    ours.iter()
        .zip(theirs)
        .fold(0f32, |most, (a, b)| most.max((a - b).abs()))
        / largest
}

fn is_equal(model: &Model, case: &str) {
    let goldens = Weights::open(&goldens().join("pipelines.safetensors")).unwrap();
    let golden = |name: &str| goldens.get(&format!("{case}.{name}")).unwrap().to_f32().unwrap();
    let ask = ask(case);
    let mut ears = Ears::default();
    let clip = generate_from(
        model,
        &ask,
        Loras::default(),
        &Device::flex(),
        golden("latents"),
        &mut ears,
    )
    .unwrap();
    let steps = golden("steps");
    let count = ears.latents.len();
    assert_eq!(ears.latents.concat().len(), steps.len(), "{case}: {count} steps");
    for (n, (ours, theirs)) in ears
        .latents
        .iter()
        .zip(steps.chunks_exact(steps.len() / count))
        .enumerate()
    {
        let apart = apart(ours, theirs);
        assert!(apart < 1e-4, "{case}: latents after step {n} are {apart} apart");
    }
    // Theirs is frames, channels, rows, columns.
    let video = golden("video");
    let plane = ask.width * ask.height;
    let ours: Vec<f32> = clip
        .frames()
        .flat_map(|frame| (0..3).flat_map(move |c| frame.iter().map(move |p| p[c])))
        .collect();
    assert_eq!(video.len(), ask.frames * 3 * plane);
    let apart = apart(&ours, &video);
    assert!(apart < 1e-4, "{case}: frames are {apart} apart");
    assert_eq!(ears.previews.len(), count);
    assert!(
        ears.previews
            .iter()
            .all(|p| p.width > 0 && p.pixels.iter().flatten().all(|v| v.is_finite()))
    );
}

#[test]
fn clips_and_stills_are_as_the_reference_makes_them() {
    let model = Model::open(&goldens().join("t2v")).unwrap();
    for case in ["clip", "still", "unguided"] {
        is_equal(&model, case);
    }
}

#[test]
fn two_experts_are_as_the_reference_runs_them() {
    let (_folder, model) = a14b();
    is_equal(&model, "experts");
}

#[test]
fn velocities_with_loras_are_those_of_the_reference() {
    let model = Model::open(&goldens().join("t2v")).unwrap();
    let expected = model.config.transformer.expected();
    let open = |form: &str, strength: f32| {
        let path = goldens().join("loras").join(form);
        (Lora::open(&path, &expected, Expert::Only).unwrap(), strength)
    };
    let golden = Weights::open(&goldens().join("loras.safetensors")).unwrap();
    let numbers = |name: &str| golden.get(name).unwrap().to_f32().unwrap();
    let shape = |name: &str| -> Vec<usize> {
        golden
            .get(name)
            .unwrap()
            .shape
            .iter()
            .map(|v| *v as usize)
            .collect()
    };
    let (latents, states) = (shape("latents"), shape("states"));
    let device = Device::flex();
    let base = Weights::open_part(&goldens().join("t2v/transformer"), "diffusion_pytorch_model").unwrap();
    let out = |loras: Option<&LoraStack>, how: Lay| -> Vec<f32> {
        let weights = Laid::new(&base, loras).laid(how);
        let dit = Dit::new(dit_config(&model.config.transformer), &weights, &device);
        let data = TensorData::new(
            numbers("latents"),
            [latents[1], latents[2], latents[3], latents[4]],
        );
        let text = TensorData::new(numbers("states"), [states[1], states[2]]);
        let sample = Sample {
            latents: Tensor::from_data(data, &device),
            text: Tensor::from_data(text, &device),
        };
        let out = dit.forward(&[sample], 637.0, &mut |_| true).unwrap();
        out[0].clone().into_data().try_into_vec().unwrap()
    };
    let one = |form: &str| LoraStack::new(vec![open(form, 1.0)]).unwrap();
    let bare = apart(&out(None, Lay::Beside), &numbers("bare.out"));
    assert!(bare < 1e-4, "{bare}");
    for form in [
        "diffusers.safetensors",
        "peft",
        "kohya.safetensors",
        "comfy.safetensors",
        "original.safetensors",
    ] {
        for how in [Lay::Beside, Lay::Merged] {
            let ours = out(Some(&one(form)), how);
            let with = apart(&ours, &numbers("one.out"));
            assert!(with < 1e-4, "{form}, {how:?}: {with}");
            assert!(
                apart(&ours, &numbers("bare.out")) > 1e-3,
                "{form} changes nothing"
            );
        }
    }
    let two = LoraStack::new(vec![
        open("kohya.safetensors", 0.75),
        open("second.safetensors", -0.5),
    ])
    .unwrap();
    for how in [Lay::Beside, Lay::Merged] {
        let with = apart(&out(Some(&two), how), &numbers("two.out"));
        assert!(with < 1e-4, "{how:?}: {with}");
    }
}

#[test]
fn a_seed_is_a_take_and_another_is_another() {
    let model = Model::open(&goldens().join("t2v")).unwrap();
    let make = |seed| {
        let ask = Ask {
            seed,
            ..ask("unguided")
        };
        generate(
            &model,
            &ask,
            Loras::default(),
            &Device::flex(),
            &mut Ears::default(),
        )
        .unwrap()
    };
    assert_eq!(make(3), make(3));
    assert_ne!(make(3), make(4));
}

#[test]
fn it_tells_where_it_is_and_stops_within_a_layer() {
    let model = Model::open(&goldens().join("t2v")).unwrap();
    let make = |ears: &mut Ears| generate(&model, &ask("clip"), Loras::default(), &Device::flex(), ears);
    let mut ears = Ears::default();
    make(&mut ears).unwrap();
    let steps: Vec<usize> = ears
        .heard
        .iter()
        .filter_map(|at| match at {
            At::Steps(done, 4) => Some(*done),
            _ => None,
        })
        .collect();
    assert_eq!(steps, [0, 1, 2, 3, 4]);
    assert!(ears.heard.iter().any(|at| matches!(at, At::Words(..))));
    assert!(ears.heard.iter().any(|at| matches!(at, At::Frames(..))));
    // Wherever it is stopped, it stops: in the words, the steps, the frames.
    for layers in [0, 1, 5, 9, 16] {
        let mut ears = Ears {
            layers_left: Some(layers),
            ..Ears::default()
        };
        let stopped = make(&mut ears);
        assert!(
            matches!(stopped, Err(GenerateError::Stopped)),
            "{layers}: {stopped:?}"
        );
    }
}

#[test]
fn what_is_off_the_grid_or_too_long_is_one_error_with_the_mend() {
    let model = Model::open(&goldens().join("t2v")).unwrap();
    let told = |ask: Ask| {
        generate(
            &model,
            &ask,
            Loras::default(),
            &Device::flex(),
            &mut Ears::default(),
        )
        .unwrap_err()
        .to_string()
    };
    let good = ask("clip");
    let size = told(Ask {
        width: 40,
        ..good.clone()
    });
    assert!(size.contains("40x32") && size.contains("48x32"), "{size}");
    let length = told(Ask {
        frames: 6,
        ..good.clone()
    });
    assert!(
        length.contains("4n+1") && length.contains("ask for 9"),
        "{length}"
    );
    let words = told(Ask {
        prompt: "a cat walks on the grass ".repeat(20),
        ..good.clone()
    });
    assert!(
        words.contains("the prompt is") && words.contains("shorten it"),
        "{words}"
    );
    let steps = told(Ask {
        steps: Steps::Own {
            count: 0,
            shift: None,
            kind: None,
        },
        ..good.clone()
    });
    assert!(steps.contains("0 steps"), "{steps}");
    let few = told(Ask {
        steps: Steps::Few {
            times: vec![250.0, 500.0],
            shift: 1.0,
            renoise: false,
        },
        ..good.clone()
    });
    assert!(few.contains("go down"), "{few}");
    assert_eq!(latents_shape(&model, &good).unwrap()[1], 2);
}

#[test]
fn tiles_make_nearly_the_same_frames_and_need_less_memory() {
    let model = Model::open(&goldens().join("t2v")).unwrap();
    let whole = Ask {
        width: 96,
        height: 64,
        ..ask("still")
    };
    let tiled = Ask {
        tile_px: Some(48),
        ..whole.clone()
    };
    let make = |ask: &Ask| {
        generate(
            &model,
            ask,
            Loras::default(),
            &Device::flex(),
            &mut Ears::default(),
        )
        .unwrap()
    };
    let (a, b) = (make(&whole), make(&tiled));
    assert_eq!(
        (a.width, a.height, a.pixels.len()),
        (b.width, b.height, b.pixels.len())
    );
    assert_ne!(a, b);
    let needs = |ask: &Ask| Estimate::of(&model, ask).unwrap();
    assert!(needs(&tiled).frames < needs(&whole).frames);
    let longer = Ask {
        frames: 9,
        ..whole.clone()
    };
    assert!(needs(&longer).steps > needs(&whole).steps);
    assert!(needs(&longer).most() >= needs(&longer).words);
}

#[test]
fn a_folder_that_is_not_whole_is_one_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Model::open(folder.path()).unwrap_err();
    assert!(matches!(missing, OpenError::Look(_)), "{missing}");
    assert!(missing.to_string().contains("holds no model"), "{missing}");
    // A part of the other layout is there: then that layout's files are what is missing.
    std::fs::create_dir(folder.path().join("transformer")).unwrap();
    let missing = Model::open(folder.path()).unwrap_err();
    assert!(matches!(missing, OpenError::Config(_)), "{missing}");
    assert!(missing.to_string().contains("model_index.json"), "{missing}");
}
