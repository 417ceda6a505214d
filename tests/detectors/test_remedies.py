"""The catalogue of remedies: complete, runnable, and true where a closed form says so."""

from __future__ import annotations

import copy
import math
import re

import numpy as np
import pytest

from gandiag.detectors import DETECTORS
from gandiag.detectors.remedies import REMEDIES, named
from gandiag.detectors.specification import remedies
from gandiag.families import FAMILIES
from gandiag.remedy import offered
from gandiag.signals import describe

EVERY = pytest.mark.parametrize("remedy", REMEDIES.values(), ids=lambda r: r.name)


def a_step(images):
    """The names in which the code of remedies is written, as they stand in the middle of a small training."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.manual_seed(0)
    shape = (2, 4, 4) if images else (6,)
    last = nn.Linear(64 if images else 16, 1)
    if images:
        body = [nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()]
    else:
        body = [nn.Linear(6, 16), nn.ReLU()]
    discriminator = nn.Sequential(*body, last)
    generator = nn.Sequential(nn.Linear(3, math.prod(shape)), nn.Unflatten(1, shape))
    real, z = torch.randn(8, *shape), torch.randn(8, 3)
    fake = generator(z)
    names = {
        "torch": torch, "F": functional, "copy": copy, "G": generator, "D": discriminator, "z": z, "real": real,
        "fake": fake, "d_real": discriminator(real), "d_fake": discriminator(fake.detach()), "step": 3,
        "features": discriminator[:-1](fake), "labels": torch.arange(8) % 4, "classes": 4, "head": last,
        "layer": nn.Linear(4, 4), "memory": [], "before": None, "width": 8, "distance": 9.0, "best": 10.0, "kept": None,
        "average": copy.deepcopy(generator), "E": nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), 3)),
        "slope": torch.rand(8), "slopes": torch.rand(8, 6, requires_grad=True), "train_step": lambda: None,
    }  # fmt: skip

    def loss_of(network):
        return functional.softplus(-network(real)).mean() + functional.softplus(network(fake.detach())).mean()

    names["loss_of"] = loss_of
    names["loss_D"], names["loss_G"] = loss_of(discriminator), functional.softplus(-discriminator(fake)).mean()
    for name, network in (("G", generator), ("D", discriminator)):
        names[f"opt_{name}"] = torch.optim.Adam(network.parameters(), lr=1e-3)
        for parameter in network.parameters():
            parameter.grad = torch.ones_like(parameter)
    networks = {name: names[name].state_dict() for name in ("G", "D", "opt_G", "opt_D")}
    return {**names, "checkpoint": copy.deepcopy(networks)}


def packed(names):
    """The same with a D for two samples at once, which packing asks for."""
    from torch import nn

    names["D"] = nn.Sequential(nn.Flatten(), nn.LazyLinear(1))
    return names


@EVERY
@pytest.mark.parametrize("images", [False, True], ids=["points", "images"])
def test_the_code_runs_as_it_is_pasted(remedy, images):
    """At most three lines, no wider than a page, that leave finite losses which can be differentiated."""
    import torch

    lines = remedy.code.splitlines()
    assert 1 <= len(lines) <= 3
    assert max(map(len, lines)) <= 110
    if remedy.name == "augmentation" and not images:
        pytest.skip("its code is for images")
    names = a_step(images)
    names = packed(names) if remedy.name == "packing" else names
    exec(remedy.code, names)  # noqa: S102 - our own catalogue
    if remedy.name == "augmentation":
        names["loss_G"] = names["D"](names["augment"](names["fake"])).mean()
    for loss, network in (("loss_D", "D"), ("loss_G", "G")):
        if loss in remedy.code:
            assert torch.isfinite(names[loss])
            if "step()" not in remedy.code:
                assert names[loss].dim() == 0
                names[loss].backward(retain_graph=True)
                assert any(p.grad is not None and p.grad.any() for p in names[network].parameters())


@EVERY
def test_each_says_what_it_costs_and_what_to_expect(remedy):
    """No empty field; a clause for the change; a signal of the table to watch and a time; families that exist."""
    assert REMEDIES[remedy.name] is remedy
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", remedy.name)
    assert not remedy.change.endswith(".")
    assert remedy.change[0].islower()
    assert remedy.why.endswith((".", "?"))
    assert remedy.evidence.endswith(".")
    assert remedy.cost
    assert remedy.cost_level in range(4)
    assert set(remedy.families) | set(remedy.not_for) <= {*FAMILIES, "unknown"}
    watched = re.findall(r"nonfinite|[a-z]+(?:/[\w<>]+)+", remedy.expect)
    assert watched
    assert all(describe(name).meaning != "logged by the loop" for name in watched)


def test_recipes_exist_in_the_zoo():
    """What `gandiag zoo train` is told to train."""
    from gandiag.zoo.recipes import RECIPES

    assert {r.recipe for r in REMEDIES.values() if r.recipe} <= {recipe.name for recipe in RECIPES}


def test_evidence_without_a_source_is_not_called_verified():
    """Verified is a closed form, arithmetic, or a named repository, table or README; our own choices never are."""
    for remedy in REMEDIES.values():
        if remedy.verified:
            assert re.search(r"Closed form|Arithmetic|table|README|configurations|code|ganhacks", remedy.evidence)
        if remedy.evidence.startswith("Our choice"):
            assert not remedy.verified


def test_every_remedy_has_another_name():
    """Packages of the catalogue do not overwrite each other."""
    from gandiag.detectors.remedies import balance, discriminator, gradients, loop, losses, stability, updates, variety

    parts = (loop.LOOP, losses.LOSSES, balance.BALANCE, discriminator.DISCRIMINATOR, variety.VARIETY)
    assert sum(map(len, (*parts, stability.STABILITY, gradients.GRADIENTS, updates.UPDATES))) == len(REMEDIES)


def test_names_that_are_no_remedy_are_refused():
    """By the name that was found; the best first as a specification has them."""
    with pytest.raises(ValueError, match=r"no remedy 'pray'.*known are non-saturating-loss"):
        named(["packing", "pray"])

    class Told:
        """Something.

        Try:
            - packing
            - roll-back
        References:
            None.
        """

    assert [r.name for r in remedies(Told)] == ["packing", "roll-back"]
    Told.__doc__ = "Something.\n\nTry:\n    - use another loss, and wait\n"
    with pytest.raises(ValueError, match="no remedy 'use another loss, and wait'"):
        remedies(Told)


@pytest.mark.parametrize("logit", [-11.5, -2.0, 0.7])
def test_the_saturation_factor_is_as_told(logit):
    """Automatic derivatives of both losses at a logit: their ratio is p / (1 - p)."""
    import torch
    from torch.nn.functional import softplus

    x = torch.tensor(logit, dtype=torch.float64, requires_grad=True)
    (minimax,) = torch.autograd.grad(-softplus(x), x)
    (practical,) = torch.autograd.grad(softplus(-x), x)
    p = 1 / (1 + math.exp(-logit))
    assert float(minimax / practical) == pytest.approx(p / (1 - p))


def test_the_float32_sigmoid_is_one_from_logits_of_17_on():
    """Where log(1 - sigmoid(x)) becomes infinite, and softplus does not."""
    sigmoid = lambda x: np.float32(1) / (np.float32(1) + np.exp(np.float32(-x)))  # noqa: E731
    assert sigmoid(17.0) == 1.0 > sigmoid(16.0)
    assert np.isfinite(np.logaddexp(0, np.float32(17)))


def eigenvalues(*rows):
    return np.linalg.eigvals(np.array(rows))


@pytest.mark.parametrize("weight", [0.3, 1.0, 2.0])
def test_dampings_move_the_eigenvalues_of_dirac_gan_as_told(weight):
    """Linearised at the equilibrium: R1, instance noise and consensus optimisation."""
    r1 = eigenvalues([0, -0.5], [0.5, -weight])
    root = np.emath.sqrt(weight**2 / 4 - 0.25)
    assert np.allclose(np.sort_complex(r1), np.sort_complex([-weight / 2 + root, -weight / 2 - root]))
    noise = eigenvalues([0, -0.5], [0.5, -(weight**2) / 2])
    assert noise.real.mean() == pytest.approx(-(weight**2) / 4)
    game = np.array([[0, -0.5], [0.5, 0]])
    consensus = np.linalg.eigvals(game - weight * game.T @ game)
    assert np.allclose(np.sort_complex(consensus), [-weight / 4 - 0.5j, -weight / 4 + 0.5j])


def test_extragradient_shrinks_by_the_factor_told():
    """One step on the bilinear game, beside a plain one, which stretches."""
    rate, step = 0.5, 0.2
    game, start = np.array([[0, -rate], [rate, 0]]), np.array([1.0, 1.0])
    after = start + step * game @ (start + step * game @ start)
    h = rate * step
    assert np.linalg.norm(after) / np.linalg.norm(start) == pytest.approx(math.sqrt(1 - h**2 + h**4))
    assert np.linalg.norm(start + step * game @ start) > np.linalg.norm(start)


def test_label_smoothing_has_its_best_logit_where_told():
    """The logit at which the smoothed loss on a real sample alone is least."""
    logits = np.linspace(-5, 10, 15_001)
    loss = 0.9 * np.logaddexp(0, -logits) + 0.1 * np.logaddexp(0, logits)
    assert logits[loss.argmin()] == pytest.approx(math.log(9), abs=1e-3)


def test_what_shifts_the_balance_is_offered_last():
    """However cheap it is: it hides a mistake in the loop, and mends none."""
    order = [r.name for r in offered(named(["train-d-less", "r1-penalty", "instance-noise"]), "non-saturating")]
    assert order == ["instance-noise", "r1-penalty", "train-d-less"]
    for detector in DETECTORS:
        for family in (*FAMILIES, "unknown"):
            if family not in detector.not_for:
                assert not offered(remedies(detector), family)[0].balance, (detector.code, family)
