"""Rolling statistics over steps, and spells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gandiag.detectors.windows import (
    Spell,
    held,
    rolling_mean,
    rolling_median,
    rolling_std,
    side_by_side,
    spells,
    step_of_lowest,
    value_at,
)


def flags(pattern, first=1, every=1):
    """A boolean series by step from a text of dots and hashes."""
    return pd.Series([c == "#" for c in pattern], index=first + every * np.arange(len(pattern)))


def extents(found):
    return [(s.onset, s.last) for s in found]


@pytest.mark.parametrize(("rolling", "naive"), [(rolling_mean, np.mean), (rolling_median, np.median)])
def test_windows_count_steps_and_not_rows(rolling, naive):
    """On steps with gaps, against a naive loop: the value at a step is that of the rows of the 20 steps up to it."""
    rng = np.random.default_rng(0)
    steps = np.sort(rng.choice(np.arange(1, 300), 150, replace=False))
    series = pd.Series(rng.normal(size=150), index=steps, name="signal")
    expected = {}
    for step in steps:
        rows = series[(steps > step - 20) & (steps <= step)]
        if len(rows) >= 5:
            expected[step] = naive(rows)
    result = rolling(series, 20, min_rows=5)
    assert result.name == "signal"
    assert result.index.tolist() == list(expected)
    np.testing.assert_allclose(result, list(expected.values()))


@pytest.mark.parametrize("rolling", [rolling_mean, rolling_median])
def test_windows_are_trailing(rolling):
    """What comes later changes nothing before."""
    series = pd.Series(np.random.default_rng(0).normal(size=200), index=np.arange(1, 201))
    pd.testing.assert_series_equal(rolling(series.loc[:120], 30), rolling(series, 30).loc[:120])


@pytest.mark.parametrize("rolling", [rolling_mean, rolling_median])
def test_windows_leave_out_what_was_not_recorded(rolling):
    """NaN rows are as good as none; too few records give nothing at all."""
    series = pd.Series(np.arange(100.0), index=np.arange(1, 101))
    holed = series.where(series.index % 2 == 0)
    pd.testing.assert_series_equal(rolling(holed, 30), rolling(holed.dropna(), 30))
    assert rolling(series, 2).empty  # ten records are asked for
    assert rolling(series.iloc[:0], 30).empty


@pytest.mark.parametrize("rolling", [rolling_mean, rolling_median])
def test_windows_stretch_to_hold_what_is_recorded_at_every_tenth_step(rolling):
    """Fifty steps hold five of those: the window takes the last ten, and no more than twice its length."""
    series = pd.Series(np.arange(0.0, 1000.0), index=np.arange(1, 1001))
    tenth, fiftieth = series.loc[10::10], series.loc[50::50]
    assert rolling(tenth, 50).to_dict() == {step: step - 46.0 for step in range(100, 1001, 10)}
    assert rolling(fiftieth, 50).empty


def test_a_spell_is_a_maximal_run_of_rows():
    """With its first and last step, whether it reaches the end, and when it was certain."""
    assert spells(flags("..###..##")) == [Spell(3, 5, 3, ongoing=False), Spell(8, 9, 8, ongoing=True)]
    assert spells(flags("....")) == []
    assert spells(flags("")) == []


def test_short_spells_do_not_count():
    """Of three steps at least; certain at the third."""
    assert spells(flags("##..###.####"), min_steps=3) == [Spell(5, 7, 7, ongoing=False), Spell(9, 12, 11, ongoing=True)]


def test_the_length_of_a_spell_is_in_steps():
    """Three rows at every tenth step span 21 steps, whatever the number of rows."""
    pattern = flags(".###.", first=10, every=10)
    assert extents(spells(pattern, min_steps=21)) == [(20, 40)]
    assert spells(pattern, min_steps=22) == []


def test_the_weaker_condition_dates_a_spell_and_the_stronger_one_admits_it():
    """Both runs of the weak condition; the one without enough of the strong one does not count."""
    weak = flags("..######..####.")
    strong = flags("....##.....#...")
    assert spells(strong, weak, min_steps=2) == [Spell(3, 8, 6, ongoing=False)]
    assert extents(spells(strong, weak)) == [(3, 8), (11, 14)]


def test_a_strong_row_is_always_a_weak_one():
    """Where the weak condition is missing or false and the strong one holds, the spell goes on."""
    strong = flags(".###.")
    assert extents(spells(strong, flags(".#.#."))) == [(2, 4)]
    assert extents(spells(strong, flags(".#"))) == [(2, 4)]


def test_a_lead_dates_the_onset_earlier_but_not_before_the_record():
    """Half a smoothing window, say."""
    assert extents(spells(flags(".....###", first=100), lead_steps=3)) == [(102, 107)]
    assert extents(spells(flags(".....###", first=100), lead_steps=30)) == [(100, 107)]


def test_spells_close_together_are_bridged():
    """Two steps apart: one spell from the first onset, certain when the first was, ongoing if the last is."""
    pattern = flags("##.##....###")
    assert spells(pattern, bridge_steps=2) == [Spell(1, 5, 1, ongoing=False), Spell(10, 12, 10, ongoing=True)]
    assert spells(pattern, bridge_steps=5) == [Spell(1, 12, 1, ongoing=True)]


def test_spells_of_a_longer_record_only_extend_those_of_a_shorter_one():
    """On random patterns: those of any beginning are the first ones of the whole, the last of them perhaps shorter."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        weak = pd.Series(rng.random(80) < 0.7, index=np.arange(1, 81))
        strong = weak & (rng.random(80) < 0.6)
        options = {"min_steps": int(rng.integers(1, 4)), "lead_steps": 2, "bridge_steps": int(rng.integers(0, 6))}
        whole = spells(strong, weak, **options)
        for end in (20, 40, 60):
            cut = spells(strong.loc[:end], weak.loc[:end], **options)
            for short, long in zip(cut, whole, strict=False):
                assert (short.onset, short.certain) == (long.onset, long.certain)
                assert short.last <= long.last
            assert len(cut) <= len(whole)


def test_a_signal_of_another_cadence_is_held():
    """The last value up to each step, NaN before the first one, and nothing from later."""
    series = pd.Series([1.0, np.nan, 3.0], index=[4, 6, 8])
    result = held(series, pd.Index([3, 4, 5, 6, 7, 9]))
    np.testing.assert_array_equal(result, [np.nan, 1, 1, 1, 1, 3])
    assert value_at(series, 7) == 1.0
    assert np.isnan(value_at(series, 3))


def test_the_lowest_step_is_the_first_of_equals():
    """By step, not by position."""
    assert step_of_lowest(pd.Series([3.0, 1.0, 2.0, 1.0], index=[10, 20, 30, 40])) == 20


def test_signals_of_several_cadences_stand_side_by_side():
    """Under the steps of all, each held from its first value on; an infinite one is as none."""
    slow, fast = pd.Series([1.0, np.inf], index=[2, 4]), pd.Series([5.0, 6.0, 7.0], index=[1, 2, 3])
    frame = side_by_side({"slow": slow, "fast": fast})
    assert frame.index.tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(frame["slow"], [np.nan, 1, 1, 1])
    np.testing.assert_array_equal(frame["fast"], [5, 6, 7, 7])


def test_the_rolling_standard_deviation_is_that_of_the_window():
    """Trailing, of the values there are."""
    values = pd.Series(np.random.default_rng(0).random(60), index=np.arange(1, 61))
    result = rolling_std(values, 20)
    assert result.index[0] == 10
    assert result[60] == pytest.approx(np.std(values.iloc[-20:], ddof=1))
