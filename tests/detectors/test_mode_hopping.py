"""A generator that goes from mode to mode."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.mode_hopping import ModeHopping

CERTAIN_AFTER = 950

DETECT = ModeHopping()
CHECKS = np.arange(50, 3001, 50)
FORMS = ("modes", "bins", "centre")


def only(run, *heads):
    """The run without the signals of the other ways to see it."""
    dropped = [n for n in run.scalars if n.split("/")[0] in set(FORMS) - set(heads)]
    return replace(run, scalars=run.scalars.drop(columns=dropped))


def with_checks(run, **columns):
    """The run with other values at each check: signal names with `_` for `/`."""
    scalars = run.scalars.copy()
    for name, values in columns.items():
        scalars[name.replace("__", "/")] = np.nan
        scalars.loc[CHECKS, name.replace("__", "/")] = values
    return replace(run, scalars=scalars)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(3))
def test_hopping_is_seen_in_each_of_three_ways(form, seed):
    """Labels, label-free bins or the centre of the batch alone: dated within two checks; the centre only warns."""
    (found,) = DETECT(only(synthetic.mode_hopping(at=1500, seed=seed), form))
    assert 1450 <= found.onset_step <= 1600
    assert (found.severity, found.ongoing) == ("warning" if form == "centre" else "failure", True)


def test_a_generator_that_shows_nearly_half_of_the_cells_is_only_warned_of():
    """Some 45 % of them at a time, others at each check."""
    run = with_checks(only(synthetic.mode_hopping(at=1500), "bins"), bins__effective=0.45, bins__recent_effective=0.95)
    assert [f.severity for f in DETECT(run)] == ["warning"]


def test_one_hot_histograms_that_turn_are_the_clearest_case():
    """The oracle: one mode at a time, another one at each check, eight in all: everything replaced, ratio 8."""
    first = np.minimum(np.arange(len(CHECKS)) + 1, 8)
    run = with_checks(
        only(synthetic.healthy(modes=8), "modes"),
        modes__turnover=1.0,
        modes__nearest__effective=1.0,
        modes__recent_effective=first,
    )
    (found,) = DETECT(run)
    (fact,) = found.evidence
    assert fact.value == pytest.approx(1.0)
    assert found.onset_step <= 250
    assert "replacing 100% of its modes" in found.summary


def test_hops_at_every_third_check_count():
    """A generator that stays for 150 steps with each mode."""
    (found,) = DETECT(only(synthetic.mode_hopping(stay=150), "modes"))
    assert found.onset_step <= 1800


def test_a_collapse_that_stays_where_it_is_is_none():
    """The look-alike: one mode from step 1500 on, for good. Turnover is high once."""
    assert DETECT(synthetic.mode_hopping(stay=10_000)) == []
    assert DETECT(synthetic.mode_collapse(left=1)) == []


def test_a_generator_that_covers_the_modes_may_change_between_them():
    """Turnover without collapse: half of every histogram replaced, all modes shown each time."""
    run = with_checks(only(synthetic.healthy(), "modes", "bins"), modes__turnover=0.5, bins__turnover=0.5)
    assert DETECT(run) == []


def test_eight_checks_together_must_show_more_than_each():
    """Two modes whose shares change, and no other: nothing is gained by looking longer."""
    run = with_checks(
        only(synthetic.healthy(), "modes"),
        modes__turnover=0.4,
        modes__nearest__effective=1.6,
        modes__recent_effective=2.0,
    )
    assert DETECT(run) == []


def test_real_data_that_hop_are_not_a_generator_that_does():
    """Direction: generated samples more varied than real ones, in batches whose centre moves."""
    run = synthetic.mode_hopping()
    swapped = run.scalars.assign(**{"diversity/ratio": 1 / run.scalars["diversity/ratio"]})
    assert DETECT(only(replace(run, scalars=swapped), "centre")) == []


def test_hopping_that_ends_is_over():
    """From step 2500 on the modes are covered again: the last step lies within eight checks of that."""
    run = synthetic.mode_hopping()
    scalars = run.scalars.copy()
    scalars.loc[2500:] = synthetic.healthy().scalars.loc[2500:]
    (found,) = DETECT(replace(run, scalars=scalars))
    assert not found.ongoing
    assert 2450 <= found.last_step <= 2900


def test_a_generator_that_hops_before_it_settles_is_left_alone():
    """The look-alike: 900 steps of warm-up in which one mode follows the other, then all of them at once."""
    first = np.minimum(np.arange(len(CHECKS)) + 1, 8)
    start = CHECKS <= 900
    run = with_checks(
        only(synthetic.healthy(modes=8), "modes"),
        modes__turnover=np.where(start, 1.0, 0.05),
        modes__nearest__effective=np.where(start, 1.0, 7.9),
        modes__recent_effective=np.where(start, first, 8.0),
    )
    assert DETECT(run) == []


def test_mediocre_but_steady_samples_do_not_hop():
    """A third of each histogram scatters, few cells are shown, and eight checks together show hardly more of them."""
    columns = {"bins__turnover": 0.3, "bins__effective": 0.35}
    run = only(synthetic.healthy(), "bins")
    assert DETECT(with_checks(run, **columns, bins__recent_effective=0.45)) == []
    assert len(DETECT(with_checks(run, **columns, bins__recent_effective=0.8))) == 1
