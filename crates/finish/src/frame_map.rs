//! What every frame of a master is made of: parts, and segments that say which are seen when.
//!
//! A frame map is kept as JSON beside its master, so it must be readable in twenty years with nothing but a text
//! editor, and safe to read when it comes from someone else. `docs/masters.md` describes its form.

use heirloom_engine::TakeFrames;
use heirloom_film::{Rate, Size};
use heirloom_vault::ObjectId;
use serde::{Deserialize, Serialize};

use crate::cut::{Cut, CutItem, Footage, PartOf, placement};
use crate::timeline::{TimelineError, Weight};
use crate::titles::Card;

/// Newest version of the form that this program reads, written where a take is conformed.
pub const VERSION: u32 = 2;
/// Version of maps in which no take is conformed: all else is as it was.
const PLAIN: u32 = 1;
/// A frame map with more bytes than this is refused unread.
const MOST_BYTES: usize = 64 << 20;
/// Most layers of one frame.
const MOST_LAYERS: usize = 64;

/// A master's frame map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameMap {
    #[serde(rename = "heirloom_frame_map")]
    version: u32,
    title: String,
    rate: Rate,
    size: Size,
    frames: u64,
    parts: Vec<Part>,
    segments: Vec<Segment>,
}

/// Something that is seen in the film for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// A card, drawn by the program.
    Drawn {
        /// `title card` or `credits`.
        what: String,
        /// The program and its version.
        by: String,
        /// Fonts used.
        fonts: Vec<String>,
        /// The words on it.
        text: Vec<String>,
        /// Length in frames.
        frames: u32,
    },
    /// A take.
    Take {
        /// Scene's name at the time.
        scene: String,
        /// Shot's name at the time.
        shot: String,
        /// The shot's stable id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shot_id: Option<String>,
        /// Hash of the take's manifest.
        take: ObjectId,
        /// Length in frames; frame `n` shows the take's frame `n`, or its moment n x `conformed_from` / film's rate.
        frames: u32,
        /// The take's own frames a second where those are not the film's: a moment between two of its frames is made of both,
        /// along their motion.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        conformed_from: Option<Rate>,
        /// How the take's frames are placed; absent where they have the film's size.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        placed: Option<Placed>,
    },
    /// A clip of live action.
    Plate {
        /// Scene's name at the time.
        scene: String,
        /// Shot's name at the time.
        shot: String,
        /// The shot's stable id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shot_id: Option<String>,
        /// The clip's object.
        source: ObjectId,
        /// Frame of the plate that frame 0 shows, counted at the film's rate.
        start: u32,
        /// The clip's own frames a second: frame `n` shows the clip's frame floor((start + n) x rate / film's rate).
        rate: Rate,
        /// Length in frames.
        frames: u32,
        /// How the clip's frames are placed; absent where they have the film's size.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        placed: Option<Placed>,
    },
}

/// How a picture of another size is placed: scaled, then cropped to the film's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placed {
    /// Its own pixels across and down.
    pub from: (u32, u32),
    /// Pixels across and down that it is scaled to.
    pub scaled_to: (u32, u32),
    /// Pixels cropped at the left and at the top after scaling.
    pub cropped: (u32, u32),
}

/// A run of frames in which the same parts are seen, each going on by one frame a frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Segment {
    at: u64,
    frames: u64,
    layers: Vec<SegmentLayer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SegmentLayer {
    part: usize,
    /// The part's frame at the segment's first one.
    frame: u32,
    /// Absent where the part is seen alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight: Option<Ramp>,
}

/// In the segment's `k`-th frame the weight is (first + step * k) / of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ramp {
    first: u32,
    step: i32,
    of: u32,
}

/// A part seen in a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen<'m> {
    /// The part.
    pub part: &'m Part,
    /// Frame within the part, from 0.
    pub frame: u32,
    /// Its share of the light.
    pub weight: Weight,
}

/// Why bytes are no frame map, or a frame is not in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameMapError {
    /// Not JSON of this form.
    #[error("this is no frame map ({0}); fetch it again from the vault it was exported from")]
    Unreadable(String),
    /// Written by a newer program.
    #[error(
        "this frame map was written by a newer Heirloom (form {found}, this one reads {VERSION}); install the newer one"
    )]
    Newer {
        /// The form's version.
        found: u64,
    },
    /// Frames that the master does not have.
    #[error("the master has {frames} frames, 0 to {}; frame {asked} is past its end: name one of those", frames.saturating_sub(1))]
    PastEnd {
        /// Frame that was asked for.
        asked: u64,
        /// How many there are.
        frames: u64,
    },
}

impl FrameMap {
    /// The frame map of a cut.
    ///
    /// # Errors
    /// The cut can not be laid out.
    pub fn of(cut: &Cut) -> Result<Self, TimelineError> {
        let timeline = cut.timeline()?;
        let parts: Vec<Part> = cut
            .parts()
            .into_iter()
            .map(|part| describe(part, cut.size))
            .collect();
        let mut segments: Vec<Segment> = Vec::new();
        for at in 0..timeline.frames() {
            let layers: Vec<SegmentLayer> = timeline
                .layers(at)
                .into_iter()
                .map(|layer| SegmentLayer {
                    part: layer.part,
                    frame: layer.frame,
                    weight: (layer.weight != Weight::ONE).then_some(Ramp {
                        first: layer.weight.num,
                        step: 0,
                        of: layer.weight.den,
                    }),
                })
                .collect();
            if !segments.last_mut().is_some_and(|last| last.go_on_with(&layers)) {
                segments.push(Segment {
                    at,
                    frames: 1,
                    layers,
                });
            }
        }
        let conformed = |part: &Part| {
            matches!(
                part,
                Part::Take {
                    conformed_from: Some(_),
                    ..
                }
            )
        };
        Ok(Self {
            version: if parts.iter().any(conformed) {
                VERSION
            } else {
                PLAIN
            },
            title: cut.title.clone(),
            rate: cut.rate,
            size: cut.size,
            frames: timeline.frames(),
            parts,
            segments,
        })
    }

    /// As kept: JSON, a line for every part and every segment. The same map has the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let line = |value: serde_json::Result<String>| value.unwrap_or_default();
        let list = |lines: Vec<String>| lines.join(",\n    ");
        let parts = list(
            self.parts
                .iter()
                .map(|part| line(serde_json::to_string(part)))
                .collect(),
        );
        let segments = list(
            self.segments
                .iter()
                .map(|s| line(serde_json::to_string(s)))
                .collect(),
        );
        format!(
            "{{\n  \"heirloom_frame_map\": {},\n  \"title\": {},\n  \"rate\": \"{}\",\n  \"size\": [{}, {}],\n  \
             \"frames\": {},\n  \"parts\": [\n    {parts}\n  ],\n  \"segments\": [\n    {segments}\n  ]\n}}\n",
            self.version,
            serde_json::Value::from(self.title.as_str()),
            self.rate,
            self.size.width,
            self.size.height,
            self.frames,
        )
        .into_bytes()
    }

    /// Read a frame map, whoever wrote it. What it says is checked as far as it can be without the vault: the
    /// segments follow one another without a gap, every layer lies within its part, weights sum to one.
    ///
    /// # Errors
    /// As [`FrameMapError`] says.
    pub fn parse(bytes: &[u8]) -> Result<Self, FrameMapError> {
        #[derive(Deserialize)]
        struct Header {
            heirloom_frame_map: u64,
        }
        let unreadable = |why: &dyn std::fmt::Display| FrameMapError::Unreadable(why.to_string());
        if bytes.len() > MOST_BYTES {
            return Err(FrameMapError::Unreadable(format!(
                "{} bytes are too many",
                bytes.len()
            )));
        }
        // The version first: a newer form may well not read as this one.
        let header: Header = serde_json::from_slice(bytes).map_err(|e| unreadable(&e))?;
        if header.heirloom_frame_map > u64::from(VERSION) {
            return Err(FrameMapError::Newer {
                found: header.heirloom_frame_map,
            });
        }
        let map: Self = serde_json::from_slice(bytes).map_err(|e| unreadable(&e))?;
        map.check().map_err(FrameMapError::Unreadable)?;
        Ok(map)
    }

    fn check(&self) -> Result<(), String> {
        let mut at = 0_u64;
        for (index, segment) in self.segments.iter().enumerate() {
            let wrong = |what: &str| Err(format!("segment {index}: {what}"));
            if segment.at != at || segment.frames == 0 {
                return wrong("it does not begin where the one before ends, or has no frames");
            }
            let Some(end) = at.checked_add(segment.frames).filter(|end| *end <= self.frames) else {
                return wrong("it goes past the end of the master");
            };
            at = end;
            if segment.layers.is_empty() || segment.layers.len() > MOST_LAYERS {
                return wrong("nothing is seen in it, or too many parts");
            }
            let last = segment.frames - 1;
            for layer in &segment.layers {
                let Some(part) = self.parts.get(layer.part) else {
                    return wrong("it names a part that is not there");
                };
                if u64::from(layer.frame) + last >= u64::from(part.frames()) {
                    return wrong("it goes past the end of a part");
                }
            }
            // Weights change evenly, so what holds at both ends holds between.
            for k in [0, last] {
                let weights: Option<Vec<Weight>> = segment.layers.iter().map(|l| l.weight_at(k)).collect();
                let Some(weights) = weights else {
                    return wrong("a weight is not between 0 and 1");
                };
                let den = weights.first().map_or(1, |w| w.den);
                let sum: u64 = weights.iter().map(|w| u64::from(w.num)).sum();
                if weights.iter().any(|w| w.den != den) || sum != u64::from(den) {
                    return wrong("its weights do not sum to one");
                }
            }
        }
        if at == self.frames && at > 0 {
            Ok(())
        } else {
            Err("its segments do not cover the master".into())
        }
    }

    /// The film's title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Frames a second.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Frame size in pixels.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Length in frames.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// All that is seen in the master.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What is seen in frame `n`, from 0; weights sum to one.
    ///
    /// # Errors
    /// [`FrameMapError::PastEnd`].
    pub fn seen(&self, n: u64) -> Result<Vec<Seen<'_>>, FrameMapError> {
        let past = || FrameMapError::PastEnd {
            asked: n,
            frames: self.frames,
        };
        if n >= self.frames {
            return Err(past());
        }
        let index = self.segments.partition_point(|segment| segment.at <= n);
        let segment = index
            .checked_sub(1)
            .and_then(|i| self.segments.get(i))
            .ok_or_else(past)?;
        let k = n - segment.at;
        let seen = segment.layers.iter().map(|layer| {
            let part = self.parts.get(layer.part)?;
            let frame = u32::try_from(u64::from(layer.frame) + k).ok()?;
            Some(Seen {
                part,
                frame,
                weight: layer.weight_at(k)?,
            })
        });
        seen.collect::<Option<Vec<_>>>().ok_or_else(past)
    }
}

impl Part {
    /// Length in frames.
    pub fn frames(&self) -> u32 {
        match self {
            Self::Drawn { frames, .. } | Self::Take { frames, .. } | Self::Plate { frames, .. } => *frames,
        }
    }
}

impl Placed {
    /// The pixel of the picture's own frame that lies under the centre of the film's pixel (`x`, `y`).
    pub fn source_pixel(&self, x: u32, y: u32) -> (u32, u32) {
        let back = |at: u32, cropped: u32, from: u32, scaled: u32| {
            let doubled = (u128::from(at) + u128::from(cropped)) * 2 + 1;
            let pixel = doubled * u128::from(from) / (u128::from(scaled.max(1)) * 2);
            u32::try_from(pixel)
                .unwrap_or(u32::MAX)
                .min(from.saturating_sub(1))
        };
        (
            back(x, self.cropped.0, self.from.0, self.scaled_to.0),
            back(y, self.cropped.1, self.from.1, self.scaled_to.1),
        )
    }

    fn of(from: (u32, u32), size: Size) -> Option<Self> {
        if from == (size.width, size.height) {
            return None;
        }
        let (scaled, cropped) = placement(from, size);
        let small = |v: u64| u32::try_from(v).unwrap_or(u32::MAX);
        Some(Self {
            from,
            scaled_to: (small(scaled.0), small(scaled.1)),
            cropped: (small(cropped.0), small(cropped.1)),
        })
    }
}

impl Segment {
    /// Take in the next frame, if `layers` are what this segment would show then; its second frame fixes its steps.
    fn go_on_with(&mut self, layers: &[SegmentLayer]) -> bool {
        let k = self.frames;
        let alike = self.layers.len() == layers.len()
            && self.layers.iter().zip(layers).all(|(a, b)| {
                a.part == b.part
                    && u64::from(a.frame) + k == u64::from(b.frame)
                    && match (&a.weight, &b.weight) {
                        (None, None) => true,
                        (Some(a), Some(b)) => {
                            let step = i64::from(b.first) - i64::from(a.first);
                            a.of == b.of && (k == 1 || step == i64::from(a.step) * k as i64)
                        }
                        _ => false,
                    }
            });
        if alike && k == 1 {
            for (a, b) in self.layers.iter_mut().zip(layers) {
                if let (Some(a), Some(b)) = (&mut a.weight, &b.weight) {
                    a.step = (i64::from(b.first) - i64::from(a.first)) as i32;
                }
            }
        }
        if alike {
            self.frames += 1;
        }
        alike
    }
}

impl SegmentLayer {
    fn weight_at(&self, k: u64) -> Option<Weight> {
        let Some(ramp) = self.weight else {
            return Some(Weight::ONE);
        };
        let num = i128::from(ramp.first) + i128::from(ramp.step) * i128::from(k);
        let num = u32::try_from(num)
            .ok()
            .filter(|num| ramp.of > 0 && *num <= ramp.of)?;
        Some(Weight { num, den: ramp.of })
    }
}

fn describe(part: PartOf<'_>, size: Size) -> Part {
    let drawn = |what: &str, card: &Card| Part::Drawn {
        what: what.into(),
        by: concat!("Heirloom ", env!("CARGO_PKG_VERSION")).into(),
        fonts: Card::fonts().map(Into::into).collect(),
        text: card.text().to_vec(),
        frames: card.frames(),
    };
    match part {
        PartOf::Title(card) => drawn("title card", card),
        PartOf::Credits(card) => drawn("credits", card),
        PartOf::Shot(item) => {
            let CutItem {
                scene, shot, frames, ..
            } = item;
            let (scene, shot, frames) = (scene.clone(), shot.clone(), *frames);
            let shot_id = item.shot_id.as_ref().map(ToString::to_string);
            match &item.footage {
                Footage::Take {
                    id,
                    frames: take,
                    conformed_from,
                } => {
                    let from = TakeFrames::size(&**take);
                    let placed = Placed::of((from.width, from.height), size);
                    Part::Take {
                        scene,
                        shot,
                        shot_id,
                        take: *id,
                        frames,
                        conformed_from: *conformed_from,
                        placed,
                    }
                }
                Footage::Plate(plate) => Part::Plate {
                    scene,
                    shot,
                    shot_id,
                    source: plate.source,
                    start: plate.start,
                    rate: plate.rate,
                    frames,
                    placed: Placed::of((plate.width, plate.height), size),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use heirloom_engine::{Failure, Origin, Share};
    use heirloom_picture::Image;
    use proptest::prelude::*;

    use super::*;

    struct Nothing(Size);

    impl TakeFrames for Nothing {
        fn size(&self) -> Size {
            self.0
        }
        fn frames(&self) -> u32 {
            100
        }
        fn frame(&self, _: u32) -> Result<Image, Failure> {
            Ok(Image::new(self.0.width, self.0.height))
        }
        fn origins(&self, _: u32, _: u32, _: u32) -> Result<Vec<Origin>, Failure> {
            Ok(Vec::new())
        }
        fn shares(&self) -> Result<Vec<Share>, Failure> {
            Ok(Vec::new())
        }
    }

    fn cut(shots: Vec<(u32, u32)>) -> Cut {
        let size = Size {
            width: 64,
            height: 36,
        };
        let mut room = 0;
        let items = shots.into_iter().enumerate().map(|(at, (frames, wish))| {
            let dissolve = wish.min(room).min(frames);
            room = frames - dissolve;
            CutItem {
                scene: "a".into(),
                shot: at.to_string(),
                shot_id: None,
                frames,
                dissolve,
                footage: Footage::Take {
                    id: ObjectId::of(&[at as u8]),
                    frames: Arc::new(Nothing(size)),
                    conformed_from: None,
                },
            }
        });
        let items = items.collect();
        Cut {
            title: "\"x\"".into(),
            rate: Rate::CINEMA,
            size,
            items,
            title_card: None,
            credits: None,
            sound: None,
        }
    }

    proptest! {
        #[test]
        fn a_map_says_what_the_timeline_says(shots in proptest::collection::vec((1_u32..40, 0_u32..20), 1..9)) {
            let cut = cut(shots);
            let timeline = cut.timeline().unwrap();
            let map = FrameMap::parse(&FrameMap::of(&cut).unwrap().to_bytes()).unwrap();
            prop_assert_eq!(map.frames(), timeline.frames());
            for n in 0..timeline.frames() {
                let seen = map.seen(n).unwrap();
                let layers = timeline.layers(n);
                prop_assert_eq!(seen.len(), layers.len());
                for (seen, layer) in seen.iter().zip(layers) {
                    prop_assert_eq!(seen.part, &map.parts()[layer.part]);
                    prop_assert_eq!((seen.frame, seen.weight), (layer.frame, layer.weight));
                }
            }
            let dissolves = cut.items.iter().filter(|item| item.dissolve > 0).count();
            prop_assert!(map.segments.len() <= cut.items.len() + dissolves);
            let past = matches!(map.seen(map.frames()), Err(FrameMapError::PastEnd { .. }));
            prop_assert!(past);
        }

        #[test]
        fn a_placed_pixel_lies_within_its_picture(
            from in (1_u32..5000, 1_u32..5000), half in (8_u32..2000, 8_u32..2000), x in 0_u32..4000, y in 0_u32..4000
        ) {
            let size = Size { width: half.0 * 2, height: half.1 * 2 };
            if let Some(placed) = Placed::of(from, size) {
                let (x, y) = placed.source_pixel(x % size.width, y % size.height);
                prop_assert!(x < from.0 && y < from.1);
                let (right, bottom) = (placed.cropped.0 + size.width, placed.cropped.1 + size.height);
                prop_assert!(right <= placed.scaled_to.0 && bottom <= placed.scaled_to.1);
            }
        }
    }
}
