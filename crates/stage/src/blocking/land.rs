//! Ground, hills, water and the sky.

use glam::DVec3;
use heirloom_film::{Rate, Waves};

use super::noise::{chance, hills};
use super::shapes::Surface;
use crate::pose::frame_time_s;
use crate::scene::{Morph, Primitive};
use crate::track::{Interpolation, Track};

/// A floor of squares in two shades, so that size and movement can be read off it: of 1 m, or of 2, 5, 10 … where it
/// is large.
pub(super) fn ground([width, depth]: [f64; 2], color: [f32; 4]) -> Surface {
    let longer = width.max(depth);
    let mut square = 1.0;
    for step in [2.0, 2.5, 2.0].into_iter().cycle().take(24) {
        if longer / square <= 80.0 {
            break;
        }
        square *= step;
    }
    let mut surface = Surface::default();
    let count = |length: f64| (length / square).ceil().clamp(1.0, 80.0) as i64;
    let (columns, rows) = (count(width), count(depth));
    let edge = |i: i64, n: i64, length: f64| {
        let free = (i as f64 - n as f64 / 2.0) * square;
        free.clamp(-length / 2.0, length / 2.0)
    };
    for row in 0..rows {
        for column in 0..columns {
            let first = surface.positions.len();
            for (dx, dz) in [(0, 1), (1, 1), (0, 0), (1, 0)] {
                let (x, z) = (edge(column + dx, columns, width), edge(row + dz, rows, depth));
                surface.vertex(DVec3::new(x, 0.0, z), DVec3::Y);
            }
            surface.weave(first as u32, 2, 2);
            let shade = if (row + column) % 2 == 0 { 1.0 } else { 0.82 };
            surface.paint(
                first,
                [color[0] * shade, color[1] * shade, color[2] * shade, color[3]],
            );
        }
    }
    surface
}

/// Cells along each side of hills.
const HILL_CELLS: u32 = 128;

/// How high the hills are over a place, in metres: four octaves of value noise, from `-relief/2` to `relief/2`.
pub(super) fn height(relief_m: f64, grain_m: f64, seed: u64, x: f64, z: f64) -> f64 {
    let (mut sum, mut most, mut weight, mut scale) = (0.0, 0.0, 1.0, 1.0 / grain_m);
    for octave in 0..4 {
        sum += weight * hills(seed, octave, x * scale, z * scale);
        most += weight;
        weight *= 0.42;
        scale *= 2.1;
    }
    sum / most * relief_m / 2.0
}

/// Hills of a colour that is paler where they are steep or high.
pub(super) fn terrain(
    [width, depth]: [f64; 2],
    relief_m: f64,
    grain_m: f64,
    seed: u64,
    color: [f32; 4],
) -> Surface {
    let mut surface = Surface::default();
    let (step_x, step_z) = (width / f64::from(HILL_CELLS), depth / f64::from(HILL_CELLS));
    let at = |x: f64, z: f64| height(relief_m, grain_m, seed, x, z);
    for row in 0..=HILL_CELLS {
        let z = depth / 2.0 - f64::from(row) * step_z;
        for column in 0..=HILL_CELLS {
            let x = f64::from(column) * step_x - width / 2.0;
            let (dx, dz) = (step_x / 2.0, step_z / 2.0);
            let rise_x = (at(x + dx, z) - at(x - dx, z)) / step_x;
            let rise_z = (at(x, z + dz) - at(x, z - dz)) / step_z;
            let y = at(x, z);
            let normal = DVec3::new(-rise_x, 1.0, -rise_z);
            surface.vertex(DVec3::new(x, y, z), normal);
            let steep = 1.0 - 1.0 / normal.length();
            let high = if relief_m > 0.0 { y / relief_m } else { 0.0 };
            let shade = (0.9 + 0.35 * high + 0.9 * steep).clamp(0.4, 1.6) as f32;
            surface
                .colors
                .push([color[0] * shade, color[1] * shade, color[2] * shade, color[3]]);
        }
    }
    surface.weave(0, HILL_CELLS + 1, HILL_CELLS + 1);
    surface
}

/// Cells along each side of water.
const WATER_CELLS: u32 = 160;
/// Trains of waves.
const TRAINS: usize = 7;
/// Metres a second squared.
const GRAVITY: f64 = 9.81;

/// One train of waves: all that is needed to say where the water is.
struct Train {
    /// Waves a metre times a whole turn, along x and z.
    number: [f64; 2],
    /// Which way it runs, of length one.
    toward: [f64; 2],
    amplitude_m: f64,
    turns_rad_s: f64,
    phase_rad: f64,
    /// How far crests are drawn together: metres sideways over metres up.
    steep: f64,
    length_m: f64,
}

fn trains(waves: &Waves) -> Vec<Train> {
    let random = |train: usize, what: i64| chance(waves.seed, [train as i64, what, 7]);
    let mut trains: Vec<Train> = (0..TRAINS)
        .map(|i| {
            // From the long swell to ripples, each shorter, lower, and further off the wind's way.
            let length_m = waves.length_m * libm::pow(0.66, i as f64) * (0.9 + 0.2 * random(i, 0));
            let spread = 14.0 + 12.0 * i as f64;
            let toward_deg = waves.toward_deg + spread * (2.0 * random(i, 1) - 1.0);
            let (sin, cos) = (
                libm::sin(toward_deg.to_radians()),
                libm::cos(toward_deg.to_radians()),
            );
            let number = std::f64::consts::TAU / length_m;
            Train {
                number: [number * sin, number * cos],
                toward: [sin, cos],
                amplitude_m: libm::pow(0.74, i as f64),
                // Deep water: long waves outrun short ones.
                turns_rad_s: libm::sqrt(GRAVITY * number),
                phase_rad: std::f64::consts::TAU * random(i, 2),
                steep: 0.0,
                length_m,
            }
        })
        .collect();
    // Rarely do all crests meet: the height that is asked for is that of the largest that do.
    let sum: f64 = trains.iter().map(|t| t.amplitude_m * t.amplitude_m).sum();
    let scale = waves.height_m / 2.0 / libm::sqrt(sum.max(1e-12)) / 1.3;
    for train in &mut trains {
        train.amplitude_m *= scale;
    }
    // Crests sharpen until they would fold over: the sum of steep · k · a stays under one.
    let folding: f64 = trains
        .iter()
        .map(|t| t.amplitude_m * std::f64::consts::TAU / t.length_m)
        .sum();
    for train in &mut trains {
        train.steep = if folding > 0.0 {
            (0.8 / folding).min(0.8)
        } else {
            0.0
        };
    }
    trains
}

/// Where a row of the water's grid stands between the ends of a side, from −1 to 1 in `u`: cells are small about
/// `fine_at` and grow outward.
fn spread(u: f64, length_m: f64, fine_at: f64, fine_m: f64) -> f64 {
    let fine_at = fine_at.clamp(-0.49 * length_m, 0.49 * length_m);
    let reach = if u < 0.0 {
        length_m / 2.0 + fine_at
    } else {
        length_m / 2.0 - fine_at
    };
    let even = reach * 2.0 / f64::from(WATER_CELLS);
    let share = (fine_m / even).min(1.0);
    fine_at + reach * (share * u + (1.0 - share) * u * u * u * u * u)
}

/// Water with trains of Gerstner waves (Fournier and Reeves, "A simple model of ocean waves", 1986), finest about a
/// place, and the weights that make it run from frame 0 at `start_s` to frame `frames`.
///
/// A train at a time is `sin(k·x − ωt)`, which is a sum of `sin(k·x)` and `cos(k·x)` with weights that depend on time
/// alone. So each train is two morph targets, exact at every key and small; normals are sums of the same kind.
pub(super) fn water(
    [width, depth]: [f64; 2],
    waves: &Waves,
    fine_at: [f64; 2],
    (start_s, frames, rate): (f64, u32, Rate),
    material: usize,
) -> (Primitive, Option<Track<Vec<f64>>>) {
    let trains = trains(waves);
    let fine_m = waves.length_m / 10.0;
    let columns = WATER_CELLS + 1;
    let side = |i: u32, length: f64, fine_at: f64| {
        let u = |i: u32| f64::from(i) / f64::from(WATER_CELLS) * 2.0 - 1.0;
        let at = |i: u32| spread(u(i), length, fine_at, fine_m);
        let cell = (at(i) - at(i.saturating_sub(1))).max(at((i + 1).min(WATER_CELLS)) - at(i));
        (at(i), cell)
    };
    let mut surface = Surface::default();
    let mut cells = Vec::new();
    for row in 0..columns {
        let (z, cell_z) = side(WATER_CELLS - row, depth, fine_at[1]);
        for column in 0..columns {
            let (x, cell_x) = side(column, width, fine_at[0]);
            surface.vertex(DVec3::new(x, 0.0, z), DVec3::Y);
            cells.push(cell_x.max(cell_z));
        }
    }
    surface.weave(0, columns, columns);
    let mut primitive = surface.primitive(material);
    if waves.height_m <= 0.0 {
        return (primitive, None);
    }
    for train in &trains {
        let mut parts = [Morph::default(), Morph::default()];
        for (position, cell) in primitive.positions.iter().zip(&cells) {
            let (x, z) = (f64::from(position[0]), f64::from(position[2]));
            // Where cells are too large for a train, it dies down rather than shimmer.
            let kept = (train.length_m / cell / 3.0 - 0.7).clamp(0.0, 1.0);
            let a = train.amplitude_m * kept;
            let angle = train.number[0] * x + train.number[1] * z + train.phase_rad;
            let (sin, cos) = (libm::sin(angle), libm::cos(angle));
            let ka = a * std::f64::consts::TAU / train.length_m;
            let [tx, tz] = train.toward;
            // Of `sin(angle − ωt)` and `cos(angle − ωt)`, what goes with cos(ωt) and what with sin(ωt).
            for (part, (s, c)) in parts.iter_mut().zip([(sin, cos), (-cos, sin)]) {
                part.positions.push([
                    (train.steep * a * tx * c) as f32,
                    (a * s) as f32,
                    (train.steep * a * tz * c) as f32,
                ]);
                part.normals.push([
                    (-tx * ka * c) as f32,
                    (-train.steep * ka * s) as f32,
                    (-tz * ka * c) as f32,
                ]);
            }
        }
        primitive.morphs.extend(parts);
    }
    let times: Vec<f64> = (0..=frames)
        .map(|frame| frame_time_s(start_s, f64::from(frame), rate))
        .collect();
    let weights = times.iter().map(|time| {
        trains
            .iter()
            .flat_map(|train| {
                let turn = train.turns_rad_s * (time - start_s);
                [libm::cos(turn), libm::sin(turn)]
            })
            .collect()
    });
    let weights: Vec<Vec<f64>> = weights.collect();
    let track = Track::keys(times, weights, Interpolation::Linear).ok();
    (primitive, track)
}

/// A dome of this radius round its middle, seen from within: one colour at and below the horizon, another above.
pub(super) fn sky(radius_m: f64, above: [f32; 4], horizon: [f32; 4]) -> Surface {
    let (columns, rows) = (48_u32, 32_u32);
    let mut surface = Surface::default();
    for row in 0..=rows {
        let lift = std::f64::consts::PI * (f64::from(row) / f64::from(rows) - 0.5);
        for column in 0..=columns {
            let turn = -std::f64::consts::TAU * f64::from(column % columns) / f64::from(columns);
            let out = DVec3::new(
                libm::cos(lift) * libm::sin(turn),
                libm::sin(lift),
                libm::cos(lift) * libm::cos(turn),
            );
            surface.vertex(out * radius_m, -out);
            // The haze thins out quickly above the horizon.
            let t = libm::sqrt(libm::sin(lift).max(0.0)) as f32;
            surface
                .colors
                .push([0, 1, 2, 3].map(|c| horizon[c] + (above[c] - horizon[c]) * t));
        }
    }
    surface.weave(0, columns + 1, rows + 1);
    surface
}
