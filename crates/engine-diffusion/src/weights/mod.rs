//! Weights as they lie on a disk: safetensors, in one file or in several with an index, mapped and never copied whole.
//!
//! A [`Weights`] is opened by its headers alone; a [`TensorView`] is a window onto the file. Numbers are read as f32 from
//! f32, f16 and bf16, exactly. Whether numbers are finite is looked at on demand ([`Weights::first_bad_number`]), for
//! that reads every byte. Pickle files (`.pth`, `.pt`, `.bin`, `.ckpt`) are never read: they can run code.

mod fit;
mod header;
mod map;
mod numbers;
mod set;
#[cfg(feature = "run")]
mod write;

pub use fit::{Expected, Misfit};
pub(crate) use header::shortened;
pub use header::{
    Dtype, Entry, Header, HeaderError, LONGEST_NAME, MOST_AXES, MOST_HEADER_BYTES, MOST_TENSORS, read_header,
};
pub use numbers::{NumberError, TensorView};
pub use set::{BadNumber, Weights, WeightsError};
pub(crate) use set::{is_pickle, read_limited};
#[cfg(feature = "run")]
pub(crate) use write::{Written, write_whole};
