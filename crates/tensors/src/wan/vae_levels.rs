//! Levels of Wan 2.2's autoencoder: residual blocks and a change of size, with a way around them that has no weights.
//!
//! The way around follows "Deep Compression Autoencoder" (Chen and others, arXiv 2410.10733, section 3.2), in time as well:
//! going down, a block of pixels becomes channels and channels are averaged in groups; going up, channels are repeated
//! and become a block of pixels. Clips here are (frames, rows, columns, channels).

use burn::tensor::Tensor;

use super::vae_parts::{Grow, Memory, Places, Residual, Shrink, add};
use crate::weights::{ModelError, Reader};

/// How many frames, and how many pixels on a side, become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Factor {
    time: usize,
    space: usize,
}

impl Factor {
    fn new(in_time: bool, in_space: bool) -> Self {
        Self {
            time: 1 + usize::from(in_time),
            space: 1 + usize::from(in_space),
        }
    }

    fn pixels(self) -> usize {
        self.time * self.space * self.space
    }
}

/// Channels and numbers of a block of pixels that do not come out even.
fn uneven(inputs: usize, outputs: usize) -> ModelError {
    ModelError::Input(format!(
        "the VAE's levels of {inputs} and {outputs} channels do not divide into each other; its configuration is damaged or \
         of another family: fetch it again"
    ))
}

/// A level of the encoder.
#[derive(Debug)]
pub(super) struct Lower {
    residuals: Vec<Residual>,
    shrink: Option<Shrink>,
    factor: Factor,
    outputs: usize,
}

impl Lower {
    /// `step` is whether frames are halved at its end, and none for the last level, which halves nothing.
    pub(super) fn read(
        from: &Reader<'_>,
        places: &mut Places,
        [inputs, outputs]: [usize; 2],
        blocks: usize,
        step: Option<bool>,
    ) -> Result<Self, ModelError> {
        let factor = Factor::new(step == Some(true), step.is_some());
        if outputs == 0 || !(inputs * factor.pixels()).is_multiple_of(outputs) {
            return Err(uneven(inputs, outputs));
        }
        let mut channels = inputs;
        let mut residuals = Vec::new();
        for i in 0..blocks {
            let from = from.under("resnets").under(i);
            residuals.push(Residual::read(&from, places, channels, outputs)?);
            channels = outputs;
        }
        let shrink = match step {
            None => None,
            Some(in_time) => Some(Shrink::read(
                &from.under("downsampler"),
                places,
                channels,
                in_time,
            )?),
        };
        Ok(Self {
            residuals,
            shrink,
            factor,
            outputs,
        })
    }

    pub(super) fn forward(&self, x: Tensor<4>, memory: &mut Memory) -> Tensor<4> {
        let around = averaged(x.clone(), self.factor, self.outputs);
        let mut x = x;
        for residual in &self.residuals {
            x = residual.forward(x, memory);
        }
        if let Some(shrink) = &self.shrink {
            x = shrink.forward(x, memory);
        }
        add(x, around)
    }
}

/// A level of the decoder.
#[derive(Debug)]
pub(super) struct Upper {
    residuals: Vec<Residual>,
    grow: Option<(Grow, Factor)>,
    outputs: usize,
}

impl Upper {
    /// `step` is whether frames are doubled at its end, and none for the last level, which doubles nothing and has no way
    /// around.
    pub(super) fn read(
        from: &Reader<'_>,
        places: &mut Places,
        [inputs, outputs]: [usize; 2],
        blocks: usize,
        step: Option<bool>,
    ) -> Result<Self, ModelError> {
        let factor = Factor::new(step == Some(true), step.is_some());
        if inputs == 0 || (step.is_some() && !(outputs * factor.pixels()).is_multiple_of(inputs)) {
            return Err(uneven(inputs, outputs));
        }
        let mut channels = inputs;
        let mut residuals = Vec::new();
        for i in 0..=blocks {
            let from = from.under("resnets").under(i);
            residuals.push(Residual::read(&from, places, channels, outputs)?);
            channels = outputs;
        }
        let grow = match step {
            None => None,
            Some(in_time) => Some((
                Grow::read(&from.under("upsampler"), places, [channels; 2], in_time)?,
                factor,
            )),
        };
        Ok(Self {
            residuals,
            grow,
            outputs,
        })
    }

    /// `first` is whether this is the first frame of a clip, which stays one.
    pub(super) fn forward(&self, x: Tensor<4>, memory: &mut Memory, first: bool) -> Tensor<4> {
        let start = x.clone();
        let mut x = x;
        for residual in &self.residuals {
            x = residual.forward(x, memory);
        }
        match &self.grow {
            None => x,
            Some((grow, factor)) => add(
                grow.forward(x, memory),
                repeated(start, *factor, self.outputs, first),
            ),
        }
    }
}

/// Blocks of pixels to channels, and those averaged in groups to `outputs` channels. Frames before the first are black.
fn averaged(x: Tensor<4>, factor: Factor, outputs: usize) -> Tensor<4> {
    let Factor { time, space } = factor;
    let [frames, height, width, channels] = x.dims();
    let missing = frames.next_multiple_of(time) - frames;
    let x = match missing {
        0 => x,
        _ => {
            let black = Tensor::zeros([missing, height, width, channels], &x.device());
            Tensor::cat(vec![black, x], 0)
        }
    };
    let [t, h, w] = [(frames + missing) / time, height / space, width / space];
    let group = channels * factor.pixels() / outputs;
    let blocks = x
        .reshape([t, time, h, space, w, space, channels])
        .permute([0, 2, 4, 6, 1, 3, 5])
        .reshape([t * h * w, outputs, group]);
    let mean: Tensor<3> = blocks.mean_dim(2);
    mean.reshape([t, h, w, outputs])
}

/// Channels repeated, and spread over blocks of pixels of `outputs` channels. Of the first frame only the last of its
/// block is kept.
fn repeated(x: Tensor<4>, factor: Factor, outputs: usize, first: bool) -> Tensor<4> {
    let Factor { time, space } = factor;
    let [t, h, w, channels] = x.dims();
    let times = outputs * factor.pixels() / channels;
    let spread: Tensor<4> = x
        .reshape([t * h * w * channels, 1])
        .repeat_dim(1, times)
        .reshape([t, h, w, outputs, time, space, space])
        .permute([0, 4, 1, 5, 2, 6, 3])
        .reshape([t * time, h * space, w * space, outputs]);
    match first {
        true => spread.slice([time - 1..t * time, 0..h * space, 0..w * space, 0..outputs]),
        false => spread,
    }
}

/// Blocks of `patch` by `patch` pixels to channels: channel, column and row of the block, the rows running fastest.
pub(super) fn folded(x: Tensor<4>, patch: usize) -> Tensor<4> {
    if patch == 1 {
        return x;
    }
    let [t, height, width, channels] = x.dims();
    let (h, w) = (height / patch, width / patch);
    x.reshape([t, h, patch, w, patch, channels])
        .permute([0, 1, 3, 5, 4, 2])
        .reshape([t, h, w, channels * patch * patch])
}

/// What [`folded`] makes, the other way about.
pub(super) fn unfolded(x: Tensor<4>, patch: usize) -> Tensor<4> {
    if patch == 1 {
        return x;
    }
    let [t, h, w, all] = x.dims();
    let channels = all / (patch * patch);
    x.reshape([t, h, w, channels, patch, patch])
        .permute([0, 1, 5, 2, 4, 3])
        .reshape([t, h * patch, w * patch, channels])
}
