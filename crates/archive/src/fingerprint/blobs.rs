//! The blobs of a picture, and what light is around them.

use super::pyramid::{FIRST, Octave, Plane, STEPS, octaves};
use super::{BLOBS, Blob};

/// The least a blob stands out, in codes.
const LEAST: f32 = 0.4;
/// Cells on the side of the patch around a blob, and how many radii a cell is.
const CELLS: usize = 8;
const CELL: f32 = 1.5;

/// What was found, before the best are described.
struct Found {
    octave: usize,
    /// The plane it is described in.
    plane: usize,
    x: f32,
    y: f32,
    /// In pixels of its octave.
    radius: f32,
    value: f32,
    rank: f32,
}

/// The blobs that stand out most, spread over the picture.
pub(super) fn blobs(plane: &Plane) -> Vec<Blob> {
    let octaves = octaves(plane);
    let mut found = Vec::new();
    for (n, octave) in octaves.iter().enumerate() {
        extremes(n, octave, plane, &mut found);
    }
    found.sort_by(|a, b| {
        let place = |f: &Found| (f.octave, f.plane, f.y, f.x);
        b.rank.total_cmp(&a.rank).then(
            place(a)
                .partial_cmp(&place(b))
                .unwrap_or(std::cmp::Ordering::Equal),
        )
    });
    let pairs = pairs();
    let mut kept: Vec<Blob> = Vec::new();
    // First spread out, then, where that leaves room, closer together.
    for spread in [12.0_f32, 6.0, 3.0] {
        for f in &found {
            if kept.len() == BLOBS {
                return kept;
            }
            let octave = &octaves[f.octave];
            let (x, y, radius) = (f.x * octave.scale, f.y * octave.scale, f.radius * octave.scale);
            let near = |k: &Blob| {
                let (dx, dy) = (k.x - x, k.y - y);
                // Blobs of other sizes may lie in one place.
                let alike = (0.6..1.7).contains(&(k.radius / radius));
                dx * dx + dy * dy < if alike { spread * spread } else { 9.0 }
            };
            if kept.iter().any(near) {
                continue;
            }
            kept.push(Blob {
                x,
                y,
                radius,
                light: f.value > 0.0,
                bits: describe(&octave.planes[f.plane], f, &pairs),
            });
        }
    }
    kept
}

fn extremes(number: usize, octave: &Octave, whole: &Plane, found: &mut Vec<Found>) {
    let differences: Vec<Vec<f32>> = octave
        .planes
        .windows(2)
        // Small minus blurred more: a light blob is positive.
        .map(|p| p[0].values.iter().zip(&p[1].values).map(|(a, b)| a - b).collect())
        .collect();
    let (w, h) = (octave.planes[0].width, octave.planes[0].height);
    for level in 1..=STEPS {
        let planes = [
            &differences[level - 1],
            &differences[level],
            &differences[level + 1],
        ];
        for y in 1..h - 1 {
            for x in 1..w - 1 {
                let i = y * w + x;
                let v = planes[1][i];
                // Most are no extremes already along their row: the two beside them are asked first.
                let (before, after) = (planes[1][i - 1], planes[1][i + 1]);
                let passed = if v > 0.0 {
                    v > before && v > after
                } else {
                    v < before && v < after
                };
                if !passed || v.abs() < LEAST {
                    continue;
                }
                let is_extreme = planes.iter().enumerate().all(|(n, plane)| {
                    (0..9).all(|k| {
                        let j = i + k / 3 * w + k % 3 - w - 1;
                        (n == 1 && j == i) || if v > 0.0 { plane[j] < v } else { plane[j] > v }
                    })
                });
                if !is_extreme {
                    continue;
                }
                let p = planes[1];
                let (dxx, dyy) = (p[i - 1] + p[i + 1] - 2.0 * v, p[i - w] + p[i + w] - 2.0 * v);
                let dxy = (p[i + w + 1] + p[i - w - 1] - p[i + w - 1] - p[i - w + 1]) / 4.0;
                let (trace, det) = (dxx + dyy, dxx * dyy - dxy * dxy);
                // Along an edge a blob slides (Lowe, section 4.1).
                if det <= 0.0 || trace * trace > 8.0 * det {
                    continue;
                }
                let peak = |before: f32, after: f32| {
                    let bend = before + after - 2.0 * v;
                    ((before - after) / (2.0 * bend)).clamp(-0.5, 0.5)
                };
                let step = level as f32 + peak(planes[0][i], planes[2][i]);
                let radius = FIRST * libm::exp2f(step / STEPS as f32);
                let (x, y) = (
                    x as f32 + peak(p[i - 1], p[i + 1]),
                    y as f32 + peak(p[i - w], p[i + w]),
                );
                found.push(Found {
                    octave: number,
                    plane: level,
                    x,
                    y,
                    radius,
                    value: v,
                    rank: v.abs() * inside(x * octave.scale, y * octave.scale, radius * octave.scale, whole),
                });
            }
        }
    }
}

/// What a blob counts for by its place: those near the border are the first that a crop loses.
fn inside(x: f32, y: f32, radius: f32, whole: &Plane) -> f32 {
    let (w, h) = (whole.width as f32, whole.height as f32);
    let margin = (x / w).min(1.0 - x / w).min(y / h).min(1.0 - y / h);
    let room = x.min(w - 1.0 - x).min(y).min(h - 1.0 - y);
    let whole_patch = (room / (3.0 * radius)).clamp(0.05, 1.0);
    (margin / 0.2).clamp(0.1, 1.0) * whole_patch
}

/// Which cells are compared: drawn once by a fixed generator (SplitMix64), cells side by side left out.
fn pairs() -> Vec<(usize, usize)> {
    let mut state = 0x5eed_u64;
    let mut pairs = Vec::with_capacity(256);
    while pairs.len() < 256 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let z = z ^ (z >> 31);
        let (a, b) = ((z >> 8) as usize % 64, (z >> 24) as usize % 64);
        let (dx, dy) = ((a % CELLS).abs_diff(b % CELLS), (a / CELLS).abs_diff(b / CELLS));
        if dx + dy >= 2 && !pairs.contains(&(a, b)) {
            pairs.push((a, b));
        }
    }
    pairs
}

fn describe(plane: &Plane, found: &Found, pairs: &[(usize, usize)]) -> [u64; 4] {
    let mut cells = [0.0_f32; CELLS * CELLS];
    for (n, cell) in cells.iter_mut().enumerate() {
        let place = |i: usize| (i as f32 - (CELLS - 1) as f32 / 2.0) * CELL * found.radius;
        *cell = plane.at(found.x + place(n % CELLS), found.y + place(n / CELLS));
    }
    let mut bits = [0_u64; 4];
    for (n, (a, b)) in pairs.iter().enumerate() {
        bits[n / 64] |= u64::from(cells[*a] > cells[*b]) << (n % 64);
    }
    bits
}
