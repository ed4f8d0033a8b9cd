//! Pairs of frames whose motion is exact, for measuring optical flow.
//!
//! `cargo run --release -p heirloom-stage --example motion_pairs -- FOLDER [WIDTH HEIGHT]` renders things that carry the
//! demo's photographs, and the Blender scenes of the tests, under moving cameras, and writes `NNN_a.png`, `NNN_b.png`,
//! `NNN_flow.flo` (the stage's own motion) and `NNN_occ.png` (white: hidden in the second frame) into FOLDER.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use glam::{DQuat, DVec3};
use heirloom_engine::GuideFrame;
use heirloom_film::{Rate, Size};
use heirloom_picture::flow::{Flow, flo};
use heirloom_picture::{color, photo, png};
use heirloom_stage::passes::{Passes, Renderer, Shot, Wanted};
use heirloom_stage::read::{ReadOptions, read};
use heirloom_stage::scene::{
    Camera, Material, Mesh, Node, Placement, Primitive, Scene, Texture, TextureUse, Wrap,
};
use heirloom_stage::track::{Interpolation, Track};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Frames at which pairs begin.
const PAIRS: [u32; 5] = [6, 14, 22, 30, 38];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let folder = PathBuf::from(words.next().ok_or("name the folder to write to")?);
    std::fs::create_dir_all(&folder)?;
    let mut side = |usual: u32| words.next().map_or(Ok(usual), |w| w.parse());
    let size = Size {
        width: side(640)?,
        height: side(360)?,
    };
    let mut scenes = vec![photographs()?];
    for name in ["ocean", "room", "tissue"] {
        let path = root().join(format!("crates/stage/tests/scenes/{name}.glb"));
        scenes.push(read(&path, &ReadOptions::default())?);
    }
    let mut number = 0;
    for scene in &scenes {
        for first in PAIRS {
            pair(scene, first, size, &folder, number)?;
            number += 1;
        }
        println!("{}: {} pairs", scene.name, PAIRS.len());
    }
    Ok(())
}

fn pair(scene: &Scene, first: u32, size: Size, folder: &Path, number: usize) -> Result<()> {
    let shot = Shot {
        camera: scene.camera_node(None).ok_or("the scene has no camera")?,
        start_s: 0.0,
        rate: Rate::CINEMA,
        frames: 48,
        size,
    };
    let wanted = Wanted {
        passes: Passes::COLOR | Passes::NEXT,
        ..Wanted::all(first..first + 2)
    };
    let mut frames: Vec<GuideFrame> = Vec::new();
    Renderer::new(scene, shot)?.render(&wanted, &AtomicBool::new(false), |_, frame| {
        frames.push(std::mem::take(frame));
        ControlFlow::Continue(())
    })?;
    let name = |what: &str| folder.join(format!("{number:03}_{what}"));
    for (frame, what) in frames.iter().zip(["a.png", "b.png"]) {
        let (image, _) = frame.color.as_ref().ok_or("there is no colour")?;
        png::write8(&name(what), &color::to_display8(image), size.width, size.height)?;
    }
    let motion = frames[0].motion_next_px.as_ref().ok_or("there is no motion")?;
    let flow =
        Flow::from_motion(size.width, size.height, motion.values.clone()).ok_or("motion of another size")?;
    flo::write(&name("flow.flo"), &flow)?;
    let hidden = frames[0].occlusion.as_ref().ok_or("there is no occlusion")?;
    let codes: Vec<[u8; 3]> = hidden
        .values
        .iter()
        .map(|v| [if *v > 0.5 { 255 } else { 0 }; 3])
        .collect();
    png::write8(&name("occ.png"), &codes, size.width, size.height)?;
    Ok(())
}

/// Balls, boxes and a floor that carry the demo's photographs, all in motion.
fn photographs() -> Result<Scene> {
    let mut scene = Scene {
        name: "photographs".into(),
        duration_s: 2.0,
        ..Scene::default()
    };
    for file in [
        "tissue.png",
        "moon.jpg",
        "eta-carinae.png",
        "coffee.png",
        "retina.jpg",
    ] {
        let image = photo::read(&root().join("demo/archive").join(file))?.image;
        scene.materials.push(Material {
            name: file.into(),
            base_color: [1.0; 4],
            base_texture: Some(TextureUse::plain(scene.textures.len())),
            ..Material::default()
        });
        scene.textures.push(Texture {
            name: file.into(),
            image,
            wrap: [Wrap::Mirror; 2],
        });
    }
    let mut add = |name: &str, mesh: Primitive, at: DVec3, step: DVec3, turn: DVec3| -> Result<()> {
        let times: Vec<f64> = (0..=48).map(|k| f64::from(k) / 24.0).collect();
        let places = times.iter().map(|t| at + step * *t).collect();
        let turns = times.iter().map(|t| DQuat::from_scaled_axis(turn * *t)).collect();
        let mut node = Node::named(name);
        node.mesh = Some(scene.meshes.len());
        scene.meshes.push(Mesh {
            name: name.into(),
            primitives: vec![mesh],
        });
        node.placement = Placement::Parts {
            translation: Track::keys(times.clone(), places, Interpolation::Linear)?,
            rotation: Track::keys(times, turns, Interpolation::Linear)?,
            scale: Track::constant(DVec3::ONE),
        };
        scene.nodes.push(node);
        Ok(())
    };
    let still = DVec3::ZERO;
    add(
        "floor",
        sheet(12.0, 6.0, 3),
        DVec3::new(0.0, -1.0, -4.0),
        still,
        still,
    )?;
    add("wall", wall(7.0), DVec3::new(0.0, 1.2, -7.0), still, still)?;
    add(
        "moon",
        ball(1.0, 1),
        DVec3::new(-1.4, 0.0, -4.0),
        DVec3::new(0.5, 0.0, 0.2),
        DVec3::new(0.0, 0.8, 0.0),
    )?;
    add(
        "cell",
        ball(0.7, 0),
        DVec3::new(1.2, -0.3, -3.0),
        DVec3::new(-0.3, 0.25, 0.0),
        DVec3::new(0.5, -0.6, 0.3),
    )?;
    add(
        "eye",
        ball(0.5, 4),
        DVec3::new(0.2, 0.6, -2.6),
        DVec3::new(0.1, -0.3, -0.4),
        DVec3::new(0.0, 1.2, 0.4),
    )?;
    let mut camera = Node::named("camera");
    camera.camera = Some(0);
    let times: Vec<f64> = (0..=48).map(|k| f64::from(k) / 24.0).collect();
    let places = times
        .iter()
        .map(|t| DVec3::new(0.35 * t - 0.35, 0.15 * t, 1.2 - 0.5 * t))
        .collect();
    let turns = times
        .iter()
        .map(|t| DQuat::from_rotation_y(0.06 * (1.0 - t)))
        .collect();
    camera.placement = Placement::Parts {
        translation: Track::keys(times.clone(), places, Interpolation::Linear)?,
        rotation: Track::keys(times, turns, Interpolation::Linear)?,
        scale: Track::constant(DVec3::ONE),
    };
    scene.nodes.push(camera);
    scene.cameras.push(Camera::with_lens("camera", 32.0));
    Ok(scene)
}

/// A level square of `side_m`, its picture laid `times` over it.
fn sheet(side_m: f32, times: f32, material: usize) -> Primitive {
    let h = side_m / 2.0;
    Primitive {
        positions: vec![[-h, 0.0, h], [h, 0.0, h], [h, 0.0, -h], [-h, 0.0, -h]],
        normals: vec![[0.0, 1.0, 0.0]; 4],
        uvs: vec![[0.0, times], [times, times], [times, 0.0], [0.0, 0.0]],
        triangles: vec![[0, 1, 2], [0, 2, 3]],
        material: Some(material),
        ..Primitive::default()
    }
}

/// An upright square facing +z.
fn wall(side_m: f32) -> Primitive {
    let h = side_m / 2.0;
    Primitive {
        positions: vec![[-h, -h, 0.0], [h, -h, 0.0], [h, h, 0.0], [-h, h, 0.0]],
        normals: vec![[0.0, 0.0, 1.0]; 4],
        uvs: vec![[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]],
        triangles: vec![[0, 1, 2], [0, 2, 3]],
        material: Some(2),
        ..Primitive::default()
    }
}

/// A ball that carries a picture twice round.
fn ball(radius_m: f64, material: usize) -> Primitive {
    const RINGS: u32 = 32;
    const COLUMNS: u32 = 64;
    let mut p = Primitive {
        material: Some(material),
        ..Primitive::default()
    };
    for r in 0..=RINGS {
        for c in 0..=COLUMNS {
            let (v, u) = (f64::from(r) / f64::from(RINGS), f64::from(c) / f64::from(COLUMNS));
            let (a, b) = (v * std::f64::consts::PI, u * std::f64::consts::TAU);
            let n = DVec3::new(
                libm::sin(a) * libm::cos(b),
                libm::cos(a),
                -libm::sin(a) * libm::sin(b),
            );
            p.positions.push((n * radius_m).to_array().map(|v| v as f32));
            p.normals.push(n.to_array().map(|v| v as f32));
            p.uvs.push([u as f32 * 2.0, v as f32]);
        }
    }
    for r in 0..RINGS {
        for c in 0..COLUMNS {
            let i = r * (COLUMNS + 1) + c;
            let below = i + COLUMNS + 1;
            p.triangles.push([i, below, below + 1]);
            p.triangles.push([i, below + 1, i + 1]);
        }
    }
    p
}
