//! One tile's samples: nearness and triangle of eight places in every cell.

use super::project::Vertex;
use super::{Pattern, STEPS, TILE_HEIGHT, TILE_WIDTH};

/// Cells of a tile.
pub(crate) const CELLS: usize = (TILE_WIDTH * TILE_HEIGHT) as usize;
/// Cells each way of a block: what large triangles are handled by.
const BLOCK: i32 = 8;
/// Blocks in a row of a tile.
const ACROSS: usize = (TILE_WIDTH / BLOCK) as usize;
const BLOCKS: usize = ACROSS * (TILE_HEIGHT / BLOCK) as usize;
/// Triangles up to this many steps across go cell by cell in 32-bit numbers.
const SMALL: i32 = 1 << 13;
/// After how many small triangles a block's farthest sample is looked up again.
const STALE: u8 = 24;

/// A tile's samples.
#[derive(Debug)]
pub(crate) struct Samples {
    /// Nearness of what is seen.
    pub k: Vec<[f32; 8]>,
    /// What is seen: the caller's numbers, 0 for nothing.
    pub seen: Vec<[u32; 8]>,
    /// No sample of a block is farther than this.
    farthest: [f32; BLOCKS],
    touched: [u8; BLOCKS],
}

impl Samples {
    pub fn new() -> Self {
        Self {
            k: vec![[0.0; 8]; CELLS],
            seen: vec![[0; 8]; CELLS],
            farthest: [0.0; BLOCKS],
            touched: [0; BLOCKS],
        }
    }

    /// Nothing is seen, and nothing will be that is not nearer than `k_far`.
    #[inline(always)]
    pub fn clear(&mut self, k_far: f32) {
        self.k.fill([k_far; 8]);
        self.seen.fill([0; 8]);
        self.farthest = [k_far; BLOCKS];
        self.touched = [0; BLOCKS];
    }
}

/// Says which of the covered samples (bits) of a cell (column, row in the tile) are not see-through.
pub(crate) trait Sieve {
    /// Whether it is asked at all.
    const ASKED: bool;
    /// The bits that stay.
    fn keep(&mut self, column: i32, row: i32, covered: u8) -> u8;
}

/// For what has no holes.
pub(crate) struct Opaque;

impl Sieve for Opaque {
    const ASKED: bool = false;
    #[inline(always)]
    fn keep(&mut self, _: i32, _: i32, covered: u8) -> u8 {
        covered
    }
}

/// An edge's function: `a·x + b·y + c`, not below zero inside.
#[derive(Clone, Copy)]
struct Edge {
    a: i64,
    b: i64,
    c: i64,
}

/// A triangle made ready.
struct Ready {
    edges: [Edge; 3],
    /// Nearness at vertex 0, and its change a step.
    k: [f64; 3],
    origin: [i32; 2],
    k_low: f32,
    k_high: f32,
    seen: u32,
}

/// Draws a triangle, whose vertices count from the tile's corner and which has an area, with the number `seen`. Where
/// two are as near as each other, the first one stays.
#[inline(always)]
pub(crate) fn draw<S: Sieve>(
    samples: &mut Samples,
    pattern: &Pattern,
    [a, b, c]: [Vertex; 3],
    seen: u32,
    sieve: &mut S,
) {
    let low = [a.x.min(b.x).min(c.x), a.y.min(b.y).min(c.y)];
    let top = [a.x.max(b.x).max(c.x), a.y.max(b.y).max(c.y)];
    let x0 = low[0].div_euclid(pattern.width).max(0);
    let x1 = top[0].div_euclid(pattern.width).min(TILE_WIDTH - 1);
    let y0 = low[1].div_euclid(STEPS).max(0);
    let y1 = top[1].div_euclid(STEPS).min(TILE_HEIGHT - 1);
    if x1 < x0 || y1 < y0 {
        return;
    }
    let k_low = min(min(a.k, b.k), c.k);
    let k_high = max(max(a.k, b.k), c.k);
    let rect = [x0, y0, x1, y1];
    if (top[0] - low[0]).max(top[1] - low[1]) <= SMALL {
        small(samples, pattern, [a, b, c], seen, rect, [k_low, k_high], sieve);
    } else {
        large(samples, pattern, [a, b, c], seen, rect, [k_low, k_high], sieve);
    }
}

// Not `f32::min`: without numbers that are none, these are one instruction.
#[inline(always)]
fn min(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

#[inline(always)]
fn max(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Whether samples on the edge itself are inside: on top edges and on left ones. Rows run down, the inside is where
/// the function rises.
#[inline(always)]
fn owns(dx: i32, dy: i32) -> bool {
    dy < 0 || (dy == 0 && dx > 0)
}

#[inline(always)]
fn block_of(column: i32, row: i32) -> usize {
    (row / BLOCK) as usize * ACROSS + (column / BLOCK) as usize
}

#[inline(always)]
fn small<S: Sieve>(
    samples: &mut Samples,
    pattern: &Pattern,
    corners: [Vertex; 3],
    seen: u32,
    [x0, y0, x1, y1]: [i32; 4],
    [k_low, k_high]: [f32; 2],
    sieve: &mut S,
) {
    // Hidden whole?
    let (bx0, bx1, by0, by1) = (x0 / BLOCK, x1 / BLOCK, y0 / BLOCK, y1 / BLOCK);
    let mut hidden = true;
    for by in by0..=by1 {
        for bx in bx0..=bx1 {
            hidden &= k_high <= samples.farthest[by as usize * ACROSS + bx as usize];
        }
    }
    if hidden {
        return;
    }
    let [a, b, c] = corners;
    let (ux, uy, vx, vy) = (b.x - a.x, b.y - a.y, c.x - a.x, c.y - a.y);
    let area = ux.wrapping_mul(vy).wrapping_sub(vx.wrapping_mul(uy));
    let (p, q, r) = if area > 0 { (a, b, c) } else { (a, c, b) };
    let inverse = 1.0 / area as f32;
    let (kb, kc) = (b.k - a.k, c.k - a.k);
    let kx = (kb * vy as f32 - kc * uy as f32) * inverse;
    let ky = (kc * ux as f32 - kb * vx as f32) * inverse;
    let (cx, cy) = (x0 * pattern.width, y0 * STEPS);
    let mut start = [0i32; 3];
    let mut right = [0i32; 3];
    let mut down = [0i32; 3];
    let mut offset = [[0i32; 8]; 3];
    for (i, (from, to)) in [(p, q), (q, r), (r, p)].into_iter().enumerate() {
        let (dx, dy) = (to.x - from.x, to.y - from.y);
        start[i] = dx
            .wrapping_mul(cy.wrapping_sub(from.y))
            .wrapping_sub(dy.wrapping_mul(cx.wrapping_sub(from.x)))
            .wrapping_sub(i32::from(!owns(dx, dy)));
        right[i] = dy.wrapping_mul(pattern.width).wrapping_neg();
        down[i] = dx.wrapping_mul(STEPS);
        for l in 0..8 {
            offset[i][l] = dx
                .wrapping_mul(pattern.y[l])
                .wrapping_sub(dy.wrapping_mul(pattern.x[l]));
        }
    }
    let mut k_offset = [0f32; 8];
    for l in 0..8 {
        k_offset[l] = kx * pattern.x[l] as f32 + ky * pattern.y[l] as f32;
    }
    for row in y0..=y1 {
        let mut e = start;
        for i in 0..3 {
            e[i] = e[i].wrapping_add(down[i].wrapping_mul(row - y0));
        }
        let y = (row * STEPS - a.y) as f32;
        let line = (row * TILE_WIDTH) as usize;
        for column in x0..=x1 {
            let x = (column * pattern.width - a.x) as f32;
            let k0 = a.k + x * kx + y * ky;
            let cell = line + column as usize;
            let best = &mut samples.k[cell];
            let who = &mut samples.seen[cell];
            let mut k = [0f32; 8];
            let mut pass = [false; 8];
            for l in 0..8 {
                let inside = e[0].wrapping_add(offset[0][l])
                    | e[1].wrapping_add(offset[1][l])
                    | e[2].wrapping_add(offset[2][l]);
                k[l] = max(min(k0 + k_offset[l], k_high), k_low);
                pass[l] = (inside >= 0) & (k[l] > best[l]);
            }
            if S::ASKED {
                sift(sieve, column, row, &mut pass);
            }
            for l in 0..8 {
                best[l] = if pass[l] { k[l] } else { best[l] };
                who[l] = if pass[l] { seen } else { who[l] };
            }
            for i in 0..3 {
                e[i] = e[i].wrapping_add(right[i]);
            }
        }
    }
    for by in by0..=by1 {
        for bx in bx0..=bx1 {
            let block = by as usize * ACROSS + bx as usize;
            samples.touched[block] += 1;
            if samples.touched[block] >= STALE {
                look_up(samples, bx * BLOCK, by * BLOCK);
            }
        }
    }
}

#[inline(always)]
fn sift<S: Sieve>(sieve: &mut S, column: i32, row: i32, pass: &mut [bool; 8]) {
    let mut bits = 0u8;
    for l in 0..8 {
        bits |= u8::from(pass[l]) << l;
    }
    if bits != 0 {
        let kept = sieve.keep(column, row, bits);
        for l in 0..8 {
            pass[l] &= kept >> l & 1 != 0;
        }
    }
}

/// Finds a block's farthest sample.
#[inline(always)]
fn look_up(samples: &mut Samples, column: i32, row: i32) {
    let mut low = [f32::INFINITY; 8];
    for y in row..row + BLOCK {
        let from = (y * TILE_WIDTH + column) as usize;
        for cell in &samples.k[from..from + BLOCK as usize] {
            for l in 0..8 {
                low[l] = min(low[l], cell[l]);
            }
        }
    }
    let block = block_of(column, row);
    samples.farthest[block] = low.into_iter().fold(f32::INFINITY, min);
    samples.touched[block] = 0;
}

fn large<S: Sieve>(
    samples: &mut Samples,
    pattern: &Pattern,
    [a, b, c]: [Vertex; 3],
    seen: u32,
    [x0, y0, x1, y1]: [i32; 4],
    [k_low, k_high]: [f32; 2],
    sieve: &mut S,
) {
    let [ux, uy, vx, vy] = [b.x - a.x, b.y - a.y, c.x - a.x, c.y - a.y].map(i64::from);
    let area = ux * vy - vx * uy;
    let (p, q, r) = if area > 0 { (a, b, c) } else { (a, c, b) };
    let edges = [(p, q), (q, r), (r, p)].map(|(from, to)| {
        let (dx, dy) = (to.x - from.x, to.y - from.y);
        let (x, y) = (i64::from(from.x), i64::from(from.y));
        let (b, a) = (i64::from(dx), -i64::from(dy));
        Edge {
            a,
            b,
            c: -(b * y + a * x) - i64::from(!owns(dx, dy)),
        }
    });
    let (kb, kc) = (f64::from(b.k) - f64::from(a.k), f64::from(c.k) - f64::from(a.k));
    let inverse = 1.0 / area as f64;
    let ready = Ready {
        edges,
        k: [
            f64::from(a.k),
            (kb * vy as f64 - kc * uy as f64) * inverse,
            (kc * ux as f64 - kb * vx as f64) * inverse,
        ],
        origin: [a.x, a.y],
        k_low,
        k_high,
        seen,
    };
    for by in y0 / BLOCK..=y1 / BLOCK {
        for bx in x0 / BLOCK..=x1 / BLOCK {
            block(samples, pattern, &ready, bx * BLOCK, by * BLOCK, sieve);
        }
    }
}

#[inline(always)]
fn block<S: Sieve>(
    samples: &mut Samples,
    pattern: &Pattern,
    ready: &Ready,
    column: i32,
    row: i32,
    sieve: &mut S,
) {
    let (left, up) = (column * pattern.width, row * STEPS);
    let (wide, high) = (i64::from(BLOCK * pattern.width), i64::from(BLOCK * STEPS));
    // The edges' functions at the block's corner, of those edges that cross the block.
    let mut start = [Edge { a: 0, b: 0, c: 0 }; 3];
    let mut crossed = false;
    let mut reach = 0i64;
    for (edge, out) in ready.edges.iter().zip(&mut start) {
        let at = edge.a * i64::from(left) + edge.b * i64::from(up) + edge.c;
        let most = at + edge.a.max(0) * wide + edge.b.max(0) * high;
        let least = at + edge.a.min(0) * wide + edge.b.min(0) * high;
        if most < 0 {
            return;
        }
        if least < 0 {
            *out = Edge {
                a: edge.a,
                b: edge.b,
                c: at,
            };
            crossed = true;
            reach = reach.max(most.max(-least));
        }
    }
    let [k0, kx, ky] = ready.k;
    let corner = k0 + f64::from(left - ready.origin[0]) * kx + f64::from(up - ready.origin[1]) * ky;
    // The nearest it can come in the block; a hair more, since the samples' own sums are rounded.
    let nearest = corner + kx.max(0.0) * wide as f64 + ky.max(0.0) * high as f64;
    let nearest = min(nearest as f32, ready.k_high);
    let place = block_of(column, row);
    if nearest + nearest.abs() * 1e-6 <= samples.farthest[place] {
        return;
    }
    let shape = Shape {
        start,
        k: [corner as f32, kx as f32, ky as f32],
        k_low: ready.k_low,
        k_high: ready.k_high,
        seen: ready.seen,
        crossed,
    };
    if reach < i64::from(i32::MAX) {
        narrow(samples, pattern, &shape, column, row, sieve);
    } else {
        wide_cells(samples, pattern, &shape, column, row, sieve);
    }
    look_up(samples, column, row);
}

/// A large triangle in one block.
struct Shape {
    start: [Edge; 3],
    /// Nearness at the block's corner and its change a step.
    k: [f32; 3],
    k_low: f32,
    k_high: f32,
    seen: u32,
    crossed: bool,
}

/// Fills a block, with edge functions in numbers of one width: the same text twice, since the narrow ones are twice as
/// fast and the wide ones never overflow.
macro_rules! cells {
    ($name:ident, $int:ty) => {
        #[inline(always)]
        fn $name<S: Sieve>(
            samples: &mut Samples,
            pattern: &Pattern,
            shape: &Shape,
            column: i32,
            row: i32,
            sieve: &mut S,
        ) {
            let mut offset = [[0 as $int; 8]; 3];
            for (edge, offset) in shape.start.iter().zip(&mut offset) {
                for l in 0..8 {
                    let (x, y) = (pattern.x[l] as $int, pattern.y[l] as $int);
                    offset[l] = (edge.a as $int)
                        .wrapping_mul(x)
                        .wrapping_add((edge.b as $int).wrapping_mul(y));
                }
            }
            let [k0, kx, ky] = shape.k;
            let mut k_offset = [0f32; 8];
            for l in 0..8 {
                k_offset[l] = kx * pattern.x[l] as f32 + ky * pattern.y[l] as f32;
            }
            for y in 0..BLOCK {
                let line = ((row + y) * TILE_WIDTH + column) as usize;
                for x in 0..BLOCK {
                    let (sx, sy) = (x * pattern.width, y * STEPS);
                    let k_cell = k0 + sx as f32 * kx + sy as f32 * ky;
                    let mut e = [0 as $int; 3];
                    if shape.crossed {
                        for (e, edge) in e.iter_mut().zip(&shape.start) {
                            *e = (edge.c as $int)
                                .wrapping_add((edge.a as $int).wrapping_mul(sx as $int))
                                .wrapping_add((edge.b as $int).wrapping_mul(sy as $int));
                        }
                    }
                    let best = &mut samples.k[line + x as usize];
                    let who = &mut samples.seen[line + x as usize];
                    let mut k = [0f32; 8];
                    let mut pass = [false; 8];
                    for l in 0..8 {
                        let inside = e[0].wrapping_add(offset[0][l])
                            | e[1].wrapping_add(offset[1][l])
                            | e[2].wrapping_add(offset[2][l]);
                        k[l] = max(min(k_cell + k_offset[l], shape.k_high), shape.k_low);
                        pass[l] = (inside >= 0) & (k[l] > best[l]);
                    }
                    if S::ASKED {
                        sift(sieve, column + x, row + y, &mut pass);
                    }
                    for l in 0..8 {
                        best[l] = if pass[l] { k[l] } else { best[l] };
                        who[l] = if pass[l] { shape.seen } else { who[l] };
                    }
                }
            }
        }
    };
}

cells!(narrow, i32);
cells!(wide_cells, i64);
