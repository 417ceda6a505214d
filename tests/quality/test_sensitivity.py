"""Latent sensitivity: closed forms of linear generators, none for those that ignore latents, and no traces left."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gandiag.quality.measures.sensitivity import latent_sensitivity


def latents(n: int = 200, dimensions: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, dimensions, generator=torch.Generator().manual_seed(seed))


class Noisy(nn.Module):
    """Batch normalisation, dropout and noise, with a part whose mode differs from the rest."""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.first, self.norm, self.drop = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.3)
        self.register_buffer("calls", torch.zeros(()))
        self.weight = weight
        self.norm.eval()

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        self.calls = self.calls + 1
        random.random()  # noqa: S311 - only moves the state
        return self.drop(self.norm(self.first(self.weight * z))) + torch.randn(len(z), 8)


def test_a_linear_generator_has_the_ratio_and_the_norm_of_its_matrix() -> None:
    """Ratio and quantiles by hand; |A|_F / sqrt(dz) to what 800 probes leave."""
    z, matrix = latents(), latents(6, 40, seed=1)
    found = latent_sensitivity(lambda z: z @ matrix, z)
    step = z - z.roll(-1, 0)
    distances, between = (step @ matrix).abs().mean(dim=1), step.abs().mean(dim=1)
    assert found.distance == pytest.approx(float(distances.mean()), rel=1e-5)
    assert found.ratio == pytest.approx(float(distances.mean() / between.mean()), rel=1e-5)
    assert found.low == pytest.approx(float((distances / between).quantile(0.05)), rel=1e-5)
    assert found.median == pytest.approx(float((distances / between).median()), rel=0.02)
    assert found.jacobian == pytest.approx(float(matrix.norm()) / 6**0.5, rel=0.04)
    assert (found.pairs, found.reason, found.real_distance, found.relative) == (200, "", None, None)


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(0.01, 100), seed=st.integers(0, 1000), n=st.integers(2, 300))
def test_scaling_latents_scales_both_measures(scale: float, seed: int, n: int) -> None:
    """Exactly, whatever the probes and the batches."""
    found = latent_sensitivity(lambda z: scale * z, latents(n, seed=seed).double(), seed=seed)
    for value in (found.ratio, found.low, found.median, found.jacobian):
        assert value == pytest.approx(scale, rel=1e-9)


def test_curved_generators_have_their_mean_square_derivative() -> None:
    """An elementwise function: the derivative is known at each latent and no probe varies it."""
    z = latents().double()
    found = latent_sensitivity(torch.sin, z)
    assert found.jacobian == pytest.approx(float(z.cos().square().mean().sqrt()), rel=1e-12)


@pytest.mark.parametrize("training", [False, True])
def test_a_generator_that_ignores_its_latents_has_none(training: bool) -> None:
    """Noise and dropout of its own do not count as listening; in training mode nor does a batch."""
    found = latent_sensitivity(Noisy(weight=0), latents(), training=training)
    assert (found.ratio, found.median, found.distance, found.jacobian) == (0, 0, 0, 0)
    constant = latent_sensitivity(lambda z: torch.ones(len(z), 3), latents())
    assert (constant.ratio, constant.jacobian, constant.reason) == (0, 0, "")


def test_a_conditional_generator_that_hears_its_label_alone_is_found_out() -> None:
    """As a function of the latents with labels fixed: diverse samples, none of it from the latents."""
    labels = torch.arange(10).repeat(20)
    embedding = nn.Embedding(10, 5)
    deaf = latent_sensitivity(lambda z: embedding(labels[:1]).expand(len(z), 5) + 1e-3 * z[:, :5], latents())
    assert deaf.ratio < 0.01
    assert deaf.jacobian == pytest.approx(1e-3 * (5 / 6) ** 0.5, rel=1e-4)


def test_the_distance_is_relative_to_that_of_real_pairs() -> None:
    """About 1 for the real law, the share of the spread for a narrow one, whatever the order of the real samples."""
    real = latents(2000, seed=5).sort(dim=0).values
    assert latent_sensitivity(lambda z: z, latents(2000), real=real).relative == pytest.approx(1, rel=0.05)
    assert latent_sensitivity(lambda z: 0.1 * z, latents(2000), real=real).relative == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("training", [False, True])
def test_no_trace_is_left_in_the_generator_or_the_random_states(training: bool) -> None:
    """Modes of each part, buffers as objects and values, gradients, and the states of torch, numpy and Python."""
    torch.manual_seed(1)
    generator = Noisy()
    generator.first.weight.grad = torch.ones_like(generator.first.weight)
    before = copy.deepcopy(generator.state_dict())
    buffers, modes = dict(generator.named_buffers()), [part.training for part in generator.modules()]
    pending = generator(latents()).sum()
    generator.calls = buffers["calls"]
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    first = latent_sensitivity(generator, latents(), training=training)
    assert modes == [part.training for part in generator.modules()]
    assert all(generator.get_buffer(name) is buffer for name, buffer in buffers.items())
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    assert torch.equal(generator.first.weight.grad, torch.ones_like(generator.first.weight))
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002
    assert states[2] == random.getstate()
    pending.backward()
    assert latent_sensitivity(generator, latents(), training=training) == first


def test_the_generator_is_put_back_after_an_error() -> None:
    """Whatever goes wrong inside."""

    class Failing(nn.Module):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            raise KeyError(len(z))

    generator = Failing().train()
    with pytest.raises(KeyError, match="100"):
        latent_sensitivity(generator, latents())
    assert generator.training


def test_training_mode_normalises_by_the_batch() -> None:
    """And evaluation mode by what training has gathered, nothing yet."""
    generator = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, affine=False))
    with torch.no_grad():
        generator[0].weight.mul_(100)
    evaluated = latent_sensitivity(generator, latents())
    trained = latent_sensitivity(generator, latents(129), training=True)
    assert trained.distance == pytest.approx(2 / np.pi**0.5, rel=0.1)
    assert evaluated.distance > 10 * trained.distance


@pytest.mark.parametrize(
    "generator", [torch.round, lambda z: (z > 0).float(), lambda z: z.detach() * 2, torch.no_grad()(lambda z: z * 2)]
)
def test_no_derivative_is_invented(generator: object) -> None:
    """Where samples follow latents without one, the reason stands in its place."""
    found = latent_sensitivity(generator, latents())
    assert found.ratio > 0
    assert found.jacobian is None
    assert "no derivative" in found.reason


def test_an_operation_that_fails_backwards_is_the_reason() -> None:
    """The ratio is there all the same."""

    class OneWay(torch.autograd.Function):
        @staticmethod
        def forward(_: object, z: torch.Tensor) -> torch.Tensor:
            return z.clone()

    found = latent_sensitivity(OneWay.apply, latents())
    assert found.ratio == 1
    assert found.jacobian is None
    assert found.reason.startswith("no derivative with respect to the latents: ")


def test_it_works_where_gradients_are_off() -> None:
    """Under no_grad and in inference mode, with the same result."""
    expected = latent_sensitivity(torch.tanh, latents())
    with torch.no_grad():
        assert latent_sensitivity(torch.tanh, latents()) == expected
    with torch.inference_mode():
        assert latent_sensitivity(torch.tanh, latents()) == expected


def test_unusable_input_is_named() -> None:
    """One sentence each."""
    z, nan = latents(4), torch.full((4, 6), torch.nan)
    for message, generator, given_latents, real in (
        (r"latents must have shape \(N, ...\) with at least 2 rows, found \(1, 6\)", torch.sin, z[:1], None),
        ("latents must differ, found 4 that equal the next", torch.sin, torch.ones(4, 6), None),
        ("latents must be finite, found 4 of 4 rows", torch.sin, nan, None),
        ("generated samples must be finite, found 4 of 4", lambda z: z / 0 * 0, z, None),
        ("the generator must return a sample for each of 4 latents, found dict", lambda _: {}, z, None),
        (r"for each of 4 latents, found shape \(1, 6\)", lambda z: z[:1], z, None),
        (r"must have the same shape, found \(3,\) and \(6,\)", torch.sin, z, z[:, :3]),
        ("real samples must differ, found 4 equal ones", torch.sin, z, torch.ones(4, 6)),
    ):
        with pytest.raises(ValueError, match=message):
            latent_sensitivity(generator, given_latents, real=real)
    with pytest.raises(TypeError, match=r"real must be a tensor of floating numbers, found torch\.uint8"):
        latent_sensitivity(torch.sin, z, real=z.to(torch.uint8))
