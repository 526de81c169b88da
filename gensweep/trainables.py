"""The six Tune trainables, for gensweep's own runs and for a user's own `Tuner`.

    from ray import tune
    from gensweep.trainables import train_vae

    layers = tune.grid_search([1, 2])
    tuner = tune.Tuner(train_vae, param_space={"encoder_layers": layers, "epochs": 5})

A trainable is a function of a config dict. A config holds the model's parameters by name, and:

- `seed`: default 0.
- `results`: a folder for records and checkpoints; default: nothing is written.
- `device`, `threads`.
- `retrain_changed`: default False. True trains a point of `results` again whose record was made by
  other code than today's.
- `keep`, only with `results`: which files stay when the point is done, as `Sweep(keep=...)`.
- `tracking`, only with `results`: W&B's `mode`, `project` and `entity`, as
  `gensweep.tracking.settings.Tracking`; default: nothing is logged.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gensweep.core.errors import GensweepError, UserError
from gensweep.core.keep import WEIGHTS_ALONE, check_keep
from gensweep.core.registries import MODELS
from gensweep.core.registry import list_active_layers
from gensweep.core.trainable import is_defined_in_main
from gensweep.core.values import show_value
from gensweep.ledger.status import Status
from gensweep.plugins.loader import list_active_plugins
from gensweep.plugins.source import Plugin
from gensweep.plugins.worker import load_shipped_plugins
from gensweep.sweep.parameters import unwrap_scalar
from gensweep.sweep.point import Pack, Point
from gensweep.tracking.settings import DISABLED, Tracking
from gensweep.trial.config import TrialConfig
from gensweep.trial.reports import (
    ReportFunction,
    is_outcome,
    list_point_reports,
)

if TYPE_CHECKING:
    from gensweep.core.dataset import DatasetArrays

Trainable = Callable[..., None]


def _train(
    model: str,
    values: dict[str, Any],
    datasets: Mapping[str, DatasetArrays] | None = None,
    report: ReportFunction | None = None,
) -> None:
    """Train the point that a user's own config describes."""
    # This imports torch, which only the process that trains needs.
    from gensweep.trial.trial import run_pack

    values = {key: unwrap_scalar(value) for key, value in values.items()}
    config = _pop_trial_config(values)
    seed = values.pop("seed", 0)
    # All other keys are the model's parameters.
    point = Point.make(model, values, seed)
    report = _merge_last_reports(report or _get_tune_report())
    run_pack(Pack((point,)), datasets, config, report)


def _pop_trial_config(values: dict[str, Any]) -> TrialConfig:
    """Return the settings of a user's own trial, and remove them from its config.

    Raises:
        UserError: a value is wrong, or W&B's files would have no folder.
    """
    config = TrialConfig(
        results=_resolve_root(values.pop("results", None)),
        device=values.pop("device", "auto"),
        # Tune itself hands out the cores: a user names threads alone.
        cpus_per_trial=values.pop("threads", 1),
        retry_failed=True,
        retrain_changed=_pop_flag(values, "retrain_changed"),
        tracking=Tracking.from_config(values.pop("tracking", {})),
        keep=check_keep("keep", values.pop("keep", WEIGHTS_ALONE)),
        repeats_history=True,
    )
    if config.results is None and config.tracking.mode != DISABLED:
        raise UserError(
            "tracking: W&B's files are stored in the point's folder; add results to the trial's "
            "config"
        )
    return config


def _pop_flag(values: dict[str, Any], name: str) -> bool:
    """Return whether a setting is True, and remove it from the config; default: False.

    Raises:
        UserError: it is neither True nor False.
    """
    value = values.pop(name, False)
    if not isinstance(value, bool):
        raise UserError(f"{name}={show_value(value)} is not True or False")
    return value


def _resolve_root(results: Any) -> Any:
    """Return the results root, with a relative path made absolute.

    Tune starts a trial in a folder of the trial's own, but the user means a folder relative to the
    one in which Tune was started.
    """
    if not results:
        return None
    is_uri = "://" in str(results)
    if is_uri or os.path.isabs(os.path.expanduser(results)):
        return results
    return os.path.join(os.environ.get("TUNE_ORIG_WORKING_DIR", ""), results)


def _merge_last_reports(report: ReportFunction) -> ReportFunction:
    """Return a report function for a user's own trial: one report an epoch.

    The last epoch's report also has the outcome and the test metrics: Tune counts reports, and a
    scheduler that stops a trial at the last epoch's report would never see one more.

    Raises:
        GensweepError: the training failed, so that Tune sees it.
    """
    last_epoch: dict[str, Any] = {}

    def send(result: dict[str, Any]) -> None:
        # A user's trial trains one point.
        (lane,) = list_point_reports(result)
        if not is_outcome(lane):
            if lane["epoch"] == lane["epochs"]:
                # The outcome follows, after the record is written.
                last_epoch.update(result)
            else:
                report(result)
            return
        if lane["status"] in (Status.FAILED, Status.CLAIMED):
            report(last_epoch | result)
            raise GensweepError(f"{lane['point']}: {lane['error']}")
        # Otherwise HyperBand may pause the trial here, and nobody would resume or end it.
        report(last_epoch | result | {"done": True})

    return send


def _get_tune_report() -> ReportFunction:
    """Return Tune's own `report`, which a process that Tune started has already imported."""
    tune = sys.modules.get("ray.tune")
    if tune is None:
        raise UserError(
            "outside a Tune trial, pass report=, a function that takes a dict (list.append will do)"
        )
    return tune.report


def _load_own_code(
    model: str, plugins: tuple[Plugin, ...], is_interactive: bool
) -> None:
    """Make the user's own code available in this process, which may be a worker.

    Raises:
        UserError: it cannot be.
    """
    if is_interactive and model not in MODELS:
        raise UserError(
            f"{model!r} is defined in a notebook or a script, which workers do not read; "
            f"move it to a file of its own, {model}.py, and call gensweep.use('{model}.py')"
        )
    keys = {plugin.key for plugin in plugins}
    if not keys <= set(list_active_layers()):
        load_shipped_plugins(plugins)


def _build_trainable(model: str, plugins: tuple[Plugin, ...]) -> Trainable:
    """Return the trainable of a model.

    Args:
        model: its name.
        plugins: the user's files that it may need, which the function takes along to a worker.
    """
    is_interactive = is_defined_in_main(MODELS[model])

    def train(
        config: dict[str, Any],
        datasets: Mapping[str, DatasetArrays] | None = None,
        report: ReportFunction | None = None,
    ) -> None:
        # Only module-level names: the function may be pickled together with all that it refers to.
        _load_own_code(model, plugins, is_interactive)
        _train(model, config, datasets, report)

    train.__name__ = f"train_{model}"
    if not plugins and not is_interactive:
        # A worker finds it in this module. Without this name, it is pickled with its plugins.
        train.__qualname__ = train.__name__
    train.__doc__ = f"""Train `{model}`, as `gensweep.models.{model}` documents it.

    Reports each epoch's metrics; the last epoch's report also has the test metrics and `status`.
    If `results` holds epochs of an earlier attempt, or the complete point, they are reported again
    and not trained again. A warning says if other code than today's trained them.

    Args:
        config: parameters by name, and `seed`, `results`, `device`, `threads`, `tracking`,
            `retrain_changed`, `keep`.
        datasets: prepared arrays by `Point.data_key`; default: they are prepared here.
        report: called with each report; default: Tune's.

    Raises:
        GensweepError: the training failed, or somebody else trains the point.
        UserError: a parameter is wrong, or this machine has no such device.
    """
    return train


_build_cached = lru_cache(maxsize=256)(_build_trainable)


def get_trainable(model: str) -> Trainable:
    """Return the trainable of a model or task, by its name.

    That of a user's own model takes along the files that `gensweep.use` has loaded.

    Raises:
        UnknownNameError: there is none.
    """
    MODELS[model]
    is_own = MODELS.find_layer(model) is not None
    plugins = tuple(list_active_plugins()) if is_own else ()
    return _build_cached(model, plugins)


train_cae = get_trainable("cae")
train_vae = get_trainable("vae")
train_gan = get_trainable("gan")
train_text_to_text = get_trainable("text_to_text")
train_image_to_text = get_trainable("image_to_text")
train_text_to_image = get_trainable("text_to_image")
