"""Samples, images, weights, policies and baselines that mean harm: one sentence, exit 2, and no code is run."""

from __future__ import annotations

import os

import hostile
import numpy as np
import pytest
from click.testing import CliRunner

from gandiag.cli.main import main

FID = ("--extractor", "identity", "--metrics", "fid")
GENERATORS = """
import sys
import torch

class Net(torch.nn.Module):
    def __init__(self, act=None):
        super().__init__()
        self.layer, self.act = torch.nn.Linear(4, 8), act

    def forward(self, z):
        return self.layer(z) if self.act is None else self.act(z)

def raising(*_):
    raise KeyError("secret")

def leaving(*_):
    sys.exit(0)

def ending(*_):
    raise EOFError

build = Net
from_factory = raising
leaving_factory = leaving
nothing = lambda: None
forward = lambda: Net(raising)
exiting = lambda: Net(leaving)
eof = lambda: Net(ending)
draws = lambda: (Net(), raising)
draws_text = lambda: (Net(), lambda n: "text")
returns_none = lambda: Net(lambda z: None)
returns_text = lambda: Net(lambda z: "text")
returns_few = lambda: Net(lambda z: torch.zeros(1, 8))
returns_scalar = lambda: Net(lambda z: torch.zeros(()))
returns_complex = lambda: Net(lambda z: torch.zeros(len(z), 8, dtype=torch.complex64))
returns_five = lambda: Net(lambda z: torch.zeros(len(z), 2, 2, 2, 2))
returns_ragged = lambda: Net(lambda z: torch.zeros(len(z), int(z[0, 0] * 1000) % 7 + 1))
"""


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A folder to be in, with good samples and a module of generators."""
    monkeypatch.chdir(tmp_path)
    np.savez("good.npz", x=np.random.default_rng(0).normal(size=(60, 8)))
    (tmp_path / "bad_generators.py").write_text(GENERATORS)
    return tmp_path


def refused(*arguments):
    """What is said of a command that must be refused."""
    done = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 2, (arguments, done.output)
    assert done.stderr.startswith("gandiag: "), arguments
    assert done.stderr.count("\n") == 1, done.stderr
    assert "fault of gandiag's own" not in done.stderr
    assert "code was run" not in done.output
    assert len(done.stderr) < 5000
    return done.stderr


@pytest.mark.parametrize("name", hostile.sample_files())
def test_samples(world, name):
    """As what is measured, as the reference, and as what is checked."""
    (file,) = hostile.write(world / "bad", {name: hostile.sample_files()[name]})
    for said in (
        refused("evaluate", file, "--reference", "good.npz", *FID),
        refused("evaluate", "good.npz", "--reference", file, *FID),
        refused("check", file, "--reference", "good.npz", *FID[:2]),
        refused("check", "good.npz", "--reference", file, *FID[:2]),
    ):
        assert name in said


@pytest.mark.parametrize("name", hostile.picture_files())
def test_pictures(world, name):
    """Bombs are refused by their header; no other program is started."""
    hostile.write(world / "bad", {name: hostile.picture_files()[name]})
    assert name in refused("evaluate", "bad", "--reference", "good.npz", *FID)
    assert name in refused("check", "bad", "--reference", "good.npz")


@pytest.mark.parametrize("name", hostile.weight_files())
def test_weights(world, name):
    """Read without running code, whatever they hold."""
    (file,) = hostile.write(world / "bad", {name: hostile.weight_files()[name]})
    made = ("--reference", "good.npz", "--n", 20)
    refused("check", file, "--generator", "bad_generators:build", "--latent", "normal:4", *made)
    from_file = ("--generator", "bad_generators:build", "--weights", file, "--latent-size", 4)
    assert name in refused("evaluate", *from_file, *made, *FID)


@pytest.mark.parametrize("name", hostile.policy_files())
def test_policies(world, name):
    """Nested, long, steering the terminal, no text at all."""
    (file,) = hostile.write(world / "bad", {name: hostile.policy_files()[name]})
    assert name in refused("check", "good.npz", "--policy", file)
    if name != "check.toml":
        assert name in refused("detectors", "--policy", file)


@pytest.mark.parametrize("name", hostile.baseline_files())
def test_baselines(world, name):
    """Each field has a type."""
    (file,) = hostile.write(world / "bad", {name: hostile.baseline_files()[name]})
    assert name in refused("check", "good.npz", "--reference", "good.npz", *FID[:2], "--baseline", file)


@pytest.mark.parametrize(
    "name",
    ["from_factory", "leaving_factory", "nothing", "forward", "exiting", "eof", "draws", "draws_text", "returns_none",
     "returns_text", "returns_few", "returns_scalar", "returns_complex", "returns_five", "returns_ragged"],
)  # fmt: skip
def test_generators(world, name):
    """A factory or a network that raises, leaves, or makes something else than samples."""
    made = ("--generator", f"bad_generators:{name}", "--reference", "good.npz", "--n", 20)
    refused("evaluate", *made, "--latent-size", 4, *FID)
    refused("evaluate", *made, "--latent-size", 4, *FID[:2], "--metrics", "sensitivity")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes of names")
def test_a_pipe_is_not_waited_for(world):
    """Nor is a device without end."""
    os.mkfifo("pipe.npz")
    refused("evaluate", "pipe.npz", "--reference", "good.npz", *FID)
    refused("check", "pipe.npz", "--reference", "good.npz")
    refused("check", "/dev/zero", "--reference", "good.npz")
    refused("check", "good.npz", "--reference", "/dev/zero")
