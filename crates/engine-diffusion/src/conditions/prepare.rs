//! Conditions as a transformer takes them: through the autoencoder, with their masks.

use super::{Conditions, HALF, Mask};
use crate::generate::{Ask, At, Clip, GenerateError, Hear, numbers};
use crate::model::{Model, dit_config, vace_config};
use crate::wan::{Takes, TransformerConfig};
use burn::tensor::{Device, Tensor, TensorData};
use heirloom_tensors::wan::{Control, Dit, Sample, Tiling, Times, VaceDit, Vae};
use heirloom_tensors::weights::{ModelError, Weights};

/// White, on which reference images lie, in -1 to 1.
const WHITE: f32 = 1.0;

/// Conditions, encoded.
pub(crate) enum Prepared {
    /// None.
    Words,
    /// Channels beside the noise: the mask's and the encoded frames'.
    Beside(Tensor<4>),
    /// The control's latents; how strongly they are followed each transformer says with its own layers.
    Control(Tensor<4>),
}

/// A clip in -1 to 1: each channel's frames, row by row.
struct Planes {
    frames: usize,
    height: usize,
    width: usize,
    values: Vec<f32>,
}

impl Planes {
    fn grey(frames: usize, height: usize, width: usize) -> Self {
        Self {
            frames,
            height,
            width,
            values: vec![0.0; 3 * frames * height * width],
        }
    }

    fn of(clip: &Clip) -> Self {
        let mut made = Self::grey(clip.frames().len(), clip.height, clip.width);
        for (n, frame) in clip.frames().enumerate() {
            made.put(frame, n);
        }
        made
    }

    /// Puts a frame of sRGB codes into place.
    fn put(&mut self, frame: &[[f32; 3]], n: usize) {
        let plane = self.height * self.width;
        for channel in 0..3 {
            let at = (channel * self.frames + n) * plane;
            for (value, pixel) in self.values[at..at + plane].iter_mut().zip(frame) {
                *value = 2.0 * pixel[channel] - 1.0;
            }
        }
    }

    /// The same with each place times what `by` gives for its value of the mask (frames, rows, columns).
    fn times(&self, mask: &[f32], by: impl Fn(f32) -> f32) -> Self {
        let values = self
            .values
            .chunks_exact(mask.len().max(1))
            .flat_map(|channel| channel.iter().zip(mask).map(|(v, m)| v * by(*m)))
            .collect();
        Self { values, ..*self }
    }

    fn tensor(self, device: &Device) -> Tensor<4> {
        let shape = [3, self.frames, self.height, self.width];
        Tensor::from_data(TensorData::new(self.values, shape), device)
    }
}

/// The autoencoder, and who follows.
struct Encoder<'a, 'b> {
    vae: &'a Vae<'b>,
    tiling: Option<Tiling>,
    device: &'a Device,
    hear: &'a mut dyn Hear,
    /// Clips encoded, and how many there are to be.
    done: usize,
    of: usize,
}

impl Encoder<'_, '_> {
    /// Latents as the transformer was trained with them.
    fn latents(&mut self, clip: Planes) -> Result<Tensor<4>, ModelError> {
        let (first, of) = (self.done, self.of);
        let hear = &mut *self.hear;
        let latents = self
            .vae
            .encode(clip.tensor(self.device), self.tiling, &mut |done, parts| {
                hear.at(At::Conditions(first * parts + done, of * parts));
                hear.go_on()
            })?;
        self.done += 1;
        Ok(self.vae.to_model(latents))
    }
}

impl Prepared {
    /// Encodes what is asked for; the conditions are checked before (see [`Conditions::check`]).
    pub(crate) fn new(
        model: &Model,
        ask: &Ask,
        vae: &Vae<'_>,
        tiling: Option<Tiling>,
        device: &Device,
        hear: &mut dyn Hear,
    ) -> Result<Self, GenerateError> {
        let mut encoder = Encoder {
            vae,
            tiling,
            device,
            hear,
            done: 0,
            of: 0,
        };
        Ok(match model.config.takes() {
            Takes::Words => Self::Words,
            Takes::Frames => Self::Beside(beside(ask, &mut encoder)?),
            Takes::Control => Self::Control(control(ask, &mut encoder)?),
        })
    }

    /// The latents of the reference images, which are so many frames before the clip's own of `shape`.
    pub(crate) fn references(
        &self,
        [c, _, h, w]: [usize; 4],
        frames: usize,
    ) -> Result<Vec<f32>, GenerateError> {
        match self {
            Self::Control(latents) if frames > 0 => {
                numbers(latents.clone().slice([0..c, 0..frames, 0..h, 0..w]))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The velocity of each text's sample by one transformer.
    pub(crate) fn velocities(
        &self,
        (config, weights, conditions): (&TransformerConfig, &dyn Weights, &Conditions),
        latents: &Tensor<4>,
        texts: &[&Tensor<2>],
        time: Times,
        device: &Device,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Vec<Tensor<4>>, GenerateError> {
        let input = match self {
            Self::Beside(more) => Tensor::cat(vec![latents.clone(), more.clone()], 0),
            Self::Words | Self::Control(_) => latents.clone(),
        };
        let samples: Vec<Sample> = texts
            .iter()
            .map(|text| Sample {
                latents: input.clone(),
                text: (*text).clone(),
            })
            .collect();
        let given = match self {
            Self::Control(latents) => {
                let control = Control {
                    latents: latents.clone(),
                    scales: conditions.scale.of(config)?,
                };
                VaceDit::new(vace_config(config), weights, device)?
                    .forward(&samples, &control, time, go_on)?
            }
            Self::Words | Self::Beside(_) => {
                Dit::new(dit_config(config), weights, device).forward(&samples, time, go_on)?
            }
        };
        Ok(given)
    }
}

/// Image to video: 4 channels of the mask, 1 where a frame is given, and the latents of the clip that is grey but for the
/// frames given.
fn beside(ask: &Ask, encoder: &mut Encoder<'_, '_>) -> Result<Tensor<4>, GenerateError> {
    let (frames, conditions) = (ask.frames, &ask.conditions);
    let mut clip = Planes::grey(frames, ask.height, ask.width);
    let mut given = vec![false; frames];
    put_frames(conditions, frames, |n, frame| {
        clip.put(frame, n);
        given[n] = true;
    });
    encoder.of = 1;
    let latents = encoder.latents(clip)?;
    let [_, t, h, w] = latents.dims();
    let each = encoder.vae.config().time_ratio();
    // The first frame has a latent of its own, and stands in all of its channels.
    let mask: Vec<f32> = (0..each)
        .flat_map(|channel| (0..t).map(move |latent| (latent * each + channel).saturating_sub(each - 1)))
        .flat_map(|frame| std::iter::repeat_n(f32::from(u8::from(given[frame])), h * w))
        .collect();
    let mask = Tensor::from_data(TensorData::new(mask, [each, t, h, w]), encoder.device);
    Ok(Tensor::cat(vec![mask, latents], 0))
}

/// Hands over the first and the last frame, where they are given, with their places.
fn put_frames(conditions: &Conditions, frames: usize, mut put: impl FnMut(usize, &[[f32; 3]])) {
    for (place, clip) in [
        (0, &conditions.first),
        (frames.saturating_sub(1), &conditions.last),
    ] {
        if let Some(clip) = clip {
            put(place, &clip.pixels);
        }
    }
}

/// VACE: latents of what is kept, of what is made anew, and the mask, a channel for each pixel of a latent. Reference images
/// stand before the clip as frames of their own, the last one first.
fn control(ask: &Ask, encoder: &mut Encoder<'_, '_>) -> Result<Tensor<4>, GenerateError> {
    let (frames, conditions) = (ask.frames, &ask.conditions);
    let plane = ask.height * ask.width;
    let mut clip = match &conditions.control {
        Some(clip) => Planes::of(clip),
        None => Planes::grey(frames, ask.height, ask.width),
    };
    let mut mask = match &conditions.mask {
        Some(Mask { values, .. }) => values.clone(),
        None => vec![1.0; frames * plane],
    };
    put_frames(conditions, frames, |n, frame| {
        clip.put(frame, n);
        mask[n * plane..(n + 1) * plane].fill(0.0);
    });
    let is_new = |m: f32| f32::from(u8::from(m > HALF));
    encoder.of = 2 + conditions.references.len();
    let kept = encoder.latents(clip.times(&mask, |m| 1.0 - is_new(m)))?;
    let made = encoder.latents(clip.times(&mask, is_new))?;
    drop(clip);
    let [_, t, h, w] = kept.dims();
    let space = encoder.vae.config().space_ratio();
    let mut latents = vec![Tensor::cat(vec![kept, made], 0)];
    for reference in &conditions.references {
        let latent = encoder.latents(fitted(reference, ask.width, ask.height))?;
        let nothing = latent.zeros_like();
        latents.insert(0, Tensor::cat(vec![latent, nothing], 0));
    }
    let references = conditions.references.len();
    let told = told(&mask, [frames, ask.height, ask.width], space, t);
    let told = Tensor::from_data(TensorData::new(told, [space * space, t, h, w]), encoder.device);
    let told = match references {
        0 => told,
        _ => {
            let before = Tensor::zeros([space * space, references, h, w], encoder.device);
            Tensor::cat(vec![before, told], 1)
        }
    };
    Ok(Tensor::cat(vec![Tensor::cat(latents, 1), told], 0))
}

/// The mask (frames, rows, columns) as channels: one for each pixel of a latent, of the frame in the latent's middle.
pub(crate) fn told(
    mask: &[f32],
    [frames, height, width]: [usize; 3],
    space: usize,
    latents: usize,
) -> Vec<f32> {
    let mut made = Vec::with_capacity(space * space * latents * (height / space) * (width / space));
    for channel in 0..space * space {
        let (down, across) = (channel / space, channel % space);
        for latent in 0..latents {
            // The nearest frame to the middle of the latent's part of the clip; as frames are odd it is never between two.
            let frame = ((2 * latent + 1) * frames / (2 * latents)).min(frames - 1);
            for row in 0..height / space {
                let at = (frame * height + row * space + down) * width + across;
                made.extend((0..width / space).map(|column| mask[at + column * space]));
            }
        }
    }
    made
}

/// A picture fitted into the frame, in the middle of white, by two by two pixels.
fn fitted(picture: &Clip, width: usize, height: usize) -> Planes {
    let (from_height, from_width) = (picture.height, picture.width);
    let scale = (height as f64 / from_height as f64).min(width as f64 / from_width as f64);
    let side = |from: usize, most: usize| ((from as f64 * scale) as usize).clamp(1, most);
    let (new_height, new_width) = (side(from_height, height), side(from_width, width));
    let (top, left) = ((height - new_height) / 2, (width - new_width) / 2);
    let rows = between(from_height, new_height);
    let columns = between(from_width, new_width);
    let mut made = Planes::grey(1, height, width);
    made.values.fill(WHITE);
    for channel in 0..3 {
        let pixel =
            |row: usize, column: usize| 2.0 * picture.pixels[row * from_width + column][channel] - 1.0;
        for (row, (y, dy)) in rows.iter().enumerate() {
            let below = (y + 1).min(from_height - 1);
            for (column, (x, dx)) in columns.iter().enumerate() {
                let beside = (x + 1).min(from_width - 1);
                let above = pixel(*y, *x) * (1.0 - dx) + pixel(*y, beside) * dx;
                let under = pixel(below, *x) * (1.0 - dx) + pixel(below, beside) * dx;
                made.values[(channel * height + top + row) * width + left + column] =
                    above * (1.0 - dy) + under * dy;
            }
        }
    }
    made
}

/// For each of `new` places the place before it among `from`, and how far it lies on the way to the next.
fn between(from: usize, new: usize) -> Vec<(usize, f32)> {
    let scale = from as f32 / new as f32;
    (0..new)
        .map(|n| {
            let at = (scale * (n as f32 + 0.5) - 0.5).max(0.0);
            let before = (at as usize).min(from - 1);
            (before, at - before as f32)
        })
        .collect()
}
