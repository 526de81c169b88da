"""Environment variables that Ray and Tune read when they are imported.

Importing this module sets them, so import it before Ray.
"""

from __future__ import annotations

import os

DEFAULTS = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # A worker that is started early could not serve: Tune's trials have another environment.
    "RAY_prestart_worker_first_driver": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
}

for name, value in DEFAULTS.items():
    # What the user has set stays.
    os.environ.setdefault(name, value)
