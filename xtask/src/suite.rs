//! `cargo xtask test`: everything that must pass before a change lands.

use crate::args::Args;
use crate::command::{cargo, program};
use crate::steps::Steps;
use crate::{browser, budget, demo, fuzz, packages, places, setup};
use anyhow::{Context, Result};
use std::fs;

/// The shared build folder is emptied when it has grown past this, so that old clones' builds cannot fill a disk.
const LARGEST_TARGET: u64 = 24 << 30;

/// What the Rust test runner counted, over all its binaries and doc tests.
#[derive(Default)]
struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// `cargo xtask test`.
pub fn run(mut args: Args) -> Result<()> {
    let full = args.flag("--full");
    args.done()?;
    let mut steps = Steps::default();
    let mut count = Count::default();
    let result = all(&mut steps, &mut count, full);
    steps.table();
    if result.is_ok() {
        budget::record(&steps.times())?;
    }
    // Continuous integration reads this line, so it stands alone.
    println!(
        "\n{} passed, {} failed, {} skipped",
        count.passed, count.failed, count.skipped
    );
    result
}

fn all(steps: &mut Steps, count: &mut Count, full: bool) -> Result<()> {
    steps.step("set up", "cargo xtask setup", || {
        make_room()?;
        setup::for_test()
    })?;
    steps.step("set up the browser", "cargo xtask browser", browser::install)?;
    steps.step("fetch crates", "cargo fetch --locked", || {
        cargo("fetch --locked").run()
    })?;
    steps.step("format", "cargo fmt --all --check", || {
        cargo("fmt --all --check").run()
    })?;
    steps.step(
        "licences, bans, sources",
        "cargo xtask test (the tool is installed by `cargo xtask setup`)",
        || {
            // Advisories need a database from outside the registries, so they are left to whoever has one.
            program(setup::tool("cargo-deny"))
                .args(
                    "--offline --locked --all-features check --hide-inclusion-graph licenses bans sources"
                        .split(' '),
                )
                .run()
        },
    )?;
    let clippy = "clippy --locked --workspace --all-targets --all-features -- -D warnings";
    steps.step("clippy", &format!("cargo {clippy}"), || cargo(clippy).run())?;
    let mut tests = String::from("test --locked --workspace --no-fail-fast");
    if full {
        // That name is for the half of a test that the other half runs, on a disk made for it.
        tests.push_str(" -- --include-ignored --skip on_a_tiny_disk");
    }
    steps.step("tests and doc tests", &format!("cargo {tests}"), || {
        cargo(&tests).run_reading(|line| count.read(line))
    })?;
    // Over the workspace, so that what the tests have built serves here too; only the stage is built again.
    let gpu = "test --locked --workspace --features heirloom-stage/gpu --test gpu";
    steps.step("the stage's GPU path", &format!("cargo {gpu}"), || {
        let mut cmd = cargo(gpu);
        if let Some(driver) = packages::lavapipe() {
            // Software Vulkan stands in for a GPU, so there is no excuse for skipping.
            cmd = cmd.env("HEIRLOOM_NEED_GPU", "1").env("VK_DRIVER_FILES", driver);
        }
        cmd.run_reading(|line| count.read(line))
    })?;
    if full {
        // The library that runs the networks takes minutes to build; other runs only check that all compiles.
        let faces = "test --locked -p heirloom-dailies -p heirloom --features heirloom/faces --test faces";
        steps.step("finding faces", &format!("cargo {faces}"), || {
            cargo(faces).run_reading(|line| count.read(line))
        })?;
    }
    // With --full the tests have run it already, with all that are ignored otherwise.
    if !full {
        steps.step("the viewer in a browser", "cargo xtask browser", || {
            browser::test().run_reading(|line| count.read(line))
        })?;
    }
    let seconds = if full { 120 } else { 10 };
    steps.step("fuzz", &format!("cargo xtask fuzz --seconds {seconds}"), || {
        fuzz::all(seconds)
    })?;
    if full {
        demo::whole(steps)
    } else {
        steps.step("short demo", "cargo xtask demo --short", || demo::short(false))
    }
}

/// Empties the shared build folder when it has grown too large.
fn make_room() -> Result<()> {
    let target = places::cache().join("target");
    let bytes = places::bytes_in(&target);
    if bytes <= LARGEST_TARGET {
        return Ok(());
    }
    println!("{} holds {} GiB: it is emptied", target.display(), bytes >> 30);
    fs::remove_dir_all(&target).with_context(|| format!("{} could not be emptied", target.display()))
}

impl Count {
    /// Reads one of the runner's closing lines: `test result: ok. 5 passed; 0 failed; 1 ignored; …`.
    fn read(&mut self, line: &str) {
        let Some(rest) = line.trim_start().strip_prefix("test result:") else {
            return;
        };
        for part in rest.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next().and_then(|n| n.parse::<u64>().ok()), words.next())
            else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up_and_others_left_alone() {
        let mut count = Count::default();
        count.read(
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.31s",
        );
        count.read(
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s",
        );
        count.read("test some_test ... ok");
        count.read("100 passed; by the way");
        assert_eq!((count.passed, count.failed, count.skipped), (8, 2, 1));
    }
}
