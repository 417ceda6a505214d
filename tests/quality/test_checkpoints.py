"""Generators from checkpoints: the factory, the weights, the latents, and that nothing of the caller's state moves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from gandiag.nets.frozen import frozen_copy
from gandiag.quality.sources.generators import GeneratorSource, load_generator

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")
MODULE = """
import torch
from torch import nn

class Net(nn.Module):
    z_dim = 4

    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, z):
        return self.main(z)

def build():
    return Net()

def mute():
    return nn.Linear(4, 2)

def conditional():
    return Net(), lambda n: torch.rand(n, 4)

def broken():
    raise RuntimeError("no such file: config.yaml")

def wrong():
    return 3
"""


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module in the current folder."""
    (tmp_path / "made_for_tests.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "made_for_tests", raising=False)
    return "made_for_tests"


def weights_of(factory: str) -> dict[str, torch.Tensor]:
    generator, _ = load_generator(f"{factory}:build", None, CPU)
    return {name: torch.full_like(value, 0.5) for name, value in generator.state_dict().items()}


@pytest.mark.parametrize("key", ["", "g_ema", "generator", "state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod."])
def test_weights_are_found_where_checkpoints_keep_them(factory: str, tmp_path: Path, key: str, prefix: str) -> None:
    """Bare or nested, with the prefixes of wrappers, beside other tensors."""
    state = {prefix + name: value for name, value in weights_of(factory).items()}
    content = {key: state, "discriminator": {"weight": torch.zeros(1)}, "step": 3} if key else state
    torch.save(content, tmp_path / "g.pt")
    generator, _ = load_generator(f"{factory}:build", tmp_path / "g.pt", CPU)
    assert all(bool((value == 0.5).all()) for value in generator.state_dict().values())
    assert not generator.training


def test_an_average_is_preferred(factory: str, tmp_path: Path) -> None:
    """Where a checkpoint holds both, the averaged weights are the ones that are published."""
    plain = weights_of(factory)
    average = {name: torch.ones_like(value) for name, value in plain.items()}
    torch.save({"generator": plain, "g_ema": average}, tmp_path / "g.pt")
    generator, _ = load_generator(f"{factory}:build", tmp_path / "g.pt", CPU)
    assert all(bool((value == 1).all()) for value in generator.state_dict().values())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("made_for_tests", "must be package.module:function"),
        ("nowhere_at_all:build", "nowhere_at_all"),
        ("made_for_tests:absent", "has no absent"),
        ("made_for_tests:broken", "config.yaml"),
        ("made_for_tests:wrong", "found int"),
        ("made_for_tests:mute", "--latent-size"),
    ],
)
def test_a_factory_that_cannot_be_used_is_named(factory: str, name: str, said: str) -> None:
    """One sentence, whatever is wrong with it."""
    with pytest.raises(ValueError, match=said):
        load_generator(name, None, CPU)


def test_weights_that_do_not_fit_are_named(factory: str, tmp_path: Path) -> None:
    """Other names, other shapes, no weights at all, a text file, no file."""
    files = {
        "names.pt": ({"other.weight": torch.zeros(2)}, "4 names are missing"),
        "empty.pt": ({"step": 3}, "no dictionary of tensors, found step"),
        "shapes.pt": ({n: torch.zeros(1) for n in weights_of(factory)}, "does not fit Net"),
    }
    for name, (content, said) in files.items():
        torch.save(content, tmp_path / name)
        with pytest.raises(ValueError, match=said):
            load_generator(f"{factory}:build", tmp_path / name, CPU)
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(ValueError, match=r"text.pt: not a readable file of weights"):
        load_generator(f"{factory}:build", tmp_path / "text.pt", CPU)
    with pytest.raises(ValueError, match=r"absent.pt: does not exist"):
        load_generator(f"{factory}:build", tmp_path / "absent.pt", CPU)


def test_samples_are_the_same_whoever_reads_them(factory: str) -> None:
    """A share of the batches is that part of the whole, and another seed gives others."""
    generator, draw = load_generator(f"{factory}:conditional", None, CPU)
    source = GeneratorSource(generator, draw, 50, CPU)
    whole = torch.cat(list(source.batches(8)))
    assert whole.shape == (50, 2)
    assert torch.equal(torch.cat(list(source.batches(8, 16, 40))), whole[16:40])
    assert not torch.equal(torch.cat(list(GeneratorSource(generator, draw, 50, CPU, seed=1).batches(8))), whole)


def test_drawing_leaves_random_states_alone(factory: str) -> None:
    """torch's and numpy's global generators go on as if nothing had been drawn."""
    generator, draw = load_generator(f"{factory}:build", None, CPU)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    list(GeneratorSource(generator, draw, 20, CPU).batches(8))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_a_frozen_copy_shares_nothing_and_calls_no_hooks() -> None:
    """Changing the copy leaves the generator alone, and monitoring hooks do not see the copy's passes."""
    generator = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    seen = []
    generator[0].register_forward_hook(lambda *_: seen.append(1))
    copy = frozen_copy(generator)
    copy(torch.randn(4, 2))
    assert not seen
    assert generator.training
    assert not copy.training
    assert all(a.data_ptr() != b.data_ptr() for a, b in zip(generator.parameters(), copy.parameters(), strict=True))
    assert all(p.requires_grad for p in generator.parameters())


def test_a_generator_under_the_older_spectral_norm_can_be_copied_after_a_pass() -> None:
    """It keeps a weight with a history, which copy.deepcopy refuses; the copy gives the same samples."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.utils.spectral_norm(nn.Linear(2, 2)))
    latents = torch.randn(4, 2)
    generator(latents)
    copy = frozen_copy(generator)
    assert torch.equal(copy(latents), generator.eval()(latents))
