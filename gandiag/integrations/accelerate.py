"""Attaching to a training loop that Accelerate prepared.

>>> from gandiag.integrations.accelerate import attach
>>> callback = attach(accelerator, generator, discriminator, run_dir="runs/dcgan")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.integrations.common import scalars
from gandiag.probes import attach as watcher
from gandiag.record.callback import recording_of

try:
    from accelerate.tracking import GeneralTracker
except ModuleNotFoundError as error:
    raise ImportError("this adapter needs Accelerate: pip install 'gandiag[accelerate]'") from error

if TYPE_CHECKING:
    from os import PathLike

    from accelerate import Accelerator
    from typing_extensions import Unpack

    from gandiag.record.callback import Callback
    from gandiag.record.options import AttachOptions


def attach(
    accelerator: Accelerator,
    generator: Any,
    discriminator: Any,
    run_dir: str | PathLike[str],
    **options: Unpack[AttachOptions],
) -> Callback:
    """Watch networks that `accelerator.prepare` returned; call it after that.

    As `gandiag.attach`, and: `accelerator.log` records its scalars, and `accelerator.end_training` closes the run. A
    step is an update of the generator's optimizer, with gradient accumulation every k-th; one skipped for overflow is
    recorded as such. In a distributed job each process records its part.

    Parameters
    ----------
    accelerator : the one that prepared the networks
    generator, discriminator : the prepared modules: what the loop calls
    run_dir : where to record: a folder, or any fsspec path
    **options : see `gandiag.Callback`

    Raises
    ------
    TypeError, ValueError, RunError
        Whatever `gandiag.attach` raises.
    """
    callback = watcher.attach(generator, discriminator, run_dir, **options)
    accelerator.trackers.append(Tracker(callback, accelerator.gradient_state))
    return callback


class Tracker(GeneralTracker):  # type: ignore[misc]  # it has no types
    """What an `Accelerator` calls beside its other trackers."""

    name = "gandiag"
    requires_logging_directory = False

    def __init__(self, callback: Callback, gradient_state: Any) -> None:
        super().__init__()
        self._callback, self._gradient_state = callback, gradient_state

    @property
    def tracker(self) -> Callback:
        """The recorder."""
        return self._callback

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        """Keep hyperparameters with the run."""
        recording_of(self._callback).describe(hyperparameters=values)

    def log(self, values: dict[str, Any], step: int | None = None, **_: Any) -> None:  # noqa: ARG002 - has its own
        """Record the scalars among `values`; of accumulated batches those of the last, which ends the step."""
        if self._gradient_state.sync_gradients:
            self._callback.log(scalars(values))

    def finish(self) -> None:
        """Close the run."""
        self._callback.close()
