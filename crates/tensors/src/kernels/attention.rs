//! Attention in tiles, with the softmax kept running.
//!
//! The scores of a panel of queries against a block of keys fit the processor's cache; each next block of keys rescales
//! what is summed so far, so that the whole matrix of scores never exists (Milakov and Gimelshein, "Online normalizer
//! calculation for softmax", 2018; Dao and others, "FlashAttention", 2022, section 3.1). Keys and values of a few heads
//! are laid out anew for it: rows of one head lie a whole token apart, and would drive each other out of a cache.
#![allow(unsafe_code)] // tiles take pointers; threads write parts of one result that do not overlap

use std::ops::Range;

use rayon::prelude::*;

use super::registers::Register;
use super::tiles::{
    Aligned, Begin, MOST_ROWS, Rows, SIDE, by_width, pack, sums, tile_size, turn_four, width, write,
};

/// Keys to a block, at most: a panel's scores are then at most 32 KiB.
const KEYS: usize = 256;
/// Panels of queries to a task, at most: a block of keys and values is read once for all of them.
const PANELS: usize = 6;
/// What the keys and values of some heads may take together, in values: 8 MiB. One head is always done.
const HEADS_ROOM: usize = 2 << 20;

/// The shape of an attention, and its scale.
#[derive(Clone, Copy, Debug)]
pub struct Attention {
    /// Number of heads; a row is `heads · head_dim` wide, head after head.
    pub heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Rows of the queries and of the result.
    pub queries: usize,
    /// Rows of the keys and values that count; further rows are not looked at.
    pub keys: usize,
    /// What scores are multiplied by before the bias and the softmax; `1/√head_dim` as a rule.
    pub scale: f32,
}

/// `softmax(q·kᵀ·scale + bias)·v`, head by head.
///
/// `q` and `out` are (queries, heads·head_dim), `k` and `v` are (keys or more, heads·head_dim), `bias` is (heads,
/// queries, keys).
///
/// # Panics
/// When a slice does not fit the shape, or there is no key.
pub fn attention(q: &[f32], k: &[f32], v: &[f32], bias: Option<&[f32]>, shape: Attention, out: &mut [f32]) {
    tiled(q, k, v, bias, shape, out, None);
}

/// The same without a bias, and what its backward ([`super::attention_backward`]) needs of the softmax: into `sums`,
/// (queries, heads), goes the logarithm of each query's sum of exponentials.
///
/// # Panics
/// As [`attention`], and when `sums` does not fit.
pub fn attention_keeping_sums(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    shape: Attention,
    out: &mut [f32],
    sums: &mut [f32],
) {
    assert_eq!(sums.len(), shape.queries * shape.heads);
    tiled(q, k, v, None, shape, out, Some(sums));
}

fn tiled(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    bias: Option<&[f32]>,
    shape: Attention,
    out: &mut [f32],
    sums: Option<&mut [f32]>,
) {
    let Attention {
        heads,
        head_dim,
        queries,
        keys,
        ..
    } = shape;
    let width = heads * head_dim;
    assert!(keys > 0, "attention needs a key");
    assert_eq!(q.len(), queries * width);
    assert_eq!(out.len(), queries * width);
    assert!(k.len() >= keys * width && v.len() >= keys * width);
    assert!(bias.is_none_or(|b| b.len() == heads * queries * keys));
    if width == 0 || queries == 0 {
        return;
    }
    attend(q, k, v, bias, shape, out, sums, &Ways::here());
}

/// [`lay_out`].
type LayOut = fn(&[f32], &[f32], usize, usize, Range<usize>, usize, &mut [f32], &mut [f32]);

/// What differs from processor to processor.
struct Ways {
    /// Columns and rows of a tile.
    tile: [usize; 2],
    lay_out: LayOut,
    some_queries: fn(&Task<'_>, &mut Scratch, &Result),
}

impl Ways {
    /// This processor's.
    fn here() -> Self {
        Self {
            tile: tile_size(),
            lay_out,
            some_queries,
        }
    }
}

/// [`attention`], its arguments checked.
fn attend(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    bias: Option<&[f32]>,
    shape: Attention,
    out: &mut [f32],
    sums: Option<&mut [f32]>,
    ways: &Ways,
) {
    let Attention {
        heads,
        head_dim,
        queries,
        keys,
        ..
    } = shape;
    let width = heads * head_dim;
    let blocks = Blocks::new(keys, head_dim, ways.tile);
    let room = blocks.count * (blocks.keys_room() + blocks.values_room());
    let together = (HEADS_ROOM / room.max(1)).clamp(1, heads);
    let mut near_keys = Aligned::new(together * blocks.count * blocks.keys_room());
    let mut near_values = Aligned::new(together * blocks.count * blocks.values_room());
    let panels = queries.div_ceil(ways.tile[0]);
    let tasks = 3 * rayon::current_num_threads();
    let result = Result {
        out: out.as_mut_ptr(),
        sums: sums.map(<[f32]>::as_mut_ptr),
    };
    for first in (0..heads).step_by(together) {
        let some = together.min(heads - first);
        near_keys
            .par_chunks_mut(blocks.keys_room())
            .zip(near_values.par_chunks_mut(blocks.values_room()))
            .take(some * blocks.count)
            .enumerate()
            .for_each(|(at, (near_keys, near_values))| {
                let (head, block) = (first + at / blocks.count, at % blocks.count);
                let column = head * head_dim;
                (ways.lay_out)(
                    k,
                    v,
                    width,
                    column,
                    blocks.range(block),
                    head_dim,
                    near_keys,
                    near_values,
                );
            });
        let each = (panels * some).div_ceil(tasks).clamp(1, PANELS);
        let parts = panels.div_ceil(each);
        (0..some * parts).into_par_iter().for_each_init(
            || Scratch::new(each, &blocks),
            |scratch, task| {
                let (at, part) = (task / parts, task % parts);
                let (key_from, value_from) = (
                    at * blocks.count * blocks.keys_room(),
                    at * blocks.count * blocks.values_room(),
                );
                let task = Task {
                    q,
                    keys: &near_keys[key_from..key_from + blocks.count * blocks.keys_room()],
                    values: &near_values[value_from..value_from + blocks.count * blocks.values_room()],
                    bias,
                    shape,
                    blocks: &blocks,
                    head: first + at,
                    panels: part * each..((part + 1) * each).min(panels),
                };
                (ways.some_queries)(&task, scratch, &result);
            },
        );
    }
}

/// The result, for tasks that write different heads or rows of it.
struct Result {
    /// (queries, heads·head_dim).
    out: *mut f32,
    /// Logarithms of the sums of exponentials, (queries, heads), where they are wanted.
    sums: Option<*mut f32>,
}

// SAFETY: each task writes its own part alone, and the slice outlives them all.
unsafe impl Sync for Result {}

/// How keys are cut into blocks, all about as large as each other.
struct Blocks {
    count: usize,
    /// Keys to a block but the last, a whole number of tiles.
    each: usize,
    keys: usize,
    head_dim: usize,
    /// Columns and rows of a tile.
    tile: [usize; 2],
}

impl Blocks {
    fn new(keys: usize, head_dim: usize, tile: [usize; 2]) -> Self {
        let each = keys.div_ceil(keys.div_ceil(KEYS)).next_multiple_of(MOST_ROWS);
        Self {
            count: keys.div_ceil(each),
            each,
            keys,
            head_dim,
            tile,
        }
    }

    fn range(&self, block: usize) -> Range<usize> {
        block * self.each..((block + 1) * self.each).min(self.keys)
    }

    /// Values that the keys of a block take.
    fn keys_room(&self) -> usize {
        self.each * self.head_dim
    }

    /// Values that the values of a block take.
    fn values_room(&self) -> usize {
        self.each * self.head_dim.next_multiple_of(self.tile[1])
    }
}

by_width! {
    /// Lays one head's keys and values of a block out as rows of tiles.
    fn lay_out = lay_out_by(
        k: &[f32],
        v: &[f32],
        width: usize,
        column: usize,
        range: Range<usize>,
        head_dim: usize,
        near_keys: &mut [f32],
        near_values: &mut [f32],
    )
}

/// # Safety
/// The processor has `R`; there is no other danger.
#[inline(always)]
unsafe fn lay_out_by<R: Register>(
    k: &[f32],
    v: &[f32],
    width: usize,
    column: usize,
    range: Range<usize>,
    head_dim: usize,
    near_keys: &mut [f32],
    near_values: &mut [f32],
) {
    let count = range.len();
    for (slice, to) in near_keys.chunks_exact_mut(R::ROWS * head_dim).enumerate() {
        for j in 0..R::ROWS.min(count.saturating_sub(slice * R::ROWS)) {
            let from = &k[(range.start + slice * R::ROWS + j) * width + column..][..head_dim];
            for (to, value) in to.chunks_exact_mut(R::ROWS).zip(from) {
                to[j] = *value;
            }
        }
    }
    for (key, from) in range.enumerate() {
        let from = &v[from * width + column..][..head_dim];
        for (slice, from) in from.chunks(R::ROWS).enumerate() {
            let to = &mut near_values[(slice * count + key) * R::ROWS..][..R::ROWS];
            match from.len() == R::ROWS {
                true => to.copy_from_slice(from),
                false => to[..from.len()].copy_from_slice(from),
            }
        }
    }
}

/// What one thread needs, a column for each query, so that the softmax runs down wide registers.
struct Scratch {
    /// The queries of each panel, scaled: (head_dim, columns).
    queries: Aligned,
    /// What the values have summed up to, for each panel: (head_dim, columns).
    sums: Aligned,
    /// Scores of one panel: (keys of a block, columns).
    scores: Aligned,
    /// For each panel: the greatest score of each query so far, and the sum of its exponentials relative to that.
    running: Aligned,
}

impl Scratch {
    fn new(panels: usize, blocks: &Blocks) -> Self {
        let width = blocks.tile[0];
        Self {
            queries: Aligned::new(panels * blocks.head_dim * width),
            sums: Aligned::new(panels * blocks.head_dim * width),
            scores: Aligned::new(blocks.each * width),
            running: Aligned::new(panels * 2 * width),
        }
    }
}

/// Some panels of queries of one head.
struct Task<'a> {
    q: &'a [f32],
    keys: &'a [f32],
    values: &'a [f32],
    bias: Option<&'a [f32]>,
    shape: Attention,
    blocks: &'a Blocks,
    head: usize,
    panels: Range<usize>,
}

by_width! { fn some_queries = some_queries_by(task: &Task<'_>, scratch: &mut Scratch, out: &Result) }

/// # Safety
/// The processor has `R`, and `out` the shape's room.
#[inline(always)]
unsafe fn some_queries_by<R: Register>(task: &Task<'_>, scratch: &mut Scratch, out: &Result) {
    let columns = width::<R>();
    let Attention {
        heads,
        head_dim,
        queries,
        scale,
        ..
    } = task.shape;
    let (row_len, blocks) = (heads * head_dim, task.blocks);
    let first = task.head * head_dim;
    let panel_len = head_dim * columns;
    let rows_of = |panel: usize| columns.min(queries - panel * columns);
    assert!(task.panels.end <= queries.div_ceil(columns) && task.q.len() == queries * row_len);
    assert!(scratch.queries.len() >= task.panels.len() * panel_len);
    assert!(scratch.sums.len() >= task.panels.len() * panel_len);
    for (i, panel) in task.panels.clone().enumerate() {
        let to = &mut scratch.queries[i * panel_len..(i + 1) * panel_len];
        // SAFETY: the rows were asserted to be there, and `to` is a panel of them.
        unsafe {
            let from = task.q.as_ptr().add(panel * columns * row_len + first);
            pack::<R>(from, rows_of(panel), row_len, head_dim, to.as_mut_ptr());
        }
        for value in to {
            *value *= scale;
        }
    }
    for running in scratch.running.chunks_exact_mut(2 * columns) {
        running[..columns].fill(f32::NEG_INFINITY);
        running[columns..].fill(0.0);
    }
    for block in 0..blocks.count {
        let range = blocks.range(block);
        let keys = &task.keys[block * blocks.keys_room()..][..blocks.keys_room()];
        let values = &task.values[block * blocks.values_room()..][..blocks.values_room()];
        for (i, panel) in task.panels.clone().enumerate() {
            let queries = &scratch.queries[i * panel_len..(i + 1) * panel_len];
            let sums = &mut scratch.sums[i * panel_len..(i + 1) * panel_len];
            let running = &mut scratch.running[i * 2 * columns..(i + 1) * 2 * columns];
            let scores = &mut scratch.scores[..range.len().next_multiple_of(R::ROWS) * columns];
            // SAFETY: the slices have the lengths that the functions assert.
            unsafe {
                products::<R>(keys, queries, head_dim, false, scores);
                let scores = &mut scores[..range.len() * columns];
                if let Some(bias) = task.bias {
                    add_bias(
                        task,
                        bias,
                        panel * columns,
                        rows_of(panel),
                        range.start,
                        scores,
                        columns,
                    );
                }
                exponentials::<R>(scores, running, (block > 0).then_some(&mut *sums));
                products::<R>(values, scores, range.len(), block > 0, sums);
            }
        }
    }
    for (i, panel) in task.panels.clone().enumerate() {
        let sums = &mut scratch.sums[i * panel_len..(i + 1) * panel_len];
        let (greatest, total) = scratch.running[i * 2 * columns..(i + 1) * 2 * columns].split_at(columns);
        for sums in sums.chunks_exact_mut(columns) {
            for (sum, total) in sums.iter_mut().zip(total) {
                *sum /= total;
            }
        }
        // SAFETY: the rows of this panel, and in each the columns of this head, which only this task writes.
        unsafe {
            let to = out.out.add(panel * columns * row_len + first);
            write_rows(sums, columns, rows_of(panel), head_dim, to, row_len);
            if let Some(sums) = out.sums {
                for row in 0..rows_of(panel) {
                    let to = sums.add((panel * columns + row) * heads + task.head);
                    to.write(greatest[row] + total[row].ln());
                }
            }
        }
    }
}

/// `to[row][c] = Σ_k rows_row[k]·panel[k][c]` for as many rows as `to` has, or added to what is there.
///
/// # Safety
/// The processor has `R`; there is no other danger.
#[inline(always)]
unsafe fn products<R: Register>(rows: &[f32], panel: &[f32], k: usize, more: bool, to: &mut [f32]) {
    let columns = width::<R>();
    let count = to.len() / columns;
    assert!(panel.len() >= k * columns && rows.len() >= count.next_multiple_of(R::ROWS) * k);
    let begin = if more { Begin::Result } else { Begin::Zero };
    let mut row = 0;
    while row < count {
        let left = (count - row).min(R::ROWS);
        // SAFETY: asserted above; `row` and `left` stay within `count`, so a tile does within `to`.
        unsafe {
            let at = rows.as_ptr().add(row / R::ROWS * R::ROWS * k + row % R::ROWS);
            let to = to.as_mut_ptr().add(row * columns);
            macro_rules! tile {
                ($j:literal) => {{
                    let sums = sums::<R, SIDE, $j>(k, panel.as_ptr(), at, Rows::Together);
                    write(sums, begin, to, columns, columns);
                    row += $j;
                }};
            }
            match left {
                12 => tile!(12),
                6.. => tile!(6),
                4.. => tile!(4),
                2.. => tile!(2),
                _ => tile!(1),
            }
        }
    }
}

/// Adds the bias of these queries and keys to their scores.
#[inline(always)]
fn add_bias(
    task: &Task<'_>,
    bias: &[f32],
    query: usize,
    rows: usize,
    key: usize,
    scores: &mut [f32],
    columns: usize,
) {
    let Attention { queries, keys, .. } = task.shape;
    for row in 0..rows {
        let from = &bias[(task.head * queries + query + row) * keys + key..][..scores.len() / columns];
        for (scores, bias) in scores.chunks_exact_mut(columns).zip(from) {
            scores[row] += bias;
        }
    }
}

/// Turns scores, a column a query, into exponentials relative to the greatest of each column so far, and carries the
/// greatest and the totals on; older sums shrink by as much as the greatest has grown.
///
/// # Safety
/// The processor has `R`; there is no other danger.
#[inline(always)]
unsafe fn exponentials<R: Register>(scores: &mut [f32], running: &mut [f32], older: Option<&mut [f32]>) {
    let columns = width::<R>();
    assert_eq!(running.len(), 2 * columns);
    let (greatest, total) = running.split_at_mut(columns);
    // SAFETY: pointers into chunks of `columns` values, which are `SIDE` registers.
    unsafe {
        let side = |at: *const f32| -> [R; SIDE] { std::array::from_fn(|v| R::load(at.add(v * R::LANES))) };
        let before = side(greatest.as_ptr());
        let mut now = before;
        for scores in scores.chunks_exact(columns) {
            let scores = side(scores.as_ptr());
            for (now, score) in now.iter_mut().zip(scores) {
                *now = score.max(*now);
            }
        }
        let shrink: [R; SIDE] = std::array::from_fn(|v| before[v].sub(now[v]).exp());
        let mut totals = side(total.as_ptr());
        for (total, shrink) in totals.iter_mut().zip(shrink) {
            *total = total.mul(shrink);
        }
        for scores in scores.chunks_exact_mut(columns) {
            for v in 0..SIDE {
                let at = scores.as_mut_ptr().add(v * R::LANES);
                let value = R::load(at).sub(now[v]).exp();
                value.store(at);
                totals[v] = totals[v].add(value);
            }
        }
        for v in 0..SIDE {
            now[v].store(greatest.as_mut_ptr().add(v * R::LANES));
            totals[v].store(total.as_mut_ptr().add(v * R::LANES));
        }
        for older in older
            .into_iter()
            .flat_map(|older| older.chunks_exact_mut(columns))
        {
            for (v, shrink) in shrink.iter().enumerate() {
                let at = older.as_mut_ptr().add(v * R::LANES);
                R::load(at).mul(*shrink).store(at);
            }
        }
    }
}

/// Writes a panel's first `rows` columns as rows `pitch` apart.
///
/// # Safety
/// `to` is good for `rows` rows of `k` values.
#[inline(always)]
unsafe fn write_rows(panel: &[f32], columns: usize, rows: usize, k: usize, to: *mut f32, pitch: usize) {
    assert!(panel.len() >= k * columns && rows <= columns);
    let (whole_rows, whole_k) = (rows / 4 * 4, k / 4 * 4);
    for row in (0..whole_rows).step_by(4) {
        for i in (0..whole_k).step_by(4) {
            // SAFETY: four rows and four values, all below the counts.
            unsafe {
                let from = std::array::from_fn(|r| panel.as_ptr().add((i + r) * columns + row));
                turn_four(from, |r| to.add((row + r) * pitch + i));
            }
        }
    }
    for row in 0..rows {
        let done = if row < whole_rows { whole_k } else { 0 };
        for i in done..k {
            // SAFETY: a row and a value below the counts.
            unsafe { *to.add(row * pitch + i) = panel[i * columns + row] };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tiles of another processor's size, by plain arithmetic.
    fn ways_of<const N: usize>() -> Ways {
        Ways {
            tile: [SIDE * N, <[f32; N] as Register>::ROWS],
            // SAFETY: plain arithmetic, which every processor has.
            lay_out: |k, v, width, column, range, head_dim, keys, values| unsafe {
                lay_out_by::<[f32; N]>(k, v, width, column, range, head_dim, keys, values);
            },
            // SAFETY: as above; `attend` gives the result's own slice.
            some_queries: |task, scratch, out| unsafe { some_queries_by::<[f32; N]>(task, scratch, out) },
        }
    }

    /// A processor runs one size of tiles; those of the others are tried here.
    #[test]
    fn tiles_of_every_size_attend_alike() {
        for (heads, head_dim, queries, keys) in [(2, 20, 70, 300), (1, 7, 3, 5), (3, 128, 33, 64)] {
            let shape = Attention {
                heads,
                head_dim,
                queries,
                keys,
                scale: 0.2,
            };
            let width = heads * head_dim;
            let wave =
                |n: usize, step: f32| -> Vec<f32> { (0..n).map(|i| (i as f32 * step).sin()).collect() };
            let (q, k, v) = (
                wave(queries * width, 0.37),
                wave(keys * width, 0.73),
                wave(keys * width, 1.1),
            );
            let bias = wave(heads * queries * keys, 0.11);
            let of = |ways: &Ways| {
                let mut out = vec![f32::NAN; queries * width];
                attend(&q, &k, &v, Some(&bias), shape, &mut out, None, ways);
                out
            };
            let want = of(&Ways::here());
            for (n, got) in [
                (4, of(&ways_of::<4>())),
                (8, of(&ways_of::<8>())),
                (16, of(&ways_of::<16>())),
            ] {
                let worst = got
                    .iter()
                    .zip(&want)
                    .map(|(a, b)| (a - b).abs())
                    .fold(0.0, f32::max);
                assert!(worst < 1e-5, "{n} lanes, {shape:?}: {worst:e}");
            }
        }
    }
}
