//! What a run learns from, made of pictures: sizes by their shape, latents and text states, each worked out once.

mod buckets;
mod cache;
mod prepare;

pub use buckets::{Buckets, Fit};
pub use cache::Cache;
pub use prepare::{Item, Makers, Pictures, PrepareError, Preparing};
