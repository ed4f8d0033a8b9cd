//! Planes with a border around them, each half the size of the one before.

use rayon::prelude::*;

use super::plane::Plane;

/// Pixels of border on each side: the outermost values stand on there, so that a patch or a cubic that
/// looks over the edge needs no test.
pub(super) const BORDER: usize = 16;

/// A plane with its border. Values are in codes, 0 to 255 for black to white.
pub(super) struct Bordered<T> {
    pub width: usize,
    pub height: usize,
    /// Values from one row to the next.
    pub stride: usize,
    pub values: Vec<T>,
}

impl<T: Copy + Default + Send + Sync> Bordered<T> {
    /// Filled row by row: `fill` gets the row's number and its `width` values, and the border follows.
    pub fn from_rows(width: usize, height: usize, fill: impl Fn(usize, &mut [T]) + Sync) -> Self {
        let stride = width + 2 * BORDER;
        let mut values = vec![T::default(); stride * (height + 2 * BORDER)];
        let inside = BORDER * stride..(BORDER + height) * stride;
        values[inside.clone()]
            .par_chunks_mut(stride)
            .enumerate()
            .for_each(|(y, row)| {
                fill(y, &mut row[BORDER..BORDER + width]);
                let (first, last) = (row[BORDER], row[BORDER + width - 1]);
                row[..BORDER].fill(first);
                row[BORDER + width..].fill(last);
            });
        for y in 0..BORDER {
            values.copy_within(inside.start..inside.start + stride, y * stride);
            let below = inside.end + y * stride;
            values.copy_within(inside.end - stride..inside.end, below);
        }
        Self {
            width,
            height,
            stride,
            values,
        }
    }

    /// The place of column `x`, row `y`, either of which may lie up to [`BORDER`] outside.
    pub fn place(&self, x: isize, y: isize) -> usize {
        (y + BORDER as isize) as usize * self.stride + (x + BORDER as isize) as usize
    }

    /// A row with `around` values of the border on each side.
    pub fn row(&self, y: isize, around: usize) -> &[T] {
        let start = self.place(-(around as isize), y);
        &self.values[start..start + self.width + 2 * around]
    }
}

/// One size of a picture.
pub(super) struct Level {
    pub grey: Bordered<f32>,
    /// At each pixel the grey value and its slopes to the right and down, side by side because a warp
    /// reads them together. The fourth is always 0.
    pub slopes: Bordered<[f32; 4]>,
}

impl Level {
    fn new(grey: Bordered<f32>) -> Self {
        let slopes = Bordered::from_rows(grey.width, grey.height, |y, out| {
            let y = y as isize;
            let near: [&[f32]; 5] = std::array::from_fn(|i| grey.row(y + i as isize - 2, 2));
            for (x, out) in out.iter_mut().enumerate() {
                let across = &near[2][x..x + 5];
                *out = [
                    across[2],
                    slope(across[0], across[1], across[3], across[4]),
                    slope(near[0][x + 2], near[1][x + 2], near[3][x + 2], near[4][x + 2]),
                    0.0,
                ];
            }
        });
        Self { grey, slopes }
    }
}

/// The slope in the middle of five values, of fourth order.
#[inline]
pub(super) fn slope(before2: f32, before: f32, after: f32, after2: f32) -> f32 {
    (8.0 * (after - before) - (after2 - before2)) * (1.0 / 12.0)
}

/// Sizes of the pyramid, the picture's own first: halved, rounded up, while the smaller side stays at
/// `least` or above.
pub(super) fn sizes(width: usize, height: usize, least: usize) -> Vec<(usize, usize)> {
    let mut sizes = vec![(width, height)];
    let (mut w, mut h) = (width, height);
    loop {
        (w, h) = (w.div_ceil(2), h.div_ceil(2));
        if w.min(h) < least {
            return sizes;
        }
        sizes.push((w, h));
    }
}

/// The plane at each of the sizes, softened a little first.
pub(super) fn build(plane: &Plane, sizes: &[(usize, usize)], soften: f32) -> Vec<Level> {
    let (width, height) = sizes[0];
    let codes = Bordered::from_rows(width, height, |y, out| {
        for (out, v) in out.iter_mut().zip(&plane.values()[y * width..]) {
            *out = v * 255.0;
        }
    });
    let first = if soften > 0.0 {
        softened(&codes, soften)
    } else {
        codes
    };
    let mut levels = vec![Level::new(first)];
    for _ in 1..sizes.len() {
        let half = halved(&levels[levels.len() - 1].grey);
        levels.push(Level::new(half));
    }
    levels
}

/// Each value with `share` of each of its four neighbours' weights, separable: a small blur that takes
/// the rounding of 8-bit codes away.
fn softened(from: &Bordered<f32>, share: f32) -> Bordered<f32> {
    let middle = 1.0 - 2.0 * share;
    Bordered::from_rows(from.width, from.height, |y, out| {
        let y = y as isize;
        let (above, here, below) = (from.row(y - 1, 1), from.row(y, 1), from.row(y + 1, 1));
        let column = |x: usize| share * (above[x] + below[x]) + middle * here[x];
        for (x, out) in out.iter_mut().enumerate() {
            *out = share * (column(x) + column(x + 2)) + middle * column(x + 1);
        }
    })
}

/// Half the size: 1 3 3 1 each way. Pixel `i` covers pixels `2i` and `2i + 1` of the larger.
fn halved(from: &Bordered<f32>) -> Bordered<f32> {
    let (width, height) = (from.width.div_ceil(2), from.height.div_ceil(2));
    Bordered::from_rows(width, height, |y, out| {
        let y = 2 * y as isize;
        let near: [&[f32]; 4] = std::array::from_fn(|i| from.row(y + i as isize - 1, 2));
        let mut column = vec![0.0f32; from.width + 4];
        for (x, sum) in column.iter_mut().enumerate() {
            *sum = (near[0][x] + near[3][x]) + 3.0 * (near[1][x] + near[2][x]);
        }
        for (x, out) in out.iter_mut().enumerate() {
            // The border stands 2 to the left of the picture's first column.
            let c = &column[2 * x + 1..2 * x + 5];
            *out = ((c[0] + c[3]) + 3.0 * (c[1] + c[2])) * (1.0 / 64.0);
        }
    })
}

/// Motion at one level: pixels to the right and down.
#[derive(Clone)]
pub(super) struct Field {
    pub width: usize,
    pub height: usize,
    pub right: Vec<f32>,
    pub down: Vec<f32>,
}

impl Field {
    pub fn still(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            right: vec![0.0; width * height],
            down: vec![0.0; width * height],
        }
    }

    /// The same motion at another level: `scale` times the size, sampled linearly between centres.
    pub fn at_size(&self, width: usize, height: usize, scale: f32) -> Self {
        let mut to = Self::still(width, height);
        let (from, inverse) = (self, 1.0 / scale);
        let taps = |i: usize, len: usize| {
            let at = ((i as f32 + 0.5) * inverse - 0.5).clamp(0.0, (len - 1) as f32);
            let low = at as usize;
            (low, (low + 1).min(len - 1), at - low as f32)
        };
        let columns: Vec<_> = (0..width).map(|x| taps(x, from.width)).collect();
        to.right
            .par_chunks_mut(width)
            .zip(to.down.par_chunks_mut(width))
            .enumerate()
            .for_each(|(y, (right, down))| {
                let (above, below, fy) = taps(y, from.height);
                for (values, out) in [(&from.right, right), (&from.down, down)] {
                    let above = &values[above * from.width..][..from.width];
                    let below = &values[below * from.width..][..from.width];
                    for (&(left, next, fx), out) in columns.iter().zip(out) {
                        let a = above[left] + (above[next] - above[left]) * fx;
                        let b = below[left] + (below[next] - below[left]) * fx;
                        *out = (a + (b - a) * fy) * scale;
                    }
                }
            });
        to
    }
}
