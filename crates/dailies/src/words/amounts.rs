//! From words to a shot's settings: what each sets, what is written by hand and stays, what comes to nothing.

use heirloom_engine::palette::{Palette, Wish};
use heirloom_film::{Flow, Kind, Motion, Shot};

use super::reading::{Reading, Spoken};
use super::tell::Told;
use super::vocabulary::{Word, Words};

/// A shot's settings, words worked in, as they go into its request.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// How it moves, if it does.
    pub motion: Option<Motion>,
    /// How the pace changes over the shot, -1 to 1; 0 for an even one.
    pub accelerate: f64,
    /// The finish, 0 to 1.
    pub finish: f32,
    /// Size of the sources' matter; the engine chooses where there is none.
    pub scale: Option<f32>,
    /// Colours and light that are wished for.
    pub palette: Palette,
    /// Of every word of the reading, in its order, what it did to these. What did nothing to them has no deed.
    pub told: Vec<Told>,
}

/// A word of the reading that is among the words, as it counts.
struct Said<'w> {
    /// Which of the reading.
    at: usize,
    /// The word, or the one that a `no` turns it into.
    word: &'w Word,
    strength: f64,
    /// The `no` that turns it off where it turns into nothing else.
    off: Option<&'w str>,
    /// Words for what a `no` made of it.
    note: String,
}

/// Works a reading into the settings of a shot. What the shot states stays as it is.
pub fn resolve(words: &Words, reading: &Reading, shot: &Shot) -> Resolved {
    let told = reading
        .spoken
        .iter()
        .map(|spoken| Told {
            word: spoken.written.clone(),
            field: spoken.field,
            deeds: Vec::new(),
        })
        .collect();
    let said: Vec<Said<'_>> = reading
        .spoken
        .iter()
        .enumerate()
        .filter_map(|(at, spoken)| said(words, at, spoken))
        .collect();
    let mut resolved = Resolved {
        motion: shot.kind.motion().copied(),
        accelerate: 0.0,
        finish: shot.finish,
        scale: shot.scale,
        palette: Palette::default(),
        told,
    };
    resolved.motion_of(&said, shot);
    resolved.finish_of(&said, shot);
    resolved.scale_of(&said, shot);
    resolved.palette_of(&said, shot);
    resolved
}

fn said<'w>(words: &'w Words, at: usize, spoken: &'w Spoken) -> Option<Said<'w>> {
    let own = words.word(spoken.word?);
    let other = own.not.as_deref().and_then(|not| words.named(not));
    let off = spoken.turned_off_by.as_deref();
    Some(match (off, other) {
        (Some(no), Some(other)) => Said {
            at,
            word: other,
            strength: spoken.strength,
            off: None,
            note: format!(" (\"{no}\" turns it to `{}`)", other.name),
        },
        _ => Said {
            at,
            word: own,
            strength: spoken.strength,
            off,
            note: String::new(),
        },
    })
}

/// Two decimals: what words mean is no more exact, and a request should not change with the last bit.
fn round(v: f64) -> f64 {
    (v * 100.0).round() / 100.0
}

fn factor(v: f64, strength: f64) -> f64 {
    libm::pow(v, strength)
}

fn share(v: f64, strength: f64) -> f64 {
    (0.5 + (v - 0.5) * strength).clamp(0.0, 1.0)
}

/// Why nothing that words say of motion is heard in this kind of shot; `None` where it is.
fn deaf_to_motion(shot: &Shot) -> Option<&'static str> {
    match &shot.kind {
        Kind::Living { .. } | Kind::Becoming { .. } | Kind::Still { motion: Some(_) } => None,
        Kind::Still { motion: None } => {
            Some("a still without a `motion` is held; write `motion = {}` or make it living")
        }
        Kind::Guided { .. } => Some("what moves in a guided shot stands in its blocking"),
        Kind::Plate { .. } => Some(PLATE),
    }
}

const PLATE: &str = "a plate is shown as it was shot";
const WHOLE: &str = "a becoming shows both photographs whole, as they are";

impl Resolved {
    /// The words that have a say in something: those turned off are told so and left out, and all are where
    /// `by_hand` says that it is written by hand.
    fn heard<'s, 'w, T>(
        &mut self,
        all: &'s [Said<'w>],
        by_hand: Option<&str>,
        value: impl Fn(&Word) -> Option<T>,
    ) -> Vec<(&'s Said<'w>, T)> {
        let mut heard: Vec<(&Said<'_>, T)> = Vec::new();
        for said in all {
            let Some(value) = value(said.word) else { continue };
            let told = &mut self.told[said.at];
            if let Some(no) = said.off {
                told.nothing(format!("\"{no}\" turns it off"));
            } else if let Some(key) = by_hand {
                told.nothing(format!("{key} is written by hand"));
            } else if let Some((other, _)) = heard.iter().find(|(other, _)| other.word.name == said.word.name)
            {
                let other = self.told[other.at].word.clone();
                self.told[said.at].nothing(format!("\"{other}\" says it already"));
            } else {
                heard.push((said, value));
            }
        }
        heard
    }

    fn motion_of(&mut self, all: &[Said<'_>], shot: &Shot) {
        let moves = |w: &Word| {
            w.flow.is_some()
                || w.speed.is_some()
                || w.direction_deg.is_some()
                || w.accelerate.is_some()
                || w.steady.is_some()
        };
        let (Some(mut motion), None) = (self.motion, deaf_to_motion(shot)) else {
            let why = deaf_to_motion(shot).unwrap_or(PLATE);
            for said in all.iter().filter(|said| moves(said.word)) {
                self.told[said.at].nothing(why);
            }
            return;
        };
        self.flow(all, shot, &mut motion);
        self.speed(all, shot, &mut motion);
        self.direction(all, shot, &mut motion);
        self.acceleration(all, &motion);
        let steady = by_hand(shot, "steady", "motion.steady");
        if let Some(steady) = self.mean(all, steady, &motion, "steady", |w| w.steady) {
            motion.steady = steady;
        }
        self.motion = Some(motion);
    }

    fn flow(&mut self, all: &[Said<'_>], shot: &Shot, motion: &mut Motion) {
        let mut first: Option<usize> = None;
        for (said, flow) in self.heard(all, by_hand(shot, "flow", "motion.flow"), |w| w.flow) {
            match first {
                Some(first) => {
                    let earlier = self.told[first].word.clone();
                    self.told[said.at].nothing(format!("a shot has one flow, and \"{earlier}\" comes first"));
                }
                None => {
                    motion.flow = flow;
                    self.told[said.at].did(format!("flow {}{}", flow.word(), said.note));
                    first = Some(said.at);
                }
            }
        }
    }

    /// Tells words of something that a flow of `hold` has none of; whether it is one.
    fn held(&mut self, heard: &[(&Said<'_>, f64)], motion: &Motion) -> bool {
        let held = motion.flow == Flow::Hold;
        if held {
            for (said, _) in heard {
                self.told[said.at].nothing("nothing moves in the flow `hold`");
            }
        }
        held
    }

    fn speed(&mut self, all: &[Said<'_>], shot: &Shot, motion: &mut Motion) {
        let heard = self.heard(all, by_hand(shot, "speed", "motion.speed"), |w| w.speed);
        if heard.is_empty() || self.held(&heard, motion) {
            return;
        }
        let product = heard
            .iter()
            .fold(1.0, |all, (said, v)| all * factor(*v, said.strength));
        let speed = round(product.clamp(0.05, 4.0));
        motion.speed = speed as f32;
        for (said, v) in &heard {
            let own = round(factor(*v, said.strength));
            self.told[said.at].did(if heard.len() == 1 {
                format!("speed {speed}{}", said.note)
            } else {
                format!("speed by {own}, {speed} in all{}", said.note)
            });
        }
    }

    fn direction(&mut self, all: &[Said<'_>], shot: &Shot, motion: &mut Motion) {
        let heard = self.heard(all, by_hand(shot, "direction", "motion.direction"), |w| {
            w.direction_deg
        });
        let mut first: Option<usize> = None;
        for (said, degrees) in heard {
            if !matches!(motion.flow, Flow::Drift | Flow::Rise) {
                let flow = motion.flow.word();
                self.told[said.at].nothing(format!("the flow `{flow}` has no direction"));
            } else if let Some(first) = first {
                let earlier = self.told[first].word.clone();
                self.told[said.at]
                    .nothing(format!("a shot has one direction, and \"{earlier}\" comes first"));
            } else {
                // A rise counts from upwards.
                let from_up = if motion.flow == Flow::Rise { 90.0 } else { 0.0 };
                motion.direction_deg = round(degrees - from_up) as f32;
                self.told[said.at].did(format!("direction {degrees}° on the screen{}", said.note));
                first = Some(said.at);
            }
        }
    }

    fn acceleration(&mut self, all: &[Said<'_>], motion: &Motion) {
        let heard = self.heard(all, None, |w| w.accelerate);
        if self.held(&heard, motion) {
            return;
        }
        let mut first: Option<usize> = None;
        for (said, v) in heard {
            if let Some(first) = first {
                let earlier = self.told[first].word.clone();
                self.told[said.at]
                    .nothing(format!("the pace changes one way, and \"{earlier}\" comes first"));
                continue;
            }
            first = Some(said.at);
            self.accelerate = round((v * said.strength).clamp(-1.0, 1.0));
            let how = match self.accelerate {
                a if a > 0.0 => format!("accelerate {a}, from slow to fast"),
                a if a < 0.0 => format!("accelerate {a}, from fast to slow"),
                _ => "accelerate 0, an even pace".into(),
            };
            self.told[said.at].did(how + &said.note);
        }
    }

    /// The mean of what words ask for, from 0 to 1; `None` where none does.
    fn mean(
        &mut self,
        all: &[Said<'_>],
        by_hand: Option<&str>,
        motion: &Motion,
        name: &str,
        value: impl Fn(&Word) -> Option<f64>,
    ) -> Option<f32> {
        let heard = self.heard(all, by_hand, value);
        if heard.is_empty() || self.held(&heard, motion) {
            return None;
        }
        let sum: f64 = heard.iter().map(|(said, v)| share(*v, said.strength)).sum();
        let mean = round(sum / heard.len() as f64);
        for (said, _) in &heard {
            self.told[said.at].did(if heard.len() == 1 {
                format!("{name} {mean}{}", said.note)
            } else {
                format!("{name} {mean}, the mean of {} words{}", heard.len(), said.note)
            });
        }
        Some(mean as f32)
    }

    fn finish_of(&mut self, all: &[Said<'_>], shot: &Shot) {
        if matches!(shot.kind, Kind::Plate { .. }) {
            for said in all.iter().filter(|said| said.word.finish.is_some()) {
                self.told[said.at].nothing(PLATE);
            }
            return;
        }
        // The finish is no matter of motion, so none holds it.
        let moving = Motion::default();
        let finish = self.mean(all, by_hand(shot, "finish", "finish"), &moving, "finish", |w| {
            w.finish
        });
        self.finish = finish.unwrap_or(self.finish);
    }

    fn scale_of(&mut self, all: &[Said<'_>], shot: &Shot) {
        let why = match shot.kind {
            Kind::Plate { .. } => Some(PLATE),
            Kind::Becoming { .. } => Some(WHOLE),
            _ => None,
        };
        if let Some(why) = why {
            for said in all.iter().filter(|said| said.word.scale.is_some()) {
                self.told[said.at].nothing(why);
            }
            return;
        }
        let heard = self.heard(all, by_hand(shot, "scale", "scale"), |w| w.scale);
        if heard.is_empty() {
            return;
        }
        let product = heard
            .iter()
            .fold(1.0, |all, (said, v)| all * factor(*v, said.strength));
        let scale = round(product.clamp(0.05, 20.0));
        self.scale = Some(scale as f32);
        for (said, _) in &heard {
            self.told[said.at].did(if heard.len() == 1 {
                format!("scale {scale}{}", said.note)
            } else {
                format!("scale {scale}, with {} other words{}", heard.len() - 1, said.note)
            });
        }
    }

    fn palette_of(&mut self, all: &[Said<'_>], shot: &Shot) {
        let why = match shot.kind {
            Kind::Plate { .. } => Some(PLATE),
            Kind::Becoming { .. } => Some(WHOLE),
            _ => None,
        };
        // A wish that two words have is one, as strong as the stronger says.
        let mut wishes: Vec<(Wish, Vec<usize>)> = Vec::new();
        for said in all.iter().filter(|said| !said.word.wishes.is_empty()) {
            if let Some(why) = why {
                self.told[said.at].nothing(why);
                continue;
            }
            let sign = if said.off.is_some() { -1.0 } else { 1.0 };
            for wish in &said.word.wishes {
                let wish = Wish {
                    weight: sign * round((wish.weight * said.strength).min(1.5)),
                    ..*wish
                };
                let same = wishes.iter_mut().find(|(other, _)| {
                    (other.lightness, other.chroma, other.hue) == (wish.lightness, wish.chroma, wish.hue)
                });
                match same {
                    Some((other, words)) => {
                        if other.weight.abs() < wish.weight.abs() {
                            other.weight = wish.weight;
                        }
                        words.push(said.at);
                    }
                    None => wishes.push((wish, vec![said.at])),
                }
            }
        }
        let total: f64 = wishes.iter().map(|(wish, _)| wish.weight.abs()).sum();
        for said in all {
            let own: Vec<&Wish> = wishes
                .iter()
                .filter(|(_, words)| words.contains(&said.at))
                .map(|(wish, _)| wish)
                .collect();
            let Some(first) = own.first() else { continue };
            let weight: f64 = own.iter().map(|wish| wish.weight.abs()).sum();
            let shown: Vec<String> = own.iter().map(|wish| shown(wish)).collect();
            let away = if first.weight < 0.0 { "away from " } else { "" };
            let part = (weight / total * 100.0).round();
            self.told[said.at].did(format!(
                "palette {away}{}, {part} % of its weight{}",
                shown.join(" or "),
                said.note
            ));
        }
        self.palette = Palette(wishes.into_iter().map(|(wish, _)| wish).collect());
    }
}

/// What `stated` has of a shot, as an explanation names it.
fn by_hand<'n>(shot: &Shot, stated: &str, name: &'n str) -> Option<&'n str> {
    shot.stated.contains(stated).then_some(name)
}

/// A wish for people.
fn shown(wish: &Wish) -> String {
    match (wish.lightness, wish.chroma, wish.hue) {
        (Some(l), Some(c), Some(h)) => format!("{l} {c} {h}°"),
        (l, c, h) => {
            let parts = [
                l.map(|l| format!("lightness {l}")),
                c.map(|c| format!("chroma {c}")),
                h.map(|h| format!("hue {h}°")),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
    }
}
