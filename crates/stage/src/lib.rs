//! The stage: scenes and cameras become guide passes.

pub mod pose;
pub mod read;
pub mod scene;
pub mod track;
