"""The raw records of D's calls: how they are named, and which of a call's samples they hold.

Of each call of D that an update used, the training thread records what D answered and how the loss pulled at it,
without saying what D had been given: `gandiag.measure.attribution` tells that from many steps. Keys are

    seen<.D>/<call>[.<output>]:<origin>/<part>     calls that D's own update used
    asked<.D>/<call>[.<output>]:<origin>/<part>    calls that G's update used

with a number for each call, and for each output where D returns several. Of several updates of D in one step the
calls of the first kept one are numbered from 0 on, those of the next from SLOTS on. The origins:

    direct, derived    what G made, by its memory or by autograd
    mixed              holds samples of G among others
    plain              anything else
    watched            a call that no loss used, of a D that is not trained in this step
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    Raw = Mapping[str, np.ndarray]

SEEN, ASKED = "seen", "asked"
GENERATED = ("direct", "derived")
"""Origins that are known to be G's."""
SLOTS = 100
"""Calls of one update of D have numbers of their own, from a multiple of this on."""
MAX_OUTPUTS = 256
"""Outputs of D per call and step."""
MAX_POINTS = 32
"""Samples per batch and step behind the diversity measures."""
MORE_POINTS = 64
"""Samples per batch where they are not recorded in every round: coverage is counted over all of them."""
_KEY = re.compile(
    rf"(?P<role>{SEEN}|{ASKED})(?P<own>(\.\w+)?)/(?P<call>\d+)(\.(?P<output>\d+))?:(?P<origin>\w+)/(?P<part>\w+)"
)


@dataclass
class Answer:
    """One output of one call, over k steps."""

    outputs: np.ndarray  # (k, b)
    pull: np.ndarray  # (k, b), zeros where nothing was pulled
    made: np.ndarray | None = None  # (k, b) true for samples that hold G's values
    single: np.ndarray | None = None  # (k, 2, n) some outputs and pulls of many for each sample, as patches are


@dataclass
class Calls:
    """One call of D, over k steps: its answers by output, and views of its batch."""

    role: str
    own: str  # the suffix of its D
    number: int
    origin: str
    answers: dict[int, Answer] = field(default_factory=dict)
    views: dict[str, np.ndarray] = field(default_factory=dict)  # points, labels, range, and other_... of the argument

    @property
    def slot(self) -> int:
        """Which of the step's updates of D it belongs to, in their order."""
        return self.number // SLOTS

    @property
    def generated(self) -> bool:
        """Whether all of it is known to be G's."""
        return self.origin in GENERATED


def read(raw: Raw) -> list[Calls]:
    """The calls in a group of rows, in their order."""
    found: dict[tuple[str, str, int], Calls] = {}
    parts: dict[tuple[tuple[str, str, int], int], dict[str, np.ndarray]] = {}
    for key, values in raw.items():
        if (match := _KEY.fullmatch(key)) is None:
            continue
        where = match["role"], match["own"], int(match["call"])
        call = found.setdefault(where, Calls(*where, origin=match["origin"]))
        if match["part"] in ("outputs", "pull", "made", "single"):
            parts.setdefault((where, int(match["output"] or 0)), {})[match["part"]] = values
        else:
            call.views[match["part"]] = values
    for (where, output), of in parts.items():
        if "outputs" in of:
            pull = of.get("pull", np.zeros_like(of["outputs"])).astype(np.float64)
            made = of["made"].astype(bool) if "made" in of else None
            found[where].answers[output] = Answer(of["outputs"], pull, made, of.get("single"))
    return [found[where] for where in sorted(found)]


def is_call(key: str) -> bool:
    """Whether a raw key belongs to a call of D."""
    return _KEY.fullmatch(key) is not None


def renumbered(key: str, slot: int) -> str:
    """The key of a call with its number in another slot.

    >>> renumbered("seen/101:plain/outputs", 0)
    'seen/1:plain/outputs'
    """
    head, _, tail = key.partition("/")
    number = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    return f"{head}/{slot * SLOTS + int(number) % SLOTS}{tail.removeprefix(number)}"


def kept(size: int, limit: int) -> np.ndarray:
    """Which samples of a batch of `size` are recorded where there are more than `limit`: the first and the last.

    A batch may hold reals in one half and generated samples in the other.

    >>> kept(10, 4)
    array([0, 1, 8, 9])
    """
    if size <= limit:
        return np.arange(size)
    half = limit // 2
    return np.concatenate([np.arange(limit - half), np.arange(size - half, size)])


def kept_points(size: int, points: int) -> np.ndarray:
    """Of the recorded outputs of a batch of `size`, those whose samples are recorded as so many points."""
    return kept(min(size, MAX_OUTPUTS), points)
