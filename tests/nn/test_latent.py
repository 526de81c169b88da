"""The ways between latent vectors, against their formulas."""

from __future__ import annotations

import math

import pytest
import torch

from gensweep.nn.latent import interpolate_linear, interpolate_spherical

WAYS = pytest.mark.parametrize("way", [interpolate_linear, interpolate_spherical])


@WAYS
def test_begins_and_ends_where_it_should(way) -> None:
    starts, ends = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    steps = way(starts, ends, 5)
    assert steps.shape == (3, 5, 8)
    torch.testing.assert_close(steps[:, 0], starts)
    torch.testing.assert_close(steps[:, -1], ends)


def test_a_line_is_straight_and_even() -> None:
    steps = interpolate_linear(torch.tensor([[0.0, 8.0]]), torch.tensor([[4.0, 0.0]]), 5)
    assert steps[0].tolist() == [[0, 8], [1, 6], [2, 4], [3, 2], [4, 0]]


def test_a_quarter_circle_is_walked_at_an_even_pace_and_keeps_its_radius() -> None:
    """From (2, 0) to (0, 2) in three parts: angles of 0, 30, 60 and 90 degrees."""
    steps = interpolate_spherical(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]]), 4)
    wanted = [
        [2 * math.cos(angle), 2 * math.sin(angle)]
        for angle in (0, math.pi / 6, math.pi / 3, math.pi / 2)
    ]
    torch.testing.assert_close(steps[0], torch.tensor(wanted))


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_where_no_circle_is_defined_the_way_is_straight(factor: float) -> None:
    start = torch.tensor([[1.0, 2.0, -3.0]])
    torch.testing.assert_close(
        interpolate_spherical(start, start * factor, 6),
        interpolate_linear(start, start * factor, 6),
    )
