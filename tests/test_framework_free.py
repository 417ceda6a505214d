"""Loops without torch: what `Callback.step` is given, in numpy or anything like it."""

from __future__ import annotations

import io
import re

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import gandiag
from gandiag.record.given import Projection, sample_outputs
from gandiag.rundir.run import Run

BATCH = 64


class NumpyGAN:
    """A linear generator against a discriminator with one hidden layer, with gradients by hand, on a 2-D Gaussian."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.generator = {"scale": np.eye(2), "shift": np.zeros(2)}
        self.discriminator = {"w": self.random.normal(size=(2, 16)), "v": self.random.normal(size=16) / 4}
        self.rates = {"generator": 0.02, "discriminator": 0.05}

    def judge(self, x):
        hidden = np.tanh(x @ self.discriminator["w"])
        return hidden @ self.discriminator["v"], hidden

    def pull_back(self, x, hidden, slope):
        """Gradients of sum(slope * D(x)) for D's weights, and for x."""
        inner = slope[:, None] * self.discriminator["v"] * (1 - hidden**2)
        return {"w": x.T @ inner, "v": hidden.T @ slope}, inner @ self.discriminator["w"].T

    def update(self, net, gradients):
        weights = getattr(self, net)
        for name, gradient in gradients.items():
            weights[name] = weights[name] - self.rates[net] * gradient
        return {name: np.linalg.norm(g) for name, g in gradients.items()}

    def step(self):
        """One update of D and one of G, non-saturating; what `Callback.step` takes."""
        real = self.random.normal(size=(BATCH, 2)) * [1.0, 0.5] + [2.0, 0.0]
        noise = self.random.normal(size=(BATCH, 2))
        generated = noise @ self.generator["scale"] + self.generator["shift"]
        (d_real, hidden_real), (d_fake, hidden_fake) = self.judge(real), self.judge(generated)
        on_real, _ = self.pull_back(real, hidden_real, (logistic(d_real) - 1) / BATCH)
        on_fake, _ = self.pull_back(generated, hidden_fake, logistic(d_fake) / BATCH)
        of_d = self.update("discriminator", {name: on_real[name] + on_fake[name] for name in on_real})
        again, hidden = self.judge(generated)
        _, feedback = self.pull_back(generated, hidden, (logistic(again) - 1) / BATCH)
        of_g = self.update("generator", {"scale": noise.T @ feedback, "shift": feedback.sum(axis=0)})
        norms = {"generator": of_g, "discriminator": total(of_d)}
        return {"d_real": d_real, "d_fake": d_fake, "generated": generated, "real": real, "grad_norms": norms}


def logistic(f):
    return 1 / (1 + np.exp(-f))


def total(norms):
    return float(np.sqrt(sum(n**2 for n in norms.values())))


def distance(points):
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    return gaps.sum() / (len(points) * (len(points) - 1))


def train(folder, steps, seed=0, change=None):
    gan = NumpyGAN(seed)
    with gandiag.Callback(folder, alerts=False) as callback:
        for step in range(1, steps + 1):
            if change:
                change(gan, step)
            callback.step(**gan.step())
    return callback.diagnosis


def run_of(folder, *calls, **options):
    """A closed run of steps with the given arguments."""
    with gandiag.Callback(folder, **options) as callback:
        for arguments in calls:
            callback.step(**arguments)
    return Run.open(folder)


class Arraylike:
    """An array of a framework that numpy can read, and that can do nothing else."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


def test_recorded_values_equal_those_computed_by_hand(tmp_path):
    """Outputs, distances and gradient norms, in total and by layer, of each step."""
    gan = NumpyGAN()
    calls = [gan.step() for _ in range(20)]
    scalars = run_of(tmp_path / "run", *calls).scalars
    assert list(scalars.index) == list(range(1, 21))
    for step, given in enumerate(calls, start=1):
        row, norms = scalars.loc[step], given["grad_norms"]
        expected = {
            "d/real/mean": given["d_real"].mean(),
            "d/fake/std": given["d_fake"].std(),
            "d/auc": (given["d_real"][:, None] > given["d_fake"]).mean(),
            "diversity/fake": distance(given["generated"][:32]),
            "diversity/real": distance(given["real"][:32]),
            "grad/generator/norm": total(norms["generator"]),
            "grad/discriminator/norm": norms["discriminator"],
        }
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=1e-5), name
    assert scalars["grad/generator/layer/scale"].dropna().to_dict() == {  # layers are kept every 10 steps
        step: pytest.approx(calls[step - 1]["grad_norms"]["generator"]["scale"]) for step in (10, 20)
    }


def test_in_a_healthy_training_nothing_is_found(tmp_path):
    """What is not assessed is only what needs more than numbers, or a longer training: G may not cover the data yet."""
    diagnosis = train(tmp_path / "run", 700)
    assert not diagnosis.findings
    pending = {n.code for n in diagnosis.not_assessed if n.reason.endswith("yet")}
    assert pending <= {"mode-collapse"}
    assert diagnosis.verdict == ("undecided" if pending else "healthy")
    longer = {"oscillation", "divergence", "stagnation", "quality-regression"}
    samples = {"mode-collapse", "class-collapse", "discriminator-overfitting", "memorisation"}
    assert {n.code for n in diagnosis.not_assessed} <= longer | samples | {"critic-constraint", "spectral-collapse"}


def test_a_generator_that_collapses_to_a_point_is_found(tmp_path):
    """Its samples become alike from the step on at which it happens."""

    def collapse(gan, step):
        if step >= 400:
            gan.generator["scale"] = np.full((2, 2), 1e-3)

    diagnosis = train(tmp_path / "run", 700, change=collapse)
    (finding,) = [f for f in diagnosis.findings if f.code == "sample-collapse"]
    assert finding.severity == "failure"
    assert 375 <= finding.onset_step <= 425


def test_a_discriminator_that_wins_is_found(tmp_path):
    """A generator that stays far from the data is told apart all the time."""

    def hold(gan, step):
        gan.generator = {"scale": np.eye(2), "shift": np.array([-8.0, 0.0])}

    codes = {f.code for f in train(tmp_path / "run", 900, change=hold).findings}
    assert "discriminator-dominance" in codes


@pytest.mark.parametrize("kind", [list, pd.DataFrame, Arraylike, torch.tensor, lambda a: pd.DataFrame(a, a[:, 0])])
def test_anything_that_numpy_can_read_will_do(kind, tmp_path):
    """Lists, tables by whatever index, tensors and the arrays of other frameworks give the same signals."""
    arrays = NumpyGAN().step()
    one = run_of(tmp_path / "one", arrays).scalars
    batches = {name: kind(arrays[name]) for name in ("generated", "real")}
    outputs = {name: kind(arrays[name].reshape(-1, 1)) for name in ("d_real", "d_fake")}
    norms = {"generator": {k: np.array(n) for k, n in arrays["grad_norms"]["generator"].items()}}
    norms["discriminator"] = torch.tensor(arrays["grad_norms"]["discriminator"])
    other = run_of(tmp_path / "other", batches | outputs | {"grad_norms": norms})
    assert not other.meta["faults"]
    pd.testing.assert_frame_equal(one, other.scalars, check_like=True, rtol=1e-6)


def test_layers_may_be_nested_and_a_gradient_that_is_not_finite_is_one(tmp_path):
    """A tree of norms gets dotted names; NaN counts as an infinite norm and is found."""
    tree = {"dense": {"kernel": 3.0, "bias": 4.0}}
    bad = {"dense": {"bias": float("nan"), "kernel": 3.0}}
    run = run_of(tmp_path / "run", *[{"grad_norms": {"generator": g}} for g in (tree, bad)])
    assert run.scalars["grad/generator/norm"].tolist() == [5.0, np.inf]
    assert run.scalars["grad/generator/nonfinite"].tolist() == [0, 1]
    assert run.scalars.loc[2, "grad/generator/layer/dense.kernel"] == 3.0
    assert gandiag.diagnose(run).findings[0].code == "non-finite"


def test_arrays_may_be_reused_after_the_step(tmp_path):
    """What was given is copied: a loop that fills the same buffer again changes nothing."""
    buffer = np.zeros((4, 2))
    with gandiag.Callback(tmp_path / "run", modes="ring8_pacgan") as callback:
        for step in range(1, 4):
            buffer[:] = step * np.arange(8).reshape(4, 2)
            callback.step(generated=buffer, d_fake=buffer[:, 0], grad_norms={"generator": buffer[0, 1:]})
    scalars = Run.open(tmp_path / "run").scalars
    assert scalars["d/fake/max"].tolist() == [6, 12, 18]
    assert scalars["grad/generator/norm"].tolist() == [1, 2, 3]
    np.testing.assert_allclose(scalars["diversity/fake"] / scalars["diversity/fake"][1], [1, 2, 3], rtol=1e-6)


def test_large_samples_are_projected_the_same_way_every_time():
    """Two projections of a batch agree, and keep distances to some 20 % on average."""
    batch = np.random.default_rng(1).normal(size=(40, 28, 28))
    points = Projection()(batch)
    assert points.shape == (32, 16)
    np.testing.assert_array_equal(points, Projection()(batch))
    ratio = distance(points) / distance(batch[:32].reshape(32, -1))
    assert ratio == pytest.approx(1, abs=0.2)
    assert Projection()(torch.zeros(8, 3, 16, 16)).shape == (8, 16)


def test_few_outputs_are_copied_and_patches_averaged():
    """256 at most, one number per sample; whole numbers, booleans and half floats are numbers, too."""
    assert sample_outputs(np.ones((1000, 1))).shape == (256,)
    assert sample_outputs(torch.ones(1000, 1, dtype=torch.bfloat16)).shape == (256,)
    assert sample_outputs(np.array([[[[0.0, 1.0], [1.0, 2.0]]]])).tolist() == [1.0]
    assert sample_outputs(np.array([True, False])).tolist() == [1.0, 0.0]
    assert sample_outputs(torch.tensor([[3], [4]])).tolist() == [3.0, 4.0]


@pytest.mark.parametrize(
    ("argument", "value", "told"),
    [
        ("d_real", 0.5, r"expected numbers of shape \(B, ...\), found shape \(\)"),
        ("d_fake", np.empty((0, 1)), r"found shape \(0, 1\)"),
        ("d_real", [[1.0], [1.0, 2.0]], "found list: "),
        ("d_fake", ["a", "b"], "found list of <U1"),
        ("d_real", {"logits": np.ones(3)}, "found dict of object"),
        ("generated", torch.tensor(1.0), r"found shape \(\)"),
        ("real", object(), "found object of object"),
        ("grad_norms", 1.0, "keys generator and discriminator, found float"),
        ("grad_norms", {"critic": 1.0}, "keys generator and discriminator, found the keys critic"),
        ("grad_norms", {"generator": np.ones(3)}, r"one number for generator, found shape \(3,\)"),
        ("grad_norms", {"generator": {"a": None}}, "one number for generator a, found .* object"),
        ("grad_norms", {"generator": {}}, "expected norms for generator, found an empty mapping"),
    ],
)
def test_input_that_cannot_be_read_is_one_warning_that_names_it(argument, value, told, tmp_path, caplog):
    """The argument, what was expected and what was found; the step counts, and the other arguments are recorded."""
    good = {"d_real": np.ones(4), "d_fake": np.zeros(4), argument: value}
    run = run_of(tmp_path / "run", good, good)
    assert list(run.scalars.index) == [1, 2]
    assert "d/real/mean" in run.scalars or "d/fake/mean" in run.scalars
    (fault,) = run.meta["faults"]
    assert (fault["where"], fault["count"]) == (f"step({argument}=)", 2)
    assert re.search(told, fault["message"])
    assert sum(f"step({argument}=)" in r.message for r in caplog.records) == 1


def test_a_step_without_any_record_leaves_the_others_alone(tmp_path):
    """It counts as a step, and nothing is made up for it."""
    run = run_of(tmp_path / "run", {}, {"d_real": np.ones(4)}, {})
    assert run.series("d/real/mean").to_dict() == {2: 1.0}
    assert run.last_step == 3
    assert not run.meta["faults"]


def test_layers_that_change_are_a_fault(tmp_path):
    """Norms of other layers than at first would be mixed up; the message names both."""
    first, other = {"generator": {"a": 3.0, "b": 4.0}}, {"generator": {"a": 1.0, "c": 2.0}}
    run = run_of(tmp_path / "run", {"grad_norms": first}, {"grad_norms": other}, {"grad_norms": {"generator": 2.0}})
    assert run.series("grad/generator/norm").to_dict() == {1: 5.0}
    (fault,) = run.meta["faults"]
    assert "expected the layers a, b for generator as at first, found the layers a, c" in fault["message"]


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
@pytest.mark.parametrize("shape", [(4, 8, 8, 3), (4, 3, 8, 8)])
def test_pictures_come_out_right_whatever_axis_the_channels_are_on(shape, kind, tmp_path):
    """Red images, channels last or first, as bytes."""
    images = np.zeros(shape, np.uint8)
    images[(..., 0) if shape[-1] == 3 else (slice(None), 0)] = 200
    run = run_of(tmp_path / "run", {"generated": kind(images)})
    picture = np.asarray(Image.open(io.BytesIO((tmp_path / "run" / "samples" / "step-00000001.png").read_bytes())))
    assert picture.shape == (17, 17, 3)
    assert picture[0, 0].tolist() == [200, 0, 0]
    assert [s.kind for s in run.samples] == ["image"]


def test_modes_are_counted_on_the_batches_that_are_passed(tmp_path):
    """With a mixture, its coverage is recorded without torch as with it."""
    ring = gandiag.modes.preset("ring8_pacgan")
    batches = [{"generated": ring.sample(64, np.random.default_rng(step))[0]} for step in range(100)]
    run = run_of(tmp_path / "run", *batches, modes=ring)
    assert run.series("modes/captured").to_dict() == {50: 8, 100: 8}
