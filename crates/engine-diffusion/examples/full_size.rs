//! Makes a model of full size out of random numbers, and takes one step with it: whether all tensors load, and what memory it
//! takes, without anybody's weights.
//!
//! ```text
//! cargo run --release -p heirloom-engine-diffusion --example full_size -- make FOLDER    (14 GB, the original single files)
//! cargo run --release -p heirloom-engine-diffusion --example full_size -- step FOLDER [WxHxFRAMES]
//! cargo run --release -p heirloom-engine-diffusion --example full_size -- make FOLDER 5b         (23 GB, Wan 2.2 TI2V 5B)
//! cargo run --release -p heirloom-engine-diffusion --example full_size -- make FOLDER 5b-vae     (1.4 GB, its autoencoder)
//! cargo run --release -p heirloom-engine-diffusion --example full_size -- pictures FILE WxHxFRAMES    (an autoencoder alone)
//! ```

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use burn::tensor::{Device, Distribution, Tensor};
use heirloom_engine_diffusion::conditions::Conditions;
use heirloom_engine_diffusion::generate::{Ask, At, Clip, Hear, Loras, Steps, TEXT_TOKENS, generate};
use heirloom_engine_diffusion::memory::Estimate;
use heirloom_engine_diffusion::model::{Laid, Model, vae_config};
use heirloom_engine_diffusion::start::Start;
use heirloom_engine_diffusion::wan::{Part, TextConfig, TransformerConfig, VaeConfig, by_diffusers_names};
use heirloom_engine_diffusion::weights::{Expected, Weights};
use heirloom_tensors::wan::Vae;

/// Where the tests' tokenizer lies; filled up with pieces that no text has, it is as large as umT5's.
const TOKENIZER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/goldens/t2v/tokenizer/tokenizer.json"
);
/// Pieces of umT5's own.
const PIECES: usize = 256_300;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["make", folder] => make(Path::new(folder), "1.3b"),
        ["make", folder, kind] => make(Path::new(folder), kind),
        ["step", folder] => step(Path::new(folder), [832, 480, 5]),
        ["step", folder, size] => step(Path::new(folder), sides(size)?),
        ["pictures", file, size] => pictures(Path::new(file), sides(size)?),
        _ => Err(
            "write `make FOLDER [5b|5b-vae]`, `step FOLDER [WxHxFRAMES]` or `pictures FILE WxHxFRAMES`"
                .into(),
        ),
    }
}

fn sides(size: &str) -> Result<[usize; 3], Box<dyn Error>> {
    let sides: Vec<usize> = size.split('x').map(str::parse).collect::<Result<_, _>>()?;
    Ok(sides.try_into().map_err(|_| "write WIDTHxHEIGHTxFRAMES")?)
}

fn make(folder: &Path, kind: &str) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let text = || ("umt5_xxl_bf16.safetensors", TextConfig::umt5_xxl().expected());
    let vae_5b = || ("wan2.2_vae.safetensors", VaeConfig::wan_2_2_5b().expected());
    let files = match kind {
        "1.3b" => vec![
            (
                "wan2.1_t2v_1.3B_bf16.safetensors",
                TransformerConfig::t2v_1_3b().expected(),
            ),
            ("wan_2.1_vae.safetensors", VaeConfig::default().expected()),
            text(),
        ],
        "5b" => vec![
            (
                "wan2.2_ti2v_5B_bf16.safetensors",
                TransformerConfig::ti2v_5b().expected(),
            ),
            vae_5b(),
            text(),
        ],
        "5b-vae" => vec![vae_5b()],
        other => return Err(format!("`{other}` is none of 1.3b, 5b and 5b-vae").into()),
    };
    for (name, tensors) in files {
        let bytes = random(&folder.join(name), &tensors)?;
        println!("{name}: {} tensors, {:.2} GB", tensors.len(), bytes as f64 / 1e9);
    }
    let mut tokenizer: serde_json::Value = serde_json::from_slice(&fs::read(TOKENIZER)?)?;
    let pieces = tokenizer["model"]["vocab"]
        .as_array_mut()
        .ok_or("a tokenizer without pieces")?;
    for n in pieces.len()..PIECES {
        pieces.push(serde_json::json!([format!("\u{e000}{n}"), -1000.0]));
    }
    fs::write(folder.join("tokenizer.json"), serde_json::to_vec(&tokenizer)?)?;
    Ok(())
}

/// Tensors in BF16 under their original names: biases and norms near what they are at first, all else spread by its inputs.
fn random(path: &Path, tensors: &[Expected]) -> Result<u64, Box<dyn Error>> {
    let (mut header, mut at) = (serde_json::Map::new(), 0);
    for one in tensors {
        let end = at + 2 * one.shape.iter().product::<u64>();
        let entry = serde_json::json!({ "dtype": "BF16", "shape": one.shape, "data_offsets": [at, end] });
        header.insert(one.original.clone(), entry);
        at = end;
    }
    let header = serde_json::to_vec(&header)?;
    let mut file = BufWriter::with_capacity(1 << 22, File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for one in tensors {
        let numbers = one.shape.iter().product::<u64>();
        let inputs: u64 = one.shape.iter().skip(1).product();
        let is_norm = one.name.contains("norm") || one.name.ends_with("gamma");
        let (middle, most) = match one.shape.len() {
            _ if is_norm && !one.name.ends_with("bias") => (1.0, 0.1),
            1 => (0.0, 0.01),
            _ => (0.0, (3.0 / inputs.max(1) as f32).sqrt()),
        };
        for _ in 0..numbers {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let value = middle + ((state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0) * most;
            // The upper half of an f32 is its BF16, rounded towards nought.
            file.write_all(&((value.to_bits() >> 16) as u16).to_le_bytes())?;
        }
    }
    file.flush()?;
    Ok(at)
}

/// An autoencoder alone: frames encoded, and their latents decoded.
fn pictures(file: &Path, [width, height, frames]: [usize; 3]) -> Result<(), Box<dyn Error>> {
    let mut told = Told::new();
    let weights = Weights::open(file)?;
    let config = VaeConfig::of_names(&weights);
    let weights = by_diffusers_names(weights, Part::Vae, &config.expected())?;
    let laid = Laid::new(&weights, None);
    let device = Device::flex();
    let vae = Vae::new(vae_config(&config), &laid, &device)?;
    let clip = Tensor::<4>::random(
        [3, frames, height, width],
        Distribution::Uniform(-1.0, 1.0),
        &device,
    );
    let latents = vae.encode(clip, None, &mut |done, of| {
        told.at(At::Given(done, of));
        true
    })?;
    told.say("encoded");
    vae.decode(latents, None, &mut |done, of| {
        told.at(At::Frames(done, of));
        true
    })?;
    told.say("decoded");
    Ok(())
}

/// Says what is done, with the seconds and the memory by then.
struct Told {
    start: Instant,
    most_mib: Arc<AtomicU64>,
}

impl Told {
    /// From now on memory is looked at twenty times a second.
    fn new() -> Self {
        let most_mib = Arc::new(AtomicU64::new(0));
        let watched = most_mib.clone();
        std::thread::spawn(move || {
            loop {
                watched.fetch_max(own_mib(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        Self {
            start: Instant::now(),
            most_mib,
        }
    }

    fn say(&self, what: &str) {
        println!(
            "{:7.1} s  {:6} MiB at most  {what}",
            self.start.elapsed().as_secs_f64(),
            self.most_mib.load(Ordering::Relaxed)
        );
    }
}

impl Hear for Told {
    fn go_on(&mut self) -> bool {
        true
    }

    fn at(&mut self, at: At) {
        self.say(&format!("{at:?}"));
    }

    fn preview(&mut self, _: usize, _: Clip) {}

    fn looks(&self) -> bool {
        false
    }
}

fn step(folder: &Path, [width, height, frames]: [usize; 3]) -> Result<(), Box<dyn Error>> {
    let mut told = Told::new();
    let model = Model::open(folder)?;
    told.say("opened; no tensor is missing or left over");
    let ask = Ask {
        prompt: "a cat walks on the grass".into(),
        negative: "blurred".into(),
        width,
        height,
        frames,
        seed: 1,
        steps: Steps::Own {
            count: 1,
            shift: None,
            kind: None,
        },
        guidance: 5.0,
        guidance_low: None,
        text_tokens: TEXT_TOKENS,
        tile_px: None,
        start: Start::default(),
        conditions: Conditions::default(),
    };
    let estimate = Estimate::of(&model, &ask)?;
    let mib = |bytes: u64| bytes >> 20;
    println!(
        "estimated: words {} MiB, a step {} MiB, frames {} MiB",
        mib(estimate.words),
        mib(estimate.steps),
        mib(estimate.frames)
    );
    let clip = generate(&model, &ask, Loras::default(), &Device::flex(), &mut told)?;
    let sum: f64 = clip.pixels.iter().flatten().map(|v| f64::from(*v)).sum();
    told.say(&format!(
        "{} frames of {}x{}, mean {:.3}",
        clip.frames().len(),
        clip.width,
        clip.height,
        sum / (3 * clip.pixels.len()) as f64
    ));
    Ok(())
}

/// Memory of its own that this process holds now, in MiB, where the system tells; mapped files do not count.
fn own_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes: Option<u64> = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
    kibibytes.unwrap_or(0) / 1024
}
