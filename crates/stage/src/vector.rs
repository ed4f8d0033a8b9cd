//! Three `f32` as a vector or a colour, with every component written out.
//!
//! `array::map` is not always inlined, and its results then go through memory in halves of what is read back, which
//! waits for all writes before it: a fifth of a frame's time.

/// Three components.
pub(crate) type Three = [f32; 3];

#[inline(always)]
pub(crate) fn dot(a: Three, b: Three) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[inline(always)]
pub(crate) fn scale(a: Three, by: f32) -> Three {
    [a[0] * by, a[1] * by, a[2] * by]
}

#[inline(always)]
pub(crate) fn sub(a: Three, b: Three) -> Three {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// `a + b · by`.
#[inline(always)]
pub(crate) fn along(a: Three, b: Three, by: f32) -> Three {
    [a[0] + b[0] * by, a[1] + b[1] * by, a[2] + b[2] * by]
}

/// Component by component.
#[inline(always)]
pub(crate) fn times(a: Three, b: Three) -> Three {
    [a[0] * b[0], a[1] * b[1], a[2] * b[2]]
}

/// A matrix of rows times a column.
#[inline(always)]
pub(crate) fn rows(m: &[Three; 3], v: Three) -> Three {
    [dot(m[0], v), dot(m[1], v), dot(m[2], v)]
}

/// A matrix of columns times a column.
#[inline(always)]
pub(crate) fn columns(m: &[Three; 3], v: Three) -> Three {
    [
        m[0][0] * v[0] + m[1][0] * v[1] + m[2][0] * v[2],
        m[0][1] * v[0] + m[1][1] * v[1] + m[2][1] * v[2],
        m[0][2] * v[0] + m[1][2] * v[1] + m[2][2] * v[2],
    ]
}

/// Rounded to `f32`.
#[inline(always)]
pub(crate) fn narrow(v: glam::DVec3) -> Three {
    [v.x as f32, v.y as f32, v.z as f32]
}

/// Exactly, as `f64`.
#[inline(always)]
pub(crate) fn wide(v: Three) -> glam::DVec3 {
    glam::DVec3::new(f64::from(v[0]), f64::from(v[1]), f64::from(v[2]))
}
