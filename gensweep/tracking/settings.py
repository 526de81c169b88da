"""Settings of the logging to Weights & Biases: mode, project, entity."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from gensweep.core.errors import UserError, describe_unknown
from gensweep.tracking.login import has_login

MODES = (ONLINE, OFFLINE, DISABLED) = ("online", "offline", "disabled")
DEFAULT_PROJECT = "gensweep"
WANDB_FOLDER = "wandb"
"""A point's folder of W&B files."""
_FORBIDDEN_IN_PROJECTS = r"/ \ # ? % :"
_PROJECT = re.compile(r"[^/\\#?%:]{1,128}")
_MODE_SPELLINGS = {"run": ONLINE, "dryrun": OFFLINE} | {
    mode: mode for mode in MODES
}
"""Values of WANDB_MODE, including W&B's older ones."""


@dataclass(frozen=True)
class Tracking:
    """The settings of one run of a sweep.

    Attributes:
        mode: `online`, `offline` (logged to the point's folder until `sync` uploads it) or
            `disabled`.
        project: the W&B project.
        entity: the W&B user or team; None: the default of the login.
        sweep: the sweep that trains the point.
        groups: id of a point -> the W&B group of its run; default: the sweep.

    Raises:
        UserError: the mode is not one of the three, or W&B does not allow the project's name.
    """

    mode: str = DISABLED
    project: str = DEFAULT_PROJECT
    entity: str | None = None
    sweep: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UserError(
                f"W&B has no mode {self.mode!r}; it has {', '.join(MODES)}"
            )
        if not self.project.strip() or not _PROJECT.fullmatch(self.project):
            raise UserError(
                f"W&B does not allow the project name {self.project!r}: use at most 128 "
                f"characters, and none of {_FORBIDDEN_IN_PROJECTS}"
            )

    @staticmethod
    def from_config(values: dict[str, Any]) -> Tracking:
        """Return the settings of a trial's config.

        Raises:
            UserError: a value or a name is wrong.
        """
        names = [field.name for field in fields(Tracking)]
        for name in values:
            if name not in names:
                raise UserError(
                    describe_unknown(
                        "tracking setting", name, names, "the trial's config"
                    )
                )
        return Tracking(**values)

    @staticmethod
    def from_cli(
        mode: str | None, project: str | None, entity: str | None, sweep: str
    ) -> Tracking:
        """Return the settings of the command line; W&B's environment variables fill the gaps.

        Without a mode from either, runs are logged offline if there is a login, and not at all
        otherwise.

        Raises:
            UserError: WANDB_MODE is not a mode.
        """
        mode = mode or os.environ.get("WANDB_MODE") or _choose_default_mode()
        if mode not in _MODE_SPELLINGS:
            raise UserError(
                f"WANDB_MODE={mode}: not one of {', '.join(MODES)}"
            )
        return Tracking(
            mode=_MODE_SPELLINGS[mode],
            project=project
            or os.environ.get("WANDB_PROJECT")
            or DEFAULT_PROJECT,
            entity=entity or os.environ.get("WANDB_ENTITY") or None,
            sweep=sweep,
        )


def explain_disabled(mode: str | None) -> str | None:
    """Return why W&B is off although nobody has turned it off, and how to turn it on.

    Args:
        mode: the mode of the command line, if any.
    """
    is_chosen = mode or os.environ.get("WANDB_MODE") or is_wandb_disabled()
    if is_chosen or has_login():
        return None
    return (
        "W&B is off, because there is no login on this machine. "
        "`wandb login` or --wandb offline turns it on."
    )


def _choose_default_mode() -> str:
    if is_wandb_disabled() or not has_login():
        return DISABLED
    return OFFLINE


def is_wandb_disabled() -> bool:
    """Return True if `WANDB_DISABLED`, W&B's older switch, turns the logging off."""
    value = os.environ.get("WANDB_DISABLED", "").strip().lower()
    return value in ("true", "1", "yes", "on", "t", "y")
