"""The stage's test scenes, built in Blender by plain arithmetic and fixed seeds: the same every time.

Blender's own axes hold here: z up, metres. The exporters turn them.
"""

import math
import random

import bpy
import numpy as np

FPS = 24
LAST_FRAME = 47  # frames 0..47: two seconds


# ---- the ground everything stands on ------------------------------------------------------------------------------


def empty_scene(name):
    """An empty file with one scene of 48 frames at 24 a second."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.name = name
    scene.render.fps = FPS
    scene.frame_start = 0
    scene.frame_end = LAST_FRAME
    scene.render.resolution_x = 640
    scene.render.resolution_y = 360
    scene.render.resolution_percentage = 100
    return scene


def add(name, data, location=(0.0, 0.0, 0.0), parent=None):
    """An object in the scene."""
    thing = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(thing)
    thing.location = location
    thing.parent = parent
    return thing


def mesh(name, points, faces, material=None, smooth=True, uvs=None, colors=None):
    """A mesh from points and faces; uvs and colours are one for each point."""
    made = bpy.data.meshes.new(name)
    made.from_pydata([tuple(map(float, p)) for p in points], [], [tuple(map(int, f)) for f in faces])
    if material is not None:
        made.materials.append(material)
    if smooth:
        made.polygons.foreach_set("use_smooth", [True] * len(made.polygons))
    corners = np.empty(len(made.loops), dtype=np.int32)
    made.loops.foreach_get("vertex_index", corners)
    if uvs is not None:
        layer = made.uv_layers.new(name="UVMap")
        layer.data.foreach_set("uv", np.asarray(uvs, dtype=np.float32)[corners].ravel())
    if colors is not None:
        layer = made.color_attributes.new("Color", "FLOAT_COLOR", "POINT")
        layer.data.foreach_set("color", np.asarray(colors, dtype=np.float32).ravel())
    made.update()
    made.validate()
    return made


def grid(columns, rows, width, depth):
    """Points of a flat grid about the middle, its quads and uvs."""
    xs = np.linspace(-width / 2, width / 2, columns)
    ys = np.linspace(-depth / 2, depth / 2, rows)
    x, y = np.meshgrid(xs, ys)
    points = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)
    faces = [
        (j * columns + i, j * columns + i + 1, (j + 1) * columns + i + 1, (j + 1) * columns + i)
        for j in range(rows - 1)
        for i in range(columns - 1)
    ]
    u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
    return points, faces, np.stack([u.ravel(), v.ravel()], axis=1)


def globe(segments, rings, radius=1.0):
    """Points and faces of a sphere: two poles and rings between them."""
    points = [(0.0, 0.0, radius)]
    for r in range(1, rings):
        polar = math.pi * r / rings
        for s in range(segments):
            around = 2 * math.pi * s / segments
            points.append(
                (
                    radius * math.sin(polar) * math.cos(around),
                    radius * math.sin(polar) * math.sin(around),
                    radius * math.cos(polar),
                )
            )
    points.append((0.0, 0.0, -radius))
    faces = []
    for s in range(segments):
        faces.append((0, 1 + s, 1 + (s + 1) % segments))
    for r in range(rings - 2):
        top, below = 1 + r * segments, 1 + (r + 1) * segments
        for s in range(segments):
            n = (s + 1) % segments
            faces.append((top + s, below + s, below + n, top + n))
    last, base = len(points) - 1, 1 + (rings - 2) * segments
    for s in range(segments):
        faces.append((base + s, last, base + (s + 1) % segments))
    return np.array(points), faces


def box(name, size, location, material, parent=None):
    """A box with sharp edges, its size and middle given."""
    x, y, z = (s / 2 for s in size)
    points, faces, uvs = [], [], []
    sides = [
        ((x, -y, -z), (x, y, -z), (x, y, z), (x, -y, z)),
        ((-x, y, -z), (-x, -y, -z), (-x, -y, z), (-x, y, z)),
        ((x, y, -z), (-x, y, -z), (-x, y, z), (x, y, z)),
        ((-x, -y, -z), (x, -y, -z), (x, -y, z), (-x, -y, z)),
        ((-x, -y, z), (x, -y, z), (x, y, z), (-x, y, z)),
        ((-x, y, -z), (x, y, -z), (x, -y, -z), (-x, -y, -z)),
    ]
    for side in sides:
        faces.append(tuple(range(len(points), len(points) + 4)))
        points.extend(side)
        uvs.extend([(0, 0), (1, 0), (1, 1), (0, 1)])
    return add(name, mesh(name, points, faces, material, smooth=False, uvs=uvs), location, parent)


def painted(name, color, roughness=0.8):
    """A plain coloured material; the colour is linear."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    surface = material.node_tree.nodes["Principled BSDF"]
    surface.inputs["Base Color"].default_value = (*color, 1.0)
    surface.inputs["Roughness"].default_value = roughness
    material.diffuse_color = (*color, 1.0)
    return material


def picture(name, pixels):
    """A picture from an array of rows from the bottom up, RGBA, display values."""
    height, width, _ = pixels.shape
    image = bpy.data.images.new(name, width, height, alpha=True)
    image.pixels.foreach_set(pixels.astype(np.float32).ravel())
    image.file_format = "PNG"
    image.pack()
    return image


def textured(name, image, mask=None):
    """A material with a picture for its colour; with `mask`, seen only where the picture's alpha is above it."""
    material = painted(name, (0.8, 0.8, 0.8))
    tree = material.node_tree
    surface = tree.nodes["Principled BSDF"]
    sample = tree.nodes.new("ShaderNodeTexImage")
    sample.image = image
    tree.links.new(sample.outputs["Color"], surface.inputs["Base Color"])
    if mask is not None:
        above = tree.nodes.new("ShaderNodeMath")
        above.operation = "GREATER_THAN"
        above.inputs[1].default_value = mask
        tree.links.new(sample.outputs["Alpha"], above.inputs[0])
        tree.links.new(above.outputs["Value"], surface.inputs["Alpha"])
    return material


def vertex_painted(name):
    """A material that shows the mesh's own vertex colours."""
    material = painted(name, (0.8, 0.8, 0.8))
    tree = material.node_tree
    colors = tree.nodes.new("ShaderNodeVertexColor")
    colors.layer_name = "Color"
    tree.links.new(colors.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return material


def camera(name, focal_mm):
    """The scene's camera, on a 36 mm wide back."""
    data = bpy.data.cameras.new(name)
    data.lens = focal_mm
    data.sensor_width = 36.0
    data.sensor_fit = "HORIZONTAL"
    data.clip_start = 0.05
    data.clip_end = 500.0
    made = add(name, data)
    made.rotation_mode = "QUATERNION"
    bpy.context.scene.camera = made
    return made


def look(thing, at):
    """Turns a camera or light so that it looks at a place, upright."""
    import mathutils

    way = mathutils.Vector(at) - thing.location
    thing.rotation_mode = "QUATERNION"
    before = thing.rotation_quaternion.copy()
    now = way.to_track_quat("-Z", "Y")
    now.make_compatible(before)
    thing.rotation_quaternion = now


def key_move(thing, frame, location, at):
    """A key of a camera's move: where it stands and what it looks at."""
    thing.location = location
    look(thing, at)
    thing.keyframe_insert("location", frame=frame)
    thing.keyframe_insert("rotation_quaternion", frame=frame)


def sun(name, strength, toward, color=(1.0, 1.0, 1.0), angle_deg=0.53):
    """A sun that shines from `toward` to the middle."""
    data = bpy.data.lights.new(name, "SUN")
    data.energy = strength
    data.color = color
    data.angle = math.radians(angle_deg)
    made = add(name, data, toward)
    look(made, (0.0, 0.0, 0.0))
    return made


def curves_of(owner):
    """The animation curves of an object or its data."""
    for layer in owner.animation_data.action.layers:
        for strip in layer.strips:
            for bag in strip.channelbags:
                yield from bag.fcurves


def straighten(owner, kind="LINEAR"):
    """Sets the interpolation of every key."""
    for curve in curves_of(owner):
        for key in curve.keyframe_points:
            key.interpolation = kind


# ---- the scenes ---------------------------------------------------------------------------------------------------


def ocean():
    """Travelling waves (four shape keys), a raft with a mast, and a camera on a crane whose lens zooms in."""
    scene = empty_scene("ocean")
    water = painted("water", (0.02, 0.10, 0.14), 0.2)
    points, faces, _ = grid(17, 17, 40.0, 40.0)
    surface = add("ocean", mesh("ocean", points, faces, water))
    surface.shape_key_add(name="Basis")
    # A wave a·cos(k·x − wt) is cos(wt)·[a·cos(k·x)] + sin(wt)·[a·sin(k·x)]: two keys carry it exactly.
    waves = [("swell", 0.6, (0.30, 0.12), 2), ("chop", 0.22, (-0.35, 0.75), 3)]
    for name, height_m, (kx, ky), turns in waves:
        phase = points[:, 0] * kx + points[:, 1] * ky
        for part, shape in (("cos", np.cos(phase)), ("sin", np.sin(phase))):
            key = surface.shape_key_add(name=f"{name} {part}")
            key.slider_min, key.slider_max = -1.0, 1.0
            moved = points.copy()
            moved[:, 2] += height_m * shape
            key.data.foreach_set("co", moved.astype(np.float32).ravel())
            for frame in range(0, LAST_FRAME + 1, 2 if turns < 3 else 1):
                turn = 2 * math.pi * turns * frame / (LAST_FRAME + 1)
                key.value = math.cos(turn) if part == "cos" else math.sin(turn)
                key.keyframe_insert("value", frame=frame)
    straighten(surface.data.shape_keys)

    wood = painted("wood", (0.30, 0.17, 0.08))
    raft = box("raft", (3.0, 2.0, 0.3), (2.0, 3.0, 0.4), wood)
    box("mast", (0.12, 0.12, 2.4), (0.0, 0.0, 1.3), wood, raft)
    box("sail", (1.4, 0.03, 1.3), (0.0, 0.0, 1.7), painted("canvas", (0.75, 0.70, 0.60)), raft)
    for frame in range(0, LAST_FRAME + 1, 6):
        turn = 2 * math.pi * frame / 24.0
        raft.location[2] = 0.4 + 0.35 * math.cos(turn)
        raft.rotation_euler = (0.08 * math.sin(turn), 0.05 * math.cos(turn), 0.2)
        raft.keyframe_insert("location", frame=frame)
        raft.keyframe_insert("rotation_euler", frame=frame)

    crane = camera("crane", 28.0)
    key_move(crane, 0, (-9.0, -13.0, 1.6), (2.0, 3.0, 1.0))
    key_move(crane, 24, (-6.0, -12.0, 5.5), (2.0, 3.0, 0.8))
    key_move(crane, LAST_FRAME, (-1.0, -11.0, 8.5), (2.0, 3.0, 0.5))
    for frame, focal_mm in ((0, 28.0), (LAST_FRAME, 45.0)):
        crane.data.lens = focal_mm
        crane.data.keyframe_insert("lens", frame=frame)
    straighten(crane.data)
    sun("low sun", 3.0, (-8.0, 6.0, 4.0), (1.0, 0.86, 0.68), 2.0)
    return scene


def tissue():
    """Four wavy layers with holes, the last one breathing, lumps of cells between them, a camera spiralling down."""
    scene = empty_scene("tissue")
    rng = random.Random(31)
    tones = [(0.62, 0.20, 0.18), (0.70, 0.36, 0.28), (0.55, 0.16, 0.22), (0.40, 0.10, 0.16)]
    side = 32
    rows, columns = np.mgrid[0:side, 0:side] / side
    for index, tone in enumerate(tones):
        across = 10 if index == 3 else 14
        points, faces, uvs = grid(across, across, 9.0, 9.0)
        depth_m = -2.4 * index
        points[:, 2] = 0.22 * np.sin(points[:, 0] * 1.1 + index) + 0.18 * np.cos(points[:, 1] * 1.4 - 2 * index)
        # Holes on a slanted lattice, and one wide enough for the camera in the middle.
        lattice = np.cos(2 * math.pi * (3 * rows + columns + 0.13 * index)) + np.cos(
            2 * math.pi * (3 * columns - rows)
        )
        middle = np.hypot(rows - 0.5 + 0.5 / side, columns - 0.5 + 0.5 / side) < 0.24
        solid = (lattice > -1.15) & ~middle
        paint = np.ones((side, side, 4))
        shade = 0.85 + 0.15 * np.cos(2 * math.pi * (4 * rows + index * 0.2))
        for channel in range(3):
            paint[..., channel] = (tone[channel] ** (1 / 2.2)) * shade
        paint[..., 3] = solid
        paint = np.round(paint * 255.0) / 255.0
        skin = textured(f"layer {index + 1}", picture(f"layer_{index + 1}", paint), mask=0.5)
        layer = add(f"layer {index + 1}", mesh(f"layer {index + 1}", points, faces, skin, uvs=uvs), (0, 0, depth_m))
        if index == 3:
            layer.shape_key_add(name="Basis")
            key = layer.shape_key_add(name="breath")
            moved = points.copy()
            moved[:, 2] += 0.5 * np.exp(-(points[:, 0] ** 2 + points[:, 1] ** 2) / 8.0)
            key.data.foreach_set("co", moved.astype(np.float32).ravel())
            for frame, value in ((0, 0.0), (16, 1.0), (32, 0.0), (LAST_FRAME, 0.9)):
                key.value = value
                key.keyframe_insert("value", frame=frame)

    cell_look = vertex_painted("cell")
    kinds = []
    for kind in range(2):
        points, faces = globe(10, 7)
        bumps = 1.0 + 0.16 * np.sin(points[:, 0] * 4 + kind * 2) * np.cos(points[:, 1] * 3.3 + points[:, 2] * 2)
        glow = 0.5 + 0.5 * points[:, 2]
        colors = np.stack([0.55 + 0.3 * glow, 0.25 + 0.25 * kind + 0.1 * glow, 0.30 + 0.2 * glow, np.ones(len(points))], 1)
        kinds.append(mesh(f"cell {kind + 1}", points * bumps[:, None], faces, cell_look, colors=colors))
    for count in range(24):
        turn = rng.uniform(0, 2 * math.pi)
        off = rng.uniform(2.1, 4.0)
        cell = add(
            f"cell {count + 1}",
            kinds[count % 2],
            (off * math.cos(turn), off * math.sin(turn), -2.4 * rng.uniform(0.25, 3.4)),
        )
        size = rng.uniform(0.18, 0.42)
        cell.scale = (size, size, size * rng.uniform(0.7, 1.2))
        cell.rotation_euler = tuple(rng.uniform(0, math.pi) for _ in range(3))
        if count < 4:  # a few drift
            cell.keyframe_insert("location", frame=0)
            cell.location = (cell.location[0] + 0.4, cell.location[1] - 0.3, cell.location[2] + 0.5)
            cell.keyframe_insert("location", frame=LAST_FRAME)

    diver = camera("diver", 24.0)
    for frame in range(0, LAST_FRAME + 1):
        t = frame / LAST_FRAME
        turn = 2 * math.pi * 1.25 * t
        drop = 3.0 - 8.4 * t
        at = turn + 0.9
        key_move(
            diver,
            frame,
            (1.3 * math.cos(turn), 1.3 * math.sin(turn), drop),
            (1.6 * math.cos(at), 1.6 * math.sin(at), drop - 1.5),
        )
    straighten(diver)
    lamp = bpy.data.lights.new("lamp", "POINT")
    lamp.energy = 260.0
    lamp.color = (1.0, 0.90, 0.82)
    lamp.shadow_soft_size = 0.1
    add("lamp", lamp, (0.4, -0.3, 0.3), None).parent = diver
    sun("through the skin", 1.5, (2.0, 1.0, 6.0), (1.0, 0.55, 0.45), 10.0)
    return scene


def room():
    """A room with a window and a table, a bundle of cloth on it, and two arms (one skinned mesh) that close about it."""
    scene = empty_scene("room")
    plaster = painted("plaster", (0.62, 0.60, 0.55))
    frame_paint = painted("window frame", (0.78, 0.78, 0.74))
    floor_points, floor_faces, floor_uvs = grid(2, 2, 5.0, 4.0)
    side = 32
    rows, columns = np.mgrid[0:side, 0:side]
    planks = np.ones((side, side, 4))
    board = (columns // 8).astype(float)
    shade = 0.42 + 0.07 * np.sin(board * 2.6) + 0.04 * np.sin(rows * 0.9 + board * 5) - 0.12 * (columns % 8 == 0)
    for channel, scale in enumerate((1.0, 0.78, 0.55)):
        planks[..., channel] = np.clip(shade * scale * 1.3, 0, 1)
    planks = np.round(planks * 255.0) / 255.0
    boards = picture("planks", planks)
    wood = textured("planks", boards)
    add("floor", mesh("floor", floor_points, floor_faces, wood, False, floor_uvs * np.array([4.0, 3.0])))
    box("back wall", (5.0, 0.1, 2.6), (0.0, 2.05, 1.3), plaster)
    box("right wall", (0.1, 4.0, 2.6), (2.55, 0.0, 1.3), plaster)
    # The left wall leaves a window open, 1.2 by 1.1 m.
    left = add("left wall", None, (-2.55, 0.0, 0.0))
    box("left wall below", (0.1, 4.0, 0.9), (0.0, 0.0, 0.45), plaster, left)
    box("left wall above", (0.1, 4.0, 0.6), (0.0, 0.0, 2.3), plaster, left)
    box("left wall near", (0.1, 1.2, 1.1), (0.0, -1.4, 1.45), plaster, left)
    box("left wall far", (0.1, 1.6, 1.1), (0.0, 1.2, 1.45), plaster, left)
    box("window post", (0.06, 0.06, 1.1), (-2.55, -0.2, 1.45), frame_paint)
    box("window bar", (0.06, 1.2, 0.06), (-2.55, -0.2, 1.45), frame_paint)

    table = add("table", None, (0.1, 0.2, 0.0))
    box("table top", (1.6, 0.9, 0.05), (0.0, 0.0, 0.75), wood, table)
    for index, (x, y) in enumerate(((-0.7, -0.35), (0.7, -0.35), (-0.7, 0.35), (0.7, 0.35))):
        box(f"table leg {index + 1}", (0.07, 0.07, 0.72), (x, y, 0.36), wood, table)

    points, faces = globe(16, 11)
    folds = 1.0 + 0.10 * np.sin(points[:, 0] * 7 + points[:, 1] * 3) + 0.06 * np.sin(points[:, 2] * 9 - points[:, 1] * 5)
    points = points * folds[:, None] * np.array([0.26, 0.16, 0.13])
    points[:, 2] = np.maximum(points[:, 2], -0.10)
    add("bundle", mesh("bundle", points, faces, painted("cloth", (0.72, 0.66, 0.50))), (0.1, 0.15, 0.88))

    arms()

    lens = camera("at the door", 24.0)
    key_move(lens, 0, (1.6, -2.9, 1.60), (-0.55, 0.3, 1.0))
    key_move(lens, LAST_FRAME, (1.0, -2.2, 1.45), (-0.35, 0.25, 0.95))
    for curve in curves_of(lens):
        for key in curve.keyframe_points:
            key.interpolation = "BEZIER"
    sun("sun", 5.0, (-6.0, -1.2, 4.2), (1.0, 0.90, 0.75))
    sky = bpy.data.lights.new("window light", "AREA")
    sky.shape = "RECTANGLE"
    sky.size, sky.size_y = 1.2, 1.1
    sky.energy = 60.0
    sky.color = (0.70, 0.82, 1.0)
    pane = add("window light", sky, (-2.65, -0.2, 1.45))
    look(pane, (0.0, -0.2, 1.45))
    return scene


def arms():
    """Two arms from the near edge of the table, each of two bones, as one skinned mesh; they close a little."""
    around, along = 8, 9
    length_m, radius_m = 0.62, 0.05
    points, faces, owner = [], [], []
    for side in (-1.0, 1.0):
        first = len(points)
        for step in range(along):
            t = step / (along - 1)
            width = radius_m * (1.0 - 0.35 * t)
            for s in range(around):
                turn = 2 * math.pi * s / around
                points.append((side * 0.36 + width * math.cos(turn), -0.55 + length_m * t, 0.90 + width * math.sin(turn)))
                owner.append((side, t))
        for step in range(along - 1):
            for s in range(around):
                n = (s + 1) % around
                a, b = first + step * around, first + (step + 1) * around
                faces.append((a + s, a + n, b + n, b + s))
        faces.append(tuple(first + s for s in reversed(range(around))))
        faces.append(tuple(first + (along - 1) * around + s for s in range(around)))
    skin = add("arms", mesh("arms", points, faces, painted("skin", (0.55, 0.33, 0.24))))

    data = bpy.data.armatures.new("arm bones")
    bones = add("arm bones", data)
    bpy.context.view_layer.objects.active = bones
    bpy.ops.object.mode_set(mode="EDIT")
    for side, word in ((-1.0, "left"), (1.0, "right")):
        upper = data.edit_bones.new(f"upper {word}")
        upper.head, upper.tail = (side * 0.36, -0.55, 0.90), (side * 0.36, -0.55 + length_m / 2, 0.90)
        fore = data.edit_bones.new(f"fore {word}")
        fore.head, fore.tail = upper.tail, (side * 0.36, -0.55 + length_m, 0.90)
        fore.parent = upper
    bpy.ops.object.mode_set(mode="OBJECT")
    for side, word in ((-1.0, "left"), (1.0, "right")):
        for part in ("upper", "fore"):
            group = skin.vertex_groups.new(name=f"{part} {word}")
            for index, (whose, t) in enumerate(owner):
                if whose != side:
                    continue
                fore_share = min(max((t - 0.35) / 0.3, 0.0), 1.0)
                share = fore_share if part == "fore" else 1.0 - fore_share
                if share > 0:
                    group.add([index], share, "REPLACE")
    skin.parent = bones
    skin.modifiers.new("Armature", "ARMATURE").object = bones
    for side, word in ((-1.0, "left"), (1.0, "right")):
        for part, close_deg in (("upper", 10.0), ("fore", 38.0)):
            bone = bones.pose.bones[f"{part} {word}"]
            bone.rotation_mode = "QUATERNION"
            for frame, share in ((0, 0.0), (30, 1.0), (LAST_FRAME, 0.9)):
                half = math.radians(side * close_deg * share) / 2
                # The bone lies along its own y; its z is up here, so this closes the arms inwards.
                bone.rotation_quaternion = (math.cos(half), 0.0, 0.0, math.sin(half))
                bone.keyframe_insert("rotation_quaternion", frame=frame)


def crowd(triangles):
    """A crowd on a ground with about this many triangles; a tenth of it walks, the camera passes along it."""
    scene = empty_scene("crowd")
    rng = random.Random(7)
    figures = max(20, min(1000, triangles // 500))
    # A figure is a body and a head, each segments·(2·rings − 2) triangles: segments and rings from what each may have.
    segments = max(6, round(math.sqrt(triangles / figures / 2 / 2)) + 1)
    rings = max(4, round(triangles / figures / 2 / (2 * segments)) + 1)
    tones = [(0.60, 0.22, 0.16), (0.20, 0.30, 0.50), (0.25, 0.42, 0.22), (0.55, 0.48, 0.30)]
    meshes = []
    for index, tone in enumerate(tones):
        ball, faces = globe(segments, rings)
        body = ball * np.array([0.26 + 0.02 * index, 0.20, 0.68])
        body[:, 2] += 0.68
        head = ball * 0.15 + np.array([0.0, 0.0, 1.50])
        count = len(ball)
        both = np.concatenate([body, head])
        all_faces = faces + [tuple(c + count for c in face) for face in faces]
        meshes.append(mesh(f"figure {index + 1}", both, all_faces, painted(f"coat {index + 1}", tone)))
    side = math.ceil(math.sqrt(figures))
    for count in range(figures):
        row, column = divmod(count, side)
        place = (
            (column - side / 2) * 1.3 + rng.uniform(-0.3, 0.3),
            (row - side / 2) * 1.3 + rng.uniform(-0.3, 0.3),
            0.0,
        )
        figure = add(f"figure {count + 1}", meshes[count % len(meshes)], place)
        figure.rotation_euler = (0.0, 0.0, rng.uniform(0, 2 * math.pi))
        size = rng.uniform(0.9, 1.1)
        figure.scale = (size, size, size)
        if count % 10 == 0:
            turn = figure.rotation_euler[2]
            figure.keyframe_insert("location", frame=0)
            figure.location = (place[0] + 0.8 * math.cos(turn), place[1] + 0.8 * math.sin(turn), 0.0)
            figure.keyframe_insert("location", frame=LAST_FRAME)
            straighten(figure)
    points, faces, uvs = grid(2, 2, side * 1.3 + 30.0, side * 1.3 + 30.0)
    add("ground", mesh("ground", points, faces, painted("ground", (0.28, 0.26, 0.22)), False, uvs))
    eye = camera("passing", 35.0)
    reach = side * 1.3 / 2
    key_move(eye, 0, (-reach * 0.6, -reach - 6.0, 3.5), (0.0, 0.0, 1.0))
    key_move(eye, LAST_FRAME, (reach * 0.6, -reach - 4.0, 4.5), (0.0, 0.0, 1.0))
    straighten(eye)
    sun("sun", 3.0, (-4.0, -5.0, 8.0), (1.0, 0.95, 0.88))
    return scene


def triangle_count():
    """Triangles of all objects of the scene, each counted as often as it stands there."""
    total = 0
    for thing in bpy.context.scene.objects:
        if thing.type == "MESH":
            total += sum(len(face.vertices) - 2 for face in thing.data.polygons)
    return total
