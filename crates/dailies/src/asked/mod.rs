//! What takes are held against: the shot's plan, a style, the stage.
//!
//! Everything here is known by a hash before it is made, so that it can be asked whether a take was held against it
//! without rendering or reading anything. It is made when the first take needs it, once for all takes, whatever the
//! number of threads.
//!
//! ```
//! use std::sync::Arc;
//!
//! use heirloom_dailies::asked::{Against, AskedFor, ShotPlan};
//! use heirloom_dailies::measures::{Expected, Move};
//! use heirloom_vault::ObjectId;
//!
//! // A camera that pans left: what is seen goes right, a hundredth of the width from each frame to the next.
//! let pan = Move { right: 0.01, ..Move::default() };
//! let plan = ShotPlan { motion: Some(Expected::of_moves(&[pan; 23])), layout: None };
//! let asked = AskedFor {
//!     plan: Some(Arc::new(Against::of(ObjectId::of(b"a pan to the left"), plan))),
//!     ..AskedFor::default()
//! };
//! assert!(!asked.is_met_by(&Default::default()));
//! ```

mod shot;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use heirloom_engine::GuideSet;
use heirloom_picture::measure::View;
use heirloom_vault::ObjectId;

use crate::measures::{Exemplars, Expected, FindFaces, LayoutPlans, Sought};

pub use shot::OfShot;

/// The names under which the index notes what a take was held against.
pub(crate) const PLAN: &str = "plan";
pub(crate) const STYLE: &str = "style";
pub(crate) const STAGE: &str = "stage";
pub(crate) const SUBJECTS: &str = "subjects";
pub(crate) const FACES: &str = "faces";

type Make<T> = Box<dyn FnOnce() -> Result<T, String> + Send>;

/// One thing that takes are held against: known by its hash, made when it is needed first.
pub struct Against<T> {
    id: ObjectId,
    made: LazyLock<Result<T, String>, Make<T>>,
}

impl<T> Against<T> {
    /// What `make` makes; `id` is the hash of all that decides what comes of it. Where it can not be made, its words say why,
    /// and takes are measured without it.
    pub fn new(id: ObjectId, make: impl FnOnce() -> Result<T, String> + Send + 'static) -> Self {
        Self {
            id,
            made: LazyLock::new(Box::new(make)),
        }
    }

    /// What is there already.
    pub fn of(id: ObjectId, made: T) -> Self
    where
        T: Send + 'static,
    {
        Self::new(id, move || Ok(made))
    }

    /// The hash of all that decides what it is.
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// It, or why it can not be made.
    ///
    /// # Errors
    /// The words of whoever made it.
    pub fn get(&self) -> Result<&T, &str> {
        self.made.as_ref().map_err(String::as_str)
    }
}

impl<T> fmt::Debug for Against<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Against").field(&self.id).finish()
    }
}

/// What a shot's plan says of its frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShotPlan {
    /// The motion asked for.
    pub motion: Option<Expected>,
    /// Pictures of the layout.
    pub layout: Option<LayoutPlans>,
}

/// A fitted style's own measure of one frame, at most [`heirloom_archive::PROXY_SIDE`] pixels on its longer side.
pub type StyleDrift = Box<dyn Fn(&View<'_>) -> f64 + Send + Sync>;

/// A style as takes are held against it.
#[derive(Default)]
pub struct OfStyle {
    /// Its pictures.
    pub exemplars: Exemplars,
    /// Its own measure, where it was fitted.
    pub drift: Option<StyleDrift>,
}

/// What a take is held against.
#[derive(Clone, Debug, Default)]
pub struct AskedFor {
    /// The shot's plan.
    pub plan: Option<Arc<Against<ShotPlan>>>,
    /// The take's style.
    pub style: Option<Arc<Against<OfStyle>>>,
    /// The stage's passes, where adherence to it is to be judged: dear, a pass of its own over the take.
    pub stage: Option<Arc<Against<GuideSet>>>,
    /// The subjects that it is to show.
    pub subjects: Option<Arc<Against<Vec<Sought>>>>,
    /// What finds faces, where the charter forbids them.
    pub faces: Option<Arc<Against<Box<dyn FindFaces>>>>,
}

impl AskedFor {
    /// Whether numbers that were taken against these objects (by what they are: [`crate::index::Index::against`]) say all that
    /// is asked now.
    ///
    /// The plan and the subjects must be the same, or none in both. A style, the stage or a finder of faces that a take was held
    /// against without being asked now does no harm: its numbers stay.
    pub fn is_met_by(&self, noted: &BTreeMap<String, ObjectId>) -> bool {
        let plan = self.plan.as_ref().map(|plan| plan.id());
        let style = self.style.as_ref().map(|style| style.id());
        let stage = self.stage.as_ref().map(|stage| stage.id());
        let subjects = self.subjects.as_ref().map(|subjects| subjects.id());
        let faces = self.faces.as_ref().map(|faces| faces.id());
        plan.as_ref() == noted.get(PLAN)
            && subjects.as_ref() == noted.get(SUBJECTS)
            && style.is_none_or(|style| noted.get(STYLE) == Some(&style))
            && stage.is_none_or(|stage| noted.get(STAGE) == Some(&stage))
            && faces.is_none_or(|faces| noted.get(FACES) == Some(&faces))
    }
}
