//! The stage: scenes and cameras become guide passes.

#[cfg(feature = "gpu")]
pub mod gpu;
pub mod passes;
pub mod pose;
pub mod posed;
pub mod scene;
pub mod track;
