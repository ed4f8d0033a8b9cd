//! Takes that are sound, and the same with one thing wrong: what measures are tried on.
//!
//! A take here is a camera's way over a photograph, as the demo film's shots are made of theirs: a slow pan with a
//! push-in, each take a little off the shot's plan (where it begins, how far it goes, the unsteady hand), with its own
//! exposure and fresh grain in every frame. Defects go in before the grain, as an engine would make them, unless they
//! say otherwise.

#![allow(dead_code)] // the example and the test each use a part

pub mod mixed;

use heirloom_dailies::measures::{Exemplars, Expected, LayoutPlan, LayoutPlans, Measures, Move};
use heirloom_picture::color;
use heirloom_picture::preview::Preview;
use heirloom_picture::resample::{self, Window};
use heirloom_picture::{AcesCg, Image};

/// Lots of our own (SplitMix64), so that a seed means the same everywhere.
#[derive(Clone)]
pub struct Lot(u64);

impl Lot {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(0x9e37_79b9))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From -1 to 1.
    pub fn either(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// Near a normal, of deviation 1.
    pub fn grain(&mut self) -> f32 {
        // Eight bytes, summed: variance of one is 65535 / 12.
        let sum: u32 = self.next().to_le_bytes().iter().map(|b| u32::from(*b)).sum();
        (sum as f32 - 1020.0) / 209.0
    }
}

/// A frame before grain: sRGB codes with fractions.
pub type Clean = Vec<[f32; 3]>;

/// What is shot: a photograph, and the way over it.
pub struct Shot {
    pub name: String,
    photo: Image<AcesCg>,
    pub width: u32,
    pub height: u32,
    pub frames: u32,
    /// Width of what is seen, in widths of the photograph.
    seen: f64,
    /// Where the middle is, and by how much it goes and nears over the shot.
    middle: [f64; 2],
    pan: [f64; 2],
    push: f64,
}

/// How a take strays from the shot's plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stray {
    /// Added to the middle, in widths of what is seen.
    pub aside: [f64; 2],
    /// The part of the move that is made.
    pub part: f64,
    /// Unsteadiness, in widths of what is seen.
    pub hand: f64,
    pub seed: u64,
}

impl Shot {
    /// A shot over a photograph; `turn` decides which way it goes.
    pub fn new(name: &str, photo: &Preview, size: (u32, u32), frames: u32, turn: u64) -> Option<Self> {
        let image = color::from_display8(photo.codes(), photo.width(), photo.height())?;
        let mut lot = Lot::new(turn);
        let angle = std::f64::consts::PI * lot.either();
        Some(Self {
            name: name.into(),
            photo: image,
            width: size.0,
            height: size.1,
            frames,
            seen: 0.66,
            middle: [0.5 + 0.03 * lot.either(), 0.5 + 0.03 * lot.either()],
            // About five percent of what is seen, in each second and a half.
            pan: [0.05 * libm::cos(angle), 0.03 * libm::sin(angle)],
            push: 0.05 * if lot.either() > 0.0 { 1.0 } else { -1.0 },
        })
    }

    /// What is seen at a time from 0 to 1: left, top, width in widths of the photograph; all of the plan's height.
    fn window(&self, time: f64, stray: &Stray) -> (f64, f64, f64) {
        let tall = f64::from(self.height) / f64::from(self.width);
        let (pw, ph) = (f64::from(self.photo.width()), f64::from(self.photo.height()));
        // A photograph that is wider than the frame is seen by its height.
        let fit = (ph / pw / tall).min(1.0);
        let from_middle = stray.part * (time - 0.5);
        let width = self.seen * fit * (1.0 - self.push * from_middle);
        // An unsteady hand: three slow swings of its own.
        let mut lot = Lot::new(stray.seed ^ 0x5157);
        let mut swing = [0.0, 0.0];
        for k in 1..=3 {
            for s in &mut swing {
                *s += stray.hand / f64::from(k)
                    * libm::sin(std::f64::consts::TAU * (f64::from(k) * 0.8 * time + lot.either()));
            }
        }
        let along = |k: usize| {
            self.pan[k] * from_middle * self.seen * fit + (stray.aside[k] + swing[k]) * self.seen * fit
        };
        let cx = self.middle[0] + along(0);
        let cy = self.middle[1] * ph / pw + along(1);
        (cx - width / 2.0, cy - width * tall / 2.0, width)
    }

    fn time(&self, n: u32) -> f64 {
        f64::from(n) / f64::from(self.frames.max(2) - 1)
    }

    pub fn frame(&self, n: u32, stray: &Stray) -> Clean {
        let (left, top, width) = self.window(self.time(n), stray);
        let pw = f64::from(self.photo.width());
        let window = Window {
            left: left * pw,
            top: top * pw,
            width: width * pw,
            height: width * pw * f64::from(self.height) / f64::from(self.width),
        };
        let image = resample::window(&self.photo, window, self.width, self.height);
        let codes = color::to_video16(&image);
        codes.iter().map(|c| c.map(|v| f32::from(v) / 257.0)).collect()
    }

    pub fn clean(&self, stray: &Stray) -> Vec<Clean> {
        (0..self.frames).map(|n| self.frame(n, stray)).collect()
    }

    /// The move asked for, when a take makes `part` of it.
    pub fn expected(&self, part: f64) -> Expected {
        let plan = Stray {
            part,
            ..Stray::default()
        };
        let moves = (1..self.frames).map(|n| {
            let (a, b) = (
                self.window(self.time(n - 1), &plan),
                self.window(self.time(n), &plan),
            );
            let tall = f64::from(self.height) / f64::from(self.width);
            let middle = |w: (f64, f64, f64)| (w.0 + w.2 / 2.0, w.1 + w.2 * tall / 2.0);
            let ((ax, ay), (bx, by)) = (middle(a), middle(b));
            Move {
                right: (ax - bx) / b.2,
                down: (ay - by) / b.2,
                grow: a.2 / b.2 - 1.0,
                turn: 0.0,
            }
        });
        Expected::of_moves(&moves.collect::<Vec<Move>>())
    }

    /// Pictures of the layout: every sixth frame of the plan.
    pub fn plans(&self) -> LayoutPlans {
        let plan = Stray {
            part: 1.0,
            ..Stray::default()
        };
        let frames = (0..self.frames).step_by(6).filter_map(|n| {
            let picture = self.rounded(&self.frame(n, &plan));
            Some((n, LayoutPlan::of(&picture?.view()?)))
        });
        LayoutPlans::new(frames.collect())
    }

    /// Pictures of the style: other views of the photograph.
    pub fn exemplars(&self) -> Exemplars {
        let mut lot = Lot::new(99);
        let pictures: Vec<Preview> = (0..6)
            .filter_map(|_| {
                let stray = Stray {
                    aside: [0.12 * lot.either(), 0.12 * lot.either()],
                    part: 1.0,
                    ..Stray::default()
                };
                self.rounded(&self.frame(self.frames / 2, &stray))
            })
            .collect();
        Exemplars::of(pictures.iter().filter_map(Preview::view))
    }

    fn rounded(&self, clean: &Clean) -> Option<Preview> {
        let codes = clean.iter().map(|c| c.map(|v| (v + 0.5) as u8)).collect();
        Preview::from_codes(codes, self.width, self.height)
    }

    /// How the `seed`-th take strays.
    pub fn stray(&self, seed: u64, part: f64) -> Stray {
        let mut lot = Lot::new(seed.wrapping_mul(31).wrapping_add(5));
        Stray {
            aside: [0.015 * lot.either(), 0.015 * lot.either()],
            part: part * (1.0 + 0.15 * lot.either()),
            hand: 0.002 * part,
            seed,
        }
    }

    /// The finished take: its own exposure, grain, whole codes.
    pub fn finish(&self, clean: &[Clean], seed: u64, frozen_grain: bool) -> Vec<Preview> {
        let mut lot = Lot::new(seed ^ 0xabcd);
        let exposure = 1.0 + 0.02 * lot.either();
        let sigma = (1.6 + 0.8 * lot.either()) as f32;
        let table = gain_table(exposure);
        let frames = clean.iter().enumerate().filter_map(|(n, frame)| {
            let n = if frozen_grain { 0 } else { n as u64 };
            let mut grain = Lot::new(seed.wrapping_mul(7919).wrapping_add(n));
            let codes = frame.iter().map(|c| {
                let g = sigma * grain.grain();
                c.map(|v| (looked_up(&table, v) + g + 0.5).clamp(0.0, 255.0) as u8)
            });
            Preview::from_codes(codes.collect(), self.width, self.height)
        });
        frames.collect()
    }
}

/// Codes after a gain in linear light, for codes in sixteenths.
fn gain_table(gain: f64) -> Vec<f32> {
    (0..=255 * 16)
        .map(|i| {
            let light = color::srgb_decode(f64::from(i) / (255.0 * 16.0)) * gain;
            (255.0 * color::srgb_encode(light.clamp(0.0, 1.0))) as f32
        })
        .collect()
}

fn looked_up(table: &[f32], code: f32) -> f32 {
    let at = code.clamp(0.0, 255.0) * 16.0;
    let below = (at as usize).min(table.len() - 2);
    let share = at - below as f32;
    table[below] + (table[below + 1] - table[below]) * share
}

/// What can be wrong with a take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    Blur,
    BlurUnderGrain,
    Flicker,
    WrongLayout,
    WrongStyle,
    Frozen,
    FrozenUnderGrain,
    BrokenFrame,
    OverExposed,
    MirroredMove,
    Boiling,
    Loop,
}

impl Defect {
    pub const ALL: [Self; 12] = [
        Self::Blur,
        Self::BlurUnderGrain,
        Self::Flicker,
        Self::WrongLayout,
        Self::WrongStyle,
        Self::Frozen,
        Self::FrozenUnderGrain,
        Self::BrokenFrame,
        Self::OverExposed,
        Self::MirroredMove,
        Self::Boiling,
        Self::Loop,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Blur => "blur",
            Self::BlurUnderGrain => "blur under grain",
            Self::Flicker => "flicker",
            Self::WrongLayout => "wrong layout",
            Self::WrongStyle => "wrong style",
            Self::Frozen => "frozen",
            Self::FrozenUnderGrain => "frozen under grain",
            Self::BrokenFrame => "broken frame",
            Self::OverExposed => "over-exposure",
            Self::MirroredMove => "mirrored move",
            Self::Boiling => "boiling texture",
            Self::Loop => "loop",
        }
    }

    /// What strong and barely visible mean.
    pub fn strength(self, strong: bool) -> &'static str {
        match (self, strong) {
            (Self::Blur | Self::BlurUnderGrain, true) => "2 px sigma",
            (Self::Blur | Self::BlurUnderGrain, false) => "1 px sigma",
            (Self::Flicker, true) => "each frame's light off by up to 10 %",
            (Self::Flicker, false) => "each frame's light off by up to 2 %",
            (Self::WrongLayout, true) => "seen 30 % of the width aside",
            (Self::WrongLayout, false) => "seen 8 % of the width aside",
            (Self::WrongStyle, true) => "three quarters sepia",
            (Self::WrongStyle, false) => "a fifth less colour, 4 % warmer",
            (Self::Frozen | Self::FrozenUnderGrain, true) => "the second half stands",
            (Self::Frozen | Self::FrozenUnderGrain, false) => "three frames stand",
            (Self::BrokenFrame, true) => "a quarter of one frame torn",
            (Self::BrokenFrame, false) => "one block of 32 x 32 pixels of one frame displaced",
            (Self::OverExposed, true) => "1.5 stops",
            (Self::OverExposed, false) => "1/3 stop",
            (Self::MirroredMove, true) => "the shot's move backwards",
            (Self::MirroredMove, false) => "a move of a quarter of that, backwards",
            (Self::Boiling, true) => "fresh shifts of 1.5 px by place and frame",
            (Self::Boiling, false) => "fresh shifts of 0.5 px by place and frame",
            (Self::Loop, true) => "the first half twice",
            (Self::Loop, false) => "there and back",
        }
    }

    /// The number that tells it, and whether more is worse.
    pub fn told_by(self) -> (&'static str, bool) {
        match self {
            Self::Blur | Self::BlurUnderGrain => ("sharpness.blur_px", true),
            Self::Flicker => ("flicker.frame_percent", true),
            Self::WrongLayout => ("layout.distance", true),
            Self::WrongStyle => ("style.tint", true),
            Self::Frozen | Self::FrozenUnderGrain => ("frozen.frozen_percent", true),
            Self::BrokenFrame => ("broken.excess_codes", true),
            Self::OverExposed => ("layout.lighter_stops", true),
            Self::MirroredMove => ("motion.as_asked", false),
            Self::Boiling => ("coherence.boil_percent", true),
            Self::Loop => ("repetition.returns", true),
        }
    }
}

/// One take of a shot with one thing wrong. `clean` is the sound take, `slow` the one with a quarter of the move.
pub fn spoil(
    shot: &Shot,
    clean: &[Clean],
    slow: &[Clean],
    defect: Defect,
    strong: bool,
    seed: u64,
) -> Vec<Preview> {
    let mut lot = Lot::new(seed.wrapping_mul(131).wrapping_add(17));
    let (w, h) = (shot.width as usize, shot.height as usize);
    let count = clean.len();
    let sound = |frames: &[Clean]| shot.finish(frames, seed, false);
    match defect {
        Defect::Blur => {
            let sigma = if strong { 2.0 } else { 1.0 };
            let grained = sound(clean);
            let blur = |p: &Preview| {
                let codes: Clean = p.codes().iter().map(|c| c.map(f32::from)).collect();
                let codes = blurred(&codes, w, h, sigma);
                let codes = codes.iter().map(|c| c.map(|v| (v + 0.5) as u8)).collect();
                Preview::from_codes(codes, shot.width, shot.height)
            };
            grained.iter().filter_map(blur).collect()
        }
        Defect::BlurUnderGrain => {
            let sigma = if strong { 2.0 } else { 1.0 };
            sound(&clean.iter().map(|f| blurred(f, w, h, sigma)).collect::<Vec<_>>())
        }
        Defect::Flicker => {
            let most = if strong { 0.10 } else { 0.02 };
            let frames: Vec<Clean> = clean
                .iter()
                .map(|f| {
                    let table = gain_table(1.0 + most * lot.either());
                    f.iter().map(|c| c.map(|v| looked_up(&table, v))).collect()
                })
                .collect();
            sound(&frames)
        }
        Defect::WrongLayout => {
            let far = if strong { 0.30 } else { 0.08 };
            let mut stray = shot.stray(seed, 1.0);
            let side = if lot.either() > 0.0 { far } else { -far };
            let axis = usize::from(!strong && lot.either() > 0.0);
            stray.aside[axis] += side;
            sound(&shot.clean(&stray))
        }
        Defect::WrongStyle => {
            let change = |c: &[f32; 3]| {
                let y = 0.3 * c[0] + 0.59 * c[1] + 0.11 * c[2];
                if strong {
                    let sepia = [1.07 * y, 0.95 * y, 0.74 * y];
                    std::array::from_fn(|k| 0.25 * c[k] + 0.75 * sepia[k])
                } else {
                    let less: [f32; 3] = std::array::from_fn(|k| y + 0.8 * (c[k] - y));
                    [1.02 * less[0], less[1], 0.96 * less[2]]
                }
            };
            let frames: Vec<Clean> = clean.iter().map(|f| f.iter().map(change).collect()).collect();
            sound(&frames)
        }
        Defect::Frozen | Defect::FrozenUnderGrain => {
            let from = if strong { count / 2 } else { count / 3 };
            let stands = if strong { count } else { 3 };
            let held = |n: usize| if n > from && n <= from + stands { from } else { n };
            if defect == Defect::Frozen {
                let frames = sound(clean);
                (0..count).map(|n| frames[held(n)].clone()).collect()
            } else {
                sound(&(0..count).map(|n| clean[held(n)].clone()).collect::<Vec<_>>())
            }
        }
        Defect::BrokenFrame => {
            let mut frames = sound(clean);
            let at = 2 + (lot.next() as usize) % count.saturating_sub(4).max(1);
            let mut codes = frames[at].codes().to_vec();
            let from = frames[at].codes().to_vec();
            if strong {
                for y in h / 2..3 * h / 4 {
                    for x in 0..w {
                        codes[y * w + x] = from[y * w + (x + w / 3) % w];
                    }
                }
            } else {
                let (left, top) = ((lot.next() as usize) % (w - 32), (lot.next() as usize) % (h - 32));
                for y in top..top + 32 {
                    for x in left..left + 32 {
                        codes[y * w + x] = from[(y + h / 3) % h * w + (x + w / 3) % w];
                    }
                }
            }
            frames.splice(at..=at, Preview::from_codes(codes, shot.width, shot.height));
            frames
        }
        Defect::OverExposed => {
            let table = gain_table(libm::exp2(if strong { 1.5 } else { 1.0 / 3.0 }));
            let lift = |f: &Clean| f.iter().map(|c| c.map(|v| looked_up(&table, v))).collect();
            sound(&clean.iter().map(lift).collect::<Vec<Clean>>())
        }
        Defect::MirroredMove => {
            let frames = if strong { clean } else { slow };
            sound(&frames.iter().rev().cloned().collect::<Vec<_>>())
        }
        Defect::Boiling => {
            let size = if strong { 1.5 } else { 0.5 };
            let frames: Vec<Clean> = clean.iter().map(|f| boiled(f, w, h, size, &mut lot)).collect();
            sound(&frames)
        }
        Defect::Loop => {
            let half = count / 2;
            let place = |n: usize| {
                if strong {
                    n % half.max(1)
                } else {
                    let n = n * 2;
                    if n < count { n } else { 2 * count - 1 - n }
                }
            };
            sound(
                &(0..count)
                    .map(|n| clean[place(n).min(count - 1)].clone())
                    .collect::<Vec<_>>(),
            )
        }
    }
}

/// Separable Gaussian; the border stands on.
fn blurred(frame: &Clean, w: usize, h: usize, sigma: f64) -> Clean {
    let reach = (3.0 * sigma) as i64 + 1;
    let weights: Vec<f64> = (-reach..=reach)
        .map(|d| libm::exp(-0.5 * (d * d) as f64 / (sigma * sigma)))
        .collect();
    let total: f64 = weights.iter().sum();
    let weights: Vec<f32> = weights.iter().map(|v| (v / total) as f32).collect();
    let pass = |from: &Clean, across: bool| -> Clean {
        (0..w * h)
            .map(|i| {
                let (x, y) = ((i % w) as i64, (i / w) as i64);
                let mut sum = [0.0f32; 3];
                for (k, weight) in weights.iter().enumerate() {
                    let d = k as i64 - reach;
                    let (x, y) = if across { (x + d, y) } else { (x, y + d) };
                    let (x, y) = (x.clamp(0, w as i64 - 1), y.clamp(0, h as i64 - 1));
                    let c = from[y as usize * w + x as usize];
                    for (sum, c) in sum.iter_mut().zip(c) {
                        *sum += weight * c;
                    }
                }
                sum
            })
            .collect()
    };
    pass(&pass(frame, true), false)
}

/// Each place shifted by its own lot, smooth over 16 pixels or so, fresh in every frame.
fn boiled(frame: &Clean, w: usize, h: usize, size: f64, lot: &mut Lot) -> Clean {
    let (across, down) = (w / 16 + 2, h / 16 + 2);
    let nodes: Vec<[f32; 2]> = (0..across * down)
        .map(|_| {
            [
                (1.7 * size * lot.either()) as f32,
                (1.7 * size * lot.either()) as f32,
            ]
        })
        .collect();
    (0..w * h)
        .map(|i| {
            let (x, y) = (i % w, i / w);
            let (cx, cy) = (x / 16, y / 16);
            let (fx, fy) = ((x % 16) as f32 / 16.0, (y % 16) as f32 / 16.0);
            let node = |a: usize, b: usize, k: usize| nodes[b * across + a][k];
            let shift = |k: usize| {
                let upper = node(cx, cy, k) * (1.0 - fx) + node(cx + 1, cy, k) * fx;
                let lower = node(cx, cy + 1, k) * (1.0 - fx) + node(cx + 1, cy + 1, k) * fx;
                upper * (1.0 - fy) + lower * fy
            };
            let sx = (x as f32 + shift(0)).clamp(0.0, (w - 1) as f32);
            let sy = (y as f32 + shift(1)).clamp(0.0, (h - 1) as f32);
            let (left, top) = ((sx as usize).min(w - 2), (sy as usize).min(h - 2));
            let (ax, ay) = (sx - left as f32, sy - top as f32);
            let at = |x: usize, y: usize, k: usize| frame[y * w + x][k];
            std::array::from_fn(|k| {
                let upper = at(left, top, k) * (1.0 - ax) + at(left + 1, top, k) * ax;
                let lower = at(left, top + 1, k) * (1.0 - ax) + at(left + 1, top + 1, k) * ax;
                upper * (1.0 - ay) + lower * ay
            })
        })
        .collect()
}

/// The share of pairs (one sound, one with the defect) that the number orders rightly; ties count half. A number that
/// is missing is worst.
pub fn auc(name: &str, more_is_worse: bool, sound: &[Measures], spoiled: &[Measures]) -> f64 {
    let value = |m: &Measures| {
        let v = m.value(name).map(|v| if more_is_worse { v } else { -v });
        v.unwrap_or(f64::INFINITY)
    };
    let mut right = 0.0;
    for s in sound {
        for d in spoiled {
            let (s, d) = (value(s), value(d));
            right += if d > s {
                1.0
            } else if d == s {
                0.5
            } else {
                0.0
            };
        }
    }
    right / (sound.len() * spoiled.len()).max(1) as f64
}
