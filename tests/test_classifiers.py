"""A D that answers with several values for each sample: patches, two classes, many classes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, nll_loss

import gandiag
from gandiag.probes.batches import margins, pulls
from gandiag.rundir.run import Run


def pulled(loss, outputs, label):
    """Outputs (B, n) of D, and the gradient by them of a loss on one label."""
    outputs = outputs.requires_grad_()
    loss(outputs, torch.full((len(outputs),), label)).backward()
    return outputs.detach(), outputs.grad


@pytest.mark.parametrize("loss", [cross_entropy, lambda out, label: nll_loss(out.log_softmax(1), label)])
@pytest.mark.parametrize("label", [0, 1])
def test_two_classes_are_one_judgement(loss, label):
    """The margin, and the gradient that a logistic loss of the margin has: two logits are a sigmoid of their gap."""
    outputs, gradient = pulled(loss, torch.randn(32, 2, generator=torch.Generator().manual_seed(0)), label)
    judged, pull = margins(outputs, gradient)
    gap = outputs[:, 1] - outputs[:, 0]
    torch.testing.assert_close(judged, gap)
    torch.testing.assert_close(pull, (gap.sigmoid() - label) / 32)


def test_two_heads_with_a_loss_each_are_patches():
    """Both are pulled the same way: their mean is the judgement."""
    outputs = torch.randn(32, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    binary_cross_entropy_with_logits(outputs, torch.ones_like(outputs)).backward()
    judged, pull = margins(outputs.detach(), outputs.grad)
    torch.testing.assert_close(judged, outputs.detach().mean(dim=1))
    torch.testing.assert_close(pull, outputs.grad.sum(dim=1))


@pytest.mark.parametrize("precision", [torch.float32, torch.float16])
def test_pulls_that_cancel_out_are_none(precision):
    """By the logits of many classes they add up to 0 but for rounding, whose sign tells nothing."""
    _, gradient = pulled(cross_entropy, torch.randn(64, 11, generator=torch.Generator().manual_seed(0)), 3)
    assert not pulls((1024 * gradient).to(precision)).any()


def test_many_patches_in_half_precision_do_not_overflow():
    """900 patches of 200 each."""
    assert pulls(torch.full((1, 1, 30, 30), 200.0, dtype=torch.float16)).tolist() == [180_000.0]


def test_a_held_out_look_at_two_values_asks_for_a_score(tmp_path):
    """Which of them is the judgement shows only in the training, at the pull of the losses."""
    torch.manual_seed(0)
    generator, discriminator = nn.Linear(4, 3), nn.Linear(3, 2)
    optimizers = [torch.optim.SGD(m.parameters(), lr=1e-2) for m in (discriminator, generator)]
    with gandiag.attach(generator, discriminator, run_dir=tmp_path / "run", held_out=torch.randn(50, 3), alerts=False):
        for _ in range(60):
            for optimizer, label in zip(optimizers, (0, 1), strict=True):
                optimizer.zero_grad()
                answers = discriminator(generator(torch.randn(16, 4))), discriminator(torch.randn(16, 3))
                sum(cross_entropy(a, torch.full((16,), k)) for a, k in zip(answers, (label, 1), strict=True)).backward()
                optimizer.step()
    run = Run.open(tmp_path / "run")
    assert run.series("d/held_out/auc").empty
    assert any("two values for each sample" in fault["message"] for fault in run.meta["faults"])
