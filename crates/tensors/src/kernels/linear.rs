//! Linear layers: many rows against a weight as PyTorch keeps it, outputs first.
//!
//! A task takes some of the outputs. Their part of the weight, some hundred inputs at a time, is laid out anew as the side
//! of the tiles, where it stays in the core's own cache; all rows then go past it as they lie.
#![allow(unsafe_code)] // threads write parts of one result that do not overlap; lengths are asserted first

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::matmul::{Matrix, Threads, product};
use super::registers::Register;
use super::tiles::{Aligned, Begin, MOST_ROWS, Result, Tile, by_width, pack, width};

/// Inputs at a time, at most.
const INPUTS: usize = 512;
/// Outputs to a task: with [`INPUTS`] of each, 256 KiB of weight.
const OUTPUTS: usize = 128;
/// Fewer rows than this make no tile worth laying out.
const ROWS_LEAST: usize = 8;

/// `out[m][n] = Σ_k x[m][k]·weight[n][k] + bias[n]`: a linear layer, its weight as PyTorch keeps it (outputs first).
///
/// `inputs` and `outputs` are the layer's widths; the number of rows follows from `x`.
///
/// # Panics
/// When a slice does not fit the widths.
pub fn linear(
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    inputs: usize,
    outputs: usize,
    out: &mut [f32],
) {
    let rows = out.len() / outputs.max(1);
    assert_eq!(x.len(), rows * inputs);
    assert_eq!(out.len(), rows * outputs);
    assert_eq!(weight.len(), inputs * outputs);
    assert!(bias.is_none_or(|bias| bias.len() == outputs));
    if rows < ROWS_LEAST || outputs < ROWS_LEAST || inputs == 0 {
        return few_rows(x, weight, bias, inputs, outputs, out);
    }
    let blocks = outputs.div_ceil(OUTPUTS);
    // Where there are few outputs, rows are dealt out too.
    let groups = (3 * rayon::current_num_threads()).div_ceil(blocks);
    let group = rows.div_ceil(groups).next_multiple_of(MOST_ROWS);
    let groups = rows.div_ceil(group);
    let depth = inputs.div_ceil(inputs.div_ceil(INPUTS));
    let layer = Layer {
        x,
        weight,
        bias,
        inputs,
        outputs,
        depth,
    };
    let result = Result::new(out);
    // A room for each thread, taken once: fresh memory costs more than a small product.
    let tasks = blocks * groups;
    let mut rooms = Aligned::new(rayon::current_num_threads().min(tasks) * OUTPUTS * depth);
    let next = AtomicUsize::new(0);
    rooms.par_chunks_exact_mut(OUTPUTS * depth).for_each(|near| {
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            if task >= tasks {
                break;
            }
            let (row, column) = (task % groups * group, task / groups * OUTPUTS);
            let rows = row..(row + group).min(rows);
            multiply(
                &layer,
                rows,
                column..(column + OUTPUTS).min(outputs),
                near,
                &result,
            );
        }
    });
}

/// By the `gemm` crate, which knows how to read a weight once for one row.
fn few_rows(x: &[f32], weight: &[f32], bias: Option<&[f32]>, inputs: usize, outputs: usize, out: &mut [f32]) {
    if let Some(bias) = bias {
        for row in out.chunks_mut(outputs.max(1)) {
            row.copy_from_slice(bias);
        }
    }
    let rows = out.len() / outputs.max(1);
    let x = Matrix::new(x, rows, inputs, inputs, 1);
    let w = Matrix::new(weight, outputs, inputs, inputs, 1).transposed();
    product(x, w, out, outputs, bias.is_some(), Threads::All);
}

/// A layer and what goes through it.
struct Layer<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    inputs: usize,
    outputs: usize,
    /// Inputs at a time.
    depth: usize,
}

by_width! {
    /// Some rows and columns of the result; `near` is what lies near while that is done.
    fn multiply = multiply_by(
        layer: &Layer<'_>,
        rows: Range<usize>,
        columns: Range<usize>,
        near: &mut [f32],
        out: &Result,
    )
}

#[inline(always)]
unsafe fn multiply_by<R: Register>(
    layer: &Layer<'_>,
    rows: Range<usize>,
    columns: Range<usize>,
    near: &mut [f32],
    out: &Result,
) {
    let Layer {
        x,
        weight,
        bias,
        inputs,
        outputs,
        depth,
    } = *layer;
    let width = width::<R>();
    assert!(x.len() >= rows.end * inputs && weight.len() >= columns.end * inputs && columns.end <= outputs);
    assert!(near.len() >= columns.len().next_multiple_of(width) * depth);
    assert!(bias.is_none_or(|bias| bias.len() >= columns.end));
    for first in (0..inputs).step_by(depth) {
        let k = depth.min(inputs - first);
        for (panel, column) in columns.clone().step_by(width).enumerate() {
            let count = width.min(columns.end - column);
            // SAFETY: the rows of the weight and a panel's room were asserted above.
            unsafe {
                let from = weight.as_ptr().add(column * inputs + first);
                pack::<R>(
                    from,
                    count,
                    inputs,
                    k,
                    near.as_mut_ptr().add(panel * depth * width),
                );
            }
        }
        let mut row = rows.start;
        while row < rows.end {
            let left = rows.end - row;
            let mut done = 0;
            for (panel, column) in columns.clone().step_by(width).enumerate() {
                // SAFETY: the panel has just been filled, the rows were asserted to be there, and `linear` has asserted
                // that the result holds as many rows of `outputs`.
                unsafe {
                    let tile = Tile {
                        k,
                        panel: near.as_ptr().add(panel * depth * width),
                        rows: x.as_ptr().add(row * inputs + first),
                        step: inputs,
                        begin: match (first, bias) {
                            (0, None) => Begin::Zero,
                            (0, Some(bias)) => Begin::Bias(&bias[column..columns.end]),
                            _ => Begin::Result,
                        },
                        out: out.at(row * outputs + column),
                        pitch: outputs,
                        columns: width.min(columns.end - column),
                    };
                    done = tile.run::<R>(left);
                }
            }
            row += done;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by<const N: usize>(layer: &Layer<'_>, rows: usize) -> Vec<f32> {
        let mut out = vec![f32::NAN; rows * layer.outputs];
        let mut near = Aligned::new(OUTPUTS * layer.depth);
        let result = Result::new(&mut out);
        for column in (0..layer.outputs).step_by(OUTPUTS) {
            let columns = column..(column + OUTPUTS).min(layer.outputs);
            // SAFETY: plain arithmetic, which every processor has, and a result of its own.
            unsafe { multiply_by::<[f32; N]>(layer, 0..rows, columns, &mut near, &result) };
        }
        out
    }

    /// A processor runs one size of tiles; those of the others are tried here.
    #[test]
    fn tiles_of_every_size_multiply_alike() {
        for (rows, inputs, outputs, depth) in [(37, 50, 141, 20), (12, 3, 32, 3), (9, 700, 33, 350)] {
            let wave =
                |n: usize, step: f32| -> Vec<f32> { (0..n).map(|i| (i as f32 * step).sin()).collect() };
            let (x, weight, bias) = (
                wave(rows * inputs, 0.37),
                wave(outputs * inputs, 0.73),
                wave(outputs, 1.1),
            );
            let mut want = vec![f32::NAN; rows * outputs];
            linear(&x, &weight, Some(&bias), inputs, outputs, &mut want);
            let layer = Layer {
                x: &x,
                weight: &weight,
                bias: Some(&bias),
                inputs,
                outputs,
                depth,
            };
            for got in [
                by::<4>(&layer, rows),
                by::<8>(&layer, rows),
                by::<16>(&layer, rows),
            ] {
                assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-4));
            }
        }
    }
}
