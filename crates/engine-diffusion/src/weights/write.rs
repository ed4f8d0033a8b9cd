//! Writing safetensors files: whole, or not at all.

use super::Dtype;
use half::{bf16, f16};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// A tensor to be written: its name, its shape, its values.
pub(crate) struct Written<'a> {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: &'a [f32],
}

/// Writes tensors and notes as a safetensors file, in the order given. The file is written beside its place under the
/// ending `part`, synced, and renamed, so that at its place there is always a whole file: the one before, or this one.
///
/// # Errors
/// Those of the system; the part file is then taken away, and what stood at the place stands.
pub(crate) fn write_whole(
    path: &Path,
    notes: &BTreeMap<String, String>,
    tensors: &[Written<'_>],
    kind: Dtype,
) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = Path::new(&part);
    let written = write(part, notes, tensors, kind)
        .and_then(|()| std::fs::rename(part, path))
        .and_then(|()| sync_folder(path));
    if written.is_err() {
        // It may never have been made.
        drop(std::fs::remove_file(part));
    }
    written
}

fn write(
    part: &Path,
    notes: &BTreeMap<String, String>,
    tensors: &[Written<'_>],
    kind: Dtype,
) -> io::Result<()> {
    let width = usize::try_from(kind.bytes()).unwrap_or(4);
    let (mut header, mut at) = (Map::new(), 0_usize);
    header.insert("__metadata__".into(), json!(notes));
    for tensor in tensors {
        let end = at + width * tensor.values.len();
        let entry = json!({ "dtype": kind.name(), "shape": tensor.shape, "data_offsets": [at, end] });
        header.insert(tensor.name.clone(), entry);
        at = end;
    }
    let mut header = serde_json::to_vec(&Value::Object(header))?;
    // Spaces after the header, so that numbers lie on whole words.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = BufWriter::with_capacity(1 << 20, File::create(part)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    for tensor in tensors {
        for value in tensor.values {
            match kind {
                Dtype::F16 => file.write_all(&f16::from_f32(*value).to_le_bytes())?,
                Dtype::Bf16 => file.write_all(&bf16::from_f32(*value).to_le_bytes())?,
                _ => file.write_all(&value.to_le_bytes())?,
            }
        }
    }
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()
}

/// Makes a rename last through a loss of power, where folders can be synced.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    if cfg!(unix) {
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}
