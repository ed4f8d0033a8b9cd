//! One search, from its query to its page of answers.

use std::sync::Arc;

use heirloom_film::SourceCall;
use heirloom_vault::{ObjectId, VaultError};
use jiff::civil::Date;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::query::{Field, Like, Query, Term, What};
use super::vectors::{self, ByVectors, VectorError};
use super::{Cache, Fault, Found, Hit, SearchError, filters, look, place, words};
use crate::Archive;
use crate::index::Trouble;

/// One search.
pub(super) struct Search<'s> {
    pub archive: &'s Archive<'s>,
    pub cache: &'s Cache,
    pub connection: &'s Connection,
    pub query: &'s Query,
    pub today: Date,
    pub limit: usize,
    pub offset: usize,
}

/// What answers are ranked by, where their words are not.
enum Ranking {
    /// How they look.
    Look(Box<look::Wanted>),
    /// A model's vectors, and what they shall be near to.
    Vectors(Vec<u8>, Arc<vectors::Vectors>),
}

/// An entry that may be an answer.
struct Candidate {
    id: i64,
    score: f64,
    place: Option<[f64; 2]>,
}

impl Search<'_> {
    pub fn run(&self) -> Result<Found, Fault> {
        let wanted = match &self.query.by_vectors {
            Some(by) => Some(self.wanted_by(by)?),
            None => self.wanted()?.map(|wanted| Ranking::Look(Box::new(wanted))),
        };
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
            return self.ranked(wanted, None);
        }
        // Where looks rank, how well the words fit is not asked.
        let ranked = wanted.is_none();
        let mut candidates =
            self.candidates(&conditions, expression.as_deref(), ranked, !places.is_empty())?;
        candidates.retain(|candidate| near_all(&places, candidate.place));
        if let Some(wanted) = &wanted {
            let mut ids: Vec<i64> = candidates.iter().map(|candidate| candidate.id).collect();
            ids.sort_unstable();
            return self.ranked(wanted, Some(&ids));
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

    /// What a model's vectors rank by.
    fn wanted_by(&self, by: &ByVectors) -> Result<Ranking, Fault> {
        let wrong = |error: VectorError| Trouble::Other(SearchError::from(error));
        let none = |what: String| {
            wrong(VectorError::None {
                what,
                model: by.model.clone(),
            })
        };
        let vectors = self.cache.vectors(self.connection, &by.model)?;
        if vectors.dim() == 0 {
            return Err(none("any source".to_owned()));
        }
        let (name, packed) = match (&by.vector, self.query.like()) {
            (Some(vector), _) => {
                let name = "the vector asked for".to_owned();
                let packed = vectors::packed(vector).ok_or_else(|| {
                    wrong(VectorError::Tensor {
                        name: name.clone(),
                        why: "it has no direction".to_owned(),
                    })
                })?;
                (name, packed)
            }
            (None, Some(Like::Source(call))) => {
                let call = SourceCall::parse(call).map_err(|error| Trouble::Other(error.into()))?;
                let object = self.resolve(&call)?;
                let packed = vectors::of_object(self.connection, &by.model, &object)?;
                (call.to_string(), packed.ok_or_else(|| none(call.to_string()))?)
            }
            (None, Some(Like::File(path))) => return Err(none(path.display().to_string())),
            (None, None) => return Err(wrong(VectorError::Nothing)),
        };
        if packed.len() != vectors.dim() {
            return Err(wrong(VectorError::Length {
                name,
                found: packed.len(),
                expected: vectors.dim(),
            }));
        }
        Ok(Ranking::Vectors(packed, vectors))
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

    fn ranked(&self, by: &Ranking, among: Option<&[i64]>) -> Result<Found, Fault> {
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
        let (scored, looks) = match by {
            Ranking::Look(wanted) => {
                let looks = self.cache.looks(self.connection)?;
                let scores = looks.scores(wanted, among).into_iter();
                let scored = scores.map(|(score, id)| (f64::from(score), id)).collect();
                (scored, Some(looks))
            }
            Ranking::Vectors(to, vectors) => (vectors.cosines(to, among), None),
        };
        let total = scored.len();
        let shown = match (by, &looks) {
            (Ranking::Look(wanted), Some(looks)) => Some((&**wanted, &**looks)),
            _ => None,
        };
        Ok(Found {
            hits: self.hits(self.page(scored), None, shown)?,
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

fn not_seen(name: String) -> Fault {
    Trouble::Other(SearchError::NotSeen { name })
}

fn clamped(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
