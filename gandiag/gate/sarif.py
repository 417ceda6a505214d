"""A check as SARIF 2.1.0, which code hosts show beside a change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gandiag.gate.results import FAILED, PASSED, UNREADABLE

if TYPE_CHECKING:
    from gandiag.gate.results import CheckResult, RuleResult, TargetResult

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"failed": "error", "warned": "warning", "undecided": "note", "ignored": "note"}


def sarif(found: CheckResult) -> bytes:
    """The file's content: one result for each row that did not pass."""
    from gandiag import __version__

    rows = {row.rule: row for target in found.targets for row in target.rules}
    names = list(rows)
    results = [
        _result(target, row, names.index(row.rule))
        for target in found.targets
        for row in target.rules
        if row.outcome != "passed"
    ]
    driver = {
        "name": "gandiag",
        "version": __version__,
        "rules": [_rule(row) for row in rows.values()],
    }
    run = {
        "tool": {"driver": driver},
        "results": results,
        "invocations": [
            {
                "executionSuccessful": all(t.exit_code != UNREADABLE for t in found.targets),
                "exitCode": found.exit_code,
                "toolExecutionNotifications": [
                    {"level": "error" if t.exit_code == UNREADABLE else "warning", "message": {"text": reason}}
                    for t in found.targets
                    if t.exit_code not in (PASSED, FAILED)
                    for reason in t.reasons
                ],
            }
        ],
    }
    content = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def _rule(row: RuleResult) -> dict[str, Any]:
    return {
        "id": row.rule,
        "shortDescription": {"text": row.says or row.rule},
        "help": {"text": f"{row.says or row.rule}; the failure is {row.code}"},
        "properties": {"failure": row.code},
    }


def _result(target: TargetResult, row: RuleResult, index: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": row.rule,
        "ruleIndex": index,
        "level": LEVELS[row.outcome],
        "message": {"text": f"{target.target}: {row.sentence or row.rule}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(Path(target.target).as_posix())},
                    "region": {"startLine": 1},
                }
            }
        ],
        "properties": {"outcome": row.outcome, "n": row.n} | ({"value": row.value} if _finite(row.value) else {}),
    }
    if row.outcome == "ignored":
        found["suppressions"] = [{"kind": "external", "justification": row.ignored_because}]
    if row.outcome == "undecided":
        found["kind"] = "open"
        found["level"] = "none"
    return found


def _finite(value: float | None) -> bool:
    return value is not None and value == value and abs(value) != float("inf")  # noqa: PLR0124 - NaN
