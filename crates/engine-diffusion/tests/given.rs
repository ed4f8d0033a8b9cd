//! What a request gives besides words, through the engine: it must be the clip that the library makes of the same pictures.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "common/room.rs"]
mod room;

use heirloom_engine::{JobState, Param, Request, Task, settings::LAYOUT, settings::LAYOUT_STRENGTH};
use heirloom_engine_diffusion::conditions::{Conditions, Depth, Outline, Scale, depth, flow, layout};
use heirloom_engine_diffusion::generate::Clip;
use heirloom_engine_diffusion::settings;
use heirloom_engine_diffusion::start::Start;
use heirloom_film::Size;
use room::{Room, ids, metres, motion};

const FRAMES: u32 = 5;

#[test]
fn a_photograph_is_the_first_frame_of_image_to_video_and_two_are_both_ends() {
    let room = Room::new("i2v", Size::new(32, 16).unwrap());
    let ((a, first), (b, last)) = (room.photograph(1), room.photograph(2));
    room.is_as(
        &room.request(Task::Living, FRAMES, vec![a]),
        Start::default(),
        Conditions {
            first: Some(first.clone()),
            ..Conditions::default()
        },
    );
    room.is_as(
        &room.request(Task::Between, FRAMES, vec![a, b]),
        Start::default(),
        Conditions {
            first: Some(first),
            last: Some(last),
            ..Conditions::default()
        },
    );
    for (task, sources, words) in [
        (Task::Living, vec![a, b], "makes Living shots from one source"),
        (Task::Between, vec![a], "makes Between shots from 2 sources"),
    ] {
        let why = room.why(room.request(task, FRAMES, sources));
        assert!(why.contains(words), "{why}");
    }
    // Without any it makes nothing.
    assert!(matches!(
        room.ended(room.request(Task::Living, FRAMES, Vec::new())),
        JobState::Refused(_)
    ));
}

fn controlled(room: &Room, word: &str) -> Request {
    let mut guided = room.request(Task::Guided, FRAMES, Vec::new());
    guided
        .params
        .insert(settings::CONTROL.into(), Param::Text(word.into()));
    guided
}

#[test]
fn the_stage_s_depth_is_followed_and_photographs_are_references() {
    let room = Room::new("vace", Size::new(32, 16).unwrap());
    let (a, picture) = room.photograph(1);
    let mut guided = room.request(Task::Guided, FRAMES, vec![a]);
    guided
        .params
        .insert(settings::CONTROL_SCALE.into(), Param::Number(0.5));
    let all: Vec<f32> = (0..FRAMES).flat_map(|n| metres(n, room.size)).collect();
    room.is_as(
        &guided,
        Start::default(),
        Conditions {
            control: Some(depth(&all, 32, 16, Depth::WholeClip)),
            references: vec![picture],
            scale: Scale::Same(0.5),
            ..Conditions::default()
        },
    );
    // What the stage has not can not be followed.
    let why = room.why(controlled(&room, "edges"));
    assert!(why.contains("no colour"), "{why}");
    let mut living = room.request(Task::Living, FRAMES, Vec::new());
    living
        .params
        .insert(settings::CONTROL.into(), Param::Text("grey".into()));
    let why = room.why(living);
    assert!(why.contains("is for guided shots"), "{why}");
}

#[test]
fn the_stage_s_motion_and_things_are_followed_too() {
    let room = Room::new("vace", Size::new(32, 16).unwrap());
    let all: Vec<[f32; 2]> = (0..FRAMES).flat_map(|n| motion(n, room.size)).collect();
    room.is_as(
        &controlled(&room, "flow"),
        Start::default(),
        Conditions::follow(flow(&all, 32, 16)),
    );
    // The smaller thing lies over the larger one; each has a colour of its own.
    let seen = room.made(&controlled(&room, "layout"));
    let colours = |id: u32| [[5.0f32, 3.0, 1.0], [id as f32; 3]];
    let colour = |id: u32| {
        let [channels, _] = colours(id);
        let hue = (id as f32 * 0.618_034).fract() * 6.0;
        channels.map(|c| {
            let place = (c + hue) % 6.0;
            1.0 - place.min(4.0 - place).clamp(0.0, 1.0)
        })
    };
    let boxes = |n: u32| {
        let right = 2.0 + n as f32;
        vec![
            Outline {
                from: [0.0, 12.0],
                to: [32.0, 16.0],
                colour: colour(2),
            },
            Outline {
                from: [right, 2.0],
                to: [right + 8.0, 8.0],
                colour: colour(7),
            },
        ]
    };
    let boxes: Vec<Vec<Outline>> = (0..FRAMES).map(boxes).collect();
    let follow = |control: Clip| {
        let ask = room.ask(
            &controlled(&room, "layout"),
            FRAMES as usize,
            Start::default(),
            Conditions::follow(control),
        );
        room.library(&ask)
    };
    room::is_close(&seen, &follow(layout(&boxes, 32, 16)));
    let flat = (0..FRAMES).flat_map(|n| ids(n, room.size));
    let flat = flat.map(|id| if id == 0 { [1.0; 3] } else { colour(id) });
    let flat = Clip {
        width: 32,
        height: 16,
        pixels: flat.collect(),
    };
    assert_eq!(flat.pixels[3 * 32 + 4], colour(7));
    assert_ne!(colour(7), colour(2));
    room::is_close(&room.made(&controlled(&room, "shapes")), &follow(flat));
}

#[test]
fn a_drawing_is_followed_by_every_frame_as_strongly_as_the_shot_says() {
    let room = Room::new("vace", Size::new(32, 16).unwrap());
    let (drawing, picture) = room.photograph(4);
    let mut living = room.request(Task::Living, FRAMES, Vec::new());
    living.pictures.insert(LAYOUT.into(), drawing);
    living.params.insert(LAYOUT_STRENGTH.into(), Param::Number(0.75));
    let control = Clip {
        pixels: picture.pixels.repeat(FRAMES as usize),
        ..picture
    };
    room.is_as(
        &living,
        Start::default(),
        Conditions {
            scale: Scale::Same(0.75),
            ..Conditions::follow(control)
        },
    );
}

#[test]
fn a_photograph_is_held_at_the_beginning_by_the_5b() {
    let room = Room::new("ti2v", Size::new(64, 32).unwrap());
    let (a, first) = room.photograph(1);
    room.is_as(
        &room.request(Task::Living, FRAMES, vec![a]),
        Start {
            held: Some(first),
            ..Start::default()
        },
        Conditions::default(),
    );
    room.is_as(
        &room.request(Task::Living, FRAMES, Vec::new()),
        Start::default(),
        Conditions::default(),
    );
}
