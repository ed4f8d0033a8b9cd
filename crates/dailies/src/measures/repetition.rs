//! Repetition: a take that comes back to where it was, again and again.
//!
//! Frames are kept as 16 x 9 mean lumas. For every lag the mean distance of frames so far apart; a take that moves on
//! grows more distant with the lag, one that loops comes back (Cutler and Davis, "Robust Real-Time Periodic Motion
//! Detection", PAMI 2000, read from the same self-similarity). The number is how far it comes back from the farthest
//! of all shorter lags: 1 for a perfect loop, 0 for none.
//!
//! *Blind to:* loops longer than two thirds of the take; loops under a moving camera; things that repeat side by side
//! in one frame. Waves and breathing repeat and are meant.

use serde::{Deserialize, Serialize};

use super::seen::Seen;

/// Whether a take loops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Repetition {
    /// How far it comes back, 0 to 1; none where it is too short or does not move.
    pub returns: Option<f64>,
    /// After how many seconds.
    pub period_s: Option<f64>,
}

const ACROSS: usize = 16;
const DOWN: usize = 9;
/// Frames that are kept at most; of longer takes every second, fourth … is.
const KEPT: usize = 512;

pub(super) struct Repeating {
    every: usize,
    kept: Vec<Vec<f32>>,
}

impl Default for Repeating {
    fn default() -> Self {
        Self {
            every: 1,
            kept: Vec::new(),
        }
    }
}

/// Distance in codes below which nothing moves.
const STILL_CODES: f64 = 1.0;
/// Of the lag from which on a return is looked for, in seconds.
const SHORTEST_S: f64 = 0.4;

impl Repeating {
    pub fn frame(&mut self, seen: &Seen<'_>) {
        if !seen.place.is_multiple_of(self.every) {
            return;
        }
        self.kept.push(seen.small.cells(&seen.small.luma, ACROSS, DOWN));
        if self.kept.len() >= KEPT {
            let mut at = 0;
            self.kept.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.every *= 2;
        }
    }

    pub fn finish(self, frames_per_second: f64) -> Repetition {
        let rate = frames_per_second / self.every as f64;
        let count = self.kept.len();
        let longest = 2 * count / 3;
        let shortest = ((SHORTEST_S * rate) as usize).max(4);
        let distance = |lag: usize| {
            let pairs = self.kept.iter().zip(&self.kept[lag..]);
            let sum: f64 = pairs
                .map(|(a, b)| {
                    let cells = a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>();
                    f64::from(cells) / (ACROSS * DOWN) as f64
                })
                .sum();
            sum / (count - lag) as f64
        };
        let (mut farthest, mut best) = (0.0f64, None::<(f64, usize)>);
        for lag in 1..=longest {
            let here = distance(lag);
            if lag >= shortest && farthest > STILL_CODES {
                let back = 1.0 - here / farthest;
                if back > best.map_or(0.0, |b| b.0) {
                    best = Some((back, lag));
                }
            }
            farthest = farthest.max(here);
        }
        let told = farthest > STILL_CODES && longest >= shortest;
        Repetition {
            returns: told.then(|| best.map_or(0.0, |b| b.0)),
            period_s: best.map(|(_, lag)| lag as f64 / rate),
        }
    }
}
