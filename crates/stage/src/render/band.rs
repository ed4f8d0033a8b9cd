//! Where a frame's values go: buffers for a window, cut into bands of rows that workers fill.

use heirloom_engine::GuideFrame;
use heirloom_engine::guides::{Certainty, Pass};
use heirloom_picture::Image;

use crate::passes::{Passes, Window};
use crate::raster::TILE_HEIGHT;

/// What is seen at the centre of every pixel.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Number of the triangle plus 1; 0 for nothing.
    pub triangle: Vec<u32>,
    /// Depth in metres; infinite for nothing.
    pub depth_m: Vec<f32>,
}

/// A frame on its way.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    pub frame: GuideFrame,
    color: Option<Vec<[f32; 4]>>,
    pub seen: Seen,
    /// Depth of each pixel's point in the previous and in the next frame; infinite for the sky, negative where it is known
    /// to be hidden.
    pub there_m: [Vec<f32>; 2],
}

fn pass<T: Copy>(old: Option<Pass<T>>, wanted: bool, length: usize, empty: T) -> Option<Pass<T>> {
    wanted.then(|| {
        let mut values = old.map_or_else(Vec::new, |p| p.values);
        values.resize(length, empty);
        Pass {
            values,
            certainty: Certainty::Exact,
        }
    })
}

impl Canvas {
    /// Makes room for a frame; memory of one before is used again. All values are written anew.
    pub fn prepare(&mut self, window: &Window, passes: Passes) {
        let length = window.size.width as usize * window.size.height as usize;
        let old = std::mem::take(&mut self.frame);
        let has = |p| passes.has(p);
        self.color = has(Passes::COLOR).then(|| {
            let mut pixels = old.color.map_or_else(Vec::new, |c| c.0.into_pixels());
            pixels.resize(length, [0.0; 4]);
            pixels
        });
        let (zero3, zero2) = ([0.0; 3], [0.0; 2]);
        self.frame = GuideFrame {
            color: None,
            depth_m: pass(old.depth_m, has(Passes::DEPTH), length, 0.0),
            world_normal: pass(old.world_normal, has(Passes::NORMALS), length, zero3),
            camera_normal: pass(old.camera_normal, has(Passes::NORMALS), length, zero3),
            object_id: pass(old.object_id, has(Passes::OBJECTS), length, 0),
            position_m: pass(old.position_m, has(Passes::POSITION), length, zero3),
            motion_next_px: pass(old.motion_next_px, has(Passes::NEXT), length, zero2),
            motion_previous_px: pass(old.motion_previous_px, has(Passes::PREVIOUS), length, zero2),
            occlusion: pass(old.occlusion, has(Passes::NEXT), length, 0.0),
            occlusion_previous: pass(old.occlusion_previous, has(Passes::PREVIOUS), length, 0.0),
            light: None,
        };
        self.seen.triangle.resize(length, 0);
        self.seen.depth_m.resize(length, 0.0);
        for (there, wanted) in self
            .there_m
            .iter_mut()
            .zip([has(Passes::PREVIOUS), has(Passes::NEXT)])
        {
            there.resize(if wanted { length } else { 0 }, 0.0);
        }
    }

    /// Puts the colour into the frame as a picture.
    pub fn finish_color(&mut self, window: &Window) {
        if let Some(pixels) = self.color.take() {
            let image = Image::from_pixels(window.size.width, window.size.height, pixels);
            self.frame.color = image.map(|i| (i, Certainty::Exact));
        }
    }

    /// The bands of a window, each within one row of tiles.
    pub fn bands(&mut self, window: &Window) -> Vec<Band<'_>> {
        let width = window.size.width as usize;
        let f = &mut self.frame;
        let [there_previous, there_next] = &mut self.there_m;
        let mut rest = Band {
            top: window.y as i32,
            color: self.color.as_deref_mut(),
            depth_m: values(&mut f.depth_m),
            world_normal: values(&mut f.world_normal),
            camera_normal: values(&mut f.camera_normal),
            object_id: values(&mut f.object_id),
            position_m: values(&mut f.position_m),
            motion_px: [values(&mut f.motion_previous_px), values(&mut f.motion_next_px)],
            there_m: [some(there_previous), some(there_next)],
            seen: &mut self.seen.triangle,
            seen_depth_m: &mut self.seen.depth_m,
        };
        let mut bands = Vec::new();
        let bottom = (window.y + window.size.height) as i32;
        while rest.top < bottom {
            let next = (rest.top.div_euclid(TILE_HEIGHT) + 1) * TILE_HEIGHT;
            let rows = (next.min(bottom) - rest.top) as usize;
            bands.push(rest.take(rows * width));
            rest.top += rows as i32;
        }
        bands
    }
}

fn values<T>(pass: &mut Option<Pass<T>>) -> Option<&mut [T]> {
    pass.as_mut().map(|p| p.values.as_mut_slice())
}

fn some(list: &mut Vec<f32>) -> Option<&mut [f32]> {
    (!list.is_empty()).then_some(list.as_mut_slice())
}

/// Some rows of the window's buffers.
#[derive(Debug)]
pub(crate) struct Band<'a> {
    /// First row, counted from the top of the picture.
    pub top: i32,
    pub color: Option<&'a mut [[f32; 4]]>,
    pub depth_m: Option<&'a mut [f32]>,
    pub world_normal: Option<&'a mut [[f32; 3]]>,
    pub camera_normal: Option<&'a mut [[f32; 3]]>,
    pub object_id: Option<&'a mut [u32]>,
    pub position_m: Option<&'a mut [[f32; 3]]>,
    /// To the previous and to the next frame.
    pub motion_px: [Option<&'a mut [[f32; 2]]>; 2],
    pub there_m: [Option<&'a mut [f32]>; 2],
    pub seen: &'a mut [u32],
    pub seen_depth_m: &'a mut [f32],
}

/// The first values of a slice, which then begins after them.
fn cut<'a, T>(rest: &mut &'a mut [T], count: usize) -> &'a mut [T] {
    let (mine, after) = std::mem::take(rest).split_at_mut(count);
    *rest = after;
    mine
}

fn cut_some<'a, T>(rest: &mut Option<&'a mut [T]>, count: usize) -> Option<&'a mut [T]> {
    rest.as_mut().map(|rest| cut(rest, count))
}

impl<'a> Band<'a> {
    fn take(&mut self, count: usize) -> Band<'a> {
        let [previous, next] = &mut self.motion_px;
        let [there_previous, there_next] = &mut self.there_m;
        Band {
            top: self.top,
            color: cut_some(&mut self.color, count),
            depth_m: cut_some(&mut self.depth_m, count),
            world_normal: cut_some(&mut self.world_normal, count),
            camera_normal: cut_some(&mut self.camera_normal, count),
            object_id: cut_some(&mut self.object_id, count),
            position_m: cut_some(&mut self.position_m, count),
            motion_px: [cut_some(previous, count), cut_some(next, count)],
            there_m: [cut_some(there_previous, count), cut_some(there_next, count)],
            seen: cut(&mut self.seen, count),
            seen_depth_m: cut(&mut self.seen_depth_m, count),
        }
    }
}
