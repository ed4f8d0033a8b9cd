//! Lightness moved along one rising curve: optimal transport in one dimension, with its slope bounded.

use super::{FitOptions, Samples};

/// Steps of the curve.
const STEPS: usize = 128;
/// Shares of the pictures that are matched.
const SHARES: usize = 512;

/// A strictly rising curve from lightness to lightness, 0 to 1 both ways.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Curve {
    points: Vec<f64>,
}

impl Curve {
    /// The curve that takes the lightness of `from` nearest to that of `to` within the bounds.
    pub fn fit(from: &Samples, to: &Samples, options: &FitOptions) -> Self {
        let pairs: Vec<[f64; 2]> = quantiles(from)
            .into_iter()
            .zip(quantiles(to))
            .map(|(x, y)| [x, y])
            .collect();
        let least = options.slope[0].clamp(0.05, 1.0);
        let most = options.slope[1].max(1.0);
        let step = 1.0 / STEPS as f64;
        let share = options.lightness.clamp(0.0, 1.0);
        let spread = options.lightness_smooth.max(0.005);
        // Where no picture has anything, the move fades out, so that black and white stay where they are.
        let wanted: Vec<f64> = (0..=STEPS)
            .map(|i| {
                let l = i as f64 * step;
                let (mut sum, mut weight) = (0.0, 1e-3);
                for [x, y] in &pairs {
                    let d = (x - l) / spread;
                    let near = 1.0 / ((1.0 + d * d) * (1.0 + d * d)) / SHARES as f64;
                    sum += near * (y - x);
                    weight += near;
                }
                (l + share * sum / weight).clamp(least * l, 1.0 - least * (1.0 - l))
            })
            .collect();
        // From below and from above, each within the bounds of slope; their mean is so too.
        let (mut up, mut down) = (wanted.clone(), wanted.clone());
        for i in 1..=STEPS {
            up[i] = wanted[i].clamp(up[i - 1] + least * step, up[i - 1] + most * step);
            let j = STEPS - i;
            down[j] = wanted[j].clamp(down[j + 1] - most * step, down[j + 1] - least * step);
        }
        let mean: Vec<f64> = up.iter().zip(&down).map(|(a, b)| (a + b) / 2.0).collect();
        // Slopes are smoothed, not points: a mean of slopes within bounds is within them.
        let slopes: Vec<f64> = mean.windows(2).map(|w| (w[1] - w[0]) / step).collect();
        let mut slopes: Vec<f64> = (0..STEPS).map(|i| smoothed(&slopes, i, 0.04 / step)).collect();
        let rise: f64 = slopes.iter().sum::<f64>() * step;
        if rise > 1.0 {
            let share = (1.0 - least) / (rise - least);
            slopes.iter_mut().for_each(|s| *s = least + (*s - least) * share);
        }
        let mut points = vec![0.0];
        for slope in &slopes {
            points.push(points[points.len() - 1] + slope * step);
        }
        let off = mean.iter().zip(&points).map(|(m, p)| m - p).sum::<f64>() / points.len() as f64;
        let off = off.clamp(0.0, (1.0 - points[STEPS]).max(0.0));
        points.iter_mut().for_each(|p| *p = (*p + off).min(1.0));
        Self { points }
    }

    /// The lightness that `l` becomes; on beyond 0 and 1 at the slope of the ends.
    pub fn at(&self, l: f64) -> f64 {
        let place = l * STEPS as f64;
        let i = (place.max(0.0) as usize).min(STEPS - 1);
        self.points[i] + (self.points[i + 1] - self.points[i]) * (place - i as f64)
    }
}

/// The lightness below which each of [`SHARES`] even shares lies.
fn quantiles(samples: &Samples) -> Vec<f64> {
    let mut sorted: Vec<(f64, f64)> = samples
        .colours()
        .iter()
        .map(|(lab, w)| (lab[0].clamp(0.0, 1.0), *w))
        .collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut at, mut below) = (0, 0.0);
    (0..SHARES)
        .map(|k| {
            let share = (k as f64 + 0.5) / SHARES as f64;
            while at + 1 < sorted.len() && below + sorted[at].1 < share {
                below += sorted[at].1;
                at += 1;
            }
            sorted[at].0
        })
        .collect()
}

fn smoothed(values: &[f64], at: usize, spread: f64) -> f64 {
    let reach = (3.0 * spread) as isize;
    let (mut sum, mut weight) = (0.0, 0.0);
    for d in -reach..=reach {
        let i = (at as isize + d).clamp(0, values.len() as isize - 1) as usize;
        let near = libm::exp(-0.5 * (d as f64 / spread) * (d as f64 / spread));
        sum += near * values[i];
        weight += near;
    }
    sum / weight
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_curve_keeps_its_bounds(
            from in prop::collection::vec(0f64..1.0, 1..40),
            to in prop::collection::vec(0f64..1.0, 1..40),
        ) {
            let samples = |ls: Vec<f64>| Samples::from_colours(ls.into_iter().map(|l| ([l, 0.0, 0.0], 1.0)));
            let curve = Curve::fit(&samples(from), &samples(to), &FitOptions::default());
            prop_assert!(curve.points[0] >= 0.0 && curve.points[STEPS] <= 1.0);
            for pair in curve.points.windows(2) {
                let slope = (pair[1] - pair[0]) * STEPS as f64;
                prop_assert!((0.4 - 1e-6..=2.5 + 1e-6).contains(&slope), "{slope}");
            }
        }
    }

    #[test]
    fn a_known_curve_is_found() {
        let ls: Vec<f64> = (0..2000).map(|i| i as f64 / 1999.0).collect();
        let bent = |l: f64| l * (0.7 + 0.3 * l);
        let samples =
            |f: &dyn Fn(f64) -> f64| Samples::from_colours(ls.iter().map(|l| ([f(*l), 0.0, 0.0], 1.0)));
        let curve = Curve::fit(&samples(&|l| l), &samples(&bent), &FitOptions::default());
        for l in &ls {
            assert!(
                (curve.at(*l) - bent(*l)).abs() < 0.02,
                "{l}: {} for {}",
                curve.at(*l),
                bent(*l)
            );
        }
    }
}
