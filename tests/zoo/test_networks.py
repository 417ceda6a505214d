"""Small networks: their shapes, and what their special layers compute."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gandiag.zoo.networks.analytic import LinearDiscriminator, PointGenerator, ShiftGenerator
from gandiag.zoo.networks.mlp import (
    Categories,
    Maxout,
    MaxoutDiscriminator,
    MinibatchStd,
    MlpDiscriminator,
    MlpGenerator,
)


@pytest.mark.parametrize("shape", [(2,), (1, 8, 8)])
@pytest.mark.parametrize("discriminator", [MlpDiscriminator(16), MlpDiscriminator(16, 1, True, True),
                                           MaxoutDiscriminator(8)], ids=repr)  # fmt: skip
def test_networks_fit_each_other(shape: tuple[int, ...], discriminator) -> None:
    samples = MlpGenerator(16)(3, shape)(torch.randn(5, 3))
    assert samples.shape == (5, *shape)
    assert discriminator(shape)(samples).shape == (5, 1)


def test_images_lie_between_minus_one_and_one_and_points_anywhere() -> None:
    latents = 100 * torch.randn(64, 3)
    plan = MlpGenerator(32, batch_norm=False)
    assert plan(3, (1, 4, 4))(latents).abs().max() <= 1
    assert plan(3, (2,))(latents).abs().max() > 1


def test_spectral_norm_makes_the_largest_singular_value_of_each_layer_one() -> None:
    torch.manual_seed(0)
    network = MlpDiscriminator(32, 2, spectral_norm=True)((4,))
    for _ in range(200):  # one power iteration each
        network(torch.randn(8, 4))
    for layer in (m for m in network if isinstance(m, nn.Linear)):
        assert torch.linalg.svdvals(layer.weight.detach())[0].item() == pytest.approx(1, abs=1e-3)


def test_a_spectrally_normalised_discriminator_is_one_lipschitz() -> None:
    torch.manual_seed(0)
    network = MlpDiscriminator(32, 2, spectral_norm=True)((4,))
    for _ in range(200):
        network(torch.randn(8, 4))
    x, y = torch.randn(2, 500, 4).unbind()
    with torch.no_grad():
        slopes = (network(x) - network(y)).abs().flatten() / (x - y).norm(dim=1)
    assert slopes.max() <= 1.001


def test_minibatch_std_is_the_mean_standard_deviation_of_the_batch() -> None:
    features = torch.randn(6, 3)
    joined = MinibatchStd()(features)
    assert torch.equal(joined[:, :3], features)
    assert torch.allclose(joined[:, 3], features.std(dim=0, unbiased=False).mean().expand(6), atol=1e-5)
    assert MinibatchStd()(torch.randn(6, 3, 5, 5)).shape == (6, 4, 5, 5)


def test_minibatch_std_shows_almost_nothing_for_samples_that_are_all_alike() -> None:
    """And its gradient is finite there, where that of a plain root is not."""
    alike = torch.ones(6, 3, requires_grad=True)
    shown = MinibatchStd()(alike)[:, 3]
    assert shown.max().item() < 1e-3
    (gradient,) = torch.autograd.grad(shown.sum(), alike)
    assert torch.isfinite(gradient).all()


def test_a_maxout_unit_is_the_largest_of_its_pieces() -> None:
    layer = Maxout(3, 2, pieces=4)
    inputs = torch.randn(5, 3)
    pieces = layer.linear(inputs)
    expected = torch.stack([pieces[:, :4].amax(dim=1), pieces[:, 4:].amax(dim=1)], dim=1)
    assert torch.equal(layer(inputs), expected)


def test_categories_are_shares_that_sum_to_one_and_numbers_stay() -> None:
    columns = torch.randn(4, 7)
    made = Categories((3, 2))(columns)
    assert torch.equal(made[:, :2], columns[:, :2])
    assert torch.allclose(made[:, 2:5].sum(dim=1), torch.ones(4))
    assert torch.allclose(made[:, 5:].sum(dim=1), torch.ones(4))
    assert (made[:, 2:] > 0).all()


def test_all_samples_of_a_point_lie_at_theta() -> None:
    generator = PointGenerator(0.7)(1, (1,))
    assert torch.equal(generator(torch.randn(3, 1)), torch.full((3, 1), 0.7))
    torch.manual_seed(0)
    starts = [float(PointGenerator(1.0, jitter=0.1)(1, (1,)).theta.detach()) for _ in range(50)]
    assert 0.9 <= min(starts) < max(starts) <= 1.1
    assert len(set(starts)) > 1


def test_a_shift_adds_a_mean_of_given_length() -> None:
    generator = ShiftGenerator(2.0)(4, (4,))
    latents = torch.randn(5, 4)
    moved = (generator(latents) - latents).detach()
    assert torch.allclose(moved.norm(dim=1), torch.full((5,), 2.0), atol=1e-5)


def test_the_linear_discriminator_has_no_bias() -> None:
    judge = LinearDiscriminator(-1.0)((2,))
    assert torch.equal(judge(torch.tensor([[2.0, 3.0], [0.0, 0.0]])), torch.tensor([[-5.0], [0.0]]))
