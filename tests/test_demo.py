"""The main job on real data: what fails is named, what works is left alone."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from click.testing import CliRunner

import gandiag
from gandiag.cli.main import main
from gandiag.rundir.run import Run
from gandiag.zoo.events import LearningRates, at
from gandiag.zoo.recipes.digits import DEMO
from gandiag.zoo.training import train

HEALTHY, COLLAPSING = DEMO


@pytest.mark.slow
def test_the_demo_tells_the_healthy_run_from_the_collapsing_one(tmp_path):
    """Both verdicts, both reports, and the exit codes of check."""
    done = CliRunner().invoke(main, ["demo", "--out", str(tmp_path), "--json"], catch_exceptions=False)
    healthy, collapsing = json.loads(done.output)
    assert healthy["verdict"] == "healthy"
    assert not [f for f in healthy["findings"] if f["severity"] == "failure"]
    assert collapsing["verdict"] == "failing"
    assert {f["code"] for f in collapsing["findings"]} >= {"mode-collapse", "sample-collapse"}
    codes = [CliRunner().invoke(main, ["check", r["run_dir"]]).exit_code for r in (healthy, collapsing)]
    assert codes == [0, 1]
    for result in (healthy, collapsing):
        assert (tmp_path / result["run"] / "report.html").exists()
        assert (tmp_path / result["run"] / "report.pdf").exists()
    run = Run.open(tmp_path / "collapsing")
    shares = run.series("modes/effective")
    lost = int(shares.index[(shares < 8) & (shares.index > 0.2 * COLLAPSING.steps)][0])
    for finding in collapsing["findings"]:
        if finding["code"].endswith("-collapse"):
            assert abs(finding["onset_step"] - lost) <= 0.2 * COLLAPSING.steps, finding
    assert [e["code"] for e in run.events if e["kind"] == "finding"], "nothing was found live"


@pytest.mark.slow
def test_collapse_is_seen_without_labels(tmp_path):
    """No modes=: diversity names the collapse, and cells of the data name what is lost."""
    train(COLLAPSING, run_dir=tmp_path / "run", modes=None)
    run = Run.open(tmp_path / "run")
    diagnosis = gandiag.diagnose(run)
    assert diagnosis.verdict == "failing"
    for code in ("sample-collapse", "mode-collapse"):
        (finding,) = [f for f in diagnosis.findings if f.code == code]
        assert abs(finding.onset_step - 0.4 * COLLAPSING.steps) <= 0.2 * COLLAPSING.steps


@pytest.mark.slow
def test_collapse_is_seen_while_both_losses_stay_near_log_2(tmp_path):
    """G learns 250 times faster than D from the start: losses look like equilibrium, samples are all alike."""
    recipe = replace(HEALTHY, steps=2000, events=at(0.0, LearningRates(generator=5e-3, discriminator=2e-5)))
    train(recipe, run_dir=tmp_path / "run", modes=None)
    run = Run.open(tmp_path / "run")
    for loss, halves in (("loss/generator", 1), ("loss/discriminator", 2)):
        late = run.series(loss).loc[400:] / halves  # D's loss is the sum of a real and a generated half
        assert abs(late.median() - math.log(2)) < 0.07
        assert late.rolling(50).mean().sub(math.log(2)).abs().max() < 0.25
    diagnosis = gandiag.diagnose(run)
    assert diagnosis.verdict == "failing"
    assert "sample-collapse" in {f.code for f in diagnosis.findings}


@pytest.mark.slow
def test_a_killed_demo_leaves_a_run_that_can_be_judged(tmp_path):
    """kill -9 in the middle: report and diagnose read what was flushed."""
    command = [
        sys.executable,
        "-m",
        "gandiag.cli.main",
        "demo",
        "--recipe",
        "healthy",
        "--out",
        str(tmp_path),
        "--steps",
        "100000",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    parts = tmp_path / "healthy" / "scalars"
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not list(parts.glob("*.parquet")):
            time.sleep(0.1)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    run_dir = str(tmp_path / "healthy")
    diagnosed = CliRunner().invoke(main, ["diagnose", run_dir], catch_exceptions=False)
    ended = f"killed: process {process.pid} ended without closing the run"
    assert ended in " ".join(diagnosed.output.split())
    assert CliRunner().invoke(main, ["report", run_dir], catch_exceptions=False).exit_code == 0
    assert Run.open(run_dir).meta["status"] == "running"


def test_a_second_demo_keeps_the_first(tmp_path):
    """Runs are numbered, nothing is overwritten."""
    arguments = ["demo", "--recipe", "healthy", "--steps", "5", "--out", str(tmp_path), "--json"]
    for _ in range(2):
        assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["healthy", "healthy-2"]
    assert Run.open(tmp_path / "healthy").last_step == 5


def test_an_unknown_recipe_is_answered_with_the_known_ones():
    """One sentence, exit 2."""
    result = CliRunner().invoke(main, ["demo", "--recipe", "good"])
    assert result.exit_code == 2
    assert "--recipe: expected healthy or collapsing, found 'good'" in result.stderr
