//! The colours of the archive's photographs, measured once each.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use heirloom_engine::palette::{Palette, Wish};
use heirloom_picture::{color, oklab, photo, resample};
use heirloom_vault::{ObjectId, Vault};
use serde::{Deserialize, Serialize};

/// Raised when the same photograph would be measured otherwise.
const VERSION: u32 = 1;
/// A photograph is made so small before its colours are counted: the longer side, in pixels.
const SIDE: u32 = 64;
/// Most colours that are kept.
const MOST: usize = 96;
/// Colours this near to a wish, in OKLab, have it.
const HAS: f64 = 0.12;

/// The colours of a photograph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Colors {
    version: u32,
    /// How many pixels were counted.
    pub pixels: u32,
    /// The commonest colours, as sRGB, each with how many pixels have it: whole numbers, so that what is kept in a
    /// file is what was measured.
    pub common: Vec<([u8; 3], u32)>,
}

impl Colors {
    /// Measures a photograph from the bytes of its file, called `name` in errors.
    ///
    /// # Errors
    /// It can not be decoded.
    pub fn measure(bytes: &[u8], name: &str) -> Result<Colors, photo::PhotoError> {
        let image = photo::decode(bytes, name)?.image;
        let longer = image.width().max(image.height()).max(1);
        let side = |v: u32| (v * SIDE / longer).max(1);
        let small = if longer > SIDE {
            resample::scale_to(&image, side(image.width()), side(image.height()))
        } else {
            image
        };
        Ok(Colors::of(&color::to_display8(&small)))
    }

    /// The colours of a picture that is shown.
    pub fn of(codes: &[[u8; 3]]) -> Colors {
        // Counted in boxes of 16 codes a side; a box is shown by the mean of what lies in it.
        let mut boxes: Vec<([u64; 3], u64)> = vec![([0; 3], 0); 1 << 12];
        for code in codes {
            let [r, g, b] = code.map(|v| usize::from(v >> 4));
            let (sum, count) = &mut boxes[r << 8 | g << 4 | b];
            for k in 0..3 {
                sum[k] += u64::from(code[k]);
            }
            *count += 1;
        }
        let mut common: Vec<([u8; 3], u32)> = boxes
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(sum, count)| (sum.map(|v| ((v + count / 2) / count) as u8), count as u32))
            .collect();
        common.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        common.truncate(MOST);
        Colors {
            version: VERSION,
            pixels: codes.len() as u32,
            common,
        }
    }

    /// The commonest colours in OKLab, each with its share of those that are kept.
    fn labs(&self) -> impl Iterator<Item = ([f64; 3], f64)> {
        let all = self
            .common
            .iter()
            .map(|(_, count)| f64::from(*count))
            .sum::<f64>()
            .max(1.0);
        self.common
            .iter()
            .map(move |(code, count)| (oklab::from_display8(*code), f64::from(*count) / all))
    }

    /// How far the photograph is from serving a palette, 0 to 1: the better half of its colours counts.
    pub fn miss(&self, palette: &Palette) -> f64 {
        let mut all: Vec<(f64, f64)> = self
            .labs()
            .map(|(lab, share)| (palette.miss(lab), share))
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut sum, mut left) = (0.0, 0.5);
        for (miss, share) in all {
            let part = share.min(left);
            sum += miss * part;
            left -= part;
        }
        // Where nothing was counted, nothing serves.
        (sum + left) * 2.0
    }

    /// The share of the photograph that has what is wished.
    pub fn share_of(&self, wish: &Wish) -> f64 {
        let near = self.labs().filter(|(lab, _)| wish.distance(*lab) < HAS);
        near.map(|(_, share)| share).sum()
    }
}

/// Where colours of photographs are had.
pub trait Measured {
    /// The colours of a photograph; `None` where it can not be read.
    fn colors(&self, object: &ObjectId) -> Option<Arc<Colors>>;
}

/// The photographs of a vault, each measured when first asked for and remembered.
pub struct Photographs<'v> {
    vault: &'v Vault,
    /// Where what was measured lies for the next time, and whether more is written there.
    folder: Option<(PathBuf, bool)>,
    known: Mutex<HashMap<ObjectId, Option<Arc<Colors>>>>,
}

impl<'v> Photographs<'v> {
    /// The photographs of a vault. Nothing is written.
    pub fn new(vault: &'v Vault) -> Self {
        Self {
            vault,
            folder: None,
            known: Mutex::default(),
        }
    }

    /// The same, but what was measured is read from `folder` where it lies there already, and with `keep` it is
    /// written there. The folder may be deleted at any time.
    pub fn kept_in(self, folder: &Path, keep: bool) -> Self {
        Self {
            folder: Some((folder.to_owned(), keep)),
            ..self
        }
    }

    fn look(&self, object: &ObjectId) -> Option<Arc<Colors>> {
        let file = |(folder, _): &(PathBuf, bool)| folder.join(format!("{object}.json"));
        let kept = self
            .folder
            .as_ref()
            .and_then(|folder| std::fs::read(file(folder)).ok())
            .and_then(|bytes| serde_json::from_slice::<Colors>(&bytes).ok())
            .filter(|colors| colors.version == VERSION);
        if let Some(colors) = kept {
            return Some(Arc::new(colors));
        }
        let bytes = self.vault.read(object).ok()?;
        let colors = match Colors::measure(&bytes, &object.to_string()) {
            Ok(colors) => colors,
            Err(error) => {
                tracing::warn!("{error}");
                return None;
            }
        };
        if let Some(folder) = self.folder.as_ref().filter(|(_, keep)| *keep)
            && let Err(error) = write(&file(folder), &colors)
        {
            // It is measured again the next time; nothing else is lost.
            tracing::warn!("{} could not be written: {error}", file(folder).display());
        }
        Some(Arc::new(colors))
    }
}

fn write(file: &Path, colors: &Colors) -> std::io::Result<()> {
    let part = file.with_extension("part");
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&part, serde_json::to_vec(colors)?)?;
    std::fs::rename(&part, file)
}

impl Measured for Photographs<'_> {
    fn colors(&self, object: &ObjectId) -> Option<Arc<Colors>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(colors) = known.get(object) {
            return colors.clone();
        }
        let colors = self.look(object);
        known.insert(*object, colors.clone());
        colors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_counted() {
        let codes: Vec<[u8; 3]> = (0..100)
            .map(|i| if i < 30 { [220, 20, 40] } else { [20, 30, 60] })
            .collect();
        let colors = Colors::of(&codes);
        assert_eq!(colors.common[0], ([20, 30, 60], 70));
        let red = Palette::parse("0.55 0.21 22 1").unwrap();
        assert!((colors.share_of(&red.0[0]) - 0.3).abs() < 1e-9);
        let blue = Colors::of(&[[20, 30, 60]; 4]);
        assert!(colors.miss(&red) < blue.miss(&red));
    }

    #[test]
    fn what_was_measured_is_kept_and_what_is_torn_is_measured_again() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::create(&folder.path().join("vault")).unwrap();
        let path = folder.path().join("a.png");
        heirloom_picture::png::write8(&path, &[[200, 10, 10]; 64], 8, 8).unwrap();
        let (object, _) = vault.put_file(&path).unwrap();
        let work = folder.path().join("work/colors");
        let first = Photographs::new(&vault)
            .kept_in(&work, true)
            .colors(&object)
            .unwrap();
        let file = work.join(format!("{object}.json"));
        assert!(file.is_file());
        assert_eq!(
            Photographs::new(&vault).kept_in(&work, false).colors(&object),
            Some(first.clone())
        );
        std::fs::write(&file, "{").unwrap();
        assert_eq!(
            Photographs::new(&vault).kept_in(&work, false).colors(&object),
            Some(first)
        );
        assert_eq!(std::fs::read(&file).unwrap(), b"{");
        assert_eq!(Photographs::new(&vault).colors(&ObjectId::of(b"nothing")), None);
    }
}
