"""How often D is updated per step, counted from the updates themselves."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gandiag.probes.pace import Pace

D = SimpleNamespace(name="discriminator")


def paces(updates):
    """The pace at the end of each step, from the optimizers that update D in it; None where it is not known."""
    pace, found = Pace(), []
    for step, optimizers in enumerate(updates, start=1):
        for optimizer in optimizers:
            pace.updated(optimizer, [D], step)
        row = {}
        pace.put(row, step)
        found.append(row.get("scalar/pace/discriminator"))
    return found


@pytest.mark.parametrize(
    ("updates", "expected"),
    [
        ([[1]] * 4, [None, 1, 1, 1]),
        ([[1] * 5] * 3, [None, 5, 5]),
        ([[1], [], []] * 3, [None, None, None, 1 / 3, 1 / 3, 1 / 3, 1 / 3, 1 / 3, 1 / 3]),
        ([[1, 2]] * 3, [None, 1, 1]),  # two optimizers for two parts of D
        ([[1], [1], [], [], []], [None, 1, 1, 1 / 2, 1 / 3]),  # and no more
    ],
)
def test_the_latest_rhythm_is_exact_in_every_step(updates, expected):
    """Also in steps in which D is not updated."""
    assert paces(updates) == expected
