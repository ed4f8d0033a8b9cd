//! Pictures at other sizes, and the colour between pixels.
//!
//! Mostly by the Catmull-Rom cubic, which passes through its samples: a picture scaled to its own size
//! is itself, and a sample at a pixel's centre is that pixel. It overshoots at hard edges, as every
//! sharp filter does; linear light may therefore dip a little below zero beside a star.
//!
//! Weights are computed in f64 and every output pixel by itself in a fixed order, so the bytes do not
//! depend on the number of threads or the processor.

use rayon::prelude::*;

use crate::image::{Image, Space};

/// Catmull-Rom at distance `x` (in samples).
fn catmull_rom(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

/// Lanczos' windowed sinc of three lobes at distance `x` (in samples).
fn lanczos3(x: f64) -> f64 {
    let x = x.abs();
    if x < 1e-9 {
        return 1.0;
    }
    if x >= 3.0 {
        return 0.0;
    }
    let (a, b) = (std::f64::consts::PI * x, std::f64::consts::PI * x / 3.0);
    libm::sin(a) * libm::sin(b) / (a * b)
}

/// A kernel, and how far it reaches each way.
type Kernel = (fn(f64) -> f64, f64);

const CATMULL_ROM: Kernel = (catmull_rom, 2.0);
const LANCZOS3: Kernel = (lanczos3, 3.0);

/// For one output sample: the first input sample it looks at, and the weight of each from there on.
struct Taps {
    first: usize,
    weights: Vec<f64>,
}

/// The taps that take a stretch of `from` samples, `start..start + length` counted in samples from the outer edge
/// of the first one, to `to`. On the way down the filter is widened by the ratio, so that every input sample is
/// counted; beyond the border the last sample stands on.
fn taps(from: usize, start: f64, length: f64, to: usize, (kernel, reach): Kernel) -> Vec<Taps> {
    let ratio = length / to as f64;
    let widen = ratio.max(1.0);
    (0..to)
        .map(|i| {
            let centre = start + (i as f64 + 0.5) * ratio - 0.5;
            let (low, high) = (
                (centre - reach * widen).ceil() as i64,
                (centre + reach * widen).floor() as i64,
            );
            let inside = |s: i64| s.clamp(0, from as i64 - 1) as usize;
            let first = inside(low);
            let mut exact = vec![0.0f64; inside(high) - first + 1];
            for s in low..=high {
                exact[inside(s) - first] += kernel((s as f64 - centre) / widen);
            }
            let sum: f64 = exact.iter().sum();
            Taps {
                first,
                weights: exact.iter().map(|w| w / sum).collect(),
            }
        })
        .collect()
}

/// Sums are kept in f64: a flat area, and an opaque picture's alpha, then keep their very value.
#[inline]
fn add_exactly(into: &mut [f64; 4], pixel: &[f32; 4], weight: f64) {
    for c in 0..4 {
        into[c] += f64::from(pixel[c]) * weight;
    }
}

#[inline]
fn add(into: &mut [f32; 4], pixel: &[f32; 4], weight: f32) {
    for c in 0..4 {
        into[c] += pixel[c] * weight;
    }
}

/// The picture at another size: separable Catmull-Rom, widened on the way down so that fine detail
/// is averaged and not skipped. The picture's outer edges stay where they are; its proportions are
/// the caller's care. An empty picture gives transparent black.
pub fn scale_to<S: Space>(image: &Image<S>, width: u32, height: u32) -> Image<S> {
    scaled(image, width, height, CATMULL_ROM)
}

/// The picture at another size by Lanczos' kernel of three lobes (Duchon, "Lanczos filtering in one and two dimensions",
/// Journal of Applied Meteorology 1979), widened on the way down: on the way up it keeps more of what is fine than
/// [`scale_to`], and rings more at hard edges. Otherwise as that.
pub fn lanczos<S: Space>(image: &Image<S>, width: u32, height: u32) -> Image<S> {
    scaled(image, width, height, LANCZOS3)
}

fn scaled<S: Space>(image: &Image<S>, width: u32, height: u32, kernel: Kernel) -> Image<S> {
    let (from_width, from_height) = (image.width() as usize, image.height() as usize);
    let (to_width, to_height) = (width as usize, height as usize);
    if image.pixels().is_empty() || to_width == 0 || to_height == 0 {
        return Image::new(width, height);
    }
    let across = (to_width != from_width).then(|| taps(from_width, 0.0, from_width as f64, to_width, kernel));
    let down =
        (to_height != from_height).then(|| taps(from_height, 0.0, from_height as f64, to_height, kernel));
    separable(image, across.as_deref(), down.as_deref(), (to_width, to_height))
}

/// A rectangle of a picture, in pixels from the picture's upper left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Distance from the picture's left edge.
    pub left: f64,
    /// Distance from the picture's upper edge.
    pub top: f64,
    /// Pixels across, above zero.
    pub width: f64,
    /// Pixels down, above zero.
    pub height: f64,
}

/// What is seen of a picture through a window, at another size: as [`scale_to`], with edges between pixels where
/// the window says so, so that a window that moves by a tenth of a pixel moves the picture by just that. Beyond the
/// border the outermost pixels stand on. A window without area, or that is no number, gives transparent black.
pub fn window<S: Space>(image: &Image<S>, seen: Window, width: u32, height: u32) -> Image<S> {
    // Bounded, so that the taps of a window much larger than the picture stay countable.
    let bound = |start: f64, length: f64, side: u32| {
        let side = f64::from(side.max(1));
        length > 0.0 && length <= 64.0 * side && start.abs() <= 64.0 * side
    };
    let sound = bound(seen.left, seen.width, image.width()) && bound(seen.top, seen.height, image.height());
    if image.pixels().is_empty() || width == 0 || height == 0 || !sound {
        return Image::new(width, height);
    }
    let across = taps(
        image.width() as usize,
        seen.left,
        seen.width,
        width as usize,
        CATMULL_ROM,
    );
    let down = taps(
        image.height() as usize,
        seen.top,
        seen.height,
        height as usize,
        CATMULL_ROM,
    );
    separable(
        image,
        Some(&across),
        Some(&down),
        (width as usize, height as usize),
    )
}

/// Rows first, then columns; `None` leaves a direction as it is. Only rows that a column looks at are made.
fn separable<S: Space>(
    image: &Image<S>,
    across: Option<&[Taps]>,
    down: Option<&[Taps]>,
    (to_width, to_height): (usize, usize),
) -> Image<S> {
    let (from_width, from_height) = (image.width() as usize, image.height() as usize);
    let mut result = Image::new(to_width as u32, to_height as u32);
    let needed = down.map_or(0..from_height, |taps| {
        let first = taps.iter().map(|tap| tap.first).min().unwrap_or(0);
        let end = taps.iter().map(|tap| tap.first + tap.weights.len()).max();
        first..end.unwrap_or(0).min(from_height)
    });
    let source = &image.pixels()[needed.start * from_width..needed.end * from_width];
    let scaled = across.map(|taps| {
        let mut rows = vec![[0.0f32; 4]; to_width * needed.len()];
        rows.par_chunks_mut(to_width)
            .zip(source.par_chunks(from_width))
            .for_each(|(out, row)| {
                for (pixel, tap) in out.iter_mut().zip(taps) {
                    let mut sum = [0.0; 4];
                    for (source, weight) in row[tap.first..].iter().zip(&tap.weights) {
                        add_exactly(&mut sum, source, *weight);
                    }
                    *pixel = sum.map(|v| v as f32);
                }
            });
        rows
    });
    let rows = scaled.as_deref().unwrap_or(source);
    let Some(taps) = down else {
        result.pixels_mut().copy_from_slice(rows);
        return result;
    };
    result
        .pixels_mut()
        .par_chunks_mut(to_width)
        .zip(taps)
        .for_each(|(out, tap)| {
            let mut sums = vec![[0.0f64; 4]; to_width];
            for (i, weight) in tap.weights.iter().enumerate() {
                let start = (tap.first - needed.start + i) * to_width;
                for (sum, source) in sums.iter_mut().zip(&rows[start..start + to_width]) {
                    add_exactly(sum, source, *weight);
                }
            }
            for (pixel, sum) in out.iter_mut().zip(&sums) {
                *pixel = sum.map(|v| v as f32);
            }
        });
    result
}

/// The picture scaled in proportion until it covers `width` x `height`, the rest cropped evenly.
pub fn cover<S: Space>(image: &Image<S>, width: u32, height: u32) -> Image<S> {
    let (from_width, from_height) = (u64::from(image.width()), u64::from(image.height()));
    if (image.width(), image.height()) == (width, height) || image.pixels().is_empty() {
        return scale_to(image, width, height);
    }
    let (w, h) = (u64::from(width), u64::from(height));
    // Rounded to the nearest, and never short of the size.
    let (scaled_width, scaled_height) = if w * from_height >= h * from_width {
        (w, ((2 * from_height * w + from_width) / (2 * from_width)).max(h))
    } else {
        (((2 * from_width * h + from_height) / (2 * from_height)).max(w), h)
    };
    let scaled = scale_to(image, scaled_width as u32, scaled_height as u32);
    let left = ((scaled_width - w) / 2) as usize;
    let top = ((scaled_height - h) / 2) as u32;
    let mut result = Image::new(width, height);
    if width > 0 {
        for (y, row) in (top..).zip(result.pixels_mut().chunks_exact_mut(width as usize)) {
            row.copy_from_slice(&scaled.row(y)[left..left + width as usize]);
        }
    }
    result
}

#[inline]
fn cubic_weights(t: f64) -> [f32; 4] {
    // The four pieces of the kernel written out, so that t = 0 gives exactly 0, 1, 0, 0.
    [
        (((-0.5 * t + 1.0) * t - 0.5) * t) as f32,
        ((1.5 * t - 2.5) * t * t + 1.0) as f32,
        (((-1.5 * t + 2.0) * t + 0.5) * t) as f32,
        ((0.5 * t - 0.5) * t * t) as f32,
    ]
}

/// The colour at (`x`, `y`), in pixels from the centre of the top left pixel, by the Catmull-Rom
/// cubic over 4x4 pixels. Beyond the border the outermost pixels stand on. At whole coordinates the
/// answer is the pixel itself. An empty picture is transparent black.
#[inline]
pub fn bicubic<S: Space>(image: &Image<S>, x: f64, y: f64) -> [f32; 4] {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let pixels = image.pixels();
    if pixels.is_empty() {
        return [0.0; 4];
    }
    let x = x.clamp(-1.0, width as f64);
    let y = y.clamp(-1.0, height as f64);
    let (left, top) = (x.floor(), y.floor());
    let (wx, wy) = (cubic_weights(x - left), cubic_weights(y - top));
    let (left, top) = (left as i64, top as i64);
    let mut sum = [0.0; 4];
    if left >= 1 && top >= 1 && left as usize + 2 < width && top as usize + 2 < height {
        for (j, w) in wy.iter().enumerate() {
            let start = (top as usize - 1 + j) * width + left as usize - 1;
            let mut row = [0.0; 4];
            for (pixel, w) in pixels[start..start + 4].iter().zip(&wx) {
                add(&mut row, pixel, *w);
            }
            add(&mut sum, &row, *w);
        }
        return sum;
    }
    let inside = |v: i64, len: usize| v.clamp(0, len as i64 - 1) as usize;
    for (j, w) in (-1i64..).zip(&wy) {
        let start = inside(top + j, height) * width;
        let mut row = [0.0; 4];
        for (i, w) in (-1i64..).zip(&wx) {
            add(&mut row, &pixels[start + inside(left + i, width)], *w);
        }
        add(&mut sum, &row, *w);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::AcesCg;
    use proptest::prelude::*;

    fn ramp(width: u32, height: u32) -> Image<AcesCg> {
        let pixels = (0..width * height)
            .map(|i| {
                [
                    (i % width) as f32 / width as f32,
                    (i / width) as f32 / height as f32,
                    0.5,
                    1.0,
                ]
            })
            .collect();
        Image::from_pixels(width, height, pixels).unwrap()
    }

    #[test]
    fn its_own_size_is_the_picture_itself() {
        let image = ramp(13, 7);
        assert_eq!(scale_to(&image, 13, 7), image);
    }

    #[test]
    fn a_window_moves_by_parts_of_a_pixel() {
        let image = ramp(64, 48);
        let whole = Window {
            left: 0.0,
            top: 0.0,
            width: 64.0,
            height: 48.0,
        };
        assert_eq!(window(&image, whole, 20, 15), scale_to(&image, 20, 15));
        for shift in [0.1, 0.5, 0.73] {
            let seen = Window {
                left: 10.0 + shift,
                top: 8.0,
                width: 32.0,
                height: 24.0,
            };
            let moved = window(&image, seen, 32, 24);
            for x in 2..30 {
                let expected = (10.0 + shift + f64::from(x)) / 64.0;
                assert!((f64::from(moved.at(x, 9)[0]) - expected).abs() < 1e-6);
                assert_eq!(moved.at(x, 9)[1], image.at(10, 17)[1]);
            }
        }
        let nothing = Window {
            width: f64::NAN,
            ..whole
        };
        assert!(
            window(&image, nothing, 4, 4)
                .pixels()
                .iter()
                .all(|p| *p == [0.0; 4])
        );
        let beyond = Window { left: 500.0, ..whole };
        assert_eq!(window(&image, beyond, 4, 48).at(2, 7), image.at(63, 7));
    }

    #[test]
    fn flat_areas_stay_flat_to_the_bit() {
        for (w, h) in [(1, 1), (5, 31), (64, 3), (100, 100), (7, 7)] {
            let flat = scale_to(&Image::<AcesCg>::filled(37, 23, [0.5, 0.25, 1.0, 1.0]), w, h);
            assert!(
                flat.pixels().iter().all(|p| *p == [0.5, 0.25, 1.0, 1.0]),
                "{w}x{h}"
            );
        }
    }

    #[test]
    fn smaller_is_the_mean_of_what_was_there() {
        // A fine checkerboard must become grey, not one of its two colours.
        let pixels = (0..64 * 64)
            .map(|i| [((i + i / 64) % 2) as f32, 0.0, 0.0, 1.0])
            .collect();
        let board = Image::<AcesCg>::from_pixels(64, 64, pixels).unwrap();
        for p in scale_to(&board, 9, 9).pixels() {
            assert!((p[0] - 0.5).abs() < 0.02, "{}", p[0]);
        }
    }

    #[test]
    fn a_ramp_scales_to_the_same_ramp() {
        let small = scale_to(&ramp(64, 64), 16, 16);
        for x in 3..13 {
            let expected = (f64::from(x) * 4.0 + 1.5) / 64.0;
            assert!((f64::from(small.at(x, 8)[0]) - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn lanczos_keeps_flat_areas_ramps_and_its_own_size() {
        let image = ramp(16, 12);
        assert_eq!(lanczos(&image, 16, 12), image);
        let flat = lanczos(&Image::<AcesCg>::filled(9, 5, [0.5, 0.25, 1.0, 1.0]), 23, 31);
        assert!(flat.pixels().iter().all(|p| *p == [0.5, 0.25, 1.0, 1.0]));
        let large = lanczos(&image, 32, 24);
        for x in 8..24 {
            let expected = (f64::from(x) + 0.5) / 32.0 - 0.5 / 16.0;
            // Windowed, so a ramp is kept to a part in a hundred of its step.
            assert!((f64::from(large.at(x, 12)[0]) - expected).abs() < 2e-3);
        }
    }

    #[test]
    fn covering_keeps_proportions_and_the_middle() {
        let image = ramp(40, 20);
        let square = cover(&image, 20, 20);
        for x in 0..20 {
            assert_eq!(square.at(x, 7), image.at(x + 10, 7));
        }
        for (w, h) in [(1, 50), (50, 1), (33, 17), (7, 7), (0, 4)] {
            let covered = cover(&image, w, h);
            assert_eq!((covered.width(), covered.height()), (w, h));
            assert!(covered.pixels().iter().all(|p| p[3] == 1.0));
        }
    }

    #[test]
    fn threads_do_not_change_the_bytes() {
        let pixels = (0..97 * 61)
            .map(|i: u32| [i.wrapping_mul(2654435761) as f32, 0.0, 1.0, 1.0])
            .collect();
        let image = Image::<AcesCg>::from_pixels(97, 61, pixels).unwrap();
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| (scale_to(&image, 40, 90), crate::color::to_video16(&image)))
        };
        let one = with(1);
        assert_eq!(one, with(2));
        assert_eq!(one, with(3));
    }

    #[test]
    fn beyond_the_border_the_edge_stands_on() {
        let image = ramp(8, 8);
        assert_eq!(bicubic(&image, -5.0, 3.0), image.at(0, 3));
        assert_eq!(bicubic(&image, 3.0, 1e12), image.at(3, 7));
        assert_eq!(bicubic(&image, f64::INFINITY, f64::NEG_INFINITY), image.at(7, 0));
        assert_eq!(bicubic(&Image::<AcesCg>::new(0, 0), 0.0, 0.0), [0.0; 4]);
    }

    proptest! {
        #[test]
        fn whole_coordinates_give_the_pixel(x in 0u32..9, y in 0u32..6) {
            let image = ramp(9, 6);
            prop_assert_eq!(bicubic(&image, x.into(), y.into()), image.at(x, y));
        }

        #[test]
        fn a_ramp_is_sampled_as_a_ramp(x in 1.0f64..13.0, y in 1.0f64..13.0) {
            let p = bicubic(&ramp(16, 16), x, y);
            prop_assert!((f64::from(p[0]) - x / 16.0).abs() < 1e-6);
            prop_assert!((f64::from(p[1]) - y / 16.0).abs() < 1e-6);
        }
    }
}
