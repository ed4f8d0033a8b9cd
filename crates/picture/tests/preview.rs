//! Small pictures made fast: near what the full decoding gives, and as strict about damage.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use heirloom_picture::photo::{self, PhotoError};
use heirloom_picture::preview::{Preview, decode, fitted};

fn photos() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photos");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap_or_default())
        })
        .filter(|(name, _)| {
            [".jpg", ".png", ".tif", ".webp"]
                .iter()
                .any(|end| name.ends_with(end))
        })
        .collect();
    all.sort();
    all
}

/// A smooth picture with an uneven edge, coded by our own coder.
fn made(width: u32, height: u32) -> Preview {
    let codes = (0..width * height)
        .map(|i| {
            let (x, y) = (i % width, i / width);
            let step = if x * 3 > width + y { 60 } else { 0 };
            [(x * 180 / width + step) as u8, (y * 200 / height) as u8, 90]
        })
        .collect();
    Preview::from_codes(codes, width, height).unwrap()
}

fn mean_difference(a: &Preview, b: &Preview) -> f64 {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    let pairs = a.codes().as_flattened().iter().zip(b.codes().as_flattened());
    pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.codes().as_flattened().len() as f64
}

#[test]
fn a_preview_is_near_the_whole_picture() {
    let mut seen = 0;
    for (name, bytes) in photos() {
        let full = photo::decode(&bytes, &name);
        for side in [4096, 24, 9] {
            match (&full, decode(&bytes, &name, side)) {
                (Ok(full), Ok(small)) => {
                    let slow = Preview::of_image(&full.image, side);
                    let far = mean_difference(&small, &slow);
                    // Light and codes are scaled differently at edges; at full size only the decoders differ.
                    let most = if side == 4096 { 1.5 } else { 8.0 };
                    assert!(far < most, "{name} at {side}: {far}");
                    seen += 1;
                }
                (Err(_), Err(_)) => {}
                (full, small) => panic!("{name}: {:?} against {:?}", full.as_ref().err(), small.err()),
            }
        }
    }
    assert!(seen >= 60, "{seen} compared");
}

#[test]
fn a_preview_has_the_size_asked_for() {
    let bytes = made(1500, 1000).to_jpeg(90).unwrap();
    for (side, width, height) in [(1024, 1024, 683), (256, 256, 171), (5000, 1500, 1000), (1, 1, 1)] {
        let small = decode(&bytes, "made.jpg", side).unwrap();
        assert_eq!((small.width(), small.height()), (width, height));
        assert_eq!(fitted(1500, 1000, side), (width, height));
        let far = mean_difference(&small, &made(1500, 1000).scaled(side));
        assert!(far < 2.0, "{side}: {far}");
    }
}

#[test]
fn damage_anywhere_in_the_file_is_found() {
    let bytes = made(900, 700).to_jpeg(92).unwrap();
    for part in [2, 3, 10] {
        let cut = &bytes[..bytes.len() * (part - 1) / part];
        let error = decode(cut, "cut.jpg", 64).unwrap_err();
        assert!(matches!(error, PhotoError::CutShort { .. }), "{error}");
        // Cut short, with an end that says it is whole.
        let mut ended = cut.to_vec();
        ended.extend_from_slice(b"\xff\xd9");
        let error = decode(&ended, "ended.jpg", 64).unwrap_err();
        let kind = matches!(error, PhotoError::CutShort { .. } | PhotoError::Damaged { .. });
        assert!(kind, "{error}");
    }
}

#[test]
fn a_declared_giant_is_refused_before_memory_is_taken() {
    let mut bytes = made(64, 64).to_jpeg(90).unwrap();
    let at = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    bytes[at + 5..at + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    let error = decode(&bytes, "giant.jpg", 64).unwrap_err();
    assert!(matches!(error, PhotoError::TooLarge { .. }), "{error}");
}

#[test]
fn a_preview_as_jpeg_is_itself_again() {
    let picture = made(200, 150);
    let bytes = picture.to_jpeg(95).unwrap();
    let again = decode(&bytes, "again.jpg", 1024).unwrap();
    assert!(mean_difference(&picture, &again) < 1.5);
    assert!(picture.to_jpeg(30).unwrap().len() < bytes.len());
}
