//! A sound take's quality among the sound takes: percentiles, so that no measure outweighs another by its unit.

use std::collections::BTreeMap;

use heirloom_film::Cull;

use super::Candidate;

/// What a take's quality is where nothing tells it from another's.
const MIDDLE: f64 = 0.5;

/// The quality of every take, 0 to 1, in their order.
pub(super) fn qualities(sound: &[&Candidate], rules: &Cull) -> Vec<f64> {
    let weights = weights(rules);
    let whole: f64 = weights.values().map(|weight| weight.abs()).sum();
    let mut qualities = vec![0.0; sound.len()];
    if whole <= 0.0 {
        return vec![MIDDLE; sound.len()];
    }
    for (name, weight) in &weights {
        let places = percentiles(
            &sound
                .iter()
                .map(|candidate| candidate.measure(name))
                .collect::<Vec<_>>(),
        );
        for (quality, place) in qualities.iter_mut().zip(places) {
            let good = if *weight < 0.0 { 1.0 - place } else { place };
            *quality += weight.abs() / whole * good;
        }
    }
    qualities
}

/// What each measure counts for: as the film states it, or every measure with a limit on one side the same.
pub(super) fn weights(rules: &Cull) -> BTreeMap<&str, f64> {
    if !rules.weights.is_empty() {
        return rules
            .weights
            .iter()
            .map(|(name, weight)| (name.as_str(), *weight))
            .collect();
    }
    rules
        .limits
        .iter()
        .filter_map(|(name, limit)| match (limit.at_least, limit.at_most) {
            (Some(_), None) => Some((name.as_str(), 1.0)),
            (None, Some(_)) => Some((name.as_str(), -1.0)),
            _ => None,
        })
        .collect()
}

/// The share of the others that lie below each number, equal ones counting half; the middle where there is no number or
/// no other.
fn percentiles(values: &[Option<f64>]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let others = sorted.len().saturating_sub(1);
    values
        .iter()
        .map(|value| match value {
            Some(value) if others > 0 => {
                let below = sorted.partition_point(|other| other < value);
                let equal = sorted.partition_point(|other| other <= value) - below - 1;
                (below as f64 + equal as f64 / 2.0) / others as f64
            }
            _ => MIDDLE,
        })
        .collect()
}
