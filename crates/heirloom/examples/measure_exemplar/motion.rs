//! How many pixels jump from one frame to the next, where the engine knows no flow to carry them along.

use heirloom_engine_exemplar::map::{CoordinateMap, Origin, UNIT};
use rayon::prelude::*;

/// Side of the blocks whose motion is taken to be one, in pixels.
const BLOCK: usize = 16;
/// Farthest that matter moves from one frame to the next.
const REACH: i32 = 12 * UNIT;
/// A jump farther than this counts.
const JUMP: i32 = 2 * UNIT;

/// Share of pixels whose place jumps by more than 2 pixels against the place carried along the motion.
///
/// The motion is not asked of the engine but read from the two frames: a pixel that is carried shows what its
/// neighbourhood showed before, so the difference of places at one pixel is the way its matter came; each block
/// moves by the median of those ways.
pub fn pop(before: &CoordinateMap, now: &CoordinateMap) -> f64 {
    let (w, h) = (now.width() as usize, now.height() as usize);
    let (old, new) = (before.origins(), now.origins());
    let rows = (0..h.div_ceil(BLOCK)).into_par_iter().map(|by| {
        let mut jumped = 0;
        for bx in 0..w.div_ceil(BLOCK) {
            let pixels = || {
                let xs = bx * BLOCK..((bx + 1) * BLOCK).min(w);
                (by * BLOCK..((by + 1) * BLOCK).min(h)).flat_map(move |y| xs.clone().map(move |x| (x, y)))
            };
            let way = motion(old, new, pixels().map(|(x, y)| y * w + x));
            jumped += pixels()
                .filter(|(x, y)| jumps(old, new[y * w + x], (*x, *y), (w, h), way))
                .count();
        }
        jumped
    });
    rows.sum::<usize>() as f64 / new.len() as f64
}

/// The way from a pixel of `new` to where its matter was in `old`: the median over a block, in map units.
fn motion(old: &[Origin], new: &[Origin], pixels: impl Iterator<Item = usize>) -> [i32; 2] {
    let (mut dx, mut dy) = (Vec::new(), Vec::new());
    for i in pixels {
        let (x, y) = (new[i].x - old[i].x, new[i].y - old[i].y);
        if old[i].source == new[i].source && x.abs() <= REACH && y.abs() <= REACH {
            dx.push(x);
            dy.push(y);
        }
    }
    [dx, dy].map(|mut v| {
        v.sort_unstable();
        v.get(v.len() / 2).copied().unwrap_or(0)
    })
}

fn jumps(old: &[Origin], new: Origin, at: (usize, usize), size: (usize, usize), way: [i32; 2]) -> bool {
    // The carried place: the nearest pixel's own, and the rest of the way.
    let nearest = |v: usize, way: i32, len: usize| {
        let exact = v as i32 * UNIT + way;
        let pixel = ((exact + UNIT / 2).div_euclid(UNIT)).clamp(0, len as i32 - 1);
        (pixel as usize, exact - pixel * UNIT)
    };
    let (x, rest_x) = nearest(at.0, way[0], size.0);
    let (y, rest_y) = nearest(at.1, way[1], size.1);
    let was = old[y * size.0 + x];
    was.source != new.source || (new.x - was.x - rest_x).abs() > JUMP || (new.y - was.y - rest_y).abs() > JUMP
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(place: impl Fn(i32, i32) -> (u8, i32, i32)) -> CoordinateMap {
        let origins = (0..64 * 48).map(|i| place(i % 64, i / 64));
        let origins = origins
            .map(|(source, x, y)| Origin {
                source: u16::from(source),
                x,
                y,
            })
            .collect();
        CoordinateMap::new(64, 48, origins).unwrap()
    }

    #[test]
    fn matter_that_moves_does_not_pop_and_matter_that_is_replaced_does() {
        let old = map(|x, y| (0, x * UNIT, y * UNIT));
        let moved = map(|x, y| (0, x * UNIT - 435, y * UNIT + 614));
        assert_eq!(pop(&old, &moved), 0.0);
        let torn = map(|x, y| {
            (
                0,
                x * UNIT - 435 + if x < 4 { 3 * UNIT } else { 0 },
                y * UNIT + 614,
            )
        });
        assert_eq!(pop(&old, &torn), 4.0 / 64.0);
        let other = map(|x, y| (1, x * UNIT, y * UNIT));
        assert_eq!(pop(&old, &other), 1.0);
    }
}
