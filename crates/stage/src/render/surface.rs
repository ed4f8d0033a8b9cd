//! Where exactly a ray meets a triangle: the triangle as it is, before its vertices were snapped.

use glam::{DVec2, DVec3};

use super::still::{Set, Still};
use crate::pose::View;
use crate::vector::{columns, dot, narrow, scale, wide};

/// A triangle in front of a camera, made ready to be met by rays (Möller and Trumbore 1997, in f64 and relative to its
/// first vertex, so that small and distant triangles lose nothing).
#[derive(Debug, Clone)]
pub(crate) struct Facet {
    pub instance: usize,
    /// Its vertices in the primitive.
    pub corners: [u32; 3],
    /// Vertex 0 in the space of the primitive, and the ways from it to the other two.
    pub local: [DVec3; 3],
    v0: DVec3,
    e1: DVec3,
    e2: DVec3,
    /// Across it, in the camera's space; not of unit length.
    pub normal: DVec3,
    w1: DVec3,
    w2: DVec3,
}

/// A place on a facet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    /// Shares of the second and the third vertex.
    pub u: f64,
    pub v: f64,
    /// The place in the camera's space.
    pub camera: DVec3,
    /// Whether the ray itself misses: the place is then the nearest that there is.
    pub moved: bool,
    /// Whether the side is seen that the vertices' order calls the front; not yet turned for mirrored instances.
    pub front: bool,
}

/// How far outside a triangle a ray may meet its plane, in shares of a vertex: snapping moves edges by 1/512 of a pixel.
const SLACK: f64 = 0.25;

impl Facet {
    /// The triangle with this number.
    pub fn new(set: &Set<'_>, still: &Still<'_>, triangle: u32) -> Self {
        Self::of(set, still, set.cast.instance_of(triangle), triangle)
    }

    /// The same, where its instance is known.
    #[inline(always)]
    pub fn of(set: &Set<'_>, still: &Still<'_>, instance: usize, triangle: u32) -> Self {
        let first = set.cast.instances[instance].first_triangle;
        let corners = set.primitives[instance].triangles[(triangle - first) as usize];
        let positions = &still.posed.placed[instance].positions;
        let at = |i: u32| wide(positions[i as usize]);
        let l0 = at(corners[0]);
        let (l1, l2) = (at(corners[1]) - l0, at(corners[2]) - l0);
        let matrix = &still.places[instance].camera_from_local;
        let v0 = matrix.transform_point3(l0);
        let e1 = matrix.transform_vector3(l1);
        let e2 = matrix.transform_vector3(l2);
        let normal = e1.cross(e2);
        let by = 1.0 / normal.length_squared();
        Self {
            instance,
            corners,
            local: [l0, l1, l2],
            v0,
            e1,
            e2,
            normal,
            w1: e2.cross(normal) * by,
            w2: normal.cross(e1) * by,
        }
    }

    /// Where a ray meets it; see [`View::ray`].
    #[inline(always)]
    pub fn hit(&self, origin: DVec3, way: DVec3) -> Hit {
        let det = way.dot(self.normal);
        let t = (self.v0 - origin).dot(self.normal) / det;
        let camera = origin + way * t;
        let q = camera - self.v0;
        let (u, v) = (q.dot(self.w1), q.dot(self.w2));
        let out = (-u).max(-v).max(u + v - 1.0);
        // Seen nearly edge-on, a hair's breadth outside may be far away.
        let grazing = det * det < 1e-4 * self.normal.length_squared() * way.length_squared();
        let mut hit = Hit {
            u,
            v,
            camera,
            moved: false,
            front: det < 0.0,
        };
        // Written so that what is no number goes the safe way.
        let sound = out <= 1e-3 || (out <= SLACK && !grazing);
        if !sound {
            hit = self.nearest(hit, origin, way);
        }
        hit
    }

    /// The place on the triangle that a ray passes closest by, roughly; for rays that miss by rounding.
    #[cold]
    fn nearest(&self, mut hit: Hit, origin: DVec3, way: DVec3) -> Hit {
        if hit.u.is_finite() && hit.v.is_finite() && hit.u.abs().max(hit.v.abs()) < 4.0 {
            let (u, v) = (hit.u.max(0.0), hit.v.max(0.0));
            let sum = (u + v).max(1.0);
            (hit.u, hit.v) = (u / sum, v / sum);
        } else {
            // No plane to speak of: the vertex, or the middle of an edge or of all, that is nearest the ray.
            let third = 1.0 / 3.0;
            let tries = [
                (third, third),
                (0.5, 0.0),
                (0.0, 0.5),
                (0.5, 0.5),
                (0.0, 0.0),
                (1.0, 0.0),
                (0.0, 1.0),
            ];
            let mut best = f64::INFINITY;
            for (u, v) in tries {
                let p = self.at(u, v);
                let off = p - origin - way * -(p.z - origin.z);
                if off.length_squared() < best {
                    best = off.length_squared();
                    (hit.u, hit.v) = (u, v);
                }
            }
        }
        hit.camera = self.at(hit.u, hit.v);
        hit.moved = true;
        hit
    }

    /// A place in the camera's space.
    #[inline(always)]
    pub fn at(&self, u: f64, v: f64) -> DVec3 {
        self.v0 + self.e1 * u + self.e2 * v
    }

    /// A place in the primitive's space.
    #[inline(always)]
    pub fn local_at(&self, u: f64, v: f64) -> DVec3 {
        self.local[0] + self.local[1] * u + self.local[2] * v
    }

    /// Depth of its plane along a ray, and whether the ray goes through the triangle itself.
    pub fn depth(&self, origin: DVec3, way: DVec3) -> (f64, bool) {
        let t = (self.v0 - origin).dot(self.normal) / way.dot(self.normal);
        let q = origin + way * t - self.v0;
        let (u, v) = (q.dot(self.w1), q.dot(self.w2));
        (t, u >= -1e-6 && v >= -1e-6 && u + v <= 1.0 + 1e-6)
    }

    /// The unit normal in the world of a place, on the side that is seen.
    #[inline(always)]
    pub fn world_normal(&self, still: &Still<'_>, hit: &Hit) -> [f32; 3] {
        let place = &still.places[self.instance];
        let normals = &still.posed.placed[self.instance].normals;
        let front = hit.front != place.mirrored;
        if !normals.is_empty() {
            let at = |c: usize| normals[self.corners[c] as usize];
            let (a, b, c) = (at(0), at(1), at(2));
            let (u, v) = (hit.u as f32, hit.v as f32);
            let w = 1.0 - u - v;
            let n = [
                a[0] * w + b[0] * u + c[0] * v,
                a[1] * w + b[1] * u + c[1] * v,
                a[2] * w + b[2] * u + c[2] * v,
            ];
            let world = columns(&place.normals, n);
            let square = dot(world, world);
            if square > 1e-20 && square < f32::INFINITY {
                return scale(world, if front { 1.0 } else { -1.0 } / square.sqrt());
            }
        }
        // Flat, or without a normal that is one: the triangle's own, towards the camera.
        let out = if hit.front { self.normal } else { -self.normal };
        let world = still.view.world_from_camera.transform_vector3(out);
        narrow(world.normalize_or(DVec3::Z))
    }
}

/// Where the point at infinity behind a pixel stands in another view's picture; none where it is behind that camera.
pub(crate) fn far_point(from: &View, to: &View, pixel: DVec2) -> Option<DVec2> {
    let (_, way) = from.ray(pixel);
    let world = from.world_from_camera.transform_vector3(way);
    let there = to.camera_from_world.transform_vector3(world);
    match to.projection {
        crate::pose::Projection::Perspective { .. } => to.project_camera(there).map(|p| p.0),
        // Rays are parallel: a pixel stays itself.
        crate::pose::Projection::Orthographic { .. } => Some(pixel),
    }
}
