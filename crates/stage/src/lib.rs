//! The stage: scenes and cameras become guide passes.

pub mod blocking;
pub mod exr;
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

/// Raised whenever passes of the same scene come to differ, so that frames that were kept are rendered anew.
pub const REVISION: u32 = 1;
