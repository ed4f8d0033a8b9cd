//! Takes counted up, for reports.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::choices::Verdict;

/// What the takes of a shot come to, or those of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// How many.
    pub takes: u64,
    /// How many are selects.
    pub chosen: u64,
    /// Their frames together.
    pub frames: u64,
    /// US dollars spent, as far as it was written down.
    pub cost_usd: f64,
    /// Of how many it was written down.
    pub priced: u64,
    /// Seconds from asking to having, together.
    pub waited_s: f64,
    /// The longest of them.
    pub longest_s: f64,
}

impl Tally {
    /// Two together, as if no take were in both.
    pub fn and(&self, other: &Tally) -> Tally {
        Tally {
            takes: self.takes + other.takes,
            chosen: self.chosen + other.chosen,
            frames: self.frames + other.frames,
            cost_usd: self.cost_usd + other.cost_usd,
            priced: self.priced + other.priced,
            waited_s: self.waited_s + other.waited_s,
            longest_s: self.longest_s.max(other.longest_s),
        }
    }
}

/// What all takes of a film come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tallies {
    /// By the ledger's name of the shot; takes that no shot asked for under an empty one.
    pub shots: BTreeMap<String, Tally>,
    /// Every take once, whatever shots it is in. How many are selects is not counted here.
    pub film: Tally,
}

pub(super) fn tallies(connection: &Connection) -> rusqlite::Result<Tallies> {
    let sums = |cost: &str, waited: &str| {
        format!(
            "count(*), COALESCE(sum(frames), 0), COALESCE(sum({cost}), 0.0), count({cost}),
             COALESCE(sum({waited}), 0.0), COALESCE(max({waited}), 0.0)"
        )
    };
    let tally = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Tally> {
        let count = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
        Ok(Tally {
            takes: count(0)?,
            frames: count(1)?,
            cost_usd: row.get(2)?,
            priced: count(3)?,
            waited_s: row.get(4)?,
            longest_s: row.get(5)?,
            chosen: 0,
        })
    };
    let mut all = Tallies {
        film: connection
            .prepare_cached(&format!("SELECT {} FROM takes", sums("cost_usd", "waited_s")))?
            .query_row([], tally)?,
        ..Tallies::default()
    };
    let mut query = connection.prepare_cached(&format!(
        "SELECT {}, (SELECT word FROM words WHERE id = shot), sum(verdict = {}) FROM listed GROUP BY shot",
        sums("cost", "waited"),
        Verdict::Chosen as i64
    ))?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let mut tally = tally(row)?;
        tally.chosen = row.get::<_, i64>(7)?.unsigned_abs();
        all.shots.insert(row.get(6)?, tally);
    }
    Ok(all)
}
