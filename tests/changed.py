"""Healthy synthetic runs of which some signals are set to what is to be found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gandiag import synthetic

if TYPE_CHECKING:
    from gandiag.rundir.run import Run


def run_with(seed: int = 0, at: int = 1, *, family: str = "", **columns: Any) -> Run:
    """A healthy run in which these signals have these values from step `at` on; of this loss family, where given."""
    run = synthetic.healthy(seed)
    frame = run.scalars.copy()
    for name, value in columns.items():
        frame.loc[frame.index >= at, name] = value
    meta = {**run.meta, "loss_family": {"name": family, "source": "given"}} if family else run.meta
    return replace(run, scalars=frame, meta=meta)
