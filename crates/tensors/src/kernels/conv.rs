//! Convolution over time and space, channels last, without unfolding the input.
//!
//! In a padded picture that keeps the channels of a pixel together, the window of one output pixel along a row is
//! `kw·C` values in a line, and the next pixel's begins `C` values further on. So a row of windows *is* a matrix whose
//! rows overlap, and one product for each row of the kernel, in each of its frames, adds up the result. The rows of a
//! tile follow each other in memory, so that one product does them all; the few windows that reach over the end of a
//! row are computed and left out. What is copied is a tile with its margin, small enough for a core's cache.

use rayon::prelude::*;

use super::matmul::{Matrix, Threads, product};

/// Rows of an output tile.
const TILE_ROWS: usize = 4;
/// Columns of an output tile, at least.
const TILE_COLUMNS_LEAST: usize = 32;
/// What a tile's input may take in `f32` values, where the least columns allow it: 256 KiB.
const TILE_INPUT: usize = 65_536;

/// The shape of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Frames of the input, without those kept from before.
    pub frames: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Size of the kernel in frames, rows, columns.
    pub kernel: [usize; 3],
    /// Steps between windows in frames and, alike, in rows and columns.
    pub stride: [usize; 2],
    /// Frames before the first one of the input: kept ones where there are, and black ones before those.
    pub front: usize,
    /// Zeros above, below, left and right of each frame.
    pub pad: [usize; 4],
    /// Whether the input is first doubled in height and width, each pixel becoming four.
    pub double: bool,
}

impl Conv {
    /// A causal convolution: as many frames, rows and columns out as in, each frame made from itself and earlier ones.
    pub fn causal(
        frames: usize,
        height: usize,
        width: usize,
        inputs: usize,
        outputs: usize,
        kernel: [usize; 3],
    ) -> Self {
        let (y, x) = (kernel[1] / 2, kernel[2] / 2);
        Self {
            frames,
            height,
            width,
            inputs,
            outputs,
            kernel,
            stride: [1, 1],
            front: kernel[0] - 1,
            pad: [y, y, x, x],
            double: false,
        }
    }

    /// Frames, rows and columns of the output; 0 where the input is smaller than the kernel.
    pub fn output(&self) -> [usize; 3] {
        let times = if self.double { 2 } else { 1 };
        let along = |size: usize, kernel: usize, stride: usize| {
            (size + stride)
                .checked_sub(kernel)
                .map_or(0, |more| more / stride)
        };
        [
            along(self.front + self.frames, self.kernel[0], self.stride[0]),
            along(
                self.height * times + self.pad[0] + self.pad[1],
                self.kernel[1],
                self.stride[1],
            ),
            along(
                self.width * times + self.pad[2] + self.pad[3],
                self.kernel[2],
                self.stride[1],
            ),
        ]
    }
}

/// A weight of PyTorch's order (outputs, inputs, frames, rows, columns) in the order that [`conv`] reads: frames, rows,
/// columns, inputs, outputs.
///
/// # Panics
/// When the length is not what the sizes say.
pub fn pack_conv_weight(weight: &[f32], inputs: usize, outputs: usize, kernel: [usize; 3]) -> Vec<f32> {
    let taps: usize = kernel.iter().product();
    assert_eq!(weight.len(), outputs * inputs * taps);
    let mut packed = vec![0.0; weight.len()];
    packed
        .par_chunks_mut(inputs * outputs)
        .enumerate()
        .for_each(|(tap, packed)| {
            for (input, row) in packed.chunks_mut(outputs).enumerate() {
                for (output, value) in row.iter_mut().enumerate() {
                    *value = weight[(output * inputs + input) * taps + tap];
                }
            }
        });
    packed
}

/// Convolves `x`, (frames, height, width, inputs), into `out`, (frames, rows, columns, outputs).
///
/// `past` are frames that came before `x` and were kept, the latest last; there may be fewer than [`Conv::front`], and
/// black ones stand in for the rest. `weight` comes from [`pack_conv_weight`].
///
/// # Panics
/// When a slice does not fit the shape.
pub fn conv(x: &[f32], past: &[f32], weight: &[f32], bias: Option<&[f32]>, shape: &Conv, out: &mut [f32]) {
    let [frames_out, height_out, width_out] = shape.output();
    let frame_in = shape.height * shape.width * shape.inputs;
    assert_eq!(x.len(), shape.frames * frame_in);
    assert_eq!(out.len(), frames_out * height_out * width_out * shape.outputs);
    assert_eq!(
        weight.len(),
        shape.kernel.iter().product::<usize>() * shape.inputs * shape.outputs
    );
    assert!(bias.is_none_or(|b| b.len() == shape.outputs));
    if out.is_empty() || frame_in == 0 {
        return;
    }
    assert!(past.len().is_multiple_of(frame_in) && past.len() / frame_in <= shape.front);
    let black = shape.front - past.len() / frame_in;
    // The frames in order of time; none for a black one.
    let frames: Vec<Option<&[f32]>> = std::iter::repeat_n(None, black)
        .chain(past.chunks(frame_in).map(Some))
        .chain(x.chunks(frame_in).map(Some))
        .collect();
    let tiles = Tiles::new(shape, width_out);
    out.par_chunks_mut(height_out * width_out * shape.outputs)
        .enumerate()
        .for_each(|(frame, out)| {
            let first = frame * shape.stride[0];
            let frames = &frames[first..first + shape.kernel[0]];
            out.par_chunks_mut(tiles.rows * width_out * shape.outputs)
                .enumerate()
                .for_each_init(
                    || tiles.scratch(shape),
                    |scratch, (band, out)| {
                        tiles.band(shape, frames, weight, bias, band * tiles.rows, scratch, out);
                    },
                );
        });
}

/// How the output is cut into tiles.
struct Tiles {
    rows: usize,
    columns: usize,
    width_out: usize,
}

impl Tiles {
    fn new(shape: &Conv, width_out: usize) -> Self {
        let kh = shape.kernel[1];
        let rows = TILE_ROWS;
        let rows_in = (rows - 1) * shape.stride[1] + kh;
        let fit = TILE_INPUT / (rows_in * shape.inputs * shape.stride[1]);
        let most = fit.max(TILE_COLUMNS_LEAST).min(width_out);
        // All tiles about as wide as each other.
        let columns = width_out.div_ceil(width_out.div_ceil(most));
        Self {
            rows,
            columns,
            width_out,
        }
    }

    /// Columns of input under `columns` of output.
    fn columns_in(shape: &Conv, columns: usize) -> usize {
        (columns - 1) * shape.stride[1] + shape.kernel[2]
    }

    /// A tile of one frame of the input, and its sums.
    fn scratch(&self, shape: &Conv) -> (Vec<f32>, Vec<f32>) {
        let columns_in = Self::columns_in(shape, self.columns);
        let rows_in = (self.rows - 1) * shape.stride[1] + shape.kernel[1];
        (
            vec![0.0; rows_in * columns_in * shape.inputs],
            vec![0.0; self.rows * columns_in.max(self.columns) * shape.outputs],
        )
    }

    /// The rows of one output frame that begin at `first`.
    fn band(
        &self,
        shape: &Conv,
        frames: &[Option<&[f32]>],
        weight: &[f32],
        bias: Option<&[f32]>,
        first: usize,
        (tile, sums): &mut (Vec<f32>, Vec<f32>),
        out: &mut [f32],
    ) {
        let [_, kh, kw] = shape.kernel;
        let step = shape.stride[1];
        let (c, outputs) = (shape.inputs, shape.outputs);
        let rows = out.len() / (self.width_out * outputs);
        let rows_in = (rows - 1) * step + kh;
        for left in (0..self.width_out).step_by(self.columns) {
            let columns = self.columns.min(self.width_out - left);
            let columns_in = Self::columns_in(shape, columns);
            // Rows of sums from one output row to the next.
            let pitch = if step == 1 { columns_in } else { columns };
            let mut begun = false;
            for (t, frame) in frames.iter().enumerate() {
                let Some(frame) = frame else { continue };
                copy_tile(shape, frame, first * step, left * step, rows_in, columns_in, tile);
                for y in 0..kh {
                    let at = (t * kh + y) * kw * c * outputs;
                    let taps = Matrix::new(&weight[at..at + kw * c * outputs], kw * c, outputs, outputs, 1);
                    if step == 1 {
                        let count = (rows - 1) * columns_in + columns;
                        let windows = Matrix::new(&tile[y * columns_in * c..], count, kw * c, c, 1);
                        product(windows, taps, sums, outputs, begun, Threads::One);
                    } else {
                        for row in 0..rows {
                            let at = (row * step + y) * columns_in * c;
                            let windows = Matrix::new(&tile[at..], columns, kw * c, step * c, 1);
                            let sums = &mut sums[row * pitch * outputs..];
                            product(windows, taps, sums, outputs, begun, Threads::One);
                        }
                    }
                    begun = true;
                }
            }
            if !begun {
                sums.fill(0.0);
            }
            for (row, out) in out.chunks_mut(self.width_out * outputs).enumerate() {
                let out = &mut out[left * outputs..(left + columns) * outputs];
                let sums = &sums[row * pitch * outputs..][..columns * outputs];
                match bias {
                    None => out.copy_from_slice(sums),
                    Some(bias) => {
                        for (out, sums) in out.chunks_mut(outputs).zip(sums.chunks(outputs)) {
                            for ((o, s), b) in out.iter_mut().zip(sums).zip(bias) {
                                *o = s + b;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Copies the window of a padded frame whose top left is at (`top`, `left`), counted with the padding.
fn copy_tile(
    shape: &Conv,
    frame: &[f32],
    top: usize,
    left: usize,
    rows: usize,
    columns: usize,
    tile: &mut [f32],
) {
    let c = shape.inputs;
    let times = if shape.double { 2 } else { 1 };
    let (height, width) = (shape.height * times, shape.width * times);
    let [pad_top, _, pad_left, _] = shape.pad;
    // Columns of the window that lie in the frame, counted in the window.
    let from = pad_left.saturating_sub(left).min(columns);
    let to = (pad_left + width).saturating_sub(left).clamp(from, columns);
    for (row, line) in tile.chunks_mut(columns * c).take(rows).enumerate() {
        let y = top + row;
        if y < pad_top || y >= pad_top + height {
            line.fill(0.0);
            continue;
        }
        line[..from * c].fill(0.0);
        line[to * c..].fill(0.0);
        if from == to {
            continue;
        }
        let start = (y - pad_top) / times * shape.width;
        let x = left + from - pad_left;
        if shape.double {
            for (i, pixel) in line[from * c..to * c].chunks_mut(c).enumerate() {
                let at = (start + (x + i) / 2) * c;
                pixel.copy_from_slice(&frame[at..at + c]);
            }
        } else {
            let at = (start + x) * c;
            line[from * c..to * c].copy_from_slice(&frame[at..at + (to - from) * c]);
        }
    }
}
