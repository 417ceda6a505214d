"""Ground truth that no detector sees: what thousands of samples of G show at a fixed cadence."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from gandiag.modes.mixtures import Mixture
from gandiag.nets.frozen import forked_rng, frozen_copy
from gandiag.zoo.game import Game

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gandiag.zoo.data import Data

    Floats = NDArray[np.float64]

SAMPLES = 10_000
JUDGED = 1_920  # of them are shown to D; a multiple of all sizes of packs
NEARER = 0.01  # of held-out samples are as near to a training sample as what is called a copy
REFERENCE = 2_000  # real images to which generated ones are compared
EVALUATIONS = 25  # in a training
FEW = 2_000  # tell as much of ten modes: 20 are a tenth of the share of each
LOST = 0.1  # a mode with less than this part of its prior is lost; 10,000 samples tell 0.1 from 0.2 for any of 25 modes


@dataclass
class Referee:
    """Measures a game's generator every so many steps; a copy of it, by `samples`, under random numbers of its own.

    `table` then has a row per evaluated step with the columns

    lost : share of modes with less than a tenth of their prior's samples, each sample given to its nearest mode
    effective : exp(entropy) of the modes' histogram over that of the prior
    near : share of samples that plainly belong to some mode: closer to it than a quarter of the way to the next one;
        for images, closer to a real one than 1.5 times what is usual between real ones
    within : median over modes of the spread within a mode, over the same of real data
    finite : share of samples that are finite numbers
    top : the mode with most samples
    confidence : mean probability, sigmoid of D's output, that D gives to generated samples
    auc : P(D(real) > D(fake)) over all pairs of 1,920 samples of each kind: 0.5 chance, 1 perfect
    distance : of both players from the equilibrium, for data without modes
    copied : with `copies`, the share of samples nearer to a training sample than all but 1 % of held-out ones are

    What is left out for a generator or data is NaN.
    """

    steps: int
    samples: int = SAMPLES
    copies: bool = False
    rows: list[dict[str, float]] = field(default_factory=list)

    def __call__(self, game: Game, step: int) -> None:
        """After each step: measure if it is due."""
        if step % max(1, self.steps // EVALUATIONS) == 0 or step == self.steps:
            self.rows.append({"step": step, **measure(game, self.samples, copies=self.copies)})

    @property
    def table(self) -> pd.DataFrame:
        """What was measured, indexed by step."""
        return pd.DataFrame(self.rows).set_index("step")


def measure(game: Game, samples: int = SAMPLES, *, copies: bool = False) -> dict[str, float]:
    """One evaluation by so many samples, with `copied` if asked; nothing of the game changes."""
    generator = frozen_copy(game.generator, training=True)  # batch statistics, as in the training
    with forked_rng(torch.device("cpu"), seed=SAMPLES), torch.no_grad():
        generated = game.drawn(generator, samples)
        seen = {**separation(game, generated[:JUDGED])}
    values = generated.double().numpy()
    finite = np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    seen["finite"] = float(finite.mean())
    if copies:
        seen["copied"] = copied(generated, game.recipe.data())
    if game.recipe.data().truth is None:
        weights = np.concatenate([w.detach().flatten().numpy() for w in _players(game)])
        return {**seen, "distance": float(np.linalg.norm(weights))}
    return {**seen, **coverage(values[finite], game.recipe.data())} if finite.any() else seen


def separation(game: Game, generated: torch.Tensor) -> dict[str, float]:
    """`confidence` and `auc` of `Referee`; nothing where D takes more than a sample or returns more than a number."""
    if type(game).judge is not Game.judge:
        return {}
    discriminator = frozen_copy(game.discriminator, training=False)
    data, inputs = game.recipe.data(), game.recipe.inputs  # the data as they were before anything was done to them
    real, _ = data.batch(len(generated))
    for change in inputs:
        real, generated = change(real, game.progress), change(generated, game.progress)
    on_real, on_fake = discriminator(real).flatten().double(), discriminator(generated).flatten().double()
    if not (torch.isfinite(on_real).all() and torch.isfinite(on_fake).all()):
        return {}
    below = torch.searchsorted(on_fake.sort().values, on_real)
    upto = torch.searchsorted(on_fake.sort().values, on_real, right=True)
    auc = (below + upto).double().mean() / 2 / len(on_fake)
    return {"confidence": float(torch.sigmoid(on_fake).mean()), "auc": float(auc)}


def copied(generated: torch.Tensor, data: Data) -> float:
    """`copied` of `Referee`, for samples (n, ...) and data that have held-out samples; NaN where none is finite."""
    if data.held_out is None:
        raise ValueError(f"{data.name}: copies cannot be told without held-out samples")
    learned = data.samples[:REFERENCE].flatten(1)
    usual = torch.cdist(data.held_out.flatten(1), learned).amin(dim=1)
    flat = generated[:REFERENCE].flatten(1)
    flat = flat[torch.isfinite(flat).all(dim=1)]
    if not len(flat):
        return float("nan")
    nearest = torch.cdist(flat, learned).amin(dim=1)
    return float((nearest < usual.quantile(NEARER)).double().mean())


def coverage(samples: NDArray[np.float64], data: Data) -> dict[str, float]:
    """`lost`, `effective`, `near` and `within` of `Referee`, for finite samples (n, ...) and data that have modes."""
    truth = data.known_truth
    prior = np.asarray(truth.prior)
    labels, near = _assigned(samples, data)
    counts = np.bincount(labels[labels >= 0], minlength=len(prior))  # a classifier leaves what it does not recognise
    shares = counts / max(counts.sum(), 1)
    rows = np.random.default_rng(0).permutation(len(data.samples))[:SAMPLES]
    real, real_labels = data.samples[rows].double().numpy(), data.labels[rows].numpy()
    ratios = [
        _spread(samples[labels == mode]) / _spread(real[real_labels == mode])
        for mode in range(len(prior))
        if counts[mode] >= 2
    ]
    return {
        "lost": float((shares < LOST * prior).mean()),
        "effective": _effective(shares) / _effective(prior),
        "near": float(near.mean()),
        "within": float(np.median(ratios)) if ratios else float("nan"),
        "top": float(counts.argmax()),
    }


def _assigned(samples: Floats, data: Data) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The nearest mode of each sample, and whether it plainly belongs there."""
    truth = data.known_truth
    if isinstance(truth, Mixture):
        _, labels = truth.distance(samples)
        offsets = np.linalg.norm(truth.centres[:, None] - truth.centres, axis=2)
        np.fill_diagonal(offsets, np.inf)
        quarter = offsets.min(axis=1) / 4
        return labels, np.linalg.norm(samples - truth.centres[labels], axis=1) < quarter[labels]
    some = torch.from_numpy(samples[:1000]).flatten(1)
    nearest = torch.cdist(some, data.samples[:REFERENCE].flatten(1).double()).amin(dim=1)
    return truth.label(samples), (nearest < 1.5 * _usual_distance(data)).numpy()


@cache
def _usual_distance(data: Data) -> float:
    """Median distance of a real sample to the nearest other one."""
    real = data.samples[:REFERENCE].flatten(1).double()
    distances = torch.cdist(real, real).fill_diagonal_(np.inf)
    return float(distances.amin(dim=1).median())


def _spread(samples: Floats) -> float:
    """Root of the total variance."""
    return float(np.sqrt(samples.reshape(len(samples), -1).var(axis=0).sum()))


def _effective(shares: Floats) -> float:
    positive = shares[shares > 0]
    return float(np.exp(-(positive * np.log(positive)).sum()))


def _players(game: Game) -> list[torch.nn.Parameter]:
    """What is 0 at the equilibrium of a game without modes."""
    return [*game.generator.parameters(), *game.discriminator.parameters()]
