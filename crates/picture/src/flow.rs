//! Dense optical flow: for each pixel of one picture, how far it moved in another.
//!
//! A [`Flow`] holds for every pixel the motion in pixels, x to the right and y down, from this frame's
//! pixel centre to where the point goes. [`flow`] finds it between two pictures, [`flow_checked`] both ways
//! and with a flag for every pixel that came back to where it began, [`warp`] fetches the second picture
//! back onto the first, and [`flo`] reads and writes the files that artists exchange.
//!
//! ```
//! use heirloom_picture::flow::{self, FlowOptions};
//! use heirloom_picture::{AcesCg, Image};
//!
//! // A soft blob, and the same two pixels further right.
//! let blob = |centre: f32| {
//!     let pixels = (0..64 * 48).map(|i| {
//!         let (x, y) = ((i % 64) as f32 - centre, (i / 64) as f32 - 24.0);
//!         let light = 1.0 / (1.0 + (x * x + y * y) / 100.0);
//!         [light, light, light, 1.0]
//!     });
//!     Image::<AcesCg>::from_pixels(64, 48, pixels.collect()).unwrap()
//! };
//! let (a, b) = (blob(30.0), blob(32.0));
//! let motion = flow::flow(&a, &b, &FlowOptions::default())?;
//! let [right, down] = motion.at(30, 24);
//! assert!((right - 2.0).abs() < 0.2 && down.abs() < 0.2);
//! # Ok::<(), heirloom_picture::flow::FlowError>(())
//! ```
//!
//! # How
//! Dense inverse search over a pyramid with variational refinement at each size: Kroeger, Timofte, Dai, Van
//! Gool, "Fast Optical Flow using Dense Inverse Search" (ECCV 2016), and Brox, Bruhn, Papenberg, Weickert,
//! "High Accuracy Optical Flow Estimation Based on a Theory for Warping" (ECCV 2004). The modules `search`
//! and `refine` say what is theirs and what is ours.
//!
//! # What it is good at, and what not
//! Good: textured surfaces, to a few hundredths of a pixel; turning and nearing; leaps of up to about 15 % of
//! the width where the whole picture, or something large in it, leaps; a change of light over all or part of
//! the picture.
//!
//! Bad:
//! - Edges between what moves apart are ragged, by a few pixels and more beside what is hidden: a patch is 8
//!   pixels wide.
//! - Where there is nothing to see (a plain wall, a cloudless sky, smooth clay) the motion is that of the nearest
//!   thing that can be seen. Both ways may agree on it, so [`CheckedFlow::valid`] does not always tell.
//! - What is hidden in the second picture goes with its surroundings; there `valid` mostly does tell.
//! - Shadows and highlights are followed as if they were painted on.
//! - A thing smaller than its leap, and about 8 pixels at the size where the leap is a pixel or two, is missed.
//! - Fine repeating patterns may match one period off.
//! - Points that leave the picture take the motion of those that stay.
//!
//! `examples/flow_accuracy.rs` measures this on pairs whose motion is known, and `peers/opencv-dis` the same of
//! OpenCV's DIS.
//!
//! # What always holds
//! The same bytes on every processor and for any number of threads: plain arithmetic and square roots, a
//! fixed order within each pixel, patches and equations that read only what the round before left. Any two
//! pictures of one size give finite motions.

pub mod between;
mod check;
pub mod flo;
mod plane;
mod pyramid;
mod refine;
mod search;
mod warp;

pub use check::{CheckedFlow, consistent, disagreement_px};
pub use plane::Plane;
pub use warp::warp;

use crate::image::{Image, Space};
use pyramid::{Field, Level};

/// The longest side of a picture that motion is found for, in pixels.
pub const MAX_SIDE_PX: u32 = 32_768;

/// Why motion could not be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// The two pictures have not one size.
    #[error(
        "motion is between pictures of one size, but these are {}x{} and {}x{}; scale one to the other first",
        from[0], from[1], to[0], to[1]
    )]
    Sizes {
        /// Width and height of the first.
        from: [u32; 2],
        /// Width and height of the second.
        to: [u32; 2],
    },
    /// No pixels, or too many of them in a row or column.
    #[error(
        "a picture of {width}x{height} has no motion to find; give one with sides of 1 to {MAX_SIDE_PX} pixels"
    )]
    Side {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// Values that do not fill the stated size.
    #[error("{found} values do not fill {width}x{height} pixels; give as many as there are pixels")]
    Count {
        /// How many were given.
        found: usize,
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
}

/// How carefully motion is looked for. Values outside what is stated are brought to the nearest bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowOptions {
    /// How often the size at which work ends is halved from the picture's own: 0 (best) to 8. The field
    /// is then scaled up.
    pub finest_halving: u32,
    /// Pixels from one patch to the next, 1 to 8; closer is better and slower, as the square.
    pub patch_spacing_px: u32,
    /// Times the second picture is warped anew at the picture's own size, 0 (no refinement) to 20; twice as
    /// often at smaller ones.
    pub warps: u32,
    /// Sweeps of over-relaxation after each warp at the picture's own size, 1 to 200; two and a half times
    /// as many at smaller ones.
    pub sweeps: u32,
    /// How smooth motion is held, against how exactly it explains the pictures; 0.01 to 100.
    pub smoothness: f32,
}

impl Default for FlowOptions {
    fn default() -> Self {
        Self {
            finest_halving: 0,
            patch_spacing_px: 4,
            warps: 2,
            sweeps: 10,
            smoothness: 1.0,
        }
    }
}

impl FlowOptions {
    /// About three times as fast as the default: ends at half the size, where fine edges of motion are lost.
    pub fn quick() -> Self {
        Self {
            finest_halving: 1,
            ..Self::default()
        }
    }
}

/// The motion of every pixel, rows from the top left: pixels to the right and down, from this frame's pixel
/// centre to where the point goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    width: u32,
    height: u32,
    motion: Vec<[f32; 2]>,
}

impl Flow {
    /// A field made of motions row by row from the top left; `None` where their number is not `width` x
    /// `height`.
    pub fn from_motion(width: u32, height: u32, motion: Vec<[f32; 2]>) -> Option<Self> {
        let whole = (width as usize).checked_mul(height as usize)? == motion.len();
        whole.then_some(Self {
            width,
            height,
            motion,
        })
    }

    /// Pixels in a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All motions, row by row from the top left.
    pub fn motion(&self) -> &[[f32; 2]] {
        &self.motion
    }

    /// The motion of the pixel in column `x` of row `y`, counted from zero. As with a slice, a place outside
    /// the field is a mistake of the caller and stops the program.
    pub fn at(&self, x: u32, y: u32) -> [f32; 2] {
        assert!(x < self.width, "column {x} of a field {} pixels wide", self.width);
        self.motion[y as usize * self.width as usize + x as usize]
    }
}

/// The motion from one picture to another of the same size, looked for in their encoded luminance
/// ([`Plane::of_image`]).
///
/// # Errors
/// Where the sizes differ, or a side is 0 or above [`MAX_SIDE_PX`].
pub fn flow<S: Space>(from: &Image<S>, to: &Image<S>, options: &FlowOptions) -> Result<Flow, FlowError> {
    check_sizes([from.width(), from.height()], [to.width(), to.height()])?;
    flow_of_planes(&Plane::of_image(from), &Plane::of_image(to), options)
}

/// The motion from one grey plane to another of the same size.
///
/// # Errors
/// As [`flow`].
pub fn flow_of_planes(from: &Plane, to: &Plane, options: &FlowOptions) -> Result<Flow, FlowError> {
    let work = Work::new(from, to, options)?;
    Ok(work.motion(&work.first, &work.second))
}

/// The motion between two pictures both ways, and where the two agree.
///
/// # Errors
/// As [`flow`].
pub fn flow_checked<S: Space>(
    from: &Image<S>,
    to: &Image<S>,
    options: &FlowOptions,
) -> Result<CheckedFlow, FlowError> {
    check_sizes([from.width(), from.height()], [to.width(), to.height()])?;
    flow_of_planes_checked(&Plane::of_image(from), &Plane::of_image(to), options)
}

/// The motion between two grey planes both ways, and where the two agree.
///
/// # Errors
/// As [`flow`].
pub fn flow_of_planes_checked(
    from: &Plane,
    to: &Plane,
    options: &FlowOptions,
) -> Result<CheckedFlow, FlowError> {
    let work = Work::new(from, to, options)?;
    let (forward, backward) = rayon::join(
        || work.motion(&work.first, &work.second),
        || work.motion(&work.second, &work.first),
    );
    let valid = consistent(&forward, &backward)?;
    Ok(CheckedFlow {
        forward,
        backward,
        valid,
    })
}

fn check_sizes(from: [u32; 2], to: [u32; 2]) -> Result<(), FlowError> {
    if from != to {
        return Err(FlowError::Sizes { from, to });
    }
    let [width, height] = from;
    if !(1..=MAX_SIDE_PX).contains(&width) || !(1..=MAX_SIDE_PX).contains(&height) {
        return Err(FlowError::Side { width, height });
    }
    Ok(())
}

/// The smaller side of the coarsest size: there are still patches with something in them.
const LEAST_SIDE: usize = 12;
/// What a patch can reach at the coarsest size, as a part of the width.
const REACH: f32 = 0.15;
/// The share of each neighbour in the blur that takes 8-bit rounding away.
const SOFTEN: f32 = 0.1;

/// Two pictures at all sizes.
struct Work {
    first: Vec<Level>,
    second: Vec<Level>,
    options: FlowOptions,
}

impl Work {
    fn new(from: &Plane, to: &Plane, options: &FlowOptions) -> Result<Self, FlowError> {
        check_sizes([from.width(), from.height()], [to.width(), to.height()])?;
        let sizes = pyramid::sizes(from.width() as usize, from.height() as usize, LEAST_SIDE);
        let (first, second) = rayon::join(
            || pyramid::build(from, &sizes, SOFTEN),
            || pyramid::build(to, &sizes, SOFTEN),
        );
        Ok(Self {
            first,
            second,
            options: *options,
        })
    }

    fn motion(&self, from: &[Level], to: &[Level]) -> Flow {
        let options = &self.options;
        let coarsest = from.len() - 1;
        let finest = (options.finest_halving.min(8) as usize).min(coarsest);
        let (width, height) = (from[0].grey.width, from[0].grey.height);
        let size = |level: usize| (from[level].grey.width, from[level].grey.height);
        let mut field = Field::still(size(coarsest).0, size(coarsest).1);
        for level in (finest..=coarsest).rev() {
            let (w, h) = size(level);
            if level < coarsest {
                field = field.at_size(w, h, 2.0);
            }
            let (plan, weights) = self.plan(level, coarsest, w);
            let patches = search::search(&from[level], &to[level], &field, plan);
            field = patches.densify(&from[level], &to[level]);
            refine::refine(&from[level], &to[level], &mut field, weights);
        }
        if finest > 0 {
            field = field.at_size(width, height, (1u32 << finest) as f32);
        }
        let motion = field.right.iter().zip(&field.down).map(|(x, y)| [*x, *y]);
        Flow {
            width: width as u32,
            height: height as u32,
            motion: motion.collect(),
        }
    }

    /// What is done at a level of `width` pixels: the smaller ones cost little and what goes wrong there
    /// stays wrong, so more is done there than at the picture's own size.
    fn plan(&self, level: usize, coarsest: usize, width: usize) -> (search::Search, refine::Refinement) {
        let options = &self.options;
        let own_size = level == 0;
        let (warps, sweeps) = (
            options.warps.min(20) as usize,
            options.sweeps.clamp(1, 200) as usize,
        );
        let search = search::Search {
            spacing: options.patch_spacing_px.clamp(1, search::SIDE as u32) as usize,
            steps: if own_size { 4 } else { 8 },
            rounds: if own_size { 2 } else { 4 },
            reach: if level == coarsest {
                (REACH * width as f32) as usize + 1
            } else {
                0
            },
        };
        let smoothness = if options.smoothness.is_nan() {
            1.0
        } else {
            options.smoothness
        };
        let refinement = refine::Refinement {
            warps: if own_size { warps } else { 2 * warps },
            sweeps: if own_size { sweeps } else { sweeps * 5 / 2 },
            brightness: 0.1,
            gradient: 0.5,
            smoothness: 0.6 * smoothness.clamp(0.01, 100.0),
        };
        (search, refinement)
    }
}
