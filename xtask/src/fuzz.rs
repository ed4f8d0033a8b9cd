//! Bounded fuzzing of everything that reads a file.
//!
//! All targets are built once and then run side by side, one a core, from the committed seeds in `fuzz/seeds/TARGET`.
//! What a run finds new is thrown away, so that every run starts the same; an input that breaks something stays in
//! `fuzz/artifacts/TARGET`.

use crate::args::Args;
use crate::command::program;
use crate::steps::{Steps, time};
use crate::{places, setup};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// `cargo xtask fuzz [TARGET] [--seconds N]`.
pub fn run(mut args: Args) -> Result<()> {
    let target = args.word();
    let seconds = args.value("--seconds")?.unwrap_or(10);
    args.done()?;
    let mut steps = Steps::default();
    steps.step("set up", "cargo xtask setup", setup::for_test)?;
    steps.step("fuzz", "cargo xtask fuzz", || match target {
        None => all(seconds),
        Some(name) => these(&[name], seconds),
    })?;
    steps.table();
    Ok(())
}

/// Every target, `seconds` each.
pub fn all(seconds: u32) -> Result<()> {
    these(&targets()?, seconds)
}

/// The targets that `fuzz/Cargo.toml` names: one file each.
fn targets() -> Result<Vec<String>> {
    let folder = places::root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("{} could not be read", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|e| e.path().extension().is_some_and(|x| x == "rs"))
        .filter_map(|e| e.path().file_stem().map(|s| s.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn these(names: &[String], seconds: u32) -> Result<()> {
    if names.is_empty() {
        println!("there is no fuzz target");
        return Ok(());
    }
    let host = host()?;
    let target_dir = places::cache().join("target/fuzz");
    let path = std::env::join_paths(std::iter::once(places::tools().join("bin")).chain(
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()),
    ))?;
    // Without a sanitizer it builds on the stable toolchain.
    let mut build = program("cargo").args(["fuzz", "build", "--sanitizer", "none", "--debug-assertions"]);
    build = build.arg("--target-dir").arg(&target_dir).env("PATH", path);
    if let [one] = names {
        build = build.arg(one);
    }
    build.run()?;
    let programs = target_dir.join(&host).join("release");
    let work = places::cache().join(format!("fuzz-{}", std::process::id()));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let result = names.chunks(cores).try_for_each(|some| {
        let mut running = Vec::new();
        for name in some {
            running.push(start(&programs.join(name), name, &work.join(name), seconds)?);
        }
        let mut worst = Ok(());
        for one in running {
            let end = one.end();
            if worst.is_ok() {
                worst = end;
            }
        }
        worst
    });
    fs::remove_dir_all(&work).ok();
    result
}

struct Running {
    name: String,
    child: Child,
    log: std::path::PathBuf,
    started: Instant,
    limit: Duration,
}

fn start(binary: &Path, name: &str, work: &Path, seconds: u32) -> Result<Running> {
    let root = places::root();
    let (found, artifacts) = (work.join("found"), root.join("fuzz/artifacts").join(name));
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("{} could not be made", folder.display()))?;
    }
    let log = work.join("log.txt");
    let out = fs::File::create(&log).with_context(|| format!("{} could not be made", log.display()))?;
    let mut command = Command::new(binary);
    command.current_dir(root.join("fuzz")).arg(&found);
    let seeds = root.join("fuzz/seeds").join(name);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command
        .arg(format!("-max_total_time={seconds}"))
        .args([
            "-rss_limit_mb=2048",
            "-timeout=20",
            "-print_final_stats=1",
            "-verbosity=1",
        ])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out);
    let child = command
        .spawn()
        .with_context(|| format!("{} could not be started", binary.display()))?;
    // Reading the seeds comes on top of the time given; a target that hangs all the same is stopped.
    let limit = Duration::from_secs(u64::from(seconds) + 60);
    Ok(Running {
        name: name.to_owned(),
        child,
        log,
        started: Instant::now(),
        limit,
    })
}

impl Running {
    fn end(mut self) -> Result<()> {
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break Some(status);
            }
            if self.started.elapsed() > self.limit {
                self.child.kill().ok();
                self.child.wait().ok();
                break None;
            }
            thread::sleep(Duration::from_millis(50));
        };
        let said = fs::read(&self.log)
            .map(|b| String::from_utf8_lossy(&b).into_owned())
            .unwrap_or_default();
        let stat = |name: &str| {
            let line = said
                .lines()
                .find_map(|l| l.strip_prefix("stat::").and_then(|l| l.strip_prefix(name)));
            line.map_or("?", |l| l.trim_start_matches(':').trim()).to_owned()
        };
        let reached = said.lines().rev().find_map(|l| {
            let mut words = l.split_whitespace().skip_while(|w| *w != "cov:");
            words.nth(1).map(str::to_owned)
        });
        match status {
            Some(s) if s.success() => {
                println!(
                    "{:16} ok: {} runs in {}, {} edges, {} MiB at most",
                    self.name,
                    stat("number_of_executed_units"),
                    time(self.started.elapsed()),
                    reached.unwrap_or_else(|| "?".into()),
                    stat("peak_rss_mb"),
                );
                // Empty after a run without a finding.
                fs::remove_dir(places::root().join("fuzz/artifacts").join(&self.name)).ok();
                Ok(())
            }
            Some(s) => {
                println!("{said}");
                bail!(
                    "the fuzz target `{}` found an input that breaks it ({s}); it is in fuzz/artifacts/{0}",
                    self.name
                )
            }
            None => {
                println!("{said}");
                bail!("the fuzz target `{}` hung and was stopped", self.name)
            }
        }
    }
}

/// The machine's own target triple, which cargo-fuzz always names.
fn host() -> Result<String> {
    let said = program("rustc").arg("-vV").read()?;
    said.lines()
        .find_map(|l| l.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc names no host")
}
