"""The shipped check that watching changes nothing: it passes for loops left alone and fails for others."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import gandiag.probes.origins
from gandiag.testing import assert_unchanged


def train(attach, steps, *, touch=lambda _step, _generator: None):
    """A GAN loop that logs its loss; `touch` is called before each update of G."""
    generator, discriminator = nn.Linear(3, 2), nn.Sequential(nn.Linear(2, 1), nn.Dropout(0.1))
    adam_g, adam_d = torch.optim.Adam(generator.parameters()), torch.optim.Adam(discriminator.parameters())
    callback = attach(generator, discriminator)
    for step in range(steps):
        fake = generator(torch.randn(8, 3))
        adam_d.zero_grad()
        (discriminator(fake.detach()) - discriminator(torch.randn(8, 2))).mean().backward()
        adam_d.step()
        touch(step, generator)
        adam_g.zero_grad()
        loss = -discriminator(fake).mean()
        loss.backward()
        adam_g.step()
        callback.log(loss_generator=loss)


def test_a_loop_that_is_left_alone_passes_and_its_run_is_returned():
    """With the callback used as usual; the run directory itself is temporary."""
    run = assert_unchanged(train, steps=12)
    assert run.last_step == 12
    assert run.series("loss/generator").size == 12


def test_as_a_context_manager_and_with_options_of_its_own():
    """A loop may keep its with block, its run_dir and other options."""

    def in_a_with_block(attach, steps):
        def attach_here(generator, discriminator):
            return attach(generator, discriminator, run_dir="elsewhere", hyperparameters={"lr": 1})

        with attach_here(nn.Linear(2, 2), nn.Linear(2, 1)) as callback:
            for _ in range(steps):
                callback.log(value=1.0)

    assert assert_unchanged(in_a_with_block, steps=3).meta["hyperparameters"] == {"lr": 1}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda batch: batch.data.neg_(), r"watching changed the training: generator: (weight|bias) differs"),
        (lambda _batch: torch.rand(1), "watching changed the training"),
    ],
    ids=["a changed tensor", "a random number drawn"],
)
def test_a_watcher_that_changes_something_is_caught(monkeypatch, spoil, message):
    """The first difference is named."""
    original = gandiag.probes.origins.Origins.add

    def add(self, output, **options):
        spoil(output)
        original(self, output, **options)

    monkeypatch.setattr(gandiag.probes.origins.Origins, "add", add)
    with pytest.raises(AssertionError, match=message):
        assert_unchanged(train, steps=5)


def test_a_loop_that_is_not_deterministic_is_told_from_one_that_was_changed():
    """Nothing can be compared then, and that is what is said."""
    drift = iter(range(100))

    def touch(_step, generator):
        with torch.no_grad():
            generator.bias.add_(next(drift))

    with pytest.raises(AssertionError, match="the loop is not deterministic"):
        assert_unchanged(lambda attach, steps: train(attach, steps, touch=touch), steps=3)


def test_a_function_that_attaches_nothing_is_refused():
    """Without networks there is nothing to compare."""
    with pytest.raises(ValueError, match=r"train did not call attach\(generator, discriminator\)"):
        assert_unchanged(lambda _attach, _steps: None)
