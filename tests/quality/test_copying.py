"""Copies of training samples sound the alarm, also among poor samples; real samples and wide ones do not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu

from gandiag.quality.measures.copying import Copying, copying

TRAIN, TEST, MADE = 2000, 1000, 1000


def gaussian(n: int, seed: int, width: float = 1.0, dimensions: int = 16) -> torch.Tensor:
    return width * torch.randn(n, dimensions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def measured(share: float = 0.0, width: float = 1.0, cells: int = 1) -> Copying:
    """Generated samples of which a share are copies of training samples, the others `width` times as wide."""
    train, made = gaussian(TRAIN, 1), gaussian(MADE, 3, width)
    made[: round(share * MADE)] = train[: round(share * MADE)]
    return copying(made, train, gaussian(TEST, 2), cells=cells)


@pytest.mark.parametrize(
    ("share", "width", "c_t", "within", "authpct"),
    [
        (0.0, 1.0, -0.4, 2.5, 70.0),
        (0.1, 1.0, -2.9, 2.0, 63.9),
        (0.5, 1.0, -18.8, 2.0, 35.7),
        (1.0, 1.0, -38.7, 0.5, 0.0),
        (0.0, 1.3, 25.7, 2.5, 90.2),
    ],
)
def test_known_shares_of_copies_score_as_computed(
    share: float, width: float, c_t: float, within: float, authpct: float
) -> None:
    """16-D Gaussian, 2000 training, 1000 held-out and 1000 generated samples, one cell."""
    found = measured(share, width)
    assert found.c_t == pytest.approx(c_t, abs=within)
    assert found.authpct == pytest.approx(authpct, abs=3 if authpct else 0)
    assert found.authpct_of_held_out == pytest.approx(70, abs=3)
    assert found.authpct_difference == found.authpct - found.authpct_of_held_out
    assert found.detected == (share > 0)
    assert found.copies == pytest.approx(share * MADE, abs=20)


def test_it_equals_the_definitions_written_out() -> None:
    """scipy's U in the published formula, and AuthPct from whole matrices of distances."""
    made, train, held_out = gaussian(60, 3, 1.1, 3), gaussian(90, 1, 1, 3), gaussian(50, 2, 1, 3)
    ours, theirs = torch.cdist(made, train), torch.cdist(held_out, train).amin(dim=1).numpy()
    between = torch.cdist(train, train).fill_diagonal_(torch.inf).amin(dim=1)
    authentic = 100 * (ours.amin(dim=1) > between[ours.argmin(dim=1)]).double().mean()

    def z(near: np.ndarray, held: np.ndarray) -> float:
        m, n = len(near), len(held)
        u = mannwhitneyu(near, held, alternative="less").statistic
        return (u - (n * m / 2 - 0.5)) / np.sqrt(n * m * (n + m + 1) / 12)

    found, near = copying(made, train, held_out), ours.amin(dim=1).numpy()
    limit = np.sort(theirs)[5]
    assert found.c_t == pytest.approx(z(near, theirs), rel=1e-12)
    assert found.c_t_closest == pytest.approx(z(near[near < limit], theirs[theirs < limit]), rel=1e-12)
    assert found.authpct == pytest.approx(float(authentic), rel=1e-12)
    assert found.copies == int((near < np.sort(theirs)[1]).sum())


def test_held_out_samples_in_place_of_generated_ones_sound_no_alarm() -> None:
    """40 draws; and both scores spread as a standard normal, as they would not with deciles cut apart."""
    found = [copying(*(gaussian(n, 3 * draw + i, 1, 8) for i, n in enumerate((700, 300, 500)))) for draw in range(40)]
    assert not any(each.detected for each in found)
    for scores in ([each.c_t for each in found], [each.c_t_closest for each in found]):
        assert abs(np.mean(scores)) < 0.7
        assert 0.5 < np.std(scores) < 1.5
    assert abs(np.mean([each.authpct_difference for each in found])) < 2


def test_copies_among_poor_samples_are_found_in_the_closest_decile() -> None:
    """Over all distances the two cancel."""
    found = measured(share=0.1, width=1.15)
    assert found.c_t > 0
    assert found.c_t_closest is not None
    assert found.c_t_closest < -5
    assert found.detected
    assert found.copies >= 100


def test_swapping_training_and_held_out_samples_hides_the_copies() -> None:
    """The direction: what lies near held-out samples only is no copy."""
    train, held_out = gaussian(800, 1), gaussian(800, 2)
    made = gaussian(800, 3)
    made[:400] = train[:400]
    assert copying(made, train, held_out).c_t < -10
    assert copying(made, held_out, train).c_t > -3


def test_cells_find_copies_of_one_cluster() -> None:
    """In more dimensions than are kept, several cells agree that half of the samples are copies."""
    centres = 8 * torch.eye(3, 100, dtype=torch.float64)
    train, held_out, made = (gaussian(n, n, 0.3, 100) + centres[torch.arange(n) % 3] for n in (600, 303, 300))
    assert abs(copying(made, train, held_out, cells=3).c_t) < 3
    made[:150] = train[:150]
    found = copying(made, train, held_out, cells=3)
    assert found.c_t < -5
    assert found == copying(made, train, held_out, cells=3)


def test_a_cell_without_generated_samples_is_left_out() -> None:
    """Its held-out samples have no weight; where no cell is left, the error says so."""
    train, held_out = (torch.cat([gaussian(n, n, 1, 2), gaussian(n, n, 1, 2) + 50]) for n in (200, 100))
    found = copying(train[:90], train, held_out, cells=2)
    assert found.c_t == pytest.approx(copying(train[:90], train[:200], held_out[:100]).c_t)
    with pytest.raises(ValueError, match="fewer cells are needed"):
        copying(train[:30], train, held_out, cells=40)


@pytest.mark.parametrize("width", [1.0, 1.3])
def test_the_detectable_share_is_detected(width: float) -> None:
    """What a silent alarm claims to have excluded does sound it, also for a poor generator, and half of it does not."""
    found = measured(width=width)
    assert found.detectable is not None
    assert 0.005 < found.detectable < 0.1
    assert found.sentence == f"no copying detected at an effect of {found.detectable:.1%} exact copies or more"
    assert measured(share=2 * found.detectable, width=width).detected
    assert not measured(share=found.detectable / 4, width=width).detected


def test_no_sentence_denies_memorisation() -> None:
    """Detected, not detected, and not detectable."""
    found = measured(share=0.5)
    assert found.detectable == 0
    assert found.sentence.startswith("copying detected: C_T is -1")
    assert "in the closest decile" in found.sentence
    assert "decile" not in dataclasses.replace(found, c_t_closest=None).sentence
    few = dataclasses.replace(found, c_t=0.0, c_t_closest=None, detectable=None)
    assert "too few" in few.sentence
    assert "no memorisation" not in found.sentence + few.sentence


def test_nothing_near_leaves_the_closest_decile_without_a_score() -> None:
    """Samples far from all real ones."""
    found = copying(gaussian(100, 3) + 100, gaussian(200, 1), gaussian(100, 2))
    assert found.c_t_closest is None
    assert found.c_t > 10
    assert found.copies == 0
    assert found.authpct == 100


def test_repeated_training_samples_are_no_reason_to_call_a_copy_authentic() -> None:
    """A training sample with a duplicate has a neighbour at distance 0, and so has its copy."""
    train = gaussian(50, 1).repeat(2, 1)
    assert copying(train[:40], train, gaussian(50, 2)).authpct == 0


def test_held_out_samples_that_are_training_samples_are_refused() -> None:
    """With a leak copies are no nearer than held-out samples, and no number of them could be found."""
    train = gaussian(100, 1)
    with pytest.raises(ValueError, match="50 of 50 held-out samples also are in the reference"):
        copying(train[:50], train, train[50:])


def test_unusable_features_are_named() -> None:
    """Too few, of unequal width, not finite, cells out of range."""
    train, held_out = gaussian(50, 1), gaussian(30, 2)
    for message, made, options in (
        ("generated must have at least 21 rows", gaussian(20, 3), {}),
        ("generated and train must have the same number of dimensions, found 3 and 16", gaussian(30, 3, 1, 3), {}),
        ("found NaN or infinity in 30 of 30 rows", gaussian(30, 3) / 0, {}),
        ("cells must be at least 1 and no more than the 50 rows of train, found 51", held_out, {"cells": 51}),
    ):
        with pytest.raises(ValueError, match=message):
            copying(made, train, held_out, **options)
    with pytest.raises(ValueError, match="held_out must have at least 21 rows"):
        copying(held_out, train, held_out[:5])


def test_a_held_out_sample_that_was_trained_on_is_left_out_and_said() -> None:
    """It hides no copy; a near-copy among the held-out ones does not either; many are refused."""
    train, held_out, made = gaussian(800, 1), gaussian(500, 2), gaussian(400, 3)
    made[:200] = train[:200]
    alone = copying(made, train, held_out)
    held_out[:3] = train[-3:]
    found = copying(made, train, held_out)
    assert found.shared == 3
    assert abs(found.copies - alone.copies) <= 5
    held_out[:3] += 1e-9
    assert abs(copying(made, train, held_out).copies - alone.copies) <= 5
    held_out[:100] = train[:100]
    with pytest.raises(ValueError, match="100 of 500 held-out samples also are in the reference"):
        copying(made, train, held_out)


def test_few_are_copies_by_chance() -> None:
    """The stated share, over 30 draws."""
    found = [copying(gaussian(500, 5 * s), gaussian(400, 5 * s + 1), gaussian(300, 5 * s + 2)) for s in range(30)]
    assert np.mean([each.copies for each in found]) / 500 == pytest.approx(found[0].copies_by_chance, rel=0.3)
