//! A clip in the matter of other pictures: a style pass along the clip's own motion.
//!
//! A guide says what goes where: the rank of the clip's luminance among all of its frames, against the rank of the
//! sources' among all of them, so that the clip's darkest places get the sources' darkest matter whatever their
//! exposure; structure; and, faintly, position (after Fiser and others, "StyLit", SIGGRAPH 2016, and
//! Jamriska and others, "Stylizing Video by Example", SIGGRAPH 2019). The first frame is made whole. From key to key
//! origins are carried along the clip's dense optical flow, and at a key what can not stay (uncovered, stretched, no
//! longer what the guide asks for) is made anew. Frames between two keys come from both: matter is carried on from the
//! one and back from the other, so that what is uncovered on the way is there at once, and what is renewed
//! comes in here and there.

use super::blur::soften;
use super::carry::{self, Keep, Sway};
use super::feature::{Plane, Weights};
use super::guide::{self, Gain, luminance};
use super::hash::mix;
use super::layout;
use super::living::{Setting, layout_radius, level_count, mend, origins, turns};
use super::matter::{Colour, Guide, Matter, Sheet, halve_bytes};
use super::pair::own;
use super::pyramid::{Begin, Effort, Wish, sizes, synthesise};
use crate::making::{Asked, Laid, Making, Over};
use crate::map::Origin;
use crate::reel::Reel;
use heirloom_engine::Failure;
use heirloom_picture::flow::{self, Flow, FlowOptions};
use heirloom_picture::{Image, color};
use rayon::prelude::*;
use std::sync::Arc;

/// Frames from one key to the next.
pub const KEY_FRAMES: u32 = 6;
/// Frames of the clip, evenly spread, whose luminance is ranked together.
const RANKED: u32 = 24;
/// How strongly what is made anew should look like what it replaces, of 256.
const PULL: u16 = 90;
/// Noise of the first sketch, in display steps.
const ROUGH: f32 = 24.0;

/// A style pass under way. Sources `0..` are the style's pictures, then come the clip's frames.
pub struct Style {
    setting: Setting,
    frames: u32,
    strength: f32,
    reel: Arc<dyn Reel>,
    /// For each frame of the shot the number of the clip's frame among the sources.
    clip: Vec<u16>,
    matter: Matter,
    planes: Vec<Plane>,
    weights: Weights,
    texture: u32,
    radius: usize,
    /// The clip's ranks by luminance, and its gain of structure.
    ranks: [u8; 256],
    gain: Gain,
    /// The sources' mean colour by rank.
    palette: Vec<Colour>,
    turn: Vec<f32>,
    key: u32,
    base: Vec<Origin>,
    stretch: Option<Stretch>,
}

/// The frames from one key to the next.
struct Stretch {
    to: u32,
    /// The next key's frame.
    mended: Vec<Origin>,
    /// For each frame after the key where its pixels were in the key, and in the next key.
    ways: Vec<[Way; 2]>,
}

/// Where pixels are in another frame, and whether they are seen all the way there.
#[derive(Clone)]
struct Way {
    sway: Sway,
    seen: Vec<bool>,
}

impl Way {
    fn rest(w: usize, h: usize) -> Way {
        Way {
            sway: Sway::rest(w, h),
            seen: vec![true; w * h],
        }
    }

    /// One frame further, whose pixels go to this one's by `motion`; `sure` where that leads back.
    fn step(&mut self, motion: &Flow, sure: &[bool]) {
        let (w, h) = (motion.width() as usize, motion.height() as usize);
        let m = motion.motion();
        self.sway.step_by(&|x, y| m[y * w + x], 0);
        let old = &self.seen;
        self.seen = (0..w * h)
            .into_par_iter()
            .map(|i| {
                let round = |v: f32, n: usize| libm::floorf(v + 0.5).clamp(0.0, (n - 1) as f32) as usize;
                let (x, y) = (
                    round((i % w) as f32 + m[i][0], w),
                    round((i / w) as f32 + m[i][1], h),
                );
                sure[i] && old[y * w + x]
            })
            .collect();
    }
}

/// Luminance softened as ranks are taken of it.
fn light(colour: &[Colour], w: usize, h: usize, radius: usize) -> Vec<u8> {
    let light: Vec<[u8; 1]> = colour.iter().map(|c| [luminance(*c)]).collect();
    soften(&light, w, h, (radius / 2).max(1))
        .into_iter()
        .map(|v| v[0])
        .collect()
}

/// Counts of luminances to ranks: the share, 0..=255, below each.
fn ranks(count: &[u64; 256]) -> [u8; 256] {
    let all = count.iter().sum::<u64>().max(1);
    let mut below = 0;
    let mut out = [0; 256];
    for (rank, n) in out.iter_mut().zip(count) {
        *rank = ((below + n / 2) * 255 / all) as u8;
        below += n;
    }
    out
}

fn colours(image: &Image) -> Vec<Colour> {
    color::to_display8(image)
        .into_iter()
        .map(|c| [c[0], c[1], c[2], 0])
        .collect()
}

/// Position in a picture of `n` pixels across or down.
fn position(v: usize, n: usize) -> u8 {
    (v * 255 / n.max(2).saturating_sub(1)).min(255) as u8
}

fn weights(strength: f32) -> Weights {
    // A weaker style keeps nearer to the clip. Colours weigh less than in other shots: things must keep their
    // outlines, whatever joints the matter gets for it.
    let by = |usual: f32| (usual * (1.3 - 0.3 * strength)).min(256.0) as u16;
    Weights([150, 150, 150, by(250.0), 22, 22, by(200.0), 0])
}

fn fault(e: flow::FlowError) -> Failure {
    Failure::lasting("input", e.to_string())
}

impl Style {
    /// Prepares the pass. `reel` holds the clip's frame for every frame of the shot, and `clip` the number of that
    /// frame among the sources. The sheets need no guides yet.
    ///
    /// # Errors
    /// The clip can not be read, or the sources make no matter.
    pub fn new(
        mut sheets: Vec<Sheet>,
        reel: Arc<dyn Reel>,
        clip: Vec<u16>,
        setting: Setting,
        strength: f32,
        control: &dyn Fn() -> bool,
    ) -> Result<Style, Failure> {
        let (w, h) = (setting.width, setting.height);
        let frames = reel.len();
        let radius = layout_radius(h);
        // The sources' guides.
        let own_gain = guide::gain(&sheets, radius);
        let mut count = [0u64; 256];
        let lights: Vec<Vec<u8>> = sheets
            .iter()
            .map(|s| light(&s.colour, s.width, s.height, radius))
            .collect();
        for (s, light) in sheets.iter().zip(&lights) {
            for (i, v) in light.iter().enumerate() {
                if !s.barred.get(i).copied().unwrap_or(false) {
                    count[usize::from(*v)] += 1;
                }
            }
        }
        let table = ranks(&count);
        for (s, light) in sheets.iter_mut().zip(&lights) {
            let structure = guide::of_photograph(&s.colour, s.width, s.height, radius, own_gain);
            s.guide = (0..s.width * s.height)
                .map(|i| {
                    let (x, y) = (position(i % s.width, s.width), position(i / s.width, s.height));
                    [table[usize::from(light[i])], x, y, structure[i][3], 0]
                })
                .collect();
        }
        let palette = palette(&sheets);
        // The clip's, over the whole shot.
        let mut count = [0u64; 256];
        let mut seen = Vec::new();
        let some = RANKED.min(frames);
        for k in 0..some {
            if control() {
                break;
            }
            let image = reel.frame(k * (frames - 1) / some.max(2).saturating_sub(1))?;
            let colour = colours(&image);
            for v in light(&colour, w, h, radius) {
                count[usize::from(v)] += 1;
            }
            if k % 6 == 0 {
                seen.push(super::extend::sheet(&image));
            }
        }
        let gain = guide::gain(&seen, radius);
        let texture = guide::texture(&sheets);
        let levels = level_count(h, &sheets);
        let matter = Matter::new(sheets, levels).ok_or_else(|| {
            Failure::lasting(
                "input",
                "the sources are too small to make a picture of; use larger photographs",
            )
        })?;
        let weights = weights(strength);
        let planes = matter.planes(&weights);
        let turn = turns(w, h, setting.seed);
        Ok(Style {
            setting,
            frames,
            strength,
            reel,
            clip,
            matter,
            planes,
            weights,
            texture,
            radius,
            ranks: ranks(&count),
            gain,
            palette,
            turn,
            key: 0,
            base: Vec::new(),
            stretch: None,
        })
    }

    /// The guide of a frame of the clip.
    fn wish(&self, image: &Image) -> Vec<Guide> {
        let (w, h) = (self.setting.width, self.setting.height);
        let colour = colours(image);
        let light = light(&colour, w, h, self.radius);
        let structure = guide::of_photograph(&colour, w, h, self.radius, self.gain);
        (0..w * h)
            .map(|i| {
                [
                    self.ranks[usize::from(light[i])],
                    position(i % w, w),
                    position(i / w, h),
                    structure[i][3],
                    0,
                ]
            })
            .collect()
    }

    /// Frame 0: the whole picture out of the sources' matter.
    fn whole(&self, stop: &Asked) -> Result<Vec<Origin>, Failure> {
        let (w, h) = (self.setting.width, self.setting.height);
        let wish = self.wish(&*self.reel.frame(0)?);
        let mut sketch: Vec<Colour> = wish.iter().map(|g| self.palette[usize::from(g[0])]).collect();
        let levels = self.matter.levels.len();
        for (w, h) in sizes(w, h, levels).into_iter().take(levels - 1) {
            sketch = halve_bytes(&sketch, w, h).0;
        }
        layout::roughen(&mut sketch, ROUGH, self.setting.seed);
        let made = synthesise(
            &self.matter,
            &self.planes,
            &self.weights,
            &Wish {
                width: w,
                height: h,
                guide: &wish,
                stop,
            },
            &Begin::Sketch {
                colour: &sketch,
                guided: true,
            },
            &Effort::whole().for_texture(self.texture),
            self.setting.seed,
        );
        let mut all = origins(&made.from, &self.matter);
        for _ in 0..2 {
            carry::tidy(&mut all, w, h, &self.matter.levels[0], &[]);
        }
        Ok(all)
    }

    /// Follows the clip from this key to the next, and makes what can not stay there anew.
    fn look_ahead(&self, stop: &Asked) -> Result<Stretch, Failure> {
        let (w, h) = (self.setting.width, self.setting.height);
        let to = (self.key + KEY_FRAMES).min(self.frames - 1);
        let mut ways: Vec<[Way; 2]> = Vec::new();
        let mut forward: Vec<(Flow, Vec<bool>)> = Vec::new();
        let mut way = Way::rest(w, h);
        let mut image = self.reel.frame(self.key)?;
        for n in self.key + 1..=to {
            if stop() {
                break;
            }
            let next = self.reel.frame(n)?;
            let found = flow::flow_checked(&image, &next, &FlowOptions::default()).map_err(fault)?;
            let sure = flow::consistent(&found.backward, &found.forward).map_err(fault)?;
            way.step(&found.backward, &sure);
            ways.push([way.clone(), Way::rest(w, h)]);
            forward.push((found.forward, found.valid));
            image = next;
        }
        // And from the next key back to each of them. `forward[k]` leads from frame `key + k` on.
        let mut ahead = Way::rest(w, h);
        for k in (1..forward.len()).rev() {
            let (motion, sure) = &forward[k];
            ahead.step(motion, sure);
            ways[k - 1][1] = ahead.clone();
        }
        let moved = match ways.last() {
            Some([way, _]) => way.sway.carry(&self.base),
            None => self.base.clone(),
        };
        let wish = self.wish(&image);
        let share: [f32; 5] = std::array::from_fn(|k| f32::from(self.weights.0[3 + k]) / 256.0);
        let level = &self.matter.levels[0];
        let keep = Keep {
            guide: 54.0 + 34.0 * self.setting.steady,
            ..Keep::steady(0.5)
        };
        let mut kept = carry::judge(&moved, w, h, level, &wish, &share, &keep);
        if let Some([way, _]) = ways.last() {
            for (k, seen) in kept.iter_mut().zip(&way.seen) {
                *k = *k && *seen;
            }
        }
        let seed = mix(self.setting.seed ^ (u64::from(to) << 20));
        let mended = mend(
            &self.matter,
            &self.planes,
            &self.weights,
            w,
            h,
            &wish,
            &moved,
            &kept,
            PULL,
            self.texture,
            seed,
            stop,
        );
        Ok(Stretch { to, mended, ways })
    }

    /// A frame between this key and the next.
    fn frame(&self, stretch: &Stretch, n: u32) -> Vec<Origin> {
        let (w, h) = (self.setting.width, self.setting.height);
        if n >= stretch.to {
            return stretch.mended.clone();
        }
        let Some([was, will]) = stretch.ways.get((n - self.key - 1) as usize) else {
            return self.base.clone();
        };
        let share = (n - self.key) as f32 / (stretch.to - self.key) as f32;
        (0..w * h)
            .into_par_iter()
            .map(|i| {
                let (px, py) = was.sway.was(i);
                let kx = ((px + 128) >> 8).clamp(0, w as i32 - 1) as usize;
                let ky = ((py + 128) >> 8).clamp(0, h as i32 - 1) as usize;
                let turned = self.turn[ky * w + kx] < share;
                let on = match (was.seen[i], will.seen[i]) {
                    (true, true) => turned,
                    (known, _) => !known,
                };
                if on {
                    let (x, y) = will.sway.was(i);
                    carry::at(&stretch.mended, w, h, x, y)
                } else {
                    carry::at(&self.base, w, h, px, py)
                }
            })
            .collect()
    }

    /// The clip's own frame with it, as strongly as the style is weak.
    fn laid(&self, n: u32, map: Vec<Origin>) -> Laid {
        let (w, h) = (self.setting.width, self.setting.height);
        let weight = libm::floorf((1.0 - self.strength) * 255.0 + 0.5) as u8;
        match self.clip.get(n as usize) {
            Some(clip) if weight > 0 => Laid {
                map,
                over: Some(Over {
                    map: own(*clip, w, h),
                    weight: vec![weight; w * h],
                }),
            },
            _ => Laid::plain(map),
        }
    }
}

/// The sources' mean colour at each rank, over neighbouring ranks where there is none.
fn palette(sheets: &[Sheet]) -> Vec<Colour> {
    let mut sum = vec![[0u64; 4]; 256];
    for s in sheets {
        for (i, (c, g)) in s.colour.iter().zip(&s.guide).enumerate() {
            if s.barred.get(i).copied().unwrap_or(false) {
                continue;
            }
            let o = &mut sum[usize::from(g[0])];
            for k in 0..3 {
                o[k] += u64::from(c[k]);
            }
            o[3] += 1;
        }
    }
    guide::mean_colours(&sum)
}

impl Making for Style {
    fn first(&mut self, stop: &Asked) -> Result<Laid, Failure> {
        let map = self.whole(stop)?;
        Ok(self.laid(0, map))
    }

    fn follow(&mut self, first: &Laid) -> Result<(), Failure> {
        self.resume(0, first)
    }

    fn next(&mut self, n: u32, stop: &Asked) -> Result<Laid, Failure> {
        let stretch = match self.stretch.take() {
            Some(stretch) => stretch,
            None => self.look_ahead(stop)?,
        };
        let map = self.frame(&stretch, n);
        if n >= stretch.to {
            self.key = n;
            self.base = map.clone();
        } else {
            self.stretch = Some(stretch);
        }
        Ok(self.laid(n, map))
    }

    fn resume(&mut self, key: u32, base: &Laid) -> Result<(), Failure> {
        self.key = key;
        self.base = base.map.clone();
        self.stretch = None;
        Ok(())
    }

    fn key_frames(&self) -> u32 {
        KEY_FRAMES
    }
}

/// A style of no strength: the clip itself.
pub struct Plain {
    /// Frame width in pixels.
    pub w: usize,
    /// Frame height in pixels.
    pub h: usize,
    /// For each frame of the shot the number of the clip's frame among the sources.
    pub clip: Vec<u16>,
}

impl Plain {
    fn frame(&self, n: u32) -> Result<Laid, Failure> {
        let clip = self.clip.get(n as usize).ok_or_else(|| {
            Failure::lasting(
                "frame",
                format!("the shot has no frame {n}; it has {}", self.clip.len()),
            )
        })?;
        Ok(Laid::plain(own(*clip, self.w, self.h)))
    }
}

impl Making for Plain {
    fn first(&mut self, _stop: &Asked) -> Result<Laid, Failure> {
        self.frame(0)
    }

    fn follow(&mut self, _first: &Laid) -> Result<(), Failure> {
        Ok(())
    }

    fn next(&mut self, n: u32, _stop: &Asked) -> Result<Laid, Failure> {
        self.frame(n)
    }

    fn resume(&mut self, _key: u32, _base: &Laid) -> Result<(), Failure> {
        Ok(())
    }

    fn key_frames(&self) -> u32 {
        1
    }
}
