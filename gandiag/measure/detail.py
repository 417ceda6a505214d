"""How often each kind of record is made, at each level of detail."""

from __future__ import annotations

LEVELS: tuple[dict[str, int], ...] = (
    {"layers": 10, "updates": 10, "points": 1, "gradients": 1, "outputs": 1},
    {"layers": 100, "updates": 100, "points": 1, "gradients": 1, "outputs": 1},
    {"layers": 100, "updates": 100, "points": 10, "gradients": 1, "outputs": 1},
    {"layers": 100, "updates": 100, "points": 10, "gradients": 10, "outputs": 1},
    {"layers": 100, "updates": 100, "points": 10, "gradients": 10, "outputs": 10},
)
"""Steps between two records of each kind, from full detail to the least: what detectors need most goes last.

More than ten steps apart, detectors could not follow a signal any more.
"""
