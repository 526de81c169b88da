"""sweep.json: the points of a sweep; the run that writes it and the report share this schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from gensweep.core.errors import ResultsError
from gensweep.core.values import is_plain
from gensweep.ledger.records import SCHEMA
from gensweep.ledger.stores import Store
from gensweep.system.file_stems import is_file_name
from gensweep.system.storage import parse_json
from gensweep.system.text import replace_surrogates

SWEEP = "sweep.json"


def _check_parameter(value: Any) -> Any:
    """Return the value if a parameter can have it; a number larger than any float is refused."""
    if not is_plain(value):
        raise ValueError("not text, a number, true or false")
    return value


Parameter = Annotated[Any, AfterValidator(_check_parameter)]
"""A parameter's value in sweep.json."""


class MetricInfo(BaseModel):
    """A metric of sweep.json, with the fields of `gensweep.core.registries.Metric`."""

    unit: str = ""
    direction: Literal["max", "min", "none"] = "none"
    doc: str = ""
    models: list[str]
    range: tuple[float | None, float | None] = (None, None)
    roles: list[str] = []
    main_rank: int | None = None
    min_examples: int = 1


class CellInfo(BaseModel):
    """A cell of sweep.json: a model, its active parameters, and seed -> point id.

    `selection_seeds` are those of points by which a search chose its best trials: their numbers
    are no results.
    """

    id: str
    model: str
    params: dict[str, Parameter]
    points: dict[int, str]
    selection_seeds: list[int] = []


class GridInfo(BaseModel):
    """A grid as the sweep file declared it."""

    model: str
    axes: dict[str, list[Any]]


class DataInfo(BaseModel):
    """A dataset of sweep.json: how many examples it has, and how many were left out."""

    dataset: str
    params: dict[str, Any] = {}
    examples: int
    training: list[int] = []
    validation: int
    test: int
    copies: int = 0
    left_out: int = 0
    notes: list[str] = []


class ReferenceInfo(BaseModel):
    """A published number that cells are compared with; see `gensweep.sweep.reference`."""

    metric: str
    value: float
    source: str
    params: dict[str, Any] = {}
    model: str | None = None
    sd: float | None = None
    n: int = Field(default=1, ge=1)


class PluginInfo(BaseModel):
    """A user's file that a sweep used, and the hash under which the root keeps its source."""

    file: str
    sha: str


class TableInfo(BaseModel):
    """Metrics and labels that a sweep chose for a table; see `gensweep.sweep.table_choice`."""

    metrics: list[str] = []
    labels: dict[str, str] = {}


class SweepFile(BaseModel):
    """The content of a sweep's sweep.json; unknown fields are kept."""

    model_config = {"extra": "allow"}

    name: str
    seeds: list[int]
    tables: list[str]
    table_choices: dict[str, TableInfo] = {}
    figures: list[str]
    grids: list[GridInfo]
    cells: list[CellInfo] = Field(min_length=1)
    objective: str | None = None
    questions: list[str | dict[str, Any]] | None = None
    margin: dict[str, float] = {}
    reference: list[ReferenceInfo] = []
    of_dataset: list[str] = []
    vary: list[str] = []
    places: dict[str, str] = {}
    metrics: dict[str, MetricInfo]
    data: dict[str, DataInfo] = {}
    plugins: list[PluginInfo] = []


def read_sweep_file(store: Store, folder: str) -> SweepFile:
    """Read and check the sweep.json in a folder of a root.

    Raises:
        ResultsError: there is none, it is invalid, or a later gensweep wrote it.
    """
    path = store.uri(f"{folder}/{SWEEP}")
    values = _read_values(store, folder, path)
    if not isinstance(values, dict) or not isinstance(
        values.get("schema"), int
    ):
        raise ResultsError(
            f"{path} is not a gensweep {SWEEP}: it names no schema"
        )
    schema = values["schema"]
    if schema > SCHEMA:
        raise ResultsError(
            f"{path} has schema {schema}, this gensweep reads up to {SCHEMA}: upgrade gensweep"
        )
    try:
        sweep = SweepFile(**values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        reason = first["msg"].lower()
        raise ResultsError(
            f"{path} is not a gensweep {SWEEP}: {field}: {reason}"
        ) from None
    cell_ids = [cell.id for cell in sweep.cells]
    if len(set(cell_ids)) < len(cell_ids):
        raise ResultsError(
            f"{path} is not a gensweep {SWEEP}: it lists a cell twice"
        )
    for cell in sweep.cells:
        if "dataset" not in cell.params:
            raise ResultsError(
                f"{path} is not a gensweep {SWEEP}: cell {cell.id} has no dataset"
            )
        _check_id(path, "cell", cell.id)
        for point_id in cell.points.values():
            _check_id(path, "point", point_id)
    return sweep


def _read_values(store: Store, folder: str, path: str) -> Any:
    try:
        return replace_surrogates(parse_json(store.read(f"{folder}/{SWEEP}")))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        is_folder = folder in store.list_folders("")
        problem = f"has no {SWEEP}" if is_folder else "is not a folder"
        hint = _suggest_sweeps(store, folder)
        raise ResultsError(f"{store.uri(folder)} {problem}: {hint}") from None
    except OSError as error:
        raise ResultsError(
            f"{path} cannot be read: {error.strerror or error}"
        ) from None
    except ValueError as error:
        # Messages such as "not UTF-8" complete the sentence.
        verb = "is" if str(error).startswith("not") else "cannot be read:"
        raise ResultsError(
            f"{path} {verb} {error}: run the sweep again to write a new one"
        ) from None


def _check_id(path: str, kind: str, name: str) -> None:
    """Refuse an id that is not a file name: ids become paths."""
    if not is_file_name(name):
        raise ResultsError(
            f"{path} is not a gensweep {SWEEP}: {name[:80]!r} is not a valid id of a {kind}"
        )


def _suggest_sweeps(store: Store, folder: str) -> str:
    """Return which sweeps are in the folder or next to it, as a part of an error."""
    for prefix in (f"{folder}/", ""):
        names = sorted(
            f"{prefix}{name}"
            for name in store.list_folders(prefix.rstrip("/"))
        )
        sweeps = [
            store.uri(name)
            for name in names
            if store.exists(f"{name}/{SWEEP}")
        ]
        if sweeps:
            return f"sweeps found: {', '.join(sweeps)}"
    return (
        "no sweep was found in it or next to it; name a sweep's folder, such as results/layers, "
        "or run the sweep again"
    )
