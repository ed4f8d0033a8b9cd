"""Places to light: seven kinds of scene, each different for every seed. Blender's axes: z up, metres."""

import math
import random

import bpy
import numpy as np

from builders import add, box, camera, empty_scene, globe, grid, look, mesh

KINDS = ["spheres", "statue", "table", "corner", "figures", "head", "terrain"]


class Place:
    """A built place: its scene, its camera, the middle of what it shows, and what stands there."""

    def __init__(self, kind, seed):
        self.rng = random.Random(f"{kind} {seed}")
        self.scene = empty_scene(f"{kind} {seed}")
        self.things = []
        self.middle = (0.0, 0.0, 0.5)
        self.free = (1.6, -1.6, 1.1)  # where a panorama is taken: nothing stands there
        getattr(self, f"_{kind}")()
        for index, thing in enumerate(o for o in self.scene.objects if o.type == "MESH"):
            thing.pass_index = index + 1

    # ---- materials ------------------------------------------------------------------------------------------------

    def matter(self, name, tone=None):
        """A material of chance: matte white, matte colour, rather glossy, or textured."""
        rng = self.rng
        sort = rng.choice(["white", "colour", "colour", "gloss", "texture"])
        if tone is None:
            hue = [rng.uniform(0.08, 0.75) for _ in range(3)]
            tone = hue if sort != "white" else [rng.uniform(0.55, 0.8)] * 3
        material = bpy.data.materials.new(f"{name} {sort}")
        material.use_nodes = True
        tree = material.node_tree
        surface = tree.nodes["Principled BSDF"]
        surface.inputs["Base Color"].default_value = (*tone, 1.0)
        surface.inputs["Roughness"].default_value = rng.uniform(0.25, 0.45) if sort == "gloss" else 0.95
        surface.inputs["Specular IOR Level"].default_value = 0.5 if sort == "gloss" else 0.15
        if sort == "texture":
            pattern = tree.nodes.new(rng.choice(["ShaderNodeTexNoise", "ShaderNodeTexChecker", "ShaderNodeTexWave"]))
            pattern.inputs["Scale"].default_value = rng.uniform(3.0, 9.0)
            where = tree.nodes.new("ShaderNodeTexCoord")
            tree.links.new(where.outputs["Object"], pattern.inputs["Vector"])
            mix = tree.nodes.new("ShaderNodeMix")
            mix.data_type = "RGBA"
            other = [c * rng.uniform(0.35, 0.8) for c in tone]
            mix.inputs[6].default_value = (*tone, 1.0)
            mix.inputs[7].default_value = (*other, 1.0)
            tree.links.new(pattern.outputs[0 if pattern.bl_idname != "ShaderNodeTexChecker" else 1], mix.inputs[0])
            tree.links.new(mix.outputs[2], surface.inputs["Base Color"])
        return material

    def thing(self, name, points, faces, location, material=None, smooth=True):
        """Something that stands in the place."""
        made = add(name, mesh(name, points, faces, material or self.matter(name), smooth), location)
        self.things.append(made)
        return made

    def ground(self, size_m=60.0):
        """A flat ground."""
        points, faces, _ = grid(2, 2, size_m, size_m)
        tone = [self.rng.uniform(0.12, 0.5)] * 3
        tone = [t * self.rng.uniform(0.85, 1.15) for t in tone]
        return add("ground", mesh("ground", points, faces, self.matter("ground", tone), False))

    def lens(self, low_m, high_m, near_m, far_m):
        """A camera that looks at the middle from the south."""
        rng = self.rng
        eye = camera("eye", rng.uniform(26.0, 60.0))
        eye.data.clip_start = 0.01
        far = rng.uniform(near_m, far_m) * eye.data.lens / 40.0
        aside = rng.uniform(-0.5, 0.5)
        eye.location = (
            self.middle[0] + far * math.sin(aside),
            self.middle[1] - far * math.cos(aside),
            rng.uniform(low_m, high_m),
        )
        at = [m + rng.uniform(-0.12, 0.12) for m in self.middle]
        look(eye, at)
        self.eye = eye

    # ---- kinds ----------------------------------------------------------------------------------------------------

    def lump(self, name, location, size, material=None, rough=0.12):
        """A smooth irregular body."""
        rng = self.rng
        points, faces = globe(40, 26)
        swell = np.ones(len(points))
        for _ in range(5):
            axis = np.array([rng.gauss(0, 1) for _ in range(3)]) * rng.uniform(1.0, 3.0)
            swell += rough * rng.uniform(0.2, 0.6) * np.sin(points @ axis + rng.uniform(0, 6.3))
        body = points * swell[:, None] * np.array(size)
        return self.thing(name, body, faces, location, material)

    def _spheres(self):
        rng = self.rng
        self.ground()
        taken = []
        for index in range(rng.randint(3, 7)):
            radius = rng.uniform(0.18, 0.5)
            for _ in range(40):
                x, y = rng.uniform(-1.2, 1.2), rng.uniform(-0.9, 0.9)
                if all(math.hypot(x - a, y - b) > radius + c for a, b, c in taken):
                    break
            taken.append((x, y, radius))
            points, faces = globe(40, 26, radius)
            squash = rng.choice([1.0, 1.0, rng.uniform(0.7, 1.4)])
            points[:, 2] *= squash
            self.thing(f"sphere {index}", points, faces, (x, y, radius * squash))
        self.middle = (0.0, 0.0, 0.4)
        self.lens(0.6, 2.4, 2.6, 4.0)

    def _statue(self):
        rng = self.rng
        self.ground()
        box("pedestal", (0.8, 0.8, 0.5), (0.0, 0.0, 0.25), self.matter("pedestal"))
        stone = self.matter("stone")
        self.lump("hips", (0, 0, 0.85), (0.30, 0.24, 0.36), stone)
        self.lump("chest", (rng.uniform(-0.08, 0.08), 0, 1.25), (0.28, 0.2, 0.3), stone)
        self.lump("head", (rng.uniform(-0.1, 0.1), rng.uniform(-0.08, 0.05), 1.68), (0.14, 0.16, 0.19), stone)
        for side in (-1, 1):
            arm = self.lump(f"arm {side}", (side * 0.33, rng.uniform(-0.15, 0.1), 1.2), (0.09, 0.09, 0.34), stone)
            arm.rotation_euler = (rng.uniform(-0.7, 0.5), side * rng.uniform(-0.6, 0.1), 0)
        if rng.random() < 0.5:
            box("wall", (8.0, 0.2, 5.0), (0.0, rng.uniform(1.2, 2.5), 2.5), self.matter("wall"))
        self.middle = (0.0, 0.0, 1.1)
        self.lens(0.8, 2.2, 2.8, 4.0)

    def _table(self):
        rng = self.rng
        self.ground()
        box("table", (1.8, 1.1, 0.06), (0.0, 0.0, 0.75), self.matter("table"))
        for x in (-0.8, 0.8):
            for y in (-0.45, 0.45):
                box("leg", (0.08, 0.08, 0.72), (x, y, 0.36), self.matter("leg"))
        for index in range(rng.randint(4, 7)):
            x = -0.75 + 1.5 * (index + rng.uniform(0.2, 0.8)) / 7
            y = rng.uniform(-0.4, 0.4)
            sort = rng.choice(["cup", "box", "ball", "lump", "lump"])
            if sort == "cup":
                around, height = 32, rng.uniform(0.12, 0.3)
                radius = rng.uniform(0.06, 0.12)
                rings = [(radius * 0.8, 0.0), (radius, height), (radius * 0.9, height), (radius * 0.75, 0.02)]
                points = [
                    (r * math.cos(2 * math.pi * s / around), r * math.sin(2 * math.pi * s / around), z)
                    for r, z in rings
                    for s in range(around)
                ]
                faces = [
                    (k * around + s, k * around + (s + 1) % around, (k + 1) * around + (s + 1) % around, (k + 1) * around + s)
                    for k in range(3)
                    for s in range(around)
                ]
                faces.append(tuple(3 * around + s for s in range(around)))
                self.thing(f"cup {index}", points, faces, (x, y, 0.78), smooth=False)
            elif sort == "box":
                size = [rng.uniform(0.1, 0.26) for _ in range(3)]
                made = box(f"box {index}", size, (x, y, 0.78 + size[2] / 2), self.matter("box"))
                made.rotation_euler = (0, 0, rng.uniform(0, 3))
                self.things.append(made)
            else:
                size = rng.uniform(0.08, 0.17)
                self.lump(f"{sort} {index}", (x, y, 0.78 + size * 0.9), (size, size, size), None, 0.0 if sort == "ball" else 0.3)
        if rng.random() < 0.6:
            box("wall", (8.0, 0.2, 5.0), (0.0, rng.uniform(1.0, 2.0), 2.5), self.matter("wall"))
        self.middle = (0.0, 0.0, 0.85)
        self.free = (1.5, -1.4, 1.2)
        self.lens(1.1, 2.0, 1.8, 2.8)

    def _corner(self):
        rng = self.rng
        self.ground(12.0)
        plaster = self.matter("plaster", [rng.uniform(0.4, 0.7)] * 3)
        box("back wall", (6.0, 0.1, 3.0), (0.0, 1.6, 1.5), plaster)
        side = rng.choice([-1, 1])
        box("side wall", (0.1, 5.0, 3.0), (side * 1.9, 0.0, 1.5), plaster)
        for index in range(rng.randint(2, 4)):
            size = [rng.uniform(0.25, 0.6), rng.uniform(0.25, 0.6), rng.uniform(0.3, 0.9)]
            made = box(f"crate {index}", size, (-1.1 + 0.8 * index, rng.uniform(-0.3, 0.9), size[2] / 2), self.matter("crate"))
            made.rotation_euler = (0, 0, rng.uniform(0, 1.5))
            self.things.append(made)
        for index in range(rng.randint(1, 3)):
            size = rng.uniform(0.15, 0.32)
            self.lump(f"bundle {index}", (rng.uniform(-1.1, 1.1), rng.uniform(-0.9, -0.4), size * 0.9), (size, size, size), None, 0.25)
        self.middle = (0.0, 0.0, 0.6)
        self.free = (-side * 0.9, -1.6, 1.3)
        self.lens(0.9, 1.9, 3.2, 4.2)

    def _figures(self):
        rng = self.rng
        self.ground()
        for index in range(rng.randint(4, 11)):
            x, y = rng.uniform(-1.8, 1.8), rng.uniform(-1.2, 3.0)
            cloth = self.matter("coat")
            self.lump(f"body {index}", (x, y, 0.68), (0.24, 0.18, 0.68), cloth, 0.08)
            self.lump(f"face {index}", (x, y, 1.52), (0.13, 0.14, 0.17), self.matter("skin"), 0.05)
        self.middle = (0.0, 0.3, 0.9)
        self.free = (2.6, -1.9, 1.5)
        self.lens(1.1, 2.6, 4.0, 5.5)

    def _head(self):
        rng = self.rng
        skin = self.matter("skin", [0.6 * rng.uniform(0.6, 1.1), 0.42 * rng.uniform(0.6, 1.1), 0.34 * rng.uniform(0.6, 1.1)])
        points, faces = globe(64, 44)
        x, y, z = points.T
        bump = lambda cx, cy, cz, w: np.exp(-((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2) / w)
        nose, sockets = bump(0, -1, -0.05, 0.035), bump(0.36, -0.9, 0.2, 0.03) + bump(-0.36, -0.9, 0.2, 0.03)
        chin = bump(0, -0.75, -0.75, 0.08)
        swell = 1.0 + 0.22 * nose - 0.10 * sockets + 0.08 * chin
        head = self.thing("head", points * swell[:, None] * np.array([0.085, 0.105, 0.125]), faces, (0, 0, 1.62), skin)
        head.rotation_euler = (rng.uniform(-0.2, 0.2), 0, rng.uniform(-0.7, 0.7))
        self.lump("neck", (0, 0.02, 1.47), (0.055, 0.055, 0.1), skin, 0.0)
        self.lump("shoulders", (0, 0.03, 1.30), (0.24, 0.11, 0.13), None, 0.06)
        self.ground()
        if rng.random() < 0.6:
            box("wall", (8.0, 0.2, 5.0), (0.0, rng.uniform(0.6, 2.0), 2.5), self.matter("wall"))
        self.middle = (0.0, 0.0, 1.55)
        self.free = (0.5, -0.7, 1.5)
        self.lens(1.45, 1.75, 0.8, 1.2)

    def _terrain(self):
        rng = self.rng
        points, faces, _ = grid(90, 90, 40.0, 40.0)
        for _ in range(9):
            kx, ky = rng.gauss(0, 0.5), rng.gauss(0, 0.5)
            points[:, 2] += rng.uniform(0.1, 0.35) * np.sin(points[:, 0] * kx + points[:, 1] * ky + rng.uniform(0, 6.3)) / math.hypot(kx, ky) ** 0.6
        points[:, 2] -= points[(np.abs(points[:, :2]) < 2.0).all(axis=1), 2].max()
        tone = [rng.uniform(0.1, 0.45) for _ in range(3)]
        add("hills", mesh("hills", points, faces, self.matter("hills", tone)))
        for index in range(rng.randint(2, 6)):
            size = rng.uniform(0.3, 0.8)
            self.lump(f"rock {index}", (rng.uniform(-2.5, 2.5), rng.uniform(-2.0, 4.0), size * 0.2), (size, size, size * 0.8), None, 0.3)
        self.middle = (0.0, 1.0, 0.1)
        self.free = (0.0, -4.5, 2.4)
        self.lens(1.8, 3.0, 5.0, 7.0)
