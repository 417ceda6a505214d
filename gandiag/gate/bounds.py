"""Bounds on quality metrics, as "fid < 30", and a baseline that values must not fall behind."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from gandiag.files import UnreadableError, parsed_json
from gandiag.findings import json_ready
from gandiag.gate.measured import Measured
from gandiag.gate.statistics import lower_share, student, upper_share
from gandiag.quality.protocol import differing
from gandiag.quality.values import T_95
from gandiag.rundir.schema import COUNT, NUMBER, OBJECT, Kind, Table, check

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from gandiag.gate.case import Case
    from gandiag.quality.protocol import Better, Measurement

SCHEMA = "gandiag-baseline/1"
FORM = re.compile(r"\s*([a-z_]+)\s*(<=|>=|<|>)\s*([-+0-9.eE]+)\s*")
SHARES = ("precision", "recall", "coverage")  # of generated, and twice of real samples
RATIOS = ("pairwise", "nearest", "coverage_ratio")
MOST_BASELINE = 2**20  # bytes
KEPT = Table(
    {}, {"value": NUMBER, "low": NUMBER, "high": NUMBER, "n": COUNT, "protocol": OBJECT,
         "better": Kind("lower or higher", lambda v: v in ("lower", "higher"))},
)  # fmt: skip
"""A value in the file of a baseline."""


@dataclass(frozen=True)
class Bound:
    """A metric and what it must stay below, or above."""

    metric: str
    relation: str
    limit: float

    def __str__(self) -> str:
        return f"{self.metric} {self.relation} {self.limit:g}"


def parsed_bound(text: str, where: str = "--bound") -> Bound:
    """A bound as it is written.

    Raises ValueError for anything else.

    >>> parsed_bound("fid < 30")
    Bound(metric='fid', relation='<', limit=30.0)
    """
    found = FORM.fullmatch(text)
    try:
        limit = float(found[3]) if found else math.nan
    except ValueError:
        limit = math.nan
    if found is None or not math.isfinite(limit):
        raise ValueError(f"{where}: found {text!r}, expected a metric, < or >, and a number, as 'fid < 30'")
    return Bound(found[1], found[2], limit)


def held(bound: Bound, case: Case, level: float) -> Measured:
    """Whether a value keeps its bound, with its whole interval."""
    measured = case.measurements.get(bound.metric)
    if measured is None:
        why = next((note for note in case.unmeasured if bound.metric in note), f"{bound.metric} was not measured")
        return Measured(n=case.n, violated=False, decided=False, bound=bound.limit, sentence=why)
    low, high, method = interval_of(measured, level)
    below = bound.relation[0] == "<"
    n = measured.protocol.n
    known = low is not None and high is not None
    ends = (low, high) if known else (measured.value, measured.value)
    assert ends[0] is not None  # noqa: S101
    assert ends[1] is not None  # noqa: S101
    violated = ends[0] > bound.limit if below else ends[1] < bound.limit
    kept = ends[1] <= bound.limit if below else ends[0] >= bound.limit
    reach = abs(measured.value - bound.limit)
    needed = None
    if not (violated or kept) and reach:
        needed = math.ceil(n * ((ends[1] - ends[0]) / 2 / reach) ** 2)
    return Measured(
        value=measured.value, bound=bound.limit, side="above" if below else "below", low=low, high=high,
        interval=method, n=n, violated=violated, decided=violated or kept, needed=needed,
        sentence=f"{bound.metric} is {measured.value:.4g}, wanted {bound.relation} {bound.limit:g}"
        + ("" if violated or kept else ": the interval holds the bound"),
    )  # fmt: skip


def interval_of(measured: Measurement, level: float) -> tuple[float | None, float | None, str]:
    """The value's interval at a level: its own widened, or the binomial one of a share; (None, None, "") without."""
    value = measured.value
    if measured.low is not None and measured.high is not None:
        wider = student(level / 2, 9) / T_95
        return value - wider * (value - measured.low), value + wider * (measured.high - value), measured.interval
    if measured.name in SHARES:
        n = measured.protocol.n if measured.name == "precision" else measured.protocol.reference_n or 0
        count = round(value * n)
        ends = float(lower_share(count, n, level / 2)), float(upper_share(count, n, level / 2))
        return *ends, "binomial"
    return None, None, ""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A value of a baseline, or to be held against one."""

    value: float
    low: float
    high: float
    better: Better
    n: int
    protocol: Mapping[str, Any]


def values_of(case: Case, level: float) -> dict[str, Kept]:
    """Every value with a direction and an interval: of metrics, and of diversity over that of real samples."""
    found: dict[str, Kept] = {}
    for name, measured in case.measurements.items():
        low, high, _ = interval_of(measured, level)
        if measured.better != "neither" and low is not None and high is not None:
            protocol = json_ready(asdict(measured.protocol))
            found[name] = Kept(value=measured.value, low=low, high=high, better=measured.better,
                               n=measured.protocol.n, protocol=protocol)  # fmt: skip
    if case.known.features is not None and case.generated is not None:
        extractor = case.known.plan.extractor
        for name, ratio in case.likeness(level).items():
            protocol = {
                "extractor": extractor.name, "extractor_hash": extractor.hash, "n": ratio.n,
                "reference_hash": case.known.real.content_hash if case.known.real else "",
            }  # fmt: skip
            kept = Kept(
                value=ratio.value, low=ratio.low, high=ratio.high, better="higher", n=ratio.n, protocol=protocol
            )
            found["coverage_ratio" if name == "coverage" else name] = kept
    return found


def worse(name: str, before: Kept, case: Case, level: float) -> Measured:
    """Whether a value is worse than a baseline's, beyond what sampling explains on both sides."""
    now = values_of(case, level).get(name)
    if now is None:
        return Measured(n=case.n, violated=False, decided=False, sentence=f"{name} of the baseline was not measured")
    sign = 1 if now.better == "lower" else -1
    loss = sign * (now.value - before.value)
    mine = now.high - now.value if sign < 0 else now.value - now.low
    theirs = before.value - before.low if sign < 0 else before.high - before.value
    reach = math.hypot(mine, theirs)
    worse_by = f"{name} is {now.value:.4g}, the baseline {before.value:.4g}"
    return Measured(
        value=now.value, bound=before.value + sign * reach, side="above" if sign > 0 else "below", low=now.low,
        high=now.high, interval="of both sides", n=now.n, violated=loss > reach, decided=True,
        sentence=f"{worse_by}: worse beyond sampling" if loss > reach else f"{worse_by}: no worse beyond sampling",
        details={"baseline": before.value, "baseline_low": before.low, "baseline_high": before.high},
    )  # fmt: skip


def write_baseline(path: Path, target: str, values: Mapping[str, Kept]) -> None:
    """Write a baseline. Raises ValueError when there is nothing to write, or it cannot be."""
    if not values:
        raise ValueError(f"--write-baseline {path}: {target} has no value with an interval; pass real samples")
    content = {"schema": SCHEMA, "target": target, "values": {name: asdict(kept) for name, kept in values.items()}}
    try:
        path.write_text(json.dumps(json_ready(content), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ValueError(f"--write-baseline {path}: cannot be written: {error.strerror or error}") from error


def read_baseline(path: Path) -> dict[str, Kept]:
    """Read a baseline. Raises ValueError when it is none."""
    try:
        with path.open("rb") as file:
            content = parsed_json(file.read(MOST_BASELINE))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnreadableError as error:
        raise ValueError(f"{path}: is no baseline: {error}") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ValueError(f"{path}: is no baseline of {SCHEMA}; --write-baseline makes one")
    try:
        check(content, Table({}, {"values": OBJECT}))
        return {name: _kept(name, kept) for name, kept in content["values"].items()}
    except (UnreadableError, TypeError) as error:
        raise ValueError(f"{path}: is damaged: {error}") from error


def _kept(name: str, found: Any) -> Kept:
    check(found, KEPT, f"values.{name}")
    return Kept(**{**found, **{key: float(found[key]) for key in ("value", "low", "high")}})


def check_same(path: str, before: Mapping[str, Kept], now: Mapping[str, Kept], shared: Iterable[str]) -> None:
    """Raise ValueError where a value of the baseline was measured in another way."""
    for name in shared:
        if found := differing(now[name].protocol, before[name].protocol):
            raise ValueError(f"{path}: {name} was measured in another way: {'; '.join(found)} in the baseline")
