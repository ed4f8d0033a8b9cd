//! Sources with more range than eight bits: 16-bit PNG, OpenEXR, Radiance HDR.

#![allow(clippy::unwrap_used)] // what fails here fails the test

use std::path::Path;

use heirloom_picture::exr::{self, Depth};
use heirloom_picture::photo::{self, Format, Limits, PhotoError};
use heirloom_picture::{Image, color, png};

fn bright() -> Image {
    let pixels = (0..40 * 30)
        .map(|i| {
            let v = i as f32 / 97.0;
            [v, 8.0, v * v - 0.125, 1.0]
        })
        .collect();
    Image::from_pixels(40, 30, pixels).unwrap()
}

fn bytes_of(image: &Image, depth: Depth) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.exr");
    exr::write(&path, image, depth).unwrap();
    std::fs::read(&path).unwrap()
}

#[test]
fn an_exr_photograph_keeps_what_is_brighter_than_white() {
    for (depth, bits) in [(Depth::Float, 32), (Depth::Half, 16)] {
        let bytes = bytes_of(&bright(), depth);
        let photo = photo::decode(&bytes, "bright.exr").unwrap();
        assert_eq!(photo.info, photo::inspect(&bytes, "bright.exr").unwrap());
        assert_eq!((photo.info.format, photo.info.bit_depth), (Format::Exr, bits));
        assert_eq!((photo.info.width, photo.info.height), (40, 30));
        assert_eq!(photo.info.profile.as_deref(), Some("ACEScg (AP1)"));
        assert!(photo.info.warnings.is_empty());
        for (a, b) in photo.image.pixels().iter().zip(bright().pixels()) {
            assert_eq!(a[1], 8.0);
            for k in 0..3 {
                let step = if bits == 32 {
                    0.0
                } else {
                    b[k].abs() / 1024.0 + 1e-6
                };
                assert!((a[k] - b[k]).abs() <= step, "{a:?} {b:?}");
            }
        }
    }
}

#[test]
fn what_is_no_light_is_tamed_and_said() {
    let mut image = bright();
    image.pixels_mut()[3][0] = f32::NAN;
    image.pixels_mut()[4][1] = f32::INFINITY;
    image.pixels_mut()[5][2] = -1e9;
    let photo = photo::decode(&bytes_of(&image, Depth::Float), "odd.exr").unwrap();
    assert_eq!(photo.image.pixels()[3][0], 0.0);
    assert_eq!(photo.image.pixels()[4][1], 65_504.0);
    assert_eq!(photo.image.pixels()[5][2], -65_504.0);
    assert!(
        photo.info.warnings[0].starts_with("3 of its pixels"),
        "{:?}",
        photo.info.warnings
    );
}

#[test]
fn an_exr_that_is_too_large_or_broken_is_an_error_that_names_it() {
    let bytes = bytes_of(&bright(), Depth::Half);
    let tight = Limits {
        decoded_bytes: 40 * 30 * 16 - 1,
        ..Limits::default()
    };
    let error = photo::decode_within(&bytes, "bright.exr", &tight).unwrap_err();
    assert!(matches!(error, PhotoError::TooLarge { .. }), "{error}");
    for cut in [5, 40, 300, bytes.len() - 9] {
        let error = photo::decode(&bytes[..cut], "bright.exr")
            .unwrap_err()
            .to_string();
        assert!(error.contains("bright.exr is damaged"), "{error}");
    }
    // A file of data alone is no photograph.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depth.exr");
    let layers = exr::Layers {
        width: 2,
        height: 1,
        channels: [("depth.Z".to_owned(), exr::Samples::Float(vec![1.0, 2.0]))].into(),
        attributes: Default::default(),
    };
    exr::write_layers(&path, &layers).unwrap();
    let error = photo::read(&path).unwrap_err().to_string();
    assert!(error.contains("no flat layer with R, G and B"), "{error}");
}

#[test]
fn sixteen_bits_stay_sixteen_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep.png");
    let codes: Vec<[u16; 3]> = (0..65_536u32)
        .map(|i| [i as u16, (i * 7 % 65_536) as u16, (65_535 - i) as u16])
        .collect();
    png::write16(&path, &codes, 256, 256).unwrap();
    let photo = photo::read(&path).unwrap();
    assert_eq!(photo.info.bit_depth, 16);
    assert_eq!(color::to_video16(&photo.image), codes);
}

/// Greg Ward's four bytes of a colour.
fn rgbe(rgb: [f32; 3]) -> [u8; 4] {
    let most = rgb.into_iter().fold(0.0f32, f32::max);
    if most < 1e-32 {
        return [0; 4];
    }
    let mut exponent = 0;
    while most >= 2.0f32.powi(exponent) {
        exponent += 1;
    }
    while most < 2.0f32.powi(exponent - 1) {
        exponent -= 1;
    }
    let scale = 256.0 / 2.0f32.powi(exponent);
    let byte = |v: f32| (v * scale) as u8;
    [byte(rgb[0]), byte(rgb[1]), byte(rgb[2]), (exponent + 128) as u8]
}

fn hdr(head: &str, size: &str, rows: &[Vec<[u8; 4]>], packed: bool) -> Vec<u8> {
    let mut bytes = format!("#?RADIANCE\n{head}FORMAT=32-bit_rle_rgbe\n\n{size}\n").into_bytes();
    for row in rows {
        if !packed {
            bytes.extend(row.iter().flatten());
            continue;
        }
        bytes.extend([2, 2, (row.len() >> 8) as u8, row.len() as u8]);
        for plane in 0..4 {
            // A run of the first eight, the rest as they are.
            bytes.extend([128 + 8, row[0][plane], row.len() as u8 - 8]);
            bytes.extend(row[8..].iter().map(|p| p[plane]));
        }
    }
    bytes
}

#[test]
fn a_radiance_picture_comes_in_whichever_way_it_lies() {
    let rows: Vec<Vec<[u8; 4]>> = (0..6)
        .map(|y| {
            (0..20)
                .map(|x: i32| rgbe([0.02 * (x.max(8) + y) as f32, 8.0, 0.5]))
                .collect()
        })
        .collect();
    let usual = hdr("", "-Y 6 +X 20", &rows, true);
    let photo = photo::decode(&usual, "sky.hdr").unwrap();
    assert_eq!(
        (photo.info.format, photo.image.width(), photo.image.height()),
        (Format::Hdr, 20, 6)
    );
    assert_eq!(photo.info, photo::inspect(&usual, "sky.hdr").unwrap());
    let display: Image<heirloom_picture::LinearRec709> = photo.image.to_space();
    assert!(
        (display.at(15, 3)[1] - 8.0).abs() < 0.05,
        "{:?}",
        display.at(15, 3)
    );
    // Its step at that brightness is a sixteenth.
    assert!(
        (display.at(15, 3)[0] - 0.36).abs() < 0.04,
        "{:?}",
        display.at(15, 3)
    );
    assert_eq!(
        photo::decode(&hdr("", "-Y 6 +X 20", &rows, false), "sky.hdr")
            .unwrap()
            .image,
        photo.image
    );
    let turned = photo::decode(&hdr("", "+Y 6 -X 20", &rows, true), "sky.hdr")
        .unwrap()
        .image;
    assert_eq!(turned.at(4, 5), photo.image.at(15, 0));
    let exposed = photo::decode(&hdr("EXPOSURE=2.0\n", "-Y 6 +X 20", &rows, true), "sky.hdr")
        .unwrap()
        .image;
    assert!((exposed.at(3, 3)[1] * 2.0 - photo.image.at(3, 3)[1]).abs() < 1e-5);
    let sideways = photo::decode(&hdr("", "+X 20 -Y 6", &rows, true), "sky.hdr").unwrap_err();
    assert!(sideways.to_string().contains("turn it upright"), "{sideways}");
    let huge = photo::decode(&hdr("", "-Y 60000 +X 60000", &rows, true), "sky.hdr").unwrap_err();
    assert!(matches!(huge, PhotoError::TooLarge { .. }), "{huge}");
    for cut in 0..usual.len() {
        let error = photo::decode(&usual[..cut], "sky.hdr").unwrap_err();
        assert!(cut == 0 || error.to_string().contains("sky.hdr"), "{error}");
    }
    for at in 0..usual.len() {
        for change in [1u8, 0x80, 0xff] {
            let mut broken = usual.clone();
            broken[at] ^= change;
            let limits = Limits {
                pixels: 1 << 12,
                ..Limits::default()
            };
            drop(photo::decode_within(&broken, "sky.hdr", &limits));
        }
    }
}

#[test]
fn exif_behind_the_pixels_is_seen_without_decoding_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photos/turned.png");
    let bytes = std::fs::read(&path).unwrap();
    let upright = photo::inspect(&bytes, "turned.png").unwrap();
    assert!(upright.orientation >= 5);
    // The same chunks, EXIF last.
    let (mut head, mut exif, mut at) = (bytes[..8].to_vec(), Vec::new(), 8);
    while at < bytes.len() {
        let end = at + 12 + u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        match &bytes[at + 4..at + 8] {
            b"eXIf" => exif = bytes[at..end].to_vec(),
            b"IEND" => {
                head.extend(&exif);
                head.extend(&bytes[at..end]);
            }
            _ => head.extend(&bytes[at..end]),
        }
        at = end;
    }
    assert!(!exif.is_empty());
    assert_eq!(photo::inspect(&head, "turned.png").unwrap(), upright);
    assert_eq!(photo::decode(&head, "turned.png").unwrap().info, upright);
}

#[test]
fn files_of_other_programs_are_read() {
    // By ffmpeg 5.1: float, ZIP, no primaries declared, so BT.709.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photos");
    let orange = photo::read(&folder.join("orange.exr")).unwrap();
    assert_eq!(
        (orange.info.width, orange.info.height, orange.info.bit_depth),
        (12, 8, 32)
    );
    assert_eq!(orange.info.profile, None);
    let display: Image<heirloom_picture::LinearRec709> = orange.image.to_space();
    let p = display.at(7, 4);
    assert!(
        (p[0] - 1.0).abs() < 0.02 && (p[1] - 0.5).abs() < 0.02 && p[2].abs() < 0.02,
        "{p:?}"
    );
    let light = photo::read(&folder.join("light.hdr")).unwrap();
    assert_eq!((light.info.width, light.info.height), (16, 5));
    let display: Image<heirloom_picture::LinearRec709> = light.image.to_space();
    // (200 - 2 + 0.5) / 256 x 2^3 at the left, the same by 2^1 at the right.
    let ratio = display.at(0, 2)[0] / display.at(15, 2)[0];
    assert!(
        (display.at(0, 2)[0] - 198.5 / 32.0).abs() < 1e-3 && (ratio - 4.0).abs() < 1e-3,
        "{:?}",
        display.at(0, 2)
    );
}
