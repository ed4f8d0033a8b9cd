//! The difference of two patches, in AVX2 and in plain Rust, with the same results to the bit.
//!
//! All `unsafe` of this crate is here: the AVX2 kernels read 40 bytes a row, five rows, after one
//! bounds check for the whole patch.
#![allow(unsafe_code)]

use super::feature::{Feature, PAD, Plane};
use std::sync::atomic::{AtomicU8, Ordering};

/// Which kernel compares patches. The bytes are the same; the speed is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simd {
    /// Whatever this processor has, unless `HEIRLOOM_SIMD=off` is set.
    Auto,
    /// Plain Rust.
    Off,
}

static CHOICE: AtomicU8 = AtomicU8::new(0);

/// Chooses the kernel for the whole process (tests compare the two).
pub fn choose(simd: Simd) {
    CHOICE.store(if simd == Simd::Off { 1 } else { 2 }, Ordering::Relaxed);
}

/// Whether the AVX2 kernel will be used.
pub fn simd_in_use() -> bool {
    match CHOICE.load(Ordering::Relaxed) {
        1 => false,
        2 => has_avx2(),
        _ => {
            let off = std::env::var("HEIRLOOM_SIMD").is_ok_and(|v| v == "off" || v == "0");
            CHOICE.store(if off { 1 } else { 2 }, Ordering::Relaxed);
            !off && has_avx2()
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

/// A way to compare patches.
///
/// Both return the sum of squared differences over all channels, or, as soon as it is known to be
/// over `limit`, some number over `limit`: what is accepted is therefore the same for both.
pub trait Kernel: Copy + Send + Sync {
    /// Difference of the 5x5 patches whose *centres* have the given data indices.
    fn five(a: &Plane, ai: usize, b: &Plane, bi: usize, limit: u32) -> u32;
    /// Difference of the 3x3 patches.
    fn three(a: &Plane, ai: usize, b: &Plane, bi: usize, limit: u32) -> u32;
}

/// Work that is generic in the kernel; its `run` must be `#[inline(always)]` to profit.
pub trait Work {
    /// Does the work with the kernel `K`.
    fn run<K: Kernel>(self);
}

/// Runs `work` with the best kernel allowed.
pub fn dispatch<W: Work>(work: W) {
    #[cfg(target_arch = "x86_64")]
    if simd_in_use() {
        // SAFETY: simd_in_use() has just seen that this processor has AVX2.
        unsafe { with_avx2(work) };
        return;
    }
    work.run::<Scalar>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn with_avx2<W: Work>(work: W) {
    work.run::<Avx2>();
}

/// The top left pixel of the patch of radius `r` about `centre`, after checking that all of it is there.
#[inline(always)]
fn corner(p: &Plane, centre: usize, r: usize) -> &[Feature] {
    let from = centre - r * p.stride() - r;
    &p.data()[from..from + 2 * r * p.stride() + 2 * r + 1]
}

/// The portable kernel.
#[derive(Clone, Copy)]
pub struct Scalar;

#[inline(always)]
fn scalar<const N: usize>(a: &Plane, ai: usize, b: &Plane, bi: usize, limit: u32) -> u32 {
    let (ca, cb) = (corner(a, ai, N / 2), corner(b, bi, N / 2));
    let mut sum = 0u32;
    for r in 0..N {
        let ra = ca[r * a.stride()..r * a.stride() + N].as_flattened();
        let rb = cb[r * b.stride()..r * b.stride() + N].as_flattened();
        for (x, y) in ra.iter().zip(rb) {
            let d = i32::from(*x) - i32::from(*y);
            sum += (d * d) as u32;
        }
        if sum > limit {
            return u32::MAX;
        }
    }
    sum
}

impl Kernel for Scalar {
    #[inline(always)]
    fn five(a: &Plane, ai: usize, b: &Plane, bi: usize, limit: u32) -> u32 {
        scalar::<5>(a, ai, b, bi, limit)
    }

    #[inline(always)]
    fn three(a: &Plane, ai: usize, b: &Plane, bi: usize, limit: u32) -> u32 {
        scalar::<3>(a, ai, b, bi, limit)
    }
}

const _: () = assert!(
    PAD >= 2,
    "a 5x5 patch about a border pixel must lie inside the plane"
);

#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Kernel for Avx2 {
    #[inline(always)]
    fn five(a: &Plane, ai: usize, b: &Plane, bi: usize, limit: u32) -> u32 {
        let (ca, cb) = (corner(a, ai, 2), corner(b, bi, 2));
        // SAFETY: `corner` has checked rows 0..5 of 5 pixels (40 bytes); this kernel is only named by
        // `with_avx2`, which runs where AVX2 is.
        unsafe {
            five_avx2(
                ca.as_ptr().cast(),
                a.stride() * 8,
                cb.as_ptr().cast(),
                b.stride() * 8,
                limit,
            )
        }
    }

    #[inline(always)]
    fn three(a: &Plane, ai: usize, b: &Plane, bi: usize, _limit: u32) -> u32 {
        let (ca, cb) = (corner(a, ai, 1), corner(b, bi, 1));
        // SAFETY: as above, for rows 0..3 of 3 pixels (24 bytes).
        unsafe {
            three_avx2(
                ca.as_ptr().cast(),
                a.stride() * 8,
                cb.as_ptr().cast(),
                b.stride() * 8,
            )
        }
    }
}

/// # Safety
/// AVX2 must be there; five rows of 40 readable bytes at both pointers.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn five_avx2(a: *const u8, a_step: usize, b: *const u8, b_step: usize, limit: u32) -> u32 {
    use std::arch::x86_64::*;
    let one = _mm256_set1_epi16(1);
    let half_one = _mm_set1_epi16(1);
    let mut wide = _mm256_setzero_si256();
    let mut narrow = _mm_setzero_si128();
    for r in 0..5 {
        // SAFETY: the caller vouches for the rows.
        let (x, y, u, v) = unsafe {
            (
                _mm256_loadu_si256(a.add(r * a_step).cast()),
                _mm256_loadu_si256(b.add(r * b_step).cast()),
                _mm_loadl_epi64(a.add(r * a_step + 32).cast()),
                _mm_loadl_epi64(b.add(r * b_step + 32).cast()),
            )
        };
        // 7-bit values: the difference fits i8, its square summed in pairs fits i16.
        let d = _mm256_abs_epi8(_mm256_sub_epi8(x, y));
        wide = _mm256_add_epi32(wide, _mm256_madd_epi16(_mm256_maddubs_epi16(d, d), one));
        let d = _mm_abs_epi8(_mm_sub_epi8(u, v));
        narrow = _mm_add_epi32(narrow, _mm_madd_epi16(_mm_maddubs_epi16(d, d), half_one));
        if r == 2 && sum(wide, narrow) > limit {
            return u32::MAX;
        }
    }
    sum(wide, narrow)
}

/// # Safety
/// AVX2 must be there; three rows of 24 readable bytes at both pointers.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn three_avx2(a: *const u8, a_step: usize, b: *const u8, b_step: usize) -> u32 {
    use std::arch::x86_64::*;
    let one = _mm_set1_epi16(1);
    let mut acc = _mm_setzero_si128();
    for r in 0..3 {
        // SAFETY: the caller vouches for the rows.
        let (x, y, u, v) = unsafe {
            (
                _mm_loadu_si128(a.add(r * a_step).cast()),
                _mm_loadu_si128(b.add(r * b_step).cast()),
                _mm_loadl_epi64(a.add(r * a_step + 16).cast()),
                _mm_loadl_epi64(b.add(r * b_step + 16).cast()),
            )
        };
        let d = _mm_abs_epi8(_mm_sub_epi8(x, y));
        acc = _mm_add_epi32(acc, _mm_madd_epi16(_mm_maddubs_epi16(d, d), one));
        let d = _mm_abs_epi8(_mm_sub_epi8(u, v));
        acc = _mm_add_epi32(acc, _mm_madd_epi16(_mm_maddubs_epi16(d, d), one));
    }
    sum(_mm256_setzero_si256(), acc)
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn sum(wide: std::arch::x86_64::__m256i, narrow: std::arch::x86_64::__m128i) -> u32 {
    use std::arch::x86_64::*;
    let s = _mm_add_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
    let s = _mm_add_epi32(s, narrow);
    let s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    let s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
    _mm_cvtsi128_si32(s) as u32
}
