"""What holds for every test."""

from __future__ import annotations

import os

# One thread, as a trial has, so that numbers and times do not depend on the cores. Read when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
