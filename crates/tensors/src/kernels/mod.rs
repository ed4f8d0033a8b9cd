//! CPU kernels on plain `f32` slices.
//!
//! They know nothing of tensors or models: shapes are arguments, results are written into slices of the caller's.
//! Matrices are row-major, a token or a pixel is a row, and pixels of a clip lie in the order (frame, row, column,
//! channel). Every kernel runs on rayon's threads.
//!
//! A slice whose length is not what the shape says is a fault of the calling code, and panics.

mod attention;
mod attention_backward;
mod backward;
mod conv;
mod lanes;
mod linear;
pub(crate) mod matmul;
mod norm;
mod pointwise;
mod registers;
mod rotary;
mod tiles;

pub use attention::{Attention, attention, attention_keeping_sums};
pub use attention_backward::{AttentionGradients, attention_backward};
pub use backward::{
    NormGradients, activate_backward, add_column_sums, gate_backward, multiply_columns, norm_backward,
};
pub use conv::{Conv, conv, pack_conv_weight, pack_conv_weight_from};
pub use lanes::exp;
pub use linear::linear;
pub use matmul::Matrix;
pub use norm::{Affine, Norm, norm_rows};
pub use pointwise::{
    Activation, activate, activate_times, add_gated, read_f32, widen_bf16, widen_f16, zeros,
};
pub use rotary::{RotaryTable, rotate};
