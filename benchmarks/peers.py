"""What may record a GAN loop: gandiag, and what people use otherwise.

Each is made of generator, discriminator and an empty folder, and listens to a loop as a `gans.Monitor`. Where the
package behind one is missing, making it raises ImportError.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import mock

import torch

import gandiag
import gandiag.record.options
from benchmarks.gans import Monitor
from gandiag.probes.batches import sample_outputs
from gandiag.probes.gradients import are_alike, gradient_norms
from gandiag.probes.networks import Network
from gandiag.record.callback import recording_of

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from benchmarks.gans import Tensors


EVERY_STEP: dict[str, Any] = {"max_overhead": None}  # at every step, as the others do, however long that takes


class Attached(Monitor):
    """gandiag attached in one line, as by default, and both losses logged."""

    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, generator: nn.Module, discriminator: nn.Module, folder: Path) -> None:
        self.callback = gandiag.attach(generator, discriminator, run_dir=folder / "run", alerts=False, **self.options)

    def stepped(self, losses: Tensors) -> None:
        self.callback.log(losses)

    def flush(self) -> None:
        self.callback.flush()

    def close(self) -> None:
        self.callback.close()


class AttachedInFull(Attached):
    """gandiag attached, with all default signals at every step."""

    options: ClassVar[dict[str, Any]] = EVERY_STEP


class Called(Monitor):
    """gandiag's own functions called for gradient norms, D's outputs and losses, and nothing else: no hooks.

    Diversity, feedback, update ratios and snapshots, which the others have no counterpart of, are left out.
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module, folder: Path) -> None:
        self.callback = gandiag.Callback(folder / "run", alerts=False, **EVERY_STEP)
        nets = {"generator": generator, "discriminator": discriminator}
        self.recording = recording_of(self.callback)
        self.recording.settings.layers = {net: Network(net, module).layers for net, module in nets.items()}
        self.parameters = {net: list(module.parameters()) for net, module in nets.items()}
        self.alike = {net: are_alike(parameters) for net, parameters in self.parameters.items()}

    def updating(self, net: str, module: nn.Module, outputs: Tensors) -> None:  # noqa: ARG002 - listed beforehand
        self.recording.row[f"grad/{net}"] = gradient_norms(self.parameters[net], alike=self.alike[net])
        for kind, output in outputs.items():
            self.recording.attributed(kind, sample_outputs(output))

    def stepped(self, losses: Tensors) -> None:
        self.callback.log(losses)
        self.callback.step()

    def flush(self) -> None:
        self.callback.flush()

    def close(self) -> None:
        self.callback.close()


class Items(Monitor):
    """The usual hand-written loop: `.item()` of each parameter's gradient norm, of D's mean outputs and the losses."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module, folder: Path) -> None:  # noqa: ARG002
        self.recorded: list[float] = []

    def updating(self, net: str, module: nn.Module, outputs: Tensors) -> None:  # noqa: ARG002
        self.recorded = [p.grad.norm().item() for p in module.parameters() if p.grad is not None]
        self.recorded += [output.mean().item() for output in outputs.values()]

    def stepped(self, losses: Tensors) -> None:
        self.recorded += [loss.item() for loss in losses.values()]


class GradNorm(Monitor):
    """Lightning's `grad_norm(module, 2)` of each network before it is updated; nothing is done with the result.

    It calls `p.grad.data.norm(2)` for each parameter and reads each into a new tensor for their total.
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module, folder: Path) -> None:  # noqa: ARG002
        from lightning.pytorch.utilities import grad_norm

        self.grad_norm = grad_norm

    def updating(self, net: str, module: nn.Module, outputs: Tensors) -> None:  # noqa: ARG002
        self.grad_norm(module, 2)


class LoggedGradNorm(Monitor):
    """Lightning's documented `self.log_dict(grad_norm(self, 2))`, logged at every step.

    A Trainer that logs a step takes `.item()` of each value before its loggers get them. That much is done here, and
    its own bookkeeping and the loggers are left out. D's outputs and the losses are not recorded.
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module, folder: Path) -> None:  # noqa: ARG002
        from lightning.pytorch.utilities import grad_norm

        self.grad_norm = grad_norm
        self.recorded: dict[str, float] = {}

    def updating(self, net: str, module: nn.Module, outputs: Tensors) -> None:  # noqa: ARG002
        norms = self.grad_norm(module, 2)
        self.recorded = {name: torch.as_tensor(norm).item() for name, norm in norms.items()}


class TensorBoard(Monitor):
    """A SummaryWriter given both losses, and histograms of all weights and gradients, at every step."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module, folder: Path) -> None:  # noqa: ARG002
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder))
        self.step = 0

    def updating(self, net: str, module: nn.Module, outputs: Tensors) -> None:  # noqa: ARG002
        for name, parameter in module.named_parameters():
            self.writer.add_histogram(f"{net}/{name}", parameter, self.step)
            self.writer.add_histogram(f"{net}/{name}/gradient", parameter.grad, self.step)

    def stepped(self, losses: Tensors) -> None:
        for name, loss in losses.items():
            self.writer.add_scalar(name, loss, self.step)
        self.step += 1

    def flush(self) -> None:
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()


class Wandb(Monitor):
    """`wandb.watch(log="all", log_freq=1)` of both networks and a `log` of both losses per step, offline.

    Nobody waits until its service process has written what it was given.
    """

    environment: ClassVar[dict[str, str]] = {
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
    }
    folders = ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR")

    def __init__(self, generator: nn.Module, discriminator: nn.Module, folder: Path) -> None:
        self.patch = mock.patch.dict(os.environ, self.environment | dict.fromkeys(self.folders, str(folder)))
        self.patch.start()
        try:
            import wandb
        except ImportError:
            self.patch.stop()
            raise
        self.networks = [generator, discriminator]
        self.run = wandb.init(mode="offline", dir=str(folder), settings=wandb.Settings(silent=True, console="off"))
        self.run.watch(self.networks, log="all", log_freq=1)

    def stepped(self, losses: Tensors) -> None:
        self.run.log({name: loss.item() for name, loss in losses.items()})

    def close(self) -> None:
        self.run.unwatch(self.networks)
        self.run.finish()
        self.patch.stop()
