//! A frame's passes in one OpenEXR file, and back.
//!
//! One part of many channels, so that any compositor finds its way:
//!
//! | channels | kept as | what |
//! |---|---|---|
//! | `R` `G` `B` `A` | half | colour, linear ACEScg, premultiplied |
//! | `depth.Z` | float | metres along the view axis; infinite where nothing is |
//! | `normal.X` `.Y` `.Z` | float | unit normals, world |
//! | `cameraNormal.X` `.Y` `.Z` | float | unit normals, camera space (x right, y up, z towards the camera) |
//! | `position.X` `.Y` `.Z` | float | metres, world |
//! | `id.I` | whole | object ids; names in the attribute `heirloom/objects`, JSON of id to name |
//! | `forward.u` `.v` | float | motion to the next frame in pixels, x right, y **up** as Nuke has it |
//! | `backward.u` `.v` | float | motion to the previous frame, likewise |
//! | `forward.occlusion` `backward.occlusion` | float | 1 where hidden in that frame |
//!
//! Attributes: `heirloom/frame`, `heirloom/rate` (frames a second as a fraction), `heirloom/cameraFromWorld` (rows of
//! the matrix), `heirloom/focalPx` or `heirloom/scalePx`, `heirloom/focalMm`, `heirloom/centerX` and `centerY` (where the axis
//! meets the picture, pixels from its upper left corner).

use std::collections::BTreeMap;
use std::path::Path;

use heirloom_engine::GuideFrame;
use heirloom_engine::guides::{Certainty, Pass};
use heirloom_film::{Rate, Size};
use heirloom_picture::exr::{LayerAttribute, Layers, Samples, ascii_json, read_layers, write_layers};
use heirloom_picture::{Image, WriteError, exr::ExrError};

use crate::pose::{Projection, View};

/// What a frame's file says beside its passes.
#[derive(Debug, Clone, Copy)]
pub struct Heading<'a> {
    /// The frame's number.
    pub frame: u32,
    /// Frames a second.
    pub rate: Rate,
    /// Size of the passes in pixels: the picture's or the window's.
    pub size: Size,
    /// The camera.
    pub view: &'a View,
    /// Objects' names.
    pub names: &'a BTreeMap<u32, String>,
}

/// Writes a frame, whole or not at all.
///
/// # Errors
/// Where the frame has no passes, they are not of the stated size, or the file cannot be written.
pub fn write_frame(path: &Path, frame: &GuideFrame, heading: &Heading<'_>) -> Result<(), WriteError> {
    let mut layers = Layers {
        width: heading.size.width,
        height: heading.size.height,
        channels: channels(frame),
        attributes: BTreeMap::new(),
    };
    let mut note = |name: &str, value| layers.attributes.insert(format!("heirloom/{name}"), value);
    let view = heading.view;
    note("frame", LayerAttribute::Number(heading.frame as f32));
    let rate = format!("{}/{}", heading.rate.num(), heading.rate.den());
    note("rate", LayerAttribute::Text(rate));
    note("objects", LayerAttribute::Text(manifest(heading.names)));
    let rows = view.camera_from_world.transpose().to_cols_array();
    note("cameraFromWorld", LayerAttribute::Matrix(rows.map(|v| v as f32)));
    let (name, scale) = match view.projection {
        Projection::Perspective { focal_px } => ("focalPx", focal_px),
        Projection::Orthographic { scale_px } => ("scalePx", scale_px),
    };
    note(name, LayerAttribute::Number(scale as f32));
    note("focalMm", LayerAttribute::Number(view.focal_mm as f32));
    note("centerX", LayerAttribute::Number(view.center_px.x as f32));
    note("centerY", LayerAttribute::Number(view.center_px.y as f32));
    write_layers(path, &layers)
}

/// JSON of id to name in ASCII: what lies beyond is escaped.
fn manifest(names: &BTreeMap<u32, String>) -> String {
    // By number, not by its digits as a JSON object would have them.
    let entries: Vec<String> = names
        .iter()
        .map(|(id, name)| format!("\"{id}\":{}", ascii_json(&name.as_str().into())))
        .collect();
    format!("{{{}}}", entries.join(","))
}

/// One channel of a list of tuples.
fn part<const N: usize>(values: &[[f32; N]], c: usize, sign: f32) -> Samples {
    // Not −0 for 0.
    Samples::Float(
        values
            .iter()
            .map(|v| if v[c] == 0.0 { 0.0 } else { sign * v[c] })
            .collect(),
    )
}

fn channels(frame: &GuideFrame) -> BTreeMap<String, Samples> {
    let mut all = BTreeMap::new();
    let mut add = |name: String, samples| all.insert(name, samples);
    if let Some((image, _)) = &frame.color {
        for (c, name) in ["R", "G", "B", "A"].into_iter().enumerate() {
            add(
                name.into(),
                Samples::Half(image.pixels().iter().map(|p| p[c]).collect()),
            );
        }
    }
    for (layer, pass) in [
        ("normal", &frame.world_normal),
        ("cameraNormal", &frame.camera_normal),
        ("position", &frame.position_m),
    ] {
        if let Some(pass) = pass {
            for (c, axis) in ["X", "Y", "Z"].into_iter().enumerate() {
                add(format!("{layer}.{axis}"), part(&pass.values, c, 1.0));
            }
        }
    }
    for (layer, pass) in [
        ("forward", &frame.motion_next_px),
        ("backward", &frame.motion_previous_px),
    ] {
        if let Some(pass) = pass {
            add(format!("{layer}.u"), part(&pass.values, 0, 1.0));
            add(format!("{layer}.v"), part(&pass.values, 1, -1.0));
        }
    }
    for (name, pass) in [
        ("depth.Z", &frame.depth_m),
        ("forward.occlusion", &frame.occlusion),
        ("backward.occlusion", &frame.occlusion_previous),
    ] {
        if let Some(pass) = pass {
            add(name.into(), Samples::Float(pass.values.clone()));
        }
    }
    if let Some(pass) = &frame.object_id {
        add("id.I".into(), Samples::Whole(pass.values.clone()));
    }
    all
}

/// A frame read back.
#[derive(Debug, Clone)]
pub struct Read {
    /// Its passes.
    pub frame: GuideFrame,
    /// Size in pixels.
    pub size: Size,
    /// Objects' names.
    pub names: BTreeMap<u32, String>,
}

/// Reads a frame that [`write_frame`] wrote. Channels that are not known are left out.
///
/// # Errors
/// Where the file cannot be read.
pub fn read_frame(path: &Path) -> Result<Read, ExrError> {
    let mut layers = read_layers(path)?;
    let size = Size {
        width: layers.width,
        height: layers.height,
    };
    let names = match layers.attributes.get("heirloom/objects") {
        Some(LayerAttribute::Text(json)) => serde_json::from_str(json).unwrap_or_default(),
        _ => BTreeMap::new(),
    };
    let mut take = |name: &str| match layers.channels.remove(name) {
        Some(Samples::Half(v) | Samples::Float(v)) => Some(v),
        _ => None,
    };
    let exact = |values| Pass {
        values,
        certainty: Certainty::Exact,
    };
    let color = match (take("R"), take("G"), take("B"), take("A")) {
        (Some(r), Some(g), Some(b), a) => {
            let pixel = |i: usize| [r[i], g[i], b[i], a.as_ref().map_or(1.0, |a| a[i])];
            Image::from_pixels(size.width, size.height, (0..r.len()).map(pixel).collect())
        }
        _ => None,
    };
    let mut three = |layer: &str| {
        let (x, y, z) = (
            take(&format!("{layer}.X"))?,
            take(&format!("{layer}.Y"))?,
            take(&format!("{layer}.Z"))?,
        );
        let values = (0..x.len()).map(|i| [x[i], y[i], z[i]]).collect();
        Some(Pass {
            values,
            certainty: Certainty::Exact,
        })
    };
    let (world_normal, camera_normal, position_m) =
        (three("normal"), three("cameraNormal"), three("position"));
    let mut two = |layer: &str| {
        let (u, v) = (take(&format!("{layer}.u"))?, take(&format!("{layer}.v"))?);
        let up = |v: f32| if v == 0.0 { 0.0 } else { -v };
        let values = (0..u.len()).map(|i| [u[i], up(v[i])]).collect();
        Some(Pass {
            values,
            certainty: Certainty::Exact,
        })
    };
    let (motion_next_px, motion_previous_px) = (two("forward"), two("backward"));
    let frame = GuideFrame {
        color: color.map(|c| (c, Certainty::Exact)),
        depth_m: take("depth.Z").map(exact),
        world_normal,
        camera_normal,
        position_m,
        motion_next_px,
        motion_previous_px,
        occlusion: take("forward.occlusion").map(exact),
        occlusion_previous: take("backward.occlusion").map(exact),
        object_id: match layers.channels.remove("id.I") {
            Some(Samples::Whole(values)) => Some(Pass {
                values,
                certainty: Certainty::Exact,
            }),
            _ => None,
        },
        light: None,
    };
    Ok(Read { frame, size, names })
}
