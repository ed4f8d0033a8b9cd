//! A shot under way: what every kind of shot gives, and the loop that makes files of it.

use crate::codec::{Offset, encode_map, encode_offset, encode_weight};
use crate::grid::Grid;
use crate::map::{CoordinateMap, Origin, UNIT};
use crate::pictures::Pictures;
use crate::poisson;
use crate::take::{MAP, OFFSET, OVER, SourceFacts, WEIGHT, Work, frame_hash};
use heirloom_engine::local::{Control, Stop};
use heirloom_engine::{Failure, Order};
use rayon::prelude::*;

/// Asked now and then whether to stop.
pub type Asked<'a> = dyn Fn() -> bool + Sync + 'a;

/// A second layer over a frame's map: each pixel is mixed from both, in linear light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    /// Origins of the second layer, row by row.
    pub map: Vec<Origin>,
    /// Share of the second layer at each pixel: 0 is none, 255 all.
    pub weight: Vec<u8>,
}

/// One frame as a shot gives it: a place for every pixel, or two where something fades.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Laid {
    /// Origins, row by row.
    pub map: Vec<Origin>,
    /// What is mixed over them, if anything is.
    pub over: Option<Over>,
}

impl Laid {
    /// A frame of one layer.
    pub fn plain(map: Vec<Origin>) -> Laid {
        Laid { map, over: None }
    }
}

/// A shot under way: a frame after another, and able to go on from a key.
///
/// Frames are made on the [`Grid`] of the shot's size; origins are in pixels of that grid and counted from the used
/// part ([`crate::take::SourceFacts::crop`]) of each source.
pub trait Making: Send {
    /// Frame 0. Says nothing of worth once `stop` is true.
    ///
    /// # Errors
    /// What the shot reads (guides, a clip) can not be had.
    fn first(&mut self, stop: &Asked) -> Result<Laid, Failure>;
    /// Takes frame 0 in, made now or earlier. Comes before [`Making::next`] and [`Making::resume`].
    ///
    /// # Errors
    /// As [`Making::first`].
    fn follow(&mut self, first: &Laid) -> Result<(), Failure>;
    /// Frame `n` (>= 1), after all frames since the last key.
    ///
    /// # Errors
    /// As [`Making::first`].
    fn next(&mut self, n: u32, stop: &Asked) -> Result<Laid, Failure>;
    /// Goes on from frame `key`, a multiple of [`Making::key_frames`], as if all before it had just been made.
    ///
    /// # Errors
    /// As [`Making::first`].
    fn resume(&mut self, key: u32, base: &Laid) -> Result<(), Failure>;
    /// Frames from one key to the next.
    fn key_frames(&self) -> u32;
    /// What the finish adds at each pixel of frame `n`, in its encoded light; empty for nothing.
    fn lead(&self, _n: u32, _frame: &Laid) -> Vec<[f32; 3]> {
        Vec::new()
    }
    /// What the finish multiplies the light of each pixel of the frame last made by; empty for nothing.
    fn light(&self) -> &[f32] {
        &[]
    }
    /// For every pixel of the frame last made, a number: the finish leaves the light between pixels of different
    /// numbers as it is (edges of things). Empty where there are no such edges.
    fn edges(&self) -> &[u16] {
        &[]
    }
    /// Pixels that the finish leaves as they are, `true`; empty where there are none.
    fn fixed(&self) -> &[bool] {
        &[]
    }
}

/// Between the search's coordinates (of the used part) and the map's (of the whole scaled picture).
fn shifted(origins: &[Origin], crops: &[(u32, u32)], way: i32) -> Vec<Origin> {
    if crops.iter().all(|c| *c == (0, 0)) {
        return origins.to_vec();
    }
    origins
        .iter()
        .map(|o| {
            let (x, y) = crops.get(usize::from(o.source)).copied().unwrap_or_default();
            Origin {
                source: o.source,
                x: o.x.wrapping_add(x as i32 * UNIT * way),
                y: o.y.wrapping_add(y as i32 * UNIT * way),
            }
        })
        .collect()
}

fn moved(frame: &Laid, crops: &[(u32, u32)], way: i32) -> Laid {
    Laid {
        map: shifted(&frame.map, crops, way),
        over: frame.over.as_ref().map(|o| Over {
            map: shifted(&o.map, crops, way),
            weight: o.weight.clone(),
        }),
    }
}

/// Makes all frames that are not there yet; the hash of every frame.
///
/// # Errors
/// The disk is full, something the shot reads is missing, or it was told to stop.
pub fn make_frames(
    order: &Order,
    control: &Control,
    shot: &mut dyn Making,
    pictures: &Pictures,
    finish: f32,
) -> Result<Vec<String>, Stop> {
    let request = &order.request;
    let work = Work::new(&order.work);
    let grid = Grid::of_request(request);
    let crop = |s: &SourceFacts| (s.crop.0 / grid.by, s.crop.1 / grid.by);
    let crops: Vec<(u32, u32)> = pictures.sources().iter().map(crop).collect();
    let stop = || control.cancelled();
    let mut hashes = Vec::new();
    while (hashes.len() as u32) < request.frames {
        match work.finished(hashes.len() as u32, finish > 0.0) {
            Some(hash) => hashes.push(hash),
            None => break,
        }
    }
    let have = hashes.len() as u32;
    control.progress(have, request.frames);
    if have == request.frames {
        return Ok(hashes);
    }
    let kept = |n: u32| -> Result<Laid, Stop> {
        let frame = work.frame(n).ok_or_else(|| {
            Failure::passing(
                "work",
                "a frame in the work folder has just become unreadable; try again",
            )
        })?;
        Ok(moved(&frame, &crops, -1))
    };
    let first = if have > 0 { kept(0)? } else { shot.first(&stop)? };
    control.check()?;
    shot.follow(&first)?;
    let mut begin = 0;
    if have > 0 {
        // Go on from the last key at or before the last finished frame.
        let key = (have - 1) / shot.key_frames() * shot.key_frames();
        if key > 0 {
            shot.resume(key, &kept(key)?)?;
        }
        for n in key + 1..have {
            shot.next(n, &stop)?;
            control.check()?;
        }
        begin = have;
    }
    let mut before: Option<(Laid, Frame)> = None;
    for n in begin..request.frames {
        let own = if n == 0 {
            first.clone()
        } else {
            shot.next(n, &stop)?
        };
        control.check()?;
        let lead = if finish > 0.0 {
            shot.lead(n, &own)
        } else {
            Vec::new()
        };
        let laid = moved(&own, &crops, 1);
        let frame = match before.take() {
            Some((o, frame)) if o == laid && lead.is_empty() && shot.light().is_empty() => frame,
            _ => frame(&laid, pictures, &grid, finish, lead, &*shot)?,
        };
        control.check()?;
        work.write(MAP, n, &frame.map)?;
        if let Some((over, weight)) = &frame.over {
            work.write(OVER, n, over)?;
            work.write(WEIGHT, n, weight)?;
        }
        if let Some(offset) = &frame.offset {
            work.write(OFFSET, n, offset)?;
        }
        // Last: this says that the frame is finished.
        work.write("done", n, frame.hash.as_bytes())?;
        hashes.push(frame.hash.clone());
        before = Some((laid, frame));
        control.progress(n + 1, request.frames);
    }
    Ok(hashes)
}

/// A frame as it is stored.
struct Frame {
    map: Vec<u8>,
    over: Option<(Vec<u8>, Vec<u8>)>,
    offset: Option<Vec<u8>>,
    hash: String,
}

fn frame(
    laid: &Laid,
    pictures: &Pictures,
    grid: &Grid,
    finish: f32,
    mut lead: Vec<[f32; 3]>,
    shot: &dyn Making,
) -> Result<Frame, Failure> {
    let (width, height) = (grid.across as u32, grid.down as u32);
    let fault = |e: String| Failure::lasting("take", e);
    let held = pictures.for_frame(&laid.map, laid.over.as_ref())?;
    let mut pixels = grid.samples(&laid.map, &held);
    // Before the finish: what matters of a seam is what is seen of it.
    if let Some(over) = &laid.over {
        grid.blend(&mut pixels, over, &held);
    }
    let offset: Option<Offset> = if finish > 0.0 {
        // The lead belongs to the finish: half its strength and more show it whole.
        let share = (finish * 2.0).min(1.0);
        lead.iter_mut().for_each(|l| *l = l.map(|v| v * share));
        let means = (grid.by > 1).then(|| grid.means(&pixels));
        let seen = means.as_deref().unwrap_or(&pixels);
        let light = shot.light();
        if !light.is_empty() {
            // In encoded light (a square root) the light's ratio is a root as well.
            lead.resize(seen.len(), [0.0; 3]);
            lead.par_iter_mut()
                .zip(seen)
                .zip(light)
                .for_each(|((l, p), ratio)| {
                    let by = (ratio.max(0.0).sqrt() - 1.0) * share;
                    for k in 0..3 {
                        l[k] += poisson::encode(p[k]) * by;
                    }
                });
        }
        poisson::offset_within(
            seen,
            &laid.map,
            grid.across,
            finish,
            &lead,
            shot.edges(),
            shot.fixed(),
            |o| grid.mean_at(o, &held),
        )
    } else {
        None
    };
    // The offset belongs to the first layer.
    let offset = match &laid.over {
        Some(over) => offset.map(|o| o.under(&over.weight)),
        None => offset,
    };
    if let Some(offset) = &offset {
        grid.finish(&mut pixels, &laid.map, offset);
    }
    let packed = |origins: &[Origin]| -> Result<Vec<u8>, Failure> {
        let map = CoordinateMap::new(width, height, origins.to_vec())
            .ok_or_else(|| fault("a frame has no pixels".into()))?;
        encode_map(&map).map_err(|e| fault(e.to_string()))
    };
    // Packing hardly runs on two cores by itself: the parts side by side.
    let ((hash, offset), (map, over)) = rayon::join(
        || {
            rayon::join(
                || frame_hash(&pixels),
                || offset.map(|o| encode_offset(&o)).transpose(),
            )
        },
        || {
            let over = laid.over.as_ref().map(|over| {
                let weight = encode_weight(width, height, &over.weight).map_err(|e| fault(e.to_string()))?;
                Ok::<_, Failure>((packed(&over.map)?, weight))
            });
            (packed(&laid.map), over.transpose())
        },
    );
    Ok(Frame {
        map: map?,
        over: over?,
        offset: offset.map_err(|e| fault(e.to_string()))?,
        hash,
    })
}
