#!/usr/bin/env python3
"""Makes the TIFF and WebP photographs of these tests, beside what `make.py` makes, from wide.jpg and numbers.

Run beside this file, with Pillow 13, numpy and tifffile 2026.3 (tiles, planes, big-endian; Pillow writes the rest by libtiff
and libwebp) and exiftool 12. Prints the lines of golden.txt for them, as make.py does.
"""
import io
import subprocess
import numpy as np
import tifffile
from PIL import Image, ImageCms, ImageOps

wide = Image.open("wide.jpg")
profile = wide.info["icc_profile"]
pixels = np.array(wide.convert("RGB"))
# Without the profile, which Pillow would pass on.
picture = Image.fromarray(pixels)
ys, xs = np.mgrid[0:16, 0:24]
deep = np.stack([xs * 2849, ys * 4369, xs * 1000 + ys * 2500], 2).astype(np.uint16)


def exif(orientation, date=None):
    e = Image.Exif()
    e[0x0112] = orientation
    if date:
        e.get_ifd(0x8769)[0x9003] = date
    return e


# Strips of five rows, LZW over differences.
picture.save("strips-lzw.tif", compression="tiff_lzw", tiffinfo={278: 5, 317: 2})
# Big-endian tiles of 16 bits, the last ones overhanging, deflate over differences; deep-rgb.png's numbers.
tifffile.imwrite("tiles-deflate-deep.tif", deep, byteorder=">", tile=(16, 16), compression="zlib", predictor=2,
                 photometric="rgb", metadata=None)
# Three planes of overhanging tiles.
tifffile.imwrite("planes.tif", np.moveaxis(pixels, 2, 0)[:, :27], planarconfig="separate", tile=(16, 16),
                 photometric="rgb", metadata=None)
# Grey whose zero is white.
tifffile.imwrite("grey-inverted.tif", 255 - np.array(picture.convert("L")), photometric="miniswhite", metadata=None)
picture.convert("L").save("grey-packbits.tif", compression="packbits")
turned = exif(6, "2021:12:31 23:59:59")
picture.save("turned.tif", compression="tiff_adobe_deflate", icc_profile=profile, exif=turned)
# Pillow writes no EXIF directory into a TIFF.
subprocess.run(["exiftool", "-q", "-overwrite_original", "-EXIF:DateTimeOriginal=2021:12:31 23:59:59", "turned.tif"], check=True)
# Two pages.
picture.crop((0, 0, 12, 8)).save("pages.tif", save_all=True, append_images=[picture.crop((9, 9, 30, 30))])
# alpha.png's numbers, alpha beside the colours and multiplied in; and a fourth channel that says nothing of itself.
alpha = np.stack([xs * 10, ys * 15, xs * 0 + 128, xs * 11], 2).astype(np.uint8)
tifffile.imwrite("alpha.tif", alpha, extrasamples=["unassalpha"], photometric="rgb", metadata=None)
wide_alpha = alpha.astype(np.uint64) * 257
wide_alpha[..., :3] = (wide_alpha[..., :3] * wide_alpha[..., 3:] + 32767) // 65535
tifffile.imwrite("alpha-multiplied.tif", wide_alpha.astype(np.uint16), extrasamples=["assocalpha"], photometric="rgb",
                 metadata=None)
tifffile.imwrite("channel.tif", alpha, extrasamples=["unspecified"], photometric="rgb", compression="zlib", predictor=2,
                 metadata=None)

picture.save("lossy.webp", quality=85, method=6)
picture.save("lossless.webp", lossless=True)
Image.fromarray(alpha, "RGBA").save("alpha.webp", quality=90)
picture.save("turned.webp", lossless=True, icc_profile=profile, exif=turned)
frames = [picture.crop((0, 0, 20, 16)), picture.crop((20, 16, 40, 32))]
frames[0].save("animation.webp", save_all=True, append_images=frames[1:], lossless=True, duration=100)

srgb = ImageCms.createProfile("sRGB")
for name in ("strips-lzw.tif", "planes.tif", "grey-inverted.tif", "grey-packbits.tif", "turned.tif", "pages.tif",
             "lossy.webp", "lossless.webp", "turned.webp", "animation.webp"):
    im = Image.open(name)
    icc = im.info.get("icc_profile")
    im = ImageOps.exif_transpose(im).convert("RGB")
    if name == "planes.tif":
        im = Image.fromarray(np.moveaxis(tifffile.imread(name), 0, 2))
    if icc:
        im = ImageCms.profileToProfile(im, ImageCms.ImageCmsProfile(io.BytesIO(icc)), srgb, renderingIntent=1,
                                       flags=ImageCms.Flags.NOOPTIMIZE | ImageCms.Flags.HIGHRESPRECALC)
    w, h = im.size
    rng = np.random.default_rng(w * 1000 + h)
    at = [(int(rng.integers(w)), int(rng.integers(h))) for _ in range(16)]
    print(name, w, h, *(f"{x},{y}={','.join(map(str, im.getpixel((x, y))))}" for x, y in at))
