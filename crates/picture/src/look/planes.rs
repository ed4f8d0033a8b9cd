//! A picture as planes of OKLab, scaled down by area in linear light.

use crate::color::srgb_decode;
use crate::measure::View;
use crate::preview::fitted;
use std::sync::LazyLock;

/// A picture as planes of OKLab, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Planes {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Lightness, 0 to 1.
    pub l: Vec<f32>,
    /// From green to red, about -0.3 to 0.3.
    pub a: Vec<f32>,
    /// From blue to yellow, about -0.3 to 0.3.
    pub b: Vec<f32>,
}

/// Linear light of the 256 codes.
static LIGHT: LazyLock<[f32; 256]> =
    LazyLock::new(|| core::array::from_fn(|code| srgb_decode(code as f64 / 255.0) as f32));

impl Planes {
    /// Of a picture, scaled to at most `side` pixels on its longer side: each new pixel is the mean linear light of the
    /// area that it covers. Smaller pictures stay as they are.
    pub fn of(view: &View<'_>, side: u32) -> Self {
        let (width, height) = fitted(view.width(), view.height(), side);
        let (width, height) = (width as usize, height as usize);
        let mut planes = if (width, height) == (view.width() as usize, view.height() as usize) {
            let light = &*LIGHT;
            let plane = |c: usize| {
                view.codes()
                    .iter()
                    .map(|code| light[usize::from(code[c])])
                    .collect()
            };
            Self {
                width,
                height,
                l: plane(0),
                a: plane(1),
                b: plane(2),
            }
        } else {
            shrunk(view, width, height)
        };
        for ((l, a), b) in planes.l.iter_mut().zip(&mut planes.a).zip(&mut planes.b) {
            [*l, *a, *b] = oklab([*l, *a, *b]);
        }
        planes
    }
}

/// A picture at half the size, smoothed by the binomial 1 4 6 4 1 first (Burt & Adelson, 1983); the border stands on.
/// Returns the plane and its width.
pub fn halved(plane: &[f32], width: usize) -> (Vec<f32>, usize) {
    let height = plane.len() / width;
    let (w, h) = (width.div_ceil(2), height.div_ceil(2));
    let binomial = |[a, b, c, d, e]: [f32; 5]| (a + e + 4.0 * (b + d) + 6.0 * c) * (1.0 / 16.0);
    let mut across = vec![0f32; w * height];
    for (out, row) in across.chunks_mut(w).zip(plane.chunks(width)) {
        for (x, out) in out.iter_mut().enumerate() {
            let x = 2 * x;
            let near = |d: usize| row[(x + d).saturating_sub(2).min(width - 1)];
            *out = if x >= 2 && x + 2 < width {
                binomial([row[x - 2], row[x - 1], row[x], row[x + 1], row[x + 2]])
            } else {
                binomial([near(0), near(1), near(2), near(3), near(4)])
            };
        }
    }
    let mut down = Vec::with_capacity(w * h);
    for y in 0..h {
        let row = |d: usize| {
            let y = (2 * y + d).saturating_sub(2).min(height - 1);
            &across[y * w..(y + 1) * w]
        };
        let rows = [row(0), row(1), row(2), row(3), row(4)];
        down.extend((0..w).map(|x| binomial(rows.map(|r| r[x]))));
    }
    (down, w)
}

/// Linear light, each pixel the mean of the area that it covers.
fn shrunk(view: &View<'_>, width: usize, height: usize) -> Planes {
    let (from_w, from_h) = (view.width() as usize, view.height() as usize);
    let columns = shares(from_w, width);
    let rows = shares(from_h, height);
    let light = &*LIGHT;
    let mut planes = Planes {
        width,
        height,
        l: vec![0.0; width * height],
        a: vec![0.0; width * height],
        b: vec![0.0; width * height],
    };
    // Rows that two new rows share are taken together twice: less than once more in all, and simple.
    let mut summed = vec![[0f32; 3]; from_w];
    for (y, (first, weights)) in rows.iter().enumerate() {
        summed.fill([0.0; 3]);
        for (n, weight) in weights.iter().enumerate() {
            let row = &view.codes()[(first + n) * from_w..(first + n + 1) * from_w];
            for (sum, code) in summed.iter_mut().zip(row) {
                for c in 0..3 {
                    sum[c] += weight * light[usize::from(code[c])];
                }
            }
        }
        for (x, (first, weights)) in columns.iter().enumerate() {
            let mut mean = [0f32; 3];
            for (weight, sum) in weights.iter().zip(&summed[*first..]) {
                for c in 0..3 {
                    mean[c] += weight * sum[c];
                }
            }
            let at = y * width + x;
            (planes.l[at], planes.a[at], planes.b[at]) = (mean[0], mean[1], mean[2]);
        }
    }
    planes
}

/// For each of `to` new pixels: the first of `from` old ones that it covers, and their shares, which sum to 1.
fn shares(from: usize, to: usize) -> Vec<(usize, Vec<f32>)> {
    // Whole numbers: an old pixel is `to` long and a new one `from`, so that nothing is lost to rounding.
    (0..to)
        .map(|n| {
            let (start, end) = (n * from, (n + 1) * from);
            let (first, last) = (start / to, (end - 1) / to);
            let weights = (first..=last)
                .map(|old| {
                    let covered = end.min((old + 1) * to) - start.max(old * to);
                    covered as f32 / from as f32
                })
                .collect();
            (first, weights)
        })
        .collect()
}

/// As [`crate::oklab::from_linear`], in f32 and several times faster; 1e-5 near it.
#[inline]
fn oklab([r, g, b]: [f32; 3]) -> [f32; 3] {
    let l = cbrt(0.412_221_47 * r + 0.536_332_54 * g + 0.051_445_99 * b);
    let m = cbrt(0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b);
    let s = cbrt(0.088_302_46 * r + 0.281_718_84 * g + 0.629_978_7 * b);
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

/// The cube root of a value from 0 up: a guess from a third of the exponent, and two of Halley's steps.
#[inline]
fn cbrt(x: f32) -> f32 {
    let x = x.max(1e-18);
    let mut y = f32::from_bits(x.to_bits() / 3 + 0x2a51_2ce3);
    for _ in 0..2 {
        let cube = y * y * y;
        y *= (cube + 2.0 * x) / (2.0 * cube + x);
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_colours_are_the_slow_ones() {
        for n in 0..4096u32 {
            let code = [(n & 15) * 17, (n >> 4 & 15) * 17, (n >> 8) * 17].map(|v| v as u8);
            let planes = Planes::of(&View::new(&[code], 1, 1).unwrap(), 8);
            let slow = crate::oklab::from_display8(code);
            for (fast, slow) in [planes.l[0], planes.a[0], planes.b[0]].iter().zip(slow) {
                assert!((f64::from(*fast) - slow).abs() < 1e-5, "{code:?}: {fast} {slow}");
            }
        }
    }

    #[test]
    fn light_is_kept_in_scaling() {
        let codes: Vec<[u8; 3]> = (0..80 * 30)
            .map(|n| [if n % 2 == 0 { 255 } else { 0 }; 3])
            .collect();
        let planes = Planes::of(&View::new(&codes, 80, 30).unwrap(), 10);
        assert_eq!((planes.width, planes.height), (10, 4));
        // Half the light, not half the code.
        let half = libm::cbrtf(0.5);
        assert!(planes.l.iter().all(|l| (l - half).abs() < 1e-3), "{:?}", planes.l);
    }

    #[test]
    fn halving_keeps_an_even_plane() {
        let (half, width) = halved(&[0.25; 15], 5);
        assert_eq!((half.len(), width), (6, 3));
        assert!(half.iter().all(|v| *v == 0.25));
    }
}
