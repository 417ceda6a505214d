"""How figures of the bench are written, in the terminal and in Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.bench.scores import Judge, Score
    from benchmarks.bench.shares import Share

NOTHING = "–"
SEED = re.compile(r"^(.*)-s(\d+)$")


def percent(share: float) -> str:
    """A share in percent: whole numbers, but one decimal below 10 %.

    >>> percent(0.114), percent(0.031), percent(1.0), percent(0.0)
    ('11', '3.1', '100', '0')
    """
    if share <= 0:
        return "0"
    return f"{100 * share:.0f}" if share >= 0.0995 else f"{100 * share:.1f}"


def count(share: Share) -> str:
    """Hits and runs: "28/30"."""
    return f"{share.hits}/{share.n}" if share.n else NOTHING


def interval(share: Share) -> str:
    """The interval alone, in percent: "79-98"."""
    return f"{percent(share.low)}–{percent(share.high)}" if share.n else ""


def found(share: Share) -> str:
    """Hits, runs and interval in words: "28 of 30 (79-98 %)"."""
    return f"{share.hits} of {share.n} ({interval(share)} %)" if share.n else NOTHING


def at_most(share: Share) -> str:
    """As `found`; where there were no hits, only the upper end: "0 of 120 (≤ 3.1 %)"."""
    if share.n and not share.hits:
        return f"0 of {share.n} (≤ {percent(share.high)} %)"
    return found(share)


def steps(delay: float) -> str:
    """A delay in steps, with its sign: "+12", "−30"."""
    if delay != delay:  # noqa: PLR0124 - NaN
        return NOTHING
    return f"{round(delay):+,}".replace("-", "−") if round(delay) else "0"


def delays(score: Score) -> str:
    """Median and 90th percentile: "+12 / +80"; in brackets where all that was found are warnings."""
    values = score.delays if score.delays.steps else score.delays_warning
    text = f"{steps(values.median)} / {steps(values.p90)}" if values.steps else NOTHING
    return f"({text})" if values.steps and not score.delays.steps else text


def per_100k(score: Score) -> str:
    """Alarms on healthy runs per 100,000 of their steps."""
    return rate(score.false_alarm_steps.value) if score.false_alarm_steps.n else NOTHING


def rate(share: float) -> str:
    """A share of steps, per 100,000: two digits, or the whole number.

    >>> rate(0.0), rate(2.3e-6), rate(0.002)
    ('0', '0.23', '200')
    """
    return f"{1e5 * share:.2g}" if share < 1e-4 else f"{1e5 * share:,.0f}"


def runs(n: int) -> str:
    """A number of runs: "1 run", "12 runs"."""
    return f"{n} run" if n == 1 else f"{n} runs"


def full_name(judge: Judge) -> str:
    """A judge's name, with that of the tool it comes from unless that is gandiag."""
    return judge.name if judge.ours else f"{judge.family}: {judge.name}"


def names(named: Iterable[str], most: int | None = None) -> str:
    """Names of runs, seeds of one configuration together; beyond `most` runs only how many more.

    >>> names(["ring8-r1-s101", "ring8-r1-s102", "dirac"])
    'ring8-r1-s101 s102, dirac'
    """
    every = list(named)
    shown = every if most is None else every[:most]
    groups: dict[str, list[str]] = {}
    for name in shown:
        match = SEED.match(name)
        groups.setdefault(match[1] if match else name, []).append(f"s{match[2]}" if match else "")
    text = ", ".join(f"{name}-{' '.join(seeds)}" if seeds[0] else name for name, seeds in groups.items())
    more = len(every) - len(shown)
    return f"{text}, and {more} more" if more else text
