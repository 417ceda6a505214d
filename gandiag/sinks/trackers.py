"""Trackers that a training already uses: what gandiag sees beside what the loop logs, and findings as alerts."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gandiag.sinks.base import EVERY, Event, Sink, means

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

PREFIX = "gandiag/"
LEVELS = {"info": "INFO", "warning": "WARN", "failure": "ERROR"}


def _module(name: str) -> Any:
    try:
        return sys.modules.get(name) or import_module(name)
    except ImportError as error:
        raise ImportError(f"sinks: {name} is not installed; pip install 'gandiag[{name}]'") from error


def _checked(every: int) -> int:
    if every < 1:
        raise ValueError(f"every must be at least 1 step, got {every}")
    return every


class WandB(Sink):
    """Adds to a run of Weights & Biases; by default the one in progress. Findings are alerts.

    Values join the row that the loop logs next, so that its steps stay what they are; `gandiag/step` says which step
    of gandiag they belong to.
    """

    name = "wandb"

    def __init__(self, run: Any = None, *, every: int = EVERY) -> None:
        self._wandb, self.every = _module("wandb"), _checked(every)
        self._run = run if run is not None else self._wandb.run
        if self._run is None:
            raise ValueError("sinks: wandb has no run yet; call wandb.init first, or pass gandiag.sinks.WandB(run)")

    def scalars(self, steps: np.ndarray, times: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:  # noqa: ARG002
        """See `Sink`."""
        for _, step, values in means(steps, columns, self.every):
            row = {PREFIX + name: value for name, value in values.items()}
            self._run.log({**row, f"{PREFIX}step": step}, commit=False)

    def event(self, event: Event) -> None:
        """See `Sink`."""
        level = getattr(self._wandb.AlertLevel, LEVELS[event.level])
        self._run.alert(title=f"gandiag: {event.title}", text=event.text, level=level)
        if event.kind == "verdict":
            self._run.summary[f"{PREFIX}verdict"] = event.title


class Trackio(Sink):
    """Adds to a run of trackio; by default the one in progress. Findings are alerts."""

    name = "trackio"

    def __init__(self, run: Any = None, *, every: int = EVERY) -> None:
        self._trackio, self.every = _module("trackio"), _checked(every)
        self._run = run if run is not None else import_module("trackio.context_vars").current_run.get()
        if self._run is None:
            raise ValueError(
                "sinks: trackio has no run yet; call trackio.init first, or pass gandiag.sinks.Trackio(run)"
            )

    def scalars(self, steps: np.ndarray, times: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:  # noqa: ARG002
        """See `Sink`."""
        for _, step, values in means(steps, columns, self.every):
            self._run.log({PREFIX + name: value for name, value in values.items()}, step=step)

    def event(self, event: Event) -> None:
        """See `Sink`."""
        level = getattr(self._trackio.AlertLevel, LEVELS[event.level])
        self._run.alert(title=f"gandiag: {event.title}", text=event.text, level=level)


class MLflow(Sink):
    """Adds to a run of MLflow; by default the active one. MLflow has no alerts: findings become tags."""

    name = "mlflow"

    def __init__(self, run_id: str | None = None, *, every: int = EVERY) -> None:
        mlflow, self.every = _module("mlflow"), _checked(every)
        if run_id is None:
            if (active := mlflow.active_run()) is None:
                told = "call mlflow.start_run first, or pass gandiag.sinks.MLflow(id)"
                raise ValueError(f"sinks: mlflow has no active run; {told}")
            run_id = active.info.run_id
        self._run_id = run_id
        self._client = mlflow.MlflowClient()
        self._metric = import_module("mlflow.entities").Metric

    def scalars(self, steps: np.ndarray, times: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
        """See `Sink`."""
        entries = [
            self._metric(PREFIX + _name(name), value, int(times[row] * 1000), step)
            for row, step, values in means(steps, columns, self.every)
            for name, value in values.items()
        ]
        for start in range(0, len(entries), 1000):  # as many as MLflow takes at once
            self._client.log_batch(self._run_id, metrics=entries[start : start + 1000])

    def event(self, event: Event) -> None:
        """See `Sink`."""
        key = f"gandiag.{event.kind}" + (f".{event.title}" if event.kind == "finding" else "")
        self._client.set_tag(self._run_id, _name(key), f"{event.level} at step {event.step}: {event.text}"[:5000])
        self._client.set_tag(self._run_id, "gandiag.updated", str(int(time.time())))


def _name(text: str) -> str:
    """A name with the characters that MLflow allows."""
    return "".join(c if c.isalnum() or c in "_-./ " else "_" for c in text)
