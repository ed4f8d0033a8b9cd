//! What a generator of pictures computes with.
//!
//! - [`kernels`]: attention, convolution, norms and the like on plain slices, for the CPU. They know nothing of tensors.
//!
//! ```
//! use heirloom_tensors::kernels;
//!
//! let (x, weight) = ([1.0, 2.0], [3.0, 4.0, 5.0, 6.0]);
//! let mut y = [0.0; 2];
//! kernels::linear(&x, &weight, None, 2, 2, &mut y);
//! assert_eq!(y, [11.0, 17.0]);
//! ```

pub mod kernels;
