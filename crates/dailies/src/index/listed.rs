//! The small table that takes are filtered and ordered by: one row an entry, one column a measure.

use std::collections::BTreeMap;

use heirloom_vault::ObjectId;
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::{Fault, known, row};

/// Adds a column for every measure that is known: for a table that was just made.
pub(super) fn columns(connection: &Connection) -> rusqlite::Result<()> {
    let names: Vec<i64> = connection
        .prepare("SELECT id FROM names ORDER BY id")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    names
        .into_iter()
        .try_for_each(|name| add_column(connection, name))
}

fn add_column(connection: &Connection, name: i64) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("ALTER TABLE listed ADD COLUMN m{name} REAL"))
}

/// The column of a measure, if any take has it.
pub(super) fn column(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT id FROM names WHERE name = ?1")?
        .query_row([name], |row| Ok(format!("m{}", row.get::<_, i64>(0)?)))
        .optional()
}

/// The column of a measure, made where it is new.
fn column_or_new(connection: &Connection, name: &str) -> rusqlite::Result<String> {
    if let Some(column) = column(connection, name)? {
        return Ok(column);
    }
    connection
        .prepare_cached("INSERT INTO names (name) VALUES (?1)")?
        .execute([name])?;
    let id = connection.last_insert_rowid();
    add_column(connection, id)?;
    Ok(format!("m{id}"))
}

/// The number that stands for a shot's or an engine's name; none where it is nowhere.
pub(super) fn word(connection: &Connection, word: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM words WHERE word = ?1")?
        .query_row([word], |row| row.get(0))
        .optional()
}

fn word_or_new(connection: &Connection, text: &str) -> rusqlite::Result<i64> {
    if let Some(id) = word(connection, text)? {
        return Ok(id);
    }
    connection
        .prepare_cached("INSERT INTO words (word) VALUES (?1)")?
        .execute([text])?;
    Ok(connection.last_insert_rowid())
}

/// A time as it is compared: nanoseconds since 1970.
pub(super) fn nanoseconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(if at < Timestamp::UNIX_EPOCH {
        i64::MIN
    } else {
        i64::MAX
    })
}

/// A take as it is told of here.
struct Drawn {
    take: String,
    engine: String,
    drawn_at: String,
    cost: Option<f64>,
    waited: Option<f64>,
    frames: u32,
}

/// An entry as it is told of here.
struct Told {
    entry: i64,
    shot: String,
    version: Option<u32>,
    parent: Option<String>,
    verdict: i64,
    stars: Option<u8>,
    kept: Option<u32>,
}

/// Lists the entries of a take, as they are now.
pub(super) fn list(connection: &Connection, take: i64) -> Result<(), Fault> {
    let drawn = connection
        .prepare_cached(
            "SELECT k.take, t.engine, t.drawn_at, t.cost_usd, t.waited_s, t.frames
             FROM takes t JOIN known k ON k.id = t.take WHERE t.take = ?1",
        )?
        .query_row([take], |row| {
            Ok(Drawn {
                take: row.get(0)?,
                engine: row.get(1)?,
                drawn_at: row.get(2)?,
                cost: row.get(3)?,
                waited: row.get(4)?,
                frames: row.get(5)?,
            })
        })?;
    let at = nanoseconds(row::parsed(&drawn.drawn_at)?);
    let engine = word_or_new(connection, &drawn.engine)?;
    let name = drawn.take.get(..16).unwrap_or(&drawn.take);
    let entries: Vec<Told> = connection
        .prepare_cached(
            "SELECT id, shot, version, parent, verdict, stars, kept FROM entries WHERE take = ?1",
        )?
        .query_map([take], |row| {
            Ok(Told {
                entry: row.get(0)?,
                shot: row.get(1)?,
                version: row.get(2)?,
                parent: row.get(3)?,
                verdict: row.get(4)?,
                stars: row.get(5)?,
                kept: row.get(6)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    for told in entries {
        let parent: Option<ObjectId> = told.parent.and_then(|parent| parent.parse().ok());
        let parent = parent.map(|parent| known(connection, &parent)).transpose()?;
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO listed (entry, shot, engine, version, parent, at, tie, frames, cost, waited, verdict,
                                                stars, kept)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?
            .execute(params![
                told.entry,
                word_or_new(connection, &told.shot)?,
                engine,
                told.version,
                parent,
                at,
                // As many digits as tell takes apart, and then the shot.
                format!("{name}{}", told.shot),
                drawn.frames,
                drawn.cost,
                drawn.waited,
                told.verdict,
                told.stars,
                told.kept,
            ])?;
    }
    let numbers: Option<String> = connection
        .prepare_cached("SELECT numbers FROM measured WHERE take = ?1")?
        .query_row([take], |row| row.get(0))
        .optional()?;
    if numbers.is_some() {
        measure(connection, take, &row::numbers(numbers), false)?;
    }
    Ok(())
}

/// Writes a take's measures into its entries' columns. Where it was measured before, what it does not have any more is
/// taken out.
pub(super) fn measure(
    connection: &Connection,
    take: i64,
    numbers: &BTreeMap<String, f64>,
    before: bool,
) -> rusqlite::Result<()> {
    let mut sets = Vec::with_capacity(numbers.len());
    let mut values: Vec<Value> = Vec::with_capacity(numbers.len() + 1);
    for (name, value) in numbers {
        sets.push(format!("{} = ?", column_or_new(connection, name)?));
        values.push((*value).into());
    }
    if before {
        let mut all = connection.prepare_cached("SELECT id, name FROM names")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let (id, name): (i64, String) = (row.get(0)?, row.get(1)?);
            if !numbers.contains_key(&name) {
                sets.push(format!("m{id} = NULL"));
            }
        }
    }
    if sets.is_empty() {
        return Ok(());
    }
    values.push(take.into());
    let sql = format!(
        "UPDATE listed SET {} WHERE entry IN (SELECT id FROM entries WHERE take = ?)",
        sets.join(", ")
    );
    connection
        .prepare_cached(&sql)?
        .execute(params_from_iter(values))?;
    Ok(())
}
