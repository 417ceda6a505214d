"""The step that a checkpoint's name carries, as public code bases write it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

STEPS = (
    re.compile(r"(?:step|steps|iter|iters|iteration|it|kimg|snapshot)[=_\-]?(\d+)", re.IGNORECASE),
    re.compile(r"(?:epoch|ep)[=_\-]?(\d+)", re.IGNORECASE),
    re.compile(r"_(\d+)_steps"),
    re.compile(r"(?<!\d)(\d{6,})(?!\d)"),
    re.compile(r"(\d+)(?!.*\d)"),  # the last number
)
SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors", ".bin", ".pt2", ".tar")


def step_of(path: Path) -> tuple[int | None, str]:
    """The step that a checkpoint's name carries, and the name with # in its place; (None, "") where it carries none.

    >>> from pathlib import Path
    >>> step_of(Path("runs/ckpt_004000.pt"))
    (4000, 'runs/ckpt_#.pt')
    >>> step_of(Path("g-epoch=3-step=1200.ckpt"))
    (1200, 'g-epoch=#-step=#.ckpt')
    """
    name = path.name
    for pattern in STEPS:
        if found := pattern.search(path.stem if path.suffix in SUFFIXES else name):
            return int(found[1]), str(path.parent / re.sub(r"\d+", "#", name))
    return None, ""
