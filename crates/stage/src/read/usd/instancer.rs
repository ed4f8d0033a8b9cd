//! Point instancers: one shape in many places (UsdGeomPointInstancer).

use glam::{DQuat, DVec3};
use openusd::sdf::Path;
use openusd::usd::Prim;

use super::place::unit;
use super::values::{self, Measures, Sampled};
use crate::read::ReadError;
use crate::read::budget::Context;
use crate::scene::Placement;

/// One place, and the prim that is shown there.
pub(super) struct Instance {
    pub placement: Placement,
    pub prototype: Path,
}

/// The instances at the stage's first moment.
pub(super) fn read(
    prim: &Prim,
    measures: &Measures,
    context: &mut Context<'_>,
) -> Result<Vec<Instance>, ReadError> {
    let path = prim.path().as_str().to_owned();
    let prototypes = super::targets(prim, "prototypes", context)?;
    let mut first = |name: &str| -> Result<Option<openusd::sdf::Value>, ReadError> {
        let sampled = Sampled::of(prim, name, measures, context)?;
        if sampled.moves() {
            context.warn(
                &path,
                format!("its {name} change over time; those of its first moment are shown throughout"),
            );
        }
        Ok(sampled.first())
    };
    let kinds = first("protoIndices")?
        .as_ref()
        .and_then(values::integers)
        .unwrap_or_default();
    let positions = first("positions")?
        .as_ref()
        .and_then(values::triples)
        .unwrap_or_default();
    let turns = first("orientations")?
        .as_ref()
        .and_then(values::quaternions)
        .unwrap_or_default();
    let sizes = first("scales")?
        .as_ref()
        .and_then(values::triples)
        .unwrap_or_default();
    let hidden = first("invisibleIds")?
        .as_ref()
        .and_then(values::integers)
        .unwrap_or_default();
    let ids = first("ids")?.as_ref().and_then(values::integers);
    if positions.len() < kinds.len() {
        context.warn(
            &path,
            format!(
                "it has {} places for {} instances; the others are left out",
                positions.len(),
                kinds.len()
            ),
        );
    }
    let mut instances = Vec::with_capacity(kinds.len().min(positions.len()));
    for (i, (kind, position)) in kinds.iter().zip(&positions).enumerate() {
        let id = ids
            .as_ref()
            .and_then(|ids| ids.get(i))
            .copied()
            .unwrap_or(i as i64);
        if hidden.contains(&id) {
            continue;
        }
        let prototype = usize::try_from(*kind).ok().and_then(|k| prototypes.get(k));
        let Some(prototype) = prototype else {
            context.warn(
                &path,
                format!(
                    "it shows its prototype {kind}, and has {}; that is left out",
                    prototypes.len()
                ),
            );
            continue;
        };
        let vector = |v: [f32; 3]| DVec3::from_array(v.map(f64::from));
        let placement = Placement::fixed(
            vector(*position),
            turns.get(i).map_or(DQuat::IDENTITY, |q| unit(*q)),
            sizes.get(i).map_or(DVec3::ONE, |s| vector(*s)),
        );
        if !placement.at(0.0).is_finite() {
            return Err(context.not_finite(&path, "a place"));
        }
        instances.push(Instance {
            placement,
            prototype: prototype.clone(),
        });
    }
    Ok(instances)
}
