//! Where every pixel comes from, as layers of a frame's EXR.
//!
//! | channels | kept as | what |
//! |---|---|---|
//! | `R` `G` `B` | half | the picture, linear ACEScg |
//! | `attribution.source` | whole | number of the source, from 1; 0 where there is none (cards) |
//! | `attribution.x` `attribution.y` | float | pixels of the original photograph, upright; 0.0 is the centre of the first one |
//! | `attribution.weight` | float | its share of the pixel, 0 to 1 |
//! | `attribution2.…` `attribution3.…` | likewise | the next ones, where a pixel of the frame has so many |
//!
//! At each pixel the strongest comes first, as `heirloom trace` lists them. The attribute `heirloom/sources` is JSON of
//! number to object, name, owner and terms; numbers are the same in all frames of an export.

use std::collections::BTreeMap;

use heirloom_engine::Origin;
use heirloom_film::Size;
use heirloom_picture::Image;
use heirloom_picture::exr::{LayerAttribute, Layers, Samples, ascii_json};
use heirloom_vault::ObjectId;
use serde_json::json;

use crate::credits::SourceLookup;
use crate::cut::{Cut, Footage};
use crate::error::FinishError;
use crate::frame_map::{FrameMap, Part, Placed, Seen};

/// The sources of a cut by number, and how they are read.
pub(crate) struct Attribution<'c> {
    map: &'c FrameMap,
    cut: &'c Cut,
    numbers: BTreeMap<ObjectId, u32>,
    /// JSON of number to what is known of the source, in ASCII.
    legend: String,
}

/// Number of the source, column, row, weight.
type Place = (u32, f32, f32, f32);

/// Every pixel's places, the strongest first: a layer of first ones, a layer of second ones where there are any, and
/// so on.
struct Places {
    counts: Vec<u8>,
    layers: Vec<Vec<Place>>,
}

impl Places {
    fn new(pixels: usize) -> Places {
        Places {
            counts: vec![0; pixels],
            layers: vec![vec![Place::default(); pixels]],
        }
    }

    /// Adds a place to a pixel, behind all that are as strong.
    fn add(&mut self, pixel: usize, place: Place) {
        let n = usize::from(self.counts[pixel]);
        if n == usize::from(u8::MAX) {
            return;
        }
        if n == self.layers.len() {
            self.layers.push(vec![Place::default(); self.counts.len()]);
        }
        let at = (0..n).find(|k| self.layers[*k][pixel].3 < place.3).unwrap_or(n);
        for k in (at..n).rev() {
            self.layers[k + 1][pixel] = self.layers[k][pixel];
        }
        self.layers[at][pixel] = place;
        self.counts[pixel] += 1;
    }

    fn of(&self, pixel: usize) -> impl Iterator<Item = Place> + '_ {
        let n = self.counts.get(pixel).map_or(0, |n| usize::from(*n));
        self.layers[..n].iter().map(move |layer| layer[pixel])
    }
}

impl<'c> Attribution<'c> {
    /// Numbers the sources of a cut, in the order in which its shots come.
    pub fn of(map: &'c FrameMap, cut: &'c Cut, lookup: &SourceLookup<'_>) -> Result<Self, FinishError> {
        let mut numbers = BTreeMap::new();
        let mut order = Vec::new();
        for item in &cut.items {
            let sources = match &item.footage {
                Footage::Take { frames, .. } => frames.sources().map_err(|failure| FinishError::Take {
                    scene: item.scene.clone(),
                    shot: item.shot.clone(),
                    frame: 0,
                    failure,
                })?,
                Footage::Plate(plate) => vec![plate.source],
            };
            for source in sources {
                numbers.entry(source).or_insert_with(|| {
                    order.push(source);
                    order.len() as u32
                });
            }
        }
        let legend = order.iter().enumerate().map(|(k, source)| {
            let info = lookup(source);
            let rights = info.as_ref().and_then(|info| info.rights.as_ref());
            let said = json!({
                "object": source.to_string(),
                "name": info.as_ref().map(|info| &info.name),
                "owner": rights.map(|r| &r.owner),
                "terms": rights.map(|r| &r.terms),
            });
            ((k + 1).to_string(), said)
        });
        let legend = ascii_json(&serde_json::Value::Object(legend.collect()));
        Ok(Attribution {
            map,
            cut,
            numbers,
            legend,
        })
    }

    /// What the header says of the sources: part of what an export is made of.
    pub fn legend(&self) -> &str {
        &self.legend
    }

    /// Frame `n` of the cut, whose picture is `image`, with all its layers.
    pub fn layers(&self, n: u64, image: &Image) -> Result<Layers, FinishError> {
        let places = self.places(n)?;
        let mut layers = Layers {
            width: image.width(),
            height: image.height(),
            channels: BTreeMap::new(),
            attributes: BTreeMap::from([
                (
                    "heirloom/sources".to_owned(),
                    LayerAttribute::Text(self.legend.clone()),
                ),
                ("heirloom/frame".to_owned(), LayerAttribute::Number(n as f32)),
                (
                    "colorInteropID".to_owned(),
                    LayerAttribute::Text("lin_ap1_scene".into()),
                ),
            ]),
        };
        for (c, name) in ["R", "G", "B"].into_iter().enumerate() {
            let values = image.pixels().iter().map(|p| p[c]).collect();
            layers.channels.insert(name.into(), Samples::Half(values));
        }
        for (k, places) in places.layers.iter().enumerate() {
            let layer = match k {
                0 => "attribution".to_owned(),
                k => format!("attribution{}", k + 1),
            };
            let mut add = |name: &str, samples| layers.channels.insert(format!("{layer}.{name}"), samples);
            add("source", Samples::Whole(places.iter().map(|p| p.0).collect()));
            add("x", Samples::Float(places.iter().map(|p| p.1).collect()));
            add("y", Samples::Float(places.iter().map(|p| p.2).collect()));
            add("weight", Samples::Float(places.iter().map(|p| p.3).collect()));
        }
        Ok(layers)
    }

    /// Every pixel's places in frame `n`.
    fn places(&self, n: u64) -> Result<Places, FinishError> {
        let size = self.map.size();
        let mut places = Places::new(size.width as usize * size.height as usize);
        let seen = self.map.seen(n).map_err(|_| FinishError::PastEnd {
            asked: n,
            frames: self.map.frames(),
        })?;
        for seen in seen {
            self.add(&seen, size, &mut places)?;
        }
        Ok(places)
    }

    /// Adds what one part of a frame gives to its pixels.
    fn add(&self, seen: &Seen<'_>, size: Size, out: &mut Places) -> Result<(), FinishError> {
        let share = seen.weight.value();
        let under = |placed: &Option<Placed>, i: usize| {
            let (x, y) = (i as u32 % size.width, i as u32 / size.width);
            placed.map_or((x, y), |placed| placed.source_pixel(x, y))
        };
        match seen.part {
            Part::Drawn { .. } => {}
            Part::Plate { source, placed, .. } => {
                let number = self.numbers.get(source).copied().unwrap_or(0);
                for i in 0..out.counts.len() {
                    let (x, y) = under(placed, i);
                    out.add(i, (number, x as f32, y as f32, share as f32));
                }
            }
            Part::Take {
                scene,
                shot,
                take,
                placed,
                ..
            } => {
                let failed = |failure| FinishError::Take {
                    scene: scene.clone(),
                    shot: shot.clone(),
                    frame: seen.frame,
                    failure,
                };
                let Some(frames) = self.cut.items.iter().find_map(|item| match &item.footage {
                    Footage::Take { id, frames, .. } if id == take => Some(frames),
                    _ => None,
                }) else {
                    return Ok(());
                };
                let own = frames.size();
                let fill = |into: &mut Places| {
                    let mut each = |x: u32, y: u32, origins: &[Origin]| {
                        for o in origins {
                            let number = self.numbers.get(&o.source).copied().unwrap_or(0);
                            let place = (number, o.x as f32, o.y as f32, (o.weight * share) as f32);
                            into.add(y as usize * own.width as usize + x as usize, place);
                        }
                    };
                    frames.each_origin(seen.frame, &mut each)
                };
                if placed.is_none() {
                    return fill(out).map_err(failed);
                }
                let mut all = Places::new(own.width as usize * own.height as usize);
                fill(&mut all).map_err(failed)?;
                for i in 0..out.counts.len() {
                    let (x, y) = under(placed, i);
                    for place in all.of(y as usize * own.width as usize + x as usize) {
                        out.add(i, place);
                    }
                }
            }
        }
        Ok(())
    }
}
