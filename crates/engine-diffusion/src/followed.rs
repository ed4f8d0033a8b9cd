//! The stage's passes as control clips.
//!
//! Which kinds VACE was trained with, [`crate::conditions`] says. Depth, edges, grey and flow are made of the passes as they
//! are. Of objects' ids two kinds are made: their boxes as outlines, which is how layout was trained, and their shapes in flat
//! colours, which was not, and says more.

use crate::conditions::{Depth, Outline, depth, edges, flow, grey, layout};
use crate::generate::Clip;
use crate::given::codes;
use heirloom_engine::local::{Control, Stop};
use heirloom_engine::{Failure, Guides};
use heirloom_film::Size;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Kinds of control, by the words of the setting.
pub(crate) const CONTROLS: [&str; 6] = ["depth", "edges", "grey", "flow", "layout", "shapes"];
/// How steep lightness must be for a line, as in a drawing in ink.
pub(crate) const INK: f32 = 4.0;
/// Turns of the hue from one thing's colour to the next: the golden section, after which no two near numbers are alike.
const HUE_STEP: f32 = 0.618_034;

/// Which pass is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Depth,
    Edges,
    Grey,
    Flow,
    Layout,
    Shapes,
}

impl Kind {
    /// By its word in a request.
    pub(crate) fn of(word: &str) -> Option<Self> {
        let all = [
            Self::Depth,
            Self::Edges,
            Self::Grey,
            Self::Flow,
            Self::Layout,
            Self::Shapes,
        ];
        CONTROLS
            .iter()
            .zip(all)
            .find(|(name, _)| **name == word)
            .map(|(_, kind)| kind)
    }

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        CONTROLS.get(self as usize).copied().unwrap_or_default()
    }

    /// What of footage itself is followed; none where only a stage knows it.
    pub(crate) fn of_footage(self, clip: &Clip) -> Option<Clip> {
        match self {
            Self::Edges => Some(edges(clip, INK)),
            Self::Grey => Some(grey(clip)),
            Self::Depth | Self::Flow | Self::Layout | Self::Shapes => None,
        }
    }
}

/// The stage, and what of it is followed.
pub(crate) struct Followed {
    guides: Arc<dyn Guides>,
    kind: Kind,
    size: Size,
    /// Over what depth is stretched.
    over: Depth,
}

impl Followed {
    /// What is followed over `frames` frames. Where these are made in several goes, all of them are looked through for the
    /// nearest and the farthest place, so that depth is the same in each.
    pub(crate) fn new(
        (guides, kind): (Arc<dyn Guides>, Kind),
        size: Size,
        (frames, goes): (u32, usize),
        control: &Control,
    ) -> Result<Self, Stop> {
        let mut made = Self {
            guides,
            kind,
            size,
            // Over the whole clip, so that nothing pulses when something comes close.
            over: Depth::WholeClip,
        };
        if kind == Kind::Depth && goes > 1 {
            let (mut nearest, mut farthest) = (f32::INFINITY, 0f32);
            for n in 0..frames {
                control.check()?;
                for metres in made.metres(n)? {
                    // What has no depth is as far as can be.
                    let metres = if metres > 0.0 { metres } else { f32::INFINITY };
                    (nearest, farthest) = (nearest.min(metres), farthest.max(metres));
                }
            }
            made.over = Depth::Between { nearest, farthest };
        }
        Ok(made)
    }

    /// The control clip of a part of the shot's frames.
    pub(crate) fn clip(&self, frames: Range<u32>, control: &Control) -> Result<Clip, Stop> {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        Ok(match self.kind {
            Kind::Depth => depth(
                &self.all(frames, control, |n| self.metres(n))?,
                width,
                height,
                self.over,
            ),
            Kind::Edges => edges(&self.seen(frames, control)?, INK),
            Kind::Grey => grey(&self.seen(frames, control)?),
            Kind::Flow => {
                let motion = self.all(frames, control, |n| {
                    let frame = self.guides.frame(n, self.size)?;
                    Ok(frame
                        .motion_next_px
                        .ok_or_else(|| self.lacking(n, "motion"))?
                        .values)
                })?;
                flow(&motion, width, height)
            }
            Kind::Layout => {
                let mut boxes = Vec::new();
                for n in frames {
                    control.check()?;
                    boxes.push(outlines(&self.ids(n)?, width));
                }
                layout(&boxes, width, height)
            }
            Kind::Shapes => Clip {
                width,
                height,
                pixels: self.all(frames, control, |n| {
                    Ok(self.ids(n)?.into_iter().map(colour).collect())
                })?,
            },
        })
    }

    fn all<T>(
        &self,
        frames: Range<u32>,
        control: &Control,
        of: impl Fn(u32) -> Result<Vec<T>, Failure>,
    ) -> Result<Vec<T>, Stop> {
        let mut all = Vec::new();
        for n in frames {
            control.check()?;
            all.extend(of(n)?);
        }
        Ok(all)
    }

    fn metres(&self, n: u32) -> Result<Vec<f32>, Failure> {
        let frame = self.guides.frame(n, self.size)?;
        Ok(frame.depth_m.ok_or_else(|| self.lacking(n, "depth"))?.values)
    }

    fn ids(&self, n: u32) -> Result<Vec<u32>, Failure> {
        let frame = self.guides.frame(n, self.size)?;
        Ok(frame
            .object_id
            .ok_or_else(|| self.lacking(n, "object ids"))?
            .values)
    }

    fn seen(&self, frames: Range<u32>, control: &Control) -> Result<Clip, Stop> {
        let pixels = self.all(frames, control, |n| {
            let frame = self.guides.frame(n, self.size)?;
            let (image, _) = frame.color.ok_or_else(|| self.lacking(n, "colour"))?;
            Ok(codes(&image).pixels)
        })?;
        Ok(Clip {
            width: self.size.width as usize,
            height: self.size.height as usize,
            pixels,
        })
    }

    fn lacking(&self, n: u32, pass: &str) -> Failure {
        let kind = self.kind.word();
        Failure::lasting(
            "guides",
            format!(
                "frame {n} of the guides has no {pass}, which `control = \"{kind}\"` follows; name another control"
            ),
        )
    }
}

/// The colour of a thing: its own whatever else is seen, of even lightness steps and full; nothing is white.
fn colour(id: u32) -> [f32; 3] {
    if id == 0 {
        return [1.0; 3];
    }
    let hue = (id as f32 * HUE_STEP).fract() * 6.0;
    // Hue to red, green and blue at full saturation, as in HSV.
    [5.0, 3.0, 1.0].map(|channel: f32| {
        let place = (channel + hue) % 6.0;
        1.0 - place.min(4.0 - place).clamp(0.0, 1.0)
    })
}

/// The box of each thing that is seen, in the thing's colour; larger ones first, so that smaller ones lie over them.
fn outlines(ids: &[u32], width: usize) -> Vec<Outline> {
    let mut boxes: BTreeMap<u32, [usize; 4]> = BTreeMap::new();
    for (at, id) in ids.iter().enumerate().filter(|(_, id)| **id != 0) {
        let (x, y) = (at % width.max(1), at / width.max(1));
        let [left, top, right, bottom] = boxes.entry(*id).or_insert([x, y, x + 1, y + 1]);
        (*left, *top, *right, *bottom) = (
            (*left).min(x),
            (*top).min(y),
            (*right).max(x + 1),
            (*bottom).max(y + 1),
        );
    }
    let mut boxes: Vec<(u32, [usize; 4])> = boxes.into_iter().collect();
    let area = |[left, top, right, bottom]: [usize; 4]| (right - left) * (bottom - top);
    boxes.sort_by_key(|(id, sides)| (std::cmp::Reverse(area(*sides)), *id));
    boxes
        .into_iter()
        .map(|(id, [left, top, right, bottom])| Outline {
            from: [left as f32, top as f32],
            to: [right as f32, bottom as f32],
            colour: colour(id),
        })
        .collect()
}
