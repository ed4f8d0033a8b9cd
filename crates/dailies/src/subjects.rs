//! The subjects that a shot is to show, with their pictures: what its takes' likeness is measured against.
//!
//! Pictures are found and cleared as those of a stage are, and are only compared with: nothing is made of them.

use std::collections::BTreeMap;

use heirloom_film::{Film, Rate, Region, Shot};
use heirloom_picture::preview;
use heirloom_vault::ObjectId;

use crate::measures::Sought;
use crate::staged::Sources;

/// Pixels on the longer side at which a picture of a subject is looked at: its part of it may be small.
const SIDE: u32 = 1600;

/// A picture of a subject.
#[derive(Clone, Debug)]
struct Pictured {
    object: ObjectId,
    bytes: Vec<u8>,
    name: String,
    region: Region,
}

/// The subjects of one shot.
#[derive(Clone, Debug, Default)]
pub struct OfSubjects {
    /// Each with the frame, at the film's rate, at which it is in its region.
    shown: Vec<(String, u32, Region)>,
    /// By subjects' names.
    pictures: BTreeMap<String, Vec<Pictured>>,
    rate: Rate,
}

impl OfSubjects {
    /// What a shot is to show, and what of it can not be had: each says the mend, and takes are measured without it.
    pub fn new(film: &Film, shot: &Shot, sources: &Sources<'_>) -> (Self, Vec<String>) {
        let mut lacking = Vec::new();
        let mut all = Self {
            rate: film.rate,
            ..Self::default()
        };
        for shown in &shot.subjects {
            all.shown.push((shown.name.clone(), shown.frame, shown.region));
            let known = film.subjects.iter().find(|subject| subject.name == shown.name);
            let mut found = Vec::new();
            for portrait in known.iter().flat_map(|subject| &subject.pictures) {
                match sources.find(&portrait.picture) {
                    Ok(picture) => found.push(Pictured {
                        object: picture.object,
                        bytes: picture.bytes,
                        name: picture.name,
                        region: portrait.region,
                    }),
                    Err(error) => lacking.push(format!("{}: {error}", shown.name)),
                }
            }
            all.pictures.insert(shown.name.clone(), found);
        }
        lacking.dedup();
        (all, lacking)
    }

    /// The hash of all that decides what takes at such a rate are compared with; none where the shot shows no subject.
    pub fn id(&self, rate: Rate) -> Option<ObjectId> {
        let each: Vec<_> = self
            .shown
            .iter()
            .map(|(name, frame, region)| {
                let pictures = self.pictures.get(name).into_iter().flatten();
                let pictures: Vec<_> = pictures
                    .map(|p| serde_json::json!([p.object, p.region]))
                    .collect();
                serde_json::json!([name, self.at(*frame, rate), region, pictures])
            })
            .collect();
        let of = serde_json::json!({ "subjects": each, "side": SIDE });
        (!each.is_empty()).then(|| ObjectId::of(of.to_string().as_bytes()))
    }

    /// What takes at such a rate are compared with.
    ///
    /// # Errors
    /// The words of whatever keeps a picture from being read, with the mend.
    pub fn sought(&self, rate: Rate) -> Result<Vec<Sought>, String> {
        let mut all = Vec::with_capacity(self.shown.len());
        for (name, frame, region) in &self.shown {
            let mut sought = Sought::new(name, self.at(*frame, rate), *region);
            for picture in self.pictures.get(name).into_iter().flatten() {
                let small =
                    preview::decode(&picture.bytes, &picture.name, SIDE).map_err(|e| e.to_string())?;
                if let Some(view) = small.view() {
                    sought = sought.with_picture(&view, picture.region);
                }
            }
            all.push(sought);
        }
        Ok(all)
    }

    /// The frame of a take at such a rate that is on screen when a frame of the film is.
    fn at(&self, frame: u32, rate: Rate) -> u32 {
        let (own, other) = (
            u128::from(self.rate.num()) * u128::from(rate.den()),
            u128::from(rate.num()) * u128::from(self.rate.den()),
        );
        u32::try_from(u128::from(frame) * other / own.max(1)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use heirloom_picture::preview::Preview;

    use super::*;
    use crate::staged::Sources;

    fn film(region: &str, pictures: &str) -> Film {
        let text = format!(
            "[film]\ntitle = \"Harbour\"\n[subject.boat]\npictures = [{pictures}]\n[[scene]]\nname = \"sea\"\n\
             [[scene.shot]]\nname = \"010\"\nframes = 96\nkind = \"living\"\nsources = [\"archive:sea\"]\n\
             subjects = [{{ name = \"boat\", frame = 47, region = {region} }}]\n"
        );
        heirloom_film::parse("film.toml", &text).unwrap().film
    }

    #[test]
    fn pictures_are_found_and_decide_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let codes = (0..64 * 48)
            .map(|i| [(i % 64 * 4) as u8, (i / 64 * 5) as u8, 90])
            .collect();
        let picture = Preview::from_codes(codes, 64, 48).unwrap().to_jpeg(90).unwrap();
        std::fs::write(folder.path().join("boat.jpg"), picture).unwrap();
        let of = |film: &Film| {
            let sources = Sources {
                folder: folder.path(),
                archive: None,
            };
            OfSubjects::new(film, film.shots().next().unwrap().1, &sources)
        };
        let (rate, doubled) = (Rate::CINEMA, Rate::new(48, 1).unwrap());
        let (subjects, lacking) = of(&film("[0, 0, 0.5, 1]", "\"boat.jpg\""));
        assert!(lacking.is_empty(), "{lacking:?}");
        let sought = subjects.sought(rate).unwrap();
        assert_eq!((sought.len(), sought[0].name()), (1, "boat"));
        assert_eq!((subjects.at(47, rate), subjects.at(47, doubled)), (47, 94));
        let id = subjects.id(rate).unwrap();
        assert_ne!(subjects.id(doubled), Some(id));
        for (region, pictures) in [
            ("[0, 0, 0.5, 0.9]", "\"boat.jpg\""),
            (
                "[0, 0, 0.5, 1]",
                "{ picture = \"boat.jpg\", region = [0, 0, 0.5, 0.5] }",
            ),
        ] {
            assert_ne!(of(&film(region, pictures)).0.id(rate), Some(id), "{region}");
        }
        // What is not there is told of, and the rest is looked for; what is no photograph can not be.
        let (partly, lacking) = of(&film(
            "[0, 0, 0.5, 1]",
            "\"boat.jpg\", \"other.jpg\", \"archive:boat\"",
        ));
        assert_eq!(partly.sought(rate).unwrap(), sought);
        assert!(
            lacking[0].contains("other.jpg") && lacking[1].contains("archive"),
            "{lacking:?}"
        );
        std::fs::write(folder.path().join("boat.jpg"), "no photograph").unwrap();
        assert!(
            of(&film("[0, 0, 0.5, 1]", "\"boat.jpg\""))
                .0
                .sought(rate)
                .is_err()
        );
        assert_eq!(OfSubjects::default().id(rate), None);
    }
}
