//! Meshes: runs of triangles with what hangs on their vertices.

use gltf::json::accessor::{Accessor, Type};
use gltf::json::mesh::{Mode, MorphTarget, Primitive as Json, Semantic};
use gltf::json::validation::Checked;
use gltf::json::{Index, mesh};

use super::Source;
use super::look::Looks;
use crate::read::ReadError;
use crate::read::budget::Context;
use crate::read::names::Names;
use crate::read::surface;
use crate::scene::{Mesh, Morph, Primitive, Scene};

pub(super) fn read(
    source: &Source<'_>,
    looks: &Looks,
    scene: &mut Scene,
    context: &mut Context<'_>,
) -> Result<(), ReadError> {
    let mut names = Names::default();
    for json in &source.root.meshes {
        let name = names.unique(json.name.as_deref(), "mesh");
        let mut primitives = Vec::with_capacity(json.primitives.len());
        for part in &json.primitives {
            if let Some(primitive) = primitive(&name, part, source, looks, context)? {
                primitives.push(primitive);
            }
        }
        scene.meshes.push(Mesh { name, primitives });
    }
    Ok(())
}

fn primitive(
    name: &str,
    json: &Json,
    source: &Source<'_>,
    looks: &Looks,
    context: &mut Context<'_>,
) -> Result<Option<Primitive>, ReadError> {
    let Checked::Valid(mode) = json.mode else {
        context.warn(name, "a part of it is of no known kind and is left out");
        return Ok(None);
    };
    if matches!(
        mode,
        Mode::Points | Mode::Lines | Mode::LineLoop | Mode::LineStrip
    ) {
        context.warn(
            name,
            "its points or lines are left out; give them a surface to see them",
        );
        return Ok(None);
    }
    let find = |semantic: Semantic| json.attributes.get(&Checked::Valid(semantic)).copied();
    let Some(index) = find(Semantic::Positions) else {
        context.warn(name, "a part of it has no positions and is left out");
        return Ok(None);
    };
    context.vertices(source.data.count(index, context)?)?;
    let positions = source.data.vectors::<3>(index, context)?;
    if positions.as_flattened().iter().any(|v| !v.is_finite()) {
        return Err(context.not_finite(name, "a position"));
    }
    let count = positions.len();
    let triangles = triangles(name, json, mode, count, source, context)?;

    let mut normals = optional::<3>(find(Semantic::Normals), "normals", name, count, source, context)?;
    for normal in &mut normals {
        *normal = unit(*normal);
    }
    let material = json.material.map(|m| m.value());
    if material.is_some_and(|m| m >= source.root.materials.len()) {
        return Err(context.damaged(format!("the mesh `{name}` has a material that is not there")));
    }
    let set = material.and_then(|m| looks.uv_sets.get(m)).copied().unwrap_or(0);
    let what = "texture coordinates";
    let mut uvs = optional::<2>(find(Semantic::TexCoords(set)), what, name, count, source, context)?;
    for value in uvs.as_flattened_mut() {
        *value = surface::sound(*value, 0.0);
    }
    let colors = colors(find(Semantic::Colors(0)), name, count, source, context)?;
    if find(Semantic::Colors(1)).is_some() {
        context.warn(name, "of its vertex colours only the first set is shown");
    }
    let (joints, weights) = influences(name, json, count, source, context)?;
    let mut morphs = Vec::new();
    for target in json.targets.iter().flatten() {
        context.vertices(count as u64)?;
        morphs.push(morph(target, name, count, source, context)?);
    }
    Ok(Some(Primitive {
        positions,
        normals,
        uvs,
        colors,
        joints,
        weights,
        triangles,
        morphs,
        moving: None,
        material,
    }))
}

/// Values for each vertex, or none; a warning and none where their number is another.
fn optional<const N: usize>(
    index: Option<Index<Accessor>>,
    what: &str,
    name: &str,
    count: usize,
    source: &Source<'_>,
    context: &mut Context<'_>,
) -> Result<Vec<[f32; N]>, ReadError> {
    let Some(index) = index else {
        return Ok(Vec::new());
    };
    same(source.data.count(index, context)?, count, what, name, context)?;
    source.data.vectors::<N>(index, context)
}

fn same(found: u64, count: usize, what: &str, name: &str, context: &Context<'_>) -> Result<(), ReadError> {
    if found == count as u64 {
        return Ok(());
    }
    Err(context.damaged(format!(
        "the mesh `{name}` has {found} {what} for {count} vertices"
    )))
}

fn colors(
    index: Option<Index<Accessor>>,
    name: &str,
    count: usize,
    source: &Source<'_>,
    context: &mut Context<'_>,
) -> Result<Vec<[f32; 4]>, ReadError> {
    let Some(index) = index else {
        return Ok(Vec::new());
    };
    same(
        source.data.count(index, context)?,
        count,
        "colours",
        name,
        context,
    )?;
    let mut colors = source.data.read(
        index,
        &[Type::Vec4, Type::Vec3],
        context,
        |layout, type_, bytes| {
            let alpha = match type_ {
                Type::Vec4 => layout.float(bytes, 3),
                _ => 1.0,
            };
            [
                layout.float(bytes, 0),
                layout.float(bytes, 1),
                layout.float(bytes, 2),
                alpha,
            ]
        },
    )?;
    for color in &mut colors {
        *color = surface::rgba(color.map(|v| surface::sound(v, 1.0)));
    }
    Ok(colors)
}

type Influences = (Vec<[u16; 4]>, Vec<[f32; 4]>);

/// The joints that move each vertex and their weights: of all sets the four strongest, brought to a sum of one.
fn influences(
    name: &str,
    json: &Json,
    count: usize,
    source: &Source<'_>,
    context: &mut Context<'_>,
) -> Result<Influences, ReadError> {
    let mut sets = Vec::new();
    for set in 0..4 {
        let find = |semantic: Semantic| json.attributes.get(&Checked::Valid(semantic)).copied();
        let (Some(joints), Some(weights)) = (find(Semantic::Joints(set)), find(Semantic::Weights(set)))
        else {
            break;
        };
        same(
            source.data.count(joints, context)?,
            count,
            "joints",
            name,
            context,
        )?;
        let joints = source
            .data
            .read(joints, &[Type::Vec4], context, |layout, _, bytes| {
                std::array::from_fn(|i| u16::try_from(layout.raw(bytes, i)).unwrap_or(u16::MAX))
            })?;
        let weights = optional::<4>(Some(weights), "weights", name, count, source, context)?;
        sets.push((joints, weights));
    }
    let Some(first) = sets.first() else {
        return Ok((Vec::new(), Vec::new()));
    };
    let mut joints: Vec<[u16; 4]> = first.0.clone();
    let mut weights: Vec<[f32; 4]> = first.1.clone();
    let mut dropped = 0.0_f32;
    for v in 0..count {
        let mut all: Vec<(u16, f32)> = sets
            .iter()
            .flat_map(|(j, w)| j[v].into_iter().zip(w[v]))
            .map(|(j, w)| (j, if w.is_finite() { w.max(0.0) } else { 0.0 }))
            .collect();
        if sets.len() > 1 {
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            dropped = dropped.max(all.iter().skip(4).map(|x| x.1).sum());
        }
        all.truncate(4);
        let sum: f32 = all.iter().map(|x| x.1).sum();
        if sum <= 0.0 {
            // The format leaves it open what such a vertex does: it goes with the first joint.
            all[0].1 = 1.0;
        }
        let sum = if sum > 0.0 { sum } else { 1.0 };
        for (i, (joint, weight)) in all.into_iter().enumerate() {
            joints[v][i] = if weight > 0.0 { joint } else { 0 };
            weights[v][i] = weight / sum;
        }
    }
    if dropped > 0.01 {
        context.warn(
            name,
            format!("of its joints only the four strongest move each vertex (at most {dropped:.2} of a weight is left out)"),
        );
    }
    Ok((joints, weights))
}

fn morph(
    target: &MorphTarget,
    name: &str,
    count: usize,
    source: &Source<'_>,
    context: &mut Context<'_>,
) -> Result<Morph, ReadError> {
    let what = "positions of a morph target";
    let positions = optional::<3>(target.positions, what, name, count, source, context)?;
    if positions.as_flattened().iter().any(|v| !v.is_finite()) {
        return Err(context.not_finite(name, "a morph target's position"));
    }
    let what = "normals of a morph target";
    let mut normals = optional::<3>(target.normals, what, name, count, source, context)?;
    for value in normals.as_flattened_mut() {
        *value = surface::sound(*value, 0.0);
    }
    Ok(Morph { positions, normals })
}

fn triangles(
    name: &str,
    json: &mesh::Primitive,
    mode: Mode,
    vertices: usize,
    source: &Source<'_>,
    context: &mut Context<'_>,
) -> Result<Vec<[u32; 3]>, ReadError> {
    let corners = match json.indices {
        Some(index) => source.data.count(index, context)?,
        None => vertices as u64,
    };
    context.triangles(match mode {
        Mode::Triangles => corners / 3,
        _ => corners.saturating_sub(2),
    })?;
    let list: Vec<u32> = match json.indices {
        Some(index) => {
            if source.data.is_float(index) {
                return Err(context.damaged(format!("the mesh `{name}` counts its corners in fractions")));
            }
            source
                .data
                .read(index, &[Type::Scalar], context, |layout, _, bytes| {
                    u32::try_from(layout.raw(bytes, 0)).unwrap_or(u32::MAX)
                })?
        }
        None => (0..u32::try_from(vertices).unwrap_or(u32::MAX)).collect(),
    };
    if let Some(wrong) = list.iter().find(|&&i| i as usize >= vertices) {
        return Err(context.damaged(format!(
            "the mesh `{name}` has a corner at vertex {wrong}, and {vertices} vertices"
        )));
    }
    Ok(match mode {
        Mode::TriangleStrip => list
            .windows(3)
            .enumerate()
            .map(|(i, w)| {
                if i % 2 == 0 {
                    [w[0], w[1], w[2]]
                } else {
                    [w[1], w[0], w[2]]
                }
            })
            .collect(),
        Mode::TriangleFan => match list.split_first() {
            Some((&hub, rim)) => rim.windows(2).map(|w| [w[0], w[1], hub]).collect(),
            None => Vec::new(),
        },
        _ => {
            if !list.len().is_multiple_of(3) {
                context.warn(name, "its last triangle lacks a corner and is left out");
            }
            list.chunks_exact(3).map(|c| [c[0], c[1], c[2]]).collect()
        }
    })
}

/// A normal of length one; up where it has none.
fn unit(n: [f32; 3]) -> [f32; 3] {
    let length = (n[0] * n[0] + n[1] * n[1] + n[2] * n[2]).sqrt();
    if length.is_finite() && length > 1e-20 {
        n.map(|v| v / length)
    } else {
        [0.0, 1.0, 0.0]
    }
}
