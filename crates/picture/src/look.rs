//! What a picture looks like, as numbers: palette, composition, texture.
//!
//! Everything that compares pictures by eye's measure (search by look, drift from a style, exemplars for coverage) starts
//! from one [`Look`], so that "alike" means one thing everywhere.
//!
//! Colours are OKLab (Ottosson, 2020; see [`crate::oklab`]). Plain arithmetic in one fixed order: the same numbers on
//! every machine.

mod planes;
mod texture;

use crate::measure::View;
pub use planes::{Planes, halved};

/// What a picture looks like. All parts are of the picture scaled to at most [`SIDE`] pixels.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Look {
    /// Shares of the colours: a soft histogram over OKLab, [`LIGHTNESSES`] of lightness by [`TINTS`] of a by [`TINTS`] of
    /// b (b moves fastest). Each pixel is shared between the eight nodes around it, so that small shifts move little.
    /// Sums to 1. [`PALETTE`] long.
    pub palette: Vec<f32>,
    /// Mean OKLab of the cells of a 4x4 grid, row by row: L, a, b each. Cells are shares of the picture, whatever its
    /// aspect. [`COMPOSITION`] long.
    pub composition: Vec<f32>,
    /// Texture of lightness, [`TEXTURE`] long. First the natural logarithms of the energy of second derivatives, for
    /// [`SCALES`] octaves from the finest and for [`DIRECTIONS`] directions each, from along x turning towards y (steered
    /// as in Freeman & Adelson, 1991). Then each scale's sparseness (mean size over root mean square; even noise 0.8,
    /// lone points near 0). Then the correlation of local size between each scale and the next coarser (as in Portilla &
    /// Simoncelli, 2000). Scales that a small picture lacks repeat the coarsest it has.
    pub texture: Vec<f32>,
}

/// Pixels on the longer side that a look is taken at.
pub const SIDE: u32 = 256;
/// Nodes of lightness in a palette, evenly from 0 to 1.
pub const LIGHTNESSES: usize = 8;
/// Nodes of a, and of b, in a palette: at 0, ±0.029, ±0.091 and ±0.32.
pub const TINTS: usize = 7;
/// Numbers in a palette.
pub const PALETTE: usize = LIGHTNESSES * TINTS * TINTS;
/// Numbers in a composition.
pub const COMPOSITION: usize = 4 * 4 * 3;
/// Octaves of texture.
pub const SCALES: usize = 5;
/// Directions of texture, evenly over half a turn.
pub const DIRECTIONS: usize = 6;
/// Numbers in a texture.
pub const TEXTURE: usize = SCALES * DIRECTIONS + SCALES + SCALES - 1;

/// The look of a picture in display codes. Larger pictures are scaled to [`SIDE`] first, by area and in linear light.
pub fn look(view: &View<'_>) -> Look {
    look_of(&Planes::of(view, SIDE))
}

/// The look of a picture whose planes are taken already, at [`SIDE`].
pub fn look_of(planes: &Planes) -> Look {
    Look {
        palette: palette(planes),
        composition: composition(planes),
        texture: texture::texture(&planes.l, planes.width),
    }
}

/// Where a value lies between `nodes` even nodes: the node below, and the share of the one above.
fn between(value: f32, nodes: usize) -> (usize, f32) {
    let at = value.clamp(0.0, 1.0) * (nodes - 1) as f32;
    let below = (at as usize).min(nodes - 2);
    (below, at - below as f32)
}

/// a or b from -0.32 to 0.32 as 0 to 1, finer near grey where most colours are and the eye tells them apart.
fn tint(v: f32) -> f32 {
    0.5 + 0.5 * v / (0.08 + v.abs()) / 0.8
}

/// Where an OKLab colour lies among the nodes of a palette: in nodes from the first, of lightness, a and b.
pub fn node_position([l, a, b]: [f32; 3]) -> [f32; 3] {
    let tints = (TINTS - 1) as f32;
    [
        l.clamp(0.0, 1.0) * (LIGHTNESSES - 1) as f32,
        tint(a).clamp(0.0, 1.0) * tints,
        tint(b).clamp(0.0, 1.0) * tints,
    ]
}

/// The OKLab colour of a palette's node, counted as in [`Look::palette`]: the inverse of [`node_position`].
pub fn node_colour(node: usize) -> [f32; 3] {
    let untint = |at: usize| {
        let v = 1.6 * (at as f32 / (TINTS - 1) as f32 - 0.5);
        0.08 * v / (1.0 - v.abs())
    };
    [
        (node / (TINTS * TINTS)) as f32 / (LIGHTNESSES - 1) as f32,
        untint(node / TINTS % TINTS),
        untint(node % TINTS),
    ]
}

fn palette(planes: &Planes) -> Vec<f32> {
    let mut sums = [0f32; PALETTE];
    let mut total = vec![0f64; PALETTE];
    let rows = planes.l.chunks(planes.width);
    let tints = planes.a.chunks(planes.width).zip(planes.b.chunks(planes.width));
    // Where each pixel of a row lies, worked out for all of them first: that becomes SIMD.
    let mut places = vec![(0u32, [0f32; 3]); planes.width];
    for (l, (a, b)) in rows.zip(tints) {
        for (((l, a), b), place) in l.iter().zip(a).zip(b).zip(&mut places) {
            let (l, dl) = between(*l, LIGHTNESSES);
            let (a, da) = between(tint(*a), TINTS);
            let (b, db) = between(tint(*b), TINTS);
            *place = (((l * TINTS + a) * TINTS + b) as u32, [dl, da, db]);
        }
        for (at, [dl, da, db]) in &places {
            for (i, wl) in [(0, 1.0 - dl), (TINTS * TINTS, *dl)] {
                for (j, wa) in [(0, 1.0 - da), (TINTS, *da)] {
                    let at = *at as usize + i + j;
                    if let Some([below, above]) = sums.get_mut(at..at + 2) {
                        *below += wl * wa * (1.0 - db);
                        *above += wl * wa * db;
                    }
                }
            }
        }
        // A row at a time, so that large sums do not swallow small shares.
        for (total, sum) in total.iter_mut().zip(&mut sums) {
            *total += f64::from(*sum);
            *sum = 0.0;
        }
    }
    let all: f64 = total.iter().sum();
    total.iter().map(|v| (v / all) as f32).collect()
}

fn composition(planes: &Planes) -> Vec<f32> {
    let (width, height) = (planes.width, planes.height);
    // At least one pixel a cell, also of a picture smaller than the grid.
    let span = |cell: usize, len: usize| {
        let from = (cell * len / 4).min(len - 1);
        from..((cell + 1) * len / 4).clamp(from + 1, len.max(from + 1))
    };
    let mut means = Vec::with_capacity(COMPOSITION);
    for cell in 0..16 {
        let (rows, columns) = (span(cell / 4, height), span(cell % 4, width));
        let count = (rows.len() * columns.len()) as f64;
        for plane in [&planes.l, &planes.a, &planes.b] {
            let sum: f64 = rows
                .clone()
                .map(|y| {
                    f64::from(
                        plane[y * width + columns.start..y * width + columns.end]
                            .iter()
                            .sum::<f32>(),
                    )
                })
                .sum();
            means.push((sum / count) as f32);
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_lie_where_their_colours_do() {
        for node in 0..PALETTE {
            let [l, a, b] = node_position(node_colour(node));
            let at = [node / 49, node / 7 % 7, node % 7].map(|v| v as f32);
            assert!((l - at[0]).abs() < 1e-4 && (a - at[1]).abs() < 1e-4 && (b - at[2]).abs() < 1e-4);
        }
    }
}
