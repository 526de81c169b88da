"""The point of a record, with the configs that train it; its model may be in a user's file."""

from __future__ import annotations

from gensweep.core.errors import ResultsError, UnknownNameError
from gensweep.core.registries import MODELS
from gensweep.ledger.plugin_sources import PLUGINS
from gensweep.ledger.records import Record
from gensweep.sweep.point import Point


def rebuild_point(record: Record) -> Point:
    """Return the point that a record is of.

    Raises:
        ResultsError: this gensweep would train something else under its id, or the user's file
            with the model is not loaded.
        UserError: it knows no such model or parameter.
    """
    sources = (record.code or {}).get("plugins", [])
    if sources and not _is_known(record.model):
        raise ResultsError(_describe_missing_file(record.model, sources))
    point = Point.make(record.model, record.params, record.seed)
    if point.id != record.id:
        raise ResultsError(
            f"{record.id}: this gensweep knows these parameters as {point.id}; "
            "it has changed since the point was trained"
        )
    return point


def _is_known(model: str) -> bool:
    try:
        MODELS[model]
    except UnknownNameError:
        return False
    return True


def _describe_missing_file(model: str, sources: list[dict[str, str]]) -> str:
    files = " or ".join(source["file"] for source in sources)
    copies = " or ".join(f"{PLUGINS}/{source['sha']}" for source in sources)
    return (
        f"{model!r} is not built in, and its file is not loaded: {files}. Name it in the "
        f"environment variable GENSWEEP_PLUGINS, or name its sweep file in place of the results. "
        f"The results root has a copy in {copies}"
    )
