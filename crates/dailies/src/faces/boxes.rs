//! From what networks give to faces.

#![cfg_attr(not(feature = "faces"), allow(dead_code))]

use super::{OVERLAP, SURE};
use crate::measures::Face;

/// Most faces of one frame: beyond it something is wrong with the network, and the surest are enough.
const MOST: usize = 1000;

/// A box with its score: left, top, right, bottom in pixels of the network's picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hit {
    pub score: f32,
    pub corners: [f32; 4],
}

/// Hits of boxes by anchors: `scores` in pairs (no face, face), `boxes` in corners as fractions of a picture of that size.
pub(super) fn of_anchors(scores: &[f32], boxes: &[f32], [width, height]: [usize; 2]) -> Vec<Hit> {
    let scale = [width as f32, height as f32, width as f32, height as f32];
    let pairs = scores.chunks_exact(2).zip(boxes.chunks_exact(4));
    pairs
        .filter(|(pair, _)| f64::from(pair[1]) > SURE)
        .map(|(pair, corners)| Hit {
            score: pair[1],
            corners: std::array::from_fn(|i| corners[i] * scale[i]),
        })
        .collect()
}

/// Hits of maps of `across` columns, each cell `stride` pixels wide: heat, log heights and widths over the stride, offsets of
/// the middle down and across in cells.
pub(super) fn of_maps(heat: &[f32], sizes: &[f32], offsets: &[f32], across: usize, stride: f32) -> Vec<Hit> {
    let cells = heat.len();
    let mut hits = Vec::new();
    for (n, score) in heat.iter().enumerate().filter(|(_, s)| f64::from(**s) > SURE) {
        let (row, column) = (n / across.max(1), n % across.max(1));
        let at = |of: &[f32], channel: usize| of.get(channel * cells + n).copied().unwrap_or(f32::NAN);
        let height = libm::expf(at(sizes, 0)) * stride;
        let width = libm::expf(at(sizes, 1)) * stride;
        let down = (row as f32 + at(offsets, 0) + 0.5) * stride;
        let right = (column as f32 + at(offsets, 1) + 0.5) * stride;
        hits.push(Hit {
            score: *score,
            corners: [
                right - width / 2.0,
                down - height / 2.0,
                right + width / 2.0,
                down + height / 2.0,
            ],
        });
    }
    hits
}

/// The faces that hits stand for, the surest first: within a picture of that size, each once.
pub(super) fn faces(mut hits: Vec<Hit>, [width, height]: [u32; 2]) -> Vec<Face> {
    let (width, height) = (width as f32, height as f32);
    for hit in &mut hits {
        let [left, top, right, bottom] = &mut hit.corners;
        (*left, *right) = (left.max(0.0), right.min(width));
        (*top, *bottom) = (top.max(0.0), bottom.min(height));
    }
    // Also false where a corner is no number.
    hits.retain(|hit| hit.score.is_finite() && area(&hit.corners) > 0.0);
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Hit> = Vec::new();
    for hit in hits {
        if kept.len() < MOST
            && kept
                .iter()
                .all(|other| f64::from(overlap(other, &hit)) <= OVERLAP)
        {
            kept.push(hit);
        }
    }
    let face = |hit: Hit| {
        let [left, top, right, bottom] = hit.corners.map(f64::from);
        let (width, height) = (f64::from(width), f64::from(height));
        Face {
            score: f64::from(hit.score).min(1.0),
            region: [
                left / width,
                top / height,
                (right - left) / width,
                (bottom - top) / height,
            ],
        }
    };
    kept.into_iter().map(face).collect()
}

fn area([left, top, right, bottom]: &[f32; 4]) -> f32 {
    if right > left && bottom > top {
        (right - left) * (bottom - top)
    } else {
        0.0
    }
}

/// Shared area over joint area.
fn overlap(a: &Hit, b: &Hit) -> f32 {
    let (one, other) = (&a.corners, &b.corners);
    let shared = area(&[
        one[0].max(other[0]),
        one[1].max(other[1]),
        one[2].min(other[2]),
        one[3].min(other[3]),
    ]);
    shared / (area(one) + area(other) - shared).max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(score: f32, corners: [f32; 4]) -> Hit {
        Hit { score, corners }
    }

    #[test]
    fn boxes_that_overlap_are_one_face_and_the_surest_stays() {
        let found = faces(
            vec![
                hit(0.7, [10.0, 10.0, 30.0, 30.0]),
                hit(0.9, [12.0, 10.0, 32.0, 30.0]),
                hit(0.8, [60.0, 10.0, 80.0, 20.0]),
                // Touches the second by less than counts.
                hit(0.6, [28.0, 10.0, 48.0, 30.0]),
            ],
            [100, 50],
        );
        let scores: Vec<f64> = found.iter().map(|face| face.score).collect();
        assert_eq!(scores, [0.9, 0.8, 0.6].map(|s: f32| f64::from(s)));
        let region = [0.12, 0.2, 0.2, 0.4];
        assert!(
            found[0]
                .region
                .iter()
                .zip(region)
                .all(|(a, b)| (a - b).abs() < 1e-6),
            "{found:?}"
        );
    }

    #[test]
    fn what_is_outside_or_no_number_is_no_face() {
        let found = faces(
            vec![
                hit(0.9, [f32::NAN, 0.0, 10.0, 10.0]),
                hit(0.9, [110.0, 0.0, 120.0, 10.0]),
                hit(f32::NAN, [0.0, 0.0, 10.0, 10.0]),
                hit(0.9, [10.0, 10.0, 5.0, 20.0]),
                hit(0.9, [-10.0, -10.0, 10.0, 10.0]),
            ],
            [100, 50],
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].region, [0.0, 0.0, 0.1, 0.2]);
    }

    #[test]
    fn a_map_places_a_face_in_the_middle_of_its_cell() {
        // Cell (1, 2) of 3 x 4 cells of 4 pixels; 8 high, 16 wide; half a cell further right.
        let mut heat = vec![0.0; 12];
        let (mut sizes, mut offsets) = (vec![0.0; 24], vec![0.0; 24]);
        heat[6] = 0.75;
        (sizes[6], sizes[12 + 6]) = (2f32.ln(), 4f32.ln());
        offsets[12 + 6] = 0.5;
        let hits = of_maps(&heat, &sizes, &offsets, 4, 4.0);
        assert_eq!(hits.len(), 1);
        let expected = [12.0 - 8.0, 6.0 - 4.0, 12.0 + 8.0, 6.0 + 4.0];
        assert!(
            hits[0]
                .corners
                .iter()
                .zip(expected)
                .all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-4),
            "{hits:?}"
        );
    }
}
