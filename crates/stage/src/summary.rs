//! What a scene holds, in numbers: for `heirloom stage check`.

use std::collections::BTreeMap;
use std::fmt;

use glam::DVec3;
use serde::Serialize;

use crate::posed::{Cast, Posed};
use crate::scene::{LightKind, Scene};
use crate::track::Track;

/// What a scene holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SceneSummary {
    /// The scene's name.
    pub name: String,
    /// Nodes of the tree.
    pub nodes: usize,
    /// Things of their own in the object-id pass, by name, in the order of their ids.
    pub objects: Vec<String>,
    /// Triangles as shown: those of a mesh that two nodes show count twice.
    pub triangles: u64,
    /// Vertices, counted the same way.
    pub vertices: u64,
    /// Meshes, each counted once.
    pub meshes: usize,
    /// Meshes that bones, morph targets or keys of their own move.
    pub deforming_meshes: usize,
    /// Materials by name.
    pub materials: Vec<String>,
    /// Pictures on surfaces.
    pub textures: Vec<TextureSummary>,
    /// Cameras that nodes carry.
    pub cameras: Vec<CameraSummary>,
    /// Lights that nodes carry.
    pub lights: Vec<LightSummary>,
    /// When the animation ends, in seconds.
    pub duration_s: f64,
    /// Of all that is shown at the start: the lowest and the highest x, y and z of the world in metres. None where
    /// nothing is shown.
    pub bounds_m: Option<[[f64; 3]; 2]>,
    /// What was not carried or had to be mended.
    pub warnings: Vec<WarningSummary>,
}

/// A picture on surfaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextureSummary {
    /// Its name or file.
    pub name: String,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// A camera that a node carries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CameraSummary {
    /// The node's name, by which a shot asks for it.
    pub name: String,
    /// Shortest and longest focal length in millimetres; none for an orthographic camera.
    pub focal_mm: Option<[f64; 2]>,
    /// Width and height of the film back in millimetres.
    pub back_mm: [f64; 2],
    /// Whether it or a node above it moves.
    pub moves: bool,
}

/// A light that a node carries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LightSummary {
    /// The node's name.
    pub name: String,
    /// `sun`, `point`, `spot`, `area` or `dome`.
    pub kind: &'static str,
    /// Strength at the start, in `unit`.
    pub intensity: f64,
    /// `W/m²`, `W/sr`, `W/m²/sr`, or `times` for a dome's factor.
    pub unit: &'static str,
}

/// Something that was not carried or had to be mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WarningSummary {
    /// What it is about.
    pub subject: String,
    /// What was found, and the mend.
    pub what: String,
}

/// What a scene holds.
pub fn summary(scene: &Scene) -> SceneSummary {
    // A scene with more than can be numbered cannot be shown either: then it has no objects and no bounds here.
    let cast = Cast::of(scene);
    let (triangles, vertices) = match &cast {
        Ok(cast) => (cast.triangles.into(), cast.vertices.into()),
        Err(much) => (much.triangles, much.vertices),
    };
    let cast = cast.ok();
    let deforming: std::collections::BTreeSet<usize> = cast
        .iter()
        .flat_map(|c| &c.instances)
        .filter(|i| i.deforms)
        .map(|i| i.mesh)
        .collect();
    SceneSummary {
        name: scene.name.clone(),
        nodes: scene.nodes.len(),
        objects: cast
            .as_ref()
            .map_or_else(BTreeMap::new, |c| c.names.clone())
            .into_values()
            .collect(),
        triangles,
        vertices,
        meshes: scene.meshes.len(),
        deforming_meshes: deforming.len(),
        materials: scene.materials.iter().map(|m| m.name.clone()).collect(),
        textures: scene
            .textures
            .iter()
            .map(|t| TextureSummary {
                name: t.name.clone(),
                width: t.image.width(),
                height: t.image.height(),
            })
            .collect(),
        cameras: cameras(scene),
        lights: lights(scene),
        duration_s: scene.duration_s,
        bounds_m: cast.and_then(|cast| bounds(scene, &cast)),
        warnings: scene
            .warnings
            .iter()
            .map(|w| WarningSummary {
                subject: w.subject.clone(),
                what: w.what.clone(),
            })
            .collect(),
    }
}

fn cameras(scene: &Scene) -> Vec<CameraSummary> {
    let mut moves: Vec<bool> = Vec::with_capacity(scene.nodes.len());
    let mut found = Vec::new();
    for node in &scene.nodes {
        let above = node.parent.is_some_and(|p| moves[p]);
        moves.push(above || !node.placement.is_constant());
        let Some(camera) = node.camera.and_then(|c| scene.cameras.get(c)) else {
            continue;
        };
        let range = |track: &Track<f64>| {
            let values = track.values();
            [
                values.iter().copied().fold(f64::INFINITY, f64::min),
                values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            ]
        };
        found.push(CameraSummary {
            name: node.name.clone(),
            focal_mm: camera.focal_mm.as_ref().map(range),
            back_mm: camera.back_mm,
            moves: moves.last().copied().unwrap_or(false),
        });
    }
    found
}

fn lights(scene: &Scene) -> Vec<LightSummary> {
    let carried = scene
        .nodes
        .iter()
        .filter_map(|n| Some((n, scene.lights.get(n.light?)?)));
    carried
        .map(|(node, light)| {
            let (kind, unit) = match light.kind {
                LightKind::Sun { .. } => ("sun", "W/m²"),
                LightKind::Point { .. } => ("point", "W/sr"),
                LightKind::Spot { .. } => ("spot", "W/sr"),
                LightKind::Area { .. } => ("area", "W/m²/sr"),
                LightKind::Dome(_) => ("dome", "times"),
            };
            LightSummary {
                name: node.name.clone(),
                kind,
                intensity: light.intensity.at(0.0),
                unit,
            }
        })
        .collect()
}

fn bounds(scene: &Scene, cast: &Cast) -> Option<[[f64; 3]; 2]> {
    let posed = Posed::at(scene, cast, 0.0);
    let (mut low, mut high) = (DVec3::INFINITY, DVec3::NEG_INFINITY);
    for placed in posed.placed.iter().filter(|p| p.visible) {
        for position in placed.positions.iter() {
            let world = placed
                .world_from_local
                .transform_point3(DVec3::from_array(position.map(f64::from)));
            low = low.min(world);
            high = high.max(world);
        }
    }
    (low.is_finite() && high.is_finite()).then(|| [low.to_array(), high.to_array()])
}

/// A list of names, the first few of them.
fn names<'a>(all: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 8;
    let count = all.len();
    let mut list = all.take(SHOWN).collect::<Vec<_>>().join(", ");
    if count > SHOWN {
        list.push_str(&format!(" and {} more", count - SHOWN));
    }
    list
}

impl fmt::Display for SceneSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        let mut row = |label: &str, text: String| writeln!(f, "  {label:<10} {text}");
        let objects = names(self.objects.iter().map(String::as_str));
        row("objects", format!("{}: {objects}", self.objects.len()))?;
        row(
            "shape",
            format!(
                "{} triangles, {} vertices, {} meshes ({} change shape), {} nodes",
                self.triangles, self.vertices, self.meshes, self.deforming_meshes, self.nodes
            ),
        )?;
        if let Some([low, high]) = self.bounds_m {
            let size = [0, 1, 2].map(|i| high[i] - low[i]);
            row(
                "size",
                format!(
                    "{:.2} x {:.2} x {:.2} m, x {:.2} to {:.2}, y {:.2} to {:.2}, z {:.2} to {:.2}",
                    size[0], size[1], size[2], low[0], high[0], low[1], high[1], low[2], high[2]
                ),
            )?;
        }
        let materials = names(self.materials.iter().map(String::as_str));
        row("materials", format!("{}: {materials}", self.materials.len()))?;
        for texture in &self.textures {
            row(
                "picture",
                format!("{}, {} x {}", texture.name, texture.width, texture.height),
            )?;
        }
        for camera in &self.cameras {
            let lens = match camera.focal_mm {
                None => "orthographic".to_owned(),
                Some([a, b]) if (a - b).abs() < 0.005 => format!("{a:.1} mm"),
                Some([a, b]) => format!("{a:.1} to {b:.1} mm"),
            };
            let [w, h] = camera.back_mm;
            let stand = if camera.moves { "moves" } else { "stands still" };
            row(
                "camera",
                format!("{}, {lens}, back {w:.1} x {h:.1} mm, {stand}", camera.name),
            )?;
        }
        for light in &self.lights {
            row(
                "light",
                format!(
                    "{}, {}, {:.3} {}",
                    light.name, light.kind, light.intensity, light.unit
                ),
            )?;
        }
        row("length", format!("{:.3} s", self.duration_s))?;
        for warning in &self.warnings {
            row("warning", format!("{}: {}", warning.subject, warning.what))?;
        }
        Ok(())
    }
}
