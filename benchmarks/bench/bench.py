"""The bench: every detector and every baseline, scored on a corpus of labelled runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bench.baselines import BASELINES
from benchmarks.bench.corpus import STATUSES, read_corpus
from benchmarks.bench.judged import judge_all
from benchmarks.bench.markdown import to_markdown
from benchmarks.bench.results import PARTS, VERDICTS, Bench, Part
from benchmarks.bench.scores import Judge, alarms, score
from benchmarks.bench.shares import Share
from gandiag.rundir.folder import RunError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from benchmarks.bench.judged import Judged

OTHERS = "<!-- other commands -->"
"""Below it a page holds what `benchmarks.bench.kinds` and `benchmarks.remedies` write."""


def run_bench(
    corpus: str | PathLike[str], *, markdown: Path | None = None, as_json: bool = False, processes: int = 2
) -> Bench:
    """Judge all runs of a corpus and score every detector and every baseline.

    Parameters
    ----------
    corpus : the folder that `python -m benchmarks.corpus` made
    markdown : a file for the tables as Markdown
    as_json : leave out the progress bar; print nothing in any case
    processes : how many processes judge; more than one are spawned, so a script that calls this needs a main guard

    Raises
    ------
    RunError
        When the folder holds no corpus, it or a run of it is damaged, or `markdown` cannot be written.
    """
    content = read_corpus(corpus)
    if markdown is not None and not Path(markdown).absolute().parent.is_dir():
        raise RunError(f"{markdown}: cannot be written: there is no such folder")
    judged = judge_all(content, processes=processes, quiet=as_json)
    bench = scored(str(corpus), judged)
    if markdown is not None:
        try:
            write_tables(Path(markdown), to_markdown(bench))
        except OSError as error:
            raise RunError(f"{markdown}: cannot be written: {error.strerror or error}") from error
    return bench


def write_tables(page: Path, tables: str) -> None:
    """Put the tables on a page; what other commands wrote below their mark stays."""
    rest = page.read_text("utf-8").partition(OTHERS) if page.exists() else ("", "", "")
    page.write_text(f"{tables}\n{''.join(rest[1:])}" if rest[1] else tables, "utf-8")


def judges() -> tuple[Judge, ...]:
    """All detectors in report order, then all baselines."""
    from gandiag.detectors import DETECTORS

    ours = [Judge(d.code, "gandiag", (d.code,)) for d in DETECTORS]
    return (*ours, *(Judge(b.name, b.family, b.claims) for b in BASELINES))


def scored(corpus: str, judged: Sequence[Judged]) -> Bench:
    """The scores of runs that were judged."""
    everyone = judges()
    known = [w.name for w in everyone if w.ours]
    found = sorted({label.code for run in judged for label in run.entry.failures})
    codes = (*known, *(code for code in found if code not in known))
    parts = {
        name: _part(name, [r for r in judged if r.entry.split in splits], everyone, codes)
        for name, splits in PARTS.items()
    }
    return Bench(corpus=corpus, parts=parts, no_detector=codes[len(known) :])


def _part(name: str, runs: Sequence[Judged], everyone: Sequence[Judge], codes: Sequence[str]) -> Part:
    by_status = {status: [r for r in runs if r.entry.status == status] for status in STATUSES}
    columns = {code: [r for r in by_status["failing"] if r.entry.onset((code,)) is not None] for code in codes}
    return Part(
        name=name,
        runs={status: len(of_status) for status, of_status in by_status.items()},
        healthy_steps=sum(r.entry.steps for r in by_status["healthy"]),
        scores=tuple(score(judge, runs) for judge in everyone),
        cross_talk={
            judge.name: {
                column: Share.of(bool(alarms(r, judge)) for r in of_column)
                for column, of_column in {**columns, "healthy": by_status["healthy"]}.items()
            }
            for judge in everyone
        },
        verdicts={
            status: {v: sum(r.verdict == v for r in of_status) for v in VERDICTS}
            for status, of_status in by_status.items()
        },
        labels={code: len(of_column) for code, of_column in columns.items()},
    )
