//! From an OpenEXR source to a shot's EXR: light keeps its range, and every pixel says where it comes from.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use std::sync::Arc;

use heirloom_engine::{Engine, TakeFrames};
use heirloom_picture::Image;
use heirloom_picture::exr::{self, Depth, LayerAttribute, Layers, Samples};
use heirloom_vault::{Filter, Vault, Verb};
use support::Film;

const SCENES: &str = r#"
[[scene]]
name = "one"
[[scene.shot]]
name = "010"
frames = 3
kind = "becoming"
from = "archive:lamps"
to = "archive:sea"
"#;

fn lamps() -> Image {
    let pixels = (0..150 * 110).map(|i: u32| match (i % 150 / 15 + i / 150 / 11 * 3) % 13 {
        0 => [8.0, 7.0, 6.0, 1.0],
        k => [0.01 * k as f32, 0.02, (i % 150) as f32 / 900.0, 1.0],
    });
    Image::from_pixels(150, 110, pixels.collect()).unwrap()
}

fn floats<'l>(layers: &'l Layers, name: &str) -> &'l [f32] {
    match layers.channels.get(name) {
        Some(Samples::Float(values) | Samples::Half(values)) => values,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn light_keeps_its_range_and_every_pixel_says_where_it_comes_from() {
    let film = Film::empty();
    film.toml(SCENES);
    film.photographs();
    exr::write(&film.path("pictures/lamps.exr"), &lamps(), Depth::Float).unwrap();
    film.run(&[
        "archive", "add", "pictures", "--owner", "Zoë", "--rights", "own work",
    ])
    .well();
    let shown = film.run(&["archive", "show", "archive:lamps"]).well().out;
    assert!(shown.contains("OpenEXR"), "{shown}");
    film.run(&["make", "--plain", "--no-cut"]).well();
    film.run(&["frames", "one/010", "--to", "exr"]).well();
    film.run(&[
        "frames",
        "one/010",
        "--range",
        "1..2",
        "--no-attribution",
        "--to",
        "plain",
    ])
    .well();

    let vault = Arc::new(Vault::open(&film.path("vault")).unwrap());
    let act = &vault.ledger().acts(&Filter::verb(Verb::Drawn)).unwrap()[0];
    let take = heirloom_dailies::takes::open(&vault, &act.outputs("take").next().unwrap()).unwrap();
    let engine = heirloom_engine_exemplar::engine::engine();
    let frames: Box<dyn TakeFrames> = engine.open(&take.manifest, vault.clone()).unwrap();
    let mut owners = std::collections::BTreeSet::new();
    for n in 0..3 {
        let read = exr::read_layers(&film.path(&format!("exr/{n:06}.exr"))).unwrap();
        let picture = frames.frame(n).unwrap();
        for (k, name) in ["R", "G", "B"].into_iter().enumerate() {
            for (v, p) in floats(&read, name).iter().zip(picture.pixels()) {
                assert!(
                    (v - p[k]).abs() <= p[k].abs() / 2048.0 + 1e-7,
                    "{v} is not {}",
                    p[k]
                );
            }
        }
        let Some(LayerAttribute::Text(legend)) = read.attributes.get("heirloom/sources") else {
            panic!("no legend");
        };
        let legend: serde_json::Value = serde_json::from_str(legend).unwrap();
        let Some(Samples::Whole(numbers)) = read.channels.get("attribution.source") else {
            panic!("no numbers");
        };
        let [xs, ys, weights] = ["x", "y", "weight"].map(|c| floats(&read, &format!("attribution.{c}")));
        for i in 0..96 * 64u32 {
            let at = i as usize;
            let origins = frames.origins(n, i % 96, i / 96).unwrap();
            assert_eq!(origins.len(), 1);
            let told = &legend[numbers[at].to_string()];
            assert_eq!(told["object"], origins[0].source.to_string());
            assert_eq!((xs[at], ys[at]), (origins[0].x as f32, origins[0].y as f32));
            assert_eq!(weights[at], 1.0);
            owners.insert(format!("{} of {}", told["name"], told["owner"]));
        }
    }
    assert_eq!(
        owners.into_iter().collect::<Vec<_>>(),
        ["\"pictures/lamps\" of \"Zoë\"", "\"pictures/sea\" of \"Zoë\""]
    );
    let first = exr::read_layers(&film.path("exr/000000.exr")).unwrap();
    // Lamps are larger than what the scaling to the frame mixes.
    let brightest = floats(&first, "R").iter().copied().fold(0.0, f32::max);
    assert!(brightest > 7.0, "the lamps are as bright as {brightest}");
    let plain = exr::read_layers(&film.path("plain/000001.exr")).unwrap();
    assert_eq!(plain.channels.keys().collect::<Vec<_>>(), ["B", "G", "R"]);
}
