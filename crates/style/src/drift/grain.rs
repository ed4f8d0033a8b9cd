//! Grain: the noise that is left in the flattest parts of a picture.
//!
//! Amplitude by Immerkær's mask ("Fast noise variance estimation", 1996), which answers neither to slopes nor to straight
//! edges along the axes; its size at the median of flat blocks, as Donoho (1995) takes the median of the finest details.

use heirloom_picture::look::{Planes, halved};

/// Pixels on a block's side.
const BLOCK: usize = 16;
/// Noise below half of an 8-bit code's rounding is not told from none.
const LEAST: f32 = 0.0007;

/// Logarithms of noise: lightness in three octaves; tints, finest octave; the darkest, middle and lightest third of the
/// flat blocks; then how alike neighbours' noise is (0 white noise, towards 1 soft grain), three times for weight.
pub(super) fn grain(planes: &Planes) -> Vec<f32> {
    let width = planes.width;
    let (half, half_width) = halved(&planes.l, width);
    let (quarter, quarter_width) = halved(&half, half_width);
    let fine = flat(&planes.l, width);
    let mut list: Vec<f32> = [
        fine.clone(),
        flat(&half, half_width),
        flat(&quarter, quarter_width),
    ]
    .iter()
    .map(|blocks| amplitude(blocks))
    .collect();
    let tints = [&planes.a, &planes.b].map(|plane| amplitude(&flat(plane, width)));
    list.push(0.5 * (tints[0] + tints[1]));
    let mut by_light = fine.clone();
    by_light.sort_by(|a, b| a.light.total_cmp(&b.light));
    let thirds = by_light.len().div_ceil(3).max(1);
    for third in 0..3 {
        let from = (third * thirds).min(by_light.len().saturating_sub(1));
        let to = ((third + 1) * thirds).min(by_light.len());
        list.push(amplitude(by_light.get(from..to.max(from)).unwrap_or(&[])));
    }
    let mut alike: Vec<f32> = fine.iter().map(|b| b.alike).collect();
    list.push(3.0 * median(&mut alike).unwrap_or(0.0));
    list
}

/// A flat block's noise.
#[derive(Clone)]
struct Flat {
    light: f32,
    noise: f32,
    alike: f32,
}

/// The fifth of the blocks that have the least structure, at least one.
fn flat(plane: &[f32], width: usize) -> Vec<Flat> {
    let height = plane.len() / width;
    let mut blocks: Vec<(f32, Flat)> = Vec::new();
    let side = BLOCK.min(width).min(height);
    if side < 4 {
        return Vec::new();
    }
    for y in (0..=height - side).step_by(side) {
        for x in (0..=width - side).step_by(side) {
            blocks.push(block(plane, width, x, y, side));
        }
    }
    blocks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let keep = blocks.len().div_ceil(5);
    blocks.into_iter().take(keep).map(|(_, flat)| flat).collect()
}

/// A block's structure (deviation of means of its quarters' quarters, which noise hardly moves), and its noise.
fn block(plane: &[f32], width: usize, x: usize, y: usize, side: usize) -> (f32, Flat) {
    let at = |i: usize, j: usize| plane[(y + j) * width + x + i];
    let cell = side / 4;
    let mut means = [0f32; 16];
    for (n, mean) in means.iter_mut().enumerate() {
        for j in 0..cell {
            for i in 0..cell {
                *mean += at(n % 4 * cell + i, n / 4 * cell + j) / (cell * cell) as f32;
            }
        }
    }
    let light = means.iter().sum::<f32>() / 16.0;
    let structure = means.iter().map(|m| (m - light) * (m - light)).sum::<f32>();
    let inner = side - 2;
    let mut masked = Vec::with_capacity(inner * inner);
    for j in 1..side - 1 {
        for i in 1..side - 1 {
            let corners = at(i - 1, j - 1) + at(i + 1, j - 1) + at(i - 1, j + 1) + at(i + 1, j + 1);
            let sides = at(i - 1, j) + at(i + 1, j) + at(i, j - 1) + at(i, j + 1);
            masked.push(corners - 2.0 * sides + 4.0 * at(i, j));
        }
    }
    let energy: f32 = masked.iter().map(|v| v * v).sum();
    let mut product = 0f32;
    for row in masked.chunks(inner) {
        product += row.windows(2).map(|pair| pair[0] * pair[1]).sum::<f32>();
    }
    let count = (inner * inner) as f32;
    // The mask's weights have squares that sum to 36. White noise, masked, has neighbours at -2/3.
    let noise = (energy / count / 36.0).sqrt();
    let alike = product / (energy + count * 36.0 * LEAST * LEAST) + 2.0 / 3.0;
    (structure, Flat { light, noise, alike })
}

/// The logarithm of the blocks' median noise.
fn amplitude(blocks: &[Flat]) -> f32 {
    let mut noises: Vec<f32> = blocks.iter().map(|b| b.noise).collect();
    libm::logf(median(&mut noises).unwrap_or(0.0) + LEAST)
}

fn median(values: &mut [f32]) -> Option<f32> {
    values.sort_unstable_by(f32::total_cmp);
    values.get(values.len() / 2).copied()
}
