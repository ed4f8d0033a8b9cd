//! What the archive holds: a view over the acts by which pictures came in.

use std::collections::BTreeMap;

use heirloom_film::Rate;
use heirloom_picture::metadata::Metadata;
use heirloom_vault::{Act, Filter, Ledger, ObjectId, Standing, VaultError, Verb};
use serde::{Deserialize, Serialize};

/// Whether a source stands still or moves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Media {
    /// One picture.
    Photograph,
    /// Many, at a rate.
    Clip,
}

/// One photograph or clip of the archive, under one of its names.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Source {
    /// Its bytes in the vault.
    pub object: ObjectId,
    /// Its file's name without the ending: what a film calls it by.
    pub stem: String,
    /// The added folder's own name and the way below it, with `/`: "father/1974".
    pub folder: String,
    /// Its file's name.
    pub file_name: String,
    /// Whether it moves.
    pub media: Media,
    /// How its file is coded: "JPEG", "PNG", "TIFF", "WebP", "OpenEXR", "H.264 in mp4" …
    pub format: String,
    /// Pixels in a row, upright.
    pub width: u32,
    /// Rows, upright.
    pub height: u32,
    /// Frames of a clip.
    pub frames: Option<u64>,
    /// Frame rate of a clip.
    pub rate: Option<Rate>,
    /// When it was taken, as the camera's clock said: `1974-06-02T15:04:00`.
    pub taken: Option<String>,
    /// The name of its colour profile, where its file has one.
    pub profile: Option<String>,
    /// What is to be seen, in words.
    pub caption: String,
    /// What its file says in words and numbers: keywords, creators, place, lens.
    pub metadata: Metadata,
    /// Whose it is and what may be done with it.
    pub standing: Standing,
}

impl Source {
    /// Its full name: `folder/stem`.
    pub fn name(&self) -> String {
        full_name(&self.folder, &self.stem)
    }
}

pub(crate) fn full_name(folder: &str, stem: &str) -> String {
    if folder.is_empty() {
        stem.to_owned()
    } else {
        format!("{folder}/{stem}")
    }
}

/// The facts of an Ingested act.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Ingest {
    pub stem: String,
    pub folder: String,
    pub file_name: String,
    pub caption: String,
    #[serde(flatten)]
    pub picture: Picture,
    /// The picture that had this very name before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<ObjectId>,
    /// The file name by which the same picture went in the same folder before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
}

/// What a file says of its picture, whatever it is called.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Picture {
    pub media: Media,
    pub format: String,
    pub width: u32,
    pub height: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bit_depth: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// What its file says in words and numbers.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// Every name in the archive, and every picture.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    /// By folder and file name: the picture that goes by it now.
    pub names: BTreeMap<(String, String), (ObjectId, Ingest)>,
    /// By object: what its file says.
    pub pictures: BTreeMap<ObjectId, Picture>,
}

impl Catalogue {
    pub fn read(ledger: &Ledger) -> Result<Self, VaultError> {
        let mut catalogue = Self::default();
        for act in ledger.acts(&Filter::verb(Verb::Ingested))? {
            let (object, ingest) = understand(&act)?;
            catalogue.note(object, ingest);
        }
        Ok(catalogue)
    }

    /// Takes in what one act says. Later ones outdo earlier ones of the same name.
    pub fn note(&mut self, object: ObjectId, ingest: Ingest) {
        if let Some(old) = &ingest.renamed_from {
            let old = (ingest.folder.clone(), old.clone());
            if self.names.get(&old).is_some_and(|(held, _)| *held == object) {
                self.names.remove(&old);
            }
        }
        self.pictures.insert(object, ingest.picture.clone());
        self.names.insert(
            (ingest.folder.clone(), ingest.file_name.clone()),
            (object, ingest),
        );
    }

    /// The sources by folder and file name.
    pub fn into_sources(self, standings: &BTreeMap<ObjectId, Standing>) -> Vec<Source> {
        let source = |(object, ingest): (ObjectId, Ingest)| {
            let Ingest {
                stem,
                folder,
                file_name,
                caption,
                picture,
                ..
            } = ingest;
            let Picture {
                media,
                format,
                width,
                height,
                taken,
                profile,
                rate,
                frames,
                metadata,
                ..
            } = picture;
            let standing = standings.get(&object).cloned().unwrap_or_default();
            Source {
                object,
                stem,
                folder,
                file_name,
                media,
                format,
                width,
                height,
                frames,
                rate,
                taken,
                profile,
                caption,
                metadata,
                standing,
            }
        };
        self.names.into_values().map(source).collect()
    }
}

/// What an Ingested act says.
pub(crate) fn understand(act: &Act) -> Result<(ObjectId, Ingest), VaultError> {
    let bad = |why: String| VaultError::BadAct { id: act.id, why };
    let object = act
        .outputs("source")
        .next()
        .ok_or_else(|| bad("it names no source".to_owned()))?;
    let ingest = serde_json::from_value(act.facts.clone()).map_err(|e| bad(e.to_string()))?;
    Ok((object, ingest))
}
