"""A D that answers with several values for each sample: patches, two classes, many classes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, nll_loss

import gandiag
from gandiag.probes.batches import margins, pulls
from gandiag.rundir.run import Run


def pulled(loss, outputs, label):
    """Outputs (B, n) of D, and the gradient by them of a loss on one label."""
    outputs = outputs.detach().requires_grad_()
    loss(outputs, torch.full((len(outputs),), label)).backward()
    return outputs.detach(), outputs.grad


def one_hot(outputs, labels):
    """Binary cross-entropy of both probabilities."""
    return binary_cross_entropy(outputs, torch.eye(2)[labels])


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize(("loss", "last"), [(cross_entropy, None), (nll_loss, "log_softmax"), (one_hot, "softmax")])
def test_two_classes_are_one_judgement(loss, last, label):
    """The margin, or the second probability, and the gradient that the loss has as a function of that alone."""
    logits = torch.randn(32, 2, generator=torch.Generator().manual_seed(0))
    outputs, gradient = pulled(loss, getattr(logits, last)(dim=1) if last else logits, label)
    judged, pull = margins(outputs, gradient)
    gap = logits[:, 1] - logits[:, 0]
    p = gap.sigmoid()
    torch.testing.assert_close(judged, p if last == "softmax" else gap)
    torch.testing.assert_close(pull, (-1 / p if label else 1 / (1 - p)) / 32 if last == "softmax" else (p - label) / 32)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_judgement_beside_another_value_is_no_classifier(label):
    """D returns (B, 2), of which one column is a code that G's loss uses, and D's does not."""
    outputs = torch.randn(32, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    binary_cross_entropy_with_logits(outputs[:, 0], torch.full((32,), label)).backward()
    judged, pull = margins(outputs.detach(), outputs.grad)
    torch.testing.assert_close(judged, outputs.detach().mean(dim=1))
    torch.testing.assert_close(pull, outputs.grad[:, 0])


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
