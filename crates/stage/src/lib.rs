//! The stage: scenes and cameras become guide passes.

pub mod blocking;
pub mod pose;
pub mod scene;
pub mod track;
pub mod write_glb;
