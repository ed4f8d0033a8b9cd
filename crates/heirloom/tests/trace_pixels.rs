//! Tracing keeps its word: a pixel's value is that of the place in the photograph that the trace names.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use heirloom_engine::{Engine, Origin, TakeFrames};
use heirloom_picture::{exr, photo, resample};
use heirloom_vault::{Filter, ObjectId, Vault, Verb};
use support::Film;

const SHOTS: &str = r#"
[[scene]]
name = "one"
[[scene.shot]]
name = "living"
frames = 5
kind = "living"
sources = ["archive:eta-carinae", "archive:rocket"]
finish = 0.0
[[scene.shot]]
name = "becoming"
frames = 5
kind = "becoming"
from = "archive:coffee"
to = "archive:retina"
finish = 0.0
[[scene.shot]]
name = "still"
frames = 2
kind = "still"
sources = ["archive:tissue"]
finish = 0.0
"#;

/// A value as half float, half a step to either side.
fn within_half_rounding(found: f32, expected: f32) -> bool {
    // Half floats have 11 bits of mantissa; below 2^-14 their steps are 2^-24.
    let step = (expected.abs() / 1024.0).max(1.0 / 16_777_216.0);
    (found - expected).abs() <= step * 0.5 + f32::EPSILON * expected.abs()
}

#[test]
fn a_thousand_pixels_equal_the_places_their_trace_names() {
    let film = Film::empty();
    let text = format!(
        "[film]\ntitle = \"Trace\"\nsize = [240, 136]\ntitle_frames = 0\ncredits_frames = 0\n{SHOTS}"
    );
    std::fs::write(film.path("film.toml"), text).unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/archive");
    film.run(&["archive", "add", demo.to_str().unwrap()]).well();
    film.run(&["make", "--plain", "--no-cut"]).well();
    let vault = Arc::new(Vault::open(&film.path("vault")).unwrap());
    let engine = heirloom_engine_exemplar::engine::engine();
    let mut scaled: HashMap<(ObjectId, (u32, u32)), heirloom_picture::Image> = HashMap::new();
    let mut checked = 0;
    let mut sources = std::collections::BTreeSet::new();
    let mut chance = 7_u64;
    for act in vault.ledger().acts(&Filter::verb(Verb::Drawn)).unwrap() {
        let take = heirloom_dailies::takes::open(&vault, &act.outputs("take").next().unwrap()).unwrap();
        let frames: Box<dyn TakeFrames> = engine.open(&take.manifest, vault.clone()).unwrap();
        for n in 0..frames.frames() {
            // What a compositor gets: the frame as half-float EXR, written and read back.
            let path = film.path("one.exr");
            exr::write(&path, &frames.frame(n).unwrap(), exr::Depth::Half).unwrap();
            let image = exr::read(&path).unwrap();
            for _ in 0..100 {
                chance = chance
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let (x, y) = ((chance >> 33) as u32 % 240, (chance >> 45) as u32 % 136);
                let origins = frames.origins(n, x, y).unwrap();
                // One place, or two where something fades; their shares are the whole.
                let whole: f64 = origins.iter().map(|o| o.weight).sum();
                assert!((whole - 1.0).abs() < 1e-9, "{whole}");
                let mut expected = [0.0f32; 4];
                for origin in &origins {
                    let Origin {
                        source,
                        frame: None,
                        scaled_to,
                        scaled_x,
                        scaled_y,
                        weight,
                        finished: false,
                        x: ox,
                        y: oy,
                    } = *origin
                    else {
                        panic!("{origin:?}");
                    };
                    let picture = scaled.entry((source, scaled_to)).or_insert_with(|| {
                        let whole = photo::decode(&vault.read(&source).unwrap(), "source")
                            .unwrap()
                            .image;
                        // The place in the original is the same place.
                        assert!(ox >= -0.5 && ox <= f64::from(whole.width()), "{ox}");
                        assert!(oy >= -0.5 && oy <= f64::from(whole.height()), "{oy}");
                        resample::scale_to(&whole, scaled_to.0, scaled_to.1)
                    });
                    let sample = resample::bicubic(picture, scaled_x, scaled_y);
                    for (e, v) in expected.iter_mut().zip(sample) {
                        *e += v * weight as f32;
                    }
                    sources.insert(source);
                }
                let found = image.at(x, y);
                for c in 0..3 {
                    assert!(
                        within_half_rounding(found[c], expected[c]),
                        "frame {n}, pixel {x},{y}, channel {c}: {} is not {}",
                        found[c],
                        expected[c]
                    );
                }
                checked += 1;
            }
        }
    }
    assert!(
        checked >= 1000 && sources.len() >= 4,
        "{checked} pixels of {} sources",
        sources.len()
    );
}
