//! Small models without an autoencoder: their latents are the pixels themselves, in blocks.
//!
//! An autoencoder is trained on millions of pictures, and one that is not trained says nothing. A model that is small enough to
//! be trained from nothing on two cores can do without: [`Blocks`] turns a clip into latents by a fixed transform that loses
//! nothing, [`control`] lays a control clip beside them as VACE has it, and [`sample`] steps noise to a clip with weights as they
//! are while training ([`heirloom_tensors::train::Parameters`]).
//!
//! ```
//! use heirloom_engine_diffusion::generate::Clip;
//! use heirloom_engine_diffusion::pixels::Blocks;
//!
//! let ramp = (0..8 * 4).map(|n| [n as f32 / 31.0, 0.25, 0.5]).collect();
//! let clip = Clip { width: 8, height: 4, pixels: ramp };
//! let blocks = Blocks::measured(4, 0.5, [&clip])?;
//! let (latents, size) = blocks.latents(&clip)?;
//! assert_eq!((latents.len(), size), (blocks.channels() * 2, [1, 1, 2]));
//! let back = blocks.clip(&latents, size)?;
//! assert!(back.pixels.iter().zip(&clip.pixels).all(|(a, b)| (a[0] - b[0]).abs() < 1e-5));
//! # Ok::<(), heirloom_engine_diffusion::pixels::PixelsError>(())
//! ```

mod blocks;
mod control;
mod sample;

pub use blocks::Blocks;
pub use control::{control, control_channels};
pub use sample::{Ask, sample};

use crate::schedule::ScheduleError;
use heirloom_tensors::weights::ModelError;

/// What cannot be done; each says the mend.
#[derive(Debug, thiserror::Error)]
pub enum PixelsError {
    /// A clip that is no whole number of blocks.
    #[error(
        "a clip of {pixels} pixels in frames of {width}x{height} is no whole number of blocks of {side}x{side}; give whole \
         frames whose sides are multiples of {side}"
    )]
    Clip {
        /// All pixels of all frames.
        pixels: usize,
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
        /// Side of a block.
        side: usize,
    },
    /// Blocks that are too small or too large.
    #[error("blocks of {0}x{0} pixels cannot be; give 1 to 16")]
    Side(usize),
    /// Nothing to measure.
    #[error("there is no clip to measure the blocks of; give at least one")]
    NoClips,
    /// Latents of another size.
    #[error(
        "{found} numbers are not the latents of {channels} channels of {size:?}; give those of this transform"
    )]
    Latents {
        /// How many numbers were given.
        found: usize,
        /// Channels of a block.
        channels: usize,
        /// Frames, rows and columns.
        size: [usize; 3],
    },
    /// A mask of another size.
    #[error("a mask of {found} values is not one for {wanted} pixels; give it in the clip's size and length")]
    Mask {
        /// Values given.
        found: usize,
        /// Pixels of the clip.
        wanted: usize,
    },
    /// The steps.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The numbers ran away.
    #[error(
        "at step {step} of {steps} the model gave numbers that are none: train it anew with a lower rate"
    )]
    NotFinite {
        /// The step, from 1.
        step: usize,
        /// How many there are.
        steps: usize,
    },
}
