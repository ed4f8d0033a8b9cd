//! Prims become nodes.

use std::collections::{BTreeMap, HashMap, HashSet};

use openusd::sdf::Path;
use openusd::tf::Token;
use openusd::usd::{Prim, PrimStatus, Stage};

use super::layers::Said;
use super::look::{self, Looks};
use super::mesh::Surface;
use super::place::{self, Frame};
use super::skel::Skels;
use super::values::{self, Measures, Sampled};
use super::{PRIM_DEPTH, arcs, instancer, is_name, lamp, lens, said, shapes};
use crate::read::ReadError;
use crate::read::budget::Context;
use crate::read::names::Names;
use crate::scene::{Mesh, Node, Scene};
use crate::track::{Interpolation, Track};

/// Types of prims that others ask for, and that show nothing by themselves.
const ASKED_FOR: &[&str] = &[
    "Material",
    "Shader",
    "NodeGraph",
    "GeomSubset",
    "SkelAnimation",
    "BlendShape",
    "RenderSettings",
    "RenderProduct",
    "RenderVar",
    "Backdrop",
];

/// Types that are places only.
const PLACES: &[&str] = &["", "Xform", "Scope", "SkelRoot", "Model"];

struct Walk<'a, 'c> {
    stage: &'a Stage,
    measures: Measures,
    frame: Frame,
    scene: Scene,
    names: Names,
    camera_names: Names,
    light_names: Names,
    mesh_names: Names,
    looks: Looks,
    skels: Skels,
    /// Meshes by the prim they were read of, or its prototype: all instances share them.
    shared: HashMap<String, usize>,
    /// Prims that an instancer shows, and the nodes they are shown at.
    instances: Vec<(Path, usize)>,
    /// Nodes that instancers made.
    instance_nodes: HashSet<usize>,
    /// Nodes with a surface right below them.
    places_with_meshes: HashSet<usize>,
    /// Types that are not carried, with how often they came.
    left_out: BTreeMap<String, usize>,
    context: &'a mut Context<'c>,
}

pub(super) fn read(
    stage: &Stage,
    said_by_layers: &Said,
    context: &mut Context<'_>,
) -> Result<Scene, ReadError> {
    let measures = Measures::of(stage, context);
    let mut walk = Walk {
        stage,
        measures,
        frame: Frame::of(&measures),
        scene: Scene::default(),
        names: Names::default(),
        camera_names: Names::default(),
        light_names: Names::default(),
        mesh_names: Names::default(),
        looks: Looks::default(),
        skels: Skels::default(),
        shared: HashMap::new(),
        instances: Vec::new(),
        instance_nodes: HashSet::new(),
        places_with_meshes: HashSet::new(),
        left_out: BTreeMap::new(),
        context,
    };
    let walked = walk.all();
    let Walk {
        mut scene,
        skels,
        left_out,
        context,
        ..
    } = walk;
    said_by_layers.tell(stage, context);
    walked?;
    skels.bind(stage, &measures, &mut scene, context)?;
    for (kind, count) in left_out {
        context.warn(
            &kind,
            format!("prims of this type are not carried; {count} are left out"),
        );
    }
    let end = measures.seconds(stage.end_time_code());
    if scene.duration_s > 0.0 && stage.has_authored_time_code_range() && end.is_finite() && end > 0.0 {
        scene.duration_s = end;
    }
    Ok(scene)
}

impl Walk<'_, '_> {
    fn all(&mut self) -> Result<(), ReadError> {
        let roots = self
            .stage
            .root_prims()
            .map_err(|e| self.context.damaged(said(&e)))?;
        let mut waiting: Vec<(Path, Option<usize>)> = Vec::new();
        for name in self.named(roots).iter().rev() {
            if let Ok(path) = Path::abs_root().append_path(name.as_str()) {
                waiting.push((path, None));
            }
        }
        let mut count = 0_u64;
        while let Some((path, parent)) = waiting.pop() {
            count += 1;
            if count > arcs::PRIMS {
                return Err(ReadError::TooLarge {
                    name: self.context.name.clone(),
                    what: "prims",
                    count,
                    limit: arcs::PRIMS,
                });
            }
            if path.prim_element_count() > PRIM_DEPTH {
                return Err(self
                    .context
                    .damaged(format!("its prims lie deeper than {PRIM_DEPTH} levels")));
            }
            let prim = self.stage.prim(path);
            let node = self.prim(&prim, parent)?;
            waiting.extend(
                self.instances
                    .drain(..)
                    .rev()
                    .map(|(path, node)| (path, Some(node))),
            );
            let Some(node) = node else {
                continue;
            };
            let children = prim.child_names().map_err(|e| self.broken(&prim, &e))?;
            for name in self.named(children).iter().rev() {
                if let Ok(path) = prim.path().append_path(name.as_str()) {
                    waiting.push((path, Some(node)));
                }
            }
        }
        Ok(())
    }

    /// The names that can be followed.
    fn named(&mut self, mut names: Vec<Token>) -> Vec<Token> {
        names.retain(|name| {
            let sound = is_name(name.as_str());
            if !sound {
                self.context.warn(
                    name.as_str(),
                    "this is no name for a prim; it and what is below it is left out",
                );
            }
            sound
        });
        names
    }

    fn broken(&self, prim: &Prim, error: &impl std::fmt::Display) -> ReadError {
        self.context.damaged(format!("{}: {}", prim.path(), said(error)))
    }

    /// The node of a prim; none where neither it nor what is below it is shown.
    fn prim(&mut self, prim: &Prim, parent: Option<usize>) -> Result<Option<usize>, ReadError> {
        // Prims that nothing comes of take time all the same.
        self.context.nodes(1)?;
        let path = prim.path().as_str().to_owned();
        let status = self
            .stage
            .prim_status(prim.path().clone())
            .map_err(|e| self.broken(prim, &e))?;
        let shown = PrimStatus::ACTIVE | PrimStatus::DEFINED | PrimStatus::LOADED;
        if !status.contains(shown) || status.contains(PrimStatus::ABSTRACT) {
            return Ok(None);
        }
        let kind = prim.type_name().map_err(|e| self.broken(prim, &e))?;
        let kind = kind.map(|t| t.as_str().to_owned()).unwrap_or_default();
        if ASKED_FOR.contains(&kind.as_str()) {
            return Ok(None);
        }
        let purpose = values::fixed(prim, "purpose", &self.measures, self.context)?;
        let purpose = purpose.as_ref().and_then(values::text).unwrap_or_default();
        if purpose == "guide" || purpose == "proxy" {
            self.context.warn(
                &path,
                format!("its purpose is `{purpose}`; it and what is below it is left out"),
            );
            return Ok(None);
        }
        let surface = self.surface(prim, &kind)?;
        let lamp = lamp::KINDS.contains(&kind.as_str());
        let known = PLACES.contains(&kind.as_str())
            || surface.is_some()
            || lamp
            || ["Camera", "Skeleton", "PointInstancer"].contains(&kind.as_str());
        if !known {
            *self.left_out.entry(crate::read::names::tidy(&kind)).or_default() += 1;
        }
        let placed = place::read(prim, &self.measures, &mut self.scene, self.context)?;
        let mut node = Node::named(self.names.unique(prim.path().name(), "prim"));
        node.parent = parent.filter(|_| !placed.alone);
        node.placement = match node.parent {
            Some(_) => placed.placement,
            None => self.frame.apply(placed.placement),
        };
        node.object = false;
        node.visible = self.visible(prim)?;
        let number = self.scene.nodes.len();
        if (lamp || kind == "Camera")
            && let Some(above) = node.parent
        {
            // Blender writes a place and, under the same name, what stands there: the latter is what a shot asks for.
            let above = &mut self.scene.nodes[above];
            if prim.path().name() == Some(above.name.as_str()) {
                std::mem::swap(&mut above.name, &mut node.name);
            }
        }
        let name = node.name.clone();
        self.scene.nodes.push(node);
        if kind == "Camera" {
            let name = self.camera_names.unique(Some(&name), "camera");
            let camera = lens::read(prim, name, &self.measures, &mut self.scene, self.context)?;
            self.scene.nodes[number].camera = Some(self.scene.cameras.len());
            self.scene.cameras.push(camera);
        } else if lamp {
            let name = self.light_names.unique(Some(&name), "light");
            let light = lamp::read(prim, &kind, name, &self.measures, &mut self.scene, self.context)?;
            self.scene.nodes[number].light = Some(self.scene.lights.len());
            self.scene.lights.push(light);
        } else if kind == "Skeleton" {
            self.skels.skeleton(
                prim,
                number,
                &mut self.names,
                &self.measures,
                &mut self.scene,
                self.context,
            )?;
        } else if kind == "PointInstancer" {
            self.instancer(prim, number)?;
            // What is below it is shown where its points are, and not by itself.
            return Ok(None);
        }
        if let Some(surface) = surface {
            self.mesh(prim, number, surface)?;
        }
        Ok(Some(number))
    }

    fn instancer(&mut self, prim: &Prim, node: usize) -> Result<(), ReadError> {
        let name = self.scene.nodes[node].name.clone();
        for instance in instancer::read(prim, &self.measures, self.context)? {
            self.context.nodes(1)?;
            let mut place = Node::named(self.names.unique(Some(&name), "instance"));
            place.parent = Some(node);
            place.placement = instance.placement;
            // An instance is a thing of its own, whatever its prototype is made of.
            place.object = true;
            self.instances.push((instance.prototype, self.scene.nodes.len()));
            self.instance_nodes.insert(self.scene.nodes.len());
            self.scene.nodes.push(place);
        }
        Ok(())
    }

    fn visible(&mut self, prim: &Prim) -> Result<Track<bool>, ReadError> {
        let sampled = Sampled::of(prim, "visibility", &self.measures, self.context)?;
        self.context.key_values(sampled.keys.len() as u64)?;
        let seen = |v: &openusd::sdf::Value| values::text(v).map(|t| t != "invisible");
        let track = sampled.track(Interpolation::Step, self.context, &mut self.scene, seen)?;
        Ok(track.unwrap_or_else(|| Track::constant(true)))
    }

    /// A prim's surface: one that other instances have read already, or one of its own.
    fn surface(&mut self, prim: &Prim, kind: &str) -> Result<Option<Made>, ReadError> {
        if kind == "Mesh" {
            let prototype = prim.prim_in_prototype().ok().flatten();
            let read_of = prototype.as_ref().unwrap_or(prim).path().as_str().to_owned();
            if let Some(known) = self.shared.get(&read_of) {
                return Ok(Some(Made::Known(*known)));
            }
            return Ok(Some(Made::Mesh(read_of)));
        }
        let surface = shapes::read(prim, kind, &self.measures, self.context)?;
        Ok(surface.map(|s| Made::Shape(Box::new(s))))
    }

    fn mesh(&mut self, prim: &Prim, node: usize, made: Made) -> Result<(), ReadError> {
        self.object(node);
        let (surface, read_of) = match made {
            Made::Known(mesh) => {
                self.scene.nodes[node].mesh = Some(mesh);
                let bends = |p: &crate::scene::Primitive| !p.joints.is_empty() || !p.morphs.is_empty();
                if self.scene.meshes[mesh].primitives.iter().any(bends) {
                    self.context.warn(
                        prim.path().as_str(),
                        "it is one of several instances that bones or shapes move; it is shown at rest",
                    );
                }
                return Ok(());
            }
            Made::Shape(surface) => (Some(*surface), None),
            Made::Mesh(read_of) => (None, Some(read_of)),
        };
        let path = prim.path().as_str().to_owned();
        let double_sided = values::fixed(prim, "doubleSided", &self.measures, self.context)?;
        let double_sided = double_sided.as_ref().and_then(values::yes).unwrap_or(false);
        // The mesh's own material, then its subsets'.
        let mut bindings = vec![look::bound(prim, self.context)?];
        let mut subsets: Vec<Vec<i64>> = Vec::new();
        for child in prim.children().map_err(|e| self.broken(prim, &e))? {
            if !child.path().name().is_some_and(is_name) {
                continue;
            }
            if let Some(faces) = self.subset(&child)? {
                bindings.push(look::bound(&child, self.context)?);
                subsets.push(faces);
            }
        }
        let mut looks = Vec::with_capacity(bindings.len());
        for binding in &bindings {
            looks.push(match binding {
                Some(path) => Some(self.looks.read(
                    self.stage,
                    path,
                    double_sided,
                    &self.measures,
                    &mut self.scene,
                    self.context,
                )?),
                None => None,
            });
        }
        let uv_name = looks.iter().flatten().find_map(|l| l.uv_name.clone());
        let surface = match surface {
            Some(surface) => surface,
            None => Surface::of(prim, uv_name.as_deref(), &self.measures, self.context)?,
        };
        let mut groups = vec![0; surface.counts.len()];
        for (number, faces) in subsets.iter().enumerate() {
            for face in faces {
                if let Some(group) = usize::try_from(*face).ok().and_then(|f| groups.get_mut(f)) {
                    *group = number + 1;
                }
            }
        }
        let colored: Vec<bool> = looks
            .iter()
            .map(|l| l.as_ref().is_none_or(|l| l.colored))
            .collect();
        let mut parts = surface.parts(&groups, &colored, &path, self.context)?;
        for (part, look) in parts.iter_mut().zip(&looks) {
            part.primitive.material = match look {
                Some(look) => Some(look.material),
                None if surface.has_colors() => Some(self.looks.display_color(
                    double_sided,
                    surface.has_opacity(),
                    &mut self.scene,
                )),
                None => None,
            };
        }
        parts.retain(|p| !p.primitive.triangles.is_empty());
        if let Some(moving) = parts.iter().find_map(|p| p.primitive.moving.as_ref())
            && let Some(&end) = moving.times_s().last()
        {
            self.scene.duration_s = self.scene.duration_s.max(end);
        }
        let mesh = self.scene.meshes.len();
        self.skels
            .mesh(prim, node, mesh, &mut parts, &self.measures, self.context)?;
        self.scene.meshes.push(Mesh {
            name: self.mesh_names.unique(prim.path().name(), "mesh"),
            primitives: parts.into_iter().map(|p| p.primitive).collect(),
        });
        self.scene.nodes[node].mesh = Some(mesh);
        if let Some(read_of) = read_of {
            self.shared.insert(read_of, mesh);
        }
        Ok(())
    }

    /// Which node stands for a surface: the place above it that holds nothing else, as Blender writes an object, or
    /// the surface's own.
    fn object(&mut self, node: usize) {
        let parent = |n: &usize| self.scene.nodes[*n].parent;
        if std::iter::successors(Some(node), parent).any(|n| self.instance_nodes.contains(&n)) {
            return;
        }
        let Some(above) = parent(&node) else {
            self.scene.nodes[node].object = true;
            return;
        };
        let place = &mut self.scene.nodes[above];
        let first = self.places_with_meshes.insert(above);
        if first && place.mesh.is_none() && place.parent.is_some() && !place.object {
            place.object = true;
        } else {
            self.scene.nodes[node].object = true;
        }
    }

    fn subset(&mut self, child: &Prim) -> Result<Option<Vec<i64>>, ReadError> {
        let kind = child.type_name().ok().flatten();
        if kind.as_ref().map(|t| t.as_str()) != Some("GeomSubset") {
            return Ok(None);
        }
        let read = |name: &str, walk: &Self| values::fixed(child, name, &walk.measures, walk.context);
        let element = read("elementType", self)?.as_ref().and_then(values::text);
        let family = read("familyName", self)?.as_ref().and_then(values::text);
        if element.is_some_and(|e| e != "face") || family.as_deref() != Some("materialBind") {
            return Ok(None);
        }
        Ok(read("indices", self)?.as_ref().and_then(values::integers))
    }
}

/// A surface before it is in the scene.
enum Made {
    Known(usize),
    Shape(Box<Surface>),
    /// One to be read, with the path of the prim that has it.
    Mesh(String),
}
