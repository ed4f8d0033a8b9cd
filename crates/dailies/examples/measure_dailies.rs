//! How well each measure tells its defect from sound takes, and how fast takes are measured.
//!
//! ```text
//! cargo run --release -p heirloom-dailies --example measure_dailies -- [--photos FOLDER] [--takes N] [--frames N]
//!     [--dump FILE] [--speed-only] [--no-speed]
//! ```
//!
//! FOLDER holds photographs (demo/archive if none is named); each is a shot. Of every shot so many sound takes are made,
//! and of each the same take with one thing wrong (tests/defects says how). The figure is the share of pairs, one sound
//! and one spoiled take of the same shot, that the measure orders rightly (AUC), mean over shots; the note has the worst
//! shot. `--dump` writes every number of every take, tab-separated. The clip for the speed is 1080p, of the same frames
//! enlarged, decoded by plain `ffmpeg` to null in the same run.

#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "../tests/defects/mod.rs"]
mod defects;

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use defects::{Clean, Defect, Shot, auc, spoil};
use heirloom_dailies::measures::{
    Context, Expected, MeasureOptions, Measures, NAMED, OfClip, OfPictures, measure,
};
use heirloom_film::{Rate, Size};
use heirloom_picture::ffmpeg::{Encoder, Ffmpeg, Master};
use heirloom_picture::preview::{self, Preview};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

struct Arguments {
    photos: PathBuf,
    takes: u64,
    frames: u32,
    dump: Option<PathBuf>,
    tell: bool,
    speed: bool,
}

fn arguments() -> Outcome<Arguments> {
    let mut read = Arguments {
        photos: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/archive"),
        takes: 5,
        frames: 40,
        dump: None,
        tell: true,
        speed: true,
    };
    let mut rest = std::env::args().skip(1);
    while let Some(word) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{word} wants a value after it"));
        match word.as_str() {
            "--photos" => read.photos = value()?.into(),
            "--takes" => read.takes = value()?.parse::<u64>()?.max(1),
            "--frames" => read.frames = value()?.parse::<u32>()?.max(12),
            "--dump" => read.dump = Some(value()?.into()),
            "--speed-only" => read.tell = false,
            "--no-speed" => read.speed = false,
            _ => return Err(format!("{word} is not known").into()),
        }
    }
    Ok(read)
}

fn shots(arguments: &Arguments) -> Outcome<Vec<Shot>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&arguments.photos)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    paths.retain(|p| p.extension().is_some_and(|e| e == "jpg" || e == "png"));
    paths.sort();
    let mut shots = Vec::new();
    for (n, path) in paths.iter().enumerate() {
        let name = path
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default();
        let photo = preview::decode(&std::fs::read(path)?, &name, 1000)?;
        shots.extend(Shot::new(
            &name,
            &photo,
            (480, 270),
            arguments.frames,
            n as u64 + 3,
        ));
    }
    Ok(shots)
}

/// A take's numbers: with the shot's whole move asked for, and with a quarter of it.
struct Table {
    sound: Vec<Measures>,
    slow: Vec<Measures>,
    spoiled: Vec<(Defect, bool, Vec<Measures>)>,
}

fn table(shot: &Shot, takes: u64) -> Outcome<Table> {
    let (plans, exemplars) = (shot.plans(), shot.exemplars());
    let (whole, quarter) = (shot.expected(1.0), shot.expected(0.25));
    let numbers = |frames: Vec<Preview>, motion: &Expected| {
        let context = Context {
            layout: Some(&plans),
            motion: Some(motion),
            style: Some(&exemplars),
            ..Context::default()
        };
        let mut frames = OfPictures::new(frames.into_iter(), Rate::CINEMA);
        measure(&mut frames, &context, &MeasureOptions::default())
    };
    let kinds = Defect::ALL.iter().flat_map(|d| [(*d, true), (*d, false)]);
    let mut table = Table {
        sound: Vec::new(),
        slow: Vec::new(),
        spoiled: kinds.map(|(d, strong)| (d, strong, Vec::new())).collect(),
    };
    for seed in 0..takes {
        let clean: Vec<Clean> = shot.clean(&shot.stray(seed, 1.0));
        let slow: Vec<Clean> = shot.clean(&shot.stray(seed, 0.25));
        table
            .sound
            .push(numbers(shot.finish(&clean, seed, false), &whole)?);
        table
            .slow
            .push(numbers(shot.finish(&slow, seed, false), &quarter)?);
        for (defect, strong, into) in &mut table.spoiled {
            let motion = match (*defect, *strong) {
                (Defect::MirroredMove, false) => &quarter,
                _ => &whole,
            };
            into.push(numbers(
                spoil(shot, &clean, &slow, *defect, *strong, seed),
                motion,
            )?);
        }
    }
    Ok(table)
}

impl Table {
    fn auc(&self, defect: Defect, strong: bool) -> f64 {
        let (name, more_is_worse) = defect.told_by();
        let sound = match (defect, strong) {
            (Defect::MirroredMove, false) => &self.slow,
            _ => &self.sound,
        };
        let spoiled = self.spoiled.iter().find(|(d, s, _)| (*d, *s) == (defect, strong));
        spoiled.map_or(0.0, |(_, _, spoiled)| auc(name, more_is_worse, sound, spoiled))
    }

    fn dump(&self, shot: &str, into: &mut String) {
        let mut lines = |kind: &str, strength: &str, all: &[Measures]| {
            for (seed, measures) in all.iter().enumerate() {
                for named in NAMED {
                    if let Some(value) = named.of(measures) {
                        // Writing to a text does not fail.
                        let _ = writeln!(
                            into,
                            "{shot}\t{kind}\t{strength}\t{seed}\t{}\t{value}",
                            named.name
                        );
                    }
                }
            }
        };
        lines("sound", "-", &self.sound);
        lines("slow", "-", &self.slow);
        for (defect, strong, all) in &self.spoiled {
            lines(defect.name(), if *strong { "strong" } else { "faint" }, all);
        }
    }
}

fn tell(arguments: &Arguments) -> Outcome<()> {
    let shots = shots(arguments)?;
    let (next, tables) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(shot) = shots.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let made = table(shot, arguments.takes);
                    eprintln!("{} is measured", shot.name);
                    tables
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((shot.name.clone(), made));
                }
            });
        }
    });
    let mut tables = tables.into_inner().unwrap_or_else(PoisonError::into_inner);
    tables.sort_by(|a, b| a.0.cmp(&b.0));
    let mut dumped = String::new();
    let mut whole = Vec::new();
    for (name, table) in tables {
        let table = table?;
        table.dump(&name, &mut dumped);
        whole.push((name, table));
    }
    if let Some(path) = &arguments.dump {
        std::fs::write(path, dumped)?;
    }
    for defect in Defect::ALL {
        for strong in [true, false] {
            let each: Vec<(f64, &str)> = whole
                .iter()
                .map(|(n, t)| (t.auc(defect, strong), n.as_str()))
                .collect();
            let mean = each.iter().map(|e| e.0).sum::<f64>() / each.len().max(1) as f64;
            let worst = each.iter().min_by(|a, b| a.0.total_cmp(&b.0));
            let (goal, word) = if strong {
                (0.99, "strong")
            } else {
                (0.90, "barely visible")
            };
            let (worst, at) = worst.map_or((0.0, ""), |w| *w);
            println!(
                "figure\tdailies {} {word}\t{mean:.4}\tAUC\thigher\t{goal}\t{}; by {}; worst shot {at} {worst:.3}",
                defect.name(),
                defect.strength(strong),
                defect.told_by().0
            );
        }
    }
    Ok(())
}

/// A thousand takes of one shot, thirty of them sound, culled to ten.
fn thousand(arguments: &Arguments) -> Outcome<()> {
    let shots = shots(arguments)?;
    let shot = shots
        .iter()
        .find(|s| s.name == "coffee")
        .or(shots.first())
        .ok_or("no photograph")?;
    let culled = defects::mixed::cull_mixed(shot, 1000, 30, 10)?;
    let sound = culled.kept.iter().filter(|(_, wrong)| wrong.is_none()).count();
    let slipped: usize = culled.slipped.values().sum();
    println!(
        "figure\tsound ones among ten kept of 1000 takes\t{sound}\ttakes\thigher\t10\t30 of the thousand are sound; of {} spoiled in \
         24 ways {slipped} slipped through the limits, which let go {} sound ones",
        culled.takes - culled.sound,
        culled.lost
    );
    println!(
        "figure\tleast distance of two kept, over what is near-identical\t{:.2}\ttimes\thigher\t1\tevery sound way of the camera was \
         taken twice",
        culled.nearest / culled.alike
    );
    Ok(())
}

/// A clip of 1080p, of a shot's frames enlarged.
fn clip(ffmpeg: &Ffmpeg, shot: &Shot, master: Master, path: &Path) -> Outcome<()> {
    let size = Size::new(1920, 1080)?;
    let mut film = Encoder::start(ffmpeg, master, path, size, Rate::CINEMA, None)?;
    for picture in shot.finish(&shot.clean(&shot.stray(1, 1.0)), 1, false) {
        let image =
            heirloom_picture::color::from_display8(picture.codes(), picture.width(), picture.height())
                .ok_or("a frame has no pixels")?;
        let large = heirloom_picture::resample::scale_to(&image, size.width, size.height);
        film.push(&heirloom_picture::color::to_video16(&large))?;
    }
    film.finish()?;
    Ok(())
}

fn speed(arguments: &Arguments) -> Outcome<()> {
    let ffmpeg = Ffmpeg::find()?;
    let folder = std::env::temp_dir().join(format!("measure-dailies-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let long = Arguments {
        photos: arguments.photos.clone(),
        frames: 120,
        dump: None,
        ..*arguments
    };
    let shots = shots(&long)?;
    let shot = shots
        .iter()
        .find(|s| s.name == "retina")
        .or(shots.first())
        .ok_or("no photograph")?;
    for (name, master, file) in [
        ("H.264", Master::H264, "a.mp4"),
        ("ProRes 422 HQ", Master::ProResHq, "a.mov"),
    ] {
        let path = folder.join(file);
        clip(&ffmpeg, shot, master, &path)?;
        let mut ratios = Vec::new();
        let (mut plain_s, mut own_s) = (0.0, 0.0);
        for _ in 0..3 {
            let begun = Instant::now();
            let status = Command::new("ffmpeg")
                .args(["-nostdin", "-v", "error", "-i"])
                .arg(&path)
                .args(["-f", "null", "-"])
                .stdin(Stdio::null())
                .status()?;
            if !status.success() {
                return Err("plain ffmpeg failed".into());
            }
            plain_s = begun.elapsed().as_secs_f64();
            let begun = Instant::now();
            let options = MeasureOptions::default();
            let mut frames = OfClip::open(&ffmpeg, &path, &options)?;
            measure(&mut frames, &Context::default(), &options)?;
            own_s = begun.elapsed().as_secs_f64();
            ratios.push(plain_s / own_s);
        }
        ratios.sort_by(f64::total_cmp);
        println!(
            "figure\tdailies measuring 1080p {name}\t{:.3}\tof plain decoding's speed\thigher\t0.5\t{} frames; the last of three runs took {own_s:.2} s, plain ffmpeg to null {plain_s:.2} s",
            ratios.get(1).copied().unwrap_or(0.0),
            long.frames
        );
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn main() -> Outcome<()> {
    let arguments = arguments()?;
    if arguments.tell {
        tell(&arguments)?;
        thousand(&arguments)?;
    }
    if arguments.speed {
        speed(&arguments)?;
    }
    Ok(())
}
