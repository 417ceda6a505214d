"""A tiny GAN under DistributedDataParallel whose processes also write down what they computed by hand.

torchrun --nproc_per_node=2 distributed.py FOLDER        records in four ways: see main
python distributed.py FOLDER RANK DIES_AT                one process of two, of which rank 1 dies
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.nn.parallel import DistributedDataParallel

import gandiag

STEPS = 30
BATCH = 8


def norm(module: nn.Module) -> float:
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    whole = [g.full_tensor() if hasattr(g, "full_tensor") else g for g in gradients]
    return float(torch.cat([g.flatten() for g in whole]).norm())


def outputs(values: torch.Tensor) -> list[float]:
    return [float(v) for v in values.detach().flatten()]


def fully_sharded(module: nn.Module) -> nn.Module:
    """FSDP2 over both processes."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    return fully_shard(module, mesh=init_device_mesh("cpu", (2,)))


def train(folder: Path, *, attach: str, dies_at: int = 0) -> list[dict[str, Any]]:
    """Train for 30 steps on data of this rank: attached to what DDP wraps, to DDP itself, on rank 0 only; sharded."""
    rank = torch.distributed.get_rank()
    torch.manual_seed(0)
    inner = (
        nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2)),
        nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1)),
    )
    wrap = fully_sharded if attach == "sharded" else DistributedDataParallel
    generator, discriminator = (wrap(module) for module in inner)
    adam_g, adam_d = (torch.optim.Adam(m.parameters(), lr=1e-3) for m in (generator, discriminator))
    torch.manual_seed(100 + rank)
    watched = inner if attach == "inner" else (generator, discriminator)
    quiet = attach == "rank 0 only" and rank > 0
    reference = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    quality = gandiag.Quality(reference=reference, every=STEPS, n=64, extractor="identity", metrics=["frechet"])
    evaluated = quality if attach in ("wrapped", "inner") else None
    options = {"quality": evaluated, "max_overhead": None}
    callback = contextlib.nullcontext() if quiet else gandiag.attach(*watched, run_dir=folder, **options)
    by_hand = []
    with callback as record:
        for step in range(1, STEPS + 1):
            real = torch.randn(BATCH + 4 * rank, 2) + 2
            fake = generator(torch.randn(BATCH + 4 * rank, 4)).detach()
            on_real, on_fake = discriminator(real), discriminator(fake)
            adam_d.zero_grad()
            (bce(on_real, torch.ones_like(on_real)) + bce(on_fake, torch.zeros_like(on_fake))).backward()
            norm_d = norm(discriminator)
            adam_d.step()
            verdict = discriminator(generator(torch.randn(BATCH, 4)))
            loss_g = bce(verdict, torch.ones_like(verdict))
            adam_g.zero_grad()
            loss_g.backward()
            norm_g = norm(generator)
            adam_g.step()
            if record is not None:
                record.log(loss_generator=loss_g)
            by_hand.append(
                {
                    "real": outputs(on_real),
                    "fake": outputs(on_fake),
                    "loss/generator": float(loss_g.detach()),
                    "grad/generator/norm": norm_g,
                    "grad/discriminator/norm": norm_d,
                }
            )
            if step == dies_at and rank == 1:
                os._exit(3)
    return by_hand


def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    if len(sys.argv) > 2:
        store = torch.distributed.FileStore(str(folder / "store"), 2)
        torch.distributed.init_process_group(
            "gloo", store=store, rank=int(sys.argv[2]), world_size=2, timeout=timedelta(seconds=60)
        )
        train(folder / "dies", attach="inner", dies_at=int(sys.argv[3]))
        return
    torch.distributed.init_process_group("gloo")
    for attach in ("wrapped", "inner", "rank 0 only", "sharded"):
        by_hand = train(folder / attach, attach=attach)
        name = f"{attach} {torch.distributed.get_rank()}.json"
        (folder / name).write_text(json.dumps(by_hand))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
