//! What every number of a picture's features weighs: learnt from archives, by `examples/learn_drift.rs`.
//!
//! The ratio of a number's variance between archives and within one (Fisher, 1936), held from 0.02 to 10, over its deviation
//! within one: what moves freely inside an archive says little of whether a picture belongs to it (as within-class covariance
//! is normalised to tell speakers apart: Hatch, Kajarekar & Stolcke, 2006; here of single numbers, as few archives say little
//! of how numbers go together). `docs/drift.md` names the archives.

/// Of palette, contrast, texture, grain and sharpness.
pub(super) const ALL: [&[f32]; 5] = [&PALETTE, &CONTRAST, &TEXTURE, &GRAIN, &SHARPNESS];

const PALETTE: [f32; 35] = [
    101.660, 68.358, 22.218, 5.933, 2.392, 2.414, 1.992, 0.632, 0.984, 1.853, 4.134, 19.022, 18.107, 6.291,
    0.632, 1.492, 4.398, 6.802, 15.026, 8.686, 6.588, 0.632, 8.041, 6.148, 11.555, 29.144, 16.258, 17.993,
    10.745, 11.366, 2.565, 0.663, 2.259, 56.580, 55.712,
];
const CONTRAST: [f32; 14] = [
    6.646, 7.018, 9.429, 9.312, 5.337, 2.230, 4.512, 2.331, 11.369, 5.679, 9.963, 3.546, 0.427, 7.942,
];
const TEXTURE: [f32; 46] = [
    5.750, 6.789, 8.311, 8.023, 10.290, 8.720, 6.623, 7.562, 8.502, 7.386, 9.074, 10.068, 4.571, 4.120,
    4.004, 3.555, 4.233, 5.967, 2.346, 1.997, 2.268, 2.088, 2.094, 2.631, 2.324, 2.768, 3.566, 3.185, 2.539,
    2.348, 9.306, 9.628, 8.921, 7.458, 4.200, 4.050, 8.924, 9.301, 2.544, 18.494, 12.430, 26.852, 31.749,
    32.965, 32.340, 29.199,
];
const GRAIN: [f32; 8] = [4.101, 5.392, 7.476, 18.692, 3.379, 4.136, 4.558, 8.131];
const SHARPNESS: [f32; 7] = [4.671, 10.621, 24.941, 27.436, 0.721, 1.341, 10.752];
