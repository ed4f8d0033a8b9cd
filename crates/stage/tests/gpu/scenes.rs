//! Small scenes with everything that the two renderers must agree on.

use glam::{DMat4, DQuat, DVec3};
use heirloom_picture::Image;
use heirloom_stage::scene::{
    AlphaMode, Camera, Fit, Light, LightKind, Material, Mesh, Node, Placement, Primitive, Scene, Skin,
    Texture, TextureUse, Wrap,
};
use heirloom_stage::track::{Interpolation, Track};

fn sphere(rings: u32, smooth: bool) -> Primitive {
    let mut p = Primitive::default();
    let around = rings * 2;
    for r in 0..=rings {
        for a in 0..=around {
            let (v, u) = (f64::from(r) / f64::from(rings), f64::from(a) / f64::from(around));
            let (polar, turn) = (v * std::f64::consts::PI, u * std::f64::consts::TAU);
            let n = [polar.sin() * turn.cos(), polar.cos(), polar.sin() * turn.sin()].map(|c| c as f32);
            p.positions.push(n);
            if smooth {
                p.normals.push(n);
            }
            p.uvs.push([u as f32, v as f32]);
        }
    }
    for r in 0..rings {
        for a in 0..around {
            let i = r * (around + 1) + a;
            p.triangles.push([i, i + 1, i + around + 1]);
            p.triangles.push([i + 1, i + around + 2, i + around + 1]);
        }
    }
    p
}

/// A square of side 2 in x and z that faces up.
fn square(cells: u32) -> Primitive {
    let mut p = Primitive::default();
    let side = |i: u32| f64::from(i) / f64::from(cells) * 2.0 - 1.0;
    for z in 0..=cells {
        for x in 0..=cells {
            p.positions.push([side(x) as f32, 0.0, side(z) as f32]);
            p.normals.push([0.0, 1.0, 0.0]);
            p.uvs
                .push([x as f32 / cells as f32 * 4.0, z as f32 / cells as f32 * 4.0]);
        }
    }
    for z in 0..cells {
        for x in 0..cells {
            let i = z * (cells + 1) + x;
            p.triangles.push([i, i + cells + 1, i + 1]);
            p.triangles.push([i + 1, i + cells + 1, i + cells + 2]);
        }
    }
    p
}

fn cube() -> Primitive {
    let mut p = Primitive::default();
    for c in 0..8u32 {
        p.positions
            .push([0, 1, 2].map(|b| if c >> b & 1 == 1 { 1.0 } else { -1.0 }));
    }
    p.triangles = vec![
        [0, 2, 1],
        [1, 2, 3],
        [4, 5, 6],
        [5, 7, 6],
        [0, 1, 4],
        [1, 5, 4],
        [2, 6, 3],
        [3, 6, 7],
        [0, 4, 2],
        [2, 4, 6],
        [1, 3, 5],
        [3, 7, 5],
    ];
    p
}

fn checks(alpha: bool) -> Texture {
    let mut image = Image::new(16, 16);
    for (i, pixel) in image.pixels_mut().iter_mut().enumerate() {
        let on = (i % 16 / 4 + i / 64) % 2 == 0;
        *pixel = match (on, alpha) {
            (true, _) => [0.8, 0.5, 0.2, 1.0],
            (false, false) => [0.1, 0.2, 0.4, 1.0],
            (false, true) => [0.0; 4],
        };
    }
    Texture {
        name: "checks".into(),
        image,
        wrap: [Wrap::Repeat, Wrap::Mirror],
    }
}

fn shown(
    scene: &mut Scene,
    name: &str,
    mut p: Primitive,
    material: Option<Material>,
    placement: Placement,
) -> usize {
    if let Some(material) = material {
        p.material = Some(scene.materials.len());
        scene.materials.push(material);
    }
    scene.meshes.push(Mesh {
        name: name.into(),
        primitives: vec![p],
    });
    scene.nodes.push(Node {
        mesh: Some(scene.meshes.len() - 1),
        placement,
        ..Node::named(name)
    });
    scene.nodes.len() - 1
}

fn still(at: [f64; 3], scale: f64) -> Placement {
    Placement::fixed(DVec3::from_array(at), DQuat::IDENTITY, DVec3::splat(scale))
}

/// From `from` over two seconds to `to`.
fn moving(from: [f64; 3], to: [f64; 3], turn_y: f64, scale: DVec3) -> Placement {
    let keys = vec![DVec3::from_array(from), DVec3::from_array(to)];
    Placement::Parts {
        translation: Track::keys(vec![0.0, 2.0], keys, Interpolation::Linear).unwrap(),
        rotation: Track::keys(
            vec![0.0, 2.0],
            vec![DQuat::IDENTITY, DQuat::from_rotation_y(turn_y)],
            Interpolation::Linear,
        )
        .unwrap(),
        scale: Track::constant(scale),
    }
}

fn camera(scene: &mut Scene, camera: Camera, placement: Placement) {
    scene.cameras.push(camera);
    scene.nodes.push(Node {
        camera: Some(scene.cameras.len() - 1),
        placement,
        ..Node::named("camera")
    });
}

fn light(scene: &mut Scene, kind: LightKind, intensity: f64, placement: Placement) {
    scene.lights.push(Light {
        name: "light".into(),
        kind,
        color: [1.0, 0.9, 0.8],
        intensity: Track::constant(intensity),
    });
    scene.nodes.push(Node {
        light: Some(scene.lights.len() - 1),
        placement,
        ..Node::named("light")
    });
}

fn colored(r: f32, g: f32, b: f32) -> Material {
    Material {
        base_color: [r, g, b, 1.0],
        ..Material::default()
    }
}

fn textured(scene: &mut Scene, alpha: AlphaMode) -> Material {
    scene.textures.push(checks(alpha != AlphaMode::Opaque));
    Material {
        base_color: [1.0; 4],
        base_texture: Some(TextureUse::plain(scene.textures.len() - 1)),
        alpha,
        ..Material::default()
    }
}

fn looking(from: [f64; 3], to: [f64; 3]) -> (DVec3, DQuat) {
    let (from, to) = (DVec3::from_array(from), DVec3::from_array(to));
    let back = (from - to).normalize();
    let right = DVec3::Y.cross(back).normalize();
    let m = glam::DMat3::from_cols(right, back.cross(right), back);
    (from, DQuat::from_mat3(&m))
}

/// Balls and boxes on a ground, with moving and mirrored ones, under a sun, seen by a moving camera.
pub fn things(base: [f64; 3]) -> Scene {
    let at = |x: f64, y: f64, z: f64| [base[0] + x, base[1] + y, base[2] + z];
    let mut scene = Scene::default();
    let ground = textured(&mut scene, AlphaMode::Opaque);
    shown(
        &mut scene,
        "ground",
        square(8),
        Some(ground),
        still(at(0.0, 0.0, 0.0), 12.0),
    );
    shown(
        &mut scene,
        "ball",
        sphere(24, true),
        Some(colored(0.7, 0.2, 0.2)),
        moving(at(-1.5, 1.0, 0.0), at(1.0, 1.3, 1.0), 1.0, DVec3::ONE),
    );
    shown(
        &mut scene,
        "flat ball",
        sphere(12, false),
        Some(colored(0.2, 0.6, 0.3)),
        still(at(1.8, 0.8, -1.5), 0.8),
    );
    let one_sided = Material {
        double_sided: false,
        ..colored(0.3, 0.3, 0.8)
    };
    shown(
        &mut scene,
        "box",
        cube(),
        Some(one_sided.clone()),
        moving(
            at(0.4, 0.6, 2.0),
            at(-0.6, 0.6, 2.2),
            0.8,
            DVec3::new(0.5, 0.6, 0.4),
        ),
    );
    shown(
        &mut scene,
        "mirrored box",
        cube(),
        Some(one_sided),
        moving(
            at(2.6, 0.5, 1.0),
            at(2.6, 0.5, 0.5),
            -0.9,
            DVec3::new(-0.5, 0.5, 0.5),
        ),
    );
    let blink = shown(
        &mut scene,
        "blinking",
        cube(),
        None,
        still(at(-3.0, 0.5, -2.0), 0.5),
    );
    scene.nodes[blink].visible = Track::keys(vec![0.0, 0.1], vec![true, false], Interpolation::Step).unwrap();
    light(
        &mut scene,
        LightKind::Sun { angle_deg: 0.5 },
        50_000.0,
        Placement::fixed(
            DVec3::ZERO,
            DQuat::from_rotation_y(0.6) * DQuat::from_rotation_x(-0.9),
            DVec3::ONE,
        ),
    );
    let (from, turn) = looking(at(0.0, 2.5, 7.0), at(0.0, 0.8, 0.0));
    camera(
        &mut scene,
        Camera::with_lens("lens", 35.0),
        Placement::Parts {
            translation: Track::keys(
                vec![0.0, 2.0],
                vec![from, from + DVec3::new(1.5, 0.2, -0.5)],
                Interpolation::Linear,
            )
            .unwrap(),
            rotation: Track::constant(turn),
            scale: Track::constant(DVec3::ONE),
        },
    );
    scene
}

/// A fence with holes and a half see-through pane before a wall, lit by a lamp.
pub fn holes() -> Scene {
    let mut scene = Scene::default();
    let upright = DQuat::from_rotation_x(std::f64::consts::FRAC_PI_2);
    let stands = |z: f64, scale: f64| Placement::fixed(DVec3::new(0.0, 1.0, z), upright, DVec3::splat(scale));
    shown(
        &mut scene,
        "wall",
        square(2),
        Some(colored(0.6, 0.6, 0.5)),
        stands(-2.0, 4.0),
    );
    let fence = textured(&mut scene, AlphaMode::Mask(0.5));
    shown(&mut scene, "fence", square(2), Some(fence), stands(0.0, 1.5));
    let pane = Material {
        base_color: [0.2, 0.8, 0.9, 0.3],
        alpha: AlphaMode::Blend,
        ..Material::default()
    };
    shown(
        &mut scene,
        "pane",
        square(1),
        Some(pane),
        moving([2.2, 1.0, 0.5], [1.0, 1.0, 0.5], 0.3, DVec3::splat(0.6)),
    );
    shown(
        &mut scene,
        "lantern",
        sphere(8, true),
        Some(Material {
            emission: [2.0, 1.5, 1.0],
            ..colored(0.0, 0.0, 0.0)
        }),
        still([-1.2, 2.6, 1.0], 0.15),
    );
    light(
        &mut scene,
        LightKind::Point { radius_m: 0.05 },
        400.0,
        still([-1.2, 2.6, 1.6], 1.0),
    );
    light(
        &mut scene,
        LightKind::Spot {
            inner_deg: 20.0,
            outer_deg: 35.0,
            radius_m: 0.0,
        },
        900.0,
        still([1.5, 1.0, 5.0], 1.0),
    );
    let (from, turn) = looking([0.5, 1.4, 5.0], [0.0, 1.0, 0.0]);
    camera(
        &mut scene,
        Camera::with_lens("lens", 30.0),
        Placement::fixed(from, turn, DVec3::ONE),
    );
    scene
}

/// A bending arm (skin) over a ground, seen by an orthographic camera.
pub fn arm() -> Scene {
    let mut scene = Scene::default();
    shown(
        &mut scene,
        "ground",
        square(4),
        Some(colored(0.5, 0.5, 0.5)),
        still([0.0, -1.2, 0.0], 5.0),
    );
    for (name, z) in [("root", 0.0), ("elbow", 1.0)] {
        let parent = (name == "elbow").then(|| scene.nodes.len() - 1);
        let turn = if name == "elbow" { 1.2 } else { 0.2 };
        scene.nodes.push(Node {
            parent,
            placement: moving([0.0, z, 0.0], [0.0, z, 0.0], turn, DVec3::ONE),
            ..Node::named(name)
        });
    }
    let joints = vec![1, 2];
    let mut skin = sphere(20, true);
    for p in &mut skin.positions {
        *p = [p[0] * 0.4 + 0.3 * p[1], p[1] * 1.5 + 0.5, p[2] * 0.4];
    }
    skin.joints = vec![[0, 1, 0, 0]; skin.positions.len()];
    skin.weights = skin
        .positions
        .iter()
        .map(|p| {
            let w = (p[1] * 0.5).clamp(0.0, 1.0);
            [1.0 - w, w, 0.0, 0.0]
        })
        .collect();
    let node = shown(
        &mut scene,
        "arm",
        skin,
        Some(colored(0.8, 0.5, 0.4)),
        Placement::default(),
    );
    scene.skins.push(Skin {
        joints,
        inverse_binds: vec![
            DMat4::IDENTITY,
            DMat4::from_translation(DVec3::new(0.0, -1.0, 0.0)),
        ],
        geometry_bind: None,
    });
    scene.nodes[node].skin = Some(0);
    let (from, turn) = looking([2.0, 3.0, 6.0], [0.0, 0.5, 0.0]);
    let lens = Camera {
        focal_mm: None,
        back_mm: [6000.0, 4000.0],
        fit: Fit::Height,
        clip_m: [0.0, 1000.0],
        ..Camera::with_lens("plan", 35.0)
    };
    camera(&mut scene, lens, Placement::fixed(from, turn, DVec3::ONE));
    scene
}

/// A camera and nothing else.
pub fn nothing() -> Scene {
    let mut scene = Scene::default();
    let turned = Placement::Parts {
        translation: Track::constant(DVec3::ZERO),
        rotation: Track::keys(
            vec![0.0, 2.0],
            vec![DQuat::IDENTITY, DQuat::from_rotation_y(1.0)],
            Interpolation::Linear,
        )
        .unwrap(),
        scale: Track::constant(DVec3::ONE),
    };
    camera(&mut scene, Camera::with_lens("lens", 35.0), turned);
    scene
}

/// The scene as it stands at its beginning, for good.
pub fn rested(mut scene: Scene) -> Scene {
    for node in &mut scene.nodes {
        node.placement = match &node.placement {
            Placement::Parts {
                translation,
                rotation,
                scale,
            } => Placement::fixed(translation.at(0.0), rotation.at(0.0), scale.at(0.0)),
            Placement::Matrix(m) => Placement::Matrix(Track::constant(m.at(0.0))),
        };
        node.visible = Track::constant(true);
    }
    scene
}
