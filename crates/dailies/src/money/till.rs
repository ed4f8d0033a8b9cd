//! The till: the one place where money is reserved, for all processes that use a vault.

use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use heirloom_engine::JobId;
use heirloom_film::Usd;
use heirloom_vault::{Act, Actor, NewAct, Vault};

use super::book::{Turn, reserving};
use super::{Book, Caps, Entry, MoneyError, Purpose, State, Stop};

/// What came of reserving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserving {
    /// The money is reserved: the act is on the disk.
    Done(Entry),
    /// A cap stops it, or nobody knows the price under one. Nothing was written.
    Stopped(Stop),
    /// Something is reserved, spent or uncertain for this draw already. Nothing was written.
    Before(Entry),
}

/// Reserves money. Any number of tills of one vault, in any processes of one machine, act as one.
pub struct Till<'a> {
    vault: &'a Vault,
    book: Mutex<Book>,
}

/// Held while one process looks and writes. The system lets go of it however the process ends.
struct Drawer<'b> {
    book: MutexGuard<'b, Book>,
    _file: File,
}

impl<'a> Till<'a> {
    /// The till of a vault.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn open(vault: &'a Vault) -> Result<Till<'a>, MoneyError> {
        Ok(Till {
            vault,
            book: Mutex::new(Book::read(vault.ledger())?),
        })
    }

    /// How the money of a draw stands now. See [`Book::standing`].
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn standing(&self, draw: &str) -> Result<Option<Entry>, MoneyError> {
        let mut book = self.book();
        book.follow(self.vault.ledger())?;
        Ok(book.standing(draw).cloned())
    }

    /// Whether the book, as it was read last, knows of the draw. Costs nothing.
    pub(crate) fn knows(&self, draw: &str) -> bool {
        self.book().standing(draw).is_some()
    }

    /// Reserves the price of a draw, if it fits under every cap and nothing stands for the draw yet.
    ///
    /// Looking and writing are one step for all processes. When this returns, the act is on the disk.
    ///
    /// # Errors
    /// The ledger can not be written, or the till not be locked.
    pub fn reserve(&self, caps: &Caps, purpose: &Purpose, by: Actor) -> Result<Reserving, MoneyError> {
        let mut drawer = self.drawer()?;
        if let Some(entry) = drawer.book.standing(&purpose.draw) {
            return Ok(Reserving::Before(entry.clone()));
        }
        if let Some(stop) = caps.stop(&drawer.book, purpose) {
            return Ok(Reserving::Stopped(stop));
        }
        let act = self.vault.ledger().append(reserving(purpose, by))?;
        drawer.book.take(&act)?;
        let entry = drawer.book.standing(&purpose.draw).cloned();
        entry.map(Reserving::Done).ok_or(MoneyError::Unreadable {
            act: act.id,
            what: "draw",
        })
    }

    /// Gives back what was reserved for a draw, since nothing was paid for it, and reserves for it anew: in one step, so that nobody
    /// takes the money between. Where it no longer fits, it is given back alone.
    ///
    /// # Errors
    /// As [`Till::reserve`].
    pub fn reserve_anew(
        &self,
        (old, why): (&Entry, &str),
        caps: &Caps,
        purpose: &Purpose,
        by: Actor,
    ) -> Result<Reserving, MoneyError> {
        let mut drawer = self.drawer()?;
        match drawer.book.standing(&purpose.draw) {
            Some(entry) if entry.id == old.id && entry.state == old.state => {}
            Some(entry) => return Ok(Reserving::Before(entry.clone())),
            None => {}
        }
        let mut acts = vec![old.act(&Turn::Released, by.clone(), why)];
        let stop = caps.stop_without(&drawer.book, purpose, Some(old));
        if stop.is_none() {
            acts.push(reserving(purpose, by));
        }
        for act in self.vault.ledger().append_many(acts)? {
            drawer.book.take(&act)?;
        }
        match (stop, drawer.book.standing(&purpose.draw)) {
            (Some(stop), _) => Ok(Reserving::Stopped(stop)),
            (None, Some(entry)) => Ok(Reserving::Done(entry.clone())),
            (None, None) => Err(MoneyError::Unreadable {
                act: old.id,
                what: "draw",
            }),
        }
    }

    /// Writes down that the engine has the draw, under this name.
    ///
    /// # Errors
    /// The ledger can not be written.
    pub fn submitted(&self, entry: &Entry, job: &JobId, by: Actor) -> Result<(), MoneyError> {
        if entry.job.as_ref() == Some(job) {
            return Ok(());
        }
        let why = format!("{} has it as {job}", entry.engine);
        self.write(vec![entry.act(&Turn::Submitted(job), by, why)])
    }

    /// The act that settles a reservation as paid, to be written with [`Till::write`] in one step with what was paid for.
    pub fn spent(&self, entry: &Entry, paid: Option<Usd>, by: Actor) -> NewAct {
        let why = match paid {
            Some(paid) => format!("{paid} paid for a draw of {}", entry.shot),
            None => format!("a draw of {} was paid for; how much, nobody knows", entry.shot),
        };
        entry.act(&Turn::Spent(paid), by, why)
    }

    /// The act that gives a reservation back.
    pub fn released(&self, entry: &Entry, by: Actor, why: impl Into<String>) -> NewAct {
        entry.act(&Turn::Released, by, why)
    }

    /// The act that lays a reservation aside for a person.
    pub fn uncertain(&self, entry: &Entry, by: Actor, why: impl Into<String>) -> NewAct {
        entry.act(&Turn::Uncertain, by, why)
    }

    /// Writes acts, all or none.
    ///
    /// # Errors
    /// The ledger can not be written.
    pub fn write(&self, acts: Vec<NewAct>) -> Result<(), MoneyError> {
        let written: Vec<Act> = self.vault.ledger().append_many(acts)?;
        let mut book = self.book();
        for act in written.iter().filter(|act| act.subject == super::book::SUBJECT) {
            book.take(act)?;
        }
        Ok(())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else looks into the till, and reads what they wrote.
    fn drawer(&self) -> Result<Drawer<'_>, MoneyError> {
        let folder = self.vault.dir().join("dailies");
        let path = folder.join("money.lock");
        let locking = |path: PathBuf| |source| MoneyError::Lock { path, source };
        std::fs::create_dir_all(&folder).map_err(locking(folder.clone()))?;
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(locking(path.clone()))?;
        // Taken before the book: who waits for the file keeps no other thread from reading.
        file.lock().map_err(locking(path))?;
        let mut book = self.book();
        book.follow(self.vault.ledger())?;
        Ok(Drawer { book, _file: file })
    }
}

/// What a person found out about a draw of which it was not known whether it was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It was paid: so much; or, where none is given, what was reserved. It is not handed in again.
    Paid(Option<Usd>),
    /// It was not paid: it is handed in again when it is wanted.
    NotPaid,
}

/// Rules on the uncertain draw whose name begins with `digits`, and says how it stands now. Every ruling is an act, with who and
/// why.
///
/// # Errors
/// [`MoneyError::NoDoubt`], with the mend, where there is not just one such draw; or the ledger can not be written.
pub fn rule(vault: &Vault, digits: &str, ruling: Ruling, by: Actor, why: &str) -> Result<Entry, MoneyError> {
    let till = Till::open(vault)?;
    let entry = {
        let drawer = till.drawer()?;
        let mut in_doubt = drawer
            .book
            .entries()
            .iter()
            .filter(|entry| matches!(entry.state, State::Uncertain(_)) && entry.draw.starts_with(digits));
        let found = in_doubt.next().cloned();
        let more = in_doubt.count();
        let entry = match (found, more) {
            (Some(entry), 0) => entry,
            (Some(_), more) => {
                return Err(MoneyError::NoDoubt(format!(
                    "{} draws in doubt begin with {digits}; write more of the draw's digits",
                    more + 1
                )));
            }
            (None, _) => {
                return Err(MoneyError::NoDoubt(format!(
                    "no draw that begins with {digits} is in doubt; `heirloom budget` lists those that are"
                )));
            }
        };
        let turn = match ruling {
            Ruling::Paid(paid) => Turn::Spent(paid.or(entry.usd)),
            Ruling::NotPaid => Turn::Released,
        };
        vault.ledger().append(entry.act(&turn, by, why))?;
        entry
    };
    let book = Book::read(vault.ledger())?;
    let now = book.entries().iter().find(|other| other.id == entry.id);
    Ok(now.cloned().unwrap_or(entry))
}
