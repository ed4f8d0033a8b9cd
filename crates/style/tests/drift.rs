//! Drift on real photographs: cut into archives that do not overlap.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use heirloom_film::Rate;
use heirloom_picture::color;
use heirloom_picture::measure::View;
use heirloom_picture::preview::{Preview, decode};
use heirloom_style::drift::{Drift, Features, LEAST_SOURCES, Reference, ReferenceError, drift_of_frames};

/// Pixels on a crop's side.
const CROP: usize = 160;

/// What is done to a picture's codes.
type Change<'a> = &'a dyn Fn(&[[u8; 3]]) -> Vec<[u8; 3]>;

/// A demo picture cut into crops.
fn crops(name: &str) -> Vec<Vec<[u8; 3]>> {
    let path = format!("{}/../../demo/archive/{name}", env!("CARGO_MANIFEST_DIR"));
    let whole = decode(&std::fs::read(path).unwrap(), name, 640).unwrap();
    let (width, height) = (whole.width() as usize, whole.height() as usize);
    let mut crops = Vec::new();
    for y in (0..=height - CROP).step_by(CROP) {
        for x in (0..=width - CROP).step_by(CROP) {
            let pixel = |n: usize| whole.codes()[(y + n / CROP) * width + x + n % CROP];
            crops.push((0..CROP * CROP).map(pixel).collect());
        }
    }
    crops
}

fn view(codes: &[[u8; 3]]) -> View<'_> {
    View::new(codes, CROP as u32, CROP as u32).unwrap()
}

fn features(crops: &[Vec<[u8; 3]>]) -> Vec<Features> {
    crops.iter().map(|c| Features::of(&view(c))).collect()
}

/// `share` of `b` in `a`, in linear light.
fn mixed(a: &[[u8; 3]], b: &[[u8; 3]], share: f64) -> Vec<[u8; 3]> {
    let light = |v: u8| color::srgb_decode(f64::from(v) / 255.0);
    let mix = |a: u8, b: u8| color::encode8(((1.0 - share) * light(a) + share * light(b)) as f32);
    a.iter()
        .zip(b)
        .map(|(a, b)| std::array::from_fn(|c| mix(a[c], b[c])))
        .collect()
}

fn parts(d: &Drift) -> [f64; 6] {
    [d.total, d.palette, d.contrast, d.texture, d.grain, d.sharpness]
}

#[test]
fn sources_left_out_have_a_median_of_one_in_every_part() {
    let reference = Reference::fit(&features(&crops("tissue.png"))).unwrap();
    let left_out = reference.left_out();
    for part in 0..6 {
        let mut values: Vec<f64> = left_out.iter().map(|d| parts(d)[part]).collect();
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let (low, high) = (values[(count - 1) / 2], values[count / 2]);
        assert!(
            low <= 1.0 + 1e-9 && high >= 1.0 - 1e-9,
            "part {part}: {low} to {high}"
        );
    }
}

#[test]
fn three_sources_are_enough_to_tell_archives_apart_and_two_are_refused() {
    let (moon, tissue) = (features(&crops("moon.jpg")), features(&crops("tissue.png")));
    let reference = Reference::fit(&tissue[..3]).unwrap();
    let near = tissue[3..]
        .iter()
        .map(|f| reference.drift(f).total)
        .fold(0.0, f64::max);
    let far = moon
        .iter()
        .map(|f| reference.drift(f).total)
        .fold(f64::INFINITY, f64::min);
    assert!(near < far, "{near} {far}");
    assert_eq!(Reference::fit(&tissue[..2]), Err(ReferenceError::TooFew(2)));
    assert_eq!(LEAST_SOURCES, 3);
}

#[test]
fn an_archive_of_two_modes_is_home_to_both() {
    let (moon, tissue, coffee) = (crops("moon.jpg"), crops("tissue.png"), crops("coffee.png"));
    let (moon, tissue, coffee) = (features(&moon), features(&tissue), features(&coffee));
    let (m, t) = (moon.len() / 2, tissue.len() / 2);
    let both: Vec<Features> = moon[..m].iter().chain(&tissue[..t]).cloned().collect();
    let reference = Reference::fit(&both).unwrap();
    let middle = |list: &[Features]| {
        let mut totals: Vec<f64> = list.iter().map(|f| reference.drift(f).total).collect();
        totals.sort_by(f64::total_cmp);
        totals[totals.len() / 2]
    };
    let (moon, tissue, coffee) = (middle(&moon[m..]), middle(&tissue[t..]), middle(&coffee));
    assert!(
        2.0 * moon < coffee && 2.0 * tissue < coffee,
        "{moon} {tissue} {coffee}"
    );
}

#[test]
fn mixing_in_a_foreign_picture_raises_drift_by_steps() {
    let names = ["moon.jpg", "tissue.png", "coffee.png", "eta-carinae.png"];
    let archives: Vec<Vec<Vec<[u8; 3]>>> = names.iter().map(|n| crops(n)).collect();
    let mut wrong = Vec::new();
    for (home, sources) in archives.iter().enumerate() {
        // A picture that is as near as usual: one at the margin of an archive may come nearer at first.
        let left_out = Reference::fit(&features(sources)).unwrap().left_out();
        let mut order: Vec<usize> = (0..sources.len()).collect();
        order.sort_by(|a, b| left_out[*a].total.total_cmp(&left_out[*b].total));
        let mut rest = sources.clone();
        let own = rest.remove(order[order.len() / 2]);
        let reference = Reference::fit(&features(&rest)).unwrap();
        for (other, foreign) in archives.iter().enumerate().filter(|(n, _)| *n != home) {
            let at = |tenths: u32| {
                let mix = mixed(&own, &foreign[2], f64::from(tenths) / 10.0);
                reference.drift(&Features::of(&view(&mix))).total
            };
            let totals: Vec<f64> = (0..=10).map(at).collect();
            // Measuring is as noisy as that: the docs say so.
            if totals.windows(2).any(|pair| pair[1] < 0.98 * pair[0]) || totals[10] < 2.0 * totals[0] {
                wrong.push(format!("{} into {}: {totals:.2?}", names[other], names[home]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_part_answers_to_its_own_change() {
    let crops = crops("coffee.png");
    let reference = Reference::fit(&features(&crops)).unwrap();
    let change = |of: Change<'_>| -> [f64; 6] {
        let mut all = vec![Vec::new(); 6];
        for crop in &crops {
            let changed = of(crop);
            let after = parts(&reference.drift(&Features::of(&view(&changed))));
            (0..6).for_each(|part| all[part].push(after[part]));
        }
        std::array::from_fn(|part| {
            all[part].sort_by(f64::total_cmp);
            all[part][all[part].len() / 2]
        })
    };
    let as_is = change(&|c| c.to_vec());
    let blue = change(&|c| c.iter().map(|[r, g, b]| [*b, *g, *r]).collect());
    assert!(blue[1] > as_is[1] + 1.0, "palette: {as_is:?} {blue:?}");
    let flat = change(&|c| c.iter().map(|c| c.map(|v| 90 + v / 4)).collect());
    assert!(flat[2] > as_is[2] + 1.0, "contrast: {as_is:?} {flat:?}");
    let blurred = change(&|c| {
        let at = |n: usize, d: usize| c[(n + d).min(c.len() - 1)];
        let mean = |n: usize, k: usize| {
            let near = [
                0,
                1,
                2,
                CROP,
                CROP + 1,
                CROP + 2,
                2 * CROP,
                2 * CROP + 1,
                2 * CROP + 2,
            ];
            (near.iter().map(|d| u32::from(at(n, *d)[k])).sum::<u32>() / 9) as u8
        };
        (0..c.len())
            .map(|n| std::array::from_fn(|k| mean(n, k)))
            .collect()
    });
    assert!(blurred[5] > as_is[5] + 1.0, "sharpness: {as_is:?} {blurred:?}");
    let noisy = change(&|c| {
        let mut state = 7u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as i32 % 41 - 20
        };
        c.iter()
            .map(|c| {
                let n = noise();
                c.map(|v| (i32::from(v) + n).clamp(0, 255) as u8)
            })
            .collect()
    });
    assert!(noisy[4] > as_is[4] + 1.0, "grain: {as_is:?} {noisy:?}");
    assert!(noisy[1] < noisy[4], "noise is grain more than colour: {noisy:?}");
}

#[test]
fn a_clip_that_leaves_its_style_shows_when() {
    let (tissue, coffee) = (crops("tissue.png"), crops("coffee.png"));
    let reference = Reference::fit(&features(&tissue[1..])).unwrap();
    let frame = |share: f64| {
        Preview::from_codes(mixed(&tissue[0], &coffee[0], share), CROP as u32, CROP as u32).unwrap()
    };
    let rate = Rate::new(24, 1).unwrap();
    let cut = drift_of_frames(
        &reference,
        (0..12).map(|n| frame(if n < 5 { 0.0 } else { 1.0 })),
        rate,
    )
    .unwrap();
    assert_eq!(cut.steps.iter().map(|s| s.frame).collect::<Vec<_>>(), [5]);
    assert!(cut.steps[0].rise > 0.25);
    let slow = drift_of_frames(&reference, (0..13).map(|n| frame(f64::from(n) / 24.0)), rate).unwrap();
    assert!(slow.trend_per_second > 0.0);
    assert_eq!(slow.frames.len(), 13);
}

#[test]
fn a_reference_kept_as_text_is_the_same_and_an_old_one_is_refused() {
    let sources = features(&crops("moon.jpg"));
    let reference = Reference::fit(&sources).unwrap();
    let kept: Reference = serde_json::from_str(&serde_json::to_string(&reference).unwrap()).unwrap();
    assert_eq!(kept.drift(&sources[0]), reference.drift(&sources[0]));
    let mut old = sources.clone();
    old[1].version = 0;
    assert_eq!(Reference::fit(&old), Err(ReferenceError::Stale(1)));
    assert!(reference.drift(&old[1]).total.is_infinite());
}
