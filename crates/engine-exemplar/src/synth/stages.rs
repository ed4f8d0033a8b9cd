//! What a frame wants and what it brings along, on every level of the pyramid.

use super::matter::{Colour, Guide, Matter, Spot, halve_bytes, quarter, spot_x, spot_y};
use super::pyramid::{Carried, Wish};
use super::search::REACH;
use super::spans::Spans;

/// The wished guides of a frame of which everything is made, on every level.
pub(super) struct Guides(Vec<Vec<Guide>>);

impl Guides {
    pub(super) fn whole(wish: &Wish, start: usize) -> Guides {
        if wish.guide.is_empty() {
            return Guides(Vec::new());
        }
        let mut out = vec![wish.guide.to_vec()];
        let (mut w, mut h) = (wish.width, wish.height);
        for l in 0..start {
            let (next, nw, nh) = halve_bytes(&out[l], w, h);
            out.push(next);
            (w, h) = (nw, nh);
        }
        Guides(out)
    }

    #[inline(always)]
    pub(super) fn at_index(&self, l: usize, i: usize) -> Guide {
        self.0.get(l).map_or([0; 5], |g| g[i])
    }

    #[inline(always)]
    pub(super) fn at(&self, l: usize, w: usize, x: usize, y: usize) -> Guide {
        self.at_index(l, y * w + x)
    }
}

/// What comes along, on every level, where it is needed.
pub(super) struct CarriedLevels<'a> {
    whole: &'a Carried<'a>,
    wish: &'a [Guide],
    size: &'a [(usize, usize)],
    /// What is made on each level.
    pub(super) work: Vec<Spans>,
    /// What the work looks at: other runs, votes, patches.
    pub(super) near: Vec<Spans>,
    /// Colours and guides of the levels from 1 on, on and near the work.
    colour: Vec<Vec<Colour>>,
    guide: Vec<Vec<Guide>>,
}

impl<'a> CarriedLevels<'a> {
    pub(super) fn new(
        c: &'a Carried<'a>,
        size: &'a [(usize, usize)],
        wish: &'a [Guide],
    ) -> CarriedLevels<'a> {
        let (w0, h0) = size[0];
        let mut out = CarriedLevels {
            whole: c,
            wish,
            size,
            work: Vec::new(),
            near: Vec::new(),
            colour: Vec::new(),
            guide: Vec::new(),
        };
        for (l, (w, h)) in size.iter().copied().enumerate() {
            out.work.push(if l == 0 {
                Spans::of(w, h, |x, y| !c.locked[y * w0 + x])
            } else {
                Spans::of(w, h, |x, y| {
                    let (x, y) = middle(x, y, l, w0, h0);
                    !c.locked[y * w0 + x]
                })
            });
            out.near.push(out.work[l].grown(REACH, 2));
        }
        // A coarser level's mean needs the finer one's.
        let mut need = out.near.clone();
        for l in (1..size.len()).rev() {
            need[l - 1] = need[l - 1].or(&need[l].doubled(size[l - 1].0, size[l - 1].1));
        }
        for l in 1..size.len() {
            let (fine, (w, h)) = (size[l - 1], size[l]);
            let halved = |y: usize, x0: usize, part: &mut [Colour]| {
                let from = if l == 1 { c.colour } else { &out.colour[l - 2] };
                for (x, o) in (x0..).zip(part) {
                    *o = quarter(from, fine.0, fine.1, x, y);
                }
            };
            let mut colour = vec![[0; 4]; w * h];
            need[l].for_each(&mut colour, halved);
            out.colour.push(colour);
            if wish.is_empty() {
                continue;
            }
            let halved = |y: usize, x0: usize, part: &mut [Guide]| {
                let from = if l == 1 { wish } else { &out.guide[l - 2] };
                for (x, o) in (x0..).zip(part) {
                    *o = quarter(from, fine.0, fine.1, x, y);
                }
            };
            let mut guide = vec![[0; 5]; w * h];
            need[l].for_each(&mut guide, halved);
            out.guide.push(guide);
        }
        out
    }

    #[inline(always)]
    pub(super) fn colour(&self, l: usize, i: usize) -> Colour {
        if l == 0 {
            self.whole.colour[i]
        } else {
            self.colour[l - 1][i]
        }
    }

    #[inline(always)]
    pub(super) fn guide(&self, l: usize, i: usize) -> Guide {
        if self.wish.is_empty() {
            [0; 5]
        } else if l == 0 {
            self.wish[i]
        } else {
            self.guide[l - 1][i]
        }
    }

    /// The pixel of the full frame that speaks for one of level `l`.
    #[inline(always)]
    fn pick(&self, l: usize, x: usize, y: usize) -> usize {
        let (w0, h0) = self.size[0];
        let (x, y) = middle(x, y, l, w0, h0);
        y * w0 + x
    }

    #[inline(always)]
    pub(super) fn pull(&self, l: usize, x: usize, y: usize) -> u16 {
        self.whole.pull[self.pick(l, x, y)]
    }

    #[inline(always)]
    pub(super) fn locked(&self, l: usize, x: usize, y: usize) -> bool {
        self.whole.locked[self.pick(l, x, y)]
    }

    /// Whether a pixel's carried place is not worth starting from.
    #[inline(always)]
    pub(super) fn loose(&self, l: usize, x: usize, y: usize) -> bool {
        let i = self.pick(l, x, y);
        self.whole.pull[i] == 0 && !self.whole.locked[i]
    }

    /// The carried place, on level `l` of the matter.
    #[inline(always)]
    pub(super) fn place(&self, l: usize, x: usize, y: usize, matter: &Matter) -> Spot {
        let s = self.whole.from[self.pick(l, x, y)];
        let (fine, level) = (&matter.levels[0], &matter.levels[l]);
        let k = fine.source_of_row(spot_y(s));
        let down = (spot_y(s) - fine.places[k].top) >> l;
        level.clamp(k, (spot_x(s) >> l) as i64, (level.places[k].top + down) as i64)
    }
}

/// The pixel of the full frame in the middle of pixel (x, y) of level `l`.
#[inline(always)]
fn middle(x: usize, y: usize, l: usize, w0: usize, h0: usize) -> (usize, usize) {
    let half = (1usize << l) >> 1;
    (((x << l) + half).min(w0 - 1), ((y << l) + half).min(h0 - 1))
}
