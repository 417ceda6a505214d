"""Players that circle each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.oscillation import OUTPUTS, Oscillation

DETECT = Oscillation()


def swinging(real, fake, steps=4000, seed=0):
    """A healthy run with cycles (at, period, amplitude) added to D's mean outputs; None for none."""
    run = synthetic.healthy(seed, steps)
    time = run.scalars.index.to_numpy()
    columns = {}
    for name, cycle in (("d/real/mean", real), ("d/fake/mean", fake)):
        at, period, amplitude = cycle or (0, 1, 0.0)
        ramp = np.clip((time - at) / period, 0, 1)
        columns[name] = run.scalars[name] + amplitude * ramp * np.sin(2 * np.pi * (time - at) / period)
    return replace(run, scalars=run.scalars.assign(**columns))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("period", [40, 80])
def test_a_sustained_cycle_is_found_where_it_begins(seed, period):
    """Dated within half a window of 512 steps; a warning whose evidence says that cycles keep their size."""
    (found,) = DETECT(synthetic.oscillation(at=1000, seed=seed, period=period))
    assert abs(found.onset_step - 1000) <= 256
    assert (found.severity, found.ongoing) == ("warning", True)
    size, envelope = found.evidence
    assert size.value == pytest.approx(1.5 / 0.6, rel=0.15)  # its amplitude over the spread within a batch
    assert envelope.value == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_a_growing_cycle_is_a_failure(seed):
    """Five per cent with each cycle."""
    (found,) = DETECT(synthetic.oscillation(at=1000, seed=seed, growth=1.05))
    assert found.severity == "failure"
    assert found.evidence[1].value == pytest.approx(1.05, abs=0.015)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("growth", [0.7, 0.8, 0.9])
def test_a_damped_cycle_is_convergence(seed, growth):
    """As periodic as any other for Fisher's test, but on its way to rest."""
    assert DETECT(synthetic.oscillation(at=1000, seed=seed, growth=growth)) == []


def test_growth_backwards_in_time_is_damping():
    """Direction: the outputs of a growing cycle in reverse order."""
    run = synthetic.oscillation(at=200, steps=2000, growth=1.1)
    backwards = {name: run.scalars[name].to_numpy()[::-1] for name in OUTPUTS}
    assert DETECT(run)[0].severity == "failure"
    assert DETECT(replace(run, scalars=run.scalars.assign(**backwards))) == []


@pytest.mark.parametrize("seed", range(3))
def test_the_beginning_of_a_cycle_is_not_taken_for_its_growth(seed):
    """Cut soon after it set in: windows that hold the time before show a rise, and do not make it a failure."""
    run = synthetic.oscillation(at=1000, seed=seed)
    found = [finding for end in range(1300, 2400, 50) for finding in DETECT(run.until(end))]
    assert found
    assert {f.severity for f in found} == {"warning"}


def test_slow_cycles_are_seen_in_longer_windows():
    """A period of 320 steps fits into windows of 2,048: dated within half of one, even before the first one ends."""
    (found,) = DETECT(swinging((500, 320, 1.5), (500, 320, 1.5), steps=6000))
    assert abs(found.onset_step - 500) <= 1024


def test_a_fast_cycle_after_a_slow_one_takes_nothing_from_it():
    """Two findings, each with its own onset."""
    slow = swinging((500, 320, 1.0), (500, 320, 1.0), steps=10_000)
    fast = swinging((7000, 40, 3.0), (7000, 40, 3.0), steps=10_000)
    quiet = synthetic.healthy(0, 10_000)
    names = ["d/real/mean", "d/fake/mean"]
    both = slow.scalars[names] + fast.scalars[names] - quiet.scalars[names]
    first, second = DETECT(replace(slow, scalars=slow.scalars.assign(**both)))
    assert abs(first.onset_step - 500) <= 1024
    assert abs(second.onset_step - 7000) <= 256


@pytest.mark.parametrize("seed", range(3))
def test_one_batch_that_swings_alone_is_not_the_game(seed):
    """Only the outputs on real samples, only those on generated ones, or each with a period of its own."""
    cycle = (1000, 80, 1.5)
    assert DETECT(swinging(cycle, None, seed=seed)) == []
    assert DETECT(swinging(None, cycle, seed=seed)) == []
    assert DETECT(swinging(cycle, (1000, 50, 1.5), seed=seed)) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_swing_below_the_spread_of_a_batch_is_a_ripple(seed):
    """A third of the spread, as an epoch of the data loader may give it."""
    assert DETECT(swinging((1000, 80, 0.2), (1000, 80, 0.2), seed=seed)) == []


@pytest.mark.parametrize("trend", [np.linspace(0, 8, 4000), np.linspace(0, 2.5, 4000) ** 2], ids=["line", "parabola"])
def test_a_trend_is_no_cycle(trend):
    """Outputs that drift apart."""
    run = synthetic.healthy(0, 4000)
    moved = {"d/real/mean": run.scalars["d/real/mean"] + trend, "d/fake/mean": run.scalars["d/fake/mean"] - trend}
    assert DETECT(replace(run, scalars=run.scalars.assign(**moved))) == []
