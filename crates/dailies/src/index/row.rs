//! One take of a shot, as the index lists it.

use std::collections::BTreeMap;

use heirloom_film::Rate;
use heirloom_vault::{ObjectId, VaultError};
use jiff::Timestamp;
use rusqlite::Connection;
use serde::Serialize;

use crate::choices::{Growth, Standing, Ties};

/// A take in a shot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The take.
    pub take: ObjectId,
    /// The ledger's name of the shot; empty for a take that no shot asked for.
    pub shot: String,
    /// Scene and shot, as they were called when it was asked for first.
    pub label: String,
    /// The request it was drawn for.
    pub request: ObjectId,
    /// Which go at the request.
    pub draw: u32,
    /// The engine.
    pub engine: String,
    /// The engine's algorithm revision, where known.
    pub revision: Option<u32>,
    /// The seed, where known.
    pub seed: Option<u64>,
    /// Length in frames.
    pub frames: u32,
    /// Frames a second, where known.
    pub rate: Option<Rate>,
    /// When it was done.
    pub drawn_at: Timestamp,
    /// Seconds from when it was asked for first to when it was done.
    pub waited_s: Option<f64>,
    /// What it cost in US dollars, where that was written down. Outputs of one draw share its cost.
    pub cost_usd: Option<f64>,
    /// The shot's prompt when it was asked for.
    pub prompt: String,
    /// Which of the shot's prompts that is, from 1 in the order in which they came.
    pub version: Option<u32>,
    /// What it grew from.
    pub growth: Option<Growth>,
    /// How it stands in the shot.
    pub standing: Standing,
    /// What was measured, by the measures' names.
    pub measures: BTreeMap<String, f64>,
}

impl Row {
    /// What a judgement of this take writes down of it.
    pub fn ties(&self) -> Ties {
        Ties {
            request: Some(self.request),
            prompt: self.prompt.clone(),
            version: self.version,
            engine: self.engine.clone(),
            seed: self.seed,
            measures: self.measures.clone(),
        }
    }
}

/// The rows of these entries, in their order.
pub(super) fn rows(connection: &Connection, entries: &[i64]) -> rusqlite::Result<Vec<Row>> {
    let mut query = connection.prepare_cached(
        "SELECT k.take, e.shot, e.label, t.request, t.draw, t.engine, t.revision, t.seed, t.frames, t.rate, t.drawn_at,
                t.waited_s, t.cost_usd, e.prompt, e.version, e.parent, e.note, e.standing, m.numbers
         FROM entries e JOIN takes t ON t.take = e.take JOIN known k ON k.id = e.take
              LEFT JOIN measured m ON m.take = e.take
         WHERE e.id = ?1",
    )?;
    entries
        .iter()
        .map(|entry| {
            query.query_row([entry], |row| {
                let parent: Option<String> = row.get(15)?;
                let note: Option<String> = row.get(16)?;
                let standing: Option<String> = row.get(17)?;
                Ok(Row {
                    take: parsed(&row.get::<_, String>(0)?)?,
                    shot: row.get(1)?,
                    label: row.get(2)?,
                    request: parsed(&row.get::<_, String>(3)?)?,
                    draw: row.get(4)?,
                    engine: row.get(5)?,
                    revision: row.get(6)?,
                    seed: row.get::<_, Option<i64>>(7)?.map(i64::cast_unsigned),
                    frames: row.get(8)?,
                    rate: row
                        .get::<_, Option<String>>(9)?
                        .and_then(|text| Rate::parse(&text).ok()),
                    drawn_at: parsed(&row.get::<_, String>(10)?)?,
                    waited_s: row.get(11)?,
                    cost_usd: row.get(12)?,
                    prompt: row.get::<_, Option<String>>(13)?.unwrap_or_default(),
                    version: row.get(14)?,
                    growth: parent
                        .and_then(|parent| parent.parse().ok())
                        .map(|parent| Growth { parent, note }),
                    standing: standing
                        .and_then(|text| serde_json::from_str(&text).ok())
                        .unwrap_or_default(),
                    measures: numbers(row.get(18)?),
                })
            })
        })
        .collect()
}

/// A value that this program wrote as text.
pub(super) fn parsed<T: std::str::FromStr>(text: &str) -> rusqlite::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// An object's name.
pub(super) fn id(text: &str) -> Result<ObjectId, VaultError> {
    text.parse()
}

/// Numbers by name, as they are kept.
pub(super) fn numbers(text: Option<String>) -> BTreeMap<String, f64> {
    text.and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// A look, as it is kept.
pub(super) fn look(bytes: Option<Vec<u8>>) -> Vec<f32> {
    let bytes = bytes.unwrap_or_default();
    bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect()
}
