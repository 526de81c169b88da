"""Users' tasks and models whose results are in a bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_code import list_points, write_project
from runs import call
from s3_server import BUCKET, KEYS, running

from gensweep import load
from gensweep.core.registry import activate_layers
from gensweep.ledger.open_store import open_store
from gensweep.report.results import Results

pytestmark = [pytest.mark.s3, pytest.mark.filterwarnings("default")]


@pytest.fixture
def bucket(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A results root in an empty bucket."""
    with running() as server:
        settings = {"AWS_ENDPOINT_URL": server.url, "AWS_EC2_METADATA_DISABLED": "true"}
        for name, value in (KEYS | settings).items():
            monkeypatch.setenv(name, value)
        yield f"s3://{BUCKET}/results"
    activate_layers([])


def list_metrics(results: Results) -> dict[str, list[float]]:
    """Return the test metrics of every point by its id."""
    points = results.points.set_index("id")
    return {point: list(points.loc[point, ["height", "loss"]].fillna(-1)) for point in points.index}


def test_own_code_in_a_bucket_gives_the_numbers_of_a_folder(bucket: str, tmp_path: Path) -> None:
    sweep = write_project(tmp_path / "project")
    points = list_points(sweep)
    for root in (bucket, tmp_path / "plain"):
        ended = call(sweep, "--local", "--results", root)
        assert ended.code == 0, ended.error
    in_bucket, in_folder = load(f"{bucket}/mine"), load(tmp_path / "plain" / "mine")
    assert list_metrics(in_bucket) == list_metrics(in_folder)
    assert in_bucket.counts["ok"] == len(points) == 6
    store = open_store(bucket)
    for plugin in json.loads(store.read("mine/sweep.json"))["plugins"]:
        assert store.exists(f"plugins/{plugin['sha']}/{plugin['file']}")
    for point in points[:4]:
        assert float(store.read(f"points/{point.id}/files/path.txt")) > 0
    again = call(sweep, "--local", "--results", bucket)
    assert "Nothing to do: 6 of 6 points done." in again.out


def test_results_in_a_bucket_are_read_without_the_code(bucket: str, tmp_path: Path) -> None:
    sweep = write_project(tmp_path / "project")
    assert call(sweep, "--local", "--results", bucket).code == 0
    for path in (tmp_path / "project").iterdir():
        path.unlink()
    activate_layers([])
    ended = call("collect", f"{bucket}/mine")
    assert ended.code == 0, ended.error
    assert set(load(f"{bucket}/mine").models) == {"diffusion", "walk"}
