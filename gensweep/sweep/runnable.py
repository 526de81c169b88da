"""The methods of a sweep that train it from Python."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Unpack

    from gensweep.report.results import Results
    from gensweep.sweep.run_arguments import RunArguments
    from gensweep.sweep.spec import Sweep


class Runnable:
    """The part of `Sweep` that calls `gensweep.run` and `gensweep.dry_run`.

    What runs a sweep lies on a higher floor than what declares it. So the two functions are taken
    from the package itself, by name.
    """

    def run(self: Sweep, **options: Unpack[RunArguments]) -> Results:
        """Train the missing points, write tables, figures and page, and return the results.

        Args:
            options: see `gensweep.run`.
        """
        return importlib.import_module("gensweep").run(self, **options)

    def dry_run(
        self: Sweep, calibrate: bool = False, **options: Unpack[RunArguments]
    ) -> dict[str, Any]:
        """Print what a run would do, and return it as data.

        Args:
            calibrate: time a few training steps of every model shape that was never timed.
            options: see `gensweep.run`.
        """
        package = importlib.import_module("gensweep")
        return package.dry_run(self, calibrate, **options)
