//! Scenes of balls, blocks and a floor, traced ray by ray: guides and pictures that owe nothing to the stage's own
//! rasteriser, so that each can be held against the other.

#![allow(dead_code, reason = "each test and example uses its own part")]
#![allow(clippy::unwrap_used)] // what fails here fails the test

use std::collections::BTreeMap;

use glam::DVec3;
use heirloom_engine::guides::{Certainty, Pass};
use heirloom_engine::{GuideFrame, GuideSet};
use heirloom_film::{Rate, Size};
use heirloom_picture::Image;
use rayon::prelude::*;

/// A place and a turn about the upright axis in radians, at a frame.
pub type Path = fn(f64) -> (DVec3, f64);

pub enum Shape {
    /// All below y = 0 of its place.
    Floor,
    Ball {
        radius_m: f64,
    },
    Block {
        half_m: DVec3,
    },
}

pub struct Solid {
    pub name: &'static str,
    pub shape: Shape,
    pub color: [f64; 3],
    pub path: Path,
    /// Waves of its coarsest texture a metre.
    pub grain_per_m: f64,
}

pub struct Set {
    pub solids: Vec<Solid>,
    /// Where the camera stands, and what it looks at.
    pub camera: fn(f64) -> (DVec3, DVec3),
    /// Focal length over the frame's height.
    pub lens: f64,
    /// Frames of its story in one frame of the shot.
    pub pace: f64,
}

/// How a picture of a set looks.
#[derive(Clone, Copy)]
pub struct Look {
    /// Towards the sun.
    pub sun: DVec3,
    /// Light from all sides, the sun being 1.
    pub fill: f64,
    /// Which textures.
    pub seed: u32,
    /// How strong they are, 0 to 1.
    pub texture: f64,
    /// Other colours, light for dark.
    pub inverted: bool,
    /// Standard deviation of grain that is new in each frame, in codes of 0 to 255.
    pub grain: f64,
    /// An object that is not drawn in some frames.
    pub without: Option<(&'static str, usize, usize)>,
}

impl Look {
    pub fn plain() -> Self {
        Self {
            sun: DVec3::new(-0.5, 0.8, 0.4).normalize(),
            fill: 0.25,
            seed: 1,
            texture: 0.6,
            inverted: false,
            grain: 0.0,
            without: None,
        }
    }

    /// Light for dark, other colours, other textures, and grain.
    pub fn restyled() -> Self {
        Self {
            seed: 77,
            texture: 0.8,
            inverted: true,
            grain: 4.0,
            ..Self::plain()
        }
    }
}

/// Slow at first and at last, between 0 and 1.
pub fn eased(frame: f64, from: f64, to: f64) -> f64 {
    let t = ((frame - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

struct Eye {
    at: DVec3,
    right: DVec3,
    up: DVec3,
    ahead: DVec3,
    lens_px: f64,
    middle: [f64; 2],
}

impl Eye {
    fn ray(&self, x: f64, y: f64) -> DVec3 {
        let (right, down) = (x - self.middle[0], y - self.middle[1]);
        self.ahead + self.right * (right / self.lens_px) - self.up * (down / self.lens_px)
    }

    /// Pixel coordinates (centres at +0.5) and depth.
    fn project(&self, point: DVec3) -> ([f64; 2], f64) {
        let from = point - self.at;
        let depth = from.dot(self.ahead);
        let px = self.lens_px / depth;
        let [x, y] = self.middle;
        ([x + from.dot(self.right) * px, y - from.dot(self.up) * px], depth)
    }
}

struct Hit {
    /// In lengths of the ray; a ray of unit depth gives depth.
    t: f64,
    solid: usize,
    point: DVec3,
    normal: DVec3,
}

fn turned(v: DVec3, angle: f64) -> DVec3 {
    let (sin, cos) = (libm::sin(angle), libm::cos(angle));
    DVec3::new(cos * v.x + sin * v.z, v.y, cos * v.z - sin * v.x)
}

impl Solid {
    fn to_local(&self, point: DVec3, frame: f64) -> DVec3 {
        let (at, turn) = (self.path)(frame);
        turned(point - at, -turn)
    }

    fn to_world(&self, point: DVec3, frame: f64) -> DVec3 {
        let (at, turn) = (self.path)(frame);
        turned(point, turn) + at
    }

    fn meet(&self, from: DVec3, ray: DVec3, frame: f64) -> Option<(f64, DVec3)> {
        let (_, turn) = (self.path)(frame);
        let (o, d) = (self.to_local(from, frame), turned(ray, -turn));
        let (t, normal) = match self.shape {
            Shape::Floor => (-o.y / d.y, DVec3::Y),
            Shape::Ball { radius_m } => {
                let (a, b, c) = (d.dot(d), o.dot(d), o.dot(o) - radius_m * radius_m);
                let root = b * b - a * c;
                if root < 0.0 {
                    return None;
                }
                let t = (-b - root.sqrt()) / a;
                (t, (o + d * t) / radius_m)
            }
            Shape::Block { half_m } => {
                let (a, b) = ((-half_m - o) / d, (half_m - o) / d);
                let (near, far) = (a.min(b), a.max(b));
                let t = near.max_element();
                if t > far.min_element() {
                    return None;
                }
                let axis = (0..3).find(|i| near[*i] == t)?;
                let mut normal = DVec3::ZERO;
                normal[axis] = -d[axis].signum();
                (t, normal)
            }
        };
        (t > 1e-6 && t < 400.0).then(|| (t, turned(normal, turn)))
    }
}

fn hashed(x: i64, y: i64, z: i64, seed: u32) -> f64 {
    let mut h = (x as u64)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add((y as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f))
        .wrapping_add((z as u64).wrapping_mul(0x1656_67b1_9e37_79f9))
        .wrapping_add(u64::from(seed).wrapping_mul(0xd6e8_feb8_6659_fd93));
    h = (h ^ (h >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    h = (h ^ (h >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((h ^ (h >> 32)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Smooth noise, -1 to 1.
pub fn noise(p: DVec3, seed: u32) -> f64 {
    let (low, part) = (p.floor(), p - p.floor());
    let soft = part * part * (3.0 - 2.0 * part);
    let mut sum = 0.0;
    for corner in 0..8 {
        let c = [corner & 1, (corner >> 1) & 1, corner >> 2];
        let weight: f64 = (0..3)
            .map(|i| if c[i] == 1 { soft[i] } else { 1.0 - soft[i] })
            .product();
        let [x, y, z] = [0, 1, 2].map(|i| low[i] as i64 + c[i]);
        sum += weight * hashed(x, y, z, seed);
    }
    2.0 * sum - 1.0
}

impl Set {
    /// The same story at another pace.
    pub fn slowed(self, pace: f64) -> Self {
        Self { pace, ..self }
    }

    fn eye(&self, frame: f64, size: Size) -> Eye {
        let (at, target) = (self.camera)(frame * self.pace);
        let ahead = (target - at).normalize();
        let right = ahead.cross(DVec3::Y).normalize();
        Eye {
            at,
            right,
            up: right.cross(ahead),
            ahead,
            lens_px: self.lens * f64::from(size.height),
            middle: [f64::from(size.width) / 2.0, f64::from(size.height) / 2.0],
        }
    }

    fn hit(&self, from: DVec3, ray: DVec3, frame: f64, without: Option<&str>) -> Option<Hit> {
        let mut nearest: Option<Hit> = None;
        for (solid, s) in self
            .solids
            .iter()
            .enumerate()
            .filter(|(_, s)| Some(s.name) != without)
        {
            if let Some((t, normal)) = s.meet(from, ray, frame * self.pace)
                && nearest.as_ref().is_none_or(|n| t < n.t)
            {
                nearest = Some(Hit {
                    t,
                    solid,
                    point: from + ray * t,
                    normal,
                });
            }
        }
        nearest
    }

    fn color(&self, eye: &Eye, x: f64, y: f64, frame: usize, look: &Look) -> [f64; 3] {
        let ray = eye.ray(x, y);
        let without = look
            .without
            .filter(|(_, first, last)| (*first..=*last).contains(&frame));
        let Some(hit) = self.hit(eye.at, ray, frame as f64, without.map(|w| w.0)) else {
            let cloud = noise(ray.normalize() * 9.0, look.seed) * 0.1;
            return if look.inverted {
                [0.06 + 0.3 * cloud, 0.05, 0.03]
            } else {
                [0.5 + cloud, 0.6 + cloud, 0.75]
            };
        };
        let solid = &self.solids[hit.solid];
        let local = solid.to_local(hit.point, frame as f64 * self.pace);
        // Texture finer than a pixel would only flicker.
        let slant = (-hit.normal.dot(ray.normalize())).max(0.05);
        let pixel_m = hit.t / eye.lens_px / slant;
        let mut texture = 0.0;
        for octave in 0..4 {
            let waves = solid.grain_per_m * f64::from(1u32 << octave);
            let kept = (1.5 - 3.0 * waves * pixel_m).clamp(0.0, 1.0);
            if kept == 0.0 {
                break;
            }
            texture += kept * noise(local * waves, look.seed + 31 * octave + 7 * hit.solid as u32) * 0.6;
        }
        let light = look.fill + (1.0 - look.fill) * hit.normal.dot(look.sun).max(0.0);
        let bright = light * (1.0 + look.texture * texture.clamp(-1.0, 1.0));
        let [r, g, b] = solid.color;
        if look.inverted {
            // Another palette, and dark where it was light before light falls on it.
            [0.9 - b, 0.8 - r, 0.7 - g].map(|c| (c.max(0.04) * bright).clamp(0.0, 1.0))
        } else {
            [r, g, b].map(|c| c * bright)
        }
    }

    /// One picture, four rays a pixel.
    pub fn picture(&self, frame: usize, size: Size, look: &Look) -> Image {
        let eye = self.eye(frame as f64, size);
        let width = size.width as usize;
        let mut image = Image::new(size.width, size.height);
        image
            .pixels_mut()
            .par_chunks_mut(width)
            .enumerate()
            .for_each(|(y, row)| {
                for (x, pixel) in row.iter_mut().enumerate() {
                    let mut sum = [0.0f64; 3];
                    for (dx, dy) in [(0.25, 0.375), (0.75, 0.125), (0.25, 0.875), (0.75, 0.625)] {
                        let rgb = self.color(&eye, x as f64 + dx, y as f64 + dy, frame, look);
                        for (sum, v) in sum.iter_mut().zip(rgb) {
                            *sum += 0.25 * v;
                        }
                    }
                    // The sum of four even numbers is near enough to a normal one.
                    let grain: f64 = (0..4)
                        .map(|n| hashed(x as i64, y as i64, frame as i64 * 4 + n, 5) - 0.5)
                        .sum::<f64>()
                        * 1.73
                        * look.grain
                        / 255.0;
                    // Grain in steps as the eye sees them: on a square root.
                    let [r, g, b] = sum.map(|v| {
                        let seen = (v.max(0.0).sqrt() + grain).max(0.0);
                        (seen * seen) as f32
                    });
                    *pixel = [r, g, b, 1.0];
                }
            });
        image
    }

    pub fn pictures(&self, frames: usize, size: Size, look: &Look) -> Vec<Image> {
        (0..frames).map(|frame| self.picture(frame, size, look)).collect()
    }

    /// All passes, with `colors` as the colour pass.
    pub fn guides(&self, size: Size, colors: &[Image]) -> GuideSet {
        let names = (1u32..).zip(&self.solids).map(|(id, s)| (id, s.name.to_string()));
        let frames = (0..colors.len()).into_par_iter();
        GuideSet {
            size,
            rate: Rate::new(24, 1).unwrap(),
            names: names.collect::<BTreeMap<_, _>>(),
            light: None,
            frames: frames.map(|f| self.guide(f, size, &colors[f])).collect(),
        }
    }

    fn guide(&self, frame: usize, size: Size, color: &Image) -> GuideFrame {
        let now = frame as f64;
        let eye = self.eye(now, size);
        let count = (size.width * size.height) as usize;
        let width = size.width as usize;
        let mut depth = vec![f32::INFINITY; count];
        let mut ids = vec![0u32; count];
        let mut normals = vec![[0.0f32; 3]; count];
        let mut motion = [vec![[0.0f32; 2]; count], vec![[0.0f32; 2]; count]];
        let mut hidden = [vec![0.0f32; count], vec![0.0f32; count]];
        for i in 0..count {
            let at = [(i % width) as f64 + 0.5, (i / width) as f64 + 0.5];
            let Some(hit) = self.hit(eye.at, eye.ray(at[0], at[1]), now, None) else {
                continue;
            };
            let solid = &self.solids[hit.solid];
            let local = solid.to_local(hit.point, now * self.pace);
            depth[i] = hit.t as f32;
            ids[i] = hit.solid as u32 + 1;
            normals[i] = hit.normal.as_vec3_array();
            for (side, other) in [now + 1.0, now - 1.0].into_iter().enumerate() {
                let point = solid.to_world(local, other * self.pace);
                let from = self.eye(other, size);
                let (to, there) = from.project(point);
                motion[side][i] = [(to[0] - at[0]) as f32, (to[1] - at[1]) as f32];
                let inside = to[0] >= 0.0
                    && to[1] >= 0.0
                    && to[0] < f64::from(size.width)
                    && to[1] < f64::from(size.height);
                let before = self.hit(from.at, from.ray(to[0], to[1]), other, None);
                let seen = inside && there > 0.0 && before.is_some_and(|h| h.t > there * (1.0 - 1e-3));
                hidden[side][i] = if seen { 0.0 } else { 1.0 };
            }
        }
        fn exact<T>(values: Vec<T>) -> Option<Pass<T>> {
            Some(Pass {
                values,
                certainty: Certainty::Exact,
            })
        }
        let [motion_next, motion_previous] = motion;
        let [hidden_next, hidden_previous] = hidden;
        GuideFrame {
            color: Some((color.clone(), Certainty::Exact)),
            depth_m: exact(depth),
            world_normal: exact(normals),
            object_id: exact(ids),
            motion_next_px: exact(motion_next),
            motion_previous_px: exact(motion_previous),
            occlusion: exact(hidden_next),
            occlusion_previous: exact(hidden_previous),
            ..GuideFrame::default()
        }
    }
}

trait ToArray {
    fn as_vec3_array(&self) -> [f32; 3];
}

impl ToArray for DVec3 {
    fn as_vec3_array(&self) -> [f32; 3] {
        [self.x as f32, self.y as f32, self.z as f32]
    }
}

fn still<const X: i32, const Y: i32, const Z: i32>(_: f64) -> (DVec3, f64) {
    (DVec3::new(f64::from(X), f64::from(Y), f64::from(Z)) / 10.0, 0.0)
}

/// A yard: a ball rolls in and stops, a block turns, another stands; the camera trucks and pushes in, eased.
pub fn yard() -> Set {
    Set {
        lens: 1.3,
        pace: 1.0,
        camera: |f| {
            let (truck, push) = (eased(f, 2.0, 24.0), eased(f, 14.0, 40.0));
            let at = DVec3::new(-1.2 + 2.0 * truck, 1.7, 6.5 - 1.6 * push);
            (at, DVec3::new(-0.4 + 0.9 * truck, 0.7, 0.0))
        },
        solids: vec![
            Solid {
                name: "floor",
                shape: Shape::Floor,
                color: [0.42, 0.36, 0.3],
                path: still::<0, 0, 0>,
                grain_per_m: 1.5,
            },
            Solid {
                name: "ball",
                shape: Shape::Ball { radius_m: 0.8 },
                color: [0.75, 0.25, 0.18],
                path: |f| {
                    let gone = eased(f, 6.0, 26.0);
                    (DVec3::new(-2.6 + 2.4 * gone, 0.8, 0.6), -0.6 * gone)
                },
                grain_per_m: 2.0,
            },
            Solid {
                name: "crate",
                shape: Shape::Block {
                    half_m: DVec3::new(0.6, 0.9, 0.6),
                },
                color: [0.25, 0.45, 0.7],
                path: |f| (DVec3::new(1.7, 0.9, -0.6), 0.4 + 0.8 * eased(f, 10.0, 34.0)),
                grain_per_m: 2.0,
            },
            Solid {
                name: "wall",
                shape: Shape::Block {
                    half_m: DVec3::new(2.2, 1.1, 0.2),
                },
                color: [0.7, 0.68, 0.6],
                path: still::<-5, 11, -35>,
                grain_per_m: 1.5,
            },
        ],
    }
}

/// Another place: three balls, of which one goes round, and a camera that cranes down.
pub fn balls() -> Set {
    Set {
        lens: 1.1,
        pace: 1.0,
        camera: |f| {
            let down = eased(f, 0.0, 30.0);
            (
                DVec3::new(0.8 - 0.8 * down, 3.4 - 2.0 * down, 5.5),
                DVec3::new(0.2, 0.8, 0.0),
            )
        },
        solids: vec![
            Solid {
                name: "floor",
                shape: Shape::Floor,
                color: [0.3, 0.38, 0.3],
                path: still::<0, 0, 0>,
                grain_per_m: 1.5,
            },
            Solid {
                name: "large ball",
                shape: Shape::Ball { radius_m: 1.1 },
                color: [0.7, 0.6, 0.3],
                path: still::<18, 11, -12>,
                grain_per_m: 1.5,
            },
            Solid {
                name: "small ball",
                shape: Shape::Ball { radius_m: 0.5 },
                color: [0.3, 0.3, 0.7],
                path: |f| {
                    let turn = 3.0 * eased(f, 4.0, 36.0);
                    (
                        DVec3::new(1.6 * libm::cos(turn) - 0.6, 0.5, 1.2 * libm::sin(turn)),
                        turn,
                    )
                },
                grain_per_m: 2.5,
            },
            Solid {
                name: "far ball",
                shape: Shape::Ball { radius_m: 1.6 },
                color: [0.6, 0.62, 0.66],
                path: still::<-28, 16, -50>,
                grain_per_m: 1.0,
            },
        ],
    }
}

/// A floor under a camera that trucks without end and without change.
pub fn conveyor() -> Set {
    Set {
        lens: 1.3,
        pace: 1.0,
        camera: |f| {
            let x = 0.06 * f;
            (DVec3::new(x, 1.7, 5.0), DVec3::new(x, 0.3, 0.0))
        },
        solids: vec![Solid {
            name: "floor",
            shape: Shape::Floor,
            color: [0.42, 0.36, 0.3],
            path: still::<0, 0, 0>,
            grain_per_m: 1.5,
        }],
    }
}
