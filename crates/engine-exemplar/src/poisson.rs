//! The finish: seams between pieces are smoothed away by light, not by blur.
//!
//! We look for an offset that leaves the gradients inside every piece as they are, gives a seam the mean
//! of the two pieces' own gradients, and costs `lambda` squared times its square (a screened Poisson
//! equation). It dies away within about 1/lambda pixels of a seam. Worked in encoded light (square root),
//! by a fixed number of multigrid cycles ([`solve`]), so the result is the same for any number of
//! threads; then rounded to steps of 1/512 and stored: frames are made from what is stored.

use crate::codec::{Offset, STEP};
use crate::map::{Origin, UNIT};
use crate::synth::carry::together;
use crate::synth::spans::BAND;
use rayon::prelude::*;

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
    // What is missing across the link to the right or the one below: wished less actual difference.
    let link = |i: usize, j: usize, dx: i32, dy: i32| -> [f32; 3] {
        let (a, b) = (origins[i], origins[j]);
        if together(a, b, dx, dy) || (!edges.is_empty() && edges[i] != edges[j]) {
            return [0.0; 3];
        }
        let (va, vb) = (light(i), light(j));
        let (here, there) = (samples[i], samples[j]);
        let on = seen(Origin {
            x: a.x + dx * UNIT,
            y: a.y + dy * UNIT,
            ..a
        });
        let before = seen(Origin {
            x: b.x - dx * UNIT,
            y: b.y - dy * UNIT,
            ..b
        });
        std::array::from_fn(|k| {
            let (ga, gb) = (on[k] - encode(here[k]), encode(there[k]) - before[k]);
            // The mean of the two; the smaller one would wear texture down where seams are dense.
            let g = (ga + gb) * 0.5;
            (g - (vb[k] - va[k])).clamp(-0.5, 0.5)
        })
    };
    // Divergence: what pulls each pixel. Links that two bands share are worked out by both.
    let mut pull = vec![[0.0f32; 3]; w * h];
    pull.par_chunks_mut(w * BAND)
        .enumerate()
        .for_each(|(band, part)| {
            let (top, rows) = (band * BAND, part.len() / w);
            for r in 0..=rows {
                let y = top + r;
                if y == h {
                    break;
                }
                for x in 0..w {
                    let i = y * w + x;
                    if y > 0 {
                        let l = link(i - w, i, 0, 1);
                        if l != [0.0; 3] {
                            for k in 0..3 {
                                if r > 0 {
                                    part[(r - 1) * w + x][k] -= l[k];
                                }
                                if r < rows {
                                    part[r * w + x][k] += l[k];
                                }
                            }
                        }
                    }
                    if r < rows && x + 1 < w {
                        let l = link(i, i + 1, 1, 0);
                        if l != [0.0; 3] {
                            for k in 0..3 {
                                part[r * w + x][k] -= l[k];
                                part[r * w + x + 1][k] += l[k];
                            }
                        }
                    }
                }
            }
        });
    let lambda = lambda(strength);
    // At half strength most of it: a seam that is gone altogether takes texture with it.
    let share = strength.sqrt();
    let solved = if fixed.is_empty() {
        solve(&pull, w, h, lambda * lambda)
    } else {
        solve_held(&pull, w, h, lambda * lambda, fixed)
    };
    let mut steps = vec![[0i16; 3]; w * h];
    steps
        .par_chunks_mut(w * BAND)
        .zip(solved.par_chunks(w * BAND))
        .enumerate()
        .for_each(|(band, (steps, solved))| {
            for (n, (out, o)) in steps.iter_mut().zip(solved).enumerate() {
                if fixed.get(band * w * BAND + n).copied().unwrap_or(false) {
                    continue;
                }
                let lead = lead.get(band * w * BAND + n).copied().unwrap_or_default();
                *out = std::array::from_fn(|k| rounded((o[k] * share + lead[k]) * STEP));
            }
        });
    Offset::new(w as u32, h as u32, steps)
}

/// The nearest step, halves up.
#[inline(always)]
fn rounded(v: f32) -> i16 {
    let v = (v + 0.5).clamp(-32_000.0, 32_000.0);
    let cut = v as i32;
    (cut - i32::from((cut as f32) > v)) as i16
}

/// A field of three channels.
type Field = Vec<[f32; 3]>;

/// Weights of Jacobi steps that together damp all errors shorter than four pixels to a fifth (two steps) or a
/// fourteenth (three): Chebyshev's, for the upper three quarters of the spectrum.
const TWO: [f32; 2] = [1.388_9, 0.561_8];
const THREE: [f32; 3] = [1.665_1, 0.8, 0.526_5];
/// Steps on the coarsest grid, where the screen rules.
const LAST: usize = 8;

/// Solves (number of neighbours + screen) o - sum of neighbours' o = pull, by two multigrid V-cycles (Brandt 1977):
/// what is smooth is solved on grids of half the size. Two cycles leave about a hundredth of the error, less than the
/// steps that the offset is rounded to; a plain iteration takes several times as many passes.
fn solve(pull: &[[f32; 3]], w: usize, h: usize, screen: f32) -> Field {
    // From nought the first step needs no neighbours.
    let first = TWO[0] / (4.0 + screen);
    let mut now: Field = pull.par_iter().map(|p| p.map(|v| v * first)).collect();
    let mut spare = vec![[0.0; 3]; pull.len()];
    smooth(&mut now, &mut spare, pull, w, screen, &TWO[1..]);
    correct(&mut now, pull, w, h, screen);
    smooth(&mut now, &mut spare, pull, w, screen, &THREE);
    correct(&mut now, pull, w, h, screen);
    smooth(&mut now, &mut spare, pull, w, screen, &TWO);
    now
}

/// Steps where some pixels are held.
const STEPS: usize = 36;

/// As [`solve`], where `fixed` pixels stay at nought: by Chebyshev steps, since coarser grids do not see single pixels.
fn solve_held(pull: &[[f32; 3]], w: usize, h: usize, screen: f32, fixed: &[bool]) -> Vec<[f32; 3]> {
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

/// One V-cycle for a grid that begins at nought.
fn cycle(pull: &[[f32; 3]], w: usize, h: usize, screen: f32) -> Field {
    let first = TWO[0] / (4.0 + screen);
    let mut now: Field = pull.iter().map(|p| p.map(|v| v * first)).collect();
    let mut spare = vec![[0.0; 3]; pull.len()];
    // Where the screen outweighs the neighbours, or nothing can be halved, steps alone will do.
    if w.min(h) < 4 || screen > 4.0 {
        smooth(&mut now, &mut spare, pull, w, screen, &[0.8; LAST]);
        return now;
    }
    smooth(&mut now, &mut spare, pull, w, screen, &TWO[1..]);
    correct(&mut now, pull, w, h, screen);
    smooth(&mut now, &mut spare, pull, w, screen, &TWO);
    now
}

/// A row's neighbours above and below, itself at the edges: nothing flows out of the frame.
#[inline(always)]
fn rows_about(px: &[[f32; 3]], w: usize, y: usize) -> [&[[f32; 3]]; 3] {
    let row = |y: usize| &px[y * w..(y + 1) * w];
    let last = px.len() / w - 1;
    [row(y.saturating_sub(1)), row(y), row((y + 1).min(last))]
}

/// What is missing at each number of a row: pull less (neighbours + screen) times `own` plus its neighbours, given to
/// `put(i, own, missing)`.
#[inline(always)]
fn missing(
    [up, own, down]: [&[[f32; 3]]; 3],
    pull: &[[f32; 3]],
    screen: f32,
    mut put: impl FnMut(usize, f32, f32),
) {
    let w = own.len();
    let (up, own, down) = (up.as_flattened(), own.as_flattened(), down.as_flattened());
    let pull = &pull.as_flattened()[..3 * w];
    let all = 4.0 + screen;
    let mut edge = |x: usize| {
        let (l, r) = (x.saturating_sub(1), (x + 1).min(w - 1));
        for k in 0..3 {
            let i = 3 * x + k;
            let sum = own[3 * l + k] + own[3 * r + k] + up[i] + down[i];
            put(i, own[i], pull[i] + sum - all * own[i]);
        }
    };
    edge(0);
    if w > 1 {
        edge(w - 1);
    }
    if w < 3 {
        return;
    }
    // The same without tests, as one run of numbers.
    let n = 3 * (w - 2);
    let (before, after) = (&own[..n], &own[6..6 + n]);
    let (up, down, middle, pull) = (&up[3..3 + n], &down[3..3 + n], &own[3..3 + n], &pull[3..3 + n]);
    for i in 0..n {
        let sum = before[i] + after[i] + up[i] + down[i];
        put(i + 3, middle[i], pull[i] + sum - all * middle[i]);
    }
}

/// Jacobi steps of these weights.
fn smooth(now: &mut Field, spare: &mut Field, pull: &[[f32; 3]], w: usize, screen: f32, weights: &[f32]) {
    for weight in weights {
        let by = weight / (4.0 + screen);
        let old = &*now;
        spare.par_chunks_mut(w).enumerate().for_each(|(y, out)| {
            let out = out.as_flattened_mut();
            missing(
                rows_about(old, w, y),
                &pull[y * w..(y + 1) * w],
                screen,
                |i, own, m| out[i] = own + by * m,
            );
        });
        std::mem::swap(now, spare);
    }
}

/// Adds what the grid of half the size says is still missing.
fn correct(now: &mut Field, pull: &[[f32; 3]], w: usize, h: usize, screen: f32) {
    let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
    let mut coarse = vec![[0.0f32; 3]; cw * ch];
    let old = &*now;
    coarse.par_chunks_mut(cw).enumerate().for_each(|(cy, out)| {
        let mut lines = [vec![0.0f32; 3 * w], vec![0.0f32; 3 * w]];
        for (r, line) in lines.iter_mut().enumerate() {
            let y = (2 * cy + r).min(h - 1);
            missing(
                rows_about(old, w, y),
                &pull[y * w..(y + 1) * w],
                screen,
                |i, _, m| line[i] = m,
            );
        }
        // The sum of four: a grid twice as wide has a screen four times as strong.
        for (cx, o) in out.iter_mut().enumerate() {
            let (x0, x1) = (2 * cx, (2 * cx + 1).min(w - 1));
            *o = std::array::from_fn(|k| {
                (lines[0][3 * x0 + k] + lines[0][3 * x1 + k]) + (lines[1][3 * x0 + k] + lines[1][3 * x1 + k])
            });
        }
    });
    let coarse = cycle(&coarse, cw, ch, screen * 4.0);
    now.par_chunks_mut(w).enumerate().for_each(|(y, row)| {
        // Between the four coarse pixels about a fine one, the nearest counting three quarters each way.
        let near = y / 2;
        let far = if y % 2 == 0 {
            near.saturating_sub(1)
        } else {
            (near + 1).min(ch - 1)
        };
        let (near, far) = (&coarse[near * cw..][..cw], &coarse[far * cw..][..cw]);
        let mix = |cx: usize, k: usize| 0.75 * near[cx][k] + 0.25 * far[cx][k];
        for cx in 0..cw {
            let (left, right) = (cx.saturating_sub(1), (cx + 1).min(cw - 1));
            for k in 0..3 {
                let here = 0.75 * mix(cx, k);
                row[2 * cx][k] += here + 0.25 * mix(left, k);
                if let Some(p) = row.get_mut(2 * cx + 1) {
                    p[k] += here + 0.25 * mix(right, k);
                }
            }
        }
    });
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
    fn two_cycles_leave_a_hundredth_of_the_error() {
        // Seams as they lie in a frame: pairs of equal and opposite pulls, here and there.
        for (w, h, finish) in [(97usize, 61usize, 0.0f32), (64, 64, 0.5), (160, 96, 1.0)] {
            let mut pull = vec![[0.0f32; 3]; w * h];
            for n in 0..w * h / 30 {
                let i = (n * 7919) % (w * h - w - 1);
                let j = if n % 2 == 0 { i + 1 } else { i + w };
                let v = ((n * 31 % 17) as f32 - 8.0) / 40.0;
                for (k, by) in [1.0, 0.9, 0.8].into_iter().enumerate() {
                    pull[i][k] -= v;
                    pull[j][k] += v * by;
                }
            }
            let screen = lambda(finish) * lambda(finish);
            // A plain iteration until nothing changes any more.
            let mut exact = vec![[0.0f32; 3]; w * h];
            let mut spare = exact.clone();
            for _ in 0..200 {
                smooth(&mut exact, &mut spare, &pull, w, screen, &[0.9; 10]);
            }
            let solved = solve(&pull, w, h, screen);
            let square = |v: &[[f32; 3]]| v.as_flattened().iter().map(|v| f64::from(v * v)).sum::<f64>();
            let off: Vec<[f32; 3]> = exact
                .iter()
                .zip(&solved)
                .map(|(a, b)| std::array::from_fn(|k| a[k] - b[k]))
                .collect();
            let share = (square(&off) / square(&exact)).sqrt();
            assert!(share < 0.02, "{w}x{h} at {finish}: {share}");
        }
    }

    #[test]
    fn a_step_between_two_flat_pieces_is_smoothed_and_far_away_nothing_changes() {
        let (w, h) = (192usize, 8usize);
        let origins: Vec<Origin> = (0..w * h)
            .map(|i| Origin::whole((i % w >= 96) as u16, (i % w) as i32, (i / w) as i32))
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
        assert!((at(96) - at(95)).abs() < 0.03, "{} {}", at(95), at(96));
        assert_eq!(frame[3 * w], samples[3 * w]);
        assert_eq!(frame[3 * w + 191], samples[3 * w + 191]);
    }
}
