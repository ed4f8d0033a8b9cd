//! The contract of every generator.
//!
//! A film outlives the models it was made with. So nothing above this crate knows any engine by name: a shot
//! becomes a [`Request`] (all that determines a take but chance, named by its hash), a [`Draw`] is one go at it,
//! an [`Engine`] answers with a job, and what comes out is a take that can be opened again and asked where each
//! pixel came from. What an engine can do is data (its [`Card`]); what it may do is asked of a [`gate`] first.
//!
//! ```
//! use std::collections::BTreeMap;
//! use heirloom_engine::{Param, Request, Task};
//! use heirloom_film::{Rate, Size};
//! use heirloom_vault::ObjectId;
//!
//! let request = Request {
//!     engine: "weightless".into(),
//!     revision: 1,
//!     task: Task::Living,
//!     prompt: String::new(),
//!     mood: String::new(),
//!     seed: 7,
//!     size: Size { width: 960, height: 540 },
//!     rate: Rate::parse("24")?,
//!     frames: 96,
//!     sources: vec![ObjectId::of(b"the bytes of a photograph")],
//!     keyframes: vec![], pictures: Default::default(),
//!     guides: None,
//!     style: None,
//!     params: BTreeMap::from([("finish".into(), Param::Number(0.5))]),
//! };
//! // The canonical form names the request: stored in the vault, its object id is the request's hash.
//! assert_eq!(request.id()?, ObjectId::of(&request.canonical()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What always holds (and [`conformance`] checks)
//! - The same request has the same hash; another one has another.
//! - A draw is never done twice: submitting it again gives the same job.
//! - Progress never goes back; a cancel takes effect within a second.
//! - A refusal is a policy's no, with its grounds; it is not a failure and is not retried.
//! - A failure leaves nothing behind but what its own work folder needs to go on.

pub mod card;
mod charge;
pub mod conform;
pub mod conformance;
mod contract;
pub mod distance;
pub mod footage;
pub mod gate;
pub mod guides;
pub mod hole;
mod job;
pub mod local;
pub mod palette;
pub mod places;
mod request;
pub mod settings;
pub mod take;

pub use card::{Card, Task};
pub use charge::{Charge, Found};
pub use contract::{Engine, Engines};
pub use distance::Distance;
pub use footage::{Footage, SourceClip};
pub use guides::{GuideFrame, GuideLight, GuideSet, Guides};
pub use job::{Draft, DraftFile, Failure, Inputs, JobId, JobState, Order, Progress, Refusal};
pub use request::{Draw, Keyframe, NotFinite, Param, Request};
pub use take::{Origin, Share, Stored, TakeFile, TakeFrames, TakeManifest, manifest_of};
