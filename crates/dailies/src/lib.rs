//! From a shot's plan to its takes.
//!
//! A film's plan says what should be seen; engines answer requests that name everything by hash. This crate is
//! the way between: [`plan`] resolves every word and call of the film to objects and asks the card and the gate
//! of each shot before anything is made; [`draw_all`] queues what is missing, works through the queue with
//! leases, progress and resume, and records every act; [`takes`] reads back what there is.
//! [`index`] lists, filters and ranks them, [`cull`] makes few of many, [`choices`] keeps what people say of them, and
//! [`report`] counts up what they came to.
//! [`care`] plans care for takes that are there, [`restyle`] passes of a model over them.
//! [`words`] says what the words of a prompt do, and [`staged`] puts a blocked shot on the stage.
//!
//! ```
//! use heirloom_dailies::{Job, Queue, SqliteQueue};
//!
//! // The queue alone: a draw is offered once, leased to one worker, and comes back if that worker dies.
//! let folder = tempfile::tempdir()?;
//! let queue = SqliteQueue::open(&folder.path().join("queue.sqlite"))?;
//! let job = Job { draw: "abc-0".into(), kind: "generate".into(), shot: "cosmos 010".into(), ..Job::default() };
//! queue.enqueue(&[job.clone()])?;
//! queue.enqueue(&[job.clone()])?;
//! let at = 1_000; // milliseconds
//! assert_eq!(queue.lease("worker a", &["generate"], at, 500)?.map(|l| l.job), Some(job.clone()));
//! assert!(queue.lease("worker b", &[], at + 100, 500)?.is_none());
//! assert_eq!(queue.lease("worker b", &[], at + 600, 500)?.map(|l| l.attempt), Some(2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What always holds
//! - Nothing is queued while any shot of the plan has an objection.
//! - A draw that the ledger holds is never done again; an act `requested` stands in the ledger before its draw
//!   begins, an act `drawn` only once every byte of the take is in the vault.
//! - Nothing that costs money is handed in before its price is reserved in the ledger, under every cap ([`money`]).
//! - One `make` at a time in one film ([`Lock`]).

pub mod asked;
pub mod care;
pub mod choices;
mod clips;
pub mod cull;
mod draw;
mod event;
pub mod faces;
mod guided;
pub mod guides;
pub mod index;
mod like;
mod lock;
pub mod measures;
pub mod measuring;
pub mod money;
pub mod mood;
mod outcome;
mod over;
pub mod pattern;
mod pictures;
mod plan;
pub mod queue;
pub mod report;
pub mod restyle;
pub mod staged;
pub mod subjects;
pub mod takes;
pub mod trained;
pub mod variants;
mod wording;
pub mod words;
pub mod worker;

pub use draw::{Drawing, GENERATE, draw_all, help_draw};
pub use event::{Event, Observer, Silent};
pub use lock::{Lock, LockError};
pub use outcome::{DrawError, Outcome};
pub use over::OverError;
pub use pictures::Pictured;
pub use plan::{Asked, Desk, Objection, Plan, Planned, Why, Work, plan, plan_with, subject};
pub use queue::{Job, Leased, Queue, QueueError, SqliteQueue};
