//! Meshes, their morph targets, and surfaces that move every vertex by itself.

use serde_json::{Map, Value, json};

use super::look;
use super::pack::Pack;
use crate::scene::{Mesh, Primitive, Scene, Warning};

/// Most keys of a surface that moves by itself; each becomes a morph target.
const MOVING_KEYS: usize = 96;

/// Whether a mesh has nothing that could be written.
pub(super) fn empty(mesh: &Mesh) -> bool {
    mesh.primitives.iter().all(hollow)
}

fn hollow(p: &Primitive) -> bool {
    p.positions.is_empty() || p.triangles.is_empty()
}

/// The index in the file of a mesh of the scene: empty ones are left out, for the file has none.
pub(super) fn index(scene: &Scene, mesh: usize) -> usize {
    scene.meshes[..mesh].iter().filter(|mesh| !empty(mesh)).count()
}

/// How many morph targets of its own a mesh has.
pub(super) fn targets(mesh: &Mesh) -> usize {
    mesh.primitives.iter().map(|p| p.morphs.len()).max().unwrap_or(0)
}

/// The times at which a mesh whose vertices move by themselves is written; empty where none do.
pub(super) fn moving_times(mesh: &Mesh) -> Vec<f64> {
    let mut times: Vec<f64> = mesh
        .primitives
        .iter()
        .filter_map(|p| p.moving.as_ref())
        .filter(|track| !track.is_constant())
        .flat_map(|track| track.times_s().iter().copied())
        .collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    if times.len() > MOVING_KEYS {
        let last = times.len() - 1;
        times = (0..MOVING_KEYS)
            .map(|i| times[i * last / (MOVING_KEYS - 1)])
            .collect();
    }
    times
}

/// Every mesh that has something to show.
pub(super) fn meshes(scene: &Scene, pack: &mut Pack, warnings: &mut Vec<Warning>) -> Vec<Value> {
    scene
        .meshes
        .iter()
        .filter(|mesh| !empty(mesh))
        .map(|mesh| {
            let times = moving_times(mesh);
            let whole = mesh
                .primitives
                .iter()
                .filter_map(|p| p.moving.as_ref())
                .map(|track| track.times_s().len())
                .max()
                .unwrap_or(0);
            if whole > times.len() && times.len() == MOVING_KEYS {
                warnings.push(Warning {
                    subject: mesh.name.clone(),
                    what: format!(
                        "its vertices move at {whole} keys, of which {MOVING_KEYS} are written; glTF has a morph target \
                         for each, and more would make the file very large"
                    ),
                });
            }
            let count = targets(mesh);
            let primitives: Vec<Value> = mesh
                .primitives
                .iter()
                .filter(|p| !hollow(p))
                .map(|p| primitive(scene, p, count, &times, pack))
                .collect();
            json!({ "name": mesh.name, "primitives": primitives })
        })
        .collect()
}

fn primitive(scene: &Scene, p: &Primitive, morphs: usize, times: &[f64], pack: &mut Pack) -> Value {
    let vertices = p.positions.len();
    let places: Vec<[f32; 3]> = p.positions.iter().map(|p| p.map(sound)).collect();
    let mut attributes = Map::new();
    attributes.insert("POSITION".into(), json!(pack.places(&places)));
    let has_normals = p.normals.len() == vertices;
    if has_normals {
        let normals: Vec<[f32; 3]> = p.normals.iter().map(upright).collect();
        attributes.insert("NORMAL".into(), json!(pack.vertices(&normals)));
    }
    if p.uvs.len() == vertices {
        let uvs: Vec<[f32; 2]> = p.uvs.iter().map(|uv| uv.map(sound)).collect();
        attributes.insert("TEXCOORD_0".into(), json!(pack.vertices(&uvs)));
    }
    if p.colors.len() == vertices {
        attributes.insert("COLOR_0".into(), json!(pack.vertices(&look::colors(&p.colors))));
    }
    if p.joints.len() == vertices && p.weights.len() == vertices {
        attributes.insert("JOINTS_0".into(), json!(pack.joints(&p.joints)));
        attributes.insert("WEIGHTS_0".into(), json!(pack.vertices(&p.weights)));
    }
    let mut json = json!({ "attributes": attributes, "indices": pack.triangles(&p.triangles), "mode": 4 });
    if let Some(material) = p.material.filter(|m| *m < scene.materials.len()) {
        json["material"] = json!(material);
    }
    let mut targets = Vec::new();
    for morph in (0..morphs).map(|i| p.morphs.get(i)) {
        let nothing = vec![[0.0; 3]; vertices];
        let deltas = |list: Option<&Vec<[f32; 3]>>| {
            list.filter(|list| list.len() == vertices)
                .cloned()
                .unwrap_or_else(|| nothing.clone())
        };
        let mut target = Map::new();
        let moved = deltas(morph.map(|m| &m.positions));
        target.insert("POSITION".into(), json!(pack.places(&moved)));
        // All targets have the same attributes.
        if has_normals && p.morphs.iter().any(|m| !m.normals.is_empty()) {
            let turned = deltas(morph.map(|m| &m.normals));
            target.insert("NORMAL".into(), json!(pack.vertices(&turned)));
        }
        targets.push(Value::Object(target));
    }
    for time in times {
        let at = p.moving.as_ref().map(|track| track.at(*time));
        let deltas: Vec<[f32; 3]> = (0..vertices)
            .map(|i| {
                let to = at.as_ref().and_then(|at| at.get(i)).unwrap_or(&places[i]);
                [0, 1, 2].map(|c| sound(to[c] - places[i][c]))
            })
            .collect();
        targets.push(json!({ "POSITION": pack.places(&deltas) }));
    }
    if !targets.is_empty() {
        json["targets"] = Value::Array(targets);
    }
    json
}

fn sound(v: f32) -> f32 {
    if v.is_finite() { v } else { 0.0 }
}

/// Of length one, as the file wants it.
fn upright(n: &[f32; 3]) -> [f32; 3] {
    let length = (n[0] * n[0] + n[1] * n[1] + n[2] * n[2]).sqrt();
    if length.is_finite() && length > 1e-12 {
        n.map(|v| v / length)
    } else {
        [0.0, 1.0, 0.0]
    }
}
