"""A run in formats of other tools, and what comes back; the pages on imports, sinks and queries."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import gandiag
from gandiag.cli.main import main
from gandiag.logs import import_run
from gandiag.rundir.run import Run
from gandiag.sinks import TensorBoard

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder with a run in which D wins and the samples collapse, and the same run mirrored to TensorBoard."""
    place, random = tmp_path_factory.mktemp("recorded"), np.random.default_rng(0)
    sinks = [TensorBoard(place / "mirrored", every=1)]
    with gandiag.Callback(place / "run", alerts=False, sinks=sinks, loss_family="non-saturating") as callback:
        for step in range(1, 901):
            spread = 1.0 if step < 450 else 1e-3
            real, fake = random.normal(size=(32, 2)), random.normal(0, spread, size=(32, 2))
            callback.log(loss_generator=1.0, loss_discriminator=float("nan") if step == 700 else 0.1)
            callback.step(d_real=random.normal(6, 1, 32), d_fake=random.normal(-6, 1, 32), real=real, generated=fake)
    return place


def found(folder):
    return [(f.code, f.onset_step, f.last_step, f.severity) for f in gandiag.diagnose(Run.open(folder)).findings]


def test_round_trips_keep_findings_and_steps(recorded, tmp_path):
    """Exported to TensorBoard, and mirrored while it was recorded: imported back, the same was found."""
    wanted = found(recorded / "run")
    assert {"discriminator-dominance", "sample-collapse", "non-finite"} <= {code for code, *_ in wanted}
    place = str(tmp_path / "tb")
    assert (
        CliRunner().invoke(main, ["export", str(recorded / "run"), "--format", "tensorboard", "--out", place]).exit_code
        == 0
    )
    import_run(place, tmp_path / "again")
    assert found(tmp_path / "again") == wanted
    import_run(recorded / "mirrored", tmp_path / "mirrored")
    assert {f[:2] for f in found(tmp_path / "mirrored")} >= {f[:2] for f in wanted}


@pytest.mark.parametrize("form", ["csv", "parquet", "json"])
def test_tables_hold_each_step_and_each_signal(form, recorded, tmp_path):
    """As the run has them, blank where nothing was recorded."""
    place = tmp_path / f"table.{form}"
    shown = CliRunner().invoke(main, ["export", str(recorded / "run"), "--format", form, "--out", str(place)])
    assert shown.exit_code == 0
    assert str(place) in shown.output
    readers = {"csv": pd.read_csv, "parquet": pd.read_parquet, "json": lambda p: pd.read_json(p, lines=True)}
    table = readers[form](place).set_index("step")
    scalars = Run.open(recorded / "run").scalars
    assert list(table.index) == list(scalars.index)
    assert set(scalars) <= set(table)
    np.testing.assert_allclose(table["diversity/fake"], scalars["diversity/fake"])
    again = CliRunner().invoke(main, ["export", str(recorded / "run"), "--format", form, "--out", str(place)])
    assert again.exit_code == 2
    assert "exists already" in again.output


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), flags=re.DOTALL | re.MULTILINE)


def test_the_pages_on_imports_and_sinks_run(recorded, tmp_path, monkeypatch, capsys):
    """Their Python from top to bottom, and their commands."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tb_logs").mkdir()
    rows = [{"step": 50 * i, "errD": 0.5, "errG": 1.0} for i in range(20)]
    (tmp_path / "tb_logs" / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for line in [line for block in blocks("docs/import.md", "console") for line in block.splitlines()]:
        if "aux_d" in line or "--images" in line:  # of logs that are not here
            continue
        assert CliRunner().invoke(main, line.split()[1:]).exit_code == 0, line
    (tmp_path / "runs" / "dcgan").symlink_to(recorded / "run")
    lines = next(block for block in blocks("README.md", "console") if "gandiag import" in block).splitlines()
    for command in [line.partition("#")[0].replace("runs/theirs", "runs/more").split()[1:] for line in lines]:
        assert CliRunner().invoke(main, command).exit_code == 0, command
    names: dict[str, object] = {}
    exec(blocks("docs/import.md", "python")[1], names)  # noqa: S102 - the page's own code
    assert "errD is loss/discriminator" in capsys.readouterr().out
    exec(blocks("docs/sinks.md", "python")[0], names)  # noqa: S102
    assert "NaN" in capsys.readouterr().out
    for line in blocks("docs/sinks.md", "console")[0].splitlines():
        assert CliRunner().invoke(main, line.split()[1:]).exit_code == 0, line


def test_the_recipes_for_queries_run(recorded, tmp_path, monkeypatch, capsys):
    """pandas and DuckDB, over a run whose parts have different columns."""
    pytest.importorskip("duckdb")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a").symlink_to(recorded / "run")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks("docs/querying.md", "python"):
        exec(block, names)  # noqa: S102 - the page's own code
    told = capsys.readouterr().out
    assert "sample-collapse" in told
    assert names["worst"].fetchall()[0][:2] == ("a", 900)
