//! What near copies of a picture have in common.

use heirloom_picture::measure::View;

/// A picture's fingerprint: near copies have near fingerprints.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fingerprint(pub Vec<u8>);

/// The fingerprint of a thumbnail.
pub fn fingerprint(_thumbnail: &View<'_>) -> Fingerprint {
    Fingerprint::default()
}
