//! What a draw costs, by the film file or the engine's card.

use heirloom_engine::Request;
use heirloom_engine::card::Price;
use heirloom_film::{StatedPrice, Usd};
use serde::Serialize;

use super::Caps;

/// Who says what a draw costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PricedBy {
    /// The film's file.
    Film,
    /// The engine's card.
    Card,
}

/// What a draw costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Quote {
    /// The amount; none where nobody knows.
    pub usd: Option<Usd>,
    /// Who says so.
    pub by: PricedBy,
}

impl Quote {
    /// Whether it costs nothing, for certain.
    pub fn is_free(&self) -> bool {
        self.usd == Some(Usd::ZERO)
    }
}

/// What one draw of a request costs: by the price that the film states for the engine, else by its card's. Parts of a
/// millionth of a dollar are rounded up.
pub fn quote(price: &Price, request: &Request, caps: &Caps) -> Quote {
    let (rate, frames) = (request.rate, u64::from(request.frames));
    let for_seconds = |usd: Usd| usd.times(frames * u64::from(rate.den()), u64::from(rate.num()));
    if let Some(stated) = caps.stated(&request.engine) {
        let usd = match stated {
            StatedPrice::PerDraw(usd) => usd,
            StatedPrice::PerSecond(usd) => for_seconds(usd),
        };
        return Quote {
            usd: Some(usd),
            by: PricedBy::Film,
        };
    }
    let usd = match price {
        Price::Free => Some(Usd::ZERO),
        Price::PerSecondUsd(dollars) => exact(*dollars).map(for_seconds),
        Price::PerFrameUsd(dollars) => exact(*dollars).map(|usd| usd.times(frames, 1)),
        Price::PerDrawUsd(dollars) => exact(*dollars),
        Price::Unknown => None,
    };
    Quote {
        usd,
        by: PricedBy::Card,
    }
}

/// A card's number as an exact amount: its shortest decimal digits are what its maker wrote. None for what is no price.
fn exact(dollars: f64) -> Option<Usd> {
    if !dollars.is_finite() || dollars < 0.0 {
        return None;
    }
    Usd::parse(&format!("{dollars}")).ok().or_else(|| {
        // Finer than a millionth, or beyond all prices.
        let micros = libm::ceil(dollars * 1e6);
        (micros < 1e15).then_some(Usd::from_micros(micros as u64))
    })
}
