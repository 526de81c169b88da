"""The values of a trial, as a pure function: the same for any order in which trials end."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gensweep.core.errors import UserError
from gensweep.search.trials import Trial
from gensweep.sweep.search import Search
from gensweep.sweep.search_arguments import RANDOM, SOBOL, TPE

if TYPE_CHECKING:
    import numpy as np

_MIN_SOBOL_POINTS = 64


def choose_values(
    search: Search, trials: Sequence[Trial], number: int
) -> tuple[dict[str, Any], str]:
    """Return the values of a trial's dimensions, and the name and version of what chose them.

    Args:
        search: the search.
        trials: all earlier trials; `get_deciding_level` says which of their outcomes count.
        number: the number of the trial.

    Raises:
        UserError: Optuna is not installed.
    """
    sampler = get_sampler(search)
    if search.method == TPE:
        from gensweep.search.tpe import choose_by_tpe

        return choose_by_tpe(search, trials, number), sampler
    shares = _draw_shares(search, number)
    values = search.space.draw(
        lambda key, dimension: dimension.take(shares[key])
    )
    return values, sampler


def _draw_shares(search: Search, number: int) -> dict[str, float]:
    """Return for each dimension how far its value lies in its range, from 0 to 1 (excluded)."""
    dimensions = search.space.dimensions
    if search.method == RANDOM:
        return {
            key: _draw_share(search.seed, number, key) for key in dimensions
        }
    points = _draw_sobol(len(dimensions), search.seed, number)
    return dict(zip(dimensions, points[number].tolist(), strict=True))


def get_sampler(search: Search) -> str:
    """Return the name and version of what chooses the values.

    Raises:
        UserError: Optuna is not installed.
    """
    if search.method == RANDOM:
        return "sha256"
    if search.method == SOBOL:
        import scipy

        return f"scipy {scipy.__version__}"
    return f"optuna {import_optuna().__version__}"


def import_optuna() -> Any:
    """Return the module, which nothing else imports: it takes 0.7 s.

    Raises:
        UserError: it is not installed, or too old.
    """
    try:
        import optuna
    except ImportError as error:
        raise UserError(
            "method='tpe' needs Optuna, which is not installed here "
            f"({error}): pip install 'gensweep[search]', or use method='sobol' or 'random'"
        ) from None
    if int(optuna.__version__.split(".")[0]) < 5:
        raise UserError(
            f"method='tpe' needs Optuna 5 or later, but {optuna.__version__} is installed: "
            "pip install 'gensweep[search]'"
        )
    return optuna


def compute_seed(seed: int, number: int) -> int:
    """Return the seed of one trial's sampler, 32 bits."""
    return int.from_bytes(_hash(seed, number, "")[:4], "big")


def _draw_share(seed: int, number: int, key: str) -> float:
    """Return a number from 0 to 1 (excluded) for one dimension of one trial.

    A dimension that is added to the search leaves those of the others alone.
    """
    return (int.from_bytes(_hash(seed, number, key)[:8], "big") >> 11) / (
        1 << 53
    )


def _hash(seed: int, number: int, key: str) -> bytes:
    return hashlib.sha256(
        f"gensweep search {seed} {number} {key}".encode()
    ).digest()


def _draw_sobol(dimensions: int, seed: int, number: int) -> np.ndarray:
    """Return the first points of a scrambled Sobol sequence [at least number + 1, dimensions]."""
    count = _MIN_SOBOL_POINTS
    # Powers of two: the sequence is balanced, and few lengths are computed.
    while count <= number:
        count *= 2
    return _compute_sobol(dimensions, seed, count)


@lru_cache(maxsize=4)
def _compute_sobol(dimensions: int, seed: int, count: int) -> np.ndarray:
    from scipy.stats import qmc

    return qmc.Sobol(dimensions, scramble=True, rng=seed).random(count)
