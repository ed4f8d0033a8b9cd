//! The matter of things that are made of the same sources, and the search in it.
//!
//! Each group is searched by itself, a little beyond the edges of its things, with its wishes continued there: so a patch at
//! an edge never has to fit what belongs to another thing, and an edge cuts through matter as it does in the world.

use super::ranks::{self, Table};
use super::{OCTAVE, PULL, Piece, Setting, WEIGHTS};
use crate::making::Asked;
use crate::map::Origin;
use crate::measure::chunk_pixels;
use crate::synth::carry;
use crate::synth::feature::Plane;
use crate::synth::guide;
use crate::synth::hash::{Dice, mix};
use crate::synth::layout::{fill_border, roughen};
use crate::synth::living::{layout_radius, level_count, nearest, origins};
use crate::synth::matter::{Colour, Guide, Matter, Sheet, Spot, halve_bytes};
use crate::synth::pyramid::{Begin, Carried, Effort, Wish, sizes, synthesise};
use crate::synth::wished::Wished;
use rayon::prelude::*;

/// Pixels beyond the edge of a thing that are made with it.
const HEM: usize = 8;
/// Pixels about what is made anew that are looked at.
const VIEW: usize = 24;
/// Area-weighted piece, in pixels of a 960x540 frame, over which a first frame counts as copied.
const MOST_CHUNK: f64 = 2_000.0;

/// A part of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x: usize,
    /// Top edge.
    pub y: usize,
    /// Width.
    pub w: usize,
    /// Height.
    pub h: usize,
}

impl Rect {
    /// The smallest that holds all pixels of `which`, grown by `by` inside a frame of `w` x `h`.
    pub fn around(which: &[bool], w: usize, h: usize, by: usize) -> Option<Rect> {
        let (mut x0, mut y0, mut x1, mut y1) = (w, h, 0, 0);
        for (y, row) in which.chunks(w).enumerate() {
            if let (Some(a), Some(b)) = (row.iter().position(|v| *v), row.iter().rposition(|v| *v)) {
                (x0, x1) = (x0.min(a), x1.max(b));
                (y0, y1) = (y0.min(y), y);
            }
        }
        if x0 > x1 {
            return None;
        }
        let (x0, y0) = (x0.saturating_sub(by), y0.saturating_sub(by));
        Some(Rect {
            x: x0,
            y: y0,
            w: (x1 + 1 + by).min(w) - x0,
            h: (y1 + 1 + by).min(h) - y0,
        })
    }

    /// The part of a frame of width `w` that lies in it.
    pub fn cut<T: Copy>(&self, frame: &[T], w: usize) -> Vec<T> {
        (self.y..self.y + self.h)
            .flat_map(|y| frame[y * w + self.x..y * w + self.x + self.w].iter().copied())
            .collect()
    }

    /// The frame's index of pixel `i` of the part.
    #[inline(always)]
    pub fn out(&self, i: usize, w: usize) -> usize {
        (self.y + i / self.w) * w + self.x + i % self.w
    }
}

/// What a frame asks of its matter.
pub struct Asks {
    /// Width in pixels.
    pub width: usize,
    /// Guides.
    pub guide: Vec<Guide>,
    /// Wished luminance, display codes.
    pub light: Vec<u8>,
    /// Number of the thing in the cast.
    pub thing: Vec<u16>,
    /// Which of its group's sources.
    pub nth: Vec<u8>,
}

/// What is made anew in a frame, of one group; all planes have the frame's size.
pub struct Anew<'a> {
    /// Whose pixels are the group's.
    pub mask: &'a [bool],
    /// Carried origins.
    pub map: &'a [Origin],
    /// The group's pixels that are made anew.
    pub need: &'a [bool],
    /// Those that have nothing to look like.
    pub fresh: &'a [bool],
    /// Whether it is worth trying hard: a key's picture, not a few pixels seen for a moment.
    pub key: bool,
}

/// The matter of things that are made of the same sources.
pub struct Group {
    /// Their numbers.
    pub sources: Vec<usize>,
    /// Number of its first sheet among all sheets.
    pub first: u16,
    matter: Matter,
    planes: Vec<Plane>,
    texture: u32,
    /// Which of the sources each sheet is of.
    nth: Vec<u8>,
    /// How often each luminance is seen, by source.
    lights: Vec<Vec<u64>>,
    palettes: Vec<Vec<Colour>>,
    hem: usize,
}

impl Group {
    /// A group of these pieces, for frames of height `height`. `None` if they make no matter.
    pub fn new(
        mut pieces: Vec<Piece>,
        sources: Vec<usize>,
        first: u16,
        height: usize,
        setting: &Setting,
    ) -> Option<Group> {
        let without = setting.without;
        let radius = layout_radius(height);
        let nth: Vec<u8> = pieces
            .iter()
            .map(|p| sources.iter().position(|k| *k == p.source).unwrap_or(0) as u8)
            .collect();
        let codes = codes(sources.len());
        pieces.par_iter_mut().zip(&nth).for_each(|(p, nth)| {
            let s = &mut p.sheet;
            let soft = guide::of_photograph(&s.colour, s.width, s.height, radius, guide::Gain::NONE);
            let size = |o: i32| (128.0 + OCTAVE * o as f32).clamp(0.0, 255.0) as u8;
            let (across, down) = (size(p.octaves.0), size(p.octaves.1));
            let code = codes.get(usize::from(*nth)).copied().unwrap_or(0);
            for (i, g) in s.guide.iter_mut().enumerate() {
                let light = guide::luminance([soft[i][0], soft[i][1], soft[i][2], 0]);
                let height = (i / s.width) * 255 / (s.height - 1).max(1);
                *g = [light, height as u8, code, across, down];
            }
        });
        let usual = |k: &usize| pieces.iter().find(|p| p.source == *k);
        let lights = sources
            .iter()
            .map(|k| usual(k).map_or_else(|| vec![1; 256], |p| ranks::lights(&p.sheet, !without.own_hue)))
            .collect();
        let palettes = sources
            .iter()
            .map(|k| usual(k).map_or_else(|| vec![[0; 4]; 256], |p| ranks::palette(&p.sheet)))
            .collect();
        let owners: Vec<usize> = pieces.iter().map(|p| p.source).collect();
        let sheets: Vec<Sheet> = pieces.into_iter().map(|p| p.sheet).collect();
        let texture = guide::texture(&sheets);
        let levels = level_count(height, &sheets).max(4);
        let wished = Wished {
            weights: owners.iter().map(|k| setting.wished.weight(*k)).collect(),
            ..setting.wished.clone()
        };
        let mut matter = Matter::new(sheets.clone(), levels)?;
        wished.lean(&mut matter, &sheets, texture);
        let planes = matter.planes(&WEIGHTS);
        Some(Group {
            sources,
            first,
            matter,
            planes,
            texture,
            nth,
            lights,
            palettes,
            hem: if without.hem { 0 } else { HEM },
        })
    }

    /// The matter.
    pub fn matter(&self) -> &Matter {
        &self.matter
    }

    /// The guide code of source `nth`.
    pub fn code(&self, nth: usize) -> u8 {
        codes(self.sources.len()).get(nth).copied().unwrap_or(0)
    }

    /// For each source the table from a thing's shades to its light.
    pub fn tables(&self, thing: &super::cast::Thing) -> Vec<Table> {
        self.lights.iter().map(|l| ranks::table(thing, l)).collect()
    }

    /// Wishes of the part of a frame, continued from the group's pixels over all others.
    fn wishes(&self, asks: &Asks, mask: &[bool], rect: Rect) -> (Vec<Guide>, Vec<u8>) {
        let w = asks.width;
        let barred: Vec<bool> = rect.cut(mask, w).iter().map(|m| !m).collect();
        let guide = rect.cut(&asks.guide, w);
        let nth = rect.cut(&asks.nth, w);
        let mut front: Vec<Colour> = guide.iter().map(|g| [g[0], g[1], g[2], 0]).collect();
        let mut back: Vec<Colour> = guide.iter().zip(&nth).map(|(g, n)| [g[3], g[4], *n, 0]).collect();
        fill_border(&mut front, &barred, rect.w, rect.h);
        fill_border(&mut back, &barred, rect.w, rect.h);
        let guide = front
            .iter()
            .zip(&back)
            .map(|(a, b)| [a[0], a[1], self.code(usize::from(b[2])), b[0], b[1]])
            .collect();
        (guide, back.iter().map(|b| b[2]).collect())
    }

    /// The group's part of a first frame, put into `map`.
    pub fn first(&self, asks: &Asks, mask: &[bool], seed: u64, stop: &Asked, map: &mut [Origin]) {
        let (w, h) = (asks.width, mask.len() / asks.width.max(1));
        let Some(rect) = Rect::around(mask, w, h, VIEW) else {
            return;
        };
        let (guide, nth) = self.wishes(asks, mask, rect);
        let mut sketch: Vec<Colour> = guide
            .iter()
            .zip(&nth)
            .map(|(g, n)| {
                self.palettes
                    .get(usize::from(*n))
                    .map_or([g[0], g[0], g[0], 0], |p| p[usize::from(g[0])])
            })
            .collect();
        let levels = self.matter.levels.len();
        for (w, h) in sizes(rect.w, rect.h, levels).into_iter().take(levels - 1) {
            sketch = halve_bytes(&sketch, w, h).0;
        }
        roughen(&mut sketch, 24.0, seed);
        let most = MOST_CHUNK * (w * h) as f64 / (960.0 * 540.0);
        let mut effort = Effort::whole().for_texture(self.texture);
        let mut best: Option<(f64, Vec<Origin>)> = None;
        for _ in 0..3 {
            let wish = Wish {
                width: rect.w,
                height: rect.h,
                guide: &guide,
                stop,
            };
            let begin = Begin::Sketch {
                colour: &sketch,
                guided: true,
            };
            let made = synthesise(&self.matter, &self.planes, &WEIGHTS, &wish, &begin, &effort, seed);
            let mut all = origins(&made.from, &self.matter);
            for _ in 0..2 {
                carry::tidy(&mut all, rect.w, rect.h, &self.matter.levels[0], &[]);
            }
            let chunk = chunk_pixels(&all, rect.w);
            let fits = chunk <= most;
            if best.as_ref().is_none_or(|(b, _)| chunk < *b) {
                best = Some((chunk, all));
            }
            if stop() || fits {
                break;
            }
            // Smaller pieces: seams cost less.
            effort.beta = effort.beta * 2 / 3;
        }
        let Some((_, all)) = best else { return };
        self.put(&all, mask, rect, w, map);
    }

    /// Puts the group's own pixels of a part into the frame, in the numbers of all sheets.
    fn put(&self, part: &[Origin], which: &[bool], rect: Rect, w: usize, map: &mut [Origin]) {
        for (i, o) in part.iter().enumerate() {
            let at = rect.out(i, w);
            if which[at] {
                map[at] = Origin {
                    source: o.source + self.first,
                    ..*o
                };
            }
        }
    }

    /// Makes anew what is needed, in the midst of what is there, and puts it into `map`.
    pub fn mend(&self, asks: &Asks, anew: &Anew<'_>, seed: u64, stop: &Asked, map: &mut [Origin]) {
        let (w, h) = (asks.width, map.len() / asks.width.max(1));
        let Some(rect) = Rect::around(anew.need, w, h, VIEW) else {
            return;
        };
        let level = &self.matter.levels[0];
        let (guide, nth) = self.wishes(asks, anew.mask, rect);
        let (mask, need, fresh) = (
            rect.cut(anew.mask, w),
            rect.cut(anew.need, w),
            rect.cut(anew.fresh, w),
        );
        let near = grown(&need, rect.w, rect.h, self.hem);
        let n = rect.w * rect.h;
        let carried: Vec<Origin> = rect
            .cut(anew.map, w)
            .iter()
            .zip(&mask)
            .map(|(o, own)| match o.source.checked_sub(self.first) {
                Some(source) if *own && usize::from(source) < self.nth.len() => Origin { source, ..*o },
                _ => Origin {
                    source: u16::MAX,
                    ..*o
                },
            })
            .collect();
        // What has nothing to look like begins with a guess.
        let blank: Vec<bool> = (0..n)
            .into_par_iter()
            .map(|i| !mask[i] || fresh[i] || carry::inside(level, carried[i]).is_none())
            .collect();
        let begun: Vec<Origin> = (0..n)
            .into_par_iter()
            .map(|i| {
                if blank[i] {
                    self.guess(guide[i], usize::from(nth[i]), rect.out(i, w), w, seed)
                } else {
                    carried[i]
                }
            })
            .collect();
        let locked: Vec<bool> = (0..n)
            .map(|i| if mask[i] { !need[i] } else { !near[i] })
            .collect();
        let pull: Vec<u16> = blank.iter().map(|b| if *b { 0 } else { PULL }).collect();
        let from: Vec<Spot> = begun.par_iter().map(|o| nearest(&self.matter, *o)).collect();
        let colour: Vec<Colour> = begun.par_iter().map(|o| carry::colour(level, *o)).collect();
        let begin = Carried {
            from: &from,
            colour: &colour,
            pull: &pull,
            locked: &locked,
            start: (if anew.key { 4 } else { 2 }).min(self.matter.levels.len() - 1),
        };
        let mut effort = Effort::mending().for_texture(self.texture);
        effort.beta *= 2;
        if anew.key {
            effort.votes = vec![1, 2, 3, 4];
            effort.sweeps = vec![2, 2, 3, 3];
            effort.random = vec![6];
            effort.radius = None;
            effort.first_sweeps = 6;
        } else {
            effort.radius = Some(64);
        }
        let wish = Wish {
            width: rect.w,
            height: rect.h,
            guide: &guide,
            stop,
        };
        let made = synthesise(
            &self.matter,
            &self.planes,
            &WEIGHTS,
            &wish,
            &Begin::Carried(begin),
            &effort,
            seed,
        );
        let new = origins(&made.from, &self.matter);
        let mut all: Vec<Origin> = begun
            .iter()
            .zip(&locked)
            .zip(new)
            .map(|((o, locked), new)| if *locked { *o } else { new })
            .collect();
        for _ in 0..2 {
            carry::tidy(&mut all, rect.w, rect.h, level, &locked);
        }
        self.put(&all, anew.need, rect, w, map);
    }

    /// A place to begin looking from: of a few at random in the right source, the one that the guides like best; the same
    /// way on for pixels of one block.
    fn guess(&self, wish: Guide, nth: usize, i: usize, w: usize, seed: u64) -> Origin {
        let level = &self.matter.levels[0];
        let (x, y) = (i % w, i / w);
        let block = (y / 16) * w.div_ceil(16) + x / 16;
        let mut dice = Dice::new(mix(seed ^ 0x9e55), block as u64);
        let right = self.nth.iter().filter(|n| usize::from(**n) == nth).count();
        let mut best = (u32::MAX, Origin::default());
        for _ in 0..6 {
            let which = dice.below(right.max(1) as u32) as usize;
            let (rx, ry) = (dice.roll(), dice.roll());
            let sheet = self
                .nth
                .iter()
                .enumerate()
                .filter(|(_, n)| usize::from(**n) == nth)
                .nth(which);
            let Some((k, _)) = sheet else { continue };
            let p = level.places[k];
            let at = |r: u32, n: usize, on: usize| (r as usize % n.max(1) + on) % n.max(1);
            let (px, py) = (at(rx, p.width, x % 16), at(ry, p.height, y % 16));
            let g = level.guide[(p.top + py) * level.width + px];
            let far: u32 = (0..5)
                .map(|c| u32::from(g[c].abs_diff(wish[c])) * u32::from(WEIGHTS.0[3 + c]))
                .sum();
            let o = Origin::whole(k as u16, px as i32, py as i32);
            if far < best.0 && carry::inside(level, o).is_some() {
                best = (far, o);
            }
        }
        best.1
    }
}

/// Guide codes of so many sources.
fn codes(n: usize) -> Vec<u8> {
    (0..n).map(|k| (k * 255 / (n.max(2) - 1)) as u8).collect()
}

/// A mask grown by `by` pixels to all sides (squarely).
pub fn grown(mask: &[bool], w: usize, h: usize, by: usize) -> Vec<bool> {
    let across: Vec<bool> = mask
        .par_chunks(w)
        .flat_map_iter(|row| {
            let mut last: Option<usize> = None;
            let mut left = vec![false; w];
            for x in 0..w {
                if row[x] {
                    last = Some(x);
                }
                left[x] = last.is_some_and(|l| x - l <= by);
            }
            let mut next: Option<usize> = None;
            for x in (0..w).rev() {
                if row[x] {
                    next = Some(x);
                }
                left[x] = left[x] || next.is_some_and(|l| l - x <= by);
            }
            left
        })
        .collect();
    (0..w * h)
        .into_par_iter()
        .map(|i| {
            let (x, y) = (i % w, i / w);
            (y.saturating_sub(by)..(y + by + 1).min(h)).any(|j| across[j * w + x])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_grows_squarely_and_its_rect_stays_inside() {
        let (w, h) = (20, 10);
        let mut mask = vec![false; w * h];
        mask[3 * w + 4] = true;
        let big = grown(&mask, w, h, 2);
        assert_eq!(big.iter().filter(|v| **v).count(), 25);
        assert!(big[w + 2] && !big[w + 1]);
        let rect = Rect::around(&mask, w, h, 6).unwrap();
        assert_eq!(
            rect,
            Rect {
                x: 0,
                y: 0,
                w: 11,
                h: 10
            }
        );
        assert_eq!(Rect::around(&[false; 200], w, h, 6), None);
    }
}
