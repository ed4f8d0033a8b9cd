//! A run of training.

use super::checkpoint::{self, CheckpointError, Notes, STATE_FILE, State, rayon_threads};
use super::flow::{draw, noised};
use super::settings::{Settings, SettingsError, Trained};
use super::start;
use heirloom_tensors::train::{
    AdamW, Average, Control, Dit, Example, Gradients, Lora, Parameters, clip, global_norm, side_by_side,
};
use heirloom_tensors::wan::DitConfig;
use heirloom_tensors::weights::{ModelError, Weights};
use std::borrow::Cow;
use std::path::Path;

/// What a run learns from: one clip or still with its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Latents as the transformer has them (normalised by the autoencoder's means and deviations): (channels, frames,
    /// rows, columns).
    pub latents: Vec<f32>,
    /// Frames, rows and columns of the latents.
    pub size: [usize; 3],
    /// States of its text: (length, text width). Where it is shorter than texts are as the model was trained,
    /// [`Trainer::padded_to`] says how long they are to be.
    pub text: Vec<f32>,
    /// Control latents, for a transformer with control blocks: (its channels, frames, rows, columns).
    pub control: Option<Vec<f32>>,
}

/// The model that is trained, or on which a LoRA is.
#[derive(Clone)]
pub struct Subject<'a> {
    /// The transformer's shape.
    pub config: DitConfig,
    /// Its control blocks, where it has any.
    pub control: Option<Control>,
    /// Its weights, by diffusers' names; [`heirloom_tensors::train::Nothing`] to begin from chance.
    pub weights: &'a dyn Weights,
    /// Names the weights, by a hash as a rule: a checkpoint is gone on from only over the same.
    pub base: String,
    /// States of the blank text, for [`Settings::blank`].
    pub blank: Option<Vec<f32>>,
}

/// What a run tells while it goes on.
pub trait Watch {
    /// Whether to go on; asked before every block of every example. Where not, the step that is under way is let go.
    fn go_on(&mut self) -> bool {
        true
    }

    /// A step is done.
    fn step(&mut self, _progress: &Progress) {}

    /// A checkpoint stands. `trained` and the running mean of them, where one is kept, may be exported now.
    fn checkpoint(&mut self, _step: u64, _trained: &Parameters, _average: Option<&Parameters>) {}
}

/// One step of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Steps done, this one among them.
    pub step: u64,
    /// Steps of the whole run.
    pub of: u64,
    /// Mean loss of its examples.
    pub loss: f64,
    /// Length of all gradients together, before they were shortened.
    pub norm: f64,
    /// The rate it was made at.
    pub rate: f64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All steps are done.
    Done,
    /// It was stopped; a checkpoint stands.
    Stopped,
}

/// A run that cannot be, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A setting.
    #[error(transparent)]
    Setting(#[from] SettingsError),
    /// The model, or a sample that does not fit it.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Its checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Nothing to learn from.
    #[error("there is no sample to learn from: give at least one")]
    NoSamples,
    /// Nothing that is trained.
    #[error(
        "no layer of this model is among the targets {0:?}: name linear layers such as to_q, or leave the targets out"
    )]
    NoTargets(Vec<String>),
    /// A blank text is asked for and not given.
    #[error("the setting blank is above 0, and no blank text was given: give the states of an empty text")]
    NoBlank,
    /// The numbers ran away.
    #[error(
        "step {step} gave a loss that is no number: begin anew with a lower rate; the checkpoint before it stands"
    )]
    Diverged {
        /// The step, from 1.
        step: u64,
    },
}

/// A run.
pub struct Trainer<'a> {
    dit: Dit<'a>,
    samples: &'a [Sample],
    blank: Option<Vec<f32>>,
    settings: Settings,
    /// Rows that texts' states are padded to with noughts.
    text_tokens: Option<usize>,
    notes: Notes,
    trained: Parameters,
    adam: AdamW,
    average: Option<Average>,
    /// Threads of the checkpoint it went on from.
    threads_before: Option<usize>,
    /// Steps of the last checkpoint that stands.
    kept: Option<u64>,
}

impl<'a> Trainer<'a> {
    /// A run from its beginning.
    ///
    /// # Errors
    /// [`TrainError`]: settings, targets or samples that cannot be.
    pub fn new(subject: Subject<'a>, samples: &'a [Sample], settings: Settings) -> Result<Self, TrainError> {
        settings.check()?;
        if samples.is_empty() {
            return Err(TrainError::NoSamples);
        }
        if settings.blank > 0.0 && subject.blank.is_none() {
            return Err(TrainError::NoBlank);
        }
        let lora = match &settings.trained {
            Trained::Lora(shape) => Some(Lora {
                rank: shape.rank,
                scale: shape.alpha / shape.rank as f32,
            }),
            Trained::Whole => None,
        };
        let dit = Dit {
            config: subject.config,
            control: subject.control,
            base: subject.weights,
            lora,
            checkpointing: settings.checkpointing,
        };
        let trained = match &settings.trained {
            Trained::Lora(shape) => start::lora(&dit, shape, settings.seed),
            Trained::Whole => start::whole(&dit, settings.seed)?,
        };
        if let Trained::Lora(shape) = &settings.trained
            && trained.is_empty()
        {
            return Err(TrainError::NoTargets(shape.targets.clone()));
        }
        let hash = hash(samples, subject.blank.as_deref());
        Ok(Self {
            notes: Notes::new(0, &settings, &hash, &subject.base),
            adam: AdamW::new(&trained, settings.betas, settings.eps, settings.weight_decay),
            average: settings.average.map(|decay| Average::new(&trained, decay)),
            blank: subject.blank,
            dit,
            samples,
            settings,
            text_tokens: None,
            trained,
            threads_before: None,
            kept: None,
        })
    }

    /// A run in a folder: from its checkpoint where there is one, else from its beginning.
    ///
    /// # Errors
    /// [`TrainError`]: as [`Self::new`], and a checkpoint that cannot be gone on from.
    pub fn in_folder(
        subject: Subject<'a>,
        samples: &'a [Sample],
        settings: Settings,
        folder: &Path,
    ) -> Result<Self, TrainError> {
        let mut run = Self::new(subject, samples, settings)?;
        let path = folder.join(STATE_FILE);
        if path.exists() {
            let state = State {
                trained: &mut run.trained,
                adam: &mut run.adam,
                average: run.average.as_mut(),
            };
            let notes = checkpoint::read(&path, &run.notes, state)?;
            run.notes.step = notes.step;
            run.kept = Some(notes.step);
            run.threads_before = Some(notes.threads);
        }
        Ok(run)
    }

    /// Texts' states, and the blank text's, padded with noughts to so many rows as a step uses them: for samples that hold
    /// no more rows than their texts have tokens.
    #[must_use]
    pub fn padded_to(mut self, text_tokens: usize) -> Self {
        self.text_tokens = Some(text_tokens);
        self
    }

    /// Steps done.
    pub fn step_number(&self) -> u64 {
        self.notes.step
    }

    /// What is trained, as it is now.
    pub fn trained(&self) -> &Parameters {
        &self.trained
    }

    /// The running mean of what is trained, where one is kept.
    pub fn average(&self) -> Option<&Parameters> {
        self.average.as_ref().map(|a| &a.values)
    }

    /// BLAKE3 of all samples, in hexadecimal: to be written into what is exported.
    pub fn samples_hash(&self) -> &str {
        &self.notes.samples
    }

    /// Whether the checkpoint that it went on from was made on as many threads: only then do the weights come out to the
    /// bit as those of a run that was never stopped. None where it began anew.
    pub fn same_threads(&self) -> Option<bool> {
        self.threads_before.map(|before| before == rayon_threads())
    }

    /// Runs to the last step, with a checkpoint in `folder` every so often, at the end, and when it is stopped.
    ///
    /// # Errors
    /// [`TrainError`]; a checkpoint that cannot be written ends the run, and the one before it stands.
    pub fn run(&mut self, folder: &Path, watch: &mut dyn Watch) -> Result<Ended, TrainError> {
        while self.notes.step < self.settings.steps {
            match self.step(&mut || watch.go_on()) {
                Ok(progress) => watch.step(&progress),
                Err(TrainError::Model(ModelError::Stopped)) => {
                    if self.kept != Some(self.notes.step) {
                        self.save(folder)?;
                    }
                    return Ok(Ended::Stopped);
                }
                Err(other) => return Err(other),
            }
            let last = self.notes.step == self.settings.steps;
            if last || self.notes.step.is_multiple_of(self.settings.checkpoint_every) {
                self.save(folder)?;
                watch.checkpoint(self.notes.step, &self.trained, self.average());
            }
        }
        Ok(Ended::Done)
    }

    /// One step of the optimiser.
    ///
    /// # Errors
    /// [`TrainError`]; [`ModelError::Stopped`] where `go_on` says so. Nothing is changed then.
    pub fn step(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Progress, TrainError> {
        let (mut gradients, loss) = self.gradients(go_on)?;
        let step = self.notes.step;
        let norm = match self.settings.clip {
            Some(most) => clip(&mut gradients, most),
            None => global_norm(&gradients),
        };
        if !(loss.is_finite() && norm.is_finite()) {
            return Err(TrainError::Diverged { step: step + 1 });
        }
        let rate = self.settings.rate_at(step);
        self.adam.step(&mut self.trained, &gradients, rate);
        self.notes.step = step + 1;
        if let Some(average) = &mut self.average {
            average.update(&self.trained, step + 1);
        }
        Ok(Progress {
            step: step + 1,
            of: self.settings.steps,
            loss,
            norm,
            rate,
        })
    }

    fn gradients(&self, go_on: &mut dyn FnMut() -> bool) -> Result<(Gradients, f64), TrainError> {
        let examples = self.settings.examples;
        let mut sum = Gradients::zeros(&self.trained);
        let mut losses = 0.0;
        if !self.settings.side_by_side || examples == 1 {
            for place in 0..examples {
                losses += self.example(place, &mut sum, go_on)?;
            }
            return Ok((sum, losses / examples as f64));
        }
        if !go_on() {
            return Err(ModelError::Stopped.into());
        }
        // Each has gradients of its own, added in order: the sum does not depend on which was done first.
        let done = side_by_side(examples, |place| {
            let mut own = Gradients::zeros(&self.trained);
            let loss = self.example(place, &mut own, &mut || true)?;
            Ok::<_, TrainError>((own, loss))
        });
        for one in done {
            let (own, loss) = one?;
            sum.add(&own);
            losses += loss;
        }
        Ok((sum, losses / examples as f64))
    }

    /// Adds one example's share of the gradients; its loss.
    fn example(
        &self,
        place: usize,
        into: &mut Gradients,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<f64, TrainError> {
        let draw = draw(&self.settings, self.notes.step, place, self.samples.len());
        let Some(sample) = self.samples.get(draw.sample) else {
            return Err(TrainError::NoSamples);
        };
        let (latents, target) = noised(&sample.latents, &draw, self.settings.seed);
        let text = match &self.blank {
            Some(blank) if draw.blank => blank,
            _ => &sample.text,
        };
        let text = padded(
            Cow::Borrowed(text.as_slice()),
            self.text_tokens,
            self.dit.config.text_dim,
        );
        let example = Example {
            latents: &latents,
            size: sample.size,
            text: &text,
            control: sample.control.as_deref(),
            timestep: draw.level * 1000.0,
            target: &target,
        };
        let share = 1.0 / self.settings.examples as f32;
        let outcome = self.dit.gradients(&self.trained, &example, share, into, go_on)?;
        Ok(outcome.loss)
    }

    /// Writes the checkpoint of the steps done.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`]; the one before it stands.
    pub fn save(&mut self, folder: &Path) -> Result<(), TrainError> {
        let path = folder.join(STATE_FILE);
        let failed = |source| CheckpointError::Write {
            path: path.clone(),
            step: self.notes.step,
            last: self.kept,
            source,
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let average = self.average.as_ref();
        checkpoint::write(&path, &self.notes, &self.trained, &self.adam, average, self.kept)?;
        self.kept = Some(self.notes.step);
        Ok(())
    }
}

/// Rows of numbers, with noughts up to so many rows where there are fewer.
pub(super) fn padded(rows: Cow<'_, [f32]>, to: Option<usize>, width: usize) -> Cow<'_, [f32]> {
    let wanted = to.unwrap_or(0) * width;
    if rows.len() >= wanted {
        return rows;
    }
    let mut longer = rows.into_owned();
    longer.resize(wanted, 0.0);
    Cow::Owned(longer)
}

/// BLAKE3 of all that is learned from, with lengths before the numbers so that no two lists are alike.
fn hash(samples: &[Sample], blank: Option<&[f32]>) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("heirloom engine-diffusion training samples 1");
    let mut numbers = |values: &[f32]| {
        hasher.update(&(values.len() as u64).to_le_bytes());
        let mut bytes = Vec::with_capacity(4096);
        for some in values.chunks(1024) {
            bytes.clear();
            some.iter().for_each(|v| bytes.extend(v.to_le_bytes()));
            hasher.update(&bytes);
        }
    };
    for sample in samples {
        let size = sample.size.map(|side| side as f32);
        numbers(&size);
        numbers(&sample.latents);
        numbers(&sample.text);
        numbers(sample.control.as_deref().unwrap_or_default());
    }
    numbers(blank.unwrap_or_default());
    hasher.finalize().to_hex().to_string()
}
