//! Which build of the kernels runs: the plain one, or the one for AVX2.
//!
//! Both are the same bodies, inlined into functions that are allowed 256-bit registers or not. Rust neither fuses nor
//! reorders float operations, so the bytes are the same. The one `unsafe` is the promise that the processor has AVX2.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU8, Ordering};

use glam::DAffine3;

#[cfg(target_arch = "x86_64")]
use super::lanes::run_avx2;
use super::lanes::{Lanes, Plain, Work};
use super::project::{self, Lens, Vertex};

/// Which build of the kernels is used. The bytes are the same; the speed is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simd {
    /// Whatever this processor has, unless `HEIRLOOM_SIMD=off` is set.
    Auto,
    /// The plain one.
    Off,
}

static CHOICE: AtomicU8 = AtomicU8::new(0);

/// Chooses the build for the whole process (tests compare the two).
pub fn choose(simd: Simd) {
    CHOICE.store(if simd == Simd::Off { 1 } else { 2 }, Ordering::Relaxed);
}

fn in_use() -> bool {
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

/// Does the work with the widest registers there are.
#[inline]
pub(crate) fn run<W: Work>(work: W) -> W::Out {
    #[cfg(target_arch = "x86_64")]
    if in_use() {
        // SAFETY: in_use() has just seen that this processor has AVX2.
        return unsafe { run_avx2(work) };
    }
    work.run::<Plain>()
}

struct Project<'a>(&'a Lens, &'a DAffine3, &'a [[f32; 3]], &'a mut [Vertex]);

impl Work for Project<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        project::project(self.0, self.1, self.2, self.3);
    }
}

/// Projects positions to vertices.
pub(crate) fn project(lens: &Lens, matrix: &DAffine3, positions: &[[f32; 3]], out: &mut [Vertex]) {
    run(Project(lens, matrix, positions, out));
}
