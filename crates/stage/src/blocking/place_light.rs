//! The light of a place, off a photograph of it, put onto the set.

use glam::{DMat3, DQuat, DVec3};
use heirloom_film::Picture;

use super::{BlockingError, Context, free_name};
use crate::light::{Photograph, PlaceLight, from_equirectangular, from_photograph};
use crate::pose::{Pose, View};
use crate::scene::{Node, Placement, Scene};

/// Widths over heights that are taken for a picture of all sides: twice as wide as high, but for a row or two.
const ALL_ROUND: std::ops::RangeInclusive<f64> = 1.98..=2.02;

/// Reads the light off the picture, adds a dome and a sun that stand for it to the scene, and returns it in world space.
///
/// A picture of all sides lies as the world does: its middle is seen down −z. An ordinary photograph lies as the shot's
/// camera stands at frame 0: light from the left of the photograph comes from the left of the frame.
pub(super) fn light(
    scene: &mut Scene,
    picture: &Picture,
    camera_node: usize,
    start_s: f64,
    context: &Context<'_>,
) -> Result<PlaceLight, BlockingError> {
    let failed = |why: String| BlockingError::Picture {
        thing: "light_from".into(),
        why,
    };
    let image = (context.pictures)(picture).map_err(failed)?;
    let shape = f64::from(image.width()) / f64::from(image.height().max(1));
    let light = if ALL_ROUND.contains(&shape) {
        from_equirectangular(&image).map_err(|error| failed(error.to_string()))?
    } else {
        let seen =
            from_photograph(&image, Photograph::default()).map_err(|error| failed(error.to_string()))?;
        let pose = Pose::of(scene, start_s);
        let turn = match View::of(scene, &pose, camera_node, context.size) {
            Ok(view) => DQuat::from_mat3(&DMat3::from_mat4(view.world_from_camera)),
            Err(_) => DQuat::IDENTITY,
        };
        seen.rotated(turn)
    };
    for turned in light.to_lights() {
        let name = free_name(scene, &format!("place {}", turned.light.name));
        scene.lights.push(turned.light);
        scene.nodes.push(Node {
            placement: Placement::fixed(DVec3::ZERO, turned.rotation, DVec3::ONE),
            light: Some(scene.lights.len() - 1),
            object: false,
            ..Node::named(name)
        });
    }
    Ok(light)
}
