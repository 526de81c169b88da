"""The contract of a user's task or model, checked by training it a few times at tiny settings."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gensweep.core.errors import UserError
from gensweep.core.registries import MODELS
from gensweep.inspect.tiny_training import (
    Interruption,
    ReportedTraining,
    train_pack,
    train_point,
)
from gensweep.inspect.tiny_values import (
    list_own_parameters,
    make_tiny_params,
    make_variant,
)
from gensweep.ledger.status import Status
from gensweep.plugins.source import Plugin
from gensweep.sweep.point import Point
from gensweep.system.scratch import open_scratch

LANE_TOLERANCE = 1e-3
"""By how much of its size rounding may move a number of a pack."""
_IMPORTS_TORCH = """
import sys
from pathlib import Path
from gensweep.plugins.loader import load_plugins
from gensweep.plugins.source import read_plugin
load_plugins([read_plugin(sys.argv[1], Path("/"))])
sys.exit("torch" in sys.modules)
"""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        subject: the model or task.
        text: what was checked, or what is wrong.
        is_ok: whether the contract holds; None: the contract does not ask for this.
    """

    subject: str
    text: str
    is_ok: bool | None

    @property
    def word(self) -> str:
        """The first word of its line."""
        words = {True: "ok", False: "FAIL", None: "note"}
        return words[self.is_ok]

    def __str__(self) -> str:
        return f"{self.word:<5}{self.subject}: {self.text}"


def check_plugin(plugin: Plugin, names: list[str]) -> Iterator[Finding]:
    """Yield a finding for every part of the contract.

    Args:
        plugin: the user's file, which is loaded.
        names: the models and tasks that it registers.
    """
    name = plugin.label if plugin.is_installed else plugin.path
    call = [sys.executable, "-c", _IMPORTS_TORCH, name]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = "it imports torch; import torch in the function that trains, so plans stay quick"
        if done.stderr.strip():
            reason = done.stderr.strip().splitlines()[-1]
        yield Finding(plugin.label, reason, False)
    else:
        yield Finding(plugin.label, "loading it imports no torch", True)
    for name in names:
        try:
            yield from _check_entry(name)
        except UserError as error:
            yield Finding(name, str(error), False)


def _check_entry(name: str) -> Iterator[Finding]:
    config = MODELS[name]
    params = make_tiny_params(name)
    point = Point.make(name, params, 0)
    with open_scratch() as scratch:
        base = train_point(point, scratch / "a")
        if base.end.get("status") != Status.OK:
            yield Finding(
                name,
                f"a training at tiny settings: {base.end.get('error')}",
                False,
            )
            return
        yield Finding(
            name,
            f"trains ({', '.join(f'{k}={v}' for k, v in params.items())})",
            True,
        )
        again = train_point(point, scratch / "b")
        yield _compare(
            name, "two trainings with one seed are equal", base, again
        )
        yield _check_resumed(point, base, scratch / "c")
        yield from _check_ranges(name, base)
        yield from _check_parameters(name, params, base, scratch)
        other_seed = train_point(point.with_seed(1), scratch / "seed")
        if other_seed.numbers == base.numbers:
            yield Finding(
                name,
                "the seed changes nothing, so seeds show no spread",
                None,
            )
        if config.packs:
            yield from _check_lanes(
                point, base, other_seed, scratch / "lanes"
            )


def _check_resumed(
    point: Point, base: ReportedTraining, root: Path
) -> Finding:
    """Check that a training that was killed after its first epoch ends as one that was not."""
    text = "a resumed training equals one that was never stopped"
    if not base.lines:
        return Finding(
            point.model,
            "it reports no epoch, so a killed one starts again",
            None,
        )
    try:
        train_point(point, root, stop_after=1)
    except Interruption:
        resumed = train_point(point, root)
    else:
        return Finding(
            point.model,
            "it caught the exception that ends its process, which it must not do",
            False,
        )
    if resumed.lines and resumed.lines[0]["epoch"] == 1:
        reason = "it keeps no state, or does not restore it: a killed one starts again"
        return Finding(point.model, reason, None)
    resumed.lines = base.lines[:1] + resumed.lines
    return _compare(point.model, text, base, resumed)


def _compare(
    name: str, text: str, one: ReportedTraining, other: ReportedTraining
) -> Finding:
    if one.numbers == other.numbers:
        return Finding(name, text, True)
    return Finding(
        name,
        f"this does not hold: {text} ({_describe_difference(one, other)})",
        False,
    )


def _describe_difference(
    one: ReportedTraining, other: ReportedTraining
) -> str:
    """Return the first number in which two trainings differ."""
    for first, second in zip(
        [*one.lines, one.end], [*other.lines, other.end], strict=False
    ):
        for key, value in first.items():
            is_number = "/" in key
            if is_number and second.get(key) != value:
                return f"epoch {first['epoch']:.0f}: {key} {value} and {second.get(key)}"
    error = other.end.get("error")
    return (
        str(error)
        if error
        else f"{len(one.lines)} and {len(other.lines)} epochs"
    )


def _check_ranges(name: str, base: ReportedTraining) -> Iterator[Finding]:
    metrics = {metric.name: metric for metric in MODELS[name].list_metrics()}
    wrong = []
    for line in [*base.lines, base.end]:
        for key, value in line.items():
            split, _, bare = key.partition("/")
            if split not in ("test", "validation") or bare not in metrics:
                continue
            low, high = metrics[bare].range
            if low is not None and not value >= low:
                wrong.append(f"{key} is {value}, below {low}")
            elif high is not None and value > high:
                wrong.append(f"{key} is {value}, above {high}")
    if wrong:
        yield Finding(name, wrong[0], False)
    else:
        yield Finding(name, "metrics are in their ranges", True)


def _check_parameters(
    name: str, params: dict[str, Any], base: ReportedTraining, scratch: Path
) -> Iterator[Finding]:
    """Check that each parameter that the user declares changes some number."""
    for key in list_own_parameters(MODELS[name]):
        if key == "epochs":
            continue
        variant = make_variant(name, params, key)
        if variant is None:
            yield Finding(
                name, f"{key} was not tried: no other value is known", None
            )
            continue
        text = f"{key}={variant.params[key]}"
        outcome = train_point(variant, scratch / f"parameter-{key}")
        if outcome.end.get("status") != Status.OK:
            yield Finding(name, f"{text}: {outcome.end.get('error')}", False)
        elif outcome.numbers == base.numbers:
            yield Finding(name, f"{text} changes no number", False)
        else:
            yield Finding(name, f"{text} changes numbers", True)


def _check_lanes(
    point: Point, base: ReportedTraining, other: ReportedTraining, root: Path
) -> Iterator[Finding]:
    """Check that two lanes of a pack equal the points that were trained alone."""
    lanes = train_pack([point, point.with_seed(1)], root)
    for alone, lane in zip((base, other), lanes.values(), strict=True):
        if lane.end.get("status") != Status.OK:
            yield Finding(
                point.model, f"in a pack: {lane.end.get('error')}", False
            )
            return
        last, packed = alone.lines[-1], lane.lines[-1]
        for key, value in last.items():
            if not math.isclose(
                value, packed[key], rel_tol=LANE_TOLERANCE, abs_tol=1e-5
            ):
                text = f"in a pack, {key} is {packed[key]}, and alone {value}"
                yield Finding(point.model, text, False)
                return
    yield Finding(
        point.model,
        "lanes of a pack equal points that were trained alone",
        True,
    )
