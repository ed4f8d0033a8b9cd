//! The film's picture size, checked once so that nothing downstream has to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Width and height of every frame, in pixels: each even and from 16 to 16 384, and together at most
/// 67 108 864 pixels (8192 x 8192).
///
/// ```
/// use heirloom_film::Size;
///
/// assert_eq!(Size::new(1280, 720)?.to_string(), "1280x720");
/// assert!(Size::new(1279, 720).is_err_and(|e| e.to_string().contains("[1280, 720]")));
/// # Ok::<(), heirloom_film::SizeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32)", into = "(u32, u32)")]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// Why two numbers are no picture size; the message says the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Video codecs store colour for pairs of pixels, so both sides must be even.
    #[error("a size of {width}x{height} is not even; write [{even_width}, {even_height}]", even_width = even(*.width), even_height = even(*.height))]
    Odd {
        /// Pixels across, as written.
        width: u32,
        /// Pixels down, as written.
        height: u32,
    },
    /// A side outside 16 to 16 384.
    #[error("a size of {width}x{height} is out of range; write sides from 16 to 16384")]
    Side {
        /// Pixels across, as written.
        width: u32,
        /// Pixels down, as written.
        height: u32,
    },
    /// More than 67 108 864 pixels.
    #[error(
        "a size of {width}x{height} is more than 67108864 pixels; write a smaller one, [7680, 4320] is 8K"
    )]
    Area {
        /// Pixels across, as written.
        width: u32,
        /// Pixels down, as written.
        height: u32,
    },
}

impl SizeError {
    /// The nearest even size, as it is written in `film.toml`.
    pub(crate) fn nearest(&self) -> String {
        let (SizeError::Odd { width, height }
        | SizeError::Side { width, height }
        | SizeError::Area { width, height }) = self;
        format!("[{}, {}]", even(*width), even(*height))
    }
}

/// The nearest even side within the bounds.
fn even(side: u32) -> u32 {
    side.saturating_add(side % 2)
        .clamp(Size::MIN_SIDE, Size::MAX_SIDE)
}

impl Size {
    /// 1280x720, the size of a film that names none.
    pub const HD: Size = Size {
        width: 1280,
        height: 720,
    };
    /// Least pixels of a side.
    pub const MIN_SIDE: u32 = 16;
    /// Most pixels of a side.
    pub const MAX_SIDE: u32 = 16_384;
    /// Most pixels of a frame.
    pub const MAX_PIXELS: u64 = 8192 * 8192;

    /// A checked size.
    ///
    /// # Errors
    /// [`SizeError`], which says the mend.
    pub fn new(width: u32, height: u32) -> Result<Size, SizeError> {
        let sides = Size::MIN_SIDE..=Size::MAX_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(SizeError::Side { width, height });
        }
        if u64::from(width) * u64::from(height) > Size::MAX_PIXELS {
            return Err(SizeError::Area { width, height });
        }
        if !width.is_multiple_of(2) || !height.is_multiple_of(2) {
            return Err(SizeError::Odd { width, height });
        }
        Ok(Size { width, height })
    }

    /// Reads `1920x1080`, as given on a command line.
    ///
    /// # Errors
    /// A sentence that says the mend.
    pub fn parse(text: &str) -> Result<Size, String> {
        let (width, height) = text
            .split_once(['x', 'X', '×'])
            .and_then(|(w, h)| Some((w.trim().parse().ok()?, h.trim().parse().ok()?)))
            .ok_or_else(|| format!("`{text}` is not a size; write width x height, such as 1920x1080"))?;
        Size::new(width, height).map_err(|error| error.to_string())
    }

    /// Pixels of one frame.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

impl Default for Size {
    fn default() -> Size {
        Size::HD
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl TryFrom<(u32, u32)> for Size {
    type Error = SizeError;
    fn try_from((width, height): (u32, u32)) -> Result<Size, SizeError> {
        Size::new(width, height)
    }
}

impl From<Size> for (u32, u32) {
    fn from(size: Size) -> (u32, u32) {
        (size.width, size.height)
    }
}
