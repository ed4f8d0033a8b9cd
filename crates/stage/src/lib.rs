//! The stage: scenes and cameras become guide passes.

pub mod passes;
pub mod pose;
pub mod posed;
pub mod scene;
pub mod track;
