//! What a shot is composed by besides its sources: drawings, masks, label maps.

use serde::Serialize;

use crate::Picture;

/// Where things go in a still or living shot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layout {
    /// What says it.
    pub by: LayoutBy,
    /// How strongly it is followed, from 0 (hardly) to 1.
    pub strength: f32,
}

impl Layout {
    /// Strength of a layout that does not set it.
    pub const DEFAULT_STRENGTH: f32 = 0.75;
}

/// What says where things go.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayoutBy {
    /// A rough drawing: its colours are the composition.
    Drawing(Picture),
    /// The shot's storyboard drawing of this number, from 0, as such a drawing.
    Board(usize),
    /// A picture of flat colours, each standing for one of the shot's sources.
    Labels {
        /// The picture.
        picture: Picture,
        /// Colours as a colour picker shows them, each with the number of its source, from 0, among the shot's
        /// `sources`.
        sources: Vec<([u8; 3], usize)>,
    },
}

/// What stands still while the rest of a shot flows.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Still {
    /// What is white in a picture; grey slows the flow.
    Mask(Picture),
    /// Points of light, such as stars: found in the sources, kept round, each in its place.
    Stars,
}

/// What a fill adds round its plate, in shares of the plate's width (left, right) and height (up, down).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Margins {
    /// To the left.
    pub left: f32,
    /// To the right.
    pub right: f32,
    /// Above.
    pub up: f32,
    /// Below.
    pub down: f32,
}

impl Margins {
    /// Whether nothing is added.
    pub fn is_none(&self) -> bool {
        *self == Margins::default()
    }
}
