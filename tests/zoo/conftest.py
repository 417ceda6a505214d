"""Recipes with one parameter a player, for tests that compute by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from gandiag.zoo.data import Data, dirac
from gandiag.zoo.networks.analytic import LinearDiscriminator, PointGenerator
from gandiag.zoo.optimizers import Sgd
from gandiag.zoo.recipe import Recipe

if TYPE_CHECKING:
    from gandiag.zoo.game import Game


class Points:
    """Makes small recipes and games."""

    @staticmethod
    def recipe(**parts: Any) -> Recipe:
        """Dirac-GAN at (theta, psi) = (1, -1) with learning rates of 0.2; `parts` replace its parts."""
        defaults: dict[str, Any] = {
            "name": "dirac",
            "says": "one parameter each",
            "data": dirac,
            "generator": PointGenerator(),
            "discriminator": LinearDiscriminator(),
            "latent": 1,
            "batch": 4,
            "generator_optimizer": Sgd(0.2),
            "discriminator_optimizer": Sgd(0.2),
            "steps": 5,
        }
        return Recipe(**{**defaults, **parts})

    @classmethod
    def game(cls, **parts: Any) -> Game:
        """The same, ready to move."""
        torch.manual_seed(0)
        recipe = cls.recipe(**parts)
        return recipe.game(recipe)

    @classmethod
    def judging(cls, network: nn.Module, **parts: Any) -> Game:
        """A game whose discriminator is this network."""
        return cls.game(discriminator=lambda _shape: network, **parts)

    @staticmethod
    def where(game: Game) -> tuple[float, float]:
        """(theta, psi)."""
        (theta,), (psi,) = game.generator.parameters(), game.discriminator.parameters()
        return theta.item(), psi.item()

    @staticmethod
    def table(name: str, samples: torch.Tensor) -> Data:
        """A data set without classes."""
        return Data(name, samples, torch.zeros(len(samples), dtype=torch.int64))


@pytest.fixture
def points() -> type[Points]:
    return Points
