//! Days, months and years, as a search asks for them.

use std::fmt;

use jiff::civil::Date;

/// A year, a month of it, or a day of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// From 1 to 9999.
    pub year: i16,
    /// From 1 to 12.
    pub month: Option<i8>,
    /// From 1 on.
    pub day: Option<i8>,
}

impl Day {
    /// Reads `1974`, `1974-06` or `1974-06-02`; the error says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split('-');
        let number = |part: Option<&str>, digits: usize| match part {
            None => Ok(None),
            Some(part) if part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()) => {
                Ok(part.parse::<i16>().ok())
            }
            Some(part) => Err(format!("\"{part}\" is not {digits} digits")),
        };
        let year = number(parts.next(), 4)?.filter(|year| *year > 0);
        let month = number(parts.next(), 2)?;
        let day = number(parts.next(), 2)?;
        if parts.next().is_some() {
            return Err("more than a year, a month and a day".to_owned());
        }
        let Some(year) = year else {
            return Err("there is no such year".to_owned());
        };
        let narrow = |value: Option<i16>| value.map(|value| i8::try_from(value).unwrap_or(i8::MAX));
        let (month, day) = (narrow(month), narrow(day));
        Date::new(year, month.unwrap_or(1), day.unwrap_or(1))
            .map_err(|_| "there is no such day".to_owned())?;
        Ok(Self { year, month, day })
    }

    /// Every time within it, written `1974-06-02T15:04:00`, is at least this text …
    pub(super) fn first(self) -> String {
        self.to_string()
    }

    /// … and less than this one: `~` comes after digits, `-` and `T`.
    pub(super) fn beyond(self) -> String {
        format!("{self}~")
    }

    /// The first and the last day, for comparing.
    pub(super) fn is_after(self, other: Self) -> bool {
        self.first() >= other.beyond()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        if let Some(month) = self.month {
            write!(f, "-{month:02}")?;
        }
        if let Some(day) = self.day {
            write!(f, "-{day:02}")?;
        }
        Ok(())
    }
}
