//! Frames one after the other: each picture is drawn once, and serves the frames before and after it.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use glam::DVec3;
use heirloom_engine::GuideFrame;
use heirloom_engine::guides::{Certainty, GuideLight};
use heirloom_film::Size;
use rayon::prelude::*;

use super::band::{Canvas, Seen};
use super::occlusion::{self, Other};
use super::resolve::{Desk, Frame, Row};
use super::still::{Set, Still};
use crate::light::{PlaceLight, cap, sum};
use crate::passes::{Passes, RenderError, Shot, Window};
use crate::pose::{Pose, View, ViewError, frame_time_s};
use crate::raster::project::Vertex;
use crate::raster::{bins, simd};
use crate::scene::Scene;
use crate::shade::clay::Paint;
use crate::shade::lamps::Lamps;
use crate::shade::shadow::Shadows;
use crate::shade::texture::Pyramid;

/// Where it matters how strong lights are: what stands in the middle of the picture; a few metres off, where nothing says
/// how far.
fn subject(view: &View) -> DVec3 {
    let eye = view.world_from_camera.w_axis.truncate();
    eye + view.world_from_camera.transform_vector3(DVec3::NEG_Z) * 4.0
}

/// What holds for all frames of a shot.
#[derive(Debug)]
pub(crate) struct Studio<'a> {
    pub set: Set<'a>,
    pub shot: Shot,
    pub pyramids: Vec<Pyramid>,
    pub exposure: f32,
    /// Which way the camera looks at frame 0.
    pub front: DVec3,
}

/// What is asked of a run of frames.
pub(crate) struct Run<'a> {
    pub first: u32,
    pub beyond: u32,
    pub passes: Passes,
    pub window: Window,
    pub stop: &'a AtomicBool,
}

/// Memory that frames use one after the other.
#[derive(Debug, Default)]
struct Memory {
    vertices: Vec<Vertex>,
    maps: Vec<Vec<f32>>,
    canvases: Vec<Canvas>,
}

impl<'a> Studio<'a> {
    /// The scene at a frame; frames before the first one and after the last one are there too.
    pub fn still(&self, frame: i64, size: Size) -> Result<Still<'a>, RenderError> {
        let time_s = frame_time_s(self.shot.start_s, frame as f64, self.shot.rate);
        let pose = Pose::of(self.set.scene, time_s);
        let view = View::of(self.set.scene, &pose, self.shot.camera, size)?;
        Ok(Still::new(&self.set, pose, view))
    }

    pub(crate) fn lamps(&self, still: &Still<'_>) -> Lamps {
        self.lamps_of(&still.posed.pose, &still.view)
    }

    fn lamps_of(&self, pose: &Pose, view: &View) -> Lamps {
        Lamps::of(self.set.scene, pose, view, self.front, subject(view))
    }

    /// The light of a frame as the guides hand it on: the lamp that throws shadows as the key, as strong as it is where
    /// the camera looks; the sky and every other lamp as the fill. In the colour pass's exposure.
    pub fn light(&self, frame: u32) -> Result<GuideLight, ViewError> {
        let time_s = frame_time_s(self.shot.start_s, f64::from(frame), self.shot.rate);
        let pose = Pose::of(self.set.scene, time_s);
        let view = View::of(self.set.scene, &pose, self.shot.camera, self.shot.size)?;
        let lamps = self.lamps_of(&pose, &view);
        let eye = view.world_from_camera.w_axis.truncate();
        let there = subject(&view) - eye;
        let mut light = PlaceLight {
            fill: lamps.ambient,
            key: [0.0; 3],
            direction: DVec3::Y,
            softness: lamps.key_softness as f32,
            confidence: 1.0,
        };
        for (i, lamp) in lamps.lamps.iter().enumerate() {
            let Some((towards, strength)) = lamp.at(there.to_array().map(|c| c as f32)) else {
                continue;
            };
            let towards = DVec3::from_array(towards.map(f64::from));
            if lamps.key.is_some_and(|(key, _)| key == i) {
                light.direction = towards;
                light.key = strength;
            } else {
                light.fill = sum(&light.fill, &cap(towards, 0.0, strength.map(f64::from)));
            }
        }
        Ok(light.scaled(self.exposure).to_guide(Certainty::Exact))
    }

    /// Draws one frame's window into a canvas. Returns how many triangles had no area or no place.
    fn draw(
        &self,
        still: &Still<'a>,
        beside: [Option<&Still<'a>>; 2],
        window: &Window,
        passes: Passes,
        probe: bool,
        memory: &mut Memory,
        canvas: &mut Canvas,
        stop: &AtomicBool,
    ) -> Result<u64, RenderError> {
        canvas.prepare(window, passes);
        let rect = [
            window.x as i32,
            window.y as i32,
            (window.x + window.size.width) as i32,
            (window.y + window.size.height) as i32,
        ];
        let colored = passes.has(Passes::COLOR);
        let lamps = colored.then(|| self.lamps(still));
        let shadows = lamps
            .as_ref()
            .and_then(|l| l.key)
            .map(|(_, key)| Shadows::new(&self.set, still, key, &mut memory.maps));
        let shadows = shadows.unwrap_or_default();
        let turn = still.view.world_from_camera.transpose().to_cols_array_2d();
        let turn = [turn[0], turn[1], turn[2]].map(|r| [r[0] as f32, r[1] as f32, r[2] as f32]);
        let paint = lamps.as_ref().map(|lamps| Paint {
            set: &self.set,
            still,
            pyramids: &self.pyramids,
            lamps,
            shadows: &shadows,
            exposure: self.exposure,
            probe,
            turn,
        });
        let projected = still.project(&self.set, rect, std::mem::take(&mut memory.vertices));
        let grid = Still::grid(rect);
        let (bins, dropped) = bins::fill(&projected, &grid);
        let frame = Frame {
            set: &self.set,
            still,
            beside,
            projected: &projected,
            grid: &grid,
            bins: &bins,
            pyramids: &self.pyramids,
            paint: paint.as_ref(),
            window,
            turn,
        };
        canvas
            .bands(window)
            .par_iter_mut()
            .with_max_len(1)
            .for_each_init(Desk::new, |desk, band| {
                if !stop.load(Ordering::Relaxed) {
                    simd::run(Row {
                        frame: &frame,
                        band,
                        desk,
                    });
                }
            });
        memory.vertices = projected.vertices;
        shadows.recycle(&mut memory.maps);
        if stop.load(Ordering::Relaxed) {
            return Err(RenderError::Stopped);
        }
        canvas.finish_color(window);
        Ok(dropped)
    }

    fn whole(&self) -> Window {
        Window {
            x: 0,
            y: 0,
            size: self.shot.size,
        }
    }

    /// What is seen at every pixel's centre of the whole picture.
    fn seen(&self, still: &Still<'a>, memory: &mut Memory, stop: &AtomicBool) -> Result<Seen, RenderError> {
        let mut canvas = Canvas::default();
        let none = Passes::NONE;
        let whole = self.whole();
        self.draw(
            still,
            [None, None],
            &whole,
            none,
            false,
            memory,
            &mut canvas,
            stop,
        )?;
        Ok(canvas.seen)
    }

    /// Renders the frames of a run in order and hands each to `sink`. Returns the most triangles that a frame dropped.
    pub fn run(
        &self,
        run: &Run<'_>,
        sink: &mut dyn FnMut(u32, &mut GuideFrame) -> ControlFlow<()>,
    ) -> Result<u64, RenderError> {
        let mut memory = Memory::default();
        let mut dropped = 0;
        let passes = run.passes;
        let backwards = passes.has(Passes::PREVIOUS);
        let forwards = passes.has(Passes::NEXT);
        let whole = run.window == self.whole();
        let size = self.shot.size;
        let first = i64::from(run.first);
        // The previous, this and the next frame.
        let mut stills: VecDeque<Still<'a>> = VecDeque::new();
        for frame in first - 1..=first + 1 {
            stills.push_back(self.still(frame, size)?);
        }
        // What is seen in the previous frame, and the frame that waits for the next one.
        let mut before: Option<Seen> = None;
        let mut waiting: Option<(u32, Canvas)> = None;
        if backwards && run.first < run.beyond {
            before = Some(self.seen(&stills[0], &mut memory, run.stop)?);
        }
        for frame in run.first..run.beyond {
            if frame > run.first {
                stills.pop_front();
                stills.push_back(self.still(i64::from(frame) + 1, size)?);
            }
            let mut canvas = memory.canvases.pop().unwrap_or_default();
            let beside = [backwards.then_some(&stills[0]), forwards.then_some(&stills[2])];
            let lost = self.draw(
                &stills[1],
                beside,
                &run.window,
                passes,
                false,
                &mut memory,
                &mut canvas,
                run.stop,
            )?;
            dropped = dropped.max(lost);
            // The picture as a whole, for the frames beside this one.
            let around = if whole || !(backwards || forwards) {
                None
            } else {
                Some(self.seen(&stills[1], &mut memory, run.stop)?)
            };
            let own = around.as_ref().unwrap_or(&canvas.seen);
            if let Some((number, mut waited)) = waiting.take() {
                self.occlude(&stills[1], own, &run.window, 1, &mut waited);
                let go_on = sink(number, &mut waited.frame);
                if whole {
                    // The older one's memory goes to the next canvas.
                    waited.seen = before
                        .replace(std::mem::take(&mut waited.seen))
                        .unwrap_or_default();
                }
                memory.canvases.push(waited);
                if go_on.is_break() {
                    return Ok(dropped);
                }
            }
            if backwards && let Some(before) = &before {
                self.occlude(&stills[0], before, &run.window, 0, &mut canvas);
            }
            if !forwards {
                let go_on = sink(frame, &mut canvas.frame);
                before = Some(around.unwrap_or_else(|| std::mem::take(&mut canvas.seen)));
                memory.canvases.push(canvas);
                if go_on.is_break() {
                    return Ok(dropped);
                }
                continue;
            }
            if !whole {
                before = around;
            }
            waiting = Some((frame, canvas));
        }
        if let Some((number, mut waited)) = waiting {
            let after = self.seen(&stills[2], &mut memory, run.stop)?;
            self.occlude(&stills[2], &after, &run.window, 1, &mut waited);
            let _ = sink(number, &mut waited.frame);
        }
        Ok(dropped)
    }

    /// Fills an occlusion pass: 0 for the previous frame's, 1 for the next one's.
    fn occlude(&self, still: &Still<'a>, seen: &Seen, window: &Window, side: usize, canvas: &mut Canvas) {
        let other = Other {
            set: &self.set,
            still,
            seen,
        };
        let f = &mut canvas.frame;
        let (motion, out) = match side {
            0 => (&f.motion_previous_px, &mut f.occlusion_previous),
            _ => (&f.motion_next_px, &mut f.occlusion),
        };
        if let (Some(motion), Some(out)) = (motion, out) {
            let there = &canvas.there_m[side];
            occlusion::fill(
                &other,
                window,
                &canvas.seen,
                &motion.values,
                there,
                &mut out.values,
            );
        }
    }

    /// The exposure of a shot: 0.55 over what nine tenths of its lit surfaces stay below, in small pictures of its
    /// first, middle and last frame. 1 where the scene has no lights of its own, or nothing that they fall on.
    pub fn find_exposure(&mut self) -> Result<(), RenderError> {
        let scene: &Scene = self.set.scene;
        self.exposure = 1.0;
        if !scene.nodes.iter().any(|n| n.light.is_some()) {
            return Ok(());
        }
        let Size { width, height } = self.shot.size;
        let by = 96.0 / f64::from(width.max(height));
        let side = |s: u32| (libm::round(f64::from(s) * by) as u32).max(1);
        let size = Size {
            width: side(width),
            height: side(height),
        };
        let window = Window { x: 0, y: 0, size };
        let last = self.shot.frames.saturating_sub(1);
        let mut frames = vec![0, last / 2, last];
        frames.dedup();
        let never = AtomicBool::new(false);
        let mut levels: Vec<f32> = Vec::new();
        for frame in frames {
            let still = self.still(i64::from(frame), size)?;
            let mut canvas = Canvas::default();
            let passes = Passes::COLOR;
            self.draw(
                &still,
                [None, None],
                &window,
                passes,
                true,
                &mut Memory::default(),
                &mut canvas,
                &never,
            )?;
            if let Some((image, _)) = &canvas.frame.color {
                // Luminance of ACEScg.
                let lit = image.pixels().iter().filter(|p| p[3] > 0.5);
                levels.extend(lit.map(|p| (0.2722 * p[0] + 0.6741 * p[1] + 0.0537 * p[2]) / p[3]));
            }
        }
        levels.retain(|l| l.is_finite());
        levels.sort_by(f32::total_cmp);
        if let Some(level) = levels.get(levels.len() * 9 / 10)
            && *level > 1e-12
        {
            self.exposure = 0.55 / level;
        }
        Ok(())
    }
}
