//! Blur, exposure and noise of real photographs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod altered;

use std::path::{Path, PathBuf};

use altered::Codes;
use heirloom_archive::judge::{Fault, Judgement, judge};

const DEMO: [&str; 7] = [
    "coffee.png",
    "eta-carinae.png",
    "hubble-deep-field.jpg",
    "moon.jpg",
    "retina.jpg",
    "rocket.jpg",
    "tissue.png",
];

fn demo(name: &str) -> Codes {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../demo/archive")
        .join(name);
    Codes::read(&path, 1024).unwrap()
}

fn judged(codes: &Codes) -> Judgement {
    let preview = codes.preview();
    judge(&preview.view().unwrap(), codes.width, codes.height)
}

#[test]
fn the_demo_has_no_faults() {
    for name in DEMO {
        let judgement = judged(&demo(name));
        println!("{name} {judgement:?} {}", judgement.quality());
        assert_eq!(judgement.faults(), [], "{name}: {judgement:?}");
        assert!((0.0..=1.0).contains(&judgement.quality()));
    }
}

#[test]
fn blurring_by_steps_is_seen_by_steps() {
    for name in DEMO {
        let sharp = demo(name).resized(0.5);
        let mut last = judged(&sharp);
        for r in 1..=4 {
            let next = judged(&sharp.blurred(r));
            println!("{name} {r} {last:?} {next:?}");
            assert!(
                next.blur > last.blur,
                "{name} at {r}: {} then {}",
                last.blur,
                next.blur
            );
            assert!(next.quality() < last.quality(), "{name} at {r}");
            last = next;
        }
        assert!(last.faults().contains(&Fault::Blurred), "{name}: {last:?}");
    }
}

#[test]
fn a_photograph_sharp_in_one_place_is_not_blurred() {
    let sharp = demo("coffee.png");
    let mut shallow = sharp.blurred(4);
    for y in 100..240 {
        for x in 200..400 {
            shallow.codes[y * 600 + x] = sharp.at(x as i64, y as i64);
        }
    }
    let judgement = judged(&shallow);
    assert!(!judgement.faults().contains(&Fault::Blurred), "{judgement:?}");
}

#[test]
fn added_noise_is_estimated_within_a_third() {
    for name in ["coffee.png", "rocket.jpg", "moon.jpg"] {
        let clean = demo(name).resized(0.5);
        let own = judged(&clean).noise;
        let mut last = own;
        for added in [4.0_f32, 8.0, 16.0] {
            let found = judged(&clean.noisy(added)).noise;
            let expected = (own * own + added * added).sqrt();
            println!("{name} {own} {added} {found}");
            assert!(
                (found / expected - 1.0).abs() < 0.3,
                "{name}: {found} for {expected}"
            );
            assert!(found > last);
            last = found;
        }
        assert!(
            judged(&clean.noisy(16.0)).faults().contains(&Fault::Noisy),
            "{name}"
        );
    }
}

#[test]
fn what_is_exposed_wrongly_is_flagged() {
    for name in ["coffee.png", "rocket.jpg", "tissue.png"] {
        let good = demo(name);
        let (dark, bright) = (judged(&good.exposed(-4.0)), judged(&good.exposed(3.5)));
        assert!(dark.faults().contains(&Fault::Dark), "{name}: {dark:?}");
        assert!(bright.faults().contains(&Fault::Bright), "{name}: {bright:?}");
        let quality = judged(&good).quality();
        assert!(dark.quality() < quality && bright.quality() < quality, "{name}");
    }
}

#[test]
fn few_pixels_are_a_fault_and_nothing_is_too_small_to_judge() {
    for side in [1, 2, 3, 40] {
        let codes = Codes {
            codes: vec![[90, 120, 60]; (side * side) as usize],
            width: side,
            height: side,
        };
        assert!(judged(&codes).faults().contains(&Fault::Small));
    }
}
