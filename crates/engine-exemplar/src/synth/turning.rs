//! How what is made anew comes in: whole pieces at a time, each crossing over softly.
//!
//! A pixel that changes at once is seen as a pop, and pixels that change one by one as dust. So all of one new piece
//! (connected pixels whose origins continue each other) begins at one time, taken from a smooth noise where the piece
//! has its middle, and rises over some frames. All is over when the next key comes.

use super::carry::together;
use crate::map::Origin;
use rayon::prelude::*;

/// Not part of any piece.
pub const NONE: u32 = u32::MAX;

/// Pieces of a frame.
pub struct Pieces {
    /// Number of each pixel's piece, or [`NONE`].
    pub of: Vec<u32>,
    /// For each piece its pixels and the sums of their x and y.
    sums: Vec<(u64, u64, u64)>,
}

impl Pieces {
    /// The pieces among the pixels that `counts`, in a frame of width `w`.
    pub fn find(map: &[Origin], w: usize, counts: impl Fn(usize) -> bool) -> Pieces {
        fn root(parent: &mut [u32], mut i: u32) -> u32 {
            while parent[i as usize] != i {
                parent[i as usize] = parent[parent[i as usize] as usize];
                i = parent[i as usize];
            }
            i
        }
        let n = map.len();
        let mut parent: Vec<u32> = (0..n as u32)
            .map(|i| if counts(i as usize) { i } else { NONE })
            .collect();
        for i in 0..n {
            if parent[i] == NONE {
                continue;
            }
            let mut join = |j: usize, dx: i32, dy: i32| {
                if parent[j] != NONE && together(map[j], map[i], dx, dy) {
                    let (a, b) = (root(&mut parent, i as u32), root(&mut parent, j as u32));
                    parent[a.max(b) as usize] = a.min(b);
                }
            };
            if i % w > 0 {
                join(i - 1, 1, 0);
            }
            if i >= w {
                join(i - w, 0, 1);
            }
        }
        // A root is the first of its piece, so numbers go in the order of rows.
        let mut of = vec![NONE; n];
        let mut sums: Vec<(u64, u64, u64)> = Vec::new();
        for i in 0..n {
            if parent[i] == NONE {
                continue;
            }
            let r = root(&mut parent, i as u32) as usize;
            if r == i {
                of[i] = sums.len() as u32;
                sums.push((0, 0, 0));
            } else {
                of[i] = of[r];
            }
            let s = &mut sums[of[i] as usize];
            s.0 += 1;
            s.1 += (i % w) as u64;
            s.2 += (i / w) as u64;
        }
        Pieces { of, sums }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sums.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    /// Pixels of a piece.
    pub fn size(&self, piece: usize) -> u64 {
        self.sums[piece].0
    }

    /// The middle of a piece, in whole pixels.
    pub fn middle(&self, piece: usize) -> (usize, usize) {
        let (n, x, y) = self.sums[piece];
        ((x / n) as usize, (y / n) as usize)
    }
}

/// When each changing pixel of a key frame crosses over.
#[derive(Clone, Default)]
pub struct Turning {
    /// The frame after the key at which a pixel begins to rise; 255 where nothing changes.
    start: Vec<u8>,
    /// Frames that a crossing takes.
    over: u32,
}

impl Turning {
    /// From `base` to `fresh` within `frames` frames, each piece over `over` of them. `noise` is 0..1.
    pub fn new(
        base: &[Origin],
        fresh: &[Origin],
        w: usize,
        noise: &[f32],
        frames: u32,
        over: u32,
    ) -> Turning {
        let over = over.clamp(1, frames.clamp(1, 200));
        let latest = frames.min(200).saturating_sub(over);
        let pieces = Pieces::find(fresh, w, |i| base[i] != fresh[i]);
        let starts: Vec<u8> = (0..pieces.len())
            .map(|k| {
                let (x, y) = pieces.middle(k);
                ((noise[y * w + x] * (latest + 1) as f32) as u32).min(latest) as u8
            })
            .collect();
        let start = pieces
            .of
            .par_iter()
            .map(|k| if *k == NONE { 255 } else { starts[*k as usize] })
            .collect();
        Turning { start, over }
    }

    /// Whether the pixel changes at all.
    #[inline(always)]
    pub fn changes(&self, i: usize) -> bool {
        self.start[i] != 255
    }

    /// Share of what is new at pixel `i` of the key frame, `after` frames later: 0 to 255.
    #[inline(always)]
    pub fn weight(&self, i: usize, after: u32) -> u8 {
        let start = u32::from(self.start[i]);
        if start == 255 || after <= start {
            return 0;
        }
        rise((after - start) as f32 / self.over as f32)
    }
}

/// A soft rise from 0 to 255 while `t` goes from 0 to 1.
#[inline(always)]
pub fn rise(t: f32) -> u8 {
    let t = t.clamp(0.0, 1.0);
    (t * t * (3.0 - 2.0 * t) * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_turn_as_wholes_and_all_are_over_in_time() {
        let (w, h) = (16usize, 8usize);
        let base: Vec<Origin> = (0..w * h)
            .map(|i| Origin::whole(0, (i % w) as i32, (i / w) as i32))
            .collect();
        // The left half stays; the right half comes from two places.
        let fresh: Vec<Origin> = base
            .iter()
            .enumerate()
            .map(|(i, o)| match (i % w, i / w) {
                (0..8, _) => *o,
                (_, 0..4) => Origin::whole(0, o.x / 256 + 40, o.y / 256),
                _ => Origin::whole(1, o.x / 256, o.y / 256 + 9),
            })
            .collect();
        let pieces = Pieces::find(&fresh, w, |i| base[i] != fresh[i]);
        assert_eq!((pieces.len(), pieces.size(0), pieces.size(1)), (2, 32, 32));
        assert_eq!(pieces.middle(0), (11, 1));
        let noise: Vec<f32> = (0..w * h).map(|i| if i / w < 4 { 0.0 } else { 0.99 }).collect();
        let turning = Turning::new(&base, &fresh, w, &noise, 12, 5);
        assert!(!turning.changes(3) && turning.changes(12));
        for after in 0..=12 {
            assert!((8..16).all(|x| turning.weight(x, after) == turning.weight(8, after)));
        }
        assert_eq!((turning.weight(8, 0), turning.weight(8, 5)), (0, 255));
        let late = 6 * w + 10;
        assert_eq!((turning.weight(late, 7), turning.weight(late, 12)), (0, 255));
        assert!(turning.weight(late, 9) > 0 && turning.weight(late, 9) < 255);
    }
}
