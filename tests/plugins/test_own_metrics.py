"""Metrics of users: a wrong value is an error that names the metric, its file and its line."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from runs import call, records

from gensweep.core.metric_values import CheckedFunction, MetricError
from gensweep.core.registry import activate_layers

MODEL = '''
import gensweep as gs


@gs.metric("loudness", needs=("loss",), unit="pixel", direction="min")
def loudness(outputs):
    """The losses, one per example: not a number."""
    return outputs["loss"]


@gs.metric("sharpness", needs=("reconstructions",), unit="pixel", direction="max")
def sharpness(outputs):
    """A number of an output that no model has."""
    return 1.0


@gs.model("plain")
class Plain(gs.Model):
    """A layer."""

    reads = "pictures"
    default_dataset = "avatars"
    inputs = ("picture",)
    outputs = ("loss",)

    def build_network(self):
        import torch

        class Network(gs.Network):
            def __init__(self, config):
                super().__init__(config)
                self.layer = torch.nn.Linear(8, 1)

            def measure(self, batch):
                return self.layer(batch["picture"][:, 0, 0, :8]).square().mean(1)

            def forward(self, player, batch, noise):
                loss = self.measure(batch).mean()
                return loss, {"loss": loss}

            def evaluate(self, batch, noise):
                return {"loss": self.measure(batch)}

            def samples(self, batch, noise):
                return gs.Samples(batch["picture"])

        return Network(self)
'''
SWEEP = """
from gensweep import Grid, Sweep

SWEEP = Sweep("plain", [Grid("plain", count=50, epochs=1)], seeds=1, uses=["plain.py"])
"""


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (None, None),
        (2, 2.0),
        (torch.tensor([0.5]), 0.5),
        (torch.tensor(3), 3.0),
        (np.float32(0.25), 0.25),
        (np.array([[1.5]]), 1.5),
        (math.inf, math.inf),
        (10**400, math.inf),
    ],
)
def test_a_number_in_any_form_is_a_float(value: Any, number: float | None) -> None:
    returned = CheckedFunction("mine", lambda outputs: value)({})
    assert returned == number and type(returned) is type(number)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0.5", "metric mine is '0.5' (a str), not a number or None"),
        (True, "metric mine is True (a bool), not a number or None"),
        (torch.ones(3, 2), "metric mine is a Tensor of shape [3, 2], not a number or None"),
        (np.ones(2), "metric mine is a ndarray of shape [2], not a number or None"),
        ([1.0], "metric mine is [1.0] (a list), not a number or None"),
        (-1e101, "metric mine is -1e+101; the largest metric is 1e+100"),
    ],
)
def test_anything_else_is_an_error(value: Any, message: str) -> None:
    with pytest.raises(MetricError) as caught:
        CheckedFunction("mine", lambda outputs: value)({})
    assert str(caught.value) == message
    assert caught.value.position.startswith("test_own_metrics.py:")


def test_a_wrong_value_fails_the_point_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(MODEL)
    (tmp_path / "sweep.py").write_text(SWEEP)
    try:
        ended = call(tmp_path / "sweep.py", "--local", "--results", tmp_path / "results")
    finally:
        activate_layers([])
    assert ended.code == 1, ended.error
    assert "The metric sharpness is never measured: unknown output 'reconstructions'; " in ended.out
    assert "did you mean 'reconstruction'?" in ended.out
    (record,) = records(tmp_path / "results").values()
    assert record.status == "failed"
    assert "metric loudness is a Tensor of shape [" in (record.error or "")
    assert "(plain.py:5)" in (record.error or "")
