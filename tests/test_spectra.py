"""Signals of weights, against numpy's singular values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gandiag.measure.spectra import effective_rank, singular_values, weight_signals
from gandiag.probes.weights import gram, share_at_bound


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (6, 6)])
def test_singular_values_come_back_from_the_product(shape):
    """Of wide, tall and square matrices."""
    weights = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = singular_values(gram(weights).numpy()[None])[0]
    np.testing.assert_allclose(np.sort(found)[::-1], np.linalg.svd(weights.numpy())[1], rtol=1e-4, atol=1e-5)


def test_effective_rank_of_known_spectra():
    """n equal values: n. One value: 1. Half and half of two sizes lies between."""
    assert effective_rank(np.ones((1, 7)))[0] == pytest.approx(7)
    assert effective_rank(np.array([[3.0, 0, 0]]))[0] == pytest.approx(1)
    assert 1 < effective_rank(np.array([[1.0, 0.1]]))[0] < 2


def test_signals_average_ranks_and_take_the_largest_value():
    """Two matrices: one of full rank, one of rank one and norm 3."""
    raw = {"gram/generator/a": np.eye(4)[None], "gram/generator/b": np.diag([9.0, 0.0])[None]}
    found = weight_signals(raw)
    assert found["weights/generator/effective_rank"][0] == pytest.approx((1 + 0.5) / 2)
    assert found["weights/generator/sigma_max"][0] == pytest.approx(3)


def test_weights_that_are_no_numbers_have_no_spectrum():
    """NaN, and no exception in the background thread."""
    found = weight_signals({"gram/generator/a": np.full((1, 2, 2), np.nan)})
    assert np.isnan(found["weights/generator/sigma_max"]).all()


def test_clipped_weights_lie_at_their_bound():
    """Nearly all of clip(N(0, 1), 0.001), one of each matrix without clipping."""
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(40, 50, generator=generator) for _ in range(2)]
    assert share_at_bound([w.clamp(-1e-3, 1e-3) for w in weights]) > 0.99
    assert share_at_bound(weights) == pytest.approx(2 / 4000)
