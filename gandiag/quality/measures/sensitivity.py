"""Does the generator listen to its latents? How far samples move as latents do, beside how far apart real ones are."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from gandiag.nets.frozen import forked_rng
from gandiag.nets.tensors import first_tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

BATCH = 128  # latents of a call at most
PROBES = 4  # random directions per latent; with 100 latents the derivative is within some percent


@dataclass(frozen=True)
class LatentSensitivity:
    """How much a generator's samples follow its latents.

    Attributes
    ----------
    ratio
        Mode-seeking ratio: mean absolute difference of the samples of two latents, over that of the latents. Near 0
        where latents are ignored; what it is otherwise depends on the data.
    low, median
        5 % and 50 % quantiles of the ratio over pairs.
    distance
        Mean absolute difference of two samples, the numerator.
    real_distance
        The same for random pairs of real samples; None without any.
    jacobian
        sqrt(tr(J^T J) / dz), root mean square over latents: how far samples move for a small step, in Euclidean length.
        None where there is a `reason`.
    reason
        Why there is no derivative; empty otherwise.
    pairs
        Number of pairs of latents.
    """

    ratio: float
    low: float
    median: float
    distance: float
    real_distance: float | None
    jacobian: float | None
    reason: str
    pairs: int

    @property
    def relative(self) -> float | None:
        """Distance between samples over that between real ones: about 1 for the real law, 0 for one sample."""
        return None if self.real_distance is None else self.distance / self.real_distance


def latent_sensitivity(
    generator: Callable[[Tensor], Any],
    latents: Tensor,
    *,
    real: Tensor | None = None,
    seed: int = 0,
    training: bool = False,
) -> LatentSensitivity:
    """Mode-seeking ratio (Mao et al. 2019) of consecutive latents, and the generator's Jacobian by Hutchinson's probes.

    Both samples of a pair are drawn with the same state of the random generators, so that noise inside the generator
    does not count. Random states, modes and buffers are put back. Forward hooks do see the calls: in a training, give
    `frozen_copy(generator)`.

    Parameters
    ----------
    generator
        A module, or any function of the latents alone: `lambda z: G(z, labels[:len(z)])` for a conditional one. What a
        function calls is left in its mode.
    latents
        (N, ...) floating, on the generator's device, at least two and independent of each other.
    real
        (M, ...) floating, of the samples' shape and value range.
    seed
        Of the noise in the generator, the pairs of real samples and the probes.
    training
        Whether a module is called in training mode; by default it is in evaluation mode.

    Raises
    ------
    TypeError, ValueError
        When latents, samples or real samples are no finite tensors (N >= 2, ...) of the shapes above, or consecutive
        ones are all equal.

    >>> found = latent_sensitivity(lambda z: 3 * z, torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 4.0]]))
    >>> found.ratio, found.jacobian
    (3.0, 3.0)
    """
    _check(latents, "latents", 2)
    between = _differences(latents, latents.roll(-1, 0))
    if not bool(between.all()):
        raise ValueError(f"latents must differ, found {int((between == 0).sum())} that equal the next")
    with _undisturbed(generator, training=training):
        near = [_drawn(generator, part, seed) for part in _parts(latents)]
        far = [_drawn(generator, part, seed) for part in _parts(latents.roll(-1, 0))]
        distances = torch.cat([_differences(a, b) for a, b in zip(near, far, strict=True)])
        jacobian, reason = _jacobian(generator, latents, seed)
    if jacobian == 0 and bool(distances.any()):
        jacobian, reason = None, "the samples differ but have no derivative with respect to the latents"
    ratios = distances / between
    return LatentSensitivity(
        ratio=float(distances.mean() / between.mean()),
        low=float(ratios.quantile(0.05)),
        median=float(ratios.quantile(0.5)),
        distance=float(distances.mean()),
        real_distance=None if real is None else _real_distance(real, near[0], seed),
        jacobian=jacobian,
        reason=reason,
        pairs=len(latents),
    )


def _parts(latents: Tensor) -> tuple[Tensor, ...]:
    """Batches of nearly equal size: none is a single sample, which batch normalisation would refuse."""
    return latents.tensor_split(-(-len(latents) // BATCH))


def _differences(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference of each row, (B,) float64."""
    return (a.double() - b.double()).abs().flatten(1).mean(dim=1)


def _check(tensor: Tensor, name: str, least: int) -> None:
    if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
        found = getattr(tensor, "dtype", type(tensor).__name__)
        raise TypeError(f"{name} must be a tensor of floating numbers, found {found}")
    if tensor.ndim < 2 or len(tensor) < least or not tensor[0].numel():
        wanted = f"shape (N, ...) with at least {least} rows"
        raise ValueError(f"{name} must have {wanted}, found {tuple(tensor.shape)}")
    unusable = int((~tensor.isfinite().flatten(1).all(dim=1)).sum())
    if unusable:
        raise ValueError(f"{name} must be finite, found {unusable} of {len(tensor)} rows with a NaN or an infinity")


def _called(generator: Callable[[Tensor], Any], latents: Tensor, seed: int) -> Tensor:
    with forked_rng(latents.device, seed):
        samples = first_tensor(output := generator(latents))
    if samples is None or len(samples) != len(latents):
        found = type(output).__name__ if samples is None else f"shape {tuple(samples.shape)}"
        raise ValueError(f"the generator must return a sample for each of {len(latents)} latents, found {found}")
    return samples


def _drawn(generator: Callable[[Tensor], Any], latents: Tensor, seed: int) -> Tensor:
    with torch.no_grad():
        samples = _called(generator, latents, seed)
    _check(samples, "generated samples", 1)
    return samples


def _jacobian(generator: Callable[[Tensor], Any], latents: Tensor, seed: int) -> tuple[float | None, str]:
    """sqrt(tr(J^T J) / dz) from E |J^T u|^2 of random signs u, which needs backward passes alone; or a reason."""
    rng = torch.Generator().manual_seed(seed)
    total = 0.0
    with torch.inference_mode(mode=False), torch.enable_grad():
        for part in _parts(latents):
            z = part.detach().clone().requires_grad_()
            try:
                total += _squared_gradients(_called(generator, z, seed), z, rng)
            except RuntimeError as error:
                return None, f"no derivative with respect to the latents: {str(error).splitlines()[0]}"
    return (total / (PROBES * latents.numel())) ** 0.5, ""


def _squared_gradients(samples: Tensor, z: Tensor, rng: torch.Generator) -> float:
    """Sum over probes and latents of |J^T u|^2; 0 where no path leads back to the latents."""
    total = 0.0
    if not samples.requires_grad:
        return total
    for _ in range(PROBES):
        signs = torch.randint(0, 2, samples.shape, generator=rng).to(samples) * 2 - 1
        (gradient,) = torch.autograd.grad(samples, z, signs, retain_graph=True, allow_unused=True)
        if gradient is not None:
            total += float(gradient.double().square().sum())
    return total


def _real_distance(real: Tensor, samples: Tensor, seed: int) -> float:
    _check(real, "real", 2)
    if real.shape[1:] != samples.shape[1:]:
        shapes = f"{tuple(real.shape[1:])} and {tuple(samples.shape[1:])}"
        raise ValueError(f"real and generated samples must have the same shape, found {shapes}")
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(seed))
    pairs = [
        _differences(real[a.to(real.device)], real[b.to(real.device)])
        for a, b in zip(order.split(BATCH), order.roll(-1).split(BATCH), strict=True)
    ]
    distance = float(torch.cat(pairs).mean())
    if not distance:
        raise ValueError(f"real samples must differ, found {len(real)} equal ones")
    return distance


@contextmanager
def _undisturbed(generator: Callable[[Tensor], Any], *, training: bool) -> Iterator[None]:
    """Lend a module a mode and copies of its buffers; the buffers themselves stay as a pending backward left them."""
    parts = list(generator.modules()) if isinstance(generator, nn.Module) else []
    states = [(part, part.training, part._buffers.copy()) for part in parts]  # noqa: SLF001 - replaced ones, too
    try:
        for part, _, buffers in states:
            part._buffers.update({name: b if b is None else b.clone() for name, b in buffers.items()})  # noqa: SLF001
        if isinstance(generator, nn.Module):
            generator.train(training)
        yield
    finally:
        for part, mode, buffers in states:
            part.training = mode
            part._buffers.update(buffers)  # noqa: SLF001
