"""Random games: D's outputs are attributed as they were where D was called, or they are absent, or the user is told."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_games import AUGMENTED, JOINED, OF_D, REACHING, REPLAYED, Play, Rules

import gandiag

STEPS = 40
GAMES = int(os.environ.get("GANDIAG_GAMES", "60"))
RIGHT = 0.995

RULES = st.builds(
    Rules,
    loss=st.sampled_from(sorted(OF_D)),
    up=st.booleans(),
    n_critic=st.sampled_from([1, 1, 2, 5]),
    batches=st.sampled_from([1, 1, 1, 3]),
    reals_first=st.booleans(),
    generator_first=st.sampled_from([False, False, True]),
    reaching=st.sampled_from(REACHING),
    augmented=st.sampled_from(AUGMENTED),
    replayed=st.sampled_from(REPLAYED),
    joined=st.sampled_from(["no", *JOINED]),
    penalty_first=st.booleans(),
    lr=st.sampled_from([1e-4, 1e-3, 1e-2]),
    flushed_at=st.sampled_from([0, 0, 0, 1, 7, 20]),
    seed=st.integers(0, 10**6),
)


def attributed(rules: Rules) -> tuple[Counter[str], list[str], list[int]]:
    """Rows that are right, absent and wrong; what was told; which are wrong."""
    with tempfile.TemporaryDirectory() as folder:
        options = {"run_dir": Path(folder) / "run", "max_overhead": None, "alerts": False, "judge_every": 10**6}
        callbacks = []

        def attach(generator, discriminator):
            callbacks.append(gandiag.attach(generator, discriminator, **options))
            return callbacks[-1]

        truth = list(islice(Play(rules).rounds(attach), STEPS))
        callbacks[0].close()
        run = gandiag.Run.open(options["run_dir"])
    means = np.array([[float(of.mean()) for of in pair] for pair in truth])
    steps = np.arange(1, STEPS + 1)
    recorded = np.stack(
        [
            run.series(f"d/{kind}/mean").reindex(steps).to_numpy()
            if f"d/{kind}/mean" in run.scalars
            else np.full(STEPS, np.nan)
            for kind in ("real", "fake")
        ],
        axis=1,
    )
    same = np.isclose(recorded, means, rtol=1e-4, atol=1e-5)
    right, absent = same.all(axis=1), np.isnan(recorded).all(axis=1)
    wrong = ~right & ~absent
    found = Counter(right=int(right.sum()), absent=int(absent.sum()), wrong=int(wrong.sum()))
    return found, [fault["message"] for fault in run.meta["faults"]], (1 + np.flatnonzero(wrong)).tolist()


@pytest.mark.slow
def test_attribution_agrees_with_the_call_sites():
    """At least 99.5 % of all rows are right; no row is wrong without a word."""
    torch.set_num_threads(1)
    rows: Counter[str] = Counter()

    @settings(
        max_examples=GAMES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(RULES)
    def play(rules: Rules) -> None:
        found, told, wrong = attributed(rules)
        rows.update(found)
        assert told or not wrong, f"steps {wrong} are wrong and nothing was said: {rules}"

    play()
    assert rows["right"] >= RIGHT * rows.total(), rows
