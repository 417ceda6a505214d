"""Players that circle each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.oscillation import OUTPUTS, Oscillation

CERTAIN_AFTER = 5 * 512 // 4

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


def circling(size=4.0, growth=1.0, seed=0, spread=None, period=80):
    """A healthy run whose generated batch circles with a radius `size`; real samples lie 5 apart, or `spread`."""
    run = synthetic.healthy(seed, 4000)
    since = np.clip(run.scalars.index.to_numpy() - 1000, 0, None)
    radius = size * growth ** (since / period) * np.clip(since / period, 0, 1)
    moved = {
        f"centre/fake/{i}": run.scalars[f"centre/fake/{i}"] + radius * turn(2 * np.pi * since / period)
        for i, turn in ((1, np.sin), (2, np.cos))
    }
    if spread is not None:
        moved["diversity/real"] = spread
    return replace(run, scalars=run.scalars.assign(**moved))


@pytest.mark.parametrize("seed", range(5))
def test_samples_that_circle_are_a_failure(seed):
    """As wide as the data, cycle after cycle: dated within a period, whatever D's outputs do."""
    (found,) = DETECT(circling(seed=seed))
    assert (found.severity, found.ongoing) == ("failure", True)
    assert abs(found.onset_step - 1000) <= 80
    assert found.evidence[0].value == pytest.approx(4 / 5, rel=0.15)
    assert found.summary.startswith("Generated samples swing with a period of 8")


@pytest.mark.parametrize(("momentum", "offered"), [(None, True), (0.9, True), (0.0, False)])
def test_momentum_is_lowered_only_where_there_is_some(momentum, offered):
    """Of SGD without momentum, or an Adam with a beta1 of 0, nothing is left to lower."""
    told = {} if momentum is None else {"optimizers": {"generator": {"momentum": momentum}}}
    (found,) = DETECT(replace(circling(), meta=told))
    assert ("lower-beta1" in {remedy.name for remedy in found.remedies}) == offered


@pytest.mark.parametrize("run", [circling(size=1.0), circling(size=8.0, growth=0.8)], ids=["small", "damped"])
def test_samples_that_wobble_or_come_to_rest_are_left_alone(run):
    """A fifth of the distance between real samples; or circles that shrink by a fifth each."""
    assert DETECT(run) == []


def test_data_without_spread_have_no_scale():
    """Dirac-GAN: all real samples are equal, and any circle that lasts is one."""
    assert len(DETECT(circling(size=1.0, spread=0.0))) == 1


def outwards(steps=1000, factor=1.15):
    """Swings that grow and take ever longer, as Dirac-GAN's under simultaneous updates; no real spread."""
    run = synthetic.healthy(0, steps)
    phase = 2 * np.pi * 8 * np.log1p(np.arange(steps) / 100)
    path = factor ** (phase / np.pi) * np.sin(phase)
    columns = {
        "centre/fake/1": path,
        "centre/fake/2": 0.0,
        "diversity/real": 0.0,
        "d/fake/mean": 0.0,
        "d/real/mean": 0.0,
    }
    return replace(run, scalars=run.scalars.assign(**columns))


def test_a_spiral_is_found_though_its_turns_take_ever_longer():
    """No window holds a period; the turning points lie ever farther out. To the end of what was recorded."""
    (found,) = DETECT(outwards())
    assert (found.severity, found.ongoing) == ("failure", True)
    assert found.evidence[1].value == pytest.approx(1.15**2, rel=0.1)


def test_a_spiral_backwards_comes_to_rest():
    """Direction: the same path in reverse."""
    run = outwards()
    back = run.scalars.assign(**{"centre/fake/1": run.scalars["centre/fake/1"].to_numpy()[::-1]})
    assert DETECT(replace(run, scalars=back)) == []


@pytest.mark.parametrize("seed", range(3))
def test_circles_that_died_away_were_damped_after_all(seed):
    """As wide as the data for 1,500 steps, and at rest for as long: a warning that says so."""
    run = circling(seed=seed, size=4.0)
    rest = run.scalars.index.to_numpy() > 2500
    centres = {n: run.scalars[n].where(~rest, 0.01 * run.scalars[n]) for n in ("centre/fake/1", "centre/fake/2")}
    (found,) = DETECT(replace(run, scalars=run.scalars.assign(**centres)))
    assert (found.severity, found.ongoing) == ("warning", False)
    assert "had died away" in found.summary
    assert abs(found.last_step - 2500) <= 128


def test_circles_that_grew_and_then_ended_are_not_called_damped():
    """Each a twentieth larger than the last up to step 2,500, and at rest from there on."""
    run = circling(size=3.0, growth=1.05)
    rest = run.scalars.index.to_numpy() > 2500
    centres = {n: run.scalars[n].where(~rest, 0.01 * run.scalars[n]) for n in ("centre/fake/1", "centre/fake/2")}
    (found,) = DETECT(replace(run, scalars=run.scalars.assign(**centres)))
    assert "damped" not in found.summary
    assert "growing while they lasted: each cycle 1.05 times" in found.summary


@pytest.mark.parametrize(("regular", "expected"), [(True, 1), (False, 0)])
def test_four_swings_are_a_spiral_only_where_they_grow_by_one_factor(regular, expected):
    """Turns at 100, 250, 500, 900 and 1,600 of 2,000 steps, no fifth swing: growth by 1.2 each, or by chance."""
    turns = np.array([0, 100, 250, 500, 900, 1600, 2000])
    heights = np.cumsum([0, 1, -1.2, 1.44, -1.728, 2.07, -1] if regular else [0, 1, -1.05, 1.5, -1.55, 2.5, -1])
    run = outwards(steps=2000)
    path = np.interp(np.arange(2000), turns, heights)
    assert len(DETECT(replace(run, scalars=run.scalars.assign(**{"centre/fake/1": path})))) == expected


@pytest.mark.parametrize(("epoch", "found"), [(40, 0), (80, 0), (160, 0), (60, 1), (None, 1)])
def test_a_cycle_of_the_data_loader_is_left_out_where_the_epoch_is_told(epoch, found):
    """Outputs that swing every 40 steps: an epoch of as many, twice or four times as many makes them; else the game."""
    run = synthetic.oscillation(at=1000, period=40)
    told = {} if epoch is None else {"steps_per_epoch": epoch}
    assert len(DETECT(replace(run, meta=run.meta | {"hyperparameters": told}))) == found


def recorded_every(run, every, since=32):
    """A run as a plan records it: every step at first, then one in so many."""
    rows = run.scalars.copy()
    rows.loc[(rows.index > since) & (rows.index % every != 0)] = np.nan
    return replace(run, scalars=rows)


@pytest.mark.parametrize("every", [2, 4, 8])
@pytest.mark.parametrize("period", [32, 80, 200])
def test_a_cycle_is_found_at_the_intervals_of_a_plan(every, period):
    """With the same severity as at every step; the onset as exact as half a window that holds such cycles."""
    run = circling(period=period)
    (full,), (rarer,) = DETECT(run), DETECT(recorded_every(run, every))
    assert rarer.severity == full.severity == "failure"
    assert rarer.ongoing
    assert abs(rarer.onset_step - full.onset_step) <= 1024


@pytest.mark.parametrize("every", [2, 8, 10])
def test_noise_that_is_recorded_more_rarely_later_does_not_grow(every):
    """Means of many values at first, single ones later: no swings that grow. Sixty seeds."""
    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        run = circling(size=0.0, seed=seed)
        noise = {f"centre/fake/{i}": 0.3 * rng.normal(size=len(run.scalars)) for i in (1, 2)}
        run = replace(run, scalars=run.scalars.assign(**noise, **{"diversity/real": 2.54}))
        found += DETECT(recorded_every(run, every, since=600))
    assert not found


def test_a_record_too_rare_for_any_window_is_not_looked_at():
    """One value in forty steps: no score at all, so that nobody is cleared."""
    assert DETECT.score(recorded_every(circling(), 40, since=0).until(1500)).empty
