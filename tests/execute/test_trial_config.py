"""The settings of a trial, from the command line to the process that trains."""

from __future__ import annotations

import pickle
from dataclasses import fields

import pytest
from runs import t2t

from gensweep.execute import resources
from gensweep.execute.trial_setup import make_trial_config
from gensweep.ledger.claims import Process
from gensweep.sweep import point as point_module
from gensweep.sweep.point import Pack
from gensweep.tracking.settings import Tracking
from gensweep.trial.config import TrialConfig


def test_a_trial_without_a_gpu_trains_on_the_cpu() -> None:
    """The plan, the trial's device and its share of a GPU agree."""
    requested = resources.Resources(gpus_per_trial=0)
    config = make_trial_config("results", requested)
    assert (requested.device_kind, config.device, config.gpus_per_trial) == ("cpu", "cpu", 0)
    assert make_trial_config("results", resources.Resources()).gpus_per_trial == 1.0


def test_every_setting_of_a_trial_has_the_name_of_its_option() -> None:
    names = {field.name for field in fields(TrialConfig)}
    from_options = names - {"results", "driver", "repeats_history"}
    assert from_options <= {field.name for field in fields(resources.Resources)}
    options = {"device": "cpu", "cpus_per_trial": 2, "gpus_per_trial": 0.5, "pack": 4}
    options |= {"retry_failed": True, "retrain_changed": True, "keep": "all"}
    options |= {"tracking": Tracking(project="mine"), "rungs": frozenset({"a"})}
    config = make_trial_config("here", resources.Resources(**options))
    assert options.keys() == from_options
    assert {name: getattr(config, name) for name in from_options} == options
    assert (config.results, config.driver) == ("here", Process.get_current())
    assert pickle.loads(pickle.dumps(config)) == config


def test_a_point_is_sent_without_what_follows_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker takes a point as it is: it was validated when the sweep was read."""
    point = t2t(seed=3)
    names = (point.id, point.cell, point.data_key, point.model_config())
    sent = pickle.dumps(Pack((point, point.with_seed(4))))
    monkeypatch.setattr(point_module, "resolve_params", None)
    first, second = pickle.loads(sent).points
    assert first.__dict__.keys() == {"model", "params", "seed", "varied"}
    assert (first.id, first.cell, first.data_key, first.model_config()) == names
    assert second == point.with_seed(4)
