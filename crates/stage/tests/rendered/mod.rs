//! A small scene for the stage's own rasteriser: a textured floor and wall, a crate and a ball, a sun, and a camera
//! that trucks past, eased.

use glam::{DQuat, DVec3};
use heirloom_engine::GuideSet;
use heirloom_film::{Rate, Size};
use heirloom_picture::Image;
use heirloom_stage::passes::{Renderer, Shot, Wanted};
use heirloom_stage::scene::{
    Camera, Light, LightKind, Material, Mesh, Node, Placement, Primitive, Scene, Texture, TextureUse, Wrap,
};
use heirloom_stage::track::{Interpolation, Track};

use crate::analytic::{eased, noise};

const FRAMES_A_SECOND: u32 = 24;

/// The passes of its first frames.
pub fn guides(frames: u32, size: Size) -> GuideSet {
    let scene = scene(frames);
    let camera = scene.camera_node(None).unwrap();
    let shot = Shot {
        camera,
        start_s: 0.0,
        rate: Rate::new(FRAMES_A_SECOND, 1).unwrap(),
        frames,
        size,
    };
    let renderer = Renderer::new(&scene, shot).unwrap();
    renderer
        .guides(&Wanted::all(0..frames), &Default::default())
        .unwrap()
}

fn scene(frames: u32) -> Scene {
    let mut scene = Scene {
        name: "courtyard".into(),
        ..Scene::default()
    };
    let last = f64::from(frames);
    let path = |at: &dyn Fn(f64) -> DVec3| {
        let times = (0..=frames + 1).map(|f| f64::from(f) / f64::from(FRAMES_A_SECOND));
        let places = (0..=frames + 1).map(|f| at(f64::from(f)));
        Track::keys(times.collect(), places.collect(), Interpolation::Linear).unwrap()
    };
    let still = |at: DVec3| Track::constant(at);
    let things: [(&str, Primitive, Track<DVec3>, [f32; 3]); 4] = [
        (
            "floor",
            block(DVec3::new(12.0, 0.1, 12.0), 10.0),
            still(DVec3::new(0.0, -0.1, 0.0)),
            [0.5, 0.45, 0.4],
        ),
        (
            "wall",
            block(DVec3::new(3.0, 1.2, 0.2), 3.0),
            still(DVec3::new(-0.5, 1.2, -4.0)),
            [0.7, 0.7, 0.62],
        ),
        (
            "crate",
            block(DVec3::splat(0.7), 1.0),
            still(DVec3::new(1.6, 0.7, -0.5)),
            [0.3, 0.45, 0.7],
        ),
        (
            "ball",
            ball(0.8),
            path(&|f| DVec3::new(-2.4 + 2.0 * eased(f, 0.2 * last, 0.7 * last), 0.8, 0.4)),
            [0.75, 0.3, 0.2],
        ),
    ];
    for (i, (name, primitive, translation, [r, g, b])) in things.into_iter().enumerate() {
        scene.textures.push(Texture {
            name: name.into(),
            image: speckle(i as u32),
            wrap: [Wrap::Repeat; 2],
        });
        scene.materials.push(Material {
            name: name.into(),
            base_color: [r, g, b, 1.0],
            base_texture: Some(TextureUse::plain(i)),
            ..Material::default()
        });
        scene.meshes.push(Mesh {
            name: name.into(),
            primitives: vec![Primitive {
                material: Some(i),
                ..primitive
            }],
        });
        scene.nodes.push(Node {
            mesh: Some(i),
            placement: Placement::Parts {
                translation,
                rotation: Track::constant(DQuat::IDENTITY),
                scale: Track::constant(DVec3::ONE),
            },
            ..Node::named(name)
        });
    }
    scene.lights.push(Light {
        name: "sun".into(),
        kind: LightKind::Sun { angle_deg: 0.5 },
        color: [1.0; 3],
        intensity: Track::constant(3.0),
    });
    scene.nodes.push(Node {
        light: Some(0),
        placement: Placement::fixed(
            DVec3::ZERO,
            DQuat::from_rotation_arc(DVec3::NEG_Z, DVec3::new(0.5, -0.8, -0.4).normalize()),
            DVec3::ONE,
        ),
        ..Node::named("sun")
    });
    scene.cameras.push(Camera::with_lens("camera", 32.0));
    scene.nodes.push(Node {
        camera: Some(0),
        placement: Placement::Parts {
            translation: path(&|f| DVec3::new(-1.0 + 2.2 * eased(f, 0.1 * last, 0.9 * last), 1.6, 6.0)),
            rotation: Track::constant(DQuat::from_axis_angle(DVec3::X, -0.12)),
            scale: Track::constant(DVec3::ONE),
        },
        ..Node::named("camera")
    });
    scene.duration_s = (last + 1.0) / f64::from(FRAMES_A_SECOND);
    scene
}

/// Grey of many sizes, between a third and all.
fn speckle(seed: u32) -> Image {
    let side = 96u32;
    let pixels = (0..side * side).map(|i| {
        let p = DVec3::new(f64::from(i % side), f64::from(i / side), 0.5);
        let v = 0.66 + 0.2 * noise(p / 12.0, seed) + 0.2 * noise(p / 5.0, seed + 9);
        [v as f32, v as f32, v as f32, 1.0]
    });
    Image::from_pixels(side, side, pixels.collect()).unwrap()
}

fn block(half_m: DVec3, repeats: f32) -> Primitive {
    let mut primitive = Primitive::default();
    for axis in 0..3 {
        for side in [-1.0, 1.0] {
            let mut normal = DVec3::ZERO;
            normal[axis] = side;
            let (mut u, mut v) = (DVec3::ZERO, DVec3::ZERO);
            u[(axis + 1) % 3] = side;
            v[(axis + 2) % 3] = 1.0;
            let first = primitive.positions.len() as u32;
            for (a, b) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)] {
                let at = (normal + u * a + v * b) * half_m;
                primitive.positions.push(at.to_array().map(|v| v as f32));
                primitive.normals.push(normal.to_array().map(|v| v as f32));
                primitive
                    .uvs
                    .push([0.5 + 0.5 * a as f32, 0.5 + 0.5 * b as f32].map(|v| v * repeats));
            }
            primitive
                .triangles
                .extend([[first, first + 1, first + 2], [first, first + 2, first + 3]]);
        }
    }
    primitive
}

fn ball(radius_m: f64) -> Primitive {
    let (columns, rows) = (32u32, 20u32);
    let mut primitive = Primitive::default();
    for row in 0..=rows {
        for column in 0..=columns {
            let (u, v) = (
                f64::from(column) / f64::from(columns),
                f64::from(row) / f64::from(rows),
            );
            let (around, down) = (std::f64::consts::TAU * u, std::f64::consts::PI * v);
            let normal = DVec3::new(
                libm::sin(down) * libm::sin(around),
                libm::cos(down),
                libm::sin(down) * libm::cos(around),
            );
            primitive
                .positions
                .push((normal * radius_m).to_array().map(|v| v as f32));
            primitive.normals.push(normal.to_array().map(|v| v as f32));
            primitive.uvs.push([2.0 * u as f32, v as f32]);
            if row < rows && column < columns {
                let at = row * (columns + 1) + column;
                let below = at + columns + 1;
                primitive
                    .triangles
                    .extend([[at, below, below + 1], [at, below + 1, at + 1]]);
            }
        }
    }
    primitive
}
