"""Names of values and datasets on the page, in tables, in file names and for `--filter`.

Two different things never get the same name. A name is as plain as that allows. It changes only if
something with the same name is added: a number then gets more digits, and everything else gets a
short digest of its content.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import PurePath
from typing import Any, TypeVar

from gensweep.system.lookalikes import fold_lookalikes
from gensweep.system.text import replace_surrogates

PINNED = re.compile(r"([a-z]+):sha256-([0-9a-f]{16})")
"""The user's own data, as a point knows it: the scheme, and a digest of the content."""
MIN_DIGITS = 6
"""Significant digits of every number."""
MAX_DIGITS = 16
"""Significant digits that are tried before a number is written in full."""
_FIRST_DIGEST_LENGTH = 6
_DIGEST_STEP = 2
INVISIBLE_CATEGORIES = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
"""Unicode categories that a line of text cannot show, or that change the direction of writing."""
_JOINERS = "\u200c\u200d"
"""Two invisible characters that emoji and letters of some scripts need."""
_NAME_AT_DIGEST = re.compile(r"(.+)@([0-9a-f]{4,16})")
Key = TypeVar("Key", bound=Hashable)


class Names:
    """The names of the values that a sweep's parameters have.

    Args:
        values: parameter -> every value that it has in the sweep, in any order, with repetitions.
        places: pinned data -> the path of its folder or file, as far as that is known.
    """

    def __init__(
        self, values: Mapping[str, Iterable[Any]], places: Mapping[str, str]
    ) -> None:
        self._places = places
        # Parameter -> key of a value -> the value, or its name.
        self._values: dict[str, dict[str, Any]] = {}
        self._texts: dict[str, dict[str, str]] = {}
        for name, items in values.items():
            by_key = {_get_key(value): value for value in items}
            self._values[name] = by_key
            self._texts[name] = _name_values(by_key, places)

    @classmethod
    def from_cells(
        cls, cells: Iterable[Mapping[str, Any]], places: Mapping[str, str]
    ) -> Names:
        """Return the names of the values in some cells' parameters."""
        values: dict[str, dict[Hashable, Any]] = {}
        for params in cells:
            for name, value in params.items():
                # Much cheaper than the JSON key, for a sweep of many cells with few values.
                key = (
                    (type(value), value)
                    if isinstance(value, Hashable)
                    else repr(value)
                )
                values.setdefault(name, {})[key] = value
        return cls(
            {name: items.values() for name, items in values.items()}, places
        )

    def get_text(self, parameter: str, value: Any) -> str:
        """Return the name of a value; no other value of the parameter has it."""
        text = self._texts.get(parameter, {}).get(_get_key(value))
        return format_value(value) if text is None else text

    def get_value(self, parameter: str, text: str) -> Any:
        """Return the value with a name; the text itself if no value has it."""
        for key, name in self._texts.get(parameter, {}).items():
            if name == text:
                return self._values[parameter][key]
        return text

    def find(self, parameter: str, typed: str, parsed: Any) -> list[Any]:
        """Return the values that a user means by a text: none, one, or a few that differ in case.

        Args:
            parameter: the parameter.
            typed: a name, in any case; that of a dataset may have a digest after `@`.
            parsed: the text as a value: a number, none, true, false, or pinned data.
        """
        values = self._values.get(parameter, {})
        texts = self._texts.get(parameter, {})
        folded = typed.casefold()
        # From the strictest test to the loosest; the first that matches anything decides.
        tests: tuple[Callable[[str], bool], ...] = (
            lambda key: texts[key] == typed,
            lambda key: is_same(values[key], parsed),
            lambda key: self._has_digest(values[key], typed),
            lambda key: texts[key].casefold() == folded,
            lambda key: (
                isinstance(values[key], str)
                and values[key].casefold() == folded
            ),
        )
        for is_meant in tests:
            matches = [values[key] for key in values if is_meant(key)]
            if matches:
                return matches
        return []

    def _has_digest(self, value: Any, typed: str) -> bool:
        """Return whether a text is the name of the user's data, `@`, and a start of its digest."""
        parts = _NAME_AT_DIGEST.fullmatch(typed)
        pinned = _match_pinned(value)
        if parts is None or pinned is None:
            return False
        return parts[1] == _get_base_name(value, self._places) and pinned[
            2
        ].startswith(parts[2])


def format_value(value: Any) -> str:
    """Return a value as a person writes it, even if another value looks the same."""
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.{MIN_DIGITS}g}"
    return make_visible(str(value))


def make_visible(text: str) -> str:
    r"""Return text in one line that is visible: control characters become ``\u000a``."""
    return "".join(
        _make_visible_character(char) for char in replace_surrogates(text)
    )


def _make_visible_character(char: str) -> str:
    if (
        unicodedata.category(char) not in INVISIBLE_CATEGORIES
        or char in _JOINERS
    ):
        return char
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"


def get_display_name(pinned: str, path: str) -> str:
    """Return `folder:faces` for a folder `faces`; `rijksmuseum` for the folder with that name."""
    scheme = pinned.partition(":")[0]
    name = make_visible(PurePath(path).name)
    return scheme if name == scheme else f"{scheme}:{name}"


def is_same(first: Any, second: Any) -> bool:
    """Return whether two values are equal: 1 is 1.0, but 1 is not true."""
    singletons = (None, True, False)
    if any(first is value or second is value for value in singletons):
        return first is second
    return first == second


def _match_pinned(value: Any) -> re.Match[str] | None:
    return PINNED.fullmatch(value) if isinstance(value, str) else None


def _name_values(
    values: Mapping[str, Any], places: Mapping[str, str]
) -> dict[str, str]:
    """Return the name of each value, by its key."""
    numbers = _format_numbers(
        [value for value in values.values() if isinstance(value, float)]
    )
    bases = {}
    for key, value in values.items():
        if isinstance(value, float):
            bases[key] = numbers[value]
        else:
            bases[key] = _get_base_name(value, places)
    digests = {
        key: _compute_digest(key, value) for key, value in values.items()
    }
    return make_distinct(bases, digests, _get_appearance, "@")


def _get_base_name(value: Any, places: Mapping[str, str]) -> str:
    """Return the name of a value if nothing else has the same name."""
    if isinstance(value, str) and value in places and PINNED.fullmatch(value):
        return get_display_name(value, places[value])
    return format_value(value)


def _compute_digest(key: str, value: Any) -> str:
    """Return hexadecimal digits that no other value has.

    For the user's data, they start with the digits in its pinned text.
    """
    pinned = _match_pinned(value)
    digest = sha256(key.encode()).hexdigest()
    if pinned:
        return pinned[2] + digest
    return digest


def _format_numbers(values: Sequence[float]) -> dict[float, str]:
    """Return each number with as many digits as distinguish it from the others."""
    texts = {value: f"{value:.{MIN_DIGITS}g}" for value in values}
    for digits in range(MIN_DIGITS + 1, MAX_DIGITS + 2):
        counts = Counter(texts.values())
        ambiguous = [
            value for value, text in texts.items() if counts[text] > 1
        ]
        for value in ambiguous:
            if digits <= MAX_DIGITS:
                texts[value] = f"{value:.{digits}g}"
            else:
                texts[value] = repr(value).removesuffix(".0")
    return texts


def make_distinct(
    bases: Mapping[Key, str],
    digests: Mapping[Key, str],
    get_comparable: Callable[[str], str],
    separator: str,
) -> dict[Key, str]:
    """Return each name, with as much of its digest as makes all names distinct.

    Args:
        bases: key -> the name without a digest.
        digests: key -> its digest; no two are equal.
        get_comparable: returns equal texts for names that must not both be used.
        separator: what stands between a name and its digest.
    """
    lengths = dict.fromkeys(bases, 0)
    while True:
        names = {}
        for key, base in bases.items():
            digest = digests[key][: lengths[key]]
            names[key] = base
            if digest:
                names[key] += f"{separator}{digest}"
        counts = Counter(map(get_comparable, names.values()))
        ambiguous = [
            key
            for key, name in names.items()
            if counts[get_comparable(name)] > 1
        ]
        if not ambiguous:
            return names
        for key in ambiguous:
            if lengths[key]:
                lengths[key] += _DIGEST_STEP
            else:
                lengths[key] = _FIRST_DIGEST_LENGTH


def _get_appearance(text: str) -> str:
    """Return the same text for all texts that a reader cannot distinguish."""
    normal = unicodedata.normalize("NFKC", text)
    visible = "".join(
        char for char in normal if unicodedata.category(char) != "Cf"
    )
    return fold_lookalikes(" ".join(visible.split()))


def _get_key(value: Any) -> str:
    """Return the same text for equal values only: 1 is 1.0, but neither true nor "1"."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True, default=repr)
