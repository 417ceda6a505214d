"""The tracker behind the callback: its window, its signals and the labellers that it takes."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from gandiag.modes import Classifier, DigitsClassifier, Labeller, Mixture, ModeTracker, preset, resolve
from gandiag.signals import SIGNALS

RING = preset("ring8_pacgan")
QUALITY, REJECTED = "modes/high_quality", "modes/unrecognised"
NEAREST = {"modes/nearest/effective", "modes/nearest/missing", "modes/recent_effective", "modes/turnover"}
SHARES = "modes/share/<class>"
UNDEFINED = {"modes/kl", "modes/tv", "modes/missing", SHARES, *NEAREST}
ALL_SIGNALS = {
    *("modes/captured", "modes/robust", "modes/effective", "modes/expected_effective", "modes/samples"),
    QUALITY,
    REJECTED,
    *UNDEFINED,
}


def identity(modes: int, n: int = 10) -> Classifier:
    """A labeller whose samples are the labels."""
    return Classifier(lambda samples: samples, prior=np.ones(modes), n=n)


def evaluated(tracker: ModeTracker) -> tuple[dict[str, float], np.ndarray]:
    """The evaluation of a tracker that has seen enough."""
    found = tracker.evaluate()
    assert found is not None
    return found


def test_nothing_is_said_before_n_samples() -> None:
    """None at 2,499 samples of 2,500, numbers with the next one."""
    tracker, rng = ModeTracker(RING), np.random.default_rng(13)
    assert tracker.evaluate() is None
    tracker.update(1, RING.sample(2499, rng)[0])
    assert tracker.evaluate() is None
    tracker.update(2, RING.sample(1, rng)[0])
    assert evaluated(tracker)[0]["modes/samples"] == 2500


def in_table(signals):
    """Their names as the table has them."""
    return {SHARES if name.startswith("modes/share/") else name for name in signals}


def test_signals_are_those_of_the_table() -> None:
    """Every modes/ signal of the table: the quality for a mixture alone, the rejected for all else; plain floats."""
    assert {s.name for s in SIGNALS if s.name.startswith("modes/")} == ALL_SIGNALS
    tracker = ModeTracker(RING, n=100)
    tracker.update(1, RING.sample(100, np.random.default_rng(14))[0])
    assert in_table(evaluated(tracker)[0]) == ALL_SIGNALS - {REJECTED, "modes/turnover"}
    signals, histogram = evaluated(tracker)
    assert in_table(signals) == ALL_SIGNALS - {REJECTED}
    assert all(type(value) is float for value in signals.values())
    assert sum(signals[f"modes/share/{k}"] for k in range(8)) == pytest.approx(1)
    assert histogram.shape == (8,)
    assert histogram.dtype == np.int64
    custom = ModeTracker(identity(3, n=4))
    custom.update(1, np.array([0, 1, 2, -1]))
    evaluated(custom)
    assert in_table(evaluated(custom)[0]) == ALL_SIGNALS - {QUALITY}
    assert evaluated(custom)[1].tolist() == [1, 1, 1]


@pytest.mark.parametrize("batch", [1, 3, 7, 10, 25])
def test_window_holds_exactly_the_last_n_samples(batch: int) -> None:
    """Whatever the batch size, also above n; compared with a plain list."""
    tracker, rng, seen = ModeTracker(identity(4)), np.random.default_rng(15), []
    for step in range(1, 31):
        labels = rng.integers(-1, 4, batch)
        tracker.update(step, labels)
        seen.extend(labels.tolist())
        if len(seen) < 10:
            assert tracker.evaluate() is None
            continue
        last = [label for label in seen[-10:] if label >= 0]
        assert evaluated(tracker)[1].tolist() == np.bincount(last, minlength=4).tolist()
        assert sum(len(labels) for _, labels in tracker._batches) == 10


def test_collapse_moves_every_signal_in_its_bad_direction() -> None:
    """From a perfect sampler to one mode: compared with the table's own directions."""
    tracker, rng = ModeTracker(RING), np.random.default_rng(16)
    tracker.update(1, RING.sample(2500, rng)[0])
    evaluated(tracker)
    healthy, _ = evaluated(tracker)
    tracker.update(2, RING.centres[2] + 0.05 * rng.standard_normal((2500, 2)))
    collapsed, histogram = evaluated(tracker)
    assert histogram.argmax() == 2
    for signal in SIGNALS:
        if signal.name in collapsed and signal.worse == "high":
            assert collapsed[signal.name] > healthy[signal.name], signal.name
        if signal.name in collapsed and signal.worse == "low":
            assert collapsed[signal.name] < healthy[signal.name], signal.name


def test_a_cycle_through_all_modes_covers_them_in_the_mean_only() -> None:
    """One mode at a time, eight in turn: one effective mode in each, eight in the mean, all of it moves."""
    tracker, rng = ModeTracker(RING, n=50), np.random.default_rng(18)
    for step in range(1, 17):
        tracker.update(step, RING.centres[step % 8] + 0.001 * rng.standard_normal((50, 2)))
        signals, _ = evaluated(tracker)
    assert signals["modes/nearest/effective"] == pytest.approx(1)
    assert signals["modes/recent_effective"] == pytest.approx(8)
    assert signals["modes/turnover"] == pytest.approx(1)


def test_samples_off_the_modes_count_for_the_nearest() -> None:
    """A ring ten sigmas too wide has no sample of high quality, and all eight modes."""
    tracker, rng = ModeTracker(RING, n=800), np.random.default_rng(19)
    tracker.update(1, 1.1 * RING.sample(800, rng)[0])
    signals, _ = evaluated(tracker)
    assert signals["modes/high_quality"] < 0.01
    assert signals["modes/nearest/effective"] > 7.8
    assert signals["modes/nearest/missing"] == 0


def test_recovered_generator_is_healthy_again_after_n_samples() -> None:
    """The window forgets the collapse completely."""
    tracker, rng = ModeTracker(RING, n=500), np.random.default_rng(17)
    tracker.update(1, np.zeros((500, 2)))
    for step in range(2, 12):
        tracker.update(step, RING.sample(50, rng)[0])
    signals, _ = evaluated(tracker)
    assert signals["modes/captured"] == 8
    assert signals["modes/high_quality"] > 0.95


def test_unrecognised_samples_leave_undefined_signals_out() -> None:
    """No histogram, no divergence: nothing non-finite reaches the record."""
    tracker = ModeTracker(RING, n=20)
    tracker.update(1, np.full((20, 2), np.nan))
    signals, histogram = evaluated(tracker)
    assert in_table(signals) == ALL_SIGNALS - UNDEFINED - {REJECTED}
    assert (signals["modes/captured"], signals["modes/high_quality"], signals["modes/effective"]) == (0, 0, 0)
    assert histogram.tolist() == [0] * 8


def test_steps_that_are_done_again_replace_the_old_ones() -> None:
    """After a return to a checkpoint the labels of the abandoned steps do not count."""
    tracker = ModeTracker(identity(3, n=4))
    for step, label in ((1, 0), (2, 0), (3, 1), (4, 1)):
        tracker.update(step, np.array([label]))
    tracker.update(3, np.array([2]))
    assert tracker.evaluate() is None
    tracker.update(3, np.array([2]))
    assert evaluated(tracker)[1].tolist() == [2, 0, 2]


def test_an_empty_batch_changes_nothing() -> None:
    """It may happen at the end of an epoch."""
    tracker = ModeTracker(RING, n=5)
    tracker.update(1, RING.centres[:5])
    tracker.update(2, np.empty((0, 2)))
    assert evaluated(tracker)[1].tolist() == [1, 1, 1, 1, 1, 0, 0, 0]


def test_batches_of_a_wrong_shape_are_refused_and_leave_the_window_alone() -> None:
    """The labeller's message comes through."""
    tracker = ModeTracker(RING, n=5)
    tracker.update(1, RING.centres[:5])
    with pytest.raises(ValueError, match=r"must have shape \(n, 2\), found \(5, 3\)"):
        tracker.update(2, np.zeros((5, 3)))
    assert evaluated(tracker)[0]["modes/captured"] == 5


@pytest.mark.parametrize("n", [0, -1])
def test_a_window_without_samples_is_refused(n: int) -> None:
    """For the tracker and for a classifier."""
    with pytest.raises(ValueError, match=f"n must be at least 1, found {n}"):
        ModeTracker(RING, n=n)
    with pytest.raises(ValueError, match=f"n must be at least 1, found {n}"):
        identity(2, n=n)


def test_description_survives_json() -> None:
    """It goes into run.json."""
    described = json.loads(json.dumps(ModeTracker(RING).describe()))
    assert described == {"name": "ring8_pacgan", "K": 8, "n": 2500, "prior": [0.125] * 8}
    assert ModeTracker(resolve("digits")).describe()["n"] == 1000


def test_every_accepted_spelling_gives_a_labeller() -> None:
    """A name, "digits", a mixture, a classifier, or an object of one's own."""

    class Own:
        name, prior, n = "own", np.array([0.5, 0.5]), 10

        def label(self, samples: np.ndarray, /) -> np.ndarray:
            return np.zeros(len(samples), dtype=np.int64)

    assert isinstance(resolve("grid25_wgangp"), Mixture)
    assert isinstance(resolve("digits"), DigitsClassifier)
    for given in (RING, identity(2), Own()):
        assert resolve(given) is given
        assert isinstance(given, Labeller)


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    """A typo must be easy to mend."""
    with pytest.raises(
        ValueError, match=r"modes='cifar' is unknown, known names are ring8_pacgan, .*, digits, mnist, s"
    ):
        resolve("cifar")


@pytest.mark.parametrize("given", [None, 8, {"name": "ring"}, Mixture, lambda x: x])
def test_other_objects_are_refused(given: object) -> None:
    """The message names what was given and what is accepted."""
    with pytest.raises(TypeError, match=f"modes must be a preset name, .* found {type(given).__name__}"):
        resolve(given)


def test_scores_are_turned_into_labels() -> None:
    """The largest of (B, K) counts; a row with a NaN belongs to no class."""
    scores = np.array([[0.2, 0.8], [0.9, 0.1], [np.nan, 1.0]])
    classifier = Classifier(lambda samples: samples, prior=[3, 1])  # type: ignore[arg-type]
    assert classifier.label(scores).tolist() == [1, 0, -1]
    assert classifier.prior == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (np.zeros((5, 3)), r"predict of custom must return shape \(5,\) or \(5, 2\), found \(5, 3\)"),
        (np.zeros(4, int), r"must return shape \(5,\) or \(5, 2\), found \(4,\)"),
        (np.zeros(5), "whole numbers"),
        (np.full(5, 2), r"lie in \[-1, 1\], found 2 to 2"),
    ],
)
def test_functions_that_return_something_else_are_refused(returned: np.ndarray, message: str) -> None:
    """At the first batch, with the found and the expected shape or range."""
    with pytest.raises(ValueError, match=message):
        Classifier(lambda _: returned, prior=np.ones(2)).label(np.zeros((5, 7)))


def test_classifier_wants_a_function_and_a_prior() -> None:
    """A module that cannot be called and a prior with an impossible class are refused at once."""
    with pytest.raises(TypeError, match="predict must be a function of samples, found str"):
        Classifier("model.pt", prior=np.ones(2))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="prior must be finite and positive"):
        Classifier(lambda samples: samples, prior=np.array([1.0, 0.0]))


def test_importing_modes_is_cheap() -> None:
    """No torch, pandas, scikit-learn, matplotlib or scipy before they are needed."""
    heavy = "torch", "pandas", "sklearn", "matplotlib", "scipy"
    program = f"import sys, gandiag.modes; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_labelling_digits_needs_numpy_alone() -> None:
    """Inference runs without scikit-learn or torch being imported."""
    program = (
        "import sys, numpy as np; from gandiag.modes import ModeTracker, resolve;"
        "t = ModeTracker(resolve('digits')); t.update(1, np.zeros((1000, 1, 8, 8))); t.evaluate();"
        "print([m for m in ('torch', 'pandas', 'sklearn', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
