//! A few pictures that stand for many: chosen for coverage and quality.

use heirloom_archive::fingerprint::{Fingerprint, near};
use heirloom_archive::judge::Judgement;
use heirloom_picture::look::Look;
use heirloom_vault::ObjectId;

/// A source that may become an exemplar.
pub(crate) struct Candidate<'a> {
    pub object: ObjectId,
    pub look: &'a Look,
    pub judgement: &'a Judgement,
    pub fingerprint: &'a Fingerprint,
}

/// Chooses at most `most`, the one that covers most first.
///
/// Greedy facility location: each step takes the picture after which the sum, over all pictures, of the likeness to the
/// nearest exemplar grows most (within 1 - 1/e of the best set: G. Nemhauser, L. Wolsey, M. Fisher, "An analysis of
/// approximations for maximizing submodular set functions", 1978). The growth is weighed by the picture's own quality; one
/// with a fault counts half for each, and a near copy of an exemplar is never taken.
pub(crate) fn choose(candidates: &[Candidate<'_>], most: usize) -> Vec<ObjectId> {
    let likeness: Vec<Vec<f32>> = candidates
        .iter()
        .map(|a| candidates.iter().map(|b| alike(a.look, b.look)).collect())
        .collect();
    let worth: Vec<f32> = candidates
        .iter()
        .map(|c| (0.25 + c.judgement.quality()) * 0.5_f32.powi(c.judgement.faults().len() as i32))
        .collect();
    let mut covered = vec![0.0_f32; candidates.len()];
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < most {
        let gain = |n: usize| -> f32 {
            let grown = likeness[n].iter().zip(&covered).map(|(l, c)| (l - c).max(0.0));
            grown.sum::<f32>() * worth[n]
        };
        let best = (0..candidates.len())
            .filter(|n| !chosen.contains(n))
            .filter(|n| {
                chosen
                    .iter()
                    .all(|c| !near(candidates[*c].fingerprint, candidates[*n].fingerprint).is_copy())
            })
            .map(|n| (gain(n), n))
            .filter(|(gain, _)| *gain > 0.0)
            // The first of those that gain alike, so that the choice depends on nothing but the pictures.
            .fold(None, |best: Option<(f32, usize)>, one| match best {
                Some(held) if held.0 >= one.0 => Some(held),
                _ => Some(one),
            });
        let Some((_, n)) = best else { break };
        for (held, l) in covered.iter_mut().zip(&likeness[n]) {
            *held = held.max(*l);
        }
        chosen.push(n);
    }
    chosen.into_iter().map(|n| candidates[n].object).collect()
}

/// The exemplars of a blend: of each style as many as its share, in turn.
pub(crate) fn shared(one: &[ObjectId], other: &[ObjectId], at: f64) -> Vec<ObjectId> {
    let most = one.len().max(other.len());
    let of_other = libm::round(most as f64 * at) as usize;
    let mut out: Vec<ObjectId> = Vec::new();
    let chosen = one
        .iter()
        .take(most - of_other)
        .chain(other.iter().take(of_other));
    for object in chosen {
        if !out.contains(object) {
            out.push(*object);
        }
    }
    out
}

/// 1 for the same look, towards 0 for looks that have nothing in common.
fn alike(a: &Look, b: &Look) -> f32 {
    let shared: f32 = a
        .palette
        .iter()
        .zip(&b.palette)
        .map(|(p, q)| (p * q).sqrt())
        .sum();
    let apart = |p: &[f32], q: &[f32]| -> f32 {
        let squares: f32 = p.iter().zip(q).map(|(x, y)| (x - y) * (x - y)).sum();
        (squares / p.len().max(1) as f32).sqrt()
    };
    let palette = (1.0 - shared).max(0.0).sqrt();
    let texture = apart(&a.texture, &b.texture);
    let composition = apart(&a.composition, &b.composition);
    1.0 / (1.0 + 2.0 * palette + texture + 2.0 * composition)
}
