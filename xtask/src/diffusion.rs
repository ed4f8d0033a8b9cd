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
/// Runs of each sum within a program.
const REPEATS: &str = "5";
/// Threads that each may use.
pub(crate) const THREADS: &str = "2";
/// What is timed, and what part of PyTorch's time it should take at most.
const SUMS: [(&str, f64); 4] = [
    ("block 256", 0.6),
    ("block 1024", 0.6),
    ("block 3072", 0.6),
    ("conv3d 96", 0.8),
];

const WORDS: &str = "\
One transformer block of Wan 2.1 1.3B (1536 wide, 12 heads, feed-forward 8960, 512 text tokens) and one convolution of its
autoencoder (96 channels, 4 frames of 120 x 208 and two kept), random weights, 32-bit numbers, two threads each. Ours and
PyTorch's run in turn; a figure is the median of three rounds' medians of five. Goals are of PyTorch's time as it comes.

On AMD processors the library that PyTorch multiplies with (MKL) may take a slow path. \"PyTorch, MKL made to think it runs on
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
    let ours = steps.step("build", AGAIN, || {
        cargo("build --locked --release --package heirloom-tensors --example bench_block").run()?;
        Ok(places::target().join("release/examples/bench_block"))
    })?;
    let packages = steps.step("Python packages (5 GB)", AGAIN, packages)?;
    let answer = steps.step("a library that answers for MKL", AGAIN, intel)?;
    let script = places::root().join("tools/diffusion/bench_torch.py");
    let torch = || {
        python(&packages)
            .arg(&script)
            .args([REPEATS, THREADS])
            .env("OMP_NUM_THREADS", THREADS)
    };
    let mut all: [Vec<Times>; 3] = Default::default();
    for round in 1..=ROUNDS {
        let found = steps.step(&format!("round {round}"), AGAIN, || {
            Ok([
                times(program(&ours).arg(REPEATS).env("RAYON_NUM_THREADS", THREADS))?,
                times(torch())?,
                times(torch().env("LD_PRELOAD", &answer))?,
            ])
        })?;
        for (rounds, times) in all.iter_mut().zip(found) {
            rounds.push(times);
        }
    }
    let [ours, torch, fast] = all.map(|rounds| middle(&rounds));
    let mut figures = Vec::new();
    let mut add = |name: String, value: f64, unit: &str, goal: Option<f64>, note: String| {
        figures.push(Figure {
            name,
            value: (value * 1000.0).round() / 1000.0,
            unit: unit.into(),
            higher_is_better: false,
            goal,
            note,
        });
    };
    let of = |times: &Times, what: &str| {
        times
            .get(what)
            .copied()
            .with_context(|| format!("a program timed no {what}"))
    };
    for (what, goal) in SUMS {
        let (a, b, c) = (of(&ours, what)?, of(&torch, what)?, of(&fast, what)?);
        let note = format!("{a:.1} ms and {b:.1} ms");
        add(
            format!("{what}, of PyTorch's time"),
            a / b,
            "times",
            Some(goal),
            note,
        );
        let note = format!("{c:.1} ms");
        add(
            format!("{what}, of PyTorch's with MKL made to think it runs on Intel"),
            a / c,
            "times",
            // At 1 024 tokens and more it should be faster than both.
            matches!(what, "block 1024" | "block 3072").then_some(1.0),
            note,
        );
    }
    let (a, b) = (of(&ours, "peak")?, of(&torch, "peak")?);
    add(
        "peak memory, of PyTorch's".into(),
        a / b,
        "times",
        Some(1.0),
        format!("{a:.0} MiB and {b:.0} MiB"),
    );
    write("diffusion", AGAIN, WORDS, &figures)
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
