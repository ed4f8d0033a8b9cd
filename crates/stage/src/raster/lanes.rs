//! Eight samples at once: in plain Rust, and in AVX2 with the same results to the bit.
//!
//! The compiler does not see that the kernel's choices are the same operation eight times over and takes them one by
//! one, which costs half the rasteriser's speed; hence the instructions by name. All of them are exact or rounded as
//! IEEE 754 says, and none is fused, so both give the same bytes; tests hold them to it.
#![allow(unsafe_code)]

/// Operations on eight `f32` or `i32`.
pub(crate) trait Lanes: Copy {
    /// Eight `f32`.
    type F: Copy;
    /// Eight `i32`, or masks: all bits or none.
    type I: Copy;

    fn all_f(v: f32) -> Self::F;
    fn all_i(v: i32) -> Self::I;
    fn load_i(v: &[i32; 8]) -> Self::I;
    fn load_f(v: &[f32; 8]) -> Self::F;
    fn store_f(v: Self::F) -> [f32; 8];
    /// As numbers.
    fn float(v: Self::I) -> Self::F;
    fn add_i(a: Self::I, b: Self::I) -> Self::I;
    fn sub_i(a: Self::I, b: Self::I) -> Self::I;
    fn mul_i(a: Self::I, b: Self::I) -> Self::I;
    fn or_i(a: Self::I, b: Self::I) -> Self::I;
    fn and_i(a: Self::I, b: Self::I) -> Self::I;
    fn add_f(a: Self::F, b: Self::F) -> Self::F;
    fn mul_f(a: Self::F, b: Self::F) -> Self::F;
    /// `if a < b { a } else { b }`.
    fn min_f(a: Self::F, b: Self::F) -> Self::F;
    /// `if a > b { a } else { b }`.
    fn max_f(a: Self::F, b: Self::F) -> Self::F;
    /// Where `inside` is not below zero and `k` is above `best`.
    fn seen(inside: Self::I, k: Self::F, best: Self::F) -> Self::I;
    /// One bit a lane.
    fn bits(mask: Self::I) -> u8;
    /// Writes `k` where the mask says.
    fn put_k(best: &mut [f32; 8], k: Self::F, mask: Self::I);
    /// Writes `k` and `number` where the mask says.
    fn put(best: &mut [f32; 8], who: &mut [u32; 8], k: Self::F, number: u32, mask: Self::I);
}

/// One by one.
#[derive(Clone, Copy)]
pub(crate) struct Plain;

#[inline(always)]
fn each<T: Copy, U>(a: [T; 8], b: [T; 8], f: impl Fn(T, T) -> U) -> [U; 8] {
    std::array::from_fn(|l| f(a[l], b[l]))
}

impl Lanes for Plain {
    type F = [f32; 8];
    type I = [i32; 8];

    #[inline(always)]
    fn all_f(v: f32) -> [f32; 8] {
        [v; 8]
    }
    #[inline(always)]
    fn all_i(v: i32) -> [i32; 8] {
        [v; 8]
    }
    #[inline(always)]
    fn load_i(v: &[i32; 8]) -> [i32; 8] {
        *v
    }
    #[inline(always)]
    fn load_f(v: &[f32; 8]) -> [f32; 8] {
        *v
    }
    #[inline(always)]
    fn store_f(v: [f32; 8]) -> [f32; 8] {
        v
    }
    #[inline(always)]
    fn float(v: [i32; 8]) -> [f32; 8] {
        v.map(|v| v as f32)
    }
    #[inline(always)]
    fn add_i(a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        each(a, b, i32::wrapping_add)
    }
    #[inline(always)]
    fn sub_i(a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        each(a, b, i32::wrapping_sub)
    }
    #[inline(always)]
    fn mul_i(a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        each(a, b, i32::wrapping_mul)
    }
    #[inline(always)]
    fn or_i(a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        each(a, b, |a, b| a | b)
    }
    #[inline(always)]
    fn and_i(a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        each(a, b, |a, b| a & b)
    }
    #[inline(always)]
    fn add_f(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        each(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn mul_f(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        each(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn min_f(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        each(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max_f(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        each(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn seen(inside: [i32; 8], k: [f32; 8], best: [f32; 8]) -> [i32; 8] {
        std::array::from_fn(|l| -i32::from((inside[l] >= 0) & (k[l] > best[l])))
    }
    #[inline(always)]
    fn bits(mask: [i32; 8]) -> u8 {
        mask.iter().rev().fold(0, |bits, m| bits << 1 | (m & 1) as u8)
    }
    #[inline(always)]
    fn put_k(best: &mut [f32; 8], k: [f32; 8], mask: [i32; 8]) {
        for l in 0..8 {
            if mask[l] != 0 {
                best[l] = k[l];
            }
        }
    }
    #[inline(always)]
    fn put(best: &mut [f32; 8], who: &mut [u32; 8], k: [f32; 8], number: u32, mask: [i32; 8]) {
        for l in 0..8 {
            if mask[l] != 0 {
                best[l] = k[l];
                who[l] = number;
            }
        }
    }
}

/// Work that is compiled for each kind of lanes; its `run` must be `#[inline(always)]` to profit.
pub(crate) trait Work {
    type Out;
    fn run<L: Lanes>(self) -> Self::Out;
}

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::run_avx2;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{Lanes, Work};

    /// Eight at a time. Named by [`run_avx2`] alone.
    #[derive(Clone, Copy)]
    struct Avx2;

    /// Does the work in AVX2.
    ///
    /// # Safety
    /// The processor must have AVX2.
    #[target_feature(enable = "avx2")]
    pub(crate) unsafe fn run_avx2<W: Work>(work: W) -> W::Out {
        work.run::<Avx2>()
    }

    // In every block below, SAFETY: these lanes are named by `run_avx2` alone, whose caller vouches for AVX2; loads and
    // stores are unaligned ones of whole arrays behind references.
    impl Lanes for Avx2 {
        type F = __m256;
        type I = __m256i;

        #[inline(always)]
        fn all_f(v: f32) -> __m256 {
            // SAFETY: see above.
            unsafe { _mm256_set1_ps(v) }
        }
        #[inline(always)]
        fn all_i(v: i32) -> __m256i {
            // SAFETY: see above.
            unsafe { _mm256_set1_epi32(v) }
        }
        #[inline(always)]
        fn load_i(v: &[i32; 8]) -> __m256i {
            // SAFETY: see above.
            unsafe { _mm256_loadu_si256(v.as_ptr().cast()) }
        }
        #[inline(always)]
        fn load_f(v: &[f32; 8]) -> __m256 {
            // SAFETY: see above.
            unsafe { _mm256_loadu_ps(v.as_ptr()) }
        }
        #[inline(always)]
        fn store_f(v: __m256) -> [f32; 8] {
            let mut out = [0.0; 8];
            // SAFETY: see above.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), v) };
            out
        }
        #[inline(always)]
        fn float(v: __m256i) -> __m256 {
            // SAFETY: see above.
            unsafe { _mm256_cvtepi32_ps(v) }
        }
        #[inline(always)]
        fn add_i(a: __m256i, b: __m256i) -> __m256i {
            // SAFETY: see above.
            unsafe { _mm256_add_epi32(a, b) }
        }
        #[inline(always)]
        fn sub_i(a: __m256i, b: __m256i) -> __m256i {
            // SAFETY: see above.
            unsafe { _mm256_sub_epi32(a, b) }
        }
        #[inline(always)]
        fn mul_i(a: __m256i, b: __m256i) -> __m256i {
            // SAFETY: see above.
            unsafe { _mm256_mullo_epi32(a, b) }
        }
        #[inline(always)]
        fn or_i(a: __m256i, b: __m256i) -> __m256i {
            // SAFETY: see above.
            unsafe { _mm256_or_si256(a, b) }
        }
        #[inline(always)]
        fn and_i(a: __m256i, b: __m256i) -> __m256i {
            // SAFETY: see above.
            unsafe { _mm256_and_si256(a, b) }
        }
        #[inline(always)]
        fn add_f(a: __m256, b: __m256) -> __m256 {
            // SAFETY: see above.
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        fn mul_f(a: __m256, b: __m256) -> __m256 {
            // SAFETY: see above.
            unsafe { _mm256_mul_ps(a, b) }
        }
        #[inline(always)]
        fn min_f(a: __m256, b: __m256) -> __m256 {
            // SAFETY: see above. The instruction gives `b` unless `a < b`.
            unsafe { _mm256_min_ps(a, b) }
        }
        #[inline(always)]
        fn max_f(a: __m256, b: __m256) -> __m256 {
            // SAFETY: see above. The instruction gives `b` unless `a > b`.
            unsafe { _mm256_max_ps(a, b) }
        }
        #[inline(always)]
        fn seen(inside: __m256i, k: __m256, best: __m256) -> __m256i {
            // SAFETY: see above.
            unsafe {
                let nearer = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_GT_OQ>(k, best));
                _mm256_andnot_si256(_mm256_srai_epi32::<31>(inside), nearer)
            }
        }
        #[inline(always)]
        fn bits(mask: __m256i) -> u8 {
            // SAFETY: see above.
            unsafe { _mm256_movemask_ps(_mm256_castsi256_ps(mask)) as u8 }
        }
        #[inline(always)]
        fn put_k(best: &mut [f32; 8], k: __m256, mask: __m256i) {
            // SAFETY: see above.
            unsafe {
                let old = _mm256_loadu_ps(best.as_ptr());
                let both = _mm256_blendv_ps(old, k, _mm256_castsi256_ps(mask));
                _mm256_storeu_ps(best.as_mut_ptr(), both);
            }
        }
        #[inline(always)]
        fn put(best: &mut [f32; 8], who: &mut [u32; 8], k: __m256, number: u32, mask: __m256i) {
            // SAFETY: see above.
            unsafe {
                let m = _mm256_castsi256_ps(mask);
                let old = _mm256_loadu_ps(best.as_ptr());
                _mm256_storeu_ps(best.as_mut_ptr(), _mm256_blendv_ps(old, k, m));
                let old = _mm256_castsi256_ps(_mm256_loadu_si256(who.as_ptr().cast()));
                let new = _mm256_castsi256_ps(_mm256_set1_epi32(number as i32));
                let both = _mm256_castps_si256(_mm256_blendv_ps(old, new, m));
                _mm256_storeu_si256(who.as_mut_ptr().cast(), both);
            }
        }
    }
}
