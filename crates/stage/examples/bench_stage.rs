//! Speed of the rasteriser: a crowd of bumpy balls on a ground, everything moving, all passes.
//!
//! `cargo run --release -p heirloom-stage --example bench_stage [TRIANGLES WIDTH HEIGHT FRAMES]` prints one line of JSON
//! for each setting: the median of seconds a frame, start-up left out. With `--picture FILE.png` the last frame's
//! passes are written as one picture. With `--gpu` (and the feature `gpu`) the wgpu path renders the same frames; its
//! times contain the reading back of all passes. With `--glb FILE` the crowd is written there instead, for peers.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use glam::{DQuat, DVec3};
use heirloom_engine::GuideFrame;
use heirloom_film::{Rate, Size};
use heirloom_stage::passes::{Renderer, Shot, Wanted};
use heirloom_stage::scene::{Camera, Light, LightKind, Material, Mesh, Node, Placement, Primitive, Scene};
use heirloom_stage::track::{Interpolation, Track};

/// A ball with bumps: `rings` x `2·rings` quads.
fn ball(rings: usize, bumps: f64) -> Primitive {
    let columns = rings * 2;
    let mut p = Primitive::default();
    let at = |r: usize, c: usize| {
        let (a, b) = (
            r as f64 / rings as f64 * std::f64::consts::PI,
            c as f64 / columns as f64 * std::f64::consts::TAU,
        );
        let swell = 1.0 + 0.08 * libm::sin(bumps * a) * libm::cos(bumps * b);
        DVec3::new(
            libm::sin(a) * libm::cos(b),
            libm::cos(a),
            -libm::sin(a) * libm::sin(b),
        ) * swell
    };
    for r in 0..=rings {
        for c in 0..=columns {
            p.positions.push(at(r, c % columns).to_array().map(|v| v as f32));
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
    let mut normals = vec![DVec3::ZERO; p.positions.len()];
    for t in &p.triangles {
        let [a, b, c] = t.map(|i| DVec3::from_array(p.positions[i as usize].map(f64::from)));
        let n = (b - a).cross(c - a);
        for i in t {
            normals[*i as usize] += n;
        }
    }
    p.normals = normals
        .iter()
        .map(|n| n.normalize_or(DVec3::Y).to_array().map(|v| v as f32))
        .collect();
    p
}

fn ground(half_m: f32) -> Primitive {
    Primitive {
        positions: vec![
            [-half_m, 0.0, half_m],
            [half_m, 0.0, half_m],
            [half_m, 0.0, -half_m],
            [-half_m, 0.0, -half_m],
        ],
        normals: vec![[0.0, 1.0, 0.0]; 4],
        triangles: vec![[0, 1, 2], [0, 2, 3]],
        ..Primitive::default()
    }
}

/// About so many triangles in balls of some 1 100 each.
fn crowd(triangles: usize) -> Scene {
    let p = ball(16, 5.0);
    let each = p.triangles.len();
    let count = (triangles / each).max(1);
    let mut scene = Scene::default();
    for i in 0..6 {
        let hue = f64::from(i) / 6.0 * std::f64::consts::TAU;
        let c = |shift: f64| (0.42 + 0.22 * libm::cos(hue + shift)) as f32;
        scene.materials.push(Material {
            base_color: [c(0.0), c(2.1), c(4.2), 1.0],
            ..Material::default()
        });
        let mut p = p.clone();
        p.material = Some(i as usize);
        scene.meshes.push(Mesh {
            name: format!("ball {i}"),
            primitives: vec![p],
        });
    }
    scene.meshes.push(Mesh {
        name: "ground".into(),
        primitives: vec![ground(200.0)],
    });
    let mut node = Node::named("ground");
    node.mesh = Some(6);
    scene.nodes.push(node);
    let across = (count as f64).sqrt().ceil() as usize;
    let step = 30.0 / across as f64;
    for i in 0..count {
        let (x, z) = ((i % across) as f64, (i / across) as f64);
        let place = DVec3::new((x + 0.5) * step - 15.0, 0.36 * step, -(z + 0.5) * step);
        let wave = (i * 7 % 11) as f64 / 11.0 * std::f64::consts::TAU;
        let times: Vec<f64> = (0..9).map(|k| f64::from(k) * 0.5).collect();
        let hops = times
            .iter()
            .map(|t| place + DVec3::new(0.2, 0.25, 0.1) * step * libm::sin(wave + 2.0 * t).abs())
            .collect();
        let turns = times
            .iter()
            .map(|t| DQuat::from_rotation_y(wave + t) * DQuat::from_rotation_x(0.7 * t))
            .collect();
        let mut node = Node::named(format!("ball {i}"));
        node.mesh = Some(i % 6);
        node.placement = Placement::Parts {
            translation: Track::keys(times.clone(), hops, Interpolation::Linear).unwrap(),
            rotation: Track::keys(times, turns, Interpolation::Linear).unwrap(),
            scale: Track::constant(DVec3::splat(0.36 * step)),
        };
        scene.nodes.push(node);
    }
    scene.lights.push(Light {
        name: "sun".into(),
        kind: LightKind::Sun { angle_deg: 0.53 },
        color: [1.0, 0.93, 0.82],
        intensity: Track::constant(60_000.0),
    });
    let mut sun = Node::named("sun");
    sun.light = Some(0);
    sun.placement = Placement::fixed(
        DVec3::ZERO,
        DQuat::from_rotation_y(-0.9) * DQuat::from_rotation_x(-0.7),
        DVec3::ONE,
    );
    scene.nodes.push(sun);
    scene.cameras.push(Camera::with_lens("camera", 28.0));
    let mut camera = Node::named("camera");
    camera.camera = Some(0);
    let times: Vec<f64> = (0..9).map(|k| f64::from(k) * 0.5).collect();
    camera.placement = Placement::Parts {
        translation: Track::keys(
            times.clone(),
            times
                .iter()
                .map(|t| DVec3::new(t - 2.0, 6.0 - 0.3 * t, 5.0 - 0.5 * t))
                .collect(),
            Interpolation::Linear,
        )
        .unwrap(),
        rotation: Track::keys(
            times.clone(),
            times
                .iter()
                .map(|t| DQuat::from_rotation_y(-0.05 * t) * DQuat::from_rotation_x(-0.36))
                .collect(),
            Interpolation::Linear,
        )
        .unwrap(),
        scale: Track::constant(DVec3::ONE),
    };
    scene.nodes.push(camera);
    scene.duration_s = 4.0;
    scene
}

struct Setting {
    triangles: usize,
    size: Size,
    frames: u32,
    gpu: bool,
}

/// Renders the shot, hands each frame out, and says on what.
fn render(
    renderer: &Renderer<'_>,
    wanted: &Wanted,
    gpu: bool,
    sink: impl FnMut(u32, &mut GuideFrame) -> ControlFlow<()>,
) -> String {
    let never = AtomicBool::new(false);
    if !gpu {
        renderer.render(wanted, &never, sink).unwrap();
        return format!("stage, {} threads", rayon::current_num_threads());
    }
    #[cfg(feature = "gpu")]
    {
        let mut drawn = heirloom_stage::gpu::GpuRenderer::new(renderer).unwrap();
        drawn.render(wanted, &never, sink).unwrap();
        format!("wgpu, {}", drawn.adapter())
    }
    #[cfg(not(feature = "gpu"))]
    String::from("nothing: build with --features gpu")
}

fn measure(setting: &Setting, picture: Option<&str>) {
    let Setting { size, frames, .. } = *setting;
    let scene = crowd(setting.triangles);
    let shot = Shot {
        camera: scene.camera_node(None).unwrap(),
        start_s: 0.5,
        rate: Rate::CINEMA,
        frames,
        size,
    };
    let renderer = Renderer::new(&scene, shot).unwrap();
    let mut times = Vec::new();
    let mut last = Instant::now();
    let by = render(
        &renderer,
        &Wanted::all(0..frames),
        setting.gpu,
        |number, frame| {
            times.push(last.elapsed().as_secs_f64());
            if number + 1 == frames
                && let Some(path) = picture
            {
                heirloom_stage::preview::write(std::path::Path::new(path), frame, size).unwrap();
            }
            last = Instant::now();
            ControlFlow::Continue(())
        },
    );
    if times.len() < 3 {
        println!("{{\"renderer\":\"{by}\"}}");
        return;
    }
    // The first frame also waits for the ones beside it, and the last one for the one after it.
    times.pop();
    times.remove(0);
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    println!(
        "{{\"renderer\":\"{by}\",\"triangles\":{},\"width\":{},\"height\":{},\"frames\":{},\"seconds_a_frame\":{median:.4},\"fastest\":{:.4}}}",
        renderer.cast().triangles,
        size.width,
        size.height,
        times.len(),
        times[0],
    );
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut picture = None;
    if let Some(at) = arguments.iter().position(|a| a == "--picture") {
        picture = arguments.get(at + 1).cloned();
        arguments.drain(at..(at + 2).min(arguments.len()));
    }
    if let Some(at) = arguments.iter().position(|a| a == "--glb") {
        let triangles = arguments[0].parse().unwrap();
        let written =
            heirloom_stage::write_glb::glb(&crowd(triangles), Size { width: 16, height: 9 }).unwrap();
        std::fs::write(&arguments[at + 1], written.bytes).unwrap();
        return;
    }
    let gpu = arguments.iter().any(|a| a == "--gpu");
    arguments.retain(|a| a != "--gpu");
    let numbers: Vec<u32> = arguments.iter().map(|a| a.parse().unwrap()).collect();
    let setting = |triangles, width, height, frames| Setting {
        triangles,
        size: Size { width, height },
        frames,
        gpu,
    };
    if let [triangles, width, height, frames] = numbers[..] {
        let setting = setting(triangles as usize, width, height, frames);
        measure(&setting, picture.as_deref());
    } else {
        measure(&setting(50_000, 640, 360, 24), None);
        measure(&setting(1_000_000, 1920, 1080, 9), None);
    }
}
