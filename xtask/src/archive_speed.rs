//! `cargo xtask bench archive`: photographs coming in beside libvips, and searches over 100 000 sources.

use crate::bench::median;
use crate::command::{cargo, program};
use crate::figures::{Figure, measured_by, write};
use crate::packages::{self, CC, CMAKE, NASM, Need};
use crate::places;
use crate::steps::Steps;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::time::Instant;

/// The peer: thumbnails by libvips.
const VIPS: Need = Need {
    program: "vipsthumbnail",
    files: &[],
    apt: &["libvips-tools"],
    dnf: "vips-tools",
    brew: "vips",
    why: "makes the thumbnails that ours are timed beside",
};
/// What the photographs are cut from, all of the demo.
const FROM: [&str; 7] = [
    "coffee.png",
    "eta-carinae.png",
    "hubble-deep-field.jpg",
    "moon.jpg",
    "retina.jpg",
    "rocket.jpg",
    "tissue.png",
];
const PHOTOGRAPHS: usize = 2000;
/// Times each has its turn; the median of the ratios counts.
const ROUNDS: usize = 3;

/// The three rates of one round, in photographs a second, and the peak memory of ours in MiB.
struct Round {
    vips: f64,
    thumbnails: f64,
    whole: f64,
    memory: f64,
}

/// `cargo xtask bench archive`.
pub fn speed(steps: &mut Steps) -> Result<()> {
    let again = "cargo xtask bench archive";
    steps.step("set up libvips", again, || {
        packages::install(&[&CC, &CMAKE, &NASM, &VIPS])
    })?;
    steps.step("build", again, || {
        cargo("build --locked --release --package heirloom-archive --example bench_archive --example bench_search").run()
    })?;
    let examples = places::target().join("release/examples");
    let work = places::cache().join(format!("bench-archive-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let result = (|| {
        let mut figures = steps.step("photographs coming in", again, || coming_in(&examples, &work))?;
        figures.extend(steps.step("searches", again, || {
            measured_by(program(examples.join("bench_search")))
        })?);
        Ok(figures)
    })();
    fs::remove_dir_all(&work).ok();
    result.and_then(|figures: Vec<Figure>| {
        write(
            "archive",
            again,
            "# Speed of the archive\n\n\
             2 000 photographs of 5 to 8 million pixels (JPEG, quality 82 to 93, every second one turned), cut from the demo's and\n\
             enlarged, with a camera's grain; the same every time. All of them have been read once before, so that the disk counts\n\
             for nobody. In turn, three times each:\n\n\
             - **vipsthumbnail**: two processes of libvips' program, half of the files each, `--size 256`, JPEG at its defaults.\n\
             - **thumbnails alone**: the same by our decoder, in as many threads as there are cores.\n\
             - **whole**: `archive add` into a new vault: read, hashed, judged, described, fingerprinted, thumbnail and proxy\n  \
               written, objects synced to the disk, acts in the ledger.\n\n\
             The ratios are of rates, each within its round; the median counts. Memory is the system's figure (VmHWM).\n\n\
             Searches are over 100 000 made-up sources (names, captions, keywords, people and places by Zipf's law; looks of\n\
             small made-up pictures), 200 different queries of each kind, the first page of 24 answers each.",
            &figures,
        )
    })
}

fn coming_in(examples: &Path, work: &Path) -> Result<Vec<Figure>> {
    let ours = examples.join("bench_archive");
    let photographs = work.join("photographs");
    let from = FROM.map(|name| places::root().join("demo/archive").join(name));
    program(&ours)
        .arg("photographs")
        .arg(&photographs)
        .arg(PHOTOGRAPHS.to_string())
        .args(from)
        .run()?;
    let mut lists = [String::new(), String::new()];
    let mut paths: Vec<_> = fs::read_dir(&photographs)?.collect::<std::io::Result<_>>()?;
    paths.sort_by_key(fs::DirEntry::path);
    for (n, entry) in paths.iter().enumerate() {
        // Into memory, so that the first to come is not the one who waits for the disk.
        fs::read(entry.path())?;
        lists[n % 2] += &format!("{}\0", entry.path().display());
    }
    for (list, name) in lists.iter().zip(["first.txt", "second.txt"]) {
        fs::write(work.join(name), list)?;
    }
    let mut rounds = Vec::new();
    for n in 1..=ROUNDS {
        let round = round(&ours, work, &photographs).with_context(|| format!("round {n}"))?;
        println!(
            "round {n}: vipsthumbnail {:.1}, thumbnails alone {:.1}, whole {:.1} photographs a second",
            round.vips, round.thumbnails, round.whole
        );
        rounds.push(round);
    }
    let middle = |of: fn(&Round) -> f64| median(rounds.iter().map(of).collect());
    let figure = |name: &str, value: f64, unit: &str, higher_is_better, goal, note: &str| Figure {
        name: name.to_owned(),
        value,
        unit: unit.to_owned(),
        higher_is_better,
        goal,
        note: note.to_owned(),
    };
    let (rate, times) = ("photographs/s", "times");
    Ok(vec![
        figure(
            "rate of vipsthumbnail, two processes",
            middle(|r| r.vips)?,
            rate,
            true,
            None,
            "",
        ),
        figure(
            "rate of thumbnails alone",
            middle(|r| r.thumbnails)?,
            rate,
            true,
            None,
            "",
        ),
        figure("rate of the whole", middle(|r| r.whole)?, rate, true, None, ""),
        figure(
            "thumbnails alone, of the rate of vipsthumbnail",
            middle(|r| r.thumbnails / r.vips)?,
            times,
            true,
            Some(1.2),
            "",
        ),
        figure(
            "whole, of the rate of vipsthumbnail",
            middle(|r| r.whole / r.vips)?,
            times,
            true,
            Some(0.7),
            "",
        ),
        figure(
            "peak memory of the whole",
            middle(|r| r.memory)?,
            "MiB",
            false,
            Some(1024.0),
            "",
        ),
    ])
}

fn round(ours: &Path, work: &Path, photographs: &Path) -> Result<Round> {
    let count = PHOTOGRAPHS as f64;
    let thumbnails = work.join("vips");
    fs::create_dir_all(&thumbnails)?;
    let before = Instant::now();
    // As many files to a call as fit, so that starting the program counts for little.
    program("sh")
        .arg("-c")
        .arg(
            "xargs -0 vipsthumbnail --size 256 -o \"$1/%s.jpg\" < \"$2\" & first=$!\n\
             xargs -0 vipsthumbnail --size 256 -o \"$1/%s.jpg\" < \"$3\" && wait $first",
        )
        .arg("sh")
        .arg(&thumbnails)
        .arg(work.join("first.txt"))
        .arg(work.join("second.txt"))
        .run()?;
    let vips = count / before.elapsed().as_secs_f64();
    fs::remove_dir_all(&thumbnails)?;

    let alone = measured_by(program(ours).arg("thumbnails").arg(photographs))?;
    let vault = work.join("vault");
    let whole = measured_by(program(ours).arg("add").arg(photographs).arg(&vault))?;
    fs::remove_dir_all(&vault)?;
    let find = |figures: &[Figure], name: &str| {
        let found = figures.iter().find(|figure| figure.name == name);
        found
            .map(|figure| figure.value)
            .with_context(|| format!("no figure named {name}"))
    };
    Ok(Round {
        vips,
        thumbnails: find(&alone, "thumbnails, speed")?,
        whole: find(&whole, "add, speed")?,
        memory: find(&whole, "add, peak memory")?,
    })
}
