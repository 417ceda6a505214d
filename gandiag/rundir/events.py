"""Quality values of a training: kept as events, since they come late and rarely, and read as signals by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.signals import BESIDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd

KIND = "quality"
"""The kind of such an event; it has `step`, and `measurements` as `Measurement.to_dict` gives them."""


def with_evaluations(scalars: pd.DataFrame, events: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows by step with the columns quality/<metric>, .../low, .../high and .../perfect of the events."""
    import pandas as pd

    found = {event["step"]: dict(_values(event)) for event in events if event.get("kind") == KIND}
    if not found:
        return scalars
    evaluated = pd.DataFrame.from_dict(found, orient="index", dtype="float64").rename_axis("step")
    others = [name for name in scalars if name not in evaluated]
    return pd.concat([scalars[others], evaluated], axis=1).sort_index().rename_axis("step")


def last_evaluation(events: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The event of the latest step, None without one."""
    return max((e for e in events if e.get("kind") == KIND), key=lambda e: int(e["step"]), default=None)


def _values(event: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for measured in event["measurements"]:
        name = f"quality/{measured['name']}"
        yield name, float(measured["value"])  # from JSON a NaN comes as its name
        for beside in BESIDE:
            if measured.get(beside) is not None:
                yield f"{name}/{beside}", float(measured[beside])
