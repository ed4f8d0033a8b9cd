"""Builds the stage's test scenes in Blender and writes each as .glb, .usdc, and where asked .usda and .usdz.

    python make_scenes.py --out FOLDER [--last-frame N] [ocean] [tissue] [room] [crowd --triangles N]

Without names: ocean, tissue and room. See README.md.
"""

import argparse
import json
import os

import bpy

import builders


def write_glb(path, settings):
    """One .glb with everything the exporter carries, in standard light units (lux, candela)."""
    bpy.ops.export_scene.gltf(
        filepath=path,
        export_format="GLB",
        export_cameras=True,
        export_lights=True,
        export_import_convert_lighting_mode="SPEC",
        export_animations=True,
        export_skins=True,
        export_morph=True,
        export_yup=True,
        **settings,
    )


def write_usd(path, settings):
    """One USD file with animation; textures go to `textures/` beside it, or inside a .usdz."""
    bpy.ops.wm.usd_export(
        filepath=path,
        export_animation=True,
        export_armatures=True,
        export_custom_properties=False,
        convert_world_material=False,
        author_blender_name=False,
        **settings,
    )


SAMPLED = {"export_animation_mode": "SCENE", "export_anim_scene_split_object": False}
# The curves as they were set: cubic and linear keys instead of one for each frame.
KEYED = {"export_animation_mode": "ACTIVE_ACTIONS", "export_force_sampling": False}

SCENES = {
    # Shape keys become UsdSkel blend shapes here …
    "ocean": (builders.ocean, SAMPLED, {"export_shapekeys": True}, ["usdc"]),
    # … and points over time there, with the axes turned to y up; normals are left out to keep the file small.
    "tissue": (
        builders.tissue,
        SAMPLED,
        {"export_shapekeys": False, "convert_orientation": True, "export_normals": False},
        ["usdc"],
    ),
    "room": (builders.room, KEYED, {"export_shapekeys": True}, ["usdc", "usda", "usdz"]),
}


def main():
    """Reads the command line and writes the files; prints one line of JSON for each scene."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, help="the folder the files go to")
    parser.add_argument("--triangles", type=int, default=50_000, help="of the crowd")
    parser.add_argument("--last-frame", type=int, default=builders.LAST_FRAME, help="where the animation ends")
    parser.add_argument("scenes", nargs="*", help="ocean, tissue, room, crowd")
    args = parser.parse_args()
    builders.LAST_FRAME = args.last_frame
    out = os.path.abspath(args.out)
    os.makedirs(out, exist_ok=True)
    for name in args.scenes or list(SCENES):
        stem = name
        if name == "crowd":
            stem = f"crowd_{args.triangles}"
            builders.crowd(args.triangles)
            gltf, usd, kinds = KEYED, {}, ["usdc"]
        elif name in SCENES:
            build, gltf, usd, kinds = SCENES[name]
            build()
        else:
            parser.error(f"there is no scene {name}; there are {', '.join(SCENES)} and crowd")
        count = builders.triangle_count()
        write_glb(os.path.join(out, f"{stem}.glb"), gltf)
        for kind in kinds:
            write_usd(os.path.join(out, f"{stem}.{kind}"), usd)
        sizes = {
            f"{stem}.{kind}": os.path.getsize(os.path.join(out, f"{stem}.{kind}")) for kind in ["glb", *kinds]
        }
        print(json.dumps({"scene": name, "triangles": count, "bytes": sizes}), flush=True)


if __name__ == "__main__":
    main()
