//! Chance from a seed: the same on every machine.

/// A number from 0 up to 1 for a seed and a place in a lattice, by the finaliser of SplitMix64 (Steele, Lea and Flood,
/// "Fast splittable pseudorandom number generators", 2014).
pub(super) fn chance(seed: u64, place: [i64; 3]) -> f64 {
    let mut h = mixed(seed ^ 0x5851_f42d_4c95_7f2d);
    for p in place {
        h = mixed(h ^ p as u64);
    }
    (h >> 11) as f64 / (1_u64 << 53) as f64
}

fn mixed(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Smooth noise along a line, from −1 to 1: a cubic B-spline through no point of a lattice of chance, so it has no
/// jump in its bend either, never leaves its bounds, and holds nothing much faster than half a turn a unit.
pub(super) fn wander(seed: u64, channel: i64, t: f64) -> f64 {
    let cell = t.floor();
    let u = t - cell;
    let (u2, u3) = (u * u, u * u * u);
    let weights = [
        (1.0 - u) * (1.0 - u) * (1.0 - u) / 6.0,
        (3.0 * u3 - 6.0 * u2 + 4.0) / 6.0,
        (-3.0 * u3 + 3.0 * u2 + 3.0 * u + 1.0) / 6.0,
        u3 / 6.0,
    ];
    let at = |i: i64| 2.0 * chance(seed, [channel, cell as i64 + i, 0]) - 1.0;
    // Four random numbers averaged are small; the spline's own bound leaves room to make up for it.
    let sum: f64 = weights.iter().zip(-1..).map(|(w, i)| w * at(i)).sum();
    (sum * 1.5).clamp(-1.0, 1.0)
}

/// Value noise over a plane, from −1 to 1, smooth between the points of a unit lattice.
pub(super) fn hills(seed: u64, octave: i64, x: f64, z: f64) -> f64 {
    let (cx, cz) = (x.floor(), z.floor());
    let smooth = |t: f64| t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
    let (u, v) = (smooth(x - cx), smooth(z - cz));
    let at = |i: i64, k: i64| 2.0 * chance(seed, [octave, cx as i64 + i, cz as i64 + k]) - 1.0;
    let near = at(0, 0) * (1.0 - u) + at(1, 0) * u;
    let far = at(0, 1) * (1.0 - u) + at(1, 1) * u;
    near * (1.0 - v) + far * v
}
