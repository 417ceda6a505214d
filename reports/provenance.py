"""Where a report comes from: settings, versions, thresholds, and how quality was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gandiag.rundir.events import last_evaluation

from .content import Table
from .text import count, flat, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gandiag.findings import Diagnosis
    from gandiag.rundir.run import Run

MAX_ROWS = 100  # of a table of settings


def provenance(run: Run, diagnosis: Diagnosis) -> Iterator[Table]:
    """Tables of settings, some of them empty."""
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
