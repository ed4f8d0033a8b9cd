//! The rasteriser: which triangle is seen at each of eight places of every pixel, tile by tile.
//!
//! Vertices are snapped to 1/256 of a pixel and all decisions about edges are whole-number ones with the top-left rule,
//! so meshes have no holes and a place on a shared edge belongs to one triangle. The picture is cut into tiles; triangles
//! are put into the tiles' bins in the order of their numbers, and a tile's samples live in the worker's own memory until
//! they are resolved. So the bytes do not depend on the number of threads, and a picture of any size needs little
//! memory. The order of ideas is that of Abrash, "Rasterization on Larrabee" (2009), and of Laine and Karras,
//! "High-performance software rasterization on GPUs" (2011).

pub(crate) mod bins;
pub(crate) mod clip;
pub(crate) mod lanes;
pub(crate) mod project;
pub(crate) mod simd;
pub(crate) mod tile;

/// Steps a pixel is snapped to.
pub(crate) const STEPS: i32 = 256;

/// Columns of a tile, in cells.
pub(crate) const TILE_WIDTH: i32 = 64;
/// Rows of a tile, in cells.
pub(crate) const TILE_HEIGHT: i32 = 16;

/// Where the eight samples of a cell lie, and how wide a cell is.
///
/// For pictures a cell is a pixel and the samples are spread in it; for shadow maps a cell is eight texels of a row.
/// The same kernel serves both.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// Offsets to the right of the cell's corner, in steps.
    pub x: [i32; 8],
    /// Offsets below it.
    pub y: [i32; 8],
    /// Width of a cell in steps.
    pub width: i32,
}

/// Sample 0 is the pixel's centre; the others stand on a ring about it, turned so that no two share a row or a
/// column, of the radius at which the eight have a whole pixel's mean square.
pub(crate) const PICTURE: Pattern = Pattern {
    x: [128, 238, 182, 84, 20, 37, 122, 212],
    y: [128, 147, 226, 231, 158, 63, 16, 54],
    width: STEPS,
};

/// Eight texels side by side, each sampled at its centre.
pub(crate) const TEXELS: Pattern = Pattern {
    x: [128, 384, 640, 896, 1152, 1408, 1664, 1920],
    y: [128; 8],
    width: 8 * STEPS,
};
