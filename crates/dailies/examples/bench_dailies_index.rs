//! Measures listing, filtering and ranking the takes of a film that has 100 000 of them, and culling a shot's thousand.
//!
//! ```text
//! cargo run --release -p heirloom-dailies --example bench_dailies_index [TAKES]
//! ```
//!
//! The takes are made up: 100 shots, four engines, three prompts a shot, twelve measures a take, and judgements on one
//! take in ten. They are written straight into a ledger and an index in a temporary folder; queries are asked as programs
//! ask them, each time another one, with the rows that a person sees first (50). A figure is the slowest kind's 95th
//! percentile of 60 goes.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use heirloom_dailies::choices::Verdict;
use heirloom_dailies::cull::{Candidate, cull};
use heirloom_dailies::index::{Index, Measured, Order, Query};
use heirloom_film::{Cull, Limit};
use heirloom_vault::{Actor, NewAct, ObjectId, Vault, Verb};
use serde_json::json;

/// Goes at every kind of query.
const GOES: usize = 60;
/// Rows of a page.
const PAGE: usize = 50;
/// Takes a shot.
const SHOTS: usize = 100;
/// What a query may take, in milliseconds.
const GOAL_MS: f64 = 100.0;
/// Numbers of a look.
const LOOK: usize = 192;

const MEASURES: [&str; 12] = [
    "sharpness",
    "exposure",
    "clipping",
    "flicker",
    "coherence",
    "drift",
    "adherence",
    "likeness",
    "repetition",
    "copying",
    "frozen",
    "mood",
];

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
}

fn take(n: usize) -> ObjectId {
    ObjectId::of(format!("take {n}").as_bytes())
}

fn shot(n: usize) -> String {
    format!("shot:sh-{:08}", n % SHOTS)
}

/// Acts of a film's takes: asked for, drawn, and one in ten judged.
fn acts(takes: usize, chance: &mut Chance) -> Vec<NewAct> {
    let ada = Actor::person("Ada");
    let mut acts = Vec::with_capacity(takes * 2 + takes / 10);
    for n in 0..takes {
        let request = ObjectId::of(format!("request {n}").as_bytes());
        let engine = ["weightless", "diffusion", "hosted", "other"][chance.below(4)];
        let shot = shot(n);
        let mut facts = json!({
            "draw": 0, "engine": engine, "revision": 3, "shot": format!("scene {}", n % SHOTS),
            "prompt": format!("a harbour at dusk, take {}", chance.below(3)), "mood": "quiet",
        });
        if n > SHOTS && n % 7 == 0 {
            facts["parent"] = json!(take(n - SHOTS));
            facts["note"] = json!("nearer to dusk, less literal");
        }
        acts.push(
            NewAct::new(Verb::Requested, ada.clone(), &shot)
                .output("request", request)
                .with_facts(facts),
        );
        acts.push(
            NewAct::new(Verb::Drawn, Actor::engine(engine), format!("request:{request}"))
                .input("request", request)
                .output("take", take(n))
                .with_facts(json!({
                    "draw": 0, "revision": 3, "frames": 96, "seed": n, "rate": "24", "cost_usd": chance.unit(),
                })),
        );
        if n % 10 == 0 {
            let (verb, facts) = match chance.below(4) {
                0 => (Verb::Chosen, json!({})),
                1 => (Verb::Shelved, json!({})),
                2 => (Verb::Rejected, json!({})),
                _ => (Verb::Starred, json!({ "stars": chance.below(6) })),
            };
            let act = NewAct::new(verb, ada.clone(), &shot).input("take", take(n));
            acts.push(act.because("for the bench").with_facts(facts));
        }
    }
    acts
}

fn measured(takes: usize, chance: &mut Chance) -> Vec<(ObjectId, Measured)> {
    (0..takes)
        .map(|n| {
            let numbers = MEASURES
                .iter()
                .map(|name| ((*name).to_owned(), chance.unit()))
                .collect();
            let look = (0..LOOK).map(|_| chance.unit() as f32).collect();
            (take(n), Measured { numbers, look })
        })
        .collect()
}

fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// The 95th percentile of some goes.
fn slow(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() * 95 / 100).copied().unwrap_or_default()
}

fn main() -> Result<(), Box<dyn Error>> {
    let takes: usize = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => 100_000,
    };
    let mut chance = Chance(6);
    let folder = tempfile::tempdir()?;
    let vault = Vault::create(&folder.path().join("vault"))?;
    vault.ledger().append_many(acts(takes, &mut chance))?;
    let index = Index::open(&vault)?;
    let start = Instant::now();
    for some in measured(takes, &mut chance).chunks(1000) {
        index.put_measured(some)?;
    }
    println!("{takes} takes' measures noted in {:.0} ms", ms(start));
    let start = Instant::now();
    index.sync(&vault)?;
    figure(
        "made anew from the ledger",
        ms(start) / 1e3,
        "s",
        None,
        "all at once",
    );

    let page = |query: Query| Query {
        limit: Some(PAGE),
        ..query
    };
    type Kind<'a> = (&'a str, Box<dyn Fn(&mut Chance) -> Query>);
    let kinds: Vec<Kind<'_>> = vec![
        (
            "list the film's newest",
            Box::new(|c| Query {
                order: Order::Newest,
                offset: c.below(1000),
                ..Query::default()
            }),
        ),
        (
            "list a shot",
            Box::new(|c| Query {
                shot: Some(shot(c.below(SHOTS))),
                ..Query::default()
            }),
        ),
        (
            "filter by verdict and engine",
            Box::new(|c| Query {
                verdicts: vec![Verdict::ALL[c.below(6)], Verdict::Open],
                engine: Some("hosted".into()),
                ..Query::default()
            }),
        ),
        (
            "filter by three measures",
            Box::new(|c| Query {
                measures: [
                    (
                        MEASURES[c.below(4)].to_owned(),
                        Limit::at_most(0.3 + 0.5 * c.unit()),
                    ),
                    (
                        MEASURES[4 + c.below(4)].to_owned(),
                        Limit::at_least(0.5 * c.unit()),
                    ),
                    (MEASURES[8 + c.below(4)].to_owned(), Limit::at_most(0.5)),
                ]
                .into(),
                ..Query::default()
            }),
        ),
        (
            "rank the film by a measure",
            Box::new(|c| Query {
                order: Order::Measure {
                    name: MEASURES[c.below(12)].to_owned(),
                    most_first: c.below(2) == 0,
                },
                ..Query::default()
            }),
        ),
        (
            "rank those of a shot within a limit",
            Box::new(|c| Query {
                shot: Some(shot(c.below(SHOTS))),
                measures: [("flicker".to_owned(), Limit::at_most(0.5))].into(),
                order: Order::Measure {
                    name: MEASURES[c.below(12)].to_owned(),
                    most_first: true,
                },
                ..Query::default()
            }),
        ),
        (
            "rank the open ones by cost",
            Box::new(|_| Query {
                verdicts: vec![Verdict::Open],
                order: Order::Cost,
                ..Query::default()
            }),
        ),
        (
            "rank by waiting",
            Box::new(|c| Query {
                order: Order::Waited,
                offset: c.below(1000),
                ..Query::default()
            }),
        ),
    ];
    for (name, make) in &kinds {
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..GOES {
            let query = page(make(&mut chance));
            let start = Instant::now();
            found = index.list(&vault, &query)?.total;
            times.push(ms(start));
        }
        let note = format!("{takes} takes; the last go let {found} through");
        figure(name, slow(times), "ms", Some(GOAL_MS), &note);
    }

    let start = Instant::now();
    let rows = index.list(&vault, &Query::default())?.rows.len();
    figure(
        "every row of the film",
        ms(start),
        "ms",
        None,
        &format!("{rows} rows, whole"),
    );
    let start = Instant::now();
    let shots = index.tallies(&vault)?.shots.len();
    figure(
        "count up for the report",
        ms(start),
        "ms",
        None,
        &format!("{shots} shots"),
    );

    let mut times = Vec::new();
    for n in 0..20 {
        let star = NewAct::new(Verb::Starred, Actor::person("Ada"), shot(n * 10)).input("take", take(n * 10));
        vault.ledger().append(star.with_facts(json!({ "stars": 3 })))?;
        let start = Instant::now();
        index.list(
            &vault,
            &page(Query {
                shot: Some(shot(n * 10)),
                ..Query::default()
            }),
        )?;
        times.push(ms(start));
    }
    figure(
        "list a shot after a judgement",
        slow(times),
        "ms",
        Some(GOAL_MS),
        "the index follows the ledger",
    );

    let candidates: Vec<Candidate> = measured(1000, &mut chance)
        .into_iter()
        .map(|(take, measured)| Candidate {
            take,
            measures: measured.numbers,
            look: measured.look,
            judged: false,
            question: None,
        })
        .collect();
    let rules = Cull {
        limits: BTreeMap::from([("flicker".to_owned(), Limit::at_most(0.9))]),
        ..Cull::default()
    };
    let start = Instant::now();
    let plan = cull("shot:bench", &candidates, &rules)?;
    figure("cull a thousand takes", ms(start), "ms", None, &plan.to_string());
    Ok(())
}

fn figure(name: &str, value: f64, unit: &str, goal: Option<f64>, note: &str) {
    let goal = goal.map_or_else(|| "-".to_owned(), |goal| goal.to_string());
    println!("figure\t{name}\t{value:.2}\t{unit}\tlower\t{goal}\t{note}");
}
