//! Geometry at one time: every run of triangles of a scene, after morphs, skins and moving points.
//!
//! What only moves as a whole is never copied: its vertices stay the scene's own `f32` ones in the primitive's space,
//! and an `f64` matrix says where they stand. So a static mesh of a million triangles costs nothing a frame, and a rigid
//! thing far from the origin does not tremble by the roundings of `f32`. What changes shape (skins, morphs, moving
//! points) gets vertices of its own, kept near an anchor of its own for the same reason.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use glam::{DMat3, DMat4, DVec3};
use rayon::prelude::*;

use crate::pose::Pose;
use crate::scene::{Primitive, Scene, Skin};

/// One primitive shown by one node: what never changes over a shot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The node that shows it.
    pub node: usize,
    /// Index of the mesh.
    pub mesh: usize,
    /// Index of the primitive in the mesh.
    pub primitive: usize,
    /// Object id; 1 and up.
    pub object: u32,
    /// The number of its first triangle among all of the scene; they are numbered through.
    pub first_triangle: u32,
    /// The number of its first vertex among all of the scene.
    pub first_vertex: u32,
    /// Whether its shape may change over time, not only its place.
    pub deforms: bool,
}

/// All instances of a scene, in the order of nodes and primitives, and the names of objects.
#[derive(Debug, Clone, Default)]
pub struct Cast {
    /// The instances.
    pub instances: Vec<Instance>,
    /// Objects' names by id: unique, from 1, in the order of nodes. Only objects with a mesh are here.
    pub names: BTreeMap<u32, String>,
    /// Triangles of all instances.
    pub triangles: u32,
    /// Vertices of all instances.
    pub vertices: u32,
}

/// More geometry than can be numbered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the scene shows {triangles} triangles with {vertices} vertices, more than {limit} of either; show fewer copies or simpler meshes"
)]
pub struct TooMuch {
    /// Triangles there are.
    pub triangles: u64,
    /// Vertices there are.
    pub vertices: u64,
    /// How many there may be.
    pub limit: u32,
}

impl Cast {
    /// The most triangles, and the most vertices, that a scene may show.
    pub const LIMIT: u32 = 1 << 30;

    /// Whatever a scene shows at any time.
    ///
    /// # Errors
    /// Where there are more than [`Cast::LIMIT`] triangles or vertices.
    pub fn of(scene: &Scene) -> Result<Self, TooMuch> {
        let owners = owners(scene);
        let (objects, names) = number(scene, &owners);
        let mut cast = Self {
            names,
            ..Self::default()
        };
        let (mut triangles, mut vertices) = (0u64, 0u64);
        for (node, mesh) in shown(scene) {
            for (primitive, p) in scene.meshes[mesh].primitives.iter().enumerate() {
                if triangles.max(vertices) <= Self::LIMIT.into() {
                    let skinned = scene.nodes[node].skin.is_some() && !p.joints.is_empty();
                    let morphs = !p.morphs.is_empty() && scene.nodes[node].morph_weights.is_some();
                    cast.instances.push(Instance {
                        node,
                        mesh,
                        primitive,
                        object: objects[node],
                        first_triangle: triangles as u32,
                        first_vertex: vertices as u32,
                        deforms: skinned || morphs || p.moving.is_some(),
                    });
                }
                triangles += p.triangles.len() as u64;
                vertices += p.positions.len() as u64;
            }
        }
        if triangles.max(vertices) > Self::LIMIT.into() {
            return Err(TooMuch {
                triangles,
                vertices,
                limit: Self::LIMIT,
            });
        }
        cast.triangles = triangles as u32;
        cast.vertices = vertices as u32;
        Ok(cast)
    }

    /// Which instance has the triangle of this number.
    pub fn instance_of(&self, triangle: u32) -> usize {
        self.instances
            .partition_point(|i| i.first_triangle <= triangle)
            .saturating_sub(1)
    }

    /// The primitive of an instance.
    pub fn primitive<'a>(&self, scene: &'a Scene, instance: usize) -> &'a Primitive {
        let i = &self.instances[instance];
        &scene.meshes[i.mesh].primitives[i.primitive]
    }
}

/// Nodes with the meshes they show.
fn shown(scene: &Scene) -> impl Iterator<Item = (usize, usize)> {
    let nodes = scene.nodes.iter().enumerate();
    nodes.filter_map(|(n, node)| Some((n, node.mesh.filter(|m| *m < scene.meshes.len())?)))
}

/// For every node, the node whose object it is part of.
fn owners(scene: &Scene) -> Vec<usize> {
    let mut owners: Vec<Option<usize>> = Vec::with_capacity(scene.nodes.len());
    let mut all = Vec::with_capacity(scene.nodes.len());
    for (n, node) in scene.nodes.iter().enumerate() {
        let above = node.parent.and_then(|p| owners.get(p).copied().flatten());
        let owner = if node.object { Some(n) } else { above };
        owners.push(owner);
        all.push(owner.unwrap_or(n));
    }
    all
}

/// Ids of nodes (0 where they show nothing), and the names.
fn number(scene: &Scene, owners: &[usize]) -> (Vec<u32>, BTreeMap<u32, String>) {
    let owning: BTreeSet<usize> = shown(scene).map(|(node, _)| owners[node]).collect();
    let mut names = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let mut ids = BTreeMap::new();
    for (owner, id) in owning.into_iter().zip(1..) {
        let plain = &scene.nodes[owner].name;
        let mut name = plain.clone();
        let mut count = 1;
        while !taken.insert(name.clone()) {
            count += 1;
            name = format!("{plain} {count}");
        }
        names.insert(id, name);
        ids.insert(owner, id);
    }
    let of = |node: usize| ids.get(&owners[node]).copied().unwrap_or(0);
    ((0..scene.nodes.len()).map(of).collect(), names)
}

/// One instance at one time.
#[derive(Debug, Clone)]
pub struct Placed<'a> {
    /// World from the space of `positions`.
    pub world_from_local: DMat4,
    /// Vertices in metres. Of what does not change shape, the scene's own; of a skinned one, in a space with the
    /// world's axes about an anchor near it.
    pub positions: Cow<'a, [[f32; 3]]>,
    /// Normals in the space of `positions`, near unit length; empty where surfaces are flat.
    pub normals: Cow<'a, [[f32; 3]]>,
    /// Whether it is seen.
    pub visible: bool,
}

impl Placed<'_> {
    /// Brings normals of the space of `positions` to the world (their length is lost).
    pub fn world_from_normal(&self) -> DMat3 {
        for_normals(&DMat3::from_mat4(self.world_from_local))
    }

    /// Whether the matrix mirrors, so that triangles wind the other way round.
    pub fn mirrored(&self) -> bool {
        self.world_from_local.determinant() < 0.0
    }
}

/// The cofactor matrix, which is the inverse transpose times the determinant and stands flattening; turned round where
/// the matrix mirrors, so that what was outside stays outside.
fn for_normals(m: &DMat3) -> DMat3 {
    let turned = DMat3::from_cols(
        m.y_axis.cross(m.z_axis),
        m.z_axis.cross(m.x_axis),
        m.x_axis.cross(m.y_axis),
    );
    if m.determinant() < 0.0 { -turned } else { turned }
}

/// A scene's geometry at one time: one [`Placed`] for each instance of the [`Cast`].
#[derive(Debug, Clone)]
pub struct Posed<'a> {
    /// Where the nodes stand.
    pub pose: Pose,
    /// The instances.
    pub placed: Vec<Placed<'a>>,
}

impl<'a> Posed<'a> {
    /// The geometry at a time in seconds.
    pub fn at(scene: &'a Scene, cast: &Cast, time_s: f64) -> Self {
        Self::of(scene, cast, Pose::of(scene, time_s))
    }

    /// The geometry in a pose.
    pub fn of(scene: &'a Scene, cast: &Cast, pose: Pose) -> Self {
        let placed = cast
            .instances
            .par_iter()
            .with_min_len(64)
            .map(|instance| place(scene, instance, &pose));
        Self {
            placed: placed.collect(),
            pose,
        }
    }
}

fn place<'a>(scene: &'a Scene, instance: &Instance, pose: &Pose) -> Placed<'a> {
    let node = &scene.nodes[instance.node];
    let p = &scene.meshes[instance.mesh].primitives[instance.primitive];
    let mut placed = Placed {
        world_from_local: pose.world[instance.node],
        positions: Cow::Borrowed(&p.positions),
        normals: Cow::Borrowed(whole(&p.normals, p.positions.len())),
        visible: pose.visible[instance.node],
    };
    if !instance.deforms || !placed.visible {
        return placed;
    }
    if let Some(moving) = &p.moving {
        let mut positions = moving.at(pose.time_s);
        // A key with too few or too many points keeps the rest where it is.
        positions.truncate(p.positions.len());
        positions.extend_from_slice(&p.positions[positions.len()..]);
        placed.positions = Cow::Owned(positions);
    }
    if let Some(weights) = &node.morph_weights
        && !p.morphs.is_empty()
    {
        let weights = weights.at(pose.time_s);
        for (morph, weight) in p.morphs.iter().zip(weights) {
            let weight = weight as f32;
            if weight != 0.0 {
                add(&mut placed.positions, &morph.positions, weight);
                add(&mut placed.normals, &morph.normals, weight);
            }
        }
    }
    if let Some(skin) = node.skin.and_then(|s| scene.skins.get(s))
        && p.joints.len() == p.positions.len()
        && p.weights.len() == p.positions.len()
    {
        bend(&mut placed, skin, p, pose);
    }
    placed
}

/// The list, or none of it where it is too short to be used.
fn whole<T>(list: &[T], length: usize) -> &[T] {
    if list.len() == length { list } else { &[] }
}

fn add(to: &mut Cow<'_, [[f32; 3]]>, deltas: &[[f32; 3]], weight: f32) {
    if deltas.len() != to.len() {
        return;
    }
    for (v, d) in to.to_mut().iter_mut().zip(deltas) {
        for c in 0..3 {
            v[c] += d[c] * weight;
        }
    }
}

/// Linear blend skinning (glTF 2.0, section 3.7.3.2): the mesh's own node has no say in it.
fn bend(placed: &mut Placed<'_>, skin: &Skin, p: &Primitive, pose: &Pose) {
    let bind = skin.geometry_bind.unwrap_or(DMat4::IDENTITY);
    let mut joints: Vec<DMat4> = skin
        .joints
        .iter()
        .enumerate()
        .map(|(j, node)| {
            let world = pose.world.get(*node).copied().unwrap_or(DMat4::IDENTITY);
            let inverse = skin.inverse_binds.get(j).copied().unwrap_or(DMat4::IDENTITY);
            world * inverse * bind
        })
        .collect();
    // Vertices are kept about the first joint, where f32 is fine enough.
    let anchor = skin.joints.first().and_then(|j| pose.world.get(*j));
    let anchor = anchor.map_or(DVec3::ZERO, |m| m.w_axis.truncate());
    for joint in &mut joints {
        // Weights sum to one, so the anchor may be taken from each.
        joint.w_axis -= anchor.extend(0.0);
    }
    let blended = |v: usize| {
        let mut sum = DMat4::ZERO;
        for (joint, weight) in p.joints[v].iter().zip(p.weights[v]) {
            if weight != 0.0
                && let Some(matrix) = joints.get(usize::from(*joint))
            {
                sum += *matrix * f64::from(weight);
            }
        }
        sum
    };
    let at = |list: &[[f32; 3]], v: usize| DVec3::from_array(list[v].map(f64::from));
    let count = placed.positions.len();
    let bent: Vec<([f32; 3], [f32; 3])> = (0..count)
        .into_par_iter()
        .with_min_len(1024)
        .map(|v| {
            let matrix = blended(v);
            let position = matrix.transform_point3(at(&placed.positions, v));
            let normal = if placed.normals.is_empty() {
                DVec3::ZERO
            } else {
                let turn = for_normals(&DMat3::from_mat4(matrix));
                (turn * at(&placed.normals, v)).normalize_or_zero()
            };
            (
                position.to_array().map(|c| c as f32),
                normal.to_array().map(|c| c as f32),
            )
        })
        .collect();
    if !placed.normals.is_empty() {
        placed.normals = Cow::Owned(bent.iter().map(|b| b.1).collect());
    }
    placed.positions = Cow::Owned(bent.into_iter().map(|b| b.0).collect());
    placed.world_from_local = DMat4::from_translation(anchor);
}
