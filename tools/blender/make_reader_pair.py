"""Makes the small scene that the tests of the stage's readers compare: as .glb, as .usdc, and what Blender says of it.

    python tools/blender/make_reader_pair.py crates/stage/tests/data

Needs PyPI's `bpy` (made with 5.0.1). The scene moves in every way a reader knows: a bar bent by two bones, a plate
with a shape key, a box on eased (Bezier) keys under a turning parent, and a camera whose lens changes. The .json has
where Blender itself puts every vertex at some frames, in metres with y up.
"""

import json
import math
import pathlib
import sys

import bpy
from mathutils import Vector

FPS = 24
LAST = 24
FRAMES = [0, 5, 12, 17, 24]


def material(name, rgb):
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    made.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*rgb, 1)
    return made


def shown(name, vertices, faces, mat):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    mesh.materials.append(mat)
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(thing)
    return thing


def box(name, half, mat):
    x, y, z = half
    corners = [(sx * x, sy * y, sz * z) for sx in (-1, 1) for sy in (-1, 1) for sz in (-1, 1)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return shown(name, corners, faces, mat)


def key(thing, path, frame, value):
    setattr(thing, path, value)
    thing.keyframe_insert(path, frame=frame)


def bar():
    """Eight rings along z, bent by two bones."""
    rings, sides, length = 8, 6, 2.0
    vertices = []
    for r in range(rings):
        for s in range(sides):
            a = 2 * math.pi * s / sides
            vertices.append((0.2 * math.cos(a), 0.2 * math.sin(a), length * r / (rings - 1)))
    faces = [
        (r * sides + s, r * sides + (s + 1) % sides, (r + 1) * sides + (s + 1) % sides, (r + 1) * sides + s)
        for r in range(rings - 1)
        for s in range(sides)
    ]
    thing = shown("bar", vertices, faces, material("rubber", (0.8, 0.2, 0.1)))
    bones = bpy.data.objects.new("bones", bpy.data.armatures.new("bones"))
    bpy.context.collection.objects.link(bones)
    bpy.context.view_layer.objects.active = bones
    bpy.ops.object.mode_set(mode="EDIT")
    lower = bones.data.edit_bones.new("lower")
    lower.head, lower.tail = (0, 0, 0), (0, 0, 1)
    upper = bones.data.edit_bones.new("upper")
    upper.head, upper.tail = (0, 0, 1), (0, 0, 2)
    upper.parent = lower
    bpy.ops.object.mode_set(mode="OBJECT")
    for name in ("lower", "upper"):
        group = thing.vertex_groups.new(name=name)
        for v in thing.data.vertices:
            up = min(1.0, max(0.0, (v.co.z - 0.6) / 0.8))
            group.add([v.index], up if name == "upper" else 1 - up, "REPLACE")
    thing.parent = bones
    thing.modifiers.new("bend", "ARMATURE").object = bones
    bones.location = (1.5, 0.5, 0.25)
    bones.rotation_euler = (0, 0, 0.4)
    for name, turn in (("lower", 0.3), ("upper", 1.1)):
        bone = bones.pose.bones[name]
        bone.rotation_mode = "XYZ"
        key(bone, "rotation_euler", 0, (0, 0, 0))
        key(bone, "rotation_euler", LAST, (turn, 0, -turn / 2))


def plate():
    thing = shown(
        "plate",
        [(x / 3 - 0.5, y / 3 - 0.5, 0) for y in range(4) for x in range(4)],
        [(y * 4 + x, y * 4 + x + 1, y * 4 + x + 5, y * 4 + x + 4) for y in range(3) for x in range(3)],
        material("tin", (0.5, 0.5, 0.6)),
    )
    thing.location = (-1.5, 0.3, 0.4)
    thing.shape_key_add(name="Basis")
    for name, bulge in (("bulge", 0.5), ("tilt", 0.0)):
        shape = thing.shape_key_add(name=name)
        for i, v in enumerate(thing.data.vertices):
            lift = bulge * (0.5 - v.co.x**2 - v.co.y**2) if bulge else 0.4 * v.co.x
            shape.data[i].co = v.co + Vector((0, 0, lift))
        key(shape, "value", 0, 0.0)
        key(shape, "value", LAST, 1.0 if bulge else 0.6)


def travelling_box():
    arm = bpy.data.objects.new("arm", None)
    bpy.context.collection.objects.link(arm)
    thing = box("box", (0.3, 0.2, 0.1), material("card", (0.2, 0.5, 0.3)))
    thing.parent = arm
    arm.location = (0, -1, 1)
    key(arm, "rotation_euler", 0, (0, 0, 0))
    key(arm, "rotation_euler", LAST, (0.2, 0.5, 2.4))
    for frame, place in ((0, (0, 0, 0)), (8, (1, 0, 0.5)), (LAST, (1, 1, 0))):
        key(thing, "location", frame, place)
    key(thing, "scale", 0, (1, 1, 1))
    key(thing, "scale", LAST, (2, 1, 0.5))


def eye():
    lens = bpy.data.cameras.new("eye")
    thing = bpy.data.objects.new("eye", lens)
    bpy.context.collection.objects.link(thing)
    lens.sensor_width, lens.sensor_height = 36, 24
    lens.clip_start, lens.clip_end = 0.1, 200
    key(lens, "lens", 0, 35.0)
    key(lens, "lens", LAST, 70.0)
    key(thing, "location", 0, (0.5, -7, 1.5))
    key(thing, "location", LAST, (3, -6, 2.5))
    thing.rotation_euler = (1.4, 0, 0.1)
    bpy.context.scene.camera = thing


def lamps():
    for name, kind, energy in (("sun", "SUN", 3.0), ("bulb", "POINT", 100.0)):
        light = bpy.data.lights.new(name, kind)
        light.energy = energy
        thing = bpy.data.objects.new(name, light)
        thing.location = (2, -2, 4)
        thing.rotation_euler = (0.6, 0.2, 0)
        bpy.context.collection.objects.link(thing)


def y_up(v):
    return [round(v.x, 6), round(v.z, 6), round(-v.y, 6)]


def told():
    """Where Blender puts everything."""
    scene = bpy.context.scene
    frames = []
    for frame in FRAMES:
        scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        meshes = {}
        for name in ("bar", "plate", "box"):
            thing = bpy.data.objects[name].evaluated_get(graph)
            mesh = thing.to_mesh()
            meshes[name] = [y_up(thing.matrix_world @ v.co) for v in mesh.vertices]
        camera = scene.camera.evaluated_get(graph)
        turn = camera.matrix_world
        frames.append(
            {
                "frame": frame,
                "time_s": frame / FPS,
                "meshes": meshes,
                "camera": {
                    "position": y_up(turn.translation),
                    "forward": y_up(turn.to_3x3() @ Vector((0, 0, -1))),
                    "up": y_up(turn.to_3x3() @ Vector((0, 1, 0))),
                    "focal_mm": round(camera.data.lens, 5),
                },
            }
        )
    return frames


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = FPS
    scene.frame_start, scene.frame_end = 0, LAST
    scene.render.resolution_x, scene.render.resolution_y = 1500, 1000
    bar()
    plate()
    travelling_box()
    eye()
    lamps()
    (out / "moving.json").write_text(json.dumps({"frames": told()}, separators=(",", ":")) + "\n")
    scene.frame_set(0)
    bpy.ops.export_scene.gltf(
        filepath=str(out / "moving.glb"),
        export_cameras=True,
        export_lights=True,
        export_animation_mode="SCENE",
        export_optimize_animation_size=False,
    )
    bpy.ops.wm.usd_export(
        filepath=str(out / "moving.usdc"),
        export_animation=True,
        export_armatures=True,
        export_shapekeys=True,
        export_lights=True,
        export_cameras=True,
    )


main()
