//! Prompts that stand for many: alternatives, weights and ranges.
//!
//! ```
//! use heirloom_dailies::pattern::Pattern;
//!
//! let pattern = Pattern::parse("a {calm|stormy::2} sea, {1..3} boats")?;
//! assert_eq!(pattern.pick(0), "a calm sea, 1 boats");
//! let all: Vec<String> = (0..300).map(|n| pattern.pick(n)).collect();
//! let stormy = all.iter().filter(|text| text.contains("stormy")).count();
//! assert!((195..=205).contains(&stormy));
//! # Ok::<(), heirloom_dailies::pattern::PatternError>(())
//! ```
//!
//! `{a|b|c}` stands for one of them, `b::2` for one that comes twice as often. `{0.2..0.8}` stands for a number between,
//! with as many decimals as its ends have. They may stand within one another. `\{`, `\}`, `\|` and `\\` are the characters
//! themselves.
//!
//! Which one is taken is told by the number of the variation alone: number 0 takes the first of everything, and over any
//! stretch of numbers each comes as often as its weight says, as evenly as can be: the places follow an additive recurrence of
//! low discrepancy (M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018), one dimension for each choice.

use std::fmt::Write;

/// Most choices in one text: more dimensions are no longer spread evenly.
pub const MOST_CHOICES: usize = 24;
/// How deep choices may stand within one another.
const DEEPEST: usize = 8;

/// A text that stands for many.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    parts: Vec<Part>,
    choices: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    /// Alternatives with their weights; the dimension that tells which.
    One(usize, Vec<(f64, Vec<Part>)>),
    /// Lowest, highest, decimals; the dimension that tells where between.
    Range(usize, f64, f64, usize),
}

/// A pattern that cannot be read. Every message says the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A brace without its other.
    #[error("the brace in \"{at}\" has no other: close it with a }}, or write \\{{ for the character itself")]
    Open {
        /// The text from the brace on.
        at: String,
    },
    /// A closing brace that nothing opened.
    #[error(
        "the }} after \"{before}\" closes nothing: open it with a {{, or write \\}} for the character itself"
    )]
    Closed {
        /// The text before it.
        before: String,
    },
    /// A weight that is none.
    #[error(
        "\"{weight}\" is no weight: write a number above 0 and up to 1000 after the two colons, as in {{calm|stormy::2}}"
    )]
    Weight {
        /// What was written.
        weight: String,
    },
    /// A range that is none.
    #[error("{{{range}}} is no range: write the lower number first, as in {{0.2..0.8}}")]
    Range {
        /// What was written.
        range: String,
    },
    /// More choices than are spread evenly.
    #[error(
        "there are more than {MOST_CHOICES} choices, or they stand more than {DEEPEST} deep: write fewer, or two prompts"
    )]
    TooMany,
}

impl Pattern {
    /// Reads a pattern. A text without braces stands for itself.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut reader = Reader {
            text,
            at: 0,
            choices: 0,
        };
        let parts = reader.parts(0)?;
        if reader.at < text.len() {
            let before: String = text[..reader.at].chars().rev().take(20).collect();
            return Err(PatternError::Closed {
                before: before.chars().rev().collect(),
            });
        }
        Ok(Self {
            parts,
            choices: reader.choices,
        })
    }

    /// Whether it stands for more than one text.
    pub fn varies(&self) -> bool {
        self.choices > 0
    }

    /// The text of a variation, from 0.
    pub fn pick(&self, n: u32) -> String {
        let mut out = String::new();
        write(&self.parts, &mut out, n, self.choices);
        if !self.varies() {
            return out;
        }
        // Where an alternative is empty, two spaces meet.
        let mut text = out
            .split(' ')
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        for mark in [",", ".", ";"] {
            text = text.replace(&format!(" {mark}"), mark);
        }
        text
    }
}

/// A text as a pattern that stands for just this text.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '{' | '}' | '|' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Where variation `n` lies in dimension `k` of so many, from 0 on and below 1.
///
/// The steps are powers of the inverse of the generalised golden ratio: the root above 1 of x^(d+1) = x + 1.
pub(crate) fn place(n: u32, k: usize, dimensions: usize) -> f64 {
    let d = dimensions.max(1) as f64;
    let mut root = 2.0_f64;
    for _ in 0..40 {
        root = libm::pow(1.0 + root, 1.0 / (d + 1.0));
    }
    let step = libm::pow(root, -(k as f64 + 1.0));
    let at = step * f64::from(n);
    at - libm::floor(at)
}

fn write(parts: &[Part], out: &mut String, n: u32, dimensions: usize) {
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::One(k, all) => {
                let whole: f64 = all.iter().map(|(weight, _)| weight).sum();
                let at = place(n, *k, dimensions) * whole;
                let mut upto = 0.0;
                let chosen = all.iter().find(|(weight, _)| {
                    upto += weight;
                    at < upto
                });
                if let Some((_, parts)) = chosen.or(all.last()) {
                    write(parts, out, n, dimensions);
                }
            }
            Part::Range(k, low, high, decimals) => {
                // Whole numbers come equally often, the last as often as the first.
                let step = libm::pow(10.0, -(*decimals as f64));
                let steps = libm::round((high - low) / step) + 1.0;
                let at = libm::floor(place(n, *k, dimensions) * steps).min(steps - 1.0);
                // Writing to a string does not fail.
                let _ = write!(out, "{:.*}", decimals, low + at * step);
            }
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    choices: usize,
}

impl Reader<'_> {
    fn next(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// Parts up to the end, or to what closes or divides the alternative that they stand in.
    fn parts(&mut self, depth: usize) -> Result<Vec<Part>, PatternError> {
        let (mut parts, mut text) = (Vec::new(), String::new());
        while let Some(c) = self.next() {
            match c {
                '}' => break,
                '|' if depth > 0 => break,
                '{' => {
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text)));
                    }
                    parts.push(self.choice(depth + 1)?);
                }
                '\\' => {
                    self.at += 1;
                    match self.next() {
                        Some(c @ ('{' | '}' | '|' | '\\')) => {
                            text.push(c);
                            self.at += 1;
                        }
                        _ => text.push('\\'),
                    }
                }
                c => {
                    text.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(parts)
    }

    /// From an opening brace to behind its closing one.
    fn choice(&mut self, depth: usize) -> Result<Part, PatternError> {
        let start = self.at;
        self.at += 1;
        let dimension = self.choices;
        self.choices += 1;
        if self.choices > MOST_CHOICES || depth > DEEPEST {
            return Err(PatternError::TooMany);
        }
        let inner = self.text[self.at..].split('}').next().unwrap_or_default();
        if let Some((low, high)) = inner.split_once("..")
            && !inner.contains(['{', '|'])
        {
            let part = range(dimension, low.trim(), high.trim()).ok_or_else(|| PatternError::Range {
                range: inner.to_owned(),
            });
            // Words with two points between them, and no numbers, are words.
            if part.is_ok() || low.trim().parse::<f64>().is_ok() {
                self.at += inner.len();
                self.close(start)?;
                return part;
            }
        }
        let mut all = Vec::new();
        loop {
            let mut parts = self.parts(depth)?;
            all.push((weight(&mut parts)?, parts));
            if self.next() != Some('|') {
                break;
            }
            self.at += 1;
        }
        self.close(start)?;
        Ok(Part::One(dimension, all))
    }

    fn close(&mut self, start: usize) -> Result<(), PatternError> {
        if self.next() == Some('}') {
            self.at += 1;
            return Ok(());
        }
        Err(PatternError::Open {
            at: self.text[start..].chars().take(24).collect(),
        })
    }
}

/// Takes the weight off the end of an alternative.
fn weight(parts: &mut [Part]) -> Result<f64, PatternError> {
    let Some(Part::Text(text)) = parts.last_mut() else {
        return Ok(1.0);
    };
    let Some((before, after)) = text.rsplit_once("::") else {
        return Ok(1.0);
    };
    let weight = after
        .trim()
        .parse()
        .ok()
        .filter(|w: &f64| *w > 0.0 && *w <= 1000.0);
    let weight = weight.ok_or_else(|| PatternError::Weight {
        weight: after.trim().to_owned(),
    })?;
    *text = before.trim_end().to_owned();
    Ok(weight)
}

fn range(dimension: usize, low: &str, high: &str) -> Option<Part> {
    let decimals = |text: &str| text.split_once('.').map_or(0, |(_, after)| after.len());
    let places = decimals(low).max(decimals(high)).min(6);
    let (low, high): (f64, f64) = (low.parse().ok()?, high.parse().ok()?);
    (low.is_finite() && high.is_finite() && low <= high && high.abs() < 1e9)
        .then_some(Part::Range(dimension, low, high, places))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn picks(text: &str, count: u32) -> BTreeMap<String, u32> {
        let pattern = Pattern::parse(text).unwrap();
        let mut all = BTreeMap::new();
        for n in 0..count {
            *all.entry(pattern.pick(n)).or_insert(0) += 1;
        }
        all
    }

    #[test]
    fn alternatives_come_as_often_as_they_weigh() {
        let all = picks("{a|b::2|c::0.5} day", 700);
        for (text, expected) in [("a day", 200), ("b day", 400), ("c day", 100)] {
            assert!(all[text].abs_diff(expected) <= 4, "{all:?}");
        }
        // Two choices are spread over all their pairs.
        let pairs = picks("{a|b} {c|d|e}", 600);
        assert_eq!(pairs.len(), 6);
        assert!(pairs.values().all(|count| count.abs_diff(100) <= 12), "{pairs:?}");
    }

    #[test]
    fn ranges_and_nests_and_escapes() {
        let all = picks("{1..4} boats", 400);
        assert_eq!(
            all.keys().map(String::as_str).collect::<Vec<_>>(),
            ["1 boats", "2 boats", "3 boats", "4 boats"]
        );
        assert!(all.values().all(|count| count.abs_diff(100) <= 4), "{all:?}");
        let tenths = picks("{0.8..1.0}", 30);
        assert_eq!(
            tenths.keys().map(String::as_str).collect::<Vec<_>>(),
            ["0.8", "0.9", "1.0"]
        );
        assert_eq!(
            picks("{a {b|c}|d}", 40)
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>(),
            ["a b", "a c", "d"]
        );
        assert_eq!(
            Pattern::parse(r"\{a\|b\} and \\").unwrap().pick(3),
            r"{a|b} and \"
        );
        assert_eq!(picks("the {|dark} sea, {wide|}", 30).len(), 4);
        assert!(picks("the sea {|, wide}", 9).contains_key("the sea, wide"));
        assert!(Pattern::parse("either | or").is_ok_and(|p| !p.varies()));
        assert_eq!(Pattern::parse("{wait..what}").unwrap().pick(0), "wait..what");
    }

    #[test]
    fn mistakes_say_their_mend() {
        for (text, mend) in [
            ("a {b|c", "close it with a }"),
            ("a } b", "closes nothing"),
            ("{a|b::x}", "is no weight"),
            ("{a::0|b}", "is no weight"),
            ("{3..1}", "lower number first"),
            ("{1..x}", "lower number first"),
            (&"{a|b}".repeat(25), "more than 24 choices"),
            (&"{".repeat(9), "8 deep"),
        ] {
            let error = Pattern::parse(text).unwrap_err().to_string();
            assert!(error.contains(mend), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn escaped_text_stands_for_itself(text in "\\PC{0,40}") {
            let pattern = Pattern::parse(&escaped(&text)).unwrap();
            prop_assert!(!pattern.varies());
            prop_assert_eq!(pattern.pick(5), text);
        }

        #[test]
        fn any_text_is_a_pattern_or_an_error(text in "[a-c {}|:.\\\\0-9]{0,40}", n: u32) {
            match Pattern::parse(&text) {
                Ok(pattern) => drop(pattern.pick(n)),
                Err(error) => prop_assert!(error.to_string().len() > 20),
            }
        }
    }
}
