//! The wgpu path against the processor's own passes. Where there is no adapter the tests say so and hold nothing;
//! `HEIRLOOM_NEED_GPU=1` makes that a failure.
#![cfg(feature = "gpu")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use glam::{DMat4, DQuat, DVec3};
use heirloom_engine::GuideFrame;
use heirloom_film::{Rate, Size};
use heirloom_picture::Image;
use heirloom_stage::gpu::{GpuError, GpuRenderer};
use heirloom_stage::passes::{Passes, Renderer, Shot, Wanted, Window};
use heirloom_stage::scene::{
    AlphaMode, Camera, Fit, Light, LightKind, Material, Mesh, Node, Placement, Primitive, Scene, Skin,
    Texture, TextureUse, Wrap,
};
use heirloom_stage::track::{Interpolation, Track};

/// Software drivers are slow enough one at a time.
static ONE: Mutex<()> = Mutex::new(());

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
fn things(base: [f64; 3]) -> Scene {
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
fn holes() -> Scene {
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
fn arm() -> Scene {
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

fn shot(scene: &Scene, size: Size) -> Shot {
    Shot {
        camera: scene.camera_node(None).unwrap(),
        start_s: 0.0,
        rate: Rate::new(24, 1).unwrap(),
        frames: 48,
        size,
    }
}

/// Opens the device, or says why not. None where there is none and none is needed.
fn opened<'r, 'a>(renderer: &'r Renderer<'a>) -> Option<GpuRenderer<'r, 'a>> {
    match GpuRenderer::new(renderer) {
        Ok(gpu) => Some(gpu),
        Err(GpuError::NoAdapter(why)) if std::env::var("HEIRLOOM_NEED_GPU").as_deref() != Ok("1") => {
            eprintln!("skipped for want of an adapter: {why}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn frames_of(gpu: &mut GpuRenderer<'_, '_>, wanted: &Wanted) -> Vec<GuideFrame> {
    let mut frames = Vec::new();
    let summary = gpu.render(wanted, &AtomicBool::new(false), |number, frame| {
        assert_eq!(number, wanted.frames.start + frames.len() as u32);
        frames.push(std::mem::take(frame));
        ControlFlow::Continue(())
    });
    assert_eq!(summary.unwrap().frames as usize, frames.len());
    frames
}

/// Shares of pixels, and means.
#[derive(Debug)]
struct Agreement {
    ids: f64,
    depth: f64,
    normals: f64,
    position: f64,
    motion: f64,
    occlusion: f64,
    color_mean: f64,
    sky_motion: f64,
}

fn far<const N: usize>(a: [f32; N], b: [f32; N]) -> f64 {
    let square: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    square.sqrt()
}

fn agreement(a: &GuideFrame, b: &GuideFrame) -> Agreement {
    let ids = |f: &GuideFrame| f.object_id.as_ref().unwrap().values.clone();
    let (ia, ib) = (ids(a), ids(b));
    let same: Vec<usize> = (0..ia.len()).filter(|i| ia[*i] == ib[*i]).collect();
    let seen: Vec<usize> = same.iter().copied().filter(|i| ia[*i] != 0).collect();
    let sky: Vec<usize> = same.iter().copied().filter(|i| ia[*i] == 0).collect();
    let share = |of: &[usize], holds: &dyn Fn(usize) -> bool| {
        of.iter().filter(|i| holds(**i)).count() as f64 / (of.len() as f64).max(1.0)
    };
    let depth = |f: &GuideFrame, i: usize| f.depth_m.as_ref().unwrap().values[i];
    let world = |f: &GuideFrame, i: usize| f.world_normal.as_ref().unwrap().values[i];
    let camera = |f: &GuideFrame, i: usize| f.camera_normal.as_ref().unwrap().values[i];
    let place = |f: &GuideFrame, i: usize| f.position_m.as_ref().unwrap().values[i];
    let next = |f: &GuideFrame, i: usize| f.motion_next_px.as_ref().unwrap().values[i];
    let previous = |f: &GuideFrame, i: usize| f.motion_previous_px.as_ref().unwrap().values[i];
    let hidden = |f: &GuideFrame, i: usize| {
        (
            f.occlusion.as_ref().unwrap().values[i],
            f.occlusion_previous.as_ref().unwrap().values[i],
        )
    };
    let moves = |i: usize| far(next(a, i), next(b, i)) < 0.01 && far(previous(a, i), previous(b, i)) < 0.01;
    let pixels = |f: &GuideFrame| f.color.as_ref().unwrap().0.pixels().to_vec();
    let (ca, cb) = (pixels(a), pixels(b));
    let color: f64 = ca.iter().zip(&cb).map(|(a, b)| far(*a, *b)).sum();
    assert!(
        sky.iter()
            .all(|i| depth(b, *i).is_infinite() && world(b, *i) == [0.0; 3] && place(b, *i) == [0.0; 3])
    );
    Agreement {
        ids: same.len() as f64 / ia.len() as f64,
        depth: share(&seen, &|i| (depth(a, i) - depth(b, i)).abs() < 1e-4 * depth(a, i)),
        normals: share(&seen, &|i| {
            far(world(a, i), world(b, i)) < 0.01 && far(camera(a, i), camera(b, i)) < 0.01
        }),
        // A step of f32 so far from the origin comes on top.
        position: share(&seen, &|i| {
            let size = place(a, i).iter().fold(0.0f32, |m, c| m.max(c.abs()));
            let most = f64::from(1e-4 * depth(a, i) + 2.5e-7 * size);
            far(place(a, i), place(b, i)) < most
        }),
        motion: share(&seen, &moves),
        occlusion: share(&same, &|i| hidden(a, i) == hidden(b, i)),
        color_mean: color / ca.len() as f64,
        sky_motion: share(&sky, &moves),
    }
}

fn hold(scene: &Scene, size: Size, frames: std::ops::Range<u32>) {
    let _one = ONE.lock();
    let renderer = Renderer::new(scene, shot(scene, size)).unwrap();
    let Some(mut gpu) = opened(&renderer) else { return };
    let wanted = Wanted::all(frames.clone());
    let want = renderer.guides(&wanted, &AtomicBool::new(false)).unwrap();
    let got = frames_of(&mut gpu, &wanted);
    assert_eq!(want.frames.len(), got.len());
    for (i, (want, got)) in want.frames.iter().zip(&got).enumerate() {
        let a = agreement(want, got);
        eprintln!("{} frame {i}: {a:?}", gpu.adapter());
        assert!(a.ids >= 0.995, "{a:?}");
        assert!(a.depth >= 0.999, "{a:?}");
        assert!(a.normals >= 0.995, "{a:?}");
        assert!(a.position >= 0.999, "{a:?}");
        assert!(a.motion >= 0.999, "{a:?}");
        assert!(a.occlusion >= 0.99, "{a:?}");
        assert!(a.sky_motion >= 0.999, "{a:?}");
        assert!(a.color_mean < 0.01, "{a:?}");
    }
}

const SMALL: Size = Size {
    width: 320,
    height: 180,
};

#[test]
fn things_under_a_sun_agree() {
    hold(&things([0.0; 3]), SMALL, 1..4);
}

#[test]
fn things_far_from_the_origin_agree() {
    hold(&things([20_000.0, 500.0, -30_000.0]), SMALL, 0..2);
}

#[test]
fn holes_and_lamps_agree() {
    hold(&holes(), SMALL, 0..2);
}

#[test]
fn a_skin_before_an_orthographic_camera_agrees() {
    hold(&arm(), SMALL, 5..8);
}

#[test]
fn what_rests_has_no_motion() {
    let _one = ONE.lock();
    let mut scene = things([0.0; 3]);
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
    let renderer = Renderer::new(&scene, shot(&scene, SMALL)).unwrap();
    let Some(mut gpu) = opened(&renderer) else { return };
    for frame in frames_of(&mut gpu, &Wanted::all(0..2)) {
        assert!(
            frame
                .motion_next_px
                .unwrap()
                .values
                .iter()
                .all(|m| *m == [0.0; 2])
        );
        assert!(
            frame
                .motion_previous_px
                .unwrap()
                .values
                .iter()
                .all(|m| *m == [0.0; 2])
        );
        assert!(frame.occlusion.unwrap().values.iter().all(|o| *o == 0.0));
    }
}

#[test]
fn a_window_has_the_values_of_the_whole() {
    let _one = ONE.lock();
    let scene = things([0.0; 3]);
    let renderer = Renderer::new(&scene, shot(&scene, SMALL)).unwrap();
    let Some(mut gpu) = opened(&renderer) else { return };
    let whole = frames_of(&mut gpu, &Wanted::all(3..4)).remove(0);
    let window = Window {
        x: 37,
        y: 51,
        size: Size {
            width: 101,
            height: 67,
        },
    };
    let wanted = Wanted {
        frames: 3..4,
        passes: Passes::DEPTH | Passes::OBJECTS | Passes::POSITION | Passes::NEXT,
        window: Some(window),
    };
    let part = frames_of(&mut gpu, &wanted).remove(0);
    assert!(part.color.is_none() && part.world_normal.is_none() && part.motion_previous_px.is_none());
    let cut = |x: usize, y: usize| (y + 51) * 320 + x + 37;
    let (w, p) = (&whole, &part);
    for y in 0..67 {
        for x in 0..101 {
            let (i, o) = (y * 101 + x, cut(x, y));
            assert_eq!(
                w.depth_m.as_ref().unwrap().values[o],
                p.depth_m.as_ref().unwrap().values[i]
            );
            assert_eq!(
                w.object_id.as_ref().unwrap().values[o],
                p.object_id.as_ref().unwrap().values[i]
            );
            assert_eq!(
                w.position_m.as_ref().unwrap().values[o],
                p.position_m.as_ref().unwrap().values[i]
            );
            assert_eq!(
                w.motion_next_px.as_ref().unwrap().values[o],
                p.motion_next_px.as_ref().unwrap().values[i]
            );
            assert_eq!(
                w.occlusion.as_ref().unwrap().values[o],
                p.occlusion.as_ref().unwrap().values[i]
            );
        }
    }
}

#[test]
fn a_renderer_goes_on_after_it_was_stopped() {
    let _one = ONE.lock();
    let scene = things([0.0; 3]);
    let renderer = Renderer::new(&scene, shot(&scene, SMALL)).unwrap();
    let Some(mut gpu) = opened(&renderer) else { return };
    let summary = gpu.render(&Wanted::all(0..9), &AtomicBool::new(false), |_, _| {
        ControlFlow::Break(())
    });
    assert_eq!(summary.unwrap().frames, 1);
    let stopped = gpu.render(&Wanted::all(0..9), &AtomicBool::new(true), |_, _| {
        ControlFlow::Continue(())
    });
    assert!(stopped.is_err());
    assert_eq!(frames_of(&mut gpu, &Wanted::all(4..6)).len(), 2);
}

#[test]
fn a_picture_beyond_the_device_is_refused_with_the_mend() {
    let _one = ONE.lock();
    let scene = things([0.0; 3]);
    let small = Renderer::new(&scene, shot(&scene, SMALL)).unwrap();
    let Some(gpu) = opened(&small) else { return };
    let limit = gpu.largest_side_px();
    if limit >= heirloom_stage::passes::LARGEST {
        return;
    }
    let size = Size {
        width: limit + 1,
        height: 4,
    };
    let renderer = Renderer::new(&scene, shot(&scene, size)).unwrap();
    let error = GpuRenderer::new(&renderer).unwrap_err().to_string();
    assert!(error.contains("tiles"), "{error}");
}
