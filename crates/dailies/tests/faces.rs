//! Faces where the charter forbids them: they are looked for in the one pass that measures, and a hit goes to a person.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Mutex;

use heirloom_dailies::faces::{DetectorError, LARGEST, id, open, question};
use heirloom_dailies::measures::{
    Context, Face, FindFaces, MeasureError, MeasureOptions, Measures, OfPictures, measure,
};
use heirloom_film::{Charter, Faces as Allowed, Rate};
use heirloom_picture::measure::View;
use heirloom_picture::preview::Preview;

const GREY: [u8; 3] = [110, 120, 130];

/// A grey picture with a red square, or none.
fn picture([width, height]: [u32; 2], square: Option<[u32; 4]>) -> Preview {
    let red = |x: u32, y: u32| {
        square.is_some_and(|[left, top, wide, high]| {
            (left..left + wide).contains(&x) && (top..top + high).contains(&y)
        })
    };
    let codes = (0..height)
        .flat_map(|y| (0..width).map(move |x| if red(x, y) { [255, 0, 0] } else { GREY }))
        .collect();
    Preview::from_codes(codes, width, height).unwrap()
}

/// Twenty-four frames; the square is there from frame 12 on.
fn take() -> Vec<Preview> {
    let square = |n: u32| (n >= 12).then_some([16, 16, 16, 16]);
    (0..24).map(|n| picture([96, 64], square(n))).collect()
}

fn measured(finder: &dyn FindFaces) -> Result<Measures, MeasureError> {
    let context = Context {
        faces: Some(finder),
        ..Context::default()
    };
    let mut frames = OfPictures::new(take().into_iter(), Rate::CINEMA);
    measure(&mut frames, &context, &MeasureOptions::default())
}

/// Takes whatever is pure red for a face, and remembers how often it was asked.
#[derive(Default)]
struct Red {
    asked: Mutex<u32>,
    fails: bool,
}

impl FindFaces for Red {
    fn find(&self, frame: &View<'_>) -> Result<Vec<Face>, String> {
        *self.asked.lock().unwrap() += 1;
        if self.fails {
            return Err("the lens cap is on".into());
        }
        let red = frame.codes().contains(&[255, 0, 0]);
        let face = |score, width| Face {
            score,
            region: [0.0, 0.0, width, 0.5],
        };
        Ok(if red {
            vec![face(0.9, 0.1), face(0.6, 0.4)]
        } else {
            Vec::new()
        })
    }
}

#[test]
fn faces_are_looked_for_a_few_times_a_second_in_the_pass_that_measures() {
    let red = Red::default();
    let measures = measured(&red).unwrap();
    // Four times in that second.
    assert_eq!(*red.asked.lock().unwrap(), 4);
    assert_eq!(measures.value("faces.most"), Some(2.0));
    assert_eq!(measures.value("faces.surest"), Some(0.9));
    assert_eq!(measures.value("faces.at_s"), Some(0.5));
    assert!((measures.value("faces.largest_percent").unwrap() - 20.0).abs() < 1e-9);
    // Where nobody looks nothing is said, and where there is none it is said.
    let mut frames = OfPictures::new(take().into_iter(), Rate::CINEMA);
    let plain = measure(&mut frames, &Context::default(), &MeasureOptions::default()).unwrap();
    assert_eq!((plain.faces, plain.value("faces.most")), (None, None));
    let mut frames = OfPictures::new(take().into_iter().take(10), Rate::CINEMA);
    let context = Context {
        faces: Some(&red),
        ..Context::default()
    };
    let none = measure(&mut frames, &context, &MeasureOptions::default()).unwrap();
    assert_eq!(
        (none.value("faces.most"), none.value("faces.surest")),
        (Some(0.0), None)
    );
    assert_eq!(
        Measures {
            faces: None,
            ..measures
        },
        plain
    );
}

#[test]
fn a_finder_that_fails_is_not_taken_for_one_that_finds_nothing() {
    let broken = Red {
        fails: true,
        ..Red::default()
    };
    let error = measured(&broken).unwrap_err().to_string();
    assert!(
        error.contains("the lens cap is on") && error.contains("face_detector"),
        "{error}"
    );
}

#[test]
fn only_a_forbidden_face_is_a_question() {
    let never = Charter {
        faces: Allowed::Never,
        ..Charter::default()
    };
    let measures = |pairs: &[(&str, f64)]| -> BTreeMap<String, f64> {
        pairs.iter().map(|(name, v)| ((*name).to_owned(), *v)).collect()
    };
    let seen = measures(&[("faces.most", 1.0), ("faces.surest", 0.934), ("faces.at_s", 1.25)]);
    assert_eq!(
        question(&never, &seen).unwrap(),
        "a face may be seen, the surest at 1.2 s (0.93 sure), and the charter forbids faces"
    );
    let many = measures(&[("faces.most", 3.0)]);
    assert!(question(&never, &many).unwrap().starts_with("3 faces at once"));
    assert_eq!(question(&Charter::default(), &seen), None);
    assert_eq!(question(&never, &measures(&[("faces.most", 0.0)])), None);
    assert_eq!(question(&never, &measures(&[])), None);
}

#[test]
fn a_network_is_known_by_its_bytes_and_large_ones_are_not_read() {
    assert_ne!(id(b"one"), id(b"other"));
    let large = open(&vec![0; LARGEST + 1], "big.onnx").err().unwrap();
    assert!(matches!(large, DetectorError::Large { .. }), "{large}");
}

#[cfg(not(feature = "faces"))]
#[test]
fn a_program_without_the_finding_of_faces_says_so() {
    let error = open(include_bytes!("faces/anchors.onnx"), "anchors.onnx").err();
    assert_eq!(error, Some(DetectorError::NotBuilt));
}

#[cfg(feature = "faces")]
mod networks {
    use super::*;

    fn near(a: [f64; 4], b: [f64; 4]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3)
    }

    fn find(network: &[u8], picture: &Preview) -> Vec<Face> {
        let finder = open(network, "network.onnx").unwrap();
        finder.find(&picture.view().unwrap()).unwrap()
    }

    const ANCHORS: &[u8] = include_bytes!("faces/anchors.onnx");
    const MAPS: &[u8] = include_bytes!("faces/maps.onnx");

    #[test]
    fn anchors_find_a_face_once_and_where_it_is() {
        let found = find(ANCHORS, &picture([96, 64], Some([32, 16, 16, 16])));
        // Two anchors see it; the surer one stays.
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            near(found[0].region, [2.0 / 6.0, 0.25, 1.0 / 6.0, 0.25]),
            "{found:?}"
        );
        assert!(found[0].score > 0.99);
        assert!(find(ANCHORS, &picture([96, 64], None)).is_empty());
        // A larger picture of another shape is made smaller, and places are those in it.
        let found = find(ANCHORS, &picture([192, 256], Some([0, 192, 64, 64])));
        assert!(!found.is_empty());
        let [left, top, width, height] = found[0].region;
        assert!(left < 0.01 && (top - 0.75).abs() < 0.01, "{found:?}");
        assert!(
            (width - 1.0 / 3.0).abs() < 0.01 && (height - 0.25).abs() < 0.01,
            "{found:?}"
        );
    }

    #[test]
    fn maps_find_faces_in_pictures_of_any_size() {
        for [width, height] in [[96, 64], [100, 50], [33, 97]] {
            let found = find(MAPS, &picture([width, height], Some([8, 12, 4, 4])));
            assert_eq!(found.len(), 1, "{found:?}");
            // Middle of the cell (10, 14), half a cell further right; 12 wide, 16 high.
            let (w, h) = (f64::from(width), f64::from(height));
            let expected = [6.0 / w, 6.0 / h, 12.0 / w, 16.0 / h];
            assert!(near(found[0].region, expected), "{found:?} {expected:?}");
            assert!(find(MAPS, &picture([width, height], None)).is_empty());
        }
    }

    #[test]
    fn a_take_is_measured_with_a_network() {
        let finder = open(ANCHORS, "anchors.onnx").unwrap();
        let measures = measured(&*finder).unwrap();
        assert_eq!(measures.value("faces.most"), Some(1.0));
        assert_eq!(measures.value("faces.at_s"), Some(0.5));
    }

    #[test]
    fn threads_share_a_network() {
        let finder = open(MAPS, "maps.onnx").unwrap();
        let picture = picture([64, 64], Some([8, 12, 4, 4]));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..8 {
                        assert_eq!(finder.find(&picture.view().unwrap()).unwrap().len(), 1);
                    }
                });
            }
        });
    }

    #[test]
    fn what_is_no_network_is_one_error_with_the_mend() {
        for bytes in [
            &b""[..],
            b"no network at all",
            &ANCHORS[..ANCHORS.len() / 2],
            &MAPS[..200],
        ] {
            let error = open(bytes, "models/x.onnx").err().unwrap();
            assert!(matches!(error, DetectorError::Network { .. }), "{error}");
            let words = error.to_string();
            assert!(
                words.contains("models/x.onnx") && words.contains("measures.md"),
                "{words}"
            );
        }
    }

    /// Whatever byte is wrong, the network is refused or run; the program goes on.
    #[test]
    fn damaged_networks_do_not_end_the_program() {
        std::panic::set_hook(Box::new(|_| ()));
        let picture = picture([64, 64], None);
        for network in [ANCHORS, MAPS] {
            for at in (0..network.len()).step_by(network.len() / 97) {
                let mut bytes = network.to_vec();
                bytes[at] ^= 0x55;
                if let Ok(finder) = open(&bytes, "damaged.onnx") {
                    let _ = finder.find(&picture.view().unwrap());
                }
            }
        }
        drop(std::panic::take_hook());
    }
}
