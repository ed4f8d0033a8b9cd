//! A tiny model on a list, a vault with photographs and clips, and the engine and the library side by side.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::panic)]

use crate::common::lay;
use burn::tensor::Device;
use heirloom_engine::guides::{Certainty, Pass};
use heirloom_engine::{
    Draft, Engine, Engines, Failure, GuideFrame, GuideSet, Guides, Inputs, JobState, Order, Param, Request,
    TakeManifest, Task, manifest_of,
};
use heirloom_engine_diffusion::conditions::Conditions;
use heirloom_engine_diffusion::engine::{REVISION, engine_over};
use heirloom_engine_diffusion::generate::{Ask, At, Clip, Hear, Loras, Steps, TEXT_TOKENS, generate};
use heirloom_engine_diffusion::model::Model;
use heirloom_engine_diffusion::models::{self, ModelList, look};
use heirloom_engine_diffusion::settings;
use heirloom_engine_diffusion::start::Start;
use heirloom_film::{Rate, Size};
use heirloom_picture::{color, photo, png};
use heirloom_vault::{ObjectId, Vault};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A tiny model of a kind.
pub struct Room {
    pub folder: tempfile::TempDir,
    pub listed: models::Model,
    pub inputs: Arc<Shelf>,
    pub size: Size,
    /// Engines whose takes it can make over.
    pub readers: Engines,
}

/// A vault, and guides.
pub struct Shelf {
    pub vault: Vault,
    pub guides: Arc<GuideSet>,
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

/// Frames of the stage of a room.
pub const STAGED: u32 = 17;

/// Each pixel's place in a row and its row.
fn places(size: Size) -> impl Iterator<Item = (u32, u32)> {
    (0..size.width * size.height).map(move |at| (at % size.width, at / size.width))
}

pub fn metres(n: u32, size: Size) -> Vec<f32> {
    places(size)
        .map(|(x, y)| 1.0 + 0.2 * x as f32 + 0.1 * y as f32 + 0.3 * n as f32)
        .collect()
}

/// A thing of 8 by 6 pixels that goes to the right, and one as wide as the frame below it.
pub fn ids(n: u32, size: Size) -> Vec<u32> {
    places(size)
        .map(|(x, y)| match (x, y) {
            (x, y) if (2 + n..10 + n).contains(&x) && (2..8).contains(&y) => 7,
            (_, y) if y >= size.height - 4 => 2,
            _ => 0,
        })
        .collect()
}

pub fn motion(n: u32, size: Size) -> Vec<[f32; 2]> {
    ids(n, size)
        .into_iter()
        .map(|id| if id == 7 { [1.0, 0.0] } else { [0.0, 0.0] })
        .collect()
}

impl Room {
    pub fn new(kind: &str, size: Size) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model");
        lay(kind, &model);
        let mut list = ModelList::open(&folder.path().join("models.json")).unwrap();
        let found = look(&model).unwrap();
        let listed = list
            .add(&found, Some("tiny"), Some("cc0-1.0"), |_, _| true)
            .unwrap()
            .clone();
        let frames = (0..STAGED).map(|n| GuideFrame {
            depth_m: Some(exact(metres(n, size))),
            object_id: Some(exact(ids(n, size))),
            motion_next_px: Some(exact(motion(n, size))),
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
            readers: Engines::new(),
        }
    }

    /// A frame of a picture that moves.
    fn codes(&self, which: u32) -> Vec<[u16; 3]> {
        places(self.size)
            .map(|(x, y)| {
                let (x, y) = (x * 900 + which * 3000, y * 1500 + which * 700);
                // Up and down again, so that nothing jumps from white to black.
                let wave = |v: u32| {
                    if (v / 65536).is_multiple_of(2) {
                        v % 65536
                    } else {
                        65535 - v % 65536
                    }
                };
                [wave(x), wave(y), wave((x + y) / 2)].map(|v| v as u16)
            })
            .collect()
    }

    fn clip_of(&self, frames: &[Vec<[u16; 3]>]) -> Clip {
        let pixels = frames.iter().flatten();
        Clip {
            width: self.size.width as usize,
            height: self.size.height as usize,
            pixels: pixels.map(|p| p.map(|v| f32::from(v) / 65535.0)).collect(),
        }
    }

    /// A photograph of the frame's size, in the vault; and its codes.
    pub fn photograph(&self, which: u32) -> (ObjectId, Clip) {
        let codes = self.codes(which);
        let path = self.folder.path().join(format!("{which}.png"));
        png::write16(&path, &codes, self.size.width, self.size.height).unwrap();
        let (object, _) = self.inputs.vault.put_file(&path).unwrap();
        (object, self.clip_of(&[codes]))
    }

    /// A picture of one channel, in the vault.
    pub fn mask(&self, white: impl Fn(u32, u32) -> bool) -> ObjectId {
        let codes: Vec<[u16; 3]> = places(self.size)
            .map(|(x, y)| [if white(x, y) { 65535 } else { 0 }; 3])
            .collect();
        let path = self.folder.path().join("mask.png");
        png::write16(&path, &codes, self.size.width, self.size.height).unwrap();
        self.inputs.vault.put_file(&path).unwrap().0
    }

    /// A clip of the frame's size without any loss, in the vault; and its codes.
    pub fn clip(&self, rate: u32, frames: u32) -> (ObjectId, Clip) {
        let all: Vec<Vec<[u16; 3]>> = (0..frames).map(|n| self.codes(n)).collect();
        let path = self.folder.path().join(format!("{rate}-{frames}.mkv"));
        let size = format!("{}x{}", self.size.width, self.size.height);
        let mut ffmpeg = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb48le"])
            .args([
                "-s",
                &size,
                "-r",
                &rate.to_string(),
                "-i",
                "-",
                "-c:v",
                "ffv1",
                "-pix_fmt",
                "gbrp16le",
            ])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let bytes: Vec<u8> = all
            .iter()
            .flatten()
            .flatten()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        ffmpeg.stdin.take().unwrap().write_all(&bytes).unwrap();
        assert!(ffmpeg.wait().unwrap().success());
        let (object, _) = self.inputs.vault.put_file(&path).unwrap();
        (object, self.clip_of(&all))
    }

    pub fn request(&self, task: Task, frames: u32, sources: Vec<ObjectId>) -> Request {
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
            rate: Rate::new(if self.listed.holds_frames { 24 } else { 16 }, 1).unwrap(),
            frames,
            sources,
            keyframes: Vec::new(),
            pictures: BTreeMap::new(),
            guides: (task == Task::Guided).then(|| ObjectId::of(b"guides")),
            style: None,
            params: settings.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    pub fn order(&self, request: Request) -> Order {
        Order::new(request, 0, self.folder.path(), self.inputs.clone()).unwrap()
    }

    pub fn ended(&self, request: Request) -> JobState {
        let engine = engine_over(&self.listed, Vec::new(), self.readers.clone());
        let job = engine.submit(self.order(request)).unwrap();
        let begun = Instant::now();
        loop {
            let state = engine.poll(&job).unwrap();
            if state.is_final() {
                return state;
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "{state:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Why a request was not made.
    #[track_caller]
    pub fn why(&self, request: Request) -> String {
        match self.ended(request) {
            JobState::Refused(refusal) => refusal.grounds.concat(),
            JobState::Failed(failure) => failure.message,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub fn draft(&self, request: &Request) -> Draft {
        match self.ended(request.clone()) {
            JobState::Done(mut drafts) => drafts.remove(0),
            other => panic!("{other:?}"),
        }
    }

    /// The engine's frames.
    #[track_caller]
    pub fn made(&self, request: &Request) -> Clip {
        self.frames(&self.draft(request))
    }

    pub fn frames(&self, draft: &Draft) -> Clip {
        let frames = draft.files.iter().map(|file| {
            let image = photo::read(&file.path).unwrap().image;
            color::to_video16(&image)
        });
        self.clip_of(&frames.collect::<Vec<_>>())
    }

    /// The take of a request, put into the vault; the manifest's object.
    pub fn take(&self, request: &Request) -> (ObjectId, TakeManifest) {
        let (draft, draw) = (self.draft(request), self.order(request.clone()).draw);
        let (manifest, files) = manifest_of(request, draw, &draft).unwrap();
        for (_, path) in files {
            self.inputs.vault.put_file(&path).unwrap();
        }
        (self.inputs.vault.put_json(&manifest).unwrap(), manifest)
    }

    /// What the library is asked for.
    pub fn ask(&self, request: &Request, frames: usize, start: Start, conditions: Conditions) -> Ask {
        Ask {
            prompt: request.prompt.clone(),
            negative: String::new(),
            width: self.size.width as usize,
            height: self.size.height as usize,
            frames,
            seed: request.seed,
            steps: Steps::Own {
                count: request.whole(settings::STEPS).unwrap() as usize,
                shift: None,
                kind: None,
            },
            guidance: 5.0,
            guidance_low: None,
            text_tokens: TEXT_TOKENS,
            tile_px: None,
            start,
            conditions,
        }
    }

    /// What the library makes.
    pub fn library(&self, ask: &Ask) -> Clip {
        let model = Model::open(&self.listed.folder).unwrap();
        generate(&model, ask, Loras::default(), &Device::flex(), &mut Deaf).unwrap()
    }

    /// That the engine's frames are the library's, of the same pictures.
    #[track_caller]
    pub fn is_as(&self, request: &Request, start: Start, conditions: Conditions) {
        let ask = self.ask(request, request.frames as usize, start, conditions);
        is_close(&self.made(request), &self.library(&ask));
    }
}

fn exact<T>(values: Vec<T>) -> Pass<T> {
    Pass {
        values,
        certainty: Certainty::Exact,
    }
}

/// Some frames of a clip.
pub fn part(clip: &Clip, frames: std::ops::Range<usize>) -> Clip {
    let plane = clip.width * clip.height;
    Clip {
        pixels: clip.pixels[frames.start * plane..frames.end * plane].to_vec(),
        ..*clip
    }
}

/// The mean difference of two clips' codes.
#[track_caller]
pub fn distance(a: &Clip, b: &Clip) -> f64 {
    assert_eq!(
        (a.width, a.height, a.pixels.len()),
        (b.width, b.height, b.pixels.len())
    );
    let all = a.pixels.iter().flatten().zip(b.pixels.iter().flatten());
    all.map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / (3 * a.pixels.len()) as f64
}

/// That no code differs by more than what 16 bits can not say.
#[track_caller]
pub fn is_close(seen: &Clip, wanted: &Clip) {
    assert_eq!(
        (seen.width, seen.height, seen.pixels.len()),
        (wanted.width, wanted.height, wanted.pixels.len())
    );
    for (seen, wanted) in seen.pixels.iter().flatten().zip(wanted.pixels.iter().flatten()) {
        assert!((seen - wanted).abs() < 1e-4, "{seen} {wanted}");
    }
}

/// Hears nothing.
pub struct Deaf;

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
