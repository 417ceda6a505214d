"""Conditional generators: silent on a perfect one, and naming the class that ignores its label or lost its variety."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from gandiag.modes import ConditionalCoverage, Conditioned, conditional_coverage, mnist_classifier

if TYPE_CHECKING:
    from gandiag.modes.mnist_data import Data

CLASSES, WIDTH = 6, 8


def drawn(seed: int, each: int = 80, accuracy: float = 0.97) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Classes asked for, labels of a classifier that errs, and features around a centre of the class."""
    rng = np.random.default_rng(seed)
    asked = np.repeat(np.arange(CLASSES), each)
    wrong = rng.random(asked.size) > accuracy
    seen = np.where(wrong, (asked + rng.integers(1, CLASSES, asked.size)) % CLASSES, asked)
    return asked, seen, 10 * np.eye(WIDTH)[asked] + rng.standard_normal((asked.size, WIDTH))


def judged(asked: np.ndarray, seen: np.ndarray, features: np.ndarray | None, seed: int = 99) -> ConditionalCoverage:
    """Against a perfect sampler."""
    real = drawn(seed)
    features_too = real if features is not None else real[:2]
    return conditional_coverage(Conditioned(asked, seen, features), Conditioned(*features_too))


def test_perfect_sampler_is_named_no_more_often_than_alpha_allows() -> None:
    """300 pairs of sets: no class is named, and corrected p values fall below .05 in at most 5 % of the pairs."""
    found = [conditional_coverage(Conditioned(*drawn(s)), Conditioned(*drawn(1000 + s))) for s in range(300)]
    assert not any(f.ignored or f.collapsed or f.not_assessed for f in found)
    for p in (np.array([f.accuracy_p.min() for f in found]), np.array([f.effective_p.min() for f in found])):
        assert (p < 0.05).mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
        assert (p < 0.05).any() or (p < 0.5).any()  # not vacuous
    ratio = np.concatenate([f.effective / f.real_effective for f in found])
    assert np.median(ratio) == pytest.approx(1, abs=0.05)
    assert ratio.min() > 0.3


@pytest.mark.parametrize(("images", "jitter"), [(1, 0.0), (1, 0.02), (3, 0.02)])
def test_a_class_of_few_images_is_named(images: int, jitter: float) -> None:
    """One image or three, also with slight noise; its label is still heeded and the others stay unnamed."""
    asked, seen, features = drawn(1)
    own = np.flatnonzero(asked == 4)
    noise = jitter * np.random.default_rng(2).standard_normal((own.size, WIDTH))
    features[own] = features[own[np.arange(own.size) % images]] + noise
    found = judged(asked, seen, features)
    assert found.collapsed == (4,)
    assert found.ignored == ()
    assert found.effective[4] == pytest.approx(images, rel=0.1)
    assert found.real_effective[4] > 20
    assert found.effective_p[4] < 1e-6


def test_swapped_labels_are_named_with_what_they_became() -> None:
    """Asking for 1 gives 5 and the other way round."""
    asked, seen, features = drawn(3)
    swap = np.array([0, 5, 2, 3, 4, 1])
    found = judged(asked, swap[seen], features)
    assert found.ignored == (1, 5)
    assert found.seen_as.tolist() == swap.tolist()
    assert found.accuracy[1] < 0.1
    assert found.accuracy_low[1] <= found.accuracy[1] <= found.accuracy_high[1] < 0.2
    assert found.collapsed == ()


def test_an_ignored_label_is_named_in_every_class() -> None:
    """The generator makes any class whatever is asked."""
    asked, seen, _ = drawn(4)
    found = judged(asked, np.random.default_rng(4).permutation(seen), None)
    assert found.ignored == tuple(range(CLASSES))
    assert np.isnan(found.effective_p).all()


def test_samples_without_a_class_are_not_seen_as_asked() -> None:
    """A class that the classifier no longer recognises is ignored, and -1 is what it is seen as."""
    asked, seen, features = drawn(5)
    found = judged(asked, np.where(asked == 2, -1, seen), features)
    assert found.ignored == (2,)
    assert found.seen_as[2] == -1


def test_a_small_loss_of_accuracy_is_significant_and_not_named() -> None:
    """Significance is not severity: 80 % instead of 97 % on many samples."""
    asked, seen, _ = drawn(6, each=2000, accuracy=0.80)
    real = drawn(7, each=2000)[:2]
    found = conditional_coverage(Conditioned(asked, seen), Conditioned(*real))
    assert (found.accuracy_p < 1e-6).all()
    assert found.ignored == ()


def test_a_better_generator_than_reality_is_not_named() -> None:
    """More accurate and more varied: the roles of the two are not interchangeable."""
    asked, seen, features = drawn(8, accuracy=0.6)
    real = Conditioned(asked, seen, 10 * np.eye(WIDTH)[asked])
    real.features = 10 * np.eye(WIDTH)[asked] + 0.02 * np.random.default_rng(8).standard_normal((asked.size, WIDTH))
    varied = Conditioned(asked, asked, features)
    found = conditional_coverage(varied, real)
    assert (found.ignored, found.collapsed) == ((), ())
    assert found.accuracy_p.min() > 0.5
    assert found.effective_p.min() > 0.5
    assert np.isinf(found.effective).any() or found.effective.min() > found.real_effective.max()
    assert conditional_coverage(real, varied).collapsed == tuple(range(CLASSES))


def test_classes_of_few_samples_are_not_assessed() -> None:
    """On either side; a class never asked for is one of them. The numbers are NaN, not 0."""
    asked, seen, features = drawn(9)
    kept = ~((asked == 0) & (np.arange(asked.size) % 4 > 0)) & (asked != 3)
    real_asked, real_seen, real_features = drawn(10)
    real_kept = ~((real_asked == 1) & (np.arange(asked.size) % 3 > 0))
    found = conditional_coverage(
        Conditioned(asked[kept], seen[kept], features[kept]),
        Conditioned(real_asked[real_kept], real_seen[real_kept], real_features[real_kept]),
    )
    assert found.not_assessed == (0, 1, 3)
    assert np.flatnonzero(np.isnan(found.accuracy)).tolist() == [0, 1, 3]
    assert np.flatnonzero(np.isnan(found.effective_p)).tolist() == [0, 1, 3]
    assert (found.ignored, found.collapsed) == ((), ())
    assert found.n.tolist() == [20, 80, 80, 0, 80, 80]


def test_real_samples_that_are_all_the_same_are_no_scale() -> None:
    """Then variety is not assessed, accuracy is."""
    asked, seen, features = drawn(11)
    found = conditional_coverage(Conditioned(asked, seen, features), Conditioned(asked, seen, 10.0 * np.eye(8)[asked]))
    assert np.isnan(found.effective_p).all()
    assert found.collapsed == ()
    assert not np.isnan(found.accuracy_p).any()


def test_tensors_serve_as_well_as_arrays() -> None:
    """With gradients and in single precision."""
    asked, seen, features = drawn(12)
    arrays = judged(asked, seen, features)
    tensors = Conditioned(
        torch.from_numpy(asked), torch.from_numpy(seen), torch.tensor(features, dtype=torch.float32, requires_grad=True)
    )
    found = conditional_coverage(tensors, Conditioned(*drawn(99)))
    assert found.effective == pytest.approx(arrays.effective, rel=1e-4)
    assert found.accuracy.tolist() == arrays.accuracy.tolist()


def test_a_real_class_collapsed_to_one_image_is_named(mnist: Data) -> None:
    """MNIST through the shipped classifier: threes replaced by one noisy three, eights and nines swapped."""
    images, digits = mnist.test[0], mnist.test[1].astype(np.int64)
    classifier = mnist_classifier()
    halves = [images[:1500], images[1500:3000].copy()]
    threes = digits[1500:3000] == 3
    noise = np.random.default_rng(13).integers(0, 30, (threes.sum(), 28, 28))
    halves[1][threes] = np.minimum(halves[1][threes][0].astype(int) + noise, 255)
    asked = digits[1500:3000].copy()
    asked[digits[1500:3000] == 8], asked[digits[1500:3000] == 9] = 9, 8
    real = Conditioned(digits[:1500], classifier.label(halves[0]), classifier.features(halves[0]))
    clean = Conditioned(digits[1500:3000], classifier.label(images[1500:3000]), classifier.features(images[1500:3000]))
    found = conditional_coverage(Conditioned(asked, classifier.label(halves[1]), classifier.features(halves[1])), real)
    assert (found.collapsed, found.ignored) == ((3,), (8, 9))
    assert found.seen_as[[8, 9]].tolist() == [9, 8]
    perfect = conditional_coverage(clean, real)
    assert (perfect.collapsed, perfect.ignored, perfect.not_assessed) == ((), (), ())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0]), r"of as many samples, found \[2, 1\]"),
        (([0, 1], [0, 1], np.zeros((3, 2))), r"found \[2, 2, 3\]"),
        (([0, -1], [0, 1]), "asked must hold classes from 0, found -1"),
        (([0.0, 1.0], [0, 1]), "asked must be whole numbers"),
        (([0, 1], [0, -2]), "seen must be whole numbers"),
        (([[0]], [0]), r"asked must be whole numbers from 0 of shape \(n,\), found int64 \(1, 1\)"),
        (([0, 1], [0, 1], np.zeros(2)), r"features must have shape \(n, D\), found \(2,\)"),
        (([0, 1], [0, 1], [[np.nan], [1.0]]), "NaN or an infinity in 1 of 2 rows"),
    ],
)
def test_samples_that_do_not_fit_are_refused(arguments: tuple[object, ...], message: str) -> None:
    """The message says what was found."""
    with pytest.raises(ValueError, match=message):
        Conditioned(*arguments)  # type: ignore[arg-type]


def test_sets_that_do_not_fit_each_other_are_refused() -> None:
    """Unknown classes, features on one side or of another width, impossible thresholds."""
    asked, seen, features = drawn(14)
    whole, plain = Conditioned(asked, seen, features), Conditioned(asked, seen)
    with pytest.raises(ValueError, match=r"real must hold the classes asked .* largest classes 5 generated and 3 real"):
        conditional_coverage(plain, Conditioned(asked[asked < 4], seen[asked < 4]))
    with pytest.raises(ValueError, match=r"features of one width or neither any, found \[8, None\]"):
        conditional_coverage(whole, plain)
    with pytest.raises(ValueError, match=r"found \[8, 3\]"):
        conditional_coverage(whole, Conditioned(asked, seen, features[:, :3]))
    with pytest.raises(ValueError, match="found 0 and 30"):
        conditional_coverage(plain, plain, alpha=0)
    with pytest.raises(ValueError, match=r"found 0.01 and 2"):
        conditional_coverage(plain, plain, min_samples=2)
