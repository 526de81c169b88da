"""The six Tune trainables: functions of a config dict, for gensweep's own runs and for a user's own `Tuner`.

    from ray import tune
    from gensweep.trainables import train_vae

    tuner = tune.Tuner(train_vae, param_space={"encoder_layers": tune.grid_search([1, 2]), "epochs": 5})

A config holds the model's parameters by name, and beside them `seed` (default 0), `results` (a folder for
records and checkpoints; default: none are kept), `device`, `threads` and, with `results`, `tracking` (W&B's
`mode`, `project` and `entity`, as `gensweep.tracking.tracker.Tracking`; default: nothing is logged).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gensweep.core.errors import GensweepError, UserError
from gensweep.core.registries import MODELS
from gensweep.ledger.claims import Process
from gensweep.ledger.records import CLAIMED, FAILED
from gensweep.sweep.point import Pack, Point, unwrap_scalar

if TYPE_CHECKING:
    from gensweep.core.dataset import DatasetArrays

Report = Callable[[dict[str, Any]], None]
Trainable = Callable[..., None]


def _train(
    model: str,
    config: dict[str, Any],
    datasets: Mapping[str, DatasetArrays] | None = None,
    report: Report | None = None,
) -> None:
    from gensweep.tracking.tracker import DISABLED, Tracking
    from gensweep.trial.trial import (
        Context,
        run_pack,
    )  # imports torch: only in the process that trains

    config = {key: unwrap_scalar(value) for key, value in config.items()}
    points: list[dict[str, Any]] | None = config.pop("points", None)
    driver = config.pop("driver", None)
    context = Context(
        root=_root(config.pop("results", None)),
        device=config.pop("device", "auto"),
        threads=config.pop("threads", 1),
        gpus=config.pop("gpus", 1.0),
        limit_lanes_to_memory=config.pop("fits", False),
        retry_failed=config.pop("retry_failed", points is None),
        retrain_changed=config.pop("retrain_changed", False),
        driver=Process(**driver) if driver else Process.current(),
        tracking=Tracking.from_config(config.pop("tracking", {})),
        repeats_history=points is None,
    )
    if context.root is None and context.tracking.mode != DISABLED:
        raise UserError(
            "tracking: W&B's files lie in the point's folder; name one of the trial's config: results"
        )
    is_users_own = points is None
    if points is None:
        seed = config.pop("seed", 0)
        points = [{"params": config, "seed": seed}]
    pack = Pack(tuple(Point.make(model, **point) for point in points))
    report = report or _tune_report()
    run_pack(pack, datasets, context, _one_per_epoch(report) if is_users_own else report)


def _root(results: Any) -> Any:
    """The results root; Tune starts a trial in a folder of the trial's own, where a relative one is not meant to be."""
    if not results or "://" in str(results) or os.path.isabs(os.path.expanduser(results)):
        return results or None
    return os.path.join(os.environ.get("TUNE_ORIG_WORKING_DIR", ""), results)


def _one_per_epoch(report: Report) -> Report:
    """Return the report of a user's own trial: one per epoch, of which the last one has the test's metrics.

    Tune counts reports. A scheduler that stops a trial at the last epoch's report would never see the outcome in one
    more. The record is written before the outcome is reported.

    Raises:
        GensweepError: the training failed, so that Tune sees it.
    """
    last: dict[str, Any] = {}

    def reported(result: dict[str, Any]) -> None:
        status = result.get("status")
        if status is None and result["epoch"] == result["epochs"]:
            last.update(result)  # the outcome follows at once
            return
        report(last | result)
        if status in (FAILED, CLAIMED):
            raise GensweepError(f"{result['point']}: {result['error']}")

    return reported


def _tune_report() -> Report:
    """Tune's own `report`, which a process that Tune started has already imported."""
    tune = sys.modules.get("ray.tune")
    if tune is None:
        raise UserError(
            "outside a Tune trial, hand in report=, a function that takes a dict (list.append will do)"
        )
    return tune.report


def _trainable(model: str) -> Trainable:
    def train(
        config: dict[str, Any],
        datasets: Mapping[str, DatasetArrays] | None = None,
        report: Report | None = None,
    ) -> None:
        _train(model, config, datasets, report)

    train.__name__ = train.__qualname__ = f"train_{model}"
    train.__doc__ = f"""Train `{model}`, as `gensweep.models.{model}` documents it.

    Reports each epoch's metrics; the last epoch's report has the test's, and `status`. Where `results` holds epochs
    of an earlier attempt, or the whole point, they are reported again and not trained again.

    Args:
        config: parameters by name, and `seed`, `results`, `device`, `threads`, `tracking`.
        datasets: prepared arrays by `Point.data_key`; prepared here when absent.
        report: called with each report; default: Tune's.

    Raises:
        GensweepError: the training failed, or somebody else trains the point.
        UserError: a parameter is wrong, or there is no such device.
    """
    return train


TRAINABLES: dict[str, Trainable] = {model: _trainable(model) for model in MODELS}

train_cae = TRAINABLES["cae"]
train_vae = TRAINABLES["vae"]
train_gan = TRAINABLES["gan"]
train_text_to_text = TRAINABLES["text_to_text"]
train_image_to_text = TRAINABLES["image_to_text"]
train_text_to_image = TRAINABLES["text_to_image"]
