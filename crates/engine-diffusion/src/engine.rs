//! The engine: requests in, takes out.
//!
//! A take is its frames: 16-bit PNGs in the video's code values, one for each frame (a still has one). What made them stands in
//! the request (`params` name the model's files and LoRAs by hash), so the same request is the same take on the same machine.

use crate::conditions::Conditions;
use crate::generate::{
    Ask, At, Clip, GenerateError, Hear, Loras, Steps, TEXT_TOKENS, generate, latents_shape,
};
use crate::memory::{Estimate, available};
use crate::model::Model;
use crate::models;
use crate::settings;
use crate::take::{FRAME, FramesTake};
use burn::tensor::Device;
use heirloom_engine::card::{Knob, Lengths, Price, Rates, Repeats, Sizes, Text};
use heirloom_engine::local::{Control, Generator, LocalEngine, Stop};
use heirloom_engine::{
    Card, Draft, DraftFile, Failure, Inputs, Order, Param, Refusal, Request, TakeFrames, TakeManifest, Task,
};
use heirloom_film::Rate;
use heirloom_picture::png;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Raised only when the bytes of takes change.
pub const REVISION: u32 = 1;
/// Frames a second that the family was trained at.
const TRAINED_RATE: u32 = 16;
/// Most frames of one draw: twice what the family was trained on.
const MOST_FRAMES: u32 = 161;
/// Most pixels of a frame: 4 MP, which the autoencoder decodes in tiles.
const MOST_PIXELS: u64 = 4 << 20;
/// Pixels on a side must be multiples of this.
const GRID_PX: u32 = 16;
/// Above so many pixels a frame is decoded in tiles.
const UNTILED_PIXELS: u64 = 640 * 640;
/// Side of a tile in pixels.
const TILE_PX: usize = 384;
/// Steps, guidance and what is kept away, where the shot does not say.
const STEPS: u64 = 40;
const GUIDANCE: f64 = 5.0;

/// A model as an engine.
pub struct Diffusion {
    card: Card,
    listed: models::Model,
    /// Opened by the first draw.
    model: Mutex<Option<Arc<Model>>>,
}

/// The engine of a model on the list, by its name, as a program plugs it in. Nothing is read yet.
pub fn engine(model: &models::Model) -> LocalEngine<Diffusion> {
    LocalEngine::new(Diffusion::new(model))
}

impl Diffusion {
    /// A generator.
    pub fn new(model: &models::Model) -> Self {
        Self {
            card: Card {
                engine: model.name.clone(),
                revision: REVISION,
                about: format!("{}, on this machine ({})", model.title, model.licence.name),
                tasks: BTreeSet::from([Task::Still, Task::Living]),
                text: Text::Required,
                sources: (0, 0),
                guides: false,
                lengths: Lengths {
                    min_frames: 1,
                    max_frames: MOST_FRAMES,
                    step_frames: 4,
                    first_frames: 1,
                },
                sizes: Sizes::Grid {
                    step: GRID_PX,
                    max_pixels: MOST_PIXELS,
                },
                rates: Rate::new(TRAINED_RATE, 1).map_or(Rates::Any, |rate| Rates::Only(vec![rate])),
                seeded: true,
                repeats: Repeats::SameMachine,
                price: Price::Free,
                local: true,
                settings: knobs(),
                params: BTreeMap::from([(settings::MODEL.to_owned(), Param::Text(model.id.clone()))]),
            },
            listed: model.clone(),
            model: Mutex::new(None),
        }
    }

    fn model(&self) -> Result<Arc<Model>, Failure> {
        let mut held = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = &*held {
            return Ok(model.clone());
        }
        let model = Model::open(&self.listed.folder).map_err(|e| Failure::lasting("model", e.to_string()))?;
        let model = Arc::new(model);
        *held = Some(model.clone());
        Ok(model)
    }
}

/// What a shot may say in `settings`.
fn knobs() -> BTreeMap<String, Knob> {
    let number = |what: &str, min: f64, max: f64| Knob::Number {
        what: what.into(),
        min,
        max,
    };
    let steps = Knob::Whole {
        what: format!("steps from noise to picture, {STEPS} when left out"),
        min: 1,
        max: 200,
    };
    let negative = Knob::Text {
        what: "words for what is not to be seen".into(),
    };
    let of = |name: &str, knob: Knob| (name.to_owned(), knob);
    BTreeMap::from([
        of(settings::NEGATIVE, negative),
        of(settings::STEPS, steps),
        of(
            settings::GUIDANCE,
            number("how far the words are followed; 1 takes half the time", 1.0, 30.0),
        ),
        of(
            settings::GUIDANCE_LOW,
            number("the same for a second expert, which ends the picture", 1.0, 30.0),
        ),
        of(
            settings::SHIFT,
            number(
                "how far noise levels are moved up; the model's own when left out",
                0.1,
                20.0,
            ),
        ),
    ])
}

/// What a request asks of the model.
fn ask(request: &Request) -> Ask {
    let joined = |parts: [&str; 2]| {
        let said: Vec<&str> = parts
            .into_iter()
            .map(str::trim)
            .filter(|p| !p.is_empty())
            .collect();
        said.join(". ")
    };
    let frames = match request.task {
        Task::Still => 1,
        _ => request.frames as usize,
    };
    let pixels = u64::from(request.size.width) * u64::from(request.size.height);
    Ask {
        prompt: joined([&request.prompt, &request.mood]),
        negative: request.word(settings::NEGATIVE).unwrap_or_default().to_owned(),
        width: request.size.width as usize,
        height: request.size.height as usize,
        frames,
        seed: request.seed,
        steps: Steps::Own {
            count: request.whole(settings::STEPS).unwrap_or(STEPS) as usize,
            shift: request.number(settings::SHIFT),
        },
        guidance: request.number(settings::GUIDANCE).unwrap_or(GUIDANCE),
        guidance_low: request.number(settings::GUIDANCE_LOW),
        text_tokens: TEXT_TOKENS,
        tile_px: (pixels > UNTILED_PIXELS).then_some(TILE_PX),
        conditions: Conditions::default(),
    }
}

/// Follows a draw for the engine's control; previews go to the work folder.
struct Following<'a> {
    control: &'a Control,
    frames: u32,
    work: &'a Path,
}

/// The file in the work folder that a draw's preview is written to.
pub const PREVIEW: &str = "preview.png";

impl Hear for Following<'_> {
    fn go_on(&mut self) -> bool {
        !self.control.cancelled()
    }

    fn at(&mut self, at: At) {
        // Most of the time goes into the steps: nine tenths of the progress are theirs.
        let part = |done: usize, of: usize| done as f64 / of.max(1) as f64;
        let done = match at {
            At::Words(..) | At::Conditions(..) => 0.0,
            At::Steps(done, of) => 0.9 * part(done, of),
            At::Frames(done, of) => 0.9 + 0.1 * part(done, of),
        };
        self.control
            .progress((done * f64::from(self.frames)) as u32, self.frames);
    }

    fn preview(&mut self, step: usize, picture: Clip) {
        let codes: Vec<[u8; 3]> = picture
            .pixels
            .iter()
            .map(|p| p.map(|v| (v * 255.0 + 0.5) as u8))
            .collect();
        let to = self.work.join(PREVIEW);
        let part = self.work.join(format!("preview-{step}.part"));
        // A preview that can not be written is no reason to end a draw of hours.
        let (width, height) = (picture.width as u32, picture.height as u32);
        if png::write8(&part, &codes, width, height).is_ok() {
            drop(std::fs::rename(&part, &to));
        }
    }

    fn looks(&self) -> bool {
        true
    }
}

impl Generator for Diffusion {
    fn card(&self) -> &Card {
        &self.card
    }

    fn generate(&self, order: &Order, control: &Control) -> Result<Vec<Draft>, Stop> {
        let request = &order.request;
        let refused = |message: String| {
            Stop::Refused(Refusal {
                grounds: vec![message],
            })
        };
        if let Some(objection) = self.card.objection(
            request.task,
            request.size,
            request.rate,
            request.frames,
            request.sources.len(),
        ) {
            return Err(refused(objection));
        }
        if request.revision != REVISION {
            return Err(refused(format!(
                "the request is for revision {} of the engine `{}`, and this is {REVISION}; plan the shot again",
                request.revision, self.card.engine
            )));
        }
        if request.word(settings::MODEL) != Some(self.listed.id.as_str()) {
            return Err(refused(format!(
                "the request was planned for other files of the model `{}`; plan the shot again, or put those files back",
                self.card.engine
            )));
        }
        let ask = ask(request);
        if ask.prompt.is_empty() {
            return Err(refused(format!(
                "the engine `{}` makes nothing without words; give the shot a `prompt`",
                self.card.engine
            )));
        }
        let lasting = |error: GenerateError| Stop::Failed(Failure::lasting("diffusion", error.to_string()));
        let model = self.model()?;
        latents_shape(&model, &ask).map_err(|e| refused(e.to_string()))?;
        let needed = Estimate::of(&model, &ask).map_err(lasting)?.most();
        if let Some(there) = available().filter(|there| *there < needed) {
            let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
            return Err(Stop::Failed(Failure::passing(
                "memory",
                format!(
                    "{}x{} with {} frames needs about {:.1} GiB of memory, and {:.1} GiB are free; end other programs, or ask for \
                     a smaller or shorter shot",
                    ask.width,
                    ask.height,
                    ask.frames,
                    gib(needed),
                    gib(there)
                ),
            )));
        }
        let io = |what: &Path, e: std::io::Error| {
            Stop::Failed(Failure::passing(
                "disk",
                format!(
                    "{} could not be written ({e}); see that the disk has room",
                    what.display()
                ),
            ))
        };
        std::fs::create_dir_all(&order.work).map_err(|e| io(&order.work, e))?;
        let mut hear = Following {
            control,
            frames: request.frames,
            work: &order.work,
        };
        let clip =
            generate(&model, &ask, Loras::default(), &Device::flex(), &mut hear).map_err(
                |error| match error {
                    GenerateError::Stopped => Stop::Cancelled,
                    GenerateError::Tokens(error) => refused(error.to_string()),
                    other => lasting(other),
                },
            )?;
        let mut files = Vec::new();
        for (n, frame) in clip.frames().enumerate() {
            control.check()?;
            let codes: Vec<[u16; 3]> = frame
                .iter()
                .map(|p| p.map(|v| (v * 65535.0 + 0.5) as u16))
                .collect();
            let path = order.work.join(format!("frame-{n:05}.png"));
            let part = path.with_extension("part");
            let written = png::write16(&part, &codes, request.size.width, request.size.height)
                .map_err(|e| std::io::Error::other(e.to_string()));
            written
                .and_then(|()| std::fs::rename(&part, &path))
                .map_err(|e| io(&path, e))?;
            files.push(DraftFile {
                role: FRAME.into(),
                frame: Some(n as u32),
                path,
            });
        }
        control.progress(request.frames, request.frames);
        Ok(vec![Draft {
            output: 0,
            size: request.size,
            rate: request.rate,
            frames: request.frames,
            files,
            facts: serde_json::json!({ "held": request.task == Task::Still }),
        }])
    }

    fn open(&self, take: &TakeManifest, inputs: Arc<dyn Inputs>) -> Result<Box<dyn TakeFrames>, Failure> {
        Ok(Box::new(FramesTake::new(take.clone(), inputs)?))
    }
}
