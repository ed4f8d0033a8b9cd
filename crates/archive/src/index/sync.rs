//! The index brought up to the ledger.
//!
//! Nearly always there is nothing to do, or a few acts at the ledger's end. Acts that came in between by a merge, or
//! another ledger in the old one's place, lead to all entries being made anew.

use std::collections::BTreeSet;

use heirloom_film::SourceCall;
use heirloom_vault::{Act, ActId, Filter, Ledger, ObjectId, Standing, VaultError, Verb};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{Leave, Trouble};
use crate::catalogue::{Catalogue, Ingest, Media, understand};

/// More sources than this whose rights changed are read in one go, instead of one by one.
const MANY: usize = 300;
/// Stands between two names in one column, so that a phrase never reaches from one into the next. A private character: the
/// tokenizer takes it for a word, and nobody writes it.
pub(crate) const BETWEEN: char = '\u{e000}';

type Fault = Trouble<VaultError>;

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
            last_at: last.map(|act| act.at.to_string()).unwrap_or_default(),
        })
    }

    fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute(
            "UPDATE state SET acts = ?1, first_act = ?2, last_act = ?3, last_at = ?4, entries = entries + 1",
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

/// Brings the index up to the ledger.
pub(crate) fn sync(connection: &mut Connection, ledger: &Ledger) -> Result<(), Fault> {
    let now = State::of(ledger).map_err(Trouble::Other)?;
    if State::read(connection)? == now {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another program may have done it meanwhile.
    let then = State::read(&transaction)?;
    let now = State::of(ledger).map_err(Trouble::Other)?;
    if then == now {
        return Ok(());
    }
    match then.fresh(ledger, &now).map_err(Trouble::Other)? {
        Some(acts) => apply(&transaction, ledger, &acts)?,
        None => rebuild(&transaction, ledger)?,
    }
    now.write(&transaction)?;
    transaction.commit()?;
    Ok(())
}

fn rebuild(transaction: &Transaction<'_>, ledger: &Ledger) -> Result<(), Fault> {
    transaction.execute_batch("DELETE FROM entries; DELETE FROM words; DELETE FROM standings;")?;
    let catalogue = Catalogue::read(ledger).map_err(Trouble::Other)?;
    let standings = ledger.standings().map_err(Trouble::Other)?;
    let nothing = Standing::default();
    for (object, ingest) in catalogue.names.values() {
        let leave = Leave::of(standings.get(object).unwrap_or(&nothing));
        add(transaction, object, ingest, &leave)?;
    }
    Ok(())
}

/// Takes in acts at the ledger's end, in their order.
fn apply(transaction: &Transaction<'_>, ledger: &Ledger, acts: &[Act]) -> Result<(), Fault> {
    let mut changed: BTreeSet<ObjectId> = BTreeSet::new();
    for act in acts {
        match act.verb {
            Verb::Ingested => {
                let (object, ingest) = understand(act).map_err(Trouble::Other)?;
                if let Some(old) = &ingest.renamed_from {
                    remove(transaction, &ingest.folder, old, Some(&object))?;
                }
                remove(transaction, &ingest.folder, &ingest.file_name, None)?;
                add(transaction, &object, &ingest, &Leave::of(&Standing::default()))?;
                changed.insert(object);
            }
            Verb::Declared | Verb::Revoked => {
                if let Some(id) = act.subject.strip_prefix("source:") {
                    changed.extend(id.parse::<ObjectId>().ok());
                } else if let Some(person) = act.subject.strip_prefix("person:") {
                    changed.extend(showing(transaction, person)?);
                }
            }
            _ => {}
        }
    }
    let all = if changed.len() > MANY {
        Some(ledger.standings().map_err(Trouble::Other)?)
    } else {
        None
    };
    for object in changed {
        let leave = match &all {
            Some(all) => Leave::of(all.get(&object).unwrap_or(&Standing::default())),
            None => Leave::of(&ledger.rights_of(&object).map_err(Trouble::Other)?),
        };
        set_leave(transaction, &object, &leave)?;
    }
    transaction.execute(
        "DELETE FROM standings WHERE id NOT IN (SELECT standing FROM entries WHERE standing IS NOT NULL)",
        [],
    )?;
    Ok(())
}

/// The sources in which a person can be recognised, as declared so far.
fn showing(transaction: &Transaction<'_>, person: &str) -> Result<Vec<ObjectId>, Fault> {
    let mut standings = transaction.prepare_cached("SELECT id, leave FROM standings")?;
    let mut ids = Vec::new();
    let mut rows = standings.query([])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(1)?;
        if serde_json::from_str(&text).is_ok_and(|leave: Leave| leave.names(person)) {
            ids.push(row.get::<_, i64>(0)?);
        }
    }
    let mut objects = Vec::new();
    let mut query = transaction.prepare_cached("SELECT DISTINCT object FROM entries WHERE standing = ?1")?;
    for id in ids {
        for object in query.query_map([id], |row| row.get::<_, String>(0))? {
            objects.extend(object?.parse::<ObjectId>().ok());
        }
    }
    Ok(objects)
}

/// Takes a name out; only where it stands for `object`, if that is given.
fn remove(
    transaction: &Transaction<'_>,
    folder: &str,
    file_name: &str,
    object: Option<&ObjectId>,
) -> rusqlite::Result<()> {
    let found: Option<(i64, String)> = transaction
        .prepare_cached("SELECT id, object FROM entries WHERE folder = ?1 AND file_name = ?2")?
        .query_row(params![folder, file_name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((id, held)) = found else { return Ok(()) };
    if object.is_some_and(|object| object.to_string() != held) {
        return Ok(());
    }
    transaction
        .prepare_cached("DELETE FROM entries WHERE id = ?1")?
        .execute([id])?;
    transaction
        .prepare_cached("DELETE FROM words WHERE rowid = ?1")?
        .execute([id])?;
    Ok(())
}

fn add(
    transaction: &Transaction<'_>,
    object: &ObjectId,
    ingest: &Ingest,
    leave: &Leave,
) -> Result<(), Fault> {
    let (picture, metadata) = (&ingest.picture, &ingest.picture.metadata);
    let object = object.to_string();
    let standing = standing_id(transaction, leave)?;
    let place = metadata.place.as_ref();
    let people = joined(metadata.people.iter());
    transaction
        .prepare_cached(
            "INSERT INTO entries (folder, file_name, stem, object, clip, width, height, taken, latitude, longitude,
                                  chroma, standing, people, plain)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,
                     (SELECT chroma FROM looks WHERE object = ?4), ?11, ?12, ?13)",
        )?
        .execute(params![
            ingest.folder,
            ingest.file_name,
            ingest.stem,
            object,
            picture.media == Media::Clip,
            picture.width,
            picture.height,
            picture.taken.as_ref().or(metadata.taken.as_ref()),
            place.map(|place| place.latitude_deg),
            place.map(|place| place.longitude_deg),
            standing,
            people,
            SourceCall {
                call: ingest.stem.clone()
            }
            .canonical(),
        ])?;
    let id = transaction.last_insert_rowid();
    let mut captions: Vec<&str> = Vec::new();
    // A caption that is only the file's name in words counts as that.
    if ingest.caption != crate::look::name_in_words(&ingest.stem) {
        captions.push(&ingest.caption);
    }
    if let Some(caption) = metadata.caption.as_deref().filter(|text| *text != ingest.caption) {
        captions.push(caption);
    }
    transaction
        .prepare_cached(
            "INSERT INTO words (rowid, caption, title, keywords, people, places, creators, file, folder, lens, camera,
                                owner)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            id,
            joined(captions),
            metadata.title.as_deref().unwrap_or_default(),
            joined(&metadata.keywords),
            everyone(&people, leave),
            joined(&metadata.place_names),
            joined(&metadata.creators),
            // An underscore divides words to people, and does so to the tokenizer.
            ingest.file_name,
            ingest.folder,
            metadata.lens.as_deref().unwrap_or_default(),
            metadata.camera.as_deref().unwrap_or_default(),
            leave.owner(),
        ])?;
    Ok(())
}

/// Notes how a source stands now, under all its names.
fn set_leave(transaction: &Transaction<'_>, object: &ObjectId, leave: &Leave) -> Result<(), Fault> {
    let entries: Vec<(i64, String, Option<i64>)> = transaction
        .prepare_cached("SELECT id, people, standing FROM entries WHERE object = ?1")?
        .query_map([object.to_string()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    if entries.is_empty() {
        return Ok(());
    }
    let standing = standing_id(transaction, leave)?;
    for (id, people, before) in entries {
        if before == Some(standing) {
            continue;
        }
        transaction
            .prepare_cached("UPDATE entries SET standing = ?2 WHERE id = ?1")?
            .execute(params![id, standing])?;
        transaction
            .prepare_cached("UPDATE words SET people = ?2, owner = ?3 WHERE rowid = ?1")?
            .execute(params![id, everyone(&people, leave), leave.owner()])?;
    }
    Ok(())
}

/// The number of a standing; it is kept where it is new.
fn standing_id(transaction: &Transaction<'_>, leave: &Leave) -> Result<i64, Fault> {
    let text = serde_json::to_string(leave).map_err(|source| {
        Trouble::Other(VaultError::Json {
            what: "a standing",
            source,
        })
    })?;
    transaction
        .prepare_cached("INSERT OR IGNORE INTO standings (leave) VALUES (?1)")?
        .execute([&text])?;
    Ok(transaction
        .prepare_cached("SELECT id FROM standings WHERE leave = ?1")?
        .query_row([&text], |row| row.get(0))?)
}

/// Who is named in the file, and who was declared to be recognised.
fn everyone(in_file: &str, leave: &Leave) -> String {
    let known: BTreeSet<&str> = in_file.split(BETWEEN).map(str::trim).collect();
    let more = leave.people().iter().filter(|name| !known.contains(name.trim()));
    joined(
        Some(in_file)
            .filter(|text| !text.is_empty())
            .into_iter()
            .chain(more.map(String::as_str)),
    )
}

fn joined<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push(' ');
            text.push(BETWEEN);
            text.push(' ');
        }
        text.push_str(item.as_ref());
    }
    text
}
