//! The lights of a frame, ready to fall on surfaces.

use glam::{DMat3, DVec3};

use super::shadow::Shadows;
use super::sky::{Sky, irradiance};
use crate::pose::{Pose, View};
use crate::scene::{LightKind, Scene};
use crate::vector::{along, dot, scale, sub};

const PI: f32 = std::f32::consts::PI;

/// What a surface gets from.
#[derive(Debug, Clone)]
pub(crate) struct Lamp {
    pub shape: Shape,
    /// Lux, candela or nits, linear ACEScg.
    pub strength: [f32; 3],
}

/// All places are relative to the camera's, with the world's axes, in metres.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Unit vector towards it.
    Sun([f32; 3]),
    Point {
        at: [f32; 3],
        radius: f32,
    },
    Spot {
        at: [f32; 3],
        way: [f32; 3],
        cos_inner: f32,
        cos_outer: f32,
        radius: f32,
    },
    Area {
        at: [f32; 3],
        way: [f32; 3],
        area: f32,
    },
}

/// The lamp that throws shadows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Key {
    /// Unit vector towards the sun, world.
    Sun(DVec3),
    /// A lamp's place in the world, which way it shines, and the cosine of the half angle that its shadow covers (−1 for
    /// all round).
    Near(DVec3, DVec3, f64),
}

/// All light of a frame.
#[derive(Debug, Clone)]
pub(crate) struct Lamps {
    pub lamps: Vec<Lamp>,
    /// Which lamp throws shadows, and how.
    pub key: Option<(usize, Key)>,
    /// How large the key looks from the subject: `1 − cos` of half its angle, 0 for a point.
    pub key_softness: f64,
    pub ambient: [[f32; 3]; 9],
    pub sky: Sky,
}

impl Lamps {
    /// The scene's lights at a frame. `subject` is where, in the world, it matters how strong they are.
    ///
    /// Without a light in the scene a key stands in, from the upper left of `front` (the way the shot's first camera looks), under
    /// a plain sky. A scene with lamps but no dome gets a faint plain sky, so that what the key does not reach can be read.
    pub fn of(scene: &Scene, pose: &Pose, view: &View, front: DVec3, subject: DVec3) -> Self {
        let eye = view.world_from_camera.w_axis.truncate();
        let near = |p: DVec3| (p - eye).to_array().map(|c| c as f32);
        let mut lamps = Vec::new();
        let mut keys: Vec<(f32, Key, f64)> = Vec::new();
        let mut dome: Option<[[f32; 3]; 9]> = None;
        for (n, node) in scene.nodes.iter().enumerate() {
            let Some(light) = node.light.and_then(|l| scene.lights.get(l)) else {
                continue;
            };
            let intensity = light.intensity.at(pose.time_s) as f32;
            if !pose.visible[n] || !intensity.is_finite() || intensity <= 0.0 {
                continue;
            }
            let strength = light.color.map(|c| c * intensity);
            let world = &pose.world[n];
            let at = world.w_axis.truncate();
            let way = (-world.z_axis.truncate()).normalize_or(DVec3::NEG_Y);
            if !(at.is_finite() && way.is_finite()) {
                continue;
            }
            let way32 = way.to_array().map(|c| c as f32);
            let (shape, key) = match &light.kind {
                LightKind::Sun { .. } => (Shape::Sun(way32.map(|c| -c)), Key::Sun(-way)),
                LightKind::Point { radius_m } => (
                    Shape::Point {
                        at: near(at),
                        radius: *radius_m as f32,
                    },
                    Key::Near(at, way, -1.0),
                ),
                LightKind::Spot {
                    inner_deg,
                    outer_deg,
                    radius_m,
                } => {
                    let cos_outer = libm::cos(outer_deg.clamp(0.0, 180.0).to_radians());
                    let cos_inner = libm::cos(inner_deg.clamp(0.0, 180.0).to_radians());
                    (
                        Shape::Spot {
                            at: near(at),
                            way: way32,
                            cos_inner: cos_inner as f32,
                            cos_outer: cos_outer as f32,
                            radius: *radius_m as f32,
                        },
                        Key::Near(at, way, cos_outer),
                    )
                }
                LightKind::Area { size_m, round } => {
                    let across = world.x_axis.truncate().length() * size_m[0];
                    let up = world.y_axis.truncate().length() * size_m[1];
                    let area = across * up * if *round { std::f64::consts::FRAC_PI_4 } else { 1.0 };
                    (
                        Shape::Area {
                            at: near(at),
                            way: way32,
                            area: area as f32,
                        },
                        Key::Near(at, way, 0.0),
                    )
                }
                LightKind::Dome(sh) => {
                    let sum = dome.get_or_insert([[0.0; 3]; 9]);
                    for (s, d) in sum.iter_mut().zip(sh.iter()) {
                        for c in 0..3 {
                            s[c] += d[c] * strength[c];
                        }
                    }
                    continue;
                }
            };
            let lamp = Lamp { shape, strength };
            let there = lamp.facing(near(subject));
            let distance = (at - subject).length();
            let half_angle = match &light.kind {
                LightKind::Sun { angle_deg } => angle_deg.to_radians() / 2.0,
                LightKind::Point { radius_m } | LightKind::Spot { radius_m, .. } => {
                    libm::atan2(*radius_m, distance)
                }
                LightKind::Area { .. } => match lamp.shape {
                    Shape::Area { area, .. } => {
                        libm::atan2(libm::sqrt(f64::from(area) / std::f64::consts::PI), distance)
                    }
                    _ => 0.0,
                },
                LightKind::Dome(_) => 0.0,
            };
            keys.push((there, key, 1.0 - libm::cos(half_angle)));
            lamps.push(lamp);
        }
        let stand_in = lamps.is_empty() && dome.is_none();
        if stand_in {
            let way = default_key(front);
            lamps.push(Lamp {
                shape: Shape::Sun(way.to_array().map(|c| c as f32)),
                strength: [0.80 * PI, 0.77 * PI, 0.72 * PI],
            });
            keys.push((1.0, Key::Sun(way), 0.0));
        }
        let strongest = keys.iter().map(|k| k.0).fold(0.0f32, f32::max);
        let key = keys.iter().position(|k| k.0 >= strongest && strongest > 0.0);
        let key_softness = key.map_or(0.0, |i| keys[i].2);
        let key = key.map(|i| (i, keys[i].1));
        let (ambient, sky) = match dome {
            Some(sh) => (sh, Sky::Dome(Box::new(sh))),
            None => {
                // Beside the scene's own lamps the sky is a quarter of what it is beside the stand-in.
                let factor = if stand_in {
                    1.0
                } else {
                    0.25 * strongest / (0.77 * PI)
                };
                (Sky::plain_light(factor), Sky::Plain(factor.max(1e-6)))
            }
        };
        Self {
            lamps,
            key,
            key_softness,
            ambient,
            sky,
        }
    }

    /// Radiance of a matt white surface at `at` (from the camera, world axes) with this normal; the
    /// shadows are the key's.
    #[inline(always)]
    pub fn on(&self, at: [f32; 3], normal: [f32; 3], shadows: &Shadows) -> [f32; 3] {
        let mut sum = irradiance(&self.ambient, normal);
        for (i, lamp) in self.lamps.iter().enumerate() {
            let mut e = lamp.irradiance(at, normal);
            if e > 0.0 && self.key.is_some_and(|(key, _)| key == i) {
                e *= shadows.lit(at, normal);
            }
            sum = along(sum, lamp.strength, e);
        }
        scale(sum, 1.0 / PI)
    }
}

/// From 40° to the left of where the camera looks and 50° up, behind it.
fn default_key(front: DVec3) -> DVec3 {
    let back = DVec3::new(-front.x, 0.0, -front.z).normalize_or(DVec3::Z);
    let left = DVec3::new(-back.z, 0.0, back.x);
    let turn = DMat3::from_cols(left, DVec3::Y, back);
    (turn * DVec3::new(0.49, 0.77, 0.42)).normalize()
}

impl Lamp {
    /// Irradiance of a surface for a strength of 1.
    #[inline(always)]
    fn irradiance(&self, at: [f32; 3], normal: [f32; 3]) -> f32 {
        let cosine = |way: [f32; 3]| {
            let c = dot(way, normal);
            if c > 0.0 { c } else { 0.0 }
        };
        match self.shape {
            Shape::Sun(way) => cosine(way),
            Shape::Point { at: lamp, radius } => {
                let (way, square) = towards(at, lamp);
                cosine(way) / (square + radius * radius + 1e-6)
            }
            Shape::Spot {
                at: lamp,
                way: axis,
                cos_inner,
                cos_outer,
                radius,
            } => {
                let (way, square) = towards(at, lamp);
                let along = -dot(way, axis);
                // glTF's KHR_lights_punctual, its inner and outer cone angles.
                let width = cos_inner - cos_outer;
                let width = if width > 1e-3 { width } else { 1e-3 };
                let t = ((along - cos_outer) / width).clamp(0.0, 1.0);
                t * t * cosine(way) / (square + radius * radius + 1e-6)
            }
            Shape::Area {
                at: lamp,
                way: axis,
                area,
            } => {
                let (way, square) = towards(at, lamp);
                let along = -dot(way, axis);
                // A small source by the inverse square; near by, a disc's softening keeps it below its radiance times π.
                let along = if along > 0.0 { along } else { 0.0 };
                area * along * cosine(way) / (square + area * (1.0 / PI))
            }
        }
    }

    /// Irradiance in its brightest channel of a surface at `at` that faces it.
    fn facing(&self, at: [f32; 3]) -> f32 {
        self.at(at)
            .map_or(0.0, |(_, irradiance)| irradiance.into_iter().fold(0.0, f32::max))
    }

    /// The way to it from `at`, and the irradiance of a surface there that faces it; none where it does not shine.
    pub fn at(&self, at: [f32; 3]) -> Option<([f32; 3], [f32; 3])> {
        let way = match self.shape {
            Shape::Sun(way) => way,
            Shape::Point { at: lamp, .. } | Shape::Spot { at: lamp, .. } | Shape::Area { at: lamp, .. } => {
                towards(at, lamp).0
            }
        };
        let irradiance = self.irradiance(at, way);
        (irradiance > 0.0).then(|| (way, scale(self.strength, irradiance)))
    }
}

/// Unit vector from `a` to `b`, and the distance squared.
#[inline(always)]
fn towards(a: [f32; 3], b: [f32; 3]) -> ([f32; 3], f32) {
    let d = sub(b, a);
    let square = dot(d, d);
    let by = 1.0 / (square + 1e-20).sqrt();
    (scale(d, by), square)
}
