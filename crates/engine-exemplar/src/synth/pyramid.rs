//! From coarse to fine: a whole picture made of patches of the matter.

use super::feature::{Feature, Plane, Weights};
use super::hash::mix;
use super::matter::{Colour, Guide, Level, Matter, Spot, feature, spot_x, spot_y};
use super::search::{Occupancy, Sweep, Target, sweep};
use super::spans::Spans;
use super::stages::{CarriedLevels, Guides};
use super::vote;

/// How hard to try, and what to mind.
#[derive(Clone, Debug)]
pub struct Effort {
    /// Votes on each level, the finest first; the last goes for all coarser ones.
    pub votes: Vec<usize>,
    /// Sweeps before each vote, the finest level first.
    pub sweeps: Vec<usize>,
    /// Random tries of a pixel in a sweep, the finest level first.
    pub random: Vec<usize>,
    /// Sweeps on the coarsest level before its first vote.
    pub first_sweeps: usize,
    /// Radius of the random search at full size, in pixels; `None` searches everywhere.
    pub radius: Option<u32>,
    /// Patch difference under which a pixel inside a piece tries only one random place.
    pub content: u32,
    /// Penalty for using a place as often as the mean; grows with use.
    pub lambda: u32,
    /// Penalty for each of the four neighbours from elsewhere.
    pub beta: u32,
    /// What agreement counts in the final vote, in squared display steps a vote.
    pub agreement: i32,
}

impl Effort {
    /// For a picture made from nothing. Most is done on coarse levels: at full size a picture hardly changes any
    /// more, and places tried there by chance only break pieces up (measured: patch distance falls with fewer of them).
    pub fn whole() -> Effort {
        Effort {
            votes: vec![1, 1, 2, 3, 4],
            sweeps: vec![1, 2, 2, 3, 4],
            random: vec![1, 1, 3, 6],
            first_sweeps: 16,
            radius: None,
            content: 0,
            lambda: 6000,
            beta: 800,
            agreement: 100,
        }
    }

    /// For the loose parts of a frame that follows another.
    pub fn mending() -> Effort {
        Effort {
            votes: vec![1, 1, 1, 2],
            sweeps: vec![2],
            random: vec![3],
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
            content: texture * 2,
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
    /// Pixels that are settled. What the work costs goes by how many are not.
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
    let work = Work {
        matter,
        planes,
        weights,
        wish,
        effort,
        seed,
    };
    match begin {
        Begin::Sketch { colour, guided } => {
            let coarsest = matter.levels.len() - 1;
            let guides = Guides::whole(wish, coarsest);
            let target = work.sketch(colour, *guided, &guides, 0);
            work.finish(target, None)
        }
        Begin::Carried(c) => work.mend(c),
    }
}

/// A picture made from nothing down to a level that is not yet the finest: for a look at what it will be.
#[derive(Clone, Debug)]
pub struct Half {
    target: Target,
    level: usize,
}

impl Half {
    /// Where in its level of the matter each pixel's patch lies, row by row.
    pub fn places(&self) -> &[Spot] {
        &self.target.from
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.target.width, self.target.height)
    }
}

/// The coarser levels of a picture that begins with a sketch, from the coarsest down to `level` (1 is half the size).
/// [`refine`] makes the picture of it. Of `planes` those from `level` on are looked at.
pub fn outline(
    matter: &Matter,
    planes: &[Plane],
    weights: &Weights,
    wish: &Wish,
    sketch: &[Colour],
    effort: &Effort,
    seed: u64,
    level: usize,
) -> Half {
    let level = level.min(matter.levels.len() - 1);
    let work = Work {
        matter,
        planes,
        weights,
        wish,
        effort,
        seed,
    };
    let guides = Guides::whole(wish, matter.levels.len() - 1);
    Half {
        target: work.sketch(sketch, true, &guides, level),
        level,
    }
}

/// An outline taken on to a finer level, with the same planes, weights and effort.
pub fn onward(
    half: Half,
    matter: &Matter,
    planes: &[Plane],
    weights: &Weights,
    wish: &Wish,
    effort: &Effort,
    seed: u64,
    level: usize,
) -> Half {
    let work = Work {
        matter,
        planes,
        weights,
        wish,
        effort,
        seed,
    };
    let guides = Guides::whole(wish, half.level.saturating_sub(1));
    let mut target = half.target;
    for l in (level..half.level).rev() {
        target = work.finer(target, l, &guides);
    }
    Half {
        target,
        level: level.min(half.level),
    }
}

/// The picture that an outline, made with the same weights and effort, comes to.
pub fn refine(
    half: Half,
    matter: &Matter,
    planes: &[Plane],
    weights: &Weights,
    wish: &Wish,
    effort: &Effort,
    seed: u64,
) -> Made {
    let whole = onward(half, matter, planes, weights, wish, effort, seed, 0);
    Work {
        matter,
        planes,
        weights,
        wish,
        effort,
        seed,
    }
    .finish(whole.target, None)
}

/// What all levels of one call go by.
struct Work<'a> {
    matter: &'a Matter,
    planes: &'a [Plane],
    weights: &'a Weights,
    wish: &'a Wish<'a>,
    effort: &'a Effort,
    seed: u64,
}

impl Work<'_> {
    /// From the coarsest level down to `last`.
    fn sketch(&self, sketch: &[Colour], guided: bool, guides: &Guides, last: usize) -> Target {
        let start = self.matter.levels.len() - 1;
        let (w, h) = sizes(self.wish.width, self.wish.height, start + 1)[start];
        let level = &self.matter.levels[start];
        let mut target = Target {
            width: w,
            height: h,
            plane: Plane::new(w, h),
            from: scatter(w, h, level, self.seed),
            error: vec![0; w * h],
            work: Spans::whole(w, h),
        };
        target.plane.fill(&Spans::whole(w, h), |y, x0, part| {
            for (x, f) in (x0..).zip(part) {
                let guide = if guided { guides.at(start, w, x, y) } else { [0; 5] };
                *f = feature(sketch[y * w + x], guide, self.weights);
            }
        });
        let mut used = Occupancy::new(level, w * h, self.effort.lambda);
        for k in 0..self.effort.first_sweeps {
            if (self.wish.stop)() {
                break;
            }
            used.renew(&target);
            let how = self.sweep(start, &used, k, k == 0, k as u64 + 1);
            sweep(&mut target, level, &self.planes[start], &how);
        }
        self.improve(&mut target, start, true, used_up(), |i, c| {
            feature(c, guides.at_index(start, i), self.weights)
        });
        for l in (last..start).rev() {
            target = self.finer(target, l, guides);
        }
        target
    }

    /// The next finer level of a picture of which every pixel is made.
    fn finer(&self, coarse: Target, l: usize, guides: &Guides) -> Target {
        let (w, h) = sizes(self.wish.width, self.wish.height, l + 1)[l];
        let level = &self.matter.levels[l];
        let whole = Spans::whole(w, h);
        let mut from = vec![0; w * h];
        whole.for_each(&mut from, |y, x0, part| {
            let py = (y / 2).min(coarse.height - 1);
            for (x, o) in (x0..).zip(part) {
                let s = coarse.from[py * coarse.width + (x / 2).min(coarse.width - 1)];
                *o = double(s, x, y, level, &self.matter.levels[l + 1]);
            }
        });
        drop(coarse);
        let mut target = Target {
            width: w,
            height: h,
            plane: Plane::new(w, h),
            from,
            error: vec![0; w * h],
            work: whole,
        };
        self.improve(&mut target, l, true, used_up(), |i, c| {
            feature(c, guides.at_index(l, i), self.weights)
        });
        target
    }

    /// How a sweep of level `l` goes.
    fn sweep<'b>(&self, l: usize, used: &'b Occupancy, k: usize, fresh: bool, salt: u64) -> Sweep<'b> {
        Sweep {
            penalties: used.penalties(),
            beta: self.effort.beta,
            random: of_level(&self.effort.random, l),
            content: self.effort.content,
            radius: self.effort.radius.map(|r| (r >> l).max(3)),
            small: false,
            backwards: k % 2 == 1,
            fresh,
            seed: mix(self.seed ^ salt.wrapping_mul(0x51ed_2701)),
        }
    }

    /// Votes and sweeps of one level in turn. `used` says how often the matter is used by what stays.
    fn improve(
        &self,
        target: &mut Target,
        l: usize,
        even: bool,
        settled: impl FnOnce(&mut Occupancy),
        want: impl Fn(usize, Colour) -> Feature + Sync,
    ) {
        let level = &self.matter.levels[l];
        let effort = self.effort;
        vote::mean(target, level, even, &want);
        let mut used = Occupancy::new(level, target.width * target.height, effort.lambda);
        settled(&mut used);
        for v in 0..of_level(&effort.votes, l) {
            if (self.wish.stop)() {
                break;
            }
            for k in 0..of_level(&effort.sweeps, l) {
                let salt = ((l * 64 + v * 8 + k) as u64 + 1) << 8;
                used.renew(target);
                let how = self.sweep(l, &used, v + k, k == 0, salt);
                sweep(target, level, &self.planes[l], &how);
            }
            vote::mean(target, level, false, &want);
        }
    }

    /// Two sweeps with small patches and the final vote.
    fn finish(&self, mut target: Target, carried: Option<&Carried>) -> Made {
        let level = &self.matter.levels[0];
        for k in 0..2 {
            let how = Sweep {
                penalties: &[],
                beta: self.effort.beta * 9 / 25,
                random: 2,
                content: self.effort.content * 9 / 25,
                radius: Some(3),
                small: true,
                backwards: k == 1,
                fresh: k == 0,
                seed: mix(self.seed.wrapping_add(999 + k)),
            };
            sweep(&mut target, level, &self.planes[0], &how);
        }
        let mut from = match carried {
            Some(c) => c.from.to_vec(),
            None => vec![0; target.from.len()],
        };
        vote::medoid(&target, level, self.effort.agreement, &mut from);
        Made { from }
    }

    /// Makes what is not locked in a carried frame.
    fn mend(&self, c: &Carried) -> Made {
        let start = c.start.min(self.matter.levels.len() - 1);
        let size = sizes(self.wish.width, self.wish.height, start + 1);
        let carried = CarriedLevels::new(c, &size, self.wish.guide);
        if carried.work.iter().all(Spans::is_empty) {
            return Made {
                from: c.from.to_vec(),
            };
        }
        let mut below: Option<Target> = None;
        for l in (0..=start).rev() {
            let (w, h) = size[l];
            let level = &self.matter.levels[l];
            let near = &carried.near[l];
            let settled = |x: usize, y: usize| carried.place(l, x, y, self.matter);
            let mut from = vec![0; w * h];
            near.for_each(&mut from, |y, x0, part| {
                for (x, o) in (x0..).zip(part) {
                    *o = match &below {
                        Some(b) if carried.loose(l, x, y) => {
                            let (px, py) = ((x / 2).min(b.width - 1), (y / 2).min(b.height - 1));
                            // Where the coarser pixel stayed, its own place goes on.
                            let s = if carried.locked(l + 1, px, py) {
                                carried.place(l + 1, px, py, self.matter)
                            } else {
                                b.from[py * b.width + px]
                            };
                            double(s, x, y, level, &self.matter.levels[l + 1])
                        }
                        _ => settled(x, y),
                    };
                }
            });
            let mut target = Target {
                width: w,
                height: h,
                plane: Plane::new(w, h),
                from,
                error: vec![0; w * h],
                work: carried.work[l].clone(),
            };
            let want = |i: usize, voted: Colour, weights: &Weights| -> Feature {
                feature(voted, carried.guide(l, i), weights)
            };
            // What stays wants what it is.
            let stay = |plane: &mut Plane, weights: &Weights| {
                plane.fill(near, |y, x0, part| {
                    for (i, f) in (y * w + x0..).zip(part) {
                        *f = want(i, carried.colour(l, i), weights);
                    }
                });
            };
            if below.is_none() && self.effort.first_sweeps > 0 && self.effort.radius.is_none() {
                self.by_guides(&mut target, l, &stay, &settled);
            }
            stay(&mut target.plane, self.weights);
            self.improve(
                &mut target,
                l,
                below.is_none(),
                |used| used.settle(w, &carried.work[l], |i| settled(i % w, i / w)),
                |i, voted| {
                    let (mut v, old) = (voted, carried.colour(l, i));
                    let p = u32::from(carried.pull(l, i % w, i / w));
                    for k in 0..3 {
                        v[k] = ((u32::from(v[k]) * (256 - p) + u32::from(old[k]) * p + 128) >> 8) as u8;
                    }
                    want(i, v, self.weights)
                },
            );
            below = Some(target);
        }
        match below {
            Some(target) => self.finish(target, Some(c)),
            None => Made {
                from: c.from.to_vec(),
            },
        }
    }

    /// Matter of another kind may be wanted: looks for it by the guides before the colours speak.
    fn by_guides(
        &self,
        target: &mut Target,
        l: usize,
        want: &dyn Fn(&mut Plane, &Weights),
        settled: &(dyn Fn(usize, usize) -> Spot + Sync),
    ) {
        let level = &self.matter.levels[l];
        let mut quiet = *self.weights;
        quiet.0[..3].fill(0);
        let guides_only = level.plane(&quiet);
        want(&mut target.plane, &quiet);
        let w = target.width;
        let mut used = Occupancy::new(level, w * target.height, self.effort.lambda);
        used.settle(w, &target.work, |i| settled(i % w, i / w));
        for k in 0..self.effort.first_sweeps {
            used.renew(target);
            let how = Sweep {
                content: 0,
                radius: None,
                seed: mix(self.seed ^ (k as u64 + 1).wrapping_mul(0x6d0d)),
                ..self.sweep(l, &used, k, k == 0, 0)
            };
            sweep(target, level, &guides_only, &how);
        }
    }
}

/// What a list that begins with the finest level has for level `l`; its last goes for all coarser ones.
fn of_level(list: &[usize], l: usize) -> usize {
    list.get(l).or(list.last()).copied().unwrap_or(0)
}

/// Nothing stays where everything is made.
fn used_up() -> impl FnOnce(&mut Occupancy) {
    |_| {}
}

fn scatter(w: usize, h: usize, level: &Level, seed: u64) -> Vec<Spot> {
    (0..w * h)
        .map(|i| level.random(&mut super::hash::Dice::new(mix(seed ^ 0x5ca7_7e12), i as u64)))
        .collect()
}

/// A place of the coarser level `old` on the finer one, for the frame's pixel (x, y) there.
#[inline(always)]
fn double(s: Spot, x: usize, y: usize, fine: &Level, old: &Level) -> Spot {
    let k = old.source_of_row(spot_y(s));
    // A level that could not be halved any more keeps its scale.
    let grow = if fine.places[k] == old.places[k] { 1 } else { 2 };
    let sy = (spot_y(s) - old.places[k].top) * grow + (y % 2) * (grow - 1) + fine.places[k].top;
    let sx = spot_x(s) * grow + (x % 2) * (grow - 1);
    fine.clamp(k, sx as i64, sy as i64)
}
