"""Values that cannot be read, computed or understood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from gandiag.measure.attribution import Attribution
from gandiag.rundir.run import Run

from .matrix import Game, Happened, attached, fault, outputs, recorded, trained

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "What cannot be read"
HANDED_OVER = "what had not left the device: at most a second, or 100 steps where they are shorter"
ASSERTION = "CUDA error: device-side assert triggered"


@fault(GROUP, "float64 throughout")
def double(folder: Path) -> Happened:
    return trained(folder, 60, dtype=torch.float64)


@fault(
    GROUP,
    "an empty batch in every 20th step",
    lost="d/auc in 3 of 60 rows, feedback/norm in 3 of 60 rows",
)
def empty_batches(folder: Path) -> Happened:
    return trained(folder, 60, batch=lambda step: 0 if step % 20 == 10 else 16)


@fault(GROUP, "torch.func's jacrev and vmap of G and of D, every other step")
def transforms(folder: Path) -> Happened:
    def look(step: int, game: Game) -> None:
        if step % 2:
            torch.func.jacrev(game.generator)(torch.ones(3, 4))
            torch.func.vmap(game.discriminator)(torch.ones(3, 2))

    return trained(folder, 60, look)


@fault(GROUP, "torch.jit.script of G in the middle", marks=(pytest.mark.filterwarnings("ignore::FutureWarning"),))
def scripted(folder: Path) -> Happened:
    def export(step: int, game: Game) -> None:
        if step == 30:
            script = torch.jit.script(game.generator)
            assert torch.equal(script(torch.ones(1, 4)), game.generator(torch.ones(1, 4)))

    return trained(folder, 60, export)


@fault(
    GROUP,
    "a complex layer in G",
    lost="feedback/norm in 60 of 60 rows",
    told=("complex numbers are not supported: what is complex of generator is not recorded",),
)
def complex_samples(folder: Path) -> Happened:
    class Complex(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 2, dtype=torch.complex64)

        def forward(self, latents: torch.Tensor) -> torch.Tensor:
            return self.layer(latents.to(torch.complex64))

    class Magnitude(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def forward(self, samples: torch.Tensor) -> torch.Tensor:
            return self.layer(samples.abs())

    made = iter([Complex(), Magnitude()])
    game = Game(wrap=lambda _: next(made))
    with attached(game, folder):
        for _ in range(60):
            game.step()
    return Happened(60, signals=("d/auc", "feedback/norm"))


@fault(
    GROUP,
    "a value logged as a number and, in every third step, as a tensor whose device is gone",
    lost="penalty in 94 of 280 rows",
    told=("scalar/penalty: NotImplementedError: Cannot copy out of meta tensor",),
)
def one_value(folder: Path) -> Happened:
    with recorded(folder) as callback:
        for step in range(280):
            callback.log(penalty=torch.empty((), device="meta") if step % 3 == 0 else 0.0)
            callback.step(**outputs())
    return Happened(280, signals=("d/auc", "penalty"))


@fault(
    GROUP,
    "the last rows cannot be read: an assertion on the device, out of memory",
    training="ends with its own RuntimeError",
    lost=HANDED_OVER,
    told=(ASSERTION,),
    ended=f"crashed: RuntimeError: {ASSERTION}",
)
def dead_device(folder: Path) -> Happened:
    def dead(*_: Any, **__: Any) -> None:
        raise RuntimeError(ASSERTION)

    def train(patch: pytest.MonkeyPatch) -> None:
        game = Game()
        with attached(game, folder) as callback:
            for step in range(250):
                game.step()
                if step == 199:
                    callback.flush()
            patch.setattr(torch, "stack", dead)
            dead()

    with pytest.MonkeyPatch.context() as patch, pytest.raises(RuntimeError, match="device-side"):
        train(patch)
    run = Run.open(folder / "run")
    assert run.last_step == 250
    assert run.series("d/auc").index.max() >= 200
    return Happened(250, "ends with its own RuntimeError", lost=HANDED_OVER)


@fault(
    GROUP,
    "one row that cannot be computed",
    lost="1 of 280 steps",
    told=("ValueError: a bad row",),
)
def one_bad_row(folder: Path) -> Happened:
    from gandiag.record import stages

    reduce_block = stages.reduce_block

    def picky(raw: Any, *arguments: Any) -> Any:
        if (raw.get("scalar/x", 0) == 77).any():
            raise ValueError("a bad row")
        return reduce_block(raw, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "reduce_block", picky)
        with recorded(folder) as callback:
            for step in range(1, 281):
                callback.log(x=step)
                callback.step(**outputs())
    return Happened(280, signals=("d/auc",))


@fault(
    GROUP,
    "one row in which it cannot be told apart what D was given",
    lost="1 of 280 steps",
    told=("ValueError: a bad row", "ValueError: a bad row"),
)
def one_untold_row(folder: Path) -> Happened:
    resolve = Attribution.resolve

    def picky(self: Attribution, groups: Any) -> Any:
        if any((raw.get("scalar/x", np.zeros(1)) == 77).any() for _, raw in groups):
            raise ValueError("a bad row")
        return resolve(self, groups)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Attribution, "resolve", picky)
        with recorded(folder) as callback:
            for step in range(1, 281):
                callback.log(x=step)
                callback.step(**outputs())
    return Happened(280, signals=("d/auc",))


class Verdict:
    """What a D of somebody's own returns."""

    def __init__(self, value: torch.Tensor) -> None:
        self.value = value


@fault(
    GROUP,
    "D returns an object of a class of its own",
    lost="d/auc in 80 of 80 rows",
    told=("the outputs of discriminator are not understood: in 50 calls it returned no tensor",),
)
def own_class(folder: Path) -> Happened:
    class D(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def forward(self, samples: torch.Tensor) -> Verdict:
            return Verdict(self.layer(samples))

    made = iter([torch.nn.Linear(4, 2), D()])
    game = Game(wrap=lambda _: next(made))
    watched, game.discriminator = game.discriminator, lambda samples: watched(samples).value
    with_d = Game.__new__(Game)
    with_d.generator, with_d.discriminator = game.generator, watched
    with attached(with_d, folder):
        for _ in range(80):
            game.step()
    return Happened(80, signals=("d/auc",))


@fault(
    GROUP,
    "an optimizer of one's own, and no callback.step()",
    lost="80 of 80 steps",
    told=("no optimizer step on the generator's parameters was seen, though gradients came back to its samples 50 t",),
)
def own_optimizer(folder: Path) -> Happened:
    game = Game()
    with attached(game, folder) as callback:
        for step in range(80):
            game.discriminator(game.generator(torch.randn(8, 4))).mean().backward()
            if step == 55:
                assert callback._recording.faults.entries, "said at once, not at the end"
    return Happened(80)
