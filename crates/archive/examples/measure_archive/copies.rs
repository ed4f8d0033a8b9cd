//! The copies of an original, as people make them, and what is seen in each.

use std::time::{Duration, Instant};

use heirloom_archive::fingerprint::{Fingerprint, fingerprint};
use heirloom_archive::judge::{Judgement, judge};
use heirloom_archive::{PROXY_SIDE, THUMBNAIL_SIDE};

use crate::Original;
use crate::altered::Codes;

/// The altered picture, and the JPEG quality that it is kept at.
type Make = fn(&Codes) -> (Codes, u8);

/// Kind, whether it is one of the four with a goal, what it is exactly, and how it is made.
const COPIES: [(&str, bool, &str, Make); 18] = [
    ("resize", true, "to 90 %", |c| (c.resized(0.9), 90)),
    ("resize", true, "to 50 %", |c| (c.resized(0.5), 90)),
    ("resize", true, "to 30 %", |c| (c.resized(0.3), 90)),
    ("recompression", true, "JPEG 60", |c| (c.clone(), 60)),
    ("recompression", true, "JPEG 30", |c| (c.clone(), 30)),
    ("crop", true, "5 % a side", |c| {
        (c.cropped(0.05, 0.05, 0.05, 0.05), 90)
    }),
    ("crop", true, "10 % a side", |c| {
        (c.cropped(0.10, 0.10, 0.10, 0.10), 90)
    }),
    ("crop", true, "15 % left, bottom", |c| {
        (c.cropped(0.15, 0.0, 0.0, 0.15), 90)
    }),
    ("crop", true, "15 % a side", |c| {
        (c.cropped(0.15, 0.15, 0.15, 0.15), 90)
    }),
    ("exposure", true, "+0.5", |c| (c.exposed(0.5), 90)),
    ("exposure", true, "-0.5", |c| (c.exposed(-0.5), 90)),
    ("exposure", true, "+1", |c| (c.exposed(1.0), 90)),
    ("exposure", true, "-1", |c| (c.exposed(-1.0), 90)),
    ("crop, exposure, resize, JPEG 50 at once", false, "", |c| {
        (c.cropped(0.1, 0.05, 0.05, 0.1).exposed(0.5).resized(0.6), 50)
    }),
    ("rotation by 1 degree", false, "", |c| (c.turned(1.0), 90)),
    ("rotation by 2 degrees", false, "", |c| (c.turned(2.0), 90)),
    ("lettering over it", false, "", |c| (c.lettered(), 90)),
    ("white border", false, "", |c| (c.bordered(0.05), 90)),
];

/// Those that are made of quarters too: one of each kind with a goal, of those that change most but one.
const OF_QUARTERS: [usize; 4] = [1, 4, 6, 12];

/// An original (`kind` is then `original`) or a copy.
pub struct Picture {
    pub name: String,
    /// Its number among the originals.
    pub origin: usize,
    pub kind: &'static str,
    /// What was done exactly.
    pub detail: &'static str,
    /// Of the four kinds with a goal, or an original.
    pub goal: bool,
    pub print: Fingerprint,
    pub judgement: Judgement,
    /// What the fingerprint took.
    pub took: Duration,
}

/// The original first, then its copies.
pub fn all_of(number: usize, original: &Original) -> Vec<Picture> {
    let codes = &original.codes;
    let name = &original.name;
    let mut all = vec![seen(name.clone(), number, ("original", "", true), codes, 97)];
    for (n, (kind, goal, detail, make)) in COPIES.iter().enumerate() {
        if !original.whole && !OF_QUARTERS.contains(&n) {
            continue;
        }
        let (copy, quality) = make(codes);
        let name = format!("{name}+{n} {kind} {detail}");
        all.push(seen(name, number, (kind, detail, *goal), &copy, quality));
    }
    all
}

/// As the archive looks at a file: its proxy is judged, its thumbnail is what the fingerprint is of.
fn seen(
    name: String,
    origin: usize,
    (kind, detail, goal): (&'static str, &'static str, bool),
    codes: &Codes,
    quality: u8,
) -> Picture {
    let proxy = codes.through_jpeg(quality, PROXY_SIDE);
    let thumbnail = proxy.scaled(THUMBNAIL_SIDE);
    let before = Instant::now();
    let print = fingerprint(&thumbnail.view().unwrap());
    let took = before.elapsed();
    Picture {
        name,
        origin,
        kind,
        detail,
        goal,
        print,
        judgement: judge(&proxy.view().unwrap(), codes.width, codes.height),
        took,
    }
}
