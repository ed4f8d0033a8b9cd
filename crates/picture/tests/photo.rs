//! Photographs as others read them, and files that are no photographs.
//!
//! `photos/make.py` and `photos/make_tiff_webp.py` made the pictures and, with Pillow and LittleCMS, `photos/golden.txt`.

// clippy lets tests unwrap, but not the helpers beside them.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use heirloom_picture::photo::{self, Format, Limits, PhotoError};
use heirloom_picture::{AcesCg, Image, color};
use proptest::prelude::*;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/photos")
        .join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

fn refused(bytes: &[u8]) -> PhotoError {
    photo::decode(bytes, "father.jpg").unwrap_err()
}

#[test]
fn photographs_are_what_an_independent_reader_sees() {
    let golden = std::fs::read_to_string(path("golden.txt")).unwrap();
    assert_eq!(golden.lines().count(), 25);
    for line in golden.lines() {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let mut number = || words.next().unwrap().parse::<u32>().unwrap();
        let (width, height) = (number(), number());
        let photo = photo::read(&path(name)).unwrap();
        assert_eq!(
            (photo.image.width(), photo.image.height()),
            (width, height),
            "{name}"
        );
        assert_eq!((photo.info.width, photo.info.height), (width, height), "{name}");
        let pages = matches!(name, "pages.tif" | "animation.webp");
        assert_eq!(photo.info.warnings.len(), usize::from(pages), "{name}");
        let shown = color::to_display8(&photo.image);
        // Codecs may round an inverse DCT, a chroma average or a lookup by a step; what loses nothing may not.
        let within = match name {
            "palette.png" | "turned.png" | "lossless.webp" | "lossy.webp" | "animation.webp" => 0,
            "turned.tif" => 2,
            name if name.ends_with(".tif") => 0,
            "baseline-420.jpg" | "progressive-422.jpg" => 3,
            _ => 2,
        };
        for sample in words {
            let (place, seen) = sample.split_once('=').unwrap();
            let numbers = |text: &str| text.split(',').map(|n| n.parse().unwrap()).collect::<Vec<i32>>();
            let (place, seen) = (numbers(place), numbers(seen));
            let ours = shown[place[1] as usize * width as usize + place[0] as usize];
            for c in 0..3 {
                let off = (i32::from(ours[c]) - seen[c]).abs();
                assert!(
                    off <= within,
                    "{name} at {place:?}: {ours:?}, others see {seen:?}"
                );
            }
        }
    }
}

/// FNV-1a over the bits of the linear pixels.
fn fingerprint(image: &Image<AcesCg>) -> u64 {
    let bytes = image
        .pixels()
        .as_flattened()
        .iter()
        .flat_map(|v| v.to_bits().to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[test]
fn the_bits_of_a_photograph_are_the_same_everywhere() {
    // Whoever changes one of these changes every take made without weights.
    let expected = [
        ("baseline-420.jpg", 0x425bab47_eafe7190),
        ("progressive-422.jpg", 0x879cc0b3_11b4a1cf),
        ("wide.jpg", 0x8798361e_f0403fd3),
        ("palette.png", 0xdbef232e_883dcb32),
        ("deep-rgb.png", 0xb888f765_4edc2421),
        ("strips-lzw.tif", 0x44b9915d_bba04125),
        ("alpha-multiplied.tif", 0x549ee48c_97c1ccfd),
        ("lossy.webp", 0xf682e9f1_009873dd),
        ("alpha.webp", 0x080eb3aa_d55f0f43),
    ];
    for threads in 1..=3 {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let image = |name: &str| pool.install(|| photo::read(&path(name)).unwrap().image);
        let seen = expected.map(|(name, _)| (name, fingerprint(&image(name))));
        assert_eq!(seen, expected, "{threads} threads: {seen:x?}");
    }
}

#[test]
fn the_jpeg_decoder_is_built_without_processor_paths() {
    // Not `cargo metadata`: it also counts what a dependency names weakly (`image?/png`) and nobody builds.
    let tree = std::process::Command::new(env!("CARGO"))
        .args(
            "tree --offline --workspace --all-features --target all --edges features --prefix none"
                .split(' '),
        )
        .args(["--invert", "zune-jpeg"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    let features: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.strip_prefix("zune-jpeg feature "))
        .collect();
    assert!(features.contains(&"\"std\""), "{tree}");
    for unwanted in ["x86", "neon", "portable_simd"] {
        assert!(!features.iter().any(|f| f.contains(unwanted)), "{features:?}");
    }
}

#[test]
fn orientation_and_date_are_read_and_applied() {
    let upright = photo::read(&path("turned-1.jpg")).unwrap();
    let reference = color::to_display8(&upright.image);
    for orientation in 1..=8u8 {
        let photo = photo::read(&path(&format!("turned-{orientation}.jpg"))).unwrap();
        assert_eq!(photo.info.orientation, orientation);
        assert_eq!(photo.info.taken.as_deref(), Some("2019-07-04T12:30:05"));
        assert_eq!(photo.info.format, Format::Jpeg);
        // All eight are one picture; their codings differ by a few steps.
        for (a, b) in reference.iter().zip(color::to_display8(&photo.image)) {
            for c in 0..3 {
                assert!(a[c].abs_diff(b[c]) < 14, "{orientation}: {a:?} {b:?}");
            }
        }
    }
    let info = photo::inspect(&bytes("turned.png"), "turned.png").unwrap();
    assert_eq!((info.width, info.height, info.orientation), (16, 24, 6));
    assert_eq!(info.taken.as_deref(), Some("2021-12-31T23:59:59"));
    assert_eq!(info, photo::read(&path("turned.png")).unwrap().info);
}

#[test]
fn profiles_are_named_and_honoured() {
    let wide = photo::read(&path("wide.jpg")).unwrap();
    assert_eq!(wide.info.profile.as_deref(), Some("Wide test space"));
    let tables = photo::read(&path("tables.png")).unwrap();
    assert_eq!(tables.info.profile.as_deref(), Some("Lookup test space"));
    // A broken profile is said, and the picture is read as sRGB.
    let mut broken = bytes("wide.jpg");
    let at = broken.windows(4).position(|w| w == b"acsp").unwrap();
    broken[at..at + 4].copy_from_slice(b"xxxx");
    let broken = photo::decode(&broken, "wide.jpg").unwrap();
    assert_eq!(broken.info.profile, None);
    assert!(
        broken.info.warnings[0].contains("taken as sRGB"),
        "{:?}",
        broken.info.warnings
    );
}

#[test]
fn sixteen_bits_and_alpha_are_kept() {
    let deep = photo::read(&path("deep-rgb.png")).unwrap();
    assert_eq!(deep.info.bit_depth, 16);
    let codes = color::to_video16(&deep.image);
    for y in 0..16u16 {
        for x in 0..24u16 {
            let expected = [x * 2849, y * 4369, x * 1000 + y * 2500];
            assert_eq!(codes[usize::from(y) * 24 + usize::from(x)], expected);
        }
    }
    let grey = color::to_video16(&photo::read(&path("deep-grey.png")).unwrap().image);
    assert_eq!(grey[24 + 2], [2 * 1800 + 1500; 3]);

    let alpha = photo::read(&path("alpha.png")).unwrap().image;
    assert_eq!(alpha.at(0, 3), [0.0; 4]);
    let pixel = alpha.at(12, 8);
    assert_eq!(pixel[3], 132.0 / 255.0);
    let opaque = color::from_display8(&[[120, 120, 128]], 1, 1).unwrap().at(0, 0);
    for c in 0..3 {
        assert!(
            (pixel[c] - opaque[c] * pixel[3]).abs() < 1e-6,
            "colour is multiplied by alpha"
        );
    }
}

#[test]
fn the_content_decides_and_not_the_name() {
    let info = photo::inspect(&bytes("palette.png"), "palette.jpg").unwrap();
    assert_eq!(info.format, Format::Png);
    for (content, says) in [
        (
            &b"Dear all, the pictures are on the stick."[..],
            "starts with \"Dear all, the pictures a\"",
        ),
        (
            b"GIF89a\x01\x00",
            "this is GIF: save it as 16-bit TIFF or PNG, as OpenEXR or as JPEG",
        ),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "this is HEIC"),
        (
            b"FUJIFILMCCD-RAW 0201",
            "this is a camera's raw file: save it as 16-bit TIFF or PNG",
        ),
        (b"\x01\x02\x03", "starts with the bytes 01 02 03"),
        ("д".repeat(40).as_bytes(), "starts with \"дддддддддддд\""),
    ] {
        let text = refused(content).to_string();
        assert!(
            text.contains("father.jpg is not a photograph Heirloom reads"),
            "{text}"
        );
        assert!(
            text.contains("JPEG, PNG, TIFF, WebP, OpenEXR and Radiance HDR are read"),
            "{text}"
        );
        assert!(text.contains(says), "{text}");
    }
    assert!(matches!(refused(b""), PhotoError::Empty { .. }));
    let missing = photo::read(&path("nobody.jpg")).unwrap_err();
    assert!(matches!(&missing, PhotoError::Read { .. }) && missing.to_string().contains("nobody.jpg"));
    let folder = photo::read(&path("")).unwrap_err();
    assert!(matches!(folder, PhotoError::Read { .. }));
}

/// A chunk as PNG has it.
fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = !0u32;
    for byte in name.iter().chain(data) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    [
        &(data.len() as u32).to_be_bytes(),
        &name[..],
        data,
        &(!crc).to_be_bytes(),
    ]
    .concat()
}

fn png_declaring(width: u32, height: u32, bits: u8, kind: u8) -> Vec<u8> {
    let header = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[bits, kind, 0, 0, 0],
    ]
    .concat();
    let data = [0x78, 0x9c, 0x63, 0, 0, 0, 1, 0, 1];
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &header),
        chunk(b"IDAT", &data),
        chunk(b"IEND", b""),
    ]
    .concat()
}

#[test]
fn bombs_are_refused_before_memory_is_taken() {
    for (bomb, limit) in [
        (png_declaring(60_000, 60_000, 8, 2), "400 million pixels"),
        (png_declaring(70_000, 2, 8, 2), "65535 pixels a side"),
        (png_declaring(2, 0x7fff_ffff, 1, 0), "65535 pixels a side"),
        (png_declaring(19_000, 19_000, 16, 6), "1024 MiB decoded"),
        (png_declaring(19_000, 19_000, 8, 3), "1024 MiB decoded"),
    ] {
        for refused in [
            photo::decode(&bomb, "b").unwrap_err(),
            photo::inspect(&bomb, "b").unwrap_err(),
        ] {
            assert!(matches!(&refused, PhotoError::TooLarge { .. }), "{refused}");
            assert!(refused.to_string().contains(limit), "{refused}");
            assert!(refused.to_string().contains("scale it down"), "{refused}");
        }
    }
    // A JPEG's frame header, enlarged.
    let mut bomb = bytes("baseline-420.jpg");
    let frame = bomb.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    bomb[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    assert!(matches!(
        refused(&bomb),
        PhotoError::TooLarge { width: 65_535, .. }
    ));
    let tight = Limits {
        pixels: 1000,
        ..Limits::default()
    };
    let refused = photo::decode_within(&bytes("palette.png"), "p", &tight).unwrap_err();
    assert!(matches!(refused, PhotoError::TooLarge { .. }));
}

#[test]
fn nothing_to_see_is_damage() {
    for size in [(0, 5), (5, 0)] {
        let refused = refused(&png_declaring(size.0, size.1, 8, 2));
        assert!(matches!(refused, PhotoError::Damaged { .. }), "{refused}");
    }
    let mut flat = bytes("baseline-420.jpg");
    let frame = flat.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    flat[frame + 5..frame + 7].copy_from_slice(&[0, 0]);
    assert!(matches!(refused(&flat), PhotoError::Damaged { .. }));
}

#[test]
fn a_photograph_cut_short_is_said_to_be() {
    for name in [
        "baseline-420.jpg",
        "progressive-422.jpg",
        "deep-rgb.png",
        "palette.png",
        "strips-lzw.tif",
        "tiles-deflate-deep.tif",
        "planes.tif",
        "grey-packbits.tif",
        "lossy.webp",
        "lossless.webp",
        "turned.webp",
        "animation.webp",
    ] {
        let whole = bytes(name);
        for share in [3, 10, 30, 50, 80, 95] {
            let cut = &whole[..whole.len() * share / 100];
            let refused = photo::decode(cut, name).unwrap_err();
            let text = refused.to_string();
            assert!(
                matches!(refused, PhotoError::CutShort { .. } | PhotoError::Damaged { .. }),
                "{text}"
            );
            assert!(text.contains("copy it again"), "{text}");
        }
    }
}

#[test]
fn print_jpegs_are_refused_with_the_mend() {
    let text = refused(&bytes("cmyk.jpg")).to_string();
    assert!(
        text.contains("CMYK") && text.contains("convert it to RGB"),
        "{text}"
    );
}

#[test]
fn declared_gamma_is_honoured() {
    let header = [&2u32.to_be_bytes()[..], &1u32.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    // One stored block: filter 0, samples 128 and 255.
    let data = [
        0x78, 0x01, 1, 3, 0, 0xfc, 0xff, 0, 128, 255, 0x03, 0x01, 0x01, 0x80,
    ];
    let made = |gamma: u32| {
        [
            b"\x89PNG\r\n\x1a\n".to_vec(),
            chunk(b"IHDR", &header),
            chunk(b"gAMA", &gamma.to_be_bytes()),
            chunk(b"IDAT", &data),
            chunk(b"IEND", b""),
        ]
        .concat()
    };
    let linear = photo::decode(&made(100_000), "linear.png").unwrap();
    assert!((linear.image.at(0, 0)[1] - 128.0 / 255.0).abs() < 1e-6);
    let usual = photo::decode(&made(45_455), "usual.png").unwrap();
    assert_eq!(color::to_display8(&usual.image), [[128; 3], [255; 3]]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_stop_the_program(
        name in prop::sample::select(vec!["baseline-420.jpg", "progressive-422.jpg", "wide.jpg", "tables.png",
            "deep-rgb.png", "palette.png", "turned.png", "turned-6.jpg", "cmyk.jpg", "strips-lzw.tif", "planes.tif",
            "tiles-deflate-deep.tif", "grey-packbits.tif", "channel.tif", "lossy.webp", "alpha.webp", "lossless.webp",
            "animation.webp"]),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut damaged = bytes(name);
        for (place, value) in hits {
            let place = place.index(damaged.len());
            damaged[place] = value;
        }
        let limits = Limits { pixels: 1 << 20, ..Limits::default() };
        if let Ok(photo) = photo::decode_within(&damaged, name, &limits) {
            prop_assert_eq!(photo.image.width(), photo.info.width);
        }
        drop(photo::inspect(&damaged, name));
    }
}

/// Found by fuzzing: the PNG decoder crashed on a palette of 53 bytes, which is no whole number of colours.
#[test]
fn a_palette_cut_off_within_a_colour_is_damage() {
    let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/photo_decode");
    let mut bytes = std::fs::read(seeds.join("plte-53.png")).unwrap();
    // The fuzzer leaves checksums aside; here the chunk gets its own.
    let at = bytes.windows(4).position(|w| w == b"PLTE").unwrap();
    let length = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap()) as usize;
    assert_eq!(length % 3, 2);
    let crc = !bytes[at..at + 4 + length].iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| {
            if c & 1 == 1 {
                (c >> 1) ^ 0xedb8_8320
            } else {
                c >> 1
            }
        })
    });
    bytes[at + 4 + length..at + 8 + length].copy_from_slice(&crc.to_be_bytes());
    let error = photo::decode(&bytes, "plte-53.png").unwrap_err().to_string();
    assert!(
        error.contains("plte-53.png") && error.contains("palette"),
        "{error}"
    );
}
