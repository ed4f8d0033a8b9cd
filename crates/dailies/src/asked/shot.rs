//! What `film.toml` and the files it names say of a shot's frames, as they stand now.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use heirloom_engine::{GuideFrame, GuideSet, Guides, Request, TakeManifest, Task};
use heirloom_film::{Film, LayoutBy, Picture, Rate, Shot, Size};
use heirloom_picture::preview::Preview;
use heirloom_picture::resample::{self, Window};
use heirloom_picture::{Image, photo};
use heirloom_stage::adherence::AdherenceOptions;
use heirloom_vault::{ObjectId, Vault};

use super::{Against, ShotPlan};
use crate::guides::ShotGuides;
use crate::measures::{Expected, LayoutPlan, LayoutPlans};
use crate::staged::{Sources, Staged, stage_shot};

/// Pixels on the longer side at which the stage is rendered for a plan: motion is asked for at 240 places, layout is
/// compared by 576 cells.
const PLAN_SIDE: u32 = 160;
/// Pictures of the layout a second that the stage gives.
const LAYOUTS_PER_SECOND: u32 = 4;
/// Pixels on the longer side of a picture whose layout is taken.
const PICTURE_SIDE: u32 = 480;
/// Memory for the stage's passes of a whole shot, in bytes; longer shots are judged smaller.
const PASSES_BYTES: u64 = 1 << 30;
/// Bytes a pixel of those passes.
const PIXEL_BYTES: u64 = 72;

/// A picture of how frames should be laid out, and the part of it that is seen.
#[derive(Clone)]
struct Drawn {
    object: ObjectId,
    bytes: Arc<Vec<u8>>,
    name: String,
    /// Left, top, width and height, in fractions.
    part: [f64; 4],
    /// Which frame of the shot, at the film's rate.
    frame: u32,
}

/// A shot's plan for its takes: its blocking on the stage or, where it has none, pictures that its frames should be like.
///
/// - A blocked shot's takes are held against the stage: motion pass and colour pass.
/// - Keyframes of the take's request, and the two ends of a becoming or a between, are pictures that those very frames must
///   be.
/// - Other shots: the picture by which they are composed (`layout`), or their storyboard: the first and the last frame of
///   each drawing's move.
///
/// Motion in words (`motion = { flow = ... }`) moves matter at a pace that is the engine's own: nothing exact is asked for.
pub struct OfShot {
    vault: Arc<Vault>,
    staged: Option<Staged>,
    drawn: Vec<Drawn>,
    frames: u32,
    rate: Rate,
    /// By rate; `None` where they can not be had.
    guides: Mutex<BTreeMap<String, Option<Arc<ShotGuides>>>>,
    plans: Mutex<BTreeMap<ObjectId, Arc<Against<ShotPlan>>>>,
    stages: Mutex<BTreeMap<ObjectId, Arc<Against<GuideSet>>>>,
}

impl OfShot {
    /// What a shot asks of its takes, and what of it can not be had: each says the mend, and takes are held against the rest.
    pub fn new(film: &Film, shot: &Shot, vault: Arc<Vault>, sources: &Sources<'_>) -> (Self, Vec<String>) {
        let mut lacking = Vec::new();
        let mut of_shot = Self {
            vault,
            staged: None,
            drawn: Vec::new(),
            frames: shot.frames,
            rate: film.rate,
            guides: Mutex::default(),
            plans: Mutex::default(),
            stages: Mutex::default(),
        };
        if shot.blocking.is_some() {
            match stage_shot(film, shot, sources) {
                Ok(staged) => {
                    of_shot.staged = Some(staged);
                    if let Err(why) = of_shot.new_guides(film.rate, shot.frames) {
                        lacking.push(why);
                        of_shot.staged = None;
                    }
                }
                Err(error) => lacking.push(error.to_string()),
            }
            // What a storyboard shows is what the stage shows already.
            return (of_shot, lacking);
        }
        for (picture, part, frame) in pictures(shot) {
            match sources.find(picture) {
                Ok(found) => of_shot.drawn.push(Drawn {
                    object: found.object,
                    bytes: Arc::new(found.bytes),
                    name: found.name,
                    part,
                    frame,
                }),
                Err(error) => lacking.push(error.to_string()),
            }
        }
        lacking.dedup();
        (of_shot, lacking)
    }

    /// What a take of the shot, drawn for this request, is held against; `None` where the plan says nothing of its frames.
    pub fn plan(&self, take: &TakeManifest, request: Option<&Request>) -> Option<Arc<Against<ShotPlan>>> {
        let size = fitted(take.size, PLAN_SIDE);
        if self.staged.is_some() {
            let guides = self.guides(take)?;
            let step = LAYOUTS_PER_SECOND * take.rate.den();
            let step = (take.rate.num() / step.max(1)).max(1);
            let of = serde_json::json!({
                "guides": guides.object(), "rate": take.rate, "frames": guides.frames(), "size": size, "step": step,
            });
            return Some(cached(&self.plans, &of, move || {
                let words = |failure: heirloom_engine::Failure| failure.message;
                Ok(ShotPlan {
                    motion: Some(Expected::of_guides(&*guides, size).map_err(words)?),
                    layout: LayoutPlans::of_guides(&*guides, size, step).map_err(words)?,
                })
            }));
        }
        let exact = request.map(|request| exact(request, take)).unwrap_or_default();
        if !exact.is_empty() {
            let of = serde_json::json!({ "exact": exact, "size": take.size });
            let (vault, whole) = (self.vault.clone(), take.size);
            return Some(cached(&self.plans, &of, move || {
                let plans = exact.into_iter().map(|(frame, object)| {
                    let bytes = vault.read(&object).map_err(|e| e.to_string())?;
                    Ok((
                        frame,
                        laid_out(&bytes, &object.short(), [0.0, 0.0, 1.0, 1.0], whole)?,
                    ))
                });
                Ok(ShotPlan {
                    motion: None,
                    layout: Some(LayoutPlans::exactly(plans.collect::<Result<_, String>>()?)),
                })
            }));
        }
        if self.drawn.is_empty() {
            return None;
        }
        let at = |frame: u32| at_rate(frame, self.rate, take.rate);
        let of: Vec<_> = self
            .drawn
            .iter()
            .map(|drawn| serde_json::json!([drawn.object, drawn.part, at(drawn.frame)]))
            .collect();
        let of = serde_json::json!({ "drawn": of, "size": take.size });
        let whole = take.size;
        let drawn: Vec<(u32, Drawn)> = self.drawn.iter().map(|d| (at(d.frame), d.clone())).collect();
        Some(cached(&self.plans, &of, move || {
            let plans = drawn
                .into_iter()
                .map(|(frame, d)| Ok((frame, laid_out(&d.bytes, &d.name, d.part, whole)?)));
            Ok(ShotPlan {
                motion: None,
                layout: Some(LayoutPlans::new(plans.collect::<Result<_, String>>()?)),
            })
        }))
    }

    /// The stage's passes, by which a take's adherence is judged; `None` where the shot is not blocked.
    pub fn stage(&self, take: &TakeManifest) -> Option<Arc<Against<GuideSet>>> {
        let guides = self.guides(take)?;
        let frames = guides.frames().min(take.frames).max(1);
        let room = PASSES_BYTES / PIXEL_BYTES / u64::from(frames);
        let pixels = u64::from(take.size.width) * u64::from(take.size.height);
        let by_room = f64::from(take.size.width.max(take.size.height))
            * libm::sqrt(room as f64 / pixels.max(1) as f64).min(1.0);
        let longest = AdherenceOptions::default().longest_side_px.min(by_room as u32);
        let (size, rate) = (fitted(take.size, longest), take.rate);
        let of = serde_json::json!({
            "stage": guides.object(), "rate": rate, "frames": frames, "size": size,
        });
        Some(cached(&self.stages, &of, move || {
            let made = (0..frames).map(|n| {
                guides
                    .frame(n, size)
                    .map(needed)
                    .map_err(|failure| failure.message)
            });
            let made: Vec<GuideFrame> = made.collect::<Result<_, _>>()?;
            Ok(GuideSet {
                size,
                rate,
                names: guides.names().clone(),
                light: made.first().and_then(|frame| frame.light.clone()),
                frames: made,
            })
        }))
    }

    /// The shot's guides at a take's own times.
    fn guides(&self, take: &TakeManifest) -> Option<Arc<ShotGuides>> {
        self.staged.as_ref()?;
        let mut all = self.guides.lock().unwrap_or_else(PoisonError::into_inner);
        let frames = at_rate(self.frames, self.rate, take.rate).max(1);
        all.entry(take.rate.to_string())
            .or_insert_with(|| self.new_guides(take.rate, frames).ok().map(Arc::new))
            .clone()
    }

    fn new_guides(&self, rate: Rate, frames: u32) -> Result<ShotGuides, String> {
        let staged = self.staged.clone().ok_or("the shot is not blocked")?;
        ShotGuides::new(staged, frames, rate).map_err(|e| e.to_string())
    }
}

/// The pictures of a shot that is not blocked, each with the part of it that is seen at a frame.
fn pictures(shot: &Shot) -> Vec<(&Picture, [f64; 4], u32)> {
    let whole = [0.0, 0.0, 1.0, 1.0];
    let composed = match shot.layout.as_ref().map(|layout| &layout.by) {
        Some(LayoutBy::Drawing(picture)) => Some(picture),
        Some(LayoutBy::Board(n)) => shot.boards.get(*n).map(|board| &board.picture),
        // Colours of a map stand for sources: it is no picture of the frame.
        Some(LayoutBy::Labels { .. }) => return Vec::new(),
        None => None,
    };
    if let Some(picture) = composed {
        return vec![(picture, whole, 0)];
    }
    let mut all = Vec::new();
    let mut first = 0;
    for board in &shot.boards {
        let last = first + board.frames.max(1) - 1;
        if first >= shot.frames {
            break;
        }
        all.push((&board.picture, board.from, first));
        if last > first && last < shot.frames {
            all.push((&board.picture, board.to, last));
        }
        first = last + 1;
    }
    all
}

/// Pictures that certain frames of a take must be: keyframes, and the ends of what goes from one still to another.
fn exact(request: &Request, take: &TakeManifest) -> Vec<(u32, ObjectId)> {
    let mut exact: Vec<(u32, ObjectId)> = request
        .keyframes
        .iter()
        .map(|key| (at_rate(key.frame, request.rate, take.rate), key.object))
        .collect();
    if let (Task::Becoming | Task::Between, [from, to, ..]) = (request.task, request.sources.as_slice()) {
        exact.extend([(0, *from), (take.frames.saturating_sub(1), *to)]);
    }
    exact.sort_unstable();
    exact.dedup();
    exact
}

/// The layout of a part of a picture, scaled until it covers a frame.
fn laid_out(bytes: &[u8], name: &str, part: [f64; 4], size: Size) -> Result<LayoutPlan, String> {
    let image = photo::decode(bytes, name).map_err(|e| e.to_string())?.image;
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    let [left, top, across, down] = part;
    let seen = Window {
        left: left * width,
        top: top * height,
        width: across * width,
        height: down * height,
    };
    let size = fitted(size, PICTURE_SIDE);
    let whole = part == [0.0, 0.0, 1.0, 1.0];
    let image: Image = if whole {
        image
    } else {
        let side = |v: f64| (v.round() as u32).clamp(1, 4 * PICTURE_SIDE);
        resample::window(&image, seen, side(seen.width), side(seen.height))
    };
    let small = Preview::of_image(&resample::cover(&image, size.width, size.height), PICTURE_SIDE);
    let view = small.view().ok_or_else(|| format!("{name} has no pixels"))?;
    Ok(LayoutPlan::of(&view))
}

/// A frame's number, or a number of frames, at another rate; rounded.
fn at_rate(frames: u32, from: Rate, to: Rate) -> u32 {
    let up = 2 * u128::from(frames) * u128::from(to.num()) * u128::from(from.den());
    let down = u128::from(to.den()) * u128::from(from.num()).max(1);
    u32::try_from((up / down.max(1)).div_ceil(2)).unwrap_or(u32::MAX)
}

/// A size of the same shape, both sides even, that is at most so long.
fn fitted(size: Size, longest: u32) -> Size {
    let by = f64::from(longest) / f64::from(size.width.max(size.height).max(1));
    let even = |side: u32| ((f64::from(side) * by.min(1.0) / 2.0).round() as u32 * 2).max(Size::MIN_SIDE);
    Size::new(even(size.width), even(size.height)).unwrap_or(size)
}

/// The passes that adherence is judged by.
fn needed(frame: GuideFrame) -> GuideFrame {
    GuideFrame {
        position_m: None,
        motion_previous_px: None,
        occlusion_previous: None,
        ..frame
    }
}

/// What is made of `of`, once.
fn cached<T>(
    all: &Mutex<BTreeMap<ObjectId, Arc<Against<T>>>>,
    of: &serde_json::Value,
    make: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Arc<Against<T>> {
    let id = ObjectId::of(of.to_string().as_bytes());
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    all.entry(id)
        .or_insert_with(|| Arc::new(Against::new(id, make)))
        .clone()
}
