//! Masters and exported frames of a small film.

// Helpers of tests are not tests in clippy's eyes.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use heirloom_engine::{Failure, Origin, Share, TakeFrames};
use heirloom_film::{Rate, Size};
use heirloom_finish::{
    Card, Cut, CutItem, FinishError, Footage, FrameFormat, Plate, export_frames, frame_path, master,
};
use heirloom_picture::ffmpeg::{Encoder, Ffmpeg, Master};
use heirloom_picture::{Image, color, exr};

fn files(folder: &Path) -> Vec<(Master, PathBuf)> {
    vec![
        (Master::H264, folder.join("film.mp4")),
        (Master::ProResHq, folder.join("film.mov")),
    ]
}

fn make(cut: &Cut, folder: &Path) -> Result<heirloom_finish::Mastered, FinishError> {
    master(
        cut,
        &Ffmpeg::find().unwrap(),
        &files(folder),
        &mut |_, _| {},
        &AtomicBool::new(false),
    )
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn masters_repeat_to_the_byte_and_carry_their_colours() {
    let folder = tempfile::tempdir().unwrap();
    let mut heard = Vec::new();
    let made = master(
        &support::cut(),
        &Ffmpeg::find().unwrap(),
        &files(folder.path()),
        &mut |done, of| heard.push((done, of)),
        &AtomicBool::new(false),
    )
    .unwrap();
    assert_eq!(made.frames, 20);
    assert_eq!(heard, (0..=20).map(|done| (done, 20)).collect::<Vec<_>>());
    assert_eq!(names(folder.path()), ["film.mov", "film.mp4"]);
    let first: Vec<Vec<u8>> = made
        .files
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();

    // Again, over what is there, with another number of threads.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let again = pool.install(|| make(&support::cut(), folder.path())).unwrap();
    assert_eq!(again.frame_map.to_bytes(), made.frame_map.to_bytes());
    for (path, before) in again.files.iter().zip(&first) {
        assert!(
            std::fs::read(path).unwrap() == *before,
            "{} differs",
            path.display()
        );
    }

    for (path, transfer, frames) in [("film.mp4", "iec61966-2-1", 20), ("film.mov", "bt709", 20)] {
        let entries = "stream=color_range,color_space,color_transfer,color_primaries,nb_frames,width,height";
        let told = Command::new("ffprobe")
            .args([
                "-v",
                "error",
                "-select_streams",
                "v:0",
                "-show_entries",
                entries,
                "-of",
                "default=nk=0:nw=1",
            ])
            .arg(folder.path().join(path))
            .output()
            .unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        for line in [
            "width=64",
            "height=36",
            "color_space=bt709",
            "color_primaries=bt709",
            &format!("color_transfer={transfer}"),
            &format!("nb_frames={frames}"),
        ] {
            assert!(told.lines().any(|l| l == line), "{path} lacks {line}:\n{told}");
        }
    }
}

#[test]
fn a_stop_in_the_middle_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("film.mp4"), b"the one from before").unwrap();
    let stop = AtomicBool::new(false);
    let result = master(
        &support::cut(),
        &Ffmpeg::find().unwrap(),
        &files(folder.path()),
        &mut |done, _| stop.store(done >= 7, Ordering::Relaxed),
        &stop,
    );
    assert!(matches!(result, Err(FinishError::Cancelled)), "{result:?}");
    assert_eq!(names(folder.path()), ["film.mp4"]);
    assert_eq!(
        std::fs::read(folder.path().join("film.mp4")).unwrap(),
        b"the one from before"
    );
}

#[test]
fn what_a_killed_run_left_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join(".film.mp4.making");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("half"), b"half a film").unwrap();
    make(&support::cut(), folder.path()).unwrap();
    assert_eq!(names(folder.path()), ["film.mov", "film.mp4"]);
}

/// Fails, or breaks off, at one frame.
struct Broken {
    inner: support::Gradient,
    at: u32,
    panics: bool,
}

impl TakeFrames for Broken {
    fn size(&self) -> Size {
        self.inner.size()
    }
    fn frames(&self) -> u32 {
        self.inner.frames()
    }
    fn frame(&self, n: u32) -> Result<Image, Failure> {
        assert!(!(self.panics && n == self.at), "a fault on purpose");
        if n == self.at {
            return Err(Failure::lasting(
                "input",
                "the map is damaged; run `heirloom vault verify`",
            ));
        }
        self.inner.frame(n)
    }
    fn origins(&self, n: u32, x: u32, y: u32) -> Result<Vec<Origin>, Failure> {
        self.inner.origins(n, x, y)
    }
    fn shares(&self) -> Result<Vec<Share>, Failure> {
        self.inner.shares()
    }
}

#[test]
fn a_damaged_take_is_named_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut cut = support::cut();
    let inner = support::gradient("moon", 8, [1.0; 3]);
    cut.items[1] = support::shot(
        "020",
        8,
        4,
        Broken {
            inner,
            at: 6,
            panics: false,
        },
    );
    let error = make(&cut, folder.path()).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("cosmos/020") && said.contains("frame 6") && said.contains("verify"),
        "{said}"
    );
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_take_that_is_too_short_is_found_before_rendering() {
    let folder = tempfile::tempdir().unwrap();
    let mut cut = support::cut();
    cut.items[1] = support::shot("020", 9, 4, support::gradient("moon", 8, [1.0; 3]));
    let said = make(&cut, folder.path()).unwrap_err().to_string();
    assert!(said.contains("has 9 frames") && said.contains("only 8"), "{said}");
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_dissolve_adds_light_and_not_codes() {
    let folder = tempfile::tempdir().unwrap();
    let cut = support::cut();
    export_frames(
        &cut,
        None,
        8..12,
        FrameFormat::ExrHalf,
        None,
        folder.path(),
        &mut |_, _| {},
        &AtomicBool::new(false),
    )
    .unwrap();
    // Frame 9 is the second of four in the dissolve: three fifths of frame 5 of the first, two of frame 1.
    let made = exr::read(&frame_path(folder.path(), FrameFormat::ExrHalf, 9)).unwrap();
    let frame = |item: &CutItem, n| match &item.footage {
        Footage::Take { frames, .. } => frames.frame(n).unwrap(),
        Footage::Plate(_) => unreachable!(),
    };
    let (a, b) = (frame(&cut.items[0], 5), frame(&cut.items[1], 1));
    for (at, pixel) in made.pixels().iter().enumerate() {
        for (c, value) in pixel.iter().enumerate().take(3) {
            let want = a.pixels()[at][c] * 0.6 + b.pixels()[at][c] * 0.4;
            assert!(
                (value - want).abs() <= want.abs() / 1024.0 + 1e-6,
                "{value} {want}"
            );
        }
        assert_eq!(pixel[3], 1.0);
    }
}

#[test]
fn exported_frames_go_on_where_they_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let cut = support::cut();
    let go = |cut: &Cut, stop_at: u64| {
        let stop = AtomicBool::new(false);
        let heard = &mut |done, _| stop.store(done >= stop_at, Ordering::Relaxed);
        export_frames(
            cut,
            None,
            2..18,
            FrameFormat::Png16,
            None,
            folder.path(),
            heard,
            &stop,
        )
    };
    assert!(matches!(go(&cut, 5), Err(FinishError::Cancelled)));
    let there = names(folder.path()).len() as u64 - 1;
    assert!(there >= 5, "{there} frames were kept");
    let report = go(&cut, u64::MAX).unwrap();
    assert_eq!((report.kept, report.written), (there, 16 - there));
    assert_eq!(go(&cut, u64::MAX).unwrap().written, 0);

    // Another cut: none of the old ones is taken for its own.
    let mut other = cut;
    other.items[0] = support::shot("011", 8, 0, support::gradient("retina", 8, [0.3; 3]));
    assert_eq!(go(&other, u64::MAX).unwrap().written, 16);

    let past = export_frames(
        &other,
        None,
        10..21,
        FrameFormat::Png16,
        None,
        folder.path(),
        &mut |_, _| {},
        &AtomicBool::new(false),
    );
    assert!(past.unwrap_err().to_string().contains("20 frames, 0 to 19"));
}

#[test]
fn pictures_of_others_are_not_taken_for_exported_frames() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("000003.png");
    std::fs::write(&theirs, b"a family picture").unwrap();
    let result = export_frames(
        &support::cut(),
        None,
        0..4,
        FrameFormat::Png16,
        None,
        folder.path(),
        &mut |_, _| {},
        &AtomicBool::new(false),
    );
    assert!(matches!(result, Err(FinishError::Occupied { .. })));
    assert_eq!(std::fs::read(theirs).unwrap(), b"a family picture");
}

/// A clip whose frame n is grey of code 1000 + 2000 n, 80x36 at `rate`.
fn clip(folder: &Path, rate: Rate, frames: u16) -> PathBuf {
    let path = folder.join("clip.mov");
    let size = Size::new(80, 36).unwrap();
    let mut encoder = Encoder::start(
        &Ffmpeg::find().unwrap(),
        Master::ProResHq,
        &path,
        size,
        rate,
        None,
    )
    .unwrap();
    for n in 0..frames {
        encoder.push(&vec![[1000 + 2000 * n; 3]; 80 * 36]).unwrap();
    }
    encoder.finish().unwrap();
    path
}

#[test]
fn a_plate_shows_the_clips_own_frames_at_the_films_pace() {
    let folder = tempfile::tempdir().unwrap();
    let ffmpeg = Ffmpeg::find().unwrap();
    let path = clip(folder.path(), Rate::parse("12").unwrap(), 20);
    let plate = Plate::probe(&ffmpeg, support::source("clip"), &path, 4).unwrap();
    let mut cut = support::cut();
    cut.title_card = None;
    cut.credits = None;
    cut.items[1].footage = Footage::Plate(plate);
    let out = folder.path().join("frames");
    export_frames(
        &cut,
        Some(&ffmpeg),
        7..12,
        FrameFormat::ExrHalf,
        None,
        &out,
        &mut |_, _| {},
        &AtomicBool::new(false),
    )
    .unwrap();
    for n in 8..12_u64 {
        // Frame n shows the plate's frame n - 4, which at the film's rate is frame n of the clip, and the clip runs
        // at half that rate.
        let image = exr::read(&frame_path(&out, FrameFormat::ExrHalf, n)).unwrap();
        let code = color::to_video16(&image)[64 * 18 + 30][1];
        let want = 1000 + 2000 * (n as i32 / 2);
        assert!(
            (i32::from(code) - want).abs() < 120,
            "frame {n}: {code}, not {want}"
        );
    }
}

#[test]
fn cards_are_the_same_for_any_number_of_threads() {
    let size = Size::new(320, 180).unwrap();
    let draw = || {
        let title = Card::title("What the body remembers of the sky", size, Rate::CINEMA, 48);
        let bytes: Vec<u8> = title
            .frame(24)
            .pixels()
            .iter()
            .flatten()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        heirloom_vault::ObjectId::of(&bytes)
    };
    let first = draw();
    for threads in 1..=3 {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        assert_eq!(pool.install(draw), first);
    }
}

/// Where the test below runs itself again, to be killed.
const KILLED: &str = "HEIRLOOM_TEST_MASTERS_TO_KILL";

#[test]
fn a_killed_run_leaves_no_master_and_the_next_one_is_whole() {
    if let Some(folder) = std::env::var_os(KILLED) {
        // The run to be killed: it never gets past its seventh frame.
        let wait = |done, _| {
            if done == 7 {
                std::thread::sleep(std::time::Duration::from_secs(60))
            }
        };
        let stop = AtomicBool::new(false);
        let files = files(Path::new(&folder));
        master(
            &support::cut(),
            &Ffmpeg::find().unwrap(),
            &files,
            &mut { wait },
            &stop,
        )
        .unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_killed_run_leaves_no_master_and_the_next_one_is_whole",
        ])
        .env(KILLED, folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let begun = std::time::Instant::now();
    while !folder.path().join(".film.mov.making").exists() && begun.elapsed().as_secs() < 20 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::thread::sleep(std::time::Duration::from_millis(200));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        names(folder.path()).iter().all(|name| name.starts_with('.')),
        "{:?}",
        names(folder.path())
    );
    make(&support::cut(), folder.path()).unwrap();
    assert_eq!(names(folder.path()), ["film.mov", "film.mp4"]);
}
