"""The reference set: read once, and kept on disk under the hash of all that its features depend on."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gandiag.files import Npz, UnreadableError
from gandiag.nets.files import MAX_BYTES
from gandiag.quality.collect import Collected
from gandiag.quality.measures.moments import Statistics

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger("gandiag")

MAX_CACHED = 2 * 2**30  # bytes of features; a larger set is read anew each time
PARTS = ("features", "logits", "images", "labels", "seen")


def cache_folder() -> Path:
    """Where features of reference sets are kept: $GANDIAG_CACHE, or gandiag in the user's cache folder."""
    given = os.environ.get("GANDIAG_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "gandiag"


def key(facts: Mapping[str, Any]) -> str:
    """Hash of what a collected set depends on: content, extractor, preprocessing, what is kept."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def load(name: str, device: torch.device) -> Collected | None:
    """The collected set that is kept under a key; None when there is none, or it is damaged, which is logged."""
    path = cache_folder() / f"{name}.pt"
    if not path.exists():
        return None
    try:
        found = torch.load(path, map_location=device, weights_only=True)
        statistics = Statistics(mean=found["mean"], covariance=found["covariance"], n=found["n"])
        facts = {"name": found["name"], "n": found["n"], "content_hash": found["content_hash"]}
        return Collected(statistics=statistics, **facts, **{part: found[part] for part in PARTS})
    except Exception as error:  # noqa: BLE001 - unpickling fails in many ways; the set is read anew
        logger.warning("gandiag: %s: not a readable cache, the reference is read anew: %s", path, error)
        return None


def save(name: str, collected: Collected) -> None:
    """Keep a collected set unless it is too large; that it cannot be written is logged."""
    parts = {part: getattr(collected, part) for part in PARTS}
    if sum(t.numel() * t.element_size() for t in parts.values() if t is not None) > MAX_CACHED:
        return
    content = {
        "name": collected.name,
        "n": collected.n,
        "content_hash": collected.content_hash,
        "mean": collected.statistics.mean,
        "covariance": collected.statistics.covariance,
        **parts,
    }
    path = cache_folder() / f"{name}.pt"
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, temporary)
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        temporary.unlink(missing_ok=True)
        logger.warning("gandiag: %s: the features of the reference cannot be kept: %s", path, error)


def holds_statistics(spec: Any) -> bool:
    """Whether a path names a file of mean and covariance rather than of samples."""
    path = Path(spec) if isinstance(spec, (str, os.PathLike)) else None
    if path is None or not path.is_file():
        return False
    if path.suffix == ".pt":
        return True
    if path.suffix != ".npz":
        return False
    try:
        with path.open("rb") as file:
            return {"mu", "sigma"} <= set(Npz(file, MAX_BYTES).names)
    except (OSError, UnreadableError):
        return False


def from_statistics(path: str | os.PathLike[str], device: torch.device) -> Collected:
    """A reference of which only mean and covariance are known. Raises what `Statistics.load` does."""
    found = Statistics.load(Path(path))
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
    statistics = Statistics(mean=found.mean.to(device), covariance=found.covariance.to(device), n=found.n)
    return Collected(name=Path(path).name, n=found.n, statistics=statistics, content_hash=digest)
