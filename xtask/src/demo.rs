//! `cargo xtask demo`: the film that shows what Heirloom makes, from the photographs in `demo/archive`.

use crate::args::Args;
use crate::command::{Cmd, cargo, program};
use crate::steps::{Steps, time};
use crate::{places, setup};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

/// Made again or thrown away, never copied: the rest of `demo/` is the film.
const MADE: [&str; 3] = ["vault", "work", "out"];

/// Width and height, as `1920x1080`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size(u32, u32);

/// Not of that form.
#[derive(Debug)]
pub struct NotASize;

impl std::fmt::Display for NotASize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a size is written as 1920x1080")
    }
}

impl std::error::Error for NotASize {}

impl FromStr for Size {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        let (w, h) = text.split_once('x').ok_or(NotASize)?;
        Ok(Self(
            w.parse().map_err(|_| NotASize)?,
            h.parse().map_err(|_| NotASize)?,
        ))
    }
}

/// Which build makes the film.
#[derive(Clone, Copy)]
enum Build {
    /// The fast program, as users have it.
    Release,
    /// The one the tests have built already.
    Dev,
}

/// `cargo xtask demo`.
pub fn run(mut args: Args) -> Result<()> {
    let size = args.value::<Size>("--size")?;
    let (is_short, fresh, keep) = (args.flag("--short"), args.flag("--fresh"), args.flag("--keep"));
    args.done()?;
    let mut steps = Steps::default();
    steps.step("set up", "cargo xtask setup", setup::for_demo)?;
    if is_short {
        steps.step("short demo", "cargo xtask demo --short", || short(keep))?;
    } else {
        film(&mut steps, size, fresh)?;
    }
    steps.table();
    Ok(())
}

/// The whole demo film, as steps of another command; goes on where an earlier run stopped.
pub fn whole(steps: &mut Steps) -> Result<()> {
    film(steps, None, false)
}

fn film(steps: &mut Steps, size: Option<Size>, fresh: bool) -> Result<()> {
    let heirloom = steps.step("build", "cargo build --release --package heirloom", || {
        build(Build::Release)
    })?;
    let folder = places::root().join("demo");
    if fresh {
        throw_away(&folder)?;
    }
    let start = Instant::now();
    steps.step("photographs", "cargo xtask demo", || {
        program(&heirloom)
            .args(["archive", "add", "archive"])
            .dir(&folder)
            .run()
    })?;
    // Before the film, as in life: what is blocked and drawn, cut to the film's timing.
    steps.step("animatic", "cargo xtask demo", || {
        animatic(&heirloom, &folder, None)
    })?;
    steps.step("film", "cargo xtask demo", || make(&heirloom, &folder, size))?;
    let film = folder.join("out/film.mp4");
    println!(
        "\nThe film was made in {}.\n\n  look at  {}\n           {}\n  ask it   cd {} && {} trace out/film.mp4 --frame 120 --at {}",
        time(start.elapsed()),
        places::show(&film),
        places::show(&folder.join("out/animatic.mp4")),
        places::show(&folder),
        heirloom.display(),
        size.map_or_else(|| "480,270".into(), |Size(w, h)| format!("{},{}", w / 2, h / 2)),
    );
    println!(
        "  change   {}: change a shot, run `cargo xtask demo` again, and only that shot is made again",
        { places::show(&folder.join("film.toml")) }
    );
    Ok(())
}

/// A few small frames of every shot, with the build that the tests use; everything but the patience.
pub fn short(keep: bool) -> Result<()> {
    let heirloom = build(Build::Dev)?;
    let folder = places::cache().join(format!("short-demo-{}", std::process::id()));
    let result = (|| {
        // The blocking counts in the film's own frames, so the animatic is of the whole film, only small.
        lay_out(&folder, |text| resized(text, Size(160, 90)))?;
        program(&heirloom)
            .args(["archive", "add"])
            .arg(places::root().join("demo/archive"))
            .dir(&folder)
            .run()?;
        animatic(&heirloom, &folder, Some("160x90"))?;
        lay_out(&folder, |text| shortened(&resized(text, Size(320, 180))))?;
        make(&heirloom, &folder, None)?;
        program(&heirloom).args(["vault", "verify"]).dir(&folder).run()
    })();
    if keep {
        println!("kept: {}", folder.display());
    } else {
        fs::remove_dir_all(&folder).ok();
    }
    result
}

fn build(build: Build) -> Result<PathBuf> {
    // For the dev case, as the tests build it: any other command would choose other features and build it all again.
    let (words, folder) = match build {
        Build::Release => ("build --locked --release --package heirloom", "release"),
        Build::Dev => ("test --locked --workspace --no-run --quiet", "debug"),
    };
    cargo(words).run()?;
    Ok(places::target()
        .join(folder)
        .join(format!("heirloom{}", std::env::consts::EXE_SUFFIX)))
}

fn make(heirloom: &Path, folder: &Path, size: Option<Size>) -> Result<()> {
    let mut cmd = program(heirloom).arg("make").dir(folder);
    if let Some(Size(w, h)) = size {
        cmd = cmd.arg("--size").arg(format!("{w}x{h}"));
    }
    cmd.run()?;
    let film = folder.join("out/film.mp4");
    let probe: Cmd = program("ffprobe").args("-v error -select_streams v:0 -show_entries".split(' '));
    let said = probe
        .args(["stream=width,height,nb_frames", "-of", "csv=p=0"])
        .arg(&film)
        .read()?;
    let Some([width, height, frames]) = said.split(',').collect::<Vec<_>>().first_chunk().copied() else {
        bail!("ffprobe finds no picture in {}: it says `{said}`", film.display());
    };
    println!("{}: {frames} frames at {width}x{height}", places::show(&film));
    Ok(())
}

fn animatic(heirloom: &Path, folder: &Path, size: Option<&str>) -> Result<()> {
    let mut cmd = program(heirloom).args(["stage", "animatic"]).dir(folder);
    if let Some(size) = size {
        cmd = cmd.args(["--size", size]);
    }
    cmd.run()?;
    let made = folder.join("out/animatic.mp4");
    if !made.is_file() {
        bail!("{} was not made", made.display());
    }
    Ok(())
}

fn throw_away(folder: &Path) -> Result<()> {
    for name in MADE {
        let made = folder.join(name);
        if made.exists() {
            fs::remove_dir_all(&made).with_context(|| format!("{} could not be removed", made.display()))?;
        }
    }
    Ok(())
}

/// Copies the demo film, without its photographs and what was made of it, and with its plan changed by `edit`.
fn lay_out(folder: &Path, edit: impl Fn(&str) -> String) -> Result<()> {
    let demo = places::root().join("demo");
    fs::create_dir_all(folder).with_context(|| format!("{} could not be made", folder.display()))?;
    for entry in fs::read_dir(&demo).with_context(|| format!("{} could not be read", demo.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        let text_name = name.to_string_lossy();
        if MADE.contains(&text_name.as_ref()) || text_name == "archive" || text_name.starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_files(&entry.path(), &folder.join(name))?;
            continue;
        }
        if text_name == "film.toml" {
            let text = fs::read_to_string(entry.path())?;
            fs::write(folder.join(name), edit(&text))?;
        } else {
            fs::copy(entry.path(), folder.join(name))?;
        }
    }
    Ok(())
}

/// Copies the files of one folder, without folders in it.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("{} could not be made", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("{} could not be read", from.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// The plan with another size. Things of a blocking have sizes too, in metres: only the film's own is meant.
fn resized(film: &str, Size(w, h): Size) -> String {
    let (head, scenes) = film.split_at(film.find("[[scene").unwrap_or(film.len()));
    by_line(head, |key, _| (key == "size").then(|| format!("[{w}, {h}]"))) + scenes
}

/// The plan with no shot longer than 6 frames, cards and dissolves to match, and without boards and blockings, whose
/// frames would lie beyond the shots' ends; guided shots keep theirs, but for its moves and marks.
fn shortened(film: &str) -> String {
    let (mut guided, mut staged, mut timed) = (false, false, false);
    let unstaged: Vec<&str> = film
        .lines()
        .filter(|line| {
            if line.starts_with('[') {
                guided &= !line.starts_with("[[scene.shot]]");
                let blocked =
                    line.starts_with("[scene.shot.blocking") || line.starts_with("[[scene.shot.blocking");
                staged = (blocked && !guided) || line.starts_with("[[scene.shot.board");
            }
            guided |= line.starts_with("kind = \"guided\"");
            let begins = line.starts_with("moves = [") || line.starts_with("marks = [");
            let keep = !(staged || timed || begins);
            // A list over several lines ends with a bracket of its own.
            timed = (timed || (begins && line.trim_end().ends_with('['))) && !line.starts_with(']');
            keep
        })
        .collect();
    by_line(&unstaged.join("\n"), |key, value| {
        let most = match key {
            "frames" | "title_frames" | "credits_frames" => 6,
            "dissolve" => 2,
            _ => return None,
        };
        value.parse::<u32>().ok().map(|n| n.min(most).to_string())
    })
}

/// Replaces the values of plain `key = value` lines; everything else stays as it is.
fn by_line(film: &str, change: impl Fn(&str, &str) -> Option<String>) -> String {
    let mut out = String::with_capacity(film.len());
    for line in film.lines() {
        let parts = line
            .split_once('=')
            .map(|(key, rest)| (key.trim(), rest.split('#').next().unwrap_or("").trim()));
        match parts.and_then(|(key, value)| Some((key, change(key, value)?))) {
            Some((key, value)) => out.push_str(&format!("{key} = {value}")),
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_plan_keeps_everything_but_sizes_and_lengths() {
        let plan = "[film]\nsize = [960, 540] # small\ntitle_frames = 48\n[[scene.shot]]\nframes = 96\nframes_note = 3\n\
                    dissolve = 12 # half a second\nseed = 7\n[scene.shot.blocking]\nmoves = [\n]\n\
                    [[scene.shot.blocking.thing]]\nsize = [1, 1, 1]\nframe = 90\n[[scene.shot.board]]\nframes = 96\n[[scene]]\n";
        let short = shortened(&resized(plan, Size(320, 180)));
        assert_eq!(
            short,
            "[film]\nsize = [320, 180]\ntitle_frames = 6\n[[scene.shot]]\nframes = 6\nframes_note = 3\ndissolve = 2\n\
             seed = 7\n[[scene]]\n"
        );
    }

    #[test]
    fn a_guided_shot_keeps_its_set_but_nothing_that_counts_in_frames() {
        let plan = "[[scene.shot]]\nframes = 96\nkind = \"guided\"\n[scene.shot.blocking]\nstart = 2\nmoves = [\n    { by = 3 \
                    },\n]\n[[scene.shot.blocking.thing]]\nname = \"moon\"\nmarks = [\n    { frame = 96 },\n]\nshape = \
                    \"sphere\"\nmarks = [{ frame = 9 }]\n[[scene.shot]]\nframes = 4\n[scene.shot.blocking]\nstart = 1\n";
        assert_eq!(
            shortened(plan),
            "[[scene.shot]]\nframes = 6\nkind = \"guided\"\n[scene.shot.blocking]\nstart = 2\n\
             [[scene.shot.blocking.thing]]\nname = \"moon\"\nshape = \"sphere\"\n[[scene.shot]]\nframes = 4\n"
        );
    }

    #[test]
    fn things_of_a_blocking_keep_their_sizes() {
        let plan = "[film]\nsize = [960, 540]\n[[scene]]\n[[scene.shot]]\n[[scene.shot.blocking.thing]]\nsize = [9, 9, 9]\n";
        let small = resized(plan, Size(160, 90));
        assert!(
            small.contains("size = [160, 90]\n") && small.contains("size = [9, 9, 9]\n"),
            "{small}"
        );
    }

    #[test]
    fn sizes_are_two_numbers_with_an_x() {
        assert_eq!("1920x1080".parse::<Size>().unwrap(), Size(1920, 1080));
        assert!("1920".parse::<Size>().is_err());
        assert!("1920x".parse::<Size>().is_err());
    }
}
