"""Questions that a sweep asks of its results, as its file declares them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gensweep.core.errors import SweepError, describe_unknown
from gensweep.core.values import is_number, is_plain, show_value
from gensweep.sweep.axes import list_items
from gensweep.sweep.parameters import unwrap_scalar

KINDS = {
    "matters": "does a parameter matter, and how much of the variance is its own",
    "best": "which value of a parameter is the best, and is it better than the rest",
    "slope": "does a larger value of a numeric parameter help",
    "interaction": "does the effect of one parameter depend on another",
    "searches": "which of two searches selected the better trial, by fresh seeds",
    "depths_together": "do more encoder and decoder layers help beyond either alone",
    "mse_against_reader": "do the MSE and the reader distinguish the cells of drawn answers",
    "gan_against_vae": "is the GAN better than the VAE",
}
"""Kinds of questions -> what they ask. The last three are the paper's own."""


@dataclass(frozen=True)
class Compare:
    """The question whether one value of a parameter is better than another.

    Runs that differ in nothing else are compared, with the seed as block.

    Attributes:
        axis: the parameter; `model` compares two models.
        first: the value that may be better.
        second: the value that it is compared with.
        metric: the metric of the test set to compare by; None: the main metric of each model.
        model: compare the values in this model only; None: in every model that has both.
    """

    axis: str
    first: Any
    second: Any
    metric: str | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        # The class is frozen; NumPy's scalars become Python's, as in a grid.
        object.__setattr__(self, "first", unwrap_scalar(self.first))
        object.__setattr__(self, "second", unwrap_scalar(self.second))
        for name in ("axis", "metric", "model"):
            value = getattr(self, name)
            is_missing = value is None and name != "axis"
            if not is_missing and not isinstance(value, str):
                raise SweepError(
                    f"Compare: {name}={show_value(value)} is not a name"
                )
        for name in ("first", "second"):
            value = getattr(self, name)
            if not is_plain(value):
                raise SweepError(
                    f"Compare: {name}={show_value(value)} is not a value of a parameter"
                )
        if self.first == self.second:
            raise SweepError(f"{self!r}: both values are the same")


Question = str | Compare
"""A kind of `KINDS`, a swept parameter (everything about it), or a comparison of two values."""


def check_questions(
    sweep: str,
    questions: Any,
    cells: Iterable[tuple[str, Mapping[str, Any]]],
) -> list[Question] | None:
    """Return the questions of a sweep, each once; None stands for every question that applies.

    Args:
        sweep: its name.
        questions: what the sweep file says.
        cells: model and parameters of each cell.

    Raises:
        SweepError: a question is of no known kind, or about something that does not vary.
    """
    if questions is None:
        return None
    owner = f"sweep {sweep!r}: questions"
    items = list_items(owner, questions, "a list of questions")
    checked: list[Question] = []
    values = _collect_values(cells)
    for question in items:
        if isinstance(question, Compare):
            _check_compare(sweep, question, values)
        elif not isinstance(question, str):
            raise SweepError(
                f"{owner} has {show_value(question)}, which is neither a text nor a Compare"
            )
        elif question not in KINDS:
            swept = [
                name for name, options in values.items() if len(options) > 1
            ]
            _check_name(sweep, question, swept, values)
        if question not in checked:
            checked.append(question)
    return checked


def _collect_values(
    cells: Iterable[tuple[str, Mapping[str, Any]]],
) -> dict[str, list[Any]]:
    """Return the values of each parameter in any cell; the models are those of `model`."""
    values: dict[str, dict[str, Any]] = {"model": {}}
    for model, params in cells:
        values["model"][model] = model
        for name, value in params.items():
            values.setdefault(name, {})[repr(value)] = value
    return {name: list(options.values()) for name, options in values.items()}


def _check_name(
    sweep: str,
    question: Any,
    swept: Sequence[str],
    values: Mapping[str, Sequence[Any]],
) -> None:
    if question in swept and question != "model":
        return
    owner = f"questions of sweep {sweep!r}"
    if isinstance(question, str) and len(values.get(question, ())) == 1:
        (value,) = values[question]
        raise SweepError(
            f"{owner}: {question} is {value!r} in every cell: sweep it to ask of it"
        )
    valid = [*KINDS, *(name for name in swept if name != "model")]
    raise SweepError(describe_unknown("question", question, valid, owner))


def _check_compare(
    sweep: str, question: Compare, values: Mapping[str, Sequence[Any]]
) -> None:
    owner = f"{question!r} of sweep {sweep!r}"
    if question.axis not in values:
        raise SweepError(
            describe_unknown("parameter", question.axis, values, owner)
        )
    for value in (question.first, question.second):
        if value not in values[question.axis]:
            available = ", ".join(map(repr, values[question.axis]))
            raise SweepError(
                f"{owner}: no cell has {question.axis}={value!r}; there is {available}"
            )
    if question.model is not None and question.model not in values["model"]:
        raise SweepError(
            describe_unknown("model", question.model, values["model"], owner)
        )


def write_question(question: Question) -> str | dict[str, Any]:
    """Return a question as sweep.json has it."""
    return question if isinstance(question, str) else asdict(question)


def read_question(value: str | Mapping[str, Any]) -> Question:
    """Return a question that `write_question` wrote.

    Raises:
        TypeError: it is something else.
    """
    return value if isinstance(value, str) else Compare(**value)


def check_margins(
    sweep: str, margin: Any, metrics: Iterable[str]
) -> dict[str, float]:
    """Return metric -> the largest difference that does not matter.

    Args:
        sweep: its name.
        margin: what the sweep file says.
        metrics: the metrics that the sweep's models have.

    Raises:
        SweepError: no model has the metric, or the margin is not a number above zero.
    """
    if margin is None:
        return {}
    owner = f"margin of sweep {sweep!r}"
    if not isinstance(margin, Mapping):
        raise SweepError(
            f"{owner}: {show_value(margin)} is not a dict, such as {{'exact_match': 0.01}}"
        )
    valid = set(metrics)
    checked = {}
    for metric, value in margin.items():
        if metric not in valid:
            raise SweepError(describe_unknown("metric", metric, valid, owner))
        number = unwrap_scalar(value)
        if not is_number(number) or number <= 0:
            raise SweepError(
                f"{owner}: {metric}={show_value(value)} is not a number above zero"
            )
        checked[metric] = float(number)
    return checked
