//! What a scene is, wherever it came from: a tree of nodes, with meshes, cameras and lights.
//!
//! Metres, right-handed, y up; cameras and lights look down −z of their node. Colours are linear ACEScg. Times are
//! seconds from the scene's own beginning.

use glam::{DMat4, DQuat, DVec3};
use heirloom_picture::Image;

use crate::track::Track;

/// A whole scene. Indices in it always point inside it: readers and builders see to that.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    /// What people call it: a file's name or a shot's.
    pub name: String,
    /// Nodes, parents before their children.
    pub nodes: Vec<Node>,
    /// Meshes that nodes show.
    pub meshes: Vec<Mesh>,
    /// Looks of surfaces.
    pub materials: Vec<Material>,
    /// Pictures on surfaces.
    pub textures: Vec<Texture>,
    /// Skeletons.
    pub skins: Vec<Skin>,
    /// Cameras that nodes carry.
    pub cameras: Vec<Camera>,
    /// Lights that nodes carry.
    pub lights: Vec<Light>,
    /// When its animation ends, in seconds; 0 where nothing moves.
    pub duration_s: f64,
    /// What was read but could not be carried, or was mended; each a sentence that names the thing.
    pub warnings: Vec<Warning>,
}

/// Something of a scene that was not carried or had to be mended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// Which node, mesh, texture … it is about, as the file names it.
    pub subject: String,
    /// What was found, what was done about it, and the mend.
    pub what: String,
}

/// One node of the tree.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name in the file; unique names are made where the file has none.
    pub name: String,
    /// The node it hangs on; always an earlier one.
    pub parent: Option<usize>,
    /// Where it stands in its parent's space.
    pub placement: Placement,
    /// The mesh it shows.
    pub mesh: Option<usize>,
    /// The skeleton that moves the mesh.
    pub skin: Option<usize>,
    /// Weights of the mesh's morph targets; none where it has none.
    pub morph_weights: Option<Track<Vec<f64>>>,
    /// The camera it carries.
    pub camera: Option<usize>,
    /// The light it carries.
    pub light: Option<usize>,
    /// Whether it and all below it are seen.
    pub visible: Track<bool>,
    /// Whether it is a thing of its own in the object-id pass. Nodes that are not belong to the nearest node above
    /// that is; a node with a mesh and no such node above is one in any case.
    pub object: bool,
}

/// A node's place in its parent's space, over time.
#[derive(Debug, Clone)]
pub enum Placement {
    /// Scaled, then rotated, then moved.
    Parts {
        /// Metres.
        translation: Track<DVec3>,
        /// Unit quaternions.
        rotation: Track<DQuat>,
        /// Factors.
        scale: Track<DVec3>,
    },
    /// A matrix (columns are the axes and the origin).
    Matrix(Track<DMat4>),
}

impl Default for Placement {
    fn default() -> Self {
        Self::fixed(DVec3::ZERO, DQuat::IDENTITY, DVec3::ONE)
    }
}

impl Placement {
    /// One that does not move.
    pub fn fixed(translation: DVec3, rotation: DQuat, scale: DVec3) -> Self {
        Self::Parts {
            translation: Track::constant(translation),
            rotation: Track::constant(rotation),
            scale: Track::constant(scale),
        }
    }

    /// The matrix at a time in seconds.
    pub fn at(&self, time_s: f64) -> DMat4 {
        match self {
            Self::Parts {
                translation,
                rotation,
                scale,
            } => DMat4::from_scale_rotation_translation(
                scale.at(time_s),
                rotation.at(time_s),
                translation.at(time_s),
            ),
            Self::Matrix(track) => track.at(time_s),
        }
    }

    /// Whether it never moves.
    pub fn is_constant(&self) -> bool {
        match self {
            Self::Parts {
                translation,
                rotation,
                scale,
            } => translation.is_constant() && rotation.is_constant() && scale.is_constant(),
            Self::Matrix(track) => track.is_constant(),
        }
    }
}

impl Node {
    /// A node with a name and nothing else.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            parent: None,
            placement: Placement::default(),
            mesh: None,
            skin: None,
            morph_weights: None,
            camera: None,
            light: None,
            visible: Track::constant(true),
            object: true,
        }
    }
}

/// A mesh: one or more runs of triangles, each with one material.
#[derive(Debug, Clone, Default)]
pub struct Mesh {
    /// Its name in the file.
    pub name: String,
    /// The runs.
    pub primitives: Vec<Primitive>,
}

/// A run of triangles. All lists of vertices are as long as `positions` or empty.
#[derive(Debug, Clone, Default)]
pub struct Primitive {
    /// Metres, in the node's space.
    pub positions: Vec<[f32; 3]>,
    /// Unit normals; where empty, surfaces are flat.
    pub normals: Vec<[f32; 3]>,
    /// Texture coordinates: (0, 0) is the picture's upper left corner, (1, 1) its lower right one.
    pub uvs: Vec<[f32; 2]>,
    /// Linear ACEScg RGBA, straight alpha; multiplied with the material's colour.
    pub colors: Vec<[f32; 4]>,
    /// Joints of the skin, with [`Primitive::weights`].
    pub joints: Vec<[u16; 4]>,
    /// Their weights, which sum to one.
    pub weights: Vec<[f32; 4]>,
    /// Triangles as indices of vertices; counter-clockwise is the front.
    pub triangles: Vec<[u32; 3]>,
    /// Deltas of the morph targets.
    pub morphs: Vec<Morph>,
    /// Positions over time, where the file moves every vertex by itself (USD's time samples, point caches).
    pub moving: Option<Track<Vec<[f32; 3]>>>,
    /// Index of the material; a plain grey one where there is none.
    pub material: Option<usize>,
}

/// One morph target: what is added to a primitive at weight 1. Lists are as long as the positions or empty.
#[derive(Debug, Clone, Default)]
pub struct Morph {
    /// Metres.
    pub positions: Vec<[f32; 3]>,
    /// Added to normals.
    pub normals: Vec<[f32; 3]>,
}

/// How transparency is meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AlphaMode {
    /// There is none.
    Opaque,
    /// Seen where alpha is at least this, and nowhere else.
    Mask(f32),
    /// Mixed. The passes treat it as a mask at one half, for a pixel of data has one surface; colour mixes by
    /// coverage of the sub-samples.
    Blend,
}

/// How a surface looks.
#[derive(Debug, Clone)]
pub struct Material {
    /// Its name in the file.
    pub name: String,
    /// Linear ACEScg RGBA, straight alpha.
    pub base_color: [f32; 4],
    /// A picture multiplied with it.
    pub base_texture: Option<TextureUse>,
    /// How transparency is meant.
    pub alpha: AlphaMode,
    /// Whether the back is seen; where it is not, triangles that face away are skipped.
    pub double_sided: bool,
    /// Light it gives off by itself, linear ACEScg; used as it is in the colour pass (a sky dome, a screen).
    pub emission: [f32; 3],
    /// Whether light falls on it; where not, its colour is shown as it is.
    pub lit: bool,
}

impl Default for Material {
    fn default() -> Self {
        Self {
            name: "clay".into(),
            base_color: [0.5, 0.5, 0.5, 1.0],
            base_texture: None,
            alpha: AlphaMode::Opaque,
            double_sided: true,
            emission: [0.0; 3],
            lit: true,
        }
    }
}

/// A texture on a material.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextureUse {
    /// Index of the texture.
    pub texture: usize,
    /// `uv' = offset + rotate(scale·uv)`: rows of a 2x3 matrix (KHR_texture_transform).
    pub transform: [[f32; 3]; 2],
}

impl TextureUse {
    /// The texture as it is.
    pub fn plain(texture: usize) -> Self {
        Self {
            texture,
            transform: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        }
    }
}

/// What happens beyond a picture's edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrap {
    /// The edge's pixel goes on.
    Clamp,
    /// It begins again.
    Repeat,
    /// It begins again, mirrored.
    Mirror,
}

/// A picture on a surface.
#[derive(Debug, Clone)]
pub struct Texture {
    /// Its name or file.
    pub name: String,
    /// Linear ACEScg, premultiplied.
    pub image: Image,
    /// Beyond the edges, in u and v.
    pub wrap: [Wrap; 2],
}

/// A skeleton.
#[derive(Debug, Clone)]
pub struct Skin {
    /// Nodes that are its joints.
    pub joints: Vec<usize>,
    /// From the mesh's space to each joint's, at rest.
    pub inverse_binds: Vec<DMat4>,
    /// What joint-space results are brought back by. glTF skins leave the mesh's own node out of it: then this is
    /// `None`. USD binds with the mesh's own transform: then this is the mesh's geomBind matrix, applied first.
    pub geometry_bind: Option<DMat4>,
}

/// Which side of the film back the frame is fitted to when the shapes differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The back's width is the frame's width.
    Width,
    /// The back's height is the frame's height.
    Height,
}

/// A camera: looks down −z of its node, y up.
#[derive(Debug, Clone)]
pub struct Camera {
    /// Its name in the file.
    pub name: String,
    /// Focal length in millimetres; none for an orthographic camera.
    pub focal_mm: Option<Track<f64>>,
    /// Width and height of the film back in millimetres; of an orthographic camera, of what it sees in millimetres.
    pub back_mm: [f64; 2],
    /// Which side is kept.
    pub fit: Fit,
    /// Where the axis meets the back, off its middle, in millimetres (x right, y up): lens shift.
    pub shift_mm: [f64; 2],
    /// Nearest and farthest distance along the axis in metres that is seen.
    pub clip_m: [f64; 2],
}

impl Camera {
    /// A 36 x 24 mm back behind a lens of this focal length.
    pub fn with_lens(name: impl Into<String>, focal_mm: f64) -> Self {
        Self {
            name: name.into(),
            focal_mm: Some(Track::constant(focal_mm)),
            back_mm: [36.0, 24.0],
            fit: Fit::Width,
            shift_mm: [0.0, 0.0],
            clip_m: [0.01, 100_000.0],
        }
    }
}

/// Lumens of a watt, which is how Blender and others turn glTF's lux and candela into watts and back.
pub const LUMENS_PER_WATT: f64 = 683.0;

/// A light: shines down −z of its node where it has a direction.
#[derive(Debug, Clone)]
pub struct Light {
    /// Its name in the file.
    pub name: String,
    /// What kind it is.
    pub kind: LightKind,
    /// Linear ACEScg, the brightest channel usually 1.
    pub color: [f32; 3],
    /// Strength, radiometric as Blender has it: W/m² for a sun, W/sr for a point or a spot, W/m²/sr for an area, a factor
    /// for a dome. glTF's lux and candela are [`LUMENS_PER_WATT`] of it.
    pub intensity: Track<f64>,
}

/// The kinds of light.
#[derive(Debug, Clone, PartialEq)]
pub enum LightKind {
    /// From far away, all one way; the angle is how large it looks, in degrees (the sun is 0.53).
    Sun {
        /// Degrees across.
        angle_deg: f64,
    },
    /// From one place to all sides; the radius in metres softens it.
    Point {
        /// Metres; 0 for a true point.
        radius_m: f64,
    },
    /// From one place in a cone, half angles in degrees.
    Spot {
        /// Full light within.
        inner_deg: f64,
        /// None without.
        outer_deg: f64,
        /// Metres; 0 for a true point.
        radius_m: f64,
    },
    /// A rectangle or, with `round`, an ellipse in its node's x and y.
    Area {
        /// Width and height in metres.
        size_m: [f64; 2],
        /// An ellipse.
        round: bool,
    },
    /// From all sides, as second-order spherical harmonics of radiance: world directions, in the basis and order of
    /// `heirloom_engine::GuideLight::radiance_sh`. The node's turn has no say in it.
    Dome(Box<[[f32; 3]; 9]>),
}
