"""Numbers, pairs of names and numbers, and the step or epoch that a line of text names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf|NaN|Inf)"
PAIR = re.compile(
    r"(?P<key>[A-Za-z][\w/().]*(?: (?:loss|score|Loss|Score|cost|error)\b)?)['\"]?\s?(?:[:=]|\bis\b)\s?"
    rf"[\[(]?(?P<value>{NUMBER})(?![\w/.]*/)(?!\w)(?!:\d)"
)
BELOW = re.compile(rf"\|[\s>|]*(?P<key>[A-Za-z][^:|]*?)\s*:\s*(?P<value>{NUMBER})(?:\s*\([^)]*\))?\s*")
"""A value on a line of its own: `| errD: 1.2`, ` | > loss_disc: 2.3 (2.4)`."""
EPOCH = 10**9  # what stands for the images of an epoch until the longest epoch is known


def pairs_of(text: str) -> Iterator[tuple[str, str]]:
    """Names and numbers, `loss_D: 0.3`, `[D loss: 0.3]`, `d_loss = 0.3`; not what is followed by a slash or a unit."""
    for match in PAIR.finditer(text):
        yield match["key"], match["value"]


_STEP = re.compile(
    r"\b(?:global[ _]step|step|steps|iter|iters|iteration|it|itr|niter)\b\W{0,4}(?P<x>[\d,]*\d)", re.IGNORECASE
)
_EPOCH_BATCH = re.compile(r"(?P<epoch>\d+)/(?P<epochs>\d+)\]?\W{0,3}(?:\w+\W{0,2})?\[?(?P<batch>\d+)/(?P<batches>\d+)")
BAR = re.compile(r"\|\s*(?P<x>\d+)/\d+\s*\[")
EPOCHS = re.compile(r"\bepochs?\b\W{0,4}(?P<x>\d+)", re.IGNORECASE)
_KIMG = re.compile(rf"\bkimg\b\W{{0,4}}(?P<x>{NUMBER})", re.IGNORECASE)


def place_of(line: str) -> tuple[str, float] | None:
    """What a line's x counts, and the x; None where it names none."""
    if found := BAR.search(line):
        return "steps", float(found["x"])
    if found := _EPOCH_BATCH.search(line):
        return "steps", float(int(found["epoch"]) * int(found["batches"]) + int(found["batch"]))
    if found := _STEP.search(line):
        return "steps", float(found["x"].replace(",", ""))
    if found := _KIMG.search(line):
        return "kimg", float(found["x"])
    if found := EPOCHS.search(line):
        return "epochs", float(found["x"])
    return None
