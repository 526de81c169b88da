"""How many trials fit into memory: what each needs, and what a machine has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from gensweep.core.errors import UserError
from gensweep.sweep.point import Pack, Point

PROCESS_BYTES = 1_600_000_000
"""Resident memory of a worker with all libraries and the networks that metrics need, before it holds a model."""
RESERVE_BYTES = 1_500_000_000
"""What the driver, Ray's own processes and its object store take beside the trials."""
GRAIN = 1 << 28
"""Needs are rounded up to this: trials of one request share a worker, and most shapes then ask for the same."""
_SIZES = ("batch_size", "filters", "hidden", "glyph_filters", "latent_dim")


def memory_bytes(point: Point, device: str = "cpu", lanes: int = 1) -> int:
    """Estimated peak memory of a trial of some lanes in bytes; what it has on a GPU is left out.

    The process; weights, gradients and Adam's two moments; activations of a step with their gradients, or of
    an evaluation. Of a point on a GPU, weights and moments as they are once more when a checkpoint is written.
    """
    model = point.model_config()
    if device == "cuda":
        return PROCESS_BYTES + 4 * 3 * model.parameter_count() * lanes
    return PROCESS_BYTES + model.training_bytes(lanes)


@dataclass(frozen=True)
class Room:
    """What the trials of a run need, and what there is.

    Attributes:
        needs: bytes that a point takes, by its cell.
        measured: cells whose need was measured; the others' is estimated.
        device: `cpu`, `cuda` or `mps`.
        total: the machine's memory in bytes; 0: not known, so that everything fits.
        reserve: bytes of it that are not for trials.
    """

    needs: Mapping[str, int]
    total: int
    reserve: int = RESERVE_BYTES
    measured: frozenset[str] = frozenset()
    device: str = "cpu"

    @property
    def free(self) -> int:
        """Bytes for all trials together."""
        return max(0, self.total - self.reserve)

    def of(self, pack: Pack) -> int:
        """Bytes that a pack takes, a multiple of `GRAIN`."""
        return -(-self._bytes(pack) // GRAIN) * GRAIN

    def _bytes(self, pack: Pack) -> int:
        """What its largest lane takes, and by estimate the others beside it."""
        first, lanes = pack.points[0], len(pack.points)
        need = max(self.needs.get(point.cell, PROCESS_BYTES) for point in pack.points)
        return need + memory_bytes(first, self.device, lanes) - memory_bytes(first, self.device)

    def largest(self, packs: Iterable[Pack]) -> Pack:
        """The pack that takes the most."""
        return max(packs, key=lambda pack: (self._bytes(pack), pack.points[0].cell))

    def told(self, pack: Pack) -> str:
        """A pack and what it takes, in words."""
        first, lanes = pack.points[0], len(pack.points)
        how = "measured" if first.cell in self.measured else "estimated"
        which = first.id if lanes == 1 else f"{lanes} lanes as {first.id}"
        return f"{_gb(self._bytes(pack))} a trial ({which}, {how})"

    def together(self, packs: Iterable[Pack], most: int) -> list[int]:
        """Bytes that the largest 1, 2, ... ``most`` of the packs take at once."""
        return list(accumulate(sorted((self.of(pack) for pack in packs), reverse=True)[:most]))

    def fit(self, packs: Iterable[Pack], most: int) -> int:
        """How many of the largest packs fit at once, at most ``most``."""
        sums = self.together(packs, most)
        return len(sums) if not self.total else sum(size <= self.free for size in sums)

    def check(self, packs: Sequence[Pack], most: int, asked: int | None) -> int:
        """How many trials to train at once, whichever they are.

        Args:
            packs: those to be trained, at least one.
            most: trials at once that there are cores for.
            asked: what the user said about it.

        Raises:
            UserError: not one of the largest fits, or not as many as the user wants.
        """
        fit, sums = self.fit(packs, most), self.together(packs, most)
        largest = self.largest(packs)
        there = f"this machine has {_gb(self.total)}"
        there += (
            f", of which {_gb(self.reserve)} are for the driver and Ray" if self.reserve else ""
        )
        if not fit:
            smaller = [key for key in _SIZES if key in largest.points[0].params]
            smaller += ["--pack"] if len(largest.points) > 1 else []
            mend = f"lower {' or '.join(smaller)}, or use a larger machine"
            raise UserError(f"memory: up to {self.told(largest)}, and {there}: {mend}")
        if asked is not None and fit < len(sums):
            want = (
                f"the {len(sums)} largest trials want {_gb(sums[-1])}, up to {self.told(largest)}"
            )
            raise UserError(f"--max-concurrent {asked}: {want}, and {there}: {fit} fit")
        return fit


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
