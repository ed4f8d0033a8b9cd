//! A value over time: keys with an interpolation, as glTF and USD have them.

use glam::{DMat4, DQuat, DVec3};

/// How a track goes from one key to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// The value of the key before holds.
    Step,
    /// Straight; rotations along the shorter arc.
    Linear,
    /// Cubic Hermite, with an in- and an out-tangent at every key (glTF 2.0, appendix C.4).
    Cubic,
}

/// What a track can hold.
pub trait Keyed: Clone {
    /// From `a` (at 0) to `b` (at 1).
    fn linear(a: &Self, b: &Self, t: f64) -> Self;
    /// `wa·a + wta·ta + wb·b + wtb·tb`, then made whole again (rotations are normalised).
    fn hermite(parts: [(&Self, f64); 4]) -> Self;
}

/// Values at times in seconds. At least one key; times rise strictly.
#[derive(Debug, Clone, PartialEq)]
pub struct Track<T> {
    times_s: Vec<f64>,
    values: Vec<T>,
    /// Of each key, the in- and the out-tangent in units a second; only of cubic tracks.
    tangents: Vec<[T; 2]>,
    interpolation: Interpolation,
}

/// Keys that make no track.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrackError {
    /// No key, or not as many times as values.
    #[error("{times} key times for {values} values; export the animation again")]
    Counts {
        /// Times.
        times: usize,
        /// Values.
        values: usize,
    },
    /// A time that is no number, or does not come after the one before.
    #[error("key {0} does not come after the one before it; export the animation again")]
    Order(usize),
}

impl<T: Keyed> Track<T> {
    /// A value that never changes.
    pub fn constant(value: T) -> Self {
        Self {
            times_s: vec![0.0],
            values: vec![value],
            tangents: Vec::new(),
            interpolation: Interpolation::Step,
        }
    }

    /// Keys with step or linear interpolation.
    ///
    /// # Errors
    /// Where times and values do not match, or times do not rise.
    pub fn keys(times_s: Vec<f64>, values: Vec<T>, interpolation: Interpolation) -> Result<Self, TrackError> {
        check(&times_s, values.len())?;
        let interpolation = match interpolation {
            Interpolation::Step => Interpolation::Step,
            _ => Interpolation::Linear,
        };
        Ok(Self {
            times_s,
            values,
            tangents: Vec::new(),
            interpolation,
        })
    }

    /// Keys with tangents (in, out) in units a second.
    ///
    /// # Errors
    /// Where times, values and tangents do not match, or times do not rise.
    pub fn cubic(times_s: Vec<f64>, values: Vec<T>, tangents: Vec<[T; 2]>) -> Result<Self, TrackError> {
        check(&times_s, values.len())?;
        check(&times_s, tangents.len())?;
        Ok(Self {
            times_s,
            values,
            tangents,
            interpolation: Interpolation::Cubic,
        })
    }

    /// The value at a time; before the first key and after the last one theirs holds.
    pub fn at(&self, time_s: f64) -> T {
        let after = self.times_s.partition_point(|&t| t <= time_s);
        if after == 0 {
            return self.values[0].clone();
        }
        let k = after - 1;
        if after == self.times_s.len() || self.interpolation == Interpolation::Step {
            return self.values[k].clone();
        }
        let span = self.times_s[after] - self.times_s[k];
        let t = (time_s - self.times_s[k]) / span;
        let (a, b) = (&self.values[k], &self.values[after]);
        match self.interpolation {
            Interpolation::Cubic => {
                let (t2, t3) = (t * t, t * t * t);
                T::hermite([
                    (a, 2.0 * t3 - 3.0 * t2 + 1.0),
                    (&self.tangents[k][1], span * (t3 - 2.0 * t2 + t)),
                    (b, -2.0 * t3 + 3.0 * t2),
                    (&self.tangents[after][0], span * (t3 - t2)),
                ])
            }
            _ => T::linear(a, b, t),
        }
    }

    /// Whether it holds one value throughout.
    pub fn is_constant(&self) -> bool {
        self.values.len() == 1
    }

    /// The key times in seconds.
    pub fn times_s(&self) -> &[f64] {
        &self.times_s
    }

    /// The keys' values.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The keys' (in, out) tangents, where the track is cubic; else empty.
    pub fn tangents(&self) -> &[[T; 2]] {
        &self.tangents
    }

    /// How it goes from key to key.
    pub fn interpolation(&self) -> Interpolation {
        self.interpolation
    }
}

fn check(times_s: &[f64], values: usize) -> Result<(), TrackError> {
    if times_s.is_empty() || times_s.len() != values {
        return Err(TrackError::Counts {
            times: times_s.len(),
            values,
        });
    }
    if !times_s[0].is_finite() {
        return Err(TrackError::Order(0));
    }
    match times_s
        .windows(2)
        .position(|w| !(w[1] > w[0] && w[1].is_finite()))
    {
        Some(i) => Err(TrackError::Order(i + 1)),
        None => Ok(()),
    }
}

impl Keyed for f64 {
    fn linear(a: &Self, b: &Self, t: f64) -> Self {
        a + (b - a) * t
    }
    fn hermite(parts: [(&Self, f64); 4]) -> Self {
        parts.iter().map(|(v, w)| **v * w).sum()
    }
}

impl Keyed for DVec3 {
    fn linear(a: &Self, b: &Self, t: f64) -> Self {
        *a + (*b - *a) * t
    }
    fn hermite(parts: [(&Self, f64); 4]) -> Self {
        parts.iter().fold(DVec3::ZERO, |sum, (v, w)| sum + **v * *w)
    }
}

impl Keyed for DQuat {
    fn linear(a: &Self, b: &Self, t: f64) -> Self {
        // Written out, since the library's own may go through the system's sine.
        let dot = a.dot(*b);
        let (b, dot) = if dot < 0.0 { (-*b, -dot) } else { (*b, dot) };
        if dot > 0.999_999 {
            return (*a * (1.0 - t) + b * t).normalize();
        }
        let angle = libm::acos(dot.min(1.0));
        let (wa, wb) = (libm::sin((1.0 - t) * angle), libm::sin(t * angle));
        (*a * wa + b * wb).normalize()
    }
    fn hermite(parts: [(&Self, f64); 4]) -> Self {
        let zero = DQuat::from_xyzw(0.0, 0.0, 0.0, 0.0);
        let sum = parts.iter().fold(zero, |sum, (v, w)| sum + **v * *w);
        if sum.length_squared() > 1e-12 {
            sum.normalize()
        } else {
            DQuat::IDENTITY
        }
    }
}

impl Keyed for DMat4 {
    fn linear(a: &Self, b: &Self, t: f64) -> Self {
        *a * (1.0 - t) + *b * t
    }
    fn hermite(parts: [(&Self, f64); 4]) -> Self {
        parts.iter().fold(DMat4::ZERO, |sum, (v, w)| sum + **v * *w)
    }
}

/// Weights of morph targets.
impl Keyed for Vec<f64> {
    fn linear(a: &Self, b: &Self, t: f64) -> Self {
        a.iter().zip(b).map(|(a, b)| a + (b - a) * t).collect()
    }
    fn hermite(parts: [(&Self, f64); 4]) -> Self {
        let n = parts.iter().map(|(v, _)| v.len()).min().unwrap_or(0);
        (0..n)
            .map(|i| parts.iter().map(|(v, w)| v[i] * w).sum())
            .collect()
    }
}

/// Positions of a mesh's vertices.
impl Keyed for Vec<[f32; 3]> {
    fn linear(a: &Self, b: &Self, t: f64) -> Self {
        let t = t as f32;
        a.iter()
            .zip(b)
            .map(|(a, b)| [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t))
            .collect()
    }
    fn hermite(parts: [(&Self, f64); 4]) -> Self {
        let n = parts.iter().map(|(v, _)| v.len()).min().unwrap_or(0);
        (0..n)
            .map(|i| [0, 1, 2].map(|c| parts.iter().map(|(v, w)| v[i][c] * *w as f32).sum()))
            .collect()
    }
}

impl Keyed for bool {
    fn linear(a: &Self, _: &Self, _: f64) -> Self {
        *a
    }
    fn hermite(parts: [(&Self, f64); 4]) -> Self {
        *parts[0].0
    }
}
