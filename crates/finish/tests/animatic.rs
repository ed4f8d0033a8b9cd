//! Animatics: moves over drawings, timing, burn-in, slates, and what is kept.

// Helpers of tests are not tests in clippy's eyes.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use heirloom_engine::Failure;
use heirloom_film::{Ease, Rate, Size};
use heirloom_finish::animatic::{
    Animatic, AnimaticShot, Board, BoardWarning, Boards, Drawing, Kept, Label, Lens, Part, Pictures, Shown,
    Slate, strip_top,
};
use heirloom_finish::{Card, FinishError};
use heirloom_picture::Image;
use heirloom_picture::ffmpeg::Ffmpeg;
use proptest::prelude::*;

use support::{shot, size};

/// Pictures of one grey, with a lens that zooms from 20 mm on, a millimetre a frame.
struct Plain(f32, Size);

impl Pictures for Plain {
    fn frame(&self, _: u32) -> Result<Image, Failure> {
        Ok(Image::filled(
            self.1.width,
            self.1.height,
            [self.0, self.0, self.0, 1.0],
        ))
    }

    fn label(&self, n: u32) -> Label {
        Label {
            what: "stage".into(),
            lens: Some(Lens {
                focal_mm: 20.0 + f64::from(n),
                zooms: true,
            }),
        }
    }
}

fn pictured(name: &str, frames: u32, dissolve: u32, pictures: impl Pictures + 'static) -> AnimaticShot {
    AnimaticShot {
        scene: "cosmos".into(),
        shot: name.into(),
        frames,
        dissolve,
        shown: Shown::Pictures(Arc::new(pictures)),
    }
}

fn animatic(size: Size, shots: Vec<AnimaticShot>) -> Animatic {
    Animatic {
        rate: Rate::CINEMA,
        size,
        title_card: None,
        shots,
        sound: None,
        burn_in: false,
    }
}

/// Black, and brighter the nearer to (`x`, `y`), in pixels from the upper left corner.
fn spot(width: u32, height: u32, x: f64, y: f64) -> Image {
    let mut image = Image::new(width, height);
    for (at, pixel) in image.pixels_mut().iter_mut().enumerate() {
        let (column, row) = (at as u32 % width, at as u32 / width);
        let (dx, dy) = (f64::from(column) + 0.5 - x, f64::from(row) + 0.5 - y);
        let light = (-(dx * dx + dy * dy) / 18.0).exp() as f32;
        *pixel = [light, light, light, 1.0];
    }
    image
}

/// Where the light of a picture is, above its ground.
fn middle_of_light(image: &Image) -> (f64, f64) {
    let (mut sum, mut x, mut y) = (0.0, 0.0, 0.0);
    for (at, pixel) in image.pixels().iter().enumerate() {
        let light = (f64::from(pixel[1]) - 0.05).max(0.0);
        sum += light;
        x += light * (f64::from(at as u32 % image.width()) + 0.5);
        y += light * (f64::from(at as u32 / image.width()) + 0.5);
    }
    (x / sum, y / sum)
}

fn drawing(image: Image) -> Drawing {
    Arc::new(move || Ok(image.clone()))
}

fn board(image: Image, frames: u32, from: Part, to: Part) -> Board {
    Board {
        name: "one.png".into(),
        drawing: drawing(image),
        frames,
        from,
        to,
        ease: Ease::InOut,
        caption: String::new(),
    }
}

fn part(x: f64, y: f64, side: f64) -> Part {
    Part {
        x,
        y,
        width: side,
        height: side,
    }
}

#[test]
fn a_move_begins_and_ends_where_its_parts_say() {
    let to = Size::new(128, 72).unwrap();
    // The spot stands at 0.5, 0.5 of a part that lies at 0.25..0.65, and at 0.2, 0.2 of the whole of the end part.
    let image = spot(320, 180, 144.0, 81.0);
    let boards = Boards::new(
        vec![board(image, 25, part(0.25, 0.25, 0.4), part(0.35, 0.35, 0.5))],
        25,
        to,
    )
    .unwrap();
    for (n, x, y) in [(0, 0.5, 0.5), (24, 0.2, 0.2)] {
        let (found_x, found_y) = middle_of_light(&boards.frame(n).unwrap());
        let (x, y) = (x * 128.0, y * 72.0);
        assert!(
            (found_x - x).abs() < 0.05 && (found_y - y).abs() < 0.05,
            "{found_x} {found_y} and not {x} {y}"
        );
    }
}

#[test]
fn a_slow_pan_goes_by_equal_parts_of_a_pixel_and_a_zoom_stands_on_its_point() {
    let to = Size::new(128, 72).unwrap();
    let mut pan = board(
        spot(320, 180, 150.0, 90.0),
        49,
        part(0.2, 0.2, 0.5),
        part(0.215, 0.2, 0.5),
    );
    pan.ease = Ease::Linear;
    let boards = Boards::new(vec![pan], 49, to).unwrap();
    let places: Vec<f64> = (0..49)
        .map(|n| middle_of_light(&boards.frame(n).unwrap()).0)
        .collect();
    // 0.015 of 320 pixels, at 160 pixels for 128: 3.84 in all.
    let step = 3.84 / 48.0;
    for pair in places.windows(2) {
        assert!((pair[0] - pair[1] - step).abs() < 0.01, "{pair:?}");
    }
    // The same point of the drawing in the middle of both parts.
    let zoom = Boards::new(
        vec![board(
            spot(320, 180, 160.0, 90.0),
            25,
            part(0.1, 0.1, 0.8),
            part(0.4, 0.4, 0.2),
        )],
        25,
        to,
    )
    .unwrap();
    for n in 0..25 {
        let (x, y) = middle_of_light(&zoom.frame(n).unwrap());
        assert!((x - 64.0).abs() < 0.05 && (y - 36.0).abs() < 0.05, "{n}: {x} {y}");
    }
}

#[test]
fn boards_follow_each_other_and_say_what_does_not_fit() {
    let grey = |v: f32| Image::filled(32, 18, [v, v, v, 1.0]);
    let of = |lengths: [u32; 2], shot| {
        let boards = lengths
            .iter()
            .zip([0.2, 0.6])
            .map(|(frames, v)| board(grey(v), *frames, Part::WHOLE, Part::WHOLE))
            .collect();
        Boards::new(boards, shot, size()).unwrap()
    };
    let level = |boards: &Boards, n| boards.frame(n).unwrap().at(30, 10)[0];
    let exact = of([4, 6], 10);
    assert_eq!(exact.warning(), None);
    let levels: Vec<f32> = (0..10).map(|n| level(&exact, n)).collect();
    assert!(
        levels[..4].iter().all(|v| (v - 0.2).abs() < 1e-6)
            && levels[4..].iter().all(|v| (v - 0.6).abs() < 1e-6)
    );
    assert_eq!(
        (exact.label(3).what.as_str(), exact.label(4).what.as_str()),
        ("board 1/2", "board 2/2")
    );

    let short = of([4, 2], 10);
    assert_eq!(
        short.warning(),
        Some(BoardWarning::TooShort { boards: 6, shot: 10 })
    );
    assert!((level(&short, 9) - 0.6).abs() < 1e-6);
    let words = short.warning().unwrap().to_string();
    assert!(words.contains("held for 4 more"), "{words}");
    let words = of([4, 9], 10).warning().unwrap().to_string();
    assert!(words.contains("last 3 are not seen"), "{words}");

    assert!(Boards::new(vec![], 10, size()).is_err());
    let nothing = Part {
        width: f64::NAN,
        ..Part::WHOLE
    };
    let error = Boards::new(vec![board(grey(0.1), 4, nothing, Part::WHOLE)], 4, size())
        .err()
        .unwrap();
    assert!(
        error.message.contains("one.png") && error.message.contains("fractions"),
        "{}",
        error.message
    );
}

#[test]
fn a_drawing_of_another_shape_stands_whole_on_a_dark_ground() {
    let square = Image::filled(50, 50, [1.0; 4]);
    let boards = Boards::new(vec![board(square, 1, Part::WHOLE, Part::WHOLE)], 1, size()).unwrap();
    let image = boards.frame(0).unwrap();
    let row: Vec<f32> = (0..64).map(|x| image.at(x, 18)[1]).collect();
    let white = row.iter().filter(|v| **v > 0.99).count();
    assert_eq!(white, 36, "{row:?}");
    assert!(row[0] < 0.02 && row[63] < 0.02 && row[32] > 0.99);
    assert!(
        (0..36).all(|y| image.at(32, y)[1] > 0.99),
        "its upper and lower edges are seen"
    );
}

#[test]
fn it_is_as_long_as_the_film_and_dissolves_in_light() {
    let shots = vec![
        shown(shot("010", 8, 0, support::gradient("eta", 8, [1.0, 0.5, 0.2]))),
        pictured("020", 8, 3, Plain(0.25, size())),
        pictured("030", 6, 0, Plain(1.0, size())),
    ];
    let mut animatic = animatic(size(), shots);
    animatic.title_card = Some(Card::title("Small", size(), Rate::CINEMA, 4));
    let timeline = animatic.timeline().unwrap();
    assert_eq!(timeline.frames(), 4 + 8 + 8 - 3 + 6);
    // Title 0..4, first shot 4..12, dissolve 9..12: the second frame of it is half and half.
    let take = animatic.frame(None, 8).unwrap();
    let mixed = animatic.frame(None, 10).unwrap();
    assert_eq!(take.at(5, 5)[3], 1.0);
    let alone = {
        let mut first = animatic.clone();
        first.shots.truncate(1);
        first.frame(None, 10).unwrap()
    };
    for (x, y) in [(3, 3), (40, 20), (63, 35)] {
        for c in 0..3 {
            let expected = alone.at(x, y)[c] * 0.5 + 0.25 * 0.5;
            assert!((mixed.at(x, y)[c] - expected).abs() < 1e-6);
        }
    }
    assert!((animatic.frame(None, 12).unwrap().at(9, 9)[0] - 0.25).abs() < 1e-6);
}

/// A shot of a cut, as an animatic shows it.
fn shown(item: heirloom_finish::CutItem) -> AnimaticShot {
    AnimaticShot {
        scene: item.scene,
        shot: item.shot,
        frames: item.frames,
        dissolve: item.dissolve,
        shown: Shown::Footage(item.footage),
    }
}

#[test]
fn the_burn_in_stays_at_the_bottom_and_is_legible_on_black_and_on_white() {
    let size = Size::new(640, 360).unwrap();
    for ground in [0.0, 0.18, 1.0] {
        let mut animatic = animatic(size, vec![pictured("010", 30, 0, Plain(ground, size))]);
        let bare = animatic.frame(None, 7).unwrap();
        animatic.burn_in = true;
        let burnt = animatic.frame(None, 7).unwrap();
        let top = strip_top(size);
        assert!(top > 320, "the strip takes {} rows", 360 - top);
        for y in 0..360 {
            if y < top {
                assert_eq!(bare.row(y), burnt.row(y), "row {y} on {ground}");
            }
        }
        // Letters on both sides, none in the middle, and bright ones against what is around them.
        let bright = |from: u32, to: u32| {
            (top..360)
                .flat_map(|y| (from..to).map(move |x| (x, y)))
                .filter(|(x, y)| burnt.at(*x, *y)[1] > 0.75)
                .count()
        };
        assert!(bright(0, 120) > 60, "{} bright on the left", bright(0, 120));
        assert!(bright(540, 640) > 60, "{} bright on the right", bright(540, 640));
        let darkest = |x0: u32, x1: u32| {
            (top + 8..355)
                .flat_map(|y| (x0..x1).map(move |x| (x, y)))
                .map(|(x, y)| burnt.at(x, y)[1])
                .fold(f32::MAX, f32::min)
        };
        // 4.5 to 1 is what print on a screen is asked to have (WCAG 2.1, 1.4.3).
        for (x0, x1) in [(10, 100), (550, 630)] {
            let contrast = (0.88 + 0.05) / (darkest(x0, x1) + 0.05);
            assert!(contrast > 4.5, "contrast {contrast} on {ground}");
        }
    }
}

#[test]
fn the_burn_in_follows_frame_and_lens_and_fits_any_picture() {
    let size = Size::new(640, 360).unwrap();
    let mut animatic = animatic(size, vec![pictured("010", 30, 0, Plain(0.2, size))]);
    animatic.burn_in = true;
    let [a, b] = [7, 8].map(|n| animatic.frame(None, n).unwrap());
    let changed: Vec<u32> = (0..640)
        .filter(|x| (0..360).any(|y| a.at(*x, y) != b.at(*x, y)))
        .collect();
    // The lens on the left, figures on the right, and nothing of the shot's name.
    assert!(
        changed.iter().any(|x| *x < 320) && changed.iter().any(|x| *x > 500),
        "{changed:?}"
    );
    assert!(changed.iter().all(|x| *x > 60), "{changed:?}");

    for (w, h) in [(16, 16), (64, 36), (90, 160), (360, 640), (1920, 1080)] {
        let size = Size::new(w, h).unwrap();
        let mut long = pictured(
            "a shot with a name that does not end in a hurry",
            30,
            0,
            Plain(0.2, size),
        );
        long.scene = "and a scene with one that is longer still, whatever for".into();
        let mut animatic = self::animatic(size, vec![long]);
        let bare = animatic.frame(None, 3).unwrap();
        animatic.burn_in = true;
        let burnt = animatic.frame(None, 3).unwrap();
        assert_ne!(bare, burnt);
        let edge = |x: u32| (0..h).all(|y| burnt.at(x, y)[1] < 0.21);
        assert!(edge(0) && edge(w - 1), "letters touch the edge at {w}x{h}");
    }
}

#[test]
fn a_slate_says_more_as_it_goes_by() {
    let size = Size::new(320, 180).unwrap();
    let slate = Slate::new("cosmos", "010", 24, Rate::CINEMA, "A slow tide under the moon.").size(size);
    let images: Vec<Image> = [0, 12, 23].map(|n| slate.frame(n).unwrap()).into();
    let light = |image: &Image| image.pixels().iter().map(|p| f64::from(p[1])).sum::<f64>();
    assert!(light(&images[0]) < light(&images[1]) && light(&images[1]) < light(&images[2]));
    // Its words differ where the shot's do.
    let other = Slate::new("cosmos", "020", 24, Rate::CINEMA, "Another thing.").size(size);
    assert_ne!(other.frame(0).unwrap(), images[0]);
    assert!(images[0].pixels().iter().any(|p| p[1] > 0.7), "there are letters");
    // Words without end stay in the picture and above the burn-in.
    let endless = Slate::new(
        &"scene ".repeat(40),
        &"shot".repeat(90),
        24,
        Rate::CINEMA,
        &"word ".repeat(900),
    )
    .size(size);
    let image = endless.frame(0).unwrap();
    let ground = image.at(0, 0);
    for y in 0..180 {
        assert_eq!(image.at(0, y), ground);
        assert_eq!(image.at(319, y), ground);
    }
    assert!((strip_top(size)..180).all(|y| image.row(y).iter().all(|p| *p == ground)));
}

/// Fails at the ninth frame.
struct Failing;

impl Pictures for Failing {
    fn frame(&self, n: u32) -> Result<Image, Failure> {
        if n == 9 {
            return Err(Failure::lasting("input", "the ninth can not be made"));
        }
        Plain(0.2, size()).frame(n)
    }

    fn label(&self, n: u32) -> Label {
        Plain(0.2, size()).label(n)
    }
}

fn kept(folder: &Path, blocking: &str) -> Result<Kept, FinishError> {
    let labels = Box::new(|n| Plain(0.0, size()).label(n));
    let key = serde_json::json!({ "blocking": blocking });
    Kept::open(folder, size(), &key, labels)
}

#[test]
fn what_was_rendered_is_kept_until_it_is_made_of_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("cosmos-010");
    let first = kept(&at, "one").unwrap();
    let error = first.frame(2).unwrap_err().message;
    assert!(
        error.contains("remove") && error.contains("cosmos-010"),
        "{error}"
    );
    let image = spot(64, 36, 20.3, 11.1);
    first.put(2, &image).unwrap();
    let read = first.frame(2).unwrap();
    let off = image
        .pixels()
        .iter()
        .zip(read.pixels())
        .map(|(a, b)| (a[1] - b[1]).abs());
    assert!(off.fold(0.0, f32::max) < 1e-4);
    assert_eq!(first.label(5).lens.unwrap().focal_mm, 25.0);

    assert!(kept(&at, "one").unwrap().path(2).is_file());
    assert!(
        !kept(&at, "two").unwrap().path(2).exists(),
        "made of something else"
    );
    // Numbered pictures that nobody marked are somebody's own.
    let foreign = folder.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("000001.png"), b"mine").unwrap();
    assert!(matches!(kept(&foreign, "one"), Err(FinishError::Occupied { .. })));
    assert!(foreign.join("000001.png").exists());
}

#[test]
fn a_caption_stands_below_the_drawing_and_above_the_burn_in() {
    let size = Size::new(320, 180).unwrap();
    let white = Image::filled(32, 18, [1.0; 4]);
    let mut said = board(white, 4, Part::WHOLE, Part::WHOLE);
    said.caption = "She takes him up. ".repeat(2);
    let boards = Boards::new(vec![said], 4, size).unwrap();
    let image = boards.frame(0).unwrap();
    let dark: Vec<u32> = (0..180)
        .filter(|y| image.row(*y).iter().any(|p| p[1] < 0.3))
        .collect();
    assert!(!dark.is_empty() && *dark.first().unwrap() > 120, "{dark:?}");
    assert!(*dark.last().unwrap() < strip_top(size) + 4, "{dark:?}");
}

fn frames_of(path: &Path) -> u64 {
    let said = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v:0"])
        .args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    String::from_utf8_lossy(&said.stdout).trim().parse().unwrap()
}

#[test]
fn it_is_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("animatic.mp4");
    let ffmpeg = Ffmpeg::find().unwrap();
    let slate = Slate::new("cosmos", "010", 10, Rate::CINEMA, "").size(size());
    let mut animatic = animatic(
        size(),
        vec![
            pictured("010", 10, 0, slate),
            pictured("020", 6, 2, Plain(0.3, size())),
        ],
    );
    animatic.burn_in = true;
    let go = AtomicBool::new(false);
    let mut heard = Vec::new();
    let frames = animatic
        .write(&ffmpeg, &path, &mut |done, of| heard.push((done, of)), &go)
        .unwrap();
    assert_eq!((frames, frames_of(&path)), (14, 14));
    assert_eq!((heard.first(), heard.last()), (Some(&(0, 14)), Some(&(14, 14))));
    let before = std::fs::read(&path).unwrap();
    animatic.write(&ffmpeg, &path, &mut |_, _| {}, &go).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), before, "the same bytes again");

    // A shot that can not be shown ends it, names it, and leaves what was there.
    animatic.shots.push(pictured("030", 12, 0, Failing));
    let error = animatic
        .write(&ffmpeg, &path, &mut |_, _| {}, &go)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("cosmos/030") && error.contains("the ninth"),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let stopped = AtomicBool::new(true);
    let error = animatic
        .write(&ffmpeg, &path, &mut |_, _| {}, &stopped)
        .unwrap_err();
    assert!(matches!(error, FinishError::Cancelled));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever part of a drawing is named, all of it is seen, about the middle of the picture.
    #[test]
    fn any_part_is_seen_about_the_middle(x in 0.0..0.6_f64, y in 0.0..0.6_f64, w in 0.2..0.4_f64, h in 0.2..0.4_f64) {
        let image = spot(160, 90, (x + w / 2.0) * 160.0, (y + h / 2.0) * 90.0);
        let frame = Part { x, y, width: w, height: h };
        let boards = Boards::new(vec![board(image, 1, frame, frame)], 1, size()).unwrap();
        let (found_x, found_y) = middle_of_light(&boards.frame(0).unwrap());
        prop_assert!((found_x - 32.0).abs() < 0.2 && (found_y - 18.0).abs() < 0.2, "{found_x} {found_y}");
    }
}
