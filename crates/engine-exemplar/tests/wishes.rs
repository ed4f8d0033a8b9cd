//! What words wish of a take: colours that are sought among the matter and never painted, sources that count more or
//! less, a pace that changes. A wish that can not be read is refused.

#![allow(clippy::unwrap_used)] // what fails here fails the test

mod common;

use common::{Files, draw, facts, open, request, two_photographs};
use heirloom_engine::local::{Control, Generator, Stop};
use heirloom_engine::palette::Palette;
use heirloom_engine::{Order, Param, Request, TakeFrames, Task};
use heirloom_engine_exemplar::engine::Exemplar;
use heirloom_engine_exemplar::synth::flow::{Flow, Kind, Manner};
use heirloom_engine_exemplar::synth::patch::{Simd, choose};
use heirloom_picture::{Image, color, oklab, png, resample};
use heirloom_vault::ObjectId;
use std::path::Path;
use std::sync::Arc;

fn wishing(mut request: Request, wishes: &[(&str, &str)]) -> Request {
    for (name, text) in wishes {
        request.params.insert((*name).into(), Param::Text((*text).into()));
    }
    request
}

/// A photograph of reds on the left and blues on the right, bright above and dark below, with grain.
fn quarters(folder: &Path, files: &mut Files) -> ObjectId {
    let (w, h) = (280u32, 200u32);
    let codes: Vec<[u8; 3]> = (0..w * h)
        .map(|i| {
            let (x, y) = (i % w, i / w);
            let grain = (x.wrapping_mul(374_761_393) ^ y.wrapping_mul(668_265_263)) >> 7 & 31;
            let light = 190 - y * 130 / h + grain;
            let (a, b) = (light as u8, (light / 4 + grain) as u8);
            if x < w / 2 { [a, b, b] } else { [b, b, a] }
        })
        .collect();
    let path = folder.join("quarters.png");
    png::write8(&path, &codes, w, h).unwrap();
    let id = ObjectId::of(&std::fs::read(&path).unwrap());
    files.0.insert(id, path);
    id
}

/// How far a frame's colours are from a palette, on the mean.
fn miss(frame: &Image, palette: &str) -> f64 {
    let palette = Palette::parse(palette).unwrap();
    let codes = color::to_display8(frame);
    let all: f64 = codes.iter().map(|c| palette.miss(oklab::from_display8(*c))).sum();
    all / codes.len() as f64
}

/// The same of the nearest third of a photograph's own colours: more can not be had of it.
fn best(image: &Image, palette: &str) -> f64 {
    let palette = Palette::parse(palette).unwrap();
    let codes = color::to_display8(image);
    let mut all: Vec<f64> = codes
        .iter()
        .map(|c| palette.miss(oklab::from_display8(*c)))
        .collect();
    all.sort_by(f64::total_cmp);
    all.truncate(all.len() / 3);
    all.iter().sum::<f64>() / all.len() as f64
}

fn first_frame(request: &Request, work: &Path, files: &Files) -> Image {
    let (order, draft) = draw(request, work, files);
    let (_, take) = open(request, &order, &draft, files);
    take.frame(0).unwrap()
}

#[test]
fn a_palette_brings_matter_forward_and_paints_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::default();
    let id = quarters(folder.path(), &mut files);
    let plain = request(Task::Still, &[id], 1, None, 0.0);
    let before = first_frame(&plain, &folder.path().join("plain"), &files);
    for (name, palette) in [
        ("red", "0.55 0.2 27 1"),
        ("blue", "0.5 0.2 262 1"),
        ("dark", "0.2 * * 1"),
        ("no red", "0.55 0.2 27 -1"),
    ] {
        let wished = wishing(plain.clone(), &[("palette", palette)]);
        let work = folder.path().join(name);
        let (order, draft) = draw(&wished, &work, &files);
        let (_, take) = open(&wished, &order, &draft, &files);
        let after = take.frame(0).unwrap();
        let (was, is) = (miss(&before, palette), miss(&after, palette));
        let best = best(&take.pictures().get(0).unwrap(), palette);
        assert!(
            was - is > 0.25 * (was - best),
            "{name}: {was:.3} before, {is:.3} with the wish, {best:.3} at best"
        );
        // Every pixel is still one sample of the photograph.
        let image = &take.pictures().get(0).unwrap();
        for i in 0..400u32 {
            let (x, y) = (i * 37 % 192, i * 53 % 108);
            let o = &take.origins(0, x, y).unwrap()[0];
            assert!(!o.finished);
            assert_eq!(
                after.at(x, y),
                resample::bicubic(image, o.scaled_x, o.scaled_y),
                "{name} ({x}, {y})"
            );
        }
    }
}

#[test]
fn weights_move_the_shares_of_sources() {
    let folder = tempfile::tempdir().unwrap();
    let (files, cells, stars) = two_photographs(folder.path());
    let share = |weights: Option<&str>, name: &str| -> f64 {
        let plain = request(Task::Still, &[cells, stars], 1, None, 0.0);
        let wishes: Vec<(&str, &str)> = weights.map(|w| ("weights", w)).into_iter().collect();
        let request = wishing(plain, &wishes);
        let (order, draft) = draw(&request, &folder.path().join(name), &files);
        let (_, take) = open(&request, &order, &draft, &files);
        let shares = take.shares().unwrap();
        shares.iter().filter(|s| s.source == cells).map(|s| s.share).sum()
    };
    let (even, more, less) = (
        share(None, "even"),
        share(Some("1,0.25"), "more"),
        share(Some("0.25,1"), "less"),
    );
    assert!(
        more > even + 0.1 && less < even - 0.1,
        "{more:.2} {even:.2} {less:.2}"
    );
    assert!(more > 0.7 && less < 0.3, "{more:.2} {less:.2}");
}

#[test]
fn a_hastened_flow_comes_as_far_later() {
    let manner = Manner {
        kind: Kind::Drift,
        speed: 1.0,
        direction_deg: 0.0,
    };
    let (frames, seconds) = (49, 1.0 / 24.0);
    let flow = |a: f32| Flow::new(manner, 160, 90, seconds, 3).hastened(a, frames);
    let step = |a: f32, n: u32| flow(a).back(n).at(80, 45);
    let way = |a: f32| (1..frames).map(|n| step(a, n)[0]).sum::<f32>();
    let length = |d: [f32; 2]| (d[0] * d[0] + d[1] * d[1]).sqrt();
    for a in [-1.0, -0.4, 0.6, 1.0f32] {
        assert!(
            (way(a) - way(0.0)).abs() < way(0.0).abs() * 0.02,
            "{a}: {} {}",
            way(a),
            way(0.0)
        );
    }
    assert!(length(step(1.0, 1)) < 0.1 * length(step(1.0, 48)));
    assert!(length(step(-1.0, 48)) < 0.1 * length(step(-1.0, 1)));
    // An even pace is the pace of before, to the bit.
    let plain = Flow::new(manner, 160, 90, seconds, 3);
    assert_eq!(plain.back(7).at(80, 45), step(0.0, 7));
}

#[test]
fn wishes_have_the_same_bytes_for_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let (files, cells, stars) = two_photographs(folder.path());
    let mut living = wishing(
        request(Task::Living, &[cells, stars], 5, Some("drift"), 0.5),
        &[
            ("palette", "0.55 0.21 25 1;0.2 * * 0.5;* * 60 -0.5"),
            ("weights", "1,0.4"),
        ],
    );
    living.params.insert("accelerate".into(), Param::Number(0.8));
    let mut becoming = request(Task::Becoming, &[stars, cells], 5, Some("curl"), 0.5);
    becoming.params.insert("accelerate".into(), Param::Number(-1.0));
    let all = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            [&living, &becoming].map(|r| {
                let work = tempfile::tempdir().unwrap();
                facts(&draw(r, work.path(), &files).1)
            })
        })
    };
    choose(Simd::Auto);
    let one = all(1);
    assert_eq!(all(3), one);
    choose(Simd::Off);
    assert_eq!(all(2), one);
}

#[test]
fn wishes_that_can_not_be_read_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (files, cells, stars) = two_photographs(folder.path());
    for (name, text) in [
        ("palette", "red"),
        ("weights", "1"),
        ("weights", "0,0"),
        ("weights", "2,1"),
    ] {
        let request = wishing(
            request(Task::Still, &[cells, stars], 1, None, 0.0),
            &[(name, text)],
        );
        let order = Order::new(request, 0, &folder.path().join("work"), Arc::new(files.clone())).unwrap();
        let stop = Exemplar::new().generate(&order, &Control::new()).unwrap_err();
        assert!(
            matches!(&stop, Stop::Refused(r) if r.grounds[0].contains(name)),
            "{name} {text}: {stop:?}"
        );
    }
}
