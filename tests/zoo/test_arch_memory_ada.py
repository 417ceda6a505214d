"""A discriminator that remembers, and augmentation that adapts to how much D overfits."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gandiag.zoo.data import digits
from gandiag.zoo.games.adaptive_augmentation import augment, contrast, hole, shift
from gandiag.zoo.networks.memory import MemoryDiscriminator
from gandiag.zoo.recipes.architectures import ADA, MEMORY


@pytest.fixture
def memory():
    """A memory of 4 real and 4 generated keys for points in the plane."""
    torch.manual_seed(0)
    return MemoryDiscriminator(width=16, slots=8, size=4)((2,))


def test_the_logit_compares_the_weights_of_real_and_generated_keys(memory):
    """A loop over the keys: log of the sum of exp(sharpness * cosine) over either kind."""
    points = torch.randn(3, 2)
    for query, logit in zip(memory.query(points), memory(points), strict=True):
        weights = [[torch.exp(10 * torch.dot(query, key)) for key in kind] for kind in memory.keys]
        assert torch.allclose(logit, torch.log(sum(weights[1]) / sum(weights[0])), atol=1e-5)


def test_what_is_remembered_as_real_is_judged_more_real(memory):
    """Writing samples to one half of the memory moves D's output on them, without a step of an optimizer."""
    points = torch.randn(2, 2)
    before = memory(points)
    weights = [w.detach().clone() for w in memory.parameters()]
    memory.remember(points, real=True)
    remembered = memory(points)
    assert (remembered > before).all()
    memory.remember(points, real=False)
    memory.remember(points, real=False)
    assert (memory(points) < remembered).all()
    assert all(torch.equal(old, new) for old, new in zip(weights, memory.parameters(), strict=True))


def test_keys_keep_length_one_and_the_oldest_is_replaced(memory):
    """A surprising sample takes the oldest slot of its kind; a familiar one only moves its key."""
    point = torch.randn(1, 2)
    memory.ages[1] = torch.tensor([3, 9, 1, 0])
    query = memory.query(point).detach()
    memory.keys[0, 0] = query  # its nearest key is one of generated samples
    memory.remember(point, real=True)
    assert torch.allclose(memory.keys[1, 1], query[0])
    assert memory.ages[1].tolist() == [4, 0, 2, 1]
    memory.keys[0, 0] = -query
    others = memory.keys[1, [0, 2, 3]].clone()
    memory.remember(point, real=True)
    assert torch.allclose(memory.keys[1, [0, 2, 3]], others, atol=1e-6)
    assert torch.allclose(memory.keys.norm(dim=2), torch.ones(2, 4))


def test_a_batch_larger_than_the_memory_fits(memory):
    """As many surprising samples as there are slots are kept."""
    memory.keys[1] = -memory.keys[0]
    memory.remember(torch.randn(100, 2), real=True)
    assert memory.keys.isfinite().all()


def test_g_draws_from_real_keys():
    """A latent ends with one of the real keys of D's memory, and memory is written after each step of D."""
    torch.manual_seed(0)
    game = MEMORY.game(replace(MEMORY, batch=8))
    keys = game.discriminator.keys.clone()
    recalled = game.latents(5)[:, MEMORY.latent :]
    assert all(any(torch.equal(one, key) for key in keys[1]) for one in recalled)
    game.dynamics(game)
    assert not torch.equal(game.discriminator.keys[0], keys[0])
    assert not torch.equal(game.discriminator.keys[1], keys[1])


def test_probability_zero_changes_nothing_and_one_changes_all():
    """Bit by bit at 0; at 1 every image differs."""
    torch.manual_seed(0)
    images = digits().samples[:100]
    assert torch.equal(augment(images, 0.0), images)
    assert (augment(images, 1.0) != images).flatten(1).any(dim=1).all()


def test_as_many_images_are_changed_as_the_probability_says():
    """Half of the images of one change at p = 0.5, where the change is always visible."""
    torch.manual_seed(0)
    images = torch.full((4000, 1, 8, 8), 0.5)
    untouched = (augment(images, 0.3) == images).flatten(1).all(dim=1).float().mean()
    nowhere = 1 / 9  # of the shifts go by (0, 0)
    assert untouched == pytest.approx((0.7 + 0.3 * nowhere) * 0.7 * 0.7, abs=0.03)


def test_each_change_is_what_it_says():
    """A shift moves by up to one pixel, contrast keeps the background, a hole is two by two."""
    torch.manual_seed(0)
    image = -torch.ones(50, 1, 8, 8)
    image[:, :, 3, 4] = 1
    places = shift(image).flatten(1).argmax(dim=1)
    assert set(places.tolist()) == {8 * (3 + dy) + 4 + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)}
    paler = contrast(image)
    assert torch.equal(paler == -1, image == -1)
    assert (paler[:, 0, 3, 4] >= 0).all()
    assert ((hole(torch.ones(50, 1, 8, 8)) == -1).flatten(1).sum(dim=1) == 4).all()


def test_gradients_reach_the_images():
    """All changes are differentiable, so G learns through them."""
    torch.manual_seed(0)
    images = digits().samples[:20].clone().requires_grad_()
    augment(images, 1.0).square().sum().backward()
    assert images.grad.flatten(1).any(dim=1).all()


@pytest.mark.parametrize(("positive", "rises"), [(1.0, True), (0.85, True), (0.75, False), (0.0, False)])
def test_p_follows_the_share_of_real_images_that_d_is_sure_of(positive, rises):
    """r = 2 share - 1 against 0.6; p never leaves [0, 1]."""
    game = ADA.game(ADA)
    game.p = 0.5
    outputs = torch.where(torch.arange(100) < 100 * positive, 1.0, -1.0)[:, None]
    game.adapt(outputs)
    assert game.p == pytest.approx(0.5 + (1 if rises else -1) * 100 / game.span)
    for _ in range(2000):
        game.adapt(outputs)
    assert game.p == (1.0 if rises else 0.0)


def test_everything_that_d_sees_is_augmented():
    """Real and generated images, in D's step and in G's."""
    torch.manual_seed(0)
    game = ADA.game(replace(ADA, batch=32))
    given = []
    game.discriminator.register_forward_pre_hook(lambda _module, arguments: given.append(arguments[0]))
    game.p = 1.0
    game.discriminator_loss()
    game.generator_loss()
    known = {image.numpy().tobytes() for image in game.data.samples}
    assert len(given) == 3
    assert not any(image.numpy().tobytes() in known for image in given[0])
    assert all((batch == -1).flatten(1).any(dim=1).all() for batch in given), "each has a hole"
