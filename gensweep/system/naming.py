"""Names: what a value, a dataset or a file is called on the page, in tables, in file names and by `--filter`.

Two things that differ never get one name. A name is as plain as that allows, and a new sibling changes it only where
the two would be called alike: numbers then get more digits, all else gets a short digest of what it is.
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

from gensweep.system.text import replace_surrogates

PINNED = re.compile(r"([a-z]+):sha256-([0-9a-f]{16})")
"""Data of the user's own, as a point knows it: the scheme, and a digest of the content."""
MIN_DIGITS, MAX_DIGITS = 6, 16
"""Significant digits of a number: as many as every one has, and as many as are tried before all of them are shown."""
MAX_STEM_LENGTH = 100
"""Characters of a file's stem; one that would be longer is cut, and ends in a digest."""
_LONGEST_ID = 200
_FIRST_DIGEST, _MORE_DIGEST = 6, 2
_UNSAFE = re.compile(r"[^A-Za-z0-9._=+]")
_UNSEEN = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
"""Unicode categories of what a line of text cannot show, or what changes the direction of the rest."""
_JOINERS = "\u200c\u200d"
"""Two of them that letters of some scripts need, and emoji."""
_AT_DIGEST = re.compile(r"(.+)@([0-9a-f]{4,16})")
Key = TypeVar("Key", bound=Hashable)


class Names:
    """What the values of a sweep's parameters are called.

    Args:
        values: parameter -> every value that it has in the sweep, in any order and as often as it comes.
        places: pinned data -> the path of the folder or file that holds it, as far as that is known.
    """

    def __init__(self, values: Mapping[str, Iterable[Any]], places: Mapping[str, str]) -> None:
        self._values = {
            name: {_key(value): value for value in found} for name, found in values.items()
        }
        self._texts = {name: _texts(found, places) for name, found in self._values.items()}
        self._places = places

    @classmethod
    def from_cells(cls, cells: Iterable[Mapping[str, Any]], places: Mapping[str, str]) -> Names:
        """Return the names of the values in some cells' parameters."""
        values: dict[str, dict[Hashable, Any]] = {}
        for params in cells:
            for name, value in params.items():
                key = (type(value), value) if isinstance(value, Hashable) else repr(value)
                values.setdefault(name, {})[key] = value
        return cls({name: found.values() for name, found in values.items()}, places)

    def get_text(self, parameter: str, value: Any) -> str:
        """Return what a value is called, which no other value of the parameter is called."""
        text = self._texts.get(parameter, {}).get(_key(value))
        return format_value(value) if text is None else text

    def get_value(self, parameter: str, text: str) -> Any:
        """Return the value that has a name; the text itself where it is nobody's name."""
        for key, name in self._texts.get(parameter, {}).items():
            if name == text:
                return self._values[parameter][key]
        return text

    def find(self, parameter: str, typed: str, parsed: Any) -> list[Any]:
        """Return the values that a person means by a text: none, one, or those that differ in upper case alone.

        Args:
            parameter: whose values.
            typed: a name as it is shown, whatever the case; a dataset's may have a digest after `@` in any case.
            parsed: the text as a value of its own: a number, none, true, false, or pinned data.
        """
        values, texts = self._values.get(parameter, {}), self._texts.get(parameter, {})
        ways: tuple[Callable[[str], bool], ...] = (
            lambda key: texts[key] == typed,
            lambda key: is_same(values[key], parsed),
            lambda key: self._is_by_digest(values[key], typed),
            lambda key: texts[key].casefold() == typed.casefold(),
            lambda key: isinstance(values[key], str) and values[key].casefold() == typed.casefold(),
        )
        for is_meant in ways:
            if meant := [values[key] for key in values if is_meant(key)]:
                return meant
        return []

    def _is_by_digest(self, value: Any, typed: str) -> bool:
        """Whether a text names the user's data by its folder and the beginning of its digest."""
        parts = _AT_DIGEST.fullmatch(typed)
        pinned = PINNED.fullmatch(value) if isinstance(value, str) else None
        if parts is None or pinned is None:
            return False
        return parts[1] == _base(value, self._places) and pinned[2].startswith(parts[2])


def format_value(value: Any) -> str:
    """Return a value as a person writes it, without regard to others that may look like it."""
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.{MIN_DIGITS}g}"
    return make_visible(str(value))


def make_visible(text: str) -> str:
    """Return text in one line that can be seen: a control character or a change of direction by its number."""
    return "".join(_seen(char) for char in replace_surrogates(text))


def _seen(char: str) -> str:
    if unicodedata.category(char) not in _UNSEEN or char in _JOINERS:
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def get_display_name(pinned: str, place: str) -> str:
    """Return `folder:faces` for a folder of that name; `rijksmuseum` for one that lies where it always does."""
    scheme, name = pinned.partition(":")[0], make_visible(PurePath(place).name)
    return scheme if name == scheme else f"{scheme}:{name}"


def is_same(one: Any, other: Any) -> bool:
    """Return whether two values are equal: 1 is 1.0, and not true."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    return one == other


def make_file_stem(*parts: str) -> str:
    """Return a file's stem from a page's name and what tells its files apart; see `make_file_stems`."""
    return make_file_stems([parts])[0]


def make_file_stems(identities: Iterable[Sequence[str]]) -> list[str]:
    """Return a file's stem for each identity; two identities that differ have stems that every file system tells apart.

    A stem is of ASCII letters, digits, and `._=+-`, at most about `MAX_STEM_LENGTH` long. It is readable as far as the
    identity is. Stems that are alike, or differ in upper case alone, end in a digest each.

    Args:
        identities: the page's name, then what tells its files apart; empty parts do not count.
    """
    wanted = [tuple(part for part in parts if part) for parts in identities]
    stems = {parts: "-".join(_UNSAFE.sub("_", part) for part in parts) for parts in wanted}
    digests = {parts: sha256(json.dumps(parts).encode()).hexdigest() for parts in wanted}
    for parts, stem in stems.items():
        if len(stem) > MAX_STEM_LENGTH:
            stems[parts] = f"{stem[:MAX_STEM_LENGTH]}-{digests[parts][:8]}"
    apart = _apart(stems, digests, str.casefold, "-")
    return [apart[parts] for parts in wanted]


def is_file_name(text: str) -> bool:
    """Return whether a text from a file can be the name of one file or folder here, and leads nowhere else."""
    has_unseen = any(unicodedata.category(char) in _UNSEEN for char in text)
    is_long = len(text.encode(errors="replace")) > _LONGEST_ID
    return bool(text) and not (
        text.startswith(".") or "/" in text or "\\" in text or has_unseen or is_long
    )


def _texts(values: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, str]:
    """Return each value's name, by its key."""
    numbers = _numbers([value for value in values.values() if isinstance(value, float)])
    bases = {
        key: numbers[value] if isinstance(value, float) else _base(value, places)
        for key, value in values.items()
    }
    return _apart(bases, {key: _digest(key, value) for key, value in values.items()}, _look, "@")


def _base(value: Any, places: Mapping[str, str]) -> str:
    """Return a value's name where nothing else is called alike."""
    if isinstance(value, str) and value in places and PINNED.fullmatch(value):
        return get_display_name(value, places[value])
    return format_value(value)


def _digest(key: str, value: Any) -> str:
    """Return hexadecimal digits that no other value has; of the user's data those that a point knows it by first."""
    pinned = PINNED.fullmatch(value) if isinstance(value, str) else None
    return (pinned[2] if pinned else "") + sha256(key.encode()).hexdigest()


def _numbers(values: Sequence[float]) -> dict[float, str]:
    """Return each number with as many digits as tell it from the others."""
    texts = {value: f"{value:.{MIN_DIGITS}g}" for value in values}
    for digits in range(MIN_DIGITS + 1, MAX_DIGITS + 2):
        counts = Counter(texts.values())
        for value in [value for value, text in texts.items() if counts[text] > 1]:
            all_of_it = repr(value).removesuffix(".0")
            texts[value] = f"{value:.{digits}g}" if digits <= MAX_DIGITS else all_of_it
    return texts


def _apart(
    bases: Mapping[Key, str], digests: Mapping[Key, str], alike: Callable[[str], str], mark: str
) -> dict[Key, str]:
    """Return each name, with as much of its digest as it takes that no two are alike."""
    lengths = dict.fromkeys(bases, 0)
    while True:
        names = {
            key: base + (mark + digests[key][: lengths[key]]) * bool(lengths[key])
            for key, base in bases.items()
        }
        counts = Counter(map(alike, names.values()))
        crowded = [key for key, name in names.items() if counts[alike(name)] > 1]
        if not crowded:
            return names
        for key in crowded:
            lengths[key] = lengths[key] + _MORE_DIGEST if lengths[key] else _FIRST_DIGEST


def _look(text: str) -> str:
    """Return what is equal for texts that a reader cannot tell apart."""
    shown = "".join(
        char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf"
    )
    return " ".join(shown.split())


def _key(value: Any) -> str:
    """Return text that is equal for equal values and for no others: 1 is 1.0, and neither true nor "1"."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True, default=repr)
