"""OpenCV's DIS optical flow on a folder of pairs, as a peer in benchmarks.

    python opencv_dis.py FOLDER [--presets ultrafast,fast,medium] [--threads N] [--repeat N]

FOLDER holds NNN_a.png, NNN_b.png (8-bit), NNN_flow.flo (Middlebury; a size above 1e9 is unknown) and
optionally NNN_occ.png (white: hidden in the second frame, judged apart). One JSON line a pair and
preset, and one line of means a preset, in the form of `cargo run --example flow_accuracy`. Times are
of the flow alone, without reading files or turning colour to grey, the median of the repeats after one
that does not count.
"""

import argparse
import json
import pathlib
import statistics
import time

import cv2
import numpy as np

PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}


def read_flo(path):
    data = path.read_bytes()
    if data[:4] != b"PIEH":
        raise SystemExit(f"{path} is no .flo file")
    width, height = np.frombuffer(data, "<i4", 2, 4)
    return np.frombuffer(data, "<f4", width * height * 2, 12).reshape(height, width, 2)


def judge(error, mask):
    picked = error[mask]
    if picked.size == 0:
        return {"pixels": 0, "endpoint_error_px": None, "over_1px_percent": None, "over_3px_percent": None}
    return {
        "pixels": int(picked.size),
        "endpoint_error_px": float(picked.mean()),
        "over_1px_percent": float((picked > 1).mean() * 100),
        "over_3px_percent": float((picked > 3).mean() * 100),
    }


def mean_of(rows, key):
    values = [row[key] for row in rows if row[key] is not None]
    return sum(values) / len(values) if values else None


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--presets", default="ultrafast,fast,medium")
    arguments.add_argument("--threads", type=int, default=0, help="0: all")
    arguments.add_argument("--repeat", type=int, default=5)
    arguments = arguments.parse_args()
    if arguments.threads > 0:
        cv2.setNumThreads(arguments.threads)

    pairs = []
    for path in sorted(arguments.folder.glob("*_a.png")):
        name = path.name[: -len("_a.png")]
        near = lambda end: path.with_name(name + end)
        a = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        b = cv2.imread(str(near("_b.png")), cv2.IMREAD_GRAYSCALE)
        truth = read_flo(near("_flow.flo"))
        known = (np.abs(truth) <= 1e9).all(axis=-1)
        hidden = np.zeros(known.shape, bool)
        if near("_occ.png").exists():
            hidden = cv2.imread(str(near("_occ.png")), cv2.IMREAD_GRAYSCALE) >= 128
        pairs.append((name, a, b, truth, known, hidden))
    if not pairs:
        raise SystemExit(f"no pairs NNN_a.png, NNN_b.png, NNN_flow.flo in {arguments.folder}")

    for preset in arguments.presets.split(","):
        rows = []
        for name, a, b, truth, known, hidden in pairs:
            dis = cv2.DISOpticalFlow_create(PRESETS[preset])
            seconds = []
            for turn in range(arguments.repeat + 1):
                start = time.perf_counter()
                flow = dis.calc(a, b, None)
                if turn:
                    seconds.append(time.perf_counter() - start)
            # What is unknown is not judged, but would overflow in the subtraction.
            error = np.linalg.norm(flow - np.where(known[..., None], truth, 0), axis=-1)
            row = {"method": f"opencv-dis-{preset}", "pair": name, "width": a.shape[1], "height": a.shape[0]}
            row |= judge(error, known & ~hidden)
            row |= {f"hidden_{k}": v for k, v in judge(error, known & hidden).items()}
            row["seconds"] = statistics.median(seconds)
            rows.append(row)
            print(json.dumps(row), flush=True)
        mean = {"method": f"opencv-dis-{preset}", "pair": "mean", "pairs": len(rows)}
        for key in rows[0]:
            if key.endswith(("_px", "_percent", "seconds")):
                mean[key] = mean_of(rows, key)
        print(json.dumps(mean), flush=True)


if __name__ == "__main__":
    main()
