//! A run, followed: its losses, and a look at each checkpoint.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context;
use heirloom_archive::fingerprint::{Fingerprint, fingerprint, near};
use heirloom_archive::{PROXY_SIDE, THUMBNAIL_SIDE};
use heirloom_engine_diffusion::generate::{Ask, Clip};
use heirloom_engine_diffusion::memory::resident;
use heirloom_engine_diffusion::train::{
    Form, Ground, Parameters, Progress, Sample, Settings, Stored, Watch, export_lora,
};
use heirloom_picture::png;
use heirloom_picture::preview::Preview;
use heirloom_style::drift::{Features, Reference};
use heirloom_style::training::{LookAt, Nearest, Record, curves};

use super::sheet;
use super::train::about;
use crate::open;
use crate::show::{Bar, Show};

/// Every step's loss, in the run's folder.
const LOSSES: &str = "losses.csv";
/// What is known of a run, in its folder.
pub const RECORD: &str = "run.json";
/// The curves and the stills, in its folder.
pub const CURVES: &str = "curves.svg";
pub const SHEET: &str = "stills.png";

/// What each checkpoint is looked at with.
pub struct Looker<'a> {
    pub ground: &'a Ground<'a>,
    pub settings: &'a Settings,
    pub text_tokens: usize,
    pub held_out: &'a [Sample],
    /// What drift is measured by, where the style has it.
    pub reference: Option<Reference>,
    /// The photographs that are learnt from.
    pub sources: Vec<(String, Fingerprint)>,
    /// The stills that are made.
    pub asks: Vec<Ask>,
}

/// A run, followed.
pub struct Following<'a> {
    pub show: &'a Show,
    pub stop: &'a Arc<AtomicBool>,
    pub run: PathBuf,
    pub looker: Looker<'a>,
    pub record: Record,
    losses: Vec<(u64, f64)>,
    table: File,
    bar: Bar<'a>,
    begun: Instant,
    /// Seconds of former sittings.
    before: f64,
    /// Steps done before this sitting.
    first: u64,
    /// What went wrong while nobody could be told.
    fault: Option<anyhow::Error>,
}

impl<'a> Following<'a> {
    /// Follows a run that has so many steps done.
    pub fn new(
        run: PathBuf,
        done: u64,
        (record, looker): (Record, Looker<'a>),
        show: &'a Show,
        stop: &'a Arc<AtomicBool>,
    ) -> anyhow::Result<Self> {
        let path = run.join(LOSSES);
        // What was done after the checkpoint is done again.
        let rows: Vec<String> = match std::fs::read_to_string(&path) {
            Ok(text) => text
                .lines()
                .filter(|row| read_row(row).is_some_and(|(step, _)| step <= done))
                .map(str::to_owned)
                .collect(),
            Err(_) => Vec::new(),
        };
        let losses = rows.iter().filter_map(|row| read_row(row)).collect();
        let mut text = "step,loss,norm,rate\n".to_owned();
        rows.iter().for_each(|row| {
            text.push_str(row);
            text.push('\n');
        });
        open::write_whole(&path, text.as_bytes())?;
        let table = File::options()
            .append(true)
            .open(&path)
            .with_context(|| format!("{} could not be written", path.display()))?;
        let before = record.looks.last().map_or(0.0, |look| look.seconds);
        let steps = looker.settings.steps;
        let bar = show.bar("training", steps, "steps");
        bar.at(done, steps);
        Ok(Self {
            show,
            stop,
            run,
            looker,
            record,
            losses,
            table,
            bar,
            begun: Instant::now(),
            before,
            first: done,
            fault: None,
        })
    }

    /// What went wrong in a look, if anything did; the run was stopped for it.
    pub fn fault(&mut self) -> Option<anyhow::Error> {
        self.fault.take()
    }

    /// Looks at a checkpoint that stands and that nobody looked at yet: a run may have been killed between the two.
    pub fn catch_up(&mut self, step: u64, trained: &Parameters, average: Option<&Parameters>) {
        let is_due = step == self.looker.settings.steps
            || (step > 0 && step.is_multiple_of(self.looker.settings.checkpoint_every));
        if is_due && !self.record.looks.iter().any(|look| look.step == step) {
            self.checkpoint(step, trained, average);
        }
    }

    fn stopped(&self) -> bool {
        self.fault.is_some() || self.stop.load(Ordering::Relaxed)
    }

    fn look(&mut self, step: u64, trained: &Parameters) -> anyhow::Result<()> {
        let looker = &self.looker;
        let shape = Ground::shape(looker.settings).context("a LoRA is trained, and nothing else")?;
        let name = format!("step-{step:06}");
        let file = format!("checkpoints/{name}.safetensors");
        open::make_folder(&self.run.join("checkpoints"))?;
        let about = about(&self.record, step);
        let config = looker.ground.config();
        export_lora(
            &self.run.join(&file),
            trained,
            shape,
            config,
            looker.ground.expert(),
            Form::Diffusers,
            &about,
            Stored::Bf16,
        )?;
        let stop = self.stop;
        let mut go_on = || !stop.load(Ordering::Relaxed);
        let held_out = looker.ground.losses(
            (shape, trained),
            looker.held_out,
            looker.settings,
            looker.text_tokens,
            &mut go_on,
        )?;
        let (mut stills, mut drifts, mut nearest) = (Vec::new(), Vec::new(), None::<Nearest>);
        for (n, ask) in looker.asks.iter().enumerate() {
            let clip = looker.ground.picture(&self.run.join(&file), ask, &mut go_on)?;
            let still = format!("stills/{name}-{n}.png");
            open::make_folder(&self.run.join("stills"))?;
            let picture = written(&clip, &self.run.join(&still))?;
            stills.push(still);
            let proxy = picture.scaled(PROXY_SIDE);
            if let (Some(reference), Some(view)) = (&looker.reference, proxy.view()) {
                drifts.push(reference.drift(&Features::of(&view)).total);
            }
            let small = picture.scaled(THUMBNAIL_SIDE);
            if let Some(view) = small.view() {
                let own = fingerprint(&view);
                for (source, of) in &looker.sources {
                    let found = near(of, &own);
                    let (likeness, alike) = (f64::from(found.score), f64::from(found.whole));
                    if nearest
                        .as_ref()
                        .is_none_or(|known| (known.likeness, known.alike) < (likeness, alike))
                    {
                        nearest = Some(Nearest {
                            source: source.clone(),
                            still: n,
                            likeness,
                            alike,
                            is_copy: found.is_copy(),
                        });
                    }
                }
            }
        }
        let since = self
            .record
            .looks
            .iter()
            .rfind(|look| look.step < step)
            .map_or(0, |look| look.step);
        let those: Vec<f64> = self
            .losses
            .iter()
            .filter(|(at, _)| (since + 1..=step).contains(at))
            .map(|(_, loss)| *loss)
            .collect();
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len().max(1) as f64;
        let look = LookAt {
            step,
            train_loss: mean(&those),
            held_out,
            drift: (!drifts.is_empty()).then(|| mean(&drifts)),
            nearest,
            file,
            stills,
            seconds: self.before + self.begun.elapsed().as_secs_f64(),
        };
        self.tell(&look);
        self.record.note(look);
        self.write()
    }

    /// Writes what is known, and shows it.
    pub fn write(&self) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(&self.record)?;
        open::write_whole(&self.run.join(RECORD), &text)?;
        let drawn = curves(&self.record, &self.losses, self.looker.settings.steps);
        open::write_whole(&self.run.join(CURVES), drawn.as_bytes())?;
        sheet::write(&self.record, &self.run, &self.run.join(SHEET))
    }

    fn tell(&self, look: &LookAt) {
        let steps = self.looker.settings.steps;
        let mut words = format!("step {} of {steps}: loss {:.4}", look.step, look.train_loss);
        if let Some(loss) = look.held_out_mean() {
            words.push_str(&format!(", held out {loss:.4}"));
        }
        if let Some(drift) = look.drift {
            words.push_str(&format!(", drift {drift:.2}"));
        }
        if let Some(nearest) = &look.nearest {
            words.push_str(&format!(
                ", nearest source {} (alike {:.2}{})",
                nearest.source,
                nearest.alike,
                if nearest.is_copy { ", a copy" } else { "" }
            ));
        }
        let done = look.step.saturating_sub(self.first);
        if done > 0 && look.step < steps {
            let left = self.begun.elapsed().as_secs_f64() / done as f64 * (steps - look.step) as f64;
            words.push_str(&format!("; {} left", duration(left)));
        }
        if let Some(bytes) = resident() {
            words.push_str(&format!(
                "; {:.1} GiB of memory",
                bytes as f64 / f64::from(1 << 30)
            ));
        }
        self.show.note(&words);
    }
}

impl Watch for Following<'_> {
    fn go_on(&mut self) -> bool {
        !self.stopped()
    }

    fn step(&mut self, progress: &Progress) {
        self.losses.push((progress.step, progress.loss));
        let row = format!(
            "{},{},{},{}\n",
            progress.step, progress.loss, progress.norm, progress.rate
        );
        if let Err(error) = self.table.write_all(row.as_bytes()) {
            self.fault = Some(
                anyhow::Error::from(error)
                    .context("the table of losses could not be written; see that the disk has room"),
            );
        }
        self.bar.at(progress.step, progress.of);
    }

    fn checkpoint(&mut self, step: u64, trained: &Parameters, average: Option<&Parameters>) {
        if let Err(error) = self.look(step, average.unwrap_or(trained)) {
            // A stop is none: the same command looks again.
            if !self.stop.load(Ordering::Relaxed) {
                self.fault =
                    Some(error.context(format!("the checkpoint of step {step} could not be looked at")));
            }
        }
    }
}

/// Step and loss of a row of the table.
fn read_row(row: &str) -> Option<(u64, f64)> {
    let mut cells = row.split(',');
    let (step, loss) = (cells.next()?.parse().ok()?, cells.next()?.parse().ok()?);
    // A row that was cut short is none.
    (cells.count() == 2).then_some((step, loss))
}

/// Writes a still; gives it as it is looked at.
fn written(clip: &Clip, path: &Path) -> anyhow::Result<Preview> {
    let codes: Vec<[u8; 3]> = clip
        .frames()
        .next()
        .unwrap_or_default()
        .iter()
        .map(|p| p.map(|v| (v * 255.0 + 0.5) as u8))
        .collect();
    let (width, height) = (clip.width as u32, clip.height as u32);
    let part = path.with_extension("part.png");
    png::write8(&part, &codes, width, height)?;
    std::fs::rename(&part, path).with_context(|| format!("{} could not be written", path.display()))?;
    Preview::from_codes(codes, width, height).context("a still has no pixels; this is a fault of the program")
}

/// A time to wait, for people.
fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match minutes {
        0 => format!("{seconds:.0} s"),
        1..=119 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}
