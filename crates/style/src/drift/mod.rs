//! Drift: how far a picture is from a style, as one number with its parts.
//!
//! A picture's [`Features`] are five lists of numbers (palette, contrast, texture, grain, sharpness). A [`Reference`]
//! keeps those of an archive's sources and what distances are usual among them: **1 is what a source held out of its own
//! archive has in the median**, in every part and in the whole. `docs/drift.md` has the formulas and their sources.
//!
//! ```
//! use heirloom_picture::measure::View;
//! use heirloom_style::drift::{Features, Reference};
//!
//! // Three grey pictures are an archive; a red one is no part of it.
//! let picture = |shade: u8, red: u8| -> Vec<[u8; 3]> {
//!     (0..64 * 64).map(|n| [shade + (n % 7) as u8 * 4 + red, shade + (n % 5) as u8, shade]).collect()
//! };
//! let features = |codes: &[[u8; 3]]| View::new(codes, 64, 64).map(|view| Features::of(&view));
//! let sources: Vec<Features> = [90, 100, 112].iter().filter_map(|s| features(&picture(*s, 0))).collect();
//! let style = Reference::fit(&sources)?;
//! let (near, far) = (features(&picture(95, 0)), features(&picture(95, 120)));
//! let (near, far) = (near.ok_or("no pixels")?, far.ok_or("no pixels")?);
//! assert!(style.drift(&near).total < style.drift(&far).total);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod clip;
mod features;
mod grain;
mod reference;
mod sharpness;
mod tints;
mod weights;

pub use clip::{ClipDrift, Step, drift_of_frames};
pub use features::{Features, VERSION};
pub use reference::{LEAST_SOURCES, Reference, ReferenceError};

/// How far a picture is from a style. 1 is the median of the archive's own pictures, each held out; no unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Drift {
    /// All parts together.
    pub total: f64,
    /// Colours and their shares.
    pub palette: f64,
    /// Lightness from shadows to lights, and local contrast.
    pub contrast: f64,
    /// Structure by scale and direction.
    pub texture: f64,
    /// Noise in flat parts.
    pub grain: f64,
    /// Edges and fine detail, for their contrast.
    pub sharpness: f64,
}
