//! The scene at one frame, seen through the camera of that frame.

use glam::{DAffine3, DMat3, DVec3};

use crate::pose::{Pose, View};
use crate::posed::{Cast, Posed};
use crate::raster::bins::Grid;
use crate::raster::project::{Draw, Projected, Vertex, bounds, may_be_seen};
use crate::scene::{AlphaMode, Material, Primitive, Scene};

/// A material with what rendering asks of it all the time.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub material: Material,
    /// Whether it has holes or is see-through.
    pub alpha: bool,
    /// Whether it throws shadows and takes light.
    pub solid: bool,
}

/// The parts of a scene that hold for all frames.
#[derive(Debug)]
pub(crate) struct Set<'a> {
    pub scene: &'a Scene,
    pub cast: Cast,
    /// One primitive an instance.
    pub primitives: Vec<&'a Primitive>,
    /// One look an instance.
    pub looks: Vec<Look>,
    /// Boxes about instances that keep their shape, in their own space: middle and half size.
    pub boxes: Vec<Option<[DVec3; 2]>>,
}

impl<'a> Set<'a> {
    pub fn new(scene: &'a Scene, cast: Cast) -> Self {
        let primitives: Vec<&Primitive> = (0..cast.instances.len())
            .map(|i| cast.primitive(scene, i))
            .collect();
        let looks = primitives
            .iter()
            .map(|p| {
                let material = p.material.and_then(|m| scene.materials.get(m));
                let material = material.cloned().unwrap_or_default();
                let glows = material.emission.iter().any(|e| *e > 0.0);
                Look {
                    alpha: material.alpha != AlphaMode::Opaque,
                    solid: material.lit && !glows && material.alpha != AlphaMode::Blend,
                    material,
                }
            })
            .collect();
        let mut known = std::collections::BTreeMap::new();
        let boxes = cast
            .instances
            .iter()
            .enumerate()
            .map(|(i, instance)| {
                if instance.deforms {
                    return None;
                }
                *known
                    .entry((instance.mesh, instance.primitive))
                    .or_insert_with(|| bounds(&primitives[i].positions))
            })
            .collect();
        Self {
            scene,
            cast,
            primitives,
            looks,
            boxes,
        }
    }

    /// The box about an instance at one time.
    pub fn bounds(&self, posed: &Posed<'_>, instance: usize) -> Option<[DVec3; 2]> {
        if self.cast.instances[instance].deforms {
            bounds(&posed.placed[instance].positions)
        } else {
            self.boxes[instance]
        }
    }
}

/// One instance in front of the camera of one frame.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub camera_from_local: DAffine3,
    /// World from normals, columns.
    pub normals: [[f32; 3]; 3],
    pub mirrored: bool,
    pub visible: bool,
}

/// A frame's geometry and view.
#[derive(Debug)]
pub(crate) struct Still<'a> {
    pub posed: Posed<'a>,
    pub view: View,
    pub places: Vec<Place>,
}

impl<'a> Still<'a> {
    pub fn new(set: &Set<'a>, pose: Pose, view: View) -> Self {
        let posed = Posed::of(set.scene, &set.cast, pose);
        let camera = DAffine3::from_mat4(view.camera_from_world);
        let places = posed
            .placed
            .iter()
            .map(|placed| {
                let normals = scaled(placed.world_from_normal());
                Place {
                    camera_from_local: camera * DAffine3::from_mat4(placed.world_from_local),
                    normals: normals.to_cols_array_2d().map(|c| c.map(|v| v as f32)),
                    mirrored: placed.mirrored(),
                    visible: placed.visible,
                }
            })
            .collect();
        Self { posed, view, places }
    }

    /// What may be seen in a rectangle of the picture (pixels: left, top, right, bottom).
    pub fn project<'s>(&'s self, set: &'s Set<'_>, rect: [i32; 4], memory: Vec<Vertex>) -> Projected<'s> {
        let rect = rect.map(f64::from);
        let draws = self.draws(set, &self.view, |_, place| Some(place.camera_from_local), rect);
        Projected::new(&self.view, draws, memory)
    }

    /// The draws of those instances that `chosen` gives a matrix, and that `view` may see.
    pub fn draws<'s>(
        &'s self,
        set: &'s Set<'_>,
        view: &View,
        chosen: impl Fn(usize, &Place) -> Option<DAffine3>,
        rect: [f64; 4],
    ) -> Vec<Draw<'s>> {
        let mut draws = Vec::new();
        for (i, place) in self.places.iter().enumerate() {
            if !place.visible {
                continue;
            }
            let Some(camera_from_local) = chosen(i, place) else {
                continue;
            };
            let Some(bounds) = set.bounds(&self.posed, i) else {
                continue;
            };
            if !may_be_seen(view, &camera_from_local, &bounds, rect) {
                continue;
            }
            let look = &set.looks[i];
            draws.push(Draw {
                instance: i,
                triangles: &set.primitives[i].triangles,
                positions: &self.posed.placed[i].positions,
                camera_from_local,
                first_triangle: set.cast.instances[i].first_triangle,
                first_vertex: 0,
                one_sided: !look.material.double_sided,
                mirrored: place.mirrored,
                alpha: look.alpha,
            });
        }
        draws
    }

    /// The grid over a rectangle of the picture.
    pub fn grid(rect: [i32; 4]) -> Grid {
        Grid::over(rect, &crate::raster::PICTURE)
    }
}

/// The matrix with its largest number near 1, so that f32 can hold it.
fn scaled(m: DMat3) -> DMat3 {
    let largest = m.to_cols_array().iter().fold(0.0f64, |a, v| a.max(v.abs()));
    if largest > 0.0 && largest.is_finite() {
        m * (1.0 / largest)
    } else {
        DMat3::IDENTITY
    }
}
