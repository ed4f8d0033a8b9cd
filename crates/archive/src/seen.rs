//! What is worked out from a source's pixels when it comes in: how it looks, whether it is any good, what it is a copy of.
//!
//! All of it is derived: it lies in the archive's index, may be thrown away, and is made anew from the vault.

use heirloom_picture::look::Look;
use heirloom_picture::measure::View;

use crate::fingerprint::Fingerprint;
use crate::judge::Judgement;

/// Pixels on the longer side that a source is judged at, and that its proxy has.
pub const PROXY_SIDE: u32 = 1024;
/// Pixels on the longer side of a thumbnail.
pub const THUMBNAIL_SIDE: u32 = 256;

/// What was seen in a source's pixels. Of a clip: of its middle frame.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Seen {
    /// Palette, composition, texture.
    pub look: Look,
    /// Blur, exposure, noise, size.
    pub judgement: Judgement,
    /// What near copies are found by.
    pub fingerprint: Fingerprint,
}

impl Seen {
    /// Looks at a proxy (at most [`PROXY_SIDE`] pixels) and its thumbnail (at most [`THUMBNAIL_SIDE`]) of a source of
    /// `width` x `height` pixels.
    pub fn of(proxy: &View<'_>, thumbnail: &View<'_>, width: u32, height: u32) -> Self {
        Self {
            look: heirloom_picture::look::look(thumbnail),
            judgement: crate::judge::judge(proxy, width, height),
            fingerprint: crate::fingerprint::fingerprint(thumbnail),
        }
    }
}
