//! Clips as footage: any moment, forwards and backwards, and what can not be read.

#![allow(clippy::unwrap_used)] // clippy lets tests unwrap, but not the helpers beside them

use std::io::Write;
use std::process::{Command, Stdio};

use heirloom_engine::conform::Moment;
use heirloom_engine::{Footage, SourceClip};
use heirloom_film::{Rate, Size};
use heirloom_picture::color;
use heirloom_vault::{ObjectId, Vault};

const SIZE: Size = Size {
    width: 48,
    height: 32,
};

/// A frame: soft waves that go right, and its number as a flat patch.
fn codes(n: u32) -> Vec<[u16; 3]> {
    let pixels = (0..SIZE.width * SIZE.height).map(|at| {
        let (x, y) = (
            (at % SIZE.width) as f32 - 2.0 * n as f32,
            (at / SIZE.width) as f32,
        );
        let value = 30_000.0 + 12_000.0 * (x * 0.4 + y * 0.2).sin() + 8_000.0 * (x * 0.15 - y * 0.3).sin();
        [value as u16; 3]
    });
    pixels.collect()
}

/// A vault with a clip of so many frames in it, without any loss.
fn clip(frames: u32) -> (tempfile::TempDir, Vault, ObjectId) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mkv");
    let mut ffmpeg = Command::new("ffmpeg")
        .args([
            "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb48le", "-s", "48x32", "-r", "24", "-i", "-",
        ])
        .args(["-c:v", "ffv1", "-pix_fmt", "gbrp16le"])
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let bytes: Vec<u8> = (0..frames)
        .flat_map(codes)
        .flatten()
        .flat_map(u16::to_le_bytes)
        .collect();
    ffmpeg.stdin.take().unwrap().write_all(&bytes).unwrap();
    assert!(ffmpeg.wait().unwrap().success());
    let vault = Vault::create(&folder.path().join("vault")).unwrap();
    let object = vault.put_file(&path).unwrap().0;
    (folder, vault, object)
}

/// The largest difference of a picture from a frame's codes.
fn apart(image: &heirloom_picture::Image, n: u32) -> u16 {
    let seen = color::to_video16(image);
    let pairs = seen.iter().flatten().copied().zip(codes(n).into_iter().flatten());
    pairs.map(|(seen, own)| seen.abs_diff(own)).max().unwrap()
}

#[test]
fn any_frame_can_be_looked_at_in_any_order_and_past_the_end_stands_the_last() {
    let (_folder, vault, object) = clip(70);
    let footage = Footage::of_clip(&vault, object, SIZE).unwrap();
    assert_eq!((footage.frames(), footage.rate()), (70, Rate::CINEMA));
    for n in [0, 1, 2, 9, 7, 8, 66, 69, 3, 70, 99] {
        let image = footage.at(Moment { frame: n, part: 0 }).unwrap();
        let own = n.min(69);
        assert!(apart(&image, own) <= 2, "{n}");
    }
}

#[test]
fn between_two_frames_lies_what_moves_from_the_one_to_the_other() {
    let (_folder, vault, object) = clip(6);
    let footage = Footage::of_clip(&vault, object, SIZE).unwrap();
    let half = footage.at(Moment::of(2.5)).unwrap();
    let seen = color::to_video16(&half);
    // A pixel on, for it moves by two: the middle of the frame as the frame before has it one to the left.
    let before = codes(2);
    let at = |x: u32, y: u32| (y * SIZE.width + x) as usize;
    let far = |by: u32| -> f64 {
        let all = (12..36).flat_map(|x| (8..24).map(move |y| (x, y)));
        let all = all.map(|(x, y)| f64::from(seen[at(x, y)][0].abs_diff(before[at(x - by, y)][0])));
        all.sum::<f64>() / (24.0 * 16.0)
    };
    assert!(
        far(1) < 0.3 * far(0) && far(1) < 0.3 * far(2),
        "{} {} {}",
        far(0),
        far(1),
        far(2)
    );
}

#[test]
fn what_is_no_clip_or_too_short_is_told_with_the_mend() {
    let (folder, vault, object) = clip(6);
    let clip = SourceClip::open(&vault, object).unwrap();
    assert_eq!((clip.size(), clip.object()), ((48, 32), object));
    clip.must_have(6, Rate::CINEMA).unwrap();
    let short = clip.must_have(7, Rate::CINEMA).unwrap_err().message;
    assert!(
        short.contains("has 6 frames") && short.contains("start earlier"),
        "{short}"
    );
    let words = folder.path().join("words.txt");
    std::fs::write(&words, "no clip").unwrap();
    let words = vault.put_file(&words).unwrap().0;
    let why = Footage::of_clip(&vault, words, SIZE).err().unwrap().message;
    assert!(why.contains("is not a clip that can be read"), "{why}");
    let gone = Footage::of_clip(&vault, ObjectId::of(b"gone"), SIZE)
        .err()
        .unwrap();
    assert!(gone.message.contains("vault verify"), "{gone}");
}
