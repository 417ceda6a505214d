"""P(D(real) > D(fake)) over steps, where a step has one output of each."""

from __future__ import annotations

import numpy as np

from gandiag.measure.pooling import POOLED_STEPS, Pool


def test_outputs_of_recent_steps_are_compared_in_the_order_of_rows():
    """Also where rows come in groups, and over blocks."""
    pool = Pool()
    real, fake = np.array([[1.0], [0.0], [2.0]]), np.array([[0.5], [0.5], [0.5]])
    groups = [
        ([0, 2], {"d/real": real[[0, 2]], "d/fake": fake[[0, 2]]}),
        ([1], {"d/real": real[[1]], "d/fake": fake[[1]]}),
    ]
    (_, first), (_, second) = pool.add(groups)
    assert first["d/auc"].tolist() == [1, 2 / 3]
    assert second["d/auc"].tolist() == [0.5]
    ((_, later),) = pool.add([([0], {"d/real": fake[:1], "d/fake": fake[:1]})])
    assert later["d/auc"].tolist() == [(2 * 4 + 0.5 * 4) / 16]
    assert pool.used == [""]


def test_what_is_long_past_does_not_count():
    """The last 32 steps."""
    pool = Pool()
    pool.add([([0], {"d/real": np.array([[9.0]]), "d/fake": np.array([[0.0]])})])
    same = np.zeros((POOLED_STEPS, 1))
    ((_, found),) = pool.add([(list(range(POOLED_STEPS)), {"d/real": same, "d/fake": same})])
    assert found["d/auc"][-1] == 0.5
    assert found["d/auc"][0] > 0.5


def test_batches_are_left_to_themselves():
    """Several outputs, or only one kind."""
    pool = Pool()
    many = {"d/real": np.zeros((1, 4)), "d/fake": np.zeros((1, 4))}
    found = pool.add([([0], many), ([1], {"d/fake": np.zeros((1, 1))})])
    assert ["d/auc" in raw for _, raw in found] == [False, False]
    assert pool.used == []
