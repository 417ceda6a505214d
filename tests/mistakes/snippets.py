"""What the examples of docs/gallery.md are made of: code as people write it, run as a training."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .cases import CASES, CORRECTED, Case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .cases import Attach

START = """\
import copy
import gandiag
import torch
from torch import nn
from torch.nn import functional as F


def mlp(inputs, outputs, *last):
    return nn.Sequential(nn.Linear(inputs, 12), nn.LeakyReLU(0.2), nn.Linear(12, outputs), *last)


def adam(network, rate=1e-3):
    return torch.optim.Adam(network.parameters(), rate, betas=(0.5, 0.999))


G, D = mlp(4, 2), mlp(2, 1)
opt_G, opt_D = adam(G), adam(D)
z = lambda: torch.randn(16, 4)
real = lambda: torch.randn(16, 2) + 2"""
LOOP = """\
loss_D = F.softplus(-D(real())).mean() + F.softplus(D(G(z()).detach())).mean()
opt_D.zero_grad()
loss_D.backward()
opt_D.step()
loss_G = F.softplus(-D(G(z()))).mean()
opt_G.zero_grad()
loss_G.backward()
opt_G.step()"""


@dataclass(frozen=True)
class Code:
    """What stands before the loop, and in it."""

    before: str = ""
    loop: str = LOOP

    @property
    def lines(self) -> list[str]:
        inside = [f"        {line}" for line in self.loop.splitlines()]
        watched = ['with gandiag.attach(G, D, run_dir="runs/mistake"):', "    for step in range(200):"]
        return [*self.before.splitlines(), *watched, *inside]

    def changed(self, *pairs: tuple[str, str]) -> Code:
        """The same with some of it replaced."""
        parts = [self.before, self.loop]
        for old, new in pairs:
            assert any(old in part for part in parts), old
            parts = [part.replace(old, new) for part in parts]
        return Code(*parts)

    def train(self, attach: Attach) -> Iterator[None]:
        """Run it as one of the cases."""
        names: dict[str, object] = {}
        exec(f"{START}\n{self.before}", names)  # noqa: S102 - our own
        attach(names["G"], names["D"])  # type: ignore[arg-type]
        loop = compile(self.loop, "gallery", "exec")
        for names["step"] in itertools.count():
            exec(loop, names)  # noqa: S102 - our own
            yield


@dataclass(frozen=True)
class Example:
    """A mistake: in a sentence, as code, and corrected."""

    told: str
    wrong: Code
    right: Code = Code()


EXAMPLES: dict[str, Example] = {}


def example(name: str, code: str, remedy: str, entry: Example, severity: str = "failure") -> None:
    """Enter an example into the table of cases, and its corrected loop beside it."""
    EXAMPLES[name] = entry
    CASES[name] = Case(code, entry.told, entry.wrong.train, remedy, severity=severity)
    if entry.right != Code():  # that one is among the cases
        CORRECTED[name] = Case(code, "corrected", entry.right.train)
