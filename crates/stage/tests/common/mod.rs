//! Small scenes for tests.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::atomic::AtomicBool;

use glam::{DQuat, DVec3};
use heirloom_engine::GuideSet;
use heirloom_film::{Rate, Size};
use heirloom_stage::passes::{Renderer, Shot, Wanted};
use heirloom_stage::scene::{Camera, Mesh, Node, Placement, Primitive, Scene};
use heirloom_stage::track::{Interpolation, Track};

pub const SMALL: Size = Size {
    width: 160,
    height: 90,
};

/// A ball of radius 1, its vertices pushed in and out by `bumps`.
pub fn ball(rings: usize, bumps: f64) -> Primitive {
    let columns = rings * 2;
    let at = |r: usize, c: usize| {
        let a = r as f64 / rings as f64 * std::f64::consts::PI;
        let b = (c % columns) as f64 / columns as f64 * std::f64::consts::TAU;
        let swell = 1.0 + bumps * libm::sin(5.0 * a) * libm::cos(5.0 * b);
        DVec3::new(
            libm::sin(a) * libm::cos(b),
            libm::cos(a),
            -libm::sin(a) * libm::sin(b),
        ) * swell
    };
    let mut p = Primitive::default();
    for r in 0..=rings {
        for c in 0..=columns {
            let v = at(r, c);
            p.positions.push(v.to_array().map(|v| v as f32));
            p.normals.push(v.normalize().to_array().map(|v| v as f32));
        }
    }
    let row = columns as u32 + 1;
    for r in 0..rings as u32 {
        for c in 0..columns as u32 {
            let i = r * row + c;
            p.triangles.push([i, i + row, i + row + 1]);
            p.triangles.push([i, i + row + 1, i + 1]);
        }
    }
    p
}

/// A square on the ground about the origin.
pub fn ground(half_m: f32) -> Primitive {
    Primitive {
        positions: vec![
            [-half_m, 0.0, half_m],
            [half_m, 0.0, half_m],
            [half_m, 0.0, -half_m],
            [-half_m, 0.0, -half_m],
        ],
        triangles: vec![[0, 1, 2], [0, 2, 3]],
        ..Primitive::default()
    }
}

/// A cube from −1 to 1 with flat sides.
pub fn cube() -> Primitive {
    let mut p = Primitive::default();
    for axis in 0..3 {
        for side in [-1.0f32, 1.0] {
            let first = p.positions.len() as u32;
            for (a, b) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)] {
                let mut v = [0.0; 3];
                v[axis] = side;
                v[(axis + 1) % 3] = a * side;
                v[(axis + 2) % 3] = b;
                p.positions.push(v);
            }
            p.triangles.push([first, first + 1, first + 2]);
            p.triangles.push([first, first + 2, first + 3]);
        }
    }
    p
}

/// Adds a mesh of its own with a node; returns the node's index.
pub fn add(scene: &mut Scene, name: &str, primitive: Primitive, placement: Placement) -> usize {
    scene.meshes.push(Mesh {
        name: name.into(),
        primitives: vec![primitive],
    });
    let mut node = Node::named(name);
    node.mesh = Some(scene.meshes.len() - 1);
    node.placement = placement;
    scene.nodes.push(node);
    scene.nodes.len() - 1
}

/// Adds a camera; returns its node.
pub fn camera(scene: &mut Scene, focal_mm: Track<f64>, placement: Placement) -> usize {
    let mut camera = Camera::with_lens("camera", 35.0);
    camera.focal_mm = Some(focal_mm);
    scene.cameras.push(camera);
    let mut node = Node::named("camera");
    node.camera = Some(scene.cameras.len() - 1);
    node.placement = placement;
    scene.nodes.push(node);
    scene.nodes.len() - 1
}

/// A placement through keys at whole seconds.
pub fn keyed(translations: Vec<DVec3>, rotations: Vec<DQuat>, scale: f64) -> Placement {
    let times = |n: usize| (0..n).map(|t| t as f64).collect::<Vec<_>>();
    let linear = Interpolation::Linear;
    Placement::Parts {
        translation: Track::keys(times(translations.len()), translations, linear).unwrap(),
        rotation: Track::keys(times(rotations.len()), rotations, linear).unwrap(),
        scale: Track::constant(DVec3::splat(scale)),
    }
}

pub fn shot(camera: usize, size: Size, frames: u32) -> Shot {
    Shot {
        camera,
        start_s: 0.25,
        rate: Rate::CINEMA,
        frames,
        size,
    }
}

/// A ball and a cube over a ground, all moving, before a moving camera.
pub fn set() -> (Scene, usize) {
    let mut scene = Scene::default();
    add(&mut scene, "ground", ground(30.0), Placement::default());
    add(
        &mut scene,
        "ball",
        ball(12, 0.1),
        keyed(
            vec![DVec3::new(-2.0, 1.0, -6.0), DVec3::new(2.5, 1.4, -5.0)],
            vec![DQuat::IDENTITY, DQuat::from_rotation_y(1.5)],
            1.0,
        ),
    );
    add(
        &mut scene,
        "cube",
        cube(),
        keyed(
            vec![DVec3::new(1.0, 0.8, -8.0), DVec3::new(-1.0, 1.0, -7.5)],
            vec![DQuat::IDENTITY, DQuat::from_rotation_z(0.8)],
            0.8,
        ),
    );
    let camera = camera(
        &mut scene,
        Track::constant(30.0),
        keyed(
            vec![DVec3::new(0.0, 2.2, 1.0), DVec3::new(0.6, 2.0, 0.5)],
            vec![DQuat::from_rotation_x(-0.2), DQuat::from_rotation_x(-0.15)],
            1.0,
        ),
    );
    (scene, camera)
}

pub fn render(scene: &Scene, shot: Shot, wanted: &Wanted) -> GuideSet {
    let renderer = Renderer::new(scene, shot).unwrap();
    let guides = renderer.guides(wanted, &AtomicBool::new(false)).unwrap();
    guides.validate().unwrap();
    guides
}

/// All bytes of all passes.
pub fn bytes(guides: &GuideSet) -> Vec<u8> {
    let mut all = Vec::new();
    let mut put = |values: &[f32]| all.extend(values.iter().flat_map(|v| v.to_bits().to_le_bytes()));
    for f in &guides.frames {
        if let Some((image, _)) = &f.color {
            put(image.pixels().as_flattened());
        }
        for p in [&f.depth_m, &f.occlusion, &f.occlusion_previous]
            .into_iter()
            .flatten()
        {
            put(&p.values);
        }
        for p in [&f.world_normal, &f.camera_normal, &f.position_m]
            .into_iter()
            .flatten()
        {
            put(p.values.as_flattened());
        }
        for p in [&f.motion_next_px, &f.motion_previous_px].into_iter().flatten() {
            put(p.values.as_flattened());
        }
        if let Some(p) = &f.object_id {
            put(&p.values.iter().map(|v| f32::from_bits(*v)).collect::<Vec<_>>());
        }
    }
    all
}
