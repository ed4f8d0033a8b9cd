//! Small statistics that several measures share. Empty lists give `None`, and sums are taken in the order of frames.

/// The middle value; of two, their mean.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    (n > 0).then(|| 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]))
}

/// The value that a share of all, 0 to 1, does not exceed.
pub(super) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = ((share * last as f64 + 0.5) as usize).min(last);
    Some(sorted[at])
}

pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The root of the mean square.
pub(super) fn rms(values: &[f64]) -> Option<f64> {
    mean(&values.iter().map(|v| v * v).collect::<Vec<f64>>()).map(libm::sqrt)
}

pub(super) fn smallest(values: &[f64]) -> Option<f64> {
    values.iter().copied().min_by(f64::total_cmp)
}

pub(super) fn largest(values: &[f64]) -> Option<f64> {
    values.iter().copied().max_by(f64::total_cmp)
}

/// The middle of the values around place `at`, `reach` to each side, its own left out.
pub(super) fn median_around(values: &[f64], at: usize, reach: usize) -> Option<f64> {
    let (first, end) = (at.saturating_sub(reach), (at + reach + 1).min(values.len()));
    let around: Vec<f64> = (first..end).filter(|i| *i != at).map(|i| values[i]).collect();
    median(&around)
}

/// The mean of the middle half by weight of (value, weight) pairs.
pub(super) fn middle_half(pairs: &mut [(f64, f64)]) -> Option<f64> {
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = pairs.iter().map(|p| p.1).sum();
    let (low, high) = (0.25 * total, 0.75 * total);
    let (mut before, mut sum, mut weights) = (0.0, 0.0, 0.0);
    for (value, weight) in pairs.iter() {
        let inside = (before + weight).min(high) - before.max(low);
        if inside > 0.0 {
            sum += value * inside;
            weights += inside;
        }
        before += weight;
    }
    (weights > 0.0).then(|| sum / weights)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn middles() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(median(&[]), None);
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 1.0), Some(5.0));
        assert_eq!(median_around(&[1.0, 9.0, 3.0], 1, 2), Some(2.0));
        let outlier = &mut [(1.0, 1.0), (1.1, 1.0), (0.9, 1.0), (50.0, 0.9)];
        assert!((middle_half(outlier).unwrap() - 1.05).abs() < 0.06);
    }
}
