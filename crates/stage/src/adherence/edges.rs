//! A picture's edges, strongest first.
//!
//! Slopes of lightness and two opponent colours at two widths are put together in one structure tensor (Di Zenzo, "A
//! note on the gradient of a multi-image", 1986); its larger eigenvalue is an edge's strength, its eigenvector the
//! way across. Texture is held down by its own surroundings (Grigorescu, Petkov, Westenberg, "Contour detection based
//! on nonclassical receptive field inhibition", IEEE TIP 2003): a line that stands alone is an outline, one among
//! many is grain. Then each edge is thinned to its crest (Canny 1986).

use heirloom_picture::Image;

use super::motion::box_mean;

/// Widths of the Gaussians, in working pixels.
const WIDTHS: [f64; 2] = [1.2, 2.8];
/// Nearest and farthest surroundings that hold an edge down, in pixels (half sides of squares).
const NEAR: usize = 3;
const FAR: usize = 9;
/// How strongly.
const INHIBITION: f32 = 1.0;
/// Pixels along the frame's border that are left out: filters look beyond it there.
pub(super) const MARGIN: usize = 3;

/// One pixel of an edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edge {
    pub x: u16,
    pub y: u16,
    pub strength: f32,
}

/// All edge pixels, the strongest first.
pub(super) fn find(image: &Image) -> Vec<Edge> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    if width <= 2 * MARGIN || height <= 2 * MARGIN {
        return Vec::new();
    }
    let tensor = tensor(image);
    let mut strength = vec![0.0f32; width * height];
    let mut across = vec![[0.0f32; 2]; width * height];
    for (i, [xx, xy, yy]) in tensor.iter().copied().enumerate() {
        let (half, apart) = (0.5 * (xx + yy), 0.5 * (xx - yy));
        let larger = half + (apart * apart + xy * xy).sqrt();
        strength[i] = larger.sqrt();
        // Either row of the matrix gives the eigenvector; the longer one is the more exact.
        let (x, y) = if xx >= yy {
            (larger - yy, xy)
        } else {
            (xy, larger - xx)
        };
        let length = (x * x + y * y).sqrt();
        if length > 0.0 {
            across[i] = [x / length, y / length];
        }
    }
    let strength = without_texture(&strength, width, height);
    let mut edges = crests(&strength, &across, width, height);
    // Ties by place, so that the order is one and the same everywhere.
    edges.sort_by(|a, b| {
        b.strength
            .total_cmp(&a.strength)
            .then((a.y, a.x).cmp(&(b.y, b.x)))
    });
    edges
}

/// Lightness and two opponent colours, spaced about as the eye spaces them.
fn channels(image: &Image) -> [Vec<f32>; 3] {
    let mut planes: [Vec<f32>; 3] = std::array::from_fn(|_| Vec::with_capacity(image.pixels().len()));
    for p in image.pixels() {
        // A square root with a short toe; above display white it bends, so that a lamp does not outshine every edge.
        let [r, g, b] = [p[0], p[1], p[2]].map(|v| {
            let light = v.max(0.0);
            let root = (light + 0.003).sqrt() - 0.054_772;
            if root > 1.0 { 2.0 - 1.0 / root } else { root }
        });
        planes[0].push(0.3 * r + 0.6 * g + 0.1 * b);
        planes[1].push(0.7 * (r - g));
        planes[2].push(0.5 * (b - 0.5 * (r + g)));
    }
    planes
}

fn tensor(image: &Image) -> Vec<[f32; 3]> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mut tensor = vec![[0.0f32; 3]; width * height];
    for plane in channels(image) {
        for sigma in WIDTHS {
            let soft = blur(&plane, width, height, sigma);
            let scale = (sigma * sigma) as f32;
            for y in 1..height - 1 {
                for x in 1..width - 1 {
                    let i = y * width + x;
                    let gx = 0.5 * (soft[i + 1] - soft[i - 1]);
                    let gy = 0.5 * (soft[i + width] - soft[i - width]);
                    let [xx, xy, yy] = &mut tensor[i];
                    *xx += scale * gx * gx;
                    *xy += scale * gx * gy;
                    *yy += scale * gy * gy;
                }
            }
        }
    }
    tensor
}

/// Separable Gaussian; beyond the border the outermost values stand on.
pub(super) fn blur(values: &[f32], width: usize, height: usize, sigma: f64) -> Vec<f32> {
    let reach = (3.0 * sigma).ceil() as usize;
    let weights: Vec<f64> = (0..=reach)
        .map(|d| libm::exp(-0.5 * (d * d) as f64 / (sigma * sigma)))
        .collect();
    let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
    let weights: Vec<f32> = weights.iter().map(|w| (w / sum) as f32).collect();
    let mut across = vec![0.0f32; values.len()];
    let mut padded = vec![0.0f32; width + 2 * reach];
    for (out, row) in across.chunks_mut(width).zip(values.chunks(width)) {
        padded[..reach].fill(row[0]);
        padded[reach..reach + width].copy_from_slice(row);
        padded[reach + width..].fill(row[width - 1]);
        for (out, v) in out.iter_mut().zip(&padded[reach..]) {
            *out = weights[0] * v;
        }
        for (d, weight) in weights.iter().enumerate().skip(1) {
            let (before, after) = (&padded[reach - d..], &padded[reach + d..]);
            for ((out, a), b) in out.iter_mut().zip(before).zip(after) {
                *out += weight * (a + b);
            }
        }
    }
    let mut down = vec![0.0f32; values.len()];
    let row = |y: usize| &across[y * width..(y + 1) * width];
    for (y, out) in down.chunks_mut(width).enumerate() {
        for (out, v) in out.iter_mut().zip(row(y)) {
            *out = weights[0] * v;
        }
        for (d, weight) in weights.iter().enumerate().skip(1) {
            let (above, below) = (row(y.saturating_sub(d)), row((y + d).min(height - 1)));
            for ((out, a), b) in out.iter_mut().zip(above).zip(below) {
                *out += weight * (a + b);
            }
        }
    }
    down
}

fn without_texture(strength: &[f32], width: usize, height: usize) -> Vec<f32> {
    let near = box_mean(strength, width, height, NEAR);
    let far = box_mean(strength, width, height, FAR);
    let area = |reach: usize| ((2 * reach + 1) * (2 * reach + 1)) as f32;
    let (inner, outer) = (area(NEAR), area(FAR));
    let ring = |i: usize| ((outer * far[i] - inner * near[i]) / (outer - inner)).max(0.0);
    (0..strength.len())
        .map(|i| (strength[i] - INHIBITION * ring(i)).max(0.0))
        .collect()
}

/// Pixels that are stronger than both neighbours across the edge.
fn crests(strength: &[f32], across: &[[f32; 2]], width: usize, height: usize) -> Vec<Edge> {
    let mut edges = Vec::new();
    let between = |x: f32, y: f32| {
        let (left, top) = (x as usize, y as usize);
        let (fx, fy) = (x - left as f32, y - top as f32);
        let at = |x: usize, y: usize| strength[y * width + x];
        let above = at(left, top) + (at(left + 1, top) - at(left, top)) * fx;
        let below = at(left, top + 1) + (at(left + 1, top + 1) - at(left, top + 1)) * fx;
        above + (below - above) * fy
    };
    for y in MARGIN..height - MARGIN {
        for x in MARGIN..width - MARGIN {
            let (own, [ax, ay]) = (strength[y * width + x], across[y * width + x]);
            if own > 0.0
                && own > between(x as f32 + ax, y as f32 + ay)
                && own >= between(x as f32 - ax, y as f32 - ay)
            {
                edges.push(Edge {
                    x: x as u16,
                    y: y as u16,
                    strength: own,
                });
            }
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(f: impl Fn(usize, usize) -> [f32; 3]) -> Image {
        let pixels = (0..64 * 48).map(|i| {
            let [r, g, b] = f(i % 64, i / 64);
            [r, g, b, 1.0]
        });
        Image::from_pixels(64, 48, pixels.collect()).unwrap()
    }

    #[test]
    fn a_step_is_one_line_where_it_is() {
        for colors in [[[0.1; 3], [0.6; 3]], [[0.5, 0.2, 0.2], [0.2, 0.32, 0.2]]] {
            let edges = find(&picture(|x, _| colors[usize::from(x >= 30)]));
            let strong: Vec<_> = edges
                .iter()
                .filter(|e| e.strength > 0.5 * edges[0].strength)
                .collect();
            assert_eq!(strong.len(), 48 - 2 * MARGIN);
            assert!(strong.iter().all(|e| (29..=30).contains(&e.x)));
        }
    }

    #[test]
    fn an_outline_comes_before_grain() {
        // Grain of twice the contrast of a step beside it, all over the left half.
        let grain = |x: usize, y: usize| ((x * 7919 + y * 104_729 + x * y * 31) % 97) as f32 / 97.0;
        let edges = find(&picture(|x, y| match x {
            0..30 => [0.2 + 0.3 * grain(x, y); 3],
            30..50 => [0.35; 3],
            _ => [0.55; 3],
        }));
        let first = &edges[..40];
        let on_step = first.iter().filter(|e| (48..52).contains(&e.x)).count();
        assert!(on_step >= 34, "{on_step} of 40");
        assert!(find(&Image::new(4, 4)).is_empty());
        assert!(find(&picture(|_, _| [0.3; 3])).is_empty());
    }
}
