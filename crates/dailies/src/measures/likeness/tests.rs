use heirloom_film::Rate;
use heirloom_picture::preview::Preview;

use super::worlds::{Path, SIZE, Scene, World};
use super::*;
use crate::measures::{Context, MeasureOptions, OfPictures, measure};

const FRAMES: u32 = 20;
const SEEDS: u64 = 3;

const PATH: Path = Path {
    from: [150.0, 110.0],
    step: [4.0, 1.0],
    grow: 0.006,
    turn: 0.004,
};

/// A subject of a scene with one picture of it: as it is at first.
fn sought(scene: &Scene, frame: u32) -> Sought {
    let picture = scene.frame(0, None);
    let sought = Sought::new("the boat", frame, scene.region());
    sought.with_picture(&picture.view().unwrap(), scene.region())
}

fn likeness(sought: &[Sought], frames: Vec<Preview>) -> Likeness {
    let mut frames = OfPictures::new(frames.into_iter(), Rate::CINEMA);
    let context = Context {
        subjects: sought,
        ..Context::default()
    };
    let measures = measure(&mut frames, &context, &MeasureOptions::default()).unwrap();
    measures.likeness.unwrap()
}

#[test]
fn the_same_subject_is_near_and_another_far() {
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for seed in 1..=SEEDS {
        let scene = Scene::new(seed, PATH);
        let sought = [sought(&scene, 0)];
        let own = likeness(&sought, (0..FRAMES).map(|n| scene.frame(n, None)).collect());
        let other = World::new(seed + 50);
        let swapped = likeness(
            &sought,
            (0..FRAMES).map(|n| scene.frame(n, Some(&other))).collect(),
        );
        near.push(own);
        far.push(swapped);
    }
    let worst = near.iter().filter_map(|l| l.farthest).fold(0.0, f64::max);
    let best = far.iter().filter_map(|l| l.distance).fold(1.0, f64::min);
    assert!(worst < 0.15 && best > 0.5, "{worst} {best}");
    // Each is steady by itself, and is never lost.
    for likeness in near.iter().chain(&far) {
        assert!(likeness.change.unwrap() < 0.15, "{likeness:?}");
        assert!(likeness.lost_percent.unwrap() < 10.0, "{likeness:?}");
    }
}

#[test]
fn a_subject_that_becomes_another_is_told() {
    for seed in 1..=SEEDS {
        let scene = Scene::new(seed, PATH);
        let other = World::new(seed + 50);
        let frames = (0..FRAMES).map(|n| scene.frame(n, (n >= FRAMES / 2).then_some(&other)));
        let changed = likeness(&[sought(&scene, 0)], frames.collect());
        assert!(changed.change.unwrap() > 0.5, "{seed}: {changed:?}");
        assert!(changed.farthest.unwrap() > 0.5, "{seed}: {changed:?}");
    }
}

#[test]
fn a_subject_that_leaves_the_picture_is_lost() {
    for seed in 1..=SEEDS {
        let path = Path {
            from: [330.0, 130.0],
            step: [12.0, 0.0],
            grow: 0.0,
            turn: 0.0,
        };
        let scene = Scene::new(seed, path);
        let left = likeness(
            &[sought(&scene, 0)],
            (0..FRAMES).map(|n| scene.frame(n, None)).collect(),
        );
        // Its middle passes the edge at frame 12.5; a quarter of it is out at frame 9.8.
        let lost = left.lost_percent.unwrap();
        assert!((40.0..=60.0).contains(&lost), "{seed}: {left:?}");
        assert!(left.farthest.unwrap() < 0.35, "{seed}: {left:?}");
    }
}

#[test]
fn it_begins_at_its_frame_and_the_worst_of_several_counts() {
    let scene = Scene::new(3, PATH);
    let frames: Vec<Preview> = (0..FRAMES).map(|n| scene.frame(n, None)).collect();
    // What came before its frame is another thing, and is not looked at.
    let other = World::new(77);
    let mut late = frames.clone();
    for (n, frame) in late.iter_mut().enumerate().take(10) {
        *frame = scene.frame(n as u32, Some(&other));
    }
    let size = SIZE.map(f64::from);
    let place = scene.place(10);
    let half = [place.right[0], place.down()[1]];
    let region = [
        (place.middle[0] - half[0]) / size[0],
        (place.middle[1] - half[1]) / size[1],
        2.0 * half[0] / size[0],
        2.0 * half[1] / size[1],
    ];
    let picture = scene.frame(0, None);
    let from_ten = Sought::new("late", 10, region).with_picture(&picture.view().unwrap(), scene.region());
    let found = likeness(std::slice::from_ref(&from_ten), late.clone());
    assert!(
        found.farthest.unwrap() < 0.3 && found.change.unwrap() < 0.3,
        "{found:?}"
    );
    // Without a picture only the change is told; a take that ends before says nothing.
    let plain = Sought::new("no picture", 0, scene.region());
    let never = Sought::new("never", FRAMES, scene.region());
    let all = likeness(&[from_ten, plain, never], late);
    let names: Vec<&str> = all.subjects.keys().map(String::as_str).collect();
    assert_eq!(names, ["late", "never", "no picture"]);
    assert_eq!(all.subjects["never"], OfSubject::default());
    assert_eq!(all.subjects["no picture"].distance, None);
    assert_eq!(all.change, all.subjects["no picture"].change);
    assert_eq!(all.distance, all.subjects["late"].distance);
    assert!(all.change.unwrap() > 0.4, "{all:?}");
    // The same frames give the same numbers.
    assert_eq!(
        likeness(&[sought(&scene, 0)], frames.clone()),
        likeness(&[sought(&scene, 0)], frames)
    );
}

#[test]
fn what_lasts_counts_and_what_flashes_does_not() {
    assert_eq!(lasting(&[]), None);
    assert_eq!(lasting(&[0.0, 0.0, 0.9, 0.0, 0.0, 0.1, 0.1, 0.1]), Some(0.1));
}
