"""Small GANs and fixtures shared by the tests."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

torch.set_num_threads(1)  # networks this small only lose by sharing their work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser
    from xdist.scheduler import LoadFileScheduling

    import gandiag


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """A file goes to one process, so that what its tests share is made once; files in the order of the collection."""
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where processes share the files, those with slow tests come first, then long ones: all processes end together."""
    if not hasattr(config, "workerinput"):
        return
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    slow = {name for name, own in files.items() if any(item.get_closest_marker("slow") for item in own)}
    items[:] = [item for name in sorted(files, key=lambda n: (n not in slow, -len(files[n]))) for item in files[name]]


@pytest.fixture(autouse=True)
def drawn_alike() -> None:
    """Weights and noise that a test draws without a seed of its own are the same each time it runs."""
    torch.manual_seed(0)


@dataclass
class TinyGAN:
    """A 2-D MLP GAN whose loop also computes by hand what gandiag is to record."""

    seed: int = 0
    batch: int = 16
    generator: nn.Module = field(init=False)
    discriminator: nn.Module = field(init=False)
    expected: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        self.generator = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
        self.discriminator = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Dropout(0.1), nn.Linear(16, 1))
        self.adam_g = torch.optim.Adam(self.generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
        self.adam_d = torch.optim.Adam(self.discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999))

    def step(self) -> dict[str, float]:
        """One update of D, then one of G; returns hand-computed values."""
        real = torch.randn(self.batch, 2) + 2
        fake = self.generator(torch.randn(self.batch, 4)).detach()
        on_real, on_fake = self.discriminator(real), self.discriminator(fake)
        loss_d = bce(on_real, torch.ones_like(on_real)) + bce(on_fake, torch.zeros_like(on_fake))
        self.adam_d.zero_grad()
        loss_d.backward()
        norm_d = _norm(self.discriminator)
        self.adam_d.step()

        generated = self.generator(torch.randn(self.batch, 4))
        generated.retain_grad()
        verdict = self.discriminator(generated)
        loss_g = bce(verdict, torch.ones_like(verdict))
        self.adam_g.zero_grad()
        loss_g.backward()
        norm_g = _norm(self.generator)
        before = [p.detach().clone() for p in self.generator.parameters()]
        self.adam_g.step()
        moved = [p.detach() - b for p, b in zip(self.generator.parameters(), before, strict=True)]
        assert generated.grad is not None
        return {
            "grad/discriminator/norm": norm_d,
            "grad/generator/norm": norm_g,
            "feedback/norm": float(generated.grad.norm(dim=1).mean()),
            "d/real/mean": float(on_real.detach().mean()),
            "d/fake/mean": float(on_fake.detach().mean()),
            "d/auc": float((on_real > on_fake.T).float().mean()),
            "diversity/fake": float(torch.pdist(fake).mean()),
            "diversity/real": float(torch.pdist(real).mean()),
            "update/generator/ratio": _length(moved) / _length(list(self.generator.parameters())),
            "loss/generator": float(loss_g.detach()),
        }

    def train(self, steps: int, callback: gandiag.Callback | None = None) -> TinyGAN:
        for _ in range(steps):
            values = self.step()
            self.expected.append(values)
            if callback is not None:
                callback.log(loss_generator=values["loss/generator"])
        return self

    def state(self) -> list[Any]:
        """Everything that training changes: weights, buffers, optimizer and random states."""
        tensors = [*self.generator.state_dict().values(), *self.discriminator.state_dict().values()]
        for adam in (self.adam_g, self.adam_d):
            for slot in adam.state_dict()["state"].values():
                tensors += [v for v in slot.values() if isinstance(v, torch.Tensor)]
        return [*(t.clone() for t in tensors), torch.get_rng_state()]


def _norm(module: nn.Module) -> float:
    return _length([p.grad for p in module.parameters() if p.grad is not None])


def _length(tensors: list[torch.Tensor]) -> float:
    return float(torch.cat([t.detach().flatten() for t in tensors]).norm())


@pytest.fixture
def tiny() -> Callable[..., TinyGAN]:
    """Makes tiny GANs."""
    return TinyGAN


@pytest.fixture(autouse=True)
def _full_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every round is recorded, whatever that costs; tests of the plan ask for less."""
    from gandiag.record.callback import Callback

    monkeypatch.setitem(Callback.__init__.__kwdefaults__, "max_overhead", None)


BROWSER = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium. Not of the session: while it lives asyncio has a running loop in this thread."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on the path")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(BROWSER))
        yield started
        started.close()
