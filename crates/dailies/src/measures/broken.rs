//! Broken frames: one or two frames, or a part of them, that are like neither what was before nor what comes after.
//!
//! The small planes are cut into cells. Of a frame that breaks in between, a cell differs from the one before and from
//! the one after by more than these two differ from each other; the lesser of the two less that is the *excess*. For
//! two broken frames in a row the frames around both are compared. (The three-frame test is that of film restoration,
//! the SDI detector of Kokaram, "Motion Picture Restoration", 1998, here by cells and without motion.) At the take's
//! ends there is one neighbour only: there the first step is compared with twice the next. Frames all of one colour
//! and pixels that hold no number are counted beside it.
//!
//! *Blind to:* damage that stays for three frames and more; damage smaller than about a hundredth of the width. A
//! flash, a bird through the picture for one frame and a strobe are broken frames to it, and in a picture of hard dark
//! stripes that move, the two frames before a black one count with it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::numbers::median;
use super::planes::Small;
use super::seen::Seen;

/// What is broken in a take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// The largest excess of a cell, in luma codes.
    pub excess_codes: f64,
    /// That over what is usual in the take (the middle over frames of their largest excess, and half a code).
    pub excess_ratio: f64,
    /// Frames with an excess of more than 6 codes and 5 times the usual, in percent.
    pub broken_percent: f64,
    /// Their numbers, at most the first 100.
    pub frames: Vec<u32>,
    /// Frames all of one colour (no luma 8 codes from any other), in percent.
    pub plain_percent: f64,
    /// Pixels that held no number (NaN or infinite), over all frames.
    pub no_numbers: u64,
}

const ACROSS: usize = 32;
const DOWN: usize = 18;

#[derive(Default)]
pub(super) struct Breaking {
    last: VecDeque<(u32, Small)>,
    /// Largest excess by frame.
    excess: Vec<(u32, f64)>,
    frames: u32,
    plain: u32,
    no_numbers: u64,
}

fn lesser_less(a: &[f32], b: &[f32], around: &[f32]) -> f64 {
    let cells = a.iter().zip(b).zip(around);
    let most = cells
        .map(|((a, b), around)| a.min(*b) - around)
        .fold(0.0f32, f32::max);
    f64::from(most)
}

impl Breaking {
    pub fn frame(&mut self, seen: &Seen<'_>) {
        self.frames += 1;
        self.no_numbers += seen.no_numbers;
        let span = |v: &[f32]| {
            let (low, high) = v.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| {
                (l.min(*v), h.max(*v))
            });
            high - low
        };
        self.plain += u32::from(span(&seen.small.luma) < 8.0);
        self.excess.push((seen.n, 0.0));
        if self
            .last
            .back()
            .is_some_and(|(_, s)| (s.width, s.height) != (seen.small.width, seen.small.height))
        {
            self.last.clear();
        }
        self.last.push_back((seen.n, seen.small.clone()));
        if self.last.len() > 4 {
            self.last.pop_front();
        }
        let from_end = |k: usize| {
            self.last
                .len()
                .checked_sub(k)
                .and_then(|i| self.last.get(i))
                .map(|f| &f.1)
        };
        let apart = |a: usize, b: usize| Some(from_end(a)?.differences(from_end(b)?, ACROSS, DOWN));
        let count = self.excess.len();
        // The frame before this, between the two around it.
        let one = || Some(lesser_less(&apart(3, 2)?, &apart(2, 1)?, &apart(3, 1)?));
        // The two before this.
        let two = || Some(lesser_less(&apart(4, 3)?, &apart(2, 1)?, &apart(4, 1)?));
        let (one, two) = (one(), two());
        // The take's first frame, when its third is here.
        let first = (count == 3)
            .then(|| Some((apart(3, 2)?, apart(2, 1)?)))
            .flatten()
            .map(|(own, next)| first_step(&own, &next));
        let mut raise = |back: usize, value: Option<f64>| {
            if let (Some(value), Some(at)) = (value, count.checked_sub(back)) {
                self.excess[at].1 = self.excess[at].1.max(value);
            }
        };
        raise(2, one);
        raise(2, two);
        raise(3, two);
        raise(3, first);
    }

    pub fn finish(mut self) -> Broken {
        // The last frame, as the first.
        let n = self.last.len();
        if n >= 3 {
            let apart =
                |a: usize, b: usize| self.last[n - a].1.differences(&self.last[n - b].1, ACROSS, DOWN);
            let value = first_step(&apart(2, 1), &apart(3, 2));
            if let Some(last) = self.excess.last_mut() {
                last.1 = last.1.max(value);
            }
        }
        let each: Vec<f64> = self.excess.iter().map(|e| e.1).collect();
        let usual = median(&each).unwrap_or(0.0) + 0.5;
        let most = each.iter().copied().fold(0.0, f64::max);
        let broken: Vec<u32> = self
            .excess
            .iter()
            .filter(|(_, excess)| *excess > 6.0 && *excess > 5.0 * usual)
            .map(|(n, _)| *n)
            .collect();
        let percent = |n: usize| 100.0 * n as f64 / f64::from(self.frames.max(1));
        Broken {
            excess_codes: most,
            excess_ratio: most / usual,
            broken_percent: percent(broken.len()),
            plain_percent: percent(self.plain as usize),
            no_numbers: self.no_numbers,
            frames: broken.into_iter().take(100).collect(),
        }
    }
}

/// By how much a cell's step from the end frame exceeds twice the step after it, and a few codes for what sets in.
fn first_step(own: &[f32], next: &[f32]) -> f64 {
    let most = own
        .iter()
        .zip(next)
        .map(|(own, next)| own - 2.0 * next - 3.0)
        .fold(0.0f32, f32::max);
    f64::from(most)
}
