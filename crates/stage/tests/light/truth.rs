//! Shared by the test and the example; see `light_recovery.rs`.

use std::error::Error;
use std::path::Path;

use glam::DVec3;
use heirloom_picture::{Image, exr, photo};
use heirloom_stage::light::{Photograph, PlaceLight, from_equirectangular, from_photograph, from_shading};
use serde_json::{Value, json};

/// One picture judged by one method.
pub struct Found {
    pub method: &'static str,
    pub name: String,
    pub direction: DVec3,
    pub true_direction: DVec3,
    pub angle_deg: f64,
    pub ratio: f64,
    pub true_ratio: f64,
    pub softness: f64,
    pub true_softness: f64,
    pub confidence: f64,
}

impl Found {
    /// The error of the key-to-fill ratio in stops.
    pub fn ratio_stops(&self) -> f64 {
        (self.ratio / self.true_ratio).log2().abs()
    }

    pub fn json(&self) -> Value {
        json!({
            "method": self.method, "picture": self.name, "angle_deg": round(self.angle_deg),
            "key_to_fill": round(self.ratio), "true_key_to_fill": round(self.true_ratio),
            "ratio_stops": round(self.ratio_stops()), "softness": round(self.softness),
            "true_softness": round(self.true_softness),
            "direction": self.direction.to_array().map(round),
            "true_direction": self.true_direction.to_array().map(round), "confidence": round(self.confidence),
        })
    }
}

fn round(v: f64) -> f64 {
    (v * 1000.0).round() / 1000.0
}

/// Normals of a PNG that holds `127·n + 128`; black where there is none.
fn normals(path: &Path) -> Result<Vec<[f32; 3]>, Box<dyn Error>> {
    let decoded = codes(path)?;
    Ok(decoded
        .into_iter()
        .map(|c| {
            if c == [0, 0, 0] {
                [0.0; 3]
            } else {
                c.map(|v| (f32::from(v) - 128.0) / 127.0)
            }
        })
        .collect())
}

/// A picture's 8-bit codes.
fn codes(path: &Path) -> Result<Vec<[u8; 3]>, Box<dyn Error>> {
    let photo = photo::read(path)?;
    Ok(heirloom_picture::color::to_display8(&photo.image))
}

fn judge(method: &'static str, truth: &Value, light: &PlaceLight) -> Option<Found> {
    let number = |name: &str| truth.get(name).and_then(Value::as_f64);
    let direction = truth.get("direction")?.as_array()?;
    let at = |i: usize| direction.get(i).and_then(Value::as_f64);
    let direction = DVec3::new(at(0)?, at(1)?, at(2)?).normalize();
    Some(Found {
        method,
        name: truth.get("name")?.as_str()?.to_owned(),
        direction: light.direction,
        true_direction: direction,
        angle_deg: light
            .direction
            .dot(direction)
            .clamp(-1.0, 1.0)
            .acos()
            .to_degrees(),
        ratio: f64::from(light.key_to_fill()),
        true_ratio: number("key_to_fill")?,
        softness: f64::from(light.softness),
        true_softness: number("softness")?,
        confidence: f64::from(light.confidence),
    })
}

/// Judges every picture of a folder by every method it has the inputs for.
pub fn measure_all(folder: &Path) -> Result<Vec<Found>, Box<dyn Error>> {
    let mut found = Vec::new();
    for line in std::fs::read_to_string(folder.join("truth.jsonl"))?.lines() {
        let truth: Value = serde_json::from_str(line)?;
        let name = truth["name"].as_str().unwrap_or_default().to_owned();
        let file = |ending: &str| folder.join(format!("{name}.{ending}"));
        let image: Image = photo::read(&file("jpg"))?.image;
        if file("exr").exists() {
            let linear = exr::read(&file("exr"))?;
            found.extend(judge("equirectangular", &truth, &from_equirectangular(&linear)?));
            found.extend(judge(
                "equirectangular, 8 bits",
                &truth,
                &from_equirectangular(&image)?,
            ));
        } else {
            let n = normals(&file("normal.png"))?;
            let ids: Vec<u32> = codes(&file("id.png"))?.iter().map(|c| c[0].into()).collect();
            found.extend(judge(
                "photograph",
                &truth,
                &from_photograph(
                    &image,
                    Photograph {
                        across_deg: truth["fov_deg"].as_f64().unwrap_or(50.0),
                    },
                )?,
            ));
            found.extend(judge(
                "shading with normals",
                &truth,
                &from_shading(&image, &n, Some(&ids))?,
            ));
        }
    }
    Ok(found)
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Median and worst errors of each method.
pub fn summaries(found: &[Found]) -> Vec<Value> {
    let mut methods: Vec<&'static str> = found.iter().map(|f| f.method).collect();
    methods.sort_unstable();
    methods.dedup();
    methods
        .into_iter()
        .map(|method| {
            let of: Vec<&Found> = found.iter().filter(|f| f.method == method).collect();
            let angles: Vec<f64> = of.iter().map(|f| f.angle_deg).collect();
            let stops: Vec<f64> = of.iter().map(|f| f.ratio_stops()).collect();
            let soft: Vec<f64> = of.iter().map(|f| (f.softness - f.true_softness).abs()).collect();
            let most = |v: &[f64]| v.iter().copied().fold(0.0, f64::max);
            json!({
                "method": method, "pictures": of.len(),
                "angle_deg_median": round(middle(angles.clone())),
                "angle_deg_worst": round(most(&angles)),
                "ratio_stops_median": round(middle(stops.clone())),
                "ratio_stops_worst": round(most(&stops)),
                "softness_error_median": round(middle(soft)),
            })
        })
        .collect()
}
