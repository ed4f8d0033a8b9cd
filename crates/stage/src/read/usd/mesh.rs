//! Meshes: polygons with what hangs on their points, corners and faces, made runs of triangles.

use std::collections::HashMap;

use openusd::usd::Prim;

use super::polygon;
use super::values::{self, Measures, Sampled};
use crate::read::ReadError;
use crate::read::budget::Context;
use crate::read::surface;
use crate::scene::Primitive;
use crate::track::{Interpolation, Track};

/// What a list of values has one of for each.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Each {
    Mesh,
    Face,
    Point,
    Corner,
}

/// A list of values over a mesh.
struct Spread<T> {
    values: Vec<T>,
    places: Option<Vec<i64>>,
    each: Each,
}

impl<T: Copy> Spread<T> {
    fn at(&self, face: usize, point: usize, corner: usize) -> Option<T> {
        let i = match self.each {
            Each::Mesh => 0,
            Each::Face => face,
            Each::Point => point,
            Each::Corner => corner,
        };
        let i = match &self.places {
            Some(places) => usize::try_from(*places.get(i)?).ok()?,
            None => i,
        };
        self.values.get(i).copied()
    }

    fn count(&self) -> usize {
        self.places.as_ref().map_or(self.values.len(), Vec::len)
    }
}

/// A surface of polygons.
#[derive(Default)]
pub(super) struct Surface {
    /// Its points in the prim's space.
    pub points: Vec<[f32; 3]>,
    /// The same over time, where they move.
    pub moving: Vec<(f64, Vec<[f32; 3]>)>,
    /// Corners of each face.
    pub counts: Vec<usize>,
    /// The point of each corner, face after face.
    pub corners: Vec<usize>,
    /// Whether the front is where the corners go clockwise.
    pub left_handed: bool,
    /// Whether normals are made where it has none.
    pub smooth: bool,
    holes: Vec<usize>,
    normals: Option<Spread<[f32; 3]>>,
    uvs: Option<Spread<[f32; 2]>>,
    colors: Option<Spread<[f32; 3]>>,
    opacities: Option<Spread<f32>>,
}

/// A run of triangles, and the point that each vertex comes from.
pub(super) struct Part {
    pub primitive: Primitive,
    pub sources: Vec<usize>,
}

impl Surface {
    /// Polygons and nothing else.
    pub fn of_polygons(points: Vec<[f32; 3]>, counts: Vec<usize>, corners: Vec<usize>) -> Self {
        Self {
            points,
            counts,
            corners,
            ..Self::default()
        }
    }

    /// The surface of a Mesh prim. `uv_name` is the list of texture coordinates that its material asks for.
    pub fn of(
        prim: &Prim,
        uv_name: Option<&str>,
        measures: &Measures,
        context: &mut Context<'_>,
    ) -> Result<Self, ReadError> {
        let path = prim.path().as_str().to_owned();
        let mut surface = Self::default();
        surface.topology(prim, &path, measures, context)?;
        surface.spreads(prim, &path, uv_name, measures, context)?;
        Ok(surface)
    }

    fn topology(
        &mut self,
        prim: &Prim,
        path: &str,
        measures: &Measures,
        context: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        for name in ["faceVertexCounts", "faceVertexIndices"] {
            let sampled = Sampled::of(prim, name, measures, context)?;
            if sampled.moves() {
                context.warn(
                    path,
                    "its polygons change over time; those of its first moment are shown throughout",
                );
            }
            let list = sampled
                .first()
                .as_ref()
                .and_then(values::integers)
                .unwrap_or_default();
            let list: Option<Vec<usize>> = list.iter().map(|v| usize::try_from(*v).ok()).collect();
            let Some(list) = list else {
                return Err(context.damaged(format!("{path} has a negative number in {name}")));
            };
            if name == "faceVertexCounts" {
                self.counts = list;
            } else {
                self.corners = list;
            }
        }
        let sampled = Sampled::of(prim, "points", measures, context)?;
        let mut moving: Vec<(f64, Vec<[f32; 3]>)> = Vec::new();
        if sampled.moves() {
            for (time, value) in &sampled.keys {
                if let Some(points) = values::triples(value) {
                    context.key_values(points.len() as u64 * 3)?;
                    moving.push((*time, points));
                }
            }
        }
        self.points = sampled
            .first()
            .as_ref()
            .and_then(values::triples)
            .unwrap_or_default();
        let count = self.points.len();
        let before = moving.len();
        moving.retain(|(_, points)| points.len() == count);
        if moving.len() < before {
            context.warn(
                path,
                "it has other numbers of points at other times; those moments are left out",
            );
        }
        self.moving = if moving.len() > 1 { moving } else { Vec::new() };
        context.vertices(count as u64)?;
        let all = self.moving.iter().map(|(_, points)| points).chain([&self.points]);
        if all.flatten().flatten().any(|v| !v.is_finite()) {
            return Err(context.not_finite(path, "a point"));
        }
        let mut needed = 0_usize;
        for &count in &self.counts {
            needed = needed.saturating_add(count);
        }
        if needed > self.corners.len() {
            return Err(context.damaged(format!(
                "{path} has {} corners, and its faces need {needed}",
                self.corners.len()
            )));
        }
        if let Some(wrong) = self.corners.iter().find(|&&p| p >= count) {
            return Err(context.damaged(format!(
                "{path} has a corner at point {wrong}, and {count} points"
            )));
        }
        let holes = values::fixed(prim, "holeIndices", measures, context)?;
        let holes = holes.as_ref().and_then(values::integers).unwrap_or_default();
        self.holes = holes.iter().filter_map(|h| usize::try_from(*h).ok()).collect();
        self.holes.sort_unstable();
        let orientation = values::fixed(prim, "orientation", measures, context)?;
        self.left_handed = orientation.as_ref().and_then(values::text).as_deref() == Some("leftHanded");
        let scheme = values::fixed(prim, "subdivisionScheme", measures, context)?;
        let scheme = scheme
            .as_ref()
            .and_then(values::text)
            .unwrap_or_else(|| "catmullClark".into());
        if scheme != "none" {
            context.warn(
                path,
                format!("its subdivision ({scheme}) is not carried; its cage is shown, smoothly lit (subdivide it before export to see the surface)"),
            );
            self.smooth = true;
        }
        Ok(())
    }

    fn spreads(
        &mut self,
        prim: &Prim,
        path: &str,
        uv_name: Option<&str>,
        measures: &Measures,
        context: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let mut found = None;
        for name in ["primvars:normals", "normals"] {
            found = self.spread(prim, name, path, values::triples, measures, context)?;
            if found.is_some() {
                break;
            }
        }
        self.normals = found;
        let name = format!("primvars:{}", uv_name.unwrap_or("st"));
        self.uvs = self.spread(prim, &name, path, values::pairs, measures, context)?;
        self.colors = self.spread(
            prim,
            "primvars:displayColor",
            path,
            values::triples,
            measures,
            context,
        )?;
        self.opacities = self.spread(
            prim,
            "primvars:displayOpacity",
            path,
            values::numbers,
            measures,
            context,
        )?;
        Ok(())
    }

    /// A list of values; a warning and none where it does not fit the mesh.
    fn spread<T: Copy>(
        &self,
        prim: &Prim,
        name: &str,
        path: &str,
        take: impl Fn(&openusd::sdf::Value) -> Option<Vec<T>>,
        measures: &Measures,
        context: &mut Context<'_>,
    ) -> Result<Option<Spread<T>>, ReadError> {
        let Some(list) = values::fixed(prim, name, measures, context)?
            .as_ref()
            .and_then(take)
        else {
            return Ok(None);
        };
        let places = values::fixed(prim, &format!("{name}:indices"), measures, context)?;
        let mut spread = Spread {
            values: list,
            places: places.as_ref().and_then(values::integers),
            each: Each::Mesh,
        };
        // Normals without a word on it lie on points, primvars on the whole mesh.
        let plain = if name == "normals" { "vertex" } else { "constant" };
        let how = values::interpolation(prim, name).unwrap_or_else(|| plain.into());
        let (each, wanted) = match how.as_str() {
            "uniform" => (Each::Face, self.counts.len()),
            "vertex" | "varying" => (Each::Point, self.points.len()),
            "faceVarying" => (Each::Corner, self.corners.len()),
            _ => (Each::Mesh, 1),
        };
        spread.each = each;
        if spread.count() < wanted {
            context.warn(
                path,
                format!(
                    "its {name} has {} values where {wanted} are needed ({how}); it is left out",
                    spread.count()
                ),
            );
            return Ok(None);
        }
        Ok(Some(spread))
    }

    /// Whether it has colours of its own.
    pub fn has_colors(&self) -> bool {
        self.colors.is_some() || self.opacities.is_some()
    }

    /// Whether some of it can be seen through.
    pub fn has_opacity(&self) -> bool {
        self.opacities
            .as_ref()
            .is_some_and(|o| o.values.iter().any(|v| *v < 1.0))
    }

    /// The faces in runs, one for each group: `groups[face]` is a group's number, or above all for none. `colored` says
    /// of each group whether the surface's own colours count.
    pub fn parts(
        &self,
        groups: &[usize],
        colored: &[bool],
        path: &str,
        context: &mut Context<'_>,
    ) -> Result<Vec<Part>, ReadError> {
        let mut builders: Vec<Builder> = colored.iter().map(|c| Builder::new(self, *c)).collect();
        let (mut at, mut cut, mut polygon) = (0_usize, Vec::new(), Vec::new());
        let mut edges = 0_usize;
        for (face, &count) in self.counts.iter().enumerate() {
            let start = at;
            at += count;
            if count < 3 {
                edges += 1;
                continue;
            }
            if self.holes.binary_search(&face).is_ok() {
                continue;
            }
            let Some(builder) = groups.get(face).and_then(|g| builders.get_mut(*g)) else {
                continue;
            };
            context.triangles(count as u64 - 2)?;
            polygon.clear();
            polygon.extend(self.corners[start..at].iter().map(|&p| self.points[p]));
            cut.clear();
            polygon::triangles(&polygon, &mut cut);
            for triangle in &cut {
                let mut vertices = triangle.map(|corner| builder.vertex(self, face, start + corner));
                if self.left_handed {
                    vertices.swap(1, 2);
                }
                builder.triangles.push(vertices);
            }
        }
        if edges > 0 {
            context.warn(
                path,
                format!("{edges} of its faces have fewer than three corners and are left out"),
            );
        }
        let mut parts = Vec::with_capacity(builders.len());
        for builder in builders {
            // Points that stand for several vertices are counted for what they are.
            let more = builder.sources.len().saturating_sub(self.points.len());
            context.vertices(more as u64)?;
            parts.push(builder.finish(self, path, context)?);
        }
        Ok(parts)
    }
}

/// What makes a vertex another: its point, and the bits of all that hangs on the corner.
type Key = (usize, [u32; 9]);

struct Builder {
    by_point: Vec<u32>,
    by_corner: HashMap<Key, u32>,
    split: bool,
    colored: bool,
    sources: Vec<usize>,
    normals: Vec<[f32; 3]>,
    uvs: Vec<[f32; 2]>,
    colors: Vec<[f32; 4]>,
    triangles: Vec<[u32; 3]>,
}

impl Builder {
    fn new(surface: &Surface, colored: bool) -> Self {
        fn cuts<T>(spread: &Option<Spread<T>>) -> bool {
            spread
                .as_ref()
                .is_some_and(|s| matches!(s.each, Each::Face | Each::Corner))
        }
        let split = cuts(&surface.normals)
            || cuts(&surface.uvs)
            || colored && (cuts(&surface.colors) || cuts(&surface.opacities));
        Self {
            by_point: if split {
                Vec::new()
            } else {
                vec![u32::MAX; surface.points.len()]
            },
            by_corner: HashMap::new(),
            split,
            colored: colored && surface.has_colors(),
            sources: Vec::new(),
            normals: Vec::new(),
            uvs: Vec::new(),
            colors: Vec::new(),
            triangles: Vec::new(),
        }
    }

    fn vertex(&mut self, surface: &Surface, face: usize, corner: usize) -> u32 {
        let point = surface.corners[corner];
        if !self.split && self.by_point[point] != u32::MAX {
            return self.by_point[point];
        }
        let normal = surface
            .normals
            .as_ref()
            .map(|s| s.at(face, point, corner).unwrap_or([0.0; 3]));
        let uv = surface
            .uvs
            .as_ref()
            .map(|s| s.at(face, point, corner).unwrap_or([0.0; 2]));
        let color = self.colored.then(|| {
            let rgb = surface
                .colors
                .as_ref()
                .and_then(|s| s.at(face, point, corner))
                .unwrap_or([1.0; 3]);
            let alpha = surface
                .opacities
                .as_ref()
                .and_then(|s| s.at(face, point, corner))
                .unwrap_or(1.0);
            [rgb[0], rgb[1], rgb[2], alpha].map(|v| surface::sound(v, 1.0))
        });
        let next = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        if self.split {
            let (n, t, c) = (
                normal.unwrap_or_default(),
                uv.unwrap_or_default(),
                color.unwrap_or_default(),
            );
            let bits = [n[0], n[1], n[2], t[0], t[1], c[0], c[1], c[2], c[3]].map(f32::to_bits);
            match self.by_corner.entry((point, bits)) {
                std::collections::hash_map::Entry::Occupied(known) => return *known.get(),
                std::collections::hash_map::Entry::Vacant(new) => new.insert(next),
            };
        } else {
            self.by_point[point] = next;
        }
        self.sources.push(point);
        if let Some(n) = normal {
            self.normals.push(unit(n));
        }
        if let Some([u, v]) = uv {
            // USD counts v from the picture's lower edge.
            self.uvs
                .push([surface::sound(u, 0.0), 1.0 - surface::sound(v, 0.0)]);
        }
        if let Some(c) = color {
            self.colors.push(surface::rgba(c));
        }
        next
    }

    fn finish(self, surface: &Surface, path: &str, context: &mut Context<'_>) -> Result<Part, ReadError> {
        let placed =
            |points: &[[f32; 3]]| -> Vec<[f32; 3]> { self.sources.iter().map(|&p| points[p]).collect() };
        let positions = placed(&surface.points);
        let mut moving = None;
        if !surface.moving.is_empty() {
            context.key_values((self.sources.len() * surface.moving.len()) as u64 * 3)?;
            let (times, values) = surface.moving.iter().map(|(t, p)| (*t, placed(p))).unzip();
            let track = Track::keys(times, values, Interpolation::Linear);
            moving = Some(track.map_err(|e| context.damaged(format!("{path}: {e}")))?);
        }
        let normals = if self.normals.is_empty() && surface.smooth {
            smooth_normals(surface, &self.sources, &self.triangles)
        } else {
            self.normals
        };
        Ok(Part {
            primitive: Primitive {
                positions,
                normals,
                uvs: self.uvs,
                colors: self.colors,
                triangles: self.triangles,
                moving,
                ..Primitive::default()
            },
            sources: self.sources,
        })
    }
}

/// At each point the mean of its triangles' normals, each counted by its area.
fn smooth_normals(surface: &Surface, sources: &[usize], triangles: &[[u32; 3]]) -> Vec<[f32; 3]> {
    let mut sums = vec![[0.0_f32; 3]; surface.points.len()];
    for triangle in triangles {
        let points = triangle.map(|v| sources[v as usize]);
        let [a, b, c] = points.map(|p| surface.points[p]);
        let (u, v) = ([0, 1, 2].map(|i| b[i] - a[i]), [0, 1, 2].map(|i| c[i] - a[i]));
        let cross = [
            u[1] * v[2] - u[2] * v[1],
            u[2] * v[0] - u[0] * v[2],
            u[0] * v[1] - u[1] * v[0],
        ];
        for p in points {
            for i in 0..3 {
                sums[p][i] += cross[i];
            }
        }
    }
    sources.iter().map(|&p| unit(sums[p])).collect()
}

fn unit(n: [f32; 3]) -> [f32; 3] {
    let length = (n[0] * n[0] + n[1] * n[1] + n[2] * n[2]).sqrt();
    if length.is_finite() && length > 1e-20 {
        n.map(|v| v / length)
    } else {
        [0.0, 1.0, 0.0]
    }
}
