//! Where each pixel's matter lies in a key frame, followed along the stage's exact motion, forwards from the key before or
//! backwards from the key after.
//!
//! Places are added up, not colours: a key's map is sampled once at the place found, however many frames away.

use rayon::prelude::*;

/// Bits of a place's fraction while ways are added up.
const FINE: i32 = 16;
/// No place: the point is not seen in the key frame.
const NOWHERE: (i32, i32) = (i32::MIN, i32::MIN);

/// Motion of one frame towards a neighbour on the way to the key.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Numbers of the things seen.
    pub thing: &'a [u16],
    /// From each pixel's centre to where its point is in the neighbour, in pixels.
    pub motion: &'a [[f32; 2]],
    /// Whether it is hidden there, or out of the picture.
    pub hidden: &'a [bool],
}

/// The ways of all pixels to a key frame.
#[derive(Clone, Debug)]
pub struct Ways {
    w: usize,
    h: usize,
    at: Vec<(i32, i32)>,
    thing: Vec<u16>,
}

impl Ways {
    /// At the key frame itself, where these things are seen.
    pub fn rest(w: usize, h: usize, thing: &[u16]) -> Ways {
        Ways {
            w,
            h,
            at: (0..w * h)
                .map(|i| (((i % w) as i32) << FINE, ((i / w) as i32) << FINE))
                .collect(),
            thing: thing.to_vec(),
        }
    }

    /// One frame further away from the key.
    pub fn step(&mut self, step: &Step<'_>) {
        let (w, h) = (self.w, self.h);
        let (old, was) = (&self.at, &self.thing);
        self.at = (0..w * h)
            .into_par_iter()
            .map(|i| {
                let d = step.motion[i];
                if step.hidden[i] || !d[0].is_finite() || !d[1].is_finite() {
                    return NOWHERE;
                }
                let fix = |v: f32| libm::floorf(v.clamp(-16_000.0, 16_000.0) * 65_536.0 + 0.5) as i64;
                let (x, y) = (
                    (((i % w) as i64) << FINE) + fix(d[0]),
                    (((i / w) as i64) << FINE) + fix(d[1]),
                );
                let half = 1i64 << (FINE - 1);
                let (nx, ny) = ((x + half) >> FINE, (y + half) >> FINE);
                if nx < 0 || ny < 0 || nx >= w as i64 || ny >= h as i64 {
                    return NOWHERE;
                }
                let near = ny as usize * w + nx as usize;
                let base = old[near];
                if was[near] != step.thing[i] || base == NOWHERE {
                    return NOWHERE;
                }
                let (ix, iy) = (
                    (x >> FINE).clamp(0, w as i64 - 1),
                    (y >> FINE).clamp(0, h as i64 - 1),
                );
                let (jx, jy) = ((ix + 1).min(w as i64 - 1), (iy + 1).min(h as i64 - 1));
                let corner = |x: i64, y: i64| {
                    let k = y as usize * w + x as usize;
                    let c = old[k];
                    let fits = c != NOWHERE
                        && was[k] == step.thing[i]
                        && c.0.abs_diff(base.0).max(c.1.abs_diff(base.1)) < 4 << FINE;
                    fits.then_some(c)
                };
                let (fx, fy) = (
                    (x - (ix << FINE)).clamp(0, 0xffff),
                    (y - (iy << FINE)).clamp(0, 0xffff),
                );
                let four = (corner(ix, iy), corner(jx, iy), corner(ix, jy), corner(jx, jy));
                if let (Some(a), Some(b), Some(c), Some(d)) = four {
                    let mix = |p: i32, q: i32, r: i32, s: i32| -> i32 {
                        let (p, q, r, s) = (i64::from(p), i64::from(q), i64::from(r), i64::from(s));
                        let top = (p << FINE) + (q - p) * fx;
                        let bottom = (r << FINE) + (s - r) * fx;
                        (((top << 4) + (((bottom - top) >> 12) * fy) + (1 << 19)) >> 20) as i32
                    };
                    return (mix(a.0, b.0, c.0, d.0), mix(a.1, b.1, c.1, d.1));
                }
                // At an edge: the nearest goes on by the rest of the way.
                let on = |v: i32, exact: i64, n: i64| (i64::from(v) + exact - (n << FINE)) as i32;
                (on(base.0, x, nx), on(base.1, y, ny))
            })
            .collect();
        self.thing.copy_from_slice(step.thing);
    }

    /// The place of every pixel in the key frame, in 1/256 pixel; see [`place`].
    pub fn places(&self) -> Vec<(i32, i32)> {
        self.at
            .par_iter()
            .map(|p| {
                if *p == NOWHERE {
                    NOWHERE
                } else {
                    ((p.0 + 128) >> 8, (p.1 + 128) >> 8)
                }
            })
            .collect()
    }
}

/// A place of [`Ways::places`], or `None` where the point is not seen in the key frame.
#[inline(always)]
pub fn place(p: (i32, i32)) -> Option<(i32, i32)> {
    (p != NOWHERE).then_some(p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pan_is_added_up_exactly_and_what_comes_in_has_no_place() {
        let (w, h) = (32, 8);
        let thing = vec![1; w * h];
        let mut ways = Ways::rest(w, h, &thing);
        let (motion, hidden) = (vec![[0.75, 0.0]; w * h], vec![false; w * h]);
        for _ in 0..4 {
            ways.step(&Step {
                thing: &thing,
                motion: &motion,
                hidden: &hidden,
            });
        }
        let places = ways.places();
        assert_eq!(place(places[3 * w + 10]), Some(((10 << 8) + 768, 3 << 8)));
        assert_eq!(place(places[3 * w + 31]), None);
    }

    #[test]
    fn things_do_not_lend_each_other_places() {
        let (w, h) = (16, 4);
        let left: Vec<u16> = (0..w * h).map(|i| u16::from(i % w < 8)).collect();
        let mut ways = Ways::rest(w, h, &left);
        // The left thing has grown by two columns over the right one; those were not seen before.
        let now: Vec<u16> = (0..w * h).map(|i| u16::from(i % w < 10)).collect();
        ways.step(&Step {
            thing: &now,
            motion: &vec![[0.0; 2]; w * h],
            hidden: &vec![false; w * h],
        });
        let places = ways.places();
        assert_eq!(place(places[8]), None);
        assert_eq!(place(places[9]), None);
        assert!(place(places[7]).is_some() && place(places[10]).is_some());
    }
}
