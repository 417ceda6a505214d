"""Samples of a generator that was saved: a factory that builds it, a file of its weights, and a seed."""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from gandiag.nets.frozen import forked_rng, generate
from gandiag.nets.states import fitting_state, read_checkpoint
from gandiag.quality.sources.inputs import as_arguments

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

NESTED = (
    "g_ema", "G_ema", "generator_ema", "netG_ema", "params_ema", "ema", "ema_model", "GE", "generator_test", "netE",
    "g", "G", "netG", "net_g", "net_G", "generator", "gen", "genA2B", "model_g", "params", "generator_state_dict",
    "state_gen", "model.generator", "state_dict", "model_state_dict", "model", "GAN",
)  # fmt: skip
"""Keys and prefixes under which public code bases keep a generator's weights, averages first."""

LATENT_SIZES = ("latent_dim", "z_dim", "dim_z", "nz", "latent_size", "noise_dim")
"""Attributes in which generators say how long their latents are."""


class GeneratorSource:
    """A `Source` of n samples, drawn anew on each reading; batch i is the same whoever reads it.

    Parameters
    ----------
    generator
        In the mode in which it is to run.
    draw
        Inputs of the generator for n samples; its random numbers must come from torch, numpy or `random`.
    n
        Number of samples.
    device
        Where the generator is.
    seed
        Samples with index i to i + batch size are drawn from seed + i.
    labels
        (n,) classes, which the generator is given after what is drawn; None for a generator that takes none.

    A fault of the generator itself is raised as a ValueError that names it.
    """

    def __init__(
        self,
        generator: nn.Module,
        draw: Callable[[int], Any],
        n: int,
        device: torch.device,
        seed: int = 0,
        labels: torch.Tensor | None = None,
    ) -> None:
        self.name = type(generator).__name__
        self.labels = labels
        self.generator, self._draw, self._n, self._device, self._seed = generator, draw, n, device, seed

    def __len__(self) -> int:
        return self._n

    def batches(self, batch_size: int, start: int = 0, stop: int | None = None) -> Iterator[torch.Tensor]:
        """Samples (B, ...) from `start` to `stop`."""
        stop = self._n if stop is None else min(stop, self._n)
        for first in range(start, stop, batch_size):
            size = min(batch_size, stop - first)
            with forked_rng(self._device, self._seed + first):
                samples = self._made(first, size)
            if len(samples) != size:
                raise ValueError(f"{self.name} made {len(samples)} samples where {size} were asked for")
            if samples.is_complex():
                raise ValueError(f"{self.name} makes complex numbers, which are no samples")
            yield samples

    def _made(self, first: int, size: int) -> torch.Tensor:
        try:
            arguments, kwargs = as_arguments(self._draw(size), self._device)
            if self.labels is not None:
                arguments = (*arguments, self.labels[first : first + size].to(self._device))
            return generate(self.generator, arguments, kwargs)
        except (Exception, SystemExit) as error:
            raise ValueError(f"{self.name} cannot make samples: {_told(error)}") from error

    def latents(self, n: int) -> torch.Tensor:
        """Inputs for n samples, where the generator takes nothing else.

        Raises ValueError when what is drawn is no floating tensor (n, ...).
        """
        with forked_rng(self._device, self._seed):
            drawn = self._draw(n)
        if not isinstance(drawn, torch.Tensor) or not drawn.is_floating_point() or len(drawn) != n:
            raise ValueError(f"{self.name}: its inputs must be one floating tensor ({n}, ...) to be varied")
        return drawn.to(self._device)

    def content_hash(self) -> str:
        """Hash of the weights and the seed."""
        digest = hashlib.sha256(f"{self.name} {self._n} {self._seed}".encode())
        for name, tensor in sorted(self.generator.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()[:16]


def load_generator(
    factory: str | Callable[[], Any],
    weights: str | os.PathLike[str] | None,
    device: torch.device,
    latent_size: int | Sequence[int] | None = None,
) -> tuple[nn.Module, Callable[[int], Any]]:
    """A generator in evaluation mode, and what draws its inputs.

    Parameters
    ----------
    factory
        "package.module:function", or the function. It takes nothing and returns the generator, or the generator and
        a function of n that draws its inputs: `return G, lambda n: torch.randn(n, 128)`.
    weights
        File of a state dict, or of a dictionary that holds one under a usual name. None: as the factory made it.
    device
        Where the generator is to run.
    latent_size
        Length of latents drawn from the standard normal law, or their shape, (64, 1, 1) for instance, where the factory
        returns the generator alone and the generator does not say it (`latent_dim`, `z_dim`, `nz`, ...).

    Raises
    ------
    ValueError
        For a factory that cannot be found or returns something else, for weights that cannot be read or do not fit,
        and for latents of unknown length.
    """
    generator, draw = built(factory)
    if weights is not None:
        path = Path(weights)
        state = fitting_state(generator, read_checkpoint(path), str(path), NESTED)
        try:
            generator.load_state_dict(state)
        except RuntimeError as error:
            raise ValueError(f"{path}: cannot be loaded into {type(generator).__name__}: {error}") from error
    generator = generator.to(device).eval().requires_grad_(requires_grad=False)
    return generator, draw or normal_latents(generator, latent_size)


def built(factory: str | Callable[[], Any]) -> tuple[nn.Module, Callable[[int], Any] | None]:
    """The generator that a factory makes, and what draws its inputs if it says so; see `load_generator`.

    Raises ValueError for a factory that cannot be found, fails, or returns something else.
    """
    made = _called(factory)
    generator, draw = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(generator, nn.Module):
        expected = "a torch.nn.Module, or one and a function of n"
        raise ValueError(f"{_where(factory)}: must return {expected}, found {type(made).__name__}")  # noqa: TRY004 - a user's slip
    return generator, draw


def _where(factory: str | Callable[[], Any]) -> str:
    return f"--generator {factory}" if isinstance(factory, str) else f"generator {_name(factory)}"


def _name(function: Any) -> str:
    return str(getattr(function, "__qualname__", type(function).__name__))


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _called(factory: str | Callable[[], Any]) -> Any:
    """What the factory returns; modules are looked for in the current folder, too."""
    function = factory if callable(factory) else named_function(factory, "--generator")
    try:
        return function()
    except (Exception, SystemExit) as error:
        raise ValueError(f"{_where(factory)}: calling it failed: {_told(error)}") from error


def named_function(name: str, option: str) -> Any:
    """What "package.module:function" names; modules are looked for in the current folder, too.

    Raises ValueError, which starts with the option that named it, where it cannot be imported.
    """
    module, _, function = name.partition(":")
    if not (module and function):
        raise ValueError(f"{option} must be package.module:function, found {name!r}")
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        return getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        raise ValueError(f"{option} {name}: {error}; looked in {folder} and where Python looks") from error
    except (Exception, SystemExit) as error:
        if isinstance(error, AttributeError) and module in sys.modules:
            raise ValueError(f"{option} {name}: the module {module} has no {function}") from error
        raise ValueError(f"{option} {name}: importing {module} failed: {_told(error)}") from error
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def normal_latents(generator: nn.Module, size: int | Sequence[int] | None = None) -> Callable[[int], torch.Tensor]:
    """What draws standard normal latents (n, *size), as long as the generator says unless told; else ValueError."""
    if size is None:
        found = {a: v for a in LATENT_SIZES if isinstance(v := getattr(generator, a, None), int)}
        if len(set(found.values())) != 1:
            raise ValueError(
                f"{type(generator).__name__}: how long its latents are is unknown; say so (--latent-size 128, or for a "
                "check --latent normal:128), or have the factory return the generator and a function of n that draws "
                "its inputs"
            )
        size = next(iter(found.values()))
    shape = (size,) if isinstance(size, int) else tuple(size)
    return lambda n: torch.randn(n, *shape)


def class_labels(spec: str, n: int, seed: int) -> torch.Tensor:
    """Classes (n,) to ask for: "uniform:10" is as many of each of ten, in random order; ValueError for others."""
    found = re.fullmatch(r"uniform:(\d+)", spec)
    if found is None or not 0 < int(found[1]) <= n:
        raise ValueError(f"--labels: found {spec!r}, expected uniform:CLASSES, as uniform:10, no more than samples")
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return (torch.arange(n) % int(found[1]))[order]
