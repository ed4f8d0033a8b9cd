//! A photograph with a part of it made anew, or gone on with beyond its edges.
//!
//! What is kept is the photograph's own, pixel by pixel. The hole is searched coarse to fine, from a level on which it is
//! a few pixels wide, with what is kept settled about it, so that patches that reach over its rim must fit (Wexler,
//! Shechtman and Irani, "Space-time completion of video", 2007, section 3). What the search is guided by in the hole is
//! the kept picture mirrored at its rim.

use super::carry;
use super::feature::{Plane, Weights};
use super::guide;
use super::hash::{Dice, mix};
use super::layout::fill_border;
use super::living::{Stop, layout_radius, level_count, nearest, origins, weights};
use super::matter::{Colour, Guide, MAX_SIDE, Matter, Sheet, Spot};
use super::pyramid::{Begin, Carried, Effort, Wish, synthesise};
use crate::making::{Laid, Making};
use crate::map::Origin;
use heirloom_engine::Failure;

/// How strongly the mirrored picture guides.
const LAYOUT_WEIGHT: f32 = 0.25;
/// Patches reach two pixels and votes one more: so far from the hole nothing may be taken of its old content.
const REACH: usize = 3;

/// Where the plate lies in the frame, and what of the frame is made anew.
#[derive(Clone, Debug)]
pub struct Hole {
    /// Width of the frame in pixels.
    pub width: usize,
    /// Height of the frame.
    pub height: usize,
    /// Left edge of the plate in the frame.
    pub left: usize,
    /// Top edge of the plate.
    pub top: usize,
    /// Pixels of the frame that are made anew, row by row; all those outside of the plate are.
    pub made: Vec<bool>,
}

/// A fill under way; its one frame is held.
pub struct Fill {
    hole: Hole,
    seed: u64,
    matter: Matter,
    planes: Vec<Plane>,
    weights: Weights,
    guide: Vec<Guide>,
    /// What lies in the frame before it is filled.
    around: Vec<Colour>,
    texture: u32,
    /// Pixels that are the plate's own.
    kept: Vec<bool>,
    held: Laid,
}

impl Fill {
    /// `sheets` are the plate, as large as it lies in the frame, and other matter. With other matter the hole is made of
    /// that alone, else of the plate's own. `None` if there is no matter, or the plate does not lie in the frame.
    pub fn new(mut sheets: Vec<Sheet>, hole: Hole, seed: u64) -> Option<Fill> {
        let (w, h) = (hole.width, hole.height);
        let others = sheets.len() > 1;
        let plate = sheets.first_mut()?;
        let (pw, ph) = (plate.width, plate.height);
        if hole.left + pw > w || hole.top + ph > h || hole.made.len() != w * h || w.max(h) > MAX_SIDE {
            return None;
        }
        // The hole, as the plate sees it.
        let inside: Vec<bool> = (0..pw * ph)
            .map(|i| hole.made[(hole.top + i / pw) * w + hole.left + i % pw])
            .collect();
        if inside.iter().all(|m| *m) {
            return None;
        }
        fill_border(&mut plate.colour, &inside, pw, ph);
        let near = wide(&inside, pw, ph, REACH);
        if plate.barred.is_empty() {
            plate.barred = near;
        } else {
            for (b, n) in plate.barred.iter_mut().zip(near) {
                *b |= n;
            }
        }
        if others {
            plate.barred = vec![true; pw * ph];
        }
        let around = mirrored(&hole, plate);
        let radius = layout_radius(h);
        // Of the matter that is searched: a plate that is not has no say.
        let searched = if others { &sheets[1..] } else { &sheets[..] };
        let gain = guide::gain(searched, radius);
        let texture = guide::texture(searched);
        for s in &mut sheets {
            s.guide = guide::of_photograph(&s.colour, s.width, s.height, radius, gain);
        }
        let guide = guide::of_photograph(&around, w, h, radius, gain);
        let levels = level_count(h, &sheets);
        let weights = weights(LAYOUT_WEIGHT, 0.0);
        let matter = Matter::new(sheets, levels)?;
        let planes = matter.planes(&weights);
        let kept = hole.made.iter().map(|m| !*m).collect();
        Some(Fill {
            hole,
            kept,
            seed,
            matter,
            planes,
            weights,
            guide,
            around,
            texture,
            held: Laid::default(),
        })
    }

    /// The frame.
    pub fn make(&self, stop: &Stop) -> Vec<Origin> {
        let hole = &self.hole;
        let (w, h) = (hole.width, hole.height);
        let own = |i: usize| {
            Origin::whole(
                0,
                (i % w) as i32 - hole.left as i32,
                (i / w) as i32 - hole.top as i32,
            )
        };
        let locked = &self.kept;
        let level = &self.matter.levels[0];
        let from: Vec<Spot> = (0..w * h)
            .map(|i| {
                if locked[i] {
                    nearest(&self.matter, own(i))
                } else {
                    level.random(&mut Dice::new(mix(self.seed ^ 0xf111), i as u64))
                }
            })
            .collect();
        let pull = vec![0u16; w * h];
        // From a level on which the deepest place of the hole is two pixels from its rim.
        let depth = deepest(&hole.made, w, h);
        let mut start = 0;
        while start + 1 < self.matter.levels.len() && (depth >> start) > 2 {
            start += 1;
        }
        let carried = Carried {
            from: &from,
            colour: &self.around,
            pull: &pull,
            locked,
            start,
        };
        let wish = Wish {
            width: w,
            height: h,
            guide: &self.guide,
            stop,
        };
        let mut effort = Effort::whole().for_texture(self.texture);
        // What is used often is not to be shunned: a hole in a wall is filled with wall.
        effort.lambda /= 3;
        let made = synthesise(
            &self.matter,
            &self.planes,
            &self.weights,
            &wish,
            &Begin::Carried(carried),
            &effort,
            mix(self.seed ^ 0xf1_11ed),
        );
        let fresh = origins(&made.from, &self.matter);
        let mut all: Vec<Origin> = fresh
            .into_iter()
            .enumerate()
            .map(|(i, f)| if locked[i] { own(i) } else { f })
            .collect();
        for _ in 0..2 {
            carry::tidy(&mut all, w, h, level, locked);
        }
        all
    }
}

impl Making for Fill {
    fn first(&mut self, stop: &Stop) -> Result<Laid, Failure> {
        Ok(Laid::plain(self.make(stop)))
    }

    fn follow(&mut self, first: &Laid) -> Result<(), Failure> {
        self.held = first.clone();
        Ok(())
    }

    fn next(&mut self, _n: u32, _stop: &Stop) -> Result<Laid, Failure> {
        Ok(self.held.clone())
    }

    fn resume(&mut self, _key: u32, _base: &Laid) -> Result<(), Failure> {
        Ok(())
    }

    fn key_frames(&self) -> u32 {
        1
    }

    fn fixed(&self) -> &[bool] {
        &self.kept
    }
}

/// What is within `r` pixels of a set, squarely.
fn wide(set: &[bool], w: usize, h: usize, r: usize) -> Vec<bool> {
    let ones: Vec<[u8; 1]> = set.iter().map(|s| [u8::from(*s)]).collect();
    super::compose::grow(&ones, w, h, r)
        .iter()
        .map(|v| v[0] != 0)
        .collect()
}

/// How far the deepest place of a set is from what is outside of it, in pixels; beyond the frame nothing is outside.
fn deepest(set: &[bool], w: usize, h: usize) -> usize {
    // City blocks, two passes.
    let far = (w + h) as u32;
    let mut d: Vec<u32> = set.iter().map(|s| if *s { far } else { 0 }).collect();
    for i in 0..w * h {
        if i % w > 0 {
            d[i] = d[i].min(d[i - 1] + 1);
        }
        if i >= w {
            d[i] = d[i].min(d[i - w] + 1);
        }
    }
    for i in (0..w * h).rev() {
        if i % w + 1 < w {
            d[i] = d[i].min(d[i + 1] + 1);
        }
        if i + w < w * h {
            d[i] = d[i].min(d[i + w] + 1);
        }
    }
    d.into_iter().max().unwrap_or(0) as usize
}

/// The kept picture, mirrored at its rim into the hole; what no mirror reaches is as smooth as the plate's hole is.
fn mirrored(hole: &Hole, plate: &Sheet) -> Vec<Colour> {
    let (w, h) = (hole.width, hole.height);
    let (pw, ph) = (plate.width, plate.height);
    let nearest = nearest_kept(&hole.made, w, h);
    (0..w * h)
        .map(|i| {
            let (x, y) = ((i % w) as i64, (i / w) as i64);
            let (px, py) = (x - hole.left as i64, y - hole.top as i64);
            let on_plate = |px: i64, py: i64| -> Colour {
                let (cx, cy) = (px.clamp(0, pw as i64 - 1), py.clamp(0, ph as i64 - 1));
                plate.colour[cy as usize * pw + cx as usize]
            };
            if !hole.made[i] {
                return on_plate(px, py);
            }
            let (nx, ny) = ((nearest[i] % w) as i64, (nearest[i] / w) as i64);
            let (mx, my) = (2 * nx - x, 2 * ny - y);
            let kept = mx >= 0
                && my >= 0
                && mx < w as i64
                && my < h as i64
                && !hole.made[(my as usize) * w + mx as usize];
            if kept {
                on_plate(mx - hole.left as i64, my - hole.top as i64)
            } else {
                on_plate(px, py)
            }
        })
        .collect()
}

/// The nearest pixel that is not of the set, for every pixel (two passes of vectors, after Danielsson, "Euclidean
/// distance mapping", 1980).
fn nearest_kept(set: &[bool], w: usize, h: usize) -> Vec<usize> {
    const FAR: usize = usize::MAX;
    let mut at: Vec<usize> = set
        .iter()
        .enumerate()
        .map(|(i, s)| if *s { FAR } else { i })
        .collect();
    let far = |i: usize, k: usize| -> u64 {
        if k == FAR {
            return u64::MAX;
        }
        let (dx, dy) = ((i % w).abs_diff(k % w) as u64, (i / w).abs_diff(k / w) as u64);
        dx * dx + dy * dy
    };
    let take = |at: &mut Vec<usize>, i: usize, from: usize| {
        if far(i, at[from]) < far(i, at[i]) {
            at[i] = at[from];
        }
    };
    for y in 0..h {
        if y > 0 {
            for x in 0..w {
                take(&mut at, y * w + x, (y - 1) * w + x);
            }
        }
        for x in 1..w {
            take(&mut at, y * w + x, y * w + x - 1);
        }
        for x in (0..w - 1).rev() {
            take(&mut at, y * w + x, y * w + x + 1);
        }
    }
    for y in (0..h - 1).rev() {
        for x in 0..w {
            take(&mut at, y * w + x, (y + 1) * w + x);
        }
        for x in 1..w {
            take(&mut at, y * w + x, y * w + x - 1);
        }
        for x in (0..w - 1).rev() {
            take(&mut at, y * w + x, y * w + x + 1);
        }
    }
    // Nothing is kept at all: everything is its own.
    at.iter()
        .enumerate()
        .map(|(i, k)| if *k == FAR { i } else { *k })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rim_is_found_from_everywhere() {
        let (w, h) = (20usize, 12usize);
        let made: Vec<bool> = (0..w * h).map(|i| i % w >= 6 && i % w < 15).collect();
        let near = nearest_kept(&made, w, h);
        assert_eq!(near[5 * w + 7], 5 * w + 5);
        assert_eq!(near[5 * w + 13], 5 * w + 15);
        assert_eq!(near[5 * w + 2], 5 * w + 2);
        assert_eq!(deepest(&made, w, h), 5);
    }
}
