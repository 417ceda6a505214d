"""What may stand in the JSON files of a run directory: the type and the range of every field that somebody reads.

Other fields may hold anything: later versions of gandiag may write more.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from gandiag.files import UnreadableError
from gandiag.rundir.events import EVALUATION, STOP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCHEMA = "gandiag-run/1"
STATUSES = ("running", "closed", "interrupted", "crashed")
MAX_STEP = 10**9
MAX_SEGMENTS = 10_000
MAX_WORLD = 10**6
MAX_COUNT = 10**15
MAX_MODES = 100_000


class Kind(NamedTuple):
    """A type of values: what messages call it, and whether a value is one."""

    words: str
    fits: Callable[[Any], bool]


class Table(NamedTuple):
    """An object with these fields, of which the first may be missing and the second may not."""

    optional: Mapping[str, Spec]
    required: Mapping[str, Spec] = {}


class Rows(NamedTuple):
    """A list of one kind of things."""

    each: Spec
    most: int = 10**7


Spec = Kind | Table | Rows


def whole(low: int, high: int) -> Kind:
    """Whole numbers within bounds."""
    return Kind(
        f"a whole number from {low:,} to {high:,}",
        lambda v: isinstance(v, int) and not isinstance(v, bool) and low <= v <= high,
    )


def _is_number(value: Any) -> bool:
    """Numbers, and the names under which JSON holds those that it lacks."""
    if isinstance(value, str):
        return value in ("nan", "inf", "-inf")
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _rounds(value: Any) -> bool:
    every = whole(1, MAX_COUNT)
    return isinstance(value, dict) and all(every.fits(each) for each in value.values())


TEXT = Kind("text", lambda v: isinstance(v, str))
MAYBE_TEXT = Kind("text or null", lambda v: v is None or isinstance(v, str))
OBJECT = Kind("an object", lambda v: isinstance(v, dict))
NUMBER = Kind("a number", _is_number)
MAYBE_NUMBER = Kind("a number or null", lambda v: v is None or _is_number(v))
SHARE = Kind("a number from 0 to 1", lambda v: _is_number(v) and not isinstance(v, str) and 0 <= v <= 1)
STEP = whole(0, MAX_STEP)
MAYBE_STEP = Kind(f"{STEP.words} or null", lambda v: v is None or STEP.fits(v))
COUNT = whole(0, MAX_COUNT)
FAULT = Table({"where": TEXT, "message": TEXT, "count": COUNT, "first_step": MAYBE_STEP})
SEGMENT = Table({"world_size": whole(1, MAX_WORLD)}, {"index": whole(0, MAX_SEGMENTS), "start_step": STEP})
OF_RANK = Table(
    {
        "id": MAYBE_TEXT,
        "reason": MAYBE_TEXT,
        "pid": Kind("the number of a process, or null", lambda v: v is None or whole(0, 2**31 - 1).fits(v)),
        "host": MAYBE_TEXT,
        "pid_namespace": MAYBE_TEXT,
        "pid_started": MAYBE_TEXT,
        "events": COUNT,
    },
    {
        "schema": Kind(f"{SCHEMA!r}, which this gandiag reads", lambda v: v == SCHEMA),
        "status": Kind(f"one of {', '.join(STATUSES)}", lambda v: v in STATUSES),
        "segments": Rows(SEGMENT, MAX_SEGMENTS),
        "faults": Rows(FAULT),
    },
)
OF_RUN = Table(
    {
        **OF_RANK.optional,
        "plan": Table({"words": TEXT}, {"rounds": Kind("whole numbers by kind of record", _rounds)}),
        "modes": Table({"name": TEXT, "K": whole(1, MAX_MODES), "n": COUNT, "prior": Rows(SHARE, MAX_MODES)}),
        "ranks": Rows(whole(0, MAX_WORLD)),
    },
    {
        **OF_RANK.required,
        "versions": OBJECT,
        "roles": OBJECT,
        "loss_family": Table({"name": TEXT, "source": MAYBE_TEXT}),
        "attribution": OBJECT,
        "hyperparameters": OBJECT,
    },
)
MEASUREMENT = Table(
    {"low": MAYBE_NUMBER, "high": MAYBE_NUMBER, "perfect": MAYBE_NUMBER},
    {"name": TEXT, "value": NUMBER, "protocol": Table({}, {"settings": OBJECT})},
)
SPAN = {"from_step": STEP, "to_step": STEP}
PLACED = {
    "kind": TEXT, "time": NUMBER, "segment": whole(0, MAX_SEGMENTS), "rank": whole(0, MAX_WORLD), "step": STEP, **SPAN,
    "what": TEXT, "reason": TEXT, "message": TEXT, "every": COUNT,
}  # fmt: skip
EVENTS = {
    EVALUATION: Table(PLACED, {"step": STEP, "measurements": Rows(MEASUREMENT)}),
    STOP: Table(
        PLACED, {"step": STEP, "code": TEXT, "onset_step": STEP, "last_healthy_step": MAYBE_STEP,
                 "severity": Kind("info, warning or failure", lambda v: v in ("info", "warning", "failure"))},
    ),
    "gap": Table(PLACED, SPAN),
    "thinned": Table(PLACED, SPAN),
}  # fmt: skip
ANY_EVENT = Table(PLACED)


def check(value: Any, spec: Spec, path: str = "") -> None:
    """Raise UnreadableError, with where in the file and what was found, when a value is not as the spec says."""
    if isinstance(spec, Kind):
        if not spec.fits(value):
            raise UnreadableError(f"{path} must be {spec.words}, found {_found(value)}")
    elif isinstance(spec, Rows):
        if not isinstance(value, list) or len(value) > spec.most:
            raise UnreadableError(f"{path} must be a list of at most {spec.most:,}, found {_found(value)}")
        for place, each in enumerate(value):
            check(each, spec.each, f"{path}[{place}]")
    else:
        _check_table(value, spec, path)


def _check_table(value: Any, spec: Table, path: str) -> None:
    if not isinstance(value, dict):
        raise UnreadableError(f"{path or 'it'} must be an object, found {_found(value)}")
    for name, inner in spec.required.items():
        if name not in value:
            raise UnreadableError(f"{path}.{name} is missing".removeprefix("."))
        check(value[name], inner, f"{path}.{name}".removeprefix("."))
    for name, inner in spec.optional.items():
        if name in value and name not in spec.required:
            check(value[name], inner, f"{path}.{name}".removeprefix("."))


def check_meta(meta: Any, rank: int) -> dict[str, Any]:
    """The content of run.json, or of another rank's file. Raises UnreadableError."""
    check(meta, OF_RANK if rank else OF_RUN)
    indices = [segment["index"] for segment in meta["segments"]]
    if sorted(set(indices)) != indices:
        raise UnreadableError(f"segments: their index must ascend, found {_found(indices)}")
    modes = meta.get("modes", {})
    if len(prior := modes.get("prior", ())) and len(prior) != modes.get("K", len(prior)):
        raise UnreadableError(f"modes: K is {modes['K']:,} and prior has {len(prior):,} shares")
    return dict(meta)


def check_event(event: Any) -> dict[str, Any]:
    """One event, its measured values as floats. Raises UnreadableError."""
    kind = event.get("kind") if isinstance(event, dict) else None
    check(event, EVENTS.get(kind, ANY_EVENT) if isinstance(kind, str) else ANY_EVENT)
    if event.get("from_step", 0) > event.get("to_step", math.inf):
        raise UnreadableError(f"from_step {event['from_step']:,} lies after to_step {event['to_step']:,}")
    for measured in event["measurements"] if kind == EVALUATION else ():
        for name in ("value", "low", "high", "perfect"):
            if measured.get(name) is not None:
                measured[name] = float(measured[name])
    return dict(event)


def _found(value: Any) -> str:
    """A value, or what kind of thing it is where it is long."""
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value):,}"
    return f"{len(value):,} letters" if isinstance(value, str) and len(value) > 60 else repr(value)
