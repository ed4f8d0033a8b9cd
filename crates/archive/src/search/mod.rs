//! Sources found again: by words, by how they look, by time, place, lens and rights, and by all of it at once.
//!
//! A [`Query`] is text as people write it. Words and filters choose among the sources; where the query asks for a look or a
//! colour, that ranks them, or else how well the words fit, or else the distance from a place, or else their names.
//!
//! ```
//! use heirloom_archive::search::Query;
//! use heirloom_archive::{AddOptions, Archive};
//! use heirloom_vault::Vault;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let pictures = folder.path().join("father");
//! std::fs::create_dir(&pictures)?;
//! heirloom_picture::png::write8(&pictures.join("The_Beach.png"), &[[200, 180, 90]; 12], 4, 3)?;
//! std::fs::write(pictures.join("The_Beach.txt"), "Noon, nobody there")?;
//! let vault = Vault::create(&folder.path().join("vault"))?;
//! let archive = Archive::new(&vault);
//! archive.add(&[pictures], &AddOptions::default(), &())?;
//!
//! let found = archive.search(&Query::parse("noon beach -moon")?, 10, 0)?;
//! assert_eq!(found.total, 1);
//! assert_eq!(found.hits[0].name, "father/The_Beach");
//! assert_eq!(found.hits[0].why, ["caption: Noon", "file: Beach"]);
//! // Nobody said whose it is: no use is allowed.
//! assert_eq!(archive.search(&Query::parse("may:generate")?, 10, 0)?.total, 0);
//! # Ok(())
//! # }
//! ```
//!
//! What always holds:
//! - The index follows the ledger: what an act says is found, or no longer found, by the next search.
//! - Whether a source may be used is asked of today, by the rules of [`heirloom_vault::Standing`].
//! - A deleted, damaged or older index is made anew. What pictures look like has to be seen again then.
//! - No text of a query is syntax to the database.
//!
//! Words find words: "beach" finds what someone called a beach, not what looks like one. A model that puts pictures and
//! texts into one space can be plugged in by its vectors: [`ByVectors`].

use std::sync::{Arc, Mutex, PoisonError};

use heirloom_vault::{ObjectId, VaultError};
use jiff::civil::Date;
use rusqlite::Connection;

use crate::index::{Trouble, sync};
use crate::{Archive, Index, IndexError, ResolveError};

mod dates;
mod filters;
pub(crate) mod look;
mod parse;
mod place;
mod query;
mod run;
mod vectors;
mod words;

pub use dates::Day;
pub use look::LookWeights;
pub use query::{
    Colour, Field, Kind, LONGEST, Like, MOST_TERMS, Query, QueryError, Term, USUAL_RADIUS_KM, What, Words,
};
pub use vectors::{ByVectors, Imported, MOST_NUMBERS, VectorError, only_vector};

use run::Search;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Found {
    /// The page asked for, best first.
    pub hits: Vec<Hit>,
    /// How many there are in all.
    pub total: usize,
    /// How many more fit the query but are not ranked, as their pictures were not looked at yet.
    pub unseen: usize,
}

/// One source by one of its names.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Hit {
    /// Its full name: `archive:` and this calls it.
    pub name: String,
    /// Its file's name.
    pub file_name: String,
    /// The picture.
    pub object: ObjectId,
    /// How well it fits; larger is better. By look and colour from 0 to 1; by words without bounds; by distance the
    /// negative kilometres; otherwise 0. Comparable within one answer only.
    pub score: f64,
    /// Why it was found: where the words stand, how alike it looks, how far away it is.
    pub why: Vec<String>,
    /// What is said of it, around the words that were found, which stand in square brackets.
    pub snippet: String,
}

/// A search that could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The ledger.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// `like:` calls a source that there is not, or several.
    #[error(transparent)]
    Like(#[from] ResolveError),
    /// `like:` calls what no source can be called.
    #[error(transparent)]
    Call(#[from] heirloom_film::CallError),
    /// A model's vectors.
    #[error(transparent)]
    Vectors(#[from] VectorError),
    /// The picture that the answers shall look like was not looked at.
    #[error(
        "{name} was not looked at: `heirloom archive look` looks at all pictures of which nothing was seen yet"
    )]
    NotSeen {
        /// What was called.
        name: String,
    },
}

/// What searches by look keep in memory, as of two counters of the index.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    looks: Mutex<Option<(Counters, Arc<look::Looks>)>>,
    vectors: Mutex<Option<(Counters, String, Arc<vectors::Vectors>)>>,
}

/// Go up whenever entries, or looks, change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counters {
    entries: i64,
    looks: i64,
}

impl Counters {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        connection
            .prepare_cached("SELECT entries, looks FROM state")?
            .query_row([], |row| {
                Ok(Self {
                    entries: row.get(0)?,
                    looks: row.get(1)?,
                })
            })
    }
}

impl Cache {
    /// Lets go of everything: the index was made anew.
    pub fn clear(&self) {
        *self.looks.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.vectors.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn looks(&self, connection: &Connection) -> rusqlite::Result<Arc<look::Looks>> {
        let counters = Counters::read(connection)?;
        let mut held = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, looks)) = held.as_ref()
            && *then == counters
        {
            return Ok(Arc::clone(looks));
        }
        let looks = Arc::new(look::Looks::read(connection)?);
        *held = Some((counters, Arc::clone(&looks)));
        Ok(looks)
    }

    /// The vectors of one model; those of the model asked for last stay.
    fn vectors(&self, connection: &Connection, model: &str) -> rusqlite::Result<Arc<vectors::Vectors>> {
        let counters = Counters::read(connection)?;
        let mut held = self.vectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, of, vectors)) = held.as_ref()
            && *then == counters
            && of == model
        {
            return Ok(Arc::clone(vectors));
        }
        let vectors = Arc::new(vectors::Vectors::read(connection, model)?);
        *held = Some((counters, model.to_owned(), Arc::clone(&vectors)));
        Ok(vectors)
    }
}

impl Archive<'_> {
    /// The sources for which all of the query holds: from `offset` on at most `limit` of them, best first.
    ///
    /// For several searches keep an [`Index`] open and ask [`Index::search`].
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn search(&self, query: &Query, limit: usize, offset: usize) -> Result<Found, SearchError> {
        Index::open(self.vault())?.search(self, query, limit, offset)
    }
}

impl Index {
    /// As [`Archive::search`], in an index of this archive that stays open.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn search(
        &self,
        archive: &Archive<'_>,
        query: &Query,
        limit: usize,
        offset: usize,
    ) -> Result<Found, SearchError> {
        let today = jiff::Zoned::now().date();
        self.search_on(archive, query, limit, offset, today)
    }

    /// As [`Index::search`], as it would be on another day: rights end.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn search_on(
        &self,
        archive: &Archive<'_>,
        query: &Query,
        limit: usize,
        offset: usize,
        today: Date,
    ) -> Result<Found, SearchError> {
        self.run(|connection| {
            sync(connection, archive.vault().ledger()).map_err(widened)?;
            // One transaction: all that is read below is of one moment.
            let transaction = connection.transaction()?;
            let search = Search {
                archive,
                cache: &self.cache,
                connection: &transaction,
                query,
                today,
                limit,
                offset,
            };
            search.run()
        })
    }

    /// Brings the index up to the archive's ledger; searches do so by themselves.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn follow(&self, archive: &Archive<'_>) -> Result<(), SearchError> {
        self.run(|connection| sync(connection, archive.vault().ledger()).map_err(widened))
    }
}

type Fault = Trouble<SearchError>;

fn widened(trouble: Trouble<VaultError>) -> Fault {
    match trouble {
        Trouble::Database(error) => Trouble::Database(error),
        Trouble::Other(error) => Trouble::Other(error.into()),
    }
}
