//! The wgpu path against the processor's own passes. Where there is no adapter the tests say so and hold nothing;
//! `HEIRLOOM_NEED_GPU=1` makes that a failure.
#![cfg(feature = "gpu")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod scenes;

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use heirloom_engine::GuideFrame;
use heirloom_engine::guides::Pass;
use heirloom_film::{Rate, Size};
use heirloom_stage::gpu::{GpuError, GpuRenderer};
use heirloom_stage::passes::{Passes, Renderer, Shot, Wanted, Window};
use heirloom_stage::scene::Scene;
use scenes::{arm, holes, nothing, rested, things};

/// Software drivers are slow enough one at a time.
static ONE: Mutex<()> = Mutex::new(());

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
    // Of nothing at all, everything holds.
    let share = |of: &[usize], holds: &dyn Fn(usize) -> bool| {
        let lost = of.iter().filter(|i| !holds(**i)).count();
        1.0 - lost as f64 / (of.len() as f64).max(1.0)
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
fn an_empty_scene_is_sky() {
    hold(&nothing(), SMALL, 0..2);
}

#[test]
fn what_rests_has_no_motion() {
    let _one = ONE.lock();
    for scene in [rested(things([0.0; 3])), rested(holes())] {
        let renderer = Renderer::new(&scene, shot(&scene, SMALL)).unwrap();
        let Some(mut gpu) = opened(&renderer) else {
            return;
        };
        for frame in frames_of(&mut gpu, &Wanted::all(0..1)) {
            let still = |p: Option<Pass<[f32; 2]>>| p.unwrap().values.iter().all(|m| *m == [0.0; 2]);
            let seen = |p: Option<Pass<f32>>| p.unwrap().values.iter().all(|o| *o == 0.0);
            assert!(still(frame.motion_next_px) && still(frame.motion_previous_px));
            assert!(seen(frame.occlusion) && seen(frame.occlusion_previous));
        }
    }
}

#[test]
fn strips_have_the_values_of_the_whole() {
    let _one = ONE.lock();
    let scene = things([0.0; 3]);
    let renderer = Renderer::new(&scene, shot(&scene, SMALL)).unwrap();
    let Some(mut gpu) = opened(&renderer) else {
        return;
    };
    let whole = frames_of(&mut gpu, &Wanted::all(2..4));
    // Some 13 rows each.
    gpu.limit_results(320 * 14 * 4 * 13 + 5);
    for (a, b) in whole.iter().zip(frames_of(&mut gpu, &Wanted::all(2..4))) {
        assert_eq!(a.depth_m, b.depth_m);
        assert_eq!(a.camera_normal, b.camera_normal);
        assert_eq!(a.object_id, b.object_id);
        assert_eq!(a.position_m, b.position_m);
        assert_eq!(a.motion_previous_px, b.motion_previous_px);
        assert_eq!(a.occlusion_previous, b.occlusion_previous);
        let color = |f: &GuideFrame| f.color.as_ref().unwrap().0.pixels().to_vec();
        assert_eq!(color(a), color(&b));
    }
    gpu.limit_results(64);
    let error = gpu.render(&Wanted::all(0..1), &AtomicBool::new(false), |_, _| {
        ControlFlow::Continue(())
    });
    assert!(error.unwrap_err().to_string().contains("fewer passes"));
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
