//! A scene at one moment: where every node stands, and what a camera makes of the world.

use glam::{DMat4, DVec2, DVec3};
use heirloom_film::{Rate, Size};

use crate::scene::{Fit, Scene};

/// The scene's time at a frame, in seconds: `start_s + frame / rate`.
pub fn frame_time_s(start_s: f64, frame: f64, rate: Rate) -> f64 {
    start_s + frame * f64::from(rate.den()) / f64::from(rate.num())
}

/// Where every node of a scene stands at one time.
#[derive(Debug, Clone)]
pub struct Pose {
    /// The time in seconds.
    pub time_s: f64,
    /// World from node, for every node.
    pub world: Vec<DMat4>,
    /// Whether each node is seen.
    pub visible: Vec<bool>,
}

impl Pose {
    /// The scene at a time.
    pub fn of(scene: &Scene, time_s: f64) -> Self {
        let mut world: Vec<DMat4> = Vec::with_capacity(scene.nodes.len());
        let mut visible: Vec<bool> = Vec::with_capacity(scene.nodes.len());
        for node in &scene.nodes {
            let own = node.placement.at(time_s);
            let seen = node.visible.at(time_s);
            // Parents stand before their children.
            let above = node.parent.and_then(|p| Some((*world.get(p)?, *visible.get(p)?)));
            let (matrix, shown) = above.map_or((own, seen), |(m, v)| (m * own, v && seen));
            world.push(matrix);
            visible.push(shown);
        }
        Self {
            time_s,
            world,
            visible,
        }
    }
}

/// How a camera's picture lies in its space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Projection {
    /// Pixels a unit of `x / depth`.
    Perspective {
        /// Focal length in pixels; the same both ways, since pixels are square.
        focal_px: f64,
    },
    /// Pixels a metre.
    Orthographic {
        /// Pixels a metre.
        scale_px: f64,
    },
}

/// A camera at one time, for pictures of one size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Camera from world; the camera looks down −z, y up. Scale in the camera's node is taken out.
    pub camera_from_world: DMat4,
    /// World from camera.
    pub world_from_camera: DMat4,
    /// How it projects.
    pub projection: Projection,
    /// Where the axis meets the picture, in pixels from the upper left corner, y down.
    pub center_px: DVec2,
    /// Nearest and farthest depth in metres.
    pub clip_m: [f64; 2],
    /// Focal length in millimetres; 0 for an orthographic camera.
    pub focal_mm: f64,
    /// Size of the picture in pixels.
    pub size: Size,
}

/// Why there is no view.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The node carries no camera.
    #[error("the node `{0}` carries no camera; name one that does")]
    NoCamera(String),
    /// The node's matrix has no inverse, or the lens is not a lens.
    #[error(
        "the camera `{0}` is flattened to nothing or has no lens; give it a scale and a focal length above zero"
    )]
    Degenerate(String),
}

impl View {
    /// What the camera of `node` sees at the pose's time.
    ///
    /// # Errors
    /// Where the node carries no camera, or one that can see nothing.
    pub fn of(scene: &Scene, pose: &Pose, node: usize, size: Size) -> Result<Self, ViewError> {
        let name = || {
            scene
                .nodes
                .get(node)
                .map_or_else(|| node.to_string(), |n| n.name.clone())
        };
        let camera = scene
            .nodes
            .get(node)
            .and_then(|n| n.camera)
            .and_then(|c| scene.cameras.get(c))
            .ok_or_else(|| ViewError::NoCamera(name()))?;
        let world = pose.world.get(node).ok_or_else(|| ViewError::NoCamera(name()))?;
        let bad = || ViewError::Degenerate(name());
        let world_from_camera = rigid(world).ok_or_else(bad)?;
        let (width, height) = (f64::from(size.width), f64::from(size.height));
        let px_per_mm = match camera.fit {
            Fit::Width => width / camera.back_mm[0],
            Fit::Height => height / camera.back_mm[1],
        };
        let focal_mm = camera.focal_mm.as_ref().map(|f| f.at(pose.time_s));
        let projection = match focal_mm {
            Some(focal_mm) => Projection::Perspective {
                focal_px: focal_mm * px_per_mm,
            },
            None => Projection::Orthographic {
                scale_px: px_per_mm * 1000.0,
            },
        };
        let sound = match projection {
            Projection::Perspective { focal_px: s } | Projection::Orthographic { scale_px: s } => {
                s.is_finite() && s > 0.0
            }
        };
        if !sound {
            return Err(bad());
        }
        Ok(Self {
            camera_from_world: world_from_camera.inverse(),
            world_from_camera,
            projection,
            center_px: DVec2::new(
                width / 2.0 - camera.shift_mm[0] * px_per_mm,
                height / 2.0 + camera.shift_mm[1] * px_per_mm,
            ),
            clip_m: camera.clip_m,
            focal_mm: focal_mm.unwrap_or(0.0),
            size,
        })
    }

    /// Where a world point falls: pixels from the upper left corner (y down), and its depth in metres along the
    /// axis. None at or behind a perspective camera's plane.
    pub fn project(&self, world: DVec3) -> Option<(DVec2, f64)> {
        self.project_camera(self.camera_from_world.transform_point3(world))
    }

    /// The same for a point in the camera's space.
    pub fn project_camera(&self, camera: DVec3) -> Option<(DVec2, f64)> {
        let depth = -camera.z;
        let scale = match self.projection {
            Projection::Perspective { focal_px } if depth > 0.0 => focal_px / depth,
            Projection::Perspective { .. } => return None,
            Projection::Orthographic { scale_px } => scale_px,
        };
        let pixel = self.center_px + DVec2::new(camera.x * scale, -camera.y * scale);
        Some((pixel, depth))
    }

    /// The ray through a place of the picture, in the camera's space: origin and direction, the direction with
    /// z = −1, so that a point is `origin + depth · direction`.
    pub fn ray(&self, pixel: DVec2) -> (DVec3, DVec3) {
        let off = pixel - self.center_px;
        match self.projection {
            Projection::Perspective { focal_px } => {
                (DVec3::ZERO, DVec3::new(off.x / focal_px, -off.y / focal_px, -1.0))
            }
            Projection::Orthographic { scale_px } => {
                (DVec3::new(off.x / scale_px, -off.y / scale_px, 0.0), DVec3::NEG_Z)
            }
        }
    }
}

/// The matrix without scale and shear: Gram-Schmidt from the looking axis, then the right one.
fn rigid(matrix: &DMat4) -> Option<DMat4> {
    let z = matrix.z_axis.truncate().try_normalize()?;
    let x = matrix.x_axis.truncate();
    let x = (x - z * x.dot(z)).try_normalize()?;
    let y = z.cross(x);
    let origin = matrix.w_axis.truncate();
    let whole = DMat4::from_cols(x.extend(0.0), y.extend(0.0), z.extend(0.0), origin.extend(1.0));
    whole.is_finite().then_some(whole)
}

impl Scene {
    /// The node that carries a camera: the one called `name`, or the first there is.
    pub fn camera_node(&self, name: Option<&str>) -> Option<usize> {
        self.nodes.iter().position(|node| {
            let Some(camera) = node.camera else { return false };
            let own = self.cameras.get(camera).map(|c| c.name.as_str());
            name.is_none_or(|name| node.name == name || own == Some(name))
        })
    }
}
