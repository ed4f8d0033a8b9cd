//! The difference of two patches, in AVX2, in NEON and in plain Rust, with the same results to the bit.
//!
//! All `unsafe` of this crate is here: the kernels read 40 bytes a row, five rows, after one
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

/// Whether the kernel for this processor's vectors (AVX2, NEON) will be used.
pub fn simd_in_use() -> bool {
    match CHOICE.load(Ordering::Relaxed) {
        1 => false,
        2 => has_vectors(),
        _ => {
            let off = std::env::var("HEIRLOOM_SIMD").is_ok_and(|v| v == "off" || v == "0");
            CHOICE.store(if off { 1 } else { 2 }, Ordering::Relaxed);
            !off && has_vectors()
        }
    }
}

fn has_vectors() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    // Every 64-bit ARM has NEON.
    #[cfg(not(target_arch = "x86_64"))]
    cfg!(target_arch = "aarch64")
}

/// A way to compare patches.
///
/// All return the sum of squared differences over all channels, or, as soon as it is known to be
/// over `limit`, some number over `limit`: what is accepted is therefore the same for all.
pub trait Kernel: Copy + Send + Sync {
    /// Difference of the 5x5 patches whose *centres* have the given data indices.
    fn five(a: &Plane, ai: usize, b: &Plane, bi: usize, limit: u32) -> u32;
    /// Difference of the 3x3 patches.
    fn three(a: &Plane, ai: usize, b: &Plane, bi: usize, limit: u32) -> u32;
    /// Says that the patch about `centre` will soon be looked at.
    fn fetch(p: &Plane, centre: usize);
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
    #[cfg(target_arch = "aarch64")]
    if simd_in_use() {
        work.run::<Neon>();
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

/// Rows of a 5x5 patch in the order in which they are compared: what is quite different shows in the middle.
const ORDER: [usize; 5] = [2, 0, 4, 1, 3];

impl Kernel for Scalar {
    #[inline(always)]
    fn fetch(_: &Plane, _: usize) {}

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
    fn fetch(p: &Plane, centre: usize) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let at = p.data().as_ptr().wrapping_add(centre.wrapping_sub(2));
        // SAFETY: a hint, which reads nothing, whatever the address.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(at.cast());
            _mm_prefetch::<_MM_HINT_T0>(at.wrapping_sub(2 * p.stride()).cast());
            _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(2 * p.stride()).cast());
        }
    }

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
    for (k, r) in ORDER.into_iter().enumerate() {
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
        if (k == 0 || k == 2) && sum(wide, narrow) > limit {
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

#[cfg(target_arch = "aarch64")]
#[derive(Clone, Copy)]
struct Neon;

#[cfg(target_arch = "aarch64")]
impl Kernel for Neon {
    #[inline(always)]
    fn fetch(_: &Plane, _: usize) {
        // There is no hint for it in stable Rust.
    }

    #[inline(always)]
    fn five(a: &Plane, ai: usize, b: &Plane, bi: usize, limit: u32) -> u32 {
        use std::arch::aarch64::*;
        let (ca, cb) = (corner(a, ai, 2), corner(b, bi, 2));
        let (pa, pb): (*const u8, *const u8) = (ca.as_ptr().cast(), cb.as_ptr().cast());
        // SAFETY: `corner` has checked rows 0..5 of 5 pixels (40 bytes); every 64-bit ARM has NEON.
        unsafe {
            let mut acc = vdupq_n_u32(0);
            for (k, r) in ORDER.into_iter().enumerate() {
                let (x, y) = (pa.add(r * a.stride() * 8), pb.add(r * b.stride() * 8));
                acc = squares(acc, vld1q_u8(x), vld1q_u8(y));
                acc = squares(acc, vld1q_u8(x.add(16)), vld1q_u8(y.add(16)));
                let d = vabd_u8(vld1_u8(x.add(32)), vld1_u8(y.add(32)));
                acc = vpadalq_u16(acc, vmull_u8(d, d));
                if (k == 0 || k == 2) && vaddvq_u32(acc) > limit {
                    return u32::MAX;
                }
            }
            vaddvq_u32(acc)
        }
    }

    #[inline(always)]
    fn three(a: &Plane, ai: usize, b: &Plane, bi: usize, _limit: u32) -> u32 {
        use std::arch::aarch64::*;
        let (ca, cb) = (corner(a, ai, 1), corner(b, bi, 1));
        let (pa, pb): (*const u8, *const u8) = (ca.as_ptr().cast(), cb.as_ptr().cast());
        // SAFETY: as above, for rows 0..3 of 3 pixels (24 bytes).
        unsafe {
            let mut acc = vdupq_n_u32(0);
            for r in 0..3 {
                let (x, y) = (pa.add(r * a.stride() * 8), pb.add(r * b.stride() * 8));
                acc = squares(acc, vld1q_u8(x), vld1q_u8(y));
                let d = vabd_u8(vld1_u8(x.add(16)), vld1_u8(y.add(16)));
                acc = vpadalq_u16(acc, vmull_u8(d, d));
            }
            vaddvq_u32(acc)
        }
    }
}

/// Adds the squared differences of 16 bytes.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn squares(
    acc: std::arch::aarch64::uint32x4_t,
    x: std::arch::aarch64::uint8x16_t,
    y: std::arch::aarch64::uint8x16_t,
) -> std::arch::aarch64::uint32x4_t {
    use std::arch::aarch64::*;
    // SAFETY: every 64-bit ARM has NEON. 7-bit values: a square fits 16 bits.
    unsafe {
        let d = vabdq_u8(x, y);
        let acc = vpadalq_u16(acc, vmull_u8(vget_low_u8(d), vget_low_u8(d)));
        vpadalq_u16(acc, vmull_high_u8(d, d))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::hash::Dice;

    /// Differences of many pairs of places, under many limits.
    struct Compare<'a> {
        a: &'a Plane,
        b: &'a Plane,
        out: &'a mut Vec<(u32, u32)>,
    }

    fn pairs(a: &Plane, b: &Plane) -> Vec<(usize, usize, u32)> {
        let mut dice = Dice::new(5, 0);
        let mut place = |p: &Plane| {
            p.index(
                dice.below(p.width() as u32) as usize,
                dice.below(p.height() as u32) as usize,
            )
        };
        let places: Vec<(usize, usize)> = (0..2000).map(|_| (place(a), place(b))).collect();
        places
            .into_iter()
            .enumerate()
            .map(|(n, (i, j))| {
                let exact = Scalar::five(a, i, b, j, u32::MAX);
                (
                    i,
                    j,
                    [u32::MAX, exact, exact.saturating_sub(1), exact / 2, 0][n % 5],
                )
            })
            .collect()
    }

    impl Work for Compare<'_> {
        #[inline(always)]
        fn run<K: Kernel>(self) {
            for (i, j, limit) in pairs(self.a, self.b) {
                K::fetch(self.b, j);
                self.out.push((
                    K::five(self.a, i, self.b, j, limit),
                    K::three(self.a, i, self.b, j, limit),
                ));
            }
        }
    }

    #[test]
    fn all_kernels_accept_the_same_with_the_same_difference() {
        let noise = |w: usize, h: usize, seed: u64| {
            let mut plane = Plane::new(w, h);
            plane.fill_rows(|y, row| {
                for (x, f) in row.iter_mut().enumerate() {
                    let mut dice = Dice::new(seed, (y * w + x) as u64);
                    // The ends of the range count as well.
                    *f = std::array::from_fn(|_| [0, 127, dice.below(128) as u8][dice.below(3) as usize]);
                }
            });
            plane
        };
        let (a, b) = (noise(23, 17, 1), noise(31, 9, 2));
        let (mut best, mut plain) = (Vec::new(), Vec::new());
        dispatch(Compare {
            a: &a,
            b: &b,
            out: &mut best,
        });
        Compare {
            a: &a,
            b: &b,
            out: &mut plain,
        }
        .run::<Scalar>();
        for (((i, j, limit), best), plain) in pairs(&a, &b).into_iter().zip(best).zip(plain) {
            let exact = Scalar::five(&a, i, &b, j, u32::MAX);
            for found in [best.0, plain.0] {
                assert!(if exact <= limit {
                    found == exact
                } else {
                    found > limit
                });
            }
            let exact = Scalar::three(&a, i, &b, j, u32::MAX);
            for found in [best.1, plain.1] {
                assert!(if exact <= limit {
                    found == exact
                } else {
                    found > limit
                });
            }
        }
    }
}
