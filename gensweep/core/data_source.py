"""The base classes of datasets, and the parameters that all of them have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gensweep.core.config import Config, param

if TYPE_CHECKING:
    import numpy as np

    from gensweep.core.dataset import DatasetArrays


class DataSource(Config):
    """Base of what a point can be trained on.

    Attributes:
        has_arrays: whether gensweep prepares its arrays.
    """

    has_arrays: ClassVar[bool] = True
    kind: ClassVar[str]
    """The kind of data that a model requires: `arithmetic`, `arithmetic_pictures`, `pictures`."""
    source: ClassVar[str] = "drawn by gensweep"
    """The origin of the data, in a few words."""
    fixed: ClassVar[tuple[int, tuple[int, ...], str] | None] = None
    """Count, shape and SHA-256 of the original pictures (uint8, C order), by default parameters.

    The hash is "" where it depends on something, or there are no pictures.
    """

    def get_title(self) -> str:
        """Return the name of the dataset for people."""
        return self.name

    def get_source_path(self) -> Path | None:
        """Return the path of the files from which the arrays are built; None if there are none."""
        return None

    def check(self) -> None:
        """Check quickly that the files for the arrays are on this machine.

        Raises:
            DataError: they are not; the message says how to get them.
        """

    def prepare(self) -> DatasetArrays:
        """Build the arrays, which are the same for every `train_fraction`.

        This does not use the network. Call it through `gensweep.prepare.array_cache.load_arrays`,
        which caches the arrays.

        Raises:
            DataError: the files for them are missing or damaged.
        """
        raise NotImplementedError

    def list_remarks(self) -> tuple[str, ...]:
        """Return remarks about the files as they are now, such as copies and unreadable files.

        The notes of `DatasetArrays` are cached with the arrays. These remarks are not, because
        they are not part of the data's identity.
        """
        return ()

    def select_examples(
        self, data: DatasetArrays, rows: np.ndarray
    ) -> tuple[np.ndarray | None, list[str]]:
        """Return some examples for people.

        Returns:
            Pictures, uint8 [n, channels, h, w], or None; and a caption for each, or no captions.
        """
        return data.rows["picture"][rows], []


class Data(DataSource):
    """The parameters of splitting a dataset; every dataset's config inherits them."""

    train_fraction: float = param(
        0.9,
        "share of the pool (all but the test set) that is trained on",
        gt=0,
        le=0.9,
    )
    split_seed: int = param(
        0,
        "seed of the permutation behind test, validation and training sets",
        ge=0,
    )
