"""How much the output of a generator changes with its latent: near 0, the latent is ignored."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCH = 64  # latents at a time


@dataclass(frozen=True)
class LatentSensitivity:
    """What pairs of latents show of a generator.

    Attributes
    ----------
    ratio
        Mean |G(z1) - G(z2)| over mean |z1 - z2|, the mode-seeking ratio (Mao et al. 2019). It has the unit of pixels
        by latents, and is 0 where the latent is ignored.
    relative
        The ratio over that of pairs of real samples with the same latents, that is, mean |G(z1) - G(z2)| over mean
        |x1 - x2|: about 1 for a perfect generator. None without real samples.
    low, median
        The 5 % and 50 % quantiles over pairs of |G(z1) - G(z2)| / |z1 - z2|: a low one far below the median tells of
        latents that lead to the same output.
    pairs
        Number of pairs of latents.
    """

    ratio: float
    relative: float | None
    low: float
    median: float
    pairs: int


def latent_sensitivity(
    generator: Callable[[Tensor], Tensor], latents: Tensor, real: Tensor | None = None, *, batch_size: int = BATCH
) -> LatentSensitivity:
    """Mode-seeking ratio of a generator from pairs of latents: the first half with the second half.

    A module runs in evaluation mode, without gradients, on copies of its buffers and under forked random states of
    torch; all of these, and its mode, are afterwards as before.

    Parameters
    ----------
    generator
        Gives samples (B, ...) of latents (B, ...); fix its condition, for a conditional one, in a closure.
    latents
        (2 n, ...) floating point, drawn from the prior.
    real
        (2 m, ...) real samples in the range of the generator's, of the same condition; paired likewise.
    batch_size
        Latents at a time.

    Raises
    ------
    ValueError
        When there are fewer than two latents or real samples, an odd number of them or pairs without a difference,
        when shapes do not fit, or an output is not finite.

    >>> latents = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    >>> round(latent_sensitivity(lambda z: 2 * z, latents).ratio, 6)
    2.0
    """
    of_latents = _gaps(latents, "latents")
    if not (of_latents > 0).all():
        raise ValueError("latents must differ within each pair, found a pair of equal ones")
    with _unchanged(generator, latents.device) as run, torch.no_grad():
        samples = torch.cat([run(part) for part in latents.split(batch_size)])
    if len(samples) != len(latents):
        raise ValueError(f"generator must give a sample per latent, {len(latents)}, found {len(samples)}")
    of_samples = _gaps(samples, "generated samples")
    relative = None
    if real is not None:
        if real.shape[1:] != samples.shape[1:]:
            shapes = f"{tuple(samples.shape[1:])}, found {tuple(real.shape[1:])}"
            raise ValueError(f"real must have the shape of the generated samples, {shapes}")
        between = float(_gaps(real, "real").mean())
        if between == 0:
            raise ValueError("real samples must differ, found pairs of equal ones only")
        relative = float(of_samples.mean()) / between
    each = (of_samples / of_latents.to(of_samples.device)).sort().values
    return LatentSensitivity(
        ratio=float(of_samples.mean()) / float(of_latents.mean()),
        relative=relative,
        low=float(each[int(0.05 * (len(each) - 1))]),
        median=float(each[(len(each) - 1) // 2]),
        pairs=len(each),
    )


@dataclass(frozen=True)
class JacobianSensitivity:
    """Root mean squared singular value of the generator's Jacobian, sqrt(tr(JᵀJ) / d), and its standard error."""

    value: float
    standard_error: float


def jacobian_sensitivity(
    generator: Callable[[Tensor], Tensor], latents: Tensor, *, probes: int = 8, seed: int = 0, batch_size: int = BATCH
) -> JacobianSensitivity:
    """Local sensitivity sqrt(mean of tr(JᵀJ) / d) over latents, by random directions (Hutchinson 1990).

    tr(JᵀJ) = tr(JJᵀ) is the mean of |Jᵀu|² over random signs u of the outputs, one pass back for each; any
    differentiable generator will do, and nothing of it changes, as in `latent_sensitivity`. Samples of a batch must
    not depend on each other, as they do not in evaluation mode.

    Parameters
    ----------
    generator
        Gives samples (B, ...) of latents (B, ...).
    latents
        (N, ...) floating point; d is the number of coordinates of one.
    probes
        Signs u per latent.
    seed
        Of the signs.
    batch_size
        Latents at a time.

    Raises
    ------
    ValueError
        When there is no latent or no probe, or a derivative is not finite.

    >>> latents = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    >>> jacobian_sensitivity(lambda z: 2 * z, latents).value
    2.0
    """
    if probes < 1 or not len(latents) or not latents.is_floating_point():
        text = f"{probes} and {latents.dtype} of shape {tuple(latents.shape)}"
        raise ValueError(f"probes and floating point latents must be at least one each, found {text}")
    rng = torch.Generator().manual_seed(seed)
    squares: list[Tensor] = []
    with _unchanged(generator, latents.device) as run, torch.enable_grad():
        for part in latents.detach().split(batch_size):
            entry = part.clone().requires_grad_()
            samples = run(entry)
            squares += [_pulled_back(samples, entry, rng) / part[0].numel() for _ in range(probes)]
    found = torch.cat(squares)
    if not found.isfinite().all():
        raise ValueError("generator must have finite derivatives, found a NaN or an infinity")
    value = math.sqrt(float(found.mean()))
    spread = float(found.std()) / math.sqrt(len(found)) if len(found) > 1 else math.nan
    return JacobianSensitivity(value, spread / (2 * value) if value else 0.0)


def _pulled_back(samples: Tensor, entry: Tensor, rng: torch.Generator) -> Tensor:
    """|Jᵀu|² (B,) float64 for random signs u of the samples."""
    if not samples.requires_grad:  # no path from the latents
        return torch.zeros(len(entry), dtype=torch.float64, device=entry.device)
    signs = torch.randint(0, 2, samples.shape, generator=rng).to(samples) * 2 - 1
    (found,) = torch.autograd.grad(samples, entry, signs, retain_graph=True, allow_unused=True)
    found = torch.zeros_like(entry) if found is None else found
    return found.double().square().flatten(1).sum(dim=1)


@contextmanager
def _unchanged(generator: Callable[[Tensor], Tensor], device: torch.device) -> Iterator[Callable[[Tensor], Tensor]]:
    """The generator as a function in evaluation mode that leaves its buffers, its mode and torch's random states."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        if not isinstance(generator, nn.Module):
            yield generator
            return
        modes = [(module, module.training) for module in generator.modules()]
        state = {name: weight.detach() for name, weight in generator.named_parameters()}
        state |= {name: buffer.clone() for name, buffer in generator.named_buffers()}
        try:
            for module, _ in modes:
                module.training = False  # not .eval(), which a class may have made its own
            yield lambda latents: torch.func.functional_call(generator, state, (latents,))
        finally:
            for module, mode in modes:
                module.training = mode


def _gaps(samples: Tensor, name: str) -> Tensor:
    """Mean absolute difference (n,) float64 of each of the first n samples to its partner in the second n."""
    if not isinstance(samples, Tensor) or samples.ndim < 2 or len(samples) < 2 or len(samples) % 2:
        found = tuple(samples.shape) if isinstance(samples, Tensor) else type(samples).__name__
        raise ValueError(f"{name} must be a tensor (2 n, ...) to be paired, found {found}")
    first, second = samples.chunk(2)
    gaps = torch.stack([(a.double() - b.double()).abs().mean() for a, b in zip(first, second, strict=True)])
    if not gaps.isfinite().all():
        raise ValueError(
            f"{name} must be finite, found {int((~gaps.isfinite()).sum())} pairs with a NaN or an infinity"
        )
    return gaps
