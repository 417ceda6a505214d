"""The game of a GAN: two players, and what each of them minimises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

if TYPE_CHECKING:
    from gandiag.record.callback import Callback
    from gandiag.zoo.recipe import Recipe


class Game:
    """A generator, a discriminator, their data and their losses.

    A kind of GAN that is more than a choice of parts (a conditional one, one with an encoder) overrides what it
    changes, and its recipes name it as their `game`. How the players move is not said here: see `dynamics`.

    Attributes that events change in the middle of a training: `data`, `loss`, `penalties`, `dynamics`, `constraint`,
    and the optimizers.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.data = recipe.data()
        self.loss, self.penalties = recipe.loss, recipe.penalties
        self.dynamics = recipe.dynamics
        self.constraint = recipe.constraint
        self.callback: Callback | None = None  # gandiag's, where it watches
        self.progress = 0.0  # share of the training that is over
        self.generator, self.discriminator = self.networks()
        self.optimizer_g = recipe.generator_optimizer(self.generator.parameters())
        self.optimizer_d = recipe.discriminator_optimizer(self.discriminator.parameters())
        self.average = (
            AveragedModel(self.generator, multi_avg_fn=get_ema_multi_avg_fn(recipe.average), use_buffers=True)
            if recipe.average is not None
            else None
        )

    def networks(self) -> tuple[nn.Module, nn.Module]:
        """G and D, with fresh weights."""
        seen = self.data.shape
        for change in self.recipe.inputs:
            seen = change.shape(seen)
        return self.recipe.generator(self.recipe.latent, self.data.shape), self.recipe.discriminator(seen)

    def watched(self) -> tuple[Any, Any]:
        """What is given to `gandiag.attach`: the generator and the discriminator, or dictionaries of several."""
        return self.generator, self.discriminator

    def latents(self, n: int) -> Tensor:
        """(n, latent) numbers of a standard normal distribution."""
        return torch.randn(n, self.recipe.latent)

    def fake(self, labels: Tensor) -> Tensor:
        """Generated samples, as many as labels; what the labels are matters to conditional GANs only."""
        samples: Tensor = self.generator(self.latents(len(labels)))
        return samples

    def drawn(self, generator: nn.Module, n: int) -> Tensor:
        """n samples of a copy of the generator, as a user of the trained one would draw them."""
        samples: Tensor = generator(torch.randn(n, self.recipe.latent))
        return samples

    def judge(self, samples: Tensor, labels: Tensor) -> Tensor:
        """D's outputs on samples (B, ...)."""
        outputs: Tensor = self.discriminator(self.seen(samples))
        return outputs

    def seen(self, samples: Tensor) -> Tensor:
        """What D gets to see of samples: what the recipe's inputs make of them."""
        for change in self.recipe.inputs:
            samples = change(samples, self.progress)
        return samples

    def discriminator_loss(self, *, detach: bool = True) -> Tensor:
        """What D minimises, on a fresh batch; unless `detach` is off, no gradient reaches G."""
        real, labels = self.data.batch(self.recipe.batch)
        fake = self.fake(labels)
        if detach:
            fake = fake.detach()
        on_real, on_fake = self.judge(real, labels), self.judge(fake, labels)
        self.judged(on_real, on_fake)
        loss = self.loss.discriminator(on_real, on_fake)
        for penalty in self.penalties:
            loss = loss + penalty(self, real, fake, labels)
        return loss

    def judged(self, on_real: Tensor, on_fake: Tensor) -> None:
        """Called with D's outputs in its own step; tells gandiag, which cannot trace changed samples to G."""
        if self.callback is not None and self.changes_inputs:
            self.callback.observe(real=on_real, fake=on_fake)

    @property
    def changes_inputs(self) -> bool:
        """Whether D sees anything else than samples."""
        return bool(self.recipe.inputs)

    def generator_loss(self) -> Tensor:
        """What G minimises, on a fresh batch."""
        real, labels = self.data.batch(self.recipe.batch)
        on_fake = self.judge(self.fake(labels), labels)
        on_real = self.judge(real, labels) if self.loss.relativistic else on_fake
        return self.loss.generator(on_real, on_fake)

    def moved_discriminator(self) -> None:
        """Called after each update of D: keeps D where it is constrained to be."""
        if self.constraint is not None:
            self.constraint(self.discriminator)

    def moved_generator(self) -> None:
        """Called after each update of G: keeps the moving average of its weights."""
        if self.average is not None:
            self.average.update_parameters(self.generator)
