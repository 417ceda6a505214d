"""Networks that know of classes, or that return more than a judgement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from gandiag.zoo.networks.mlp import MlpDiscriminator, MlpGenerator

if TYPE_CHECKING:
    from gandiag.zoo.networks.plans import DiscriminatorPlan, GeneratorPlan, Shape


@dataclass(frozen=True)
class ConditionalGenerator:
    """Any generator, with the label as a one-hot part of its latent (Mirza & Osindero 2014)."""

    plan: GeneratorPlan = field(default_factory=MlpGenerator)
    classes: int = 10

    def __call__(self, latent: int, shape: Shape) -> nn.Module:
        return Labelled(self.plan(latent + self.classes, shape), self.classes)


@dataclass(frozen=True)
class ConditionalDiscriminator:
    """Any discriminator, with the label as one-hot features or channels beside the sample (Mirza & Osindero 2014)."""

    plan: DiscriminatorPlan = field(default_factory=MlpDiscriminator)
    classes: int = 10

    def __call__(self, shape: Shape) -> nn.Module:
        return Labelled(self.plan((shape[0] + self.classes, *shape[1:])), self.classes)


class Labelled(nn.Module):
    """A network whose input (B, C, ...) becomes (B, C + classes, ...): the label's channel is 1, the others 0."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network, self.classes = network, classes

    def forward(self, inputs: Tensor, labels: Tensor) -> Tensor:
        hot = one_hot(labels, self.classes).to(inputs.dtype)
        planes = hot.reshape(*hot.shape, *[1] * (inputs.ndim - 2)).expand(-1, -1, *inputs.shape[2:])
        outputs: Tensor = self.network(torch.cat([inputs, planes], dim=1))
        return outputs


@dataclass(frozen=True)
class ProjectionDiscriminator:
    """f(x) = linear(phi(x)) + <embedding of the label, phi(x)> (Miyato & Koyama 2018)."""

    width: int = 128
    depth: int = 2
    classes: int = 10

    def __call__(self, shape: Shape) -> nn.Module:
        return Projection(*parts(shape, self.width, self.depth), nn.Embedding(self.classes, self.width))


class Projection(nn.Module):
    """A judgement of its own for each class, from the same features."""

    def __init__(self, body: nn.Module, head: nn.Module, embedding: nn.Module) -> None:
        super().__init__()
        self.body, self.head, self.embedding = body, head, embedding

    def forward(self, samples: Tensor, labels: Tensor) -> Tensor:
        features = self.body(samples)
        outputs: Tensor = self.head(features) + (self.embedding(labels) * features).sum(dim=1, keepdim=True)
        return outputs


@dataclass(frozen=True)
class ClassifyingDiscriminator:
    """A discriminator that also tells the class: (judgement (B, 1), class logits (B, classes)) (Odena et al. 2017)."""

    width: int = 128
    depth: int = 2
    classes: int = 10

    def __call__(self, shape: Shape) -> nn.Module:
        return TwoOutputs(*parts(shape, self.width, self.depth), nn.Linear(self.width, self.classes))


@dataclass(frozen=True)
class FeatureDiscriminator:
    """A discriminator that shows its last features: (judgement (B, 1), features (B, width)) (Larsen et al. 2016)."""

    width: int = 128
    depth: int = 2

    def __call__(self, shape: Shape) -> nn.Module:
        return TwoOutputs(*parts(shape, self.width, self.depth), nn.Identity())


class TwoOutputs(nn.Module):
    """A body with two heads; the first one's output is the judgement."""

    def __init__(self, body: nn.Module, head: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.body, self.head, self.second = body, head, second

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(samples)
        return self.head(features), self.second(features)


def parts(shape: Shape, width: int, depth: int) -> tuple[nn.Module, nn.Module]:
    """A fully connected discriminator's hidden layers, which end in (B, width), and its last layer."""
    *hidden, last = MlpDiscriminator(width, depth)(shape).children()
    return nn.Sequential(*hidden), last
