"""Classifiers of one's own: torch modules, tensors, and a confusion matrix measured on real samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from gandiag.modes import Classifier, ModeTracker, class_histogram, count_labels, measure_confusion, predicted_prior


def network() -> nn.Module:
    """A convolutional classifier of 3 classes with dropout and normalisation."""
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(144, 3)
    return nn.Sequential(*layers)


def test_modules_take_arrays_and_tensors_of_any_floating_type() -> None:
    """The largest logit counts; nothing keeps a gradient and nothing of the module changes."""
    module = network().eval()
    samples = torch.randn(3000, 1, 8, 8)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with torch.no_grad():
        wanted = module(samples).argmax(dim=1).numpy()
    labeller = Classifier(module, prior=np.ones(3))
    for same in (samples, samples.numpy(), samples.double().numpy(), samples.clone().requires_grad_()):
        assert np.array_equal(labeller.label(same), wanted)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())
    samples[5] = torch.nan
    assert labeller.label(samples)[5] == -1


def test_modules_see_few_samples_at_a_time() -> None:
    """So that an evaluation of many images fits into memory."""

    class Recording(nn.Module):
        sizes: tuple[int, ...] = ()

        def forward(self, samples: torch.Tensor) -> torch.Tensor:
            self.sizes += (len(samples),)
            return samples

    module = Recording().eval()
    assert Classifier(module, prior=np.ones(2)).label(torch.eye(2).repeat(1500, 1)).sum() == 1500
    assert module.sizes == (1024, 1024, 952)


def test_modules_in_training_mode_are_refused() -> None:
    """Dropout would make the labels random, and the batches would move the module's statistics."""
    with pytest.raises(ValueError, match=r"predict of custom must be in evaluation mode, .* call \.eval"):
        Classifier(network(), prior=np.ones(3)).label(np.zeros((2, 1, 8, 8)))


def test_functions_take_arrays_and_may_return_tensors() -> None:
    """Also when the samples are a tensor with a gradient."""

    def predict(samples: np.ndarray) -> torch.Tensor:
        assert isinstance(samples, np.ndarray)
        return torch.from_numpy(samples).requires_grad_()

    scores = torch.tensor([[0.1, 0.9], [0.8, 0.2]], requires_grad=True)
    labeller = Classifier(predict, prior=np.ones(2))
    assert labeller.label(scores).tolist() == labeller.label(scores.detach().numpy()).tolist() == [1, 0]


def test_prior_is_seen_through_the_confusion_matrix() -> None:
    """A tracker then finds nothing wrong with a perfect generator and a classifier that errs."""
    confusion = [[0.8, 0.2], [0.0, 1.0]]
    rng = np.random.default_rng(0)
    labeller = Classifier(
        lambda true: np.where((true == 0) & (rng.random(true.size) < 0.2), 1, true), [1, 1], confusion=confusion
    )
    assert labeller.prior == pytest.approx([0.4, 0.6])
    assert labeller.prior == pytest.approx(predicted_prior([1, 1], confusion))
    tracker = ModeTracker(labeller, n=10_000)
    tracker.update(1, rng.integers(0, 2, 10_000))
    found = tracker.evaluate()
    assert found is not None
    assert found[0]["modes/tv"] < 0.02
    with pytest.raises(ValueError, match=r"confusion must have shape \(2, 2\)"):
        Classifier(lambda x: x, [1, 1], confusion=np.eye(3))


def test_measured_confusion_explains_the_histogram() -> None:
    """Measured on one set, it predicts the labels of another to chance."""
    rng = np.random.default_rng(1)
    true = rng.integers(0, 3, 20_000)

    def predict(samples: np.ndarray) -> np.ndarray:
        return np.where(np.random.default_rng(2).random(samples.size) < 0.1, (samples + 1) % 3, samples)

    confusion = measure_confusion(predict, true[:10_000], true[:10_000], 3)
    assert confusion == pytest.approx(0.9 * np.eye(3) + 0.1 * np.roll(np.eye(3), 1, axis=1), abs=0.02)
    counts = count_labels(predict(true[10_000:]), 3)
    assert class_histogram(counts, np.bincount(true), confusion).chi2_p > 0.001


def test_confusion_leaves_out_samples_without_a_class() -> None:
    """The shares are those of the samples that got a label."""
    found = measure_confusion(lambda x: x, np.array([0, 1, -1, 1, 1]), [0, 0, 0, 1, 1], 2)
    assert found.tolist() == [[0.5, 0.5], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], "as many as the 3 samples, found 2"),
        ([0, 1, -1], r"lie in \[0, 1\], found -1"),
        ([0, 1, 2], r"lie in \[-1, 1\]"),
        ([0, 0, 0], r"classes \[1\] have none"),
    ],
)
def test_confusion_wants_a_sample_of_every_class(labels: list[int], message: str) -> None:
    """The message names what is lacking."""
    with pytest.raises(ValueError, match=message):
        measure_confusion(lambda x: x, np.array([0, 1, 1]), labels, 2)
