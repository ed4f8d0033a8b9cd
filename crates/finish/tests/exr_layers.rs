//! What an EXR says of its pixels is what a trace says of them.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are not tests in clippy's eyes

mod support;

use heirloom_engine::{Failure, Origin, Share, TakeFrames};
use heirloom_film::Size;
use heirloom_finish::credits::SourceInfo;
use heirloom_finish::{Footage, FrameFormat, export_frames, frame_path};
use heirloom_picture::Image;
use heirloom_picture::exr::{self, LayerAttribute, Layers, Samples};
use heirloom_vault::ObjectId;
use heirloom_vault::rights::Rights;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A take of another size than the film's whose pixels on the right are mixed from two photographs.
struct Mixed;

impl TakeFrames for Mixed {
    fn size(&self) -> Size {
        Size::new(96, 80).unwrap()
    }

    fn frames(&self) -> u32 {
        8
    }

    fn frame(&self, _: u32) -> Result<Image, Failure> {
        Ok(Image::filled(96, 80, [8.0, 0.5, 0.25, 1.0]))
    }

    fn origins(&self, n: u32, x: u32, y: u32) -> Result<Vec<Origin>, Failure> {
        let origin = |name: &str, weight: f64| Origin {
            source: support::source(name),
            frame: None,
            x: f64::from(x) * 1.25 + f64::from(n),
            y: f64::from(y) * 0.75 - weight,
            scaled_to: (96, 80),
            scaled_x: f64::from(x),
            scaled_y: f64::from(y),
            weight,
            finished: false,
        };
        let share = f64::from(x) / 100.0;
        let mut all = match x {
            0..=40 => vec![origin("eta", 1.0)],
            _ => vec![origin("eta", 1.0 - share), origin("sea", share)],
        };
        all.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        Ok(all)
    }

    fn shares(&self) -> Result<Vec<Share>, Failure> {
        let share = |name| Share {
            source: support::source(name),
            share: 0.5,
        };
        Ok(vec![share("eta"), share("sea")])
    }
}

fn look_up(id: &ObjectId) -> Option<SourceInfo> {
    (*id == support::source("sea")).then(|| SourceInfo {
        name: "sea".into(),
        file_name: "sea.exr".into(),
        width: 400,
        height: 200,
        rights: Some(Rights::new("Zoë Ångström", "own work")),
        revoked: false,
    })
}

fn export(cut: &heirloom_finish::Cut, folder: &Path, attribution: bool) -> u64 {
    export_frames(
        cut,
        None,
        4..14,
        FrameFormat::ExrHalf,
        if attribution { Some(&look_up) } else { None },
        folder,
        &mut |_, _| {},
        &AtomicBool::new(false),
    )
    .unwrap()
    .written
}

fn floats<'l>(layers: &'l Layers, name: &str) -> &'l [f32] {
    match layers.channels.get(name) {
        Some(Samples::Float(values)) => values,
        other => panic!("{name}: {other:?}"),
    }
}

fn numbers<'l>(layers: &'l Layers, name: &str) -> &'l [u32] {
    match layers.channels.get(name) {
        Some(Samples::Whole(values)) => values,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn every_pixel_has_the_places_that_its_take_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut cut = support::cut();
    let first = match &cut.items[0].footage {
        Footage::Take { frames, .. } => frames.clone(),
        Footage::Plate(_) => panic!("a take"),
    };
    cut.items[1].footage = Footage::Take {
        id: support::source("the second take"),
        frames: Arc::new(Mixed),
        conformed_from: None,
    };
    assert_eq!(export(&cut, folder.path(), true), 10);
    let map = heirloom_finish::FrameMap::of(&cut).unwrap();
    let order = ["eta", "sea"].map(support::source);
    let mut layers_seen = std::collections::BTreeSet::new();
    for n in 4..14 {
        let read = exr::read_layers(&frame_path(folder.path(), FrameFormat::ExrHalf, n)).unwrap();
        let Some(LayerAttribute::Text(legend)) = read.attributes.get("heirloom/sources") else {
            panic!("no legend in frame {n}");
        };
        let legend: serde_json::Value = serde_json::from_str(legend).unwrap();
        assert_eq!(legend["1"]["object"], order[0].to_string());
        assert_eq!(legend["2"]["owner"], "Zoë Ångström");
        let (mut expected, size) = (Vec::new(), cut.size);
        for i in 0..size.width * size.height {
            let (x, y) = (i % size.width, i / size.width);
            let mut places = Vec::new();
            for seen in map.seen(n).unwrap() {
                let (take, placed): (&dyn TakeFrames, _) = match seen.part {
                    heirloom_finish::frame_map::Part::Take { shot, placed, .. } if shot == "010" => {
                        (&*first, placed)
                    }
                    heirloom_finish::frame_map::Part::Take { placed, .. } => (&Mixed, placed),
                    _ => continue,
                };
                let (x, y) = placed.map_or((x, y), |p| p.source_pixel(x, y));
                for o in take.origins(seen.frame, x, y).unwrap() {
                    let number = order.iter().position(|s| *s == o.source).unwrap() as u32 + 1;
                    places.push((
                        number,
                        o.x as f32,
                        o.y as f32,
                        (o.weight * seen.weight.value()) as f32,
                    ));
                }
            }
            places.sort_by(|a, b| b.3.total_cmp(&a.3));
            expected.push(places);
        }
        let most = expected.iter().map(Vec::len).max().unwrap().max(1);
        layers_seen.insert(most);
        for k in 0..most {
            let layer = if k == 0 {
                "attribution".to_owned()
            } else {
                format!("attribution{}", k + 1)
            };
            let source = numbers(&read, &format!("{layer}.source"));
            let [xs, ys, ws] = ["x", "y", "weight"].map(|c| floats(&read, &format!("{layer}.{c}")));
            for (i, places) in expected.iter().enumerate() {
                let found = (source[i], xs[i], ys[i], ws[i]);
                assert_eq!(
                    found,
                    places.get(k).copied().unwrap_or_default(),
                    "frame {n}, pixel {i}, {layer}"
                );
            }
        }
        assert!(!read.channels.contains_key(&format!("attribution{}.x", most + 1)));
        // The picture is there as ever.
        let image = exr::read(&frame_path(folder.path(), FrameFormat::ExrHalf, n)).unwrap();
        assert_eq!((image.width(), image.height()), (size.width, size.height));
    }
    // A card's frame, one take alone, and a dissolve of a mixed one with another.
    assert!(
        layers_seen.contains(&1) && layers_seen.contains(&2) && layers_seen.contains(&3),
        "{layers_seen:?}"
    );
}

#[test]
fn without_attribution_only_the_picture_is_written_and_a_change_writes_anew() {
    let folder = tempfile::tempdir().unwrap();
    let cut = support::cut();
    assert_eq!(export(&cut, folder.path(), false), 10);
    let path = frame_path(folder.path(), FrameFormat::ExrHalf, 5);
    let names = |path: &Path| {
        exr::read_layers(path)
            .unwrap()
            .channels
            .into_keys()
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&path), ["B", "G", "R"]);
    let picture = exr::read(&path).unwrap();
    assert_eq!(export(&cut, folder.path(), false), 0, "all there");
    assert_eq!(export(&cut, folder.path(), true), 10, "another kind of file");
    assert_eq!(exr::read(&path).unwrap(), picture);
    assert!(names(&path).iter().any(|n| n == "attribution.x"));
}
