//! Letters and areas of one colour, laid over a picture.

use heirloom_picture::{Image, color};

use crate::lettering::Sheet;

/// A grey as a display shows it (0..=255), as opaque linear ACEScg.
pub(super) fn grey(code: u8) -> [f32; 4] {
    tone([code; 3])
}

/// A display colour as opaque linear ACEScg.
pub(super) fn tone(code: [u8; 3]) -> [f32; 4] {
    color::from_display8(&[code], 1, 1).map_or([1.0; 4], |one| one.at(0, 0))
}

/// Mix a colour over a pixel.
pub(super) fn mix(pixel: &mut [f32; 4], ink: [f32; 4], by: f32) {
    for channel in 0..3 {
        pixel[channel] += (ink[channel] - pixel[channel]) * by;
    }
    pixel[3] += (1.0 - pixel[3]) * by;
}

/// Lay a sheet of letters over a picture, its top left corner at row `top`.
pub(super) fn lay(image: &mut Image, sheet: &Sheet, top: u32, ink: [f32; 4]) {
    let (width, rows) = (image.width() as usize, image.height().saturating_sub(top));
    let start = top as usize * width;
    if sheet.width as usize != width {
        return;
    }
    let count = rows.min(sheet.height) as usize * width;
    let Some(pixels) = image.pixels_mut().get_mut(start..start + count) else {
        return;
    };
    for (pixel, coverage) in pixels.iter_mut().zip(&sheet.coverage) {
        if *coverage > 0.0 {
            mix(pixel, ink, *coverage);
        }
    }
}

/// How much of the stretch `at..at + 1` lies within `from..to`.
pub(super) fn overlap(at: usize, from: f64, to: f64) -> f64 {
    let at = at as f64;
    (to.min(at + 1.0) - from.max(at)).clamp(0.0, 1.0)
}

/// Fill a rectangle, given by its edges in pixels, with a colour; edges between pixels are antialiased.
pub(super) fn fill(image: &mut Image, x: (f64, f64), y: (f64, f64), ink: [f32; 4], opacity: f32) {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let span = |edges: (f64, f64), side: usize| {
        let low = edges.0.floor().clamp(0.0, side as f64) as usize;
        let high = edges.1.ceil().clamp(0.0, side as f64) as usize;
        low..high.max(low)
    };
    for row in span(y, height) {
        let down = overlap(row, y.0, y.1);
        for column in span(x, width) {
            let by = (down * overlap(column, x.0, x.1)) as f32 * opacity;
            mix(&mut image.pixels_mut()[row * width + column], ink, by);
        }
    }
}

/// Darken what is close to letters, so that they are legible on anything. `letters` is their coverage in the rows
/// from `top` on; `radius` is how far that reaches, in pixels.
pub(super) fn halo(image: &mut Image, letters: &[f32], top: u32, radius: usize, strength: f32) {
    let width = image.width() as usize;
    let rows = letters.len() / width.max(1);
    let close = spread(letters, width, rows, radius.max(1));
    let start = top as usize * width;
    let pixels = image.pixels_mut().iter_mut().skip(start);
    for (pixel, close) in pixels.zip(close) {
        if close > 0.0 {
            mix(pixel, [0.0, 0.0, 0.0, 1.0], (close * 4.0).min(1.0) * strength);
        }
    }
}

/// Coverage spread by two runs of a box, which is near enough to a soft edge.
fn spread(coverage: &[f32], width: usize, rows: usize, radius: usize) -> Vec<f32> {
    let run = |from: &[f32], count: usize, step: usize, lines: usize, next: usize| {
        let mut to = vec![0.0_f32; from.len()];
        for line in 0..lines {
            let at = |i: usize| line * next + i * step;
            let mut sums = vec![0.0_f32; count + 1];
            for i in 0..count {
                sums[i + 1] = sums[i] + from[at(i)];
            }
            for i in 0..count {
                let (low, high) = (i.saturating_sub(radius), (i + radius + 1).min(count));
                to[at(i)] = (sums[high] - sums[low]).max(0.0) / (2 * radius + 1) as f32;
            }
        }
        to
    };
    let mut spread = coverage.to_vec();
    for _ in 0..2 {
        spread = run(&spread, width, 1, rows, width);
        spread = run(&spread, rows, width, width, 1);
    }
    spread
}
