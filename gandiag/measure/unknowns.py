"""Batches that D was given and that only their values tell apart, see `gandiag.probes.contents`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.measure.reductions import MAX_POINTS

if TYPE_CHECKING:
    from gandiag.measure.reductions import Raw

UNKNOWN = "unknown"
"""Head of the raw keys of such batches."""


def told_apart(rows: list[int], raw: Raw) -> list[tuple[list[int], Raw]]:
    """Groups of rows with D's outputs on batches of unknown kind split by the mask that was recorded with them.

    `unknown/outputs` (k, M), `unknown/points` (k, M, p) and `unknown/generated` (k, M), true for samples that hold
    G's values, become `d/real`, `d/fake`, `points/real` and `points/fake`. Rows stay without where only parts of
    a generated batch (of `unknown/size` (k,) samples) are found, as when D is shown older ones among them.
    """
    heads = [key.removesuffix("/generated") for key in raw if key.startswith(UNKNOWN) and key.endswith("/generated")]
    if not heads:
        return [(rows, raw)]
    counts = np.stack([found_whole(raw[f"{h}/generated"].astype(bool), raw[f"{h}/size"]) for h in heads], axis=1)
    groups: list[tuple[list[int], Raw]] = []
    for count in np.unique(counts, axis=0):
        here = np.flatnonzero((counts == count).all(axis=1))
        group: dict[str, np.ndarray] = {key: values[here] for key, values in raw.items() if not key.startswith(UNKNOWN)}
        for head, found in zip(heads, count, strict=True):
            group |= _split(raw, head, here) if found else {}
        groups.append(([rows[i] for i in here], group))
    return groups


def found_whole(generated: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Number of generated samples in each row of a (k, M) mask; 0 unless they come in whole batches of `size` (k,).

    >>> found_whole(np.array([[0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 1]], dtype=bool), np.array([2, 2, 2]))
    array([2, 0, 0])
    """
    edges = np.diff(np.pad(generated.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    counts: np.ndarray = generated.sum(axis=1)
    for i, row in enumerate(edges):
        lengths = np.flatnonzero(row == -1) - np.flatnonzero(row == 1)
        if (lengths % size[i]).any() or counts[i] == generated.shape[1]:
            counts[i] = 0
    return counts


def _split(raw: Raw, head: str, here: np.ndarray) -> dict[str, np.ndarray]:
    """One D's outputs and points in the rows `here`, in which the same number of samples is generated."""
    suffix = head.removeprefix(UNKNOWN)
    mask = raw[f"{head}/generated"][here].astype(bool)
    found: dict[str, np.ndarray] = {}
    for kind, chosen in (("real", ~mask), ("fake", mask)):
        found[f"d{suffix}/{kind}"] = raw[f"{head}/outputs"][here][chosen].reshape(len(here), -1)
        points = raw[f"{head}/points"][here][chosen].reshape(len(here), found[f"d{suffix}/{kind}"].shape[1], -1)
        found[f"points{suffix}/{kind}"] = points[:, :MAX_POINTS]
    return found
