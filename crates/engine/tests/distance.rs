//! Distances between takes: what always holds of them.

#![allow(clippy::unwrap_used)] // what fails here fails the test

use heirloom_engine::distance::Signature;
use heirloom_engine::{Failure, Origin, Share, TakeFrames};
use heirloom_film::{Rate, Size};
use heirloom_picture::Image;
use heirloom_vault::ObjectId;
use proptest::prelude::*;

/// A take of blobs that go to the right, its places those of a window that begins at `from`.
struct Blobs {
    seed: u32,
    speed: f32,
    frames: u32,
    from: u32,
    light: f32,
}

const SIZE: Size = Size {
    width: 96,
    height: 54,
};

impl TakeFrames for Blobs {
    fn size(&self) -> Size {
        SIZE
    }
    fn frames(&self) -> u32 {
        self.frames
    }
    fn frame(&self, n: u32) -> Result<Image, Failure> {
        let shift = self.speed * n as f32;
        let pixels = (0..SIZE.width * SIZE.height).map(|i| {
            let (x, y) = ((i % SIZE.width) as f32 - shift, (i / SIZE.width) as f32);
            let s = self.seed as f32;
            let v = ((x * 0.11 + s).sin() * (y * 0.17 + s * 1.7).cos()
                + (x * 0.31 - y * 0.23 + s).sin() * 0.5)
                * 0.3;
            let v = ((v + 0.5) * self.light).max(0.0);
            [v, v * 0.7, 1.0 - v.min(1.0), 1.0]
        });
        Ok(Image::from_pixels(SIZE.width, SIZE.height, pixels.collect()).unwrap())
    }
    fn origins(&self, _: u32, x: u32, y: u32) -> Result<Vec<Origin>, Failure> {
        let at = f64::from(x + self.from);
        Ok(vec![Origin {
            source: ObjectId::of(b"photograph"),
            x: at,
            y: f64::from(y),
            scaled_to: (480, 54),
            scaled_x: at,
            scaled_y: f64::from(y),
            weight: 1.0,
            finished: false,
            frame: None,
        }])
    }
    fn shares(&self) -> Result<Vec<Share>, Failure> {
        Ok(Vec::new())
    }
}

fn take(seed: u32, speed: f32, frames: u32, from: u32) -> Signature {
    let blobs = Blobs {
        seed,
        speed,
        frames,
        from,
        light: 1.0,
    };
    Signature::of(&blobs, Rate::CINEMA).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn they_are_symmetric_bounded_and_nothing_for_the_same(
        a in 0_u32..40, b in 0_u32..40, frames in 1_u32..9, other in 1_u32..9, from in 0_u32..384
    ) {
        let (one, two) = (take(a, 1.0, frames, 0), take(b, 0.5, other, from));
        let (there, back) = (one.distance(&two), two.distance(&one));
        prop_assert!((there.whole - back.whole).abs() < 1e-12);
        for part in [Some(there.whole), Some(there.composition), there.matter, there.motion].into_iter().flatten() {
            prop_assert!((0.0..=1.0).contains(&part), "{there:?}");
        }
        prop_assert_eq!(one.distance(&one).whole, 0.0);
        prop_assert_eq!(there.motion.is_some(), frames > 1 && other > 1);
    }
}

#[test]
fn each_part_tells_its_own() {
    let plain = take(1, 1.0, 8, 0);
    let other = take(9, 1.0, 8, 0).distance(&plain);
    assert!(other.composition > 0.4 && other.matter == Some(0.0), "{other:?}");
    let elsewhere = take(1, 1.0, 8, 300).distance(&plain);
    assert!(
        elsewhere.composition == 0.0 && elsewhere.matter.unwrap() > 0.99,
        "{elsewhere:?}"
    );
    let half = take(1, 1.0, 8, 48).distance(&plain).matter.unwrap();
    assert!((0.35..0.65).contains(&half), "{half}");
    let back = take(1, -1.0, 8, 0).distance(&plain);
    let slower = take(1, 0.8, 8, 0).distance(&plain);
    assert!(
        back.motion.unwrap() > 0.7 && slower.motion.unwrap() < 0.3,
        "{back:?} {slower:?}"
    );
    // A little brighter is a little apart.
    let bright = Blobs {
        seed: 1,
        speed: 1.0,
        frames: 8,
        from: 0,
        light: 1.1,
    };
    let bright = Signature::of(&bright, Rate::CINEMA).unwrap().distance(&plain);
    assert!(bright.composition > 0.0 && bright.composition < 0.2, "{bright:?}");
}
