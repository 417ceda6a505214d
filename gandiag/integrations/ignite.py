"""An Ignite handler that watches the GAN that an engine trains.

>>> from gandiag.integrations.ignite import Gandiag
>>> Gandiag(generator, discriminator, run_dir="runs/dcgan").attach(trainer)  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.integrations.common import NotRecording, scalars
from gandiag.probes.attach import attach

try:
    from ignite.engine import Engine, Events
except ModuleNotFoundError as error:
    raise ImportError("this adapter needs Ignite: pip install 'gandiag[ignite]'") from error

if TYPE_CHECKING:
    from os import PathLike

    from typing_extensions import Unpack

    from gandiag.record.callback import Callback
    from gandiag.record.options import AttachOptions


class Gandiag:
    """Attaches gandiag when an engine starts and closes the run when it ends, is terminated or raises.

    The scalars of `engine.state.output` (a number, or a mapping such as `{"g_loss": ...}`) are recorded after each
    iteration. An engine that runs again continues the run. In a distributed job each process records its part.

    Parameters
    ----------
    generator, discriminator : the modules that the engine's function calls, in their wrapper if they have one
    run_dir : where to record: a folder, or any fsspec path
    **options : see `gandiag.Callback`

    Attributes
    ----------
    callback : the recorder, for `callback.observe(...)` in the engine's function; does nothing while none is recording

    Raises
    ------
    TypeError, ValueError, RunError
        From the engine's run when it starts: whatever `gandiag.attach` raises.
    """

    def __init__(
        self, generator: Any, discriminator: Any, run_dir: str | PathLike[str], **options: Unpack[AttachOptions]
    ) -> None:
        self.callback: Callback | NotRecording = NotRecording()
        self._networks = {"generator": generator, "discriminator": discriminator}
        self._run_dir, self._options = run_dir, options
        self._recording = False

    def attach(self, engine: Engine) -> None:
        """Have `engine` call this handler."""
        # at epochs, too: after an exception that another handler swallowed, an engine goes on with the next
        engine.add_event_handler(Events.STARTED | Events.EPOCH_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._log)
        engine.add_event_handler(Events.TERMINATE, self._terminated)
        engine.add_event_handler(Events.COMPLETED, self._completed)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._raised)

    def _start(self) -> None:
        if self._recording:
            return
        self.callback = attach(**self._networks, run_dir=self._run_dir, **self._options)
        self._options |= {"resume": True, "start_step": None}
        self._recording = True

    def _log(self, engine: Engine) -> None:
        output = engine.state.output
        self.callback.log(scalars(output if isinstance(output, dict) else {"output": output}))

    def _terminated(self, engine: Engine) -> None:
        complete = engine.state.iteration == getattr(engine.state, "max_iters", None)  # which terminates as well
        self._close(None if complete else f"the engine was terminated in iteration {engine.state.iteration}")

    def _completed(self) -> None:
        self._close(None)

    def _close(self, reason: str | None) -> None:
        self._recording = False
        self.callback.close("closed", reason)

    def _raised(self, engine: Engine, error: BaseException) -> None:
        """Close with the reason; re-raise when this handler is the only reason why the engine did not raise itself."""
        self._recording = False
        self.callback.__exit__(type(error), error, None)
        handlers = [handler for handler, *_ in engine._event_handlers[Events.EXCEPTION_RAISED]]  # noqa: SLF001
        owners = [getattr(handler, "__self__", None) for handler in handlers]
        if owners[-1] is self and all(isinstance(owner, Gandiag) for owner in owners):
            raise error
