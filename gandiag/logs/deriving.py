"""Signals that follow from those of a log: sums of sides, how well D tells, counts of what is not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.families import LOGISTIC
from gandiag.logs import estimates
from gandiag.logs.columns import own_name

if TYPE_CHECKING:
    from gandiag.logs.columns import Columns
    from gandiag.logs.mapping import Recognised


def derive(mapping: Recognised, columns: Columns, family: str) -> None:
    """Signals that follow from what is there: the sum of D's sides, its area, counts of what is not finite."""
    _sum_of_sides(mapping, columns)
    _area(mapping, columns, family)
    counted = [n for n in columns.series if n.startswith(("loss/", "d/", "grad/")) and n not in columns.derived]
    kinds = ("part of G's loss", "part of D's loss", "one side of D's loss")
    counted += [
        own_name(r.name) for r in mapping.rows if r.reading is not None and r.reading.kind in kinds and not r.signal
    ]
    if counted and "nonfinite" not in columns.series:
        steps = np.unique(np.concatenate([columns.series[n][0] for n in counted]))
        bad = np.zeros(len(steps))
        for name in counted:
            own, values = columns.series[name]
            bad[np.searchsorted(steps, own)] += ~np.isfinite(values)
        columns.series["nonfinite"] = steps, bad
        columns.derived["nonfinite"] = "counted among losses, outputs of D and gradient norms"


def _common(columns: Columns, *names: str) -> tuple[np.ndarray, list[np.ndarray]]:
    steps = columns.series[names[0]][0]
    for name in names[1:]:
        steps = np.intersect1d(steps, columns.series[name][0])
    return steps, [v[np.searchsorted(s, steps)] for s, v in (columns.series[n] for n in names)]


def _sum_of_sides(mapping: Recognised, columns: Columns) -> None:
    if any(n.startswith("loss/discriminator") for n in columns.series):
        return
    sides: dict[str, list[str]] = {"real": [], "fake": []}
    for row in mapping.rows:
        if row.reading is not None and row.reading.kind == "one side of D's loss" and row.reading.sure:
            sides[row.reading.side].append(row.name)
    if [len(s) for s in sides.values()] != [1, 1]:
        return
    real, fake = (own_name(names[0]) for names in sides.values())
    steps, (on_real, on_fake) = _common(columns, real, fake)
    if len(steps):
        columns.series["loss/discriminator"] = steps, on_real + on_fake
        columns.derived["loss/discriminator"] = f"the sum of {real} and {fake}"


def _area(mapping: Recognised, columns: Columns, family: str) -> None:
    """d/auc where the log has none, see `gandiag.logs.estimates`."""
    real, fake, loss = "d/real/mean", "d/fake/mean", "loss/discriminator"
    have = set(columns.series)
    if "d/auc" in have or family in ("wgan", "wgan-gp"):
        return
    if {real, fake, "d/real/std", "d/fake/std"} <= have:
        steps, values = _common(columns, real, fake, "d/real/std", "d/fake/std")
        made, how = estimates.auc_of_normal(*values), "means and spreads of D's outputs, taken as normal"
    elif {real, fake} <= have and mapping.outputs == "probabilities":
        steps, values = _common(columns, real, fake)
        made, how = estimates.auc_of_probabilities(*values), "mean probabilities, for a D as sure as it is right"
    elif {real, fake} <= have:
        return
    elif loss in have and (told := _bce(columns.series[loss][1], family)):
        steps, made = columns.series[loss][0], estimates.auc_of_loss(columns.series[loss][1], halved=told == "halved")
        how = "D's loss, taken as a BCE loss of a D as sure as it is right"
        how += ", the mean of both sides" if told == "halved" else ""
    else:
        return
    columns.series["d/auc"] = steps, made
    columns.derived["d/auc"] = f"estimated from {how}"


def _bce(values: np.ndarray, family: str) -> str:
    """Whether D's loss may be read as BCE: "sum" or "halved"; "" where it may not.

    A low loss of D means that it tells both kinds apart under LSGAN and hinge, too, so an unknown family is read as the
    mean of both sides, which says least.
    """
    finite = values[np.isfinite(values)]
    if not len(finite) or finite.min() < 0:
        return ""
    if family in LOGISTIC and (np.abs(finite[:3] - estimates.LOG_4) < 0.2).any():
        return "sum"
    return "halved"
