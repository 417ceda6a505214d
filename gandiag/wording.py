"""How lists of names and counts of updates read in findings and reports; what of a text from elsewhere is shown."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_SHOWN = 2000  # letters of one text; the longest sentence of ours has some 600
UNSEEN = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)
"""What steers a terminal (ESC and its kin), turns the direction of writing, is not seen, or is no character at all."""


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names in one line, the tail only counted.

    >>> listed("abc"), listed("abc", most=2)
    ('a, b, c', 'a, b and 1 more')
    """
    every = list(names)
    rest = len(every) - most
    return ", ".join(every[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def meant(name: str, known: Iterable[str]) -> str:
    """What to add to "no such ..." where a known name is much like the one that was given; else nothing.

    >>> meant("d/acu", ["d/auc", "d/real/mean"]), meant("mode_collapse", ["mode-collapse"]), meant("x", ["d/auc"])
    ('; did you mean d/auc?', '; did you mean mode-collapse?', '')
    """
    near = difflib.get_close_matches(name, dict.fromkeys(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def shown(text: str, most: int = MOST_SHOWN) -> str:
    r"""A text that may come from anywhere, fit to be shown: characters that are not seen escaped, its middle left out.

    Line ends and tabs stay.

    >>> print(shown("red \x1b[31m and backwards \u202e"))
    red \x1b[31m and backwards \u202e
    >>> shown("a" * 100_000, most=20)
    'aaaaaaaaaa ... 99,980 letters left out ... aaaaaaaaaa'
    """
    over = len(text) - most
    if over > 0:
        text = f"{text[: most // 2]} ... {over:,} letters left out ... {text[-(most // 2) :]}"
    return UNSEEN.sub(_escaped, text)


def one_line(text: str, most: int = MOST_SHOWN) -> str:
    r"""As `shown`, on one line.

    >>> one_line(" two\n lines ")
    'two lines'
    """
    return " ".join(shown(text, most).split())


def pace_in_words(pace: float) -> str:
    """How often D is updated, from its updates per update of G.

    >>> pace_in_words(5)
    'D is updated 5 times per update of G'
    >>> pace_in_words(1)
    'D is updated once per update of G'
    >>> pace_in_words(0.04)
    'G is updated 25 times per update of D'
    """
    first, second, times = ("D", "G", pace) if pace >= 1 else ("G", "D", 1 / pace)
    return f"{first} is updated {'once' if times == 1 else f'{times:.3g} times'} per update of {second}"


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
