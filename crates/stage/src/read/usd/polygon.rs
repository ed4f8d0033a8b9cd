//! Polygons cut into triangles.

use glam::DVec3;

/// Corners up to which a hollow polygon is cut with care.
const CAREFUL: usize = 512;

/// Triangles of a polygon, as places in its corners: a fan where it bulges everywhere, else by cutting ears (Meisters,
/// "Polygons have ears", 1975), in the plane that it lies in best. As many as its corners less two.
pub(super) fn triangles(corners: &[[f32; 3]], out: &mut Vec<[usize; 3]>) {
    let count = corners.len();
    if count < 3 {
        return;
    }
    if count == 3 {
        out.push([0, 1, 2]);
        return;
    }
    let points: Vec<DVec3> = corners
        .iter()
        .map(|c| DVec3::from_array(c.map(f64::from)))
        .collect();
    let normal = newell(&points);
    if count > CAREFUL || is_convex(&points, normal) {
        out.extend((1..count - 1).map(|i| [0, i, i + 1]));
        return;
    }
    let mut left: Vec<usize> = (0..count).collect();
    while left.len() > 3 {
        let n = left.len();
        let ear = (0..n).find(|&i| {
            let [a, b, c] = [left[(i + n - 1) % n], left[i], left[(i + 1) % n]];
            let [pa, pb, pc] = [points[a], points[b], points[c]];
            let turn = (pb - pa).cross(pc - pb).dot(normal);
            turn > 0.0
                && left
                    .iter()
                    .filter(|&&p| p != a && p != b && p != c)
                    .all(|&p| !inside(points[p], [pa, pb, pc], normal))
        });
        // One that crosses itself has no ear to cut: any corner will do.
        let i = ear.unwrap_or(0);
        out.push([left[(i + n - 1) % n], left[i], left[(i + 1) % n]]);
        left.remove(i);
    }
    out.push([left[0], left[1], left[2]]);
}

/// Twice the polygon's area as a vector (Newell's method).
fn newell(points: &[DVec3]) -> DVec3 {
    let mut sum = DVec3::ZERO;
    for (i, p) in points.iter().enumerate() {
        let q = points[(i + 1) % points.len()];
        sum += (*p - points[0]).cross(q - points[0]);
    }
    sum
}

fn is_convex(points: &[DVec3], normal: DVec3) -> bool {
    let n = points.len();
    let tolerance = -1e-9 * normal.length_squared();
    (0..n).all(|i| {
        let [a, b, c] = [points[i], points[(i + 1) % n], points[(i + 2) % n]];
        (b - a).cross(c - b).dot(normal) >= tolerance
    })
}

fn inside(p: DVec3, [a, b, c]: [DVec3; 3], normal: DVec3) -> bool {
    let side = |from: DVec3, to: DVec3| (to - from).cross(p - from).dot(normal);
    side(a, b) >= 0.0 && side(b, c) >= 0.0 && side(c, a) >= 0.0
}
