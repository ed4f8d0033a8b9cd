//! One tile's samples: nearness and triangle of eight places in every cell.

use super::lanes::Lanes;
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
        self.clear_k(k_far);
        self.seen.fill([0; 8]);
    }

    /// The same where nobody asks what is seen.
    #[inline(always)]
    pub fn clear_k(&mut self, k_far: f32) {
        self.k.fill([k_far; 8]);
        self.farthest = [k_far; BLOCKS];
        self.touched = [0; BLOCKS];
    }
}

/// Says which of the covered samples (bits) of a cell (column, row in the tile) are not see-through.
pub(crate) trait Sieve {
    /// Whether it is asked at all.
    const ASKED: bool;
    /// Whether anybody wants to know what is seen, and not only how near it is.
    const NAMED: bool;
    /// The bits that stay.
    fn keep(&mut self, column: i32, row: i32, covered: u8) -> u8;
}

/// For what has no holes.
pub(crate) struct Opaque;

impl Sieve for Opaque {
    const ASKED: bool = false;
    const NAMED: bool = true;
    #[inline(always)]
    fn keep(&mut self, _: i32, _: i32, covered: u8) -> u8 {
        covered
    }
}

/// For shadows: nearness alone.
pub(crate) struct Shade;

impl Sieve for Shade {
    const ASKED: bool = false;
    const NAMED: bool = false;
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
pub(crate) fn draw<L: Lanes, S: Sieve>(
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
        small::<L, S>(samples, pattern, [a, b, c], seen, rect, [k_low, k_high], sieve);
    } else {
        large::<L, S>(samples, pattern, [a, b, c], seen, rect, [k_low, k_high], sieve);
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
fn small<L: Lanes, S: Sieve>(
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
    let (xs, ys) = (L::load_i(&pattern.x), L::load_i(&pattern.y));
    let mut offset = [L::all_i(0); 3];
    for (i, (from, to)) in [(p, q), (q, r), (r, p)].into_iter().enumerate() {
        let (dx, dy) = (to.x - from.x, to.y - from.y);
        start[i] = dx
            .wrapping_mul(cy.wrapping_sub(from.y))
            .wrapping_sub(dy.wrapping_mul(cx.wrapping_sub(from.x)))
            .wrapping_sub(i32::from(!owns(dx, dy)));
        right[i] = dy.wrapping_mul(pattern.width).wrapping_neg();
        down[i] = dx.wrapping_mul(STEPS);
        offset[i] = L::sub_i(L::mul_i(L::all_i(dx), ys), L::mul_i(L::all_i(dy), xs));
    }
    let k_offset = L::add_f(
        L::mul_f(L::all_f(kx), L::float(xs)),
        L::mul_f(L::all_f(ky), L::float(ys)),
    );
    let (low, high) = (L::all_f(k_low), L::all_f(k_high));
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
            let inside = L::or_i(
                L::or_i(
                    L::add_i(L::all_i(e[0]), offset[0]),
                    L::add_i(L::all_i(e[1]), offset[1]),
                ),
                L::add_i(L::all_i(e[2]), offset[2]),
            );
            let k = L::max_f(L::min_f(L::add_f(L::all_f(k0), k_offset), high), low);
            cell::<L, S>(
                samples,
                line + column as usize,
                inside,
                k,
                seen,
                sieve,
                column,
                row,
            );
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
                look_up::<L>(samples, bx * BLOCK, by * BLOCK);
            }
        }
    }
}

/// Writes a triangle into one cell where it is inside and nearer.
#[inline(always)]
fn cell<L: Lanes, S: Sieve>(
    samples: &mut Samples,
    at: usize,
    inside: L::I,
    k: L::F,
    seen: u32,
    sieve: &mut S,
    column: i32,
    row: i32,
) {
    let best = &mut samples.k[at];
    let mut mask = L::seen(inside, k, L::load_f(best));
    if S::ASKED {
        let bits = L::bits(mask);
        if bits != 0 {
            let kept = sieve.keep(column, row, bits);
            let kept: [i32; 8] = std::array::from_fn(|l| -i32::from(kept >> l & 1));
            mask = L::and_i(mask, L::load_i(&kept));
        }
    }
    if S::NAMED {
        L::put(best, &mut samples.seen[at], k, seen, mask);
    } else {
        L::put_k(best, k, mask);
    }
}

/// Finds a block's farthest sample.
#[inline(always)]
fn look_up<L: Lanes>(samples: &mut Samples, column: i32, row: i32) {
    let mut low = L::all_f(f32::INFINITY);
    for y in row..row + BLOCK {
        let from = (y * TILE_WIDTH + column) as usize;
        for cell in &samples.k[from..from + BLOCK as usize] {
            low = L::min_f(low, L::load_f(cell));
        }
    }
    let low = L::store_f(low);
    let block = block_of(column, row);
    samples.farthest[block] = low.into_iter().fold(f32::INFINITY, min);
    samples.touched[block] = 0;
}

#[inline(always)]
fn large<L: Lanes, S: Sieve>(
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
            block::<L, S>(samples, pattern, &ready, bx * BLOCK, by * BLOCK, sieve);
        }
    }
}

#[inline(always)]
fn block<L: Lanes, S: Sieve>(
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
        narrow::<L, S>(samples, pattern, &shape, column, row, sieve);
    } else {
        wide_cells::<L, S>(samples, pattern, &shape, column, row, sieve);
    }
    look_up::<L>(samples, column, row);
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

/// Fills a block where its edge functions fit 32 bits.
#[inline(always)]
fn narrow<L: Lanes, S: Sieve>(
    samples: &mut Samples,
    pattern: &Pattern,
    shape: &Shape,
    column: i32,
    row: i32,
    sieve: &mut S,
) {
    let (xs, ys) = (L::load_i(&pattern.x), L::load_i(&pattern.y));
    // Loops and not `map`: its closures would not be compiled for these lanes.
    let mut edges = [[0i32; 3]; 3];
    let mut offset = [L::all_i(0); 3];
    for i in 0..3 {
        let e = &shape.start[i];
        edges[i] = [e.a as i32, e.b as i32, e.c as i32];
        offset[i] = L::add_i(
            L::mul_i(L::all_i(edges[i][0]), xs),
            L::mul_i(L::all_i(edges[i][1]), ys),
        );
    }
    let [k0, kx, ky] = shape.k;
    let k_offset = L::add_f(
        L::mul_f(L::all_f(kx), L::float(xs)),
        L::mul_f(L::all_f(ky), L::float(ys)),
    );
    let (low, high) = (L::all_f(shape.k_low), L::all_f(shape.k_high));
    for y in 0..BLOCK {
        let line = ((row + y) * TILE_WIDTH + column) as usize;
        for x in 0..BLOCK {
            let (sx, sy) = (x * pattern.width, y * STEPS);
            let k_cell = k0 + sx as f32 * kx + sy as f32 * ky;
            let k = L::max_f(L::min_f(L::add_f(L::all_f(k_cell), k_offset), high), low);
            let mut inside = L::all_i(0);
            if shape.crossed {
                for i in 0..3 {
                    let [a, b, c] = edges[i];
                    let e = c
                        .wrapping_add(a.wrapping_mul(sx))
                        .wrapping_add(b.wrapping_mul(sy));
                    inside = L::or_i(inside, L::add_i(L::all_i(e), offset[i]));
                }
            }
            cell::<L, S>(
                samples,
                line + x as usize,
                inside,
                k,
                shape.seen,
                sieve,
                column + x,
                row + y,
            );
        }
    }
}

/// The same in 64 bits, one sample after the other: for triangles far larger than the picture, whose edges rarely cross
/// a block.
#[inline(always)]
fn wide_cells<L: Lanes, S: Sieve>(
    samples: &mut Samples,
    pattern: &Pattern,
    shape: &Shape,
    column: i32,
    row: i32,
    sieve: &mut S,
) {
    let [k0, kx, ky] = shape.k;
    for y in 0..BLOCK {
        let line = ((row + y) * TILE_WIDTH + column) as usize;
        for x in 0..BLOCK {
            let (sx, sy) = (x * pattern.width, y * STEPS);
            let k_cell = k0 + sx as f32 * kx + sy as f32 * ky;
            let mut inside = [0i32; 8];
            let mut k = [0f32; 8];
            for l in 0..8 {
                let (px, py) = (pattern.x[l], pattern.y[l]);
                for e in &shape.start {
                    let at = e.c + e.a * i64::from(sx + px) + e.b * i64::from(sy + py);
                    inside[l] |= if at < 0 { -1 } else { 0 };
                }
                let own = k_cell + (kx * px as f32 + ky * py as f32);
                k[l] = max(min(own, shape.k_high), shape.k_low);
            }
            let (inside, k) = (L::load_i(&inside), L::load_f(&k));
            cell::<L, S>(
                samples,
                line + x as usize,
                inside,
                k,
                shape.seen,
                sieve,
                column + x,
                row + y,
            );
        }
    }
}
