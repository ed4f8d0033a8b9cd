//! Wide registers by name: what the tiles of products are written in, once for all processors.
//!
//! Loops over rows are left to the compiler ([`super::lanes`]); the innermost loop of a product is not, for it must hold
//! its sums in registers from beginning to end.
#![allow(unsafe_code)] // the processor's own instructions, called where `lanes::level` has seen them, and raw pointers

use super::lanes;

/// A register of several `f32`.
///
/// # Safety
/// All functions may only run where the processor has the type's instructions; pointers are good for
/// [`Register::LANES`] values, those of [`Register::splat_at`] for one. No pointer has to be aligned.
pub(super) trait Register: Copy {
    /// Values in it.
    const LANES: usize;
    /// Rows of a tile: as many as the processor has registers for their sums.
    const ROWS: usize;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(at: *const f32) -> Self;
    unsafe fn store(self, at: *mut f32);
    /// `self·by + plus`.
    unsafe fn mul_add(self, by: Self, plus: Self) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// The greater; `other` where one is no number.
    unsafe fn max(self, other: Self) -> Self;
    /// `self·2ⁿ`, for whole `n` from −126 to 127.
    unsafe fn scaled(self, n: Self) -> Self;

    #[inline(always)]
    unsafe fn splat_at(at: *const f32) -> Self {
        // SAFETY: as the caller has promised.
        unsafe { Self::splat(*at) }
    }

    /// `e` to the power of values that are at most 88; the method of [`lanes::exp`].
    #[inline(always)]
    unsafe fn exp(self) -> Self {
        // SAFETY: as the caller has promised; nothing here takes a pointer.
        unsafe {
            let round = Self::splat(lanes::ROUND);
            // This way about: what is no number stays so.
            let x = Self::splat(-87.0).max(self);
            let n = x.mul_add(Self::splat(std::f32::consts::LOG2_E), round).sub(round);
            let r = n.mul_add(Self::splat(-lanes::LN2_HIGH), x);
            let r = n.mul_add(Self::splat(-lanes::LN2_LOW), r);
            let mut p = Self::splat(lanes::EXP_TERMS[0]);
            for term in &lanes::EXP_TERMS[1..] {
                p = p.mul_add(r, Self::splat(*term));
            }
            p.scaled(n)
        }
    }
}

/// Plain arithmetic: four values are what compilers turn into whatever the target has; tests take as many as any
/// processor's register holds.
impl<const N: usize> Register for [f32; N] {
    const LANES: usize = N;
    const ROWS: usize = if N == 16 { 12 } else { 6 };

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [value; N]
    }
    #[inline(always)]
    unsafe fn load(at: *const f32) -> Self {
        // SAFETY: good for `N` values, as the caller has promised.
        unsafe { at.cast::<Self>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, at: *mut f32) {
        // SAFETY: good for `N` values, as the caller has promised.
        unsafe { at.cast::<Self>().write_unaligned(self) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, by: Self, plus: Self) -> Self {
        // Where there is no instruction for it, `f32::mul_add` is a call.
        let fused = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
        std::array::from_fn(|i| match fused {
            true => self[i].mul_add(by[i], plus[i]),
            false => self[i] * by[i] + plus[i],
        })
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] + other[i])
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] - other[i])
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] * other[i])
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        std::array::from_fn(|i| if self[i] > other[i] { self[i] } else { other[i] })
    }
    #[inline(always)]
    unsafe fn scaled(self, n: Self) -> Self {
        std::array::from_fn(|i| self[i] * f32::from_bits(((n[i] as i32 + 127) as u32) << 23))
    }
}

/// The same by instructions of their own.
#[cfg(target_arch = "x86_64")]
macro_rules! by_instructions {
    ($register:ty, $lanes:expr, $rows:expr, $splat:ident, $load:ident, $store:ident, $mul_add:ident, $add:ident,
     $sub:ident, $mul:ident, $max:ident, $whole:ident, $one:ident, $plus:ident, $shift:ident, $bits:ident) => {
        impl Register for $register {
            const LANES: usize = $lanes;
            const ROWS: usize = $rows;

            #[inline(always)]
            unsafe fn splat(value: f32) -> Self {
                // SAFETY: here and below as the caller has promised.
                unsafe { $splat(value) }
            }
            #[inline(always)]
            unsafe fn load(at: *const f32) -> Self {
                // SAFETY: see above.
                unsafe { $load(at) }
            }
            #[inline(always)]
            unsafe fn store(self, at: *mut f32) {
                // SAFETY: see above.
                unsafe { $store(at, self) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, by: Self, plus: Self) -> Self {
                // SAFETY: see above.
                unsafe { $mul_add(self, by, plus) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: see above.
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            unsafe fn sub(self, other: Self) -> Self {
                // SAFETY: see above.
                unsafe { $sub(self, other) }
            }
            #[inline(always)]
            unsafe fn mul(self, other: Self) -> Self {
                // SAFETY: see above.
                unsafe { $mul(self, other) }
            }
            #[inline(always)]
            unsafe fn max(self, other: Self) -> Self {
                // SAFETY: see above.
                unsafe { $max(self, other) }
            }
            #[inline(always)]
            unsafe fn scaled(self, n: Self) -> Self {
                // SAFETY: see above.
                unsafe { $mul(self, $bits($shift::<23>($plus($whole(n), $one(127))))) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Register;
    use std::arch::x86_64::*;

    // 12 sums, 2 registers of the side and a factor, of 16 registers.
    by_instructions!(
        __m256,
        8,
        6,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_max_ps,
        _mm256_cvtps_epi32,
        _mm256_set1_epi32,
        _mm256_add_epi32,
        _mm256_slli_epi32,
        _mm256_castsi256_ps
    );
    // 24 sums, 2 registers of the side and a factor, of 32 registers.
    by_instructions!(
        __m512,
        16,
        12,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_max_ps,
        _mm512_cvtps_epi32,
        _mm512_set1_epi32,
        _mm512_add_epi32,
        _mm512_slli_epi32,
        _mm512_castsi512_ps
    );
}
