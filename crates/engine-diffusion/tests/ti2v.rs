//! Wan 2.2 TI2V 5B against diffusers, tiny: its autoencoder, its times for each token, frames held at the beginning; and clips
//! made over by strength, by it and by a model of words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{Goldens, apart, copy, goldens, json, lay};
use heirloom_engine_diffusion::conditions::Conditions;
use heirloom_engine_diffusion::generate::{
    Ask, At, Clip, GenerateError, Hear, Loras, Steps, generate, generate_from,
};
use heirloom_engine_diffusion::memory::Estimate;
use heirloom_engine_diffusion::model::{Laid, Model, dit_config, vae_config};
use heirloom_engine_diffusion::models::look;
use heirloom_engine_diffusion::start::{Basis, Start, StartError};
use heirloom_engine_diffusion::wan::{TransformerConfig, VaeConfig};
use heirloom_engine_diffusion::weights::Weights;
use heirloom_tensors::wan::{Dit, Sample, Tiling, Times, Vae};

/// What is allowed between a stage and its golden, relative to the largest value.
const LIMIT: f64 = 1e-4;

fn ti2v() -> (tempfile::TempDir, Model) {
    let folder = tempfile::tempdir().unwrap();
    lay("ti2v", folder.path());
    let model = Model::open(folder.path()).unwrap();
    (folder, model)
}

fn t2v() -> Model {
    Model::open(&goldens("t2v")).unwrap()
}

/// A golden without its leading axes of size one.
fn tensor<const D: usize>(from: &Goldens, name: &str) -> Tensor<D> {
    let shape: Vec<usize> = from.shape(name).iter().map(|n| *n as usize).collect();
    let (ones, rest) = shape.split_at(shape.len() - D);
    assert!(ones.iter().all(|n| *n == 1), "{name} is {shape:?}");
    let shape: [usize; D] = rest.try_into().unwrap();
    Tensor::from_data(TensorData::new(from.f32(name), shape), &Device::flex())
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_to_vec::<f32>().unwrap()
}

#[track_caller]
fn is_close(what: &str, got: &[f32], wanted: &[f32]) {
    let apart = apart(got, wanted);
    assert!(apart < LIMIT, "{what} is {apart:e} apart");
}

/// Runs `test` with the tiny autoencoder.
fn with_vae(test: impl Fn(&Vae<'_>, &Goldens)) {
    let weights = Weights::open_part(&goldens("ti2v/vae"), "diffusion_pytorch_model").unwrap();
    let config = VaeConfig::read(&goldens("ti2v/vae/config.json")).unwrap();
    assert_eq!((config.scale_sides(), config.scale_frames()), (16, 4));
    let laid = Laid::new(&weights, None);
    let vae = Vae::new(vae_config(&config), &laid, &Device::flex()).unwrap();
    test(&vae, &Goldens::open("ti2v-vae"));
}

#[test]
fn clips_are_encoded_and_decoded_as_the_reference_does() {
    with_vae(|vae, wanted| {
        let cases = |end: &str| -> Vec<String> {
            let all = wanted.names().filter_map(|n| n.strip_suffix(end));
            all.filter(|n| n.contains("code.")).map(str::to_owned).collect()
        };
        let encoded = cases(".mean");
        assert_eq!(encoded.len(), 4);
        for case in encoded {
            let clip = tensor(wanted, &format!("{case}.pixels"));
            let got = vae.encode(clip, None, &mut |_, _| true).unwrap();
            is_close(&case, &values(got), &wanted.f32(&format!("{case}.mean")));
        }
        let decoded = cases(".latents");
        assert_eq!(decoded.len(), 4);
        for case in decoded {
            let latents = tensor(wanted, &format!("{case}.latents"));
            let got = vae.decode(latents, None, &mut |_, _| true).unwrap();
            is_close(&case, &values(got), &wanted.f32(&format!("{case}.pixels")));
        }
    });
}

#[test]
fn tiles_are_cut_and_joined_as_the_reference_does() {
    with_vae(|vae, wanted| {
        let mut count = 0;
        let tiling = Tiling::new([32, 32], [16, 16], 16).unwrap();
        let got = vae.decode(tensor(wanted, "tiled.latents"), Some(tiling), &mut |_, all| {
            count = all;
            true
        });
        is_close("decoded", &values(got.unwrap()), &wanted.f32("tiled.decoded"));
        assert_eq!(count, 12);
        // The reference cuts the picture when two by two of its pixels are one already, by the same numbers.
        let tiling = Tiling::new([64, 64], [32, 32], 16).unwrap();
        let got = vae.encode(tensor(wanted, "tiled.pixels"), Some(tiling), &mut |_, _| true);
        is_close("encoded", &values(got.unwrap()), &wanted.f32("tiled.encoded"));
    });
}

#[test]
fn what_its_autoencoder_can_not_take_is_said_with_the_mend() {
    with_vae(|vae, _| {
        let clip = Tensor::zeros([3, 1, 40, 32], &Device::flex());
        let said = vae.encode(clip, None, &mut |_, _| true).unwrap_err().to_string();
        assert!(
            said.contains("32x40") && said.contains("multiples of 16"),
            "{said}"
        );
        let weights = Weights::open_part(&goldens("ti2v/vae"), "diffusion_pytorch_model").unwrap();
        let laid = Laid::new(&weights, None);
        let mut config = vae.config().clone();
        config.multiples = vec![1, 3, 5, 2];
        let odd = Vae::new(config, &laid, &Device::flex()).unwrap();
        let latents = Tensor::zeros([8, 1, 1, 1], &Device::flex());
        assert!(odd.decode(latents, None, &mut |_, _| true).is_err());
    });
}

#[test]
fn tokens_at_times_of_their_own_are_the_references() {
    let wanted = Goldens::open("ti2v-dit");
    let weights = Weights::open_part(&goldens("ti2v/transformer"), "diffusion_pytorch_model").unwrap();
    let config = TransformerConfig::read(&goldens("ti2v/transformer/config.json")).unwrap();
    let laid = Laid::new(&weights, None);
    let dit = Dit::new(dit_config(&config), &laid, &Device::flex());
    let facts = json("ti2v.json")["dit"].clone();
    for case in ["even", "first", "tail"] {
        let sample = Sample {
            latents: tensor(&wanted, &format!("{case}.latents")),
            text: tensor(&wanted, "states"),
        };
        let times = Times {
            step: facts[case]["time"].as_f64().unwrap() as f32,
            held_frames: facts[case]["held"].as_u64().unwrap() as usize,
        };
        // A guided pair goes through together.
        let got = dit
            .forward(&[sample.clone(), sample.clone()], times, &mut |_| true)
            .unwrap();
        for got in got {
            is_close(case, &values(got), &wanted.f32(&format!("{case}.out")));
        }
        if times.held_frames == 0 {
            let all = Times {
                held_frames: 99,
                ..times
            };
            let nought = dit
                .forward(std::slice::from_ref(&sample), 0.0, &mut |_| true)
                .unwrap();
            let got = dit.forward(&[sample], all, &mut |_| true).unwrap();
            // More frames held than there are: all of them.
            assert_eq!(values(got[0].clone()), values(nought[0].clone()));
        }
    }
}

/// Keeps the latents after each step.
#[derive(Default)]
struct Ears {
    latents: Vec<Vec<f32>>,
    given: Vec<(usize, usize)>,
    previews: usize,
    /// Stops while what was given is encoded.
    stops: bool,
}

impl Hear for Ears {
    fn go_on(&mut self) -> bool {
        !self.stops || self.given.is_empty()
    }

    fn at(&mut self, at: At) {
        if let At::Given(done, of) = at {
            self.given.push((done, of));
        }
    }

    fn preview(&mut self, _: usize, picture: Clip) {
        assert!(picture.pixels.iter().flatten().all(|v| v.is_finite()));
        self.previews += 1;
    }

    fn looks(&self) -> bool {
        true
    }

    fn latents(&mut self, _: usize, latents: &[f32]) {
        self.latents.push(latents.to_vec());
    }
}

/// Frames of a golden of codes, (frames, 3, rows, columns) or (3, rows, columns).
fn clip(from: &Goldens, name: &str) -> Clip {
    let shape = from.shape(name);
    let (height, width) = (shape[shape.len() - 2] as usize, shape[shape.len() - 1] as usize);
    let (codes, plane) = (from.f32(name), height * width);
    let pixels = codes
        .chunks_exact(3 * plane)
        .flat_map(|frame| (0..plane).map(|i| [0, 1, 2].map(|c| frame[c * plane + i])))
        .collect();
    Clip {
        width,
        height,
        pixels,
    }
}

/// What a case was run with.
fn ask(group: &str, case: &str, start: Start) -> Ask {
    let facts = json("ti2v.json")[group][case].clone();
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
        guidance: facts["guidance"].as_f64().unwrap(),
        guidance_low: None,
        text_tokens: whole("length"),
        tile_px: None,
        conditions: Conditions::default(),
        start,
    }
}

fn run(model: &Model, ask: &Ask, noise: Vec<f32>) -> (Ears, Clip) {
    let mut ears = Ears::default();
    let clip = generate_from(model, ask, Loras::default(), &Device::flex(), noise, &mut ears).unwrap();
    (ears, clip)
}

/// Holds each step's latents and some pixels of the frames to the reference.
fn is_equal(model: &Model, (group, case): (&str, &str), golden: &Goldens, noise: &str, start: Start) -> Ears {
    let ask = ask(group, case, start);
    let (ears, made) = run(model, &ask, golden.f32(noise));
    let wanted = golden.f32(&format!("{case}.steps"));
    let count = ears.latents.len();
    assert_eq!(ears.latents.concat().len(), wanted.len(), "{case}: {count} steps");
    for (n, (ours, theirs)) in ears
        .latents
        .iter()
        .zip(wanted.chunks_exact(wanted.len() / count))
        .enumerate()
    {
        is_close(&format!("{case}: step {n}"), ours, theirs);
    }
    assert_eq!(ears.previews, count);
    let every = json("ti2v.json")[group][case]["every"].as_u64().unwrap() as usize;
    let ours: Vec<f32> = made
        .frames()
        .flat_map(|frame| {
            let place = move |c: usize, y: usize| (0..ask.width).step_by(every).map(move |x| (c, y, x));
            let rows = move |c: usize| (0..ask.height).step_by(every).flat_map(move |y| place(c, y));
            let width = ask.width;
            (0..3)
                .flat_map(rows)
                .map(move |(c, y, x)| frame[y * width + x][c])
        })
        .collect();
    is_close(
        &format!("{case}: frames"),
        &ours,
        &golden.f32(&format!("{case}.video")),
    );
    ears
}

fn held(clip: Clip) -> Start {
    Start {
        held: Some(clip),
        ..Start::default()
    }
}

fn over(clip: Clip, strength: f64) -> Start {
    Start {
        basis: Some(Basis { clip, strength }),
        ..Start::default()
    }
}

#[test]
fn words_and_held_frames_come_out_as_the_reference_makes_them() {
    let (_folder, model) = ti2v();
    assert_eq!(
        (model.config.trained_rate(), model.config.grid_px()),
        (24, [32, 32])
    );
    let golden = Goldens::open("ti2v-pipelines");
    let ears = is_equal(
        &model,
        ("pipelines", "text"),
        &golden,
        "latents",
        Start::default(),
    );
    assert_eq!(ears.given, []);
    let first = clip(&golden, "frame.pixels");
    let ears = is_equal(&model, ("pipelines", "frame"), &golden, "latents", held(first));
    assert_eq!(ears.given, [(0, 1)]);
    let tail = clip(&golden, "tail.pixels");
    let ears = is_equal(&model, ("pipelines", "tail"), &golden, "tail.latents", held(tail));
    assert_eq!(ears.given, [(0, 2), (1, 2)]);
}

#[test]
fn clips_are_made_over_as_the_reference_does() {
    let golden = Goldens::open("v2v");
    let (_folder, other) = ti2v();
    let first = t2v();
    for (case, model) in [("less", &first), ("more", &first), ("ti2v", &other)] {
        let strength = json("ti2v.json")["v2v"][case]["strength"].as_f64().unwrap();
        let start = over(clip(&golden, "clip"), strength);
        let steps = is_equal(model, ("v2v", case), &golden, &format!("{case}.latents"), start);
        assert_eq!(steps.latents.len(), (6.0 * strength) as usize);
    }
}

/// What is held is what comes out at the beginning, whatever the seed; the rest is each seed's own.
#[test]
fn a_held_beginning_stays_and_the_rest_is_made() {
    let (_folder, model) = ti2v();
    let golden = Goldens::open("ti2v-pipelines");
    let make = |seed: u64, start: Start| {
        let ask = Ask {
            seed,
            ..ask("pipelines", "tail", start)
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
    let tail = clip(&golden, "tail.pixels");
    let (one, two) = (make(1, held(tail.clone())), make(2, held(tail.clone())));
    let frame = |clip: &Clip, n: usize| clip.frames().nth(n).unwrap().to_vec();
    for n in 0..5 {
        assert_eq!(frame(&one, n), frame(&two, n), "frame {n}");
    }
    assert_ne!(frame(&one, 12), frame(&two, 12));
    assert_ne!(frame(&make(1, Start::default()), 0), frame(&one, 0));
    // A tail held and a clip made over go together: the beginning is the tail's.
    let basis = Clip {
        pixels: [
            tail.pixels.clone(),
            tail.pixels.clone(),
            tail.pixels[..3 * 1024].to_vec(),
        ]
        .concat(),
        ..tail.clone()
    };
    let both = make(
        3,
        Start {
            held: Some(tail),
            ..over(basis, 0.7)
        },
    );
    assert_eq!(frame(&both, 4), frame(&one, 4));
    assert_ne!(frame(&both, 12), frame(&one, 12));
}

/// The more strength, the further from the clip.
#[test]
fn strength_is_how_far_a_clip_may_go() {
    let model = t2v();
    let golden = Goldens::open("v2v");
    let given = clip(&golden, "clip");
    let latents = |strength: f64| {
        let ask = ask("v2v", "less", over(given.clone(), strength));
        run(&model, &ask, golden.f32("less.latents"))
            .0
            .latents
            .pop()
            .unwrap()
    };
    let whole = latents(1.0);
    assert_eq!(whole.len(), 16 * 2 * 4 * 4);
    let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    let least = latents(0.17);
    assert!(apart(&least, &latents(0.5)) < apart(&least, &whole));
}

#[test]
fn what_can_not_be_started_from_is_said_with_the_mend() {
    let (_folder, model) = ti2v();
    let plain = t2v();
    let golden = Goldens::open("ti2v-pipelines");
    let tail = clip(&golden, "tail.pixels");
    let told = |model: &Model, ask: &Ask| {
        let mut ears = Ears::default();
        let error = generate(model, ask, Loras::default(), &Device::flex(), &mut ears).unwrap_err();
        // Nothing is read or encoded before.
        assert!(ears.given.is_empty());
        error.to_string()
    };
    let cut = |frames: usize| Clip {
        pixels: tail.pixels[..frames * 1024].to_vec(),
        ..tail.clone()
    };
    let of = |start: Start| ask("pipelines", "tail", start);
    let said = told(&plain, &of(held(cut(1))));
    assert!(
        said.contains("can not hold frames") && said.contains("TI2V 5B"),
        "{said}"
    );
    let said = told(&model, &of(held(cut(4))));
    assert!(said.contains("4n+1") && said.contains("give 1, or 5"), "{said}");
    let short = Ask {
        frames: 5,
        ..of(held(cut(5)))
    };
    assert!(told(&model, &short).contains("ask for a longer clip"));
    let wide = Ask {
        width: 64,
        ..of(held(cut(1)))
    };
    let said = told(&model, &wide);
    assert!(said.contains("32x32") && said.contains("scale it"), "{said}");
    let said = told(&model, &of(over(cut(5), 0.5)));
    assert!(
        said.contains("5 frames") && said.contains("13 are asked for"),
        "{said}"
    );
    let mut broken = cut(1);
    broken.pixels[7][1] = f32::NAN;
    assert!(told(&model, &of(held(broken))).contains("read its files again"));
    let empty = Clip {
        pixels: Vec::new(),
        ..cut(1)
    };
    assert!(told(&model, &of(held(empty))).contains("no whole frames"));
    let good = Ask {
        frames: 5,
        ..of(over(cut(5), 0.5))
    };
    for (strength, part) in [
        (0.0, "above 0"),
        (1.5, "1 at most"),
        (f64::NAN, "above 0"),
        (0.3, "0.334"),
    ] {
        let mut ask = good.clone();
        ask.start.basis.as_mut().unwrap().strength = strength;
        let said = told(&model, &ask);
        assert!(said.contains("strength") && said.contains(part), "{said}");
    }
    // The size is checked before all that.
    let off = Ask {
        height: 48,
        ..good.clone()
    };
    assert!(told(&model, &off).contains("32x32 pixels"));
    assert_eq!(
        Start::default().check(&plain, &good),
        Ok(()),
        "noise alone suits every model"
    );
    assert_eq!(held(cut(1)).check(&plain, &good), Err(StartError::HoldsNone));
}

#[test]
fn it_stops_while_frames_are_encoded() {
    let (_folder, model) = ti2v();
    let golden = Goldens::open("ti2v-pipelines");
    let ask = ask("pipelines", "tail", held(clip(&golden, "tail.pixels")));
    let mut ears = Ears {
        stops: true,
        ..Ears::default()
    };
    let stopped = generate(&model, &ask, Loras::default(), &Device::flex(), &mut ears);
    assert!(matches!(stopped, Err(GenerateError::Stopped)), "{stopped:?}");
    assert_eq!(ears.given, [(0, 2)]);
}

#[test]
fn a_folder_of_it_is_known_and_its_memory_estimated() {
    let (folder, model) = ti2v();
    let found = look(folder.path()).unwrap();
    assert_eq!(found.problems, [""; 0]);
    assert!(found.holds_frames);
    assert!(
        found.title.starts_with("Wan text and first frame to video"),
        "{}",
        found.title
    );
    assert!(!look(&goldens("t2v")).unwrap().holds_frames);
    let golden = Goldens::open("ti2v-pipelines");
    let plain = ask("pipelines", "tail", Start::default());
    let ask = ask("pipelines", "tail", held(clip(&golden, "tail.pixels")));
    let (none, some) = (
        Estimate::of(&model, &plain).unwrap(),
        Estimate::of(&model, &ask).unwrap(),
    );
    assert!(
        none.given == 0 && some.given > 0 && some.steps > none.steps,
        "{none:?} {some:?}"
    );
    assert!(some.most() >= some.given);
    // The first pipeline's autoencoder does not fit this transformer.
    std::fs::remove_dir_all(folder.path().join("vae")).unwrap();
    copy(&goldens("t2v/vae"), &folder.path().join("vae"));
    let problems = look(folder.path()).unwrap().problems.join("; ");
    assert!(problems.contains("different models"), "{problems}");
}
