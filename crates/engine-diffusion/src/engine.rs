//! The engine: requests in, takes out.
//!
//! A take is its frames: 16-bit PNGs in the video's code values, one for each frame (a still has one). What made them stands in
//! the request (`params` name the model's files and LoRAs by hash), so the same request is the same take on the same machine.

use crate::card::card;
use crate::fragments::fragments;
use crate::generate::Ask;
use crate::given::{self, Given, Shelf, refused};
use crate::making::Making;
use crate::model::Model;
use crate::models;
use crate::models::{ListedLora, Stacks};
use crate::settings;
use crate::take::FramesTake;
use crate::wishes;
use heirloom_engine::local::{Control, Generator, LocalEngine, Stop};
use heirloom_engine::take::ANCHORS;
use heirloom_engine::{
    Card, Draft, Engines, Failure, Footage, Inputs, Order, Request, TakeFrames, TakeManifest, Task,
};
use heirloom_vault::ObjectId;
use std::sync::{Arc, Mutex, PoisonError};

/// Raised only when the bytes of takes change.
pub const REVISION: u32 = 1;

/// A model as an engine.
pub struct Diffusion {
    card: Card,
    listed: models::Model,
    /// LoRAs of the list that fit it.
    loras: Vec<ListedLora>,
    /// Engines whose takes it can make over, besides its own.
    readers: Engines,
    /// Opened by the first draw.
    model: Mutex<Option<Arc<Model>>>,
}

/// The engine of a model on the list, by its name, as a program plugs it in; `loras` are those that fit it. Nothing is read yet.
pub fn engine(model: &models::Model, loras: Vec<ListedLora>) -> LocalEngine<Diffusion> {
    LocalEngine::new(Diffusion::new(model, loras))
}

/// [`engine`] that can also make over the takes of these engines.
pub fn engine_over(
    model: &models::Model,
    loras: Vec<ListedLora>,
    readers: Engines,
) -> LocalEngine<Diffusion> {
    LocalEngine::new(Diffusion {
        readers,
        ..Diffusion::new(model, loras)
    })
}

impl Diffusion {
    /// A generator.
    pub fn new(model: &models::Model, loras: Vec<ListedLora>) -> Self {
        Self {
            card: card(model, &loras),
            readers: Engines::new(),
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

    /// What is asked of the model, where the request is one that it takes.
    fn asked(&self, request: &Request) -> Result<Ask, Stop> {
        let sources = given::counted(request).map_err(refused)?;
        if let Some(objection) =
            self.card
                .objection(request.task, request.size, request.rate, request.frames, sources)
        {
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
        let ask = wishes::ask(request).map_err(refused)?;
        if ask.prompt.is_empty() {
            return Err(refused(format!(
                "the engine `{}` makes nothing without words; give the shot a `prompt`",
                self.card.engine
            )));
        }
        Ok(ask)
    }

    /// A take of any engine, by its manifest, as footage.
    fn footage(&self, take: &ObjectId, inputs: &Arc<dyn Inputs>) -> Result<Footage, Failure> {
        let manifest: TakeManifest = serde_json::from_slice(&inputs.read(take)?).map_err(|e| {
            Failure::lasting(
                "input",
                format!(
                    "{} is no take ({e}); name one that `heirloom takes` lists",
                    take.short()
                ),
            )
        })?;
        let opened = match manifest.engine == self.card.engine {
            true => self.open(&manifest, inputs.clone())?,
            false => self
                .readers
                .get(Some(&manifest.engine))?
                .open(&manifest, inputs.clone())?,
        };
        Ok(Footage::of_take(Arc::from(opened), manifest.rate))
    }

    /// The request's LoRAs, opened for this model.
    fn stacks(&self, model: &Model, request: &Request) -> Result<Stacks, Stop> {
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

/// Whether one frame is made and held for the shot's length.
fn is_held(task: Task) -> bool {
    matches!(task, Task::Still | Task::Fill)
}

/// The file in the work folder that a draw's preview is written to.
pub const PREVIEW: &str = "preview.png";

impl Generator for Diffusion {
    fn card(&self) -> &Card {
        &self.card
    }

    fn generate(&self, order: &Order, control: &Control) -> Result<Vec<Draft>, Stop> {
        let request = &order.request;
        let mut base = self.asked(request)?;
        let (most, overlap) = wishes::fragment(request, self.listed.takes);
        let shelf = Shelf {
            inputs: &*order.inputs,
            take: &|take| self.footage(take, &order.inputs),
        };
        let mut given = Given::new(request, &self.listed, &shelf, most, control)?;
        let frames = match is_held(request.task) {
            true => 1,
            false => request.frames,
        };
        let known = given.before().frames().len() as u32;
        let fragments = fragments(frames, most, overlap, known);
        given.follow(&*order.inputs, fragments.len())?;
        base.frames = frames as usize;
        let model = self.model()?;
        let stacks = self.stacks(&model, request)?;
        let making = Making {
            order,
            control,
            model: &model,
            stacks: &stacks,
            given: &given,
            held: is_held(request.task),
        };
        let mut files = Vec::new();
        for (n, fragment) in fragments.iter().enumerate() {
            files.extend(making.fragment(&base, fragment, n)?);
        }
        control.progress(request.frames, request.frames);
        let anchors: Vec<u32> = fragments.iter().skip(1).map(|fragment| fragment.from).collect();
        let mut facts = serde_json::json!({ "held": is_held(request.task) });
        if !anchors.is_empty() {
            facts[ANCHORS] = anchors.into();
        }
        Ok(vec![Draft {
            output: 0,
            size: request.size,
            rate: request.rate,
            frames: request.frames,
            files,
            facts,
        }])
    }

    fn open(&self, take: &TakeManifest, inputs: Arc<dyn Inputs>) -> Result<Box<dyn TakeFrames>, Failure> {
        Ok(Box::new(FramesTake::new(take.clone(), inputs)?))
    }
}
