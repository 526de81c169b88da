"""Inputs that a page must show as they are."""

from __future__ import annotations

import struct
import zlib

EVIL = "<script>alert('x')</script>\"&\x1b[31m\x00"


def png(width: int = 4, height: int = 3) -> bytes:
    """A black picture."""

    def block(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes((width + 1) * height))
    return (
        b"\x89PNG\r\n\x1a\n" + block(b"IHDR", head) + block(b"IDAT", pixels) + block(b"IEND", b"")
    )
