//! Sources as a take samples them: photographs and frames of clips, read when needed, within the room there is.

#![allow(clippy::unwrap_used)] // what fails here fails the test

mod common;

use common::{Files, two_photographs};
use heirloom_engine_exemplar::making::Over;
use heirloom_engine_exemplar::map::Origin;
use heirloom_engine_exemplar::pictures::Pictures;
use heirloom_engine_exemplar::take::{SourceFacts, sample, samples};
use heirloom_film::{Rate, Size};
use heirloom_picture::ffmpeg::{Encoder, Ffmpeg, Master};
use heirloom_picture::{Image, photo, resample};
use heirloom_vault::ObjectId;
use std::path::Path;
use std::sync::Arc;

const WIDTH: u32 = 64;
const HEIGHT: u32 = 48;
const FRAMES: u32 = 120;

/// A clip whose frames all differ: its file's object, and every frame as `ffmpeg` reads it from the beginning.
fn clip(folder: &Path, files: &mut Files) -> (ObjectId, Vec<Image>) {
    let ffmpeg = Ffmpeg::find().unwrap();
    let path = folder.join("clip.mp4");
    let size = Size::new(WIDTH, HEIGHT).unwrap();
    let mut encoder = Encoder::start(&ffmpeg, Master::H264, &path, size, Rate::CINEMA, None).unwrap();
    for n in 0..FRAMES {
        let codes: Vec<[u16; 3]> = (0..WIDTH * HEIGHT)
            .map(|i| match i % WIDTH < n % WIDTH {
                true => [60_000, 30_000, 9_000],
                false => [8_000 + 400 * n as u16, 20_000, 50_000 - 400 * n as u16],
            })
            .collect();
        encoder.push(&codes).unwrap();
    }
    encoder.finish().unwrap();
    let id = ObjectId::of(&std::fs::read(&path).unwrap());
    let all = ffmpeg.frames(&path, 0, FRAMES.into(), size).unwrap();
    let all = all.collect::<Result<Vec<_>, _>>().unwrap();
    files.0.insert(id, path);
    (id, all)
}

fn frame_of(object: ObjectId, frame: u32, scaled: (u32, u32)) -> SourceFacts {
    SourceFacts {
        object,
        original: (WIDTH, HEIGHT),
        scaled,
        crop: (0, 0, scaled.0, scaled.1),
        frame: Some(frame),
    }
}

#[test]
fn frames_of_a_clip_come_in_any_order_within_the_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::default();
    let (object, all) = clip(folder.path(), &mut files);
    let sources = (0..FRAMES).map(|n| frame_of(object, n, (WIDTH, HEIGHT)));
    let one = u64::from(WIDTH * HEIGHT) * 16;
    let pictures = Pictures::new(Arc::new(files), sources.collect()).with_room(20 * one);
    // Forwards, backwards step by step, and leaping about.
    let forwards = (0..FRAMES as usize).step_by(9);
    let backwards = (60..80).rev();
    let about = (0..3).map(|i| i * 53 % FRAMES as usize);
    for k in forwards.chain(backwards).chain(about) {
        assert!(*pictures.get(k).unwrap() == all[k], "frame {k}");
        assert!(pictures.kept_bytes() <= 20 * one);
    }
    assert!(pictures.get(FRAMES as usize).is_err());
}

#[test]
fn a_frame_gets_all_it_names_however_little_room_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, cells, stars) = two_photographs(folder.path());
    let (object, all) = clip(folder.path(), &mut files);
    let whole = |object, scaled: (u32, u32)| SourceFacts {
        object,
        original: (300, 220),
        scaled,
        crop: (0, 0, scaled.0, scaled.1),
        frame: None,
    };
    let sources = vec![
        whole(cells, (150, 110)),
        whole(stars, (300, 220)),
        frame_of(object, 70, (128, 96)),
        frame_of(object, 3, (WIDTH, HEIGHT)),
    ];
    let pictures = Pictures::new(Arc::new(files.clone()), sources).with_room(1);
    let map: Vec<Origin> = (0..60)
        .map(|i| Origin::whole((i % 2) * 2, 5 + i32::from(i), 7))
        .collect();
    let over = Over {
        map: (0..60)
            .map(|i| Origin::whole(if i == 20 { 3 } else { 1 }, 9, 9))
            .collect(),
        weight: (0..60).map(|i| if i == 20 { 40 } else { 0 }).collect(),
    };
    let held = pictures.for_frame(&map, Some(&over)).unwrap();
    let photograph = photo::read(&files.0[&cells]).unwrap().image;
    assert!(*held.get(0).unwrap() == resample::scale_to(&photograph, 150, 110));
    assert!(*held.get(2).unwrap() == resample::scale_to(&all[70], 128, 96));
    assert!(*held.get(3).unwrap() == all[3]);
    assert!(held.get(1).is_none(), "a layer without weight asks for nothing");
    assert!(held.get(4).is_none());
    assert_eq!(samples(&map, &held)[2], held.get(0).unwrap().at(7, 7));
    // A number that the take does not have is black.
    assert_eq!(sample(Origin::whole(9, 0, 0), &held), [0.0, 0.0, 0.0, 1.0]);
    // Afterwards only what the last frame needed is kept.
    drop(held);
    pictures.get(1).unwrap();
    assert_eq!(pictures.kept_bytes(), 300 * 220 * 16);
}

#[test]
fn a_used_part_is_a_crop_or_its_mean() {
    let folder = tempfile::tempdir().unwrap();
    let (files, cells, _) = two_photographs(folder.path());
    let facts = SourceFacts {
        object: cells,
        original: (300, 220),
        scaled: (300, 220),
        crop: (4, 2, 101, 60),
        frame: None,
    };
    let pictures = Pictures::new(Arc::new(files), vec![facts]);
    let (whole, part) = (pictures.get(0).unwrap(), pictures.used(0, 1).unwrap());
    assert_eq!((part.width(), part.height()), (101, 60));
    assert_eq!(part.at(100, 59), whole.at(104, 61));
    let half = pictures.used(0, 2).unwrap();
    assert_eq!((half.width(), half.height()), (51, 30));
    let mean = |image: &Image, x0, y0, w, h| -> f32 {
        let all = (y0..y0 + h).flat_map(|y| (x0..x0 + w).map(move |x| (x, y)));
        all.map(|(x, y)| image.at(x, y)[1]).sum::<f32>() / (w * h) as f32
    };
    let (a, b) = (mean(&half, 10, 10, 20, 10), mean(&whole, 24, 22, 40, 20));
    assert!((a - b).abs() < 0.01, "{a} and {b}");
}

#[test]
fn a_missing_clip_is_an_error_that_says_so() {
    let gone = ObjectId::of(b"gone");
    let pictures = Pictures::new(
        Arc::new(Files::default()),
        vec![frame_of(gone, 0, (WIDTH, HEIGHT))],
    );
    assert_eq!(pictures.get(0).unwrap_err().code, "input");
    assert!(pictures.for_frame(&[Origin::default()], None).is_err());
}
