//! Tiles of products: the sums that registers hold at one time.
//!
//! A product `out[c][r] = Σ_k side[k][c]·row_r[k]` is cut into tiles of [`width`] columns by a few rows. The side is laid
//! out anew in panels, `k` after `k` with a panel's columns side by side, so that a panel fits the innermost cache and is
//! read in order by whole registers; of the rows single values are read, in order too (Goto and van de Geijn, "Anatomy of
//! High-Performance Matrix Multiplication", 2008, section 4). Sums over `k` run in the order of `k`, in one register from
//! beginning to end: how work is dealt to threads changes no bit of a result.
#![allow(unsafe_code)] // pointers into panels and rows: callers assert what they are good for

use super::registers::Register;

/// Registers of a tile's columns.
pub(super) const SIDE: usize = 2;

/// Columns of a panel.
pub(super) const fn width<R: Register>() -> usize {
    SIDE * R::LANES
}

/// Most columns of a panel, and most rows of a tile, on any processor.
pub(super) const WIDEST: usize = 32;
/// See [`WIDEST`].
pub(super) const MOST_ROWS: usize = 12;

/// Runs `$body::<R>($args)` with the widest registers that this processor has. `$body` must be inlined always.
macro_rules! by_width {
    ($(#[$meta:meta])* fn $name:ident = $body:ident($($arg:ident : $ty:ty),* $(,)?)) => {
        $(#[$meta])*
        fn $name($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            {
                use std::arch::x86_64::{__m256, __m512};
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                fn with_avx512($($arg: $ty),*) {
                    // SAFETY: runs only where these instructions are.
                    unsafe { $body::<__m512>($($arg),*) }
                }
                #[target_feature(enable = "avx2,fma")]
                fn with_avx2($($arg: $ty),*) {
                    // SAFETY: runs only where these instructions are.
                    unsafe { $body::<__m256>($($arg),*) }
                }
                match $crate::kernels::lanes::level() {
                    // SAFETY: `level` has seen that this processor has these instructions.
                    $crate::kernels::lanes::Level::Avx512 => return unsafe { with_avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::kernels::lanes::Level::Avx2 => return unsafe { with_avx2($($arg),*) },
                    $crate::kernels::lanes::Level::Plain => {}
                }
            }
            // SAFETY: plain arithmetic, which every processor has.
            unsafe { $body::<[f32; 4]>($($arg),*) }
        }
    };
}
pub(super) use by_width;

/// Columns and rows of a tile on this processor.
pub(super) fn tile_size() -> [usize; 2] {
    const fn of<R: Register>() -> [usize; 2] {
        [width::<R>(), R::ROWS]
    }
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{__m256, __m512};
        match super::lanes::level() {
            super::lanes::Level::Avx512 => return of::<__m512>(),
            super::lanes::Level::Avx2 => return of::<__m256>(),
            super::lanes::Level::Plain => {}
        }
    }
    of::<[f32; 4]>()
}

/// Where the rows of a tile are.
#[derive(Clone, Copy)]
pub(super) enum Rows {
    /// Row after row, so many values apart.
    Apart(usize),
    /// Value after value, [`Register::ROWS`] rows side by side.
    Together,
}

/// A block of zeros whose first value begins a cache line.
pub(super) struct Aligned {
    values: Vec<f32>,
    first: usize,
    len: usize,
}

impl Aligned {
    pub(super) fn new(len: usize) -> Self {
        let values = vec![0.0; len + 16];
        let first = values.as_ptr().align_offset(64).min(16);
        Self { values, first, len }
    }
}

impl std::ops::Deref for Aligned {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.values[self.first..self.first + self.len]
    }
}

impl std::ops::DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.first..self.first + self.len]
    }
}

/// The sums of `J` rows against `V` registers of a panel, over `k` values.
///
/// # Safety
/// The processor has `R`. `panel` is good for `k·width::<R>()` values, and each of the rows for `k`.
#[inline(always)]
pub(super) unsafe fn sums<R: Register, const V: usize, const J: usize>(
    k: usize,
    panel: *const f32,
    row: *const f32,
    rows: Rows,
) -> [[R; V]; J] {
    // SAFETY: as the caller has promised.
    unsafe {
        let mut sums = [[R::splat(0.0); V]; J];
        let mut panel = panel;
        match rows {
            Rows::Apart(step) => {
                let from: [*const f32; J] = std::array::from_fn(|j| row.wrapping_add(j * step));
                for i in 0..k {
                    let side: [R; V] = std::array::from_fn(|v| R::load(panel.add(v * R::LANES)));
                    for (sums, from) in sums.iter_mut().zip(from) {
                        let factor = R::splat_at(from.add(i));
                        for (sum, side) in sums.iter_mut().zip(side) {
                            *sum = factor.mul_add(side, *sum);
                        }
                    }
                    panel = panel.add(width::<R>());
                }
            }
            Rows::Together => {
                let mut row = row;
                for _ in 0..k {
                    let side: [R; V] = std::array::from_fn(|v| R::load(panel.add(v * R::LANES)));
                    for (j, sums) in sums.iter_mut().enumerate() {
                        let factor = R::splat_at(row.add(j));
                        for (sum, side) in sums.iter_mut().zip(side) {
                            *sum = factor.mul_add(side, *sum);
                        }
                    }
                    panel = panel.wrapping_add(width::<R>());
                    row = row.wrapping_add(R::ROWS);
                }
            }
        }
        sums
    }
}

/// Lays out up to a panel's width of rows, each `k` long and `step` apart, as one panel; missing ones become zeros.
///
/// # Safety
/// The processor has `R`. `from` is good for the rows, `panel` for `k·width::<R>()` values.
#[inline(always)]
pub(super) unsafe fn pack<R: Register>(
    from: *const f32,
    rows: usize,
    step: usize,
    k: usize,
    panel: *mut f32,
) {
    let width = width::<R>();
    // SAFETY: as the caller has promised; rows and values stay below the counts.
    unsafe {
        let mut row = 0;
        while row + 4 <= rows {
            let mut i = 0;
            while i + 4 <= k {
                let at: [*const f32; 4] = std::array::from_fn(|r| from.add((row + r) * step + i));
                turn_four(at, |r| panel.add((i + r) * width + row));
                i += 4;
            }
            while i < k {
                for r in row..row + 4 {
                    *panel.add(i * width + r) = *from.add(r * step + i);
                }
                i += 1;
            }
            row += 4;
        }
        for r in row..width {
            for i in 0..k {
                *panel.add(i * width + r) = if r < rows { *from.add(r * step + i) } else { 0.0 };
            }
        }
    }
}

/// Lays out `columns` columns, at most a panel's width, of `k` rows that are `step` apart, as one panel; missing ones become
/// zeros.
///
/// # Safety
/// The processor has `R`. `from` is good for the rows, `panel` for `k·width::<R>()` values.
#[inline(always)]
pub(super) unsafe fn pack_across<R: Register>(
    from: *const f32,
    columns: usize,
    step: usize,
    k: usize,
    panel: *mut f32,
) {
    let width = width::<R>();
    // SAFETY: as the caller has promised; columns and rows stay below the counts.
    unsafe {
        for i in 0..k {
            let (row, to) = (from.add(i * step), panel.add(i * width));
            if columns == width {
                for v in 0..SIDE {
                    R::load(row.add(v * R::LANES)).store(to.add(v * R::LANES));
                }
                continue;
            }
            for c in 0..width {
                *to.add(c) = if c < columns { *row.add(c) } else { 0.0 };
            }
        }
    }
}

/// Rows and columns of four times four values changed about.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn turn([a, b, c, d]: [std::arch::x86_64::__m128; 4]) -> [std::arch::x86_64::__m128; 4] {
    use std::arch::x86_64::*;
    // SAFETY: SSE belongs to the architecture.
    unsafe {
        let (ab, cd) = (_mm_unpacklo_ps(a, b), _mm_unpacklo_ps(c, d));
        let (ab2, cd2) = (_mm_unpackhi_ps(a, b), _mm_unpackhi_ps(c, d));
        [
            _mm_movelh_ps(ab, cd),
            _mm_movehl_ps(cd, ab),
            _mm_movelh_ps(ab2, cd2),
            _mm_movehl_ps(cd2, ab2),
        ]
    }
}

/// Writes the columns of four times four values as rows.
///
/// # Safety
/// All pointers are good for four values.
#[inline(always)]
pub(super) unsafe fn turn_four(from: [*const f32; 4], to: impl Fn(usize) -> *mut f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE belongs to the architecture; pointers as the caller has promised.
    unsafe {
        use std::arch::x86_64::*;
        for (i, row) in turn(from.map(|p| _mm_loadu_ps(p))).into_iter().enumerate() {
            _mm_storeu_ps(to(i), row);
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: as the caller has promised.
    unsafe {
        for r in 0..4 {
            for (c, from) in from.iter().enumerate() {
                *to(r).add(c) = *from.add(r);
            }
        }
    }
}

/// Says that `rows` rows of `columns` values will be wanted when the sums are done, so that they are near by then.
#[inline(always)]
pub(super) fn will_need(at: *const f32, rows: usize, pitch: usize, columns: usize) {
    #[cfg(target_arch = "x86_64")]
    for row in 0..rows {
        use std::arch::x86_64::*;
        let first = at.wrapping_add(row * pitch);
        // SAFETY: a hint, which reads nothing, wherever it points.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(first.cast());
            _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(columns - 1).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (at, rows, pitch, columns);
}

/// What a tile's sums are added to.
#[derive(Clone, Copy)]
pub(super) enum Begin<'a> {
    /// Nothing.
    Zero,
    /// One value a column of the tile.
    Bias(&'a [f32]),
    /// What the result holds already.
    Result,
}

/// Writes a tile, the first `columns` of each of its `J` rows: `out[j·pitch + c]`.
///
/// # Safety
/// The processor has `R`. `out` is good for `J` rows of `columns` values `pitch` apart.
#[inline(always)]
pub(super) unsafe fn write<R: Register, const V: usize, const J: usize>(
    sums: [[R; V]; J],
    begin: Begin<'_>,
    out: *mut f32,
    pitch: usize,
    columns: usize,
) {
    if columns == V * R::LANES {
        let bias: Option<[R; V]> = match begin {
            // SAFETY: `columns` values, as the length is asserted to be.
            Begin::Bias(bias) => unsafe {
                assert!(bias.len() >= columns);
                Some(std::array::from_fn(|v| R::load(bias.as_ptr().add(v * R::LANES))))
            },
            _ => None,
        };
        // SAFETY: as the caller has promised.
        unsafe {
            for (j, sums) in sums.iter().enumerate() {
                for (v, sum) in sums.iter().enumerate() {
                    let at = out.add(j * pitch + v * R::LANES);
                    let sum = match (begin, bias) {
                        (Begin::Result, _) => R::load(at).add(*sum),
                        (_, Some(bias)) => bias[v].add(*sum),
                        _ => *sum,
                    };
                    sum.store(at);
                }
            }
        }
        return;
    }
    for (j, sums) in sums.iter().enumerate() {
        let mut line = [0.0f32; WIDEST];
        for (v, sum) in sums.iter().enumerate() {
            // SAFETY: a line is as wide as the widest tile.
            unsafe { sum.store(line.as_mut_ptr().add(v * R::LANES)) };
        }
        for (c, value) in line.iter().take(columns).enumerate() {
            // SAFETY: as the caller has promised.
            unsafe {
                let at = out.add(j * pitch + c);
                *at = match begin {
                    Begin::Zero => *value,
                    Begin::Bias(bias) => bias[c] + value,
                    Begin::Result => *at + value,
                };
            }
        }
    }
}

/// A result, for tasks that write different parts of it.
pub(super) struct Result(*mut f32);

// SAFETY: each task writes its own part alone, and the slice outlives them all.
unsafe impl Sync for Result {}

impl Result {
    pub(super) fn new(out: &mut [f32]) -> Self {
        Self(out.as_mut_ptr())
    }

    /// Where value `place` is.
    pub(super) fn at(&self, place: usize) -> *mut f32 {
        self.0.wrapping_add(place)
    }
}

/// One tile of a result: rows against a panel.
pub(super) struct Tile<'a> {
    /// Values of a row, and of each of the panel's columns.
    pub(super) k: usize,
    pub(super) panel: *const f32,
    pub(super) rows: *const f32,
    /// From row to row.
    pub(super) step: usize,
    pub(super) begin: Begin<'a>,
    pub(super) out: *mut f32,
    /// From row to row of the result.
    pub(super) pitch: usize,
    /// Columns that are written.
    pub(super) columns: usize,
}

impl Tile<'_> {
    /// Computes and writes as many rows as fit of those that are left, and says how many.
    ///
    /// # Safety
    /// As of [`sums`] and [`write`].
    #[inline(always)]
    pub(super) unsafe fn run<R: Register>(&self, left: usize) -> usize {
        // SAFETY: as the caller has promised.
        unsafe {
            match self.columns <= R::LANES {
                true => self.by::<R, 1>(left),
                false => self.by::<R, SIDE>(left),
            }
        }
    }

    #[inline(always)]
    unsafe fn by<R: Register, const V: usize>(&self, left: usize) -> usize {
        // SAFETY: as the caller has promised.
        unsafe {
            match left.min(R::ROWS) {
                12 => self.of::<R, V, 12>(),
                6.. => self.of::<R, V, 6>(),
                4.. => self.of::<R, V, 4>(),
                2.. => self.of::<R, V, 2>(),
                _ => self.of::<R, V, 1>(),
            }
        }
    }

    #[inline(always)]
    unsafe fn of<R: Register, const V: usize, const J: usize>(&self) -> usize {
        // SAFETY: as the caller has promised.
        unsafe {
            will_need(self.out, J, self.pitch, self.columns);
            let sums = sums::<R, V, J>(self.k, self.panel, self.rows, Rows::Apart(self.step));
            write(sums, self.begin, self.out, self.pitch, self.columns);
        }
        J
    }
}
