//! The camera on the set: what it stands on, what it looks at, and its way baked into keys.

use glam::{DMat3, DMat4, DQuat, DVec3};
use heirloom_film::{Blocking, CameraSetup, Spot};

use super::angle::{looking, turn};
use super::camera::{Base, Stand, Way};
use super::{BlockingError, Clock, Looks, free_name, moving, own_camera};
use crate::pose::frame_time_s;
use crate::scene::{Camera, Node, Scene};
use crate::track::Track;

/// A spot of the set, found.
#[derive(Debug, Clone, Copy)]
enum Found {
    Place(DVec3),
    /// A place on a node, in the node's space.
    On(usize, DVec3),
}

/// Finds what a spot means.
fn find(scene: &Scene, looks: &Looks, spot: &Spot) -> Result<Found, BlockingError> {
    let name = match spot {
        Spot::Place(at) => return Ok(Found::Place(DVec3::from_array(*at))),
        Spot::Thing(name) => name,
    };
    let node = scene
        .nodes
        .iter()
        .position(|node| node.name == *name)
        .ok_or_else(|| {
            let names = scene.nodes.iter().map(|node| node.name.as_str());
            let mend = match heirloom_film::toml::nearest(name, names) {
                Some(meant) => format!("write \"{meant}\""),
                None => "write the name of a thing or of a node of the scene file".into(),
            };
            BlockingError::NoThing {
                name: name.clone(),
                mend,
            }
        })?;
    let middle = looks.get(&node).copied().unwrap_or_else(|| middle(scene, node));
    Ok(Found::On(node, middle))
}

/// The middle of what a node shows, in its own space.
pub(super) fn middle(scene: &Scene, node: usize) -> DVec3 {
    let mesh = scene.nodes[node].mesh.and_then(|mesh| scene.meshes.get(mesh));
    let places = mesh.into_iter().flat_map(|mesh| &mesh.primitives);
    let bounds = places.flat_map(|p| &p.positions).fold(None, |bounds, p| {
        let p = DVec3::from_array(p.map(f64::from));
        let (low, high) = bounds.unwrap_or((p, p));
        Some((low.min(p), high.max(p)))
    });
    bounds.map_or(DVec3::ZERO, |(low, high): (DVec3, DVec3)| (low + high) / 2.0)
}

/// World from node at a time.
pub(super) fn world(scene: &Scene, node: usize, time_s: f64) -> DMat4 {
    let mut matrix = scene.nodes[node].placement.at(time_s);
    let mut above = scene.nodes[node].parent;
    while let Some(parent) = above {
        matrix = scene.nodes[parent].placement.at(time_s) * matrix;
        above = scene.nodes[parent].parent;
    }
    matrix
}

/// What the camera stands on: a set-up in words, or the file's own camera.
struct Footing<'a> {
    scene: &'a Scene,
    looks: &'a Looks,
    clock: &'a Clock,
    setup: Option<&'a CameraSetup>,
    target: Option<Found>,
    /// The turn of a set-up that holds nothing.
    fixed: DQuat,
    /// The file's camera.
    file: Option<(usize, &'a Camera)>,
}

impl Footing<'_> {
    fn time_s(&self, frame: f64) -> f64 {
        frame_time_s(self.clock.start_s, frame, self.clock.rate)
    }

    fn place(&self, found: Found, frame: f64) -> DVec3 {
        match found {
            Found::Place(at) => at,
            Found::On(node, at) => world(self.scene, node, self.time_s(frame)).transform_point3(at),
        }
    }
}

impl Base for Footing<'_> {
    fn stand(&self, frame: f64) -> Stand {
        if let Some((node, camera)) = self.file {
            let time_s = self.time_s(frame);
            let matrix = world(self.scene, node, time_s);
            return Stand {
                at: matrix.w_axis.truncate(),
                rotation: rigid(&matrix).unwrap_or(DQuat::IDENTITY),
                lens_mm: camera.focal_mm.as_ref().map_or(35.0, |f| f.at(time_s)),
            };
        }
        let setup = self.setup.cloned().unwrap_or_default();
        Stand {
            at: DVec3::from_array(setup.at_m),
            rotation: self.fixed,
            lens_mm: setup.lens_mm,
        }
    }

    fn held(&self, frame: f64) -> Option<DVec3> {
        let hold = self.setup.is_some_and(|setup| setup.hold);
        self.target.filter(|_| hold).map(|found| self.place(found, frame))
    }

    fn aimed(&self, frame: f64) -> Option<DVec3> {
        self.target.map(|found| self.place(found, frame))
    }

    fn beside(&self) -> [f64; 3] {
        self.setup
            .map_or([0.0; 3], |setup| [setup.pan_deg, setup.tilt_deg, setup.roll_deg])
    }

    fn spot(&self, spot: &Spot, frame: f64) -> Option<DVec3> {
        find(self.scene, self.looks, spot)
            .ok()
            .map(|found| self.place(found, frame))
    }
}

/// The turn of a matrix without its scale: Gram-Schmidt from the looking axis.
fn rigid(matrix: &DMat4) -> Option<DQuat> {
    let z = matrix.z_axis.truncate().try_normalize()?;
    let x = matrix.x_axis.truncate();
    let x = (x - z * x.dot(z)).try_normalize()?;
    Some(DQuat::from_mat3(&DMat3::from_cols(x, z.cross(x), z)))
}

/// The node of the shot's camera: the file's own, or a new one with all moves in its keys.
pub(super) fn camera(
    scene: &mut Scene,
    blocking: &Blocking,
    looks: &Looks,
    from_file: usize,
    clock: &Clock,
) -> Result<usize, BlockingError> {
    let mut file = None;
    if blocking.scene.is_some() && blocking.camera.is_none() {
        let node = file_camera(scene, blocking.camera_name.as_deref(), from_file)?;
        if blocking.moves.is_empty() {
            return Ok(node);
        }
        file = Some(node);
    }
    let (values, back) = {
        let camera = file.and_then(|node| scene.cameras.get(scene.nodes[node].camera?).map(|c| (node, c)));
        if let Some((node, camera)) = camera
            && camera.focal_mm.is_none()
        {
            return Err(BlockingError::Flat(scene.nodes[node].name.clone()));
        }
        let setup = match (&blocking.camera, file) {
            (Some(setup), _) => Some(setup.clone()),
            (None, Some(_)) => None,
            (None, None) => Some(CameraSetup::default()),
        };
        let target = setup.as_ref().and_then(|setup| setup.look_at.as_ref());
        let target = target.map(|spot| find(scene, looks, spot)).transpose()?;
        // A name that is not there is said once and well, before any move asks for it.
        let rounds = blocking.moves.iter().filter_map(|one| match &one.kind {
            heirloom_film::MoveKind::Orbit { round, .. }
            | heirloom_film::MoveKind::SpiralDescent { round, .. } => round.as_ref(),
            _ => None,
        });
        let focus = setup.as_ref().and_then(|setup| setup.focus.as_ref());
        for spot in rounds.chain(focus) {
            find(scene, looks, spot)?;
        }
        let mut footing = Footing {
            scene,
            looks,
            clock,
            setup: setup.as_ref(),
            target,
            fixed: DQuat::IDENTITY,
            file: camera,
        };
        if let (Some(setup), Some(target)) = (&setup, footing.aimed(0.0)) {
            footing.fixed =
                looking(target - DVec3::from_array(setup.at_m), 0.0).unwrap_or(turn(DVec3::Y, 0.0));
        }
        let way = Way::new(&footing, &blocking.moves, clock.rate, clock.frames)?;
        let mut values = Keys::default();
        for frame in 0..=clock.frames {
            values.push(way.at(f64::from(frame)));
        }
        let back = match (&setup, camera) {
            (Some(setup), _) => Back::Setup(setup.back.size_mm),
            (None, Some((_, camera))) => Back::File(camera.clone()),
            (None, None) => Back::Setup(CameraSetup::default().back.size_mm),
        };
        (values, back)
    };
    let name = free_name(scene, "camera");
    let still = |at| Track::constant(at);
    let focal_mm = clock.baked(values.lens_mm).unwrap_or_else(|| still(35.0));
    scene.cameras.push(match back {
        Back::Setup(size_mm) => own_camera(name.clone(), focal_mm, size_mm),
        Back::File(camera) => Camera {
            name: name.clone(),
            focal_mm: Some(focal_mm),
            ..camera
        },
    });
    let translation = clock
        .baked(values.at)
        .unwrap_or_else(|| Track::constant(DVec3::ZERO));
    let rotation = clock
        .baked(values.rotation)
        .unwrap_or_else(|| Track::constant(DQuat::IDENTITY));
    scene.nodes.push(Node {
        placement: moving(translation, rotation),
        camera: Some(scene.cameras.len() - 1),
        object: false,
        ..Node::named(name)
    });
    Ok(scene.nodes.len() - 1)
}

enum Back {
    Setup([f64; 2]),
    File(Camera),
}

/// A value a frame, of each track.
#[derive(Default)]
struct Keys {
    at: Vec<DVec3>,
    rotation: Vec<DQuat>,
    lens_mm: Vec<f64>,
}

impl Keys {
    fn push(&mut self, stand: Stand) {
        // The same turn has two signs; neighbours get the same one, so that going between them is short.
        let rotation = match self.rotation.last() {
            Some(before) if before.dot(stand.rotation) < 0.0 => -stand.rotation,
            _ => stand.rotation,
        };
        self.at.push(stand.at);
        self.rotation.push(rotation);
        self.lens_mm.push(stand.lens_mm);
    }
}

/// A camera of the file by its name, or the first.
fn file_camera(scene: &Scene, name: Option<&str>, from_file: usize) -> Result<usize, BlockingError> {
    let found = scene.camera_node(name).filter(|node| *node < from_file);
    found.ok_or_else(|| BlockingError::NoCamera {
        name: name.map(String::from),
        others: scene.nodes[..from_file]
            .iter()
            .filter(|node| node.camera.is_some())
            .map(|node| format!("\"{}\"", node.name))
            .collect(),
    })
}
