//! Frame by frame, what the report is made of.

use heirloom_engine::GuideSet;
use heirloom_picture::Image;
use heirloom_picture::flow::FlowError;
use rayon::prelude::*;

use super::AdherenceOptions;
use super::lamp::{self, Lit};
use super::motion::{self, Errors, Grey};
use super::outline::{self, FrameTally};
use super::report::{Adherence, Camera, FrameCounts, FrameFigures, Reading};
use super::working::Working;
use super::{blocking, edges, timing};

/// Judged pixels, in percent, from which on there is a camera to speak of.
const LEAST_JUDGED_PERCENT: f64 = 1.0;
/// Mean motion in working pixels below which errors are not compared with it.
const QUIET_PX: f64 = 0.05;
/// Difference in proportions from which on it is spoken of.
const STRETCH: f64 = 0.02;

/// What the frames so far have given.
pub(super) struct Gathered<'a> {
    guides: &'a GuideSet,
    working: Working,
    options: &'a AdherenceOptions,
    /// Frames that will be looked at.
    shared: usize,
    notes: Vec<String>,
    last: Option<Looked>,
    pairs: Vec<PairSums>,
    take_outlines: Vec<FrameTally>,
    stage_outlines: Vec<FrameTally>,
    /// Frames that light was read from, and what they say.
    lit: Vec<(usize, Lit)>,
}

/// A frame of the take, at the working size.
struct Looked {
    picture: Image,
    grey: Grey,
}

/// What one frame and the next give.
#[derive(Default)]
struct PairSums {
    errors: Option<Errors>,
    taken: Vec<[f32; 2]>,
    exact: Vec<[f32; 2]>,
}

impl<'a> Gathered<'a> {
    pub fn new(guides: &'a GuideSet, working: Working, options: &'a AdherenceOptions, shared: usize) -> Self {
        Self {
            guides,
            working,
            options,
            shared,
            notes: Vec::new(),
            last: None,
            pairs: Vec::new(),
            take_outlines: Vec::new(),
            stage_outlines: Vec::new(),
            lit: Vec::new(),
        }
    }

    /// Say so where the take's proportions are not the guides'.
    pub fn note_shape(&mut self, picture: &Image) {
        let ours = f64::from(self.guides.size.width) / f64::from(self.guides.size.height);
        let its = f64::from(picture.width()) / f64::from(picture.height());
        if (its / ours - 1.0).abs() > STRETCH {
            self.notes.push(format!(
                "the take is {}x{} and was stretched to the guides' {}x{}: crop it first if it shows less",
                picture.width(),
                picture.height(),
                self.guides.size.width,
                self.guides.size.height
            ));
        }
    }

    /// The next frames, in order.
    pub fn look(&mut self, pictures: Vec<Image>) -> Result<(), FlowError> {
        let first = self.take_outlines.len();
        let frames: Vec<Looked> = pictures
            .into_par_iter()
            .map(|picture| {
                let grey = Grey::of(&picture, self.options.soften_px)?;
                Ok(Looked { picture, grey })
            })
            .collect::<Result<_, _>>()?;
        let tallies: Vec<(FrameTally, Option<FrameTally>)> = frames
            .par_iter()
            .enumerate()
            .map(|(i, frame)| self.outlines(first + i, &frame.picture))
            .collect();
        for (own, stage) in tallies {
            self.take_outlines.push(own);
            self.stage_outlines.extend(stage);
        }
        let lit: Vec<(usize, Lit)> = frames
            .par_iter()
            .enumerate()
            .filter_map(|(i, frame)| Some((first + i, self.light(first + i, &frame.picture)?)))
            .collect();
        self.lit.extend(lit);
        let before = self.last.take();
        let chain: Vec<&Looked> = before.iter().chain(&frames).collect();
        let start = first - usize::from(before.is_some());
        let pairs: Vec<PairSums> = chain
            .par_windows(2)
            .enumerate()
            .map(|(i, pair)| self.motion(start + i, &pair[0].grey, &pair[1].grey))
            .collect::<Result<_, _>>()?;
        self.pairs.extend(pairs);
        self.last = frames.into_iter().next_back();
        Ok(())
    }

    /// Outlines of a frame in the take, and in the stage's own picture where there is one.
    fn outlines(&self, frame: usize, picture: &Image) -> (FrameTally, Option<FrameTally>) {
        let guide = &self.guides.frames[frame];
        let Some(ids) = self.working.ids(guide) else {
            return (FrameTally::default(), None);
        };
        let outline = outline::outlines(&ids, &self.working);
        let tolerance = self.options.edge_tolerance * self.working.diagonal();
        let tally = |image: &Image| outline::tally(&edges::find(image), &outline, &self.working, tolerance);
        let stage = guide
            .color
            .as_ref()
            .map(|(image, _)| tally(&self.working.picture(image)));
        (tally(picture), stage)
    }

    /// Light of a frame, where it is one of those that are looked at and the guides say enough.
    fn light(&self, frame: usize, picture: &Image) -> Option<Lit> {
        let wanted = self.options.light_frames.min(self.shared);
        let chosen = (0..wanted).any(|i| (2 * i + 1) * self.shared / (2 * wanted) == frame);
        let guide = &self.guides.frames[frame];
        let color = guide.color.as_ref().filter(|_| chosen)?;
        let normals = self.working.normals(guide)?;
        let ids = self.working.ids(guide);
        Some(Lit::of(
            &self.working.picture(&color.0),
            picture,
            &normals,
            ids.as_deref(),
        ))
    }

    fn motion(&self, frame: usize, from: &Grey, to: &Grey) -> Result<PairSums, FlowError> {
        let guide = &self.guides.frames[frame];
        let Some(exact) = self.working.motion(guide) else {
            return Ok(PairSums::default());
        };
        let pair = motion::of_pair(from, to, &self.options.flow)?;
        let trusted = |i: usize| pair.trusted[i].then_some(pair.taken[i]);
        Ok(PairSums {
            errors: Some(Errors::of(&pair, &exact)),
            taken: motion::grid(&self.working, trusted),
            exact: motion::grid(&self.working, |i| Some(exact[i])),
        })
    }

    pub fn report(mut self, take_frames: usize) -> Adherence {
        let guide_frames = self.guides.frames.len();
        if take_frames != guide_frames {
            self.notes.push(format!(
                "the take has {take_frames} frames and the guides {guide_frames}: the first {} were compared",
                self.shared
            ));
        }
        let stage = if self.stage_outlines.len() == self.take_outlines.len() {
            self.stage_outlines.as_slice()
        } else {
            &[]
        };
        let (blocking, outlines) = blocking::read(&self.take_outlines, stage, &self.guides.names);
        let (timing, lags) = self.timing();
        let to_guides = self.working.guides_px();
        let angles: Vec<_> = self
            .lit
            .iter()
            .map(|(frame, lit)| (*frame, lit.angle_deg()))
            .collect();
        let lit: Vec<Lit> = self.lit.drain(..).map(|(_, lit)| lit).collect();
        let series = (0..self.shared).map(|frame| {
            let mut figures = FrameFigures {
                frame,
                ..FrameFigures::default()
            };
            if let Some(errors) = self.pairs.get(frame).and_then(|p| p.errors.as_ref()) {
                let px = |v: Option<f64>| v.map(|v| v * to_guides);
                figures.judged_percent = Some(errors.judged_percent());
                figures.mean_px = px(errors.mean(errors.error_sum));
                figures.median_px = px(errors.quantile(0.5));
                figures.p95_px = px(errors.quantile(0.95));
                figures.exact_px = px(errors.mean(errors.still_sum));
                figures.taken_px = px(errors.mean(errors.taken_sum));
            }
            let angle = angles.iter().find(|(at, _)| *at == frame);
            figures.light_angle_deg = angle.and_then(|(_, angle)| *angle);
            if let Some(outlines) = outlines[frame] {
                figures.precision = Some(outlines.precision);
                figures.recall = Some(outlines.recall);
                figures.f = Some(outlines.f);
                figures.placed = Some(outlines.placed);
            }
            figures
        });
        Adherence {
            frames: FrameCounts {
                guides: guide_frames,
                take: take_frames,
                judged: self.shared,
                working_px: [self.working.width as u32, self.working.height as u32],
            },
            camera: self.camera(),
            timing,
            blocking,
            light: match self.options.light_frames {
                0 => Reading::unsure("light was not asked for"),
                _ => lamp::read(&lit),
            },
            series: series.collect(),
            lags,
            notes: self.notes.clone(),
        }
    }

    fn camera(&self) -> Reading<Camera> {
        let mut sum = Errors::default();
        for errors in self.pairs.iter().filter_map(|p| p.errors.as_ref()) {
            sum.join(errors);
        }
        if sum.pixels == 0 {
            return Reading::unsure(self.without_motion());
        }
        let judged_percent = sum.judged_percent();
        let to_guides = self.working.guides_px();
        let values = [
            sum.mean(sum.error_sum),
            sum.quantile(0.5),
            sum.quantile(0.95),
            sum.mean(sum.still_sum),
        ];
        let [Some(mean), Some(median), Some(p95), Some(still)] = values else {
            return Reading::unsure(
                "nothing of the picture can be judged: it is too flat, or no place is found again",
            );
        };
        if judged_percent < LEAST_JUDGED_PERCENT {
            return Reading::unsure(format!(
                "only {judged_percent:.1} % of the picture can be judged: it is too flat, or places are not found again"
            ));
        }
        Reading::Read(Camera {
            mean_px: mean * to_guides,
            median_px: median * to_guides,
            p95_px: p95 * to_guides,
            judged_percent,
            still_px: still * to_guides,
            ratio_to_still: (still >= QUIET_PX).then(|| mean / still),
            gain: sum.gain().filter(|_| still >= QUIET_PX),
        })
    }

    fn without_motion(&self) -> &'static str {
        if self.shared < 2 {
            "motion needs two frames"
        } else {
            "the guides have no motion pass"
        }
    }

    fn timing(&self) -> (Reading<super::Timing>, Vec<super::LagFit>) {
        if self.pairs.iter().all(|p| p.errors.is_none()) {
            return (Reading::unsure(self.without_motion()), Vec::new());
        }
        let (taken, exact): (Vec<_>, Vec<_>) = self
            .pairs
            .iter()
            .map(|p| (p.taken.as_slice(), p.exact.as_slice()))
            .unzip();
        timing::read(&taken, &exact, self.options.largest_lag_frames)
    }
}
