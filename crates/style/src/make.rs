//! Making a style from sources, and one between two.

use heirloom_archive::fingerprint::fingerprint;
use heirloom_archive::judge::{Judgement, judge};
use heirloom_archive::{PROXY_SIDE, Source, THUMBNAIL_SIDE};
use heirloom_picture::look::{Look, look};
use heirloom_picture::preview::{self, Preview};
use heirloom_vault::{Actor, Clause, ObjectId, Progress, Use, VaultError};
use jiff::civil::Date;
use rayon::prelude::*;

use crate::drift::{Features, Reference};
use crate::exemplars::{self, Candidate};
use crate::grade::{FitOptions, Grade, Samples};
use crate::lut::Lut3;
use crate::style::{Blend, Held, Style, StyleError, Styles};

/// Sources looked at between two words of progress; bounds what lies in memory at once.
const BATCH: usize = 32;
/// Exemplars at most, where nothing else is said.
const EXEMPLARS: usize = 12;

/// How a style is made.
#[derive(Clone, Debug)]
pub struct MakeOptions {
    /// How the grade is fitted.
    pub fit: FitOptions,
    /// The pictures that it is to be applied to, where they are known; natural pictures at large where not.
    pub against: Option<Samples>,
    /// Exemplars at most.
    pub exemplars: usize,
    /// Who makes it.
    pub by: Actor,
    /// The day that rights are judged on.
    pub today: Date,
}

impl MakeOptions {
    /// The usual options, by the person at this machine.
    pub fn new(today: Date) -> Self {
        Self {
            fit: FitOptions::default(),
            against: None,
            exemplars: EXEMPLARS,
            by: Actor::person_here(),
            today,
        }
    }
}

/// A style that was made, and what was left out of it.
#[derive(Clone, Debug)]
pub struct Made {
    /// The style.
    pub held: Held,
    /// Sources that may not be used, by name, with the clause that forbids it.
    pub forbidden: Vec<(String, Clause)>,
    /// Sources that could not be looked at, and why.
    pub unreadable: Vec<(String, String)>,
}

/// What a style takes from one source.
struct Looked {
    object: ObjectId,
    samples: Samples,
    look: Look,
    features: Features,
    judgement: Judgement,
    fingerprint: heirloom_archive::fingerprint::Fingerprint,
}

impl Styles<'_> {
    /// Makes a style, or the next version of it, from these sources; `from` says how they were chosen.
    ///
    /// A style is generated from its sources, so each must be leave to generate from; what may not be used, or is a clip,
    /// or cannot be read, is left out and told.
    ///
    /// # Errors
    /// [`StyleError::NoSources`] where none is left; [`VaultError::Stopped`] when `progress` asks for it: nothing is kept then.
    pub fn make(
        &self,
        name: &str,
        from: &str,
        sources: &[Source],
        options: &MakeOptions,
        progress: &dyn Progress,
    ) -> Result<Made, StyleError> {
        let (mut forbidden, mut unreadable, mut usable) = (Vec::new(), Vec::new(), Vec::new());
        for source in sources {
            if usable.iter().any(|known: &&Source| known.object == source.object) {
                continue;
            }
            match source.standing.allows(Use::Generate, options.today) {
                Ok(()) => usable.push(source),
                Err(clause) => forbidden.push((source.name(), clause)),
            }
        }
        usable.sort_by_key(|source| source.object);
        progress.begin("looking at sources", Some(usable.len() as u64));
        let mut looked = Vec::new();
        for batch in usable.chunks(BATCH) {
            if progress.stopped() {
                return Err(VaultError::Stopped.into());
            }
            let seen: Vec<_> = batch.par_iter().map(|source| self.look(source)).collect();
            for (source, seen) in batch.iter().zip(seen) {
                match seen {
                    Ok(seen) => looked.push(seen),
                    Err(why) => unreadable.push((source.name(), why)),
                }
            }
            progress.advance(batch.len() as u64);
        }
        progress.end();
        if looked.is_empty() {
            let why = match (forbidden.first(), unreadable.first()) {
                (Some((name, clause)), _) => format!("archive:{name}: {clause}"),
                (None, Some((name, why))) => format!("archive:{name}: {why}"),
                (None, None) => "nothing was found; `heirloom archive list` shows what there is".to_owned(),
            };
            return Err(StyleError::NoSources(why));
        }
        let to = Samples::merged(looked.iter().map(|l| &l.samples));
        let before = options.against.clone().unwrap_or_else(Samples::reference);
        let grade = Grade::fit(&before, &to, &options.fit);
        let candidates: Vec<Candidate<'_>> = looked
            .iter()
            .map(|l| Candidate {
                object: l.object,
                look: &l.look,
                judgement: &l.judgement,
                fingerprint: &l.fingerprint,
            })
            .collect();
        let exemplars = exemplars::choose(&candidates, options.exemplars);
        let (texture, texture_spread) = statistics(looked.iter().map(|l| l.look.texture.as_slice()));
        let features: Vec<Features> = looked.iter().map(|l| l.features.clone()).collect();
        let style = Style {
            heirloom_style: 0,
            name: name.to_owned(),
            version: 0,
            before: None,
            drift: self.keep_reference(&features)?,
            from: from.to_owned(),
            sources: looked.iter().map(|l| l.object).collect(),
            grade: self.keep_grade(&grade, name)?,
            exemplars,
            texture,
            texture_spread,
            lora: None,
            blend: None,
        };
        let held = self.keep(style, options.by.clone())?;
        Ok(Made {
            held,
            forbidden,
            unreadable,
        })
    }

    /// Makes a style that lies between two, `at` 0 (one) to 1 (the other): each colour goes to the place between where the
    /// two grades send it, in OKLab. Along an arc over scenes, `at` is the scene's place in it.
    ///
    /// # Errors
    /// Where a grade cannot be read, or the name is none.
    pub fn blend(
        &self,
        name: &str,
        one: &Held,
        other: &Held,
        at: f64,
        by: Actor,
    ) -> Result<Held, StyleError> {
        let at = at.clamp(0.0, 1.0);
        let (first, second) = (self.grade(&one.style)?, self.grade(&other.style)?);
        let grade = first.between(&second, at)?;
        let mix = |a: &[f32], b: &[f32]| -> Vec<f32> {
            a.iter().zip(b).map(|(a, b)| a + (b - a) * at as f32).collect()
        };
        let mut sources: Vec<ObjectId> = one
            .style
            .sources
            .iter()
            .chain(&other.style.sources)
            .copied()
            .collect();
        sources.sort();
        sources.dedup();
        // What is made in a blend is at home among the sources of both.
        let mut features = Vec::new();
        for end in [one, other] {
            features.extend(
                self.reference(&end.style)?
                    .into_iter()
                    .flat_map(Reference::into_sources),
            );
        }
        features.dedup();
        let style = Style {
            heirloom_style: 0,
            name: name.to_owned(),
            version: 0,
            before: None,
            drift: self.keep_reference(&features)?,
            from: format!("{one} to {other} at {at}"),
            sources,
            grade: self.keep_grade(&grade, name)?,
            exemplars: exemplars::shared(&one.style.exemplars, &other.style.exemplars, at),
            texture: mix(&one.style.texture, &other.style.texture),
            texture_spread: mix(&one.style.texture_spread, &other.style.texture_spread),
            lora: None,
            blend: Some(Blend {
                one: one.id,
                other: other.id,
                at,
            }),
        };
        self.keep(style, by)
    }

    fn keep_grade(&self, grade: &Grade, name: &str) -> Result<ObjectId, StyleError> {
        let lut: Lut3 = grade.lut().clone().titled(name);
        Ok(self.vault().put_bytes(lut.to_cube().as_bytes())?)
    }

    /// Looks at one source: its proxy where the archive has one, or else its own bytes.
    fn look(&self, source: &Source) -> Result<Looked, String> {
        if source.frames.is_some() {
            return Err(
                "a clip: styles are made from photographs; take stills out of it and add those".to_owned(),
            );
        }
        let bytes = self.vault().read(&source.object).map_err(|e| e.to_string())?;
        let proxy = preview::decode(&bytes, &source.file_name, PROXY_SIDE).map_err(|e| e.to_string())?;
        let thumbnail: Preview = proxy.scaled(THUMBNAIL_SIDE);
        let (Some(large), Some(small)) = (proxy.view(), thumbnail.view()) else {
            return Err("it has no pixels".to_owned());
        };
        Ok(Looked {
            object: source.object,
            samples: Samples::of(&small),
            look: look(&small),
            features: Features::of(&large),
            judgement: judge(&large, source.width, source.height),
            fingerprint: fingerprint(&small),
        })
    }
}

/// Mean and standard deviation of each number over pictures.
fn statistics<'a>(textures: impl Iterator<Item = &'a [f32]> + Clone) -> (Vec<f32>, Vec<f32>) {
    let count = textures.clone().count().max(1) as f64;
    let length = textures.clone().next().map_or(0, <[f32]>::len);
    (0..length)
        .map(|n| {
            let values = textures
                .clone()
                .map(|t| f64::from(t.get(n).copied().unwrap_or(0.0)));
            let mean = values.clone().sum::<f64>() / count;
            let spread = values.map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
            (mean as f32, libm::sqrt(spread) as f32)
        })
        .unzip()
}
