"""What happens is told when it happens: findings, faults, and how it ends; in lines that leave progress bars whole."""

from __future__ import annotations

import logging
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from tqdm import tqdm

import gandiag
from gandiag import synthetic
from gandiag.judge.diagnose import diagnose
from gandiag.judge.live import PART_SECONDS, Judge
from gandiag.judge.policy import Policy
from gandiag.record.announcing import verdict_line
from gandiag.record.terminal import say
from gandiag.rundir.run import Run


def steps(callback, count, **values):
    for _ in range(count):
        callback.step(**{"d_real": np.ones(8), "d_fake": np.zeros(8), **values})


# findings


def test_nan_is_told_with_the_rows_that_hold_it(tmp_path):
    """However seldom the run is judged, and once."""
    told = []
    options = {"stop_on": gandiag.StopPolicy(codes=("non-finite",), for_steps=1), "judge_every": 10**6}
    with gandiag.Callback(tmp_path / "run", on_finding=told.append, **options) as callback:
        steps(callback, 60)
        callback.flush()
        assert not callback.should_stop
        for _ in range(3):
            steps(callback, 5, d_fake=np.full(8, np.nan))
            callback.flush()
        assert callback.should_stop
        assert callback.last_healthy_step is None, "nothing else was judged"
        assert callback.stop_reason.startswith("non-finite (failure) has held since step 61, for 5 steps")
    assert [(f.code, f.onset_step) for f in told] == [("non-finite", 61)]


def test_the_last_judgement_is_made_though_the_background_was_busy_for_most_of_the_time_to_close(tmp_path):
    """After all else is on disk."""
    callback = gandiag.Callback(tmp_path / "run", alerts=False)
    steps(callback, 300, d_fake=np.full(8, np.nan))
    worker = callback._recording._worker
    close = worker._close
    worker._close = lambda status, reason, _: close(status, reason, 0.0)  # the time for it was over long ago
    callback.close()
    run = Run.open(tmp_path / "run")
    assert (run.meta["status"], run.last_step, run.meta["faults"]) == ("closed", 300, [])
    assert (callback.diagnosis.verdict, callback.diagnosis.last_step) == ("failing", 300)


def test_a_training_that_was_not_judged_to_its_end_is_not_called_healthy(tmp_path):
    """Whatever was known of it before; that it was not judged is told."""
    busy = threading.Event()
    callback = gandiag.Callback(tmp_path / "run", alerts=False)
    steps(callback, 300)
    callback._recording._worker.judging._judge.diagnosis = diagnose(synthetic.healthy())
    assert callback.diagnosis.verdict == "healthy"
    callback._recording._worker.offer(busy.wait, 30)
    callback._recording.close("closed", None, patience=1.0)
    assert (callback.diagnosis.verdict, callback.diagnosis.decided) == ("undecided", False)
    assert "could not be closed within 1 s" in callback._recording.faults.listed()[0]["message"]
    busy.set()
    callback._recording._worker.join(30)


def test_rows_of_a_slow_training_are_handed_over_after_a_second(tmp_path, monkeypatch):
    """All but the latest, which may get a late loss; not only when there are a hundred."""
    monkeypatch.setattr("gandiag.record.rows.HAND_OVER_SECONDS", 0.0)
    callback = gandiag.Callback(tmp_path / "run", alerts=False)
    for _ in range(5):
        steps(callback, 1)
        callback._recording._worker.drain()
    assert Run.open(tmp_path / "run").last_step == 4
    callback.close()


def test_rows_of_quick_steps_are_handed_over_in_longer_blocks(tmp_path):
    """Where one of eight holds more than the loop's own logs; never later than the disk is to have them."""
    with gandiag.Callback(tmp_path / "run", alerts=False, flush_seconds=1.5) as callback:
        rows = callback._recording._rows
        assert (rows.block_rows, rows._patience) == (100, 1.0)
        rows.full_every(8)
        assert (rows.block_rows, rows._patience) == (3200, 1.5)


@dataclass(frozen=True)
class Sleepy:
    """A detector that waits for something, or works."""

    code: str
    works: bool = False
    needs: tuple[str, ...] = ("d/auc",)
    how_to: str = ""
    not_for: ClassVar[dict[str, str]] = {}
    min_run_steps: int = 1

    def score(self, run):
        return run.series("d/auc")

    def __call__(self, _):
        end = time.thread_time() + 2 * PART_SECONDS
        while self.works and time.thread_time() < end:
            pass
        if not self.works:
            time.sleep(0.5)
        return []


def test_a_judge_is_charged_for_its_own_time_alone():
    """Half a second in which others had the processor is none of its two percent."""
    judge = Judge([Sleepy("a")], every=100, policy=Policy())
    judge.judge(synthetic.healthy().until(300))
    assert judge.rest == 0


def test_a_diagnosis_goes_on_while_no_rows_come(tmp_path):
    """One block begins it, and the parts follow by themselves."""
    detectors = [Sleepy(code, works=True) for code in "abc"]
    callback = gandiag.Callback(tmp_path / "run", detectors=detectors, judge_every=10, alerts=False)
    steps(callback, 102)
    deadline = time.monotonic() + 60
    while not callback.diagnosis.last_step and time.monotonic() < deadline:
        time.sleep(0.05)
    assert callback.diagnosis.last_step >= 10
    callback.close()


# lines


def test_a_training_has_a_line_at_its_beginning_and_one_at_its_end(tiny, tmp_path, caplog):
    """What is watched, where it is recorded; the verdict and the next command."""
    caplog.set_level(logging.INFO, logger="gandiag")
    gan = tiny()
    with gandiag.attach(gan.generator, gan.discriminator, tmp_path / "run"):
        gan.train(20)
    first, last = [r.getMessage() for r in caplog.records if r.name == "gandiag"]
    assert first == (
        f"gandiag: watching generator (Sequential), discriminator (Sequential), recording to {tmp_path / 'run'}"
    )
    assert last.startswith("gandiag: undecided after 20 steps: ")
    assert last.endswith(f"; all of it: gandiag report {tmp_path / 'run'}")


def test_without_alerts_nothing_is_said(tiny, tmp_path, caplog):
    """No beginning, no fault, no finding, no end; all of it is on record."""
    caplog.set_level(logging.INFO, logger="gandiag")
    with gandiag.Callback(tmp_path / "run", alerts=False) as callback:
        steps(callback, 30, d_fake="no numbers")
        steps(callback, 60, d_fake=np.full(8, np.nan))
    assert not caplog.records
    run = Run.open(tmp_path / "run")
    assert run.meta["faults"]
    assert any(event["kind"] == "finding" for event in run.events)


def test_the_verdict_names_what_is_found_and_how_it_ended():
    """Three findings by name, the rest by number."""
    diagnosis = gandiag.diagnose(synthetic.mode_collapse(at=1000))
    line = verdict_line("runs/my run", diagnosis, "crashed (SIGTERM)")
    assert line.startswith("failing after 3,000 steps, crashed (SIGTERM): ")
    assert "mode-collapse since step 1,0" in line
    assert line.endswith("; all of it: gandiag report 'runs/my run'")


@pytest.fixture
def unconfigured(monkeypatch):
    """As in a program that has not set up logging; pytest has."""
    monkeypatch.setattr(logging.getLogger("gandiag"), "hasHandlers", lambda: False)


@pytest.mark.usefixtures("unconfigured")
def test_a_line_does_not_break_a_bar_of_tqdm(capsys):
    """It stands on a line of its own, and the bar is drawn again below it."""
    with tqdm(total=3, desc="train", file=sys.stderr, mininterval=0) as bar:
        bar.update()
        say(logging.WARNING, "gandiag: said")
        bar.update()
    written = capsys.readouterr().err
    assert re.search(r"(^|[\r\n])gandiag: said\n\r?train", written), repr(written)


@pytest.mark.usefixtures("unconfigured")
def test_a_line_does_not_break_a_bar_of_rich(capsys):
    """rich takes stderr over while it shows a bar."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(file=sys.stdout, force_terminal=True)) as bars:
        bars.advance(bars.add_task("train", total=3))
        say(logging.WARNING, "gandiag: said")
    seen = capsys.readouterr()
    assert re.search(r"gandiag: said\s*\n", seen.out)
    assert not seen.err


@pytest.mark.usefixtures("unconfigured")
def test_a_level_of_the_users_own_counts(capsys, monkeypatch):
    """What is below it is not said."""
    monkeypatch.setattr(logging.getLogger("gandiag"), "level", logging.ERROR)
    say(logging.WARNING, "gandiag: too quiet")
    say(logging.ERROR, "gandiag: said")
    assert capsys.readouterr().err == "gandiag: said\n"


# handlers of signals


def test_handlers_of_signals_come_back_when_the_last_run_is_closed(tmp_path):
    """Two runs at a time; another thread sets none."""
    before = signal.getsignal(signal.SIGTERM)
    first, second = (gandiag.Callback(tmp_path / name, alerts=False) for name in "ab")
    ours = signal.getsignal(signal.SIGTERM)
    assert ours is not before
    first.close()
    assert signal.getsignal(signal.SIGTERM) is ours
    second.close()
    assert signal.getsignal(signal.SIGTERM) is before
    thread = threading.Thread(target=lambda: gandiag.Callback(tmp_path / "c", alerts=False).close())
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
