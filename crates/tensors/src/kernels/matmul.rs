//! Products of matrices: a safe face over the `gemm` crate.
#![allow(unsafe_code)] // `gemm` takes pointers and strides; `Matrix::new` and `product` check them

use gemm::{Parallelism, gemm};

/// A matrix read from a slice: row `r`, column `c` is at `r·row_step + c·column_step`.
///
/// Rows may overlap, which is how a convolution reads its windows without copying them.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_step: usize,
    column_step: usize,
}

impl<'a> Matrix<'a> {
    /// A matrix over `data`.
    ///
    /// # Panics
    /// When the last element would lie outside the slice.
    pub fn new(data: &'a [f32], rows: usize, columns: usize, row_step: usize, column_step: usize) -> Self {
        if rows > 0 && columns > 0 {
            let last = (rows - 1) * row_step + (columns - 1) * column_step;
            assert!(
                last < data.len(),
                "a {rows}x{columns} matrix ends at {last}, its slice at {}",
                data.len()
            );
        }
        Self {
            data,
            rows,
            columns,
            row_step,
            column_step,
        }
    }

    /// The same matrix with rows and columns changed about.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
            ..self
        }
    }
}

/// How many threads a product may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The caller is one of many tasks already.
    One,
    /// All of rayon's.
    All,
}

/// `out = a·b`, or `out += a·b` with `accumulate`; `out` is row-major and its rows start `pitch` apart.
pub(crate) fn product(
    a: Matrix<'_>,
    b: Matrix<'_>,
    out: &mut [f32],
    pitch: usize,
    accumulate: bool,
    threads: Threads,
) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!(
        k, b.rows,
        "a product needs as many columns on the left as rows on the right"
    );
    if m == 0 || n == 0 {
        return;
    }
    assert!(pitch >= n, "rows of the result would overlap");
    assert!(
        (m - 1) * pitch + n <= out.len(),
        "the result does not fit its slice"
    );
    let threads = match threads {
        Threads::One => Parallelism::None,
        Threads::All => Parallelism::Rayon(0),
    };
    // A slice is at most isize::MAX bytes, so a step within it fits.
    let step = |s: usize| s as isize;
    // SAFETY: `Matrix::new` has checked that all of `a` and `b` lie in their slices, and the assertions above that all
    // of `out` lies in its own, which is borrowed for writing alone; its rows do not overlap.
    unsafe {
        gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            step(pitch),
            accumulate,
            a.data.as_ptr(),
            step(a.column_step),
            step(a.row_step),
            b.data.as_ptr(),
            step(b.column_step),
            step(b.row_step),
            1.0,
            1.0,
            false,
            false,
            false,
            threads,
        );
    }
}
