//! Frames of the stage on disk: what is missing is rendered, what fails ends it, and what is there stays.

// Helpers of tests are not tests in clippy's eyes.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use heirloom_film::{Rate, Size};
use heirloom_finish::stage_frames::StageFrames;
use heirloom_finish::{ExportedFrames, FinishError};
use heirloom_picture::WriteError;
use heirloom_stage::blocking::{Blocked, Context, build};
use heirloom_stage::passes::{Passes, Renderer, Shot};

const FILM: &str = r#"
[film]
title = "Small"
size = [64, 36]
[[scene]]
name = "shore"
[[scene.shot]]
name = "010"
frames = 40
kind = "guided"
[scene.shot.blocking]
camera = { at = [0, 1.5, 5] }
moves = [{ kind = "truck", right = 1, frames = [0, 39] }]
[[scene.shot.blocking.thing]]
name = "stone"
shape = "sphere"
"#;

fn blocked() -> Blocked {
    let film = heirloom_film::parse("film.toml", FILM).unwrap().film;
    let shot = &film.scenes[0].shots[0];
    let context = Context::of(&film, shot, None, &|picture| Err(picture.to_string()));
    build(shot.blocking.as_ref().unwrap(), context).unwrap()
}

fn renderer(blocked: &Blocked) -> Renderer<'_> {
    let shot = Shot {
        camera: blocked.camera_node,
        start_s: blocked.start_s,
        rate: Rate::CINEMA,
        frames: 40,
        size: Size::new(64, 36).unwrap(),
    };
    Renderer::new(&blocked.scene, shot).unwrap()
}

#[test]
fn only_what_is_missing_is_rendered() {
    let blocked = blocked();
    let renderer = renderer(&blocked);
    let written = Mutex::new(BTreeSet::new());
    let mut heard = Vec::new();
    let report = StageFrames {
        renderer: &renderer,
        passes: Passes::COLOR | Passes::DEPTH,
        range: 4..16,
        is_there: &|n| [5, 6, 9].contains(&n),
        write: &|n, frame| {
            assert!(frame.color.is_some() && frame.depth_m.is_some() && frame.object_id.is_none());
            assert!(written.lock().unwrap().insert(n), "frame {n} twice");
            Ok(())
        },
    }
    .write_missing(&mut |done, of| heard.push((done, of)), &AtomicBool::new(false))
    .unwrap();
    assert_eq!(report, ExportedFrames { written: 9, kept: 3 });
    let expected: BTreeSet<u32> = (4..16).filter(|n| ![5, 6, 9].contains(n)).collect();
    assert_eq!(written.into_inner().unwrap(), expected);
    assert_eq!((heard.first(), heard.last()), (Some(&(3, 12)), Some(&(12, 12))));
    assert!(
        heard.windows(2).all(|pair| pair[0].0 <= pair[1].0),
        "progress never goes back"
    );
}

#[test]
fn a_frame_that_can_not_be_written_ends_it() {
    let blocked = blocked();
    let renderer = renderer(&blocked);
    let written = Mutex::new(BTreeSet::new());
    let error = StageFrames {
        renderer: &renderer,
        passes: Passes::COLOR,
        range: 0..40,
        is_there: &|_| false,
        write: &|n, _| {
            if n == 3 {
                return Err(WriteError::DiskFull {
                    path: "000003.exr".into(),
                });
            }
            written.lock().unwrap().insert(n);
            Ok(())
        },
    }
    .write_missing(&mut |_, _| {}, &AtomicBool::new(false))
    .unwrap_err();
    assert!(error.to_string().contains("the disk is full"), "{error}");
    let written = written.into_inner().unwrap();
    assert!(written.len() < 39 && written.contains(&0), "{written:?}");
}

#[test]
fn a_stop_keeps_what_was_written() {
    let blocked = blocked();
    let renderer = renderer(&blocked);
    let stop = AtomicBool::new(false);
    let written = Mutex::new(BTreeSet::new());
    let error = StageFrames {
        renderer: &renderer,
        passes: Passes::COLOR,
        range: 0..40,
        is_there: &|_| false,
        write: &|n, _| {
            written.lock().unwrap().insert(n);
            stop.fetch_or(n >= 2, Ordering::Relaxed);
            Ok(())
        },
    }
    .write_missing(&mut |_, _| {}, &stop)
    .unwrap_err();
    assert!(matches!(error, FinishError::Cancelled), "{error}");
    let written = written.into_inner().unwrap();
    assert!(written.contains(&2) && written.len() < 40, "{written:?}");
}
