//! The stage: scenes and cameras become guide passes.

pub mod adherence;
pub mod light;
pub mod passes;
pub mod pose;
pub mod posed;
pub mod preview;
mod raster;
mod render;
pub mod scene;
mod shade;
pub mod track;
mod vector;

pub use raster::simd::{Simd, choose as choose_simd};
pub use shade::sky::{basis as sky_basis, irradiance as sky_irradiance};
