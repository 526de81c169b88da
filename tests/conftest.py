"""What holds for every test."""

from __future__ import annotations

import atexit
import gc
import os
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

# One thread, as a trial has, so that numbers and times do not depend on the cores. Read when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The default depends on the packages that are installed.
os.environ["GENSWEEP_FEATURES"] = "random_vgg"
# Libraries report what is still there at the end as leaks.
atexit.register(gc.unfreeze)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among what is imported and collected: there is none, then or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        # Figures, tables and networks are many objects that live for one test.
        gc.set_threshold(20_000, 20, 50)
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache folder for a run of the tests: arrays and kernels are built once, and nothing of the user's is touched."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # which the worker processes share
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENSWEEP_CACHE", str(base / "cache"))
        # No test takes the power away: what waits for the disk would take as long as what computes.
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setenv(
            "WANDB_MODE", "disabled"
        )  # but where W&B is what is tested, and then never with a user's login
        patch.setenv("NETRC", str(tmp_path_factory.mktemp("nobody") / "netrc"))
        for name in ("WANDB_API_KEY", "RAY_ADDRESS", "GENSWEEP_RESULTS"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def _own_layers() -> Iterator[None]:
    """Forget the users' files that a test reads, so that the next test does not meet their tables."""
    from gensweep.core.registry import activate_layers, list_active_layers

    layers = list_active_layers()
    yield
    activate_layers(layers)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of the test's own, and no place of the user's remembered."""
    from gensweep.prepare import fingerprint

    fingerprint.clear_cache()
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A results root of the test's own."""
    return tmp_path / "results"


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """Epochs that this process trains, by seed."""
    from gensweep.train.loop import Training

    counter: Counter[int] = Counter()
    run_epoch = Training.run_epoch

    def counted(training: Training) -> dict[str, float]:
        counter[training.seed] += 1
        return run_epoch(training)

    monkeypatch.setattr(Training, "run_epoch", counted)
    return counter


@pytest.fixture(params=["C", "PyTorch"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either way to compute a layer."""
    import torch

    from gensweep import kernels
    from gensweep.kernels import build

    monkeypatch.setenv(build.SWITCH, "0" if request.param == "PyTorch" else "1")
    if request.param == "C" and not kernels.is_available(torch.zeros(1)):
        pytest.skip("no C compiler")
    return request.param
