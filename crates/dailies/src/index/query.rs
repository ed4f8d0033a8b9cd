//! Which takes to list, and in which order.

use std::collections::BTreeMap;

use heirloom_film::Limit;
use heirloom_vault::ObjectId;
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use serde::Serialize;

use super::row::{self, Row};
use super::sync::text;
use crate::choices::Verdict;

/// In which order takes are listed. Where it does not tell two apart, the older one goes first.
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

/// What SQLite is asked: the tables and conditions of a query.
struct Asked {
    from: String,
    values: Vec<Value>,
}

impl Query {
    /// The tables and conditions; none where a measure that no take has decides that nothing is let through.
    fn asked(&self, connection: &Connection) -> rusqlite::Result<Option<Asked>> {
        let mut joins = String::new();
        let mut clauses: Vec<&str> = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        if let Order::Measure { name, .. } = &self.order {
            let Some(name) = name_id(connection, name)? else {
                return Ok(None);
            };
            joins.push_str(" JOIN numbers r ON r.take = e.take");
            clauses.push("r.name = ?");
            values.push(name.into());
        }
        if matches!(self.order, Order::Cost | Order::Waited) {
            joins.push_str(" JOIN takes t ON t.take = e.take");
        }
        match self.order {
            Order::Stars => clauses.push("e.stars IS NOT NULL"),
            Order::Cost => clauses.push("t.cost_usd IS NOT NULL"),
            _ => {}
        }
        let mut add = |clause, value: Option<Value>| {
            if let Some(value) = value {
                clauses.push(clause);
                values.push(value);
            }
        };
        add("e.shot = ?", self.shot.clone().map(Value::from));
        add("e.engine = ?", self.engine.clone().map(Value::from));
        add("e.version = ?", self.version.map(Value::from));
        add("e.parent = ?", self.parent.map(|id| id.to_string().into()));
        add("e.stars >= ?", self.stars.map(Value::from));
        add("e.drawn_at >= ?", self.since.map(|at| text(at).into()));
        if self.kept {
            clauses.push("e.kept IS NOT NULL");
        }
        let mut sql = clauses.join(" AND ");
        let mut also = |clause: &str| {
            if !sql.is_empty() {
                sql.push_str(" AND ");
            }
            sql.push_str(clause);
        };
        if !self.verdicts.is_empty() {
            let marks = vec!["?"; self.verdicts.len()].join(", ");
            also(&format!("e.verdict IN ({marks})"));
            values.extend(self.verdicts.iter().map(|verdict| Value::from(*verdict as i64)));
        }
        for (name, limit) in &self.measures {
            let Some(name) = name_id(connection, name)? else {
                return Ok(None);
            };
            also(
                "EXISTS (SELECT 1 FROM numbers n WHERE n.take = e.take AND n.name = ? AND n.value BETWEEN ? AND ?)",
            );
            values.push(name.into());
            values.push(limit.at_least.unwrap_or(f64::MIN).into());
            values.push(limit.at_most.unwrap_or(f64::MAX).into());
        }
        let whole = if sql.is_empty() { "true" } else { &sql };
        Ok(Some(Asked {
            from: format!("FROM entries e{joins} WHERE {whole}"),
            values,
        }))
    }

    fn order(&self) -> &'static str {
        match self.order {
            Order::Oldest => "e.drawn_at",
            Order::Newest => "e.drawn_at DESC",
            Order::Stars => "e.stars DESC, e.drawn_at",
            Order::Measure {
                most_first: false, ..
            } => "r.value, e.drawn_at",
            Order::Measure { most_first: true, .. } => "r.value DESC, e.drawn_at",
            Order::Cost => "t.cost_usd DESC, e.drawn_at",
            Order::Waited => "t.waited_s DESC, e.drawn_at",
        }
    }
}

fn name_id(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM names WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

pub(super) fn list(connection: &Connection, query: &Query) -> rusqlite::Result<Page> {
    let Some(asked) = query.asked(connection)? else {
        return Ok(Page::default());
    };
    let total: i64 = connection
        .prepare_cached(&format!("SELECT count(*) {}", asked.from))?
        .query_row(params_from_iter(&asked.values), |row| row.get(0))?;
    let limit = query.limit.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX));
    let offset = i64::try_from(query.offset).unwrap_or(i64::MAX);
    // The takes' own names decide last, so that the order is the same on every machine.
    let sql = format!(
        "SELECT e.id {} ORDER BY {}, (SELECT take FROM known WHERE id = e.take), e.shot LIMIT {limit} OFFSET {offset}",
        asked.from,
        query.order()
    );
    let entries: Vec<i64> = connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(&asked.values), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Page {
        total: total.unsigned_abs(),
        rows: row::rows(connection, &entries)?,
    })
}

pub(super) fn summaries(
    connection: &Connection,
    query: &Query,
) -> rusqlite::Result<BTreeMap<String, Summary>> {
    let Some(asked) = query.asked(connection)? else {
        return Ok(BTreeMap::new());
    };
    // In the order of the takes' names, so that sums of floats are the same on every machine.
    let sql = format!(
        "SELECT m.name, v.value FROM numbers v JOIN names m ON m.id = v.name JOIN known k ON k.id = v.take
         WHERE v.take IN (SELECT e.take {}) ORDER BY k.take",
        asked.from
    );
    let mut sums: BTreeMap<String, Summary> = BTreeMap::new();
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(&asked.values))?;
    while let Some(row) = rows.next()? {
        let (name, value): (String, f64) = (row.get(0)?, row.get(1)?);
        let sum = sums.entry(name).or_insert(Summary {
            takes: 0,
            mean: 0.0,
            least: value,
            most: value,
        });
        sum.takes += 1;
        sum.mean += value;
        sum.least = sum.least.min(value);
        sum.most = sum.most.max(value);
    }
    for sum in sums.values_mut() {
        sum.mean /= sum.takes as f64;
    }
    Ok(sums)
}
