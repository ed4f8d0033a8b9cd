//! What a generator of pictures computes with: CPU kernels for burn's `flex` backend, operations that choose between
//! them and burn's own, and on top of those the models of the Wan family.
//!
//! - [`kernels`]: attention, convolution, norms and the like on plain slices. They know nothing of tensors.
//! - [`ops`]: the same on burn's tensors. On the CPU the kernels do the work, given to burn by its own extension way; on
//!   any other device the operation is put together from burn's. Model code is one for both.
//! - [`weights`]: where a model's tensors come from, and how they get to a device.
//! - [`train`]: gradients of the transformer by hand, and the optimiser.
//! - [`wan`]: umT5 text encoder, diffusion transformer, causal video VAE.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use heirloom_tensors::ops;
//!
//! let device = Device::flex();
//! let x = Tensor::<2>::from_floats([[1.0, 2.0]], &device);
//! let weight = Tensor::<2>::from_floats([[3.0, 4.0], [5.0, 6.0], [0.0, 1.0]], &device);
//! let y = ops::linear(x, weight, None);
//! assert_eq!(y.into_data().try_to_vec::<f32>().unwrap(), [11.0, 17.0, 2.0]);
//! ```
//!
//! # Invariants
//! - A model's result does not depend on how a clip was cut into chunks: frames kept from chunk to chunk stand for all
//!   that came before.
//! - Weights are read when they are used and let go after; a model takes no more memory than its widest layer, what it
//!   computes, and what it was told to keep.

pub mod kernels;
pub mod ops;
pub mod train;
pub mod wan;
pub mod weights;
