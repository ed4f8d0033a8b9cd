//! How takes look, compared: which are near-identical, which few differ most, which lie far from the rest.

use std::collections::BTreeSet;

use heirloom_vault::ObjectId;

use super::Candidate;

/// So many nearest takes tell how unusual one is.
pub const NEIGHBOURS: usize = 5;
/// With fewer takes than this nothing is usual, and so nothing unusual.
const ENOUGH: usize = 4;

/// How far two looks of the same length lie apart: the root of the mean square of their differences, 0 for the same
/// look. In the unit of the looks' numbers.
pub fn apart(a: &[f32], b: &[f32]) -> f64 {
    let squares: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| {
            let difference = f64::from(*a) - f64::from(*b);
            difference * difference
        })
        .sum();
    (squares / a.len().max(1) as f64).sqrt()
}

/// A take that is near-identical to a better one.
pub(super) struct Lookalike {
    pub of: usize,
    pub to: usize,
    pub distance: f64,
}

/// One of the few.
pub(super) struct Pick {
    pub index: usize,
    /// How far it lies from the nearest of those picked before it; none for the first.
    pub apart: Option<f64>,
}

/// Sound takes, the best first; takes are called by their places in this order.
pub(super) struct Pool<'a> {
    takes: Vec<(&'a Candidate, f64)>,
    /// Those that no better one is near-identical to, best first.
    running: Vec<usize>,
}

impl<'a> Pool<'a> {
    pub fn new(mut takes: Vec<(&'a Candidate, f64)>) -> Pool<'a> {
        takes.sort_by(|(a, quality_a), (b, quality_b)| {
            quality_b.total_cmp(quality_a).then_with(|| a.take.cmp(&b.take))
        });
        let running = (0..takes.len()).collect();
        Pool { takes, running }
    }

    pub fn candidate(&self, index: usize) -> &'a Candidate {
        self.takes[index].0
    }

    pub fn take(&self, index: usize) -> ObjectId {
        self.takes[index].0.take
    }

    pub fn quality(&self, index: usize) -> f64 {
        self.takes[index].1
    }

    pub fn running(&self) -> &[usize] {
        &self.running
    }

    fn distance(&self, a: usize, b: usize) -> f64 {
        apart(&self.takes[a].0.look, &self.takes[b].0.look)
    }

    /// The nearest of some takes to one, the better of two that are as near.
    pub fn nearest(&self, index: usize, others: impl Iterator<Item = usize>) -> Option<(usize, f64)> {
        let mut nearest: Option<(usize, f64)> = None;
        for other in others {
            let distance = self.distance(index, other);
            let nearer = nearest.is_none_or(|(best, least)| (distance, other) < (least, best));
            if nearer {
                nearest = Some((other, distance));
            }
        }
        nearest
    }

    /// Takes out of the running whatever lies within `alike` of a better take that is in it.
    pub fn distinct(&mut self, alike: f64) -> Vec<Lookalike> {
        let mut running: Vec<usize> = Vec::new();
        let mut out = Vec::new();
        for index in 0..self.takes.len() {
            match self.nearest(index, running.iter().copied()) {
                Some((to, distance)) if distance <= alike => out.push(Lookalike {
                    of: index,
                    to,
                    distance,
                }),
                _ => running.push(index),
            }
        }
        self.running = running;
        out
    }

    /// The few: the best, then over and over the one that is best by quality and by its distance to those picked.
    pub fn few(&self, keep: usize, difference: f64) -> Vec<Pick> {
        let Some((&best, rest)) = self.running.split_first() else {
            return Vec::new();
        };
        if keep == 0 {
            return Vec::new();
        }
        let mut picks = vec![Pick {
            index: best,
            apart: None,
        }];
        let mut left: Vec<(usize, f64)> = rest
            .iter()
            .map(|index| (*index, self.distance(best, *index)))
            .collect();
        let scale = left.iter().map(|(_, distance)| *distance).fold(0.0, f64::max);
        while picks.len() < keep {
            let worth = |(index, distance): &(usize, f64)| {
                let far = if scale > 0.0 { distance / scale } else { 0.0 };
                (1.0 - difference) * self.quality(*index) + difference * far
            };
            // The first of equals is the better take: those left stand in their order.
            let mut next: Option<(usize, f64)> = None;
            for (place, candidate) in left.iter().enumerate() {
                let worth = worth(candidate);
                if next.is_none_or(|(_, most)| worth > most) {
                    next = Some((place, worth));
                }
            }
            let Some((place, _)) = next else { break };
            let (index, distance) = left.remove(place);
            picks.push(Pick {
                index,
                apart: Some(distance),
            });
            for (other, nearest) in &mut left {
                *nearest = nearest.min(self.distance(index, *other));
            }
        }
        picks
    }

    /// Those among `of` that lie furthest from their neighbours, with how many times further than the median: at most
    /// `most`, furthest first.
    pub fn unusual(&self, of: &BTreeSet<usize>, times: f64, most: usize) -> Vec<(usize, f64)> {
        if self.running.len() < ENOUGH || most == 0 || of.is_empty() {
            return Vec::new();
        }
        let loneliness = self.loneliness();
        let mut sorted: Vec<f64> = loneliness.iter().map(|(_, lonely)| *lonely).collect();
        sorted.sort_by(f64::total_cmp);
        let median = (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0;
        if median <= 0.0 {
            return Vec::new();
        }
        let mut unusual: Vec<(usize, f64)> = loneliness
            .into_iter()
            .map(|(index, lonely)| (index, lonely / median))
            .filter(|(index, lonely)| of.contains(index) && *lonely > times)
            .collect();
        unusual.sort_by(|(a, lonely_a), (b, lonely_b)| lonely_b.total_cmp(lonely_a).then(a.cmp(b)));
        unusual.truncate(most);
        unusual
    }

    /// Of every take in the running, its mean distance to its nearest neighbours in it.
    fn loneliness(&self) -> Vec<(usize, f64)> {
        let nearest = |index: usize| {
            let mut distances: Vec<f64> = self
                .running
                .iter()
                .filter(|other| **other != index)
                .map(|other| self.distance(index, *other))
                .collect();
            let count = NEIGHBOURS.min(distances.len());
            if distances.len() > count {
                distances.select_nth_unstable_by(count, f64::total_cmp);
                distances.truncate(count);
            }
            // Summed from the smallest, so that the sum does not depend on how they were parted.
            distances.sort_by(f64::total_cmp);
            distances.iter().sum::<f64>() / count.max(1) as f64
        };
        self.running
            .iter()
            .map(|index| (*index, nearest(*index)))
            .collect()
    }
}
