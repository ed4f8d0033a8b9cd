//! A style's grade: how pictures are moved to the colours of the style's sources.
//!
//! The colours of what comes in are carried to those of the sources by optimal transport in OKLab, smoothed, and kept
//! in a [`Lut3`] that other programs read too. Lightness moves first, along one rising curve; colour then moves at its
//! new lightness. So light and dark never change places, and greys get the sources' own tint.
//!
//! ```
//! use heirloom_picture::measure::View;
//! use heirloom_style::grade::{FitOptions, Grade, Samples};
//! // Sources that are all warm; what comes in is not known, so the neutral reference stands for it.
//! let codes: Vec<[u8; 3]> = (0..=255u8).map(|v| [v, (f64::from(v) * 0.9) as u8, (f64::from(v) * 0.7) as u8]).collect();
//! let Some(view) = View::new(&codes, 16, 16) else { return };
//! let grade = Grade::fit(&Samples::reference(), &Samples::of(&view), &FitOptions::default());
//! let [r, _, b] = grade.lut().sample([0.5; 3]);
//! assert!(r > b + 0.1);
//! ```
//!
//! # What always holds
//! - Lightness rises strictly along every line of the table from dark to light that keeps the steps between channels,
//!   the greys' own line among them.
//! - Strength 0 changes no bit; the result depends on nothing but the samples and the options.

mod apply;
mod between;
mod curve;
mod fit;
mod gamut;
mod media;
mod samples;
mod skin;
mod transport;

pub use media::{ClipGrade, GradeError, grade_clip, grade_still};
pub use samples::Samples;
pub use skin::SkinSafe;

use crate::lut::Lut3;

/// A grade: a table from display codes to display codes, applied in part or whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Grade {
    lut: Lut3,
}

impl Grade {
    /// A grade that is this table, whoever made it.
    pub fn from_lut(lut: Lut3) -> Self {
        Self { lut }
    }

    /// Its table; [`Lut3::write_cube`] writes it for other programs.
    pub fn lut(&self) -> &Lut3 {
        &self.lut
    }
}

/// How freely a grade may move colours. All lightness and colour is OKLab's.
#[derive(Clone, Debug, PartialEq)]
pub struct FitOptions {
    /// Nodes along a side of the table: 33 or 65.
    pub size: usize,
    /// The least and the largest rise of lightness out per rise of lightness in.
    pub slope: [f64; 2],
    /// How much of the sources' lightness is taken, 0 to 1: an archive of night skies darkens all there is at 1, and gives
    /// its colours alone at 0.
    pub lightness: f64,
    /// How far a lightness is smoothed over others.
    pub lightness_smooth: f64,
    /// How far a colour's move is smoothed over its neighbours.
    pub colour_smooth: f64,
    /// How far a colour may move at most, beside lightness; approached gently.
    pub farthest: f64,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            size: 33,
            slope: [0.4, 2.5],
            lightness: 1.0,
            lightness_smooth: 0.05,
            colour_smooth: 0.07,
            farthest: 0.25,
        }
    }
}
