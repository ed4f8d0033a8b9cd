//! A frame as the measures see it: luma at proxy size, and small planes of luma and light.

use std::sync::LazyLock;

use heirloom_picture::color::srgb_decode;
use heirloom_picture::measure::View;

/// About so many pixels across are left in the small planes.
const SMALL_PX: usize = 160;

/// Linear light of the 256 codes.
pub(super) static LIGHT: LazyLock<[f32; 256]> =
    LazyLock::new(|| std::array::from_fn(|code| srgb_decode(code as f64 / 255.0) as f32));

/// The small planes of a frame; each pixel is the mean of a square of the proxy's.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Small {
    pub width: usize,
    pub height: usize,
    /// Mean luma (Rec. 709 weights on sRGB codes are near it; these are Rec. 601's), 0 to 255 with fractions.
    pub luma: Vec<f32>,
    /// Mean linear light of red, green and blue, 0 to 1.
    pub rgb: [Vec<f32>; 3],
}

impl Small {
    pub fn of(view: &View<'_>) -> Self {
        let (from, rows) = (view.width() as usize, view.height() as usize);
        let by = ((from.max(rows) + SMALL_PX / 2) / SMALL_PX)
            .max(1)
            .min(from)
            .min(rows);
        let (width, height) = (from / by, rows / by);
        let mut small = Self {
            width,
            height,
            luma: vec![0.0; width * height],
            rgb: std::array::from_fn(|_| vec![0.0; width * height]),
        };
        let light = &*LIGHT;
        let share = 1.0 / (by * by) as f32;
        for y in 0..height {
            let mut luma = vec![0u32; width];
            let mut sums = vec![[0f32; 3]; width];
            for row in view.codes()[y * by * from..].chunks(from).take(by) {
                for ((luma, sum), codes) in luma.iter_mut().zip(&mut sums).zip(row.chunks_exact(by)) {
                    for c in codes {
                        *luma += u32::from(c[0]) * 77 + u32::from(c[1]) * 150 + u32::from(c[2]) * 29;
                        for k in 0..3 {
                            sum[k] += light[usize::from(c[k])];
                        }
                    }
                }
            }
            for (x, (luma, sums)) in luma.iter().zip(&sums).enumerate() {
                let at = y * width + x;
                small.luma[at] = *luma as f32 * share / 256.0;
                for (plane, sum) in small.rgb.iter_mut().zip(sums) {
                    plane[at] = sum * share;
                }
            }
        }
        small
    }

    /// Luminance of every pixel, linear, 0 to 1.
    pub fn luminance(&self) -> Vec<f32> {
        let [r, g, b] = &self.rgb;
        let pixels = r.iter().zip(g).zip(b);
        pixels
            .map(|((r, g), b)| 0.2126 * r + 0.7152 * g + 0.0722 * b)
            .collect()
    }

    /// Mean size of the difference in luma to another frame of the same size, in codes.
    pub fn difference(&self, other: &Self) -> f64 {
        let sum: f32 = sum_rows(self.luma.len(), self.width, |i| {
            (self.luma[i] - other.luma[i]).abs()
        });
        f64::from(sum) / self.luma.len().max(1) as f64
    }

    /// The same for each of `across` x `down` cells, row by row.
    pub fn differences(&self, other: &Self, across: usize, down: usize) -> Vec<f32> {
        let mut sums = vec![(0f32, 0u32); across * down];
        for y in 0..self.height {
            for x in 0..self.width {
                let i = y * self.width + x;
                let cell = &mut sums[y * down / self.height * across + x * across / self.width];
                cell.0 += (self.luma[i] - other.luma[i]).abs();
                cell.1 += 1;
            }
        }
        sums.iter().map(|(sum, n)| sum / (*n).max(1) as f32).collect()
    }

    /// Mean of a plane over each of `across` x `down` cells, row by row.
    pub fn cells(&self, plane: &[f32], across: usize, down: usize) -> Vec<f32> {
        let mut sums = vec![(0f32, 0u32); across * down];
        for y in 0..self.height {
            for x in 0..self.width {
                let cell = &mut sums[y * down / self.height * across + x * across / self.width];
                cell.0 += plane[y * self.width + x];
                cell.1 += 1;
            }
        }
        sums.iter().map(|(sum, n)| sum / (*n).max(1) as f32).collect()
    }
}

/// Rows summed by themselves first, so that a long sum keeps its small parts.
fn sum_rows(count: usize, width: usize, value: impl Fn(usize) -> f32) -> f32 {
    let mut sum = 0.0;
    let mut start = 0;
    while start < count {
        let end = (start + width.max(1)).min(count);
        let mut row = 0.0;
        for i in start..end {
            row += value(i);
        }
        sum += row;
        start = end;
    }
    sum
}
