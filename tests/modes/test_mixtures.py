"""Labelled mixtures: the presets are those of the papers, and labels are what the protocol says."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.modes import PRESETS, Mixture, preset

RINGS = ("ring8_pacgan", "ring8_wgangp", "ring8_veegan", "ring8_unrolled")


@pytest.mark.parametrize(
    ("name", "modes", "extent", "sigma"),
    [
        ("ring8_pacgan", 8, 1.0, 0.01),
        ("grid25_pacgan", 25, 4.0, 0.05),
        ("ring8_wgangp", 8, 1.4144, 0.014144),
        ("grid25_wgangp", 25, 1.41443, 0.017680),
        ("ring8_veegan", 8, 1.0, 0.01),
        ("grid25_veegan", 25, 4.0, 0.05),
        ("ring8_unrolled", 8, 2.0, 0.02),
    ],
)
def test_presets_are_those_of_the_papers(name: str, modes: int, extent: float, sigma: float) -> None:
    """Number of modes, outermost coordinate, sigma and equal weights."""
    mixture = preset(name)
    assert mixture.name == name
    assert mixture.centres.shape == (modes, 2)
    assert mixture.centres.max() == pytest.approx(extent, rel=1e-4)
    assert mixture.sigmas == pytest.approx(np.full(modes, sigma), rel=1e-4)
    assert mixture.weights == pytest.approx(np.full(modes, 1 / modes))
    assert mixture.n == 2500


@pytest.mark.parametrize("name", RINGS)
def test_rings_have_eight_distinct_centres_at_equal_angles(name: str) -> None:
    """An inclusive range of angles, a bug copied between demos, would give seven."""
    centres = preset(name).centres
    assert len(np.unique(centres.round(6), axis=0)) == 8
    angles = np.sort(np.arctan2(centres[:, 1], centres[:, 0]) % (2 * np.pi))
    assert np.diff(angles) == pytest.approx(np.full(7, np.pi / 4))
    assert np.hypot(*centres.T) == pytest.approx(np.full(8, np.hypot(*centres[0])))


def test_grids_hold_each_pair_of_coordinates_once() -> None:
    """{-4, -2, 0, 2, 4} squared, and the same by 2.828 with spacing 0.7072."""
    axis = [-4.0, -2.0, 0.0, 2.0, 4.0]
    wanted = {(x, y) for x in axis for y in axis}
    assert {tuple(centre) for centre in preset("grid25_pacgan").centres.tolist()} == wanted
    assert np.diff(np.unique(preset("grid25_wgangp").centres[:, 0])) == pytest.approx([0.7072] * 4, abs=1e-4)


def test_unknown_preset_is_answered_with_the_known_names() -> None:
    """A typo must be easy to mend."""
    with pytest.raises(ValueError, match=f"named 'ring', known are {', '.join(PRESETS)}"):
        preset("ring")


def test_sampling_repeats_with_the_seed_and_follows_the_weights() -> None:
    """Shares within 4 standard errors of unequal weights, spreads within 5 % of the sigmas of each axis."""
    mixture = Mixture("two", [[0, 0], [9, 9]], [[1, 2], [3, 0.5]], [0.2, 0.8])  # type: ignore[arg-type]
    samples, labels = mixture.sample(20_000, np.random.default_rng(3))
    again, _ = mixture.sample(20_000, np.random.default_rng(3))
    assert np.array_equal(samples, again)
    assert samples.dtype == np.float64
    assert labels.dtype == np.int64
    assert (labels == 1).mean() == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / 20_000))
    assert samples[labels == 0].std(axis=0) == pytest.approx([1, 2], rel=0.05)
    assert samples[labels == 1].std(axis=0) == pytest.approx([3, 0.5], rel=0.05)


def test_labels_are_the_modes_that_samples_came_from() -> None:
    """On well separated modes every high-quality sample gets its own mode back."""
    mixture = preset("grid25_wgangp")
    samples, labels = mixture.sample(5000, np.random.default_rng(4))
    found = mixture.label(samples)
    assert np.array_equal(found[found >= 0], labels[found >= 0])


def test_quality_ends_at_three_standard_deviations() -> None:
    """Just within 3 sigma counts, 3 sigma itself does not; each axis by its own sigma."""
    mixture = Mixture("one", [[1, 1]], [[1, 0.1]], [1])  # type: ignore[arg-type]
    samples = np.array([[1, 1.299], [1, 1.301], [3.999, 1], [4, 1], [3.2, 1.22]])
    assert mixture.label(samples).tolist() == [0, -1, 0, -1, -1]


def test_nearest_is_meant_in_standard_deviations() -> None:
    """A point closer to a tight mode in space may belong to a wide one."""
    mixture = Mixture("uneven", [[0.0], [10.0]], [5.0, 0.1], [0.5, 0.5])  # type: ignore[arg-type]
    assert mixture.label([[8.0]]).tolist() == [0]


def test_chunks_do_not_change_distances() -> None:
    """Many samples of many modes are compared with the plain formula, all at once."""
    rng = np.random.default_rng(5)
    mixture = Mixture("wide", rng.standard_normal((500, 20)), rng.uniform(1, 2, 500), np.full(500, 1 / 500))
    samples = rng.standard_normal((700, 20))
    plain = np.sqrt((((samples[:, None] - mixture.centres) / mixture.scales) ** 2).sum(axis=2))
    distances, nearest = mixture.distance(samples)
    assert distances == pytest.approx(plain.min(axis=1))
    assert np.array_equal(nearest, plain.argmin(axis=1))


def test_samples_that_are_no_numbers_belong_to_no_mode() -> None:
    """NaN, infinities and overflowing values are labelled -1 without a warning."""
    samples = np.array([[np.nan, 0], [np.inf, 0], [-np.inf, np.inf], [1e300, 0], [1, 0]])
    assert preset("ring8_pacgan").label(samples).tolist() == [-1, -1, -1, -1, 0]
    assert preset("ring8_pacgan").label(np.empty((0, 2))).shape == (0,)


@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 2, 1), ()])
def test_samples_of_a_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    """The message names the expected and the found shape."""
    with pytest.raises(ValueError, match=r"ring8_pacgan must have shape \(n, 2\), found \("):
        preset("ring8_pacgan").label(np.zeros(shape))


@pytest.mark.parametrize(
    ("centres", "sigmas", "weights", "message"),
    [
        ([0.0, 1.0], [1.0], [1.0], r"centres must have shape \(K, d\), found \(2,\)"),
        ([[0.0], [1.0]], [1.0], [0.5, 0.5], r"sigmas must have shape \(2,\) or \(2, 1\) .*found \(1,\)"),
        ([[0.0], [1.0]], [1.0, 1.0], [1.0], r"weights must have shape \(2,\) .*found \(1,\)"),
        ([[0.0], [np.nan]], [1.0, 1.0], [0.5, 0.5], "centres must be finite"),
        ([[0.0], [1.0]], [1.0, 0.0], [0.5, 0.5], "sigmas must be finite and above 0"),
        ([[0.0], [1.0]], [1.0, np.nan], [0.5, 0.5], "sigmas must be finite and above 0"),
        ([[0.0], [1.0]], [1.0, 1.0], [1.0, 0.0], "weights must be above 0"),
        ([[0.0], [1.0]], [1.0, 1.0], [0.5, 0.6], "weights must sum to 1, found a sum of 1.1"),
    ],
)
def test_impossible_mixtures_are_refused(centres: object, sigmas: object, weights: object, message: str) -> None:
    """The message names the field, the demand and what was found."""
    with pytest.raises(ValueError, match=message):
        Mixture("bad", centres, sigmas, weights)  # type: ignore[arg-type]


def test_mixtures_do_not_change_after_they_were_made() -> None:
    """Neither through the caller's array nor through their own."""
    centres = np.zeros((1, 2))
    mixture = Mixture("one", centres, np.ones(1), np.ones(1))
    centres += 5
    assert mixture.centres.tolist() == [[0, 0]]
    with pytest.raises(ValueError, match="read-only"):
        mixture.centres[0] = 1
