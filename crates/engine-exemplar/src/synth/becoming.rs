//! One photograph becoming another.
//!
//! Three things happen, overlapping. A first front passes over the frame, and behind it A's matter is
//! replaced by B's while A's layout (the rank of its luminance) still holds. The layout turns from A's to
//! B's. A second front puts everything in B's own place. Frame 0 is A itself and the last frame is B, to
//! the pixel. All the while a gentle flow carries the matter; it begins and ends at rest.

use super::blur::soften;
use super::carry::{self, Keep, Sway};
use super::feature::{Plane, Weights};
use super::flow::{Field, Flow, ease, value_noise};
use super::guide::{self, luminance};
use super::hash::mix;
use super::living::{Setting, Stop, layout_radius, level_count, nearest, origins};
use super::matter::{Colour, Guide, Matter, Sheet, Spot};
use super::pyramid::{Begin, Carried, Effort, Wish, synthesise};
use super::wished::hasten;
use crate::making::{Laid, Making};
use crate::map::{Origin, UNIT};
use heirloom_engine::Failure;
use rayon::prelude::*;

/// Colours, rank of luminance, structure, and whose matter it is.
const WEIGHTS: Weights = Weights([256, 256, 256, 170, 0, 0, 110, 256]);
/// Half the width of the first front's hem, in shares of its way: where colours turn.
const HEM: f32 = 0.2;
/// How far the matter is carried in all, in frame heights, at the usual pace.
const WAY: f32 = 0.045;

/// A becoming under way.
pub struct Becoming {
    setting: Setting,
    frames: u32,
    matter: Matter,
    planes: Vec<Plane>,
    guides: [Vec<Guide>; 2],
    /// When each front passes a pixel, 0..1.
    fronts: [Vec<f32>; 2],
    drift: Field,
    /// What must be added to A's light of a rank, encoded as the finish does, to make it B's.
    palette: Vec<[f32; 3]>,
    texture: u32,
    key: u32,
    base: Vec<Origin>,
    mended: Vec<Origin>,
    way: Sway,
}

impl Becoming {
    /// Both sheets have the size of the frame; `light` are their pixels in the finish's encoded light. `None` if they make no matter or there is only one frame.
    pub fn new(
        a: Sheet,
        b: Sheet,
        light: [&[[f32; 3]]; 2],
        frames: u32,
        setting: Setting,
    ) -> Option<Becoming> {
        let (w, h) = (setting.width, setting.height);
        if frames < 2 || [&a, &b].iter().any(|s| s.width != w || s.height != h) {
            return None;
        }
        let radius = layout_radius(h);
        let mut sheets = vec![a, b];
        let gain = guide::gain(&sheets, radius);
        for (k, s) in sheets.iter_mut().enumerate() {
            let rank = ranks(&s.colour, w, h, (radius / 2).max(1));
            let structure = guide::of_photograph(&s.colour, w, h, radius, gain);
            s.guide = (0..w * h)
                .map(|i| [rank[i], 0, 0, structure[i][3], if k == 0 { 0 } else { 255 }])
                .collect();
        }
        let texture = guide::texture(&sheets);
        let fronts = [0, 1].map(|k| front(&sheets[k], w, h, mix(setting.seed ^ (0xf407 + k as u64))));
        let palette = palette([&sheets[0], &sheets[1]], light);
        let guides = [sheets[0].guide.clone(), sheets[1].guide.clone()];
        let levels = level_count(h, &sheets);
        let matter = Matter::new(sheets, levels)?;
        let planes = matter.planes(&WEIGHTS);
        let flow = Flow::new(
            setting.manner,
            w,
            h,
            setting.seconds_a_frame,
            mix(setting.seed ^ 0xbec0),
        );
        let drift = flow.shape(WAY * h as f32 * setting.manner.speed.min(2.0));
        let base = own(0, w, h);
        let way = Sway::rest(w, h);
        Some(Becoming {
            setting,
            frames,
            matter,
            planes,
            guides,
            fronts,
            drift,
            palette,
            texture,
            key: 0,
            base,
            mended: Vec::new(),
            way,
        })
    }

    /// The matter, A above B.
    pub fn matter(&self) -> &Matter {
        &self.matter
    }

    /// Frames from one key to the next.
    pub fn key_frames(&self) -> u32 {
        (self.frames / 12).clamp(2, 8)
    }

    /// Whether a shot can go on from frame `n`'s map.
    pub fn is_key(&self, n: u32) -> bool {
        n.is_multiple_of(self.key_frames())
    }

    /// Goes on from key frame `n`, whose map is `base`.
    pub fn resume(&mut self, n: u32, base: &[Origin]) {
        self.key = n;
        self.base = base.to_vec();
        self.mended = Vec::new();
        self.way = Sway::rest(self.setting.width, self.setting.height);
    }

    /// Frame 0: the whole of A.
    pub fn first(&self) -> Vec<Origin> {
        own(0, self.setting.width, self.setting.height)
    }

    /// How far along frame `n` is, 0..=1.
    fn along(&self, n: u32) -> f32 {
        hasten(
            n as f32 / (self.frames - 1) as f32,
            self.setting.wished.accelerate,
        )
    }

    /// The share of the way that the matter has come by frame `n`.
    fn come(&self, n: u32) -> f32 {
        ease(self.along(n.min(self.frames - 1)))
    }

    /// Frame `n` (>= 1), after all frames before it.
    pub fn next(&mut self, n: u32, stop: &Stop) -> Vec<Origin> {
        let (w, h) = (self.setting.width, self.setting.height);
        if n + 1 >= self.frames {
            return own(1, w, h);
        }
        let step = self.key_frames();
        if self.mended.is_empty() {
            self.mend(self.key + step, stop);
        }
        self.way
            .step(&self.drift.clone().scaled(self.come(n - 1) - self.come(n)), 0);
        let left = self.drift.clone().scaled(1.0 - self.come(n));
        let (u, u0, u1) = (self.along(n), self.along(self.key), self.along(self.key + step));
        let share = (n - self.key) as f32 / step as f32;
        let now: Vec<Origin> = (0..w * h)
            .into_par_iter()
            .map(|i| {
                if self.fronts[1][i] < second(u) {
                    // B, on the way to its own place.
                    let (x, y) = left.source(i % w, i / w);
                    return Origin { source: 1, x, y };
                }
                let (x, y) = self.way.was(i);
                let px = ((x + 128) >> 8).clamp(0, w as i32 - 1) as usize;
                let py = ((y + 128) >> 8).clamp(0, h as i32 - 1) as usize;
                let f = self.fronts[0][py * w + px];
                let turned = if f >= self.edge(u0) && f < self.edge(u1) {
                    f < self.edge(u)
                } else {
                    // Where only the layout changes, a little here and a little there.
                    let g = self.fronts[1][py * w + px] * 7.0;
                    g - libm::floorf(g) < share
                };
                carry::at(if turned { &self.mended } else { &self.base }, w, h, x, y)
            })
            .collect();
        if n - self.key == step {
            self.resume(n, &now);
        }
        now
    }

    /// How the finish leads the eye from one photograph's colours to the other's: what to add, in
    /// the finish's encoded light, at each pixel of frame `n`, whose map is `map`. Before the first front comes, A's colours turn
    /// towards what B has at the same rank of light; behind it B's matter comes in A's colours and turns to
    /// its own. So matter changes where colours agree. All zero at both ends.
    pub fn lead(&self, n: u32, map: &[Origin]) -> Vec<[f32; 3]> {
        let (w, h) = (self.setting.width, self.setting.height);
        if n == 0 || n + 1 >= self.frames {
            return vec![[0.0; 3]; w * h];
        }
        let u = self.along(n);
        let reach = self.reach(u);
        let back = self.drift.clone().scaled(-self.come(n));
        let level = &self.matter.levels[0];
        (0..w * h)
            .into_par_iter()
            .map(|i| {
                // The front as the matter carries it.
                let (x, y) = back.source(i % w, i / w);
                let px = ((x + 128) >> 8).clamp(0, w as i32 - 1) as usize;
                let py = ((y + 128) >> 8).clamp(0, h as i32 - 1) as usize;
                let m = ((reach - self.fronts[0][py * w + px]) / (2.0 * HEM)).clamp(0.0, 1.0);
                let m = m * m * (3.0 - 2.0 * m);
                let o = map[i];
                let p = level.places[usize::from(o.source)];
                let (ox, oy) = o.nearest();
                let ox = ox.clamp(0, p.width as i32 - 1) as usize;
                let oy = oy.clamp(0, p.height as i32 - 1) as usize;
                let rank = usize::from(level.guide[(p.top + oy) * level.width + ox][0]);
                let share = if o.source == 0 { m } else { m - 1.0 };
                self.palette[rank].map(|v| v * share)
            })
            .collect()
    }

    /// The middle of the first front, where matter changes.
    fn edge(&self, u: f32) -> f32 {
        self.reach(u) - HEM
    }

    /// How far the soft first front has come.
    fn reach(&self, u: f32) -> f32 {
        first(u) * (1.0 + 2.0 * HEM)
    }

    /// Makes the next key's picture out of this one's.
    fn mend(&mut self, to: u32, stop: &Stop) {
        let (w, h) = (self.setting.width, self.setting.height);
        let u = self.along(to.min(self.frames - 1));
        let turn = ease(((u - 0.30) / 0.5).clamp(0.0, 1.0));
        let share = (turn * 256.0) as u32;
        let wish: Vec<Guide> = (0..w * h)
            .into_par_iter()
            .map(|i| {
                let (a, b) = (self.guides[0][i], self.guides[1][i]);
                let mix =
                    |k: usize| ((u32::from(a[k]) * (256 - share) + u32::from(b[k]) * share + 128) >> 8) as u8;
                [
                    mix(0),
                    0,
                    0,
                    mix(3),
                    if self.fronts[0][i] < self.edge(u) { 255 } else { 0 },
                ]
            })
            .collect();
        let level = &self.matter.levels[0];
        let weights: [f32; 5] = std::array::from_fn(|k| f32::from(WEIGHTS.0[3 + k]) / 256.0);
        let keep = Keep {
            guide: 34.0 + 16.0 * self.setting.steady,
            ..Keep::steady(0.5)
        };
        let mut kept = carry::judge(&self.base, w, h, level, &wish, &weights, &keep);
        for (i, k) in kept.iter_mut().enumerate() {
            // A's flat border is no matter for patches, but it stays A's until the front comes.
            *k = *k
                || (self.base[i].source == 0
                    && wish[i][4] == 0
                    && carry::inside(level, self.base[i]).is_none());
        }
        let from: Vec<Spot> = self.base.par_iter().map(|o| nearest(&self.matter, *o)).collect();
        let colour: Vec<Colour> = self.base.par_iter().map(|o| carry::colour(level, *o)).collect();
        let pull: Vec<u16> = (0..w * h)
            .map(|i| {
                let o = self.base[i];
                let right = (o.source == 1) == (wish[i][4] > 127);
                if right && carry::inside(level, o).is_some() {
                    90
                } else {
                    0
                }
            })
            .collect();
        let start = self.matter.levels.len().saturating_sub(2).min(3);
        let carried = Carried {
            from: &from,
            colour: &colour,
            pull: &pull,
            locked: &kept,
            start,
        };
        let mut effort = Effort::mending().for_texture(self.texture);
        effort.votes = vec![2, 2, 3, 5];
        effort.radius = None;
        effort.random = 6;
        effort.first_sweeps = 6;
        let wish = Wish {
            width: w,
            height: h,
            guide: &wish,
            stop,
        };
        let seed = mix(self.setting.seed ^ (u64::from(to) << 24));
        let made = synthesise(
            &self.matter,
            &self.planes,
            &WEIGHTS,
            &wish,
            &Begin::Carried(carried),
            &effort,
            seed,
        );
        let fresh = origins(&made.from, &self.matter);
        let mut all: Vec<Origin> = self
            .base
            .iter()
            .zip(&kept)
            .zip(fresh)
            .map(|((m, k), f)| if *k { *m } else { f })
            .collect();
        for _ in 0..2 {
            carry::tidy(&mut all, w, h, level, &kept);
        }
        self.mended = all;
    }
}

/// How far the first front has come at `u`.
fn first(u: f32) -> f32 {
    pace((u - 0.005) / 0.62)
}

/// How far the second front has come at `u`.
fn second(u: f32) -> f32 {
    pace((u - 0.44) / 0.55)
}

fn pace(v: f32) -> f32 {
    let v = v.clamp(0.0, 1.0);
    // Slow at both ends; past 1 nothing is left behind.
    (v * v * (3.0 - 2.0 * v)) * 1.000_1
}

/// B's mean light less A's, by rank of light, smoothed over neighbouring ranks.
fn palette(sheets: [&Sheet; 2], light: [&[[f32; 3]]; 2]) -> Vec<[f32; 3]> {
    let means = |s: &Sheet, light: &[[f32; 3]]| -> Vec<[f32; 3]> {
        // Whole numbers, so that the order of summation is nothing to mind.
        let mut sum = vec![[0i64; 4]; 256];
        for (i, (c, g)) in light.iter().zip(&s.guide).enumerate() {
            if s.barred.get(i).copied().unwrap_or(false) {
                continue;
            }
            let o = &mut sum[usize::from(g[0])];
            for k in 0..3 {
                o[k] += (c[k].clamp(-4.0, 64.0) * 65_536.0) as i64;
            }
            o[3] += 1;
        }
        (0..256usize)
            .map(|r| {
                let mut reach = 12;
                loop {
                    let mut all = [0i64; 4];
                    for o in &sum[r.saturating_sub(reach)..(r + reach + 1).min(256)] {
                        for k in 0..4 {
                            all[k] += o[k];
                        }
                    }
                    if all[3] > 0 || reach > 256 {
                        let n = all[3].max(1) as f32 * 65_536.0;
                        return [all[0] as f32 / n, all[1] as f32 / n, all[2] as f32 / n];
                    }
                    reach *= 2;
                }
            })
            .collect()
    };
    let (a, b) = (means(sheets[0], light[0]), means(sheets[1], light[1]));
    a.iter()
        .zip(&b)
        .map(|(a, b)| std::array::from_fn(|k| b[k] - a[k]))
        .collect()
}

/// A whole photograph, every pixel in its own place.
fn own(source: u16, w: usize, h: usize) -> Vec<Origin> {
    (0..w * h)
        .map(|i| Origin {
            source,
            x: (i % w) as i32 * UNIT,
            y: (i / w) as i32 * UNIT,
        })
        .collect()
}

/// Ranks of values: the share, 0..=255, of pixels below each.
fn ranks(colour: &[Colour], w: usize, h: usize, radius: usize) -> Vec<u8> {
    // Two colours' worth of precision: luminance in 16 bits after the blur.
    let light: Vec<[u8; 1]> = colour.iter().map(|c| [luminance(*c)]).collect();
    let soft = soften(&light, w, h, radius);
    let mut count = [0usize; 256];
    for v in &soft {
        count[usize::from(v[0])] += 1;
    }
    let mut below = 0;
    let rank: Vec<u8> = count
        .iter()
        .map(|n| {
            let r = (below + n / 2) * 255 / soft.len();
            below += n;
            r as u8
        })
        .collect();
    soft.iter().map(|v| rank[usize::from(v[0])]).collect()
}

/// When a front passes each pixel, 0..1, every moment alike: noise of many sizes bent by the photograph's
/// own light, so that the front runs along its edges.
fn front(sheet: &Sheet, w: usize, h: usize, seed: u64) -> Vec<f32> {
    let unit = 1.0 / h as f32;
    let broad = soften(&sheet.guide, w, h, (h / 90).max(1));
    let raw: Vec<u16> = (0..w * h)
        .into_par_iter()
        .map(|i| {
            let (x, y) = ((i % w) as f32 * unit, (i / w) as f32 * unit);
            let mut noise = 0.0;
            let (mut size, mut weight, mut all) = (2.2, 1.0, 0.0);
            for k in 0..5 {
                noise += weight * value_noise(x * size + k as f32 * 7.3, y * size, seed ^ k);
                all += weight;
                size *= 2.1;
                weight *= 0.55;
            }
            let light = 0.7 * f32::from(broad[i][0]) / 255.0 + 0.3 * f32::from(sheet.guide[i][0]) / 255.0;
            ((noise / all * 0.55 + light * 0.45).clamp(0.0, 1.0) * 65_535.0) as u16
        })
        .collect();
    let mut count = vec![0u32; 65_536];
    for v in &raw {
        count[usize::from(*v)] += 1;
    }
    let mut below = 0u32;
    for c in &mut count {
        let n = *c;
        *c = below;
        below += n;
    }
    raw.iter()
        .map(|v| count[usize::from(*v)] as f32 / raw.len() as f32)
        .collect()
}

impl Making for Becoming {
    fn first(&mut self, _stop: &Stop) -> Result<Laid, Failure> {
        Ok(Laid::plain(Becoming::first(self)))
    }

    fn follow(&mut self, first: &Laid) -> Result<(), Failure> {
        Becoming::resume(self, 0, &first.map);
        Ok(())
    }

    fn next(&mut self, n: u32, stop: &Stop) -> Result<Laid, Failure> {
        Ok(Laid::plain(Becoming::next(self, n, stop)))
    }

    fn resume(&mut self, key: u32, base: &Laid) -> Result<(), Failure> {
        Becoming::resume(self, key, &base.map);
        Ok(())
    }

    fn key_frames(&self) -> u32 {
        Becoming::key_frames(self)
    }

    fn lead(&self, n: u32, frame: &Laid) -> Vec<[f32; 3]> {
        Becoming::lead(self, n, &frame.map)
    }
}
