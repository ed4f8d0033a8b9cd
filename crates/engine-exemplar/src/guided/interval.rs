//! From one key frame to the next.
//!
//! The stage knows the future: before a frame is made, its key's map is carried to the next key and made whole there. So
//! what comes into view is made once, as the whole area it will be, and not a strip of a few pixels at a time.

use super::group::Asks;
use super::judge::{Carried, Keep, judge};
use super::way::{Step, Ways, place};
use super::{Guided, WEIGHTS};
use crate::making::{Asked, Laid, Over};
use crate::map::Origin;
use crate::synth::carry::at;
use crate::synth::hash::mix;
use heirloom_engine::Failure;
use heirloom_film::Size;
use rayon::prelude::*;

/// Share of the way from key to key in which what was made anew fades in.
const FADE: f32 = 0.4;

/// Frames from one key to the next. Large frames have them nearer, to bound the memory.
pub fn key_frames(size: Size) -> u32 {
    if u64::from(size.width) * u64::from(size.height) > 1_300_000 {
        8
    } else {
        12
    }
}

/// A pixel's matter, if it has any, and what fades in over it with its weight.
type Pixel = (Option<Origin>, Option<(Origin, u8)>);

/// What is kept of a frame between two keys; all planes have the frame's size.
pub struct Frame {
    /// Numbers of the things.
    pub thing: Vec<u16>,
    /// What the finish multiplies each pixel by; see [`super::light`].
    pub ratio: Vec<u16>,
    asks: Asks,
    back: Vec<[f32; 2]>,
    hidden: Vec<bool>,
    next: Vec<[f32; 2]>,
    hidden_next: Vec<bool>,
    /// Places in the key before and in the key after, in 1/256 pixel.
    before: Vec<(i32, i32)>,
    after: Vec<(i32, i32)>,
}

/// The frames after a key up to and with the next one.
pub struct Interval {
    from: u32,
    /// The next key.
    pub to: u32,
    frames: Vec<Frame>,
    /// The next key's map, and which of its pixels were made anew.
    map: Vec<Origin>,
    anew: Vec<bool>,
}

impl Interval {
    /// What is kept of frame `n`.
    pub fn frame(&self, n: u32) -> Option<&Frame> {
        self.frames.get(n.checked_sub(self.from + 1)? as usize)
    }
}

impl Guided {
    /// Looks ahead from the key to the next one, and makes that whole.
    ///
    /// # Errors
    /// The guides can not be had.
    pub(super) fn look_ahead(&self, stop: &Asked) -> Result<Interval, Failure> {
        let (w, h) = (
            self.setting.size.width as usize,
            self.setting.size.height as usize,
        );
        let from = self.key;
        let to = (from + self.every()).min(self.setting.frames.max(1) - 1);
        let mut frames = Vec::new();
        let mut ways = Ways::rest(w, h, &self.key_things);
        for n in from + 1..=to.max(from + 1) {
            if stop() {
                break;
            }
            let seen = self.see(n)?;
            let asks = self.asks(&seen);
            let ratio = self.ratios(&seen, &asks);
            ways.step(&Step {
                thing: &asks.thing,
                motion: &seen.back,
                hidden: &seen.hidden,
            });
            frames.push(Frame {
                thing: asks.thing.clone(),
                ratio,
                before: ways.places(),
                after: Vec::new(),
                asks,
                back: seen.back,
                hidden: seen.hidden,
                next: seen.next,
                hidden_next: seen.hidden_next,
            });
        }
        let Some(last) = frames.last() else {
            return Ok(Interval {
                from,
                to: from + 1,
                frames,
                map: self.base.clone(),
                anew: vec![false; w * h],
            });
        };
        // The key's map, carried all the way.
        let mut map: Vec<Origin> = last
            .before
            .par_iter()
            .zip(&last.thing)
            .map(|(p, t)| {
                place(*p).map_or_else(Origin::default, |p| {
                    read(&self.base, &self.key_things, (w, h), p, *t)
                })
            })
            .collect();
        let there: Vec<bool> = last.before.iter().map(|p| place(*p).is_some()).collect();
        let kept = judge(
            &Carried {
                width: w,
                map: &map,
                there: &there,
                thing: &last.thing,
                guide: &last.asks.guide,
                // Size is judged as it is now, not as it was when the matter was laid down.
                weights: std::array::from_fn(|k| {
                    if k < 3 {
                        f32::from(WEIGHTS.0[3 + k]) / 256.0
                    } else {
                        0.0
                    }
                }),
                sizes: &self.sizes,
            },
            &Keep::steady(self.setting.steady),
            |t| {
                let group = &self.groups[self.things.get(usize::from(t))?.0];
                Some((group.matter().levels.first()?, group.first))
            },
        );
        let anew: Vec<bool> = kept.iter().map(|k| !k).collect();
        let fresh: Vec<bool> = there.iter().map(|t| !t).collect();
        let seed = mix(self.setting.seed ^ (u64::from(to) << 20));
        self.mend(&last.asks, &mut map, (&anew, &fresh, true), seed, stop);
        // Ways to the next key, from its end.
        let mut ways = Ways::rest(w, h, &last.thing);
        for k in (0..frames.len()).rev() {
            if k + 1 < frames.len() {
                let f = &frames[k];
                ways.step(&Step {
                    thing: &f.thing,
                    motion: &f.next,
                    hidden: &f.hidden_next,
                });
            }
            let f = &mut frames[k];
            f.after = ways.places();
            f.next = Vec::new();
            f.hidden_next = Vec::new();
        }
        Ok(Interval {
            from,
            to: from + frames.len() as u32,
            frames,
            map,
            anew,
        })
    }

    /// Frame `n` of the interval, after the one before it.
    ///
    /// # Errors
    /// The interval does not hold it.
    pub(super) fn between(&self, interval: &Interval, n: u32, stop: &Asked) -> Result<Laid, Failure> {
        let (w, h) = (
            self.setting.size.width as usize,
            self.setting.size.height as usize,
        );
        if n >= interval.to {
            return Ok(Laid::plain(interval.map.clone()));
        }
        let frame = interval
            .frame(n)
            .ok_or_else(|| Failure::lasting("work", "a guided shot lost its way; draw it again"))?;
        let share = (n - interval.from) as f32 / (interval.to - interval.from) as f32;
        let last: &[u16] = interval.frames.last().map_or(&[], |f| &f.thing);
        let was: &[u16] = interval.frame(n - 1).map_or(&self.key_things, |f| &f.thing);
        // Each pixel: its matter, what fades in over it, and how much; or nothing, seen in neither key.
        let all: Vec<Pixel> = (0..w * h)
            .into_par_iter()
            .map(|i| {
                let thing = frame.thing[i];
                let before = place(frame.before[i]);
                let after = place(frame.after[i]);
                match (before, after) {
                    (Some(p), None) => (Some(read(&self.base, &self.key_things, (w, h), p, thing)), None),
                    (None, Some(p)) => (Some(read(&interval.map, last, (w, h), p, thing)), None),
                    (None, None) => {
                        // Seen for a moment only: from the frame before, if it was there.
                        let (dx, dy) = (frame.back[i][0], frame.back[i][1]);
                        let fix = |v: f32| libm::floorf(v.clamp(-16_000.0, 16_000.0) * 256.0 + 0.5) as i32;
                        let (x, y) = (
                            ((i % w) as i32 * 256).saturating_add(fix(dx)),
                            ((i / w) as i32 * 256).saturating_add(fix(dy)),
                        );
                        let inside = x >= 0 && y >= 0 && x < (w as i32) << 8 && y < (h as i32) << 8;
                        let seen = inside && !frame.hidden[i] && n > interval.from + 1;
                        let near = seen.then(|| {
                            let px = ((x + 128) >> 8).min(w as i32 - 1) as usize;
                            let py = ((y + 128) >> 8).min(h as i32 - 1) as usize;
                            py * w + px
                        });
                        let same = near.is_some_and(|k| {
                            interval
                                .frame(n - 1)
                                .is_some_and(|f| f.thing[k] == frame.thing[i])
                        });
                        (same.then(|| read(&self.last, was, (w, h), (x, y), thing)), None)
                    }
                    (Some(p), Some((ax, ay))) => {
                        let own = read(&self.base, &self.key_things, (w, h), p, thing);
                        let px = ((ax + 128) >> 8).clamp(0, w as i32 - 1) as usize;
                        let py = ((ay + 128) >> 8).clamp(0, h as i32 - 1) as usize;
                        let k = py * w + px;
                        let t = self.turn[k];
                        let fade = if self.setting.without.fade { 1.0e-3 } else { FADE };
                        let weight = ((share * (1.0 + fade) - t) / fade).clamp(0.0, 1.0);
                        if !interval.anew[k] || weight <= 0.0 {
                            return (Some(own), None);
                        }
                        let new = read(&interval.map, last, (w, h), (ax, ay), thing);
                        if weight >= 1.0 {
                            (Some(new), None)
                        } else {
                            (Some(own), Some((new, (weight * 255.0 + 0.5) as u8)))
                        }
                    }
                }
            })
            .collect();
        let mut map: Vec<Origin> = all.iter().map(|a| a.0.unwrap_or_default()).collect();
        let mut fresh: Vec<bool> = all.iter().map(|a| a.0.is_none()).collect();
        go_on(&mut map, &mut fresh, &frame.thing, w);
        if fresh.iter().any(|f| *f) {
            let seed = mix(self.setting.seed ^ (u64::from(n) << 24));
            self.mend(&frame.asks, &mut map, (&fresh, &fresh, false), seed, stop);
        }
        let over = all.iter().any(|a| a.1.is_some()).then(|| Over {
            map: all
                .iter()
                .zip(&map)
                .map(|(a, own)| a.1.map_or(*own, |o| o.0))
                .collect(),
            weight: all.iter().map(|a| a.1.map_or(0, |o| o.1)).collect(),
        });
        Ok(Laid { map, over })
    }
}

/// The origin at a place of a map, in 1/256 pixel, of a pixel that shows `thing`: where the nearest pixel shows another
/// thing, the nearest beside it that does not goes on.
fn read(map: &[Origin], things: &[u16], (w, h): (usize, usize), (x, y): (i32, i32), thing: u16) -> Origin {
    let nx = ((x + 128) >> 8).clamp(0, w as i32 - 1);
    let ny = ((y + 128) >> 8).clamp(0, h as i32 - 1);
    let is = |x: i32, y: i32| {
        x >= 0
            && y >= 0
            && x < w as i32
            && y < h as i32
            && things.get(y as usize * w + x as usize) == Some(&thing)
    };
    if is(nx, ny) {
        return at(map, w, h, x, y);
    }
    let mut best: Option<(i32, i32, i32)> = None;
    for dy in -1..=1 {
        for dx in -1..=1 {
            let (px, py) = (nx + dx, ny + dy);
            let far = (x - px * 256).pow(2) + (y - py * 256).pow(2);
            if is(px, py) && best.is_none_or(|b| far < b.0) {
                best = Some((far, px, py));
            }
        }
    }
    match best {
        Some((_, px, py)) => {
            let o = map[py as usize * w + px as usize];
            Origin {
                source: o.source,
                x: (o.x + x - px * 256 + 2) & !3,
                y: (o.y + y - py * 256 + 2) & !3,
            }
        }
        None => at(map, w, h, x, y),
    }
}

/// How far, in pixels, matter goes on into what is seen for a moment only.
const MOMENT: usize = 6;

/// Lets the matter beside pixels that are seen for a moment only go on over them, of the same thing; what no such matter
/// reaches stays `fresh`.
fn go_on(map: &mut [Origin], fresh: &mut [bool], thing: &[u16], w: usize) {
    let h = map.len() / w.max(1);
    let mut left: Vec<usize> = (0..map.len()).filter(|i| fresh[*i]).collect();
    for _ in 0..MOMENT {
        let found: Vec<(usize, Option<Origin>)> = left
            .iter()
            .map(|i| {
                let (x, y) = ((i % w) as i32, (i / w) as i32);
                let beside = [(0, -1), (-1, 0), (1, 0), (0, 1)]
                    .into_iter()
                    .find_map(|(dx, dy)| {
                        let (px, py) = (x + dx, y + dy);
                        let inside = px >= 0 && py >= 0 && px < w as i32 && py < h as i32;
                        let j = inside.then(|| py as usize * w + px as usize)?;
                        (!fresh[j] && thing[j] == thing[*i]).then(|| Origin {
                            source: map[j].source,
                            x: map[j].x - dx * 256,
                            y: map[j].y - dy * 256,
                        })
                    });
                (*i, beside)
            })
            .collect();
        left.clear();
        for (i, origin) in found {
            match origin {
                Some(o) => {
                    map[i] = o;
                    fresh[i] = false;
                }
                None => left.push(i),
            }
        }
        if left.is_empty() {
            return;
        }
    }
}
