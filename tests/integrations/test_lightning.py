"""The Lightning callback: right values from manual optimization, and the training none the wiser."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.plugins import MixedPrecision
from torch.utils.data import DataLoader

import gandiag
from gandiag.integrations.lightning import GandiagCallback
from gandiag.rundir.run import Run, RunError

# Lightning warns of small logging intervals, few workers and torch's deprecations
pytestmark = pytest.mark.filterwarnings("default")


class GAN(LightningModule):
    """The tiny GAN with its own loop as manual optimization with two optimizers."""

    def __init__(self, gan, stop_at=None, error=None):
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator = gan.generator, gan.discriminator
        self.gan = gan
        self.stop_at, self.error = stop_at, error

    def configure_optimizers(self):
        return self.gan.adam_g, self.gan.adam_d

    def training_step(self, batch, batch_idx):  # noqa: ARG002 - the signature of Lightning
        if self.global_step == 2 * (self.stop_at or -1):
            raise self.error
        # the loop calls the wrapped optimizers, as Lightning wants it
        self.gan.adam_g, self.gan.adam_d = self.optimizers()
        values = self.gan.step()
        self.gan.expected.append(values)
        self.log("g_loss", values["loss/generator"], on_step=True, on_epoch=True, prog_bar=True)
        if batch_idx % 4 == 0:
            self.log("now_and_then", float(len(self.gan.expected)))

    def validation_step(self, batch, batch_idx):  # noqa: ARG002 - the signature of Lightning
        self.discriminator(self.generator(torch.randn(64, 4)) + 100)
        self.log("g_loss", 1000.0)
        self.log("d_loss", 1000.0)


def fit(model, callback, folder, **options):
    """Two epochs of ten steps, with sanity checking and validation."""
    loader = DataLoader(torch.zeros(10, 1), batch_size=1)
    options = {"max_epochs": 2, "num_sanity_val_steps": 2, "limit_val_batches": 2} | options
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[callback],
        **{"enable_checkpointing": False} | options,
    )
    trainer.fit(model, loader, loader, ckpt_path=model.ckpt if hasattr(model, "ckpt") else None)
    return trainer


def test_recorded_values_equal_those_computed_in_training_step(tiny, tmp_path):
    """Gradient norms, D's outputs and logged losses of each step; nothing of sanity checking or validation."""
    gan = tiny()
    fit(GAN(gan), GandiagCallback(tmp_path / "run"), tmp_path)
    run = Run.open(tmp_path / "run")
    assert run.meta["status"] == "closed"
    assert not run.meta["faults"]
    assert list(run.scalars.index) == list(range(1, 21))
    names = ["grad/generator/norm", "grad/discriminator/norm", "d/real/mean", "d/fake/mean", "feedback/norm"]
    for name in [*names, "diversity/fake", "loss/generator"]:
        expected = [values[name] for values in gan.expected]
        np.testing.assert_allclose(run.series(name), expected, rtol=2e-5, err_msg=name)
    assert run.series("now_and_then").to_dict() == {s: s for s in (1, 5, 9, 11, 15, 19)}
    assert not {"loss/discriminator", "g_loss_step", "g_loss_epoch"} & set(run.scalars)


def test_training_is_the_same_with_and_without(tiny, tmp_path):
    """Weights, optimizer and random states."""

    def states(*callbacks):
        gan = tiny(seed=3)
        fit(GAN(gan), *callbacks, tmp_path)
        gan.adam_g, gan.adam_d = gan.adam_g.optimizer, gan.adam_d.optimizer
        return gan.state()

    from lightning.pytorch import Callback

    for one, other in zip(states(Callback()), states(GandiagCallback(tmp_path / "run")), strict=True):
        assert torch.equal(one, other)


def test_under_mixed_precision_a_loss_scale_is_in_no_signal(tiny, tmp_path):
    """Gradients and the feedback are those without a GradScaler's factor."""
    gan, model_norms = tiny(), []

    class Mixed(GAN):
        def training_step(self, batch, batch_idx):  # noqa: ARG002 - the signature of Lightning
            adam_g, adam_d = self.optimizers()
            generated = self.generator(torch.randn(16, 4))
            for optimizer, samples, sign in ((adam_d, generated.detach(), 1), (adam_g, generated, -1)):
                optimizer.zero_grad()
                self.manual_backward(sign * self.discriminator(samples).float().mean())
                optimizer.step()

        def on_before_optimizer_step(self, optimizer):
            gradients = [p.grad.flatten() for group in optimizer.param_groups for p in group["params"]]
            model_norms.append(float(torch.cat(gradients).norm()))

    precision = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=1024.0))
    fit(Mixed(gan), GandiagCallback(tmp_path / "run"), tmp_path, plugins=[precision])
    run = Run.open(tmp_path / "run")
    np.testing.assert_allclose(run.series("grad/discriminator/norm"), model_norms[::2], rtol=1e-5)
    np.testing.assert_allclose(run.series("grad/generator/norm"), model_norms[1::2], rtol=1e-5)
    assert (run.series("feedback/norm") < 1).all()
    assert not run.meta["faults"]


@pytest.mark.parametrize("error", [RuntimeError("out of luck"), KeyboardInterrupt()])
def test_a_training_that_raises_is_recorded_as_crashed(error, tiny, tmp_path):
    """The exception goes its way, the reason is on record, no hook stays behind."""
    gan = tiny()
    model = GAN(gan, stop_at=7, error=error)
    with pytest.raises(RuntimeError if isinstance(error, RuntimeError) else SystemExit):
        fit(model, GandiagCallback(tmp_path / "run"), tmp_path)
    run = Run.open(tmp_path / "run")
    assert run.meta["status"] == ("crashed" if isinstance(error, RuntimeError) else "interrupted")
    assert run.meta["reason"].startswith(type(error).__name__)
    assert run.last_step == 7
    assert not gan.generator._forward_hooks


def test_networks_that_do_not_exist_are_named_before_anything_is_computed(tiny, tmp_path):
    """One sentence with the attribute and those that there are; dotted names reach into a module."""
    with pytest.raises(ValueError, match="generator: GAN has no module 'netG'; its modules are generator, disc"):
        fit(GAN(tiny()), GandiagCallback(tmp_path / "run", generator="netG"), tmp_path)
    with pytest.raises(ValueError, match=r"discriminator: GAN has no module 'discriminator\.head'"):
        fit(GAN(tiny()), GandiagCallback(tmp_path / "run", discriminator="discriminator.head"), tmp_path)
    assert not (tmp_path / "run").exists()
    model = GAN(tiny())
    model.inner = torch.nn.ModuleDict({"g": model.generator})
    fit(model, GandiagCallback(tmp_path / "run", generator="inner.g"), tmp_path)
    assert Run.open(tmp_path / "run").last_step == 20


def test_several_networks_are_handed_on_by_name(tiny, tmp_path, monkeypatch):
    """A mapping of names becomes a dictionary of modules."""
    given = {}
    monkeypatch.setattr(
        "gandiag.integrations.lightning.attach",
        lambda **arguments: given.update(arguments) or gandiag.Callback(tmp_path / "run"),
    )
    model = GAN(tiny())
    fit(model, GandiagCallback(tmp_path / "run", generator={"a2b": "generator"}), tmp_path)
    assert given["generator"] == {"a2b": model.generator}
    assert given["discriminator"] is model.discriminator


def test_a_run_directory_in_use_stops_the_training_before_it_starts(tiny, tmp_path):
    """Like attach, and no weight has moved."""
    with gandiag.Callback(tmp_path / "run") as callback:
        callback.step()
    gan = tiny()
    with pytest.raises(RunError, match="resume=True"):
        fit(GAN(gan), GandiagCallback(tmp_path / "run"), tmp_path)
    assert not gan.expected


def test_fitting_again_continues_and_a_checkpoint_takes_back_what_was_done_after_it(tiny, tmp_path):
    """The same callback appends; with resume=True a restored one goes on at the step of the checkpoint."""
    gan, callback = tiny(), GandiagCallback(tmp_path / "run", resume=True)
    trainer = fit(GAN(gan), callback, tmp_path)
    trainer.save_checkpoint(tmp_path / "after-20.ckpt")
    gan.adam_g, gan.adam_d = gan.adam_g.optimizer, gan.adam_d.optimizer
    fit(GAN(gan), callback, tmp_path)
    assert Run.open(tmp_path / "run").last_step == 40
    model = GAN(tiny())
    model.ckpt = tmp_path / "after-20.ckpt"
    fit(model, GandiagCallback(tmp_path / "run", resume=True), tmp_path, max_epochs=3)
    run = Run.open(tmp_path / "run")
    assert list(run.scalars.index) == list(range(1, 31))
    assert [s["start_step"] for s in run.meta["segments"]] == [1, 21, 21]


def test_a_broken_recorder_does_not_stop_the_training(tiny, tmp_path, monkeypatch):
    """Metrics that cannot be read are a fault, logged once."""
    monkeypatch.setattr("gandiag.integrations.lightning.scalars", lambda values: values.broken)
    gan = tiny()
    fit(GAN(gan), GandiagCallback(tmp_path / "run"), tmp_path)
    run = Run.open(tmp_path / "run")
    assert len(gan.expected) == run.last_step == 20
    assert [f["where"] for f in run.meta["faults"]] == ["logged metrics"]


SCRIPT = """
import sys, torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.utils.data import DataLoader
from lightning.pytorch import LightningModule, Trainer
from gandiag.integrations.lightning import GandiagCallback

class GAN(LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.automatic_optimization = False
        self.generator, self.discriminator = torch.nn.Linear(4, 2), torch.nn.Linear(2, 1)
        self.norms = []
    def configure_optimizers(self):
        return [torch.optim.SGD(m.parameters(), lr=0.1) for m in (self.generator, self.discriminator)]
    def training_step(self, batch, batch_idx):  # noqa: ARG002 - the signature of Lightning
        sgd_g, sgd_d = self.optimizers()
        on_real, on_fake = self.discriminator(batch), self.discriminator(self.generator(torch.randn(8, 4)).detach())
        sgd_d.zero_grad()
        self.manual_backward(bce(on_real, torch.ones(8, 1)) + bce(on_fake, torch.zeros(8, 1)))
        sgd_d.step()
        sgd_g.zero_grad()
        self.manual_backward(bce(self.discriminator(self.generator(torch.randn(8, 4))), torch.ones(8, 1)))
        self.norms.append(torch.cat([p.grad.flatten() for p in self.generator.parameters()]).norm().item())
        self.log("g_loss", self.norms[-1], sync_dist=True, on_step=True, on_epoch=True)
        sgd_g.step()

if __name__ == "__main__":
    torch.set_num_threads(1)
    model = GAN()
    loader = DataLoader(torch.randn(160, 2), batch_size=8)
    trainer = Trainer(
        accelerator="cpu", devices=2, strategy="ddp_find_unused_parameters_true", max_epochs=2, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[GandiagCallback(sys.argv[1], max_overhead=None)],
    )
    trainer.fit(model, loader)
    if trainer.is_global_zero:
        print(*model.norms)
"""


@pytest.mark.slow
def test_of_a_distributed_training_each_process_records_its_part(tmp_path):
    """Two processes under DDP: averaged gradients as the optimizers use them, one run, no hang at epoch ends."""
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(SCRIPT))
    done = subprocess.run(
        [sys.executable, script, tmp_path / "run"], capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    norms = [float(word) for word in done.stdout.split()[-20:]]
    run = Run.open(tmp_path / "run")
    assert not run.meta["faults"]
    assert run.meta["attribution"]["per discriminator step, D saw"] == "1 real, 1 generated, 0 penalty"
    np.testing.assert_allclose(run.series("grad/generator/norm"), norms, rtol=1e-5)
    assert run.series("loss/generator").size == 20
    assert run.meta["ranks"] == [0, 1]
    assert (run.series("samples/real") == 16).all()
