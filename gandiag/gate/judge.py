"""One target's samples read, every rule asked, and what follows from the answers under the policy in force."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from gandiag.findings import Evidence, Finding
from gandiag.gate.bounds import check_same, values_of
from gandiag.gate.case import Case
from gandiag.gate.look import LookedAt, Unusable
from gandiag.gate.measured import Measured
from gandiag.gate.results import FAILED, PASSED, UNDECIDED, Kind, NotAsked, RuleResult, TargetResult
from gandiag.gate.rules import asked
from gandiag.quality.plan import measure
from gandiag.remedy import offered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gandiag.gate.bounds import Kept
    from gandiag.gate.measured import Outcome
    from gandiag.gate.reference import Known
    from gandiag.gate.rules import Rule
    from gandiag.gate.settings import Settings
    from gandiag.quality.plan import Tell
    from gandiag.quality.sources.open import Source


def read_case(
    source: Source, known: Known, settings: Settings, *, n: int | None = None, tell: Tell | None = None,
    value_range: tuple[float, float] | None = None,
) -> Case:  # fmt: skip
    """Read samples and compute what rules are asked about.

    Raises ValueError when they cannot be read, or not be compared with the reference.
    """
    looked = LookedAt(source, value_range, known.shape)
    plan = replace(known.plan, value_range=looked.value_range)
    case = Case(known=known, settings=settings, source=source, seen=looked.seen, value_range=looked.value_range)
    try:
        case.generated = plan.collect(looked, n=n, tell=tell)  # type: ignore[arg-type]
    except ValueError as error:
        if not isinstance(error.__cause__ or error, Unusable) and not isinstance(error, Unusable):
            raise
    case.seen = looked.seen
    if case.generated is None:
        return case
    _check_width(case)
    if len(plan.metrics) > 1:
        held_to = replace(plan, lenient=True)
        found, missing = measure(held_to, plan.inputs(case.generated, known.real, None, source))
        case.measurements = {m.name: m for m in found}
        case.unmeasured = tuple(missing)
    return case


def _check_width(case: Case) -> None:
    real = case.known.features
    if real is not None and real.shape[1] != case.features.shape[1]:
        raise ValueError(
            f"{case.collected.name}: its samples have {case.features.shape[1]:,} features, those of the reference "
            f"{case.known.name} {real.shape[1]:,}: they must be of one shape"
        )


def judged(
    case: Case, target: str, kind: Kind, baseline: Mapping[str, Kept] | None = None, baseline_name: str = ""
) -> TargetResult:
    """Every rule that can be asked, with the level shared by all of them."""
    started = time.monotonic()
    questions = list(asked(case, baseline))
    wanted = [rule for rule, lacking in questions if not lacking]
    level = case.settings.false_alarms / max(1, sum(rule.tests for rule in wanted))
    if baseline:
        now = values_of(case, level) if case.generated is not None else {}
        check_same(baseline_name, baseline, now, baseline.keys() & now.keys())
    rows = tuple(_row(rule, _answer(rule, case, level), case.settings, level) for rule in wanted)
    lacking = tuple(NotAsked(rule=r.name, code=r.code, lacks=lack) for r, lack in questions if lack)
    reasons = tuple(_undecided(rows, wanted, case))
    failed = any(row.outcome == "failed" for row in rows)
    return TargetResult(
        target=target, kind=kind, exit_code=FAILED if failed else UNDECIDED if reasons else PASSED, rules=rows,
        not_asked=lacking, n=case.seen.samples, reasons=reasons,
        notes=() if case.generated is None else (*case.generated.notes, *case.unmeasured, *_expired(case.settings)),
        seconds=time.monotonic() - started,
    )  # fmt: skip


def with_findings(result: TargetResult) -> TargetResult:
    """The result with a finding for each row that failed or warned; steps are known by then."""
    rows = [row for row in result.rules if row.outcome in ("failed", "warned")]
    return replace(result, findings=tuple(finding_of(row, result.step) for row in rows))


def _answer(rule: Rule, case: Case, level: float) -> Measured:
    """What a rule says; a question that the samples make impossible is not decided, and said."""
    try:
        return rule.judge(case, level)
    except ValueError as error:
        return Measured(n=case.seen.samples, violated=False, decided=False, sentence=str(error))


def _row(rule: Rule, found: Measured, settings: Settings, level: float) -> RuleResult:
    ignoring = settings.ignoring(rule.name, rule.code)
    said = {k: v for k, v in asdict(found).items() if k not in ("violated", "decided")}
    return RuleResult(
        rule=rule.name, code=rule.code, says=rule.says, outcome=_outcome(rule, found, settings),
        confidence=1 - level if found.low is not None and rule.tests else None,
        ignored_because=ignoring.reason if ignoring else "", **said,
    )  # fmt: skip


def _outcome(rule: Rule, found: Measured, settings: Settings) -> Outcome:
    if settings.ignoring(rule.name, rule.code):
        return "ignored"
    if found.violated:
        level = settings.levels.get(rule.name, settings.levels.get(rule.code, rule.level))
        return "failed" if level == "fail" else "warned"
    return "passed" if found.decided else "undecided"


def _undecided(rows: Sequence[RuleResult], wanted: Sequence[Rule], case: Case) -> list[str]:
    """Why nothing can pass, sentence by sentence: rules that fail and could not decide, and what must be judged."""
    settings = case.settings
    found = []
    for rule, row in zip(wanted, rows, strict=True):
        level = settings.levels.get(rule.name, settings.levels.get(rule.code, rule.level))
        must = row.rule in settings.required or row.code in settings.required
        if row.outcome == "undecided" and (level == "fail" or must):
            more = f"; {row.needed:,} samples would do" if row.needed else ""
            found.append(f"{row.rule}: could not be decided: {row.sentence}{more}")
    judged_rows = [row for row in rows if row.outcome not in ("undecided", "ignored")]
    found += [
        f"{required}: is required and was not judged"
        for required in settings.required
        if not any(required in (row.rule, row.code) for row in judged_rows)
    ]
    if case.seen.samples < settings.least_samples:
        found.append(f"{case.seen.samples:,} samples, fewer than the {settings.least_samples:,} that are wanted")
    bound = any(row.code in ("quality-bound", "quality-regression") for row in judged_rows)
    collapse = any(rule.collapse for rule, row in zip(wanted, rows, strict=True) if row in judged_rows)
    if not (collapse or bound) and case.generated is not None:
        lacking = "; pass real samples as --reference, or --modes" if case.known.real is None else ""
        found.append(f"nothing tells whether the generator collapsed{lacking}")
    return list(dict.fromkeys(found))


def _expired(settings: Settings) -> list[str]:
    return [f"{i.rule} is no longer ignored: that ended on {i.until}" for i in settings.ignored if i.expired()]


def finding_of(row: RuleResult, step: int | None) -> Finding:
    """A row as a finding: evidence, the mechanism of its failure, and remedies.

    Without a step nothing tells of an earlier checkpoint to go back to.
    """
    mechanism, remedies = _specified(row.code)
    if step is None:
        remedies = tuple(remedy for remedy in remedies if remedy.name != GO_BACK)
    value = float(row.value) if row.value is not None else 1.0
    bound = float(row.bound) if row.bound is not None else 0.0
    facts = Evidence(signal=row.rule, value=value, threshold=bound,
                     comparison="below" if row.side == "below" and row.value is not None else "above")  # fmt: skip
    return Finding(
        code=row.code, severity="failure" if row.outcome == "failed" else "warning", onset_step=step or 0,
        last_step=step or 0, ongoing=True, columns=(row.rule,), remedies=offered(remedies, "unknown"),
        summary=row.sentence[:1].upper() + row.sentence[1:], evidence=(facts,), mechanism=mechanism,
    )  # fmt: skip


GO_BACK = "roll-back"
MECHANISMS = {
    "value-range": "The generator's last layer, or what follows it, does not end in the range that images have: "
    "another activation, or a normalisation that was not undone.",
    "quality-bound": "The samples are farther from the reference than the bound allows.",
}


def _specified(code: str) -> tuple[str, Any]:
    """Why a failure happens and what may help, as its detector's specification says."""
    from gandiag.detectors import DETECTORS, specification
    from gandiag.detectors.specification import remedies

    detector = next((d for d in DETECTORS if d.code == code), None)
    if detector is None:
        return MECHANISMS.get(code, ""), ()
    return " ".join(specification(detector).get("Why it happens", "").split()), remedies(detector)
