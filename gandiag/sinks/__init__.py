"""Where a run goes besides its directory: trackers, webhooks, functions of the user's.

>>> import gandiag
>>> gandiag.attach(G, D, run_dir="runs/a", sinks=["tensorboard", "wandb", on_event])  # doctest: +SKIP
"""

from __future__ import annotations

from gandiag.sinks.base import Event as Event
from gandiag.sinks.base import Sink as Sink
from gandiag.sinks.named import resolve as resolve
from gandiag.sinks.tensorboard import TensorBoard as TensorBoard
from gandiag.sinks.trackers import MLflow as MLflow
from gandiag.sinks.trackers import Trackio as Trackio
from gandiag.sinks.trackers import WandB as WandB
from gandiag.sinks.webhook import Function as Function
from gandiag.sinks.webhook import Webhook as Webhook

__all__ = ["Event", "Function", "MLflow", "Sink", "TensorBoard", "Trackio", "WandB", "Webhook", "resolve"]
