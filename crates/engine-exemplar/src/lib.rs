//! Generation from one's own photographs alone, without weights.
pub mod atlas;
pub mod codec;
pub mod engine;
pub mod map;
pub mod measure;
pub mod poisson;
pub mod synth;
pub mod take;
