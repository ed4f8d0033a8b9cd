//! The way to a processor's wide registers, and the exponential that fits them.
//!
//! Loops over rows are written plainly, sixteen values at a time, and compiled three times: for AVX-512, for AVX2 with
//! fused multiply-add, and for whatever the target has at least. Which one runs is asked of the processor at run time.

/// How many values the row loops take at a time: one AVX-512 register of `f32`.
pub(crate) const LANES: usize = 16;

/// Declares a function whose body is compiled for AVX-512, for AVX2 and for the plain target.
macro_rules! wide {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident : $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(unsafe_code)] // calls of the compiled forms, after asking the processor
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn plain($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                fn with_avx512($($arg: $ty),*) $(-> $ret)? { plain($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                fn with_avx2($($arg: $ty),*) $(-> $ret)? { plain($($arg),*) }
                match $crate::kernels::lanes::level() {
                    // SAFETY: `level` has seen that this processor has these instructions.
                    $crate::kernels::lanes::Level::Avx512 => return unsafe { with_avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::kernels::lanes::Level::Avx2 => return unsafe { with_avx2($($arg),*) },
                    $crate::kernels::lanes::Level::Plain => {}
                }
            }
            plain($($arg),*)
        }
    };
}
pub(crate) use wide;

/// What the processor can do.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) enum Level {
    Avx512,
    Avx2,
    Plain,
}

/// What this processor can do. The answer is kept by the standard library after the first question.
#[cfg(target_arch = "x86_64")]
pub(crate) fn level() -> Level {
    let fma = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let wide = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq");
    match (fma, wide) {
        (true, true) => Level::Avx512,
        (true, false) => Level::Avx2,
        _ => Level::Plain,
    }
}

/// Adding and taking away 1.5·2^23 rounds to a whole number.
pub(super) const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts, the first with few enough bits that its product with a small whole number is exact.
pub(super) const LN2_HIGH: f32 = 0.693_359_4;
/// See [`LN2_HIGH`].
pub(super) const LN2_LOW: f32 = -2.121_944_4e-4;
/// Taylor's terms of `e^r`, the highest first.
pub(super) const EXP_TERMS: [f32; 8] = [
    1.0 / 5040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];

/// `e` to the power `x`, to within 2e-7 of the value; `x` is held between −87 and 88.
///
/// The usual split: `x = n·ln 2 + r` with `n` whole and `|r| <= ln 2 / 2`, a Taylor polynomial of seventh degree for
/// `e^r` (its remainder there is below 6e-9), and `n` added to the exponent's bits. Written without a branch, so that
/// a loop over it fills wide registers.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = (-n).mul_add(LN2_LOW, (-n).mul_add(LN2_HIGH, x));
    let mut p = EXP_TERMS[0];
    for term in &EXP_TERMS[1..] {
        p = p.mul_add(r, *term);
    }
    p * f32::from_bits(((n as i32 + 127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn the_exponential_is_that_of_the_standard_library() {
        let mut worst = 0.0f64;
        let mut x = -86.9f32;
        while x < 87.9 {
            let want = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) - want).abs() / want);
            x += 0.001_37;
        }
        assert!(worst < 2e-7, "{worst:e}");
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }
}
