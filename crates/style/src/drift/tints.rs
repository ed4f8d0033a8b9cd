//! Moments of the tints, and edges: few numbers that a mean over many bins drowns.

use heirloom_picture::look::{Planes, halved};

/// Chroma below which a hue is not told, in OKLab's units.
const GREY: f64 = 0.02;
/// Gradients of lightness (to the right and down, root of the sum of squares) from which on a pixel counts as an edge.
const EDGES: [f32; 4] = [0.008, 0.03, 0.1, 0.25];
/// Energy that is not told from rounding.
const LEAST: f64 = 2e-6;

/// Ten times the mean a and b, their deviations and the quartiles and the 95th hundredth of chroma; then how lightness goes
/// with chroma, a and b (correlations); the share of pixels without a hue; and how much the hues agree (0 all over the circle,
/// 1 all alike, weighted by chroma).
pub(super) fn tints(planes: &Planes) -> Vec<f32> {
    let count = planes.l.len() as f64;
    let of = |plane: &[f32]| -> Vec<f64> { plane.iter().map(|v| f64::from(*v)).collect() };
    let (l, a, b) = (of(&planes.l), of(&planes.a), of(&planes.b));
    let chroma: Vec<f64> = a.iter().zip(&b).map(|(a, b)| libm::sqrt(a * a + b * b)).collect();
    let mean = |v: &[f64]| v.iter().sum::<f64>() / count;
    let covariance = |v: &[f64], w: &[f64]| {
        let (mv, mw) = (mean(v), mean(w));
        v.iter().zip(w).map(|(v, w)| (v - mv) * (w - mw)).sum::<f64>() / count
    };
    let deviation = |v: &[f64]| libm::sqrt(covariance(v, v).max(0.0));
    // A floor keeps rounding in grey pictures from making correlations.
    let tie = |v: &[f64], w: &[f64]| covariance(v, w) / ((deviation(v) + 0.01) * (deviation(w) + 0.01));
    let mut sorted = chroma.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| sorted[(share * (sorted.len() - 1) as f64) as usize];
    let grey = chroma.iter().filter(|c| **c < GREY).count() as f64 / count;
    let (ma, mb, mc) = (mean(&a), mean(&b), mean(&chroma));
    let agreement = libm::sqrt(ma * ma + mb * mb) / (mc + 0.005);
    [
        10.0 * ma,
        10.0 * mb,
        10.0 * deviation(&a),
        10.0 * deviation(&b),
        10.0 * at(0.25),
        10.0 * at(0.5),
        10.0 * at(0.75),
        10.0 * at(0.95),
        tie(&l, &chroma),
        tie(&l, &a),
        tie(&l, &b),
        grey,
        agreement,
    ]
    .map(|v| v as f32)
    .to_vec()
}

/// Twice the shares of pixels on edges of four strengths; then, in three octaves, half the logarithm of the tints' gradient
/// energy over that of lightness.
pub(super) fn edges(planes: &Planes) -> Vec<f32> {
    let steps = squares(&planes.l, planes.width);
    let count = steps.len().max(1) as f32;
    let share = |least: f32| 2.0 * steps.iter().filter(|s| **s > least * least).count() as f32 / count;
    let mut list: Vec<f32> = EDGES.map(share).to_vec();
    let (mut width, mut three) = (
        planes.width,
        [planes.l.clone(), planes.a.clone(), planes.b.clone()],
    );
    for _ in 0..3 {
        let [l, a, b] = [0, 1, 2].map(|n: usize| {
            let steps = squares(&three[n], width);
            steps.iter().map(|v| f64::from(*v)).sum::<f64>() / steps.len().max(1) as f64
        });
        list.push(0.5 * libm::log((a + b + LEAST) / (l + LEAST)) as f32);
        let half = halved(&three[0], width).1;
        three = three.map(|plane| halved(&plane, width).0);
        width = half;
    }
    list
}

/// The squared gradient of lightness at every pixel but the last row and column.
fn squares(plane: &[f32], width: usize) -> Vec<f32> {
    let rows: Vec<&[f32]> = plane.chunks(width).collect();
    let mut list = Vec::with_capacity(plane.len());
    for pair in rows.windows(2) {
        for x in 0..width.saturating_sub(1) {
            let (across, down) = (pair[0][x + 1] - pair[0][x], pair[1][x] - pair[0][x]);
            list.push(across * across + down * down);
        }
    }
    list
}
