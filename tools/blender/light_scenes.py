"""Renders places under known light with Cycles: pictures another renderer made, to recover the light from.

    python light_scenes.py --out FOLDER --kinds spheres,statue --seeds 0..20 [--panorama] [--samples 24] [--jobs i/n]

For each it writes a photograph (`NAME.jpg`, 8-bit sRGB) with its camera-space normals and object ids (`NAME.normal.png`,
`NAME.id.png`), or a panorama (`NAME.exr`, linear, and `NAME.jpg`, as a camera without bracketing takes it), and the
truth as a line of JSON in `truth.jsonl`. Colours of the truth are linear Rec. 709; directions are in y-up axes, for a
photograph those of its camera.
"""

import argparse
import json
import math
import os
import tempfile

import bpy
import cv2
import mathutils
import numpy as np
import OpenEXR

from builders import add, look
from light_places import Place

LUMA = np.array([0.2126, 0.7152, 0.0722])


def sky(scene, horizon, zenith, below, disc=None):
    """World light: a gradient from the horizon up, one tone below; with `disc`, a sun that only cameras see."""
    world = bpy.data.worlds.new("sky")
    scene.world = world
    tree = world.node_tree
    tree.nodes.clear()
    out = tree.nodes.new("ShaderNodeOutputWorld")
    back = tree.nodes.new("ShaderNodeBackground")
    where = tree.nodes.new("ShaderNodeTexCoord")
    apart = tree.nodes.new("ShaderNodeSeparateXYZ")
    tree.links.new(where.outputs["Generated"], apart.inputs[0])
    ramp = tree.nodes.new("ShaderNodeMapRange")
    ramp.inputs["From Min"].default_value = 0.0
    ramp.inputs["From Max"].default_value = 1.0
    tree.links.new(apart.outputs["Z"], ramp.inputs["Value"])
    up = tree.nodes.new("ShaderNodeMix")
    up.data_type = "RGBA"
    up.inputs[6].default_value = (*horizon, 1)
    up.inputs[7].default_value = (*zenith, 1)
    tree.links.new(ramp.outputs[0], up.inputs[0])
    over = tree.nodes.new("ShaderNodeMath")
    over.operation = "GREATER_THAN"
    over.inputs[1].default_value = 0.0
    tree.links.new(apart.outputs["Z"], over.inputs[0])
    halves = tree.nodes.new("ShaderNodeMix")
    halves.data_type = "RGBA"
    halves.inputs[6].default_value = (*below, 1)
    tree.links.new(over.outputs[0], halves.inputs[0])
    tree.links.new(up.outputs[2], halves.inputs[7])
    tree.links.new(halves.outputs[2], back.inputs["Color"])
    tree.links.new(back.outputs[0], out.inputs["Surface"])
    if disc is not None:
        toward, half_rad, radiance = disc
        dot = tree.nodes.new("ShaderNodeVectorMath")
        dot.operation = "DOT_PRODUCT"
        tree.links.new(where.outputs["Generated"], dot.inputs[0])
        dot.inputs[1].default_value = toward
        inside = tree.nodes.new("ShaderNodeMath")
        inside.operation = "GREATER_THAN"
        inside.inputs[1].default_value = math.cos(half_rad)
        tree.links.new(dot.outputs["Value"], inside.inputs[0])
        path = tree.nodes.new("ShaderNodeLightPath")
        seen = tree.nodes.new("ShaderNodeMath")
        seen.operation = "MULTIPLY"
        tree.links.new(inside.outputs[0], seen.inputs[0])
        tree.links.new(path.outputs["Is Camera Ray"], seen.inputs[1])
        sun = tree.nodes.new("ShaderNodeBackground")
        sun.inputs["Color"].default_value = (*radiance, 1)
        tree.links.new(seen.outputs[0], sun.inputs["Strength"])
        both = tree.nodes.new("ShaderNodeAddShader")
        tree.links.new(back.outputs[0], both.inputs[0])
        tree.links.new(sun.outputs[0], both.inputs[1])
        tree.links.new(both.outputs[0], out.inputs["Surface"])


def render(scene, width, height, samples):
    """Renders linear Rec. 709 and the data passes; a dictionary of arrays, rows from the top."""
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.use_denoising = False
    scene.cycles.seed = 1
    scene.cycles.max_bounces = 4
    scene.render.threads_mode = "FIXED"
    scene.render.threads = 1
    scene.render.use_persistent_data = False
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.film_transparent = False
    layer = bpy.context.view_layer
    layer.use_pass_normal = True
    layer.use_pass_object_index = True
    settings = scene.render.image_settings
    settings.media_type = "MULTI_LAYER_IMAGE"
    settings.file_format = "OPEN_EXR_MULTILAYER"
    settings.color_depth = "32"
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = os.path.join(folder, "a.exr")
        bpy.ops.render.render(write_still=True)
        found = {}
        for part in OpenEXR.File(scene.render.filepath).parts:
            for name, channel in part.channels.items():
                found[name.split(".", 1)[1]] = np.array(channel.pixels)
    seen = {"color": found["Combined"][..., :3]}
    if "Normal.X" in found:
        seen["normal"] = np.stack([found[f"Normal.{axis}"] for axis in "XYZ"], -1)
        seen["id"] = found["Object Index.X"]
    return seen


def panorama(scene, at, width, height, samples, hidden=()):
    """An equirectangular render from a place, looking north (y-up: down −z); `hidden` things are not seen by it."""
    data = bpy.data.cameras.new("around")
    data.type = "PANO"
    data.panorama_type = "EQUIRECTANGULAR"
    data.clip_start = 0.001
    eye = add("around", data, at)
    eye.rotation_euler = (math.pi / 2, 0, 0)
    before = scene.camera
    scene.camera = eye
    for thing in hidden:
        thing.visible_camera = False
    pixels = render(scene, width, height, samples)
    for thing in hidden:
        thing.visible_camera = True
    scene.camera = before
    bpy.data.objects.remove(eye)
    return pixels["color"]


def around(height, width):
    """Directions (y up) and solid angles of an equirectangular picture's pixels."""
    lon = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    lat = (0.5 - (np.arange(height) + 0.5) / height) * np.pi
    lon, lat = np.meshgrid(lon, lat)
    way = np.stack([np.sin(lon) * np.cos(lat), np.sin(lat), -np.cos(lon) * np.cos(lat)], -1)
    edges = np.sin((0.5 - np.arange(height + 1) / height) * np.pi)
    solid = np.repeat((edges[:-1] - edges[1:])[:, None] * 2 * np.pi / width, width, 1)
    return way, solid


def y_up(v):
    """Blender's axes to y up."""
    return np.array([v[0], v[2], -v[1]])


def encode(linear):
    """Linear light to 8-bit sRGB."""
    c = np.clip(linear, 0, 1)
    e = np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055)
    return np.round(e * 255).astype(np.uint8)


def reached(place, at, toward, pano):
    """Whether light from a direction comes to a place and half a metre round it; a panorama must see it itself."""
    graph = bpy.context.evaluated_depsgraph_get()
    offsets = [(0, 0, 0)] if pano else [(0, 0, 0), (0.5, 0, 0.1), (-0.5, 0, 0.1), (0, 0.4, 0.1), (0, -0.4, 0.1)]
    names = set() if pano else {thing.name for thing in place.things}
    for offset in offsets:
        start = at + mathutils.Vector(offset)
        for _ in range(20):  # through what stands there itself
            hit, spot, _, _, thing, _ = place.scene.ray_cast(graph, start, toward)
            if not hit:
                break
            if thing.name not in names:
                return False
            start = spot + toward * 1e-3
    return True


def make(kind, seed, out, samples, pano):
    """One picture with its truth."""
    place = Place(kind, seed)
    rng, scene = place.rng, place.scene
    at = mathutils.Vector(place.free if pano else place.middle)

    # The key: a sun of any size from any side that reaches the place, or in half of the corners a bright window.
    for _ in range(200):
        turn = rng.uniform(0, 2 * math.pi)
        lift = math.radians(rng.uniform(12, 72))
        toward = mathutils.Vector((math.cos(turn) * math.cos(lift), math.sin(turn) * math.cos(lift), math.sin(lift)))
        if reached(place, at, toward, pano):
            break
    window = kind == "corner" and rng.random() < 0.5
    half = math.radians(math.exp(rng.uniform(math.log(1.5 if pano else 0.3), math.log(32))))
    warm = rng.uniform(-1, 1)
    tint = np.array([1 + 0.25 * warm, 1.0, 1 - 0.35 * warm])
    tint /= LUMA @ tint
    ratio = math.exp(rng.uniform(math.log(1.5), math.log(8)))
    cool = rng.uniform(-0.6, 1)
    fill = np.array([1 - 0.2 * cool, 1.0, 1 + 0.25 * cool])
    zenith = fill * rng.uniform(0.5, 1.5)
    horizon = fill * rng.uniform(0.7, 1.5)
    below = fill * rng.uniform(0.3, 0.8)
    # Fill on a plane that faces the key, from the sky alone, to set the ratio by; the truth is measured below.
    way, solid = around(48, 96)
    up = way[..., 1:2]
    world = np.where(up > 0, horizon + (zenith - horizon) * np.clip(up, 0, 1), below)
    cos = np.clip(way @ y_up(toward), 0, None)
    from_sky = float(((world @ LUMA) * cos * solid).sum())
    key_e = (ratio - 1) * from_sky
    key = None
    hidden = []
    if window:
        side = 1 if scene.objects["side wall"].location[0] < 0 else -1
        size, far = rng.uniform(0.8, 2.0), rng.uniform(2.2, 3.5)
        turn = rng.uniform(-0.9, 0.5)
        spot = at + mathutils.Vector((side * math.cos(turn), math.sin(turn) - 0.3, rng.uniform(0.2, 0.7))).normalized() * far
        toward = (spot - at).normalized()
        points = [(-size / 2, -size / 2, 0), (size / 2, -size / 2, 0), (size / 2, size / 2, 0), (-size / 2, size / 2, 0)]
        glass = bpy.data.meshes.new("window")
        glass.from_pydata(points, [], [(3, 2, 1, 0)])
        pane = add("window", glass, spot)
        look(pane, at)
        shine = bpy.data.materials.new("window")
        shine.use_nodes = True
        surface = shine.node_tree.nodes["Principled BSDF"]
        surface.inputs["Base Color"].default_value = (0, 0, 0, 1)
        surface.inputs["Emission Color"].default_value = (*tint, 1)
        radiance = key_e / (size * size / far**2)
        surface.inputs["Emission Strength"].default_value = radiance
        glass.materials.append(shine)
        pane.pass_index = 0
        half = math.acos(max(0.0, 1 - size * size / far**2 / (2 * math.pi)))
        hidden = [pane]
        disc = None
    else:
        lamp = bpy.data.lights.new("key", "SUN")
        lamp.energy = key_e
        lamp.color = tint
        lamp.angle = 2 * half
        key = add("key", lamp, at + toward * 20)
        look(key, at)
        disc = (toward, half, tint * key_e / (math.pi * math.sin(half) ** 2))

    # The truth: what comes to the place from everywhere but the source itself.
    sky(scene, horizon, zenith, below)
    rest = panorama(scene, at, 48, 24, 48, hidden + ([] if pano else place.things))
    way, solid = around(24, 48)
    face = y_up(toward)
    if window:
        lit = panorama(scene, at, 256, 128, 2, place.things if not pano else [])
        wide, wide_solid = around(128, 256)
        mask = (lit @ LUMA) > 0.5 * radiance
        weight = mask * wide_solid
        if weight.sum() > 0:
            face = (wide * weight[..., None]).sum((0, 1))
            spread = np.linalg.norm(face) / weight.sum()
            face /= np.linalg.norm(face)
            key_e = float((radiance * np.clip(wide @ face, 0, None) * weight).sum())
            half = math.acos(max(-1.0, 2 * spread - 1))
    cos = np.clip(way @ face, 0, None)
    fill_e = float(((rest @ LUMA) * cos * solid).sum())
    fill_rgb = (rest * (cos * solid)[..., None]).sum((0, 1))

    name = f"{kind}_{seed:03}" + ("_around" if pano else "")
    truth = {
        "name": name,
        "kind": kind,
        "window": window,
        "key_color": [float(t) for t in tint / tint.max()],
        "fill_color": [float(t) for t in fill_rgb / fill_rgb.max()],
        "key_to_fill": 1 + key_e / fill_e,
        "half_angle_deg": math.degrees(half),
        "softness": 1 - math.cos(half),
    }
    if pano:
        if disc is not None:
            sky(scene, horizon, zenith, below, disc)
        small = panorama(scene, at, 128, 64, samples)
        OpenEXR.File(
            {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage},
            {"RGB": small.astype(np.float16)},
        ).write(os.path.join(out, f"{name}.exr"))
        exposure = 0.6 / max(np.percentile(rest @ LUMA, 90), 1e-6)
        cv2.imwrite(os.path.join(out, f"{name}.jpg"), encode(small * exposure)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        truth["direction"] = [float(v) for v in face]
    else:
        passes = render(scene, 192, 128, samples)
        shown, normals, ids = passes["color"], passes["normal"], passes["id"]
        turned = np.array(place.eye.matrix_world.to_3x3().inverted())
        normals = normals @ turned.T
        length = np.linalg.norm(normals, axis=-1, keepdims=True)
        good = (length > 0.97)[..., 0]
        normals = np.where(good[..., None], normals / np.maximum(length, 1e-6), -1.0)
        exposure = rng.uniform(0.65, 1.0) / max(np.percentile(shown @ LUMA, 97), 1e-6)
        cv2.imwrite(os.path.join(out, f"{name}.jpg"), encode(shown * exposure)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 93])
        coded = np.round(normals * 127 + 128).astype(np.uint8)
        coded[~good] = 0
        cv2.imwrite(os.path.join(out, f"{name}.normal.png"), coded[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
        cv2.imwrite(os.path.join(out, f"{name}.id.png"), np.round(ids).astype(np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 9])
        in_blender = np.array([face[0], -face[2], face[1]])
        truth["direction"] = [float(v) for v in turned @ in_blender]
        truth["up"] = [float(v) for v in turned @ np.array([0, 0, 1.0])]
        truth["fov_deg"] = math.degrees(2 * math.atan(18.0 / place.eye.data.lens))
    with open(os.path.join(out, "truth.jsonl"), "a", encoding="utf-8") as file:
        file.write(json.dumps(truth) + "\n")
    return truth


def main():
    """Reads the command line and renders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--kinds", required=True, help="with commas between: " + "spheres,statue,table,corner,figures,head,terrain")
    parser.add_argument("--seeds", default="0..4", help="first..end, the end left out")
    parser.add_argument("--panorama", action="store_true")
    parser.add_argument("--samples", type=int, default=24)
    args = parser.parse_args()
    out = os.path.abspath(args.out)
    os.makedirs(out, exist_ok=True)
    first, end = map(int, args.seeds.split(".."))
    for seed in range(first, end):
        for kind in args.kinds.split(","):
            print(json.dumps(make(kind, seed, out, args.samples, args.panorama)), flush=True)


if __name__ == "__main__":
    main()
