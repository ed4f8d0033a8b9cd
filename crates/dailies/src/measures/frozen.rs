//! Frozen frames: frames that repeat the one before, or stand while the shot moves.
//!
//! A frame *repeats* where its small plane differs from the one before by next to nothing: true copies, also through a
//! codec. It is *held* where it moves less than a quarter of what the frames around it do and differs from the one
//! before less than they do: a stand-still under fresh grain, which a sum of differences alone does not tell (the test of
//! ITU-T and of ffmpeg's `freezedetect` is of the first kind). What moves is counted by cells of some patches, whose mean
//! motion grain can hardly shift: single patches of a soft picture seem to wander by a tenth of a pixel under it.
//!
//! *Blind to:* a take that stands still throughout under fresh grain is no stranger than a still shot: its speed
//! ([`super::moves`]) tells. A shot meant to stand still without grain counts as repeated throughout; compare with the
//! shot's other takes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::moves::hold;
use super::numbers::median;
use super::seen::Seen;
use super::track::Field;

/// Where a take stands still and should not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    /// Frames that repeat the one before, in percent.
    pub repeated_percent: f64,
    /// Frames that repeat it or are held, in percent.
    pub frozen_percent: f64,
    /// The longest run of such frames, in seconds.
    pub longest_s: f64,
    /// The number of the first frame of that run; none where there is no such frame.
    pub longest_from: Option<u32>,
}

#[derive(Default)]
pub(super) struct Freezing {
    /// Number, difference in codes, speed of cells in widths a frame.
    ways: Vec<(u32, f64, f64)>,
}

/// Difference in codes of the small planes up to which a frame is a copy.
const COPY_CODES: f64 = 0.04;
/// Frames each way that are looked at for what moves.
const AROUND: usize = 8;
/// Pixels of the small plane on a cell's side: four patches.
const CELL_PX: f32 = 32.0;
/// Of what the frames around differ by: grain alone may make up most of that.
const DIFFERS: f64 = 0.95;

/// Mean length of the motion of cells, by how well their patches are held; in widths.
fn speed(field: &Field) -> f64 {
    // Sums of weight and weighted motion, by cell.
    let mut cells: BTreeMap<(i32, i32), [f64; 3]> = BTreeMap::new();
    for v in field.vectors.iter().filter(|v| v.sound) {
        let place = ((v.x / CELL_PX) as i32, (v.y / CELL_PX) as i32);
        let cell = cells.entry(place).or_default();
        let weight = hold(v);
        cell[0] += weight;
        cell[1] += weight * f64::from(v.motion[0]);
        cell[2] += weight * f64::from(v.motion[1]);
    }
    let length = |cell: &[f64; 3]| libm::sqrt(cell[1] * cell[1] + cell[2] * cell[2]);
    let weights: f64 = cells.values().map(|cell| cell[0]).sum();
    let lengths: f64 = cells.values().map(length).sum();
    if weights > 0.0 {
        lengths / weights / field.width.max(1) as f64
    } else {
        0.0
    }
}

impl Freezing {
    pub fn frame(&mut self, seen: &Seen<'_>) {
        if let Some(way) = seen.way {
            self.ways.push((seen.n, way.difference, speed(&way.field)));
        }
    }

    pub fn finish(self, frames_per_second: f64) -> Frozen {
        let differences: Vec<f64> = self.ways.iter().map(|w| w.1).collect();
        let speeds: Vec<f64> = self.ways.iter().map(|w| w.2).collect();
        let count = self.ways.len();
        let usual = |values: &[f64], at: usize| {
            let around = &values[at.saturating_sub(AROUND)..(at + AROUND + 1).min(count)];
            // The middle of what moves: a long run must not make its own measure.
            let mut sorted = around.to_vec();
            sorted.sort_by(f64::total_cmp);
            let upper = &sorted[sorted.len() / 2..];
            median(upper).unwrap_or(0.0).max(median(values).unwrap_or(0.0))
        };
        let repeats = |at: usize| differences[at] <= COPY_CODES;
        let held = |at: usize| {
            let speed = usual(&speeds, at);
            // A twentieth of a pixel of the small plane is what noise alone makes.
            speeds[at] < 0.25 * speed
                && speed > 0.05 / 160.0
                && differences[at] < DIFFERS * usual(&differences, at)
        };
        let (mut repeated, mut frozen, mut run, mut longest, mut from) = (0, 0, 0, 0, None);
        for at in 0..count {
            repeated += u32::from(repeats(at));
            if repeats(at) || held(at) {
                frozen += 1;
                run += 1;
                if run > longest {
                    longest = run;
                    from = self.ways.get(at + 1 - run as usize).map(|w| w.0);
                }
            } else {
                run = 0;
            }
        }
        let percent = |n: u32| 100.0 * f64::from(n) / count.max(1) as f64;
        Frozen {
            repeated_percent: percent(repeated),
            frozen_percent: percent(frozen),
            longest_s: f64::from(longest) / frames_per_second,
            longest_from: from,
        }
    }
}
