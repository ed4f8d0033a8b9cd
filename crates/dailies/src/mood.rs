//! How near takes are to a mood: to the light and colour of reference pictures, or of a take that has what is looked for.
//!
//! A mood is what a take's [look](crate::measuring) holds of light and colour, wherever it is in the picture: the values of L, a
//! and b in OKLab over all its cells and moments, each axis by itself in order of size. Two moods are as far apart as these
//! distributions: on each axis the mean square of what separates values of one rank (optimal transport in one dimension,
//! which sorting solves exactly), and the root of the sum of the three. The unit is that of OKLab: 0.02 is just seen, black and white
//! are 1 apart.
//!
//! What it is blind to: where light and colour are, what is shown, how it moves, and accents smaller than a sixteenth of the
//! picture. Axes by themselves: red light with blue shadows is near to blue light with red shadows.
//!
//! ```
//! use heirloom_dailies::mood::Mood;
//! // A cell is L, a, b; a look of two cells each.
//! let dusk = Mood::of_look(&[0.2, 0.0, -0.1, 0.4, 0.05, 0.0]).ok_or("whole cells")?;
//! let same = Mood::of_look(&[0.4, 0.05, 0.0, 0.2, 0.0, -0.1]).ok_or("whole cells")?;
//! let noon = Mood::of_look(&[0.9, 0.0, 0.0, 0.8, 0.0, 0.0]).ok_or("whole cells")?;
//! assert_eq!(dusk.distance(&same), 0.0);
//! assert!(dusk.distance(&noon) > 0.4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use heirloom_picture::look;
use heirloom_picture::measure::View;

/// Values of each axis that a mood is held in, whatever it was made from.
const RANKS: usize = 48;

/// Light and colour of pictures or of a take.
#[derive(Clone, Debug, PartialEq)]
pub struct Mood {
    /// Of L, a and b: values at even shares, rising.
    axes: [[f32; RANKS]; 3],
}

impl Mood {
    /// Of a take's look: cells of L, a, b. `None` where there are none, or not whole ones.
    pub fn of_look(look: &[f32]) -> Option<Self> {
        let (cells, rest) = look.as_chunks::<3>();
        if cells.is_empty() || !rest.is_empty() || look.iter().any(|v| !v.is_finite()) {
            return None;
        }
        Some(Self {
            axes: std::array::from_fn(|axis| {
                let mut values: Vec<f32> = cells.iter().map(|cell| cell[axis]).collect();
                values.sort_by(f32::total_cmp);
                // Where the middle of each share lies among the values.
                std::array::from_fn(|rank| {
                    let at = (2 * rank + 1) * values.len() / (2 * RANKS);
                    values[at.min(values.len() - 1)]
                })
            }),
        })
    }

    /// Of reference pictures, which count alike. `None` without any.
    pub fn of_pictures<'a>(pictures: impl IntoIterator<Item = View<'a>>) -> Option<Self> {
        let cells: Vec<f32> = pictures
            .into_iter()
            .flat_map(|view| look::look(&view).composition)
            .collect();
        Self::of_look(&cells)
    }

    /// How far apart two moods are, in OKLab.
    pub fn distance(&self, other: &Self) -> f64 {
        let square: f64 = self
            .axes
            .iter()
            .zip(&other.axes)
            .map(|(one, other)| {
                let pairs = one.iter().zip(other);
                let sum: f64 = pairs
                    .map(|(a, b)| {
                        let d = f64::from(*a) - f64::from(*b);
                        d * d
                    })
                    .sum();
                sum / RANKS as f64
            })
            .sum();
        libm::sqrt(square)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_distance_and_knows_no_places(
            one in prop::collection::vec(prop::array::uniform3(-0.3f32..1.0), 1..60),
            other in prop::collection::vec(prop::array::uniform3(-0.3f32..1.0), 1..60),
            turn in 0usize..60,
        ) {
            let mood = |cells: &[[f32; 3]]| Mood::of_look(cells.as_flattened()).unwrap();
            let (a, b) = (mood(&one), mood(&other));
            prop_assert_eq!(a.distance(&b), b.distance(&a));
            prop_assert_eq!(a.distance(&a), 0.0);
            let mut turned = one.clone();
            turned.rotate_left(turn % one.len());
            prop_assert_eq!(mood(&turned).distance(&b), a.distance(&b));
        }

        #[test]
        fn more_light_by_so_much_is_so_far(
            cells in prop::collection::vec(prop::array::uniform3(0.0f32..0.5), 1..60),
            more in 0.0f32..0.5,
        ) {
            let lighter: Vec<[f32; 3]> = cells.iter().map(|[l, a, b]| [l + more, *a, *b]).collect();
            let (a, b) = (Mood::of_look(cells.as_flattened()).unwrap(), Mood::of_look(lighter.as_flattened()).unwrap());
            prop_assert!((a.distance(&b) - f64::from(more)).abs() < 1e-6);
        }
    }

    #[test]
    fn what_is_no_look_has_no_mood() {
        assert_eq!(Mood::of_look(&[]), None);
        assert_eq!(Mood::of_look(&[0.1, 0.2]), None);
        assert_eq!(Mood::of_look(&[0.1, f32::NAN, 0.2]), None);
    }
}
