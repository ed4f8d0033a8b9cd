//! The repository's own commands, as `cargo xtask COMMAND`.
//!
//! `demo` and `test` are the two that the README promises on a bare machine: each installs what it lacks and then
//! does its job, so nothing here may lean on something a person installed by hand.
//!
//! What always holds:
//! - every step says what it does, and how long it took;
//! - a step that fails ends the run with its name and the command that runs it alone;
//! - builds go to one folder in the user's cache, unless `CARGO_TARGET_DIR` says otherwise.

// This program talks to a person at a terminal; printing is its job.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod archive;
mod archive_speed;
mod args;
mod bare_root;
mod bench;
mod browser;
mod budget;
mod care;
mod command;
mod dailies;
mod demo;
mod diffusion;
mod exemplar;
mod figures;
mod fuzz;
mod learn;
mod lora;
mod packages;
mod places;
mod setup;
mod stage;
mod steps;
mod style;
mod suite;
mod wallpapers;

use anyhow::Context;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  demo [--size WxH] [--short] [--fresh] [--keep]
                     make the demo film: demo/out/film.mp4
                       --size   at another size than 960x540
                       --short  a few small frames of every shot, in a folder of its own, deleted afterwards
                       --fresh  throw away what earlier runs made; without it, `demo` goes on where it stopped
                       --keep   with --short: keep the folder
  test [--full]      everything that must pass before a change lands; --full also runs long tests and fuzzes longer
  setup              install what `demo` and `test` need, and nothing else
  fuzz [TARGET] [--seconds N]
                     fuzz every target, or one (10 seconds each)
  browser [FOLDER]   the viewer's page in Chromium, which it installs; FOLDER keeps screenshots
  bench archive      photographs coming in, beside libvips, and searches; docs/benchmarks/archive.md and .json
  bench dailies      the queue beside raw SQLite, 100 000 takes listed, takes measured, workers; docs/benchmarks/dailies.md and .json
  bench diffusion    transformer blocks, parts of the VAE and a pipeline beside PyTorch; docs/benchmarks/diffusion.md and .json
  bench lora         a step of training a LoRA beside PyTorch, diffusers and PEFT; docs/benchmarks/lora.md and .json
  bench exemplar     speed and memory of the weightless engine; writes docs/benchmarks/exemplar.md and .json
  bench stage        speed of the stage's passes, beside Blender and software Vulkan; docs/benchmarks/stage.md and .json
  measure archive    near copies found, bad photographs told; writes docs/benchmarks/archive-quality.md and .json
  measure care       flicker taken off, takes made larger; writes docs/benchmarks/care.md and .json
  measure dailies    how well measures tell spoiled takes; writes docs/benchmarks/dailies-quality.md and .json
  measure exemplar   quality of the weightless engine's pictures; writes docs/benchmarks/exemplar-quality.md and .json
  measure stage      accuracy of flow, adherence and light; writes docs/benchmarks/stage-quality.md and .json
  measure style      how well drift tells archives of photographs apart, which it fetches; docs/benchmarks/style.md and .json
  learn guides [--fresh]
                     a small model of VACE's shape learns to follow depth, 20 minutes on two cores, and is measured; goes on where
                     it was stopped (--fresh: begins anew); docs/benchmarks/learn-guides.md and .json
  parity             the goldens of open-weight diffusion made anew by PyTorch and diffusers, and compared (5 GB of packages)
  bare-root [FOLDER] [--run COMMAND] [--keep]
                     run the two README commands in a bare Debian root (needs root; --run: that command instead)
  ci-budget          write docs/ci-budget.md from the times of the last `test`
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("\nerror: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let mut args = args::Args::from_env();
    let command = args.word();
    if command.as_deref().is_some_and(|c| c != "help") {
        places::claim_target().context("the build folder could not be claimed for this clone")?;
    }
    match command.as_deref() {
        Some("demo") => demo::run(args),
        Some("test") => suite::run(args),
        Some("setup") => setup::run(args),
        Some("fuzz") => fuzz::run(args),
        Some("browser") => browser::run(args),
        Some("bench") => bench::run(args, bench::Kind::Speed),
        Some("measure") => bench::run(args, bench::Kind::Quality),
        Some("learn") => learn::run(args),
        Some("parity") => diffusion::parity(args),
        Some("bare-root") => bare_root::run(args),
        Some("ci-budget") => budget::run(args),
        None | Some("help") => {
            print!("{HELP}");
            Ok(())
        }
        Some(other) => anyhow::bail!("there is no command `{other}`\n\n{HELP}"),
    }
}
