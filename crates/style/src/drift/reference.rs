//! What a style is compared by: the features of its sources, and what distances are usual among them.

use super::{Drift, Features, VERSION, weights};
use rayon::prelude::*;

/// The fewest sources a reference is fitted to. Cut a smaller set into pictures that do not overlap, each at the size that
/// takes are judged at, and fit those: they stand for places of one picture, so that their archive is taken to be narrow.
pub const LEAST_SOURCES: usize = 3;

/// How much a distance's usual spread (of its natural logarithm) is taken to be before an archive has shown its own, how
/// many sources that belief weighs, and the least it is taken to be.
const SPREAD: (f64, f64, f64) = (0.35, 6.0, 0.4);
/// How many sources the usual variance of a weighted number, which is 1, weighs.
const BELIEF: f64 = 16.0;
/// The share of the others that are near, as one over it.
const NEAR: usize = 3;
/// Distances below this are not told from none: copies of one picture make no archive without width.
const NARROWEST: f64 = 0.5;
/// Weights of palette, contrast, texture, grain and sharpness in the whole.
const WEIGHTS: [f64; 5] = [2.0, 1.0, 1.0, 1.5, 0.5];

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
    usual: [Usual; 5],
    /// The median of the parts taken together.
    whole: f64,
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
        let whole = |f: &Features| {
            f.parts()
                .iter()
                .zip(weights::ALL)
                .all(|(part, w)| part.len() == w.len())
        };
        if let Some(stale) = sources.iter().position(|f| f.version != VERSION || !whole(f)) {
            return Err(ReferenceError::Stale(stale));
        }
        let blank = Usual {
            median: 1.0,
            spread: 0.5,
        };
        let mut reference = Self {
            version: VERSION,
            sources: sources.to_vec(),
            usual: [blank; 5],
            whole: 1.0,
        };
        let left_out: Vec<[f64; 5]> = (0..sources.len())
            .into_par_iter()
            .map(|n| reference.distances(&sources[n], Some(n)))
            .collect();
        for part in 0..5 {
            reference.usual[part] = Usual::of(left_out.iter().map(|d| d[part]));
        }
        let wholes = left_out.iter().map(|d| together(&reference.relative(d)));
        reference.whole = median(&mut wholes.collect::<Vec<_>>()).max(1e-6);
        Ok(reference)
    }

    /// How far a picture is from the style. Features of another version are infinitely far.
    pub fn drift(&self, features: &Features) -> Drift {
        self.calibrated(&self.distances(features, None))
    }

    /// Whether it was fitted to features as this program measures them.
    pub fn is_of_this_version(&self) -> bool {
        self.version == VERSION
    }

    /// The features of its sources, to fit another reference to.
    pub fn into_sources(self) -> Vec<Features> {
        self.sources
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
        let total = together(&relative) / self.whole;
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

    /// The distance from the sources in each part, one of them left out.
    fn distances(&self, features: &Features, left_out: Option<usize>) -> [f64; 5] {
        let whole = features
            .parts()
            .iter()
            .zip(weights::ALL)
            .all(|(part, w)| part.len() == w.len());
        if features.version != self.version || self.version != VERSION || !whole {
            return [f64::INFINITY; 5];
        }
        core::array::from_fn(|part| {
            let others = self
                .sources
                .iter()
                .enumerate()
                .filter(|(n, _)| Some(*n) != left_out);
            let others: Vec<&[f32]> = others.map(|(_, source)| source.parts()[part]).collect();
            apart(features.parts()[part], &others, weights::ALL[part])
        })
    }
}

impl Usual {
    fn of(distances: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = distances.map(|d| d.max(NARROWEST)).collect();
        let median = median(&mut sorted);
        let around = |d: &f64| {
            let log = libm::log(d / median);
            log * log
        };
        let (believed, weight, least) = SPREAD;
        let squares: f64 = sorted.iter().map(around).sum();
        let spread = libm::sqrt((weight * believed * believed + squares) / (weight + sorted.len() as f64));
        Self {
            median,
            spread: spread.max(least),
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

/// Sorts; 0 of none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count => (values[(count - 1) / 2] + values[count / 2]) / 2.0,
    }
}

/// How far numbers are from those of sources: the root of half the square of the mean distance to the nearest third, and half
/// the square of that to their mean. Differences count by what a number weighs, and less where the sources themselves are wide.
fn apart(ours: &[f32], sources: &[&[f32]], weights: &[f32]) -> f64 {
    let count = sources.len() as f64;
    let mut to_source = vec![0f64; sources.len()];
    let mut to_mean = 0f64;
    for (n, weight) in weights.iter().enumerate() {
        let value = |list: &[f32]| f64::from(list[n]) * f64::from(*weight);
        let mean = sources.iter().map(|s| value(s)).sum::<f64>() / count;
        let squares: f64 = sources
            .iter()
            .map(|s| (value(s) - mean) * (value(s) - mean))
            .sum();
        let variance = (BELIEF + squares) / (BELIEF + count);
        let our = value(ours);
        to_mean += (our - mean) * (our - mean) / variance;
        for (sum, source) in to_source.iter_mut().zip(sources) {
            *sum += (our - value(source)) * (our - value(source)) / variance;
        }
    }
    to_source.sort_unstable_by(f64::total_cmp);
    let near = (sources.len() / NEAR).max(1);
    let length = weights.len() as f64;
    let to_near = to_source
        .iter()
        .take(near)
        .map(|s| libm::sqrt(s / length))
        .sum::<f64>()
        / near as f64;
    libm::sqrt(0.5 * to_near * to_near + 0.5 * to_mean / length)
}

/// The weighted root mean square of the parts: a soft maximum, so that one part far off is not hidden by four at home.
fn together(parts: &[f64; 5]) -> f64 {
    let squares: f64 = parts.iter().zip(WEIGHTS).map(|(p, w)| w * p * p).sum();
    libm::sqrt(squares / WEIGHTS.iter().sum::<f64>())
}
