"""The dataset of tasks, whose functions get their data themselves."""

from __future__ import annotations

from typing import ClassVar

from gensweep.core.data_source import DataSource

OWN_DATA = "own_data"
"""Its name, in the parameters of every point of a task."""


class OwnData(DataSource):
    """The dataset of a task: none that gensweep knows, so it has no parameters."""

    name: ClassVar[str] = OWN_DATA
    kind: ClassVar[str] = OWN_DATA
    source: ClassVar[str] = "read by the task itself"
    has_arrays: ClassVar[bool] = False
