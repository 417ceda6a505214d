"""What gandiag and the baselines say of each run of a corpus."""

from __future__ import annotations

import contextlib
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

from benchmarks.bench.baselines import BASELINES
from benchmarks.bench.recorded import NotRecordedError, Recorded, read_gradients

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from benchmarks.bench.corpus import Corpus, Entry
    from gandiag.findings import Diagnosis
    from gandiag.rundir.run import Run

RUNS_PER_PROCESS = 16  # below, starting another process takes longer than it saves


@dataclass(frozen=True)
class Alarm:
    """A spell over which something was said to be wrong."""

    severity: str
    onset_step: int
    last_step: int


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A run, and who raised which alarms on it.

    `alarms` and `not_assessed` go by the code of a detector or the name of a baseline; alarms are in order of onset.
    """

    entry: Entry
    verdict: str
    alarms: Mapping[str, tuple[Alarm, ...]]
    not_assessed: frozenset[str]
    crashed: frozenset[str] = frozenset()


def judge(corpus: Corpus, entry: Entry) -> Judged:
    """Let every detector and every baseline judge one run.

    Raises RunError when the run or its gradients are damaged.
    """
    from gandiag.judge.diagnose import diagnose
    from gandiag.judge.policy import Policy
    from gandiag.rundir.run import Run

    run_dir = corpus.run_dir(entry)
    run = Run.open(run_dir)
    diagnosis = diagnose(run, policy=Policy())  # the defaults are measured, whatever the current directory says
    found = _found(diagnosis)
    raised, silent = _raised(run, Recorded(run, read_gradients(run_dir / "gradients.npz")))
    unasked = {n.code for n in diagnosis.not_assessed} | {n.code for n in diagnosis.not_applicable}
    return Judged(
        entry=entry,
        verdict=diagnosis.verdict,
        alarms={**found, **raised},
        not_assessed=frozenset(unasked | silent),
        crashed=frozenset(e.code for e in diagnosis.errors),
    )


def _found(diagnosis: Diagnosis) -> dict[str, tuple[Alarm, ...]]:
    found: dict[str, tuple[Alarm, ...]] = {}
    for f in sorted(diagnosis.findings, key=lambda f: f.onset_step):
        found[f.code] = (*found.get(f.code, ()), Alarm(f.severity, f.onset_step, f.last_step))
    return found


def _raised(run: Run, recorded: Recorded) -> tuple[dict[str, tuple[Alarm, ...]], set[str]]:
    raised: dict[str, tuple[Alarm, ...]] = {}
    silent = set()
    for baseline in BASELINES:
        try:
            step = baseline(recorded)
        except NotRecordedError:
            silent.add(baseline.name)
            continue
        if step is not None:
            raised[baseline.name] = (Alarm("failure", step, run.last_step),)
    return raised, silent


def judge_all(corpus: Corpus, *, processes: int, quiet: bool) -> tuple[Judged, ...]:
    """Judge all runs, in the corpus's order, with a progress bar where there is a terminal.

    Raises RunError on the first run that is damaged.
    """
    from gandiag.cli.progress import progress_bars

    judged = {}
    with progress_bars(quiet=quiet) as progress:
        task = progress.add_task("judging runs", total=len(corpus.entries))
        with contextlib.closing(_judgements(corpus, processes)) as judgements:
            for result in judgements:
                judged[result.entry.name] = result
                progress.advance(task)
    return tuple(judged[entry.name] for entry in corpus.entries)


def _judgements(corpus: Corpus, processes: int) -> Generator[Judged, None, None]:
    """Judgements as they come."""
    processes = min(processes, len(corpus.entries) // RUNS_PER_PROCESS)
    if processes < 2:
        yield from map(partial(judge, corpus), corpus.entries)
        return
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
    try:
        for future in as_completed([pool.submit(judge, corpus, entry) for entry in corpus.entries]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
