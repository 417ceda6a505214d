"""Latent sensitivity: linear generators with known answers, and nothing of the generator changes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from gandiag.quality.sensitivity import jacobian_sensitivity, latent_sensitivity

if TYPE_CHECKING:
    from collections.abc import Callable


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_linear_generator_has_the_norm_of_its_matrix() -> None:
    """sqrt(tr(AᵀA) / d) by the Jacobian; by pairs, the mean absolute outputs and latents as defined."""
    matrix, latents = _normal(10, 6, seed=1), _normal(400, 6)
    exact = float(matrix.norm()) / math.sqrt(6)
    found = jacobian_sensitivity(lambda z: z @ matrix.T, latents, probes=16)
    assert found.value == pytest.approx(exact, abs=4 * found.standard_error)
    assert found.standard_error < 0.01 * exact
    pairs = latent_sensitivity(lambda z: z @ matrix.T, latents)
    change = latents[:200] - latents[200:]
    assert pairs.ratio == pytest.approx(float((change @ matrix.T).abs().mean() / change.abs().mean()), rel=1e-5)
    assert pairs.pairs == 200
    assert pairs.low < pairs.median


def test_orthogonal_outputs_need_no_chance() -> None:
    """All signs then give the same square: the standard error is 0."""
    found = jacobian_sensitivity(lambda z: 2 * z[:, :3], _normal(5, 6), probes=1)
    assert (found.value, found.standard_error) == pytest.approx((math.sqrt(2), 0), abs=1e-6)


def test_an_ignored_latent_has_no_sensitivity() -> None:
    """Neither by pairs nor by the Jacobian."""

    def constant(latents: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(latents), 5) + 0 * latents[:, :1]

    real = _normal(40, 5, seed=3)
    found = latent_sensitivity(constant, _normal(40, 6), real)
    assert (found.ratio, found.relative, found.low, found.median) == (0, 0, 0, 0)
    assert jacobian_sensitivity(constant, _normal(40, 6)).value == 0
    assert jacobian_sensitivity(lambda z: torch.ones(len(z), 5), _normal(40, 6)).value == 0


def test_a_perfect_generator_changes_as_real_pairs_do() -> None:
    """Relative to real samples it is near 1, and falls with the spread of a collapsing one."""
    real, latents = 3 * _normal(2000, 6, seed=3) + 1, _normal(2000, 6)
    assert latent_sensitivity(lambda z: 3 * z + 1, latents, real).relative == pytest.approx(1, abs=0.05)
    assert latent_sensitivity(lambda z: 0.3 * z, latents, real).relative == pytest.approx(0.1, abs=0.005)
    assert latent_sensitivity(lambda z: 3 * z, latents).relative is None


def test_latents_that_lead_to_one_output_show_in_the_low_quantile() -> None:
    """Where a fifth of all pairs of a saturated generator agree, the median stays and the low quantile is 0."""
    found = latent_sensitivity(lambda z: z.clamp(min=0), _normal(400, 1))
    assert found.low == 0
    assert found.median > 0


class Restless(nn.Module):
    """A generator that draws, and counts its calls in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Linear(4, 8)), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3)
        )
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.layers(latents) + 0.001 * torch.randn(len(latents), 3)


@pytest.mark.parametrize("measure", [latent_sensitivity, jacobian_sensitivity])
def test_the_generator_and_the_random_state_stay(measure: Callable[..., object]) -> None:
    """Buffers, modes of all submodules, gradients and the random state, also where the generator fails."""
    torch.manual_seed(0)
    generator = Restless().train()
    generator.layers[2].eval()
    state = {name: value.clone() for name, value in generator.state_dict().items()}
    modes, random = [m.training for m in generator.modules()], torch.get_rng_state()
    measure(generator, _normal(20, 4))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        measure(generator, _normal(20, 5))
    assert torch.equal(torch.get_rng_state(), random)
    assert [m.training for m in generator.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in generator.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in generator.parameters())


def test_the_seed_and_batches_decide_nothing_else() -> None:
    """The same seed gives the same value; pairs are measured alike in batches of any size."""
    matrix, latents = _normal(10, 6, seed=1), _normal(40, 6)
    assert jacobian_sensitivity(lambda z: z @ matrix.T, latents) == jacobian_sensitivity(
        lambda z: z @ matrix.T, latents
    )
    small = latent_sensitivity(lambda z: z @ matrix.T, latents, batch_size=7)
    assert small.ratio == pytest.approx(latent_sensitivity(lambda z: z @ matrix.T, latents).ratio, rel=1e-6)


@pytest.mark.parametrize(
    ("generator", "latents", "real", "message"),
    [
        (lambda z: z, torch.randn(3, 2), None, r"latents must be a tensor \(2 n, ...\) to be paired, found \(3, 2\)"),
        (lambda z: z, torch.ones(4, 2), None, "latents must differ within each pair"),
        (lambda z: z / 0, torch.randn(4, 2), None, "generated samples must be finite, found 2 pairs"),
        (lambda z: z[:1], torch.randn(4, 2), None, "a sample per latent, 4, found 1"),
        (lambda z: z, torch.randn(4, 2), torch.ones(4, 3), r"shape of the generated samples, \(2,\), found \(3,\)"),
        (lambda z: z, torch.randn(4, 2), torch.ones(4, 2), "real samples must differ"),
    ],
)
def test_bad_input_is_named(
    generator: Callable[[torch.Tensor], torch.Tensor], latents: torch.Tensor, real: torch.Tensor | None, message: str
) -> None:
    """One sentence each."""
    with pytest.raises(ValueError, match=message):
        latent_sensitivity(generator, latents, real)


def test_the_jacobian_needs_latents_and_finite_derivatives() -> None:
    """One sentence each."""
    with pytest.raises(ValueError, match="at least one each, found 0"):
        jacobian_sensitivity(lambda z: z, _normal(4, 2), probes=0)
    with pytest.raises(ValueError, match="finite derivatives"):
        jacobian_sensitivity(lambda z: z.clamp(min=0).sqrt() * 0 / 0, _normal(4, 2))
