//! What the video VAE is made of. Clips here are (frames, rows, columns, channels).

use burn::tensor::Tensor;

use super::layers::Linear;
use crate::kernels::Norm;
use crate::ops::{self, ConvSpec, NormSpec};
use crate::weights::{ModelError, Reader};

/// Frames that convolutions keep from one chunk of a clip to the next, each in its own place.
///
/// A fresh memory is the beginning of a clip: before it everything is black.
#[derive(Debug, Default)]
pub(super) struct Memory {
    kept: Vec<Option<Tensor<4>>>,
}

impl Memory {
    /// Whether this is the first chunk for the convolution at `place`, and what it kept.
    fn take(&mut self, place: usize) -> Option<Tensor<4>> {
        self.kept.get_mut(place).and_then(Option::take)
    }

    fn put(&mut self, place: usize, frames: Tensor<4>) {
        if self.kept.len() <= place {
            self.kept.resize(place + 1, None);
        }
        self.kept[place] = Some(frames);
    }
}

/// Gives each convolution its place in the memory.
#[derive(Debug, Default)]
pub(super) struct Places(usize);

impl Places {
    fn next(&mut self) -> usize {
        self.0 += 1;
        self.0 - 1
    }
}

/// The last `count` frames of `past` followed by `x`, copied, so that the rest can be let go; black ones stand for those
/// that are missing.
fn last_frames(past: Option<Tensor<4>>, x: &Tensor<4>, count: usize) -> Tensor<4> {
    let [frames, height, width, channels] = x.dims();
    let frame = |clip: &Tensor<4>, i: usize| clip.clone().slice([i..i + 1, 0..height, 0..width, 0..channels]);
    let from_x = count.min(frames);
    let missing = count - from_x;
    let mut parts = Vec::new();
    if missing > 0 {
        let had = past.as_ref().map_or(0, |p| p.dims()[0].min(missing));
        if had < missing {
            parts.push(Tensor::zeros(
                [missing - had, height, width, channels],
                &x.device(),
            ));
        }
        if let Some(past) = &past {
            let all = past.dims()[0];
            parts.extend((all - had..all).map(|i| frame(past, i)));
        }
    }
    parts.extend((frames - from_x..frames).map(|i| frame(x, i)));
    // A lone part would be a view that holds the whole clip.
    if parts.len() == 1 {
        parts.remove(0) + 0.0
    } else {
        Tensor::cat(parts, 0)
    }
}

/// A convolution causal in time.
#[derive(Debug)]
pub(super) struct Causal {
    weight: Tensor<5>,
    bias: Tensor<1>,
    spec: ConvSpec,
    place: usize,
}

impl Causal {
    pub(super) fn read(
        from: &Reader<'_>,
        places: &mut Places,
        inputs: usize,
        outputs: usize,
        kernel: [usize; 3],
    ) -> Result<Self, ModelError> {
        let shape = [outputs, inputs, kernel[0], kernel[1], kernel[2]];
        let weight = from.conv_weight("weight", &shape, shape)?;
        let bias = from.tensor("bias", [outputs])?;
        Ok(Self {
            weight,
            bias,
            spec: ConvSpec::causal(kernel),
            place: places.next(),
        })
    }

    pub(super) fn forward(&self, x: Tensor<4>, memory: &mut Memory) -> Tensor<4> {
        let past = memory.take(self.place);
        memory.put(self.place, last_frames(past.clone(), &x, self.spec.front));
        ops::conv(x, past, self.weight.clone(), self.bias.clone(), self.spec)
    }
}

/// A convolution over each frame by itself.
#[derive(Debug)]
struct Flat {
    weight: Tensor<5>,
    bias: Tensor<1>,
    spec: ConvSpec,
}

impl Flat {
    fn read(from: &Reader<'_>, inputs: usize, outputs: usize, spec: ConvSpec) -> Result<Self, ModelError> {
        Ok(Self {
            weight: from.conv_weight("weight", &[outputs, inputs, 3, 3], [outputs, inputs, 1, 3, 3])?,
            bias: from.tensor("bias", [outputs])?,
            spec,
        })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        ops::conv(x, None, self.weight.clone(), self.bias.clone(), self.spec)
    }
}

/// A row for each pixel of a clip.
fn pixels(x: Tensor<4>) -> Tensor<2> {
    let [t, h, w, c] = x.dims();
    x.reshape([t * h * w, c])
}

/// Normalises the channels of each pixel, with SiLU after it or not.
#[derive(Debug)]
pub(super) struct PixelNorm {
    gamma: Tensor<1>,
    silu: bool,
}

impl PixelNorm {
    /// `ones` is the number of axes of size one that follow the channels in the stored shape.
    pub(super) fn read(
        from: &Reader<'_>,
        channels: usize,
        ones: usize,
        silu: bool,
    ) -> Result<Self, ModelError> {
        let mut shape = vec![1; ones + 1];
        shape[0] = channels;
        Ok(Self {
            gamma: from.reshaped("gamma", &shape, [channels])?,
            silu,
        })
    }

    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let shape = x.dims();
        let spec = NormSpec {
            norm: Norm::Length,
            base: 0.0,
            silu: self.silu,
        };
        ops::norm(pixels(x), spec, Some(self.gamma.clone()), None).reshape(shape)
    }
}

/// A convolution of one pixel: a linear layer over the channels.
#[derive(Debug)]
pub(super) struct PixelLinear(Linear);

impl PixelLinear {
    /// `ones` is the number of axes of size one in the stored shape.
    pub(super) fn read(
        from: &Reader<'_>,
        inputs: usize,
        outputs: usize,
        ones: usize,
    ) -> Result<Self, ModelError> {
        let mut shape = vec![1; ones + 2];
        (shape[0], shape[1]) = (outputs, inputs);
        Ok(Self(Linear::read_window(from, &shape)?))
    }

    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [t, h, w, _] = x.dims();
        let y = self.0.forward(pixels(x));
        let outputs = y.dims()[1];
        y.reshape([t, h, w, outputs])
    }
}

/// `a + b`.
pub(super) fn add(a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    let shape = a.dims();
    ops::add_gated(pixels(a), pixels(b), None).reshape(shape)
}

/// Two convolutions and a way around them.
#[derive(Debug)]
pub(super) struct Residual {
    norm1: PixelNorm,
    conv1: Causal,
    norm2: PixelNorm,
    conv2: Causal,
    shortcut: Option<PixelLinear>,
}

impl Residual {
    pub(super) fn read(
        from: &Reader<'_>,
        places: &mut Places,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self, ModelError> {
        let shortcut = match inputs == outputs {
            true => None,
            false => Some(PixelLinear::read(
                &from.under("conv_shortcut"),
                inputs,
                outputs,
                3,
            )?),
        };
        Ok(Self {
            norm1: PixelNorm::read(&from.under("norm1"), inputs, 3, true)?,
            conv1: Causal::read(&from.under("conv1"), places, inputs, outputs, [3, 3, 3])?,
            norm2: PixelNorm::read(&from.under("norm2"), outputs, 3, true)?,
            conv2: Causal::read(&from.under("conv2"), places, outputs, outputs, [3, 3, 3])?,
            shortcut,
        })
    }

    pub(super) fn forward(&self, x: Tensor<4>, memory: &mut Memory) -> Tensor<4> {
        let y = self.conv1.forward(self.norm1.forward(x.clone()), memory);
        let y = self.conv2.forward(self.norm2.forward(y), memory);
        match &self.shortcut {
            None => add(y, x),
            Some(shortcut) => add(y, shortcut.forward(x)),
        }
    }
}

/// Attention among the pixels of one frame, with a single head.
#[derive(Debug)]
struct FrameAttention {
    norm: PixelNorm,
    qkv: PixelLinear,
    project: PixelLinear,
}

impl FrameAttention {
    fn read(from: &Reader<'_>, channels: usize) -> Result<Self, ModelError> {
        Ok(Self {
            norm: PixelNorm::read(&from.under("norm"), channels, 2, false)?,
            qkv: PixelLinear::read(&from.under("to_qkv"), channels, 3 * channels, 2)?,
            project: PixelLinear::read(&from.under("proj"), channels, channels, 2)?,
        })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [t, h, w, c] = x.dims();
        let qkv = pixels(self.qkv.forward(self.norm.forward(x.clone())));
        let part = |frame: usize, i: usize| {
            qkv.clone()
                .slice([frame * h * w..(frame + 1) * h * w, i * c..(i + 1) * c])
        };
        let frames: Vec<Tensor<2>> = (0..t)
            .map(|frame| {
                let scale = 1.0 / (c as f32).sqrt();
                ops::attention(part(frame, 0), part(frame, 1), part(frame, 2), None, 1, scale)
            })
            .collect();
        let seen = Tensor::cat(frames, 0).reshape([t, h, w, c]);
        add(self.project.forward(seen), x)
    }
}

/// The narrowest part of encoder and decoder.
#[derive(Debug)]
pub(super) struct Middle {
    before: Residual,
    attention: FrameAttention,
    after: Residual,
}

impl Middle {
    pub(super) fn read(from: &Reader<'_>, places: &mut Places, channels: usize) -> Result<Self, ModelError> {
        let resnets = from.under("resnets");
        Ok(Self {
            before: Residual::read(&resnets.under(0), places, channels, channels)?,
            attention: FrameAttention::read(&from.under("attentions.0"), channels)?,
            after: Residual::read(&resnets.under(1), places, channels, channels)?,
        })
    }

    pub(super) fn forward(&self, x: Tensor<4>, memory: &mut Memory) -> Tensor<4> {
        let x = self.before.forward(x, memory);
        self.after.forward(self.attention.forward(x), memory)
    }
}

/// Halves rows and columns, and frames where `time` is.
#[derive(Debug)]
pub(super) struct Shrink {
    space: Flat,
    time: Option<Causal>,
}

impl Shrink {
    pub(super) fn read(
        from: &Reader<'_>,
        places: &mut Places,
        channels: usize,
        in_time: bool,
    ) -> Result<Self, ModelError> {
        let spec = ConvSpec {
            stride: [1, 2],
            pad: [0, 1, 0, 1],
            ..ConvSpec::causal([1, 3, 3])
        };
        let time = match in_time {
            false => None,
            true => {
                let mut conv = Causal::read(&from.under("time_conv"), places, channels, channels, [3, 1, 1])?;
                // Two frames become one, from them and the one before.
                conv.spec = ConvSpec {
                    stride: [2, 1],
                    front: 1,
                    ..conv.spec
                };
                Some(conv)
            }
        };
        Ok(Self {
            space: Flat::read(&from.under("resample.1"), channels, channels, spec)?,
            time,
        })
    }

    pub(super) fn forward(&self, x: Tensor<4>, memory: &mut Memory) -> Tensor<4> {
        let x = self.space.forward(x);
        let Some(time) = &self.time else { return x };
        match memory.take(time.place) {
            // The first frame of a clip stays by itself.
            None => {
                memory.put(time.place, last_frames(None, &x, 1));
                x
            }
            Some(past) => {
                memory.put(time.place, last_frames(None, &x, 1));
                ops::conv(x, Some(past), time.weight.clone(), time.bias.clone(), time.spec)
            }
        }
    }
}

/// Doubles rows and columns, to other channels; doubles frames where `time` is.
#[derive(Debug)]
pub(super) struct Grow {
    space: Flat,
    time: Option<Causal>,
}

impl Grow {
    pub(super) fn read(
        from: &Reader<'_>,
        places: &mut Places,
        [channels, outputs]: [usize; 2],
        in_time: bool,
    ) -> Result<Self, ModelError> {
        let spec = ConvSpec {
            double: true,
            ..ConvSpec::causal([1, 3, 3])
        };
        let time = match in_time {
            false => None,
            true => Some(Causal::read(
                &from.under("time_conv"),
                places,
                channels,
                2 * channels,
                [3, 1, 1],
            )?),
        };
        Ok(Self {
            space: Flat::read(&from.under("resample.1"), channels, outputs, spec)?,
            time,
        })
    }

    pub(super) fn forward(&self, x: Tensor<4>, memory: &mut Memory) -> Tensor<4> {
        self.space.forward(self.in_time(x, memory))
    }

    fn in_time(&self, x: Tensor<4>, memory: &mut Memory) -> Tensor<4> {
        let Some(time) = &self.time else { return x };
        let [t, h, w, c] = x.dims();
        let Some(past) = memory.take(time.place) else {
            // The first frame of a clip stays one, and is not seen by those after it: to them black came before.
            memory.put(time.place, Tensor::zeros([2, h, w, c], &x.device()));
            return x;
        };
        memory.put(time.place, last_frames(Some(past.clone()), &x, 2));
        let y = ops::conv(x, Some(past), time.weight.clone(), time.bias.clone(), time.spec);
        // The first half of the channels is the earlier of two frames.
        y.reshape([t, h * w, 2, c])
            .swap_dims(1, 2)
            .reshape([2 * t, h, w, c])
    }
}
