"""Convolutional, attentive, growing and labelled networks do what their papers say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate

from gandiag.zoo.networks.attention import SaganDiscriminator, SaganGenerator, SelfAttention
from gandiag.zoo.networks.convolutional import DcganDiscriminator, DcganGenerator
from gandiag.zoo.networks.growing import GrowingDiscriminator, GrowingGenerator
from gandiag.zoo.networks.labelled import ConditionalDiscriminator, ConditionalGenerator, ProjectionDiscriminator
from gandiag.zoo.recipes.architectures import PROGRESSIVE, SAGAN


def weighted(network: nn.Module) -> list[nn.Module]:
    """The layers that hold weights, without normalisation."""
    layers = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    return [layer for layer in network.modules() if isinstance(layer, layers)]


@pytest.mark.parametrize(("shape", "stages"), [((1, 8, 8), 2), ((1, 28, 28), 3), ((3, 28, 28), 3)])
def test_a_dcgan_has_strides_instead_of_pooling_and_no_linear_layer(shape, stages):
    """Radford et al. 2016, the guidelines: strides, batch norm, ReLU in G, LeakyReLU in D, tanh at the end."""
    torch.manual_seed(0)
    G, D = DcganGenerator(8)(16, shape), DcganDiscriminator(8)(shape)
    images = G(torch.randn(5, 16))
    assert images.shape == (5, *shape)
    assert images.abs().max() <= 1
    assert D(images).shape == (5, 1)
    assert [type(layer) for layer in weighted(G)] == [nn.ConvTranspose2d] * stages
    assert [type(layer) for layer in weighted(D)] == [nn.Conv2d] * stages
    assert all(layer.stride == (2, 2) for layer in (*weighted(G)[1:], *weighted(D)[:-1]))
    kinds = {type(layer) for network in (G, D) for layer in network.modules()}
    assert not kinds & {nn.MaxPool2d, nn.AvgPool2d, nn.Upsample}
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in G.modules()) == stages - 1
    assert isinstance(D[1], nn.LeakyReLU), "no normalisation after D's first layer"
    assert torch.cat([layer.weight.detach().flatten() for layer in weighted(D)]).std() == pytest.approx(0.02, rel=0.2)


@pytest.mark.parametrize("shape", [(7,), (1, 7, 7), (1, 8, 6), (1, 4, 4)])
@pytest.mark.parametrize(
    "plan", [DcganGenerator(), SaganGenerator(), GrowingGenerator()], ids=lambda p: type(p).__name__
)
def test_an_impossible_side_is_refused(plan, shape):
    """The message says which shapes will do."""
    with pytest.raises(ValueError, match="square images whose side is even and above 4"):
        plan(16, shape)


def test_attention_starts_as_identity_and_its_rows_are_weights():
    """Zhang et al. 2019, equations 1 to 3: gamma is 0 at first; each position's weights sum to 1."""
    torch.manual_seed(0)
    block, features = SelfAttention(16), torch.randn(3, 16, 4, 4)
    assert torch.equal(block(features), features)
    attention = block.attention(features)
    assert attention.shape == (3, 16, 16)
    assert torch.allclose(attention.sum(dim=2), torch.ones(3, 16))
    assert (attention >= 0).all()


def test_attention_is_a_weighted_sum_over_positions():
    """Against a loop over positions; and with gamma off zero, every position depends on every other one."""
    torch.manual_seed(0)
    block = SelfAttention(8).eval()  # eval: spectral norm's estimate stays as it is
    nn.init.constant_(block.gamma, 0.5)
    features = torch.randn(1, 8, 3, 3, requires_grad=True)
    f, g, h = (layer(features)[0].flatten(1) for layer in (block.key, block.query, block.value))
    sums = [sum(w * h[:, i] for i, w in enumerate((g[:, j] @ f).softmax(dim=0))) for j in range(9)]
    expected = features + 0.5 * block.output(torch.stack(sums, dim=1).reshape(1, -1, 3, 3))
    assert torch.allclose(block(features), expected, atol=1e-5)
    (reach,) = torch.autograd.grad(block(features)[0, :, 0, 0].sum(), features)
    assert (reach.abs().sum(dim=1) > 0).all()


def test_sagan_normalises_both_players():
    """After some passes the largest singular value of every layer is 1, and no momentum, as in the paper."""
    G, D = SaganGenerator(8)(16, (1, 8, 8)), SaganDiscriminator(8)((1, 8, 8))
    with torch.no_grad():
        for _ in range(60):
            D(G(torch.randn(4, 16)))
    for network in (G, D):
        assert any(isinstance(module, SelfAttention) for module in network.modules())
        for layer in weighted(network):
            # torch normalises a transposed convolution by its second dimension, which holds the outputs
            matrix = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight
            assert torch.linalg.matrix_norm(matrix.detach().flatten(1), 2) == pytest.approx(1, rel=0.05)
    assert SAGAN.generator_optimizer.betas == SAGAN.discriminator_optimizer.betas == (0.0, 0.9)


def test_the_label_is_one_hot_beside_the_input():
    """Mirza & Osindero 2014: same z, other label, other sample; D's output depends on the label, too."""
    torch.manual_seed(0)
    G, D = ConditionalGenerator(classes=3)(4, (1, 8, 8)).eval(), ConditionalDiscriminator(classes=3)((1, 8, 8))
    seen = []
    D.network.register_forward_pre_hook(lambda _module, arguments: seen.append(arguments[0]))
    latents, labels = torch.randn(1, 4).expand(3, 4), torch.arange(3)
    samples = G(latents, labels)
    assert samples.shape == (3, 1, 8, 8)
    assert not torch.allclose(samples[0], samples[1])
    assert torch.equal(G(latents[:1], labels[:1]), G(latents[:1], labels[:1]))
    outputs = D(samples[:1].expand(3, -1, -1, -1), labels)
    assert outputs.unique().numel() == 3
    assert torch.equal(seen[0][:, 0], samples[:1, 0].expand(3, -1, -1))
    assert torch.equal(seen[0][:, 1:], torch.eye(3)[:, :, None, None].expand(-1, -1, 8, 8))


def test_projection_adds_the_product_of_embedding_and_features():
    """Miyato & Koyama 2018, equation 4: the difference between two labels' outputs is linear in the features."""
    torch.manual_seed(0)
    D, samples = ProjectionDiscriminator(width=16, classes=3)((2,)), torch.randn(5, 2)
    one, two = (D(samples, torch.full((5,), label)) for label in (0, 2))
    difference = D.embedding.weight[0] - D.embedding.weight[2]
    assert torch.allclose(one - two, D.body(samples) @ difference[:, None], atol=1e-5)


@pytest.fixture
def grown():
    """A growing pair, images and latents."""
    torch.manual_seed(0)
    G, D = GrowingGenerator(4)(8, (1, 8, 8)), GrowingDiscriminator(4)((1, 8, 8))
    return G, D, torch.randn(6, 8), torch.rand(6, 1, 8, 8)


def test_before_growing_g_shows_small_images_enlarged(grown):
    """At alpha 0, exactly: each 2x2 block is one pixel of the old layer's 4x4 image."""
    G, _, latents, _ = grown
    old = G.low_image(G.low(latents))
    assert old.shape == (6, 1, 4, 4)
    assert torch.equal(G(latents), interpolate(old, scale_factor=2))


def test_fully_grown_only_the_new_layer_is_shown(grown):
    """At alpha 1, exactly; the old layer takes no part any more."""
    G, _, latents, _ = grown
    G.fade(1.0)
    assert torch.equal(G(latents), G.high_image(G.high(G.low(latents))))
    G(latents).sum().backward()
    assert all(weight.grad is None for weight in G.low_image.parameters())


def test_half_way_the_images_are_blended(grown):
    """(1 - alpha) old + alpha new (Karras et al. 2018, figure 2)."""
    G, _, latents, _ = grown
    G.fade(0.0)
    old = G(latents)
    G.fade(1.0)
    new = G(latents)
    G.fade(0.25)
    assert torch.allclose(G(latents), 0.75 * old + 0.25 * new, atol=1e-6)


def test_before_growing_d_sees_small_images(grown):
    """At alpha 0 D's outputs do not change when images are reduced and enlarged; at alpha 1 they do."""
    _, D, _, images = grown
    reduced = interpolate(avg_pool2d(images, 2), scale_factor=2)
    assert torch.allclose(D(images), D(reduced), atol=1e-5)
    D.fade(1.0)
    assert not torch.allclose(D(images), D(reduced), atol=1e-4)


@pytest.mark.parametrize(("progress", "alpha"), [(0.0, 0), (0.4, 0), (0.5, 0.5), (0.6, 1), (0.99, 1)])
def test_the_game_fades_the_new_layers_in(progress, alpha):
    """Small images, a fade, full size; both networks are at the same stage."""
    game = PROGRESSIVE.game(replace(PROGRESSIVE, batch=8))
    game.progress = progress
    game.discriminator_loss()
    assert float(game.generator.alpha) == pytest.approx(alpha)
    assert float(game.discriminator.alpha) == pytest.approx(alpha)
