"""Loss families of closed form, in both conventions."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.families import infer_family

F = np.random.default_rng(0).normal(0, 1.5, size=(8, 32))
LOGISTIC = 1 / (1 + np.exp(-F))
OF_G = {
    "minimax": -LOGISTIC,
    "non-saturating": LOGISTIC - 1,
    "lsgan": F - 1,
    "hinge": -np.ones_like(F),
    "wgan": -np.ones_like(F),
}
OF_D = {"hinge": np.where(F < 1, -1.0, 0.0), "wgan": -np.ones_like(F)}


def _evidence(family, sign):
    """As a loop with this family records it; a mirrored one has -f for f, and 1 - f where outputs have targets."""
    outputs = F if sign > 0 else (1 - F if family == "lsgan" else -F)
    evidence = {
        "generated/outputs": outputs,
        "generated/gradients": sign * OF_G[family] / 32,
        "penalised": np.array(0.0),
    }
    if family in OF_D:
        evidence |= {"real/outputs": sign * F, "real/gradients": sign * OF_D[family] / 32}
    return evidence


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("family", OF_G)
def test_a_family_is_told_in_both_conventions(family, sign):
    """From exact gradients."""
    assert infer_family(_evidence(family, sign), sign) == (family, False)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_probabilities_are_told_in_both_conventions(sign):
    """D ends in a sigmoid: of low for real, G's loss is -log(1 - p)."""
    p = LOGISTIC if sign > 0 else 1 - LOGISTIC
    evidence = {"generated/outputs": p, "generated/gradients": sign * -1 / LOGISTIC / 32, "penalised": np.array(0.0)}
    assert infer_family(evidence, sign) == ("non-saturating", True)


@pytest.mark.parametrize("apart", [0.0, 1.0, 6.0])
@pytest.mark.parametrize("spread", [0.02, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("average", [False, True])
def test_a_relativistic_loss_is_taken_for_no_other(average, spread, apart):
    """Its gradient by D's outputs on generated samples resembles others, the more so the surer D is."""
    real, fake = (
        np.random.default_rng(k).normal(m, spread, size=(8, 64)) for k, m in ((0, apart / 2), (1, -apart / 2))
    )
    beyond = fake - (real.mean(axis=1, keepdims=True) if average else real)
    gradients = 1 / (1 + np.exp(-beyond)) - 1
    evidence = {"generated/outputs": fake, "generated/gradients": gradients / 64, "both": np.array(1.0)}
    assert infer_family(evidence)[0] in ("relativistic", "non-saturating")
    assert infer_family(evidence | {"both": np.array(0.0)})[0] in ("other", "non-saturating")


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(
    ("gradients", "told"),
    [
        (LOGISTIC - 0.9, ("non-saturating", False)),
        (F - 0.9, ("lsgan", False)),
        (F, ("lsgan", False)),
        (F + 1, ("lsgan", False)),
    ],
    ids=["smoothed", "least squares to 0.9", "to 0", "to -1"],
)
def test_smoothed_labels_leave_a_loss_what_it_is(gradients, told, sign):
    """Of G's loss: a label of 0.9, and least squares with other targets."""
    outputs = F if sign > 0 else (1 - F if told[0] == "lsgan" else -F)
    assert infer_family({"generated/outputs": outputs, "generated/gradients": sign * gradients}, sign) == told


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_smoothed_labels_of_probabilities(sign):
    """Binary cross-entropy against 0.9 after a sigmoid."""
    gradients = -0.9 / LOGISTIC + 0.1 / (1 - LOGISTIC)
    p = LOGISTIC if sign > 0 else 1 - LOGISTIC
    evidence = {"generated/outputs": p, "generated/gradients": sign * gradients}
    assert infer_family(evidence, sign) == ("non-saturating", True)


def test_a_relativistic_hinge_is_no_critic():
    """Its gradient is the same everywhere until the margin; beyond it, seen from generated samples, reals are left."""
    fake, real = F - 3, F - 1
    constant = -np.ones_like(F) / 32
    beyond = np.where(real - fake.mean() < 1, constant, 0.0)
    evidence = {"generated/outputs": fake, "generated/gradients": constant, "real/outputs": real, "both": np.array(1.0)}
    assert infer_family(evidence | {"real/gradients": beyond}) == ("relativistic", False)
    assert infer_family(evidence | {"real/gradients": constant}) == ("wgan", False), "G's loss as the paper writes it"


def test_half_precision_leaves_a_loss_what_it_is():
    """As autocast to bfloat16 records it: eight bits of each gradient."""
    import torch

    for family in ("minimax", "non-saturating", "lsgan"):
        rounded = torch.from_numpy(OF_G[family]).to(torch.bfloat16).double().numpy()
        evidence = {"generated/outputs": F, "generated/gradients": rounded, "penalised": np.array(0.0)}
        assert infer_family(evidence) == (family, False)


def test_a_penalty_makes_a_critic_wgan_gp():
    """With reals that are all pulled."""
    assert infer_family(_evidence("wgan", -1.0) | {"penalised": np.array(1.0)}, -1.0) == ("wgan-gp", False)


def test_a_penalty_that_pulls_to_0_does_not():
    """R1 beside a Wasserstein loss; where that does not show, WGAN-GP is likelier."""
    evidence = _evidence("wgan", 1.0) | {"penalised": np.array(1.0)}
    for to_zero, family in (([1.0, np.nan, 1.0], "wgan"), ([0.0, 0.0, 1.0], "wgan-gp"), ([np.nan], "wgan-gp")):
        assert infer_family(evidence | {"to_zero": np.array(to_zero)}) == (family, False)


def test_older_batches_among_the_reals_do_not_count():
    """D's loss pulls them as G's: a hinge's margin is looked for on reals alone."""
    evidence = _evidence("hinge", 1.0)
    old = np.where(F > -1, 1.0, 0.0) / 32
    evidence["real/outputs"] = np.concatenate([evidence["real/outputs"], F])
    evidence["real/gradients"] = np.concatenate([evidence["real/gradients"], old])
    assert infer_family(evidence) == ("hinge", False)
