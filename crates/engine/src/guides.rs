//! Guides: passes rendered from the stage, or estimated from a clip, that tell an engine what stands where.
//!
//! Right-handed, y up, the camera looks down −z; pixel centres at +0.5; motion in pixels, x right, y down,
//! from this frame's pixel centre to where the point goes.

use std::collections::BTreeMap;

use heirloom_film::{Rate, Size};
use heirloom_picture::Image;

use crate::job::Failure;

/// How a pass came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Rendered from the stage.
    Exact,
    /// Guessed from a clip.
    Estimated,
}

/// One pass of one frame, row by row from the top left.
#[derive(Debug, Clone, PartialEq)]
pub struct Pass<T> {
    /// One value a pixel.
    pub values: Vec<T>,
    /// How it came about.
    pub certainty: Certainty,
}

/// The passes of one frame; every one is optional.
#[derive(Debug, Clone, Default)]
pub struct GuideFrame {
    /// Lit colour, linear ACEScg.
    pub color: Option<(Image, Certainty)>,
    /// Planar depth along the view axis in metres; infinite where nothing is.
    pub depth_m: Option<Pass<f32>>,
    /// Unit normals in world space.
    pub world_normal: Option<Pass<[f32; 3]>>,
    /// Unit normals in camera space.
    pub camera_normal: Option<Pass<[f32; 3]>>,
    /// Object ids; 0 is nothing. Names in [`GuideSet::names`].
    pub object_id: Option<Pass<u32>>,
    /// World positions in metres.
    pub position_m: Option<Pass<[f32; 3]>>,
    /// Motion to the next frame in pixels.
    pub motion_next_px: Option<Pass<[f32; 2]>>,
    /// Motion to the previous frame in pixels.
    pub motion_previous_px: Option<Pass<[f32; 2]>>,
    /// 1 where the point is hidden in the next frame or out of its picture, else 0.
    pub occlusion: Option<Pass<f32>>,
    /// 1 where the point is hidden in the previous frame or out of its picture, else 0.
    pub occlusion_previous: Option<Pass<f32>>,
    /// The light that falls on this frame's set, where it differs from [`GuideSet::light`].
    pub light: Option<GuideLight>,
}

/// The light of a place: all that an engine without a renderer can be told of it. World space, linear ACEScg.
#[derive(Debug, Clone, PartialEq)]
pub struct GuideLight {
    /// Radiance from all sides as real spherical harmonics of order 2: coefficients of the orthonormal basis in
    /// the order 1; y, z, x; xy, yz, 3z²−1, xz, x²−y² (Ramamoorthi and Hanrahan 2001, equation 3), of the world
    /// direction towards the light.
    pub radiance_sh: [[f32; 3]; 9],
    /// Unit vector towards the dominant light, in world space.
    pub direction: [f32; 3],
    /// Colour of the dominant light, linear ACEScg, brightest channel 1.
    pub color: [f32; 3],
    /// How soft its shadows are: 0 for a point, 1 for light from all round.
    pub softness: f32,
    /// Irradiance of a surface that faces the dominant light over that of one in its shade; 1 where there is no
    /// dominant light.
    pub key_to_fill: f32,
    /// How it came about.
    pub certainty: Certainty,
}

/// Guides for a whole request.
#[derive(Debug, Clone)]
pub struct GuideSet {
    /// Frame size in pixels.
    pub size: Size,
    /// Frames a second at which the passes were sampled.
    pub rate: Rate,
    /// Objects' names by id.
    pub names: BTreeMap<u32, String>,
    /// The light of the whole shot; a frame's own ([`GuideFrame::light`]) goes before it.
    pub light: Option<GuideLight>,
    /// One entry a frame.
    pub frames: Vec<GuideFrame>,
}

/// Guides that are made when they are asked for: a shot's passes need not lie in memory, or on a disk, all at once.
pub trait Guides: Send + Sync {
    /// Length in frames.
    fn frames(&self) -> u32;
    /// Objects' names by id.
    fn names(&self) -> &BTreeMap<u32, String>;
    /// The passes of frame `n`, from 0, at `size`: the whole picture, whatever its size.
    ///
    /// # Errors
    /// `n` is past the end, or the passes can not be made; the failure says the mend.
    fn frame(&self, n: u32, size: Size) -> Result<GuideFrame, Failure>;
}

impl Guides for GuideSet {
    fn frames(&self) -> u32 {
        u32::try_from(self.frames.len()).unwrap_or(u32::MAX)
    }

    fn names(&self) -> &BTreeMap<u32, String> {
        &self.names
    }

    fn frame(&self, n: u32, size: Size) -> Result<GuideFrame, Failure> {
        if size != self.size {
            return Err(Failure::lasting(
                "guides",
                format!(
                    "these guides are {}x{} pixels; they can not be had at {}x{}",
                    self.size.width, self.size.height, size.width, size.height
                ),
            ));
        }
        let mut frame = self.frames.get(n as usize).cloned().ok_or_else(|| {
            Failure::lasting(
                "guides",
                format!("the guides have no frame {n}; render them again"),
            )
        })?;
        frame.light = frame.light.or_else(|| self.light.clone());
        Ok(frame)
    }
}

/// A guide set that does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "frame {frame}: the {pass} pass has {found} values where {expected} are needed; render the guides again"
)]
pub struct WrongLength {
    /// The frame.
    pub frame: usize,
    /// The pass.
    pub pass: &'static str,
    /// Values there are.
    pub found: usize,
    /// Values that a frame of this size has.
    pub expected: usize,
}

impl GuideSet {
    /// The light of a frame: its own, or that of the whole shot.
    pub fn light_of(&self, frame: usize) -> Option<&GuideLight> {
        let own = self.frames.get(frame).and_then(|f| f.light.as_ref());
        own.or(self.light.as_ref())
    }

    /// Check that every pass of every frame has one value a pixel.
    ///
    /// # Errors
    /// The first pass that has not.
    pub fn validate(&self) -> Result<(), WrongLength> {
        let expected = self.size.width as usize * self.size.height as usize;
        for (frame, g) in self.frames.iter().enumerate() {
            let lengths = [
                ("colour", g.color.as_ref().map(|c| c.0.pixels().len())),
                ("depth", g.depth_m.as_ref().map(|p| p.values.len())),
                ("world normal", g.world_normal.as_ref().map(|p| p.values.len())),
                ("camera normal", g.camera_normal.as_ref().map(|p| p.values.len())),
                ("object id", g.object_id.as_ref().map(|p| p.values.len())),
                ("position", g.position_m.as_ref().map(|p| p.values.len())),
                (
                    "motion to the next frame",
                    g.motion_next_px.as_ref().map(|p| p.values.len()),
                ),
                (
                    "motion to the previous frame",
                    g.motion_previous_px.as_ref().map(|p| p.values.len()),
                ),
                ("occlusion", g.occlusion.as_ref().map(|p| p.values.len())),
                (
                    "occlusion in the previous frame",
                    g.occlusion_previous.as_ref().map(|p| p.values.len()),
                ),
            ];
            for (pass, found) in lengths {
                if let Some(found) = found
                    && found != expected
                {
                    return Err(WrongLength {
                        frame,
                        pass,
                        found,
                        expected,
                    });
                }
            }
        }
        Ok(())
    }
}
