"""One of two processes that reduce the moments of their samples: reduced.py FOLDER RANK.

It writes the samples of all ranks (rank 0) and the statistics that this rank has afterwards, by case.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import torch

from gandiag.quality.measures.moments import Moments

D = 20


def normal(n: int, seed: int) -> torch.Tensor:
    return torch.randn(n, D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


SAMPLES = {
    "different shifts": [normal(300, 0) * 0.01 + 1000, normal(70, 1) - 5],
    "one empty": [normal(0, 2), normal(500, 3) + 50],
    "one sample each": [normal(1, 4), normal(1, 5)],
    "all empty": [normal(0, 6), normal(0, 7)],
}


def main() -> None:
    folder, rank = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)
    store = torch.distributed.FileStore(str(folder / "store"), 2)
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=2, timeout=timedelta(seconds=60))
    if rank == 0:
        torch.save(SAMPLES, folder / "samples.pt")
    for case, parts in SAMPLES.items():
        moments = Moments(D)
        for batch in parts[rank].split(64):
            moments.update(batch)
        moments.all_reduce()
        if moments.n:
            moments.statistics().save(folder / f"{case} {rank}.npz")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
