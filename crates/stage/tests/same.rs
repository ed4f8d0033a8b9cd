//! The same bytes, however they are made.
#![allow(clippy::unwrap_used)]

mod common;

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use common::{SMALL, bytes, render, set, shot};
use heirloom_film::Size;
use heirloom_picture::Image;
use heirloom_stage::passes::{Passes, RenderError, Renderer, Wanted, Window};
use heirloom_stage::scene::{
    AlphaMode, Light, LightKind, Material, Node, Placement, Scene, Texture, TextureUse, Wrap,
};
use heirloom_stage::track::Track;
use heirloom_stage::{Simd, choose_simd};

/// The moving set with a sun, and a texture with holes on the cube.
fn rich() -> (Scene, usize) {
    let (mut scene, camera) = set();
    let pixels = (0..64)
        .map(|i| {
            let on = ((i % 8) / 2 + (i / 8) / 2) % 2 == 0;
            if on {
                [0.8, 0.3, 0.2, 1.0]
            } else {
                [0.1, 0.1, 0.1, 0.3]
            }
        })
        .collect();
    scene.textures.push(Texture {
        name: "checks".into(),
        image: Image::from_pixels(8, 8, pixels).unwrap(),
        wrap: [Wrap::Repeat; 2],
    });
    scene.materials.push(Material {
        base_color: [1.0; 4],
        base_texture: Some(TextureUse::plain(0)),
        alpha: AlphaMode::Mask(0.5),
        ..Material::default()
    });
    let cube = scene.nodes.iter().position(|n| n.name == "cube").unwrap();
    let p = &mut scene.meshes[scene.nodes[cube].mesh.unwrap()].primitives[0];
    p.uvs = p.positions.iter().map(|v| [v[0] + v[2], v[1] - v[2]]).collect();
    p.material = Some(0);
    scene.lights.push(Light {
        name: "sun".into(),
        kind: LightKind::Sun { angle_deg: 0.5 },
        color: [1.0, 0.9, 0.8],
        intensity: Track::constant(40_000.0),
    });
    let mut sun = Node::named("sun");
    sun.light = Some(0);
    let turn = glam::DQuat::from_rotation_y(-0.8) * glam::DQuat::from_rotation_x(-0.8);
    sun.placement = Placement::fixed(glam::DVec3::ZERO, turn, glam::DVec3::ONE);
    scene.nodes.push(sun);
    (scene, camera)
}

fn on_threads(threads: usize, scene: &Scene, camera: usize) -> Vec<u8> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| bytes(&render(scene, shot(camera, SMALL, 3), &Wanted::all(0..2))))
}

/// One test, since the choice of the kernel holds for the process.
#[test]
fn threads_and_simd_do_not_matter_and_bytes_are_the_golden_ones() {
    let (scene, camera) = rich();
    let one = on_threads(1, &scene, camera);
    assert!(one == on_threads(3, &scene, camera), "threads matter");
    choose_simd(Simd::Off);
    let plain = on_threads(2, &scene, camera);
    choose_simd(Simd::Auto);
    assert!(one == plain, "AVX2 matters");
    // When this changes on purpose, say so in CHANGELOG.md: takes made from guides rest on these bytes.
    insta::assert_snapshot!(blake3::hash(&one).to_hex().as_str(), @"c7532afa022de548d6396ceb7e0942ad5ebdbd882a92f4b7473d641811c4e002");
}

#[test]
fn a_window_is_a_crop() {
    let (scene, camera) = rich();
    let whole = render(&scene, shot(camera, SMALL, 3), &Wanted::all(0..2));
    for (x, y, width, height) in [
        (0, 0, 160, 90),
        (33, 21, 70, 40),
        (100, 60, 60, 30),
        (159, 89, 1, 1),
    ] {
        let window = Window {
            x,
            y,
            size: Size { width, height },
        };
        let wanted = Wanted {
            window: Some(window),
            ..Wanted::all(0..2)
        };
        let part = render(&scene, shot(camera, SMALL, 3), &wanted);
        let mut crop = whole.clone();
        crop.size = window.size;
        for f in &mut crop.frames {
            fn cut<T: Copy>(values: &mut Vec<T>, w: &Window) {
                let rows = (w.y..w.y + w.size.height)
                    .flat_map(|y| (w.x..w.x + w.size.width).map(move |x| (y * 160 + x) as usize));
                *values = rows.map(|i| values[i]).collect();
            }
            let mut pixels = f.color.as_ref().unwrap().0.pixels().to_vec();
            cut(&mut pixels, &window);
            f.color.as_mut().unwrap().0 = Image::from_pixels(width, height, pixels).unwrap();
            for p in [&mut f.depth_m, &mut f.occlusion, &mut f.occlusion_previous] {
                cut(&mut p.as_mut().unwrap().values, &window);
            }
            for p in [&mut f.world_normal, &mut f.camera_normal, &mut f.position_m] {
                cut(&mut p.as_mut().unwrap().values, &window);
            }
            for p in [&mut f.motion_next_px, &mut f.motion_previous_px] {
                cut(&mut p.as_mut().unwrap().values, &window);
            }
            cut(&mut f.object_id.as_mut().unwrap().values, &window);
        }
        assert!(bytes(&part) == bytes(&crop), "window at {x}, {y}");
    }
}

#[test]
fn a_frame_alone_is_the_frame_in_a_run_and_passes_alone_are_those_of_all() {
    let (scene, camera) = rich();
    let run = render(&scene, shot(camera, SMALL, 4), &Wanted::all(0..3));
    let alone = render(&scene, shot(camera, SMALL, 4), &Wanted::all(2..3));
    let mut last = run.clone();
    last.frames.drain(..2);
    assert!(bytes(&alone) == bytes(&last));
    for passes in [
        Passes::COLOR,
        Passes::DEPTH | Passes::NORMALS,
        Passes::OBJECTS | Passes::POSITION,
        Passes::NEXT,
        Passes::PREVIOUS,
    ] {
        let some = render(
            &scene,
            shot(camera, SMALL, 4),
            &Wanted {
                passes,
                ..Wanted::all(0..3)
            },
        );
        let mut same = run.clone();
        for (s, f) in some.frames.iter().zip(&mut same.frames) {
            f.color = f.color.take().filter(|_| s.color.is_some());
            f.depth_m = f.depth_m.take().filter(|_| s.depth_m.is_some());
            f.world_normal = f.world_normal.take().filter(|_| s.world_normal.is_some());
            f.camera_normal = f.camera_normal.take().filter(|_| s.camera_normal.is_some());
            f.object_id = f.object_id.take().filter(|_| s.object_id.is_some());
            f.position_m = f.position_m.take().filter(|_| s.position_m.is_some());
            f.motion_next_px = f.motion_next_px.take().filter(|_| s.motion_next_px.is_some());
            f.motion_previous_px = f
                .motion_previous_px
                .take()
                .filter(|_| s.motion_previous_px.is_some());
            f.occlusion = f.occlusion.take().filter(|_| s.occlusion.is_some());
            f.occlusion_previous = f
                .occlusion_previous
                .take()
                .filter(|_| s.occlusion_previous.is_some());
        }
        assert!(
            !bytes(&some).is_empty() && bytes(&some) == bytes(&same),
            "{passes:?}"
        );
    }
}

#[test]
fn a_run_stops_when_told() {
    let (scene, camera) = set();
    let renderer = Renderer::new(&scene, shot(camera, SMALL, 9)).unwrap();
    let stop = AtomicBool::new(false);
    let summary = renderer.render(&Wanted::all(0..9), &stop, |frame, _| {
        if frame == 1 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(summary.unwrap().frames, 2);
    let stop = AtomicBool::new(true);
    let stopped = renderer.render(&Wanted::all(0..9), &stop, |_, _| ControlFlow::Continue(()));
    assert_eq!(stopped, Err(RenderError::Stopped));
}

#[test]
fn absurd_wishes_are_refused() {
    let (scene, camera) = set();
    let size = |width, height| Size { width, height };
    let shot_of = |size| heirloom_stage::passes::Shot {
        size,
        ..shot(camera, SMALL, 1)
    };
    for s in [size(0, 90), size(160, 0), size(1 << 20, 90)] {
        assert!(matches!(
            Renderer::new(&scene, shot_of(s)),
            Err(RenderError::Size { .. })
        ));
    }
    assert!(matches!(
        Renderer::new(&scene, shot(0, SMALL, 1)),
        Err(RenderError::View(_))
    ));
    let renderer = Renderer::new(&scene, shot(camera, SMALL, 1)).unwrap();
    let wanted = Wanted {
        window: Some(Window {
            x: 100,
            y: 0,
            size: size(100, 10),
        }),
        ..Wanted::all(0..1)
    };
    let refused = renderer.guides(&wanted, &AtomicBool::new(false));
    assert!(matches!(refused, Err(RenderError::Window { .. })));
}
