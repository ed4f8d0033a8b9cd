//! The colour of a surface: its own colour under the lamps, or the light it gives off.

use glam::DVec2;

use super::lamps::Lamps;
use super::shadow::Shadows;
use super::texture::{Pyramid, transformed};
use crate::raster::PICTURE;
use crate::raster::tile::Sieve;
use crate::render::still::{Set, Still};
use crate::render::surface::{Facet, Hit};
use crate::scene::AlphaMode;
use crate::vector::{along, narrow, rows, scale, times};

/// Everything a frame's colour rests on.
#[derive(Debug)]
pub(crate) struct Paint<'a> {
    pub set: &'a Set<'a>,
    pub still: &'a Still<'a>,
    pub pyramids: &'a [Pyramid],
    pub lamps: &'a Lamps,
    pub shadows: &'a Shadows,
    /// What lit surfaces and the sky are multiplied by.
    pub exposure: f32,
    /// Only lit surfaces are painted; the rest stays transparent. For finding the exposure.
    pub probe: bool,
    /// World from camera, rows, rotation only.
    pub turn: [[f32; 3]; 3],
}

impl Paint<'_> {
    /// Colour (opaque) of a place on a facet, seen through `pixel`.
    #[inline(always)]
    pub fn surface(&self, facet: &Facet, hit: &Hit, normal: [f32; 3], pixel: DVec2) -> [f32; 4] {
        let material = &self.set.looks[facet.instance].material;
        let mut base = [
            material.base_color[0],
            material.base_color[1],
            material.base_color[2],
        ];
        let p = self.set.primitives[facet.instance];
        if !p.colors.is_empty() {
            let color = mixed(&p.colors, facet, hit);
            for c in 0..3 {
                base[c] *= color[c];
            }
        }
        if material.base_texture.is_some()
            && let Some(color) = self.texel(facet, hit, pixel)
        {
            let by = if color[3] > 1e-6 { 1.0 / color[3] } else { 0.0 };
            for c in 0..3 {
                base[c] *= color[c] * by;
            }
        }
        if !material.lit {
            let alpha = if self.probe { 0.0 } else { 1.0 };
            return [base[0] * alpha, base[1] * alpha, base[2] * alpha, alpha];
        }
        let at = rows(&self.turn, narrow(hit.camera));
        let light = self.lamps.on(at, normal, self.shadows);
        let glow = if self.probe { 0.0 } else { 1.0 };
        let lit = scale(times(base, light), self.exposure);
        let [r, g, b] = along(lit, material.emission, glow);
        [r, g, b, 1.0]
    }

    /// The colour of what is seen of the sky through a pixel.
    pub fn sky(&self, pixel: DVec2) -> [f32; 4] {
        if self.probe {
            return [0.0; 4];
        }
        let (_, way) = self.still.view.ray(pixel);
        let way = self
            .still
            .view
            .world_from_camera
            .transform_vector3(way)
            .normalize();
        let [r, g, b] = self.lamps.sky.seen(way).map(|c| c * self.exposure);
        [r, g, b, 1.0]
    }

    /// The texture's colour (premultiplied) over a pixel.
    #[inline(never)]
    fn texel(&self, facet: &Facet, hit: &Hit, pixel: DVec2) -> Option<[f32; 4]> {
        let uv = coordinates(self.set, facet, hit)?;
        let texture = self.set.looks[facet.instance].material.base_texture?;
        let pyramid = self.pyramids.get(texture.texture)?;
        let beside = |dx: f64, dy: f64| {
            let (origin, way) = self.still.view.ray(pixel + DVec2::new(dx, dy));
            coordinates(self.set, facet, &facet.hit(origin, way))
        };
        let (x, y) = (beside(1.0, 0.0)?, beside(0.0, 1.0)?);
        let [w, h] = pyramid.size();
        let step = |to: [f32; 2]| [(to[0] - uv[0]) * w, (to[1] - uv[1]) * h];
        let ([ax, ay], [bx, by]) = (step(x), step(y));
        let area = (ax * by - ay * bx).abs();
        let longest = (ax * ax + ay * ay).max(bx * bx + by * by);
        // Seen at a slant a pixel is long on the picture: between its area, which would shimmer, and the square of its
        // length, which would blur.
        let area = (area * longest).sqrt();
        Some(pyramid.at(uv, area))
    }
}

/// Texture coordinates of a place, through its material's matrix.
fn coordinates(set: &Set<'_>, facet: &Facet, hit: &Hit) -> Option<[f32; 2]> {
    let texture = set.looks[facet.instance].material.base_texture.as_ref()?;
    let p = set.primitives[facet.instance];
    let [a, b, c] = facet.corners.map(|i| p.uvs.get(i as usize));
    let (a, b, c) = (a?, b?, c?);
    let (u, v) = (hit.u as f32, hit.v as f32);
    let uv = [0, 1].map(|i| a[i] + (b[i] - a[i]) * u + (c[i] - a[i]) * v);
    Some(transformed(texture, uv))
}

fn mixed(colors: &[[f32; 4]], facet: &Facet, hit: &Hit) -> [f32; 4] {
    let [Some(a), Some(b), Some(c)] = facet.corners.map(|i| colors.get(i as usize)) else {
        return [1.0; 4];
    };
    let (u, v) = (hit.u as f32, hit.v as f32);
    [0, 1, 2, 3].map(|i| a[i] + (b[i] - a[i]) * u + (c[i] - a[i]) * v)
}

/// Finds the samples of a see-through triangle that hold: by the alpha at each sample's own place.
///
/// Of what blends, as many samples hold as alpha says: each sample has its own threshold, the centre's is one half.
pub(crate) struct Holes<'a> {
    pub set: &'a Set<'a>,
    pub still: &'a Still<'a>,
    pub pyramids: &'a [Pyramid],
    pub facet: Facet,
    /// The tile's corner in pixels.
    pub corner: [i32; 2],
}

const THRESHOLDS: [f32; 8] = [
    0.5,
    1.0 / 16.0,
    11.0 / 16.0,
    5.0 / 16.0,
    15.0 / 16.0,
    3.0 / 16.0,
    13.0 / 16.0,
    7.0 / 16.0,
];

impl Sieve for Holes<'_> {
    const ASKED: bool = true;
    const NAMED: bool = true;

    fn keep(&mut self, column: i32, row: i32, covered: u8) -> u8 {
        let material = &self.set.looks[self.facet.instance].material;
        let p = self.set.primitives[self.facet.instance];
        let mut kept = 0;
        for (l, blended) in THRESHOLDS.into_iter().enumerate() {
            if covered >> l & 1 == 0 {
                continue;
            }
            let steps = f64::from(crate::raster::STEPS);
            let pixel = DVec2::new(
                f64::from(self.corner[0] + column) + f64::from(PICTURE.x[l]) / steps,
                f64::from(self.corner[1] + row) + f64::from(PICTURE.y[l]) / steps,
            );
            let (origin, way) = self.still.view.ray(pixel);
            let hit = self.facet.hit(origin, way);
            let mut alpha = material.base_color[3];
            if !p.colors.is_empty() {
                alpha *= mixed(&p.colors, &self.facet, &hit)[3];
            }
            if let Some(texture) = material.base_texture
                && let Some(pyramid) = self.pyramids.get(texture.texture)
                && let Some(uv) = coordinates(self.set, &self.facet, &hit)
            {
                alpha *= pyramid.at(uv, 1.0)[3];
            }
            let threshold = match material.alpha {
                AlphaMode::Opaque => f32::NEG_INFINITY,
                AlphaMode::Mask(least) => least,
                AlphaMode::Blend => blended,
            };
            if alpha >= threshold {
                kept |= 1 << l;
            }
        }
        kept
    }
}
