"""Radiographs and scans out of the test files of pydicom, as PNG in a folder: python3 pictures.py FOLDER.

Values are shown as the file says (its window), then from the hundredth to the last hundredth but a half of black to white.
One file of each picture: the others there hold the same one in other codings.
"""

import pathlib
import sys

import numpy as np
import pydicom
from PIL import Image
from pydicom.pixels import apply_modality_lut, apply_voi_lut

FILES = [
    "693_UNCR", "J2K_pixelrep_mismatch", "JPEG2000_UNC", "JPGLosslessP14SV1_1s_1f_8b", "MR-SIEMENS-DICOM-WithOverlays",
    "MR2_UNCR", "RG1_UNCR", "RG3_UNCR", "bad_sequence", "color3d_jpeg_baseline", "explicit_VR-UN", "gdcm-US-ALOKA-16",
    "US1_UNCR", "CT_small",
]


def shown(data):
    values = data.pixel_array
    colours = data.SamplesPerPixel
    if values.ndim > (3 if colours == 3 else 2):
        values = values[len(values) // 2]
    if colours == 3:
        return values.astype(np.uint8)
    values = apply_voi_lut(apply_modality_lut(values, data), data).astype(float)
    low, high = np.percentile(values, [0.5, 99.5])
    values = np.clip((values - low) / (high - low + 1e-9), 0, 1) * 255
    if data.PhotometricInterpretation == "MONOCHROME1":
        values = 255 - values
    return values.astype(np.uint8)


def main(folder):
    roots = [pathlib.Path(path) for path in sys.path if pathlib.Path(path).is_dir()]
    for name in FILES:
        found = [
            file
            for root in roots
            for package in ("data_store", "pydicom/data/test_files")
            for file in sorted((root / package).rglob(name + ".dcm"))
        ]
        if not found:
            sys.exit(f"pydicom and pydicom-data have no {name}.dcm: these versions hold other files")
        data = pydicom.dcmread(found[0], force=True)
        Image.fromarray(shown(data)).convert("RGB").save(pathlib.Path(folder) / (name + ".png"))


main(sys.argv[1])
