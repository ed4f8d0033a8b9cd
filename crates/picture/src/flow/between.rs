//! What lies between two pictures: each pixel of a moment between them, fetched from both along their motion.
//!
//! Pixels whose motion there and back agrees are carried to the moment; where a place is hidden in one of the two
//! pictures it comes from the other alone. Places that nothing was carried to take the motion of Jiang and others, "Super
//! SloMo", CVPR 2018, section 3.1, equation 4.

use rayon::prelude::*;

use super::{CheckedFlow, Flow, FlowError, FlowOptions, check_sizes, flow_checked};
use crate::image::{Image, Space};
use crate::resample;

/// Two pictures, and the motion between them both ways.
#[derive(Clone, Debug)]
pub struct Pair<S: Space> {
    first: Image<S>,
    second: Image<S>,
    motion: CheckedFlow,
    /// For each pixel of the second: whether the motion back and there agrees.
    valid_back: Vec<bool>,
}

/// Where a pixel of a moment between two pictures comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Meeting {
    /// Column and row in the first picture, 0.0 is the centre of the first pixel.
    pub first: [f32; 2],
    /// The same in the second.
    pub second: [f32; 2],
    /// Share of the second, 0 to 1.
    pub share: f32,
}

/// What was carried to a place of the moment: the motion from the first picture to the second there, and how much of a
/// pixel it covers.
#[derive(Clone, Copy)]
struct Carried {
    motion: [f32; 2],
    covers: f32,
}

const NOTHING: Carried = Carried {
    motion: [0.0; 2],
    covers: 0.0,
};

impl<S: Space> Pair<S> {
    /// Looks for the motion between two pictures of one size.
    ///
    /// # Errors
    /// As [`super::flow`].
    pub fn new(first: Image<S>, second: Image<S>, options: &FlowOptions) -> Result<Self, FlowError> {
        let motion = flow_checked(&first, &second, options)?;
        Self::with_motion(first, second, motion)
    }

    /// Of pictures whose motion is known.
    ///
    /// # Errors
    /// Where the sizes differ.
    pub fn with_motion(first: Image<S>, second: Image<S>, motion: CheckedFlow) -> Result<Self, FlowError> {
        let size = [first.width(), first.height()];
        check_sizes(size, [second.width(), second.height()])?;
        check_sizes(size, [motion.forward.width(), motion.forward.height()])?;
        let valid_back = super::consistent(&motion.backward, &motion.forward)?;
        let forward = uncovered(&motion.forward, &motion.valid, &motion.backward);
        let backward = uncovered(&motion.backward, &valid_back, &motion.forward);
        let motion = CheckedFlow {
            forward,
            backward,
            ..motion
        };
        Ok(Self {
            first,
            second,
            motion,
            valid_back,
        })
    }

    /// The part of the first picture whose motion there and back agrees, 0 to 1: little across a cut.
    pub fn agreement(&self) -> f32 {
        let valid = &self.motion.valid;
        valid.iter().filter(|valid| **valid).count() as f32 / valid.len().max(1) as f32
    }

    /// The picture at `t`: 0 is the first, 1 the second.
    pub fn at(&self, t: f32) -> Image<S> {
        let mut result = Image::new(self.first.width(), self.first.height());
        let meetings = self.meetings(t);
        result
            .pixels_mut()
            .par_iter_mut()
            .zip(&meetings)
            .for_each(|(out, meeting)| {
                let fetched =
                    |of: &Image<S>, [x, y]: [f32; 2]| resample::bicubic(of, f64::from(x), f64::from(y));
                *out = match meeting.share {
                    share if share <= 0.0 => fetched(&self.first, meeting.first),
                    share if share >= 1.0 => fetched(&self.second, meeting.second),
                    share => {
                        let (a, b) = (
                            fetched(&self.first, meeting.first),
                            fetched(&self.second, meeting.second),
                        );
                        std::array::from_fn(|i| a[i] + share * (b[i] - a[i]))
                    }
                };
            });
        result
    }

    /// Where every pixel at `t` comes from, row by row.
    pub fn meetings(&self, t: f32) -> Vec<Meeting> {
        let t = t.clamp(0.0, 1.0);
        let (width, height) = (self.first.width() as usize, self.first.height() as usize);
        // A picture's pixel is carried by `along` times its motion; `sign` makes its motion that from first to second.
        let carry = |flow: &Flow, valid: &[bool], wanted: bool, along: f32, sign: f32| {
            let mut carried = vec![NOTHING; width * height];
            for (n, motion) in flow.motion().iter().enumerate() {
                if valid[n] != wanted || !Flow::is_known(*motion) {
                    continue;
                }
                let (x, y) = ((n % width) as f32, (n / width) as f32);
                splat(
                    &mut carried,
                    (width, height),
                    [x + along * motion[0], y + along * motion[1]],
                    motion.map(|m| m * sign),
                );
            }
            carried
        };
        let CheckedFlow {
            forward,
            backward,
            valid,
        } = &self.motion;
        let ((from_first, only_first), (from_second, only_second)) = rayon::join(
            || {
                rayon::join(
                    || carry(forward, valid, true, t, 1.0),
                    || carry(forward, valid, false, t, 1.0),
                )
            },
            || {
                rayon::join(
                    || carry(backward, &self.valid_back, true, 1.0 - t, -1.0),
                    || carry(backward, &self.valid_back, false, 1.0 - t, -1.0),
                )
            },
        );
        (0..width * height)
            .into_par_iter()
            .map(|n| {
                let at = [(n % width) as f32, (n / width) as f32];
                let meeting = |motion: [f32; 2], share: f32| Meeting {
                    first: [at[0] - t * motion[0], at[1] - t * motion[1]],
                    second: [at[0] + (1.0 - t) * motion[0], at[1] + (1.0 - t) * motion[1]],
                    share,
                };
                let (a, b) = (from_first[n], from_second[n]);
                match (a.covers > 0.0, b.covers > 0.0) {
                    (true, true) => {
                        let (a, b) = (meeting(a.motion, t), meeting(b.motion, t));
                        if self.apart(&b) < self.apart(&a) { b } else { a }
                    }
                    (true, false) => meeting(a.motion, t),
                    (false, true) => meeting(b.motion, t),
                    (false, false) => match (only_first[n].covers > 0.0, only_second[n].covers > 0.0) {
                        (true, second) if !second || t < 0.5 => meeting(only_first[n].motion, 0.0),
                        (_, true) => meeting(only_second[n].motion, 1.0),
                        _ => self.guessed(n, at, t),
                    },
                }
            })
            .collect()
    }

    /// How unlike what meets is.
    fn apart(&self, meeting: &Meeting) -> f32 {
        let near = |of: &Image<S>, [x, y]: [f32; 2]| {
            let side = |v: f32, most: u32| (v.round().max(0.0) as u32).min(most - 1);
            of.at(side(x, of.width()), side(y, of.height()))
        };
        let (a, b) = (
            near(&self.first, meeting.first),
            near(&self.second, meeting.second),
        );
        (0..3).map(|i| (a[i] - b[i]) * (a[i] - b[i])).sum()
    }

    /// Where nothing was carried to: by the motions that stand at the same place.
    fn guessed(&self, n: usize, at: [f32; 2], t: f32) -> Meeting {
        let known = |motion: [f32; 2]| if Flow::is_known(motion) { motion } else { [0.0; 2] };
        let (there, back) = (
            known(self.motion.forward.motion()[n]),
            known(self.motion.backward.motion()[n]),
        );
        let along = |i: usize, first: bool| match first {
            true => -(1.0 - t) * t * there[i] + t * t * back[i],
            false => (1.0 - t) * (1.0 - t) * there[i] - t * (1.0 - t) * back[i],
        };
        Meeting {
            first: [at[0] + along(0, true), at[1] + along(1, true)],
            second: [at[0] + along(0, false), at[1] + along(1, false)],
            share: t,
        }
    }
}

/// The motion with that of what is hidden in the other picture set right: nothing there shows where it went, so that what was
/// found is a guess. It belongs with one of its neighbours, and not with what covers it: of the next sure motions to its four
/// sides it gets the one that is least like the motion of what lies in its place in the other picture (`back` is the motion from
/// there).
fn uncovered(flow: &Flow, valid: &[bool], back: &Flow) -> Flow {
    let (width, height) = (flow.width() as usize, flow.height() as usize);
    let sure = away_from_edges(valid, width, height);
    let mut best: Vec<Option<([f32; 2], f32)>> = vec![None; width * height];
    let mut walk = |places: &mut dyn Iterator<Item = usize>| {
        let mut last = None;
        for n in places {
            if sure[n] {
                last = Some(flow.motion()[n]);
            }
            if let Some(motion) = last.filter(|_| !valid[n]) {
                let covering = back.motion()[n];
                let unlike = match Flow::is_known(covering) {
                    true => (motion[0] + covering[0]).hypot(motion[1] + covering[1]),
                    false => 0.0,
                };
                if best[n].is_none_or(|(_, most)| unlike > most) {
                    best[n] = Some((motion, unlike));
                }
            }
        }
    };
    for y in 0..height {
        walk(&mut (y * width..(y + 1) * width));
        walk(&mut (y * width..(y + 1) * width).rev());
    }
    for x in 0..width {
        walk(&mut (x..width * height).step_by(width));
        walk(&mut (x..width * height).step_by(width).rev());
    }
    let motion = flow.motion().iter().zip(&best);
    let motion = motion.map(|(own, best)| best.map_or(*own, |(motion, _)| motion));
    Flow {
        width: flow.width(),
        height: flow.height(),
        motion: motion.collect(),
    }
}

/// Pixels with none that is not valid within three rows and columns: at edges of motion, what was found is a mixture of both sides.
fn away_from_edges(valid: &[bool], width: usize, height: usize) -> Vec<bool> {
    const REACH: usize = 3;
    let mut across = vec![false; width * height];
    let mut both = across.clone();
    for y in 0..height {
        for x in 0..width {
            let near = x.saturating_sub(REACH)..(x + REACH + 1).min(width);
            across[y * width + x] = near.into_iter().all(|x| valid[y * width + x]);
        }
    }
    for y in 0..height {
        for x in 0..width {
            let near = y.saturating_sub(REACH)..(y + REACH + 1).min(height);
            both[y * width + x] = near.into_iter().all(|y| across[y * width + x]);
        }
    }
    both
}

/// Lays a motion on the four pixels around a place; each keeps what covers it most.
fn splat(carried: &mut [Carried], (width, height): (usize, usize), [x, y]: [f32; 2], motion: [f32; 2]) {
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    for (dx, dy, covers) in [
        (0, 0, (1.0 - fx) * (1.0 - fy)),
        (1, 0, fx * (1.0 - fy)),
        (0, 1, (1.0 - fx) * fy),
        (1, 1, fx * fy),
    ] {
        let (x, y) = (left as i64 + dx, top as i64 + dy);
        // A sixteenth of a pixel is no cover: it would widen every edge by one.
        if covers > 1.0 / 16.0 && (0..width as i64).contains(&x) && (0..height as i64).contains(&y) {
            let slot = &mut carried[y as usize * width + x as usize];
            if covers > slot.covers {
                *slot = Carried { motion, covers };
            }
        }
    }
}
