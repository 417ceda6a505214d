"""What a diagnosis says of the loop itself: which mistakes were looked for, and with what outcome."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gandiag.judge.mechanisms import MISTAKES
from gandiag.remedy import MOST

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from gandiag.findings import Finding

PASS, WARN, FAIL, SKIP = "PASS", "WARN", "FAIL", "SKIP"


def loop_checks(codes: Iterable[str], findings: Sequence[Finding], clean: Collection[str]) -> dict[str, str]:
    """By mistake in the loop, of those among `codes`: FAIL or WARN where it was found, PASS where it was looked for
    and not found, or mentioned only, SKIP where it could not be looked for or does not apply.
    """
    worst: dict[str, str] = {}
    for finding in findings:
        found = {"failure": FAIL, "warning": WARN, "info": PASS}[finding.severity]
        worst[finding.code] = max(worst.get(finding.code, PASS), found, key=(PASS, WARN, FAIL).index)
    known = [code for code in codes if code in MISTAKES]
    return {code: worst.get(code, PASS if code in clean else SKIP) for code in known}


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Findings by onset, of those that begin together mistakes in the loop first, which account for the others."""
    rank = {code: place for place, code in enumerate(MISTAKES)}
    return sorted(findings, key=lambda f: (f.onset_step, rank.get(f.code, len(rank)), f.last_step))


def repairs_first(findings: Sequence[Finding]) -> list[Finding]:
    """Findings as given, but that no advice on the game stands first while the loop has a mistake: its repair does.

    A mistake counts that is certain, or suspected and still there.
    """
    order = list(MISTAKES)
    mistakes = [f for f in findings if f.code in MISTAKES and f.counts and f.remedies]
    mistakes.sort(key=lambda f: order.index(f.code))
    told = []
    for finding in findings:
        repairs = [m.remedies[0] for m in mistakes if m.onset_step <= finding.last_step]
        if repairs and finding.code not in MISTAKES:
            told.append(replace(finding, remedies=tuple(dict.fromkeys((repairs[0], *finding.remedies)))[:MOST]))
        else:
            told.append(finding)
    return told
