//! The cut, masters with their frame maps, and tracing.

pub mod credits;
pub mod cut;
mod error;
pub mod frame_map;
mod frames;
mod lettering;
mod master;
mod plates;
mod render;
mod report;
pub mod timeline;
pub mod titles;
pub mod trace;

pub use cut::{Cut, CutItem, Footage, Plate};
pub use error::FinishError;
pub use frame_map::{FrameMap, FrameMapError};
pub use frames::{ExportedFrames, FrameFormat, export_frames, frame_path};
pub use master::{Mastered, master};
pub use timeline::Timeline;
pub use titles::Card;
pub use trace::{Trace, TraceError, Tracer, find_master};
