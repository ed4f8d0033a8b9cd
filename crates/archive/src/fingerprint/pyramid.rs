//! A picture blurred in steps.

/// Light, row by row.
#[derive(Clone, Debug)]
pub(crate) struct Plane {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

/// Steps in which the blur doubles.
pub(crate) const STEPS: usize = 3;
/// The least blur of a plane's own pixels, as a radius.
pub(crate) const FIRST: f32 = 1.6;

/// One halving of the picture: planes whose blur grows by the third root of 2.
#[derive(Debug)]
pub(crate) struct Octave {
    /// Pixels of the thumbnail in one of these.
    pub scale: f32,
    pub planes: Vec<Plane>,
}

impl Plane {
    /// The value between four pixels; beyond the border, the border's.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let (x, y) = (
            x.clamp(0.0, (self.width - 1) as f32),
            y.clamp(0.0, (self.height - 1) as f32),
        );
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let (fx, fy) = (x - left as f32, y - top as f32);
        let v = |x: usize, y: usize| self.values[y * self.width + x];
        let upper = v(left, top) + (v(right, top) - v(left, top)) * fx;
        let lower = v(left, bottom) + (v(right, bottom) - v(left, bottom)) * fx;
        upper + (lower - upper) * fy
    }

    /// Means over the parts of a `columns` x `rows` grid, with shares of the pixels on its lines.
    pub fn shrunk(&self, columns: usize, rows: usize) -> Vec<f32> {
        let across = shares(self.width, columns);
        let down = shares(self.height, rows);
        let mut narrow = vec![0.0_f32; columns * self.height];
        for (row, out) in self
            .values
            .chunks_exact(self.width)
            .zip(narrow.chunks_exact_mut(columns))
        {
            for ((from, weights), out) in across.iter().zip(out) {
                *out = row[*from..].iter().zip(weights).map(|(v, w)| v * w).sum();
            }
        }
        let mut out = vec![0.0_f32; columns * rows];
        for ((from, weights), out) in down.iter().zip(out.chunks_exact_mut(columns)) {
            for (row, weight) in narrow[from * columns..].chunks_exact(columns).zip(weights) {
                for (o, v) in out.iter_mut().zip(row) {
                    *o += v * weight;
                }
            }
        }
        out
    }

    /// Blurred by a Gaussian of this radius; beyond the border, the border's.
    pub fn blurred(&self, radius: f32) -> Self {
        let reach = libm::ceilf(radius * 3.0) as usize;
        let mut kernel: Vec<f32> = (0..=2 * reach)
            .map(|i| {
                let d = i as f32 - reach as f32;
                libm::expf(-d * d / (2.0 * radius * radius))
            })
            .collect();
        let sum: f32 = kernel.iter().sum();
        kernel.iter_mut().for_each(|k| *k /= sum);
        let (w, h) = (self.width, self.height);
        let mut across = vec![0.0_f32; w * h];
        let mut padded = vec![0.0_f32; w + 2 * reach];
        for (row, out) in self.values.chunks_exact(w).zip(across.chunks_exact_mut(w)) {
            padded[..reach].fill(row[0]);
            padded[reach..reach + w].copy_from_slice(row);
            padded[reach + w..].fill(row[w - 1]);
            for (n, taps) in kernel.chunks(TAPS).enumerate() {
                add(out, taps, |i| &padded[n * TAPS + i..][..w]);
            }
        }
        let mut values = vec![0.0_f32; w * h];
        for (y, out) in values.chunks_exact_mut(w).enumerate() {
            for (n, taps) in kernel.chunks(TAPS).enumerate() {
                add(out, taps, |i| {
                    let from = (y + n * TAPS + i).saturating_sub(reach).min(h - 1);
                    &across[from * w..][..w]
                });
            }
        }
        Self {
            width: w,
            height: h,
            values,
        }
    }

    /// Every other pixel.
    fn halved(&self) -> Self {
        let values = self
            .values
            .chunks_exact(self.width)
            .step_by(2)
            .flat_map(|row| row.iter().step_by(2).copied())
            .collect();
        Self {
            width: self.width.div_ceil(2),
            height: self.height.div_ceil(2),
            values,
        }
    }
}

/// Taps of a kernel that are added in one go, so that what they add to is read and written once for all of them.
const TAPS: usize = 4;

/// Adds what these taps (at most [`TAPS`]) take of the rows that `row` gives, in the order of the taps.
fn add<'a>(out: &mut [f32], taps: &[f32], row: impl Fn(usize) -> &'a [f32]) {
    if let &[a, b, c, d] = taps {
        let rows = row(0).iter().zip(row(1)).zip(row(2).iter().zip(row(3)));
        for (o, ((va, vb), (vc, vd))) in out.iter_mut().zip(rows) {
            *o = *o + va * a + vb * b + vc * c + vd * d;
        }
        return;
    }
    for (i, k) in taps.iter().enumerate() {
        for (o, v) in out.iter_mut().zip(row(i)) {
            *o += v * k;
        }
    }
}

/// For each of `parts` equal parts of `len` pixels: the first pixel, and the weights from there on.
fn shares(len: usize, parts: usize) -> Vec<(usize, Vec<f32>)> {
    let step = len as f32 / parts as f32;
    (0..parts)
        .map(|part| {
            let (from, to) = (part as f32 * step, (part + 1) as f32 * step);
            let (first, last) = (
                (from as usize).min(len - 1),
                (libm::ceilf(to) as usize).clamp(1, len),
            );
            let mut weights: Vec<f32> = (first..last.max(first + 1))
                .map(|x| (to.min(x as f32 + 1.0) - from.max(x as f32)).max(0.0))
                .collect();
            let sum: f32 = weights.iter().sum();
            if sum > 0.0 {
                weights.iter_mut().for_each(|w| *w /= sum);
            } else {
                weights[0] = 1.0;
            }
            (first, weights)
        })
        .collect()
}

/// The picture at ever smaller sizes, while there are 16 pixels on the shorter side.
pub(crate) fn octaves(plane: &Plane) -> Vec<Octave> {
    let mut octaves = Vec::new();
    // A thumbnail that was scaled down has a blur of about half a pixel.
    let mut first = plane.blurred(libm::sqrtf(FIRST * FIRST - 0.25));
    let mut scale = 1.0;
    while first.width.min(first.height) >= 16 {
        let mut planes = vec![first];
        let mut radius = FIRST;
        for _ in 0..STEPS + 2 {
            let next = radius * libm::cbrtf(2.0);
            let more = libm::sqrtf(next * next - radius * radius);
            if let Some(last) = planes.last() {
                planes.push(last.blurred(more));
            }
            radius = next;
        }
        first = planes[STEPS].halved();
        octaves.push(Octave { scale, planes });
        scale *= 2.0;
    }
    octaves
}
