//! What a take promises: exact ends, exact samples, going on after a stop, and origins that lead back.

mod common;

use common::{draw, open, request, two_photographs};
use heirloom_engine::conformance::{Fixture, check};
use heirloom_engine::local::{Control, Generator, Stop};
use heirloom_engine::{Order, TakeFrames, Task};
use heirloom_engine_exemplar::atlas;
use heirloom_engine_exemplar::engine::{self, Exemplar};
use heirloom_engine_exemplar::measure;
use heirloom_film::Size;
use heirloom_picture::{photo, resample};
use heirloom_vault::ObjectId;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_becoming_begins_and_ends_with_the_whole_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let (files, cells, stars) = two_photographs(folder.path());
    let request = request(Task::Becoming, &[cells, stars], 6, Some("curl"), 0.5);
    let (order, draft) = draw(&request, &folder.path().join("work"), &files);
    let (_, take) = open(&request, &order, &draft, &files);
    for (frame, id) in [(0, cells), (5, stars)] {
        let image = photo::read(&files.0[&id]).unwrap().image;
        let facts = atlas::covering(id, (image.width(), image.height()), 192, 108, 1);
        let scaled = resample::scale_to(&image, facts.scaled.0, facts.scaled.1);
        let made = take.frame(frame).unwrap();
        for (x, y) in [(0, 0), (191, 107), (17, 90), (100, 3)] {
            assert_eq!(
                made.at(x, y),
                scaled.at(x + facts.crop.0, y + facts.crop.1),
                "frame {frame} ({x}, {y})"
            );
        }
        let origins = take.origins(frame, 96, 54).unwrap();
        assert_eq!((origins[0].source, origins[0].finished), (id, false));
        // The middle of the frame is the middle of the photograph.
        assert!(
            (origins[0].x - 150.0).abs() < 2.0 && (origins[0].y - 110.0).abs() < 2.0,
            "{origins:?}"
        );
    }
    let both = take.shares().unwrap();
    assert_eq!(both.len(), 2);
    assert!((both.iter().map(|s| s.share).sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(take.frame(6).is_err());
    assert!(take.origins(0, 192, 0).is_err());
}

#[test]
fn without_finish_every_pixel_is_one_sample_of_its_photograph() {
    let folder = tempfile::tempdir().unwrap();
    let (files, cells, _) = two_photographs(folder.path());
    let request = request(Task::Living, &[cells], 4, Some("drift"), 0.0);
    let (order, draft) = draw(&request, &folder.path().join("work"), &files);
    let (_, take) = open(&request, &order, &draft, &files);
    let image = photo::read(&files.0[&cells]).unwrap().image;
    let frame = take.frame(3).unwrap();
    let mut fractions = 0;
    for i in 0..1000u32 {
        let (x, y) = (i * 37 % 192, i * 53 % 108);
        let origins = take.origins(3, x, y).unwrap();
        let o = &origins[0];
        assert!(!o.finished);
        let sample = |o: &heirloom_engine::Origin| {
            let scaled = resample::scale_to(&image, o.scaled_to.0, o.scaled_to.1);
            resample::bicubic(&scaled, o.scaled_x, o.scaled_y)
        };
        let (found, one) = (frame.at(x, y), sample(o));
        match &origins[1..] {
            [] => assert_eq!(found, one, "({x}, {y})"),
            // Where new matter crosses over it is two samples, mixed by their weights.
            [other] => {
                let two = sample(other);
                for c in 0..3 {
                    let mixed = one[c] * o.weight as f32 + two[c] * other.weight as f32;
                    assert!(
                        (found[c] - mixed).abs() < 1e-5,
                        "({x}, {y}): {} is not {mixed}",
                        found[c]
                    );
                }
            }
            more => panic!("({x}, {y}) has {} places more", more.len()),
        }
        assert!(o.x > -0.5 && o.x < 299.5 && o.y > -0.5 && o.y < 219.5);
        fractions += u32::from(o.scaled_x.fract() != 0.0);
        if i > 40 && fractions > 10 {
            break;
        }
    }
    assert!(fractions > 10, "a drifting shot is sampled between pixels");
}

#[test]
fn a_stopped_shot_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (files, cells, stars) = two_photographs(folder.path());
    let shots = [
        (
            request(Task::Living, &[cells], 15, Some("curl"), 0.5),
            vec![1, 7, 12, 13, 14],
        ),
        (
            request(Task::Becoming, &[cells, stars], 9, Some("curl"), 0.5),
            vec![2, 5],
        ),
    ];
    for (request, cuts) in shots {
        let (_, whole) = draw(&request, &folder.path().join("whole"), &files);
        for cut in cuts {
            let root = folder.path().join(format!("cut-{cut}"));
            let order = Order::new(request.clone(), 0, &root, Arc::new(files.clone())).unwrap();
            std::fs::create_dir_all(&order.work).unwrap();
            for file in whole.files.iter().filter(|f| f.frame.is_some_and(|n| n < cut)) {
                let name = file.path.file_name().unwrap();
                std::fs::copy(&file.path, order.work.join(name)).unwrap();
            }
            for n in 0..cut {
                let name = format!("done-{n:06}");
                std::fs::copy(whole.files[0].path.with_file_name(&name), order.work.join(name)).unwrap();
            }
            // The last frame was being written when the machine went down.
            let torn = order.work.join(format!("map-{:06}", cut - 1));
            if cut % 2 == 0 {
                let bytes = std::fs::read(&torn).unwrap();
                std::fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
            }
            let (_, again) = draw(&request, &root, &files);
            assert_eq!(again.facts, whole.facts, "cut at {cut}");
            for (a, b) in whole.files.iter().zip(&again.files) {
                assert_eq!(
                    std::fs::read(&a.path).unwrap(),
                    std::fs::read(&b.path).unwrap(),
                    "cut at {cut}"
                );
            }
        }
        std::fs::remove_dir_all(folder.path().join("whole")).unwrap();
    }
}

#[test]
fn a_first_frame_is_no_copy_and_seeds_differ() {
    let folder = tempfile::tempdir().unwrap();
    let (files, cells, _) = two_photographs(folder.path());
    let mut request = request(Task::Still, &[cells], 1, None, 0.5);
    let (order, draft) = draw(&request, &folder.path().join("a"), &files);
    let (_, take) = open(&request, &order, &draft, &files);
    let map = take.map(0).unwrap();
    let most = 5000.0 * f64::from(192 * 108) / (960.0 * 540.0);
    let copying = measure::copying(&map, 300 * 220);
    assert!(copying.chunk_pixels < most, "{copying:?}");
    request.seed = 12;
    let (order, draft) = draw(&request, &folder.path().join("b"), &files);
    let (_, other) = open(&request, &order, &draft, &files);
    assert!(measure::pop(map.origins(), other.map(0).unwrap().origins()) > 0.9);
}

#[test]
fn it_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let (files, cells, stars) = two_photographs(folder.path());
    let mut long = request(Task::Living, &[stars], 400, Some("curl"), 0.5);
    long.size = Size {
        width: 480,
        height: 270,
    };
    let mut refused = request(Task::Becoming, &[cells], 5, None, 0.5);
    refused.seed = 3;
    let (one, two) = (engine::engine(), engine::engine());
    check(&Fixture {
        engine: &one,
        another: &two,
        good: request(Task::Living, &[cells, stars], 3, Some("breathe"), 0.5),
        long,
        broken: Some(request(Task::Living, &[ObjectId::of(b"nowhere")], 3, None, 0.5)),
        refused: Some(refused),
        inputs: Arc::new(files),
        work: &folder.path().join("work"),
        patience: Duration::from_secs(60),
    })
    .unwrap();
}

#[test]
fn what_is_no_photograph_is_an_error_that_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, _, _) = two_photographs(folder.path());
    let path = folder.path().join("words.jpg");
    std::fs::write(&path, "these are words").unwrap();
    let id = ObjectId::of(b"these are words");
    files.0.insert(id, path);
    let request = request(Task::Still, &[id], 1, None, 0.5);
    let order = Order::new(request, 0, &folder.path().join("work"), Arc::new(files)).unwrap();
    let stop = Exemplar::new().generate(&order, &Control::new()).unwrap_err();
    assert!(
        matches!(stop, Stop::Failed(ref f) if f.code == "input" && !f.retryable),
        "{stop:?}"
    );
    assert!(!order.work.exists());
}
