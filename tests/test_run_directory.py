"""The run directory: readable at any moment, damage named, nothing silently repaired."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import gandiag
from gandiag.rundir.recorder import Recorder
from gandiag.rundir.run import Run, RunError

if TYPE_CHECKING:
    from pathlib import Path


def record(folder, steps=50, **options):
    """A closed run with one logged scalar, the step itself."""
    with gandiag.Callback(folder, **options) as callback:
        for step in range(1, steps + 1):
            callback.log(value=step)
            callback.step()
    return folder


def test_what_is_logged_comes_back_under_its_step(tmp_path):
    """Numbers, numpy scalars and mappings; parts are merged into one on close."""
    with gandiag.Callback(tmp_path / "run", hyperparameters={"lr": 0.1}) as callback:
        for step in range(1, 251):
            callback.log({"loss/generator": np.float32(step)}, lr=0.5)
            callback.step()
    run = Run.open(tmp_path / "run")
    assert run.scalars["loss/generator"].tolist() == list(range(1, 251))
    assert (run.scalars["lr"] == 0.5).all()
    assert run.meta["status"] == "closed"
    assert run.meta["hyperparameters"] == {"lr": 0.1}
    assert len(list((tmp_path / "run" / "scalars").iterdir())) == 1
    assert pd.read_parquet(tmp_path / "run" / "scalars")["lr"].size == 250  # other tools read it without us


def test_keyword_spellings_of_the_losses_become_the_two_signals(tmp_path):
    """g_loss and loss_discriminator are what they are called in loops."""
    with gandiag.Callback(tmp_path / "run") as callback:
        callback.log(g_loss=1.0, loss_discriminator=2.0)
        callback.step()
    assert set(Run.open(tmp_path / "run").scalars) >= {"loss/generator", "loss/discriminator"}


def test_a_value_that_is_no_number_is_a_fault_and_no_exception(tmp_path, caplog):
    """One warning that names the argument; the rest of the step is kept."""
    with gandiag.Callback(tmp_path / "run") as callback:
        for _ in range(5):
            callback.log(good=1.0, bad="text")
            callback.step()
    run = Run.open(tmp_path / "run")
    assert run.series("good").size == 5
    assert [f["where"] for f in run.meta["faults"]] == ["log(bad)"]
    assert run.meta["faults"][0]["count"] == 5
    assert sum("log(bad)" in r.message for r in caplog.records) == 1


def test_arrays_and_events_survive_the_round_trip(tmp_path):
    """Vectors by step come back in order from several parts."""
    recorder = Recorder(tmp_path / "run")
    for step in (10, 20, 30):
        recorder.array("modes/histogram", step, np.arange(3) + step)
        recorder.flush()
    recorder.event("warning", message="hello", value=float("nan"))
    recorder.close()
    run = Run.open(tmp_path / "run")
    steps, values = run.arrays["modes/histogram"]
    assert steps.tolist() == [10, 20, 30]
    assert values[:, 0].tolist() == [10, 20, 30]
    assert run.events[0]["message"] == "hello"
    assert len(list((tmp_path / "run" / "arrays").iterdir())) == 1


def test_rows_with_different_signals_share_a_part(tmp_path):
    """A signal recorded at some steps is absent, not zero, at the others; one that nobody knows is no signal."""
    with gandiag.Callback(tmp_path / "run") as callback:
        for step in range(1, 7):
            callback.log(always=1.0)
            if step % 3 == 0:
                callback.log(seldom=step)
            callback.step()
    run = Run.open(tmp_path / "run")
    assert run.series("seldom").to_dict() == {3: 3.0, 6: 6.0}
    assert run.series("d/auc").empty
    with pytest.raises(LookupError, match="no such signal: 'seldon'; did you mean seldom"):
        run.series("seldon")


def test_an_exception_in_the_loop_is_kept_as_the_reason(tmp_path):
    """Leaving the with block by an exception: status crashed, one line."""

    def train():
        with gandiag.Callback(tmp_path / "run") as callback:
            callback.log(value=1)
            callback.step()
            return 1 / 0

    with pytest.raises(ZeroDivisionError):
        train()
    run = Run.open(tmp_path / "run")
    assert (run.meta["status"], run.meta["reason"]) == ("crashed", "ZeroDivisionError: division by zero")
    assert run.last_step == 1


@pytest.mark.parametrize(
    ("ending", "status", "reason"),
    [
        ("", "closed", "the interpreter exited"),
        ("raise ValueError('boom\\nline two')", "crashed", "ValueError: boom line two"),
        ("import sys\nsys.exit(3)", "crashed", "SystemExit: 3"),
        ("import sys\nsys.exit('no data')", "crashed", "SystemExit: no data"),
        ("import sys\nsys.exit(0)", "closed", "the interpreter exited"),
        ("import sys\ntry: sys.exit(1)\nexcept SystemExit: c.step()", "closed", "the interpreter exited"),
    ],
)
def test_a_run_that_nobody_closes_is_closed_at_exit(tmp_path, ending, status, reason):
    """At the interpreter's end the run is complete, with the reason of an unhandled exception or an exit code."""
    lines = (
        f"import gandiag\nc = gandiag.Callback({str(tmp_path / 'run')!r})\n"
        f"for i in range(7):\n c.log(x=i)\n c.step()\n{ending}"
    )
    subprocess.run([sys.executable, "-c", lines], check=False, capture_output=True, timeout=120)
    run = Run.open(tmp_path / "run")
    assert (run.meta["status"], run.meta["reason"]) == (status, reason)
    assert run.last_step == 8 if "c.step()" in ending else 7


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [(SystemExit(0), "closed", None), (SystemExit(), "closed", None), (SystemExit(2), "crashed", "SystemExit: 2"),
     (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt")],
)  # fmt: skip
def test_how_a_block_is_left_is_how_the_training_ended(tmp_path, error, status, reason):
    """A program that ends as it means to is no crash, nor is Ctrl-C; and sys.exit is what it was."""
    before = sys.exit

    def train():
        with gandiag.Callback(tmp_path / "run") as callback:
            callback.step()
            raise error

    with pytest.raises(type(error)):
        train()
    meta = Run.open(tmp_path / "run").meta
    assert (meta["status"], meta["reason"]) == (status, reason)
    assert sys.exit is before


@pytest.mark.slow
def test_a_killed_run_can_be_read(tmp_path):
    """After kill -9 everything flushed is there, status stays running."""
    lines = (
        "import gandiag, time\n"
        f"c = gandiag.Callback({str(tmp_path / 'run')!r}, flush_seconds=0.05)\n"
        "while True:\n c.log(x=1.0)\n c.step()\n time.sleep(0.0005)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", lines])
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(list((tmp_path / "run" / "scalars").glob("*.parquet"))) < 3:
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    run = Run.open(tmp_path / "run")
    assert run.meta["status"] == "running"
    assert run.last_step >= 3, "a row in each of three parts"
    assert (run.scalars["x"] == 1).all()


def test_a_running_run_can_be_read(tmp_path):
    """flush() brings every completed step to disk while the run goes on."""
    callback = gandiag.Callback(tmp_path / "run")
    for step in range(1, 31):
        callback.log(x=step)
        callback.step()
    callback.flush()
    run = Run.open(tmp_path / "run")
    assert (run.last_step, run.meta["status"]) == (30, "running")
    callback.close()


def test_a_slow_training_reaches_the_disk_in_time(tmp_path):
    """A dozen steps, far fewer than a block: on disk after flush_seconds, without flush() or close()."""
    callback = gandiag.Callback(tmp_path / "run", flush_seconds=0.1)
    for step in range(12):
        callback.log(x=step)
        callback.step()
        time.sleep(0.05)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and Run.open(tmp_path / "run").last_step < 6:
        time.sleep(0.05)
    assert Run.open(tmp_path / "run").last_step >= 6
    callback.close()


def test_temporary_files_and_a_torn_last_event_are_ignored(tmp_path):
    """What a killed writer leaves does no harm."""
    folder = record(tmp_path / "run")
    (folder / "scalars" / "rank0-s000-000099.parquet.tmp").write_bytes(b"half")
    with (folder / "events.jsonl").open("a") as file:
        file.write('{"kind": "warning"}\n{"kind": "tor')
    run = Run.open(folder)
    assert run.last_step == 50
    assert run.events[-1] == {"kind": "warning"}


def _cut(folder: Path) -> Path:
    part = next((folder / "scalars").iterdir())
    part.write_bytes(part.read_bytes()[:100])
    return part


def _edit(**changes):
    def damage(folder: Path) -> Path:
        meta = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps(meta | changes))
        return folder / "run.json"

    return damage


def _write(name, content):
    def damage(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, "not a readable Parquet file"),
        (_edit(schema="gandiag-run/9"), "must be 'gandiag-run/1', which this gandiag reads, found 'gandiag-run/9'"),
        (_edit(status="fine"), "status must be one of running, closed, interrupted, crashed, found 'fine'"),
        (_edit(segments="none"), "segments must be a list of at most 10,000, found 'none'"),
        (_edit(segments=[{"index": "a"}]), "segments[0].index must be a whole number from 0 to 10,000, found 'a'"),
        (_write("run.json", b'{"schema": '), "line 1, column 12: Expecting value"),
        (_write("run.json", b"[1]"), "it must be an object, found a list of 1"),
        (_write("run.json", b"\xff\xfe"), "not valid UTF-8 text"),
    ],
)
def test_damage_is_named_with_its_file(tmp_path, damage, message):
    """A truncated part or a hand-edited run.json: RunError with the file and what is wrong in it."""
    place = damage(record(tmp_path / "run"))
    with pytest.raises(RunError) as caught:
        Run.open(tmp_path / "run")
    assert message in str(caught.value)
    assert str(place) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_run_is_no_run(tmp_path):
    """Empty and missing folders have a sentence each."""
    with pytest.raises(RunError, match=r"no run\.json in it, so it is not a gandiag run directory"):
        Run.open(tmp_path)
    with pytest.raises(RunError, match="no such run directory"):
        Run.open(tmp_path / "missing")


def test_any_fsspec_file_system_will_do():
    """The same code records into, reads from and continues in an in-memory object store."""
    record("memory://bucket/run", steps=20)
    assert Run.open("memory://bucket/run").last_step == 20
    record("memory://bucket/run", steps=5, resume=True)
    assert Run.open("memory://bucket/run").last_step == 25


def test_a_continued_run_keeps_its_faults_settings_and_history(tmp_path):
    """Faults and hyperparameters of the first part stay; the live judgement covers both parts."""
    with gandiag.Callback(tmp_path / "run", hyperparameters={"lr": 1, "batch": 8}) as callback:
        callback.log({"loss/generator": float("nan"), "bad": "text"})
        callback.step()
    with gandiag.Callback(tmp_path / "run", resume=True, hyperparameters={"lr": 2}) as callback:
        callback.log({"loss/generator": 1.0})
        callback.step()
    run = Run.open(tmp_path / "run")
    assert run.meta["hyperparameters"] == {"lr": 2, "batch": 8}
    assert [f["where"] for f in run.meta["faults"]] == ["log(bad)"]
    assert "non-finite" in {f.code for f in callback.diagnosis.findings}
    assert callback.diagnosis.last_step == 2


def test_a_full_disk_costs_data_and_never_the_training(tmp_path, monkeypatch, caplog):
    """Writes that fail are one warning; what could not be written is written when the disk is back."""
    import gandiag.rundir.folder

    callback = gandiag.Callback(tmp_path / "run")
    callback._recording._worker.recorder.flush_seconds = 0.0  # every block is written at once
    write = gandiag.rundir.folder.Folder.write

    def full(self, content, *names):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gandiag.rundir.folder.Folder, "write", full)
    for step in range(1, 301):
        callback.log(x=step)
        callback.step()
    callback._recording._worker.drain()
    monkeypatch.setattr(gandiag.rundir.folder.Folder, "write", write)
    callback.close()
    run = Run.open(tmp_path / "run")
    assert run.last_step == 300
    assert run.series("x").size == 300
    assert any("No space left" in fault["message"] for fault in run.meta["faults"])
    assert sum("gandiag: writing" in r.message for r in caplog.records) == 1


def test_a_disk_that_stays_full_costs_a_bounded_amount_of_memory(tmp_path, monkeypatch):
    """The oldest rows are given up, and the gap is on record once writing works again."""
    import gandiag.rundir.folder

    recorder = Recorder(tmp_path / "run")
    write = gandiag.rundir.folder.Folder.write

    def full(self, content, *names):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gandiag.rundir.folder.Folder, "write", full)
    for start in range(1, 100_001, 1000):
        steps = np.arange(start, start + 1000)
        try:
            recorder.append(steps, steps.astype(float), {"x": steps.astype(float)})
        except OSError:
            continue
    monkeypatch.setattr(gandiag.rundir.folder.Folder, "write", write)
    recorder.close()
    run = Run.open(tmp_path / "run")
    (gap,) = [e for e in run.events if e["kind"] == "gap"]
    assert gap["from_step"] == 1
    assert run.scalars.index[0] == gap["to_step"] + 1
    assert run.last_step == 100_000
    assert len(run.scalars) <= 41_000


def test_a_run_directory_that_vanishes_is_a_fault_and_no_exception(tmp_path, caplog):
    """Deleted in the middle: training goes on, with one warning."""
    import shutil

    callback = gandiag.Callback(tmp_path / "run")
    callback._recording._worker.recorder.flush_seconds = 0.0  # every block is written at once
    for step in range(400):
        if step == 150:
            callback.flush()
            shutil.rmtree(tmp_path / "run")
        callback.log(x=step)
        callback.step()
    callback.close()
    assert sum("gandiag: writing" in r.message for r in caplog.records) == 1


def test_the_run_can_be_cut_at_any_step(tmp_path):
    """until() keeps what was recorded up to a step, inclusive."""
    run = Run.open(record(tmp_path / "run"))
    assert run.until(20).last_step == 20
    assert run.until(0).last_step == 0


def test_a_name_with_placeholders_stands_for_all_that_it_describes():
    """In the order of recording; as a series it is the largest value at each step at which there was one."""
    nan = np.nan
    columns = {
        "grad/generator/layer/b": [1.0, nan, 3.0], "grad/generator/layer/a.0": [2.0, nan, nan],
        "grad/generator/norm": [9.0, 9.0, 9.0], "grad/discriminator/layer/b": [nan, nan, 5.0],
        "other/layer/b": [9.0, 9.0, 9.0],
    }  # fmt: skip
    run = Run(scalars=pd.DataFrame(columns, index=[1, 2, 3]))
    assert run.names("grad/generator/layer/<layer>") == ["grad/generator/layer/b", "grad/generator/layer/a.0"]
    assert len(run.names("grad/<net>/layer/<layer>")) == 3
    assert run.names("diversity/class/<class>") == []
    assert run.series("grad/<net>/layer/<layer>").to_dict() == {1: 2.0, 3: 5.0}
    assert run.series("diversity/class/<class>").empty
