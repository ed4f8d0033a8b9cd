//! A shot as a first assistant reads it out: lens, distance, moves, marks, and who is where in the frame.
//!
//! Distances, heights and framing are measured on the built scene, not repeated from the words it was made from.

use std::fmt::Write;

use glam::DVec3;
use heirloom_film::{
    Blocking, Ease, Film, FilmBack, Mark, Move, MoveKind, Push, Relief, Shape, Shot, Spot, Thing,
};

use super::Blocked;
use super::set::middle;
use crate::pose::{Pose, Projection, View, frame_time_s};
use crate::scene::Scene;

/// Most things that are named in one frame.
const MOST_NAMED: usize = 12;
/// Most vertices of a thing that are looked at to find its outline.
const OUTLINE: usize = 4_000;

/// The shot description of a blocking as it was built: several lines, each ended by a line break.
pub fn describe(film: &Film, shot: &Shot, blocking: &Blocking, blocked: &Blocked) -> String {
    let mut text = String::new();
    let seconds = film.rate.seconds(u64::from(shot.frames));
    let _ = writeln!(
        text,
        "Shot {}: {} frame{} ({seconds:.1} s at {}), {} x {}.",
        shot.name,
        shot.frames,
        if shot.frames == 1 { "" } else { "s" },
        film.rate,
        film.size.width,
        film.size.height
    );
    for words in [&shot.prompt, &shot.mood] {
        if !words.is_empty() {
            let _ = writeln!(text, "  {}", words.lines().collect::<Vec<_>>().join(" "));
        }
    }
    let first = Frame::of(film, blocking, blocked, 0);
    let last = Frame::of(film, blocking, blocked, shot.frames.saturating_sub(1));
    if let Some(first) = &first {
        camera(&mut text, blocking, first);
    }
    moves(&mut text, shot, blocking);
    for thing in &blocking.things {
        marks(&mut text, thing);
    }
    light(&mut text, blocking);
    if let Some(first) = &first {
        first.tell(&mut text);
    }
    if let (Some(first), Some(last)) = (&first, &last)
        && shot.frames > 1
        && !first.same(last)
    {
        last.tell(&mut text);
    }
    for thing in &blocking.things {
        if let Shape::Billboard { picture, depth, .. } = &thing.shape {
            let relief = match depth {
                Relief::Flat => "flat".to_string(),
                Relief::Bright(depth) => format!("its light parts {} out", metres(*depth)),
                Relief::Picture { picture, depth_m } => {
                    format!("standing out {} by {picture}", metres(*depth_m))
                }
            };
            let _ = writeln!(text, "{} is the photograph {picture}, {relief}.", thing.name);
        }
    }
    text
}

fn camera(text: &mut String, blocking: &Blocking, first: &Frame) {
    let setup = blocking.camera.clone();
    let back = match (&setup, &blocking.scene) {
        (Some(setup), _) => back_words(&setup.back),
        (None, None) => back_words(&FilmBack::FULL_FRAME),
        (None, Some(_)) => "the file's own film back".into(),
    };
    let eye = first.view.world_from_camera.w_axis;
    let lens = match first.view.projection {
        Projection::Perspective { focal_px } => {
            let across = 2.0 * libm::atan2(f64::from(first.view.size.width) / 2.0, focal_px);
            format!(
                "{} on {back} ({:.0}° across)",
                millimetres(first.view.focal_mm),
                across.to_degrees()
            )
        }
        Projection::Orthographic { .. } => "no perspective".into(),
    };
    let mut line = format!("Camera: {lens}, {} high", metres(eye.y));
    if let Some(figure) = first.figure() {
        let off = figure.person.map_or(0.0, |(eyes, _)| eye.y - eyes.y);
        let name = &figure.name;
        let _ = match off {
            off if off.abs() < 0.12 => write!(line, ", at {name}'s eye height"),
            off if off > 0.0 => write!(line, ", {} above {name}'s eyes", metres(off)),
            off => write!(line, ", {} below {name}'s eyes", metres(-off)),
        };
    }
    if let Some(target) = setup.as_ref().and_then(|setup| setup.look_at.as_ref()) {
        let far = first.spot(target).map(|at| (at - eye.truncate()).length());
        if let Some(far) = far {
            let _ = write!(line, ", {} from {}", metres(far), spot_words(target));
        }
    }
    if let Some(focus) = setup.as_ref().and_then(|setup| setup.focus.as_ref())
        && let Some(at) = first.spot(focus)
        && let Some((_, depth)) = first.view.project(at)
    {
        let _ = write!(line, "; focus on {}, {}", spot_words(focus), metres(depth));
    }
    let _ = writeln!(text, "{line}.");
}

fn back_words(back: &FilmBack) -> String {
    match back.name {
        Some(name) => name.replace('-', " "),
        None => format!(
            "a film back of {} x {} mm",
            trimmed(back.size_mm[0]),
            trimmed(back.size_mm[1])
        ),
    }
}

fn moves(text: &mut String, shot: &Shot, blocking: &Blocking) {
    let held = blocking
        .camera
        .as_ref()
        .filter(|setup| setup.hold)
        .and_then(|setup| setup.look_at.as_ref());
    let aim = blocking.camera.as_ref().and_then(|setup| setup.look_at.as_ref());
    if blocking.moves.is_empty() {
        let words = match (&blocking.camera, held) {
            (None, _) if blocking.scene.is_some() => "as the scene file moves it".into(),
            (_, Some(Spot::Thing(name))) => format!("it stands, held on {name}"),
            _ => "it stands".into(),
        };
        let _ = writeln!(text, "  Throughout: {words}.");
    }
    for one in &blocking.moves {
        let whole = one.first_frame == 0 && one.last_frame + 1 >= shot.frames;
        let when = if whole {
            "Throughout".into()
        } else {
            format!("Frames {}-{}", one.first_frame, one.last_frame)
        };
        let mut words = move_words(one, aim);
        if !matches!(one.kind, MoveKind::Static | MoveKind::Handheld { .. }) {
            let _ = write!(words, ", {}", ease_words(one.ease));
        }
        if let Some(Spot::Thing(name)) = held {
            let _ = write!(words, ", held on {name}");
        }
        let _ = writeln!(text, "  {when}: {words}.");
    }
}

fn move_words(one: &Move, aim: Option<&Spot>) -> String {
    // A number that may go either way, with its word.
    let way = |amount: f64, plus: &str, minus: &str, unit: fn(f64) -> String| {
        let word = if amount < 0.0 { minus } else { plus };
        format!("{word} {}", unit(amount.abs()))
    };
    let middle = |round: &Option<Spot>| {
        round
            .as_ref()
            .or(aim)
            .map_or_else(|| "what it looks at".into(), spot_words)
    };
    match &one.kind {
        MoveKind::Static => "it stands".into(),
        MoveKind::Dolly { in_m } => format!("dolly {}", way(*in_m, "in", "out", metres)),
        MoveKind::Truck { right_m } => format!("truck {}", way(*right_m, "right", "left", metres)),
        MoveKind::Pedestal { up_m } => format!("pedestal {}", way(*up_m, "up", "down", metres)),
        MoveKind::Crane { up_m, boom_m } => {
            let arm = boom_m.map_or_else(String::new, |m| format!(" on an arm of {}", metres(m)));
            format!("crane {}{arm}", way(*up_m, "up", "down", metres))
        }
        MoveKind::Orbit { right_deg, round } => {
            format!(
                "orbit {} round {}",
                way(*right_deg, "right", "left", degrees),
                middle(round)
            )
        }
        MoveKind::PushIn { way: Push::By(by) } => {
            let to = aim.map_or_else(|| "what it looks at".into(), spot_words);
            if *by < 0.0 {
                format!("pull out {} from {to}", metres(-by))
            } else {
                format!("push in {} toward {to}", metres(*by))
            }
        }
        MoveKind::PushIn { way: Push::To(to) } => {
            format!("push in to {} from {}", metres(*to), middle(&None))
        }
        MoveKind::Pan { right_deg } => format!("pan {}", way(*right_deg, "right", "left", degrees)),
        MoveKind::Tilt { up_deg } => format!("tilt {}", way(*up_deg, "up", "down", degrees)),
        MoveKind::Roll { right_deg } => format!("roll {}", way(*right_deg, "right", "left", degrees)),
        MoveKind::Zoom { to_mm } => format!("zoom to {}", millimetres(*to_mm)),
        MoveKind::SpiralDescent {
            round,
            turns,
            drop_m,
            radius_m,
        } => {
            let radius = radius_m.map_or_else(String::new, |[from, to]| {
                format!(", {} out at first and {} at last", metres(from), metres(to))
            });
            format!(
                "spiral {}, {} turn{} to the {} round {}{radius}",
                way(*drop_m, "down", "up", metres),
                trimmed(turns.abs()),
                if turns.abs() == 1.0 { "" } else { "s" },
                if *turns < 0.0 { "left" } else { "right" },
                middle(round)
            )
        }
        MoveKind::Handheld { amount, .. } => format!("handheld, {} of a steady shoulder", trimmed(*amount)),
    }
}

fn ease_words(ease: Ease) -> &'static str {
    match ease {
        Ease::Linear => "at one pace",
        Ease::In => "easing in",
        Ease::Out => "easing out",
        Ease::InOut => "easing in and out",
    }
}

fn marks(text: &mut String, thing: &Thing) {
    let (mut frame, mut at, mut turn) = (0, DVec3::from_array(thing.at_m), thing.turn_deg);
    for mark in &thing.marks {
        let Mark {
            frame: to,
            at_m,
            turn_deg,
            ease,
        } = *mark;
        let (next, next_turn) = (at_m.map_or(at, DVec3::from_array), turn_deg.unwrap_or(turn));
        let far = (next - at).length();
        let turned = (0..3).map(|i| (next_turn[i] - turn[i]).abs()).fold(0.0, f64::max);
        if to > frame && (far > 0.0 || turned > 0.0) {
            let mut words = Vec::new();
            if far > 0.0 {
                words.push(format!("goes {} to {}", metres(far), place_words(next)));
            }
            if turned > 0.0 {
                words.push(format!("turns {}", degrees(turned)));
            }
            let _ = writeln!(
                text,
                "  Frames {frame}-{to}: {} {}, {}.",
                thing.name,
                words.join(" and "),
                ease_words(ease)
            );
        }
        (frame, at, turn) = (to, next, next_turn);
    }
}

fn light(text: &mut String, blocking: &Blocking) {
    let mut words = Vec::new();
    if let Some(sun) = &blocking.sun {
        let high = sun.elevation_deg;
        let height = if high < 0.0 {
            format!("{} below the horizon", degrees(-high))
        } else {
            format!("{} high", degrees(high))
        };
        words.push(format!(
            "sun from {} round the set (0° +z, 90° +x), {height}, strength {}",
            degrees(sun.azimuth_deg),
            trimmed(sun.strength)
        ));
    }
    if let Some(place) = &blocking.light_from {
        words.push(format!("the light of {place}"));
    }
    if !words.is_empty() {
        let _ = writeln!(text, "Light: {}.", words.join("; "));
    }
}

/// Something in the frame.
struct Seen {
    name: String,
    depth_m: f64,
    /// Left, top, right, bottom in parts of the frame, as far as it lies in it.
    outline: [f64; 4],
    /// Of a figure: its eyes in the world, and the size of the shot as far as it goes.
    person: Option<(DVec3, &'static str)>,
    /// Ground, water, terrain and sky are around things rather than among them.
    around: bool,
}

/// One frame as the camera has it.
struct Frame {
    number: u32,
    view: View,
    seen: Vec<Seen>,
    /// What the camera looks at, by name.
    subject: Option<String>,
    spots: Vec<(String, DVec3)>,
}

impl Frame {
    fn of(film: &Film, blocking: &Blocking, blocked: &Blocked, number: u32) -> Option<Frame> {
        let scene = &blocked.scene;
        let pose = Pose::of(scene, frame_time_s(blocked.start_s, f64::from(number), film.rate));
        let view = View::of(scene, &pose, blocked.camera_node, film.size).ok()?;
        let mut seen = Vec::new();
        let mut spots = Vec::new();
        for (node, what) in scene.nodes.iter().enumerate() {
            let thing = blocking.things.iter().find(|thing| thing.name == what.name);
            let look = pose.world[node].transform_point3(look_at(scene, node, thing));
            spots.push((what.name.clone(), look));
            if what.mesh.is_none() || !pose.visible[node] {
                continue;
            }
            if let Some(one) = outline(scene, &pose, &view, node, thing, look) {
                seen.push(one);
            }
        }
        // Parts of one thing are named once, by the node that is the thing.
        seen.sort_by(|a, b| a.depth_m.total_cmp(&b.depth_m));
        Some(Frame {
            number,
            view,
            seen,
            subject: match blocking.camera.as_ref().and_then(|setup| setup.look_at.as_ref()) {
                Some(Spot::Thing(name)) => Some(name.clone()),
                _ => None,
            },
            spots,
        })
    }

    fn spot(&self, spot: &Spot) -> Option<DVec3> {
        match spot {
            Spot::Place(at) => Some(DVec3::from_array(*at)),
            Spot::Thing(name) => self.spots.iter().find(|(n, _)| n == name).map(|(_, at)| *at),
        }
    }

    /// The person that the camera looks at, or else the nearest in frame.
    fn figure(&self) -> Option<&Seen> {
        let mut people = self.seen.iter().filter(|seen| seen.person.is_some());
        let subject = people
            .clone()
            .find(|seen| Some(&seen.name) == self.subject.as_ref());
        subject.or_else(|| people.next())
    }

    fn same(&self, other: &Frame) -> bool {
        let words = |frame: &Frame| {
            let mut text = String::new();
            frame.tell_in(&mut text);
            text
        };
        words(self) == words(other)
    }

    fn tell(&self, text: &mut String) {
        let _ = write!(text, "At frame {}: ", self.number);
        self.tell_in(text);
    }

    fn tell_in(&self, text: &mut String) {
        let size = match self.figure() {
            Some(figure) => {
                let size = figure.person.map_or("shot", |(_, size)| size);
                format!("{size} of {}", figure.name)
            }
            None => "nobody in frame".into(),
        };
        let things: Vec<_> = self.seen.iter().filter(|seen| !seen.around).collect();
        let around: Vec<_> = self
            .seen
            .iter()
            .filter(|seen| seen.around)
            .map(|s| s.name.as_str())
            .collect();
        let _ = writeln!(text, "{size}.");
        if things.is_empty() {
            let _ = writeln!(text, "  In frame: no thing of the set.");
        } else {
            let _ = writeln!(text, "  In frame, near to far:");
        }
        for thing in things.iter().take(MOST_NAMED) {
            let [_, top, _, bottom] = thing.outline;
            let _ = writeln!(
                text,
                "    {}: {}, {} away, {:.0} % of the frame's height",
                thing.name,
                where_words(thing.outline),
                metres(thing.depth_m),
                (bottom - top) * 100.0
            );
        }
        if things.len() > MOST_NAMED {
            let _ = writeln!(text, "    and {} more", things.len() - MOST_NAMED);
        }
        if !around.is_empty() {
            let _ = writeln!(text, "  Around: {}.", around.join(", "));
        }
    }
}

/// Where to look on a node, in its own space.
fn look_at(scene: &Scene, node: usize, thing: Option<&Thing>) -> DVec3 {
    match thing.map(|thing| &thing.shape) {
        Some(Shape::Figure { height_m, pose }) => super::figure::chest(*height_m, *pose),
        Some(Shape::Water { .. } | Shape::Sky { .. }) => DVec3::ZERO,
        _ => middle(scene, node),
    }
}

/// What of a node lies in the frame; none where nothing does.
fn outline(
    scene: &Scene,
    pose: &Pose,
    view: &View,
    node: usize,
    thing: Option<&Thing>,
    look: DVec3,
) -> Option<Seen> {
    let (width, height) = (f64::from(view.size.width), f64::from(view.size.height));
    let mesh = scene.meshes.get(scene.nodes[node].mesh?)?;
    let count: usize = mesh.primitives.iter().map(|p| p.positions.len()).sum();
    let step = count.div_ceil(OUTLINE).max(1);
    let mut bounds: Option<[f64; 4]> = None;
    let mut nearest = f64::INFINITY;
    for position in mesh.primitives.iter().flat_map(|p| &p.positions).step_by(step) {
        let world = pose.world[node].transform_point3(DVec3::from_array(position.map(f64::from)));
        let Some((pixel, depth)) = view.project(world) else {
            continue;
        };
        let (x, y) = (pixel.x / width, pixel.y / height);
        nearest = nearest.min(depth);
        let [l, t, r, b] = bounds.unwrap_or([x, y, x, y]);
        bounds = Some([l.min(x), t.min(y), r.max(x), b.max(y)]);
    }
    let [left, top, right, bottom] = bounds?;
    if right <= 0.0 || bottom <= 0.0 || left >= 1.0 || top >= 1.0 {
        return None;
    }
    let around = thing.is_some_and(|thing| {
        matches!(
            thing.shape,
            Shape::Ground { .. } | Shape::Water { .. } | Shape::Sky { .. } | Shape::Terrain { .. }
        )
    });
    let at = view.project(look).map_or(nearest, |(_, depth)| depth);
    let person = match thing.map(|thing| &thing.shape) {
        Some(Shape::Figure { height_m, pose: held }) => {
            let eyes = pose.world[node].transform_point3(super::figure::eyes(*height_m, *held));
            Some((eyes, shot_size(top, bottom)))
        }
        _ => None,
    };
    Some(Seen {
        name: scene.nodes[node].name.clone(),
        depth_m: at,
        outline: [left.max(0.0), top.max(0.0), right.min(1.0), bottom.min(1.0)],
        person,
        around,
    })
}

/// The size of a shot, by how much of a person is seen and how large: a body from `top` to `bottom`, in parts of the
/// frame's height from its upper edge.
fn shot_size(top: f64, bottom: f64) -> &'static str {
    let height = (bottom - top).max(1e-9);
    let shown = (bottom.min(1.0) - top.max(0.0)) / height;
    match (shown, height) {
        (s, h) if s > 0.93 && h < 0.12 => "extreme long shot",
        (s, h) if s > 0.93 && h < 0.5 => "long shot",
        (s, _) if s > 0.93 => "full shot",
        (s, _) if s > 0.62 => "medium long shot",
        (s, _) if s > 0.42 => "medium shot",
        (s, _) if s > 0.26 => "medium close-up",
        (s, _) if s > 0.11 => "close-up",
        _ => "extreme close-up",
    }
}

fn where_words([left, top, right, bottom]: [f64; 4]) -> String {
    if right - left > 0.85 {
        return "across the frame".into();
    }
    let middle = (left + right) / 2.0;
    let side = match middle {
        x if x < 1.0 / 3.0 => "left third",
        x if x > 2.0 / 3.0 => "right third",
        _ => "centre",
    };
    let high = match (top + bottom) / 2.0 {
        y if y < 0.3 => ", high",
        y if y > 0.75 => ", low",
        _ => "",
    };
    format!("{side}{high}")
}

fn spot_words(spot: &Spot) -> String {
    match spot {
        Spot::Thing(name) => name.clone(),
        Spot::Place(at) => place_words(DVec3::from_array(*at)),
    }
}

fn place_words(at: DVec3) -> String {
    format!("({}, {}, {})", trimmed(at.x), trimmed(at.y), trimmed(at.z))
}

/// A number with at most two places, and no more of them than it needs.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

fn metres(value: f64) -> String {
    format!("{} m", trimmed(value))
}

fn millimetres(value: f64) -> String {
    format!("{} mm", trimmed(value))
}

fn degrees(value: f64) -> String {
    format!("{}°", trimmed(value))
}
