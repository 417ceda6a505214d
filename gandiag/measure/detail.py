"""How often each kind of record is made: in rounds of the game, from every round to every eighth."""

from __future__ import annotations

PLANS: tuple[dict[str, int], ...] = tuple(
    {"outputs": often, "gradients": often, "points": points, "updates": updates, "layers": layers}
    for often, points, updates, layers in (
        (1, 1, 10, 10),
        (1, 2, 10, 10),
        (2, 2, 16, 8),
        (2, 4, 16, 8),
        (4, 4, 16, 8),
        (4, 8, 24, 8),
        (8, 8, 24, 8),
    )
)
"""Rounds between two records of each kind, from full detail to the least that detectors work with.

D's outputs and gradients are read together. What changes slowly is rare in all of them: norms by layer, and sizes of
updates, ranges of batches and distances over those of latents, which take more calls than all else together. Rarer
intervals are multiples of the others, so that they fall on rounds in which the rest is recorded, too.
"""
NAMES = {
    "outputs": "D's outputs",
    "gradients": "gradients",
    "points": "samples",
    "updates": "sizes of updates",
    "layers": "norms by layer",
}
"""What people call the kinds."""


def in_words(every: dict[str, int]) -> str:
    """Which kind of record is made how often.

    >>> in_words(PLANS[1])
    "D's outputs and gradients every round, samples every 2 rounds, sizes of updates and norms by layer every 10 rounds"
    """
    kinds: dict[int, list[str]] = {}
    for kind, rounds in every.items():
        kinds.setdefault(rounds, []).append(NAMES.get(kind, kind))
    often = {rounds: "round" if rounds == 1 else f"{rounds:,} rounds" for rounds in kinds}
    return ", ".join(f"{_listed(names)} every {often[rounds]}" for rounds, names in sorted(kinds.items()))


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
