//! Which checkpoint to keep.
//!
//! Among checkpoints whose held-out loss is not surely above the least (by no more than one standard error of the
//! difference, sample by sample: the rule of Breiman and others, *Classification and Regression Trees*, 1984), the one whose
//! stills drift least from the style, and of those alike the earlier. A checkpoint whose stills are copies of a source comes
//! behind all that make none.

use serde::{Deserialize, Serialize};

use super::record::LookAt;

/// Standard errors above the least from which on a held-out loss has surely risen.
const SURELY: f64 = 2.0;
/// Drifts nearer than this are alike.
const ALIKE: f64 = 0.02;

/// A still that is a copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Copied {
    /// The checkpoint's step.
    pub step: u64,
    /// The source, by name.
    pub source: String,
    /// How sure it is, 0 to 1.
    pub likeness: f64,
}

/// A checkpoint in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// Its step.
    pub step: u64,
    /// Mean loss of held-out samples.
    pub held_out: Option<f64>,
    /// Mean drift of its stills.
    pub drift: Option<f64>,
    /// Why it stands here, in words.
    pub why: String,
}

/// Checkpoints, the best first, and what was seen of learning by heart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// The best first.
    pub order: Vec<Ranked>,
    /// The step from which on held-out loss has surely risen while the samples' own fell.
    pub turned: Option<u64>,
    /// Stills that are copies of sources.
    pub copied: Vec<Copied>,
    /// All that in words, with the mend; empty where nothing is wrong.
    pub warnings: Vec<String>,
}

/// Where a checkpoint belongs, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    /// As good as the best, as far as the held-out tell.
    Level,
    /// Surely worse.
    Above,
    /// Its stills are copies.
    Copies,
}

/// Ranks the looks of a run.
pub fn rank(looks: &[LookAt]) -> Ranking {
    let mean = |look: &LookAt| look.held_out_mean();
    let least = looks.iter().filter(|look| mean(look).is_some()).min_by(|a, b| {
        mean(a)
            .unwrap_or(f64::MAX)
            .total_cmp(&mean(b).unwrap_or(f64::MAX))
    });
    let copied: Vec<Copied> = looks
        .iter()
        .filter_map(|look| {
            let nearest = look.nearest.as_ref().filter(|n| n.is_copy)?;
            Some(Copied {
                step: look.step,
                source: nearest.source.clone(),
                likeness: nearest.likeness,
            })
        })
        .collect();
    let placed = |look: &LookAt| {
        if copied.iter().any(|c| c.step == look.step) {
            return Group::Copies;
        }
        match (least, mean(look)) {
            (Some(best), Some(_)) if rise(look, best).is_some_and(|(by, error)| by > error) => Group::Above,
            _ => Group::Level,
        }
    };
    // Drift in steps of what can be told apart, so that of those alike the earlier comes first.
    let coarse = |look: &LookAt| look.drift.map_or(i64::MAX, |d| (d / ALIKE).round() as i64);
    let fine = |look: &LookAt| mean(look).unwrap_or(f64::MAX);
    let mut order: Vec<(Group, &LookAt)> = looks.iter().map(|look| (placed(look), look)).collect();
    order.sort_by(|(one, a), (other, b)| {
        one.cmp(other)
            .then_with(|| match one {
                Group::Above => fine(a).total_cmp(&fine(b)),
                Group::Level | Group::Copies => coarse(a).cmp(&coarse(b)),
            })
            .then(a.step.cmp(&b.step))
    });
    let order = order
        .into_iter()
        .map(|(group, look)| Ranked {
            step: look.step,
            held_out: mean(look),
            drift: look.drift,
            why: why(group, look, least, &copied),
        })
        .collect();
    let turned = turned(looks, least);
    let mut warnings = Vec::new();
    if let (Some(step), Some(best)) = (turned, least) {
        warnings.push(format!(
            "learning by heart: from step {step} on the loss of held-out pictures is surely above that of step {}, while \
             that of the samples falls: keep an earlier checkpoint, add pictures, or train fewer steps",
            best.step
        ));
    }
    for copy in &copied {
        warnings.push(format!(
            "step {}: a still is a copy of archive:{} (likeness {:.2}): keep an earlier checkpoint, or write captions that \
             tell its picture from the others",
            copy.step, copy.source, copy.likeness
        ));
    }
    Ranking {
        order,
        turned,
        copied,
        warnings,
    }
}

/// By how much a checkpoint's held-out loss lies above another's, and the standard error of that: over the differences of
/// each sample. None where they were not judged by the same samples; of one sample there is no error to tell, and a
/// hundredth of the loss stands for it.
fn rise(look: &LookAt, best: &LookAt) -> Option<(f64, f64)> {
    let count = look.held_out.len();
    if count == 0 || count != best.held_out.len() {
        return None;
    }
    let differences: Vec<f64> = look
        .held_out
        .iter()
        .zip(&best.held_out)
        .map(|(a, b)| a - b)
        .collect();
    let n = count as f64;
    let mean = differences.iter().sum::<f64>() / n;
    if count == 1 {
        return Some((mean, 0.01 * best.held_out.iter().sum::<f64>().abs()));
    }
    let squares: f64 = differences.iter().map(|d| (d - mean) * (d - mean)).sum();
    let variance = squares / (n - 1.0);
    Some((mean, libm::sqrt(variance / n)))
}

/// The first step after the least from which on every checkpoint lies surely above it, while the samples' loss is lower at
/// the end than there.
fn turned(looks: &[LookAt], least: Option<&LookAt>) -> Option<u64> {
    let best = least?;
    let after: Vec<&LookAt> = looks.iter().filter(|look| look.step > best.step).collect();
    let falls = after.last().is_some_and(|last| last.train_loss < best.train_loss);
    let sure = |look: &&LookAt| rise(look, best).is_some_and(|(by, error)| by > SURELY * error && by > 0.0);
    if !falls {
        return None;
    }
    let level = after.iter().rposition(|look| !sure(look));
    let first = level.map_or(0, |n| n + 1);
    after.get(first).map(|look| look.step)
}

fn why(group: Group, look: &LookAt, least: Option<&LookAt>, copied: &[Copied]) -> String {
    let drift = look.drift.map_or_else(String::new, |d| {
        format!("; its stills drift {d:.2} from the style")
    });
    match group {
        Group::Copies => {
            let of = copied.iter().find(|c| c.step == look.step);
            let source = of.map_or("a source", |c| c.source.as_str());
            format!("a still of it is a copy of archive:{source}{drift}")
        }
        Group::Above => format!(
            "its held-out loss {:.4} is above the least, {:.4} at step {}{drift}",
            look.held_out_mean().unwrap_or(f64::NAN),
            least.and_then(LookAt::held_out_mean).unwrap_or(f64::NAN),
            least.map_or(0, |l| l.step)
        ),
        Group::Level => match (look.held_out_mean(), least) {
            (Some(_), Some(best)) if best.step == look.step => {
                format!(
                    "its held-out loss is the least, {:.4}{drift}",
                    look.held_out_mean().unwrap_or(f64::NAN)
                )
            }
            (Some(loss), Some(best)) => format!(
                "its held-out loss {loss:.4} is as good as the least, {:.4} at step {}{drift}",
                best.held_out_mean().unwrap_or(f64::NAN),
                best.step
            ),
            _ => format!("nothing was held out{drift}"),
        },
    }
}
