"""Accelerate: prepared networks and optimizers, gradient accumulation, trackers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from accelerate.utils import set_seed
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.optim.optimizer import _global_optimizer_pre_hooks

import gandiag
from gandiag.integrations.accelerate import attach
from gandiag.rundir.run import Run

pytestmark = pytest.mark.filterwarnings("default")  # Accelerate warns of what the machine lacks


@pytest.fixture
def accelerator():
    """Makes accelerators for the CPU, whose state is shared by all in a process."""

    def make(**options):
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()
        return Accelerator(cpu=True, **options)

    yield make
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


def prepared(accelerator):
    set_seed(0)
    generator, discriminator = nn.Linear(4, 2), nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizers = [torch.optim.Adam(m.parameters(), lr=1e-2) for m in (generator, discriminator)]
    return accelerator.prepare(generator, discriminator, *optimizers)


def norm(module):
    return float(torch.cat([p.grad.flatten() for p in module.parameters()]).norm())


def train(accelerator, networks, batches):
    """Trains on that many batches; returns by-hand values of every step: D's outputs over all accumulated batches."""
    generator, discriminator, adam_g, adam_d = networks
    made, norms, outputs = [], {}, []
    for _ in range(batches):
        with accelerator.accumulate(generator, discriminator):
            fake = generator(torch.randn(8, 4))
            on_real, on_fake = discriminator(torch.randn(8, 2) + 1), discriminator(fake.detach())
            adam_d.zero_grad()
            accelerator.backward(bce(on_real, torch.ones(8, 1)) + bce(on_fake, torch.zeros(8, 1)))
            norms["grad/discriminator/norm"] = norm(discriminator)
            adam_d.step()
            adam_g.zero_grad()
            loss = bce(discriminator(fake), torch.ones(8, 1))
            accelerator.backward(loss)
            norms["grad/generator/norm"] = norm(generator)
            adam_g.step()
            outputs.append(float(on_real.detach().mean()))
            accelerator.log({"g_loss": loss.item(), "phase": "warm-up"})
        if accelerator.sync_gradients:
            made.append(norms | {"d/real/mean": float(np.mean(outputs)), "loss/generator": loss.item()})
            outputs = []
    return made


@pytest.mark.parametrize("accumulated", [1, 3])
def test_recorded_values_equal_those_computed_by_hand(accumulated, accelerator, tmp_path):
    """One step for each real update of G, its gradients accumulated; logged scalars come along; closed at the end."""
    accelerator = accelerator(gradient_accumulation_steps=accumulated)
    networks = prepared(accelerator)
    attach(accelerator, *networks[:2], tmp_path / "run")
    made = train(accelerator, networks, 12)
    accelerator.end_training()
    run = Run.open(tmp_path / "run")
    assert run.meta["status"] == "closed"
    assert not run.meta["faults"]
    assert run.last_step == len(made) == 12 / accumulated
    for name in made[0]:
        np.testing.assert_allclose(run.series(name), [values[name] for values in made], rtol=1e-5, err_msg=name)
    assert "phase" not in run.scalars
    assert not networks[0]._forward_hooks


def test_plain_attach_works_on_prepared_networks(accelerator, tmp_path):
    """The adapter adds trackers; values are the same without it."""
    accelerator = accelerator(mixed_precision="bf16")
    networks = prepared(accelerator)
    with gandiag.attach(*networks[:2], run_dir=tmp_path / "run"):
        made = train(accelerator, networks, 5)
    expected = [values["grad/generator/norm"] for values in made]
    np.testing.assert_allclose(Run.open(tmp_path / "run").series("grad/generator/norm"), expected, rtol=1e-5)


def test_hyperparameters_of_the_accelerators_trackers_are_kept(accelerator, tmp_path):
    """What init_trackers is given lands in run.json, whichever comes first; the recorder is the tracker's."""
    accelerator = accelerator()
    networks = prepared(accelerator)
    callback = attach(accelerator, *networks[:2], tmp_path / "run")
    accelerator.init_trackers("gan", config={"lr": 0.1})
    assert accelerator.get_tracker("gandiag", unwrap=True) is callback
    accelerator.end_training()
    assert Run.open(tmp_path / "run").meta["hyperparameters"] == {"lr": 0.1}


def test_a_loss_scale_is_in_no_signal_and_skipped_steps_are_recorded_as_such(accelerator, tmp_path):
    """Gradients and the feedback are those without the factor."""
    accelerator = accelerator(mixed_precision="bf16")
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)  # float16 itself needs a GPU here
    networks = prepared(accelerator)
    attach(accelerator, *networks[:2], tmp_path / "run", max_overhead=None)
    made = train(accelerator, networks, 4)
    with torch.no_grad():
        kept = networks[0].weight.clone()
        networks[0].weight.fill_(float("inf"))
    train(accelerator, networks, 1)  # skipped
    with torch.no_grad():
        networks[0].weight.copy_(kept)
    assert networks[2].step_was_skipped
    accelerator.end_training()
    run = Run.open(tmp_path / "run")
    assert run.series("skipped/generator").to_dict() == {5: 1.0}
    assert (run.series("feedback/norm").loc[:4] < 1).all()
    assert run.meta["loss_family"]["name"] in ("non-saturating", "unknown")
    for name in ("grad/generator/norm", "grad/discriminator/norm"):
        scaled = [values[name] / 1024 for values in made]  # by hand before the step, and so before unscaling
        np.testing.assert_allclose(run.series(name), scaled, rtol=1e-5)
    assert not _global_optimizer_pre_hooks
