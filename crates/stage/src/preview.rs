//! Passes to look at: one picture of all that a frame has.

use std::path::Path;

use heirloom_engine::GuideFrame;
use heirloom_film::Size;
use heirloom_picture::color::to_display8;
use heirloom_picture::{WriteError, png};

/// One pass as display codes, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// What it shows.
    pub title: &'static str,
    /// sRGB codes, one a pixel.
    pub codes: Vec<[u8; 3]>,
}

/// The passes of a frame as display pictures:
///
/// - colour as it is displayed;
/// - depth bright where near and dark where far, even in one over the depth, between the nearest and the farthest;
/// - normals as red, green and blue from −1 to 1;
/// - positions as metres, brightest every 10 metres off the last dark;
/// - ids in colours that are far from one another;
/// - motion by hue (which way) and strength (how far, beside the fastest twentieth);
/// - occlusion white on dark.
pub fn panels(frame: &GuideFrame) -> Vec<Panel> {
    let mut panels = Vec::new();
    let mut add = |title, codes: Option<Vec<[u8; 3]>>| {
        if let Some(codes) = codes {
            panels.push(Panel { title, codes });
        }
    };
    let mapped = |p: &Option<heirloom_engine::guides::Pass<[f32; 3]>>, f: fn(&[f32; 3]) -> [u8; 3]| {
        p.as_ref().map(|p| p.values.iter().map(f).collect::<Vec<_>>())
    };
    add("colour", frame.color.as_ref().map(|c| to_display8(&c.0)));
    add("depth", frame.depth_m.as_ref().map(|p| depth(&p.values)));
    add("world normals", mapped(&frame.world_normal, normal));
    add("camera normals", mapped(&frame.camera_normal, normal));
    add("positions", mapped(&frame.position_m, position));
    add(
        "objects",
        frame
            .object_id
            .as_ref()
            .map(|p| p.values.iter().map(|id| id_color(*id)).collect()),
    );
    add(
        "motion to the next frame",
        frame.motion_next_px.as_ref().map(|p| motion(&p.values)),
    );
    add(
        "motion to the previous frame",
        frame.motion_previous_px.as_ref().map(|p| motion(&p.values)),
    );
    let grey =
        |p: &heirloom_engine::guides::Pass<f32>| p.values.iter().map(|v| [code(0.1 + 0.9 * v); 3]).collect();
    add("hidden in the next frame", frame.occlusion.as_ref().map(grey));
    add(
        "hidden in the previous frame",
        frame.occlusion_previous.as_ref().map(grey),
    );
    panels
}

/// Writes all panels of a frame as one 8-bit PNG, three in a row in the order of [`panels`]; each at most 640 pixels
/// wide, by leaving out pixels.
///
/// # Errors
/// Where the frame has no passes, or the file cannot be written.
pub fn write(path: &Path, frame: &GuideFrame, size: Size) -> Result<(), WriteError> {
    let (codes, sheet) = contact(&panels(frame), size);
    png::write8(path, &codes, sheet.width, sheet.height)
}

/// The panels on one sheet.
pub fn contact(panels: &[Panel], size: Size) -> (Vec<[u8; 3]>, Size) {
    const GAP: usize = 6;
    let step = (size.width as usize).div_ceil(640).max(1);
    let (width, height) = (
        (size.width as usize).div_ceil(step),
        (size.height as usize).div_ceil(step),
    );
    let columns = panels.len().min(3);
    let rows = panels.len().div_ceil(3);
    let sheet_width = columns * (width + GAP);
    let sheet_height = rows * (height + GAP);
    let mut codes = vec![[24u8; 3]; sheet_width * sheet_height];
    for (i, panel) in panels.iter().enumerate() {
        let (left, top) = (i % 3 * (width + GAP) + GAP / 2, i / 3 * (height + GAP) + GAP / 2);
        for y in 0..height {
            for x in 0..width {
                let from = y * step * size.width as usize + x * step;
                codes[(top + y) * sheet_width + left + x] = panel.codes[from];
            }
        }
    }
    let sheet = Size {
        width: sheet_width as u32,
        height: sheet_height as u32,
    };
    (codes, sheet)
}

fn code(v: f32) -> u8 {
    (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}

fn depth(values: &[f32]) -> Vec<[u8; 3]> {
    let finite = values.iter().filter(|v| v.is_finite() && **v > 0.0);
    let (near, far) = finite.fold((f32::INFINITY, 0.0f32), |(a, b), v| (a.min(*v), b.max(*v)));
    let (low, high) = (1.0 / far, 1.0 / near);
    let span = if high > low { high - low } else { 1.0 };
    values
        .iter()
        .map(|v| {
            if v.is_finite() && *v > 0.0 {
                // The root keeps what is far off legible.
                [code(0.08 + 0.92 * ((1.0 / v - low) / span).max(0.0).sqrt()); 3]
            } else {
                [0; 3]
            }
        })
        .collect()
}

fn normal(n: &[f32; 3]) -> [u8; 3] {
    if *n == [0.0; 3] {
        return [0; 3];
    }
    n.map(|c| code(0.5 + 0.5 * c))
}

fn position(p: &[f32; 3]) -> [u8; 3] {
    p.map(|c| {
        // Up and down again, so that what lies level with 0 does not flicker between the ends.
        let part = c / 10.0;
        code(2.0 * (part - libm::floorf(part + 0.5)).abs())
    })
}

/// A colour for an id: hues a golden section apart, three steps of brightness; black for nothing.
pub fn id_color(id: u32) -> [u8; 3] {
    if id == 0 {
        return [0; 3];
    }
    let turn = f64::from(id) * 0.618_033_988_749_894_9;
    let hue = (turn - libm::floor(turn)) as f32;
    hsv(hue, 0.72, [0.95, 0.75, 0.55][id as usize % 3])
}

fn hsv(hue: f32, saturation: f32, value: f32) -> [u8; 3] {
    let part = |shift: f32| {
        let h = hue + shift;
        let h = (h - libm::floorf(h)) * 6.0;
        let rise = ((h - 3.0).abs() - 1.0).clamp(0.0, 1.0);
        code(value * (1.0 - saturation + saturation * rise))
    };
    [part(0.0), part(2.0 / 3.0), part(1.0 / 3.0)]
}

fn motion(values: &[[f32; 2]]) -> Vec<[u8; 3]> {
    let mut lengths: Vec<f32> = values.iter().map(|[x, y]| libm::hypotf(*x, *y)).collect();
    let mut sorted = lengths.clone();
    let most = sorted.len() * 19 / 20;
    let full = if most < sorted.len() {
        *sorted.select_nth_unstable_by(most, f32::total_cmp).1
    } else {
        0.0
    };
    let full = if full > 1e-6 { full } else { 1.0 };
    for length in &mut lengths {
        *length = (*length / full).min(1.0);
    }
    values
        .iter()
        .zip(lengths)
        .map(|([x, y], strength)| {
            let hue = libm::atan2f(*y, *x) / std::f32::consts::TAU;
            hsv(hue, strength, 0.25 + 0.7 * strength)
        })
        .collect()
}
