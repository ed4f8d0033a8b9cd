//! Flows: how matter moves through the frame.
//!
//! A flow is a sum of smooth waves of velocity, each going to and fro in its own time, so that matter
//! is carried far enough to live and yet never sheared to threads, and of steady parts (drift, spiral).
//! Lengths are in frame heights and times in seconds, so a shot moves alike at every size and rate.
//! Only + - * / and libm, so that every machine finds the same.

use super::hash::{Dice, mix};
use super::wished::hasten;
use crate::map::UNIT;
use std::sync::Arc;

/// Smooth noise in 0..1, one random value a unit cell.
pub fn value_noise(x: f32, y: f32, seed: u64) -> f32 {
    let (ix, iy) = (libm::floorf(x), libm::floorf(y));
    let (fx, fy) = (x - ix, y - iy);
    let (sx, sy) = (ease(fx), ease(fy));
    let (i, j) = (ix as i64, iy as i64);
    let v = |i: i64, j: i64| -> f32 {
        let h = mix(seed
            ^ (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ (j as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f));
        (h >> 40) as f32 / 16_777_216.0
    };
    let top = v(i, j) * (1.0 - sx) + v(i + 1, j) * sx;
    let bottom = v(i, j + 1) * (1.0 - sx) + v(i + 1, j + 1) * sx;
    top * (1.0 - sy) + bottom * sy
}

/// Smooth step with flat second derivative at both ends.
pub fn ease(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

/// The kinds of flow a shot can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Slow eddies.
    Curl,
    /// All in one direction, with a little eddy.
    Drift,
    /// Upwards (or where `direction` points), billowing.
    Rise,
    /// Out from the middle and in again.
    Breathe,
    /// About the middle.
    Spiral,
    /// Nothing moves.
    Hold,
}

/// A flow with its pace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Manner {
    /// Kind of flow.
    pub kind: Kind,
    /// 1 is the default pace, 0 stands still.
    pub speed: f32,
    /// Degrees, counter-clockwise from rightwards: for drift and rise (where 0 means up).
    pub direction_deg: f32,
}

struct Wave {
    kx: f32,
    ky: f32,
    /// Radians a second.
    turn: f32,
    phase: f32,
    /// Velocity in frame heights a second.
    vx: f32,
    vy: f32,
}

/// A flow ready to be asked.
pub struct Flow {
    waves: Vec<Wave>,
    /// Steady velocity in frame heights a second.
    steady: [f32; 2],
    breath: f32,
    spin: f32,
    aspect: f32,
    width: usize,
    height: usize,
    seconds_a_frame: f32,
    still: Option<Arc<Vec<u8>>>,
    /// How the pace changes (see [`hasten`]), and over how many frames.
    accelerate: f32,
    frames: u32,
}

/// Seconds of one breath.
const BREATH_S: f32 = 5.0;
const TAU: f32 = core::f32::consts::TAU;
/// Pixels between the nodes on which a flow is worked out.
const NODE: usize = 8;

impl Flow {
    /// A flow for frames of `width` x `height`, `seconds_a_frame` apart.
    pub fn new(manner: Manner, width: usize, height: usize, seconds_a_frame: f32, seed: u64) -> Flow {
        let speed = manner.speed;
        let (eddies, steady, breath, spin) = match manner.kind {
            Kind::Curl => (1.0, 0.0, 0.0, 0.0),
            Kind::Drift => (0.35, 0.055, 0.0, 0.0),
            Kind::Rise => (0.6, 0.05, 0.0, 0.0),
            Kind::Breathe => (0.3, 0.0, 1.0, 0.0),
            Kind::Spiral => (0.3, 0.0, 0.0, 1.0),
            Kind::Hold => (0.0, 0.0, 0.0, 0.0),
        };
        let degrees = manner.direction_deg + if manner.kind == Kind::Rise { 90.0 } else { 0.0 };
        let angle = degrees / 360.0 * TAU;
        let steady = [
            libm::cosf(angle) * steady * speed,
            // y goes down in pictures.
            -libm::sinf(angle) * steady * speed,
        ];
        let mut waves = Vec::new();
        let mut dice = Dice::new(mix(seed ^ 0xf10e), 0);
        let count = 14;
        for j in 0..count {
            if eddies == 0.0 || speed == 0.0 {
                break;
            }
            let share = j as f32 / (count - 1) as f32;
            // Wave lengths from 1.3 frame heights down to 0.4; short waves are slower and weaker.
            let length = 1.3 - 0.9 * share;
            let k = TAU / length;
            let angle = (j as f32 * 0.381_966 + dice.unit() * 0.2) * TAU;
            let (c, s) = (libm::cosf(angle), libm::sinf(angle));
            // To and fro in 2.6 to 6.5 seconds; a higher pace turns sooner, so that the way, and with it the
            // stretch, stays within what matter bears.
            let period = (2.6 + 3.9 * dice.unit()) / speed.max(1.0);
            let turn = TAU / period * if dice.unit() < 0.5 { 1.0 } else { -1.0 };
            let a = 0.0155 * speed * eddies * (0.3 + 0.7 * length / 1.3);
            // Across the wave: nothing is pressed together.
            waves.push(Wave {
                kx: k * c,
                ky: k * s,
                turn,
                phase: dice.unit() * TAU,
                vx: -s * a,
                vy: c * a,
            });
        }
        Flow {
            waves,
            steady,
            breath: breath * speed * 0.03,
            spin: spin * speed * 0.11,
            aspect: width as f32 / height as f32,
            width,
            height,
            seconds_a_frame,
            still: None,
            accelerate: 0.0,
            frames: 0,
        }
    }

    /// Stands still where `mask` is 255, and moves as it would where it is 0. The mask has the frame's size; an empty
    /// one changes nothing.
    pub fn held(mut self, mask: Vec<u8>) -> Flow {
        self.still = (mask.len() == self.width * self.height && !mask.is_empty()).then(|| Arc::new(mask));
        self
    }

    /// The same flow, its pace changing over a shot of `frames` frames: from rest to twice the pace at
    /// `accelerate` 1, the other way round at -1. The shot comes as far as at an even pace.
    pub fn hastened(mut self, accelerate: f32, frames: u32) -> Flow {
        self.accelerate = accelerate;
        self.frames = frames;
        self
    }

    /// The moment that the flow stands at in frame `n`, in seconds.
    fn moment(&self, n: u32) -> f32 {
        let all = self.frames.saturating_sub(1).max(1) as f32;
        hasten(n as f32 / all, self.accelerate) * all * self.seconds_a_frame
    }

    /// Whether nothing moves.
    pub fn still(&self) -> bool {
        self.waves.is_empty() && self.steady == [0.0; 2] && self.breath == 0.0 && self.spin == 0.0
    }

    /// Velocity (heights a second) at (x, y) in heights, `t` seconds in.
    fn motion(&self, x: f32, y: f32, t: f32) -> [f32; 2] {
        let mut v = self.steady;
        for w in &self.waves {
            let now = libm::cosf(w.kx * x + w.ky * y + w.phase + w.turn * t);
            v[0] += w.vx * now;
            v[1] += w.vy * now;
        }
        let (cx, cy) = (x - self.aspect * 0.5, y - 0.5);
        if self.breath != 0.0 {
            let turn = TAU / BREATH_S;
            let s = self.breath * turn * libm::sinf(turn * t);
            v[0] += cx * s;
            v[1] += cy * s;
        }
        if self.spin != 0.0 {
            // Nearly as one piece, a little slower outside.
            let s = self.spin / (1.0 + (cx * cx + cy * cy) * 0.35);
            v[0] -= cy * s;
            v[1] += cx * s;
        }
        v
    }

    fn field(&self, t: f32, pick: impl Fn(f32, f32, f32) -> [f32; 2] + Sync, scale: f32) -> Field {
        use rayon::prelude::*;
        let (across, down) = (self.width / NODE + 2, self.height / NODE + 2);
        let unit = self.height as f32;
        let nodes: Vec<[f32; 2]> = (0..across * down)
            .into_par_iter()
            .map(|i| {
                let (x, y) = ((i % across * NODE) as f32 + 0.5, (i / across * NODE) as f32 + 0.5);
                let d = pick(x / unit, y / unit, t);
                [d[0] * scale, d[1] * scale]
            })
            .collect();
        Field {
            across,
            nodes,
            still: self.still.clone().map(|still| (self.width, still)),
        }
    }

    /// Where the matter at each pixel of frame `n` was in frame `n - 1`: an offset in pixels.
    pub fn back(&self, n: u32) -> Field {
        let (t, step) = if self.accelerate == 0.0 {
            ((n as f32 - 0.5) * self.seconds_a_frame, self.seconds_a_frame)
        } else {
            let (from, to) = (self.moment(n.saturating_sub(1)), self.moment(n));
            ((from + to) * 0.5, to - from)
        };
        self.field(t, |x, y, t| self.motion(x, y, t), -step * self.height as f32)
    }

    /// The flow's shape as it stands at the beginning, enlarged so that the matter moves `way` pixels where
    /// it moves most.
    pub fn shape(&self, way: f32) -> Field {
        let field = self.field(0.8, |x, y, t| self.motion(x, y, t), 1.0);
        let most = field
            .nodes
            .iter()
            .map(|n| (n[0] * n[0] + n[1] * n[1]).sqrt())
            .fold(0.0f32, f32::max);
        if most > 0.0 {
            field.scaled(way / most)
        } else {
            field
        }
    }
}

/// Offsets on nodes, read between them.
#[derive(Clone)]
pub struct Field {
    across: usize,
    nodes: Vec<[f32; 2]>,
    /// Width of the frame and how far each of its pixels stands still, 255 being quite; none where all moves.
    still: Option<(usize, Arc<Vec<u8>>)>,
}

impl Field {
    /// Multiplies every offset.
    pub fn scaled(mut self, by: f32) -> Field {
        for n in &mut self.nodes {
            *n = [n[0] * by, n[1] * by];
        }
        self
    }

    /// The offset at pixel (x, y), in pixels.
    #[inline(always)]
    pub fn at(&self, x: usize, y: usize) -> [f32; 2] {
        let (i, j) = (x / NODE, y / NODE);
        let (fx, fy) = ((x % NODE) as f32 / NODE as f32, (y % NODE) as f32 / NODE as f32);
        let k = j * self.across + i;
        let (a, b, c, d) = (
            self.nodes[k],
            self.nodes[k + 1],
            self.nodes[k + self.across],
            self.nodes[k + self.across + 1],
        );
        let moves = match &self.still {
            Some((w, still)) => f32::from(255 - still[y * w + x]) / 255.0,
            None => 1.0,
        };
        std::array::from_fn(|z| {
            let top = a[z] * (1.0 - fx) + b[z] * fx;
            let bottom = c[z] * (1.0 - fx) + d[z] * fx;
            (top * (1.0 - fy) + bottom * fy) * moves
        })
    }

    /// The place that pixel (x, y) comes from, in 1/256 pixel.
    #[inline(always)]
    pub fn source(&self, x: usize, y: usize) -> (i32, i32) {
        let d = self.at(x, y);
        let fix = |v: f32| libm::floorf(v * UNIT as f32 + 0.5) as i32;
        (x as i32 * UNIT + fix(d[0]), y as i32 * UNIT + fix(d[1]))
    }
}
