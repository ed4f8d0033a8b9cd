//! Photographs to measure with: wallpapers, puzzle pictures and pictures of the sky from Debian's packages.
//!
//! They are fetched into the user's cache and unpacked there, not installed, so that no root is needed. Nothing of them
//! is part of the repository or of what users get.
//!
//! Of each picture one file is taken, chosen by name and size alone: packages hold many a wallpaper in several sizes and
//! shapes. Drawings, and what the demo has too, are left out by name.

use crate::command::program;
use crate::{packages, places};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A picture, and what it is called: `plasma/Altai`.
pub struct Wallpaper {
    /// What it is from, and its name there without size and ending.
    pub name: String,
    /// Its file in the cache.
    pub path: PathBuf,
}

/// How the files of a package are laid out.
#[derive(Clone, Copy)]
enum Layout {
    /// `NAME/contents/images/WIDTHxHEIGHT.ENDING`.
    Plasma,
    /// `NAME.ENDING` or `NAME_WIDTHxHEIGHT.ENDING`, in this folder or one below it.
    Flat,
    /// `NAME.png`, of which those of 1024 pixels and more are taken, and the objects of Messier's list from 512 on.
    Sky,
}

/// What its pictures are called by, the package, the folder in it, and its layout.
const FROM: [(&str, &str, &str, Layout); 6] = [
    (
        "plasma",
        "plasma-workspace-wallpapers",
        "usr/share/wallpapers",
        Layout::Plasma,
    ),
    (
        "mate",
        "mate-backgrounds",
        "usr/share/backgrounds/mate",
        Layout::Flat,
    ),
    (
        "lomiri",
        "lomiri-wallpapers-16.04",
        "usr/share/backgrounds",
        Layout::Flat,
    ),
    (
        "lomiri",
        "lomiri-wallpapers-20.04",
        "usr/share/backgrounds",
        Layout::Flat,
    ),
    (
        "palapeli",
        "palapeli-data",
        "usr/share/palapeli/collection",
        Layout::Flat,
    ),
    (
        "sky",
        "stellarium-data",
        "usr/share/stellarium/nebulae/default",
        Layout::Sky,
    ),
];

/// Drawings and pictures made by a program: what is measured is how photographs are told.
const DRAWN: [&str; 35] = [
    "lomiri/Fossa_by_Jasper_Roks",
    "lomiri/Painting-Colors_by__herobrine7gamer",
    "lomiri/umang_by_Abhishek_Mudgal",
    "mate/Arc-Colors-Transparent-Wallpaper",
    "mate/Float-into-MATE",
    "mate/Flow",
    "mate/GreenTraditional",
    "mate/Gulp",
    "mate/MATE-Stripes-Dark",
    "mate/MATE-Stripes-Light",
    "mate/Silk",
    "mate/Spring",
    "mate/Stripes",
    "mate/Ubuntu-Mate-Cold-no-logo",
    "mate/Ubuntu-Mate-Dark-no-logo",
    "mate/Ubuntu-Mate-Radioactive-no-logo",
    "mate/Ubuntu-Mate-Warm-no-logo",
    "mate/Waves",
    "plasma/Altai",
    "plasma/Canopee",
    "plasma/Cascade",
    "plasma/Cluster",
    "plasma/Elarun",
    "plasma/Flow",
    "plasma/FlyingKonqui",
    "plasma/Honeywave",
    "plasma/IceCold",
    "plasma/Kay",
    "plasma/Kokkini",
    "plasma/MilkyWay",
    "plasma/Opal",
    "plasma/PastelHills",
    "plasma/Patak",
    "plasma/SafeLanding",
    "plasma/Shell",
];
/// The demo has this picture of the sky too.
const IN_THE_DEMO: &str = "sky/etaCarinae";

/// Fetches what is not there yet, and lists the pictures by name.
pub fn fetch() -> Result<Vec<Wallpaper>> {
    let folder = places::cache().join("wallpapers");
    fs::create_dir_all(&folder).with_context(|| format!("{} could not be made", folder.display()))?;
    let mut best: BTreeMap<String, (u64, PathBuf)> = BTreeMap::new();
    for (from, package, below, layout) in FROM {
        let unpacked = folder.join(package);
        if !unpacked.is_dir() {
            unpack(package, &folder, &unpacked)?;
        }
        let mut files = Vec::new();
        files_in(&unpacked.join(below), &mut files)
            .with_context(|| format!("{} could not be listed", unpacked.join(below).display()))?;
        for path in files {
            let Some((name, size)) = named(&path, layout) else {
                continue;
            };
            let name = format!("{from}/{name}");
            if DRAWN.contains(&name.as_str()) || name == IN_THE_DEMO {
                continue;
            }
            let larger = best.get(&name).is_none_or(|(had, _)| *had < size);
            if larger {
                best.insert(name, (size, path));
            }
        }
    }
    Ok(best
        .into_iter()
        .map(|(name, (_, path))| Wallpaper { name, path })
        .collect())
}

/// Fetches a package and unpacks it; half of it is never left under its own name.
fn unpack(package: &str, folder: &Path, to: &Path) -> Result<()> {
    let work = folder.join(format!("{package}.part"));
    fs::remove_dir_all(&work).ok();
    fs::create_dir_all(work.join("tree"))?;
    let file = packages::download(package, &work)?;
    program("dpkg-deb")
        .arg("-x")
        .arg(&file)
        .arg(work.join("tree"))
        .run()
        .with_context(|| format!("{package} could not be unpacked"))?;
    fs::rename(work.join("tree"), to)?;
    fs::remove_dir_all(&work)?;
    Ok(())
}

/// All files below a folder, in the order of their names; links, which repeat a picture, are not followed.
fn files_in(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type()?;
        if kind.is_dir() {
            files_in(&entry.path(), found)?;
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// What a file's picture is called, and a number that is larger for the larger of two files of one picture; `None` for
/// what is not wanted.
fn named(path: &Path, layout: Layout) -> Option<(String, u64)> {
    let ending = path.extension()?.to_str()?;
    let stem = path.file_stem()?.to_str()?;
    if !["jpg", "jpeg", "png"].contains(&ending) {
        return None;
    }
    match layout {
        Layout::Plasma => {
            // Beside `images` there are screenshots, and `images_dark`: the same picture by night.
            let images = path.parent().filter(|p| p.ends_with("contents/images"))?;
            let (width, height) = size_in(stem)?;
            let name = images.parent()?.parent()?.file_name()?.to_str()?;
            (width > height).then(|| (name.to_owned(), width * height))
        }
        Layout::Flat => Some(match stem.rsplit_once('_') {
            Some((name, size)) if size_in(size).is_some() => {
                (name.to_owned(), fs::metadata(path).ok()?.len())
            }
            _ => (stem.to_owned(), fs::metadata(path).ok()?.len()),
        }),
        Layout::Sky => {
            let side = png_width(path)?;
            let messier = stem
                .strip_prefix('m')
                .is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()));
            (side >= 1024 || messier && side >= 512).then(|| (stem.to_owned(), side))
        }
    }
}

/// `1920x1080` as two numbers.
fn size_in(text: &str) -> Option<(u64, u64)> {
    let (width, height) = text.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

/// The width in a PNG file's first chunk.
fn png_width(path: &Path) -> Option<u64> {
    let mut head = [0_u8; 24];
    fs::File::open(path).ok()?.read_exact(&mut head).ok()?;
    let width = head.get(16..20)?;
    head.starts_with(b"\x89PNG")
        .then(|| width.iter().fold(0, |w, b| w << 8 | u64::from(*b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_for_all_sizes_of_a_wallpaper() {
        let plasma = |path: &str| named(Path::new(path), Layout::Plasma);
        let altai = Some(("Altai".to_owned(), 5120 * 2880));
        assert_eq!(plasma("w/Altai/contents/images/5120x2880.png"), altai);
        assert_eq!(plasma("w/Altai/contents/images/1080x1920.png"), None);
        assert_eq!(plasma("w/Altai/contents/images_dark/5120x2880.png"), None);
        assert_eq!(plasma("w/Altai/contents/screenshot.png"), None);
        assert_eq!(size_in("3840x2160"), Some((3840, 2160)));
        assert_eq!(size_in("by_Bolly"), None);
    }
}
