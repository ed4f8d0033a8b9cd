//! Measures on where a frame's pixels come from: how large the pieces are that were taken whole, and how many
//! pixels jump from one frame to the next.

use heirloom_engine::{Failure, TakeFrames};
use heirloom_vault::ObjectId;
use rayon::prelude::*;

/// Where one pixel comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Number of the source, as in [`Frame::sources`].
    pub source: u16,
    /// Column in the scaled source, in pixels.
    pub x: f32,
    /// Row likewise.
    pub y: f32,
}

/// The places of all pixels of a frame.
pub struct Frame {
    /// Pixels in a row.
    pub width: usize,
    /// Row by row from the top left.
    pub places: Vec<Place>,
}

/// A source as a take uses it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaled {
    /// The source.
    pub object: ObjectId,
    /// Width and height that it was scaled to, in pixels.
    pub size: (u32, u32),
}

/// Reads a frame's places. Sources not met before are added to `sources`.
pub fn read(take: &dyn TakeFrames, n: u32, sources: &mut Vec<Scaled>) -> Result<Frame, Failure> {
    let size = take.size();
    let rows: Vec<Vec<(Scaled, f32, f32)>> = (0..size.height)
        .into_par_iter()
        .map(|y| {
            (0..size.width)
                .map(|x| {
                    let origins = take.origins(n, x, y)?;
                    let heaviest = origins.iter().max_by(|a, b| a.weight.total_cmp(&b.weight));
                    let o = heaviest.ok_or_else(|| Failure::lasting("measure", "a pixel has no origin"))?;
                    let scaled = Scaled {
                        object: o.source,
                        size: o.scaled_to,
                    };
                    Ok((scaled, o.scaled_x as f32, o.scaled_y as f32))
                })
                .collect()
        })
        .collect::<Result<_, Failure>>()?;
    let mut places = Vec::with_capacity(rows.len() * size.width as usize);
    for (scaled, x, y) in rows.into_iter().flatten() {
        let known = sources.iter().position(|s| *s == scaled);
        let source = known.unwrap_or_else(|| {
            sources.push(scaled);
            sources.len() - 1
        });
        places.push(Place {
            source: source as u16,
            x,
            y,
        });
    }
    Ok(Frame {
        width: size.width as usize,
        places,
    })
}

/// Mean size in pixels, weighed by area, of the connected pieces of a frame that were taken from a source as they
/// lie there: neighbours belong together when their places are neighbours too, to half a pixel.
pub fn chunk(frame: &Frame) -> f64 {
    let (w, places) = (frame.width, &frame.places);
    let together = |a: Place, b: Place, dx: f32, dy: f32| {
        a.source == b.source && (b.x - a.x - dx).abs() <= 0.5 && (b.y - a.y - dy).abs() <= 0.5
    };
    let mut parent: Vec<u32> = (0..places.len() as u32).collect();
    for i in 0..places.len() {
        if i % w + 1 < w && together(places[i], places[i + 1], 1.0, 0.0) {
            join(&mut parent, i, i + 1);
        }
        if i + w < places.len() && together(places[i], places[i + w], 0.0, 1.0) {
            join(&mut parent, i, i + w);
        }
    }
    let mut sizes = vec![0u64; places.len()];
    for i in 0..places.len() {
        sizes[root(&mut parent, i)] += 1;
    }
    sizes.iter().map(|s| (*s as f64) * (*s as f64)).sum::<f64>() / places.len() as f64
}

fn root(parent: &mut [u32], mut i: usize) -> usize {
    while parent[i] as usize != i {
        let above = parent[parent[i] as usize];
        parent[i] = above;
        i = above as usize;
    }
    i
}

fn join(parent: &mut [u32], a: usize, b: usize) {
    let (a, b) = (root(parent, a), root(parent, b));
    parent[a] = b as u32;
}

/// Side of the blocks whose motion is taken to be one, in pixels.
const BLOCK: usize = 16;
/// Most pixels that matter moves from one frame to the next.
const REACH: f32 = 12.0;
/// A jump farther than this counts, in pixels.
const JUMP: f32 = 2.0;

/// Share of pixels whose place jumps by more than 2 pixels against the place carried along the motion.
///
/// The motion is not asked of the engine but read from the two frames: a pixel that is carried shows what its
/// neighbourhood showed before, so the difference of places at one pixel is the way its matter came; each block
/// moves by the median of those ways.
pub fn pop(before: &Frame, now: &Frame) -> f64 {
    let w = now.width;
    let h = now.places.len() / w;
    let rows: Vec<usize> = (0..h.div_ceil(BLOCK)).collect();
    let jumped: usize = rows
        .par_iter()
        .map(|by| {
            let mut jumped = 0;
            for bx in 0..w.div_ceil(BLOCK) {
                let pixels = || {
                    let xs = bx * BLOCK..((bx + 1) * BLOCK).min(w);
                    (by * BLOCK..((by + 1) * BLOCK).min(h)).flat_map(move |y| xs.clone().map(move |x| (x, y)))
                };
                let [vx, vy] = motion(before, now, pixels());
                jumped += pixels()
                    .filter(|(x, y)| jumps(before, now, *x, *y, vx, vy))
                    .count();
            }
            jumped
        })
        .sum();
    jumped as f64 / now.places.len() as f64
}

/// The way from a pixel of `now` to where its matter was in `before`: the median over a block.
fn motion(before: &Frame, now: &Frame, pixels: impl Iterator<Item = (usize, usize)>) -> [f32; 2] {
    let (mut dx, mut dy) = (Vec::new(), Vec::new());
    for (x, y) in pixels {
        let (a, b) = (before.places[y * before.width + x], now.places[y * now.width + x]);
        if a.source == b.source && (b.x - a.x).abs() <= REACH && (b.y - a.y).abs() <= REACH {
            dx.push(b.x - a.x);
            dy.push(b.y - a.y);
        }
    }
    let median = |v: &mut Vec<f32>| {
        v.sort_unstable_by(f32::total_cmp);
        v.get(v.len() / 2).copied().unwrap_or(0.0)
    };
    [median(&mut dx), median(&mut dy)]
}

fn jumps(before: &Frame, now: &Frame, x: usize, y: usize, vx: f32, vy: f32) -> bool {
    let (w, h) = (now.width, now.places.len() / now.width);
    let was = |v: usize, way: f32, len: usize| (v as f32 + way).round().clamp(0.0, len as f32 - 1.0);
    let (px, py) = (was(x, vx, w), was(y, vy, h));
    let old = before.places[py as usize * w + px as usize];
    let new = now.places[y * w + x];
    // The carried place, from the nearest pixel's own and the rest of the way.
    let (cx, cy) = (old.x + (x as f32 + vx - px), old.y + (y as f32 + vy - py));
    old.source != new.source || (new.x - cx).abs() > JUMP || (new.y - cy).abs() > JUMP
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(width: usize, height: usize, place: impl Fn(usize, usize) -> (u16, f32, f32)) -> Frame {
        let places = (0..width * height).map(|i| place(i % width, i / width));
        Frame {
            width,
            places: places.map(|(source, x, y)| Place { source, x, y }).collect(),
        }
    }

    #[test]
    fn a_whole_picture_is_one_chunk_and_two_halves_are_two() {
        let whole = frame(40, 20, |x, y| (0, x as f32, y as f32));
        assert_eq!(chunk(&whole), 800.0);
        let halves = frame(40, 20, |x, y| {
            (0, x as f32 + if x < 20 { 0.0 } else { 7.0 }, y as f32)
        });
        assert_eq!(chunk(&halves), 400.0);
        let sources = frame(40, 20, |x, y| (u16::from(x < 10), x as f32, y as f32));
        assert_eq!(chunk(&sources), (200.0 * 200.0 + 600.0 * 600.0) / 800.0);
        let single = frame(40, 20, |x, y| (0, 3.0 * x as f32, y as f32 * 3.0));
        assert_eq!(chunk(&single), 1.0);
    }

    #[test]
    fn matter_that_moves_does_not_pop_and_matter_that_is_replaced_does() {
        let old = frame(64, 48, |x, y| (0, x as f32, y as f32));
        let moved = frame(64, 48, |x, y| (0, x as f32 - 1.7, y as f32 + 2.4));
        assert_eq!(pop(&old, &moved), 0.0);
        let torn = frame(64, 48, |x, y| {
            (0, x as f32 - 1.7 + if x < 4 { 3.0 } else { 0.0 }, y as f32 + 2.4)
        });
        assert!(
            (pop(&old, &torn) - 4.0 / 64.0).abs() < 1e-9,
            "{}",
            pop(&old, &torn)
        );
        let other = frame(64, 48, |x, y| (1, x as f32, y as f32));
        assert_eq!(pop(&old, &other), 1.0);
    }
}
