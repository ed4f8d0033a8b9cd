//! Sources with more range than a display's keep it: through the search, the take, its frames, and out.

#![allow(clippy::unwrap_used)] // what fails here fails the test

mod common;

use common::{Files, draw, facts, open, request};
use heirloom_engine::{Param, TakeFrames, Task, settings};
use heirloom_engine_exemplar::take::frame_hash;
use heirloom_film::Size;
use heirloom_picture::exr::{self, Depth};
use heirloom_picture::{Image, resample};
use heirloom_vault::ObjectId;
use std::path::Path;

/// A dark field with lamps: values of 8.0 and, between, steps far finer than 8 bits.
fn lamps(folder: &Path, files: &mut Files, seed: u32) -> (ObjectId, Image) {
    let (w, h) = (160u32, 120u32);
    let pixels = (0..w * h)
        .map(|i| {
            let (x, y) = (i % w, i / w);
            let lamp = (x / 4 + y / 4 * 3 + seed).is_multiple_of(11);
            let soft = 0.02 + (x * 131 + y * 17) as f32 / 1e6;
            if lamp {
                [8.0, 7.5, 6.0, 1.0]
            } else {
                [soft, soft * 0.75, soft * 1.5, 1.0]
            }
        })
        .collect();
    let image = Image::from_pixels(w, h, pixels).unwrap();
    let path = folder.join(format!("lamps-{seed}.exr"));
    exr::write(&path, &image, Depth::Float).unwrap();
    let id = ObjectId::of(&std::fs::read(&path).unwrap());
    files.0.insert(id, path);
    (id, image)
}

#[test]
fn light_of_eight_comes_out_as_light_of_eight() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::default();
    let (a, one) = lamps(folder.path(), &mut files, 1);
    let (b, two) = lamps(folder.path(), &mut files, 2);
    for grid in [1, 2] {
        let mut request = request(Task::Becoming, &[a, b], 3, Some("curl"), 0.5);
        request.size = Size {
            width: 160,
            height: 120,
        };
        request.params.insert(settings::GRID.into(), Param::Whole(grid));
        let (order, draft) = draw(&request, &folder.path().join(format!("becoming-{grid}")), &files);
        let (_, take) = open(&request, &order, &draft, &files);
        for (n, image) in [(0, &one), (2, &two)] {
            let frame = take.frame(n).unwrap();
            assert!(frame == *image, "the whole picture to the bit");
            let path = folder.path().join("out.exr");
            exr::write(&path, &frame, Depth::Half).unwrap();
            let out = exr::read(&path).unwrap();
            let most = out.pixels().iter().map(|p| p[0]).fold(0.0, f32::max);
            assert_eq!(most, 8.0);
        }
        // In its midst, where matter is made anew, what is bright is still bright.
        let midst = take.frame(1).unwrap();
        assert_eq!(frame_hash(midst.pixels()), facts(&draft).frame_hashes[1]);
        let bright = midst.pixels().iter().filter(|p| p[0] > 5.0).count();
        assert!(bright > 160 * 120 / 60, "{bright} pixels");
    }
}

#[test]
fn a_still_of_an_exr_is_sampled_from_its_floats() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::default();
    let (id, image) = lamps(folder.path(), &mut files, 3);
    let request = request(Task::Still, &[id], 1, None, 0.0);
    let (order, draft) = draw(&request, &folder.path().join("work"), &files);
    let (_, take) = open(&request, &order, &draft, &files);
    let frame = take.frame(0).unwrap();
    let origins = take.origins(0, 0, 0).unwrap();
    let scaled = resample::scale_to(&image, origins[0].scaled_to.0, origins[0].scaled_to.1);
    let mut most = 0.0f32;
    for i in 0..192 * 108 {
        let (x, y) = (i % 192, i / 192);
        let o = &take.origins(0, x, y).unwrap()[0];
        assert_eq!(frame.at(x, y), resample::bicubic(&scaled, o.scaled_x, o.scaled_y));
        most = most.max(frame.at(x, y)[0]);
    }
    assert!(most > 6.0, "{most}");
}
