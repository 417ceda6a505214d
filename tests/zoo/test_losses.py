"""Each loss against its closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gandiag.families import FAMILIES
from gandiag.zoo.losses import (
    HINGE,
    LEAST_SQUARES,
    LOSSES,
    MINIMAX,
    NON_SATURATING,
    RELATIVISTIC,
    RELATIVISTIC_AVERAGE,
    SMOOTHED,
    WASSERSTEIN,
    Function,
    Loss,
)

REAL = torch.tensor([[2.0], [-0.5], [0.3]], dtype=torch.float64)
FAKE = torch.tensor([[-3.0], [0.7], [5.0]], dtype=torch.float64)


def slopes(function: Function, real: Tensor = REAL, fake: Tensor = FAKE) -> tuple[Tensor, Tensor]:
    """Gradients of a loss with respect to D's outputs, times the batch size: what each sample feels."""
    real, fake = real.clone().requires_grad_(), fake.clone().requires_grad_()
    of = torch.autograd.grad(function(real, fake), (real, fake), allow_unused=True, materialize_grads=True)
    return of[0] * len(real), of[1] * len(fake)


def log_sigmoid(x: Tensor) -> Tensor:
    return torch.log(1 / (1 + torch.exp(-x)))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_a_loss_is_a_finite_scalar_also_for_extreme_logits(loss: Loss) -> None:
    far = torch.tensor([[-1e4], [1e4]])
    for function in (loss.discriminator, loss.generator):
        assert function(far, far.flip(0)).shape == ()
        assert torch.isfinite(function(far, far.flip(0)))
    assert loss.family in FAMILIES


def test_names_of_losses_are_distinct() -> None:
    assert len({loss.name for loss in LOSSES}) == len(LOSSES)


def test_logistic_discriminator_is_two_log_two_at_equilibrium_and_pulls_by_its_error() -> None:
    zero = torch.zeros(4, 1)
    assert MINIMAX.discriminator(zero, zero).item() == pytest.approx(2 * math.log(2))
    on_real, on_fake = slopes(MINIMAX.discriminator)
    assert torch.allclose(on_real, torch.sigmoid(REAL) - 1)
    assert torch.allclose(on_fake, torch.sigmoid(FAKE))


def test_minimax_generator_saturates_where_the_non_saturating_one_does_not() -> None:
    """Slopes are -sigmoid(f) and sigmoid(f) - 1: near 0 and near -1 where D is sure that a sample is generated."""
    assert torch.allclose(slopes(MINIMAX.generator)[1], -torch.sigmoid(FAKE))
    assert torch.allclose(slopes(NON_SATURATING.generator)[1], torch.sigmoid(FAKE) - 1)
    sure = torch.full((1, 1), -12.0, dtype=torch.float64)
    assert slopes(MINIMAX.generator, fake=sure)[1].item() == pytest.approx(0, abs=1e-5)
    assert slopes(NON_SATURATING.generator, fake=sure)[1].item() == pytest.approx(-1, abs=1e-5)


def test_minimax_is_a_zero_sum_game_up_to_what_generators_cannot_change() -> None:
    _, of_d = slopes(MINIMAX.discriminator)
    _, of_g = slopes(MINIMAX.generator)
    assert torch.allclose(of_d, -of_g)


def test_one_sided_smoothing_is_least_where_d_of_real_is_the_target() -> None:
    """At logit(0.9) real samples pull no more, beyond it they pull back; generated ones are judged as without it."""
    best = torch.full((3, 1), math.log(9.0), dtype=torch.float64)
    assert torch.allclose(slopes(SMOOTHED.discriminator, real=best)[0], torch.zeros(3, 1, dtype=torch.float64))
    assert (slopes(SMOOTHED.discriminator, real=best + 1)[0] > 0).all()
    assert (slopes(SMOOTHED.discriminator, real=best - 1)[0] < 0).all()
    assert torch.allclose(slopes(SMOOTHED.discriminator)[1], slopes(MINIMAX.discriminator)[1])


def test_wasserstein_slopes_are_constant() -> None:
    on_real, on_fake = slopes(WASSERSTEIN.discriminator)
    assert torch.equal(on_real, -torch.ones_like(REAL))
    assert torch.equal(on_fake, torch.ones_like(FAKE))
    assert torch.equal(slopes(WASSERSTEIN.generator)[1], -torch.ones_like(FAKE))
    assert WASSERSTEIN.discriminator(REAL, FAKE).item() == pytest.approx(float(FAKE.mean() - REAL.mean()))


def test_hinge_is_flat_beyond_the_margin_for_d_and_never_for_g() -> None:
    on_real, on_fake = slopes(HINGE.discriminator)
    assert on_real.flatten().tolist() == [0, -1, -1]  # 2 is beyond the margin of 1
    assert on_fake.flatten().tolist() == [0, 1, 1]  # -3 is beyond the margin of -1
    assert HINGE.discriminator(torch.zeros(2, 1), torch.zeros(2, 1)).item() == pytest.approx(2)
    assert torch.equal(slopes(HINGE.generator)[1], -torch.ones_like(FAKE))


def test_least_squares_pull_in_proportion_to_the_distance_from_the_label() -> None:
    on_real, on_fake = slopes(LEAST_SQUARES.discriminator)
    assert torch.allclose(on_real, REAL - 1)
    assert torch.allclose(on_fake, FAKE)
    assert torch.allclose(slopes(LEAST_SQUARES.generator)[1], FAKE - 1)
    half = torch.full((2, 1), 0.5)
    assert LEAST_SQUARES.discriminator(half, half).item() == pytest.approx(0.25)  # the optimum where G is perfect


@pytest.mark.parametrize("loss", [RELATIVISTIC, RELATIVISTIC_AVERAGE], ids=lambda loss: loss.name)
def test_relativistic_losses_swap_roles_and_ignore_a_common_shift(loss: Loss) -> None:
    assert loss.generator(REAL, FAKE).item() == pytest.approx(loss.discriminator(FAKE, REAL).item())
    assert loss.discriminator(REAL + 7, FAKE + 7).item() == pytest.approx(loss.discriminator(REAL, FAKE).item())
    assert loss.relativistic
    assert (slopes(loss.generator)[0] > 0).all()  # G's loss pushes real samples down, too


def test_relativistic_losses_by_hand() -> None:
    pairs = -log_sigmoid(REAL - FAKE).mean()
    average = -log_sigmoid(REAL - FAKE.mean()).mean() - torch.log(1 - torch.sigmoid(FAKE - REAL.mean())).mean()
    assert RELATIVISTIC.discriminator(REAL, FAKE).item() == pytest.approx(pairs.item())
    assert RELATIVISTIC_AVERAGE.discriminator(REAL, FAKE).item() == pytest.approx(average.item())
