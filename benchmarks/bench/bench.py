"""The bench: every detector and every baseline, scored on a corpus of labelled runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.bench.baselines import BASELINES
from benchmarks.bench.corpus import SPLITS, STATUSES, read_corpus
from benchmarks.bench.judged import judge_all
from benchmarks.bench.scores import SLACK, Score, Watcher, alarms, score
from benchmarks.bench.shares import Share
from gandiag.rundir.folder import RunError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from benchmarks.bench.judged import Judged

HELD_OUT = "evaluation + unseen"
PARTS: Mapping[str, tuple[str, ...]] = {HELD_OUT: SPLITS[1:], **{split: (split,) for split in SPLITS}}
VERDICTS = ("failing", "suspect", "healthy", "undecided")


@dataclass(frozen=True, kw_only=True)
class Part:
    """The runs of one part of a corpus, and every watcher's record on them.

    Attributes
    ----------
    runs : how many are healthy, failing and partial
    healthy_steps : steps of the healthy runs together
    scores : one per detector and baseline, in report order
    cross_talk : by watcher, then by labelled failure or "healthy", the share of runs with an alarm at failure severity
    verdicts : by status, then by gandiag's verdict on the whole run, how many runs
    labels : by failure, how many runs are labelled with it
    """

    name: str
    runs: Mapping[str, int]
    healthy_steps: int
    scores: tuple[Score, ...]
    cross_talk: Mapping[str, Mapping[str, Share]]
    verdicts: Mapping[str, Mapping[str, int]]
    labels: Mapping[str, int]

    def verdict_share(self, status: str, *verdicts: str) -> Share:
        """The share of runs of a status that got one of these verdicts."""
        counts = self.verdicts[status]
        return Share(sum(counts[v] for v in verdicts), sum(counts.values()))

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy."""
        return {
            "runs": dict(self.runs),
            "healthy_steps": self.healthy_steps,
            "labels": dict(self.labels),
            "scores": [s.to_dict() for s in self.scores],
            "cross_talk": {
                name: {column: share.to_dict() for column, share in row.items()}
                for name, row in self.cross_talk.items()
            },
            "verdicts": {
                status: {v: Share(n, sum(counts.values())).to_dict() for v, n in counts.items()}
                for status, counts in self.verdicts.items()
            },
        }


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The scores on each part of a corpus: evaluation and unseen runs together, and each split alone.

    `no_detector` names the labelled failures that no detector looks for.
    """

    corpus: str
    parts: Mapping[str, Part]
    no_detector: tuple[str, ...]

    def score(self, name: str, part: str = HELD_OUT) -> Score:
        """The record of the detector or baseline of that name."""
        return next(s for s in self.parts[part].scores if s.watcher.name == name)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy; a share of nothing and the delay of nothing are None."""
        return {
            "schema": "gandiag-bench/1",
            "corpus": self.corpus,
            "slack_share_of_run": SLACK,
            "no_detector": list(self.no_detector),
            "parts": {name: part.to_dict() for name, part in self.parts.items()},
        }


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
    from benchmarks.bench.markdown import to_markdown

    content = read_corpus(corpus)
    if markdown is not None and not Path(markdown).absolute().parent.is_dir():
        raise RunError(f"{markdown}: cannot be written: there is no such folder")
    judged = judge_all(content, processes=processes, quiet=as_json)
    bench = scored(str(corpus), judged)
    if markdown is not None:
        try:
            Path(markdown).write_text(to_markdown(bench), "utf-8")
        except OSError as error:
            raise RunError(f"{markdown}: cannot be written: {error.strerror or error}") from error
    return bench


def watchers() -> tuple[Watcher, ...]:
    """All detectors in report order, then all baselines."""
    from gandiag.detectors import DETECTORS

    ours = [Watcher(d.code, "gandiag", (d.code,)) for d in DETECTORS]
    return (*ours, *(Watcher(b.name, b.family, b.claims) for b in BASELINES))


def scored(corpus: str, judged: Sequence[Judged]) -> Bench:
    """The scores of runs that were judged."""
    everyone = watchers()
    known = [w.name for w in everyone if w.ours]
    found = sorted({label.code for run in judged for label in run.entry.failures})
    codes = (*known, *(code for code in found if code not in known))
    parts = {
        name: _part(name, [r for r in judged if r.entry.split in splits], everyone, codes)
        for name, splits in PARTS.items()
    }
    return Bench(corpus=corpus, parts=parts, no_detector=codes[len(known) :])


def _part(name: str, runs: Sequence[Judged], everyone: Sequence[Watcher], codes: Sequence[str]) -> Part:
    by_status = {status: [r for r in runs if r.entry.status == status] for status in STATUSES}
    columns = {code: [r for r in by_status["failing"] if r.entry.onset((code,)) is not None] for code in codes}
    return Part(
        name=name,
        runs={status: len(of_status) for status, of_status in by_status.items()},
        healthy_steps=sum(r.entry.steps for r in by_status["healthy"]),
        scores=tuple(score(watcher, runs) for watcher in everyone),
        cross_talk={
            watcher.name: {
                column: Share.of(bool(alarms(r, watcher)) for r in of_column)
                for column, of_column in {**columns, "healthy": by_status["healthy"]}.items()
            }
            for watcher in everyone
        },
        verdicts={
            status: {v: sum(r.verdict == v for r in of_status) for v in VERDICTS}
            for status, of_status in by_status.items()
        },
        labels={code: len(of_column) for code, of_column in columns.items()},
    )
