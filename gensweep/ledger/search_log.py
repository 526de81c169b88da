"""search.json: the trials of a sweep's searches; the run that writes it and the report share it.

The file is a cache: everything in it follows from the sweep file and the records of the points.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from gensweep.core.errors import ResultsError
from gensweep.ledger.manifest import Parameter
from gensweep.ledger.records import SCHEMA
from gensweep.ledger.stores import Store
from gensweep.system.storage import parse_json

SEARCH_LOG = "search.json"
REPLACED_LOG = f"{SEARCH_LOG}.replaced"
"""The log of an earlier search, whose space or method was another one."""
PENDING = "pending"


class LevelInfo(BaseModel):
    """A trial at one level of a search.

    Attributes:
        epochs: the epochs behind the level.
        points: ids of its points, one for each seed of the search.
        status: `ok`, `diverged`, `failed`, `missing` (a run gave it up), or `pending`.
        value: the mean of the search's metric on the validation set; None unless all are ok.
        codes: digests of the code that trained the points and computed the metric, one unless
            seeds differ in it; none in old logs, and where records do not say it.
    """

    epochs: int
    points: list[str]
    status: Literal["ok", "diverged", "failed", "missing", "pending"] = (
        "pending"
    )
    value: float | None = None
    codes: list[str] = []


class TrialInfo(BaseModel):
    """A trial: its values, who chose them, and how far it came.

    Attributes:
        number: 0, 1, ... in the order of asking.
        params: the values of the parameters that are searched and act.
        sampler: the name and version of what chose them.
        levels: one entry for each level that the trial reached.
    """

    number: int
    params: dict[str, Parameter]
    sampler: str = ""
    levels: list[LevelInfo]

    @property
    def is_pending(self) -> bool:
        """Return whether a level of the trial is not finished."""
        return any(level.status == PENDING for level in self.levels)


class ConfirmedInfo(BaseModel):
    """A trial that is trained again with fresh seeds: the number, and its points."""

    number: int
    cell: str
    points: list[str]


class SearchInfo(BaseModel):
    """A search of search.json.

    Attributes:
        model: the model.
        metric: the validation metric that decides.
        direction: `max` or `min`.
        wanted: the number of trials that the sweep file asks for.
        dimensions: parameter -> its range or choices, as the sweep file writes them.
        identity: everything that decides the values of the trials.
        trials: those that were asked for, by number.
        confirmed: the best trials, the best first; empty before all trials have ended.
    """

    model: str
    metric: str
    direction: Literal["max", "min"]
    wanted: int
    dimensions: dict[str, str]
    identity: dict[str, Any]
    trials: list[TrialInfo] = []
    confirmed: list[ConfirmedInfo] = []

    @property
    def comparable_by(self) -> tuple[str, ...]:
        """Model, metric, and a dataset that the sweep file names: equal for searches whose values
        can be compared.
        """
        dataset = self.identity.get("fixed", {}).get("dataset")
        named = () if dataset is None else (dataset.strip("'"),)
        return (self.model, self.metric, *named)

    @property
    def has_ended(self) -> bool:
        """Return whether every trial was asked for and has ended, so `confirmed` is final."""
        has_asked = len(self.trials) >= self.wanted
        return has_asked and not any(
            trial.is_pending for trial in self.trials
        )

    def list_samplers(self) -> list[str]:
        """Return what chose the values of the trials, each name and version once."""
        return list(dict.fromkeys(trial.sampler for trial in self.trials))

    def list_codes(self) -> list[str]:
        """Return the digests of the code behind the values of the trials, each once."""
        codes: dict[str, None] = {}
        for trial in self.trials:
            for level in trial.levels:
                codes.update(dict.fromkeys(level.codes))
        return list(codes)


class SearchFile(BaseModel):
    """The content of search.json: the searches of a sweep by name."""

    searches: dict[str, SearchInfo] = {}


def read_search_log(store: Store, folder: str) -> dict[str, SearchInfo]:
    """Return the searches of the sweep in a folder of a root, by name; none if there is no log.

    Raises:
        ResultsError: the file is damaged, or a later gensweep wrote it.
        OSError: the root does not answer.
    """
    name = f"{folder}/{SEARCH_LOG}"
    path = store.uri(name)
    hint = "it is a cache: remove it, and the next run derives it from the records"
    try:
        values = parse_json(store.read(name))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        raise ResultsError(
            f"{path} cannot be read: {error}; {hint}"
        ) from None
    if not isinstance(values, dict) or not isinstance(
        values.get("schema"), int
    ):
        raise ResultsError(
            f"{path} is not a gensweep {SEARCH_LOG}: it names no schema; {hint}"
        )
    if values["schema"] > SCHEMA:
        raise ResultsError(
            f"{path} has schema {values['schema']}, this gensweep reads up to {SCHEMA}: upgrade "
            "gensweep"
        )
    try:
        return SearchFile(searches=values.get("searches", {})).searches
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        reason = first["msg"].lower()
        raise ResultsError(
            f"{path} is not a gensweep {SEARCH_LOG}: {field}: {reason}; {hint}"
        ) from None


def write_search_log(
    store: Store, folder: str, searches: dict[str, SearchInfo]
) -> None:
    """Write the searches of a sweep, unless the file says the same already.

    Raises:
        OSError: the root refuses.
    """
    values = {
        "schema": SCHEMA,
        "searches": {
            name: search.model_dump(mode="json")
            for name, search in searches.items()
        },
    }
    name = f"{folder}/{SEARCH_LOG}"
    try:
        if parse_json(store.read(name)) == values:
            return
    except (OSError, ValueError):
        # Absent or damaged: it is written anew.
        pass
    store.write_json(name, values)
