//! Times a whole pipeline that `tools/diffusion/bench_pipeline.py make FOLDER` has made: words, steps with guidance,
//! decoding. Prints lines of tab-separated fields: `time` and the median milliseconds, the mean of the clip's numbers,
//! and the most memory in MiB.
//!
//! ```sh
//! RAYON_NUM_THREADS=2 cargo run --release -p heirloom-engine-diffusion --example bench_pipeline -- FOLDER [REPEATS]
//! ```
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use burn::tensor::Device;
use heirloom_engine_diffusion::conditions::Conditions;
use heirloom_engine_diffusion::generate::{Ask, At, Clip, Hear, Loras, Steps, generate_from};
use heirloom_engine_diffusion::model::Model;
use heirloom_engine_diffusion::start::Start;

/// The program's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whoever asks for speed does not look.
struct Nobody;

impl Hear for Nobody {
    fn go_on(&mut self) -> bool {
        true
    }

    fn at(&mut self, _: At) {}

    fn preview(&mut self, _: usize, _: Clip) {}

    fn looks(&self) -> bool {
        false
    }
}

/// What `ask.json` asks for.
fn ask(folder: &Path) -> Result<Ask, Box<dyn Error>> {
    let ask: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("ask.json"))?)?;
    let words = |name: &str| {
        ask[name]
            .as_str()
            .map(str::to_owned)
            .ok_or("ask.json lacks words")
    };
    let count = |name: &str| -> Result<usize, Box<dyn Error>> {
        Ok(usize::try_from(
            ask[name].as_u64().ok_or("ask.json lacks a number")?,
        )?)
    };
    Ok(Ask {
        prompt: words("prompt")?,
        negative: words("negative")?,
        width: count("width")?,
        height: count("height")?,
        frames: count("frames")?,
        seed: 1,
        steps: Steps::Own {
            count: count("steps")?,
            shift: None,
            kind: None,
        },
        guidance: ask["guidance"].as_f64().ok_or("ask.json lacks the guidance")?,
        guidance_low: None,
        text_tokens: count("text_tokens")?,
        tile_px: None,
        start: Start::default(),
        conditions: Conditions::default(),
    })
}

/// The most memory that this process has held, in MiB, where the system tells.
fn peak_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes / 1024)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let folder = words.next().ok_or("write FOLDER [REPEATS]")?;
    let folder = Path::new(&folder);
    let repeats: usize = words.next().map_or(Ok(1), |word| word.parse())?;
    let ask = ask(folder)?;
    let noise: Vec<f32> = fs::read(folder.join("noise.f32"))?
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    let model = Model::open(folder)?;
    let once = || {
        generate_from(
            &model,
            &ask,
            Loras::default(),
            &Device::flex(),
            noise.clone(),
            &mut Nobody,
        )
    };
    // One run that is not counted.
    let clip = once()?;
    let mut clock = Vec::new();
    for _ in 0..repeats.max(1) {
        let start = Instant::now();
        once()?;
        clock.push(start.elapsed().as_secs_f64() * 1e3);
    }
    clock.sort_by(f64::total_cmp);
    println!("time\tpipeline\t{:.2}", clock[clock.len() / 2]);
    let sum: f64 = clip.pixels.iter().flatten().map(|v| f64::from(*v)).sum();
    println!("time\tmean\t{:.6}", sum / (3 * clip.pixels.len()) as f64);
    if let Some(mib) = peak_mib() {
        println!("time\tpeak\t{mib}");
    }
    Ok(())
}
