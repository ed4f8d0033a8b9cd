//! EXR and PNG files: what is written is read again, by us and by others, whole or not at all.

// clippy lets tests unwrap, but not the helpers beside them.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use heirloom_picture::exr::{self, Depth, ExrError, LayerAttribute, Layers, Samples};
use heirloom_picture::{AcesCg, Image, WriteError, color, photo, png};

fn picture(alpha: bool) -> Image<AcesCg> {
    let pixels = (0..40 * 24)
        .map(|i| {
            let (x, y) = ((i % 40) as f32 / 40.0, (i / 40) as f32 / 24.0);
            [
                x * 4.0 - 0.25,
                y * 0.18,
                x * y * 100.0,
                if alpha { 0.5 + 0.5 * y } else { 1.0 },
            ]
        })
        .collect();
    Image::from_pixels(40, 24, pixels).unwrap()
}

#[test]
fn float_keeps_the_bits_and_half_what_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.exr");
    for alpha in [false, true] {
        let image = picture(alpha);
        exr::write(&path, &image, Depth::Float).unwrap();
        assert_eq!(exr::read(&path).unwrap(), image);
        exr::write(&path, &image, Depth::Half).unwrap();
        for (a, b) in image.pixels().iter().zip(exr::read(&path).unwrap().pixels()) {
            for c in 0..4 {
                assert!((a[c] - b[c]).abs() <= a[c].abs() / 2048.0 + 1e-7, "{a:?} {b:?}");
            }
        }
    }
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no temporary file stays"
    );
}

#[test]
fn what_half_cannot_hold_is_its_largest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.exr");
    exr::write(
        &path,
        &Image::filled(1, 1, [1e9, -1e9, 65_504.0, 1.0]),
        Depth::Half,
    )
    .unwrap();
    assert_eq!(
        exr::read(&path).unwrap().at(0, 0),
        [65_504.0, -65_504.0, 65_504.0, 1.0]
    );
}

#[test]
fn the_bytes_do_not_depend_on_threads() {
    let folder = tempfile::tempdir().unwrap();
    let made = |threads: usize| {
        let path = folder.path().join(format!("{threads}.exr"));
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| exr::write(&path, &picture(true), Depth::Half))
            .unwrap();
        std::fs::read(path).unwrap()
    };
    assert_eq!(made(1), made(2));
    assert_eq!(made(1), made(3));
}

#[test]
fn other_primaries_come_in_as_acescg() {
    // A file without chromaticities means BT.709: its white stays white, its red becomes what
    // the matrix says.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("709.exr");
    ::exr::prelude::write_rgb_file(&path, 2, 1, |x, _| {
        if x == 0 {
            (1.0f32, 1.0, 1.0)
        } else {
            (1.0, 0.0, 0.0)
        }
    })
    .unwrap();
    let image = exr::read(&path).unwrap();
    let close = |pixel: [f32; 4], expected: [f32; 4]| {
        for c in 0..4 {
            assert!((pixel[c] - expected[c]).abs() < 1e-5, "{pixel:?}");
        }
    };
    close(image.at(0, 0), [1.0; 4]);
    close(image.at(1, 0), [0.613097, 0.070194, 0.020616, 1.0]);
}

#[test]
fn ffmpeg_reads_our_exr() {
    // Any other reader would do; this one is at hand wherever the film can be cut.
    let Ok(found) = Command::new("ffmpeg").arg("-version").output() else {
        return;
    };
    assert!(found.status.success());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.exr");
    let image = picture(false);
    exr::write(&path, &image, Depth::Float).unwrap();
    let raw = Command::new("ffmpeg")
        .args(["-v", "error", "-apply_trc", "linear", "-i"])
        .arg(&path)
        .args(["-pix_fmt", "gbrpf32le", "-f", "rawvideo", "-"])
        .output()
        .unwrap();
    assert!(raw.status.success(), "{}", String::from_utf8_lossy(&raw.stderr));
    let values: Vec<f32> = raw
        .stdout
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    assert_eq!(values.len(), 40 * 24 * 3);
    for (i, pixel) in image.pixels().iter().enumerate() {
        let seen = [values[2 * 960 + i], values[i], values[960 + i]];
        for c in 0..3 {
            // This reader cuts off what is below zero.
            assert!(
                (pixel[c].max(0.0) - seen[c].max(0.0)).abs() <= 1e-5 * pixel[c].abs(),
                "{pixel:?} {seen:?}"
            );
        }
    }
}

#[test]
fn damaged_exr_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.exr");
    exr::write(&path, &picture(true), Depth::Half).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for cut in [0, 3, 50, 200, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let refused = exr::read(&path).unwrap_err();
        assert!(matches!(refused, ExrError::Unreadable { .. }), "{refused}");
        assert!(refused.to_string().contains("write it anew"));
    }
    std::fs::write(&path, "no picture").unwrap();
    assert!(matches!(
        exr::read(&path).unwrap_err(),
        ExrError::Unreadable { .. }
    ));
    assert!(matches!(
        exr::read(&folder.path().join("b.exr")).unwrap_err(),
        ExrError::Read { .. }
    ));
    // A data window far larger than anyone's memory.
    let window = whole.windows(10).position(|w| w == b"dataWindow").unwrap() + 10 + 1 + 6 + 4;
    let mut bomb = whole;
    bomb[window + 8..window + 16].copy_from_slice(&[0x9f, 0x86, 1, 0, 0x9f, 0x86, 1, 0]);
    std::fs::write(&path, bomb).unwrap();
    assert!(matches!(exr::read(&path).unwrap_err(), ExrError::TooLarge { .. }));
}

#[test]
fn png_of_both_depths_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let codes: Vec<[u8; 3]> = (0..=255).map(|v| [v, 255 - v, v / 2]).collect();
    png::write8(&path, &codes, 16, 16).unwrap();
    let eight = photo::read(&path).unwrap();
    assert_eq!(
        (color::to_display8(&eight.image), eight.info.bit_depth),
        (codes, 8)
    );
    assert_eq!(eight.info.profile.as_deref(), Some("sRGB"));

    let codes: Vec<[u16; 3]> = (0..256).map(|v| [v * 257, 65_535 - v * 201, v]).collect();
    png::write16(&path, &codes, 32, 8).unwrap();
    let sixteen = photo::read(&path).unwrap();
    assert_eq!(
        (color::to_video16(&sixteen.image), sixteen.info.bit_depth),
        (codes, 16)
    );
}

fn nothing_is_left(folder: &Path) {
    assert_eq!(
        std::fs::read_dir(folder).unwrap().count(),
        0,
        "nothing half-written stays"
    );
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    assert!(matches!(
        png::write8(&path, &[[0; 3]; 5], 2, 2).unwrap_err(),
        WriteError::Shape { .. }
    ));
    assert!(matches!(
        png::write16(&path, &[], 0, 0).unwrap_err(),
        WriteError::Shape { .. }
    ));
    assert!(matches!(
        exr::write(&path, &Image::new(0, 3), Depth::Half).unwrap_err(),
        WriteError::Shape { .. }
    ));
    nothing_is_left(folder.path());
    let missing = folder.path().join("no/such/folder/a.png");
    let refused = png::write8(&missing, &[[0; 3]], 1, 1).unwrap_err();
    assert!(
        refused.to_string().contains("see that its folder exists"),
        "{refused}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_clear_error() {
    // A small file system in memory, in a name space of our own; where that is not allowed, not tried.
    let script =
        "mount -t tmpfs -o size=64k none \"$0\" && cd \"$0\" && exec \"$1\" --exact on_a_tiny_disk --ignored";
    let folder = tempfile::tempdir().unwrap();
    let this = std::env::current_exe().unwrap();
    let allowed = Command::new("unshare")
        .args(["-rm", "true"])
        .status()
        .is_ok_and(|s| s.success());
    if !allowed {
        return;
    }
    let run = Command::new("unshare")
        .args(["-rm", "sh", "-c", script])
        .arg(folder.path())
        .arg(this)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
}

#[test]
#[ignore = "run by a_full_disk_is_one_clear_error, on a disk of 64 KiB"]
fn on_a_tiny_disk() {
    let noise = (0..200 * 200u32)
        .map(|i| [i.wrapping_mul(2_654_435_761) as f32; 4])
        .collect();
    let image = Image::from_pixels(200, 200, noise).unwrap();
    let codes: Vec<_> = (0..200 * 200u32)
        .map(|i| [(i.wrapping_mul(2_654_435_761) >> 8) as u16; 3])
        .collect();
    for refused in [
        exr::write(Path::new("a.exr"), &image, Depth::Float).unwrap_err(),
        png::write16(Path::new("a.png"), &codes, 200, 200).unwrap_err(),
    ] {
        assert!(matches!(refused, WriteError::DiskFull { .. }), "{refused}");
        assert!(refused.to_string().contains("free some space"), "{refused}");
        nothing_is_left(Path::new("."));
    }
}

#[test]
fn channels_of_every_kind_come_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layers.exr");
    let mut layers = Layers {
        width: 3,
        height: 2,
        ..Layers::default()
    };
    let mut put = |name: &str, samples| layers.channels.insert(name.into(), samples);
    put("R", Samples::Half(vec![0.0, 0.5, 1.0, -2.0, 65_504.0, 0.25]));
    put(
        "depth.Z",
        Samples::Float(vec![1.0, f32::INFINITY, 0.1, -0.0, 1e-30, 3.4e38]),
    );
    put("id.I", Samples::Whole(vec![0, 1, u32::MAX, 7, 1 << 31, 3]));
    let mut note = |name: &str, value| layers.attributes.insert(name.into(), value);
    note("objects", LayerAttribute::Text(r#"{"1":"a"}"#.into()));
    note("focalPx", LayerAttribute::Number(812.5));
    note(
        "camera",
        LayerAttribute::Matrix(std::array::from_fn(|i| i as f32)),
    );
    exr::write_layers(&path, &layers).unwrap();
    assert_eq!(exr::read_layers(&path).unwrap(), layers);

    // The encoder keeps attributes in a map of random order: the same frame was other bytes in every run.
    let whole = std::fs::read(&path).unwrap();
    for _ in 0..8 {
        exr::write_layers(&path, &layers).unwrap();
        assert!(
            whole == std::fs::read(&path).unwrap(),
            "the same channels are the same bytes"
        );
    }
    for cut in [0, 20, 200, whole.len() / 2, whole.len() - 3] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        assert!(exr::read_layers(&path).is_err(), "cut at {cut}");
    }
}

#[test]
fn channels_that_do_not_fit_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layers.exr");
    let mut layers = Layers {
        width: 2,
        height: 2,
        ..Layers::default()
    };
    assert!(exr::write_layers(&path, &layers).is_err());
    layers.channels.insert("R".into(), Samples::Half(vec![0.0; 3]));
    let error = exr::write_layers(&path, &layers).unwrap_err().to_string();
    assert!(error.contains("channel R has 3 values"), "{error}");
    layers.channels.insert("R".into(), Samples::Half(vec![0.0; 4]));
    layers
        .attributes
        .insert("name".into(), LayerAttribute::Text("Süd".into()));
    assert!(exr::write_layers(&path, &layers).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
