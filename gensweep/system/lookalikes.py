"""Letters of other scripts that look like Latin letters.

A reader of a page cannot tell them apart in most fonts. Unicode's UTS 39 lists far more; these are
the letters that a keyboard layout of another language types in place of a Latin one.
"""

from __future__ import annotations

_CYRILLIC = (
    "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456\u0458\u0455"
    "\u04bb\u0501\u051b\u051d\u04cf\u0410\u0412\u0415\u041a\u041c"
    "\u041d\u041e\u0420\u0421\u0422\u0425\u0423\u0406\u0408\u0405"
    "\u04c0"
)
_CYRILLIC_AS_LATIN = "aceopxyijshdqwlABEKMHOPCTXYIJSl"
_GREEK = (
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f"
    "\u03a1\u03a4\u03a5\u03a7\u03bf\u03bd\u03b1\u03b9\u03c1\u03c5"
    "\u03b3\u03c9\u03ba"
)
_GREEK_AS_LATIN = "ABEZHIKMNOPTYXovaipuywk"
_AS_LATIN = str.maketrans(
    _CYRILLIC + _GREEK, _CYRILLIC_AS_LATIN + _GREEK_AS_LATIN
)


def fold_lookalikes(text: str) -> str:
    """Return the text with Latin letters in place of others that look the same."""
    return text.translate(_AS_LATIN)
