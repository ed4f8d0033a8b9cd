//! What lies between two pictures of one scene.
//!
//! The motion is found both ways and carried to the moment in between: every pixel of either picture is set
//! down where it is by then (forward splatting, as in Baker and others, "A Database and Evaluation Methodology
//! for Optical Flow", IJCV 2011, section 3.3.2), and every pixel of the new frame takes the motion of what was
//! set down on it that agrees best in both pictures. From that motion it is one place in the first picture and
//! one in the second: two maps. A weight goes from the one to the other with time, and is whole for the one
//! picture where the other does not show the thing: what is hidden is told by the way there and back that does
//! not lead home.

use super::align::{self, Affine};
use super::guide::luminance;
use super::layout::bilinear;
use crate::making::{Laid, Over};
use crate::map::{Origin, UNIT};
use heirloom_engine::Failure;
use heirloom_picture::flow::{self, CheckedFlow, Flow, FlowOptions};
use heirloom_picture::measure::{View, ssim};
use heirloom_picture::{Image, color, resample};
use rayon::prelude::*;

/// Below this, [`Pair::agreement`] says that the two pictures do not show one scene.
pub const LEAST_AGREEMENT: f64 = 0.25;
/// Below this, motion is looked for over larger leaps.
const DOUBTFUL: f64 = 0.55;
/// What a pixel whose motion does not lead back costs more than any that does.
const HIDDEN: u32 = 100_000;
/// Difference of colours (sum of red, green and blue, in display steps) from which on a mixture would be seen as two
/// pictures.
const DOUBLE: f32 = 90.0;

/// Two pictures, and the motion between them both ways.
pub struct Pair {
    w: usize,
    h: usize,
    codes: [Vec<[u8; 3]>; 2],
    motion: [Flow; 2],
    /// Whether a pixel's motion leads back to it.
    seen: [Vec<bool>; 2],
    /// What it costs to believe a pixel's motion.
    cost: [Vec<u32>; 2],
    agreement: f64,
}

/// What was set down on a pixel.
#[derive(Clone, Copy)]
struct Landed {
    cost: u32,
    pixel: u32,
}

const NOTHING: Landed = Landed {
    cost: u32::MAX,
    pixel: 0,
};

/// A motion from the first picture to the second, and what it makes of a pixel in between.
#[derive(Clone, Copy)]
struct Guess {
    motion: [f32; 2],
    error: f32,
    /// Whether the place lies in the first and in the second picture.
    inside: [bool; 2],
    /// Whether the motion of that place leads back to it. Where it does not, its picture alone shows the thing.
    home: [bool; 2],
}

impl Guess {
    /// Both pictures show it.
    fn whole(&self) -> bool {
        self.home[0] && self.home[1]
    }
}

fn fault(e: flow::FlowError) -> Failure {
    Failure::lasting("input", e.to_string())
}

impl Pair {
    /// Finds the motion between two neighbouring frames. Where optical flow fails it is looked for as in
    /// [`Pair::far`].
    ///
    /// # Errors
    /// The sizes differ.
    pub fn new(a: &Image, b: &Image, seed: u64) -> Result<Pair, Failure> {
        let pair = Pair::near(a, b)?;
        if pair.agreement >= DOUBTFUL {
            return Ok(pair);
        }
        pair.or_far(a, b, seed)
    }

    /// Finds the motion between two pictures that may lie far apart: a coarse search for patches says how most of the
    /// one lies in the other, flow goes on from there, and what leaves the picture goes along.
    ///
    /// # Errors
    /// The sizes differ.
    pub fn far(a: &Image, b: &Image, seed: u64) -> Result<Pair, Failure> {
        Pair::near(a, b)?.or_far(a, b, seed)
    }

    fn near(a: &Image, b: &Image) -> Result<Pair, Failure> {
        let codes = [color::to_display8(a), color::to_display8(b)];
        let found = flow::flow_checked(a, b, &FlowOptions::default()).map_err(fault)?;
        Ok(Pair::of(a, b, codes, found))
    }

    fn or_far(self, a: &Image, b: &Image, seed: u64) -> Result<Pair, Failure> {
        let light = |codes: &[[u8; 3]]| -> Vec<u8> {
            codes.iter().map(|c| luminance([c[0], c[1], c[2], 0])).collect()
        };
        let (la, lb) = (light(&self.codes[0]), light(&self.codes[1]));
        let Some(there) = align::affine(&la, &lb, self.w, self.h, seed) else {
            return Ok(self);
        };
        let Some(back) = there.inverse() else {
            return Ok(self);
        };
        let other = Pair::of(a, b, self.codes.clone(), beyond(a, b, &there, &back)?);
        // As good is better: what leaves the picture does not count, and goes along here.
        Ok(if other.agreement + 0.02 >= self.agreement {
            other
        } else {
            self
        })
    }

    fn of(a: &Image, b: &Image, codes: [Vec<[u8; 3]>; 2], found: CheckedFlow) -> Pair {
        let (w, h) = (a.width() as usize, a.height() as usize);
        let CheckedFlow {
            forward,
            backward,
            valid,
        } = found;
        let home = flow::consistent(&backward, &forward).unwrap_or_else(|_| vec![false; w * h]);
        let mut pair = Pair {
            w,
            h,
            codes,
            motion: [forward, backward],
            seen: [valid, home],
            cost: [Vec::new(), Vec::new()],
            agreement: 0.0,
        };
        pair.cost = [0, 1].map(|side| pair.costs(side));
        pair.agreement = (pair.alike(0, b)).min(pair.alike(1, a));
        pair
    }

    /// How far the two pictures show one scene, 0..=1: the share of the pixels that stay in view whose motion leads
    /// back to them, times the structural similarity (SSIM) of the one picture and the other fetched along it; the lower of
    /// both ways.
    pub fn agreement(&self) -> f64 {
        self.agreement
    }

    /// The motion from the first picture to the second, in pixels.
    pub fn forward(&self) -> &Flow {
        &self.motion[0]
    }

    /// The motion from the second picture to the first, in pixels.
    pub fn backward(&self) -> &Flow {
        &self.motion[1]
    }

    /// Whether the motion of each pixel of the first (0) or the second (1) picture leads back to it.
    pub fn seen(&self, side: usize) -> &[bool] {
        &self.seen[side]
    }

    fn alike(&self, side: usize, other: &Image) -> f64 {
        let (mut stay, mut home) = (0usize, 0usize);
        let (right, below) = (self.w as f32 - 0.5, self.h as f32 - 0.5);
        for (i, m) in self.motion[side].motion().iter().enumerate() {
            let (x, y) = ((i % self.w) as f32 + m[0], (i / self.w) as f32 + m[1]);
            if x >= -0.5 && y >= -0.5 && x <= right && y <= below {
                stay += 1;
                home += usize::from(self.seen[side][i]);
            }
        }
        let share = home as f64 / stay.max(self.w * self.h / 5).max(1) as f64;
        let Ok(fetched) = flow::warp(other, &self.motion[side]) else {
            return 0.0;
        };
        let fetched = color::to_display8(&fetched);
        let (w, h) = (self.w as u32, self.h as u32);
        match (View::new(&self.codes[side], w, h), View::new(&fetched, w, h)) {
            (Some(own), Some(fetched)) => share * ssim(&own, &fetched, Some(&self.seen[side])).max(0.0),
            _ => 0.0,
        }
    }

    fn costs(&self, side: usize) -> Vec<u32> {
        let (own, other) = (&self.codes[side], &self.codes[1 - side]);
        (0..self.w * self.h)
            .into_par_iter()
            .map(|i| {
                let m = self.motion[side].motion()[i];
                let there = bilinear(
                    other,
                    self.w,
                    self.h,
                    (i % self.w) as f32 + m[0],
                    (i / self.w) as f32 + m[1],
                );
                let off: u32 = (0..3).map(|k| u32::from(own[i][k].abs_diff(there[k]))).sum();
                off * 16 + if self.seen[side][i] { 0 } else { HIDDEN }
            })
            .collect()
    }

    /// Sets every pixel of one picture down where it is at `share` of its way: for each pixel of the frame the
    /// cheapest one.
    fn land(&self, side: usize, share: f32) -> Vec<Landed> {
        let (w, h) = (self.w, self.h);
        let mut out = vec![NOTHING; w * h];
        // One after another: where two meet, the order decides among equals.
        for (i, m) in self.motion[side].motion().iter().enumerate() {
            let (x, y) = ((i % w) as f32 + m[0] * share, (i / w) as f32 + m[1] * share);
            if x <= -1.0 || y <= -1.0 || x >= w as f32 || y >= h as f32 {
                continue;
            }
            let (left, top) = (libm::floorf(x), libm::floorf(y));
            let (fx, fy) = (x - left, y - top);
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let (px, py) = (left as i32 + dx, top as i32 + dy);
                if px < 0 || py < 0 || px >= w as i32 || py >= h as i32 {
                    continue;
                }
                let off = |d: i32, f: f32| if d == 0 { f } else { 1.0 - f };
                let far = off(dx, fx) + off(dy, fy);
                let cost = self.cost[side][i] + (far * 128.0) as u32;
                let o = &mut out[py as usize * w + px as usize];
                if cost < o.cost {
                    *o = Landed {
                        cost,
                        pixel: i as u32,
                    };
                }
            }
        }
        out
    }

    /// The frame at `t` of the way from the first picture (0) to the second (1), with the sources' numbers `from`
    /// and `to`.
    pub fn at(&self, t: f32, from: u16, to: u16) -> Laid {
        if t <= 0.0 {
            return Laid::plain(own(from, self.w, self.h));
        }
        if t >= 1.0 {
            return Laid::plain(own(to, self.w, self.h));
        }
        let (first, second) = rayon::join(|| self.land(0, t), || self.land(1, 1.0 - t));
        let mut motion: Vec<Option<[Guess; 2]>> = (0..self.w * self.h)
            .into_par_iter()
            .map(|i| self.choose(i, t, first[i], second[i]))
            .collect();
        self.fill(&mut motion, t);
        let mut laid = Laid {
            map: Vec::with_capacity(motion.len()),
            over: None,
        };
        let mut over = Over {
            map: Vec::with_capacity(motion.len()),
            weight: Vec::with_capacity(motion.len()),
        };
        for (i, guess) in motion.into_iter().enumerate() {
            let [a, b] = guess.unwrap_or_else(|| [self.judge(i, t, [0.0; 2]); 2]);
            laid.map.push(self.place(i, a.motion, -t, from));
            over.map.push(self.place(i, b.motion, 1.0 - t, to));
            over.weight.push(weight(t, a, b));
        }
        laid.over = Some(over);
        laid
    }

    /// The motion of pixel `i` as each picture has it: mostly the same.
    fn choose(&self, i: usize, t: f32, first: Landed, second: Landed) -> Option<[Guess; 2]> {
        let guess = |landed: Landed, side: usize| -> Option<Guess> {
            (landed.cost != u32::MAX).then(|| self.guess(i, t, landed.pixel as usize, side))
        };
        let (a, b) = (guess(first, 0), guess(second, 1));
        match (a, b) {
            (None, None) => None,
            (Some(g), None) | (None, Some(g)) => Some([g, g]),
            (Some(a), Some(b)) => Some(match (a.whole(), b.whole()) {
                (true, true) => {
                    let best = if a.error <= b.error { a } else { b };
                    [best, best]
                }
                (true, false) => [a, a],
                (false, true) => [b, b],
                // Seen in one picture only, but in which? Each as it has it.
                (false, false) => [a, b],
            }),
        }
    }

    /// The motion at pixel `i` in between that pixel `pixel` of the picture `side` brings.
    fn guess(&self, i: usize, t: f32, pixel: usize, side: usize) -> Guess {
        let (x, y) = ((i % self.w) as f32, (i / self.w) as f32);
        let (sign, share) = if side == 0 { (1.0, t) } else { (-1.0, 1.0 - t) };
        let found = &self.motion[side];
        // From the neighbour that was set down to this very pixel, as long as it stays the same thing.
        let mut m = found.motion()[pixel];
        for _ in 0..3 {
            if let Some(next) = found.sample(x - m[0] * share, y - m[1] * share)
                && (next[0] - m[0]).abs() <= 1.0
                && (next[1] - m[1]).abs() <= 1.0
            {
                m = next;
            }
        }
        let mut guess = self.judge(i, t, [m[0] * sign, m[1] * sign]);
        guess.home[side] &= self.seen[side][pixel];
        guess
    }

    fn judge(&self, i: usize, t: f32, motion: [f32; 2]) -> Guess {
        let (x, y) = ((i % self.w) as f32, (i / self.w) as f32);
        let places = [
            (x - motion[0] * t, y - motion[1] * t),
            (x + motion[0] * (1.0 - t), y + motion[1] * (1.0 - t)),
        ];
        let colour = [0, 1].map(|k| bilinear(&self.codes[k], self.w, self.h, places[k].0, places[k].1));
        let found = [0, 1].map(|k| self.pixel(places[k].0, places[k].1));
        let error = (0..3)
            .map(|k| f32::from(colour[0][k].abs_diff(colour[1][k])))
            .sum();
        Guess {
            motion,
            error,
            inside: found.map(|p| p.is_some()),
            home: [0, 1].map(|k| found[k].is_some_and(|p| self.seen[k][p])),
        }
    }

    /// The pixel nearest to a place; `None` outside the picture.
    fn pixel(&self, x: f32, y: f32) -> Option<usize> {
        let (px, py) = (libm::floorf(x + 0.5) as i64, libm::floorf(y + 0.5) as i64);
        (px >= 0 && py >= 0 && px < self.w as i64 && py < self.h as i64)
            .then(|| py as usize * self.w + px as usize)
    }

    /// Where nothing was set down, the motion of what is beside it, from the rim inwards.
    fn fill(&self, motion: &mut [Option<[Guess; 2]>], t: f32) {
        let (w, h) = (self.w, self.h);
        let mut holes: Vec<usize> = (0..motion.len()).filter(|i| motion[*i].is_none()).collect();
        while !holes.is_empty() && holes.len() < motion.len() {
            let found: Vec<(usize, Guess)> = holes
                .iter()
                .filter_map(|i| {
                    let (x, y) = (i % w, i / w);
                    let (mut sum, mut n) = ([0.0f32; 2], 0.0f32);
                    for j in y.saturating_sub(1)..(y + 2).min(h) {
                        for k in x.saturating_sub(1)..(x + 2).min(w) {
                            if let Some([g, _]) = motion[j * w + k] {
                                sum = [sum[0] + g.motion[0], sum[1] + g.motion[1]];
                                n += 1.0;
                            }
                        }
                    }
                    (n > 0.0).then(|| (*i, self.judge(*i, t, [sum[0] / n, sum[1] / n])))
                })
                .collect();
            for (i, guess) in &found {
                motion[*i] = Some([*guess; 2]);
            }
            holes.retain(|i| motion[*i].is_none());
            if found.is_empty() {
                break;
            }
        }
    }

    /// The place that pixel `i` is, `share` of a motion on, inside the picture.
    fn place(&self, i: usize, motion: [f32; 2], share: f32, source: u16) -> Origin {
        let fix = |v: usize, d: f32, n: usize| -> i32 {
            let at = v as i32 * UNIT + libm::floorf(d * share * UNIT as f32 + 0.5) as i32;
            // To 1/64 pixel: nobody sees the rest, and maps pack into half the room.
            ((at + 2) & !3).clamp(0, (n as i32 - 1) * UNIT)
        };
        Origin {
            source,
            x: fix(i % self.w, motion[0], self.w),
            y: fix(i / self.w, motion[1], self.h),
        }
    }
}

/// The share of the second picture: time, unless only one of them shows the thing. Where the two do not agree, the
/// nearer one in time has more, so that less is seen double.
fn weight(t: f32, a: Guess, b: Guess) -> u8 {
    match (a.inside[0], b.inside[1]) {
        (true, false) => return 0,
        (false, true) => return 255,
        _ => {}
    }
    match (a.home[0], b.home[1]) {
        // The first picture's place is hidden in the second: what the second has there is something else.
        (false, true) => return 0,
        (true, false) => return 255,
        _ => {}
    }
    let steep = 1.0 + ((a.error.max(b.error) - DOUBLE * 0.4) / DOUBLE).clamp(0.0, 1.0) * 4.0;
    let share = ((t - 0.5) * steep + 0.5).clamp(0.0, 1.0);
    libm::floorf(share * 255.0 + 0.5) as u8
}

/// The motion of two pictures of which one lies in the other as `there` says.
fn beyond(a: &Image, b: &Image, there: &Affine, back: &Affine) -> Result<CheckedFlow, Failure> {
    let way = |from: &Image, to: &Image, m: &Affine| -> Result<Flow, Failure> {
        let (w, h) = (from.width(), from.height());
        let mut moved = Image::new(w, h);
        moved
            .pixels_mut()
            .par_chunks_mut(w as usize)
            .enumerate()
            .for_each(|(y, row)| {
                for (x, o) in row.iter_mut().enumerate() {
                    let (u, v) = m.at(x as f64, y as f64);
                    *o = resample::bicubic(to, u, v);
                }
            });
        let rest = flow::flow(from, &moved, &FlowOptions::default()).map_err(fault)?;
        let motion = rest
            .motion()
            .iter()
            .enumerate()
            .map(|(i, r)| {
                let (x, y) = ((i % w as usize) as f64, (i / w as usize) as f64);
                let (u, v) = m.at(x + f64::from(r[0]), y + f64::from(r[1]));
                [(u - x) as f32, (v - y) as f32]
            })
            .collect();
        Flow::from_motion(w, h, motion).ok_or_else(|| Failure::lasting("input", "a picture has no pixels"))
    };
    let (mut forward, mut backward) = (way(a, b, there)?, way(b, a, back)?);
    // What leaves the picture, and what was only guessed, goes along with what is sure about it.
    let sure = [
        flow::consistent(&forward, &backward).map_err(fault)?,
        flow::consistent(&backward, &forward).map_err(fault)?,
    ];
    forward = smooth(&forward, &sure[0], there)?;
    backward = smooth(&backward, &sure[1], back)?;
    let valid = flow::consistent(&forward, &backward).map_err(fault)?;
    Ok(CheckedFlow {
        forward,
        backward,
        valid,
    })
}

/// How far, in frame heights, a sure motion may lie from the one that most go along.
const STRAY: f32 = 0.12;

/// A motion whose unsure places take what the sure ones about them add to the common motion `m`.
fn smooth(motion: &Flow, sure: &[bool], m: &Affine) -> Result<Flow, Failure> {
    let (w, h) = (motion.width() as usize, motion.height() as usize);
    let common = |i: usize| -> [f32; 2] {
        let (x, y) = ((i % w) as f64, (i / w) as f64);
        let (u, v) = m.at(x, y);
        [(u - x) as f32, (v - y) as f32]
    };
    let far = STRAY * h as f32;
    let rest: Vec<[f32; 3]> = motion
        .motion()
        .iter()
        .enumerate()
        .map(|(i, own)| {
            let base = common(i);
            let r = [own[0] - base[0], own[1] - base[1]];
            let known = sure[i] && r[0].abs() < far && r[1].abs() < far;
            if known { [r[0], r[1], 1.0] } else { [0.0; 3] }
        })
        .collect();
    // Lone agreements are chance: most of what is about them must agree as well.
    let known: Vec<bool> = (0..w * h)
        .into_par_iter()
        .map(|i| {
            let (x, y) = (i % w, i / w);
            let (mut yes, mut all) = (0, 0);
            for j in y.saturating_sub(3)..(y + 4).min(h) {
                for r in &rest[j * w + x.saturating_sub(3)..j * w + (x + 4).min(w)] {
                    yes += usize::from(r[2] > 0.0);
                    all += 1;
                }
            }
            rest[i][2] > 0.0 && yes * 10 > all * 6
        })
        .collect();
    let mut levels = vec![(
        rest.iter()
            .zip(&known)
            .map(|(r, k)| if *k { *r } else { [0.0; 3] })
            .collect::<Vec<_>>(),
        w,
        h,
    )];
    while let Some((px, w, h)) = levels.last()
        && (*w > 1 || *h > 1)
    {
        let (nw, nh) = (w.div_ceil(2), h.div_ceil(2));
        let mut next = vec![[0.0f32; 3]; nw * nh];
        for (i, p) in px.iter().enumerate() {
            let o = &mut next[i / w / 2 * nw + i % w / 2];
            for k in 0..3 {
                o[k] += p[k];
            }
        }
        for o in &mut next {
            // Means, with a weight that says that there is something.
            if o[2] > 0.0 {
                *o = [o[0] / o[2], o[1] / o[2], 1.0];
            }
        }
        levels.push((next, nw, nh));
    }
    for l in (0..levels.len().saturating_sub(1)).rev() {
        let (fine, coarse) = levels.split_at_mut(l + 1);
        let ((px, w, _), (up, uw, uh)) = (&mut fine[l], &coarse[0]);
        for (i, p) in px.iter_mut().enumerate() {
            if p[2] == 0.0 {
                let at = |v: usize, n: usize| (v as f32 * 0.5 - 0.25).clamp(0.0, (n - 1) as f32);
                let (x, y) = (at(i % *w, *uw), at(i / *w, *uh));
                let (left, top) = (x as usize, y as usize);
                let (right, bottom) = ((left + 1).min(uw - 1), (top + 1).min(uh - 1));
                let (fx, fy) = (x - left as f32, y - top as f32);
                for k in 0..2 {
                    let above = up[top * uw + left][k] * (1.0 - fx) + up[top * uw + right][k] * fx;
                    let below = up[bottom * uw + left][k] * (1.0 - fx) + up[bottom * uw + right][k] * fx;
                    p[k] = above * (1.0 - fy) + below * fy;
                }
                p[2] = 1.0;
            }
        }
    }
    let filled = levels.swap_remove(0).0;
    let motion = (0..w * h)
        .map(|i| {
            let base = common(i);
            [base[0] + filled[i][0], base[1] + filled[i][1]]
        })
        .collect();
    Flow::from_motion(w as u32, h as u32, motion)
        .ok_or_else(|| Failure::lasting("input", "a picture has no pixels"))
}

/// A whole picture, every pixel in its own place.
pub fn own(source: u16, w: usize, h: usize) -> Vec<Origin> {
    (0..w * h)
        .map(|i| Origin::whole(source, (i % w) as i32, (i / w) as i32))
        .collect()
}
