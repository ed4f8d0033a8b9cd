//! From words to frames: text states, noise stepped to a picture by the transformer, the picture out of the autoencoder.
//!
//! Classifier-free guidance as in Ho & Salimans, "Classifier-Free Diffusion Guidance" (2022): the velocity is that without the
//! words plus `guidance` times the difference that the words make.

use crate::conditions::{ConditionError, Conditions, Prepared};
use crate::lora::LoraStack;
use crate::model::{Laid, Model, text_config, vae_config};
use crate::noise::Noise;
use crate::schedule::{Schedule, ScheduleError, Stepper};
use crate::start::{Encoded, Start, StartError};
use crate::tokens::TokenError;
use crate::wan::{SchedulerConfig, SchedulerKind, Takes, TooLong};
use burn::tensor::{Device, Tensor, TensorData};
use heirloom_tensors::wan::{TextEncoder, Tiling, Vae};
use heirloom_tensors::weights::ModelError;

/// Tokens that the family's models were trained to read.
pub const TEXT_TOKENS: usize = 512;
/// Longest side of a preview, in latents.
const PREVIEW_LATENTS: usize = 32;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// What is to be seen.
    pub prompt: String,
    /// What is not to be seen; left aside without guidance.
    pub negative: String,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Frames; one is a still.
    pub frames: usize,
    /// Chance.
    pub seed: u64,
    /// How it is stepped.
    pub steps: Steps,
    /// How far the words are followed; 1 or less is without guidance, at half the time.
    pub guidance: f64,
    /// The same for the expert of low noise, where there are two; none is as the first.
    pub guidance_low: Option<f64>,
    /// Tokens to which texts' states are padded: [`TEXT_TOKENS`] but for models of tests.
    pub text_tokens: usize,
    /// Side of the autoencoder's tiles in pixels; none is all at once.
    pub tile_px: Option<usize>,
    /// What the picture starts from besides noise.
    pub start: Start,
    /// What the clip is made from beside words; nothing by default.
    pub conditions: Conditions,
}

/// How noise becomes a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Steps {
    /// So many steps of the model's own scheduler, with another shift where one is given.
    Own {
        /// Number of steps.
        count: usize,
        /// Instead of the scheduler's shift.
        shift: Option<f64>,
        /// Another scheduler than the model's own.
        kind: Option<SchedulerKind>,
    },
    /// A few steps at given times, for weights distilled to them.
    Few {
        /// Times before the shift, going down from 1000.
        times: Vec<f64>,
        /// The shift; 1 is none.
        shift: f64,
        /// Whether each estimate is noised anew.
        renoise: bool,
    },
}

impl Steps {
    /// The schedule of these steps.
    fn schedule(&self, scheduler: &SchedulerConfig) -> Result<Schedule, ScheduleError> {
        match self {
            Self::Own { count, shift, kind } => SchedulerConfig {
                shift: shift.unwrap_or(scheduler.shift),
                kind: kind.unwrap_or(scheduler.kind),
                ..*scheduler
            }
            .schedule(*count),
            Self::Few {
                times,
                shift,
                renoise,
            } => Schedule::few(times, *shift, *renoise, scheduler.training_steps),
        }
    }
}

/// Where generating stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The words are read: layers done, of how many.
    Words(usize, usize),
    /// What was given is encoded: parts done, of how many.
    Given(usize, usize),
    /// Conditions are encoded: parts done, of how many.
    Conditions(usize, usize),
    /// The picture is stepped: steps done, of how many.
    Steps(usize, usize),
    /// The frames are decoded: parts done, of how many.
    Frames(usize, usize),
}

/// Whoever follows and may stop.
pub trait Hear {
    /// Whether to go on; asked before every layer.
    fn go_on(&mut self) -> bool;
    /// Told whenever something is done.
    fn at(&mut self, at: At);
    /// What the middle of the clip seems to become, small, after a step. Where nobody looks, none is made.
    fn preview(&mut self, step: usize, picture: Clip);
    /// Whether previews are wanted.
    fn looks(&self) -> bool;
    /// The latents after a step, as the transformer has them: channels, frames, rows, columns. Nobody has to care.
    fn latents(&mut self, _step: usize, _latents: &[f32]) {}
}

/// Frames: sRGB codes from 0 to 1, row by row, frame by frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Frames one after the other.
    pub pixels: Vec<[f32; 3]>,
}

impl Clip {
    /// The pixels of each frame.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = &[[f32; 3]]> {
        self.pixels.chunks_exact((self.width * self.height).max(1))
    }

    /// Of (3, frames, rows, columns) in -1 to 1.
    fn of(clip: Tensor<4>) -> Result<Self, GenerateError> {
        let [_, _, height, width] = clip.dims();
        let values = numbers(clip.permute([1, 2, 3, 0]))?;
        let code = |v: f32| (v * 0.5 + 0.5).clamp(0.0, 1.0);
        Ok(Self {
            width,
            height,
            pixels: values
                .chunks_exact(3)
                .map(|p| [code(p[0]), code(p[1]), code(p[2])])
                .collect(),
        })
    }
}

/// Nothing came of it; each says the mend.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The words.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// The steps.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// What it starts from.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The models.
    #[error(transparent)]
    Model(ModelError),
    /// The size or length.
    #[error("{0}")]
    Size(String),
    /// What it is to be made from beside words.
    #[error(transparent)]
    Conditions(#[from] ConditionError),
    /// The numbers ran away.
    #[error(
        "at step {step} of {steps} the model gave numbers that are none: its weights are damaged (`heirloom models check` \
         tells), or a LoRA is laid on too strongly"
    )]
    NotFinite {
        /// The step, from 1.
        step: usize,
        /// How many there are.
        steps: usize,
    },
    /// As asked.
    #[error("stopped as asked")]
    Stopped,
}

impl From<ModelError> for GenerateError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Stopped => Self::Stopped,
            other => Self::Model(other),
        }
    }
}

/// LoRAs laid on the experts: the first one's, and the second one's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loras<'a> {
    /// On the transformer, or the expert of high noise.
    pub first: Option<&'a LoraStack>,
    /// On the expert of low noise.
    pub second: Option<&'a LoraStack>,
}

/// Latents of a clip of this size: channels, frames, rows, columns. Reference images have frames of their own before the
/// clip's.
///
/// # Errors
/// [`GenerateError::Size`] for what is off the model's grid, [`GenerateError::Conditions`] for conditions that the model does
/// not take or that do not fit the clip.
pub fn latents_shape(model: &Model, ask: &Ask) -> Result<[usize; 4], GenerateError> {
    let (vae, patch) = (vae_config(&model.config.vae), model.config.transformer.patch_size);
    let (time, space) = (vae.time_ratio(), vae.space_ratio());
    let grid = [
        space * usize::try_from(patch[1]).unwrap_or(1),
        space * usize::try_from(patch[2]).unwrap_or(1),
    ];
    if ask.height == 0
        || ask.width == 0
        || !ask.height.is_multiple_of(grid[0])
        || !ask.width.is_multiple_of(grid[1])
    {
        let near = |v: usize, g: usize| ((v + g / 2) / g).max(1) * g;
        return Err(GenerateError::Size(format!(
            "this model makes pictures in steps of {}x{} pixels, and {}x{} is none of them; ask for {}x{}",
            grid[1],
            grid[0],
            ask.width,
            ask.height,
            near(ask.width, grid[1]),
            near(ask.height, grid[0])
        )));
    }
    if ask.frames == 0 || !(ask.frames - 1).is_multiple_of(time) {
        return Err(GenerateError::Size(format!(
            "this model makes clips of {time}n+1 frames, and {} is none of them; ask for {}",
            ask.frames,
            ask.frames.saturating_sub(1).div_ceil(time) * time + 1
        )));
    }
    ask.conditions.check(model, ask)?;
    let t = (ask.frames - 1) / time + 1 + references(model, ask);
    let [h, w] = [ask.height / space, ask.width / space];
    let most = model.config.transformer.rope_max_seq_len;
    let tokens = [
        t as u64 / patch[0].max(1),
        h as u64 / patch[1].max(1),
        w as u64 / patch[2].max(1),
    ];
    if let Some(asked) = tokens.into_iter().max().filter(|longest| *longest > most) {
        return Err(GenerateError::Size(TooLong { asked, most }.to_string()));
    }
    Ok([vae.latent_channels, t, h, w])
}

/// Frames of latents that stand before the clip's own.
fn references(model: &Model, ask: &Ask) -> usize {
    match model.config.takes() {
        Takes::Control => ask.conditions.references.len(),
        Takes::Words | Takes::Frames => 0,
    }
}

/// Makes the frames.
///
/// # Errors
/// [`GenerateError`]
pub fn generate(
    model: &Model,
    ask: &Ask,
    loras: Loras<'_>,
    device: &Device,
    hear: &mut dyn Hear,
) -> Result<Clip, GenerateError> {
    let [c, t, h, w] = latents_shape(model, ask)?;
    let mut start = vec![0.0; c * t * h * w];
    Noise::new("latents", ask.seed).fill(&mut start);
    generate_from(model, ask, loras, device, start, hear)
}

/// Makes the frames out of this noise: channels, frames, rows, columns of [`latents_shape`].
///
/// # Errors
/// [`GenerateError`]
pub fn generate_from(
    model: &Model,
    ask: &Ask,
    loras: Loras<'_>,
    device: &Device,
    mut latents: Vec<f32>,
    hear: &mut dyn Hear,
) -> Result<Clip, GenerateError> {
    let shape = latents_shape(model, ask)?;
    if latents.len() != shape.iter().product::<usize>() {
        return Err(GenerateError::Size(format!(
            "{} numbers of noise are not those of latents of {shape:?}",
            latents.len()
        )));
    }
    ask.start.check(model, ask)?;
    let before = references(model, ask);
    let schedule = ask.start.steps(ask.steps.schedule(&model.config.scheduler)?)?;
    let guided = ask.guidance > 1.0 || ask.guidance_low.is_some_and(|g| g > 1.0);
    let prompt = states(model, ask, (&ask.prompt, "prompt"), device, hear)?;
    let negative = match guided {
        true => Some(states(
            model,
            ask,
            (&ask.negative, "negative prompt"),
            device,
            hear,
        )?),
        false => None,
    };
    let vae_weights = Laid::new(&model.vae, None);
    let vae = Vae::new(vae_config(&model.config.vae), &vae_weights, device)?;
    let tiling = tiling(ask.tile_px, vae.config().space_ratio())?;
    let prepared = Prepared::new(model, ask, &vae, tiling, device, hear)?;
    let first = Laid::new(&model.transformer, loras.first);
    let second = model
        .second
        .as_ref()
        .map(|second| Laid::new(second, loras.second));
    let references = prepared.references(shape, before)?;
    let start = Encoded::new(&ask.start, (&vae, tiling), (shape, references), device, hear)?;
    start.begin(&mut latents, schedule.sigmas().first().copied().unwrap_or(0.0));
    let mut stepper = Stepper::new(&schedule);
    let mut anew = Noise::new("steps", ask.seed);
    let steps = schedule.steps();
    hear.at(At::Steps(0, steps));
    for step in 0..steps {
        let Some(plan) = schedule.plan(step) else { break };
        let (config, weights, guidance) = match (&model.config.second, &second) {
            (Some(config), Some(weights)) if model.config.is_second_at(plan.time) => {
                (config, weights, ask.guidance_low.unwrap_or(ask.guidance))
            }
            _ => (&model.config.transformer, &first, ask.guidance),
        };
        let mut seen = latents.clone();
        start.hold(&mut seen);
        let now = Tensor::from_data(TensorData::new(seen, shape), device);
        let mut texts = vec![&prompt];
        texts.extend(negative.as_ref().filter(|_| guidance > 1.0));
        let mut given = prepared
            .velocities(
                (config, weights, &ask.conditions),
                &now,
                &texts,
                start.times(plan.time),
                device,
                &mut |_| hear.go_on(),
            )?
            .into_iter();
        let with = given.next().map(numbers).transpose()?.unwrap_or_default();
        let velocity = match given.next() {
            None => with,
            Some(without) => {
                let without = numbers(without)?;
                let guidance = guidance as f32;
                without
                    .iter()
                    .zip(&with)
                    .map(|(u, c)| u + guidance * (c - u))
                    .collect()
            }
        };
        if !velocity.iter().all(|v| v.is_finite()) {
            return Err(GenerateError::NotFinite {
                step: step + 1,
                steps,
            });
        }
        if hear.looks() {
            let mut estimate: Vec<f32> = latents
                .iter()
                .zip(&velocity)
                .map(|(x, v)| x - plan.sigma as f32 * v)
                .collect();
            start.hold(&mut estimate);
            hear.preview(step, preview(&vae, estimate, shape, before, device)?);
        }
        stepper.step(&velocity, &mut latents, |noise| anew.fill(noise))?;
        hear.latents(step, &latents);
        hear.at(At::Steps(step + 1, steps));
    }
    start.hold(&mut latents);
    let latents = vae.from_model(Tensor::from_data(TensorData::new(latents, shape), device));
    let [c, t, h, w] = shape;
    let latents = latents.slice([0..c, before..t, 0..h, 0..w]);
    let clip = vae.decode(latents, tiling, &mut |done, of| {
        hear.at(At::Frames(done, of));
        hear.go_on()
    })?;
    Clip::of(clip)
}

/// The autoencoder's tiles of so many pixels, where there are any; `ratio` is its pixels to a latent.
pub(crate) fn tiling(tile_px: Option<usize>, ratio: usize) -> Result<Option<Tiling>, ModelError> {
    let Some(side) = tile_px else { return Ok(None) };
    // A quarter of a tile overlaps its neighbour.
    let step = (side * 3 / 4 / ratio).max(1) * ratio;
    Tiling::new([side; 2], [step; 2], ratio).map(Some)
}

/// The states of a text, padded with zeros.
fn states(
    model: &Model,
    ask: &Ask,
    (text, what): (&str, &'static str),
    device: &Device,
    hear: &mut dyn Hear,
) -> Result<Tensor<2>, GenerateError> {
    let layers = text_config(&model.config.text).layers;
    let states = text_states(model, (text, what), ask.text_tokens, device, &mut |layer| {
        hear.at(At::Words(layer, layers));
        hear.go_on()
    })?;
    let [tokens, width] = states.dims();
    let short = ask.text_tokens.saturating_sub(tokens);
    if short == 0 {
        return Ok(states);
    }
    let zeros = Tensor::zeros([short, width], device);
    Ok(Tensor::cat(vec![states, zeros], 0))
}

/// The states of a text: as many rows as it has tokens, at most `most`. `what` names it in errors; before each layer `go_on`
/// is told which it is.
pub(crate) fn text_states(
    model: &Model,
    (text, what): (&str, &'static str),
    most: usize,
    device: &Device,
    go_on: &mut dyn FnMut(usize) -> bool,
) -> Result<Tensor<2>, GenerateError> {
    let ids = model.tokenizer.ids(text, what, most)?;
    let weights = Laid::new(&model.text, None);
    let encoder = TextEncoder::new(text_config(&model.config.text), &weights, device);
    Ok(encoder.encode(&ids, go_on)?)
}

/// The middle of estimated latents as a small picture; `before` frames are none of the clip's.
fn preview(
    vae: &Vae<'_>,
    estimate: Vec<f32>,
    [c, t, h, w]: [usize; 4],
    before: usize,
    device: &Device,
) -> Result<Clip, GenerateError> {
    let by = h.max(w).div_ceil(PREVIEW_LATENTS);
    let (rows, columns) = (h / by, w / by);
    let (middle, share) = (before + (t - before) / 2, 1.0 / (by * by) as f32);
    let mut small = Vec::with_capacity(c * rows * columns);
    for channel in 0..c {
        for row in 0..rows {
            for column in 0..columns {
                let cell = (0..by * by).map(|n| {
                    let (y, x) = (row * by + n / by, column * by + n % by);
                    estimate[((channel * t + middle) * h + y) * w + x]
                });
                small.push(cell.sum::<f32>() * share);
            }
        }
    }
    let small = Tensor::from_data(TensorData::new(small, [c, 1, rows, columns]), device);
    Clip::of(vae.decode(vae.from_model(small), None, &mut |_, _| true)?)
}

/// A tensor's numbers.
pub(crate) fn numbers<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, GenerateError> {
    tensor.into_data().convert::<f32>().try_into_vec().map_err(|e| {
        GenerateError::Model(ModelError::Input(format!(
            "{e:?}; this is a fault of the program"
        )))
    })
}
