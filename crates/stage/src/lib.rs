//! The stage: scenes and cameras become guide passes.

pub mod light;
pub mod pose;
pub mod scene;
pub mod track;
