//! Which takes to list, and in which order.

use std::collections::BTreeMap;

use heirloom_film::Limit;
use heirloom_vault::ObjectId;
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde::Serialize;

use super::listed;
use super::row::{self, Row};
use crate::choices::Verdict;

/// In which order takes are listed. Where it does not tell two apart, the older one goes first, then the one with the
/// smaller name; [`Order::Newest`] is [`Order::Oldest`] turned round.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Order {
    /// The oldest first.
    #[default]
    Oldest,
    /// The newest first.
    Newest,
    /// The one with the most stars first; only those that have stars.
    Stars,
    /// By a measure; only those of which it was taken.
    Measure {
        /// The measure's name.
        name: String,
        /// Whether the one with the most of it goes first.
        most_first: bool,
    },
    /// The dearest first; only those whose cost is known.
    Cost,
    /// The one that was waited for longest first.
    Waited,
}

/// Which takes to list; every field left out lets all through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Only those of the shot that the ledger calls so.
    pub shot: Option<String>,
    /// Only those that stand so, or so.
    pub verdicts: Vec<Verdict>,
    /// Only those of this engine.
    pub engine: Option<String>,
    /// Only those of this version of the shot's prompt.
    pub version: Option<u32>,
    /// Only those that grew straight from this take.
    pub parent: Option<ObjectId>,
    /// Only those with so many stars or more.
    pub stars: Option<u8>,
    /// Only those that the last cull kept.
    pub kept: bool,
    /// Only those drawn at this time or later.
    pub since: Option<Timestamp>,
    /// Only those whose measures lie within these limits; one that lacks such a measure does not.
    pub measures: BTreeMap<String, Limit>,
    /// In which order.
    pub order: Order,
    /// At most so many; all where none is given.
    pub limit: Option<usize>,
    /// So many are passed over first.
    pub offset: usize,
}

/// A page of takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Page {
    /// How many takes the query lets through, on this page and on others.
    pub total: u64,
    /// Those of this page.
    pub rows: Vec<Row>,
}

/// A measure over several takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many takes have it.
    pub takes: u64,
    /// Their mean.
    pub mean: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

/// What SQLite is asked: the conditions of a query.
struct Asked {
    conditions: String,
    values: Vec<Value>,
    /// By what takes are ordered, where it is not time.
    key: Option<Key>,
}

/// No take has what was asked for.
struct Nowhere;

/// A number that takes are ordered by.
struct Key {
    column: String,
    most_first: bool,
}

impl Query {
    /// The number that takes are ordered by; `Err` where no take has it.
    fn key(&self, connection: &Connection) -> rusqlite::Result<Result<Option<Key>, Nowhere>> {
        let (column, most_first) = match &self.order {
            Order::Oldest | Order::Newest => return Ok(Ok(None)),
            Order::Stars => ("stars".to_owned(), true),
            Order::Cost => ("cost".to_owned(), true),
            Order::Waited => ("waited".to_owned(), true),
            Order::Measure { name, most_first } => match listed::column(connection, name)? {
                Some(column) => (column, *most_first),
                None => return Ok(Err(Nowhere)),
            },
        };
        Ok(Ok(Some(Key { column, most_first })))
    }

    /// The conditions; none where something that no take has decides that nothing is let through.
    fn asked(&self, connection: &Connection) -> rusqlite::Result<Option<Asked>> {
        let mut clauses: Vec<String> = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        let Ok(key) = self.key(connection)? else {
            return Ok(None);
        };
        if let Some(key) = &key
            && self.order != Order::Waited
        {
            clauses.push(format!("e.{} IS NOT NULL", key.column));
        }
        for (column, word) in [("shot", &self.shot), ("engine", &self.engine)] {
            let Some(word) = word else { continue };
            let Some(id) = listed::word(connection, word)? else {
                return Ok(None);
            };
            clauses.push(format!("e.{column} = {id}"));
        }
        if let Some(parent) = &self.parent {
            clauses.push("e.parent = (SELECT id FROM known WHERE take = ?)".to_owned());
            values.push(parent.to_string().into());
        }
        for (column, limit) in &self.measures {
            let Some(column) = listed::column(connection, column)? else {
                return Ok(None);
            };
            clauses.push(format!("e.{column} BETWEEN ? AND ?"));
            values.push(limit.at_least.unwrap_or(f64::MIN).into());
            values.push(limit.at_most.unwrap_or(f64::MAX).into());
        }
        let numbers = [
            self.version.map(|version| format!("e.version = {version}")),
            self.stars.map(|stars| format!("e.stars >= {stars}")),
            self.kept.then(|| "e.kept IS NOT NULL".to_owned()),
            self.since
                .map(|since| format!("e.at >= {}", listed::nanoseconds(since))),
        ];
        clauses.extend(numbers.into_iter().flatten());
        if !self.verdicts.is_empty() {
            let verdicts: Vec<String> = self
                .verdicts
                .iter()
                .map(|verdict| (*verdict as i64).to_string())
                .collect();
            clauses.push(format!("e.verdict IN ({})", verdicts.join(", ")));
        }
        let conditions = match clauses.as_slice() {
            [] => "true".to_owned(),
            some => some.join(" AND "),
        };
        Ok(Some(Asked {
            conditions,
            values,
            key,
        }))
    }
}

pub(super) fn list(connection: &Connection, query: &Query) -> rusqlite::Result<Page> {
    let Some(asked) = query.asked(connection)? else {
        return Ok(Page::default());
    };
    let (total, entries) = match &asked.key {
        None => by_time(connection, query, &asked)?,
        Some(key) => by_key(connection, query, &asked, key)?,
    };
    Ok(Page {
        total,
        rows: row::rows(connection, &entries)?,
    })
}

/// In the order of time, which the table has an index of.
fn by_time(connection: &Connection, query: &Query, asked: &Asked) -> rusqlite::Result<(u64, Vec<i64>)> {
    let Asked {
        conditions, values, ..
    } = asked;
    let total: i64 = connection
        .prepare_cached(&format!("SELECT count(*) FROM listed e WHERE {conditions}"))?
        .query_row(params_from_iter(values), |row| row.get(0))?;
    let limit = query.limit.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX));
    let offset = i64::try_from(query.offset).unwrap_or(i64::MAX);
    let order = match query.order {
        Order::Newest => "e.at DESC, e.tie DESC",
        _ => "e.at, e.tie",
    };
    let sql = format!(
        "SELECT e.entry FROM listed e WHERE {conditions} ORDER BY {order} LIMIT {limit} OFFSET {offset}"
    );
    let entries = connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok((total.unsigned_abs(), entries))
}

/// In the order of a number that the table has no index of: all rows are looked through once, and what decides between
/// equal numbers is asked for only of those that may be on the page.
fn by_key(
    connection: &Connection,
    query: &Query,
    asked: &Asked,
    key: &Key,
) -> rusqlite::Result<(u64, Vec<i64>)> {
    let sql = format!(
        "SELECT e.{}, e.entry FROM listed e WHERE {}",
        key.column, asked.conditions
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(&asked.values))?;
    let mut all: Vec<(f64, i64)> = Vec::new();
    while let Some(row) = rows.next()? {
        // What has no number goes last.
        let number = row.get::<_, Option<f64>>(0)?;
        let number = number.map(|number| if key.most_first { -number } else { number });
        all.push((number.unwrap_or(f64::INFINITY), row.get(1)?));
    }
    let total = all.len();
    let last = query
        .offset
        .saturating_add(query.limit.unwrap_or(usize::MAX))
        .min(total);
    if last <= query.offset {
        return Ok((total as u64, Vec::new()));
    }
    let (_, &mut (edge, _), _) = all.select_nth_unstable_by(last - 1, |a, b| a.0.total_cmp(&b.0));
    all.retain(|(number, _)| *number <= edge);
    let mut tie = connection.prepare_cached("SELECT at, tie FROM listed WHERE entry = ?1")?;
    let mut near = Vec::with_capacity(all.len());
    for (number, entry) in all {
        let (at, tie): (i64, String) = tie.query_row([entry], |row| Ok((row.get(0)?, row.get(1)?)))?;
        near.push((number, at, tie, entry));
    }
    near.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| (a.1, &a.2).cmp(&(b.1, &b.2))));
    let page = near.into_iter().take(last).skip(query.offset);
    Ok((total as u64, page.map(|(.., entry)| entry).collect()))
}

pub(super) fn summaries(
    connection: &Connection,
    query: &Query,
) -> rusqlite::Result<BTreeMap<String, Summary>> {
    let mut sums = BTreeMap::new();
    let Some(asked) = query.asked(connection)? else {
        return Ok(sums);
    };
    let names: Vec<String> = connection
        .prepare_cached("SELECT name FROM names ORDER BY name")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for name in names {
        let Some(column) = listed::column(connection, &name)? else {
            continue;
        };
        // In an order that is the same on every machine, so that sums of floats are; a take that two shots asked for once.
        let sql = format!(
            "SELECT DISTINCT f.take, e.{column} FROM listed e JOIN entries f ON f.id = e.entry
             WHERE {} AND e.{column} IS NOT NULL ORDER BY e.at, e.tie",
            asked.conditions
        );
        let values: Vec<f64> = connection
            .prepare_cached(&sql)?
            .query_map(params_from_iter(&asked.values), |row| row.get(1))?
            .collect::<rusqlite::Result<_>>()?;
        if !values.is_empty() {
            sums.insert(
                name,
                Summary {
                    takes: values.len() as u64,
                    mean: values.iter().sum::<f64>() / values.len() as f64,
                    least: values.iter().copied().fold(f64::INFINITY, f64::min),
                    most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                },
            );
        }
    }
    Ok(sums)
}
