"""What a loop passes by hand: D's outputs, the samples, and of which of several D."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

import gandiag
from gandiag.detectors import DETECTORS
from gandiag.judge.diagnose import diagnose
from gandiag.rundir.run import Run


def table(rng, n=64):
    """Rows of one category of five, and a number."""
    return np.eye(5)[rng.integers(5, size=n)] + 0.01 * rng.normal(size=(n, 5))


def observed(run_dir, steps, generated, *, samples):
    """A loop that hooks see nothing of, and that passes what it is told to."""
    rng = np.random.default_rng(0)
    with gandiag.Callback(run_dir, alerts=False) as callback:
        for _ in range(steps):
            real, fake = table(rng), generated(rng)
            given = {"real_samples": real, "fake_samples": fake} if samples else {}
            callback.log(loss_generator=1.0 + 0.1 * rng.normal(), loss_discriminator=1.0)
            callback.observe(real=0.5 + rng.normal(size=64), fake=rng.normal(size=64), **given)
            callback.step(grad_norms={"generator": 1.0 + rng.random(), "discriminator": 1.0 + rng.random()})
    return Run.open(run_dir)


def one_category(rng):
    return np.eye(5)[np.zeros(64, dtype=int)] + 0.01 * rng.normal(size=(64, 5))


def test_outputs_without_samples_decide_nothing(tmp_path):
    """One category of a table is drawn for ever, and D's outputs look well: undecided, with what to add."""
    diagnosis = diagnose(observed(tmp_path / "run", 1300, one_category, samples=False))
    assert (diagnosis.verdict, diagnosis.decided) == ("undecided", False)
    (entry,) = [n for n in diagnosis.not_assessed if n.code == "sample-collapse"]
    assert "callback.observe(real=d_out_real, fake=d_out_fake, real_samples=x, fake_samples=y)" in entry.how_to


@pytest.mark.parametrize(("generated", "verdict"), [(one_category, "failing"), (table, "healthy")])
def test_with_the_samples_it_is_decided(tmp_path, generated, verdict):
    """As where hooks see them: diversity, distance and cells of the data."""
    run = observed(tmp_path / "run", 1300, generated, samples=True)
    assert {"diversity/ratio", "distance/energy", "bins/lost", "d/auc"} <= set(run.scalars)
    assert diagnose(run).verdict == verdict


def test_what_is_passed_counts_instead_of_what_hooks_see(tmp_path, tiny):
    """Also where the losses tell what D's batches were."""
    gan = tiny()
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run", alerts=False) as callback:
        for _ in range(30):
            callback.observe(real=torch.full((8,), 3.0), fake=torch.full((8,), -3.0), fake_samples=torch.ones(8, 2))
            gan.step()
    run = Run.open(tmp_path / "run")
    assert (run.series("d/real/mean") == 3).all()
    assert (run.series("d/auc") == 1).all()
    assert (run.series("diversity/fake") == 0).all()
    assert run.series("diversity/real").min() > 0


def test_of_several_discriminators_each_is_passed_by_name(tmp_path):
    """The other one is left as it was seen, and is told of by name where it was not."""
    torch.manual_seed(0)
    generator = nn.Linear(4, 2)
    critics = {name: nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)) for name in ("patch", "whole")}
    adams = [torch.optim.Adam(net.parameters()) for net in (generator, *critics.values())]
    callback = gandiag.attach(generator, critics, run_dir=tmp_path / "run", alerts=False)
    for _ in range(30):
        real, latents = torch.randn(16, 2) + 2, torch.randn(16, 4)
        fake = generator.forward(latents)  # not seen: D's batches cannot be traced to it
        for name, critic in critics.items():
            on_real, on_fake = critic(real), critic(fake.detach())
            if name == "patch":
                callback.observe(
                    real=on_real, fake=on_fake, real_samples=real, fake_samples=fake, discriminator="patch"
                )
            (bce(on_real, torch.ones(16, 1)) + bce(on_fake, torch.zeros(16, 1))).backward()
        sum(bce(critic(fake), torch.ones(16, 1)) for critic in critics.values()).backward()
        for adam in adams:
            adam.step()
            adam.zero_grad()
    callback.observe(real=[1.0], discriminator="no name")
    callback.close()
    run = Run.open(tmp_path / "run")
    assert min(len(run.series("d.patch/auc")), len(run.series("diversity.patch/ratio"))) >= 29
    assert run.series("d.whole/auc").empty
    faults = " ".join(f["message"] for f in run.meta["faults"])
    assert "discriminator must be the name that it was attached by" in faults
    detectors = [replace(d, min_run_steps=1) for d in DETECTORS if d.code == "discriminator-dominance"]
    (entry,) = diagnose(run, detectors).not_assessed
    assert entry.network == "whole"
    assert 'callback.observe(discriminator="whole", ' in entry.how_to


def test_samples_that_cannot_be_read_cost_nothing_else(tmp_path, caplog):
    """A fault that names the argument; D's outputs are kept."""
    caplog.set_level(logging.CRITICAL, logger="gandiag")
    with gandiag.Callback(tmp_path / "run", alerts=False) as callback:
        callback.observe(real=[1.0, 2.0], fake=[0.0, 1.0], real_samples="no batch")
        callback.step()
    run = Run.open(tmp_path / "run")
    assert run.scalars["d/auc"].tolist() == [0.875]
    assert [f["where"] for f in run.meta["faults"]] == ["observe(real_samples=)"]
