"""Many runs beside each other: rows, tables, the page, and which settings separate the failing ones."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pytest
from click.testing import CliRunner

import gandiag
from gandiag import synthetic
from gandiag.cli.main import main
from gandiag.compare import Comparison, Row, compare, find_runs, look, separating
from gandiag.compare.overlay import names, overlays
from gandiag.compare.separating import separate
from gandiag.judge.policy_files import Setting
from gandiag.rundir.recorder import Recorder
from gandiag.rundir.snapshots import encode

HOSTILE = "<script>alert(1)</script> \"'><img src=x onerror=alert(1)> \x1b[31m \u202e"


def record(folder, run, **settings):
    """A synthetic run as a directory, with settings and a snapshot."""
    recorder = Recorder(folder)
    frame = run.scalars
    recorder.append(frame.index.to_numpy(), np.zeros(len(frame)), {n: frame[n].to_numpy() for n in frame})
    recorder.sample(run.last_step, *encode(np.linspace(-1, 1, 256).reshape(4, 1, 8, 8)))
    recorder.write_meta(loss_family=run.meta["loss_family"], hyperparameters=settings)
    recorder.close()
    return folder


@pytest.fixture(autouse=True)
def _fewer_shuffles(monkeypatch):
    """Enough for a p-value of 0.025."""
    monkeypatch.setattr(separating, "SHUFFLES", 39)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Two healthy runs, a collapsed one, and one each that is damaged, without a step, and no run at all."""
    folder = tmp_path_factory.mktemp("runs") / "sweep"
    record(folder / "good", synthetic.healthy(steps=1500), lr_d=1e-4, adam={"beta1": 0.5}, note=HOSTILE)
    record(folder / "also", synthetic.healthy(1, steps=1500), lr_d=2e-4, adam={"beta1": 0.5}, note="=1+1")
    record(folder / "bad", synthetic.mode_collapse(at=700, steps=1500), lr_d=1e-2, adam={"beta1": 0.5}, note="plain")
    part = next((shutil.copytree(folder / "also", folder / "cut") / "scalars").iterdir())
    part.write_bytes(part.read_bytes()[:-50])
    Recorder(folder / "empty").close()
    (folder / "torn").mkdir()
    (folder / "torn" / "run.json").write_text('{"schema": ')
    return folder


@pytest.fixture(scope="module")
def found(sweep):
    return compare([sweep, sweep / "gone"], processes=1)


def rows_of(settings):
    """Rows with these settings, failing where `settings` says so under `fails`."""
    return [
        Row(f"runs/{i}", "failing" if s["fails"] else "healthy", settings={k: v for k, v in s.items() if k != "fails"})
        for i, s in enumerate(settings)
    ]


def test_every_run_is_a_row_whatever_its_state(found):
    """Verdict, first failure, best step and settings; what cannot be read says why and costs nobody else."""
    rows = {Path(row.path).name: row for row in found.rows}
    assert {name: row.verdict for name, row in rows.items()} == {
        "also": "healthy", "bad": "failing", "cut": "unreadable", "empty": "undecided", "good": "healthy",
        "gone": "unreadable", "torn": "unreadable",
    }  # fmt: skip
    assert rows["bad"].onset_step == pytest.approx(700, abs=60)
    assert rows["bad"].first_failure in ("mode-collapse", "sample-collapse")
    assert 0 < rows["bad"].best.step < 760
    assert rows["bad"].settings["adam.beta1"] == 0.5
    assert rows["empty"].why == "nothing was recorded"
    assert "run.json" in rows["torn"].why
    assert "no such run directory" in rows["gone"].why
    assert rows["bad"].sample.image.startswith(b"\x89PNG")


def test_a_diagnosis_that_was_left_behind_is_taken_on_request(sweep, found, tmp_path):
    """Only of a closed run that it is whole for, by this version, under these thresholds; the row is the same."""
    folder = shutil.copytree(sweep / "bad", tmp_path / "bad")
    judged = gandiag.diagnose(folder)
    left = replace(judged, findings=tuple(f for f in judged.findings if f.code == "mode-collapse"))

    def failures(diagnosis, **options):
        (folder / "diagnosis.json").write_text(json.dumps(diagnosis.to_dict()))
        return set(look(folder, **options).failures)

    every = {f.code for f in judged.findings}
    assert failures(left, quick=True) == {"mode-collapse"}
    assert failures(left) == every > {"mode-collapse"}
    strict = gandiag.Policy(detectors={"mode-collapse": {"enabled": Setting(value=False, origin="here")}})
    assert failures(left, quick=True, policy=strict) == every - {"mode-collapse"}
    assert failures(replace(left, last_step=1499), quick=True) == every
    assert failures(replace(left, provenance={"gandiag": "0.0.1"}), quick=True) == every
    (folder / "diagnosis.json").write_text(json.dumps(judged.to_dict()))
    quick, full = look(folder, quick=True), look(folder)
    assert quick == full
    assert set(quick.curves) == set(full.curves)


def test_tables_hold_what_differs(found):
    """CSV and JSON have a line for each run; formulas of spreadsheets are defused."""
    assert set(found.settings()) == {"lr_d", "note"}
    assert found.shared()["adam.beta1"] == 0.5
    table = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert len(table) == 7
    by_name = {Path(line["run"]).name: line for line in table}
    assert float(by_name["bad"]["settings/lr_d"]) == 1e-2
    assert by_name["also"]["settings/note"] == "'=1+1"
    told = json.loads(json.dumps(found.to_dict()))
    assert told["verdicts"] == {"failing": 1, "undecided": 1, "unreadable": 3, "healthy": 2}
    assert "Too few runs" in told["separation"]["sentence"]


def test_hostile_texts_are_texts_on_the_page(found):
    """Settings may hold markup, terminal codes and letters that turn the direction of writing."""
    page = found.html()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert not re.search("[\x1b\u202e]", page)
    assert "&lt;script&gt;alert(1)" in page


def test_paths_globs_folders_and_urls_are_found(sweep):
    """A folder of runs stands for them, a glob for what it matches, another path for itself."""
    inside = {f"{sweep}/{name}" for name in ("also", "bad", "cut", "empty", "good", "torn")}
    assert set(find_runs([sweep])) == inside
    assert find_runs([f"{sweep}/g*", f"{sweep}/good"]) == [f"{sweep}/good"]
    assert find_runs([f"{sweep}/nothing"]) == [f"{sweep}/nothing"]
    memory = fsspec.filesystem("memory")
    memory.put(str(sweep / "good"), "/sweep/good", recursive=True)
    remote = find_runs(["memory://sweep/*"])
    assert [look(path).verdict for path in remote] == ["healthy"]


def test_a_setting_that_decides_is_named_with_its_bound():
    """Of four settings one decides, with some exceptions."""
    rng = np.random.default_rng(0)
    settings = [
        {
            "lr_d": float(10 ** rng.uniform(-5, -2)),
            "lr_g": float(10 ** rng.uniform(-5, -2)),
            "loss": str(rng.choice(["hinge", "wgan"])),
            "seed": float(i),
        }
        for i in range(60)
    ]
    for i, each in enumerate(settings):
        each["fails"] = (each["lr_d"] > 5e-4) != (i % 20 == 0)
    found = separate(rows_of(settings))
    assert found.sentence.startswith("lr_d separates failing from healthy runs best")
    assert found.influences[0].setting == "lr_d"
    assert found.p_value <= 0.03
    assert found.score > 0.8
    bound = re.search(r"lr_d above ([\d.e-]+): \d+ of", found.rules[0]) or re.search(
        r"at most ([\d.e-]+)", found.rules[0]
    )
    assert 2e-4 < float(bound[1]) < 1e-3


def test_a_text_that_decides_is_named():
    """Runs with one loss fail, whatever else differs."""
    settings = [
        {"loss": loss, "depth": float(i % 4), "layers": 10.0 - i % 4, "fails": loss == "wgan"}
        for i, loss in enumerate(["wgan", "hinge", "minimax"] * 10)
    ]
    found = separate(rows_of(settings))
    assert [influence.setting for influence in found.influences] == ["loss"]
    assert "loss is wgan: 10 of 10 runs failing" in found.rules


def test_settings_that_are_varied_together_are_named_together():
    """Nobody can tell which of the two it is."""
    settings = [
        {"lr": float(i % 10), "rate": float(i % 10) * 2, "seed": 7.0 * i % 13, "fails": i % 10 < 5} for i in range(30)
    ]
    found = separate(rows_of(settings))
    assert [influence.setting for influence in found.influences] == ["lr (goes with rate)"]


def test_chance_and_few_runs_are_called_what_they_are():
    """Nothing is claimed where verdicts do not depend on settings, where runs are few, or where settings are alike."""
    rng = np.random.default_rng(1)
    noise = [{"a": float(rng.normal()), "b": float(rng.normal()), "fails": bool(i % 2)} for i in range(40)]
    found = separate(rows_of(noise))
    assert found.sentence.startswith("No setting separates")
    assert found.influences == found.rules == ()
    few = separate(rows_of([{"a": float(i), "fails": i < 4} for i in range(40)]))
    assert few.sentence.startswith("Too few runs to say which settings matter: 4 failing and 36 healthy runs")
    alike = separate(rows_of([{"a": 1.0, "fails": i < 10} for i in range(20)]))
    assert "do not differ" in alike.sentence


def test_missing_and_odd_settings_do_no_harm():
    """NaN, infinity, settings that some runs lack, and texts that are never the same."""
    settings = [
        {"lr": 1.0 if i % 2 else float("inf"), "name": f"run {i}", "fails": bool(i % 2)}
        | ({"beta": float("nan") if i % 3 else 0.5} if i % 5 else {})
        for i in range(30)
    ]
    assert separate(rows_of(settings)).sentence


def test_runs_share_their_charts_and_colours(found):
    """The same signal of all runs is one chart; runs are called by where their paths differ."""
    panels = {panel.title: panel for panel in overlays(found.rows)}
    diversity = panels["Diversity, generated over real"]
    assert {line.name for line in diversity.lines} == {"also", "bad", "good"}
    assert len(set(diversity.colours)) == 3
    assert diversity.window == (1, 1500)
    assert names([Row("a/b/c", ""), Row("a/d/c", "")]) == ["b/c", "d/c"]


def test_the_command_writes_a_page_or_prints_a_table(sweep, tmp_path):
    """The page by default; CSV and JSON on stdout and nothing else."""
    page = tmp_path / "out" / "sweep.html"
    shown = CliRunner().invoke(main, ["compare", str(sweep / "good"), str(sweep / "torn"), "--out", str(page)])
    assert shown.exit_code == 0
    assert "UNREADABLE" in shown.output
    row, reason = (line for line in shown.output.splitlines() if "torn" in line)
    assert "Expecting value" in reason
    assert "Expecting" not in row
    assert page.read_text().startswith("<!doctype html>")
    told = CliRunner().invoke(main, ["compare", str(sweep / "good"), "--json"])
    assert json.loads(told.stdout)["runs"][0]["verdict"] == "healthy"
    refused = CliRunner().invoke(main, ["compare", "no-such-protocol://x", "--json"])
    assert refused.exit_code == 2
    assert "not a path that can be opened" in refused.stderr
    nothing = CliRunner().invoke(main, ["compare", f"{sweep}/no-*"])
    assert (nothing.exit_code, nothing.stderr) == (2, f"gandiag: there is no run at {sweep}/no-*\n")


def test_runs_of_which_none_can_be_read_are_refused(sweep, tmp_path):
    """With why, by exit code 2, and without a page; JSON has it for a program."""
    page = tmp_path / "sweep.html"
    refused = CliRunner().invoke(main, ["compare", str(sweep / "torn"), str(tmp_path / "nowhere"), "--out", str(page)])
    assert (refused.exit_code, refused.stdout, page.exists()) == (2, "", False)
    assert "torn/run.json: is damaged" in refused.stderr
    assert "nowhere: no such run directory" in refused.stderr
    told = CliRunner().invoke(main, ["compare", str(sweep / "torn"), "--json"])
    assert (told.exit_code, json.loads(told.stdout)["verdicts"]) == (2, {"unreadable": 1})


def test_the_recipe_of_the_documentation_runs(sweep, tmp_path, monkeypatch):
    """docs/compare.md spreads runs over processes with joblib; its code is run as it stands."""
    text = (Path(gandiag.__file__).parents[1] / "docs" / "compare.md").read_text()
    code = next(block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "joblib" in block)
    (tmp_path / "runs").mkdir()
    for name in ("good", "torn"):
        shutil.copytree(sweep / name, tmp_path / "runs" / name)
    monkeypatch.chdir(tmp_path)
    space = {}
    exec(code, space)  # noqa: S102 - our own documentation
    assert isinstance(space["found"], Comparison)
    assert space["found"].verdicts == {"unreadable": 1, "healthy": 1}
    assert (tmp_path / "sweep.html").exists()
