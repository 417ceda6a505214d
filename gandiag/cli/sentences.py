"""Lists what users are told, by the file that says it: `python -m gandiag.cli.sentences [ROOM ...]`.

For reading aloud: a sentence that one stumbles over is rewritten where it stands. Values that a sentence is filled with
stand in braces. Docstrings are left out, but for those of detectors, which `gandiag explain` prints.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import gandiag
import gandiag.detectors
import gandiag.reports

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FEWEST_WORDS = 4
CODE = ("^", "\\", "=", "<", "def ", "://", "::")  # what markup, patterns and code hold, and hardly any sentence


def sentences(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every text in a module that reads as a sentence, in order.

    >>> list(sentences('raise ValueError(f"expected a number, found {value!r}")'))
    [(1, 'expected a number, found {value}')]
    """
    tree = ast.parse(source)
    skipped = {id(text) for node in ast.walk(tree) for text in _skipped(node)}
    found = [
        (node.lineno, text)
        for node in ast.walk(tree)
        if isinstance(node, ast.expr)
        and id(node) not in skipped
        and (text := _text(node))
        and len(text.split()) >= FEWEST_WORDS
    ]
    yield from sorted((line, text) for line, text in found if not any(mark in text for mark in CODE))


def _skipped(node: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, and the parts of a text that is filled with values."""
    if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and node.body:
        first = node.body[0]
        if isinstance(first, ast.Expr):
            yield first.value
    if isinstance(node, ast.Expr):
        yield node.value  # what is said of a constant
    if isinstance(node, ast.JoinedStr):
        yield from node.values


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return " ".join(node.value.split())
    if isinstance(node, ast.JoinedStr):
        parts = (v.value if isinstance(v, ast.Constant) else "{" + _value(v) + "}" for v in node.values)
        return " ".join("".join(str(part) for part in parts).split())
    return ""


def _value(node: ast.AST) -> str:
    return ast.unparse(node.value) if isinstance(node, ast.FormattedValue) else "..."


def main(rooms: Iterable[str]) -> None:
    """Print the sentences of some rooms, or of all."""
    homes = [Path(str(m.__file__)).parent for m in (gandiag, gandiag.detectors, gandiag.reports)]
    wanted = set(rooms)
    for home in homes:
        for path in sorted(home.rglob("*.py")):
            room = path.parent.name if path.parent != home else home.name
            found = list(sentences(path.read_text(encoding="utf-8"))) if not wanted or room in wanted else []
            for line, text in found:
                safe = text.encode("ascii", "backslashreplace").decode()
                sys.stdout.write(f"{home.name}/{path.relative_to(home)}:{line}: {safe}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
