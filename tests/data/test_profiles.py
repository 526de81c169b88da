"""Colour profiles of pictures, converted to sRGB."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from picture_bytes import NOISE, encoded, one_row, row_of
from PIL import Image

from gensweep.data._pictures import (
    open_picture,
)


def profile(
    primaries: list[tuple[float, float]] | None = None, gamma: float = 2.2, *, kind: bytes = b"RGB "
) -> bytes:
    """A colour profile of version 2 by the specification: a gamma, and for RGB the XYZ of the primaries, for D50."""

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0)
    white = (0.9642, 1.0, 0.8249)
    tags = {b"wtpt": b"XYZ \0\0\0\0" + b"".join(map(number, white))}
    if kind == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        assert primaries is not None
        columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
        scaled = columns * np.linalg.solve(columns, np.array(white))
        for name, column in zip((b"r", b"g", b"b"), scaled.T, strict=True):
            tags[name + b"XYZ"] = b"XYZ \0\0\0\0" + b"".join(map(number, column))
            tags[name + b"TRC"] = curve
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x\0" + b"\0" * 78
    tags[b"cprt"] = b"text\0\0\0\0x\0\0\0"
    start, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data.ljust(-(-len(data) // 4) * 4, b"\0")
    head = struct.pack(
        ">I4sI4s4s4s", start + len(body), b"none", 0x02100000, b"mntr", kind, b"XYZ "
    )
    head += bytes(12) + b"acsp" + bytes(28) + b"".join(map(number, white))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


SRGB_D50 = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
"""XYZ for D50 of the primaries of sRGB, after Bradford (Lindbloom)."""
WIDE = [(0.7, 0.28), (0.15, 0.78), (0.13, 0.05)]
"""Primaries, x and y for D50, that lie outside those of sRGB."""


def in_srgb(colour: tuple[int, int, int]) -> np.ndarray:
    """A colour of the profile of `WIDE`, gamma 2.2, in sRGB by the formulas."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in WIDE]).T
    matrix = columns * np.linalg.solve(columns, np.array((0.9642, 1.0, 0.8249)))
    light = np.linalg.solve(SRGB_D50, matrix @ (np.array(colour) / 255) ** 2.2).clip(0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


class TestProfiles:
    COLOURS = ((128, 128, 128), (150, 120, 100), (90, 110, 130), (200, 190, 180))

    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
    def test_a_wide_gamut_is_shown_in_srgb(self, kind: str) -> None:
        file = encoded(one_row("RGB", *self.COLOURS), kind, icc_profile=profile(WIDE))
        result = np.array(row_of(open_picture(file)))
        assert np.abs(result - [in_srgb(colour) for colour in self.COLOURS]).max() <= 2
        assert np.abs(result - np.array(self.COLOURS)).max() > 10

    def test_a_photograph_may_have_one(self) -> None:
        file = encoded(
            Image.new("RGB", (16, 16), self.COLOURS[1]),
            "JPEG",
            quality=95,
            icc_profile=profile(WIDE),
        )
        assert np.abs(np.array(row_of(open_picture(file))) - in_srgb(self.COLOURS[1])).max() <= 5

    def test_alpha_and_palettes_keep_theirs(self) -> None:
        clear = one_row(
            "RGBA",
            *(
                (*colour, alpha)
                for colour, alpha in zip(self.COLOURS, (0, 9, 128, 255), strict=True)
            ),
        )
        result = np.array(row_of(open_picture(encoded(clear, icc_profile=profile(WIDE)))))
        assert result[:, 3].tolist() == [0, 9, 128, 255]
        assert np.abs(result[:, :3] - [in_srgb(colour) for colour in self.COLOURS]).max() <= 2
        indexed = one_row("P", 0, 1)
        indexed.putpalette([*self.COLOURS[1], *self.COLOURS[2]])
        result = np.array(row_of(open_picture(encoded(indexed, icc_profile=profile(WIDE)))))
        assert np.abs(result - [in_srgb(colour) for colour in self.COLOURS[1:3]]).max() <= 2

    def test_grey_may_have_one(self) -> None:
        """A gamma of 1: half the light is a shade of 188 in sRGB."""
        file = encoded(one_row("L", 0, 128, 255), icc_profile=profile(gamma=1.0, kind=b"GRAY"))
        assert np.abs(np.array(row_of(open_picture(file)))[:, 0] - [0, 188, 255]).max() <= 1

    @pytest.mark.parametrize("case", ["srgb", "damaged", "of another kind", "empty"])
    def test_pixels_stay_as_they_are_without_a_profile_that_changes_them(self, case: str) -> None:
        from PIL import ImageCms

        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        inputs = {
            "srgb": srgb,
            "damaged": b"no profile" * 30,
            "empty": b"",
            "of another kind": profile(kind=b"GRAY"),
        }
        picture = open_picture(encoded(NOISE, icc_profile=inputs[case]))
        assert np.array_equal(np.asarray(picture), NOISE)
