"""How often a diagnosis is right on data that no threshold was fitted on: `python -m benchmarks.bench.kinds`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from benchmarks.bench.corpus import Entry, read_corpus
from benchmarks.options import PROCESSES
from gandiag.cli.exits import refuse
from gandiag.rundir.folder import RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.bench.corpus import Corpus
    from gandiag.detectors import Detector
    from gandiag.findings import Diagnosis, Finding
    from gandiag.rundir.run import Run

VARIANTS: Mapping[str, tuple[dict[str, float], ...]] = {
    "vanishing-gradients": ({}, {"saturation": 0.003}, {"saturation": 0.03}),
    "mode-collapse": (
        {},
        {"failure_share": 0.75, "share": 0.8},
        {"failure_share": 0.6, "share": 0.7},
        {"failure_share": 0.88, "share": 0.9, "stay_share": 0.93},
    ),
    "sample-collapse": (
        {},
        {"failure_ratio": 0.2, "ratio": 0.35},
        {"failure_ratio": 0.5, "ratio": 0.6, "stay_ratio": 0.7},
    ),
    "mode-hopping": ({}, {"turnover": 0.35}, {"turnover": 0.18}),
    "discriminator-too-weak": ({}, {"energy": 0.25, "failure": 2.5}, {"energy": 0.1, "failure": 1.2}),
    "divergence": ({}, {"decades": 2.5}, {"decades": 1.0}),
    "quality-regression": ({}, {"energy_failure": 0.4}, {"energy_failure": 0.1}),
    "stagnation": ({}, {"failure_distance": 0.5}, {"failure_distance": 0.2}),
    "oscillation": ({}, {"swing": 0.5}, {"swing": 0.15}),
}
"""What is fitted without the kind at hand: thresholds of detectors, the first variant being today's."""
FALSE_ALARMS = 0.01  # at most so many of the healthy runs, where a variant allows it


class Said(NamedTuple):
    """A finding that counts: `ongoing` if it went on to the end."""

    code: str
    severity: str
    onset: int
    last: int
    ongoing: bool


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A run, what it is known to have, and what was said of it.

    Attributes
    ----------
    entry : as in the manifest
    verdict, root, remedy : of the whole diagnosis; the code of the root, the name of the first remedy of its finding
    found : the findings that count, in order of onset
    ends : by detector of `VARIANTS`, whether each variant finds a failure that lasts to the end
    """

    entry: Entry
    verdict: str
    root: str
    remedy: str
    found: tuple[Said, ...]
    ends: Mapping[str, tuple[bool, ...]]

    def verdict_with(self, chosen: Mapping[str, int]) -> str:
        """The verdict with other thresholds: only failures that last make it failing."""
        others = {said.code for said in self.found if said.severity == "failure" and said.ongoing}
        fitted = any(self.ends[code][variant] for code, variant in chosen.items())
        if fitted or others - set(chosen):
            return "failing"
        return "not failing"


def ask(corpus: Corpus, entry: Entry) -> Asked:
    """Judge one run: with default thresholds, and each fitted detector with each of its variants."""
    from gandiag.detectors import DETECTORS
    from gandiag.judge.diagnose import diagnose
    from gandiag.judge.policy import Policy
    from gandiag.rundir.run import Run

    run = Run.open(corpus.run_dir(entry))
    diagnosis = diagnose(run, policy=Policy())
    first = root_of(diagnosis)
    known = {d.code: d for d in DETECTORS}
    ends = {
        code: tuple(_lasts(run, replace(known[code], **change)) for change in changes)  # type: ignore[type-var]
        for code, changes in VARIANTS.items()
    }
    return Asked(
        entry=entry,
        verdict=diagnosis.verdict,
        root=first.code if first else "",
        remedy=first.remedies[0].name if first and first.remedies else "",
        found=tuple(
            Said(f.code, f.severity, f.onset_step, f.last_step, f.ongoing) for f in diagnosis.findings if f.counts
        ),
        ends=ends,
    )


def root_of(diagnosis: Diagnosis) -> Finding | None:
    """The finding of the root, or of its first failure, else warning, where a story has several beginnings or none."""
    counted = [f for f in diagnosis.findings if f.counts]
    root = diagnosis.story.root
    named = [f for f in counted if f.code == root]
    serious = [f for f in counted if f.severity == "failure" and f.ongoing]
    return next(iter((*named, *serious, *counted)), None)


def _lasts(run: Run, detector: Detector) -> bool:
    """Whether a detector finds a failure that lasts; False where it cannot judge the run."""
    from gandiag.judge.diagnose import diagnose
    from gandiag.judge.policy import Policy

    return any(f.severity == "failure" and f.ongoing for f in diagnose(run, [detector], policy=Policy()).findings)


def fitted_without(asked: list[Asked], held_out: Callable[[Asked], bool]) -> dict[str, int]:
    """By detector the variant that is best on all runs that are not held out.

    Of those with false alarms on at most 1 % of the healthy runs, or as few as any has, the one that finds most of the
    runs labelled with the failure; today's where that ties.
    """
    rest = [one for one in asked if not held_out(one)]
    healthy = [one for one in rest if one.entry.status == "healthy"]
    chosen = {}
    for code, changes in VARIANTS.items():
        labelled = [one for one in rest if one.entry.onset((code,)) is not None]

        def merit(variant: int, code: str = code, labelled: list[Asked] = labelled) -> tuple[float, int, int]:
            false = sum(one.ends[code][variant] for one in healthy) / max(1, len(healthy))
            return -max(false, FALSE_ALARMS), sum(one.ends[code][variant] for one in labelled), -variant

        chosen[code] = max(range(len(changes)), key=merit)
    return chosen


def judge_all(corpus: Corpus, processes: int) -> list[Asked]:
    """All runs of a corpus of kinds of data, in its order.

    Raises ValueError for a corpus that does not say of which kind its runs are.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    if not all(entry.kind for entry in corpus.entries):
        raise ValueError(
            f"{corpus.path}: its runs have no kind; python -m benchmarks.corpus --kinds makes such a corpus"
        )
    one = partial(ask, corpus)
    if processes < 2:
        return list(map(one, corpus.entries))
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(one, corpus.entries))


@click.command(epilog="Example: python -m benchmarks.bench.kinds runs/kinds --markdown docs/bench.md")
@click.argument("corpus", metavar="CORPUS")
@PROCESSES
@click.option("--markdown", metavar="FILE", help="Also put the tables between the marks of this file.")
def main(corpus: str, processes: int, markdown: str | None) -> None:
    """Say how often verdict, failure, root and first remedy are right on the runs of `benchmarks.corpus --kinds`."""
    from benchmarks.bench.kinds_tables import BLOCK, tables

    try:
        text = tables(judge_all(read_corpus(corpus), processes))
    except (ValueError, RunError) as error:
        refuse(str(error))
    print(text)
    if markdown:
        page = Path(markdown)
        page.write_text(BLOCK.sub(lambda marks: f"{marks[1]}\n{text}\n{marks[2]}", page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.bench.kinds")
