//! The words of one shot on their way into its request.

use std::collections::BTreeMap;

use heirloom_archive::{Media, Source};
use heirloom_engine::{Param, settings};
use heirloom_film::{Kind, Motion, Scene, Shot};

use crate::plan::Desk;
use crate::words::{self, Reading, Resolved, ShotWords};

/// What the words of a shot come to.
pub(crate) struct Wording {
    /// Its prompt and mood, read.
    pub reading: Reading,
    /// Its settings, words worked in.
    pub resolved: Resolved,
    /// How much each source counts, as the setting has it.
    weights: Option<String>,
}

impl Wording {
    /// The words of a shot, worked into its settings; sources come later.
    pub fn new(desk: &Desk<'_>, shot: &Shot) -> Wording {
        let reading = desk.words.read(&shot.prompt, &shot.mood);
        Wording {
            resolved: words::resolve(desk.words, &reading, shot),
            reading,
            weights: None,
        }
    }

    /// Weighs the shot's sources; `names` are what they are called, and `chosen` says that words chose them.
    pub fn weigh(&mut self, desk: &Desk<'_>, sources: &[Source], names: &[String], chosen: bool) {
        self.weights = words::weigh(
            desk.words,
            &self.reading,
            &self.resolved.palette,
            sources,
            names,
            chosen,
            desk.measured,
            &mut self.resolved.told,
        );
        if desk.explain {
            self.shares(sources, desk);
        }
    }

    /// What every word did; those that did nothing are told why.
    pub fn told(self, scene: &Scene, shot: &Shot) -> ShotWords {
        let mut told = self.resolved.told;
        let chosen = matches!(shot.kind, Kind::Living { .. } | Kind::Still { .. }) && shot.sources.is_empty();
        for (told, spoken) in told.iter_mut().zip(&self.reading.spoken) {
            if !told.deeds.is_empty() {
                continue;
            }
            told.nothing(if !spoken.is_known() {
                "not among the words, nor of use to tell the shot's sources apart"
            } else if chosen {
                "no photograph that may be used has it"
            } else {
                "it could only tell the shot's sources apart, and does not"
            });
        }
        ShotWords {
            shot: format!("{} {}", scene.name, shot.name),
            kind: shot.kind.word(),
            language: self.reading.language,
            told,
        }
    }

    /// Tells colour words how much of them the sources have.
    fn shares(&mut self, sources: &[Source], desk: &Desk<'_>) {
        let colors: Vec<_> = sources
            .iter()
            .filter(|s| s.media == Media::Photograph)
            .filter_map(|s| desk.measured.colors(&s.object))
            .collect();
        if colors.is_empty() || self.resolved.palette.is_empty() {
            return;
        }
        for (told, spoken) in self.resolved.told.iter_mut().zip(&self.reading.spoken) {
            let wishes = desk.words.wishes(spoken);
            if wishes.is_empty() || !told.did_something() {
                continue;
            }
            let share: f64 = wishes
                .iter()
                .map(|wish| colors.iter().map(|c| c.share_of(wish)).sum::<f64>() / colors.len() as f64)
                .sum();
            let percent = (share.min(1.0) * 100.0).round();
            told.did(match percent {
                0.0 => "the sources have none of it, so what is nearest comes forward".to_owned(),
                percent => format!("the sources have {percent} % of it"),
            });
        }
    }

    /// The settings of the shot's request: what it says by hand, and what its words fill in.
    pub fn params(&self) -> BTreeMap<String, Param> {
        // What a person wrote as 0.4 should stand in the request as 0.4, not as the nearest f32 in all its digits.
        let number = |v: f32| Param::Number((f64::from(v) * 1e6).round() / 1e6);
        let mut params = BTreeMap::from([(settings::FINISH.to_owned(), number(self.resolved.finish))]);
        if let Some(scale) = self.resolved.scale {
            params.insert(settings::SCALE.into(), number(scale));
        }
        if let Some(Motion {
            flow,
            speed,
            direction_deg,
            steady,
        }) = &self.resolved.motion
        {
            params.insert(settings::FLOW.into(), Param::Text(flow.word().into()));
            params.insert(settings::SPEED.into(), number(*speed));
            params.insert(settings::DIRECTION_DEG.into(), number(*direction_deg));
            params.insert(settings::STEADY.into(), number(*steady));
        }
        if self.resolved.accelerate != 0.0 {
            params.insert(
                settings::ACCELERATE.into(),
                Param::Number(self.resolved.accelerate),
            );
        }
        if !self.resolved.palette.is_empty() {
            params.insert(
                settings::PALETTE.into(),
                Param::Text(self.resolved.palette.to_string()),
            );
        }
        if let Some(weights) = &self.weights {
            params.insert(settings::WEIGHTS.into(), Param::Text(weights.clone()));
        }
        params
    }
}
