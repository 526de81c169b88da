"""What the pixels of each kind of picture become."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from picture_bytes import LOSSLESS, NOISE, encoded, join_tiff, one_row, png, row_of, tiff
from PIL import Image

from gensweep.data._pictures import (
    FORMATS,
    PictureError,
    open_picture,
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
    return join_tiff(order, len(tags), entries, data)


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
