"""The reference paper's Tables 1 to 4, and the setting under which its numbers compare with ours.

Source: Demmenie, Holterman and Westhoff, "Assignment 2", 13 December 2024. Every number is from
one run: the paper has no seeds and no intervals.
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
"""The paper says ten epochs; the rest are the defaults of its Keras code."""

FREE = frozenset({"split_seed", "digits"})
"""Parameters that may have any value: the paper's numbers are one random draw of them."""


@dataclass(frozen=True)
class PaperTable:
    """One table of the paper.

    Attributes:
        number: as in the paper.
        model: the model whose numbers it has.
        axes: parameters that vary in it; keys of `numbers` have their values in this order.
        setting: the value of every other parameter.
        numbers: metric -> values of the axes -> number. A metric that gensweep does not compute
            has a name of its own, so that nothing is compared with it.
        note: what a reader must know about the numbers.
        free: parameters that may have any value.
    """

    number: int
    model: str
    axes: tuple[str, ...]
    setting: dict[str, Any]
    numbers: dict[str, dict[tuple[Any, ...], float]]
    note: str = ""
    free: frozenset[str] = FREE

    def find_deviations(
        self, params: dict[str, Any]
    ) -> dict[str, tuple[Any, Any]]:
        """Return where a cell is not at the table's setting.

        A parameter that the setting does not have is a deviation too, with None in place of a
        value. The exception is a parameter that was added to the model later, at the neutral
        value that changes nothing.

        Args:
            params: every parameter of the cell.

        Returns:
            Parameter -> (the cell's value, the paper's value).
        """
        model = MODELS[self.model]
        compared = {
            key: value
            for key, value in params.items()
            if key not in model.model_fields
            or not model.is_neutral(key, value)
        }
        deviations = {}
        keys = (
            (compared.keys() | self.setting.keys())
            - set(self.axes)
            - self.free
        )
        for key in sorted(keys):
            is_in_both = key in compared and key in self.setting
            if (
                not is_in_both
                or _round_float(compared[key]) != self.setting[key]
            ):
                deviations[key] = (compared.get(key), self.setting.get(key))
        return deviations

    def get_value(self, params: dict[str, Any], metric: str) -> float | None:
        """Return the paper's number for a cell.

        None: the cell is not in the table, or not at its setting.
        """
        number = self.numbers.get(metric, {}).get(self.get_row_key(params))
        return (
            None if number is None or self.find_deviations(params) else number
        )

    def get_row_key(self, params: dict[str, Any]) -> tuple[Any, ...]:
        """Return the cell's values of the axes."""
        return tuple(_round_float(params.get(axis)) for axis in self.axes)

    def has_values(self, params: dict[str, Any]) -> bool:
        """Return whether the table has any number for the cell."""
        return any(
            self.get_value(params, metric) is not None
            for metric in self.numbers
        )


def _round_float(value: Any) -> Any:
    """Return a float without rounding errors, so that 0.1 + 0.2 is found as 0.3."""
    return round(value, 9) if isinstance(value, float) else value


def _convert_percent(
    numbers: dict[tuple[Any, ...], float],
) -> dict[tuple[Any, ...], float]:
    return {key: round(value / 100, 6) for key, value in numbers.items()}


def _index_by_depth(
    one_decoder: list[float], one_encoder: list[float]
) -> dict[tuple[Any, ...], float]:
    """Return the numbers of all depths that the paper has.

    Args:
        one_decoder: with 1 to 5 encoder layers and one decoder layer.
        one_encoder: with 2 to 5 decoder layers and one encoder layer.

    Returns:
        (encoder layers, decoder layers) -> number.
    """
    numbers: dict[tuple[Any, ...], float] = {}
    for encoders, value in enumerate(one_decoder, 1):
        numbers[encoders, 1] = value
    for decoders, value in enumerate(one_encoder, 2):
        numbers[1, decoders] = value
    return numbers


_DEPTH_AXES = ("encoder_layers", "decoder_layers")
_TEXT_SETTING = {"dataset": "arithmetic"} | TRAINING
_PICTURE_SETTING = {"dataset": "arithmetic_pictures"} | TRAINING
_FRACTIONS = [(tenths / 10,) for tenths in range(9, 0, -1)]
_FLAT_ENCODER = {
    "glyph_encoder": "flat",
    "augment": 0.0,
    "digit_split": "shared",
    "train_fraction": 0.9,
}
_TWO_NUMBERS = (
    "The paper has two numbers for 1 + 1 layers: "
    "58.73% in Table 1 and 56.61% in Table 2."
)

PAPER_TABLES = (
    PaperTable(
        1,
        "text_to_text",
        ("train_fraction",),
        _TEXT_SETTING | {"encoder_layers": 1, "decoder_layers": 1},
        {
            "char_accuracy": _convert_percent(
                dict(
                    zip(
                        _FRACTIONS,
                        [
                            58.73,
                            55.78,
                            56.12,
                            54.7,
                            52.42,
                            48.8,
                            46.63,
                            42.47,
                            40.05,
                        ],
                        strict=True,
                    )
                )
            ),
            "loss": dict(
                zip(
                    _FRACTIONS,
                    [
                        1.1486,
                        1.2187,
                        1.2283,
                        1.2778,
                        1.3224,
                        1.4134,
                        1.492,
                        1.6475,
                        1.8311,
                    ],
                    strict=True,
                )
            ),
        },
        _TWO_NUMBERS,
    ),
    PaperTable(
        2,
        "text_to_text",
        _DEPTH_AXES,
        _TEXT_SETTING | {"train_fraction": 0.9},
        {
            "char_accuracy": _convert_percent(
                _index_by_depth(
                    [56.61, 59.16, 60.59, 62.01, 59.12],
                    [58.72, 63.68, 62.31, 62.59],
                )
            )
        },
        _TWO_NUMBERS,
    ),
    PaperTable(
        3,
        "image_to_text",
        _DEPTH_AXES,
        _PICTURE_SETTING | _FLAT_ENCODER,
        {
            "char_accuracy": _convert_percent(
                _index_by_depth(
                    [48.63, 53.66, 55.91, 56.06, 52.01],
                    [49.81, 48.77, 49.53, 47.77],
                )
            )
        },
    ),
    PaperTable(
        4,
        "text_to_image",
        _DEPTH_AXES,
        _PICTURE_SETTING | {"glyph_filters": 32, "train_fraction": 0.9},
        {
            "mse_other_scale": _index_by_depth(
                [0.5809, 0.5871, 0.5872, 0.5876, 0.5875],
                [0.5878, 0.5877, 0.5872, 0.588],
            )
        },
        "The paper's MSE is on another scale than pixels in 0..1: it cannot be compared with ours.",
        FREE | {"digit_split"},
    ),
)
DEFAULT_ORDER = (2, 3, 4, 1)
"""Numbers of the paper's tables, those that are looked in first coming first."""


def list_paper_tables(
    model: str, numbers: Iterable[int] = DEFAULT_ORDER
) -> list[PaperTable]:
    """Return the paper's tables of one model, in the order of the numbers."""
    return [
        table
        for number in numbers
        for table in PAPER_TABLES
        if table.number == number and table.model == model
    ]


def find_paper_value(
    model: str,
    params: dict[str, Any],
    metric: str,
    numbers: Iterable[int] = DEFAULT_ORDER,
) -> float | None:
    """Return the paper's number for a cell.

    Args:
        model: the cell's model.
        params: every parameter of the cell.
        metric: as gensweep names it; accuracies are in 0..1.
        numbers: the tables to look in, the preferred ones first.

    Returns:
        The number; None if the paper has none, or if the cell is not at the paper's setting.
    """
    for table in list_paper_tables(model, numbers):
        value = table.get_value(params, metric)
        if value is not None:
            return value
    return None
