"""What quality metrics cost beside torch-fidelity, torchmetrics, pytorch-fid, clean-fid and prdc.

Everything runs in one process on the same inputs, in turns: a round times gandiag and each peer once, and what is
printed is the median over rounds of gandiag's time over that of the peer the target names. Peers that take very long
(the square root of scipy, distances of the prdc package) run in the first round alone. Features are random with a
decaying spectrum, Inception's weights random with its real architecture: both cost what real ones cost. OpenBLAS
chooses its kernels freely: where the environment ties it to some, the benchmark starts itself again without that.

    python -m benchmarks.quality [--rounds 5] [--device cuda] [--only frechet,kid] [--small]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.targets import judged, machine, median_ratio
from gandiag.quality.extractors.registry import extractor
from gandiag.quality.measures import frechet, kernel, neighbours
from gandiag.quality.measures.moments import Moments, Statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

D = 2048
TIES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""What slows the NumPy of the peers, and ours."""


@dataclass
class Comparison:
    """What is timed: gandiag's way, its peers, and the ratio to the fastest of `against` that is aimed at."""

    name: str
    ours: Callable[[], Any]
    peers: dict[str, Callable[[], Any]]
    target: float
    once: tuple[str, ...] = ()  # peers that run in the first round alone
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def run(self, rounds: int, device: torch.device) -> None:
        """Time everything in turns and print a table."""
        for turn in range(rounds + 1):  # the first warms up
            for name, function in {"gandiag": self.ours, **self.peers}.items():
                if name in self.once and turn != 1:
                    continue
                self.seconds.setdefault(name, []).append(_timed(function, device))
        kept = {name: values if name in self.once else values[1:] for name, values in self.seconds.items()}
        print(f"\n{self.name}")
        print(f"  gandiag        {statistics.median(kept['gandiag']):9.4f} s")
        rivals = {}
        for name in self.peers:
            repeated = kept[name] if name not in self.once else kept[name] * len(kept["gandiag"])
            rivals[name] = median_ratio(kept["gandiag"], repeated)
            print(f"  {name:14} {statistics.median(kept[name]):9.4f} s   {rivals[name]:.3f}x")
        fastest = max(rivals, key=lambda name: rivals[name])
        print(f"  {rivals[fastest]:.3f}x the fastest peer, {fastest} {judged(rivals[fastest], self.target)}")


def _timed(function: Callable[[], Any], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def features(n: int, seed: int, device: torch.device, shift: float = 0.0) -> torch.Tensor:
    """(n, 2048) float32 with a decaying spectrum, as Inception's have."""
    generator = torch.Generator().manual_seed(seed)
    scales = torch.arange(1, D + 1) ** -0.5
    return (torch.randn(n, D, generator=generator) * scales + shift).to(device)


def frechet_comparisons(device: torch.device, *, small: bool) -> Iterator[Comparison]:
    """The distance from statistics, and from few samples against a reference that is kept."""
    from cleanfid.fid import frechet_distance as clean_fid
    from pytorch_fid.fid_score import calculate_frechet_distance as pytorch_fid
    from torch_fidelity.metric_fid import fid_statistics_to_metric as fidelity
    from torchmetrics.image.fid import _compute_fid as torchmetrics

    real, fake = (_statistics(features(3000 if small else 10_000, seed, device)) for seed in (0, 1))
    few = features(500, 2, device)
    known = frechet.ReferenceStatistics(real)
    frechet.frechet_distance(fake, known)  # the factor of the reference is made once for all evaluations
    arrays = [(s.mean.cpu().numpy(), s.covariance.cpu().numpy()) for s in (fake, real)]
    plain = [{"mu": mean, "sigma": covariance} for mean, covariance in arrays]
    of_few = _statistics(few)
    arrays_of_few = [(of_few.mean.cpu().numpy(), of_few.covariance.cpu().numpy()), arrays[1]]
    plain_of_few = [{"mu": mean, "sigma": covariance} for mean, covariance in arrays_of_few]
    yield Comparison(
        "Fréchet distance from 2048-D statistics, reference kept",
        lambda: frechet.frechet_distance(fake, known),
        {
            "torch-fidelity": lambda: fidelity(plain[0], plain[1], verbose=False),
            "torchmetrics": lambda: torchmetrics(fake.mean, fake.covariance, real.mean, real.covariance),
            "pytorch-fid": lambda: pytorch_fid(*arrays[0], *arrays[1]),
            "clean-fid": lambda: clean_fid(*arrays[0], *arrays[1]),
        },
        0.30,
        once=("pytorch-fid", "clean-fid"),
    )
    yield Comparison(
        "the same, reference met for the first time",
        lambda: frechet.frechet_distance(fake, frechet.ReferenceStatistics(real)),
        {"torch-fidelity": lambda: fidelity(plain[0], plain[1], verbose=False)},
        0.30,
    )
    yield Comparison(
        "Fréchet distance of 500 samples, reference kept",
        lambda: frechet.frechet_distance_from_features(few, known),
        {
            "torch-fidelity": lambda: fidelity(plain_of_few[0], plain_of_few[1], verbose=False),
            "torchmetrics": lambda: torchmetrics(of_few.mean, of_few.covariance, real.mean, real.covariance),
        },
        0.05,
    )


def _statistics(rows: torch.Tensor) -> Statistics:
    moments = Moments(rows.shape[1], device=rows.device)
    moments.update(rows)
    return moments.statistics()


def moment_comparisons(device: torch.device, *, small: bool) -> Iterator[Comparison]:
    """Streaming moments at batch 64."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Given(torch.nn.Module):
        num_features = D

        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return batch

    batches = list(features(64 * (16 if small else 64), 0, device).split(64))

    def ours() -> None:
        moments = Moments(D, device=device)
        for batch in batches:
            moments.update(batch)
        moments.statistics()

    def peer() -> None:
        metric = FrechetInceptionDistance(feature=Given()).to(device)
        for batch in batches:
            metric.update(batch, real=True)

    yield Comparison(f"moments of {len(batches)} batches of 64", ours, {"torchmetrics": peer}, 0.35)


def neighbour_comparisons(device: torch.device, *, small: bool) -> Iterator[Comparison]:
    """Precision, recall, density and coverage together, against torch-fidelity's first two."""
    from prdc import compute_prdc
    from torch_fidelity.metric_prc import calculate_precision_recall_full

    n = 2000 if small else 10_000
    real, fake = features(n, 0, device), features(n, 1, device, shift=0.01)
    arrays = real.cpu().numpy(), fake.cpu().numpy()
    yield Comparison(
        f"precision, recall, density, coverage of {n:,} each",
        lambda: neighbours.prdc(fake, real, 5, manifold_k=3, closed=True),
        {
            "torch-fidelity": lambda: calculate_precision_recall_full(fake, real, 3),
            "prdc": lambda: compute_prdc(*arrays, nearest_k=5),
        },
        0.50,
        once=("prdc",),
    )


def kernel_comparisons(device: torch.device, *, small: bool) -> Iterator[Comparison]:
    """KID as published, and by disjoint blocks."""
    from cleanfid.fid import kernel_distance as clean_fid
    from torch_fidelity.metric_kid import kid_features_to_metric as fidelity
    from torchmetrics.image.kid import poly_mmd

    n = 2000 if small else 10_000
    real, fake = features(n, 0, device), features(n, 1, device)
    on_host = real.cpu(), fake.cpu()
    arrays = [t.numpy() for t in on_host]
    subsets = 100

    def torchmetrics() -> None:
        for _ in range(subsets):
            mine, theirs = (torch.randperm(n, device=device)[:1000] for _ in range(2))
            poly_mmd(real[mine], fake[theirs])

    peers = {
        "torch-fidelity": lambda: fidelity(on_host[1], on_host[0], verbose=False, rng_seed=2020),
        "torchmetrics": torchmetrics,
        "clean-fid": lambda: clean_fid(arrays[0], arrays[1], num_subsets=subsets, max_subset_size=1000),
    }
    yield Comparison("KID, 100 subsets of 1000", lambda: kernel.kernel_distance(fake, real), peers, 1.0)
    yield Comparison("KID by disjoint blocks", lambda: kernel.block_kernel_distance(fake, real), dict(peers), 0.12)


def inception_comparisons(device: torch.device, *, small: bool) -> Iterator[Comparison]:
    """Images per second through Inception."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    state = _random_inception()
    weights = Path(tempfile.mkdtemp()) / "inception.pth"
    torch.save(state, weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = FeatureExtractorInceptionV3("inception-v3-compat", ["2048", "logits_unbiased"], str(weights)).to(
            device
        )
    ours = extractor("inception-v3-compat", weights=weights, device=str(device))
    count = 16 if small else 64 if device.type == "cpu" else 512
    images = torch.randint(0, 256, (count, 3, 64, 64), dtype=torch.uint8, device=device)

    def peer() -> None:
        with torch.no_grad():
            theirs(images)

    yield Comparison(
        f"Inception features and logits of {count} images", lambda: ours(images), {"torch-fidelity": peer}, 1 / 1.8
    )


def _random_inception() -> dict[str, torch.Tensor]:
    """Random weights for torch-fidelity's architecture, of a size that keeps activations finite."""
    from unittest.mock import patch

    from torch_fidelity import feature_extractor_inceptionv3 as module

    with (
        patch.object(module, "load_state_dict_from_url", return_value={}),
        patch.object(torch.nn.Module, "load_state_dict", return_value=None),
        patch.object(module, "get_kwarg", return_value=False),
    ):
        network = module.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    state: dict[str, torch.Tensor] = network.state_dict()
    return state


COMPARISONS: dict[str, Any] = {
    "frechet": frechet_comparisons,
    "moments": moment_comparisons,
    "neighbours": neighbour_comparisons,
    "kid": kernel_comparisons,
    "inception": inception_comparisons,
}


def _start_freely() -> None:
    """Start again where the environment chooses OpenBLAS's kernels: they are chosen when NumPy is loaded."""
    if any(name in os.environ for name in TIES):
        free = {name: value for name, value in os.environ.items() if name not in TIES}
        os.execve(sys.executable, sys.orig_argv, free)  # noqa: S606 - itself


def _blas() -> str:
    """Which kernels ran."""
    from threadpoolctl import threadpool_info

    found = {f"{b['internal_api']} {b.get('architecture', b['version'])}" for b in threadpool_info()}
    return f"BLAS: {', '.join(sorted(found))}"


def main() -> None:
    """Run the chosen comparisons."""
    _start_freely()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", default=",".join(COMPARISONS), help="names separated by commas")
    parser.add_argument("--small", action="store_true", help="sizes that only show that it runs")
    options = parser.parse_args()
    device = torch.device(options.device)
    np.random.seed(0)  # noqa: NPY002 - clean-fid draws from it
    warnings.simplefilter("ignore")
    print(machine(device), f"{torch.get_num_threads()} threads, medians of {options.rounds} rounds")
    print(f"{_blas()}, load {os.getloadavg()[0]:.1f}")
    for name in options.only.split(","):
        for comparison in COMPARISONS[name](device, small=options.small):
            comparison.run(options.rounds, device)


if __name__ == "__main__":
    main()
