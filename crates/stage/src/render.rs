//! Rendering a shot's passes: frames through a sliding window, each a picture of tiles.

pub(crate) mod band;
pub(crate) mod occlusion;
pub(crate) mod resolve;
pub(crate) mod sequence;
pub(crate) mod still;
pub(crate) mod surface;
