//! A scene's geometry on the device: what never changes lies there once, what changes shape is written again.

use std::collections::BTreeMap;

use bytemuck::{Pod, Zeroable};
use glam::DMat4;
use rayon::prelude::*;

use super::adapter::{Gpu, GpuError};
use crate::posed::Posed;
use crate::raster::project::Draw;
use crate::render::still::{Place, Set, Still};

/// A vertex before it is placed.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
struct Rest {
    position: [f32; 3],
    instance: u32,
    normal: [f32; 3],
    spare: u32,
}

/// Texture coordinates and colour of a vertex.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
struct Attributes {
    color: [f32; 4],
    uv: [f32; 2],
    spare: [f32; 2],
}

/// What the shaders must know of an instance.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
struct InstanceRecord {
    /// What to add to a vertex' number to find its attributes, modulo 2^32.
    attributes_from_vertex: u32,
    material: u32,
    object: u32,
    flags: u32,
}

/// Its vertices have attributes.
const ATTRIBUTES: u32 = 2;
/// They have texture coordinates.
const MAPPED: u32 = 4;

/// Where an instance stands for a camera: `linear · ((p − high) − low) + offset` is a vertex in the camera's space.
///
/// `high + low` is the camera's place in the instance's own space, so that what is near the camera keeps its digits
/// however far both are from the origin.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Stand {
    /// Rows: linear part and offset.
    rows: [[f32; 4]; 3],
    high: [f32; 4],
    /// The last number says whether the instance is seen (1) and whether it is mirrored (2).
    low: [f32; 4],
}

impl Stand {
    fn of(place: &Place) -> Self {
        let camera_from_local = &DMat4::from(place.camera_from_local);
        let local_from_camera = camera_from_local.inverse();
        let eye = local_from_camera.w_axis;
        // What is flattened to nothing has no inverse: then the plain matrix must do.
        let whole = local_from_camera.is_finite() && (eye.abs().max_element() as f32).is_finite();
        let mut rows = [[0.0f32; 4]; 3];
        for (r, row) in rows.iter_mut().enumerate() {
            *row = camera_from_local.row(r).to_array().map(|v| v as f32);
            if whole {
                row[3] = 0.0;
            }
        }
        let eye = if whole { eye.to_array() } else { [0.0; 4] };
        let high = eye.map(|v| v as f32);
        let mut low = [0, 1, 2, 3].map(|c| (eye[c] - f64::from(high[c])) as f32);
        low[3] = f32::from(u8::from(place.visible) + 2 * u8::from(place.mirrored));
        Self { rows, high, low }
    }
}

/// Which pipeline draws an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// Whether some of its points are left out by their alpha.
    pub cut: bool,
    /// Whether both its sides are seen.
    pub both_sides: bool,
}

/// Neighbouring triangles that are drawn at one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub kind: Kind,
    pub mirrored: bool,
    pub first_triangle: u32,
    pub triangles: u32,
}

/// The scene's geometry on the device.
#[derive(Debug)]
pub(super) struct Geometry {
    pub vertices: u32,
    pub instance_count: usize,
    pub rest: wgpu::Buffer,
    pub indices: wgpu::Buffer,
    pub attributes: wgpu::Buffer,
    pub instances: wgpu::Buffer,
}

impl Geometry {
    /// Brings a scene to the device.
    pub fn new(gpu: &Gpu, set: &Set<'_>) -> Result<Self, GpuError> {
        let (scene, cast) = (set.scene, &set.cast);
        let mend = "show fewer copies or simpler meshes";
        let vertices = u64::from(cast.vertices);
        gpu.check_bytes("the scene's vertices", vertices * size_of::<Rest>() as u64, mend)?;
        gpu.check_bytes("the scene's triangles", u64::from(cast.triangles) * 12, mend)?;
        let things = cast.instances.len() as u64;
        gpu.check_limit("the number of things", things, 1 << 24, "show fewer of them")?;
        let mut rest = Vec::with_capacity(cast.vertices as usize);
        let mut indices: Vec<[u32; 3]> = Vec::with_capacity(cast.triangles as usize);
        let mut attributes: Vec<Attributes> = Vec::new();
        let mut records = Vec::with_capacity(cast.instances.len());
        let mut known: BTreeMap<(usize, usize), u32> = BTreeMap::new();
        for (i, instance) in cast.instances.iter().enumerate() {
            let p = cast.primitive(scene, i);
            let count = p.positions.len();
            rest.extend(rest_of(i, &p.positions, &p.normals));
            let first = instance.first_vertex;
            indices.extend(p.triangles.iter().map(|t| {
                // A triangle of vertices that are not there has no area.
                let whole = t.iter().all(|v| (*v as usize) < count);
                if whole { t.map(|v| first + v) } else { [first; 3] }
            }));
            let mut flags = 0;
            let mut from_vertex = 0u32;
            let (colored, mapped) = (p.colors.len() == count, p.uvs.len() == count);
            if colored || mapped {
                flags |= ATTRIBUTES | if mapped { MAPPED } else { 0 };
                let start = *known
                    .entry((instance.mesh, instance.primitive))
                    .or_insert_with(|| {
                        let start = attributes.len() as u32;
                        attributes.extend((0..count).map(|v| Attributes {
                            color: if colored { p.colors[v] } else { [1.0; 4] },
                            uv: if mapped { p.uvs[v] } else { [0.0; 2] },
                            spare: [0.0; 2],
                        }));
                        start
                    });
                from_vertex = start.wrapping_sub(first);
            }
            let material = p.material.filter(|m| *m < scene.materials.len());
            records.push(InstanceRecord {
                attributes_from_vertex: from_vertex,
                // The plain one stands after the scene's own.
                material: material.unwrap_or(scene.materials.len()) as u32,
                object: instance.object,
                flags,
            });
        }
        let attribute_bytes = (attributes.len() * size_of::<Attributes>()) as u64;
        gpu.check_bytes("the scene's texture coordinates", attribute_bytes, mend)?;
        let none = wgpu::BufferUsages::empty();
        Ok(Self {
            vertices: cast.vertices,
            instance_count: cast.instances.len(),
            rest: gpu.storage_of("rest", &rest, none),
            indices: gpu.storage_of("indices", &indices, wgpu::BufferUsages::INDEX),
            attributes: gpu.storage_of("attributes", &attributes, none),
            instances: gpu.storage_of("instances", &records, none),
        })
    }

    /// Writes what has changed its shape. The writes are done before whatever is submitted next.
    pub fn write_shapes(&self, gpu: &Gpu, set: &Set<'_>, posed: &Posed<'_>) {
        for (i, (instance, placed)) in set.cast.instances.iter().zip(&posed.placed).enumerate() {
            if instance.deforms && !placed.positions.is_empty() {
                let vertices: Vec<Rest> = rest_of(i, &placed.positions, &placed.normals).collect();
                let offset = u64::from(instance.first_vertex) * size_of::<Rest>() as u64;
                gpu.queue
                    .write_buffer(&self.rest, offset, bytemuck::cast_slice(&vertices));
            }
        }
    }
}

fn rest_of(instance: usize, positions: &[[f32; 3]], normals: &[[f32; 3]]) -> impl Iterator<Item = Rest> {
    let smooth = normals.len() == positions.len();
    positions.iter().enumerate().map(move |(v, position)| Rest {
        position: *position,
        instance: instance as u32,
        normal: if smooth { normals[v] } else { [0.0; 3] },
        spare: 0,
    })
}

/// Where every instance stands for a frame's camera.
pub(super) fn stands(still: &Still<'_>) -> Vec<Stand> {
    still.places.par_iter().with_min_len(256).map(Stand::of).collect()
}

/// What may be seen, neighbours of one kind together. `plain` draws everything from both sides and without holes.
pub(super) fn runs(draws: &[Draw<'_>], plain: bool) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for draw in draws {
        let run = Run {
            kind: Kind {
                cut: draw.alpha && !plain,
                both_sides: !draw.one_sided || plain,
            },
            // Which way a triangle winds matters only where one of its sides is not seen.
            mirrored: draw.one_sided && draw.mirrored && !plain,
            first_triangle: draw.first_triangle,
            triangles: draw.triangles.len() as u32,
        };
        match runs.last_mut() {
            _ if run.triangles == 0 => {}
            Some(last)
                if last.kind == run.kind
                    && last.mirrored == run.mirrored
                    && last.first_triangle + last.triangles == run.first_triangle =>
            {
                last.triangles += run.triangles;
            }
            _ => runs.push(run),
        }
    }
    runs
}

/// Nearest and farthest depth of what may be seen, within the camera's own; the camera's own where that is not known.
pub(super) fn depth_range(set: &Set<'_>, still: &Still<'_>, draws: &[Draw<'_>]) -> [f64; 2] {
    let [near, far] = still.view.clip_m;
    let mut range = [f64::INFINITY, f64::NEG_INFINITY];
    for draw in draws {
        let Some([middle, half]) = set.bounds(&still.posed, draw.instance) else {
            return [near, far];
        };
        let matrix = &draw.camera_from_local;
        let depth = -matrix.transform_point3(middle).z;
        let axes = matrix.matrix3;
        let reach =
            half.x * axes.x_axis.z.abs() + half.y * axes.y_axis.z.abs() + half.z * axes.z_axis.z.abs();
        // A hair more, so that what lies in the plane of the box itself is not cut off.
        let reach = reach + 1e-6 * (reach + depth.abs()) + 1e-9;
        range = [range[0].min(depth - reach), range[1].max(depth + reach)];
    }
    let tight = [near.max(range[0]), far.min(range[1])];
    if tight[0] < tight[1] { tight } else { [near, far] }
}
