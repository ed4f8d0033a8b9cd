//! The finish: seams between pieces are smoothed away by light, not by blur.
//!
//! We look for an offset that leaves the gradients inside every piece as they are, gives a seam the mean
//! of the two pieces' own gradients, and costs `lambda` squared times its square (a screened Poisson
//! equation). It dies away within about 1/lambda pixels of a seam. Worked in encoded light (square root),
//! by a fixed number of Chebyshev-weighted Jacobi steps, so the result is the same for any number of
//! threads; then rounded to steps of 1/512 and stored: frames are made from what is stored.

use crate::codec::{Offset, STEP};
use crate::map::{Origin, UNIT};
use crate::synth::carry::together;
use rayon::prelude::*;

const STEPS: usize = 36;

/// Linear light to the finish's encoded light.
#[inline(always)]
pub fn encode(v: f32) -> f32 {
    if v < 0.0 { -(-v).sqrt() } else { v.sqrt() }
}

/// Back to linear light.
#[inline(always)]
pub fn decode(v: f32) -> f32 {
    v * v.abs()
}

/// Screening of a finish of this strength (0..=1).
pub fn lambda(finish: f32) -> f32 {
    0.30 - 0.18 * finish.clamp(0.0, 1.0)
}

/// As [`offset_within`], with nothing fixed.
pub fn offset(
    samples: &[[f32; 4]],
    origins: &[Origin],
    w: usize,
    finish: f32,
    lead: &[[f32; 3]],
    edges: &[u16],
    sample: impl Fn(Origin) -> [f32; 4] + Sync,
) -> Option<Offset> {
    offset_within(samples, origins, w, finish, lead, edges, &[], sample)
}

/// The offset of a frame of width `w`.
///
/// `samples` are the linear samples of `origins`; `sample` gives others. `lead` is added, in encoded light
/// (empty for none). Between pixels whose `edges` differ the light stays as it is (empty for none). Where `fixed` is
/// true it is nought (empty for nowhere): what lies beside is led up to it.
pub fn offset_within(
    samples: &[[f32; 4]],
    origins: &[Origin],
    w: usize,
    finish: f32,
    lead: &[[f32; 3]],
    edges: &[u16],
    fixed: &[bool],
    sample: impl Fn(Origin) -> [f32; 4] + Sync,
) -> Option<Offset> {
    let h = samples.len() / w.max(1);
    let strength = finish.clamp(0.0, 1.0);
    // With the lead, seams between photographs are much weaker: it goes in before.
    let light = |i: usize| -> [f32; 3] {
        std::array::from_fn(|k| encode(samples[i][k]) + lead.get(i).map_or(0.0, |l| l[k]))
    };
    let seen = |o: Origin| -> [f32; 3] {
        let s = sample(o);
        std::array::from_fn(|k| encode(s[k]))
    };
    // What is missing across the link to the right and the one below: wished less actual difference.
    let link = |i: usize, j: usize, dx: i32, dy: i32| -> [f32; 3] {
        let (a, b) = (origins[i], origins[j]);
        if together(a, b, dx, dy) || (!edges.is_empty() && edges[i] != edges[j]) {
            return [0.0; 3];
        }
        let (va, vb) = (light(i), light(j));
        let here = seen(a);
        let on = seen(Origin {
            x: a.x + dx * UNIT,
            y: a.y + dy * UNIT,
            ..a
        });
        let there = seen(b);
        let before = seen(Origin {
            x: b.x - dx * UNIT,
            y: b.y - dy * UNIT,
            ..b
        });
        let ga: [f32; 3] = std::array::from_fn(|k| on[k] - here[k]);
        let gb: [f32; 3] = std::array::from_fn(|k| there[k] - before[k]);
        // The mean of the two; the smaller one would wear texture down where seams are dense.
        let g: [f32; 3] = std::array::from_fn(|k| (ga[k] + gb[k]) * 0.5);
        std::array::from_fn(|k| (g[k] - (vb[k] - va[k])).clamp(-0.5, 0.5))
    };
    let links: Vec<([f32; 3], [f32; 3])> = (0..w * h)
        .into_par_iter()
        .map(|i| {
            let right = if i % w + 1 < w {
                link(i, i + 1, 1, 0)
            } else {
                [0.0; 3]
            };
            let below = if i + w < w * h {
                link(i, i + w, 0, 1)
            } else {
                [0.0; 3]
            };
            (right, below)
        })
        .collect();
    // Divergence: what pulls each pixel.
    let pull: Vec<[f32; 3]> = (0..w * h)
        .into_par_iter()
        .map(|i| {
            let left = if i % w > 0 { links[i - 1].0 } else { [0.0; 3] };
            let above = if i >= w { links[i - w].1 } else { [0.0; 3] };
            std::array::from_fn(|k| left[k] + above[k] - links[i].0[k] - links[i].1[k])
        })
        .collect();
    let lambda = lambda(strength);
    // At half strength most of it: a seam that is gone altogether takes texture with it.
    let share = strength.sqrt();
    let solved = solve(&pull, w, h, lambda * lambda, fixed);
    let steps = solved
        .iter()
        .enumerate()
        .map(|(i, o)| {
            if fixed.get(i).copied().unwrap_or(false) {
                return [0; 3];
            }
            std::array::from_fn(|k| {
                let v = (o[k] * share + lead.get(i).map_or(0.0, |l| l[k])) * STEP;
                libm::floorf(v + 0.5).clamp(-32_000.0, 32_000.0) as i16
            })
        })
        .collect();
    Offset::new(w as u32, h as u32, steps)
}

/// Solves (number of neighbours + screen) o - sum of neighbours' o = pull.
fn solve(pull: &[[f32; 3]], w: usize, h: usize, screen: f32, fixed: &[bool]) -> Vec<[f32; 3]> {
    let mut now = vec![[0.0f32; 3]; pull.len()];
    let mut last = now.clone();
    let mut next = now.clone();
    // Spectral radius of the Jacobi step.
    let rho = 4.0 / (4.0 + screen);
    let mut omega = 1.0f32;
    let inverse = 1.0 / (4.0 + screen);
    for step in 0..STEPS {
        omega = match step {
            0 => 1.0,
            1 => 1.0 / (1.0 - rho * rho * 0.5),
            _ => 1.0 / (1.0 - rho * rho * omega * 0.25),
        };
        let (now_ref, last_ref) = (&now, &last);
        next.par_chunks_mut(w).enumerate().for_each(|(y, row)| {
            let line = y * w;
            let up = if y > 0 {
                Some(&now_ref[line - w..line])
            } else {
                None
            };
            let down = if y + 1 < h {
                Some(&now_ref[line + w..line + 2 * w])
            } else {
                None
            };
            let own = &now_ref[line..line + w];
            let edge = |x: usize| -> [f32; 3] {
                let mut n = screen;
                let mut sum = pull[line + x];
                let mut add = |o: [f32; 3]| {
                    n += 1.0;
                    for k in 0..3 {
                        sum[k] += o[k];
                    }
                };
                if x > 0 {
                    add(own[x - 1]);
                }
                if x + 1 < w {
                    add(own[x + 1]);
                }
                if let Some(u) = up {
                    add(u[x]);
                }
                if let Some(d) = down {
                    add(d[x]);
                }
                let old = last_ref[line + x];
                std::array::from_fn(|k| omega * (sum[k] / n - old[k]) + old[k])
            };
            let (Some(up), Some(down)) = (up, down) else {
                for (x, o) in row.iter_mut().enumerate() {
                    *o = edge(x);
                }
                return;
            };
            row[0] = edge(0);
            row[w - 1] = edge(w - 1);
            if w < 3 {
                return;
            }
            // The same without tests, as one run of numbers.
            let n = 3 * (w - 2);
            let pulls = &pull[line + 1..line + w - 1].as_flattened()[..n];
            let (before, after) = (&own[..w - 2].as_flattened()[..n], &own[2..].as_flattened()[..n]);
            let (up, down) = (
                &up[1..w - 1].as_flattened()[..n],
                &down[1..w - 1].as_flattened()[..n],
            );
            let old = &last_ref[line + 1..line + w - 1].as_flattened()[..n];
            let out = &mut row[1..w - 1].as_flattened_mut()[..n];
            for i in 0..n {
                let sum = pulls[i] + before[i] + after[i] + up[i] + down[i];
                out[i] = omega * (sum * inverse - old[i]) + old[i];
            }
        });
        for (o, _) in next.iter_mut().zip(fixed).filter(|(_, fixed)| **fixed) {
            *o = [0.0; 3];
        }
        std::mem::swap(&mut last, &mut now);
        std::mem::swap(&mut now, &mut next);
    }
    now
}

/// A frame from samples and a stored offset, in place. Where the offset is nought the sample stays to the bit.
pub fn apply(samples: &mut [[f32; 4]], offset: &Offset) {
    samples
        .par_iter_mut()
        .zip(offset.steps().par_iter())
        .for_each(|(p, s)| {
            for k in 0..3 {
                if s[k] != 0 {
                    p[k] = decode(encode(p[k]) + f32::from(s[k]) / STEP).max(0.0);
                }
            }
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_between_two_flat_pieces_is_smoothed_and_far_away_nothing_changes() {
        let (w, h) = (64usize, 8usize);
        let origins: Vec<Origin> = (0..w * h)
            .map(|i| Origin::whole((i % w >= 32) as u16, (i % w) as i32, (i / w) as i32))
            .collect();
        let value = |o: Origin| {
            if o.source == 0 {
                [0.25, 0.25, 0.25, 1.0]
            } else {
                [0.36, 0.36, 0.36, 1.0]
            }
        };
        let samples: Vec<[f32; 4]> = origins.iter().map(|o| value(*o)).collect();
        let offset = offset(&samples, &origins, w, 1.0, &[], &[], value).unwrap();
        let mut frame = samples.clone();
        apply(&mut frame, &offset);
        let at = |x: usize| encode(frame[3 * w + x][0]);
        assert!((at(32) - at(31)).abs() < 0.03, "{} {}", at(31), at(32));
        assert_eq!(frame[3 * w], samples[3 * w]);
        assert_eq!(frame[3 * w + 63], samples[3 * w + 63]);
    }
}
