//! Random values and closeness, for all tests of this crate.
#![allow(dead_code, clippy::print_stdout)] // each test file is a program of its own, uses a part, and may tell its figures

/// Values spread evenly between −1 and 1, the same for the same seed.
pub fn random(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1;
    (0..n)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

/// The greatest difference, relative to the greatest wanted value.
pub fn difference(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len(), "lengths");
    let most = want.iter().fold(0.0f64, |m, w| m.max(f64::from(w.abs())));
    let worst = got.iter().zip(want).fold(0.0f64, |m, (g, w)| {
        let d = f64::from((g - w).abs());
        if d.is_nan() { f64::INFINITY } else { m.max(d) }
    });
    worst / most.max(1e-30)
}

/// Fails where `got` is further from `want` than `limit`, relative to the greatest value.
#[track_caller]
pub fn assert_close(got: &[f32], want: &[f32], limit: f64) {
    let d = difference(got, want);
    println!("{d:.1e} of {limit:.0e} allowed");
    assert!(
        d <= limit,
        "differs by {d:e} of the greatest value; {limit:e} is allowed"
    );
}
