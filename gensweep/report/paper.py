"""The report's Tables 1 to 4, and the setting under which its numbers may stand beside ours.

Source: Demmenie, Holterman and Westhoff, "Assignment 2", 13 December 2024. Every number is one run's:
the report gives no seeds and no intervals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gensweep.core.registries import MODELS

TRAINING: dict[str, Any] = {
    "epochs": 10,
    "batch_size": 128,
    "optimizer": "adam",
    "lr": 1e-3,
    "beta1": 0.9,
    "beta2": 0.999,
    "schedule": "constant",
    "clip_norm": None,
    "init": "keras",
    "hidden": 256,
}
"""Ten epochs are the report's words; the rest are the defaults of its Keras code."""

FREE = frozenset({"split_seed", "digits"})
"""Parameters of which the report's numbers are one draw: any value will do."""


@dataclass(frozen=True)
class PaperTable:
    """One table of the report.

    Attributes:
        number: as in the report.
        axes: parameters that vary in it; keys of `numbers` in this order.
        setting: value of every other parameter.
        numbers: metric -> value of the axes -> number. A metric that gensweep does not compute has a
            name of its own, so that nothing is compared with it.
        note: what a reader must know beside the numbers.
        free: parameters that may have any value.
    """

    number: int
    model: str
    axes: tuple[str, ...]
    setting: dict[str, Any]
    numbers: dict[str, dict[tuple[Any, ...], float]]
    note: str = ""
    free: frozenset[str] = FREE

    def deviations(self, params: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Where a cell is not at the table's setting: parameter -> (the cell's value, the report's).

        A parameter that the setting does not know is a deviation too, and None where there is no value; but not one
        that came later, at the value that leaves all as it was.
        """
        wanted, model = self.setting, MODELS[self.model]
        later = {
            key
            for key in params
            if key in model.model_fields and model.is_neutral(key, params[key])
        }
        params = {key: value for key, value in params.items() if key not in later}
        keys = (params.keys() | wanted.keys()) - set(self.axes) - self.free
        return {
            key: (params.get(key), wanted.get(key))
            for key in sorted(keys)
            if key not in params or key not in wanted or _rounded(params[key]) != wanted[key]
        }

    def value(self, params: dict[str, Any], metric: str) -> float | None:
        """The report's number for the cell, or None: not in the table, or not at its setting."""
        number = self.numbers.get(metric, {}).get(self.place(params))
        return None if number is None or self.deviations(params) else number

    def place(self, params: dict[str, Any]) -> tuple[Any, ...]:
        """The cell's values of the axes."""
        return tuple(_rounded(params.get(axis)) for axis in self.axes)

    def has(self, params: dict[str, Any]) -> bool:
        """Whether it has any number for the cell."""
        return any(self.value(params, metric) is not None for metric in self.numbers)


def _rounded(value: Any) -> Any:
    """0.1 + 0.2 as the 0.3 that was meant."""
    return round(value, 9) if isinstance(value, float) else value


def _percent(numbers: dict[tuple[Any, ...], float]) -> dict[tuple[Any, ...], float]:
    return {key: round(value / 100, 6) for key, value in numbers.items()}


def _by_depth(one_decoder: list[float], one_encoder: list[float]) -> dict[tuple[Any, ...], float]:
    """Encoders 1 to 5 with one decoder, and decoders 2 to 5 with one encoder: all that the report ran."""
    by_encoders = {(encoders, 1): value for encoders, value in enumerate(one_decoder, 1)}
    return by_encoders | {(1, decoders): value for decoders, value in enumerate(one_encoder, 2)}


_DEPTH = ("encoder_layers", "decoder_layers")
_TEXT = {"dataset": "arithmetic"} | TRAINING
_PICTURES = {"dataset": "arithmetic_pictures"} | TRAINING
_FRACTIONS = [(tenths / 10,) for tenths in range(9, 0, -1)]
_FLAT = {"glyph_encoder": "flat", "augment": 0.0, "digit_split": "shared", "train_fraction": 0.9}

PAPER_TABLES = (
    PaperTable(
        1,
        "text_to_text",
        ("train_fraction",),
        _TEXT | {"encoder_layers": 1, "decoder_layers": 1},
        {
            "char_accuracy": _percent(
                dict(
                    zip(
                        _FRACTIONS,
                        [58.73, 55.78, 56.12, 54.7, 52.42, 48.8, 46.63, 42.47, 40.05],
                        strict=True,
                    )
                )
            ),
            "loss": dict(
                zip(
                    _FRACTIONS,
                    [1.1486, 1.2187, 1.2283, 1.2778, 1.3224, 1.4134, 1.492, 1.6475, 1.8311],
                    strict=True,
                )
            ),
        },
        "The report has two numbers for 1 + 1 layers: 58.73% in Table 1 and 56.61% in Table 2.",
    ),
    PaperTable(
        2,
        "text_to_text",
        _DEPTH,
        _TEXT | {"train_fraction": 0.9},
        {
            "char_accuracy": _percent(
                _by_depth([56.61, 59.16, 60.59, 62.01, 59.12], [58.72, 63.68, 62.31, 62.59])
            )
        },
        "The report has two numbers for 1 + 1 layers: 58.73% in Table 1 and 56.61% in Table 2.",
    ),
    PaperTable(
        3,
        "image_to_text",
        _DEPTH,
        _PICTURES | _FLAT,
        {
            "char_accuracy": _percent(
                _by_depth([48.63, 53.66, 55.91, 56.06, 52.01], [49.81, 48.77, 49.53, 47.77])
            )
        },
    ),
    PaperTable(
        4,
        "text_to_image",
        _DEPTH,
        _PICTURES | {"glyph_filters": 32, "train_fraction": 0.9},
        {
            "mse_other_scale": _by_depth(
                [0.5809, 0.5871, 0.5872, 0.5876, 0.5875], [0.5878, 0.5877, 0.5872, 0.588]
            )
        },
        "The report's MSE is on another scale than pixels in 0..1: it cannot be compared with ours.",
        FREE | {"digit_split"},
    ),
)


def list_paper_tables(model: str, numbers: Iterable[int] = (2, 3, 4, 1)) -> list[PaperTable]:
    """The report's tables of one model, in the order asked for."""
    return [
        table
        for number in numbers
        for table in PAPER_TABLES
        if table.number == number and table.model == model
    ]


def find_paper_value(
    model: str, params: dict[str, Any], metric: str, numbers: Iterable[int] = (2, 3, 4, 1)
) -> float | None:
    """The report's number for a cell.

    Args:
        model: the cell's model.
        params: every parameter of the cell.
        metric: as gensweep names it; accuracies are in 0..1.
        numbers: the tables to look in, first things first.

    Returns:
        The number, or None where the report has none or the cell is not at the report's setting.
    """
    values = (table.value(params, metric) for table in list_paper_tables(model, numbers))
    return next((value for value in values if value is not None), None)
