//! Cutting a picture into patches of one surface each, and blowing a patch up into a body.

use core::cmp::Ordering;

use glam::DVec3;

/// A small picture to be cut: logarithm of luminance, and two of chroma, for each pixel.
pub(super) struct Tones {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<[f64; 3]>,
}

/// Patches: the number of each pixel's patch, from 0, and how many there are.
pub(super) struct Patches {
    pub(super) of: Vec<usize>,
    pub(super) count: usize,
}

/// Trees of joined pixels, by the smallest index of each.
struct Joined {
    parent: Vec<usize>,
    size: Vec<usize>,
    /// The largest step inside.
    inside: Vec<f64>,
}

impl Joined {
    fn root(&mut self, mut i: usize) -> usize {
        while self.parent[i] != i {
            self.parent[i] = self.parent[self.parent[i]];
            i = self.parent[i];
        }
        i
    }

    fn join(&mut self, a: usize, b: usize, step: f64) {
        let (keep, give) = (a.min(b), a.max(b));
        self.parent[give] = keep;
        self.size[keep] += self.size[give];
        self.inside[keep] = self.inside[keep].max(self.inside[give]).max(step);
    }
}

impl Tones {
    /// How abruptly one pixel follows another, `dx` and `dy` away: shading changes luminance smoothly, so what a slope
    /// on either side explains is taken off; another surface changes colour, or all at once.
    fn step(&self, x: usize, y: usize, dx: isize, dy: isize) -> f64 {
        let at = |times: isize| -> Option<[f64; 3]> {
            let column = x.checked_add_signed(dx * times).filter(|c| *c < self.width)?;
            let row = y.checked_add_signed(dy * times).filter(|r| *r < self.height)?;
            self.values.get(row * self.width + column).copied()
        };
        let (Some(a), Some(b)) = (at(0), at(1)) else {
            return 0.0;
        };
        let here = b[0] - a[0];
        let mut light = here.abs();
        if let Some(before) = at(-1) {
            light = light.min((here - (a[0] - before[0])).abs());
        }
        if let Some(after) = at(2) {
            light = light.min((here - (after[0] - b[0])).abs());
        }
        let (u, v) = (a[1] - b[1], a[2] - b[2]);
        libm::sqrt(light * light + 9.0 * (u * u + v * v))
    }

    /// Patches that differ more from their neighbours than within themselves: P. Felzenszwalb and D. Huttenlocher,
    /// "Efficient Graph-Based Image Segmentation", IJCV 2004, with `scale` for its k. Patches below `least` pixels
    /// join the neighbour they differ least from.
    pub(super) fn cut(&self, scale: f64, least: usize) -> Patches {
        let (width, height) = (self.width, self.height);
        let mut edges: Vec<(f64, usize, usize)> = Vec::with_capacity(width * height * 4);
        for y in 0..height {
            for x in 0..width {
                let i = y * width + x;
                for (dx, dy) in [(1isize, 0isize), (0, 1), (1, 1), (-1, 1)] {
                    let column = x.checked_add_signed(dx).filter(|c| *c < width);
                    let row = y.checked_add_signed(dy).filter(|r| *r < height);
                    if let (Some(column), Some(row)) = (column, row) {
                        edges.push((self.step(x, y, dx, dy), i, row * width + column));
                    }
                }
            }
        }
        edges.sort_by(|a, b| match a.0.total_cmp(&b.0) {
            Ordering::Equal => (a.1, a.2).cmp(&(b.1, b.2)),
            other => other,
        });
        let count = width * height;
        let mut joined = Joined {
            parent: (0..count).collect(),
            size: vec![1; count],
            inside: vec![0.0; count],
        };
        for &(step, i, j) in &edges {
            let (a, b) = (joined.root(i), joined.root(j));
            if a != b {
                let most = |r: usize| joined.inside[r] + scale / joined.size[r] as f64;
                if step <= most(a).min(most(b)) {
                    joined.join(a, b, step);
                }
            }
        }
        for &(step, i, j) in &edges {
            let (a, b) = (joined.root(i), joined.root(j));
            if a != b && (joined.size[a] < least || joined.size[b] < least) {
                joined.join(a, b, step);
            }
        }
        let mut patches = numbered(count, |i| joined.root(i));
        self.without_rims(&mut patches);
        patches
    }

    /// Gives the pixels of patches that are nowhere thicker than a few pixels (the mixed ones along outlines) to the
    /// patch beside them that they are most like.
    fn without_rims(&self, patches: &mut Patches) {
        const THIN: usize = 3;
        let (width, height) = (self.width, self.height);
        let around = |i: usize| {
            let (x, y) = (i % width, i / width);
            [
                (x > 0).then(|| i - 1),
                (x + 1 < width).then_some(i + 1),
                (y > 0).then(|| i - width),
                (y + 1 < height).then_some(i + width),
            ]
        };
        // How many layers must be taken off before a pixel is reached.
        let mut depth = vec![usize::MAX; patches.of.len()];
        let mut layer: Vec<usize> = (0..depth.len())
            .filter(|&i| {
                around(i)
                    .into_iter()
                    .flatten()
                    .any(|n| patches.of[n] != patches.of[i])
            })
            .collect();
        let mut thickness = vec![0usize; patches.count];
        let mut level = 1;
        while !layer.is_empty() {
            let mut next = Vec::new();
            for &i in &layer {
                if depth[i] != usize::MAX {
                    continue;
                }
                depth[i] = level;
                thickness[patches.of[i]] = level;
                next.extend(
                    around(i)
                        .into_iter()
                        .flatten()
                        .filter(|&n| depth[n] == usize::MAX && patches.of[n] == patches.of[i]),
                );
            }
            layer = next;
            level += 1;
        }
        let mut open: Vec<bool> = patches
            .of
            .iter()
            .map(|&p| thickness[p] > 0 && thickness[p] < THIN)
            .collect();
        loop {
            let mut moves = Vec::new();
            for i in (0..open.len()).filter(|&i| open[i]) {
                let mut best: Option<(f64, usize)> = None;
                for n in around(i).into_iter().flatten().filter(|&n| !open[n]) {
                    let (a, b) = (self.values[i], self.values[n]);
                    let (l, u, v) = (a[0] - b[0], a[1] - b[1], a[2] - b[2]);
                    let off = l * l + 9.0 * (u * u + v * v);
                    if best.is_none_or(|(least, _)| off < least) {
                        best = Some((off, patches.of[n]));
                    }
                }
                if let Some((_, patch)) = best {
                    moves.push((i, patch));
                }
            }
            if moves.is_empty() {
                return;
            }
            for (i, patch) in moves {
                patches.of[i] = patch;
                open[i] = false;
            }
        }
    }
}

/// Numbers patches from their roots.
fn numbered(count: usize, mut root: impl FnMut(usize) -> usize) -> Patches {
    {
        let mut number = vec![usize::MAX; count];
        let mut found = 0;
        let of = (0..count)
            .map(|i| {
                let root = root(i);
                if number[root] == usize::MAX {
                    number[root] = found;
                    found += 1;
                }
                number[root]
            })
            .collect();
        Patches { of, count: found }
    }
}

/// A patch as a body seen from the front.
pub(super) struct Body {
    /// Pixels with their outward normals (x right, y up, z towards the camera), and how far inside they lie, in pixels.
    pub(super) normals: Vec<(usize, DVec3, f64)>,
    /// Share of its outline that is the picture's edge.
    pub(super) cut_off: f64,
    /// Area of the largest circle inside over the whole area: 1 for a disc.
    pub(super) fullness: f64,
    /// Area over that of the convex outline round it.
    pub(super) roundness: f64,
}

/// Blows a patch up: where `Δu = −4` inside and `u = 0` on the outline, `√u` is a body that is a sphere over a disc
/// and meets every outline upright, as smooth bodies do (P. Joshi and N. Carr, "Repoussé", 2008). Along the picture's
/// edge, where the patch is cut off, the slope is level instead. Holes are filled first.
pub(super) fn blow_up(patches: &Patches, patch: usize, width: usize, height: usize) -> Option<Body> {
    let inside = filled(patches, patch, width, height);
    let cells: Vec<usize> = (0..inside.len()).filter(|&i| inside[i]).collect();
    if cells.len() < 12 {
        return None;
    }
    let neighbours = |i: usize| {
        let (x, y) = (i % width, i / width);
        [
            (x > 0).then(|| i - 1),
            (x + 1 < width).then_some(i + 1),
            (y > 0).then(|| i - width),
            (y + 1 < height).then_some(i + width),
        ]
    };
    let (mut outline, mut edge) = (0.0, 0.0);
    for &i in &cells {
        for n in neighbours(i) {
            match n {
                None => edge += 1.0,
                Some(n) if !inside[n] => outline += 1.0,
                Some(_) => {}
            }
        }
    }
    if outline < 8.0 || cells.len() * 5 > inside.len() * 2 || edge > 0.3 * (edge + outline) {
        return None;
    }
    let mut u = vec![0.0f64; inside.len()];
    // Over-relaxed Gauss and Seidel; the factor suits bodies of some tens of pixels.
    let across = libm::sqrt(cells.len() as f64);
    let factor = 2.0 / (1.0 + 3.0 / across.max(4.0));
    let turns = (6.0 * across) as usize + 40;
    for _ in 0..turns {
        for &i in &cells {
            let (mut sum, mut count) = (4.0, 0.0);
            for n in neighbours(i).into_iter().flatten() {
                // Half a pixel to the outline, a whole one to a neighbour.
                if inside[n] {
                    sum += u[n];
                    count += 1.0;
                } else {
                    count += 2.0;
                }
            }
            u[i] += factor * (sum / f64::max(count, 1.0) - u[i]);
            u[i] = u[i].max(0.0);
        }
    }
    let depth = |i: Option<usize>, here: f64| match i {
        Some(n) if inside[n] => u[n],
        Some(_) => -here,
        None => here,
    };
    let mut most: f64 = 0.0;
    let mut normals = Vec::with_capacity(cells.len());
    for &i in &cells {
        let [left, right, up, down] = neighbours(i);
        let here = u[i];
        // √u slopes by u' / (2√u): the normal is (−u_x, −u_y, 2√u).
        let slope_x = (depth(right, here) - depth(left, here)) / 2.0;
        let slope_y = (depth(up, here) - depth(down, here)) / 2.0;
        let z = libm::sqrt(here);
        let normal = DVec3::new(-slope_x, -slope_y, 2.0 * z);
        most = most.max(z);
        // About how far from the outline: u is r² − ρ² in a disc, so near it 2·r·distance.
        let gradient = libm::sqrt(slope_x * slope_x + slope_y * slope_y);
        normals.push((i, normal.normalize_or(DVec3::Z), here / gradient.max(1e-6)));
    }
    Some(Body {
        cut_off: edge / (edge + outline),
        roundness: cells.len() as f64 / hull_area(&cells, width).max(1.0),
        fullness: (core::f64::consts::PI * most * most / cells.len() as f64).min(1.0),
        normals,
    })
}

/// A patch without its holes: everything that cannot be reached from the picture's edge without crossing it.
fn filled(patches: &Patches, patch: usize, width: usize, height: usize) -> Vec<bool> {
    let count = width * height;
    let mut outside = vec![false; count];
    let mut open: Vec<usize> = Vec::new();
    for (i, out) in outside.iter_mut().enumerate() {
        let (x, y) = (i % width, i / width);
        if (x == 0 || y == 0 || x + 1 == width || y + 1 == height) && patches.of[i] != patch {
            *out = true;
            open.push(i);
        }
    }
    while let Some(i) = open.pop() {
        let (x, y) = (i % width, i / width);
        let around = [
            (x > 0).then(|| i - 1),
            (x + 1 < width).then_some(i + 1),
            (y > 0).then(|| i - width),
            (y + 1 < height).then_some(i + width),
        ];
        for n in around.into_iter().flatten() {
            if !outside[n] && patches.of[n] != patch {
                outside[n] = true;
                open.push(n);
            }
        }
    }
    outside.into_iter().map(|o| !o).collect()
}

/// Area of the convex outline round pixels, in pixels (A. Andrew's monotone chain).
fn hull_area(cells: &[usize], width: usize) -> f64 {
    let mut corners: Vec<(i64, i64)> = Vec::new();
    for &i in cells {
        let (x, y) = ((i % width) as i64, (i / width) as i64);
        corners.extend([(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)]);
    }
    corners.sort_unstable();
    corners.dedup();
    let turn =
        |o: (i64, i64), a: (i64, i64), b: (i64, i64)| (a.0 - o.0) * (b.1 - o.1) - (a.1 - o.1) * (b.0 - o.0);
    let mut hull: Vec<(i64, i64)> = Vec::new();
    let chain = |points: &mut dyn Iterator<Item = (i64, i64)>, hull: &mut Vec<(i64, i64)>| {
        let base = hull.len();
        for p in points {
            while hull.len() >= base + 2 && turn(hull[hull.len() - 2], hull[hull.len() - 1], p) <= 0 {
                hull.pop();
            }
            hull.push(p);
        }
        hull.pop();
    };
    chain(&mut corners.iter().copied(), &mut hull);
    chain(&mut corners.iter().rev().copied(), &mut hull);
    let mut twice = 0;
    for (i, a) in hull.iter().enumerate() {
        let b = hull[(i + 1) % hull.len()];
        twice += a.0 * b.1 - b.0 * a.1;
    }
    twice.abs() as f64 / 2.0
}
