//! Sharpness: how steep edges are for their contrast, and how fast the spectrum falls.
//!
//! Spectra of photographs fall as a power of frequency (Field, 1987; Ruderman, 1994); blur makes the fall steeper at its
//! fine end, sharpening flatter. Ratios of octaves do not move with contrast.

use heirloom_picture::look::{Planes, halved};

/// Octaves whose energies are compared.
const OCTAVES: usize = 5;
/// Pixels on a side of the blocks in which edges are sought.
const BLOCK: usize = 12;
/// Energy that is not told from rounding.
const LEAST: f32 = 2e-6;

/// The logarithms of the ratios of gradient energy between octaves from the finest; then acutance (steepest gradient over
/// contrast, in blocks with much contrast): lower, middle and upper quartile.
pub(super) fn sharpness(planes: &Planes) -> Vec<f32> {
    let (mut plane, mut width) = (planes.l.clone(), planes.width);
    let mut energies = Vec::with_capacity(OCTAVES);
    for octave in 0..OCTAVES {
        energies.push(libm::logf(gradient_energy(&plane, width) + LEAST));
        if octave + 1 < OCTAVES {
            (plane, width) = halved(&plane, width);
        }
    }
    let mut list: Vec<f32> = energies.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let acutances = acutances(planes);
    list.extend([0.25, 0.5, 0.75].map(|share| {
        let at = (share * acutances.len().saturating_sub(1) as f64) as usize;
        2.0 * libm::logf(acutances.get(at).copied().unwrap_or(0.0) + 0.05)
    }));
    list
}

/// The mean squared difference of neighbours.
fn gradient_energy(plane: &[f32], width: usize) -> f32 {
    let height = plane.len() / width;
    if width < 2 || height < 2 {
        return 0.0;
    }
    let mut sum = 0f64;
    for y in 0..height - 1 {
        let (here, below) = (
            &plane[y * width..(y + 1) * width],
            &plane[(y + 1) * width..(y + 2) * width],
        );
        let mut row = 0f32;
        for x in 0..width - 1 {
            let (dx, dy) = (here[x + 1] - here[x], below[x] - here[x]);
            row += dx * dx + dy * dy;
        }
        sum += f64::from(row);
    }
    (sum / ((width - 1) * (height - 1)) as f64) as f32
}

/// In the fifth of the blocks with the most contrast: the steepest step between neighbours over the whole contrast, in order.
fn acutances(planes: &Planes) -> Vec<f32> {
    let (width, height) = (planes.width, planes.height);
    let side = BLOCK.min(width).min(height);
    if side < 2 {
        return Vec::new();
    }
    let mut blocks = Vec::new();
    for y in (0..=height - side).step_by(side) {
        for x in (0..=width - side).step_by(side) {
            let (mut low, mut high, mut steepest) = (f32::MAX, f32::MIN, 0f32);
            for j in y..y + side {
                let row = &planes.l[j * width + x..j * width + x + side];
                for (i, v) in row.iter().enumerate() {
                    (low, high) = (low.min(*v), high.max(*v));
                    if i > 0 {
                        steepest = steepest.max((v - row[i - 1]).abs());
                    }
                    if j > y {
                        steepest = steepest.max((v - planes.l[(j - 1) * width + x + i]).abs());
                    }
                }
            }
            blocks.push((high - low, steepest / (high - low + 0.02)));
        }
    }
    blocks.sort_by(|a, b| b.0.total_cmp(&a.0));
    blocks.truncate(blocks.len().div_ceil(5));
    let mut list: Vec<f32> = blocks.into_iter().map(|(_, acutance)| acutance).collect();
    list.sort_unstable_by(f32::total_cmp);
    list
}
