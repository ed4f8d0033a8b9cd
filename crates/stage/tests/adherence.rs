//! Takes that follow the stage, and takes that fail it in one known way: each figure must tell its own.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // the lint does not see that helpers of tests are tests

mod analytic;
mod rendered;

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
    width: 192,
    height: 108,
};
const FRAMES: usize = 32;

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
static OWN: LazyLock<Adherence> = LazyLock::new(|| lit(&YARD.guides, &StagePictures(&YARD.guides), 2));

/// Without light, which takes longest.
fn judged(guides: &GuideSet, take: &dyn TakePictures) -> Adherence {
    lit(guides, take, 0)
}

fn lit(guides: &GuideSet, take: &dyn TakePictures, light_frames: usize) -> Adherence {
    let options = AdherenceOptions {
        light_frames,
        ..AdherenceOptions::default()
    };
    let report = judge(guides, take, &options, &mut |_, _| (), &AtomicBool::new(false)).unwrap();
    println!("{report}");
    report
}

fn late(frames: &[Image], by: usize) -> Vec<Image> {
    (0..frames.len())
        .map(|f| frames[f.saturating_sub(by)].clone())
        .collect()
}

fn mirrored(frames: &[Image]) -> Vec<Image> {
    let mirror = |image: &Image| {
        let rows = (0..image.height()).flat_map(|y| image.row(y).iter().rev().copied());
        Image::from_pixels(image.width(), image.height(), rows.collect()).unwrap()
    };
    frames.iter().map(mirror).collect()
}

fn shuffled(frames: &[Image]) -> Vec<Image> {
    (0..frames.len())
        .map(|f| frames[(f * 17 + 5) % frames.len()].clone())
        .collect()
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
    assert!(camera.mean_px < 0.15 && camera.median_px < 0.08, "{camera:?}");
    assert!(camera.judged_percent > 40.0 && ratio(&OWN) < 0.12, "{camera:?}");
    assert!((camera.gain.unwrap() - 1.0).abs() < 0.05, "{camera:?}");
    let timing = OWN.timing.value().unwrap();
    assert_eq!((timing.lag_frames, timing.by), (0, Signal::Field));
    assert!(
        timing.fit > 0.96 && timing.lag_fine_frames.abs() < 0.2,
        "{timing:?}"
    );
    let blocking = OWN.blocking.value().unwrap();
    assert!(blocking.take.placed > 0.6, "{blocking:?}");
    assert_eq!(Some(blocking.take), blocking.stage);
    assert!(blocking.objects.iter().all(|o| o.missing.is_empty()));
}

#[test]
fn a_delay_comes_back() {
    let report = judged(&YARD.guides, &late(YARD.frames(), 3));
    let timing = report.timing.value().unwrap();
    assert_eq!(timing.lag_frames, 3, "{timing:?}");
    assert!((timing.lag_fine_frames - 3.0).abs() < 0.4 && timing.fit > timing.fit_at_zero.unwrap() + 0.03);
    assert!(ratio(&report) > 3.0 * ratio(&OWN));

    let report = judged(&YARD.guides, &YARD.colors[2..].to_vec());
    let timing = report.timing.value().unwrap();
    assert_eq!(timing.lag_frames, -2, "{timing:?}");
    assert!((timing.lag_fine_frames + 2.0).abs() < 0.4);
}

#[test]
fn a_mirrored_take_stands_and_moves_at_the_wrong_places() {
    let report = judged(&YARD.guides, &mirrored(YARD.frames()));
    let camera = report.camera.value().unwrap();
    assert!(
        camera.ratio_to_still.unwrap() > 1.0 && camera.gain.unwrap() < 0.0,
        "{camera:?}"
    );
    assert!(placed(&report) < 0.5 * placed(&OWN));
    let objects = |report: &Adherence| report.blocking.value().unwrap().objects_shown;
    assert!(objects(&report) < 0.4 * objects(&OWN));
    // When things happen is told by how much moves, or not at all; never wrongly.
    assert!(
        report
            .timing
            .value()
            .is_none_or(|t| t.by == Signal::Energy && t.lag_frames == 0)
    );
}

#[test]
fn a_shuffled_take_and_one_of_another_scene_follow_nothing() {
    let report = judged(&YARD.guides, &shuffled(YARD.frames()));
    assert!(
        report
            .camera
            .value()
            .is_none_or(|c| c.ratio_to_still.unwrap() > 0.9)
    );
    assert!(report.timing.value().is_none(), "{:?}", report.timing);

    let other = balls().pictures(FRAMES, SIZE, &Look::plain());
    let report = judged(&YARD.guides, &other);
    assert!(
        report
            .camera
            .value()
            .is_none_or(|c| c.ratio_to_still.unwrap() > 0.7)
    );
    assert!(placed(&report) < 0.3 * placed(&OWN));
}

#[test]
fn a_take_that_stands_still_is_no_better_for_a_quiet_shot() {
    let report = judged(&YARD.guides, &vec![YARD.colors[0].clone(); FRAMES]);
    let camera = report.camera.value().unwrap();
    assert!((camera.ratio_to_still.unwrap() - 1.0).abs() < 0.02 && camera.gain.unwrap().abs() < 0.02);
    assert!(report.timing.value().is_none());
}

#[test]
fn another_style_follows_as_well() {
    let restyled = yard().pictures(FRAMES, SIZE, &Look::restyled());
    let report = judged(&YARD.guides, &restyled);
    assert!(ratio(&report) < 0.35, "{:?}", report.camera);
    let timing = report.timing.value().unwrap();
    assert_eq!(timing.lag_frames, 0);
    assert!(timing.fit > 0.85);
    assert!(placed(&report) > 0.7 * placed(&OWN));

    let report = judged(&YARD.guides, &late(&restyled, 3));
    assert_eq!(report.timing.value().unwrap().lag_frames, 3);
    let report = judged(&YARD.guides, &mirrored(&restyled));
    assert!(placed(&report) < 0.5 * placed(&OWN));
}

#[test]
fn an_object_that_goes_is_named_with_its_frames() {
    let look = Look {
        without: Some(("crate", 14, 25)),
        ..Look::plain()
    };
    let report = judged(&YARD.guides, &yard().pictures(FRAMES, SIZE, &look));
    let objects = &report.blocking.value().unwrap().objects;
    let gone = objects.iter().find(|o| o.name == "crate").unwrap();
    assert_eq!(gone.missing.len(), 1, "{gone:?}");
    assert!((13..=16).contains(&gone.missing[0].first) && (23..=26).contains(&gone.missing[0].last));
    assert!(
        objects.iter().all(|o| o.name == "crate" || o.missing.is_empty()),
        "{objects:?}"
    );
    assert!(
        report
            .to_string()
            .contains("`crate` does not show where the stage has it in frames 1")
    );
}

#[test]
fn even_motion_has_no_timing() {
    let shot = Shot::of(&conveyor());
    let report = judged(&shot.guides, &late(shot.frames(), 3));
    assert!(
        report.timing.why().unwrap().contains("too even"),
        "{:?}",
        report.timing
    );
    // One object and the sky: there is still the horizon.
    assert!(report.blocking.value().is_some());
}

#[test]
fn other_light_is_told_in_degrees() {
    let own = OWN.light.value().unwrap();
    assert!(own.angle_deg < 1.0 && own.frames == 2, "{own:?}");
    let plain = Look::plain().sun;
    let mut last = own.angle_deg;
    for angle_deg in [30.0f64, 70.0] {
        let turn = glam::DQuat::from_axis_angle(DVec3::Y, angle_deg.to_radians());
        let look = Look {
            sun: turn * plain,
            ..Look::plain()
        };
        let truth = look.sun.angle_between(plain).to_degrees();
        let report = lit(&YARD.guides, &yard().pictures(FRAMES, SIZE, &look), 2);
        let light = report.light.value().unwrap();
        assert!(
            (light.angle_deg - truth).abs() < 12.0 && light.angle_deg > last,
            "{light:?} for {truth}"
        );
        assert!(ratio(&report) < 0.2);
        last = light.angle_deg;
    }
    let flat = Shot::of(&conveyor());
    let report = lit(&flat.guides, &StagePictures(&flat.guides), 2);
    assert!(report.light.why().unwrap().contains("curved"));
}

#[test]
fn lengths_and_sizes_may_differ() {
    let half: Vec<Image> = YARD.frames()[..26]
        .iter()
        .map(|image| heirloom_picture::resample::scale_to(image, 160, 90))
        .collect();
    let report = judged(&YARD.guides, &half);
    assert_eq!(
        (report.frames.judged, report.frames.take, report.frames.guides),
        (26, 26, FRAMES)
    );
    assert!(report.notes.iter().any(|n| n.contains("first 26")));
    assert_eq!(report.timing.value().unwrap().lag_frames, 0);
    assert!(ratio(&report) < 0.2);
    assert_eq!(report.series.len(), 26);
    assert!(report.series[25].mean_px.is_none() && report.series[24].mean_px.is_some());
}

#[test]
fn a_report_is_data_and_the_same_for_any_number_of_threads() {
    let text = serde_json::to_string(&*OWN).unwrap();
    assert_eq!(serde_json::from_str::<Adherence>(&text).unwrap(), *OWN);
    let few: Vec<Image> = YARD.frames()[..14].to_vec();
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| judged(&YARD.guides, &few))
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn pictures_show_where_a_take_is_off() {
    let take = late(YARD.frames(), 3);
    let options = AdherenceOptions::default();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contact.png");
    write_contact(&path, &YARD.guides, &take, 4, &options).unwrap();
    if let Some(keep) = std::env::var_os("ADHERENCE_PICTURE") {
        std::fs::copy(&path, keep).unwrap();
    }
    let sheet = heirloom_picture::photo::read(&path).unwrap();
    assert_eq!((sheet.info.width, sheet.info.height), (4 * 196 + 4, 3 * 112 + 4));
    let reddish = |image: &Image| {
        let red = image.pixels().iter().filter(|p| p[0] > 2.0 * p[2] && p[0] > 0.1);
        red.count()
    };
    let own = heat(&YARD.guides, &StagePictures(&YARD.guides), 12, &options).unwrap();
    let off = heat(&YARD.guides, &take, 12, &options).unwrap();
    assert!(
        reddish(&off) > 2 * reddish(&own),
        "{} and {}",
        reddish(&off),
        reddish(&own)
    );
}

#[test]
fn what_cannot_be_judged_says_why() {
    let options = AdherenceOptions::default();
    let go = AtomicBool::new(false);
    let fails = |guides: &GuideSet, take: &dyn TakePictures| {
        judge(guides, take, &options, &mut |_, _| (), &go)
            .unwrap_err()
            .to_string()
    };
    let none: Vec<Image> = Vec::new();
    assert!(fails(&YARD.guides, &none).contains("the take has no frames"));
    let empty = vec![Image::new(0, 0); 3];
    assert!(fails(&YARD.guides, &empty).contains("frame 0 of the take has no pixels"));
    let broken = FromFn::new(9, |frame| {
        let picture = YARD.colors[frame].clone();
        if frame < 4 {
            Ok(picture)
        } else {
            Err("the file ends".into())
        }
    });
    let said = fails(&YARD.guides, &broken);
    assert!(
        said.contains("frame 4") && said.contains("the file ends"),
        "{said}"
    );
    let mut torn = YARD.guides.clone();
    if let Some(ids) = torn.frames[2].object_id.as_mut() {
        ids.values.pop();
    }
    assert!(fails(&torn, &StagePictures(&YARD.guides)).contains("frame 2: the object id pass"));

    let stopped = judge(
        &YARD.guides,
        &StagePictures(&YARD.guides),
        &options,
        &mut |_, _| (),
        &AtomicBool::new(true),
    );
    assert!(matches!(stopped, Err(AdherenceError::Stopped)));
    assert!(matches!(
        heat(&YARD.guides, &StagePictures(&YARD.guides), 99, &options),
        Err(AdherenceError::NoSuchFrame {
            frame: 99,
            shared: FRAMES
        })
    ));

    // Grey without end, one frame, and guides without passes: no number, but no mistake either.
    let grey = vec![Image::filled(64, 36, [0.2, 0.2, 0.2, 1.0]); FRAMES];
    let report = judged(&YARD.guides, &grey);
    assert!(report.camera.why().is_some() && report.timing.why().is_some());
    assert!(placed(&report) <= 0.0);
    let one = judged(&YARD.guides, &YARD.colors[..1].to_vec());
    assert!(one.camera.why().unwrap().contains("two frames"));
    let mut bare = YARD.guides.clone();
    for frame in &mut bare.frames {
        *frame = heirloom_engine::GuideFrame::default();
    }
    let report = lit(&bare, &YARD.frames().to_vec(), 2);
    for why in [
        report.camera.why(),
        report.timing.why(),
        report.blocking.why(),
        report.light.why(),
    ] {
        assert!(why.is_some(), "{report}");
    }
    // NaN in a take is black, not a crash.
    let nan = vec![Image::filled(64, 36, [f32::NAN; 4]); 6];
    judged(&YARD.guides, &nan);
}

#[test]
fn what_the_stage_renders_can_be_judged() {
    let guides = rendered::guides(26, SIZE);
    let colors: Vec<Image> = guides
        .frames
        .iter()
        .map(|f| f.color.as_ref().unwrap().0.clone())
        .collect();
    let own = lit(&guides, &colors, 1);
    assert!(ratio(&own) < 0.15 && placed(&own) > 0.6);
    assert_eq!(own.timing.value().unwrap().lag_frames, 0);
    assert!(own.light.value().unwrap().angle_deg < 1.0);

    let report = judged(&guides, &late(&colors, 3));
    assert_eq!(report.timing.value().unwrap().lag_frames, 3);
    assert!(ratio(&report) > 2.0 * ratio(&own));
    let report = judged(&guides, &mirrored(&colors));
    assert!(ratio(&report) > 1.0 && placed(&report) < 0.6 * placed(&own));
    // Contrast the other way round, and red for blue.
    let other = |image: &Image| {
        let pixels = image.pixels().iter().map(|[r, g, b, _]| {
            let dark = |v: f32| (0.8 - v.max(0.0).sqrt()).max(0.05);
            [dark(*b) * dark(*b), dark(*g) * dark(*g), dark(*r) * dark(*r), 1.0]
        });
        Image::from_pixels(image.width(), image.height(), pixels.collect()).unwrap()
    };
    let restyled: Vec<Image> = colors.iter().map(other).collect();
    let report = judged(&guides, &restyled);
    assert!(ratio(&report) < 0.2 && placed(&report) > 0.6 * placed(&own));
    assert_eq!(report.timing.value().unwrap().lag_frames, 0);
}
