//! Whose a take or a film is: tables of shares, and a picture of where everything comes from.

use std::fmt;

use heirloom_engine::places::PlaceMap;
use heirloom_engine::{Failure, Share, TakeFrames};
use heirloom_picture::Image;
use heirloom_vault::ObjectId;
use serde::Serialize;

use crate::credits::{SourceInfo, SourceLookup, percent, source_shares};
use crate::cut::Cut;
use crate::error::FinishError;
use crate::map_picture;

/// One source's part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceRow {
    /// Its object.
    pub source: ObjectId,
    /// What a film calls it by; its hash's beginning where the archive does not know it.
    pub name: String,
    /// Whose it is; empty where that is not stated.
    pub owner: String,
    /// Under what terms.
    pub terms: String,
    /// Share of all pixels of all frames, 0..=1.
    pub share: f64,
}

/// Everything of one owner.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnerRow {
    /// Who; empty where that is not stated.
    pub owner: String,
    /// Share of all pixels of all frames, 0..=1.
    pub share: f64,
}

/// Every source's and every owner's share of something, the largest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShareTable {
    /// What it is of: a take or a film, for people.
    pub of: String,
    /// Frames in it.
    pub frames: u64,
    /// Sources.
    pub sources: Vec<SourceRow>,
    /// Owners.
    pub owners: Vec<OwnerRow>,
}

impl ShareTable {
    /// A table from shares.
    pub fn of_shares(of: &str, frames: u64, shares: &[Share], lookup: &SourceLookup<'_>) -> ShareTable {
        let mut table = ShareTable {
            of: of.into(),
            frames,
            sources: shares.iter().map(|s| row(s, lookup(&s.source))).collect(),
            owners: Vec::new(),
        };
        for source in &table.sources {
            match table.owners.iter_mut().find(|o| o.owner == source.owner) {
                Some(owner) => owner.share += source.share,
                None => table.owners.push(OwnerRow {
                    owner: source.owner.clone(),
                    share: source.share,
                }),
            }
        }
        table.sources.sort_by(|a, b| b.share.total_cmp(&a.share));
        table.owners.sort_by(|a, b| b.share.total_cmp(&a.share));
        table
    }

    /// The table of a take.
    ///
    /// # Errors
    /// As [`TakeFrames::shares`].
    pub fn of_take(
        of: &str,
        take: &dyn TakeFrames,
        lookup: &SourceLookup<'_>,
    ) -> Result<ShareTable, Failure> {
        Ok(Self::of_shares(of, take.frames().into(), &take.shares()?, lookup))
    }

    /// The table of a film: its shots by their frames in the cut, cards left out.
    ///
    /// # Errors
    /// As [`source_shares`].
    pub fn of_film(cut: &Cut, lookup: &SourceLookup<'_>) -> Result<ShareTable, FinishError> {
        let sum =
            |of: &dyn Fn(&crate::CutItem) -> u32| cut.items.iter().map(|i| u64::from(of(i))).sum::<u64>();
        let frames = sum(&|item| item.frames).saturating_sub(sum(&|item| item.dissolve));
        Ok(Self::of_shares(&cut.title, frames, &source_shares(cut)?, lookup))
    }
}

fn row(share: &Share, info: Option<SourceInfo>) -> SourceRow {
    let rights = info.as_ref().and_then(|info| info.rights.as_ref());
    SourceRow {
        source: share.source,
        name: info
            .as_ref()
            .map_or_else(|| share.source.short(), |info| format!("archive:{}", info.name)),
        owner: rights.map_or(String::new(), |r| r.owner.trim().to_owned()),
        terms: rights.map_or(String::new(), |r| r.terms.trim().to_owned()),
        share: share.share,
    }
}

/// An owner's name, or that there is none.
fn stated(owner: &str) -> &str {
    if owner.is_empty() {
        "owner not stated"
    } else {
        owner
    }
}

impl fmt::Display for ShareTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = if self.frames == 1 { "frame" } else { "frames" };
        writeln!(f, "{}, {} {frames}", self.of, self.frames)?;
        if self.sources.is_empty() {
            return write!(f, "  its engine can not say what it is made of");
        }
        let wide = |names: &mut dyn Iterator<Item = usize>| names.max().unwrap_or(0).min(48);
        let name = wide(&mut self.sources.iter().map(|s| s.name.chars().count()));
        for s in &self.sources {
            let terms = if s.terms.is_empty() {
                String::new()
            } else {
                format!(", {}", s.terms)
            };
            let owner = stated(&s.owner);
            writeln!(f, "  {:>7}  {:<name$}  {owner}{terms}", percent(s.share), s.name)?;
        }
        if self.owners.len() > 1 || self.sources.len() > 1 {
            writeln!(f, "by owner")?;
            for o in &self.owners {
                writeln!(f, "  {:>7}  {}", percent(o.share), stated(&o.owner))?;
            }
        }
        Ok(())
    }
}

/// A picture for looking: display codes, row by row from the top left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// sRGB codes.
    pub codes: Vec<[u8; 3]>,
}

/// What stands on a map picture beside the maps.
#[derive(Debug, Clone)]
pub struct MapPicture<'p> {
    /// What is shown: `one 010, frame 12 of 96`.
    pub title: String,
    /// Which film, which take.
    pub note: String,
    /// The frame.
    pub frame: &'p Image,
    /// Where its pixels come from.
    pub places: &'p PlaceMap,
    /// Every source's share of the frame or of the whole take, as `shares_of` says.
    pub shares: &'p ShareTable,
    /// What the shares are of: `of this take`.
    pub shares_of: String,
}

impl MapPicture<'_> {
    /// Draws it: the frame; the same frame with each pixel in the colour of its place, its brightness from the frame
    /// and the borders of pieces as lines; and below, each photograph (as `photograph` gives it) in the colours of
    /// its places, lit where the frame uses it, with its name, owner, terms and share. At most twelve photographs
    /// are shown; what the others have together is said.
    ///
    /// The same picture on every machine.
    pub fn draw(&self, photograph: &dyn Fn(&ObjectId) -> Option<Image>) -> Picture {
        map_picture::draw(self, photograph)
    }
}
