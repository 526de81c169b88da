"""Pictures of any kind: what their pixels become, what is refused, and folders of them as a dataset."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest
from PIL import Image, ImageFile
from pydantic import AfterValidator, ValidationError

from gensweep.core.config import param
from gensweep.core.dataset import split_rows
from gensweep.core.errors import DataError
from gensweep.core.registries import DATASETS, get_dataset_class
from gensweep.data import _pictures
from gensweep.data._picture_files import SUFFIXES, find_pictures
from gensweep.data._pictures import (
    FORMATS,
    PictureError,
    open_picture,
    parse_colour,
    to_square,
)
from gensweep.data.folder import Folder
from gensweep.prepare import fingerprint
from gensweep.prepare.fingerprint import Scheme, Source

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
    signature = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return (
        signature
        + struct.pack(f"{order}H", len(tags))
        + entries
        + struct.pack(f"{order}I", 0)
        + data
    )


class TestModes:
    @pytest.mark.parametrize("kind", LOSSLESS)
    def test_colours_come_through_every_lossless_format(self, kind: str) -> None:
        options = {"irreversible": False} if kind == "JPEG2000" else {}
        picture = open_picture(encoded(NOISE, kind, **options))
        assert picture.mode == "RGB" and np.array_equal(np.asarray(picture), NOISE)

    @pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
    def test_colours_come_through_every_lossy_format(self, kind: str) -> None:
        flat = np.full((16, 16, 3), (200, 100, 50), np.uint8)
        picture = open_picture(encoded(flat, kind, quality=95))
        assert picture.mode == "RGB" and np.abs(np.asarray(picture).astype(int) - flat).max() <= 4

    def test_every_format_is_tried_here(self) -> None:
        assert set(FORMATS) == {*LOSSLESS, "JPEG", "AVIF", "GIF"}

    @pytest.mark.parametrize(
        ("mode", "kind", "pixels", "shades"),
        [
            ("1", "PNG", [0, 255], [0, 255]),
            ("L", "PNG", [0, 7, 255], [0, 7, 255]),
            ("L", "GIF", [0, 7, 255], [0, 7, 255]),
            ("I;16", "PNG", [0, 257, 1000, 65535], [0, 1, 4, 255]),  # 1000 / 257 = 3.89
            ("I;16", "TIFF", [128, 129, 65535], [0, 1, 255]),  # half of 257 is 128.5
            (
                "I;16",
                "PPM",
                [0, 32896, 300],
                [0, 128, 1],
            ),  # nothing here is white, but white is known
            ("I;16", "JPEG2000", [0, 25700, 65535], [0, 100, 255]),
            ("I", "TIFF", [0, 100, 255], [0, 100, 255]),
            ("I", "TIFF", [0, 257, 25700], [0, 1, 100]),
            (
                "I",
                "TIFF",
                [0, 65536, 2**30, 2**31 - 1],
                [0, 0, 128, 255],
            ),  # 255 / 2 = 127.5, and a little
            ("I", "TIFF", [-100, 0, 300], [0, 64, 255]),  # 100 / 400 * 255 = 63.75
            ("F", "TIFF", [0.0, 0.2, 1.0], [0, 51, 255]),
            ("F", "TIFF", [0.0, 0.2, 0.4], [0, 51, 102]),
            ("F", "TIFF", [0.0, 51.0, 255.0], [0, 51, 255]),
            ("F", "TIFF", [0.0, 257.0, 65535.0], [0, 1, 255]),
            # Filters that enlarge a picture overshoot, at both ends.
            ("F", "TIFF", [0.0, 0.2, 1.0001], [0, 51, 255]),
            ("F", "TIFF", [-0.01, 0.2, 1.09], [0, 51, 255]),
            ("F", "TIFF", [-0.01, 0.2, 0.4], [0, 51, 102]),
            ("F", "TIFF", [-2.0, 51.0, 255.4], [0, 51, 255]),
            ("F", "TIFF", [0.0, 257.0, 65536.0], [0, 1, 255]),
            ("F", "TIFF", [0.0, 2e30, 1e31], [0, 51, 255]),
            ("F", "TIFF", [-1.0, 0.0, 1.0], [0, 128, 255]),  # 127.5, to even
            ("F", "PPM", [0.0, 0.2, 1.0], [0, 51, 255]),
            ("F", "TIFF", [0.0, 0.0], [0, 0]),
            ("F", "TIFF", [-3.0, -3.0], [0, 0]),
        ],
    )
    def test_grey_of_any_depth_becomes_eight_bits(
        self, mode: str, kind: str, pixels: list[float], shades: list[int]
    ) -> None:
        picture = open_picture(encoded(one_row(mode, *pixels), kind))
        assert (picture.mode, row_of(picture)) == ("RGB", [[shade] * 3 for shade in shades])

    @pytest.mark.parametrize(
        ("data", "options", "shades"),
        [
            (struct.pack(">3H", 0, 257, 65535), {"bits": 16, "order": ">"}, [0, 1, 255]),
            (struct.pack("<3H", 0, 257, 65535), {"bits": 16, "photometric": 0}, [255, 254, 0]),
            (bytes([0, 1, 255]), {"bits": 8, "photometric": 0}, [255, 254, 0]),
            (
                bytes([0xFF, 0xF0, 0x00, 0x80, 0x00, 0x00]),
                {"bits": 12},
                [255, 0, 128],
            ),  # 4095, 0, 2048
            (struct.pack("<3I", 0, 2**31, 2**32 - 1), {"bits": 32}, [0, 128, 255]),
            (struct.pack("<3f", 0, 0.2, 1), {"bits": 32, "sample": 3}, [0, 51, 255]),
        ],
    )
    def test_tiffs_of_other_programs(
        self, data: bytes, options: dict[str, Any], shades: list[int]
    ) -> None:
        picture = open_picture(tiff(3, data, **options))
        assert (picture.mode, row_of(picture)) == ("RGB", [[shade] * 3 for shade in shades])

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_grey_that_is_no_number_is_refused(self, value: float) -> None:
        with pytest.raises(PictureError, match="some grey values are not numbers"):
            open_picture(encoded(one_row("F", 0.0, value), "TIFF"))

    @pytest.mark.parametrize("maximum", [1.2, 1.99])
    def test_floats_of_no_known_range_are_refused(self, maximum: float) -> None:
        with pytest.raises(PictureError, match="neither of a picture from 0 to 1 nor"):
            open_picture(encoded(one_row("F", 0.0, 0.5, maximum), "TIFF"))

    def test_sixteen_bits_a_channel(self) -> None:
        rows = b"\0" + struct.pack(">8H", 0, 257, 25700, 65535, 65535, 257, 0, 0)
        assert row_of(open_picture(png(2, 1, bits=16, colours=6, rows=rows))) == [
            [0, 1, 100, 255],
            [255, 1, 0, 0],
        ]
        assert row_of(open_picture(b"P6 1 1 65535\n" + struct.pack(">3H", 0, 257, 65535))) == [
            [0, 1, 255]
        ]

    @pytest.mark.parametrize(
        ("mode", "pixels"), [("LA", [(9, 0), (99, 128)]), ("RGBA", [(9, 8, 7, 0), (6, 5, 4, 200)])]
    )
    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
    def test_alpha_is_kept(self, mode: str, pixels: list[tuple[int, ...]], kind: str) -> None:
        options = {"exact": True} if kind == "WEBP" else {}
        picture = open_picture(encoded(one_row(mode, *pixels), kind, **options))
        full = [[*pixel[:1] * 3, pixel[1]] if mode == "LA" else list(pixel) for pixel in pixels]
        assert (picture.mode, row_of(picture)) == ("RGBA", full)

    @pytest.mark.parametrize(
        ("key", "alphas"),
        [(1, [255, 0, 255]), (b"\x00\x80\xff", [0, 128, 255]), (b"\x40", [64, 255, 255])],
        ids=["one", "each", "fewer"],
    )
    def test_palettes_may_be_transparent(self, key: int | bytes, alphas: list[int]) -> None:
        image = one_row("P", 0, 1, 2)
        image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
        result = row_of(open_picture(encoded(image, "PNG", transparency=key)))
        assert [pixel[3] for pixel in result] == alphas
        assert [pixel[:3] for pixel in result] == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
        assert open_picture(encoded(image, "PNG")).mode == "RGB"

    @pytest.mark.parametrize(
        ("bits", "colours", "row", "key"),
        [
            (1, 0, bytes([0b01000000]), struct.pack(">H", 1)),
            (2, 0, bytes([0b01100000]), struct.pack(">H", 2)),
            (4, 0, bytes([0x56]), struct.pack(">H", 6)),
            (8, 0, bytes([5, 6]), struct.pack(">H", 6)),
            (16, 0, struct.pack(">2H", 0, 257), struct.pack(">H", 257)),
            (8, 2, bytes([5, 6, 7, 6, 6, 6]), struct.pack(">3H", 6, 6, 6)),
        ],
        ids=["1 bit", "2 bits", "4 bits", "grey", "deep grey", "colour"],
    )
    def test_one_colour_may_be_transparent(
        self, bits: int, colours: int, row: bytes, key: bytes
    ) -> None:
        picture = open_picture(png(2, 1, bits=bits, colours=colours, rows=b"\0" + row, key=key))
        assert [pixel[3] for pixel in row_of(picture)] == [255, 0]

    @pytest.mark.parametrize(("kind", "near"), [("TIFF", 0), ("JPEG", 3)])
    def test_cmyk_is_ink_on_white(self, kind: str, near: int) -> None:
        """(255 - 51) (255 - 85) / 255 = 136; JPEGs of four inks are stored inverted, and marked by Adobe's tag."""
        data = encoded(
            Image.new("CMYK", (16, 16), (51, 0, 255, 85)), kind, **({"quality": 95} if near else {})
        )
        assert (b"Adobe" in data) == (kind == "JPEG")
        assert np.abs(np.asarray(open_picture(data)).astype(int) - (136, 170, 0)).max() <= near

    def test_ycbcr_by_bt_601(self) -> None:
        """Y = 100, Cb = 148, Cr = 138: R = Y + 1.402 x 10, G = Y - 0.34414 x 20 - 0.71414 x 10, B = Y + 1.772 x 20."""
        result = row_of(open_picture(encoded(Image.new("YCbCr", (4, 4), (100, 148, 138)), "TIFF")))[
            0
        ]
        assert np.abs(np.array(result) - (114.02, 85.98, 135.44)).max() < 1

    @pytest.mark.parametrize("lightness", [51, 128, 255])
    def test_lab_by_its_formula(self, lightness: int) -> None:
        star = lightness / 255 * 100
        light = ((star + 16) / 116) ** 3
        shade = 255 * (1.055 * light ** (1 / 2.4) - 0.055)
        result = row_of(
            open_picture(encoded(Image.frombytes("LAB", (1, 1), bytes([lightness, 0, 0])), "TIFF"))
        )
        assert np.abs(np.array(result[0]) - shade).max() <= 1.5

    @pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
    def test_the_first_frame_of_an_animation(self, kind: str) -> None:
        red, *others = (Image.new("RGB", (16, 16), name) for name in ("red", "lime", "blue"))
        data = encoded(red, kind, save_all=True, append_images=others)
        assert getattr(Image.open(io.BytesIO(data)), "n_frames", 1) == 3
        assert (
            np.abs(np.asarray(open_picture(data).convert("RGB")).astype(int) - (255, 0, 0)).max()
            <= 4
        )


TURNED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}
"""What EXIF's orientations ask for: 6 is a quarter turn clockwise."""


class TestOrientation:
    @staticmethod
    def exif(orientation: int) -> Image.Exif:
        exif = Image.Exif()
        exif[274] = orientation
        return exif

    @pytest.mark.parametrize("orientation", TURNED)
    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
    def test_pictures_are_turned_upright(self, kind: str, orientation: int) -> None:
        picture = open_picture(encoded(NOISE, kind, exif=self.exif(orientation)))
        assert np.array_equal(np.asarray(picture), TURNED[orientation](NOISE))

    @pytest.mark.parametrize("orientation", TURNED)
    def test_photographs_are_turned_upright(self, orientation: int) -> None:
        stored = np.zeros((32, 64, 3), np.uint8)
        stored[:8, :8] = 255
        result = np.asarray(open_picture(encoded(stored, "JPEG", exif=self.exif(orientation))))
        assert np.abs(result.astype(int) - TURNED[orientation](stored)).max() <= 2

    @pytest.mark.parametrize(
        "exif", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"]
    )
    @pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
    def test_damaged_exif_turns_nothing(self, exif: bytes) -> None:
        assert np.array_equal(np.asarray(open_picture(encoded(NOISE, "PNG", exif=exif))), NOISE)

    @pytest.mark.parametrize("orientation", [0, 9, 65535])
    def test_an_orientation_that_is_none_turns_nothing(self, orientation: int) -> None:
        data = encoded(NOISE, "PNG", exif=self.exif(orientation))
        assert np.array_equal(np.asarray(open_picture(data)), NOISE)


def headed(kind: str, width: int, height: int) -> bytes:
    """A small file whose header promises a large picture."""
    if kind == "PNG":
        return png(width, height, bits=8, colours=2, rows=b"\0" * 100)
    data = bytearray(encoded(np.zeros((8, 8, 3), np.uint8), kind))
    if kind == "JPEG":
        at, size = data.index(b"\xff\xc0") + 5, struct.pack(">HH", height, width)
    elif kind == "GIF":
        at, size = 6, struct.pack("<HH", width, height)
    elif kind == "BMP":
        at, size = 18, struct.pack("<ii", width, height)
    else:
        at = data.index(b"VP8L") + 9
        size = struct.pack("<I", data[at + 3] >> 4 << 28 | height - 1 << 14 | width - 1)
    data[at : at + len(size)] = size
    return bytes(data)


class TestRefused:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
    @pytest.mark.parametrize("size", [(10_001, 10_000), (16_000, 16_000)])
    def test_a_bomb_is_not_decoded(
        self, kind: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Just over the limit, and where Pillow itself would refuse; no warning either, or pytest would raise it."""
        monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("decoded"))
        before = Image.MAX_IMAGE_PIXELS
        with pytest.raises(PictureError, match="more than 80,000,000"):
            open_picture(headed(kind, *size))
        assert before == Image.MAX_IMAGE_PIXELS

    def test_a_frame_larger_than_its_gif_is_no_way_round(self) -> None:
        data = bytearray(encoded(Image.new("P", (8, 8)), "GIF"))
        at = data.index(b",\0\0\0\0") + 5
        data[at : at + 4] = struct.pack("<HH", 20_000, 20_000)
        with pytest.raises(PictureError, match="more than 80,000,000"):
            open_picture(bytes(data))

    def test_the_limit_itself_is_decoded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_pictures, "MAX_PIXELS", 2000)
        assert open_picture(encoded(NOISE)).size == (50, 40)
        monkeypatch.setattr(_pictures, "MAX_PIXELS", 1999)
        with pytest.raises(PictureError, match=r"^50 x 40 pixels, more than 1,999$"):
            open_picture(encoded(NOISE))

    @pytest.mark.parametrize("kind", [*LOSSLESS, "JPEG", "GIF", "AVIF"])
    @pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
    def test_a_file_cut_off(self, kind: str, share: float) -> None:
        data = encoded(NOISE, kind)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # as without pytest: what the header lacks is only warned of
            with pytest.raises(PictureError, match=r"^cut off or damaged .*\("):
                open_picture(data[: max(16, int(len(data) * share))])

    @pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 20}])
    def test_a_photograph_cut_off(self, options: dict[str, Any]) -> None:
        data = encoded(NOISE, "JPEG", **options)
        for share in (0.7, 0.9, 0.98):
            with pytest.raises(PictureError, match="cut off"):
                open_picture(data[: int(len(data) * share)])

    def test_a_damaged_file(self) -> None:
        data = bytearray(encoded(NOISE))
        data[len(data) // 2] ^= 0xFF
        with pytest.raises(PictureError, match="damaged"):
            open_picture(bytes(data))

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "^an empty file$"),
            (b"<!DOCTYPE html>\n<title>Login</title>", "^a web page, not a picture$"),
            (b"\n <HTML><body>proxy", "^a web page, not a picture$"),
            (b"Please find enclosed", "not a picture in a supported format"),
            (
                b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
                "not a picture in a supported format",
            ),
            (
                b"<svg xmlns='http://www.w3.org/2000/svg'/>",
                "not a picture in a supported format",
            ),
            (b"\x89PNG\r\n\x1a\n", "^cut off or damaged PNG"),
        ],
    )
    def test_what_is_no_picture(self, data: bytes, reason: str) -> None:
        with pytest.raises(PictureError, match=reason):
            open_picture(data)

    def test_a_picture_that_mentions_html_is_one(self) -> None:
        assert open_picture(encoded(NOISE, "JPEG", comment=b"<html>")).size == (50, 40)


def lanczos(source: int, target: int) -> np.ndarray:
    """Weights [target, source] of Lanczos' filter of three lobes, stretched by the factor."""
    factor = source / target
    away = ((np.arange(source) + 0.5) - (np.arange(target)[:, None] + 0.5) * factor) / factor
    weights = np.where(np.abs(away) < 3, np.sinc(away) * np.sinc(away / 3), 0)
    return weights / weights.sum(axis=1, keepdims=True)


class TestToSquare:
    def test_a_picture_of_the_right_size_is_left_alone(self) -> None:
        pixels = NOISE[:40, :40]
        square = to_square(Image.fromarray(pixels), 40)
        assert square.dtype == np.uint8 and square.flags.c_contiguous
        assert np.array_equal(square, pixels.transpose(2, 0, 1))

    @pytest.mark.parametrize(
        ("height", "width"), [(40, 47), (40, 46), (47, 40), (46, 40), (40, 40)]
    )
    def test_the_middle_is_kept(self, height: int, width: int) -> None:
        pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
        top, left = (height - 40) // 2, (width - 40) // 2
        expected = pixels[top : top + 40, left : left + 40].transpose(2, 0, 1)
        assert np.array_equal(to_square(Image.fromarray(pixels), 40), expected)

    @pytest.mark.parametrize("side", [96, 100, 128, 333])
    def test_smaller_by_lanczos(self, side: int) -> None:
        """Within a level, for there are two passes, each rounded; away from black and white, where both would clip."""
        pixels = np.random.default_rng(2).integers(96, 160, (side, side, 3), dtype=np.uint8)
        weights = lanczos(side, 64)
        half = np.einsum("vu,sue->sve", weights, pixels.astype(float))
        expected = np.einsum("ts,sve->etv", weights, half)
        assert np.abs(to_square(Image.fromarray(pixels)) - expected).max() < 1.5

    @pytest.mark.parametrize("factor", [2, 3, 8])
    def test_a_slope_becomes_the_mean_of_its_blocks(self, factor: int) -> None:
        side = 32 * factor
        slope = np.linspace(20, 230, side)
        pixels = (
            np.rint(slope[:, None, None] * 0.5 + slope[None, :, None] * 0.5)
            .repeat(3, axis=2)
            .astype(np.uint8)
        )
        blocks = pixels.reshape(32, factor, 32, factor, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
        inner = (slice(None), slice(3, -3), slice(3, -3))
        assert np.abs(to_square(Image.fromarray(pixels), 32)[inner] - blocks[inner]).max() <= 1.5

    def test_fine_stripes_become_grey_not_coarse_stripes(self) -> None:
        pixels = np.zeros((640, 640, 3), np.uint8)
        pixels[:, ::2] = 255
        inner = to_square(Image.fromarray(pixels))[:, :, 3:-3]
        assert inner.min() >= 125 and inner.max() <= 130

    @pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (2, 3)])
    def test_tiny_pictures_grow(self, size: tuple[int, int]) -> None:
        square = to_square(Image.new("RGB", size, (10, 20, 30)))
        assert (
            square.shape == (3, 64, 64) and (square == np.array([10, 20, 30])[:, None, None]).all()
        )

    def test_growing_is_smooth_and_keeps_the_sides_apart(self) -> None:
        pixels = np.zeros((2, 2, 3), np.uint8)
        pixels[:, 1] = 255
        line = to_square(Image.fromarray(pixels))[0, 32].astype(int)
        assert (
            (line[0], line[-1]) == (0, 255)
            and (np.diff(line) >= 0).all()
            and len(set(line.tolist())) > 10
        )

    def test_alpha_lies_over_the_background(self) -> None:
        """64 / 255 of 200 over 191 / 255 of 0, 128 and 255."""
        clear = Image.new("RGBA", (64, 64), (200, 200, 200, 64))
        result = to_square(clear, background="#0080ff")[:, 0, 0]
        assert (
            np.abs(result - np.array([200 * 64 + back * 191 for back in (0, 128, 255)]) / 255).max()
            <= 0.51
        )

    def test_what_hides_behind_transparency_does_not_bleed(self) -> None:
        """Green under full transparency, red beside it: scaled after it was laid over white, no edge is greenish."""
        pixels = np.zeros((640, 640, 4), np.uint8)
        pixels[:, :320] = (0, 255, 0, 0)
        pixels[:, 320:] = (255, 0, 0, 255)
        red, green, blue = to_square(Image.fromarray(pixels)).astype(int)
        assert red.min() >= 253 and np.array_equal(green, blue)
        assert (green[:, 0] == 255).all() and (green[:, -1] == 0).all()

    def test_a_large_jpeg_may_be_decoded_smaller(self) -> None:
        smooth = Image.fromarray(NOISE[:8, :8]).resize((1200, 1100), Image.Resampling.BICUBIC)
        data = encoded(smooth, "JPEG", quality=92)
        small, full = open_picture(data, min_side=512), open_picture(data)
        assert (small.size, full.size) == ((600, 550), (1200, 1100))
        assert np.abs(to_square(small).astype(int) - to_square(full)).max() <= 2
        assert open_picture(encoded(NOISE, "JPEG"), min_side=512).size == (50, 40)


class TestColour:
    @pytest.mark.parametrize(
        ("text", "same"),
        [
            ("white", "#ffffff"),
            ("#FFFFFF", "#ffffff"),
            ("#fff", "#ffffff"),
            ("Red", "#ff0000"),
            ("#a1B", "#aa11bb"),
        ],
    )
    def test_every_way_to_write_it_is_one_value(self, text: str, same: str) -> None:
        assert parse_colour(text) == same

    @pytest.mark.parametrize(
        "text", ["", "whitish", "#ff", "#ggg", "#ffff", "#ffffff80", "255", "white "]
    )
    def test_what_is_no_colour_is_refused(self, text: str) -> None:
        with pytest.raises(
            ValueError, match="is not a colour; use a name such as white, or #rrggbb"
        ):
            parse_colour(text)


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


class TestPictureFiles:
    def test_are_found_at_any_depth_by_suffix_sorted(self, tmp_path: Path) -> None:
        wanted = [
            write(tmp_path / name, b"") for name in ("a.JPG", "b/a.png", "b/c/d e.WebP", "c.heic")
        ]
        for name in (
            "notes.txt",
            "b/a.png.part",
            ".hidden.jpg",
            ".git/x.png",
            "b/.thumbs/y.jpg",
            "png",
            "b/.png",
        ):
            write(tmp_path / name, b"")
        (tmp_path / "folder.jpg").mkdir()
        assert find_pictures(tmp_path) == wanted

    def test_every_suffix_of_an_opened_format_counts(self) -> None:
        Image.init()
        theirs = {suffix for suffix, kind in Image.EXTENSION.items() if kind in FORMATS}
        assert theirs - SUFFIXES <= {".avifs"}
        assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in SUFFIXES)
        assert not SUFFIXES & {".eps", ".ps", ".pdf", ".svg", ".wmf"}

    def test_a_hidden_folder_may_be_named(self, tmp_path: Path) -> None:
        assert find_pictures(write(tmp_path / ".pictures" / "a.png", b"").parent) == [
            tmp_path / ".pictures" / "a.png"
        ]

    def test_links_are_followed_and_loops_do_no_harm(self, tmp_path: Path) -> None:
        outside = write(tmp_path / "outside" / "far.png", b"")
        path = write(tmp_path / "place" / "near.png", b"").parent
        (path / "loop").symlink_to(path, target_is_directory=True)
        (path / "other").symlink_to(outside.parent, target_is_directory=True)
        (path / "single.png").symlink_to(outside)
        (outside.parent / "back").symlink_to(path, target_is_directory=True)
        assert find_pictures(path) == [
            path / "near.png",
            path / "other" / "far.png",
            path / "single.png",
        ]

    def test_nothing_is_opened(self, tmp_path: Path) -> None:
        """What a link or a pipe leads to is for those to say who read it."""
        here = write(tmp_path / "here.png", b"")
        (tmp_path / "gone.png").symlink_to(tmp_path / "nothing")
        os.mkfifo(tmp_path / "pipe.png")
        assert find_pictures(tmp_path) == [tmp_path / "gone.png", here, tmp_path / "pipe.png"]

    def test_a_folder_without_any_says_what_it_holds(self, tmp_path: Path) -> None:
        for name in ("a.txt", "b.TXT", "c/d.pdf", "README"):
            write(tmp_path / name, b"")
        with pytest.raises(
            DataError, match=r"other files: 2 with \.txt, 1 with .*, 1 with "
        ) as raised:
            find_pictures(tmp_path)
        assert "no suffix" in str(raised.value) and f"{tmp_path} has no pictures" in str(
            raised.value
        )
        empty = tmp_path / "empty"
        empty.mkdir()
        with pytest.raises(DataError, match="has no pictures; other files: none"):
            find_pictures(empty)

    def test_what_is_no_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="nowhere does not exist; name a folder of pictures"):
            find_pictures(tmp_path / "nowhere")
        with pytest.raises(DataError, match=r"a\.png is a file; name a folder of pictures"):
            find_pictures(write(tmp_path / "a.png", b""))

    def test_a_folder_that_cannot_be_listed_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path / "shut" / "a.png", b"")
        scandir = os.scandir

        def refuse(path: str) -> Any:
            if Path(path).name == "shut":
                raise PermissionError(13, "Permission denied", path)
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refuse)
        with pytest.raises(DataError, match="shut cannot be read: Permission denied"):
            find_pictures(tmp_path)


def flat(shade: int, side: int = 64) -> bytes:
    """A picture of one shade of red."""
    return encoded(Image.new("RGB", (side, side), (shade, 0, 0)))


@pytest.fixture
def twenty(tmp_path: Path, cache: Path) -> Path:
    """A folder of twenty pictures, in shades 0, 10, .., 190; nothing is remembered of it."""
    for shade in range(0, 200, 10):
        write(tmp_path / "place" / f"{shade}.png", flat(shade))
    return tmp_path / "place"


def folder(path: Path, **values: Any) -> Folder:
    """As a user names it again, later."""
    fingerprint.clear_cache()
    return Folder(dataset=f"folder:{path}", **values)


def shades(data: Folder) -> list[int]:
    pictures = data.prepare().rows["picture"]
    assert pictures.dtype == np.uint8 and pictures.shape[1:] == (3, 64, 64)
    assert (pictures == pictures[:, :, :1, :1]).all() and not pictures[:, 1:].any()
    return pictures[:, 0, 0, 0].tolist()


class TestFolder:
    def test_is_a_dataset_of_pictures(self, twenty: Path) -> None:
        data = folder(twenty)
        assert (
            DATASETS["folder"] is Folder is get_dataset_class(data.dataset)
            and data.kind == "pictures"
        )
        assert data.dataset.startswith("folder:sha256-")
        prepared = data.prepare()
        assert list(prepared.rows) == ["picture"] and len(prepared.rows["picture"]) == 20
        assert prepared.notes == ()
        for split_seed in (0, 1):
            result, wanted = (
                folder(twenty, split_seed=split_seed).prepare().split,
                split_rows(20, split_seed),
            )
            assert result.keys() == wanted.keys() and all(
                np.array_equal(result[key], wanted[key]) for key in wanted
            )

    def test_must_be_named(self) -> None:
        with pytest.raises(ValidationError, match="Field required"):
            Folder()
        with pytest.raises(ValidationError, match="is none of folder:DIR"):
            Folder(dataset="folder")

    def test_names_and_places_change_nothing(self, twenty: Path, tmp_path: Path) -> None:
        before = folder(twenty)
        order = shades(before)
        assert sorted(order) == list(range(0, 200, 10)) != order
        for number, path in enumerate(sorted(twenty.iterdir())):
            write(tmp_path / "moved" / str(number % 3) / f"{99 - number}.jpg", path.read_bytes())
        after = folder(tmp_path / "moved")
        assert (after, shades(after)) == (before, order)

    def test_the_same_file_twice_counts_once(self, twenty: Path) -> None:
        before = folder(twenty)
        order = shades(before)
        for number in range(3):
            write(twenty / "copies" / f"{number}.png", flat(50))
        assert (folder(twenty), shades(folder(twenty))) == (before, order)
        assert (folder(twenty).prepare().notes, folder(twenty).list_remarks()) == (
            (),
            ("copies of other pictures left out: 3",),
        )

    def test_what_cannot_be_opened_is_left_out_counted_and_named(self, twenty: Path) -> None:
        for number in range(9):
            write(twenty / f"page{number}.jpg", b"<html>%d" % number)
        write(twenty / "deep" / "cut.png", flat(7)[:80])
        write(twenty / "none.gif", b"")
        assert sorted(shades(folder(twenty))) == list(range(0, 200, 10))
        (message,) = folder(twenty).prepare().notes
        assert message.startswith("11 of 31 pictures left out: deep/cut.png (cut off or damaged")
        assert (
            "none.gif (an empty file), page0.jpg (a web page, not a picture), page1.jpg" in message
        )
        assert message.endswith("page7.jpg (a web page, not a picture), and 1 more")

    def test_too_few_that_open_are_an_error(self, twenty: Path) -> None:
        for path in sorted(twenty.iterdir())[5:]:
            path.write_bytes(b"<html>" + path.name.encode())
        with pytest.raises(
            DataError, match=r"5 examples leave .*; 15 of 20 could not be opened: .*, and 12 more$"
        ):
            folder(twenty).prepare()

    def test_too_few_files_are_an_error_at_once(self, twenty: Path) -> None:
        for path in sorted(twenty.iterdir())[4:]:
            path.unlink()
        with pytest.raises(ValidationError, match="4 examples leave none for the test set"):
            folder(twenty)
        write(twenty / "copy.png", (twenty / "0.png").read_bytes())
        with pytest.raises(ValidationError, match="4 examples leave none for the test set"):
            folder(twenty)

    def test_the_training_set_must_not_be_empty(self, twenty: Path) -> None:
        with pytest.raises(
            ValidationError, match=r"train_fraction 0\.001 of 18 examples leaves none to train on"
        ):
            folder(twenty, train_fraction=0.001)

    @pytest.mark.parametrize("change", ["added", "removed", "rewritten"])
    def test_what_changed_since_is_not_trained_on(self, twenty: Path, change: str) -> None:
        data = folder(twenty)
        data.check()
        if change == "added":
            write(twenty / "new.png", flat(1))
        elif change == "removed":
            (twenty / "0.png").unlink()
        else:
            write(twenty / "0.png", flat(1))
        for call in (data.check, data.prepare):
            with pytest.raises(
                DataError, match=f"{twenty} has changed since it was {data.dataset}; name it again"
            ):
                call()
        assert len(folder(twenty).prepare().rows["picture"]) == 20 + {
            "added": 1,
            "removed": -1,
        }.get(change, 0)

    def test_what_changes_while_it_is_read_is_not_trained_on(
        self, twenty: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data, read = folder(twenty), Path.read_bytes
        monkeypatch.setattr(
            Path, "read_bytes", lambda path: flat(1) if path.name == "50.png" else read(path)
        )
        with pytest.raises(
            DataError, match=r"50\.png has changed since it was part of folder:sha256-"
        ):
            data.prepare()

    def test_what_has_gone_or_was_never_here_is_an_error_of_check_alone(
        self, twenty: Path, tmp_path: Path
    ) -> None:
        data = folder(twenty)
        twenty.rename(tmp_path / "elsewhere")
        fingerprint.clear_cache()
        later = Folder(dataset=data.dataset)  # a worker does as much
        with pytest.raises(DataError, match=f"{data.dataset} is no longer at {twenty}"):
            later.check()
        with pytest.raises(DataError, match="has never been used on this machine"):
            Folder(dataset=f"folder:sha256-{'0' * 16}").check()

    def test_the_background_is_seen_through_what_is_transparent(self, twenty: Path) -> None:
        for shade in range(20):
            clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
            clear.putpixel((shade, 60), (shade, 0, 0, 255))  # no two look the same
            write(twenty / f"clear{shade}.png", encoded(clear))
        whites, blues = (
            folder(twenty, **values).prepare() for values in ({}, {"background": "Navy"})
        )
        assert folder(twenty, background="Navy") == folder(twenty, background="#000080")
        changed = (whites.rows["picture"] != blues.rows["picture"])[:, :, :60].all(axis=(2, 3))
        assert changed.any(axis=1).sum() == 20
        assert {
            tuple(picture[:, 5, 5].tolist())
            for picture in blues.rows["picture"][changed.any(axis=1)]
        } == {(0, 0, 128)}
        with pytest.raises(ValidationError, match="'nave' is not a colour"):
            folder(twenty, background="nave")

    def test_the_order_does_not_depend_on_the_threads(
        self, twenty: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order = shades(folder(twenty))
        for cores in (1, 64):
            monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
            assert shades(folder(twenty)) == order

    def test_a_dataset_of_its_own_scheme_inherits_the_rest(self, twenty: Path) -> None:
        museum = Scheme(
            "museum", "DIR", lambda index: find_pictures(index / "kept"), lambda: twenty
        )

        class Museum(Folder):
            name: ClassVar[str] = "museum"
            scheme: ClassVar[Scheme] = museum

            dataset: Annotated[str, AfterValidator(Source(museum))] = param(
                "museum", "the pictures"
            )

        for shade in range(20):
            write(twenty / "kept" / f"{shade}.png", flat(shade))
        data = Museum(dataset="museum")
        assert data.dataset.startswith("museum:sha256-") and sorted(shades(data)) == list(range(20))


def planar(
    planes: list[bytes], *, bits: int, order: str = "<", photometric: int = 2, sample: int = 1
) -> bytes:
    """A TIFF of two rows of three pixels whose planes lie apart, by the specification."""
    count = len(planes)
    tags: list[tuple[int, str, list[int]]] = [
        (256, "H", [3]), (257, "H", [2]), (258, "H", [bits] * count), (259, "H", [1]), (262, "H", [photometric]),
        (273, "I", []), (277, "H", [count]), (278, "H", [2]), (279, "I", [len(plane) for plane in planes]),
        (284, "H", [2]), (339, "H", [sample] * count),
    ]  # fmt: skip
    start = 8 + 2 + 12 * len(tags) + 4
    data, places = b"", []
    for plane in planes:
        places.append(start + len(data))
        data += plane
    entries = b""
    for tag, kind, values in tags:
        packed = struct.pack(f"{order}{len(values or places)}{kind}", *(values or places))
        if len(packed) > 4:
            index, data = start + len(data), data + packed
            packed = struct.pack(f"{order}I", index)
        entries += struct.pack(
            f"{order}HHI", tag, {"H": 3, "I": 4}[kind], len(values or places)
        ) + packed.ljust(4, b"\0")
    signature = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return (
        signature
        + struct.pack(f"{order}H", len(tags))
        + entries
        + struct.pack(f"{order}I", 0)
        + data
    )


class TestWhatPillowMisreads:
    SHADES = np.random.default_rng(0).integers(0, 256, (3, 2, 3))

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_planes_of_bytes_that_lie_apart(self, order: str) -> None:
        picture = open_picture(
            planar([plane.astype("u1").tobytes() for plane in self.SHADES], bits=8, order=order)
        )
        assert np.array_equal(np.asarray(picture), self.SHADES.transpose(1, 2, 0))

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_deeper_planes_that_lie_apart_are_refused(self, order: str) -> None:
        planes = [(plane * 257).astype(f"{order}u2").tobytes() for plane in self.SHADES]
        with pytest.raises(PictureError, match=r"^separate planes of 16 bits are not supported"):
            open_picture(planar(planes, bits=16, order=order))

    def test_a_single_plane_of_32_bits_is_right_or_refused(self) -> None:
        """Pillow reads it in the order of the machine."""
        shades = self.SHADES[0] * ((2**32 - 1) // 255)
        result = open_picture(planar([shades.astype("<u4").tobytes()], bits=32, photometric=1))
        assert np.array_equal(np.asarray(result)[..., 0], self.SHADES[0])
        with pytest.raises(PictureError, match=r"^separate planes of 32 bits"):
            open_picture(
                planar(
                    [shades.astype(">i4").tobytes()], bits=32, photometric=1, order=">", sample=2
                )
            )

    def test_planes_of_cielab_that_lie_apart_are_refused(self) -> None:
        planes = [plane.astype("u1").tobytes() for plane in self.SHADES]
        with pytest.raises(PictureError, match=r"^separate planes of 8 bits"):
            open_picture(planar(planes, bits=8, photometric=8))

    @pytest.mark.parametrize(
        ("data", "shades"),
        [
            ([-128, 0, 127], [0, 128, 255]),  # 128 of 255
            ([-20, -10, 30], [0, 51, 255]),  # 10 of 50
            ([0, 64, 127], [0, 129, 255]),  # 64 / 127 * 255 = 128.5
        ],
    )
    def test_signed_bytes(self, data: list[int], shades: list[int]) -> None:
        file = tiff(3, np.array(data, np.int8).tobytes(), bits=8, sample=2)
        assert np.abs(np.array(row_of(open_picture(file)))[:, 0] - shades).max() <= 1

    @pytest.mark.parametrize("missing", [1, 2])
    @pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 30}])
    def test_a_photograph_without_its_end_marker_is_whole(
        self, missing: int, options: dict[str, Any]
    ) -> None:
        data = encoded(NOISE, "JPEG", **options)
        assert data.endswith(b"\xff\xd9")
        result = open_picture(data[:-missing])
        assert np.array_equal(np.asarray(result), np.asarray(open_picture(data)))

    @pytest.mark.parametrize("missing", [4, 6, 10, 30, 100, 1000])
    def test_a_photograph_without_more_than_that_is_cut_off(self, missing: int) -> None:
        with pytest.raises(PictureError, match="cut off"):
            open_picture(encoded(NOISE, "JPEG")[:-missing])


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


WIDE = [(0.7, 0.28), (0.15, 0.78), (0.13, 0.05)]
"""Primaries, x and y for D50, that lie outside those of sRGB."""
SRGB_D50 = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
"""XYZ for D50 of the primaries of sRGB, after Bradford (Lindbloom)."""


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
