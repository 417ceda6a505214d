"""What the bench finds: the scores of each part of a corpus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.bench.corpus import SPLITS
from benchmarks.bench.scores import SLACK
from benchmarks.bench.shares import Share

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.bench.scores import Score

HELD_OUT = "evaluation + unseen"
PARTS: Mapping[str, tuple[str, ...]] = {HELD_OUT: SPLITS[1:], **{split: (split,) for split in SPLITS}}
VERDICTS = ("failing", "suspect", "healthy", "undecided")


@dataclass(frozen=True, kw_only=True)
class Part:
    """The runs of one part of a corpus, and every judge's record on them.

    Attributes
    ----------
    runs : how many are healthy, failing and partial
    healthy_steps : steps of the healthy runs together
    scores : one per detector and baseline, in report order
    cross_talk : by judge, then by labelled failure or "healthy", the share of runs with an alarm at failure severity
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
        return next(s for s in self.parts[part].scores if s.judge.name == name)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy; a share of nothing and the delay of nothing are None."""
        return {
            "schema": "gandiag-bench/1",
            "corpus": self.corpus,
            "slack_share_of_run": SLACK,
            "no_detector": list(self.no_detector),
            "parts": {name: part.to_dict() for name, part in self.parts.items()},
        }
