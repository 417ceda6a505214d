"""The tables of `benchmarks.bench.kinds`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks.bench.causes import CAUSES
from benchmarks.bench.kinds import fitted_without
from benchmarks.bench.markdown import markdown_table
from benchmarks.bench.scores import SLACK
from benchmarks.bench.shares import Share
from benchmarks.bench.words import NOTHING, at_most, found
from gandiag.judge.mechanisms import MISTAKES
from gandiag.zoo.truth import EVALUATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.bench.corpus import Entry, Label
    from benchmarks.bench.kinds import Asked

MISSION = {
    "vanishing gradients": ("vanishing-gradients",),
    "mode collapse, under either name": ("mode-collapse", "sample-collapse"),
    "oscillation and non-convergence": ("oscillation", "mode-hopping", "divergence"),
}
"""What gandiag is there to name first, and the findings that name it."""
CLOSE = 0.02  # of a run; the goal is for the median, so that half of the onsets lie as close
BLOCK = re.compile(r"(<!-- kinds -->\n).*?(<!-- /kinds -->)", flags=re.DOTALL)


def tables(asked: list[Asked]) -> str:
    """Markdown: verdicts by kind of data and by loss, failures, causes; then the runs that were judged wrongly.

    Reported are the runs whose seeds are for evaluation; thresholds for a kind or a loss are fitted on all runs of the
    others.
    """
    told = [one for one in asked if one.entry.split != "tuning"]
    counts = {s: sum(one.entry.status == s for one in told) for s in ("healthy", "failing", "partial")}
    head = (
        f"{len(told)} runs with seeds for evaluation, {len({one.entry.configuration for one in told})} configurations "
        f"on {len({one.entry.kind for one in told})} kinds of data: {counts['healthy']} healthy, {counts['failing']} "
        f"failing, {counts['partial']} in between, which count nowhere. Recorded as one line of code does, without "
        f"labels. {len(asked) - len(told)} runs with seeds for tuning took part in the fits on the others.\n"
    )
    return "\n".join(
        [
            head,
            _goals(told),
            _by("kind of data", asked, told, lambda one: one.entry.kind),
            _by("loss", asked, told, lambda one: one.entry.loss),
            _by_failure(told),
            _by_cause(told),
            *_wrong(told),
        ]
    )


def _goals(asked: list[Asked]) -> str:
    """What was set as a goal beforehand, beside what came out."""
    healthy, failing = _of(asked, "healthy"), _of(asked, "failing")
    one_cause = [one for one in failing if one.entry.cause]
    named = [(one, label) for one in failing for label in one.entry.failures]
    mistakes = [(one, label.code) for one, label in named if label.code in MISTAKES]
    by_code = [(one, label.code) for one, label in named if any(label.code in codes for codes in MISSION.values())]
    serious, noticed = ("failure",), ("failure", "warning")
    goals = (
        ("failing runs called failing", 0.97, Share.of(one.verdict == "failing" for one in failing)),
        ("healthy runs not called failing", 0.99, Share.of(one.verdict != "failing" for one in healthy)),
        ("healthy runs without a warning", 0.95, Share.of(one.verdict in ("healthy", "undecided") for one in healthy)),
        *((f"{what}: found at failure severity", 0.95, _found(failing, codes)) for what, codes in MISSION.items()),
        ("the same, each by its own name", 0.95,
         Share.of(_onset(one, (code,), serious) is not None for one, code in by_code)),
        ("mistakes in the loop: named, at warning or above", 0.9,
         Share.of(_onset(one, (code,), noticed) is not None for one, code in mistakes)),
        ("right root named, of failing runs with one cause", 0.8,
         Share.of(one.root in CAUSES[one.entry.cause].roots for one in one_cause)),
        ("first remedy fits the cause", 0.9,
         Share.of(one.remedy in CAUSES[one.entry.cause].remedies for one in one_cause)),
        ("onset within 2 % of the run", 0.5, Share.of(
            onset_error(one.entry, label, onset) <= CLOSE
            for one, label in named if (onset := _onset(one, (label.code,), noticed)) is not None
        )),
    )  # fmt: skip
    rows = [
        (what, f"{goal:.0%}", found(share), "yes" if share.n and share.value >= goal else "no")
        for what, goal, share in goals
    ]
    return markdown_table(("share of", "goal", "measured", "reached"), rows)


def _by(what: str, asked: list[Asked], reported: list[Asked], of: Callable[[Asked], str]) -> str:
    """Verdicts by kind of data or by loss, with today's thresholds and with those fitted on all the others."""

    def held_out(value: str) -> Callable[[Asked], bool]:
        return lambda one: of(one) == value

    rows = []
    refit = {value: fitted_without(asked, held_out(value)) for value in dict.fromkeys(map(of, asked))}
    for value in (*refit, "all"):
        own = [one for one in reported if value in (of(one), "all")]
        failing, healthy = (_of(own, status) for status in ("failing", "healthy"))
        rows.append(
            (
                value,
                found(Share.of(one.verdict == "failing" for one in failing)),
                found(Share.of(one.verdict in ("failing", "suspect") for one in failing)),
                found(Share.of(one.verdict_with(refit[of(one)]) == "failing" for one in failing)),
                at_most(Share.of(one.verdict == "failing" for one in healthy)),
                at_most(Share.of(one.verdict == "suspect" for one in healthy)),
                at_most(Share.of(one.verdict == "undecided" for one in healthy)),
                at_most(Share.of(one.verdict_with(refit[of(one)]) == "failing" for one in healthy)),
            )
        )
    header = (
        what, "failing runs called failing", "or suspect", "failing, fitted on the others",
        "healthy runs called failing", "suspect", "undecided", "failing, fitted on the others",
    )  # fmt: skip
    return markdown_table(header, rows)


def _by_failure(asked: list[Asked]) -> str:
    rows = []
    for code in sorted({label.code for one in asked for label in one.entry.failures}):
        own = [(one, label) for one in _of(asked, "failing") for label in one.entry.failures if label.code == code]
        serious, any_of = (
            [_onset(one, (code,), bar) for one, _ in own] for bar in (("failure",), ("failure", "warning"))
        )
        errors = sorted(
            onset_error(one.entry, label, onset)
            for (one, label), onset in zip(own, any_of, strict=True)
            if onset is not None
        )
        rows.append(
            (
                f"`{code}`",
                found(Share.of(onset is not None for onset in serious)),
                found(Share.of(onset is not None for onset in any_of)),
                f"{100 * errors[len(errors) // 2]:.1f} %" if errors else NOTHING,
            )
        )
    header = (
        "labelled with",
        "found at failure severity",
        "at warning or above",
        "median error of the onset, of the run",
    )
    return markdown_table(header, rows)


def _by_cause(asked: list[Asked]) -> str:
    rows = []
    known = [one for one in _of(asked, "failing") if one.entry.cause]
    for cause in (*CAUSES, "all"):
        own = [one for one in known if cause in (one.entry.cause, "all")]
        if own:
            right = Share.of(one.root in CAUSES[one.entry.cause].roots for one in own)
            fits = Share.of(one.remedy in CAUSES[one.entry.cause].remedies for one in own)
            rows.append((cause, str(len(own)), found(right), found(fits)))
    return markdown_table(("cause", "failing runs", "root named", "first remedy fits"), rows)


def _wrong(asked: list[Asked]) -> Iterator[str]:
    """By name the runs whose verdict, root or remedy is not right."""
    yield "Runs judged wrongly:\n"
    for one in asked:
        told = dict.fromkeys(f"`{f.code}`{'' if f.severity == 'failure' else '?'}" for f in one.found)
        said = f"{one.entry.name}: {one.verdict} ({', '.join(told) or 'nothing found'})"
        labels = ", ".join(label.code for label in one.entry.failures)
        if one.entry.status == "healthy" and one.verdict != "healthy":
            yield f"- healthy, {said}"
        elif one.entry.status == "failing" and one.verdict != "failing":
            yield f"- {labels}, {said}"
        elif one.entry.status == "failing" and one.entry.cause and one.root not in CAUSES[one.entry.cause].roots:
            yield f"- {one.entry.cause}, {said}: root {one.root}"
        elif one.entry.status == "failing" and one.entry.cause and one.remedy not in CAUSES[one.entry.cause].remedies:
            yield f"- {one.entry.cause}, {said}: first remedy {one.remedy}"
    yield ""


def _of(asked: list[Asked], status: str) -> list[Asked]:
    return [one for one in asked if one.entry.status == status]


def _found(failing: list[Asked], codes: tuple[str, ...]) -> Share:
    """Of the runs labelled with any of these failures, those in which any of them is found at failure severity."""
    labelled = [one for one in failing if one.entry.onset(codes) is not None]
    return Share.of(_onset(one, codes, ("failure",)) is not None for one in labelled)


def _onset(one: Asked, codes: tuple[str, ...], bar: tuple[str, ...]) -> int | None:
    """Of the first finding of these failures that held after the labelled onset, or ended shortly before it."""
    labelled = one.entry.onset(codes) or 0
    ends = labelled - SLACK * one.entry.steps
    return next((f.onset for f in one.found if f.code in codes and f.severity in bar and f.last >= ends), None)


def onset_error(entry: Entry, label: Label, onset: int) -> float:
    """How far a stated onset is from the labelled one, as a share of the run.

    What ground truth shows began somewhere between two of its evaluations: the distance is that to the time between.
    """
    before = entry.steps // EVALUATIONS if label.source == "ground truth" else 0
    return max(label.onset_step - before - onset, onset - label.onset_step, 0) / entry.steps
