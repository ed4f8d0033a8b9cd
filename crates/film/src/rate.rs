//! Exact frame rates: time is a count of frames at a rational rate, never a float of seconds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A frame rate as a reduced fraction of frames a second, between 1 and 1000.
///
/// ```
/// use heirloom_film::Rate;
///
/// let rate = Rate::parse("24000/1001")?;
/// assert_eq!((rate.num(), rate.den()), (24000, 1001));
/// assert_eq!(rate.nanoseconds(24), 1_001_000_000);
/// assert_eq!(rate.timecode(24 * 61 + 5).to_string(), "00:01:01:05");
/// # Ok::<(), heirloom_film::RateError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    num: u32,
    den: u32,
}

/// Why a text is no frame rate; the message says the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// A decimal such as `23.976`, which is not exact.
    #[error("`{text}` is a rounded rate; {mend}")]
    Rounded {
        /// What was written.
        text: String,
        /// The exact rate that was probably meant, as advice.
        mend: String,
    },
    /// Neither a whole number nor a fraction of two.
    #[error(
        "`{0}` is not a frame rate; write a whole number such as `24` or a fraction such as `24000/1001`"
    )]
    NotARate(String),
    /// Outside 1 to 1000 frames a second.
    #[error("a rate of {0} frames a second is out of range; write one from 1 to 1000")]
    OutOfRange(String),
}

impl RateError {
    /// The mend alone, for messages that show it apart from what was wrong.
    pub fn mend(&self) -> String {
        match self {
            RateError::Rounded { mend, .. } => mend.clone(),
            RateError::NotARate(_) => {
                "write a whole number such as \"24\" or a fraction such as \"24000/1001\"".into()
            }
            RateError::OutOfRange(_) => "write a rate from 1 to 1000 frames a second".into(),
        }
    }
}

impl Rate {
    /// 24 frames a second, the rate of a film that names none.
    pub const CINEMA: Rate = Rate { num: 24, den: 1 };

    /// The rate `num / den` frames a second, reduced.
    ///
    /// # Errors
    /// [`RateError::OutOfRange`] when `den` is 0 or the rate lies outside 1 to 1000.
    pub fn new(num: u32, den: u32) -> Result<Rate, RateError> {
        if den == 0 || num < den || u64::from(num) > 1000 * u64::from(den) {
            return Err(RateError::OutOfRange(format!("{num}/{den}")));
        }
        let shared = greatest_common_divisor(num, den);
        Ok(Rate {
            num: num / shared,
            den: den / shared,
        })
    }

    /// Reads `"24"` or `"24000/1001"`.
    ///
    /// # Errors
    /// Decimals are refused with the exact rate they stand for, since 23.976 is no rate of anything.
    pub fn parse(text: &str) -> Result<Rate, RateError> {
        let text = text.trim();
        let whole = |part: &str| -> Option<u32> {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if digits { part.parse().ok() } else { None }
        };
        if let Some((num, den)) = text.split_once('/') {
            return match (whole(num.trim()), whole(den.trim())) {
                (Some(num), Some(den)) => Rate::new(num, den),
                _ => Err(RateError::NotARate(text.into())),
            };
        }
        if let Some(num) = whole(text) {
            return Rate::new(num, 1);
        }
        Err(match exact_for_decimal(text) {
            Some(exact) => RateError::Rounded {
                text: text.into(),
                mend: format!("write \"{exact}\", which is exact"),
            },
            None => RateError::NotARate(text.into()),
        })
    }

    /// Numerator of the reduced fraction, in frames.
    pub fn num(self) -> u32 {
        self.num
    }

    /// Denominator of the reduced fraction, in seconds.
    pub fn den(self) -> u32 {
        self.den
    }

    /// The whole number of frames that timecode counts to a second: the rate rounded to the nearest.
    pub fn nominal(self) -> u32 {
        // num/den is at most 1000, so the sum cannot overflow u64 nor the quotient u32.
        ((u64::from(self.num) * 2 + u64::from(self.den)) / (u64::from(self.den) * 2)) as u32
    }

    /// Start of frame `frame` in nanoseconds from frame 0, rounded to the nearest nanosecond.
    pub fn nanoseconds(self, frame: u64) -> u128 {
        let num = u128::from(self.num);
        (u128::from(frame) * u128::from(self.den) * 1_000_000_000 + num / 2) / num
    }

    /// The frame that begins at `nanoseconds` or is on screen then. The inverse of [`Rate::nanoseconds`]:
    /// the time of a frame's start, rounded as it is there, gives back that frame.
    ///
    /// ```
    /// let rate = heirloom_film::Rate::parse("24000/1001")?;
    /// assert_eq!(rate.frame_at(rate.nanoseconds(1001)), 1001);
    /// # Ok::<(), heirloom_film::RateError>(())
    /// ```
    pub fn frame_at(self, nanoseconds: u128) -> u64 {
        // Past u64 nanoseconds (584 years) the answer is of no use to anyone; clamping keeps it total.
        let nanoseconds = nanoseconds.min(u128::from(u64::MAX));
        let scale = u128::from(self.den) * 1_000_000_000;
        let frame = (nanoseconds * u128::from(self.num) / scale) as u64;
        // A start rounded down by less than a nanosecond still belongs to the frame that starts there.
        if self.nanoseconds(frame + 1) <= nanoseconds {
            frame + 1
        } else {
            frame
        }
    }

    /// How many frames begin in `seconds` whole seconds, rounded to the nearest.
    pub fn frames_in(self, seconds: u32) -> u64 {
        let (num, den) = (u64::from(self.num), u64::from(self.den));
        (u64::from(seconds) * num * 2 + den) / (den * 2)
    }

    /// Duration of `frames` frames in seconds. For showing to people only; nothing is computed from it.
    pub fn seconds(self, frames: u64) -> f64 {
        frames as f64 * f64::from(self.den) / f64::from(self.num)
    }

    /// Timecode of frame `frame`, counted from `00:00:00:00` without dropping numbers.
    pub fn timecode(self, frame: u64) -> Timecode {
        let per_second = u64::from(self.nominal());
        let seconds = frame / per_second;
        Timecode {
            hours: seconds / 3600,
            minutes: (seconds / 60 % 60) as u8,
            seconds: (seconds % 60) as u8,
            frames: (frame % per_second) as u16,
            digits: if per_second > 100 { 3 } else { 2 },
        }
    }
}

fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

/// The exact rate a decimal stands for: an NTSC rate when within 0.02 of one, else the whole number.
fn exact_for_decimal(text: &str) -> Option<String> {
    let value: f64 = text.parse().ok()?;
    if !(1.0..=1000.0).contains(&value) {
        return None;
    }
    let whole = value.round();
    if (value - whole).abs() < 0.001 {
        return Some(format!("{whole}"));
    }
    let above = value.ceil();
    if (value - above * 1000.0 / 1001.0).abs() < 0.02 {
        return Some(format!("{}/1001", above * 1000.0));
    }
    let thousandths = (value * 1000.0).round() as u32;
    Rate::new(thousandths, 1000).ok().map(|rate| rate.to_string())
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.den == 1 {
            write!(f, "{}", self.num)
        } else {
            write!(f, "{}/{}", self.num, self.den)
        }
    }
}

impl Default for Rate {
    fn default() -> Rate {
        Rate::CINEMA
    }
}

impl FromStr for Rate {
    type Err = RateError;
    fn from_str(text: &str) -> Result<Rate, RateError> {
        Rate::parse(text)
    }
}

impl TryFrom<String> for Rate {
    type Error = RateError;
    fn try_from(text: String) -> Result<Rate, RateError> {
        Rate::parse(&text)
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> String {
        rate.to_string()
    }
}

/// A frame's place as `HH:MM:SS:FF`. At rates that are no whole number it counts at the nominal rate
/// and drops no numbers, so it runs a little behind the clock, as editors expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timecode {
    /// Hours, not wrapped at 24.
    pub hours: u64,
    /// Minutes, 0 to 59.
    pub minutes: u8,
    /// Seconds, 0 to 59.
    pub seconds: u8,
    /// Frames within the second.
    pub frames: u16,
    digits: usize,
}

impl fmt::Display for Timecode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Timecode {
            hours,
            minutes,
            seconds,
            frames,
            digits,
        } = self;
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}:{frames:0digits$}")
    }
}
