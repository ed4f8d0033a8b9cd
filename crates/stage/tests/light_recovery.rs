//! Recovers known light from pictures that Blender's Cycles made (`tools/blender/light_scenes.py`), held out while the
//! methods were tuned on others.

#![allow(clippy::unwrap_used, reason = "a test may end at the first thing wrong")]

#[path = "light/truth.rs"]
mod truth;

use std::path::Path;

use heirloom_picture::Image;
use heirloom_stage::light::{LightError, Photograph, from_equirectangular, from_photograph, from_shading};
use serde_json::Value;

/// What the pictures are held to: method, pictures, median and worst angle in degrees, median and worst error of the
/// key-to-fill ratio in stops. A little above what is measured (`cargo xtask measure light`), so that a method that
/// gets worse is seen.
const BOUNDS: [(&str, u32, f64, f64, f64, f64); 4] = [
    ("equirectangular", 7, 0.2, 0.5, 0.03, 0.1),
    ("equirectangular, 8 bits", 7, 1.0, 2.0, 0.4, 2.6),
    ("shading with normals", 22, 6.0, 130.0, 0.4, 2.5),
    ("photograph", 22, 26.0, 100.0, 0.85, 2.5),
];

#[test]
fn known_light_comes_back_from_pictures_another_renderer_made() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/light/pictures");
    let found = truth::measure_all(&folder).unwrap();
    let summaries = truth::summaries(&found);
    let number = |method: &str, name: &str| {
        let of = summaries.iter().find(|s| s["method"] == method);
        of.and_then(|s| s.get(name)).and_then(Value::as_f64).unwrap()
    };
    let table: Vec<String> = found.iter().map(|f| f.json().to_string()).collect();
    for (method, pictures, angle, worst, stops, worst_stops) in BOUNDS {
        assert_eq!(number(method, "pictures"), f64::from(pictures), "{method}");
        for (name, bound) in [
            ("angle_deg_median", angle),
            ("angle_deg_worst", worst),
            ("ratio_stops_median", stops),
            ("ratio_stops_worst", worst_stops),
        ] {
            let is = number(method, name);
            assert!(
                is <= bound,
                "{method}: {name} is {is}, bound {bound}:\n{}",
                table.join("\n")
            );
        }
    }
}

#[test]
fn pictures_without_light_are_told_apart() {
    let black = Image::new(64, 32);
    assert_eq!(from_equirectangular(&black), Err(LightError::Black));
    assert_eq!(
        from_photograph(&black, Photograph::default()),
        Err(LightError::Black)
    );
    let square = Image::filled(64, 64, [0.5, 0.5, 0.5, 1.0]);
    assert!(matches!(
        from_equirectangular(&square),
        Err(LightError::NotAround { .. })
    ));
    let tiny = Image::filled(8, 4, [0.5, 0.5, 0.5, 1.0]);
    assert!(matches!(
        from_equirectangular(&tiny),
        Err(LightError::Small { .. })
    ));
    assert!(matches!(
        from_photograph(&tiny, Photograph::default()),
        Err(LightError::Small { .. })
    ));
    assert!(matches!(
        from_shading(&square, &[[0.0, 0.0, 1.0]; 3], None),
        Err(LightError::Length { found: 3, .. })
    ));
    assert!(matches!(
        from_shading(&square, &vec![[0.0; 3]; 64 * 64], None),
        Err(LightError::Surfaces { .. })
    ));
}
