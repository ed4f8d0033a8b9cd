//! The index brought up to the ledger.
//!
//! Nearly always there is nothing to do, or a few acts at the ledger's end. Acts that came in between by a merge, or
//! another ledger in the old one's place, lead to all rows being made anew.

use std::collections::{BTreeMap, BTreeSet};

use heirloom_vault::{Act, ActId, Filter, Ledger, ObjectId, Vault, VaultError, Verb};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::Value;

use super::{Fault, known, listed};
use crate::choices::{self, Growth, ShotChoices, Standing};

/// How far the index has read.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    acts: u64,
    first: String,
    last: String,
    last_at: String,
}

impl State {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        connection
            .prepare_cached("SELECT acts, first_act, last_act, last_at FROM state")?
            .query_row([], |row| {
                Ok(Self {
                    acts: row.get::<_, i64>(0)?.unsigned_abs(),
                    first: row.get(1)?,
                    last: row.get(2)?,
                    last_at: row.get(3)?,
                })
            })
    }

    /// Where the ledger stands now.
    fn of(ledger: &Ledger) -> Result<Self, VaultError> {
        let end = |newest_first| {
            let filter = Filter {
                limit: Some(1),
                newest_first,
                ..Filter::default()
            };
            Ok::<_, VaultError>(ledger.acts(&filter)?.pop())
        };
        let (first, last) = (end(false)?, end(true)?);
        // Counted last: acts written meanwhile make the count too large, and the next time they are looked for.
        Ok(Self {
            acts: ledger.count()?,
            first: first.map(|act| act.id.to_string()).unwrap_or_default(),
            last: last.as_ref().map(|act| act.id.to_string()).unwrap_or_default(),
            last_at: last.map(|act| text(act.at)).unwrap_or_default(),
        })
    }

    fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute(
            "UPDATE state SET acts = ?1, first_act = ?2, last_act = ?3, last_at = ?4",
            params![self.acts.cast_signed(), self.first, self.last, self.last_at],
        )?;
        Ok(())
    }

    /// The acts that came after this state, if the ledger holds these and no other new ones.
    fn fresh(&self, ledger: &Ledger, now: &Self) -> Result<Option<Vec<Act>>, VaultError> {
        let (Ok(last), Ok(last_at)) = (self.last.parse::<ActId>(), self.last_at.parse()) else {
            return Ok(None);
        };
        if self.first != now.first || ledger.get(&last)?.is_none() {
            return Ok(None);
        }
        let filter = Filter {
            since: Some(last_at),
            ..Filter::default()
        };
        let mut acts = ledger.acts(&filter)?;
        acts.retain(|act| (act.at, act.id) > (last_at, last));
        Ok((self.acts + acts.len() as u64 == now.acts).then_some(acts))
    }
}

/// A time as the index writes it: always as long, so that text order is time order.
fn text(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// Brings the index up to the ledger.
pub(super) fn sync(connection: &mut Connection, vault: &Vault) -> Result<(), Fault> {
    let ledger = vault.ledger();
    // Acts are counted only where there seem to be no new ones: to count takes longest.
    let newest = Filter {
        limit: Some(1),
        newest_first: true,
        ..Filter::default()
    };
    let newest = ledger.acts(&newest)?.pop().map(|act| act.id.to_string());
    let read = State::read(connection)?;
    if newest.unwrap_or_default() == read.last && State::of(ledger)? == read {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another program may have done it meanwhile.
    let then = State::read(&transaction)?;
    let now = State::of(ledger)?;
    if then == now {
        return Ok(());
    }
    match then.fresh(ledger, &now)? {
        Some(acts) => apply(&transaction, vault, &acts)?,
        None => rebuild(&transaction, vault)?,
    }
    now.write(&transaction)?;
    transaction.commit()?;
    Ok(())
}

fn rebuild(transaction: &Transaction<'_>, vault: &Vault) -> Result<(), Fault> {
    transaction.execute_batch(
        "DELETE FROM asked; DELETE FROM prompts; DELETE FROM takes; DELETE FROM entries; DELETE FROM waiting;",
    )?;
    let ledger = vault.ledger();
    for verb in [Verb::Requested, Verb::Drawn] {
        for act in ledger.acts(&Filter::verb(verb))? {
            take_in(transaction, vault, &act)?;
        }
    }
    for shot in choices::shots(ledger)? {
        judge(transaction, ledger, &shot)?;
    }
    Ok(())
}

/// Takes in acts at the ledger's end, in their order.
fn apply(transaction: &Transaction<'_>, vault: &Vault, acts: &[Act]) -> Result<(), Fault> {
    let mut shots: BTreeSet<String> = BTreeSet::new();
    let mut new_takes = false;
    for act in acts {
        take_in(transaction, vault, act)?;
        new_takes |= act.verb == Verb::Drawn;
        if choices::VERBS.contains(&act.verb) {
            shots.insert(act.subject.clone());
        }
    }
    if new_takes {
        // Perhaps it was these that were judged before they were known.
        let mut waiting = transaction.prepare_cached("SELECT shot FROM waiting")?;
        for shot in waiting.query_map([], |row| row.get(0))? {
            shots.insert(shot?);
        }
    }
    for shot in shots {
        judge(transaction, vault.ledger(), &shot)?;
    }
    Ok(())
}

fn take_in(transaction: &Transaction<'_>, vault: &Vault, act: &Act) -> Result<(), Fault> {
    match act.verb {
        Verb::Requested => {
            for request in act.outputs("request") {
                asked(transaction, act, &request)?;
            }
            Ok(())
        }
        Verb::Drawn => drawn(transaction, vault, act),
        _ => Ok(()),
    }
}

/// A shot asked for a request.
fn asked(transaction: &Transaction<'_>, act: &Act, request: &ObjectId) -> Result<(), Fault> {
    let words = |key: &str| act.facts.get(key).and_then(Value::as_str).unwrap_or_default();
    let prompt = words("prompt");
    let version = match act.facts.get("prompt_version").and_then(Value::as_u64) {
        Some(stated) => u32::try_from(stated).unwrap_or(u32::MAX),
        None => version(transaction, &act.subject, prompt)?,
    };
    let growth = Growth::of(act);
    let request = request.to_string();
    let parent = growth.as_ref().map(|growth| growth.parent.to_string());
    let note = growth.and_then(|growth| growth.note);
    let added = transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO asked (request, shot, label, prompt, version, parent, note, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            request,
            act.subject,
            words("shot"),
            prompt,
            version,
            parent,
            note,
            text(act.at)
        ])?;
    if added == 0 {
        // Asked for before. What it grew from may have been said only now.
        transaction
            .prepare_cached(
                "UPDATE asked SET parent = ?3, note = ?4 WHERE request = ?1 AND shot = ?2 AND parent IS NULL",
            )?
            .execute(params![request, act.subject, parent, note])?;
    }
    let takes: Vec<i64> = transaction
        .prepare_cached("SELECT take FROM takes WHERE request = ?1")?
        .query_map([&request], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for take in takes {
        placed(transaction, take)?;
    }
    Ok(())
}

/// The number of a shot's prompt; a new one where it is new.
fn version(transaction: &Transaction<'_>, shot: &str, prompt: &str) -> rusqlite::Result<u32> {
    let known = transaction
        .prepare_cached("SELECT version FROM prompts WHERE shot = ?1 AND prompt = ?2")?
        .query_row([shot, prompt], |row| row.get(0))
        .optional()?;
    if let Some(version) = known {
        return Ok(version);
    }
    transaction
        .prepare_cached(
            "INSERT INTO prompts (shot, prompt, version)
             SELECT ?1, ?2, 1 + COALESCE(max(version), 0) FROM prompts WHERE shot = ?1 RETURNING version",
        )?
        .query_row([shot, prompt], |row| row.get(0))
}

/// A draw gave its takes.
fn drawn(transaction: &Transaction<'_>, vault: &Vault, act: &Act) -> Result<(), Fault> {
    let Some(request) = act.inputs("request").next() else {
        return Ok(());
    };
    let takes: Vec<ObjectId> = act.outputs("take").collect();
    let fact = |key: &str| act.facts.get(key);
    let number = |key: &str| fact(key).and_then(Value::as_u64);
    // An older act says less than its request does.
    let asked = match (fact("seed"), fact("rate")) {
        (Some(_), Some(_)) => None,
        _ => request_of(vault, &request)?,
    };
    let of_request = |key: &str| fact(key).or_else(|| asked.as_ref()?.get(key));
    let seed = of_request("seed").and_then(Value::as_u64).map(u64::cast_signed);
    let rate = of_request("rate").and_then(rate_text);
    let cost = fact("cost_usd").and_then(Value::as_f64);
    let shared = takes.len().max(1) as f64;
    for take in takes {
        let take = known(transaction, &take)?;
        let added = transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO takes (take, request, draw, engine, revision, seed, rate, frames, drawn_at, cost_usd)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                take,
                request.to_string(),
                number("draw").map_or(0, clamped),
                act.by.name,
                number("revision").map(clamped),
                seed,
                rate,
                number("frames").map_or(0, clamped),
                text(act.at),
                cost.map(|cost| cost / shared),
            ])?;
        if added > 0 {
            placed(transaction, take)?;
        }
    }
    Ok(())
}

fn clamped(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A request as it was asked, where the vault has it.
fn request_of(vault: &Vault, request: &ObjectId) -> Result<Option<Value>, VaultError> {
    if !vault.contains(request) {
        return Ok(None);
    }
    Ok(serde_json::from_slice(&vault.read(request)?).ok())
}

/// A rate as text, whether it was written as text or as its two numbers.
fn rate_text(rate: &Value) -> Option<String> {
    let number = |key: &str| rate.get(key).and_then(Value::as_u64);
    match rate {
        Value::String(text) => Some(text.clone()),
        _ => Some(format!("{}/{}", number("num")?, number("den")?)),
    }
}

/// Puts a take into every shot that asked for its request, or into none; and notes since when it was waited for.
fn placed(transaction: &Transaction<'_>, take: i64) -> Result<(), Fault> {
    let (request, drawn_at): (String, String) = transaction
        .prepare_cached("SELECT request, drawn_at FROM takes WHERE take = ?1")?
        .query_row([take], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let asked_at: Option<String> = transaction
        .prepare_cached("SELECT min(at) FROM asked WHERE request = ?1")?
        .query_row([&request], |row| row.get(0))?;
    let waited_s = asked_at
        .as_deref()
        .and_then(|asked_at| waited(asked_at, &drawn_at));
    transaction
        .prepare_cached("UPDATE takes SET asked_at = ?2, waited_s = ?3 WHERE take = ?1")?
        .execute(params![take, asked_at, waited_s])?;
    transaction
        .prepare_cached(
            "INSERT INTO entries (take, shot, label, drawn_at, engine, version, parent, note, prompt)
             SELECT t.take, a.shot, a.label, t.drawn_at, t.engine, a.version, a.parent, a.note, a.prompt
             FROM takes t JOIN asked a ON a.request = t.request WHERE t.take = ?1
             ON CONFLICT (take, shot) DO UPDATE SET label = excluded.label, version = excluded.version,
                 parent = excluded.parent, note = excluded.note, prompt = excluded.prompt",
        )?
        .execute([take])?;
    if asked_at.is_none() {
        transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO entries (take, shot, label, drawn_at, engine)
                 SELECT take, '', '', drawn_at, engine FROM takes WHERE take = ?1",
            )?
            .execute([take])?;
    } else {
        transaction
            .prepare_cached("DELETE FROM entries WHERE take = ?1 AND shot = ''")?
            .execute([take])?;
    }
    listed::list(transaction, take)
}

/// Seconds from one time to another, at least 0: clocks of two machines may differ.
fn waited(from: &str, to: &str) -> Option<f64> {
    let (from, to): (Timestamp, Timestamp) = (from.parse().ok()?, to.parse().ok()?);
    Some(to.duration_since(from).max(SignedDuration::ZERO).as_secs_f64())
}

/// Notes how the takes of a shot stand now.
fn judge(transaction: &Transaction<'_>, ledger: &Ledger, shot: &str) -> Result<(), Fault> {
    let view = ShotChoices::read(ledger, shot)?;
    let mut before: BTreeMap<ObjectId, (i64, String)> = BTreeMap::new();
    {
        let mut query = transaction.prepare_cached(
            "SELECT k.take, e.id, e.standing FROM entries e JOIN known k ON k.id = e.take
             WHERE e.shot = ?1 AND e.standing IS NOT NULL",
        )?;
        let rows = query.query_map([shot], |row| {
            Ok((row.get::<_, String>(0)?, (row.get(1)?, row.get(2)?)))
        })?;
        for row in rows {
            let (take, rest) = row?;
            before.insert(super::row::id(&take)?, rest);
        }
    }
    let mut unknown = false;
    for (take, standing) in view.takes() {
        let now = serde_json::json!(standing).to_string();
        let entry = match before.remove(take) {
            Some((_, was)) if was == now => continue,
            Some((entry, _)) => Some(entry),
            None => entry_of(transaction, take, shot)?,
        };
        match entry {
            Some(entry) => write(transaction, entry, standing, Some(&now))?,
            None => unknown = true,
        }
    }
    // Of these nothing is in force any more.
    for (entry, _) in before.into_values() {
        write(transaction, entry, &Standing::default(), None)?;
    }
    let waiting = if unknown {
        "INSERT OR IGNORE INTO waiting VALUES (?1)"
    } else {
        "DELETE FROM waiting WHERE shot = ?1"
    };
    transaction.prepare_cached(waiting)?.execute([shot])?;
    Ok(())
}

/// The entry of a take in a shot, made where the shot did not ask for the take but judged it.
fn entry_of(transaction: &Transaction<'_>, take: &ObjectId, shot: &str) -> Result<Option<i64>, Fault> {
    let take = known(transaction, take)?;
    let added = transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO entries (take, shot, label, drawn_at, engine)
             SELECT t.take, ?2,
                    COALESCE((SELECT label FROM entries WHERE shot = ?2 ORDER BY drawn_at, take LIMIT 1), ''),
                    t.drawn_at, t.engine
             FROM takes t WHERE t.take = ?1",
        )?
        .execute(params![take, shot])?;
    if added > 0 {
        listed::list(transaction, take)?;
    }
    Ok(transaction
        .prepare_cached("SELECT id FROM entries WHERE take = ?1 AND shot = ?2")?
        .query_row(params![take, shot], |row| row.get(0))
        .optional()?)
}

fn write(
    transaction: &Transaction<'_>,
    entry: i64,
    standing: &Standing,
    text: Option<&str>,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE entries SET verdict = ?2, stars = ?3, kept = ?4, by_hand = ?5, standing = ?6 WHERE id = ?1",
        )?
        .execute(params![
            entry,
            standing.verdict as i64,
            standing.stars,
            standing.kept,
            standing.is_judged_by_hand(),
            text,
        ])?;
    transaction
        .prepare_cached("UPDATE listed SET verdict = ?2, stars = ?3, kept = ?4 WHERE entry = ?1")?
        .execute(params![
            entry,
            standing.verdict as i64,
            standing.stars,
            standing.kept
        ])?;
    Ok(())
}
