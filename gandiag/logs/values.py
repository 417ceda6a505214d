"""What the values of a log tell where its names leave a question: losses or outputs, probabilities, which way is up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from gandiag.logs.series import Log

ENOUGH = 8  # rows that two or three series have in common, before their values say anything
AGREE = 0.9  # of the rows
EXACT = 0.01  # of the size of the values, within which a sum is one: logs print three or four decimals
BELOW = 0.9  # of the rows with D lower on real samples than on generated ones, before it is asked which way is up
ALIKE, APART = 0.95, 0.8  # correlations of D's loss with what it is made of, and with what it is not
FOLLOWS = 0.6  # correlation of D's loss with D(real) - D(fake)


class Voice(NamedTuple):
    """What values say: a verdict, or "" for none, and why."""

    says: str
    why: str


def common(log: Log, *names: str) -> list[np.ndarray]:
    """The finite values (n,) of some series where all of them have one."""
    columns = [dict(zip(*log.series[name].settled()[:2], strict=True)) for name in names]
    places = sorted(set.intersection(*(set(column) for column in columns)))
    rows = np.array([[column[x] for column in columns] for x in places], dtype=np.float64).reshape(-1, len(names))
    rows = rows[np.isfinite(rows).all(axis=1)]
    return list(rows.T)


def sides(log: Log, real: str, fake: str, total: str | None) -> Voice:
    """Whether two series are the sides of D's loss (says "losses") or D's outputs ("outputs", or "inverted")."""
    if total is not None:
        r, f, loss = common(log, real, fake, total)
        if len(r) >= ENOUGH:
            for says, made, words in (
                ("losses", r + f, f"{total} is their sum"),
                ("losses", (r + f) / 2, f"{total} is their mean"),
                ("outputs", f - r, f"{total} is {fake} - {real}, a critic's loss"),
                ("inverted", r - f, f"{total} is {real} - {fake}: this D is low for real"),
            ):
                if _equal(made, loss, r, f):
                    return Voice(says, f"{words}, as their values show")
            if voice := _follows(r, f, loss, real, fake, total):
                return voice
    r, f = common(log, real, fake)
    if len(r) < ENOUGH:
        return Voice("", "")
    if min(r.min(), f.min()) < 0:
        return Voice("", "values below 0 are no BCE, LSGAN or hinge loss, but may be outputs or a Wasserstein loss")
    return Voice("", "")


def _follows(r: np.ndarray, f: np.ndarray, loss: np.ndarray, real: str, fake: str, total: str) -> Voice | None:
    """As D's loss is often logged: the sum of its sides, or a critic's difference, and a penalty besides."""
    gap, both = f - r, r + f
    if min(np.std(loss), np.std(gap), np.std(both)) < 1e-6:
        return None
    alike = {name: float(np.corrcoef(loss, made)[0, 1]) for name, made in (("gap", gap), ("both", both))}
    near = {name: np.median(np.abs(loss - made)) <= 0.5 * np.median(np.abs(made)) for name, made in
            (("gap", gap), ("both", both))}  # fmt: skip
    if alike["gap"] >= ALIKE and near["gap"] and alike["both"] < APART:
        return Voice(
            "outputs", f"{total} follows {fake} - {real}, a critic's loss with a penalty, as their values show"
        )
    if alike["both"] >= ALIKE and near["both"] and alike["gap"] < APART:
        return Voice("losses", f"{total} follows their sum, as their values show")
    return None


def _equal(made: np.ndarray, loss: np.ndarray, r: np.ndarray, f: np.ndarray) -> bool:
    scale = np.maximum(np.abs(r) + np.abs(f), 1e-3)
    spread = max(float(np.ptp(r)), float(np.ptp(f)))
    return bool((np.abs(made - loss) <= EXACT * scale + 1.5e-3).mean() >= AGREE and spread > 0)


def probabilities(log: Log, real: str, fake: str) -> bool | None:
    """Whether D's outputs all lie in [0, 1]; None where there are too few to tell."""
    both = [log.series[name].settled()[1] for name in (real, fake)]
    values = np.concatenate([v[np.isfinite(v)] for v in both])
    if len(values) < 2:
        return None
    return bool(values.min() >= 0 and values.max() <= 1)


def upside_down(log: Log, real: str, fake: str, total: str | None) -> Voice:
    """Whether D is low for real: "inverted" where two voices say so, "doubt" where one does."""
    r, f = common(log, real, fake)
    if len(r) < ENOUGH:
        return Voice("", "")
    below = float((r < f).mean())
    if below < BELOW:
        return Voice("", "")
    lower = f"D's output on real samples lies below that on generated ones in {100 * below:.0f} % of the rows"
    if total is not None:
        r, f, loss = common(log, real, fake, total)
        if len(r) >= ENOUGH and _equal(r - f, loss, r, f):
            return Voice("inverted", f"{lower}, and {total} is {real} - {fake}")
        if len(r) >= ENOUGH and min(np.std(loss), np.std(r - f)) > 1e-9:
            follows = float(np.corrcoef(loss, r - f)[0, 1])
            if follows >= FOLLOWS:
                return Voice("inverted", f"{lower}, and {total} falls as that gap widens")
    return Voice("doubt", lower)


def family(log: Log, losses: dict[str, str]) -> tuple[str, str]:
    """A loss family that D's and G's losses show, with the reason; "" where they leave it open."""
    name = losses.get("loss/discriminator")
    if name is None:
        return "", ""
    values = log.series[name].settled()[1]
    values = values[np.isfinite(values)]
    if len(values) >= ENOUGH and (values < -1e-3).mean() > 0.1:
        return "wgan", f"{name} is negative, which no BCE, LSGAN or hinge loss of D can be"
    return "", ""
