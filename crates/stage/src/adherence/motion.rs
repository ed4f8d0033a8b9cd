//! The take's own motion beside the exact one: which pixels can be judged, and how far they are off.

use heirloom_picture::Image;
use heirloom_picture::flow::{self, FlowError, FlowOptions, Plane};

use super::edges;
use super::working::Working;

/// The spread in pixels, in the direction worst determined, up to which a pixel's motion is believed.
const LARGEST_SPREAD_PX: f32 = 0.25;
/// The least difference between two frames that is reckoned with, in display codes of 0 to 1: rounding to 8 bits, and
/// the flow's own interpolation.
const LEAST_RESIDUAL: f32 = 0.75 / 255.0;
/// Half the side of the window in which texture is looked for.
const REACH: usize = 4;
/// Every so many pixels motion is kept for timing.
pub(super) const GRID_PX: usize = 4;

/// Motion of one pair of frames, in working pixels.
pub(super) struct PairMotion {
    /// The take's own.
    pub taken: Vec<[f32; 2]>,
    /// Whether the take shows it: there and back agree, and there is texture enough to tell.
    pub trusted: Vec<bool>,
}

/// A frame of the take in grey.
pub(super) struct Grey {
    /// As it is: what says whether a place was found again.
    sharp: Plane,
    /// Without grain: what motion is looked for in.
    soft: Plane,
}

impl Grey {
    pub fn of(picture: &Image, soften_px: f32) -> Result<Self, FlowError> {
        let sharp = Plane::of_image(picture);
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let soft = if soften_px > 0.0 {
            let soft = edges::blur(sharp.values(), width, height, f64::from(soften_px));
            Plane::from_values(picture.width(), picture.height(), soft)?
        } else {
            sharp.clone()
        };
        Ok(Self { sharp, soft })
    }
}

/// The motion of the take from one frame to the next.
pub(super) fn of_pair(from: &Grey, to: &Grey, options: &FlowOptions) -> Result<PairMotion, FlowError> {
    let checked = flow::flow_of_planes_checked(&from.soft, &to.soft, options)?;
    let taken = checked.forward.motion().to_vec();
    let spread = spread_px(&from.sharp, &to.sharp, &taken);
    let trusted = checked.valid.iter().zip(&spread);
    let trusted = trusted
        .map(|(valid, spread)| *valid && *spread <= LARGEST_SPREAD_PX)
        .collect();
    Ok(PairMotion { taken, trusted })
}

/// How uncertain each pixel's motion is: the Cramér-Rao bound of matching a window of 9x9 pixels, in the direction in
/// which the window has least texture. Residual noise over the smaller eigenvalue of the structure tensor (Förstner
/// and Gülch 1987; Shi and Tomasi, "Good Features to Track", CVPR 1994). A flat wall, and a straight edge along
/// itself, say nothing; grain that differs from frame to frame is residue and not texture.
fn spread_px(from: &Plane, to: &Plane, motion: &[[f32; 2]]) -> Vec<f32> {
    let (width, height) = (from.width() as usize, from.height() as usize);
    let values = from.values();
    let at = |x: usize, y: usize| values[y * width + x];
    let mut parts: [Vec<f32>; 5] = std::array::from_fn(|_| vec![0.0; width * height]);
    for y in 0..height {
        let (above, below) = (y.saturating_sub(1), (y + 1).min(height - 1));
        for x in 0..width {
            let (left, right) = (x.saturating_sub(1), (x + 1).min(width - 1));
            let gx = 0.5 * (at(right, y) - at(left, y));
            let gy = 0.5 * (at(x, below) - at(x, above));
            let i = y * width + x;
            let there = bilinear(to, x as f32 + motion[i][0], y as f32 + motion[i][1]);
            let off = there - values[i];
            for (part, value) in parts.iter_mut().zip([gx * gx, gx * gy, gy * gy, off, off * off]) {
                part[i] = value;
            }
        }
    }
    let [xx, xy, yy, off, off_square] = parts.map(|part| box_mean(&part, width, height, REACH));
    let window = ((2 * REACH + 1) * (2 * REACH + 1)) as f32;
    let spread = |i: usize| {
        // What grain adds to a difference over two pixels: half the noise of one frame, a quarter of the residue's.
        let residue = (off_square[i] - off[i] * off[i]).max(0.0);
        let (half, apart) = (0.5 * (xx[i] + yy[i]), 0.5 * (xx[i] - yy[i]));
        let least = half - (apart * apart + xy[i] * xy[i]).sqrt() - 0.25 * residue;
        if least > 0.0 {
            ((residue + LEAST_RESIDUAL * LEAST_RESIDUAL) / (window * least)).sqrt()
        } else {
            f32::INFINITY
        }
    };
    (0..width * height).map(spread).collect()
}

fn bilinear(plane: &Plane, x: f32, y: f32) -> f32 {
    let (width, height) = (plane.width() as usize, plane.height() as usize);
    // `max` first: NaN becomes 0.
    let x = x.max(0.0).min((width - 1) as f32);
    let y = y.max(0.0).min((height - 1) as f32);
    let (left, top) = (x as usize, y as usize);
    let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
    let (fx, fy) = (x - left as f32, y - top as f32);
    let at = |x: usize, y: usize| plane.values()[y * width + x];
    let above = at(left, top) + (at(right, top) - at(left, top)) * fx;
    let below = at(left, bottom) + (at(right, bottom) - at(left, bottom)) * fx;
    above + (below - above) * fy
}

/// The mean over a square window that is cut off at the border. Every window is summed by itself, in one order.
pub(super) fn box_mean(values: &[f32], width: usize, height: usize, reach: usize) -> Vec<f32> {
    let mut across = vec![0.0f32; values.len()];
    for (out, row) in across.chunks_mut(width).zip(values.chunks(width)) {
        means_along(row, out, reach);
    }
    let mut down = vec![0.0f32; values.len()];
    for y in 0..height {
        let (first, last) = (y.saturating_sub(reach), (y + reach).min(height - 1));
        let share = 1.0 / (last - first + 1) as f32;
        let out = &mut down[y * width..(y + 1) * width];
        for row in across[first * width..(last + 1) * width].chunks(width) {
            for (out, value) in out.iter_mut().zip(row) {
                *out += value * share;
            }
        }
    }
    down
}

fn means_along(row: &[f32], out: &mut [f32], reach: usize) {
    for (x, out) in out.iter_mut().enumerate() {
        let window = &row[x.saturating_sub(reach)..(x + reach + 1).min(row.len())];
        *out = window.iter().sum::<f32>() / window.len() as f32;
    }
}

/// Sums over the pixels of a pair that could be judged.
#[derive(Debug, Clone, Default)]
pub(super) struct Errors {
    pub judged: u64,
    pub pixels: u64,
    pub error_sum: f64,
    /// Of the exact motion's length: the error of a take that stands still.
    pub still_sum: f64,
    pub taken_sum: f64,
    /// Of taken times exact, and of exact squared.
    dot_sum: f64,
    square_sum: f64,
    histogram: Histogram,
}

impl Errors {
    pub fn of(taken: &PairMotion, exact: &[[f32; 2]]) -> Self {
        let mut errors = Self {
            pixels: exact.len() as u64,
            ..Self::default()
        };
        for (i, exact) in exact.iter().enumerate() {
            if let Some(error) = error_at(taken, i, *exact) {
                let own = taken.taken[i];
                let square = |m: [f32; 2]| f64::from(m[0] * m[0] + m[1] * m[1]);
                errors.judged += 1;
                errors.error_sum += f64::from(error);
                errors.still_sum += square(*exact).sqrt();
                errors.taken_sum += square(own).sqrt();
                errors.dot_sum += f64::from(own[0] * exact[0] + own[1] * exact[1]);
                errors.square_sum += square(*exact);
                errors.histogram.add(error);
            }
        }
        errors
    }

    pub fn join(&mut self, other: &Self) {
        self.judged += other.judged;
        self.pixels += other.pixels;
        self.error_sum += other.error_sum;
        self.still_sum += other.still_sum;
        self.taken_sum += other.taken_sum;
        self.dot_sum += other.dot_sum;
        self.square_sum += other.square_sum;
        self.histogram.join(&other.histogram);
    }

    pub fn judged_percent(&self) -> f64 {
        if self.pixels == 0 {
            return 0.0;
        }
        100.0 * self.judged as f64 / self.pixels as f64
    }

    /// A sum over judged pixels as a mean; `None` where there are none.
    pub fn mean(&self, sum: f64) -> Option<f64> {
        (self.judged > 0).then(|| sum / self.judged as f64)
    }

    /// The error that `share` of the judged pixels stay below.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        self.histogram.quantile(share)
    }

    /// The factor on the exact motion that comes nearest to the take's (least squares).
    pub fn gain(&self) -> Option<f64> {
        (self.square_sum > 0.0).then(|| self.dot_sum / self.square_sum)
    }
}

/// The endpoint error of one pixel, in working pixels; `None` where it cannot be judged.
pub(super) fn error_at(taken: &PairMotion, i: usize, exact: [f32; 2]) -> Option<f32> {
    if !taken.trusted[i] || exact[0].is_nan() {
        return None;
    }
    let (x, y) = (taken.taken[i][0] - exact[0], taken.taken[i][1] - exact[1]);
    Some((x * x + y * y).sqrt())
}

/// Motions of every few pixels, NaN where nothing is known: what timing compares.
pub(super) fn grid(working: &Working, motion: impl Fn(usize) -> Option<[f32; 2]>) -> Vec<[f32; 2]> {
    let lines = |side: usize| (GRID_PX / 2..side).step_by(GRID_PX);
    let places = lines(working.height).flat_map(|y| lines(working.width).map(move |x| y * working.width + x));
    places.map(|i| motion(i).unwrap_or([f32::NAN; 2])).collect()
}

/// Counts of errors in bins of under 1 %: the upper bits of a float are its logarithm, near enough.
#[derive(Debug, Clone, Default)]
struct Histogram {
    bins: Vec<u32>,
    count: u64,
}

impl Histogram {
    const SHIFT: u32 = 16;
    /// From 2^-10 to 2^14 pixels.
    const FIRST: u32 = (127 - 10) << 7;
    const BINS: u32 = 24 << 7;

    fn add(&mut self, value: f32) {
        self.bins.resize(Self::BINS as usize, 0);
        let bin = (value.to_bits() >> Self::SHIFT).saturating_sub(Self::FIRST);
        self.bins[bin.min(Self::BINS - 1) as usize] += 1;
        self.count += 1;
    }

    fn join(&mut self, other: &Self) {
        if other.count > 0 {
            self.bins.resize(Self::BINS as usize, 0);
            for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
                *bin += more;
            }
            self.count += other.count;
        }
    }

    fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = (share * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bin, count) in (0u32..).zip(&self.bins) {
            seen += u64::from(*count);
            if seen >= wanted {
                let middle = ((Self::FIRST + bin) << Self::SHIFT) + (1 << (Self::SHIFT - 1));
                return Some(f64::from(f32::from_bits(middle)));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_percent() {
        let mut histogram = Histogram::default();
        for i in 1..=1000 {
            histogram.add(i as f32 * 0.01);
        }
        assert!((histogram.quantile(0.5).unwrap() - 5.0).abs() < 0.05);
        assert!((histogram.quantile(0.95).unwrap() - 9.5).abs() < 0.1);
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn a_window_at_the_border_is_cut_off() {
        let values: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let means = box_mean(&values, 4, 3, 1);
        assert!((means[0] - 2.5).abs() < 1e-6 && (means[5] - 5.0).abs() < 1e-6);
    }
}
