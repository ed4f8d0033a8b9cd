//! Control clips of each kind, and footage that is filled or extended.

#![allow(clippy::unwrap_used, clippy::panic)]

use heirloom_engine_diffusion::conditions::{
    BLANK, ConditionError, Conditions, Depth, Mask, Outline, depth, edges, flow, grey, layout, settle,
};
use heirloom_engine_diffusion::generate::Clip;
use proptest::prelude::*;

fn clip(width: usize, height: usize, frames: usize, pixel: impl Fn(usize, usize, usize) -> [f32; 3]) -> Clip {
    let places = (0..frames).flat_map(|n| (0..height).flat_map(move |y| (0..width).map(move |x| (n, y, x))));
    Clip {
        width,
        height,
        pixels: places.map(|(n, y, x)| pixel(n, y, x)).collect(),
    }
}

#[test]
fn near_is_white_and_the_sky_is_black() {
    let metres = [2.0, 4.0, f32::INFINITY, 0.0, 1.0, 8.0, 8.0, f32::NAN];
    let each = depth(&metres, 4, 1, Depth::EachFrame);
    let values: Vec<f32> = each.pixels.iter().map(|p| p[0]).collect();
    assert_eq!(values, [1.0, 0.5, 0.0, 0.0, 1.0, 0.125, 0.125, 0.0]);
    let whole = depth(&metres, 4, 1, Depth::WholeClip);
    let values: Vec<f32> = whole.pixels.iter().map(|p| p[0]).collect();
    assert_eq!(values, [0.5, 0.25, 0.0, 0.0, 1.0, 0.125, 0.125, 0.0]);
    // A wall: nothing is nearer than the rest, and nothing is divided by nought.
    let wall = depth(&[3.0; 4], 2, 2, Depth::EachFrame);
    assert!(wall.pixels.iter().flatten().all(|v| *v == 0.0));
}

#[test]
fn grey_keeps_lightness_alone() {
    let colours = clip(3, 1, 1, |_, _, x| {
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]][x]
    });
    let made = grey(&colours);
    assert_eq!(made.pixels, [[0.299; 3], [0.587; 3], [0.114; 3]]);
    assert_eq!((made.width, made.height), (3, 1));
}

#[test]
fn edges_are_dark_where_the_picture_has_them_and_nowhere_else() {
    let step = clip(16, 6, 2, |n, _, x| [f32::from(u8::from(x >= 6 + 2 * n)); 3]);
    let made = edges(&step, 4.0);
    for (n, frame) in made.frames().enumerate() {
        for row in frame.chunks_exact(16) {
            let dark = |x: usize| row[x][0] < 0.5;
            assert!(dark(5 + 2 * n) && dark(6 + 2 * n), "{row:?}");
            assert!(
                (0..16)
                    .filter(|x: &usize| x.abs_diff(6 + 2 * n) > 4)
                    .all(|x| row[x] == [1.0; 3]),
                "{row:?}"
            );
        }
    }
    let flat = edges(&clip(5, 4, 1, |_, _, _| [0.3, 0.6, 0.9]), 4.0);
    assert!(flat.pixels.iter().flatten().all(|v| (*v - 1.0).abs() < 1e-5));
}

/// Right is red and left is cyan, as in Baker and others' figure; fast is full and slow is pale.
#[test]
fn flow_is_a_colour_for_each_direction() {
    let motion = [
        // From the first frame to the second; what the last says is left aside.
        [[2.0, 0.0], [-2.0, 0.0], [1.0, 0.0], [0.0, 0.0]],
        [[0.0, 0.0]; 4],
        [[9.0, 9.0]; 4],
    ]
    .concat();
    let made = flow(&motion, 4, 1);
    let frames: Vec<&[[f32; 3]]> = made.frames().collect();
    assert_eq!(frames.len(), 3);
    assert_eq!(frames[0], frames[1]);
    let near = |a: [f32; 3], b: [f32; 3]| a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 0.07);
    assert!(near(frames[1][0], [1.0, 0.0, 0.0]), "{:?}", frames[1]);
    assert!(near(frames[1][1], [0.0, 0.82, 1.0]), "{:?}", frames[1]);
    assert!(near(frames[1][2], [1.0, 0.5, 0.5]), "{:?}", frames[1]);
    assert_eq!(frames[1][3], [1.0; 3]);
    // Nothing moved from the second to the third.
    assert!(frames[2].iter().all(|p| *p == [1.0; 3]));
    assert!(
        flow(&motion[..4], 4, 1).pixels.iter().all(|p| *p == [1.0; 3]),
        "one frame"
    );
    let odd = flow(&[[f32::NAN, 1.0], [3.0, 0.0], [0.0, 0.0], [0.0, 0.0]], 2, 1);
    assert_eq!(odd.pixels[0], [1.0; 3]);
    assert!(near(odd.pixels[1], [1.0, 0.0, 0.0]));
}

#[test]
fn boxes_are_outlines() {
    let one = Outline {
        from: [2.0, 1.0],
        to: [8.0, 5.0],
        colour: [0.0; 3],
    };
    let made = layout(&[vec![one], Vec::new()], 10, 6);
    let dark = |n: usize, y: usize, x: usize| made.pixels[(n * 6 + y) * 10 + x] == [0.0; 3];
    assert!(dark(0, 3, 2) && dark(0, 3, 7) && dark(0, 1, 4) && dark(0, 4, 4));
    assert!(!dark(0, 3, 4) && !dark(0, 0, 0));
    assert!(!(0..6).any(|y| (0..10).any(|x| dark(1, y, x))));
}

#[test]
fn filling_blanks_what_is_made_anew() {
    let footage = clip(4, 2, 2, |n, y, x| {
        [0.1 * n as f32, 0.1 * y as f32, 0.1 * x as f32]
    });
    let values: Vec<f32> = (0..16).map(|n| [0.0, 0.5, 0.51, 1.0][n % 4]).collect();
    let mask = Mask {
        width: 4,
        height: 2,
        values,
    };
    let made = Conditions::fill(footage.clone(), mask.clone()).unwrap();
    for (n, (ours, theirs)) in made
        .control
        .unwrap()
        .pixels
        .iter()
        .zip(&footage.pixels)
        .enumerate()
    {
        assert_eq!(*ours, if n % 4 < 2 { *theirs } else { BLANK });
    }
    assert_eq!(made.mask.as_ref(), Some(&mask));
    let short = Mask {
        values: mask.values[..8].to_vec(),
        ..mask.clone()
    };
    let error = Conditions::fill(footage.clone(), short).unwrap_err();
    assert!(
        error.to_string().contains("mask has 1 frames and 2 are wanted"),
        "{error}"
    );
    let other = Mask {
        width: 2,
        height: 4,
        ..mask
    };
    assert!(matches!(
        Conditions::fill(footage, other),
        Err(ConditionError::Size { .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is put into a larger frame is there, is kept, and all around it is to be made.
    #[test]
    fn extended_footage_is_kept_and_all_around_is_made(
        (width, height, frames) in (1usize..5, 1usize..5, 1usize..4),
        (left, top, right, under) in (0usize..4, 0usize..4, 0usize..4, 0usize..4),
    ) {
        let footage = clip(width, height, frames, |n, y, x| [0.1 * n as f32, 0.1 * y as f32, 0.1 * x as f32]);
        let (whole_width, whole_height) = (left + width + right, top + height + under);
        let made = Conditions::extend(&footage, [whole_width, whole_height], [left, top]).unwrap();
        let (mask, control) = (made.mask.unwrap(), made.control.unwrap());
        prop_assert_eq!((control.width, control.height, control.frames().len()), (whole_width, whole_height, frames));
        for (n, (value, pixel)) in mask.values.iter().zip(&control.pixels).enumerate() {
            let (x, y) = (n % whole_width, n / whole_width % whole_height);
            let frame = n / (whole_width * whole_height);
            let inside = (left..left + width).contains(&x) && (top..top + height).contains(&y);
            prop_assert_eq!(*value, if inside { 0.0 } else { 1.0 });
            let wanted = if inside { footage.pixels[(frame * height + y - top) * width + x - left] } else { BLANK };
            prop_assert_eq!(*pixel, wanted);
        }
        let outside = Conditions::extend(&footage, [whole_width, whole_height], [left + right + 1, top]);
        let is_outside = matches!(outside, Err(ConditionError::Outside { .. }));
        prop_assert!(is_outside);
    }

    /// Control clips are codes from 0 to 1, whatever the passes hold.
    #[test]
    fn control_clips_are_codes(
        metres in proptest::collection::vec(proptest::num::f32::ANY, 12),
        motion in proptest::collection::vec([proptest::num::f32::ANY, proptest::num::f32::ANY], 12),
        codes in proptest::collection::vec([0f32..=1.0, 0f32..=1.0, 0f32..=1.0], 12),
    ) {
        let footage = Clip { width: 3, height: 2, pixels: codes };
        for made in [
            depth(&metres, 3, 2, Depth::EachFrame),
            depth(&metres, 3, 2, Depth::WholeClip),
            flow(&motion, 3, 2),
            grey(&footage),
            edges(&footage, 4.0),
        ] {
            prop_assert_eq!(made.pixels.len(), 12);
            prop_assert!(made.pixels.iter().flatten().all(|v| (0.0..=1.0).contains(v)), "{:?}", made.pixels);
        }
    }
}

#[test]
fn parts_of_a_clip_are_as_deep_as_the_whole() {
    let metres: Vec<f32> = (0..40).map(|n| 1.0 + 0.7 * n as f32).collect();
    let whole = depth(&metres, 4, 2, Depth::WholeClip);
    let over = Depth::Between {
        nearest: 1.0,
        farthest: 1.0 + 0.7 * 39.0,
    };
    let parts = metres.chunks(16).flat_map(|part| depth(part, 4, 2, over).pixels);
    assert_eq!(parts.collect::<Vec<_>>(), whole.pixels);
    // The sky is farthest of all.
    let sky = Depth::Between {
        nearest: 1.0,
        farthest: f32::INFINITY,
    };
    assert_eq!(
        depth(&[f32::INFINITY, 2.0], 2, 1, sky).pixels,
        [[0.0; 3], [0.5; 3]]
    );
}

#[test]
fn what_is_kept_comes_back_and_what_is_new_is_moved_as_it_was_off() {
    let picture = clip(40, 24, 2, |n, y, x| {
        [0.3 + 0.01 * x as f32, 0.2 + 0.02 * y as f32, 0.4 + 0.1 * n as f32]
    });
    // As an autoencoder would: all of it lighter, and more so to the right.
    let off = |at: usize| 0.05 + 0.002 * (at % 40) as f32;
    let mut made = picture.clone();
    for (at, pixel) in made.pixels.iter_mut().enumerate() {
        *pixel = pixel.map(|v| v + off(at));
    }
    let hole = |at: usize| (14..26).contains(&(at % 40)) && (8..17).contains(&(at / 40 % 24));
    let values = (0..picture.pixels.len())
        .map(|at| f32::from(u8::from(hole(at))))
        .collect();
    let mask = Mask {
        width: 40,
        height: 24,
        values,
    };
    settle(&mut made, &picture, &mask);
    for (at, (seen, own)) in made.pixels.iter().zip(&picture.pixels).enumerate() {
        let most = if hole(at) { 0.012 } else { 0.0 };
        let far = seen
            .iter()
            .zip(own)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(far <= most, "{at}: {far}");
    }
    // With nothing kept there is nothing to go by, and nothing changes.
    let mut free = picture.clone();
    let all = Mask {
        values: vec![1.0; picture.pixels.len()],
        ..mask
    };
    settle(&mut free, &picture, &all);
    assert_eq!(free, picture);
}
