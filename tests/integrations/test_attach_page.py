"""The adapters of docs/attach.md, as printed."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import gandiag
from gandiag.rundir.run import Run

PAGE = (Path(__file__).parents[2] / "docs" / "attach.md").read_text()
BLOCK = re.compile(
    r"^(?:\*\*|## )([\w ]+)(?:\.\*\*|$)(?:(?!^\*\*|^## ).)*?```python\n(.*?)```", re.DOTALL | re.MULTILINE
)
BLOCKS = dict(BLOCK.findall(PAGE))


def lightning(gan):
    """A module with `generator` and `discriminator`, and a small trainer."""
    from functools import partial

    import torch
    from lightning.pytorch import LightningModule, Trainer

    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.automatic_optimization = False
            self.generator, self.discriminator = gan.generator, gan.discriminator

        def configure_optimizers(self):
            return gan.adam_g, gan.adam_d

        def training_step(self, _):
            gan.step()

    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    loader = torch.utils.data.DataLoader(torch.zeros(1, 1))
    return {"Trainer": partial(Trainer, accelerator="cpu", **quiet), "module": Module(), "loader": loader}


def ignite(gan):
    """An engine that trains."""
    from ignite.engine import Engine

    return {"trainer": Engine(lambda *_: {"g_loss": gan.step()["loss/generator"]}), "loader": [0]}


def accelerate(gan):
    """An accelerator that prepares nothing."""
    stand_in = SimpleNamespace(prepare=lambda *given: given, process_index=0, scaler=None, trackers=[])
    stand_in.gradient_state = SimpleNamespace(sync_gradients=True)
    return {"accelerator": stand_in, "opt_g": gan.adam_g, "opt_d": gan.adam_d, "after": lambda: after(stand_in, gan)}


def after(accelerator, gan):
    for _ in range(20):
        gan.step()
    accelerator.trackers[0].finish()


def without_torch(gan):
    """What a step of another framework has."""
    random = np.random.default_rng(0)
    arrays = {"d_real": random.normal(size=(8, 1)), "d_fake": random.normal(size=(8, 1))}
    return arrays | {"fake": random.normal(size=(8, 2)), "real": random.normal(size=(8, 2)), "g_norm": 1.0, "steps": 20}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("block", "given"),
    [("Lightning", lightning), ("Ignite", ignite), ("Accelerate", accelerate), ("Without torch", without_torch)],
)
def test_the_code_runs_and_records(block, given, tiny, tmp_path, monkeypatch):
    """Twenty steps each, with D's outputs and gradients."""
    monkeypatch.chdir(tmp_path)
    gan = tiny()
    names = {"gandiag": gandiag, "generator": gan.generator, "discriminator": gan.discriminator}
    names |= {"G": gan.generator, "D": gan.discriminator, "g_loss": 1.0, "d_loss": 1.0, "after": lambda: None}
    names |= given(gan)
    exec(BLOCKS[block], names)  # noqa: S102 - the page's own code
    names["after"]()
    (folder,) = (tmp_path / "runs").iterdir()
    run = Run.open(folder)
    assert run.meta["status"] == "closed"
    assert not run.meta["faults"]
    for name in ("d/auc", "grad/generator/norm", "diversity/ratio"):
        assert run.series(name).size == 20, name
