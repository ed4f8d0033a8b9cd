//! The ledger: every act, in order, never changed.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::act::{Act, ActId, NewAct, Verb, Way, timestamp_text};
use crate::error::{VaultError, ledger_error};
use crate::object::ObjectId;
use crate::schema;

/// How long to wait for another program that is writing to the ledger.
const PATIENCE: Duration = Duration::from_secs(30);

/// The ledger of a vault: acts are added, read, and merged; never changed or taken out.
///
/// One ledger may be used from many threads and many processes at once. An act that [`Ledger::append`]
/// has returned is on the disk and outlasts a crash of the program or the machine.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    connection: Mutex<Connection>,
}

/// Which acts to read; every field left out lets all through.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this verb.
    pub verb: Option<Verb>,
    /// Only this subject, exactly.
    pub subject: Option<String>,
    /// Only acts with an edge to this object.
    pub object: Option<ObjectId>,
    /// Only acts at this time or later.
    pub since: Option<Timestamp>,
    /// At most so many; with `newest_first` the last ones.
    pub limit: Option<usize>,
    /// From the newest to the oldest, instead of the order in which things were done.
    pub newest_first: bool,
}

impl Filter {
    /// All acts of this verb.
    pub fn verb(verb: Verb) -> Self {
        Self {
            verb: Some(verb),
            ..Self::default()
        }
    }

    /// All acts on this subject.
    pub fn subject(subject: impl Into<String>) -> Self {
        Self {
            subject: Some(subject.into()),
            ..Self::default()
        }
    }

    /// All acts with an edge to this object.
    pub fn object(object: ObjectId) -> Self {
        Self {
            object: Some(object),
            ..Self::default()
        }
    }
}

impl Ledger {
    /// Opens the ledger in this file, making it where there is none and bringing an older one up to date.
    ///
    /// # Errors
    /// [`VaultError::Newer`] for a ledger of a newer format; otherwise what the database says.
    pub fn open(path: &Path) -> Result<Self, VaultError> {
        let fault = ledger_error(path);
        let mut connection = Connection::open(path).map_err(&fault)?;
        connection.busy_timeout(PATIENCE).map_err(&fault)?;
        // FULL, not NORMAL: in WAL mode NORMAL may lose the last acts when the power fails, and an act
        // that spends money must be there before the spending. One sync per append is the price.
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .map_err(&fault)?;
        connection
            .pragma_update(None, "synchronous", "FULL")
            .map_err(&fault)?;
        connection
            .pragma_update(None, "foreign_keys", true)
            .map_err(&fault)?;
        // Without this, INSERT OR REPLACE would delete rows past the triggers.
        connection
            .pragma_update(None, "recursive_triggers", true)
            .map_err(&fault)?;
        schema::migrate(&mut connection, path)?;
        Ok(Self {
            path: path.to_owned(),
            connection: Mutex::new(connection),
        })
    }

    /// The ledger's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one act. When this returns, the act is on the disk.
    pub fn append(&self, act: NewAct) -> Result<Act, VaultError> {
        self.write(|writing| {
            let last = last_time(writing)?;
            write_after(writing, act, last)
        })
    }

    /// Writes many acts, in this order, all or none. Far quicker than one by one.
    pub fn append_many(&self, acts: Vec<NewAct>) -> Result<Vec<Act>, VaultError> {
        if acts.is_empty() {
            return Ok(Vec::new());
        }
        self.write(|writing| {
            let mut last = last_time(writing)?;
            let mut written = Vec::with_capacity(acts.len());
            for act in acts {
                let act = write_after(writing, act, last)?;
                last = Some(act.at);
                written.push(act);
            }
            Ok(written)
        })
    }

    /// Writes an act that was done elsewhere or before, with its own time. Returns whether it was new.
    ///
    /// # Errors
    /// [`VaultError::BadAct`] when the act's id is not the hash of its content.
    pub fn insert(&self, act: &Act) -> Result<bool, VaultError> {
        let content = act.content();
        let act = Act::from_content(act.id, &content)?;
        self.write(|transaction| insert(transaction, &act, &content))
    }

    /// The acts that the filter lets through, in the order in which they were done.
    pub fn acts(&self, filter: &Filter) -> Result<Vec<Act>, VaultError> {
        // Only the clauses asked for: a clause that lets all through would keep SQLite from its indexes.
        let mut clauses = Vec::new();
        let mut values: Vec<String> = Vec::new();
        let mut add = |clause: &'static str, value: Option<String>| {
            if let Some(value) = value {
                clauses.push(clause);
                values.push(value);
            }
        };
        add("verb = ?", filter.verb.map(|verb| verb.as_str().to_owned()));
        add("subject = ?", filter.subject.clone());
        add("at >= ?", filter.since.map(timestamp_text));
        add(
            "id IN (SELECT act FROM edges WHERE object = ?)",
            filter.object.map(|id| id.to_string()),
        );
        let which = if clauses.is_empty() {
            "true".to_owned()
        } else {
            clauses.join(" AND ")
        };
        let order = if filter.newest_first { "DESC" } else { "ASC" };
        let limit = filter
            .limit
            .map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let sql = format!(
            "SELECT id, content FROM acts WHERE {which} ORDER BY at {order}, id {order} LIMIT {limit}"
        );
        let rows = self.rows(&sql, rusqlite::params_from_iter(values))?;
        rows.iter()
            .map(|(id, content)| Act::from_content(id.parse()?, content))
            .collect()
    }

    /// The act of this id, if it is here.
    pub fn get(&self, id: &ActId) -> Result<Option<Act>, VaultError> {
        let rows = self.rows(
            "SELECT id, content FROM acts WHERE id = ?1",
            params![id.to_string()],
        )?;
        rows.first()
            .map(|(_, content)| Act::from_content(*id, content))
            .transpose()
    }

    /// How many acts there are.
    pub fn count(&self) -> Result<u64, VaultError> {
        let fault = ledger_error(&self.path);
        let count: i64 = self
            .lock()
            .query_row("SELECT count(*) FROM acts", [], |row| row.get(0))
            .map_err(fault)?;
        Ok(count.unsigned_abs())
    }

    /// Takes in every act of `other` that is not here yet, and returns how many there were.
    ///
    /// Merging is a union: the order of merges does not matter and merging twice changes nothing. Acts
    /// whose words do not match their id are refused, and then nothing is taken in.
    pub fn merge(&self, other: &Ledger) -> Result<usize, VaultError> {
        let rows = other.rows("SELECT id, content FROM acts ORDER BY at, id", [])?;
        self.write(|transaction| {
            let mut fresh = 0;
            for (id, content) in &rows {
                let act = Act::from_content(id.parse()?, content)?;
                fresh += usize::from(insert(transaction, &act, content)?);
            }
            Ok(fresh)
        })
    }

    /// Every edge of every act, with the act's verb.
    pub(crate) fn edges(&self) -> Result<Vec<EdgeOfVerb>, VaultError> {
        let fault = ledger_error(&self.path);
        let read = |connection: &Connection| -> rusqlite::Result<Vec<(String, String, String, String)>> {
            let sql = "SELECT a.verb, e.way, e.role, e.object FROM edges e JOIN acts a ON a.id = e.act";
            let mut statement = connection.prepare_cached(sql)?;
            statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
                .collect()
        };
        let rows = read(&self.lock()).map_err(fault)?;
        rows.into_iter()
            .map(|(verb, way, role, object)| {
                let object: ObjectId = object.parse()?;
                // The words were checked when the act was written; `check` finds one that was changed since.
                let verb = verb.parse().map_err(|_| VaultError::BadId { text: verb })?;
                let way = if way == Way::In.as_str() {
                    Way::In
                } else {
                    Way::Out
                };
                Ok(EdgeOfVerb {
                    verb,
                    way,
                    role,
                    object,
                })
            })
            .collect()
    }

    /// Reads every act and checks it: id against content, edges against content.
    ///
    /// # Errors
    /// The first act that does not hold, as [`VaultError::BadAct`].
    pub fn check(&self) -> Result<u64, VaultError> {
        let fault = ledger_error(&self.path);
        let acts = self.acts(&Filter::default())?;
        let connection = self.lock();
        let mut statement = connection
            .prepare("SELECT role, object, way FROM edges WHERE act = ?1 ORDER BY position")
            .map_err(&fault)?;
        for act in &acts {
            let rows = statement
                .query_map([act.id.to_string()], |row| {
                    Ok((
                        row.get::<_, String>(0)?,
                        row.get::<_, String>(1)?,
                        row.get::<_, String>(2)?,
                    ))
                })
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(&fault)?;
            let held = act
                .edges
                .iter()
                .map(|e| (e.role.clone(), e.object.to_string(), e.way.as_str().to_owned()));
            if !held.eq(rows) {
                let why = "its edges do not match its words".to_owned();
                return Err(VaultError::BadAct { id: act.id, why });
            }
        }
        Ok(acts.len() as u64)
    }

    /// A thread that panicked while holding the lock left at most an open transaction, which SQLite rolled back.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rows(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<(String, String)>, VaultError> {
        let connection = self.lock();
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            let mut statement = connection.prepare_cached(sql)?;
            statement
                .query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        };
        read().map_err(ledger_error(&self.path))
    }

    /// Runs `work` in one transaction that takes the write lock at once, so that it never fails half-way.
    fn write<T>(&self, work: impl FnOnce(&Writing<'_>) -> Result<T, VaultError>) -> Result<T, VaultError> {
        let fault = ledger_error(&self.path);
        let mut connection = self.lock();
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(&fault)?;
        let writing = Writing {
            transaction,
            path: &self.path,
        };
        let done = work(&writing)?;
        writing.transaction.commit().map_err(&fault)?;
        Ok(done)
    }
}

/// An edge, and the verb of the act that it belongs to.
pub(crate) struct EdgeOfVerb {
    pub(crate) verb: Verb,
    pub(crate) way: Way,
    pub(crate) role: String,
    pub(crate) object: ObjectId,
}

/// An open transaction, and the file it is on, for errors.
struct Writing<'a> {
    transaction: Transaction<'a>,
    path: &'a Path,
}

/// The time of the newest act.
fn last_time(writing: &Writing<'_>) -> Result<Option<Timestamp>, VaultError> {
    let fault = ledger_error(writing.path);
    let text: Option<String> = writing
        .transaction
        .query_row("SELECT max(at) FROM acts", [], |row| row.get(0))
        .map_err(&fault)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// Writes one act as done now.
///
/// A later act always bears a later time than `last`, even when the clock is set back: what outlasts what (a
/// revocation, say) is decided by this order.
fn write_after(writing: &Writing<'_>, act: NewAct, last: Option<Timestamp>) -> Result<Act, VaultError> {
    let now = Timestamp::now();
    let earliest = last.and_then(|last| last.checked_add(SignedDuration::from_nanos(1)).ok());
    let act = act.at(earliest.map_or(now, |earliest| earliest.max(now)));
    insert(writing, &act, &act.content())?;
    Ok(act)
}

/// Writes one act and its edges unless it is there; says whether it was new.
fn insert(writing: &Writing<'_>, act: &Act, content: &str) -> Result<bool, VaultError> {
    let fault = ledger_error(writing.path);
    let id = act.id.to_string();
    let mut add_act = writing
        .transaction
        .prepare_cached(
            "INSERT INTO acts (id, at, verb, subject, content) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO NOTHING",
        )
        .map_err(&fault)?;
    let added = add_act
        .execute(params![
            id,
            timestamp_text(act.at),
            act.verb.as_str(),
            act.subject,
            content
        ])
        .map_err(&fault)?;
    if added == 0 {
        return Ok(false);
    }
    let mut add_edge = writing
        .transaction
        .prepare_cached("INSERT INTO edges (act, position, role, object, way) VALUES (?1, ?2, ?3, ?4, ?5)")
        .map_err(&fault)?;
    for (position, edge) in act.edges.iter().enumerate() {
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        add_edge
            .execute(params![
                id,
                position,
                edge.role,
                edge.object.to_string(),
                edge.way.as_str()
            ])
            .map_err(&fault)?;
    }
    Ok(true)
}
