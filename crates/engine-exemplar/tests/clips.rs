//! Shots from clips and pairs of stills, against clips whose motion is known.

#![allow(clippy::unwrap_used, clippy::panic)] // what fails here fails the test

mod common;

use common::{Files, draw, facts, open, request, two_photographs};
use heirloom_engine::local::{Control, Generator, Stop};
use heirloom_engine::{Order, Param, Request, TakeFrames, Task};
use heirloom_engine_exemplar::engine::Exemplar;
use heirloom_engine_exemplar::synth::flow::value_noise;
use heirloom_film::{Rate, Size};
use heirloom_picture::ffmpeg::{Encoder, Ffmpeg, Master};
use heirloom_picture::flow::{self, FlowOptions};
use heirloom_picture::measure::{View, ssim};
use heirloom_picture::{Image, color, png};
use heirloom_vault::ObjectId;
use std::path::Path;
use std::sync::Arc;

const W: u32 = 160;
const H: u32 = 90;

/// A textured surface without end, in display codes of 16 bits.
fn surface(x: f32, y: f32, seed: u64) -> [u16; 3] {
    let at = |s: f32, k: u64| value_noise(x / s + 900.0, y / s + 900.0, seed + k);
    let base = 0.45 * at(19.0, 0) + 0.3 * at(8.0, 1) + 0.25 * at(4.0, 2);
    let tint = at(31.0, 3);
    let code = |v: f32| (v.clamp(0.0, 1.0) * 62_000.0) as u16;
    [code(base), code(base * 0.6 + tint * 0.3), code(0.9 - base * 0.7)]
}

/// How a scene of the tests stands at a time: codes of a pixel.
type Scene = fn(f32, f32, f32) -> [u16; 3];

/// A surface that goes 3 pixels to the right and 1 down a frame.
fn pan(x: f32, y: f32, t: f32) -> [u16; 3] {
    surface(x - 3.0 * t, y - t, 5)
}

/// The same, and a disc of another surface that crosses it the other way.
fn cross(x: f32, y: f32, t: f32) -> [u16; 3] {
    let (cx, cy) = (x - (96.0 - 4.0 * t), y - 45.0);
    if cx * cx + cy * cy < 22.0 * 22.0 {
        let [r, g, b] = surface(cx, cy, 77);
        return [r / 2 + 30_000, g / 3, b / 4];
    }
    pan(x, y, t)
}

fn picture(scene: Scene, t: f32) -> Vec<[u16; 3]> {
    (0..W * H)
        .map(|i| scene((i % W) as f32, (i / W) as f32, t))
        .collect()
}

/// A clip of a scene, and its frames as they come in again.
fn clip(folder: &Path, files: &mut Files, scene: Scene, frames: u32, rate: Rate) -> (ObjectId, Vec<Image>) {
    let ffmpeg = Ffmpeg::find().unwrap();
    let path = folder.join(format!("clip-{}.mov", files.0.len()));
    let size = Size::new(W, H).unwrap();
    let mut encoder = Encoder::start(&ffmpeg, Master::ProResHq, &path, size, rate, None).unwrap();
    for n in 0..frames {
        encoder.push(&picture(scene, n as f32)).unwrap();
    }
    encoder.finish().unwrap();
    let id = ObjectId::of(&std::fs::read(&path).unwrap());
    let all = ffmpeg.frames(&path, 0, frames.into(), size).unwrap();
    let all = all.collect::<Result<Vec<_>, _>>().unwrap();
    files.0.insert(id, path);
    (id, all)
}

fn still(folder: &Path, files: &mut Files, codes: &[[u16; 3]]) -> ObjectId {
    let path = folder.join(format!("still-{}.png", files.0.len()));
    png::write16(&path, codes, W, H).unwrap();
    let id = ObjectId::of(&std::fs::read(&path).unwrap());
    files.0.insert(id, path);
    id
}

fn shot(task: Task, sources: &[ObjectId], frames: u32, params: &[(&str, Param)]) -> Request {
    let mut request = request(task, sources, frames, None, 0.5);
    request.size = Size::new(W, H).unwrap();
    for (name, value) in params {
        request.params.insert((*name).into(), value.clone());
    }
    request
}

fn frames(request: &Request, files: &Files) -> (Vec<Image>, Box<dyn TakeFrames>) {
    let work = tempfile::tempdir().unwrap();
    let (order, draft) = draw(request, work.path(), files);
    // The take's files outlive the work folder.
    let (_, stored) = heirloom_engine::manifest_of(request, order.draw, &draft).unwrap();
    let kept = files.0[&request.sources[0]].with_extension(format!("kept-{}", order.draw.request.short()));
    std::fs::create_dir_all(&kept).unwrap();
    let mut files = files.clone();
    for (id, path) in stored {
        let to = kept.join(id.to_string());
        std::fs::copy(path, &to).unwrap();
        files.0.insert(id, to);
    }
    let (manifest, _) = open(request, &order, &draft, &files);
    let take = Exemplar::new().open(&manifest, Arc::new(files)).unwrap();
    (
        (0..request.frames).map(|n| take.frame(n).unwrap()).collect(),
        take,
    )
}

/// The part away from the edges, where both see the scene.
fn inner(image: &Image) -> Vec<[u8; 3]> {
    let codes = color::to_display8(image);
    let (edge, w) = (10, W as usize);
    (edge..H as usize - edge)
        .flat_map(|y| codes[y * w + edge..(y + 1) * w - edge].to_vec())
        .collect()
}

/// Peak signal to noise in dB, and SSIM, of the inner parts.
fn likeness(a: &Image, b: &Image) -> (f64, f64) {
    let (a, b) = (inner(a), inner(b));
    let squares: u64 = a
        .iter()
        .zip(&b)
        .flat_map(|(p, q)| (0..3).map(move |k| u64::from(p[k].abs_diff(q[k])).pow(2)))
        .sum();
    let mean = (squares as f64 / (a.len() * 3) as f64).max(1e-6);
    let view = |codes| View::new(codes, W - 20, H - 20).unwrap();
    let alike = ssim(&view(&a), &view(&b), None);
    (10.0 * (255.0 * 255.0 / mean).log10(), alike)
}

fn truth(scene: Scene, t: f32) -> Image {
    color::from_video16(&picture(scene, t), W, H).unwrap()
}

fn mixed(a: &Image, b: &Image, t: f32) -> Image {
    let pixels = a.pixels().iter().zip(b.pixels());
    let pixels = pixels.map(|(p, q)| std::array::from_fn(|k| p[k] + (q[k] - p[k]) * t));
    Image::from_pixels(W, H, pixels.collect()).unwrap()
}

/// How far the second picture, fetched back along the motion between the two, is from the first: mean
/// difference in display steps.
fn warp_difference(a: &Image, b: &Image) -> f64 {
    let motion = flow::flow(a, b, &FlowOptions::default()).unwrap();
    let back = flow::warp(b, &motion).unwrap();
    let (a, b) = (inner(a), inner(&back));
    let sum: u64 = a
        .iter()
        .zip(&b)
        .flat_map(|(p, q)| (0..3).map(move |k| u64::from(p[k].abs_diff(q[k]))))
        .sum();
    sum as f64 / (a.len() * 3) as f64
}

#[test]
fn slow_motion_shows_what_was_between_the_frames() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::default();
    for (scene, least) in [(pan as Scene, 33.0), (cross, 28.0)] {
        let (id, own) = clip(folder.path(), &mut files, scene, 5, Rate::CINEMA);
        let pace = [("pace", Param::Number(0.25)), ("start", Param::Whole(1))];
        let (made, take) = frames(&shot(Task::Slow, &[id], 9, &pace), &files);
        // Where time falls on a frame it is that frame.
        for (n, k) in [(0, 1), (4, 2), (8, 3)] {
            assert!(made[n] == own[k], "frame {n} is frame {k} of the clip");
        }
        for n in [1, 2, 3, 6] {
            let t = 1.0 + n as f32 / 4.0;
            let true_one = truth(scene, t);
            let k = t as usize;
            let (db, alike) = likeness(&made[n], &true_one);
            let (plain_db, plain_alike) = likeness(&mixed(&own[k], &own[k + 1], t - k as f32), &true_one);
            assert!(
                db > least && db > plain_db + 2.0 && alike > 0.93 && alike > plain_alike,
                "at {t}: {db:.1} dB, SSIM {alike:.3}; mixing frames {plain_db:.1} dB, {plain_alike:.3}"
            );
        }
        // A pixel names the frames that it is mixed from, and where in them: 1.5 pixels before and after.
        let origins = take.origins(2, 20, 70).unwrap();
        let total: f64 = origins.iter().map(|o| o.weight).sum();
        assert!((total - 1.0).abs() < 1e-9 && origins.iter().all(|o| o.source == id));
        let mut seen: Vec<(u32, f64)> = origins.iter().map(|o| (o.frame.unwrap(), o.x)).collect();
        seen.sort_by_key(|s| s.0);
        assert_eq!(
            seen.iter().map(|s| s.0).collect::<Vec<_>>(),
            [1, 2],
            "{origins:?}"
        );
        assert!(
            (seen[0].1 - 18.5).abs() < 0.3 && (seen[1].1 - 21.5).abs() < 0.3,
            "{origins:?}"
        );
    }
}

#[test]
fn a_clip_of_another_rate_keeps_its_pace() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::default();
    let (id, own) = clip(folder.path(), &mut files, pan, 6, Rate::new(60, 1).unwrap());
    // Sixty frames a second at 0.4 in a film of twenty-four: every frame of the clip.
    let request = shot(Task::Slow, &[id], 6, &[("pace", Param::Number(0.4))]);
    let (made, _) = frames(&request, &files);
    assert!(made == own);
    // And one more is not there.
    let request = shot(Task::Slow, &[id], 7, &[("pace", Param::Number(0.4))]);
    let words = refused(&request, &files);
    assert!(
        words.contains("6 frames at 60 a second") && words.contains("at 24 a second, needs 7"),
        "{words}"
    );
}

#[test]
fn between_two_stills_lies_the_way_from_one_to_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::default();
    // The camera nears by a seventh, and turns a little aside: about a tenth of the picture leaves it.
    let near: Scene = |x, y, t| {
        let by = 1.0 + 0.15 * t;
        surface((x - 80.0) / by + 7.0 * t, (y - 45.0) / by + 3.0 * t, 5)
    };
    let from = still(folder.path(), &mut files, &picture(near, 0.0));
    let to = still(folder.path(), &mut files, &picture(near, 1.0));
    let (made, take) = frames(&shot(Task::Between, &[from, to], 5, &[]), &files);
    assert!(
        made[0] == truth(near, 0.0) && made[4] == truth(near, 1.0),
        "the stills to the pixel"
    );
    let (db, alike) = likeness(&made[2], &truth(near, 0.5));
    let (plain, _) = likeness(&mixed(&made[0], &made[4], 0.5), &truth(near, 0.5));
    assert!(
        db > 26.0 && db > plain + 4.0 && alike > 0.9,
        "{db:.1} dB, SSIM {alike:.3}; mixed {plain:.1} dB"
    );
    let middle = take.origins(2, 80, 45).unwrap();
    assert!(
        middle.len() == 2 && middle.iter().all(|o| o.frame.is_none()),
        "{middle:?}"
    );
}

#[test]
fn stills_a_leap_apart_are_joined_and_strangers_are_sent_to_a_becoming() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::default();
    // A third of the picture's width, further than flow reaches by itself.
    let leap: Scene = |x, y, t| surface(x - 52.0 * t, y - 6.0 * t, 5);
    let from = still(folder.path(), &mut files, &picture(leap, 0.0));
    let to = still(folder.path(), &mut files, &picture(leap, 1.0));
    let (made, _) = frames(&shot(Task::Between, &[from, to], 3, &[]), &files);
    let (_, alike) = likeness(&made[1], &truth(leap, 0.5));
    let (_, plain) = likeness(&mixed(&made[0], &made[2], 0.5), &truth(leap, 0.5));
    assert!(
        alike > 0.75 && alike > plain + 0.2,
        "SSIM {alike:.3}, mixed {plain:.3}"
    );
    let stranger: Scene = |x, y, _| surface(x, y, 4321);
    let other = still(folder.path(), &mut files, &picture(stranger, 0.0));
    let words = refused(&shot(Task::Between, &[from, other], 3, &[]), &files);
    assert!(
        words.contains("do not show one scene") && words.contains("`kind = \"becoming\"`"),
        "{words}"
    );
}

#[test]
fn an_extension_goes_on_without_a_joint() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::default();
    let (id, own) = clip(folder.path(), &mut files, pan, 9, Rate::CINEMA);
    let (made, take) = frames(
        &shot(Task::Extend, &[id], 30, &[("tail", Param::Whole(8))]),
        &files,
    );
    let within = own
        .windows(2)
        .map(|p| warp_difference(&p[0], &p[1]))
        .fold(0.0, f64::max);
    let joint = warp_difference(&own[8], &made[0]);
    assert!(
        joint <= within,
        "{joint:.2} at the joint, up to {within:.2} within the clip"
    );
    // It goes on at the tail's pace and slows down from there.
    let pace = |a: &Image, b: &Image| {
        let motion = flow::flow(a, b, &FlowOptions::default()).unwrap();
        motion.at(W / 2, H / 2)
    };
    let [right, down] = pace(&own[8], &made[0]);
    assert!(
        (1.6..=3.2).contains(&right) && (0.5..=1.2).contains(&down),
        "{right:.2}, {down:.2}"
    );
    let mut back = 0;
    for (n, pair) in made.windows(2).enumerate() {
        let [right, _] = pace(&pair[0], &pair[1]);
        assert!(right.abs() < 3.3, "frame {n} leaps by {right:.2}");
        back += u32::from(right < -1.0);
        let off = warp_difference(&pair[0], &pair[1]);
        assert!(
            off <= within * 1.5 + 0.5,
            "{off:.2} after frame {n}, up to {within:.2} within the clip"
        );
    }
    assert!(back > 5, "it goes to and fro");
    for (x, y) in [(0, 0), (159, 89), (2, 50), (80, 45)] {
        let origins = take.origins(3, x, y).unwrap();
        assert!(
            origins
                .iter()
                .all(|o| o.source == id && o.frame.is_some_and(|n| n >= 1)),
            "{origins:?}"
        );
    }
}

#[test]
fn a_style_follows_the_clip_and_weighs_its_strength() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, cells, _) = two_photographs(folder.path());
    let (id, own) = clip(folder.path(), &mut files, cross, 9, Rate::CINEMA);
    let styled = |strength: f64, n: u32| {
        let params = [("strength", Param::Number(strength)), ("start", Param::Whole(1))];
        frames(&shot(Task::Style, &[id, cells], n, &params), &files)
    };
    let (none, _) = styled(0.0, 3);
    assert!(none[..] == own[1..4], "a style of no strength is the clip");

    let (made, take) = styled(1.0, 8);
    for n in [0, 3, 7] {
        let origins = take.origins(n, 80, 45).unwrap();
        assert!(origins.len() == 1 && origins[0].source == cells && origins[0].frame.is_none());
    }
    // From frame to frame it goes along with the clip: fetched back along the clip's own motion it is the frame before.
    for n in 0..7 {
        let moved = flow::flow_checked(&own[n + 1], &own[n + 2], &FlowOptions::default()).unwrap();
        let back = color::to_display8(&flow::warp(&made[n + 1], &moved.forward).unwrap());
        let here = color::to_display8(&made[n]);
        let view = |codes| View::new(codes, W, H).unwrap();
        let alike = ssim(&view(&here), &view(&back), Some(&moved.valid));
        assert!(alike > 0.8, "SSIM {alike:.3} from frame {n} to the next");
    }

    let (half, take) = styled(0.5, 2);
    let origins = take.origins(1, 30, 20).unwrap();
    let of_clip = origins.iter().find(|o| o.source == id).unwrap();
    assert!(origins.len() == 2 && of_clip.frame == Some(2) && (of_clip.weight - 0.5).abs() < 0.01);
    let (near, _) = likeness(&half[1], &own[2]);
    let (far, _) = likeness(&made[1], &own[2]);
    assert!(
        near > far + 3.0,
        "{near:.1} dB at half strength, {far:.1} dB at full"
    );
}

/// One short shot of each kind.
fn one_of_each(folder: &Path) -> (Files, Vec<Request>) {
    let (mut files, cells, _) = two_photographs(folder);
    let (id, _) = clip(folder, &mut files, cross, 9, Rate::CINEMA);
    let from = still(folder, &mut files, &picture(pan, 0.0));
    let to = still(folder, &mut files, &picture(pan, 2.0));
    let mut shots = vec![
        shot(Task::Style, &[id, cells], 8, &[("strength", Param::Number(0.75))]),
        shot(Task::Slow, &[id], 5, &[]),
        shot(Task::Extend, &[id], 6, &[]),
        shot(Task::Between, &[from, to], 4, &[]),
    ];
    // Small, since each is made several times.
    for request in &mut shots {
        request.size = Size::new(96, 54).unwrap();
    }
    (files, shots)
}

#[test]
fn a_stopped_shot_from_a_clip_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (files, shots) = one_of_each(folder.path());
    for request in shots {
        let (_, whole) = draw(&request, &folder.path().join("whole"), &files);
        for cut in [1, request.frames - 1] {
            let root = folder.path().join(format!("{:?}-{cut}", request.task));
            let order = Order::new(request.clone(), 0, &root, Arc::new(files.clone())).unwrap();
            std::fs::create_dir_all(&order.work).unwrap();
            for file in whole.files.iter().filter(|f| f.frame.is_some_and(|n| n < cut)) {
                std::fs::copy(&file.path, order.work.join(file.path.file_name().unwrap())).unwrap();
            }
            for n in 0..cut {
                let name = format!("done-{n:06}");
                std::fs::copy(whole.files[0].path.with_file_name(&name), order.work.join(name)).unwrap();
            }
            let (_, again) = draw(&request, &root, &files);
            assert_eq!(again.facts, whole.facts, "{:?} cut at {cut}", request.task);
            for (a, b) in whole.files.iter().zip(&again.files) {
                assert_eq!(std::fs::read(&a.path).unwrap(), std::fs::read(&b.path).unwrap());
            }
        }
        std::fs::remove_dir_all(folder.path().join("whole")).unwrap();
    }
}

#[test]
fn shots_from_clips_have_the_same_bytes_for_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let (files, shots) = one_of_each(folder.path());
    let all = |threads: usize| -> Vec<Vec<String>> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let one = |request: &Request| {
            let work = tempfile::tempdir().unwrap();
            facts(&draw(request, work.path(), &files).1).frame_hashes
        };
        pool.install(|| shots.iter().map(one).collect())
    };
    assert_eq!(all(1), all(3));
}

/// The words with which a request fails or is refused.
fn refused(request: &Request, files: &Files) -> String {
    let work = tempfile::tempdir().unwrap();
    let order = Order::new(request.clone(), 0, work.path(), Arc::new(files.clone())).unwrap();
    match Exemplar::new().generate(&order, &Control::new()).unwrap_err() {
        Stop::Failed(failure) => failure.message,
        Stop::Refused(refusal) => refusal.grounds.join("; "),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_can_not_be_made_says_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, cells, _) = two_photographs(folder.path());
    let (id, _) = clip(folder.path(), &mut files, pan, 3, Rate::CINEMA);
    let (one, _) = clip(folder.path(), &mut files, pan, 1, Rate::CINEMA);
    let say = |request: &Request, words: &[&str]| {
        let said = refused(request, &files);
        assert!(words.iter().all(|w| said.contains(w)), "{said}");
    };
    say(
        &shot(Task::Slow, &[ObjectId::of(b"nowhere")], 3, &[]),
        &["no such source"],
    );
    say(
        &shot(Task::Slow, &[cells], 3, &[]),
        &["not a clip", "name a clip"],
    );
    say(
        &shot(Task::Slow, &[id], 12, &[("pace", Param::Number(1.0))]),
        &["3 frames at 24 a second", "needs 12", "shorter"],
    );
    say(
        &shot(Task::Style, &[id, cells], 4, &[]),
        &["needs 4 of them", "start earlier"],
    );
    say(
        &shot(Task::Style, &[id], 3, &[]),
        &["from 2 to 60 sources", "a clip or a plate among them", "names 1"],
    );
    say(&shot(Task::Extend, &[one], 3, &[]), &["one frame", "longer clip"]);
    say(&shot(Task::Extend, &[id, cells], 3, &[]), &["one clip", "`clip`"]);
    say(&shot(Task::Between, &[cells], 3, &[]), &["`from` and `to`"]);
    say(
        &shot(Task::Between, &[cells, cells], 1, &[]),
        &["two frames or more"],
    );
}
