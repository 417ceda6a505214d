"""The content of a report, section by section: every word that a renderer lays out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from gandiag.rundir.ending import ending
from gandiag.rundir.events import last_evaluation
from gandiag.wording import listed, pace_in_words

from .content import Advice, Card, Causes, Pair, Report, Row, Step, Table, cleaned
from .panels import finding_panels, general_panels, mode_heatmap
from .strips import sample_strip
from .text import count, duration, flat, number

if TYPE_CHECKING:
    from gandiag.findings import Diagnosis, Evidence, Finding, Severity
    from gandiag.remedy import Remedy
    from gandiag.rundir.run import Run

ADVICE_FACTS = ("cost", "evidence", "expect", "see")
MAX_ROWS = 100  # of a table of settings
MAX_FAULTS = 20
LATEST = 100  # rows of which the rhythm of the updates is told
LATEST_TIME = 2.0**32  # seconds since the epoch: in the year 2106
BROKE_OFF = {"crashed": "crashed", "killed": "was killed", "interrupted": "was interrupted"}


def build(run: Run, diagnosis: Diagnosis) -> Report:
    """Everything a report says about a run and its diagnosis."""
    panels, notes = general_panels(run, diagnosis)
    report = Report(
        run=str(run.meta.get("id") or "unnamed run"),
        verdict=diagnosis.verdict,
        headline=_headline(run, diagnosis),
        sentence=_sentence(diagnosis),
        facts=(*_facts(run), *_checked(diagnosis)),
        causes=_causes(diagnosis),
        findings=tuple(_card(run, finding, i) for i, finding in enumerate(diagnosis.findings, start=1)),
        panels=panels,
        panel_notes=notes,
        samples=sample_strip(run, diagnosis.findings),
        modes=mode_heatmap(run, diagnosis),
        clean=diagnosis.clean,
        not_assessed=tuple((n.title, n.reason, n.how_to) for n in diagnosis.not_assessed),
        not_applicable=tuple((n.code, n.reason) for n in diagnosis.not_applicable),
        errors=tuple((e.code, e.message) for e in diagnosis.errors),
        faults=tuple(_faults(run, diagnosis)),
        provenance=tuple(table for table in _provenance(run, diagnosis) if table.rows or table.note),
    )
    return cleaned(report)


def _headline(run: Run, diagnosis: Diagnosis) -> str:
    """The verdict and the finding that made it, and how the training broke off, if it did."""
    broke_off = BROKE_OFF.get(ending(run.meta).status)
    told = _verdict(diagnosis)
    return f"{told}; the training {broke_off} at step {diagnosis.last_step:,}" if broke_off else told


def _verdict(diagnosis: Diagnosis) -> str:
    serious = [f for f in diagnosis.findings if f.severity != "info"]
    ongoing = [f for f in serious if f.ongoing]
    worst = [f for f in ongoing if f.severity == "failure"] or ongoing or serious
    if diagnosis.verdict not in ("failing", "suspect") or not worst:
        return diagnosis.verdict.capitalize()
    until = "" if worst[0].ongoing else f" to {worst[0].last_step:,}"
    return f"{diagnosis.verdict.capitalize()}: {worst[0].title} from step {worst[0].onset_step:,}{until}"


def _sentence(diagnosis: Diagnosis) -> str:
    """The verdict in plain words: what was found, and what the verdict does not rest on."""
    if not diagnosis.last_step:
        return "Nothing was recorded, so nothing could be judged."
    steps = count(diagnosis.last_step, "step")
    parts = [f"The evidence of {steps} does not settle it"] if diagnosis.verdict == "undecided" else []
    if diagnosis.findings:
        severities = Counter(f.severity for f in diagnosis.findings)
        nouns: dict[Severity, str] = {"failure": "failure", "warning": "warning", "info": "remark"}
        found = " and ".join(count(severities[s], noun) for s, noun in nouns.items() if severities[s])
        over = "" if any(f.ongoing for f in diagnosis.findings) else ", over by the end"
        parts.append(f"{found} found in {steps}{over}")
    elif not parts:
        looked = count(len(diagnosis.clean), "kind")
        parts.append(f"None of {looked} of failure looked for was found in {steps}")
    if diagnosis.findings and 0 < (diagnosis.last_healthy_step or 0) < diagnosis.last_step:
        parts.append(f"healthy up to step {diagnosis.last_healthy_step:,}")
    if diagnosis.not_assessed:
        parts.append(f"{count(len(diagnosis.not_assessed), 'kind')} of failure could not be looked for")
    if diagnosis.errors:
        parts.append(f"{count(len(diagnosis.errors), 'detector')} crashed")
    if diagnosis.missing:
        parts.append(f"{count(len(diagnosis.missing), 'note')} on what the record lacks")
    return "; ".join(parts) + "." + (f" {diagnosis.caveat}." if diagnosis.caveat else "")


def _checked(diagnosis: Diagnosis) -> Iterator[Pair]:
    """What was looked at in the loop itself, and with what outcome: the worst first."""
    by_outcome: dict[str, list[str]] = {outcome: [] for outcome in ("FAIL", "WARN", "PASS", "SKIP")}
    for code, outcome in diagnosis.checks.items():
        by_outcome[outcome].append(code)
    told = [f"{outcome} {listed(codes, most=len(codes))}" for outcome, codes in by_outcome.items() if codes]
    if told:
        yield "Checked in the loop", "; ".join(told)


def _facts(run: Run) -> Iterator[Pair]:
    yield "Status", str(ending(run.meta))
    rows = len(run.scalars)
    yield "Recorded", f"{count(rows, 'step')}, {count(run.scalars.shape[1], 'signal')}"
    if rows:
        yield "Steps", f"{int(run.scalars.index[0]):,} to {run.last_step:,}"
    clock = None if run.time is None else run.time[run.time.between(0, LATEST_TIME)]
    if clock is not None and len(clock):
        start = datetime.fromtimestamp(float(clock.iloc[0]), tz=timezone.utc)
        yield "Started", f"{start:%Y-%m-%d %H:%M} UTC"
        yield "Duration", duration(float(clock.iloc[-1] - clock.iloc[0]))
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


def _card(run: Run, finding: Finding, number_: int) -> Card:
    panels, notes = finding_panels(run, finding, number_)
    until = "ongoing" if finding.ongoing else f"until step {finding.last_step:,}"
    whose = f"of {finding.network}, " if finding.network else ""
    return Card(
        number=number_,
        code=finding.code,
        severity=finding.severity,
        when=f"{whose}from step {finding.onset_step:,}, {until}",
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


def _causes(diagnosis: Diagnosis) -> Causes:
    findings, story = diagnosis.findings, diagnosis.story

    def step(place: int) -> Step:
        return Step(place + 1, findings[place].title, f"step {findings[place].onset_step:,}")

    return Causes(
        sentence=story.sentence,
        chains=tuple(tuple(step(place) for place in chain) for chain in story.chains),
        links=tuple(
            (findings[link.cause].title, findings[link.effect].title, link.sentence, link.source)
            for link in story.links
        ),
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


def _provenance(run: Run, diagnosis: Diagnosis) -> Iterator[Table]:
    yield from _quality(run)
    yield _table("What D was shown", run.meta.get("attribution", {}))
    yield _table("Hyperparameters", run.meta.get("hyperparameters", {}))
    yield _table("Roles", run.meta.get("roles", {}))
    yield _table("Versions while recording", run.meta.get("versions", {}))
    loose = {k: v for k, v in diagnosis.provenance.items() if not isinstance(v, Mapping)}
    for key, value in diagnosis.provenance.items():
        if key == "thresholds" and isinstance(value, Mapping):
            yield _thresholds(value, diagnosis.provenance.get("policy", {}).get("thresholds", {}))
        elif isinstance(value, Mapping):
            title = "Versions while judging" if key == "versions" else key.replace("_", " ").capitalize()
            yield _table(title, {k: _joined(v) for k, v in value.items()})
    yield _table("Diagnosis", loose)


def _thresholds(in_force: Mapping[str, Mapping[str, Any]], set_by: Mapping[str, Mapping[str, str]]) -> Table:
    """The thresholds that somebody set, by detector; those at their defaults are counted."""
    changed = {
        code: {name: value for name, value in values.items() if name in set_by.get(code, {})}
        for code, values in in_force.items()
    }
    table = _table("Thresholds", {code: _joined(values) for code, values in changed.items() if values})
    rest = sum(len(values) - len(changed[code]) for code, values in in_force.items())
    told = f"{count(rest, 'threshold')} at {'its default' if rest == 1 else 'their defaults'}; "
    listing = f"gandiag detectors lists {'it' if rest == 1 else 'them'}."
    return replace(table, note=f"{table.note} {told}{listing}".strip()) if rest else table


def _quality(run: Run) -> Iterator[Table]:
    """The last values of quality metrics, and what they depend on."""
    last = last_evaluation(run.events)
    if last is None or not last["measurements"]:
        return
    values = {}
    for m in last["measurements"]:
        interval = f", 95 % interval {number(m['low'])} to {number(m['high'])}" if m.get("low") is not None else ""
        perfect = f", a perfect model about {number(m['perfect'])}" if m.get("perfect") is not None else ""
        values[m["name"]] = f"{number(m['value'])}{interval}{perfect}"
    yield _table(f"Quality at step {last['step']:,}", values)
    shared = dict(last["measurements"][0]["protocol"])
    shared.pop("settings", None)
    settings = {m["name"]: _joined(m["protocol"]["settings"]) for m in last["measurements"]}
    yield _table("How quality was measured", shared | {name: s for name, s in settings.items() if s})


def _joined(settings: Any) -> Any:
    """A detector's thresholds on one line."""
    return ", ".join(f"{k} {v}" for k, v in flat(settings)) if isinstance(settings, Mapping) else settings


def _table(title: str, settings: Mapping[str, Any]) -> Table:
    rows = list(flat(settings))
    over = len(rows) - MAX_ROWS
    return Table(title, tuple(rows[:MAX_ROWS]), f"{count(over, 'more row')} not shown." if over > 0 else "")
