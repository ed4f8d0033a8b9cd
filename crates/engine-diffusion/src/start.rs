//! What a picture starts from besides noise: frames that are held at its beginning, or a clip that is brought to noise in
//! part and stepped from there.
//!
//! - **Held frames** (Wan 2.2 TI2V 5B): the latents of the first frames are put in place before each step, and their tokens
//!   stand at the time of a finished picture, so that the rest grows out of them. One frame is a first frame; the last ones
//!   of another take are a tail to go on from.
//! - **A clip and a strength** (any model of the family), as in Meng and others, "SDEdit: Guided Image Synthesis and Editing
//!   with Stochastic Differential Equations" (arXiv 2108.01073, section 3): the clip's latents with as much noise as that
//!   part of the steps begins with.

use burn::tensor::Device;
use heirloom_tensors::wan::{Tiling, Times, Vae};

use crate::encode;
use crate::generate::{Ask, At, Clip, GenerateError, Hear};
use crate::model::Model;
use crate::schedule::{Schedule, ScheduleError};

/// What a picture starts from besides noise; nothing as a rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Start {
    /// Frames that the clip begins with, as they are: 4n+1 of them, fewer than the clip has.
    pub held: Option<Clip>,
    /// A clip to be made over.
    pub basis: Option<Basis>,
}

/// A clip to be made over, as long and as large as what is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Basis {
    /// The clip.
    pub clip: Clip,
    /// What part of the steps is taken, above 0 to 1: little leaves the clip nearly as it is, 1 nearly nothing of it.
    pub strength: f64,
}

/// Frames that a picture can not start from; each says the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// A model of words alone.
    #[error(
        "this model can not hold frames at the beginning of a clip; take Wan 2.2 TI2V 5B, or leave the first frames out"
    )]
    HoldsNone,
    /// Held frames that are no whole latents.
    #[error("{frames} frames can not be held: {ratio}n+1 make whole latents; give {fewer}, or {more}")]
    HeldLength {
        /// Frames that were given.
        frames: usize,
        /// Frames to a latent.
        ratio: usize,
        /// The next fewer that can be.
        fewer: usize,
        /// The next more.
        more: usize,
    },
    /// Held frames that leave nothing to be made.
    #[error(
        "{held} frames are held of a clip of {frames}, and nothing is left to be made; ask for a longer clip"
    )]
    HeldAll {
        /// Frames that were given.
        held: usize,
        /// Frames that are asked for.
        frames: usize,
    },
    /// Another size.
    #[error(
        "{what} is {width}x{height}, and {wanted_width}x{wanted_height} is asked for; scale it to that size first"
    )]
    Size {
        /// What was given.
        what: &'static str,
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
        /// Pixels in a row of what is asked for.
        wanted_width: usize,
        /// Its rows.
        wanted_height: usize,
    },
    /// Another length.
    #[error(
        "the clip to be made over has {given} frames, and {wanted} are asked for; cut it, or ask for {given}"
    )]
    Length {
        /// Frames that were given.
        given: usize,
        /// Frames that are asked for.
        wanted: usize,
    },
    /// Pixels that are none.
    #[error("{what} has no whole frames of numbers from 0 to 1; read its files again, as sRGB")]
    Pixels {
        /// What was given.
        what: &'static str,
    },
}

impl Start {
    /// Whether there is nothing but noise.
    pub fn is_noise(&self) -> bool {
        self.held.is_none() && self.basis.is_none()
    }

    /// Whether this model can start from this, for what is asked.
    ///
    /// # Errors
    /// [`StartError`]
    pub fn check(&self, model: &Model, ask: &Ask) -> Result<(), StartError> {
        if let Some(held) = &self.held {
            if !model.config.expand_timesteps {
                return Err(StartError::HoldsNone);
            }
            let frames = checked(held, "the beginning to hold", ask)?;
            let ratio = usize::try_from(model.config.vae.scale_frames()).unwrap_or(usize::MAX);
            if !(frames - 1).is_multiple_of(ratio) {
                let fewer = (frames - 1) / ratio * ratio + 1;
                return Err(StartError::HeldLength {
                    frames,
                    ratio,
                    fewer,
                    more: fewer + ratio,
                });
            }
            if frames >= ask.frames {
                return Err(StartError::HeldAll {
                    held: frames,
                    frames: ask.frames,
                });
            }
        }
        if let Some(basis) = &self.basis {
            let given = checked(&basis.clip, "the clip to be made over", ask)?;
            if given != ask.frames {
                return Err(StartError::Length {
                    given,
                    wanted: ask.frames,
                });
            }
        }
        Ok(())
    }

    /// The steps that are taken: the last ones of `schedule`, where a clip is made over.
    ///
    /// # Errors
    /// [`ScheduleError`] for a strength that is none, or leaves no step.
    pub fn steps(&self, schedule: Schedule) -> Result<Schedule, ScheduleError> {
        match &self.basis {
            None => Ok(schedule),
            Some(basis) => schedule.last_part(basis.strength),
        }
    }
}

/// How many frames there are, of the size that is asked for and of numbers.
fn checked(clip: &Clip, what: &'static str, ask: &Ask) -> Result<usize, StartError> {
    if (clip.width, clip.height) != (ask.width, ask.height) {
        return Err(StartError::Size {
            what,
            width: clip.width,
            height: clip.height,
            wanted_width: ask.width,
            wanted_height: ask.height,
        });
    }
    let frame = (clip.width * clip.height).max(1);
    let whole = !clip.pixels.is_empty() && clip.pixels.len().is_multiple_of(frame);
    // Not a number is in no range.
    let codes = |p: &[f32; 3]| p.iter().all(|v| (0.0..=1.0).contains(v));
    if !whole || !clip.pixels.iter().all(codes) {
        return Err(StartError::Pixels { what });
    }
    Ok(clip.pixels.len() / frame)
}

/// Latents of references before those of a clip, channel by channel.
fn joined(references: &[f32], clip: &[f32], channels: usize) -> Vec<f32> {
    let part = |all: &[f32]| all.len() / channels.max(1);
    let (before, own) = (part(references), part(clip));
    let mut all = Vec::with_capacity(references.len() + clip.len());
    for channel in 0..channels {
        all.extend_from_slice(&references[channel * before..][..before]);
        all.extend_from_slice(&clip[channel * own..][..own]);
    }
    all
}

/// What was given, as latents of the transformer.
pub(crate) struct Encoded {
    /// Latents that are held, and how many frames of them.
    held: Option<(Vec<f32>, usize)>,
    basis: Option<Vec<f32>>,
    /// Of all latents: channels, frames, rows, columns.
    shape: [usize; 4],
}

impl Encoded {
    /// Encodes what was given. `references` are the latents of reference images, which stand before the clip's own: where a
    /// clip is made over, they begin as what they show, as it does.
    pub(crate) fn new(
        start: &Start,
        (vae, tiling): (&Vae<'_>, Option<Tiling>),
        (shape, references): ([usize; 4], Vec<f32>),
        device: &Device,
        hear: &mut dyn Hear,
    ) -> Result<Self, GenerateError> {
        let mut latents = |clip: &Clip| -> Result<(Vec<f32>, usize), GenerateError> {
            encode::latents(clip, vae, tiling, device, &mut |done, of| {
                hear.at(At::Given(done, of));
                hear.go_on()
            })
        };
        let held = start.held.as_ref().map(&mut latents).transpose()?;
        let basis = start.basis.as_ref().map(|b| latents(&b.clip)).transpose()?;
        Ok(Self {
            held,
            basis: basis.map(|(latents, _)| joined(&references, &latents, shape[0])),
            shape,
        })
    }

    /// Puts the clip that is made over under `noise`, at the noise level that is stepped from.
    pub(crate) fn begin(&self, noise: &mut [f32], sigma: f64) {
        let sigma = sigma as f32;
        for (noise, clip) in noise.iter_mut().zip(self.basis.iter().flatten()) {
            *noise = (1.0 - sigma) * clip + sigma * *noise;
        }
    }

    /// Puts held latents in their place.
    pub(crate) fn hold(&self, latents: &mut [f32]) {
        let Some((held, frames)) = &self.held else { return };
        let [_, all, rows, columns] = self.shape;
        let (from, to) = (frames * rows * columns, all * rows * columns);
        // Channel by channel: the frames of each lie together.
        for (into, held) in latents.chunks_exact_mut(to).zip(held.chunks_exact(from)) {
            if let Some(into) = into.get_mut(..from) {
                into.copy_from_slice(held);
            }
        }
    }

    /// The times of tokens at a step.
    pub(crate) fn times(&self, step: f64) -> Times {
        Times {
            step: step as f32,
            held_frames: self.held.as_ref().map_or(0, |(_, frames)| *frames),
        }
    }
}
