"""A Lightning callback that watches a GAN's LightningModule.

>>> from gandiag.integrations.lightning import GandiagCallback
>>> trainer = Trainer(callbacks=[GandiagCallback("runs/dcgan")])  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.integrations.common import NotRecording, scalars
from gandiag.probes.attach import attach
from gandiag.record.callback import recording_of

try:
    from lightning.pytorch import Callback as LightningCallback
except ModuleNotFoundError:
    try:
        from pytorch_lightning import Callback as LightningCallback  # type: ignore[assignment, unused-ignore]
    except ModuleNotFoundError as error:
        raise ImportError("this adapter needs Lightning: pip install 'gandiag[lightning]'") from error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    import torch
    from typing_extensions import Unpack

    from gandiag.record.callback import Callback
    from gandiag.record.options import AttachOptions

    Names = str | Mapping[str, str]


class GandiagCallback(LightningCallback):
    """Attaches gandiag when fitting starts, after sanity checking, and closes the run when fitting ends.

    Works with manual optimization and any number of optimizers. What the module logs in `training_step` is recorded
    with its step. A second `fit` continues the run; with `resume=True` and a checkpoint, at the checkpoint's step.
    In a distributed job each process records its part.

    Parameters
    ----------
    run_dir : where to record: a folder, or any fsspec path
    generator, discriminator : the names of the LightningModule's attributes, dotted if need be ("gan.generator"),
        or for several networks a mapping of a name for each to its attribute
    **options : see `gandiag.Callback`

    Attributes
    ----------
    callback : the recorder, for `callback.observe(...)` in `training_step`; does nothing while none is recording

    Raises
    ------
    ValueError
        When fitting starts, if the LightningModule has no such network.
    RunError
        When fitting starts, if `run_dir` cannot be written, or holds a run and `resume=True` is not given.
    """

    def __init__(
        self,
        run_dir: str | PathLike[str],
        generator: Names = "generator",
        discriminator: Names = "discriminator",
        **options: Unpack[AttachOptions],
    ) -> None:
        super().__init__()
        self.callback: Callback | NotRecording = NotRecording()
        self._run_dir, self._options = run_dir, options
        self._names = {"generator": generator, "discriminator": discriminator}
        self._networks: dict[str, Any] = {}
        self._fitted = False
        self._restored_step: int | None = None
        self._seen: dict[str, Any] = {}  # what was logged so far: a metric stays there until it is logged again
        self._outdated = True  # something else than a training step may have logged since

    @property
    def state_key(self) -> str:
        """What tells this callback's state from another's in a checkpoint."""
        return f"{type(self).__name__}[{self._names['generator']}, {self._names['discriminator']}]"

    def state_dict(self) -> dict[str, Any]:
        """The last completed step, for checkpoints."""
        return {} if isinstance(self.callback, NotRecording) else {"step": self.callback.completed_steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the last completed step of a checkpoint that training goes on from."""
        self._restored_step = state_dict.get("step")

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002 - the hook's signature
        """Find the networks, in every process, before anything has been computed."""
        self._networks = {role: _found(pl_module, role, names) for role, names in self._names.items()}

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002 - the hook's signature
        """Attach: the model is on its device and wrapped, and sanity checking is over."""
        options = self._options.copy()
        if self._fitted:
            options["resume"], options["start_step"] = True, None
        if options.get("resume") and options.get("start_step") is None and self._restored_step is not None:
            options["start_step"] = self._restored_step + 1
        self.callback = attach(**self._networks, run_dir=self._run_dir, **options)
        self._fitted, self._restored_step = True, None

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002 - the hook's signature
        """What the last epoch logged at its end belongs to no training step: it is not recorded as one's."""
        self._outdated = True

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002 - the hook's signature
        """What validation logged belongs to no training step: it is not recorded as one's."""
        self._outdated = True

    def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
        """Note what epoch ends and validation left among the metrics."""
        if self._outdated:  # not at those hooks: there, reading metrics may wait for other processes
            self._outdated = False
            self._fresh(trainer)

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        """Record what the training step logged."""
        self.callback.log(self._fresh(trainer))

    def on_train_end(self, *_: Any) -> None:
        """Close the run."""
        self.callback.close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:  # noqa: ARG002 - as above
        """Close the run, with the reason."""
        self.callback.__exit__(type(exception), exception, None)

    def _fresh(self, trainer: Any) -> dict[str, Any]:
        """Metrics that were logged since the last call, as they are: nothing is brought to the host."""
        if isinstance(self.callback, NotRecording):
            return {}
        with recording_of(self.callback).faults.caught("logged metrics", self.callback.completed_steps):
            now = dict(trainer.callback_metrics)
            # as long as the last value is held, no other can have its address
            fresh = {n: v for n, v in now.items() if n not in self._seen or v.data_ptr() != self._seen[n].data_ptr()}
            self._seen = now
            # what is logged by step and by epoch comes under two names
            return {n: v for n, v in scalars(fresh).items() if not (n.endswith("_step") and n[:-5] in fresh)}
        return {}


def _found(module: torch.nn.Module, role: str, names: Names) -> Any:
    """The network of that name, or a dictionary of networks."""
    if not isinstance(names, str):
        return {key: _found(module, f"{role} {key}", name) for key, name in names.items()}
    try:
        return module.get_submodule(names)
    except AttributeError:
        known = ", ".join(name for name, _ in module.named_children()) or "none"
        raise ValueError(f"{role}: {type(module).__name__} has no module {names!r}; its modules are {known}") from None
