//! The coordinate map: for every pixel of a frame, where in which photograph it comes from.

/// A place in a scaled photograph: its source's number and pixel-centre coordinates in 1/256 pixel
/// (0 = the centre of the leftmost or topmost pixel).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Origin {
    /// Number of the source in the take.
    pub source: u16,
    /// x in 1/256 pixel of the scaled source.
    pub x: i32,
    /// y in 1/256 pixel of the scaled source.
    pub y: i32,
}

/// Units of an origin's coordinates in one pixel.
pub const UNIT: i32 = 256;

impl Origin {
    /// At a whole pixel.
    pub fn whole(source: u16, x: i32, y: i32) -> Origin {
        Origin {
            source,
            x: x * UNIT,
            y: y * UNIT,
        }
    }

    /// Coordinates in pixels.
    pub fn pixels(self) -> (f64, f64) {
        (
            f64::from(self.x) / f64::from(UNIT),
            f64::from(self.y) / f64::from(UNIT),
        )
    }

    /// The nearest whole pixel.
    pub fn nearest(self) -> (i32, i32) {
        ((self.x + UNIT / 2) >> 8, (self.y + UNIT / 2) >> 8)
    }
}

/// Origins of all pixels of a frame, row by row from the top left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinateMap {
    width: u32,
    height: u32,
    origins: Vec<Origin>,
}

impl CoordinateMap {
    /// A map from origins; `None` unless there are width x height of them.
    pub fn new(width: u32, height: u32, origins: Vec<Origin>) -> Option<CoordinateMap> {
        let n = (width as usize).checked_mul(height as usize)?;
        (origins.len() == n && n > 0).then_some(CoordinateMap {
            width,
            height,
            origins,
        })
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All origins, row by row.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// The origin of pixel (x, y); `None` outside the frame.
    pub fn at(&self, x: u32, y: u32) -> Option<Origin> {
        (x < self.width && y < self.height).then(|| self.origins[(y * self.width + x) as usize])
    }
}
