//! Sources found again: by words, by how they look, by time, place, lens and rights, and by all of it at once.
//!
//! A [`Query`] is text as people write it. Words and filters choose among the sources; where the query asks for a look or a
//! colour, that ranks them, or else how well the words fit, or else the distance from a place, or else their names.
//!
//! ```
//! use heirloom_archive::search::Query;
//! use heirloom_archive::{AddOptions, Archive};
//! use heirloom_vault::Vault;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let pictures = folder.path().join("father");
//! std::fs::create_dir(&pictures)?;
//! heirloom_picture::png::write8(&pictures.join("The_Beach.png"), &[[200, 180, 90]; 12], 4, 3)?;
//! std::fs::write(pictures.join("The_Beach.txt"), "Noon, nobody there")?;
//! let vault = Vault::create(&folder.path().join("vault"))?;
//! let archive = Archive::new(&vault);
//! archive.add(&[pictures], &AddOptions::default(), &())?;
//!
//! let found = archive.search(&Query::parse("noon beach -moon")?, 10, 0)?;
//! assert_eq!(found.total, 1);
//! assert_eq!(found.hits[0].name, "father/The_Beach");
//! assert_eq!(found.hits[0].why, ["caption: Noon", "file: Beach"]);
//! // Nobody said whose it is: no use is allowed.
//! assert_eq!(archive.search(&Query::parse("may:generate")?, 10, 0)?.total, 0);
//! # Ok(())
//! # }
//! ```
//!
//! What always holds:
//! - The index follows the ledger: what an act says is found, or no longer found, by the next search.
//! - Whether a source may be used is asked of today, by the rules of [`heirloom_vault::Standing`].
//! - A deleted, damaged or older index is made anew. What pictures look like has to be seen again then.
//! - No text of a query is syntax to the database.
//!
//! Words find words: "beach" finds what someone called a beach, not what looks like one. A model that puts pictures and
//! texts into one space can be plugged in by its vectors (not yet: words find words only).

use std::sync::{Arc, Mutex, PoisonError};

use heirloom_film::SourceCall;
use heirloom_vault::{ObjectId, VaultError};
use jiff::civil::Date;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use crate::index::{Trouble, sync};
use crate::{Archive, Index, IndexError, ResolveError};

mod dates;
mod filters;
pub(crate) mod look;
mod parse;
mod place;
mod query;
mod words;

pub use dates::Day;
pub use look::LookWeights;
pub use query::{
    Colour, Field, Kind, LONGEST, Like, MOST_TERMS, Query, QueryError, Term, USUAL_RADIUS_KM, What, Words,
};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The page asked for, best first.
    pub hits: Vec<Hit>,
    /// How many there are in all.
    pub total: usize,
    /// How many more fit the query but are not ranked, as their pictures were not looked at yet.
    pub unseen: usize,
}

/// One source by one of its names.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Its full name: `archive:` and this calls it.
    pub name: String,
    /// Its file's name.
    pub file_name: String,
    /// The picture.
    pub object: ObjectId,
    /// How well it fits; larger is better. By look and colour from 0 to 1; by words without bounds; by distance the
    /// negative kilometres; otherwise 0. Comparable within one answer only.
    pub score: f64,
    /// Why it was found: where the words stand, how alike it looks, how far away it is.
    pub why: Vec<String>,
    /// What is said of it, around the words that were found, which stand in square brackets.
    pub snippet: String,
}

/// A search that could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The ledger.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// `like:` calls a source that there is not, or several.
    #[error(transparent)]
    Like(#[from] ResolveError),
    /// `like:` calls what no source can be called.
    #[error(transparent)]
    Call(#[from] heirloom_film::CallError),
    /// The picture that the answers shall look like was not looked at.
    #[error(
        "{name} was not looked at yet: look at the archive's pictures first, with `heirloom archive look`"
    )]
    NotSeen {
        /// What was called.
        name: String,
    },
}

/// What searches by look keep in memory, as of two counters of the index.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<Option<(Counters, Arc<look::Looks>)>>);

/// Go up whenever entries, or looks, change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counters {
    entries: i64,
    looks: i64,
}

impl Cache {
    /// Lets go of everything: the index was made anew.
    pub fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn looks(&self, connection: &Connection) -> rusqlite::Result<Arc<look::Looks>> {
        let counters = connection
            .prepare_cached("SELECT entries, looks FROM state")?
            .query_row([], |row| {
                Ok(Counters {
                    entries: row.get(0)?,
                    looks: row.get(1)?,
                })
            })?;
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, looks)) = held.as_ref()
            && *then == counters
        {
            return Ok(Arc::clone(looks));
        }
        let looks = Arc::new(look::Looks::read(connection)?);
        *held = Some((counters, Arc::clone(&looks)));
        Ok(looks)
    }
}

impl Archive<'_> {
    /// The sources for which all of the query holds: from `offset` on at most `limit` of them, best first.
    ///
    /// For several searches keep an [`Index`] open and ask [`Index::search`].
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn search(&self, query: &Query, limit: usize, offset: usize) -> Result<Found, SearchError> {
        Index::open(self.vault())?.search(self, query, limit, offset)
    }
}

impl Index {
    /// As [`Archive::search`], in an index of this archive that stays open.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn search(
        &self,
        archive: &Archive<'_>,
        query: &Query,
        limit: usize,
        offset: usize,
    ) -> Result<Found, SearchError> {
        let today = jiff::Zoned::now().date();
        self.search_on(archive, query, limit, offset, today)
    }

    /// As [`Index::search`], as it would be on another day: rights end.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn search_on(
        &self,
        archive: &Archive<'_>,
        query: &Query,
        limit: usize,
        offset: usize,
        today: Date,
    ) -> Result<Found, SearchError> {
        self.run(|connection| {
            sync(connection, archive.vault().ledger()).map_err(widened)?;
            // One transaction: all that is read below is of one moment.
            let transaction = connection.transaction()?;
            let search = Search {
                archive,
                cache: &self.cache,
                connection: &transaction,
                query,
                today,
                limit,
                offset,
            };
            search.run()
        })
    }

    /// Brings the index up to the archive's ledger; searches do so by themselves.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn follow(&self, archive: &Archive<'_>) -> Result<(), SearchError> {
        self.run(|connection| sync(connection, archive.vault().ledger()).map_err(widened))
    }
}

type Fault = Trouble<SearchError>;

/// One search.
struct Search<'s> {
    archive: &'s Archive<'s>,
    cache: &'s Cache,
    connection: &'s Connection,
    query: &'s Query,
    today: Date,
    limit: usize,
    offset: usize,
}

/// An entry that may be an answer.
struct Candidate {
    id: i64,
    score: f64,
    place: Option<[f64; 2]>,
}

impl Search<'_> {
    fn run(&self) -> Result<Found, Fault> {
        let wanted = self.wanted()?;
        let conditions = filters::Conditions::of(self.query, self.connection, self.today)?;
        let expression = words::all_of(self.query.terms.iter().filter_map(|term| match &term.what {
            What::Words(words) if !term.negated => Some(words),
            _ => None,
        }));
        let places = self.places();
        if wanted.is_none() && expression.is_none() && places.is_empty() {
            return self.by_name(&conditions);
        }
        let all = expression.is_none() && conditions.is_empty() && places.is_empty();
        if let (Some(wanted), true) = (&wanted, all) {
            return self.by_look(wanted, None);
        }
        // Where looks rank, how well the words fit is not asked.
        let ranked = wanted.is_none();
        let mut candidates =
            self.candidates(&conditions, expression.as_deref(), ranked, !places.is_empty())?;
        candidates.retain(|candidate| near_all(&places, candidate.place));
        if let Some(wanted) = &wanted {
            let mut ids: Vec<i64> = candidates.iter().map(|candidate| candidate.id).collect();
            ids.sort_unstable();
            return self.by_look(wanted, Some(&ids));
        }
        if expression.is_none() {
            let centre = places
                .iter()
                .find(|place| !place.negated)
                .map(|place| place.centre);
            for candidate in &mut candidates {
                if let (Some(centre), Some(place)) = (centre, candidate.place) {
                    candidate.score = -place::distance_km(centre, place);
                }
            }
        }
        let total = candidates.len();
        let scored = candidates.into_iter().map(|c| (c.score, c.id)).collect();
        let hits = self.hits(self.page(scored), expression.as_deref(), None)?;
        Ok(Found {
            hits,
            total,
            unseen: 0,
        })
    }

    /// What looks rank by, if they do.
    fn wanted(&self) -> Result<Option<look::Wanted>, Fault> {
        let packed = match self.query.like() {
            None => None,
            Some(Like::File(path)) => Some(
                self.query
                    .look
                    .as_ref()
                    .and_then(look::PackedLook::of)
                    .ok_or_else(|| not_seen(path.display().to_string()))?,
            ),
            Some(Like::Source(call)) => {
                let call = SourceCall::parse(call).map_err(|error| Trouble::Other(error.into()))?;
                let object = self.resolve(&call)?;
                let packed: Option<Vec<u8>> = self
                    .connection
                    .prepare_cached("SELECT packed FROM looks WHERE object = ?1")?
                    .query_row([object.to_string()], |row| row.get(0))
                    .optional()?;
                let packed = packed.and_then(|bytes| look::PackedLook::from_bytes(&bytes));
                Some(packed.ok_or_else(|| not_seen(call.to_string()))?)
            }
        };
        let ranks = packed.is_some() || self.query.colours().next().is_some();
        Ok(ranks.then(|| look::Wanted::new(packed, self.query.colours(), self.query.weights)))
    }

    /// The picture that a call means. The index knows nearly always; otherwise the archive says what is wrong.
    fn resolve(&self, call: &SourceCall) -> Result<ObjectId, Fault> {
        let stem = SourceCall {
            call: call.call.rsplit('/').next().unwrap_or_default().to_owned(),
        };
        let mut query = self
            .connection
            .prepare_cached("SELECT DISTINCT folder, stem, object FROM entries WHERE plain = ?1")?;
        let rows = query.query_map([stem.canonical()], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
            ))
        })?;
        let mut objects = std::collections::BTreeSet::new();
        for row in rows {
            let (folder, stem, object) = row?;
            if call.matches(&folder, &stem) {
                objects.insert(object);
            }
        }
        if let (Some(object), 1) = (objects.first(), objects.len())
            && let Ok(object) = object.parse()
        {
            return Ok(object);
        }
        let source = self.archive.resolve(call);
        source
            .map(|source| source.object)
            .map_err(|error| Trouble::Other(error.into()))
    }

    fn places(&self) -> Vec<Place> {
        let near = |term: &Term| match term.what {
            What::Near {
                latitude_deg,
                longitude_deg,
                radius_km,
            } => Some(Place {
                centre: [latitude_deg, longitude_deg],
                radius_km,
                negated: term.negated,
            }),
            _ => None,
        };
        self.query.terms.iter().filter_map(near).collect()
    }

    /// Nothing ranks: the database counts, sorts by name and pages.
    fn by_name(&self, conditions: &filters::Conditions) -> Result<Found, Fault> {
        let which = conditions.sql();
        let total: i64 = self
            .connection
            .prepare_cached(&format!("SELECT count(*) FROM entries e WHERE {which}"))?
            .query_row(params_from_iter(&conditions.values), |row| row.get(0))?;
        let (limit, offset) = (clamped(self.limit), clamped(self.offset));
        let sql = format!(
            "SELECT e.id FROM entries e WHERE {which} ORDER BY e.folder, e.file_name LIMIT {limit} OFFSET {offset}"
        );
        let mut query = self.connection.prepare_cached(&sql)?;
        let ids = query
            .query_map(params_from_iter(&conditions.values), |row| Ok((0.0, row.get(0)?)))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(Found {
            hits: self.hits(ids, None, None)?,
            total: usize::try_from(total).unwrap_or_default(),
            unseen: 0,
        })
    }

    fn by_look(&self, wanted: &look::Wanted, among: Option<&[i64]>) -> Result<Found, Fault> {
        let looks = self.cache.looks(self.connection)?;
        let scores = looks.scores(wanted, among);
        let fitting = match among {
            Some(ids) => ids.len(),
            None => {
                let count: i64 = self
                    .connection
                    .prepare_cached("SELECT count(*) FROM entries")?
                    .query_row([], |row| row.get(0))?;
                usize::try_from(count).unwrap_or_default()
            }
        };
        let total = scores.len();
        let scored = scores
            .into_iter()
            .map(|(score, id)| (f64::from(score), id))
            .collect();
        let hits = self.hits(self.page(scored), None, Some((wanted, &looks)))?;
        Ok(Found {
            hits,
            total,
            unseen: fitting.saturating_sub(total),
        })
    }

    /// All entries that the words and conditions choose. `ranked` asks how well the words fit, `placed` where they are.
    fn candidates(
        &self,
        conditions: &filters::Conditions,
        expression: Option<&str>,
        ranked: bool,
        placed: bool,
    ) -> rusqlite::Result<Vec<Candidate>> {
        let mut values = conditions.values.clone();
        let which = conditions.sql();
        let sql = match expression {
            Some(expression) => {
                values.push(Value::from(expression.to_owned()));
                let n = values.len();
                let score = if ranked {
                    format!("-bm25(words, {})", words::WEIGHTS)
                } else {
                    "0.0".to_owned()
                };
                if conditions.is_empty() && !placed {
                    format!("SELECT rowid, {score}, NULL, NULL FROM words WHERE words MATCH ?{n}")
                } else {
                    format!(
                        "SELECT e.id, {score}, e.latitude, e.longitude FROM words CROSS JOIN entries e \
                         ON e.id = words.rowid WHERE words MATCH ?{n} AND {which}"
                    )
                }
            }
            None => format!("SELECT e.id, 0.0, e.latitude, e.longitude FROM entries e WHERE {which}"),
        };
        let mut query = self.connection.prepare_cached(&sql)?;
        let rows = query.query_map(params_from_iter(&values), |row| {
            let (latitude, longitude): (Option<f64>, Option<f64>) = (row.get(2)?, row.get(3)?);
            Ok(Candidate {
                id: row.get(0)?,
                score: row.get(1)?,
                place: latitude.zip(longitude).map(|(lat, lon)| [lat, lon]),
            })
        })?;
        rows.collect()
    }

    /// The page asked for, best first; of equals the one that came in first.
    fn page(&self, mut scored: Vec<(f64, i64)>) -> Vec<(f64, i64)> {
        let better =
            |one: &(f64, i64), other: &(f64, i64)| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1));
        let end = self.offset.saturating_add(self.limit);
        if end < scored.len() {
            // Only what is shown is put in order.
            scored.select_nth_unstable_by(end, better);
            scored.truncate(end);
        }
        scored.sort_unstable_by(better);
        scored.into_iter().skip(self.offset).take(self.limit).collect()
    }

    fn hits(
        &self,
        page: Vec<(f64, i64)>,
        expression: Option<&str>,
        ranked: Option<(&look::Wanted, &look::Looks)>,
    ) -> Result<Vec<Hit>, Fault> {
        let mut hits = Vec::with_capacity(page.len());
        for (score, id) in page {
            let (folder, stem, file_name, object) = self
                .connection
                .prepare_cached("SELECT folder, stem, file_name, object FROM entries WHERE id = ?1")?
                .query_row([id], |row| {
                    Ok((
                        row.get::<_, String>(0)?,
                        row.get::<_, String>(1)?,
                        row.get::<_, String>(2)?,
                        row.get::<_, String>(3)?,
                    ))
                })?;
            let (mut why, mut snippet) = match expression {
                Some(expression) => self.shown(id, expression)?,
                None => (Vec::new(), String::new()),
            };
            // Where only the name of its folder or lens matched, what is said of it tells more.
            if !why.iter().any(|why| words::is_said(why)) {
                snippet = self.said(id)?;
            }
            if let Some((wanted, looks)) = ranked {
                why.extend(looks.of_entry(id).iter().flat_map(|packed| wanted.why(packed)));
            } else if expression.is_none() && score < 0.0 {
                why.push(format!("{:.1} km away", -score));
            }
            hits.push(Hit {
                name: crate::catalogue::full_name(&folder, &stem),
                file_name,
                object: object
                    .parse()
                    .map_err(|error: VaultError| Trouble::Other(error.into()))?,
                score,
                why,
                snippet: if snippet.is_empty() {
                    crate::look::name_in_words(&stem)
                } else {
                    snippet
                },
            });
        }
        Ok(hits)
    }

    /// Where an entry's words matched, and some text around them.
    fn shown(&self, id: i64, expression: &str) -> rusqlite::Result<(Vec<String>, String)> {
        let marks = "char(2), char(3)";
        let columns: Vec<String> = (0..Field::ALL.len())
            .map(|n| format!("highlight(words, {n}, {marks})"))
            .collect();
        let sql = format!(
            "SELECT snippet(words, -1, {marks}, '…', 16), {} FROM words WHERE words MATCH ?1 AND rowid = ?2",
            columns.join(", ")
        );
        self.connection
            .prepare_cached(&sql)?
            .query_row(rusqlite::params![expression, id], |row| {
                let snippet: String = row.get(0)?;
                let columns = (1..=Field::ALL.len())
                    .map(|n| row.get::<_, String>(n))
                    .collect::<rusqlite::Result<Vec<_>>>()?;
                Ok((words::matched(&columns), words::shown(&snippet)))
            })
    }

    /// What is said of an entry: its caption, or else its title.
    fn said(&self, id: i64) -> rusqlite::Result<String> {
        self.connection
            .prepare_cached("SELECT iif(caption = '', title, caption) FROM words WHERE rowid = ?1")?
            .query_row([id], |row| row.get::<_, String>(0))
            .map(|text| words::shown(&text))
    }
}

/// A place that entries must, or must not, be near.
struct Place {
    centre: [f64; 2],
    radius_km: f64,
    negated: bool,
}

/// Whether a place keeps to all of these. One that is not known is near nothing.
fn near_all(places: &[Place], at: Option<[f64; 2]>) -> bool {
    places.iter().all(|place| {
        let near = at.is_some_and(|at| place::distance_km(place.centre, at) <= place.radius_km);
        near != place.negated
    })
}

fn widened(trouble: Trouble<VaultError>) -> Fault {
    match trouble {
        Trouble::Database(error) => Trouble::Database(error),
        Trouble::Other(error) => Trouble::Other(error.into()),
    }
}

fn not_seen(name: String) -> Fault {
    Trouble::Other(SearchError::NotSeen { name })
}

fn clamped(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
