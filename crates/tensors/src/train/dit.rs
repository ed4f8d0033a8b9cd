//! The transformer as a record of operations: velocity, loss and gradients.
//!
//! The same sums as [`crate::wan::Dit`], by the same names of tensors; goldens hold both to the reference. Control blocks
//! follow "VACE: All-in-One Video Creation and Editing" (Jiang and others, 2025, section 3.3): a second, shallower row of
//! blocks reads control latents, and each adds a hint to the tokens after one of the main blocks.

use std::rc::Rc;

use super::parameters::{Gradients, Lora, Parameters, Source};
use super::record::{Layer, Record, Rotation, Var};
use super::segments::{Segments, Slot};
use crate::kernels::{Activation, Norm};
use crate::wan::DitConfig;
use crate::wan::RopeTable;
use crate::wan::dit::sinusoids;
use crate::weights::{ModelError, Weights};

/// The control blocks of a transformer of VACE's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// The main blocks after which a hint is added, rising; one control block each. The first is 0.
    pub layers: Vec<usize>,
    /// Channels of the control latents.
    pub in_channels: usize,
}

/// A clip to learn from, noised already.
#[derive(Debug, Clone, Copy)]
pub struct Example<'a> {
    /// Noised latents: (channels, frames, rows, columns).
    pub latents: &'a [f32],
    /// Frames, rows and columns of the latents.
    pub size: [usize; 3],
    /// States of the text, padded to the length the model was trained with: (length, text width).
    pub text: &'a [f32],
    /// Control latents, for a transformer with control blocks: (its channels, frames, rows, columns).
    pub control: Option<&'a [f32]>,
    /// What the model is told, 0 to 1000.
    pub timestep: f32,
    /// The velocity that is wanted: (output's channels, frames, rows, columns).
    pub target: &'a [f32],
}

/// What an example gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// The mean square of the velocity's error.
    pub loss: f64,
}

/// A diffusion transformer that is trained, over weights that are read layer by layer.
#[derive(Clone)]
pub struct Dit<'a> {
    /// The main blocks' shape.
    pub config: DitConfig,
    /// Control blocks, where there are any.
    pub control: Option<Control>,
    /// Weights that are not trained.
    pub base: &'a dyn Weights,
    /// How LoRAs among the trained tensors are laid on; none where there are none.
    pub lora: Option<Lora>,
    /// Whether only what goes into each block is kept, and the block run again for its gradient: less memory, a third
    /// more time.
    pub checkpointing: bool,
}

impl Dit<'_> {
    /// Adds to `into` the gradients of `share · loss` for all trained tensors, where the loss is the mean square of the
    /// velocity's error. Before each block, both ways, `go_on` says whether to go on.
    ///
    /// # Errors
    /// [`ModelError::Input`] for an example that does not fit, [`ModelError::Stopped`] (the gradients are then part done),
    /// and what reading weights gives.
    pub fn gradients(
        &self,
        trained: &Parameters,
        example: &Example<'_>,
        share: f32,
        into: &mut Gradients,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Outcome, ModelError> {
        let source = self.source(trained);
        let mut run = Segments::new(source, true);
        let (slot, grid) = self.run(&mut run, example, go_on)?;
        let (loss, d) = self.judge(&run, slot, grid, example, share)?;
        run.backward(slot, d, into, go_on)?;
        Ok(Outcome { loss })
    }

    /// The velocity, shaped as the example's target, which is not looked at.
    ///
    /// # Errors
    /// As [`Self::gradients`].
    pub fn velocity(&self, trained: &Parameters, example: &Example<'_>) -> Result<Vec<f32>, ModelError> {
        let mut run = Segments::new(self.source(trained), false);
        let (slot, grid) = self.run(&mut run, example, &mut || true)?;
        let Some(found) = run.value(slot) else {
            unreachable!("the last result was let go");
        };
        let channels = self.config.out_channels;
        let mut out = vec![0.0; found.len()];
        self.places(channels, grid, false, |row, latent| out[latent] = found[row]);
        Ok(out)
    }

    /// The loss alone.
    ///
    /// # Errors
    /// As [`Self::gradients`].
    pub fn loss(&self, trained: &Parameters, example: &Example<'_>) -> Result<Outcome, ModelError> {
        let mut run = Segments::new(self.source(trained), false);
        let (slot, grid) = self.run(&mut run, example, &mut || true)?;
        let (loss, _) = self.judge(&run, slot, grid, example, 1.0)?;
        Ok(Outcome { loss })
    }

    /// The loss of what is in a slot, and `share` times its gradient.
    fn judge(
        &self,
        run: &Segments<'_>,
        slot: Slot,
        grid: [usize; 3],
        example: &Example<'_>,
        share: f32,
    ) -> Result<(f64, Vec<f32>), ModelError> {
        let channels = self.config.out_channels;
        self.fits("the wanted velocity", example.target, channels, example.size)?;
        let target = self.to_rows(example.target, channels, grid, false);
        let Some(found) = run.value(slot) else {
            unreachable!("the last result was let go");
        };
        Ok(error(&found, &target, share))
    }

    fn source<'s>(&'s self, trained: &'s Parameters) -> Source<'s> {
        Source {
            base: self.base,
            trained,
            lora: self.lora,
        }
    }

    /// Every linear layer of the blocks, by its name in the diffusers layout: name, inputs, outputs. What a LoRA can be
    /// laid on.
    pub fn linear_layers(&self) -> Vec<(String, usize, usize)> {
        let (width, ffn) = (self.config.width(), self.config.ffn_dim);
        let mut all = Vec::new();
        for at in self.blocks() {
            for attention in ["attn1", "attn2"] {
                for part in ["to_q", "to_k", "to_v", "to_out.0"] {
                    all.push((format!("{at}.{attention}.{part}"), width, width));
                }
            }
            all.push((format!("{at}.ffn.net.0.proj"), width, ffn));
            all.push((format!("{at}.ffn.net.2"), ffn, width));
        }
        all
    }

    fn blocks(&self) -> Vec<String> {
        let control = self.control.as_ref().map_or(0, |c| c.layers.len());
        let main = (0..self.config.layers).map(|i| format!("blocks.{i}"));
        main.chain((0..control).map(|i| format!("vace_blocks.{i}")))
            .collect()
    }

    /// Every tensor: its name in the diffusers layout, and its shape.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let c = &self.config;
        let width = c.width();
        let patch = |channels: usize| vec![width, channels, c.patch[0], c.patch[1], c.patch[2]];
        let mut layers: Vec<(String, Vec<usize>)> = vec![
            ("patch_embedding".into(), patch(c.in_channels)),
            (TEXT_IN.into(), vec![width, c.text_dim]),
            (TEXT_OUT.into(), vec![width, width]),
            (TIME_IN.into(), vec![width, c.freq_dim]),
            (TIME_OUT.into(), vec![width, width]),
            (TIME_ROWS.into(), vec![6 * width, width]),
            ("proj_out".into(), vec![self.outputs(), width]),
        ];
        if let Some(control) = &self.control {
            layers.push(("vace_patch_embedding".into(), patch(control.in_channels)));
            layers.push(("vace_blocks.0.proj_in".into(), vec![width, width]));
            let outward = |i| (format!("vace_blocks.{i}.proj_out"), vec![width, width]);
            layers.extend((0..control.layers.len()).map(outward));
        }
        let linear = self.linear_layers().into_iter();
        layers.extend(linear.map(|(name, inputs, outputs)| (name, vec![outputs, inputs])));
        let mut all = vec![("scale_shift_table".to_owned(), vec![1, 2, width])];
        for at in self.blocks() {
            if c.cross_attn_norm {
                layers.push((format!("{at}.norm2"), vec![width]));
            }
            for norm in ["attn1.norm_q", "attn1.norm_k", "attn2.norm_q", "attn2.norm_k"] {
                all.push((format!("{at}.{norm}.weight"), vec![width]));
            }
            all.push((format!("{at}.scale_shift_table"), vec![1, 6, width]));
        }
        for (name, shape) in layers {
            all.push((format!("{name}.bias"), vec![shape[0]]));
            all.push((format!("{name}.weight"), shape));
        }
        all.sort();
        all
    }

    /// Values of a token that goes out.
    fn outputs(&self) -> usize {
        self.config.out_channels * self.config.patch.iter().product::<usize>()
    }

    fn fits(&self, what: &str, values: &[f32], channels: usize, size: [usize; 3]) -> Result<(), ModelError> {
        let wanted = channels * size.iter().product::<usize>();
        if values.len() == wanted {
            return Ok(());
        }
        Err(ModelError::Input(format!(
            "{what} of an example has {} numbers, and {wanted} are needed: {channels} channels of {size:?}; latents, text \
             and transformer must be of one model",
            values.len()
        )))
    }

    /// Tells, for each value of tokens' rows, its place there and among latents. Within a token the channels run slowest
    /// where it goes in, and fastest where it comes out.
    fn places(&self, channels: usize, grid: [usize; 3], slowest: bool, mut tell: impl FnMut(usize, usize)) {
        let [pt, ph, pw] = self.config.patch;
        let [t, h, w] = grid;
        let inside = pt * ph * pw;
        let mut row = 0;
        for token in 0..t * h * w {
            let (ti, hi, wi) = (token / (h * w), token / w % h, token % w);
            for place in 0..inside * channels {
                let (channel, at) = match slowest {
                    true => (place / inside, place % inside),
                    false => (place % channels, place / channels),
                };
                let (a, b, c) = (at / (ph * pw), at / pw % ph, at % pw);
                let frame = channel * t * pt + ti * pt + a;
                tell(row, (frame * h * ph + hi * ph + b) * w * pw + wi * pw + c);
                row += 1;
            }
        }
    }

    fn to_rows(&self, latents: &[f32], channels: usize, grid: [usize; 3], slowest: bool) -> Vec<f32> {
        let mut rows = vec![0.0; latents.len()];
        self.places(channels, grid, slowest, |row, latent| rows[row] = latents[latent]);
        rows
    }

    /// Runs the whole transformer; the slot holds a row for each token that goes out.
    fn run<'s>(
        &'s self,
        run: &mut Segments<'s>,
        example: &Example<'_>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<(Slot, [usize; 3]), ModelError> {
        let c = &self.config;
        let width = c.width();
        let [frames, height, columns] = example.size;
        let grid = c.grid(frames, height, columns)?;
        let tokens: usize = grid.iter().product();
        self.fits("the latents", example.latents, c.in_channels, example.size)?;
        if example.text.is_empty() || !example.text.len().is_multiple_of(c.text_dim) {
            return Err(ModelError::Input(format!(
                "a text of {} numbers is no whole number of states of width {}; text encoder and transformer must be of one \
                 model",
                example.text.len(),
                c.text_dim
            )));
        }
        let inside: usize = c.patch.iter().product();
        let windows = self.to_rows(example.latents, c.in_channels, grid, true);
        let windows = run.give(windows, [tokens, c.in_channels * inside]);
        let texts = example.text.len() / c.text_dim;
        let text = run.give(example.text.to_vec(), [texts, c.text_dim]);
        let waves = run.give(sinusoids(example.timestep, c.freq_dim), [1, c.freq_dim]);
        let table = RopeTable::new(grid, c.head_dim);
        let rotation = Rc::new(Rotation::new((table.cos, table.sin)));

        let patches = run.run(
            &[windows],
            false,
            Box::new(|r, v| Ok(vec![self.patches(r, v[0], "")?])),
        )?;
        let embedded = run.run(&[text], false, Box::new(|r, v| Ok(vec![self.text(r, v[0])?])))?;
        let time = run.run(&[waves], false, Box::new(|r, v| self.time(r, v[0])))?;
        let (mut x, text, state, rows) = (patches[0], embedded[0], time[0], time[1]);

        let mut hints = Vec::new();
        if let Some(control) = &self.control {
            let Some(latents) = example.control else {
                return Err(ModelError::Input(
                    "this transformer has control blocks, and an example has no control latents: give them"
                        .into(),
                ));
            };
            self.fits("the control latents", latents, control.in_channels, example.size)?;
            let windows = self.to_rows(latents, control.in_channels, grid, true);
            let windows = run.give(windows, [tokens, control.in_channels * inside]);
            let build = move |r: &mut Record<'s>, v: &[Var]| Ok(vec![self.patches(r, v[0], "vace_")?]);
            let mut steered = run.run(&[windows], false, Box::new(build))?[0];
            for i in 0..control.layers.len() {
                if !go_on() {
                    return Err(ModelError::Stopped);
                }
                let rotation = Rc::clone(&rotation);
                let build = move |r: &mut Record<'s>, v: &[Var]| {
                    let at = format!("vace_blocks.{i}");
                    let mut x = v[0];
                    if let Some(main) = v.get(3) {
                        let inward = r.linear(x, Layer::new(format!("{at}.proj_in"), width, width))?;
                        x = r.add_gated(inward, *main, None);
                        r.let_go(inward);
                    }
                    let y = self.block(r, &at, [x, v[1], v[2]], &rotation)?;
                    let hint = r.linear(y, Layer::new(format!("{at}.proj_out"), width, width))?;
                    Ok(vec![y, hint])
                };
                let mut inputs = vec![steered, text, rows];
                if i == 0 {
                    inputs.push(x);
                }
                let found = run.run(&inputs, self.checkpointing, Box::new(build))?;
                run.let_go(steered);
                steered = found[0];
                hints.push(found[1]);
            }
            run.let_go(steered);
        }

        for i in 0..c.layers {
            if !go_on() {
                return Err(ModelError::Stopped);
            }
            let rotation = Rc::clone(&rotation);
            let build = move |r: &mut Record<'s>, v: &[Var]| {
                let y = self.block(r, &format!("blocks.{i}"), [v[0], v[1], v[2]], &rotation)?;
                Ok(vec![match v.get(3) {
                    Some(hint) => r.add_gated(y, *hint, None),
                    None => y,
                }])
            };
            let mut inputs = vec![x, text, rows];
            let place = |control: &Control| control.layers.iter().position(|l| *l == i);
            let hint = self
                .control
                .as_ref()
                .and_then(place)
                .and_then(|at| hints.get(at).copied());
            inputs.extend(hint);
            // The last block's gradient comes first, so its record may as well stay.
            let again = self.checkpointing && i + 1 < c.layers;
            let found = run.run(&inputs, again, Box::new(build))?[0];
            run.let_go(x);
            hint.iter().for_each(|hint| run.let_go(*hint));
            x = found;
        }
        let out = run.run(
            &[x, state],
            false,
            Box::new(|r, v| Ok(vec![self.head(r, v[0], v[1])?])),
        )?;
        Ok((out[0], grid))
    }

    fn patches(&self, r: &mut Record<'_>, windows: Var, kind: &str) -> Result<Var, ModelError> {
        let [_, inputs] = r.shape(windows);
        let [pt, ph, pw] = self.config.patch;
        let channels = inputs / (pt * ph * pw);
        let layer = Layer {
            name: format!("{kind}patch_embedding"),
            shape: vec![self.config.width(), channels, pt, ph, pw],
        };
        r.linear(windows, layer)
    }

    fn text(&self, r: &mut Record<'_>, text: Var) -> Result<Var, ModelError> {
        let width = self.config.width();
        let hidden = r.linear(text, Layer::new(TEXT_IN, self.config.text_dim, width))?;
        let active = r.activate(hidden, Activation::GeluTanh);
        r.linear(active, Layer::new(TEXT_OUT, width, width))
    }

    /// The time's state, and the six rows that every block adds to its own table.
    fn time(&self, r: &mut Record<'_>, waves: Var) -> Result<Vec<Var>, ModelError> {
        let width = self.config.width();
        let hidden = r.linear(waves, Layer::new(TIME_IN, self.config.freq_dim, width))?;
        let active = r.activate(hidden, Activation::Silu);
        let state = r.linear(active, Layer::new(TIME_OUT, width, width))?;
        let active = r.activate(state, Activation::Silu);
        let rows = r.linear(active, Layer::new(TIME_ROWS, width, 6 * width))?;
        Ok(vec![state, rows])
    }

    /// One block over tokens, with the text and the time's six rows.
    fn block(
        &self,
        r: &mut Record<'_>,
        at: &str,
        [x, text, rows]: [Var; 3],
        rotation: &Rc<Rotation>,
    ) -> Result<Var, ModelError> {
        let c = &self.config;
        let width = c.width();
        let layer_norm = Norm::Layer { eps: c.eps };
        let table = r.parameter(format!("{at}.scale_shift_table"), &[1, 6, width], [1, 6 * width])?;
        let table = r.sum(table, rows);
        let [shift1, scale1, gate1, shift2, scale2, gate2] = [0, 1, 2, 3, 4, 5].map(|i| r.part(table, i, 6));

        let y = r.norm(x, layer_norm, 1.0, Some(scale1), Some(shift1));
        let seen = self.attend(r, &format!("{at}.attn1"), y, None, Some(rotation))?;
        let x1 = r.add_gated(x, seen, Some(gate1));
        r.let_go(seen);
        r.let_go(x);

        let asking = match c.cross_attn_norm {
            true => {
                let weight = r.parameter(format!("{at}.norm2.weight"), &[width], [1, width])?;
                let bias = r.parameter(format!("{at}.norm2.bias"), &[width], [1, width])?;
                r.norm(x1, layer_norm, 0.0, Some(weight), Some(bias))
            }
            false => x1,
        };
        let read = self.attend(r, &format!("{at}.attn2"), asking, Some(text), None)?;
        let x2 = r.add_gated(x1, read, None);
        r.let_go(read);
        r.let_go(x1);

        let y = r.norm(x2, layer_norm, 1.0, Some(scale2), Some(shift2));
        let hidden = r.linear(y, Layer::new(format!("{at}.ffn.net.0.proj"), width, c.ffn_dim))?;
        r.let_go(y);
        let active = r.activate(hidden, Activation::GeluTanh);
        r.let_go(hidden);
        let narrow = r.linear(active, Layer::new(format!("{at}.ffn.net.2"), c.ffn_dim, width))?;
        r.let_go(active);
        let x3 = r.add_gated(x2, narrow, Some(gate2));
        r.let_go(narrow);
        r.let_go(x2);
        Ok(x3)
    }

    /// `x` attends to `context`, or to itself, turned by `rotation`; queries and keys are normalised over all heads.
    fn attend(
        &self,
        r: &mut Record<'_>,
        at: &str,
        x: Var,
        context: Option<Var>,
        rotation: Option<&Rc<Rotation>>,
    ) -> Result<Var, ModelError> {
        let c = &self.config;
        let width = c.width();
        let linear = |name: &str| Layer::new(format!("{at}.{name}"), width, width);
        let turned = |r: &mut Record<'_>, x: Var, name: &str| -> Result<Var, ModelError> {
            let weight = r.parameter(format!("{at}.{name}.weight"), &[width], [1, width])?;
            let normed = r.norm(x, Norm::Rms { eps: c.eps }, 0.0, Some(weight), None);
            r.let_go(x);
            let Some(rotation) = rotation else {
                return Ok(normed);
            };
            let turned = r.rotate(normed, rotation, c.heads);
            r.let_go(normed);
            Ok(turned)
        };
        let q = r.linear(x, linear("to_q"))?;
        let q = turned(r, q, "norm_q")?;
        let k = r.linear(context.unwrap_or(x), linear("to_k"))?;
        let k = turned(r, k, "norm_k")?;
        let v = r.linear(context.unwrap_or(x), linear("to_v"))?;
        if context.is_none() {
            r.let_go(x);
        }
        let seen = r.attention(q, k, v, c.heads);
        [q, k, v].into_iter().for_each(|v| r.let_go(v));
        let out = r.linear(seen, linear("to_out.0"))?;
        r.let_go(seen);
        Ok(out)
    }

    /// From tokens to rows of velocity.
    fn head(&self, r: &mut Record<'_>, x: Var, state: Var) -> Result<Var, ModelError> {
        let width = self.config.width();
        let table = r.parameter("scale_shift_table".into(), &[1, 2, width], [1, 2 * width])?;
        let (shift, scale) = (r.part(table, 0, 2), r.part(table, 1, 2));
        let (shift, scale) = (r.sum(shift, state), r.sum(scale, state));
        let eps = self.config.eps;
        let y = r.norm(x, Norm::Layer { eps }, 1.0, Some(scale), Some(shift));
        r.linear(y, Layer::new("proj_out", width, self.outputs()))
    }
}

const TEXT_IN: &str = "condition_embedder.text_embedder.linear_1";
const TEXT_OUT: &str = "condition_embedder.text_embedder.linear_2";
const TIME_IN: &str = "condition_embedder.time_embedder.linear_1";
const TIME_OUT: &str = "condition_embedder.time_embedder.linear_2";
const TIME_ROWS: &str = "condition_embedder.time_proj";

/// The mean square of the difference, and `share` times its gradient.
fn error(found: &[f32], target: &[f32], share: f32) -> (f64, Vec<f32>) {
    let n = found.len().max(1) as f64;
    let factor = (2.0 / n * f64::from(share)) as f32;
    let mut sum = 0.0;
    let d = found.iter().zip(target).map(|(found, target)| {
        let off = found - target;
        sum += f64::from(off) * f64::from(off);
        factor * off
    });
    let d = d.collect();
    (sum / n, d)
}
