//! Passes of a shot: which, of which frames, and what comes out.

use std::collections::BTreeMap;
use std::ops::{BitOr, ControlFlow, Range};
use std::sync::atomic::AtomicBool;

use heirloom_engine::{GuideFrame, GuideSet};
use heirloom_film::{Rate, Size};

use crate::pose::ViewError;
use crate::posed::TooMuch;

/// A set of passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Passes(u16);

impl Passes {
    /// Lit clay.
    pub const COLOR: Self = Self(1);
    /// Planar depth.
    pub const DEPTH: Self = Self(1 << 1);
    /// World and camera normals.
    pub const NORMALS: Self = Self(1 << 2);
    /// Object ids.
    pub const OBJECTS: Self = Self(1 << 3);
    /// World positions.
    pub const POSITION: Self = Self(1 << 4);
    /// Motion to the next frame, and what is hidden in it.
    pub const NEXT: Self = Self(1 << 5);
    /// Motion to the previous frame, and what is hidden in it.
    pub const PREVIOUS: Self = Self(1 << 6);
    /// All there are.
    pub const ALL: Self = Self(0x7f);

    /// Whether all of these are in the set.
    pub fn has(self, these: Self) -> bool {
        self.0 & these.0 == these.0
    }
}

impl Default for Passes {
    fn default() -> Self {
        Self::ALL
    }
}

impl BitOr for Passes {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Which pictures are wanted: a camera, and when and how often it looks.
///
/// Frame `i` shows the scene at `start_s + i / rate`. An engine that works at another rate than the film's gets a shot
/// with that rate; nothing is resampled.
#[derive(Debug, Clone, PartialEq)]
pub struct Shot {
    /// The node that carries the camera; see [`crate::scene::Scene::camera_node`].
    pub camera: usize,
    /// The scene's time at frame 0, in seconds.
    pub start_s: f64,
    /// Frames a second.
    pub rate: Rate,
    /// Frames of the whole shot; exposure is settled over them.
    pub frames: u32,
    /// Size of the whole picture in pixels.
    pub size: Size,
}

/// A part of the picture, in pixels from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First column.
    pub x: u32,
    /// First row.
    pub y: u32,
    /// Columns and rows.
    pub size: Size,
}

/// Why a shot is not rendered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RenderError {
    /// The camera cannot see.
    #[error(transparent)]
    View(#[from] ViewError),
    /// Too much geometry.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
    /// An empty or an absurd picture.
    #[error("a picture of {} x {} pixels cannot be rendered; ask for 1 to {limit} pixels each way", size.width, size.height)]
    Size {
        /// What was asked for.
        size: Size,
        /// Pixels a side may have.
        limit: u32,
    },
    /// The window is empty or not inside the picture.
    #[error("the window lies outside the picture of {} x {} pixels; give one inside it", size.width, size.height)]
    Window {
        /// The picture's size.
        size: Size,
    },
    /// A time that is no number.
    #[error("the shot begins at no time that there is; give its start in seconds")]
    Time,
    /// The stop flag was raised.
    #[error("rendering was stopped; ask again to render the rest")]
    Stopped,
}
