//! A scene's geometry on the device: what never changes lies there once, what changes shape is written again.

use std::collections::BTreeMap;

use bytemuck::{Pod, Zeroable};
use glam::DMat4;
use rayon::prelude::*;

use super::adapter::{Gpu, GpuError};
use crate::pose::View;
use crate::posed::{Cast, Placed, Posed};
use crate::scene::{AlphaMode, Scene};

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

/// The instance has no normals of its own.
const FLAT: u32 = 1;
/// Its vertices have attributes.
const ATTRIBUTES: u32 = 2;

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
    low: [f32; 4],
}

impl Stand {
    fn of(camera_from_local: &DMat4) -> Self {
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
        let low = [0, 1, 2, 3].map(|c| (eye[c] - f64::from(high[c])) as f32);
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
    pub cast: Cast,
    kinds: Vec<Kind>,
    counts: Vec<u32>,
    pub rest: wgpu::Buffer,
    pub indices: wgpu::Buffer,
    pub attributes: wgpu::Buffer,
    pub instances: wgpu::Buffer,
}

impl Geometry {
    /// Brings a scene to the device.
    pub fn new(gpu: &Gpu, scene: &Scene, cast: Cast) -> Result<Self, GpuError> {
        let mend = "show fewer copies or simpler meshes";
        let vertices = u64::from(cast.vertices);
        gpu.check_bytes("the scene's vertices", vertices * size_of::<Rest>() as u64, mend)?;
        gpu.check_bytes("the scene's triangles", u64::from(cast.triangles) * 12, mend)?;
        let mut rest = Vec::with_capacity(cast.vertices as usize);
        let mut indices: Vec<[u32; 3]> = Vec::with_capacity(cast.triangles as usize);
        let mut attributes: Vec<Attributes> = Vec::new();
        let mut records = Vec::with_capacity(cast.instances.len());
        let mut kinds = Vec::with_capacity(cast.instances.len());
        let mut counts = Vec::with_capacity(cast.instances.len());
        let mut known: BTreeMap<(usize, usize), u32> = BTreeMap::new();
        for (i, instance) in cast.instances.iter().enumerate() {
            let p = cast.primitive(scene, i);
            let smooth = p.normals.len() == p.positions.len();
            for (v, position) in p.positions.iter().enumerate() {
                rest.push(Rest {
                    position: *position,
                    instance: i as u32,
                    normal: if smooth { p.normals[v] } else { [0.0; 3] },
                    spare: 0,
                });
            }
            let first = instance.first_vertex;
            indices.extend(p.triangles.iter().map(|t| t.map(|v| first + v)));
            counts.push(p.triangles.len() as u32);
            let mut flags = if smooth { 0 } else { FLAT };
            let mut from_vertex = 0u32;
            let (colored, mapped) = (
                p.colors.len() == p.positions.len(),
                p.uvs.len() == p.positions.len(),
            );
            if colored || mapped {
                flags |= ATTRIBUTES;
                let start = *known
                    .entry((instance.mesh, instance.primitive))
                    .or_insert_with(|| {
                        let start = attributes.len() as u32;
                        attributes.extend((0..p.positions.len()).map(|v| Attributes {
                            color: if colored { p.colors[v] } else { [1.0; 4] },
                            uv: if mapped { p.uvs[v] } else { [0.0; 2] },
                            spare: [0.0; 2],
                        }));
                        start
                    });
                from_vertex = start.wrapping_sub(first);
            }
            let material = p.material.filter(|m| *m < scene.materials.len());
            let look = material.map(|m| &scene.materials[m]);
            records.push(InstanceRecord {
                attributes_from_vertex: from_vertex,
                // The plain one stands after the scene's own.
                material: material.unwrap_or(scene.materials.len()) as u32,
                object: instance.object,
                flags,
            });
            kinds.push(Kind {
                cut: look.is_some_and(|m| m.alpha != AlphaMode::Opaque),
                both_sides: look.is_none_or(|m| m.double_sided),
            });
        }
        let attribute_bytes = (attributes.len() * size_of::<Attributes>()) as u64;
        gpu.check_bytes("the scene's texture coordinates", attribute_bytes, mend)?;
        let none = wgpu::BufferUsages::empty();
        Ok(Self {
            rest: gpu.storage_of("rest", &rest, none),
            indices: gpu.storage_of("indices", &indices, wgpu::BufferUsages::INDEX),
            attributes: gpu.storage_of("attributes", &attributes, none),
            instances: gpu.storage_of("instances", &records, none),
            cast,
            kinds,
            counts,
        })
    }

    /// Where every instance stands for a camera.
    pub fn stands(&self, posed: &Posed<'_>, view: &View) -> Vec<Stand> {
        let stand = |placed: &Placed<'_>| Stand::of(&(view.camera_from_world * placed.world_from_local));
        posed.placed.par_iter().with_min_len(256).map(stand).collect()
    }

    /// Writes what has changed its shape. The writes are done before whatever is submitted next.
    pub fn write_shapes(&self, gpu: &Gpu, posed: &Posed<'_>) {
        for (i, (instance, placed)) in self.cast.instances.iter().zip(&posed.placed).enumerate() {
            if !instance.deforms {
                continue;
            }
            let normal = |v: usize| placed.normals.get(v).copied().unwrap_or([0.0; 3]);
            let vertices = placed.positions.iter().enumerate().map(|(v, p)| Rest {
                position: *p,
                instance: i as u32,
                normal: normal(v),
                spare: 0,
            });
            let vertices: Vec<Rest> = vertices.collect();
            if !vertices.is_empty() {
                let offset = u64::from(instance.first_vertex) * size_of::<Rest>() as u64;
                gpu.queue
                    .write_buffer(&self.rest, offset, bytemuck::cast_slice(&vertices));
            }
        }
    }

    /// What is seen at one time, neighbours of one kind together.
    pub fn runs(&self, posed: &Posed<'_>) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (i, (instance, placed)) in self.cast.instances.iter().zip(&posed.placed).enumerate() {
            if !placed.visible || self.counts[i] == 0 {
                continue;
            }
            let kind = self.kinds[i];
            let run = Run {
                kind,
                // Which way a triangle winds matters only where one of its sides is not seen.
                mirrored: !kind.both_sides && placed.mirrored(),
                first_triangle: instance.first_triangle,
                triangles: self.counts[i],
            };
            match runs.last_mut() {
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
}
