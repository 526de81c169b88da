"""A set of pixel-art faces, drawn by the program."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator

from gensweep.core.config import param
from gensweep.core.data_source import Data
from gensweep.core.dataset import DatasetArrays, split_rows
from gensweep.core.registries import DATASETS
from gensweep.data._avatars.attributes import label_faces, list_attributes
from gensweep.data._avatars.faces import SIZE, draw_faces
from gensweep.data._copies import drop_copies, find_first_of_each
from gensweep.data._split import check_split

DEFAULT_COUNT = 10_000
MAX_COUNT = 1_000_000
"""Faces of 12 GB, and more than anybody has trained on."""


@DATASETS("avatars")
class Avatars(Data):
    """Pixel-art faces in colour: skins, jaws, hair, beards, hats, glasses, jewels and clothes.

    Source: drawn from the parts in `gensweep/data/_avatars/parts`, mixed by chance, on a 32x32 grid
    of cells that are two pixels wide. Face i depends on `data_seed` and i alone, so a larger set
    begins with the smaller one.

    - `picture`: uint8 [count, 3, 64, 64].
    - `attributes`: uint8 [count, 19], the part of each layer and the colours that are seen.
    """

    name: ClassVar[str] = "avatars"
    kind: ClassVar[str] = "pictures"
    fixed: ClassVar = (
        DEFAULT_COUNT,
        (3, SIZE, SIZE),
        "a238a4724373fc262deed9902bacd9c7c641d96772331172091f78943ca73919",
    )

    count: int = param(DEFAULT_COUNT, "how many faces", ge=20, le=MAX_COUNT)
    data_seed: int = param(0, "which faces", ge=0)

    @model_validator(mode="after")
    def _check_split(self) -> Self:
        check_split(self.count, self.train_fraction)
        return self

    def prepare(self) -> DatasetArrays:
        """Draw the faces."""
        faces = draw_faces(self.count, self.data_seed)
        pictures, counts, notes = drop_copies(faces)
        labels = label_faces(self.count, self.data_seed)
        return DatasetArrays(
            rows={
                "picture": pictures,
                "attributes": labels[find_first_of_each(faces)],
            },
            split=split_rows(len(pictures), self.split_seed),
            notes=notes,
            counts=counts,
            attributes=list_attributes(),
        )
