"""What reports say of a task without validation values: what was measured, and why nothing is best."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import call

from gensweep.core.registry import activate_layers
from gensweep.report.load import load
from gensweep.report.page.headline import list_headlines
from gensweep.report.remarks import describe_selection

TASK = '''
import gensweep as gs

@gs.task("toy", metrics={{"gap": gs.Range(0, None, "{direction}", "m")}}, epochs=1)
def train(run, *, width: int = gs.param(1, "width", ge=1)):
    """Return a number that depends on the width."""
    return {{"gap": (width + run.seed / 10) / 100}}
'''
SWEEP = """
from gensweep import Grid, Sweep

SWEEP = Sweep(
    "toys", [Grid("toy", width=[4, 2, 8])], seeds=3, tables=["leaderboard"], uses=["toy.py"]
)
"""


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path):
    """The folder of a sweep whose metric is better in the given direction."""
    (tmp_path / "toy.py").write_text(TASK.format(direction=request.param))
    (tmp_path / "sweep.py").write_text(SWEEP)
    ended = call(tmp_path / "sweep.py", "--local", "--results", tmp_path / "results")
    assert ended.code == 0, ended.error
    yield tmp_path / "results" / "toys"
    activate_layers([])


@pytest.mark.parametrize(
    ("folder", "superlative"),
    [("min", "smallest is 0.0210 ± 0.0025, at width=2"), ("max", "largest is 0.0810")],
    indirect=["folder"],
)
def test_the_headline_has_the_range_and_the_way_to_a_choice(folder: Path, superlative: str) -> None:
    results = load(folder)
    (headline,) = list_headlines(results)
    assert headline.value == "0.021 to 0.081"
    assert headline.metric == "test gap [m]"
    assert headline.setting == "means of 3 cells, by width"
    reason = (
        "No cell of toy is chosen as the best: no point has a value of validation/gap; "
        'a task reports it by run.epoch({"validation/gap": ...}).'
    )
    assert headline.basis == f"Each mean is of 3 seeds. {reason}"
    assert superlative in headline.comparisons[0]
    assert headline.comparisons[0].endswith("chooses it, so a new test may be worse.")
    assert describe_selection(results) == reason
    page = (folder / "report.html").read_text()
    assert "The first of" not in page and "smallest first" not in page
    (source,) = (folder.parent / "plugins").glob("*/toy.py")
    assert f"plugins/{source.parent.name}/toy.py" in page
    assert "toy: no cell has validation/gap: in the sweep&#39;s order" in page


@pytest.mark.parametrize("folder", ["none"], indirect=True)
def test_a_metric_without_a_better_end_has_no_best_cell(folder: Path) -> None:
    results = load(folder)
    (headline,) = list_headlines(results)
    assert headline.value == "0.021 to 0.081" and headline.comparisons == []
    assert "no metric has a better end; a task declares one by gs.Range(" in headline.basis
    assert describe_selection(results) in headline.basis
