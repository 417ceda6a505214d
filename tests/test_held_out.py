"""Held-out samples, penalties, latents, ranges and weights: recorded as a loop would compute them by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import gandiag
from gandiag.record import plan as planning
from gandiag.rundir.run import Run
from gandiag.testing import assert_unchanged


def networks(seed=0):
    torch.manual_seed(seed)
    generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    return generator, nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(32, 1))


def train(attach, steps, *, data, held_out=None, penalty=False, batch=16, rate=3e-3):
    """D with a gradient penalty or without, G with a learning rate; returns what the last step computed by hand."""
    generator, critic = networks()
    attach(generator, critic, **({} if held_out is None else {"held_out": held_out}))
    optimizers = torch.optim.Adam(generator.parameters(), rate), torch.optim.Adam(critic.parameters(), 3e-3)
    seen = {}
    for _ in range(steps):
        real = data[torch.randint(len(data), (batch,))]
        fake = generator(torch.randn(batch, 4)).detach()
        on_real, on_fake = critic(real), critic(fake)
        loss = nn.functional.softplus(-on_real).mean() + nn.functional.softplus(on_fake).mean()
        if penalty:
            mix = torch.rand(batch, 1)
            between = (mix * real + (1 - mix) * fake).requires_grad_()
            (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
            seen["penalty/norm"] = gradient.norm(dim=1).mean().item()
            loss = loss + ((gradient.norm(dim=1) - 1) ** 2).mean()
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
        seen |= {"range/real/min": real.min().item(), "range/fake/max": fake.max().item()}
        optimizers[0].zero_grad()
        latents = torch.randn(batch, 4)
        made = generator(latents)
        seen["diversity/latent"] = (nn.functional.pdist(made.detach()) / nn.functional.pdist(latents)).mean().item()
        nn.functional.softplus(-critic(made)).mean().backward()
        optimizers[0].step()
    seen["weights/discriminator/sigma_max"] = max(
        torch.linalg.matrix_norm(p, 2).item() for p in critic.parameters() if p.dim() > 1
    )
    return seen


def test_values_equal_those_computed_by_hand(tmp_path):
    """The penalty, ranges of D's inputs, what G makes of latents, and spectra, in the step where they are due."""
    callbacks = []

    def attach(generator, critic):
        callbacks.append(gandiag.attach(generator, critic, tmp_path / "run", max_overhead=None))

    expected = train(attach, 200, data=torch.randn(100, 2), penalty=True)
    callbacks[0].close()
    row = Run.open(tmp_path / "run").scalars.loc[200]
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-4), name


def test_a_discriminator_that_learns_by_heart_is_told_from_one_that_does_not(tmp_path):
    """Trained on three samples, G standing still, D knows them from others; trained on many it does not."""
    torch.manual_seed(1)
    held_out = torch.randn(300, 2)
    gaps = {}
    for size in (3, 20_000):
        with_options = []

        def attach(generator, critic, size=size, made=with_options, **options):
            made.append(gandiag.attach(generator, critic, tmp_path / f"run{size}", max_overhead=None, **options))

        train(attach, 800, data=torch.randn(size, 2), held_out=held_out, batch=64, rate=0.0)
        with_options[0].close()
        run = Run.open(tmp_path / f"run{size}")
        assert run.meta["faults"] == []
        assert run.series("d/held_out/auc").index.tolist() == list(range(50, 801, 50))
        gaps[size] = run.series("d/held_out/auc").tail(10).mean()
    assert gaps[3] > 0.65
    assert abs(gaps[20_000] - 0.5) < 0.06


def test_where_records_are_rare_looks_wait_for_the_next_one(tmp_path, monkeypatch):
    """Every 50 steps, in the first step after that in which D's outputs are recorded."""
    monkeypatch.setattr(planning, "LEAST_CALLS", 0.0)

    def attach(generator, critic, **options):
        callbacks.append(gandiag.attach(generator, critic, tmp_path / "run", max_overhead=1e-6, **options))

    callbacks = []
    train(attach, 210, data=torch.randn(256, 2), held_out=torch.randn(64, 2), batch=32)
    callbacks[0].close()
    assert Run.open(tmp_path / "run").series("d/held_out/gap").index.tolist() == [56, 104, 152, 200]


def test_looking_at_held_out_samples_changes_nothing():
    """Weights, dropout's random numbers and modes stay bit-identical, though a copy of D is run."""
    data, held_out = torch.randn(50, 2), torch.randn(40, 2)
    run = assert_unchanged(
        lambda attach, steps: train(attach, steps, data=data, penalty=True), steps=120, options={"held_out": held_out}
    )
    assert len(run.series("d/held_out/gap")) == 2


@pytest.mark.parametrize(
    ("held_out", "error", "message"),
    [
        (np.zeros((3, 2)), TypeError, "held_out must be a tensor of real samples .* got ndarray"),
        (torch.zeros(()), ValueError, "at least one, got shapes"),
        ((torch.zeros(3, 2), torch.zeros(4)), ValueError, r"got shapes \(3, 2\), \(4,\)"),
    ],
)
def test_held_out_samples_that_make_no_sense_are_refused(tmp_path, held_out, error, message):
    """In one sentence, before the training begins."""
    with pytest.raises(error, match=message):
        gandiag.attach(*networks(), tmp_path / "run", held_out=held_out)


def test_held_out_samples_of_the_wrong_shape_are_one_fault(tmp_path, caplog):
    """The copy of D cannot take them: the training goes on, the report knows."""
    made = []

    def attach(generator, critic, **options):
        made.append(gandiag.attach(generator, critic, tmp_path / "run", **options))

    train(attach, 120, data=torch.randn(50, 2), held_out=torch.zeros(10, 7))
    made[0].close()
    run = Run.open(tmp_path / "run")
    assert [f["where"] for f in run.meta["faults"]] == ["held-out samples"]
    assert len(run.scalars) == 120
