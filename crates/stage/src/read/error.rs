//! Why a scene could not be read.

use std::io;
use std::path::PathBuf;

/// A scene that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is missing or may not be read.
    #[error("{} could not be read ({source}); see that the file is there and may be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing in it.
    #[error("{name} is empty (0 bytes); export it again")]
    Empty {
        /// The file.
        name: String,
    },
    /// Not a scene of a format that is read.
    #[error("{name} is not a scene Heirloom reads (starts with {starts_with}); glTF (.glb, .gltf) and OpenUSD (.usda, .usdc, .usdz) are read{}",
        known.map(|k| format!(", and this is {k}: export it as .glb or .usdc")).unwrap_or_default())]
    UnknownFormat {
        /// The file.
        name: String,
        /// Its first bytes, readable.
        starts_with: String,
        /// The format it seems to be in, where that is known.
        known: Option<&'static str>,
    },
    /// It breaks its format's rules, or ends before it should.
    #[error("{name} is damaged: {why}; export it again, or copy it again from where it came from")]
    Damaged {
        /// The file.
        name: String,
        /// What was found.
        why: String,
    },
    /// A sound file that holds what is not read, and makes no sense without.
    #[error("{name} needs {what}, which Heirloom does not read; {mend}")]
    Unsupported {
        /// The file.
        name: String,
        /// What it needs.
        what: String,
        /// What to do.
        mend: String,
    },
    /// A number that is none, where one is needed.
    #[error(
        "{name} has a number that is infinite or none at all in {what} of `{subject}`; mend it there and export again"
    )]
    NotFinite {
        /// The file.
        name: String,
        /// Which mesh, node or animation.
        subject: String,
        /// What of it.
        what: String,
    },
    /// Nodes that hang on each other in a circle, or on two others.
    #[error("{name}: the node `{node}` {what}; give every node one parent above it and export again")]
    Tree {
        /// The file.
        name: String,
        /// A node of it.
        node: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// More than the limits.
    #[error(
        "{name} has {count} {what}, more than the limit of {limit}; leave out or simplify what the shot does not need"
    )]
    TooLarge {
        /// The file.
        name: String,
        /// Of what.
        what: &'static str,
        /// How many there would be.
        count: u64,
        /// How many there may be.
        limit: u64,
    },
    /// It needs a file outside its own folder.
    #[error(
        "{name} asks for `{file}`, which is outside the scene's folder; put the file into the folder and export again with relative paths"
    )]
    Outside {
        /// The scene.
        name: String,
        /// What it asks for.
        file: String,
    },
    /// It needs a file that is not there.
    #[error(
        "{name} needs `{file}`, which could not be read ({why}); put the file beside the scene, or export as .glb or .usdz, which hold all in one"
    )]
    Missing {
        /// The scene.
        name: String,
        /// What it asks for.
        file: String,
        /// What was found.
        why: String,
    },
    /// No animation of that name.
    #[error("{name} has no animation called `{wanted}`; it has {known}")]
    NoAnimation {
        /// The file.
        name: String,
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: String,
    },
}

impl ReadError {
    pub(super) fn unknown(name: &str, bytes: &[u8]) -> Self {
        let head = &bytes[..bytes.len().min(12)];
        let known = [
            (&b"BLENDER"[..], "a Blender file"),
            (b"Kaydara FBX", "FBX"),
            (b"Ogawa", "Alembic"),
            (
                b"\x28\xb5\x2f\xfd",
                "a compressed file, such as a newer Blender file",
            ),
            (b"\x1f\x8b", "a compressed file"),
            (b"ply\n", "PLY"),
            (b"solid ", "STL"),
            (b"v/1\x01", "an EXR picture"),
        ];
        Self::UnknownFormat {
            name: name.into(),
            starts_with: format!("\"{}\"", head.escape_ascii()),
            known: known
                .iter()
                .find(|(magic, _)| bytes.starts_with(magic))
                .map(|(_, what)| *what),
        }
    }
}
