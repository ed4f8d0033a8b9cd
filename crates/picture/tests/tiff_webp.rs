//! TIFF and WebP: alpha, depth, pages, what is refused and with which mend, and raw files, which are never their thumbnails.
//!
//! What these pictures show is compared with other readers in `photo.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use heirloom_picture::photo::{self, Format, Limits, Photo, PhotoError};
use heirloom_picture::{color, metadata};

fn bytes(name: &str) -> Vec<u8> {
    let photos = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/photos");
    std::fs::read(photos.join(name)).unwrap()
}

fn read(name: &str) -> Photo {
    photo::decode(&bytes(name), name).unwrap()
}

/// Where the value of a tag stands in a little-endian file's first directory.
fn place(file: &[u8], tag: u16) -> usize {
    let short = |at: usize| u16::from_le_bytes([file[at], file[at + 1]]);
    let first = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
    let entry = (0..usize::from(short(first))).find(|n| short(first + 2 + 12 * n) == tag);
    first + 2 + 12 * entry.unwrap() + 8
}

/// The same file with another number in a tag.
fn with(file: &[u8], tag: u16, value: u32) -> Vec<u8> {
    let mut file = file.to_vec();
    let at = place(&file, tag);
    let long = file[at - 6] == 4;
    file[at..at + 2].copy_from_slice(&(value as u16).to_le_bytes());
    if long {
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    file
}

/// A directory of tags with one number each, at `place` of the file.
fn directory(entries: &[(u16, u32)], next: u32) -> Vec<u8> {
    let mut out = (entries.len() as u16).to_le_bytes().to_vec();
    for (tag, value) in entries {
        out.extend(tag.to_le_bytes());
        out.extend([4, 0, 1, 0, 0, 0]);
        out.extend(value.to_le_bytes());
    }
    out.extend(next.to_le_bytes());
    out
}

#[test]
fn sixteen_bits_are_kept() {
    let deep = read("tiles-deflate-deep.tif");
    assert_eq!((deep.info.format, deep.info.bit_depth), (Format::Tiff, 16));
    assert_eq!(
        deep.image,
        photo::decode(&bytes("deep-rgb.png"), "d").unwrap().image
    );
}

#[test]
fn alpha_beside_the_colours_or_in_them_is_one() {
    let reference = read("alpha.tif").image;
    assert_eq!(reference, photo::decode(&bytes("alpha.png"), "a").unwrap().image);
    let multiplied = read("alpha-multiplied.tif").image;
    for (a, b) in reference.pixels().iter().zip(multiplied.pixels()) {
        assert_eq!(a[3], b[3]);
        for c in 0..3 {
            // Where there is little alpha, 16 bits hold little colour.
            assert!((a[c] - b[c]).abs() < 1e-4, "{a:?} {b:?}");
        }
    }
    let lossy = read("alpha.webp");
    assert_eq!(lossy.image.at(0, 3), [0.0; 4]);
    for (a, b) in reference.pixels().iter().zip(lossy.image.pixels()) {
        assert_eq!(a[3], b[3], "alpha is coded without loss");
    }
}

#[test]
fn a_channel_that_says_nothing_of_itself_is_passed_over() {
    let photo = read("channel.tif");
    assert!(photo.info.warnings[0].contains("not said to be transparency"));
    let codes = color::to_display8(&photo.image);
    for y in 0..16u8 {
        for x in 0..24u8 {
            assert_eq!(codes[usize::from(y) * 24 + usize::from(x)], [x * 10, y * 15, 128]);
        }
    }
    assert!(photo.image.pixels().iter().all(|pixel| pixel[3] == 1.0));
}

#[test]
fn headers_say_what_the_pixels_are() {
    for (name, format) in [("turned.tif", Format::Tiff), ("turned.webp", Format::WebP)] {
        let info = photo::inspect(&bytes(name), name).unwrap();
        assert_eq!((info.width, info.height, info.orientation), (32, 48, 6));
        assert_eq!(info.taken.as_deref(), Some("2021-12-31T23:59:59"), "{name}");
        assert_eq!(info.profile.as_deref(), Some("Wide test space"), "{name}");
        assert_eq!((info.format, info.bit_depth), (format, 8));
        assert_eq!(info, read(name).info);
    }
    assert_eq!(
        read("pages.tif").info.warnings,
        ["it has 2 pages; the first is read"]
    );
    let warnings = read("animation.webp").info.warnings;
    assert_eq!(warnings, ["it is an animation of 2 frames; the first is read"]);
}

#[test]
fn kinds_that_are_not_read_are_refused_with_the_mend() {
    let plain = bytes("grey-packbits.tif");
    for (tag, value, says, mend) in [
        (262, 3, "a palette", "set its mode to RGB"),
        (262, 5, "CMYK", "convert it to RGB"),
        (262, 6, "YCbCr", "8 or 16 bits, RGB or grey"),
        (262, 8, "Lab", "8 or 16 bits, RGB or grey"),
        (258, 1, "1 bits a channel", "8 or 16 bits"),
        (258, 12, "12 bits a channel", "8 or 16 bits"),
        (259, 4, "fax", "with LZW or ZIP"),
        (259, 7, "JPEG inside", "with LZW or ZIP"),
        (259, 50_000, "Zstandard", "with LZW or ZIP"),
    ] {
        let text = photo::decode(&with(&plain, tag, value), "scan.tif")
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("scan.tif is a") && text.contains(says) && text.contains(mend),
            "{text}"
        );
    }
    let many = with(&bytes("alpha.tif"), 277, 5);
    let text = photo::decode(&many, "many.tif").unwrap_err().to_string();
    assert!(text.contains("a TIFF of 5 channels"), "{text}");
    // The unit of resolution (296), of no use here, becomes the format of the samples (339).
    let mut float = with(&bytes("alpha.tif"), 296, 3);
    let at = place(&float, 296);
    float[at - 8..at - 6].copy_from_slice(&339u16.to_le_bytes());
    let text = photo::decode(&float, "light.tif").unwrap_err().to_string();
    assert!(
        text.contains("floating-point") && text.contains("OpenEXR"),
        "{text}"
    );
    let text = photo::decode(b"II+\0\x08\0\0\0", "big.tif")
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("BigTIFF") && text.contains("ordinary TIFF"),
        "{text}"
    );
}

/// A raw file's first directory is a thumbnail that could be read; what makes it raw stands elsewhere.
#[test]
fn raw_files_are_refused_and_never_read_as_their_thumbnails() {
    let thumbnail = bytes("grey-packbits.tif");
    assert!(photo::decode(&thumbnail, "plain.tif").is_ok());
    // One tag of no use here becomes the one that counts: rows a strip (278) where one strip holds all.
    let renamed = |tag: u16, value: u32| {
        let mut file = thumbnail.clone();
        let at = place(&file, 278);
        file[at - 8..at - 6].copy_from_slice(&tag.to_le_bytes());
        file[at - 6..at - 4].copy_from_slice(&[4, 0]);
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
        file
    };
    let dng = renamed(50_706, 0x0401);
    let end = thumbnail.len() as u32;
    let nef = [renamed(330, end), directory(&[(262, 32_803), (259, 34_713)], 0)].concat();
    let arw = [renamed(330, end), directory(&[(259, 32_767)], 0)].concat();
    let later = {
        let mut file = thumbnail.clone();
        let first = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
        let count = usize::from(u16::from_le_bytes([file[first], file[first + 1]]));
        file[first + 2 + 12 * count..][..4].copy_from_slice(&end.to_le_bytes());
        [file, directory(&[(262, 34_892)], 0)].concat()
    };
    let mut cr2 = b"II*\0\x10\0\0\0CR\x02\0\0\0\0\0".to_vec();
    cr2.extend(directory(&[(256, 6)], 0));
    for (file, kind) in [
        (dng, "DNG"),
        (nef, "NEF"),
        (arw, "ARW"),
        (later, "NEF"),
        (cr2, "CR2"),
    ] {
        for refused in [
            photo::decode(&file, "IMG_1.raw").unwrap_err(),
            photo::inspect(&file, "IMG_1.raw").unwrap_err(),
        ] {
            let text = refused.to_string();
            assert!(matches!(refused, PhotoError::Unsupported { .. }), "{text}");
            assert!(
                text.contains("a camera's raw file") && text.contains(kind),
                "{text}"
            );
            assert!(text.contains("export it as 16-bit TIFF"), "{text}");
        }
        let (said, warnings) = metadata::read(&file);
        assert!(
            said.is_empty() && warnings[0].contains("raw file"),
            "{said:?} {warnings:?}"
        );
    }
    let text = photo::decode(&renamed(254, 1), "thumb.tif")
        .unwrap_err()
        .to_string();
    assert!(text.contains("begins with a thumbnail"), "{text}");
}

#[test]
fn bombs_are_refused_before_memory_is_taken() {
    let plain = bytes("grey-packbits.tif");
    let wide = with(&plain, 256, 60_000);
    let large = photo::decode(&with(&wide, 257, 60_000), "b.tif")
        .unwrap_err()
        .to_string();
    assert!(large.contains("400 million pixels"), "{large}");
    // A tile far larger than its picture.
    let tiles = with(&with(&bytes("planes.tif"), 322, 1 << 16), 323, 1 << 16);
    let damaged = photo::decode(&tiles, "t.tif").unwrap_err();
    assert!(matches!(damaged, PhotoError::Damaged { .. }), "{damaged}");

    let mut lossless = bytes("lossless.webp");
    // 14 bits of width less one, and of height.
    let at = lossless.windows(4).position(|w| w == b"VP8L").unwrap() + 9;
    lossless[at..at + 4].copy_from_slice(&(16_382_u32 | 16_382 << 14).to_le_bytes());
    let tight = Limits {
        pixels: 1 << 20,
        ..Limits::default()
    };
    let large = photo::decode_within(&lossless, "b.webp", &tight).unwrap_err();
    assert!(matches!(large, PhotoError::TooLarge { .. }), "{large}");
    let mut within = bytes("alpha.webp");
    let at = within.windows(4).position(|w| w == b"VP8 ").unwrap() + 8 + 6;
    within[at..at + 4].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    let damaged = photo::decode(&within, "c.webp").unwrap_err().to_string();
    assert!(damaged.contains("larger than it declares"), "{damaged}");
}
