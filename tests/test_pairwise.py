"""What distances within and between batches tell, against closed forms and naive versions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gandiag.measure.pairwise import class_signals, directions, energy_distance, pairwise, sample_signals, steepness
from gandiag.measure.reductions import reduce_block


def test_distances_equal_scipys():
    """Between and within batches, with an offset that would cost single precision its digits."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(1000, 1, (4, 9, 5)), rng.normal(1000, 2, (4, 6, 5))
    for step in range(4):
        np.testing.assert_allclose(pairwise(first, second)[step], cdist(first[step], second[step]), rtol=1e-4)
    own = pairwise(first, first)
    assert (own[:, range(9), range(9)] == 0).all()


def test_energy_distance_is_unbiased_at_equal_laws():
    """Mean over 4,000 batches within four standard errors of 0, though each batch has 8 samples."""
    rng = np.random.default_rng(1)
    values = sample_signals({f"points/{k}": rng.normal(size=(4000, 8, 3)) for k in ("real", "fake")})["distance/energy"]
    assert abs(values.mean()) < 4 * values.std() / 4000**0.5


def test_energy_distance_of_two_points_masses_and_of_shifted_normals():
    """Point masses at a distance d: 2 d. Unit normals on a line, shifted by d: 2 E|d + sqrt 2 z| - 4 / sqrt pi."""
    real, fake = np.zeros((1, 4, 2)), np.full((1, 4, 2), [3.0, 4.0])
    within = {"real": pairwise(real, real), "fake": pairwise(fake, fake)}
    assert energy_distance(pairwise(real, fake), within)[0] == pytest.approx(10)
    rng, shift = np.random.default_rng(2), 1.5
    points = {"points/real": rng.normal(size=(2000, 16, 1)), "points/fake": rng.normal(size=(2000, 16, 1)) + shift}
    exact = 2 * np.abs(shift + 2**0.5 * rng.normal(size=2_000_000)).mean() - 4 / np.pi**0.5
    assert sample_signals(points)["distance/energy"].mean() == pytest.approx(exact, abs=0.03)


def test_steepness_bounds_a_linear_discriminator():
    """D(x) = w x: never above |w|, and near it along w."""
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(5, 30, 2)), rng.normal(size=(5, 30, 2))
    weight = np.array([3.0, 4.0])
    slopes = steepness(real @ weight, fake @ weight, pairwise(real, fake))
    assert (slopes <= 5.001).all()
    assert (slopes > 4.9).all()


def test_steepness_leaves_equal_samples_out():
    """A pair at distance 0 with different outputs (noise in D) is no infinite slope."""
    points = np.array([[[0.0, 0.0], [1.0, 0.0]]])
    slopes = steepness(np.array([[0.0, 2.0]]), np.array([[5.0, 2.0]]), pairwise(points, points))
    assert slopes[0] == pytest.approx(3.0)


def test_directions_are_fixed_unit_vectors():
    """The same in every process; one for points in one dimension."""
    assert directions(1).shape == (1, 1)
    np.testing.assert_allclose(np.linalg.norm(directions(16), axis=0), 1)
    moved = sample_signals({"points/fake": np.ones((1, 3, 16)) * directions(16)[:, 0]})
    assert moved["centre/fake/1"][0] == pytest.approx(1)


def test_classes_are_compared_with_the_same_class_of_real_samples():
    """Class 0 as varied as real ones, class 1 at a tenth of it, class 2 with one sample only."""
    rng = np.random.default_rng(4)
    labels = np.array([[0, 0, 0, 0, 1, 1, 1, 1, 2]])
    real = rng.normal(size=(1, 9, 4))
    fake = real * np.where(labels == 1, 0.1, 1.0)[:, :, None]
    found = reduce_block({"points/real": real, "points/fake": fake, "labels/real": labels, "labels/fake": labels}, {})
    assert found["diversity/class/0"][0] == pytest.approx(1, rel=1e-4)
    assert found["diversity/class/1"][0] == pytest.approx(0.1, rel=1e-3)
    assert "diversity/class/2" not in found


def test_labels_of_another_number_than_samples_are_left_alone():
    """Nothing is claimed of classes that cannot be matched with samples."""
    within = {kind: np.ones((1, 4, 4)) for kind in ("real", "fake")}
    raw = {"labels/real": np.zeros((1, 4)), "labels/fake": np.zeros((1, 3))}
    assert class_signals(raw, within) == {}
