"""Single pictures: their orientation, what is refused, and their crop and colours."""

from __future__ import annotations

import struct
import warnings
from typing import Any

import numpy as np
import pytest
from picture_bytes import LOSSLESS, NOISE, encoded, png
from PIL import Image, ImageFile

from gensweep.data import _pictures
from gensweep.data._pictures import (
    PictureError,
    open_picture,
    parse_colour,
    to_square,
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
