//! A 3D lookup table: display codes in, display codes out.
//!
//! What a grade is made into, and what every editing program reads as a `.cube` file. Between its nodes colours are
//! interpolated over tetrahedra (Kasson, Nin, Plouffe and Hafner, "Performing color space conversions with three-dimensional
//! linear interpolation", 1995), which keeps greys grey where the nodes are.
//!
//! ```
//! use heirloom_style::lut::Lut3;
//! let darker = Lut3::from_fn(33, |code| code.map(|c| c * 0.5))?;
//! assert!((darker.sample([0.2, 0.9, 1.0])[1] - 0.45).abs() < 1e-6);
//! let again = Lut3::parse_cube("darker.cube", &darker.to_cube())?;
//! assert_eq!(again, darker);
//! # Ok::<(), heirloom_style::lut::CubeError>(())
//! ```

mod cube;

pub use cube::CubeError;

/// The most nodes along a side that are read or made.
pub const LARGEST: usize = 129;

/// A lookup table over sRGB codes, 0 to 1 per channel unless its domain says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Lut3 {
    title: String,
    size: usize,
    domain: [[f32; 3]; 2],
    /// Red runs fastest, blue slowest, as in the file.
    nodes: Vec<[f32; 3]>,
}

impl Lut3 {
    /// The table of `colour` at every node: `size` nodes along a side (33 or 65 as a rule), 0 to 1 per channel.
    ///
    /// # Errors
    /// Where `size` is not 2 to [`LARGEST`], or a colour is no number.
    pub fn from_fn(size: usize, colour: impl Fn([f64; 3]) -> [f64; 3] + Sync) -> Result<Self, CubeError> {
        use rayon::prelude::*;
        if !(2..=LARGEST).contains(&size) {
            let what = format!("{size} nodes along a side");
            return Err(CubeError::new("a new table", 0, what, "take 33 or 65"));
        }
        let at = |i: usize| i as f64 / (size - 1) as f64;
        let nodes: Vec<[f32; 3]> = (0..size * size * size)
            .into_par_iter()
            .map(|n| {
                let code = [n % size, n / size % size, n / (size * size)].map(at);
                colour(code).map(|v| v as f32)
            })
            .collect();
        if !nodes.as_flattened().iter().all(|v| v.is_finite()) {
            let what = "a colour that is no number".into();
            return Err(CubeError::new("a new table", 0, what, "give finite colours"));
        }
        Ok(Self {
            title: String::new(),
            size,
            domain: [[0.0; 3], [1.0; 3]],
            nodes,
        })
    }

    /// The same table under a title; what a `.cube` title cannot hold (quotes, line ends) is left out.
    pub fn titled(mut self, title: &str) -> Self {
        self.title = title.chars().filter(|c| *c != '"' && !c.is_control()).collect();
        self.title = self.title.trim().into();
        self
    }

    /// Its title; may be empty.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Nodes along a side.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The least and the largest code of each channel that it holds.
    pub fn domain(&self) -> [[f32; 3]; 2] {
        self.domain
    }

    /// All nodes; red runs fastest, blue slowest.
    pub fn nodes(&self) -> &[[f32; 3]] {
        &self.nodes
    }

    /// The colour at a node; each place is held within the table.
    pub fn node(&self, place: [usize; 3]) -> [f32; 3] {
        let [r, g, b] = place.map(|i| i.min(self.size - 1));
        self.nodes[(b * self.size + g) * self.size + r]
    }

    /// The colour of a code, interpolated over tetrahedra. Codes outside the domain are taken at its edge, what is no
    /// number at its least.
    pub fn sample(&self, code: [f64; 3]) -> [f64; 3] {
        let (mut low, mut part) = ([0usize; 3], [0f64; 3]);
        for c in 0..3 {
            let (least, most) = (f64::from(self.domain[0][c]), f64::from(self.domain[1][c]));
            let share = (code[c] - least) / (most - least);
            let share = if share > 0.0 { share.min(1.0) } else { 0.0 };
            let place = share * (self.size - 1) as f64;
            low[c] = (place as usize).min(self.size - 2);
            part[c] = place - low[c] as f64;
        }
        // From the low corner to the high one along the axes, the largest part first.
        let mut axes = [0, 1, 2];
        axes.sort_by(|&p, &q| part[q].total_cmp(&part[p]));
        let mut place = low;
        let mut out = self.node(place).map(|v| f64::from(v) * (1.0 - part[axes[0]]));
        for (n, &axis) in axes.iter().enumerate() {
            place[axis] += 1;
            let weight = part[axis] - axes.get(n + 1).map_or(0.0, |&next| part[next]);
            let node = self.node(place);
            for c in 0..3 {
                out[c] += f64::from(node[c]) * weight;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_straight_map_is_met_everywhere(code in prop::array::uniform3(0f64..1.0), size in 2usize..40) {
            let lut = Lut3::from_fn(size, |[r, g, b]| [0.1 + 0.5 * r, 0.2 * r + 0.7 * g, 1.0 - b]).unwrap();
            let [r, g, b] = code;
            let want = [0.1 + 0.5 * r, 0.2 * r + 0.7 * g, 1.0 - b];
            for (got, want) in lut.sample(code).iter().zip(want) {
                prop_assert!((got - want).abs() < 1e-6);
            }
        }

        #[test]
        fn text_comes_back_to_the_bit(nodes in prop::collection::vec(prop::array::uniform3(-1e3f32..1e3), 27)) {
            let at = |code: [f64; 3]| {
                let [r, g, b] = code.map(|v| (v * 2.0).round() as usize);
                nodes[(b * 3 + g) * 3 + r].map(f64::from)
            };
            let lut = Lut3::from_fn(3, at).unwrap().titled("Evening, \"warm\"\n");
            let again = Lut3::parse_cube("x.cube", &lut.to_cube()).unwrap();
            prop_assert_eq!(again.title(), "Evening, warm");
            prop_assert_eq!(again, lut);
        }
    }

    #[test]
    fn codes_outside_are_taken_at_the_edge() {
        let lut = Lut3::from_fn(5, |code| code).unwrap();
        assert_eq!(lut.sample([-3.0, f64::NAN, 9.0]), [0.0, 0.0, 1.0]);
    }

    #[test]
    fn sizes_without_sense_are_refused() {
        for size in [0, 1, LARGEST + 1] {
            assert!(
                Lut3::from_fn(size, |c| c)
                    .unwrap_err()
                    .to_string()
                    .contains("33 or 65")
            );
        }
        assert!(Lut3::from_fn(2, |_| [f64::NAN; 3]).is_err());
    }
}
