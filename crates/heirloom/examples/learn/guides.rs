//! Whether guides steer: a model that learned to follow depth is given the depth of moves it never saw, and the depth of others.

use std::fs;
use std::path::Path;

use anyhow::Context;
use heirloom_engine::GuideSet;
use heirloom_engine_diffusion::generate::Clip;
use heirloom_engine_diffusion::pixels::{Ask, Blocks, control, control_channels, sample};
use heirloom_engine_diffusion::schedule::Schedule;
use heirloom_engine_diffusion::train::{Levels, Sample, Settings, Subject, Trained};
use heirloom_film::Size;
use heirloom_stage::passes::Passes;
use heirloom_tensors::train::{Control, Dit, Nothing, Parameters};
use heirloom_tensors::wan::DitConfig;
use rayon::prelude::*;

use crate::course::{self, Spent};
use crate::following::{Followed, follow, spread};
use crate::sets::{Sets, Shown, TEXT};
use crate::sheet;
use crate::ways::{REACHES, Ways};

/// What is asked of the figures; decided before the run that is written down.
mod goals {
    /// Minutes of two cores that training may take.
    pub const MINUTES: f64 = 20.0;
    /// How much better edges lie on outlines with the way's own guides than with another's.
    pub const PLACED: f64 = 0.1;
    /// What part of the motion's error with another's guides may be left with its own.
    pub const MOTION: f64 = 0.667;
    /// How many standard deviations over the seeds a difference must have.
    pub const DEVIATIONS: f64 = 2.0;
}

/// How large everything is.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Of the clips, in pixels.
    pub size: Size,
    /// Of the guides that takes are judged by.
    pub judged: Size,
    /// Pixels along the side of a latent's block.
    pub side: usize,
    /// How evenly the channels of a block are scaled.
    pub evenness: f64,
    /// Ways learned from, and held out, of each shot.
    pub ways: [usize; 2],
    /// The transformer.
    pub config: DitConfig,
    /// The blocks after which the branch adds.
    pub branch: Vec<usize>,
    /// The training.
    pub settings: Settings,
    /// Steps from noise to a clip.
    pub steps: usize,
    /// Seeds of the noise that clips are made from.
    pub seeds: Vec<u64>,
}

impl Plan {
    /// What is trained within 20 minutes of two cores.
    pub fn whole() -> Self {
        let side = 4;
        let channels = 3 * side * side;
        Self {
            size: Size {
                width: 56,
                height: 32,
            },
            // Four times as large: exact outlines and motions, against which a small picture is enlarged.
            judged: Size {
                width: 224,
                height: 128,
            },
            side,
            evenness: 0.5,
            ways: [180, 6],
            config: DitConfig {
                patch: [1, 1, 1],
                heads: 4,
                head_dim: 32,
                in_channels: channels,
                out_channels: channels,
                text_dim: TEXT,
                freq_dim: 128,
                ffn_dim: 384,
                layers: 6,
                cross_attn_norm: true,
                eps: 1e-6,
            },
            branch: vec![0, 2, 4],
            settings: Settings {
                trained: Trained::Whole,
                steps: 1500,
                examples: 4,
                side_by_side: true,
                rate: 1e-3,
                warm_up: 100,
                least_rate: 0.02,
                betas: [0.9, 0.99],
                average: Some(0.99),
                checkpointing: false,
                levels: Levels::LogitNormal {
                    mean: 0.0,
                    deviation: 1.0,
                },
                shift: 2.0,
                seed: 1,
                checkpoint_every: 100,
                ..Settings::default()
            },
            steps: 20,
            seeds: vec![1, 2, 3],
        }
    }
}

/// All that is learned from and asked for.
struct Lesson {
    plan: Plan,
    ways: Ways,
    blocks: Blocks,
    samples: Vec<Sample>,
    /// What the stage shows of the ways held out, and the guides that they are judged by.
    held: Vec<(Shown, GuideSet)>,
}

impl Lesson {
    fn new(plan: Plan, sets: &Sets) -> anyhow::Result<Self> {
        let [learned, held_out] = plan.ways;
        let ways = Ways::draw(learned, held_out, plan.settings.seed);
        let shown: Vec<Vec<Shown>> = ways
            .learned
            .par_iter()
            .map(|way| sets.shown(way, plan.size))
            .collect::<anyhow::Result<_>>()?;
        let shown: Vec<Shown> = shown.into_iter().flatten().collect();
        let blocks = Blocks::measured(plan.side, plan.evenness, shown.iter().map(|s| &s.picture))?;
        let samples = shown
            .iter()
            .map(|shown| {
                let (latents, size) = blocks.latents(&shown.picture)?;
                Ok(Sample {
                    latents,
                    size,
                    text: Sets::text(shown.set),
                    control: Some(control(&blocks, &shown.depth, None)?),
                })
            })
            .collect::<anyhow::Result<_>>()?;
        let wanted = Passes::COLOR | Passes::DEPTH | Passes::OBJECTS | Passes::NEXT;
        let held = ways
            .held_out
            .par_iter()
            .map(|way| {
                let shown = sets
                    .shown(way, plan.size)?
                    .pop()
                    .context("a way without frames")?;
                Ok((shown, sets.guides(way, plan.judged, wanted)?))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            plan,
            ways,
            blocks,
            samples,
            held,
        })
    }

    fn branch(&self) -> Control {
        Control {
            layers: self.plan.branch.clone(),
            in_channels: control_channels(&self.blocks),
        }
    }

    fn train(&self, folder: &Path) -> anyhow::Result<course::Trained> {
        let subject = Subject {
            config: self.plan.config.clone(),
            control: Some(self.branch()),
            weights: &Nothing,
            base: "from nothing".into(),
            blank: None,
        };
        course::train(subject, &self.samples, self.plan.settings.clone(), folder)
    }

    /// A clip for each way held out, from noise of this seed, with the guides of the ways that `given` says.
    fn made(&self, weights: &Parameters, given: &[usize], seed: u64) -> anyhow::Result<Vec<Clip>> {
        let dit = Dit {
            config: self.plan.config.clone(),
            control: Some(self.branch()),
            base: &Nothing,
            lora: None,
            checkpointing: false,
        };
        let schedule = Schedule::euler(self.plan.settings.shift, self.plan.steps, 1000)?;
        let jobs: Vec<(usize, usize)> = given.iter().copied().enumerate().collect();
        jobs.into_par_iter()
            .map(|(n, given)| {
                let (_, size) = self.blocks.latents(&self.held[n].0.picture)?;
                let control = control(&self.blocks, &self.held[given].0.depth, None)?;
                let ask = Ask {
                    size,
                    text: &Sets::text(self.ways.held_out[n].set),
                    control: Some(&control),
                    seed: seed * 1000 + n as u64,
                };
                let latents = sample(&dit, weights, &ask, &schedule, &mut || true)?;
                Ok(self.blocks.clip(&latents, size)?)
            })
            .collect()
    }

    fn follow(&self, clips: &[Clip]) -> anyhow::Result<Vec<Followed>> {
        let pairs = clips.par_iter().zip(&self.held);
        pairs
            .map(|(clip, (shown, guides))| follow(guides, clip, &shown.picture))
            .collect()
    }
}

/// The means of one seed's clips.
struct Means {
    placed: f64,
    motion: f64,
    /// Clips whose motion could be read.
    read: usize,
    judged_percent: f64,
    off: f64,
}

impl Means {
    fn of(all: &[Followed]) -> Self {
        let mean = |values: Vec<f64>| spread(&values).0;
        let motions: Vec<f64> = all.iter().filter_map(|f| f.motion).collect();
        Self {
            read: motions.len(),
            placed: mean(all.iter().map(|f| f.placed).collect()),
            motion: mean(motions),
            judged_percent: mean(all.iter().map(|f| f.judged_percent).collect()),
            off: mean(all.iter().map(|f| f.off).collect()),
        }
    }
}

/// Learns, asks, judges, and prints figures; pictures go to a folder of their own.
pub fn learn(film: &Path, work: &Path, pictures: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(pictures)?;
    let begun = course::processor_s();
    let lesson = Lesson::new(Plan::whole(), &Sets::read(film)?)?;
    println!(
        "{} clips to learn from, {} held out: {:.0} s of processor time",
        lesson.samples.len(),
        lesson.held.len(),
        course::processor_s() - begun
    );
    let trained = lesson.train(work)?;
    if let (Some(first), Some(last)) = (trained.losses.first(), trained.losses.last()) {
        let steps = trained.losses.len();
        println!("{steps} steps now: loss {first:.3} at first, {last:.3} at last");
    }
    let own: Vec<usize> = (0..lesson.held.len()).collect();
    let shuffled = lesson.ways.shuffled();
    let (mut with_own, mut with_others) = (Vec::new(), Vec::new());
    for (n, seed) in lesson.plan.seeds.iter().enumerate() {
        let made = lesson.made(&trained.weights, &own, *seed)?;
        let astray = lesson.made(&trained.weights, &shuffled, *seed)?;
        with_own.push(Means::of(&lesson.follow(&made)?));
        with_others.push(Means::of(&lesson.follow(&astray)?));
        if n == 0 {
            show(&lesson, &made, &shuffled, &astray, pictures)?;
        }
    }
    let stage: Vec<Clip> = lesson
        .held
        .iter()
        .map(|(shown, _)| shown.picture.clone())
        .collect();
    let best = Means::of(&lesson.follow(&stage)?);
    figures(&lesson, &trained.spent, [&with_own, &with_others], &best);
    Ok(())
}

fn figures(lesson: &Lesson, spent: &Spent, [own, others]: [&[Means]; 2], best: &Means) {
    let line = |name: &str, value: f64, unit: &str, better: &str, goal: Option<f64>, note: String| {
        let goal = goal.map_or("-".into(), |g| g.to_string());
        println!("figure\t{name}\t{value:.3}\t{unit}\t{better}\t{goal}\t{note}");
    };
    let minutes = spent.processor_s / 60.0 / 2.0;
    line(
        "training, processor time shared by two cores",
        minutes,
        "min",
        "lower",
        Some(goals::MINUTES),
        format!(
            "{:.1} min by the clock, other work beside it; {} steps of {}",
            spent.wall_s / 60.0,
            lesson.plan.settings.steps,
            lesson.plan.settings.examples
        ),
    );
    let all = |of: fn(&Means) -> f64| {
        let values = |means: &[Means]| means.iter().map(of).collect::<Vec<f64>>();
        (values(own), values(others))
    };
    let told = |values: &[f64]| {
        let (mean, deviation) = spread(values);
        (mean, format!("deviation over seeds {deviation:.3}"))
    };
    let (placed, astray) = all(|m| m.placed);
    let apart: Vec<f64> = placed.iter().zip(&astray).map(|(a, b)| a - b).collect();
    let (mean, note) = told(&placed);
    let reached = format!(
        "{note}; the stage's own pictures in this size have {:.3}",
        best.placed
    );
    line("edges on outlines, own guides", mean, "", "higher", None, reached);
    let (mean, note) = told(&astray);
    line(
        "edges on outlines, shuffled guides",
        mean,
        "",
        "lower",
        None,
        note,
    );
    let (mean, deviation) = spread(&apart);
    let note = format!("deviation over seeds {deviation:.3}");
    line(
        "edges on outlines, difference",
        mean,
        "",
        "higher",
        Some(goals::PLACED),
        note,
    );
    let sure = Some(goals::DEVIATIONS);
    let many = mean / deviation.max(1e-6);
    line(
        "the same in deviations over seeds",
        many,
        "",
        "higher",
        sure,
        String::new(),
    );

    let (motion, astray) = all(|m| m.motion);
    let parts: Vec<f64> = motion.iter().zip(&astray).map(|(a, b)| a / b).collect();
    let read = |means: &[Means]| {
        let judged = spread(&means.iter().map(|m| m.judged_percent).collect::<Vec<f64>>()).0;
        let clips: usize = means.iter().map(|m| m.read).sum();
        format!(
            "read in {clips} of {} clips, on {judged:.0} % of the picture",
            means.len() * lesson.held.len()
        )
    };
    let (mean, note) = told(&motion);
    let still = "of standing still";
    let note = format!(
        "{note}; {}; the stage's own pictures have {:.3}",
        read(own),
        best.motion
    );
    line("error of motion, own guides", mean, still, "lower", None, note);
    let (mean, note) = told(&astray);
    let note = format!("{note}; {}", read(others));
    line(
        "error of motion, shuffled guides",
        mean,
        still,
        "higher",
        None,
        note,
    );
    let (mean, deviation) = spread(&parts);
    let note = format!("deviation over seeds {deviation:.3}");
    let of = "of it with shuffled guides";
    line(
        "error of motion with own guides",
        mean,
        of,
        "lower",
        Some(goals::MOTION),
        note,
    );
    let many = (1.0 - mean) / deviation.max(1e-6);
    line(
        "what is gained, in deviations over seeds",
        many,
        "",
        "higher",
        sure,
        String::new(),
    );

    let (off, astray) = all(|m| m.off);
    let codes = "codes of 255";
    let (mean, note) = told(&off);
    line(
        "distance to the stage's picture, own guides",
        mean,
        codes,
        "lower",
        None,
        note,
    );
    let (mean, note) = told(&astray);
    line(
        "distance to the stage's picture, shuffled guides",
        mean,
        codes,
        "higher",
        None,
        note,
    );
}

/// Two frames of three ways of each shot: what the stage shows, and what was made with which depth.
fn show(
    lesson: &Lesson,
    made: &[Clip],
    shuffled: &[usize],
    astray: &[Clip],
    pictures: &Path,
) -> anyhow::Result<()> {
    let of_shot = |set: usize| {
        let held = lesson.ways.held_out.iter().enumerate();
        held.filter(move |(_, way)| way.set == set)
            .map(|(n, _)| n)
            .take(3)
    };
    let columns: Vec<(usize, usize)> = (0..REACHES.len())
        .flat_map(of_shot)
        .flat_map(|n| [(n, 0), (n, made[n].frames().len() - 1)])
        .collect();
    let depth = |n: usize| &lesson.held[n].0.depth;
    let rows: [(&str, &dyn Fn(usize) -> Clip); 5] = [
        ("the stage", &|n| lesson.held[n].0.picture.clone()),
        ("its depth", &|n| depth(n).clone()),
        ("made of its depth", &|n| made[n].clone()),
        ("another's depth", &|n| depth(shuffled[n]).clone()),
        ("made of that", &|n| astray[n].clone()),
    ];
    let mut tiles = Vec::new();
    for (title, clip) in rows {
        for (n, frame) in &columns {
            let shot = REACHES[lesson.ways.held_out[*n].set].shot;
            let title = format!("{title}, {shot}, frame {}", frame + 1);
            tiles.push(sheet::tile(&clip(*n), *frame, title)?);
        }
    }
    let path = pictures.join("learn-guides.jpg");
    sheet::write(&path, &tiles, columns.len(), lesson.plan.size.width as usize)
        .with_context(|| format!("{} could not be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> Plan {
        let whole = Plan::whole();
        Plan {
            size: Size {
                width: 32,
                height: 20,
            },
            judged: Size {
                width: 96,
                height: 60,
            },
            ways: [4, 2],
            config: DitConfig {
                heads: 2,
                head_dim: 16,
                ffn_dim: 64,
                freq_dim: 32,
                layers: 2,
                ..whole.config
            },
            branch: vec![0],
            settings: Settings {
                steps: 60,
                examples: 2,
                rate: 3e-3,
                warm_up: 5,
                checkpoint_every: 30,
                ..whole.settings
            },
            steps: 4,
            seeds: vec![1],
            ..whole
        }
    }

    /// The whole way in small: rendered, trained, stopped and gone on from, asked, judged.
    #[test]
    fn a_tiny_lesson_learns() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo");
        let lesson = Lesson::new(tiny(), &Sets::read(&demo).unwrap()).unwrap();
        let again = Lesson::new(tiny(), &Sets::read(&demo).unwrap()).unwrap();
        assert!(
            lesson.samples == again.samples,
            "the same ways are the same samples"
        );
        for (held, _) in &lesson.held {
            let latents = lesson.blocks.latents(&held.picture).unwrap().0;
            assert!(lesson.samples.iter().all(|sample| sample.latents != latents));
        }
        let folder = tempfile::tempdir().unwrap();
        let trained = lesson.train(folder.path()).unwrap();
        assert_eq!(trained.losses.len(), 60);
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        let (first, last) = (mean(&trained.losses[..10]), mean(&trained.losses[50..]));
        assert!(last < 0.8 * first, "{first} {last}");
        // It is done: begun again, nothing is left to do, and the weights are those of before.
        let over = lesson.train(folder.path()).unwrap();
        assert!(over.losses.is_empty());
        assert_eq!(over.weights, trained.weights);
        let own: Vec<usize> = (0..lesson.held.len()).collect();
        let made = lesson.made(&trained.weights, &own, 1).unwrap();
        let astray = lesson.made(&trained.weights, &lesson.ways.shuffled(), 1).unwrap();
        assert!(
            made.iter().zip(&astray).all(|(a, b)| a != b),
            "guides change nothing"
        );
        let followed = lesson.follow(&made).unwrap();
        assert!(followed.iter().all(|f| f.placed <= 1.0 && f.off > 0.0));
        show(&lesson, &made, &lesson.ways.shuffled(), &astray, folder.path()).unwrap();
        assert!(folder.path().join("learn-guides.jpg").exists());
    }

    /// The stage's own picture follows its guides, and another way's does not.
    #[test]
    fn the_measure_tells_ways_apart() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo");
        let whole = Plan::whole();
        let plan = Plan {
            size: whole.size,
            judged: whole.judged,
            ways: [1, 3],
            ..tiny()
        };
        let lesson = Lesson::new(plan, &Sets::read(&demo).unwrap()).unwrap();
        let own: Vec<Clip> = lesson.held.iter().map(|(s, _)| s.picture.clone()).collect();
        let others: Vec<Clip> = lesson.ways.shuffled().iter().map(|n| own[*n].clone()).collect();
        let (own, others) = (lesson.follow(&own).unwrap(), lesson.follow(&others).unwrap());
        let mean = |all: &[Followed]| all.iter().map(|f| f.placed).sum::<f64>() / all.len() as f64;
        assert!(
            mean(&own) > mean(&others) + 0.2,
            "{} {}",
            mean(&own),
            mean(&others)
        );
        assert!(own.iter().all(|f| f.off == 0.0));
    }
}
