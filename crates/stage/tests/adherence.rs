//! Takes that follow the stage, and takes that fail it in one known way: each figure must tell its own.

mod analytic;

use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use analytic::{Look, Set, balls, conveyor, yard};
use glam::DVec3;
use heirloom_engine::GuideSet;
use heirloom_film::Size;
use heirloom_picture::Image;
use heirloom_stage::adherence::{
    Adherence, AdherenceError, AdherenceOptions, FromFn, Signal, StagePictures, TakePictures, heat, judge,
    write_contact,
};

const SIZE: Size = Size {
    width: 256,
    height: 144,
};
const FRAMES: usize = 36;

/// A set with its guides, and a few frames of its colour pass beyond them.
struct Shot {
    guides: GuideSet,
    colors: Vec<Image>,
}

impl Shot {
    fn of(set: &Set) -> Self {
        let colors = set.pictures(FRAMES + 2, SIZE, &Look::plain());
        Self {
            guides: set.guides(SIZE, &colors[..FRAMES]),
            colors,
        }
    }

    fn frames(&self) -> &[Image] {
        &self.colors[..FRAMES]
    }
}

static YARD: LazyLock<Shot> = LazyLock::new(|| Shot::of(&yard()));
static OWN: LazyLock<Adherence> = LazyLock::new(|| judged(&YARD.guides, &StagePictures(&YARD.guides)));

fn judged(guides: &GuideSet, take: &dyn TakePictures) -> Adherence {
    let options = AdherenceOptions::default();
    let report = judge(guides, take, &options, &mut |_, _| (), &AtomicBool::new(false)).unwrap();
    println!("{report}");
    report
}

fn late(frames: &[Image], by: usize) -> Vec<Image> {
    (0..frames.len()).map(|f| frames[f.saturating_sub(by)].clone()).collect()
}

fn mirrored(frames: &[Image]) -> Vec<Image> {
    let mirror = |image: &Image| {
        let rows = (0..image.height()).flat_map(|y| image.row(y).iter().rev().copied());
        Image::from_pixels(image.width(), image.height(), rows.collect()).unwrap()
    };
    frames.iter().map(mirror).collect()
}

fn shuffled(frames: &[Image]) -> Vec<Image> {
    (0..frames.len()).map(|f| frames[(f * 17 + 5) % frames.len()].clone()).collect()
}

fn ratio(report: &Adherence) -> f64 {
    report.camera.value().unwrap().ratio_to_still.unwrap()
}

fn placed(report: &Adherence) -> f64 {
    report.blocking.value().unwrap().take.placed
}

#[test]
fn the_stages_own_pictures_follow_it() {
    let camera = OWN.camera.value().unwrap();
    assert!(camera.mean_px < 0.15 && camera.median_px < 0.06, "{camera:?}");
    assert!(camera.judged_percent > 40.0 && ratio(&OWN) < 0.08, "{camera:?}");
    assert!((camera.gain.unwrap() - 1.0).abs() < 0.03, "{camera:?}");
    let timing = OWN.timing.value().unwrap();
    assert_eq!((timing.lag_frames, timing.by), (0, Signal::Field));
    assert!(timing.fit > 0.98 && timing.lag_fine_frames.abs() < 0.1, "{timing:?}");
    let blocking = OWN.blocking.value().unwrap();
    assert!(blocking.take.placed > 0.6, "{blocking:?}");
    assert_eq!(Some(blocking.take), blocking.stage);
    assert!(blocking.objects.iter().all(|o| o.missing.is_empty()));
}
