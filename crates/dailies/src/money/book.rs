//! The book: what the ledger says of money, reservation by reservation.
//!
//! Acts about money bear the subject `spend`, the verb `accounted`, and in their facts `money`: `reserved`, `submitted`, `spent`,
//! `released` or `uncertain`. All but the first name, as `of`, the reservation that they go on with, and repeat what it is for,
//! so that a ledger which lost the first still knows what was spent.

use std::collections::{BTreeMap, BTreeSet};

use heirloom_engine::JobId;
use heirloom_film::Usd;
use heirloom_vault::{Act, ActId, Actor, Filter, Ledger, NewAct, Verb};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{MoneyError, Purpose};

/// The ledger's name for all that is about money.
pub(crate) const SUBJECT: &str = "spend";

/// How a reservation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Its draw is under way, or its process died.
    Reserved,
    /// So much was paid; none where nobody knows how much.
    Spent(Option<Usd>),
    /// Nothing was paid.
    Released,
    /// It may have been paid; why that is not known.
    Uncertain(String),
}

/// One reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The act that reserved.
    pub id: ActId,
    /// When.
    pub at: Timestamp,
    /// The draw.
    pub draw: String,
    /// The engine.
    pub engine: String,
    /// The scene's name of then.
    pub scene: String,
    /// The scene's id, where it had one.
    pub scene_id: Option<String>,
    /// Scene and shot, for people.
    pub shot: String,
    /// Length in frames.
    pub frames: u32,
    /// What was reserved; none where nobody knew the price.
    pub usd: Option<Usd>,
    /// The engine's name for the job, where the order is known to have reached it.
    pub job: Option<JobId>,
    /// How it stands.
    pub state: State,
}

/// Amounts added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) spent: Usd,
    pub(crate) reserved: Usd,
    pub(crate) uncertain: Usd,
    /// Reservations that count and have no amount.
    pub(crate) unpriced: u64,
    /// Reservations that count.
    pub(crate) draws: u64,
}

impl Sums {
    /// What counts against a cap.
    pub(crate) fn all(&self) -> Usd {
        self.spent.plus(self.reserved).plus(self.uncertain)
    }
}

/// Every reservation of a ledger.
#[derive(Clone, Debug, Default)]
pub struct Book {
    entries: Vec<Entry>,
    by_id: BTreeMap<ActId, usize>,
    by_draw: BTreeMap<String, Vec<usize>>,
    seen: BTreeSet<ActId>,
    last: Option<Timestamp>,
}

impl Book {
    /// Reads the ledger.
    ///
    /// # Errors
    /// It can not be read, or an act about money can not be understood.
    pub fn read(ledger: &Ledger) -> Result<Book, MoneyError> {
        let mut book = Book::default();
        book.follow(ledger)?;
        Ok(book)
    }

    /// Reads what the ledger says since.
    ///
    /// # Errors
    /// As [`Book::read`].
    pub fn follow(&mut self, ledger: &Ledger) -> Result<(), MoneyError> {
        let filter = Filter {
            since: self.last,
            ..Filter::subject(SUBJECT)
        };
        for act in ledger.acts(&filter)? {
            self.take(&act)?;
            // Not where an act of this program's own is taken in: others may have written right before it.
            self.last = self.last.max(Some(act.at));
        }
        Ok(())
    }

    /// Takes in one act about money.
    pub(crate) fn take(&mut self, act: &Act) -> Result<(), MoneyError> {
        if !self.seen.insert(act.id) {
            return Ok(());
        }
        let facts = Facts(act);
        let word = facts.text("money")?;
        let of = match facts.maybe("of") {
            None => act.id,
            Some(of) => of.parse().map_err(|_| facts.bad("of"))?,
        };
        let at = match self.by_id.get(&of) {
            Some(at) => *at,
            None => {
                let at = self.entries.len();
                let entry = facts.entry(of)?;
                self.by_draw.entry(entry.draw.clone()).or_default().push(at);
                self.by_id.insert(of, at);
                self.entries.push(entry);
                at
            }
        };
        let Some(entry) = self.entries.get_mut(at) else {
            return Ok(());
        };
        if let Some(job) = facts.maybe("job") {
            entry.job = Some(JobId(job.to_owned()));
        }
        // What was paid stays paid, whatever another ledger thought of it.
        let paid = match &entry.state {
            State::Spent(paid) => Some(*paid),
            _ => None,
        };
        match (word, paid) {
            ("reserved" | "submitted", _) => {}
            ("spent", paid) => entry.state = State::Spent(facts.usd("paid_usd")?.max(paid.flatten())),
            (_, Some(_)) => {}
            ("released", _) => entry.state = State::Released,
            ("uncertain", _) => entry.state = State::Uncertain(act.why.clone().unwrap_or_default()),
            _ => return Err(facts.bad("money")),
        }
        Ok(())
    }

    /// Every reservation, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How the money of a draw stands: the reservation that was spent, else one that is open or uncertain; none where all were
    /// released or there is none.
    pub fn standing(&self, draw: &str) -> Option<&Entry> {
        let of_draw = || {
            let places = self.by_draw.get(draw).into_iter().flatten();
            places.rev().filter_map(|at| self.entries.get(*at))
        };
        of_draw()
            .find(|entry| matches!(entry.state, State::Spent(_)))
            .or_else(|| of_draw().find(|entry| entry.state != State::Released))
    }

    pub(crate) fn sums(&self, counts: impl Fn(&Entry) -> bool) -> Sums {
        let mut sums = Sums::default();
        for entry in self.entries.iter().filter(|entry| counts(entry)) {
            let (sum, amount) = match &entry.state {
                State::Released => continue,
                State::Reserved => (&mut sums.reserved, entry.usd),
                State::Uncertain(_) => (&mut sums.uncertain, entry.usd),
                State::Spent(paid) => (&mut sums.spent, *paid),
            };
            *sum = sum.plus(amount.unwrap_or_default());
            sums.draws += 1;
            sums.unpriced += u64::from(amount.is_none());
        }
        sums
    }
}

/// What happened to a reservation, as the act that says so.
pub(crate) enum Turn<'a> {
    Submitted(&'a JobId),
    Spent(Option<Usd>),
    Released,
    Uncertain,
}

impl Entry {
    pub(crate) fn act(&self, turn: &Turn<'_>, by: Actor, why: impl Into<String>) -> NewAct {
        let mut facts = facts(&Purpose {
            draw: self.draw.clone(),
            engine: self.engine.clone(),
            scene: self.scene.clone(),
            scene_id: self.scene_id.clone(),
            shot: self.shot.clone(),
            frames: self.frames,
            usd: self.usd,
        });
        facts["of"] = self.id.to_string().into();
        facts["money"] = match turn {
            Turn::Submitted(job) => {
                facts["job"] = job.0.clone().into();
                "submitted"
            }
            Turn::Spent(paid) => {
                facts["paid_usd"] = amount(*paid);
                "spent"
            }
            Turn::Released => "released",
            Turn::Uncertain => "uncertain",
        }
        .into();
        NewAct::new(Verb::Accounted, by, SUBJECT)
            .with_facts(facts)
            .because(why)
    }
}

/// The act that reserves.
pub(crate) fn reserving(purpose: &Purpose, by: Actor) -> NewAct {
    let mut facts = facts(purpose);
    facts["money"] = "reserved".into();
    let why = match purpose.usd {
        Some(usd) => format!("{usd} for a draw of {} by {}", purpose.shot, purpose.engine),
        None => format!(
            "a draw of {} by {}, at a price that nobody knows",
            purpose.shot, purpose.engine
        ),
    };
    NewAct::new(Verb::Accounted, by, SUBJECT)
        .with_facts(facts)
        .because(why)
}

fn facts(purpose: &Purpose) -> Value {
    json!({
        "draw": purpose.draw, "engine": purpose.engine, "scene": purpose.scene, "scene_id": purpose.scene_id,
        "shot": purpose.shot, "frames": purpose.frames, "usd": amount(purpose.usd),
    })
}

/// An amount as the ledger writes it: digits in text, since a number in JSON may be read as a float. None is beyond what can be
/// read again.
fn amount(usd: Option<Usd>) -> Value {
    usd.map_or(Value::Null, |usd| usd.min(Usd::MOST).decimal().into())
}

/// The facts of an act, asked one by one.
struct Facts<'a>(&'a Act);

impl<'a> Facts<'a> {
    fn bad(&self, what: &'static str) -> MoneyError {
        MoneyError::Unreadable { act: self.0.id, what }
    }

    fn maybe(&self, key: &str) -> Option<&'a str> {
        self.0.facts.get(key).and_then(Value::as_str)
    }

    fn text(&self, key: &'static str) -> Result<&'a str, MoneyError> {
        self.maybe(key).ok_or_else(|| self.bad(key))
    }

    fn usd(&self, key: &'static str) -> Result<Option<Usd>, MoneyError> {
        match self.0.facts.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(digits)) => Usd::parse(digits).map(Some).map_err(|_| self.bad(key)),
            Some(_) => Err(self.bad(key)),
        }
    }

    fn entry(&self, id: ActId) -> Result<Entry, MoneyError> {
        let frames = self.0.facts.get("frames").and_then(Value::as_u64);
        Ok(Entry {
            id,
            at: self.0.at,
            draw: self.text("draw")?.to_owned(),
            engine: self.text("engine")?.to_owned(),
            scene: self.text("scene")?.to_owned(),
            scene_id: self.maybe("scene_id").map(str::to_owned),
            shot: self.text("shot")?.to_owned(),
            frames: frames
                .and_then(|frames| u32::try_from(frames).ok())
                .ok_or_else(|| self.bad("frames"))?,
            usd: self.usd("usd")?,
            job: None,
            state: State::Reserved,
        })
    }
}
