//! The palette of pictures: weighted OKLab colours.

use heirloom_picture::measure::View;
use heirloom_picture::oklab;

/// Colours with weights that sum to 1. Drawn the same way every time.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    colours: Vec<([f64; 3], f64)>,
}

/// About as many pixels as are taken of a picture along each side.
const SIDE: usize = 160;

impl Samples {
    /// The colours of a picture: pixels on a regular lattice of at most about 160 along each side.
    pub fn of(view: &View<'_>) -> Self {
        let (width, height) = (view.width() as usize, view.height() as usize);
        let places = |length: usize| {
            let count = length.min(SIDE);
            (0..count).map(move |i| (2 * i + 1) * length / (2 * count))
        };
        let mut colours = Vec::with_capacity(SIDE * SIDE);
        for y in places(height) {
            for x in places(width) {
                colours.push((oklab::from_display8(view.codes()[y * width + x]), 1.0));
            }
        }
        Self::weighted(colours)
    }

    /// Several pictures as one palette, each with equal weight. Of no pictures: [`Samples::reference`].
    pub fn merged<'a>(pictures: impl IntoIterator<Item = &'a Self>) -> Self {
        let colours: Vec<_> = pictures
            .into_iter()
            .flat_map(|p| p.colours.iter().copied())
            .collect();
        if colours.is_empty() {
            Self::reference()
        } else {
            Self::weighted(colours)
        }
    }

    /// A palette of OKLab colours and their weights; those without weight, and what is no number, are left out.
    /// Of none: [`Samples::reference`].
    pub fn from_colours(colours: impl IntoIterator<Item = ([f64; 3], f64)>) -> Self {
        let sound =
            |(lab, w): &([f64; 3], f64)| lab.iter().all(|v| v.is_finite()) && w.is_finite() && *w > 0.0;
        let colours: Vec<_> = colours.into_iter().filter(sound).collect();
        if colours.is_empty() {
            Self::reference()
        } else {
            Self::weighted(colours)
        }
    }

    /// The colours of natural pictures at large, for when nothing is known of what comes in: lightness around 0.55
    /// with a spread of 0.24 from black to white; colour around grey, narrow across (green to pink, 0.03) and wider
    /// along the axis of daylight (blue to yellow, 0.05), as is found in photographs of the world (Ruderman, Cronin
    /// and Chiao, "Statistics of cone responses to natural images", 1998); less colour in the darkest and the
    /// lightest. A parametric distribution, not anybody's pictures.
    pub fn reference() -> Self {
        let bell = |v: f64, spread: f64| libm::exp(-0.5 * (v / spread) * (v / spread));
        let mut colours = Vec::new();
        for i in 0..=64 {
            let l = f64::from(i) / 64.0;
            let narrow = 0.3 + 0.7 * (4.0 * l * (1.0 - l)).min(1.0);
            for j in -4..=4 {
                for k in -4..=4 {
                    let (across, along) = (f64::from(j) * 0.5, f64::from(k) * 0.5);
                    let (a, b) = (across * 0.03 * narrow, along * 0.05 * narrow);
                    let weight = bell(l - 0.55, 0.24) * bell(across, 1.0) * bell(along, 1.0);
                    colours.push(([l, a, b], weight));
                }
            }
        }
        Self::weighted(colours)
    }

    /// The colours, as OKLab, and their weights, which sum to 1.
    pub fn colours(&self) -> &[([f64; 3], f64)] {
        &self.colours
    }

    fn weighted(mut colours: Vec<([f64; 3], f64)>) -> Self {
        let sum: f64 = colours.iter().map(|c| c.1).sum();
        for colour in &mut colours {
            colour.1 /= sum;
        }
        Self { colours }
    }
}
