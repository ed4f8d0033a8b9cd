//! `cargo xtask parity` and `cargo xtask bench diffusion`: the engine of open weights beside the reference.

use crate::args::Args;
use crate::command::{Cmd, cargo, program};
use crate::figures::{Figure, write};
use crate::steps::Steps;
use crate::{places, setup};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const AGAIN: &str = "cargo xtask bench diffusion";
/// Times that each program runs, in turn; the median of their medians counts.
const ROUNDS: usize = 3;
/// Threads that each may use.
pub(crate) const THREADS: &str = "2";

/// A sum that is timed on both sides.
struct Sum {
    /// Its name in what the programs print.
    name: &'static str,
    /// What part of PyTorch's time it should take at most.
    goal: f64,
    /// The same of PyTorch's where MKL is made to think it runs on Intel.
    fast_goal: Option<f64>,
}

/// Two programs that time the same sums.
struct Bench {
    /// What it is of.
    name: &'static str,
    /// The example.
    ours: &'static str,
    /// In tools/diffusion; its words before the number of repeats.
    torch: (&'static str, &'static [&'static str]),
    /// Runs of each sum within a program.
    repeats: &'static str,
    /// Whether both read a folder that PyTorch's makes (`make FOLDER`).
    on_a_folder: bool,
    sums: &'static [Sum],
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "parts",
        ours: "bench_block",
        torch: ("bench_torch.py", &[]),
        repeats: "5",
        on_a_folder: false,
        sums: &[
            Sum {
                name: "block 256",
                goal: 0.6,
                fast_goal: None,
            },
            // At 1 024 tokens and more it should be faster than both.
            Sum {
                name: "block 1024",
                goal: 0.6,
                fast_goal: Some(1.0),
            },
            Sum {
                name: "block 3072",
                goal: 0.6,
                fast_goal: Some(1.0),
            },
            Sum {
                name: "conv3d 96",
                goal: 0.8,
                fast_goal: None,
            },
            Sum {
                name: "VAE level 96",
                goal: 0.8,
                fast_goal: None,
            },
        ],
    },
    Bench {
        name: "other models",
        ours: "bench_variants",
        torch: ("bench_variants.py", &[]),
        repeats: "1",
        on_a_folder: false,
        sums: &[
            Sum {
                name: "VACE 3072",
                goal: 0.7,
                fast_goal: None,
            },
            Sum {
                name: "5B VAE",
                goal: 0.7,
                fast_goal: None,
            },
        ],
    },
    Bench {
        name: "pipeline",
        ours: "bench_pipeline",
        torch: ("bench_pipeline.py", &["run"]),
        repeats: "1",
        on_a_folder: true,
        sums: &[Sum {
            name: "pipeline",
            goal: 0.7,
            fast_goal: None,
        }],
    },
];

const WORDS: &str = "\
Blocks: one transformer block of Wan 2.1 1.3B (1536 wide, 12 heads, feed-forward 8960, 512 text tokens) over so many tokens.
Convolution: one of its autoencoder (96 channels, 4 frames of 120 x 208 and two kept). VAE level: the widest level of the
autoencoder's decoder (three residual blocks of 96 channels over the same, frames kept from chunk to chunk). Pipeline: words to
frames with a model of middle size (text encoder 1024 wide with 6 layers, transformer 768 wide with 10, autoencoder of 32
channels), 9 frames of 320 x 192 in 4 steps with guidance; diffusers' WanPipeline runs the same files from the same noise.
VACE: one block of Wan 2.1 VACE 1.3B and one of its branch over 3 072 tokens, from latents to a velocity. 5B VAE: the decoder of
Wan 2.2 TI2V 5B's autoencoder, 5 frames of 224 x 128; both read their weights anew in each run, as the engine does, from
bfloat16 in memory, and PyTorch keeps them in 32 bits.
Random weights, sums in 32-bit numbers, two threads each. Ours and PyTorch's run in turn; a figure is the median of three
rounds' medians. Goals are of PyTorch's time as it comes. Memory is the most that a process held, mapped files and all.

On AMD processors the library that PyTorch multiplies with (MKL) may take a slow path; the goals of 0.6 to 0.8 are of that. \"PyTorch, MKL made to think it runs on
Intel\" is the same PyTorch with that question answered by a library loaded before it; where both take the same time, the
question is not asked, or its answer does not reach it.
";

/// The folder of Python packages that the reference runs with.
pub(crate) fn packages() -> Result<PathBuf> {
    setup::python_packages("parity", &places::root().join("tools/parity/requirements.txt"))
}

pub(crate) fn python(packages: &Path) -> Cmd {
    program("python3")
        .env("PYTHONPATH", packages)
        .env("PYTHONDONTWRITEBYTECODE", "1")
}

/// `cargo xtask parity`: makes the goldens anew and compares them with those that are committed.
pub fn parity(args: Args) -> Result<()> {
    args.done()?;
    let mut steps = Steps::default();
    let again = "cargo xtask parity";
    let packages = steps.step("Python packages (5 GB)", again, packages)?;
    let made = places::cache().join(format!("parity-{}", std::process::id()));
    let tools = places::root().join("tools/parity");
    let result = (|| {
        steps.step("make", again, || {
            python(&packages)
                .arg("-W")
                .arg("ignore")
                .arg(tools.join("make.py"))
                .arg(&made)
                .run()
        })?;
        steps.step("compare", again, || {
            python(&packages)
                .arg(tools.join("compare.py"))
                .arg(&made)
                .arg(places::root().join("crates/engine-diffusion/tests/goldens"))
                .run()
        })
    })();
    drop(fs::remove_dir_all(&made));
    steps.table();
    result
}

/// Median milliseconds by sum, and the most memory in MiB.
pub(crate) type Times = BTreeMap<String, f64>;

/// `cargo xtask bench diffusion`.
pub fn speed(steps: &mut Steps) -> Result<()> {
    steps.step("build", AGAIN, build)?;
    let packages = steps.step("Python packages (5 GB)", AGAIN, packages)?;
    let answer = steps.step("a library that answers for MKL", AGAIN, intel)?;
    let mut figures = Vec::new();
    for bench in BENCHES {
        let [ours, torch, fast] = compare(bench, &packages, &answer, steps)?;
        figures.extend(bench_figures(bench, &ours, &torch, &fast)?);
    }
    write("diffusion", AGAIN, WORDS, &figures)
}

/// Builds every program that is timed beside PyTorch. All at once: chosen one by one, packages would each want their dependencies
/// in another form, and those take minutes.
pub(crate) fn build() -> Result<()> {
    cargo(
        "build --locked --release --package heirloom-tensors --package heirloom-engine-diffusion \
         --example bench_block --example bench_variants --example bench_pipeline --example bench_lora",
    )
    .run()
}

/// Runs ours, PyTorch's, and PyTorch's with MKL made to think it runs on Intel, in turn.
fn compare(bench: &Bench, packages: &Path, answer: &Path, steps: &mut Steps) -> Result<[Times; 3]> {
    let example = places::target().join("release/examples").join(bench.ours);
    let (script, words) = bench.torch;
    let script = places::root().join("tools/diffusion").join(script);
    let folder = match bench.on_a_folder {
        true => Some(steps.step(&format!("{}: make a model", bench.name), AGAIN, || {
            let folder = places::cache().join("bench").join(bench.name);
            drop(fs::remove_dir_all(&folder));
            python(packages)
                .args(["-W", "ignore"])
                .arg(&script)
                .arg("make")
                .arg(&folder)
                .run()?;
            Ok(folder)
        })?),
        false => None,
    };
    let ours = || {
        program(&example)
            .args(&folder)
            .arg(bench.repeats)
            .env("RAYON_NUM_THREADS", THREADS)
    };
    let torch = || {
        python(packages)
            .args(["-W", "ignore"])
            .arg(&script)
            .args(words)
            .args(&folder)
            .args([bench.repeats, THREADS])
            .env("OMP_NUM_THREADS", THREADS)
    };
    let mut all: [Vec<Times>; 3] = Default::default();
    for round in 1..=ROUNDS {
        let found = steps.step(&format!("{}: round {round}", bench.name), AGAIN, || {
            Ok([
                times(ours())?,
                times(torch())?,
                times(torch().env("LD_PRELOAD", answer))?,
            ])
        })?;
        for (rounds, times) in all.iter_mut().zip(found) {
            rounds.push(times);
        }
    }
    if let Some(folder) = folder {
        fs::remove_dir_all(&folder).with_context(|| format!("{} could not be removed", folder.display()))?;
    }
    Ok(all.map(|rounds| middle(&rounds)))
}

/// The figures of what both sides timed.
fn bench_figures(bench: &Bench, ours: &Times, torch: &Times, fast: &Times) -> Result<Vec<Figure>> {
    let of = |times: &Times, what: &str| {
        times
            .get(what)
            .copied()
            .with_context(|| format!("a program of {} timed no {what}", bench.name))
    };
    // Where both make a clip of the same noise, it is the same clip, or the comparison is none.
    if let (Some(a), Some(b)) = (ours.get("mean"), torch.get("mean"))
        && (a - b).abs() > 1e-3
    {
        bail!("our {} made a clip of mean {a}, PyTorch's one of {b}", bench.name);
    }
    let figure = |name: String, value: f64, goal: Option<f64>, note: String| Figure {
        name,
        value: (value * 1000.0).round() / 1000.0,
        unit: "times".into(),
        higher_is_better: false,
        goal,
        note,
    };
    let mut figures = Vec::new();
    for sum in bench.sums {
        let (a, b, c) = (of(ours, sum.name)?, of(torch, sum.name)?, of(fast, sum.name)?);
        figures.push(figure(
            format!("{}, of PyTorch's time", sum.name),
            a / b,
            Some(sum.goal),
            format!("{a:.1} ms and {b:.1} ms"),
        ));
        figures.push(figure(
            format!(
                "{}, of PyTorch's with MKL made to think it runs on Intel",
                sum.name
            ),
            a / c,
            sum.fast_goal,
            format!("{c:.1} ms"),
        ));
    }
    let (a, b) = (of(ours, "peak")?, of(torch, "peak")?);
    figures.push(figure(
        format!("peak memory of the {}, of PyTorch's", bench.name),
        a / b,
        Some(1.0),
        format!("{a:.0} MiB and {b:.0} MiB"),
    ));
    Ok(figures)
}

/// What a program timed: lines of `time`, what, the median in milliseconds (or MiB) and more, parted by tabs.
pub(crate) fn times(program: Cmd) -> Result<Times> {
    let mut times = Times::new();
    let mut wrong = None;
    program.run_reading(|line| {
        let Some(rest) = line.strip_prefix("time\t") else {
            return;
        };
        let mut fields = rest.split('\t');
        match (fields.next(), fields.next().and_then(|n| n.parse().ok())) {
            (Some(what), Some(number)) => {
                times.insert(what.to_owned(), number);
            }
            _ => wrong = Some(line.to_owned()),
        }
    })?;
    match wrong {
        Some(line) => bail!("this line says nothing: {line}"),
        None => Ok(times),
    }
}

/// The middle of each sum's times.
pub(crate) fn middle(rounds: &[Times]) -> Times {
    let names = rounds
        .first()
        .map(|times| times.keys().cloned().collect::<Vec<_>>());
    names
        .unwrap_or_default()
        .into_iter()
        .filter_map(|name| {
            let mut all: Vec<f64> = rounds
                .iter()
                .filter_map(|times| times.get(&name).copied())
                .collect();
            all.sort_by(f64::total_cmp);
            let middle = all.get(all.len() / 2).copied()?;
            Some((name, middle))
        })
        .collect()
}

/// A library that answers MKL's question for the maker of the processor.
pub(crate) fn intel() -> Result<PathBuf> {
    let folder = places::cache().join("mkl");
    fs::create_dir_all(&folder)?;
    let (source, library) = (folder.join("intel.c"), folder.join("intel.so"));
    fs::write(&source, "int mkl_serv_intel_cpu_true(void) { return 1; }\n")?;
    program("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .run()
        .context("the C compiler failed")?;
    Ok(library)
}
