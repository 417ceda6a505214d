"""The events of a run: quality values, which come late and rarely and are read as signals by step; gaps; stops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.signals import BESIDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd

EVALUATION = "quality"
"""The kind of an event with quality values: it has `step`, and `measurements` as `Measurement.to_dict` gives them."""
STOP = "stop"
"""The kind of the event that keeps a `gandiag.judge.stopping.Stop`."""
NOTE = "note"
"""The kind of the event that keeps what the user says to have done: it has `step` and `text`."""
MAX_GAPS = 1000  # remembered while recording


def with_evaluations(scalars: pd.DataFrame, events: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows by step with the columns quality/<metric>, .../low, .../high and .../perfect of the events."""
    import pandas as pd

    found = {event["step"]: dict(_values(event)) for event in events if event.get("kind") == EVALUATION}
    if not found:
        return scalars
    evaluated = pd.DataFrame.from_dict(found, orient="index", dtype="float64").rename_axis("step")
    others = [name for name in scalars if name not in evaluated]
    return pd.concat([scalars[others], evaluated], axis=1).sort_index().rename_axis("step")


def last_evaluation(events: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The event of the latest step, None without one."""
    return max((e for e in events if e.get("kind") == EVALUATION), key=lambda e: int(e["step"]), default=None)


def _values(event: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for measured in event["measurements"]:
        name = f"quality/{measured['name']}"
        yield name, float(measured["value"])  # from JSON a NaN comes as its name
        for beside in BESIDE:
            if measured.get(beside) is not None:
                yield f"{name}/{beside}", float(measured[beside])


def fewer_gaps(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Gaps and thinnings as they are or, when they are more than 1,000, pairs of equal kind and reason as one each.

    A pair spans what lies between: those steps were recorded, and `blind` looks at what was.
    """
    if len(events) <= MAX_GAPS:
        return events
    fewer: list[dict[str, Any]] = []
    waiting: dict[tuple[Any, ...], dict[str, Any]] = {}
    for event in events:
        key = event["kind"], event.get("what"), event.get("reason"), event.get("rank")
        if earlier := waiting.pop(key, None):
            for name, outer in (("from_step", min), ("to_step", max), ("every", max)):
                if name in event:
                    earlier[name] = outer(earlier.get(name, event[name]), event[name])
        else:
            waiting[key] = dict(event)
            fewer.append(waiting[key])
    return fewer
