//! Votes: what colour a pixel gets from the patches that overlap it.

use super::feature::Feature;
use super::matter::{Colour, Level, Spot, spot, spot_x, spot_y};
use super::search::Target;

/// Weight of a patch by its difference in steps of 32: half at 500. A table, since it is asked for 25 times a pixel.
const WEIGHTS: [u16; 2048] = {
    let mut out = [0; 2048];
    let mut k = 0;
    while k < out.len() {
        out[k] = ((1u32 << 22) / (516 + 32 * k as u32)) as u16;
        k += 1;
    }
    out
};

#[inline(always)]
fn weight(e: u32) -> u32 {
    u32::from(WEIGHTS[(e >> 5).min(WEIGHTS.len() as u32 - 1) as usize])
}

/// How many columns, up to `x`, go on with one another over the rows `y0..y1`: each pixel's place lies right of its
/// left neighbour's, and below that of the one above it. 0 where not even column `x` holds together.
struct Chain<'a> {
    from: &'a [Spot],
    w: usize,
    rows: std::ops::Range<usize>,
    /// The last column looked at, and how many hold together up to it.
    at: usize,
    length: usize,
}

impl<'a> Chain<'a> {
    #[inline(always)]
    fn new(from: &'a [Spot], w: usize, rows: std::ops::Range<usize>, first: usize) -> Chain<'a> {
        let mut chain = Chain {
            from,
            w,
            rows,
            at: first,
            length: 0,
        };
        chain.length = usize::from(chain.upright(first));
        chain
    }

    #[inline(always)]
    fn upright(&self, x: usize) -> bool {
        (self.rows.start + 1..self.rows.end).all(|j| {
            let i = j * self.w + x;
            self.from[i] == self.from[i - self.w].wrapping_add(1 << 16)
        })
    }

    /// Goes on to column `x`, one after another; whether the last `n` columns hold together.
    #[inline(always)]
    fn holds(&mut self, x: usize, n: usize) -> bool {
        while self.at < x {
            self.at += 1;
            let i = self.rows.start * self.w + self.at;
            self.length = if !self.upright(self.at) {
                0
            } else if self.from[i] == self.from[i - 1].wrapping_add(1) {
                self.length + 1
            } else {
                1
            };
        }
        self.length >= n
    }
}

/// The mean of the 25 patches over each pixel of the target's work, better patches counting more unless `even`.
/// What `make(i, colour)` makes of it is wanted at pixel `i` from now on.
pub fn mean(target: &mut Target, level: &Level, even: bool, make: impl Fn(usize, Colour) -> Feature + Sync) {
    let (w, h) = (target.width, target.height);
    let (from, error) = (&target.from, &target.error);
    target.plane.fill(&target.work, |y, x0, part| {
        let rows = y.saturating_sub(2)..(y + 3).min(h);
        let mut chain = Chain::new(from, w, rows.clone(), x0.saturating_sub(2));
        for (k, out) in part.iter_mut().enumerate() {
            let x = x0 + k;
            let columns = x.saturating_sub(2)..(x + 3).min(w);
            if chain.holds(columns.end - 1, columns.len()) {
                // All 25 propose the same pixel.
                let s = from[y * w + x];
                let c = level.colour[spot_y(s) * level.width + spot_x(s)];
                *out = make(y * w + x, [c[0], c[1], c[2], 0]);
                continue;
            }
            let mut sum = [0u32; 4];
            for j in rows.clone() {
                for i in columns.clone() {
                    let s = from[j * w + i];
                    // The part of that patch that lies over this pixel.
                    let q = (spot_y(s) + y - j) * level.width + spot_x(s) + x - i;
                    let c = level.colour[q];
                    let g = if even { 1 } else { weight(error[j * w + i]) };
                    sum[0] += g * u32::from(c[0]);
                    sum[1] += g * u32::from(c[1]);
                    sum[2] += g * u32::from(c[2]);
                    sum[3] += g;
                }
            }
            let (all, half) = (sum[3], sum[3] / 2);
            let c = [
                ((sum[0] + half) / all) as u8,
                ((sum[1] + half) / all) as u8,
                ((sum[2] + half) / all) as u8,
                0,
            ];
            *out = make(y * w + x, c);
        }
    });
}

/// The final vote: of the 9 places that the 3x3 patches over a pixel propose, the one nearest to
/// their mean colour, helped by every other patch that proposes the same place. One real pixel.
pub fn medoid(target: &Target, level: &Level, agreement: i32, chosen: &mut [Spot]) {
    let (w, h) = (target.width, target.height);
    let from = &target.from;
    target.work.for_each(chosen, |y, x_first, part| {
        let rows = y.saturating_sub(1)..(y + 2).min(h);
        let mut chain = Chain::new(from, w, rows.clone(), x_first.saturating_sub(1));
        for (k, out) in part.iter_mut().enumerate() {
            let x = x_first + k;
            let columns = x.saturating_sub(1)..(x + 2).min(w);
            let own = from[y * w + x];
            if chain.holds(columns.end - 1, columns.len()) {
                *out = own;
                continue;
            }
            let mut places = [(0 as Spot, [0u8; 4]); 9];
            let mut sum = [0i32; 3];
            let mut n = 0usize;
            for j in rows.clone() {
                for i in columns.clone() {
                    let s = from[j * w + i];
                    let (px, py) = (spot_x(s) + x - i, spot_y(s) + y - j);
                    let c = level.colour[py * level.width + px];
                    places[n] = (spot(px, py), c);
                    for k in 0..3 {
                        sum[k] += i32::from(c[k]);
                    }
                    n += 1;
                }
            }
            let mut best = (i32::MAX, own);
            for (s, c) in &places[..n] {
                let mut d = 0;
                for k in 0..3 {
                    // In 1/16 of a step, so that the mean's fraction counts.
                    let z = (i32::from(c[k]) * 16) - sum[k] * 16 / n as i32;
                    d += (z * z) >> 8;
                }
                let agree = places[..n].iter().filter(|o| o.0 == *s).count() as i32;
                d -= agreement * agree + i32::from(*s == own);
                if d < best.0 {
                    best = (d, *s);
                }
            }
            *out = best.1;
        }
    });
}
