//! `cargo xtask bench lora`: a step of training beside PyTorch, diffusers and PEFT.

use crate::command::program;
use crate::diffusion::{THREADS, Times, build, intel, middle, packages, python, times};
use crate::figures::{Figure, write};
use crate::places;
use crate::steps::Steps;
use anyhow::{Context, Result};

const AGAIN: &str = "cargo xtask bench lora";
/// Times that each program runs, in turn; the median of their medians counts.
const ROUNDS: usize = 3;
/// Steps within a program.
const REPEATS: &str = "3";
/// How a step is run, and what part of PyTorch's time it should take at most.
const MODES: [(&str, f64); 2] = [("plain", 0.7), ("checkpointing", 0.7)];

const WORDS: &str = "\
A step of training a LoRA of rank 16 on every linear layer of four transformer blocks of Wan 2.1 1.3B's width (1536 wide, 12
heads, feed-forward 8960), one example of 1024 tokens and 512 text tokens, random weights: forward, backward, clipping, AdamW;
with checkpointing each block is run again for its gradient. Sums are of 32-bit numbers in both; ours keeps the model's
weights as bfloat16 and widens one layer at a time, PyTorch's keeps them in 32 bits. Two threads each, in turn; a figure is
the median of three rounds' medians of three steps. Goals are of the time and the memory of PyTorch as it comes.

On AMD processors the library that PyTorch multiplies with (MKL) may take a slow path. \"PyTorch, MKL made to think it runs on
Intel\" is the same PyTorch with that question answered by a library loaded before it.
";

/// `cargo xtask bench lora`.
pub fn speed(steps: &mut Steps) -> Result<()> {
    let ours = steps.step("build", AGAIN, || {
        build()?;
        Ok(places::target().join("release/examples/bench_lora"))
    })?;
    let packages = steps.step("Python packages (5 GB)", AGAIN, packages)?;
    let answer = steps.step("a library that answers for MKL", AGAIN, intel)?;
    let script = places::root().join("tools/diffusion/bench_lora_torch.py");
    let mut figures = Vec::new();
    for (mode, goal) in MODES {
        let torch = || {
            python(&packages)
                .args(["-W", "ignore"])
                .arg(&script)
                .args([mode, REPEATS, THREADS])
                .env("OMP_NUM_THREADS", THREADS)
        };
        let mut all: [Vec<Times>; 3] = Default::default();
        for round in 1..=ROUNDS {
            let found = steps.step(&format!("{mode}, round {round}"), AGAIN, || {
                Ok([
                    times(
                        program(&ours)
                            .args([mode, REPEATS])
                            .env("RAYON_NUM_THREADS", THREADS),
                    )?,
                    times(torch())?,
                    times(torch().env("LD_PRELOAD", &answer))?,
                ])
            })?;
            for (rounds, times) in all.iter_mut().zip(found) {
                rounds.push(times);
            }
        }
        let [ours, torch, fast] = all.map(|rounds| middle(&rounds));
        let of = |times: &Times, what: &str| {
            let found = times.get(what).copied();
            found.with_context(|| format!("a program timed no {what}"))
        };
        let mut add = |name: &str, value: f64, goal: Option<f64>, note: String| {
            figures.push(Figure {
                name: format!("{mode}: {name}"),
                value: (value * 1000.0).round() / 1000.0,
                unit: "times".into(),
                higher_is_better: false,
                goal,
                note,
            });
        };
        let (a, b, c) = (of(&ours, "step")?, of(&torch, "step")?, of(&fast, "step")?);
        add(
            "a step, of PyTorch's time",
            a / b,
            Some(goal),
            format!("{a:.0} ms and {b:.0} ms"),
        );
        add(
            "a step, of PyTorch's with MKL made to think it runs on Intel",
            a / c,
            None,
            format!("{c:.0} ms"),
        );
        let (a, b) = (of(&ours, "peak")?, of(&torch, "peak")?);
        add(
            "peak memory, of PyTorch's",
            a / b,
            Some(1.0),
            format!("{a:.0} MiB and {b:.0} MiB"),
        );
    }
    write("lora", AGAIN, WORDS, &figures)
}
