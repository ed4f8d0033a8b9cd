//! The stage: scenes and cameras become guide passes.

pub mod adherence;
pub mod blocking;
pub mod exr;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod light;
pub mod passes;
pub mod pose;
pub mod posed;
pub mod preview;
mod raster;
pub mod read;
mod render;
pub mod scene;
mod shade;
pub mod summary;
pub mod track;
mod vector;
pub mod write_glb;

pub use raster::simd::{Simd, choose as choose_simd};
pub use shade::sky::{basis as sky_basis, irradiance as sky_irradiance};
