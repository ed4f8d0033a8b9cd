//! How many frames a take runs late.
//!
//! Two signals are slid along each other. The **field**: the take's motion at each place against the exact motion at
//! that place some frames before, as one correlation over the whole shot. And the **energy**: how much moves, frame by
//! frame. The field knows more; energy also works where a take moves at the wrong places or the other way. A signal
//! decides only where its fit falls off to both sides and no eighth of the shot alone makes the answer.

use rayon::prelude::*;

use super::report::{LagFit, Reading, Signal, Timing};

/// Parts of the shot that are left out in turn, to see how firm the answer is (the jackknife: Efron and Tibshirani,
/// "An Introduction to the Bootstrap", 1993, chapter 11).
const PARTS: usize = 8;
/// Frames each side of the best over which the fit must fall.
const SHOULDER: usize = 2;
/// Pairs of frames that must overlap.
const LEAST_PAIRS: usize = 8;
/// The largest standard error of an answer, in frames.
const LARGEST_SPREAD: f64 = 0.5;

/// What it takes for a signal to decide.
struct Needs {
    fit: f64,
    fall: f64,
}

const FIELD_NEEDS: Needs = Needs {
    fit: 0.3,
    fall: 0.004,
};
const ENERGY_NEEDS: Needs = Needs {
    fit: 0.85,
    fall: 0.02,
};

/// For each lag, for each part of the shot, what the signal sums up to: count, x, y, xx, yy, xy.
type Sums = Vec<[[f64; 6]; PARTS]>;

/// What a shot's motions say of its timing, and the fits at all lags.
///
/// `taken` and `exact` hold, for each pair of frames, motions of the same places, NaN where unknown.
pub(super) fn read(
    taken: &[&[[f32; 2]]],
    exact: &[&[[f32; 2]]],
    largest_lag_frames: u32,
) -> (Reading<Timing>, Vec<LagFit>) {
    let pairs = taken.len().min(exact.len());
    let largest = (largest_lag_frames as usize)
        .min(pairs / 3)
        .min(pairs.saturating_sub(LEAST_PAIRS));
    if largest <= SHOULDER {
        let why = format!("{pairs} pairs of frames are too few to slide along each other; 12 are needed");
        return (Reading::unsure(why), Vec::new());
    }
    let field = field_sums(taken, exact, largest);
    let energy = energy_sums(&energies(taken), &energies(exact), largest);
    let lag = |k: usize| k as i64 - largest as i64;
    let curve = (0..=2 * largest)
        .map(|k| LagFit {
            lag_frames: lag(k),
            field: field_fit(&joined(&field[k], None)),
            energy: energy_fit(&joined(&energy[k], None)),
        })
        .collect::<Vec<_>>();
    let by_field = decide(&field, field_fit, &FIELD_NEEDS);
    let by_energy = decide(&energy, energy_fit, &ENERGY_NEEDS);
    let zero = &curve[largest];
    let reading = match (by_field, by_energy) {
        (Ok(found), energy) => Reading::Read(found.timing(Signal::Field, zero.field, energy.ok())),
        (Err(_), Ok(found)) => Reading::Read(found.timing(Signal::Energy, zero.energy, None)),
        (Err(field), Err(energy)) => Reading::unsure(format!(
            "by the field of motion, {field}; by how much moves, {energy}"
        )),
    };
    (reading, curve)
}

/// A lag that was found.
#[derive(Debug, Clone, Copy)]
struct Found {
    lag: f64,
    spread: f64,
    fit: f64,
}

impl Found {
    fn timing(&self, by: Signal, fit_at_zero: Option<f64>, energy: Option<Self>) -> Timing {
        Timing {
            lag_frames: self.lag.round() as i64,
            lag_fine_frames: self.lag,
            spread_frames: self.spread,
            fit: self.fit,
            fit_at_zero,
            by,
            energy_lag_frames: energy.map(|e| e.lag),
        }
    }
}

fn decide(sums: &Sums, fit: fn(&[f64; 6]) -> Option<f64>, needs: &Needs) -> Result<Found, String> {
    let curve = |without: Option<usize>| -> Vec<Option<f64>> {
        sums.iter().map(|parts| fit(&joined(parts, without))).collect()
    };
    let largest = sums.len() / 2;
    let whole = curve(None);
    let (best, lag) = best_lag(&whole).ok_or("nothing could be compared")?;
    let top = whole[best].unwrap_or(0.0);
    if top < needs.fit {
        return Err(format!("no lag fits (the best {top:.2} of 1)"));
    }
    let shoulder = |k: Option<usize>| {
        let fit = k.and_then(|k| whole.get(k).copied().flatten());
        fit.unwrap_or(f64::NEG_INFINITY)
    };
    let fall = top - shoulder(best.checked_sub(SHOULDER)).max(shoulder(Some(best + SHOULDER)));
    if fall < needs.fall {
        return Err(format!(
            "all lags fit about alike (the best falls by {fall:.4} over {SHOULDER} frames): motion is too even to be timed"
        ));
    }
    if best < SHOULDER || best + SHOULDER >= whole.len() {
        return Err(format!(
            "the fit still rises at {largest} frames, as far as was looked"
        ));
    }
    let others: Vec<f64> = (0..PARTS)
        .filter_map(|part| best_lag(&curve(Some(part))).map(|(_, lag)| lag))
        .collect();
    let mean = others.iter().sum::<f64>() / others.len().max(1) as f64;
    let squares: f64 = others.iter().map(|lag| (lag - mean) * (lag - mean)).sum();
    let spread = (squares * (PARTS as f64 - 1.0) / PARTS as f64).sqrt();
    if spread > LARGEST_SPREAD {
        return Err(format!(
            "parts of the shot say different things ({lag:.1} ± {spread:.1} frames)"
        ));
    }
    Ok(Found {
        lag,
        spread,
        fit: top,
    })
}

/// The place of the best fit, the least lag where several are equal, and the top of a parabola through it and its
/// neighbours, in frames.
fn best_lag(curve: &[Option<f64>]) -> Option<(usize, f64)> {
    let middle = curve.len() / 2;
    let mut best: Option<(usize, f64)> = None;
    let mut order: Vec<usize> = (0..curve.len()).collect();
    order.sort_by_key(|k| k.abs_diff(middle));
    for k in order {
        if let Some(fit) = curve[k]
            && best.is_none_or(|(_, top)| fit > top)
        {
            best = Some((k, fit));
        }
    }
    let (k, top) = best?;
    let beside = |k: Option<usize>| k.and_then(|k| curve.get(k).copied().flatten());
    let bend = match (beside(k.checked_sub(1)), beside(Some(k + 1))) {
        (Some(before), Some(after)) => {
            let curvature = before - 2.0 * top + after;
            if curvature < 0.0 {
                0.5 * (before - after) / curvature
            } else {
                0.0
            }
        }
        _ => 0.0,
    };
    Some((k, k as f64 - middle as f64 + bend.clamp(-0.5, 0.5)))
}

fn joined(parts: &[[f64; 6]; PARTS], without: Option<usize>) -> [f64; 6] {
    let mut sum = [0.0; 6];
    for (_, part) in parts.iter().enumerate().filter(|(i, _)| Some(*i) != without) {
        for (sum, v) in sum.iter_mut().zip(part) {
            *sum += v;
        }
    }
    sum
}

/// Correlation without taking the mean off: a take at half the speed fits as well, one the other way round is at -1.
fn field_fit(sums: &[f64; 6]) -> Option<f64> {
    let [_, _, _, xx, yy, xy] = *sums;
    let scale = (xx * yy).sqrt();
    (scale > 0.0).then(|| xy / scale)
}

/// Pearson's correlation.
fn energy_fit(sums: &[f64; 6]) -> Option<f64> {
    let [count, x, y, xx, yy, xy] = *sums;
    if count < 3.0 {
        return None;
    }
    let (vx, vy) = (xx - x * x / count, yy - y * y / count);
    // Against rounding: an even series has no variance to correlate.
    let even = |v: f64, squares: f64| v <= 1e-9 * squares;
    (!even(vx, xx) && !even(vy, yy)).then(|| (xy - x * y / count) / (vx * vy).sqrt())
}

/// For lag `k - largest`: every pair of frames of the take with the stage's that many earlier.
fn slide(
    pairs: usize,
    largest: usize,
    mut at: impl FnMut(usize, usize, &mut [f64; 6]),
    k: usize,
) -> [[f64; 6]; PARTS] {
    let mut parts = [[0.0; 6]; PARTS];
    for own in 0..pairs {
        if let Some(stage) = (own + largest).checked_sub(k)
            && stage < pairs
        {
            at(own, stage, &mut parts[own * PARTS / pairs]);
        }
    }
    parts
}

fn field_sums(taken: &[&[[f32; 2]]], exact: &[&[[f32; 2]]], largest: usize) -> Sums {
    let pairs = taken.len().min(exact.len());
    // A motion several times as large as any of the stage's is a mistake of the flow, and would weigh its square.
    let longest = exact.iter().copied().flatten().map(|m| m[0] * m[0] + m[1] * m[1]);
    let cap = 4.0 * longest.fold(0.0f32, f32::max).sqrt();
    let all = (0..=2 * largest).into_par_iter().map(|k| {
        let add = |own: usize, stage: usize, sums: &mut [f64; 6]| {
            let mut frame = [0.0f64; 3];
            for (t, e) in taken[own].iter().zip(exact[stage]) {
                let xy = t[0] * e[0] + t[1] * e[1];
                let xx = t[0] * t[0] + t[1] * t[1];
                if !xy.is_nan() && xx <= cap * cap {
                    frame[0] += f64::from(xx);
                    frame[1] += f64::from(e[0] * e[0] + e[1] * e[1]);
                    frame[2] += f64::from(xy);
                }
            }
            for (sum, v) in sums[3..].iter_mut().zip(frame) {
                *sum += v;
            }
        };
        slide(pairs, largest, add, k)
    });
    all.collect()
}

fn energy_sums(taken: &[f64], exact: &[f64], largest: usize) -> Sums {
    let pairs = taken.len().min(exact.len());
    let add = |own: usize, stage: usize, sums: &mut [f64; 6]| {
        let (x, y) = (taken[own], exact[stage]);
        if !x.is_nan() && !y.is_nan() {
            for (sum, v) in sums.iter_mut().zip([1.0, x, y, x * x, y * y, x * y]) {
                *sum += v;
            }
        }
    };
    (0..=2 * largest).map(|k| slide(pairs, largest, add, k)).collect()
}

/// The mean length of motion in each pair of frames; NaN where none is known.
fn energies(motions: &[&[[f32; 2]]]) -> Vec<f64> {
    let mean = |motions: &&[[f32; 2]]| {
        let known = motions.iter().filter(|m| !m[0].is_nan());
        let lengths = known.map(|m| f64::from((m[0] * m[0] + m[1] * m[1]).sqrt()));
        let (sum, count) = lengths.fold((0.0, 0u32), |(sum, count), v| (sum + v, count + 1));
        sum / f64::from(count)
    };
    motions.iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A field that turns and swells over time; `speed` says how fast its story goes.
    fn story(frames: usize, late: f64, speed: f64) -> Vec<Vec<[f32; 2]>> {
        let at = |f: usize| {
            let t = (f as f64 - late) * speed;
            let swell = 2.0 + 1.5 * libm::sin(t);
            (0..60).map(move |p| {
                let turn = 0.1 * f64::from(p) + 0.3 * t;
                [(swell * libm::cos(turn)) as f32, (swell * libm::sin(turn)) as f32]
            })
        };
        (0..frames).map(|f| at(f).collect()).collect()
    }

    fn slices(story: &[Vec<[f32; 2]>]) -> Vec<&[[f32; 2]]> {
        story.iter().map(Vec::as_slice).collect()
    }

    fn read_stories(
        taken: &[Vec<[f32; 2]>],
        exact: &[Vec<[f32; 2]>],
        largest: u32,
    ) -> (Reading<Timing>, Vec<LagFit>) {
        read(&slices(taken), &slices(exact), largest)
    }

    proptest! {
        #[test]
        fn any_delay_comes_back(late in -6.0f64..6.0, speed in 0.15f64..0.5) {
            let (reading, curve) = read_stories(&story(48, late, speed), &story(48, 0.0, speed), 10);
            let timing = reading.value().unwrap();
            prop_assert!((timing.lag_fine_frames - late).abs() < 0.1, "{timing:?}");
            prop_assert!(timing.fit > 0.99);
            prop_assert_eq!(curve.len(), 21);
        }
    }

    #[test]
    fn even_motion_has_no_timing() {
        let even = vec![vec![[3.0, 1.0]; 50]; 40];
        let (reading, _) = read_stories(&even, &even, 10);
        assert!(reading.why().unwrap().contains("too even"), "{reading:?}");
        let (reading, curve) = read_stories(&even[..9], &even[..9], 10);
        assert!(reading.why().unwrap().contains("too few") && curve.is_empty());
    }

    #[test]
    fn a_mirrored_field_is_timed_by_its_energy() {
        let mirrored: Vec<Vec<[f32; 2]>> = story(48, 2.0, 0.3)
            .into_iter()
            .map(|f| f.into_iter().map(|m| [-m[0], -m[1]]).collect())
            .collect();
        let (reading, _) = read_stories(&mirrored, &story(48, 0.0, 0.3), 8);
        let timing = reading.value().unwrap();
        assert_eq!((timing.lag_frames, timing.by), (2, Signal::Energy));
    }
}
