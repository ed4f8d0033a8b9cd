//! How well near copies are found: makes altered copies of the photographs in the given folders and groups them all.
//!
//! `cargo run --release -p heirloom-archive --example measure_archive -- FOLDER…`
//!
//! Originals are the photographs and non-overlapping quarters of them: different places of one photograph are different
//! pictures of the same kind. A quarter and the whole that it was cut from are not counted either way.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measuring program prints, and may end at the first thing wrong"
)]

#[path = "../tests/altered/mod.rs"]
mod altered;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use altered::Codes;
use heirloom_archive::fingerprint::{Fingerprint, fingerprint, near};
use heirloom_archive::groups::{Entry, Kind, group};
use heirloom_archive::judge::{Judgement, judge};
use heirloom_vault::ObjectId;

type Make = fn(&Codes) -> (Codes, u8);

/// Kind, whether it is one of the four with a goal, what is done, and the JPEG quality.
const COPIES: [(&str, bool, Make); 18] = [
    ("resize", true, |c| (c.resized(0.9), 90)),
    ("resize", true, |c| (c.resized(0.5), 90)),
    ("resize", true, |c| (c.resized(0.3), 90)),
    ("recompression", true, |c| (c.clone(), 30)),
    ("recompression", true, |c| (c.clone(), 60)),
    ("crop", true, |c| (c.cropped(0.05, 0.05, 0.05, 0.05), 90)),
    ("crop", true, |c| (c.cropped(0.10, 0.10, 0.10, 0.10), 90)),
    ("crop", true, |c| (c.cropped(0.15, 0.0, 0.0, 0.15), 90)),
    ("crop", true, |c| (c.cropped(0.15, 0.15, 0.15, 0.15), 90)),
    ("exposure", true, |c| (c.exposed(0.5), 90)),
    ("exposure", true, |c| (c.exposed(-0.5), 90)),
    ("exposure", true, |c| (c.exposed(1.0), 90)),
    ("exposure", true, |c| (c.exposed(-1.0), 90)),
    ("combined", false, |c| {
        (c.cropped(0.1, 0.05, 0.05, 0.1).exposed(0.5).resized(0.6), 50)
    }),
    ("rotation", false, |c| (c.turned(1.0), 90)),
    ("rotation", false, |c| (c.turned(2.0), 90)),
    ("lettering", false, |c| (c.lettered(), 90)),
    ("border", false, |c| (c.bordered(0.05), 90)),
];

struct Picture {
    name: String,
    origin: usize,
    kind: &'static str,
    goal: bool,
    print: Fingerprint,
    judgement: Judgement,
}

fn main() {
    let mut paths: Vec<PathBuf> = std::env::args()
        .skip(1)
        .flat_map(|f| walk(Path::new(&f)))
        .collect();
    paths.sort();
    let mut originals: Vec<(String, Codes, usize)> = Vec::new();
    for (n, path) in paths.iter().enumerate() {
        let Some(codes) = Codes::read(path, 1024) else {
            continue;
        };
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let (w, h) = (codes.width / 2, codes.height / 2);
        for (q, (x, y)) in [(0, 0), (w, 0), (0, h), (w, h)].into_iter().enumerate() {
            originals.push((format!("{name}/{q}"), codes.part(x, y, w, h), n));
        }
        originals.push((name, codes, n));
    }
    let mut pictures = Vec::new();
    let mut took = std::time::Duration::ZERO;
    for (origin, (name, codes, _)) in originals.iter().enumerate() {
        pictures.push(seen(name.clone(), origin, "original", true, codes, 97, &mut took));
        for (n, (kind, goal, make)) in COPIES.iter().enumerate() {
            let (copy, quality) = make(codes);
            pictures.push(seen(
                format!("{name}+{kind}{n}"),
                origin,
                kind,
                *goal,
                &copy,
                quality,
                &mut took,
            ));
        }
    }
    println!(
        "{} photographs, {} originals, {} pictures",
        paths.len(),
        originals.len(),
        pictures.len()
    );

    // Whether an original is of one photograph with another, so that the two share pixels.
    let kin = |a: usize, b: usize| {
        a != b
            && originals[a].2 == originals[b].2
            && (originals[a].0.contains('/') != originals[b].0.contains('/'))
    };
    let entries: Vec<Entry<'_>> = pictures
        .iter()
        .map(|p| Entry {
            object: ObjectId::of(p.name.as_bytes()),
            fingerprint: &p.print,
            judgement: &p.judgement,
            bytes: 0,
            taken: None,
            name: &p.name,
        })
        .collect();
    // By kind: each copy with its original, alone among the originals.
    let before = std::time::Instant::now();
    let groups = group(&entries);
    let grouping = before.elapsed();
    let number: BTreeMap<&str, usize> = pictures
        .iter()
        .enumerate()
        .map(|(n, p)| (p.name.as_str(), n))
        .collect();
    let (mut right, mut wrong) = (0_usize, 0_usize);
    let mut wrong_pairs = BTreeSet::new();
    for g in groups.groups.iter().filter(|g| g.kind == Kind::Copies) {
        let best = &pictures[number[g.members[0].name.as_str()]];
        for m in &g.members[1..] {
            let other = &pictures[number[m.name.as_str()]];
            if best.origin == other.origin {
                right += 1;
            } else if !kin(best.origin, other.origin) {
                wrong += 1;
                wrong_pairs.insert((best.name.clone(), other.name.clone(), format!("{:?}", m.matched)));
            }
        }
    }
    for p in wrong_pairs.iter().take(20) {
        println!("wrong: {p:?}");
    }
    let mut by_kind: BTreeMap<&str, (usize, usize, bool)> = BTreeMap::new();
    let mut first = 0;
    let (mut shown, mut flat) = (0, 0);
    for (n, p) in pictures.iter().enumerate() {
        if p.kind == "original" {
            first = n;
            continue;
        }
        let m = near(&pictures[first].print, &p.print);
        let k = by_kind.entry(p.kind).or_default();
        k.0 += usize::from(m.is_copy());
        k.1 += 1;
        k.2 = p.goal;
        if p.goal && !m.is_copy() {
            flat += usize::from(blobs(&p.print) < 8);
            if shown < 40 {
                shown += 1;
                println!("missed: {} blobs {} {m:?}", p.name, blobs(&p.print));
            }
        }
    }
    // Every original against every picture of another.
    let (mut false_pairs, mut unlike) = (0_usize, 0_usize);
    for (i, p) in pictures.iter().enumerate().filter(|(_, p)| p.kind == "original") {
        for q in pictures
            .iter()
            .skip(i + 1)
            .filter(|q| q.goal && q.origin != p.origin && !kin(p.origin, q.origin))
        {
            unlike += 1;
            if near(&p.print, &q.print).is_copy() {
                false_pairs += 1;
                if false_pairs <= 20 {
                    println!("false: {} {} {:?}", p.name, q.name, near(&p.print, &q.print));
                }
            }
        }
    }
    let (found, all) = by_kind
        .values()
        .filter(|k| k.2)
        .fold((0, 0), |s, k| (s.0 + k.0, s.1 + k.1));
    let share = |a: usize, b: usize| a as f64 / b.max(1) as f64;
    let figure = |name: &str, value: f64, unit: &str, better: &str, goal: &str, note: &str| {
        println!("figure\t{name}\t{value:.4}\t{unit}\t{better}\t{goal}\t{note}");
    };
    let of = format!("{found} of {all} copies; {flat} of the missed have fewer than 8 blobs");
    figure(
        "near copies, recall",
        share(found, all),
        "",
        "higher",
        "0.98",
        &of,
    );
    let of = format!("{false_pairs} wrong of {unlike} unlike pairs");
    figure(
        "near copies, precision",
        share(found, found + false_pairs),
        "",
        "higher",
        "0.98",
        &of,
    );
    figure(
        "groups, precision",
        share(right, right + wrong),
        "",
        "higher",
        "0.98",
        &format!("{right} right, {wrong} wrong members"),
    );
    for (kind, (hit, all, _)) in &by_kind {
        figure(
            &format!("recall, {kind}"),
            share(*hit, *all),
            "",
            "higher",
            "-",
            &format!("{hit} of {all}"),
        );
    }
    let compared = format!(
        "{} of {} pairs compared",
        groups.compared,
        pictures.len() * (pictures.len() - 1) / 2
    );
    figure("grouping", grouping.as_secs_f64(), "s", "lower", "-", &compared);
    figure(
        "fingerprint",
        took.as_secs_f64() * 1e3 / pictures.len() as f64,
        "ms",
        "lower",
        "-",
        "a picture",
    );
}

fn blobs(print: &Fingerprint) -> usize {
    print.0.len().saturating_sub(267) / 36
}

fn seen(
    name: String,
    origin: usize,
    kind: &'static str,
    goal: bool,
    codes: &Codes,
    quality: u8,
    took: &mut std::time::Duration,
) -> Picture {
    let thumbnail = codes.through_jpeg(quality, 256);
    let view = thumbnail.view().unwrap();
    let before = std::time::Instant::now();
    let print = fingerprint(&view);
    *took += before.elapsed();
    Picture {
        name,
        origin,
        kind,
        goal,
        judgement: judge(&view, codes.width, codes.height),
        print,
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .flat_map(|e| {
            let path = e.path();
            let picture = path
                .extension()
                .is_some_and(|x| x == "jpg" || x == "png" || x == "jpeg");
            match e.file_type() {
                Ok(t) if t.is_dir() => walk(&path),
                Ok(t) if t.is_file() && picture => vec![path],
                _ => Vec::new(),
            }
        })
        .collect()
}
