"""sweep.json: what a sweep wanted; one schema for the run that writes it and the report that reads it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from gensweep.core.errors import ResultsError
from gensweep.ledger.records import SCHEMA, is_plain
from gensweep.ledger.stores import Store
from gensweep.system.naming import is_file_name
from gensweep.system.storage import parse_json
from gensweep.system.text import clean

SWEEP = "sweep.json"


def _parameter(value: Any) -> Any:
    """The value, if a parameter can have it; a number beyond any float is none."""
    if not is_plain(value):
        raise ValueError("no text, number, true or false")
    return value


Parameter = Annotated[Any, AfterValidator(_parameter)]
"""A parameter's value in sweep.json."""


class MetricInfo(BaseModel):
    """What sweep.json says of a metric."""

    unit: str = ""
    direction: Literal["max", "min", "none"] = "none"
    doc: str = ""
    models: list[str]


class CellInfo(BaseModel):
    """A cell of sweep.json: a model, every parameter that acts, and seed -> point id."""

    id: str
    model: str
    params: dict[str, Parameter]
    points: dict[int, str]


class GridInfo(BaseModel):
    """A grid as the sweep file declared it."""

    model: str
    axes: dict[str, list[Any]]


class DataInfo(BaseModel):
    """What sweep.json says of a dataset that was trained on: how many examples, and what was left out of it."""

    dataset: str
    params: dict[str, Any] = {}
    examples: int
    training: list[int] = []
    validation: int
    test: int
    copies: int = 0
    left_out: int = 0
    notes: list[str] = []


class SweepFile(BaseModel):
    """A sweep's sweep.json; what else it says is kept as it is."""

    model_config = {"extra": "allow"}

    name: str
    seeds: list[int]
    tables: list[str]
    figures: list[str]
    grids: list[GridInfo]
    cells: list[CellInfo] = Field(min_length=1)
    objective: str | None = None
    of_dataset: list[str] = []
    places: dict[str, str] = {}
    metrics: dict[str, MetricInfo]
    data: dict[str, DataInfo] = {}


def read_sweep_file(store: Store, folder: str) -> SweepFile:
    """The sweep.json in a folder of a root, checked.

    Raises:
        ResultsError: there is none, it is none, or a later gensweep wrote it.
    """
    path = store.uri(f"{folder}/{SWEEP}")
    try:
        values = clean(parse_json(store.read(f"{folder}/{SWEEP}")))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        what = f"has no {SWEEP}" if folder in store.list_folders("") else "is no folder"
        raise ResultsError(f"{store.uri(folder)} {what}: {_alternatives(store, folder)}") from None
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        said = f"is {error}" if str(error).startswith("not") else f"cannot be read: {error}"
        raise ResultsError(f"{path} {said}: run the sweep again to write it anew") from None
    if not isinstance(values, dict) or not isinstance(values.get("schema"), int):
        raise ResultsError(f"{path} is not a gensweep {SWEEP}: it names no schema")
    if values["schema"] > SCHEMA:
        raise ResultsError(
            f"{path} has schema {values['schema']}, this gensweep reads up to {SCHEMA}: upgrade gensweep"
        )
    try:
        sweep = SweepFile(**values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ResultsError(
            f"{path} is not a gensweep {SWEEP}: {place}: {first['msg'].lower()}"
        ) from None
    for cell in sweep.cells:  # ids become paths
        for kind, name in (
            ("cell", cell.id),
            *(("point", point) for point in cell.points.values()),
        ):
            if not is_file_name(name):
                raise ResultsError(
                    f"{path} is not a gensweep {SWEEP}: {name[:80]!r} is no id of a {kind}"
                )
    return sweep


def _alternatives(store: Store, folder: str) -> str:
    for place in (f"{folder}/", ""):
        found = sorted(f"{place}{name}" for name in store.list_folders(place.rstrip("/")))
        if there := [store.uri(name) for name in found if store.exists(f"{name}/{SWEEP}")]:
            return f"sweeps found: {', '.join(there)}"
    return "no sweep was found in it or beside it; name a sweep's folder, such as results/layers, or run it again"
