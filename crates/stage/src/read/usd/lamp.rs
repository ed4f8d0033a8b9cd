//! Lights (UsdLux).
//!
//! UsdLux counts the light of a shape in nits at its surface; normalised, in what the shape gives off in all. The
//! scene's lights count W/m² for a sun, W/sr for a point, W/m²/sr for an area: the shapes' areas are between them.

use std::f64::consts::PI;

use openusd::usd::Prim;

use super::values::{self, Measures, Sampled};
use crate::read::ReadError;
use crate::read::budget::Context;
use crate::read::surface;
use crate::scene::{Light, LightKind, Scene};
use crate::track::{Interpolation, Track};

/// Types of prims that are lights.
pub(super) const KINDS: &[&str] = &[
    "DistantLight",
    "SphereLight",
    "RectLight",
    "DiskLight",
    "CylinderLight",
    "DomeLight",
    "DomeLight_1",
];

pub(super) fn read(
    prim: &Prim,
    kind: &str,
    name: String,
    measures: &Measures,
    scene: &mut Scene,
    context: &mut Context<'_>,
) -> Result<Light, ReadError> {
    let lamp = Lamp { prim, measures };
    let path = prim.path().as_str().to_owned();
    let m = measures.unit_m;
    let normalize = lamp.yes("normalize", context)?;
    let (mut factor, kind) = match kind {
        "DistantLight" => {
            // Blender (4 and 5) writes a sun's half angle and a quarter of its strength, beside other lights in full.
            let (wider, stronger) = if measures.by_blender {
                (2.0, 4.0)
            } else {
                (1.0, 1.0)
            };
            let angle = (lamp.number("angle", 0.53, context)? * wider).clamp(0.0, 180.0);
            let half = (angle / 2.0).to_radians();
            // Lux of a disc of the sky with one nit.
            let sky = PI * libm::sin(half) * libm::sin(half);
            let factor = if normalize || sky <= 0.0 { 1.0 } else { sky };
            (factor * stronger, LightKind::Sun { angle_deg: angle })
        }
        "RectLight" => {
            let size_m = [
                lamp.number("width", 1.0, context)? * m,
                lamp.number("height", 1.0, context)? * m,
            ];
            if lamp.has("texture:file", context)? {
                context.warn(&path, "its picture is not carried; it gives one light all over");
            }
            (
                per_area(normalize, size_m[0] * size_m[1]),
                LightKind::Area { size_m, round: false },
            )
        }
        "DiskLight" => {
            let r = lamp.number("radius", 0.5, context)? * m;
            let size_m = [2.0 * r; 2];
            (
                per_area(normalize, PI * r * r),
                LightKind::Area { size_m, round: true },
            )
        }
        "CylinderLight" => {
            let r = lamp.number("radius", 0.5, context)? * m;
            let length = lamp.number("length", 1.0, context)? * m;
            context.warn(
                &path,
                "a tube of light is carried as a ball of its radius, as bright as the tube from beside",
            );
            let factor = per_area(normalize, 2.0 * PI * r * length) * 2.0 * r * length;
            (factor, LightKind::Point { radius_m: r })
        }
        "SphereLight" => {
            let r = lamp.number("radius", 0.5, context)? * m;
            let point = lamp.yes("treatAsPoint", context)? || r <= 0.0;
            // Candela of a ball with one nit: the area of the disc that it looks like.
            let factor = if normalize || point { 0.25 } else { PI * r * r };
            let radius_m = if point { 0.0 } else { r };
            match lamp.optional("shaping:cone:angle", context)? {
                Some(cone) if cone < 90.0 => {
                    let soft = lamp
                        .number("shaping:cone:softness", 0.0, context)?
                        .clamp(0.0, 1.0);
                    let outer_deg = cone.max(0.0);
                    let inner_deg = outer_deg * (1.0 - soft);
                    (
                        factor,
                        LightKind::Spot {
                            inner_deg,
                            outer_deg,
                            radius_m,
                        },
                    )
                }
                _ => (factor, LightKind::Point { radius_m }),
            }
        }
        _ => {
            if lamp.has("texture:file", context)? {
                context.warn(&path, "its picture of the sky is not carried; it gives one light from all sides (read the picture as light from a place instead)");
            }
            // Harmonics of one light from all sides: the first is one over 1/(2·sqrt(pi)).
            let mut harmonics = [[0.0; 3]; 9];
            harmonics[0] = [(2.0 * PI.sqrt()) as f32; 3];
            (1.0, LightKind::Dome(Box::new(harmonics)))
        }
    };
    if lamp.yes("enableColorTemperature", context)? {
        let kelvin = lamp.number("colorTemperature", 6500.0, context)?;
        if (kelvin - 6500.0).abs() > 50.0 {
            context.warn(
                &path,
                format!("its colour temperature of {kelvin:.0} K is not carried; its colour is"),
            );
        }
    }
    for what in ["shaping:focus", "shaping:ies:file"] {
        if lamp.has(what, context)? && lamp.number(what, 1.0, context)? != 0.0 {
            context.warn(&path, format!("its {what} is not carried"));
        }
    }
    factor *= libm::exp2(lamp.number("exposure", 0.0, context)?.clamp(-64.0, 64.0));
    let color = match lamp
        .sampled("color", context)?
        .first()
        .as_ref()
        .and_then(values::triple)
    {
        Some(c) => c.to_array().map(|v| surface::sound(v as f32, 1.0).max(0.0)),
        None => [1.0; 3],
    };
    let sampled = lamp.sampled("intensity", context)?;
    context.key_values(sampled.keys.len() as u64)?;
    let scaled = |v: &openusd::sdf::Value| values::number(v).map(|i| (i * factor).max(0.0));
    let intensity = sampled.track(Interpolation::Linear, context, scene, scaled)?;
    // The sun's own is what the schema says where a file does not.
    let plain = if matches!(kind, LightKind::Sun { .. }) {
        50_000.0
    } else {
        1.0
    };
    let intensity = intensity.unwrap_or_else(|| Track::constant(plain * factor));
    if intensity.values().iter().any(|v| !v.is_finite()) {
        return Err(context.not_finite(&path, "the strength"));
    }
    Ok(Light {
        name,
        kind,
        color: surface::rgb(color),
        intensity,
    })
}

fn per_area(normalize: bool, area: f64) -> f64 {
    if normalize && area > 0.0 { 1.0 / area } else { 1.0 }
}

struct Lamp<'a> {
    prim: &'a Prim,
    measures: &'a Measures,
}

impl Lamp<'_> {
    /// An input: called `inputs:NAME` since USD 21.02, and NAME before.
    fn sampled(&self, name: &str, context: &Context<'_>) -> Result<Sampled, ReadError> {
        let new = Sampled::of(self.prim, &format!("inputs:{name}"), self.measures, context)?;
        if new.keys.is_empty() && new.always.is_none() {
            return Sampled::of(self.prim, name, self.measures, context);
        }
        Ok(new)
    }

    fn has(&self, name: &str, context: &Context<'_>) -> Result<bool, ReadError> {
        let value = self.sampled(name, context)?.first();
        Ok(match value {
            Some(openusd::sdf::Value::AssetPath(path)) => !path.is_empty(),
            other => other.is_some(),
        })
    }

    fn yes(&self, name: &str, context: &Context<'_>) -> Result<bool, ReadError> {
        Ok(self
            .sampled(name, context)?
            .first()
            .as_ref()
            .and_then(values::yes)
            .unwrap_or(false))
    }

    fn optional(&self, name: &str, context: &mut Context<'_>) -> Result<Option<f64>, ReadError> {
        let sampled = self.sampled(name, context)?;
        let path = self.prim.path().as_str();
        if sampled.moves() {
            context.warn(
                path,
                format!("its {name} changes over time; that of its first moment is taken throughout"),
            );
        }
        let value = sampled.first().as_ref().and_then(values::number);
        if value.is_some_and(|v| !v.is_finite()) {
            return Err(context.not_finite(path, name));
        }
        Ok(value)
    }

    fn number(&self, name: &str, instead: f64, context: &mut Context<'_>) -> Result<f64, ReadError> {
        Ok(self.optional(name, context)?.unwrap_or(instead))
    }
}
