"""Bounded storage: few files, few bytes, the newest in full detail, readable at every moment."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import gandiag
import gandiag.rundir.storage
from gandiag.judge.missing import blind, what_is_missing
from gandiag.rundir.folder import Folder
from gandiag.rundir.parts import Part, parse, split_replaced
from gandiag.rundir.recorder import Recorder
from gandiag.rundir.run import Run, RunError

LIMIT = 1_000_000


def feed(recorder, first, last, *, block=100, signals=8, seed=0):
    """Rows of noise that does not compress, the step itself as `x`, one part per block."""
    rng = np.random.default_rng(seed)
    for start in range(first, last + 1, block):
        steps = np.arange(start, min(start + block, last + 1))
        noise = {f"noise{i}": rng.normal(size=len(steps)) for i in range(signals)}
        recorder.append(steps, steps.astype(float), {"x": steps.astype(float), **noise})
        recorder.flush()
        recorder.storage.tidy()


def on_disk(folder: Path) -> int:
    """Bytes of what is recorded, as the file system has them."""
    return sum(f.stat().st_size for kind in ("scalars", "arrays", "samples") for f in (folder / kind).iterdir())


def parts(folder: Path, kind: str = "scalars") -> list[str]:
    return sorted(f.name for f in (folder / kind).iterdir())


def test_small_parts_are_merged_while_the_training_runs(tmp_path):
    """A thousand flushes leave fewer than 80 files, in the order of steps, with every row."""
    recorder = Recorder(tmp_path / "run")
    feed(recorder, 1, 5000, block=5, signals=1)
    assert len(parts(tmp_path / "run")) < 80
    run = Run.open(tmp_path / "run")
    assert run.scalars.index.tolist() == list(range(1, 5001))
    assert (run.scalars["x"] == run.scalars.index).all()
    assert not run.events
    steps = pd.read_parquet(tmp_path / "run" / "scalars")["step"]
    assert steps.is_monotonic_increasing, "other tools read the parts in the order of their names"


def test_merging_holds_a_bounded_amount_at_once(tmp_path, monkeypatch):
    """Merged parts stay below the limit once loaded, while running and on close."""
    monkeypatch.setattr(gandiag.rundir.storage, "MERGED_BYTES", 100_000)
    recorder = Recorder(tmp_path / "run")
    feed(recorder, 1, 20_000, block=50)
    recorder.close()
    sizes = [pq.read_metadata(tmp_path / "run" / "scalars" / n).num_rows * 11 * 8 for n in parts(tmp_path / "run")]
    assert max(sizes) <= 100_000
    assert len(sizes) <= 2 * math.ceil(20_000 * 10 * 8 / 100_000)
    assert len(Run.open(tmp_path / "run").scalars) == 20_000


def test_a_run_keeps_within_max_bytes(tmp_path):
    """At every moment after tidying; the newest quarter and the first row in full, the rest as means of neighbours."""
    recorder = Recorder(tmp_path / "run", max_bytes=LIMIT)
    for first in range(1, 60_001, 10_000):
        feed(recorder, first, first + 9999, seed=first)
        assert on_disk(tmp_path / "run") == recorder.storage.total <= LIMIT
    recorder.close()
    assert on_disk(tmp_path / "run") <= LIMIT
    run = Run.open(tmp_path / "run")
    steps = run.scalars.index.to_numpy()
    assert steps[0] == 1
    assert steps[-1] == 60_000
    assert (np.diff(steps[len(steps) * 3 // 4 :]) == 1).all()
    assert (run.scalars["x"] <= steps).all()
    assert (steps - run.scalars["x"] <= np.diff(steps, prepend=0)).all(), "a mean of the steps since the row before"


def test_no_more_detail_is_given_up_than_necessary(tmp_path):
    """What is kept takes most of what is allowed, evenly: no stretch of the older half is far coarser than others."""
    recorder = Recorder(tmp_path / "run", max_bytes=LIMIT)
    feed(recorder, 1, 60_000)
    assert recorder.storage.total > 0.85 * LIMIT
    steps = Run.open(tmp_path / "run").scalars.index.to_numpy()
    older = np.diff(steps)[1 : len(steps) // 4]
    assert older.max() <= 4 * np.median(older)


def test_a_run_below_its_limit_is_complete(tmp_path):
    """Nothing is thinned before it has to be."""
    with gandiag.Callback(tmp_path / "run", max_bytes=LIMIT) as callback:
        for step in range(1, 3001):
            callback.log(x=step)
            callback.step()
    run = Run.open(tmp_path / "run")
    assert len(run.scalars) == 3000
    assert not run.events


def test_what_was_thinned_is_on_record(tmp_path):
    """Which steps, to what; in the diagnosis, live and afterwards; thinned steps are not missing ones."""
    recorder = Recorder(tmp_path / "run", max_bytes=LIMIT)
    feed(recorder, 1, 30_000)
    live = list(recorder.losses)
    recorder.close()
    run = Run.open(tmp_path / "run")
    events = [e for e in run.events if e["kind"] == "thinned"]
    assert [e["to_step"] for e in events[: len(live)]] == [e["to_step"] for e in live]
    assert {e["what"] for e in events} == {"scalars"}
    (sentence,) = what_is_missing(run)
    assert sentence.startswith("scalars of steps 1 to ")
    assert sentence.endswith(": max_bytes was reached")
    assert not blind(run)
    reached = max(e["to_step"] for e in events)
    assert run.scalars.loc[reached:].index.tolist() == list(range(reached, 30_001))


def test_without_a_limit_nothing_is_thinned(tmp_path):
    """max_bytes=None."""
    recorder = Recorder(tmp_path / "run", max_bytes=None)
    feed(recorder, 1, 20_000)
    recorder.close()
    assert on_disk(tmp_path / "run") > LIMIT
    assert len(Run.open(tmp_path / "run").scalars) == 20_000


def test_arrays_and_snapshots_count_and_are_thinned(tmp_path):
    """Whatever takes most gives most; the first and the newest of each stay."""
    recorder = Recorder(tmp_path / "run", max_bytes=LIMIT)
    rng = np.random.default_rng(0)
    for step in range(10, 4001, 10):
        recorder.array("weights", step, rng.normal(size=300))
        if step % 100 == 0:
            recorder.sample(step, rng.bytes(20_000), ".png")
        if step % 50 == 0:
            feed(recorder, step - 49, step, block=50, signals=1)
            assert recorder.storage.total == on_disk(tmp_path / "run")
    recorder.close()
    assert on_disk(tmp_path / "run") <= LIMIT
    run = Run.open(tmp_path / "run")
    steps, values = run.arrays["weights"]
    assert steps[0] == 10
    assert steps[-20:].tolist() == list(range(3810, 4001, 10))
    assert values.shape == (len(steps), 300)
    assert (np.diff(steps) > 0).all()
    samples = [s.step for s in run.samples]
    assert samples[0] == 100
    assert samples[-5:] == [3600, 3700, 3800, 3900, 4000]
    assert len(run.scalars) == 4000, "scalars take little"
    assert {e["what"] for e in run.events} == {"arrays", "samples"}


def test_a_continued_run_counts_what_it_holds(tmp_path):
    """Thinning goes on where it stopped; steps that were done again are dropped rather than merged."""
    recorder = Recorder(tmp_path / "run", max_bytes=LIMIT)
    feed(recorder, 1, 9_000)
    recorder.close()
    recorder = Recorder(tmp_path / "run", max_bytes=LIMIT, resume=True, start_step=5001)
    assert recorder.storage.total == on_disk(tmp_path / "run")
    feed(recorder, 5001, 20_000, seed=1)
    assert on_disk(tmp_path / "run") <= LIMIT
    recorder.close()
    run = Run.open(tmp_path / "run")
    assert run.scalars.index[0] == 1
    assert run.last_step == 20_000
    assert (np.diff(run.scalars.index) <= 8).all(), "no hole where the first part was superseded"
    assert (run.scalars["x"] <= run.scalars.index).all()


@pytest.mark.parametrize("kill", ["write", "remove"])
def test_a_crash_at_any_point_of_merging_and_thinning_leaves_a_readable_run(tmp_path, monkeypatch, kill):
    """At every write and every removal in turn: no step is lost or doubled, and the next process goes on."""
    done = getattr(Folder, kill)

    class Killed(BaseException):
        """Stands for kill -9."""

    for moment in (0, 1, 3, 7, 8, 12, 13, 14, 15, 16, 40, 90, 130):
        folder = tmp_path / f"{kill}{moment}"
        monkeypatch.setattr(gandiag.rundir.storage, "SMALL_PARTS", 6)
        left = [moment]

        def dies(self, *arguments, _left=left):
            _left[0] -= 1
            if _left[0] < 0:
                raise Killed
            return done(self, *arguments)

        monkeypatch.setattr(Folder, kill, dies)
        written = 0
        try:
            recorder = Recorder(folder, max_bytes=60_000)
            for start in range(1, 3001, 20):
                feed(recorder, start, start + 19, signals=2)
                written = start + 19
        except Killed:
            pass
        monkeypatch.setattr(Folder, kill, done)
        if not (folder / "run.json").exists():
            continue
        run = Run.open(folder)
        assert run.last_step >= written
        _check(run)
        recorder = Recorder(folder, max_bytes=60_000, resume=True)
        assert not split_replaced(parts(folder))[1]
        feed(recorder, run.last_step + 1, run.last_step + 300, signals=2)
        recorder.close()
        _check(Run.open(folder))
        assert on_disk(folder) <= 60_000


def _check(run):
    steps = run.scalars.index.to_numpy()
    if len(steps):
        assert steps[0] == 1
        assert (np.diff(steps) > 0).all()
        assert (steps - run.scalars["x"] <= np.diff(steps, prepend=0)).all(), "each step is in exactly one row"


def test_a_merged_part_replaces_those_it_was_made_of(tmp_path):
    """A reader that finds both takes the merged one, whatever the others hold."""
    names = ["rank0-s000-000000-000002.parquet", *(f"rank0-s000-00000{i}.parquet" for i in range(4))]
    names += ["rank1-s000-000001.parquet", "rank0-s001-000001.parquet", "rank0-s000-000001.npz", "other.txt"]
    kept, replaced = split_replaced(names)
    assert [p.name for p in replaced] == names[1:4]
    assert {p.name for p in kept} == {names[0], *names[4:-1]}
    assert parse("rank0-s000-000000-000002.parquet") == Part(0, 0, 0, 2, "parquet")


def test_a_run_can_be_read_while_its_parts_are_merged(tmp_path, monkeypatch):
    """A part that vanishes between listing and reading: the reader looks again."""
    recorder = Recorder(tmp_path / "run")
    feed(recorder, 1, 500, block=10, signals=1)
    listed = Folder.sizes

    def merging(self, folder=""):
        found = listed(self, folder)
        if folder == "scalars" and len(found) > 1:
            recorder.storage.merge()
        return found

    monkeypatch.setattr(Folder, "sizes", merging)
    assert len(Run.open(tmp_path / "run").scalars) == 500
    monkeypatch.setattr(Folder, "sizes", listed)

    def vanishing(self, folder=""):
        return listed(self, folder) | ({"rank0-s000-999999.parquet": 1} if folder == "scalars" else {})

    monkeypatch.setattr(Folder, "sizes", vanishing)
    with pytest.raises(RunError, match=r"rank0-s000-999999\.parquet vanished while it was read"):
        Run.open(tmp_path / "run")


def test_a_damaged_part_is_named_when_its_run_is_continued(tmp_path):
    """Before anything is written."""
    recorder = Recorder(tmp_path / "run")
    feed(recorder, 1, 10)
    recorder.close()
    (part,) = (tmp_path / "run" / "scalars").iterdir()
    part.write_bytes(b"PAR1 broken")
    with pytest.raises(RunError, match=r"rank0-s000-0+\.parquet: not a readable part"):
        Recorder(tmp_path / "run", resume=True, start_step=11)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_bytes": 1000}, "max_bytes must be at least 1,000,000 or None for no limit, got 1,000"),
        ({"max_bytes": -1}, "max_bytes must be at least 1,000,000 or None for no limit, got -1"),
        ({"flush_seconds": -0.5}, "flush_seconds must not be negative, got -0.5"),
    ],
)
def test_limits_that_make_no_sense_are_refused(tmp_path, options, message):
    """By name, value and what is expected; nothing is created."""
    with pytest.raises(ValueError, match=message):
        gandiag.Callback(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_names_of_the_index_cannot_be_logged(tmp_path):
    """A logged `step` would overwrite the rows' own: it is refused as a fault, and the rest is kept."""
    with gandiag.Callback(tmp_path / "run") as callback:
        callback.log(step=7, time=0.0, x=1.0)
        callback.step()
    run = Run.open(tmp_path / "run")
    assert run.scalars["x"].to_dict() == {1: 1.0}
    assert {f["where"] for f in run.meta["faults"]} == {"log(step)", "log(time)"}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads in /proc")
def test_reading_parts_starts_no_threads():
    """Arrow's own would let go of the parts later, and abort a process that is just ending."""
    lines = (
        "import os, numpy as np\n"
        "from gandiag.rundir.parts import decode, encode\n"
        "content = encode({n: np.arange(5000) for n in ('step', 'time', 'x', 'y')})\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        "assert decode(content)[0]['y'][-1] == 4999\n"
        "assert len(os.listdir('/proc/self/task')) == before\n"
    )
    subprocess.run([sys.executable, "-c", lines], check=True, timeout=60)
