//! One shot, many requests: prompts, seeds, engines and strengths multiplied.
//!
//! A [`Spread`] says what may vary; [`Spread::shots`] are the shots that come of it, each as if a film had planned it so.
//! Variation `n` is the same whatever number is asked for, so that asking for two hundred after a hundred adds a hundred.

use heirloom_film::{Film, Kind, Shot, SourceCall};
use heirloom_vault::ObjectId;

use crate::pattern::{Pattern, PatternError, escaped, place};
use crate::plan::Asked;

/// What a shot's takes may differ in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// Prompts in turn, with choices in braces; the shot's own where there are none.
    pub prompts: Vec<String>,
    /// Engines in turn; the shot's own where there are none.
    pub engines: Vec<String>,
    /// Styles in turn, each by the photographs that stand for it: these are the shot's sources then. The shot's own sources
    /// where there are none.
    pub styles: Vec<Matter>,
    /// First keyframes in turn: what a shot that becomes, or goes between two stills, is at first; its own where there are none.
    pub from: Vec<SourceCall>,
    /// The same for what it is at last.
    pub to: Vec<SourceCall>,
    /// Strengths of the finish, from and to; the shot's own where it is left out.
    pub finish: Option<(f32, f32)>,
    /// Sizes of the sources' matter, from and to (evenly by ratio); the shot's own where it is left out.
    pub scale: Option<(f32, f32)>,
    /// The first seed; the shot's own where it is left out. Each variation has the next.
    pub seed: Option<u64>,
}

/// A style as matter: what a shot is made of in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Matter {
    /// The style.
    pub style: ObjectId,
    /// Its exemplars, as calls of sources.
    pub sources: Vec<SourceCall>,
}

/// One shot of a spread, and what to say of it in the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// The shot.
    pub shot: Shot,
    /// The prompt before its choices were made, where it has any.
    pub asked: Asked,
}

/// The lowest digit of a number in this base, taken off it. 0 in bases below 2.
fn digit(places: &mut usize, base: usize) -> usize {
    let base = base.max(1);
    let digit = *places % base;
    *places /= base;
    digit
}

impl Spread {
    /// The variations `first` to `first + count - 1` of a shot.
    ///
    /// # Errors
    /// [`PatternError`]: a prompt or the shot's mood cannot be read.
    pub fn shots(&self, shot: &Shot, first: u32, count: u32) -> Result<Vec<Variant>, PatternError> {
        let own = std::slice::from_ref(&shot.prompt);
        let prompts = if self.prompts.is_empty() {
            own
        } else {
            &self.prompts
        };
        let patterns = prompts
            .iter()
            .map(|text| Pattern::parse(text))
            .collect::<Result<Vec<_>, _>>()?;
        let mood = Pattern::parse(&shot.mood)?;
        let mut out = Vec::new();
        for n in first..first.saturating_add(count) {
            // Every prompt meets every engine, every style and every keyframe: places of a number whose digits have these bases.
            let mut places = n as usize;
            let turn = digit(&mut places, patterns.len());
            let round = n / patterns.len().max(1) as u32;
            let mut varied = shot.clone();
            let mut asked = Asked::default();
            if let (Some(pattern), Some(text)) = (patterns.get(turn), prompts.get(turn)) {
                // As a pattern again, which planning reads.
                varied.prompt = escaped(&pattern.pick(round));
                asked.pattern = pattern.varies().then(|| text.clone());
            }
            varied.mood = escaped(&mood.pick(round));
            varied.seed = self.seed.unwrap_or(shot.seed).wrapping_add(u64::from(n));
            if let Some(engine) = self.engines.get(digit(&mut places, self.engines.len())) {
                varied.engine = Some(engine.clone());
            }
            if let Some(matter) = self.styles.get(digit(&mut places, self.styles.len())) {
                varied.sources.clone_from(&matter.sources);
                asked.style = Some(matter.style);
            }
            let first = self.from.get(digit(&mut places, self.from.len()));
            let last = self.to.get(digit(&mut places, self.to.len()));
            if let Kind::Becoming { from, to, .. } | Kind::Between { from, to } = &mut varied.kind {
                if let Some(first) = first {
                    from.clone_from(first);
                }
                if let Some(last) = last {
                    to.clone_from(last);
                }
            }
            if let Some((low, high)) = self.finish {
                varied.finish = low + (high - low) * place(n, 0, 2) as f32;
                varied.stated.insert("finish");
            }
            if let Some((low, high)) = self.scale {
                varied.scale = Some(low * libm::powf(high / low, place(n, 1, 2) as f32));
                varied.stated.insert("scale");
            }
            out.push(Variant { shot: varied, asked });
        }
        Ok(out)
    }
}

/// The film with its one shot's variations in place of all its shots; they keep the shot's id, so that their takes are the shot's.
pub fn film_of(film: &Film, scene: &str, variants: &[Variant]) -> Film {
    let mut film = film.clone();
    film.scenes.retain(|held| held.name == scene);
    for held in &mut film.scenes {
        held.shots = variants.iter().map(|variant| variant.shot.clone()).collect();
    }
    film
}

/// The shot as `make` draws it: the first of every choice.
///
/// # Errors
/// [`PatternError`].
pub fn first_of(shot: &Shot) -> Result<Shot, PatternError> {
    let mut shot = shot.clone();
    shot.prompt = Pattern::parse(&shot.prompt)?.pick(0);
    shot.mood = Pattern::parse(&shot.mood)?.pick(0);
    Ok(shot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use heirloom_film::Motion;
    use std::collections::BTreeSet;

    fn shot() -> Shot {
        let mut shot = Shot::new(
            "010",
            24,
            Kind::Living {
                motion: Motion::default(),
            },
        );
        shot.prompt = "a {calm|stormy} sea".into();
        shot.seed = 40;
        shot
    }

    fn matter(n: u8) -> Matter {
        Matter {
            style: ObjectId::of(&[n]),
            sources: vec![SourceCall::parse(&format!("archive:photo-{n}")).unwrap()],
        }
    }

    #[test]
    fn more_adds_and_changes_nothing() {
        let spread = Spread {
            prompts: vec!["{a|b|c} sea".into(), "no choice".into()],
            engines: vec!["one".into(), "two".into(), "three".into()],
            styles: [1, 2].map(matter).into(),
            from: Vec::new(),
            to: Vec::new(),
            finish: Some((0.2, 0.6)),
            scale: Some((0.5, 2.0)),
            seed: Some(7),
        };
        let all = spread.shots(&shot(), 0, 60).unwrap();
        assert_eq!(all[..20], spread.shots(&shot(), 0, 20).unwrap());
        assert_eq!(all[20..], spread.shots(&shot(), 20, 40).unwrap());
        assert!(all.iter().zip(7..).all(|(v, seed)| v.shot.seed == seed));
        assert!(all.iter().all(|v| (0.2..=0.6).contains(&v.shot.finish)));
        assert!(
            all.iter()
                .all(|v| v.shot.scale.is_some_and(|s| (0.5..=2.0).contains(&s)))
        );
        assert_eq!(all[1].shot.prompt, "no choice");
        assert_eq!(all[5].shot.sources, matter(1).sources);
        assert_eq!(all[6].asked.style, Some(matter(2).style));
        // Two lists of two: all four pairs, not two of them over and over.
        let met: BTreeSet<_> = all
            .iter()
            .map(|v| (v.asked.pattern.is_some(), v.shot.engine.clone(), v.asked.style))
            .collect();
        assert_eq!(met.len(), 2 * 3 * 2);
        assert_eq!(
            (all[1].asked.pattern.as_deref(), all[2].asked.pattern.as_deref()),
            (None, Some("{a|b|c} sea"))
        );
        for engine in ["one", "two", "three"] {
            assert_eq!(
                all.iter()
                    .filter(|v| v.shot.engine.as_deref() == Some(engine))
                    .count(),
                20
            );
        }
    }

    #[test]
    fn a_becoming_goes_from_each_keyframe_to_each() {
        let call = |name: &str| SourceCall::parse(&format!("archive:{name}")).unwrap();
        let becoming = Shot::new(
            "020",
            24,
            Kind::Becoming {
                from: call("own"),
                to: call("other"),
                motion: Motion::default(),
            },
        );
        let spread = Spread {
            from: vec![call("a"), call("b")],
            to: vec![call("c"), call("d"), call("e")],
            ..Spread::default()
        };
        let ends = |spread: &Spread, count| -> BTreeSet<(String, String)> {
            let all = spread.shots(&becoming, 0, count).unwrap();
            let of = |v: &Variant| match &v.shot.kind {
                Kind::Becoming { from, to, .. } => (from.call.clone(), to.call.clone()),
                _ => panic!("another kind"),
            };
            all.iter().map(of).collect()
        };
        assert_eq!(ends(&spread, 6).len(), 6);
        let own = BTreeSet::from([("own".to_owned(), "other".to_owned())]);
        assert_eq!(ends(&Spread::default(), 3), own);
    }

    #[test]
    fn a_spread_of_nothing_varies_the_seed_and_the_prompts_choices() {
        let all = Spread::default().shots(&shot(), 0, 10).unwrap();
        assert!(all.iter().zip(40..).all(|(v, seed)| v.shot.seed == seed));
        let calm = all.iter().filter(|v| v.shot.prompt == "a calm sea").count();
        assert!((4..=6).contains(&calm), "{calm}");
        assert_eq!(first_of(&shot()).unwrap().prompt, "a calm sea");
        assert_eq!(all[0].shot.prompt, "a calm sea");
        let mut wrong = shot();
        wrong.mood = "{".into();
        assert!(Spread::default().shots(&wrong, 0, 1).is_err() && first_of(&wrong).is_err());
    }
}
