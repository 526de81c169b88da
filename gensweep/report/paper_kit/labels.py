"""The texts that a paper shows for metrics, parameters and models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gensweep.report.results import Results

CAPITALS = frozenset(
    [
        "ae",
        "cae",
        "cnn",
        "fid",
        "gan",
        "kid",
        "kl",
        "lstm",
        "mind",
        "mlp",
        "mse",
        "psnr",
        "rgb",
        "ssim",
        "vae",
        "vgg",
    ]
)
"""Words that are abbreviations."""
SPLIT_PREFIX = "(?:train|validation|test)/"
"""Before the name of a metric, which is then no ordinary word."""
WORDS = frozenset(("mind",))
"""Abbreviations that are ordinary words, too."""
LONGER_WORDS = {
    "lr": "learning rate",
    "char": "character",
    "std": "s.d.",
    "wasserstein": "Wasserstein",
}


class Labels:
    """The texts for the names of a sweep: the author's own, else the name in plain words.

    Args:
        names: metrics, parameters and models.
        chosen: name -> text, of the sweep and of the command line.
    """

    def __init__(
        self, names: Iterable[str], chosen: Mapping[str, str]
    ) -> None:
        self.chosen = dict(chosen)
        self._names = sorted({*names, *chosen}, key=len, reverse=True)
        # A name of one plain word may be an ordinary word of a sentence.
        special = [
            name
            for name in self._names
            if not name.isalpha() or name in LONGER_WORDS or _is_short(name)
        ]
        self._pattern = re.compile(
            rf"(?<![\w/-])(?:{SPLIT_PREFIX}{_join(self._names)}"
            rf"|{_join(special)})(?![\w/-])"
        )

    def get(self, name: str) -> str:
        """Return the text for a name."""
        if name in self.chosen:
            return self.chosen[name]
        split, slash, metric = name.partition("/")
        if slash:
            return f"{split} {self.get(metric)}"
        return spell_name(name)

    def write(self, text: str) -> str:
        """Return a sentence with the texts for the names in it."""
        return self._pattern.sub(lambda match: self.get(match[0]), text)


def _is_short(name: str) -> bool:
    """Return whether a name is an abbreviation, and no word of English."""
    return name.lower() in CAPITALS and name.lower() not in WORDS


def _join(names: Iterable[str]) -> str:
    """Return a pattern for any of these names, or for nothing if there is none."""
    joined = "|".join(map(re.escape, names))
    return f"(?:{joined or '(?!)'})"


def spell_name(name: str) -> str:
    """Return a name in plain words: ``char_accuracy`` becomes ``character accuracy``."""
    words = []
    for word in name.replace("_", " ").split():
        if word.lower() in CAPITALS:
            words.append(word.upper())
        else:
            words.append(LONGER_WORDS.get(word, word))
    return " ".join(words)


def make_labels(results: Results, chosen: Mapping[str, str]) -> Labels:
    """Return the texts for a sweep; what its tables say of labels counts unless chosen anew."""
    names = {*results.metrics, *results.models}
    for params in results.params.values():
        names.update(params)
    labels: dict[str, str] = {}
    for choice in results.sweep.table_choices.values():
        labels |= choice.labels
    return Labels(names, labels | dict(chosen))


def capitalize(text: str) -> str:
    """Return a text with a capital letter first; the other letters stay."""
    return text[:1].upper() + text[1:]
