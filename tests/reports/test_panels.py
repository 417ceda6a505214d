"""Which charts a report has."""

from __future__ import annotations

import doctest
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from gandiag import synthetic
from gandiag.findings import Diagnosis, Finding
from gandiag.reports import panels as module
from gandiag.reports.lines import lifted
from gandiag.reports.panels import (
    MAX_LINES,
    MAX_OWN_PANELS,
    Panel,
    finding_panels,
    general_panels,
    mode_heatmap,
    onset_markers,
)
from gandiag.reports.sparks import spark

if TYPE_CHECKING:
    from gandiag.rundir.run import Run

QUIET = Diagnosis(verdict="healthy", last_step=3000)


def drawn(run: Run, diagnosis: Diagnosis = QUIET) -> dict[str, Panel]:
    return {panel.title: panel for panel in general_panels(run, diagnosis)[0]}


def with_columns(**columns: np.ndarray) -> Run:
    run = synthetic.healthy(steps=200)
    own_layers = [name for name in run.scalars if "/layer/" in name]
    added = pd.DataFrame(columns, index=run.scalars.index)
    return replace(run, scalars=pd.concat([run.scalars.drop(columns=own_layers), added], axis=1))


def test_every_recorded_signal_is_drawn_or_named() -> None:
    """Nothing that was recorded is passed over in silence."""
    run = with_columns(own=np.arange(200.0), constant=np.ones(200), nothing=np.full(200, np.nan))
    panels, notes = general_panels(run, QUIET)
    shown = {line.name for panel in panels for line in panel.lines}
    silent = [name for name in map(str, run.scalars) if name not in shown and name not in " ".join(notes)]
    assert not silent
    assert {"own", "constant", "nothing"} - shown == {"constant", "nothing"}


def test_the_panels_follow_the_order_of_the_families() -> None:
    """Losses stand first, what the loop logged on its own stands last."""
    titles = list(drawn(with_columns(own=np.arange(200.0))))
    assert titles[0] == "Losses"
    assert titles[-1] == "own"
    assert titles.index("Gradient norms") < titles.index("Feedback from D to G") < titles.index("Modes")


def test_three_hundred_signals_of_the_loop_are_capped_and_the_rest_is_counted() -> None:
    """A report of a chatty loop stays readable and says what it leaves out."""
    run = synthetic.healthy(steps=200)
    own = pd.DataFrame({f"own {i}": np.arange(200.0) for i in range(300)}, index=run.scalars.index)
    run = replace(run, scalars=pd.concat([run.scalars, own], axis=1))
    panels, notes = general_panels(run, QUIET)
    assert sum(panel.title.startswith("own") for panel in panels) == MAX_OWN_PANELS
    assert any("276 more signals" in note for note in notes)


def test_layers_share_one_chart_per_network_with_the_ends_in_it() -> None:
    """Forty layers become twelve lines, from the first layer to the last."""
    layers = {f"grad/generator/layer/main.{i}": np.arange(200.0) + i for i in range(40)}
    panel = drawn(with_columns(**layers))["Gradient norms by layer: generator"]
    assert len(panel.lines) == MAX_LINES
    assert (panel.labels[0], panel.labels[-1]) == ("main.0", "main.39")
    assert "12 of 40" in panel.caption


@pytest.mark.parametrize(
    ("values", "log"),
    [
        (np.geomspace(1e-6, 1, 200), True),
        (np.linspace(1, 50, 200), False),
        (np.geomspace(1e-6, 1, 200) - 0.1, False),
        (np.r_[np.zeros(150), np.geomspace(1, 1e4, 50)], False),
        (np.r_[0.0, np.geomspace(1, 1e4, 199)], True),
    ],
)
def test_a_wide_positive_range_gets_a_logarithmic_axis(values: np.ndarray, log: bool) -> None:
    """Decades are readable only on a logarithmic axis; negative or mostly zero values have no place on it."""
    assert drawn(with_columns(own=values))["own"].log is log


def test_a_finding_is_charted_by_family_with_onset_spell_and_threshold(collapse: Finding) -> None:
    """The chart shows the columns, where it set in, how long it held and what it was compared with."""
    run = synthetic.mode_collapse()
    panels, notes = finding_panels(run, replace(collapse, columns=(*collapse.columns, "d/auc2")), 1)
    assert [line.name for panel in panels for line in panel.lines] == list(collapse.columns)
    assert all(panel.markers[0].step == collapse.onset_step for panel in panels)
    assert all(panel.spell == (collapse.onset_step, collapse.last_step) for panel in panels)
    assert [t.value for t in panels[0].thresholds] == [0.3]
    assert not panels[1].thresholds
    assert "d/auc2" in notes[0]


def test_close_onsets_share_one_label(collapse: Finding) -> None:
    """Labels of onsets a few steps apart do not overprint each other; each onset keeps its line."""
    findings = [replace(collapse, onset_step=step) for step in (1500, 1510, 2500)]
    markers = onset_markers(synthetic.healthy(), findings)
    assert [(m.step, m.label) for m in markers] == [(1500, "1, 2"), (1510, ""), (2500, "3")]


def test_labels_of_many_onsets_are_ranges_and_leave_room(collapse: Finding) -> None:
    """The demo's six onsets: five as close as a label is wide, and one beside them."""
    assert doctest.testmod(module).failed == 0
    findings = [replace(collapse, onset_step=step) for step in (961, 1015, 1050, 1050, 1100, 1341)]
    markers = onset_markers(synthetic.healthy(steps=2400), findings)
    assert [m.label for m in markers if m.label] == ["1–5", "6"]


def test_zeros_are_drawn_at_the_lower_end_of_a_logarithmic_axis() -> None:
    """A loss that comes to exactly 0 does not vanish from its chart."""
    falling = np.where(np.arange(200) < 150, 10.0 ** -np.linspace(0, 6, 200), 0.0)
    panel = drawn(with_columns(own=falling))["own"]
    assert panel.log
    assert panel.floor == min(v for v in panel.lines[0].y if v > 0)
    assert min(lifted(panel.lines[0].y, panel.floor)) == panel.floor
    assert "lower end" in panel.caption
    small = spark(panel).lines[0].path
    assert small.endswith(" 100.0")
    assert float(small.rpartition("L")[2].split()[0]) == 200


def test_the_charts_of_both_losses_say_whose_line_is_whose() -> None:
    """By letters beside the name; other charts have none."""
    panels = drawn(synthetic.healthy(steps=200))
    assert sorted(letter for letter, _, _ in spark(panels["Losses"]).key) == ["D", "G"]
    assert spark(panels["Diversity, generated over real"]).key == ()


def test_the_mode_histogram_becomes_shares_of_a_bounded_size() -> None:
    """Counts are shown as shares, and a long run over 1,000 modes stays small."""
    steps = np.arange(1, 1001)
    counts = np.ones((1000, 1000))
    run = replace(synthetic.healthy(), arrays={"modes/histogram": (steps, counts)})
    heatmap = mode_heatmap(run, QUIET)
    assert heatmap is not None
    assert len(heatmap.shares) == 1000
    assert len(heatmap.steps) <= 40
    assert (heatmap.steps[0], heatmap.steps[-1]) == (1, 1000)
    assert np.sum(heatmap.shares, axis=0) == pytest.approx(1)


def test_an_empty_histogram_is_no_chart() -> None:
    """Without histograms there is no heat map."""
    assert mode_heatmap(synthetic.healthy(), QUIET) is None
