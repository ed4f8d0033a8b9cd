//! Optimal transport between two palettes: entropic (Cuturi 2013), its blur taken off (Feydy et al. 2019), and each
//! colour sent to the mean of where it goes (the barycentric projection).

use rayon::prelude::*;

/// A cluster of colours: its mean OKLab and its weight.
pub(super) type Cluster = ([f64; 3], f64);

/// How blurred the plan is, as squared OKLab distance: colours about 0.05 apart are seen as one place.
const BLUR: f64 = 0.002;
/// How much more lightness counts than colour: a colour goes to one of nearly its own lightness.
const LIGHTNESS: f64 = 3.0;
const ROUNDS: usize = 120;
/// Clusters at most, the heaviest first.
const MOST: usize = 320;

/// Colours gathered in boxes of OKLab, each at its mean.
pub(super) fn clusters(colours: impl Iterator<Item = Cluster>) -> Vec<Cluster> {
    let mut boxes = std::collections::BTreeMap::<[i32; 3], Cluster>::new();
    for (lab, weight) in colours {
        let key = [lab[0] / 0.08, lab[1] / 0.035, lab[2] / 0.035].map(|v| libm::floor(v + 0.5) as i32);
        let held = boxes.entry(key).or_insert(([0.0; 3], 0.0));
        held.1 += weight;
        for (sum, v) in held.0.iter_mut().zip(lab) {
            *sum += weight * v;
        }
    }
    let mut all: Vec<Cluster> = boxes
        .into_values()
        .map(|(sum, w)| (sum.map(|v| v / w), w))
        .collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all.truncate(MOST);
    let sum: f64 = all.iter().map(|c| c.1).sum();
    all.iter_mut().for_each(|c| c.1 /= sum);
    all
}

/// How each cluster of `from` moves in a and b on its way to `to`. Nothing moves where the two are the same.
pub(super) fn moves(from: &[Cluster], to: &[Cluster]) -> Vec<[f64; 2]> {
    let (there, stay) = rayon::join(|| means(from, to), || means(from, from));
    there
        .iter()
        .zip(&stay)
        .map(|(t, s)| [t[0] - s[0], t[1] - s[1]])
        .collect()
}

/// Where each cluster of `from` goes in the mean: a and b.
fn means(from: &[Cluster], to: &[Cluster]) -> Vec<[f64; 2]> {
    let cost = |p: &[f64; 3], q: &[f64; 3]| {
        let d: [f64; 3] = std::array::from_fn(|k| p[k] - q[k]);
        (LIGHTNESS * d[0] * d[0] + d[1] * d[1] + d[2] * d[2]) / BLUR
    };
    // In logarithms, so that far colours do not become nothing.
    let costs: Vec<f64> = from
        .iter()
        .flat_map(|(p, _)| to.iter().map(move |(q, _)| cost(p, q)))
        .collect();
    let width = to.len();
    let (mut f, mut g) = (vec![0.0; from.len()], vec![0.0; width]);
    for _ in 0..ROUNDS {
        f.par_iter_mut().enumerate().for_each(|(i, f)| {
            *f = -log_sum((0..width).map(|j| libm::log(to[j].1) + g[j] - costs[i * width + j]));
        });
        g.par_iter_mut().enumerate().for_each(|(j, g)| {
            *g = -log_sum((0..from.len()).map(|i| libm::log(from[i].1) + f[i] - costs[i * width + j]));
        });
    }
    (0..from.len())
        .map(|i| {
            let (mut sum, mut mean) = (0.0, [0.0; 2]);
            for (j, (lab, weight)) in to.iter().enumerate() {
                let share = weight * libm::exp(f[i] + g[j] - costs[i * width + j]);
                sum += share;
                mean[0] += share * lab[1];
                mean[1] += share * lab[2];
            }
            if sum > 0.0 {
                mean.map(|v| v / sum)
            } else {
                [from[i].0[1], from[i].0[2]]
            }
        })
        .collect()
}

fn log_sum(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = values.clone().fold(f64::NEG_INFINITY, f64::max);
    most + libm::log(
        values
            .map(|v| {
                if v - most < -40.0 {
                    0.0
                } else {
                    libm::exp(v - most)
                }
            })
            .sum::<f64>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn palette(shift: f64) -> Vec<Cluster> {
        let lattice =
            (0..8).flat_map(|i| (0..8).map(move |j| (f64::from(i) / 8.0, f64::from(j) / 40.0 - 0.1)));
        clusters(lattice.map(|(l, a)| ([l, a + shift, -a * 0.5], 1.0)))
    }

    #[test]
    fn a_palette_stays_where_it_is() {
        for m in moves(&palette(0.0), &palette(0.0)) {
            assert_eq!(m, [0.0; 2]);
        }
    }

    #[test]
    fn a_shift_is_found() {
        let (from, to) = (palette(0.0), palette(0.06));
        let moved = moves(&from, &to);
        let mean: f64 = moved.iter().zip(&from).map(|(m, c)| m[0] * c.1).sum();
        assert!((mean - 0.06).abs() < 0.005, "{mean}");
    }
}
