//! Each measure tells its defect from sound takes of the same shot; clips and takes give their frames as they are.
//! The whole table, with more takes and shots, is `examples/measure_dailies.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod defects;

use std::path::Path;

use defects::{Defect, Shot, auc, spoil};
use heirloom_dailies::measures::{
    Context, Exemplars, Expected, LayoutPlans, MeasureError, MeasureOptions, Measures, NAMED, OfClip,
    OfPictures, OfTake, REVISION, measure,
};
use heirloom_engine::{Failure, Origin, Share, TakeFrames};
use heirloom_film::{Rate, Size};
use heirloom_picture::ffmpeg::{Encoder, Ffmpeg, Master};
use heirloom_picture::preview::{self, Preview};
use heirloom_picture::{Image, color};
use heirloom_vault::ObjectId;

const SIZE: (u32, u32) = (480, 270);

fn shot(name: &str, frames: u32) -> Shot {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../demo/archive")
        .join(name);
    let photo = preview::decode(&std::fs::read(path).unwrap(), name, 1000).unwrap();
    Shot::new(name, &photo, SIZE, frames, 3).unwrap()
}

struct Asked {
    plans: LayoutPlans,
    expected: Expected,
    exemplars: Exemplars,
}

impl Asked {
    fn of(shot: &Shot) -> Self {
        Self {
            plans: shot.plans(),
            expected: shot.expected(1.0),
            exemplars: shot.exemplars(),
        }
    }

    fn measure(&self, frames: Vec<Preview>) -> Measures {
        let context = Context {
            layout: Some(&self.plans),
            motion: Some(&self.expected),
            style: Some(&self.exemplars),
            ..Context::default()
        };
        let mut frames = OfPictures::new(frames.into_iter(), Rate::CINEMA);
        measure(&mut frames, &context, &MeasureOptions::default()).unwrap()
    }
}

#[test]
fn every_defect_is_told_from_sound_takes() {
    let shot = shot("retina.jpg", 20);
    let asked = Asked::of(&shot);
    let seeds = [1, 2, 3, 4];
    let clean: Vec<_> = seeds.iter().map(|s| shot.clean(&shot.stray(*s, 1.0))).collect();
    let sound: Vec<Measures> = seeds
        .iter()
        .zip(&clean)
        .map(|(seed, clean)| asked.measure(shot.finish(clean, *seed, false)))
        .collect();
    for m in &sound {
        assert_eq!((m.revision, m.frames, m.size_px), (REVISION, 20, [480, 270]));
        assert!(m.broken.frames.is_empty(), "{:?}", m.broken);
        assert_eq!(m.frozen.frozen_percent, 0.0);
        assert!(m.motion.as_asked.unwrap() > 0.8, "{:?}", m.motion);
    }
    for defect in Defect::ALL {
        // Longer loops than twenty frames hold are in the example.
        if defect == Defect::Loop {
            continue;
        }
        let spoiled: Vec<Measures> = seeds
            .iter()
            .zip(&clean)
            .take(2)
            .map(|(seed, clean)| asked.measure(spoil(&shot, clean, clean, defect, true, *seed)))
            .collect();
        let (name, more_is_worse) = defect.told_by();
        let told = auc(name, more_is_worse, &sound, &spoiled);
        let values = |all: &[Measures]| all.iter().map(|m| m.value(name)).collect::<Vec<_>>();
        assert!(
            told > 0.9,
            "{}: {told} by {name}: {:?} {:?}",
            defect.name(),
            values(&sound),
            values(&spoiled)
        );
    }
    // Barely visible: the two that the eye hardly sees.
    for defect in [Defect::Blur, Defect::Flicker] {
        let spoiled = [asked.measure(spoil(&shot, &clean[0], &clean[0], defect, false, 1))];
        let (name, more_is_worse) = defect.told_by();
        assert!(
            auc(name, more_is_worse, &sound, &spoiled) > 0.7,
            "{}",
            defect.name()
        );
    }
}

/// `takes` of a shot, `sound` of them sound, made few: all that stay are sound and no two are near-identical.
fn culled_to_sound_ones(takes: usize, sound: usize, keep: u32) {
    let culled = defects::mixed::cull_mixed(&shot("coffee.png", 40), takes, sound, keep).unwrap();
    let kept: Vec<_> = culled.kept.iter().map(|(_, wrong)| *wrong).collect();
    let slipped = &culled.slipped;
    eprintln!(
        "{} takes, {} sound: {} kept, {} sound ones let go, nearest two {:.4}, slipped through the limits {slipped:?}",
        culled.takes,
        culled.sound,
        kept.len(),
        culled.lost,
        culled.nearest
    );
    assert_eq!((culled.takes, culled.sound), (takes, sound));
    assert_eq!(kept.len(), keep as usize, "slipped {slipped:?}");
    assert!(
        kept.iter().all(Option::is_none),
        "{kept:?} were kept; slipped {slipped:?}"
    );
    assert!(culled.nearest > culled.alike, "{}", culled.nearest);
}

#[test]
fn mixed_takes_come_down_to_sound_ones() {
    culled_to_sound_ones(30, 6, 3);
}

#[test]
#[ignore = "1 000 takes are made and measured: minutes"]
fn a_thousand_mixed_takes_come_down_to_ten_sound_ones() {
    culled_to_sound_ones(1000, 30, 10);
}

#[test]
fn numbers_have_names_and_outlast_json() {
    let shot = shot("coffee.png", 9);
    let clean = shot.clean(&shot.stray(1, 1.0));
    let measures = Asked::of(&shot).measure(shot.finish(&clean, 1, false));
    let json = serde_json::to_value(&measures).unwrap();
    for named in NAMED {
        let (part, field) = named.name.split_once('.').unwrap();
        let here = measures.value(named.name);
        let there = json
            .get(part)
            .and_then(|p| p.get(field))
            .and_then(serde_json::Value::as_f64);
        assert_eq!(here, there, "{}", named.name);
    }
    assert_eq!(measures.value("sharpness.nothing"), None);
    assert_eq!(serde_json::from_value::<Measures>(json).unwrap(), measures);
}

/// A take in memory whose pixels all come from one source, the left half in one piece.
struct InMemory {
    frames: Vec<Image>,
}

impl TakeFrames for InMemory {
    fn size(&self) -> Size {
        Size::new(SIZE.0, SIZE.1).unwrap()
    }

    fn frames(&self) -> u32 {
        self.frames.len() as u32
    }

    fn frame(&self, n: u32) -> Result<Image, Failure> {
        self.frames
            .get(n as usize)
            .cloned()
            .ok_or_else(|| Failure::lasting("frame", "past the end"))
    }

    fn origins(&self, _n: u32, x: u32, y: u32) -> Result<Vec<Origin>, Failure> {
        let scattered = if x < SIZE.0 / 2 { 1.0 } else { 7.0 };
        let (x, y) = (f64::from(x) * scattered, f64::from(y) * scattered);
        Ok(vec![Origin {
            source: ObjectId::of(b"a source"),
            frame: None,
            x,
            y,
            scaled_to: SIZE,
            scaled_x: x,
            scaled_y: y,
            weight: 1.0,
            finished: false,
        }])
    }

    fn shares(&self) -> Result<Vec<Share>, Failure> {
        Ok(Vec::new())
    }
}

#[test]
fn an_opened_take_gives_the_numbers_of_its_frames() {
    let shot = shot("coffee.png", 5);
    let clean = shot.clean(&shot.stray(2, 1.0));
    let pictures = shot.finish(&clean, 2, false);
    let mut take = InMemory {
        frames: pictures
            .iter()
            .map(|p| color::from_display8(p.codes(), p.width(), p.height()).unwrap())
            .collect(),
    };
    let options = MeasureOptions::default();
    let of_take = |take: &InMemory| {
        let context = Context {
            origins: Some(take),
            ..Context::default()
        };
        measure(&mut OfTake::new(take, Rate::CINEMA, &options), &context, &options).unwrap()
    };
    let mut own = of_take(&take);
    let verbatim = own.verbatim.take().unwrap();
    assert_eq!(verbatim.largest_percent, 50.0);
    let mut frames = OfPictures::new(pictures.into_iter(), Rate::CINEMA);
    assert_eq!(measure(&mut frames, &Context::default(), &options).unwrap(), own);
    // What is no number is counted.
    take.frames[3].pixels_mut()[7][1] = f32::NAN;
    assert_eq!(of_take(&take).broken.no_numbers, 1);
    take.frames.clear();
    let mut none = OfTake::new(&take, Rate::CINEMA, &options);
    let error = measure(&mut none, &Context::default(), &options).unwrap_err();
    assert!(matches!(error, MeasureError::Nothing));
}

#[test]
fn a_clip_is_decoded_once_small_and_at_the_pace_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("take.mp4");
    let ffmpeg = Ffmpeg::find().unwrap();
    let shot = shot("rocket.jpg", 24);
    let clean = shot.clean(&shot.stray(1, 1.0));
    let pictures = shot.finish(&clean, 1, false);
    // Twice the size of the proxies that are looked at, 48 frames a second.
    let size = Size::new(2 * SIZE.0, 2 * SIZE.1).unwrap();
    let rate = Rate::new(48, 1).unwrap();
    let mut film = Encoder::start(&ffmpeg, Master::H264, &path, size, rate, None).unwrap();
    for p in &pictures {
        let mut codes = Vec::new();
        for row in p.codes().chunks(SIZE.0 as usize) {
            let wide: Vec<[u16; 3]> = row
                .iter()
                .flat_map(|c| [c.map(|v| u16::from(v) * 257); 2])
                .collect();
            codes.extend_from_slice(&wide);
            codes.extend_from_slice(&wide);
        }
        film.push(&codes).unwrap();
    }
    film.finish().unwrap();
    let options = MeasureOptions::default();
    let mut clip = OfClip::open(&ffmpeg, &path, &options).unwrap();
    let of_clip = measure(&mut clip, &Context::default(), &options).unwrap();
    assert_eq!(
        (of_clip.step, of_clip.frames, of_clip.size_px),
        (2, 12, [480, 270])
    );
    let every_other = pictures.into_iter().step_by(2);
    let mut frames = OfPictures::new(every_other, Rate::CINEMA);
    let in_memory = measure(&mut frames, &Context::default(), &options).unwrap();
    // The codec takes a little: light and motion stay.
    let near = |name: &str, within: f64| {
        let (a, b) = (of_clip.value(name).unwrap(), in_memory.value(name).unwrap());
        assert!((a - b).abs() < within, "{name}: {a} {b}");
    };
    near("exposure.level_stops", 0.03);
    near("motion.speed_percent_s", 0.5);
    near("motion.grow_percent_s", 0.3);
    assert!(OfClip::open(&ffmpeg, &folder.path().join("none.mp4"), &options).is_err());
}
