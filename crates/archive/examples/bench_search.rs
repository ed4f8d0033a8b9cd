//! Measures searching in an archive of 100 000 sources.
//!
//! ```text
//! cargo run --release -p heirloom-archive --example bench_search [ENTRIES]
//! ```
//!
//! The archive is made up: captions, keywords, people and places whose words are as common and as rare as words are
//! (Zipf's law), and looks of small pictures with a few colours and shapes. It is written straight into a ledger and an
//! index in a temporary folder; searching is done as programs do it. Each kind of query is asked 200 times, every time
//! another one, with the pages that a person sees first (24 hits).

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::time::Instant;

use heirloom_archive::search::Query;
use heirloom_archive::{Archive, Index, Seen};
use heirloom_picture::measure::View;
use heirloom_vault::rights::{declaration, source_subject};
use heirloom_vault::{Actor, NewAct, ObjectId, Rights, Vault, Verb};
use serde_json::json;

/// Queries of each kind.
const QUERIES: usize = 200;
/// Hits of a page.
const PAGE: usize = 24;
/// Sources of which one folder holds so many.
const FOLDER: usize = 400;
/// What a query may take, in milliseconds.
const GOAL_MS: f64 = 50.0;

/// Numbers in an order that looks like chance: splitmix64 (Steele, Lea & Flood, 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A rank from 0 on: small ones often, large ones seldom, by Zipf's law.
    fn rank(&mut self, of: usize) -> usize {
        let n = of as f64;
        (libm::exp(self.unit() * libm::log(n)) as usize)
            .saturating_sub(1)
            .min(of - 1)
    }
}

const COMMON: [&str; 40] = [
    "the", "at", "in", "beach", "with", "house", "garden", "summer", "evening", "mother", "father", "sea",
    "street", "mountain", "winter", "window", "table", "children", "boat", "harbour", "morning", "snow",
    "tree", "river", "kitchen", "wedding", "train", "dog", "light", "cloud", "field", "bridge", "church",
    "market", "road", "stone", "rain", "smile", "party", "island",
];
const PLACES: [&str; 12] = [
    "Port Angeles",
    "Victoria",
    "Lyon",
    "Lisbon",
    "Bergen",
    "Trieste",
    "Kyoto",
    "Oaxaca",
    "Cork",
    "Ghent",
    "Tartu",
    "Split",
];
const LENSES: [&str; 6] = [
    "Summicron 50mm f/2",
    "Nikkor 35mm f/2.8",
    "Planar 80mm f/2.8",
    "Elmar 90mm f/4",
    "Distagon 28mm",
    "Sonnar 135mm",
];

/// 20 000 words: some that people use, and made-up rare ones.
fn vocabulary() -> Vec<String> {
    let (heads, tails) = (
        [
            "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va",
        ],
        ["rn", "lt", "sk", "nd", "mp", "st", "ck", "ft", "xe", "yo"],
    );
    let made = (0..).map(|n: usize| {
        format!(
            "{}{}{}{}",
            heads[n % 16],
            tails[n / 16 % 10],
            heads[n / 160 % 16],
            tails[n / 2560 % 10]
        )
    });
    let common = COMMON.iter().map(|word| (*word).to_owned());
    common.chain(made).take(20_000).collect()
}

fn words(chance: &mut Chance, vocabulary: &[String], count: usize) -> String {
    let words: Vec<&str> = (0..count)
        .map(|_| vocabulary[chance.rank(vocabulary.len())].as_str())
        .collect();
    words.join(" ")
}

fn person(chance: &mut Chance, vocabulary: &[String]) -> String {
    let first = ["Jean", "Robin", "Ada", "Bo", "Cleo", "Dan", "Eve", "Finn"][chance.below(8)];
    format!("{first} {}", vocabulary[40 + chance.rank(300)])
}

fn main() -> Result<(), Box<dyn Error>> {
    let entries: usize = match std::env::args().nth(1) {
        Some(count) => count.parse()?,
        None => 100_000,
    };
    let folder = tempfile::tempdir()?;
    let vault = Vault::create(&folder.path().join("vault"))?;
    let vocabulary = vocabulary();
    let names = fill_ledger(&vault, entries, &vocabulary)?;
    let archive = Archive::new(&vault);

    let index = Index::open(&vault)?;
    let start = Instant::now();
    index.follow(&archive)?;
    println!(
        "figure\tindex {entries} made anew\t{:.1}\ts\tlower\t-\tfrom the ledger",
        seconds(start)
    );
    fill_looks(&index, &names)?;
    drop(index);

    // As a program does that is started for one search.
    for (what, text) in [("words", "beach mountain"), ("look", "colour:blue")] {
        let query = Query::parse(text)?;
        let start = Instant::now();
        archive.search(&query, PAGE, 0)?;
        println!(
            "figure\tsearch {what}, index just opened\t{:.1}\tms\tlower\t-\tone query",
            1000.0 * seconds(start)
        );
    }

    let index = Index::open(&vault)?;
    let mut chance = Chance(7);
    for kind in ["words", "filters", "look", "colour", "combined"] {
        let mut times = Vec::with_capacity(QUERIES);
        let mut found = 0;
        // One more, that fills the caches of an index just opened.
        for n in 0..=QUERIES {
            let text = query(kind, &mut chance, &vocabulary, &names);
            let query = Query::parse(&text)?;
            let start = Instant::now();
            let page = index.search(&archive, &query, PAGE, 0)?;
            let took = 1000.0 * seconds(start);
            if n > 0 {
                times.push(took);
                found += page.total;
            }
        }
        times.sort_by(f64::total_cmp);
        let (median, late) = (times[QUERIES / 2], times[QUERIES * 95 / 100]);
        println!(
            "figure\tsearch {kind}, {entries} entries, median\t{median:.1}\tms\tlower\t{GOAL_MS}\t{QUERIES} queries; \
             95 % within {late:.1} ms, the slowest {:.1} ms; {} hits on average",
            times[QUERIES - 1],
            found / QUERIES,
        );
    }
    Ok(())
}

/// A query as a person may write it.
fn query(kind: &str, chance: &mut Chance, vocabulary: &[String], names: &[(String, ObjectId)]) -> String {
    let some = |chance: &mut Chance| match chance.below(6) {
        0 => format!("{}*", &words(chance, vocabulary, 1)),
        1 => format!("person:\"{}\"", person(chance, vocabulary)),
        2 => format!(
            "{} -{}",
            words(chance, vocabulary, 1),
            words(chance, vocabulary, 1)
        ),
        3 => format!("\"{} {}\"", COMMON[chance.below(8)], COMMON[chance.below(40)]),
        _ => {
            let count = 1 + chance.below(3);
            words(chance, vocabulary, count)
        }
    };
    let filter = |chance: &mut Chance| match chance.below(5) {
        0 => format!("taken:{}..{}", 1960 + chance.below(30), 1990 + chance.below(30)),
        1 => "may:generate".to_owned(),
        2 => format!("place:\"{}\"", PLACES[chance.below(12)]),
        3 => format!("near:{},{},40km", 40 + chance.below(20), chance.below(25)),
        _ => "lens:50mm is:portrait".to_owned(),
    };
    let like = |chance: &mut Chance| format!("like:\"archive:{}\"", names[chance.below(names.len())].0);
    match kind {
        "words" => some(chance),
        "filters" => format!("{} {}", filter(chance), filter(chance)),
        "look" => like(chance),
        "colour" => format!("colour:#{:06x}", chance.below(1 << 24)),
        _ => format!("{} {} {}", some(chance), filter(chance), like(chance)),
    }
}

/// Writes the acts by which so many sources came in; gives their full names.
fn fill_ledger(
    vault: &Vault,
    entries: usize,
    vocabulary: &[String],
) -> Result<Vec<(String, ObjectId)>, Box<dyn Error>> {
    let mut chance = Chance(1);
    let by = Actor::program();
    let owners: Vec<String> = (0..5).map(|_| person(&mut chance, vocabulary)).collect();
    let mut names = Vec::with_capacity(entries);
    let mut acts = Vec::new();
    for n in 0..entries {
        let object = ObjectId::of(&n.to_le_bytes());
        let folder = format!(
            "father/{}/{}",
            1960 + n / FOLDER % 60,
            vocabulary[40 + n / FOLDER % 500]
        );
        let stem = format!("{}-{n:06}", words(&mut chance, vocabulary, 1));
        let caption = match chance.below(4) {
            0 => stem.replace('-', " "),
            _ => {
                let count = 4 + chance.below(14);
                words(&mut chance, vocabulary, count)
            }
        };
        let keywords: Vec<String> = (0..chance.below(7))
            .map(|_| words(&mut chance, vocabulary, 1))
            .collect();
        let people: Vec<String> = (0..chance.below(3))
            .map(|_| person(&mut chance, vocabulary))
            .collect();
        let (width, height) = if chance.below(3) == 0 {
            (2000, 3000)
        } else {
            (3000, 2000)
        };
        let facts = json!({
            "stem": stem, "folder": folder, "file_name": format!("{stem}.jpg"), "caption": caption,
            "media": "photograph", "format": "JPEG", "width": width, "height": height,
            "taken": format!("{}-{:02}-{:02}T12:00:00", 1960 + chance.below(60), 1 + chance.below(12), 1 + chance.below(28)),
            "metadata": {
                "keywords": keywords, "people": people, "place_names": [PLACES[chance.below(12)]],
                "place": { "latitude_deg": 40.0 + 20.0 * chance.unit(), "longitude_deg": 25.0 * chance.unit() },
                "lens": LENSES[chance.below(6)], "camera": "Leica M3",
            },
        });
        acts.push(
            NewAct::new(Verb::Ingested, by.clone(), source_subject(&object))
                .output("source", object)
                .with_facts(facts),
        );
        let owner = &owners[chance.below(owners.len())];
        let rights = Rights::new(owner.clone(), if chance.below(9) == 0 { "" } else { "own work" });
        acts.push(declaration(&object, &rights, by.clone(), false)?);
        names.push((format!("{folder}/{stem}"), object));
    }
    vault.ledger().append_many(acts)?;
    Ok(names)
}

/// Looks at made-up pictures: two or three colours, in bands or blots, with more or less grain.
fn fill_looks(index: &Index, names: &[(String, ObjectId)]) -> Result<(), Box<dyn Error>> {
    const SIDE: usize = 24;
    let mut chance = Chance(3);
    for some in names.chunks(2000) {
        let mut seen = Vec::with_capacity(some.len());
        for (_, object) in some {
            let colours: [[f64; 3]; 3] =
                std::array::from_fn(|_| std::array::from_fn(|_| 255.0 * chance.unit()));
            let (grain, slope) = (40.0 * chance.unit(), chance.unit());
            let codes: Vec<[u8; 3]> = (0..SIDE * SIDE)
                .map(|n| {
                    let (x, y) = ((n % SIDE) as f64 / SIDE as f64, (n / SIDE) as f64 / SIDE as f64);
                    let at = (slope * x + (1.0 - slope) * y) * 2.99;
                    let noise = grain * (chance.unit() - 0.5);
                    colours[at as usize].map(|v| (v + noise).clamp(0.0, 255.0) as u8)
                })
                .collect();
            let view = View::new(&codes, SIDE as u32, SIDE as u32).ok_or("a picture without pixels")?;
            seen.push((*object, Seen::of(&view, &view, 3000, 2000)));
        }
        index.put(&seen)?;
    }
    Ok(())
}

fn seconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}
