//! Synthetic takes and a small cut of them.

#![allow(dead_code)]

use std::sync::Arc;

use heirloom_engine::{Failure, Origin, Share, TakeFrames};
use heirloom_film::{Rate, Size};
use heirloom_finish::{Card, Cut, CutItem, Footage};
use heirloom_picture::Image;
use heirloom_vault::ObjectId;

/// A take whose frame n is a gradient that moves, all of one source.
pub struct Gradient {
    pub source: ObjectId,
    pub size: Size,
    pub frames: u32,
    pub tint: [f32; 3],
}

impl TakeFrames for Gradient {
    fn size(&self) -> Size {
        self.size
    }

    fn frames(&self) -> u32 {
        self.frames
    }

    fn frame(&self, n: u32) -> Result<Image, Failure> {
        if n >= self.frames {
            return Err(Failure::lasting(
                "input",
                format!("the take has {} frames, not {n}", self.frames),
            ));
        }
        let mut image = Image::new(self.size.width, self.size.height);
        let width = self.size.width as usize;
        for (at, pixel) in image.pixels_mut().iter_mut().enumerate() {
            let ramp = ((at % width + at / width + n as usize * 3) % 32) as f32 / 31.0;
            *pixel = [ramp * self.tint[0], ramp * self.tint[1], ramp * self.tint[2], 1.0];
        }
        Ok(image)
    }

    fn origins(&self, n: u32, x: u32, y: u32) -> Result<Vec<Origin>, Failure> {
        Ok(vec![Origin {
            source: self.source,
            frame: (n % 2 == 1).then_some(12),
            x: f64::from(x) * 2.0 + f64::from(n),
            y: f64::from(y) * 2.0,
            scaled_to: (200, 100),
            scaled_x: f64::from(x),
            scaled_y: f64::from(y),
            weight: 1.0,
            finished: n % 2 == 1,
        }])
    }

    fn shares(&self) -> Result<Vec<Share>, Failure> {
        Ok(vec![Share {
            source: self.source,
            share: 1.0,
        }])
    }
}

pub fn size() -> Size {
    Size::new(64, 36).unwrap()
}

pub fn source(name: &str) -> ObjectId {
    ObjectId::of(name.as_bytes())
}

pub fn gradient(name: &str, frames: u32, tint: [f32; 3]) -> Gradient {
    Gradient {
        source: source(name),
        size: size(),
        frames,
        tint,
    }
}

pub fn shot(name: &str, frames: u32, dissolve: u32, take: impl TakeFrames + 'static) -> CutItem {
    CutItem {
        scene: "cosmos".into(),
        shot: name.into(),
        shot_id: None,
        frames,
        dissolve,
        footage: Footage::Take {
            id: ObjectId::of(name.as_bytes()),
            frames: Arc::new(take),
            conformed_from: None,
        },
    }
}

/// 20 frames: 4 of title, 8 and 8 of shots with 4 shared, 4 of credits.
pub fn cut() -> Cut {
    let rate = Rate::CINEMA;
    let text = heirloom_finish::titles::CreditText {
        title: "Small".into(),
        ..Default::default()
    };
    Cut {
        title: "Small".into(),
        rate,
        size: size(),
        items: vec![
            shot("010", 8, 0, gradient("eta", 8, [1.0, 0.5, 0.2])),
            shot("020", 8, 4, gradient("moon", 8, [0.2, 0.5, 1.0])),
        ],
        title_card: Some(Card::title("Small", size(), rate, 4)),
        credits: Some(Card::credits(&text, size(), rate, 4)),
        sound: None,
    }
}
