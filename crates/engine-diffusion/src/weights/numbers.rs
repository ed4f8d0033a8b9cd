//! A tensor's bytes as numbers.

use super::Dtype;
use half::{bf16, f16};

/// A window onto one tensor of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorView<'a> {
    /// The kind of its numbers.
    pub dtype: Dtype,
    /// Length of each axis, the slowest first.
    pub shape: &'a [u64],
    /// The numbers, little-endian, exactly as many as the shape says. Not aligned: headers may be of any length.
    pub bytes: &'a [u8],
}

/// Numbers of a kind that is no weight.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("weights of the kind {dtype} are not read: get the model in BF16, F16 or F32")]
pub struct NumberError {
    /// The kind that stands there.
    pub dtype: Dtype,
}

impl TensorView<'_> {
    /// How many numbers there are.
    pub fn count(&self) -> usize {
        // Width is never nought.
        self.bytes.len() / self.dtype.bytes().max(1) as usize
    }

    /// All numbers as f32, in the order of the file; f16 and bf16 become the very number that they stood for.
    ///
    /// # Errors
    /// [`NumberError`] for kinds other than F32, F16 and BF16.
    pub fn to_f32(&self) -> Result<Vec<f32>, NumberError> {
        let mut out = vec![0.0; self.count()];
        self.read_f32(0, &mut out)?;
        Ok(out)
    }

    /// Fills `out` with the numbers from the `first` on, so that a large tensor can be read in pieces. Numbers past the
    /// tensor's end leave `out` as it was.
    ///
    /// # Errors
    /// [`NumberError`] for kinds other than F32, F16 and BF16.
    pub fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<(), NumberError> {
        let width = self.dtype.bytes() as usize;
        let bytes = self.bytes.get(first.saturating_mul(width)..).unwrap_or_default();
        match self.dtype {
            Dtype::F32 => fill(bytes, out, f32::from_le_bytes),
            Dtype::F16 => fill(bytes, out, |b| f16::from_le_bytes(b).to_f32()),
            Dtype::Bf16 => fill(bytes, out, |b| bf16::from_le_bytes(b).to_f32()),
            dtype => return Err(NumberError { dtype }),
        }
        Ok(())
    }

    /// The first number that is not finite: its place in the order of the file. None where all are, and for kinds that
    /// have no such numbers.
    pub fn first_not_finite(&self) -> Option<usize> {
        // An exponent of all ones, in whatever width, is infinity or no number.
        match self.dtype {
            Dtype::F32 => find(self.bytes, |b| u32::from_le_bytes(b) & 0x7f80_0000 == 0x7f80_0000),
            Dtype::F16 => find(self.bytes, |b| u16::from_le_bytes(b) & 0x7c00 == 0x7c00),
            Dtype::Bf16 => find(self.bytes, |b| u16::from_le_bytes(b) & 0x7f80 == 0x7f80),
            Dtype::F64 => find(self.bytes, |b| {
                u64::from_le_bytes(b) & 0x7ff0_0000_0000_0000 == 0x7ff0_0000_0000_0000
            }),
            _ => None,
        }
    }
}

fn fill<const N: usize>(bytes: &[u8], out: &mut [f32], number: impl Fn([u8; N]) -> f32) {
    for (slot, chunk) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *slot = number(*chunk);
    }
}

fn find<const N: usize>(bytes: &[u8], bad: impl Fn([u8; N]) -> bool) -> Option<usize> {
    bytes.as_chunks::<N>().0.iter().position(|chunk| bad(*chunk))
}
