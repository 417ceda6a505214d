"""Kinds of GAN change the losses as their papers say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import cross_entropy, mse_loss, softplus

from gandiag.zoo.games.vae_gan import divergence
from gandiag.zoo.inputs import Pack
from gandiag.zoo.recipes.architectures import ACGAN, CONDITIONAL, MODE_SEEKING, STACKED, VAE_GAN
from gandiag.zoo.training import train


def start(recipe, **changes):
    """A fresh game in small batches, with D's penalties left out."""
    torch.manual_seed(0)
    return recipe.game(replace(recipe, batch=16, penalties=(), **changes))


def repeated(function):
    """The function's value, as it is with a fixed seed."""
    torch.manual_seed(1)
    return function()


def test_packs_have_no_single_label():
    """A conditional D cannot judge several samples under one label: said in a sentence."""
    game = start(CONDITIONAL, inputs=(Pack(2),))
    with pytest.raises(ValueError, match="needs a label per input: 8 for 16"):
        game.discriminator_loss()


def test_acgan_adds_the_classes_likelihood_to_both_losses():
    """L_S + L_C of Odena et al. 2017: D minimises both terms on real and generated samples, G on generated ones."""
    game = start(ACGAN)
    game.generator.eval()

    def by_hand():
        real, labels = game.data.batch(16)
        fake = game.generator(game.latents(16), labels)
        (on_real, class_real), (on_fake, class_fake) = game.discriminator(real), game.discriminator(fake)
        of_real, of_fake = cross_entropy(class_real, labels), cross_entropy(class_fake, labels)
        return (
            softplus(-on_real).mean() + softplus(on_fake).mean() + of_real + of_fake,
            softplus(-on_fake).mean() + of_fake,
        )

    of_d, of_g = repeated(by_hand)
    assert torch.allclose(repeated(game.discriminator_loss), of_d)
    assert torch.allclose(repeated(game.generator_loss), of_g)


def test_the_divergence_from_the_prior_is_in_closed_form():
    """Against torch.distributions; zero for codes that are distributed as the prior."""
    torch.manual_seed(0)
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(dim=1)
    assert torch.allclose(divergence(mean, log_variance), expected, atol=1e-6)
    assert not divergence(torch.zeros(1, 4), torch.zeros(1, 4)).any()


def test_the_encoder_learns_with_an_optimizer_of_its_own():
    """After G's update the encoder moves, and neither G nor D gets a gradient from it."""
    game = start(VAE_GAN)
    before = [w.detach().clone() for w in game.encoder.parameters()]
    game.moved_generator()
    assert all(not torch.equal(old, new) for old, new in zip(before, game.encoder.parameters(), strict=True))
    assert all(w.grad is None for w in (*game.generator.parameters(), *game.discriminator.parameters()))


def test_codes_follow_mean_and_variance():
    """The reparameterised draws of one sample have the encoder's moments."""
    game = start(VAE_GAN)
    real = game.data.samples[:1].expand(20_000, -1, -1, -1)
    codes, mean, log_variance = game.encode(real)
    assert torch.allclose(codes.mean(dim=0), mean[0], atol=0.05)
    assert torch.allclose(codes.var(dim=0), log_variance[0].exp(), rtol=0.1)


def test_reconstruction_is_measured_in_ds_features():
    """G's loss moves with `weight` by the distance of D's features, and reaches G but not the encoder."""
    game = start(VAE_GAN)
    game.generator.eval()
    with_it = repeated(game.generator_loss)
    game.weight = 0.0
    without = repeated(game.generator_loss)
    assert with_it > without
    with_it.backward()
    assert all(w.grad is not None for w in game.generator.parameters())
    assert all(w.grad is None for w in game.encoder.parameters())


@pytest.mark.slow
def test_a_decoded_code_is_like_its_sample():
    """After a short training, reconstructions are nearer to their samples in D's features than other samples of G."""
    game = train(replace(VAE_GAN, steps=300))
    real, labels = game.data.batch(500)
    with torch.no_grad():
        samples = (real, game.generator(game.encode(real)[0]), game.fake(labels))
        wanted, reconstructed, other = (game.discriminator(batch)[1] for batch in samples)
    assert mse_loss(reconstructed, wanted) < 0.7 * mse_loss(other, wanted)


def test_stacked_levels_have_a_discriminator_each_and_the_encoder_stays():
    """Dictionaries of both levels for gandiag; the encoder knows the digits and is never trained again."""
    game = start(STACKED)
    generators, discriminators = game.watched()
    assert set(generators) == set(discriminators) == {"image", "features"}
    features = game.encoder.features(game.data.samples)
    assert features.shape == (len(game.data.samples), 32)
    assert (game.encoder.classify(features).argmax(dim=1) == game.data.labels).float().mean() > 0.97
    (game.discriminator_loss() + game.generator_loss()).backward()
    assert all(w.grad is None for w in game.encoder.parameters())
    assert all(w.grad.any() for level in generators.values() for w in level.parameters() if w.ndim > 1)
    assert all(w.grad.any() for level in discriminators.values() for w in level.parameters() if w.ndim > 1)


def test_the_conditional_loss_is_zero_where_the_encoder_finds_the_features():
    """For the image that the features came from, and above zero for another one (Huang et al. 2017, section 3.3)."""
    game = start(STACKED)
    images = game.data.samples[:8]
    features = game.encoder.features(images)
    assert game.conditional_loss(features, images) == 0
    assert game.conditional_loss(features, images.flip(0)) > 0.01


def test_a_stack_samples_from_class_to_image():
    """The lower generator gets what the upper one makes of latents and labels."""
    game = start(STACKED)
    given = []
    game.generator.image.register_forward_pre_hook(lambda _module, arguments: given.append(arguments[0]))
    made = []
    game.generator.features.register_forward_hook(lambda _module, _given, output: made.append(output))
    assert game.fake(torch.arange(10)).shape == (10, 1, 8, 8)
    assert torch.equal(given[0][:, :32], made[0])


def test_mode_seeking_charges_the_inverse_of_the_sensitivity():
    """Mao et al. 2019, equation 4: by hand, on the two halves of the batch that G drew."""
    game = start(MODE_SEEKING)
    drawn = {}
    game.generator.register_forward_hook(lambda _module, given, output: drawn.update(given=given, output=output))
    with_it = repeated(game.generator_loss)
    (latents, labels), samples = drawn["given"], drawn["output"]
    assert torch.equal(labels[:16], labels[16:])
    ratio = (samples[:16] - samples[16:]).abs().mean() / (latents[:16] - latents[16:]).abs().mean()
    game.weight = 0.0
    game.generator.train()
    assert torch.allclose(with_it - repeated(game.generator_loss), 1 / (ratio + 1e-5), rtol=1e-4)


def test_a_generator_that_ignores_its_latent_is_charged_most():
    """The term is 1e5, its largest value, where G(z1) = G(z2)."""
    game = start(MODE_SEEKING)
    first = game.generator.network[0]
    with torch.no_grad():
        first.weight[:, : game.recipe.latent] = 0
    assert game.generator_loss() > 9e4
