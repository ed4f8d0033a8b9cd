//! Clips and takes made over, gone on with and filled, through the engine: what the library makes of the same frames.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "common/room.rs"]
mod room;

use burn::tensor::{Device, Tensor, TensorData};
use heirloom_engine::settings::{FRAME_LEFT, MASK, OF_TAKE, REFERENCES, START, STRENGTH, TAIL};
use heirloom_engine::{Engines, Param, Request, Task};
use heirloom_engine_diffusion::conditions::{BLANK, Conditions, Depth, Mask, depth, edges, grey, settle};
use heirloom_engine_diffusion::engine::engine;
use heirloom_engine_diffusion::generate::Clip;
use heirloom_engine_diffusion::model::{Laid, vae_config};
use heirloom_engine_diffusion::settings;
use heirloom_engine_diffusion::start::{Basis, Start};
use heirloom_engine_diffusion::wan::VaeConfig;
use heirloom_engine_diffusion::weights::Weights;
use heirloom_film::{Rate, Size};
use heirloom_tensors::wan::Vae;
use heirloom_vault::ObjectId;
use room::{Room, distance, is_close, metres, part};
use std::sync::Arc;

fn size(kind: &str) -> Size {
    match kind {
        "ti2v" => Size::new(64, 32).unwrap(),
        _ => Size::new(32, 16).unwrap(),
    }
}

fn room(kind: &str) -> Room {
    Room::new(kind, size(kind))
}

/// A clip made over at half the strength.
fn style(room: &Room, sources: Vec<ObjectId>) -> Request {
    let mut style = room.request(Task::Style, 5, sources);
    style.params.insert(STRENGTH.into(), Param::Number(0.5));
    style
}

fn word(request: &mut Request, name: &str, word: &str) {
    request.params.insert(name.into(), Param::Text(word.into()));
}

fn whole(request: &mut Request, name: &str, n: i64) {
    request.params.insert(name.into(), Param::Whole(n));
}

fn over(clip: Clip) -> Start {
    Start {
        basis: Some(Basis { clip, strength: 0.5 }),
        ..Start::default()
    }
}

#[test]
fn every_model_makes_a_clip_over_from_its_start_on() {
    for kind in ["t2v", "i2v", "ti2v", "vace"] {
        let room = room(kind);
        let rate = if kind == "ti2v" { 24 } else { 16 };
        let (object, clip) = room.clip(rate, 7);
        let mut style = style(&room, vec![object]);
        whole(&mut style, START, 2);
        let seen = part(&clip, 2..7);
        let conditions = Conditions {
            first: (kind == "i2v").then(|| part(&clip, 2..3)),
            ..Conditions::default()
        };
        room.is_as(&style, over(seen), conditions);
    }
}

#[test]
fn a_clip_of_another_rate_is_shown_at_the_model_s() {
    let room = room("t2v");
    // At twice the rate every second frame; a start between two of the model's frames is one of the clip's.
    let (object, clip) = room.clip(32, 12);
    let mut style = style(&room, vec![object]);
    style.params.insert(START.into(), Param::Number(0.5));
    let frames = (0..5).flat_map(|n| part(&clip, 1 + 2 * n..2 + 2 * n).pixels);
    let seen = Clip {
        pixels: frames.collect(),
        ..part(&clip, 0..0)
    };
    room.is_as(&style, over(seen), Conditions::default());
}

#[test]
fn a_clip_made_over_keeps_to_its_own_edges_or_to_the_stage_and_photographs_are_references() {
    let room = room("vace");
    let (object, clip) = room.clip(16, 5);
    let (photograph, reference) = room.photograph(9);
    for (control, made) in [("edges", edges(&clip, 4.0)), ("grey", grey(&clip))] {
        let mut style = style(&room, vec![object, photograph]);
        word(&mut style, settings::CONTROL, control);
        let conditions = Conditions {
            references: vec![reference.clone()],
            ..Conditions::follow(made)
        };
        room.is_as(&style, over(clip.clone()), conditions);
    }
    let mut style = style(&room, vec![object]);
    word(&mut style, settings::CONTROL, "depth");
    let why = room.why(style.clone());
    assert!(
        why.contains("only a stage knows") && why.contains("`edges` or `grey`"),
        "{why}"
    );
    style.guides = Some(ObjectId::of(b"guides"));
    let all: Vec<f32> = (0..5).flat_map(|n| metres(n, room.size)).collect();
    let depth = depth(&all, 32, 16, Depth::WholeClip);
    room.is_as(&style, over(clip), Conditions::follow(depth));
}

/// What is left of a clip where it only goes through the model's autoencoder.
fn through(room: &Room, clip: &Clip) -> Clip {
    let folder = room.listed.folder.join("vae");
    let weights = Weights::open_part(&folder, "diffusion_pytorch_model").unwrap();
    let config = VaeConfig::read(&folder.join("config.json")).unwrap();
    let laid = Laid::new(&weights, None);
    let vae = Vae::new(vae_config(&config), &laid, &Device::flex()).unwrap();
    let values: Vec<f32> = clip.pixels.iter().flatten().map(|v| 2.0 * v - 1.0).collect();
    let data = TensorData::new(values, [clip.frames().len(), clip.height, clip.width, 3]);
    let pixels = Tensor::<4>::from_data(data, &Device::flex()).permute([3, 0, 1, 2]);
    let latents = vae.encode(pixels, None, &mut |_, _| true).unwrap();
    let back = vae.decode(latents, None, &mut |_, _| true).unwrap();
    let values: Vec<f32> = back
        .permute([1, 2, 3, 0])
        .into_data()
        .try_to_vec::<f32>()
        .unwrap();
    Clip {
        pixels: values
            .as_chunks::<3>()
            .0
            .iter()
            .map(|p| p.map(|v| (v * 0.5 + 0.5).clamp(0.0, 1.0)))
            .collect(),
        ..part(clip, 0..0)
    }
}

#[test]
fn little_strength_leaves_the_clip_and_full_strength_little_of_it() {
    let room = room("vace");
    let (object, clip) = room.clip(16, 5);
    let (photograph, _) = room.photograph(9);
    for sources in [vec![object], vec![object, photograph]] {
        let plain = through(&room, &clip);
        let far = |steps: i64, strength: f64| {
            let mut style = style(&room, sources.clone());
            whole(&mut style, settings::STEPS, steps);
            for plain in [settings::GUIDANCE, settings::SHIFT] {
                style.params.insert(plain.into(), Param::Number(1.0));
            }
            style.params.insert(STRENGTH.into(), Param::Number(strength));
            distance(&room.made(&style), &plain)
        };
        // One step of a hundred; five of ten; ten of ten.
        let (little, more, all) = (far(100, 0.01), far(10, 0.5), far(10, 1.0));
        assert!(little < 0.5 * more && more < all, "{little} {more} {all}");
    }
}

#[test]
fn a_take_of_any_engine_is_made_over_and_its_sources_stand_for_leave_alone() {
    let words = room("t2v");
    let mut room = room("vace");
    // Of its own, of another model that it is given, and of one that it is not.
    let living = room.request(Task::Living, 5, Vec::new());
    let (own, manifest) = room.take(&living);
    let made = room.made(&living);
    let sources: Vec<ObjectId> = (0..9u8).map(|n| ObjectId::of(&[n])).collect();
    let (photograph, reference) = room.photograph(9);
    let mut restyle = style(&room, sources.clone());
    restyle.pictures.insert(OF_TAKE.into(), own);
    room.is_as(&restyle, over(made.clone()), Conditions::default());
    restyle.sources.push(photograph);
    word(&mut restyle, REFERENCES, "9");
    let conditions = Conditions {
        references: vec![reference],
        ..Conditions::default()
    };
    room.is_as(&restyle, over(made.clone()), conditions);
    word(&mut restyle, REFERENCES, "nine");
    assert!(room.why(restyle.clone()).contains("10 sources from 0"));

    let mut foreign = manifest.clone();
    foreign.engine = "words".into();
    let foreign = room.inputs.vault.put_json(&foreign).unwrap();
    let mut restyle = style(&room, Vec::new());
    restyle.pictures.insert(OF_TAKE.into(), foreign);
    assert!(room.why(restyle.clone()).contains("there is no engine `words`"));
    let mut listed = words.listed.clone();
    listed.name = "words".into();
    room.readers = Engines::new().with(Arc::new(engine(&listed, Vec::new())));
    room.is_as(&restyle, over(made), Conditions::default());
    // What is no take at all.
    restyle.pictures.insert(OF_TAKE.into(), photograph);
    let why = room.why(restyle);
    assert!(
        why.contains("is no take") && why.contains("heirloom takes"),
        "{why}"
    );
}

#[test]
fn a_clip_is_gone_on_with_from_its_last_frames_and_all_frames_are_new() {
    for kind in ["ti2v", "vace", "i2v"] {
        let room = room(kind);
        let rate = if kind == "ti2v" { 24 } else { 16 };
        let (object, clip) = room.clip(rate, 8);
        let mut extend = room.request(Task::Extend, 4, vec![object]);
        whole(&mut extend, TAIL, 4);
        let tail = if kind == "i2v" { 1 } else { 5 };
        let known = part(&clip, 8 - tail..8);
        let (mut start, mut conditions) = (Start::default(), Conditions::default());
        let frames = tail + 4;
        let plane = clip.width * clip.height;
        match kind {
            "ti2v" => start.held = Some(known),
            "i2v" => conditions.first = Some(known),
            _ => {
                let mut pixels = known.pixels;
                pixels.resize(frames * plane, BLANK);
                let (width, height) = (clip.width, clip.height);
                conditions.control = Some(Clip {
                    width,
                    height,
                    pixels,
                });
                let values = (0..frames * plane).map(|at| f32::from(u8::from(at >= tail * plane)));
                conditions.mask = Some(Mask {
                    width,
                    height,
                    values: values.collect(),
                });
            }
        }
        let whole = room.library(&room.ask(&extend, frames, start, conditions));
        let draft = room.draft(&extend);
        assert_eq!((draft.frames, draft.files.len()), (4, 4), "{kind}");
        is_close(&room.frames(&draft), &part(&whole, tail..frames));
    }
    let room = room("t2v");
    let (object, _) = room.clip(16, 8);
    let why = room.why(room.request(Task::Extend, 4, vec![object]));
    assert!(why.contains("does not make Extend shots"), "{why}");
}

#[test]
fn the_tail_is_as_long_as_the_clip_and_the_model_allow() {
    let room = room("vace");
    // Eight frames at 32 are four at 16: one or whole latents.
    let (object, clip) = room.clip(32, 8);
    let extend = room.request(Task::Extend, 4, vec![object]);
    let plane = clip.width * clip.height;
    let mut pixels = part(&clip, 7..8).pixels;
    pixels.resize(5 * plane, BLANK);
    let values = (0..5 * plane)
        .map(|at| f32::from(u8::from(at >= plane)))
        .collect();
    let (width, height) = (clip.width, clip.height);
    let conditions = Conditions {
        control: Some(Clip {
            width,
            height,
            pixels,
        }),
        mask: Some(Mask {
            width,
            height,
            values,
        }),
        ..Conditions::default()
    };
    let whole = room.library(&room.ask(&extend, 5, Start::default(), conditions));
    is_close(&room.made(&extend), &part(&whole, 1..5));
}

/// A living shot of 17 frames in fragments of 9 at most, each going on from 5.
fn long(room: &Room, task: Task) -> Request {
    let mut long = room.request(task, 17, Vec::new());
    whole(&mut long, settings::FRAGMENT, 9);
    whole(&mut long, settings::OVERLAP, 5);
    long
}

#[test]
fn a_long_shot_is_made_in_fragments_that_go_on_from_each_other() {
    let room = room("vace");
    let long = long(&room, Task::Guided);
    let draft = room.draft(&long);
    assert_eq!(draft.files.len(), 17);
    assert_eq!(draft.facts["anchors"], serde_json::json!([9, 13]));
    let (_, manifest) = room.take(&long);
    assert_eq!(manifest.anchors(), [9, 13]);
    let seen = room.frames(&draft);
    // Depth is stretched over the whole shot, not over each fragment.
    let all: Vec<f32> = (0..17).flat_map(|n| metres(n, room.size)).collect();
    let depth = depth(&all, 32, 16, Depth::WholeClip);
    let plane = 32 * 16;
    for (from, to, known) in [(0usize, 9, 0usize), (9, 13, 5), (13, 17, 5)] {
        let first = from - known;
        let mut control = part(&depth, first..to);
        let kept = part(&seen, first..from);
        control.pixels[..kept.pixels.len()].copy_from_slice(&kept.pixels);
        let frames = to - first;
        let values = (0..frames * plane).map(|at| f32::from(u8::from(at >= known * plane)));
        let mask = Mask {
            width: 32,
            height: 16,
            values: values.collect(),
        };
        let mut conditions = Conditions::follow(control);
        conditions.mask = (known > 0).then_some(mask);
        let mut ask = room.ask(&long, frames, Start::default(), conditions);
        ask.seed ^= (from as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        is_close(&part(&seen, from..to), &part(&room.library(&ask), known..frames));
    }
}

#[test]
fn a_draw_that_was_stopped_goes_on_from_its_last_fragment_to_the_same_bytes() {
    let room = room("ti2v");
    let long = long(&room, Task::Living);
    let draft = room.draft(&long);
    let bytes = |draft: &heirloom_engine::Draft| -> Vec<Vec<u8>> {
        let files = draft.files.iter().map(|file| std::fs::read(&file.path).unwrap());
        files.collect()
    };
    let undisturbed = bytes(&draft);
    let stamp = |n: usize| {
        std::fs::metadata(&draft.files[n].path)
            .unwrap()
            .modified()
            .unwrap()
    };
    let first = stamp(0);
    // The middle fragment was half written.
    for file in &draft.files[11..] {
        std::fs::remove_file(&file.path).unwrap();
    }
    let again = room.draft(&long);
    assert_eq!(bytes(&again), undisturbed);
    assert_eq!(stamp(0), first, "the first fragment was made again");
}

#[test]
fn a_plate_is_filled_and_what_is_kept_is_its_own() {
    let room = room("vace");
    let (plate, picture) = room.photograph(1);
    let mask = room.mask(|x, y| (10..20).contains(&x) && y >= 6);
    let mut fill = room.request(Task::Fill, 9, vec![plate]);
    fill.pictures.insert(MASK.into(), mask);
    let values: Vec<f32> = (0..32 * 16)
        .map(|at| f32::from(u8::from((10..20).contains(&(at % 32)) && at / 32 >= 6)))
        .collect();
    let wanted = Mask {
        width: 32,
        height: 16,
        values: values.clone(),
    };
    let conditions = Conditions::fill(picture.clone(), wanted).unwrap();
    let mut made = room.library(&room.ask(&fill, 1, Start::default(), conditions));
    let mask = Mask {
        width: 32,
        height: 16,
        values: values.clone(),
    };
    settle(&mut made, &picture, &mask);
    let draft = room.draft(&fill);
    assert_eq!((draft.frames, draft.files.len()), (9, 1));
    let seen = room.frames(&draft);
    is_close(&seen, &made);
    let is_own = |at: usize| {
        let pairs = seen.pixels[at].iter().zip(&picture.pixels[at]);
        pairs.into_iter().all(|(seen, own)| (seen - own).abs() < 1e-4)
    };
    let kept = (0..values.len()).filter(|at| values[*at] < 0.5);
    assert!(kept.into_iter().all(is_own));
    let changed = (0..values.len())
        .filter(|at| values[*at] > 0.5 && !is_own(*at))
        .count();
    assert!(changed > 90, "{changed} of 100 pixels are new");

    // What is added beside it is new, and it lies where it was put.
    let mut wider = room.request(Task::Fill, 1, vec![plate]);
    wider.params.insert(FRAME_LEFT.into(), Param::Number(1.0));
    let seen = room.made(&wider);
    let shown = heirloom_picture::resample::cover(
        &heirloom_picture::photo::read(&room.folder.path().join("1.png"))
            .unwrap()
            .image,
        16,
        16,
    );
    let shown = heirloom_picture::color::to_video16(&shown);
    for (at, pixel) in seen.pixels.iter().enumerate().filter(|(at, _)| at % 32 >= 16) {
        let own = shown[at / 32 * 16 + at % 32 - 16];
        for (seen, own) in pixel.iter().zip(own) {
            assert!((seen - f32::from(own) / 65535.0).abs() < 1e-4, "{at}");
        }
    }
    let nothing = room.request(Task::Fill, 1, vec![plate]);
    assert!(room.why(nothing).contains("there is nothing to fill"));
}

#[test]
fn what_can_not_be_made_over_is_one_error_with_the_mend() {
    let room = room("t2v");
    let (clip, _) = room.clip(16, 5);
    let (photograph, _) = room.photograph(1);
    let why = |change: &dyn Fn(&mut Request)| {
        let mut style = style(&room, vec![clip]);
        change(&mut style);
        room.why(style)
    };
    let words = why(&|r| r.sources = Vec::new());
    assert!(
        words.contains("makes Style shots from one source") && words.contains("names 0"),
        "{words}"
    );
    let words = why(&|r| r.sources = vec![photograph]);
    assert!(words.contains("is not a clip that can be read"), "{words}");
    let words = why(&|r| whole(r, START, 5));
    assert!(
        words.contains("has 5 frames") && words.contains("start earlier"),
        "{words}"
    );
    let words = why(&|r| drop(r.params.insert(STRENGTH.into(), Param::Number(0.0))));
    assert!(words.contains("strength"), "{words}");
    let words = why(&|r| drop(r.params.insert(STRENGTH.into(), Param::Number(0.01))));
    assert!(words.contains("strength"), "{words}");
    let words = why(&|r| r.prompt = String::new());
    assert!(words.contains("makes nothing without words"), "{words}");
    // A clip that ends within what a length is rounded up by goes on with its last frame.
    let short = room.clip(16, 3).0;
    assert_eq!(room.made(&style(&room, vec![short])).frames().len(), 5);
    // At any rate: two seconds of a clip at one a second.
    let slow = room.clip(1, 2).0;
    let mut style = style(&room, vec![slow]);
    style.rate = Rate::new(16, 1).unwrap();
    assert_eq!(room.made(&style).frames().len(), 5);
}
