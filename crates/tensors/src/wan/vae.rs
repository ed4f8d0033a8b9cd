//! The causal video VAEs: pictures to latents of a quarter the frames and an eighth (Wan 2.1) or a sixteenth (Wan 2.2 5B)
//! of rows and columns, and back.
//!
//! A clip of 4n+1 frames goes through in chunks: the first frame alone, then four at a time; each convolution keeps the
//! last frames that it saw, so that a chunk costs the same memory wherever it is (Wan Team, 2025, section 4.1).

use burn::tensor::{Device, Tensor};

use super::vae_levels::{Lower, Upper, folded, unfolded};
use super::vae_parts::{Causal, Grow, Memory, Middle, PixelLinear, PixelNorm, Places, Residual, Shrink};
use super::vae_tiles::{Cut, Tiling, join};
use crate::weights::{ModelError, Reader, Weights};

/// The shape of a VAE, as its `config.json` has it.
#[derive(Debug, Clone, PartialEq)]
pub struct VaeConfig {
    /// Channels of the encoder's widest pictures.
    pub base: usize,
    /// Channels of the decoder's widest pictures.
    pub decoder_base: usize,
    /// Whether there is a way around each level (Wan 2.2's 5B).
    pub residual: bool,
    /// Pixels on a side that become channels before the first layer, and pixels again after the last.
    pub patch: usize,
    /// Channels of each level, as a multiple of the base, from the widest picture to the narrowest.
    pub multiples: Vec<usize>,
    /// Residual blocks of a level of the encoder; the decoder has one more.
    pub blocks: usize,
    /// For each step between levels, whether the encoder halves the frames there.
    pub time_steps: Vec<bool>,
    /// Channels of the latents.
    pub latent_channels: usize,
    /// The mean of each channel of the latents that the transformer was trained with.
    pub mean: Vec<f32>,
    /// Their standard deviations.
    pub deviation: Vec<f32>,
}

impl VaeConfig {
    /// Pixels to a latent, along rows and columns.
    pub fn space_ratio(&self) -> usize {
        self.patch << (self.multiples.len() - 1)
    }

    /// Frames to a latent, the first frame of a clip apart.
    pub fn time_ratio(&self) -> usize {
        1 << self.time_steps.iter().filter(|t| **t).count()
    }

    /// Channels of pictures as the first layer takes them.
    fn folded_channels(&self) -> usize {
        3 * self.patch * self.patch
    }

    fn check(&self) -> Result<(), ModelError> {
        let levels = self.multiples.len();
        if levels == 0 || self.patch == 0 || self.time_steps.len() + 1 != levels || self.latent_channels == 0
        {
            return Err(ModelError::Input(format!(
                "a VAE of {levels} levels and {} steps between them is none that this program knows; its configuration \
                 is damaged or of another family: fetch it again",
                self.time_steps.len()
            )));
        }
        if self.mean.len() != self.latent_channels || self.deviation.len() != self.latent_channels {
            return Err(ModelError::Input(format!(
                "the VAE's configuration gives {} means and {} deviations for {} channels of latents; fetch it again",
                self.mean.len(),
                self.deviation.len(),
                self.latent_channels
            )));
        }
        Ok(())
    }
}

/// A video VAE. Encoder and decoder are read when they run, and let go after.
pub struct Vae<'a> {
    config: VaeConfig,
    from: Reader<'a>,
}

impl<'a> Vae<'a> {
    /// A VAE of this shape over these weights. Nothing is read yet.
    ///
    /// # Errors
    /// [`ModelError::Input`] for a configuration that contradicts itself.
    pub fn new(config: VaeConfig, weights: &'a dyn Weights, device: &Device) -> Result<Self, ModelError> {
        config.check()?;
        Ok(Self {
            config,
            from: Reader::new(weights, device),
        })
    }

    /// The shape it was made with.
    pub fn config(&self) -> &VaeConfig {
        &self.config
    }

    /// The most likely latents of a clip: (3, frames, rows, columns) in −1 to 1, to (latent channels, …).
    ///
    /// Frames after the last whole chunk (those of a clip that is not 4n+1 frames long), and rows and columns after the
    /// last whole latent, get no latents of their own; where the VAE has ways around its levels, sides must be whole.
    ///
    /// They are the VAE's own; [`Vae::to_model`] makes them the transformer's. With a `tiling` the picture goes through
    /// in overlapping tiles. Before each chunk of each tile `go_on` is told which it is of how many, and whether to go on
    /// is what it answers.
    ///
    /// # Errors
    /// [`ModelError::Input`] when there is no whole latent in the clip, or sides must be whole and are not, [`ModelError::Stopped`], and what reading
    /// weights gives.
    pub fn encode(
        &self,
        clip: Tensor<4>,
        tiling: Option<Tiling>,
        go_on: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<Tensor<4>, ModelError> {
        let [channels, frames, height, width] = clip.dims();
        let (time, space) = (self.config.time_ratio(), self.config.space_ratio());
        if channels != 3 || frames == 0 || height < space || width < space {
            return Err(ModelError::Input(format!(
                "a clip of {channels} channels and {frames} frames, {width}x{height}, cannot be encoded; it wants 3 \
                 channels, a frame, and {space} rows and columns at least"
            )));
        }
        // The ways around divide blocks of pixels evenly, or not at all.
        if (self.config.residual || self.config.patch > 1)
            && !(height.is_multiple_of(space) && width.is_multiple_of(space))
        {
            return Err(ModelError::Input(format!(
                "a clip of {width}x{height} cannot be encoded by this VAE; scale or crop it to multiples of {space}"
            )));
        }
        let encoder = Encoder::read(&self.config, &self.from)?;
        let chunks = chunks(frames, time);
        let cut = Cut::new([height, width], tiling, 1);
        let total = cut.tiles.len() * chunks.len();
        let mut tiles = Vec::new();
        for (i, tile) in cut.tiles.iter().enumerate() {
            let mut memory = Memory::default();
            let mut parts = Vec::new();
            for (k, (from, to)) in chunks.iter().enumerate() {
                if !go_on(i * chunks.len() + k, total) {
                    return Err(ModelError::Stopped);
                }
                let part = clip
                    .clone()
                    .slice([0..3, *from..*to, tile.rows.clone(), tile.columns.clone()]);
                let part = folded(part.permute([1, 2, 3, 0]), self.config.patch);
                let mean = encoder.forward(part, &mut memory);
                let [t, h, w, _] = mean.dims();
                parts.push(mean.slice([0..t, 0..h, 0..w, 0..self.config.latent_channels]));
            }
            tiles.push(Tensor::cat(parts, 0));
        }
        Ok(join(tiles, &cut, |pixels| pixels / space).permute([3, 0, 1, 2]))
    }

    /// The clip of latents: (latent channels, frames, rows, columns) to (3, frames, rows, columns), held to −1 to 1.
    ///
    /// `tiling` is in pixels of the clip; for the rest see [`Vae::encode`].
    ///
    /// # Errors
    /// [`ModelError::Input`] for latents of other channels, [`ModelError::Stopped`], and what reading weights gives.
    pub fn decode(
        &self,
        latents: Tensor<4>,
        tiling: Option<Tiling>,
        go_on: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<Tensor<4>, ModelError> {
        let [channels, frames, height, width] = latents.dims();
        if channels != self.config.latent_channels || frames == 0 {
            return Err(ModelError::Input(format!(
                "latents of {channels} channels and {frames} frames are not this VAE's, which have {} channels; \
                 transformer and VAE must be of one model",
                self.config.latent_channels
            )));
        }
        let space = self.config.space_ratio();
        let decoder = Decoder::read(&self.config, &self.from)?;
        let cut = Cut::new([height, width], tiling, space);
        let total = cut.tiles.len() * frames;
        let mut tiles = Vec::new();
        for (i, tile) in cut.tiles.iter().enumerate() {
            let mut memory = Memory::default();
            let mut parts = Vec::new();
            for frame in 0..frames {
                if !go_on(i * frames + frame, total) {
                    return Err(ModelError::Stopped);
                }
                let part = latents.clone().slice([
                    0..channels,
                    frame..frame + 1,
                    tile.rows.clone(),
                    tile.columns.clone(),
                ]);
                parts.push(decoder.forward(part.permute([1, 2, 3, 0]), &mut memory, frame == 0));
            }
            tiles.push(Tensor::cat(parts, 0));
        }
        // Tiles fade into each other before channels become pixels, as the reference has it.
        let patch = self.config.patch;
        let clip = join(tiles, &cut, |latents| latents * (space / patch));
        Ok(unfolded(clip, patch).permute([3, 0, 1, 2]).clamp(-1.0, 1.0))
    }

    /// The VAE's latents as the transformer was trained with them: each channel to mean 0 and deviation 1.
    pub fn to_model(&self, latents: Tensor<4>) -> Tensor<4> {
        let [mean, deviation] = self.statistics();
        (latents - mean) / deviation
    }

    /// The transformer's latents as the VAE has them.
    pub fn from_model(&self, latents: Tensor<4>) -> Tensor<4> {
        let [mean, deviation] = self.statistics();
        latents * deviation + mean
    }

    fn statistics(&self) -> [Tensor<4>; 2] {
        [&self.config.mean, &self.config.deviation]
            .map(|v| self.from.put(v.clone(), [self.config.latent_channels, 1, 1, 1]))
    }
}

/// The first frame alone, then `time` at a time.
fn chunks(frames: usize, time: usize) -> Vec<(usize, usize)> {
    let whole = (frames - 1) / time;
    std::iter::once((0, 1))
        .chain((0..whole).map(|i| (1 + i * time, 1 + (i + 1) * time)))
        .collect()
}

/// A part of the encoder between its first and its middle.
#[derive(Debug)]
enum Down {
    Residual(Box<Residual>),
    Shrink(Box<Shrink>),
    Level(Box<Lower>),
}

#[derive(Debug)]
struct Encoder {
    first: Causal,
    down: Vec<Down>,
    middle: Middle,
    norm: PixelNorm,
    last: Causal,
    quantise: PixelLinear,
}

impl Encoder {
    fn read(c: &VaeConfig, from: &Reader<'_>) -> Result<Self, ModelError> {
        let root = from;
        let from = from.under("encoder");
        let places = &mut Places::default();
        let colours = c.folded_channels();
        let first = Causal::read(&from.under("conv_in"), places, colours, c.base, [3, 3, 3])?;
        let blocks = from.under("down_blocks");
        let mut down = Vec::new();
        let mut channels = c.base;
        for (level, multiple) in c.multiples.iter().enumerate() {
            let outputs = c.base * multiple;
            let step = c.time_steps.get(level).copied();
            if c.residual {
                let from = blocks.under(level);
                let lower = Lower::read(&from, places, [channels, outputs], c.blocks, step)?;
                down.push(Down::Level(Box::new(lower)));
                channels = outputs;
                continue;
            }
            for _ in 0..c.blocks {
                let from = blocks.under(down.len());
                down.push(Down::Residual(Box::new(Residual::read(
                    &from, places, channels, outputs,
                )?)));
                channels = outputs;
            }
            if let Some(in_time) = step {
                let from = blocks.under(down.len());
                down.push(Down::Shrink(Box::new(Shrink::read(
                    &from, places, channels, in_time,
                )?)));
            }
        }
        let latents = 2 * c.latent_channels;
        Ok(Self {
            first,
            down,
            middle: Middle::read(&from.under("mid_block"), places, channels)?,
            norm: PixelNorm::read(&from.under("norm_out"), channels, 3, true)?,
            last: Causal::read(&from.under("conv_out"), places, channels, latents, [3, 3, 3])?,
            quantise: PixelLinear::read(&root.under("quant_conv"), latents, latents, 3)?,
        })
    }

    /// Means, then logarithms of variances, of a chunk's latents.
    fn forward(&self, x: Tensor<4>, memory: &mut Memory) -> Tensor<4> {
        let mut x = self.first.forward(x, memory);
        for part in &self.down {
            x = match part {
                Down::Residual(part) => part.forward(x, memory),
                Down::Shrink(part) => part.forward(x, memory),
                Down::Level(part) => part.forward(x, memory),
            };
        }
        let x = self.middle.forward(x, memory);
        self.quantise
            .forward(self.last.forward(self.norm.forward(x), memory))
    }
}

/// A level of the decoder.
#[derive(Debug)]
enum Up {
    Plain {
        residuals: Vec<Residual>,
        grow: Option<Box<Grow>>,
    },
    Level(Box<Upper>),
}

#[derive(Debug)]
struct Decoder {
    unquantise: PixelLinear,
    first: Causal,
    middle: Middle,
    up: Vec<Up>,
    norm: PixelNorm,
    last: Causal,
}

impl Decoder {
    fn read(c: &VaeConfig, from: &Reader<'_>) -> Result<Self, ModelError> {
        let root = from;
        let from = from.under("decoder");
        let places = &mut Places::default();
        let multiples: Vec<usize> = c.multiples.iter().rev().copied().collect();
        let mut channels = c.decoder_base * multiples[0];
        let first = Causal::read(
            &from.under("conv_in"),
            places,
            c.latent_channels,
            channels,
            [3, 3, 3],
        )?;
        let middle = Middle::read(&from.under("mid_block"), places, channels)?;
        let mut up = Vec::new();
        for (level, multiple) in multiples.iter().enumerate() {
            let from = from.under("up_blocks").under(level);
            let outputs = c.decoder_base * multiple;
            // The steps of the encoder, the other way about.
            let step = c.time_steps.iter().rev().nth(level).copied();
            if c.residual {
                let upper = Upper::read(&from, places, [channels, outputs], c.blocks, step)?;
                up.push(Up::Level(Box::new(upper)));
                channels = outputs;
                continue;
            }
            let mut residuals = Vec::new();
            for i in 0..=c.blocks {
                let from = from.under("resnets").under(i);
                residuals.push(Residual::read(&from, places, channels, outputs)?);
                channels = outputs;
            }
            let grow = match step {
                None => None,
                Some(in_time) => {
                    let from = from.under("upsamplers.0");
                    channels = outputs / 2;
                    Some(Box::new(Grow::read(&from, places, [outputs, channels], in_time)?))
                }
            };
            up.push(Up::Plain { residuals, grow });
        }
        Ok(Self {
            unquantise: PixelLinear::read(
                &root.under("post_quant_conv"),
                c.latent_channels,
                c.latent_channels,
                3,
            )?,
            first,
            middle,
            up,
            norm: PixelNorm::read(&from.under("norm_out"), channels, 3, true)?,
            last: Causal::read(
                &from.under("conv_out"),
                places,
                channels,
                c.folded_channels(),
                [3, 3, 3],
            )?,
        })
    }

    /// `first` is whether these are the first latents of a clip.
    fn forward(&self, latents: Tensor<4>, memory: &mut Memory, first: bool) -> Tensor<4> {
        let x = self.first.forward(self.unquantise.forward(latents), memory);
        let mut x = self.middle.forward(x, memory);
        for level in &self.up {
            match level {
                Up::Plain { residuals, grow } => {
                    for residual in residuals {
                        x = residual.forward(x, memory);
                    }
                    if let Some(grow) = grow {
                        x = grow.forward(x, memory);
                    }
                }
                Up::Level(level) => x = level.forward(x, memory, first),
            }
        }
        self.last.forward(self.norm.forward(x), memory)
    }
}
