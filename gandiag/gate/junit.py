"""A check as JUnit XML: a suite for each target, a case for each rule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from gandiag.gate.results import PASSED, UNREADABLE

if TYPE_CHECKING:
    from gandiag.gate.results import CheckResult, RuleResult, TargetResult

ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold."""


def junit(found: CheckResult) -> bytes:
    """The file's content."""
    root = ET.Element("testsuites", name="gandiag check", time=f"{found.seconds:.3f}")
    for target in found.targets:
        _suite(root, target)
    for attribute in ("tests", "failures", "errors", "skipped"):
        root.set(attribute, str(sum(int(suite.get(attribute, 0)) for suite in root)))
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _suite(root: ET.Element, target: TargetResult) -> None:
    suite = ET.SubElement(root, "testsuite", name=_text(target.target), time=f"{target.seconds:.3f}")
    counts = dict.fromkeys(("failures", "errors", "skipped"), 0)
    for row in target.rules:
        case = ET.SubElement(suite, "testcase", classname=_text(target.target), name=_text(row.rule), time="0")
        if (kind := _kind(row)) is not None:
            counts[{"failure": "failures", "error": "errors", "skipped": "skipped"}[kind]] += 1
            ET.SubElement(case, kind, message=_text(row.sentence), type=_text(row.code)).text = _text(_evidence(row))
        elif row.outcome == "warned":
            ET.SubElement(case, "system-out").text = _text(f"warning: {row.sentence}\n{_evidence(row)}")
    if target.exit_code != PASSED and not (counts["failures"] or counts["errors"]):
        what = "readable" if target.exit_code == UNREADABLE else "decided"
        case = ET.SubElement(suite, "testcase", classname=_text(target.target), name=what, time="0")
        reasons = "\n".join(target.reasons)
        ET.SubElement(case, "error", message=_text(target.verdict), type=what).text = _text(reasons)
        counts["errors"] += 1
    suite.set("tests", str(len(suite)))
    for attribute, count in counts.items():
        suite.set(attribute, str(count))


def _kind(row: RuleResult) -> str | None:
    return {"failed": "failure", "ignored": "skipped", "undecided": "skipped"}.get(row.outcome)


def _evidence(row: RuleResult) -> str:
    parts = [f"{name} {value:.6g}" for name, value in (("value", row.value), ("bound", row.bound)) if value is not None]
    if row.low is not None and row.high is not None:
        parts.append(f"interval {row.low:.6g} to {row.high:.6g}")
    ignored = f"; ignored: {row.ignored_because}" if row.ignored_because else ""
    return f"{', '.join([*parts, f'n {row.n}'])}{ignored}"


def _text(text: str) -> str:
    return ILLEGAL.sub("\ufffd", text)
