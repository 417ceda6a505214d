"""The batched reductions against naive five-line versions, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist
from scipy.stats import mannwhitneyu

from gandiag.measure.pairwise import mean_of_pairs, nearest, pairwise
from gandiag.measure.reductions import UNUSED, auc, gradient_signals, output_signals, reduce_block


def test_auc_is_the_mann_whitney_statistic_with_ties_at_half():
    """Against scipy, on outputs rounded so that ties occur; direction: real above fake is 1."""
    rng = np.random.default_rng(0)
    real, fake = rng.normal(0.5, 1, (20, 33)).round(1), rng.normal(0, 1, (20, 21)).round(1)
    expected = [mannwhitneyu(r, f).statistic / (33 * 21) for r, f in zip(real, fake, strict=True)]
    np.testing.assert_allclose(auc(real, fake), expected)
    assert auc(np.array([[2.0, 3.0]]), np.array([[0.0, 1.0]])) == 1.0
    assert auc(np.array([[1.0]]), np.array([[1.0]])) == 0.5
    assert np.isnan(auc(np.array([[np.nan]]), np.array([[1.0]]))).all()


def test_spread_equals_pairwise_distances():
    """Mean pairwise and median nearest distance against scipy, for several steps at once."""
    points = np.random.default_rng(0).normal(3, 2, (5, 20, 7))
    distances = pairwise(points, points)
    np.testing.assert_allclose(mean_of_pairs(distances), [pdist(p).mean() for p in points], rtol=1e-5)
    expected = [np.median(np.sort(cdist(p, p), axis=1)[:, 1]) for p in points]
    np.testing.assert_allclose(nearest(distances), expected, rtol=1e-4)


def test_spread_of_a_tight_batch_far_from_the_origin_keeps_its_digits():
    """Collapsed samples at 1000 +- 1e-4: the distances survive the offset."""
    points = 1000 + 1e-4 * np.random.default_rng(0).normal(size=(1, 16, 4))
    np.testing.assert_allclose(mean_of_pairs(pairwise(points, points)), pdist(points[0]).mean(), rtol=1e-3)


def test_variety_within_an_image_is_not_diversity():
    """Identical noise images score zero, however much their pixels vary; distinct flat ones do not."""
    rng = np.random.default_rng(0)
    same = np.repeat(rng.normal(size=(1, 1, 16)), 8, axis=1)
    distinct = np.repeat(rng.normal(size=(1, 8, 1)), 16, axis=2)
    assert mean_of_pairs(pairwise(same, same)) < 1e-6
    assert mean_of_pairs(pairwise(distinct, distinct)) > 0.5


def test_ratios_compare_generated_with_real_and_not_the_other_way_round():
    """Half the spread gives 0.5."""
    rng = np.random.default_rng(0)
    real = rng.normal(size=(3, 16, 4))
    signals = reduce_block({"points/real": real, "points/fake": 0.5 * real}, {})
    np.testing.assert_allclose(signals["diversity/ratio"], 0.5, rtol=1e-5)
    np.testing.assert_allclose(signals["diversity/nearest_ratio"], 0.5, rtol=1e-4)


def test_non_finite_records_are_counted_per_step():
    """NaN gradients, infinite outputs and NaN losses count; NaN in other logged scalars does not."""
    raw = {
        "grad/generator": np.array([[1.0, 2.0], [np.nan, 1.0], [1.0, 1.0]]),
        "d/real": np.array([[0.0, 1.0], [0.0, np.inf], [0.0, 0.0]]),
        "scalar/loss/generator": np.array([0.0, np.nan, 0.0]),
        "scalar/fid": np.array([np.nan, np.nan, np.nan]),
    }
    signals = reduce_block(raw, {"generator": ["a", ""]})
    assert signals["nonfinite"].tolist() == [0, 3, 0]
    assert signals["grad/generator/nonfinite"].tolist() == [0, 1, 0]
    assert signals["grad/generator/norm"].tolist() == [pytest.approx(5**0.5), np.inf, pytest.approx(2**0.5)]


def test_share_called_real_follows_the_decision_point():
    """0.6 is called real at a decision point of 0.5 and not at 0.7."""
    outputs = np.array([[0.2, 0.6]])
    assert output_signals("real", outputs, 0.5)["d/real/positive"] == [0.5]
    assert output_signals("real", outputs, 0.7)["d/real/positive"] == [0.0]


def test_a_batch_of_one_has_no_diversity_rather_than_none():
    """One sample says nothing about variety: no signal, not zero."""
    assert "diversity/fake" not in reduce_block({"points/fake": np.zeros((2, 1, 3))}, {})


def test_distances_of_samples_over_those_of_their_latents():
    """A linear G that doubles every distance; one that gives one sample; and equal latents, which tell nothing."""
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((3, 8, 5)).astype(np.float32)
    made = np.stack([2 * latents[0], np.ones((8, 5), np.float32), latents[2]])
    latents[2] = 1.0
    found = reduce_block({"latent/given": latents, "latent/made": made}, {})["diversity/latent"]
    np.testing.assert_allclose(found, [2.0, 0.0, np.nan], rtol=1e-5)


def test_steps_without_a_telling_record_neither_begin_nor_end_an_overflow():
    """A logged rate, a bound of the weights: not counted as finite; NaN among them is counted all the same."""
    scalars = {"scalar/lr": np.ones(3), "bound/generator": np.zeros((3, 2))}
    assert np.isnan(reduce_block(scalars, {})["nonfinite"]).all()
    scalars["bound/generator"][1] = np.nan
    np.testing.assert_array_equal(reduce_block(scalars, {})["nonfinite"], [np.nan, 1, np.nan])
    assert (reduce_block({"scalar/loss/generator": np.ones(3)}, {})["nonfinite"] == 0).all()


def test_layers_that_took_no_part_have_no_norm_beside_others_that_did():
    """Those of a later stage of a growing network; where no gradient came at all, none of them has any."""
    norms = np.array([[3.0, UNUSED, 4.0], [UNUSED, UNUSED, UNUSED], [0.0, UNUSED, 0.0]])
    found = gradient_signals("generator", norms, ["a", "b", "c"])
    np.testing.assert_array_equal(found["grad/generator/norm"], [5.0, 0.0, 0.0])
    np.testing.assert_array_equal(found["grad/generator/layer/b"], [np.nan, 0.0, 0.0])
    np.testing.assert_array_equal(found["grad/generator/nonfinite"], [0, 0, 0])
