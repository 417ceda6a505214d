"""What the adapters share: what can be logged, and what stands in while nothing is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.findings import Diagnosis
from gandiag.measure.blocks import is_tensor

if TYPE_CHECKING:
    from typing import Self


def scalars(values: Any) -> dict[str, Any]:
    """What `Callback.log` can take of a framework's values: numbers and one-element arrays or tensors, by name.

    >>> scalars({"g_loss": 0.5, "images": np.zeros((4, 1, 8, 8)), "lr": np.float32(1), "note": "warm-up"})
    {'g_loss': 0.5, 'lr': np.float32(1.0)}
    """
    items = values.items() if isinstance(values, Mapping) else ()
    return {str(name): value for name, value in items if _is_scalar(value)}


def _is_scalar(value: Any) -> bool:
    if is_tensor(value):
        return bool(value.numel() == 1)
    return isinstance(value, Real) or (isinstance(value, np.ndarray) and value.size == 1)


class NotRecording:
    """Stands in for a `Callback` while no training runs."""

    def log(self, values: Mapping[str, Any] | None = None, /, **scalars: Any) -> None:
        """Do nothing."""

    def observe(self, **_: Any) -> None:
        """Do nothing."""

    def flush(self) -> None:
        """Do nothing."""

    def close(self, status: str = "closed", reason: str | None = None) -> None:
        """Do nothing."""

    @property
    def diagnosis(self) -> Diagnosis:
        """Undecided."""
        return Diagnosis(verdict="undecided")

    @property
    def last_healthy_step(self) -> int | None:
        """Nothing was judged."""
        return None

    @property
    def should_stop(self) -> bool:
        """Nothing was found."""
        return False

    @property
    def stop_reason(self) -> str | None:
        """Nothing was found."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
