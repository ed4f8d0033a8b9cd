//! The same passes, drawn by a graphics processor through wgpu.
//!
//! Behind the feature `gpu`. The processor's [`Renderer`] is the reference and the default: its bytes are the same
//! everywhere, and takes rest on them. What is drawn here agrees with it within the tolerances below and is for looking
//! quickly where there is a device; on Mesa's software Vulkan it is slower than the processor's own.
//!
//! # How
//! All geometry lies on the device. A frame uploads where instances stand (in f64 up to the camera, then in f32 about
//! the camera's own place, so that nothing trembles far from the origin) and the vertices of what changes shape. Then,
//! in one submission: vertices into the camera's space of the frame after this one, and which triangle each of its pixels
//! shows; for this frame the maps of what the key light sees, which triangles four samples of each pixel show, and one
//! compute pass that turns triangles into all passes by meeting each pixel's ray with its triangle, in the three frames'
//! spaces. Results are read back while the next frame is drawn. (The visibility buffer is that of Burns and Hunt, "The
//! visibility buffer: a cache-friendly approach to deferred shading", 2013.)
//!
//! # Tolerances
//! Held by `tests/gpu`, against the processor's passes of the same frames:
//!
//! | pass | holds |
//! |---|---|
//! | object ids | the same on 99.5 % of pixels or more; others lie at silhouettes |
//! | depth | within 1e-4 of itself, on 99.9 % of the pixels of equal ids |
//! | normals | within 0.01 (length of the difference), on 99.5 % of them |
//! | positions | within 1e-4 of the depth and 2.5e-7 of the largest coordinate, on 99.9 % of them |
//! | motion | within 0.01 pixel, on 99.9 % of them |
//! | occlusion | the same on 99 % of them |
//! | colour | mean difference below 0.01; edges have four samples and the centre, not eight |

mod adapter;
mod frame;
mod geometry;
mod light;
mod pipelines;
mod slot;
mod surface;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use heirloom_engine::GuideFrame;

pub use self::adapter::{AdapterName, GpuError};

use self::adapter::Gpu;
use self::frame::{Pending, Results};
use self::geometry::Geometry;
use self::light::Light;
use self::pipelines::{Pipelines, SAMPLES};
use self::slot::{Samples, Slot};
use self::surface::Surfaces;
use crate::passes::{Passes, RenderError, Renderer, Summary, Wanted, Window};
use crate::render::still::Still;

/// Renders the passes of a shot on a graphics processor; see the module for what is the same as on the processor.
#[derive(Debug)]
pub struct GpuRenderer<'r, 'a> {
    renderer: &'r Renderer<'a>,
    gpu: Gpu,
    pipelines: Pipelines,
    geometry: Geometry,
    surfaces: Surfaces,
    light: Light,
    /// The frames before, at and after the one that is drawn, by their number modulo 3.
    slots: [Slot; 3],
    stills: [Option<Still<'a>>; 3],
    samples: Samples,
    /// The most bytes that a buffer of results may have.
    result_bytes: u64,
    /// Two, so that one is read while the other is filled; made for a window and passes.
    results: Option<(Window, Passes, [Results; 2])>,
}

impl<'r, 'a> GpuRenderer<'r, 'a> {
    /// Brings a shot's scene to the best graphics processor there is. Light, exposure and numbering are the renderer's.
    ///
    /// # Errors
    /// Where there is no driver, or the picture or the scene is too large for the device.
    pub fn new(renderer: &'r Renderer<'a>) -> Result<Self, GpuError> {
        let gpu = Gpu::open()?;
        let studio = &renderer.studio;
        let size = studio.shot.size;
        gpu.check_size(size)?;
        let pipelines = Pipelines::new(&gpu);
        gpu.check()?;
        let geometry = Geometry::new(&gpu, &studio.set)?;
        let surfaces = Surfaces::new(&gpu, studio.set.scene, &studio.pyramids)?;
        let slot = || Slot::new(&gpu, &pipelines, &geometry, &surfaces, size);
        let slots = [slot()?, slot()?, slot()?];
        let samples = Samples::new(&gpu, size, SAMPLES);
        let light = Light::new(&gpu, &pipelines);
        gpu.check()?;
        Ok(Self {
            renderer,
            gpu,
            pipelines,
            geometry,
            surfaces,
            light,
            slots,
            stills: [None, None, None],
            samples,
            result_bytes: u64::MAX,
            results: None,
        })
    }

    /// What it runs on.
    pub fn adapter(&self) -> &AdapterName {
        &self.gpu.name
    }

    /// Results are kept in buffers of at most so many bytes, each for some rows of the picture, where the device would
    /// allow more: for devices that others use too.
    pub fn limit_results(&mut self, bytes: u64) {
        self.result_bytes = bytes;
        self.results = None;
    }

    /// Renders frames in order and hands each, with its number, to `sink`, as [`Renderer::render`] does.
    /// `dropped_triangles` is not counted here and stays 0.
    ///
    /// # Errors
    /// Those of [`Renderer::render`], and where the device gives up or cannot hold a row of the picture.
    pub fn render(
        &mut self,
        wanted: &Wanted,
        stop: &AtomicBool,
        mut sink: impl FnMut(u32, &mut GuideFrame) -> ControlFlow<()>,
    ) -> Result<Summary, GpuError> {
        let window = self.renderer.window(wanted)?;
        let passes = wanted.passes;
        if !matches!(&self.results, Some((w, p, _)) if *w == window && *p == passes) {
            let new = || Results::new(&self.gpu, &window, passes, self.result_bytes);
            self.results = Some((window, passes, [new()?, new()?]));
        }
        let mut summary = Summary::default();
        let mut memory = GuideFrame::default();
        let mut waiting: Option<Pending> = None;
        for frame in wanted.frames.clone() {
            let drawn = self.submit(frame, &window, passes)?;
            let Some(before) = waiting.replace(drawn) else {
                continue;
            };
            self.collect(&before, &window, passes, &mut memory)?;
            summary.frames += 1;
            let go_on = sink(before.frame, &mut memory);
            let stopped = stop.load(Ordering::Relaxed);
            if go_on.is_break() || stopped {
                // The buffers that the frame on its way is mapped to cannot be used again.
                self.results = None;
            }
            if stopped {
                return Err(RenderError::Stopped.into());
            }
            if go_on.is_break() {
                return Ok(summary);
            }
        }
        if let Some(last) = waiting {
            self.collect(&last, &window, passes, &mut memory)?;
            summary.frames += 1;
            let _ = sink(last.frame, &mut memory);
        }
        Ok(summary)
    }

    fn collect(
        &self,
        pending: &Pending,
        window: &Window,
        passes: Passes,
        frame: &mut GuideFrame,
    ) -> Result<(), GpuError> {
        self.gpu.check()?;
        if let Some((_, _, results)) = &self.results {
            results[pending.results].collect(&self.gpu, pending, window, passes, frame)?;
        }
        self.gpu.check()
    }

    /// Draws a frame, and whatever of the frames beside it is not there yet.
    fn submit(&mut self, frame: u32, window: &Window, passes: Passes) -> Result<Pending, GpuError> {
        let this = i64::from(frame);
        let mut encoder = self.encoder();
        let mut begun = false;
        let needed = [
            (this - 1, passes.has(Passes::PREVIOUS)),
            (this, true),
            (this + 1, passes.has(Passes::NEXT)),
        ];
        for (number, is_needed) in needed {
            let index = slot_of(number);
            if !is_needed || self.slots[index].frame == Some(number) {
                continue;
            }
            if begun {
                // Vertices that change shape have one place: they must be in use before they are written again.
                let before = std::mem::replace(&mut encoder, self.encoder());
                self.gpu.queue.submit([before.finish()]);
            }
            begun = true;
            let studio = &self.renderer.studio;
            let still = studio.still(number, studio.shot.size)?;
            let slot = &mut self.slots[index];
            slot.take(
                &self.gpu,
                &self.pipelines,
                &self.geometry,
                &mut encoder,
                &studio.set,
                &still,
                number,
            );
            slot.draw(&self.pipelines, &self.geometry, &mut encoder, None);
            self.stills[index] = Some(still);
        }
        let own = slot_of(this);
        let studio = &self.renderer.studio;
        let Some(still) = &self.stills[own] else {
            return Err(self.gpu.failed("a frame was lost"));
        };
        if passes.has(Passes::COLOR) {
            let lamps = studio.lamps(still);
            self.light.take(
                &self.gpu,
                &self.pipelines,
                &self.geometry,
                &self.slots[own],
                &studio.set,
                still,
                &lamps,
                studio.exposure,
                &mut encoder,
            );
            let samples = Some(&self.samples);
            self.slots[own].draw(&self.pipelines, &self.geometry, &mut encoder, samples);
        }
        // A frame that is not asked about stands in for itself.
        let beside = |(number, is_needed): (i64, bool)| if is_needed { slot_of(number) } else { own };
        let around = [beside(needed[0]), own, beside(needed[2])];
        let view = |index: usize| self.stills[index].as_ref().map_or(&still.view, |s| &s.view);
        let which = frame as usize % 2;
        let Some((_, _, results)) = &self.results else {
            return Err(self.gpu.failed("results were lost"));
        };
        let results = &results[which];
        results.write(
            &self.gpu,
            window,
            around.map(view),
            around.map(|index| self.slots[index].record),
        );
        self.resolve(&mut encoder, results, window, around);
        results.copy(&mut encoder);
        let submission = self.gpu.queue.submit([encoder.finish()]);
        Ok(results.ask(frame, still.view, which, submission))
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        let plain = wgpu::CommandEncoderDescriptor::default();
        self.gpu.device.create_command_encoder(&plain)
    }

    fn resolve(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        results: &Results,
        window: &Window,
        around: [usize; 3],
    ) {
        let [previous, current, next] = around.map(|index| &self.slots[index]);
        for strip in &results.strips {
            let buffers = [
                &strip.record,
                &self.light.record,
                &previous.positions,
                &current.positions,
                &next.positions,
                &current.normals,
                &self.geometry.indices,
                &self.geometry.attributes,
                &self.geometry.instances,
                &self.surfaces.materials,
                &self.surfaces.texels,
                &self.light.lamps,
                &strip.out,
            ];
            let textures = [
                &previous.ids,
                &current.ids,
                &next.ids,
                &previous.depths,
                &next.depths,
                &self.samples.ids,
                &self.light.maps,
            ];
            let buffers = buffers.iter().map(|b| b.as_entire_binding());
            let textures = textures.iter().map(|t| wgpu::BindingResource::TextureView(t));
            let entries: Vec<wgpu::BindGroupEntry<'_>> = (0..)
                .zip(buffers.chain(textures))
                .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
                .collect();
            let bound = self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("resolve"),
                layout: &self.pipelines.resolve_layout,
                entries: &entries,
            });
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: Some("resolve"),
                timestamp_writes: None,
            });
            pass.set_pipeline(&self.pipelines.resolve);
            pass.set_bind_group(0, &bound, &[]);
            let [across, down] = strip.groups(window);
            pass.dispatch_workgroups(across, down, 1);
        }
    }
}

fn slot_of(frame: i64) -> usize {
    frame.rem_euclid(3) as usize
}
