"""The content of a report, section by section: every word that a renderer lays out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from gandiag.rundir.ending import ending
from gandiag.wording import listed, pace_in_words

from . import verdict
from .best import best_step
from .content import Advice, Card, Causes, Report, Step, cleaned
from .layers import layers_of
from .panels import finding_panels, general_panels, mode_heatmap
from .provenance import provenance
from .strips import sample_strip, thumbnails
from .text import count, duration, number
from .timeline import timeline
from .undecided import unchecked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gandiag.findings import Diagnosis, Evidence, Finding
    from gandiag.remedy import Remedy
    from gandiag.rundir.run import Run

    from .content import Pair, Row
    from .timeline import Flag

RATES = ("rates-of-one-scale", "rates-as-before")  # remedies that set both learning rates
ADVICE_FACTS = ("cost", "evidence", "expect", "see")
MAX_FAULTS = 20
LATEST = 100  # rows of which the rhythm of the updates is told
LATEST_TIME = 2.0**32  # seconds since the epoch: in the year 2106


def build(run: Run, diagnosis: Diagnosis) -> Report:
    """Everything a report says about a run and its diagnosis."""
    panels, notes = general_panels(run, diagnosis)
    best = best_step(run, diagnosis)
    samples = sample_strip(run, diagnosis.findings, best.step if best else None)
    axis = timeline(run, diagnosis, panels, samples.frames)
    report = Report(
        run=str(run.meta.get("id") or "unnamed run"),
        verdict=diagnosis.verdict,
        headline=verdict.headline(run, diagnosis),
        sentence=verdict.sentence(run, diagnosis, axis.flags),
        normal=diagnosis.normal,
        facts=tuple(_facts(run)),
        actions=verdict.actions(run, diagnosis, axis.flags, best),
        thumbnails=thumbnails(samples),
        timeline=axis,
        checked=verdict.checked(diagnosis),
        samples=samples,
        modes=mode_heatmap(run, diagnosis),
        causes=_causes(diagnosis),
        findings=tuple(_card(run, finding, i) for i, finding in enumerate(diagnosis.findings, start=1)),
        layers=tuple(layers_of(run)),
        advice=tuple(_all_advice(diagnosis, verdict.cause(diagnosis, axis.flags))),
        panels=panels,
        panel_notes=notes,
        clean=diagnosis.clean,
        not_assessed=unchecked(diagnosis),
        not_applicable=tuple((n.code, n.reason) for n in diagnosis.not_applicable),
        errors=tuple((e.code, e.message) for e in diagnosis.errors),
        faults=tuple(_faults(run, diagnosis)),
        provenance=tuple(table for table in provenance(run, diagnosis) if table.rows or table.note),
    )
    return cleaned(report)


def _facts(run: Run) -> Iterator[Pair]:
    yield "Status", str(ending(run.meta))
    rows = len(run.scalars)
    yield "Recorded", f"{_rows(run)}, {count(run.scalars.shape[1], 'signal')}"
    if rows:
        yield "Steps", f"{int(run.scalars.index[0]):,} to {run.last_step:,}"
    clock = None if run.time is None else run.time[run.time.between(0, LATEST_TIME)]
    if clock is not None and len(clock):
        start = datetime.fromtimestamp(float(clock.iloc[0]), tz=timezone.utc)
        yield "Started", f"{start:%Y-%m-%d %H:%M} UTC"
        if (seconds := float(clock.iloc[-1] - clock.iloc[0])) >= 1:  # logs may come without a clock
            yield "Duration", duration(seconds)
    source = run.meta.get("loss_family", {}).get("source")
    yield "Loss family", run.loss_family + (f" ({source})" if source else "")
    pace = run.series("pace/discriminator").dropna()
    if len(pace):
        yield "Updates", pace_in_words(float(pace.iloc[-LATEST:].median()))
    segments = run.meta.get("segments", ())
    if len(segments) > 1:
        resumed = listed(f"{s['start_step']:,}" for s in segments[1:])
        yield "Resumed", f"{count(len(segments) - 1, 'time')}, at step {resumed}"
    if "ranks" in run.meta:
        size = segments[-1].get("world_size", 1) if segments else len(run.meta["ranks"])
        yield "Ranks", f"{len(run.meta['ranks']):,} of {size:,} recorded"
    if run.path:
        yield "Directory", run.path


def _rows(run: Run) -> str:
    """How much was recorded; records are not called steps where there are fewer of them."""
    rows = len(run.scalars)
    whole = not rows or rows == run.last_step - int(run.scalars.index[0]) + 1
    return count(rows, "step") if whole else f"{count(rows, 'record')} to step {run.last_step:,}"


def _card(run: Run, finding: Finding, number_: int) -> Card:
    panels, notes = finding_panels(run, finding, number_)
    whose = f"of {finding.network}, " if finding.network else ""
    return Card(
        number=number_,
        code=finding.code,
        severity=finding.severity,
        when=f"{whose}{finding.when}",
        summary=finding.summary,
        evidence=tuple(_evidence(e) for e in finding.evidence),
        mechanism=finding.mechanism,
        remedies=tuple(_advice(remedy) for remedy in finding.remedies),
        panels=panels,
        notes=notes,
    )


def _advice(remedy: Remedy) -> Advice:
    facts = tuple((name.capitalize(), text) for name, text in remedy.facts() if name in ADVICE_FACTS)
    return Advice(name=remedy.name, change=remedy.change, code=remedy.code, why=remedy.why, facts=facts)


def _all_advice(diagnosis: Diagnosis, changed: Flag | None) -> Iterator[Advice]:
    """Every remedy once, with the findings that it answers; the root's own first, then what answers most.

    Where learning rates are to be set and it is known what they were before they were `changed`, the code sets these.
    """
    answers: dict[str, list[int]] = {}
    remedies: dict[str, Remedy] = {}
    for place, finding in enumerate(diagnosis.findings):
        for remedy in finding.remedies:
            remedies.setdefault(remedy.name, remedy)
            answers.setdefault(remedy.name, []).append(place)
    first = verdict.root(diagnosis)
    own = {remedy.name for remedy in first.remedies} if first else set()
    for name in sorted(remedies, key=lambda n: (remedies[n].balance, n not in own, -len(answers[n]))):
        steps = tuple(_step(diagnosis, place) for place in answers[name])
        advice = replace(_advice(remedies[name]), answers=steps)
        undone = changed is not None and changed.code and name in RATES
        yield replace(advice, code=changed.code) if undone and changed else advice


def _step(diagnosis: Diagnosis, place: int) -> Step:
    finding = diagnosis.findings[place]
    return Step(place + 1, finding.title, f"step {finding.onset_step:,}", finding.severity)


def _causes(diagnosis: Diagnosis) -> Causes:
    findings, story = diagnosis.findings, diagnosis.story

    return Causes(
        sentence=story.sentence,
        chains=tuple(tuple(_step(diagnosis, place) for place in chain) for chain in story.chains),
        links=tuple(
            (findings[link.cause].title, findings[link.effect].title, link.sentence, link.source)
            for link in story.links
        ),
        drawn=any(len(chain) > 1 for chain in story.chains),
    )


def _evidence(evidence: Evidence) -> Row:
    threshold = f"{evidence.comparison} {number(evidence.threshold)}"
    return evidence.signal, number(evidence.value), threshold, evidence.unit


def _faults(run: Run, diagnosis: Diagnosis) -> Iterator[str]:
    """Where the record has holes, and what went wrong inside gandiag itself."""
    warnings = [e for e in run.events if e.get("kind") == "warning"]
    unique = list(dict.fromkeys([*diagnosis.missing, *(str(e.get("message", "no words")) for e in warnings)]))
    yield from unique[:MAX_FAULTS]
    if len(unique) > MAX_FAULTS:
        yield f"{len(unique) - MAX_FAULTS:,} more are in the run directory."
