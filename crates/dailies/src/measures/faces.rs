//! Faces: whether any are seen, for films whose charter forbids them.
//!
//! A network finds them ([`crate::faces`]) in the frames that the other measures look at, a few a second
//! ([`super::MeasureOptions::face_frames_per_second`]). Nothing is decoded for it a second time.
//!
//! *Blind to:* what the network is blind to. Small detectors miss faces below about a fortieth of the picture's width, from
//! behind, in paint and in heavy grain, and take some clouds, dolls and crescents for faces. So a hit is a question to a
//! person, and no hit is no proof.

use heirloom_picture::measure::View;
use serde::{Deserialize, Serialize};

use super::MeasureError;
use super::seen::Seen;

/// A face that was found in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    /// How sure the network is, 0 to 1.
    pub score: f64,
    /// Left, top, width and height, in fractions of the frame's.
    pub region: [f64; 4],
}

/// What finds faces in a display picture.
pub trait FindFaces: Send + Sync {
    /// The faces of a frame, the surest first.
    ///
    /// # Errors
    /// The words of whatever keeps it from looking.
    fn find(&self, frame: &View<'_>) -> Result<Vec<Face>, String>;
}

/// The faces of a take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Faces {
    /// Faces in the frame that has most of them.
    pub most: f64,
    /// How sure the network is of the surest, 0 to 1; none where there is no face.
    pub surest: Option<f64>,
    /// The largest, in percent of the picture.
    pub largest_percent: Option<f64>,
    /// When the surest is seen, in seconds from the take's beginning.
    pub at_s: Option<f64>,
}

pub(super) struct Facing<'a> {
    finder: &'a dyn FindFaces,
    /// One in so many frames that come is looked at.
    every: usize,
    per_second: f64,
    found: Faces,
    fault: Option<String>,
}

impl<'a> Facing<'a> {
    /// `per_second`: frames that come in a second.
    pub fn new(finder: &'a dyn FindFaces, every: usize, per_second: f64) -> Self {
        Self {
            finder,
            every: every.max(1),
            per_second,
            found: Faces::default(),
            fault: None,
        }
    }

    pub fn frame(&mut self, seen: &Seen<'_>) {
        if !seen.place.is_multiple_of(self.every) || self.fault.is_some() {
            return;
        }
        let faces = match self.finder.find(&seen.view) {
            Ok(faces) => faces,
            Err(why) => {
                self.fault = Some(why);
                return;
            }
        };
        self.found.most = self.found.most.max(faces.len() as f64);
        for face in faces {
            let percent = 100.0 * face.region[2] * face.region[3];
            self.found.largest_percent = Some(self.found.largest_percent.unwrap_or(0.0).max(percent));
            if self.found.surest.is_none_or(|surest| face.score > surest) {
                self.found.surest = Some(face.score);
                self.found.at_s = Some(seen.place as f64 / self.per_second.max(1e-9));
            }
        }
    }

    pub fn finish(self) -> Result<Faces, MeasureError> {
        match self.fault {
            Some(why) => Err(MeasureError::Faces(why)),
            None => Ok(self.found),
        }
    }
}
