//! Triangles put into the bins of the tiles they may touch.

use glam::DVec3;
use rayon::prelude::*;

use super::clip::clip;
use super::project::{BAD, Draw, Projected, Vertex};
use super::{Pattern, STEPS, TILE_HEIGHT, TILE_WIDTH};

/// The tiles that are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Column and row of the first tile, counted from the picture's corner.
    pub first: [i32; 2],
    /// Columns and rows of tiles.
    pub count: [i32; 2],
    /// Width of a cell in steps.
    pub cell: i32,
    /// Whether all samples are pixels' centres.
    centered: bool,
}

impl Grid {
    /// The tiles that hold these pixels (left, top, right, bottom; the last two beyond).
    pub fn over(rect: [i32; 4], pattern: &Pattern) -> Self {
        let pixels = TILE_WIDTH * (pattern.width / STEPS);
        let first = [rect[0].div_euclid(pixels), rect[1].div_euclid(TILE_HEIGHT)];
        let beyond = [
            (rect[2] + pixels - 1).div_euclid(pixels),
            (rect[3] + TILE_HEIGHT - 1).div_euclid(TILE_HEIGHT),
        ];
        Self {
            first,
            count: [(beyond[0] - first[0]).max(0), (beyond[1] - first[1]).max(0)],
            cell: pattern.width,
            centered: pattern.width > STEPS,
        }
    }

    pub fn tiles(&self) -> usize {
        self.count[0] as usize * self.count[1] as usize
    }

    /// Width and height of a tile in steps.
    fn tile(&self) -> [i32; 2] {
        [self.cell * TILE_WIDTH, STEPS * TILE_HEIGHT]
    }
}

/// A piece of a clipped triangle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    pub vertices: [Vertex; 3],
    /// Number of the triangle it is of.
    pub triangle: u32,
}

/// Set in an entry: the rest is the index of a piece.
pub(crate) const PIECE: u32 = 1 << 31;

/// The bins of a run of triangles.
#[derive(Debug, Default)]
pub(crate) struct Bins {
    /// Where each tile's entries begin; one more than there are tiles.
    starts: Vec<u32>,
    entries: Vec<u32>,
    pub pieces: Vec<Piece>,
    dropped: u64,
}

impl Bins {
    /// Triangles of a tile by number, rising, or [`PIECE`]s.
    pub fn of(&self, tile: usize) -> &[u32] {
        &self.entries[self.starts[tile] as usize..self.starts[tile + 1] as usize]
    }
}

/// Triangles of a run, roughly.
const RUN: usize = 16_384;

/// Bins of all triangles, in runs, in order; and how many triangles had no area or no place.
pub(crate) fn fill(projected: &Projected<'_>, grid: &Grid) -> (Vec<Bins>, u64) {
    let mut runs: Vec<Vec<(usize, usize, usize)>> = vec![Vec::new()];
    let mut room = RUN;
    for (d, draw) in projected.draws.iter().enumerate() {
        let mut from = 0;
        while from < draw.triangles.len() {
            if room == 0 {
                runs.push(Vec::new());
                room = RUN;
            }
            let to = draw.triangles.len().min(from + room);
            if let Some(run) = runs.last_mut() {
                run.push((d, from, to));
            }
            room -= to - from;
            from = to;
        }
    }
    let bins: Vec<Bins> = runs
        .par_iter()
        .map(|run| fill_run(projected, grid, run))
        .collect();
    let dropped = bins.iter().map(|b| b.dropped).sum();
    (bins, dropped)
}

fn fill_run(projected: &Projected<'_>, grid: &Grid, run: &[(usize, usize, usize)]) -> Bins {
    let mut bins = Bins::default();
    let mut pairs: Vec<(u32, u32)> = Vec::with_capacity(RUN);
    for &(d, from, to) in run {
        let draw = &projected.draws[d];
        let vertices = &projected.vertices[draw.first_vertex..][..draw.positions.len()];
        for (t, triangle) in draw.triangles[from..to].iter().enumerate() {
            let number = draw.first_triangle + (from + t) as u32;
            let corners = triangle.map(|i| vertices.get(i as usize));
            let [Some(a), Some(b), Some(c)] = corners else {
                bins.dropped += 1;
                continue;
            };
            let corners = [*a, *b, *c];
            if a.x <= BAD || b.x <= BAD || c.x <= BAD {
                if a.x == BAD || b.x == BAD || c.x == BAD {
                    bins.dropped += 1;
                } else {
                    cut(projected, draw, *triangle, |piece| {
                        let index = bins.pieces.len() as u32;
                        if place(
                            grid,
                            draw,
                            &projected.lens.k_far,
                            piece,
                            PIECE | index,
                            &mut pairs,
                        )
                        .is_some()
                        {
                            bins.pieces.push(Piece {
                                vertices: piece,
                                triangle: number,
                            });
                        }
                    });
                }
                continue;
            }
            if place(grid, draw, &projected.lens.k_far, corners, number, &mut pairs).is_none() {
                bins.dropped += 1;
            }
        }
    }
    sort(&mut bins, &pairs, grid.tiles());
    bins
}

/// Counting sort by tile; equal tiles keep their order.
fn sort(bins: &mut Bins, pairs: &[(u32, u32)], tiles: usize) {
    let mut starts = vec![0u32; tiles + 1];
    for (tile, _) in pairs {
        starts[*tile as usize + 1] += 1;
    }
    for t in 0..tiles {
        starts[t + 1] += starts[t];
    }
    let mut next = starts.clone();
    bins.entries = vec![0; pairs.len()];
    for (tile, entry) in pairs {
        let at = &mut next[*tile as usize];
        bins.entries[*at as usize] = *entry;
        *at += 1;
    }
    bins.starts = starts;
}

fn cut(projected: &Projected<'_>, draw: &Draw<'_>, triangle: [u32; 3], piece: impl FnMut([Vertex; 3])) {
    let corner = |i: u32| {
        let p = DVec3::from_array(draw.positions[i as usize].map(f64::from));
        draw.camera_from_local.transform_point3(p)
    };
    let corners = triangle.map(corner);
    let near = projected.lens.near;
    if corners.iter().all(|p| -p.z < near) {
        return;
    }
    clip(&projected.lens, corners, piece);
}

/// Puts a triangle into the bins it may touch. None where it has no area.
#[inline(always)]
fn place(
    grid: &Grid,
    draw: &Draw<'_>,
    k_far: &f32,
    [a, b, c]: [Vertex; 3],
    entry: u32,
    pairs: &mut Vec<(u32, u32)>,
) -> Option<()> {
    let area = i64::from(b.x - a.x) * i64::from(c.y - a.y) - i64::from(c.x - a.x) * i64::from(b.y - a.y);
    if area == 0 {
        return None;
    }
    // Rows run down, so what winds counter-clockwise has a negative area here.
    if draw.one_sided && (area < 0) == draw.mirrored {
        return Some(());
    }
    if a.k <= *k_far && b.k <= *k_far && c.k <= *k_far {
        return Some(());
    }
    let [wide, high] = grid.tile();
    let low = [a.x.min(b.x).min(c.x), a.y.min(b.y).min(c.y)];
    let top = [a.x.max(b.x).max(c.x), a.y.max(b.y).max(c.y)];
    if grid.centered {
        // Many a small triangle lies between all centres.
        let between = |low: i32, top: i32| {
            (low + STEPS / 2 - 1).div_euclid(STEPS) > (top - STEPS / 2).div_euclid(STEPS)
        };
        if between(low[0], top[0]) || between(low[1], top[1]) {
            return Some(());
        }
    }
    let x0 = (low[0].div_euclid(wide) - grid.first[0]).max(0);
    let x1 = (top[0].div_euclid(wide) - grid.first[0]).min(grid.count[0] - 1);
    let y0 = (low[1].div_euclid(high) - grid.first[1]).max(0);
    let y1 = (top[1].div_euclid(high) - grid.first[1]).min(grid.count[1] - 1);
    if (x1 - x0).min(y1 - y0) < 0 {
        return Some(());
    }
    if x1 - x0 + (y1 - y0) < 3 {
        for y in y0..=y1 {
            for x in x0..=x1 {
                pairs.push(((y * grid.count[0] + x) as u32, entry));
            }
        }
        return Some(());
    }
    // A large one: only the tiles that its edges do not leave out.
    let [b, c] = if area > 0 { [b, c] } else { [c, b] };
    let edges = [(a, b), (b, c), (c, a)].map(|(p, q)| {
        let (dx, dy) = (i64::from(q.x - p.x), i64::from(q.y - p.y));
        (dx, dy, dy * i64::from(p.x) - dx * i64::from(p.y))
    });
    for y in y0..=y1 {
        for x in x0..=x1 {
            let left = i64::from(x + grid.first[0]) * i64::from(wide);
            let up = i64::from(y + grid.first[1]) * i64::from(high);
            let out = edges.iter().any(|(dx, dy, at)| {
                // The tile's corner where this edge's function is largest.
                let px = if *dy < 0 { left + i64::from(wide) } else { left };
                let py = if *dx > 0 { up + i64::from(high) } else { up };
                dx * py - dy * px + at < 0
            });
            if !out {
                pairs.push(((y * grid.count[0] + x) as u32, entry));
            }
        }
    }
    Some(())
}
