//! A frame's passes as one EXR file of several layers.
//!
//! | layer | channels | kind | what |
//! |---|---|---|---|
//! | – | `R` `G` `B` `A` | half | lit colour, linear ACEScg, premultiplied |
//! | `depth` | `Z` | float | metres along the view axis; infinite where nothing is |
//! | `normal_world`, `normal_camera` | `X` `Y` `Z` | float | unit vectors |
//! | `object` | `id` | whole | object ids; 0 is nothing |
//! | `position` | `X` `Y` `Z` | float | metres in the world |
//! | `motion_next`, `motion_previous` | `X` `Y` | float | pixels, x right, y down |
//! | `hidden_next`, `hidden_previous` | `V` | float | 1 where the point is not seen in that frame |
//!
//! The header's `heirloom/objects` holds the objects' names by id, as JSON.

use std::collections::BTreeMap;
use std::path::Path;

use heirloom_engine::GuideFrame;
use heirloom_engine::guides::Pass;
use heirloom_film::Size;
use heirloom_picture::WriteError;
use heirloom_picture::exr::{Channels, Samples, write_channels};

/// Name of the header's entry with the objects' names.
pub const OBJECTS: &str = "heirloom/objects";

/// Writes all passes that a frame has into one file.
///
/// # Errors
/// Where it has none or they have another size, and where the file cannot be written; it is then as it was before.
pub fn write(
    path: &Path,
    frame: &GuideFrame,
    size: Size,
    names: &BTreeMap<u32, String>,
) -> Result<(), WriteError> {
    write_channels(path, &channels(frame, size, names))
}

/// The passes of a frame as named channels.
pub fn channels(frame: &GuideFrame, size: Size, names: &BTreeMap<u32, String>) -> Channels {
    let mut channels = BTreeMap::new();
    if let Some((image, _)) = &frame.color {
        for (c, name) in ["R", "G", "B", "A"].into_iter().enumerate() {
            let values = image.pixels().iter().map(|pixel| pixel[c]).collect();
            channels.insert(name.to_owned(), Samples::Half(values));
        }
    }
    let mut one = |name: &str, pass: &Option<Pass<f32>>| {
        if let Some(pass) = pass {
            channels.insert(name.to_owned(), Samples::Float(pass.values.clone()));
        }
    };
    one("depth.Z", &frame.depth_m);
    one("hidden_next.V", &frame.occlusion);
    one("hidden_previous.V", &frame.occlusion_previous);
    several(&mut channels, "normal_world", &frame.world_normal);
    several(&mut channels, "normal_camera", &frame.camera_normal);
    several(&mut channels, "position", &frame.position_m);
    several(&mut channels, "motion_next", &frame.motion_next_px);
    several(&mut channels, "motion_previous", &frame.motion_previous_px);
    if let Some(pass) = &frame.object_id {
        channels.insert("object.id".to_owned(), Samples::Whole(pass.values.clone()));
    }
    let mut notes = BTreeMap::new();
    // Names may hold any letters, and the header only plain ones: JSON with the rest as `\u` escapes.
    notes.insert(OBJECTS.to_owned(), plain(&serde_json::json!(names).to_string()));
    Channels {
        width: size.width,
        height: size.height,
        channels,
        notes,
    }
}

fn several<const N: usize>(
    channels: &mut BTreeMap<String, Samples>,
    layer: &str,
    pass: &Option<Pass<[f32; N]>>,
) {
    let Some(pass) = pass else { return };
    for (c, axis) in ["X", "Y", "Z"].into_iter().take(N).enumerate() {
        let values = pass.values.iter().map(|value| value[c]).collect();
        channels.insert(format!("{layer}.{axis}"), Samples::Float(values));
    }
}

fn plain(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}
