//! Money in the path of a draw: what stands before handing in, and what after the end.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use heirloom_engine::{Charge, Engine, Failure, Found, JobId, JobState, Order};
use heirloom_film::Usd;
use heirloom_vault::{Actor, NewAct, Vault};

use super::{Caps, Entry, MoneyError, Purpose, Reserving, Scope, State, Till, quote};
use crate::plan::Planned;

/// How a draw goes on, as far as money is concerned.
pub(crate) enum Way {
    /// It costs nothing.
    Free,
    /// Its price is reserved: hand it in.
    Paid(Entry),
    /// It was handed in before, and the engine has it under this name: follow it.
    Found(Entry, JobId),
    /// A cap stops it: it waits in the queue, for the reason.
    Held(String),
    /// It is laid aside for a person, for the reason.
    Aside(String),
    /// The engine can not be asked now.
    Later(Failure),
}

/// How a paid draw that gave no take was settled.
pub(crate) enum Settled {
    /// Nothing was paid: it may be handed in again.
    Free,
    /// It was or may have been paid, and is not handed in again; why.
    Paid(String),
    /// The engine can not be asked now; nothing was written.
    Later(Failure),
}

/// Reserves before draws and settles after them.
pub(crate) struct Desk<'a> {
    till: Till<'a>,
    caps: &'a Caps,
    by: &'a Actor,
    /// What has been stopped since this work began, and why.
    stopped: Mutex<BTreeMap<Scope, String>>,
}

impl<'a> Desk<'a> {
    pub(crate) fn open(vault: &'a Vault, caps: &'a Caps, by: &'a Actor) -> Result<Self, MoneyError> {
        Ok(Self {
            till: Till::open(vault)?,
            caps,
            by,
            stopped: Mutex::default(),
        })
    }

    /// What stands before a draw is handed in.
    pub(crate) fn before(
        &self,
        planned: &Planned,
        engine: &dyn Engine,
        order: &Order,
    ) -> Result<Way, MoneyError> {
        let draw = order.draw.to_string();
        let quote = quote(&engine.card().price, &order.request, self.caps);
        if quote.is_free() && !self.till.knows(&draw) {
            return Ok(Way::Free);
        }
        let old = self.till.standing(&draw)?;
        if let Some(entry) = &old
            && let Some(way) = self.again(entry, engine, order)?
        {
            return Ok(way);
        }
        // From here on, if something was reserved before, for certain nothing was paid.
        let unpaid = format!(
            "{} has no such draw and charges nothing for it",
            order.request.engine
        );
        if quote.is_free() {
            let acts = old.map(|entry| self.till.released(&entry, self.by.clone(), unpaid));
            self.till.write(acts.into_iter().collect())?;
            return Ok(Way::Free);
        }
        let purpose = Purpose {
            draw,
            engine: order.request.engine.clone(),
            scene: planned.scene.clone(),
            scene_id: self.caps.scene_id(&planned.scene),
            shot: planned.label(),
            frames: order.request.frames,
            usd: quote.usd,
        };
        let reserving = match &old {
            // It has its place under the caps already, whatever was stopped meanwhile.
            Some(entry) => {
                let old = (entry, unpaid.as_str());
                self.till
                    .reserve_anew(old, self.caps, &purpose, self.by.clone())?
            }
            None => {
                if let Some(why) = self.is_stopped(&purpose) {
                    return Ok(Way::Held(why));
                }
                self.till.reserve(self.caps, &purpose, self.by.clone())?
            }
        };
        Ok(match reserving {
            Reserving::Done(entry) => Way::Paid(entry),
            Reserving::Before(_) => Way::Later(Failure::passing(
                "taken",
                "another process works on this draw, from another work folder; it is waited for",
            )),
            Reserving::Stopped(stop) => {
                // Of workers that come upon one cap at once, all say what the first said.
                let mut stopped = self.stopped();
                let why = stopped.entry(stop.stops()).or_insert_with(|| stop.to_string());
                Way::Held(why.clone())
            }
        })
    }

    /// What becomes of a draw for which money was reserved before; none when the engine is certain that nothing was paid.
    fn again(&self, entry: &Entry, engine: &dyn Engine, order: &Order) -> Result<Option<Way>, MoneyError> {
        if matches!(entry.state, State::Spent(_)) {
            return Ok(Some(Way::Aside(format!(
                "this draw was paid for and its take is lost; it is not paid for twice: give the shot {} another seed for \
                 another draw",
                entry.shot
            ))));
        }
        let found = match engine.find(order, entry.job.as_ref()) {
            Ok(found) => found,
            Err(failure) => return Ok(Some(Way::Later(failure))),
        };
        match found {
            Found::Job(job) => {
                self.till.submitted(entry, &job, self.by.clone())?;
                Ok(Some(Way::Found(entry.clone(), job)))
            }
            Found::Nothing => Ok(None),
            Found::Unknown => {
                let why = format!(
                    "this draw was begun and broke off, and `{}` can not say what became of it: it may have been paid",
                    entry.engine
                );
                Ok(Some(Way::Aside(self.doubt(entry, why)?)))
            }
        }
    }

    /// Lays a reservation aside, once; the reason with its mend.
    fn doubt(&self, entry: &Entry, why: String) -> Result<String, MoneyError> {
        let told = format!(
            "{why}; look at the engine's bill, then say `heirloom budget --paid {0}` or `heirloom budget --not-paid {0}`",
            entry.draw.get(..12).unwrap_or(&entry.draw)
        );
        if !matches!(entry.state, State::Uncertain(_)) {
            let act = self.till.uncertain(entry, self.by.clone(), why);
            self.till.write(vec![act])?;
        }
        Ok(told)
    }

    /// Hands in what is paid for, and writes down that the engine has it.
    pub(crate) fn hand_in(
        &self,
        entry: &Entry,
        engine: &dyn Engine,
        order: Order,
    ) -> Result<Result<JobId, Failure>, MoneyError> {
        match engine.submit(order) {
            Ok(job) => {
                self.till.submitted(entry, &job, self.by.clone())?;
                Ok(Ok(job))
            }
            // Asked of the engine before the next try.
            Err(failure) if failure.is_uncertain() => Ok(Err(failure)),
            Err(failure) => {
                let why = format!("nothing was begun: {failure}");
                let act = self.till.released(entry, self.by.clone(), why);
                self.till.write(vec![act])?;
                Ok(Err(failure))
            }
        }
    }

    /// The act that settles a finished draw, and what was paid; to be written in one step with the act that has the take.
    pub(crate) fn finished(&self, entry: &Entry, engine: &dyn Engine, job: &JobId) -> (NewAct, Option<Usd>) {
        let paid = match engine.charged(job) {
            Ok(Charge::Usd(paid)) => Some(paid),
            Ok(Charge::Nothing) => Some(Usd::ZERO),
            // What an engine can not say, its price says.
            Ok(Charge::AsPriced | Charge::Unknown) | Err(_) => entry.usd,
        };
        (self.till.spent(entry, paid, self.by.clone()), paid)
    }

    /// Settles a draw that ended without a take, together with the act of its end, if there is one.
    pub(crate) fn ended(
        &self,
        entry: &Entry,
        (engine, job, state): (&dyn Engine, &JobId, &JobState),
        act: Option<NewAct>,
    ) -> Result<Settled, MoneyError> {
        let end = match state {
            JobState::Refused(refusal) => format!("it was refused: {}", refusal.grounds.join("; ")),
            JobState::Failed(failure) => format!("it failed: {failure}"),
            JobState::Cancelled => "it was stopped".to_owned(),
            _ => "the engine lost the job".to_owned(),
        };
        let charge = match engine.charged(job) {
            Ok(charge) => charge,
            Err(failure) => return Ok(Settled::Later(failure)),
        };
        let by = || self.by.clone();
        let mut acts: Vec<NewAct> = act.into_iter().collect();
        let paid = match charge {
            Charge::Nothing => {
                acts.push(
                    self.till
                        .released(entry, by(), format!("{end}; nothing was charged")),
                );
                self.till.write(acts)?;
                return Ok(Settled::Free);
            }
            Charge::Usd(paid) => Some(paid),
            Charge::AsPriced => entry.usd,
            Charge::Unknown => {
                self.till.write(acts)?;
                let why = format!("{end}, and `{}` can not say whether it was paid", entry.engine);
                return Ok(Settled::Paid(self.doubt(entry, why)?));
            }
        };
        acts.push(self.till.spent(entry, paid, by()));
        self.till.write(acts)?;
        let cost = paid.map_or_else(|| "something".to_owned(), |paid| paid.to_string());
        Ok(Settled::Paid(format!(
            "{end}; it cost {cost} all the same, and is not paid for twice: give the shot another seed for another draw"
        )))
    }

    /// Writes acts, all or none.
    pub(crate) fn write(&self, acts: Vec<NewAct>) -> Result<(), MoneyError> {
        self.till.write(acts)
    }

    fn stopped(&self) -> std::sync::MutexGuard<'_, BTreeMap<Scope, String>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing more of this scope is taken, if that is so.
    fn is_stopped(&self, purpose: &Purpose) -> Option<String> {
        let stopped = self.stopped();
        [
            Scope::Film,
            Scope::Scene(purpose.scene.clone()),
            Scope::Engine(purpose.engine.clone()),
        ]
        .iter()
        .find_map(|scope| stopped.get(scope).cloned())
    }
}
