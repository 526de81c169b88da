"""Names of the files of a paper kit."""

from __future__ import annotations

from collections.abc import Sequence

from gensweep.system.file_stems import make_file_stems


def make_kit_stems(identities: Sequence[Sequence[str]]) -> list[str]:
    """Return a stem for each table or figure, without characters that are special to TeX tools.

    Args:
        identities: the sweep, the table or figure, and what else tells the files apart.
    """
    stems = make_file_stems(identities)
    plain = [stem.replace("=", "-").replace("_", "-") for stem in stems]
    # Rarely, two names differ in such a character alone.
    if len({stem.casefold() for stem in plain}) < len(plain):
        return stems
    return plain
