//! The diffusion transformer: noisy latents, a time and a text in, the flow's velocity out.

use burn::tensor::{Device, Tensor};

use super::layers::Linear;
use super::rope::Rope;
use super::times::{Modulation, Times};
use crate::kernels::{Activation, Norm};
use crate::ops::{self, NormSpec};
use crate::weights::{ModelError, Reader, Weights};

/// The shape of a diffusion transformer, as its `config.json` has it.
#[derive(Debug, Clone, PartialEq)]
pub struct DitConfig {
    /// Frames, rows and columns of latents to a token.
    pub patch: [usize; 3],
    /// Attention heads.
    pub heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Channels of the latents that come in.
    pub in_channels: usize,
    /// Channels of the velocity.
    pub out_channels: usize,
    /// Width of a text state.
    pub text_dim: usize,
    /// Width of the time's sinusoids.
    pub freq_dim: usize,
    /// Width of the feed-forward layers.
    pub ffn_dim: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Whether what asks the text is normalised first.
    pub cross_attn_norm: bool,
    /// Added to variances.
    pub eps: f32,
}

impl DitConfig {
    /// Width of a token.
    pub fn width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Tokens of a clip of latents of `frames`, `height`, `width`.
    ///
    /// # Errors
    /// [`ModelError::Input`] when the latents are no whole number of patches.
    pub fn grid(&self, frames: usize, height: usize, width: usize) -> Result<[usize; 3], ModelError> {
        let size = [frames, height, width];
        if (0..3).any(|i| size[i] == 0 || !size[i].is_multiple_of(self.patch[i])) {
            return Err(ModelError::Input(format!(
                "latents of {frames} frames, {height} by {width}, are no whole number of patches of {:?}; take a size \
                 on the model's grid",
                self.patch
            )));
        }
        Ok([0, 1, 2].map(|i| size[i] / self.patch[i]))
    }
}

/// One clip to be denoised: what is guided and what is not are two samples with the same latents.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Latents: channels, frames, rows, columns.
    pub latents: Tensor<4>,
    /// States of the text, padded to the length the model was trained with: (length, [`DitConfig::text_dim`]).
    pub text: Tensor<2>,
}

/// A diffusion transformer over weights that are read block by block, each time it runs.
pub struct Dit<'a> {
    pub(super) config: DitConfig,
    pub(super) from: Reader<'a>,
}

impl<'a> Dit<'a> {
    /// A transformer of this shape over these weights. Nothing is read yet.
    pub fn new(config: DitConfig, weights: &'a dyn Weights, device: &Device) -> Self {
        Self {
            config,
            from: Reader::new(weights, device),
        }
    }

    /// The velocity of each sample at `times`, shaped as its latents with the output's channels: one time (0 to 1000) for
    /// all, or [`Times`] of frames that are held and of the rest.
    ///
    /// The samples go through each block together, so that its weights are read once. Before each block `go_on` is told
    /// its number, and whether to go on is what it answers.
    ///
    /// # Errors
    /// [`ModelError::Input`] for latents off the grid or of other channels, [`ModelError::Stopped`], and what reading
    /// weights gives.
    pub fn forward(
        &self,
        samples: &[Sample],
        times: impl Into<Times>,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Vec<Tensor<4>>, ModelError> {
        let time = Time::new(&self.config, &self.from, times.into())?;
        let (mut tokens, states) = self.embed(samples)?;
        for layer in 0..self.config.layers {
            if !go_on(layer) {
                return Err(ModelError::Stopped);
            }
            let block = Block::read(&self.config, &self.from.under("blocks").under(layer), &time)?;
            tokens = tokens
                .into_iter()
                .zip(&states)
                .map(|(tokens, state)| block.forward(tokens, state))
                .collect();
        }
        let head = Head::read(&self.config, &self.from, &time)?;
        Ok(tokens
            .into_iter()
            .zip(&states)
            .map(|(tokens, state)| head.forward(&self.config, tokens, state.grid))
            .collect())
    }

    /// Latents to tokens, and texts to the transformer's width.
    pub(super) fn embed(&self, samples: &[Sample]) -> Result<(Vec<Tensor<2>>, Vec<State>), ModelError> {
        let c = &self.config;
        let [pt, ph, pw] = c.patch;
        let patches = Linear::read_window(
            &self.from.under("patch_embedding"),
            &[c.width(), c.in_channels, pt, ph, pw],
        )?;
        let text = self.from.under("condition_embedder").under("text_embedder");
        let text_in = Linear::read(&text.under("linear_1"), c.text_dim, c.width())?;
        let text_out = Linear::read(&text.under("linear_2"), c.width(), c.width())?;
        let mut ropes: Vec<([usize; 3], Rope)> = Vec::new();
        samples
            .iter()
            .map(|sample| {
                let [channels, frames, height, width] = sample.latents.dims();
                if channels != c.in_channels || sample.text.dims()[1] != c.text_dim {
                    return Err(ModelError::Input(format!(
                        "latents of {channels} channels and a text of width {} do not fit this transformer, which wants \
                         {} and {}; text encoder, VAE and transformer must be of one model",
                        sample.text.dims()[1],
                        c.in_channels,
                        c.text_dim
                    )));
                }
                let grid = c.grid(frames, height, width)?;
                let rope = match ropes.iter().find(|(g, _)| *g == grid) {
                    Some((_, rope)) => rope.clone(),
                    None => {
                        let rope = Rope::new(&self.from, grid, c.head_dim);
                        ropes.push((grid, rope.clone()));
                        rope
                    }
                };
                let windows = windows(sample.latents.clone(), grid, c.patch);
                let hidden = ops::activate(text_in.forward(sample.text.clone()), Activation::GeluTanh);
                Ok((patches.forward(windows), State { text: text_out.forward(hidden), rope, grid }))
            })
            .collect()
    }
}

/// Latents as rows, a patch in each: (channels, frames, rows, columns) to (tokens, channels and places in the patch).
pub(super) fn windows(latents: Tensor<4>, grid: [usize; 3], [pt, ph, pw]: [usize; 3]) -> Tensor<2> {
    let channels = latents.dims()[0];
    latents
        .reshape([channels, grid[0], pt, grid[1], ph, grid[2], pw])
        .permute([1, 3, 5, 0, 2, 4, 6])
        .reshape([grid.iter().product(), channels * pt * ph * pw])
}

/// What the tokens of a sample go through every block with.
pub(super) struct State {
    text: Tensor<2>,
    rope: Rope,
    pub(super) grid: [usize; 3],
}

/// What the time says: a state, and six rows that every block adds to its own table; both for each run of tokens.
pub(super) struct Time {
    state: Modulation,
    modulation: Modulation,
}

impl Time {
    pub(super) fn new(c: &DitConfig, from: &Reader<'_>, times: Times) -> Result<Self, ModelError> {
        let from = from.under("condition_embedder");
        let embedder = from.under("time_embedder");
        let first = Linear::read(&embedder.under("linear_1"), c.freq_dim, c.width())?;
        let second = Linear::read(&embedder.under("linear_2"), c.width(), c.width())?;
        let project = Linear::read(&from.under("time_proj"), c.width(), 6 * c.width())?;
        let (mut states, mut rows) = (Vec::new(), Vec::new());
        for time in times.of_runs() {
            let waves = from.put(sinusoids(time, c.freq_dim), [1, c.freq_dim]);
            let hidden = ops::activate(first.forward(waves), Activation::Silu);
            let state = second.forward(hidden);
            let six = project.forward(ops::activate(state.clone(), Activation::Silu));
            states.push(state);
            rows.push(six.reshape([6, c.width()]));
        }
        let held = times.held_tokens(c.patch[0]);
        Ok(Self {
            state: Modulation::new(states, held),
            modulation: Modulation::new(rows, held),
        })
    }
}

/// Cosines, then sines, of the timestep at frequencies that fall from 1 to 1/10000 (Vaswani and others, "Attention Is
/// All You Need", 2017, section 3.5). In `f32` up to the angle, for models were trained with its rounding.
pub(crate) fn sinusoids(timestep: f32, width: usize) -> Vec<f32> {
    let half = width / 2;
    let angles: Vec<f64> = (0..half)
        .map(|i| {
            let exponent = -(10_000f64.ln() as f32) * i as f32 / half as f32;
            f64::from(timestep * exponent.exp())
        })
        .collect();
    angles
        .iter()
        .map(|a| a.cos() as f32)
        .chain(angles.iter().map(|a| a.sin() as f32))
        .collect()
}

/// One block: attention among tokens, attention to the text, feed-forward; the first and last modulated by the time.
pub(super) struct Block {
    /// Shift, scale and gate of self-attention, then of the feed-forward layers.
    modulation: Modulation,
    among: Attend,
    cross_norm: Option<(Tensor<1>, Tensor<1>)>,
    to_text: Attend,
    widen: Linear,
    narrow: Linear,
    eps: f32,
}

impl Block {
    pub(super) fn read(c: &DitConfig, from: &Reader<'_>, time: &Time) -> Result<Self, ModelError> {
        let width = c.width();
        let table = from.reshaped("scale_shift_table", &[1, 6, width], [6, width])?;
        let norm = from.under("norm2");
        let cross_norm = match c.cross_attn_norm {
            true => Some((norm.tensor("weight", [width])?, norm.tensor("bias", [width])?)),
            false => None,
        };
        Ok(Self {
            modulation: time.modulation.plus(&table),
            among: Attend::read(c, &from.under("attn1"))?,
            cross_norm,
            to_text: Attend::read(c, &from.under("attn2"))?,
            widen: Linear::read(&from.under("ffn.net.0.proj"), width, c.ffn_dim)?,
            narrow: Linear::read(&from.under("ffn.net.2"), c.ffn_dim, width)?,
            eps: c.eps,
        })
    }

    pub(super) fn forward(&self, x: Tensor<2>, state: &State) -> Tensor<2> {
        let frame = state.grid[1] * state.grid[2];
        let modulated = |x: Tensor<2>, first: usize| self.modulation.normed(x, first, self.eps, frame);
        let seen = self
            .among
            .forward(modulated(x.clone(), 0), None, Some(&state.rope));
        let x = self.modulation.gated(x, seen, 2, frame);

        let asking = match &self.cross_norm {
            None => x.clone(),
            Some((weight, bias)) => {
                let spec = NormSpec {
                    norm: Norm::Layer { eps: self.eps },
                    base: 0.0,
                    silu: false,
                };
                ops::norm(x.clone(), spec, Some(weight.clone()), Some(bias.clone()))
            }
        };
        let read = self.to_text.forward(asking, Some(&state.text), None);
        let x = ops::add_gated(x, read, None);

        let hidden = ops::activate(self.widen.forward(modulated(x.clone(), 3)), Activation::GeluTanh);
        self.modulation.gated(x, self.narrow.forward(hidden), 5, frame)
    }
}

/// Attention with queries and keys normalised over all heads together.
struct Attend {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    q_norm: Tensor<1>,
    k_norm: Tensor<1>,
    heads: usize,
    head_dim: usize,
    eps: f32,
}

impl Attend {
    fn read(c: &DitConfig, from: &Reader<'_>) -> Result<Self, ModelError> {
        let width = c.width();
        let linear = |name: &str| Linear::read(&from.under(name), width, width);
        Ok(Self {
            q: linear("to_q")?,
            k: linear("to_k")?,
            v: linear("to_v")?,
            out: linear("to_out.0")?,
            q_norm: from.tensor("norm_q.weight", [width])?,
            k_norm: from.tensor("norm_k.weight", [width])?,
            heads: c.heads,
            head_dim: c.head_dim,
            eps: c.eps,
        })
    }

    /// `x` attends to `context`, or to itself; `rope` turns queries and keys.
    fn forward(&self, x: Tensor<2>, context: Option<&Tensor<2>>, rope: Option<&Rope>) -> Tensor<2> {
        let spec = NormSpec {
            norm: Norm::Rms { eps: self.eps },
            base: 0.0,
            silu: false,
        };
        let turned = |x: Tensor<2>, weight: &Tensor<1>| {
            let x = ops::norm(x, spec, Some(weight.clone()), None);
            match rope {
                Some(rope) => ops::rotate(x, rope.cos.clone(), rope.sin.clone(), self.heads),
                None => x,
            }
        };
        let context = context.cloned().unwrap_or_else(|| x.clone());
        let q = turned(self.q.forward(x), &self.q_norm);
        let k = turned(self.k.forward(context.clone()), &self.k_norm);
        let v = self.v.forward(context);
        let scale = 1.0 / (self.head_dim as f32).sqrt();
        self.out.forward(ops::attention(q, k, v, None, self.heads, scale))
    }
}

/// From tokens back to latents.
pub(super) struct Head {
    /// Shift and scale.
    modulation: Modulation,
    project: Linear,
    eps: f32,
}

impl Head {
    pub(super) fn read(c: &DitConfig, from: &Reader<'_>, time: &Time) -> Result<Self, ModelError> {
        let width = c.width();
        let table = from.reshaped("scale_shift_table", &[1, 2, width], [2, width])?;
        let outputs = c.out_channels * c.patch.iter().product::<usize>();
        Ok(Self {
            modulation: time.state.plus(&table),
            project: Linear::read(&from.under("proj_out"), width, outputs)?,
            eps: c.eps,
        })
    }

    pub(super) fn forward(&self, c: &DitConfig, tokens: Tensor<2>, grid: [usize; 3]) -> Tensor<4> {
        let normed = self.modulation.normed(tokens, 0, self.eps, grid[1] * grid[2]);
        let [pt, ph, pw] = c.patch;
        let [t, h, w] = grid;
        self.project
            .forward(normed)
            .reshape([t, h, w, pt, ph, pw, c.out_channels])
            .permute([6, 0, 3, 1, 4, 2, 5])
            .reshape([c.out_channels, t * pt, h * ph, w * pw])
    }
}

/// One block by itself, its weights in memory: what benchmarks time.
pub struct LoneBlock {
    block: Block,
    state: State,
}

impl LoneBlock {
    /// The first block over these weights, for tokens on `grid` and a text that has the transformer's width already.
    ///
    /// # Errors
    /// What reading weights gives.
    pub fn new(
        config: &DitConfig,
        weights: &dyn Weights,
        device: &Device,
        grid: [usize; 3],
        text: Tensor<2>,
    ) -> Result<Self, ModelError> {
        let from = Reader::new(weights, device);
        let time = Time::new(config, &from, Times::from(500.0))?;
        let block = Block::read(config, &from.under("blocks.0"), &time)?;
        let rope = Rope::new(&from, grid, config.head_dim);
        Ok(Self {
            block,
            state: State { text, rope, grid },
        })
    }

    /// Tokens, (tokens, width), through the block.
    pub fn forward(&self, tokens: Tensor<2>) -> Tensor<2> {
        self.block.forward(tokens, &self.state)
    }
}
