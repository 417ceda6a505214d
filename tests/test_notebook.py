"""Runs, diagnoses and findings where they are met in Python: by path, in notebooks, by names nearly right."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import gandiag
from gandiag import synthetic
from gandiag.cli.main import main
from gandiag.rundir.recorder import Recorder

HOSTILE = "<script>alert(1)</script> <b>bold</b> \x1b[31m \u202e"


@pytest.fixture(scope="module")
def collapsed(tmp_path_factory):
    """A collapsed run as a directory."""
    folder = tmp_path_factory.mktemp("runs") / "collapsed"
    run, recorder = synthetic.mode_collapse(at=700, steps=1500), Recorder(folder)
    columns = {name: run.scalars[name].to_numpy() for name in run.scalars}
    recorder.append(run.scalars.index.to_numpy(), np.zeros(len(run.scalars)), columns)
    recorder.close()
    return folder


@pytest.fixture(scope="module")
def diagnosis(collapsed):
    return gandiag.diagnose(collapsed)


def test_a_path_is_enough(collapsed, diagnosis, tmp_path):
    """`diagnose` and `reports.write` take a directory where they take a run."""
    assert diagnosis == gandiag.diagnose(gandiag.Run.open(collapsed)) == gandiag.diagnose(str(collapsed))
    written = gandiag.reports.write(collapsed, diagnosis, tmp_path)
    assert [path.rpartition("/")[2] for path in written] == ["report.html", "report.pdf"]
    with pytest.raises(gandiag.RunError, match="no such run directory"):
        gandiag.diagnose(tmp_path / "none")
    with pytest.raises(gandiag.RunError, match="folder= is needed"):
        gandiag.reports.write(synthetic.healthy(steps=20), diagnosis)


def test_they_are_told_in_a_line(collapsed, diagnosis):
    """A repr is no dump of a table."""
    run = gandiag.Run.open(collapsed)
    assert repr(run) == f"<Run {collapsed}: 1,500 steps, {run.scalars.shape[1]} signals, closed>"
    assert re.fullmatch(r"<Diagnosis failing, 1,500 steps: .*mode-collapse.* from step [\d,]+.*>", repr(diagnosis))
    assert re.fullmatch(r"<Finding \S+: failure from step [\d,]+, ongoing>", repr(diagnosis.findings[0]))


def test_notebooks_show_them_small_and_without_scripts(collapsed, diagnosis):
    """Whatever stands in a run's files is text."""
    finding = replace(diagnosis.findings[0], code=HOSTILE, summary=HOSTILE)
    run = gandiag.Run.open(collapsed)
    run = replace(run, path=HOSTILE, meta={**run.meta, "status": "crashed", "reason": HOSTILE}, damage=(HOSTILE,))
    for shown in (finding, replace(diagnosis, findings=(finding,), missing=(HOSTILE,)), run):
        page = shown._repr_html_()
        assert "&lt;script&gt;" in page
        assert not re.search("<script|<b>bold|[\x1b\u202e]", page)
        assert len(page) < 10_000
    assert "mode-collapse" in diagnosis._repr_html_()


def test_show_prints_what_is_to_be_done(diagnosis, capsys):
    """Outside a notebook it is text."""
    diagnosis.show()
    shown = capsys.readouterr().out
    assert shown.startswith("FAILING  1,500 steps")
    assert "Try: " in shown
    assert max(map(len, shown.splitlines())) <= 100 or "What led to what" in shown


def test_signals_are_plotted_with_the_onsets(collapsed, diagnosis, tmp_path):
    """A figure of the report's charts, one for each group, shown as SVG and saved in any format."""
    run = gandiag.Run.open(collapsed)
    chart = run.plot("diversity/ratio", "d/real/mean", "d/fake/mean", diagnosis=diagnosis)
    assert len(chart.figure.axes) == 2
    assert "<svg" in chart._repr_svg_()
    chart.save(tmp_path / "chart.png")
    assert (tmp_path / "chart.png").stat().st_size > 1000
    assert repr(chart).startswith("<Chart D outputs: mean, ")
    assert len(run.plot("grad/<net>/norm").figure.axes[0].lines) >= 2


def test_a_name_nearly_right_is_answered_with_the_right_one(collapsed):
    """A signal or a failure that nobody knows is no empty answer; one that was not recorded is."""
    run = gandiag.Run.open(collapsed)
    with pytest.raises(LookupError, match="no such signal: 'd/acu'; did you mean d/auc"):
        run.series("d/acu")
    with pytest.raises(LookupError, match="did you mean d/auc"):
        run.plot("d/acu")
    with pytest.raises(LookupError, match="nothing was recorded of quality/fid"):
        run.plot("quality/fid")
    with pytest.raises(LookupError, match="name the signals"):
        run.plot()
    assert run.series("quality/fid").empty
    assert run.series("d.patch/auc").empty
    said = CliRunner().invoke(main, ["explain", "mode_collapse"])
    assert said.exit_code == 2
    assert said.stderr == "gandiag: no failure is called 'mode_collapse'; did you mean mode-collapse?\n"
