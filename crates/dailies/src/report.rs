//! What the takes came to: shooting ratio, cost of each usable second, time waited; per shot and for the film.
//!
//! Usable is what is in the film: the frames of a shot that has a select. Takes of shots that are no longer in the film
//! count for the film, and stand in a line of their own.

use std::fmt;

use heirloom_film::Film;
use heirloom_vault::Vault;
use serde::Serialize;

use crate::index::{Index, IndexError, Tally};
use crate::plan::subject;

/// What the takes of one shot came to, or those of the film.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Line {
    /// Scene and shot, for people.
    pub label: String,
    /// Takes made.
    pub takes: u64,
    /// Takes chosen: 0 or 1 for a shot.
    pub chosen: u64,
    /// Frames of all takes.
    pub frames_made: u64,
    /// Frames of the film that selects are for.
    pub frames_used: u64,
    /// Those frames in seconds.
    pub usable_s: f64,
    /// US dollars spent, as far as it was written down.
    pub cost_usd: f64,
    /// Takes whose cost was written down.
    pub priced: u64,
    /// Seconds from asking to having, of all takes together.
    pub waited_s: f64,
    /// The longest that one take was waited for, in seconds.
    pub longest_s: f64,
}

impl Line {
    /// Takes made for each one chosen; none while none is.
    pub fn takes_for_one(&self) -> Option<f64> {
        (self.chosen > 0).then(|| self.takes as f64 / self.chosen as f64)
    }

    /// The shooting ratio: frames made for each frame used; none while none is.
    pub fn ratio(&self) -> Option<f64> {
        (self.frames_used > 0).then(|| self.frames_made as f64 / self.frames_used as f64)
    }

    /// US dollars for each usable second; none while nothing is usable or no take has a price.
    pub fn cost_for_second_usd(&self) -> Option<f64> {
        (self.usable_s > 0.0 && self.priced > 0).then(|| self.cost_usd / self.usable_s)
    }

    fn of(label: String, tally: &Tally) -> Line {
        Line {
            label,
            takes: tally.takes,
            chosen: tally.chosen,
            frames_made: tally.frames,
            cost_usd: tally.cost_usd,
            priced: tally.priced,
            waited_s: tally.waited_s,
            longest_s: tally.longest_s,
            ..Line::default()
        }
    }

    fn using(mut self, film: &Film, frames: u64) -> Line {
        self.frames_used = frames;
        self.usable_s = film.rate.seconds(frames);
        self
    }
}

/// What the takes of a film came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Every shot of the film that is made of takes or has some, in its order.
    pub shots: Vec<Line>,
    /// Takes of shots that are not in the film any more, if there are any.
    pub gone: Option<Line>,
    /// The film. A take that two shots asked for counts once.
    pub film: Line,
}

/// Counts up the takes of a film.
///
/// # Errors
/// [`IndexError`].
pub fn report(vault: &Vault, index: &Index, film: &Film) -> Result<Report, IndexError> {
    let tallies = index.tallies(vault)?;
    let mut left = tallies.shots;
    let mut report = Report::default();
    let mut used = 0;
    let mut chosen = 0;
    for (scene, shot) in film.shots() {
        let tally = left.remove(&subject(scene, shot)).unwrap_or_default();
        let is_plate = matches!(shot.kind, heirloom_film::Kind::Plate { .. });
        if is_plate && tally.takes == 0 {
            continue;
        }
        let frames = if tally.chosen > 0 {
            u64::from(shot.frames)
        } else {
            0
        };
        used += frames;
        chosen += tally.chosen;
        let label = format!("{} {}", scene.name, shot.name);
        report.shots.push(Line::of(label, &tally).using(film, frames));
    }
    let gone = left
        .into_values()
        .fold(Tally::default(), |all, one| all.and(&one));
    if gone.takes > 0 {
        report.gone = Some(Line::of("shots no longer in the film".into(), &gone));
    }
    report.film = Line::of("the film".into(), &tallies.film).using(film, used);
    report.film.chosen = chosen;
    Ok(report)
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: Option<f64>, places: usize| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.places$}"))
        };
        write!(
            f,
            "{:<28} {:>7} {:>6} {:>8} {:>9} {:>10} {:>9}",
            self.label,
            self.takes,
            self.chosen,
            number(self.ratio(), 1),
            number((self.priced > 0).then_some(self.cost_usd), 2),
            number(self.cost_for_second_usd(), 2),
            duration(self.waited_s),
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<28} {:>7} {:>6} {:>8} {:>9} {:>10} {:>9}",
            "", "takes", "chosen", "ratio", "cost $", "$ a second", "waited"
        )?;
        for line in self.shots.iter().chain(&self.gone) {
            writeln!(f, "{line}")?;
        }
        write!(f, "{}", self.film)?;
        let unpriced = self.film.takes - self.film.priced.min(self.film.takes);
        if unpriced > 0 && self.film.priced > 0 {
            write!(f, "\nof {unpriced} takes no cost was written down")?;
        }
        Ok(())
    }
}

/// Seconds as people say them.
fn duration(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min", whole / 60),
        _ => format!("{} h {:02}", whole / 3600, whole % 3600 / 60),
    }
}
