//! A clip gone on with beyond its end, by its own tail.
//!
//! Time goes to and fro: it runs on past the clip's last frame and slows down, turns, goes back through the tail's
//! own frames at their own pace, turns softly at its beginning and comes again. So the first new frame goes on as
//! the last ones went, matter never runs out, and most frames are the tail's own, with what lives in them. Past the end, the
//! last frame's matter is carried on along the tail's motion; what comes into view beyond its edge is made anew, once, out of
//! patches of the tail.

use super::carry;
use super::guide;
use super::hash::mix;
use super::living::{LAYOUT_WEIGHT, STRUCTURE_WEIGHT, layout_radius, level_count, mend, weights};
use super::matter::{Colour, Matter, Sheet};
use super::slow::Between;
use crate::making::{Asked, Laid, Making};
use crate::map::{Origin, UNIT};
use heirloom_engine::Failure;
use heirloom_engine::conform::Moment;
use heirloom_picture::flow::{self, FlowOptions};
use heirloom_picture::{Image, color};
use rayon::prelude::*;

/// Frames of the tail whose patches fill what comes into view.
const SHEETS: usize = 6;
/// Most frames that time runs on past the end.
const MOST_OVER: f64 = 6.0;
/// How far matter may be carried past the end, in frame heights.
const REACH: f64 = 0.15;
/// How much slower the motion may get from one frame to the next, in frame heights: more is seen as a stop.
const BRAKE: f64 = 0.0008;
/// How far two neighbouring things may be carried apart past the end, in frame heights: what lies between is
/// stretched.
const TEAR: f64 = 0.02;
/// How strongly what comes into view should look like the mirrored picture that it begins as, of 256.
const PULL: u16 = 30;

/// Where time is: it runs from `last` on to `last + over`, back to 0, and so forth, at pace 1 but for the turns.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    last: f64,
    over: f64,
    under: f64,
}

impl Walk {
    /// Through frames 0 to `last`, running `over` frames on past it at each turn.
    pub fn new(last: f64, over: f64) -> Walk {
        Walk {
            last,
            over: over.max(0.25),
            under: (last / 2.0).min(over.max(2.0)),
        }
    }

    /// The place in time, in frames, `t` frames after the last one.
    pub fn at(&self, t: f64) -> f64 {
        let Walk { last, over, under } = *self;
        let cruise = last - under;
        let (top, bottom) = (4.0 * over, 4.0 * under);
        let period = top + bottom + 2.0 * cruise;
        let mut t = t.max(0.0);
        t -= libm::floor(t / period) * period;
        // A turn of depth d takes 4 d frames: evenly slower to a stand, evenly faster back.
        let turn = |t: f64, d: f64| t - t * t / (4.0 * d);
        if t < top {
            return last + turn(t, over);
        }
        t -= top;
        if t < cruise {
            return last - t;
        }
        t -= cruise;
        if t < bottom {
            return under - turn(t, under);
        }
        t -= bottom;
        under + t
    }
}

/// The last frame and what was made about it.
struct Canvas {
    map: Vec<Origin>,
    w: usize,
    h: usize,
    left: usize,
    top: usize,
}

/// An extension under way. Source `k` is frame `k` of the tail.
pub struct Extend {
    between: Between,
    w: usize,
    h: usize,
    seed: u64,
    last: u32,
    /// Frames of the clip from one frame of the shot to the next.
    step: f64,
    walk: Walk,
    /// Where each pixel of the last frame goes in one frame of the clip, in pixels.
    velocity: Vec<[f32; 2]>,
    /// How far it is carried at most, in frames of the clip.
    over: f64,
    canvas: Option<Canvas>,
}

impl Extend {
    /// Of the tail that `between` holds; `step` frames of the clip are one frame of the shot.
    ///
    /// # Errors
    /// The tail has fewer than two frames, or can not be read.
    pub fn new(between: Between, w: usize, h: usize, step: f64, seed: u64) -> Result<Extend, Failure> {
        let frames = between.reel().len();
        let Some(last) = frames.checked_sub(1).filter(|n| *n > 0) else {
            return Err(Failure::lasting(
                "input",
                "a clip of one frame has no motion to go on with; name a longer clip, or make the shot \
                 `kind = \"living\"` from a photograph",
            ));
        };
        let velocity = velocity(&*between.reel().frame(last - 1)?, &*between.reel().frame(last)?)?;
        let mut paces: Vec<f32> = velocity
            .iter()
            .map(|v| (v[0] * v[0] + v[1] * v[1]).sqrt())
            .collect();
        paces.sort_by(f32::total_cmp);
        let pace = f64::from(paces[paces.len() * 9 / 10]).max(0.01);
        let height = h as f64;
        let over = (pace / (BRAKE * height) / 2.0)
            .clamp(1.0, MOST_OVER)
            .min((REACH * height / pace).max(1.5))
            .min((TEAR * height / tear(&velocity, w, h)).max(1.0))
            .min(f64::from(last));
        Ok(Extend {
            between,
            w,
            h,
            seed,
            last,
            step,
            walk: Walk::new(f64::from(last), over),
            velocity,
            over,
            canvas: None,
        })
    }

    fn frame(&mut self, n: u32, stop: &Asked) -> Result<Laid, Failure> {
        let time = self.walk.at((f64::from(n) + 1.0) * self.step);
        let past = time - f64::from(self.last);
        if past <= 0.0 {
            return self.between.at(Moment::of(time));
        }
        if self.canvas.is_none() {
            self.canvas = Some(self.paint(stop)?);
        }
        Ok(Laid::plain(self.carried(past as f32)))
    }

    /// The last frame carried on by `past` frames.
    fn carried(&self, past: f32) -> Vec<Origin> {
        let (w, h) = (self.w, self.h);
        let at = |x: f32, y: f32| -> [f32; 2] {
            let x = x.clamp(0.0, (w - 1) as f32);
            let y = y.clamp(0.0, (h - 1) as f32);
            let (i, j) = (x as usize, y as usize);
            let (fx, fy) = (x - i as f32, y - j as f32);
            let (k, l) = ((i + 1).min(w - 1), (j + 1).min(h - 1));
            let v = &self.velocity;
            std::array::from_fn(|c| {
                let top = v[j * w + i][c] * (1.0 - fx) + v[j * w + k][c] * fx;
                let bottom = v[l * w + i][c] * (1.0 - fx) + v[l * w + k][c] * fx;
                top * (1.0 - fy) + bottom * fy
            })
        };
        (0..w * h)
            .into_par_iter()
            .map(|i| {
                let (x, y) = ((i % w) as f32, (i / w) as f32);
                // What is here now went by the velocity of where it was.
                // Half a step at a time, or it would leap to and fro where things part.
                let mut v = at(x, y);
                for _ in 0..8 {
                    let next = at(x - v[0] * past, y - v[1] * past);
                    v = [(v[0] + next[0]) * 0.5, (v[1] + next[1]) * 0.5];
                }
                let fix =
                    |p: usize, d: f32| p as i32 * UNIT - libm::floorf(d * past * UNIT as f32 + 0.5) as i32;
                let (sx, sy) = (fix(i % w, v[0]), fix(i / w, v[1]));
                let most = |n: usize| (n as i32 - 1) * UNIT;
                match &self.canvas {
                    Some(c) if sx < 0 || sy < 0 || sx > most(w) || sy > most(h) => carry::at(
                        &c.map,
                        c.w,
                        c.h,
                        sx + c.left as i32 * UNIT,
                        sy + c.top as i32 * UNIT,
                    ),
                    _ => Origin {
                        source: self.last as u16,
                        x: ((sx + 2) & !3).clamp(0, most(w)),
                        y: ((sy + 2) & !3).clamp(0, most(h)),
                    },
                }
            })
            .collect()
    }

    /// Makes what comes into view beyond the last frame's edges.
    fn paint(&self, stop: &Asked) -> Result<Canvas, Failure> {
        let (w, h) = (self.w, self.h);
        let most = |k: usize, sign: f32| -> usize {
            let far = self.velocity.iter().map(|v| v[k] * sign).fold(0.0f32, f32::max);
            let far = libm::ceilf(far * self.over as f32);
            if far < 1.0 { 0 } else { far as usize + 2 }
        };
        // Matter that goes right leaves room on the left.
        let (left, right) = (most(0, 1.0).min(w / 2), most(0, -1.0).min(w / 2));
        let (top, bottom) = (most(1, 1.0).min(h / 2), most(1, -1.0).min(h / 2));
        let (cw, ch) = (w + left + right, h + top + bottom);
        let mirror = |v: i64, n: usize| -> usize {
            let last = n as i64 - 1;
            let v = if v < 0 { -v } else { v };
            (if v > last { 2 * last - v } else { v }).clamp(0, last) as usize
        };
        let spots: Vec<(usize, usize, bool)> = (0..cw * ch)
            .map(|i| {
                let (x, y) = ((i % cw) as i64 - left as i64, (i / cw) as i64 - top as i64);
                let inside = x >= 0 && y >= 0 && x < w as i64 && y < h as i64;
                (mirror(x, w), mirror(y, h), inside)
            })
            .collect();
        let mirrored: Vec<Origin> = spots
            .iter()
            .map(|(x, y, _)| Origin::whole(0, *x as i32, *y as i32))
            .collect();
        let kept: Vec<bool> = spots.iter().map(|s| s.2).collect();
        // The last frame first, then a few more over the tail.
        let many = SHEETS.min(self.last as usize + 1);
        let chosen: Vec<u32> = (0..many)
            .map(|k| self.last - (k * self.last as usize / many.max(1)) as u32)
            .collect();
        let mut sheets = Vec::with_capacity(many);
        for n in &chosen {
            sheets.push(sheet(&*self.between.reel().frame(*n)?));
        }
        let map = if kept.iter().all(|k| *k) {
            mirrored
        } else {
            let radius = layout_radius(h);
            let gain = guide::gain(&sheets, radius);
            for s in &mut sheets {
                s.guide = guide::of_photograph(&s.colour, s.width, s.height, radius, gain);
            }
            let colour: Vec<Colour> = spots
                .iter()
                .map(|(x, y, _)| sheets[0].colour[y * w + x])
                .collect();
            let wish = guide::of_photograph(&colour, cw, ch, radius, gain);
            let texture = guide::texture(&sheets);
            let levels = level_count(h, &sheets);
            let matter = Matter::new(sheets, levels).ok_or_else(|| {
                Failure::lasting(
                    "input",
                    "the frames are too small or too large to make a picture of",
                )
            })?;
            let by = weights(LAYOUT_WEIGHT, STRUCTURE_WEIGHT);
            let planes = matter.planes(&by);
            let seed = mix(self.seed ^ 0xe87e);
            mend(
                &matter, &planes, &by, cw, ch, &wish, &mirrored, &kept, PULL, texture, seed, stop,
            )
        };
        let map = map
            .into_iter()
            .map(|o| Origin {
                source: chosen.get(usize::from(o.source)).map_or(self.last, |n| *n) as u16,
                ..o
            })
            .collect();
        Ok(Canvas {
            map,
            w: cw,
            h: ch,
            left,
            top,
        })
    }
}

/// A picture as matter, all of it.
pub fn sheet(image: &Image) -> Sheet {
    let colour: Vec<Colour> = color::to_display8(image)
        .into_iter()
        .map(|c| [c[0], c[1], c[2], 0])
        .collect();
    Sheet {
        width: image.width() as usize,
        height: image.height() as usize,
        guide: vec![[0; 5]; colour.len()],
        colour,
        barred: Vec::new(),
    }
}

/// Where each pixel of the last frame goes in a frame: on as it came, smoothly, so that nothing tears where the
/// motion was only guessed.
fn velocity(before: &Image, last: &Image) -> Result<Vec<[f32; 2]>, Failure> {
    let found = flow::flow_checked(last, before, &FlowOptions::default())
        .map_err(|e| Failure::lasting("input", e.to_string()))?;
    let (w, h) = (last.width() as usize, last.height() as usize);
    let mut px: Vec<[f32; 3]> = found
        .forward
        .motion()
        .iter()
        .zip(&found.valid)
        .map(|(m, sure)| {
            let weight = if *sure { 1.0 } else { 0.02 };
            [-m[0] * weight, -m[1] * weight, weight]
        })
        .collect();
    let r = (h / 80).max(1);
    for _ in 0..2 {
        px = turned(&blurred(&px, w, r), w, h);
        px = turned(&blurred(&px, h, r), h, w);
    }
    Ok(px.iter().map(|p| [p[0] / p[2], p[1] / p[2]]).collect())
}

/// How fast neighbouring things part, in pixels a frame: the largest difference of motion within a few pixels, but for one
/// place in a hundred.
fn tear(velocity: &[[f32; 2]], w: usize, h: usize) -> f64 {
    let reach = (h / 40).max(2);
    let mut all: Vec<f32> = (0..w * h)
        .into_par_iter()
        .map(|i| {
            let (x, y) = (i % w, i / w);
            let (right, below) = ((x + reach).min(w - 1), (y + reach).min(h - 1));
            let far = |j: usize| {
                let (dx, dy) = (velocity[i][0] - velocity[j][0], velocity[i][1] - velocity[j][1]);
                (dx * dx + dy * dy).sqrt()
            };
            far(y * w + right).max(far(below * w + x))
        })
        .collect();
    all.sort_by(f32::total_cmp);
    f64::from(all[all.len() * 99 / 100]).max(0.01)
}

/// Mean over `2 r + 1` pixels along each row, fewer at the ends.
fn blurred(px: &[[f32; 3]], w: usize, r: usize) -> Vec<[f32; 3]> {
    let mut out = vec![[0.0; 3]; px.len()];
    out.par_chunks_mut(w)
        .zip(px.par_chunks(w))
        .for_each(|(out, row)| {
            for (x, o) in out.iter_mut().enumerate() {
                let near = &row[x.saturating_sub(r)..(x + r + 1).min(w)];
                let mut sum = [0.0f32; 3];
                for p in near {
                    for k in 0..3 {
                        sum[k] += p[k];
                    }
                }
                *o = sum.map(|v| v / near.len() as f32);
            }
        });
    out
}

fn turned(px: &[[f32; 3]], w: usize, h: usize) -> Vec<[f32; 3]> {
    (0..w * h).map(|i| px[(i % h) * w + i / h]).collect()
}

impl Making for Extend {
    fn first(&mut self, stop: &Asked) -> Result<Laid, Failure> {
        self.frame(0, stop)
    }

    fn follow(&mut self, _first: &Laid) -> Result<(), Failure> {
        Ok(())
    }

    fn next(&mut self, n: u32, stop: &Asked) -> Result<Laid, Failure> {
        self.frame(n, stop)
    }

    // Every frame stands by itself.
    fn resume(&mut self, _key: u32, _base: &Laid) -> Result<(), Failure> {
        Ok(())
    }

    fn key_frames(&self) -> u32 {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn time_goes_on_smoothly_and_stays_in_the_tail(last in 1u32..200, over in 0.5f64..6.0, step in 0.05f64..1.0) {
            let last = f64::from(last);
            let walk = Walk::new(last, over.min(last));
            let mut before = (last - step, last);
            for n in 0..600 {
                let now = walk.at((f64::from(n) + 1.0) * step);
                prop_assert!(now >= -1e-9 && now <= last + over + 1e-9);
                let pace = now - before.1;
                prop_assert!(pace.abs() <= step * (1.0 + 1e-6), "a pace of {pace} at frame {n}");
                // From one frame to the next the pace changes little: no jump, no stop.
                let change = (pace - (before.1 - before.0)).abs();
                let slack = step * step / (2.0 * over.min(last).min((last / 2.0).min(over.max(2.0))).max(0.25));
                prop_assert!(change <= slack + 1e-6, "a change of {change} at frame {n}, {slack} allowed");
                before = (before.1, now);
            }
        }
    }
}
