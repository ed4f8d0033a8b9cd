//! Frames in OpenEXR files and on sheets.
#![allow(clippy::unwrap_used)]

mod common;

use common::{SMALL, render, set, shot};
use heirloom_stage::exr::{Heading, read_frame, write_frame};
use heirloom_stage::passes::{Passes, Wanted};
use heirloom_stage::pose::{Pose, View};
use heirloom_stage::preview;

#[test]
fn a_frame_comes_back_from_its_file() {
    let (mut scene, camera) = set();
    scene.nodes[1].name = "Kugel \"Süd\" 球".into();
    let guides = render(&scene, shot(camera, SMALL, 2), &Wanted::all(0..1));
    let view = View::of(&scene, &Pose::of(&scene, 0.25), camera, SMALL).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frame.exr");
    let heading = Heading {
        frame: 0,
        rate: guides.rate,
        size: SMALL,
        view: &view,
        names: &guides.names,
    };
    write_frame(&path, &guides.frames[0], &heading).unwrap();
    let read = read_frame(&path).unwrap();
    assert_eq!(read.names, guides.names);
    assert_eq!(read.size, SMALL);
    let (mut a, mut b) = (guides.frames[0].clone(), read.frame);
    let (ca, cb) = (a.color.take().unwrap().0, b.color.take().unwrap().0);
    for (p, q) in ca.pixels().as_flattened().iter().zip(cb.pixels().as_flattened()) {
        assert!((p - q).abs() <= p.abs() / 1024.0, "{p} came back as {q}");
    }
    let set = |frame| heirloom_engine::GuideSet {
        frames: vec![frame],
        ..guides.clone()
    };
    assert!(common::bytes(&set(a)) == common::bytes(&set(b)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_frame_without_passes_leaves_no_file() {
    let (scene, camera) = set();
    let wanted = Wanted {
        passes: Passes::NONE,
        ..Wanted::all(0..1)
    };
    let guides = render(&scene, shot(camera, SMALL, 1), &wanted);
    let view = View::of(&scene, &Pose::of(&scene, 0.25), camera, SMALL).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let heading = Heading {
        frame: 0,
        rate: guides.rate,
        size: SMALL,
        view: &view,
        names: &guides.names,
    };
    assert!(write_frame(&folder.path().join("frame.exr"), &guides.frames[0], &heading).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn all_passes_are_on_the_sheet() {
    let (scene, camera) = set();
    let guides = render(&scene, shot(camera, SMALL, 2), &Wanted::all(0..1));
    let panels = preview::panels(&guides.frames[0]);
    assert_eq!(panels.len(), 10);
    for panel in &panels {
        let first = panel.codes[0];
        assert!(
            panel.codes.iter().any(|c| *c != first),
            "{} shows nothing",
            panel.title
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sheet.png");
    preview::write(&path, &guides.frames[0], SMALL).unwrap();
    let sheet = heirloom_picture::photo::read(&path).unwrap();
    assert_eq!((sheet.image.width(), sheet.image.height()), (3 * 166, 4 * 96));
}
