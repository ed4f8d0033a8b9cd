//! Models that take more than words, against diffusers: VACE under every kind of condition, image to video by two experts.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{Goldens, apart, goldens, json, lay};
use heirloom_engine_diffusion::conditions::{ConditionError, Conditions, Mask, Scale};
use heirloom_engine_diffusion::generate::{
    Ask, At, Clip, GenerateError, Hear, Loras, Steps, generate, generate_from, latents_shape,
};
use heirloom_engine_diffusion::memory::Estimate;
use heirloom_engine_diffusion::model::{Laid, Model, vace_config};
use heirloom_engine_diffusion::models::{Layout, look};
use heirloom_engine_diffusion::start::Start;
use heirloom_engine_diffusion::wan::Takes;
use heirloom_engine_diffusion::weights::Weights;
use heirloom_tensors::wan::{Control, Sample, VaceDit};

/// How far anything may be from the reference, of its largest value.
const LIMIT: f64 = 1e-4;

fn opened(name: &str) -> (tempfile::TempDir, Model) {
    let folder = tempfile::tempdir().unwrap();
    lay(name, folder.path());
    let model = Model::open(folder.path()).unwrap();
    (folder, model)
}

/// Keeps latents and what it was told.
#[derive(Default)]
struct Ears {
    latents: Vec<Vec<f32>>,
    heard: Vec<At>,
    previews: Vec<Clip>,
    parts_left: Option<usize>,
}

impl Hear for Ears {
    fn go_on(&mut self) -> bool {
        match &mut self.parts_left {
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

/// A file of goldens in which pictures are 8-bit codes: frames, rows, columns, and channels where they are coloured.
struct Pictures(Weights);

impl Pictures {
    fn open(name: &str) -> Self {
        Self(Weights::open(&goldens(&format!("{name}.safetensors"))).unwrap())
    }

    fn codes(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let view = self.0.get(name)?;
        let shape = view.shape.iter().map(|side| *side as usize).collect();
        Some((
            shape,
            view.bytes.iter().map(|code| f32::from(*code) / 255.0).collect(),
        ))
    }

    fn clip(&self, name: &str) -> Option<Clip> {
        let (shape, codes) = self.codes(name)?;
        Some(Clip {
            width: shape[2],
            height: shape[1],
            pixels: codes.as_chunks::<3>().0.to_vec(),
        })
    }

    fn mask(&self, name: &str) -> Option<Mask> {
        let (shape, values) = self.codes(name)?;
        Some(Mask {
            width: shape[2],
            height: shape[1],
            values,
        })
    }
}

/// What a case of the goldens was run with, but for its conditions.
fn ask(facts: &serde_json::Value) -> Ask {
    let whole = |name: &str| facts[name].as_u64().unwrap() as usize;
    let text = &json("facts.json")["pipelines"]["clip"];
    let guidance = facts["guidance"].as_f64().or(facts["guidance_scale"].as_f64());
    Ask {
        prompt: text["prompt"].as_str().unwrap().into(),
        negative: text["negative"].as_str().unwrap().into(),
        width: whole("width"),
        height: whole("height"),
        frames: whole("frames"),
        seed: 0,
        steps: Steps::Own {
            count: whole("steps"),
            shift: None,
            kind: None,
        },
        guidance: guidance.unwrap(),
        guidance_low: facts["guidance_scale_2"].as_f64(),
        text_tokens: text["length"].as_u64().unwrap() as usize,
        tile_px: None,
        start: Start::default(),
        conditions: Conditions::default(),
    }
}

/// A case of VACE, with its clip and mask as diffusers was given them.
fn vace_ask(case: &str) -> Ask {
    let facts = &json("conditions.json")["vace"][case];
    let pictures = Pictures::open("vace");
    let references = (0..facts["references"].as_u64().unwrap())
        .map(|n| pictures.clip(&format!("{case}.reference.{n}")).unwrap())
        .collect();
    let scale = match facts["scale"].as_array() {
        Some(each) => Scale::Each(each.iter().map(|v| v.as_f64().unwrap() as f32).collect()),
        None => Scale::Same(facts["scale"].as_f64().unwrap() as f32),
    };
    Ask {
        conditions: Conditions {
            control: pictures.clip(&format!("{case}.video_in")),
            mask: pictures.mask(&format!("{case}.mask_in")),
            references,
            scale,
            ..Conditions::default()
        },
        ..ask(facts)
    }
}

fn i2v_ask(case: &str) -> Ask {
    let facts = &json("conditions.json")["i2v"][case];
    let pictures = Pictures::open("i2v");
    Ask {
        conditions: Conditions {
            first: pictures.clip(&format!("{case}.frame.0")),
            last: pictures.clip(&format!("{case}.frame.1")),
            ..Conditions::default()
        },
        ..ask(facts)
    }
}

/// Runs a case from its golden noise, and holds each step and the frames to the golden's.
fn is_equal(model: &Model, file: &str, case: &str, ask: &Ask) {
    let goldens = Goldens::open(file);
    let golden = |name: &str| goldens.f32(&format!("{case}.{name}"));
    let mut ears = Ears::default();
    let noise = golden("latents");
    let clip = generate_from(model, ask, Loras::default(), &Device::flex(), noise, &mut ears).unwrap();
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
        assert!(apart < LIMIT, "{case}: latents after step {n} are {apart} apart");
    }
    assert_eq!(clip.frames().len(), ask.frames, "{case}");
    assert_eq!(ears.previews.len(), count, "{case}");
    if goldens.names().any(|name| name == format!("{case}.video")) {
        // Theirs is frames, channels, rows, columns.
        let ours: Vec<f32> = clip
            .frames()
            .flat_map(|frame| (0..3).flat_map(move |c| frame.iter().map(move |p| p[c])))
            .collect();
        let apart = apart(&ours, &golden("video"));
        assert!(apart < LIMIT, "{case}: frames are {apart} apart");
    }
}

fn cases(kind: &str) -> Vec<String> {
    let facts = json("conditions.json");
    facts[kind].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_kind_of_control_mask_reference_and_scale_is_as_the_reference_makes_it() {
    let (_folder, model) = opened("vace");
    assert_eq!(model.config.takes(), Takes::Control);
    let cases = cases("vace");
    for kind in [
        "depth",
        "grey",
        "edges",
        "flow",
        "layout",
        "inpaint",
        "outpaint",
        "references",
        "together",
    ] {
        assert!(cases.iter().any(|case| case == kind), "no golden of {kind}");
    }
    let mut steps = Vec::new();
    for case in &cases {
        is_equal(&model, "vace", case, &vace_ask(case));
        steps.push((case, Goldens::open("vace").f32(&format!("{case}.steps"))));
    }
    // The goldens themselves tell the conditions apart, the scale 0 from all others too.
    let of = |name: &str| &steps.iter().find(|(case, _)| *case == name).unwrap().1;
    assert!(apart(of("scaled"), of("unscaled")) > 1e-3);
}

#[test]
fn image_to_video_by_two_experts_is_as_the_reference_makes_it() {
    let (_folder, model) = opened("i2v");
    assert_eq!(model.config.takes(), Takes::Frames);
    assert_eq!(model.config.boundary, Some(0.9));
    for case in cases("i2v") {
        is_equal(&model, "i2v", &case, &i2v_ask(&case));
    }
    let times: Vec<f64> =
        serde_json::from_value(json("conditions.json")["i2v"]["first"]["times"].clone()).unwrap();
    let second: Vec<bool> = times.iter().map(|t| model.config.is_second_at(*t)).collect();
    assert!(!second[0] && second[3], "{times:?}: each expert has its turn");
}

/// The transformer with its branch by itself, at other times, sizes and scales than those of the pipelines.
#[test]
fn the_branch_for_control_is_added_as_the_reference_adds_it() {
    let (folder, model) = opened("vace");
    let golden = Pictures::open("vace-dit").0;
    let device = Device::flex();
    let base = Weights::open_part(&folder.path().join("transformer"), "diffusion_pytorch_model").unwrap();
    let laid = Laid::new(&base, None);
    let dit = VaceDit::new(vace_config(&model.config.transformer), &laid, &device).unwrap();
    let tensor = |name: &str| {
        let view = golden.get(name).unwrap();
        let shape: Vec<usize> = view.shape[1..].iter().map(|side| *side as usize).collect();
        TensorData::new(view.to_f32().unwrap(), shape)
    };
    let facts = json("conditions.json")["transformer"].clone();
    for (case, facts) in facts.as_object().unwrap() {
        let sample = Sample {
            latents: Tensor::from_data(tensor(&format!("{case}.latents")), &device),
            text: Tensor::from_data(tensor("states"), &device),
        };
        let scales: Vec<f32> = serde_json::from_value(facts["scales"].clone()).unwrap();
        let control = Control {
            latents: Tensor::from_data(tensor(&format!("{case}.control")), &device),
            scales: scales.clone(),
        };
        let time = facts["time"].as_f64().unwrap() as f32;
        let mut heard = Vec::new();
        let samples = [sample.clone(), sample.clone()];
        let out = dit.forward(&samples, &control, time, &mut |done| {
            heard.push(done);
            true
        });
        let theirs = golden.get(&format!("{case}.out")).unwrap().to_f32().unwrap();
        for ours in out.unwrap() {
            let ours: Vec<f32> = ours.into_data().try_into_vec().unwrap();
            let apart = apart(&ours, &theirs);
            assert!(apart < LIMIT, "{case}: {apart}");
        }
        // Three blocks and two of the branch.
        assert_eq!(heard, [0, 1, 2, 3, 4]);
        // Too few scales, or a control of another size, are said.
        let few = Control {
            scales: vec![1.0],
            ..control.clone()
        };
        let error = dit
            .forward(&samples, &few, time, &mut |_| true)
            .unwrap_err()
            .to_string();
        assert!(error.contains("one for each"), "{error}");
        let [_, t, h, w] = control.latents.dims();
        let small = Control {
            latents: control.latents.clone().slice([0..96, 0..t, 0..h, 0..w - 2]),
            scales,
        };
        let error = dit
            .forward(&samples, &small, time, &mut |_| true)
            .unwrap_err()
            .to_string();
        assert!(error.contains("one size"), "{error}");
    }
}

/// First and last frame are laid into the clip and its mask by themselves: the goldens were given clips with them laid in.
#[test]
fn frames_that_are_given_are_laid_into_clip_and_mask() {
    let (_folder, model) = opened("vace");
    let pictures = Pictures::open("vace");
    let frame = |clip: &Clip, n: usize| Clip {
        pixels: clip.frames().nth(n).unwrap().to_vec(),
        ..*clip
    };
    let laid = pictures.clip("first-last.video_in").unwrap();
    let grey = Clip {
        pixels: vec![[128.0 / 255.0; 3]; laid.pixels.len()],
        ..laid
    };
    let ask = Ask {
        conditions: Conditions {
            first: Some(frame(&laid, 0)),
            last: Some(frame(&laid, 8)),
            // The golden's grey is 8-bit, half a code lighter than the middle.
            ..Conditions::follow(grey)
        },
        ..vace_ask("first-last")
    };
    is_equal(&model, "vace", "first-last", &ask);
    // Over depth, with references.
    let together = vace_ask("together");
    let depth = pictures.clip("depth.video_in").unwrap();
    let ask = Ask {
        conditions: Conditions {
            first: Some(frame(together.conditions.control.as_ref().unwrap(), 0)),
            control: Some(depth),
            mask: None,
            ..together.conditions.clone()
        },
        ..together
    };
    is_equal(&model, "vace", "together", &ask);
}

#[test]
fn the_same_seed_is_the_same_take_and_conditions_change_it() {
    let (_folder, model) = opened("vace");
    let make = |ask: &Ask| {
        let mut ears = Ears::default();
        let clip = generate(&model, ask, Loras::default(), &Device::flex(), &mut ears).unwrap();
        (clip, ears)
    };
    let depth = vace_ask("depth");
    let (one, ears) = make(&depth);
    assert_eq!(one, make(&depth).0);
    let bare = Ask {
        conditions: Conditions::default(),
        ..depth.clone()
    };
    assert_ne!(one, make(&bare).0);
    let told: Vec<&At> = ears
        .heard
        .iter()
        .filter(|at| matches!(at, At::Conditions(..)))
        .collect();
    // Two clips of two chunks each.
    assert_eq!(told.len(), 4, "{told:?}");
    // In tiles it is nearly the same: the conditions are encoded in tiles too.
    let wide = Ask {
        width: 96,
        height: 64,
        frames: 1,
        conditions: Conditions::default(),
        ..depth
    };
    let reference = Pictures::open("vace").clip("reference.reference.0").unwrap();
    let given = Ask {
        conditions: Conditions {
            references: vec![reference],
            ..Conditions::default()
        },
        ..wide.clone()
    };
    let tiled = Ask {
        tile_px: Some(48),
        ..given.clone()
    };
    assert_ne!(make(&given).0, make(&tiled).0);
    let needs = |ask: &Ask| Estimate::of(&model, ask).unwrap();
    assert!(
        needs(&given).steps > needs(&wide).steps,
        "a reference is a frame more"
    );
    assert!(needs(&tiled).conditions < needs(&given).conditions);
    assert!(needs(&given).most() >= needs(&given).conditions);
}

#[test]
fn it_stops_while_conditions_are_encoded() {
    let (_folder, model) = opened("vace");
    // Two layers of words, then five parts of conditions, then blocks.
    for parts in 0..12 {
        let mut ears = Ears {
            parts_left: Some(parts),
            ..Ears::default()
        };
        let made = generate(
            &model,
            &vace_ask("reference"),
            Loras::default(),
            &Device::flex(),
            &mut ears,
        );
        assert!(matches!(made, Err(GenerateError::Stopped)), "{parts}: {made:?}");
    }
}

#[test]
fn conditions_that_can_not_be_are_one_error_with_the_mend() {
    let (_vace, vace) = opened("vace");
    let (_i2v, i2v) = opened("i2v");
    let text = Model::open(&goldens("t2v")).unwrap();
    let told = |model: &Model, ask: &Ask| match latents_shape(model, ask) {
        Err(GenerateError::Conditions(error)) => error,
        other => panic!("{other:?}"),
    };
    let good = vace_ask("inpaint");
    let with = |change: &dyn Fn(&mut Conditions)| {
        let mut ask = good.clone();
        change(&mut ask.conditions);
        told(&vace, &ask)
    };
    let small = |clip: &Clip| Clip {
        width: 16,
        height: 16,
        pixels: clip.pixels[..16 * 16 * 5].to_vec(),
    };
    let reference = vace_ask("reference").conditions.references[0].clone();
    for (error, said) in [
        (
            with(&|c| c.control = c.control.as_ref().map(small)),
            "16x16 pixels and the clip asked for is 32x16",
        ),
        (
            with(&|c| c.control.as_mut().unwrap().pixels.truncate(32 * 16 * 4)),
            "control clip has 4 frames and 5",
        ),
        (
            with(&|c| c.control.as_mut().unwrap().pixels.truncate(100)),
            "no whole number of frames",
        ),
        (
            with(&|c| c.mask.as_mut().unwrap().values.truncate(32 * 16)),
            "mask has 1 frames and 5",
        ),
        (
            with(&|c| c.mask.as_mut().unwrap().width = 16),
            "the mask is 16x16",
        ),
        (
            with(&|c| c.mask.as_mut().unwrap().values[3] = f32::NAN),
            "the mask has the value NaN",
        ),
        (
            with(&|c| c.control.as_mut().unwrap().pixels[3][1] = 1.5),
            "the value 1.5",
        ),
        (with(&|c| c.control = None), "no control clip of which"),
        (
            with(&|c| c.scale = Scale::Same(f32::INFINITY)),
            "scale of the conditions is inf",
        ),
        (
            with(&|c| c.scale = Scale::Same(-1.0)),
            "must be a number from 0 to 10",
        ),
        (with(&|c| c.scale = Scale::Each(vec![1.0, f32::NAN])), "NaN"),
        (
            with(&|c| c.scale = Scale::Each(vec![1.0])),
            "the model has 2 layers for control",
        ),
        (
            with(&|c| c.first = c.control.clone()),
            "first frame has 5 frames and 1",
        ),
        (
            with(&|c| {
                c.references = vec![Clip {
                    width: 3,
                    height: 0,
                    pixels: Vec::new(),
                }]
            }),
            "no whole number of frames",
        ),
    ] {
        assert!(error.to_string().contains(said), "{error}");
    }
    let frame = reference.clone();
    let still = Ask {
        frames: 1,
        width: frame.width,
        height: frame.height,
        conditions: Conditions {
            first: Some(frame.clone()),
            last: Some(frame.clone()),
            ..Conditions::default()
        },
        ..good.clone()
    };
    // 24 rows are off the grid; what is on it has no last frame beside its first.
    assert!(matches!(
        latents_shape(&vace, &still),
        Err(GenerateError::Size(_))
    ));
    let cut = |clip: &Clip| Clip {
        height: 16,
        pixels: clip.pixels[..64 * 16].to_vec(),
        ..*clip
    };
    let still = Ask {
        height: 16,
        conditions: Conditions {
            first: Some(cut(&frame)),
            last: Some(cut(&frame)),
            ..Conditions::default()
        },
        ..still
    };
    assert_eq!(told(&vace, &still), ConditionError::OneFrame);
    // What a model does not take is said with one that does.
    let first = i2v_ask("first");
    for (model, ask, said) in [
        (&text, &good, "text to video and takes no control clip"),
        (
            &text,
            &first,
            "takes no first frame; leave it away, or take a model that does: Wan 2.2 I2V A14B",
        ),
        (&i2v, &good, "image to video and takes no control clip"),
        (
            &i2v,
            &Ask {
                conditions: Conditions::default(),
                ..first.clone()
            },
            "give the first frame",
        ),
        (
            &i2v,
            &Ask {
                conditions: Conditions {
                    scale: Scale::Same(0.5),
                    ..first.conditions.clone()
                },
                ..first.clone()
            },
            "no scale",
        ),
    ] {
        let error = told(model, ask).to_string();
        assert!(error.contains(said), "{error}");
    }
    // Nothing is nothing for a model of words, and grey for VACE.
    assert!(Conditions::default().is_empty() && !good.conditions.is_empty());
    let bare = Ask {
        conditions: Conditions::default(),
        ..good.clone()
    };
    assert_eq!(
        latents_shape(&text, &bare).unwrap(),
        latents_shape(&vace, &bare).unwrap()
    );
    assert_eq!(
        latents_shape(&vace, &vace_ask("references")).unwrap(),
        [16, 4, 2, 4]
    );
}

#[test]
fn folders_of_both_are_known_and_called_by_what_they_take() {
    for (name, takes, title, files) in [
        ("vace", Takes::Control, "Wan control to video (VACE), 0.", 1),
        ("i2v", Takes::Frames, "Wan image to video, 2 experts of 0.", 2),
    ] {
        let folder = tempfile::tempdir().unwrap();
        lay(name, folder.path());
        let found = look(folder.path()).unwrap();
        assert_eq!(found.problems, [""; 0]);
        assert_eq!((found.layout, found.takes), (Layout::Diffusers, takes));
        assert!(found.title.starts_with(title), "{}", found.title);
        let transformers = found
            .files()
            .iter()
            .filter(|f| {
                f.to_string_lossy().contains("transformer")
                    && f.extension().is_some_and(|e| e == "safetensors")
            })
            .count();
        assert_eq!(transformers, files);
        let list = tempfile::tempdir().unwrap();
        let mut list =
            heirloom_engine_diffusion::models::ModelList::open(&list.path().join("models.json")).unwrap();
        let added = list
            .add(&found, Some("tiny"), Some("apache-2.0"), |_, _| true)
            .unwrap();
        assert_eq!(added.takes, takes);
    }
}
