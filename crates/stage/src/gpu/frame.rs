//! One frame's results: how they lie in the device's memory, and how they come back.

use std::sync::mpsc;

use bytemuck::{Pod, Zeroable};
use glam::{DMat4, DVec2, DVec3};
use heirloom_engine::GuideFrame;
use heirloom_engine::guides::{Certainty, Pass};
use heirloom_picture::Image;
use rayon::prelude::*;

use super::adapter::{Gpu, GpuError};
use super::slot::ViewRecord;
use crate::passes::{Passes, Window};
use crate::pose::View;

/// What `resolve.wgsl` must know of a frame.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct FrameRecord {
    views: [ViewRecord; 3],
    /// Turns of directions from this camera to the previous and to the next, rows.
    turns: [[[f32; 4]; 3]; 2],
    planes: Planes,
    left: u32,
    top: u32,
    width: u32,
    rows: u32,
    spare: u32,
}

/// Words of a band's buffer before each pass; [`NONE`] where it is not wanted.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
struct Planes {
    depth: u32,
    normal: u32,
    object: u32,
    motion: [u32; 2],
    hidden: u32,
    color: u32,
}

const NONE: u32 = u32::MAX;

impl Planes {
    /// How the passes lie in a buffer of so many pixels, and the words of all of them. Camera normals and positions are
    /// worked out where they arrive, from world normals and depths.
    fn of(passes: Passes, pixels: u32) -> (Self, u32) {
        let mut words = 0;
        let mut plane = |wanted: bool, each: u32| {
            let at = words;
            if wanted {
                words += each * pixels;
                at
            } else {
                NONE
            }
        };
        let beside = [passes.has(Passes::PREVIOUS), passes.has(Passes::NEXT)];
        let planes = Self {
            depth: plane(passes.has(Passes::DEPTH) || passes.has(Passes::POSITION), 1),
            normal: plane(passes.has(Passes::NORMALS), 3),
            object: plane(passes.has(Passes::OBJECTS), 1),
            motion: beside.map(|wanted| plane(wanted, 2)),
            hidden: plane(beside[0] || beside[1], 1),
            color: plane(passes.has(Passes::COLOR), 4),
        };
        (planes, words)
    }
}

/// Some rows of the window: what one buffer can hold.
#[derive(Debug)]
pub(super) struct Strip {
    first: u32,
    rows: u32,
    planes: Planes,
    bytes: u64,
    pub record: wgpu::Buffer,
    /// What the shader writes.
    pub out: wgpu::Buffer,
    /// What the processor reads; none where it can read `out` itself.
    copy: Option<wgpu::Buffer>,
}

impl Strip {
    /// Rows and columns of workgroups of 8 x 8.
    pub fn groups(&self, window: &Window) -> [u32; 2] {
        [window.size.width.div_ceil(8), self.rows.div_ceil(8)]
    }
}

/// Buffers for one frame.
#[derive(Debug)]
pub(super) struct Results {
    pub strips: Vec<Strip>,
}

/// A frame that is being drawn.
#[derive(Debug)]
pub(super) struct Pending {
    pub frame: u32,
    pub view: View,
    /// Which of the renderer's results it fills.
    pub results: usize,
    submission: wgpu::SubmissionIndex,
    mapped: mpsc::Receiver<Result<(), wgpu::BufferAsyncError>>,
}

impl Results {
    /// Room for the passes of a window, in buffers of at most `most_bytes`.
    pub fn new(gpu: &Gpu, window: &Window, passes: Passes, most_bytes: u64) -> Result<Self, GpuError> {
        let (width, height) = (window.size.width, window.size.height);
        let (_, row_words) = Planes::of(passes, width);
        let row_bytes = u64::from(row_words.max(1)) * 4;
        let limit = gpu.limit_bytes().min(most_bytes);
        gpu.check_limit(
            "a row of the picture, in bytes,",
            row_bytes,
            limit,
            "ask for fewer passes",
        )?;
        // Words are counted in 32 bits there.
        let most = (limit.min(u64::from(u32::MAX)) / row_bytes).min(u64::from(height)) as u32;
        let mut strips = Vec::new();
        let mut first = 0;
        while first < height {
            let rows = most.min(height - first);
            let (planes, words) = Planes::of(passes, width * rows);
            let bytes = u64::from(words.max(1)) * 4;
            let usage = if gpu.direct {
                wgpu::BufferUsages::MAP_READ
            } else {
                wgpu::BufferUsages::COPY_SRC
            };
            let copy = (!gpu.direct).then(|| {
                gpu.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("copy of results"),
                    size: bytes,
                    usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                })
            });
            let record = gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("frame"),
                size: size_of::<FrameRecord>() as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            strips.push(Strip {
                first,
                rows,
                planes,
                bytes,
                record,
                out: gpu.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("results"),
                    size: bytes,
                    usage: wgpu::BufferUsages::STORAGE | usage,
                    mapped_at_creation: false,
                }),
                copy,
            });
            first += rows;
        }
        Ok(Self { strips })
    }

    /// Writes what the shader must know.
    pub fn write(&self, gpu: &Gpu, window: &Window, views: [&View; 3], records: [ViewRecord; 3]) {
        let here = views[1].world_from_camera;
        let turn = |view: &View| {
            let turn: DMat4 = view.camera_from_world * here;
            [0, 1, 2].map(|r| {
                let row = turn.row(r).to_array().map(|v| v as f32);
                [row[0], row[1], row[2], 0.0]
            })
        };
        for strip in &self.strips {
            let record = FrameRecord {
                views: records,
                turns: [turn(views[0]), turn(views[2])],
                planes: strip.planes,
                left: window.x,
                top: window.y + strip.first,
                width: window.size.width,
                rows: strip.rows,
                spare: 0,
            };
            gpu.queue
                .write_buffer(&strip.record, 0, bytemuck::bytes_of(&record));
        }
    }

    /// Says how to bring the results to where the processor reads them.
    pub fn copy(&self, encoder: &mut wgpu::CommandEncoder) {
        for strip in &self.strips {
            if let Some(copy) = &strip.copy {
                encoder.copy_buffer_to_buffer(&strip.out, 0, copy, 0, strip.bytes);
            }
        }
    }

    /// Asks for the results of what was submitted.
    pub fn ask(&self, frame: u32, view: View, results: usize, submission: wgpu::SubmissionIndex) -> Pending {
        let (to, mapped) = mpsc::channel();
        for strip in &self.strips {
            let to = to.clone();
            let buffer = strip.copy.as_ref().unwrap_or(&strip.out);
            buffer.map_async(wgpu::MapMode::Read, .., move |result| {
                // Nobody waits any more where rendering was stopped.
                let _ = to.send(result);
            });
        }
        Pending {
            frame,
            view,
            results,
            submission,
            mapped,
        }
    }

    /// Waits for the results of a frame and puts them into `frame`, whose memory is used again.
    pub fn collect(
        &self,
        gpu: &Gpu,
        pending: &Pending,
        window: &Window,
        passes: Passes,
        frame: &mut GuideFrame,
    ) -> Result<(), GpuError> {
        for _ in &self.strips {
            let mapped = loop {
                match pending.mapped.try_recv() {
                    Ok(mapped) => break mapped,
                    Err(mpsc::TryRecvError::Disconnected) => return Err(gpu.failed("results were lost")),
                    Err(mpsc::TryRecvError::Empty) => {
                        let waiting = wgpu::PollType::Wait {
                            submission_index: Some(pending.submission.clone()),
                            timeout: None,
                        };
                        gpu.device.poll(waiting).map_err(|e| gpu.failed(e))?;
                    }
                }
            };
            mapped.map_err(|e| gpu.failed(e))?;
        }
        let mut views = Vec::new();
        for strip in &self.strips {
            let buffer = strip.copy.as_ref().unwrap_or(&strip.out);
            views.push(buffer.get_mapped_range(..).map_err(|e| gpu.failed(e))?);
        }
        let strips = self.strips.iter().zip(&views);
        let arrived = Arrived {
            strips: strips
                .map(|(strip, view)| (strip, bytemuck::cast_slice(view)))
                .collect(),
            view: &pending.view,
            window,
        };
        arrived.fill(passes, frame);
        drop(arrived);
        drop(views);
        for strip in &self.strips {
            strip.copy.as_ref().unwrap_or(&strip.out).unmap();
        }
        Ok(())
    }
}

/// Results that the processor can read.
struct Arrived<'a> {
    strips: Vec<(&'a Strip, &'a [u32])>,
    view: &'a View,
    window: &'a Window,
}

impl Arrived<'_> {
    fn fill(&self, passes: Passes, frame: &mut GuideFrame) {
        let old = std::mem::take(frame);
        let has = |p| passes.has(p);
        frame.depth_m = has(Passes::DEPTH).then(|| self.pass(old.depth_m, |p| p.depth, as_it_is));
        let normal = |p: &Planes| p.normal;
        let m = &self.view.camera_from_world;
        let turn = [m.x_axis, m.y_axis, m.z_axis].map(|c| c.to_array().map(|v| v as f32));
        let turned =
            |n: &[f32; 3]| [0, 1, 2].map(|r| turn[0][r] * n[0] + turn[1][r] * n[1] + turn[2][r] * n[2]);
        if has(Passes::NORMALS) {
            frame.world_normal = Some(self.pass(old.world_normal, normal, as_it_is));
            frame.camera_normal = Some(self.pass(old.camera_normal, normal, |_, _, n| turned(n)));
        }
        frame.object_id = has(Passes::OBJECTS).then(|| self.pass(old.object_id, |p| p.object, as_it_is));
        frame.position_m = has(Passes::POSITION).then(|| {
            let at = |x: usize, y: usize, depth: &f32| {
                let pixel = DVec2::new(x as f64 + 0.5, y as f64 + 0.5);
                position(self.view, pixel, *depth)
            };
            self.pass(old.position_m, |p| p.depth, at)
        });
        let bit = |bit: u32| move |_: usize, _: usize, word: &u32| (word >> bit & 1) as f32;
        let hidden = |p: &Planes| p.hidden;
        if has(Passes::PREVIOUS) {
            frame.motion_previous_px = Some(self.pass(old.motion_previous_px, |p| p.motion[0], as_it_is));
            frame.occlusion_previous = Some(self.pass(old.occlusion_previous, hidden, bit(0)));
        }
        if has(Passes::NEXT) {
            frame.motion_next_px = Some(self.pass(old.motion_next_px, |p| p.motion[1], as_it_is));
            frame.occlusion = Some(self.pass(old.occlusion, hidden, bit(1)));
        }
        if has(Passes::COLOR) {
            let pixels = old.color.map_or_else(Vec::new, |c| c.0.into_pixels());
            let pixels = self.values(pixels, |p| p.color, as_it_is);
            let image = Image::from_pixels(self.window.size.width, self.window.size.height, pixels);
            frame.color = image.map(|i| (i, Certainty::Exact));
        }
    }

    fn pass<T: Pod + Send + Sync, U: Pod + Send>(
        &self,
        old: Option<Pass<U>>,
        plane: impl Fn(&Planes) -> u32 + Sync,
        of: impl Fn(usize, usize, &T) -> U + Sync,
    ) -> Pass<U> {
        Pass {
            values: self.values(old.map_or_else(Vec::new, |p| p.values), plane, of),
            certainty: Certainty::Exact,
        }
    }

    /// What `of` makes of every value of a plane, with its column and row in the picture.
    fn values<T: Pod + Send + Sync, U: Pod + Send>(
        &self,
        mut values: Vec<U>,
        plane: impl Fn(&Planes) -> u32 + Sync,
        of: impl Fn(usize, usize, &T) -> U + Sync,
    ) -> Vec<U> {
        let width = self.window.size.width as usize;
        values.resize(width * self.window.size.height as usize, U::zeroed());
        let each = size_of::<T>() / 4;
        let (left, top) = (self.window.x as usize, self.window.y as usize);
        values.par_chunks_mut(width).enumerate().for_each(|(row, out)| {
            let holds = |(strip, _): &&(&Strip, &[u32])| strip.first as usize <= row;
            let Some((strip, words)) = self.strips.iter().rev().find(holds) else {
                return;
            };
            let from = plane(&strip.planes) as usize + (row - strip.first as usize) * width * each;
            let Some(line) = words.get(from..from + width * each) else {
                return;
            };
            let line: &[T] = bytemuck::cast_slice(line);
            for (x, (out, value)) in out.iter_mut().zip(line).enumerate() {
                *out = of(left + x, top + row, value);
            }
        });
        values
    }
}

fn as_it_is<T: Copy>(_: usize, _: usize, value: &T) -> T {
    *value
}

/// The world's point that a pixel sees at a depth; 0 for the sky.
fn position(view: &View, pixel: DVec2, depth: f32) -> [f32; 3] {
    if !depth.is_finite() {
        return [0.0; 3];
    }
    let (origin, way) = view.ray(pixel);
    let camera: DVec3 = origin + way * f64::from(depth);
    let world = view.world_from_camera.transform_point3(camera);
    world.to_array().map(|v| v as f32)
}
