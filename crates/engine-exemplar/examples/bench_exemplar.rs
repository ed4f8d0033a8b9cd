//! Times one draw of the weightless engine, through the same contract that `make` uses.
//!
//! `bench_exemplar living|still|carried PHOTO WxH WORK` prints tab-separated figures for `cargo xtask bench exemplar`.
//! One draw a process, so that the peak memory is that draw's. `carried` is no draw: it times the synthesis of what
//! is loose in a frame that follows another.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use heirloom_engine::{Engine, Failure, Inputs, JobState, Order, Param, Request, Task, settings};
use heirloom_engine_exemplar::atlas::{scaled_size, sheet};
use heirloom_engine_exemplar::engine::engine;
use heirloom_engine_exemplar::synth::flow::value_noise;
use heirloom_engine_exemplar::synth::matter::{Colour, Matter, Spot, spot_x, spot_y};
use heirloom_engine_exemplar::synth::pyramid::{Begin, Carried, Effort, Wish, synthesise};
use heirloom_engine_exemplar::synth::{guide, living};
use heirloom_film::{Rate, Size};
use heirloom_picture::{photo, resample};
use heirloom_vault::ObjectId;

/// Frames of a living shot: the first, and enough of the others for a median.
const LIVING_FRAMES: u32 = 13;

/// One photograph, by its hash.
struct OnePhotograph {
    path: PathBuf,
}

impl Inputs for OnePhotograph {
    fn read(&self, _: &ObjectId) -> Result<Vec<u8>, Failure> {
        std::fs::read(&self.path).map_err(|e| Failure::lasting("input", e.to_string()))
    }

    fn path(&self, _: &ObjectId) -> Result<PathBuf, Failure> {
        Ok(self.path.clone())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, photo, size, work] = args.as_slice() else {
        return Err("arguments: living|still|carried PHOTO WxH WORK".into());
    };
    let (width, height) = size.split_once('x').ok_or("a size is WxH")?;
    let size = Size::new(width.parse()?, height.parse()?)?;
    let work = Path::new(work).join(format!("draw-{}", std::process::id()));
    let result = match what.as_str() {
        "living" => living(photo, size, &work),
        "still" => still(photo, size, &work),
        "carried" => carried(photo, size),
        other => Err(format!("`{other}` is neither living, still nor carried").into()),
    };
    std::fs::remove_dir_all(&work).ok();
    result
}

fn living(photo: &str, size: Size, work: &Path) -> Result<(), Box<dyn Error>> {
    let mut params = BTreeMap::new();
    params.insert(settings::FLOW.to_owned(), Param::Text("curl".into()));
    params.insert(settings::SPEED.to_owned(), Param::Number(1.0));
    let (done, busy) = draw(Task::Living, params, LIVING_FRAMES, photo, size, work)?;
    let Some((first, _)) = done.split_first() else {
        return Err("the draw has no frame".into());
    };
    let mut later: Vec<f64> = done.windows(2).map(|w| w[1] - w[0]).collect();
    later.sort_by(f64::total_cmp);
    println!("figure\tfirst frame\t{first:.2}\ts\tlower\t-\treading and preparing the photograph included");
    println!(
        "figure\tlater frame\t{:.3}\ts\tlower\t-\tmedian of {}",
        later[later.len() / 2],
        later.len()
    );
    let later = (busy.last().copied().unwrap_or(0.0) - busy[0]) / (busy.len() - 1) as f64;
    println!("figure\tfirst frame, processor time\t{:.2}\ts\tlower\t-", busy[0]);
    println!("figure\tlater frame, processor time\t{later:.3}\ts\tlower\t-\tmean");
    println!("figure\tpeak memory\t{:.0}\tMiB\tlower\t-", peak_mib());
    Ok(())
}

fn still(photo: &str, size: Size, work: &Path) -> Result<(), Box<dyn Error>> {
    let (done, busy) = draw(Task::Still, BTreeMap::new(), 1, photo, size, work)?;
    println!(
        "figure\tseconds\t{:.3}\ts\tlower\t-",
        done.last().ok_or("the draw has no frame")?
    );
    println!(
        "figure\tprocessor time\t{:.2}\ts\tlower\t-",
        busy.last().ok_or("the draw has no frame")?
    );
    println!("figure\tpeak memory\t{:.0}\tMiB\tlower\t-", peak_mib());
    Ok(())
}

/// How much is loose in the carried frames, in hundredths.
const LOOSE: [usize; 4] = [0, 1, 5, 100];
/// Times each is made; the median counts.
const ROUNDS: usize = 5;

/// The photograph's own pixels as a frame, and blots of it to be made anew: what a guided shot does once or twice a
/// frame. Reading and preparing are not timed.
fn carried(photo: &str, size: Size) -> Result<(), Box<dyn Error>> {
    let (w, h) = (size.width as usize, size.height as usize);
    let image = photo::decode(&std::fs::read(photo)?, photo)?.image;
    let scaled = scaled_size((image.width(), image.height()), size.height, 1.0);
    let mut sheets = vec![sheet(&resample::scale_to(&image, scaled.0, scaled.1), true)];
    let gain = guide::steer(&mut sheets, living::layout_radius(h));
    let texture = guide::texture(&sheets);
    let levels = living::level_count(h, &sheets);
    let matter = Matter::new(sheets, levels).ok_or("the photograph makes no matter")?;
    let weights = living::weights(living::LAYOUT_WEIGHT, living::STRUCTURE_WEIGHT);
    let planes = matter.planes(&weights);
    let level = &matter.levels[0];
    // Mirrored at the photograph's edges where the frame is wider.
    let fold = |v: usize, n: usize| {
        if (v / n).is_multiple_of(2) {
            v % n
        } else {
            n - 1 - v % n
        }
    };
    let from: Vec<Spot> = (0..w * h)
        .map(|i| {
            level.clamp(
                0,
                fold(i % w, level.width) as i64,
                fold(i / w, level.height) as i64,
            )
        })
        .collect();
    let colour: Vec<Colour> = from
        .iter()
        .map(|s| level.colour[spot_y(*s) * level.width + spot_x(*s)])
        .collect();
    let wish = guide::of_photograph(&colour, w, h, living::layout_radius(h), gain);
    let pull = vec![100; w * h];
    // Blots about a fiftieth of the height across.
    let unit = 25.0 / h as f32;
    let noise: Vec<f32> = (0..w * h)
        .map(|i| value_noise((i % w) as f32 * unit, (i / w) as f32 * unit, 3))
        .collect();
    let mut ranked = noise.clone();
    ranked.sort_by(f32::total_cmp);
    let effort = Effort::mending().for_texture(texture);
    for loose in LOOSE {
        let least = ranked
            .get((w * h * loose / 100).saturating_sub(1))
            .filter(|_| loose > 0)
            .copied();
        let locked: Vec<bool> = noise.iter().map(|n| least.is_none_or(|l| *n > l)).collect();
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
            let mut times: Vec<f64> = (0..ROUNDS)
                .map(|round| {
                    let begin = Begin::Carried(Carried {
                        from: &from,
                        colour: &colour,
                        pull: &pull,
                        locked: &locked,
                        start: 2,
                    });
                    let wish = Wish {
                        width: w,
                        height: h,
                        guide: &wish,
                        stop: &|| false,
                    };
                    let start = Instant::now();
                    let made = pool.install(|| {
                        synthesise(&matter, &planes, &weights, &wish, &begin, &effort, round as u64)
                    });
                    std::hint::black_box(made);
                    start.elapsed().as_secs_f64()
                })
                .collect();
            times.sort_by(f64::total_cmp);
            let s = if threads == 1 { "" } else { "s" };
            println!(
                "figure\t{loose} % loose, {threads} thread{s}\t{:.4}\ts\tlower\t-\tmedian of {ROUNDS}",
                times[ROUNDS / 2]
            );
        }
    }
    println!("figure\tpeak memory\t{:.0}\tMiB\tlower\t-", peak_mib());
    Ok(())
}

/// Makes a draw. For each frame, the seconds from the beginning until it was done, and the processor's seconds, of all
/// threads together.
fn draw(
    task: Task,
    mut params: BTreeMap<String, Param>,
    frames: u32,
    photo: &str,
    size: Size,
    work: &Path,
) -> Result<(Vec<f64>, Vec<f64>), Box<dyn Error>> {
    params.insert(settings::FINISH.to_owned(), Param::Number(0.5));
    let engine = engine();
    let card = engine.card();
    let request = Request {
        engine: card.engine.clone(),
        revision: card.revision,
        task,
        prompt: String::new(),
        mood: String::new(),
        seed: 7,
        size,
        rate: Rate::parse("24")?,
        frames,
        sources: vec![ObjectId::of(&std::fs::read(photo)?)],
        keyframes: Vec::new(),
        pictures: Default::default(),
        guides: None,
        style: None,
        params,
    };
    let order = Order::new(
        request,
        0,
        work,
        Arc::new(OnePhotograph {
            path: PathBuf::from(photo),
        }),
    )?;
    std::fs::create_dir_all(&order.work)?;

    let start = Instant::now();
    let job = engine.submit(order).map_err(|f| f.message)?;
    let busy_before = processor_s();
    let (mut done, mut busy): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    loop {
        match engine.poll(&job).map_err(|f| f.message)? {
            JobState::Running(progress) => {
                while done.len() < progress.done_frames as usize {
                    done.push(start.elapsed().as_secs_f64());
                    busy.push(processor_s() - busy_before);
                }
            }
            JobState::Queued => {}
            JobState::Done(_) => break,
            other => return Err(format!("the draw ended: {other:?}").into()),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // What the last poll missed, up to the end of the whole draw.
    done.resize(frames as usize, start.elapsed().as_secs_f64());
    busy.resize(frames as usize, processor_s() - busy_before);
    Ok((done, busy))
}

/// Seconds that this process's threads have run together, in steps of a hundredth; 0 where the system does not tell.
fn processor_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
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

/// The most memory this process has held, in MiB; 0 where the system does not tell.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib: f64 = line
        .and_then(|l| l.split_whitespace().next())
        .and_then(|n| n.parse().ok())
        .unwrap_or(0.0);
    kib / 1024.0
}
