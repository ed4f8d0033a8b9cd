//! `heirloom stage check`.

use std::fmt::Write;
use std::path::Path;

use glam::DVec3;
use heirloom_engine::gate::Action;
use heirloom_film::{Rate, Size};
use heirloom_stage::blocking::describe;
use heirloom_stage::pose::{Pose, View};
use heirloom_stage::posed::{Cast, Posed};
use heirloom_stage::scene::{LightKind, Scene};

use super::{Room, Setup, render, scene_file};
use crate::Ended;
use crate::show::Show;

/// Most objects that are listed; the rest is counted.
const MOST_LISTED: usize = 40;

/// Say what was read of a scene file, of a shot, or of every blocked shot.
pub fn run(folder: &Path, what: Option<&str>, show: &Show) -> anyhow::Result<()> {
    if let Some(path) = what.and_then(scene_file) {
        let setup = Setup::of_file(&path, Rate::CINEMA, Size::HD)?;
        show.say(report(&path.display().to_string(), &setup)?.trim_end());
        render::warnings(&setup, show);
        return Ok(());
    }
    let room = Room::open(folder, show)?;
    let mut ended = None;
    for (scene, shot) in room.meant(what)? {
        // Every shot is looked at: one that is wrong must not hide the next.
        let staged = match room.staged(scene, shot, Action::Spend, show) {
            Ok(staged) => staged,
            Err(error) => {
                ended.get_or_insert(error);
                continue;
            }
        };
        let words = shot
            .blocking
            .as_ref()
            .map(|blocking| describe(&room.film, shot, blocking, &staged.blocked));
        let setup = Setup::of_shot(&room.film, scene, shot, staged);
        let text = report(&format!("{} {}", scene.name, shot.name), &setup)?;
        show.say(text.trim_end());
        if let Some(words) = words {
            show.say("");
            show.say(words.trim_end());
        }
        show.say("");
        render::warnings(&setup, show);
    }
    match ended {
        Some(error) => Err(error.downcast::<Ended>().map_or_else(|e| e, Into::into)),
        None => Ok(()),
    }
}

/// What stands on the stage, in lines.
fn report(title: &str, setup: &Setup) -> anyhow::Result<String> {
    let scene = &setup.scene;
    let cast = Cast::of(scene)?;
    let pose = Pose::of(scene, setup.start_s);
    let posed = Posed::of(scene, &cast, pose);
    let mut text = String::new();
    let length = match setup.frames {
        1 => "1 frame, nothing moves".to_owned(),
        frames => format!("{frames} frames, {}", setup.rate.timecode(frames.into())),
    };
    let _ = writeln!(text, "{title}: {length} at {} frames a second", setup.rate);
    objects(&mut text, scene, &cast, &posed);
    cameras(&mut text, setup, &posed.pose);
    lights(&mut text, setup);
    Ok(text)
}

/// The room that something takes up, in metres.
#[derive(Clone, Copy)]
struct Bounds {
    low: DVec3,
    high: DVec3,
}

impl Bounds {
    const NONE: Self = Self {
        low: DVec3::INFINITY,
        high: DVec3::NEG_INFINITY,
    };

    fn take_in(&mut self, point: DVec3) {
        self.low = self.low.min(point);
        self.high = self.high.max(point);
    }

    fn join(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }

    fn words(self) -> String {
        if self.low.x > self.high.x {
            return "nothing to see".into();
        }
        let size = self.high - self.low;
        format!("{} x {} x {} m", metres(size.x), metres(size.y), metres(size.z))
    }
}

/// One object of the id pass.
struct Object<'n> {
    name: &'n str,
    triangles: u64,
    bounds: Bounds,
    deforms: bool,
}

fn objects(text: &mut String, scene: &Scene, cast: &Cast, posed: &Posed<'_>) {
    let mut objects: Vec<Object<'_>> = cast
        .names
        .values()
        .map(|name| Object {
            name,
            triangles: 0,
            bounds: Bounds::NONE,
            deforms: false,
        })
        .collect();
    for (at, (instance, placed)) in cast.instances.iter().zip(&posed.placed).enumerate() {
        // Ids run from 1 in the order of the names.
        let Some(object) = objects.get_mut((instance.object as usize).wrapping_sub(1)) else {
            continue;
        };
        object.triangles += cast.primitive(scene, at).triangles.len() as u64;
        object.deforms |= instance.deforms;
        for position in placed.positions.iter() {
            object.bounds.take_in(
                placed
                    .world_from_local
                    .transform_point3(DVec3::from(position.map(f64::from))),
            );
        }
    }
    let all = objects.iter().fold(Bounds::NONE, |all, o| all.join(o.bounds));
    let _ = writeln!(
        text,
        "  objects  {}, {} triangles, {}",
        objects.len(),
        grouped(cast.triangles.into()),
        all.words()
    );
    let hidden = objects.len().saturating_sub(MOST_LISTED);
    objects.sort_by_key(|o| std::cmp::Reverse(o.triangles));
    for object in objects.iter().take(MOST_LISTED) {
        let _ = writeln!(
            text,
            "    {:<28} {:>12} triangles  {}{}",
            object.name,
            grouped(object.triangles),
            object.bounds.words(),
            if object.deforms { ", changes shape" } else { "" }
        );
    }
    if hidden > 0 {
        let _ = writeln!(text, "    and {hidden} smaller ones");
    }
}

fn cameras(text: &mut String, setup: &Setup, pose: &Pose) {
    let scene = &setup.scene;
    let nodes = scene.nodes.iter().enumerate();
    let with = nodes.filter_map(|(at, node)| Some((at, node, scene.cameras.get(node.camera?)?)));
    let mut any = false;
    for (at, node, camera) in with {
        any = true;
        let lens = match &camera.focal_mm {
            None => format!(
                "orthographic, {} x {} m",
                metres(camera.back_mm[0] / 1e3),
                metres(camera.back_mm[1] / 1e3)
            ),
            Some(_) => {
                let each = (0..setup.frames).filter_map(|n| setup.focal_mm(at, n));
                let (low, high) = each.fold((f64::INFINITY, 0.0_f64), |(a, b), v| (a.min(v), b.max(v)));
                let lens = if high - low > 0.005 {
                    format!("zooms {low:.1}–{high:.1} mm")
                } else {
                    format!("{} mm", short(low))
                };
                format!(
                    "{lens}, back {} x {} mm",
                    short(camera.back_mm[0]),
                    short(camera.back_mm[1])
                )
            }
        };
        let place = View::of(scene, pose, at, setup.size).map(|view| {
            let eye = view.world_from_camera.w_axis.truncate();
            format!(", at {}, {}, {}", metres(eye.x), metres(eye.y), metres(eye.z))
        });
        let _ = writeln!(
            text,
            "  camera   {}{}: {lens}{}",
            node.name,
            if setup.camera == Some(at) {
                " (this shot's)"
            } else {
                ""
            },
            place.unwrap_or_else(|error| format!("; {error}"))
        );
    }
    if !any {
        let _ = writeln!(text, "  camera   none");
    }
}

fn lights(text: &mut String, setup: &Setup) {
    let scene = &setup.scene;
    let with = scene
        .nodes
        .iter()
        .filter_map(|node| Some((node, scene.lights.get(node.light?)?)));
    let mut any = false;
    for (node, light) in with {
        any = true;
        let strength = light.intensity.at(setup.start_s);
        let kind = match &light.kind {
            LightKind::Sun { angle_deg } => format!(
                "sun, {} degrees across, {} lx",
                short(*angle_deg),
                short(strength)
            ),
            LightKind::Point { .. } => format!("point, {} cd", short(strength)),
            LightKind::Spot { outer_deg, .. } => {
                format!("spot, {} degrees, {} cd", short(2.0 * outer_deg), short(strength))
            }
            LightKind::Area { size_m, .. } => format!(
                "area, {} x {} m, {} nt",
                metres(size_m[0]),
                metres(size_m[1]),
                short(strength)
            ),
            LightKind::Dome(_) => "light from all sides".to_owned(),
        };
        let _ = writeln!(text, "  light    {}: {kind}", node.name);
    }
    if !any {
        let _ = writeln!(
            text,
            "  light    none in the scene; the passes are lit by a plain sky"
        );
    }
}

/// Two digits after the point at most, none that say nothing.
fn short(v: f64) -> String {
    let text = format!("{v:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn metres(v: f64) -> String {
    if v.abs() >= 100.0 {
        format!("{v:.0}")
    } else {
        short(v)
    }
}

/// Digits in threes.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
