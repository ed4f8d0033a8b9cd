//! The engine: requests in, takes out.
//!
//! A take is its frames: 16-bit PNGs in the video's code values, one for each frame (a still has one). What made them stands in
//! the request (`params` name the model's files and LoRAs by hash), so the same request is the same take on the same machine.

use crate::generate::{At, Clip, GenerateError, Hear, Loras, generate, latents_shape};
use crate::given;
use crate::lora::LoraStack;
use crate::memory::{Estimate, available};
use crate::model::Model;
use crate::models;
use crate::models::{ListedLora, Stacks};
use crate::settings;
use crate::take::{FRAME, FramesTake};
use crate::wan::Takes;
use crate::wishes::{self, ask};
use burn::tensor::Device;
use heirloom_engine::card::{Lengths, Price, Rates, Repeats, Sizes, Text};
use heirloom_engine::local::{Control, Generator, LocalEngine, Stop};
use heirloom_engine::{
    Card, Draft, DraftFile, Failure, Inputs, Order, Param, Refusal, Request, TakeFrames, TakeManifest, Task,
};
use heirloom_film::Rate;
use heirloom_picture::png;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Raised only when the bytes of takes change.
pub const REVISION: u32 = 1;
/// Frames a second that the family was trained at, and Wan 2.2 TI2V 5B.
const TRAINED_RATE: u32 = 16;
const TRAINED_RATE_5B: u32 = 24;
/// Most frames of one draw: twice what the family was trained on.
const MOST_FRAMES: u32 = 161;
/// Most pixels of a frame: 4 MP, which the autoencoder decodes in tiles.
const MOST_PIXELS: u64 = 4 << 20;
/// Pixels on a side must be multiples of this, and for Wan 2.2 TI2V 5B.
const GRID_PX: u32 = 16;
const GRID_PX_5B: u32 = 32;

/// Most photographs of a request for a model that takes any.
const MOST_PICTURES: u32 = 4;

/// A model as an engine.
pub struct Diffusion {
    card: Card,
    listed: models::Model,
    /// LoRAs of the list that fit it.
    loras: Vec<ListedLora>,
    /// Opened by the first draw.
    model: Mutex<Option<Arc<Model>>>,
}

/// The engine of a model on the list, by its name, as a program plugs it in; `loras` are those that fit it. Nothing is read yet.
pub fn engine(model: &models::Model, loras: Vec<ListedLora>) -> LocalEngine<Diffusion> {
    LocalEngine::new(Diffusion::new(model, loras))
}

impl Diffusion {
    /// A generator.
    pub fn new(model: &models::Model, loras: Vec<ListedLora>) -> Self {
        let (rate, step) = match model.holds_frames {
            true => (TRAINED_RATE_5B, GRID_PX_5B),
            false => (TRAINED_RATE, GRID_PX),
        };
        // Image to video makes nothing without a first frame; the 5B may have one, and VACE takes a few pictures.
        let (tasks, sources) = match model.takes {
            Takes::Words => (
                vec![Task::Still, Task::Living],
                (0, u32::from(model.holds_frames)),
            ),
            Takes::Frames => (vec![Task::Living, Task::Between], (1, 2)),
            Takes::Control => (
                vec![Task::Still, Task::Living, Task::Guided, Task::Between],
                (0, MOST_PICTURES),
            ),
        };
        Self {
            card: Card {
                engine: model.name.clone(),
                revision: REVISION,
                about: format!("{}, on this machine ({})", model.title, model.licence.name),
                tasks: tasks.into_iter().collect(),
                text: Text::Required,
                sources,
                guides: model.takes == Takes::Control,
                lengths: Lengths {
                    min_frames: 1,
                    max_frames: MOST_FRAMES,
                    step_frames: 4,
                    first_frames: 1,
                },
                sizes: Sizes::Grid {
                    step,
                    max_pixels: MOST_PIXELS,
                },
                rates: Rate::new(rate, 1).map_or(Rates::Any, |rate| Rates::Only(vec![rate])),
                seeded: true,
                repeats: Repeats::SameMachine,
                price: Price::Free,
                local: true,
                settings: wishes::knobs(model.takes, &loras),
                params: BTreeMap::from([(settings::MODEL.to_owned(), Param::Text(model.id.clone()))]),
            },
            listed: model.clone(),
            loras,
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

    /// The request's LoRAs, opened for this model.
    fn stacks(&self, model: &Model, request: &Request) -> Result<Stacks, Stop> {
        let refused = |message: String| {
            Stop::Refused(Refusal {
                grounds: vec![message],
            })
        };
        let mut wanted = Vec::new();
        for (id, strength) in wishes::loras(request).map_err(refused)? {
            let Some(lora) = self.loras.iter().find(|lora| lora.id == id) else {
                return Err(refused(format!(
                    "the request is for a LoRA that is not on this machine's list ({}); add it with `heirloom models add`",
                    id.get(..12).unwrap_or(id)
                )));
            };
            lora.is_as_noted().map_err(refused)?;
            wanted.push((lora, strength));
        }
        let experts: Vec<_> = std::iter::once(&model.config.transformer)
            .chain(&model.config.second)
            .map(crate::wan::TransformerConfig::expected)
            .collect();
        Stacks::open(&wanted, &experts)
            .map_err(|error| Stop::Failed(Failure::lasting("lora", error.to_string())))
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
            At::Words(..) | At::Given(..) | At::Conditions(..) => 0.0,
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
        let mut ask = ask(request).map_err(refused)?;
        if ask.prompt.is_empty() {
            return Err(refused(format!(
                "the engine `{}` makes nothing without words; give the shot a `prompt`",
                self.card.engine
            )));
        }
        let wanted = match request.task {
            Task::Between => 2..=request.sources.len().max(2),
            Task::Living if self.listed.takes == Takes::Frames => 1..=1,
            _ => 0..=usize::MAX,
        };
        if !wanted.contains(&request.sources.len()) {
            return Err(refused(format!(
                "the engine `{}` makes a {:?} shot from {} photographs, and the request has {}; name as many",
                self.card.engine,
                request.task,
                wanted.start(),
                request.sources.len()
            )));
        }
        given::lay(&mut ask, request, &*order.inputs, &self.listed, control)?;
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
        let stacks = self.stacks(&model, request)?;
        let laid = |stack: &'_ LoraStack| !stack.changed().is_empty();
        let loras = Loras {
            first: Some(&stacks.first).filter(|stack| laid(stack)),
            second: Some(&stacks.second).filter(|stack| laid(stack)),
        };
        let mut hear = Following {
            control,
            frames: request.frames,
            work: &order.work,
        };
        let clip =
            generate(&model, &ask, loras, &Device::flex(), &mut hear).map_err(|error| match error {
                GenerateError::Stopped => Stop::Cancelled,
                GenerateError::Tokens(error) => refused(error.to_string()),
                other => lasting(other),
            })?;
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
