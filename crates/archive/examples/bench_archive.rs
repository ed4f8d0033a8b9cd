//! How fast photographs come in, and where the time goes.
//!
//! ```text
//! bench_archive photographs FOLDER N PHOTOGRAPH…   makes N JPEGs of about 3000x2000 out of these photographs
//! bench_archive thumbnails FOLDER                  thumbnails alone: decoded at 256 pixels, written as JPEG
//! bench_archive add FOLDER VAULT                   the whole: into a vault, with all that is seen in them
//! bench_archive split FOLDER                       what each part of it costs, one photograph after another
//! ```
//!
//! To be built with `--release`. Compare with `vipsthumbnail --size 256` in as many processes as there are cores.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a measuring program prints, and may end at the first thing wrong"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use heirloom_archive::{AddOptions, Archive, PROXY_SIDE, THUMBNAIL_SIDE, fingerprint, judge};
use heirloom_picture::preview::{Decoder, Preview, decode};
use heirloom_picture::{look, metadata, photo};
use heirloom_vault::{Hashed, Vault};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["photographs", folder, number, from @ ..] if !from.is_empty() => {
            photographs(Path::new(folder), number.parse().unwrap(), from);
        }
        ["thumbnails", folder] => thumbnails(&files(folder)),
        ["add", folder, vault] => add(Path::new(folder), Path::new(vault)),
        ["split", folder] => split(&files(folder)),
        _ => panic!("photographs FOLDER N PHOTOGRAPH… | thumbnails FOLDER | add FOLDER VAULT | split FOLDER"),
    }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    all.retain(|path| path.is_file());
    all.sort();
    all
}

/// Runs `work` on every item in as many threads as there are cores.
fn in_threads(count: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        break;
                    }
                    work(n);
                }
            });
        }
    });
}

fn figures(what: &str, count: usize, took: Duration) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak: f64 = peak
        .and_then(|kb| kb.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(f64::NAN);
    let seconds = took.as_secs_f64();
    println!("figure\t{what}\t{seconds:.2}\ts\tlower\t-\t{count} files");
    println!(
        "figure\t{what}, speed\t{:.2}\tfiles/s\thigher\t-\t",
        count as f64 / seconds
    );
    println!(
        "figure\t{what}, peak memory\t{:.0}\tMiB\tlower\t1024\tVmHWM",
        peak / 1024.0
    );
}

fn thumbnails(files: &[PathBuf]) {
    let out = tempfile::tempdir().unwrap();
    let before = Instant::now();
    in_threads(files.len(), |n| {
        let path = &files[n];
        let bytes = fs::read(path).unwrap();
        let small = decode(&bytes, &path.to_string_lossy(), THUMBNAIL_SIDE).unwrap();
        fs::write(out.path().join(format!("{n}.jpg")), small.to_jpeg(80).unwrap()).unwrap();
    });
    figures("thumbnails", files.len(), before.elapsed());
}

fn add(folder: &Path, vault: &Path) {
    let before = Instant::now();
    let vault = Vault::open_or_create(vault).unwrap();
    let options = AddOptions {
        owner: Some("Jean Doe".into()),
        rights: Some("own work".into()),
        by: None,
    };
    let report = Archive::new(&vault)
        .add(&[folder.to_owned()], &options, &())
        .unwrap();
    figures("add", report.added.len() + report.known.len(), before.elapsed());
    println!(
        "{} added, {} known, {} skipped, {} warnings",
        report.added.len(),
        report.known.len(),
        report.skipped.len(),
        report.warnings.len()
    );
}

fn split(files: &[PathBuf]) {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(&folder.path().join("vault")).unwrap();
    let mut parts: Vec<(&str, Duration)> = Vec::new();
    let mut decoder = Decoder::default();
    for (n, path) in files.iter().enumerate() {
        let mut at = Instant::now();
        let mut place = 0;
        let mut part = |name: &'static str| {
            let took = at.elapsed();
            match parts.get_mut(place) {
                Some((_, sum)) => *sum += took,
                None => parts.push((name, took)),
            }
            place += 1;
            at = Instant::now();
        };
        let bytes = fs::read(path).unwrap();
        part("read");
        let hashed = Hashed::of(&bytes);
        part("hash");
        let info = photo::inspect(&bytes, "photograph").unwrap();
        part("inspect");
        let said = metadata::read(&bytes);
        part("metadata");
        let proxy = decoder.decode(&bytes, "photograph", PROXY_SIDE).unwrap();
        part("decode at 1024");
        let thumbnail = proxy.scaled(THUMBNAIL_SIDE);
        part("scale to 256");
        let (whole, small) = (proxy.view().unwrap(), thumbnail.view().unwrap());
        let judged = judge::judge(&whole, info.width, info.height);
        part("judge");
        let print = fingerprint::fingerprint(&small);
        part("fingerprint");
        let looked = look::look(&small);
        part("look");
        let jpeg = proxy.to_jpeg(85).unwrap();
        part("proxy as JPEG");
        let little = thumbnail.to_jpeg(80).unwrap();
        part("thumbnail as JPEG");
        fs::write(folder.path().join(format!("{n}.jpg")), &jpeg).unwrap();
        fs::write(folder.path().join(format!("{n}-small.jpg")), &little).unwrap();
        part("small pictures written");
        vault.put_hashed(&hashed).unwrap();
        part("object written and synced");
        std::hint::black_box((said, judged, print, looked));
    }
    let all: Duration = parts.iter().map(|p| p.1).sum();
    for (name, sum) in &parts {
        let ms = sum.as_secs_f64() * 1e3 / files.len() as f64;
        let share = 100.0 * sum.as_secs_f64() / all.as_secs_f64();
        println!("figure\t{name}\t{ms:.2}\tms\tlower\t-\t{share:.1} % of a photograph");
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most.max(1)
    }
}

/// The same photographs for the same arguments: parts of the given ones, at a camera's sizes, with a camera's grain.
fn photographs(folder: &Path, number: usize, from: &[&str]) {
    fs::create_dir_all(folder).unwrap();
    let sources: Vec<Preview> = from
        .iter()
        .map(|path| decode(&fs::read(path).unwrap(), path, 4096).unwrap())
        .collect();
    in_threads(number, |n| {
        let mut random = Random(n as u64);
        let source = &sources[n % sources.len()];
        let (mut width, mut height) = [
            (3000, 2000),
            (3264, 2448),
            (2592, 1944),
            (3504, 2336),
            (2880, 1920),
        ][random.below(5) as usize];
        if random.below(4) == 0 {
            (width, height) = (height, width);
        }
        let jpeg = enlarged(source, width, height, &mut random)
            .to_jpeg(82 + random.below(12) as u8)
            .unwrap();
        let orientation = [1_u8, 1, 1, 6, 8, 3][random.below(6) as usize];
        fs::write(
            folder.join(format!("photograph-{n:04}.jpg")),
            turned(&jpeg, orientation),
        )
        .unwrap();
    });
}

/// A part of a photograph, between a half and nine tenths of it, at this size.
fn enlarged(source: &Preview, width: u32, height: u32, random: &mut Random) -> Preview {
    let (w, h) = (f64::from(source.width()), f64::from(source.height()));
    let share = 0.5 + random.below(400) as f64 / 1000.0;
    let step = (w * share / f64::from(width)).min(h * share / f64::from(height));
    let left = random.below(((w - step * f64::from(width)).max(1.0)) as u64) as f64;
    let top = random.below(((h - step * f64::from(height)).max(1.0)) as u64) as f64;
    let columns: Vec<(usize, usize, i32)> = (0..width)
        .map(|x| place(left + f64::from(x) * step, source.width()))
        .collect();
    let stride = source.width() as usize;
    let mut codes = Vec::with_capacity(width as usize * height as usize);
    let mut grain = random.next();
    for y in 0..height {
        let (upper, lower, down) = place(top + f64::from(y) * step, source.height());
        let row = |y: usize| &source.codes()[y * stride..(y + 1) * stride];
        let (upper, lower) = (row(upper), row(lower));
        for (a, b, across) in &columns {
            grain = grain
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let noise = ((grain >> 40) & 7) as i32 + ((grain >> 48) & 7) as i32 - 7;
            codes.push(std::array::from_fn(|c| {
                let between = |row: &[[u8; 3]]| {
                    let (a, b) = (i32::from(row[*a][c]), i32::from(row[*b][c]));
                    (a << 8) + (b - a) * across
                };
                let (u, l) = (between(upper), between(lower));
                ((((u << 8) + (l - u) * down) >> 16) + noise / 2).clamp(0, 255) as u8
            }));
        }
    }
    Preview::from_codes(codes, width, height).unwrap()
}

/// The pixels on both sides of a place, and how far it lies between them, of 256.
fn place(at: f64, length: u32) -> (usize, usize, i32) {
    let last = length as usize - 1;
    let first = (at as usize).min(last);
    (
        first,
        (first + 1).min(last),
        ((at - first as f64) * 256.0).clamp(0.0, 255.0) as i32,
    )
}

/// With an EXIF block that says how the camera was held.
fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut out = jpeg[..2].to_vec();
    out.extend_from_slice(b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0");
    out.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(&jpeg[2..]);
    out
}
