"""ACGAN: D is not told the class, it has to tell it (Odena et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn.functional import cross_entropy

from gandiag.zoo.games.conditional import Conditional

if TYPE_CHECKING:
    from torch import Tensor


class AuxiliaryClassifier(Conditional):
    """D(x) returns a judgement and class logits; both players want the class to be recognised, also G's."""

    def judge(self, samples: Tensor, labels: Tensor) -> Tensor:
        judgement: Tensor = self.discriminator(self.seen(samples))[0]
        return judgement

    def discriminator_loss(self, *, detach: bool = True) -> Tensor:
        real, labels = self.data.batch(self.recipe.batch)
        fake = self.fake(labels)
        if detach:
            fake = fake.detach()
        on_real, class_of_real = self.discriminator(self.seen(real))
        on_fake, class_of_fake = self.discriminator(self.seen(fake))
        loss = self.loss.discriminator(on_real, on_fake)
        for penalty in self.penalties:
            loss = loss + penalty(self, real, fake, labels)
        return loss + cross_entropy(class_of_real, labels) + cross_entropy(class_of_fake, labels)

    def generator_loss(self) -> Tensor:
        real, labels = self.data.batch(self.recipe.batch)
        on_fake, class_of_fake = self.discriminator(self.seen(self.fake(labels)))
        on_real = self.judge(real, labels) if self.loss.relativistic else on_fake
        return self.loss.generator(on_real, on_fake) + cross_entropy(class_of_fake, labels)
