//! Film size: the grid that a frame's map is made on, and the map enlarged to the whole frame.
//!
//! A frame of more than about two million pixels is searched, carried and stored on a grid whose pixels are each
//! `by` x `by` pixels of the frame. On the way to the frame it is the *coordinates* that are enlarged, not the
//! picture: between grid pixels of one piece they are interpolated, at a piece's border the nearest piece goes on,
//! and the photographs are sampled once, at the full frame's scale. So a frame of 4K has the detail of the originals and
//! costs the search of HD.
//!
//! A place (X, Y) in 1/256 pixel of a source scaled for the grid is `by` X + 128 (`by` - 1) in 1/256 pixel of the
//! source scaled for the frame: pixels' edges fall together. A piece that was laid down whole is enlarged to whole
//! pixels, without any rounding.

use crate::codec::{Offset, STEP};
use crate::making::Over;
use crate::map::{Origin, UNIT};
use crate::pictures::Held;
use crate::poisson::{decode, encode};
use crate::synth::carry::together;
use crate::take::sample;
use heirloom_engine::{Request, settings};
use rayon::prelude::*;

/// Most pixels that are searched one by one: all of 2048x1080, not 2560x1440.
pub const MOST: u64 = 2_250_000;
/// Most pixels of the frame along a grid pixel's side.
pub const MOST_BY: u32 = 16;

/// A frame and the grid of its map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Frame width in pixels.
    pub width: usize,
    /// Frame height in pixels.
    pub height: usize,
    /// Pixels of the frame along a grid pixel's side; 1 where both are the same.
    pub by: u32,
    /// Grid width; the last column may stand over the frame.
    pub across: usize,
    /// Grid height; the last row may stand over the frame.
    pub down: usize,
}

impl Grid {
    /// The grid that frames of this size are made on: the finest of at most [`MOST`] pixels.
    pub fn of(width: u32, height: u32) -> Grid {
        let cost = |by: u32| u64::from(width.div_ceil(by)) * u64::from(height.div_ceil(by));
        let by = (1..MOST_BY).find(|by| cost(*by) <= MOST).unwrap_or(MOST_BY);
        Grid::with(width, height, by)
    }

    /// The grid that the frames of a request are made on: as it asks, or as its size does.
    pub fn of_request(request: &Request) -> Grid {
        let (width, height) = (request.size.width, request.size.height);
        match request.number(settings::GRID) {
            Some(by) => Grid::with(width, height, by.clamp(1.0, MOST_BY.into()) as u32),
            None => Grid::of(width, height),
        }
    }

    /// The grid `by` times smaller than the frame.
    pub fn with(width: u32, height: u32, by: u32) -> Grid {
        let by = by.max(1);
        Grid {
            width: width as usize,
            height: height as usize,
            by,
            across: width.div_ceil(by) as usize,
            down: height.div_ceil(by) as usize,
        }
    }

    /// The origin of pixel (x, y) of the frame, from a map of the grid.
    pub fn origin(&self, map: &[Origin], x: usize, y: usize) -> Origin {
        let (cell, tx, ty) = self.cell(map, x, y);
        cell.at(tx, ty)
    }

    /// The second layer's weight at pixel (x, y) of the frame: between grid pixels, and nothing where the grid has nothing.
    pub fn weight(&self, weight: &[u8], x: usize, y: usize) -> u8 {
        let by = self.by as usize;
        let (i, j) = (x / by, y / by);
        let at = j * self.across + i;
        let own = weight.get(at).copied().unwrap_or(0);
        if own == 0 || by == 1 {
            return own;
        }
        let (tx, ty) = (self.off(x % by), self.off(y % by));
        let beside = |dx: i32, dy: i32| -> i32 {
            self.neighbour(i, j, dx, dy)
                .and_then(|k| weight.get(k))
                .map_or(i32::from(own), |w| i32::from(*w))
        };
        let (sx, sy) = (side(tx), side(ty));
        let (ax, ay, n) = (tx.abs(), ty.abs(), 2 * self.by as i32);
        let sum = i32::from(own) * (n - ax) * (n - ay)
            + beside(sx, 0) * ax * (n - ay)
            + beside(0, sy) * (n - ax) * ay
            + beside(sx, sy) * ax * ay;
        ((sum + n * n / 2) / (n * n)) as u8
    }

    /// The finish at pixel (x, y) of the frame, in steps: between the grid pixels of the pixel's own piece alone, so
    /// that nothing bleeds over a seam.
    pub fn steps(&self, offset: &Offset, map: &[Origin], x: usize, y: usize) -> [f32; 3] {
        let by = self.by as usize;
        let (i, j) = (x / by, y / by);
        let at = j * self.across + i;
        let (Some(own), Some(here)) = (offset.steps().get(at), map.get(at)) else {
            return [0.0; 3];
        };
        if by == 1 {
            return own.map(f32::from);
        }
        let (tx, ty) = (self.off(x % by), self.off(y % by));
        let (sx, sy) = (side(tx), side(ty));
        let (ax, ay, n) = (tx.abs(), ty.abs(), 2 * self.by as i32);
        let near = [(sx, 0, ax * (n - ay)), (0, sy, (n - ax) * ay), (sx, sy, ax * ay)];
        let near = near.map(|(dx, dy, w)| (self.neighbour(i, j, dx, dy), dx, dy, w));
        let moved = |k: &Option<usize>| {
            k.and_then(|k| offset.steps().get(k))
                .is_some_and(|s| *s != [0; 3])
        };
        if *own == [0; 3] && !near.iter().any(|(k, ..)| moved(k)) {
            return [0.0; 3];
        }
        let mut weights = (n - ax) * (n - ay);
        let mut sum = own.map(|s| i32::from(s) * weights);
        for (k, dx, dy, w) in near {
            let Some((there, steps)) = k.and_then(|k| Some((map.get(k)?, offset.steps().get(k)?))) else {
                continue;
            };
            if w == 0 || !together(*here, *there, dx, dy) {
                continue;
            }
            weights += w;
            for (sum, step) in sum.iter_mut().zip(steps) {
                *sum += i32::from(*step) * w;
            }
        }
        sum.map(|s| s as f32 / weights as f32)
    }

    /// How many pixels of the frame lie in grid pixel `i`, and how much of them is the second layer's, in 255ths of a pixel.
    pub fn share(&self, weight: Option<&[u8]>, i: usize) -> (u64, u64) {
        let by = self.by as usize;
        let (x0, y0) = (i % self.across * by, i / self.across * by);
        let (x1, y1) = ((x0 + by).min(self.width), (y0 + by).min(self.height));
        let all = ((x1 - x0) * (y1 - y0)) as u64;
        let places = (y0..y1).flat_map(|y| (x0..x1).map(move |x| (x, y)));
        let second = weight.map_or(0, |w| places.map(|(x, y)| u64::from(self.weight(w, x, y))).sum());
        (all, second)
    }

    /// The map of every pixel of the frame, from a map of the grid.
    pub fn enlarged(&self, map: &[Origin]) -> Vec<Origin> {
        if self.by == 1 {
            return map.to_vec();
        }
        let mut out = vec![Origin::default(); self.width * self.height];
        self.each(map, &mut out, |cell, _, tx, ty, o| *o = cell.at(tx, ty));
        out
    }

    /// The second layer of every pixel of the frame.
    pub fn enlarged_over(&self, over: &Over) -> Over {
        let weight = (0..self.width * self.height).into_par_iter();
        Over {
            map: self.enlarged(&over.map),
            weight: weight
                .map(|i| self.weight(&over.weight, i % self.width, i / self.width))
                .collect(),
        }
    }

    /// Every pixel's colour in its photograph, linear: the frame before its second layer and its finish.
    pub fn samples(&self, map: &[Origin], held: &Held) -> Vec<[f32; 4]> {
        if self.by == 1 {
            return crate::take::samples(map, held);
        }
        let mut out = vec![[0.0; 4]; self.width * self.height];
        self.each(map, &mut out, |cell, _, tx, ty, p| {
            *p = sample(cell.at(tx, ty), held)
        });
        out
    }

    /// Mixes the second layer into the samples of the first, in linear light.
    pub fn blend(&self, pixels: &mut [[f32; 4]], over: &Over, held: &Held) {
        if self.by == 1 {
            crate::take::blend(pixels, over, held);
            return;
        }
        self.each(&over.map, pixels, |cell, (x, y), tx, ty, p| {
            let w = self.weight(&over.weight, x, y);
            if w > 0 {
                let (q, share) = (sample(cell.at(tx, ty), held), f32::from(w) / 255.0);
                for k in 0..3 {
                    p[k] += (q[k] - p[k]) * share;
                }
            }
        });
    }

    /// Adds the finish to a frame, in place. Where it is nought a pixel stays to the bit.
    pub fn finish(&self, pixels: &mut [[f32; 4]], map: &[Origin], offset: &Offset) {
        if self.by == 1 {
            crate::poisson::apply(pixels, offset);
            return;
        }
        let width = self.width;
        pixels.par_chunks_mut(width).enumerate().for_each(|(y, row)| {
            for (x, p) in row.iter_mut().enumerate() {
                let steps = self.steps(offset, map, x, y);
                for k in 0..3 {
                    if steps[k] != 0.0 {
                        p[k] = decode(encode(p[k]) + steps[k] / STEP).max(0.0);
                    }
                }
            }
        });
    }

    /// The mean of each grid pixel's part of a frame: what the finish works on.
    pub fn means(&self, pixels: &[[f32; 4]]) -> Vec<[f32; 4]> {
        let by = self.by as usize;
        let mut out = vec![[0.0; 4]; self.across * self.down];
        out.par_chunks_mut(self.across).enumerate().for_each(|(j, row)| {
            for (i, o) in row.iter_mut().enumerate() {
                let (x1, y1) = (((i + 1) * by).min(self.width), ((j + 1) * by).min(self.height));
                let mut sum = [0.0f32; 4];
                for y in j * by..y1 {
                    for p in &pixels[y * self.width + i * by..y * self.width + x1] {
                        for k in 0..4 {
                            sum[k] += p[k];
                        }
                    }
                }
                let n = ((x1 - i * by) * (y1 - j * by)) as f32;
                *o = sum.map(|s| s / n);
            }
        });
        out
    }

    /// What a grid pixel at an origin (of the grid) shows of its picture: the mean of the `by` x `by` pixels nearest.
    pub fn mean_at(&self, o: Origin, held: &Held) -> [f32; 4] {
        if self.by == 1 {
            return sample(o, held);
        }
        let Some(image) = held.get(o.source) else {
            return [0.0, 0.0, 0.0, 1.0];
        };
        let by = i64::from(self.by);
        // The upper left pixel of the `by` x `by` whose middle is nearest: at a whole origin, its very part.
        let first = |v: i32| (i64::from(v) * by + 128) >> 8;
        let (left, top) = (first(o.x), first(o.y));
        let (w, h) = (image.width() as usize, image.height() as usize);
        let mut sum = [0.0f32; 4];
        for y in top..top + by {
            let row = y.clamp(0, h as i64 - 1) as usize * w;
            for x in left..left + by {
                let p = image.pixels()[row + x.clamp(0, w as i64 - 1) as usize];
                for k in 0..4 {
                    sum[k] += p[k];
                }
            }
        }
        let n = (by * by) as f32;
        sum.map(|s| s / n)
    }

    /// For every pixel of the frame, its grid pixel's cell, its place, and how far it is off the cell's middle.
    fn each<T: Send>(
        &self,
        map: &[Origin],
        out: &mut [T],
        make: impl Fn(&Cell, (usize, usize), i32, i32, &mut T) + Sync,
    ) {
        let (by, width) = (self.by as usize, self.width);
        out.par_chunks_mut(by * width).enumerate().for_each(|(j, rows)| {
            for i in 0..self.across {
                let cell = Cell::new(self, map, i, j);
                for (s, row) in rows.chunks_exact_mut(width).enumerate() {
                    let from = i * by;
                    let part = &mut row[from..(from + by).min(width)];
                    for (r, o) in part.iter_mut().enumerate() {
                        make(&cell, (from + r, j * by + s), self.off(r), self.off(s), o);
                    }
                }
            }
        });
    }

    fn cell(&self, map: &[Origin], x: usize, y: usize) -> (Cell, i32, i32) {
        let by = self.by as usize;
        let cell = Cell::new(self, map, x / by, y / by);
        (cell, self.off(x % by), self.off(y % by))
    }

    /// How far pixel `s` of a grid pixel's side is off its middle, in 1/(2 `by`) grid pixels.
    #[inline(always)]
    fn off(&self, s: usize) -> i32 {
        2 * s as i32 + 1 - self.by as i32
    }

    #[inline(always)]
    fn neighbour(&self, i: usize, j: usize, dx: i32, dy: i32) -> Option<usize> {
        let x = i.checked_add_signed(dx as isize).filter(|x| *x < self.across)?;
        let y = j.checked_add_signed(dy as isize).filter(|y| *y < self.down)?;
        Some(y * self.across + x)
    }
}

/// The side of a grid pixel's middle that an offset lies on.
#[inline(always)]
fn side(t: i32) -> i32 {
    if t < 0 { -1 } else { 1 }
}

/// How the coordinates run about one grid pixel. Differences are to its neighbours, in 1/256 pixel of the frame's scale.
struct Cell {
    source: u16,
    /// Of the grid pixel's middle, at the frame's scale.
    x: i64,
    y: i64,
    by: i64,
    /// To the neighbours of its piece: left, right, up, down.
    beside: [Option<(i64, i64)>; 4],
    /// To those across the corners: up left, up right, down left, down right.
    across: [Option<(i64, i64)>; 4],
}

impl Cell {
    fn new(grid: &Grid, map: &[Origin], i: usize, j: usize) -> Cell {
        let own = map.get(j * grid.across + i).copied().unwrap_or_default();
        let by = i64::from(grid.by);
        let to = |dx: i32, dy: i32| -> Option<(i64, i64)> {
            let n = *map.get(grid.neighbour(i, j, dx, dy)?)?;
            together(own, n, dx, dy).then(|| (i64::from(n.x - own.x) * by, i64::from(n.y - own.y) * by))
        };
        let unit = i64::from(UNIT);
        Cell {
            source: own.source,
            x: i64::from(own.x) * by + unit / 2 * (by - 1),
            y: i64::from(own.y) * by + unit / 2 * (by - 1),
            by,
            beside: [to(-1, 0), to(1, 0), to(0, -1), to(0, 1)],
            across: [to(-1, -1), to(1, -1), to(-1, 1), to(1, 1)],
        }
    }

    /// The origin this far off the middle, in 1/(2 `by`) grid pixels.
    #[inline(always)]
    fn at(&self, tx: i32, ty: i32) -> Origin {
        let (right, low) = (usize::from(tx >= 0), usize::from(ty >= 0));
        let n = 2 * self.by;
        let (h, v, d) = (
            self.beside[right],
            self.beside[2 + low],
            self.across[2 * low + right],
        );
        let (dx, dy) = if let (Some(h), Some(v), Some(d)) = (h, v, d) {
            let (ax, ay) = (i64::from(tx.abs()), i64::from(ty.abs()));
            let mix =
                |h: i64, v: i64, d: i64| divided(h * ax * (n - ay) + v * (n - ax) * ay + d * ax * ay, n * n);
            (mix(h.0, v.0, d.0), mix(h.1, v.1, d.1))
        } else {
            // The piece goes on as it runs on this side, or on the other, or as it was laid.
            let whole = i64::from(UNIT) * self.by;
            let back = |g: Option<(i64, i64)>| g.map(|(x, y)| (-x, -y));
            let (tx, ty) = (i64::from(tx), i64::from(ty));
            let ahead = |near: Option<(i64, i64)>, far: Option<(i64, i64)>, first: bool| match first {
                true => near.or_else(|| back(far)),
                false => back(far).or(near),
            };
            let gx = ahead(self.beside[1], self.beside[0], right == 1).unwrap_or((whole, 0));
            let gy = ahead(self.beside[3], self.beside[2], low == 1).unwrap_or((0, whole));
            (
                divided(gx.0 * tx + gy.0 * ty, n),
                divided(gx.1 * tx + gy.1 * ty, n),
            )
        };
        Origin {
            source: self.source,
            x: (self.x + dx) as i32,
            y: (self.y + dy) as i32,
        }
    }
}

/// Rounded to the nearest. Most divisors are powers of two.
#[inline(always)]
fn divided(v: i64, by: i64) -> i64 {
    if by & (by - 1) == 0 {
        (v + by / 2) >> by.trailing_zeros()
    } else {
        (v + by / 2).div_euclid(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heirloom_picture::Image;
    use proptest::prelude::*;

    #[test]
    fn the_grid_follows_from_the_size_alone() {
        for (width, height, by, across, down) in [
            (960, 540, 1, 960, 540),
            (1920, 1080, 1, 1920, 1080),
            (2048, 1080, 1, 2048, 1080),
            (2560, 1440, 2, 1280, 720),
            (3840, 2160, 2, 1920, 1080),
            (4096, 2160, 2, 2048, 1080),
            (4096, 1716, 2, 2048, 858),
            (6144, 3160, 3, 2048, 1054),
            (7680, 4320, 4, 1920, 1080),
            (8192, 8192, 6, 1366, 1366),
            (16, 16384, 1, 16, 16384),
        ] {
            let grid = Grid::of(width, height);
            assert_eq!(
                (grid.by, grid.across, grid.down),
                (by, across, down),
                "{width}x{height}"
            );
        }
    }

    /// Two pieces side by side, the seam at grid column 3, from a corner that is not the sources' own.
    fn two_pieces(grid: &Grid) -> Vec<Origin> {
        (0..grid.across * grid.down)
            .map(|i| {
                let (x, y) = ((i % grid.across) as i32, (i / grid.across) as i32);
                if x < 3 {
                    Origin::whole(0, x + 5, y + 2)
                } else {
                    Origin::whole(1, x + 20, y + 9)
                }
            })
            .collect()
    }

    proptest! {
        #[test]
        fn a_piece_laid_whole_is_enlarged_to_whole_pixels(by in 1u32..7, width in 20u32..40, height in 10u32..30) {
            let grid = Grid::with(width, height, by);
            let map = two_pieces(&grid);
            let all = grid.enlarged(&map);
            prop_assert_eq!(all.len(), (width * height) as usize);
            for (i, o) in all.iter().enumerate() {
                let (x, y) = ((i as u32 % width) as i32, (i as u32 / width) as i32);
                let by = by as i32;
                let expected = if x < 3 * by {
                    Origin::whole(0, x + 5 * by, y + 2 * by)
                } else {
                    Origin::whole(1, x + 20 * by, y + 9 * by)
                };
                prop_assert_eq!(*o, expected, "({}, {})", x, y);
                prop_assert_eq!(grid.origin(&map, x as usize, y as usize), expected);
            }
        }

        #[test]
        fn a_stretched_piece_is_enlarged_smoothly(by in 2u32..6, sx in -60i32..60, sy in -60i32..60) {
            let grid = Grid::with(12 * by, 9 * by, by);
            let map: Vec<Origin> = (0..grid.across * grid.down)
                .map(|i| {
                    let (x, y) = ((i % grid.across) as i32, (i / grid.across) as i32);
                    Origin { source: 0, x: x * (UNIT + sx) + y * sy, y: y * (UNIT - sy) + x * sx / 2 * 2 }
                })
                .collect();
            let all = grid.enlarged(&map);
            let w = grid.width;
            for i in 0..all.len() {
                if i % w + 1 < w {
                    // One pixel on is one pixel on, within a stretch and a rounding.
                    let (a, b) = (all[i], all[i + 1]);
                    prop_assert!((b.x - a.x - UNIT - sx).abs() <= 2, "{:?} {:?}", a, b);
                    prop_assert!((b.y - a.y - sx / 2 * 2).abs() <= 2, "{:?} {:?}", a, b);
                }
            }
        }

        #[test]
        fn weights_stay_between_and_nothing_stays_nothing(
            by in 2u32..5,
            weight in proptest::collection::vec(prop_oneof![Just(0u8), Just(255u8), any::<u8>()], 30),
        ) {
            let grid = Grid::with(6 * by, 5 * by, by);
            for y in 0..grid.height {
                for x in 0..grid.width {
                    let own = weight[y / by as usize * 6 + x / by as usize];
                    let w = grid.weight(&weight, x, y);
                    prop_assert!(own != 0 || w == 0);
                    let (low, high) = (weight.iter().min(), weight.iter().max());
                    prop_assert!(Some(&w) >= low && Some(&w) <= high);
                }
            }
            let flat = vec![93u8; 30];
            prop_assert_eq!(grid.weight(&flat, 7, 4), 93);
        }
    }

    #[test]
    fn the_finish_does_not_bleed_over_a_seam() {
        let grid = Grid::with(12, 6, 2);
        let map = two_pieces(&grid);
        let steps = (0..18)
            .map(|i| if i % 6 < 3 { [100, -40, 0] } else { [0; 3] })
            .collect();
        let offset = Offset::new(6, 3, steps).unwrap();
        for y in 0..6 {
            for x in 0..12 {
                let expected = if x < 6 { [100.0, -40.0, 0.0] } else { [0.0; 3] };
                assert_eq!(grid.steps(&offset, &map, x, y), expected, "({x}, {y})");
            }
        }
        let mut pixels = vec![[0.25, 0.25, 0.25, 1.0]; 72];
        grid.finish(&mut pixels, &map, &offset);
        assert_eq!(pixels[7], [0.25, 0.25, 0.25, 1.0]);
        assert_eq!(pixels[5][2], 0.25);
        assert_eq!(pixels[5][0], decode(0.5 + 100.0 / STEP));
    }

    #[test]
    fn a_grid_pixel_shows_the_mean_of_its_part() {
        let pixels = (0..40 * 30)
            .map(|i: u32| [(i * 7919 % 101) as f32, 1.0, 0.5, 1.0])
            .collect();
        let held = Held::from(vec![Image::from_pixels(40, 30, pixels).unwrap()]);
        for by in [2, 3, 4] {
            let grid = Grid::with(12, 12, by);
            let map: Vec<Origin> = (0..grid.across * grid.down)
                .map(|i| Origin::whole(0, (i % grid.across) as i32 + 2, (i / grid.across) as i32 + 1))
                .collect();
            let means = grid.means(&grid.samples(&map, &held));
            for (o, mean) in map.iter().zip(means) {
                assert_eq!(grid.mean_at(*o, &held), mean);
            }
        }
    }
}
