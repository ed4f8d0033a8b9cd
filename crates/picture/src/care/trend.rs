//! What the light of one place would be without flicker, told from what it is in the frames around.
//!
//! The logarithm of light over the frames is fitted by a straight line, or by a parabola where that explains it much better
//! (local polynomial regression: Savitzky and Golay, "Smoothing and differentiation of data by simplified least squares
//! procedures", Analytical Chemistry 1964). Where the light steps (a lamp is switched, a flash begins) only the side that
//! the frame itself is on is fitted: the step is looked for by an F test of the fit with it against the fit without (Chow,
//! "Tests of equality between sets of coefficients in two linear regressions", Econometrica 1960, for a change of the mean
//! alone); of a flash likewise, from a size on that flicker has not.

use std::ops::Range;

/// How much better a fit with a step must be to be believed, as an F value of one degree of freedom.
const STEP: f64 = 36.0;
/// A step smaller than this is no light that is switched (in logarithms of light, 2 %).
const LEAST_STEP: f64 = 0.02;
/// What comes and goes within a few frames is a flash from this on (35 %), and flicker below.
const LEAST_FLASH: f64 = 0.3;
/// Frames of the longest flash.
const FLASH_FRAMES: usize = 4;
/// How much better a parabola must be than a line, as an F value.
const BENT: f64 = 16.0;
/// The same where the frame lies at the end of what is known, where a parabola strays more.
const BENT_AT_END: f64 = 64.0;
/// The fewest frames whose light is fitted.
const LEAST: usize = 3;

/// Light of one place in one frame, by its distance in frames from the one that is mended.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Frames from the one that is mended; negative is before.
    pub at: i32,
    /// Logarithm of light, over that of the frame itself.
    pub log: f64,
    /// How surely it is known: of how much of the place.
    pub weight: f64,
}

/// What the fit says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trend {
    /// Logarithm of the light as it should be, over what it is.
    pub log: f64,
    /// Root of the mean square by which the light of the frames around leaves the fit.
    pub spread: f64,
}

/// What the light of the frame itself (`at` 0, in order among the samples) should be. Nothing where too little is known.
pub fn trend(samples: &[Sample]) -> Trend {
    let side = own_light(samples);
    let side = side.as_slice();
    if side.len() < LEAST {
        return Trend::default();
    }
    let (before, after) = (
        side.iter().filter(|s| s.at < 0).count(),
        side.iter().filter(|s| s.at > 0).count(),
    );
    let Some(line) = Fit::of(side, 2, None) else {
        return Trend::default();
    };
    let needed = if before >= 2 && after >= 2 {
        BENT
    } else {
        BENT_AT_END
    };
    let bent = (side.len() >= 6).then(|| Fit::of(side, 3, None)).flatten();
    let best = match bent {
        Some(bent) if f_value(&line, &bent, side.len() - 3) > needed => bent,
        _ => line,
    };
    Trend {
        log: best.at_zero,
        spread: libm::sqrt(best.left / best.weight.max(1e-12)),
    }
}

/// The samples of the frame's own light: without those beyond a step, or of a flash.
fn own_light(all: &[Sample]) -> Vec<Sample> {
    let mut side = all.to_vec();
    // A flash may stand beside a step.
    for _ in 0..3 {
        let Some(other) = other_light(&side) else { break };
        let own = side.iter().position(|s| s.at >= 0).unwrap_or(0);
        let inside = other.contains(&own);
        let mut n = 0..;
        side.retain(|_| n.next().is_none_or(|n: usize| other.contains(&n) == inside));
    }
    side
}

/// The samples whose light is another, if any is to be believed: to the end after a step, or a few of a flash.
fn other_light(samples: &[Sample]) -> Option<Range<usize>> {
    let len = samples.len();
    if len < 5 {
        return None;
    }
    let plain = Fit::of(samples, 2, None)?;
    let mut best: Option<(f64, Range<usize>)> = None;
    for first in 1..len {
        for end in (first + 1..len.min(first + FLASH_FRAMES + 1)).chain([len]) {
            let Some(with) = Fit::of(samples, 2, Some(first..end)) else {
                continue;
            };
            let least = if end == len { LEAST_STEP } else { LEAST_FLASH };
            let f = f_value(&plain, &with, len - 3);
            if f > STEP && with.step.abs() > least && best.as_ref().is_none_or(|(most, _)| f > *most) {
                best = Some((f, first..end));
            }
        }
    }
    let (f, other) = best?;
    // A light that bends is no light that steps.
    let bent = Fit::of(samples, 3, None)?;
    (f > 2.0 * f_value(&plain, &bent, len - 3)).then_some(other)
}

fn f_value(plain: &Fit, with: &Fit, freedom: usize) -> f64 {
    // Steps of storage and of 8-bit pictures keep a fit from being exact.
    let floor = 1e-7 * with.weight;
    (plain.left - with.left) * freedom.max(1) as f64 / (with.left + floor)
}

/// A weighted least squares fit.
struct Fit {
    at_zero: f64,
    step: f64,
    /// Weighted sum of squares that is left.
    left: f64,
    weight: f64,
}

impl Fit {
    /// A polynomial of `terms` (2 a line, 3 a parabola), and a level of their own for the samples `other`, if any.
    fn of(samples: &[Sample], terms: usize, other: Option<Range<usize>>) -> Option<Self> {
        let count = terms + usize::from(other.is_some());
        let row = |n: usize, s: &Sample| -> [f64; 4] {
            let t = f64::from(s.at);
            let mut row = [1.0, t, if terms == 3 { t * t } else { 0.0 }, 0.0];
            if let Some(other) = &other {
                row[terms] = f64::from(u8::from(other.contains(&n)));
            }
            row
        };
        let mut normal = [[0.0f64; 5]; 4];
        let mut weight = 0.0;
        for (n, s) in samples.iter().enumerate() {
            let r = row(n, s);
            for i in 0..count {
                for j in 0..count {
                    normal[i][j] += s.weight * r[i] * r[j];
                }
                normal[i][4] += s.weight * r[i] * s.log;
            }
            weight += s.weight;
        }
        let solved = solve(normal, count)?;
        let mut left = 0.0;
        for (n, s) in samples.iter().enumerate() {
            let r = row(n, s);
            let fitted: f64 = (0..count).map(|i| r[i] * solved[i]).sum();
            left += s.weight * (s.log - fitted) * (s.log - fitted);
        }
        let step = if other.is_some() { solved[terms] } else { 0.0 };
        let own = samples.iter().position(|s| s.at >= 0);
        let beyond = other.is_some_and(|other| own.is_some_and(|own| other.contains(&own)));
        Some(Self {
            at_zero: solved[0] + if beyond { step } else { 0.0 },
            step,
            left,
            weight,
        })
    }
}

/// Gaussian elimination with the largest pivot; `None` where the samples do not tell.
fn solve(mut m: [[f64; 5]; 4], count: usize) -> Option<[f64; 4]> {
    for i in 0..count {
        let pivot = (i..count).max_by(|a, b| m[*a][i].abs().total_cmp(&m[*b][i].abs()))?;
        m.swap(i, pivot);
        if m[i][i].abs() < 1e-9 {
            return None;
        }
        for j in 0..count {
            if j != i {
                let by = m[j][i] / m[i][i];
                let from = m[i];
                for (value, from) in m[j].iter_mut().zip(from) {
                    *value -= by * from;
                }
            }
        }
    }
    let mut solved = [0.0; 4];
    for i in 0..count {
        solved[i] = m[i][4] / m[i][i];
    }
    Some(solved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(light: impl Fn(i32) -> f64) -> Vec<Sample> {
        (-6..=6)
            .map(|at| Sample {
                at,
                log: light(at) - light(0),
                weight: 1.0,
            })
            .collect()
    }

    #[test]
    fn a_frame_that_is_off_comes_back() {
        let off = of(|at| if at == 0 { 0.1 } else { 0.0 });
        let log = trend(&off).log;
        assert!((log + 0.1).abs() < 0.012, "{log}");
    }

    #[test]
    fn a_fade_stays_to_its_ends() {
        // A tenth of the light is left after 26 frames; seen from the middle, and from the last frame.
        let light = |frame: i32| libm::log(1.0 - 0.9 * f64::from(frame) / 26.0);
        for own in [0, 3, 12, 22, 25] {
            let seen: Vec<Sample> = (-6..=6)
                .filter(|at| (0..26).contains(&(own + at)))
                .map(|at| Sample {
                    at,
                    log: light(own + at) - light(own),
                    weight: 1.0,
                })
                .collect();
            let log = trend(&seen).log;
            assert!(log.abs() < 0.02, "frame {own}: {log}");
        }
    }

    #[test]
    fn a_switched_lamp_and_a_flash_stay() {
        for cut in -4..=5 {
            // Lit from there on, with a little that changes from frame to frame.
            let noise = |at: i32| f64::from((at * 7919).rem_euclid(13) - 6) * 0.0004;
            let log = trend(&of(|at| if at >= cut { 0.5 } else { 0.0 } + noise(at))).log;
            assert!(log.abs() < 0.01, "switched at {cut}: {log}");
        }
        let flash = of(|at| if (0..2).contains(&at) { 0.7 } else { 0.0 });
        assert!(trend(&flash).log.abs() < 0.01, "{:?}", trend(&flash));
        let beside = of(|at| if (2..4).contains(&at) { 0.7 } else { 0.0 });
        assert!(trend(&beside).log.abs() < 0.01, "{:?}", trend(&beside));
    }

    proptest! {
        #[test]
        fn light_that_goes_evenly_stays(slope in -0.2f64..0.2, bend in -0.01f64..0.01) {
            let even = trend(&of(|at| slope * f64::from(at) + bend * f64::from(at * at)));
            prop_assert!(even.log.abs() < 1e-3 && even.spread < 1e-3, "{:?}", even);
        }

        #[test]
        fn what_flickers_becomes_less(errors in proptest::collection::vec(-0.1f64..0.1, 13)) {
            let found = trend(&of(|at| errors[(at + 6) as usize]));
            // The fit lies within what the frames show.
            prop_assert!((errors[6] + found.log).abs() < 0.16);
        }
    }
}
