//! Convolution over time and space, channels last, without unfolding the input.
//!
//! In a padded picture that keeps the channels of a pixel together, the window of one output pixel along a row is
//! `kw·C` values in a line, and the next pixel's begins `C` values further on. So a row of windows *is* a matrix whose
//! rows overlap, and one product for each row of the kernel, in each of its frames, adds up the result. The rows of a
//! tile follow each other in memory, so that one product does them all; the few windows that reach over the end of a
//! row are computed and left out. What is copied is a tile with its margin, of some channels at a time where there are
//! many, small enough for a core's cache.
//!
//! A task makes some of the outputs of one tile: where pictures are small and channels many, as in the innermost levels
//! of an autoencoder, tasks share the outputs out, and read each weight once.
#![allow(unsafe_code)] // threads write parts of one result that do not overlap; lengths are asserted first

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::pointwise::zeros;
use super::registers::Register;
use super::tiles::{Aligned, Begin, Result, Tile, by_width, pack_across, width};

/// Rows of an output tile, at least.
const TILE_ROWS: usize = 4;
/// What a tile's input may take in `f32` values: 256 KiB.
const TILE_INPUT: usize = 65_536;
/// Inputs of a product at a time, at most: values along a row of the kernel.
const INPUTS: usize = 512;
/// Outputs to a task: with [`INPUTS`] of each, 256 KiB of weight.
const OUTPUTS: usize = 128;
/// Values of a cache line: where panels begin at one, no register of them lies over two.
const ALIGNED: usize = 16;

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

/// Inputs that a task of [`pack_conv_weight`] takes: with 27 taps, its lines of the result fit the innermost cache.
const PACKED: usize = 8;

/// A weight of PyTorch's order (outputs, inputs, frames, rows, columns) in the order that [`conv`] reads: frames, rows,
/// columns, inputs, outputs.
///
/// # Panics
/// When the length is not what the sizes say.
pub fn pack_conv_weight(weight: &[f32], inputs: usize, outputs: usize, kernel: [usize; 3]) -> Vec<f32> {
    assert_eq!(weight.len(), outputs * inputs * kernel.iter().product::<usize>());
    pack_conv_weight_from(inputs, outputs, kernel, |at, values| {
        values.copy_from_slice(&weight[at..at + values.len()]);
    })
}

/// The same of a weight that is read as it is packed: `read` gives its values from a place on.
pub fn pack_conv_weight_from(
    inputs: usize,
    outputs: usize,
    kernel: [usize; 3],
    read: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    let taps: usize = kernel.iter().product();
    let mut packed = zeros(outputs * inputs * taps);
    if packed.is_empty() {
        return packed;
    }
    // Rows of the result by the inputs that they are of: what a task reads lies together, and it is read once.
    let mut groups: Vec<Vec<&mut [f32]>> = (0..inputs.div_ceil(PACKED)).map(|_| Vec::new()).collect();
    for (place, row) in packed.chunks_mut(outputs).enumerate() {
        groups[place % inputs / PACKED].push(row);
    }
    groups.par_iter_mut().enumerate().for_each(|(group, rows)| {
        let first = group * PACKED;
        let count = PACKED.min(inputs - first);
        let mut from = vec![0.0; count * taps];
        for output in 0..outputs {
            read((output * inputs + first) * taps, &mut from);
            // A tap's rows follow each other, input after input.
            for (tap, rows) in rows.chunks_exact_mut(count).enumerate() {
                for (row, value) in rows.iter_mut().zip(from.iter().skip(tap).step_by(taps)) {
                    if let Some(place) = row.get_mut(output) {
                        *place = *value;
                    }
                }
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
    let cut = Cut::new(shape, height_out, width_out);
    let job = Job {
        shape,
        frames: &frames,
        weight,
        bias,
        cut: &cut,
        size_out: [height_out, width_out],
    };
    let result = Result::new(out);
    let tasks = frames_out * cut.tiles() * shape.outputs.div_ceil(OUTPUTS);
    // A room for each thread, taken once.
    let [tile, sums, near] = cut.room(shape);
    let room = (near + tile + sums).next_multiple_of(ALIGNED);
    let mut rooms = Aligned::new(rayon::current_num_threads().min(tasks) * room);
    let next = AtomicUsize::new(0);
    rooms.par_chunks_exact_mut(room).for_each(|room| {
        let (near, room) = room.split_at_mut(near);
        let (tile, sums) = room.split_at_mut(tile);
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            if task >= tasks {
                break;
            }
            // The same outputs one after the other: their weights are near then.
            let (block, place) = (
                task / (frames_out * cut.tiles()),
                task % (frames_out * cut.tiles()),
            );
            let columns = block * OUTPUTS..((block + 1) * OUTPUTS).min(shape.outputs);
            part(
                &job,
                [place / cut.tiles(), place % cut.tiles()],
                columns,
                (near, tile, sums),
                &result,
            );
        }
    });
}

/// How the output is cut into tiles, and its inputs into groups of channels.
struct Cut {
    /// Rows and columns of a tile.
    rows: usize,
    columns: usize,
    /// How many there are of a frame, down and across.
    down: usize,
    across: usize,
    /// Channels at a time.
    channels: usize,
}

impl Cut {
    fn new(shape: &Conv, height_out: usize, width_out: usize) -> Self {
        let [_, kh, kw] = shape.kernel;
        let step = shape.stride[1];
        // All groups, tiles and bands about as large as each other.
        let even = |whole: usize, most: usize| whole.div_ceil(whole.div_ceil(most.max(1)));
        let channels = even(shape.inputs, INPUTS / kw);
        let pixels = TILE_INPUT / channels;
        let rows_in = (TILE_ROWS - 1) * step + kh;
        let columns = even(width_out, (pixels / rows_in).saturating_sub(kw) / step + 1);
        // Where a few rows do not fill a tile, it gets more.
        let fit = pixels / ((columns - 1) * step + kw);
        let rows = even(height_out, (fit.saturating_sub(kh) / step + 1).max(TILE_ROWS));
        Self {
            rows,
            columns,
            down: height_out.div_ceil(rows),
            across: width_out.div_ceil(columns),
            channels,
        }
    }

    /// Tiles of a frame.
    fn tiles(&self) -> usize {
        self.down * self.across
    }

    /// Rows and columns of input under those of output.
    fn under(shape: &Conv, rows: usize, columns: usize) -> [usize; 2] {
        let [_, kh, kw] = shape.kernel;
        [
            (rows - 1) * shape.stride[1] + kh,
            (columns - 1) * shape.stride[1] + kw,
        ]
    }

    /// What a task needs: values of a tile, its sums, and the weights that lie near.
    fn room(&self, shape: &Conv) -> [usize; 3] {
        let [rows_in, columns_in] = Self::under(shape, self.rows, self.columns);
        [
            rows_in * columns_in * self.channels,
            self.rows * columns_in.max(self.columns) * OUTPUTS.min(shape.outputs),
            OUTPUTS * shape.kernel[2] * self.channels,
        ]
    }
}

/// All that tasks have in common.
struct Job<'a> {
    shape: &'a Conv,
    /// Frames of the input in the order of time; none for a black one.
    frames: &'a [Option<&'a [f32]>],
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    cut: &'a Cut,
    /// Rows and columns of an output frame.
    size_out: [usize; 2],
}

by_width! {
    /// Some outputs of one tile of one frame; `room` is for the weights that lie near, the tile and its sums.
    fn part = part_by(
        job: &Job<'_>,
        place: [usize; 2],
        columns: Range<usize>,
        room: (&mut [f32], &mut [f32], &mut [f32]),
        out: &Result,
    )
}

#[inline(always)]
unsafe fn part_by<R: Register>(
    job: &Job<'_>,
    [frame, place]: [usize; 2],
    outputs: Range<usize>,
    (near, tile, sums): (&mut [f32], &mut [f32], &mut [f32]),
    out: &Result,
) {
    let Job { shape, cut, .. } = *job;
    let [kt, kh, _] = shape.kernel;
    let [height_out, width_out] = job.size_out;
    let step = shape.stride[1];
    let (top, left) = (place / cut.across * cut.rows, place % cut.across * cut.columns);
    let (rows, columns) = (cut.rows.min(height_out - top), cut.columns.min(width_out - left));
    let [rows_in, columns_in] = Cut::under(shape, rows, columns);
    // Rows of sums from one output row to the next, and values of each.
    let (pitch, count) = (if step == 1 { columns_in } else { columns }, outputs.len());
    let first_frame = frame * shape.stride[0];
    let bias = job.bias.map(|bias| &bias[outputs.clone()]);
    let mut begun = false;
    for first in (0..shape.inputs).step_by(cut.channels) {
        let channels = first..(first + cut.channels).min(shape.inputs);
        for (t, frame) in job.frames[first_frame..first_frame + kt].iter().enumerate() {
            let Some(frame) = frame else { continue };
            let window = [top * step, left * step, rows_in, columns_in];
            copy_tile(shape, frame, window, channels.clone(), tile);
            for y in 0..kh {
                let begin = match (begun, bias) {
                    (true, _) => Begin::Result,
                    (false, Some(bias)) => Begin::Bias(bias),
                    (false, None) => Begin::Zero,
                };
                begun = true;
                let line = y * columns_in;
                let times = Product {
                    row: t * kh + y,
                    channels: channels.clone(),
                    outputs: outputs.clone(),
                    begin,
                };
                // SAFETY: the processor has `R`, as the caller has promised.
                unsafe {
                    times.lay::<R>(job, near);
                    if step == 1 {
                        times.add::<R>(
                            job,
                            near,
                            &tile[line * channels.len()..],
                            (rows - 1) * columns_in + columns,
                            sums,
                        );
                        continue;
                    }
                    for row in 0..rows {
                        let at = (row * step * columns_in + line) * channels.len();
                        times.add::<R>(job, near, &tile[at..], columns, &mut sums[row * pitch * count..]);
                    }
                }
            }
        }
    }
    if !begun {
        for sums in sums.chunks_mut(count) {
            match bias {
                Some(bias) if sums.len() == count => sums.copy_from_slice(bias),
                _ => sums.fill(0.0),
            }
        }
    }
    for row in 0..rows {
        for column in 0..columns {
            let from = &sums[(row * pitch + column) * count..][..count];
            let at = ((frame * height_out + top + row) * width_out + left + column) * shape.outputs;
            // SAFETY: `conv` has asserted that the result holds all frames, rows and columns, and no other task has this
            // tile's part of these outputs.
            unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), out.at(at + outputs.start), count) };
        }
    }
}

/// Windows times the weights of one row of the kernel, in one of its frames.
struct Product<'a> {
    /// The row of the kernel, those of earlier frames counted.
    row: usize,
    channels: Range<usize>,
    outputs: Range<usize>,
    begin: Begin<'a>,
}

impl Product<'_> {
    /// Lays the weights out as panels.
    ///
    /// # Safety
    /// The processor has `R`.
    #[inline(always)]
    unsafe fn lay<R: Register>(&self, job: &Job<'_>, near: &mut [f32]) {
        let (kw, width) = (job.shape.kernel[2], width::<R>());
        let (inputs, all) = (job.shape.inputs, job.shape.outputs);
        let k = kw * self.channels.len();
        let last = ((self.row + 1) * kw - 1) * inputs + self.channels.end;
        assert!(last * all <= job.weight.len() && self.outputs.end <= all);
        assert!(near.len() >= self.outputs.len().next_multiple_of(width) * k);
        for (panel, column) in self.outputs.clone().step_by(width).enumerate() {
            let columns = width.min(self.outputs.end - column);
            for x in 0..kw {
                let from = ((self.row * kw + x) * inputs + self.channels.start) * all + column;
                // SAFETY: the rows of the weight and a panel's room were asserted above.
                unsafe {
                    let to = near
                        .as_mut_ptr()
                        .add((panel * k + x * self.channels.len()) * width);
                    pack_across::<R>(
                        job.weight.as_ptr().add(from),
                        columns,
                        all,
                        self.channels.len(),
                        to,
                    );
                }
            }
        }
    }

    /// Adds `count` windows, which begin one after the other in `tile`, to `sums`.
    ///
    /// # Safety
    /// The processor has `R`, and `near` was laid out by [`Product::lay`].
    #[inline(always)]
    unsafe fn add<R: Register>(
        &self,
        job: &Job<'_>,
        near: &[f32],
        tile: &[f32],
        count: usize,
        sums: &mut [f32],
    ) {
        let (width, channels, pitch) = (width::<R>(), self.channels.len(), self.outputs.len());
        let k = job.shape.kernel[2] * channels;
        let step = job.shape.stride[1] * channels;
        assert!(count > 0 && tile.len() >= (count - 1) * step + k && sums.len() >= count * pitch);
        let mut row = 0;
        while row < count {
            let mut done = 0;
            for (panel, column) in (0..pitch).step_by(width).enumerate() {
                // SAFETY: windows and sums were asserted to be there, and the panels are the caller's promise.
                unsafe {
                    let tile = Tile {
                        k,
                        panel: near.as_ptr().add(panel * k * width),
                        rows: tile.as_ptr().add(row * step),
                        step,
                        begin: match self.begin {
                            Begin::Bias(bias) => Begin::Bias(&bias[column..]),
                            other => other,
                        },
                        out: sums.as_mut_ptr().add(row * pitch + column),
                        pitch,
                        columns: width.min(pitch - column),
                    };
                    done = tile.run::<R>(count - row);
                }
            }
            row += done;
        }
    }
}

/// Copies some channels of the window of a padded frame that is at (top, left), counted with the padding, and of so many rows
/// and columns.
fn copy_tile(
    shape: &Conv,
    frame: &[f32],
    [top, left, rows, columns]: [usize; 4],
    channels: Range<usize>,
    tile: &mut [f32],
) {
    let (all, c) = (shape.inputs, channels.len());
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
        if !shape.double && c == all {
            let at = (start + x) * c;
            line[from * c..to * c].copy_from_slice(&frame[at..at + (to - from) * c]);
            continue;
        }
        for (i, pixel) in line[from * c..to * c].chunks_exact_mut(c).enumerate() {
            let at = (start + (x + i) / times) * all + channels.start;
            pixel.copy_from_slice(&frame[at..at + c]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A processor runs one size of tiles; those of the others are tried here.
    #[test]
    fn tiles_of_every_size_convolve_alike() {
        let shapes = [
            Conv::causal(2, 9, 13, 200, 150, [3, 3, 3]),
            Conv::causal(1, 5, 70, 7, 17, [3, 1, 1]),
            Conv {
                stride: [1, 2],
                front: 0,
                pad: [0, 1, 0, 1],
                ..Conv::causal(2, 8, 12, 33, 3, [1, 3, 3])
            },
        ];
        for shape in shapes {
            let wave =
                |n: usize, step: f32| -> Vec<f32> { (0..n).map(|i| (i as f32 * step).sin()).collect() };
            let taps: usize = shape.kernel.iter().product();
            let x = wave(shape.frames * shape.height * shape.width * shape.inputs, 0.37);
            let weight = wave(taps * shape.inputs * shape.outputs, 0.73);
            let bias = wave(shape.outputs, 1.1);
            let [frames, height, width] = shape.output();
            let mut want = vec![f32::NAN; frames * height * width * shape.outputs];
            conv(&x, &[], &weight, Some(&bias), &shape, &mut want);
            for got in [
                by::<4>(&x, &weight, &bias, &shape),
                by::<8>(&x, &weight, &bias, &shape),
                by::<16>(&x, &weight, &bias, &shape),
            ] {
                let far = got.iter().zip(&want).map(|(a, b)| (a - b).abs());
                assert!(far.fold(0.0, f32::max) < 2e-3, "{shape:?}");
            }
        }
    }

    fn by<const N: usize>(x: &[f32], weight: &[f32], bias: &[f32], shape: &Conv) -> Vec<f32> {
        let size @ [frames, height, width] = shape.output();
        let mut out = vec![f32::NAN; size.iter().product::<usize>() * shape.outputs];
        let black = std::iter::repeat_n(None, shape.front);
        let own = x.chunks(shape.height * shape.width * shape.inputs).map(Some);
        let all: Vec<Option<&[f32]>> = black.chain(own).collect();
        let cut = Cut::new(shape, height, width);
        let job = Job {
            shape,
            frames: &all,
            weight,
            bias: Some(bias),
            cut: &cut,
            size_out: [height, width],
        };
        let [tile, sums, near] = cut.room(shape);
        let (mut tile, mut sums, mut near) = (vec![0.0; tile], vec![0.0; sums], vec![0.0; near]);
        let result = Result::new(&mut out);
        for frame in 0..frames {
            for place in 0..cut.tiles() {
                for first in (0..shape.outputs).step_by(OUTPUTS) {
                    let outputs = first..(first + OUTPUTS).min(shape.outputs);
                    let room = (&mut near[..], &mut tile[..], &mut sums[..]);
                    // SAFETY: plain arithmetic, which every processor has, and a result of its own.
                    unsafe { part_by::<[f32; N]>(&job, [frame, place], outputs, room, &result) };
                }
            }
        }
        out
    }
}
