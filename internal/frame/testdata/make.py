#!/usr/bin/env python3
"""Makes the pictures of this folder and golden.json: what cv2.imread sees in each of them.

    pip install opencv-python-headless==4.11.0.86 numpy==1.26.4 pillow
    python make.py            # pictures and golden.json
    python make.py --golden   # golden.json alone, from the pictures that are there

Wants ImageMagick's `convert` for samplings that OpenCV cannot write, and libturbojpeg.so.0 for arithmetic coding.
"""
import ctypes
import hashlib
import io
import json
import os
import pathlib
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
PICTURES = HERE / "pictures"


def scene(width, height):
    """A smooth coloured field with hard edges, so that chroma up-sampling shows."""
    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    cv2.line(image, (3, 3), (width - 5, height // 2), (0, 0, 255), 1)
    cv2.rectangle(image, (width // 3, height // 3), (width // 2, height - 6), (255, 40, 0), -1)
    return image


SCENE = scene(67, 45)  # odd sides: blocks and chroma samples are cut at the edges


def write(name, data):
    (PICTURES / name).write_bytes(data)


def jpeg(*options):
    return cv2.imencode(".jpg", SCENE, list(options))[1].tobytes()


def exif(orientation, order="<", entries=()):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    fields = list(entries) + [(0x0112, 3, 1, struct.pack(order + "HH", orientation, 0))]
    body = b"".join(struct.pack(order + "HHI", tag, kind, count) + value for tag, kind, count, value in fields)
    return mark + struct.pack(order + "IH", 8, len(fields)) + body + b"\0\0\0\0"


def app1(content):
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


def with_app1(*contents):
    plain = jpeg()
    return plain[:2] + b"".join(map(app1, contents)) + plain[2:]


def arithmetic():
    """TurboJPEG reads TJ_ARITHMETIC from the environment (libjpeg-turbo 1.2 to 2.1)."""
    os.environ["TJ_ARITHMETIC"] = "1"
    turbo = ctypes.CDLL("libturbojpeg.so.0")
    turbo.tjInitCompress.restype = ctypes.c_void_p
    handle, out, size = ctypes.c_void_p(turbo.tjInitCompress()), ctypes.c_void_p(), ctypes.c_ulong()
    rgb = np.ascontiguousarray(SCENE[:, :, ::-1])
    height, width = rgb.shape[:2]
    result = turbo.tjCompress2(handle, rgb.ctypes.data_as(ctypes.c_void_p), width, 0, height, 0,
                               ctypes.byref(out), ctypes.byref(size), 2, 90, 0)
    assert result == 0
    return ctypes.string_at(out, size.value)


def magick(*options):
    png = cv2.imencode(".png", SCENE)[1].tobytes()
    return subprocess.run(["convert", "png:-", *options, "jpg:-"], input=png, stdout=subprocess.PIPE, check=True).stdout


def cmyk():
    out = io.BytesIO()
    Image.fromarray(SCENE[:, :, ::-1]).convert("CMYK").save(out, "JPEG", quality=90)
    return out.getvalue()


def ycck():
    """The same coefficients, said to be YCCK: the last byte of Adobe's segment is the transform."""
    data = bytearray(cmyk())
    at = data.index(b"Adobe")
    data[at + 11] = 2
    return bytes(data)


def make_jpegs():
    factor, interval = cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_RST_INTERVAL
    for name, value in {"444": 0x111111, "422": 0x211111, "420": 0x221111, "440": 0x121111, "411": 0x411111}.items():
        write(f"sampled_{name}.jpg", jpeg(factor, value))
    for name in ("4x2,1x1,1x1", "1x1,2x2,1x1", "3x1,1x1,1x1", "2x2,2x1,1x2"):
        write("sampled_odd_%s.jpg" % name.replace(",", "_"), magick("-sampling-factor", name))
    write("progressive.jpg", jpeg(cv2.IMWRITE_JPEG_PROGRESSIVE, 1))
    write("restart_markers.jpg", jpeg(interval, 2))
    write("low_quality.jpg", jpeg(cv2.IMWRITE_JPEG_QUALITY, 3))
    write("gray.jpg", cv2.imencode(".jpg", cv2.cvtColor(SCENE, cv2.COLOR_BGR2GRAY))[1].tobytes())
    write("arithmetic.jpg", arithmetic())
    write("cmyk.jpg", cmyk())
    write("ycck.jpg", ycck())
    write("rgb.jpg", magick("-set", "colorspace", "sRGB", "-define", "jpeg:colorspace=rgb"))
    write("one_pixel.jpg", cv2.imencode(".jpg", SCENE[:1, :1])[1].tobytes())
    plain = jpeg()
    write("truncated.jpg", plain[:len(plain) * 2 // 3])
    write("truncated_in_header.jpg", plain[:200])
    write("no_end.jpg", plain[:-2])
    write("trailing_bytes.jpg", plain + b"and more" * 9)
    write("junk_between_segments.jpg", plain[:2] + b"\0\1\2junk" + plain[2:])
    damaged = bytearray(plain)
    damaged[-300:-290] = b"\xff\xd9" + bytes(8)
    write("damaged_scan.jpg", bytes(damaged))
    tables = bytearray(plain)
    at = tables.index(b"\xff\xc4")
    tables[at + 5:at + 21] = b"\xff" * 16
    write("damaged_huffman_table.jpg", bytes(tables))
    write("two_frames.jpg", with_second_frame(plain))


def with_second_frame(plain):
    at = plain.index(b"\xff\xc0")
    length = 2 + struct.unpack(">H", plain[at + 2:at + 4])[0]
    return plain[:at] + plain[at:at + length] + plain[at:]


def make_oriented():
    signature = b"Exif\0\0"
    for value in range(0, 10):
        write(f"exif_{value}.jpg", with_app1(signature + exif(value)))
    write("exif_big_endian.jpg", with_app1(signature + exif(6, ">")))
    write("exif_after_xmp.jpg", with_app1(b"http://ns.adobe.com/xap/1.0/\0<x/>", signature + exif(6)))
    write("exif_without_signature.jpg", with_app1(b"Mxif\0\0" + exif(6)))
    write("exif_cut.jpg", with_app1((signature + exif(6))[:22]))
    beyond = (0x010F, 2, 400, struct.pack("<I", 4000))
    write("exif_bad_text_first.jpg", with_app1(signature + exif(6, "<", [beyond])))
    rational = (0x011A, 5, 1, struct.pack("<I", 4000))
    write("exif_bad_fraction_first.jpg", with_app1(signature + exif(6, "<", [rational])))
    write("exif_unknown_first.jpg", with_app1(signature + exif(6, "<", [(0x9999, 5, 1, struct.pack("<I", 4000))])))


def png_chunks(data):
    at = 8
    while at < len(data):
        length = struct.unpack(">I", data[at:at + 4])[0]
        yield data[at + 4:at + 8], data[at + 8:at + 8 + length]
        at += 12 + length


def png(chunks, damage=None):
    out = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        check = zlib.crc32(kind + body) ^ (kind == damage)
        out += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)
    return out


def drawn_png(color, depth, samples, extra=(), interlaced=False):
    """A PNG by hand, for kinds that no library writes; samples are rows of bytes."""
    height = len(samples)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    width = len(samples[0]) * 8 // (depth * channels)
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    raw = b"".join(b"\0" + bytes(row) for row in samples)
    return png([(b"IHDR", head), *extra, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")])


def make_pngs():
    rng = np.random.default_rng(3)
    alpha = rng.integers(0, 256, SCENE.shape[:2], dtype=np.uint8)
    wide = (SCENE.astype(np.uint16) << 8) | rng.integers(0, 256, SCENE.shape, dtype=np.uint16)

    def save(name, image, mode=None, **options):
        out = io.BytesIO()
        Image.fromarray(image, mode).save(out, "PNG", **options)
        write(name, out.getvalue())

    rgb = SCENE[:, :, ::-1].copy()
    gray = cv2.cvtColor(SCENE, cv2.COLOR_BGR2GRAY)
    save("rgb.png", rgb)
    save("rgba.png", np.dstack([rgb, alpha]))
    save("gray.png", gray)
    save("gray_alpha.png", np.dstack([gray, alpha]), "LA")
    out = io.BytesIO()
    Image.fromarray(rgb).quantize(17).save(out, "PNG", transparency=3)
    write("palette_transparent.png", out.getvalue())
    out = io.BytesIO()
    Image.fromarray(rgb).quantize(2).save(out, "PNG", bits=1)
    write("palette_1_bit.png", out.getvalue())
    write("rgb_16_bit.png", cv2.imencode(".png", wide)[1].tobytes())
    write("rgba_16_bit.png", cv2.imencode(".png", np.dstack([wide, alpha.astype(np.uint16) << 7]))[1].tobytes())
    write("gray_16_bit.png", cv2.imencode(".png", wide[:, :, 0])[1].tobytes())
    for depth in (1, 2, 4):
        write(f"gray_{depth}_bit.png", drawn_png(0, depth, rng.integers(0, 256, (9, 5), dtype=np.uint8).tolist()))
    write("gray_transparent.png", drawn_png(0, 8, gray.tolist(), [(b"tRNS", struct.pack(">H", int(gray[0, 0])))]))
    key = b"".join(struct.pack(">H", int(v)) for v in rgb[0, 0])
    write("rgb_transparent.png", drawn_png(2, 8, rgb.reshape(rgb.shape[0], -1).tolist(), [(b"tRNS", key)]))
    write("interlaced.png", subprocess.run(["convert", "png:-", "-interlace", "PNG", "png:-"], stdout=subprocess.PIPE,
                                           input=cv2.imencode(".png", SCENE)[1].tobytes(), check=True).stdout)
    make_odd_pngs(cv2.imencode(".png", SCENE)[1].tobytes())


def make_odd_pngs(plain):
    chunks = list(png_chunks(plain))
    head, tail = chunks[:1], chunks[1:]
    write("exif_6.png", png(head + [(b"eXIf", exif(6))] + tail))
    write("exif_8_at_the_end.png", png(chunks[:-1] + [(b"eXIf", exif(8))] + chunks[-1:]))
    write("gamma.png", png(head + [(b"gAMA", struct.pack(">I", 100000))] + tail))
    write("text_with_bad_checksum.png", png(head + [(b"tEXt", b"a\0b")] + tail, b"tEXt"))
    write("pixels_with_bad_checksum.png", png(chunks, b"IDAT"))
    write("truncated.png", plain[:len(plain) // 2])
    write("without_end.png", plain[:-12])
    write("trailing_bytes.png", plain + b"and more")
    write("unknown_critical_chunk.png", png(head + [(b"ABCD", b"hi")] + tail))


def make_webps():
    rng = np.random.default_rng(5)
    alpha = rng.integers(0, 256, SCENE.shape[:2], dtype=np.uint8)
    rgb = SCENE[:, :, ::-1].copy()

    def save(name, image, **options):
        out = io.BytesIO()
        Image.fromarray(image).save(out, "WEBP", **options)
        write(name, out.getvalue())

    save("lossy.webp", rgb, quality=80)
    save("lossy_even.webp", rgb[:44, :66].copy(), quality=60)
    save("lossy_one_pixel.webp", rgb[:1, :1].copy())
    save("lossy_alpha.webp", np.dstack([rgb, alpha]), quality=80)
    save("lossless.webp", rgb, lossless=True)
    save("lossless_alpha.webp", np.dstack([rgb, alpha]), lossless=True, exact=True)
    save("lossy_exif_6.webp", rgb, quality=80, exif=b"Exif\0\0" + exif(6))
    whole = (PICTURES / "lossy.webp").read_bytes()
    write("truncated.webp", whole[:len(whole) * 3 // 4])
    write("trailing_bytes.webp", whole + b"and more")


def golden():
    seen = {}
    for path in sorted(PICTURES.iterdir()):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            seen[path.name] = {"refused": True}
            continue
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        seen[path.name] = {"width": rgb.shape[1], "height": rgb.shape[0], "sha256": hashlib.sha256(rgb.tobytes()).hexdigest()}
    document = {"opencv": cv2.__version__, "pictures": seen}
    (HERE / "golden.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    if "--golden" not in sys.argv:
        PICTURES.mkdir(exist_ok=True)
        make_jpegs()
        make_oriented()
        make_pngs()
        make_webps()
    golden()
