//! Takes at film size: maps on a grid, frames sampled from the full-resolution photographs.

#![allow(clippy::unwrap_used)] // what fails here fails the test

mod common;

use common::{Files, draw, facts, open, request};
use heirloom_engine::local::{Control, Generator};
use heirloom_engine::{Order, Origin, Param, TakeFrames, Task, settings};
use heirloom_engine_exemplar::engine::Exemplar;
use heirloom_engine_exemplar::take::frame_hash;
use heirloom_film::Size;
use heirloom_picture::{photo, png, resample};
use heirloom_vault::ObjectId;
use std::path::Path;
use std::sync::Arc;

/// A photograph with more detail than the grid can hold, in 16 bits.
fn photograph(folder: &Path, files: &mut Files, seed: u32) -> ObjectId {
    let (w, h) = (330u32, 210u32);
    let codes: Vec<[u16; 3]> = (0..w * h)
        .map(|i| {
            let (x, y) = (i % w, i / w);
            let grain = (i.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503)) >> 17;
            let cell = ((x / 13 + y / 9 * 3 + seed) % 5) as u16;
            [
                8_000 + cell * 9_000 + (grain % 6_000) as u16,
                20_000 + (y * 90) as u16,
                (x * 120) as u16,
            ]
        })
        .collect();
    let path = folder.join(format!("photograph-{seed}.png"));
    png::write16(&path, &codes, w, h).unwrap();
    let id = ObjectId::of(&std::fs::read(&path).unwrap());
    files.0.insert(id, path);
    id
}

#[test]
fn a_film_sized_frame_is_sampled_once_from_the_photograph_at_the_frame_s_scale() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::default();
    let id = photograph(folder.path(), &mut files, 1);
    let mut request = request(Task::Living, &[id], 2, Some("curl"), 0.0);
    request.params.insert(settings::GRID.into(), Param::Whole(2));
    let size = request.size;
    let (order, draft) = draw(&request, &folder.path().join("work"), &files);
    let made = facts(&draft);
    assert_eq!(made.enlarged, 2);
    let (_, take) = open(&request, &order, &draft, &files);
    let stored = take.stored_map(1).unwrap();
    assert_eq!((stored.width(), stored.height()), (96, 54));
    let frame = take.frame(1).unwrap();
    assert_eq!((frame.width(), frame.height()), (size.width, size.height));
    assert_eq!(frame_hash(frame.pixels()), made.frame_hashes[1]);
    let image = photo::read(&files.0[&id]).unwrap().image;
    let source = made.sources[0].clone();
    assert_eq!(
        (source.original, source.crop),
        ((330, 210), (0, 0, source.scaled.0, source.scaled.1))
    );
    let scaled = resample::scale_to(&image, source.scaled.0, source.scaled.1);
    let map = take.map(1).unwrap();
    for i in 0..400u32 {
        let (x, y) = (i * 7_919 % size.width, i * 53 % size.height);
        let o = &take.origins(1, x, y).unwrap()[0];
        let at = map.at(x, y).unwrap();
        assert_eq!((o.scaled_x, o.scaled_y), at.pixels(), "trace and map agree");
        assert!(!o.finished);
        assert_eq!(
            frame.at(x, y),
            resample::bicubic(&scaled, o.scaled_x, o.scaled_y),
            "({x}, {y})"
        );
    }
    // What is asked for all at once is what is asked for one by one.
    let mut same = 0;
    let mut each = |x: u32, y: u32, all: &[Origin]| {
        if (x + 7 * y).is_multiple_of(31) {
            assert_eq!(all, take.origins(1, x, y).unwrap());
            same += 1;
        }
    };
    take.each_origin(1, &mut each).unwrap();
    assert!(same > 600);
    assert_eq!(take.sources().unwrap(), [id]);
    let shares = take.shares().unwrap();
    assert_eq!((shares.len(), shares[0].share), (1, 1.0));
}

#[test]
fn a_film_sized_becoming_begins_and_ends_with_the_whole_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::default();
    let ids = [
        photograph(folder.path(), &mut files, 1),
        photograph(folder.path(), &mut files, 2),
    ];
    let mut request = request(Task::Becoming, &ids, 3, Some("curl"), 0.5);
    // No multiple of the grid: the last column stands over the frame.
    request.size = Size {
        width: 203,
        height: 121,
    };
    request.params.insert(settings::GRID.into(), Param::Whole(3));
    let (order, draft) = draw(&request, &folder.path().join("work"), &files);
    let made = facts(&draft);
    assert_eq!(made.enlarged, 3);
    let (_, take) = open(&request, &order, &draft, &files);
    assert_eq!(frame_hash(take.frame(1).unwrap().pixels()), made.frame_hashes[1]);
    for (n, k) in [(0, 0), (2, 1)] {
        let image = photo::read(&files.0[&ids[k]]).unwrap().image;
        let source = &made.sources[k];
        let (left, top, ..) = source.crop;
        let scaled = resample::scale_to(&image, source.scaled.0, source.scaled.1);
        let frame = take.frame(n).unwrap();
        for y in 0..request.size.height {
            let row = &scaled.row(y + top)[left as usize..][..request.size.width as usize];
            assert!(frame.row(y) == row, "frame {n}, row {y}");
        }
        let middle = take.origins(n, 101, 60).unwrap();
        assert!(
            (middle[0].x - 164.5).abs() < 4.0 && (middle[0].y - 104.5).abs() < 4.0,
            "{middle:?}"
        );
    }
    // Stopped after two frames, it goes on to the same bytes.
    let root = folder.path().join("cut");
    let order = Order::new(request.clone(), 0, &root, Arc::new(files.clone())).unwrap();
    std::fs::create_dir_all(&order.work).unwrap();
    for file in std::fs::read_dir(draft.files[0].path.parent().unwrap()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.ends_with("000002") {
            std::fs::copy(&path, order.work.join(name)).unwrap();
        }
    }
    let again = Exemplar::new().generate(&order, &Control::new()).unwrap();
    assert_eq!(again[0].facts, draft.facts);
}
