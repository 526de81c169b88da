"""Identity of a cell's points: configs, ids, and the keys by which points belong together."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property, lru_cache
from typing import Any

from gensweep.core.config import Config
from gensweep.core.data_source import DataSource
from gensweep.core.registries import MODELS, get_dataset_class
from gensweep.core.trainable import Trainable
from gensweep.sweep.parameters import configure, map_neutrals
from gensweep.sweep.point_checks import check_plain
from gensweep.sweep.shapes import format_key, make_shape_key

HASH_VERSION = 1
LANE_PARAMS = ("train_fraction", "lr", "muon_lr")
"""Parameters, besides the seed, that may differ between the lanes of a pack."""
_SEED_MARK = "\0seed"
"""A text that no parameter can contain, in place of the seed."""
_SEED_KEY = ',"seed":'
_ID_DIGITS = 12
# One encoder for all points: to make one takes as long as to use it.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), allow_nan=False
)


class CellIdentity:
    """Values that all points of a cell share, computed once for all its seeds."""

    def __init__(self, model: str, params: dict[str, Any]) -> None:
        self._model = model
        self._params = params

    @cached_property
    def id(self) -> str:
        """The id of the cell."""
        before, after = self.around_seed
        # The same JSON without the seed: to encode it again takes as long as all else.
        text = before.removesuffix(_SEED_KEY) + after
        return f"{self.prefix}-{compute_digest(text)}"

    @cached_property
    def prefix(self) -> str:
        """The readable first part of ids."""
        return MODELS[self._model].format_prefix(self._params)

    @cached_property
    def around_seed(self) -> list[str]:
        """The canonical JSON of a point, before and after its seed."""
        return self._format_identity().split(json.dumps(_SEED_MARK))

    @cached_property
    def model_config(self) -> Trainable:
        """The config of the model and its training, or of the task."""
        model = MODELS[self._model]
        return configure(model, self._select_params(model))

    @cached_property
    def data_config(self) -> DataSource:
        """The config of the dataset."""
        dataset = get_dataset_class(self._params["dataset"])
        return configure(dataset, self._select_params(dataset))

    @cached_property
    def pack_key(self) -> str:
        """Equal for points that may be lanes of one pack."""
        shared = {
            key: value
            for key, value in self._params.items()
            if key not in LANE_PARAMS
        }
        return format_key(self._model, shared)

    @cached_property
    def course_key(self) -> str:
        """Equal for points that differ only in the epoch after which they end."""
        free = {"until"}
        if not MODELS[self._model].is_trained_by_loop:
            # A task may have a parameter of any name, and two of its trainings share nothing.
            free = set()
        elif (
            MODELS[self._model].has_exact_prefixes
            and self._params.get("schedule") == "constant"
        ):
            free.add("epochs")
        shared = {
            key: value
            for key, value in self._params.items()
            if key not in free
        }
        return format_key(self._model, shared)

    @cached_property
    def shape_key(self) -> str:
        """Equal for points of the same cost, see `make_shape_key`."""
        return make_shape_key(self._model, self._params)

    @cached_property
    def data_key(self) -> str:
        """Equal for points that share arrays."""
        dataset = self._params["dataset"]
        owner = get_dataset_class(dataset)
        params = self._select_params(owner)
        params.pop("train_fraction", None)
        try:
            return _format_data_key(dataset, tuple(params.items()))
        except TypeError:
            # A list is no key of the cache, and a wrong value that `configure` explains.
            configure(owner, params)
            raise

    def _select_params(self, owner: type[Config]) -> dict[str, Any]:
        fields = owner.model_fields
        return {
            key: value for key, value in self._params.items() if key in fields
        }

    def _format_identity(self) -> str:
        """Return every field that changes numbers as JSON, the same on every machine.

        A mark stands for the seed.

        Raises:
            SweepError: a value is none that a parameter can have.
        """
        try:
            return self._encode_identity()
        except Exception:
            # The values of a sweep were checked; those of a point made by hand were not.
            check_plain(self._model, self._params)
            raise

    def _encode_identity(self) -> str:
        model = MODELS[self._model]
        dataset = get_dataset_class(self._params["dataset"])
        neutrals = map_neutrals(model, dataset)
        # A new parameter must not change the ids of results from before it existed.
        params = {
            key: value
            for key, value in self._params.items()
            if key not in neutrals or value != neutrals[key]
        }
        identity = {
            "version": HASH_VERSION,
            "model": self._model,
            "numerics": [
                model.get_numerics(self._params),
                dataset.get_numerics(self._params),
            ],
            "params": params,
            "seed": _SEED_MARK,
        }
        return _ENCODER.encode(identity)


@lru_cache(maxsize=1024)
def _format_data_key(name: str, items: tuple[tuple[str, Any], ...]) -> str:
    """Return the key of a dataset with some parameters: few of the points differ in them."""
    data = configure(get_dataset_class(name), dict(items))
    values = data.model_dump(exclude={"train_fraction"})
    return json.dumps({"dataset": name, **values}, sort_keys=True)


def compute_digest(text: str) -> str:
    """Return the hexadecimal digits of an id."""
    return hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]
