//! From masters back to sources.

// Helpers of tests are not tests in clippy's eyes.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use heirloom_engine::{Draw, Failure, Request, TakeFrames, TakeManifest, Task};
use heirloom_film::Rate;
use heirloom_finish::credits::{SourceInfo, source_shares};
use heirloom_finish::frame_map::Part;
use heirloom_finish::trace::What;
use heirloom_finish::{Cut, Footage, FrameMap, FrameMapError, Plate, TraceError, Tracer, find_master};
use heirloom_vault::rights::Rights;
use heirloom_vault::{Actor, NewAct, ObjectId, Vault, Verb};

struct House {
    folder: tempfile::TempDir,
    vault: Vault,
    cut: Cut,
}

/// The small film, its takes and requests in a vault.
fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(&folder.path().join("vault")).unwrap();
    let mut cut = support::cut();
    for (item, source, seed) in [(0, "eta", 7), (1, "moon", 8)] {
        let request = Request {
            engine: "gradients".into(),
            revision: 3,
            task: Task::Living,
            prompt: format!("{source}, breathing"),
            mood: "before anything hurt".into(),
            seed,
            size: support::size(),
            rate: Rate::CINEMA,
            frames: 8,
            sources: vec![support::source(source)],
            keyframes: vec![],
            pictures: Default::default(),
            guides: None,
            style: None,
            params: [].into(),
        };
        let request_id = vault.put_bytes(&request.canonical().unwrap()).unwrap();
        let manifest = TakeManifest {
            engine: request.engine.clone(),
            revision: request.revision,
            draw: Draw {
                request: request_id,
                n: 0,
            },
            output: 0,
            size: request.size,
            rate: request.rate,
            frames: 8,
            files: vec![],
            facts: serde_json::json!({ "source": source }),
        };
        let take = vault.put_json(&manifest).unwrap();
        let subject = format!("request:{request_id}");
        let asked =
            NewAct::new(Verb::Requested, Actor::person("Ada"), &subject).output("request", request_id);
        let drawn = NewAct::new(Verb::Drawn, Actor::engine("gradients"), &subject).output("take", take);
        vault.ledger().append_many(vec![asked, drawn]).unwrap();
        if let Footage::Take { id, .. } = &mut cut.items[item].footage {
            *id = take;
        }
    }
    House { folder, vault, cut }
}

fn open(manifest: &TakeManifest) -> Result<Box<dyn TakeFrames>, Failure> {
    let source = manifest.facts["source"].as_str().unwrap();
    Ok(Box::new(support::gradient(source, 8, [1.0; 3])))
}

fn look_up(id: &ObjectId) -> Option<SourceInfo> {
    let known = [
        ("eta", "Georg Zotti", "CC BY 3.0"),
        ("moon", "NASA", "public domain"),
    ];
    let (name, owner, terms) = known
        .into_iter()
        .find(|(name, ..)| support::source(name) == *id)?;
    Some(SourceInfo {
        name: name.into(),
        file_name: format!("{name}.jpg"),
        width: 400,
        height: 200,
        rights: Some(Rights::new(owner, terms)),
        revoked: false,
    })
}

impl House {
    fn tracer(&self) -> Tracer<'_> {
        Tracer {
            vault: &self.vault,
            open: &open,
            sources: &look_up,
        }
    }
}

#[test]
fn in_a_dissolve_both_sources_are_named_with_their_weights() {
    let house = house();
    let map = FrameMap::of(&house.cut).unwrap();
    let trace = house.tracer().trace(&map, 9, Some((30, 10))).unwrap();
    let told: Vec<_> = trace
        .layers
        .iter()
        .map(|layer| match &layer.what {
            What::Take(take) => {
                let origin = &take.origins[0];
                let name = origin.source.name.as_str();
                (
                    layer.weight,
                    take.shot.as_str(),
                    take.frame,
                    name,
                    origin.x,
                    origin.y,
                    origin.finished,
                )
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            (0.6, "010", 5, "eta", 65.0, 20.0, true),
            (0.4, "020", 1, "moon", 61.0, 20.0, true)
        ]
    );
    let words = trace.to_string();
    for part in [
        "60.00 %",
        "40.00 %",
        "archive:eta (eta.jpg), Georg Zotti, CC BY 3.0",
        "NASA, public domain",
        "frame 12 of the clip, pixel 65.00, 20.00 of 400x200; moved by the finish",
        "eta, breathing",
        "gradients revision 3, seed 7",
        "requested by Ada",
        "drawn     by gradients",
        "for: look, generate, publish",
    ] {
        assert!(words.contains(part), "`{part}` is not in:\n{words}");
    }
    let json = serde_json::to_value(&trace).unwrap();
    assert_eq!(json["layers"][0]["kind"], "take");
    assert_eq!(json["layers"][1]["origins"][0]["source"]["owner"], "NASA");
}

#[test]
fn a_whole_frame_gives_its_shares() {
    let house = house();
    let map = FrameMap::of(&house.cut).unwrap();
    let trace = house.tracer().trace(&map, 8, None).unwrap();
    let shares: Vec<_> = trace
        .shares
        .iter()
        .map(|s| (s.source.name.as_str(), s.share))
        .collect();
    assert_eq!(shares, [("eta", 0.8), ("moon", 0.2)]);
}

#[test]
fn cards_say_that_they_are_drawn() {
    let house = house();
    let map = FrameMap::of(&house.cut).unwrap();
    for (frame, card) in [(0, "title card"), (19, "credits")] {
        let trace = house.tracer().trace(&map, frame, Some((1, 1))).unwrap();
        assert_eq!(trace.layers.len(), 1);
        let words = trace.to_string();
        assert!(words.contains(&format!("{card}: drawn by Heirloom")), "{words}");
        assert!(
            words.contains("EB Garamond") && words.contains("no source has a part"),
            "{words}"
        );
        assert!(trace.shares.is_empty());
    }
}

#[test]
fn a_plate_names_its_clip_frame_and_pixel() {
    let mut house = house();
    house.cut.items[1].footage = Footage::Plate(Plate {
        source: support::source("moon"),
        path: "unread.mov".into(),
        start: 10,
        width: 256,
        height: 72,
        rate: Rate::parse("48").unwrap(),
    });
    let map = FrameMap::of(&house.cut).unwrap();
    let trace = house.tracer().trace(&map, 15, Some((0, 35))).unwrap();
    let What::Plate {
        source,
        clip_frame,
        pixel,
        ..
    } = &trace.layers[0].what
    else {
        panic!("{trace:?}")
    };
    // 256x72 covers 64x36 at half size, 32 columns cropped at the left; frame 7 of the shot is frame 17 of the plate.
    assert_eq!(
        (source.name.as_str(), *clip_frame, *pixel),
        ("moon", 34, Some((65, 71)))
    );
    assert!(trace.to_string().contains("frame 34 of the clip, pixel 65,71"));
}

#[test]
fn what_lies_outside_is_said_clearly() {
    let house = house();
    let map = FrameMap::of(&house.cut).unwrap();
    let past = house.tracer().trace(&map, 20, None).unwrap_err().to_string();
    assert!(
        past.contains("20 frames, 0 to 19") && past.contains("name one of those"),
        "{past}"
    );
    let outside = house
        .tracer()
        .trace(&map, 3, Some((64, 0)))
        .unwrap_err()
        .to_string();
    assert!(
        outside.contains("64x36") && outside.contains("0 to 63"),
        "{outside}"
    );
}

#[test]
fn a_master_is_known_by_its_bytes() {
    let house = house();
    let file = house.folder.path().join("film.mp4");
    std::fs::write(&file, b"the bytes of a master").unwrap();
    assert!(matches!(
        find_master(&house.vault, &file),
        Err(TraceError::Unknown { .. })
    ));

    let (master, _) = house.vault.put_file(&file).unwrap();
    let map = FrameMap::of(&house.cut).unwrap();
    let map_id = house.vault.put_bytes(&map.to_bytes()).unwrap();
    let act = NewAct::new(Verb::Exported, Actor::program(), "film")
        .output("master", master)
        .output("frame-map", map_id);
    let act = house.vault.ledger().append(act).unwrap();
    let found = find_master(&house.vault, &file).unwrap();
    assert_eq!(
        (found.master, found.act.id, &found.frame_map),
        (master, act.id, &map)
    );

    std::fs::write(&file, b"the bytes of a master, changed").unwrap();
    let said = find_master(&house.vault, &file).unwrap_err().to_string();
    assert!(
        said.contains("was not exported from this film, or it was changed since"),
        "{said}"
    );
}

#[test]
fn shares_over_the_cut_count_dissolves_once() {
    let mut house = house();
    house.cut.items.push(support::shot(
        "030",
        12,
        0,
        support::gradient("eta", 12, [1.0; 3]),
    ));
    let shares = source_shares(&house.cut).unwrap();
    // 8 + 8 - 4 frames, six of each, and twelve more.
    let (eta, moon) = (&shares[0], &shares[1]);
    assert_eq!(
        (eta.source, moon.source),
        (support::source("eta"), support::source("moon"))
    );
    assert!((eta.share - 0.75).abs() < 1e-12 && (moon.share - 0.25).abs() < 1e-12);
}

#[test]
fn a_frame_map_is_readable_and_comes_back() {
    let house = house();
    let map = FrameMap::of(&house.cut).unwrap();
    let bytes = map.to_bytes();
    assert_eq!(FrameMap::parse(&bytes).unwrap(), map);
    let text = String::from_utf8(bytes).unwrap();
    // Title, first shot, dissolve, second shot, credits: a line each.
    assert_eq!(text.lines().filter(|line| line.contains("\"layers\"")).count(), 5);
    assert!(text.contains(
        r#"{"at":8,"frames":4,"layers":[{"part":1,"frame":4,"weight":{"first":4,"step":-1,"of":5}},{"part":2,"frame":0,"weight":{"first":1,"step":1,"of":5}}]}"#
    ), "{text}");
    assert!(matches!(&map.parts()[1], Part::Take { shot, .. } if shot == "010"));
}

#[test]
fn hostile_frame_maps_are_refused() {
    let map = String::from_utf8(FrameMap::of(&house().cut).unwrap().to_bytes()).unwrap();
    let newer = map.replace(
        "\"heirloom_frame_map\": 1",
        "\"heirloom_frame_map\": 3, \"more\": []",
    );
    assert!(matches!(
        FrameMap::parse(newer.as_bytes()),
        Err(FrameMapError::Newer { found: 3 })
    ));
    for (from, to) in [
        ("\"frames\": 20", "\"frames\": 18446744073709551615"),
        (
            "\"at\":8,\"frames\":4",
            "\"at\":8,\"frames\":18446744073709551615",
        ),
        ("\"at\":8,", "\"at\":9,"),
        ("\"frame\":4,", "\"frame\":4294967295,"),
        ("\"frame\":4,", "\"frame\":5,"),
        ("\"part\":2", "\"part\":200"),
        (
            "\"first\":4,\"step\":-1,\"of\":5",
            "\"first\":4,\"step\":-1,\"of\":0",
        ),
        ("\"first\":4,\"step\":-1", "\"first\":4,\"step\":-2"),
        (
            "\"first\":1,\"step\":1,\"of\":5",
            "\"first\":1,\"step\":2147483647,\"of\":5",
        ),
        ("\"size\": [64, 36]", "\"size\": [0, 36]"),
        ("\"rate\": \"24\"", "\"rate\": \"24/0\""),
        ("\"title\"", "\"subtitle\""),
    ] {
        let changed = map.replacen(from, to, 1);
        assert_ne!(changed, map, "{from}");
        let result = FrameMap::parse(changed.as_bytes());
        assert!(
            matches!(result, Err(FrameMapError::Unreadable(_))),
            "{from} -> {to}: {result:?}"
        );
    }
    for bytes in [&b""[..], b"{}", b"[[[[", b"\xff\xfe", &[b'['; 100_000]] {
        assert!(FrameMap::parse(bytes).is_err());
    }
}

#[test]
fn a_changed_frame_map_is_refused_or_still_holds_together() {
    let map = FrameMap::of(&house().cut).unwrap().to_bytes();
    let mut runner = proptest::test_runner::TestRunner::new(proptest::test_runner::Config::with_cases(3000));
    let change = (
        0..map.len(),
        0_usize..6,
        proptest::collection::vec(proptest::num::u8::ANY, 0..4),
    );
    let changes = proptest::collection::vec(change, 1..3);
    let outcome = runner.run(&changes, |changes| {
        let mut bytes = map.clone();
        for (at, cut, put) in changes {
            let at = at.min(bytes.len());
            // Mostly digits, which keep it JSON.
            let put = put.iter().map(|b| if b % 4 == 0 { *b } else { b'0' + b % 10 });
            bytes.splice(at..(at + cut).min(bytes.len()), put);
        }
        if let Ok(read) = FrameMap::parse(&bytes) {
            for n in 0..read.frames().min(100) {
                let seen = read.seen(n).unwrap();
                let sum: u64 = seen.iter().map(|s| u64::from(s.weight.num)).sum();
                proptest::prop_assert!(seen.iter().all(|s| u64::from(s.weight.den) == sum));
                proptest::prop_assert!(seen.iter().all(|s| s.frame < s.part.frames()));
            }
        }
        Ok(())
    });
    outcome.unwrap();
}
