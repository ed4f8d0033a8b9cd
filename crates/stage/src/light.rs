//! The light of a place, found in a picture of it, to light the stage by and to hand on in the guides.
//!
//! Three ways in, from the surest to the least sure:
//! - [`from_equirectangular`]: a picture of all sides; the light is measured.
//! - [`from_shading`]: a picture with the normals of what it shows (the stage's own, or a take's with the stage's
//!   normals); the light is what explains the shading.
//! - [`from_photograph`]: a picture alone; the light is guessed from shading and from what shines in it, and
//!   [`PlaceLight::confidence`] says how far to trust that.
//!
//! Directions are those of the input: of a photograph, its camera's (x right, y up, −z into the picture); of an
//! equirectangular picture, the world's: y up, the picture's middle looks down −z, its right-hand quarter to +x.

mod around;
mod harmonics;
mod photograph;
mod segment;
mod shading;

use glam::{DQuat, DVec3};
use heirloom_engine::guides::{Certainty, GuideLight};

pub use self::around::from_equirectangular;
pub use self::harmonics::{Sh9, basis, cap, irradiance, radiance, rotated, sum};
pub use self::photograph::{Photograph, from_photograph};
pub use self::shading::from_shading;
use crate::scene::{Light, LightKind};
use crate::track::Track;

/// Luminance of linear ACEScg: the second row of its matrix to XYZ.
const LUMINANCE: [f64; 3] = [0.272_228_7, 0.674_081_8, 0.053_689_5];

/// The luminance of a colour.
pub(crate) fn luminance(c: [f64; 3]) -> f64 {
    LUMINANCE[0] * c[0] + LUMINANCE[1] * c[1] + LUMINANCE[2] * c[2]
}

/// Why no light could be found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LightError {
    /// The picture is too small to hold light.
    #[error(
        "the picture is {width} by {height} pixels, too small to find light in; give one of at least {least} by {least}"
    )]
    Small {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// The least side that will do.
        least: u32,
    },
    /// The picture does not show all sides.
    #[error(
        "an equirectangular picture is twice as wide as high; this one is {width} by {height}: give the whole panorama, or use it as an ordinary photograph"
    )]
    NotAround {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// A list does not have one value a pixel.
    #[error("the {pass} has {found} values and the picture {expected} pixels; render both at one size")]
    Length {
        /// Which list.
        pass: &'static str,
        /// Its length.
        found: usize,
        /// The number of pixels.
        expected: usize,
    },
    /// The picture has no light.
    #[error("the picture is black: there is no light in it to find; choose another, or raise its exposure")]
    Black,
    /// There is too little to see shading on.
    #[error(
        "only {found} pixels show a surface that is neither black nor burnt out, and shading cannot be read from fewer than {least}; choose a picture that shows more of its surfaces"
    )]
    Surfaces {
        /// Usable pixels.
        found: usize,
        /// How many are needed.
        least: usize,
    },
}

/// Light of a place: a fill from all sides and one key light.
///
/// Radiance is in the picture's own units: a white surface (albedo 1) under irradiance π has radiance 1.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceLight {
    /// Radiance from all sides without the key, as harmonics ([`Sh9`]), linear ACEScg.
    pub fill: Sh9,
    /// Irradiance of a surface that faces the key, from the key alone, linear ACEScg.
    pub key: [f32; 3],
    /// Unit vector towards the key.
    pub direction: DVec3,
    /// 0 for a point, 1 for light from the whole half of the sky: `1 − cos(half the angle it is wide)`.
    pub softness: f32,
    /// From 0 (a guess) to 1 (measured): how sure the direction is.
    pub confidence: f32,
}

/// A light of a scene with the way its node is turned.
#[derive(Debug, Clone)]
pub struct TurnedLight {
    /// The light.
    pub light: Light,
    /// Its node's rotation; lights shine down −z.
    pub rotation: DQuat,
}

impl PlaceLight {
    /// Key and fill together, as harmonics of radiance.
    pub fn sh(&self) -> Sh9 {
        let key = self.key.map(f64::from);
        sum(&self.fill, &cap(self.direction, f64::from(self.softness), key))
    }

    /// Irradiance of a surface with this unit normal that sees the key and all of the fill.
    ///
    /// The fill is evaluated from its harmonics; the key exactly for a hard light, and softened like a cap.
    pub fn irradiance(&self, normal: DVec3) -> [f64; 3] {
        let fill = irradiance(&self.fill, normal);
        let facing = soft_cosine(normal.dot(self.direction), f64::from(self.softness));
        let mut sum = fill.map(|f| f.max(0.0));
        for (s, k) in sum.iter_mut().zip(self.key) {
            *s += f64::from(k) * facing;
        }
        sum
    }

    /// Irradiance of a surface that faces the key over that of one turned the same way in its shade; 1 where there is
    /// no key, never above 1000.
    pub fn key_to_fill(&self) -> f32 {
        let key = luminance(self.key.map(f64::from));
        let fill = luminance(irradiance(&self.fill, self.direction));
        (1.0 + key / fill.max(key / 999.0).max(1e-12)) as f32
    }

    /// The key's colour, brightest channel 1; white where there is no key.
    pub fn color(&self) -> [f32; 3] {
        let most = self.key.iter().fold(0.0f32, |m, c| m.max(*c));
        if most > 0.0 {
            self.key.map(|c| (c / most).max(0.0))
        } else {
            [1.0; 3]
        }
    }

    /// How wide the key looks, in degrees: the angle of the sun light that stands for it.
    pub fn angle_deg(&self) -> f64 {
        let cos = 1.0 - f64::from(self.softness).clamp(0.0, 1.0);
        2.0 * libm::acos(cos).to_degrees()
    }

    /// The same light in other axes: what came from `d` comes from `rotation · d`. Brings a photograph's light from
    /// its camera's axes into the world's with the camera's rotation.
    pub fn rotated(&self, rotation: DQuat) -> Self {
        Self {
            fill: rotated(&self.fill, rotation),
            direction: rotation * self.direction,
            ..self.clone()
        }
    }

    /// The same light, this much brighter.
    pub fn scaled(&self, factor: f32) -> Self {
        Self {
            fill: self.fill.map(|c| c.map(|v| v * factor)),
            key: self.key.map(|v| v * factor),
            ..self.clone()
        }
    }

    /// Lights that stand for it in a scene: a dome with the fill, and a sun with the key where there is one. The
    /// dome's harmonics are in the axes of this light, and so is the sun's rotation.
    pub fn to_lights(&self) -> Vec<TurnedLight> {
        let mut lights = vec![TurnedLight {
            light: Light {
                name: "fill".into(),
                kind: LightKind::Dome(Box::new(self.fill)),
                color: [1.0; 3],
                intensity: Track::constant(1.0),
            },
            rotation: DQuat::IDENTITY,
        }];
        let most = self.key.iter().fold(0.0f32, |m, c| m.max(*c));
        if most > 0.0 {
            lights.push(TurnedLight {
                light: Light {
                    name: "key".into(),
                    kind: LightKind::Sun {
                        angle_deg: self.angle_deg(),
                    },
                    color: self.color(),
                    intensity: Track::constant(f64::from(most)),
                },
                rotation: DQuat::from_rotation_arc(DVec3::Z, self.direction),
            });
        }
        lights
    }

    /// What the guides hand on. Turn it into world axes first.
    pub fn to_guide(&self, certainty: Certainty) -> GuideLight {
        GuideLight {
            radiance_sh: self.sh(),
            direction: self.direction.to_array().map(|v| v as f32),
            color: self.color(),
            softness: self.softness,
            key_to_fill: self.key_to_fill(),
            certainty,
        }
    }
}

/// Irradiance from a cap of the sky, as a share of that of a surface that faces it; `cos` is that of the angle between
/// the normal and the cap's middle. Between full view and none the exact integral is replaced by the parabola that
/// meets both ends with their slopes, which is within 0.03 of it up to half angles of 60°.
pub(crate) fn soft_cosine(cos: f64, softness: f64) -> f64 {
    let edge = libm::sqrt(1.0 - (1.0 - softness) * (1.0 - softness)).clamp(0.0, 1.0);
    if cos >= edge {
        cos
    } else if cos <= -edge || edge == 0.0 {
        0.0
    } else {
        (cos + edge) * (cos + edge) / (4.0 * edge)
    }
}
