//! All takes of a film to list, filter and rank: derived from the ledger, and made anew from it.
//!
//! The index lies in `dailies/index.sqlite` in the vault's folder and follows the ledger: nearly always there is nothing to
//! do, or a few acts at the ledger's end. All of it may be deleted; only what was measured has to be measured again then.
//!
//! A take that two shots asked for has a row in each, and is judged in each by itself.
//!
//! ```
//! use heirloom_dailies::index::{Index, Measured, Order, Query};
//! use heirloom_vault::{Actor, NewAct, Vault, Verb};
//! use serde_json::json;
//!
//! let folder = tempfile::tempdir()?;
//! let vault = Vault::create(&folder.path().join("vault"))?;
//! let (request, take) = (vault.put_bytes(b"{\"seed\":7}")?, vault.put_bytes(b"a take's manifest")?);
//! let asked = NewAct::new(Verb::Requested, Actor::person("Ada"), "shot:sh-00000001").output("request", request);
//! vault.ledger().append(asked.with_facts(json!({ "shot": "cosmos 010", "engine": "weightless", "prompt": "dusk" })))?;
//! let drawn = NewAct::new(Verb::Drawn, Actor::engine("weightless"), "request:1").input("request", request);
//! vault.ledger().append(drawn.output("take", take).with_facts(json!({ "draw": 0, "frames": 96 })))?;
//!
//! let index = Index::open(&vault)?;
//! index.put_measured(&[(take, Measured { numbers: [("sharpness".into(), 0.4)].into(), look: vec![0.5] })])?;
//! let sharpest = Query { order: Order::Measure { name: "sharpness".into(), most_first: true }, ..Query::default() };
//! let page = index.list(&vault, &sharpest)?;
//! assert_eq!((page.total, page.rows[0].take, page.rows[0].seed), (1, take, Some(7)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use heirloom_vault::{ObjectId, Vault, VaultError};
use rusqlite::{Connection, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

mod listed;
mod query;
mod row;
mod schema;
mod sync;
mod tally;

pub use query::{Order, Page, Query, Summary};
pub use row::Row;
pub use tally::{Tallies, Tally};

use crate::cull::Candidate;

/// The index could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The vault's or the ledger's words.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database's own words.
    #[error(
        "{} could not be used ({source}): if the disk is not full, delete the folder it lies in; it is made anew, and takes \
         are measured again",
        path.display()
    )]
    Database {
        /// The database.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
    /// A folder or file could not be made or removed.
    #[error("{} could not be written ({source}): see that there is room and that you may write there", path.display())]
    Write {
        /// The folder or file.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
}

/// What was measured of a take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Numbers by the measures' names. Those that are none (infinite, or not a number) are not kept.
    pub numbers: BTreeMap<String, f64>,
    /// How it looks: a short list of numbers, the same for all takes; empty where it was not looked at.
    pub look: Vec<f32>,
}

/// All takes of a film. One may be used from many threads.
#[derive(Debug)]
pub struct Index {
    dir: PathBuf,
    connection: Mutex<Connection>,
}

/// What may go wrong in a run on the database: with it, or with the ledger.
#[derive(Debug)]
enum Fault {
    Database(rusqlite::Error),
    Vault(VaultError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<VaultError> for Fault {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}

impl Index {
    /// Opens the index of this vault's takes, making it where there is none, or where it is damaged.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn open(vault: &Vault) -> Result<Index, IndexError> {
        let dir = vault.dir().join("dailies");
        fs::create_dir_all(&dir).map_err(|source| IndexError::Write {
            path: dir.clone(),
            source,
        })?;
        let connection = schema::open(&dir)?;
        Ok(Index {
            dir,
            connection: Mutex::new(connection),
        })
    }

    /// Notes what was measured of these takes; what was noted of them before is replaced.
    ///
    /// # Errors
    /// The index can not be written.
    pub fn put_measured(&self, measured: &[(ObjectId, Measured)]) -> Result<(), IndexError> {
        self.run(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (take, measured) in measured {
                put(&transaction, take, measured)?;
            }
            Ok(transaction.commit()?)
        })
    }

    /// What was measured of a take, if anything was.
    ///
    /// # Errors
    /// The index can not be read.
    pub fn measured(&self, take: &ObjectId) -> Result<Option<Measured>, IndexError> {
        self.run(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT m.numbers, m.look FROM known k JOIN measured m ON m.take = k.id WHERE k.take = ?1",
            )?;
            let mut rows = query.query([take.to_string()])?;
            Ok(match rows.next()? {
                Some(row) => Some(Measured {
                    numbers: row::numbers(row.get(0)?),
                    look: row::look(row.get(1)?),
                }),
                None => None,
            })
        })
    }

    /// Notes what these measures of a take were held against, by what it is. It goes as soon as others are noted.
    ///
    /// # Errors
    /// The index can not be written.
    pub fn put_against(
        &self,
        take: &ObjectId,
        objects: &BTreeMap<String, ObjectId>,
    ) -> Result<(), IndexError> {
        let text = serde_json::json!(objects).to_string();
        self.run(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let take = known(&transaction, take)?;
            transaction
                .prepare_cached("INSERT OR REPLACE INTO against (take, objects) VALUES (?1, ?2)")?
                .execute(params![take, text])?;
            Ok(transaction.commit()?)
        })
    }

    /// What the measures of a take were held against; empty where that was nothing.
    ///
    /// # Errors
    /// The index can not be read.
    pub fn against(&self, take: &ObjectId) -> Result<BTreeMap<String, ObjectId>, IndexError> {
        self.run(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT a.objects FROM known k JOIN against a ON a.take = k.id WHERE k.take = ?1",
            )?;
            let mut rows = query.query([take.to_string()])?;
            let Some(row) = rows.next()? else {
                return Ok(BTreeMap::new());
            };
            // What can not be read is as good as nothing: the take is measured again.
            Ok(serde_json::from_str(&row.get::<_, String>(0)?).unwrap_or_default())
        })
    }

    /// Brings the index up to the ledger. Queries do so themselves.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn sync(&self, vault: &Vault) -> Result<(), IndexError> {
        self.run(|connection| sync::sync(connection, vault))
    }

    /// The takes that a query lets through, a page of them.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn list(&self, vault: &Vault, query: &Query) -> Result<Page, IndexError> {
        self.run(|connection| {
            sync::sync(connection, vault)?;
            Ok(query::list(connection, query)?)
        })
    }

    /// Of the takes that a query lets through, every measure's mean, least and most: so two versions of a prompt
    /// compare.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn summaries(&self, vault: &Vault, query: &Query) -> Result<BTreeMap<String, Summary>, IndexError> {
        self.run(|connection| {
            sync::sync(connection, vault)?;
            Ok(query::summaries(connection, query)?)
        })
    }

    /// All takes counted up, by shot and together.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn tallies(&self, vault: &Vault) -> Result<Tallies, IndexError> {
        self.run(|connection| {
            sync::sync(connection, vault)?;
            Ok(tally::tallies(connection)?)
        })
    }

    /// Every take of a shot as a cull sees it.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn candidates(&self, vault: &Vault, shot: &str) -> Result<Vec<Candidate>, IndexError> {
        self.run(|connection| {
            sync::sync(connection, vault)?;
            let mut query = connection.prepare_cached(
                "SELECT k.take, e.by_hand, m.numbers, m.look FROM entries e JOIN known k ON k.id = e.take
                 LEFT JOIN measured m ON m.take = e.take WHERE e.shot = ?1 ORDER BY k.take",
            )?;
            let rows = query.query_map([shot], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, bool>(1)?,
                    row::numbers(row.get(2)?),
                    row::look(row.get(3)?),
                ))
            })?;
            let mut candidates = Vec::new();
            for row in rows {
                let (take, judged, measures, look) = row?;
                candidates.push(Candidate {
                    take: row::id(&take)?,
                    measures,
                    look,
                    judged,
                    question: None,
                });
            }
            Ok(candidates)
        })
    }

    /// Runs this on the database. Where that turns out to be damaged, it is made anew, empty, and this is run again.
    fn run<T>(&self, run: impl Fn(&mut Connection) -> Result<T, Fault>) -> Result<T, IndexError> {
        let mut connection: MutexGuard<'_, Connection> =
            self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = run(&mut connection);
        if matches!(&done, Err(Fault::Database(error)) if schema::is_damage(error)) {
            // The damaged file is let go of before it is removed.
            *connection = Connection::open_in_memory().map_err(|source| self.fault(source))?;
            *connection = schema::anew(&self.dir)?;
            done = run(&mut connection);
        }
        done.map_err(|fault| match fault {
            Fault::Database(source) => self.fault(source),
            Fault::Vault(error) => error.into(),
        })
    }

    fn fault(&self, source: rusqlite::Error) -> IndexError {
        IndexError::Database {
            path: schema::file(&self.dir),
            source,
        }
    }

    /// The database.
    pub fn path(&self) -> PathBuf {
        schema::file(&self.dir)
    }
}

/// The number that the index knows a take by.
fn known(connection: &Connection, take: &ObjectId) -> rusqlite::Result<i64> {
    let take = take.to_string();
    connection
        .prepare_cached("INSERT OR IGNORE INTO known (take) VALUES (?1)")?
        .execute([&take])?;
    connection
        .prepare_cached("SELECT id FROM known WHERE take = ?1")?
        .query_row([&take], |row| row.get(0))
}

fn put(connection: &Connection, take: &ObjectId, measured: &Measured) -> rusqlite::Result<()> {
    let take = known(connection, take)?;
    let mut numbers = measured.numbers.clone();
    numbers.retain(|_, value| value.is_finite());
    let text = serde_json::json!(numbers).to_string();
    let look: Vec<u8> = measured.look.iter().flat_map(|v| v.to_le_bytes()).collect();
    let before: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM measured WHERE take = ?1)")?
        .query_row([take], |row| row.get(0))?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO measured (take, numbers, look) VALUES (?1, ?2, ?3)")?
        .execute(params![take, text, look])?;
    connection
        .prepare_cached("DELETE FROM against WHERE take = ?1")?
        .execute([take])?;
    listed::measure(connection, take, &numbers, before)
}
