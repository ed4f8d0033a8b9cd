//! What a request gives besides words, through the engine: it must be the clip that the library makes of the same pictures.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use burn::tensor::Device;
use common::goldens;
use heirloom_engine::guides::{Certainty, Pass};
use heirloom_engine::{
    Engine, Failure, GuideFrame, GuideSet, Guides, Inputs, JobState, Order, Param, Request, Task,
};
use heirloom_engine_diffusion::conditions::{Conditions, Depth, Scale, depth};
use heirloom_engine_diffusion::engine::{REVISION, engine};
use heirloom_engine_diffusion::generate::{Ask, At, Clip, Hear, Loras, Steps, TEXT_TOKENS, generate};
use heirloom_engine_diffusion::model::Model;
use heirloom_engine_diffusion::models::{self, ModelList, look};
use heirloom_engine_diffusion::settings;
use heirloom_engine_diffusion::start::Start;
use heirloom_film::{Rate, Size};
use heirloom_picture::png;
use heirloom_vault::{ObjectId, Vault};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const FRAMES: u32 = 5;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match from.is_dir() {
            true => copy(&from, &to),
            false => drop(std::fs::copy(from, to).unwrap()),
        }
    }
}

/// A tiny model of this kind, on a list; and a vault.
struct Room {
    folder: tempfile::TempDir,
    listed: models::Model,
    inputs: Arc<Shelf>,
    size: Size,
}

/// A vault, and guides.
struct Shelf {
    vault: Vault,
    guides: Arc<GuideSet>,
}

impl Inputs for Shelf {
    fn read(&self, object: &ObjectId) -> Result<Vec<u8>, Failure> {
        Inputs::read(&self.vault, object)
    }
    fn path(&self, object: &ObjectId) -> Result<PathBuf, Failure> {
        Inputs::path(&self.vault, object)
    }
    fn guides(&self, _: &ObjectId) -> Result<Arc<dyn Guides>, Failure> {
        Ok(self.guides.clone())
    }
}

fn metres(n: u32, size: Size) -> Vec<f32> {
    let place = |at: u32| (at % size.width, at / size.width);
    (0..size.width * size.height)
        .map(|at| {
            let (x, y) = place(at);
            1.0 + 0.2 * x as f32 + 0.1 * y as f32 + 0.3 * n as f32
        })
        .collect()
}

impl Room {
    fn new(kind: &str, size: Size) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model");
        // Parts that are those of the model for words are not kept twice.
        for part in ["vae", "text_encoder", "tokenizer"] {
            copy(&goldens("t2v").join(part), &model.join(part));
        }
        copy(&goldens(kind), &model);
        let mut list = ModelList::open(&folder.path().join("models.json")).unwrap();
        let found = look(&model).unwrap();
        let listed = list
            .add(&found, Some("tiny"), Some("cc0-1.0"), |_, _| true)
            .unwrap()
            .clone();
        let frames = (0..FRAMES).map(|n| GuideFrame {
            depth_m: Some(Pass {
                values: metres(n, size),
                certainty: Certainty::Exact,
            }),
            ..GuideFrame::default()
        });
        let guides = Arc::new(GuideSet {
            size,
            rate: Rate::new(16, 1).unwrap(),
            names: BTreeMap::new(),
            light: None,
            frames: frames.collect(),
        });
        let vault = Vault::create(&folder.path().join("vault")).unwrap();
        Self {
            inputs: Arc::new(Shelf { vault, guides }),
            folder,
            listed,
            size,
        }
    }

    /// A photograph of the clip's size, in the vault; and its codes.
    fn photograph(&self, which: u32) -> (ObjectId, Clip) {
        let (width, height) = (self.size.width, self.size.height);
        let codes: Vec<[u16; 3]> = (0..width * height)
            .map(|at| {
                let (x, y) = ((at % width) * 900 + which * 7000, (at / width) * 1500);
                [x, y, (x + y) / 2].map(|v| (v % 65536) as u16)
            })
            .collect();
        let path = self.folder.path().join(format!("{which}.png"));
        png::write16(&path, &codes, width, height).unwrap();
        let (object, _) = self.inputs.vault.put_file(&path).unwrap();
        let pixels = codes.iter().map(|p| p.map(|v| f32::from(v) / 65535.0)).collect();
        let clip = Clip {
            width: width as usize,
            height: height as usize,
            pixels,
        };
        (object, clip)
    }

    fn request(&self, task: Task, rate: u32, sources: Vec<ObjectId>) -> Request {
        let settings = [
            (settings::MODEL, Param::Text(self.listed.id.clone())),
            (settings::STEPS, Param::Whole(2)),
        ];
        Request {
            engine: "tiny".into(),
            revision: REVISION,
            task,
            prompt: "a cat walks on the grass".into(),
            mood: String::new(),
            seed: 3,
            size: self.size,
            rate: Rate::new(rate, 1).unwrap(),
            frames: FRAMES,
            sources,
            keyframes: Vec::new(),
            pictures: BTreeMap::new(),
            guides: (task == Task::Guided).then(|| ObjectId::of(b"guides")),
            style: None,
            params: settings.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    fn ended(&self, request: Request) -> JobState {
        let engine = engine(&self.listed, Vec::new());
        let order = Order::new(request, 0, self.folder.path(), self.inputs.clone()).unwrap();
        let job = engine.submit(order).unwrap();
        let begun = Instant::now();
        loop {
            let state = engine.poll(&job).unwrap();
            if state.is_final() {
                return state;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{state:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// That the engine's frames are the library's, of the same pictures.
    fn is_as(&self, request: Request, start: Start, conditions: Conditions) {
        let JobState::Done(drafts) = self.ended(request.clone()) else {
            panic!("it was not done");
        };
        let model = Model::open(&self.listed.folder).unwrap();
        let ask = Ask {
            prompt: request.prompt.clone(),
            negative: String::new(),
            width: self.size.width as usize,
            height: self.size.height as usize,
            frames: FRAMES as usize,
            seed: request.seed,
            steps: Steps::Own {
                count: 2,
                shift: None,
                kind: None,
            },
            guidance: 5.0,
            guidance_low: None,
            text_tokens: TEXT_TOKENS,
            tile_px: None,
            start,
            conditions,
        };
        let clip = generate(&model, &ask, Loras::default(), &Device::flex(), &mut Deaf).unwrap();
        assert_eq!(drafts[0].files.len(), FRAMES as usize);
        for (file, frame) in drafts[0].files.iter().zip(clip.frames()) {
            let image = heirloom_picture::photo::read(&file.path).unwrap().image;
            let seen = heirloom_picture::color::to_video16(&image);
            for (seen, wanted) in seen.iter().zip(frame) {
                for (seen, wanted) in seen.iter().zip(wanted) {
                    assert!(
                        (f32::from(*seen) / 65535.0 - wanted).abs() < 1e-4,
                        "{seen} {wanted}"
                    );
                }
            }
        }
    }
}

/// Hears nothing.
struct Deaf;

impl Hear for Deaf {
    fn go_on(&mut self) -> bool {
        true
    }
    fn at(&mut self, _: At) {}
    fn preview(&mut self, _: usize, _: Clip) {}
    fn looks(&self) -> bool {
        false
    }
}

#[test]
fn a_photograph_is_the_first_frame_of_image_to_video_and_two_are_both_ends() {
    let room = Room::new("i2v", Size::new(32, 16).unwrap());
    let ((a, first), (b, last)) = (room.photograph(1), room.photograph(2));
    let living = room.request(Task::Living, 16, vec![a]);
    room.is_as(
        living,
        Start::default(),
        Conditions {
            first: Some(first.clone()),
            ..Conditions::default()
        },
    );
    let between = room.request(Task::Between, 16, vec![a, b]);
    room.is_as(
        between,
        Start::default(),
        Conditions {
            first: Some(first),
            last: Some(last),
            ..Conditions::default()
        },
    );
    for (task, sources) in [(Task::Living, vec![a, b]), (Task::Between, vec![a])] {
        let JobState::Refused(refusal) = room.ended(room.request(task, 16, sources)) else {
            panic!("it was made");
        };
        assert!(refusal.grounds.concat().contains("photographs"), "{refusal:?}");
    }
    // Without any it makes nothing.
    assert!(matches!(
        room.ended(room.request(Task::Living, 16, Vec::new())),
        JobState::Refused(_)
    ));
}

#[test]
fn the_stage_s_depth_is_followed_and_photographs_are_references() {
    let room = Room::new("vace", Size::new(32, 16).unwrap());
    let (a, picture) = room.photograph(1);
    let mut guided = room.request(Task::Guided, 16, vec![a]);
    guided
        .params
        .insert(settings::CONTROL_SCALE.into(), Param::Number(0.5));
    let all: Vec<f32> = (0..FRAMES).flat_map(|n| metres(n, room.size)).collect();
    room.is_as(
        guided.clone(),
        Start::default(),
        Conditions {
            control: Some(depth(&all, 32, 16, Depth::WholeClip)),
            references: vec![picture],
            scale: Scale::Same(0.5),
            ..Conditions::default()
        },
    );
    // What the stage has not can not be followed.
    guided
        .params
        .insert(settings::CONTROL.into(), Param::Text("edges".into()));
    let JobState::Failed(failure) = room.ended(guided) else {
        panic!("it was made");
    };
    assert!(failure.message.contains("no colour"), "{failure}");
}

#[test]
fn a_photograph_is_held_at_the_beginning_by_the_5b() {
    let room = Room::new("ti2v", Size::new(64, 32).unwrap());
    let (a, first) = room.photograph(1);
    room.is_as(
        room.request(Task::Living, 24, vec![a]),
        Start {
            held: Some(first),
            ..Start::default()
        },
        Conditions::default(),
    );
    room.is_as(
        room.request(Task::Living, 24, Vec::new()),
        Start::default(),
        Conditions::default(),
    );
}
