//! From coarse to fine: a whole picture made of patches of the matter.

use super::feature::{Plane, Weights};
use super::hash::mix;
use super::matter::{Colour, Guide, Level, Matter, Spot, feature, halve_bytes, spot_x, spot_y};
use super::search::{Occupancy, Sweep, Target, sweep};
use super::vote;
use rayon::prelude::*;

/// How hard to try, and what to mind.
#[derive(Clone, Debug)]
pub struct Effort {
    /// Votes on each level, the finest first.
    pub votes: Vec<usize>,
    /// Sweeps before each vote, the finest level first.
    pub sweeps: Vec<usize>,
    /// Random tries of a pixel in a sweep.
    pub random: usize,
    /// Sweeps on the coarsest level before its first vote.
    pub first_sweeps: usize,
    /// Radius of the random search at full size, in pixels; `None` searches everywhere.
    pub radius: Option<u32>,
    /// Penalty for using a place as often as the mean; grows with use.
    pub lambda: u32,
    /// Penalty for each of the four neighbours from elsewhere.
    pub beta: u32,
    /// What agreement counts in the final vote, in squared display steps a vote.
    pub agreement: i32,
}

impl Effort {
    /// For a picture made from nothing.
    pub fn whole() -> Effort {
        Effort {
            votes: vec![2, 3, 4, 5, 6, 6, 6, 6, 6],
            sweeps: vec![2, 2, 3, 4, 4, 4, 4, 4, 4],
            random: 6,
            first_sweeps: 16,
            radius: None,
            lambda: 6000,
            beta: 800,
            agreement: 100,
        }
    }

    /// For the loose parts of a frame that follows another.
    pub fn mending() -> Effort {
        Effort {
            votes: vec![1, 1, 1, 2, 2, 2, 2, 2, 2],
            sweeps: vec![2; 9],
            random: 3,
            radius: Some(32),
            ..Effort::whole()
        }
    }
}

impl Effort {
    /// Sets the penalties in proportion to how textured the photographs are.
    pub fn for_texture(self, texture: u32) -> Effort {
        Effort {
            lambda: texture * 3 / 2,
            beta: texture * 4 / 5 + 200,
            ..self
        }
    }
}

/// Where a picture begins.
pub enum Begin<'a> {
    /// Colours for the coarsest level (`width` x `height` of that level), and `levels` of it.
    Sketch {
        /// Colours wanted at first, row by row.
        colour: &'a [Colour],
        /// Use the guides of the target as well from the start.
        guided: bool,
    },
    /// A frame carried here from the one before.
    Carried(Carried<'a>),
}

/// What comes with a carried frame; all slices have the size of the frame.
pub struct Carried<'a> {
    /// Places in level 0.
    pub from: &'a [Spot],
    /// Colours there, as carried.
    pub colour: &'a [Colour],
    /// How strongly each pixel should stay like its carried colour, 0..=256; 0 also means that the place
    /// is not worth starting from.
    pub pull: &'a [u16],
    /// Pixels that are settled.
    pub locked: &'a [bool],
    /// The coarsest level to mend on.
    pub start: usize,
}

/// A picture made.
#[derive(Clone, Debug)]
pub struct Made {
    /// One real place in level 0 for every pixel.
    pub from: Vec<Spot>,
}

/// What the frame is to look like.
pub struct Wish<'a> {
    /// Width of the frame.
    pub width: usize,
    /// Height of the frame.
    pub height: usize,
    /// Guides, or empty.
    pub guide: &'a [Guide],
    /// Asked between sweeps: when it says true the work ends early, and what was made is worth nothing.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// Sizes of the levels of a frame, the finest first.
pub fn sizes(width: usize, height: usize, levels: usize) -> Vec<(usize, usize)> {
    let mut out = vec![(width, height)];
    while out.len() < levels {
        let (w, h) = out[out.len() - 1];
        out.push((w.div_ceil(2), h.div_ceil(2)));
    }
    out
}

/// Makes a picture out of `matter`. `planes` are the matter's features with `weights`.
pub fn synthesise(
    matter: &Matter,
    planes: &[Plane],
    weights: &Weights,
    wish: &Wish,
    begin: &Begin,
    effort: &Effort,
    seed: u64,
) -> Made {
    let start = match begin {
        Begin::Sketch { .. } => matter.levels.len() - 1,
        Begin::Carried(c) => c.start.min(matter.levels.len() - 1),
    };
    let size = sizes(wish.width, wish.height, start + 1);
    let guides = guide_pyramid(wish, start);
    let carried = match begin {
        Begin::Carried(c) => Some(CarriedLevels::new(c, &size)),
        Begin::Sketch { .. } => None,
    };
    let mut below: Option<Target> = None;
    for l in (0..=start).rev() {
        let (w, h) = size[l];
        let level = &matter.levels[l];
        let plane = &planes[l];
        let mut target = Target {
            width: w,
            height: h,
            plane: Plane::new(w, h),
            from: Vec::new(),
            error: vec![0; w * h],
            locked: Vec::new(),
        };
        let guide: &[Guide] = guides.get(l).map_or(&[], |g| g.as_slice());
        let mut colour: Vec<Colour> = vec![[0; 4]; w * h];
        if let Some(c) = &carried {
            target.locked = c.locked[l].clone();
            colour.copy_from_slice(&c.colour[l]);
        }
        target.from = match &below {
            Some(b) => upsample(b, w, h, level, &matter.levels[l + 1]),
            None => scatter(w, h, level, seed),
        };
        if let (Some(c), Begin::Carried(whole)) = (&carried, begin) {
            settle(
                &mut target.from,
                w,
                l,
                l == start,
                c,
                whole,
                wish.width,
                wish.height,
                matter,
            );
        }
        let pull = carried
            .as_ref()
            .map(|c| (c.colour[l].as_slice(), c.pull[l].as_slice()));
        let mut used = Occupancy::default();
        let run = |target: &mut Target, used: &mut Occupancy, k: usize, fresh: bool, salt: u64| {
            used.count(&target.from, level);
            let penalties = used.penalties(effort.lambda, &level.bias);
            let how = Sweep {
                penalties: &penalties,
                beta: effort.beta,
                random: effort.random,
                radius: effort.radius.map(|r| (r >> l).max(3)),
                small: false,
                backwards: k % 2 == 1,
                fresh,
                seed: mix(seed ^ salt.wrapping_mul(0x51ed_2701)),
            };
            sweep(target, level, plane, &how);
        };
        if below.is_none()
            && let Begin::Sketch {
                colour: sketch,
                guided,
            } = begin
        {
            let silent = if *guided { guide } else { &[] };
            want(&mut target.plane, sketch, silent, None, weights);
            for k in 0..effort.first_sweeps {
                if (wish.stop)() {
                    break;
                }
                run(&mut target, &mut used, k, k == 0, k as u64 + 1);
            }
        }
        if below.is_none() && carried.is_some() && effort.first_sweeps > 0 && effort.radius.is_none() {
            // Matter of another kind may be wanted: look for it by the guides before the colours speak.
            let quiet = Weights([
                0,
                0,
                0,
                weights.0[3],
                weights.0[4],
                weights.0[5],
                weights.0[6],
                weights.0[7],
            ]);
            let guides_only = level.plane(&quiet);
            want(&mut target.plane, &colour, guide, None, &quiet);
            let mut used = Occupancy::default();
            for k in 0..effort.first_sweeps {
                used.count(&target.from, level);
                let penalties = used.penalties(effort.lambda, &level.bias);
                let how = Sweep {
                    penalties: &penalties,
                    beta: effort.beta,
                    random: effort.random,
                    radius: None,
                    small: false,
                    backwards: k % 2 == 1,
                    fresh: k == 0,
                    seed: mix(seed ^ (k as u64 + 1).wrapping_mul(0x6d0d)),
                };
                sweep(&mut target, level, &guides_only, &how);
            }
        }
        vote::mean(&target, level, below.is_none() || carried.is_none(), &mut colour);
        want(&mut target.plane, &colour, guide, pull, weights);
        let mut used = Occupancy::default();
        for v in 0..effort.votes[l.min(effort.votes.len() - 1)] {
            if (wish.stop)() {
                break;
            }
            for k in 0..effort.sweeps[l.min(effort.sweeps.len() - 1)] {
                let salt = ((l * 64 + v * 8 + k) as u64 + 1) << 8;
                run(&mut target, &mut used, v + k, k == 0, salt);
            }
            vote::mean(&target, level, false, &mut colour);
            want(&mut target.plane, &colour, guide, pull, weights);
        }
        below = Some(target);
    }
    finish(below, matter, planes, effort, begin, seed)
}

/// Two sweeps with small patches and the final vote.
fn finish(
    last: Option<Target>,
    matter: &Matter,
    planes: &[Plane],
    effort: &Effort,
    begin: &Begin,
    seed: u64,
) -> Made {
    let Some(mut target) = last else {
        return Made { from: Vec::new() };
    };
    let level = &matter.levels[0];
    let mut used = Occupancy::default();
    used.count(&target.from, level);
    let free = vec![0; used.penalties(0, &[]).len()];
    for k in 0..2 {
        let how = Sweep {
            penalties: &free,
            beta: effort.beta * 9 / 25,
            random: 2,
            radius: Some(3),
            small: true,
            backwards: k == 1,
            fresh: k == 0,
            seed: mix(seed.wrapping_add(999 + k)),
        };
        sweep(&mut target, level, &planes[0], &how);
    }
    let mut from = match begin {
        Begin::Carried(c) => c.from.to_vec(),
        Begin::Sketch { .. } => vec![0; target.from.len()],
    };
    vote::medoid(&target, level, effort.agreement, &mut from);
    Made { from }
}

fn guide_pyramid(wish: &Wish, start: usize) -> Vec<Vec<Guide>> {
    if wish.guide.is_empty() {
        return Vec::new();
    }
    let mut out = vec![wish.guide.to_vec()];
    let (mut w, mut h) = (wish.width, wish.height);
    for l in 0..start {
        let (next, nw, nh) = halve_bytes(&out[l], w, h);
        out.push(next);
        (w, h) = (nw, nh);
    }
    out
}

/// What comes along, on every level.
struct CarriedLevels {
    colour: Vec<Vec<Colour>>,
    pull: Vec<Vec<u16>>,
    locked: Vec<Vec<bool>>,
}

impl CarriedLevels {
    fn new(c: &Carried, size: &[(usize, usize)]) -> CarriedLevels {
        let mut out = CarriedLevels {
            colour: vec![c.colour.to_vec()],
            pull: vec![c.pull.to_vec()],
            locked: vec![c.locked.to_vec()],
        };
        let (w0, h0) = size[0];
        for l in 1..size.len() {
            let (pw, ph) = size[l - 1];
            let (next, w, h) = halve_bytes(&out.colour[l - 1], pw, ph);
            out.colour.push(next);
            let pick = |i: usize| {
                let (x, y) = middle(i % w, i / w, l, w0, h0);
                y * w0 + x
            };
            out.pull.push((0..w * h).map(|i| c.pull[pick(i)]).collect());
            out.locked.push((0..w * h).map(|i| c.locked[pick(i)]).collect());
        }
        out
    }
}

/// The pixel of the full frame in the middle of pixel (x, y) of level `l`.
#[inline(always)]
fn middle(x: usize, y: usize, l: usize, w0: usize, h0: usize) -> (usize, usize) {
    let half = (1usize << l) >> 1;
    (((x << l) + half).min(w0 - 1), ((y << l) + half).min(h0 - 1))
}

/// Starts from the carried places wherever they are worth it; from all of them on the coarsest level,
/// where there is nothing else.
fn settle(
    from: &mut [Spot],
    w: usize,
    l: usize,
    all: bool,
    levels: &CarriedLevels,
    whole: &Carried,
    w0: usize,
    h0: usize,
    matter: &Matter,
) {
    let (fine, level) = (&matter.levels[0], &matter.levels[l]);
    from.par_chunks_mut(w).enumerate().for_each(|(y, row)| {
        for (x, out) in row.iter_mut().enumerate() {
            if !all && levels.pull[l][y * w + x] == 0 && !levels.locked[l][y * w + x] {
                continue;
            }
            let (fx, fy) = middle(x, y, l, w0, h0);
            let s = whole.from[fy * w0 + fx];
            let k = fine.source_of_row(spot_y(s));
            let down = (spot_y(s) - fine.places[k].top) >> l;
            *out = level.clamp(k, (spot_x(s) >> l) as i64, (level.places[k].top + down) as i64);
        }
    });
}

fn scatter(w: usize, h: usize, level: &Level, seed: u64) -> Vec<Spot> {
    (0..w * h)
        .map(|i| level.random(&mut super::hash::Dice::new(mix(seed ^ 0x5ca7_7e12), i as u64)))
        .collect()
}

fn upsample(coarse: &Target, w: usize, h: usize, fine: &Level, old: &Level) -> Vec<Spot> {
    let mut out = vec![0; w * h];
    out.par_chunks_mut(w).enumerate().for_each(|(y, row)| {
        let py = (y / 2).min(coarse.height - 1);
        for (x, o) in row.iter_mut().enumerate() {
            let s = coarse.from[py * coarse.width + (x / 2).min(coarse.width - 1)];
            let k = old.source_of_row(spot_y(s));
            // A level that could not be halved any more keeps its scale.
            let grow = if fine.places[k] == old.places[k] { 1 } else { 2 };
            let sy = (spot_y(s) - old.places[k].top) * grow + (y % 2) * (grow - 1) + fine.places[k].top;
            let sx = spot_x(s) * grow + (x % 2) * (grow - 1);
            *o = fine.clamp(k, sx as i64, sy as i64);
        }
    });
    out
}

/// Writes what is wanted: the voted colours, drawn towards the carried ones, and the guides.
fn want(
    plane: &mut Plane,
    colour: &[Colour],
    guide: &[Guide],
    pull: Option<(&[Colour], &[u16])>,
    weights: &Weights,
) {
    let w = plane.width();
    plane.fill_rows(|y, row| {
        for (x, f) in row.iter_mut().enumerate() {
            let i = y * w + x;
            let mut c = colour[i];
            if let Some((old, pull)) = pull {
                let p = u32::from(pull[i]);
                for k in 0..3 {
                    c[k] = ((u32::from(c[k]) * (256 - p) + u32::from(old[i][k]) * p + 128) >> 8) as u8;
                }
            }
            *f = feature(c, if guide.is_empty() { [0; 5] } else { guide[i] }, weights);
        }
    });
}
