//! The server behind the web studio. Its first room is the viewer: one page with the takes of a shot to play, compare and
//! judge by keys, which `heirloom look` serves.
//!
//! The studio stands over the other rooms and holds no rules of its own: takes are listed by
//! [`heirloom_dailies::index`], judged through [`heirloom_dailies::choices::Chooser`], and opened by the engine that made
//! them. What it makes itself (posters and small clips, under `work/look`) may be deleted at any time.
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicBool, Ordering};
//! use heirloom_engine::Engines;
//! use heirloom_film::Rate;
//! use heirloom_studio::{Listen, Look, serve};
//! use heirloom_vault::{Actor, Vault};
//!
//! let folder = tempfile::tempdir()?;
//! let look = Look {
//!     folder: folder.path().to_owned(),
//!     vault: Arc::new(Vault::create(&folder.path().join("vault"))?),
//!     engines: Engines::new(),
//!     by: Actor::person("Ada"),
//!     shot: "shot:sh-00000001".into(),
//!     label: "cosmos 010".into(),
//!     rate: Rate::CINEMA,
//! };
//! // Another thread, or a signal, sets it when the server is to end.
//! let stop = Arc::new(AtomicBool::new(false));
//! serve(look, &Listen::default(), |served| {
//!     assert!(served.address.ip().is_loopback());
//!     stop.store(true, Ordering::Relaxed);
//! }, &stop)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What always holds
//! - It listens on loopback unless told otherwise. Everything but the page's own script and style needs the token of this
//!   run, on loopback too: a machine may have other users.
//! - Whatever changes the ledger needs the token in a header, which no other site's page can send.
//! - Only takes of the shot that is looked at are served, by their ids: no path of a request is ever a path of a file.
//! - The page loads nothing from elsewhere and runs no script but its own.

mod answer;
mod api;
mod guard;
mod media;
mod news;
mod page;
mod pixels;
mod ranges;
mod serve;
mod shot;

pub use serve::{Listen, Served, StudioError, serve};
pub use shot::Look;
