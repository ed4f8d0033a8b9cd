//! Things of the set become nodes, with their marks as tracks.

use glam::{DQuat, DVec3};
use heirloom_film::{Blocking, Relief, Shape, Spot, Thing};

use super::angle::turned;
use super::shapes::{Surface, capsule, cuboid, sphere};
use super::{BlockingError, Clock, Context, Looks, billboard, figure, land, linear, moving};
use crate::scene::{Material, Mesh, Node, Primitive, Scene, Texture, TextureUse, Wrap};
use crate::track::{Interpolation, Track};

/// Most keys of all turns together, so that long shots with many things stay within memory.
const MAX_TURN_KEYS: usize = 4_000_000;

/// Bodies of figures that have no colour of their own, so that people can be told apart.
const BODIES: [[f64; 3]; 6] = [
    [0.36, 0.46, 0.56],
    [0.60, 0.42, 0.34],
    [0.44, 0.52, 0.40],
    [0.55, 0.50, 0.42],
    [0.48, 0.40, 0.52],
    [0.34, 0.50, 0.50],
];
const SKIN: [f64; 3] = [0.78, 0.65, 0.56];

/// Adds every thing to the scene; gives where to look on those whose middle is not the place.
pub(super) fn place(
    scene: &mut Scene,
    blocking: &Blocking,
    context: &Context<'_>,
    clock: &Clock,
) -> Result<Looks, BlockingError> {
    let mut looks = Looks::new();
    let from_file = scene.nodes.len();
    let mut figures = 0;
    for thing in &blocking.things {
        if scene.nodes[..from_file]
            .iter()
            .any(|node| node.name == thing.name)
        {
            return Err(BlockingError::Taken(thing.name.clone()));
        }
        let parent = match &thing.with {
            None => None,
            Some(with) => Some(
                scene
                    .nodes
                    .iter()
                    .position(|node| node.name == *with)
                    .ok_or_else(|| BlockingError::NoThing {
                        name: with.clone(),
                        mend: format!("put it above \"{}\"", thing.name),
                    })?,
            ),
        };
        let made = made(scene, thing, blocking, context, clock, &mut figures)?;
        if let Some(at) = made.look {
            looks.insert(scene.nodes.len(), at);
        }
        scene.meshes.push(Mesh {
            name: thing.name.clone(),
            primitives: vec![made.primitive],
        });
        scene.nodes.push(Node {
            parent,
            placement: moving(way(thing, clock), turns(thing, clock, blocking.things.len())),
            mesh: Some(scene.meshes.len() - 1),
            morph_weights: made.weights,
            ..Node::named(thing.name.clone())
        });
    }
    Ok(looks)
}

/// What a thing's shape becomes.
struct Made {
    primitive: Primitive,
    weights: Option<Track<Vec<f64>>>,
    look: Option<DVec3>,
}

fn made(
    scene: &mut Scene,
    thing: &Thing,
    blocking: &Blocking,
    context: &Context<'_>,
    clock: &Clock,
    figures: &mut usize,
) -> Result<Made, BlockingError> {
    let material = scene.materials.len();
    let white = [1.0; 4];
    let opaque = |display: [f64; 3]| {
        let [r, g, b] = linear(display);
        [r, g, b, 1.0]
    };
    let color = |plain: [f64; 3]| opaque(thing.color.unwrap_or(plain));
    let mut look = Material {
        name: thing.name.clone(),
        base_color: white,
        ..Material::default()
    };
    let solid = |surface: Surface| Made {
        primitive: surface.primitive(material),
        weights: None,
        look: None,
    };
    let made = match &thing.shape {
        Shape::Ground { size_m } => solid(land::ground(*size_m, color([0.56, 0.54, 0.50]))),
        Shape::Terrain {
            size_m,
            relief_m,
            grain_m,
            seed,
        } => solid(land::terrain(
            *size_m,
            *relief_m,
            *grain_m,
            *seed,
            color([0.50, 0.49, 0.38]),
        )),
        Shape::Water { size_m, waves } => {
            look.base_color = color([0.33, 0.46, 0.52]);
            // Its fine part lies before the camera, where waves can be told apart.
            let camera = blocking.camera.clone().unwrap_or_default();
            let ahead = match &camera.look_at {
                Some(Spot::Place(at)) => DVec3::from_array(*at) - DVec3::from_array(camera.at_m),
                _ => turned([0.0, camera.pan_deg, 0.0]) * DVec3::NEG_Z,
            };
            let seen = DVec3::from_array(camera.at_m) + ahead.normalize_or_zero() * waves.length_m * 1.5;
            let local = turned(thing.turn_deg).inverse() * (seen - DVec3::from_array(thing.at_m));
            let time = (clock.start_s, clock.frames, clock.rate);
            let (primitive, weights) = land::water(*size_m, waves, [local.x, local.z], time, material);
            Made {
                primitive,
                weights,
                look: Some(DVec3::ZERO),
            }
        }
        Shape::Sky { radius_m, horizon } => {
            look.lit = false;
            Made {
                look: Some(DVec3::ZERO),
                ..solid(land::sky(*radius_m, color([0.36, 0.52, 0.72]), opaque(*horizon)))
            }
        }
        Shape::Sphere { size_m } => {
            look.base_color = color([0.70, 0.68, 0.65]);
            solid(sphere(*size_m))
        }
        Shape::Box { size_m } => {
            look.base_color = color([0.62, 0.56, 0.48]);
            solid(cuboid(*size_m))
        }
        Shape::Capsule { size_m } => {
            look.base_color = color([0.74, 0.60, 0.48]);
            solid(capsule(*size_m))
        }
        Shape::Figure { height_m, pose } => {
            let body = thing.color.unwrap_or(BODIES[*figures % BODIES.len()]);
            // Of a figure in one colour, face and hands are a paler one.
            let skin = thing.color.map_or(SKIN, |c| c.map(|v| v + (1.0 - v) * 0.4));
            *figures += 1;
            let surface = figure::figure(*height_m, *pose, opaque(body), opaque(skin));
            Made {
                look: Some(figure::chest(*height_m, *pose)),
                ..solid(surface)
            }
        }
        Shape::Billboard {
            width_m,
            height_m,
            picture,
            depth,
        } => {
            let picture_of = |picture| {
                (context.pictures)(picture).map_err(|why| BlockingError::Picture {
                    thing: thing.name.clone(),
                    why,
                })
            };
            let image = picture_of(picture)?;
            if image.width() == 0 || image.height() == 0 {
                return Err(BlockingError::Picture {
                    thing: thing.name.clone(),
                    why: "it has no pixels; save it again".into(),
                });
            }
            let height = height_m.unwrap_or(width_m * f64::from(image.height()) / f64::from(image.width()));
            let other = match depth {
                Relief::Picture { picture, .. } => Some(picture_of(picture)?),
                _ => None,
            };
            let relief = match depth {
                Relief::Flat => None,
                Relief::Bright(depth_m) => Some((&image, *depth_m)),
                Relief::Picture { depth_m, .. } => other.as_ref().map(|other| (other, *depth_m)),
            };
            // A photograph brings its own light.
            look.lit = false;
            if let Some(color) = thing.color {
                look.base_color = opaque(color);
            }
            look.base_texture = Some(TextureUse::plain(scene.textures.len()));
            let made = solid(billboard::sheet([*width_m, height], relief));
            scene.textures.push(Texture {
                name: picture.to_string(),
                image: billboard::texture(&image),
                wrap: [Wrap::Clamp; 2],
            });
            made
        }
    };
    scene.materials.push(look);
    Ok(made)
}

/// Frames at which a thing is somewhere, each with what it had before; the first is frame 0.
fn keys(thing: &Thing) -> Vec<(u32, DVec3, [f64; 3], heirloom_film::Ease)> {
    let mut keys = vec![(
        0,
        DVec3::from_array(thing.at_m),
        thing.turn_deg,
        heirloom_film::Ease::Linear,
    )];
    for mark in &thing.marks {
        let (frame, at, turn, _) = keys[keys.len() - 1];
        let key = (
            mark.frame,
            mark.at_m.map_or(at, DVec3::from_array),
            mark.turn_deg.unwrap_or(turn),
            mark.ease,
        );
        if mark.frame == frame {
            keys.pop();
        }
        keys.push(key);
    }
    keys
}

/// Where a thing is: every ease of `film.toml` is a cubic, so a key a mark is exact.
fn way(thing: &Thing, clock: &Clock) -> Track<DVec3> {
    let keys = keys(thing);
    let start = keys[0].1;
    if keys.iter().all(|(_, at, ..)| *at == start) {
        return Track::constant(start);
    }
    let mut tangents = vec![[DVec3::ZERO; 2]; keys.len()];
    for (i, pair) in keys.windows(2).enumerate() {
        let ((from, a, ..), (to, b, _, ease)) = (&pair[0], &pair[1]);
        let pace = (*b - *a) / (clock.at(*to) - clock.at(*from));
        let [out, arriving] = ease.slopes();
        tangents[i][1] = pace * out;
        tangents[i + 1][0] = pace * arriving;
    }
    let times = keys.iter().map(|(frame, ..)| clock.at(*frame)).collect();
    let values = keys.iter().map(|(_, at, ..)| *at).collect();
    Track::cubic(times, values, tangents).unwrap_or(Track::constant(start))
}

/// How a thing is turned: degrees go from mark to mark, so that it may turn round more than once.
fn turns(thing: &Thing, clock: &Clock, things: usize) -> Track<DQuat> {
    let keys = keys(thing);
    let start = turned(keys[0].2);
    if keys.iter().all(|(_, _, turn, _)| *turn == keys[0].2) {
        return Track::constant(start);
    }
    let step = (clock.frames as usize * things).div_ceil(MAX_TURN_KEYS).max(1);
    let (mut times, mut values) = (vec![clock.at(keys[0].0)], vec![start]);
    for pair in keys.windows(2) {
        let ((from, _, a, _), (to, _, b, ease)) = (&pair[0], &pair[1]);
        let between = ((from + 1)..*to).step_by(step).filter(|_| a != b);
        for frame in between.chain([*to]) {
            let t = ease.at(f64::from(frame - from) / f64::from(to - from));
            let rotation = turned([0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t));
            let before = values[values.len() - 1];
            times.push(clock.at(frame));
            values.push(if rotation.dot(before) < 0.0 {
                -rotation
            } else {
                rotation
            });
        }
    }
    Track::keys(times, values, Interpolation::Linear).unwrap_or(Track::constant(start))
}
