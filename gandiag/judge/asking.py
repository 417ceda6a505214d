"""A detector asked of one part of a run, and the answers of all parts as those of one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gandiag.findings import SEVERITIES, DetectorError, Finding, NotAssessed
from gandiag.judge.doubts import WEAK, doubt, in_grace, lacking, obstacle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gandiag.detectors import Detector
    from gandiag.judge.networks import Part, Parts


@dataclass(frozen=True)
class Answer:
    """What a detector found in a part, or why it could not look; `in_grace` where it may yet find something."""

    code: str
    part: Part
    findings: tuple[Finding, ...] = ()
    reason: NotAssessed | None = None
    error: DetectorError | None = None
    in_grace: bool = False


def asked_of(detector: Detector, parts: Parts) -> list[Part]:
    """What a detector is asked of: the whole run, or each network that its failure can concern.

    Where there are several networks, also of what was recorded with no word of which.
    """
    concerned = [part for part in parts.networks if part.concerns(detector, WEAK)]
    able = [part for part in concerned if not lacking(part.run, detector)]
    if not able:
        unnamed = concerned if concerned and not lacking(parts.whole.run, detector) else []
        return [parts.whole, *unnamed]
    rest = [parts.rest] if parts.rest and not lacking(parts.rest.run, detector) else []
    return [*rest, *concerned]


def answered(detector: Detector, part: Part) -> Answer:
    """Ask a detector of a part; one that breaks must not cost the diagnosis."""
    if reason := obstacle(part.run, detector):
        return Answer(detector.code, part, reason=reason)
    try:
        found = tuple(detector(part.run))
        if any(f.ongoing for f in found):
            return Answer(detector.code, part, found)
        if reason := doubt(part.run, detector):
            return Answer(detector.code, part, found, reason)
        reason = in_grace(part.run, detector)
        return Answer(detector.code, part, found, reason, in_grace=reason is not None)
    except Exception as error:  # noqa: BLE001 - see above
        broken = DetectorError(code=detector.code, message=f"{type(error).__name__}: {error}")
        return Answer(detector.code, part, error=broken)


def merged_findings(answers: Sequence[Answer]) -> list[Finding]:
    """What a detector found in all parts, each finding once.

    What several parts show alike is of what they share, such as the one generator of several discriminators. What is
    known of a network is not told of the whole run once more.
    """
    found: dict[Finding, list[Part]] = {}
    for answer in answers:
        for finding in answer.findings:
            found.setdefault(finding, []).append(answer.part)
    told = [parts[0].told(finding) if len(parts) == 1 else finding for finding, parts in found.items()]
    return [f for f in told if f.network or not any(_tells_more(named, f) for named in told)]


def _tells_more(named: Finding, finding: Finding) -> bool:
    overlap = named.onset_step <= finding.last_step and finding.onset_step <= named.last_step
    severe = SEVERITIES.index(named.severity) >= SEVERITIES.index(finding.severity)
    alike = named.code == finding.code and named.ongoing >= finding.ongoing
    return bool(named.network) and alike and overlap and severe


def merged_reasons(answers: Sequence[Answer]) -> Iterator[NotAssessed]:
    """Why a failure could not be looked for, with the networks of which that is so; once where it is so of all."""
    for reason in dict.fromkeys(a.reason for a in answers if a.reason):
        parts = [a.part for a in answers if a.reason == reason]
        if len(parts) == len(answers):
            yield reason
        else:
            yield from (part.named(reason) for part in parts)


def looked_for_by_part(parts: Parts, answers: Sequence[Answer]) -> list[set[str]]:
    """The codes of failures that were looked for in each part.

    A failure that does not concern a part was looked for there where it was in all that were asked.
    """
    seen = {(a.code, a.part.name): a.reason is None and a.error is None for a in answers if a.part is not parts.rest}
    codes = {a.code for a in answers}
    everywhere = {code for code in codes if all(a.reason is None for a in answers if a.code == code)}
    if not parts.networks:
        return [everywhere]
    found = []
    for part in parts.networks:
        own = {code for code, name in seen if name == part.name and seen[code, name]}
        asked = {code for code, name in seen if name == part.name}
        found.append(own | (everywhere - asked))
    return found
