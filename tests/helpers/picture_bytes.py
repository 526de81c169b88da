"""Picture files as bytes, encoded by Pillow or by hand."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

LOSSLESS = ("PNG", "TIFF", "BMP", "PPM", "QOI", "JPEG2000", "WEBP")


NOISE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(file, kind, **({"lossless": True} if kind == "WEBP" else {}) | options)
    return file.getvalue()


def one_row(mode: str, *pixels: Any) -> Image.Image:
    image = Image.new(mode, (len(pixels), 1))
    image.putdata(pixels)
    return image


def row_of(picture: Image.Image) -> list[list[int]]:
    return np.asarray(picture)[0].tolist()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    width: int, height: int, *, bits: int, colours: int, rows: bytes, key: bytes = b""
) -> bytes:
    """A PNG by the specification; ``key`` is the transparent colour."""
    header = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0)
    keyed = chunk(b"tRNS", key) if key else b""
    body = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + keyed + body + chunk(b"IEND", b"")


def tiff(
    width: int, data: bytes, *, bits: int, photometric: int = 1, sample: int = 1, order: str = "<"
) -> bytes:
    """A grey TIFF of one row by the specification."""
    start = 8 + 2 + 12 * 10 + 4
    tags = [(256, width), (257, 1), (258, bits), (259, 1), (262, photometric)]
    tags += [(273, start), (277, 1), (278, 1), (279, len(data)), (339, sample)]
    entries = b"".join(struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    return join_tiff(order, len(tags), entries, data)


def join_tiff(order: str, count: int, entries: bytes, data: bytes) -> bytes:
    """A TIFF file of ``count`` entries, which are packed, and of what they point to."""
    signature = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return (
        signature + struct.pack(f"{order}H", count) + entries + struct.pack(f"{order}I", 0) + data
    )
