"""Sinks by their names, addresses and functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.sinks.base import Sink
from gandiag.sinks.tensorboard import TensorBoard
from gandiag.sinks.trackers import MLflow, Trackio, WandB
from gandiag.sinks.webhook import Function, Webhook

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = ("tensorboard", "wandb", "mlflow", "trackio")


def resolve(sinks: Sequence[Any] | None, run_dir: str) -> list[Sink]:
    """Sinks from what a user may give: names, addresses, functions, or sinks.

    Raises ValueError for other texts, TypeError for other things, ImportError where a tracker is not installed.
    """
    if isinstance(sinks, (str, Sink)) or callable(sinks):
        sinks = [sinks]
    return [_resolved(sink, run_dir) for sink in sinks or ()]


def _resolved(sink: Any, run_dir: str) -> Sink:
    if isinstance(sink, Sink):
        return sink
    if isinstance(sink, str):
        if sink.startswith(("http://", "https://")):
            return Webhook(sink)
        name, _, place = sink.partition(":")
        if name == "tensorboard":
            return TensorBoard(place or f"{run_dir}/tensorboard")
        trackers = {"wandb": WandB, "mlflow": MLflow, "trackio": Trackio}
        if name in trackers and not place:
            return trackers[name]()
        raise ValueError(f"sinks: {sink!r} is none of {', '.join(NAMES)}, tensorboard:FOLDER or an https:// address")
    if callable(sink):
        return Function(sink)
    raise TypeError(f"sinks: expected names, addresses, functions or gandiag.sinks.Sink, got {type(sink).__name__}")
