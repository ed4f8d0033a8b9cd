//! What may be spent: `[budget]`, and `budget_usd` of a scene.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::toml::{Table, Value};

/// Most that an amount in `film.toml` may be, in dollars.
const MOST_DOLLARS: u64 = 1_000_000_000;
/// Longest name of an engine, in characters.
const MAX_ENGINE: usize = 64;

/// An amount of US dollars, exact: whole millionths of a dollar. Sums of it are the same in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(u64);

/// Text that is no amount of dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsdError {
    /// It is below zero.
    #[error("an amount is not below zero; write 0 or more")]
    Negative,
    /// It is not written with digits and one point.
    #[error("an amount is written with digits and a point, such as 12.50")]
    NoNumber,
    /// It is finer than a millionth of a dollar.
    #[error("an amount has at most six digits after the point")]
    TooFine,
    /// It is more than any film costs.
    #[error("an amount is at most {MOST_DOLLARS} dollars")]
    TooMuch,
}

impl Usd {
    /// Nothing.
    pub const ZERO: Usd = Usd(0);
    /// The most that can be written down.
    pub const MOST: Usd = Usd::from_dollars(MOST_DOLLARS);

    /// So many millionths of a dollar.
    pub const fn from_micros(micros: u64) -> Usd {
        Usd(micros)
    }

    /// So many whole dollars, or as many as there can be.
    pub const fn from_dollars(dollars: u64) -> Usd {
        Usd(dollars.saturating_mul(1_000_000))
    }

    /// In millionths of a dollar.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// In dollars, for people and for numbers that nothing is decided by.
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The sum; the most there can be where it is beyond that.
    #[must_use]
    pub const fn plus(self, other: Usd) -> Usd {
        Usd(self.0.saturating_add(other.0))
    }

    /// What is left when `other` is taken away; nothing where that is more.
    #[must_use]
    pub const fn less(self, other: Usd) -> Usd {
        Usd(self.0.saturating_sub(other.0))
    }

    /// This times `over / under`, rounded up to a millionth of a dollar; the most there can be where it is beyond that, or
    /// `under` is 0.
    #[must_use]
    pub fn times(self, over: u64, under: u64) -> Usd {
        let product = u128::from(self.0) * u128::from(over);
        let part = product
            .checked_add(u128::from(under).saturating_sub(1))
            .and_then(|sum| sum.checked_div(u128::from(under)));
        Usd(part.and_then(|part| u64::try_from(part).ok()).unwrap_or(u64::MAX))
    }

    /// An amount of dollars from its decimal digits, exactly: `12.50`, `500`, `1_000.0`.
    ///
    /// # Errors
    /// [`UsdError`].
    pub fn parse(text: &str) -> Result<Usd, UsdError> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let digits = digits.replace('_', "");
        let (whole, part) = digits.split_once('.').unwrap_or((&digits, ""));
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(part) {
            return Err(UsdError::NoNumber);
        }
        let part = part.trim_end_matches('0');
        if part.len() > 6 {
            return Err(UsdError::TooFine);
        }
        let dollars: u64 = whole.parse().map_err(|_| UsdError::TooMuch)?;
        let micros: u64 = format!("{part:0<6}").parse().map_err(|_| UsdError::NoNumber)?;
        if dollars > MOST_DOLLARS || (dollars == MOST_DOLLARS && micros > 0) {
            return Err(UsdError::TooMuch);
        }
        let amount = Usd(dollars * 1_000_000 + micros);
        if negative && amount > Usd::ZERO {
            return Err(UsdError::Negative);
        }
        Ok(amount)
    }

    /// The digits alone, at least two after the point: `12.50`.
    pub fn decimal(self) -> String {
        let (whole, part) = (self.0 / 1_000_000, format!("{:06}", self.0 % 1_000_000));
        let kept = part.trim_end_matches('0').len().max(2);
        format!("{whole}.{}", part.get(..kept).unwrap_or(&part))
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("${}", self.decimal()))
    }
}

impl std::iter::Sum for Usd {
    fn sum<I: Iterator<Item = Usd>>(all: I) -> Usd {
        all.fold(Usd::ZERO, Usd::plus)
    }
}

impl Serialize for Usd {
    /// As its digits in text: a reader that makes a float of every number shall not round it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.decimal())
    }
}

/// What may be spent on the film and with each engine, `[budget]`. A cap that is not given is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// The most that the film may cost.
    pub usd: Option<Usd>,
    /// By the engine's name.
    pub engines: BTreeMap<String, EngineBudget>,
}

/// What may be spent with one engine, and what it asks, `[budget.engines.NAME]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EngineBudget {
    /// The most that may be spent with it.
    pub usd: Option<Usd>,
    /// Its price, where the film states one: it stands before that of the engine's card.
    pub price: Option<StatedPrice>,
}

/// A price that a film states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StatedPrice {
    /// For each draw, however long.
    PerDraw(Usd),
    /// For each second of picture.
    PerSecond(Usd),
}

/// `[budget]`.
pub(crate) fn budget(mut table: Table<'_>) -> Budget {
    table.describe("[budget]");
    let usd = table.get("usd").and_then(|v| amount(&v));
    let mut engines = BTreeMap::new();
    if let Some(mut named) = table.get("engines").and_then(|v| v.table()) {
        for (name, value) in named.entries() {
            if name.trim().is_empty() || name.chars().count() > MAX_ENGINE {
                value.fault(
                    format!("\"{}\" is not the name of an engine", name.escape_debug()),
                    "write the engine's name as shots do: `[budget.engines.weightless]`",
                );
                continue;
            }
            if value.written().parse::<f64>().is_ok() {
                value.fault(
                    format!("the budget of the engine `{name}` is a number alone"),
                    format!("write `{name} = {{ usd = {} }}`", value.written()),
                );
                continue;
            }
            if let Some(table) = value.table() {
                engines.insert(name.to_owned(), engine(table, &value, name));
            }
        }
    }
    table.finish(&[
        ("engine", "engines"),
        ("dollars", "usd"),
        ("cap", "usd"),
        ("limit", "usd"),
        ("max", "usd"),
        ("film", "usd"),
        ("total", "usd"),
    ]);
    Budget { usd, engines }
}

fn engine(mut table: Table<'_>, value: &Value<'_>, name: &str) -> EngineBudget {
    table.describe(format!("the budget of the engine `{name}`"));
    let empty = table.is_empty();
    let both = table.has("usd_per_draw") && table.has("usd_per_second");
    let mut ask = |key| table.get(key).and_then(|v| amount(&v));
    let usd = ask("usd");
    let (draw, second) = (ask("usd_per_draw"), ask("usd_per_second"));
    if both {
        value.fault(
            format!("the engine `{name}` has two prices"),
            "keep one of `usd_per_draw` and `usd_per_second`",
        );
    }
    if empty {
        value.fault(
            format!("nothing is said of the engine `{name}` here"),
            "write `usd = 100.0` for the most that it may cost, `usd_per_draw = 0.4` for its price, or delete it",
        );
    }
    table.finish(&[
        ("price", "usd_per_draw"),
        ("per_draw", "usd_per_draw"),
        ("per_second", "usd_per_second"),
        ("cap", "usd"),
        ("limit", "usd"),
        ("max", "usd"),
    ]);
    let price = draw
        .map(StatedPrice::PerDraw)
        .or_else(|| second.map(StatedPrice::PerSecond));
    EngineBudget { usd, price }
}

/// An amount of dollars, read from its digits and never from a float.
pub(crate) fn amount(value: &Value<'_>) -> Option<Usd> {
    if value.is_string() || value.is_list() {
        // Says what is there in its stead.
        value.number(0.0..=MOST_DOLLARS as f64)?;
        return None;
    }
    let written = value.written();
    match Usd::parse(written) {
        Ok(usd) => Some(usd),
        Err(error) => {
            let number = written.replace('_', "").parse::<f64>();
            if let Ok(number) = number
                && error == UsdError::NoNumber
                && number.is_finite()
            {
                value.fault(
                    format!("{written} is not written as an amount of dollars"),
                    format!("write it out, with at most six digits after the point: `{number}`"),
                );
            } else if number.is_ok() {
                let what = error.to_string();
                let (what, mend) = what.split_once("; ").unwrap_or((&what, ""));
                let mend = match (error, mend) {
                    (UsdError::TooFine, _) => "round it to a millionth of a dollar",
                    (UsdError::TooMuch, _) => "write less, or delete the line: then there is no cap",
                    (_, "") => "write a number such as `12.50`; 0 lets nothing be spent",
                    (_, mend) => mend,
                };
                value.fault(format!("{what}, but this is {written}"), mend);
            } else {
                value.number(0.0..=MOST_DOLLARS as f64)?;
            }
            None
        }
    }
}
