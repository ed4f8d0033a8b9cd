//! The cut, masters with their frame maps, animatics, and tracing.
//!
//! A film is finished when its shots stand in order, its owners are named, and every frame of every file that
//! leaves the house can say what it is made of. So this crate does four things. [`Cut`] says what is shown when,
//! with [`titles`] before and after. [`master`] renders the cut once and encodes it into all files that are asked
//! for. [`FrameMap`] writes down what each frame shows. And [`trace`] goes from a frame and a pixel through that
//! map, the take and its request to the photograph, its owner and the terms. Before there is a film to finish,
//! [`animatic`] shows its shots at the film's timing.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use heirloom_film::{Rate, Size};
//! use heirloom_finish::{Card, Cut, FrameFormat, FrameMap, export_frames, frame_path};
//!
//! // A film of nothing but its title; shots would be `CutItem`s with an opened take or a plate each.
//! let (size, rate) = (Size::new(64, 36)?, Rate::CINEMA);
//! let cut = Cut {
//!     title: "First light".into(),
//!     rate,
//!     size,
//!     items: vec![],
//!     title_card: Some(Card::title("First light", size, rate, 12)),
//!     credits: None,
//!     sound: None,
//! };
//! let map = FrameMap::of(&cut)?;
//! assert_eq!(map.frames(), 12);
//! assert_eq!(FrameMap::parse(&map.to_bytes())?, map);
//!
//! let folder = tempfile::tempdir()?;
//! let stop = AtomicBool::new(false);
//! export_frames(&cut, None, 5..7, FrameFormat::ExrHalf, None, folder.path(), &mut |_done, _of| {}, &stop)?;
//! assert!(frame_path(folder.path(), FrameFormat::ExrHalf, 6).is_file());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What always holds
//! - Lengths are exact: title + shots − dissolves + credits. The weights of every frame sum to one, as fractions.
//! - Pictures are added in linear light.
//! - Masters get their names when all of them are done; stopped, failed or killed, what was there before stays.
//! - Memory is bounded by a few frames a thread, however long the film.
//! - The same cut gives the same bytes on the same machine and ffmpeg, for any number of threads.
//! - Cards are drawn with the fonts of this crate and no others: the same pixels everywhere.
//! - A frame map from a stranger is an error or consistent, never a panic.

pub mod animatic;
pub mod attribution;
pub mod comparison;
pub mod contact_sheet;
mod credit_pages;
pub mod credits;
pub mod cut;
mod error;
mod exr_layers;
pub mod frame_map;
mod frames;
mod lettering;
pub mod limits;
mod map_picture;
mod master;
pub mod numbered;
mod plates;
mod render;
mod report;
pub mod stage_frames;
pub mod timeline;
pub mod titles;
pub mod trace;

pub use attribution::ShareTable;
pub use cut::{Cut, CutItem, Footage, Plate};
pub use error::FinishError;
pub use frame_map::{FrameMap, FrameMapError};
pub use frames::{ExportedFrames, FrameFormat, export_frames, frame_path};
pub use master::{Mastered, master};
pub use timeline::Timeline;
pub use titles::Card;
pub use trace::{Trace, TraceError, Tracer, find_master};
