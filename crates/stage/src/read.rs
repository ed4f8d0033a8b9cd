//! Scenes in: glTF 2.0 and OpenUSD files become a [`Scene`].
//!
//! The content of a file decides its format, then its name. Files beside the scene (buffers, pictures, layers) are
//! fetched through [`Files`], which never leaves the scene's folder. What a file holds and a [`Scene`] does not is
//! named in [`Scene::warnings`]; what cannot be read at all is one [`ReadError`] that says the mend. Declared counts
//! are checked against [`ReadLimits`] before memory is taken.
//!
//! A scene's time begins where its file says: at glTF's time 0, at USD's `startTimeCode`. Blender writes frame 1 as
//! 1/fps into glTF and as `startTimeCode` into USD, so that the same shot lies one frame later in a .glb, unless its
//! timeline starts at frame 0.

mod budget;
mod error;
mod files;
mod gltf;
mod names;
mod surface;
mod usd;

use std::path::Path;

pub use self::error::ReadError;
pub use self::files::{FileError, Files, Folder, Memory};

use self::budget::Context;
use crate::scene::Scene;

/// How a scene is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The one animation of a glTF file to play, by its name; all together where none is named, as Blender exports
    /// them. USD has one timeline.
    pub animation: Option<String>,
    /// How large a scene may be.
    pub limits: ReadLimits,
}

/// How large a scene may be. Checked before memory is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Bytes of all files together.
    pub file_bytes: u64,
    /// Files beside the scene.
    pub files: u64,
    /// Nodes of the tree, joints and instances among them.
    pub nodes: u64,
    /// Vertices of all meshes and morph targets together.
    pub vertices: u64,
    /// Triangles of all meshes together.
    pub triangles: u64,
    /// Numbers of all animation keys together; a moving mesh has three for each vertex and key.
    pub key_values: u64,
    /// Pixels of all pictures together.
    pub texture_pixels: u64,
    /// Values in the text of a scene (what stands between commas and brackets).
    pub text_values: u64,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            file_bytes: 4 << 30,
            files: 4096,
            nodes: 1 << 20,
            vertices: 128 << 20,
            triangles: 64 << 20,
            key_values: 1 << 30,
            texture_pixels: 256 << 20,
            text_values: 32 << 20,
        }
    }
}

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SceneFormat {
    /// glTF 2.0 as JSON, its data beside it or within.
    Gltf,
    /// glTF 2.0 in one binary file.
    Glb,
    /// OpenUSD as text.
    Usda,
    /// OpenUSD as binary ("crate").
    Usdc,
    /// OpenUSD in one package with its pictures.
    Usdz,
}

impl SceneFormat {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gltf => "glTF (.gltf)",
            Self::Glb => "binary glTF (.glb)",
            Self::Usda => "USD text (.usda)",
            Self::Usdc => "USD binary (.usdc)",
            Self::Usdz => "USD package (.usdz)",
        }
    }

    /// What a file is, by its content, then by its name.
    pub fn of(bytes: &[u8], name: &str) -> Option<Self> {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let first = text.iter().find(|b| !b.is_ascii_whitespace());
        if bytes.starts_with(b"glTF") {
            Some(Self::Glb)
        } else if bytes.starts_with(b"PXR-USDC") {
            Some(Self::Usdc)
        } else if bytes.starts_with(b"PK\x03\x04") {
            Some(Self::Usdz)
        } else if text.starts_with(b"#usda") {
            Some(Self::Usda)
        } else if first == Some(&b'{') {
            Some(Self::Gltf)
        } else {
            let extension = Path::new(name).extension()?.to_str()?.to_ascii_lowercase();
            match extension.as_str() {
                "glb" => Some(Self::Glb),
                "gltf" => Some(Self::Gltf),
                "usda" => Some(Self::Usda),
                "usdc" => Some(Self::Usdc),
                "usdz" => Some(Self::Usdz),
                _ => None,
            }
        }
    }
}

/// Reads a scene from a file.
///
/// # Errors
/// See [`ReadError`]; each says the mend.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Scene, ReadError> {
    let files = Folder::around(path).map_err(|source| ReadError::Read {
        path: path.into(),
        source,
    })?;
    let name = path.display().to_string();
    let bytes = files::whole(path, options.limits.file_bytes).map_err(|e| match e {
        FileError::TooLarge(count) => ReadError::TooLarge {
            name: name.clone(),
            what: "bytes",
            count,
            limit: options.limits.file_bytes,
        },
        FileError::Io(source) => ReadError::Read {
            path: path.into(),
            source,
        },
        FileError::Missing | FileError::Outside => ReadError::Read {
            path: path.into(),
            source: std::io::ErrorKind::NotFound.into(),
        },
    })?;
    read_bytes(bytes, &name, None, &files, options)
}

/// Reads a scene from a file's bytes. `name` stands for it in errors, `format` overrides what its content says, and
/// `files` has the files beside it.
///
/// # Errors
/// See [`ReadError`]; each says the mend.
pub fn read_bytes(
    bytes: Vec<u8>,
    name: &str,
    format: Option<SceneFormat>,
    files: &dyn Files,
    options: &ReadOptions,
) -> Result<Scene, ReadError> {
    if bytes.is_empty() {
        return Err(ReadError::Empty { name: name.into() });
    }
    let format = format
        .or_else(|| SceneFormat::of(&bytes, name))
        .ok_or_else(|| ReadError::unknown(name, &bytes))?;
    let mut context = Context::new(name, options, files);
    context.bytes(bytes.len() as u64)?;
    let mut scene = match format {
        SceneFormat::Gltf | SceneFormat::Glb => gltf::read(bytes, format, &mut context)?,
        SceneFormat::Usda | SceneFormat::Usdc => usd::read(bytes, format, &mut context)?,
        SceneFormat::Usdz => usd::read_package(bytes, &mut context)?,
    };
    scene.name = Path::new(name)
        .file_stem()
        .map_or_else(|| name.to_owned(), |s| s.to_string_lossy().into_owned());
    if scene.cameras.is_empty() {
        context.warn(
            "camera",
            "the scene has no camera; put one in, or give the shot one of its own",
        );
    }
    if scene.meshes.iter().all(|m| m.primitives.is_empty()) {
        context.warn(
            "meshes",
            "the scene has no surface to show; check what was exported",
        );
    }
    scene.warnings = context.into_warnings();
    Ok(scene)
}
