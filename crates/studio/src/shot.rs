//! The shot that is looked at: its takes as the page lists them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use heirloom_dailies::choices::Standing;
use heirloom_dailies::index::{Index, IndexError, Query, Row};
use heirloom_dailies::measures::{Better, NAMED};
use heirloom_engine::Engines;
use heirloom_film::Rate;
use heirloom_vault::{Actor, ObjectId, Vault};
use serde::Serialize;

/// What is looked at, by whom.
#[derive(Clone)]
pub struct Look {
    /// The film's folder; posters and clips are made in its `work/look`.
    pub folder: PathBuf,
    /// The film's vault.
    pub vault: Arc<Vault>,
    /// What opens takes.
    pub engines: Engines,
    /// Who judges.
    pub by: Actor,
    /// The ledger's name of the shot ([`heirloom_dailies::subject`]).
    pub shot: String,
    /// Scene and shot, for people.
    pub label: String,
    /// The film's rate, for takes that do not say theirs.
    pub rate: Rate,
}

/// A measure as the page explains it.
#[derive(Debug, Serialize)]
struct Told {
    name: String,
    unit: &'static str,
    /// `more`, `less`, or nothing where neither is better.
    better: &'static str,
    what: &'static str,
}

/// A take as the page lists it.
#[derive(Debug, Serialize)]
struct Listed {
    /// From 1, the oldest first: it stays while new ones come.
    number: usize,
    take: ObjectId,
    engine: String,
    seed: Option<u64>,
    /// Which go at its request, from 0.
    draw: u32,
    frames: u32,
    /// Frames a second, exact.
    rate: [u32; 2],
    drawn_at: String,
    waited_s: Option<f64>,
    cost_usd: Option<f64>,
    prompt: String,
    version: Option<u32>,
    parent: Option<ObjectId>,
    parent_note: Option<String>,
    standing: Standing,
    measures: BTreeMap<String, f64>,
}

/// All that the page shows of a shot.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    label: String,
    shot: String,
    by: String,
    /// Which state of the ledger this is, at least.
    revision: u64,
    /// How many takes stand how.
    counts: BTreeMap<&'static str, u64>,
    measures: Vec<Told>,
    takes: Vec<Listed>,
}

/// The shot's takes, read from the index.
pub(crate) struct Shot {
    pub(crate) look: Look,
    index: Index,
    known: Mutex<HashSet<ObjectId>>,
}

impl Shot {
    pub(crate) fn new(look: Look) -> Result<Self, IndexError> {
        let index = Index::open(&look.vault)?;
        Ok(Self {
            look,
            index,
            known: Mutex::new(HashSet::new()),
        })
    }

    /// Its takes, the oldest first.
    fn rows(&self) -> Result<Vec<Row>, IndexError> {
        let query = Query {
            shot: Some(self.look.shot.clone()),
            ..Query::default()
        };
        let rows = self.index.list(&self.look.vault, &query)?.rows;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(rows.iter().map(|row| row.take));
        Ok(rows)
    }

    /// Whether this is a take of the shot.
    pub(crate) fn has(&self, take: &ObjectId) -> Result<bool, IndexError> {
        let is_known = |shot: &Self| {
            shot.known
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(take)
        };
        if is_known(self) {
            return Ok(true);
        }
        self.rows()?;
        Ok(is_known(self))
    }

    /// One take of the shot.
    pub(crate) fn row(&self, take: &ObjectId) -> Result<Option<Row>, IndexError> {
        Ok(self.rows()?.into_iter().find(|row| row.take == *take))
    }

    /// All that the page shows. `revision` is the ledger's, counted before.
    pub(crate) fn shown(&self, revision: u64) -> Result<Shown, IndexError> {
        let rows = self.rows()?;
        let mut counts = BTreeMap::new();
        let mut names = BTreeSet::new();
        for row in &rows {
            *counts.entry(row.standing.verdict.word()).or_default() += 1;
            names.extend(row.measures.keys().cloned());
        }
        let listed = |(at, row): (usize, Row)| {
            let rate = row.rate.unwrap_or(self.look.rate);
            let (parent, parent_note) = row.growth.map_or((None, None), |g| (Some(g.parent), g.note));
            Listed {
                number: at + 1,
                take: row.take,
                engine: row.engine,
                seed: row.seed,
                draw: row.draw,
                frames: row.frames,
                rate: [rate.num(), rate.den()],
                drawn_at: row.drawn_at.to_string(),
                waited_s: row.waited_s,
                cost_usd: row.cost_usd,
                prompt: row.prompt,
                version: row.version,
                parent,
                parent_note,
                standing: row.standing,
                measures: row.measures,
            }
        };
        Ok(Shown {
            label: self.look.label.clone(),
            shot: self.look.shot.clone(),
            by: self.look.by.name.clone(),
            revision,
            counts,
            measures: told(names),
            takes: rows.into_iter().enumerate().map(listed).collect(),
        })
    }
}

/// The measures of these names in the order of tables; those that have no place there follow.
fn told(mut names: BTreeSet<String>) -> Vec<Told> {
    let mut told = Vec::new();
    for named in NAMED {
        if let Some(name) = names.take(named.name) {
            let better = match named.better {
                Better::More => "more",
                Better::Less => "less",
                Better::Neither => "",
            };
            told.push(Told {
                name,
                unit: named.unit,
                better,
                what: named.what,
            });
        }
    }
    told.extend(names.into_iter().map(|name| Told {
        name,
        unit: "",
        better: "",
        what: "",
    }));
    told
}
