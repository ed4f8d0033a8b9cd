//! Latents that are the pixels themselves: nothing is lost, lengths are kept, control latents lie as VACE's.
#![cfg(feature = "run")]
#![allow(missing_docs, clippy::unwrap_used)]

use heirloom_engine_diffusion::conditions::Mask;
use heirloom_engine_diffusion::generate::Clip;
use heirloom_engine_diffusion::noise::Noise;
use heirloom_engine_diffusion::pixels::{Ask, Blocks, PixelsError, control, control_channels, sample};
use heirloom_engine_diffusion::schedule::Schedule;
use heirloom_engine_diffusion::train::{Sample, Settings, Subject, Trained, Trainer};
use heirloom_tensors::train::{Control, Dit, Nothing};
use heirloom_tensors::wan::DitConfig;
use heirloom_tensors::weights::ModelError;
use proptest::prelude::*;

/// A clip of 16-bit codes by chance.
fn clip(width: usize, height: usize, frames: usize, seed: u64) -> Clip {
    let mut chance = Noise::new("clip", seed);
    let mut code = || (chance.uniform() * 65536.0).floor() as f32 / 65535.0;
    Clip {
        width,
        height,
        pixels: (0..width * height * frames)
            .map(|_| [code(), code(), code()])
            .collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Every code of 16 bits comes back as it was, whatever the scales.
    #[test]
    fn codes_come_back(
        side in 1usize..=8,
        (rows, columns, frames) in (1usize..4, 1usize..4, 1usize..4),
        evenness in 0.0f64..=1.0,
        seed in any::<u64>(),
    ) {
        let clip = clip(columns * side, rows * side, frames, seed);
        for blocks in [Blocks::plain(side).unwrap(), Blocks::measured(side, evenness, [&clip]).unwrap()] {
            let (latents, size) = blocks.latents(&clip).unwrap();
            prop_assert_eq!(size, [frames, rows, columns]);
            prop_assert_eq!(latents.len(), 3 * clip.pixels.len());
            let back = blocks.clip(&latents, size).unwrap();
            prop_assert_eq!((back.width, back.height), (clip.width, clip.height));
            let whole = |p: &[f32; 3]| p.map(|v| (v * 65535.0).round() as i32);
            prop_assert!(back.pixels.iter().map(whole).eq(clip.pixels.iter().map(whole)));
        }
    }

    /// Without scales, two clips are as far apart as their latents: codes from 0 to 1 are moved to -1 to 1.
    #[test]
    fn lengths_are_kept(side in 1usize..=8, seed in any::<u64>()) {
        let blocks = Blocks::plain(side).unwrap();
        let (a, b) = (clip(2 * side, side, 2, seed), clip(2 * side, side, 2, seed.wrapping_add(1)));
        let ends = a.pixels.as_flattened().iter().zip(b.pixels.as_flattened());
        let apart: f64 = ends.map(|(a, b)| (2.0 * f64::from(a - b)).powi(2)).sum();
        let (x, y) = (blocks.latents(&a).unwrap().0, blocks.latents(&b).unwrap().0);
        let latent: f64 = x.iter().zip(&y).map(|(x, y)| f64::from(x - y).powi(2)).sum();
        prop_assert!((apart - latent).abs() < 1e-4 * apart, "{apart} {latent}");
    }
}

/// Means are nought and all channels together have a mean square of 1; at an evenness of 1 each of them has.
#[test]
fn measured_blocks_even_out() {
    let clip = clip(32, 32, 3, 5);
    for evenness in [0.0, 0.5, 1.0] {
        let blocks = Blocks::measured(4, evenness, [&clip]).unwrap();
        let (latents, size) = blocks.latents(&clip).unwrap();
        let places: usize = size.iter().product();
        let mut all = 0.0;
        for channel in latents.chunks_exact(places) {
            let mean: f64 = channel.iter().map(|v| f64::from(*v)).sum::<f64>() / places as f64;
            let square = channel.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / places as f64;
            assert!(mean.abs() < 1e-5);
            assert!(evenness < 1.0 || (square - 1.0).abs() < 1e-4);
            all += square;
        }
        assert!(
            (all / blocks.channels() as f64 - 1.0).abs() < 1e-4,
            "{evenness}: {all}"
        );
    }
}

#[test]
fn what_is_no_whole_block_is_refused() {
    let blocks = Blocks::plain(4).unwrap();
    for (width, height) in [(10, 8), (8, 6), (0, 8)] {
        let odd = Clip {
            width,
            height,
            pixels: vec![[0.5; 3]; width * height],
        };
        assert!(matches!(blocks.latents(&odd), Err(PixelsError::Clip { .. })));
    }
    assert!(matches!(
        blocks.clip(&[0.0; 47], [1, 1, 1]),
        Err(PixelsError::Latents { .. })
    ));
    assert!(matches!(Blocks::plain(0), Err(PixelsError::Side(0))));
    assert!(matches!(Blocks::measured(4, 0.5, []), Err(PixelsError::NoClips)));
}

/// Kept, made anew, mask: in this order, frame by frame, and where a place is one it is grey in the other.
#[test]
fn control_latents_lie_as_vaces() {
    let blocks = Blocks::plain(2).unwrap();
    let clip = clip(8, 4, 3, 9);
    let (own, size) = blocks.latents(&clip).unwrap();
    let places: usize = size.iter().product();
    let made = control(&blocks, &clip, None).unwrap();
    assert_eq!(made.len(), control_channels(&blocks) * places);
    let kept = own.len();
    // Grey, moved to -1 to 1, is nought.
    assert!(made[..kept].iter().all(|v| v.abs() < 1e-6));
    assert_eq!(made[kept..2 * kept], own);
    assert!(made[2 * kept..].iter().all(|m| *m == 1.0));

    // The left half is kept.
    let values = (0..clip.pixels.len()).map(|n| if n % 8 < 4 { 0.0 } else { 1.0 });
    let mask = Mask {
        width: 8,
        height: 4,
        values: values.collect(),
    };
    let made = control(&blocks, &clip, Some(&mask)).unwrap();
    for (n, value) in own.iter().enumerate() {
        let is_kept = n % 4 < 2;
        let (held, other) = if is_kept { (0, kept) } else { (kept, 0) };
        assert_eq!(made[held + n], *value);
        assert!(made[other + n].abs() < 1e-6);
    }
    assert!(
        made[2 * kept..]
            .iter()
            .enumerate()
            .all(|(n, m)| *m == f32::from(u8::from(n % 4 >= 2)))
    );
    let short = Mask {
        values: vec![1.0; 5],
        ..mask
    };
    assert!(matches!(
        control(&blocks, &clip, Some(&short)),
        Err(PixelsError::Mask { .. })
    ));
}

fn config(channels: usize) -> DitConfig {
    DitConfig {
        patch: [1, 1, 1],
        heads: 2,
        head_dim: 16,
        in_channels: channels,
        out_channels: channels,
        text_dim: 4,
        freq_dim: 16,
        ffn_dim: 64,
        layers: 2,
        cross_attn_norm: true,
        eps: 1e-6,
    }
}

/// One picture learned by heart comes back from noise, by its control; and the same seed is the same clip.
#[test]
fn what_was_learned_is_sampled() {
    let blocks = Blocks::plain(2).unwrap();
    let kinds: Vec<(Clip, Clip)> = [[0.9, 0.3, 0.1], [0.1, 0.4, 0.8]]
        .iter()
        .enumerate()
        .map(|(n, colour)| {
            let flat = |pixel: [f32; 3]| Clip {
                width: 8,
                height: 4,
                pixels: vec![pixel; 8 * 4 * 2],
            };
            (flat(*colour), flat([n as f32; 3]))
        })
        .collect();
    let text = vec![1.0, 0.0, -1.0, 0.5];
    let samples: Vec<Sample> = kinds
        .iter()
        .map(|(picture, told)| {
            let (latents, size) = blocks.latents(picture).unwrap();
            Sample {
                latents,
                size,
                text: text.clone(),
                control: Some(control(&blocks, told, None).unwrap()),
            }
        })
        .collect();
    let branch = Control {
        layers: vec![0],
        in_channels: control_channels(&blocks),
    };
    let subject = Subject {
        config: config(blocks.channels()),
        control: Some(branch.clone()),
        weights: &Nothing,
        base: "from nothing".into(),
        blank: None,
    };
    let settings = Settings {
        trained: Trained::Whole,
        steps: 150,
        examples: 2,
        rate: 4e-3,
        warm_up: 10,
        weight_decay: 0.0,
        checkpointing: false,
        shift: 1.0,
        ..Settings::default()
    };
    let mut run = Trainer::new(subject, &samples, settings).unwrap();
    for _ in 0..150 {
        run.step(&mut || true).unwrap();
    }
    let dit = Dit {
        config: config(blocks.channels()),
        control: Some(branch),
        base: &Nothing,
        lora: None,
        checkpointing: false,
    };
    let schedule = Schedule::euler(1.0, 8, 1000).unwrap();
    let drawn = |n: usize, seed: u64, go_on: bool| {
        let ask = Ask {
            size: samples[n].size,
            text: &text,
            control: samples[n].control.as_deref(),
            seed,
        };
        sample(&dit, run.trained(), &ask, &schedule, &mut || go_on)
    };
    for (n, (picture, _)) in kinds.iter().enumerate() {
        let made = blocks.clip(&drawn(n, 3, true).unwrap(), samples[n].size).unwrap();
        let ends = made
            .pixels
            .as_flattened()
            .iter()
            .zip(picture.pixels.as_flattened());
        let off = ends.map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / (3 * made.pixels.len()) as f64;
        // The other picture is 0.53 away on average.
        assert!(off < 0.1, "{n}: {off}");
    }
    assert_eq!(drawn(0, 3, true).unwrap(), drawn(0, 3, true).unwrap());
    assert_ne!(drawn(0, 3, true).unwrap(), drawn(0, 4, true).unwrap());
    assert!(matches!(
        drawn(0, 3, false),
        Err(PixelsError::Model(ModelError::Stopped))
    ));
}
