//! What a style is compared by: the features of its sources, and what distances are usual among them.

use super::{Drift, Features, VERSION};
use rayon::prelude::*;

/// The fewest sources a reference is fitted to. Cut a smaller set into pictures that do not overlap, each at the size that
/// takes are judged at, and fit those: they stand for places of one picture, so that their archive is taken to be narrow.
pub const LEAST_SOURCES: usize = 3;

/// How much a distance's usual spread (of its natural logarithm) is taken to be before an archive has shown its own, and
/// how many sources that belief weighs.
const SPREAD: (f64, f64) = (0.35, 6.0);
/// The usual variance of one feature within an archive, in the features' units, and how many sources it weighs.
const VARIANCE: (f64, f64) = (0.04, 6.0);
/// Distances below this are not told from none: copies of one picture make no archive without width.
const NARROWEST: f64 = 0.05;
/// Weights of palette, contrast, texture, grain and sharpness in the whole.
const WEIGHTS: [f64; 5] = [1.5, 1.0, 1.5, 0.75, 0.75];

/// Why a reference could not be fitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Too few sources.
    #[error(
        "a style's reference needs {LEAST_SOURCES} sources or more, and has {0}: add sources, or cut those there are into pictures that do not overlap"
    )]
    TooFew(usize),
    /// Features of another version, or not as [`Features::of`] makes them.
    #[error("the features of source {0} are not of this version ({VERSION}): measure the sources anew")]
    Stale(usize),
}

/// What is usual for one distance: its median, and the spread of its logarithm.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Usual {
    median: f64,
    spread: f64,
}

/// A style's reference.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Reference {
    version: u32,
    sources: Vec<Features>,
    /// How many nearest sources a distance is the mean of.
    nearest: usize,
    /// For each part, what every feature is multiplied with.
    scales: [Vec<f32>; 5],
    usual: [Usual; 5],
    whole: Usual,
}

impl Reference {
    /// Fits a reference to the features of a style's sources, and calibrates it by leaving one out at a time. The work grows
    /// with the square of their number.
    ///
    /// # Errors
    /// With fewer than [`LEAST_SOURCES`], and with features of another version.
    pub fn fit(sources: &[Features]) -> Result<Self, ReferenceError> {
        if sources.len() < LEAST_SOURCES {
            return Err(ReferenceError::TooFew(sources.len()));
        }
        let lengths = |f: &Features| f.parts().map(<[f32]>::len);
        let alike = |f: &Features| f.version == VERSION && lengths(f) == lengths(&sources[0]);
        if let Some(stale) = sources.iter().position(|f| !alike(f)) {
            return Err(ReferenceError::Stale(stale));
        }
        let mut reference = Self {
            version: VERSION,
            nearest: (sources.len() / 6).clamp(1, 3),
            scales: core::array::from_fn(|part| scales(sources, part)),
            usual: [Usual {
                median: 1.0,
                spread: 0.5,
            }; 5],
            whole: Usual {
                median: 1.0,
                spread: 0.5,
            },
            sources: sources.to_vec(),
        };
        let left_out: Vec<[f64; 5]> = (0..sources.len())
            .into_par_iter()
            .map(|n| reference.distances(&sources[n], Some(n)))
            .collect();
        for part in 0..5 {
            reference.usual[part] = Usual::of(left_out.iter().map(|d| d[part]), NARROWEST);
        }
        let wholes = left_out.iter().map(|d| together(&reference.relative(d)));
        reference.whole = Usual::of(wholes, NARROWEST);
        Ok(reference)
    }

    /// How far a picture is from the style. Features of another version are infinitely far.
    pub fn drift(&self, features: &Features) -> Drift {
        self.calibrated(&self.distances(features, None))
    }

    /// How far each source is from the style of the others, in the order they were given: half of these are below 1.
    pub fn left_out(&self) -> Vec<Drift> {
        let one = |n: usize| self.calibrated(&self.distances(&self.sources[n], Some(n)));
        (0..self.sources.len()).into_par_iter().map(one).collect()
    }

    /// How many sources it was fitted to.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    fn calibrated(&self, distances: &[f64; 5]) -> Drift {
        let relative = self.relative(distances);
        let [palette, contrast, texture, grain, sharpness] = relative;
        let total = self.whole.relative(together(&relative));
        Drift {
            total,
            palette,
            contrast,
            texture,
            grain,
            sharpness,
        }
    }

    fn relative(&self, distances: &[f64; 5]) -> [f64; 5] {
        core::array::from_fn(|part| self.usual[part].relative(distances[part]))
    }

    /// For each part: the mean distance to the nearest sources, one of them left out.
    fn distances(&self, features: &Features, left_out: Option<usize>) -> [f64; 5] {
        if features.version != self.version || self.version != VERSION {
            return [f64::INFINITY; 5];
        }
        core::array::from_fn(|part| {
            let ours = features.parts()[part];
            let mut near = vec![f64::INFINITY; self.nearest];
            for (_, source) in self
                .sources
                .iter()
                .enumerate()
                .filter(|(n, _)| Some(*n) != left_out)
            {
                let mut distance = apart(ours, source.parts()[part], &self.scales[part]);
                for kept in &mut near {
                    if distance < *kept {
                        core::mem::swap(kept, &mut distance);
                    }
                }
            }
            near.iter().sum::<f64>() / near.len() as f64
        })
    }
}

impl Usual {
    fn of(distances: impl Iterator<Item = f64>, narrowest: f64) -> Self {
        let mut sorted: Vec<f64> = distances.map(|d| d.max(narrowest)).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let count = sorted.len();
        let median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2.0;
        let around = |d: &f64| {
            let log = libm::log(d / median);
            log * log
        };
        let (believed, weight) = SPREAD;
        let squares: f64 = sorted.iter().map(around).sum();
        let spread = libm::sqrt((weight * believed * believed + squares) / (weight + count as f64));
        Self {
            median,
            spread: spread.max(0.2),
        }
    }

    /// 1 at the median; e^(1/2) times more for every spread beyond it.
    fn relative(&self, distance: f64) -> f64 {
        if distance <= 0.0 {
            return 0.0;
        }
        libm::pow(distance / self.median, 0.5 / self.spread)
    }
}

/// The weighted root mean square of the parts: a soft maximum, so that one part far off is not hidden by four at home.
fn together(parts: &[f64; 5]) -> f64 {
    let squares: f64 = parts.iter().zip(WEIGHTS).map(|(p, w)| w * p * p).sum();
    libm::sqrt(squares / WEIGHTS.iter().sum::<f64>())
}

fn apart(a: &[f32], b: &[f32], scales: &[f32]) -> f64 {
    let one = |((a, b), s): ((&f32, &f32), &f32)| f64::from((a - b) * s) * f64::from((a - b) * s);
    libm::sqrt(a.iter().zip(b).zip(scales).map(one).sum())
}

/// What differences of each feature count: less where the archive itself is wide. Shares of colours (part 0) count alike.
fn scales(sources: &[Features], part: usize) -> Vec<f32> {
    let length = sources[0].parts()[part].len();
    if part == 0 {
        return vec![1.0; length];
    }
    let (believed, weight) = VARIANCE;
    let count = sources.len() as f64;
    let one = |n: usize| {
        let values = || sources.iter().map(|f| f64::from(f.parts()[part][n]));
        let mean = values().sum::<f64>() / count;
        let squares: f64 = values().map(|v| (v - mean) * (v - mean)).sum();
        let variance = (weight * believed + squares) / (weight + count);
        (1.0 / libm::sqrt(variance * length as f64)) as f32
    };
    (0..length).map(one).collect()
}
