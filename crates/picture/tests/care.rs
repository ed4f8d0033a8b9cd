//! Flicker taken off clips whose light is known: what flickers is mended, what is meant stays.

#![allow(clippy::unwrap_used)] // what fails here fails the test

use heirloom_picture::care::{Deflicker, DeflickerOptions, Denoise, DenoiseOptions, Gains};
use heirloom_picture::{AcesCg, Image, color};
use proptest::prelude::*;

const WIDTH: u32 = 160;
const HEIGHT: u32 = 90;

/// Lots of our own (SplitMix64).
struct Lot(u64);

impl Lot {
    /// From -1 to 1.
    fn either(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f32 / (1u64 << 52) as f32 - 1.0
    }
}

/// A surface with matter of several sizes, seen by a camera that goes to the right and a little down.
fn surface(n: u32) -> Image<AcesCg> {
    let (right, down) = (n as f32 * 1.3, n as f32 * 0.4);
    let pixels = (0..WIDTH * HEIGHT).map(|i| {
        let (x, y) = ((i % WIDTH) as f32 + right, (i / WIDTH) as f32 + down);
        let wave = |fx: f32, fy: f32, at: f32| (x * fx + y * fy + at).sin();
        let light = 0.24
            + 0.06 * wave(0.11, 0.07, 0.0) * wave(-0.05, 0.13, 1.0)
            + 0.05 * wave(0.43, -0.31, 2.0)
            + 0.03 * wave(0.9, 0.77, 0.5) * wave(0.23, -0.6, 4.0);
        [light * 1.1, light, light * 0.8 + 0.01 * wave(0.2, 0.3, 0.0), 1.0]
    });
    Image::from_pixels(WIDTH, HEIGHT, pixels.collect()).unwrap()
}

/// The picture as 8-bit codes keep it.
fn kept(image: &Image<AcesCg>) -> Image<AcesCg> {
    color::from_display8(&color::to_display8(image), image.width(), image.height()).unwrap()
}

/// A clip of the surface, its light multiplied by a grid of 4 x 3 logarithms for each frame.
fn clip(frames: u32, mut light: impl FnMut(u32) -> Vec<[f32; 3]>) -> Vec<Image<AcesCg>> {
    (0..frames)
        .map(|n| kept(&Gains::from_log(4, 3, &light(n)).unwrap().apply(&surface(n))))
        .collect()
}

fn mended(clip: &[Image<AcesCg>]) -> Vec<Image<AcesCg>> {
    let mut care = Deflicker::new(clip.len() as u32, DeflickerOptions::default());
    let gains = |n: usize| {
        care.gains::<()>(n as u32, &mut |at| Ok(clip[at as usize].clone()))
            .unwrap()
    };
    let gains: Vec<Gains> = (0..clip.len()).map(gains).collect();
    gains
        .iter()
        .zip(clip)
        .map(|(gains, image)| gains.apply(image))
        .collect()
}

/// Logarithms of the light of 8 x 5 blocks.
fn blocks(image: &Image<AcesCg>, channel: usize) -> Vec<f64> {
    (0..40u32)
        .map(|block| {
            let (left, top) = (block % 8 * 20, block / 8 * 18);
            let sum: f64 = (0..18 * 20)
                .map(|i| f64::from(image.at(left + i % 20, top + i / 20)[channel]))
                .sum();
            (sum / 360.0).ln()
        })
        .collect()
}

/// Root mean square of how the blocks' light steps from frame to frame otherwise than in another clip, in all channels: what is
/// seen as flicker.
fn shaking(a: &[Image<AcesCg>], b: &[Image<AcesCg>]) -> f64 {
    let steps = |clip: &[Image<AcesCg>]| -> Vec<f64> {
        clip.windows(2)
            .flat_map(|two| {
                (0..3).flat_map(|channel| {
                    let (now, next) = (blocks(&two[0], channel), blocks(&two[1], channel));
                    now.iter().zip(&next).map(|(a, b)| b - a).collect::<Vec<_>>()
                })
            })
            .collect()
    };
    let squares: Vec<f64> = steps(a)
        .iter()
        .zip(steps(b))
        .map(|(a, b)| (a - b).powi(2))
        .collect();
    (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
}

/// Root mean square of the difference of the blocks' light between two clips, in all channels.
fn apart(a: &[Image<AcesCg>], b: &[Image<AcesCg>]) -> f64 {
    let mut squares = Vec::new();
    for (a, b) in a.iter().zip(b) {
        for channel in 0..3 {
            squares.extend(
                blocks(a, channel)
                    .iter()
                    .zip(blocks(b, channel))
                    .map(|(a, b)| (a - b).powi(2)),
            );
        }
    }
    (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
}

#[test]
fn flicker_of_the_whole_of_places_and_of_colours_is_more_than_halved() {
    let still = clip(16, |_| vec![[0.0; 3]; 12]);
    type Light = fn(&mut Lot) -> Vec<[f32; 3]>;
    let kinds: [(&str, Light); 3] = [
        ("whole", |lot| {
            let v = 0.08 * lot.either();
            vec![[v; 3]; 12]
        }),
        ("places", |lot| {
            (0..12)
                .map(|_| {
                    let v = 0.1 * lot.either();
                    [v; 3]
                })
                .collect()
        }),
        ("colours", |lot| {
            let v = [0.06 * lot.either(), 0.06 * lot.either(), 0.06 * lot.either()];
            vec![v; 12]
        }),
    ];
    for (kind, light) in kinds {
        let mut lot = Lot(5);
        let hurt = clip(16, |_| light(&mut lot));
        let mended = mended(&hurt);
        let (before, after) = (shaking(&hurt, &still), shaking(&mended, &still));
        assert!(
            before > 0.02 && after < 0.5 * before,
            "{kind}: {before} became {after}"
        );
        // What is slower than the frames that are looked at stays in part.
        let (before, after) = (apart(&hurt, &still), apart(&mended, &still));
        assert!(after < 0.75 * before, "{kind}: {before} became {after}");
    }
}

#[test]
fn a_clip_without_flicker_is_hardly_changed() {
    let still = clip(14, |_| vec![[0.0; 3]; 12]);
    let change = apart(&mended(&still), &still);
    assert!(change < 0.001, "{change}");
    let held = vec![kept(&surface(0)); 8];
    assert_eq!(mended(&held), held, "a still frame became another");
}

#[test]
fn a_fade_a_switched_lamp_a_flash_and_a_light_that_passes_stay() {
    type Light = fn(u32) -> Vec<[f32; 3]>;
    let kinds: [(&str, f64, Light); 4] = [
        ("fade", 0.012, |n| {
            vec![[(1.0 - 0.9 * n as f32 / 18.0).ln(); 3]; 12]
        }),
        ("lamp", 0.012, |n| {
            vec![
                [
                    if n < 8 { -0.4 } else { 0.0 },
                    if n < 8 { -0.5 } else { 0.0 },
                    0.0
                ];
                12
            ]
        }),
        ("flash", 0.012, |n| {
            vec![[if (7..9).contains(&n) { 0.6 } else { 0.0 }; 3]; 12]
        }),
        // A light that goes from left to right over the surface in the clip's time.
        ("passing", 0.03, |n| {
            (0..12)
                .map(|cell| {
                    let off = (cell % 4) as f32 - n as f32 / 4.5;
                    [0.5 * (-off * off).exp(); 3]
                })
                .collect()
        }),
    ];
    for (kind, most, light) in kinds {
        let meant = clip(18, light);
        let change = apart(&mended(&meant), &meant);
        assert!(change < most, "{kind}: changed by {change}");
    }
}

#[test]
fn no_strength_changes_nothing_and_few_frames_are_left_alone() {
    let mut lot = Lot(3);
    let hurt = clip(6, |_| vec![[0.1 * lot.either(); 3]; 12]);
    let none = DeflickerOptions {
        strength: 0.0,
        ..DeflickerOptions::default()
    };
    let mut care = Deflicker::new(6, none);
    assert!(
        care.gains::<()>(3, &mut |at| Ok(hurt[at as usize].clone()))
            .unwrap()
            .is_still()
    );
    let mut care = Deflicker::new(1, DeflickerOptions::default());
    assert!(
        care.gains::<()>(0, &mut |at| Ok(hurt[at as usize].clone()))
            .unwrap()
            .is_still()
    );
    // Frames of other sizes have no motion between them, and no light that could be compared.
    let odd = [
        hurt[0].clone(),
        Image::<AcesCg>::filled(20, 20, [0.3; 4]),
        hurt[1].clone(),
    ];
    let mut care = Deflicker::new(3, DeflickerOptions::default());
    assert!(
        care.gains::<()>(1, &mut |at| Ok(odd[at as usize].clone()))
            .unwrap()
            .is_still()
    );
}

#[test]
fn what_a_frame_can_not_be_had_for_is_said() {
    let mut care = Deflicker::new(9, DeflickerOptions::default());
    let gains = care.gains(0, &mut |at| {
        if at < 3 {
            Ok(surface(at))
        } else {
            Err(format!("no frame {at}"))
        }
    });
    assert_eq!(gains.unwrap_err(), "no frame 3");
}

/// The surface with grain of two pixels' width and noise of colours, of such strength in encoded light.
fn grainy(frames: u32, strength: f32) -> Vec<Image<AcesCg>> {
    let mut lot = Lot(77);
    (0..frames)
        .map(|n| {
            let mut image = surface(n);
            let count = image.pixels().len();
            let fresh: Vec<f32> = (0..count + 1)
                .map(|_| lot.either() + lot.either() + lot.either())
                .collect();
            for (i, p) in image.pixels_mut().iter_mut().enumerate() {
                let grain = 0.7 * (fresh[i] + fresh[i + 1]);
                for v in p.iter_mut().take(3) {
                    let code = v.sqrt() + strength * (0.9 * grain + 0.4 * lot.either());
                    *v = code * code.abs();
                }
            }
            image
        })
        .collect()
}

fn cleaned(clip: &[Image<AcesCg>], options: DenoiseOptions, n: u32) -> Image<AcesCg> {
    let mut care = Denoise::new(clip.len() as u32, options);
    care.frame::<()>(n, &mut |at| Ok(clip[at as usize].clone()))
        .unwrap()
}

/// What differs between two pictures, in encoded green.
fn off(a: &Image<AcesCg>, b: &Image<AcesCg>) -> Vec<f64> {
    let code = |p: &[f32; 4]| f64::from(p[1].max(0.0).sqrt());
    a.pixels()
        .iter()
        .zip(b.pixels())
        .map(|(a, b)| code(a) - code(b))
        .collect()
}

fn deviation(values: &[f64]) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
}

/// How much neighbours in a row have in common.
fn correlation(values: &[f64]) -> f64 {
    let beside: f64 = values.windows(2).map(|v| v[0] * v[1]).sum();
    beside / values.iter().map(|v| v * v).sum::<f64>()
}

#[test]
fn noise_goes_and_grain_that_is_put_back_is_as_strong_and_as_coarse() {
    let clip = grainy(5, 0.012);
    let bare = DenoiseOptions {
        grain: 0.0,
        ..DenoiseOptions::default()
    };
    let clean = cleaned(&clip, bare, 2);
    let (was, is) = (off(&clip[2], &surface(2)), off(&clean, &surface(2)));
    assert!(
        deviation(&is) < 0.7 * deviation(&was),
        "noise {} became {}",
        deviation(&was),
        deviation(&is)
    );

    let grained = cleaned(&clip, DenoiseOptions::default(), 2);
    let grain = off(&grained, &clean);
    // Against what was taken off: that is what it is to look like.
    let taken = off(&clip[2], &clean);
    let ratio = deviation(&grain) / deviation(&taken);
    assert!(
        (0.75..1.2).contains(&ratio),
        "grain {} beside {}",
        deviation(&grain),
        deviation(&taken)
    );
    let (a, b) = (correlation(&grain), correlation(&taken));
    assert!((a - b).abs() < 0.15, "correlated by {a} beside {b}");
    // Another frame and another seed have other grain, the same have the same.
    assert_eq!(cleaned(&clip, DenoiseOptions::default(), 2), grained);
    let other = cleaned(
        &clip,
        DenoiseOptions {
            seed: 1,
            ..DenoiseOptions::default()
        },
        2,
    );
    let together: f64 = off(&other, &clean).iter().zip(&grain).map(|(a, b)| a * b).sum();
    assert!(together.abs() / grain.len() as f64 / deviation(&grain).powi(2) < 0.1);
}

#[test]
fn a_clip_without_noise_is_hardly_changed() {
    let clip: Vec<Image<AcesCg>> = (0..5).map(surface).collect();
    let change = deviation(&off(
        &cleaned(
            &clip,
            DenoiseOptions {
                grain: 0.0,
                ..DenoiseOptions::default()
            },
            2,
        ),
        &clip[2],
    ));
    assert!(change < 0.004, "{change}");
    let flat = vec![Image::<AcesCg>::filled(64, 48, [0.25, 0.25, 0.25, 1.0]); 3];
    assert_eq!(cleaned(&flat, DenoiseOptions::default(), 1), flat[1]);
    let none = DenoiseOptions {
        strength: 0.0,
        ..DenoiseOptions::default()
    };
    for (a, b) in cleaned(&clip, none, 1).pixels().iter().zip(clip[1].pixels()) {
        assert!((a[0] - b[0]).abs() < 1e-6);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]
    #[test]
    fn begun_at_any_frame_and_by_any_threads_it_is_the_same(seed in 0u64..1000, begin in 1u32..9, threads in 1usize..4) {
        let mut lot = Lot(seed);
        let hurt = clip(10, |_| vec![[0.1 * lot.either(); 3]; 12]);
        let run = |begin: u32| {
            let mut care = Deflicker::new(10, DeflickerOptions { side_px: 96, ..DeflickerOptions::default() });
            (begin..10)
                .map(|n| care.gains::<()>(n, &mut |at| Ok(hurt[at as usize].clone())).unwrap())
                .collect::<Vec<Gains>>()
        };
        let whole = run(0);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        prop_assert_eq!(&pool.install(|| run(begin)), &whole[begin as usize..]);
    }
}
