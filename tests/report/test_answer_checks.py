"""Files that contradict a record, and equal numbers, which have no share of a variance."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from sweep_files import cell, write_answers, write_record, write_sweep

from gensweep import load
from gensweep.report.answer_checks import explain_contradiction, list_right_shares
from gensweep.report.query_outcomes import load_outcomes
from gensweep.report.stats.questions import answer_questions


@pytest.mark.parametrize(
    ("right", "recorded", "is_refused"),
    [(0.5, 0.5, False), (0.5, 0.504, False), (0.5, 0.52, True), (1, 0.0, True), (1, None, False)],
)
def test_answers_are_compared_with_the_record(
    right: float, recorded: float | None, is_refused: bool
) -> None:
    lines = np.arange(1000) < 1000 * right
    assert (explain_contradiction(lines, recorded) is not None) == is_refused


def test_answers_of_another_point_are_not_used(tmp_path: Path) -> None:
    one = cell(0, 1)
    for seed, share in ((0, 0.5), (1, 0.9)):
        write_record(tmp_path, one, seed, char_accuracy=0.5, exact_match=share)
        write_answers(tmp_path, one, seed, ["1+2,3,3", "9-9,0,1"])
    results = load(write_sweep(tmp_path, [one]))
    first, second = one["points"].values()
    assert list_right_shares(results) == {first: 0.5, second: 0.9}
    outcomes = dict(load_outcomes(results, [first, second]))
    assert outcomes[first] is not None and outcomes[first].right.tolist() == [True, False]
    assert outcomes[second] is None


def test_equal_numbers_have_no_share_of_a_variance(tmp_path: Path) -> None:
    cells = [
        cell(0, 1, 2, encoder_layers=i, decoder_layers=j) for i in (1, 2, 3) for j in (1, 2, 3)
    ]
    for one in cells:
        for seed in (0, 1, 2):
            write_record(tmp_path, one, seed, char_accuracy=0.1 + 0.2)
    findings = answer_questions(load(write_sweep(tmp_path, cells)))
    interactions = [finding for finding in findings if "depend on" in finding.question]
    assert interactions
    assert all(not finding.effect or math.isnan(finding.effect) for finding in interactions)
