"""Penalties on discriminators whose input gradients are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gandiag.zoo.penalties import R1, R2, Dragan, GradientPenalty, Penalty, WeightPenalty, input_gradients

LABELS = torch.zeros(6, dtype=torch.int64)
WEIGHT = torch.tensor([[3.0, 4.0]])  # norm 5


class Quadratic(nn.Module):
    """f(x) = a |x|^2 / 2, whose gradient is a x."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a))

    def forward(self, x: Tensor) -> Tensor:
        return self.a * x.square().sum(dim=1, keepdim=True) / 2


@pytest.fixture
def linear() -> nn.Linear:
    layer = nn.Linear(2, 1)
    layer.weight = nn.Parameter(WEIGHT.clone())
    return layer


@pytest.fixture
def batches() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(6, 2), torch.randn(6, 2) + 3


def test_input_gradients_are_per_sample_and_differentiable(points, batches) -> None:
    game = points.judging(Quadratic(2.0))
    found = input_gradients(game, batches[0], LABELS)
    assert torch.allclose(found, 2 * batches[0])
    (slope,) = torch.autograd.grad(found.sum(), game.discriminator.parameters())
    assert slope.item() == pytest.approx(float(batches[0].sum()), rel=1e-5)


@pytest.mark.parametrize(
    ("penalty", "value", "slope"),
    [
        (GradientPenalty(10.0), 10 * (5 - 1) ** 2, 10 * 2 * (5 - 1) / 5),
        (GradientPenalty(2.0, target=0.0), 2 * 25, 2 * 2),
        (Dragan(10.0), 10 * (5 - 1) ** 2, 10 * 2 * (5 - 1) / 5),
        (R1(0.3), 0.3 / 2 * 25, 0.3),
        (R2(0.3), 0.3 / 2 * 25, 0.3),
        (WeightPenalty(0.1), 0.1 / 2 * 25, 0.1),
    ],
    ids=lambda value: type(value).__name__ if callable(value) else None,
)
def test_a_linear_discriminator_has_the_closed_form_and_its_gradient(
    points, batches, linear, penalty: Penalty, value: float, slope: float
) -> None:
    """f = <w, x> has the gradient w everywhere; the penalty's own gradient is a multiple of w, none for the bias."""
    found = penalty(points.judging(linear), *batches, LABELS)
    of_weight, of_bias = torch.autograd.grad(
        found, (linear.weight, linear.bias), allow_unused=True, materialize_grads=True
    )
    assert found.item() == pytest.approx(value, rel=1e-5)
    assert torch.allclose(of_weight, slope * WEIGHT, rtol=1e-5)
    assert of_bias.item() == 0


def test_r1_looks_at_real_samples_and_r2_at_generated_ones(points, batches) -> None:
    """A directional test: f = a |x|^2 / 2 has another gradient at each sample."""
    real, fake = batches
    game = points.judging(Quadratic(1.0))
    expected = [0.5 * samples.square().sum(dim=1).mean().item() for samples in (real, fake)]
    found = [penalty(game, real, fake, LABELS).item() for penalty in (R1(1.0), R2(1.0))]
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_gradient_penalty_looks_between_real_and_generated_samples(points) -> None:
    """Real samples at 0, generated ones at 1, f = x^2 / 2: norms are uniform on [0, 1], E (u - 1)^2 = 1 / 3."""
    real, fake = torch.zeros(20_000, 1), torch.ones(20_000, 1)
    torch.manual_seed(0)
    found = GradientPenalty(1.0)(points.judging(Quadratic(1.0)), real, fake, torch.zeros(20_000, dtype=torch.int64))
    assert found.item() == pytest.approx(1 / 3, abs=0.01)


def test_dragan_looks_around_real_samples_at_half_their_spread(points) -> None:
    """Of real samples at -1 and 1, f = x^2 / 2: E (|x + u / 2| - 1)^2 with u uniform on [0, 1] is 1 / 12."""
    real = torch.tensor([[-1.0], [1.0]]).repeat(10_000, 1)
    torch.manual_seed(0)
    game = points.judging(Quadratic(1.0))
    found = Dragan(1.0)(game, real, real + 100, torch.zeros(20_000, dtype=torch.int64))
    assert found.item() == pytest.approx(1 / 12, abs=0.003)
    single = Dragan(1.0)(game, torch.full((1, 1), 3.0), torch.zeros(1, 1), LABELS[:1])
    assert single.item() == pytest.approx((3 - 1) ** 2)  # one sample has no spread


def test_penalties_leave_the_generator_alone(points, linear) -> None:
    """They are D's: no gradient flows back into generated samples."""
    real, fake = torch.randn(6, 2), torch.randn(6, 2, requires_grad=True)
    for penalty in (GradientPenalty(), Dragan(), R1(), R2()):
        found = penalty(points.judging(linear), real, fake, LABELS)
        assert torch.autograd.grad(found, fake, allow_unused=True)[0] is None


def test_a_penalty_is_added_to_the_loss_of_d_only(points) -> None:
    """On Dirac-GAN R1 adds gamma / 2 * psi^2 = 0.5 to D's loss, and nothing to G's."""
    plain, regularised = points.game(), points.game(penalties=(R1(1.0),))
    more = regularised.discriminator_loss() - plain.discriminator_loss()
    assert more.item() == pytest.approx(0.5)
    assert regularised.generator_loss().item() == plain.generator_loss().item()
