"""Whatever happens to the process, the disk or gandiag itself: the training goes on, and what was recorded is there."""

from __future__ import annotations

import gc
import importlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import gandiag
import gandiag.probes.attach
from gandiag.judge.diagnose import diagnose
from gandiag.record.faults import Faults
from gandiag.rundir.run import Run

HERE = Path(__file__).parent
SEED = 20240607


def killed(folder, *numbers):
    """What tests/killed.py tells of each child."""
    command = [sys.executable, str(HERE / "killed.py"), str(folder), *(str(n) for n in numbers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    return [json.loads(line) for line in done.stdout.splitlines()]


def loop(callback, steps, first=1):
    """A framework-free training; returns how many steps it did."""
    for step in range(first, first + steps):
        callback.log(x=step)
        callback.step()
    return steps


def eager(folder):
    """A callback that writes every block of rows at once."""
    callback = gandiag.Callback(folder)
    callback._recording._worker.recorder.flush_seconds = 0.0
    return callback


def warnings_of(caplog):
    return [r.message for r in caplog.records if r.name == "gandiag" and "training goes on" in r.message]


# killed


@pytest.mark.slow
def test_a_run_killed_at_any_moment_opens_with_all_that_was_flushed(tmp_path):
    """Twenty times, while rows are written, parts merged and details thinned: whole rows from the first step on."""
    thinned = 0
    children = killed(tmp_path, SEED, 20, 1)
    assert len(children) == 20
    for number, child in enumerate(children):
        run = Run.open(child["run"])
        assert run.meta["status"] == "running"
        assert run.last_step >= child["flushed"][-1]
        if not run.last_step:
            continue
        steps = run.scalars.index.to_numpy()
        assert (run.scalars["x"] - steps <= 0).all()
        assert (steps - run.scalars["x"] <= np.diff(steps, prepend=0)).all(), "each step is in exactly one row"
        if any(e["kind"] == "thinned" for e in run.events):
            thinned += 1
        else:
            assert steps.tolist() == list(range(1, run.last_step + 1))
        if number % 5 == 0:  # whole rows are judged alike
            diagnose(run)
    assert thinned, "no child lived long enough to thin anything: the test does not test that"


@pytest.mark.slow
def test_a_run_survives_crash_resume_crash_and_rollback(tmp_path):
    """Killed, continued, killed, continued from an earlier step, killed: each step as the last process left it."""
    for child in killed(tmp_path, SEED, 3, 3):
        run = Run.open(child["run"])
        starts = [s["start_step"] for s in run.meta["segments"]]
        assert len(starts) == 3
        assert starts[1] > child["flushed"][0]
        assert starts[2] == child["starts"][2] < starts[1] + child["flushed"][1]
        assert run.last_step >= child["flushed"][2]
        whole = run.scalars.loc[max((e["to_step"] for e in run.events if e["kind"] == "thinned"), default=0) :]
        steps = whole.index.to_numpy()[1:]
        assert (np.diff(steps) == 1).all()
        assert (whole["x"].to_numpy()[1:] == steps).all()
        assert (run.scalars.loc[starts[2] + 1 :, "segment"] == 3).all(), "superseded steps are gone"
        before = run.scalars.loc[: starts[2] - 1]
        assert (before.loc[: starts[1] - 1, "segment"] == 1).all()


@pytest.mark.parametrize("block", ["with gandiag.Callback(folder) as c:", "c = gandiag.Callback(folder)\nif True:"])
def test_ctrl_c_closes_the_run_with_its_reason(tmp_path, block):
    """SIGINT within and without a with block: status interrupted, every step."""
    lines = (
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored where tests run with &
        f"import gandiag, sys, time\nfolder = {str(tmp_path / 'run')!r}\n{block}\n"
        " for i in range(1, 8):\n  c.log(x=i)\n  c.step()\n"
        " print('ready', flush=True)\n time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", lines], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors
    run = Run.open(tmp_path / "run")
    assert (run.meta["status"], run.meta["reason"], run.last_step) == ("interrupted", "KeyboardInterrupt", 7)


# the disk


def test_a_full_disk_is_one_warning_and_named(tmp_path):
    """From step 500 on no byte can be written: the training ends as it would, the run opens, stderr has the fault."""
    lines = (
        "import gandiag, resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"c = gandiag.Callback({str(tmp_path / 'run')!r})\n"
        "c._recording._worker.recorder.flush_seconds = 0.0\n"
        "for i in range(1, 1501):\n"
        " if i == 501:\n"
        "  c.flush()\n"
        "  resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
        " c.log(x=i)\n c.step()\n"
        "c.close()\n"
        "print(c.completed_steps, *c.diagnosis.missing, sep='\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", lines], check=True, capture_output=True, text=True, timeout=120)
    steps, *missing = done.stdout.splitlines()
    assert steps == "1500"
    assert done.stderr.count("training goes on") == 1
    assert "File too large" in done.stderr
    assert any("were not recorded: could not be written in time" in sentence for sentence in missing)
    run = Run.open(tmp_path / "run")
    assert run.scalars.index.tolist() == list(range(1, 501))


def test_a_disk_that_was_full_for_a_while_costs_nothing(tmp_path):
    """What could not be written is written later, and the fault is in run.json and in the diagnosis."""
    lines = (
        "import gandiag, resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"c = gandiag.Callback({str(tmp_path / 'run')!r})\n"
        "c._recording._worker.recorder.flush_seconds = 0.0\n"
        "for i in range(1, 1501):\n"
        " if i in (501, 1001):\n"
        "  c.flush()\n"
        "  limit = 0 if i == 501 else resource.RLIM_INFINITY\n"
        "  resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
        " c.log(x=i)\n c.step()\n"
        "c.close()\n"
    )
    subprocess.run([sys.executable, "-c", lines], check=True, capture_output=True, timeout=120)
    run = Run.open(tmp_path / "run")
    assert run.scalars["x"].tolist() == list(range(1, 1501))
    assert run.meta["status"] == "closed"
    assert any("File too large" in sentence for sentence in diagnose(run).missing)


def test_a_run_directory_deleted_midway_is_one_warning(tmp_path, caplog):
    """Training goes on; the live diagnosis says what is missing; nothing is created anew."""
    callback = eager(tmp_path / "run")
    loop(callback, 150)
    callback.flush()
    shutil.rmtree(tmp_path / "run")
    assert loop(callback, 400, first=151) == 400
    callback.close()
    assert len(warnings_of(caplog)) == 1
    assert "No such file or directory" in warnings_of(caplog)[0]
    assert "steps 151 to 550 were not recorded: could not be written in time" in callback.diagnosis.missing
    assert not callback.diagnosis.decided
    assert not (tmp_path / "run").exists()


def test_a_folder_that_can_no_longer_be_written_is_one_warning(tmp_path, caplog):
    """A file where the folder of scalars was: events and run.json still say what is missing."""
    callback = eager(tmp_path / "run")
    loop(callback, 100)
    callback.flush()
    shutil.rmtree(tmp_path / "run" / "scalars")
    (tmp_path / "run" / "scalars").write_text("in the way")
    loop(callback, 400, first=101)
    callback.close()
    assert len(warnings_of(caplog)) == 1
    run = Run.open(tmp_path / "run")
    assert run.meta["status"] == "closed"
    assert any(f["where"] == "writing" and "Not a directory" in f["message"] for f in run.meta["faults"])
    diagnosis = diagnose(run)
    assert diagnosis.verdict == "undecided"
    assert any(s.startswith("steps 101 to 500 were not recorded") for s in diagnosis.missing)


# gandiag itself


@pytest.mark.parametrize("error", [SystemExit("gone"), RuntimeError("broken")])
def test_a_failing_writer_costs_the_record_and_never_the_training(tmp_path, monkeypatch, caplog, error):
    """The thread dies at step 200, or fails at every block from there: one warning, on record, nothing waits."""
    import gandiag.record.stages

    reduce_block = gandiag.record.stages.reduce_block
    callback = eager(tmp_path / "run")
    loop(callback, 200)
    callback.flush()

    def fails(*arguments):
        raise error

    monkeypatch.setattr(gandiag.record.stages, "reduce_block", fails)
    assert loop(callback, 1800, first=201) == 1800
    callback.flush()
    monkeypatch.setattr(gandiag.record.stages, "reduce_block", reduce_block)
    callback.close()
    about = [m for m in warnings_of(caplog) if str(error) in m]
    assert len(about) == 1
    run = Run.open(tmp_path / "run")
    assert run.meta["status"] == "closed"
    assert run.scalars.index.tolist() == list(range(1, 201))
    assert any(str(error) in fault["message"] for fault in run.meta["faults"])
    diagnosis = diagnose(run)
    assert (diagnosis.verdict, diagnosis.decided) == ("undecided", False)
    assert any(s.startswith("steps 201 to 2,000 were not recorded") for s in diagnosis.missing)
    assert any(s.startswith("steps 201 to 2,000 were not recorded") for s in callback.diagnosis.missing)


def test_a_queue_that_stays_full_loses_rows_and_says_so(tmp_path, monkeypatch):
    """A disk that hangs for the whole training: the gap is told with what was kept, up to the last step."""
    import threading

    import gandiag.record.stages

    gate, reduce_block = threading.Event(), gandiag.record.stages.reduce_block

    def hangs(*arguments):
        gate.wait(60)
        return reduce_block(*arguments)

    monkeypatch.setattr(gandiag.record.stages, "reduce_block", hangs)
    callback = gandiag.Callback(tmp_path / "run")
    loop(callback, 20_000)
    gate.set()
    callback.close()
    run = Run.open(tmp_path / "run")
    (gap,) = [e for e in run.events if e["kind"] == "gap"]
    lost = range(gap["from_step"], gap["to_step"] + 1)
    assert sorted([*run.scalars.index, *lost]) == list(range(1, 20_001))
    assert not diagnose(run).decided


def test_a_callback_that_nobody_holds_any_more_is_closed(tmp_path):
    """Its thread ends by itself, with every step on disk."""
    callback = gandiag.Callback(tmp_path / "run")
    loop(callback, 7)
    worker = callback._recording._worker
    del callback
    gc.collect()
    worker.join(60)
    run = Run.open(tmp_path / "run")
    assert (run.meta["status"], run.last_step) == ("closed", 7)
    assert run.meta["reason"] == "the callback was dropped without close()"


def test_an_interrupt_is_no_fault(caplog):
    """Ctrl-C while gandiag is at work ends the training, as anywhere else."""
    faults = Faults()
    with pytest.raises(KeyboardInterrupt), faults.caught("step", 3):
        raise KeyboardInterrupt
    assert not faults.listed()
    assert not warnings_of(caplog)


PROBES = [
    ("gandiag.probes.gradients", "gradient_norms"),
    ("gandiag.record.batches", "TensorProjection.__call__"),
    ("gandiag.probes.batches", "sample_outputs"),
    ("gandiag.probes.batches", "sample_norms"),
    ("gandiag.nets.tensors", "first_tensor"),
    ("gandiag.measure.reductions", "reduce_block"),
    ("gandiag.judge.diagnose", "Judgement.ask"),
]


@pytest.mark.parametrize(("module", "name"), PROBES, ids=[name for _, name in PROBES])
def test_a_probe_that_raises_leaves_the_training_bit_identical(tiny, tmp_path, caplog, monkeypatch, module, name):
    """Weights, optimizers and random numbers as without gandiag; one warning; the fault is told by the diagnosis."""
    plain = tiny().train(30)

    def broken(*_, **__):
        raise RuntimeError(f"broken {name}")

    replace_everywhere(monkeypatch, module, name, broken)
    gan = tiny()
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run") as callback:
        gan.train(30, callback)
    assert all(torch.equal(a, b) for a, b in zip(gan.state(), plain.state(), strict=True))
    about = [m for m in warnings_of(caplog) if f"broken {name}" in m]
    assert about
    assert len(about) == len(set(about))
    monkeypatch.undo()
    run = Run.open(tmp_path / "run")
    assert run.meta["status"] == "closed"
    assert any(f"broken {name}" in sentence for sentence in diagnose(run).missing)


def replace_everywhere(monkeypatch, module, name, value):
    """Replace a function wherever a module of gandiag holds it, or a method in its class."""
    holder, _, method = name.partition(".")
    original = getattr(importlib.import_module(module), holder)
    if method:
        monkeypatch.setattr(original, method, value)
        return
    for known, content in list(sys.modules.items()):
        if known.startswith("gandiag") and content.__dict__.get(name) is original:
            monkeypatch.setattr(content, name, value)


# processes


class Noise(torch.utils.data.Dataset):
    """Real samples whose worker does all it can to disturb the recording."""

    def __init__(self, callback, generator):
        self.callback, self.generator = callback, generator

    def __len__(self):
        return 12

    def __getitem__(self, index):
        if torch.utils.data.get_worker_info() is not None:
            self.generator(torch.zeros(2, 4))
            self.callback.log(x=1e9)
            self.callback.step()
            self.callback.flush()
            self.callback.close()
        return torch.full((2,), float(index))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_forked_workers_record_nothing_and_close_nothing(tiny, tmp_path):
    """A DataLoader with two workers that hold the callback: the parent's steps, once each, and no hang."""
    gan = tiny()
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run") as callback:
        loader = torch.utils.data.DataLoader(
            Noise(callback, gan.generator), num_workers=2, multiprocessing_context="fork"
        )
        for epoch in range(2):
            seen = 0
            for _ in loader:
                gan.train(1, callback)
                callback.log(x=1.0)
                seen += 1
            assert seen == 12, epoch
    run = Run.open(tmp_path / "run")
    assert run.meta["status"] == "closed"
    assert run.scalars.index.tolist() == list(range(1, 25))
    assert (run.series("x") == 1.0).all()
    assert not run.meta["faults"]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_a_forked_child_that_exits_leaves_the_run_open(tmp_path):
    """Its exit handlers run, and the parent records on."""
    lines = (
        f"import gandiag, os, sys\nc = gandiag.Callback({str(tmp_path / 'run')!r})\n"
        "for i in range(5):\n c.log(x=i)\n c.step()\n"
        "if os.fork() == 0:\n c.step()\n sys.exit(0)\n"
        "assert os.wait()[1] == 0\n"
        f"import json; assert json.load(open({str(tmp_path / 'run' / 'run.json')!r}))['status'] == 'running'\n"
        "for i in range(5):\n c.log(x=i)\n c.step()\n"
    )
    subprocess.run([sys.executable, "-c", lines], check=True, timeout=60)
    run = Run.open(tmp_path / "run")
    assert (run.last_step, run.meta["reason"]) == (10, "the interpreter exited")


def generate(generator, answers):
    """What a spawned process does with an attached network."""
    answers.put(generator(torch.zeros(3, 4)).shape[0])


@pytest.mark.slow
def test_a_spawned_process_records_nothing(tiny, tmp_path):
    """An attached network sent to a spawned process works there, unwatched; the parent's run goes on."""
    gan = tiny()
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run") as callback:
        gan.train(5, callback)
        process = context.Process(target=generate, args=(gan.generator, answers))
        process.start()
        assert answers.get(timeout=120) == 3
        process.join(60)
        assert process.exitcode == 0
        gan.train(5, callback)
    run = Run.open(tmp_path / "run")
    assert (run.meta["status"], run.last_step) == ("closed", 10)
    assert not run.meta["faults"]


# length


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the process's memory from /proc")
def test_memory_and_disk_stay_bounded_over_a_long_training(tmp_path):
    """A hundred and fifty thousand steps in a megabyte: after the first third no growth that goes on."""
    with gandiag.Callback(tmp_path / "run", max_bytes=1_000_000, flush_seconds=0.1) as callback:
        used = []
        for step in range(150_000):
            callback.log(x=step, y=-step, z=step % 17)
            callback.step()
            if step % 10_000 == 9_999:
                callback.flush()
                used.append(resident())
    assert max(used[10:]) - max(used[:6]) < 25e6, [f"{u / 1e6:.0f} MB" for u in used]
    files = [f for f in (tmp_path / "run").rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in files if f.parent.name == "scalars") <= 1_000_000
    assert len(files) < 200
    run = Run.open(tmp_path / "run")
    assert run.scalars.index[0] == 1
    assert run.last_step == 150_000


def resident():
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
