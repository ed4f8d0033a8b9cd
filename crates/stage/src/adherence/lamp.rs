//! Where light comes from, on the stage and in the take.

use glam::DVec3;
use heirloom_picture::Image;

use super::report::{Light, Reading};
use crate::light::from_shading;

/// How much of space normals must fill for light to be told from them: the determinant of their second moments. 0 for
/// a floor, or a floor and a wall; 1/27 for a ball all round.
const LEAST_CURVED: f64 = 5e-5;
/// Confidence below which nothing is said.
const LEAST_CONFIDENCE: f64 = 0.15;
/// How alike the directions of single frames must be: the length of their mean.
const LEAST_ALIKE: f64 = 0.8;

/// What one frame says.
pub(super) enum Lit {
    /// Directions towards the light on the stage and in the take, and how sure both are.
    Seen {
        stage: DVec3,
        take: DVec3,
        confidence: f64,
    },
    /// Why nothing.
    Unseen(String),
}

impl Lit {
    /// Both pictures at one size, with the normals and ids of the stage.
    pub fn of(stage: &Image, take: &Image, normals: &[[f32; 3]], ids: Option<&[u32]>) -> Self {
        if curved(normals, ids) < LEAST_CURVED {
            return Self::Unseen("surfaces face too few ways: light is told from curved ones".into());
        }
        match (
            from_shading(stage, normals, ids),
            from_shading(take, normals, ids),
        ) {
            (Ok(on_stage), Ok(in_take)) => Self::Seen {
                stage: on_stage.direction,
                take: in_take.direction,
                confidence: f64::from(on_stage.confidence.min(in_take.confidence)),
            },
            (Err(e), _) => Self::Unseen(format!("on the stage, {e}")),
            (_, Err(e)) => Self::Unseen(format!("in the take, {e}")),
        }
    }

    /// Degrees between the two, where both are fairly sure.
    pub fn angle_deg(&self) -> Option<f64> {
        match self {
            Self::Seen {
                stage,
                take,
                confidence,
            } if *confidence >= LEAST_CONFIDENCE => Some(between_deg(*stage, *take)),
            _ => None,
        }
    }
}

/// The determinant of the second moments of all unit normals.
fn curved(normals: &[[f32; 3]], ids: Option<&[u32]>) -> f64 {
    let (mut sums, mut count) = ([0.0f64; 6], 0.0);
    for (i, n) in normals.iter().enumerate() {
        let [x, y, z] = n.map(f64::from);
        let length = x * x + y * y + z * z;
        if (0.8..1.2).contains(&length) && ids.is_none_or(|ids| ids[i] != 0) {
            for (sum, v) in sums.iter_mut().zip([x * x, y * y, z * z, x * y, y * z, z * x]) {
                *sum += v;
            }
            count += 1.0;
        }
    }
    if count == 0.0 {
        return 0.0;
    }
    let [xx, yy, zz, xy, yz, zx] = sums.map(|s| s / count);
    xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * zx) + zx * (xy * yz - yy * zx)
}

/// Degrees between two directions.
fn between_deg(a: DVec3, b: DVec3) -> f64 {
    // From both sine and cosine: exact for small angles too.
    libm::atan2(a.cross(b).length(), a.dot(b)).to_degrees()
}

/// What all frames looked at say together.
pub(super) fn read(frames: &[Lit]) -> Reading<Light> {
    let (mut stage_sum, mut take_sum, mut weights, mut count) = (DVec3::ZERO, DVec3::ZERO, 0.0, 0);
    let mut why = None;
    for lit in frames {
        match lit {
            Lit::Seen {
                stage,
                take,
                confidence,
            } => {
                stage_sum += *stage * *confidence;
                take_sum += *take * *confidence;
                weights += confidence;
                count += 1;
            }
            Lit::Unseen(reason) => why = why.or(Some(reason.clone())),
        }
    }
    if count == 0 {
        return Reading::unsure(why.unwrap_or_else(|| "the guides have no colour or no normals".into()));
    }
    let confidence = weights / f64::from(count);
    if confidence < LEAST_CONFIDENCE {
        return Reading::unsure(format!(
            "shading hardly tells where light comes from (confidence {confidence:.2})"
        ));
    }
    let alike = stage_sum.length().min(take_sum.length()) / weights;
    if alike < LEAST_ALIKE {
        return Reading::unsure("single frames say that light comes from quite different sides");
    }
    Reading::Read(Light {
        angle_deg: between_deg(stage_sum, take_sum),
        confidence,
        frames: count as usize,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_and_a_wall_are_not_curved() {
        let floor = [[0.0, 1.0, 0.0]; 50];
        let corner: Vec<[f32; 3]> = floor.iter().copied().chain([[0.0, 0.0, 1.0]; 50]).collect();
        let room: Vec<[f32; 3]> = corner.iter().copied().chain([[1.0, 0.0, 0.0]; 50]).collect();
        assert_eq!(curved(&floor, None), 0.0);
        assert!(curved(&corner, None) < LEAST_CURVED);
        assert!((curved(&room, None) - 1.0 / 27.0).abs() < 1e-9);
        assert_eq!(curved(&room, Some(&[0; 150])), 0.0);
    }

    #[test]
    fn frames_that_disagree_say_nothing() {
        let seen = |take: DVec3| Lit::Seen {
            stage: DVec3::Y,
            take,
            confidence: 0.6,
        };
        let steady = read(&[seen(DVec3::X), seen(DVec3::X)]);
        assert!((steady.value().unwrap().angle_deg - 90.0).abs() < 1e-9);
        assert!(read(&[seen(DVec3::X), seen(DVec3::NEG_X)]).why().is_some());
        assert!(read(&[]).why().is_some());
        assert_eq!(read(&[Lit::Unseen("dark".into())]).why(), Some("dark"));
    }
}
