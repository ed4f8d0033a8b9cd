//! Cameras (UsdGeomCamera).

use openusd::usd::Prim;

use super::values::{self, Measures, Sampled};
use crate::read::ReadError;
use crate::read::budget::Context;
use crate::scene::{Camera, Fit, Scene};
use crate::track::{Interpolation, Track};

pub(super) fn read(
    prim: &Prim,
    name: String,
    measures: &Measures,
    scene: &mut Scene,
    context: &mut Context<'_>,
) -> Result<Camera, ReadError> {
    let path = prim.path().as_str().to_owned();
    let mm = measures.tenth_mm();
    let mut fixed = |attribute: &str, instead: f64| -> Result<f64, ReadError> {
        let sampled = Sampled::of(prim, attribute, measures, context)?;
        if sampled.moves() {
            context.warn(
                &path,
                format!("its {attribute} changes over time; that of its first moment is taken throughout"),
            );
        }
        let value = sampled.first().as_ref().and_then(values::number);
        Ok(value.unwrap_or(instead) * mm)
    };
    // What the schema says where a file does not (in tenths of a unit).
    let width = fixed("horizontalAperture", 20.955)?;
    let height = fixed("verticalAperture", 15.2908)?;
    let shift = [
        fixed("horizontalApertureOffset", 0.0)?,
        fixed("verticalApertureOffset", 0.0)?,
    ];
    let projection = values::fixed(prim, "projection", measures, context)?;
    let flat = projection.as_ref().and_then(values::text).as_deref() == Some("orthographic");
    let focal = Sampled::of(prim, "focalLength", measures, context)?;
    context.key_values(focal.keys.len() as u64)?;
    let focal = focal.track(Interpolation::Linear, context, scene, |v| {
        values::number(v).map(|f| f * mm)
    })?;
    let focal = focal.unwrap_or_else(|| Track::constant(50.0 * mm));
    let clip = Sampled::of(prim, "clippingRange", measures, context)?;
    let clip = clip
        .first()
        .as_ref()
        .and_then(values::pair)
        .unwrap_or([1.0, 1_000_000.0]);
    let clip_m = clip.map(|v| v * measures.unit_m);
    let planes = values::fixed(prim, "clippingPlanes", measures, context)?;
    if matches!(planes, Some(openusd::sdf::Value::Vec4fVec(list)) if !list.is_empty()) {
        context.warn(
            &path,
            "its clipping planes are not carried; all within its near and far distance is shown",
        );
    }
    let lens = [width, height];
    let sound = lens.iter().all(|v| v.is_finite() && *v > 0.0)
        && shift.iter().all(|v| v.is_finite())
        && clip_m.iter().all(|v| !v.is_nan())
        && (flat || focal.values().iter().all(|f| f.is_finite() && *f > 0.0));
    if !sound {
        return Err(context.not_finite(&path, "the lens (or one that sees nothing)"));
    }
    Ok(Camera {
        name,
        focal_mm: (!flat).then_some(focal),
        back_mm: lens,
        fit: Fit::Width,
        shift_mm: shift,
        clip_m,
    })
}
