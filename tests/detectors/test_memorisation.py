"""A generator that repeats its training samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gandiag import synthetic
from gandiag.detectors.memorisation import Memorisation
from gandiag.judge.diagnose import diagnose
from gandiag.quality.measures.copying import copying

CERTAIN_AFTER = 600

DETECT = Memorisation()
STEPS = np.arange(1, 3001)


def run_with(c_t, authpct, held_out=70.0, copies=0.0, every=250):
    run = synthetic.healthy()
    values = {
        "quality/c_t": c_t, "quality/authpct": authpct, "quality/authpct/perfect": held_out, "quality/copies": copies
    }  # fmt: skip
    columns = {name: np.where(STEPS % every == 0, value, np.nan) for name, value in values.items()}
    return replace(run, scalars=run.scalars.assign(**columns))


def gaussian(n, seed, width=1.0):
    return width * torch.randn(n, 16, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def measured(share=0.0, width=1.0):
    """A run whose evaluations all found this: a share of copies, the rest `width` times as wide as the data."""
    train, made = gaussian(2000, 1), gaussian(1000, 3, width)
    made[: round(share * 1000)] = train[: round(share * 1000)]
    found = copying(made, train, gaussian(1000, 2))
    return run_with(found.c_t, found.authpct, found.authpct_of_held_out, found.copies / 1000)


@pytest.mark.parametrize("seed", range(5))
def test_a_generator_that_comes_to_copy_is_found(seed):
    """At the first or second evaluation after it began."""
    (found,) = DETECT(synthetic.memorisation(at=1500, seed=seed))
    assert 1500 <= found.onset_step <= 2000
    assert (found.severity, found.ongoing) == ("failure", True)
    assert "nearer than nearly all held-out ones" in found.summary


@pytest.mark.parametrize(
    ("share", "width", "severity"),
    [(0.0, 1.0, None), (0.05, 1.0, None), (0.2, 1.0, "failure"), (0.5, 1.0, "failure"), (1.0, 1.0, "failure"),
     (0.0, 1.3, None), (0.0, 0.8, "warning")],
)  # fmt: skip
def test_what_the_tests_themselves_find_is_judged_right(share, width, severity):
    """The 16-D Gaussian with 2,000 training, 1,000 held-out and 1,000 generated samples: copies are a failure from one
    in five on, samples of the same law or too wide are nothing, and samples too narrow are a warning.
    """
    assert [f.severity for f in DETECT(measured(share, width))] == ([] if severity is None else [severity])


def test_a_generator_unlike_the_data_does_not_copy():
    """Direction: far from the training samples, by either test."""
    assert DETECT(run_with(c_t=30.0, authpct=95.0)) == []
    assert DETECT(run_with(c_t=30.0, authpct=40.0, copies=0.3)) == []
    assert len(DETECT(run_with(c_t=-30.0, authpct=40.0, copies=0.3))) == 1


def test_authpct_is_judged_against_held_out_samples_only():
    """The look-alike: 36 % is what held-out samples themselves have in two dimensions, and far below 70 % it is not."""
    assert DETECT(run_with(c_t=-4.0, authpct=36.0, held_out=36.0)) == []
    assert len(DETECT(run_with(c_t=-4.0, authpct=36.0, held_out=70.0))) == 1


def test_a_single_evaluation_may_be_chance():
    """One of twelve."""
    once = STEPS == 1500
    assert DETECT(run_with(np.where(once, -20.0, 0.0), np.where(once, 40.0, 70.0))) == []


def test_where_nothing_is_found_it_is_not_said_that_nothing_is_copied():
    """Clean means looked for and not found; the specification says what would have been missed."""
    diagnosis = diagnose(measured(share=0.05), [DETECT])
    assert diagnosis.clean == ("memorisation",)
    assert "fewer than one in ten" in " ".join((Memorisation.__doc__ or "").split())


@pytest.mark.parametrize("missing", ["quality/c_t", "quality/authpct", "quality/authpct/perfect"])
def test_without_a_test_or_its_calibration_it_is_not_assessed(missing):
    """Also after a single evaluation."""
    run = run_with(-20.0, 40.0)
    diagnosis = diagnose(replace(run, scalars=run.scalars.drop(columns=missing)), [DETECT])
    assert diagnosis.findings == diagnosis.clean == ()
    assert "held_out=" in diagnosis.not_assessed[0].how_to
    (entry,) = diagnose(run_with(-20.0, 40.0, every=2000), [DETECT]).not_assessed
    assert entry.code == "memorisation"
