//! What chooses entries, as conditions of the database. What the user wrote goes in as values, never as text of them.

use heirloom_vault::Use;
use jiff::civil::Date;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::place::around;
use super::query::{Kind, Query, Term, What};
use super::words;
use crate::index::Leave;

/// Mean chroma in OKLab (see [`super::look::chroma`]) below which a picture is black and white.
///
/// Scans of grey prints have up to 0.012 by their paper and noise; a faded sepia print has 0.03 and more.
const GREY: f64 = 0.02;

/// Conditions on `entries AS e`, all of which must hold.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    sql: Vec<String>,
    pub values: Vec<Value>,
}

impl Conditions {
    /// The conditions of all terms but those words that must be there, which the full-text index is asked for first.
    pub fn of(query: &Query, connection: &Connection, today: Date) -> rusqlite::Result<Self> {
        let mut conditions = Self::default();
        for term in &query.terms {
            conditions.term(term, connection, today)?;
        }
        Ok(conditions)
    }

    /// Joined by AND; `true` where there are none.
    pub fn sql(&self) -> String {
        if self.sql.is_empty() {
            "true".to_owned()
        } else {
            self.sql.join(" AND ")
        }
    }

    pub fn is_empty(&self) -> bool {
        self.sql.is_empty()
    }

    fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    fn term(&mut self, term: &Term, connection: &Connection, today: Date) -> rusqlite::Result<()> {
        let condition = match &term.what {
            What::Words(_) if !term.negated => return Ok(()),
            What::Words(written) => {
                let Some(expression) = words::all_of(std::iter::once(written)) else {
                    return Ok(());
                };
                let value = self.value(expression);
                format!("e.id IN (SELECT rowid FROM words WHERE words MATCH {value})")
            }
            What::Near {
                latitude_deg,
                longitude_deg,
                radius_km,
            } => {
                // Those that must not be near are told by their distance alone.
                if term.negated {
                    return Ok(());
                }
                let ([south, north], longitudes) = around([*latitude_deg, *longitude_deg], *radius_km);
                let (south, north) = (self.value(south), self.value(north));
                let mut condition = format!("e.latitude BETWEEN {south} AND {north}");
                if let Some([west, east]) = longitudes {
                    let (west, east) = (self.value(west), self.value(east));
                    condition.push_str(&format!(" AND e.longitude BETWEEN {west} AND {east}"));
                }
                condition
            }
            What::Taken { from, to } => {
                let mut parts = vec!["e.taken IS NOT NULL".to_owned()];
                if let Some(from) = from {
                    let from = self.value(from.first());
                    parts.push(format!("e.taken >= {from}"));
                }
                if let Some(to) = to {
                    let beyond = self.value(to.beyond());
                    parts.push(format!("e.taken < {beyond}"));
                }
                parts.join(" AND ")
            }
            What::May(wanted) => {
                let ids = allowed(connection, *wanted, today)?;
                let ids = self.value(format!("[{}]", ids.join(",")));
                format!("e.standing IN (SELECT value FROM json_each({ids}))")
            }
            What::Is(kind) => match kind {
                Kind::Photograph => "e.clip = 0".to_owned(),
                Kind::Clip => "e.clip = 1".to_owned(),
                Kind::Portrait => "e.height > e.width".to_owned(),
                Kind::Landscape => "e.width > e.height".to_owned(),
                Kind::Colour => format!("e.chroma >= {GREY}"),
                Kind::Grey => format!("e.chroma < {GREY}"),
            },
            What::Wider(pixels) => {
                let pixels = self.value(i64::from(*pixels));
                format!("e.width >= {pixels}")
            }
            What::Taller(pixels) => {
                let pixels = self.value(i64::from(*pixels));
                format!("e.height >= {pixels}")
            }
            What::Colour(_) | What::Like(_) => return Ok(()),
        };
        // What is not known (no place, not looked at yet) does not hold: its contrary does.
        self.sql.push(if term.negated {
            format!("NOT coalesce(({condition}), false)")
        } else {
            format!("({condition})")
        });
        Ok(())
    }
}

/// The standings by which a use is allowed today. They are few: most sources of a folder stand alike.
fn allowed(connection: &Connection, wanted: Use, today: Date) -> rusqlite::Result<Vec<String>> {
    let mut query = connection.prepare_cached("SELECT id, leave FROM standings")?;
    let mut rows = query.query([])?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(1)?;
        // One that cannot be read allows nothing.
        let allows = serde_json::from_str::<Leave>(&text)
            .is_ok_and(|leave| leave.standing().allows(wanted, today).is_ok());
        if allows {
            ids.push(row.get::<_, i64>(0)?.to_string());
        }
    }
    Ok(ids)
}
