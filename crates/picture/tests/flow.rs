//! Optical flow on motions that are known: what is moved so far must be found to have moved so far.

// clippy lets tests unwrap, but not the helpers beside them.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use heirloom_picture::flow::{self, Flow, FlowError, FlowOptions, Plane, flo};
use heirloom_picture::{AcesCg, Image, photo, resample};
use proptest::prelude::*;

/// A number in 0..1 for a grid point.
fn chance(x: i64, y: i64, seed: u64) -> f64 {
    let mut h =
        (x as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (y as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    h = (h ^ seed.wrapping_mul(0x1656_67b1_9e37_79f9)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (h >> 11) as f64 / (1u64 << 53) as f64
}

/// Smooth noise about 0.5, with a value at every whole place and a smooth curve between.
fn noise(x: f64, y: f64, seed: u64) -> f64 {
    let (left, top) = (x.floor(), y.floor());
    let ease = |t: f64| t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
    let (fx, fy) = (ease(x - left), ease(y - top));
    let (i, j) = (left as i64, top as i64);
    let row = |j: i64| chance(i, j, seed) * (1.0 - fx) + chance(i + 1, j, seed) * fx;
    row(j) * (1.0 - fy) + row(j + 1) * fy
}

/// A surface of several octaves, from 24 pixels across down to 3.
fn surface(x: f64, y: f64, seed: u64) -> f64 {
    let octaves = [(24.0, 1.0), (12.0, 0.7), (6.0, 0.5), (3.0, 0.25)];
    let sum: f64 = octaves
        .iter()
        .map(|o| o.1 * noise(x / o.0, y / o.0, seed ^ o.0 as u64))
        .sum();
    sum / 2.45
}

fn plane(width: u32, height: u32, value: impl Fn(f64, f64) -> f64) -> Plane {
    let values = (0..width * height).map(|i| value(f64::from(i % width), f64::from(i / width)) as f32);
    Plane::from_values(width, height, values.collect()).unwrap()
}

/// Two pictures of a surface that moves by `motion`: the second is the surface, the first looks it up where
/// its points go.
fn moved(size: [u32; 2], seed: u64, motion: impl Fn(f64, f64) -> [f64; 2]) -> (Plane, Plane, Flow) {
    let first = plane(size[0], size[1], |x, y| {
        let [right, down] = motion(x, y);
        surface(x + right, y + down, seed)
    });
    let second = plane(size[0], size[1], |x, y| surface(x, y, seed));
    (first, second, field(size, motion))
}

fn field(size: [u32; 2], motion: impl Fn(f64, f64) -> [f64; 2]) -> Flow {
    let motion = (0..size[0] * size[1])
        .map(|i| motion(f64::from(i % size[0]), f64::from(i / size[0])).map(|v| v as f32));
    Flow::from_motion(size[0], size[1], motion.collect()).unwrap()
}

/// Mean endpoint error in pixels over those pixels for which `counts` holds.
fn error(found: &Flow, truth: &Flow, counts: impl Fn(f64, f64) -> bool) -> f64 {
    let (mut sum, mut pixels) = (0.0, 0);
    let width = found.width() as usize;
    for (i, (found, truth)) in found.motion().iter().zip(truth.motion()).enumerate() {
        if counts((i % width) as f64, (i / width) as f64) {
            let (x, y) = (f64::from(found[0] - truth[0]), f64::from(found[1] - truth[1]));
            sum += (x * x + y * y).sqrt();
            pixels += 1;
        }
    }
    assert!(pixels > 0);
    sum / f64::from(pixels)
}

/// The error where the point stays within the picture.
fn error_inside(found: &Flow, truth: &Flow) -> f64 {
    let (right, bottom) = (f64::from(truth.width() - 1), f64::from(truth.height() - 1));
    error(found, truth, |x, y| {
        let [u, v] = truth.at(x as u32, y as u32).map(f64::from);
        (0.0..=right).contains(&(x + u)) && (0.0..=bottom).contains(&(y + v))
    })
}

fn find(a: &Plane, b: &Plane) -> Flow {
    flow::flow_of_planes(a, b, &FlowOptions::default()).unwrap()
}

fn rocket(width: u32, height: u32) -> Image<AcesCg> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/archive/rocket.jpg");
    resample::cover(&photo::read(&path).unwrap().image, width, height)
}

#[test]
fn what_stands_still_has_no_motion() {
    let a = plane(160, 96, |x, y| surface(x, y, 1));
    assert!(error(&find(&a, &a), &field([160, 96], |_, _| [0.0; 2]), |_, _| true) < 1e-4);
    let photo = rocket(200, 120);
    let still = flow::flow(&photo, &photo, &FlowOptions::default()).unwrap();
    assert!(still.motion().iter().flatten().all(|v| v.abs() < 1e-3));
}

#[test]
fn a_shift_is_found_to_a_fraction_of_a_pixel() {
    for (i, shift) in [[0.25, 0.0], [-0.5, 0.75], [3.4, -2.1], [11.3, 6.6]]
        .into_iter()
        .enumerate()
    {
        let (a, b, truth) = moved([192, 128], 10 + i as u64, |_, _| shift);
        let error = error_inside(&find(&a, &b), &truth);
        assert!(error < 0.03, "{shift:?}: {error}");
    }
}

#[test]
fn a_leap_of_15_percent_of_the_width_is_found() {
    for (i, shift) in [[48.0, 5.0], [-47.3, -12.0]].into_iter().enumerate() {
        let (a, b, truth) = moved([320, 180], 20 + i as u64, |_, _| shift);
        let error = error_inside(&find(&a, &b), &truth);
        assert!(error < 0.05, "{shift:?}: {error}");
    }
}

#[test]
fn turning_and_nearing_are_found() {
    // 5 degrees: sine and cosine as they are, so that the test asks no library.
    let (sine, cosine) = (0.087_155_742_747_658, 0.996_194_698_091_746);
    let (a, b, truth) = moved([192, 128], 30, |x, y| {
        let (x, y) = (x - 95.5, y - 63.5);
        [cosine * x - sine * y - x, sine * x + cosine * y - y]
    });
    let turned = error_inside(&find(&a, &b), &truth);
    assert!(turned < 0.12, "turned: {turned}");
    let (a, b, truth) = moved([192, 128], 31, |x, y| [(x - 95.5) * 0.08, (y - 63.5) * 0.08]);
    let nearer = error_inside(&find(&a, &b), &truth);
    assert!(nearer < 0.08, "nearer: {nearer}");
}

#[test]
fn what_moves_in_front_leaves_the_ground_still() {
    let size = [224, 144];
    let on = |x: f64, y: f64| (70.0..130.0).contains(&x) && (40.0..95.0).contains(&y);
    let shift = [9.5, -4.25];
    let a = plane(size[0], size[1], |x, y| {
        surface(x, y, if on(x, y) { 41 } else { 40 })
    });
    let b = plane(size[0], size[1], |x, y| {
        let (was_x, was_y) = (x - shift[0], y - shift[1]);
        if on(was_x, was_y) {
            surface(was_x, was_y, 41)
        } else {
            surface(x, y, 40)
        }
    });
    let found = flow::flow_of_planes_checked(&a, &b, &FlowOptions::default()).unwrap();
    let truth = field(size, |x, y| if on(x, y) { shift } else { [0.0; 2] });
    let patch = error(&found.forward, &truth, on);
    assert!(patch < 0.5, "the patch: {patch}");
    let hidden = |x: f64, y: f64| !on(x, y) && on(x - shift[0], y - shift[1]);
    let ground = error(&found.forward, &truth, |x, y| !on(x, y) && !hidden(x, y));
    assert!(ground < 0.1, "the ground: {ground}");

    // What the patch hides has nowhere to go, and the way back says so.
    let share = |of: &dyn Fn(f64, f64) -> bool| {
        let picked: Vec<bool> = (0..size[0] * size[1])
            .filter(|i| of(f64::from(i % size[0]), f64::from(i / size[0])))
            .map(|i| found.valid[i as usize])
            .collect();
        picked.iter().filter(|v| **v).count() as f64 / picked.len() as f64
    };
    assert!(
        share(&hidden) < 0.25,
        "hidden, yet said to be seen: {}",
        share(&hidden)
    );
    assert!(
        share(&|x, y| !hidden(x, y)) > 0.95,
        "seen: {}",
        share(&|x, y| !hidden(x, y))
    );
    let (hits, apart) = (
        share(&|_, _| true),
        flow::disagreement_px(&found.forward, &found.backward).unwrap(),
    );
    let near = apart.iter().filter(|px| **px < 0.7).count() as f64 / apart.len() as f64;
    assert!((hits - near).abs() < 0.02, "{hits} {near}");
}

#[test]
fn a_change_of_light_is_no_motion() {
    let (a, b, truth) = moved([192, 128], 50, |x, _| [2.5 + x * 0.01, -1.25]);
    let change = |plane: &Plane, by: &dyn Fn(f32) -> f32| {
        let values = plane.values().iter().map(|v| by(*v)).collect();
        Plane::from_values(plane.width(), plane.height(), values).unwrap()
    };
    let plain = error_inside(&find(&a, &b), &truth);
    let lighter = error_inside(&find(&a, &change(&b, &|v| v + 0.12)), &truth);
    let weaker = error_inside(&find(&a, &change(&b, &|v| v * 0.85 + 0.05)), &truth);
    assert!(plain < 0.04, "{plain}");
    assert!(lighter < 0.06, "lighter: {lighter}");
    assert!(weaker < 0.15, "weaker: {weaker}");
}

#[test]
fn a_photograph_is_followed() {
    // Cut from a larger one, turned and moved by the field, so that nothing comes from outside.
    let photo = rocket(420, 280);
    let size = [320u32, 200];
    let bend = |x: f64, y: f64| {
        let (x, y) = (x / 320.0, y / 200.0);
        [6.0 * x * (1.0 - y) - 3.0, 8.0 * x * x + 2.0 * y - 4.0]
    };
    let cut = |motion: &dyn Fn(f64, f64) -> [f64; 2]| {
        let pixels = (0..size[0] * size[1]).map(|i| {
            let (x, y) = (f64::from(i % size[0]), f64::from(i / size[0]));
            let [right, down] = motion(x, y);
            resample::bicubic(&photo, x + right + 50.0, y + down + 40.0)
        });
        Image::<AcesCg>::from_pixels(size[0], size[1], pixels.collect()).unwrap()
    };
    let (a, b) = (cut(&bend), cut(&|_, _| [0.0; 2]));
    let found = flow::flow(&a, &b, &FlowOptions::default()).unwrap();
    let error_px = error_inside(&found, &field(size, bend));
    assert!(error_px < 0.04, "{error_px}");
    let quick = flow::flow(&a, &b, &FlowOptions::quick()).unwrap();
    let quick = error_inside(&quick, &field(size, bend));
    assert!(quick < 0.15, "{quick}");

    // Fetched back along the motion the second is the first again.
    let back = flow::warp(&b, &found).unwrap();
    let apart = |image: &Image<AcesCg>| {
        let pairs = a.pixels().iter().zip(image.pixels());
        pairs.map(|(a, b)| f64::from((a[1] - b[1]).abs())).sum::<f64>() / a.pixels().len() as f64
    };
    assert!(
        apart(&back) < 0.15 * apart(&b),
        "{} of {}",
        apart(&back),
        apart(&b)
    );
}

#[test]
fn threads_do_not_change_the_bytes() {
    let (a, b, _) = moved([161, 99], 60, |x, y| [x * 0.05 - 3.0, y * 0.03]);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let found = pool.install(|| flow::flow_of_planes_checked(&a, &b, &FlowOptions::default()).unwrap());
        let bits =
            |flow: &Flow| -> Vec<u32> { flow.motion().as_flattened().iter().map(|v| v.to_bits()).collect() };
        (bits(&found.forward), bits(&found.backward), found.valid)
    };
    let one = with(1);
    assert_eq!(one, with(3));
    assert_eq!(one, with(8));
}

#[test]
fn sizes_must_agree_and_small_ones_will_do() {
    let options = FlowOptions::default();
    let image = |w, h| Image::<AcesCg>::filled(w, h, [0.2; 4]);
    let refused = flow::flow(&image(20, 16), &image(20, 17), &options).unwrap_err();
    assert!(matches!(
        refused,
        FlowError::Sizes {
            from: [20, 16],
            to: [20, 17]
        }
    ));
    assert!(refused.to_string().contains("scale one to the other"));
    assert!(matches!(
        flow::flow(&image(0, 7), &image(0, 7), &options),
        Err(FlowError::Side { width: 0, height: 7 })
    ));
    assert!(matches!(
        Plane::from_values(3, 3, vec![0.0; 8]),
        Err(FlowError::Count { .. })
    ));
    for (w, h) in [(1, 1), (1, 40), (40, 1), (2, 3), (7, 9), (8, 8), (15, 100)] {
        let found = flow::flow(&image(w, h), &image(w, h), &options).unwrap();
        assert!(found.motion().iter().flatten().all(|v| v.abs() < 1e-3), "{w}x{h}");
    }
    let (a, b, truth) = moved([16, 16], 70, |_, _| [1.0, -0.5]);
    let error = error_inside(&find(&a, &b), &truth);
    assert!(error < 0.06, "16x16: {error}");
}

#[test]
fn what_is_no_number_does_no_harm() {
    let (mut a, b) = (rocket(96, 64), rocket(96, 64));
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -5.0, 1e30];
    for (i, pixel) in a.pixels_mut().iter_mut().enumerate().filter(|(i, _)| i % 97 == 0) {
        *pixel = [odd[i % 5], odd[(i / 2) % 5], odd[(i / 3) % 5], 1.0];
    }
    let found = flow::flow_checked(&a, &b, &FlowOptions::default()).unwrap();
    assert!(
        found
            .forward
            .motion()
            .iter()
            .chain(found.backward.motion())
            .flatten()
            .all(|v| v.is_finite())
    );
    let values = vec![f32::NAN; 32 * 32];
    let nothing = Plane::from_values(32, 32, values).unwrap();
    assert!(
        find(&nothing, &nothing)
            .motion()
            .iter()
            .flatten()
            .all(|v| *v == 0.0)
    );
    let wild = FlowOptions {
        finest_halving: 99,
        patch_spacing_px: 0,
        warps: 0,
        sweeps: 0,
        smoothness: f32::NAN,
    };
    assert!(flow::flow(&a, &b, &wild).is_ok());
}

#[test]
fn motion_is_read_between_pixels() {
    let ramp = field([8, 6], |x, y| [x * 2.0, y - x]);
    assert_eq!(ramp.sample(3.0, 2.0), Some([6.0, -1.0]));
    assert_eq!(ramp.sample(2.5, 4.25), Some([5.0, 1.75]));
    assert_eq!(ramp.sample(-9.0, 99.0), Some([0.0, 5.0]));
    assert_eq!(ramp.sample(f32::NAN, 0.0), None);
    let mut motion = ramp.motion().to_vec();
    motion[8 + 2] = [2e9, 0.0];
    let holed = Flow::from_motion(8, 6, motion).unwrap();
    assert_eq!(holed.sample(2.5, 1.0), None);
    assert_eq!(holed.sample(3.0, 1.0), ramp.sample(3.0, 1.0));
    assert!(Flow::from_motion(3, 3, vec![[0.0; 2]; 8]).is_none());
    assert!(flow::warp(&Image::<AcesCg>::new(9, 6), &ramp).is_err());
    let warped = flow::warp(&Image::<AcesCg>::filled(8, 6, [0.5; 4]), &holed).unwrap();
    assert_eq!((warped.at(2, 1), warped.at(3, 1)), ([0.0; 4], [0.5; 4]));
}

#[test]
fn flo_files_are_the_benchmarks() {
    // Written by NumPy as Middlebury's own tools lay it out: 2x1, (1.5, -2) and unknown.
    let bytes = [
        b"PIEH".as_slice(),
        &[2, 0, 0, 0, 1, 0, 0, 0],
        &[0x00, 0x00, 0xc0, 0x3f, 0x00, 0x00, 0x00, 0xc0],
        &[0xf9, 0x02, 0x15, 0x50, 0xf9, 0x02, 0x15, 0x50],
    ]
    .concat();
    let flow = flo::decode(&bytes, "two").unwrap();
    assert_eq!((flow.width(), flow.height(), flow.at(0, 0)), (2, 1, [1.5, -2.0]));
    assert!(Flow::is_known(flow.at(0, 0)) && !Flow::is_known(flow.at(1, 0)));
    for (mend, bytes) in [
        ("Middlebury", b"GIF89a.......".to_vec()),
        ("Middlebury", vec![]),
        ("damaged", b"PIEH".to_vec()),
        ("smaller", [b"PIEH".as_slice(), &[0xff; 8]].concat()),
        (
            "smaller",
            [b"PIEH".as_slice(), &[0, 128, 0, 0, 0, 128, 0, 0]].concat(),
        ),
        ("damaged", [bytes.as_slice(), &[0; 8]].concat()),
    ] {
        let refused = flo::decode(&bytes, "odd").unwrap_err().to_string();
        assert!(refused.contains(mend), "{refused}");
    }
    assert!(matches!(
        flo::read(Path::new("no such.flo")),
        Err(flo::FloError::Io { .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Random smooth fields over random surfaces.
    #[test]
    fn smooth_motion_is_found(
        seed in any::<u64>(),
        shift in prop::array::uniform2(-6.0f64..6.0),
        amount in 0.0f64..4.0,
    ) {
        let (a, b, truth) = moved([144, 112], seed, |x, y| {
            let wave = |s: u64| amount * (noise(x / 70.0, y / 70.0, seed ^ s) - 0.5);
            [shift[0] + wave(7), shift[1] + wave(8)]
        });
        let error = error_inside(&find(&a, &b), &truth);
        prop_assert!(error < 0.08, "{error}");
    }
}

proptest! {
    #[test]
    fn flo_files_come_back_to_the_bit(
        width in 1u32..20,
        bits in prop::collection::vec(any::<[u32; 2]>(), 1..200),
        cut in 1usize..5000,
    ) {
        let height = bits.len() as u32 / width;
        prop_assume!(height > 0);
        let motion: Vec<_> = bits[..(width * height) as usize].iter().map(|b| b.map(f32::from_bits)).collect();
        let flow = Flow::from_motion(width, height, motion).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.flo");
        flo::write(&path, &flow).unwrap();
        let back = flo::read(&path).unwrap();
        prop_assert_eq!((back.width(), back.height()), (width, height));
        let same = |flow: &Flow| flow.motion().iter().map(|m| m.map(f32::to_bits)).collect::<Vec<_>>();
        prop_assert_eq!(same(&back), same(&flow));

        // A file cut off anywhere is refused.
        let bytes = std::fs::read(&path).unwrap();
        let whole = bytes.len();
        prop_assert_eq!(whole, 12 + 8 * (width * height) as usize);
        prop_assert!(flo::decode(&bytes[..whole - cut.min(whole)], "cut").is_err());
    }

    #[test]
    fn any_bytes_are_a_field_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut marked = b"PIEH".to_vec();
        marked.extend(&bytes);
        for bytes in [&bytes, &marked] {
            if let Ok(flow) = flo::decode(bytes, "any") {
                prop_assert_eq!(flow.motion().len() * 8 + 12, bytes.len());
            }
        }
    }
}
