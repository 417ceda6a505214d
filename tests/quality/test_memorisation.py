"""AuthPct and C_T: the published oracle, calibration, copies that hide, and what is said where nothing is found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from gandiag.quality.memorisation import Copying, _closest_score, copying

ORACLE = {  # share of copies, width: C_T, AuthPct
    "same law": (0.0, 1.0, -0.4, 70.0),
    "a tenth copied": (0.1, 1.0, -2.9, 63.9),
    "half copied": (0.5, 1.0, -18.8, 35.7),
    "all copied": (1.0, 1.0, -38.7, 0.0),
    "too wide": (0.0, 1.3, 25.7, 90.2),
}


def _sets(copied: float, width: float, seed: int, m: int = 1000) -> tuple[torch.Tensor, ...]:
    rng = torch.Generator().manual_seed(seed)
    train, held_out = torch.randn(2000, 16, generator=rng), torch.randn(1000, 16, generator=rng)
    generated = width * torch.randn(m, 16, generator=rng)
    copies = int(copied * m)
    generated[:copies] = train[torch.randperm(2000, generator=rng)[:copies]]
    return generated, train, held_out


@pytest.mark.parametrize("case", ORACLE)
def test_scores_are_those_of_the_oracle(case: str) -> None:
    """16-D Gaussian, 2000 to train, 1000 held out, 1000 generated.

    The oracle is one run. Over runs, C_T has a standard deviation of 0.6 and AuthPct one of 1.5.
    """
    copied, width, c_t, authpct = ORACLE[case]
    found = [copying(*_sets(copied, width, seed)) for seed in range(3)]
    assert np.mean([f.c_t for f in found]) == pytest.approx(c_t, abs=2)
    assert np.mean([f.authpct for f in found]) == pytest.approx(authpct, abs=3.5)
    for each in found:
        assert each.authpct_difference == pytest.approx(each.authpct - each.authpct_of_held_out)
        assert each.authpct_of_held_out == pytest.approx(70, abs=5)
        assert each.copies == pytest.approx(1000 * copied, abs=10)
        assert each.copies_of_held_out <= 10
        assert each.alarm is (copied > 0)


def test_c_t_is_the_mann_whitney_statistic() -> None:
    """Against scipy, ties as halves, standardised without correction."""
    generated, train, held_out = _sets(0.2, 1.0, 5, m=700)
    gaps = [torch.cdist(x.double(), train.double()).amin(dim=1) for x in (generated, held_out)]
    gaps[0][:140] = 0  # cdist leaves rounding where copies are exact
    statistic = stats.mannwhitneyu(*gaps).statistic
    deviation = np.sqrt(700 * 1000 * 1701 / 12)
    assert copying(generated, train, held_out).c_t == pytest.approx((statistic - 350_000) / deviation)


def test_copies_show_among_the_closest_where_others_are_too_far() -> None:
    """A tenth copied and the rest too wide: C_T is far above 0, the closest tenth far below."""
    found = copying(*_sets(0.1, 1.3, 0))
    assert found.c_t > 10
    assert found.c_t_closest < -5
    assert found.alarm
    assert "copying detected" in str(found)
    assert "no copying" not in str(found)


@pytest.mark.parametrize("size", [200, 900, 3000])
def test_the_score_of_the_closest_has_its_null(size: int) -> None:
    """Of one law, mean 0 and standard deviation 1, so that 3 in 1000 lie beyond 3 on either side."""
    rng = torch.Generator().manual_seed(0)
    scores = [_closest_score(torch.rand(size, generator=rng), torch.rand(900, generator=rng)) for _ in range(2000)]
    assert np.mean(scores) == pytest.approx(0, abs=0.1)
    assert np.std(scores) == pytest.approx(1, abs=0.07)


def test_perfect_generators_raise_no_alarm_and_nothing_more_is_claimed() -> None:
    """The text gives the effect that would have been found, and never says that nothing is memorised."""
    found = [copying(*_sets(0.0, 1.0, seed, m=500)) for seed in range(10, 18)]
    assert sum(f.alarm for f in found) <= 1
    text = next(str(f) for f in found if not f.alarm)
    assert text == f"no copying detected at effect >= {found[0].detectable:.0%} of copies"
    assert "memori" not in text


def test_the_detectable_share_of_copies_is_found() -> None:
    """C_T alone is below -3 for most generators with that share of copies, and for few with half of it."""
    share = copying(*_sets(0.0, 1.0, 0)).detectable
    assert share == pytest.approx(0.12, abs=0.005)
    scores = [copying(*_sets(1.15 * share, 1.0, seed)).c_t for seed in range(20, 28)]
    assert sum(score < -3 for score in scores) >= 6


def test_too_few_samples_are_said_to_find_nothing() -> None:
    """With four samples no share of copies is detectable."""
    rng = torch.Generator().manual_seed(0)
    found = copying(*(torch.randn(4, 3, generator=rng) for _ in range(3)))
    assert found.detectable > 1
    assert str(found) == "no copying detected, and at these numbers of samples none can be"


def test_cells_see_copies_in_one_region() -> None:
    """Three clusters, one of which is copied: by cell and overall the score is negative, and the seed decides."""
    rng = torch.Generator().manual_seed(0)
    centres = 20 * torch.eye(3, 8)
    train, held_out, generated = (
        centres[torch.arange(n) % 3] + torch.randn(n, 8, generator=rng) for n in (900, 600, 600)
    )
    clean = copying(generated, train, held_out, cells=3)
    generated[::3] = train[:600:3]
    copied = copying(generated, train, held_out, cells=3)
    assert abs(clean.c_t) < 2
    assert copied.c_t < -3
    # one of three cells of 200 + 200 is all copies
    assert copied.c_t == pytest.approx(clean.c_t - np.sqrt(200 * 200 * 3 / 401) / 3, abs=1)
    assert copied == copying(generated, train, held_out, cells=3)
    with pytest.raises(ValueError, match="cells must be fewer: none of 300"):
        copying(generated, train, held_out, cells=300)


def test_a_tied_decile_of_copies_counts_whole() -> None:
    """All copies: every distance is 0 and the score is the least there is."""
    found = copying(*_sets(1.0, 1.0, 0))
    assert found.c_t_closest < -6
    assert isinstance(found, Copying)


@pytest.mark.parametrize(
    ("sets", "options", "message"),
    [
        ((torch.rand(5, 3), torch.rand(5, 2), torch.rand(5, 2)), {}, "generated and train must have the same number"),
        ((torch.rand(5, 2), torch.rand(5, 2), torch.rand(1, 2)), {}, "held_out must have at least 2 rows"),
        ((torch.rand(5, 2), torch.rand(5, 2) / 0, torch.rand(5, 2)), {}, "train must be finite, found 5 of 5 rows"),
        ((torch.rand(5, 2), torch.rand(5, 2), torch.rand(5, 2)), {"cells": 0}, "cells must be at least 1 .* found 0"),
    ],
)
def test_bad_input_is_named(sets: tuple[torch.Tensor, ...], options: dict[str, int], message: str) -> None:
    """One sentence each."""
    with pytest.raises(ValueError, match=message):
        copying(*sets, **options)
