//! Training: gradients of the diffusion transformer for any of its weights or for LoRAs beside them, and the optimiser.
//!
//! # By hand, and why
//! Gradients are not burn's: its autodiff keeps what every operation saw, its checkpointing hardly lowers that (896 to
//! 883 MB in a trial), and its attention falls back to whole matrices of scores. Here a short record ([`Dit`] keeps one
//! for each block) notes the dozen operations that a block is made of, each a kernel of [`crate::kernels`] with its own
//! backward, and
//! - what nobody will ask for is let go at once, and what is cheap to make again (norms, rotations, activations) is made
//!   again when the gradient comes by;
//! - a weight that is not trained costs no gradient, and where nothing before it is trained, none is carried further;
//! - weights stay in the form they are stored in (bfloat16 as a rule); one layer at a time is widened to `f32`, both ways;
//! - with checkpointing only what goes into each block is kept, and the block is run again for its gradient (Chen and
//!   others, "Training Deep Nets with Sublinear Memory Cost", 2016, section 4).
//!
//! # What always holds
//! - The same numbers on the same threads: no sum depends on which thread was faster. With checkpointing and without,
//!   gradients are the same to the bit.
//! - A trained tensor goes by its name in the diffusers layout; the halves of a LoRA by their layer's name and
//!   `.lora_A.weight` (rank × inputs) and `.lora_B.weight` (outputs × rank), as PEFT has them.
//!
//! # Form
//! Plain slices of `f32` on the CPU; there is no GPU path.

mod dit;
mod optimise;
mod parameters;
mod record;
mod segments;

pub use dit::{Control, Dit, Example, Outcome};
pub use optimise::{AdamW, Average, clip, global_norm, side_by_side, threads};
pub use parameters::{Gradients, Lora, Nothing, Parameter, Parameters};
