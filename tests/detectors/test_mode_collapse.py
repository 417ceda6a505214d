"""Modes that were lost, seen through labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.mode_collapse import ModeCollapse

CERTAIN_AFTER = 100

DETECT = ModeCollapse()


def covering(effective, steps=3000, expected=10.0):
    """A run with `effective` modes of `expected`, by a function of the step, recorded every 50 steps."""
    run = synthetic.healthy(steps=steps)
    checks = run.scalars.index.to_numpy()
    covered = effective(checks)
    missing = np.maximum(np.floor(expected - covered), 0)
    values = {
        "modes/expected_effective": expected,
        "modes/nearest/effective": covered,
        "modes/nearest/missing": missing,
    }
    frame = run.scalars.assign(**values)
    modes = [name for name in frame if name.startswith("modes/")]
    frame.loc[checks % 50 != 0, modes] = np.nan
    return replace(run, scalars=frame)


def uneven_modes(effective):
    """A run that has all ten modes until step 1,500, and then all of them in very unequal shares."""
    run = covering(lambda t: np.where(t < 1500, 10.0, effective))
    return replace(
        run, scalars=run.scalars.assign(**{"modes/nearest/missing": 0 * run.scalars["modes/nearest/missing"]})
    )


def without_labels(run, lost, effective):
    """The run without mode signals, with cells of the data lost by a function of the step."""
    steps = run.scalars.index.to_numpy()
    frame = run.scalars.drop(columns=[name for name in run.scalars if name.startswith("modes/")])
    columns = {"bins/lost": lost(steps), "bins/effective": effective(steps)}
    return replace(run, scalars=frame.assign(**{k: np.where(steps % 50 == 0, v, np.nan) for k, v in columns.items()}))


@pytest.mark.parametrize("seed", range(5))
def test_lost_modes_are_found_at_the_first_histogram_that_shows_them(seed):
    """Dated within two histograms, which stand 50 steps apart; two of ten left are a failure."""
    (found,) = DETECT(synthetic.mode_collapse(at=1500, seed=seed))
    assert 1500 <= found.onset_step <= 1600
    assert (found.severity, found.ongoing) == ("failure", True)


def test_severity_follows_what_is_left():
    """Eight of ten, or six uneven ones, are a failure, seven and a half uneven ones a warning, nine nothing."""
    found = {left: DETECT(covering(lambda t, n=left: np.where(t < 1500, 10.0, n))) for left in (9.0, 8.0)}
    uneven = {left: DETECT(uneven_modes(left)) for left in (9.0, 7.0, 5.5)}
    assert [[f.severity for f in findings] for findings in uneven.values()] == [[], ["warning"], ["failure"]]
    assert [[f.severity for f in findings] for findings in found.values()] == [[], ["failure"]]


def test_one_bad_histogram_is_chance():
    """One alone is nothing, two in a row are a finding that is over."""
    assert DETECT(covering(lambda t: np.where(t == 1500, 2.0, 10.0))) == []
    (found,) = DETECT(covering(lambda t: np.where((t >= 1500) & (t < 1600), 2.0, 10.0)))
    assert (found.onset_step, found.last_step, found.ongoing) == (1500, 1550, False)


def test_modes_that_are_not_reached_yet_are_not_lost():
    """A generator that takes 2,000 steps to cover them all; one that never does counts, dated half a grace earlier."""
    assert DETECT(covering(lambda t: np.clip(t / 200, 1, 10))) == []
    (found,) = DETECT(covering(lambda t: np.full(len(t), 2.0)))
    assert 500 <= found.onset_step <= 600
    assert DETECT(covering(lambda t: np.full(len(t), 2.0), steps=1000)) == []


def test_an_untrained_generator_may_cover_everything_by_chance():
    """All modes in the first two histograms, two afterwards, all again from step 800: nothing was lost."""
    assert DETECT(covering(lambda t: np.where((t <= 100) | (t >= 800), 10.0, 2.0))) == []


def test_modes_once_covered_are_lost_at_once():
    """Early in training too: no grace for a generator that had them."""
    (found,) = DETECT(covering(lambda t: np.where(t < 300, 10.0, 2.0)))
    assert 300 <= found.onset_step <= 400


def test_lost_parts_of_the_data_are_found_without_labels():
    """A third of the data in cells without generated samples: a failure; a tenth is nothing."""
    quiet = lambda t: np.full(len(t), 0.97)  # noqa: E731
    (found,) = DETECT(without_labels(synthetic.healthy(), lambda t: np.where(t < 1500, 0.02, 0.33), quiet))
    assert (found.onset_step, found.severity) == (1500, "failure")
    assert "33% of the data" in found.summary
    assert DETECT(without_labels(synthetic.healthy(), lambda t: np.where(t < 1500, 0.02, 0.09), quiet)) == []


def test_labels_count_more_than_cells():
    """Cells are lost while every labelled mode is covered: a look-alike, as when G is smoother than the data."""
    run = synthetic.healthy()
    frame = run.scalars.assign(**{"bins/lost": run.scalars["bins/lost"] + 0.4})
    assert DETECT(replace(run, scalars=frame)) == []


def test_more_modes_than_the_data_have_are_no_collapse():
    """Direction: generated over expected, not the other way round."""
    assert DETECT(covering(lambda t: np.where(t < 1500, 4.0, 10.0), expected=4.0)) == []
    assert len(DETECT(covering(lambda t: np.where(t < 1500, 10.0, 4.0), expected=10.0))) == 1


def test_uneven_data_are_compared_with_their_own_evenness():
    """Four effective modes of four expected, whatever the number of labels: nothing is missing."""
    assert DETECT(covering(lambda t: np.full(len(t), 3.9), expected=4.0)) == []


@pytest.mark.parametrize(("last", "severity"), [(1650, "warning"), (2400, "failure")])
def test_what_is_covered_again_soon_only_warns(last, severity):
    """Two of ten modes for 150 steps, and for 900."""
    (found,) = DETECT(covering(lambda t: np.where((t >= 1500) & (t <= last), 2.0, 10.0)))
    assert (found.severity, found.ongoing) == (severity, False)
    assert found.summary == f"From step 1,500 to {last:,} the generator lacked up to 80% of the modes"


def test_the_modes_that_were_lost_are_named_where_there_are_samples_enough():
    """Modes 4 and 11 of twelve, of 1,000 samples; ten samples tell of no mode that it is lost."""
    late = np.arange(1, 3001) >= 1500
    lost = {4, 11}
    shares = {f"modes/share/{k}": np.where(late, 0.0 if k in lost else 0.1, 1 / 12) for k in reversed(range(12))}
    run = covering(lambda t: np.where(t < 1500, 12.0, 10.0), expected=12.0)
    run = replace(run, scalars=run.scalars.drop(columns=run.names("modes/share/<class>")).assign(**shares))
    (found,) = DETECT(run)
    assert "2 of 12 (4, 11) have less than a tenth of their share" in found.summary
    assert found.summary.endswith("(1,000 samples, 99% confidence)")
    (found,) = DETECT(replace(run, scalars=run.scalars.assign(**{"modes/samples": 10.0})))
    assert "share each" not in found.summary


@pytest.mark.parametrize(("share", "found"), [(0.1, 1), (0.02, 0)])
def test_a_rare_part_of_the_data_that_is_never_drawn_is_a_warning(share, found):
    """A tenth of the data in cells that nothing comes near, from the first histogram to the last."""
    run = without_labels(synthetic.healthy(), lambda t: np.full(len(t), share), lambda t: np.full(len(t), 0.95))
    run = replace(run, scalars=run.scalars.assign(**{"bins/unreached": run.scalars["bins/lost"]}))
    findings = DETECT(run)
    assert [(f.severity, f.ongoing) for f in findings] == [("warning", True)] * found
    assert all("10% of the data" in f.summary and "3,000 samples" in f.summary for f in findings)


@pytest.mark.parametrize(("groups", "severity"), [(0.25, "failure"), (0.04, "warning")])
def test_a_rare_part_is_a_failure_where_it_is_one_of_few(groups, severity):
    """Four per cent of the data: one category of four, or one mode of a grid of 25."""
    run = without_labels(synthetic.healthy(), lambda t: np.full(len(t), 0.04), lambda t: np.full(len(t), 0.95))
    out = run.scalars["bins/lost"]
    columns = {"bins/unreached": out, "bins/unreached_groups": out * groups / 0.04}
    run = replace(run, scalars=run.scalars.assign(**columns))
    assert [f.severity for f in DETECT(run)] == [severity]


@pytest.mark.parametrize(
    ("since", "until", "severity"), [(0, 3000, "failure"), (1500, 3000, "failure"), (500, 1500, "warning")]
)
def test_a_category_that_a_table_loses_is_a_failure_while_it_is_lost(since, until, severity):
    """Four per cent of the rows, never drawn, or no longer; what comes back only warns."""
    run = without_labels(synthetic.healthy(), lambda t: np.zeros(len(t)), lambda t: np.full(len(t), 0.95))
    steps, looked = run.scalars.index.to_numpy(), run.scalars["bins/lost"].notna()
    out = np.where(looked, 0.04 * ((steps >= since) & (steps <= until)), np.nan)
    of = {"columns/unreached": out, "columns/unreached_column": 7.0, "columns/unreached_value": 1.0}
    run = replace(run, scalars=run.scalars.assign(**of))
    (found,) = DETECT(run)
    assert (found.severity, found.ongoing) == (severity, until == 3000)
    assert "the value 1 in column 7 (counted from 0), as 4% of the real ones have" in found.summary
    assert found.summary.startswith("Up to step 3,000" if since == 0 else f"From step {found.onset_step:,} ")
    assert "training-by-sampling" in {remedy.name for remedy in found.remedies}
    assert abs(found.onset_step - since) <= 50 or (since == 0 and found.onset_step <= DETECT.grace_steps)


def test_of_two_categories_the_one_that_is_missing_now_is_named():
    """15 % in column 4 come back when 4 % in column 9 go."""
    run = without_labels(synthetic.healthy(), lambda t: np.zeros(len(t)), lambda t: np.full(len(t), 0.95))
    steps, looked = run.scalars.index.to_numpy(), run.scalars["bins/lost"].notna().to_numpy()
    shares, columns = (
        np.select([steps < 1000, steps < 2000], of, last) for of, last in (((0, 0.15), 0.04), ((0, 4), 9))
    )
    of = {"columns/unreached": shares, "columns/unreached_column": columns, "columns/unreached_value": 1}
    gaps = {name: np.where(looked, values, np.nan) for name, values in of.items()}
    (found,) = DETECT(replace(run, scalars=run.scalars.assign(**gaps)))
    assert "in column 9 (counted from 0), as 4% of the real ones have" in found.summary


def test_a_category_lost_is_not_told_beside_a_collapse():
    """Where much of the data is lost, so are its categories."""
    run = without_labels(synthetic.healthy(), lambda t: np.full(len(t), 0.5), lambda t: np.full(len(t), 0.5))
    run = replace(run, scalars=run.scalars.assign(**{"columns/unreached": run.scalars["bins/lost"]}))
    (found,) = DETECT(run)
    assert "50% of the data" in found.summary


def test_cells_lost_at_the_edge_of_what_is_drawn_are_no_rare_mode():
    """A tenth of the data is in cells that are lost, but near which samples come: G is smoother than the data."""
    run = without_labels(synthetic.healthy(), lambda t: np.full(len(t), 0.1), lambda t: np.full(len(t), 0.95))
    assert DETECT(run) == []


def test_a_generator_that_never_covered_the_modes_did_not_lose_them():
    """Two of ten from the start, and from step 1,500 on; what there was before can be had back."""
    (never,) = DETECT(covering(lambda t: np.full(len(t), 2.0)))
    (lost,) = DETECT(covering(lambda t: np.where(t < 1500, 10.0, 2.0)))
    assert "never covered the modes: at step 3,000 it lacks 80% of the modes" in never.summary
    assert "lost 80% of the modes" in lost.summary
    assert "roll-back" in {r.name for r in lost.remedies} - {r.name for r in never.remedies}


def test_a_slow_generator_that_covers_the_modes_at_last_only_learned():
    """Stalled from step 600 to 1,700, and then there: mentioned, once it is known."""
    run = covering(lambda steps: np.select([steps < 600, steps < 1700], [3 + steps / 150, 7.5], 10.0))
    (during,) = DETECT(run.until(1600))
    assert (during.severity, during.ongoing) == ("failure", True)
    (after,) = DETECT(run)
    assert (after.severity, after.ongoing) == ("info", False)


def test_what_falls_before_all_is_covered_is_dated_where_it_falls():
    """It learned until step 1,200; the grace ends only later."""
    run = covering(lambda steps: np.where(steps < 1200, 2 + steps / 200, 2.0))
    (found,) = DETECT(run)
    assert (found.severity, found.ongoing) == ("failure", True)
    assert 1200 <= found.onset_step <= 1260
