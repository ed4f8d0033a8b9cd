//! Whether two fingerprints are of the same photograph.

use super::{Blob, Fingerprint, Parts, SMALL};

/// How two pictures match.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Match {
    /// 0 for nothing in common, 1 for a sure copy; a copy from [`Match::COPY`] on.
    pub score: f32,
    /// Blobs of the two that lie alike, after one scaling and one shift.
    pub blobs: u32,
    /// How well the light of what both show goes together, -1 to 1.
    pub light: f32,
    /// Pixels of the second's thumbnail to one of the first's.
    pub scale: f32,
    /// How much of the smaller of the two the other shows, 0 to 1.
    pub shared: f32,
    /// How alike the two are as wholes, unmoved, -1 to 1.
    pub whole: f32,
}

impl Match {
    /// The least score of a copy.
    pub const COPY: f32 = 0.3;

    /// Whether the two are copies of one photograph.
    pub fn is_copy(&self) -> bool {
        self.score >= Self::COPY
    }
}

/// The most bits of 256 in which two views of one blob differ; by chance it is about 128.
const DIFFERENT: u32 = 72;
/// Blobs of the second that one of the first may be.
const CHOICES: usize = 2;
/// How far from where it should be a blob may lie, in pixels.
const OFF: f32 = 3.0;
/// From this [`surprise`] on the blobs are sure.
const SURE: f32 = 7.5;
/// How much larger one of the two may show things. A crop of 15 % a side is 1.43.
const SCALES: std::ops::RangeInclusive<f32> = 0.5..=2.0;

/// Compares two pictures by their fingerprints.
///
/// Blobs with like surroundings are paired. Two pairs say how one picture lies over the other; the most pairs that agree
/// on one such place, and the light of what both pictures show there, make the score. Different pictures of like
/// things have like blobs, but not in the same places. A picture without blobs is compared as a whole.
pub fn near(a: &Fingerprint, b: &Fingerprint) -> Match {
    match (a.parts(), b.parts()) {
        (Some(a), Some(b)) => compare(&a, &b),
        _ => Match::default(),
    }
}

/// How the second lies over the first: `b = scale * a + (x, y)`.
#[derive(Clone, Copy, Debug)]
struct Lie {
    scale: f32,
    x: f32,
    y: f32,
}

pub(crate) fn compare(a: &Parts, b: &Parts) -> Match {
    let unmoved = Lie {
        scale: (b.width / a.width + b.height / a.height) / 2.0,
        x: 0.0,
        y: 0.0,
    };
    let whole = light(a, b, unmoved).map_or(0.0, |(light, _)| light);
    let shape = (a.width * b.height) / (a.height * b.width);
    let mut best = Match {
        whole,
        ..Match::default()
    };
    if (0.96..=1.04).contains(&shape) {
        let bits = (a.whole ^ b.whole).count_ones() as f32;
        let alike = ((whole - 0.96) / 0.04).clamp(0.0, 1.0) * ((12.0 - bits) / 12.0).clamp(0.0, 1.0);
        // In a smooth picture, a clear sky, the signs of what little there is turn easily; its light must fit the better.
        let smooth = ((whole - 0.99) / 0.01).clamp(0.0, 1.0) * ((20.0 - bits) / 20.0).clamp(0.0, 1.0);
        let score = alike.max(smooth);
        best = Match {
            score,
            light: whole,
            scale: unmoved.scale,
            shared: 1.0,
            ..best
        };
    }
    let pairs = pairs(a, b);
    if let Some((lie, blobs)) = lie(a, b, &pairs)
        && let Some((light, shared)) = light(a, b, lie)
    {
        let score =
            (surprise(a, b, &pairs, blobs) / SURE).clamp(0.0, 1.0) * ((light - 0.4) / 0.5).clamp(0.0, 1.0);
        if score >= best.score {
            best = Match {
                score,
                blobs,
                light,
                scale: lie.scale,
                shared,
                whole,
            };
        } else {
            best.blobs = blobs;
        }
    }
    best
}

fn different(a: &Blob, b: &Blob) -> u32 {
    a.bits.iter().zip(b.bits).map(|(a, b)| (a ^ b).count_ones()).sum()
}

/// The blobs that may be the same, as places of the two.
fn pairs(a: &Parts, b: &Parts) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (i, blob) in a.blobs.iter().enumerate() {
        let mut like: Vec<(u32, usize)> = b
            .blobs
            .iter()
            .enumerate()
            .filter(|(_, other)| other.light == blob.light && SCALES.contains(&(other.radius / blob.radius)))
            .map(|(j, other)| (different(blob, other), j))
            .filter(|(bits, _)| *bits <= DIFFERENT)
            .collect();
        like.sort_unstable();
        pairs.extend(like.iter().take(CHOICES).map(|(_, j)| (i, *j)));
    }
    pairs
}

/// The lie that most pairs agree on, and how many.
fn lie(a: &Parts, b: &Parts, pairs: &[(usize, usize)]) -> Option<(Lie, u32)> {
    let mut best: Option<(Lie, Vec<(usize, usize)>)> = None;
    for (n, first) in pairs.iter().enumerate() {
        for second in &pairs[n + 1..] {
            let Some(lie) = lie_of(a, b, *first, *second) else {
                continue;
            };
            let agreed = agreed(a, b, lie, pairs);
            if agreed.len() > best.as_ref().map_or(1, |(_, pairs)| pairs.len()) {
                best = Some((lie, agreed));
            }
        }
    }
    let (lie, agreed_on) = best?;
    // Once more from all that agree.
    let fitted = fitted(a, b, &agreed_on).unwrap_or(lie);
    let again = agreed(a, b, fitted, pairs).len();
    Some(if again >= agreed_on.len() {
        (fitted, again as u32)
    } else {
        (lie, agreed_on.len() as u32)
    })
}

/// How little chance it is that so many pairs agree on a lie: the power of ten below one of how many lies with as many are
/// expected where pairs lie anyhow.
///
/// L. Moisan and B. Stival, "A Probabilistic Criterion to Detect Rigid Point Matches between Two Images and Estimate
/// the Fundamental Matrix" (2004). Stars on black and the like all look alike, crowd in one place and make many pairs: of
/// these more must agree. Two pairs make a lie; another pair agrees by chance where its ends happen to lie within
/// [`OFF`] of each other, two draws from where the pairs' ends are.
fn surprise(a: &Parts, b: &Parts, pairs: &[(usize, usize)], agreed: u32) -> f32 {
    let n = pairs.len();
    let more = (agreed as usize).saturating_sub(2);
    if more == 0 || n < 3 {
        return 0.0;
    }
    let spread = |of: &dyn Fn(&(usize, usize)) -> f32| {
        let mean = pairs.iter().map(of).sum::<f32>() / n as f32;
        let square = pairs.iter().map(|p| (of(p) - mean) * (of(p) - mean)).sum::<f32>() / n as f32;
        libm::sqrtf(square).max(2.0 * OFF)
    };
    // The narrower of the two pictures' crowds counts.
    let area = |x: f32, y: f32| x * y;
    let of_a = area(spread(&|p| a.blobs[p.0].x), spread(&|p| a.blobs[p.0].y));
    let of_b = area(spread(&|p| b.blobs[p.1].x), spread(&|p| b.blobs[p.1].y));
    let chance = OFF * OFF / (4.0 * of_a.min(of_b));
    let lies = (n * (n - 1) / 2) as f32;
    // The first term of the binomial's tail; the others are small beside it.
    let mut log = libm::log10f(lies);
    for k in 0..more {
        log += libm::log10f((n - 2).saturating_sub(k).max(1) as f32 / (k + 1) as f32 * chance);
    }
    (-log).max(0.0)
}

fn lie_of(a: &Parts, b: &Parts, first: (usize, usize), second: (usize, usize)) -> Option<Lie> {
    let (a1, b1, a2, b2) = (
        &a.blobs[first.0],
        &b.blobs[first.1],
        &a.blobs[second.0],
        &b.blobs[second.1],
    );
    let (ax, ay, bx, by) = (a2.x - a1.x, a2.y - a1.y, b2.x - b1.x, b2.y - b1.y);
    let square = ax * ax + ay * ay;
    // Close together they say little of the scale.
    if square < 24.0 * 24.0 {
        return None;
    }
    let scale = (ax * bx + ay * by) / square;
    let (ex, ey) = (bx - scale * ax, by - scale * ay);
    if !SCALES.contains(&scale) || ex * ex + ey * ey > 4.0 * OFF * OFF {
        return None;
    }
    Some(Lie {
        scale,
        x: (b1.x + b2.x - scale * (a1.x + a2.x)) / 2.0,
        y: (b1.y + b2.y - scale * (a1.y + a2.y)) / 2.0,
    })
}

/// The pairs that a lie brings together, each blob once.
fn agreed(a: &Parts, b: &Parts, lie: Lie, pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let (mut used_a, mut used_b) = (0_u64, 0_u64);
    let mut agreed = Vec::new();
    for (i, j) in pairs {
        let (from, to) = (&a.blobs[*i], &b.blobs[*j]);
        let (dx, dy) = (
            to.x - lie.scale * from.x - lie.x,
            to.y - lie.scale * from.y - lie.y,
        );
        let size = to.radius / (from.radius * lie.scale);
        let free = used_a >> i & 1 == 0 && used_b >> j & 1 == 0;
        if free && dx * dx + dy * dy <= OFF * OFF && (0.65..=1.55).contains(&size) {
            used_a |= 1 << i;
            used_b |= 1 << j;
            agreed.push((*i, *j));
        }
    }
    agreed
}

/// The lie with the least squares over these pairs.
fn fitted(a: &Parts, b: &Parts, pairs: &[(usize, usize)]) -> Option<Lie> {
    let n = pairs.len() as f32;
    let mean = |f: &dyn Fn(&(usize, usize)) -> f32| pairs.iter().map(f).sum::<f32>() / n;
    let (ax, ay) = (mean(&|p| a.blobs[p.0].x), mean(&|p| a.blobs[p.0].y));
    let (bx, by) = (mean(&|p| b.blobs[p.1].x), mean(&|p| b.blobs[p.1].y));
    let (mut both, mut own) = (0.0, 0.0);
    for (i, j) in pairs {
        let (dx, dy) = (a.blobs[*i].x - ax, a.blobs[*i].y - ay);
        both += dx * (b.blobs[*j].x - bx) + dy * (b.blobs[*j].y - by);
        own += dx * dx + dy * dy;
    }
    let scale = both / own;
    (own > 0.0 && SCALES.contains(&scale)).then_some(Lie {
        scale,
        x: bx - scale * ax,
        y: by - scale * ay,
    })
}

/// How the light of what both show goes together (the correlation of 16 x 16 places), and how much of the smaller one
/// that is. `None` where they share less than a third.
fn light(a: &Parts, b: &Parts, lie: Lie) -> Option<(f32, f32)> {
    let Lie { scale, x, y } = lie;
    let (left, right) = (x.max(0.0), (scale * a.width + x).min(b.width));
    let (top, bottom) = (y.max(0.0), (scale * a.height + y).min(b.height));
    let smaller = (b.width * b.height).min(scale * scale * a.width * a.height);
    let shared = (right - left).max(0.0) * (bottom - top).max(0.0) / smaller;
    if shared < 0.33 {
        return None;
    }
    let (mut n, mut sa, mut sb, mut saa, mut sbb, mut sab) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for row in 0..SMALL {
        for column in 0..SMALL {
            let bx = left + (right - left) * (column as f32 + 0.5) / SMALL as f32;
            let by = top + (bottom - top) * (row as f32 + 0.5) / SMALL as f32;
            let va = small_at(a, (bx - x) / scale, (by - y) / scale);
            let vb = small_at(b, bx, by);
            n += 1.0;
            sa += va;
            sb += vb;
            saa += va * va;
            sbb += vb * vb;
            sab += va * vb;
        }
    }
    let (va, vb) = (saa - sa * sa / n, sbb - sb * sb / n);
    let light = if va > 0.0 && vb > 0.0 {
        (sab - sa * sb / n) / libm::sqrtf(va * vb)
    } else {
        0.0
    };
    Some((light, shared.min(1.0)))
}

/// The small picture at a place of the thumbnail.
fn small_at(parts: &Parts, x: f32, y: f32) -> f32 {
    let last = (SMALL - 1) as f32;
    let (x, y) = (
        (x / parts.width * SMALL as f32 - 0.5).clamp(0.0, last),
        (y / parts.height * SMALL as f32 - 0.5).clamp(0.0, last),
    );
    let (left, top) = (x as usize, y as usize);
    let (right, bottom) = ((left + 1).min(SMALL - 1), (top + 1).min(SMALL - 1));
    let (fx, fy) = (x - left as f32, y - top as f32);
    let v = |x: usize, y: usize| parts.small[y * SMALL + x];
    let upper = v(left, top) + (v(right, top) - v(left, top)) * fx;
    let lower = v(left, bottom) + (v(right, bottom) - v(left, bottom)) * fx;
    upper + (lower - upper) * fy
}
