"""torch.compile, DataParallel, DistributedDataParallel and FSDP2."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from .matrix import NEEDS_CUDA, loop
from .parts import Game, mlp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Attach = Callable[..., object]
    Steps = Iterator[dict[str, float]]

GROUP = "wrappers"
NOTHING_SEEN: tuple[str, ...] = ()
DYNAMOS_OWN = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
COMPILED = {"backend": "aot_eager", "fullgraph": True}  # a graph break of ours would be an error


def _compiled(module: nn.Module) -> Any:
    torch._dynamo.reset()
    return torch.compile(module, **COMPILED)


@loop(GROUP, "torch.compile, attached to the compiled modules", marks=(DYNAMOS_OWN,))
def compiled(attach: Attach) -> Steps:
    game = Game(_compiled(mlp(4, 2)), _compiled(mlp(2, 1)))
    attach(game.generator, game.discriminator)
    while True:
        yield game.update_d() | game.update_g()


@loop(GROUP, "module.compile() in place, then attached", marks=(DYNAMOS_OWN,))
def compiled_in_place(attach: Attach) -> Steps:
    game = Game()
    torch._dynamo.reset()
    game.generator.compile(**COMPILED)
    game.discriminator.compile(**COMPILED)
    attach(game.generator, game.discriminator)
    while True:
        yield game.update_d() | game.update_g()


def _outside(values: dict[str, float]) -> dict[str, float]:
    """What can be seen without forward passes: gradients."""
    return {name: value for name, value in values.items() if name.startswith("grad/")}


@loop(
    GROUP,
    "attached, then torch.compile",
    saw=NOTHING_SEEN,
    sentence="attach to the compiled modules",
    absent=("d/real/mean", "d/auc"),
    marks=(DYNAMOS_OWN,),
)
def compiled_after(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    game.generator, game.discriminator = _compiled(game.generator), _compiled(game.discriminator)
    while True:
        yield _outside(game.update_d() | game.update_g())


@loop(
    GROUP,
    "attached, then module.compile() in place",
    saw=NOTHING_SEEN,
    sentence="attach to the compiled modules",
    absent=("d/real/mean", "d/auc"),
    marks=(DYNAMOS_OWN,),
)
def compiled_in_place_after(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    torch._dynamo.reset()
    game.generator.compile(**COMPILED)
    game.discriminator.compile(**COMPILED)
    while True:
        yield _outside(game.update_d() | game.update_g())


@loop(GROUP, "torch.compile with the default backend", marks=(pytest.mark.slow, DYNAMOS_OWN), tolerance=1e-4, steps=22)
def compiled_inductor(attach: Attach) -> Steps:
    torch._dynamo.reset()
    game = Game(torch.compile(mlp(4, 2)), torch.compile(mlp(2, 1)))
    attach(game.generator, game.discriminator)
    while True:
        yield game.update_d() | game.update_g()


@loop(GROUP, "DataParallel, attached to the wrapped modules")
def data_parallel(attach: Attach) -> Steps:
    game = Game(nn.DataParallel(mlp(4, 2)), nn.DataParallel(mlp(2, 1)))
    attach(game.generator, game.discriminator)
    while True:
        yield game.update_d() | game.update_g()


@loop(GROUP, "DataParallel on a GPU, attached to the wrapped modules", marks=(NEEDS_CUDA,))
def data_parallel_cuda(attach: Attach) -> Steps:
    game = Game(nn.DataParallel(mlp(4, 2).cuda()), nn.DataParallel(mlp(2, 1).cuda()))
    attach(game.generator, game.discriminator)
    while True:
        fake = game.generator(torch.randn(16, 4, device="cuda")).detach()
        values = game.update_d(real=torch.randn(16, 2, device="cuda"), fake=fake)
        game.step_g(-game.discriminator(game.generator(torch.randn(16, 4, device="cuda"))).mean())
        yield values


def _one_rank(wrap: Callable[[nn.Module], nn.Module], attach: Attach, *, wrapped: bool) -> Steps:
    """A process group of this process alone, for as long as the loop runs."""
    store = Path(tempfile.mkdtemp()) / "store"
    torch.distributed.init_process_group("gloo", init_method=store.as_uri(), rank=0, world_size=1)
    try:
        inner = mlp(4, 2), mlp(2, 1)
        outer = [wrap(module) for module in inner]
        game = Game(*outer)
        attach(*(outer if wrapped else inner))
        while True:
            yield game.update_d() | game.update_g()
    finally:
        torch.distributed.destroy_process_group()


NEEDS_GLOO = pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without distributed")


@loop(GROUP, "DistributedDataParallel, attached to the wrapped modules", marks=(NEEDS_GLOO,))
def ddp_wrapped(attach: Attach) -> Steps:
    return _one_rank(nn.parallel.DistributedDataParallel, attach, wrapped=True)


@loop(GROUP, "DistributedDataParallel, attached to the modules inside", marks=(NEEDS_GLOO,))
def ddp_inner(attach: Attach) -> Steps:
    return _one_rank(nn.parallel.DistributedDataParallel, attach, wrapped=False)


def _sharded(module: nn.Module) -> nn.Module:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    return fully_shard(module, mesh=init_device_mesh("cpu", (1,)))


@loop(GROUP, "FSDP2 (fully_shard)", marks=(NEEDS_GLOO,))
def fsdp(attach: Attach) -> Steps:
    return _one_rank(_sharded, attach, wrapped=True)
