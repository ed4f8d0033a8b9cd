//! The training itself: runs to its end or goes on from where it was stopped, tells how it goes, and counts the time it takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use heirloom_engine_diffusion::train::{Ended, Progress, Sample, Settings, Subject, Trainer, Watch};
use heirloom_tensors::train::Parameters;

/// Steps between two lines of what is told.
const TOLD_EVERY: u64 = 50;

/// What a training took, all its runs together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Seconds that all threads ran together.
    pub processor_s: f64,
    /// Seconds by the clock.
    pub wall_s: f64,
}

/// What came of a training.
pub struct Trained {
    /// The running mean of the weights.
    pub weights: Parameters,
    /// What it took.
    pub spent: Spent,
    /// The loss of each step of this run.
    pub losses: Vec<f64>,
}

/// Trains to the last step, from the folder's checkpoint where there is one.
pub fn train(
    subject: Subject<'_>,
    samples: &[Sample],
    settings: Settings,
    folder: &Path,
) -> anyhow::Result<Trained> {
    fs::create_dir_all(folder)?;
    let mut run = Trainer::in_folder(subject, samples, settings, folder)?;
    let mut teller = Teller::new(folder, run.step_number());
    let ended = run.run(folder, &mut teller)?;
    anyhow::ensure!(
        ended == Ended::Done,
        "the training was stopped; start it again to go on"
    );
    let weights = run.average().unwrap_or(run.trained()).clone();
    Ok(Trained {
        weights,
        spent: teller.spent(),
        losses: teller.losses,
    })
}

/// Tells how it goes, and keeps beside the checkpoint what it took so far.
struct Teller {
    path: PathBuf,
    before: Spent,
    since: Instant,
    processor_before_s: f64,
    losses: Vec<f64>,
}

impl Teller {
    fn new(folder: &Path, step: u64) -> Self {
        let path = folder.join("spent.json");
        let before = match step {
            0 => Spent::default(),
            _ => kept(&path).unwrap_or_default(),
        };
        if step > 0 {
            println!("going on from step {step}");
        }
        Self {
            path,
            before,
            since: Instant::now(),
            processor_before_s: processor_s(),
            losses: Vec::new(),
        }
    }

    fn spent(&self) -> Spent {
        Spent {
            processor_s: self.before.processor_s + processor_s() - self.processor_before_s,
            wall_s: self.before.wall_s + self.since.elapsed().as_secs_f64(),
        }
    }
}

impl Watch for Teller {
    fn step(&mut self, progress: &Progress) {
        self.losses.push(progress.loss);
        if progress.step.is_multiple_of(TOLD_EVERY) || progress.step == progress.of {
            let last = &self.losses[self.losses.len().saturating_sub(TOLD_EVERY as usize)..];
            println!(
                "step {} of {}: loss {:.4}, gradients {:.2}, rate {:.1e}, {:.0} s of processor time",
                progress.step,
                progress.of,
                last.iter().sum::<f64>() / last.len() as f64,
                progress.norm,
                progress.rate,
                self.spent().processor_s
            );
        }
    }

    fn checkpoint(&mut self, _step: u64, _trained: &Parameters, _average: Option<&Parameters>) {
        let spent = self.spent();
        let told = serde_json::json!({ "processor_s": spent.processor_s, "wall_s": spent.wall_s });
        // Where it cannot be written only the count is short.
        if let Err(error) = fs::write(&self.path, told.to_string()) {
            println!("{} could not be written: {error}", self.path.display());
        }
    }
}

fn kept(path: &Path) -> anyhow::Result<Spent> {
    let told: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
    let number = |name: &str| told[name].as_f64().with_context(|| format!("no {name}"));
    Ok(Spent {
        processor_s: number("processor_s")?,
        wall_s: number("wall_s")?,
    })
}

/// Seconds that this process's threads have run together, in steps of a hundredth; 0 where the system does not tell.
pub fn processor_s() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in brackets: state, then 10 more, then user and system time in hundredths.
    let times = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = times
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|t| t.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}
