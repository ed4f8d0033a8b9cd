//! The stage: scenes and cameras become guide passes.

pub mod adherence;
pub mod pose;
pub mod scene;
pub mod track;
