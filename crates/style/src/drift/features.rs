//! What of a picture its drift is measured from.

use heirloom_picture::look::{self, Planes};
use heirloom_picture::measure::View;

use super::{grain, sharpness, tints};

/// What the numbers of [`Features`] mean; raised when that changes. Features of another version are not compared.
pub const VERSION: u32 = 1;

/// Pixels on the longer side that grain and sharpness are measured at.
const FINE_SIDE: u32 = 1024;

/// A picture as five lists of numbers, in units in which 1 is a clear difference.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Features {
    /// [`VERSION`] at the time.
    pub version: u32,
    /// Running sums of the look's palette over lightness, a and b, then moments of the tints.
    pub palette: Vec<f32>,
    /// Quantiles of lightness, then local contrast in blocks of two sizes.
    pub contrast: Vec<f32>,
    /// The look's texture, then how many edges there are, and how much finer tints vary than lightness.
    pub texture: Vec<f32>,
    /// Noise in flat parts.
    pub grain: Vec<f32>,
    /// Acutance and the fall of the spectrum.
    pub sharpness: Vec<f32>,
}

impl Features {
    /// Measures a picture in display codes. Larger ones are scaled: to 1024 pixels for grain and sharpness, 256 for the rest.
    /// Show pictures of one archive, and what is judged by them, at like sizes: scaling takes grain away.
    pub fn of(view: &View<'_>) -> Self {
        let small = Planes::of(view, look::SIDE);
        let seen = look::look_of(&small);
        let fine = Planes::of(view, FINE_SIDE);
        Self {
            version: VERSION,
            palette: [palette(&seen.palette), tints::tints(&small)].concat(),
            contrast: contrast(&small),
            texture: [texture(&seen.texture), tints::edges(&small)].concat(),
            grain: grain::grain(&fine),
            sharpness: sharpness::sharpness(&fine),
        }
    }

    /// The five lists, in the order of [`super::Drift`]'s parts.
    pub(super) fn parts(&self) -> [&[f32]; 5] {
        [
            &self.palette,
            &self.contrast,
            &self.texture,
            &self.grain,
            &self.sharpness,
        ]
    }
}

/// Euclid's distance of these is that of Cramér over lightness, a and b, which tells near from far also when no colour is
/// shared. Not the shares of single colours: a picture half way between two others has colours that neither has, so that it
/// would be farther from one than the other is.
fn palette(shares: &[f32]) -> Vec<f32> {
    let mut list = Vec::new();
    let tints = look::TINTS;
    for (axis, nodes) in [(0, look::LIGHTNESSES), (1, tints), (2, tints)] {
        let mut sums = vec![0f32; nodes];
        for (n, share) in shares.iter().enumerate() {
            sums[[n / (tints * tints), n / tints % tints, n % tints][axis]] += share;
        }
        let mut running = 0.0;
        list.extend(sums.iter().map(|v| {
            running += v;
            2.0 * running
        }));
    }
    list
}

fn contrast(planes: &Planes) -> Vec<f32> {
    let mut sorted = planes.l.clone();
    sorted.sort_unstable_by(f32::total_cmp);
    let at = |share: f64| sorted[(share * (sorted.len() - 1) as f64) as usize];
    let mut list: Vec<f32> = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
        .map(|q| 5.0 * at(q))
        .to_vec();
    list.push(5.0 * (at(0.95) - at(0.05)));
    for side in [8, 32] {
        let mut deviations = Vec::new();
        for y in (0..planes.height).step_by(side) {
            for x in (0..planes.width).step_by(side) {
                deviations.push(deviation(planes, x, y, side));
            }
        }
        deviations.sort_unstable_by(f32::total_cmp);
        list.extend([0.25, 0.5, 0.9].map(|q| {
            let deviation = deviations[(q * (deviations.len() - 1) as f64) as usize];
            libm::logf(deviation + 0.004)
        }));
    }
    list
}

/// The standard deviation of lightness in a block, cut off at the border.
fn deviation(planes: &Planes, x: usize, y: usize, side: usize) -> f32 {
    let (right, bottom) = ((x + side).min(planes.width), (y + side).min(planes.height));
    let (mut sum, mut squares) = (0f64, 0f64);
    for row in y..bottom {
        for v in &planes.l[row * planes.width + x..row * planes.width + right] {
            sum += f64::from(*v);
            squares += f64::from(v * v);
        }
    }
    let count = ((right - x) * (bottom - y)) as f64;
    let mean = sum / count;
    libm::sqrt((squares / count - mean * mean).max(0.0)) as f32
}

/// Energies in halves of a natural logarithm (so that 1 is a factor of e in amplitude); sparseness and ties spread to
/// about the same size.
fn texture(texture: &[f32]) -> Vec<f32> {
    let energies = look::SCALES * look::DIRECTIONS;
    let scaled = |(n, v): (usize, &f32)| if n < energies { 0.5 * v } else { 4.0 * v };
    texture.iter().enumerate().map(scaled).collect()
}
