//! `cargo xtask bare-root`: the README's promise, kept on a machine that has nothing.
//!
//! Makes a Debian root with gcc, libc6-dev, git and certificates only, binds the installed Rust toolchain into it,
//! clones the repository there, and runs `cargo xtask demo` and `cargo xtask test` inside, with a home and an
//! environment of its own. What this machine needs to reach the package registries (certificates, pip's and cargo's
//! settings, apt's sources) is carried over; nothing else is.

use crate::args::Args;
use crate::command::program;
use crate::steps::Steps;
use crate::{bench, packages, places};
use anyhow::{Context, Result, bail};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

const PACKAGES: &str = "gcc,libc6-dev,git,ca-certificates";
/// Where the clone lies, inside.
const CLONE: &str = "/root/heirloom";
/// Marks a folder as one that this command made, and so may delete.
const MARK: &str = "etc/heirloom-bare-root";

/// `cargo xtask bare-root [FOLDER] [--run COMMAND] [--keep]`.
pub fn run(mut args: Args) -> Result<()> {
    let folder = args.word().map_or_else(
        || PathBuf::from(format!("/var/tmp/heirloom-bare-root-{}", std::process::id())),
        PathBuf::from,
    );
    let only: Option<String> = args.value("--run")?;
    let keep = args.flag("--keep");
    args.done()?;
    if program("id").arg("-u").read()? != "0" {
        bail!("a root file system can only be made and entered as root: run this command as root");
    }
    let mut steps = Steps::default();
    steps.step("set up", "apt-get install mmdebstrap", || {
        packages::apt_only("mmdebstrap", &["mmdebstrap"])
    })?;
    let kept = folder.join(MARK).exists();
    if !kept {
        steps.step("bare Debian", "cargo xtask bare-root", || make(&folder))?;
    }
    let rust = steps.step("Rust and the clone", "cargo xtask bare-root", || furnish(&folder))?;
    let commands = match &only {
        Some(one) => vec![one.as_str()],
        None => vec!["cargo xtask demo", "cargo xtask test"],
    };
    for command in commands {
        steps.step(
            command,
            &format!("cargo xtask bare-root {} --run '{command}'", folder.display()),
            || {
                program("unshare")
                    .args([
                        "--mount",
                        "--pid",
                        "--fork",
                        "--kill-child",
                        "sh",
                        "xtask/bare-root.sh",
                    ])
                    .arg(&folder)
                    .arg(&rust)
                    .args([CLONE, command])
                    .run()
            },
        )?;
    }
    if keep {
        println!("\nkept: {}", folder.display());
    } else {
        fs::remove_dir_all(&folder).with_context(|| format!("{} could not be removed", folder.display()))?;
    }
    println!("\nmachine: {}", bench::machine());
    steps.table();
    Ok(())
}

fn make(folder: &Path) -> Result<()> {
    if fs::read_dir(folder).is_ok_and(|mut d| d.next().is_some()) {
        bail!(
            "{} exists and was not made by this command; name another folder",
            folder.display()
        );
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let field = |name: &str| {
        let line = release
            .lines()
            .find_map(|l| l.strip_prefix(name).and_then(|l| l.strip_prefix('=')));
        line.map(|v| v.trim_matches('"').to_owned())
    };
    let suite = field("VERSION_CODENAME").context("/etc/os-release names no release")?;
    let mut cmd = program("mmdebstrap").args(["--variant=minbase", "--format=directory", "--quiet"]);
    cmd = cmd.arg(format!("--include={PACKAGES}")).arg(&suite).arg(folder);
    // The machine's own sources, so that a mirror chosen for it is used here too.
    for sources in apt_sources() {
        cmd = cmd.arg(sources);
    }
    cmd.run()?;
    fs::write(folder.join(MARK), "made by `cargo xtask bare-root`\n")?;
    Ok(())
}

fn apt_sources() -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/etc/apt/sources.list")];
    let folder = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path());
    found.extend(folder.filter(|p| p.extension().is_some_and(|x| x == "list" || x == "sources")));
    // Other vendors' sources want keys that a bare root does not have.
    found.retain(|p| fs::read_to_string(p).is_ok_and(|t| t.contains("debian") || t.contains("ubuntu")));
    found
}

/// The machine's settings of how apt fetches: proxies, dates. Hooks and the rest stay behind.
fn apt_transport() -> Vec<PathBuf> {
    let folder = fs::read_dir("/etc/apt/apt.conf.d")
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path());
    folder
        .filter(|p| fs::read_to_string(p).is_ok_and(|t| t.trim_start().starts_with("Acquire::")))
        .collect()
}

/// Puts in what reaches the registries, cargo's front ends and the clone. Returns the toolchains' folder.
fn furnish(folder: &Path) -> Result<PathBuf> {
    let home = env::var_os("HOME")
        .map(PathBuf::from)
        .context("HOME is not set")?;
    let or = |name: &str, default: &str| env::var_os(name).map_or_else(|| home.join(default), PathBuf::from);
    let (cargo_home, rustup_home) = (or("CARGO_HOME", ".cargo"), or("RUSTUP_HOME", ".rustup"));
    if !rustup_home.is_dir() {
        bail!(
            "{} is not there: this command binds in a toolchain installed by rustup",
            rustup_home.display()
        );
    }

    let carried = [
        "/etc/resolv.conf",
        "/etc/hosts",
        "/etc/pip.conf",
        "/etc/ssl/certs/ca-certificates.crt",
        "/usr/local/share/ca-certificates",
    ];
    for path in carried.map(Path::new) {
        carry(path, &folder.join(path.strip_prefix("/").unwrap_or(path)))?;
    }
    for path in apt_transport() {
        carry(&path, &folder.join(path.strip_prefix("/").unwrap_or(&path)))?;
    }
    for name in [".config/pip/pip.conf", ".pip/pip.conf"] {
        carry(&home.join(name), &folder.join("root").join(name))?;
    }
    for name in ["config.toml", "config"] {
        carry(&cargo_home.join(name), &folder.join("root/.cargo").join(name))?;
    }
    // Programs of rustup only: one real file and links to it.
    let bin = folder.join("root/.cargo/bin");
    fs::create_dir_all(&bin)?;
    carry(&cargo_home.join("bin/rustup"), &bin.join("rustup"))?;
    for name in [
        "cargo",
        "rustc",
        "rustdoc",
        "cargo-fmt",
        "rustfmt",
        "cargo-clippy",
        "clippy-driver",
    ] {
        fs::remove_file(bin.join(name)).ok();
        std::os::unix::fs::symlink("rustup", bin.join(name))?;
    }

    let clone = folder.join(CLONE.trim_start_matches('/'));
    if clone.exists() {
        fs::remove_dir_all(&clone).with_context(|| format!("{} could not be removed", clone.display()))?;
    }
    if !program("git").args(["status", "--porcelain"]).read()?.is_empty() {
        println!("note: the clone holds what is committed; this tree has changes that are not");
    }
    program("git")
        .args(["clone", "--quiet", "--no-hardlinks"])
        .arg(places::root())
        .arg(&clone)
        .run()?;
    Ok(rustup_home)
}

/// Copies a file, or the files of a folder, if it is there.
fn carry(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        for entry in fs::read_dir(from)?.flatten() {
            carry(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if !from.is_file() {
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    // A link would be followed out of the root.
    fs::remove_file(to).ok();
    fs::copy(from, to)
        .with_context(|| format!("{} could not be copied to {}", from.display(), to.display()))?;
    Ok(())
}
