#!/usr/bin/env python3
"""Makes the photographs of these tests and what an independent reader (Pillow, LittleCMS) sees in them.

Run beside this file, with Pillow 13 and numpy, giving the folder that holds rocket.jpg and tissue.png
(their terms are in demo/archive/rights.toml). Prints golden.txt:
    FILE WIDTH HEIGHT x,y=r,g,b ...     upright, converted to sRGB, 16 samples
"""
import io, struct, sys, zlib
import numpy as np
from PIL import Image, ImageCms, ImageOps

PHOTOS = sys.argv[1]


def icc(tags, space=b"RGB ", pcs=b"XYZ ", kind=b"mntr", version=0x02400000):
    body, table = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for sig, data in tags:
        data += b"\0" * (-len(data) % 4)
        table += sig + struct.pack(">II", start + len(body), len(data))
        body += data
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"    ", version, kind, space, pcs)
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 4 + b"\0" * 4 + b"\0" * 8 + b"\0" * 8
    head += struct.pack(">I", 0) + xyz3(0.9642, 1, 0.8249) + b"\0" * 48
    return head + struct.pack(">I", len(tags)) + table + body


def s15(v):
    return struct.pack(">i", round(v * 65536))


def xyz3(*v):
    return b"".join(map(s15, v))


def xyz(*v):
    return b"XYZ \0\0\0\0" + xyz3(*v)


def gamma(g):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(g * 256))


def desc(s):
    s = s.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(s)) + s + b"\0" * 78


def text(s):
    return b"text\0\0\0\0" + s.encode() + b"\0"


WIDE = icc([
    (b"desc", desc("Wide test space")), (b"cprt", text("CC0")), (b"wtpt", xyz(0.9505, 1, 1.0891)),
    (b"rXYZ", xyz(0.60974, 0.31111, 0.01947)), (b"gXYZ", xyz(0.20528, 0.62567, 0.06087)),
    (b"bXYZ", xyz(0.14919, 0.06322, 0.74457)),
    (b"rTRC", gamma(563 / 256)), (b"gTRC", gamma(563 / 256)), (b"bTRC", gamma(563 / 256))])


def tables():
    """An 8-bit lookup profile (mft1), RGB to Lab, 9 grid points: sRGB with its red and green muted."""
    n, out = 9, bytearray()
    white = np.array([0.9642, 1, 0.8249])
    m = np.array([[0.43607, 0.38515, 0.14308], [0.22249, 0.71687, 0.06062], [0.01392, 0.09708, 0.71410]])
    for r in range(n):
        for g in range(n):
            for b in range(n):
                v = np.array([r, g, b]) / (n - 1)
                v = 0.8 * v + 0.2 * v.mean()
                light = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
                t = m @ light / white
                f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
                lab = 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])
                out += bytes(int(np.clip(round(x), 0, 255)) for x in (lab[0] * 2.55, lab[1] + 128, lab[2] + 128))
    ramp = bytes(range(256)) * 3
    mft1 = b"mft1\0\0\0\0" + bytes([3, 3, n, 0]) + xyz3(1, 0, 0, 0, 1, 0, 0, 0, 1) + ramp + bytes(out) + ramp
    return icc([(b"desc", desc("Lookup test space")), (b"cprt", text("CC0")), (b"wtpt", xyz(0.9642, 1, 0.8249)),
                (b"A2B0", mft1)], pcs=b"Lab ", kind=b"scnr")


rocket = Image.open(PHOTOS + "/rocket.jpg").convert("RGB")
tissue = Image.open(PHOTOS + "/tissue.png").convert("RGB")
small = rocket.crop((300, 250, 396, 314))
upright = rocket.crop((40, 280, 640, 427)).resize((24, 16), Image.LANCZOS)


def exif(orientation, date=None):
    e = Image.Exif()
    e[0x0112] = orientation
    if date:
        e.get_ifd(0x8769)[0x9003] = date
    return e


turn = {1: None, 2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE,
        6: Image.ROTATE_90, 7: Image.TRANSVERSE, 8: Image.ROTATE_270}
for o, how in turn.items():
    im = upright if how is None else upright.transpose(how)
    im.save(f"turned-{o}.jpg", quality=95, subsampling=0, exif=exif(o, "2019:07:04 12:30:05"))
small.save("baseline-420.jpg", quality=88, subsampling=2)
small.save("progressive-422.jpg", quality=88, subsampling=1, progressive=True)
small.convert("L").save("grey.jpg", quality=88)
small.convert("CMYK").resize((24, 16)).save("cmyk.jpg", quality=80)
tissue.crop((100, 100, 148, 132)).save("wide.jpg", quality=95, subsampling=0, icc_profile=WIDE)
tissue.crop((100, 100, 132, 124)).save("tables.png", icc_profile=tables(), optimize=True)
tissue.crop((200, 200, 248, 232)).quantize(40).save("palette.png", optimize=True)
tissue.crop((0, 0, 24, 16)).save("turned.png", exif=exif(6, "2021:12:31 23:59:59"), optimize=True)

ys, xs = np.mgrid[0:16, 0:24]
alpha = Image.fromarray(np.stack([xs * 10, ys * 15, xs * 0 + 128, xs * 11], 2).astype(np.uint8), "RGBA")
alpha.save("alpha.png", optimize=True)


def png16(path, samples, kind):
    """A PNG of 16-bit samples (height, width, channels) without any chunk about colour."""
    h, w = samples.shape[:2]
    rows = b"".join(b"\0" + samples[y].astype(">u2").tobytes() for y in range(h))

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", w, h, 16, kind, 0, 0, 0)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


png16("deep-rgb.png", np.stack([xs * 2849, ys * 4369, xs * 1000 + ys * 2500], 2), 2)
png16("deep-grey.png", (xs * 1800 + ys * 1500)[..., None], 0)

srgb = ImageCms.createProfile("sRGB")
for name in ("baseline-420.jpg", "progressive-422.jpg", "grey.jpg", "wide.jpg", "tables.png", "palette.png", "turned.png",
             *(f"turned-{o}.jpg" for o in range(1, 9))):
    im = Image.open(name)
    profile = im.info.get("icc_profile")
    im = ImageOps.exif_transpose(im).convert("RGB")
    if profile:
        im = ImageCms.profileToProfile(im, ImageCms.ImageCmsProfile(io.BytesIO(profile)), srgb, renderingIntent=1,
                                       flags=ImageCms.Flags.NOOPTIMIZE | ImageCms.Flags.HIGHRESPRECALC)
    w, h = im.size
    rng = np.random.default_rng(w * 1000 + h)
    at = [(int(rng.integers(w)), int(rng.integers(h))) for _ in range(16)]
    print(name, w, h, *(f"{x},{y}={','.join(map(str, im.getpixel((x, y))))}" for x, y in at))
