//! The diffusion transformer with a branch for control: VACE.
//!
//! Blocks of the branch run beside some of the transformer's own on tokens of the control's latents, and what each says is
//! added to the tokens after that block (Jiang and others, "VACE: All-in-One Video Creation and Editing", 2025, arXiv
//! 2503.07598, section 3.3, the context adapter).

use burn::tensor::{Device, Tensor};

use super::dit::{Block, Dit, DitConfig, Head, Sample, Time, windows};
use super::layers::Linear;
use super::times::Times;
use crate::weights::{ModelError, Weights};

/// The shape of a transformer with a branch for control.
#[derive(Debug, Clone, PartialEq)]
pub struct VaceConfig {
    /// The transformer.
    pub dit: DitConfig,
    /// The blocks after which a block of the branch is added, going up from 0.
    pub layers: Vec<usize>,
    /// Channels of the control's latents.
    pub control_channels: usize,
}

impl VaceConfig {
    fn check(&self) -> Result<(), ModelError> {
        let goes_up = self.layers.windows(2).all(|two| two[0] < two[1]);
        let within = self.layers.last().is_some_and(|last| *last < self.dit.layers);
        if self.layers.first() == Some(&0) && goes_up && within {
            return Ok(());
        }
        Err(ModelError::Input(format!(
            "control that is added after the blocks {:?} of {} is none that this program knows: they must go up from 0; the \
             model's configuration is damaged or of another family: fetch it again",
            self.layers, self.dit.layers
        )))
    }
}

/// What controls a clip: the same for each sample of it.
#[derive(Debug, Clone)]
pub struct Control {
    /// Latents of the control and of its mask: ([`VaceConfig::control_channels`], frames, rows, columns), with the frames,
    /// rows and columns of the sample's latents.
    pub latents: Tensor<4>,
    /// How strongly each block of the branch is added; 1 is as trained.
    pub scales: Vec<f32>,
}

/// A diffusion transformer with a branch for control, over weights that are read block by block, each time it runs.
pub struct VaceDit<'a> {
    config: VaceConfig,
    dit: Dit<'a>,
}

impl<'a> VaceDit<'a> {
    /// A transformer of this shape over these weights. Nothing is read yet.
    ///
    /// # Errors
    /// [`ModelError::Input`] for a configuration that contradicts itself.
    pub fn new(config: VaceConfig, weights: &'a dyn Weights, device: &Device) -> Result<Self, ModelError> {
        config.check()?;
        Ok(Self {
            dit: Dit::new(config.dit.clone(), weights, device),
            config,
        })
    }

    /// The velocity of each sample at `timestep` (0 to 1000) under `control`, shaped as its latents with the output's
    /// channels.
    ///
    /// Samples go through each block together, as in [`Dit::forward`]; before each block, the branch's among them, `go_on`
    /// is told how many were done.
    ///
    /// # Errors
    /// [`ModelError::Input`] for latents off the grid or of other channels and for a control of another size,
    /// [`ModelError::Stopped`], and what reading weights gives.
    pub fn forward(
        &self,
        samples: &[Sample],
        control: &Control,
        timestep: impl Into<Times>,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Vec<Tensor<4>>, ModelError> {
        let (c, from) = (&self.config.dit, &self.dit.from);
        if control.scales.len() != self.config.layers.len() {
            return Err(ModelError::Input(format!(
                "{} scales are given for the {} blocks of the branch for control; give one for each",
                control.scales.len(),
                self.config.layers.len()
            )));
        }
        let time = Time::new(c, from, timestep.into())?;
        let (mut tokens, states) = self.dit.embed(samples)?;
        let branch = from.under("vace_blocks");
        let given = self.embed(control, samples)?;
        // The branch starts from the samples' own tokens too.
        let mut beside: Vec<Tensor<2>> = tokens
            .iter()
            .map(|tokens| tokens.clone() + given.clone())
            .collect();
        drop(given);
        let (mut done, mut place) = (0, 0);
        let mut next = || {
            done += 1;
            go_on(done - 1).then_some(()).ok_or(ModelError::Stopped)
        };
        for layer in 0..c.layers {
            next()?;
            let block = Block::read(c, &from.under("blocks").under(layer), &time)?;
            tokens = tokens
                .into_iter()
                .zip(&states)
                .map(|(tokens, state)| block.forward(tokens, state))
                .collect();
            drop(block);
            if self.config.layers.get(place) != Some(&layer) {
                continue;
            }
            next()?;
            let at = branch.under(place);
            let block = Block::read(c, &at, &time)?;
            let project = Linear::read(&at.under("proj_out"), c.width(), c.width())?;
            beside = beside
                .into_iter()
                .zip(&states)
                .map(|(tokens, state)| block.forward(tokens, state))
                .collect();
            let scale = control.scales[place];
            tokens = tokens
                .into_iter()
                .zip(&beside)
                .map(|(tokens, beside)| tokens + project.forward(beside.clone()) * scale)
                .collect();
            place += 1;
        }
        let head = Head::read(c, from, &time)?;
        Ok(tokens
            .into_iter()
            .zip(&states)
            .map(|(tokens, state)| head.forward(c, tokens, state.grid))
            .collect())
    }

    /// The control's latents as tokens, projected as the branch's first block takes them.
    fn embed(&self, control: &Control, samples: &[Sample]) -> Result<Tensor<2>, ModelError> {
        let (c, from) = (&self.config.dit, &self.dit.from);
        let [channels, frames, height, width] = control.latents.dims();
        let fits = samples
            .iter()
            .all(|sample| sample.latents.dims()[1..] == [frames, height, width]);
        if channels != self.config.control_channels || !fits {
            return Err(ModelError::Input(format!(
                "the control's latents are {:?}, and this transformer wants {} channels of the size of the clip's own; \
                 control, VAE and transformer must be of one model and one size",
                control.latents.dims(),
                self.config.control_channels
            )));
        }
        let grid = c.grid(frames, height, width)?;
        let [pt, ph, pw] = c.patch;
        let patches = Linear::read_window(
            &from.under("vace_patch_embedding"),
            &[c.width(), channels, pt, ph, pw],
        )?;
        let project = Linear::read(&from.under("vace_blocks.0.proj_in"), c.width(), c.width())?;
        Ok(project.forward(patches.forward(windows(control.latents.clone(), grid, c.patch))))
    }
}
