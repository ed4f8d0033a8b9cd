"""Renders frames with Blender's own quick engine (Workbench) and prints the seconds each took, as JSON.

    python workbench.py (--glb FILE | --crowd TRIANGLES) [--width 640] [--height 360] [--frames 10]

The peer of `cargo xtask bench stage`. Start-up, reading and file writing are left out: the first frame (shaders are
built in it) is drawn and not counted, and no frame is written.
"""

import argparse
import json
import statistics
import time

import bpy

import builders


def main():
    """Reads the command line, renders, prints one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--glb", help="a scene with a camera")
    what.add_argument("--crowd", type=int, help="the crowd with about this many triangles, built here")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--still", help="also write the last frame to this PNG, after the clock has stopped")
    args = parser.parse_args()

    if args.glb:
        builders.empty_scene("stage")
        bpy.ops.import_scene.gltf(filepath=args.glb)
        bpy.context.scene.camera = next(o for o in bpy.context.scene.objects if o.type == "CAMERA")
    else:
        builders.crowd(args.crowd)
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.display.shading.light = "STUDIO"
    scene.display.shading.color_type = "MATERIAL"
    scene.render.resolution_x = args.width
    scene.render.resolution_y = args.height
    scene.render.resolution_percentage = 100

    seconds = []
    for index in range(args.frames + 1):
        scene.frame_set(min(index, builders.LAST_FRAME))
        start = time.perf_counter()
        bpy.ops.render.render(write_still=False)
        if index > 0:
            seconds.append(time.perf_counter() - start)
    if args.still:
        scene.render.filepath = args.still
        bpy.ops.render.render(write_still=True)
    print(
        json.dumps(
            {
                "renderer": f"Blender {bpy.app.version_string} Workbench",
                "width": args.width,
                "height": args.height,
                "triangles": builders.triangle_count(),
                "median_seconds": statistics.median(seconds),
                "seconds": seconds,
            }
        )
    )


if __name__ == "__main__":
    main()
