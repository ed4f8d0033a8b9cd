//! Networks in ONNX, run by `tract`.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use heirloom_picture::measure::View;
use heirloom_picture::preview::Preview;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;

use super::boxes::{self, Hit};
use crate::measures::{Face, FindFaces};

/// A network's picture may be so long at most, in pixels.
const LONGEST: usize = 4096;
/// Declared sizes below this are what an export left behind, not what the network wants.
const LEAST: usize = 48;
/// Sides of pictures for networks that take any size are multiples of this.
const GRID: usize = 32;

type Plan = Arc<TypedRunnableModel>;

/// How a network is fed and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Two results: scores and corners of anchors.
    Anchors,
    /// Four results, or three: heat, sizes, offsets, and landmarks that are not looked at.
    Maps,
}

/// A network that finds faces.
pub(super) struct Detector {
    model: InferenceModel,
    kind: Kind,
    /// Width and height that it is made for; none where it takes any.
    size: Option<[usize; 2]>,
    /// Ready to run, by the size of its picture.
    plans: Mutex<BTreeMap<[usize; 2], Plan>>,
}

impl Detector {
    /// From the bytes of an ONNX file.
    pub fn new(bytes: &[u8]) -> Result<Self, String> {
        guarded(|| {
            let model = onnx()
                // What an export says of sizes within holds for the size it was exported at.
                .with_ignore_output_shapes(true)
                .with_ignore_value_info(true)
                .model_for_read(&mut Cursor::new(bytes))
                .map_err(|e| format!("{e:#}"))?;
            let [input] = model.input_outlets().map_err(|e| format!("{e:#}"))? else {
                return Err("it has more than one input".into());
            };
            let fact = model.outlet_fact(*input).map_err(|e| format!("{e:#}"))?;
            let dims: Vec<Option<usize>> = fact
                .shape
                .dims()
                .map(|dim| {
                    dim.concretize()
                        .and_then(|dim| dim.to_i64().ok())
                        .and_then(|dim| usize::try_from(dim).ok())
                })
                .collect();
            let size = match dims.as_slice() {
                [_, None | Some(3), Some(high), Some(wide)] if *high >= LEAST && *wide >= LEAST => {
                    Some([*wide, *high])
                }
                [_, None | Some(3), _, _] => None,
                _ => return Err("its input is no colour picture of [1, 3, height, width]".into()),
            };
            if size.is_some_and(|size| size.iter().any(|side| *side > LONGEST)) {
                return Err(format!("its picture is longer than {LONGEST} pixels"));
            }
            let kind = match model.output_outlets().map_err(|e| format!("{e:#}"))?.len() {
                2 => Kind::Anchors,
                3 | 4 => Kind::Maps,
                n => {
                    return Err(format!(
                        "it has {n} results, where detectors of faces have 2 to 4"
                    ));
                }
            };
            let detector = Self {
                model,
                kind,
                size,
                plans: Mutex::default(),
            };
            let grey = Preview::from_codes(vec![[128; 3]; 96 * 96], 96, 96).ok_or("no picture")?;
            detector.look(&grey)?;
            Ok(detector)
        })
    }

    fn plan(&self, [width, height]: [usize; 2]) -> Result<Plan, String> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.get(&[width, height]) {
            return Ok(plan.clone());
        }
        let ready = || -> TractResult<Plan> {
            let fact = f32::fact([1, 3, height, width]);
            self.model
                .clone()
                .with_input_fact(0, fact.into())?
                .into_optimized()?
                .into_runnable()
        };
        let plan = ready().map_err(|e| format!("{e:#}"))?;
        plans.insert([width, height], plan.clone());
        Ok(plan)
    }

    /// The faces of a picture.
    fn look(&self, picture: &Preview) -> Result<Vec<Face>, String> {
        let own = [picture.width() as usize, picture.height() as usize];
        let size = self
            .size
            .unwrap_or(own.map(|side| side.div_ceil(GRID).max(1) * GRID));
        let fits = own[0] <= size[0] && own[1] <= size[1];
        let small = if fits {
            picture.clone()
        } else {
            let by = (size[0] as f64 / own[0] as f64).min(size[1] as f64 / own[1] as f64);
            picture.scaled((own[0].max(own[1]) as f64 * by).floor().max(1.0) as u32)
        };
        let input = Tensor::from_shape(&[1, 3, size[1], size[0]], &self.planes(&small, size))
            .map_err(|e| format!("{e:#}"))?;
        let results = self
            .plan(size)?
            .run(tvec!(input.into()))
            .map_err(|e| format!("{e:#}"))?;
        let hits = self.read(&results, size)?;
        Ok(boxes::faces(hits, [small.width(), small.height()]))
    }

    /// The picture in the upper left of planes of that size; what is beyond it is black, or the network's middle.
    fn planes(&self, picture: &Preview, [width, height]: [usize; 2]) -> Vec<f32> {
        let mut planes = vec![0f32; 3 * width * height];
        let (across, rows) = (picture.width() as usize, picture.height() as usize);
        for (y, row) in picture
            .codes()
            .chunks_exact(across)
            .take(rows.min(height))
            .enumerate()
        {
            for (x, codes) in row.iter().take(width).enumerate() {
                for (channel, code) in codes.iter().enumerate() {
                    let code = f32::from(*code);
                    planes[(channel * height + y) * width + x] = match self.kind {
                        Kind::Anchors => (code - 127.0) / 128.0,
                        Kind::Maps => code,
                    };
                }
            }
        }
        planes
    }

    fn read(&self, results: &[TValue], size: [usize; 2]) -> Result<Vec<Hit>, String> {
        let shaped = |shape: &dyn Fn(&[usize]) -> bool, what: &str| {
            results
                .iter()
                .find(|result| shape(result.shape()))
                .ok_or_else(|| format!("it gives no {what}"))
        };
        let numbers = |result: &TValue| -> Result<Vec<f32>, String> {
            let view = result
                .to_plain_array_view::<f32>()
                .map_err(|e| format!("{e:#}"))?;
            Ok(view.iter().copied().collect())
        };
        match self.kind {
            Kind::Anchors => {
                let scores = shaped(&|s| matches!(s, [1, _, 2]), "scores of [1, N, 2]")?;
                let corners = shaped(
                    &|s| matches!(s, [1, n, 4] if *n == scores.shape()[1]),
                    "corners of [1, N, 4] for its scores",
                )?;
                Ok(boxes::of_anchors(&numbers(scores)?, &numbers(corners)?, size))
            }
            Kind::Maps => {
                let heat = shaped(&|s| matches!(s, [1, 1, _, _]), "heat map of [1, 1, h, w]")?;
                let (down, across) = (heat.shape()[2], heat.shape()[3]);
                let mut pairs = results
                    .iter()
                    .filter(|r| matches!(r.shape(), [1, 2, h, w] if (*h, *w) == (down, across)));
                let (Some(sizes), Some(offsets)) = (pairs.next(), pairs.next()) else {
                    return Err("it gives no sizes and offsets of [1, 2, h, w]".into());
                };
                let stride = size[0] as f32 / across.max(1) as f32;
                Ok(boxes::of_maps(
                    &numbers(heat)?,
                    &numbers(sizes)?,
                    &numbers(offsets)?,
                    across,
                    stride,
                ))
            }
        }
    }
}

impl FindFaces for Detector {
    fn find(&self, frame: &View<'_>) -> Result<Vec<Face>, String> {
        let picture = Preview::from_codes(frame.codes().to_vec(), frame.width(), frame.height())
            .ok_or("the frame has no pixels")?;
        guarded(|| self.look(&picture))
    }
}

/// Networks that nobody has checked can lead the library into a panic: that is the network's fault, and is told as such.
fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err("it can not be run".into()))
}
