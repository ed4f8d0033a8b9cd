//! Colours that are wished for: what [`settings::PALETTE`](crate::settings::PALETTE) says, and how near a colour
//! comes to it.
//!
//! ```
//! use heirloom_engine::palette::Palette;
//!
//! let palette = Palette::parse("0.55 0.21 25 1;0.2 * * 0.5").map_err(|e| e.to_string())?;
//! assert_eq!(palette.to_string(), "0.2 * * 0.5;0.55 0.21 25 1");
//! // Lightness, a and b of OKLab: a dark red serves both wishes better than a light blue.
//! assert!(palette.miss([0.35, 0.16, 0.08]) < palette.miss([0.8, -0.05, -0.1]));
//! # Ok::<(), String>(())
//! ```

use std::fmt;

use heirloom_picture::oklab;

/// The distance in OKLab at which a colour is half as near as the wished one itself.
const HALF: f64 = 0.15;
/// What a wish for a hue alone asks for: so much chroma that way.
const TINT: f64 = 0.1;
/// The most wishes that are read.
const MOST: usize = 200;

/// One wish: a colour in OKLCH, or only some of its coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish {
    /// Lightness, 0 to 1; any where none.
    pub lightness: Option<f64>,
    /// Chroma, from 0 for greys to about 0.3; any where none.
    pub chroma: Option<f64>,
    /// Hue in degrees; any where none.
    pub hue: Option<f64>,
    /// How much it counts; below 0 for a colour to be kept away from.
    pub weight: f64,
}

impl Wish {
    /// How far a colour (OKLab: L, a, b) is from what is wished, over the coordinates that the wish has.
    pub fn distance(&self, [l, a, b]: [f64; 3]) -> f64 {
        let light = self.lightness.map_or(0.0, |wished| l - wished);
        let tint = match (self.chroma, self.hue) {
            (Some(c), Some(h)) => {
                let [_, wished_a, wished_b] = oklab::from_lch([0.0, c, h]);
                oklab::distance([0.0, a, b], [0.0, wished_a, wished_b])
            }
            (Some(c), None) => libm::sqrt(a * a + b * b) - c,
            (None, Some(h)) => {
                let [_, along_a, along_b] = oklab::from_lch([0.0, 1.0, h]);
                (TINT - (a * along_a + b * along_b)).max(0.0)
            }
            (None, None) => 0.0,
        };
        libm::sqrt(light * light + tint * tint)
    }

    /// How near a colour comes: 1 for the wished one itself, a half at a distance of 0.15.
    pub fn near(&self, lab: [f64; 3]) -> f64 {
        1.0 / (1.0 + self.distance(lab) / HALF)
    }

    /// Which coordinates it has.
    fn mask(&self) -> [bool; 3] {
        [
            self.lightness.is_some(),
            self.chroma.is_some(),
            self.hue.is_some(),
        ]
    }

    fn text(&self) -> [Option<f64>; 4] {
        [self.lightness, self.chroma, self.hue, Some(self.weight)]
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, part) in self.text().into_iter().enumerate() {
            if k > 0 {
                f.write_str(" ")?;
            }
            match part {
                // Three digits are more than any eye sees, and one text for one wish.
                Some(v) => write!(f, "{}", (v * 1000.0).round() / 1000.0)?,
                None => f.write_str("*")?,
            }
        }
        Ok(())
    }
}

/// All wishes of a shot.
///
/// Wishes that have the same coordinates are alternatives: of two colours, either will do. Those of different
/// coordinates are asked for together: a colour *and* a lightness.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Palette(pub Vec<Wish>);

/// A palette that can not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is no wish for a colour; write lightness, chroma, hue and weight, `*` for any: `0.55 0.21 25 1`"
)]
pub struct BadWish(pub String);

impl Palette {
    /// Reads the setting's text.
    ///
    /// # Errors
    /// A wish that is not four numbers or stars, is out of range, or has no coordinate at all.
    pub fn parse(text: &str) -> Result<Palette, BadWish> {
        let wish = |text: &str| -> Option<Wish> {
            let parts: Vec<&str> = text.split_whitespace().collect();
            let [l, c, h, w] = parts.as_slice() else {
                return None;
            };
            let number = |text: &str, most: f64| -> Option<f64> {
                text.parse().ok().filter(|v: &f64| v.abs() <= most)
            };
            let part = |text: &str, most: f64| -> Option<Option<f64>> {
                if text == "*" {
                    Some(None)
                } else {
                    number(text, most).map(Some)
                }
            };
            let wish = Wish {
                lightness: part(l, 2.0)?,
                chroma: part(c, 1.0)?,
                hue: part(h, 360.0)?,
                weight: number(w, 100.0)?,
            };
            wish.mask().contains(&true).then_some(wish)
        };
        let wishes: Vec<&str> = text.split(';').map(str::trim).filter(|w| !w.is_empty()).collect();
        if wishes.len() > MOST {
            return Err(BadWish(format!("{} wishes", wishes.len())));
        }
        wishes
            .into_iter()
            .map(|text| wish(text).ok_or_else(|| BadWish(text.chars().take(60).collect())))
            .collect::<Result<_, _>>()
            .map(Palette)
    }

    /// Whether nothing is wished for.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|wish| wish.weight == 0.0)
    }

    /// How far a colour (OKLab: L, a, b) is from serving the wishes, from 0, all that could be wished, to 1.
    pub fn miss(&self, lab: [f64; 3]) -> f64 {
        let (mut sum, mut all) = (0.0, 0.0);
        let mut judged: Vec<[bool; 3]> = Vec::new();
        for wish in &self.0 {
            if wish.weight < 0.0 {
                sum -= wish.weight * wish.near(lab);
                all -= wish.weight;
            } else if !judged.contains(&wish.mask()) {
                // The best of the alternatives, each as good as it counts among them.
                let group = || {
                    self.0
                        .iter()
                        .filter(|w| w.weight > 0.0 && w.mask() == wish.mask())
                };
                let most = group().map(|w| w.weight).fold(0.0, f64::max);
                let best = group().map(|w| w.weight * w.near(lab)).fold(0.0, f64::max);
                sum += most - best;
                all += most;
                judged.push(wish.mask());
            }
        }
        // A faint wish alone is a faint wish: only what counts more than 1 in all is evened out.
        (sum / f64::max(all, 1.0)).clamp(0.0, 1.0)
    }
}

impl fmt::Display for Palette {
    /// The setting's text, the wishes sorted, so that their order in a prompt changes no request.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        texts.sort();
        texts.dedup();
        f.write_str(&texts.join(";"))
    }
}

/// Reads the weights of sources ([`settings::WEIGHTS`](crate::settings::WEIGHTS)): numbers from 0 to 1 parted by
/// commas, as many as there are sources; `None` for anything else, and where none is above 0.
pub fn weights(text: &str, sources: usize) -> Option<Vec<f64>> {
    let weights: Vec<f64> = text
        .split(',')
        .map(|w| w.trim().parse().ok().filter(|w| (0.0..=1.0).contains(w)))
        .collect::<Option<_>>()?;
    (weights.len() == sources && weights.iter().any(|w| *w > 0.0)).then_some(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_and_written() {
        for text in ["0.55 0.21 25 1", "0.2 * * 0.5", "* * 60 -1", ""] {
            assert_eq!(Palette::parse(text).unwrap().to_string(), text);
        }
        for bad in [
            "0.5 0.2 25",
            "* * * 1",
            "a 0 0 1",
            "0.5 0.2 25 NaN",
            "0.5 0.2 900 1",
        ] {
            assert_eq!(Palette::parse(bad), Err(BadWish(bad.into())), "{bad}");
        }
        assert!(Palette::parse("0.5 0.2 25 0").unwrap().is_empty());
    }

    #[test]
    fn alternatives_and_what_is_asked_for_together() {
        let [red, blue] = [[0.6, 0.2, 0.1], [0.5, -0.05, -0.2]];
        let either = Palette::parse("0.6 0.22 27 1;0.5 0.2 256 1").unwrap();
        assert!(either.miss(red) < 0.2 && either.miss(blue) < 0.2);
        let dark_red = Palette::parse("* 0.22 27 1;0.1 * * 1").unwrap();
        assert!(dark_red.miss([0.3, 0.2, 0.1]) < dark_red.miss(red));
        assert!(dark_red.miss(red) < dark_red.miss([0.95, 0.0, 0.0]));
        let no_red = Palette::parse("0.6 0.22 27 -1").unwrap();
        assert!(no_red.miss(red) > 0.8 && no_red.miss(blue) < 0.4);
        let warm = Palette::parse("* * 60 1").unwrap();
        assert!(warm.miss([0.7, 0.1, 0.15]) < 0.01 && warm.miss(blue) > 0.5);
        let faint = Palette::parse("0.6 0.22 27 0.3").unwrap();
        assert!(faint.miss(blue) < 0.3);
    }

    #[test]
    fn weights_are_as_many_as_sources() {
        assert_eq!(weights("1, 0.4", 2), Some(vec![1.0, 0.4]));
        for bad in ["1", "1,2", "0,0", "a,1", "1,0.5,0", "NaN,1", ""] {
            assert_eq!(weights(bad, 2), None, "{bad}");
        }
    }
}
